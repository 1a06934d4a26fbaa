/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of protocol M: slots, phases, effects, time, views. What a message means for each
 * side stands in move_source.c and move_target.c. The invariant of this file: no move changes
 * its phase but by move_enter, along an arrow of the table below, which is the drawing in
 * move.h.
 */
#include "cluster/move.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include "cluster/move_internal.h"

static const uint16_t arrows[MOVE_PHASE_COUNT_] = {
    [MOVE_NO_PHASE] = 1u << MOVE_OFFERED | 1u << MOVE_ASKING,
    [MOVE_OFFERED] = 1u << MOVE_FREEZING | 1u << MOVE_ENDED,
    [MOVE_FREEZING] = 1u << MOVE_FROZEN | 1u << MOVE_ENDED,
    [MOVE_FROZEN] = 1u << MOVE_COMMITTED | 1u << MOVE_ABORTING | 1u << MOVE_ENDED,
    [MOVE_ABORTING] = 1u << MOVE_ENDED, /* R1: never to COMMITTED */
    [MOVE_COMMITTED] = 1u << MOVE_ENDED,
    [MOVE_ASKING] = 1u << MOVE_RESERVED | 1u << MOVE_ENDED,
    [MOVE_RESERVED] = 1u << MOVE_RECEIVING | 1u << MOVE_ENDED,
    [MOVE_RECEIVING] = 1u << MOVE_INSTALLING | 1u << MOVE_ENDED,
    [MOVE_INSTALLING] = 1u << MOVE_PREPARED | 1u << MOVE_ENDED,
    [MOVE_PREPARED] = 1u << MOVE_ENDED,
    [MOVE_ENDED] = 1u << MOVE_NO_PHASE,
};

