/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of clients and operators (proto/schema/admin.proto). The node that a request comes to is
 * its *entry*; the nodes that do something for it are its *executors*, this one among them if need
 * be. An entry authorises, finds out who the executors are, sends each a *part* (the same request,
 * `forwarded`), and relays or gathers what they answer. A part for this node goes the same way, by
 * the loop; so every executor sees the same thing, and nothing is done twice for a retry.
 *
 *   client --REQUEST--> entry --REQUEST (forwarded)--> executor
 *          <---REPLY---       <---------REPLY---------
 *
 * A request under way is an `ask`, at the entry and at each executor. An ask lives until ask_end();
 * after that the pointer stays readable until the next event, so callers need not look, but nothing
 * more is sent for it.
 */
#ifndef STINT_CORE_ADMIN_H
#define STINT_CORE_ADMIN_H

#include <pb.h>

#include "base/heap.h"
#include "core/node.h"
#include "schema/admin.pb.h"
#include "wire/cert.h"

#define ADMIN_ASKS_MAX 4096u
#define ADMIN_PARTS_MAX 65536u
#define ADMIN_TIMEOUT_MS 5000u
#define ADMIN_TIMEOUT_MAX_MS 600000u
#define ADMIN_GRACE_MS 500u /* an entry waits so much longer than the executor it asked */
#define ADMIN_LIST_DEFAULT 1000u
#define ADMIN_LIST_MAX 10000u
#define ADMIN_SPAWN_MAX 100000u /* tasklets of one request */
#define ADMIN_MOVES_MAX 10000u  /* of one request */
#define ADMIN_PIECE_MAX 32768u
#define ADMIN_FILE_MAX \
    ((size_t)12 << 20) /* what a client's window and backlog hold, with room to spare */
#define ADMIN_ANSWERS_MAX 4096u
#define ADMIN_ANSWER_MAX ((size_t)64 << 10) /* a larger one is not kept for retries */
#define ADMIN_ANSWERS_BYTES ((size_t)32 << 20)
#define ADMIN_ANSWER_NS (UINT64_C(60) * 1000000000)
#define ADMIN_ENDS_MAX 4096u /* ends of tasklets that are remembered */
#define ADMIN_LINKS_MAX 65536u
#define ADMIN_UPLOADS_MAX 16u
#define ADMIN_AGAIN_NS (UINT64_C(20) * 1000000) /* before something that was busy is tried again \
                                                 */
#define ADMIN_DETAIL_SIZE sizeof(((stint_Reply *)0)->detail)
#define ADMIN_PAGE_SIZE sizeof(((stint_Reply *)0)->page)

/* ---- verbs (admin_table.c) ---- */

enum admin_scope {
    SCOPE_ENTRY, /* the entry does it itself */
    SCOPE_NODE,  /* the node that `target` names; empty: the entry */
    SCOPE_ON, /* the node that `on` names; empty: the entry, or another if that takes no tasklets */
    SCOPE_TASKLET,   /* the node of the tasklet `target` */
    SCOPE_CHANNEL,   /* the host of the channel `target` */
    SCOPE_EVERY,     /* all members, or the one that `on` names; their items are gathered */
    SCOPE_AUTHORITY, /* the node that has the store */
};

struct ask;
typedef void ask_fn(struct node *n, struct ask *ask);

struct admin_verb {
    stint_Verb verb;
    uint8_t scope;
    uint8_t roles; /* bits 1 << enum cert_role */
    bool changes;  /* executed once for a request's id; goes on when its asker is gone */
    const char *name;
    ask_fn *enter; /* at the entry; NULL: by the scope */
    ask_fn *run;   /* at the executor; NULL: there is none */
};

/* NULL for what is no verb. */
const struct admin_verb *admin_verb_find(stint_Verb verb);

/* The one place that says who may do what. */
bool admin_allows(stint_Verb verb, enum cert_role role);

/* ---- asks (admin.c) ---- */

struct answer;
struct rows;
struct plan;

/* A request to one executor. */
struct part {
    struct list link;
    struct list all; /* of admin.parts_order, for views */
    uint64_t serial;
    uint64_t ask;
    struct node_ref node;
    bool plain;  /* its end matters only if it failed */
    bool doomed; /* its node is gone */
};

