/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drain of this node: every tasklet that can move is moved away, at a given rate, until
 * none is left. Nothing of it is stored: what remains is what is here, so a drain that was
 * interrupted continues by being started again.
 *
 * Core walks its tasklets in passes, as often as drain_deadline says:
 *
 *     drain_begin(d, …, at its first tasklet, now)
 *     while (drain_wants(d) && another tasklet)   drain_consider(d, tasklet, …), start its move
 *     drain_end(d, whether the walk came to its end, remaining, now)
 *
 * and reports each move's outcome by drain_finished(). A tasklet that could not go is tried
 * again later, ever more rarely.
 */
#ifndef STINT_CLUSTER_DRAIN_H
#define STINT_CLUSTER_DRAIN_H

#include "cluster/load.h"

#define DRAIN_STUCK_MAX 1024
#define DRAIN_TARGETS_MAX 32
#define DRAIN_IN_FLIGHT_MAX 64
#define DRAIN_WHY_SIZE 160

enum drain_state {
    DRAIN_OFF,
    DRAIN_RUNNING,
    DRAIN_EMPTY, /* nothing is left, nothing is under way */
    DRAIN_STUCK, /* what is left cannot go (yet): tried again */
};

struct drain_target {
    struct node_ref node;
    uint64_t tasklets; /* what it reported; the drain adds what it sends there */
    bool has_room;     /* moves_has_room */
};

struct drain_progress {
    enum drain_state state;
    uint64_t total, moved, remaining, in_flight, stuck, failed;
    struct stint_id example; /* one that is stuck, and why */
    char why[DRAIN_WHY_SIZE];
};

struct drain;

struct drain *drain_new(struct mem *m, uint64_t seed);
void drain_free(struct drain *d);

/*
 * Begins, or changes targets and rate of the drain under way. `only`: move to these ids alone
 * (0 of them: to any target); `rate`: moves a second, 0 unlimited. STINT_LIMIT: too many
 * targets.
 */
STINT_MUST_USE enum stint_status drain_start(struct drain *d, const struct stint_id *only,
                                             uint32_t only_count, uint32_t rate,
                                             uint64_t tasklets, uint64_t now_ns);
void drain_stop(struct drain *d);

/*
 * A pass begins (`first`), or goes on where the last call of drain_end left it; `targets` are the
 * members that take tasklets now (the machine leaves out those that were not asked for).
 */
void drain_begin(struct drain *d, const struct drain_target *targets, uint32_t count, bool first,
                 uint64_t now_ns);

/* True while another move may be started in this pass. */
bool drain_wants(const struct drain *d);

/*
 * Considers a tasklet that is not on its way already. True: move it to `to`. `status` other
 * than STINT_OK: it cannot be moved, `why` says so, and it counts as stuck.
 */
bool drain_consider(struct drain *d, struct stint_id tasklet, enum stint_status status,
                    const char *why, uint64_t now_ns, struct node_ref *to);

/* The start of the move failed after all. */
void drain_refused(struct drain *d, struct stint_id tasklet, enum stint_status status,
                   const char *why, uint64_t now_ns);

/* `complete`: the pass is over, every tasklet was considered; `remaining`: how many are here. */
void drain_end(struct drain *d, bool complete, uint64_t remaining, uint64_t now_ns);

/* A move that the drain asked for is over; others are ignored. */
void drain_finished(struct drain *d, struct stint_id tasklet, bool moved,
                    enum stint_status status, const char *why, uint64_t now_ns);

/*
 * When the next pass is due; UINT64_MAX when off. An empty node is looked at once a second, for
 * what arrives late.
 */
uint64_t drain_deadline(const struct drain *d);
struct drain_progress drain_progress(const struct drain *d);

#endif
