/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a tasklet. The codes and types that it uses are collected first, for they stand before
 * what refers to them by index; then everything is written in the order of the format. Lists whose
 * order means nothing to the kernel are written in an order that loading restores, so that one
 * tasklet has one pickle.
 */
#include "kernel/pickle.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "kernel/machine.h"
#include "kernel/pickle_part.h"
#include "kernel/relation.h"

enum { RECORD_ROOM = 4096 };

struct saver {
    struct kernel *k;
    struct tasklet *t;
    struct buf *out;
    enum stint_status status; /* the first thing that went wrong */
    uint32_t code_count;
    uint32_t type_count;
    const struct code *codes[PICKLE_CODES_MAX];
    const struct known_type *types[PICKLE_TYPES_MAX];
};

static void
fail(struct saver *s, enum stint_status status)
{
    s->status = s->status == STINT_OK ? status : s->status;
}

static uint32_t
code_index(struct saver *s, const struct code *code)
{
    uint32_t i = 0;
    while (i < s->code_count && s->codes[i] != code) {
        i++;
    }
    if (i == s->code_count) {
        if (i == PICKLE_CODES_MAX) {
            fail(s, STINT_LIMIT);
            return 0;
        }
        s->codes[s->code_count++] = code;
    }
    return i;
}

static uint32_t
type_index(struct saver *s, const struct stint_type *type)
{
    const struct known_type *known = registry_type(&s->k->registry, type);
    uint32_t i = 0;
    STINT_ASSERT(known != NULL);
    while (i < s->type_count && s->types[i]->canonical != known->canonical) {
        i++;
    }
    if (i == s->type_count) {
        if (i == PICKLE_TYPES_MAX) {
            fail(s, STINT_LIMIT);
            return 0;
        }
        s->types[s->type_count++] = known;
    }
    return i;
}

static struct frame *
first_frame(const struct tasklet *t)
{
    return (struct frame *)(void *)t->stack;
}

static struct frame *
next_frame(const struct frame *f)
{
    return (struct frame *)(void *)frame_end(f);
}

/* ---- what the tasklet waits for ---- */

static const struct outlet *
blocking_outlet(const struct tasklet *t)
{
    return t->state == TASKLET_REMOTE ? t->on.outlet : NULL;
}

/* The value itself goes along: it was received and not taken yet, or is to be sent. */
static bool
has_value(const struct tasklet *t)
{
    const struct outlet *o = blocking_outlet(t);
    return (t->wake & WAKE_VALUE) != 0 || (o != NULL && o->op == KERNEL_SEND);
}

/* The type of the value that is there or awaited, or NULL. */
static const struct stint_type *
value_type(const struct tasklet *t)
{
    bool awaited = blocking_outlet(t) != NULL || (t->flags & TASKLET_WANTS_VALUE) != 0;
    return awaited || has_value(t) ? t->type : NULL;
}

static bool
is_outstanding(const struct outlet *o)
{
    return o->window > 0 || o->blocking;
}

static void
collect(struct saver *s)
{
    const struct tasklet *t = s->t;
    const struct frame *f = first_frame(t);
    for (uint32_t i = 0; i < frame_count(t); i++, f = next_frame(f)) {
        (void)code_index(s, f->code);
    }
    if (value_type(t) != NULL) {
        (void)type_index(s, value_type(t));
    }
    for (const struct channel *ch = t->owned; ch != NULL; ch = ch->next_owned) {
        (void)type_index(s, ch->type);
    }
    if (t->extra == NULL) {
        return;
    }
    LIST_EACH (link, &t->extra->outlets) {
        const struct outlet *o = STINT_CONTAINER_OF(link, struct outlet, of_tasklet);
        if (is_outstanding(o)) {
            (void)type_index(s, o->type);
        }
    }
}

/* ---- records ---- */

static uint32_t
saved_flags(const struct tasklet *t)
{
    uint32_t flags = 0;
    flags |= (t->flags & TASKLET_PINNED) != 0 ? stint_PickleFlag_PICKLE_FLAG_PINNED : 0;
    flags |= (t->flags & TASKLET_HELD) != 0 ? stint_PickleFlag_PICKLE_FLAG_HELD : 0;
    flags |= (t->flags & TASKLET_NOTIFY) != 0 ? stint_PickleFlag_PICKLE_FLAG_NOTIFY : 0;
    flags |= (t->flags & TASKLET_FIRST_TURN) != 0 ? stint_PickleFlag_PICKLE_FLAG_FIRST_TURN : 0;
    flags |= (t->flags & TASKLET_BLOCK_TRAP) != 0 ? stint_PickleFlag_PICKLE_FLAG_BLOCK_TRAP : 0;
    return flags;
}

