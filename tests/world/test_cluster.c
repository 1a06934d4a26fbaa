/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a cluster in virtual time: joining under faults, death and its verdict, zombies, the founder's restart, drain, balance.
 *
 *     world_cluster [--seed N] [--verbose] [CASE]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pb_encode.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "cases.h"
#include "core/node.h"
#include "mill.pb.h"

#define CHECK(condition)                                                                \
    do {                                                                                \
        if (!(condition)) {                                                             \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                      \
            return false;                                                               \
        }                                                                               \
    } while (0)

#define SECOND (1000 * WORLD_MS)

extern const struct stint_module mill_module;
static const struct stint_module *const modules[] = { &mill_module, NULL };

static bool
agree(struct world *w, void *arg)
{
    const uint32_t *members = arg;
    uint64_t number = 0;
    for (int i = 0; i < world_count(w); i++) {
        const struct node *n = world_node(w, i);
        if (n == NULL) {
            continue;
        }
        if (!node_is_ready(n) || view_living(n->view) != *members || (number != 0 && n->view->number != number)) {
            return false;
        }
        number = n->view->number;
    }
    return true;
}

static bool
start(struct world *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char name[8] = { 'n', (char)('1' + i), 0 };
        (void)world_start(w, name, modules);
    }
    return world_until(w, agree, &count, 60 * SECOND);
}

/* A tasklet that waits for ever; its sum is never fed. */
static struct stint_id
spawn_idle(struct world *w, int node, uint32_t number)
{
    mill_Sum sum = { .expect = 1000 };
    (void)snprintf(sum.name, sizeof sum.name, "idle-%u", number);
    return world_spawn(w, node, "Sum", mill_Sum_fields, &sum);
}

static uint32_t
tasklets_on(struct world *w, int node)
{
    struct kernel_counters counters;
    struct node *n = world_node(w, node);
    if (n == NULL) {
        return 0;
    }
    kernel_count(n->kernel, &counters);
    return counters.tasklets;
}

static bool
join_under_faults(struct world *w)
{
    struct world_faults faults = {
        .drop_permille = 100, .duplicate_permille = 100, .reorder_permille = 200, .delay_min_ns = 10000, .delay_max_ns = 2 * WORLD_MS
    };
    world_set_faults(w, &faults);
    CHECK(start(w, 5));
    return true;
}

static bool
dead_node_leaves_view(struct world *w)
{
    uint32_t two = 2;
    CHECK(start(w, 3));
    world_crash(w, 2);
    uint64_t begin = world_now(w);
    CHECK(world_until(w, agree, &two, 20 * SECOND));
    CHECK(world_now(w) - begin < 6 * SECOND); /* the fast profile: lease 3 s and a second to notice */
    return true;
}

static bool
has_channel(struct world *w, void *arg)
{
    struct stint_id cid;
    return kernel_owned(world_node(w, 2)->kernel, *(struct stint_id *)arg, &cid, 1) == 1;
}

static bool
is_gone(struct world *w, void *arg)
{
    struct kernel_tasklet_view view;
    return kernel_look(world_node(w, 1)->kernel, *(struct stint_id *)arg, &view) != STINT_OK;
}

static bool
channel_of_dead_node_is_lost(struct world *w)
{
    CHECK(start(w, 3));
    struct stint_id sum = spawn_idle(w, 2, 1);
    CHECK(world_until(w, has_channel, &sum, 10 * SECOND));
    struct stint_id cid;
    (void)kernel_owned(world_node(w, 2)->kernel, sum, &cid, 1);
    mill_Feed feed = { .count = 1000000, .ask = false };
    memcpy(feed.to.id, cid.bytes, 16);
    struct stint_id feeder = world_spawn(w, 1, "Feed", mill_Feed_fields, &feed);
    world_run(w, SECOND / 10);
    CHECK(!is_gone(w, &feeder));
    world_crash(w, 2);
    CHECK(world_until(w, is_gone, &feeder, 30 * SECOND)); /* its send failed: never stuck */
    return true;
}

static bool
exited(struct world *w, void *arg)
{
    return world_is_exited(w, *(int *)arg, NULL);
}

static bool
zombie_is_fenced(struct world *w)
{
    uint32_t two = 2;
    int zombie = 2;
    enum stint_status status;
    CHECK(start(w, 3));
    world_pause(w, zombie, true);
    for (int i = 0; i < 200; i++) {
        world_run(w, SECOND / 10);
        if (view_living(world_node(w, 0)->view) == 2) {
            break;
        }
    }
    CHECK(view_living(world_node(w, 0)->view) == two);
    world_pause(w, zombie, false);
    CHECK(world_until(w, exited, &zombie, 20 * SECOND));
    (void)world_is_exited(w, zombie, &status);
    CHECK(status == STINT_FENCED);
    return true;
}

