/* SPDX-License-Identifier: Apache-2.0 */
#include "link_bench.h"

#include <stdio.h>

#include "link/link_inbound.h"

#define SILENCE_NS UINT64_C(1000)

struct box {
    struct mem mem;
    struct inbound in;
};

static int
setup(void **state)
{
    struct box *b = calloc(1, sizeof *b);
    b->mem = bench_mem();
    inbound_init(&b->in, &b->mem, 4, SILENCE_NS, 1);
    *state = b;
    return 0;
}

static int
teardown(void **state)
{
    struct box *b = *state;
    inbound_fini(&b->in);
    assert_int_equal(b->mem.used, 0);
    free(b);
    return 0;
}

static const char *
user_of(unsigned key)
{
    static char text[2 * LINK_KEY_SIZE + 1];
    (void)snprintf(text, sizeof text, "%064x", key);
    return text;
}

/* The number of the link that a frame of connection `c` with key `key` belongs to; 0:
 * dropped. */
static uint64_t
heard(struct box *b, uint8_t c, unsigned key, uint64_t now)
{
    uint8_t routing[5] = { 0, 9, 9, 9, c };
    struct inbound_link *l =
        inbound_heard(&b->in, span_of(routing, 5), user_of(key), now);
    return l == NULL ? 0 : l->number;
}

static uint64_t
expired(struct box *b, uint64_t now)
{
    uint64_t number = 0;
    const char *text = NULL;
    return inbound_expired(&b->in, now, &number, &text) ? number : 0;
}

static void
test_a_connection_keeps_its_number(void **state)
{
    struct box *b = *state;
    uint64_t one = heard(b, 1, 77, 0);
    uint64_t two = heard(b, 2, 77, 0);
    assert_true((one & LINK_INBOUND) != 0);
    assert_true(one != two);
    assert_int_equal(heard(b, 1, 77, 5), one);
    assert_int_equal(inbound_find(&b->in, one)->key[LINK_KEY_SIZE - 1], 77);
    assert_null(inbound_find(&b->in, one + 100));
}

static void
test_a_key_that_changes_or_is_none_is_dropped(void **state)
{
    struct box *b = *state;
    uint8_t routing[5] = { 0, 1, 2, 3, 4 };
    assert_true(heard(b, 1, 77, 0) != 0);
    assert_int_equal(heard(b, 1, 78, 0), 0);
    assert_null(inbound_heard(&b->in, span_of(routing, 5), NULL, 0));
    assert_null(inbound_heard(&b->in, span_of(routing, 5), "", 0));
    assert_null(inbound_heard(&b->in, span_of(routing, 5), "zz", 0));
    assert_int_equal(table_count(&b->in.by_number), 1);
}

static void
test_routing_ids_that_a_peer_chose_are_dropped(void **state)
{
    struct box *b = *state;
    uint8_t chosen[3] = { 'a', 'b', 'c' };
    uint8_t longer[INBOUND_ROUTING_MAX + 1] = { 0 };
    assert_null(inbound_heard(&b->in, span_of(chosen, 3), user_of(1), 0));
    assert_null(inbound_heard(&b->in, span_of(longer, sizeof longer), user_of(1), 0));
    assert_null(inbound_heard(&b->in, span_of(longer, 0), user_of(1), 0));
    assert_non_null(
        inbound_heard(&b->in, span_of(longer, INBOUND_ROUTING_MAX), user_of(1), 0));
}

static void
test_a_flood_of_strangers_pushes_out_strangers_only(void **state)
{
    struct box *b = *state;
    uint64_t peer = heard(b, 1, 1, 0);
    inbound_answered(&b->in, inbound_find(&b->in, peer));
    uint64_t numbers[200];
    for (unsigned i = 0; i < 200; i++) {
        numbers[i] = heard(b, (uint8_t)(i + 2), i + 2, 1);
        assert_true(numbers[i] != 0);
        uint64_t gone = expired(b, 1);
        assert_int_equal(gone, i < 3 ? 0 : numbers[i - 3]);
        assert_int_equal(expired(b, 1), 0);
        assert_true(table_count(&b->in.by_number) <= 4);
    }
    assert_non_null(inbound_find(&b->in, peer));
}

