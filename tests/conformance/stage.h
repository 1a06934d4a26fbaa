/* SPDX-License-Identifier: Apache-2.0 */
/* What the actors of one case share: who is who, their channels, the log, and who acts from elsewhere. */
#ifndef STINT_TESTS_CONFORMANCE_STAGE_H
#define STINT_TESTS_CONFORMANCE_STAGE_H

#include "actors.h"
#include "kernel/kernel.h"
#include "tracked_memory.h"

#include "actor.pb.h"

extern const struct stint_type actor_Number_stint, actor_Actor_stint;

enum { STAGE_ACTORS = 40, STAGE_CHANNELS = 8, STAGE_FAR = 8 };

/* An operation of a tasklet on another node. */
struct far_operation {
    struct stint_id cid;
    enum kernel_op op;
    uint64_t n;
    bool offered;
};

struct stage {
    const struct order_case *play;
    struct outcome *outcome;
    struct tracked_memory tracked;
    struct mem mem;
    struct kernel *k;
    uint64_t now_ns;
    char names[STAGE_ACTORS][12];
    struct stint_id ids[STAGE_ACTORS];
    int actors;
    char channel_names[STAGE_CHANNELS];
    stint_Channel channels[STAGE_CHANNELS];
    int channel_count;
    struct far_operation far[STAGE_FAR];
    int far_count;
    int64_t within; /* of the next send or receive */
};

/* Appends a word, and one made of two parts. */
void stage_log(struct stage *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The case cannot go on; the first reason counts. */
void stage_fails(struct stage *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool stage_failed(const struct stage *s);

/* Fills in the locals of a new actor; its id is to be stored where this points to. */
struct stint_id *stage_enter(struct stage *s, const char *name, actor_Actor *actor);

/* The newest actor of that name; zero if there is none. */
struct stint_id stage_id(const struct stage *s, const char *name);
const char *stage_name(const struct stage *s, struct stint_id id);

/* The channel of a name of one letter, first met or known. */
stint_Channel *stage_channel(struct stage *s, const char *name);

/* A tasklet elsewhere offers after this turn; what comes out is logged. */
void stage_far(struct stage *s, const stint_Channel *ch, enum kernel_op op, uint64_t n);
void stage_offer_far(struct stage *s);

/* Answers and logs what the kernel emitted. */
void stage_effects(struct stage *s);

#endif
