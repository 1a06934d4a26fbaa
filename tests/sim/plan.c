/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which faults exist in a run at all is drawn first (swarm): a run in which everything happens at once rarely gets far enough
 * into anything. Of each kind there are runs without it, runs with a little and runs with much.
 */
#include <stdio.h>

#include "sim.h"

/* 0 in most runs, else up to `max`, more often little than much. */
static uint32_t
sometimes(struct prng *random, uint32_t one_in, uint32_t max)
{
    if (prng_below(random, one_in) != 0) {
        return 0;
    }
    uint32_t bound = 1 + (uint32_t)prng_below(random, max);
    return 1 + (uint32_t)prng_below(random, bound);
}

static void
draw_network(struct prng *random, struct world_faults *f)
{
    f->delay_min_ns = 20000;
    f->delay_max_ns = 100000 + prng_below(random, prng_below(random, 4) == 0 ? 40000000 : 2000000);
    f->drop_permille = sometimes(random, 3, 250);
    f->duplicate_permille = sometimes(random, 3, 300);
    f->reorder_permille = sometimes(random, 3, 400);
    f->store_delay_ns = 200000;
    if (prng_below(random, 3) == 0) {
        f->store_delay_max_ns = 1000000 + prng_below(random, 400000000);
    }
    f->store_unknown_permille = sometimes(random, 4, 200);
    f->store_lost_permille = sometimes(random, 4, 200);
    f->store_refuse_permille = sometimes(random, 4, 200);
}

static void
draw_work(struct prng *random, struct plan *p)
{
    p->sinks = (uint32_t)prng_below(random, SIM_SINKS_MAX) + (prng_below(random, 4) != 0 ? 1 : 0);
    p->sinks = p->sinks > SIM_SINKS_MAX ? SIM_SINKS_MAX : p->sinks;
    p->sources = p->sinks == 0 ? 0 : 1 + (uint32_t)prng_below(random, 6);
    if (prng_below(random, 2) == 0) {
        p->stations = 2 + (uint32_t)prng_below(random, SIM_STATIONS_MAX - 1);
        p->tokens = 1 + (uint32_t)prng_below(random, p->stations - 1 < SIM_TOKENS_MAX ? p->stations - 1 : SIM_TOKENS_MAX);
    }
    if (prng_below(random, 3) == 0) {
        p->takers = 1 + (uint32_t)prng_below(random, SIM_TAKERS_MAX);
        p->feeders = 1 + (uint32_t)prng_below(random, 4);
    }
    p->waiters = (uint32_t)prng_below(random, 3);
    p->nesters = (uint32_t)prng_below(random, 3);
    p->roamers = prng_below(random, 3) == 0 ? 1 + (uint32_t)prng_below(random, 2) : 0;
    p->clients = prng_below(random, 3) == 0 ? 1 + (uint32_t)prng_below(random, 3) : 0;
}

void
plan_draw(struct plan *p, uint64_t seed, int nodes, uint32_t ticks)
{
    struct prng random;
    prng_init(&random, seed ^ UINT64_C(0x706c616e));
    *p = (struct plan){ .seed = seed, .ticks = ticks };
    p->nodes = nodes != 0 ? nodes : prng_below(&random, 3) != 0 ? 3 : 2 + (int)prng_below(&random, 4);
    if (ticks == 0) {
        p->ticks = 300 + (uint32_t)prng_below(&random, 1200);
    }
    draw_network(&random, &p->faults);
    draw_work(&random, p);
    p->detect_normal = prng_below(&random, 8) == 0;
    p->move_permille = prng_below(&random, 8) == 0 ? 0 : 20 + (uint32_t)prng_below(&random, 400);
    p->crash_permille = sometimes(&random, 3, 12);
    p->half_crash_permille = sometimes(&random, 4, 12);
    p->restart_permille = 5 + (uint32_t)prng_below(&random, 60);
    p->pause_permille = sometimes(&random, 3, 15);
    p->cut_permille = sometimes(&random, 3, 15);
    p->break_permille = sometimes(&random, 3, 40);
    p->clock_permille = sometimes(&random, 4, 10);
    p->leave_permille = sometimes(&random, 4, 8);
    p->admin_permille = sometimes(&random, 3, 40);
    p->kill_permille = sometimes(&random, 4, 20);
    p->hold_permille = sometimes(&random, 4, 30);
    p->spawn_permille = sometimes(&random, 3, 30);
    p->client_permille = sometimes(&random, 2, 40);
    p->calm_permille = 5 + (uint32_t)prng_below(&random, 30);
    p->founder_dies = prng_below(&random, 4) == 0;
    p->one_way = prng_below(&random, 2) == 0;
    p->told = prng_below(&random, 2) == 0;
    p->sweep = prng_below(&random, 4) == 0;
    p->watch = prng_below(&random, 4) == 0;
}

void
plan_print(const struct plan *p)
{
    const struct world_faults *f = &p->faults;
    printf("plan: %d nodes, %u ticks, delay to %.1f ms, drop %u, duplicate %u, reorder %u; store to %.0f ms, unknown %u, lost %u, "
           "refuse %u\n",
           p->nodes, p->ticks, (double)f->delay_max_ns / 1e6, f->drop_permille, f->duplicate_permille, f->reorder_permille,
           (double)f->store_delay_max_ns / 1e6, f->store_unknown_permille, f->store_lost_permille,
           f->store_refuse_permille);
    printf("      move %u, crash %u, half a step %u, pause %u, cut %u%s, break %u, clock %u, leave %u, requests %u, kill %u, hold "
           "%u%s%s%s%s\n",
           p->move_permille, p->crash_permille, p->half_crash_permille, p->pause_permille, p->cut_permille,
           p->one_way ? " one way" : "", p->break_permille, p->clock_permille, p->leave_permille, p->admin_permille,
           p->kill_permille, p->hold_permille, p->founder_dies ? ", the founder too" : "",
           p->detect_normal ? ", slow detection" : "", p->sweep ? ", swept" : "", p->watch ? ", watched" : "");
    printf("      %u sinks, %u sources, a ring of %u with %u tokens, %u takers of %u, %u waiters, %u nesters, %u roamers, %u "
           "clients\n",
           p->sinks, p->sources, p->stations, p->tokens, p->takers, p->feeders, p->waiters, p->nesters, p->roamers, p->clients);
}
