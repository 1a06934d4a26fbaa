/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operating a cluster: everything that the tool `stint` does, it does with these functions.
 *
 *     struct stint_list *list;
 *     enum stint_status status = stint_admin_nodes(client, 5000, &list);
 *     if (status == STINT_OK) {
 *         const struct stint_node_item *n;
 *         while ((n = stint_list_node(list)) != NULL) {
 *             printf("%s %s %llu\n", n->name, n->state, (unsigned long long)n->tasklets);
 *         }
 *         stint_list_free(list);
 *     }
 *
 * Each request is answered by a list of items. An item and its texts belong to the list and are
 * valid until the next item is taken. Items are made by the library and only ever grow at their
 * end. All texts are non-NULL, terminated and printable.
 *
 * The rules of client.h hold: what names what, `timeout_ms`, one thread at a time,
 * stint_client_error() for the line about a failure. All functions that ask the cluster may answer,
 * besides what stands at each, STINT_INVALID, STINT_NOT_AUTHORISED, STINT_BUSY, STINT_CANCELLED,
 * STINT_NO_MEMORY, and when no verdict came: STINT_UNREACHABLE if they change nothing, else
 * STINT_NOT_SENT or STINT_OUTCOME_UNKNOWN. *list is NULL unless STINT_OK or STINT_PARTIAL is
 * answered.
 */
#ifndef STINT_ADMIN_H
#define STINT_ADMIN_H

#include "stint/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct stint_list;

/* ---- items ---- */

struct stint_node_item {
    struct stint_id id;
    const char *name;
    const char *state; /* up cordoned draining suspect down */
    const char *endpoint;
    uint64_t incarnation;
    uint64_t tasklets, runnable, channels;
    uint32_t cpu_permille, load_permille;
    uint64_t memory_bytes;
    uint64_t moves_in, moves_out;
    const char *version;
    const char *modules; /* comma separated */
    bool authority;
    uint64_t steps; /* a second */
    const char *labels; /* k=v, comma separated */
};

struct stint_tasklet_item {
    struct stint_id id;
    const char *node;
    const char *code;
    const char *module;
    const char *state; /* running runnable blocked paused frozen in_doubt */
    uint64_t epoch;
    uint32_t frames;
    uint64_t size_bytes;
    const char *at; /* label of the resume point */
    const char *file;
    uint32_t line;
    bool has_channel;
    struct stint_id channel; /* it is blocked on */
    uint64_t since_ms;
    uint32_t moves;
    bool movable;
    const char *tags; /* k=v, comma separated */
    uint64_t steps;
};

struct stint_frame_item {
    struct stint_id tasklet;
    const char *node;
    const char *code;
    const char *module;
    const char *file;
    uint32_t line;
    const char *label;
    const char *type;   /* of the locals */
    const char *locals; /* JSON object; NULL when they are not shown to this role or cannot be
                           decoded; then: */
    const char *hidden; /* why */
};

/* The head item first (reason_code and target empty), then each reason and each target. */
struct stint_explain_item {
    struct stint_id id;
    bool movable;
    const char *reason_code;
    const char *text;
    const char *frame;
    uint64_t pickle_bytes;
    const char *target;
    bool target_ok;
};

struct stint_move_phase {
    const char *name;
    uint64_t at_ms; /* wall clock */
    uint32_t at_us; /* since the move began */
};

struct stint_move_item {
    struct stint_id id;
    struct stint_id tasklet;
    const char *from;
    const char *to;
    const char *reason;
    const char *by;
    const char *phase;
    const char *outcome; /* committed returned in_doubt failed; "" while it goes on */
    uint64_t bytes;
    uint64_t frozen_us;
    uint64_t started_ms; /* wall clock */
    const struct stint_move_phase *phases;
    size_t phase_count;
    enum stint_status status;
    const char *detail;
};

struct stint_channel_item {
    struct stint_id id;
    const char *name;
    const char *node;
    bool has_owner;
    struct stint_id owner;
    uint32_t capacity;
    int32_t balance;
    uint32_t buffered, senders, receivers;
    const char *type;
    bool closing;
};

