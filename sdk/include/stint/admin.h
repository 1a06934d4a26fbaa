/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operating a cluster: everything that the tool `stint` does, it does with these functions.
 *
 *     if (stint_admin_nodes(client, 5000, &list) == STINT_OK) {
 *         const struct stint_node_item *n;
 *         while ((n = stint_list_node(list)) != NULL) {
 *             printf("%s %s %llu\n", n->name, n->state, (unsigned long long)n->tasklets);
 *         }
 *         stint_list_free(list);
 *     }
 *
 * The rules of client.h hold: how tasklets, channels and nodes are named, what `timeout_ms` means,
 * that any thread may call, that each function has a twin `..._begin` that does not wait (call.h;
 * stint_call_list gives its list), and where the line about a failure is.
 *
 * Lists. *list is NULL unless STINT_OK or STINT_PARTIAL is answered; else it is yours, until
 * stint_list_free (list.h). STINT_PARTIAL: some did not answer, or some of it was not done;
 * stint_list_note says what, and the list has the rest.
 *
 * Errors. Each function names what it may answer besides what every call may, as client.h has it.
 * Those that change something and got no answer end with STINT_NOT_SENT or STINT_OUTCOME_UNKNOWN,
 * the others with STINT_UNREACHABLE. A node that is named and is not there: STINT_NOT_FOUND.
 *
 * Roles. An operator may do all of this; an observer may look, but is not shown the locals of
 * frames; a client may ping, and look at modules and at tasklets whose whole id it has.
 *
 * `reason` (may be NULL) is a line for the cluster's records, at most 127 bytes. Structures begin
 * with their macro ..._INIT; fields are only ever added, at the end. Whatever you give is copied.
 */
#ifndef STINT_ADMIN_H
#define STINT_ADMIN_H

#include "stint/client.h"
#include "stint/keys.h"
#include "stint/list.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- nodes ---- */

/*
 * Asks the named node (NULL: the one that is connected to) whether it is there. *round_trip_us (may
 * be NULL) is how long that took, in microseconds. STINT_OK; STINT_NOT_FOUND, STINT_AMBIGUOUS;
 * STINT_UNREACHABLE it does not answer.
 *
 *     uint64_t us;
 *     if (stint_admin_ping(client, "n2", 5000, &us) == STINT_OK) {
 *         printf("%.3f ms\n", (double)us / 1000);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_ping(struct stint_client *client, const char *node, uint32_t timeout_ms,
                 uint64_t *round_trip_us);
STINT_API struct stint_call *
stint_admin_ping_begin(struct stint_client *client, const char *node, uint32_t timeout_ms,
                       stint_call_done_fn *done, void *arg);

/*
 * All members of the cluster: node items. STINT_OK; STINT_PARTIAL some did not answer, what they
 * would say of themselves is missing.
 *
 *     status = stint_admin_nodes(client, 5000, &list);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_nodes(struct stint_client *client, uint32_t timeout_ms, struct stint_list **list);
STINT_API struct stint_call *
stint_admin_nodes_begin(struct stint_client *client, uint32_t timeout_ms, stint_call_done_fn *done,
                        void *arg);

/*
 * One member, by its name or id: one node item. STINT_OK, STINT_PARTIAL as stint_admin_nodes;
 * STINT_NOT_FOUND, STINT_AMBIGUOUS.
 *
 *     if (stint_admin_node(client, "n2", 5000, &list) == STINT_OK) {
 *         puts(stint_list_node(list)->state);
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_node(struct stint_client *client, const char *node, uint32_t timeout_ms,
                 struct stint_list **list);
STINT_API struct stint_call *
stint_admin_node_begin(struct stint_client *client, const char *node, uint32_t timeout_ms,
                       stint_call_done_fn *done, void *arg);

/*
 * Keeps new tasklets away from a node, or (`cordon` false) lets them come again; what is there
 * stays. STINT_OK; STINT_NOT_FOUND, STINT_AMBIGUOUS; STINT_STORE_DOWN the authority cannot write it
 * down now; STINT_REFUSED the node is not in a state for that.
 *
 *     status = stint_admin_cordon(client, "n2", true, "new disks", 5000);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_cordon(struct stint_client *client, const char *node, bool cordon, const char *reason,
                   uint32_t timeout_ms);
STINT_API struct stint_call *
stint_admin_cordon_begin(struct stint_client *client, const char *node, bool cordon,
                         const char *reason, uint32_t timeout_ms, stint_call_done_fn *done,
                         void *arg);

/* What to drain. */
struct stint_drain {
    size_t size;
    const char *node;
    const char *to; /* names, comma separated; NULL: any */
    uint32_t rate;  /* moves a second; 0: as fast as it goes */
    bool leave;     /* then it leaves the cluster */
    bool dry_run;   /* only say what would be moved where */
    const char *reason;
};