/* What was answered, decoded. */
struct admin_reply {
    stint_Reply head;
    uint64_t word; /* what the executor added for the entry alone */
    struct stint_span item;
    struct stint_span payload;
};

typedef void ask_item_fn(struct node *n, struct ask *ask, const struct part *part,
                         const struct admin_reply *reply);
typedef void ask_part_fn(struct node *n, struct ask *ask, const struct part *part,
                         enum stint_status status, const char *detail);
typedef void
ask_found_fn(struct node *n, struct ask *ask, struct stint_id id, struct node_ref where);

struct ask {
    uint64_t serial;
    struct list link; /* of admin.asks or admin.ended */
    struct heap_item timer;
    struct heap_item wake;
    const struct admin_verb *verb;
    stint_Request request;
    uint8_t *body;
    size_t body_size;

    /* the way back */
    struct node_ref from;
    uint64_t conn; /* 0: this node */
    uint64_t number;
    enum cert_role role;
    bool gone; /* the asker is */
    bool ended;
    struct answer *answer; /* executor of a changing verb: what is kept for retries */
    uint64_t word;         /* goes along with each reply */
    uint32_t sent;         /* items */

    uint64_t begun_ns, deadline;
    bool extended;   /* the deadline is later than that of the executor it waits for */
    ask_fn *expired; /* at the deadline; NULL: ends with TIMED_OUT */
    ask_fn *again;   /* when `wake` fires */
    ask_fn *fini;    /* frees what `state` refers to */
    void *state;
    size_t state_size;

    /* parts */
    struct list parts;
    uint32_t part_count;
    ask_item_fn *on_item;
    ask_part_fn *on_part;

    struct plan *plan; /* of a dry run: what the nodes say that tasklets would go to */

    /* finding */
    ask_found_fn *found;
    ask_fn *lost;     /* nobody has it; NULL: ends with NOT_FOUND */
    const char *kind; /* "tasklet", "channel": what is looked for */
    bool id_only;     /* where it is does not matter */
    struct stint_id id;
    struct node_ref where;
    uint64_t asked_ns; /* when it was sent there */
    uint32_t tries, misses;

    /* gathering */
    struct rows *rows;
    uint32_t rows_keep; /* the first so many; 0: all */
    ask_fn *gathered;
    uint32_t answered, failed; /* executors */
    enum stint_status status;  /* of the first that failed */
    bool truncated;
    char detail[ADMIN_DETAIL_SIZE];
};

struct admin {
    struct list asks, ended;
    uint32_t ask_count;
    uint64_t next_serial, tie;
    struct table by_serial; /* asks */
    struct heap timers, wakes;
    struct table parts;
    struct list parts_order;
    struct buf scratch;
    struct table answers; /* by request id */
    struct list answers_order;
    size_t answer_bytes;
    struct table first_turn; /* tasklets whose first suspension an ask waits for */
    struct table waits;      /* tasklets that asks wait for: lists of struct wait */
    struct table ends;       /* tasklets that ended here a short while ago */
    struct list ends_order;
    size_t end_bytes;
    struct table moves; /* moves that asks wait for */
    struct table links; /* operations of clients on channels */
    struct list links_order;
    struct table placements; /* by request id: which node does it */
    struct list placements_order;
    struct list uploads;
    uint32_t upload_count;
    struct stint_id drain_only[DRAIN_TARGETS_MAX]; /* of the drain that was asked for last */
    uint32_t drain_only_count, drain_rate;
    bool drain_asked, leave_when_empty, stop_drains;
    uint64_t stop_at; /* an operator stopped this node: when, so that the answer goes before */
};

/* The ask of a token; NULL if it has ended. */
struct ask *ask_find(struct node *n, uint64_t serial);

/* Zeroed memory that lives as long as the ask; NULL: it was ended with NO_MEMORY. */
void *ask_state(struct node *n, struct ask *ask, size_t size);

/* Sends an item. `item` may be NULL (then all is payload). `page`, if not NULL, goes with it. */
void ask_item(struct node *n, struct ask *ask, stint_ItemKind kind, const pb_msgdesc_t *type,
              const void *item, struct stint_span payload, const char *page);