struct stint_spawn_item {
    struct stint_id id;
    const char *node;
};

/* The head item has the numbers; each tasklet that cannot move has an item of its own. */
struct stint_drain_item {
    const char *node;
    uint64_t total, moved, remaining;
    bool done;
    bool is_stuck;
    struct stint_id stuck;
    const char *why;
};

struct stint_plan_item {
    struct stint_id tasklet;
    const char *from;
    const char *to;
    const char *reason;
    const char *code;
};

struct stint_module_item {
    const char *name;
    const char *version;
    const char *node;
    const char *codes; /* comma separated */
    uint64_t fingerprint;
};

struct stint_status_item {
    struct stint_id cluster;
    uint64_t view;
    uint32_t nodes;
    uint64_t tasklets;
    uint32_t moves_in_flight, in_doubt;
    uint32_t imbalance_permille; /* largest load over the mean, times 1000 */
    bool balancer;
    const char *authority; /* name of the node */
    uint64_t moves_done;
};

/* One certificate: of a key directory, or (serial and `revoked` only) of the cluster's revocation
 * list. */
struct stint_key_item {
    const char *role;
    const char *name;
    uint64_t serial;
    uint64_t not_before_ms, not_after_ms; /* wall clock */
    bool has_secret;                      /* its secret is in the directory too */
    bool revoked;
};

/* What an exported file says of itself, without any node. */
struct stint_file_item {
    struct stint_id cluster;
    struct stint_id tasklet;
    uint64_t epoch;
    const char *node; /* that wrote it */
    uint64_t exported_ms;
    bool moved; /* the tasklet lives in this file alone */
    const char *code;
    uint32_t frames;
};

/* ---- lists ---- */

/* Each takes the next item if it is of that kind, else (or at the end) NULL. */
STINT_API const struct stint_node_item *stint_list_node(struct stint_list *list);
STINT_API const struct stint_tasklet_item *stint_list_tasklet(struct stint_list *list);
STINT_API const struct stint_frame_item *stint_list_frame(struct stint_list *list);
STINT_API const struct stint_explain_item *stint_list_explain(struct stint_list *list);
STINT_API const struct stint_move_item *stint_list_move(struct stint_list *list);
STINT_API const struct stint_channel_item *stint_list_channel(struct stint_list *list);
STINT_API const struct stint_spawn_item *stint_list_spawn(struct stint_list *list);
STINT_API const struct stint_drain_item *stint_list_drain(struct stint_list *list);
STINT_API const struct stint_plan_item *stint_list_plan(struct stint_list *list);
STINT_API const struct stint_module_item *stint_list_module(struct stint_list *list);
STINT_API const struct stint_status_item *stint_list_status(struct stint_list *list);
STINT_API const struct stint_key_item *stint_list_key(struct stint_list *list);
STINT_API const struct stint_file_item *stint_list_file(struct stint_list *list);

/* Begins anew. */
STINT_API void stint_list_rewind(struct stint_list *list);

STINT_API size_t stint_list_count(const struct stint_list *list);

/* Whether there is more than this; and the token by which a query goes on behind it ("" at the
 * end). */
STINT_API bool stint_list_truncated(const struct stint_list *list);
STINT_API const char *stint_list_page(const struct stint_list *list);

/* The line that came with the answer: a warning, or what is partly done; "" if none. */
STINT_API const char *stint_list_note(const struct stint_list *list);

/* NULL is allowed. */
STINT_API void stint_list_free(struct stint_list *list);

/* ---- nodes and cluster ---- */

/* Which items of a list are wanted. Begin with STINT_QUERY_INIT. Fields are only ever added, at the
 * end. */
struct stint_query {
    size_t size;
    const char *selector; /* "code=Counter and moves<3"; NULL: all */
    const char *node;     /* only there; NULL: everywhere */
    const char *sort;     /* field name, with a leading - for descending; NULL: the node's order */
    uint32_t limit;       /* 0: the nodes' default */
    bool all;             /* system tasklets too */
    const char *page;     /* of the list before; NULL: from the beginning */
};

