/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a pickle, and telling why one could not be loaded. */
#include "base/text.h"
#include "kernel/machine.h"
#include "kernel/pickle_part.h"

enum stint_status
kernel_load(struct kernel *k, struct stint_span pickle, const struct pickle_options *options,
    struct stint_id *tid, char *error, size_t error_size)
{
    struct pickle_plan plan = { .options = options };
    struct pickle_why why;
    if (!pickle_check(k, pickle, &plan, &why) || !pickle_build(k, &plan, tid, &why)) {
        text_copy(error, error_size, why.text);
        return why.status;
    }
    return STINT_OK;
}

struct explainer {
    const struct kernel *k;
    kernel_explain_fn *tell;
    void *arg;
    uint32_t reasons;
    struct pickle_why why;
};

/* Hands on what was refused, unless it was not. Returns `fits`. */
static bool
judged(struct explainer *e, bool fits, uint32_t frame)
{
    if (!fits) {
        e->tell(e->arg, e->why.status, e->why.text, frame);
        e->reasons++;
    }
    return fits;
}

/* Opens a pickle, or else an outline, which has no check sum and no contents. */
static bool
open_either(struct stint_span pickle, struct pickle_plan *plan, struct pickle_cursor *c,
    struct explainer *e, bool *whole)
{
    *whole = pickle_open(c, pickle, PICKLE_SIZE_MAX, true, &plan->head, &e->why);
    return (*whole || pickle_open(c, pickle, PICKLE_SIZE_MAX, false, &plan->head, &e->why))
           && pickle_check_head(&plan->head, &e->why);
}

/* All that is wrong with codes and types; false when the rest cannot be read. */
static bool
explain_codes_and_types(struct explainer *e, struct pickle_plan *plan, struct pickle_cursor *c)
{
    stint_PickleCode code;
    stint_PickleType type;
    for (uint32_t i = 0; i < plan->head.codes; i++) {
        if (!PICKLE_RECORD(c, PICKLE_CODE, PickleCode, &code)) {
            return false;
        }
        (void)judged(e, pickle_match_code(e->k, &code, &plan->codes[i], &e->why), UINT32_MAX);
    }
    for (uint32_t i = 0; i < plan->head.types; i++) {
        if (!PICKLE_RECORD(c, PICKLE_TYPE, PickleType, &type)) {
            return false;
        }
        (void)judged(e, pickle_match_type(e->k, &type, &plan->types[i], &e->why), UINT32_MAX);
    }
    return true;
}

static bool
explain_frames(
    struct explainer *e, const struct pickle_plan *plan, struct pickle_cursor *c, bool whole)
{
    struct pickle_chain chain = { .index = 0 };
    stint_PickleFrame frame;
    for (uint32_t i = 0; i < plan->head.frames; i++) {
        struct stint_span locals = { NULL, 0 };
        if (!PICKLE_RECORD(c, PICKLE_FRAME, PickleFrame, &frame)
            || (whole && !pickle_content(c, &locals))) {
            return false;
        }
        (void)judged(
            e, pickle_check_frame(plan, &chain, &frame, locals, e->k->scratch, &e->why), i);
    }
    return whole || wire_done(&c->reader)
           || pickle_refuse(
               &e->why, STINT_BAD_PICKLE, "the pickle is damaged: its check sum is wrong");
}

uint32_t
kernel_explain_pickle(
    const struct kernel *k, struct stint_span pickle, kernel_explain_fn *tell, void *arg)
{
    struct explainer e = { .k = k, .tell = tell, .arg = arg };
    struct pickle_plan plan = { .options = NULL };
    struct pickle_cursor c;
    bool whole;
    bool readable = open_either(pickle, &plan, &c, &e, &whole)
                    && explain_codes_and_types(&e, &plan, &c)
                    && explain_frames(&e, &plan, &c, whole);
    (void)judged(&e, readable, UINT32_MAX);
    return e.reasons;
}