static stint_PickleState
saved_state(const struct tasklet *t)
{
    switch ((enum tasklet_state)t->state) {
    case TASKLET_PAUSED:
        return stint_PickleState_PICKLE_STATE_PAUSED;
    case TASKLET_REMOTE:
        return stint_PickleState_PICKLE_STATE_WAITING;
    case TASKLET_SLEEPING:
        return stint_PickleState_PICKLE_STATE_SLEEPING;
    case TASKLET_NAMING:
        return stint_PickleState_PICKLE_STATE_NAMING;
    case TASKLET_MOVING:
        return stint_PickleState_PICKLE_STATE_MOVING;
    case TASKLET_READY:
    case TASKLET_BLOCKED: /* freezing makes it REMOTE */
    case TASKLET_RUN_ALL: /* and this one READY */
        break;
    }
    return stint_PickleState_PICKLE_STATE_READY;
}

/* The place, plus 1, of what it waits at. */
static uint32_t
saved_on(const struct tasklet *t)
{
    uint32_t index = 0;
    if (t->state == TASKLET_NAMING) {
        for (const struct channel *ch = t->owned; ch != NULL; ch = ch->next_owned) {
            index++;
            if (ch == t->on.channel) {
                return index;
            }
        }
    } else if (t->state == TASKLET_REMOTE) {
        LIST_EACH (link, &t->extra->outlets) {
            index++;
            if (STINT_CONTAINER_OF(link, struct outlet, of_tasklet) == t->on.outlet) {
                return index;
            }
        }
    }
    return 0;
}

static uint32_t
fault_count(const struct tasklet *t)
{
    uint32_t count = 0;
    for (const struct fault *f = t->extra != NULL ? t->extra->fault : NULL; f != NULL;
         f = f->next) {
        count++;
    }
    return count;
}

/* What it waits for and what it is to get. */
static void
fill_waiting(struct saver *s, stint_PickleHead *head)
{
    const struct tasklet *t = s->t;
    head->state = saved_state(t);
    head->wake = MUTANT(s->k->mem, WAKE_LOST) ? t->wake & WAKE_VALUE : t->wake;
    head->on = saved_on(t);
    if (value_type(t) != NULL) {
        head->value_type = type_index(s, value_type(t)) + 1;
        head->has_value = has_value(t);
    }
    if (t->extra != NULL && !MUTANT(s->k->mem, DEADLINE_DROPPED)) {
        head->time_left_ns = t->extra->time_left == UINT64_MAX ? 0 : t->extra->time_left + 1;
    }
    if (t->state == TASKLET_MOVING) {
        head->target.size = sizeof(t->extra->target.bytes);
        memcpy(head->target.bytes, t->extra->target.bytes, sizeof(t->extra->target.bytes));
    }
}

/* In an outline every tasklet counts as ready: only freezing decides what it will wait for. */
static void
put_head(struct saver *s, bool outline)
{
    const struct tasklet *t = s->t;
    stint_PickleHead head = stint_PickleHead_init_zero;
    head.version = PICKLE_VERSION;
    memcpy(head.id, t->id.bytes, sizeof(head.id));
    head.epoch = t->epoch;
    head.flags = saved_flags(t);
    head.state = stint_PickleState_PICKLE_STATE_READY;
    if (!outline) {
        fill_waiting(s, &head);
    }
    head.steps = t->steps;
    head.codes = s->code_count;
    head.types = s->type_count;
    head.frames = frame_count(t);
    head.faults = fault_count(t);
    head.channels = t->owned_count;
    if (t->extra != NULL) {
        head.moves = t->extra->moves;
        head.outlets = t->extra->outlet_count;
        head.number_base = t->extra->number_base;
    }
    (void)wire_put_record(s->out, PICKLE_HEAD, &pickle_PickleHead, &head);
}

