/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "logs.h"

bool
config_load(struct config_text *text, const char *path, char *error, size_t error_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 0;
    text->size = 0;
    while (fd >= 0 && text->size <= CONFIG_SIZE_MAX) {
        got = read(fd, text->bytes + text->size, CONFIG_SIZE_MAX + 1 - text->size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        text->size += (size_t)got;
    }
    if (got < 0) {
        (void)snprintf(error, error_size, "%s: %s", path, strerror(errno));
    } else if (text->size > CONFIG_SIZE_MAX) {
        (void)snprintf(error, error_size, "%s: longer than %d bytes", path,
                       CONFIG_SIZE_MAX);
        got = -1;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (got < 0) {
        return false;
    }
    text->bytes[text->size] = '\0';
    return true;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Without the spaces around it; changes the text. */
static char *
trim(char *text)
{
    while (is_space(*text)) {
        text++;
    }
    size_t size = strlen(text);
    while (size > 0 && is_space(text[size - 1])) {
        text[--size] = '\0';
    }
    return text;
}

static void
cut_comment(char *line)
{
    for (char *at = line; *at != '\0'; at++) {
        if (*at == '#' && (at == line || is_space(at[-1]))) {
            *at = '\0';
            return;
        }
    }
}

/* A mistake quotes its line, in logs and on terminals: no line moves the cursor there. */
static bool
has_control(const char *line)
{
    for (; *line != '\0'; line++) {
        unsigned char c = (unsigned char)*line;
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool
is_utf8(const char *line)
{
    while (*line != '\0') {
        size_t size = logs_utf8_size(line);
        if (size == 0) {
            return false;
        }
        line += size;
    }
    return true;
}

static void
unknown_key(const char *name, char *mistake, size_t mistake_size)
{
    enum settings_key near = settings_suggest(name, strlen(name));
    if (near == KEY_COUNT) {
        (void)snprintf(mistake, mistake_size,
                       "unknown key '%.100s'; the keys are the flags of stintd --help",
                       name);
        return;
    }
    (void)snprintf(mistake, mistake_size, "unknown key '%.100s'; did you mean '%s'?", name,
                   settings_row(near)->name);
}

/* One line; false and the mistake. */
static bool
read_line(struct settings *s, char *line, unsigned number, char *mistake,
          size_t mistake_size)
{
    cut_comment(line);
    line = trim(line);
    if (line[0] == '\0') {
        return true;
    }
    if (has_control(line)) {
        (void)snprintf(mistake, mistake_size, "a control character: this is not a text");
        return false;
    }
    if (!is_utf8(line)) {
        (void)snprintf(mistake, mistake_size,
                       "not UTF-8; save the file in that encoding");
        return false;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        (void)snprintf(mistake, mistake_size, "'%.100s' is not of the form key = value",
                       line);
        return false;
    }
    *equals = '\0';
    char *name = trim(line);
    char *value = trim(equals + 1);
    enum settings_key key = settings_find(name, strlen(name));
    if (key == KEY_COUNT) {
        unknown_key(name, mistake, mistake_size);
        return false;
    }
    char reason[SETTINGS_ERROR_SIZE - 64];
    if (!settings_set(s, key, value, SOURCE_CONFIG, number, reason, sizeof reason)) {
        (void)snprintf(mistake, mistake_size, "%s: %s", name, reason);
        return false;
    }
    return true;
}

unsigned
config_read(struct settings *s, struct config_text *text,
            void (*report)(void *arg, unsigned line, const char *mistake), void *arg)
{
    unsigned number = 0, mistakes = 0;
    char mistake[SETTINGS_ERROR_SIZE];
    char *line = text->bytes;
    char *end = text->bytes + text->size;
    if (strncmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3; /* a mark of some editors that says: this is UTF-8 */
    }
    while (line < end) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t size = (size_t)((stop == NULL ? end : stop) - line);
        line[size] = '\0';
        number++;
        if (strlen(line) != size) {
            (void)snprintf(mistake, sizeof mistake, "a zero byte: this is not a text");
            report(arg, number, mistake);
            mistakes++;
        } else if (!read_line(s, line, number, mistake, sizeof mistake)) {
            report(arg, number, mistake);
            mistakes++;
        }
        line += size + 1;
    }
    return mistakes;
}
