/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocol M, the side that has the tasklet. The rule that everything here serves: from the
 * moment TRANSFER is out, the tasklet runs here again only if the target has said that it will
 * never run there (ABORTED), or if a view says that the target is no more (M-S). No timer of
 * this file makes it run.
 *
 *     state      the tasklet      leaves by
 *     OFFERED    runs here        ACCEPT, REFUSE, no answer, called off, target gone
 *     FREEZING   runs here still  the kernel's answer
 *     FROZEN     frozen           PREPARED -> COMMIT; own timer -> ABORT; ABORTED or M-S -> resume
 *     ABORTING   frozen           ABORTED or M-S -> resume, nothing else
 *     COMMITTED  not here         DONE, target gone
 */
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include "cluster/move_internal.h"

/*
 * Bytes that a parcel may take a millisecond for before R2's timer gives it up: 16 MiB a
 * second.
 */
#define SOURCE_BYTES_MS 16384

static struct move *
source_find(struct moves *m, uint64_t counter)
{
    for (uint32_t i = 0; i < MOVE_OUT_MAX; i++) {
        struct move *mv = &m->out[i];
        if (mv->record.phase != MOVE_NO_PHASE && mv->record.key.counter == counter) {
            return mv;
        }
    }
    return NULL;
}

static struct move *
source_of_key(struct moves *m, struct move_key key)
{
    return node_ref_equal(key.source, m->self) ? source_find(m, key.counter) : NULL;
}

/*
 * A tasklet whose residency is here: after COMMIT it is another node's, though the move is not
 * settled.
 */
struct move *
source_find_tasklet(struct moves *m, struct stint_id tasklet)
{
    for (uint32_t i = 0; i < MOVE_OUT_MAX; i++) {
        struct move *mv = &m->out[i];
        if (mv->record.phase != MOVE_NO_PHASE && mv->record.phase != MOVE_COMMITTED
            && id_equal(mv->record.tasklet, tasklet)) {
            return mv;
        }
    }
    return NULL;
}

const struct move_record *
moves_of_tasklet(const struct moves *m, struct stint_id tasklet)
{
    const struct move *mv = source_find_tasklet((struct moves *)m, tasklet);
    return mv == NULL ? NULL : &mv->record;
}

/* All moves to `target` up to this count are settled: it may forget their tombstones. */
uint64_t
source_watermark(const struct moves *m, struct node_ref target)
{
    uint64_t watermark = m->counter;
    for (uint32_t i = 0; i < MOVE_OUT_MAX; i++) {
        const struct move_record *r = &m->out[i].record;
        if (r->phase != MOVE_NO_PHASE && node_ref_equal(r->to, target)
            && r->key.counter <= watermark) {
            watermark = r->key.counter - 1;
        }
    }
    return watermark;
}

static uint32_t
source_count_to(const struct moves *m, struct node_ref target)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MOVE_OUT_MAX; i++) {
        const struct move_record *r = &m->out[i].record;
        count += r->phase != MOVE_NO_PHASE && node_ref_equal(r->to, target) ? 1 : 0;
    }
    return count;
}

bool
moves_has_room(const struct moves *m, struct node_ref to)
{
    return !m->fenced && m->out_count < MOVE_OUT_MAX && source_count_to(m, to) < MOVE_PAIR_MAX;
}

static void
send_offer(struct moves *m, const struct move *mv)
{
    const struct move_record *r = &mv->record;
    stint_MoveMessage *message = moves_send(m, r->to, r->key, stint_MOVE_OFFER);
    memcpy(message->tasklet, r->tasklet.bytes, sizeof message->tasklet);
    message->epoch = r->epoch;
    message->bytes = r->bytes;
    message->fingerprint = mv->fingerprint;
    (void)text_copy(message->module, sizeof message->module, mv->module);
    (void)text_copy(message->code, sizeof message->code, mv->code);
    (void)text_copy(message->reason, sizeof message->reason, r->reason);
    (void)text_copy(message->by, sizeof message->by, r->by);
    (void)text_copy(message->tags, sizeof message->tags, r->tags);
}

static void
send_transfer(struct moves *m, const struct move *mv)
{
    const struct move_record *r = &mv->record;
    stint_MoveMessage *message = moves_send(m, r->to, r->key, stint_MOVE_TRANSFER);
    memcpy(message->tasklet, r->tasklet.bytes, sizeof message->tasklet);
    message->epoch = r->epoch + 1;
    message->bytes = mv->parcel.bytes;
    message->chunks = mv->parcel.chunks;
    memcpy(message->digest, mv->parcel.digest, sizeof message->digest);
}