static void
put_codes_and_types(struct saver *s)
{
    for (uint32_t i = 0; i < s->code_count; i++) {
        const struct code *code = s->codes[i];
        stint_PickleCode record = stint_PickleCode_init_zero;
        text_copy(record.module, sizeof(record.module), code->module->definition->name);
        text_copy(record.name, sizeof(record.name), code->name);
        record.fingerprint = code->fingerprint;
        record.locals = code->locals_hash;
        type_name(code->locals, record.type);
        record.mark = code->definition->mark;
        (void)wire_put_record(s->out, PICKLE_CODE, &pickle_PickleCode, &record);
    }
    for (uint32_t i = 0; i < s->type_count; i++) {
        stint_PickleType record = stint_PickleType_init_zero;
        text_copy(record.name, sizeof(record.name), s->types[i]->name);
        record.hash = s->types[i]->hash;
        (void)wire_put_record(s->out, PICKLE_TYPE, &pickle_PickleType, &record);
    }
}

static void
put_value(struct saver *s, const struct stint_type *type, void *value)
{
    /* Hints are for this kernel only, and cost it one look-up when they are missing. */
    type_scrub(type, value);
    enum stint_status status = wire_put_value(s->out, PICKLE_CONTENT, type, value);
    if (status != STINT_OK) {
        fail(s, status);
    }
}

static const char *
last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void
put_frame(struct saver *s, struct frame *f, bool with_locals)
{
    stint_PickleFrame record = stint_PickleFrame_init_zero;
    record.code = code_index(s, f->code);
    record.flags =
        (f->flags & FRAME_IN_EXCEPT) != 0 ? stint_PickleFrameFlag_PICKLE_FRAME_IN_EXCEPT : 0;
    record.error = f->error;
    const char *file = f->code->definition->file;
    record.line = f->code->definition->line;
    if (f->resume != RESUME_START) {
        uint32_t index = code_point_at(f->code, f->resume);
        if (index == POINT_NONE) {
            fail(s, STINT_NOT_MOVABLE);
            return;
        }
        const struct stint_point *point = f->code->points[index];
        record.resume = index + 1;
        text_copy(record.label, sizeof(record.label), point->label);
        file = point->file;
        record.line = point->line;
    }
    text_copy(record.file, sizeof(record.file), last_part(file));
    (void)wire_put_record(s->out, PICKLE_FRAME, &pickle_PickleFrame, &record);
    if (with_locals) {
        put_value(s, f->code->locals, frame_locals(f));
    }
}

static void
put_frames(struct saver *s, bool with_locals)
{
    struct frame *f = first_frame(s->t);
    uint32_t count = frame_count(s->t);
    for (uint32_t i = 0; i < count && s->status == STINT_OK; i++, f = next_frame(f)) {
        put_frame(s, f, with_locals);
    }
}

static void
put_faults(struct saver *s)
{
    const struct tasklet_extra *extra = s->t->extra;
    for (const struct fault *f = extra != NULL ? extra->fault : NULL; f != NULL; f = f->next) {
        stint_PickleFault record = stint_PickleFault_init_zero;
        record.status = (uint32_t)f->status;
        record.depth = f->depth == FAULT_TRAVELS ? 0 : f->depth + 1;
        record.line = f->line;
        text_copy(record.origin, sizeof(record.origin), f->origin);
        text_copy(record.text, sizeof(record.text), f->text);
        (void)wire_put_record(s->out, PICKLE_FAULT, &pickle_PickleFault, &record);
    }
}

/* ---- owned channels ---- */

static uint32_t
relation_flags(const struct relation *r)
{
    uint32_t flags = 0;
    flags |=
        (r->flags & RELATION_GAP_TOLD) != 0 ? stint_PickleRelationFlag_PICKLE_RELATION_GAP_TOLD : 0;
    flags |=
        (r->flags & RELATION_DROPPED) != 0 ? stint_PickleRelationFlag_PICKLE_RELATION_DROPPED : 0;
    flags |=
        (r->flags & RELATION_ENDING) != 0 ? stint_PickleRelationFlag_PICKLE_RELATION_ENDING : 0;
    flags |= (r->flags & RELATION_HAS_RESULT) != 0
                 ? stint_PickleRelationFlag_PICKLE_RELATION_HAS_RESULT
                 : 0;
    flags |=
        (r->flags & RELATION_STARVED) != 0 ? stint_PickleRelationFlag_PICKLE_RELATION_STARVED : 0;
    flags |= list_is_linked(&r->orphaned) ? stint_PickleRelationFlag_PICKLE_RELATION_ORPHAN : 0;
    return flags;
}

