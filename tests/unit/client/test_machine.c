/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of the client's machine: nodes that are down, silent, lost, restarted, refusing; and what
 * its requests come to. */
#include "machine_world.h"

static void
expect_done(const struct client_request *r, enum stint_status status, const char *words)
{
    assert_int_equal(r->state, CLIENT_DONE);
    if (r->status != status || strstr(r->detail, words) == NULL) {
        fail_msg("%s: %s", stint_status_name(r->status), r->detail);
    }
}

/* ---- stories ---- */

static void
a_request_is_sent_once_connected_and_answered(void **state)
{
    (void)state;
    struct client_request *r = ask(stint_Verb_VERB_PING, 1000, false, false);
    assert_int_equal(client_machine_state(w.m), STINT_CLIENT_CONNECTING);
    settle();
    expect_done(r, STINT_OK, "here");
    assert_int_equal(w.done_count, 1);
    assert_int_equal(client_machine_state(w.m), STINT_CLIENT_CONNECTED);
    assert_string_equal(client_machine_node(w.m), "n1");
    assert_int_equal(w.connects[1], 0);
    assert_int_equal(client_machine_pending(w.m), 0);
}

static void
the_next_endpoint_is_tried_when_one_is_down_or_silent(void **state)
{
    (void)state;
    w.down[0] = true;
    struct client_request *r = ask(stint_Verb_VERB_PING, 1000, false, false);
    settle();
    expect_done(r, STINT_OK, "here");
    assert_string_equal(client_machine_node(w.m), "n2");
}

static void
a_node_that_accepts_and_says_nothing_is_left(void **state)
{
    (void)state;
    w.nodes[0].silent = true;
    struct client_request *r = ask(stint_Verb_VERB_PING, 10000, false, false);
    pass(CLIENT_ATTEMPT_MS + 100);
    expect_done(r, STINT_OK, "here");
    assert_string_equal(client_machine_node(w.m), "n2");
}

static void
nothing_that_never_left_is_in_doubt(void **state)
{
    (void)state;
    w.down[0] = w.down[1] = true;
    struct client_request *change = ask(stint_Verb_VERB_NODE_CORDON, 500, true, false);
    struct client_request *look = ask(stint_Verb_VERB_NODE_LIST, 500, false, false);
    pass(600);
    expect_done(change, STINT_NOT_SENT, "cannot connect");
    expect_done(look, STINT_UNREACHABLE, "tcp://127.0.0.1");
    /* Backoff: some rounds, but not one after the other. */
    assert_in_range(w.connects[0], 2, 8);
}

static void
backoff_grows_and_ends_when_a_node_comes_up(void **state)
{
    (void)state;
    w.down[0] = w.down[1] = true;
    struct client_request *r = ask(stint_Verb_VERB_PING, 60000, false, false);
    pass(1500);
    assert_in_range(w.connects[0], 4, 9); /* quick at first */
    pass(18500);
    uint32_t tries = w.connects[0];
    assert_in_range(tries, 5, 25);
    w.down[1] = false;
    pass(CLIENT_BACKOFF_MAX_MS * 2);
    expect_done(r, STINT_OK, "here");
}

static void
what_left_and_got_no_answer_is_unknown(void **state)
{
    (void)state;
    struct client_request *change = ask(stint_Verb_VERB_NODE_CORDON, 500, true, false);
    struct client_request *look = ask(stint_Verb_VERB_NODE_LIST, 500, false, false);
    change->grace_ms = 300;
    pass(600);
    expect_done(look, STINT_UNREACHABLE, "no answer from n1");
    assert_int_equal(change->state, CLIENT_SENT); /* its grace */
    pass(300);
    expect_done(change, STINT_OUTCOME_UNKNOWN, "no answer from n1");
}

static void
a_late_answer_within_the_grace_counts(void **state)
{
    (void)state;
    struct client_request *r = ask(stint_Verb_VERB_NODE_CORDON, 500, true, false);
    r->grace_ms = 300;
    pass(600);
    fake_end(&w.nodes[0], w.nodes[0].seen[0].number, STINT_REFUSED, "not now");
    settle();
    expect_done(r, STINT_REFUSED, "not now");
    /* And one for a request that is gone does no harm. */
    fake_end(&w.nodes[0], 77777, STINT_OK, "");
    settle();
}

