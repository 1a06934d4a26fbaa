/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves under faults, several nodes in virtual time: a sum and its feeds are moved about while they talk, over a network that
 * drops, repeats and reorders. Nothing may be lost, doubled or out of order, and never may two copies of a tasklet run.
 *
 *     world_moves [--seed N] [--runs N] [--verbose] [--crash]
 *
 * With --crash nodes die, come back, stop and go on meanwhile; then tasklets may be lost with their node, but still never may two
 * copies run, no value be repeated or overtake, and nobody wait for ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "core/node.h"
#include "kernel/code.h"
#include "mill.pb.h"
#include "world.h"

#define NODES 3
#define FEEDS 3

extern const struct stint_module mill_module;
static const struct stint_module *const modules[] = { &mill_module, NULL };

struct story {
    struct world *w;
    struct stint_id tasklets[FEEDS + 1]; /* the sum first */
    struct stint_id inbox;
    uint64_t numbers, total; /* expected */
    mill_Sum result;
    bool ended, crashes;
    const char *fault;
};

static bool
all_ready(struct world *w, void *arg)
{
    (void)arg;
    for (int i = 0; i < world_count(w); i++) {
        const struct node *n = world_node(w, i);
        if (n == NULL || !node_is_ready(n) || view_living(n->view) != (uint32_t)world_count(w)) {
            return false;
        }
    }
    return true;
}

static bool
has_inbox(struct world *w, void *arg)
{
    struct story *s = arg;
    struct node *n = world_node(w, 0);
    return kernel_owned(n->kernel, s->tasklets[0], &s->inbox, 1) == 1;
}

/* Where a tasklet runs; -1 when nowhere just now. Two places are a fault. */
static int
place_of(struct story *s, struct stint_id id)
{
    int place = -1;
    for (int i = 0; i < world_count(s->w); i++) {
        struct node *n = world_node(s->w, i);
        struct kernel_tasklet_view view;
        if (n == NULL || kernel_look(n->kernel, id, &view) != STINT_OK || view.state == KERNEL_FROZEN) {
            continue;
        }
        if (place >= 0) {
            s->fault = "two copies of a tasklet run";
        }
        place = i;
    }
    return place;
}

/* Something happens to a node other than the founder, and is undone later. */
static void
disturb(struct story *s)
{
    struct prng *random = world_random(s->w);
    int node = 1 + (int)prng_below(random, NODES - 1);
    bool down = world_node(s->w, node) == NULL;
    switch (prng_below(random, 6)) {
    case 0:
        if (!down) {
            world_crash(s->w, node);
        }
        break;
    case 1:
    case 2:
        if (down) {
            world_restart(s->w, node);
        }
        break;
    case 3:
        world_pause(s->w, node, true);
        break;
    default:
        world_pause(s->w, node, false);
        break;
    }
}

static void
check(struct world *w, int node, void *arg)
{
    (void)node;
    struct story *s = arg;
    (void)w;
    for (int i = 0; i <= FEEDS; i++) {
        (void)place_of(s, s->tasklets[i]);
    }
}

static void
look_at_sum(struct story *s)
{
    int at = place_of(s, s->tasklets[0]);
    struct kernel_frame_view frame;
    if (at >= 0 && kernel_frame(world_node(s->w, at)->kernel, s->tasklets[0], 0, &frame) == STINT_OK) {
        memcpy(&s->result, frame.locals, sizeof s->result);
    }
}

static bool
over(struct world *w, void *arg)
{
    struct story *s = arg;
    (void)w;
    look_at_sum(s);
    bool gone = true;
    for (int i = 0; i < world_count(w); i++) {
        struct kernel_tasklet_view view;
        if (world_node(w, i) == NULL) {
            continue;
        }
        for (int t = 1; t <= FEEDS; t++) {
            gone = gone && kernel_look(world_node(w, i)->kernel, s->tasklets[t], &view) != STINT_OK;
        }
    }
    s->ended = gone && (s->crashes || s->result.seen == s->numbers);
    return s->ended || s->fault != NULL;
}

static void
move_someone(struct story *s)
{
    struct prng *random = world_random(s->w);
    struct stint_id id = s->tasklets[prng_below(random, FEEDS + 1)];
    int from = place_of(s, id);
    int to = (int)prng_below(random, NODES);
    char detail[256];
    if (from >= 0 && from != to && world_node(s->w, to) != NULL) {
        (void)!mover_start(world_node(s->w, from), id, node_self(world_node(s->w, to)), "test", "test", NULL, detail,
                           sizeof detail);
    }
}

static struct world_faults
draw_faults(struct prng *random)
{
    struct world_faults f = { 0 };
    f.delay_min_ns = 20000;
    f.delay_max_ns = 100000 + prng_below(random, 3000000);
    if (prng_below(random, 2) == 0) {
        f.drop_permille = (uint32_t)prng_below(random, 150);
    }
    if (prng_below(random, 2) == 0) {
        f.duplicate_permille = (uint32_t)prng_below(random, 200);
    }
    if (prng_below(random, 2) == 0) {
        f.reorder_permille = (uint32_t)prng_below(random, 300);
    }
    return f;
}

