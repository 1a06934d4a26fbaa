/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of one node and what its rooms offer each other. A step is: the event's room does its part, then
 * `node_settle` empties the queues between the rooms until nothing is left to do, then sessions close their batches.
 * Nothing in here is re-entrant and nothing needs to be: what one room wants of another it puts in that room's queue.
 */
#ifndef STINT_CORE_NODE_H
#define STINT_CORE_NODE_H

#include "base/list.h"
#include "base/prng.h"
#include "base/table.h"
#include "cluster/authority.h"
#include "cluster/balance.h"
#include "cluster/detector.h"
#include "cluster/directory.h"
#include "cluster/drain.h"
#include "cluster/load.h"
#include "cluster/move.h"
#include "cluster/view.h"
#include "core/core.h"
#include "core/log_limit.h"
#include "core/outbox.h"
#include "kernel/kernel.h"
#include "wire/envelope.h"
#include "wire/limits.h"
#include "wire/session.h"

/*
 *   LOADING -> JOINING -> LINKING -> MEMBER -> LEAVING -> ENDED
 *   any of them -> FENCED
 */
enum node_phase {
    PHASE_LOADING, /* the authority waits for its rows */
    PHASE_JOINING, /* no incarnation yet */
    PHASE_LINKING, /* in the view as JOINING; links to all members are made */
    PHASE_MEMBER,
    PHASE_LEAVING, /* draining, or waiting for the answer to LEAVE */
    PHASE_FENCED,
    PHASE_ENDED,
};

struct control;
struct peers;
struct route;
struct remote;
struct mover;
struct mover_spread;
struct admin;
struct unborn_room;
struct guests;

struct node {
    struct mem *mem;
    struct prng random;
    struct outbox outbox;
    struct log_limit log_limit;
    uint64_t now_ns, wall_ms;
    uint64_t begun_ns, begun_wall_ms; /* of the first event */
    int64_t wall_zero_ms;             /* wall clock at now_ns 0, renewed when it is off by more than a little */
    enum node_phase phase;
    struct node_ref self; /* inc 0 before the join */

    /* configuration, copied */
    struct identity identity;
    char name[VIEW_NAME_SIZE];
    char endpoint[VIEW_ENDPOINT_SIZE];
    char version[VIEW_VERSION_SIZE];
    char labels[LIMIT_LABELS + 1];
    char join[NODE_JOIN_MAX][VIEW_ENDPOINT_SIZE];
    uint32_t join_count;
    uint64_t last_incarnation, last_generation, last_view;
    uint8_t old_secret[32], secret[32];
    bool has_store, may_found, detect_fast;
    uint64_t join_deadline;
    char join_trouble[128]; /* why the last connection for the join broke */
    uint64_t pickle_max;
    bool failpoints;

    struct view *view; /* installed; number 0 before the first */
    struct view *next; /* scratch */
    struct authority *authority; /* NULL without the store */
    struct detector detector;
    struct load_table loads;
    struct load load; /* of this node */
    struct load_rate steps;
    struct balancer balancer;
    struct directory *directory;
    struct kernel *kernel;
    struct moves *moves; /* NULL before the join */
    struct drain *drain;

    struct control *control;
    struct peers *peers;
    struct route *route;
    struct remote *remote;
    struct mover *mover;
    struct mover_spread *spread;
    struct admin *admin;
    struct unborn_room *unborn;
    struct table tags; /* by tasklet */
    struct guests *guests;
    uint64_t report_due; /* next probe to everyone */
    uint64_t tick_due;
    bool begun;     /* the first event has come */
    bool unsettled; /* the last step left something to be settled */
    bool stop_requested;
    uint64_t stop_deadline;
    enum stint_status exit_status; /* when ENDED */
    char exit_text[OUTBOX_TEXT_MAX];
};

/* ---- core.c ---- */

/* A line of the log; of warnings and what is told at INFO there are only so many of one format. */
void node_log(struct node *n, enum node_log_level level, const char *format, ...) STINT_PRINTF(3, 4);

