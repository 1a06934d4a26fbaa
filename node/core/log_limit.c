/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log_limit.h"

#include "base/text.h"

static void
refill(struct log_kind *k, uint64_t now_ns)
{
    uint64_t tokens = (now_ns - k->refilled_ns) / LOG_TOKEN_NS;
    if (tokens >= LOG_BURST - k->tokens) {
        k->tokens = LOG_BURST;
        k->refilled_ns = now_ns;
    } else {
        k->tokens += (uint32_t)tokens;
        k->refilled_ns += tokens * LOG_TOKEN_NS;
    }
}

/* The place of a format: its own, a free one, or that of the kind which was quiet longest. */
static struct log_kind *
kind_of(struct log_limit *l, const char *format, uint64_t now_ns)
{
    struct log_kind *place = NULL;
    for (size_t i = 0; i < LOG_KINDS; i++) {
        struct log_kind *k = &l->kinds[i];
        if (k->format == format) {
            return k;
        }
        if (k->held == 0 && (place == NULL || k->refilled_ns < place->refilled_ns)) {
            place = k;
        }
    }
    if (place != NULL) {
        *place = (struct log_kind){ .format = format, .tokens = LOG_BURST, .refilled_ns = now_ns };
    }
    return place;
}

bool
log_limit_allows(struct log_limit *l, enum node_log_level level, const char *format, const char *text, uint64_t now_ns)
{
    struct log_kind *k = kind_of(l, format, now_ns);
    if (k == NULL) {
        return true;
    }
    refill(k, now_ns);
    if (k->held == 0 && k->tokens > 0) {
        k->tokens--;
        return true;
    }
    k->held_ns = k->held == 0 ? now_ns : k->held_ns;
    k->level = level;
    k->held++;
    text_copy(k->last, sizeof k->last, text);
    return false;
}

bool
log_limit_next(struct log_limit *l, bool all, uint64_t now_ns, struct log_kind *out)
{
    for (size_t i = 0; i < LOG_KINDS; i++) {
        struct log_kind *k = &l->kinds[i];
        if (k->held > 0 && (all || now_ns - k->held_ns >= LOG_HELD_NS)) {
            *out = *k;
            k->held = 0;
            return true;
        }
    }
    return false;
}
