/* SPDX-License-Identifier: Apache-2.0 */
/* What is here, in the words of admin.proto. */
#include <string.h>

#include "base/ids.h"
#include "base/text.h"
#include "core/admin.h"
#include "kernel/code.h"

void
admin_put_id(uint8_t *bytes, pb_size_t *size, struct stint_id id)
{
    memcpy(bytes, id.bytes, sizeof id.bytes);
    *size = sizeof id.bytes;
}

/* ---- tasklets ---- */

/* The move under way that has frozen a tasklet, as source or as target. */
static const struct move_record *
unsettled_move(const struct node *n, struct stint_id tasklet)
{
    const struct move_record *r;
    for (uint32_t i = 0; n->moves != NULL && (r = moves_list(n->moves, i)) != NULL; i++) {
        if (r->phase != MOVE_ENDED && id_equal(r->tasklet, tasklet)) {
            return r;
        }
    }
    return NULL;
}

/*
 * Of a tasklet that is being moved both ends have a copy. The source shows it until COMMIT, the
 * target from RUN on; in between it is nobody's for a moment, and the source shows it again if that
 * moment lasts: then it is in doubt.
 */
static bool
frozen_state(const struct node *n, struct stint_id tasklet, const char **state)
{
    const struct move_record *r = unsettled_move(n, tasklet);
    *state = "frozen";
    if (r == NULL) {
        return true;
    }
    if (r->outcome == MOVE_IN_DOUBT) {
        *state = "in_doubt";
        return r->outgoing;
    }
    return r->outgoing && r->phase != MOVE_COMMITTED;
}

bool
admin_state_of(const struct node *n, const struct kernel_tasklet_view *view, const char **state)
{
    switch (view->state) {
    case KERNEL_RUNNABLE:
        *state = "runnable";
        return true;
    case KERNEL_IS_PAUSED:
        *state = "paused";
        return true;
    case KERNEL_IS_BLOCKED:
    case KERNEL_SLEEPING:
    case KERNEL_NAMING:
    case KERNEL_MOVING:
    case KERNEL_WAITING:
        *state = "blocked";
        return true;
    case KERNEL_FROZEN:
        return frozen_state(n, view->id, state);
    }
    return false;
}

bool
admin_resident(struct node *n, struct stint_id tasklet, struct kernel_tasklet_view *view,
               const char **state)
{
    return kernel_look(n->kernel, tasklet, view) == STINT_OK && admin_state_of(n, view, state);
}

static void
no_matter(void *arg, enum stint_status reason, const char *text, uint32_t frame)
{
    (void)arg;
    (void)reason;
    (void)text;
    (void)frame;
}

bool
admin_can_move(const struct node *n, struct stint_id tasklet)
{
    return kernel_explain(n->kernel, tasklet, no_matter, NULL) == 0;
}

bool
admin_target(struct node *n, struct ask *ask, struct kernel_tasklet_view *view, const char **state)
{
    if (stint_id_parse(ask->request.target, &ask->id) != STINT_OK) {
        ask_end(n, ask, STINT_INVALID, "malformed request: an executor is given the whole id");
        return false;
    }
    if (!admin_resident(n, ask->id, view, state)) {
        ask_end(n, ask, STINT_NOT_HERE, "tasklet %s is not on node %s", ask->request.target,
                n->name);
        return false;
    }
    return true;
}

void
admin_tasklet_info(struct node *n, const struct kernel_tasklet_view *view, const char *state,
                   stint_TaskletInfo *info)
{
    *info = (stint_TaskletInfo)stint_TaskletInfo_init_zero;
    ADMIN_PUT_ID(info->id, view->id);
    text_copy(info->node, sizeof info->node, n->name);
    text_copy(info->code, sizeof info->code, view->code->name);
    text_copy(info->module, sizeof info->module, view->code->module->definition->name);
    text_copy(info->state, sizeof info->state, state);
    info->epoch = view->epoch;
    info->frames = view->frames;
    info->size_bytes = view->stack_bytes;
    text_copy(info->at, sizeof info->at, view->label != NULL ? view->label : "");
    text_copy(info->file, sizeof info->file, view->file != NULL ? view->file : "");
    info->line = view->line;
    if (!id_is_zero(view->channel)) {
        ADMIN_PUT_ID(info->channel, view->channel);
    }
    bool timed = view->state != KERNEL_RUNNABLE && view->since_ns != 0 &&
                 view->since_ns <= n->now_ns;
    info->since_ms = timed ? (n->now_ns - view->since_ns) / 1000000 : 0;
    info->moves = view->moves;
    info->movable = admin_can_move(n, view->id);
    info->steps = view->steps;
    text_copy(info->tags, sizeof info->tags, tags_of(n, view->id));
}

