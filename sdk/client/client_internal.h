/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client around the machine: memory that handles share, the pump, calls (operations of several
 * requests), and what is remembered between them.
 */
#ifndef STINT_CLIENT_CLIENT_INTERNAL_H
#define STINT_CLIENT_CLIENT_INTERNAL_H

#include "base/list.h"
#include "base/prng.h"
#include "base/table.h"
#include "client/machine.h"
#include "client/types.h"
#include "link/link.h"
#include "stint/client.h"

#define MACHINE_MS UINT64_C(1000000) /* ns */

/* ---- heap.c: memory that lives as long as the last handle that uses it ---- */

struct client_heap {
    struct mem mem;
    struct stint_allocator allocator;
    uint32_t holders;
};

/* With one holder; NULL when memory is short. A zero allocator means malloc. */
struct client_heap *client_heap_new(struct stint_allocator allocator);
struct client_heap *client_heap_hold(struct client_heap *heap);
void client_heap_drop(struct client_heap *heap);

/* A copy of a text in this memory, NULL when it is short; freed with client_text_free. */
char *client_text_copy(struct mem *mem, const char *text);
void client_text_free(struct mem *mem, char *text);

/* Makes a text of others fit for a terminal, in place: control characters and what is no UTF-8
 * become `?`. */
void client_text_clean(char *text);

/* ---- options.c: what a client is made of ---- */

struct client_settings {
    char endpoints[STINT_CLIENT_ENDPOINTS_MAX][CLIENT_ENDPOINT_SIZE];
    size_t endpoint_count;
    char keys_dir[4096];
    char identity[128];
    bool insecure;
    uint32_t pending_max;
    size_t pending_bytes_max;
    void (*on_state)(void *arg, struct stint_client *client, enum stint_client_state state,
                     const char *text);
    void *arg;
    struct stint_allocator allocator;
};

/* Options over uri over environment. STINT_INVALID with one line. */
STINT_MUST_USE enum stint_status client_settings_read(const struct stint_client_options *options,
                                                      struct client_settings *settings, char *error,
                                                      size_t error_size);

/* identity.c: the identity that the settings ask for; wall_ms is the time to check it by. */
STINT_MUST_USE enum stint_status client_identity_load(const struct client_settings *settings,
                                                      uint64_t wall_ms, struct identity *identity,
                                                      char *error, size_t error_size);

/* ---- cache.c: names, types and lanes ---- */

struct cached_name {
    char name[LIMIT_NAME + 1];
    struct stint_id id;
    char type[sizeof((stint_ChannelInfo *)0)->type];
    uint64_t until_ns;
};

struct cached_types {
    char text[sizeof((stint_Request *)0)->text];
    struct client_types types;
    uint64_t until_ns;
    uint64_t used;
};

/*
 * A client's operations on one channel: one at a time, numbered, under an id of their own (protocol
 * C), so that they take effect in order and once, whichever node they go through.
 */
struct lane {
    struct list place; /* the one used longest ago first */
    struct stint_id channel;
    struct stint_id participant;
    uint64_t next;
    struct stint_call *holder;
    struct list waiting; /* calls */
};

struct client_cache {
    struct mem *mem;
    struct cached_name *names; /* CLIENT_NAMES of them, made when first used */
    uint32_t name_count, name_next;
    struct cached_types *types[CLIENT_SCHEMAS];
    uint32_t type_count;
    uint64_t clock;
    struct table lanes;
    struct list lane_order;
    struct prng random;
};

void client_cache_init(struct client_cache *cache, struct mem *mem, const uint8_t seed[32]);
void client_cache_fini(struct client_cache *cache);

const struct cached_name *client_cache_name(const struct client_cache *cache, const char *name,
                                            uint64_t now_ns);
void client_cache_put_name(struct client_cache *cache, const char *name,
                           const stint_ChannelInfo *info, uint64_t now_ns);
void client_cache_forget_name(struct client_cache *cache, const char *name);

