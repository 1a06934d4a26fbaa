/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a kernel without changing it: codes and types, tasklets, frames, channels, counters.
 */
#include <string.h>

#include "base/ids.h"
#include "kernel/machine.h"
#include "kernel/relation.h"

enum stint_status
kernel_find_code(const struct kernel *k, const char *module, const char *name,
    const struct code **code)
{
    if (registry_find_module(&k->registry, module) == NULL) {
        return STINT_UNKNOWN_MODULE;
    }
    *code = registry_find_code(&k->registry, module, name);
    return *code == NULL ? STINT_UNKNOWN_CODE : STINT_OK;
}

const struct stint_type *
kernel_find_type(const struct kernel *k, const char *name)
{
    const struct known_type *known = registry_find_type(&k->registry, name);
    return known == NULL ? NULL : known->type;
}

const struct stint_type *
kernel_find_type_hash(const struct kernel *k, uint64_t hash)
{
    for (uint32_t i = 0; i < k->registry.type_count; i++) {
        if (k->registry.types[i]->hash == hash) {
            return k->registry.types[i]->type;
        }
    }
    return NULL;
}

const struct stint_module *
kernel_module_at(const struct kernel *k, uint32_t index)
{
    return index < k->registry.module_count ? k->registry.modules[index]->definition : NULL;
}

const struct code *
kernel_code_at(const struct kernel *k, uint32_t index)
{
    return index < k->registry.code_count ? k->registry.codes[index] : NULL;
}

void
kernel_count(const struct kernel *k, struct kernel_counters *counters)
{
    *counters = (struct kernel_counters){
        .tasklets = k->tasklets.used,
        .system = k->system_count,
        .runnable = k->runcount,
        .channels = k->channels.used,
        .relations = k->relations.used,
        .outlets = k->outlets.used,
        .steps = k->steps,
        .turns = k->turns,
        .spawned = k->spawned,
        .ended = k->ended,
    };
}

static enum kernel_state
state_of(const struct tasklet *t)
{
    if ((t->flags & TASKLET_FROZEN) != 0) {
        return KERNEL_FROZEN;
    }
    if ((t->flags & TASKLET_HELD) != 0) {
        return KERNEL_IS_PAUSED; /* whatever else it waits for */
    }
    switch ((enum tasklet_state)t->state) {
    case TASKLET_READY:
        return KERNEL_RUNNABLE;
    case TASKLET_BLOCKED:
    case TASKLET_REMOTE:
        return KERNEL_IS_BLOCKED;
    case TASKLET_SLEEPING:
        return KERNEL_SLEEPING;
    case TASKLET_NAMING:
        return KERNEL_NAMING;
    case TASKLET_MOVING:
        return KERNEL_MOVING;
    case TASKLET_RUN_ALL:
        return KERNEL_WAITING;
    case TASKLET_PAUSED:
        break;
    }
    return KERNEL_IS_PAUSED;
}

/* Where a frame goes on. */
static void
look_at_point(const struct frame *f, const char **label, const char **file, uint32_t *line)
{
    *label = f->resume == RESUME_START ? "start" : "except";
    *file = f->code->definition->file;
    *line = f->code->definition->line;
    uint32_t place = code_point_at(f->code, f->resume);
    if (place != POINT_NONE) {
        *label = f->code->points[place]->label;
        *file = f->code->points[place]->file;
        *line = f->resume;
    }
}

static void
look_at_waiting(const struct tasklet *t, struct kernel_tasklet_view *view)
{
    switch ((enum tasklet_state)t->state) {
    case TASKLET_BLOCKED:
        view->channel = t->on.channel->id;
        view->op = t->wait.direction > 0 ? KERNEL_SEND : KERNEL_RECEIVE;
        break;
    case TASKLET_REMOTE:
        view->channel = t->on.outlet->cid;
        view->op = (enum kernel_op)t->on.outlet->op;
        view->remote = true;
        break;
    case TASKLET_NAMING:
        view->channel = t->on.channel->id;
        break;
    default:
        break;
    }
}

