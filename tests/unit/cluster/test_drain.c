/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drain against a node of a few hundred tasklets: some cannot move, some fail at first,
 * targets come and go.
 */
#include "cluster_test.h"

#include "cluster/drain.h"

#define TASKLETS 400
#define TARGETS 3

struct resident {
    bool gone, moving;
    enum stint_status status; /* other than STINT_OK: cannot move */
    uint32_t failures;        /* moves that will fail before one succeeds */
    uint32_t target;
    uint64_t ends_ns;
};

struct scene {
    struct mem mem;
    struct drain *d;
    uint64_t now;
    uint32_t count, target_count;
    struct resident residents[TASKLETS];
    uint64_t loads[TARGETS];
    bool room[TARGETS];
    enum stint_status refuse; /* what starting a move says */
    uint32_t started, most_in_flight, in_flight;
    uint32_t cursor, look_max; /* a walk looks at so many at most, 0 all, and the next goes on there */
};

static int
setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    test_mem(&s->mem);
    s->d = drain_new(&s->mem, 7);
    s->now = TEST_S;
    s->target_count = TARGETS;
    for (uint32_t i = 0; i < TARGETS; i++) {
        s->room[i] = true;
    }
    *state = s;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    drain_free(s->d);
    assert_int_equal(s->mem.used, 0);
    free(s);
    return 0;
}

static uint64_t
remaining(const struct scene *s)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        count += s->residents[i].gone ? 0 : 1;
    }
    return count;
}

static void
start(struct scene *s, uint32_t count, uint32_t rate)
{
    s->count = count;
    assert_int_equal(drain_start(s->d, NULL, 0, rate, count, s->now), STINT_OK);
}

/* What core does when the deadline has come. */
static void
walk(struct scene *s)
{
    struct drain_target targets[TARGETS];
    for (uint32_t i = 0; i < s->target_count; i++) {
        targets[i] = (struct drain_target){ test_ref(200 + i, 1), s->loads[i], s->room[i] };
    }
    drain_begin(s->d, targets, s->target_count, s->cursor == 0, s->now);
    uint32_t i = s->cursor;
    uint32_t end = s->look_max != 0 && i + s->look_max < s->count ? i + s->look_max : s->count;
    for (; i < end && drain_wants(s->d); i++) {
        struct resident *r = &s->residents[i];
        struct node_ref to;
        if (r->gone || r->moving
            || !drain_consider(s->d, test_id(i), r->status, "holds a C stack", s->now, &to)) {
            continue;
        }
        if (s->refuse != STINT_OK) {
            drain_refused(s->d, test_id(i), s->refuse, "no", s->now);
            continue;
        }
        r->moving = true;
        r->target = to.id.bytes[4] - 200u;
        r->ends_ns = s->now + 3 * TEST_MS;
        s->started++;
        s->in_flight++;
        s->most_in_flight = s->in_flight > s->most_in_flight ? s->in_flight : s->most_in_flight;
    }
    s->cursor = s->look_max == 0 || i == s->count ? 0 : i;
    drain_end(s->d, i == s->count, remaining(s), s->now);
}

static void
pass(struct scene *s, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        s->now += TEST_MS;
        for (uint32_t n = 0; n < s->count; n++) {
            struct resident *r = &s->residents[n];
            if (r->moving && r->ends_ns <= s->now) {
                bool fails = r->failures > 0;
                r->moving = false;
                r->failures -= fails ? 1 : 0;
                r->gone = !fails;
                s->loads[r->target] += fails ? 0 : 1;
                s->in_flight--;
                drain_finished(s->d, test_id(n), !fails, fails ? STINT_BUSY : STINT_OK, NULL,
                               s->now);
            }
        }
        if (drain_deadline(s->d) <= s->now) {
            walk(s);
        }
    }
}

static void
test_an_empty_node_is_done_at_once(void **state)
{
    struct scene *s = *state;
    assert_int_equal(drain_deadline(s->d), UINT64_MAX);
    assert_int_equal(drain_progress(s->d).state, DRAIN_OFF);
    start(s, 0, 0);
    pass(s, 2);
    assert_int_equal(drain_progress(s->d).state, DRAIN_EMPTY);
    s->count = 3; /* what arrives late goes too */
    pass(s, 1100);
    assert_int_equal(drain_progress(s->d).state, DRAIN_EMPTY);
    assert_int_equal(drain_progress(s->d).moved, 3);
    assert_int_equal(drain_progress(s->d).total, 3);
    drain_stop(s->d);
    assert_int_equal(drain_deadline(s->d), UINT64_MAX);
}

