/* SPDX-License-Identifier: Apache-2.0 */
/* Channels that a client hosts: their ends, registrations and bounds; and everything at once. */
#include "own_relay.h"

/* ---- closing ---- */

static void
closing_wakes_all_and_is_told_last(void **state)
{
    (void)state;
    struct own_registration registration;
    open_channel(0);
    send(1, 1, "a");
    own_close(own, ch, true);
    struct stint_id id = own_id(ch);
    assert_null(own_find(own, id));
    assert_true(own_has_ended(own, id));
    assert_false(own_next_registration(own, &registration)); /* there is something to be told first */
    EXPECT_DONE(1, STINT_CLOSED);
    send(2, 1, "b"); /* it is still heard */
    EXPECT_DONE(1, STINT_CLOSED);
    want(3, 1);
    EXPECT_DONE(1, STINT_END_OF_SEQUENCE);
    assert_true(own_next_registration(own, &registration));
    assert_true(registration.leave && registration.epoch == 2);
    own_registered(own, id, 2, STINT_UNREACHABLE, "");
    assert_false(own_next_registration(own, &registration));
    tick(2 * SECOND);
    assert_true(own_next_registration(own, &registration) && registration.leave);
    own_registered(own, id, 3, STINT_OK, "");
    assert_false(own_next_registration(own, &registration));
}

static void
what_is_in_it_is_received_before_the_end(void **state)
{
    (void)state;
    open_channel(2);
    send(1, 1, "a");
    send(1, 2, "b");
    send(1, 3, "c");
    send(2, 1, "x");
    own_close(own, ch, false);
    send(3, 1, "y");
    assert_true(next() && answer.number == 2);
    assert_true(next() && answer.status == STINT_CLOSED && id_equal(answer.tid, id_of(3)));
    EXPECT_SILENCE();
    EXPECT_VALUE("a"); /* who waited before follows */
    EXPECT_VALUE("b");
    EXPECT_VALUE("c");
    assert_int_equal(own_begin(own, ch, &waits[0], +1, span_text("z")), STINT_OK);
    assert_ptr_equal(own_done(own), &waits[0]);
    assert_int_equal(waits[0].status, STINT_CLOSED);
    own_give_up(own, &waits[0]);
    EXPECT_VALUE("x");
    assert_true(own_has_ended(own, own_id(ch)) && own_find(own, own_id(ch)) == NULL);
}

static void
others_may_close_it(void **state)
{
    (void)state;
    open_channel(0);
    assert_int_equal(own_begin(own, ch, &waits[0], -1, span_of(NULL, 0)), STINT_OK);
    pass_on(ENVELOPE_CLOSE, 0, 0, OWN_CHANNEL_WAKE, 0, 0, span_of(NULL, 0));
    assert_ptr_equal(own_done(own), &waits[0]);
    assert_int_equal(waits[0].status, STINT_END_OF_SEQUENCE);
    own_give_up(own, &waits[0]);
}

/* ---- registrations ---- */

static void
registrations_are_repeated_under_larger_epochs(void **state)
{
    (void)state;
    uint8_t nonce[OWN_CHANNEL_NONCE_SIZE] = { 200 };
    struct own_registration r;
    enum stint_status status;
    const char *detail;
    assert_int_equal(own_open(own, "t.T", HASH, 3, nonce, &ch), STINT_OK);
    assert_true(own_next_registration(own, &r));
    assert_int_equal(r.epoch, 1);
    assert_int_equal(r.capacity, 3);
    assert_int_equal(r.type_hash, HASH);
    assert_string_equal(r.type, "t.T");
    assert_false(own_next_registration(own, &r));
    own_session(own); /* the answer never comes */
    assert_true(own_next_registration(own, &r));
    assert_int_equal(r.epoch, 2);
    own_registered(own, r.id, 1, STINT_OK, ""); /* of the session before */
    assert_null(own_verdict(own, &status, &detail));
    own_registered(own, r.id, 2, STINT_BUSY, "later");
    assert_null(own_verdict(own, &status, &detail));
    assert_false(own_next_registration(own, &r));
    assert_int_equal(own_deadline(own), now + SECOND);
    tick(SECOND);
    assert_true(own_next_registration(own, &r));
    own_registered(own, r.id, 3, STINT_LIMIT, "too many");
    assert_ptr_equal(own_verdict(own, &status, &detail), ch);
    assert_int_equal(status, STINT_LIMIT);
    assert_string_equal(detail, "too many");
}

