/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines on stderr, as text or as JSON; each is one write, so that lines never mix.
 */
#ifndef STINT_DAEMON_LOGS_H
#define STINT_DAEMON_LOGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stint/node.h"

struct logs {
    enum stint_log_level level; /* the last one that is written */
    bool json;
    const char *name; /* of the node; NULL before it is known */
};

enum { LOGS_LINE_SIZE = 2048 };

/* One line without writing it; returns its length. `wall_ms` is the time it shows. */
size_t logs_format(const struct logs *l, char *out, size_t size, uint64_t wall_ms,
                   enum stint_log_level level, const char *text);

/* Writes one line, if its level is wanted. */
void logs_write(const struct logs *l, enum stint_log_level level, const char *text);

/* Writes "stintd: ..." for what goes wrong before there is a node; as JSON if that was
 * asked for. */
void logs_fail(const struct logs *l, const char *format, ...) STINT_PRINTF(2, 3);

/* The bytes of the character that begins here; 0: this is no UTF-8. */
size_t logs_utf8_size(const char *text);

/* `in` as one line of UTF-8, cut to fit: other bytes and control characters become '?'. */
void logs_printable(char *out, size_t size, const char *in);

/* `in` as the inside of a JSON string, cut to fit. Returns the length. */
size_t logs_escape(char *out, size_t size, const char *in);

#endif
