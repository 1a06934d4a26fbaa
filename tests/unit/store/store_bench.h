/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the store share: a store in a directory of its own, and short ways
 * to write commits. */
#ifndef STINT_TESTS_STORE_BENCH_H
#define STINT_TESTS_STORE_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"
#include "store/store.h"
#include "tmpdir.h"

struct bench {
    struct mem mem;
    struct store *store;
    char dir[TMPDIR_SIZE];
    char path[TMPDIR_SIZE + 16];
};

static inline void *
bench_resize(void *arg, void *ptr, size_t old_size, size_t size)
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
bench_open(struct bench *b)
{
    char error[400] = "";
    if (store_open(&b->store, &b->mem, b->path, true, error, sizeof error) !=
        STINT_OK) {
        fail_msg("%s", error);
    }
}

static inline void
bench_reopen(struct bench *b)
{
    store_close(b->store);
    bench_open(b);
}

static inline struct store_write
put(uint8_t kind, const char *key, const char *value)
{
    return (struct store_write){ { kind, span_text(key), span_text(value) }, false };
}

static inline struct store_write
drop(uint8_t kind, const char *key)
{
    return (struct store_write){ { kind, span_text(key), { NULL, 0 } }, true };
}

static inline enum store_result
bench_commit(struct bench *b, uint64_t expected, uint64_t next,
             const struct store_write *writes, size_t count)
{
    struct store_commit commit = { 42, expected, next, writes, count };
    uint64_t number = 0;
    enum store_result result = STORE_UNKNOWN;
    assert_int_equal(store_commit(b->store, &commit), STINT_OK);
    assert_true(store_next(b->store, &number, &result));
    assert_int_equal(number, 42);
    assert_false(store_next(b->store, &number, &result));
    return result;
}

/* The content as "view: kind key=value ..." */
static inline const char *
bench_text(struct bench *b)
{
    static char text[4096];
    const struct store_row *rows;
    size_t count;
    uint64_t view, generation;
    if (store_load(b->store, &rows, &count, &view, &generation) != STINT_OK) {
        return store_error(b->store);
    }
    int at = snprintf(text, sizeof text, "%llu:", (unsigned long long)view);
    for (size_t i = 0; i < count; i++) {
        at +=
            snprintf(text + at, sizeof text - (size_t)at, " %u %.*s=%.*s", rows[i].kind,
                     (int)rows[i].key.size, (const char *)rows[i].key.data,
                     (int)rows[i].value.size, (const char *)rows[i].value.data);
    }
    return text;
}

static inline int
bench_setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    mem_init(&b->mem, (struct stint_allocator){ bench_resize, NULL }, 0);
    tmpdir_make(b->dir);
    (void)snprintf(b->path, sizeof b->path, "%s/store.db", b->dir);
    bench_open(b);
    *state = b;
    return 0;
}

static inline int
bench_teardown(void **state)
{
    struct bench *b = *state;
    store_close(b->store);
    assert_int_equal(b->mem.used, 0);
    tmpdir_remove(b->dir);
    free(b);
    return 0;
}

#endif
