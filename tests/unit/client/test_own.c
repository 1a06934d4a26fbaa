/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on channels that a client hosts: each once and in order. */
#include "own_relay.h"

/* ---- sends of tasklets ---- */

static void
a_value_is_taken_once_and_its_outcome_repeated(void **state)
{
    (void)state;
    open_channel(0);
    send(1, 1, "a");
    EXPECT_SILENCE();
    send(1, 1, "a"); /* again, while it waits */
    EXPECT_SILENCE();
    EXPECT_VALUE("a");
    EXPECT_DONE(1, STINT_OK);
    assert_true(id_equal(answer.tid, id_of(1)) && answer.size == 0);
    send(1, 1, "a");
    EXPECT_DONE(1, STINT_OK);
    char value[64];
    assert_int_equal(receive(value), STINT_TIMED_OUT);
    send(1, 3, "c"); /* 2 is missing: that is said once */
    EXPECT_NACK(1, STINT_OK);
    send(1, 3, "c");
    EXPECT_SILENCE();
    send(1, 2, "b");
    EXPECT_VALUE("b");
    EXPECT_DONE(2, STINT_OK);
    send(1, 1, "a"); /* long settled */
    EXPECT_SILENCE();
}

static void
senders_are_served_in_the_order_of_their_coming(void **state)
{
    (void)state;
    open_channel(0);
    send(1, 1, "a");
    send(2, 1, "b");
    send(3, 1, "c");
    EXPECT_VALUE("a");
    EXPECT_VALUE("b");
    send(1, 2, "d");
    EXPECT_VALUE("c");
    EXPECT_VALUE("d");
}

static void
a_buffer_takes_what_fits_and_asks_for_the_rest(void **state)
{
    (void)state;
    char value[2] = "a";
    open_channel(4);
    for (uint64_t i = 1; i <= 8; i++, value[0]++) {
        send(1, i, value);
    }
    /* 1 to 4 are in it and confirmed by the last of them, 5 waits, the others were dropped. */
    EXPECT_DONE(4, STINT_OK);
    EXPECT_SILENCE();
    EXPECT_VALUE("a");
    EXPECT_DONE(5, STINT_OK);
    EXPECT_SILENCE(); /* not for a single free place */
    EXPECT_VALUE("b");
    EXPECT_SILENCE();
    EXPECT_VALUE("c");
    EXPECT_NACK(5, STINT_OK);
    send(1, 6, "f");
    send(1, 7, "g");
    EXPECT_DONE(7, STINT_OK);
    EXPECT_VALUE("d");
    EXPECT_VALUE("e");
    EXPECT_VALUE("f");
    EXPECT_VALUE("g");
}

static void
a_failure_is_told_by_itself(void **state)
{
    (void)state;
    open_channel(4);
    send(1, 1, "a");
    struct envelope other = { .kind = ENVELOPE_OFFER,
                              .op = OWN_CHANNEL_SEND,
                              .number = 2,
                              .epoch = 1,
                              .word = HASH + 1,
                              .source = id_of(1),
                              .target = own_id(ch) };
    uint8_t body[OWN_CHANNEL_PLACE_SIZE + 1] = { 0 };
    own_receive(own, &other, span_of(body, sizeof body));
    send(1, 3, "c"); /* if that were done now, its answer would say that all before it went well */
    EXPECT_DONE(2, STINT_TYPE_MISMATCH);
    EXPECT_NACK(2, STINT_OK);
    send(1, 3, "c");
    EXPECT_DONE(3, STINT_OK);
    EXPECT_VALUE("a");
    EXPECT_VALUE("c");
}

static void
what_is_cancelled_never_happens(void **state)
{
    (void)state;
    char value[64];
    open_channel(0);
    send(1, 1, "a");
    cancel(1, 1);
    EXPECT_DONE(1, STINT_CANCELLED);
    assert_int_equal(receive(value), STINT_TIMED_OUT);
    send(1, 1, "a"); /* on a longer way */
    EXPECT_DONE(1, STINT_CANCELLED);
    cancel(1, 2); /* before what it cancels */
    EXPECT_DONE(2, STINT_CANCELLED);
    send(1, 2, "b");
    EXPECT_DONE(2, STINT_CANCELLED);
    assert_int_equal(receive(value), STINT_TIMED_OUT);
    send(1, 3, "c");
    EXPECT_VALUE("c");
    cancel(1, 3); /* too late */
    EXPECT_DONE(3, STINT_OK);
    EXPECT_SILENCE();
}

