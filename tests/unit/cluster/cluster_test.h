/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this folder share: memory, ids, small views. */
#ifndef STINT_TESTS_CLUSTER_TEST_H
#define STINT_TESTS_CLUSTER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/prng.h"
#include "base/text.h"
#include "cluster/view.h"

#define TEST_MS UINT64_C(1000000)
#define TEST_S UINT64_C(1000000000)

static inline void *
test_resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

static inline void
test_mem(struct mem *m)
{
    mem_init(m, (struct stint_allocator){ test_resize, NULL }, 0);
}

static inline struct stint_id
test_id(uint32_t n)
{
    struct stint_id id = { { 0x1d, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                             (uint8_t)n } };
    return id;
}

static inline struct node_ref
test_ref(uint32_t n, uint64_t inc)
{
    return (struct node_ref){ test_id(n), inc };
}

/* Adds a member "n<number>" to a view; the caller keeps the order of incarnations. */
static inline struct member *
test_member(struct view *v, uint32_t n, uint64_t inc, stint_MemberState state)
{
    struct member *m = &v->members[v->member_count++];
    memset(m, 0, sizeof *m);
    m->ref = test_ref(n, inc);
    m->state = state;
    (void)text_format(m->name, sizeof m->name, "n%u", n);
    (void)text_format(m->endpoint, sizeof m->endpoint, "tcp://127.0.0.1:%u", 7000 + n);
    (void)text_copy(m->version, sizeof m->version, "0.1.0");
    return m;
}

/* Reads "--seed N" and "--seeds N" of a random test's command line; prints what it will do. */
static inline void
test_seeds(int argc, char **argv, uint64_t *first, uint64_t *count)
{
    for (int i = 1; i + 1 < argc; i++) {
        uint64_t value;
        if (!text_parse_u64(argv[i + 1], &value)) {
            continue;
        }
        if (strcmp(argv[i], "--seed") == 0) {
            *first = value;
            *count = 1;
        } else if (strcmp(argv[i], "--seeds") == 0) {
            *count = value;
        }
    }
    printf("seeds %llu to %llu\n", (unsigned long long)*first,
           (unsigned long long)(*first + *count - 1));
}

#endif
