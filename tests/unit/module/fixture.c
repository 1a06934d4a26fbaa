/* SPDX-License-Identifier: Apache-2.0 */
/* A module in the forms that FIXTURE names: a good one, and one wrong in each way. Compiled by test_module.c. */
#include <stint/tasklet.h>

#ifndef FIXTURE
#define FIXTURE 0
#endif

STINT_TYPE(stint_Empty)

STINT_FRAME(stint_Empty)
{
    STINT_BEGIN;
    STINT_YIELD;
    STINT_END;
}

#if FIXTURE == 0
STINT_MODULE(fixture, "1.0.0", stint_Empty)
#elif FIXTURE == 1 /* no description */
#elif FIXTURE == 9 /* something that nobody has */
extern int stint_nobody_has_this(void);
int (*const fixture_use)(void) = stint_nobody_has_this;
STINT_MODULE(fixture, "1.0.0", stint_Empty)
#else
static const struct stint_code *const codes[] = { &stint_code_stint_Empty };
extern const struct stint_type *const __start_stint_types[], *const __stop_stint_types[];
STINT_EXPORT const struct stint_module stint_module = {
    .abi = FIXTURE == 2 ? STINT_ABI + 41 : STINT_ABI,
    .size = FIXTURE == 3 ? 8 : sizeof(struct stint_module),
    .name = FIXTURE == 4 ? "not a name" : "fixture",
    .version = FIXTURE == 5 ? "" : "1.0.0",
    .codes = codes,
    .code_count = FIXTURE == 6 ? 0 : 1,
    .points = FIXTURE == 7 ? (const struct stint_point *const *)0x10 : NULL,
    .points_end = NULL,
    .types = FIXTURE == 8 ? NULL : __start_stint_types,
    .types_end = FIXTURE == 8 ? NULL : __stop_stint_types,
};
#endif
