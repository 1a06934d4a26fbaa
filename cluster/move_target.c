/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocol M, the side that gets the tasklet. It runs here only by COMMIT, or because the
 * source is no more (M-D); and once this side has answered ABORTED, or refused a parcel, a
 * tombstone keeps it from ever running here under that move.
 *
 *     state       what is here           leaves by
 *     ASKING      nothing                core's answer
 *     RESERVED    room                   TRANSFER; own timer (room is no residency)
 *     RECEIVING   part of a parcel       all of it, ABORT, source gone
 *     INSTALLING  a parcel               core's answer
 *     PREPARED    a copy, not runnable   COMMIT or M-D -> RUN; ABORT -> tombstone
 */
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include "cluster/move_internal.h"

static struct move *
target_find(struct moves *m, struct move_key key)
{
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        struct move *mv = &m->in[i];
        if (mv->record.phase != MOVE_NO_PHASE && move_key_equal(mv->record.key, key)) {
            return mv;
        }
    }
    return NULL;
}

static struct move_source *
source_of(struct moves *m, const struct move *mv)
{
    struct move_source *s = move_source_get(m, mv->record.from, false);
    /* a slot is taken only when there is one, and it goes with its source */
    STINT_ASSERT(s != NULL);
    return s;
}

static void
send_status(struct moves *m, struct node_ref to, struct move_key key, stint_MoveOp op,
            enum stint_status status, const char *detail)
{
    stint_MoveMessage *message = moves_send(m, to, key, op);
    message->status = (uint32_t)status;
    if (detail == NULL || detail[0] == '\0') {
        detail = stint_strerror(status);
    }
    (void)text_copy(message->detail, sizeof message->detail, detail);
}

static void
send_prepared(struct moves *m, const struct move *mv)
{
    stint_MoveMessage *message =
        moves_send(m, mv->record.from, mv->record.key, stint_MOVE_PREPARED);
    memcpy(message->digest, mv->parcel.digest, sizeof message->digest);
}

/* An offer comes to nothing. There never was a copy, so no tombstone is needed. */
static void
refuse_offer(struct moves *m, struct move *mv, enum stint_status status, const char *detail,
             uint64_t now_ns)
{
    send_status(m, mv->record.from, mv->record.key, stint_MOVE_REFUSE, status, detail);
    move_settle(m, mv, MOVE_RETURNED, status, detail, now_ns);
}

/* R3, and DECISIONS 7: from now on the move never runs here; then the source is told so. */
static void
bury(struct moves *m, struct move *mv, enum stint_status status, const char *detail,
     bool discard, uint64_t now_ns)
{
    if (MUTANT(m->mem, NO_TOMBSTONE)) {
        send_status(m, mv->record.from, mv->record.key, stint_MOVE_ABORTED, status, detail);
        return;
    }
    move_tombstone_add(source_of(m, mv), mv->record.key.counter, false, status);
    if (discard) {
        (void)moves_emit(m, MOVE_DISCARD, mv);
    }
    send_status(m, mv->record.from, mv->record.key, stint_MOVE_ABORTED, status, detail);
    move_settle(m, mv, MOVE_RETURNED, status, detail, now_ns);
}

/* The grant of residency. */
static void
run(struct moves *m, struct move *mv, bool adopted, uint64_t now_ns)
{
    STINT_ASSERT(mv->record.phase == MOVE_PREPARED && !mv->aborted);
    struct move_source *s = source_of(m, mv);
    move_tombstone_add(s, mv->record.key.counter, true, STINT_OK);
    struct move_effect *e = moves_emit(m, MOVE_RUN, mv);
    e->epoch = mv->record.epoch + 1;
    e->adopted = adopted;
    move_settle(m, mv, MOVE_OUTCOME_COMMITTED, STINT_OK,
                adopted ? "adopted: the source left the view" : NULL, now_ns);
}

/*
 * True if nothing here contradicts that the tasklet comes from there. A reservation that its
 * source has given up goes.
 */
static bool
tasklet_is_free(struct moves *m, struct node_ref from, uint64_t counter,
                struct stint_id tasklet, uint64_t now_ns)
{
    if (source_find_tasklet(m, tasklet) != NULL) {
        return false;
    }
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        struct move *mv = &m->in[i];
        if (mv->record.phase == MOVE_NO_PHASE || !id_equal(mv->record.tasklet, tasklet)) {
            continue;
        }
        bool empty = mv->record.phase == MOVE_ASKING || mv->record.phase == MOVE_RESERVED;
        if (!empty || !node_ref_equal(mv->record.from, from)
            || mv->record.key.counter >= counter) {
            return false;
        }
        move_settle(m, mv, MOVE_RETURNED, STINT_CANCELLED, "the source offered it anew", now_ns);
    }
    return true;
}

