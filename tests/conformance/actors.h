/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a case: a kernel whose tasklets do what their scripts say, its invariants looked at on the way. */
#ifndef STINT_TESTS_CONFORMANCE_ACTORS_H
#define STINT_TESTS_CONFORMANCE_ACTORS_H

#include "cases.h"

enum { ORDER_SIZE = 2000, PROBLEM_SIZE = 200 };

struct outcome {
    char order[ORDER_SIZE];
    char problem[PROBLEM_SIZE]; /* "" or why it ended early or left something behind */
};

void actors_run(const struct order_case *c, struct outcome *outcome);

#endif