enum tasklet_field {
    FIELD_ID,
    FIELD_NODE,
    FIELD_CODE,
    FIELD_MODULE,
    FIELD_STATE,
    FIELD_AT,
    FIELD_FILE,
    FIELD_CHANNEL,
    FIELD_MOVABLE,
    FIELD_TAG,
    FIELD_EPOCH,
    FIELD_FRAMES,
    FIELD_SIZE,
    FIELD_LINE,
    FIELD_SINCE,
    FIELD_MOVES,
    FIELD_STEPS,
    FIELD_COUNT_
};

const struct selector_field admin_tasklet_fields[] = {
    [FIELD_ID] = { "id", false, true, NULL },
    [FIELD_NODE] = { "node", false, false, NULL },
    [FIELD_CODE] = { "code", false, false, NULL },
    [FIELD_MODULE] = { "module", false, false, NULL },
    [FIELD_STATE] = { "state", false, false,
                      "running runnable blocked paused frozen in_doubt" },
    [FIELD_AT] = { "at", false, false, NULL },
    [FIELD_FILE] = { "file", false, false, NULL },
    [FIELD_CHANNEL] = { "channel", false, true, NULL },
    [FIELD_MOVABLE] = { "movable", false, false, "true false" },
    [FIELD_TAG] = { "tag.", false, false, NULL },
    [FIELD_EPOCH] = { "epoch", true, false, NULL },
    [FIELD_FRAMES] = { "frames", true, false, NULL },
    [FIELD_SIZE] = { "size_bytes", true, false, NULL },
    [FIELD_LINE] = { "line", true, false, NULL },
    [FIELD_SINCE] = { "since_ms", true, false, NULL },
    [FIELD_MOVES] = { "moves", true, false, NULL },
    [FIELD_STEPS] = { "steps", true, false, NULL },
};
const uint32_t admin_tasklet_field_count = FIELD_COUNT_;

static void
get_id(struct stint_id id, struct selector_value *out)
{
    if (!id_is_zero(id)) {
        (void)stint_id_text(id, out->text);
    }
}

void
admin_tasklet_get(void *arg, uint32_t field, struct selector_value *out)
{
    const struct admin_tasklet_look *look = arg;
    const struct kernel_tasklet_view *v = look->view;
    const char *text = NULL;
    switch ((enum tasklet_field)field) {
    case FIELD_ID:
        get_id(v->id, out);
        break;
    case FIELD_CHANNEL:
        get_id(v->channel, out);
        break;
    case FIELD_NODE:
        text = look->n->name;
        break;
    case FIELD_CODE:
        text = v->code->name;
        break;
    case FIELD_MODULE:
        text = v->code->module->definition->name;
        break;
    case FIELD_STATE:
        text = look->state;
        break;
    case FIELD_AT:
        text = v->label;
        break;
    case FIELD_FILE:
        text = v->file;
        break;
    case FIELD_MOVABLE:
        text = admin_can_move(look->n, v->id) ? "true" : "false";
        break;
    case FIELD_TAG: /* a tasklet without it has an empty one */
        text_pair_value(tags_of(look->n, v->id), out->key, out->text, sizeof out->text);
        break;
    case FIELD_EPOCH:
        out->number = v->epoch;
        break;
    case FIELD_FRAMES:
        out->number = v->frames;
        break;
    case FIELD_SIZE:
        out->number = v->stack_bytes;
        break;
    case FIELD_LINE:
        out->number = v->line;
        break;
    case FIELD_SINCE:
        out->number = v->state == KERNEL_RUNNABLE || v->since_ns > look->n->now_ns
                          ? 0
                          : (look->n->now_ns - v->since_ns) / 1000000;
        break;
    case FIELD_MOVES:
        out->number = v->moves;
        break;
    case FIELD_STEPS:
        out->number = v->steps;
        break;
    case FIELD_COUNT_:
        break;
    }
    if (text != NULL) {
        text_copy(out->text, sizeof out->text, text);
    }
}

