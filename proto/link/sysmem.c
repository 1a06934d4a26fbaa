/* SPDX-License-Identifier: Apache-2.0 */
#include "link/sysmem.h"

#include <stdlib.h>

static void *
resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

struct stint_allocator
sysmem_allocator(void)
{
    return (struct stint_allocator){ resize, NULL };
}
