/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that is checked before anything is built, in the order of SECURITY 10.3: size and
 * check sum, version, codes, frames, types, resume points, locals, channels, numbers, timers. What
 * a later part of the kernel takes for granted is checked here: a resume point that calls must have
 * its callee above it, a value that is awaited must be of the type that the resume point takes,
 * counts must agree with numbers.
 */
#include <string.h>

#include "base/ids.h"
#include "base/text.h"
#include "kernel/machine.h"
#include "kernel/pickle_part.h"
#include "kernel/relation.h"

/* Operation numbers stay far from the end of their range, so that counting on is safe. */
#define NUMBER_MAX (UINT64_MAX / 2)

struct checker {
    struct kernel *k;
    struct pickle_plan *plan;
    struct pickle_cursor c;
    struct pickle_why *why;
    const struct stint_point *top; /* where the top frame goes on */
};

static bool
damaged(struct pickle_why *why, const char *what)
{
    return pickle_refuse(why, STINT_BAD_PICKLE, "the pickle is damaged: %s", what);
}

static struct stint_id
id_of(const uint8_t bytes[16])
{
    struct stint_id id;
    memcpy(id.bytes, bytes, sizeof(id.bytes));
    return id;
}

/* ---- head ---- */

static bool
check_counts(const stint_PickleHead *h, struct pickle_why *why)
{
    if (h->frames == 0 || h->frames > KERNEL_FRAMES_MAX) {
        return damaged(why, "it has no frames, or too many");
    }
    if (h->codes == 0 || h->codes > PICKLE_CODES_MAX || h->codes > h->frames
        || h->types > PICKLE_TYPES_MAX) {
        return damaged(why, "it counts more codes or types than can be");
    }
    if (h->faults > PICKLE_FAULTS_MAX || h->channels > KERNEL_OWNED_MAX
        || h->outlets > KERNEL_OUTLETS_MAX) {
        return damaged(why, "it counts more faults, channels or outlets than can be");
    }
    return true;
}

/* What the tasklet waits for, and what it is to get. */
static bool
check_waiting(const stint_PickleHead *h, struct pickle_why *why)
{
    bool ready = h->state == stint_PickleState_PICKLE_STATE_READY;
    bool paused = h->state == stint_PickleState_PICKLE_STATE_PAUSED;
    bool waiting = h->state == stint_PickleState_PICKLE_STATE_WAITING;
    bool sleeping = h->state == stint_PickleState_PICKLE_STATE_SLEEPING;
    bool naming = h->state == stint_PickleState_PICKLE_STATE_NAMING;
    bool moving = h->state == stint_PickleState_PICKLE_STATE_MOVING;
    bool received = (h->wake & WAKE_VALUE) != 0;
    uint32_t places = waiting ? h->outlets : naming ? h->channels : 0;
    if (!ready && !paused && !waiting && !sleeping && !naming && !moving) {
        return damaged(why, "its state is unknown");
    }
    if ((h->wake & WAKE_STATUS) >= STINT_STATUS_COUNT_
        || (h->wake & ~(WAKE_STATUS | WAKE_VALUE | WAKE_FAULT)) != 0
        || (h->wake != 0 && !ready && !paused)) {
        return damaged(why, "it is to be woken with what cannot be");
    }
    if (h->on > places || ((waiting || naming) && h->on == 0)) {
        return damaged(why, "it waits at nothing");
    }
    if (h->value_type > h->types || (h->has_value && h->value_type == 0)
        || (h->value_type != 0 && !waiting && !paused && !received)
        || (waiting && h->value_type == 0) || received != (h->has_value && !waiting)) {
        return damaged(why, "its pending value contradicts its state");
    }
    if ((h->time_left_ns != 0 && !waiting && !sleeping) || (sleeping && h->time_left_ns == 0)) {
        return damaged(why, "its deadline contradicts its state");
    }
    if (h->target.size != (moving ? sizeof(struct stint_id) : 0)) {
        return damaged(why, "the target of its move contradicts its state");
    }
    return true;
}

bool
pickle_check_head(const stint_PickleHead *head, struct pickle_why *why)
{
    if (id_is_zero(id_of(head->id)) || head->epoch == 0 || head->epoch > NUMBER_MAX
        || head->number_base > NUMBER_MAX) {
        return damaged(why, "its identity is none");
    }
    if ((head->flags & ~(uint32_t)PICKLE_FLAGS) != 0) {
        return damaged(why, "reserved flags are set");
    }
    return check_counts(head, why) && check_waiting(head, why);
}

