/* SPDX-License-Identifier: Apache-2.0 */
/* A module that was built for another Stint: only its ABI number is wrong. */
#include <stint/tasklet.h>

STINT_EXPORT extern const struct stint_module stint_module;
const struct stint_module stint_module = { .abi = STINT_ABI + 41, .size = sizeof(struct stint_module), .name = "old",
    .version = "0.0.1" };