#ifdef __cplusplus
static inline struct stint_query
stint_query_init(void)
{
    struct stint_query query = {};
    query.size = sizeof query;
    return query;
}
#define STINT_QUERY_INIT stint_query_init()
#else
#define STINT_QUERY_INIT                   \
    {                                      \
        .size = sizeof(struct stint_query) \
    }
#endif

/* A question and its answer, by any node or the named one (NULL: the one that is connected to).
 * *round_trip_us may be NULL. STINT_NOT_FOUND. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_ping(struct stint_client *client,
                                                            const char *node, uint32_t timeout_ms,
                                                            uint64_t *round_trip_us);

/* All members: node items. `stint_admin_node`: the one with that name or id (prefix);
 * STINT_NOT_FOUND, STINT_AMBIGUOUS. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_nodes(struct stint_client *client,
                                                             uint32_t timeout_ms,
                                                             struct stint_list **list);
STINT_API STINT_MUST_USE enum stint_status stint_admin_node(struct stint_client *client,
                                                            const char *node, uint32_t timeout_ms,
                                                            struct stint_list **list);

/* A cordoned node takes no new tasklets. STINT_NOT_FOUND, STINT_STORE_DOWN, STINT_REFUSED. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_cordon(struct stint_client *client,
                                                              const char *node, bool cordon,
                                                              const char *reason,
                                                              uint32_t timeout_ms);

struct stint_drain {
    size_t size;
    const char *node;
    const char *to; /* names, comma separated; NULL: any */
    uint32_t rate;  /* moves a second; 0: as fast as it goes */
    bool leave;     /* then it leaves the cluster */
    bool dry_run;
    const char *reason;
};

#ifdef __cplusplus
static inline struct stint_drain
stint_drain_init(void)
{
    struct stint_drain drain = {};
    drain.size = sizeof drain;
    return drain;
}
#define STINT_DRAIN_INIT stint_drain_init()
#else
#define STINT_DRAIN_INIT                   \
    {                                      \
        .size = sizeof(struct stint_drain) \
    }
#endif

/*
 * Begins to drain a node, or asks how far it is: asking again with the same arguments changes
 * nothing. Drain items; a dry run gives plan items. STINT_PARTIAL: it is over and some cannot move.
 * STINT_NOT_FOUND, STINT_REFUSED, STINT_STORE_DOWN.
 */
STINT_API STINT_MUST_USE enum stint_status stint_admin_drain(struct stint_client *client,
                                                             const struct stint_drain *drain,
                                                             uint32_t timeout_ms,
                                                             struct stint_list **list);

/* Ends a node; with `drain` after its tasklets have been moved. STINT_NOT_FOUND, STINT_REFUSED. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_stop(struct stint_client *client,
                                                            const char *node, bool drain,
                                                            const char *reason,
                                                            uint32_t timeout_ms);

/* One status item. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_status(struct stint_client *client,
                                                              uint32_t timeout_ms,
                                                              struct stint_list **list);

/* Plan items: what the balancer would do now (dry_run) or is told to do now. max_moves 0: its own
 * bound. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_balance(struct stint_client *client,
                                                               bool dry_run, uint32_t max_moves,
                                                               uint32_t timeout_ms,
                                                               struct stint_list **list);

enum stint_balancer { STINT_BALANCER_STATUS = 0, STINT_BALANCER_ON = 1, STINT_BALANCER_OFF = 2 };

/* One status item, after the change. STINT_STORE_DOWN. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_balancer(struct stint_client *client,
                                                                enum stint_balancer what,
                                                                uint32_t timeout_ms,
                                                                struct stint_list **list);

/* Module items, one for each module and node. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_modules(struct stint_client *client,
                                                               uint32_t timeout_ms,
                                                               struct stint_list **list);

/* ---- tasklets ---- */

