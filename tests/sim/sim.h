/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stint-sim: one run is a world of production nodes (tests/world), a plan of what may go wrong drawn from its seed, tasklets
 * and clients at work, a nemesis that does the plan, and checks that look after every event.
 *
 *     plan.c     which faults and which work exist in this run at all (swarm)
 *     work.c     starts the tasklets of yard.c, and more of them in the middle
 *     nemesis.c  does what the plan allows, tick by tick, and heals everything at the end
 *     check_*.c  the invariants, by their numbers in the protocols
 *     story.c    what happened last, for people
 *
 * Checks only look: they take no part in the world's random numbers, so a run with and without them is the same run.
 */
#ifndef STINT_TESTS_SIM_SIM_H
#define STINT_TESTS_SIM_SIM_H

#include "base/mutant.h"
#include "core/node.h"
#include "world.h"
#include "yard.pb.h"

#define SIM_TICK_NS (10 * WORLD_MS)
#define SIM_GHOSTS_MAX 96
#define SIM_SINKS_MAX 3
#define SIM_SOURCES_MAX 12
#define SIM_POSTERS_MAX 4 /* a sink tells 16 senders apart */
#define SIM_STATIONS_MAX 6
#define SIM_TOKENS_MAX 4
#define SIM_TAKERS_MAX 4
#define SIM_VIEWS_MAX 4096

/* What a run may contain. Permille are chances a tick of 10 ms, unless they are of frames or commits. */
struct plan {
    uint64_t seed;
    uint32_t ticks;
    int nodes;
    struct world_faults faults;
    bool detect_normal;
    uint32_t move_permille, crash_permille, half_crash_permille, restart_permille, pause_permille, cut_permille,
        break_permille, clock_permille, leave_permille, admin_permille, kill_permille, hold_permille, spawn_permille;
    uint32_t client_permille; /* something happens to a client */
    uint32_t calm_permille; /* chance a tick that everything is healed but what is down */
    bool founder_dies, one_way, told;
    uint32_t sinks, sources, stations, tokens, takers, feeders, waiters, nesters, roamers, clients;
    bool watch; /* after the faults, what takes its time is waited for */
    bool sweep; /* at the end everything is killed, and nothing may be left of it */
};

enum role { ROLE_SINK, ROLE_SOURCE, ROLE_STATION, ROLE_HAND, ROLE_TAKER, ROLE_WAITER, ROLE_NESTER, ROLE_ROAMER, ROLE_LEDGER };

/* What is known from outside of one tasklet, over all its copies. */
struct ghost {
    struct stint_id id;
    enum role role;
    uint32_t index;  /* among those of its role */
    uint32_t target; /* source: its sink, or SIM_SINKS_MAX: the shared channel */
    int runner;      /* the node that runs it; -1: frozen, on its way, or gone */
    struct node_ref holder; /* whose life it depends on: it is lost with this one, and only then */
    uint64_t epoch, steps, healed_steps;
    uint64_t sent; /* source: how many sends had returned when last seen */
    uint64_t granted_ns; /* since when it runs where it runs, on that node's clock */
    bool may_end, ended, held;
    uint32_t mark;
};

struct sim {
    struct plan plan;
    struct world *w;
    struct prng random; /* of nemesis and work: not the world's, so that the network's lots do not depend on them */
    struct ghost ghosts[SIM_GHOSTS_MAX];
    uint32_t ghost_count;
    uint32_t scan; /* number of the present look */

    struct stint_id sinks[SIM_SINKS_MAX], inboxes[SIM_SINKS_MAX];
    uint32_t sink_capacity[SIM_SINKS_MAX];
    struct stint_id shared; /* channel of the takers; zero: none */
    struct node_ref shared_host;
    uint64_t count[SIM_SOURCES_MAX];
    uint32_t posters;
    struct stint_id stations[SIM_STATIONS_MAX], station_inboxes[SIM_STATIONS_MAX];
    bool ring_broken; /* a station was lost or killed: its tokens may be, too */

    uint64_t saw_generation[WORLD_NODES_MAX], saw_view[WORLD_NODES_MAX], saw_life[WORLD_NODES_MAX];
    uint64_t saw_inc[WORLD_NODES_MAX];
    uint64_t view_hash[SIM_VIEWS_MAX];
    uint64_t sink_last[SIM_SINKS_MAX][16];
    uint64_t saw_leap[WORLD_NODES_MAX]; /* its clock after the last pause or leap: what was due before is late by no fault */
    bool leaving[WORLD_NODES_MAX];
    uint64_t leave_deadline[WORLD_NODES_MAX];
    uint64_t checks, spin_at, lives;
    uint32_t spins;

