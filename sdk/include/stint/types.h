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

/* A tasklet, channel, node, cluster or request: 128 random bits. */
struct stint_id {
    uint8_t bytes[16];
};

#define STINT_ID_TEXT_SIZE 33 /* 32 hex digits and the terminator */

/* Bytes that somebody else owns; valid as long as the function that hands it out says. */
struct stint_span {
    const uint8_t *data;
    size_t size;
};

/*
 * Where memory comes from. resize(arg, NULL, 0, n) allocates, resize(arg, p, old, 0)
 * frees and returns NULL, else it moves; `old` is always the exact earlier size. On failure it
 * returns NULL and leaves `ptr` as it was. Called from the thread that uses the object it was given to.
 */
struct stint_allocator {
    void *(*resize)(void *arg, void *ptr, size_t old_size, size_t size);
    void *arg;
};

/* Writes the 32 hex digits of an id; returns `text`. */
STINT_API char *stint_id_text(struct stint_id id, char text[STINT_ID_TEXT_SIZE]);

/* Reads exactly 32 hex digits; STINT_INVALID for anything else. */
STINT_API STINT_MUST_USE enum stint_status stint_id_parse(const char *text, struct stint_id *id);

#ifdef __cplusplus
}
#endif
#endif
