/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's life, and what the core does to tasklets and channels from outside. Looking at
 * them is in look.c. */
#include "kernel/kernel.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include "kernel/machine.h"
#include "kernel/relation.h"

STINT_STATIC_ASSERT(KERNEL_VALUE_MAX == TYPE_SIZE_MAX, "every checked type fits the scratch");
STINT_STATIC_ASSERT(KERNEL_LOCALS_MAX + sizeof(struct frame) < KERNEL_STACK_MAX,
    "a stack holds a frame");
STINT_STATIC_ASSERT((KERNEL_OUTLETS_KEPT < KERNEL_OUTLETS_MAX),
    "outlets are recycled before they run out");

enum { KERNEL_OBJECTS_MAX = 1 << 24 };

static void
kernel_init_tables(struct kernel *k, const struct kernel_config *config)
{
    uint32_t tasklets = config->tasklets_max == 0 ? KERNEL_OBJECTS_MAX : config->tasklets_max;
    uint32_t channels = config->channels_max == 0 ? KERNEL_OBJECTS_MAX : config->channels_max;
    uint64_t seed = prng_next(&k->prng);
    slab_init(&k->tasklets, k->mem, sizeof(struct tasklet), tasklets);
    slab_init(&k->extras, k->mem, sizeof(struct tasklet_extra), tasklets);
    slab_init(&k->channels, k->mem, sizeof(struct channel), channels);
    slab_init(&k->outlets, k->mem, sizeof(struct outlet), KERNEL_OBJECTS_MAX);
    slab_init(&k->relations, k->mem, sizeof(struct relation), KERNEL_OBJECTS_MAX);
    index_init(&k->ids->index, k->mem, seed, offsetof(struct tasklet, id),
        offsetof(struct tasklet, by_id), 16);
    index_init(&k->channels_by_id, k->mem, seed, offsetof(struct channel, id),
        offsetof(struct channel, by_id), 16);
    index_init(&k->outlets_by_key, k->mem, seed, offsetof(struct outlet, tid),
        offsetof(struct outlet, by_key), 32);
    index_init(&k->relations_by_key, k->mem, seed, offsetof(struct relation, cid),
        offsetof(struct relation, by_key), 32);
    registry_init(&k->registry, k->mem, seed);
}

struct kernel *
kernel_new(const struct kernel_config *config)
{
    struct kernel *k = mem_zalloc(config->mem, sizeof *k);
    uint8_t *scratch = mem_alloc(config->mem, KERNEL_VALUE_MAX);
    struct tasklet_ids *ids = mem_zalloc(config->mem, sizeof *ids);
    if (k == NULL || scratch == NULL || ids == NULL) {
        mem_free(config->mem, ids, sizeof *ids);
        mem_free(config->mem, scratch, KERNEL_VALUE_MAX);
        mem_free(config->mem, k, sizeof *k);
        return NULL;
    }
    k->mem = config->mem;
    k->scratch = scratch;
    k->ids = ids;
    k->here = config->here;
    k->context.api = kernel_api();
    prng_init(&k->prng, config->seed);
    kernel_init_tables(k, config);
    stack_pool_init(&k->stacks, k->mem);
    heap_init(&k->timers, k->mem);
    effects_init(&k->effects, k->mem);
    buf_init(&k->encoded, k->mem, TYPE_SIZE_MAX);
    list_init(&k->orphans);
    list_init(&k->ended_relations);
    k->watchers =
        (struct waiter){ .next = &k->watchers, .prev = &k->watchers, .kind = WAITER_HEAD };
    if (index_prepare(&k->ids->index) != STINT_OK) {
        kernel_free(k);
        return NULL;
    }
    return k;
}

/* What hangs on tasklets, channels, outlets and relations beside the slabs. */
static void
kernel_free_objects(struct kernel *k)
{
    for (uint32_t i = 0; i < k->outlets.fresh; i++) {
        struct outlet *o = slab_at(&k->outlets, i);
        if (!id_is_zero(o->tid)) {
            outlet_free(k, o);
        }
    }
    for (uint32_t i = 0; i < k->tasklets.fresh; i++) {
        struct tasklet *t = slab_at(&k->tasklets, i);
        if (t->state == TASKLET_BLOCKED) {
            channel_dequeue(t->on.channel, &t->wait);
        }
        t->wait.next = NULL;
        t->flags &= TASKLET_INDEXED;
    }
    for (uint32_t i = 0; i < k->channels.fresh; i++) {
        struct channel *ch = slab_at(&k->channels, i);
        if (ch->type != NULL) {
            channel_free(k, ch);
        }
    }
    for (uint32_t i = 0; i < k->tasklets.fresh; i++) {
        struct tasklet *t = slab_at(&k->tasklets, i);
        if (t->state != 0) {
            tasklet_free(k, t);
        }
    }
}

