/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"
#include "stint/status.h"

struct parsing {
    struct context *context;
    const char *name, *home;
    unsigned line;
    bool inside; /* of any section */
    bool mine;   /* of the one that is wanted */
    bool found;
    unsigned mistakes;
    char names[256]; /* of all contexts */
    char *error;
    size_t error_size;
};

static void mistake(struct parsing *p, const char *format, ...) STINT_PRINTF(2, 3);

/* The first one is told, all are counted. */
static void
mistake(struct parsing *p, const char *format, ...)
{
    char said[256];
    va_list list;
    va_start(list, format);
    vsnprintf(said, sizeof said, format, list);
    va_end(list);
    if (p->mistakes++ == 0) {
        snprintf(p->error, p->error_size, "%u: %s", p->line, said);
    }
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The text without blanks around it, in place. */
static char *
trimmed(char *text)
{
    while (is_blank(*text)) {
        text++;
    }
    size_t size = strlen(text);
    while (size != 0 && is_blank(text[size - 1])) {
        text[--size] = '\0';
    }
    return text;
}

static void
begin_section(struct parsing *p, char *text)
{
    size_t size = strlen(text);
    char shown[64];
    if (text[size - 1] != ']') {
        mistake(p, "a section is [NAME]: %s", text_shown(text, shown, sizeof shown));
        return;
    }
    text[size - 1] = '\0';
    char *name = trimmed(text + 1);
    (void)text_shown(name, shown, sizeof shown);
    if (name[0] == '\0') {
        mistake(p, "a section without a name");
    }
    p->inside = true;
    p->mine = strcmp(name, p->name) == 0;
    if (p->mine && p->found) {
        mistake(p, "[%s] stands there twice", shown);
    }
    p->found = p->found || p->mine;
    size_t used = strlen(p->names);
    snprintf(p->names + used, sizeof p->names - used, "%s%s", used != 0 ? ", " : "", shown);
}

static void
take_endpoints(struct parsing *p, char *value)
{
    struct context *c = p->context;
    char *rest = NULL;
    for (char *one = strtok_r(value, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest)) {
        one = trimmed(one);
        char shown[64];
        if (strncmp(one, "tcp://", 6) != 0) {
            mistake(p, "an endpoint is tcp://HOST:PORT: %s", text_shown(one, shown, sizeof shown));
        } else if (strlen(one) >= CONTEXT_TEXT_SIZE) {
            mistake(p, "an endpoint that is too long");
        } else if (p->mine && c->endpoint_count == ENDPOINTS_MAX) {
            mistake(p, "more than %d endpoints", ENDPOINTS_MAX);
        } else if (p->mine) {
            memcpy(c->endpoints[c->endpoint_count++], one, strlen(one) + 1);
        }
    }
}

/* A value of one line, said once. */
static void
take_text(struct parsing *p, const char *key, const char *value, char *to, size_t size)
{
    bool home = strncmp(value, "~/", 2) == 0 && p->home != NULL && strcmp(key, "keys") == 0;
    size_t length = strlen(value) + (home ? strlen(p->home) : 0);
    if (length >= size) {
        mistake(p, "%s is too long", key);
    } else if (p->mine && to[0] != '\0') {
        mistake(p, "%s is said twice", key);
    } else if (p->mine) {
        snprintf(to, size, "%s%s", home ? p->home : "", home ? value + 1 : value);
    }
}

static void
take_line(struct parsing *p, char *text)
{
    struct context *c = p->context;
    char shown[64];
    text = trimmed(text);
    if (text[0] == '\0' || text[0] == '#') {
        return;
    }
    if (text[0] == '[') {
        begin_section(p, text);
        return;
    }
    char *equals = strchr(text, '=');
    if (equals == NULL) {
        mistake(p, "`key = value` is expected: %s", text_shown(text, shown, sizeof shown));
        return;
    }
    *equals = '\0';
    const char *key = trimmed(text);
    char *value = trimmed(equals + 1);
    (void)text_shown(key, shown, sizeof shown);
    if (!p->inside) {
        mistake(p, "%s stands before the first [NAME]", shown);
    } else if (value[0] == '\0') {
        mistake(p, "%s has no value", shown);
    } else if (strcmp(key, "endpoint") == 0) {
        take_endpoints(p, value);
    } else if (strcmp(key, "keys") == 0) {
        take_text(p, key, value, c->keys, sizeof c->keys);
    } else if (strcmp(key, "identity") == 0) {
        take_text(p, key, value, c->identity, sizeof c->identity);
    } else if (strcmp(key, "insecure") != 0) {
        mistake(p, "unknown key %s; it is endpoint, keys, identity or insecure", shown);
    } else if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        mistake(p, "insecure is yes or no");
    } else if (p->mine) {
        c->insecure = value[0] == 'y';
    }
}