/* The last reply. Nothing may be done with the ask after it. */
void ask_end(struct node *n, struct ask *ask, enum stint_status status, const char *format, ...)
    STINT_PRINTF(4, 5);
void ask_end_page(struct node *n, struct ask *ask, enum stint_status status, const char *detail,
                  bool truncated, const char *page);

/* Calls `again` after `delay_ns`, once. */
void ask_wake(struct node *n, struct ask *ask, uint64_t delay_ns, ask_fn *again);

/* Time that is left, in ms; at least 1. */
uint32_t ask_left_ms(const struct node *n, const struct ask *ask);
void ask_set_deadline(struct node *n, struct ask *ask, uint64_t deadline);

/* Sends an item as it came from an executor. */
void
ask_relay_item(struct node *n, struct ask *ask, const struct admin_reply *reply, const char *page);

/* ---- retries (admin_retry.c) ---- */

/* True: the request was answered before, or is attached to the ask that is doing it. */
bool retry_attach(struct node *n, const struct arrival *a, const stint_Request *request);
void retry_begin(struct node *n, struct ask *ask);
void retry_keep(struct node *n, struct ask *ask, struct stint_span body);
/* What had no effect (`done` false) is not kept. */
void retry_end(struct node *n, struct ask *ask, bool done);
void retry_tick(struct node *n);
uint64_t retry_deadline(const struct node *n);
void retry_fini(struct node *n);

/* Ids of what a request makes: the same in every retry at this node, and no other's. */
struct stint_id admin_derived_id(const struct node *n, const struct ask *ask, uint64_t index);

/* ---- parts (admin_part.c) ---- */

/* Sends the request to one executor; its answers go to ask->on_item and on_part. False: no memory,
 * the ask was ended. */
bool part_send(struct node *n, struct ask *ask, struct node_ref to, const stint_Request *request,
               struct stint_span body, bool plain);
void part_reply(struct node *n, const struct arrival *a);
void part_drop_all(struct node *n, struct ask *ask);
void part_view(struct node *n, const struct view *next);

/* Sends the ask's own request to the executor `where` and gives back what it answers. */
void ask_forward(struct node *n, struct ask *ask, struct node_ref where);

/*
 * Asks all members (or the one that request.on names) and gathers their items; then `gathered`,
 * which NULL stands for: the items in order, cut at the limit. Who does not answer makes it
 * PARTIAL.
 */
void ask_gather(struct node *n, struct ask *ask, const stint_Request *request, ask_fn *gathered);

/* Ends a gathering ask: OK, PARTIAL if some executors failed, or what they all said. */
void ask_end_gathered(struct node *n, struct ask *ask, const char *page);

/* The request as executors get it. */
stint_Request ask_part_request(const struct node *n, const struct ask *ask);

/* ---- plans: what a dry run may promise (admin_plan.c) ---- */

/* Before anything else; again has no effect. False: no memory, the ask was ended. */
bool plan_begin(struct node *n, struct ask *ask, ask_fn *told);
void plan_fini(struct node *n, struct ask *ask);

/* Tasklets of one kind get the same answer from every node. */
uint64_t plan_kind(struct node *n, const struct kernel_tasklet_view *view);

/* Asks a node about a kind, once, by one tasklet of it. False: the ask was ended. */
bool plan_ask(struct node *n, struct ask *ask, uint64_t kind, struct stint_id tasklet,
              struct node_ref to);

/* True: nodes were asked, `told` is called when all have answered. */
bool plan_waits(struct node *n, struct ask *ask);

/* Whether that member would not take the kind, as far as is known, and why. */
bool plan_refuses(const struct node *n, const struct ask *ask, uint64_t kind,
                  const struct member *m, char *why, size_t size);

/* "", or that the plan is not sure. */
const char *plan_note(const struct ask *ask);

/* ---- rows: items put in order (admin_rows.c) ---- */

struct row {
    char token[ADMIN_PAGE_SIZE]; /* its place in the order */
    struct stint_id id;
    stint_Reply head;
    uint64_t word;
    uint32_t item_size, size;
    uint8_t *bytes; /* item and payload */
    bool mark;
};

