/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of a test program of the world: each in a world of its own, all from one seed, which is printed first. */
#ifndef STINT_TESTS_WORLD_CASES_H
#define STINT_TESTS_WORLD_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "world.h"

struct world_case {
    const char *name;
    bool (*run)(struct world *w);
};

/*
 * The program: [--seed N] [--verbose] [CASE]. A case that fails is told with the line that repeats it; before that `describe`
 * (may be NULL) says what it knows. The exit code.
 */
int world_cases(int argc, char **argv, const struct world_case *cases, size_t count, void (*describe)(void));

#endif
