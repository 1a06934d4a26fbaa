/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three shelves of places by id: home hints, what senders have learnt, forwarders. A shelf is a
 * table and one list: of the hints, those that expire (ended, or lost with their node) by time;
 * of the cache, all, the least used first; of the forwarders, all, by time. Times on one shelf
 * are all equally long, so the order of entry is the order of expiry.
 */
#include "cluster/directory.h"

#include "base/ids.h"
#include "base/list.h"
#include "base/panic.h"
#include "base/table.h"

#define MS_NS UINT64_C(1000000)
#define TICK_MAX 4096 /* entries dropped in one call */

struct entry {
    struct directory_place place;
    uint64_t expires_ns;  /* 0: does not */
    /* who was named before it was refuted or gone; may say again that it is there */
    struct node_ref lost;
    struct list link;
};

struct shelf {
    struct table table;
    struct list order;
    uint32_t max;
};

struct directory {
    struct mem *mem;
    struct shelf hints, cache, forwarders;
};

static void
shelf_init(struct shelf *s, const struct directory_config *config, uint32_t max)
{
    table_init(&s->table, config->mem, config->seed);
    list_init(&s->order);
    s->max = max;
}

static void
entry_drop(struct directory *d, struct shelf *s, struct entry *e)
{
    (void)table_remove(&s->table, e->place.id);
    list_remove(&e->link);
    mem_free(d->mem, e, sizeof *e);
}

static void
shelf_fini(struct directory *d, struct shelf *s)
{
    struct table_cursor cursor = { 0 };
    void *e;
    while (table_each(&s->table, &cursor, NULL, &e)) {
        mem_free(d->mem, e, sizeof(struct entry));
    }
    table_fini(&s->table);
}

struct directory *
directory_new(const struct directory_config *config)
{
    struct directory *d = mem_zalloc(config->mem, sizeof *d);
    if (d == NULL) {
        return NULL;
    }
    d->mem = config->mem;
    shelf_init(&d->hints, config,
               config->hints_max != 0 ? config->hints_max : DIRECTORY_HINTS_MAX);
    shelf_init(&d->cache, config,
               config->cache_max != 0 ? config->cache_max : DIRECTORY_CACHE_MAX);
    shelf_init(&d->forwarders, config, DIRECTORY_FORWARDERS_MAX);
    return d;
}

void
directory_free(struct directory *d)
{
    if (d != NULL) {
        shelf_fini(d, &d->hints);
        shelf_fini(d, &d->cache);
        shelf_fini(d, &d->forwarders);
        mem_free(d->mem, d, sizeof *d);
    }
}

/* A new entry on a shelf, in no order yet; NULL when memory is short. */
static struct entry *
entry_add(struct directory *d, struct shelf *s, const struct directory_place *place)
{
    struct entry *e = mem_zalloc(d->mem, sizeof *e);
    if (e == NULL) {
        return NULL;
    }
    if (table_insert(&s->table, place->id, e) != STINT_OK) {
        mem_free(d->mem, e, sizeof *e);
        return NULL;
    }
    e->place = *place;
    list_init(&e->link);
    return e;
}

/* I4. An end counts as later than life under the same epoch. */
static bool
is_newer(const struct directory_place *place, const struct directory_place *known)
{
    return place->epoch > known->epoch
           || (place->epoch == known->epoch && place->ended && !known->ended);
}

static bool
is_same(const struct directory_place *a, const struct directory_place *b)
{
    return a->epoch == b->epoch && a->ended == b->ended && node_ref_equal(a->node, b->node);
}

/* An entry of the hints begins to expire, or stops to. */
static void
hint_expires(struct directory *d, struct entry *e, bool expires, uint64_t now_ns)
{
    list_remove(&e->link);
    e->expires_ns = 0;
    if (expires) {
        e->expires_ns = now_ns + DIRECTORY_LOST_MS * MS_NS;
        list_push_back(&d->hints.order, &e->link);
    }
}

/* The hint names nobody from now on, but keeps its epoch. */
static void
hint_lose(struct directory *d, struct entry *e, uint64_t now_ns)
{
    e->lost = e->place.node;
    e->place.node = NODE_REF_NONE;
    if (!e->place.ended) {
        hint_expires(d, e, true, now_ns);
    }
}

/*
 * True if the one that was named before says that it is there after all: one epoch has one
 * resident.
 */
