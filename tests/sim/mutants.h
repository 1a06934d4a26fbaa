/* SPDX-License-Identifier: Apache-2.0 */
/* The mutants of base/mutant.h by name: what stint-sim lists and takes on its command line. */
#ifndef STINT_TESTS_SIM_MUTANTS_H
#define STINT_TESTS_SIM_MUTANTS_H

#include "base/mutant.h"

struct mutant_description {
    enum mutant mutant;
    const char *name;
    const char *place; /* the rooms that have the mistake in them */
    const char *bug;
};

/* The mutant of that name, or MUTANT_NONE when there is none. */
enum mutant mutant_find(const char *name);

/* All of them, from index 0; NULL past the end. Static storage. */
const struct mutant_description *mutant_each(unsigned index);

#endif