STINT_SIZED_(drain);
#define STINT_DRAIN_INIT STINT_SIZED_INIT_(drain)

/*
 * Begins to move all tasklets away from a node, or asks how far that is: asking again with the same
 * arguments changes nothing. The list has a head item with the numbers, and one item for each
 * tasklet that cannot move; of a dry run plan items. STINT_OK; STINT_PARTIAL it is over and some
 * cannot move; STINT_NOT_FOUND, STINT_AMBIGUOUS; STINT_REFUSED there is nobody to take them, or
 * another drain goes on; STINT_STORE_DOWN.
 *
 *     struct stint_drain drain = STINT_DRAIN_INIT;
 *     drain.node = "n2";
 *     bool done = false;
 *     while (!done && stint_admin_drain(client, &drain, 5000, &list) == STINT_OK) {
 *         const struct stint_drain_item *d = stint_list_drain(list);
 *         done = d == NULL || d->done;
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_drain(struct stint_client *client, const struct stint_drain *drain, uint32_t timeout_ms,
                  struct stint_list **list);
STINT_API struct stint_call *
stint_admin_drain_begin(struct stint_client *client, const struct stint_drain *drain,
                        uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/*
 * Ends a node; with `drain` after its tasklets have been moved away, else they end with it.
 * Answered before the node is gone. STINT_OK; STINT_NOT_FOUND, STINT_AMBIGUOUS; STINT_REFUSED there
 * is nobody to take its tasklets.
 *
 *     status = stint_admin_stop(client, "n2", true, NULL, 5000);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_stop(struct stint_client *client, const char *node, bool drain, const char *reason,
                 uint32_t timeout_ms);
STINT_API struct stint_call *
stint_admin_stop_begin(struct stint_client *client, const char *node, bool drain,
                       const char *reason, uint32_t timeout_ms, stint_call_done_fn *done,
                       void *arg);

/* ---- the cluster ---- */

