/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three kernels and a tasklet's program. One *step* is one turn of one kernel, or the delivery of
 * one effect, or, when neither is left, a leap of time to the next deadline; between two steps is a
 * dispatch boundary, where any tasklet can be pickled and go on in another kernel. A kernel that is
 * moved to and holds nothing is made anew: with another seed, another clock, at other addresses and
 * with the next build of the module.
 *
 * What the tasklets write to the log is the output. Who runs first depends on who moved, so the
 * output is kept for each speaker (the word before the colon); what one of them says is the same,
 * in the same order, wherever it ran.
 */
#ifndef STINT_TESTS_LEGS_WORLD_H
#define STINT_TESTS_LEGS_WORLD_H

#include "base/buf.h"
#include "kernel/kernel.h"
#include "kernel/pickle.h"
#include "tracked_memory.h"

enum {
    PLACES = 3,
    BUILDS_MAX = 16,
    LINES_MAX = 400,
    EFFECTS_MAX = 2048,
    WISHES_MAX = 32,
    NAMED_MAX = 8
};

struct line {
    char text[200];
};

/* An effect on its way; the value is a copy. */
struct letter {
    struct kernel_effect effect;
    int from;
    char text[256];
    uint8_t *bytes;
};

/* What a line "@MS VERB" asked for. */
struct wish {
    struct stint_id tid;
    uint64_t at_ns;
    char verb[16];
};

struct named {
    char name[256];
    struct stint_id cid;
};

struct legs_world {
    struct tracked_memory tracked;
    struct mem mem;
    struct kernel *k[PLACES];
    uint64_t offset_ns[PLACES]; /* of that kernel's clock */
    uint64_t life[PLACES];      /* kernels made there so far */
    uint64_t now_ns;
    const struct stint_module *builds[BUILDS_MAX];
    uint32_t build_count;
    uint32_t next_build;
    uint64_t made; /* kernels so far; seeds come from it */
    struct letter letters[EFFECTS_MAX];
    uint32_t first, count; /* of a ring */
    struct line lines[LINES_MAX];
    uint32_t line_count;
    struct wish wishes[WISHES_MAX];
    uint32_t wish_count;
    struct named names[NAMED_MAX];
    uint32_t name_count;
    uint32_t turn_of;
    uint32_t moves;
    uint32_t suspended; /* how often it was told that the first tasklet gave up its first turn */
    uint64_t deeds; /* turns, wishes and leaps so far: all but deliveries */
    struct stint_id main_id;
};

/* How a failure is told: prints what, and ends the program. The driver gives it the context. */
_Noreturn void legs_fail(const char *format, ...) STINT_PRINTF(1, 2);

/* An empty world with the program `code` about to begin at place 0; `args` are its encoded locals.
 */
void legs_begin(struct legs_world *w, const struct stint_module *const *builds, uint32_t count,
    const char *code, struct stint_span args);

/* The same with what a pickle holds; on failure the world is empty, and `error` says why. */
enum stint_status legs_begin_with(struct legs_world *w, const struct stint_module *build,
    struct stint_span pickle, char *error, size_t size);

/* True when all wait for time to pass. */
bool legs_rests(const struct legs_world *w);

/* One step; false when nothing will ever happen again. */
bool legs_step(struct legs_world *w);

/* All tasklets, or only the first one, go from where they are to the place after it. */
void legs_move_main(struct legs_world *w);
void legs_move_all(struct legs_world *w);

/* The same for the first one, but where it goes may refuse it: then it goes on where it is. The
 * status and, refused, the sentence without the numbers of lines. */
enum stint_status legs_try_main(struct legs_world *w, char *text, size_t size);

/* Where a tasklet is, or -1. */
int legs_where(const struct legs_world *w, struct stint_id tid);

/* Checks that nothing was left, after the time in which what ended is remembered; frees everything.
 */
void legs_end(struct legs_world *w);

/* Drops everything as it is. */
void legs_drop(struct legs_world *w);

/* The output, speaker by speaker, each line with a newline. */
void legs_output(struct legs_world *w, char *text, size_t size);

#endif
