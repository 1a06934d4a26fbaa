/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and the balancer. The property that matters: all nodes plan at once, from loads that
 * are a round old, again and again; the cluster becomes even, comes to rest, and no tasklet is
 * sent to and fro.
 */
#include "cluster_test.h"

#include "base/ids.h"
#include "cluster/balance.h"

#define NODES 12
#define TASKLETS 600

struct worker {
    uint32_t node;
    uint64_t steps, arrived_ns;
    uint32_t moves;
    bool movable;
};

struct town {
    uint32_t node_count, tasklet_count;
    struct worker tasklets[TASKLETS];
    char names[NODES][8];
    bool target[NODES];
    uint64_t now;
    struct balance_config config;
};

static void
loads_of(const struct town *t, struct balance_node *nodes)
{
    for (uint32_t n = 0; n < t->node_count; n++) {
        nodes[n] = (struct balance_node){ .node = test_ref(n, 1),
                                          .name = t->names[n],
                                          .target = t->target[n] };
    }
    for (uint32_t i = 0; i < t->tasklet_count; i++) {
        struct load *l = &nodes[t->tasklets[i].node].load;
        l->tasklets++;
        l->steps += t->tasklets[i].steps;
    }
}

static uint32_t
plan_of(const struct town *t, const struct balance_node *nodes, uint32_t n, uint32_t limit,
        struct balance_move *out)
{
    static struct balance_candidate candidates[TASKLETS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->tasklet_count; i++) {
        const struct worker *w = &t->tasklets[i];
        if (w->node == n) {
            candidates[count++] = (struct balance_candidate){ test_id(i), w->steps, 500,
                                                              w->arrived_ns, w->movable };
        }
    }
    return balance_plan(&t->config, test_ref(n, 1), nodes, t->node_count, candidates, count,
                        limit, t->now, out);
}

static uint32_t
index_of(struct stint_id id)
{
    return (uint32_t)id.bytes[3] << 8 | id.bytes[4];
}

/* One round: all plan from the same loads, then all moves happen. Returns how many. */
static uint32_t
round_of_all(struct town *t)
{
    static struct balance_move moves[NODES][BALANCE_MOVES_MAX];
    uint32_t counts[NODES], all = 0;
    struct balance_node nodes[NODES];
    loads_of(t, nodes);
    for (uint32_t n = 0; n < t->node_count; n++) {
        counts[n] = plan_of(t, nodes, n, BALANCE_MOVES_MAX, moves[n]);
    }
    for (uint32_t n = 0; n < t->node_count; n++) {
        for (uint32_t i = 0; i < counts[n]; i++) {
            struct worker *w = &t->tasklets[index_of(moves[n][i].tasklet)];
            assert_int_equal(w->node, n);
            w->node = moves[n][i].to.id.bytes[4];
            assert_int_not_equal(w->node, n);
            assert_true(t->target[w->node]);
            assert_true(strlen(moves[n][i].reason) > 10);
            w->arrived_ns = t->now;
            w->moves++;
            all++;
        }
    }
    t->now += 2 * TEST_S;
    return all;
}

static struct town *
town_new(uint32_t node_count, uint32_t tasklet_count)
{
    struct town *t = calloc(1, sizeof *t);
    t->node_count = node_count;
    t->tasklet_count = tasklet_count;
    t->now = 100 * TEST_S;
    t->config.round_max = BALANCE_MOVES_MAX;
    for (uint32_t n = 0; n < node_count; n++) {
        (void)text_format(t->names[n], sizeof t->names[n], "n%u", n);
        t->target[n] = true;
    }
    for (uint32_t i = 0; i < tasklet_count; i++) {
        t->tasklets[i].movable = true;
    }
    return t;
}

static uint32_t
count_on(const struct town *t, uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->tasklet_count; i++) {
        count += t->tasklets[i].node == n ? 1 : 0;
    }
    return count;
}

static void
test_idle_tasklets_spread_as_well(void **state)
{
    (void)state;
    struct town *t = town_new(3, 300);
    uint32_t rounds = 0;
    while (round_of_all(t) > 0) {
        rounds++;
    }
    assert_true(rounds <= 5);
    for (uint32_t n = 0; n < 3; n++) {
        assert_true(count_on(t, n) >= 85 && count_on(t, n) <= 120);
    }
    free(t);
}

