/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drain keeps only what it must not forget between passes: what is on its way because of
 * it, and what could not go and when to try that again. Both are bounded; a stuck tasklet
 * beyond the bound is merely tried more often.
 */
#include "cluster/drain.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/table.h"
#include "base/text.h"

#define MS_NS UINT64_C(1000000)
#define RETRY_MIN_MS 250
#define RETRY_MAX_MS 8000
#define PASS_IDLE_MS 1000 /* between passes that have nothing to do but to look again */
#define PASS_BUSY_MS 20

struct item {
    bool in_flight;
    uint32_t target; /* in flight: index of the target */
    uint32_t retry_ms;
    uint64_t retry_ns;
    uint64_t seen; /* number of the last pass that met it */
};

struct drain {
    struct mem *mem;
    enum drain_state state;
    uint32_t rate;
    uint64_t tokens_milli; /* thousandths of moves that the rate has earned */
    uint64_t tokens_ns;
    uint32_t only_count;
    struct stint_id only[DRAIN_TARGETS_MAX];
    uint32_t target_count;
    struct drain_target targets[VIEW_MEMBERS_MAX];
    struct table items; /* tasklet -> struct item */
    uint32_t in_flight;
    uint32_t stuck_items;
    uint64_t due_ns;
    uint64_t pass;
    uint64_t started; /* in this pass */
    uint64_t pass_stuck;
    struct drain_progress progress;
};

struct drain *
drain_new(struct mem *m, uint64_t seed)
{
    struct drain *d = mem_zalloc(m, sizeof *d);
    if (d != NULL) {
        d->mem = m;
        table_init(&d->items, m, seed);
    }
    return d;
}

static void
items_clear(struct drain *d)
{
    struct table_cursor cursor = { 0 };
    void *item;
    while (table_each(&d->items, &cursor, NULL, &item)) {
        mem_free(d->mem, item, sizeof(struct item));
    }
    table_fini(&d->items);
    d->in_flight = 0;
    d->stuck_items = 0;
}

void
drain_free(struct drain *d)
{
    if (d != NULL) {
        items_clear(d);
        mem_free(d->mem, d, sizeof *d);
    }
}

enum stint_status
drain_start(struct drain *d, const struct stint_id *only, uint32_t only_count, uint32_t rate,
            uint64_t tasklets, uint64_t now_ns)
{
    if (only_count > DRAIN_TARGETS_MAX) {
        return STINT_LIMIT;
    }
    if (d->state == DRAIN_OFF) {
        memset(&d->progress, 0, sizeof d->progress);
        d->progress.total = tasklets;
        d->progress.remaining = tasklets;
    }
    for (uint32_t i = 0; i < only_count; i++) {
        d->only[i] = only[i];
    }
    d->only_count = only_count;
    d->rate = rate;
    d->tokens_milli = 1000;
    d->tokens_ns = now_ns;
    d->state = DRAIN_RUNNING;
    d->due_ns = now_ns;
    return STINT_OK;
}

void
drain_stop(struct drain *d)
{
    d->state = DRAIN_OFF;
    d->target_count = 0;
    items_clear(d);
}

/* Earns moves for the time that has passed; at most a second's worth is saved up. */
static void
earn(struct drain *d, uint64_t now_ns)
{
    uint64_t passed_us = (now_ns - d->tokens_ns) / 1000;
    if (d->rate == 0 || passed_us == 0) {
        return;
    }
    uint64_t most = (uint64_t)d->rate * 1000;
    uint64_t earned = passed_us < 1000000 ? d->rate * passed_us / 1000 : most;
    if (earned == 0) {
        return; /* the time is kept until it makes a thousandth */
    }
    d->tokens_milli = d->tokens_milli + earned < most ? d->tokens_milli + earned : most;
    d->tokens_ns = now_ns;
}

static bool
is_wanted(const struct drain *d, struct stint_id node)
{
    for (uint32_t i = 0; i < d->only_count; i++) {
        if (id_equal(d->only[i], node)) {
            return true;
        }
    }
    return d->only_count == 0;
}