static bool
is_found_again(const struct directory_place *place, const struct entry *e)
{
    return node_ref_is_none(e->place.node) && !e->place.ended && place->epoch == e->place.epoch
           && node_ref_equal(place->node, e->lost);
}

enum stint_status
directory_report(struct directory *d, const struct directory_place *place, uint64_t now_ns)
{
    struct entry *e = table_find(&d->hints.table, place->id);
    if (e != NULL) {
        if (is_same(place, &e->place)) {
            return STINT_OK;
        }
        if (!is_newer(place, &e->place) && !is_found_again(place, e)
            && !MUTANT(d->mem, EPOCH_BACK)) {
            return STINT_CONFLICT;
        }
        e->place = *place;
    } else {
        if (table_count(&d->hints.table) >= d->hints.max) {
            return STINT_LIMIT;
        }
        e = entry_add(d, &d->hints, place);
        if (e == NULL) {
            return STINT_NO_MEMORY;
        }
    }
    hint_expires(d, e, place->ended || node_ref_is_none(place->node), now_ns);
    return STINT_OK;
}

static bool
is_live(const struct entry *e, uint64_t now_ns)
{
    return e != NULL && (e->expires_ns == 0 || now_ns < e->expires_ns);
}

bool
directory_where(struct directory *d, struct stint_id id, struct directory_place *out,
                uint64_t now_ns)
{
    const struct entry *e = table_find(&d->hints.table, id);
    if (!is_live(e, now_ns)) {
        return false;
    }
    *out = e->place;
    return true;
}

bool
directory_learn(struct directory *d, const struct directory_place *place, uint64_t now_ns)
{
    (void)now_ns;
    struct entry *e = table_find(&d->cache.table, place->id);
    if (e != NULL) {
        if (!is_newer(place, &e->place)) {
            return false;
        }
        e->place = *place;
    } else {
        if (table_count(&d->cache.table) >= d->cache.max) {
            struct list *least = list_first(&d->cache.order);
            entry_drop(d, &d->cache, STINT_CONTAINER_OF(least, struct entry, link));
        }
        e = entry_add(d, &d->cache, place);
        if (e == NULL) {
            return false; /* it will be asked for again */
        }
    }
    list_remove(&e->link);
    list_push_back(&d->cache.order, &e->link);
    return true;
}

/*
 * Takes a guess if it is better than the one at hand: it names somebody (or the end), under a
 * larger epoch.
 */
static void
consider(const struct entry *e, uint64_t now_ns, struct directory_place *best, bool *found)
{
    if (!is_live(e, now_ns) || (node_ref_is_none(e->place.node) && !e->place.ended)) {
        return;
    }
    if (!*found || is_newer(&e->place, best)) {
        *best = e->place;
        *found = true;
    }
}

bool
directory_forwarder(struct directory *d, struct stint_id id, struct directory_place *out,
                    uint64_t now_ns)
{
    bool found = false;
    consider(table_find(&d->forwarders.table, id), now_ns, out, &found);
    return found;
}

bool
directory_lookup(struct directory *d, struct stint_id id, struct directory_place *out,
                 uint64_t now_ns)
{
    bool found = false;
    struct entry *cached = table_find(&d->cache.table, id);
    if (cached != NULL) {
        list_remove(&cached->link);
        list_push_back(&d->cache.order, &cached->link);
    }
    consider(table_find(&d->forwarders.table, id), now_ns, out, &found);
    consider(cached, now_ns, out, &found);
    consider(table_find(&d->hints.table, id), now_ns, out, &found);
    return found;
}

static void
shelf_drop_older(struct directory *d, struct shelf *s, struct stint_id id, uint64_t epoch)
{
    struct entry *e = table_find(&s->table, id);
    if (e != NULL && e->place.epoch <= epoch) {
        entry_drop(d, s, e);
    }
}

void
directory_distrust(struct directory *d, struct stint_id id, uint64_t epoch)
{
    shelf_drop_older(d, &d->cache, id, epoch);
    shelf_drop_older(d, &d->forwarders, id, epoch);
}

void
directory_refuted(struct directory *d, struct stint_id id, uint64_t epoch, uint64_t now_ns)
{
    struct entry *e = table_find(&d->hints.table, id);
    directory_distrust(d, id, epoch);
    if (e != NULL && e->place.epoch <= epoch && !e->place.ended
        && !node_ref_is_none(e->place.node)) {
        hint_lose(d, e, now_ns);
    }
}