static void
test_all_go_to_the_least_loaded_and_not_too_many_at_once(void **state)
{
    struct scene *s = *state;
    s->loads[0] = 200;
    start(s, 400, 0);
    pass(s, 200);
    struct drain_progress p = drain_progress(s->d);
    assert_int_equal(p.state, DRAIN_EMPTY);
    assert_int_equal(p.total, 400);
    assert_int_equal(p.moved, 400);
    assert_int_equal(p.remaining, 0);
    assert_int_equal(p.stuck + p.failed + p.in_flight, 0);
    for (uint32_t i = 0; i < TARGETS; i++) {
        assert_true(s->loads[i] >= 190 && s->loads[i] <= 210);
    }
    assert_true(s->most_in_flight <= DRAIN_IN_FLIGHT_MAX);
}

static void
test_the_rate_is_kept(void **state)
{
    struct scene *s = *state;
    start(s, 400, 50);
    pass(s, 1000);
    assert_true(s->started >= 48 && s->started <= 52);
    pass(s, 3000);
    assert_true(s->started >= 196 && s->started <= 204);
    pass(s, 5000);
    assert_int_equal(drain_progress(s->d).state, DRAIN_EMPTY);
}

static void
test_only_the_nodes_asked_for(void **state)
{
    struct scene *s = *state;
    struct stint_id only[DRAIN_TARGETS_MAX + 1] = { test_id(201) };
    assert_int_equal(drain_start(s->d, only, DRAIN_TARGETS_MAX + 1, 0, 10, s->now), STINT_LIMIT);
    assert_int_equal(drain_start(s->d, only, 1, 0, 10, s->now), STINT_OK);
    s->count = 10;
    pass(s, 100);
    assert_int_equal(s->loads[1], 10);
    only[0] = test_id(99);
    s->residents[0] = (struct resident){ 0 };
    assert_int_equal(drain_start(s->d, only, 1, 0, 1, s->now), STINT_OK);
    pass(s, 100);
    struct drain_progress p = drain_progress(s->d);
    assert_int_equal(p.state, DRAIN_STUCK);
    assert_string_equal(p.why, "none of the nodes asked for takes tasklets");
}

static void
test_what_cannot_move_is_named_with_its_reason(void **state)
{
    struct scene *s = *state;
    start(s, 20, 0);
    s->residents[7].status = STINT_NOT_MOVABLE;
    s->residents[9].status = STINT_NOT_MOVABLE;
    pass(s, 500);
    struct drain_progress p = drain_progress(s->d);
    assert_int_equal(p.state, DRAIN_STUCK);
    assert_int_equal(p.moved, 18);
    assert_int_equal(p.remaining, 2);
    assert_int_equal(p.stuck, 2);
    assert_string_equal(p.why, "holds a C stack");
    assert_int_equal(p.example.bytes[4], 7);
    /* it went on; so does the drain */
    s->residents[7].status = s->residents[9].status = STINT_OK;
    pass(s, 500);
    assert_int_equal(drain_progress(s->d).state, DRAIN_EMPTY);
}

static void
test_failed_moves_are_tried_again_ever_more_rarely(void **state)
{
    struct scene *s = *state;
    start(s, 5, 0);
    s->residents[2].failures = 4;
    pass(s, 2000);
    uint32_t tries = s->started;
    assert_true(tries >= 4 + 3 && tries <= 4 + 4);
    assert_int_equal(drain_progress(s->d).remaining, 1);
    assert_true(drain_progress(s->d).why[0] != '\0');
    pass(s, 6000);
    assert_int_equal(drain_progress(s->d).state, DRAIN_EMPTY);
    assert_int_equal(drain_progress(s->d).failed, 4);
    assert_int_equal(drain_progress(s->d).moved, 5);
}