void
drain_begin(struct drain *d, const struct drain_target *targets, uint32_t count, bool first,
            uint64_t now_ns)
{
    d->target_count = 0;
    for (uint32_t i = 0; i < count && d->target_count < VIEW_MEMBERS_MAX; i++) {
        if (is_wanted(d, targets[i].node.id)) {
            d->targets[d->target_count++] = targets[i];
        }
    }
    if (first) {
        d->pass++;
        d->started = 0;
        d->pass_stuck = 0;
        d->progress.why[0] = '\0';
    }
    earn(d, now_ns);
}

/* The target with the fewest tasklets that has room; the first of equals. */
static struct drain_target *
least_loaded(struct drain *d)
{
    struct drain_target *best = NULL;
    for (uint32_t i = 0; i < d->target_count; i++) {
        struct drain_target *t = &d->targets[i];
        if (t->has_room && (best == NULL || t->tasklets < best->tasklets)) {
            best = t;
        }
    }
    return best;
}

static bool
has_token(const struct drain *d)
{
    return d->rate == 0 || d->tokens_milli >= 1000;
}

bool
drain_wants(const struct drain *d)
{
    if (d->state == DRAIN_OFF || d->in_flight >= DRAIN_IN_FLIGHT_MAX || !has_token(d)) {
        return false;
    }
    /* Without any target the walk still goes on, so that each tasklet's own reasons are known. */
    return d->target_count == 0 || least_loaded((struct drain *)d) != NULL;
}

static void
note_stuck(struct drain *d, struct stint_id tasklet, enum stint_status status, const char *why)
{
    d->pass_stuck++;
    if (d->progress.why[0] == '\0') {
        d->progress.example = tasklet;
        bool said = why != NULL && why[0] != '\0';
        (void)text_copy(d->progress.why, sizeof d->progress.why,
                        said ? why : stint_strerror(status));
    }
}

/* The tasklet could not go: try again later, and later still each time. */
static void
defer(struct drain *d, struct stint_id tasklet, uint64_t now_ns)
{
    struct item *item = table_find(&d->items, tasklet);
    if (item == NULL) {
        if (d->stuck_items == DRAIN_STUCK_MAX) {
            return;
        }
        item = mem_zalloc(d->mem, sizeof *item);
        if (item == NULL) {
            return;
        }
        if (table_insert(&d->items, tasklet, item) != STINT_OK) {
            mem_free(d->mem, item, sizeof *item);
            return;
        }
        d->stuck_items++;
    } else if (item->in_flight) {
        item->in_flight = false;
        d->in_flight--;
        d->stuck_items++; /* at most as many over the bound as can be in flight */
    }
    item->seen = d->pass;
    uint32_t doubled = item->retry_ms * 2 < RETRY_MAX_MS ? item->retry_ms * 2 : RETRY_MAX_MS;
    item->retry_ms = item->retry_ms == 0 ? RETRY_MIN_MS : doubled;
    item->retry_ns = now_ns + item->retry_ms * MS_NS;
}

static void
item_drop(struct drain *d, struct stint_id tasklet)
{
    struct item *item = table_remove(&d->items, tasklet);
    if (item != NULL) {
        *(item->in_flight ? &d->in_flight : &d->stuck_items) -= 1;
        mem_free(d->mem, item, sizeof *item);
    }
}

/* Notes that a move is under way; false when memory is short. */
static bool
take_off(struct drain *d, struct stint_id tasklet, uint32_t target)
{
    struct item *item = table_find(&d->items, tasklet);
    if (item == NULL) {
        item = mem_zalloc(d->mem, sizeof *item);
        if (item == NULL) {
            return false;
        }
        if (table_insert(&d->items, tasklet, item) != STINT_OK) {
            mem_free(d->mem, item, sizeof *item);
            return false;
        }
    } else {
        STINT_ASSERT(!item->in_flight);
        d->stuck_items--;
    }
    item->in_flight = true;
    item->target = target;
    d->in_flight++;
    return true;
}

