/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary that all public headers share: ids, spans, the allocator. */
#ifndef STINT_TYPES_H
#define STINT_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "stint/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A tasklet, channel, node, cluster or request: 128 random bits, compared with memcmp. All zero
 * stands for none. */
struct stint_id {
    uint8_t bytes[16];
};

#define STINT_ID_TEXT_SIZE 33 /* bytes: 32 hex digits and the terminator */

/* Bytes that somebody else owns, valid as long as the function that hands them out says. `data` may
 * be NULL when `size` is 0. */
struct stint_span {
    const uint8_t *data;
    size_t size;
};

/*
 * Where memory comes from, in place of malloc. Three things are asked of `resize`:
 *
 * - resize(arg, NULL, 0, size): a new block of `size` bytes, aligned for any type;
 * - resize(arg, ptr, old_size, size): the block grown or shrunk; it may move, with its content;
 * - resize(arg, ptr, old_size, 0): the block given back; what it returns does not matter.
 *
 * `size` is never 0 in the first two, `old_size` is always exactly what was asked for last. Without
 * memory it returns NULL and leaves `ptr` as it was. It must not call into the object that it was
 * given to. It is called by whatever thread uses that object, by one at a time; give it locks of
 * its own where objects on several threads share it. What `arg` points to outlives the object.
 *
 *     static void *
 *     resize(void *arg, void *ptr, size_t old_size, size_t size)
 *     {
 *         struct pool *pool = arg;
 *         return size == 0 ? pool_free(pool, ptr, old_size)
 *                          : pool_resize(pool, ptr, old_size, size);
 *     }
 *     options.allocator = (struct stint_allocator){ resize, &pool };
 */
struct stint_allocator {
    void *(*resize)(void *arg, void *ptr, size_t old_size, size_t size);
    void *arg;
};

/*
 * Structures that begin with their size, so that a program and a library of other versions can use
 * each other: STINT_..._INIT sets it and zeroes the rest, in C and C++.
 */
#ifdef __cplusplus
#define STINT_SIZED_(name)             \
    static inline struct stint_##name  \
    stint_##name##_init(void)          \
    {                                  \
        struct stint_##name made = {}; \
        made.size = sizeof made;       \
        return made;                   \
    }                                  \
    struct stint_##name
#define STINT_SIZED_INIT_(name) stint_##name##_init()
#else
#define STINT_SIZED_(name) struct stint_##name
#define STINT_SIZED_INIT_(name)             \
    {                                       \
        .size = sizeof(struct stint_##name) \
    }
#endif

/*
 * Writes the 32 lower-case hex digits of an id and a terminator; returns `text`. Any thread.
 *
 *     char text[STINT_ID_TEXT_SIZE];
 *     puts(stint_id_text(id, text));
 */
STINT_API char *stint_id_text(struct stint_id id, char text[STINT_ID_TEXT_SIZE]);

/*
 * Reads exactly 32 hex digits, of either case. STINT_OK; STINT_INVALID for anything else: *id is
 * as it was. Any thread.
 *
 *     if (stint_id_parse(argv[1], &id) != STINT_OK) {
 *         usage();
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status stint_id_parse(const char *text, struct stint_id *id);

#ifdef __cplusplus
}
#endif
#endif
