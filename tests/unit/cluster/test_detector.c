/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The failure detector in virtual time: a clock of milliseconds, peers that answer, and some
 * that stop.
 */
#include "cluster_test.h"

#include "cluster/detector.h"

#define PEERS 32

struct scene {
    struct mem mem;
    struct view *v;
    struct detector d;
    uint64_t now;
    bool silent[PEERS];
    uint32_t probes[PEERS], suspects[PEERS], backs[PEERS];
    uint64_t suspected_at[PEERS];
};

static int
setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    test_mem(&s->mem);
    s->v = view_new(&s->mem);
    s->now = TEST_S;
    detector_init(&s->d, (struct detector_config){ 0 });
    *state = s;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    view_free(s->v);
    free(s);
    return 0;
}

static void
members(struct scene *s, uint32_t count)
{
    s->v->member_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        test_member(s->v, i, i + 1, stint_MEMBER_ACTIVE);
    }
    detector_view(&s->d, s->v, test_ref(0, 1), s->now);
}

static void
take(struct scene *s)
{
    struct detector_effect e;
    while (detector_next(&s->d, &e)) {
        uint32_t n = e.peer.id.bytes[4];
        switch (e.kind) {
        case DETECTOR_PROBE:
            s->probes[n]++;
            if (!s->silent[n]) {
                detector_heard(&s->d, e.peer, s->now);
            }
            break;
        case DETECTOR_SUSPECT:
            s->suspected_at[n] = s->suspects[n]++ == 0 ? s->now : s->suspected_at[n];
            break;
        case DETECTOR_BACK:
            s->backs[n]++;
            break;
        }
    }
}

/* Lets time pass, waking the detector when it asks to be. */
static void
pass(struct scene *s, uint64_t ms)
{
    uint64_t end = s->now + ms * TEST_MS;
    while (detector_deadline(&s->d) <= end) {
        s->now = detector_deadline(&s->d) > s->now ? detector_deadline(&s->d) : s->now;
        detector_tick(&s->d, s->now);
        take(s);
    }
    s->now = end;
}

static void
test_nobody_to_watch_is_no_work(void **state)
{
    struct scene *s = *state;
    assert_int_equal(detector_deadline(&s->d), UINT64_MAX);
    members(s, 1);
    assert_int_equal(detector_deadline(&s->d), UINT64_MAX);
}

static void
test_each_watches_its_ten_successors(void **state)
{
    struct scene *s = *state;
    members(s, 20);
    pass(s, 10000);
    for (uint32_t n = 1; n < 20; n++) {
        assert_true(n <= 10 ? s->probes[n] >= 9 && s->probes[n] <= 11 : s->probes[n] == 0);
        assert_int_equal(s->suspects[n], 0);
    }
    /* The last in the ring watches across the end. */
    struct node_ref last = test_ref(19, 20);
    detector_init(&s->d, (struct detector_config){ 0 });
    detector_view(&s->d, s->v, last, s->now);
    assert_int_equal(s->d.watched_count, 10);
    assert_int_equal(s->d.watched[0].peer.id.bytes[4], 0);
    members(s, 3);
    assert_int_equal(s->d.watched_count, 2);
}

static void
test_three_misses_make_a_suspicion_that_is_repeated(void **state)
{
    struct scene *s = *state;
    members(s, 6);
    pass(s, 5000);
    s->silent[3] = true;
    uint64_t from = s->now;
    pass(s, 4000);
    assert_true(s->suspects[3] >= 1);
    assert_true(s->suspected_at[3] - from >= 2000 * TEST_MS
                && s->suspected_at[3] - from <= 3600 * TEST_MS);
    assert_true(detector_suspects(&s->d, test_ref(3, 4)));
    assert_false(detector_suspects(&s->d, test_ref(2, 3)));
    pass(s, 10000);
    assert_true(s->suspects[3] >= 5 && s->suspects[3] <= 8);
    s->silent[3] = false;
    detector_heard(&s->d, test_ref(3, 4), s->now);
    take(s);
    assert_int_equal(s->backs[3], 1);
    assert_false(detector_suspects(&s->d, test_ref(3, 4)));
    uint32_t suspects = s->suspects[3];
    pass(s, 10000);
    assert_int_equal(s->suspects[3], suspects);
    for (uint32_t n = 1; n < 6; n++) {
        assert_true(n == 3 || s->suspects[n] == 0);
    }
}