bool
drain_consider(struct drain *d, struct stint_id tasklet, enum stint_status status,
               const char *why, uint64_t now_ns, struct node_ref *to)
{
    struct item *item = table_find(&d->items, tasklet);
    if (d->state == DRAIN_OFF || (item != NULL && item->in_flight)) {
        return false;
    }
    if (item != NULL) {
        item->seen = d->pass;
    }
    if (status != STINT_OK) {
        note_stuck(d, tasklet, status, why);
        return false;
    }
    if (d->target_count == 0) {
        note_stuck(d, tasklet, STINT_UNREACHABLE,
                   d->only_count == 0 ? "no other node takes tasklets"
                                      : "none of the nodes asked for takes tasklets");
        return false;
    }
    if (item != NULL && now_ns < item->retry_ns) {
        note_stuck(d, tasklet, STINT_BUSY, "its last move failed; it is tried again");
        return false;
    }
    struct drain_target *target = least_loaded(d);
    if (target == NULL || !drain_wants(d)
        || !take_off(d, tasklet, (uint32_t)(target - d->targets))) {
        return false;
    }
    target->tasklets++;
    d->started++;
    d->tokens_milli -= d->rate == 0 ? 0 : 1000;
    *to = target->node;
    return true;
}

void
drain_refused(struct drain *d, struct stint_id tasklet, enum stint_status status,
              const char *why, uint64_t now_ns)
{
    const struct item *item = table_find(&d->items, tasklet);
    if (item == NULL || !item->in_flight) {
        return;
    }
    d->started--;
    d->tokens_milli += d->rate == 0 ? 0 : 1000;
    if (item->target < d->target_count) {
        d->targets[item->target].tasklets--;
        /* the target's fault, not the tasklet's */
        if (status == STINT_BUSY || status == STINT_UNREACHABLE) {
            d->targets[item->target].has_room = false;
            item_drop(d, tasklet);
            return;
        }
    }
    defer(d, tasklet, now_ns);
    note_stuck(d, tasklet, status, why);
}

/* After a whole walk: what was not met is not here any more. */
static void
forget_unseen(struct drain *d)
{
    struct table_cursor cursor = { 0 };
    struct stint_id tasklet;
    void *value;
    while (table_each(&d->items, &cursor, &tasklet, &value)) {
        const struct item *item = value;
        if (!item->in_flight && item->seen != d->pass) {
            item_drop(d, tasklet);
        }
    }
}

void
drain_end(struct drain *d, bool complete, uint64_t remaining, uint64_t now_ns)
{
    if (d->state == DRAIN_OFF) {
        return;
    }
    if (complete) {
        forget_unseen(d);
    }
    struct drain_progress *p = &d->progress;
    p->remaining = remaining;
    p->total = p->moved + remaining > p->total ? p->moved + remaining : p->total;
    p->stuck = complete ? d->pass_stuck : p->stuck;
    uint64_t wait_ms = PASS_BUSY_MS;
    if (remaining == 0 && d->in_flight == 0) {
        d->state = DRAIN_EMPTY;
        wait_ms = PASS_IDLE_MS;
    } else if (complete && d->started == 0 && d->in_flight == 0) {
        d->state = DRAIN_STUCK;
        wait_ms = RETRY_MIN_MS;
    } else {
        d->state = DRAIN_RUNNING;
        if (!has_token(d)) {
            uint64_t token_ms = (1000 - d->tokens_milli) / d->rate + 1;
            wait_ms = token_ms > wait_ms ? token_ms : wait_ms;
        } else if (complete && d->started == 0) {
            wait_ms = PASS_IDLE_MS; /* what can go is on its way; each arrival calls for a pass */
        }
    }
    d->due_ns = now_ns + wait_ms * MS_NS;
}

void
drain_finished(struct drain *d, struct stint_id tasklet, bool moved, enum stint_status status,
               const char *why, uint64_t now_ns)
{
    const struct item *item = table_find(&d->items, tasklet);
    if (d->state == DRAIN_OFF || item == NULL || !item->in_flight) {
        return;
    }
    if (moved) {
        d->progress.moved++;
        d->progress.remaining -= d->progress.remaining != 0 ? 1 : 0; /* until the next pass counts */
        item_drop(d, tasklet);
    } else {
        d->progress.failed++;
        defer(d, tasklet, now_ns);
        note_stuck(d, tasklet, status, why);
    }
    uint64_t soon_ns = now_ns + MS_NS; /* several that end together share a pass */
    d->due_ns = has_token(d) && soon_ns < d->due_ns ? soon_ns : d->due_ns;
}

uint64_t
drain_deadline(const struct drain *d)
{
    return d->state == DRAIN_OFF ? UINT64_MAX : d->due_ns;
}

struct drain_progress
drain_progress(const struct drain *d)
{
    struct drain_progress p = d->progress;
    p.state = d->state;
    p.in_flight = d->in_flight;
    return p;
}