void
kernel_free(struct kernel *k)
{
    if (k == NULL) {
        return;
    }
    STINT_ASSERT(k->current == NULL);
    kernel_free_objects(k);
    slab_fini(&k->tasklets);
    slab_fini(&k->extras);
    slab_fini(&k->channels);
    slab_fini(&k->outlets);
    slab_fini(&k->relations);
    index_fini(&k->ids->index);
    index_fini(&k->channels_by_id);
    index_fini(&k->outlets_by_key);
    index_fini(&k->relations_by_key);
    registry_fini(&k->registry);
    stack_pool_fini(&k->stacks);
    heap_fini(&k->timers);
    effects_fini(&k->effects);
    buf_fini(&k->encoded);
    mem_free(k->mem, k->scratch, KERNEL_VALUE_MAX);
    mem_free(k->mem, k->ids, sizeof *k->ids);
    mem_free(k->mem, k, sizeof *k);
}

void
kernel_set_time(struct kernel *k, uint64_t now_ns, uint64_t wall_ms)
{
    k->now_ns = now_ns > k->now_ns ? now_ns : k->now_ns;
    k->wall_ms = wall_ms;
}

void
kernel_set_nodes(struct kernel *k, const struct stint_id *nodes, uint32_t count)
{
    k->node_count = count < KERNEL_NODES_MAX ? count : KERNEL_NODES_MAX;
    if (k->node_count != 0) {
        memcpy(k->nodes, nodes, k->node_count * sizeof *nodes);
    }
}

void
kernel_set_here(struct kernel *k, struct kernel_place here)
{
    k->here = here;
}

bool
kernel_is_broken(const struct kernel *k)
{
    return k->broken;
}

const struct kernel_effect *
kernel_effects(struct kernel *k, uint32_t *count)
{
    effects_swap(&k->effects);
    *count = k->effects.handed.count;
    return k->effects.handed.items;
}

uint32_t
kernel_effect_count(const struct kernel *k)
{
    return k->effects.filling.count;
}

enum stint_status
kernel_add_module(struct kernel *k, const struct stint_module *module, char *error,
    size_t error_size)
{
    error[0] = 0;
    return registry_add(&k->registry, module, error, error_size);
}

/* ---- tasklets ---- */

struct tasklet *
kernel_make_tasklet(struct kernel *k, const struct code *code, const void *locals,
    struct stint_id id, uint32_t flags)
{
    struct tasklet *t = tasklet_new(k, id);
    if (t == NULL) {
        return NULL;
    }
    if (frame_push(k, t, code, locals) != STINT_OK) {
        tasklet_free(k, t);
        return NULL;
    }
    k->spawned++;
    if (flags != 0) {
        t->flags |= (flags & KERNEL_PINNED) != 0 ? TASKLET_PINNED : 0;
        t->flags |= (flags & KERNEL_NOTIFY) != 0 ? TASKLET_NOTIFY | TASKLET_FIRST_TURN : 0;
        if ((flags & KERNEL_SYSTEM) != 0) {
            t->flags |= TASKLET_SYSTEM;
            k->system_count++;
        }
    }
    if ((flags & KERNEL_PAUSED) == 0) {
        t->state = TASKLET_READY;
        ring_append(k, t);
    }
    return t;
}

enum stint_status
kernel_spawn(struct kernel *k, const struct code *code, struct stint_span args, uint32_t flags,
    struct stint_id *id)
{
    if (id_is_zero(*id)) {
        *id = prng_id(&k->prng);
    } else if (tasklet_find(k, *id) != NULL) {
        return STINT_EXISTS;
    }
    if (k->tasklets.used >= k->tasklets.limit) {
        return STINT_LIMIT;
    }
    enum stint_status status = type_decode(code->locals, args, k->scratch, NULL);
    if (status != STINT_OK) {
        return status;
    }
    struct tasklet *t = kernel_make_tasklet(k, code, k->scratch, *id, flags);
    if (t == NULL) {
        return STINT_NO_MEMORY;
    }
    if ((flags & KERNEL_PAUSED) != 0 && (flags & KERNEL_NOTIFY) != 0) {
        t->flags &= (uint16_t)~TASKLET_FIRST_TURN;
        struct kernel_effect *effect = effect_new(k, KERNEL_SUSPENDED);
        if (effect != NULL) {
            effect->tid = t->id;
            effect->epoch = t->epoch;
        }
    }
    return STINT_OK;
}

enum stint_status
kernel_watch(struct kernel *k, struct stint_id tid)
{
    struct tasklet *t = tasklet_find(k, tid);
    if (t == NULL) {
        return STINT_NOT_HERE;
    }
    t->flags |= TASKLET_NOTIFY;
    return STINT_OK;
}

enum stint_status
kernel_kill(struct kernel *k, struct stint_id tid, bool pending)
{
    struct tasklet *t = tasklet_find(k, tid);
    if (t == NULL) {
        return STINT_NOT_HERE;
    }
    if ((t->flags & TASKLET_FROZEN) != 0) {
        return STINT_BUSY;
    }
    tasklet_kill(k, t, !pending);
    return STINT_OK;
}