static void
test_the_busy_go_first(void **state)
{
    (void)state;
    struct town *t = town_new(3, 100);
    for (uint32_t i = 40; i < 46; i++) {
        t->tasklets[i].steps = 100000;
    }
    struct balance_node nodes[NODES];
    struct balance_move out[BALANCE_MOVES_MAX];
    loads_of(t, nodes);
    uint32_t count = plan_of(t, nodes, 0, 4, out);
    assert_int_equal(count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t which = index_of(out[i].tasklet);
        assert_true(which >= 40 && which < 46);
        /* to each in turn */
        assert_true(i == 0 || out[i].to.id.bytes[4] != out[i - 1].to.id.bytes[4]);
    }
    assert_non_null(strstr(out[0].reason, "balance: n0 at 300% of the mean, n"));
    assert_non_null(strstr(out[0].reason, " at 0%; 100000 steps/s"));
    while (round_of_all(t) > 0) {
    }
    for (uint32_t n = 0; n < 3; n++) {
        uint32_t busy = 0;
        for (uint32_t i = 40; i < 46; i++) {
            busy += t->tasklets[i].node == n ? 1 : 0;
        }
        assert_int_equal(busy, 2);
    }
    free(t);
}

static void
test_few_tasklets_do_not_dance(void **state)
{
    (void)state;
    for (uint32_t nodes = 2; nodes <= 5; nodes++) {
        for (uint32_t tasklets = 1; tasklets <= 12; tasklets++) {
            for (uint64_t steps = 0; steps <= 50000; steps += 50000) {
                struct town *t = town_new(nodes, tasklets);
                for (uint32_t i = 0; i < tasklets; i++) {
                    t->tasklets[i].steps = steps;
                }
                uint32_t moves = 0, last = 1;
                for (uint32_t round = 0; round < 20; round++) {
                    last = round_of_all(t);
                    moves += last;
                }
                assert_int_equal(last, 0);
                assert_true(moves <= tasklets);
                uint32_t most = 0, least = tasklets;
                for (uint32_t n = 0; n < nodes; n++) {
                    uint32_t count = count_on(t, n);
                    most = count > most ? count : most;
                    least = count < least ? count : least;
                }
                assert_true(most - least <= 2);
                free(t);
            }
        }
    }
}

static void
test_nothing_moves_below_the_hysteresis(void **state)
{
    (void)state;
    struct town *t = town_new(3, 300);
    for (uint32_t i = 0; i < 300; i++) {
        t->tasklets[i].node = i < 118 ? 0 : i < 210 ? 1 : 2;
    }
    assert_int_equal(round_of_all(t), 0);
    /* 121 of a mean of 100 */
    t->tasklets[200].node = t->tasklets[201].node = t->tasklets[202].node = 0;
    assert_true(round_of_all(t) > 0);
    free(t);
}

static void
test_who_may_not_move_does_not(void **state)
{
    (void)state;
    struct town *t = town_new(3, 90);
    for (uint32_t i = 0; i < 30; i++) {
        t->tasklets[i].movable = false;
        t->tasklets[i + 30].arrived_ns = t->now - TEST_S / 2; /* below the minimum residence */
    }
    t->target[2] = false; /* cordoned, or no fresh load */
    struct balance_node nodes[NODES];
    struct balance_move out[BALANCE_MOVES_MAX];
    loads_of(t, nodes);
    uint32_t count = plan_of(t, nodes, 0, BALANCE_MOVES_MAX, out);
    assert_true(count > 20 && count <= 30);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(index_of(out[i].tasklet) >= 60);
        assert_int_equal(out[i].to.id.bytes[4], 1);
        for (uint32_t j = 0; j < i; j++) {
            assert_false(id_equal(out[i].tasklet, out[j].tasklet));
        }
    }
    assert_int_equal(plan_of(t, nodes, 0, 5, out), 5);
    t->config.round_max = 3;
    assert_int_equal(plan_of(t, nodes, 0, BALANCE_MOVES_MAX, out), 3);
    nodes[1].load.memory_limit = 1000; /* full: 500 more would be over 90 % */
    nodes[1].load.memory_bytes = 450;
    assert_int_equal(plan_of(t, nodes, 0, BALANCE_MOVES_MAX, out), 0);
    assert_int_equal(
        balance_plan(&t->config, test_ref(9, 9), nodes, 3, NULL, 0, 9, t->now, out), 0);
    free(t);
}