static uint32_t
or_default(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

struct moves *
moves_new(const struct moves_config *config)
{
    STINT_ASSERT(!node_ref_is_none(config->self) && config->self.inc != 0);
    struct moves *m = mem_zalloc(config->mem, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->config = *config;
    m->config.offer_ms = or_default(config->offer_ms, 2000);
    m->config.abort_ms = or_default(config->abort_ms, 2000);
    m->config.resend_ms = or_default(config->resend_ms, 250);
    m->config.reserve_ms = or_default(config->reserve_ms, 10000);
    m->mem = config->mem;
    m->self = config->self;
    m->accepting = true;
    m->deadline_ns = MOVE_NEVER;
    m->deadline_known = true;
    if (!move_history_init(m)) {
        mem_free(m->mem, m, sizeof *m);
        return NULL;
    }
    return m;
}

void
moves_free(struct moves *m)
{
    if (m == NULL) {
        return;
    }
    move_sources_fini(m);
    move_history_fini(m);
    mem_free(m->mem, m, sizeof *m);
}

bool
moves_knows(const struct moves *m, struct node_ref peer)
{
    for (uint32_t i = 0; i < m->peer_count; i++) {
        if (node_ref_equal(m->peers[i], peer)) {
            return true;
        }
    }
    return false;
}

static struct move_pending *
pending_add(struct moves *m, enum move_effect_kind kind)
{
    STINT_ASSERT(!m->fenced);
    STINT_ASSERT(m->pending_count < MOVE_EFFECTS_MAX);
    uint32_t place = (m->pending_first + m->pending_count++) % MOVE_EFFECTS_MAX;
    struct move_pending *p = &m->pending[place];
    memset(p, 0, sizeof *p);
    p->effect.kind = kind;
    return p;
}

struct move_effect *
moves_emit(struct moves *m, enum move_effect_kind kind, const struct move *mv)
{
    struct move_effect *e = &pending_add(m, kind)->effect;
    e->key = mv->record.key;
    e->tasklet = mv->record.tasklet;
    e->peer = mv->record.outgoing ? mv->record.to : mv->record.from;
    return e;
}

stint_MoveMessage *
moves_send(struct moves *m, struct node_ref peer, struct move_key key, stint_MoveOp op)
{
    struct move_effect *e = &pending_add(m, MOVE_SEND)->effect;
    e->peer = peer;
    e->key = key;
    e->message.op = op;
    memcpy(e->message.key.node, key.source.id.bytes, sizeof e->message.key.node);
    e->message.key.inc = key.source.inc;
    e->message.key.counter = key.counter;
    if (node_ref_equal(key.source, m->self)) {
        e->message.forget = source_watermark(m, peer);
    }
    return &e->message;
}

bool
moves_next(struct moves *m, struct move_effect *effect)
{
    if (m->pending_count == 0) {
        return false;
    }
    const struct move_pending *p = &m->pending[m->pending_first];
    *effect = p->effect;
    if (p->record_number != 0) {
        effect->record = move_history_get(m, p->record_number);
        STINT_ASSERT(effect->record != NULL);
    }
    m->pending_first = (m->pending_first + 1) % MOVE_EFFECTS_MAX;
    m->pending_count--;
    return true;
}

void
move_enter(struct moves *m, struct move *mv, enum move_phase phase, uint64_t limit_ms,
           bool resend, uint64_t now_ns)
{
    STINT_ASSERT((arrows[mv->record.phase] >> phase & 1) == 1);
    if (mv->record.phase == MOVE_NO_PHASE) {
        *(mv->record.outgoing ? &m->out_count : &m->in_count) += 1;
    }
    mv->record.phase = phase;
    mv->record.phase_ns[phase] = now_ns;
    mv->limit_ns = limit_ms == 0 ? MOVE_NEVER : now_ns + limit_ms * MOVE_MS;
    mv->resend_ms = m->config.resend_ms;
    mv->resend_ns = resend ? now_ns + mv->resend_ms * MOVE_MS : MOVE_NEVER;
    m->deadline_known = false;
}

static void
count_outcome(struct moves *m, const struct move_record *r)
{
    switch (r->outcome) {
    case MOVE_OUTCOME_COMMITTED:
        *(r->outgoing ? &m->counts.out_committed : &m->counts.in_committed) += 1;
        break;
    case MOVE_RETURNED:
        m->counts.returned += r->outgoing ? 1 : 0;
        break;
    case MOVE_IN_DOUBT:
    case MOVE_FAILED:
        m->counts.failed++;
        break;
    case MOVE_PENDING:
        STINT_ASSERT(!"a move ends with an outcome");
        break;
    }
}

void
move_settle(struct moves *m, struct move *mv, enum move_outcome outcome, enum stint_status status,
            const char *detail, uint64_t now_ns)
{
    struct move_record *r = &mv->record;
    if (r->outgoing && r->phase_ns[MOVE_FROZEN] != 0) {
        r->frozen_us = (now_ns - r->phase_ns[MOVE_FROZEN]) / 1000;
    }
    move_enter(m, mv, MOVE_ENDED, 0, false, now_ns);
    r->outcome = outcome;
    if (status != STINT_OK || r->status == STINT_OK) {
        move_set_detail(r, status, detail);
    }
    count_outcome(m, r);
    uint64_t number = move_history_add(m, r);
    struct move_pending *p = pending_add(m, MOVE_FINISHED);
    p->record_number = number;
    p->effect.key = r->key;
    p->effect.tasklet = r->tasklet;
    p->effect.peer = r->outgoing ? r->to : r->from;
    *(r->outgoing ? &m->out_count : &m->in_count) -= 1;
    memset(mv, 0, sizeof *mv);
}

void
moves_accept(struct moves *m, bool accept, const char *why)
{
    m->accepting = accept;
    (void)text_copy(m->not_accepting, sizeof m->not_accepting, why == NULL ? "" : why);
}

/* The direction of a message is in its op: some only a source says, the others only a target. */
static bool
said_by_source(stint_MoveOp op)
{
    return op == stint_MOVE_OFFER || op == stint_MOVE_TRANSFER || op == stint_MOVE_COMMIT
           || op == stint_MOVE_ABORT || op == stint_MOVE_FORGET;
}

enum stint_status
moves_receive(struct moves *m, struct node_ref from, const stint_MoveMessage *message,
              uint64_t now_ns)
{
    enum stint_status status;
    if (m->fenced) {
        return STINT_OK;
    }
    if (message->op <= stint_MOVE_NONE || message->op > stint_MOVE_FORGET) {
        status = STINT_BAD_FRAME;
    } else if (!moves_knows(m, from)) {
        status = STINT_REFUSED; /* R4, and I5 for all other messages */
    } else if (said_by_source(message->op)) {
        status = target_receive(m, from, message, now_ns);
    } else {
        status = source_receive(m, from, message, now_ns);
    }
    m->counts.refused_messages += status == STINT_OK ? 0 : 1;
    return status;
}

/* R5: what is frozen or prepared here belongs to nobody any more; core drops everything else. */
static void
moves_fence(struct moves *m)
{
    m->fenced = true;
    m->pending_count = 0;
    memset(m->out, 0, sizeof m->out);
    memset(m->in, 0, sizeof m->in);
    m->out_count = 0;
    m->in_count = 0;
    m->peer_count = 0;
    move_sources_drop_absent(m);
    m->deadline_ns = MOVE_NEVER;
    m->deadline_known = true;
}

void
moves_view(struct moves *m, const struct view *view, uint64_t now_ns)
{
    if (m->fenced) {
        return;
    }
    if (!view_has(view, m->self) && !MUTANT(m->mem, SELF_VIEW)) {
        moves_fence(m);
        return;
    }
    m->peer_count = 0;
    for (uint32_t i = 0; i < view->member_count; i++) {
        const struct member *member = &view->members[i];
        if (member_is_living(member) && !node_ref_equal(member->ref, m->self)) {
            m->peers[m->peer_count++] = member->ref;
        }
    }
    target_view(m, now_ns);
    source_view(m, now_ns);
    move_sources_drop_absent(m);
}

void
moves_tick(struct moves *m, uint64_t now_ns)
{
    if (moves_deadline(m) > now_ns) {
        return;
    }
    for (uint32_t i = 0; i < MOVE_OUT_MAX; i++) {
        if (m->out[i].record.phase != MOVE_NO_PHASE) {
            source_tick(m, &m->out[i], now_ns);
        }
    }
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        if (m->in[i].record.phase != MOVE_NO_PHASE) {
            target_tick(m, &m->in[i], now_ns);
        }
    }
    m->deadline_known = false;
}

static uint64_t
slots_deadline(const struct move *slots, uint32_t count, uint64_t least)
{
    for (uint32_t i = 0; i < count; i++) {
        if (slots[i].record.phase != MOVE_NO_PHASE) {
            least = slots[i].resend_ns < least ? slots[i].resend_ns : least;
            least = slots[i].limit_ns < least ? slots[i].limit_ns : least;
        }
    }
    return least;
}

/*
 * Walks the slots once after they changed, and not at all while they did not: it is asked after
 * every event.
 */
uint64_t
moves_deadline(const struct moves *m)
{
    if (!m->deadline_known) {
        /* two fields that only remember what the slots say */
        struct moves *cache = (struct moves *)m;
        uint64_t least = MOVE_NEVER;
        least = m->out_count == 0 ? least : slots_deadline(m->out, MOVE_OUT_MAX, least);
        least = m->in_count == 0 ? least : slots_deadline(m->in, MOVE_IN_MAX, least);
        cache->deadline_ns = least;
        cache->deadline_known = true;
    }
    return m->deadline_ns;
}
