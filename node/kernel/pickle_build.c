/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a tasklet from a pickle that has been checked: the records are read once more, and only
 * memory, limits and ids that stand there twice can still go wrong. Until it is complete the
 * tasklet is a frozen one like any other, so what was begun is dropped by kernel_discard().
 *
 * A fresh copy gets new ids for itself and its channels; handles of those channels in its values
 * are changed to the new ones. It has no dealings yet: results, waiters and pipelined sends belong
 * to the original. Only the operation that it waits for begins anew.
 */
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "kernel/machine.h"
#include "kernel/pickle_part.h"
#include "kernel/relation.h"

STINT_STATIC_ASSERT(
    sizeof(((struct fault *)0)->origin) == sizeof(((stint_PickleFault *)0)->origin)
        && sizeof(((struct fault *)0)->text) == sizeof(((stint_PickleFault *)0)->text),
    "a fault's texts fit their record");
STINT_STATIC_ASSERT(
    sizeof(((stint_PickleChannel *)0)->name) == KERNEL_NAME_MAX + 1, "a name fits its record");

struct builder {
    struct kernel *k;
    const struct pickle_plan *plan;
    struct pickle_cursor c;
    struct pickle_why *why;
    struct tasklet *t;
    bool fresh;
    struct stint_id *old; /* a fresh copy: the ids that its channels had, in order of the records */
    struct outlet *on;    /* the outlet that it waits at */
};

static struct stint_id
id_of(const uint8_t bytes[16])
{
    struct stint_id id;
    memcpy(id.bytes, bytes, sizeof(id.bytes));
    return id;
}

/* Reading what was read before cannot fail. */
#define REREAD(b, tag, type, message)                                                              \
    do {                                                                                           \
        bool read_ = PICKLE_RECORD(&(b)->c, tag, type, message);                                   \
        STINT_ASSERT(read_);                                                                       \
    } while (0)

static struct stint_span
reread_content(struct builder *b)
{
    struct stint_span bytes = { NULL, 0 };
    bool read = pickle_content(&b->c, &bytes);
    STINT_ASSERT(read);
    return bytes;
}

static void
decode_content(struct builder *b, const struct stint_type *type, void *value)
{
    enum stint_status status = type_decode(type, reread_content(b), value, NULL);
    STINT_ASSERT(status == STINT_OK);
}

static bool
no_memory(struct builder *b)
{
    return pickle_refuse(b->why, STINT_NO_MEMORY, "out of memory for the tasklet");
}

static bool
twice(struct builder *b, const char *what)
{
    return pickle_refuse(
        b->why, STINT_BAD_PICKLE, "the pickle is damaged: %s stands there twice", what);
}

/* ---- the tasklet ---- */

static bool
build_tasklet(struct builder *b)
{
    struct kernel *k = b->k;
    const stint_PickleHead *h = &b->plan->head;
    struct stint_id id = b->fresh ? prng_id(&k->prng) : id_of(h->id);
    struct tasklet *t = tasklet_new(k, id);
    if (t == NULL) {
        return k->tasklets.used >= k->tasklets.limit
                   ? pickle_refuse(b->why, STINT_LIMIT, "this node takes no more tasklets")
                   : no_memory(b);
    }
    b->t = t;
    t->flags |= TASKLET_FROZEN;
    t->flags |= (h->flags & stint_PickleFlag_PICKLE_FLAG_PINNED) != 0 ? TASKLET_PINNED : 0;
    t->flags |= (h->flags & stint_PickleFlag_PICKLE_FLAG_HELD) != 0 ? TASKLET_HELD : 0;
    t->flags |= (h->flags & stint_PickleFlag_PICKLE_FLAG_BLOCK_TRAP) != 0 ? TASKLET_BLOCK_TRAP : 0;
    if (!b->fresh) {
        t->flags |= (h->flags & stint_PickleFlag_PICKLE_FLAG_NOTIFY) != 0 ? TASKLET_NOTIFY : 0;
        t->flags |=
            (h->flags & stint_PickleFlag_PICKLE_FLAG_FIRST_TURN) != 0 ? TASKLET_FIRST_TURN : 0;
    }
    t->flags |= b->plan->options->paused ? TASKLET_HELD : 0;
    t->epoch = b->fresh ? 1 : h->epoch;
    t->steps = b->fresh ? 0 : h->steps;
    t->wake = h->wake;
    return true;
}

