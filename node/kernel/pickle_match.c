/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the code here continues a tasklet from elsewhere (DECISIONS 6). The same fingerprint:
 * resume points are found by their index. Another one: by their label, which must exist exactly
 * once, and the locals by protobuf's rules, unless the author has marked the code as one that
 * continues no older tasklets.
 */
#include <string.h>

#include "base/text.h"
#include "kernel/machine.h"
#include "kernel/pickle_part.h"

const char *
pickle_frame_name(char out[160], uint32_t index, const struct code *code)
{
    text_format(out, 160, "frame %u, %s/%.64s", index, code->module->definition->name, code->name);
    return out;
}

bool
pickle_match_code(const struct kernel *k, const stint_PickleCode *record,
    struct pickle_match *match, struct pickle_why *why)
{
    *match = (struct pickle_match){ NULL, false };
    if (registry_find_module(&k->registry, record->module) == NULL) {
        return pickle_refuse(
            why, STINT_UNKNOWN_MODULE, "module %s is not loaded here", record->module);
    }
    const struct code *code = registry_find_code(&k->registry, record->module, record->name);
    if (code == NULL || strcmp(code->name, record->name) != 0) {
        return pickle_refuse(
            why, STINT_UNKNOWN_CODE, "module %s has no code %s here", record->module, record->name);
    }
    if (code->definition->mark != record->mark) {
        return pickle_refuse(why, STINT_INCOMPATIBLE,
            "code %s/%s is marked %u here and %u there: its author says that "
            "one does not continue the other",
            record->module, record->name, code->definition->mark, record->mark);
    }
    match->code = code;
    match->same = code->fingerprint == record->fingerprint && code->locals_hash == record->locals;
    return true;
}

bool
pickle_match_type(const struct kernel *k, const stint_PickleType *record,
    const struct known_type **type, struct pickle_why *why)
{
    const struct known_type *known = registry_find_type(&k->registry, record->name);
    *type = NULL;
    if (known == NULL || strcmp(known->name, record->name) != 0) {
        return pickle_refuse(
            why, STINT_INCOMPATIBLE, "message %s of its channels is not known here", record->name);
    }
    if (known->hash != record->hash) {
        return pickle_refuse(why, STINT_INCOMPATIBLE,
            "message %s of its channels has other fields or bounds here", record->name);
    }
    *type = known;
    return true;
}

/* Labels are cut in a pickle as this cuts them. */
static const struct stint_point *
point_labelled(const struct code *code, const char *label, uint32_t *count)
{
    char cut[sizeof(((stint_PickleFrame *)0)->label)];
    const struct stint_point *found = NULL;
    *count = 0;
    for (uint32_t i = 0; i < code->point_count; i++) {
        text_copy(cut, sizeof(cut), code->points[i]->label);
        if (strcmp(cut, label) == 0) {
            found = code->points[i];
            (*count)++;
        }
    }
    return found;
}

bool
pickle_match_frame(const struct pickle_match *match, uint32_t index,
    const stint_PickleFrame *record, const struct stint_point **point, struct pickle_why *why)
{
    char name[160];
    char cut[sizeof(record->label)];
    const struct code *code = match->code;
    uint32_t count;
    *point = NULL;
    if (record->resume == 0) {
        return true;
    }
    if (match->same) {
        if (record->resume <= code->point_count) {
            *point = code->points[record->resume - 1];
            text_copy(cut, sizeof(cut), (*point)->label);
        }
        if (*point == NULL || strcmp(cut, record->label) != 0) {
            return pickle_refuse(why, STINT_BAD_PICKLE,
                "the pickle is damaged: %s has no resume point %u `%.64s`",
                pickle_frame_name(name, index, code), record->resume, record->label);
        }
        return true;
    }
    *point = point_labelled(code, record->label, &count);
    if (count != 1) {
        return pickle_refuse(why, STINT_INCOMPATIBLE,
            "%s waits at `%.64s` (%.40s:%u): the version of the code here has "
            "%s resume point of that label",
            pickle_frame_name(name, index, code), record->label, record->file, record->line,
            count == 0 ? "no" : "more than one");
    }
    return true;
}