static uint32_t
target_count_from(const struct moves *m, struct node_ref from)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        const struct move_record *r = &m->in[i].record;
        count += r->phase != MOVE_NO_PHASE && node_ref_equal(r->from, from) ? 1 : 0;
    }
    return count;
}

static enum stint_status
offer_verdict(struct moves *m, const struct move_source *s, const char **why)
{
    if (!m->accepting) {
        *why = m->not_accepting;
        return STINT_REFUSED;
    }
    if (m->in_count == MOVE_IN_MAX || target_count_from(m, s->ref) == MOVE_PAIR_MAX
        || !move_tombstone_room(m, s)) {
        *why = "too many moves at once";
        return STINT_BUSY;
    }
    return STINT_OK;
}

static void
on_offer(struct moves *m, struct move_source *s, struct move_key key,
         const stint_MoveMessage *message, uint64_t now_ns)
{
    struct move *mv = target_find(m, key);
    if (mv != NULL) {
        if (mv->record.phase == MOVE_RESERVED) {
            (void)moves_send(m, s->ref, key, stint_MOVE_ACCEPT);
        }
        return;
    }
    const char *why = NULL;
    enum stint_status status = offer_verdict(m, s, &why);
    struct stint_id tasklet;
    memcpy(tasklet.bytes, message->tasklet, sizeof tasklet.bytes);
    if (status == STINT_OK && !tasklet_is_free(m, s->ref, key.counter, tasklet, now_ns)) {
        status = STINT_BUSY;
        why = "this tasklet is on its way here or from here already";
    }
    if (status != STINT_OK) {
        send_status(m, s->ref, key, stint_MOVE_REFUSE, status, why);
        return;
    }
    mv = m->in;
    while (mv->record.phase != MOVE_NO_PHASE) {
        mv++;
    }
    struct move_record *r = &mv->record;
    *mv = (struct move){ .fingerprint = message->fingerprint };
    r->key = key;
    r->id = move_key_id(key);
    r->tasklet = tasklet;
    r->from = s->ref;
    r->to = m->self;
    r->epoch = message->epoch;
    r->bytes = message->bytes;
    (void)text_copy(r->reason, sizeof r->reason, message->reason);
    (void)text_copy(r->by, sizeof r->by, message->by);
    (void)text_copy(r->tags, sizeof r->tags, message->tags);
    move_enter(m, mv, MOVE_ASKING, 0, false, now_ns);
    moves_emit(m, MOVE_ADMIT, mv)->message = *message;
}

void
moves_admitted(struct moves *m, struct move_key key, enum stint_status status,
               const char *detail, uint64_t now_ns)
{
    struct move *mv = m->fenced ? NULL : target_find(m, key);
    if (mv == NULL || mv->record.phase != MOVE_ASKING) {
        return;
    }
    if (status != STINT_OK) {
        refuse_offer(m, mv, status, detail, now_ns);
        return;
    }
    move_enter(m, mv, MOVE_RESERVED, m->config.reserve_ms, false, now_ns);
    (void)moves_send(m, mv->record.from, key, stint_MOVE_ACCEPT);
}

/* TRANSFER without a reservation (it ran out, or was never there): buried unseen. */
static void
refuse_stray(struct moves *m, struct move_source *s, struct move_key key,
             enum stint_status status, const char *detail)
{
    if (!move_tombstone_room(m, s)) {
        return; /* unanswered; it is repeated until there is room */
    }
    move_tombstone_add(s, key.counter, false, status);
    send_status(m, s->ref, key, stint_MOVE_ABORTED, status, detail);
}

static enum stint_status
on_transfer(struct moves *m, struct move_source *s, struct move_key key,
            const stint_MoveMessage *message, uint64_t now_ns)
{
    struct move *mv = target_find(m, key);
    if (mv == NULL) {
        refuse_stray(m, s, key, STINT_EXPIRED, "the reservation has run out");
        return STINT_OK;
    }
    struct move_record *r = &mv->record;
    switch (r->phase) {
    case MOVE_RESERVED:
        break;
    case MOVE_RECEIVING:
        moves_send(m, s->ref, key, stint_MOVE_NEED)->next = mv->next;
        return STINT_OK;
    case MOVE_PREPARED:
        send_prepared(m, mv);
        return STINT_OK;
    default:
        return r->phase == MOVE_INSTALLING ? STINT_OK : STINT_REFUSED;
    }
    if (memcmp(message->tasklet, r->tasklet.bytes, sizeof r->tasklet.bytes) != 0
        || message->epoch <= r->epoch || message->bytes == 0 || message->chunks == 0) {
        bury(m, mv, STINT_BAD_FRAME, "the transfer is not what was offered", false, now_ns);
        return STINT_BAD_FRAME;
    }
    r->epoch = message->epoch - 1;
    r->bytes = message->bytes;
    mv->parcel.epoch = r->epoch;
    mv->parcel.bytes = message->bytes;
    mv->parcel.chunks = message->chunks;
    memcpy(mv->parcel.digest, message->digest, sizeof mv->parcel.digest);
    move_enter(m, mv, MOVE_RECEIVING, 0, false, now_ns);
    struct move_effect *e = moves_emit(m, MOVE_RECEIVE, mv);
    e->epoch = message->epoch;
    e->bytes = message->bytes;
    e->chunks = message->chunks;
    memcpy(e->digest, message->digest, sizeof e->digest);
    return STINT_OK;
}

