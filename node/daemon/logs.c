/* SPDX-License-Identifier: Apache-2.0 */
#include "logs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *
level_name(enum stint_log_level level)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };
    return level <= STINT_LOG_DEBUG ? names[level] : "debug";
}

size_t
logs_utf8_size(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t size = c[0] < 0x80                    ? 1
                  : c[0] >= 0xc2 && c[0] < 0xe0  ? 2
                  : c[0] >= 0xe0 && c[0] < 0xf0  ? 3
                  : c[0] >= 0xf0 && c[0] <= 0xf4 ? 4
                                                 : 0;
    for (size_t i = 1; i < size; i++) {
        if ((c[i] & 0xc0) != 0x80) { /* the zero byte at the end is none either */
            return 0;
        }
    }
    return size;
}

size_t
logs_escape(char *out, size_t size, const char *in)
{
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letter[] = "\"\\bfnrt";
    size_t at = 0;
    for (; *in != '\0'; in++) {
        unsigned char c = (unsigned char)*in;
        const char *special = strchr(plain, *in);
        char piece[8];
        int length = 1;
        piece[0] = *in;
        if (special != NULL) {
            length = snprintf(piece, sizeof piece, "\\%c", letter[special - plain]);
        } else if (c < 0x20 || c >= 0x7f) {
            /* A log may quote bytes of a stranger, which need not be UTF-8. */
            length = snprintf(piece, sizeof piece, "\\u%04x", c);
        }
        if (at + (size_t)length >= size) {
            break;
        }
        memcpy(out + at, piece, (size_t)length);
        at += (size_t)length;
    }
    out[at] = '\0';
    return at;
}

static void
format_time(char *out, size_t size, uint64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    char date[32] = "";
    if (gmtime_r(&seconds, &tm) != NULL) {
        (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    }
    (void)snprintf(out, size, "%s.%03uZ", date, (unsigned)(wall_ms % 1000));
}

void
logs_printable(char *out, size_t size, const char *in)
{
    size_t at = 0;
    while (*in != '\0') {
        unsigned char c = (unsigned char)*in;
        size_t length = logs_utf8_size(in);
        bool plain = length > 0 && c >= 0x20 && c != 0x7f;
        length = plain ? length : 1;
        if (at + length >= size) {
            break;
        }
        memcpy(out + at, plain ? in : "?", length);
        at += length;
        in += length;
    }
    out[at] = '\0';
}

size_t
logs_format(const struct logs *l, char *out, size_t size, uint64_t wall_ms,
            enum stint_log_level level, const char *text)
{
    char when[64], message[LOGS_LINE_SIZE - 300], name[128];
    int length;
    format_time(when, sizeof when, wall_ms);
    if (l->json) {
        (void)logs_escape(message, sizeof message, text);
        (void)logs_escape(name, sizeof name, l->name == NULL ? "" : l->name);
        length = snprintf(
            out, size,
            "{\"time\":\"%s\",\"level\":\"%s\",\"node\":\"%s\",\"message\":\"%s\"}\n",
            when, level_name(level), name, message);
    } else {
        logs_printable(message, sizeof message, text);
        logs_printable(name, sizeof name, l->name == NULL ? "-" : l->name);
        length = snprintf(out, size, "%s %-5s %s: %s\n", when, level_name(level), name,
                          message);
    }
    return length < 0 ? 0 : (size_t)length >= size ? size - 1 : (size_t)length;
}

static uint64_t
wall_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void
logs_write(const struct logs *l, enum stint_log_level level, const char *text)
{
    char line[LOGS_LINE_SIZE];
    if (level > l->level) {
        return;
    }
    size_t size = logs_format(l, line, sizeof line, wall_ms(), level, text);
    /* Nobody to tell when stderr is gone. */
    (void)!write(STDERR_FILENO, line, size);
}

void
logs_fail(const struct logs *l, const char *format, ...)
{
    char text[LOGS_LINE_SIZE - 400], plain[LOGS_LINE_SIZE - 400], line[LOGS_LINE_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (l->json) {
        logs_write(l, STINT_LOG_ERROR, text);
        return;
    }
    /* It may quote an argument, which may be anything. */
    logs_printable(plain, sizeof plain, text);
    int length = snprintf(line, sizeof line, "stintd: %s\n", plain);
    (void)!write(STDERR_FILENO, line, (size_t)length);
}