/* ---- channels ---- */

void
admin_channel_info(struct node *n, const struct kernel_channel_view *view, stint_ChannelInfo *info)
{
    char type[TYPE_NAME_SIZE];
    *info = (stint_ChannelInfo)stint_ChannelInfo_init_zero;
    ADMIN_PUT_ID(info->id, view->id);
    text_copy(info->name, sizeof info->name, view->name != NULL ? view->name : "");
    text_copy(info->node, sizeof info->node, n->name);
    if (!id_is_zero(view->owner)) {
        ADMIN_PUT_ID(info->owner, view->owner);
    }
    info->capacity = view->capacity;
    info->balance = (int32_t)view->senders - (int32_t)view->receivers;
    info->buffered = view->count;
    info->senders = view->senders;
    info->receivers = view->receivers;
    if (view->type != NULL) {
        text_copy(info->type, sizeof info->type, type_name(view->type, type));
    }
    info->closing = view->closing;
}

/* ---- moves ---- */

static uint64_t
wall_of(const struct node *n, uint64_t at_ns)
{
    int64_t wall_ms = n->wall_zero_ms + (int64_t)(at_ns / 1000000);
    return wall_ms > 0 ? (uint64_t)wall_ms : 0;
}

static void
put_phases(const struct node *n, const struct move_record *record, uint64_t started,
           stint_MoveInfo *info)
{
    bool shown[MOVE_PHASE_COUNT_] = { false };
    size_t room = sizeof info->phases / sizeof info->phases[0];
    while (info->phases_count < room) {
        int next = -1;
        for (int p = 0; p < MOVE_PHASE_COUNT_; p++) {
            if (!shown[p] && record->phase_ns[p] != 0 &&
                (next < 0 || record->phase_ns[p] < record->phase_ns[next])) {
                next = p;
            }
        }
        if (next < 0) {
            return;
        }
        shown[next] = true;
        stint_MovePhase *phase = &info->phases[info->phases_count++];
        text_copy(phase->name, sizeof phase->name, move_phase_text((enum move_phase)next));
        phase->at_ms = wall_of(n, record->phase_ns[next]);
        phase->at_us = (uint32_t)((record->phase_ns[next] - started) / 1000);
    }
}

void
admin_move_info(struct node *n, const struct move_record *record, stint_MoveInfo *info)
{
    *info = (stint_MoveInfo)stint_MoveInfo_init_zero;
    uint64_t started = UINT64_MAX;
    for (int p = 0; p < MOVE_PHASE_COUNT_; p++) {
        if (record->phase_ns[p] != 0 && record->phase_ns[p] < started) {
            started = record->phase_ns[p];
        }
    }
    ADMIN_PUT_ID(info->id, record->id);
    ADMIN_PUT_ID(info->tasklet, record->tasklet);
    text_copy(info->from, sizeof info->from, node_name_of(n, record->from.id));
    text_copy(info->to, sizeof info->to, node_name_of(n, record->to.id));
    text_copy(info->reason, sizeof info->reason, record->reason);
    text_copy(info->by, sizeof info->by, record->by);
    text_copy(info->phase, sizeof info->phase, move_phase_text(record->phase));
    text_copy(info->outcome, sizeof info->outcome, move_outcome_text(record->outcome));
    info->bytes = record->bytes;
    info->frozen_us = record->frozen_us;
    info->started_ms = started != UINT64_MAX ? wall_of(n, started) : 0;
    info->status = (uint32_t)record->status;
    text_copy(info->detail, sizeof info->detail, record->detail);
    put_phases(n, record, started, info);
}