/* The types described under a text; valid until the next put. NULL if unknown. */
const struct client_types *client_cache_types(struct client_cache *cache, const char *text,
                                              uint64_t now_ns);
STINT_MUST_USE enum stint_status client_cache_put_types(struct client_cache *cache,
                                                        const char *text, struct stint_span schema,
                                                        uint64_t now_ns, char *error,
                                                        size_t error_size);

/* The lane of a channel, made when new; NULL when memory is short or all lanes are in use. */
struct lane *client_cache_lane(struct client_cache *cache, struct stint_id channel);

/* A lane whose last operation has an unknown outcome begins anew, so that it blocks none after it.
 */
void client_cache_renew_lane(struct client_cache *cache, struct lane *lane);

/* ---- call.c ---- */

enum call_kind {
    CALL_PLAIN, /* one request and its items */
    CALL_SPAWN,
    CALL_WAIT,
    CALL_SEND,
    CALL_RECEIVE,
    CALL_CREATE,
    CALL_CLOSE,
    CALL_RESOLVE,
    CALL_ENCODE,
    CALL_DECODE,
    CALL_STACK,
    CALL_IMPORT,
};

/* What the request under way is for. */
enum call_step {
    STEP_NONE,
    STEP_CHANNEL,
    STEP_TYPES,
    STEP_NAME,
    STEP_LANE,
    STEP_PIECE,
    STEP_MAIN,
    STEP_DECODE
};

struct call_name {
    char name[LIMIT_NAME + 1];
    struct stint_id id;
    enum stint_status status; /* STINT_BLOCKED: not asked for yet */
};

struct stint_call {
    struct client_heap *heap;
    struct stint_client *client; /* NULL when the client was closed */
    struct list every;           /* in the client's handles */
    struct list place;           /* in the client's calls, or its finished ones */
    struct list waiting;         /* in a lane's, or in the client's turns or ready ones */
    enum call_kind kind;
    enum call_step step;
    bool over, released, told;
    stint_call_done_fn *done;
    void *arg;
    uint64_t deadline_ns;
    uint32_t grace_ms;
    struct client_request *request; /* under way */
    stint_Request ask;              /* the main request */
    bool changes, stays;

    bool is_json;       /* value or arguments come, or are wanted, as JSON */
    char *json;         /* given */
    struct buf payload; /* encoded */
    bool encoded;
    char *channel_text;  /* as given */
    bool channel_known;  /* `channel` is its id */
    bool channel_asked;  /* the cluster was asked about it, so `type` is all there is to know */
    bool channel_cached; /* the id is remembered, and may be out of date */
    bool retried;
    bool main_done;
    uint64_t show_ns; /* then: until when it may ask how to show what came */
    struct stint_id channel;
    char type[sizeof((stint_Request *)0)->text];   /* whose description is wanted */
    char types_on[sizeof((stint_Request *)0)->on]; /* a node that has it */
    struct call_name *names;                       /* CLIENT_CALL_NAMES, made when first used */
    uint32_t name_count;
    struct lane *lane;
    bool laned;      /* SEND, RECEIVE: it has, or had, its place in a lane */
    size_t piece_at; /* IMPORT */

    enum stint_status status;
    char detail[STINT_CLIENT_ERROR_SIZE];
    bool truncated;
    char page[sizeof((stint_Reply *)0)->page];
    struct buf records;
    struct buf text;                             /* JSON out, terminated */
    size_t decode_at;                            /* STACK: the next record */
    struct buf shown;                            /* STACK: records with their JSON */
    char note[sizeof((stint_EndInfo *)0)->text]; /* WAIT: how it ended, or where it is */
};

/* A call of a client, in its list, not begun. NULL: stint_client_error says why. */
struct stint_call *client_call_new(struct stint_client *client, enum call_kind kind,
                                   uint32_t timeout_ms);

