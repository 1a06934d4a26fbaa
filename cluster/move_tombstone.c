/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a target remembers of moves that are over (R3, R4): without it a TRANSFER that was late
 * would build the tasklet again after its source has resumed. A tombstone lives until the
 * source's watermark passes it; the watermark itself is then the tombstone of all below it, and
 * goes only with the source's incarnation.
 *
 * Bounded: a source may have MOVE_TOMBSTONES_MAX of them. Whoever does not forget gets its
 * offers refused; an ABORT that finds no room stays unanswered until there is some, which is
 * slow and safe.
 */
#include "base/panic.h"
#include "cluster/move_internal.h"

STINT_STATIC_ASSERT(MOVE_TOMBSTONES_MAX >= 4 * MOVE_PAIR_MAX,
                    "tombstones outlast the moves of a pair");

struct move_source *
move_source_get(struct moves *m, struct node_ref ref, bool create)
{
    for (uint32_t i = 0; i < m->source_count; i++) {
        if (node_ref_equal(m->sources[i]->ref, ref)) {
            return m->sources[i];
        }
    }
    if (!create || m->source_count == VIEW_MEMBERS_MAX) {
        return NULL;
    }
    struct move_source *s = mem_alloc(m->mem, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->ref = ref;
    s->watermark = 0;
    s->tombstone_count = 0;
    m->sources[m->source_count++] = s;
    return s;
}

const struct move_tombstone *
move_tombstone_find(const struct move_source *s, uint64_t counter)
{
    for (uint32_t i = 0; i < s->tombstone_count; i++) {
        if (s->tombstones[i].counter == counter) {
            return &s->tombstones[i];
        }
    }
    return NULL;
}

bool
move_tombstone_room(const struct moves *m, const struct move_source *s)
{
    uint32_t needed = s->tombstone_count + 1;
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        const struct move_record *r = &m->in[i].record;
        if (r->phase != MOVE_NO_PHASE && node_ref_equal(r->key.source, s->ref)) {
            needed++;
        }
    }
    return needed <= MOVE_TOMBSTONES_MAX;
}

void
move_tombstone_add(struct move_source *s, uint64_t counter, bool ran, enum stint_status status)
{
    STINT_ASSERT(counter > s->watermark);
    STINT_ASSERT(s->tombstone_count < MOVE_TOMBSTONES_MAX);
    STINT_ASSERT(move_tombstone_find(s, counter) == NULL);
    s->tombstones[s->tombstone_count++] =
        (struct move_tombstone){ counter, (uint32_t)status, ran };
}

void
move_tombstones_forget(struct move_source *s, uint64_t watermark)
{
    if (watermark <= s->watermark) {
        return;
    }
    s->watermark = watermark;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->tombstone_count; i++) {
        if (s->tombstones[i].counter > watermark) {
            s->tombstones[kept++] = s->tombstones[i];
        }
    }
    s->tombstone_count = kept;
}

static bool
source_is_used(const struct moves *m, struct node_ref ref)
{
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        const struct move_record *r = &m->in[i].record;
        if (r->phase != MOVE_NO_PHASE && node_ref_equal(r->key.source, ref)) {
            return true;
        }
    }
    return false;
}

/*
 * Nothing of an incarnation that is not in the view is ever listened to again, so nothing of it
 * need be remembered, but for what is being installed.
 */
void
move_sources_drop_absent(struct moves *m)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->source_count; i++) {
        if (moves_knows(m, m->sources[i]->ref) || source_is_used(m, m->sources[i]->ref)) {
            m->sources[kept++] = m->sources[i];
        } else {
            mem_free(m->mem, m->sources[i], sizeof *m->sources[i]);
        }
    }
    m->source_count = kept;
}

void
move_sources_fini(struct moves *m)
{
    for (uint32_t i = 0; i < m->source_count; i++) {
        mem_free(m->mem, m->sources[i], sizeof *m->sources[i]);
    }
    m->source_count = 0;
}