/*
 * The cluster as a whole: one status item. STINT_OK, STINT_PARTIAL.
 *
 *     if (stint_admin_status(client, 5000, &list) == STINT_OK) {
 *         const struct stint_status_item *s = stint_list_status(list);
 *         printf("%u nodes, authority %s\n", s->nodes, s->authority);
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_status(struct stint_client *client, uint32_t timeout_ms, struct stint_list **list);
STINT_API struct stint_call *
stint_admin_status_begin(struct stint_client *client, uint32_t timeout_ms, stint_call_done_fn *done,
                         void *arg);

/*
 * What the balancer would do now (`dry_run`), or is told to do now, also when it is off: plan
 * items. `max_moves` 0: its own bound. STINT_OK, STINT_PARTIAL; STINT_REFUSED.
 *
 *     if (stint_admin_balance(client, true, 0, 5000, &list) == STINT_OK) {
 *         const struct stint_plan_item *p;
 *         while ((p = stint_list_plan(list)) != NULL) {
 *             printf("%s: %s to %s, %s\n", p->code, p->from, p->to, p->reason);
 *         }
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_balance(struct stint_client *client, bool dry_run, uint32_t max_moves,
                    uint32_t timeout_ms, struct stint_list **list);
STINT_API struct stint_call *
stint_admin_balance_begin(struct stint_client *client, bool dry_run, uint32_t max_moves,
                          uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

enum stint_balancer { STINT_BALANCER_STATUS = 0, STINT_BALANCER_ON = 1, STINT_BALANCER_OFF = 2 };

/*
 * Puts the balancer on or off, or asks: one status item, after the change. STINT_OK;
 * STINT_STORE_DOWN.
 *
 *     status = stint_admin_balancer(client, STINT_BALANCER_OFF, 5000, &list);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_balancer(struct stint_client *client, enum stint_balancer what, uint32_t timeout_ms,
                     struct stint_list **list);
STINT_API struct stint_call *
stint_admin_balancer_begin(struct stint_client *client, enum stint_balancer what,
                           uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/*
 * Which modules are loaded where: module items, one for each module and node. STINT_OK,
 * STINT_PARTIAL.
 *
 *     if (stint_admin_modules(client, 5000, &list) == STINT_OK) {
 *         const struct stint_module_item *m;
 *         while ((m = stint_list_module(list)) != NULL) {
 *             printf("%s %s on %s: %s\n", m->name, m->version, m->node, m->codes);
 *         }
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_modules(struct stint_client *client, uint32_t timeout_ms, struct stint_list **list);
STINT_API struct stint_call *
stint_admin_modules_begin(struct stint_client *client, uint32_t timeout_ms,
                          stint_call_done_fn *done, void *arg);

/* ---- tasklets ---- */

/* Which items of a list are wanted. */
struct stint_query {
    size_t size;
    const char *selector; /* "code=Counter and moves<3"; NULL: all */
    const char *node;     /* only there; NULL: everywhere */
    const char *sort;     /* field name, with a leading - for descending; NULL: the node's order */
    uint32_t limit;       /* items at most; 0: the nodes' default */
    bool all;             /* system tasklets too */
    const char *page;     /* stint_list_page of the list before; NULL: from the beginning */
};

STINT_SIZED_(query);
#define STINT_QUERY_INIT STINT_SIZED_INIT_(query)

/*
 * Tasklets: tasklet items. `query` NULL: all. A long answer is cut: stint_list_truncated,
 * stint_list_page. STINT_OK, STINT_PARTIAL; STINT_INVALID the selector, field or page;
 * STINT_NOT_FOUND the node.
 *
 *     struct stint_query query = STINT_QUERY_INIT;
 *     query.selector = "code=Tally and moves<3";
 *     query.sort = "-size_bytes";
 *     status = stint_admin_tasklets(client, &query, 5000, &list);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_tasklets(struct stint_client *client, const struct stint_query *query,
                     uint32_t timeout_ms, struct stint_list **list);
STINT_API struct stint_call *
stint_admin_tasklets_begin(struct stint_client *client, const struct stint_query *query,
                           uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/*
 * One tasklet: one tasklet item. STINT_OK; STINT_NOT_FOUND, STINT_AMBIGUOUS.
 *
 *     if (stint_admin_tasklet(client, "3f9a", 5000, &list) == STINT_OK) {
 *         printf("on %s\n", stint_list_tasklet(list)->node);
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_tasklet(struct stint_client *client, const char *tasklet, uint32_t timeout_ms,
                    struct stint_list **list);
STINT_API struct stint_call *
stint_admin_tasklet_begin(struct stint_client *client, const char *tasklet, uint32_t timeout_ms,
                          stint_call_done_fn *done, void *arg);

/*
 * Its stack: frame items, innermost first, with their locals as JSON. A frame whose locals cannot
 * be shown says why. STINT_OK; STINT_NOT_FOUND, STINT_AMBIGUOUS.
 *
 *     if (stint_admin_stack(client, "3f9a", 5000, &list) == STINT_OK) {
 *         const struct stint_frame_item *f;
 *         while ((f = stint_list_frame(list)) != NULL) {
 *             printf("%s at %s:%u %s\n", f->code, f->file, f->line,
 *                    f->locals != NULL ? f->locals : f->hidden);
 *         }
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_stack(struct stint_client *client, const char *tasklet, uint32_t timeout_ms,
                  struct stint_list **list);
STINT_API struct stint_call *
stint_admin_stack_begin(struct stint_client *client, const char *tasklet, uint32_t timeout_ms,
                        stint_call_done_fn *done, void *arg);

/*
 * Whether it can move, and to the node `to` (NULL: to each): explain items, with every reason
 * against it at once. STINT_OK; STINT_NOT_FOUND, STINT_AMBIGUOUS.
 *
 *     if (stint_admin_explain(client, "3f9a", NULL, 5000, &list) == STINT_OK) {
 *         const struct stint_explain_item *e;
 *         while ((e = stint_list_explain(list)) != NULL) {
 *             printf("%s %s\n", e->target, e->text);
 *         }
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_explain(struct stint_client *client, const char *tasklet, const char *to,
                    uint32_t timeout_ms, struct stint_list **list);
STINT_API struct stint_call *
stint_admin_explain_begin(struct stint_client *client, const char *tasklet, const char *to,
                          uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/* What to move where: one tasklet, or all that a selector fits. */
