/* SPDX-License-Identifier: Apache-2.0 */
/* Time is an argument, and has an end. What deadlines do to tasklets stands in conformance/orders/deadlines.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/exchange.h"
#include "tracked_memory.h"

static struct tracked_memory tracked;
static struct mem mem;
static struct kernel *k;

static int
setup(void **state)
{
    (void)state;
    mem_init(&mem, tracked_allocator(&tracked), 0);
    k = kernel_new(&(struct kernel_config){ .mem = &mem, .seed = 1 });
    return k == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
    (void)state;
    kernel_free(k);
    return mem.used == 0 && tracked.blocks == 0 ? 0 : -1;
}

static void
test_a_deadline_is_so_many_milliseconds_from_now(void **state)
{
    (void)state;
    kernel_set_time(k, 1000, 0);
    assert_true(exchange_deadline(k, 0) == 1000);
    assert_true(exchange_deadline(k, 7) == 7001000);
}

static void
test_no_deadline_is_the_end_of_time(void **state)
{
    (void)state;
    kernel_set_time(k, 123456789, 0);
    assert_true(exchange_deadline(k, UINT64_MAX) < UINT64_MAX);
    assert_true(exchange_deadline(k, UINT64_MAX) > UINT64_MAX / 2);
    assert_true(exchange_deadline(k, UINT64_MAX / 1000000) < UINT64_MAX);
    kernel_set_time(k, UINT64_MAX - 5, 0);
    assert_true(exchange_deadline(k, 1) == UINT64_MAX - 5);
}

static void
test_time_does_not_go_back(void **state)
{
    (void)state;
    kernel_set_time(k, 9000000, 0);
    kernel_set_time(k, 5, 0);
    assert_true(exchange_deadline(k, 1) == 10000000);
}

static void
test_a_kernel_without_tasklets_waits_for_nothing(void **state)
{
    (void)state;
    assert_false(kernel_runnable(k));
    assert_true(kernel_deadline(k) == UINT64_MAX);
    assert_int_equal(kernel_run(k, 10), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_deadline_is_so_many_milliseconds_from_now, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_deadline_is_the_end_of_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_does_not_go_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_kernel_without_tasklets_waits_for_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
