/* SPDX-License-Identifier: Apache-2.0 */
/* Operations without blocking: order, cancelling, callbacks that close the client, bounds. */
#include "scripted.h"

struct told {
    uint32_t count;
    enum stint_status status[8];
    bool release, close, wait_inside;
    enum stint_status inside;
};

static void
on_done(void *arg, struct stint_call *call)
{
    struct told *told = arg;
    told->status[told->count++ % 8] = stint_call_status(call);
    assert_true(stint_call_done(call));
    if (told->wait_inside) {
        told->inside = stint_admin_ping(client, NULL, 100, NULL);
    }
    if (told->release) {
        stint_call_release(call);
    }
    if (told->close) {
        stint_client_close(client, 1000);
        client = NULL;
    }
}

/* Turns of client and node until so many were told. */
static void
turns(const struct told *told, uint32_t count)
{
    uint64_t until = clock_now_ns() + TIMEOUT_MS * UINT64_C(1000000);
    while (told->count < count) {
        assert_true(clock_now_ns() < until);
        stint_client_process(client);
        node_turn(0);
        if (client == NULL) {
            return;
        }
        struct pollfd p[2] = { { .fd = stint_client_fd(client), .events = POLLIN },
                               { .fd = link_fd(s.net), .events = POLLIN } };
        int wait = stint_client_timeout_ms(client);
        (void)poll(p, 2, link_pending(s.net) ? 0 : wait >= 0 && wait < 20 ? wait : 20);
    }
}

/* An event loop that asks how long it may wait is told that it must not, until the call has left. */
static void
what_was_begun_or_given_up_is_not_waited_with(void **state)
{
    (void)state;
    struct told told = { 0 };
    stint_client_process(client);
    assert_int_equal(stint_client_timeout_ms(client), -1);
    struct stint_call *call =
        stint_client_send_json_begin(client, "a", "{}", NULL, TIMEOUT_MS, on_done, &told);
    assert_non_null(call);
    assert_int_equal(stint_client_timeout_ms(client), 0);
    stint_client_process(client);
    assert_true(stint_client_timeout_ms(client) > 0);
    stint_call_cancel(call);
    assert_int_equal(stint_client_timeout_ms(client), 0);
    stint_client_process(client);
    assert_int_equal(told.count, 1);
    stint_call_release(call);
}

static void
operations_on_one_channel_take_effect_in_order(void **state)
{
    (void)state;
    struct told told = { .release = true };
    for (int i = 0; i < 6; i++) {
        char json[32];
        text_format(json, sizeof json, "{\"amount\":%d}", i + 1);
        assert_non_null(
            stint_client_send_json_begin(client, "a", json, NULL, TIMEOUT_MS, on_done, &told));
    }
    assert_int_equal(told.count, 0); /* never inside the call that asks */
    turns(&told, 6);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(told.status[i], STINT_OK);
        assert_int_equal(s.number[i], i + 1);
    }
}

static void
one_that_waits_for_its_turn_can_be_cancelled_or_run_out_of_time(void **state)
{
    (void)state;
    struct told told = { .release = false };
    s.hold = true;
    struct stint_call *first =
        stint_client_send_json_begin(client, "a", "{}", NULL, TIMEOUT_MS, on_done, &told);
    struct stint_call *second =
        stint_client_send_json_begin(client, "a", "{}", NULL, TIMEOUT_MS, on_done, &told);
    struct stint_call *third =
        stint_client_send_json_begin(client, "a", "{}", NULL, 300, on_done, &told);
    while (s.held_count == 0) {
        stint_client_process(client);
        node_turn(0);
        struct pollfd p = { .fd = stint_client_fd(client), .events = POLLIN };
        (void)poll(&p, 1, 5);
    }
    stint_call_cancel(second);
    turns(&told, 2);
    assert_int_equal(stint_call_status(second), STINT_CANCELLED);
    assert_int_equal(stint_call_status(third), STINT_NOT_SENT);
    assert_int_equal(stint_call_status(first), STINT_BUSY);
    assert_false(stint_call_done(first));
    stint_call_cancel(first);
    turns(&told, 3);
    assert_int_equal(stint_call_status(first), STINT_OUTCOME_UNKNOWN);
    assert_int_equal(s.held_count, 1);
    stint_call_release(first);
    stint_call_release(second);
    stint_call_release(third);
}