static bool
build_frames(struct builder *b)
{
    const struct pickle_plan *plan = b->plan;
    stint_PickleFrame record;
    const struct stint_point *point;
    for (uint32_t i = 0; i < plan->head.frames; i++) {
        REREAD(b, PICKLE_FRAME, PickleFrame, &record);
        const struct pickle_match *match = &plan->codes[record.code];
        enum stint_status status = frame_push(b->k, b->t, match->code, NULL);
        if (status != STINT_OK) {
            return no_memory(b);
        }
        struct frame *f = b->t->top;
        bool matched = pickle_match_frame(match, i, &record, &point, b->why);
        STINT_ASSERT(matched);
        f->resume = point != NULL ? point->line : RESUME_START;
        f->flags = record.flags != 0 ? FRAME_IN_EXCEPT : 0;
        f->error = record.error;
        decode_content(b, match->code->locals, frame_locals(f));
    }
    return true;
}

static bool
needs_extra(const struct builder *b)
{
    const stint_PickleHead *h = &b->plan->head;
    return h->time_left_ns != 0 || h->moves != 0 || h->faults != 0 || h->outlets != 0
           || h->number_base != 0 || h->target.size != 0 || b->plan->options->moved;
}

static bool
build_extra(struct builder *b)
{
    const stint_PickleHead *h = &b->plan->head;
    if (!needs_extra(b)) {
        return true;
    }
    struct tasklet_extra *extra = tasklet_need_extra(b->k, b->t);
    if (extra == NULL) {
        return no_memory(b);
    }
    extra->time_left = h->time_left_ns != 0 ? h->time_left_ns - 1 : UINT64_MAX;
    extra->target = h->target.size != 0 ? id_of(h->target.bytes) : STINT_ID_NONE;
    if (!b->fresh) {
        extra->moves = h->moves + (b->plan->options->moved ? 1 : 0);
        extra->number_base = h->number_base;
    }
    return true;
}

static bool
build_faults(struct builder *b)
{
    stint_PickleFault record;
    struct fault **end = b->t->extra != NULL ? &b->t->extra->fault : NULL;
    for (uint32_t i = 0; i < b->plan->head.faults; i++) {
        REREAD(b, PICKLE_FAULT, PickleFault, &record);
        struct fault *fault = mem_zalloc(b->k->mem, sizeof(*fault));
        if (fault == NULL) {
            return no_memory(b);
        }
        fault->status = (enum stint_status)record.status;
        fault->depth = record.depth == 0 ? FAULT_TRAVELS : record.depth - 1;
        fault->line = record.line;
        memcpy(fault->origin, record.origin, sizeof(record.origin));
        memcpy(fault->text, record.text, sizeof(record.text));
        *end = fault;
        end = &fault->next;
    }
    return true;
}

/* The pending value, or room for the one that is awaited, above the frames; the resume point takes
 * it from there. */
static bool
build_value(struct builder *b)
{
    const stint_PickleHead *h = &b->plan->head;
    struct tasklet *t = b->t;
    if (h->value_type == 0) {
        return true;
    }
    t->type = b->plan->types[h->value_type - 1]->type;
    t->value = frame_scratch(b->k, t, NULL, t->type->size);
    if (t->value == NULL) {
        return no_memory(b);
    }
    type_init_value(t->type, t->value);
    if (h->has_value) {
        decode_content(b, t->type, t->value);
    }
    return true;
}

/* ---- channels ---- */

static void
insert_orphan(struct kernel *k, struct relation *r)
{
    struct list *place = k->orphans.prev;
    while (
        place != &k->orphans
        && STINT_CONTAINER_OF(place, struct relation, orphaned)->orphan_until > r->orphan_until) {
        place = place->prev;
    }
    list_insert_after(place, &r->orphaned);
}

static bool
build_relation_values(struct builder *b, const stint_PickleRelation *record, struct relation *r)
{
    struct kernel *k = b->k;
    const struct stint_type *type = r->channel->type;
    if (record->has_result_value) {
        struct stint_span bytes = reread_content(b);
        if (bytes.size != 0) {
            r->result_value = mem_alloc(k->mem, bytes.size);
            if (r->result_value == NULL) {
                return no_memory(b);
            }
            r->result_size = (uint32_t)bytes.size;
            memcpy(r->result_value, bytes.data, bytes.size);
        }
    }
    if (record->has_value) {
        r->value = mem_alloc(k->mem, type->size);
        if (r->value == NULL) {
            return no_memory(b);
        }
        decode_content(b, type, r->value);
    }
    return true;
}

