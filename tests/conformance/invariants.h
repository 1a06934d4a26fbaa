/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds in a kernel at any moment between two operations (DM-1 to DM-5, DM-7), found out from its
 * structures and not from its counters.
 */
#ifndef STINT_TESTS_CONFORMANCE_INVARIANTS_H
#define STINT_TESTS_CONFORMANCE_INVARIANTS_H

#include "kernel/kernel.h"

/* The first thing that is wrong, as a static text, or NULL. */
const char *invariants_broken(const struct kernel *k);

#endif
