/* SPDX-License-Identifier: Apache-2.0 */
/* How many lines of a kind come through, and that the others are told of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "core/log_limit.h"

#define MS UINT64_C(1000000)

static struct log_limit limit;

static int
setup(void **state)
{
    (void)state;
    memset(&limit, 0, sizeof limit);
    return 0;
}

/* How many of so many lines are written at that time. */
static uint32_t
written(const char *format, uint32_t lines, uint64_t now_ns)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < lines; i++) {
        char text[32];
        text_format(text, sizeof text, "line %u", i);
        count += log_limit_allows(&limit, NODE_LOG_WARN, format, text, now_ns) ? 1 : 0;
    }
    return count;
}

static void
test_a_burst_is_cut_and_told_of(void **state)
{
    (void)state;
    struct log_kind kind;
    assert_int_equal(written("a", LOG_BURST, 5 * MS), LOG_BURST);
    assert_false(log_limit_next(&limit, true, 5 * MS, &kind));
    assert_int_equal(written("a", 50, 5 * MS), 0);
    assert_int_equal(written("b", 1, 5 * MS), 1); /* another kind */
    assert_false(log_limit_next(&limit, false, 1004 * MS, &kind));
    assert_true(log_limit_next(&limit, false, 1005 * MS, &kind));
    assert_int_equal(kind.held, 50);
    assert_int_equal(kind.level, NODE_LOG_WARN);
    assert_string_equal(kind.last, "line 49");
    assert_false(log_limit_next(&limit, true, 1005 * MS, &kind));
    assert_int_equal(written("a", 50, 1005 * MS), 10); /* those of a second */
    assert_int_equal(written("a", 1, 1205 * MS), 0);   /* in order: not before those that are held back */
    assert_true(log_limit_next(&limit, true, 1205 * MS, &kind));
    assert_int_equal(kind.held, 41);
    assert_int_equal(written("a", 5, 1205 * MS), 2);
    assert_int_equal(written("a", 2 * LOG_BURST, 60000 * MS), 0);
    assert_true(log_limit_next(&limit, false, 60000 * MS, &kind));
    assert_int_equal(kind.held, 3 + 2 * LOG_BURST);
    assert_int_equal(written("a", 2 * LOG_BURST, 60000 * MS), LOG_BURST); /* not more, after whatever pause */
}

static void
test_there_are_more_kinds_than_places(void **state)
{
    (void)state;
    static char formats[2 * LOG_KINDS];
    struct log_kind kind;
    for (uint32_t i = 0; i < LOG_KINDS; i++) {
        assert_int_equal(written(&formats[i], 1 + i * LOG_BURST, i * MS), i == 0 ? 1 : LOG_BURST);
    }
    for (uint32_t i = LOG_KINDS; i < 2 * LOG_KINDS; i++) { /* one place is free for all of them */
        assert_int_equal(written(&formats[i], 2, i * MS), 2);
    }
    uint32_t told = 0;
    while (log_limit_next(&limit, true, 200 * MS, &kind)) {
        told++;
    }
    assert_int_equal(told, LOG_KINDS - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_burst_is_cut_and_told_of, setup),
        cmocka_unit_test_setup(test_there_are_more_kinds_than_places, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