static bool
build_relation(struct builder *b, struct channel *ch, const stint_PickleRelation *record)
{
    struct kernel *k = b->k;
    struct stint_id tid = id_of(record->tasklet);
    if (relation_find(k, ch->id, tid) != NULL) {
        return twice(b, "a relation");
    }
    struct relation *r = relation_new(k, ch, tid);
    if (r == NULL) {
        return no_memory(b);
    }
    r->epoch = record->epoch;
    r->place = (struct kernel_place){ id_of(record->node), record->incarnation };
    r->last = record->last;
    r->result = (enum stint_status)record->result;
    r->fin_number = record->fin;
    uint32_t f = record->flags;
    uint8_t flags = 0;
    flags |= (f & stint_PickleRelationFlag_PICKLE_RELATION_GAP_TOLD) != 0 ? RELATION_GAP_TOLD : 0;
    flags |= (f & stint_PickleRelationFlag_PICKLE_RELATION_DROPPED) != 0 ? RELATION_DROPPED : 0;
    flags |= (f & stint_PickleRelationFlag_PICKLE_RELATION_ENDING) != 0 ? RELATION_ENDING : 0;
    flags |=
        (f & stint_PickleRelationFlag_PICKLE_RELATION_HAS_RESULT) != 0 ? RELATION_HAS_RESULT : 0;
    flags |= (f & stint_PickleRelationFlag_PICKLE_RELATION_STARVED) != 0 ? RELATION_STARVED : 0;
    r->flags = flags;
    ch->extra->starved += (flags & RELATION_STARVED) != 0;
    if (record->orphan_left_ns != 0) {
        r->orphan_until = k->now_ns + record->orphan_left_ns - 1;
        insert_orphan(k, r);
    }
    if (!build_relation_values(b, record, r)) {
        return false;
    }
    if (record->op != 0) {
        r->op = (uint8_t)record->op;
        r->wait.orphan = record->orphan_left_ns != 0;
        channel_enqueue(ch, &r->wait, record->op == KERNEL_SEND ? +1 : -1);
    }
    return true;
}

/* Each was put in front of the one before; saving wants the order of the records. */
static void
reverse_relations(struct channel *ch)
{
    struct relation *reversed = NULL;
    struct relation *r = ch->extra->relations;
    while (r != NULL) {
        struct relation *next = r->next_of_channel;
        r->next_of_channel = reversed;
        r->prev_of_channel = next;
        reversed = r;
        r = next;
    }
    ch->extra->relations = reversed;
}

static bool
build_relations(struct builder *b, struct channel *ch, uint32_t count)
{
    stint_PickleRelation record;
    for (uint32_t i = 0; i < count; i++) {
        REREAD(b, PICKLE_RELATION, PickleRelation, &record);
        if (!b->fresh) {
            if (!build_relation(b, ch, &record)) {
                return false;
            }
            continue;
        }
        for (int skip = (record.has_result_value ? 1 : 0) + (record.has_value ? 1 : 0); skip > 0;
             skip--) {
            (void)reread_content(b);
        }
    }
    if (!b->fresh && count > 0) {
        reverse_relations(ch);
    }
    return true;
}

static bool
build_buffer(struct builder *b, struct channel *ch, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        decode_content(b, ch->type, b->k->scratch);
        if (channel_store(b->k, ch, b->k->scratch) != STINT_OK) {
            return no_memory(b);
        }
    }
    return true;
}

static bool
build_channel(struct builder *b, uint32_t index)
{
    struct kernel *k = b->k;
    stint_PickleChannel record;
    REREAD(b, PICKLE_CHANNEL, PickleChannel, &record);
    struct stint_id id = id_of(record.id);
    if (b->fresh) {
        b->old[index] = id;
        id = prng_id(&k->prng);
    } else if (channel_find(k, id) != NULL) {
        return twice(b, "a channel");
    }
    struct channel *ch =
        channel_new(k, id, b->plan->types[record.type]->type, record.capacity, b->t);
    if (ch == NULL) {
        return k->channels.used >= k->channels.limit
                   ? pickle_refuse(b->why, STINT_LIMIT, "this node takes no more channels")
                   : no_memory(b);
    }
    uint16_t flags = CHANNEL_AWAY;
    flags |=
        (record.flags & stint_PickleChannelFlag_PICKLE_CHANNEL_CLOSING) != 0 ? CHANNEL_CLOSING : 0;
    flags |= (record.flags & stint_PickleChannelFlag_PICKLE_CHANNEL_WOKEN) != 0 ? CHANNEL_WOKEN : 0;
    ch->schedule_all = (record.flags & stint_PickleChannelFlag_PICKLE_CHANNEL_SCHEDULE_ALL) != 0;
    ch->preference = (int8_t)record.preference;
    if (!b->fresh && record.name[0] != '\0') {
        flags |= (record.flags & stint_PickleChannelFlag_PICKLE_CHANNEL_NAMING) != 0
                     ? CHANNEL_NAMING
                     : 0;
        if (channel_set_name(k, ch, record.name) != STINT_OK) {
            return no_memory(b);
        }
    }
    ch->flags = flags;
    return build_buffer(b, ch, record.buffered) && build_relations(b, ch, record.relations);
}