struct rows {
    struct mem *mem;
    struct row *list;
    uint32_t count, capacity;
    bool descending;
};

void rows_init(struct rows *r, struct mem *m, bool descending);
void rows_fini(struct rows *r);

/* Adds a row. False: no memory. */
bool
rows_add(struct rows *r, const char *token, struct stint_id id, const struct admin_reply *reply);
void rows_remove(struct rows *r, uint32_t index);
void rows_sort(struct rows *r);
/* Keeps the first `limit` rows; call now and then. True: some were cut. */
bool rows_cut(struct rows *r, uint32_t limit);

/* Tokens: by node and place there, or by a sort key and id. */
void rows_place_token(char token[ADMIN_PAGE_SIZE], uint64_t inc, uint32_t place);
void rows_number_token(char token[ADMIN_PAGE_SIZE], uint64_t key, struct stint_id id);
void rows_text_token(char token[ADMIN_PAGE_SIZE], const char *key, struct stint_id id);
/* Whether a page token is one of these; the place one's parts. */
bool rows_parse_place(const char *token, uint64_t *inc, uint32_t *place);

uint32_t admin_limit(const stint_Request *request);

/* ---- selectors (admin_selector.c) ---- */

enum selector_op { SELECTOR_EQ, SELECTOR_NE, SELECTOR_LT, SELECTOR_LE, SELECTOR_GT, SELECTOR_GE };
#define SELECTOR_TERMS_MAX 16

struct selector_field {
    const char *name;
    bool number;
    bool prefix;        /* equal if it begins with the value: ids */
    const char *values; /* those that there are, with spaces between; NULL: any */
};

struct selector_value {
    uint64_t number;
    char text[128];
    const char *key; /* given: what comes after the `.` of a field of a family ("tag.") */
};

/* Gets field `field` of what is looked at. */
typedef void selector_get_fn(void *arg, uint32_t field, struct selector_value *out);

struct selector {
    const struct selector_field *fields;
    uint32_t count;
    struct selector_term {
        uint32_t field;
        enum selector_op op;
        uint64_t number;
        char text[128];
        char key[LIMIT_LABEL + 1];
    } terms[SELECTOR_TERMS_MAX];
};

/* STINT_INVALID with a sentence that says what is wrong and what is known. */
STINT_MUST_USE enum stint_status
selector_parse(struct selector *s, const char *text, const struct selector_field *fields,
               uint32_t field_count, char *error, size_t error_size);
bool selector_matches(const struct selector *s, selector_get_fn *get, void *arg);
/* The field of that name, or -1. */
int selector_field_find(const struct selector_field *fields, uint32_t field_count, const char *name,
                        size_t length);

/* ---- finding (admin_find.c) ---- */

/* A member by name, id or prefix of its id. `detail` says what is wrong. */
STINT_MUST_USE enum stint_status
admin_find_node(const struct node *n, const char *text, struct node_ref *out, char *detail,
                size_t detail_size);

/* The living member that takes tasklets and has the least to do; `avoid` is not considered.
 * NODE_REF_NONE: none. */
struct node_ref
admin_least_loaded(const struct node *n, struct stint_id avoid, const uint64_t *extra);

/* Where something new is to be: request.on, or here, or elsewhere if this node takes nothing.
 * False: the ask was ended. */
bool admin_place(struct node *n, struct ask *ask, struct node_ref *where);

/* Finds a tasklet or a channel; calls `found` once, later or at once. `target` is request.target or
 * request.text. */
void ask_find_tasklet(struct node *n, struct ask *ask, const char *target, ask_found_fn *found);
void ask_find_channel(struct node *n, struct ask *ask, const char *target, ask_found_fn *found);
/* The same for a channel of which the id is known. */
void ask_find_channel_id(struct node *n, struct ask *ask, struct stint_id id, ask_found_fn *found);
/* The executor says that it is not there (any more): looks again, a few times. */
void ask_find_again(struct node *n, struct ask *ask);

/* Whether text is 1 to 32 hex digits (full: exactly 32). */
bool admin_is_hex(const char *text, bool *full);

