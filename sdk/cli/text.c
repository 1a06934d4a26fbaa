/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
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