static void
test_targets_without_room_are_waited_for(void **state)
{
    struct scene *s = *state;
    start(s, 10, 0);
    s->room[0] = s->room[1] = s->room[2] = false;
    pass(s, 100);
    assert_int_equal(s->started, 0);
    assert_int_equal(drain_progress(s->d).state, DRAIN_RUNNING);
    s->room[2] = true;
    s->refuse = STINT_BUSY; /* the room was taken meanwhile */
    pass(s, 100);
    assert_int_equal(drain_progress(s->d).in_flight, 0);
    s->refuse = STINT_OK;
    pass(s, 100);
    assert_int_equal(drain_progress(s->d).state, DRAIN_EMPTY);
    assert_int_equal(s->loads[2], 10);
}

static void
test_no_target_at_all_is_said(void **state)
{
    struct scene *s = *state;
    s->target_count = 0;
    start(s, 4, 0);
    pass(s, 100);
    struct drain_progress p = drain_progress(s->d);
    assert_int_equal(p.state, DRAIN_STUCK);
    assert_int_equal(p.stuck, 4);
    assert_string_equal(p.why, "no other node takes tasklets");
    s->target_count = 1;
    pass(s, 1000);
    assert_int_equal(drain_progress(s->d).state, DRAIN_EMPTY);
}

static void
test_what_it_tells_adds_up(void **state)
{
    struct scene *s = *state;
    start(s, 60, 50);
    for (int i = 0; i < 60; i++) {
        pass(s, 7);
        struct drain_progress p = drain_progress(s->d);
        assert_int_equal(p.moved + p.remaining, p.total);
    }
    assert_true(drain_progress(s->d).moved > 5 && drain_progress(s->d).remaining > 5);
}

static void
test_it_is_resumed_by_starting_it_again(void **state)
{
    struct scene *s = *state;
    start(s, 100, 20);
    pass(s, 1000);
    assert_true(remaining(s) < 90 && remaining(s) > 70);
    drain_free(s->d); /* the process ended; what is here is what remains */
    s->d = drain_new(&s->mem, 8);
    for (uint32_t i = 0; i < s->count; i++) {
        s->residents[i].moving = false;
    }
    s->in_flight = 0;
    assert_int_equal(drain_start(s->d, NULL, 0, 0, remaining(s), s->now), STINT_OK);
    pass(s, 500);
    assert_int_equal(remaining(s), 0);
    /* not of this drain: ignored */
    drain_finished(s->d, test_id(5), true, STINT_OK, NULL, s->now);
    assert_int_equal(drain_progress(s->d).state, DRAIN_EMPTY);
}

static void
test_tasklets_that_end_while_they_are_stuck_are_forgotten(void **state)
{
    struct scene *s = *state;
    size_t empty = s->mem.used;
    start(s, 300, 0);
    for (uint32_t i = 0; i < 300; i++) {
        s->residents[i].failures = 1000;
    }
    pass(s, 300);
    size_t used = s->mem.used;
    for (uint32_t i = 0; i < 300; i++) {
        s->residents[i].gone = !s->residents[i].moving;
        s->residents[i].failures = 0;
    }
    pass(s, 9000);
    assert_int_equal(drain_progress(s->d).state, DRAIN_EMPTY);
    assert_true(s->mem.used - empty < (used - empty) / 4);
}

static void
test_what_cannot_move_does_not_hide_what_can(void **state)
{
    struct scene *s = *state;
    s->look_max = 8;
    start(s, 101, 0);
    for (uint32_t i = 0; i < 100; i++) {
        s->residents[i].status = STINT_NOT_MOVABLE;
    }
    pass(s, 2000);
    assert_true(s->residents[100].gone);
    struct drain_progress p = drain_progress(s->d);
    assert_int_equal(p.state, DRAIN_STUCK);
    assert_int_equal(p.stuck, 100); /* of the whole pass */
    assert_string_equal(p.why, "holds a C stack");
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_what_cannot_move_does_not_hide_what_can),
        CASE(test_an_empty_node_is_done_at_once),
        CASE(test_all_go_to_the_least_loaded_and_not_too_many_at_once),
        CASE(test_the_rate_is_kept),
        CASE(test_only_the_nodes_asked_for),
        CASE(test_what_cannot_move_is_named_with_its_reason),
        CASE(test_failed_moves_are_tried_again_ever_more_rarely),
        CASE(test_targets_without_room_are_waited_for),
        CASE(test_no_target_at_all_is_said),
        CASE(test_what_it_tells_adds_up),
        CASE(test_it_is_resumed_by_starting_it_again),
        CASE(test_tasklets_that_end_while_they_are_stuck_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