/* One that is always written: what somebody with a role has asked for, what a tasklet says. */
void node_record(struct node *n, const char *format, ...) STINT_PRINTF(2, 3);

/* The view lacks this node: everything volatile is dropped, links are closed, nothing is answered any more (R5). */
void node_fence(struct node *n, const char *why);

/* The node's life is over; the shell is told how it ended. */
void node_exit(struct node *n, enum stint_status status, const char *why);

/* As the event NODE_STOP: an operator asked for it. */
void node_stop_after_drain(struct node *n, uint32_t drain_ms);

/* True while tasklets may run and messages of other nodes count. */
bool node_is_serving(const struct node *n);

/* The name of a node for people; "?" when the view has none. Valid until the next view. */
const char *node_name_of(const struct node *n, struct stint_id id);

/* An envelope for this node, from a session or from itself. `conn` is 0 when it comes from this node. */
struct arrival {
    struct node_ref from;
    uint64_t conn;  /* serial of the connection: the way back for replies */
    uint8_t role;   /* enum cert_role of the sender */
    const char *by; /* name in its certificate */
    struct envelope envelope;
    struct stint_span body;
};

/* Hands an envelope to the room of its kind. */
void node_dispatch(struct node *n, const struct arrival *a);

/* ---- control*.c: membership and the store ---- */

enum control_op {
    CONTROL_NONE,
    CONTROL_STORE_REQUEST,
    CONTROL_STORE_REPLY,
    CONTROL_VIEW,     /* body: an encoded view */
    CONTROL_VIEW_GET, /* body: none */
    CONTROL_RESYNC,   /* something for you was dropped here: offer again whatever is outstanding with me */
};

typedef void store_done_fn(struct node *n, uint64_t token, const stint_StoreReply *reply);

STINT_MUST_USE enum stint_status control_init(struct node *n);
void control_fini(struct node *n);
void control_receive(struct node *n, const struct arrival *a);
void control_probe_received(struct node *n, const struct arrival *a);
void control_rows(struct node *n, const struct node_event *event);
void control_committed(struct node *n, const struct node_event *event);
/* A connection to a node is ready for use. */
void control_connected(struct node *n, uint64_t conn, struct node_ref ref);
/* Some frame of that node came in. */
void control_heard(struct node *n, struct node_ref ref);
/* Shows the view to a node that is not in it; asks one for its view. */
void control_tell_view(struct node *n, uint64_t conn);
void control_get_view(struct node *n, uint64_t conn);
void control_tick(struct node *n);
uint64_t control_deadline(const struct node *n);
/* Carries out what the authority and the detector have decided. True when there was something. */
bool control_settle(struct node *n);

/*
 * Asks the authority; `done` is called exactly once, later, with STORE_DOWN when it did not answer within `timeout_ms`.
 * The request's id is set if it is zero. Copies the request.
 */
void control_store(struct node *n, stint_StoreRequest *request, uint32_t timeout_ms, store_done_fn *done,
                   uint64_t token);
/* A tasklet has come from that node: the names of its channels are put again if nobody else will have. */
void control_names_arrived(struct node *n, struct stint_id tasklet, struct node_ref from);
/* Leaves the cluster for good, as soon as the authority has agreed (or cannot be asked); then exits. */
void control_leave(struct node *n);
/* The same for an operator's request that reached this node: `done` gets the reply. */
void control_set_state(struct node *n, stint_MemberState state, store_done_fn *done, uint64_t token);

/* ---- peers*.c: links and sessions ---- */

STINT_MUST_USE enum stint_status peers_init(struct node *n);
void peers_fini(struct node *n);
void peers_link_up(struct node *n, uint64_t link);
void peers_link_down(struct node *n, uint64_t link, const char *why);
void peers_receive(struct node *n, const struct node_event *event);
void peers_tick(struct node *n);
uint64_t peers_deadline(const struct node *n);
/* Closes the batches of this step. */
void peers_flush(struct node *n);
#ifdef STINT_FAILPOINTS
/* In the middle of a step: what was sent to members so far leaves before any later effect. */
void peers_flush_early(struct node *n);
#endif

