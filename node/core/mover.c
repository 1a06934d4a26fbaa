/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries out what protocol M (cluster/move) decides: freezes and saves, ships parcels, loads and thaws; and keeps what
 * arrives for a tasklet that is frozen until it is known where it will live.
 *
 * The order of things at the source: freeze, save, ship; at COMMIT the tasklet and its channels are dropped here and
 * a forwarder is left. At the target: collect, load (frozen), and only RUN thaws it.
 */
#include <string.h>

#include "base/ids.h"
#include "base/text.h"
#include "core/codec.h"
#include "core/failpoint.h"
#include "core/mover.h"
#include "core/node.h"
#include "kernel/code.h"
#include "kernel/pickle.h"
#include "wire/parcel.h"
#include "wire/seal.h"

#define REPORT_SOON_NS (UINT64_C(20) * 1000000)
#define HELD_MAX 65536
#define HELD_BYTES_MAX ((size_t)32 << 20)

/* The bytes of one move, outgoing or incoming; keyed by the move's id. */
struct freight {
    struct stint_id id;
    bool incoming;
    bool loaded; /* incoming: the kernel has it, frozen */
    struct stint_id tasklet;
    struct node_ref peer;
    struct buf pickle;             /* outgoing */
    struct parcel parcel; /* incoming */
    bool begun;           /* the parcel is to be ended */
};

struct held_arrival {
    struct list link;
    struct stint_id tasklet; /* it waits for */
    struct node_ref from;
    uint64_t conn;
    uint8_t role;
    struct envelope envelope;
    size_t size;
    uint8_t body[];
};

struct mover {
    struct table freights;
    struct list held;
    uint32_t held_count;
    size_t held_bytes;
};

enum stint_status
mover_init(struct node *n)
{
    struct mover *m = mem_zalloc(n->mem, sizeof *m);
    if (m == NULL) {
        return STINT_NO_MEMORY;
    }
    table_init(&m->freights, n->mem, prng_next(&n->random));
    list_init(&m->held);
    n->mover = m;
    return mover_spread_init(n);
}

static void
free_freight(struct node *n, struct freight *f)
{
    if (f->begun) {
        parcel_end(&f->parcel);
    }
    if (!f->incoming) {
        buf_fini(&f->pickle);
    }
    (void)table_remove(&n->mover->freights, f->id);
    mem_free(n->mem, f, sizeof *f);
}

static void
free_held(struct node *n, struct held_arrival *h)
{
    list_remove(&h->link);
    n->mover->held_count--;
    n->mover->held_bytes -= h->size;
    mem_free(n->mem, h, sizeof *h + h->size);
}

void
mover_fini(struct node *n)
{
    struct mover *m = n->mover;
    if (m == NULL) {
        return;
    }
    struct freight *f;
    while ((f = table_first(&m->freights)) != NULL) {
        free_freight(n, f);
    }
    LIST_EACH (link, &m->held) {
        free_held(n, STINT_CONTAINER_OF(link, struct held_arrival, link));
    }
    table_fini(&m->freights);
    mover_spread_fini(n);
    moves_free(n->moves);
    n->moves = NULL;
    mem_free(n->mem, m, sizeof *m);
    n->mover = NULL;
}

void
mover_joined(struct node *n)
{
    struct moves_config config = { .mem = n->mem, .self = n->self };
    n->moves = moves_new(&config);
    kernel_set_here(n->kernel, (struct kernel_place){ n->self.id, n->self.inc });
    if (n->moves == NULL) {
        node_exit(n, STINT_NO_MEMORY, "out of memory");
    }
}

/* ---- what waits for a frozen tasklet ---- */

/* The tasklet itself, or the owner of a channel. */
static bool
tasklet_of(struct node *n, struct stint_id id, struct kernel_tasklet_view *tasklet)
{
    struct kernel_channel_view channel;
    if (kernel_look(n->kernel, id, tasklet) == STINT_OK) {
        return true;
    }
    return kernel_look_channel(n->kernel, id, &channel) == STINT_OK &&
           kernel_look(n->kernel, channel.owner, tasklet) == STINT_OK;
}