/* STINT_PARTIAL: some nodes did not answer; stint_list_note says which. So with all lists that are
 * gathered from the nodes. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_tasklets(struct stint_client *client,
                                                                const struct stint_query *query,
                                                                uint32_t timeout_ms,
                                                                struct stint_list **list);

/* One tasklet item. STINT_NOT_FOUND, STINT_AMBIGUOUS. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_tasklet(struct stint_client *client,
                                                               const char *tasklet,
                                                               uint32_t timeout_ms,
                                                               struct stint_list **list);

/* Frame items, innermost first. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_stack(struct stint_client *client,
                                                             const char *tasklet,
                                                             uint32_t timeout_ms,
                                                             struct stint_list **list);

/* Whether it can move, and to the node `to` (NULL: to each): explain items. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_explain(struct stint_client *client,
                                                               const char *tasklet, const char *to,
                                                               uint32_t timeout_ms,
                                                               struct stint_list **list);

struct stint_migrate {
    size_t size;
    const char *tasklet;  /* or: */
    const char *selector; /* all that fit */
    const char *to;       /* node, or "auto" */
    bool wait;            /* until each move is over */
    bool dry_run;
    const char *reason;
};

#ifdef __cplusplus
static inline struct stint_migrate
stint_migrate_init(void)
{
    struct stint_migrate migrate = {};
    migrate.size = sizeof migrate;
    return migrate;
}
#define STINT_MIGRATE_INIT stint_migrate_init()
#else
#define STINT_MIGRATE_INIT                   \
    {                                        \
        .size = sizeof(struct stint_migrate) \
    }
#endif

/*
 * Moves tasklets: move items. STINT_PARTIAL: some did not move, their items say why.
 * STINT_NOT_MOVABLE, STINT_REFUSED, STINT_NOT_FOUND, STINT_AMBIGUOUS, STINT_DRAINING,
 * STINT_UNKNOWN_MODULE, STINT_UNKNOWN_CODE, STINT_INCOMPATIBLE, STINT_IN_DOUBT.
 */
STINT_API STINT_MUST_USE enum stint_status stint_admin_migrate(struct stint_client *client,
                                                               const struct stint_migrate *migrate,
                                                               uint32_t timeout_ms,
                                                               struct stint_list **list);

/* With `pending` the kill is raised when the tasklet runs next, not at once. STINT_NOT_FOUND,
 * STINT_AMBIGUOUS, STINT_DEAD. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_kill(struct stint_client *client,
                                                            const char *tasklet, bool pending,
                                                            const char *reason,
                                                            uint32_t timeout_ms);
STINT_API STINT_MUST_USE enum stint_status stint_admin_pause(struct stint_client *client,
                                                             const char *tasklet, bool pause,
                                                             const char *reason,
                                                             uint32_t timeout_ms);

/*
 * Writes a tasklet's pickle with its schema to a new file (0600), whole or not at all. With `move`
 * it lives in that file alone from then on. STINT_EXISTS the file is there; STINT_IO;
 * STINT_NOT_MOVABLE, STINT_NOT_FOUND, STINT_AMBIGUOUS. STINT_OUTCOME_UNKNOWN after `move`: what was
 * received of it stays in PATH.part.
 */
STINT_API STINT_MUST_USE enum stint_status stint_admin_export(struct stint_client *client,
                                                              const char *tasklet, const char *path,
                                                              bool move, const char *reason,
                                                              uint32_t timeout_ms);

/* Makes a tasklet from such a file: one spawn item. STINT_NOT_FOUND the file or the node;
 * STINT_BAD_PICKLE, STINT_BAD_VERSION, STINT_WRONG_CLUSTER, STINT_UNKNOWN_MODULE,
 * STINT_UNKNOWN_CODE, STINT_INCOMPATIBLE; STINT_EXISTS a moved export was imported before;
 * STINT_LIMIT, STINT_IO. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_import(struct stint_client *client,
                                                              const char *path, const char *on,
                                                              bool paused, const char *reason,
                                                              uint32_t timeout_ms,
                                                              struct stint_list **list);

/*
 * Reads such a file without any node: one file item, then its frames, innermost first. Its
 * signature is not checked: that needs the cluster. `error` holds one line. STINT_NOT_FOUND,
 * STINT_IO, STINT_BAD_PICKLE, STINT_BAD_VERSION, STINT_LIMIT, STINT_NO_MEMORY.
 *
 *     status = stint_file_stack("t.stint", &list, error, sizeof error);
 */
