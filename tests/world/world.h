/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other shell: several production nodes in one thread, under virtual time, over a network that drops, delays,
 * duplicates, reorders and partitions, with stores in memory. One seed decides everything; the same seed gives the same run.
 *
 * A test builds a world, steps it until a condition holds or a limit of virtual time has passed, and looks inside.
 */
#ifndef STINT_TESTS_WORLD_H
#define STINT_TESTS_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/prng.h"
#include "core/core.h"
#include "stint/types.h"

#define WORLD_NODES_MAX 9
#define WORLD_MS UINT64_C(1000000)

struct stint_module;
struct world;

/* What the network does to frames. Permille of frames; delays in virtual ns. */
struct world_faults {
    uint32_t drop_permille;
    uint32_t duplicate_permille;
    uint32_t reorder_permille; /* such a frame gets up to 20 times the delay */
    uint64_t delay_min_ns, delay_max_ns;
    uint64_t store_delay_ns;
    uint64_t store_delay_max_ns;     /* 0: always store_delay_ns */
    uint32_t store_unknown_permille; /* the commit takes effect, its answer is lost */
    uint32_t store_lost_permille;    /* it takes no effect, and its answer is as unknown */
    uint32_t store_refuse_permille;  /* it takes no effect and says so */
};

/* Counters that a test may look at. */
struct world_stats {
    uint64_t events, frames, dropped, duplicated;
    uint64_t hash; /* of all that happened, in order */
};

/* One thing that happened, for who watches. */
enum world_what { WORLD_TIME, WORLD_RUN, WORLD_FRAME, WORLD_LINK_UP, WORLD_LINK_DOWN, WORLD_STORED, WORLD_EVENT, WORLD_SENDS,
                  WORLD_LOGS, WORLD_ENDS, WORLD_BEGINS };
struct world_happening {
    enum world_what what;
    int node;
    int peer; /* WORLD_FRAME: the node (or 1000 and more: a client) at the other end; -1 */
    struct stint_span bytes; /* WORLD_FRAME, WORLD_SENDS: the frame */
    const char *text;        /* WORLD_LOGS, WORLD_ENDS */
};

struct world *world_new(uint64_t seed, const struct world_faults *faults);
void world_free(struct world *w); /* frees every node and asserts that none leaked */

/* Starts a node; the first one founds, the others join through it. `modules` ends with NULL. Returns its number. */
int world_start(struct world *w, const char *name, const struct stint_module *const *modules);

/* Ends a node at once, as kill -9 does; its store and its data directory stay. */
void world_crash(struct world *w, int node);
/* Starts a crashed node on its data. */
void world_restart(struct world *w, int node);
/* No event reaches the node until it is resumed, as SIGSTOP does. */
void world_pause(struct world *w, int node, bool paused);
/* The node is killed after so many more effects: in the middle of what a step asked for; WORLD_NEVER: it is not. */
#define WORLD_NEVER UINT32_MAX
void world_crash_within(struct world *w, int node, uint32_t effects);
/* Its monotonic clock leaps ahead and goes at that rate (parts per million) from now on; its wall clock is off by so much. */
void world_set_clock(struct world *w, int node, uint64_t leap_ns, uint32_t ppm, int64_t wall_off_ms);
/* All TCP connections between two nodes (in both directions) break; what was on its way is lost. */
void world_break(struct world *w, int a, int b, bool told);
/* Frames from a to b are dropped (one way). */
void world_cut(struct world *w, int a, int b, bool cut);
void world_set_faults(struct world *w, const struct world_faults *faults);

/* Starts a tasklet of the module mill (world_spawn.c) on a node, with locals of that nanopb type. */
struct pb_msgdesc_s;
struct stint_id world_spawn(struct world *w, int node, const char *code, const struct pb_msgdesc_s *type,
                            const void *locals);

/* Gives a node an event of the test's own. */
void world_event(struct world *w, int node, struct node_event *event);

/* Runs until the condition holds; false when `limit_ns` of virtual time has passed before. */
bool world_until(struct world *w, bool (*condition)(struct world *w, void *arg), void *arg, uint64_t limit_ns);
void world_run(struct world *w, uint64_t duration_ns);
/* Nothing happens any more: world_run and world_until return. For checks that have seen enough. */
void world_stop(struct world *w);
/* Called after every event with the node that stepped. */
void world_on_event(struct world *w, void (*check)(struct world *w, int node, void *arg), void *arg);

void world_on_happening(struct world *w, void (*watch)(struct world *w, const struct world_happening *what, void *arg),
                        void *arg);
/* From now on nodes start with the normal profile of failure detection (the fast one is the default). */
void world_detect_normal(struct world *w, int node);

struct node *world_node(struct world *w, int node); /* NULL while crashed */
uint64_t world_life(const struct world *w, int node); /* changes with every start and end of it */
const char *world_name(const struct world *w, int node);
uint64_t world_node_now(const struct world *w, int node); /* on its monotonic clock */
bool world_is_paused(const struct world *w, int node);
size_t world_node_memory(const struct world *w, int node);
bool world_is_exited(struct world *w, int node, enum stint_status *status);
int world_count(const struct world *w);
uint64_t world_now(const struct world *w);
struct prng *world_random(struct world *w);
const struct world_stats *world_stats(const struct world *w);
#ifdef STINT_MUTANTS
/* All nodes that are started from now on have this mistake in them (tests/sim). */
void world_set_mutant(struct world *w, enum mutant mutant);
#endif
void world_verbose(struct world *w, bool verbose); /* prints what the nodes log, with virtual time */

/* An operator connected to a node: requests and their replies, through a real session. */
struct world_reply {
    bool done;
    enum stint_status status;
    char detail[512];
    char page[160];           /* where a list goes on; empty at its end */
    uint32_t items;
    struct stint_id id;       /* of the first item that has one */
    uint8_t payload[8192];    /* of the last item: message and what follows it */
    size_t payload_size, item_size;
};
/* Before its first request: whoever is connected to that node is no operator called `world`, but this. Returns its certificate's serial. */
uint64_t world_be(struct world *w, int node, uint8_t role, const char *name);
struct _stint_Request;
void world_request(struct world *w, int node, const struct _stint_Request *request, struct stint_span body,
                   struct world_reply *reply);
/* Anything, as a client that cheats says it. */
struct envelope;
void world_client_says(struct world *w, int node, const struct envelope *envelope, struct stint_span body);
/* The node has ended its session. */
bool world_client_is_over(const struct world *w, int node);
/* It is gone without a word; the next request begins another. */
void world_client_forget(struct world *w, int node);
/* The same, and runs until it is answered; false when it is not within `limit_ns`. */
bool world_ask(struct world *w, int node, const struct _stint_Request *request, struct stint_span body,
               struct world_reply *reply, uint64_t limit_ns);

#endif