/* What everybody waits for: printed when a run gets stuck. */
static void
describe(struct story *s)
{
    for (int i = 0; i < world_count(s->w); i++) {
        const struct node *n = world_node(s->w, i);
        if (n == NULL) {
            printf("node %d is down\n", i + 1);
            continue;
        }
        struct kernel_tasklet_view t;
        struct kernel_channel_view c;
        uint32_t cursor = 0;
        while (kernel_each_tasklet(n->kernel, &cursor, &t)) {
            char id[STINT_ID_TEXT_SIZE], channel[STINT_ID_TEXT_SIZE];
            printf("%s: tasklet %.8s %s state %d at %s, channel %.8s %s, epoch %llu, moves %u\n", n->name,
                   stint_id_text(t.id, id), t.code->name, (int)t.state, t.label, stint_id_text(t.channel, channel),
                   t.remote ? "elsewhere" : "here", (unsigned long long)t.epoch, t.moves);
        }
        cursor = 0;
        while (kernel_each_channel(n->kernel, &cursor, &c)) {
            char id[STINT_ID_TEXT_SIZE];
            printf("%s: channel %.8s capacity %u count %u senders %u receivers %u relations %u%s\n", n->name,
                   stint_id_text(c.id, id), c.capacity, c.count, c.senders, c.receivers, c.relations,
                   c.frozen ? " frozen" : "");
        }
    }
}

static const char *
run(uint64_t seed, bool verbose, bool crashes)
{
    struct prng random;
    prng_init(&random, seed);
    struct world_faults faults = draw_faults(&random);
    struct story s = { .w = world_new(seed, &faults), .crashes = crashes };
    world_verbose(s.w, verbose);
    for (int i = 0; i < NODES; i++) {
        char name[8] = { 'n', (char)('1' + i), 0 };
        (void)world_start(s.w, name, modules);
    }
    if (!world_until(s.w, all_ready, NULL, 60000 * WORLD_MS)) {
        world_free(s.w);
        return "the nodes did not become members within a minute";
    }
    uint32_t count = 20 + (uint32_t)prng_below(&random, 60);
    uint32_t capacity = prng_below(&random, 2) == 0 ? 0 : 1 + (uint32_t)prng_below(&random, 8);
    mill_Sum sum = { .capacity = capacity, .expect = (uint64_t)count * FEEDS };
    memcpy(sum.name, "sum", 4);
    s.numbers = sum.expect;
    s.total = (uint64_t)count * (count + 1) / 2 * FEEDS;
    s.tasklets[0] = world_spawn(s.w, 0, "Sum", mill_Sum_fields, &sum);
    if (!world_until(s.w, has_inbox, &s, 60000 * WORLD_MS)) {
        world_free(s.w);
        return "the sum did not open its channel within a minute";
    }
    for (uint32_t i = 0; i < FEEDS; i++) {
        mill_Feed feed = { .sender = i, .count = count, .ask = prng_below(&random, 2) == 0 && !crashes };
        memcpy(feed.to.id, s.inbox.bytes, 16);
        s.tasklets[i + 1] = world_spawn(s.w, (int)prng_below(&random, NODES), "Feed", mill_Feed_fields, &feed);
    }
    world_on_event(s.w, check, &s);
    for (int i = 0; i < 400 && !over(s.w, &s); i++) {
        world_run(s.w, prng_below(world_random(s.w), 20) * WORLD_MS);
        move_someone(&s);
        if (crashes && prng_below(world_random(s.w), 20) == 0) {
            disturb(&s);
        }
    }
    for (int i = 1; i < NODES && crashes; i++) {
        world_pause(s.w, i, false);
        if (world_node(s.w, i) == NULL) {
            world_restart(s.w, i);
        }
    }
    faults = (struct world_faults){ 0 };
    world_set_faults(s.w, &faults);
    (void)world_until(s.w, over, &s, (crashes ? 180000 : 60000) * WORLD_MS);
    const char *fault = s.fault;
    if (fault == NULL && !s.ended) {
        fault = "not over within a minute after the faults stopped";
    }
    if (fault == NULL && !crashes && s.result.total != s.total) {
        fault = "the total is wrong";
    }
    if (fault == NULL && !crashes && s.result.disorder != 0) {
        fault = "values of one sender came out of order, twice or not at all";
    }
    if (fault != NULL) {
        describe(&s);
    }
    if (verbose || fault != NULL) {
        printf("seen %llu of %llu, disorder %llu, %llu frames, %llu dropped\n", (unsigned long long)s.result.seen,
               (unsigned long long)sum.expect, (unsigned long long)s.result.disorder,
               (unsigned long long)world_stats(s.w)->frames, (unsigned long long)world_stats(s.w)->dropped);
    }
    world_free(s.w);
    return fault;
}

int
main(int argc, char **argv)
{
    uint64_t seed = 1, runs = 400;
    bool verbose = false, crashes = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
            runs = 1;
        } else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
            runs = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--verbose") == 0) {
            verbose = true;
        } else if (strcmp(argv[i], "--crash") == 0) {
            crashes = true;
        } else {
            fprintf(stderr, "usage: %s [--seed N] [--runs N] [--verbose] [--crash]\n", argv[0]);
            return 2;
        }
    }
    printf("seeds %llu to %llu\n", (unsigned long long)seed, (unsigned long long)(seed + runs - 1));
    for (uint64_t k = 0; k < runs; k++) {
        const char *fault = run(seed + k, verbose, crashes);
        if (fault != NULL) {
            printf("seed %llu: %s\nagain: %s --seed %llu --verbose%s\n", (unsigned long long)(seed + k), fault,
                   argv[0], (unsigned long long)(seed + k), crashes ? " --crash" : "");
            return 1;
        }
    }
    printf("%llu runs, no fault\n", (unsigned long long)runs);
    return 0;
}
