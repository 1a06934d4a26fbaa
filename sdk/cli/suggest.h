/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody may have meant who wrote a word that is none. */
#ifndef STINT_CLI_SUGGEST_H
#define STINT_CLI_SUGGEST_H

#include <stddef.h>

/* The nearest word so far; begin with all zero but `meant`. */
struct suggestion {
    const char *meant;
    const char *word; /* NULL: nothing is near */
    size_t distance;
};

/* Takes `word` if it is nearer than what was taken before, and near enough: a beginning of it, or a
 * few letters off. */
void suggest(struct suggestion *s, const char *word);

#endif