bool
mover_is_away(struct node *n, struct stint_id id)
{
    struct kernel_tasklet_view tasklet;
    return tasklet_of(n, id, &tasklet) && tasklet.state == KERNEL_FROZEN;
}

bool
mover_hold(struct node *n, const struct arrival *a)
{
    struct mover *m = n->mover;
    struct kernel_tasklet_view tasklet;
    if (!tasklet_of(n, a->envelope.target, &tasklet) || tasklet.state != KERNEL_FROZEN ||
        m->held_count >= HELD_MAX || m->held_bytes + a->body.size > HELD_BYTES_MAX) {
        return false;
    }
    struct held_arrival *h = mem_alloc(n->mem, sizeof *h + a->body.size);
    if (h == NULL) {
        return false;
    }
    h->tasklet = tasklet.id;
    h->from = a->from;
    h->conn = a->conn;
    h->role = a->role;
    h->envelope = a->envelope;
    h->size = a->body.size;
    bytes_copy(h->body, a->body.data, a->body.size);
    list_push_back(&m->held, &h->link);
    m->held_count++;
    m->held_bytes += h->size;
    return true;
}

/* It is settled where the tasklet lives: what waited for it goes its way, here or by the forwarder. */
static void
release_held(struct node *n, struct stint_id tasklet)
{
    struct list ready;
    list_init(&ready);
    LIST_EACH (link, &n->mover->held) {
        struct held_arrival *h = STINT_CONTAINER_OF(link, struct held_arrival, link);
        if (id_equal(h->tasklet, tasklet)) {
            list_remove(&h->link);
            list_push_back(&ready, &h->link);
        }
    }
    LIST_EACH (link, &ready) {
        struct held_arrival *h = STINT_CONTAINER_OF(link, struct held_arrival, link);
        if (view_has(n->view, h->from)) {
            struct arrival a = { .from = h->from,
                                 .conn = h->conn,
                                 .role = h->role,
                                 .by = node_name_of(n, h->from.id),
                                 .envelope = h->envelope,
                                 .body = span_of(h->body, h->size) };
            if (!MUTANT(n->mem, HELD_LOST)) {
                node_dispatch(n, &a);
            }
        }
        free_held(n, h);
    }
}

/* ---- starting ---- */

struct first_reason {
    enum stint_status status;
    char *detail;
    size_t size;
};

static void
take_reason(void *arg, enum stint_status reason, const char *text, uint32_t frame)
{
    (void)frame;
    struct first_reason *first = arg;
    if (first->status == STINT_OK) {
        first->status = reason;
        text_copy(first->detail, first->size, text);
    }
}

enum stint_status
mover_movable(struct node *n, struct stint_id tasklet, char *detail, size_t detail_size)
{
    struct first_reason first = { STINT_OK, detail, detail_size };
    if (kernel_explain(n->kernel, tasklet, take_reason, &first) == 0) {
        return STINT_OK;
    }
    return first.status == STINT_NOT_HERE ? STINT_NOT_HERE : STINT_NOT_MOVABLE;
}