/* Opens a session to an endpoint before there is a view (joining). */
void peers_connect(struct node *n, const char *endpoint);
/* A view was installed: sessions to new members are opened, those to gone ones closed. */
void peers_view(struct node *n, const struct view *old, const struct view *next);
void peers_close_all(struct node *n);

/*
 * Sends to a member (to this node itself: it arrives within the same step). Never fails: what does not fit the session's
 * window waits in a bounded backlog; what does not fit that is dropped and healed by RESYNC. Unknown members: dropped,
 * because the view that removed them heals that too.
 */
void peers_send(struct node *n, struct stint_id to, const struct envelope *envelope, struct stint_span body);
/* Sends back over a connection: to a client, to a joining node. False when it is gone. */
bool peers_reply(struct node *n, uint64_t conn, const struct envelope *envelope, struct stint_span body);
/* The same for what can be offered again. False also when enough waits there already: nothing happened. */
bool peers_offer(struct node *n, uint64_t conn, const struct envelope *envelope, struct stint_span body);
bool peers_is_connected(const struct node *n, struct stint_id node);
/* Ends the session with a client that was not heard of for so long. */
void peers_drop_silent(struct node *n, uint64_t conn, uint64_t silence_ns);
bool peers_settle(struct node *n);

/* ---- route.c: where an id is ---- */

STINT_MUST_USE enum stint_status route_init(struct node *n);
void route_fini(struct node *n);
void route_receive(struct node *n, const struct arrival *a); /* LOCATE */
void route_view(struct node *n, const struct view *old, const struct view *next);
void route_tick(struct node *n);
uint64_t route_deadline(const struct node *n);

/*
 * Sends an envelope to the host of `envelope->target`, wherever that is: asks the home, then everybody, meanwhile it waits
 * (bounded). If nobody has it: `route_lost` of the room that the kind belongs to. `kind` says what is looked for.
 */
void route_send(struct node *n, stint_LocateKind kind, const struct envelope *envelope, struct stint_span body);

/* Tells a node where something is, so that it stops asking here. */
void route_tell(struct node *n, struct stint_id whom, const struct directory_place *place);
/* A hint for `id` at `epoch` turned out wrong. */
void route_wrong(struct node *n, struct stint_id id, uint64_t epoch);
/* An id lives here (again), under this epoch; its home is told. */
void route_arrived(struct node *n, struct stint_id id, stint_LocateKind kind, uint64_t epoch);
void route_departed(struct node *n, struct stint_id id, stint_LocateKind kind, struct node_ref to, uint64_t epoch);
void route_ended(struct node *n, struct stint_id id, stint_LocateKind kind);
/* What all members are told by this node, it keeps too: as the home, and as one who sends there. */
void route_keep(struct node *n, const struct directory_place *place);

/* Finds the node of an id for a request; `found` is called once, with NODE_REF_NONE if nobody has it. */
typedef void route_found_fn(struct node *n, uint64_t token, struct stint_id id, struct node_ref where);
void route_find(struct node *n, struct stint_id id, route_found_fn *found, uint64_t token);

/* ---- remote.c: the kernel's relations over the wire (protocol C) ---- */

STINT_MUST_USE enum stint_status remote_init(struct node *n);
void remote_fini(struct node *n);
void remote_receive(struct node *n, const struct arrival *a);
/* Carries out the kernel's effects. True when there were some. */
bool remote_settle(struct node *n);
void remote_lost(struct node *n, const struct envelope *envelope);
void remote_view(struct node *n, const struct view *old, const struct view *next);
void remote_resync(struct node *n, struct stint_id peer);
/* A tasklet runs here from now on: who waits in its channels for a node that is gone is passed over. */
void remote_arrived(struct node *n, struct stint_id tasklet);
/* A channel has ended here; `name` is its name or NULL. */
void remote_channel_gone(struct node *n, struct stint_id cid, const char *name);
/* An operation that this node does for a client. */
void remote_send_offer(struct node *n, const struct kernel_offer *offer, bool cancel);
/* The channel left this node while that tasklet had something pending in it: it offers there. */
void remote_moved(struct node *n, struct stint_id tid, struct node_ref place, const struct directory_place *where);
/* What this tasklet has outstanding with this channel is offered again after a short pause. */
void remote_again(struct node *n, struct stint_id tid, struct stint_id cid);
/* Answers an offer: it is to be offered again. */
void remote_refuse(struct node *n, const struct arrival *offer, enum stint_status status);
void remote_tick(struct node *n);
uint64_t remote_deadline(const struct node *n);