static bool
build_channels(struct builder *b)
{
    uint32_t count = b->plan->head.channels;
    if (b->fresh && count > 0) {
        b->old = mem_alloc(b->k->mem, count * sizeof(*b->old));
        if (b->old == NULL) {
            return no_memory(b);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!build_channel(b, i)) {
            return false;
        }
    }
    /* Each was put in front of the one before. */
    struct channel *reversed = NULL;
    while (b->t->owned != NULL) {
        struct channel *ch = b->t->owned;
        b->t->owned = ch->next_owned;
        ch->next_owned = reversed;
        reversed = ch;
    }
    b->t->owned = reversed;
    return true;
}

/* ---- dealings with channels elsewhere ---- */

/* Of a fresh copy: the new id of a channel of its own. */
static struct stint_id
renewed(const struct builder *b, struct stint_id id)
{
    const struct channel *ch = b->t->owned;
    for (uint32_t i = 0; ch != NULL && b->old != NULL; i++, ch = ch->next_owned) {
        if (id_equal(b->old[i], id)) {
            return ch->id;
        }
    }
    return id;
}

/* As outlet_new(), but it makes room for nothing and takes its place at the end: all of them were
 * there at once before. */
static struct outlet *
add_outlet(struct builder *b, struct stint_id cid)
{
    struct kernel *k = b->k;
    uint32_t slot;
    struct outlet *o = slab_new(&k->outlets, &slot);
    if (o == NULL) {
        return NULL;
    }
    o->slot = slot;
    o->tid = b->t->id;
    o->cid = cid;
    if (index_insert(&k->outlets_by_key, &o->by_key) != STINT_OK) {
        slab_free(&k->outlets, o, slot);
        return NULL;
    }
    o->tasklet = b->t;
    list_push_back(&b->t->extra->outlets, &o->of_tasklet);
    b->t->extra->outlet_count++;
    return o;
}

static bool
build_sends(struct builder *b, struct outlet *o, uint32_t count)
{
    stint_PickleSend record;
    for (uint32_t i = 0; i < count; i++) {
        struct stint_span bytes = { NULL, 0 };
        REREAD(b, PICKLE_SEND, PickleSend, &record);
        if (!record.cancel) {
            bytes = reread_content(b);
        }
        if (o != NULL
            && outlet_append(b->k, o, o->done + 1 + i, bytes, record.cancel) != STINT_OK) {
            return no_memory(b);
        }
    }
    return true;
}

static bool
build_outlet(struct builder *b, uint32_t index)
{
    stint_PickleOutlet record;
    struct outlet *o = NULL;
    REREAD(b, PICKLE_OUTLET, PickleOutlet, &record);
    bool blocking = (record.flags & stint_PickleOutletFlag_PICKLE_OUTLET_BLOCKING) != 0;
    if (!b->fresh || blocking) {
        struct stint_id cid = b->fresh ? renewed(b, id_of(record.channel)) : id_of(record.channel);
        if (outlet_find(b->k, b->t->id, cid) != NULL) {
            return twice(b, "an outlet");
        }
        o = add_outlet(b, cid);
        if (o == NULL) {
            return no_memory(b);
        }
        o->type = record.type != 0 ? b->plan->types[record.type - 1]->type : NULL;
        o->type_hash = record.type != 0 ? b->plan->types[record.type - 1]->hash : 0;
        o->last = b->fresh ? 1 : record.last;
        if (!b->fresh) {
            o->base = record.base;
            o->done = record.done;
            o->failed = (enum stint_status)record.failed;
            o->buffered = (record.flags & stint_PickleOutletFlag_PICKLE_OUTLET_BUFFERED) != 0;
        }
        o->op = (uint8_t)record.op;
        o->blocking = blocking;
        o->cancelling = (record.flags & stint_PickleOutletFlag_PICKLE_OUTLET_CANCELLING) != 0;
        b->on = b->plan->head.on == index + 1 && blocking ? o : b->on;
    }
    return build_sends(b, b->fresh ? NULL : o, record.sends);
}