    bool healed;
    const char *invariant; /* the one that is broken, or NULL */
    char fault[320];
    struct story *story;
    struct sim_asks *asks;
    struct sim_books *books;
    struct sim_customers *customers; /* NULL: no clients */
    bool any_died; /* a node was killed or voted out: what it had not passed on is lost with it */
};

/* ---- plan.c ---- */
void plan_draw(struct plan *plan, uint64_t seed, int nodes, uint32_t ticks);
void plan_print(const struct plan *plan);

/* ---- run.c ---- */

struct sim_result {
    bool good;
    char invariant[24];
    char fault[320];
    uint64_t virtual_ns, events, moves, hash;
};
/* One whole run. `told`: with a story, and what was found is printed. */
void sim_run(const struct plan *plan, enum mutant mutant, bool trace, bool told, struct sim_result *result);
/* The run is over: this invariant does not hold. The first one counts. */
void sim_fault(struct sim *s, const char *invariant, const char *format, ...) STINT_PRINTF(3, 4);

/* ---- work.c ---- */
struct ghost *ghost_of(struct sim *s, struct stint_id id);
/* What it is, in a word. */
const char *ghost_role(const struct ghost *g);
/* Starts all the work of the plan; false when it could not be within a minute. */
bool work_start(struct sim *s);
/* One more small tasklet somewhere, in the middle of it all. */
void work_more(struct sim *s);
/* Its locals, wherever it runs; NULL when it does not. Of the lowest frame. */
const void *work_locals(struct sim *s, const struct ghost *g);

/* Starts a tasklet somewhere; NULL when no node takes it. Waits until the one started last has made its channel. */
struct ghost *work_spawn(struct sim *s, enum role role, const char *module, const char *name, const pb_msgdesc_t *type,
                         const void *locals);
bool work_await(struct sim *s);

/* ---- customers.c: the clients ---- */
bool customers_start(struct sim *s);
void customers_disturb(struct sim *s);
void customers_heal(struct sim *s);
bool customers_are_done(struct sim *s);
void customers_check(struct sim *s, bool at_end);
void customers_free(struct sim *s);

/* ---- nemesis.c ---- */
void nemesis_tick(struct sim *s);
void nemesis_heal(struct sim *s);
/* After healing, now and then: who is down comes back, who is held goes on. */
void nemesis_help(struct sim *s);
void nemesis_free(struct sim *s);

/* ---- check_residency.c: I1, I3, I4 (epochs of tasklets), I5, lost tasklets ---- */
void check_residency(struct sim *s, int node);
bool ref_is_alive(struct sim *s, struct node_ref ref);

/* ---- check_cluster.c: I8 and that equal views are equal; I9; who is spoken with; deadlines; kernels' books ---- */
void check_views(struct sim *s, int node);
void check_sessions(struct sim *s, int node);
void check_kernel(struct sim *s, int node);
/* A tasklet that runs there is not late: its node has had the chance to see to it. */
void check_deadline(struct sim *s, int node, const struct ghost *g, const struct kernel_tasklet_view *t);
/* The other half of a session, in whichever node it is; NULL: nowhere. */
const struct session *session_other_half(struct sim *s, const struct session *session);

/* ---- check_books.c: I4 of homes, I5 of waiters, I8 on disk, I9 in bytes; balances, verdicts, names ---- */
void check_books(struct sim *s, int node);
void check_disk(struct sim *s, int node);
void check_verdicts(struct sim *s, int node);
void check_names(struct sim *s);
void books_free(struct sim *s);

/* ---- watch.c: after the faults, what takes its time ---- */
void watch_deaths(struct sim *s);
/* A node that drains although others take what it has, and has tasklets yet; -1: there is none. */
int watch_drains(struct sim *s);
void watch_rest(struct sim *s);

/* ---- check_end.c: liveness after healing, then I2 and I7 ---- */
bool end_is_reached(struct sim *s);
void end_explain(struct sim *s, char *text, size_t size);
void check_end(struct sim *s);
void check_sweep(struct sim *s);

/* ---- story.c ---- */
struct story *story_new(struct sim *s, bool print);
void story_free(struct story *story);
void story_say(struct sim *s, const char *format, ...) STINT_PRINTF(2, 3);
void story_print(const struct story *story);

#endif