/* ---- unborn.c: shared channels that have no type yet ---- */

#define UNBORN_MAX 1024

STINT_MUST_USE enum stint_status unborn_init(struct node *n);
void unborn_fini(struct node *n);
/* STINT_EXISTS (born or not), STINT_LIMIT, STINT_NO_MEMORY. `name` may be NULL. */
STINT_MUST_USE enum stint_status unborn_make(struct node *n, struct stint_id id, uint32_t capacity, const char *name);
bool unborn_has(const struct node *n, struct stint_id id);
uint32_t unborn_count(const struct node *n);
/*
 * It becomes a channel of the kernel, of that type. STINT_NOT_HERE; and, staying unborn: STINT_TYPE_MISMATCH (NULL: a type
 * that is not known here), STINT_LIMIT (its capacity is too much for values so large), STINT_NO_MEMORY.
 */
STINT_MUST_USE enum stint_status unborn_adopt(struct node *n, struct stint_id id, const struct stint_type *type);
/* Ends one. False: there is none. */
bool unborn_close(struct node *n, struct stint_id id);
/* As kernel_look_channel() and kernel_each_channel(), these among the others: they have no type. */
STINT_MUST_USE enum stint_status node_look_channel(const struct node *n, struct stint_id id,
                                                   struct kernel_channel_view *view);
bool node_each_channel(const struct node *n, uint32_t *cursor, struct kernel_channel_view *view);

/* ---- guest.c: channels that clients host, relayed by this node ---- */

struct guest_channel {
    struct stint_id id;
    uint64_t epoch; /* of its registration */
    uint64_t type_hash;
    uint32_t capacity;
    char type[96]; /* name of the message type */
};

STINT_MUST_USE enum stint_status guest_init(struct node *n);
void guest_fini(struct node *n);
/*
 * The channel is relayed by this node from now on, over that connection, and all members are told. STINT_CONFLICT: a later
 * registration is known; STINT_BUSY: too many at a time; STINT_LIMIT, STINT_NO_MEMORY.
 */
STINT_MUST_USE enum stint_status guest_register(struct node *n, uint64_t conn, const struct guest_channel *wanted);
/* Its client has ended it. STINT_BUSY, STINT_NO_MEMORY: it is to say so again. */
STINT_MUST_USE enum stint_status guest_unregister(struct node *n, uint64_t conn, struct stint_id id, uint64_t epoch);
/* NULL: it is not relayed here. */
const struct guest_channel *guest_find(const struct node *n, struct stint_id id);
bool guest_each(const struct node *n, struct table_cursor *cursor, const struct guest_channel **channel);
/* False: it is no operation on a client's channel that is relayed here. */
bool guest_receive(struct node *n, const struct arrival *a);
/* DONE and NACK of a client. False: the client breaks the protocol. */
bool guest_answer(struct node *n, const struct arrival *a);
/* A connection is gone; `for_good`: its client said good-bye, or was not seen for a minute. */
void guest_conn_closed(struct node *n, uint64_t conn, bool for_good);
/* A member says where such a channel is. False: that is old, and it was told better. */
bool guest_heard(struct node *n, struct stint_id from, const struct directory_place *place);
/* All that is outstanding here with such a channel is offered again. */
void guest_reoffer(struct node *n, struct stint_id id);
/* Tells a member, which may have missed something, of all that is relayed here. */
void guest_tell(struct node *n, struct stint_id member);
void guest_view(struct node *n, const struct view *old, const struct view *next);
void guest_tick(struct node *n);
uint64_t guest_deadline(const struct node *n);

/* ---- tags.c: k=v, comma separated ---- */

