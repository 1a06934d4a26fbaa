/* SPDX-License-Identifier: Apache-2.0 */
/* A bar of so many places that is filled as far as a part of a whole goes. */
#ifndef STINT_CLI_BAR_H
#define STINT_CLI_BAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes for a bar of so many places: a block character has three. */
#define BAR_SIZE(places) (3 * (places) + 1)

/* Fills `out` with exactly `places` places: eighths of blocks, or `#` and `.`. */
void bar_fill(char *out, uint64_t part, uint64_t whole, unsigned places, bool unicode);

/* Whether the locale of the environment has UTF-8. */
bool bar_is_unicode(void);

#endif