static void
test_reports_of_any_size_are_survived(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 11);
    struct balance_config config = { 0 };
    for (uint32_t round = 0; round < 20000; round++) {
        struct balance_node nodes[6];
        struct balance_candidate candidates[8];
        struct balance_move out[BALANCE_MOVES_MAX];
        for (uint32_t n = 0; n < 6; n++) {
            uint64_t huge = prng_next(&prng) >> prng_below(&prng, 64);
            uint64_t more = prng_next(&prng) >> prng_below(&prng, 64);
            nodes[n] = (struct balance_node){ .node = test_ref(n, 1), .name = "n", .target = true,
                                              .load = { .tasklets = huge, .steps = more } };
        }
        for (uint32_t i = 0; i < 8; i++) {
            candidates[i] = (struct balance_candidate){
                test_id(i), prng_next(&prng) >> prng_below(&prng, 64), 1, 0, true
            };
        }
        uint32_t count = balance_plan(&config, test_ref(0, 1), nodes, 6, candidates, 8, 64,
                                      100 * TEST_S, out);
        assert_true(count <= 8);
        const struct load *loads[6];
        for (uint32_t n = 0; n < 6; n++) {
            loads[n] = &nodes[n].load;
        }
        (void)load_imbalance(loads, 6);
    }
}

/* Any start, any costs: even at the end, at rest, and nobody sent about for nothing. */
static uint64_t first_seed = 1, seed_count = 400;

static void
random_town(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct town *t = town_new(2 + (uint32_t)prng_below(&prng, NODES - 1),
                              1 + (uint32_t)prng_below(&prng, TASKLETS));
    uint32_t crowded = 1 + (uint32_t)prng_below(&prng, t->node_count);
    uint64_t busy = prng_below(&prng, 1000), largest = 0, steps = 0;
    for (uint32_t i = 0; i < t->tasklet_count; i++) {
        struct worker *w = &t->tasklets[i];
        w->node = (uint32_t)prng_below(&prng, crowded);
        w->steps = prng_below(&prng, 1000) < busy ? prng_below(&prng, 20000) : 0;
        largest = w->steps > largest ? w->steps : largest;
        steps += w->steps;
    }
    uint32_t last = 1, moves = 0;
    for (uint32_t round = 0; round < 60 && last > 0; round++) {
        last = round_of_all(t);
        moves += last;
    }
    struct balance_node nodes[NODES];
    uint64_t most_tasklets = 0, most_steps = 0;
    loads_of(t, nodes);
    for (uint32_t n = 0; n < t->node_count; n++) {
        most_tasklets =
            nodes[n].load.tasklets > most_tasklets ? nodes[n].load.tasklets : most_tasklets;
        most_steps = nodes[n].load.steps > most_steps ? nodes[n].load.steps : most_steps;
    }
    /* Permille of the mean. What one tasklet weighs at most cannot be evened out. */
    uint64_t uneven = 1000 * t->node_count * most_tasklets / t->tasklet_count;
    uint64_t grain = 1000 * t->node_count / t->tasklet_count;
    uint64_t uneven_steps = steps < 1000 ? 0 : 1000 * t->node_count * most_steps / steps;
    uint64_t steps_grain = steps < 1000 ? 0 : 1000 * t->node_count * largest / steps;
    uint32_t most = 0;
    for (uint32_t i = 0; i < t->tasklet_count; i++) {
        most = t->tasklets[i].moves > most ? t->tasklets[i].moves : most;
    }
    if (last != 0 || uneven > 1201 + 2 * grain || uneven_steps > 1201 + 2 * steps_grain
        || most > 4 || moves > 2 * t->tasklet_count) {
        fail_msg("seed %llu: %u nodes, %u tasklets: last round %u, uneven %llu (grain %llu), "
                 "steps %llu (grain %llu), "
                 "%u moves, one moved %u times",
                 (unsigned long long)seed, t->node_count, t->tasklet_count, last,
                 (unsigned long long)uneven, (unsigned long long)grain,
                 (unsigned long long)uneven_steps, (unsigned long long)steps_grain, moves,
                 most);
    }
    free(t);
}

static void
test_any_cluster_comes_to_rest_and_is_even(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < seed_count; i++) {
        random_town(first_seed + i);
    }
}

static void
test_the_pace_of_the_balancer(void **state)
{
    (void)state;
    struct balancer b;
    balancer_init(
        &b, (struct balance_config){ .round_max = 10, .minute_max = 25, .cooldown_ms = 2000 });
    uint64_t now = 50 * TEST_S;
    assert_int_equal(balancer_allowance(&b, now), 10);
    balancer_planned(&b, 10, now);
    assert_int_equal(balancer_allowance(&b, now + TEST_S), 0);
    assert_int_equal(balancer_deadline(&b), now + 2 * TEST_S);
    now += 2 * TEST_S;
    assert_int_equal(balancer_allowance(&b, now), 10);
    balancer_planned(&b, 10, now);
    now += 2 * TEST_S;
    assert_int_equal(balancer_allowance(&b, now), 5);
    balancer_planned(&b, 5, now);
    now += 2 * TEST_S;
    assert_int_equal(balancer_allowance(&b, now), 0);
    now = 50 * TEST_S + 60 * TEST_S;
    assert_int_equal(balancer_allowance(&b, now), 10);
}