static void
test_any_frame_is_an_answer_and_other_incarnations_are_not(void **state)
{
    struct scene *s = *state;
    members(s, 4);
    s->silent[1] = s->silent[2] = true;
    for (uint32_t i = 0; i < 40; i++) {
        pass(s, 250);
        detector_heard(&s->d, test_ref(1, 2), s->now);
        detector_heard(&s->d, test_ref(2, 77), s->now); /* an older life of n2 */
        take(s);
    }
    assert_int_equal(s->suspects[1], 0);
    assert_true(s->suspects[2] > 0);
}

static void
test_the_fast_profile_is_faster(void **state)
{
    struct scene *s = *state;
    detector_init(&s->d, (struct detector_config){ .probe_ms = 300 });
    members(s, 3);
    pass(s, 2000);
    s->silent[1] = true;
    uint64_t from = s->now;
    pass(s, 2000);
    assert_true(s->suspects[1] > 0 && s->suspected_at[1] - from <= 1100 * TEST_MS);
}

static void
test_a_node_that_was_stopped_itself_suspects_nobody(void **state)
{
    struct scene *s = *state;
    members(s, 8);
    pass(s, 3300);
    s->silent[3] = true; /* its answers lie in a socket that nobody reads */
    while (s->d.watched[2].misses < 2 || !s->d.watched[2].waiting) {
        pass(s, 10);
    }
    s->silent[3] = false;
    s->now += 20000 * TEST_MS; /* SIGSTOP */
    detector_tick(&s->d, s->now);
    take(s);
    pass(s, 5000);
    for (uint32_t n = 1; n < 8; n++) {
        assert_int_equal(s->suspects[n], 0);
    }
    pass(s, 20000);
    assert_int_equal(detector_health(&s->d), 1); /* and it is well again */
}

static void
test_if_most_fail_at_once_it_is_slower_to_suspect(void **state)
{
    struct scene *s = *state;
    members(s, 11);
    pass(s, 3000);
    uint64_t from = s->now;
    for (uint32_t n = 1; n < 11; n++) {
        s->silent[n] = true;
    }
    pass(s, 30000);
    assert_true(detector_health(&s->d) > 1);
    for (uint32_t n = 1; n < 11; n++) {
        assert_true(s->suspects[n] > 0); /* in the end it does */
        assert_true(s->suspected_at[n] - from >= 4000 * TEST_MS);
    }
}

static void
test_a_view_keeps_what_is_known_of_those_who_stay(void **state)
{
    struct scene *s = *state;
    members(s, 4);
    s->silent[2] = true;
    pass(s, 6000);
    assert_true(detector_suspects(&s->d, test_ref(2, 3)));
    members(s, 5);
    assert_true(detector_suspects(&s->d, test_ref(2, 3)));
    s->v->members[2].ref.inc = 9; /* it restarted: nothing is held against it */
    detector_view(&s->d, s->v, test_ref(0, 1), s->now);
    assert_false(detector_suspects(&s->d, test_ref(2, 9)));
}

/*
 * Nodes that lose 5 % of all probes and are stopped for up to 2 s now and then: no two misses
 * too many in a simulated day.
 */
static void
test_loss_and_short_pauses_hardly_ever_make_a_suspicion(void **state)
{
    struct scene *s = *state;
    struct prng prng;
    uint64_t seed = 9;
    printf("seed %llu\n", (unsigned long long)seed);
    prng_init(&prng, seed);
    members(s, 11);
    uint32_t suspicions = 0;
    for (uint32_t second = 0; second < 86400; second++) {
        for (uint32_t n = 1; n < 11; n++) {
            s->silent[n] = prng_below(&prng, 1000) < 50;
        }
        if (prng_below(&prng, 3600) == 0) {
            s->now += prng_below(&prng, 2000) * TEST_MS;
            detector_tick(&s->d, s->now);
            take(s);
        }
        pass(s, 1000);
    }
    for (uint32_t n = 1; n < 11; n++) {
        suspicions += s->suspects[n];
    }
    /* 864000 probes of which one in 8000 is the third miss in a row. */
    assert_true(suspicions < 864000 / 8000 * 3 / 2);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_nobody_to_watch_is_no_work),
        CASE(test_each_watches_its_ten_successors),
        CASE(test_three_misses_make_a_suspicion_that_is_repeated),
        CASE(test_any_frame_is_an_answer_and_other_incarnations_are_not),
        CASE(test_the_fast_profile_is_faster),
        CASE(test_a_node_that_was_stopped_itself_suspects_nobody),
        CASE(test_if_most_fail_at_once_it_is_slower_to_suspect),
        CASE(test_a_view_keeps_what_is_known_of_those_who_stay),
        CASE(test_loss_and_short_pauses_hardly_ever_make_a_suspicion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