enum stint_status
mover_start(struct node *n, struct stint_id tasklet, struct stint_id to, const char *reason, const char *by,
            struct stint_id *move, char *detail, size_t detail_size)
{
    struct kernel_tasklet_view view;
    detail[0] = 0;
    if (n->moves == NULL || !node_is_serving(n)) {
        return STINT_REFUSED;
    }
    const struct member *target = view_find(n->view, to);
    if (target == NULL) {
        text_copy(detail, detail_size, "that node is not a member");
        return STINT_NOT_FOUND;
    }
    if (!member_is_target(target)) {
        text_format(detail, detail_size, "node %s is %s and takes no tasklets", target->name,
                    member_state_text(target->state));
        return STINT_REFUSED;
    }
    enum stint_status status = mover_movable(n, tasklet, detail, detail_size);
    if (status == STINT_OK) {
        status = kernel_look(n->kernel, tasklet, &view);
    }
    if (status != STINT_OK) {
        return status;
    }
    struct move_order order = { .tasklet = tasklet,
                                .epoch = view.epoch,
                                .bytes = kernel_pickle_estimate(n->kernel, tasklet),
                                .fingerprint = view.code->fingerprint,
                                .module = view.code->module->definition->name,
                                .code = view.code->name,
                                .reason = reason,
                                .by = by,
                                .tags = tags_of(n, tasklet) };
    struct move_key key;
    status = moves_start(n->moves, &order, target->ref, n->now_ns, &key);
    if (status == STINT_OK && move != NULL) {
        *move = move_key_id(key);
    } else if (status == STINT_EXISTS) {
        text_copy(detail, detail_size, "it is being moved already");
    } else if (status == STINT_BUSY) {
        text_copy(detail, detail_size, "too many moves at once; try again");
    }
    return status;
}

/* ---- the source's part ---- */

static struct freight *
new_freight(struct node *n, struct move_effect *e, bool incoming)
{
    struct freight *f = mem_zalloc(n->mem, sizeof *f);
    if (f == NULL) {
        return NULL;
    }
    f->id = move_key_id(e->key);
    f->tasklet = e->tasklet;
    f->peer = e->peer;
    f->incoming = incoming;
    if (!incoming) {
        buf_init(&f->pickle, n->mem, n->pickle_max);
    }
    if (table_insert(&n->mover->freights, f->id, f) != STINT_OK) {
        mem_free(n->mem, f, sizeof *f);
        return NULL;
    }
    return f;
}

static struct freight *
find_freight(struct node *n, struct move_key key)
{
    return table_find(&n->mover->freights, move_key_id(key));
}

static void
freeze(struct node *n, struct move_effect *e)
{
    struct kernel_tasklet_view view;
    char detail[MOVE_DETAIL_SIZE] = "";
    enum stint_status status = mover_movable(n, e->tasklet, detail, sizeof detail);
    if (status == STINT_OK) {
        status = kernel_look(n->kernel, e->tasklet, &view);
    }
    if (status == STINT_OK) {
        status = kernel_freeze(n->kernel, e->tasklet);
        if (status == STINT_LIMIT) {
            text_copy(detail, sizeof detail, "its channel has dealings with as many tasklets elsewhere as it can");
        }
    }
    if (status != STINT_OK) {
        moves_frozen(n->moves, e->key, status, NULL,
                     status == STINT_NOT_HERE ? "it has ended" : detail, n->now_ns);
        return;
    }
    struct freight *f = new_freight(n, e, false);
    status = f == NULL ? STINT_NO_MEMORY
                       : kernel_save(n->kernel, e->tasklet, &f->pickle);
    if (status != STINT_OK) {
        if (f != NULL) {
            free_freight(n, f);
        }
        (void)!kernel_thaw(n->kernel, e->tasklet, view.epoch);
        release_held(n, e->tasklet);
        moves_frozen(n->moves, e->key, status, NULL,
                     status == STINT_LIMIT ? "its pickle does not fit the limit" : stint_strerror(status), n->now_ns);
        return;
    }
    struct move_parcel parcel = { .epoch = view.epoch,
                                  .bytes = f->pickle.size,
                                  .chunks = parcel_chunks(f->pickle.size) };
    seal_digest(parcel.digest, buf_span(&f->pickle));
    moves_frozen(n->moves, e->key, STINT_OK, &parcel, "", n->now_ns);
}

static void
ship(struct node *n, struct move_effect *e)
{
    struct freight *f = find_freight(n, e->key);
    if (f == NULL || f->incoming) {
        return;
    }
    uint32_t chunks = parcel_chunks(f->pickle.size);
    for (uint32_t i = e->first; i < chunks; i++) {
        struct envelope envelope = {
            .kind = ENVELOPE_PARCEL, .number = i, .source = e->tasklet, .target = f->id
        };
        peers_send(n, e->peer.id, &envelope, parcel_chunk(buf_span(&f->pickle), i));
    }
}

