/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeping, operations with a deadline, and that time is an argument. */
#include "actor.h"

/* Runs a script; the time goes on by 10 ms whenever nothing is runnable. */
static void
check(const char *id, const struct script *scripts, const char *order)
{
    world_begin(scripts);
    uint64_t now_ms = 0;
    for (int i = 0; i < 1000; i++) {
        kernel_set_time(world.k, now_ms * 1000000, now_ms);
        kernel_run(world.k, 1);
        if (!kernel_runnable(world.k)) {
            if (kernel_deadline(world.k) == UINT64_MAX) {
                break;
            }
            now_ms += 10;
        }
    }
    if (strcmp(world.log, order) != 0) {
        fail_msg("%s\n  expected: %s\n  happened: %s", id, order, world.log);
    }
    world_end();
}

static void
test_sleepers_wake_in_order(void **state)
{
    (void)state;
    const struct script scripts[] = { { "main", "new:a new:b new:c new:d" },
        { "a", "sleep:30 log" }, { "b", "sleep:10 log" }, { "c", "sleep:30 log" },
        { "d", "sleep:0 log" }, { NULL, NULL } };
    check("sleepers", scripts, "d b a c");
}

static void
test_a_deadline_leaves_the_queue(void **state)
{
    (void)state;
    const struct script scripts[] = {
        { "main", "open:c new:a new:b sleep:50 bal:c set:4 send:c log:sent" },
        { "a", "within:20 recv:c got" }, { "b", "recv:c got" }, { NULL, NULL }
    };
    check("deadline", scripts, "TIMED_OUT -1 =4 sent");
}

static void
test_a_deadline_that_is_met_is_forgotten(void **state)
{
    (void)state;
    const struct script scripts[] = { { "main", "open:c new:a sleep:10 set:4 send:c log:sent" },
        { "a", "within:20 recv:c got sleep:30 log" }, { NULL, NULL } };
    check("met", scripts, "=4 sent a");
}

static void
test_zero_means_at_once(void **state)
{
    (void)state;
    const struct script scripts[] = {
        { "main", "open:c within:0 tryrecv:c status within:0 trysend:c status new:a yield "
                  "set:2 within:0 trysend:c status" },
        { "a", "recv:c got" }, { NULL, NULL }
    };
    check("zero", scripts, "TIMED_OUT TIMED_OUT =2 OK");
}

static void
test_a_killed_sleeper_has_no_timer(void **state)
{
    (void)state;
    const struct script scripts[] = { { "main", "new:a yield kill:a log" },
        { "a", "refuse sleep:10 pause" }, { NULL, NULL } };
    check("killed", scripts, "aX main");
}

static void
test_the_longest_sleep(void **state)
{
    (void)state;
    const struct script scripts[] = { { "main", "sleep:-1 log" }, { NULL, NULL } };
    world_begin(scripts);
    kernel_set_time(world.k, 1000, 0);
    kernel_run(world.k, 10);
    assert_false(kernel_runnable(world.k));
    assert_true(
        kernel_deadline(world.k) > UINT64_MAX / 2 && kernel_deadline(world.k) < UINT64_MAX);
    kernel_set_time(world.k, 5, 0); /* time does not go back */
    kernel_run(world.k, 10);
    assert_string_equal(world.log, "");
    world_end();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sleepers_wake_in_order),
        cmocka_unit_test(test_a_deadline_leaves_the_queue),
        cmocka_unit_test(test_a_deadline_that_is_met_is_forgotten),
        cmocka_unit_test(test_zero_means_at_once),
        cmocka_unit_test(test_a_killed_sleeper_has_no_timer),
        cmocka_unit_test(test_the_longest_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
