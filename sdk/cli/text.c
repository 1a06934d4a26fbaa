/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"

/* Room for `more` bytes and the terminator. */
static bool
reserve(struct text *t, size_t more)
{
    size_t wanted = t->size + more + 1;
    if (t->failed || wanted <= t->room) {
        return !t->failed;
    }
    size_t room = t->room == 0 ? 256 : t->room;
    while (room < wanted) {
        room *= 2;
    }
    char *data = realloc(t->data, room);
    if (data == NULL) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->room = room;
    return true;
}

void
text_add(struct text *t, const char *bytes, size_t size)
{
    if (reserve(t, size)) {
        memcpy(t->data + t->size, bytes, size);
        t->size += size;
        t->data[t->size] = '\0';
    }
}

void
text_print(struct text *t, const char *format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int size = vsnprintf(NULL, 0, format, list);
    if (size < 0) {
        t->failed = true;
    } else if (reserve(t, (size_t)size)) {
        vsnprintf(t->data + t->size, (size_t)size + 1, format, again);
        t->size += (size_t)size;
    }
    va_end(again);
    va_end(list);
}

void
text_json(struct text *t, const char *value)
{
    if (value == NULL) {
        text_add(t, "null", 4);
        return;
    }
    text_add(t, "\"", 1);
    for (const char *p = value; *p != '\0';) {
        size_t plain = strcspn(p, "\"\\\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
                                  "\x10\x11\x12\x13\x14\x15\x16\x17"
                                  "\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f");
        text_add(t, p, plain);
        p += plain;
        if (*p == '"' || *p == '\\') {
            text_print(t, "\\%c", *p++);
        } else if (*p != '\0') {
            text_print(t, "\\u%04x", (unsigned)(unsigned char)*p++);
        }
    }
    text_add(t, "\"", 1);
}

/* Bytes of the printable character at `p`; 0: there is none. */
static size_t
printable(const unsigned char *p)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = { { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };
    if (*p < 0x80) {
        return *p >= 0x20 && *p != 0x7f ? 1 : 0;
    }
    for (size_t more = 1; more <= 3; more++) {
        if ((*p & forms[more - 1].mask) != forms[more - 1].lead) {
            continue;
        }
        uint32_t code = *p & (unsigned char)~forms[more - 1].mask;
        for (size_t i = 1; i <= more; i++) {
            if ((p[i] & 0xc0) != 0x80) {
                return 0;
            }
            code = code << 6 | (p[i] & 0x3f);
        }
        /* Not the second set of control characters, surrogates, marks of writing direction. */
        bool bad = code < forms[more - 1].least || code < 0xa0 ||
                   (code >= 0xd800 && code < 0xe000) || (code >= 0x2028 && code <= 0x202e) ||
                   (code >= 0x2066 && code <= 0x2069) || code > 0x10ffff;
        return bad ? 0 : more + 1;
    }
    return 0;
}

const char *
text_shown(const char *text, char *out, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t used = 0;
    size_t fits = 0; /* up to where "..." still fits behind it */
    while (*p != '\0') {
        size_t plain = printable(p);
        size_t need = plain != 0 ? plain : 4;
        if (used + need >= size) {
            snprintf(out + fits, size - fits, "...");
            return out;
        }
        if (plain != 0) {
            memcpy(out + used, p, plain);
        } else {
            static const char digits[] = "0123456789abcdef";
            memcpy(out + used, (char[]){ '\\', 'x', digits[*p >> 4], digits[*p & 15] }, 4);
        }
        used += need;
        p += plain != 0 ? plain : 1;
        fits = used + 3 < size ? used : fits;
    }
    out[used] = '\0';
    return out;
}

void
text_free(struct text *t)
{
    free(t->data);
    *t = (struct text){ .data = NULL };
}

const char *
text_or_empty(const struct text *t)
{
    return t->data != NULL ? t->data : "";
}