static void
channels_are_bounded(void **state)
{
    (void)state;
    uint8_t nonce[OWN_CHANNEL_NONCE_SIZE] = { 100 };
    for (uint8_t i = 0; i < LIMIT_CLIENT_CHANNELS; i++) {
        nonce[1] = i;
        assert_int_equal(own_open(own, "t.T", HASH, 0, nonce, &ch), STINT_OK);
    }
    assert_int_equal(own_open(own, "t.T", HASH, 0, nonce, &ch), STINT_LIMIT);
    assert_null(ch);
}

/* ---- bounds and strangers ---- */

static void
values_and_tasklets_are_bounded(void **state)
{
    (void)state;
    struct own_registration r;
    char large[1001];
    own_free(own);
    begin_with(3, 2500);
    open_channel(100);
    memset(large, 'v', sizeof large);
    large[1000] = '\0';
    send(1, 1, large);
    send(2, 1, large);
    assert_true(next() && next());
    send(3, 1, large); /* one byte too many */
    EXPECT_NACK(0, STINT_BUSY);
    send(4, 1, "x"); /* one tasklet too many */
    EXPECT_NACK(0, STINT_BUSY);
    assert_true(id_equal(answer.tid, id_of(4)));
    assert_int_equal(own_count(own).relations, 3);
    for (int i = 0; i < 256; i++) {
        send(4, 1, "x");
    }
    assert_false(own_next_registration(own, &r));
    send(4, 1, "x"); /* nobody can be told: all is to be offered again after a while */
    tick(SECOND);
    assert_true(own_next_registration(own, &r));
    assert_int_equal(r.epoch, 2);
    tick(60 * SECOND);
    send(4, 1, "x"); /* one that was not used for long gives way */
    assert_int_equal(own_count(own).relations, 3);
}

static void
what_is_malformed_or_foreign_changes_nothing(void **state)
{
    (void)state;
    uint8_t body[OWN_CHANNEL_PLACE_SIZE] = { 0 };
    open_channel(4);
    struct envelope fine = { .kind = ENVELOPE_OFFER,
                             .op = OWN_CHANNEL_SEND,
                             .number = 1,
                             .epoch = 1,
                             .word = HASH,
                             .source = id_of(1),
                             .target = own_id(ch) };
    struct envelope e = fine;
    own_receive(own, &e, span_of(body, OWN_CHANNEL_PLACE_SIZE - 1));
    own_receive(own, &e, span_of(NULL, 0));
    e.number = 0;
    own_receive(own, &e, span_of(body, sizeof body));
    e = fine;
    for (int op = 0; op < 256; op++) {
        e.op = (uint8_t)op;
        if (op != OWN_CHANNEL_SEND && op != OWN_CHANNEL_RECEIVE) {
            own_receive(own, &e, span_of(body, sizeof body));
        }
    }
    e = fine;
    e.target = id_of(7);
    own_receive(own, &e, span_of(body, sizeof body));
    uint8_t *huge = calloc(1, OWN_CHANNEL_PLACE_SIZE + LIMIT_MESSAGE + 1);
    own_receive(own, &fine, span_of(huge, OWN_CHANNEL_PLACE_SIZE + LIMIT_MESSAGE + 1));
    free(huge);
    for (int kind = 0; kind < 256; kind++) {
        e = fine;
        e.kind = (uint8_t)kind;
        if (kind != ENVELOPE_OFFER && kind != ENVELOPE_CANCEL && kind != ENVELOPE_CLOSE) {
            own_receive(own, &e, span_of(body, sizeof body));
        }
    }
    EXPECT_SILENCE();
    assert_int_equal(own_count(own).relations, 0);
    assert_int_equal(own_count(own).values, 0);
    fin(9, 3); /* of one that was never heard of */
    assert_int_equal(own_count(own).relations, 0);
}

