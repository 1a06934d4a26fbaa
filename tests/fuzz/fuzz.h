/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzz target is, and what all of them use. A target takes any bytes and judges what the code
 * under test makes of them: the sanitizers see what must not be touched, and FUZZ_CHECK what must
 * hold. It has three faces, which are the same file linked with another main: libFuzzer
 * (face_libfuzzer.c), the replay of files and of what comes on stdin, and a mutator of its own that
 * needs no libFuzzer (both face_alone.c).
 */
#ifndef STINT_TESTS_FUZZ_H
#define STINT_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/span.h"
#include "tracked_memory.h"

struct fuzz_target {
    const char *name;
    size_t size_max; /* of an input */

    /* Judges one input. Returns whether the code under test accepted it: a corpus of which nothing
     * is accepted has gone stale, and its replay fails. Keeps no state between calls. */
    bool (*judge)(struct stint_span input);

    /* NULL, or makes a damaged input pass the first check (check sums, lengths), in place. Returns
     * its size, at most `room`. `luck` tells how: an input shall also arrive as it is. */
    size_t (*mend)(uint8_t *data, size_t size, size_t room, uint32_t luck);

    /* Gives good inputs, made by the real encoders, to fuzz_seed. */
    void (*seeds)(void);
};

/* Each target defines it. */
extern const struct fuzz_target fuzz_target;

/* For `seeds`: keeps one input under that name. */
void fuzz_seed(const char *name, struct stint_span input);

/* Stops the process when something does not hold. */
#define FUZZ_CHECK(condition)                                                              \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                       \
        }                                                                                  \
    } while (0)

/* Counted memory with a limit; every block must come back, with its size. */
struct fuzz_memory {
    struct tracked_memory tracked;
    struct mem mem;
};

static inline struct mem *
fuzz_memory_begin(struct fuzz_memory *m, size_t limit)
{
    *m = (struct fuzz_memory){ 0 };
    mem_init(&m->mem, tracked_allocator(&m->tracked), limit);
    return &m->mem;
}

static inline void
fuzz_memory_end(const struct fuzz_memory *m)
{
    FUZZ_CHECK(m->mem.used == 0);
    FUZZ_CHECK(m->tracked.blocks == 0);
}

/* A copy of exactly that size, so that one byte too far is seen. */
static inline uint8_t *
fuzz_copy(struct stint_span bytes)
{
    uint8_t *copy = malloc(bytes.size + (bytes.size == 0));
    FUZZ_CHECK(copy != NULL);
    bytes_copy(copy, bytes.data, bytes.size);
    return copy;
}

/* One line, terminated, printable: what a refusal must say. */
static inline void
fuzz_check_sentence(const char *text, size_t size)
{
    size_t length = 0;
    while (length < size && text[length] != '\0') {
        FUZZ_CHECK(text[length] != '\n' && text[length] != '\r');
        length++;
    }
    FUZZ_CHECK(length < size);
    FUZZ_CHECK(length > 5);
}

#endif