static void
an_unknown_series_of_numbers_has_no_outcome(void **state)
{
    (void)state;
    char value[64];
    open_channel(2);
    send(1, 5, "e");
    EXPECT_DONE(5, STINT_OUTCOME_UNKNOWN);
    assert_int_equal(receive(value), STINT_TIMED_OUT);
    send(1, 6, "f");
    EXPECT_DONE(6, STINT_OK);
    /* One that begins at 9 and says so. */
    uint8_t body[OWN_CHANNEL_PLACE_SIZE] = { 0 };
    struct envelope e = { .kind = ENVELOPE_OFFER,
                          .flags = OWN_CHANNEL_FIRST,
                          .op = OWN_CHANNEL_SEND,
                          .number = 9,
                          .epoch = 1,
                          .word = HASH,
                          .source = id_of(2),
                          .target = own_id(ch) };
    own_receive(own, &e, span_of(body, sizeof body));
    EXPECT_DONE(9, STINT_OK);
}

/* ---- receives of tasklets ---- */

static void
a_tasklet_receives_and_hears_it_again(void **state)
{
    (void)state;
    open_channel(0);
    want(1, 1);
    EXPECT_SILENCE();
    assert_int_equal(own_begin(own, ch, &waits[0], +1, span_text("x")), STINT_OK);
    assert_ptr_equal(own_done(own), &waits[0]);
    assert_int_equal(waits[0].status, STINT_OK);
    own_give_up(own, &waits[0]);
    for (int i = 0; i < 2; i++) {
        EXPECT_DONE(1, STINT_OK);
        assert_int_equal(answer.size, 1);
        assert_int_equal(answer.value[0], 'x');
        want(1, 1);
    }
    assert_int_equal(own_begin(own, ch, &waits[0], +1, span_text("y")), STINT_OK);
    assert_null(own_done(own));
    want(1, 2); /* so the first one has arrived */
    assert_ptr_equal(own_done(own), &waits[0]);
    own_give_up(own, &waits[0]);
    EXPECT_DONE(2, STINT_OK);
    assert_int_equal(answer.value[0], 'y');
    assert_int_equal(own_count(own).values, 1);
    fin(1, 2);
    assert_int_equal(own_count(own).values, 0);
}

static void
tasklets_exchange_with_each_other(void **state)
{
    (void)state;
    open_channel(0);
    want(1, 1);
    send(2, 1, "v");
    EXPECT_DONE(1, STINT_OK);
    EXPECT_DONE(1, STINT_OK);
    assert_int_equal(answer.size + (size_t)answer.value[0], 1 + 'v');
}

static void
what_the_client_gives_up_is_not_served(void **state)
{
    (void)state;
    open_channel(0);
    assert_int_equal(own_begin(own, ch, &waits[0], -1, span_of(NULL, 0)), STINT_OK);
    own_give_up(own, &waits[0]);
    send(1, 1, "a");
    EXPECT_SILENCE();
    assert_null(own_done(own));
    EXPECT_VALUE("a");
    assert_int_equal(own_begin(own, ch, &waits[0], +1, span_text("x")), STINT_OK);
    own_give_up(own, &waits[0]);
    want(2, 1);
    assert_true(next() && answer.number == 1 && answer.size == 0); /* only the send's outcome */
    EXPECT_SILENCE();
}

/* ---- places and ends ---- */

static void
an_older_place_is_not_believed(void **state)
{
    (void)state;
    open_channel(0);
    pass_on(ENVELOPE_OFFER, 1, 1, OWN_CHANNEL_SEND, 2, 2, span_text("a"));
    pass_on(ENVELOPE_OFFER, 1, 1, OWN_CHANNEL_SEND, 1, 1, span_text("a"));
    EXPECT_VALUE("a");
    EXPECT_DONE(1, STINT_OK);
    assert_int_equal(answer.place.node.bytes[1], 2);
    pass_on(ENVELOPE_OFFER, 1, 1, OWN_CHANNEL_SEND, 3, 3, span_text("a"));
    EXPECT_DONE(1, STINT_OK);
    assert_int_equal(answer.place.node.bytes[1], 3);
}