static void
a_broken_link_that_comes_back_repeats_nothing(void **state)
{
    (void)state;
    struct client_request *r = ask(stint_Verb_VERB_NODE_CORDON, 5000, true, false);
    settle();
    assert_int_equal(w.nodes[0].seen_count, 1);
    break_link();
    pass(100);
    assert_int_equal(w.connects[0], 1);
    fake_end(&w.nodes[0], w.nodes[0].seen[0].number, STINT_OK, "done");
    pass(500);
    expect_done(r, STINT_OK, "done");
    assert_int_equal(w.nodes[0].seen_count, 1);
    assert_int_equal(w.nodes[1].seen_count, 0);
}

static void
a_lost_node_is_replaced_and_asked_under_the_same_id(void **state)
{
    (void)state;
    struct client_request *r = ask(stint_Verb_VERB_TASKLET_SPAWN, 8000, true, false);
    settle();
    break_link();
    w.hangs[0] = true;
    pass(CLIENT_RESUME_MS + 100);
    assert_string_equal(client_machine_node(w.m), "n2");
    assert_int_equal(w.nodes[1].seen_count, 1);
    assert_memory_equal(&w.nodes[0].seen[0].id, &w.nodes[1].seen[0].id, sizeof(struct stint_id));
    fake_end(&w.nodes[1], w.nodes[1].seen[0].number, STINT_OK, "");
    settle();
    expect_done(r, STINT_OK, "");
}

static void
items_of_a_lost_node_are_not_mixed_with_those_of_the_next(void **state)
{
    (void)state;
    stint_SpawnInfo info = stint_SpawnInfo_init_zero;
    struct client_request *r = ask(stint_Verb_VERB_NODE_LIST, 8000, false, false);
    settle();
    fake_item(&w.nodes[0], w.nodes[0].seen[0].number, stint_ItemKind_ITEM_SPAWN,
              stint_SpawnInfo_fields, &info, span_of("old", 3));
    settle();
    break_link();
    w.hangs[0] = true;
    pass(CLIENT_RESUME_MS + 100);
    fake_item(&w.nodes[1], w.nodes[1].seen[0].number, stint_ItemKind_ITEM_SPAWN,
              stint_SpawnInfo_fields, &info, span_of("new", 3));
    fake_end(&w.nodes[1], w.nodes[1].seen[0].number, STINT_OK, "");
    settle();
    expect_done(r, STINT_OK, "");
    struct record record;
    size_t at = 0;
    assert_true(record_next(&r->records, &at, &record));
    assert_true(span_equal(record.payload, span_text("new")));
    assert_false(record_next(&r->records, &at, &record));
}

static void
what_another_node_cannot_know_is_unknown_at_once(void **state)
{
    (void)state;
    struct client_request *r = ask(stint_Verb_VERB_TASKLET_IMPORT, 8000, true, true);
    settle();
    break_link();
    w.hangs[0] = true;
    pass(CLIENT_RESUME_MS + 100);
    expect_done(r, STINT_OUTCOME_UNKNOWN, "lost before the answer");
    assert_int_equal(w.nodes[1].seen_count, 0);
}

/* Asks through the first node, loses it, and lets the next one answer with that status. */
static struct client_request *
tried_again(bool changes, enum stint_status status)
{
    struct client_request *r = ask(stint_Verb_VERB_CHANNEL_SEND, 8000, changes, false);
    settle();
    break_link();
    w.hangs[0] = true;
    pass(CLIENT_RESUME_MS + 100);
    assert_int_equal(w.nodes[1].seen_count, 1);
    fake_end(&w.nodes[1], w.nodes[1].seen[0].number, status, "no way to the channel");
    settle();
    return r;
}

/* The first node may have done it before it was lost. */
static void
a_node_that_did_not_get_to_try_knows_nothing_of_earlier_tries(void **state)
{
    (void)state;
    expect_done(tried_again(true, STINT_NOT_SENT), STINT_OUTCOME_UNKNOWN, "no way");
}

static void
what_the_host_has_said_is_a_verdict_on_all_tries(void **state)
{
    (void)state;
    expect_done(tried_again(true, STINT_TIMED_OUT), STINT_TIMED_OUT, "no way");
}

static void
questions_may_be_answered_by_anybody(void **state)
{
    (void)state;
    expect_done(tried_again(false, STINT_NOT_FOUND), STINT_NOT_FOUND, "no way");
}