static void
send_abort(struct moves *m, const struct move *mv)
{
    stint_MoveMessage *message = moves_send(m, mv->record.to, mv->record.key, stint_MOVE_ABORT);
    (void)text_copy(message->detail, sizeof message->detail, mv->record.detail);
}

static void
send_forget(struct moves *m, struct node_ref target)
{
    struct move_key key = { m->self, m->counter };
    (void)moves_send(m, target, key, stint_MOVE_FORGET);
}

/* Ends a move and lets its target forget it, if the target is still there. */
static void
settle_and_forget(struct moves *m, struct move *mv, enum move_outcome outcome,
                  enum stint_status status, const char *detail, uint64_t now_ns)
{
    struct node_ref target = mv->record.to;
    move_settle(m, mv, outcome, status, detail, now_ns);
    if (moves_knows(m, target)) {
        send_forget(m, target);
    }
}

/*
 * The tasklet is frozen here, and it is certain that it never runs there: it runs here, as a
 * new grant of residency.
 */
static void
resume(struct moves *m, struct move *mv, enum stint_status status, const char *detail,
       uint64_t now_ns)
{
    struct move_effect *e = moves_emit(m, MOVE_RESUME, mv);
    e->epoch = mv->record.epoch + 2;
    settle_and_forget(m, mv, MOVE_RETURNED, status, detail, now_ns);
}

enum stint_status
moves_start(struct moves *m, const struct move_order *order, struct node_ref to, uint64_t now_ns,
            struct move_key *key)
{
    if (m->fenced) {
        return STINT_FENCED;
    }
    if (node_ref_equal(to, m->self)) {
        return STINT_INVALID;
    }
    if (!moves_knows(m, to)) {
        return STINT_UNREACHABLE;
    }
    if (source_find_tasklet(m, order->tasklet) != NULL) {
        return STINT_EXISTS;
    }
    if (!moves_has_room(m, to)) {
        return STINT_BUSY;
    }
    struct move *mv = m->out;
    while (mv->record.phase != MOVE_NO_PHASE) {
        mv++;
    }
    struct move_record *r = &mv->record;
    *mv = (struct move){ .record.outgoing = true, .fingerprint = order->fingerprint };
    r->key = (struct move_key){ m->self, ++m->counter };
    r->id = move_key_id(r->key);
    r->tasklet = order->tasklet;
    r->from = m->self;
    r->to = to;
    r->epoch = order->epoch;
    r->bytes = order->bytes;
    (void)text_copy(r->reason, sizeof r->reason, order->reason == NULL ? "" : order->reason);
    (void)text_copy(r->by, sizeof r->by, order->by == NULL ? "" : order->by);
    (void)text_copy(r->tags, sizeof r->tags, order->tags == NULL ? "" : order->tags);
    (void)text_copy(mv->module, sizeof mv->module, order->module == NULL ? "" : order->module);
    (void)text_copy(mv->code, sizeof mv->code, order->code == NULL ? "" : order->code);
    move_enter(m, mv, MOVE_OFFERED, m->config.offer_ms, true, now_ns);
    send_offer(m, mv);
    if (key != NULL) {
        *key = r->key;
    }
    return STINT_OK;
}

void
moves_frozen(struct moves *m, struct move_key key, enum stint_status status,
             const struct move_parcel *parcel, const char *detail, uint64_t now_ns)
{
    struct move *mv = source_of_key(m, key);
    if (m->fenced || mv == NULL || mv->record.phase != MOVE_FREEZING) {
        return;
    }
    if (status != STINT_OK) { /* it runs on, or ended, under its own epoch */
        settle_and_forget(m, mv, MOVE_RETURNED, status, detail, now_ns);
        return;
    }
    STINT_ASSERT(parcel->chunks > 0 && parcel->bytes > 0);
    mv->parcel = *parcel;
    mv->record.epoch = parcel->epoch;
    mv->record.bytes = parcel->bytes;
    uint64_t limit_ms = m->config.abort_ms + parcel->bytes / SOURCE_BYTES_MS;
    move_enter(m, mv, MOVE_FROZEN, limit_ms, true, now_ns);
    if (mv->revoked) { /* no TRANSFER was sent, so nobody else can have it */
        resume(m, mv, mv->record.status, mv->record.detail, now_ns);
        return;
    }
    send_transfer(m, mv);
    moves_emit(m, MOVE_SHIP, mv)->first = 0;
}