/* At the entry: as the verb says, or by its scope. */
void ask_enter(struct node *n, struct ask *ask);
void ask_enter_scope(struct node *n, struct ask *ask);

/* ---- what is here (admin_look.c) ---- */

/* Where a tasklet is in its life; false: it is not here, or only a copy on its way in or out. */
bool admin_resident(struct node *n, struct stint_id tasklet, struct kernel_tasklet_view *view,
                    const char **state);
/* The same for a view that is at hand. */
bool
admin_state_of(const struct node *n, const struct kernel_tasklet_view *view, const char **state);
/* Whether nothing keeps it from being frozen. */
bool admin_can_move(const struct node *n, struct stint_id tasklet);
/* The target of an executor's request: it must be a full id that is here. False: the ask was ended
 * with NOT_HERE. */
bool
admin_target(struct node *n, struct ask *ask, struct kernel_tasklet_view *view, const char **state);
void admin_tasklet_info(struct node *n, const struct kernel_tasklet_view *view, const char *state,
                        stint_TaskletInfo *info);
void
admin_channel_info(struct node *n, const struct kernel_channel_view *view, stint_ChannelInfo *info);
void admin_move_info(struct node *n, const struct move_record *record, stint_MoveInfo *info);
void admin_plan_item(struct node *n, struct ask *ask, const struct kernel_tasklet_view *view,
                     const char *to, const char *reason);
void admin_put_id(uint8_t *bytes, pb_size_t *size, struct stint_id id);
#define ADMIN_PUT_ID(field, id) admin_put_id((field).bytes, &(field).size, (id))

extern const struct selector_field admin_tasklet_fields[];
extern const uint32_t admin_tasklet_field_count;
struct admin_tasklet_look {
    struct node *n;
    const struct kernel_tasklet_view *view;
    const char *state;
};
void admin_tasklet_get(void *arg, uint32_t field, struct selector_value *out);

/* A code by "module/Code". `detail` says what is wrong and what there is. */
STINT_MUST_USE enum stint_status
admin_find_code(const struct node *n, const char *text, const struct code **code, char *detail,
                size_t detail_size);

/* ---- verbs ---- */

ask_fn admin_ping, admin_status_enter, admin_status, admin_node_list, admin_node_self, admin_view_show, admin_cordon,
    admin_drain_enter, admin_drain, admin_stop, admin_balance_enter, admin_balance,
    admin_balancer_enter, admin_store_change, admin_keys;
ask_fn admin_modules, admin_schema_enter, admin_schema;
ask_fn admin_place_enter, admin_spawn, admin_tasklet_list, admin_describe_enter, admin_describe,
    admin_stack, admin_control_tasklet, admin_wait_enter, admin_wait;
ask_fn admin_explain, admin_migrate_enter, admin_migrate, admin_move_list_enter, admin_move_list;
ask_fn admin_channel_list, admin_channel_describe, admin_channel_create, admin_channel_close,
    admin_channel_adopt, admin_channel_host, admin_operation_enter, admin_resolve_enter;
ask_fn admin_export, admin_upload, admin_import_enter, admin_import;

/* For `expired`: the store was asked and is silent. */
void ask_store_silent(struct node *n, struct ask *ask);

/* Parts of tick, init and fini that belong to the verbs' files. */
void operation_conn_closed(struct node *n, uint64_t conn);
void operation_fini(struct node *n);
void
spawn_ended(struct node *n, struct stint_id tasklet, enum stint_status status, const char *text);
void wait_fini(struct node *n);
void wait_tick(struct node *n);
void place_register(struct node *n, struct ask *ask);
void place_tick(struct node *n);
void place_fini(struct node *n);
void upload_tick(struct node *n);
void upload_fini(struct node *n);
void upload_forget(struct node *n, const stint_Request *request);
/* A whole file that was uploaded for this request, or NULL with a reason. Valid until the next
 * event. */
const struct buf *
upload_find(struct node *n, const stint_Request *request, char *detail, size_t detail_size);
void node_verbs_view(struct node *n, const struct view *old, const struct view *next);
void node_verbs_tick(struct node *n);
uint64_t node_verbs_deadline(const struct node *n);

#endif