STINT_API STINT_MUST_USE enum stint_status stint_file_stack(const char *path,
                                                            struct stint_list **list, char *error,
                                                            size_t error_size);

/* ---- moves, channels ---- */

/* Move items, the newest first. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_moves(struct stint_client *client,
                                                             const struct stint_query *query,
                                                             uint32_t timeout_ms,
                                                             struct stint_list **list);
STINT_API STINT_MUST_USE enum stint_status stint_admin_move(struct stint_client *client,
                                                            const char *move, uint32_t timeout_ms,
                                                            struct stint_list **list);

STINT_API STINT_MUST_USE enum stint_status stint_admin_channels(struct stint_client *client,
                                                                const struct stint_query *query,
                                                                uint32_t timeout_ms,
                                                                struct stint_list **list);
STINT_API STINT_MUST_USE enum stint_status stint_admin_channel(struct stint_client *client,
                                                               const char *channel,
                                                               uint32_t timeout_ms,
                                                               struct stint_list **list);

/* ---- keys ---- */

/*
 * Makes a cluster authority in a new or empty-of-keys directory (made 0700): cluster.pub,
 * authority.key, server.key; secrets are 0600. STINT_EXISTS there are keys; STINT_IO,
 * STINT_NO_MEMORY. `cluster` may be NULL. `error` (STINT_CLIENT_ERROR_SIZE bytes suffice) holds one
 * line.
 *
 *     status = stint_keys_init("/etc/stint/keys", &cluster, error, sizeof error);
 */
STINT_API STINT_MUST_USE enum stint_status stint_keys_init(const char *dir,
                                                           struct stint_id *cluster, char *error,
                                                           size_t error_size);

struct stint_keys_issue {
    size_t size;
    const char *role; /* node client operator observer */
    const char *name;
    const char *out; /* directory; NULL: the same. Gets cluster.pub, and server.key for a node, if
                        it has none */
    uint32_t days;   /* 0: 90 for nodes and operators, else 30 */
};

#ifdef __cplusplus
static inline struct stint_keys_issue
stint_keys_issue_init(void)
{
    struct stint_keys_issue issue = {};
    issue.size = sizeof issue;
    return issue;
}
#define STINT_KEYS_ISSUE_INIT stint_keys_issue_init()
#else
#define STINT_KEYS_ISSUE_INIT                   \
    {                                           \
        .size = sizeof(struct stint_keys_issue) \
    }
#endif

/*
 * Issues an identity: ROLE-NAME.cert and ROLE-NAME.key (0600). One key item. STINT_NOT_FOUND no
 * authority in `dir`; STINT_NOT_AUTHORISED its secret can be read by others; STINT_INVALID role or
 * name; STINT_EXISTS it was issued to that directory before; STINT_WRONG_CLUSTER `out` holds
 * another cluster's keys; STINT_IO, STINT_NO_MEMORY.
 */
STINT_API STINT_MUST_USE enum stint_status stint_keys_issue(const char *dir,
                                                            const struct stint_keys_issue *issue,
                                                            struct stint_list **list, char *error,
                                                            size_t error_size);

/* The identities of a directory: key items, by role and name. STINT_NOT_FOUND, STINT_IO,
 * STINT_INVALID a file that is none. */
STINT_API STINT_MUST_USE enum stint_status stint_keys_list(const char *dir,
                                                           struct stint_list **list, char *error,
                                                           size_t error_size);

/* Puts a serial on the cluster's revocation list: its sessions end and no new one begins.
 * STINT_EXISTS, STINT_STORE_DOWN, STINT_LIMIT. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_revoke(struct stint_client *client,
                                                              uint64_t serial, const char *reason,
                                                              uint32_t timeout_ms);

/* The revocation list: key items with only a serial. */
STINT_API STINT_MUST_USE enum stint_status stint_admin_revoked(struct stint_client *client,
                                                               uint32_t timeout_ms,
                                                               struct stint_list **list);

/* ---- the same without blocking ---- */

STINT_API struct stint_call *stint_admin_ping_begin(struct stint_client *client, const char *node,
                                                    uint32_t timeout_ms, stint_call_done_fn *done,
                                                    void *arg);