/* Anything is said, and memory is short now and then: nothing breaks, and all is given back. */
static void
whatever_is_said_is_survived(void **state)
{
    (void)state;
    struct prng random;
    prng_init(&random, test_seed("own_life"));
    uint32_t held = 0;
    struct own_channel *channels[3];
    for (uint32_t i = 0; i < 3; i++) {
        open_channel(i);
        channels[i] = ch;
    }
    uint64_t epoch[3] = { 0 };
    for (uint32_t step = 0; step < 30000; step++) {
        uint32_t at = (uint32_t)prng_below(&random, 3);
        uint8_t body[OWN_CHANNEL_PLACE_SIZE + 40];
        struct own_registration r;
        struct own_channel_place place = place_of((uint8_t)prng_below(&random, 4));
        prng_bytes(&random, body, sizeof body);
        own_channel_put_place(body, &place);
        struct envelope e = { .kind = (uint8_t)(1 + prng_below(&random, ENVELOPE_KIND_END_ - 1)),
                              .flags = (uint8_t)prng_below(&random, 16),
                              .op = (uint8_t)prng_below(&random, 4),
                              .number = prng_below(&random, 20) == 0 ? prng_next(&random) : prng_below(&random, 30),
                              .epoch = epoch[at] + prng_below(&random, 3),
                              .word = prng_below(&random, 10) != 0 ? HASH : prng_next(&random),
                              .source = id_of((uint8_t)prng_below(&random, 40)),
                              .target = own_id(channels[at]) };
        if (e.kind == ENVELOPE_CLOSE) {
            e.kind = ENVELOPE_OFFER; /* the channels stay */
        }
        if (e.kind == ENVELOPE_NACK) {
            e.source = place.node;
            e.number = place.incarnation;
        }
        tracked.fail_at = prng_below(&random, 8) == 0 ? tracked.calls + 1 + prng_below(&random, 4) : 0;
        own_receive(own, &e, span_of(body, prng_below(&random, 10) == 0 ? prng_below(&random, sizeof body) : sizeof body));
        if (prng_below(&random, 4) == 0) {
            ch = channels[at];
            struct own_wait *w = &waits[held % 8];
            if (held >= 8) {
                own_give_up(own, w);
            }
            held += own_begin(own, ch, w, prng_below(&random, 2) == 0 ? +1 : -1, span_text("v")) == STINT_OK;
            (void)own_done(own);
        }
        tracked.fail_at = 0;
        if (prng_below(&random, 3) == 0) {
            (void)next();
        }
        if (prng_below(&random, 200) == 0) {
            epoch[at]++;
            own_session(own);
            tick(prng_below(&random, 70) * SECOND);
        }
        if (prng_below(&random, 20) == 0 && own_next_registration(own, &r)) {
            own_registered(own, r.id, r.epoch, prng_below(&random, 3) == 0 ? STINT_BUSY : STINT_OK, "");
        }
        assert_true(own_count(own).relations <= 3 * 100 && own_count(own).bytes <= 1 << 20);
    }
    for (uint32_t i = 0; i < 8 && i < held; i++) {
        own_give_up(own, &waits[i]);
    }
}

/* ---- everything at once ---- */

enum { TASKLETS = 5, WINDOW = 8 };

/* A tasklet that sends 1, 2, 3 ... with a window, as node/kernel/outlet.c does. */
static struct sender {
    uint64_t done, last;
    uint64_t received; /* by the client */
    uint64_t epoch;
} senders[TASKLETS];