struct stint_migrate {
    size_t size;
    const char *tasklet;  /* or: */
    const char *selector; /* as in a query */
    const char *to;       /* node, or "auto" */
    bool wait;            /* until each move is over */
    bool dry_run;         /* only say what would be moved */
    const char *reason;
};

STINT_SIZED_(migrate);
#define STINT_MIGRATE_INIT STINT_SIZED_INIT_(migrate)

/*
 * Moves tasklets: move items. STINT_OK each has moved (`wait`) or begun to; STINT_PARTIAL some have
 * not, their items say why. Of one tasklet: STINT_NOT_FOUND, STINT_AMBIGUOUS; STINT_NOT_MOVABLE
 * (stint_admin_explain says why); STINT_DRAINING, STINT_REFUSED the target takes nothing;
 * STINT_EXISTS it is there already; STINT_UNKNOWN_MODULE, STINT_UNKNOWN_CODE, STINT_INCOMPATIBLE
 * the target has not its code; STINT_LIMIT it is too large; STINT_BUSY it is being moved;
 * STINT_DEAD it has ended; STINT_IN_DOUBT the target was lost: the membership decides;
 * STINT_OUTCOME_UNKNOWN it goes on.
 *
 *     struct stint_migrate migrate = STINT_MIGRATE_INIT;
 *     migrate.tasklet = "3f9a";
 *     migrate.to = "n2";
 *     migrate.wait = true;
 *     if (stint_admin_migrate(client, &migrate, 5000, &list) == STINT_OK) {
 *         const struct stint_move_item *m = stint_list_move(list);
 *         printf("frozen for %llu us\n", (unsigned long long)m->frozen_us);
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_migrate(struct stint_client *client, const struct stint_migrate *migrate,
                    uint32_t timeout_ms, struct stint_list **list);
STINT_API struct stint_call *
stint_admin_migrate_begin(struct stint_client *client, const struct stint_migrate *migrate,
                          uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/*
 * Kills a tasklet: it sees the status KILLED where it waits, and may clean up. With `pending` when
 * it runs next, not at once. STINT_OK; STINT_NOT_FOUND, STINT_AMBIGUOUS, STINT_DEAD.
 *
 *     status = stint_admin_kill(client, "3f9a", false, "stuck", 5000);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_kill(struct stint_client *client, const char *tasklet, bool pending, const char *reason,
                 uint32_t timeout_ms);
STINT_API struct stint_call *
stint_admin_kill_begin(struct stint_client *client, const char *tasklet, bool pending,
                       const char *reason, uint32_t timeout_ms, stint_call_done_fn *done,
                       void *arg);

/*
 * Keeps a tasklet from running, or (`pause` false) lets it run again. STINT_OK; STINT_NOT_FOUND,
 * STINT_AMBIGUOUS, STINT_DEAD.
 *
 *     status = stint_admin_pause(client, "3f9a", true, NULL, 5000);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_pause(struct stint_client *client, const char *tasklet, bool pause, const char *reason,
                  uint32_t timeout_ms);
STINT_API struct stint_call *
stint_admin_pause_begin(struct stint_client *client, const char *tasklet, bool pause,
                        const char *reason, uint32_t timeout_ms, stint_call_done_fn *done,
                        void *arg);

/* ---- tasklets in files ---- */

