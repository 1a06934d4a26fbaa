/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: the activations of a tasklet, on one contiguous stack of its own.
 *
 *     stack -> | header | locals | header | locals | ... | header | locals | scratch? |    free |
 *                 first frame                          top frame
 *
 * A header names its code, the line at which to resume and the offset of the frame below; nothing
 * on the stack is an address but `code`, so growing is a copy. Headers, locals and scratch are
 * aligned to 8 bytes. The locals of a callee that returned stay readable where they were until
 * the next push. `scratch` is a value of a pending operation that has no place in the locals: a
 * message to be sent that was a temporary, or one received for a tasklet whose destination is
 * only known again when it goes on.
 */
#ifndef STINT_KERNEL_FRAME_H
#define STINT_KERNEL_FRAME_H

#include <stdbool.h>

#include "kernel/code.h"
#include "kernel/kernel_limits.h"

struct tasklet;
struct kernel;

enum { FRAME_IN_EXCEPT = 1 };

#define FRAME_NONE 0xffffffffu

struct frame {
    const struct code *code;
    uint32_t below;  /* offset of the frame below, FRAME_NONE for the first */
    uint32_t resume; /* line, RESUME_START or RESUME_EXCEPT */
    uint16_t depth;  /* 0 for the first */
    uint16_t flags;
    uint32_t error; /* in its except section: the status that led there */
};

#define FRAME_ALIGN(size) (((size) + 7u) & ~7u)

/*
 * An error on its way, or being handled. One without a text costs no memory until it is caught;
 * faults of a tasklet form a chain, innermost first: a travelling one has depth FAULT_TRAVELS, a
 * caught one that of the frame that handles it.
 */
#define FAULT_TRAVELS 0xffffffffu

struct fault {
    struct fault *next;
    enum stint_status status;
    uint32_t depth;
    uint32_t line;                    /* where it was raised */
    char origin[TYPE_NAME_SIZE];      /* module.Code that raised it */
    char text[KERNEL_ERROR_TEXT_MAX]; /* empty: the status says it */
};

static inline void *
frame_locals(const struct frame *f)
{
    return (void *)(uintptr_t)(f + 1);
}

/* The first byte above a frame; aligned to 8. */
static inline uint8_t *
frame_end(const struct frame *f)
{
    return (uint8_t *)frame_locals(f) + FRAME_ALIGN(f->code->size);
}

/* Bytes that a frame of this code takes. */
static inline uint32_t
frame_size(const struct code *code)
{
    return (uint32_t)sizeof(struct frame) + FRAME_ALIGN(code->size);
}

/* The frame below, or NULL. */
struct frame *frame_below(const struct tasklet *t, const struct frame *f);

/* Frame `index` from the bottom, or NULL. */
struct frame *frame_at(const struct tasklet *t, uint32_t index);

/* Number of frames. */
uint32_t frame_count(const struct tasklet *t);

/*
 * Puts a frame on top with a copy of `locals` (code->size bytes; NULL: zeroes), resuming at the
 * start. `locals` may lie on the tasklet's own stack. Drops the scratch. STINT_DEPTH,
 * STINT_LIMIT, STINT_NO_MEMORY: nothing changed.
 */
STINT_MUST_USE enum stint_status frame_push(struct kernel *k, struct tasklet *t,
    const struct code *code, const void *locals);

/* Takes the top frame off, with the faults it handled. Its bytes stay. */
void frame_pop(struct kernel *k, struct tasklet *t);

/* Makes a scratch area of `size` bytes above the top frame; NULL when memory is short. `from`
 * (may be NULL, may lie on the stack above the top frame) is copied into it. */
void *frame_scratch(struct kernel *k, struct tasklet *t, const void *from, uint32_t size);

/* Whether `size` bytes at p lie in the frames of t (not in its scratch or above). */
bool frame_holds(const struct tasklet *t, const void *p, uint32_t size);

/* Makes room for `size` bytes of stack in all. STINT_LIMIT, STINT_NO_MEMORY. */
STINT_MUST_USE enum stint_status frame_reserve(struct kernel *k, struct tasklet *t,
    uint32_t size);

/* Begins an error: makes it the travelling fault, replacing one that travels. Without memory the
 * status alone travels. */
void fault_raise(struct kernel *k, struct tasklet *t, enum stint_status status, const char *text);

/* The travelling fault becomes the one that frame `depth` handles. */
void fault_catch(struct kernel *k, struct tasklet *t, uint32_t depth);

/* The innermost fault handled by frame `depth`, or NULL. */
struct fault *fault_of(const struct tasklet *t, uint32_t depth);

/* A sentence about the fault of that depth (FAULT_TRAVELS: the travelling one), or about `status`
 * if there is none. Valid until the next one. */
const char *fault_describe(struct kernel *k, const struct tasklet *t, uint32_t depth,
    enum stint_status status);

/* Forgets all faults handled by frames of at least that depth, and the travelling one with
 * `travelling`. */
void fault_drop(struct kernel *k, struct tasklet *t, uint32_t depth, bool travelling);

#endif