/* R2: at most once for a move; from here on only ABORTED or M-S. */
static void
abort_move(struct moves *m, struct move *mv, enum stint_status status, const char *why,
           uint64_t now_ns)
{
    STINT_ASSERT(mv->record.phase == MOVE_FROZEN);
    move_set_detail(&mv->record, status, why);
    move_enter(m, mv, MOVE_ABORTING, m->config.abort_ms, true, now_ns);
    send_abort(m, mv);
}

enum stint_status
moves_cancel(struct moves *m, struct stint_id tasklet, const char *why, uint64_t now_ns)
{
    struct move *mv = m->fenced ? NULL : source_find_tasklet(m, tasklet);
    if (mv == NULL) {
        for (uint32_t i = 0; i < MOVE_OUT_MAX; i++) {
            if (m->out[i].record.phase == MOVE_COMMITTED
                && id_equal(m->out[i].record.tasklet, tasklet)) {
                return STINT_REFUSED;
            }
        }
        return STINT_NOT_FOUND;
    }
    switch (mv->record.phase) {
    case MOVE_OFFERED:
        settle_and_forget(m, mv, MOVE_RETURNED, STINT_CANCELLED, why, now_ns);
        break;
    case MOVE_FREEZING:
        mv->revoked = true;
        move_set_detail(&mv->record, STINT_CANCELLED, why);
        break;
    case MOVE_FROZEN:
        abort_move(m, mv, STINT_CANCELLED, why, now_ns);
        break;
    default:
        STINT_ASSERT(mv->record.phase == MOVE_ABORTING);
        break;
    }
    return STINT_OK;
}

static void
on_accept(struct moves *m, struct move *mv, uint64_t now_ns)
{
    if (mv->record.phase != MOVE_OFFERED) {
        return;
    }
    move_enter(m, mv, MOVE_FREEZING, 0, false, now_ns);
    (void)moves_emit(m, MOVE_FREEZE, mv);
}

static void
on_refuse(struct moves *m, struct move *mv, const stint_MoveMessage *message, uint64_t now_ns)
{
    if (mv->record.phase == MOVE_OFFERED) {
        enum stint_status status = message->status == 0 || message->status >= STINT_STATUS_COUNT_
                                       ? STINT_REFUSED
                                       : (enum stint_status)message->status;
        settle_and_forget(m, mv, MOVE_RETURNED, status, message->detail, now_ns);
    }
}

static enum stint_status
on_prepared(struct moves *m, struct move *mv, const stint_MoveMessage *message, uint64_t now_ns)
{
    if (mv->record.phase == MOVE_COMMITTED) { /* COMMIT is on its way, or will be repeated */
        return STINT_OK;
    }
    if (mv->record.phase != MOVE_FROZEN) { /* R1: ABORT was sent, so COMMIT never is */
        return mv->record.phase == MOVE_ABORTING ? STINT_OK : STINT_REFUSED;
    }
    if (memcmp(message->digest, mv->parcel.digest, sizeof mv->parcel.digest) != 0) {
        abort_move(m, mv, STINT_BAD_PICKLE, "the target holds something else than was sent",
                   now_ns);
        return STINT_REFUSED;
    }
    /* The commit point: from here on the tasklet is the target's. */
    move_enter(m, mv, MOVE_COMMITTED, m->config.abort_ms, true, now_ns);
    (void)moves_send(m, mv->record.to, mv->record.key, stint_MOVE_COMMIT);
    moves_emit(m, MOVE_DROP, mv)->epoch = mv->record.epoch + 1;
    return STINT_OK;
}

static enum stint_status
on_aborted(struct moves *m, struct move *mv, const stint_MoveMessage *message, uint64_t now_ns)
{
    enum stint_status status = message->status == 0 || message->status >= STINT_STATUS_COUNT_
                                   ? STINT_REFUSED
                                   : (enum stint_status)message->status;
    switch (mv->record.phase) {
    case MOVE_FROZEN: /* the target refused the parcel by itself (DECISIONS 7) */
        resume(m, mv, status, message->detail, now_ns);
        return STINT_OK;
    /* why it was called off is what operators want to read, not that it was */
    case MOVE_ABORTING:
        resume(m, mv, mv->record.status, mv->record.detail, now_ns);
        return STINT_OK;
    default:
        return STINT_REFUSED;
    }
}