void
directory_moved(struct directory *d, const struct directory_place *place, uint64_t now_ns)
{
    struct entry *e = table_find(&d->forwarders.table, place->id);
    if (e != NULL && !is_newer(place, &e->place)) {
        return;
    }
    if (e != NULL) {
        entry_drop(d, &d->forwarders, e);
    } else if (table_count(&d->forwarders.table) >= d->forwarders.max) {
        struct list *oldest = list_first(&d->forwarders.order);
        entry_drop(d, &d->forwarders, STINT_CONTAINER_OF(oldest, struct entry, link));
    }
    e = entry_add(d, &d->forwarders, place);
    if (e != NULL) { /* without it the senders ask the home */
        e->expires_ns = MUTANT(d->mem, FORWARD_FOREVER) ? UINT64_MAX
                                                        : now_ns + DIRECTORY_FORWARD_MS * MS_NS;
        list_push_back(&d->forwarders.order, &e->link);
    }
}

void
directory_arrived(struct directory *d, struct stint_id id, uint64_t epoch)
{
    directory_distrust(d, id, epoch);
}

static void
hints_view(struct directory *d, const struct view *next, struct stint_id self, uint64_t now_ns)
{
    struct table_cursor cursor = { 0 };
    void *value;
    while (table_each(&d->hints.table, &cursor, NULL, &value)) {
        struct entry *e = value;
        if (!id_equal(view_home(next, e->place.id).id, self)) {
            entry_drop(d, &d->hints, e);
        } else if (!node_ref_is_none(e->place.node) && !view_has(next, e->place.node)) {
            hint_lose(d, e, now_ns);
        }
    }
}

/*
 * Guesses that name a node that is gone are worth nothing, and hold no epoch that anybody
 * relies on.
 */
static void
guesses_view(struct directory *d, struct shelf *s, const struct view *next)
{
    struct table_cursor cursor = { 0 };
    void *value;
    while (table_each(&s->table, &cursor, NULL, &value)) {
        struct entry *e = value;
        if (!e->place.ended && !view_has(next, e->place.node)) {
            entry_drop(d, s, e);
        }
    }
}

void
directory_view(struct directory *d, const struct view *next, struct stint_id self,
               uint64_t now_ns)
{
    hints_view(d, next, self, now_ns);
    guesses_view(d, &d->cache, next);
    guesses_view(d, &d->forwarders, next);
}

void
directory_rehome(const struct view *old, const struct view *next,
                 bool (*each)(void *arg, struct directory_place *out),
                 void (*emit)(void *arg, struct node_ref home,
                              const struct directory_place *place),
                 void *arg)
{
    struct directory_place place;
    while (each(arg, &place)) {
        struct node_ref was = old == NULL ? NODE_REF_NONE : view_home(old, place.id);
        struct node_ref is = view_home(next, place.id);
        if (!node_ref_equal(was, is) && !node_ref_is_none(is)) {
            emit(arg, is, &place);
        }
    }
}

static void
shelf_tick(struct directory *d, struct shelf *s, uint64_t now_ns)
{
    for (uint32_t i = 0; i < TICK_MAX; i++) {
        struct list *first = list_first(&s->order);
        if (first == NULL) {
            return;
        }
        struct entry *e = STINT_CONTAINER_OF(first, struct entry, link);
        if (e->expires_ns > now_ns) {
            return;
        }
        entry_drop(d, s, e);
    }
}

void
directory_tick(struct directory *d, uint64_t now_ns)
{
    shelf_tick(d, &d->hints, now_ns);
    shelf_tick(d, &d->forwarders, now_ns);
}

static uint64_t
shelf_deadline(const struct shelf *s)
{
    struct list *first = list_first(&s->order);
    return first == NULL ? UINT64_MAX : STINT_CONTAINER_OF(first, struct entry, link)->expires_ns;
}

uint64_t
directory_deadline(const struct directory *d)
{
    uint64_t hints_ns = shelf_deadline(&d->hints), forwarders_ns = shelf_deadline(&d->forwarders);
    return hints_ns < forwarders_ns ? hints_ns : forwarders_ns;
}

struct directory_counts
directory_counts(const struct directory *d)
{
    return (struct directory_counts){ table_count(&d->hints.table), table_count(&d->cache.table),
                                      table_count(&d->forwarders.table) };
}
