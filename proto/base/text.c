/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/panic.h"

size_t
text_format_list(char *out, size_t size, const char *format, va_list args)
{
    if (size == 0) {
        return 0;
    }
    int length = vsnprintf(out, size, format, args);
    if (length < 0) {
        out[0] = '\0';
        return 0;
    }
    return (size_t)length < size ? (size_t)length : size - 1;
}

size_t
text_format(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t length = text_format_list(out, size, format, args);
    va_end(args);
    return length;
}

size_t
text_copy(char *dst, size_t size, const char *src)
{
    return text_copy_span(dst, size,
                          (struct stint_span){ (const uint8_t *)src, strlen(src) });
}

size_t
text_copy_span(char *dst, size_t size, struct stint_span src)
{
    STINT_ASSERT(size > 0);
    size_t length = 0;
    while (length < src.size && length < size - 1 && src.data[length] != 0) {
        dst[length] = (char)src.data[length];
        length++;
    }
    dst[length] = '\0';
    return length;
}

static bool
is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
}

bool
text_is_name(const char *text, size_t max)
{
    if (text == NULL) {
        return false;
    }
    size_t length = 0;
    while (length <= max && text[length] != '\0') {
        if (!is_name_char(text[length])) {
            return false;
        }
        length++;
    }
    return length >= 1 && length <= max;
}

/* The pair of that key in what lies before `end`, or NULL. */
static const char *
pair_of(const char *pairs, const char *end, const char *key, size_t length)
{
    while (pairs < end) {
        if (strncmp(pairs, key, length) == 0 && pairs[length] == '=') {
            return pairs;
        }
        size_t pair = strcspn(pairs, ",");
        pairs += pair + (pairs[pair] == ',' ? 1 : 0);
    }
    return NULL;
}

bool
text_is_pairs(const char *text, size_t max)
{
    const char *at = text;
    while (at[0] != '\0') {
        size_t length = strcspn(at, ",");
        size_t key = strcspn(at, "=,");
        bool named = key > 0;
        for (size_t i = 0; i < key; i++) {
            named = named && is_name_char(at[i]);
        }
        if (length > max || at[key] != '=' || !named || pair_of(text, at, at, key) != NULL) {
            return false;
        }
        at += length;
        if (at[0] == ',' && *++at == '\0') {
            return false;
        }
    }
    return true;
}

void
text_pair_value(const char *pairs, const char *key, char *value, size_t size)
{
    size_t length = strlen(key);
    const char *pair = pair_of(pairs, pairs + strlen(pairs), key, length);
    value[0] = '\0';
    if (pair != NULL) {
        const char *from = pair + length + 1;
        size_t all = strcspn(from, ",");
        size_t copied = all < size - 1 ? all : size - 1;
        memcpy(value, from, copied);
        value[copied] = '\0';
    }
}

bool
text_is_printable(const char *text, size_t max)
{
    for (size_t i = 0; i <= max; i++) {
        if (text[i] == '\0') {
            return true;
        }
        if (text[i] < ' ' || text[i] > '~') {
            return false;
        }
    }
    return false;
}

void
text_hex(char *out, const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * size] = '\0';
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool
text_unhex(uint8_t *out, size_t size, const char *text)
{
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(text[2 * i]);
        int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);
        if (low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * size] == '\0';
}

bool
text_parse_u64(const char *text, uint64_t *value)
{
    uint64_t result = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0')) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(*text - '0');
        if (result > (UINT64_MAX - digit) / 10) {
            return false;
        }
        result = result * 10 + digit;
    }
    *value = result;
    return true;
}

char *
stint_id_text(struct stint_id id, char text[STINT_ID_TEXT_SIZE])
{
    text_hex(text, id.bytes, sizeof id.bytes);
    return text;
}

enum stint_status
stint_id_parse(const char *text, struct stint_id *id)
{
    struct stint_id parsed;
    if (text == NULL || !text_unhex(parsed.bytes, sizeof parsed.bytes, text)) {
        return STINT_INVALID;
    }
    *id = parsed;
    return STINT_OK;
}

const char *
stint_strerror(enum stint_status status)
{
    switch (status) {
#define STATUS_CASE(name, number, text) \
    case STINT_##name:                  \
        return text;
        STINT_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    case STINT_STATUS_COUNT_:
        break;
    }
    return "unknown status";
}

const char *
stint_status_name(enum stint_status status)
{
    switch (status) {
#define STATUS_CASE(name, number, text) \
    case STINT_##name:                  \
        return #name;
        STINT_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    case STINT_STATUS_COUNT_:
        break;
    }
    return "UNKNOWN";
}
