/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes and misses. A watch is either waiting for the answer to a probe (due_ns: when it
 * counts as missed) or resting (due_ns: the next probe). A node that was stopped itself (its
 * tick comes late) throws away all probes that are out: their answers may lie unread in its own
 * sockets.
 */
#include "cluster/detector.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"

#define MS_NS UINT64_C(1000000)

static uint32_t
or_default(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

void
detector_init(struct detector *d, struct detector_config config)
{
    memset(d, 0, sizeof *d);
    d->config.probe_ms = or_default(config.probe_ms, 1000);
    d->config.timeout_ms = or_default(
        config.timeout_ms, d->config.probe_ms / 2 < 500 ? d->config.probe_ms / 2 : 500);
    d->config.timeout_ms = or_default(d->config.timeout_ms, 1);
    d->config.misses = or_default(config.misses, 3);
    d->config.repeat_ms = or_default(config.repeat_ms, 2000);
    d->health = 1;
}

static uint64_t
interval_ns(const struct detector *d)
{
    return (uint64_t)d->config.probe_ms * d->health * MS_NS;
}

static uint64_t
timeout_ns(const struct detector *d)
{
    return (uint64_t)d->config.timeout_ms * d->health * MS_NS;
}

static void
emit(struct detector *d, enum detector_effect_kind kind, struct node_ref peer)
{
    const uint32_t size = sizeof d->effects / sizeof d->effects[0];
    STINT_ASSERT(d->effect_count < size);
    d->effects[(d->effect_first + d->effect_count++) % size] =
        (struct detector_effect){ kind, peer };
}

bool
detector_next(struct detector *d, struct detector_effect *effect)
{
    const uint32_t size = sizeof d->effects / sizeof d->effects[0];
    if (d->effect_count == 0) {
        return false;
    }
    *effect = d->effects[d->effect_first];
    d->effect_first = (d->effect_first + 1) % size;
    d->effect_count--;
    return true;
}

static struct detector_watch *
watch_find(struct detector *d, struct node_ref peer)
{
    for (uint32_t i = 0; i < d->watched_count; i++) {
        if (node_ref_equal(d->watched[i].peer, peer)) {
            return &d->watched[i];
        }
    }
    return NULL;
}

/*
 * The living member that follows `after` in the ring of ids, the smallest after the largest;
 * never `self`.
 */
static const struct member *
ring_next(const struct view *view, struct stint_id after, struct stint_id self)
{
    const struct member *next = NULL, *smallest = NULL;
    for (uint32_t i = 0; i < view->member_count; i++) {
        const struct member *m = &view->members[i];
        if (!member_is_living(m) || id_equal(m->ref.id, self)) {
            continue;
        }
        if (smallest == NULL || id_compare(m->ref.id, smallest->ref.id) < 0) {
            smallest = m;
        }
        if (id_compare(m->ref.id, after) > 0
            && (next == NULL || id_compare(m->ref.id, next->ref.id) < 0)) {
            next = m;
        }
    }
    return next != NULL ? next : smallest;
}

void
detector_view(struct detector *d, const struct view *view, struct node_ref self, uint64_t now_ns)
{
    struct detector_watch kept[DETECTOR_WATCHED_MAX];
    uint32_t count = 0;
    uint32_t others = view_living(view) - (view_find(view, self.id) != NULL ? 1 : 0);
    uint32_t wanted = others < DETECTOR_WATCHED_MAX ? others : DETECTOR_WATCHED_MAX;
    struct stint_id place = self.id;
    while (count < wanted) {
        const struct member *m = ring_next(view, place, self.id);
        STINT_ASSERT(m != NULL);
        const struct detector_watch *known = watch_find(d, m->ref);
        if (known != NULL) {
            kept[count++] = *known;
        } else { /* spread over the interval, so that probes do not come in bursts */
            uint64_t due_ns = now_ns + interval_ns(d) * count / wanted;
            kept[count++] =
                (struct detector_watch){ .peer = m->ref, .heard_ns = now_ns, .due_ns = due_ns };
        }
        place = m->ref.id;
    }
    memcpy(d->watched, kept, count * sizeof kept[0]);
    d->watched_count = count;
    d->self = self;
    d->round_misses = 0;
    d->round_ns = now_ns + interval_ns(d);
}

void
detector_heard(struct detector *d, struct node_ref peer, uint64_t now_ns)
{
    struct detector_watch *w = watch_find(d, peer);
    if (w == NULL) {
        return;
    }
    w->heard_ns = now_ns;
    w->misses = 0;
    if (w->waiting) {
        w->waiting = false;
        w->due_ns = w->sent_ns + interval_ns(d);
    }
    if (w->suspected) {
        w->suspected = false;
        emit(d, DETECTOR_BACK, peer);
    }
}

/* This node was not running for a while: what is out says nothing about others. */
static void
was_late(struct detector *d, uint64_t now_ns)
{
    d->health = d->health < DETECTOR_HEALTH_MAX ? d->health + 1 : d->health;
    for (uint32_t i = 0; i < d->watched_count; i++) {
        struct detector_watch *w = &d->watched[i];
        w->waiting = false;
        w->due_ns = w->due_ns < now_ns ? now_ns : w->due_ns;
    }
    d->round_misses = 0;
    d->round_ns = now_ns + interval_ns(d);
}

/*
 * More likely this node is cut off, or slow, than that most of the others have died in one
 * moment.
 */
static bool
most_fail(const struct detector *d)
{
    return d->round_misses >= 2 && 2 * d->round_misses > d->watched_count;
}

static void
end_round(struct detector *d, uint64_t now_ns)
{
    if (most_fail(d)) {
        d->health = d->health < DETECTOR_HEALTH_MAX ? d->health + 1 : d->health;
    } else if (d->round_misses == 0 && d->health > 1) {
        d->health--;
    }
    d->round_misses = 0;
    d->round_ns = now_ns + interval_ns(d);
}

static void
watch_tick(struct detector *d, struct detector_watch *w, uint64_t now_ns)
{
    if (w->waiting && w->due_ns <= now_ns) {
        w->waiting = false;
        w->misses++;
        d->round_misses++;
        if (most_fail(d)) {
            end_round(d, now_ns);
        }
        uint64_t next_ns = w->sent_ns + interval_ns(d);
        w->due_ns = next_ns > now_ns ? next_ns : now_ns;
        if (w->misses >= d->config.misses && !w->suspected) {
            w->suspected = true;
            w->reported_ns = now_ns;
            emit(d, DETECTOR_SUSPECT, w->peer);
        }
    }
    if (!w->waiting && w->due_ns <= now_ns) {
        w->waiting = true;
        w->sent_ns = now_ns;
        w->due_ns = now_ns + timeout_ns(d);
        emit(d, DETECTOR_PROBE, w->peer);
    }
    if (w->suspected && now_ns - w->reported_ns >= d->config.repeat_ms * MS_NS) {
        w->reported_ns = now_ns;
        emit(d, DETECTOR_SUSPECT, w->peer);
    }
}

void
detector_tick(struct detector *d, uint64_t now_ns)
{
    uint64_t deadline_ns = detector_deadline(d);
    if (now_ns < deadline_ns) {
        return;
    }
    if (now_ns - deadline_ns > (uint64_t)d->config.timeout_ms * MS_NS / 2) {
        was_late(d, now_ns);
    }
    for (uint32_t i = 0; i < d->watched_count; i++) {
        watch_tick(d, &d->watched[i], now_ns);
    }
    if (d->round_ns <= now_ns) {
        end_round(d, now_ns);
    }
}

uint64_t
detector_deadline(const struct detector *d)
{
    if (d->watched_count == 0) {
        return UINT64_MAX;
    }
    uint64_t least = d->round_ns;
    for (uint32_t i = 0; i < d->watched_count; i++) {
        const struct detector_watch *w = &d->watched[i];
        least = w->due_ns < least ? w->due_ns : least;
        if (w->suspected) {
            uint64_t repeat_ns = w->reported_ns + d->config.repeat_ms * MS_NS;
            least = repeat_ns < least ? repeat_ns : least;
        }
    }
    return least;
}

bool
detector_suspects(const struct detector *d, struct node_ref peer)
{
    for (uint32_t i = 0; i < d->watched_count; i++) {
        if (node_ref_equal(d->watched[i].peer, peer)) {
            return d->watched[i].suspected;
        }
    }
    return false;
}

uint32_t
detector_health(const struct detector *d)
{
    return d->health;
}
