/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/ids.h"
#include "kernel/type.h"

void
stage_log(struct stage *s, const char *format, ...)
{
    char *log = s->outcome->order;
    size_t used = strlen(log);
    va_list args;
    if (used > 0 && used + 1 < ORDER_SIZE) {
        log[used++] = ' ';
    }
    va_start(args, format);
    int written = vsnprintf(log + used, ORDER_SIZE - used, format, args);
    va_end(args);
    if (written < 0 || (size_t)written >= ORDER_SIZE - used) {
        stage_fails(s, "it logs without end");
    }
}

void
stage_fails(struct stage *s, const char *format, ...)
{
    va_list args;
    if (stage_failed(s)) {
        return;
    }
    va_start(args, format);
    vsnprintf(s->outcome->problem, PROBLEM_SIZE, format, args);
    va_end(args);
}

bool
stage_failed(const struct stage *s)
{
    return s->outcome->problem[0] != 0;
}

struct stint_id *
stage_enter(struct stage *s, const char *name, actor_Actor *actor)
{
    const char *script = case_script(s->play, name);
    *actor = (actor_Actor)actor_Actor_init_zero;
    if (script == NULL) {
        stage_fails(s, "no script for %s", name);
        script = "";
    }
    if (s->actors == STAGE_ACTORS) {
        stage_fails(s, "too many actors");
        return &s->ids[0];
    }
    snprintf(actor->name, sizeof actor->name, "%s", name);
    snprintf(actor->script, sizeof actor->script, "%s", script);
    snprintf(s->names[s->actors], sizeof s->names[0], "%s", name);
    return &s->ids[s->actors++];
}

struct stint_id
stage_id(const struct stage *s, const char *name)
{
    for (int i = s->actors; i-- > 0;) {
        if (strcmp(s->names[i], name) == 0) {
            return s->ids[i];
        }
    }
    return STINT_ID_NONE;
}

const char *
stage_name(const struct stage *s, struct stint_id id)
{
    for (int i = s->actors; i-- > 0;) {
        if (id_equal(s->ids[i], id)) {
            return s->names[i];
        }
    }
    return id_is_zero(id) ? "-" : "far";
}

stint_Channel *
stage_channel(struct stage *s, const char *name)
{
    for (int i = 0; i < s->channel_count; i++) {
        if (s->channel_names[i] == name[0]) {
            return &s->channels[i];
        }
    }
    if (s->channel_count == STAGE_CHANNELS) {
        stage_fails(s, "too many channels");
        return &s->channels[0];
    }
    s->channel_names[s->channel_count] = name[0];
    return &s->channels[s->channel_count++];
}

/* ---- elsewhere ---- */

void
stage_far(struct stage *s, const stint_Channel *ch, enum kernel_op op, uint64_t n)
{
    if (s->far_count == STAGE_FAR) {
        stage_fails(s, "too many operations from elsewhere");
        return;
    }
    struct far_operation *far = &s->far[s->far_count++];
    *far = (struct far_operation){ .op = op, .n = n };
    memcpy(far->cid.bytes, ch->id, sizeof far->cid.bytes);
}

void
stage_offer_far(struct stage *s)
{
    for (int i = 0; i < s->far_count; i++) {
        struct far_operation *far = &s->far[i];
        if (far->offered) {
            continue;
        }
        far->offered = true;
        struct buf value;
        buf_init(&value, &s->mem, TYPE_SIZE_MAX);
        enum stint_status status =
            type_encode(&actor_Number_stint, &(actor_Number){ .n = far->n }, &value);
        struct kernel_offer offer = { .cid = far->cid,
            .tid = { { 0xfa, (uint8_t)(i + 1) } },
            .number = 1,
            .epoch = 1,
            .type_hash = type_hash(&actor_Number_stint),
            .place = { .node = { { 2 } }, .inc = 1 },
            .flags = KERNEL_FIRST,
            .op = far->op };
        if (far->op == KERNEL_SEND) {
            offer.value = buf_span(&value);
        }
        status = status == STINT_OK ? kernel_offer(s->k, &offer) : status;
        if (status != STINT_OK) {
            stage_fails(s, "an offer was refused: %s", stint_status_name(status));
        }
        buf_fini(&value);
    }
}

static void
far_done(struct stage *s, const struct kernel_effect *e)
{
    actor_Number value = { 0 };
    if (e->status == STINT_OK && e->value.data != NULL &&
        type_decode(&actor_Number_stint, e->value, &value, NULL) == STINT_OK) {
        stage_log(s, "far=%u", (unsigned)value.n);
    } else {
        stage_log(s, "far:%s", stint_status_name(e->status));
    }
    (void)kernel_fin(s->k, e->cid, e->tid, e->number);
}

void
stage_effects(struct stage *s)
{
    uint32_t count;
    const struct kernel_effect *effects = kernel_effects(s->k, &count);
    for (uint32_t i = 0; i < count; i++) {
        const struct kernel_effect *e = &effects[i];
        switch (e->kind) {
        case KERNEL_DONE:
            far_done(s, e);
            break;
        case KERNEL_OFFER: /* there is no other node: the channel has ended */
            kernel_channel_lost(s->k, e->cid);
            break;
        case KERNEL_CHANNEL_GONE:
        case KERNEL_ENDED:
        case KERNEL_KILL: /* of one that has ended */
        case KERNEL_FIN:
        case KERNEL_CANCEL:
        case KERNEL_CLOSE:
            break;
        default:
            stage_fails(s, "an effect of kind %d came out", (int)e->kind);
        }
    }
}
