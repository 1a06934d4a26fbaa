/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel with the module specimen, and good pickles made by it. */
#ifndef STINT_TESTS_FUZZ_KERNEL_PAIR_H
#define STINT_TESTS_FUZZ_KERNEL_PAIR_H

#include "fuzz.h"
#include "kernel/kernel.h"
#include "kernel/pickle.h"
#include "specimen.h"

#define SPECIMEN_NOW_NS UINT64_C(1000000000)

/* A new kernel at SPECIMEN_NOW_NS. */
struct kernel *specimen_kernel(struct mem *m, uint64_t seed);

enum { SPECIMEN_PICKLES = SPECIMEN_MODES + 2 };

/* Pickle `which` of SPECIMEN_PICKLES: each way to wait, one with frames below it, one with waiters and spawned senders.
 * Appended to `out`; returns its name. */
const char *specimen_pickle(unsigned which, struct buf *out);

/* Puts the check sum right that ends a pickle. */
void specimen_mend(uint8_t *pickle, size_t size);

#endif
