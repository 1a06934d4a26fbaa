/* SPDX-License-Identifier: Apache-2.0 */
#include "link_bench.h"

#include <limits.h>

#include "base/ids.h"
#include "link/entropy.h"

static void
test_time_does_not_go_back(void **state)
{
    (void)state;
    uint64_t last = clock_now_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_now_ns();
        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_wall_ms() > UINT64_C(1600000000000));
}

static void
test_timeouts_round_up_and_never_turn_negative(void **state)
{
    (void)state;
    assert_int_equal(clock_timeout_ms(5, UINT64_MAX), -1);
    assert_int_equal(clock_timeout_ms(5, 5), 0);
    assert_int_equal(clock_timeout_ms(5, 4), 0);
    assert_int_equal(clock_timeout_ms(5, 6), 1);
    assert_int_equal(clock_timeout_ms(0, CLOCK_NS_PER_MS), 1);
    assert_int_equal(clock_timeout_ms(0, CLOCK_NS_PER_MS + 1), 2);
    assert_int_equal(clock_timeout_ms(0, UINT64_MAX - 1), INT_MAX);
}

static void
test_entropy_differs_and_ids_are_not_zero(void **state)
{
    (void)state;
    uint8_t a[64], b[64];
    entropy_bytes(a, sizeof a);
    entropy_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_true(entropy_u64() != entropy_u64());
    assert_false(id_is_zero(entropy_id()));
    assert_false(id_equal(entropy_id(), entropy_id()));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_does_not_go_back),
        cmocka_unit_test(test_timeouts_round_up_and_never_turn_negative),
        cmocka_unit_test(test_entropy_differs_and_ids_are_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
