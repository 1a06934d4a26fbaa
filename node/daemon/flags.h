/* SPDX-License-Identifier: Apache-2.0 */
/* The command line and the environment of stintd. */
#ifndef STINT_DAEMON_FLAGS_H
#define STINT_DAEMON_FLAGS_H

#include <stdio.h>

#include "settings.h"

enum flags_result {
    FLAGS_OK,
    FLAGS_HELP,
    FLAGS_VERSION,
    FLAGS_WRONG, /* `error` has the one line */
};

/* Reads the arguments behind the program's name: --key VALUE, --key=VALUE, --switch. */
enum flags_result flags_read(struct settings *s, int argc, char **argv, char *error,
                             size_t error_size);

/*
 * Reads STINT_<KEY>; lists are comma separated. `storage` holds the pieces of lists and
 * must outlive the settings. False and `error` for the first value that makes no sense.
 */
struct flags_storage {
    char bytes[8192];
    size_t used;
};
bool flags_environment(struct settings *s, const char *(*get)(const char *name),
                       struct flags_storage *storage, char *error, size_t error_size);

void flags_help(FILE *out);

#endif