static bool
build_outlets(struct builder *b)
{
    for (uint32_t i = 0; i < b->plan->head.outlets; i++) {
        if (!build_outlet(b, i)) {
            return false;
        }
    }
    return true;
}

/* ---- the end ---- */

static struct channel *
owned_at(const struct tasklet *t, uint32_t index)
{
    struct channel *ch = t->owned;
    while (index > 0) {
        ch = ch->next_owned;
        index--;
    }
    return ch;
}

static void
set_state(struct builder *b)
{
    struct tasklet *t = b->t;
    const stint_PickleHead *h = &b->plan->head;
    switch (h->state) {
    case stint_PickleState_PICKLE_STATE_PAUSED:
        t->state = TASKLET_PAUSED;
        t->flags |= h->value_type != 0 && !h->has_value ? TASKLET_WANTS_VALUE : 0;
        break;
    case stint_PickleState_PICKLE_STATE_WAITING:
        t->state = TASKLET_REMOTE;
        t->on.outlet = b->on;
        t->wait.direction = (int8_t)(b->on->op == KERNEL_SEND ? +1 : -1);
        break;
    case stint_PickleState_PICKLE_STATE_SLEEPING:
        t->state = TASKLET_SLEEPING;
        break;
    case stint_PickleState_PICKLE_STATE_NAMING:
        t->state = TASKLET_NAMING;
        t->on.channel = owned_at(t, h->on - 1);
        break;
    case stint_PickleState_PICKLE_STATE_MOVING:
        t->state = TASKLET_MOVING;
        break;
    default:
        t->state = TASKLET_READY;
        break;
    }
}

/* What a copy waited for that only the original can get is over for it. */
static void
settle_copy(struct builder *b)
{
    struct tasklet *t = b->t;
    if (t->state == TASKLET_NAMING || t->state == TASKLET_MOVING) {
        t->on.channel = NULL;
        t->state = TASKLET_READY;
    } else if (b->on != NULL && b->on->cancelling) {
        b->on->blocking = false;
        outlet_free(b->k, b->on);
        t->on.outlet = NULL;
        t->extra->time_left = UINT64_MAX;
        t->state = TASKLET_READY;
        t->wake = STINT_TIMED_OUT;
        t->scratch = 0;
    }
}

static void
renew_handle(void *arg, stint_Channel *ch)
{
    struct stint_id id = renewed(arg, id_of(ch->id));
    memcpy(ch->id, id.bytes, sizeof(ch->id));
}

/* All handles of its own channels, wherever it holds them, get the new ids. */
static void
renew_handles(struct builder *b)
{
    struct tasklet *t = b->t;
    for (struct frame *f = t->top; f != NULL; f = frame_below(t, f)) {
        type_each_channel(f->code->locals, frame_locals(f), renew_handle, b);
    }
    if (t->scratch != 0) {
        type_each_channel(t->type, frame_end(t->top), renew_handle, b);
    }
    for (struct channel *ch = t->owned; ch != NULL; ch = ch->next_owned) {
        for (uint32_t i = 0; i < channel_count(ch); i++) {
            type_each_channel(ch->type, channel_value_at(ch, i), renew_handle, b);
        }
    }
}

bool
pickle_build(
    struct kernel *k, const struct pickle_plan *plan, struct stint_id *tid, struct pickle_why *why)
{
    struct builder b = {
        .k = k, .plan = plan, .c = plan->frames, .why = why, .fresh = plan->options->fresh
    };
    b.c.why = why;
    bool built = build_tasklet(&b) && build_frames(&b) && build_extra(&b) && build_faults(&b)
                 && build_value(&b) && build_channels(&b) && build_outlets(&b);
    if (built) {
        set_state(&b);
        if (b.fresh) {
            settle_copy(&b);
            renew_handles(&b);
        }
        *tid = b.t->id;
    } else if (b.t != NULL) {
        enum stint_status dropped = kernel_discard(k, b.t->id);
        STINT_ASSERT(dropped == STINT_OK);
    }
    if (b.old != NULL) {
        mem_free(k->mem, b.old, plan->head.channels * sizeof(*b.old));
    }
    return built;
}