void
moves_progress(struct moves *m, struct move_key key, uint32_t next, uint64_t now_ns)
{
    (void)now_ns;
    struct move *mv = m->fenced ? NULL : target_find(m, key);
    if (mv != NULL && mv->record.phase == MOVE_RECEIVING && next > mv->next
        && next < mv->parcel.chunks) {
        mv->next = next;
    }
}

void
moves_arrived(struct moves *m, struct move_key key, enum stint_status status,
              const char *detail, uint64_t now_ns)
{
    struct move *mv = m->fenced ? NULL : target_find(m, key);
    if (mv == NULL || mv->record.phase != MOVE_RECEIVING) {
        return;
    }
    if (status != STINT_OK) {
        bury(m, mv, status, detail, true, now_ns);
        return;
    }
    move_enter(m, mv, MOVE_INSTALLING, 0, false, now_ns);
    moves_emit(m, MOVE_INSTALL, mv)->epoch = mv->record.epoch + 1;
}

/* What became of an installation whose move was decided meanwhile. */
static void
installed_too_late(struct moves *m, struct move *mv, enum stint_status status, uint64_t now_ns)
{
    STINT_ASSERT(mv->aborted);
    if (status == STINT_OK) {
        (void)moves_emit(m, MOVE_DISCARD, mv);
    }
    move_settle(m, mv, MOVE_RETURNED, mv->record.status, mv->record.detail, now_ns);
}

void
moves_installed(struct moves *m, struct move_key key, enum stint_status status,
                const char *detail, uint64_t now_ns)
{
    struct move *mv = m->fenced ? NULL : target_find(m, key);
    if (mv == NULL || mv->record.phase != MOVE_INSTALLING) {
        return;
    }
    if (mv->aborted) {
        installed_too_late(m, mv, status, now_ns);
    } else if (status != STINT_OK && mv->orphaned) {
        move_settle(m, mv, MOVE_FAILED, status, detail, now_ns);
    } else if (status != STINT_OK) {
        bury(m, mv, status, detail, false, now_ns);
    } else {
        uint32_t wait_ms = m->config.abort_ms / (MUTANT(m->mem, ADOPT_TIMEOUT) ? 4 : 1);
        move_enter(m, mv, MOVE_PREPARED, wait_ms, false, now_ns);
        if (!mv->orphaned) {
            send_prepared(m, mv);
        }
        if (mv->orphaned || MUTANT(m->mem, ONEPHASE)) {
            /* M-D: the view came while it was being installed */
            run(m, mv, mv->orphaned, now_ns);
        }
    }
    move_sources_drop_absent(m);
}

static enum stint_status
on_commit(struct moves *m, struct move_key key, uint64_t now_ns)
{
    struct move *mv = target_find(m, key);
    if (mv == NULL || mv->record.phase != MOVE_PREPARED) {
        return STINT_REFUSED;
    }
    struct node_ref source = mv->record.from;
    run(m, mv, false, now_ns);
    (void)moves_send(m, source, key, stint_MOVE_DONE);
    return STINT_OK;
}

static void
on_abort(struct moves *m, struct move_source *s, struct move_key key,
         const stint_MoveMessage *message, uint64_t now_ns)
{
    const char *detail =
        message->detail[0] != '\0' ? message->detail : "called off by the source";
    struct move *mv = target_find(m, key);
    if (mv == NULL) { /* R3: of a TRANSFER that was never seen, too */
        refuse_stray(m, s, key, STINT_CANCELLED, detail);
        return;
    }
    if (mv->record.phase == MOVE_INSTALLING) {
        if (!mv->aborted) {
            mv->aborted = true;
            move_set_detail(&mv->record, STINT_CANCELLED, detail);
            move_tombstone_add(s, key.counter, false, STINT_CANCELLED);
        }
        send_status(m, s->ref, key, stint_MOVE_ABORTED, STINT_CANCELLED, detail);
        return;
    }
    bool something = mv->record.phase == MOVE_RECEIVING || mv->record.phase == MOVE_PREPARED;
    bury(m, mv, STINT_CANCELLED, detail, something, now_ns);
}

