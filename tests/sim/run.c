/* SPDX-License-Identifier: Apache-2.0 */
/* One run: a cluster is founded and given work, the nemesis does its plan, all is healed, and everything must come to rest. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include "sim.h"

#define START_NS (60000 * WORLD_MS)
#define REST_NS (180000 * WORLD_MS) /* after the faults have stopped; slow detection and 60 s of orphans are in it */
#define SWEEP_NS (75000 * WORLD_MS)  /* forwarders live for 30 s, orphans and ended hints for 60 s */
#define SILENT_NS (65000 * WORLD_MS) /* and before that the channels of clients that were killed */
#define POLL_NS (50 * WORLD_MS)
#define SPINS_MAX 2000

extern const struct stint_module yard_module;
extern const struct stint_module mill_module;
static const struct stint_module *const modules[] = { &yard_module, &mill_module, NULL };

static long long
until(const struct node *n, uint64_t deadline)
{
    return deadline == UINT64_MAX ? -1 : (long long)(deadline - n->now_ns) / 1000;
}

void
sim_fault(struct sim *s, const char *invariant, const char *format, ...)
{
    if (s->invariant != NULL) {
        return;
    }
    s->invariant = invariant;
    va_list args;
    va_start(args, format);
    text_format_list(s->fault, sizeof s->fault, format, args);
    va_end(args);
    story_say(s, "%s: %s", invariant, s->fault);
    world_stop(s->w);
}

/* A node that wants its turn again and again at one instant would use up a core. */
static void
check_spin(struct sim *s, int node)
{
    const struct node *n = world_node(s->w, node);
    if (world_now(s->w) != s->spin_at) {
        s->spin_at = world_now(s->w);
        s->spins = 0;
    } else if (++s->spins > SPINS_MAX) {
        sim_fault(s, "spin", "%s steps again and again at one instant: it wants time %lld us from now, kernel %lld, peers %lld, "
                  "control %lld, route %lld, remote %lld, mover %lld, admin %lld, runnable %d",
                  world_name(s->w, node), until(n, node_deadline(n)), until(n, kernel_deadline(n->kernel)),
                  until(n, peers_deadline(n)), until(n, control_deadline(n)), until(n, route_deadline(n)),
                  until(n, remote_deadline(n)), until(n, mover_deadline(n)), until(n, admin_deadline(n)),
                  node_runnable(n));
    }
}

/* How many lives of nodes have ended. */
static uint64_t
lives(struct sim *s)
{
    uint64_t sum = 0;
    for (int i = 0; i < s->plan.nodes; i++) {
        sum += world_life(s->w, i);
    }
    return sum;
}

static void
check(struct world *w, int node, void *arg)
{
    struct sim *s = arg;
    (void)w;
    if (s->invariant != NULL) {
        return;
    }
    s->checks++;
    check_spin(s, node);
    check_residency(s, node);
    check_views(s, node);
    check_sessions(s, node);
    check_disk(s, node);
    check_verdicts(s, node);
    if (s->checks % 16 == 0) {
        check_kernel(s, node);
        check_books(s, node);
    }
    if (s->checks % 256 == 0) {
        customers_check(s, false);
    }
    s->any_died = s->any_died || s->lives != lives(s);
}

static bool
is_whole(struct world *w, void *arg)
{
    struct sim *s = arg;
    for (int i = 0; i < s->plan.nodes; i++) {
        const struct node *n = world_node(w, i);
        if (n == NULL || !node_is_ready(n) || view_living(n->view) != (uint32_t)s->plan.nodes) {
            return false;
        }
    }
    return true;
}

static bool
start(struct sim *s)
{
    for (int i = 0; i < s->plan.nodes; i++) {
        char name[8] = { 'n', (char)('1' + i), 0 };
        (void)world_start(s->w, name, modules);
        if (s->plan.detect_normal) {
            world_detect_normal(s->w, i);
        }
    }
    if (!world_until(s->w, is_whole, s, START_NS)) {
        sim_fault(s, "liveness", "the nodes did not become members within a minute, without any fault");
        return false;
    }
    s->lives = lives(s);
    world_on_event(s->w, check, s);
    if (!work_start(s)) {
        sim_fault(s, "liveness", "the work could not be started within a minute, without any fault");
        return false;
    }
    return true;
}

static void
rest(struct sim *s)
{
    nemesis_heal(s);
    s->healed = true;
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        s->ghosts[i].healed_steps = s->ghosts[i].steps;
    }
    if (s->plan.watch) {
        watch_deaths(s);
    }
    uint64_t until = world_now(s->w) + REST_NS;
    while (s->invariant == NULL && world_now(s->w) < until) {
        nemesis_help(s);
        for (uint32_t i = 0; i < s->ghost_count; i++) {
            if (s->ghosts[i].role == ROLE_STATION && s->ghosts[i].runner < 0 && !ref_is_alive(s, s->ghosts[i].holder)) {
                s->ring_broken = true;
            }
        }
        if (end_is_reached(s)) {
            break;
        }
        world_run(s->w, POLL_NS);
    }
    if (s->invariant == NULL && !end_is_reached(s)) {
        char why[200];
        end_explain(s, why, sizeof why);
        sim_fault(s, "liveness", "%llu s after the last fault: %s", (unsigned long long)(REST_NS / WORLD_MS / 1000), why);
    }
}