/* The only try that there was: nothing has happened, in time or not. */
static void
a_first_try_that_was_not_sent_on_has_timed_out(void **state)
{
    (void)state;
    struct client_request *r = ask(stint_Verb_VERB_CHANNEL_SEND, 8000, true, false);
    settle();
    fake_end(&w.nodes[0], w.nodes[0].seen[0].number, STINT_NOT_SENT, "no way to the channel");
    settle();
    expect_done(r, STINT_TIMED_OUT, "no way");
}

static void
a_restarted_node_gets_a_new_session_over_the_same_link(void **state)
{
    (void)state;
    struct client_request *r = ask(stint_Verb_VERB_TASKLET_SPAWN, 8000, true, false);
    settle();
    session_free(w.nodes[0].session);
    w.nodes[0].session = NULL;
    w.up = false;
    client_machine_link_down(w.m, w.link, "the connection was lost", now());
    pass(200);
    assert_int_equal(w.nodes[0].seen_count, 2);
    assert_memory_equal(&w.nodes[0].seen[0].id, &w.nodes[0].seen[1].id, sizeof(struct stint_id));
    fake_end(&w.nodes[0], w.nodes[0].seen[1].number, STINT_OK, "");
    settle();
    expect_done(r, STINT_OK, "");
}

static void
a_node_that_says_good_bye_is_left(void **state)
{
    (void)state;
    struct client_request *r = ask(stint_Verb_VERB_TASKLET_SPAWN, 8000, true, false);
    settle();
    session_close(w.nodes[0].session, STINT_OK, "");
    settle();
    assert_string_equal(client_machine_node(w.m), "n2");
    assert_int_equal(w.nodes[1].seen_count, 1);
    client_machine_cancel(w.m, r);
    settle();
    expect_done(r, STINT_OUTCOME_UNKNOWN, "given up");
}

static void
a_node_that_falls_silent_is_left(void **state)
{
    (void)state;
    struct client_request *r = ask(stint_Verb_VERB_NODE_LIST, 60000, false, false);
    settle();
    w.nodes[0].silent = true;
    pass(CLIENT_SILENCE_MS + 6000);
    assert_string_equal(client_machine_node(w.m), "n2");
    fake_end(&w.nodes[1], w.nodes[1].seen[0].number, STINT_OK, "");
    settle();
    expect_done(r, STINT_OK, "");
}

static void
members_of_the_view_are_asked_when_the_given_ones_are_gone(void **state)
{
    (void)state;
    end(state);
    begin_with(1, 8);
    w.nodes[0].members[0] = endpoints[0];
    w.nodes[0].members[1] = endpoints[2];
    client_machine_start(w.m, now());
    pass(100);
    assert_string_equal(client_machine_node(w.m), "n1");
    struct client_request *r = ask(stint_Verb_VERB_PING, 60000, false, false);
    settle();
    expect_done(r, STINT_OK, "here");
    w.down[0] = true;
    break_link();
    pass(CLIENT_RESUME_MS + CLIENT_BACKOFF_MAX_MS);
    assert_string_equal(client_machine_node(w.m), "n3");
}

static void
an_identity_that_all_refuse_ends_requests_at_once(void **state)
{
    (void)state;
    /* Whoever answers there is no node: as good as a refusal. */
    for (int i = 0; i < 2; i++) {
        fake_node_fini(&w.nodes[i]);
        fake_node_init(&w.nodes[i], &w.mem, i == 0 ? "c1" : "c2", ROLE_CLIENT, answer_pings);
    }
    struct client_request *r = ask(stint_Verb_VERB_NODE_CORDON, 60000, true, false);
    settle();
    expect_done(r, STINT_NOT_AUTHORISED, "where a node should");
    assert_int_equal(client_machine_state(w.m), STINT_CLIENT_REFUSED);
    /* The next request looks again. */
    struct client_request *again = ask(stint_Verb_VERB_NODE_CORDON, 60000, true, false);
    assert_int_equal(client_machine_state(w.m), STINT_CLIENT_CONNECTING);
    settle();
    expect_done(again, STINT_NOT_AUTHORISED, "where a node should");
}

static void
keys_that_do_not_fit_are_a_refusal_after_some_tries(void **state)
{
    (void)state;
    w.handshake_fails[0] = w.handshake_fails[1] = true;
    struct client_request *r = ask(stint_Verb_VERB_NODE_LIST, 60000, false, false);
    settle();
    assert_int_equal(r->state, CLIENT_QUEUED);
    pass(5000);
    expect_done(r, STINT_WRONG_CLUSTER, "handshake failed");
    assert_in_range(w.connects[0], CLIENT_HANDSHAKES, CLIENT_HANDSHAKES + 1);
}