/* The channels that move with a tasklet: tells that they left to `to`, or (none) that they came here. */
static void
channels_moved(struct node *n, struct stint_id tasklet, struct node_ref to, uint64_t epoch)
{
    struct stint_id owned[KERNEL_OWNED_MAX];
    uint32_t count = kernel_owned(n->kernel, tasklet, owned, KERNEL_OWNED_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (node_ref_is_none(to)) {
            route_arrived(n, owned[i], stint_LocateKind_LOCATE_CHANNEL, epoch);
        } else {
            route_departed(n, owned[i], stint_LocateKind_LOCATE_CHANNEL, to, epoch);
        }
    }
}

/*
 * Who has an operation pending in a channel that left must hear of it at once, not only when it asks: if the new host
 * died before it answered, the tasklet would go on trusting this node, which lives (rule H3 of tests/model).
 */
struct moved_notice {
    struct node *n;
    struct stint_id channel;
    const struct move_effect *move;
};

static void
tell_moved(void *arg, struct stint_id tid, struct kernel_place place)
{
    const struct moved_notice *notice = arg;
    if (MUTANT(notice->n->mem, WAITER_LOST)) {
        return;
    }
    struct directory_place where = { .id = notice->channel,
                                     .kind = stint_LocateKind_LOCATE_CHANNEL,
                                     .node = notice->move->peer,
                                     .epoch = notice->move->epoch };
    remote_moved(notice->n, tid, (struct node_ref){ place.node, place.inc }, &where);
}

static void
drop(struct node *n, struct move_effect *e)
{
    struct freight *f = find_freight(n, e->key);
    struct stint_id owned[KERNEL_OWNED_MAX];
    uint32_t count = kernel_owned(n->kernel, e->tasklet, owned, KERNEL_OWNED_MAX);
    channels_moved(n, e->tasklet, e->peer, e->epoch);
    for (uint32_t i = 0; i < count; i++) {
        struct moved_notice notice = { n, owned[i], e };
        kernel_each_pending(n->kernel, owned[i], tell_moved, &notice);
    }
    (void)!kernel_discard(n->kernel, e->tasklet);
    tags_forget(n, e->tasklet);
    route_departed(n, e->tasklet, stint_LocateKind_LOCATE_TASKLET, e->peer, e->epoch);
    if (f != NULL) {
        free_freight(n, f);
    }
    release_held(n, e->tasklet);
    admin_tasklet_left(n, e->tasklet, e->peer);
}

static void
resume(struct node *n, struct move_effect *e)
{
    struct freight *f = find_freight(n, e->key);
    const struct move_record *record = moves_find(n->moves, move_key_id(e->key));
    if (f != NULL) {
        free_freight(n, f);
    }
    if (record != NULL) { /* before the thaw, which would make it ask again */
        kernel_move_refused(n->kernel, e->tasklet, record->status != STINT_OK ? record->status : STINT_REFUSED,
                            record->detail);
    }
    (void)!kernel_thaw(n->kernel, e->tasklet, e->epoch);
    release_held(n, e->tasklet);
}

/* ---- the target's part ---- */

static void
admit(struct node *n, const struct move_effect *e)
{
    const stint_MoveMessage *offer = &e->message;
    const struct code *code;
    char detail[MOVE_DETAIL_SIZE] = "";
    enum stint_status status = kernel_find_code(n->kernel, offer->module, offer->code, &code);
    if (!node_is_serving(n)) {
        status = STINT_BUSY;
        text_copy(detail, sizeof detail, "the node is not serving yet");
    } else if (status != STINT_OK) {
        text_format(detail, sizeof detail, "node %s does not have %s/%s", n->name, offer->module, offer->code);
    } else if (!mover_pickle_fits(n, offer->bytes, detail, sizeof detail)) {
        status = STINT_LIMIT;
    } else if (!mover_memory_fits(n, offer->bytes, detail, sizeof detail)) {
        status = STINT_NO_MEMORY;
    }
    moves_admitted(n->moves, e->key, status, detail, n->now_ns);
}

