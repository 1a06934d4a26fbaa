/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stintd can be told, as one table: the same names as flags (--name), in the
 * environment (STINT_NAME) and in the config file (name = ...). Every value is checked
 * where it is given, even when a stronger source overrides it, so that a mistake never
 * hides.
 */
#ifndef STINT_DAEMON_SETTINGS_H
#define STINT_DAEMON_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stint/node.h"

enum {
    SETTINGS_LIST_MAX = 64,
    SETTINGS_ERROR_SIZE = 512,
    SETTINGS_DURATION_MAX_MS = 24 * 3600 * 1000,
};

/* Where a value comes from; the larger wins. */
enum settings_source { SOURCE_NONE, SOURCE_CONFIG, SOURCE_ENVIRONMENT, SOURCE_FLAG };

enum settings_key {
    KEY_CONFIG,
    KEY_NAME,
    KEY_LISTEN,
    KEY_ADVERTISE,
    KEY_JOIN,
    KEY_DATA,
    KEY_KEYS,
    KEY_MODULE,
    KEY_STORE,
    KEY_LABEL,
    KEY_FOUND,
    KEY_DRAIN_TIMEOUT,
    KEY_JOIN_TIMEOUT,
    KEY_DETECT,
    KEY_MEMORY,
    KEY_LOG_LEVEL,
    KEY_LOG_FORMAT,
    KEY_INSECURE,
    KEY_COUNT
};

enum settings_kind {
    KIND_TEXT,
    KIND_LIST,   /* repeatable */
    KIND_SWITCH, /* a flag without value; yes or no elsewhere */
    KIND_DURATION,
    KIND_SIZE,
    KIND_CHOICE,
};

struct settings_row {
    const char *name; /* "drain-timeout" */
    enum settings_kind kind;
    const char *value; /* what stands for the value in help, or the choices "a|b" */
    const char *help;
};

struct settings_list {
    size_t count;
    const char *items[SETTINGS_LIST_MAX];
    unsigned lines[SETTINGS_LIST_MAX]; /* of the config file, else 0 */
};

/* All values as they stand. Texts belong to whoever gave them and must outlive this. */
struct settings {
    enum settings_source source[KEY_COUNT];
    unsigned line[KEY_COUNT]; /* of the config file, where a value was given first */
    const char *text[KEY_COUNT];
    struct settings_list list[KEY_COUNT];
    uint64_t number[KEY_COUNT]; /* switch: 0 or 1; duration: ms; size: bytes; choice:
                                   its place */
    bool check;                 /* --check: look at everything, start nothing */
};

/* The row of a key; static. */
const struct settings_row *settings_row(enum settings_key key);

/* KEY_COUNT when there is no such name. `size` is the length of `name`. */
enum settings_key settings_find(const char *name, size_t size);

/* What somebody who wrote `name` may have meant; KEY_COUNT when nothing is near. */
enum settings_key settings_suggest(const char *name, size_t size);

/* The variable of the environment for a key, as "STINT_LOG_LEVEL". */
void settings_variable(enum settings_key key, char *out, size_t size);

/*
 * Where a value was given, to stand before what is wrong with it: "--listen",
 * "STINT_LISTEN", "FILE:7: listen" (`path` is the config file's), or "listen" when
 * nobody gave it. `item` is the place in a list, 0 for what is none.
 */
void settings_where(const struct settings *s, enum settings_key key, size_t item,
                    const char *path, char *out, size_t size);

/* No values but the defaults. */
void settings_init(struct settings *s);

/*
 * Gives a value. False when it makes no sense or is one too many; `error` then says why
 * in one line without naming the key or the source. `line` is 0 but for the config file.
 */
bool settings_set(struct settings *s, enum settings_key key, const char *value,
                  enum settings_source source, unsigned line, char *error,
                  size_t error_size);

/* The options of a node as the settings say; `labels` takes the joined labels. False
 * and `error` when they do not fit. */
bool settings_options(const struct settings *s, struct stint_node_options *options,
                      char *labels, size_t labels_size, char *error, size_t error_size);

#endif