static bool
nobody_is_left(struct world *w, void *arg)
{
    struct sim *s = arg;
    for (int i = 0; i < s->plan.nodes; i++) {
        struct kernel_counters c;
        const struct node *n = world_node(w, i);
        if (n != NULL) {
            kernel_count(n->kernel, &c);
            if (c.tasklets != c.system) {
                return s->invariant != NULL;
            }
        }
    }
    return true;
}

/* Everything that runs is killed; true when something goes on, because it was on its way. */
static bool
kill_all(struct sim *s)
{
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        s->ghosts[i].may_end = true;
    }
    customers_free(s);
    for (int i = 0; i < s->plan.nodes; i++) {
        struct node *n = world_node(s->w, i);
        struct kernel_tasklet_view view;
        uint32_t cursor = 0;
        while (n != NULL && kernel_each_tasklet(n->kernel, &cursor, &view)) {
            /* One that is just being moved is met again where it arrives. */
            (void)!kernel_kill(n->kernel, view.id, prng_below(&s->random, 2) == 0);
        }
        struct node_event event = { .kind = NODE_TIME };
        if (n != NULL) { /* it may have heard of its end only now */
            world_event(s->w, i, &event);
        }
        struct kernel_channel_view channel;
        cursor = 0;
        while ((n = world_node(s->w, i)) != NULL && kernel_each_channel(n->kernel, &cursor, &channel)) {
            if (id_equal(channel.owner, STINT_ID_NONE)) {
                (void)!kernel_channel_close(n->kernel, channel.id, true);
            }
        }
    }
    if (!world_until(s->w, nobody_is_left, s, 5000 * WORLD_MS)) {
        return s->invariant == NULL;
    }
    return false;
}

/* Everything is killed; after the times that things are remembered for nothing may be left. */
static void
sweep(struct sim *s)
{
    int tries = 0;
    while (kill_all(s)) {
        if (++tries == 10) {
            sim_fault(s, "sweep", "what was killed has not ended");
        }
    }
    world_run(s->w, SWEEP_NS + (s->plan.clients != 0 ? SILENT_NS : 0));
    if (s->invariant == NULL) {
        check_sweep(s);
    }
}

static void
storm(struct sim *s)
{
    world_set_faults(s->w, &s->plan.faults);
    for (uint32_t t = 0; t < s->plan.ticks && s->invariant == NULL; t++) {
        nemesis_tick(s);
        world_run(s->w, SIM_TICK_NS);
    }
}

static uint64_t
count_moves(struct sim *s)
{
    uint64_t moves = 0;
    for (int i = 0; i < s->plan.nodes; i++) {
        const struct node *n = world_node(s->w, i);
        moves += n != NULL && n->moves != NULL ? moves_counts(n->moves).out_committed : 0;
    }
    return moves;
}

void
sim_run(const struct plan *plan, enum mutant mutant, bool trace, bool told, struct sim_result *result)
{
    struct sim *s = calloc(1, sizeof *s);
    STINT_ASSERT(s != NULL);
    s->plan = *plan;
    s->w = world_new(plan->seed, NULL);
    prng_init(&s->random, plan->seed ^ UINT64_C(0x6e656d65736973));
    world_set_mutant(s->w, mutant);
    if (told) {
        s->story = story_new(s, trace);
    }
    uint64_t begin = world_now(s->w);
    if (start(s)) {
        storm(s);
        if (s->invariant == NULL) {
            rest(s);
        }
        if (s->invariant == NULL) {
            check_end(s);
        }
        if (s->invariant == NULL && plan->watch) {
            watch_rest(s);
        }
        if (s->invariant == NULL && plan->sweep) {
            sweep(s);
        }
    }
    *result = (struct sim_result){ .good = s->invariant == NULL,
                                   .virtual_ns = world_now(s->w) - begin,
                                   .events = world_stats(s->w)->events,
                                   .moves = count_moves(s),
                                   .hash = world_stats(s->w)->hash };
    text_copy(result->invariant, sizeof result->invariant, s->invariant != NULL ? s->invariant : "");
    text_copy(result->fault, sizeof result->fault, s->fault);
    if (s->story != NULL && !result->good) {
        story_print(s->story);
    }
    books_free(s);
    world_on_happening(s->w, NULL, NULL);
    world_on_event(s->w, NULL, NULL);
    customers_free(s);
    nemesis_free(s);
    world_free(s->w);
    story_free(s->story);
    free(s);
}
