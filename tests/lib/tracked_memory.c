/* SPDX-License-Identifier: Apache-2.0 */
#include "tracked_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Before each block stand its size and whose it is, so that a wrong one is found where it is given back. */
union block_head {
    struct {
        size_t size;
        struct tracked_memory *owner;
    };
    max_align_t align;
};

static void *
tracked_resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    struct tracked_memory *memory = arg;
    union block_head *head = ptr == NULL ? NULL : (union block_head *)ptr - 1;
    if (head != NULL && head->size != old_size) {
        fprintf(stderr, "a block of %zu bytes was given back as one of %zu\n",
                head->size, old_size);
        abort();
    }
    if (head != NULL && head->owner != memory) {
        fprintf(stderr, "a block of %zu bytes was given back to another allocator\n", old_size);
        abort();
    }
    if (size == 0) {
        if (head != NULL) {
            memset(ptr, 0xdd, old_size);
            memory->blocks--;
            free(head);
        }
        return NULL;
    }
    if (size > old_size) {
        memory->calls++;
        if (memory->calls == memory->fail_at ||
            (memory->fail_from != 0 && memory->calls >= memory->fail_from)) {
            memory->failures++;
            return NULL;
        }
    }
    union block_head *moved = malloc(sizeof *moved + size);
    if (moved == NULL) {
        return NULL;
    }
    moved->size = size;
    moved->owner = memory;
    memset(moved + 1, 0xcd, size);
    if (head != NULL) {
        memcpy(moved + 1, ptr, old_size < size ? old_size : size);
        free(head);
    } else {
        memory->blocks++;
    }
    return moved + 1;
}

struct stint_allocator
tracked_allocator(struct tracked_memory *memory)
{
    return (struct stint_allocator){ tracked_resize, memory };
}

uint64_t
test_seed(const char *name)
{
    const char *given = getenv("STINT_TEST_SEED");
    uint64_t seed;
    if (given != NULL) {
        seed = strtoull(given, NULL, 10);
    } else {
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        seed =
            ((uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec) % 1000000000u;
    }
    fprintf(stderr, "%s: seed %llu (STINT_TEST_SEED repeats it)\n", name,
            (unsigned long long)seed);
    return seed;
}
