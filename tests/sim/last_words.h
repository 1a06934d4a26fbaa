/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which run it was, if the process does not live to say it: an assertion of the code fails, it crashes, a sanitizer ends it, or a
 * run does not come to an end.
 */
#ifndef STINT_TESTS_SIM_LAST_WORDS_H
#define STINT_TESTS_SIM_LAST_WORDS_H

#include <stdint.h>

/* To be called once, first. */
void last_words_begin(void);

/* The next run is of that seed, and `again` is the command that repeats it. It has two minutes of one core. */
void last_words_run(uint64_t seed, const char *again);

#endif
