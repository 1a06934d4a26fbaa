/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts with known ends. The only place below the shells where a number becomes text;
 * the texts of statuses and ids (stint/status.h, stint/types.h) are made here too.
 */
#ifndef STINT_BASE_TEXT_H
#define STINT_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>

#include "stint/types.h"

/* printf into `out`, cut to fit and always terminated (size is not 0). Returns the
 * length that stands in `out`. */
size_t text_format(char *out, size_t size, const char *format, ...) STINT_PRINTF(3, 4);
size_t text_format_list(char *out, size_t size, const char *format, va_list args)
    STINT_PRINTF(3, 0);

/* Copies, cut to fit, always terminated; returns the length that stands in `dst`. */
size_t text_copy(char *dst, size_t size, const char *src);

/* The same from bytes that have no terminator; stops at a zero byte. */
size_t text_copy_span(char *dst, size_t size, struct stint_span src);

/* True for 1 to `max` characters of [A-Za-z0-9._-]. NULL is no name. */
bool text_is_name(const char *text, size_t max);

/*
 * True for pairs k=v, comma separated, or an empty text: each of at most `max` characters, each key a name and
 * there once. Values are whatever has no comma.
 */
bool text_is_pairs(const char *text, size_t max);

/* The value of a key in such pairs, copied and terminated; cut to `size` - 1. Empty if there is no such key. */
void text_pair_value(const char *pairs, const char *key, char *value, size_t size);

/* True for a text of 0 to `max` printable ASCII characters, terminated within max + 1
 * bytes. */
bool text_is_printable(const char *text, size_t max);

/* Lower-case hex digits of `size` bytes, terminated; `out` holds 2 * size + 1. */
void text_hex(char *out, const uint8_t *data, size_t size);

/* Reads exactly 2 * size hex digits and the end of the text; false (and `out`
 * undefined) for anything else. */
bool text_unhex(uint8_t *out, size_t size, const char *text);

/* Reads a decimal number without sign, space or leading zeros beyond "0"; false for
 * anything else or overflow. */
bool text_parse_u64(const char *text, uint64_t *value);

#endif
