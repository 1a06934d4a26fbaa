/* SPDX-License-Identifier: Apache-2.0 */
/*
 * So that a log is not flooded by what strangers send or what goes wrong ten thousand times: of each kind of message so many lines
 * at once, then a few a second; the rest is counted, and told in one line with the last of them. Messages of one format are one
 * kind. A pure machine.
 */
#ifndef STINT_CORE_LOG_LIMIT_H
#define STINT_CORE_LOG_LIMIT_H

#include "core/core.h"

#define LOG_KINDS 48
#define LOG_BURST 100
#define LOG_TOKEN_NS (UINT64_C(100) * 1000000) /* a line more after each */
#define LOG_HELD_NS (UINT64_C(1000) * 1000000) /* those that are held back are told of after */
#define LOG_LAST_SIZE 256

struct log_kind {
    const char *format; /* NULL: free */
    enum node_log_level level;
    uint32_t tokens;
    uint64_t refilled_ns;
    uint32_t held; /* lines that were not written, */
    uint64_t held_ns; /* the first of them then */
    char last[LOG_LAST_SIZE];
};

struct log_limit {
    struct log_kind kinds[LOG_KINDS];
};

/* Whether this line may be written now. If not, it is held back: counted, and kept as the last one of its kind. */
bool log_limit_allows(struct log_limit *l, enum node_log_level level, const char *format, const char *text,
                      uint64_t now_ns);

/* A kind of which lines have been held back for a while (or for any time: `all`, at the end); they count as told then. False: none. */
bool log_limit_next(struct log_limit *l, bool all, uint64_t now_ns, struct log_kind *out);

#endif