/* Does what can be done next. The call may be over then. */
void client_call_advance(struct stint_call *call);

/* A request of the call came back; frees it. */
void client_call_request_done(struct stint_call *call, struct client_request *request);

/* Ends a call; its lane goes to the next one. */
void client_call_finish(struct stint_call *call, enum stint_status status, const char *detail);

/*
 * Whether a send or receive may take its place in the lane: no earlier one on the same channel is
 * still finding out what it needs for that. If not, the call waits, and comes by again when the
 * earlier one has its place.
 */
bool client_call_is_next(struct stint_call *call);

/* It has its place in the lane, or will never need one. */
void client_call_laned(struct stint_call *call);

/* The lane's holder is done with it: the call that waits longest goes on, when the pump comes by.
 */
void client_lane_release(struct stint_client *client, struct lane *lane);

/* Gives it up, as stint_call_cancel. */
void client_call_cancel(struct stint_call *call);

/* Frees a call that is over and told. */
void client_call_free(struct stint_call *call);

/* Ends calls that wait for others longer than they may; when the next one would. */
void client_calls_expire(struct stint_client *client, uint64_t now_ns);
uint64_t client_calls_deadline(const struct stint_client *client);

/* Begins a call of one request, made by the caller in call->ask. */
void client_call_begin(struct stint_call *call);

/* Calls that make and close a channel, not begun (client.c), and what the first one has made. NULL: as
 * client_call_new. */
struct stint_call *client_make_create(struct stint_client *client, const struct stint_channel *ch,
                                      uint32_t timeout_ms);
struct stint_call *client_make_close(struct stint_client *client, const char *channel, bool wake,
                                     uint32_t timeout_ms);
STINT_MUST_USE enum stint_status client_created(struct stint_call *call, struct stint_id *id);

/* The first item of an answer, if it is of that kind and can be read; its payload may be NULL. */
bool client_records_first(const struct buf *records, stint_ItemKind kind, const pb_msgdesc_t *desc,
                          void *out, struct stint_span *payload);
bool client_item_decode(struct stint_span bytes, const pb_msgdesc_t *desc, void *out);

/* Puts a text into a field of the request; false (and the call is over with STINT_INVALID) when it
 * does not fit. */
bool client_call_text(struct stint_call *call, char *field, size_t size, const char *text,
                      const char *what);

/* ---- pump.c ---- */

struct stint_client {
    struct client_heap *heap;
    struct client_settings settings;
    struct identity identity;
    struct link_net *net;
    struct client_machine *machine;
    struct client_cache cache;
    int wake;
    int poll;
    struct list handles; /* all calls that were not freed */
    struct list calls;   /* those under way */
    uint32_t call_count;
    uint32_t unlaned;        /* sends and receives under way without a place in a lane */
    struct list turns;       /* those that wait for an earlier one to get there */
    struct list ready;       /* calls whose lane became free, or whose turn it is */
    struct list finished;    /* whose callbacks are to be made */
    struct stint_call *last; /* what the last blocking call handed out */
    uint32_t depth;          /* of stint_client_process */
    bool touched;            /* asked for something outside of it, so it has something to do */
    bool in_callback, closing, interrupted;
    bool state_due;
    enum stint_client_state state_told;
    char state_text[CLIENT_DETAIL_SIZE];
    char error[STINT_CLIENT_ERROR_SIZE];
};

struct session_time client_time(void);

/* Keeps the line for stint_client_error; gives the status back. */
enum stint_status client_fail(struct stint_client *client, enum stint_status status,
                              const char *format, ...) STINT_PRINTF(3, 4);

/* False (and the error is set) inside a callback. */
bool client_may_block(struct stint_client *client);

/*
 * Begins a call and blocks until it is over; it is then the client's `last`. `call` may be NULL
 * (then the error is set already). STINT_CANCELLED: the client may be gone, closed by a callback.
 */
enum stint_status client_run(struct stint_client *client, struct stint_call *call);

#endif