static void
test_with_peers_only_the_longest_silent_one_goes(void **state)
{
    struct box *b = *state;
    uint64_t n[5];
    for (uint8_t i = 0; i < 5; i++) {
        n[i] = heard(b, i, i, i);
        inbound_answered(&b->in, inbound_find(&b->in, n[i]));
    }
    assert_int_equal(heard(b, 0, 0, 9), n[0]);
    assert_int_equal(expired(b, 9), n[1]);
    assert_int_equal(expired(b, 9), 0);
}

static void
test_silence_ends_a_link_and_the_deadline_says_when(void **state)
{
    struct box *b = *state;
    assert_true(inbound_deadline(&b->in) == UINT64_MAX);
    uint64_t one = heard(b, 1, 1, 10);
    uint64_t two = heard(b, 2, 2, 20);
    inbound_answered(&b->in, inbound_find(&b->in, one));
    assert_int_equal(inbound_deadline(&b->in), 10 + SILENCE_NS);
    assert_int_equal(expired(b, 9 + SILENCE_NS), 0);
    assert_int_equal(expired(b, 10 + SILENCE_NS), one);
    assert_int_equal(expired(b, 10 + SILENCE_NS), 0);
    assert_int_equal(expired(b, 20 + SILENCE_NS), two);
    uint64_t again = heard(b, 1, 1, 5000);
    assert_true(again != one && again != 0);
}

static void
test_a_closed_link_is_silent_and_forgotten_without_report(void **state)
{
    struct box *b = *state;
    uint64_t one = heard(b, 1, 1, 0);
    inbound_answered(&b->in, inbound_find(&b->in, one));
    inbound_close(&b->in, inbound_find(&b->in, one));
    assert_null(inbound_find(&b->in, one));
    assert_int_equal(heard(b, 1, 1, 500), 0);
    assert_int_equal(expired(b, SILENCE_NS + 499), 0);
    assert_int_equal(table_count(&b->in.by_number), 1);
    assert_int_equal(expired(b, SILENCE_NS + 500), 0);
    assert_int_equal(table_count(&b->in.by_number), 0);
}

static void
test_a_lost_link_is_reported_at_once(void **state)
{
    struct box *b = *state;
    uint64_t one = heard(b, 1, 1, 0);
    inbound_lost(&b->in, inbound_find(&b->in, one));
    assert_int_equal(inbound_deadline(&b->in), 0);
    assert_int_equal(expired(b, 0), one);
    assert_int_equal(expired(b, 0), 0);
}

/* Every allocation fails once: a frame is dropped or taken, nothing leaks or breaks. */
static void *
failing_resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    unsigned *left = arg;
    if (size != 0 && (*left)-- == 0) {
        return NULL;
    }
    return bench_resize(NULL, ptr, old_size, size);
}

static void
test_short_memory_drops_the_frame(void **state)
{
    (void)state;
    for (unsigned fail_at = 0; fail_at < 8; fail_at++) {
        unsigned left = fail_at;
        struct box b;
        mem_init(&b.mem, (struct stint_allocator){ failing_resize, &left }, 0);
        inbound_init(&b.in, &b.mem, 4, SILENCE_NS, 1);
        uint64_t first = heard(&b, 1, 1, 0);
        assert_true(fail_at > 4 ? first != 0 : true);
        left = 1000;
        assert_true(heard(&b, 1, 1, 0) != 0);
        inbound_fini(&b.in);
        assert_int_equal(b.mem.used, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_a_connection_keeps_its_number),
        TEST(test_a_key_that_changes_or_is_none_is_dropped),
        TEST(test_routing_ids_that_a_peer_chose_are_dropped),
        TEST(test_a_flood_of_strangers_pushes_out_strangers_only),
        TEST(test_with_peers_only_the_longest_silent_one_goes),
        TEST(test_silence_ends_a_link_and_the_deadline_says_when),
        TEST(test_a_closed_link_is_silent_and_forgotten_without_report),
        TEST(test_a_lost_link_is_reported_at_once),
        TEST(test_short_memory_drops_the_frame),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