static void
requests_are_bounded_in_number_and_bytes(void **state)
{
    (void)state;
    w.down[0] = w.down[1] = true;
    stint_Request request = stint_Request_init_zero;
    struct client_request *r;
    uint8_t payload[LIMIT_MESSAGE + 1];
    memset(payload, 1, sizeof payload);
    struct client_ask ask = { .request = &request,
                              .deadline_ns = w.now + 1000 * MS,
                              .payload = span_of(payload, sizeof payload) };
    assert_int_equal(client_machine_ask(w.m, &ask, now(), &r), STINT_LIMIT);
    ask.payload.size = 0;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(client_machine_ask(w.m, &ask, now(), &r), STINT_OK);
    }
    assert_int_equal(client_machine_ask(w.m, &ask, now(), &r), STINT_BUSY);
    pass(1100);
    assert_int_equal(w.done_count, 8);
    end(state);
    begin_with(2, 1000);
    w.down[0] = w.down[1] = true;
    ask.deadline_ns = w.now + 1000 * MS;
    ask.payload = span_of(payload, LIMIT_MESSAGE);
    int taken = 0;
    while (client_machine_ask(w.m, &ask, now(), &r) == STINT_OK) {
        taken++;
    }
    assert_in_range(taken, 10, 16); /* of a MiB */
}

static void
cancelling_tells_what_is_known(void **state)
{
    (void)state;
    w.down[0] = w.down[1] = true;
    struct client_request *queued = ask(stint_Verb_VERB_NODE_CORDON, 1000, true, false);
    client_machine_cancel(w.m, queued);
    settle();
    expect_done(queued, STINT_CANCELLED, "");
    w.down[0] = w.down[1] = false;
    pass(1000);
    struct client_request *look = ask(stint_Verb_VERB_NODE_LIST, 1000, false, false);
    settle();
    client_machine_cancel(w.m, look);
    settle();
    expect_done(look, STINT_CANCELLED, "");
}

static void
an_answer_that_cannot_be_read_costs_the_session(void **state)
{
    (void)state;
    struct client_request *r = ask(stint_Verb_VERB_NODE_LIST, 5000, false, false);
    settle();
    struct envelope envelope = { .kind = ENVELOPE_REPLY, .number = w.nodes[0].seen[0].number };
    assert_int_equal(session_send(w.nodes[0].session, &envelope, span_of("\xff\xff\x01", 3)),
                     STINT_OK);
    session_flush(w.nodes[0].session);
    settle();
    assert_string_equal(client_machine_node(w.m), "n2");
    fake_end(&w.nodes[1], w.nodes[1].seen[0].number, (enum stint_status)4000, "");
    settle();
    expect_done(r, STINT_ERROR, ""); /* a status from the future */
}

static void
an_answer_that_promises_more_than_it_holds_costs_the_session(void **state)
{
    (void)state;
    uint8_t body[64];
    stint_Reply reply = stint_Reply_init_zero;
    (void)ask(stint_Verb_VERB_NODE_LIST, 5000, false, false);
    settle();
    reply.kind = stint_ItemKind_ITEM_NODE;
    reply.item_size = 1000;
    pb_ostream_t stream = pb_ostream_from_buffer(body + 2, sizeof body - 2);
    assert_true(pb_encode(&stream, stint_Reply_fields, &reply));
    le16_put(body, (uint16_t)stream.bytes_written);
    struct envelope envelope = { .kind = ENVELOPE_REPLY, .number = w.nodes[0].seen[0].number };
    assert_int_equal(
        session_send(w.nodes[0].session, &envelope, span_of(body, 2 + stream.bytes_written)),
        STINT_OK);
    session_flush(w.nodes[0].session);
    settle();
    assert_string_equal(client_machine_node(w.m), "n2");
}

static void
states_are_told_in_order(void **state)
{
    (void)state;
    client_machine_start(w.m, now());
    settle();
    break_link();
    settle();
    w.hangs[0] = w.hangs[1] = true;
    pass(100);
    assert_int_equal(w.states[0], STINT_CLIENT_CONNECTING);
    assert_int_equal(w.states[1], STINT_CLIENT_CONNECTED);
    assert_int_equal(w.states[2], STINT_CLIENT_CONNECTING);
}