static void
test_averages_and_rates(void **state)
{
    (void)state;
    struct load_average a;
    load_average_init(&a, 1000);
    load_average_add(&a, 100, TEST_S);
    assert_int_equal(load_average_value(&a), 100);
    for (uint64_t i = 1; i <= 100; i++) {
        load_average_add(&a, 0, TEST_S + i * 10 * TEST_MS);
    }
    /* one half-life later */
    assert_true(load_average_value(&a) >= 48 && load_average_value(&a) <= 53);
    load_average_add(&a, 7000, TEST_S + 1000 * TEST_S);
    assert_true(load_average_value(&a) > 6900 && load_average_value(&a) <= 7000);
    struct load_rate r;
    load_rate_init(&r, 1000);
    for (uint64_t i = 0; i <= 50; i++) {
        load_rate_add(&r, 12345 + i * 300, TEST_S + i * 100 * TEST_MS);
    }
    assert_int_equal(load_rate_value(&r), 3000);
    load_rate_add(&r, 0, TEST_S + 6 * TEST_S); /* a counter that began anew is no huge number */
    assert_true(load_rate_value(&r) < 3000);
}

static void
test_reports_are_kept_by_member_and_grow_old(void **state)
{
    (void)state;
    struct mem mem;
    test_mem(&mem);
    struct view *v = view_new(&mem);
    struct load_table *t = malloc(sizeof *t);
    load_table_init(t);
    test_member(v, 1, 1, stint_MEMBER_ACTIVE);
    test_member(v, 2, 2, stint_MEMBER_ACTIVE);
    load_table_view(t, v);
    struct load l = { .tasklets = 5,
                      .runnable = 1,
                      .steps = 10,
                      .cpu_permille = 300,
                      .delay_us = 4,
                      .memory_bytes = 9,
                      .memory_limit = 10,
                      .channels = 3,
                      .moves_in = 1,
                      .moves_out = 2 };
    stint_Probe probe = stint_Probe_init_zero;
    load_to_probe(&l, &probe);
    probe.installed = 7;
    const struct load_entry *e = load_table_find(t, test_ref(2, 2));
    assert_false(load_is_fresh(e, TEST_S));
    load_table_heard(t, test_ref(2, 2), &probe, TEST_S);
    load_table_heard(t, test_ref(2, 9), &probe, TEST_S);
    assert_true(load_is_fresh(e, TEST_S + LOAD_FRESH_MS * TEST_MS));
    assert_false(load_is_fresh(e, TEST_S + LOAD_FRESH_MS * TEST_MS + 1));
    assert_memory_equal(&e->load, &l, sizeof l);
    assert_int_equal(e->installed, 7);
    v->members[1].ref.inc = 9;
    load_table_view(t, v);
    assert_null(load_table_find(t, test_ref(2, 2)));
    assert_non_null(load_table_find(t, test_ref(2, 9)));
    assert_int_equal(t->count, 2);
    struct load a = { .tasklets = 30, .steps = 0 }, b = { .tasklets = 10, .steps = 4000 };
    const struct load *both[] = { &a, &b };
    assert_int_equal(load_score(&a, both, 2), 750);  /* 1.5 of the tasklets, none of the steps */
    assert_int_equal(load_score(&b, both, 2), 1250); /* half of the tasklets, twice the steps */
    assert_int_equal(load_imbalance(both, 2), 1250);
    b.steps = 10;
    assert_int_equal(load_score(&a, both, 2), 1500);
    free(t);
    view_free(v);
}

int
main(int argc, char **argv)
{
    test_seeds(argc, argv, &first_seed, &seed_count);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_tasklets_spread_as_well),
        cmocka_unit_test(test_the_busy_go_first),
        cmocka_unit_test(test_few_tasklets_do_not_dance),
        cmocka_unit_test(test_nothing_moves_below_the_hysteresis),
        cmocka_unit_test(test_who_may_not_move_does_not),
        cmocka_unit_test(test_reports_of_any_size_are_survived),
        cmocka_unit_test(test_any_cluster_comes_to_rest_and_is_even),
        cmocka_unit_test(test_the_pace_of_the_balancer),
        cmocka_unit_test(test_averages_and_rates),
        cmocka_unit_test(test_reports_are_kept_by_member_and_grow_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
