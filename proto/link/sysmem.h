/* SPDX-License-Identifier: Apache-2.0 */
/* The process's own memory as an allocator, for shells whose user brings none. */
#ifndef STINT_LINK_SYSMEM_H
#define STINT_LINK_SYSMEM_H

#include "stint/types.h"

/* malloc, realloc and free. Any thread. */
struct stint_allocator sysmem_allocator(void);

#endif