void tags_init(struct node *n);
void tags_fini(struct node *n);
/* STINT_NO_MEMORY. Until tags_forget(), which whoever sees its end or its leave must call. */
STINT_MUST_USE enum stint_status tags_set(struct node *n, struct stint_id tasklet, const char *text);
/* Empty if it has none; valid until they change. */
const char *tags_of(const struct node *n, struct stint_id tasklet);
void tags_forget(struct node *n, struct stint_id tasklet);

/* ---- mover.c: moves ---- */

STINT_MUST_USE enum stint_status mover_init(struct node *n);
void mover_fini(struct node *n);
void mover_joined(struct node *n); /* the node has an incarnation */
void mover_receive(struct node *n, const struct arrival *a);
bool mover_settle(struct node *n);
void mover_view(struct node *n, const struct view *next);
void mover_tick(struct node *n);
uint64_t mover_deadline(const struct node *n);
/* Begins a move; `detail` gets the reason of a refusal. */
STINT_MUST_USE enum stint_status mover_start(struct node *n, struct stint_id tasklet, struct stint_id to,
                                             const char *reason, const char *by, struct stint_id *move,
                                             char *detail, size_t detail_size);
/* True while the tasklet (or the owner of the channel) is frozen for a move: what comes for it must wait. */
bool mover_is_away(struct node *n, struct stint_id id);
/* Keeps an envelope for something that is frozen until it is known where it will live. False: no room. */
bool mover_hold(struct node *n, const struct arrival *a);
/* STINT_OK, STINT_NOT_HERE, or STINT_NOT_MOVABLE with the first reason. */
STINT_MUST_USE enum stint_status mover_movable(struct node *n, struct stint_id tasklet, char *detail,
                                               size_t detail_size);
/* Whether a tasklet of about so many bytes may come here: by the bound of pickles, by the memory that is left. `detail`: why not. */
bool mover_pickle_fits(const struct node *n, uint64_t bytes, char *detail, size_t detail_size);
bool mover_memory_fits(const struct node *n, uint64_t bytes, char *detail, size_t detail_size);
/* What the balancer would do now; and doing it. `out` has room for BALANCE_MOVES_MAX. */
uint32_t mover_plan(struct node *n, uint32_t limit, struct balance_move *out);
uint32_t mover_balance(struct node *n, uint32_t limit, const char *by);
void mover_drain(struct node *n, const struct stint_id *only, uint32_t only_count, uint32_t rate);

/* ---- admin*.c: requests ---- */

STINT_MUST_USE enum stint_status admin_init(struct node *n);
void admin_fini(struct node *n);
void admin_receive(struct node *n, const struct arrival *a); /* REQUEST and REPLY */
void admin_tick(struct node *n);
uint64_t admin_deadline(const struct node *n);
void admin_view(struct node *n, const struct view *old, const struct view *next);
void admin_conn_closed(struct node *n, uint64_t conn);
/* What requests wait for. */
void admin_tasklet_suspended(struct node *n, struct stint_id tasklet);
void admin_tasklet_ended(struct node *n, struct stint_id tasklet, enum stint_status status, const char *text,
                         const char *type, struct stint_span result);
void admin_tasklet_left(struct node *n, struct stint_id tasklet, struct node_ref to);
void admin_move_finished(struct node *n, const struct move_record *record);
/* Operations on channels that requests do for their clients: true when the participant is one of them. */
bool admin_operation_done(struct node *n, const struct kernel_done *done);
bool admin_operation_refused(struct node *n, struct stint_id participant, struct stint_id cid, uint64_t last);
bool admin_operation_lost(struct node *n, struct stint_id participant, struct stint_id cid);
/* An operation has left for a host; a host has answered one with NOT_HERE. */
void admin_operation_sent(struct node *n, struct stint_id participant, struct stint_id cid, uint64_t number);
void admin_operation_not_here(struct node *n, struct stint_id participant, struct stint_id cid);
void admin_reoffer(struct node *n, struct stint_id participant);
void admin_reoffer_all(struct node *n);

#endif