enum exit_code
context_parse(struct context *c, const char *text, size_t size, const char *name, const char *home,
              char *error, size_t error_size)
{
    struct parsing p = {
        .context = c, .name = name, .home = home, .error = error, .error_size = error_size
    };
    *c = (struct context){ .endpoint_count = 0 };
    for (size_t at = 0; at < size;) {
        char line[2048];
        const char *end = memchr(text + at, '\n', size - at);
        size_t one = end != NULL ? (size_t)(end - text) - at : size - at;
        p.line++;
        if (one >= sizeof line || memchr(text + at, '\0', one) != NULL) {
            mistake(&p, "a line that is too long, or no text");
        } else {
            memcpy(line, text + at, one);
            line[one] = '\0';
            take_line(&p, line);
        }
        at += one + 1;
    }
    if (p.mistakes != 0) {
        size_t used = strlen(error);
        if (p.mistakes > 1) {
            snprintf(error + used, error_size - used, " (and %u more mistakes)", p.mistakes - 1);
        }
        return EXIT_USAGE;
    }
    if (!p.found) {
        snprintf(error, error_size, "it has %s", p.names[0] != '\0' ? p.names : "none");
        return EXIT_NOT_FOUND;
    }
    return EXIT_DONE;
}

/* ---- the file ---- */

static bool
file_path(char *path, size_t size, const char *home)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    int put = config != NULL && config[0] == '/'
                  ? snprintf(path, size, "%s/stint/contexts", config)
                  : snprintf(path, size, "%s/.config/stint/contexts", home != NULL ? home : "");
    return put > 0 && (size_t)put < size;
}

enum exit_code
context_load(struct context *c, const char *name, char *error, size_t error_size)
{
    const char *home = getenv("HOME");
    char path[CONTEXT_PATH_SIZE];
    char why[512] = "";
    if (!file_path(path, sizeof path, home)) {
        snprintf(error, error_size, "the path of the file of contexts is too long");
        return EXIT_FAILED;
    }
    char *text = malloc(CONTEXT_FILE_MAX + 1);
    FILE *file = text != NULL ? fopen(path, "re") : NULL;
    if (file == NULL) {
        int number = text == NULL ? ENOMEM : errno;
        snprintf(error, error_size, "%s: %s", path, strerror(number));
        free(text);
        return number == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
    }
    size_t size = fread(text, 1, CONTEXT_FILE_MAX + 1, file);
    bool broken = ferror(file) != 0;
    (void)fclose(file);
    enum exit_code code = EXIT_FAILED;
    if (broken || size > CONTEXT_FILE_MAX) {
        snprintf(error, error_size, "%s: it cannot be read, or has more than 64 KiB", path);
    } else {
        code = context_parse(c, text, size, name, home, why, sizeof why);
        snprintf(error, error_size, "%s%s%s", path,
                 code == EXIT_NOT_FOUND ? ": no such context; " : ":", why);
    }
    free(text);
    return code;
}
