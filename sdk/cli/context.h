/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts: names for clusters that one works with, in one file, $XDG_CONFIG_HOME/stint/contexts or
 * ~/.config/stint/contexts.
 *
 *     # comment
 *     [production]
 *     endpoint = tcp://10.0.0.1:7400      any number of them, or separated by commas
 *     endpoint = tcp://10.0.0.2:7400
 *     keys = ~/keys/production            ~/ is the home directory
 *     identity = operator-me
 *
 *     [desk]
 *     endpoint = tcp://127.0.0.1:7400
 *     insecure = yes
 *
 * A context says what neither a flag nor the environment says.
 */
#ifndef STINT_CLI_CONTEXT_H
#define STINT_CLI_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "args.h"
#include "exits.h"

enum { CONTEXT_FILE_MAX = 64 * 1024, CONTEXT_TEXT_SIZE = 512, CONTEXT_PATH_SIZE = 1024 };

struct context {
    char endpoints[ENDPOINTS_MAX][CONTEXT_TEXT_SIZE];
    unsigned endpoint_count;
    char keys[CONTEXT_PATH_SIZE];     /* "": not said */
    char identity[CONTEXT_TEXT_SIZE]; /* "": not said */
    bool insecure;
};

/*
 * Reads the context `name` out of the text of a file. The whole text is checked: a mistake anywhere
 * is EXIT_USAGE with a line "3: what is wrong" in `error`, and how many more there are.
 * EXIT_NOT_FOUND: there is no such context; `error` has the names of those that there are. `home`
 * may be NULL.
 */
enum exit_code context_parse(struct context *c, const char *text, size_t size, const char *name,
                             const char *home, char *error, size_t error_size);

/* The same from the user's file. EXIT_FAILED: it cannot be read. The errors name the file. */
enum exit_code context_load(struct context *c, const char *name, char *error, size_t error_size);

#endif