/* A repeated message of a move that ended here. */
static void
on_buried(struct moves *m, const struct move_source *s, const struct move_tombstone *t,
          struct move_key key, stint_MoveOp op)
{
    if (t->ran) {
        if (op == stint_MOVE_COMMIT) {
            (void)moves_send(m, s->ref, key, stint_MOVE_DONE);
        }
        return; /* R3: ABORT of what runs is ignored */
    }
    if (op == stint_MOVE_ABORT || op == stint_MOVE_TRANSFER) {
        send_status(m, s->ref, key, stint_MOVE_ABORTED, (enum stint_status)t->status, NULL);
    }
}

/*
 * The source says that all up to there is settled. What is only reserved goes; anything more it
 * could not have settled.
 */
static enum stint_status
forget(struct moves *m, struct move_source *s, uint64_t watermark, uint64_t now_ns)
{
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        struct move *mv = &m->in[i];
        const struct move_record *r = &mv->record;
        if (r->phase == MOVE_NO_PHASE || r->key.counter > watermark
            || !node_ref_equal(r->from, s->ref)) {
            continue;
        }
        if (r->phase != MOVE_ASKING && r->phase != MOVE_RESERVED && !mv->aborted) {
            return STINT_REFUSED;
        }
    }
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        struct move *mv = &m->in[i];
        if (mv->record.phase != MOVE_NO_PHASE && mv->record.key.counter <= watermark
            && !mv->aborted && node_ref_equal(mv->record.from, s->ref)) {
            move_settle(m, mv, MOVE_RETURNED, STINT_CANCELLED, "the source gave it up", now_ns);
        }
    }
    move_tombstones_forget(s, watermark);
    return STINT_OK;
}

enum stint_status
target_receive(struct moves *m, struct node_ref from, const stint_MoveMessage *message,
               uint64_t now_ns)
{
    struct move_key key = { .counter = message->key.counter };
    memcpy(key.source.id.bytes, message->key.node, sizeof key.source.id.bytes);
    key.source.inc = message->key.inc;
    if (!node_ref_equal(key.source, from) || message->forget > key.counter
        || (message->op != stint_MOVE_FORGET
            && (key.counter == 0 || message->forget == key.counter))) {
        return STINT_BAD_FRAME;
    }
    struct move_source *s = move_source_get(m, from, true);
    if (s == NULL) {
        return STINT_NO_MEMORY; /* unanswered, hence repeated */
    }
    enum stint_status status = forget(m, s, message->forget, now_ns);
    if (status != STINT_OK || message->op == stint_MOVE_FORGET || key.counter <= s->watermark) {
        return status;
    }
    const struct move_tombstone *t = move_tombstone_find(s, key.counter);
    if (t != NULL) {
        on_buried(m, s, t, key, message->op);
        return STINT_OK;
    }
    switch (message->op) {
    case stint_MOVE_OFFER:
        on_offer(m, s, key, message, now_ns);
        return STINT_OK;
    case stint_MOVE_TRANSFER:
        return on_transfer(m, s, key, message, now_ns);
    case stint_MOVE_COMMIT:
        return on_commit(m, key, now_ns);
    case stint_MOVE_ABORT:
        on_abort(m, s, key, message, now_ns);
        return STINT_OK;
    default:
        return STINT_BAD_FRAME;
    }
}

/* A view with this node in it (R5 came first). */
void
target_view(struct moves *m, uint64_t now_ns)
{
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        struct move *mv = &m->in[i];
        if (mv->record.phase == MOVE_NO_PHASE || moves_knows(m, mv->record.from)) {
            continue;
        }
        switch (mv->record.phase) {
        case MOVE_PREPARED: /* M-D */
            run(m, mv, true, now_ns);
            break;
        case MOVE_INSTALLING:
            mv->orphaned = true;
            break;
        case MOVE_RECEIVING:
            (void)moves_emit(m, MOVE_DISCARD, mv);
            move_settle(m, mv, MOVE_FAILED, STINT_UNREACHABLE,
                        "the source left the view before its parcel was complete", now_ns);
            break;
        default:
            move_settle(m, mv, MOVE_RETURNED, STINT_UNREACHABLE, "the source left the view",
                        now_ns);
            break;
        }
    }
}

void
target_tick(struct moves *m, struct move *mv, uint64_t now_ns)
{
    if (mv->limit_ns > now_ns) {
        return;
    }
    mv->limit_ns = MOVE_NEVER;
    if (mv->record.phase == MOVE_RESERVED) {
        move_settle(m, mv, MOVE_RETURNED, STINT_EXPIRED, "no transfer followed the offer",
                    now_ns);
    } else if (mv->record.phase == MOVE_PREPARED) {
        mv->record.outcome = MOVE_IN_DOUBT; /* only COMMIT, ABORT or a view can tell */
        if (MUTANT(m->mem, ADOPT_TIMEOUT)) {
            run(m, mv, true, now_ns);
        }
    }
}