/* A node says after its own bound that nothing came; the operation was given more time. */
static void
one_that_has_time_left_is_asked_for_again(void **state)
{
    (void)state;
    struct told told = { .release = false };
    struct stint_value value;
    s.hold = true;
    struct stint_call *call =
        stint_client_receive_begin(client, "a", true, TIMEOUT_MS, on_done, &told);
    uint64_t bound = clock_now_ns() + (STINT_CLIENT_GRACE_MS + 300) * UINT64_C(1000000);
    while (s.held_count == 0 || clock_now_ns() < bound) {
        stint_client_process(client);
        node_turn(0);
        struct pollfd p = { .fd = stint_client_fd(client), .events = POLLIN };
        (void)poll(&p, 1, 20);
    }
    s.hold = false;
    fake_end(&s.node, s.held[0], STINT_TIMED_OUT, "nothing came");
    turns(&told, 1);
    assert_int_equal(told.status[0], STINT_OK);
    assert_int_equal(s.receives, 2);
    assert_int_equal(stint_call_value(call, &value), STINT_OK);
    stint_call_release(call);
}

static void
a_callback_may_not_wait(void **state)
{
    (void)state;
    struct told told = { .release = true, .wait_inside = true };
    assert_non_null(
        stint_client_send_json_begin(client, "a", "{}", NULL, TIMEOUT_MS, on_done, &told));
    turns(&told, 1);
    assert_int_equal(told.inside, STINT_BUSY);
}

static void
a_callback_may_close_the_client(void **state)
{
    (void)state;
    struct told told = { .release = true, .close = true };
    struct told other = { .release = false };
    s.hold = false;
    struct stint_call *held =
        stint_client_receive_begin(client, "nowhere", true, TIMEOUT_MS, NULL, &other);
    struct stint_call *listing =
        stint_client_wait_begin(client, "ab", STINT_WAIT_ENDED, TIMEOUT_MS, on_done, &told);
    assert_non_null(held);
    assert_non_null(listing);
    turns(&told, 1);
    assert_null(client);
    /* Its handle outlives it. */
    assert_true(stint_call_done(held));
    stint_call_cancel(held);
    stint_call_release(held);
}

static void
closing_ends_what_is_under_way_and_tells(void **state)
{
    (void)state;
    struct told told = { .release = true };
    s.hold = true;
    assert_non_null(
        stint_client_send_json_begin(client, "a", "{}", NULL, TIMEOUT_MS, on_done, &told));
    assert_non_null(
        stint_client_send_json_begin(client, "a", "{}", NULL, TIMEOUT_MS, on_done, &told));
    uint64_t begun = clock_now_ns();
    stint_client_close(client, 100);
    client = NULL;
    assert_in_range((clock_now_ns() - begun) / 1000000, 0, 3000);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.status[0], STINT_CANCELLED);
    assert_int_equal(told.status[1], STINT_CANCELLED);
}

static void
operations_are_bounded(void **state)
{
    (void)state;
    struct told told = { .release = true };
    uint32_t begun = 0;
    while (stint_client_send_json_begin(client, "a", "{}", NULL, 1, on_done, &told) != NULL) {
        begun++;
        assert_true(begun < 5000);
    }
    assert_int_equal(begun, 1024);
    assert_non_null(strstr(stint_client_error(client), "1024"));
    turns(&told, begun);
}

static void
results_of_another_kind_are_refused(void **state)
{
    (void)state;
    struct stint_value value;
    struct stint_wait_result result;
    struct told told = { .release = false };
    struct stint_call *call = stint_client_send_begin(client, "a", span_of(NULL, 0), "tally.Add",
                                                      TIMEOUT_MS, on_done, &told);
    assert_int_equal(stint_call_value(call, &value), STINT_INVALID);
    turns(&told, 1);
    assert_int_equal(stint_call_value(call, &value), STINT_INVALID);
    assert_int_equal(stint_call_waited(call, &result), STINT_INVALID);
    assert_int_equal(stint_call_spawned(call, NULL, 0, NULL), STINT_INVALID);
    stint_call_release(call);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin_turns, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_was_begun_or_given_up_is_not_waited_with),
        T(operations_on_one_channel_take_effect_in_order),
        T(one_that_waits_for_its_turn_can_be_cancelled_or_run_out_of_time),
        T(one_that_has_time_left_is_asked_for_again),
        T(a_callback_may_not_wait),
        T(a_callback_may_close_the_client),
        T(closing_ends_what_is_under_way_and_tells),
        T(operations_are_bounded),
        T(results_of_another_kind_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