static void
offer_value(uint8_t tid, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%u %llu", tid, (unsigned long long)number);
    pass_on(ENVELOPE_OFFER, tid, number, OWN_CHANNEL_SEND, senders[tid].epoch, tid, span_text(text));
}

static void
offer_again(uint8_t tid, uint64_t after)
{
    for (uint64_t i = after + 1; i <= senders[tid].last; i++) {
        offer_value(tid, i);
    }
}

static void
take_answers(struct prng *random, uint32_t lost_percent)
{
    while (next()) {
        struct sender *s = &senders[answer.tid.bytes[1]];
        if (prng_below(random, 100) < lost_percent) {
            continue;
        }
        if (answer.kind == ENVELOPE_DONE) {
            assert_int_equal(answer.status, STINT_OK);
            assert_true(answer.number <= s->last);
            s->done = answer.number > s->done ? answer.number : s->done;
        } else if (answer.status == STINT_OK && answer.number >= s->done && answer.number <= s->last) {
            s->done = answer.number;
            offer_again(answer.tid.bytes[1], answer.number);
        } else if (answer.status == STINT_BUSY) {
            offer_again(answer.tid.bytes[1], s->done);
        }
    }
}

static void
client_receives(void)
{
    char value[64];
    unsigned tid;
    unsigned long long number;
    while (receive(value) == STINT_OK) {
        assert_int_equal(sscanf(value, "%u %llu", &tid, &number), 2);
        assert_int_equal(number, senders[tid].received + 1); /* none lost, doubled, or out of order */
        senders[tid].received = number;
    }
}

static void
whatever_gets_lost_each_value_comes_once_and_in_order(void **state)
{
    (void)state;
    struct prng random;
    prng_init(&random, test_seed("own"));
    for (uint32_t round = 0; round < 60; round++) {
        memset(senders, 0, sizeof senders);
        open_channel((uint32_t)prng_below(&random, 6));
        uint64_t goal = 40;
        bool over = false;
        for (uint32_t step = 0; !over; step++) {
            assert_true(step < 100000);
            uint8_t tid = (uint8_t)prng_below(&random, TASKLETS);
            struct sender *s = &senders[tid];
            switch (prng_below(&random, 10)) {
            case 0: { /* the session is lost, with what is on its way; all is offered again */
                struct own_registration r;
                take_answers(&random, 100);
                own_session(own);
                while (own_next_registration(own, &r)) {
                    own_registered(own, r.id, r.epoch, STINT_OK, "");
                }
                for (uint8_t i = 0; i < TASKLETS; i++) {
                    offer_again(i, senders[i].done);
                }
                break;
            }
            case 1: /* it moves, and offers again */
                s->epoch++;
                offer_again(tid, s->done);
                break;
            case 2:
                if (s->last > s->done) { /* a late double */
                    offer_value(tid, s->done + 1 + prng_below(&random, s->last - s->done));
                }
                break;
            case 3:
            case 4:
                client_receives();
                break;
            case 5:
                take_answers(&random, 0);
                break;
            default:
                if (s->last < goal && s->last - s->done < WINDOW) {
                    offer_value(tid, ++s->last);
                }
            }
            over = true;
            for (uint32_t i = 0; i < TASKLETS; i++) {
                over = over && senders[i].received == goal && senders[i].done == goal;
            }
        }
        own_end(own, ch);
        while (next()) {
        }
        struct own_registration r;
        assert_true(own_next_registration(own, &r));
        own_registered(own, r.id, r.epoch, STINT_OK, "");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(closing_wakes_all_and_is_told_last),
        CASE(what_is_in_it_is_received_before_the_end),
        CASE(others_may_close_it),
        CASE(registrations_are_repeated_under_larger_epochs),
        CASE(channels_are_bounded),
        CASE(values_and_tasklets_are_bounded),
        CASE(what_is_malformed_or_foreign_changes_nothing),
        CASE(whatever_is_said_is_survived),
        CASE(whatever_gets_lost_each_value_comes_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
