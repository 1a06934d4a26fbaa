/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of moves: what operators read. A ring of the last MOVE_HISTORY_MAX that ended; it
 * grows with use and, when memory is short, keeps fewer. Nothing of the protocol depends on it.
 */
#include <string.h>

#include "base/hash.h"
#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "cluster/move_internal.h"

STINT_STATIC_ASSERT(MOVE_HISTORY_FIRST >= MOVE_OUT_MAX + MOVE_IN_MAX,
                    "the records of one call are all there until its effects are taken");
STINT_STATIC_ASSERT(sizeof(((stint_MoveMessage *)0)->reason) == MOVE_REASON_SIZE, "reason");
STINT_STATIC_ASSERT(sizeof(((stint_MoveMessage *)0)->by) == MOVE_BY_SIZE, "by");
STINT_STATIC_ASSERT(sizeof(((stint_MoveMessage *)0)->detail) == MOVE_DETAIL_SIZE, "detail");
STINT_STATIC_ASSERT(sizeof(((stint_MoveMessage *)0)->tags) == LIMIT_LABELS + 1, "tags");
STINT_STATIC_ASSERT(sizeof(((stint_MoveMessage *)0)->module) == MOVE_NAME_SIZE, "module");
STINT_STATIC_ASSERT(sizeof(((stint_MoveMessage *)0)->code) == MOVE_NAME_SIZE, "code");

bool
move_key_equal(struct move_key a, struct move_key b)
{
    return a.counter == b.counter && node_ref_equal(a.source, b.source);
}

/*
 * A hash of all of it in the first half, so that moves differ from the first digit on (ids are
 * given by prefix); the count in the second, so that two moves of one source never share an id.
 */
struct stint_id
move_key_id(struct move_key key)
{
    struct hash h;
    hash_init(&h);
    hash_add(&h, key.source.id.bytes, sizeof key.source.id.bytes);
    hash_add_u64(&h, key.source.inc);
    hash_add_u64(&h, key.counter);
    struct stint_id id;
    le64_put(id.bytes, hash_final(&h));
    for (unsigned i = 0; i < 8; i++) {
        id.bytes[15 - i] = (uint8_t)(key.counter >> (8 * i));
    }
    return id;
}

const char *
move_phase_text(enum move_phase phase)
{
    static const char *const texts[MOVE_PHASE_COUNT_] = {
        [MOVE_NO_PHASE] = "none",           [MOVE_OFFERED] = "offered",
        [MOVE_FREEZING] = "freezing",       [MOVE_FROZEN] = "frozen",
        [MOVE_ABORTING] = "aborting",       [MOVE_COMMITTED] = "committed",
        [MOVE_ASKING] = "asking",           [MOVE_RESERVED] = "reserved",
        [MOVE_RECEIVING] = "receiving",     [MOVE_INSTALLING] = "installing",
        [MOVE_PREPARED] = "prepared",       [MOVE_ENDED] = "ended",
    };
    return phase < MOVE_PHASE_COUNT_ ? texts[phase] : "none";
}

const char *
move_outcome_text(enum move_outcome outcome)
{
    switch (outcome) {
    case MOVE_PENDING:
        return "";
    case MOVE_OUTCOME_COMMITTED:
        return "committed";
    case MOVE_RETURNED:
        return "returned";
    case MOVE_IN_DOUBT:
        return "in_doubt";
    case MOVE_FAILED:
        return "failed";
    }
    return "";
}

void
move_set_detail(struct move_record *record, enum stint_status status, const char *detail)
{
    record->status = status;
    if (detail == NULL || detail[0] == '\0') {
        detail = status == STINT_OK ? "" : stint_strerror(status);
    }
    (void)text_copy(record->detail, sizeof record->detail, detail);
}

bool
move_history_init(struct moves *m)
{
    m->history = mem_alloc(m->mem, MOVE_HISTORY_FIRST * sizeof m->history[0]);
    m->history_capacity = m->history == NULL ? 0 : MOVE_HISTORY_FIRST;
    m->history_first = 1;
    return m->history != NULL;
}

void
move_history_fini(struct moves *m)
{
    mem_free(m->mem, m->history, m->history_capacity * sizeof m->history[0]);
    m->history = NULL;
    m->history_capacity = 0;
}

/*
 * Doubles the ring. It is full and has never wrapped, so the records stand in order and stay
 * where they are.
 */
static void
history_grow(struct moves *m)
{
    size_t old_size = m->history_capacity * sizeof m->history[0];
    struct move_record *larger = mem_resize(m->mem, m->history, old_size, 2 * old_size);
    if (larger != NULL) {
        m->history = larger;
        m->history_capacity *= 2;
    }
}

uint64_t
move_history_add(struct moves *m, const struct move_record *record)
{
    if (m->history_last == m->history_capacity && m->history_capacity < MOVE_HISTORY_MAX) {
        history_grow(m);
    }
    uint64_t number = ++m->history_last;
    m->history[(number - 1) % m->history_capacity] = *record;
    if (number - m->history_first >= m->history_capacity) {
        m->history_first = number - m->history_capacity + 1;
    }
    return number;
}

const struct move_record *
move_history_get(const struct moves *m, uint64_t number)
{
    if (number < m->history_first || number > m->history_last) {
        return NULL;
    }
    return &m->history[(number - 1) % m->history_capacity];
}

/* The `index`-th slot in use of `slots`; *index counts down over those that are passed. */
static const struct move_record *
slots_nth(const struct move *slots, uint32_t count, uint64_t *index)
{
    for (uint32_t i = 0; i < count; i++) {
        if (slots[i].record.phase != MOVE_NO_PHASE && (*index)-- == 0) {
            return &slots[i].record;
        }
    }
    return NULL;
}

const struct move_record *
moves_list(const struct moves *m, uint32_t index)
{
    uint64_t ended = m->history_last + 1 - m->history_first;
    if (index < ended) {
        return move_history_get(m, m->history_first + index);
    }
    uint64_t left = index - ended;
    const struct move_record *record = slots_nth(m->out, MOVE_OUT_MAX, &left);
    return record != NULL ? record : slots_nth(m->in, MOVE_IN_MAX, &left);
}

/*
 * Those under way first: while one is, a record of it as ended cannot exist, except by moving
 * within one node.
 */
const struct move_record *
moves_find(const struct moves *m, struct stint_id id)
{
    for (uint32_t i = 0; i < MOVE_OUT_MAX; i++) {
        if (m->out[i].record.phase != MOVE_NO_PHASE && id_equal(m->out[i].record.id, id)) {
            return &m->out[i].record;
        }
    }
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        if (m->in[i].record.phase != MOVE_NO_PHASE && id_equal(m->in[i].record.id, id)) {
            return &m->in[i].record;
        }
    }
    for (uint64_t n = m->history_last; n >= m->history_first && n > 0; n--) {
        const struct move_record *record = move_history_get(m, n);
        if (id_equal(record->id, id)) {
            return record;
        }
    }
    return NULL;
}

struct moves_counts
moves_counts(const struct moves *m)
{
    struct moves_counts counts = m->counts;
    counts.outgoing = m->out_count;
    counts.incoming = m->in_count;
    counts.in_doubt = 0;
    for (uint32_t i = 0; i < MOVE_OUT_MAX; i++) {
        counts.in_doubt += m->out[i].record.outcome == MOVE_IN_DOUBT ? 1 : 0;
    }
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        counts.in_doubt += m->in[i].record.outcome == MOVE_IN_DOUBT ? 1 : 0;
    }
    return counts;
}