enum stint_status
source_receive(struct moves *m, struct node_ref from, const stint_MoveMessage *message,
               uint64_t now_ns)
{
    struct move_key key = { .counter = message->key.counter };
    memcpy(key.source.id.bytes, message->key.node, sizeof key.source.id.bytes);
    key.source.inc = message->key.inc;
    if (!node_ref_equal(key.source, m->self) || key.counter == 0 || key.counter > m->counter) {
        return STINT_BAD_FRAME;
    }
    struct move *mv = source_find(m, key.counter);
    if (mv == NULL) { /* settled: late, or the target still holds something of it */
        send_forget(m, from);
        return STINT_OK;
    }
    if (!node_ref_equal(mv->record.to, from)) {
        return STINT_REFUSED;
    }
    switch (message->op) {
    case stint_MOVE_ACCEPT:
        on_accept(m, mv, now_ns);
        return STINT_OK;
    case stint_MOVE_REFUSE:
        on_refuse(m, mv, message, now_ns);
        return STINT_OK;
    case stint_MOVE_NEED:
        if (mv->record.phase == MOVE_FROZEN && message->next < mv->parcel.chunks) {
            moves_emit(m, MOVE_SHIP, mv)->first = message->next;
        }
        return STINT_OK;
    case stint_MOVE_PREPARED:
        return on_prepared(m, mv, message, now_ns);
    case stint_MOVE_DONE:
        if (mv->record.phase != MOVE_COMMITTED) {
            return STINT_REFUSED;
        }
        settle_and_forget(m, mv, MOVE_OUTCOME_COMMITTED, STINT_OK, NULL, now_ns);
        return STINT_OK;
    case stint_MOVE_ABORTED:
        return on_aborted(m, mv, message, now_ns);
    default:
        return STINT_BAD_FRAME;
    }
}

/* A view with this node in it (R5 came first). What it says of targets is final. */
void
source_view(struct moves *m, uint64_t now_ns)
{
    for (uint32_t i = 0; i < MOVE_OUT_MAX; i++) {
        struct move *mv = &m->out[i];
        if (mv->record.phase == MOVE_NO_PHASE || moves_knows(m, mv->record.to)) {
            continue;
        }
        switch (mv->record.phase) {
        case MOVE_OFFERED:
            move_settle(m, mv, MOVE_RETURNED, STINT_UNREACHABLE, "the target left the view",
                        now_ns);
            break;
        case MOVE_FREEZING:
            mv->revoked = true;
            move_set_detail(&mv->record, STINT_UNREACHABLE, "the target left the view");
            break;
        case MOVE_FROZEN:
        case MOVE_ABORTING: /* M-S */
            if (!MUTANT(m->mem, NO_RESUME)) {
                resume(m, mv, STINT_UNREACHABLE, "the target left the view", now_ns);
            }
            break;
        case MOVE_COMMITTED:
            move_settle(m, mv, MOVE_IN_DOUBT, STINT_IN_DOUBT,
                        "the target left the view after the commit, before it confirmed it",
                        now_ns);
            break;
        default:
            STINT_ASSERT(!"a phase of targets");
        }
    }
}

static void
resend(struct moves *m, struct move *mv)
{
    switch (mv->record.phase) {
    case MOVE_OFFERED:
        send_offer(m, mv);
        break;
    case MOVE_FROZEN:
        send_transfer(m, mv);
        break;
    case MOVE_ABORTING:
        send_abort(m, mv);
        break;
    case MOVE_COMMITTED:
        (void)moves_send(m, mv->record.to, mv->record.key, stint_MOVE_COMMIT);
        break;
    default:
        STINT_ASSERT(!"this phase waits for nobody's answer");
    }
}

/* R6: of all timers here, none makes a tasklet run or stop. */
void
source_tick(struct moves *m, struct move *mv, uint64_t now_ns)
{
    if (mv->limit_ns <= now_ns) {
        mv->limit_ns = MOVE_NEVER;
        switch (mv->record.phase) {
        case MOVE_OFFERED:
            settle_and_forget(m, mv, MOVE_RETURNED, STINT_TIMED_OUT,
                              "the target did not answer the offer", now_ns);
            return;
        case MOVE_FROZEN:
            if (MUTANT(m->mem, RESUME_TIMEOUT)) {
                resume(m, mv, STINT_TIMED_OUT, "mutant", now_ns);
                return;
            }
            abort_move(m, mv, STINT_TIMED_OUT, "the target did not confirm the parcel in time",
                       now_ns);
            return;
        case MOVE_ABORTING:
        case MOVE_COMMITTED: /* shown, with what it waits for; nothing else follows from it */
            mv->record.outcome = MOVE_IN_DOUBT;
            break;
        default:
            break;
        }
    }
    if (mv->resend_ns <= now_ns) {
        resend(m, mv);
        mv->resend_ms =
            mv->resend_ms * 2 < MOVE_RESEND_MAX_MS ? mv->resend_ms * 2 : MOVE_RESEND_MAX_MS;
        mv->resend_ns = now_ns + mv->resend_ms * MOVE_MS;
    }
}
