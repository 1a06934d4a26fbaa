/* SPDX-License-Identifier: Apache-2.0 */
/* What an exit code says; scripts are written against it. */
#ifndef STINT_CLI_EXITS_H
#define STINT_CLI_EXITS_H

#include "stint/status.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1, /* or the thing asked is false */
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3,
    EXIT_NOT_FOUND = 4,
    EXIT_REFUSED = 5,
    EXIT_PARTLY = 6,
    EXIT_UNKNOWN = 7, /* timed out, outcome unknown */
    EXIT_UNAUTHORISED = 8,
    EXIT_INTERRUPTED = 130,
};

/* Every status has its one exit code. */
enum exit_code exit_of(enum stint_status status);

#endif