STINT_API struct stint_call *stint_admin_nodes_begin(struct stint_client *client,
                                                     uint32_t timeout_ms, stint_call_done_fn *done,
                                                     void *arg);
STINT_API struct stint_call *stint_admin_node_begin(struct stint_client *client, const char *node,
                                                    uint32_t timeout_ms, stint_call_done_fn *done,
                                                    void *arg);
STINT_API struct stint_call *stint_admin_cordon_begin(struct stint_client *client, const char *node,
                                                      bool cordon, const char *reason,
                                                      uint32_t timeout_ms, stint_call_done_fn *done,
                                                      void *arg);
STINT_API struct stint_call *stint_admin_drain_begin(struct stint_client *client,
                                                     const struct stint_drain *drain,
                                                     uint32_t timeout_ms, stint_call_done_fn *done,
                                                     void *arg);
STINT_API struct stint_call *stint_admin_stop_begin(struct stint_client *client, const char *node,
                                                    bool drain, const char *reason,
                                                    uint32_t timeout_ms, stint_call_done_fn *done,
                                                    void *arg);
STINT_API struct stint_call *stint_admin_status_begin(struct stint_client *client,
                                                      uint32_t timeout_ms, stint_call_done_fn *done,
                                                      void *arg);
STINT_API struct stint_call *stint_admin_balance_begin(struct stint_client *client, bool dry_run,
                                                       uint32_t max_moves, uint32_t timeout_ms,
                                                       stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_balancer_begin(struct stint_client *client,
                                                        enum stint_balancer what,
                                                        uint32_t timeout_ms,
                                                        stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_modules_begin(struct stint_client *client,
                                                       uint32_t timeout_ms,
                                                       stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_revoke_begin(struct stint_client *client, uint64_t serial,
                                                      const char *reason, uint32_t timeout_ms,
                                                      stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_revoked_begin(struct stint_client *client,
                                                       uint32_t timeout_ms,
                                                       stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_tasklets_begin(struct stint_client *client,
                                                        const struct stint_query *query,
                                                        uint32_t timeout_ms,
                                                        stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_moves_begin(struct stint_client *client,
                                                     const struct stint_query *query,
                                                     uint32_t timeout_ms, stint_call_done_fn *done,
                                                     void *arg);
STINT_API struct stint_call *stint_admin_channels_begin(struct stint_client *client,
                                                        const struct stint_query *query,
                                                        uint32_t timeout_ms,
                                                        stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_move_begin(struct stint_client *client, const char *move,
                                                    uint32_t timeout_ms, stint_call_done_fn *done,
                                                    void *arg);
STINT_API struct stint_call *stint_admin_channel_begin(struct stint_client *client,
                                                       const char *channel, uint32_t timeout_ms,
                                                       stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_tasklet_begin(struct stint_client *client,
                                                       const char *tasklet, uint32_t timeout_ms,
                                                       stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_stack_begin(struct stint_client *client,
                                                     const char *tasklet, uint32_t timeout_ms,
                                                     stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_explain_begin(struct stint_client *client,
                                                       const char *tasklet, const char *to,
                                                       uint32_t timeout_ms,
                                                       stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_migrate_begin(struct stint_client *client,
                                                       const struct stint_migrate *migrate,
                                                       uint32_t timeout_ms,
                                                       stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_kill_begin(struct stint_client *client,
                                                    const char *tasklet, bool pending,
                                                    const char *reason, uint32_t timeout_ms,
                                                    stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_pause_begin(struct stint_client *client,
                                                     const char *tasklet, bool pause,
                                                     const char *reason, uint32_t timeout_ms,
                                                     stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_admin_export_begin(struct stint_client *client,
                                                      const char *tasklet, const char *path,
                                                      bool move, const char *reason,
                                                      uint32_t timeout_ms, stint_call_done_fn *done,
                                                      void *arg);
STINT_API struct stint_call *stint_admin_import_begin(struct stint_client *client, const char *path,
                                                      const char *on, bool paused,
                                                      const char *reason, uint32_t timeout_ms,
                                                      stint_call_done_fn *done, void *arg);

#ifdef __cplusplus
}
#endif
#endif