static void
put_relation(struct saver *s, const struct relation *r)
{
    stint_PickleRelation record = stint_PickleRelation_init_zero;
    memcpy(record.tasklet, r->tid.bytes, sizeof(record.tasklet));
    record.epoch = r->epoch;
    memcpy(record.node, r->place.node.bytes, sizeof(record.node));
    record.incarnation = r->place.inc;
    record.last = r->last;
    record.op = MUTANT(s->k->mem, WAITER_LOST) ? 0 : r->op;
    record.flags = relation_flags(r);
    if ((r->flags & RELATION_HAS_RESULT) != 0) {
        record.result = (uint32_t)r->result;
        record.has_result_value = r->result_size > 0;
    }
    if ((r->flags & RELATION_ENDING) != 0) {
        record.fin = r->fin_number;
    }
    if (list_is_linked(&r->orphaned)) {
        uint64_t now = s->k->now_ns;
        record.orphan_left_ns = (r->orphan_until > now ? r->orphan_until - now : 0) + 1;
    }
    record.has_value = record.op == KERNEL_SEND;
    (void)wire_put_record(s->out, PICKLE_RELATION, &pickle_PickleRelation, &record);
    if (record.has_result_value) {
        (void)wire_put_bytes(s->out, PICKLE_CONTENT, span_of(r->result_value, r->result_size));
    }
    if (record.has_value) {
        put_value(s, r->channel->type, r->value);
    }
}

/* Those in the queue, in its order, then the others. */
static void
put_relations(struct saver *s, const struct channel *ch)
{
    for (struct waiter *w = ch->queue.next; w->kind != WAITER_HEAD; w = w->next) {
        STINT_ASSERT(w->kind == WAITER_FOREIGN); /* freezing has seen to that */
        put_relation(s, relation_of_waiter(w));
    }
    const struct relation *r = ch->extra != NULL ? ch->extra->relations : NULL;
    for (; r != NULL; r = r->next_of_channel) {
        if (r->wait.next == NULL) {
            put_relation(s, r);
        }
    }
}

static uint32_t
channel_flags(const struct channel *ch)
{
    uint32_t flags = 0;
    flags |=
        (ch->flags & CHANNEL_CLOSING) != 0 ? stint_PickleChannelFlag_PICKLE_CHANNEL_CLOSING : 0;
    flags |= (ch->flags & CHANNEL_WOKEN) != 0 ? stint_PickleChannelFlag_PICKLE_CHANNEL_WOKEN : 0;
    flags |= ch->schedule_all ? stint_PickleChannelFlag_PICKLE_CHANNEL_SCHEDULE_ALL : 0;
    flags |= (ch->flags & CHANNEL_NAMING) != 0 ? stint_PickleChannelFlag_PICKLE_CHANNEL_NAMING : 0;
    return flags;
}

static void
put_channel(struct saver *s, const struct channel *ch)
{
    stint_PickleChannel record = stint_PickleChannel_init_zero;
    memcpy(record.id, ch->id.bytes, sizeof(record.id));
    record.type = type_index(s, ch->type);
    record.capacity = ch->capacity;
    record.flags = channel_flags(ch);
    record.preference = ch->preference;
    record.buffered = channel_count(ch);
    if (ch->extra != NULL) {
        record.relations = ch->extra->relation_count;
        text_copy(record.name, sizeof(record.name), ch->extra->name != NULL ? ch->extra->name : "");
    }
    (void)wire_put_record(s->out, PICKLE_CHANNEL, &pickle_PickleChannel, &record);
    for (uint32_t i = 0; i < record.buffered && s->status == STINT_OK; i++) {
        put_value(s, ch->type, channel_value_at(ch, i));
    }
    put_relations(s, ch);
}

/* ---- dealings with channels elsewhere ---- */

