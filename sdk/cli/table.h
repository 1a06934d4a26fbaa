/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for people: columns as wide as they must be, numbers to the right, states in colour. On a
 * terminal the last column of a short table is cut to fit, and says so by "...".
 */
#ifndef STINT_CLI_TABLE_H
#define STINT_CLI_TABLE_H

#include <stddef.h>

#include "out.h"

/* The cells of a list under the heads of its columns; of an object a line each. */
void table_put_list(const struct out *out);
void table_put_object(const struct out *out);

/* How many places of a terminal a UTF-8 text takes; good enough for names. */
size_t table_width(const char *text);

/* The escape sequence that colours a state, "" for what needs none. */
const char *table_colour(const char *state);

#endif