static void
receive_parcel(struct node *n, struct move_effect *e)
{
    struct freight *f = find_freight(n, e->key);
    enum stint_status status = STINT_OK;
    if (f == NULL) {
        f = new_freight(n, e, true);
        status = f == NULL ? STINT_NO_MEMORY
                           : parcel_begin(&f->parcel, n->mem, e->bytes, e->chunks, e->digest, n->pickle_max);
        if (f != NULL) {
            f->begun = status == STINT_OK;
        }
    }
    if (status != STINT_OK) {
        moves_arrived(n->moves, e->key, status, stint_strerror(status), n->now_ns);
    }
}

static void
chunk_received(struct node *n, const struct arrival *a)
{
    struct freight *f = table_find(&n->mover->freights, a->envelope.target);
    if (f == NULL || !f->begun || f->loaded || !node_ref_equal(f->peer, a->from)) {
        return; /* late */
    }
    const struct move_record *record = moves_find(n->moves, f->id);
    if (record == NULL) {
        return;
    }
    struct move_key key = record->key;
    if (a->envelope.number > UINT32_MAX) {
        return;
    }
    enum stint_status status = parcel_add(&f->parcel, (uint32_t)a->envelope.number, a->body);
    if (status == STINT_CONFLICT || status == STINT_EXISTS) {
        return; /* repeated, or out of turn: TRANSFER repeats what is missing */
    }
    moves_progress(n->moves, key, f->parcel.next, n->now_ns);
    if (status == STINT_OK) {
        status = parcel_check(&f->parcel);
    }
    if (status != STINT_BUSY) {
        moves_arrived(n->moves, key, status, status == STINT_OK ? "" : "the parcel is damaged", n->now_ns);
    }
}

static void
install(struct node *n, struct move_effect *e)
{
    struct freight *f = find_freight(n, e->key);
    char detail[MOVE_DETAIL_SIZE] = "";
    enum stint_status status = STINT_ERROR;
    if (f != NULL) {
        struct pickle_options options = {
            .limit = n->pickle_max, .tid = e->tasklet, .epoch = e->epoch - 1, .moved = true
        };
        struct stint_id tid;
        status = kernel_load(n->kernel, buf_span(&f->parcel.bytes), &options, &tid, detail, sizeof detail);
        f->loaded = status == STINT_OK;
    }
    moves_installed(n->moves, e->key, status, detail, n->now_ns);
}

static void
take_tags(struct node *n, const struct move_effect *e)
{
    const struct move_record *record = moves_find(n->moves, move_key_id(e->key));
    if (record != NULL && record->tags[0] != 0 && tags_set(n, e->tasklet, record->tags) == STINT_OK) {
        (void)kernel_watch(n->kernel, e->tasklet); /* they end with it */
    }
}

static void
run(struct node *n, struct move_effect *e)
{
    struct freight *f = find_freight(n, e->key);
    if (f != NULL) {
        free_freight(n, f);
    }
    (void)!kernel_thaw(n->kernel, e->tasklet, e->epoch - (MUTANT(n->mem, EPOCH_KEPT) ? 1 : 0));
    route_arrived(n, e->tasklet, stint_LocateKind_LOCATE_TASKLET, e->epoch);
    take_tags(n, e);
    channels_moved(n, e->tasklet, NODE_REF_NONE, e->epoch);
    remote_arrived(n, e->tasklet);
    control_names_arrived(n, e->tasklet, e->peer);
    release_held(n, e->tasklet);
    mover_note_arrival(n, e->tasklet);
}

static void
discard(struct node *n, struct move_effect *e)
{
    struct freight *f = find_freight(n, e->key);
    if (f == NULL) {
        return;
    }
    if (f->loaded) {
        (void)!kernel_discard(n->kernel, e->tasklet);
    }
    free_freight(n, f);
    release_held(n, e->tasklet);
}

/* ---- effects and messages ---- */