static void
an_end_is_remembered_for_who_moved(void **state)
{
    (void)state;
    open_channel(1);
    send(1, 1, "a");
    fin(1, 1); /* it never moved: nothing of it can be on its way */
    assert_int_equal(own_count(own).relations, 0);
    EXPECT_VALUE("a");
    pass_on(ENVELOPE_OFFER, 2, 1, OWN_CHANNEL_SEND, 2, 2, span_text("b"));
    EXPECT_VALUE("b");
    EXPECT_DONE(1, STINT_OK);
    fin(2, 1);
    pass_on(ENVELOPE_OFFER, 2, 1, OWN_CHANNEL_SEND, 2, 2, span_text("b"));
    EXPECT_SILENCE();
    char value[64];
    assert_int_equal(receive(value), STINT_TIMED_OUT);
    tick(11 * SECOND);
    assert_int_equal(own_count(own).relations, 0);
    send(3, 1, "c");
    fin(3, 2); /* comes before the last operation */
    send(3, 2, "d");
    assert_int_equal(own_count(own).relations, 1);
    EXPECT_VALUE("c");
    EXPECT_VALUE("d");
    assert_int_equal(own_count(own).relations, 0);
}

static void
who_is_on_a_node_that_is_gone_is_passed_over(void **state)
{
    (void)state;
    open_channel(0);
    pass_on(ENVELOPE_OFFER, 1, 1, OWN_CHANNEL_RECEIVE, 1, 1, span_of(NULL, 0));
    pass_on(ENVELOPE_OFFER, 2, 1, OWN_CHANNEL_RECEIVE, 1, 2, span_of(NULL, 0));
    node_gone(1);
    assert_int_equal(own_begin(own, ch, &waits[0], +1, span_text("x")), STINT_OK);
    EXPECT_DONE(1, STINT_OK);
    assert_true(id_equal(answer.tid, id_of(2)));
    own_give_up(own, &waits[0]);
    assert_int_equal(own_begin(own, ch, &waits[0], +1, span_text("y")), STINT_OK);
    assert_null(own_done(own));
    pass_on(ENVELOPE_OFFER, 1, 1, OWN_CHANNEL_RECEIVE, 2, 3, span_of(NULL, 0)); /* adopted elsewhere */
    EXPECT_DONE(1, STINT_OK);
    assert_true(id_equal(answer.tid, id_of(1)));
    own_give_up(own, &waits[0]);
    pass_on(ENVELOPE_OFFER, 4, 1, OWN_CHANNEL_RECEIVE, 1, 4, span_of(NULL, 0));
    node_gone(4);
    tick(61 * SECOND);
    assert_int_equal(own_count(own).relations, 2);
}

static void
a_new_session_doubts_who_waits_and_keeps_the_order(void **state)
{
    (void)state;
    struct own_registration registration;
    open_channel(0);
    send(1, 1, "a");
    send(2, 1, "b");
    send(3, 1, "c");
    own_session(own);
    char value[64];
    assert_int_equal(receive(value), STINT_TIMED_OUT); /* nobody is there for sure */
    assert_true(own_next_registration(own, &registration));
    assert_int_equal(registration.epoch, 2);
    send(3, 1, "c");
    send(2, 1, "b");
    EXPECT_VALUE("b");
    EXPECT_VALUE("c");
    tick(61 * SECOND); /* the first one never came again; how far it is stays known */
    send(1, 1, "a");
    EXPECT_VALUE("a");
    assert_int_equal(own_count(own).relations, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_value_is_taken_once_and_its_outcome_repeated),
        CASE(senders_are_served_in_the_order_of_their_coming),
        CASE(a_buffer_takes_what_fits_and_asks_for_the_rest),
        CASE(a_failure_is_told_by_itself),
        CASE(what_is_cancelled_never_happens),
        CASE(an_unknown_series_of_numbers_has_no_outcome),
        CASE(a_tasklet_receives_and_hears_it_again),
        CASE(tasklets_exchange_with_each_other),
        CASE(what_the_client_gives_up_is_not_served),
        CASE(an_older_place_is_not_believed),
        CASE(an_end_is_remembered_for_who_moved),
        CASE(who_is_on_a_node_that_is_gone_is_passed_over),
        CASE(a_new_session_doubts_who_waits_and_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