static bool
restarted_node_joins_again(struct world *w)
{
    uint32_t three = 3;
    CHECK(start(w, 3));
    uint64_t before = world_node(w, 1)->self.inc;
    world_crash(w, 1);
    world_run(w, SECOND / 5);
    world_restart(w, 1);
    CHECK(world_until(w, agree, &three, 20 * SECOND));
    CHECK(world_node(w, 1)->self.inc > before);
    return true;
}

static bool
founder_comes_back(struct world *w)
{
    uint32_t three = 3;
    CHECK(start(w, 3));
    struct stint_id sum = spawn_idle(w, 2, 1);
    CHECK(world_until(w, has_channel, &sum, 10 * SECOND));
    world_crash(w, 0);
    world_run(w, 8 * SECOND); /* longer than any lease: nobody may decide anything meanwhile */
    CHECK(world_node(w, 1) != NULL && node_is_ready(world_node(w, 1)));
    CHECK(view_living(world_node(w, 1)->view) == 3);
    world_restart(w, 0);
    CHECK(world_until(w, agree, &three, 30 * SECOND));
    CHECK(has_channel(w, &sum));
    return true;
}

/* The members know the founder's earlier life only, and the later one has removed them: nobody dials them any more, and
 * whom they dial is somebody else. They must hear of it all the same. */
static bool
zombies_of_an_earlier_founder_are_fenced(struct world *w)
{
    CHECK(start(w, 3));
    for (int i = 1; i <= 2; i++) {
        world_cut(w, 0, i, true);
        world_cut(w, i, 0, true);
    }
    world_crash(w, 0);
    world_restart(w, 0);
    for (int i = 0; i < 200 && (!node_is_ready(world_node(w, 0)) || view_living(world_node(w, 0)->view) != 1); i++) {
        world_run(w, SECOND / 10);
    }
    CHECK(view_living(world_node(w, 0)->view) == 1);
    for (int i = 1; i <= 2; i++) {
        world_cut(w, 0, i, false);
        world_cut(w, i, 0, false);
    }
    for (int i = 1; i <= 2; i++) {
        enum stint_status status;
        CHECK(world_until(w, exited, &i, 20 * SECOND));
        (void)world_is_exited(w, i, &status);
        CHECK(status == STINT_FENCED);
    }
    return true;
}

static bool
drained(struct world *w, void *arg)
{
    (void)arg;
    return world_is_exited(w, 2, NULL);
}

static bool
stop_drains(struct world *w)
{
    enum stint_status status;
    CHECK(start(w, 3));
    for (uint32_t i = 0; i < 40; i++) {
        (void)spawn_idle(w, 2, i);
    }
    world_run(w, 2 * SECOND);
    struct node_event stop = { .kind = NODE_STOP, .drain_ms = 30000 };
    world_event(w, 2, &stop);
    CHECK(world_until(w, drained, NULL, 40 * SECOND));
    (void)world_is_exited(w, 2, &status);
    CHECK(status == STINT_OK);
    CHECK(tasklets_on(w, 0) + tasklets_on(w, 1) == 40);
    return true;
}

static bool
balanced(struct world *w, void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        if (tasklets_on(w, i) < 15 || tasklets_on(w, i) > 26) {
            return false;
        }
    }
    return true;
}

static bool
balancer_spreads(struct world *w)
{
    CHECK(start(w, 3));
    for (uint32_t i = 0; i < 60; i++) {
        (void)spawn_idle(w, 0, i);
    }
    CHECK(world_until(w, balanced, NULL, 60 * SECOND));
    world_run(w, 10 * SECOND); /* the last round ends */
    uint64_t moves = moves_counts(world_node(w, 0)->moves).out_committed;
    world_run(w, 20 * SECOND);
    CHECK(balanced(w, NULL));
    CHECK(moves_counts(world_node(w, 0)->moves).out_committed == moves); /* and then it rests */
    return true;
}

static const struct world_case cases[] = {
    { "join_under_faults", join_under_faults },
    { "dead_node_leaves_view", dead_node_leaves_view },
    { "channel_of_dead_node_is_lost", channel_of_dead_node_is_lost },
    { "zombie_is_fenced", zombie_is_fenced },
    { "restarted_node_joins_again", restarted_node_joins_again },
    { "founder_comes_back", founder_comes_back },
    { "zombies_of_an_earlier_founder_are_fenced", zombies_of_an_earlier_founder_are_fenced },
    { "stop_drains", stop_drains },
    { "balancer_spreads", balancer_spreads },
};

int
main(int argc, char **argv)
{
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], NULL);
}