static void
send_message(struct node *n, struct move_effect *e)
{
    uint8_t body[stint_MoveMessage_size];
    size_t size = codec_write(stint_MoveMessage_fields, &e->message, body, sizeof body);
    struct envelope envelope = { .kind = ENVELOPE_MOVE };
    peers_send(n, e->peer.id, &envelope, span_of(body, size));
}

static void
finished(struct node *n, const struct move_record *record)
{
    bool moved = record->outcome == MOVE_OUTCOME_COMMITTED;
    node_log(n, moved ? NODE_LOG_DEBUG : NODE_LOG_INFO, "move of a tasklet %s %s: %s%s%s",
             record->outgoing ? "to" : "from", node_name_of(n, record->outgoing ? record->to.id : record->from.id),
             move_outcome_text(record->outcome), record->detail[0] != 0 ? ": " : "", record->detail);
    mover_measure(n); /* lists of nodes show the move soon; many moves make one report */
    if (n->report_due > n->now_ns + REPORT_SOON_NS) {
        n->report_due = n->now_ns + REPORT_SOON_NS;
    }
    if (record->outgoing) {
        drain_finished(n->drain, record->tasklet, moved, record->status, record->detail, n->now_ns);
        if (!moved) {
            kernel_move_refused(n->kernel, record->tasklet, record->status, record->detail);
        }
    }
    admin_move_finished(n, record);
}

static void
carry_out(struct node *n, struct move_effect *e)
{
    switch (e->kind) {
    case MOVE_SEND:
        send_message(n, e);
        break;
    case MOVE_ADMIT:
        admit(n, e);
        break;
    case MOVE_FREEZE:
        freeze(n, e);
        break;
    case MOVE_SHIP:
        ship(n, e);
        break;
    case MOVE_RECEIVE:
        receive_parcel(n, e);
        break;
    case MOVE_INSTALL:
        install(n, e);
        break;
    case MOVE_RUN:
        run(n, e);
        break;
    case MOVE_DISCARD:
        discard(n, e);
        break;
    case MOVE_RESUME:
        resume(n, e);
        break;
    case MOVE_DROP:
        drop(n, e);
        break;
    case MOVE_FINISHED:
        finished(n, e->record);
        break;
    }
}

bool
mover_settle(struct node *n)
{
    struct move_effect effect;
    bool any = false;
    while (n->moves != NULL && moves_next(n->moves, &effect)) {
        any = true;
        FAILPOINT_BEFORE(n, &effect);
        carry_out(n, &effect);
        FAILPOINT_AFTER(n, &effect);
    }
    return any;
}

void
mover_receive(struct node *n, const struct arrival *a)
{
    if (n->moves == NULL) {
        return;
    }
    if (a->envelope.kind == ENVELOPE_PARCEL) {
        chunk_received(n, a);
        return;
    }
    stint_MoveMessage message;
    enum stint_status status = STINT_BAD_FRAME;
    if (codec_read(a->body, stint_MoveMessage_fields, &message)) {
        FAILPOINT_GOT(n, &message);
        status = moves_receive(n->moves, a->from, &message, n->now_ns);
    }
    if (status != STINT_OK) {
        node_log(n, NODE_LOG_WARN, "move message %d from %s refused: %s",
                 status == STINT_BAD_FRAME ? -1 : (int)message.op, a->by, stint_strerror(status));
    }
    /* At once, not after the batch: the chunks that follow a TRANSFER in it need what that prepared. */
    (void)mover_settle(n);
}

void
mover_view(struct node *n, const struct view *next)
{
    if (n->moves != NULL) {
        moves_view(n->moves, next, n->now_ns);
        (void)mover_settle(n);
    }
}

void
mover_tick(struct node *n)
{
    if (n->moves != NULL) {
        moves_tick(n->moves, n->now_ns);
        mover_spread_tick(n);
    }
}

uint64_t
mover_deadline(const struct node *n)
{
    if (n->moves == NULL) {
        return UINT64_MAX;
    }
    uint64_t at = moves_deadline(n->moves);
    uint64_t spread = mover_spread_deadline(n);
    return at < spread ? at : spread;
}