static void
stopping_says_good_bye_and_gives_everything_back(void **state)
{
    (void)state;
    struct client_request *r = ask(stint_Verb_VERB_NODE_CORDON, 5000, true, false);
    struct client_request *look = ask(stint_Verb_VERB_NODE_LIST, 5000, false, false);
    settle();
    client_machine_stop(w.m, now());
    settle();
    expect_done(r, STINT_OUTCOME_UNKNOWN, "closed");
    expect_done(look, STINT_CANCELLED, "closed");
    assert_int_equal(session_state(w.nodes[0].session), SESSION_CLOSED);
    assert_int_equal(session_status(w.nodes[0].session), STINT_OK);
    assert_true(client_machine_deadline(w.m) == UINT64_MAX);
}

/* Breaks, silences and deaths by chance; every request comes back exactly once, with a verdict that
 * fits. */
static void
chance(void **state)
{
    (void)state;
    struct prng random;
    prng_init(&random, test_seed("machine"));
    for (int round = 0; round < 60; round++) {
        uint32_t asked = 0;
        end(state);
        begin_with(3, 8);
        for (int i = 0; i < 40; i++) {
            uint64_t what = prng_below(&random, 10);
            int n = (int)prng_below(&random, NODES);
            if (what < 4 && client_machine_pending(w.m) < 8 && asked < 14) {
                (void)ask(what < 2 ? stint_Verb_VERB_PING : stint_Verb_VERB_NODE_CORDON,
                          100 + (uint32_t)prng_below(&random, 3000), what >= 2, what == 3);
                asked++;
            } else if (what == 4 && w.up) {
                break_link();
            } else if (what == 5) {
                w.down[n] = !w.down[n];
            } else if (what == 6) {
                w.nodes[n].silent = !w.nodes[n].silent;
            } else if (what == 7 && w.nodes[n].session != NULL &&
                       session_state(w.nodes[n].session) == SESSION_OPEN &&
                       w.nodes[n].seen_count > 0) {
                fake_end(&w.nodes[n], w.nodes[n].seen[w.nodes[n].seen_count - 1].number, STINT_OK,
                         "");
            }
            pass(prng_below(&random, 500));
        }
        pass(10000);
        assert_int_equal(w.done_count, asked);
        for (uint32_t i = 0; i < w.done_count; i++) {
            const struct client_request *r = w.done[i];
            assert_true(r->status != STINT_OUTCOME_UNKNOWN || (r->changes && r->was_sent));
            assert_true(r->status != STINT_NOT_SENT || (r->changes && !r->was_sent));
            assert_true(r->status != STINT_UNREACHABLE || !r->changes);
        }
        assert_int_equal(client_machine_pending(w.m), 0);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_request_is_sent_once_connected_and_answered),
        T(the_next_endpoint_is_tried_when_one_is_down_or_silent),
        T(a_node_that_accepts_and_says_nothing_is_left),
        T(nothing_that_never_left_is_in_doubt),
        T(backoff_grows_and_ends_when_a_node_comes_up),
        T(what_left_and_got_no_answer_is_unknown),
        T(a_late_answer_within_the_grace_counts),
        T(a_broken_link_that_comes_back_repeats_nothing),
        T(a_lost_node_is_replaced_and_asked_under_the_same_id),
        T(items_of_a_lost_node_are_not_mixed_with_those_of_the_next),
        T(what_another_node_cannot_know_is_unknown_at_once),
        T(a_node_that_did_not_get_to_try_knows_nothing_of_earlier_tries),
        T(what_the_host_has_said_is_a_verdict_on_all_tries),
        T(questions_may_be_answered_by_anybody),
        T(a_first_try_that_was_not_sent_on_has_timed_out),
        T(a_restarted_node_gets_a_new_session_over_the_same_link),
        T(a_node_that_says_good_bye_is_left),
        T(a_node_that_falls_silent_is_left),
        T(members_of_the_view_are_asked_when_the_given_ones_are_gone),
        T(an_identity_that_all_refuse_ends_requests_at_once),
        T(keys_that_do_not_fit_are_a_refusal_after_some_tries),
        T(requests_are_bounded_in_number_and_bytes),
        T(cancelling_tells_what_is_known),
        T(an_answer_that_cannot_be_read_costs_the_session),
        T(an_answer_that_promises_more_than_it_holds_costs_the_session),
        T(states_are_told_in_order),
        T(stopping_says_good_bye_and_gives_everything_back),
        T(chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
