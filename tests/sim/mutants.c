/* SPDX-License-Identifier: Apache-2.0 */
/* The only place where the names of the mutants are compiled. */
#include "mutants.h"

#include <stddef.h>
#include <string.h>

#ifndef STINT_MUTANTS
#error "mutants are for stint-sim alone"
#endif

#define DESCRIPTION(mutant, name, place, bug) { MUTANT_##mutant, name, place, bug },
static const struct mutant_description descriptions[] = { MUTANT_LIST(DESCRIPTION) };

const struct mutant_description *
mutant_each(unsigned index)
{
    return index < sizeof descriptions / sizeof descriptions[0] ? &descriptions[index] : NULL;
}

enum mutant
mutant_find(const char *name)
{
    const struct mutant_description *d;
    for (unsigned i = 0; (d = mutant_each(i)) != NULL; i++) {
        if (strcmp(d->name, name) == 0) {
            return d->mutant;
        }
    }
    return MUTANT_NONE;
}