enum stint_status
kernel_pause(struct kernel *k, struct stint_id tid)
{
    struct tasklet *t = tasklet_find(k, tid);
    if (t == NULL) {
        return STINT_NOT_HERE;
    }
    if ((t->flags & TASKLET_IN_RING) != 0) {
        ring_remove(k, t);
    }
    t->flags |= TASKLET_HELD;
    return STINT_OK;
}

enum stint_status
kernel_resume(struct kernel *k, struct stint_id tid)
{
    struct tasklet *t = tasklet_find(k, tid);
    if (t == NULL) {
        return STINT_NOT_HERE;
    }
    t->flags &= (uint16_t)~TASKLET_HELD;
    if (t->state == TASKLET_READY && (t->flags & TASKLET_IN_RING) == 0 && tasklet_may_run(t)) {
        ring_append(k, t);
    }
    return STINT_OK;
}

enum stint_status
kernel_set_pinned(struct kernel *k, struct stint_id tid, bool pinned)
{
    struct tasklet *t = tasklet_find(k, tid);
    if (t == NULL) {
        return STINT_NOT_HERE;
    }
    t->flags = (uint16_t)(pinned ? t->flags | TASKLET_PINNED : t->flags & ~TASKLET_PINNED);
    return STINT_OK;
}

bool
kernel_pinned(const struct kernel *k, struct stint_id tid)
{
    const struct tasklet *t = tasklet_find(k, tid);
    return t != NULL && (t->flags & TASKLET_PINNED) != 0;
}

bool
kernel_has_tasklet(const struct kernel *k, struct stint_id tid)
{
    return tasklet_find(k, tid) != NULL;
}

void
kernel_ask_move(struct kernel *k, const struct tasklet *t)
{
    struct kernel_effect *effect = effect_new(k, KERNEL_MIGRATE_SELF);
    if (effect != NULL) {
        effect->tid = t->id;
        effect->epoch = t->epoch;
        effect->place.node = t->extra->target;
    }
}

/* ---- channels ---- */

enum stint_status
kernel_channel_create(struct kernel *k, const struct stint_type *type, uint32_t capacity,
    const char *name, struct stint_id *cid)
{
    if (id_is_zero(*cid)) {
        *cid = prng_id(&k->prng);
    } else if (channel_find(k, *cid) != NULL) {
        return STINT_EXISTS;
    }
    if (name != NULL && !text_is_name(name, KERNEL_NAME_MAX)) {
        return STINT_INVALID;
    }
    if (registry_type(&k->registry, type) == NULL) {
        return STINT_INVALID;
    }
    if (channel_too_large(type, capacity) || k->channels.used >= k->channels.limit) {
        return STINT_LIMIT;
    }
    struct channel *ch = channel_new(k, *cid, type, capacity, NULL);
    if (ch == NULL) {
        return STINT_NO_MEMORY;
    }
    enum stint_status status = name == NULL ? STINT_OK : channel_set_name(k, ch, name);
    if (status != STINT_OK) {
        channel_free(k, ch);
    }
    return status;
}

enum stint_status
kernel_channel_close(struct kernel *k, struct stint_id cid, bool wake)
{
    struct channel *ch = channel_find(k, cid);
    if (ch == NULL) {
        return STINT_NOT_HERE;
    }
    if ((ch->flags & CHANNEL_AWAY) != 0) {
        return STINT_BUSY;
    }
    if (ch->owner == NULL) { /* what is in it is received first: then its end is what was asked for */
        ch->flags |= CHANNEL_ENDING;
    }
    channel_close(k, ch, wake);
    if (!wake) {
        channel_check_end(k, ch);
    }
    return STINT_OK;
}

void
kernel_ask_name(struct kernel *k, const struct channel *ch)
{
    const char *name = effect_text(k, ch->extra->name);
    struct kernel_effect *effect = effect_new(k, KERNEL_NAME_CHANNEL);
    if (effect != NULL) {
        effect->cid = ch->id;
        effect->tid = ch->owner->id;
        effect->epoch = ch->owner->epoch;
        effect->text = name;
    }
}

void
kernel_named(struct kernel *k, struct stint_id tid, struct stint_id cid, enum stint_status status)
{
    struct channel *ch = channel_find(k, cid);
    struct tasklet *t = tasklet_find(k, tid);
    if (ch == NULL || (ch->flags & CHANNEL_AWAY) != 0 || (ch->flags & CHANNEL_NAMING) == 0) {
        return; /* frozen: it will be asked for again where it goes on */
    }
    ch->flags &= (uint16_t)~CHANNEL_NAMING;
    bool waits = t != NULL && t->state == TASKLET_NAMING && t->on.channel == ch;
    if (waits) {
        t->on.channel = NULL;
        tasklet_ready(k, t, (uint32_t)status);
    }
    if (status != STINT_OK) {
        /* The name is another's: it must not be given back with the channel. */
        mem_free(k->mem, ch->extra->name, ch->extra->name_size);
        ch->extra->name = NULL;
        ch->extra->name_size = 0;
        channel_end(k, ch);
    }
}

bool
kernel_has_channel(const struct kernel *k, struct stint_id cid)
{
    return channel_find(k, cid) != NULL;
}
