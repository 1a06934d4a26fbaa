/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes from the operating system: seeds of machines, node ids, secrets. */
#ifndef STINT_LINK_ENTROPY_H
#define STINT_LINK_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

#include "stint/types.h"

/* Fills `out`; waits only at boot, before the system has entropy. Aborts if there is
 * none at all. */
void entropy_bytes(void *out, size_t size);

/* A random id that is not zero. */
struct stint_id entropy_id(void);

uint64_t entropy_u64(void);

#endif