static void
look_at(const struct kernel *k, const struct tasklet *t, struct kernel_tasklet_view *view)
{
    *view = (struct kernel_tasklet_view){ .id = t->id,
        .state = state_of(t),
        .deadline_ns = UINT64_MAX };
    view->code = ((const struct frame *)(const void *)t->stack)->code;
    view->flags = ((t->flags & TASKLET_PINNED) != 0 ? KERNEL_PINNED : 0u) |
                  ((t->flags & TASKLET_SYSTEM) != 0 ? KERNEL_SYSTEM : 0u);
    look_at_point(t->top, &view->label, &view->file, &view->line);
    look_at_waiting(t, view);
    view->since_ns = t->since_ns;
    if (t->extra != NULL) {
        const struct tasklet_extra *extra = t->extra;
        view->moves = extra->moves;
        if (heap_contains(&extra->timer)) {
            view->deadline_ns = extra->timer.key;
        } else if (extra->time_left < UINT64_MAX - k->now_ns) {
            view->deadline_ns = k->now_ns + extra->time_left;
        }
    }
    view->steps = t->steps;
    view->epoch = t->epoch;
    view->frames = frame_count(t);
    view->stack_bytes = (uint32_t)(frame_end(t->top) - t->stack);
    view->owned = t->owned_count;
}

enum stint_status
kernel_look(const struct kernel *k, struct stint_id tid, struct kernel_tasklet_view *view)
{
    const struct tasklet *t = tasklet_find(k, tid);
    if (t == NULL) {
        return STINT_NOT_HERE;
    }
    look_at(k, t, view);
    return STINT_OK;
}

bool
kernel_each_tasklet(const struct kernel *k, uint32_t *cursor, struct kernel_tasklet_view *view)
{
    while (*cursor < k->tasklets.fresh) {
        const struct tasklet *t = slab_at(&k->tasklets, (*cursor)++);
        if (t->state != 0) {
            look_at(k, t, view);
            return true;
        }
    }
    return false;
}

enum stint_status
kernel_frame(const struct kernel *k, struct stint_id tid, uint32_t index,
    struct kernel_frame_view *view)
{
    const struct tasklet *t = tasklet_find(k, tid);
    if (t == NULL) {
        return STINT_NOT_HERE;
    }
    const struct frame *f = frame_at(t, index);
    if (f == NULL) {
        return STINT_NOT_FOUND;
    }
    view->code = f->code;
    view->locals = frame_locals(f);
    look_at_point(f, &view->label, &view->file, &view->line);
    return STINT_OK;
}

static void
look_at_channel(const struct channel *ch, struct kernel_channel_view *view)
{
    *view = (struct kernel_channel_view){
        .id = ch->id,
        .owner = ch->owner == NULL ? STINT_ID_NONE : ch->owner->id,
        .name = ch->extra == NULL ? NULL : ch->extra->name,
        .type = ch->type,
        .capacity = ch->capacity,
        .count = channel_count(ch),
        .senders = ch->balance > 0 ? (uint32_t)ch->balance : 0,
        .receivers = ch->balance < 0 ? (uint32_t)-ch->balance : 0,
        .relations = ch->extra == NULL ? 0 : ch->extra->relation_count,
        .closing = (ch->flags & CHANNEL_CLOSING) != 0,
        .frozen = (ch->flags & CHANNEL_AWAY) != 0,
    };
}

enum stint_status
kernel_look_channel(const struct kernel *k, struct stint_id cid, struct kernel_channel_view *view)
{
    const struct channel *ch = channel_find(k, cid);
    if (ch == NULL) {
        return STINT_NOT_HERE;
    }
    look_at_channel(ch, view);
    return STINT_OK;
}

bool
kernel_each_channel(const struct kernel *k, uint32_t *cursor, struct kernel_channel_view *view)
{
    while (*cursor < k->channels.fresh) {
        const struct channel *ch = slab_at(&k->channels, (*cursor)++);
        if (ch->type != NULL) {
            look_at_channel(ch, view);
            return true;
        }
    }
    return false;
}

bool
kernel_each_waiter(const struct kernel *k, struct stint_id cid, uint32_t *cursor,
    struct stint_id *tid, enum kernel_op *op)
{
    const struct channel *ch = channel_find(k, cid);
    struct waiter *w = ch == NULL ? NULL : ch->queue.next;
    for (uint32_t i = 0; w != NULL && w->kind != WAITER_HEAD; i++, w = w->next) {
        if (i == *cursor) {
            (*cursor)++;
            *tid =
                w->kind == WAITER_TASKLET ? tasklet_of_waiter(w)->id : relation_of_waiter(w)->tid;
            *op = w->direction > 0 ? KERNEL_SEND : KERNEL_RECEIVE;
            return true;
        }
    }
    return false;
}
