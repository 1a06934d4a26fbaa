/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The balancer. Each node plans for its own tasklets only, from the loads that all have
 * reported; the plan is a pure function, so what a dry run prints is what the real thing does.
 * Two things are to be even: the number of tasklets and the steps they make (not while the
 * cluster is idle), so that a heap of idle ones spreads as well as a few busy ones.
 *
 * Why it cannot swing: a node begins only when it is `hysteresis` over the mean; a tasklet goes
 * only where that makes the two nodes more even than they were; and of the room at a target
 * each overloaded node takes only its part, in proportion to its own excess, so that all
 * together do not overfill it though none knows of the other's plan.
 */
#ifndef STINT_CLUSTER_BALANCE_H
#define STINT_CLUSTER_BALANCE_H

#include "cluster/load.h"

#define BALANCE_MOVES_MAX 64
#define BALANCE_REASON_SIZE 160

struct balance_config {
    uint32_t hysteresis_permille; /* 0: 200 */
    uint32_t residence_ms;        /* a tasklet stays at least as long after a move; 0: 1000 */
    uint32_t cooldown_ms;         /* between two rounds of a node; 0: 2000 */
    uint32_t round_max;           /* moves a round; 0: 16; at most BALANCE_MOVES_MAX */
    uint32_t minute_max;          /* moves a minute; 0: 600 */
    /* fewer steps a second in the whole cluster count as none; 0: 1000 */
    uint32_t idle_steps;
};

struct balance_node {
    struct node_ref node;
    const char *name;
    bool target; /* member_is_target, and its load is fresh */
    struct load load;
};

struct balance_candidate {
    struct stint_id tasklet;
    uint64_t steps;      /* a second */
    uint64_t bytes;      /* what would be shipped */
    uint64_t arrived_ns; /* when it began to live here */
    bool movable;        /* false: pinned, being moved, or cannot be saved */
};

struct balance_move {
    struct stint_id tasklet;
    struct node_ref to;
    char reason[BALANCE_REASON_SIZE];
};

/*
 * The plan. `nodes` has all members with fresh loads, `self` among them (its load is exact);
 * `candidates` may be any part of the tasklets here. Writes at most min(`limit`, round_max)
 * moves, the most useful first, and returns how many. Deterministic: the same input gives the
 * same plan.
 */
uint32_t balance_plan(const struct balance_config *config, struct node_ref self,
                      const struct balance_node *nodes, uint32_t node_count,
                      const struct balance_candidate *candidates, uint32_t candidate_count,
                      uint32_t limit, uint64_t now_ns, struct balance_move *out);

/* When a node may plan, and how many moves: cool-down and cap a minute. */
struct balancer {
    struct balance_config config;
    uint64_t next_ns;
    uint64_t minute_ns; /* when the running minute began */
    uint32_t minute_moves;
};

void balancer_init(struct balancer *b, struct balance_config config);

/* How many moves may be planned now; 0 before the cool-down is over. */
uint32_t balancer_allowance(const struct balancer *b, uint64_t now_ns);

/* A plan of that many moves is being carried out. */
void balancer_planned(struct balancer *b, uint32_t moves, uint64_t now_ns);
uint64_t balancer_deadline(const struct balancer *b);

#endif