static void
put_outlet(struct saver *s, const struct outlet *o)
{
    stint_PickleOutlet record = stint_PickleOutlet_init_zero;
    STINT_ASSERT(o->last == o->done + o->window + (o->blocking ? 1 : 0));
    memcpy(record.channel, o->cid.bytes, sizeof(record.channel));
    record.type = is_outstanding(o) ? type_index(s, o->type) + 1 : 0;
    record.base = o->base;
    record.last = o->last;
    record.done = o->done;
    record.failed = (uint32_t)o->failed;
    record.op = o->blocking ? o->op : 0;
    record.flags |= o->blocking ? stint_PickleOutletFlag_PICKLE_OUTLET_BLOCKING : 0;
    record.flags |= o->cancelling ? stint_PickleOutletFlag_PICKLE_OUTLET_CANCELLING : 0;
    record.flags |= o->buffered ? stint_PickleOutletFlag_PICKLE_OUTLET_BUFFERED : 0;
    record.sends = o->window;
    (void)wire_put_record(s->out, PICKLE_OUTLET, &pickle_PickleOutlet, &record);
    for (const struct outlet_send *send = o->first; send != NULL; send = send->next) {
        stint_PickleSend one = { .cancel = send->cancel };
        (void)wire_put_record(s->out, PICKLE_SEND, &pickle_PickleSend, &one);
        if (!send->cancel) {
            (void)wire_put_bytes(s->out, PICKLE_CONTENT, span_of(send->bytes, send->size));
        }
    }
}

static void
put_rest(struct saver *s)
{
    struct tasklet *t = s->t;
    put_faults(s);
    if (has_value(t)) {
        bool received = (t->wake & WAKE_VALUE) != 0;
        put_value(s, t->type, received ? (void *)frame_end(t->top) : t->value);
    }
    for (const struct channel *ch = t->owned; ch != NULL; ch = ch->next_owned) {
        put_channel(s, ch);
    }
    if (t->extra != NULL) {
        LIST_EACH (link, &t->extra->outlets) {
            put_outlet(s, STINT_CONTAINER_OF(link, struct outlet, of_tasklet));
        }
    }
}

/* What happened to the buffer: it was full, or memory was short. */
static enum stint_status
outcome(struct saver *s, size_t before)
{
    if (s->out->failed) {
        bool full = s->out->maximum - s->out->size < RECORD_ROOM;
        fail(s, full ? STINT_LIMIT : STINT_NO_MEMORY);
    }
    if (s->status != STINT_OK) {
        s->out->size = before;
        s->out->failed = false;
    }
    return s->status;
}

enum stint_status
kernel_save(struct kernel *k, struct stint_id tid, struct buf *out)
{
    struct tasklet *t = tasklet_find(k, tid);
    struct saver s = { .k = k, .t = t, .out = out };
    size_t before = out->size;
    if (t == NULL) {
        return STINT_NOT_HERE;
    }
    if ((t->flags & TASKLET_FROZEN) == 0) {
        return STINT_INVALID;
    }
    STINT_ASSERT(t->top != NULL && t->state != TASKLET_BLOCKED && t->state != TASKLET_RUN_ALL);
    collect(&s);
    put_head(&s, false);
    put_codes_and_types(&s);
    put_frames(&s, true);
    put_rest(&s);
    if (!out->failed && s.status == STINT_OK) {
        struct stint_span all = span_of(out->data + before, out->size - before);
        (void)wire_put_fixed64(out, PICKLE_CHECK, wire_check(all));
    }
    return outcome(&s, before);
}

enum stint_status
kernel_outline(struct kernel *k, struct stint_id tid, struct buf *out)
{
    struct tasklet *t = tasklet_find(k, tid);
    struct saver s = { .k = k, .t = t, .out = out };
    size_t before = out->size;
    if (t == NULL) {
        return STINT_NOT_HERE;
    }
    collect(&s);
    put_head(&s, true);
    put_codes_and_types(&s);
    put_frames(&s, false);
    return outcome(&s, before);
}

uint64_t
kernel_pickle_estimate(const struct kernel *k, struct stint_id tid)
{
    const struct tasklet *t = tasklet_find(k, tid);
    if (t == NULL) {
        return 0;
    }
    uint64_t bytes =
        128 + (t->top != NULL ? (uint64_t)(frame_end(t->top) - t->stack) : 0) + t->scratch;
    bytes += (uint64_t)frame_count(t) * 128;
    for (const struct channel *ch = t->owned; ch != NULL; ch = ch->next_owned) {
        uint64_t relations = ch->extra != NULL ? ch->extra->relation_count : 0;
        bytes +=
            128 + (uint64_t)channel_count(ch) * ch->type->size + relations * (128 + ch->type->size);
    }
    if (t->extra != NULL) {
        LIST_EACH (link, &t->extra->outlets) {
            const struct outlet *o = STINT_CONTAINER_OF(link, struct outlet, of_tasklet);
            bytes += 64;
            for (const struct outlet_send *send = o->first; send != NULL; send = send->next) {
                bytes += send->size + 8;
            }
        }
    }
    return bytes;
}
