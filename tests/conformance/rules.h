/* SPDX-License-Identifier: Apache-2.0 */
/* The table of rules in README.md: each rule once, and what it says of the cases is so. */
#ifndef STINT_TESTS_CONFORMANCE_RULES_H
#define STINT_TESTS_CONFORMANCE_RULES_H

#include "cases.h"

/* The number of faults; each is told in a sentence on stderr. */
unsigned rules_check(const char *path, const struct case_list *list);

#endif
