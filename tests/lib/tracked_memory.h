/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for tests: malloc behind an allocator handle that checks size and owner of every block it is
 * given back, counts what is alive, and fails at a chosen call. And the seed of a random test:
 * printed first, repeated with STINT_TEST_SEED=N.
 */
#ifndef STINT_TESTS_TRACKED_MEMORY_H
#define STINT_TESTS_TRACKED_MEMORY_H

#include "stint/types.h"

struct tracked_memory {
    size_t blocks;      /* alive */
    uint64_t calls;     /* that allocate or grow, so far */
    uint64_t fail_at;   /* the call (from 1) that fails; 0: none */
    uint64_t fail_from; /* every call from this one on fails; 0: none */
    uint64_t failures;  /* how many did */
};

/* The handle; `memory` must outlive it. */
struct stint_allocator tracked_allocator(struct tracked_memory *memory);

/* The seed of this run of the test `name`, printed to stderr. */
uint64_t test_seed(const char *name);

#endif