/*
 * Writes a tasklet's pickle with its schema to a new file (mode 0600), whole or not at all. With
 * `move` it lives in that file alone from then on; room for it is reserved first. STINT_OK;
 * STINT_EXISTS the file is there; STINT_NOT_FOUND (the tasklet, or the folder), STINT_AMBIGUOUS,
 * STINT_NOT_MOVABLE, STINT_LIMIT; STINT_NOT_AUTHORISED also: the folder cannot be written;
 * STINT_IO. STINT_OUTCOME_UNKNOWN after `move`: what was received of it stays in PATH.part.
 *
 * The file is written by the thread that does the client's work.
 *
 *     status = stint_admin_export(client, "3f9a", "t.stint", true, "to the archive", 30000);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_export(struct stint_client *client, const char *tasklet, const char *path, bool move,
                   const char *reason, uint32_t timeout_ms);
STINT_API struct stint_call *
stint_admin_export_begin(struct stint_client *client, const char *tasklet, const char *path,
                         bool move, const char *reason, uint32_t timeout_ms,
                         stint_call_done_fn *done, void *arg);

/*
 * Makes a tasklet from such a file, on the node `on` (NULL: the cluster chooses), with `paused` so
 * that it does not run yet: one spawn item. A copy gets an id of its own; a moved original can be
 * imported once. STINT_OK; STINT_NOT_FOUND the file or the node; STINT_BAD_PICKLE,
 * STINT_BAD_VERSION, STINT_WRONG_CLUSTER the file; STINT_UNKNOWN_MODULE, STINT_UNKNOWN_CODE,
 * STINT_INCOMPATIBLE the node has not its code; STINT_EXISTS it was imported before;
 * STINT_DRAINING, STINT_STORE_DOWN, STINT_LIMIT, STINT_IO.
 *
 *     if (stint_admin_import(client, "t.stint", NULL, false, NULL, 30000, &list) == STINT_OK) {
 *         char text[STINT_ID_TEXT_SIZE];
 *         puts(stint_id_text(stint_list_spawn(list)->id, text));
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_import(struct stint_client *client, const char *path, const char *on, bool paused,
                   const char *reason, uint32_t timeout_ms, struct stint_list **list);
STINT_API struct stint_call *
stint_admin_import_begin(struct stint_client *client, const char *path, const char *on, bool paused,
                         const char *reason, uint32_t timeout_ms, stint_call_done_fn *done,
                         void *arg);

/*
 * Reads such a file without any node: one file item, then its frames, innermost first. Its
 * signature is not checked: that needs the cluster. `error` (may be NULL with size 0) gets one
 * line. STINT_OK; STINT_NOT_FOUND, STINT_NOT_AUTHORISED, STINT_IO the file; STINT_BAD_PICKLE,
 * STINT_BAD_VERSION, STINT_LIMIT, STINT_NO_MEMORY. Any thread.
 *
 *     if (stint_file_stack("t.stint", &list, error, sizeof error) == STINT_OK) {
 *         printf("%s, written by %s\n", stint_list_file(list)->code, stint_list_frame(list)->node);
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_file_stack(const char *path, struct stint_list **list, char *error, size_t error_size);

/* ---- moves and channels ---- */

