/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config file: lines `key = value`, the names of the flags, repeatable keys
 * repeated, `#` at the begin of a line or after a space begins a comment. It is checked
 * as a whole.
 */
#ifndef STINT_DAEMON_CONFIG_H
#define STINT_DAEMON_CONFIG_H

#include "settings.h"

enum { CONFIG_SIZE_MAX = 1 << 16 };

/* The text of the file; the settings point into it. */
struct config_text {
    char bytes[CONFIG_SIZE_MAX + 1];
    size_t size;
};

/* Reads the file; false and one line in `error` when that fails. */
bool config_load(struct config_text *text, const char *path, char *error,
                 size_t error_size);

/*
 * Takes all lines into the settings. Each mistake is told to `report` as a line number
 * and a sentence; returns how many there were. Changes the text.
 */
unsigned config_read(struct settings *s, struct config_text *text,
                     void (*report)(void *arg, unsigned line, const char *mistake),
                     void *arg);

#endif