static bool
check_expected(const struct checker *s)
{
    const struct pickle_options *o = s->plan->options;
    const stint_PickleHead *h = &s->plan->head;
    char expected[STINT_ID_TEXT_SIZE];
    char found[STINT_ID_TEXT_SIZE];
    struct stint_id id = id_of(h->id);
    if (!id_is_zero(o->tid) && !id_equal(o->tid, id)) {
        return pickle_refuse(s->why, STINT_BAD_PICKLE, "the pickle is of tasklet %s, not of %s",
            stint_id_text(id, found), stint_id_text(o->tid, expected));
    }
    if (o->epoch != 0 && o->epoch != h->epoch) {
        return pickle_refuse(s->why, STINT_BAD_PICKLE, "the pickle is of epoch %llu, not %llu",
            (unsigned long long)h->epoch, (unsigned long long)o->epoch);
    }
    if (!o->fresh && tasklet_find(s->k, id) != NULL) {
        return pickle_refuse(
            s->why, STINT_EXISTS, "tasklet %s is here already", stint_id_text(id, found));
    }
    return true;
}

/* ---- codes, types, frames ---- */

static bool
check_codes_and_types(struct checker *s)
{
    struct pickle_plan *plan = s->plan;
    stint_PickleCode code;
    stint_PickleType type;
    for (uint32_t i = 0; i < plan->head.codes; i++) {
        if (!PICKLE_RECORD(&s->c, PICKLE_CODE, PickleCode, &code)
            || !pickle_match_code(s->k, &code, &plan->codes[i], s->why)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < plan->head.types; i++) {
        if (!PICKLE_RECORD(&s->c, PICKLE_TYPE, PickleType, &type)
            || !pickle_match_type(s->k, &type, &plan->types[i], s->why)) {
            return false;
        }
    }
    return true;
}

static bool
check_locals(const struct pickle_match *match, uint32_t index, struct stint_span locals,
    void *scratch, struct pickle_why *why)
{
    char name[160];
    const char *problem;
    if (locals.data == NULL
        || type_decode(match->code->locals, locals, scratch, &problem) == STINT_OK) {
        return true;
    }
    if (match->same) {
        return pickle_refuse(why, STINT_BAD_PICKLE, "the pickle is damaged: locals of %s: %s",
            pickle_frame_name(name, index, match->code), problem);
    }
    return pickle_refuse(why, STINT_INCOMPATIBLE,
        "%s: its locals do not fit the version of the code here: %s",
        pickle_frame_name(name, index, match->code), problem);
}

/* The frame below must be at a call of this one's code; the top frame at none. */
static bool
check_call(const struct pickle_chain *below, const struct code *code, uint32_t index,
    struct pickle_why *why)
{
    char name[160];
    if (index == 0 || !below->known) {
        return true;
    }
    if (below->point == NULL || below->point->callee != code->definition) {
        return pickle_refuse(why, STINT_INCOMPATIBLE,
            "%s is not what the frame below it has called here",
            pickle_frame_name(name, index, code));
    }
    return true;
}

bool
pickle_check_frame(const struct pickle_plan *plan, struct pickle_chain *chain,
    const stint_PickleFrame *record, struct stint_span locals, void *scratch,
    struct pickle_why *why)
{
    struct pickle_chain below = *chain;
    *chain = (struct pickle_chain){ .stack = below.stack, .index = below.index + 1 };
    bool in_except = record->flags == stint_PickleFrameFlag_PICKLE_FRAME_IN_EXCEPT;
    if (record->code >= plan->head.codes || (record->flags != 0 && !in_except)
        || record->error >= STINT_STATUS_COUNT_ || (record->error != 0) != in_except) {
        return damaged(why, "a frame contradicts itself");
    }
    if (record->resume == 0
        && (record->label[0] != '\0' || chain->index < plan->head.frames || in_except)) {
        return damaged(why, "a frame that has not begun stands below another one");
    }
    const struct pickle_match *match = &plan->codes[record->code];
    if (match->code == NULL) {
        return true; /* its code has been told of */
    }
    const struct stint_point *point;
    chain->stack += frame_size(match->code);
    if (!pickle_match_frame(match, below.index, record, &point, why)) {
        return false;
    }
    chain->point = point;
    chain->known = true;
    if (chain->stack > KERNEL_STACK_MAX) {
        return damaged(why, "its frames are larger than a stack may be");
    }
    return check_call(&below, match->code, below.index, why)
           && check_locals(match, below.index, locals, scratch, why);
}

static bool
check_frames(struct checker *s)
{
    struct pickle_chain chain = { .index = 0 };
    stint_PickleFrame frame;
    struct stint_span locals;
    s->plan->frames = s->c;
    for (uint32_t i = 0; i < s->plan->head.frames; i++) {
        if (!PICKLE_RECORD(&s->c, PICKLE_FRAME, PickleFrame, &frame)
            || !pickle_content(&s->c, &locals)
            || !pickle_check_frame(s->plan, &chain, &frame, locals, s->k->scratch, s->why)) {
            return false;
        }
    }
    s->top = chain.point;
    if (s->top != NULL && s->top->callee != NULL) {
        return damaged(s->why, "its top frame has called what is not there");
    }
    return true;
}

static bool
check_faults(struct checker *s)
{
    stint_PickleFault fault;
    for (uint32_t i = 0; i < s->plan->head.faults; i++) {
        if (!PICKLE_RECORD(&s->c, PICKLE_FAULT, PickleFault, &fault)) {
            return false;
        }
        if (fault.status == 0 || fault.status >= STINT_STATUS_COUNT_
            || fault.depth > s->plan->head.frames) {
            return damaged(s->why, "a fault contradicts itself");
        }
    }
    return true;
}

/* ---- values ---- */

/* A content of that type must follow. */
static bool
check_content(struct checker *s, const struct stint_type *type)
{
    struct stint_span bytes;
    const char *problem;
    if (!pickle_content(&s->c, &bytes)) {
        return false;
    }
    if (type_decode(type, bytes, s->k->scratch, &problem) != STINT_OK) {
        char name[TYPE_NAME_SIZE];
        return pickle_refuse(s->why, STINT_BAD_PICKLE, "the pickle is damaged: a message %s: %s",
            type_name(type, name), problem);
    }
    return true;
}

/* A value that comes in must be of the type for which the top frame has room. */
static bool
check_value(struct checker *s)
{
    const stint_PickleHead *h = &s->plan->head;
    bool sends = h->has_value && h->state == stint_PickleState_PICKLE_STATE_WAITING;
    if (h->value_type == 0) {
        return true;
    }
    const struct stint_type *type = s->plan->types[h->value_type - 1]->type;
    if (!sends && (s->top == NULL || s->top->type == NULL || !type_same(s->top->type, type))) {
        char name[TYPE_NAME_SIZE];
        return pickle_refuse(s->why, STINT_INCOMPATIBLE,
            "it waits for a message %s, which its resume point `%.64s` "
            "does not take here",
            type_name(type, name), s->top != NULL ? s->top->label : "start");
    }
    return !h->has_value || check_content(s, type);
}

/* ---- channels ---- */

static bool
check_relation_record(const stint_PickleRelation *r, bool waiters_over, struct pickle_why *why)
{
    bool has_result = (r->flags & stint_PickleRelationFlag_PICKLE_RELATION_HAS_RESULT) != 0;
    bool ending = (r->flags & stint_PickleRelationFlag_PICKLE_RELATION_ENDING) != 0;
    bool orphan = (r->flags & stint_PickleRelationFlag_PICKLE_RELATION_ORPHAN) != 0;
    if ((r->flags & ~(uint32_t)PICKLE_RELATION_FLAGS) != 0 || r->op > KERNEL_RECEIVE
        || r->has_value != (r->op == KERNEL_SEND) || (r->op != 0 && waiters_over)) {
        return damaged(why, "a relation contradicts itself");
    }
    if (r->last > NUMBER_MAX || r->epoch > NUMBER_MAX || r->fin > NUMBER_MAX
        || (r->fin != 0 && !ending) || r->result >= STINT_STATUS_COUNT_
        || ((r->result != 0 || r->has_result_value) && !has_result)) {
        return damaged(why, "a relation has numbers that cannot be");
    }
    if ((r->orphan_left_ns != 0) != orphan || r->orphan_left_ns > KERNEL_ORPHAN_NS + 1) {
        return damaged(why, "a relation is kept longer than can be");
    }
    return true;
}

static bool
check_relations(struct checker *s, const stint_PickleChannel *ch, const struct stint_type *type)
{
    stint_PickleRelation r;
    bool waiters_over = false;
    for (uint32_t i = 0; i < ch->relations; i++) {
        if (!PICKLE_RECORD(&s->c, PICKLE_RELATION, PickleRelation, &r)
            || !check_relation_record(&r, waiters_over, s->why)) {
            return false;
        }
        waiters_over = r.op == 0;
        if ((r.has_result_value && !check_content(s, type))
            || (r.has_value && !check_content(s, type))) {
            return false;
        }
    }
    return true;
}

static bool
check_channel_record(struct checker *s, const stint_PickleChannel *ch)
{
    bool naming = (ch->flags & stint_PickleChannelFlag_PICKLE_CHANNEL_NAMING) != 0;
    char text[STINT_ID_TEXT_SIZE];
    struct stint_id id = id_of(ch->id);
    if (id_is_zero(id) || ch->type >= s->plan->head.types
        || (ch->flags & ~(uint32_t)PICKLE_CHANNEL_FLAGS) != 0 || ch->preference < -1
        || ch->preference > 1) {
        return damaged(s->why, "a channel contradicts itself");
    }
    if (channel_too_large(s->plan->types[ch->type]->type, ch->capacity)
        || ch->buffered > ch->capacity || ch->relations > KERNEL_RELATIONS_MAX) {
        return damaged(s->why, "a channel is larger than can be");
    }
    if ((ch->name[0] != '\0' && !text_is_name(ch->name, KERNEL_NAME_MAX))
        || (naming && ch->name[0] == '\0')) {
        return damaged(s->why, "a channel's name is none");
    }
    if (!s->plan->options->fresh && channel_find(s->k, id) != NULL) {
        return pickle_refuse(
            s->why, STINT_EXISTS, "channel %s is here already", stint_id_text(id, text));
    }
    return true;
}

static bool
check_channels(struct checker *s)
{
    const stint_PickleHead *h = &s->plan->head;
    stint_PickleChannel ch;
    for (uint32_t i = 0; i < h->channels; i++) {
        if (!PICKLE_RECORD(&s->c, PICKLE_CHANNEL, PickleChannel, &ch)
            || !check_channel_record(s, &ch)) {
            return false;
        }
        bool naming = (ch.flags & stint_PickleChannelFlag_PICKLE_CHANNEL_NAMING) != 0;
        if (h->state == stint_PickleState_PICKLE_STATE_NAMING && h->on == i + 1 && !naming) {
            return damaged(s->why, "it waits for a name that is agreed");
        }
        const struct stint_type *type = s->plan->types[ch.type]->type;
        for (uint32_t n = 0; n < ch.buffered; n++) {
            if (!check_content(s, type)) {
                return false;
            }
        }
        if (!check_relations(s, &ch, type)) {
            return false;
        }
    }
    return true;
}

/* ---- outlets ---- */

static bool
check_outlet_record(const struct checker *s, const stint_PickleOutlet *o, uint32_t index)
{
    const stint_PickleHead *h = &s->plan->head;
    bool blocking = (o->flags & stint_PickleOutletFlag_PICKLE_OUTLET_BLOCKING) != 0;
    bool cancelling = (o->flags & stint_PickleOutletFlag_PICKLE_OUTLET_CANCELLING) != 0;
    bool waits = h->state == stint_PickleState_PICKLE_STATE_WAITING && h->on == index + 1;
    if (id_is_zero(id_of(o->channel)) || (o->flags & ~(uint32_t)PICKLE_OUTLET_FLAGS) != 0
        || o->type > h->types || o->failed >= STINT_STATUS_COUNT_) {
        return damaged(s->why, "an outlet contradicts itself");
    }
    if (o->last > NUMBER_MAX || o->base > o->done || o->done > o->last
        || o->sends > 2 * KERNEL_WINDOW + 1
        || o->last - o->done != (uint64_t)o->sends + (blocking ? 1 : 0)
        || (o->type != 0) != (o->sends > 0 || blocking)) {
        return damaged(s->why, "an outlet has numbers that cannot be");
    }
    if (blocking != waits || (cancelling && !blocking) || (blocking != (o->op != 0))
        || o->op > KERNEL_RECEIVE) {
        return damaged(s->why, "an outlet waits for what it does not say");
    }
    if (blocking && (o->type != h->value_type || (o->op == KERNEL_SEND) != h->has_value)) {
        return damaged(s->why, "an outlet waits with another value");
    }
    return true;
}

static bool
check_outlets(struct checker *s)
{
    stint_PickleOutlet o;
    stint_PickleSend send;
    for (uint32_t i = 0; i < s->plan->head.outlets; i++) {
        if (!PICKLE_RECORD(&s->c, PICKLE_OUTLET, PickleOutlet, &o)
            || !check_outlet_record(s, &o, i)) {
            return false;
        }
        for (uint32_t n = 0; n < o.sends; n++) {
            if (!PICKLE_RECORD(&s->c, PICKLE_SEND, PickleSend, &send)
                || (!send.cancel && !check_content(s, s->plan->types[o.type - 1]->type))) {
                return false;
            }
        }
    }
    return true;
}

bool
pickle_check(
    struct kernel *k, struct stint_span pickle, struct pickle_plan *plan, struct pickle_why *why)
{
    struct checker s = { .k = k, .plan = plan, .why = why };
    size_t limit = plan->options->limit != 0 ? plan->options->limit : PICKLE_SIZE_MAX;
    limit = limit < PICKLE_SIZE_MAX ? limit : PICKLE_SIZE_MAX;
    if (!pickle_open(&s.c, pickle, limit, true, &plan->head, why)
        || !pickle_check_head(&plan->head, why) || !check_expected(&s) || !check_codes_and_types(&s)
        || !check_frames(&s) || !check_faults(&s) || !check_value(&s) || !check_channels(&s)
        || !check_outlets(&s)) {
        return false;
    }
    return wire_done(&s.c.reader) || damaged(why, "something stands behind its end");
}