/*
 * Moves that go on or are remembered: move items, the newest first. `query` NULL: all. STINT_OK,
 * STINT_PARTIAL; STINT_INVALID.
 *
 *     if (stint_admin_moves(client, NULL, 5000, &list) == STINT_OK) {
 *         const struct stint_move_item *m;
 *         while ((m = stint_list_move(list)) != NULL) {
 *             printf("%s to %s: %s %s\n", m->from, m->to, m->phase, m->outcome);
 *         }
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_moves(struct stint_client *client, const struct stint_query *query, uint32_t timeout_ms,
                  struct stint_list **list);
STINT_API struct stint_call *
stint_admin_moves_begin(struct stint_client *client, const struct stint_query *query,
                        uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/*
 * One move, by the id of the move or its prefix: move items, of the nodes that know it. STINT_OK,
 * STINT_PARTIAL; STINT_NOT_FOUND, STINT_AMBIGUOUS.
 *
 *     status = stint_admin_move(client, "9c01", 5000, &list);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_move(struct stint_client *client, const char *move, uint32_t timeout_ms,
                 struct stint_list **list);
STINT_API struct stint_call *
stint_admin_move_begin(struct stint_client *client, const char *move, uint32_t timeout_ms,
                       stint_call_done_fn *done, void *arg);

/*
 * Channels: channel items. `query` NULL: all. STINT_OK, STINT_PARTIAL; STINT_INVALID;
 * STINT_NOT_FOUND the node.
 *
 *     struct stint_query query = STINT_QUERY_INIT;
 *     query.node = "n2";
 *     if (stint_admin_channels(client, &query, 5000, &list) == STINT_OK) {
 *         const struct stint_channel_item *c;
 *         while ((c = stint_list_channel(list)) != NULL) {
 *             printf("%s: %u of %u\n", c->name, c->buffered, c->capacity);
 *         }
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_channels(struct stint_client *client, const struct stint_query *query,
                     uint32_t timeout_ms, struct stint_list **list);
STINT_API struct stint_call *
stint_admin_channels_begin(struct stint_client *client, const struct stint_query *query,
                           uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/*
 * One channel: one channel item. STINT_OK; STINT_NOT_FOUND, STINT_AMBIGUOUS; STINT_STORE_DOWN its
 * name cannot be looked up.
 *
 *     status = stint_admin_channel(client, "out", 5000, &list);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_channel(struct stint_client *client, const char *channel, uint32_t timeout_ms,
                    struct stint_list **list);
STINT_API struct stint_call *
stint_admin_channel_begin(struct stint_client *client, const char *channel, uint32_t timeout_ms,
                          stint_call_done_fn *done, void *arg);

/* ---- revoked identities ---- */

/*
 * Puts a serial on the cluster's revocation list: its sessions end and no new one begins. STINT_OK;
 * STINT_EXISTS it is there; STINT_STORE_DOWN, STINT_LIMIT the list is full.
 *
 *     status = stint_admin_revoke(client, 7, "lost laptop", 5000);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_revoke(struct stint_client *client, uint64_t serial, const char *reason,
                   uint32_t timeout_ms);
STINT_API struct stint_call *
stint_admin_revoke_begin(struct stint_client *client, uint64_t serial, const char *reason,
                         uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/*
 * The revocation list: key items that have a serial only. STINT_OK.
 *
 *     status = stint_admin_revoked(client, 5000, &list);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_admin_revoked(struct stint_client *client, uint32_t timeout_ms, struct stint_list **list);
STINT_API struct stint_call *
stint_admin_revoked_begin(struct stint_client *client, uint32_t timeout_ms,
                          stint_call_done_fn *done, void *arg);

#ifdef __cplusplus
}
#endif
#endif
