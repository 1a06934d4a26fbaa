/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session promises once it is open: in order, each exactly once, never beyond the
 * credit, within its memory, whatever the network does.
 */
#include "session_pipe.h"

enum { BODY_MAX_HERE = 3000 };

/* A stream of numbered envelopes in each direction, and what was seen of it. */
struct flow {
    struct pipe *pipe;
    uint64_t sent[2];          /* by this end */
    uint64_t delivered[2];     /* to this end */
    uint64_t granted_frame[2]; /* to this end, by any word that was ever sent to it */
    uint64_t granted_bytes[2];
    uint64_t highest[2]; /* frame sent by this end */
    uint64_t bytes[2];
    uint32_t body_max;
};

/* The body of the envelope `number`: its size and content follow from the number. */
static struct stint_span
body_of(const struct flow *f, uint64_t number, uint8_t *out)
{
    struct prng random;
    prng_init(&random, number);
    size_t size = (size_t)prng_below(&random, f->body_max);
    prng_bytes(&random, out, size);
    return span_of(out, size);
}

static void
flow_deliver(void *arg, int end, const struct envelope *e, struct stint_span body)
{
    static uint8_t expected[LIMIT_BODY];
    struct flow *f = arg;
    assert_true(e->number == f->delivered[end] + 1);
    assert_true(e->word == ~e->number);
    f->delivered[end]++;
    assert_true(f->delivered[end] <= f->sent[1 - end]);
    assert_true(span_equal(body, body_of(f, e->number, expected)));
}

/* Holds every DATA frame against what was granted: a second opinion, from the frames alone (I9). */
static void
flow_watch(void *arg, int from, struct stint_span frame)
{
    struct flow *f = arg;
    struct frame_header h;
    uint8_t kind = frame_kind(frame);
    assert_true(kind != 0);
    if (kind < FRAME_DATA) {
        if (kind == FRAME_HELLO || kind == FRAME_WELCOME) {
            /* These grant the first credit: the whole window, from where the receiver is. */
            int to = 1 - from;
            uint64_t frames = f->highest[to] + LIMIT_SESSION_FRAMES;
            uint64_t bytes = f->bytes[to] + LIMIT_SESSION_BYTES;
            f->granted_frame[to] =
                frames > f->granted_frame[to] ? frames : f->granted_frame[to];
            f->granted_bytes[to] =
                bytes > f->granted_bytes[to] ? bytes : f->granted_bytes[to];
        }
        return;
    }
    assert_true(frame_get(frame, &h));
    int to = 1 - from;
    if (h.credit_frame > f->granted_frame[to]) {
        f->granted_frame[to] = h.credit_frame;
    }
    if (h.credit_bytes > f->granted_bytes[to]) {
        f->granted_bytes[to] = h.credit_bytes;
    }
    if (kind == FRAME_DATA) {
        assert_true(h.number <= f->granted_frame[from]);
        if (h.number > f->highest[from]) {
            assert_true(h.number == f->highest[from] + 1);
            f->highest[from] = h.number;
            f->bytes[from] += frame.size;
        }
        assert_true(f->bytes[from] <= f->granted_bytes[from]);
    }
}

static enum stint_status
flow_send(struct flow *f, int end)
{
    static uint8_t bytes[LIMIT_BODY];
    struct pipe_end *e = &f->pipe->ends[end];
    uint64_t number = f->sent[end] + 1;
    struct envelope envelope = { .kind = ENVELOPE_OFFER,
                                 .number = number,
                                 .word = ~number };
    enum stint_status status =
        session_send(e->session, &envelope, body_of(f, number, bytes));
    if (status == STINT_OK) {
        f->sent[end]++;
    }
    return status;
}

static void
flow_init(struct flow *f, struct pipe *p)
{
    memset(f, 0, sizeof *f);
    f->pipe = p;
    f->body_max = BODY_MAX_HERE;
    p->deliver = flow_deliver;
    p->watch = flow_watch;
    p->arg = f;
}

/* Runs on a healthy network until all has arrived; it must not take long. */
static void
flow_finish(struct flow *f)
{
    struct pipe *p = f->pipe;
    p->loss = 0;
    p->doubles = 0;
    p->delay_min = MS / 10;
    p->delay_max = MS / 10;
    if (p->connection == 0) {
        pipe_connect(p);
    }
    for (int i = 0; i < 2; i++) {
        if (p->ends[i].session != NULL) {
            session_flush(p->ends[i].session);
        }
    }
    for (int i = 0; i < 600 && (f->delivered[ACCEPTOR] < f->sent[INITIATOR] ||
                                f->delivered[INITIATOR] < f->sent[ACCEPTOR]);
         i++) {
        pipe_run(p, 100 * MS);
    }
    assert_true(f->delivered[ACCEPTOR] == f->sent[INITIATOR]);
    assert_true(f->delivered[INITIATOR] == f->sent[ACCEPTOR]);
    pipe_run(p, 3000 * MS);
    assert_true(session_is_idle(p->ends[INITIATOR].session));
    assert_true(session_is_idle(p->ends[ACCEPTOR].session));
    assert_int_equal(pipe_state(p, INITIATOR), SESSION_OPEN);
}

static void
test_orderly_network(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(test_seed("orderly"));
    struct flow f;
    flow_init(&f, p);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(flow_send(&f, INITIATOR), STINT_OK); /* waits for the link */
    }
    pipe_establish(p);
    for (int round = 0; round < 50; round++) {
        for (int end = 0; end < 2; end++) {
            for (int i = 0; i < 20; i++) {
                assert_int_equal(flow_send(&f, end), STINT_OK);
            }
            session_flush(p->ends[end].session);
        }
        pipe_run(p, MS);
    }
    flow_finish(&f);
    struct session_stats stats;
    session_get_stats(p->ends[INITIATOR].session, &stats);
    assert_true(stats.frames_repeated == 0); /* nothing is repeated without need */
    assert_true(stats.envelopes_sent == 1100);
    assert_true(stats.frames_sent < 200);
    pipe_free(p);
}

/* The network of one seed: how bad it is differs from seed to seed. */
static void
storm(uint64_t seed, bool with_windows)
{
    struct pipe *p = pipe_new(seed);
    struct prng *random = &p->random;
    struct flow f;
    flow_init(&f, p);
    pipe_establish(p);
    f.body_max = prng_below(random, 4) == 0 ? LIMIT_BODY
                                            : 1 + (uint32_t)prng_below(random, 2000);
    p->loss = (uint32_t)prng_below(random, 300);
    p->doubles = (uint32_t)prng_below(random, 200);
    p->delay_min = prng_below(random, 2 * MS);
    p->delay_max = p->delay_min + prng_below(random, 20 * MS);
    for (int step = 0; step < 400; step++) {
        uint64_t what = prng_below(random, 100);
        if (what < 60) {
            int end = (int)prng_below(random, 2);
            struct session *s = p->ends[end].session;
            for (uint64_t n = prng_below(random, 20); s != NULL && n > 0; n--) {
                enum stint_status status = flow_send(&f, end);
                assert_true(status == STINT_OK || status == STINT_FULL);
            }
            if (s != NULL) {
                session_flush(s);
            }
        } else if (what < 63 && p->connection != 0) {
            pipe_break(p, prng_below(random, 2) == 0);
        } else if (what < 75 && p->connection == 0) {
            pipe_connect(p);
        } else if (what < 80 && with_windows) {
            struct session *s = p->ends[prng_below(random, 2)].session;
            if (s != NULL) {
                session_set_window(s, 1 + (uint32_t)prng_below(random, 30),
                                   LIMIT_FRAME +
                                       (uint32_t)prng_below(random, LIMIT_FRAME));
            }
        }
        pipe_run(p, prng_below(random, 30 * MS));
        for (int end = 0; end < 2; end++) {
            struct session *s = p->ends[end].session;
            assert_true(s == NULL || session_state(s) != SESSION_CLOSED);
        }
    }
    flow_finish(&f);
    assert_true(f.delivered[ACCEPTOR] > 0);
    pipe_free(p);
}

/*
 * Handshakes on a bad network. A session that the acceptor gave up before it was ever
 * open is closed at the initiator too, and nothing of it was delivered; the next one
 * begins anew.
 */
static void
test_greeting_in_a_storm(void **state)
{
    (void)state;
    uint64_t seed = test_seed("greetings");
    for (uint64_t i = 0; i < 60; i++) {
        struct pipe *p = pipe_new(seed + i);
        struct flow f;
        flow_init(&f, p);
        p->watch = NULL;
        p->loss = (uint32_t)prng_below(&p->random, 600);
        p->doubles = 300;
        p->delay_max = p->delay_min + 30 * MS;
        assert_int_equal(flow_send(&f, INITIATOR), STINT_OK);
        pipe_connect(p);
        int steps = 0;
        for (; f.delivered[ACCEPTOR] == 0 && steps < 3000; steps++) {
            session_flush(p->ends[INITIATOR].session);
            pipe_run(p, 50 * MS);
            if (prng_below(&p->random, 20) == 0) {
                pipe_break(p, true);
                pipe_connect(p);
            }
            if (pipe_state(p, INITIATOR) == SESSION_CLOSED) {
                enum stint_status status = session_status(p->ends[INITIATOR].session);
                assert_true(status == STINT_NOT_FOUND || status == STINT_TIMED_OUT);
                session_free(p->ends[INITIATOR].session);
                pipe_open(p);
                f.sent[INITIATOR] = 0;
                assert_int_equal(flow_send(&f, INITIATOR), STINT_OK);
                pipe_connect(p);
            }
        }
        assert_true(steps < 3000);
        pipe_free(p);
    }
}

static void
test_storms(void **state)
{
    (void)state;
    uint64_t seed = test_seed("storms");
    for (uint64_t i = 0; i < 40; i++) {
        storm(seed + i, i % 2 == 0);
    }
}

/* Nobody acknowledges: the sender stops at its window, and goes on when the other end is back. */
static void
test_window_fills_and_drains(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(21);
    struct flow f;
    flow_init(&f, p);
    pipe_establish(p);
    pipe_break(p, false);
    enum stint_status status;
    while ((status = flow_send(&f, INITIATOR)) == STINT_OK) {
        size_t room = session_room(p->ends[INITIATOR].session);
        assert_true(room <= LIMIT_SESSION_BYTES);
    }
    assert_int_equal(status, STINT_FULL);
    assert_true(session_room(p->ends[INITIATOR].session) <
                BODY_MAX_HERE + 2 * LIMIT_FRAME);
    assert_true(p->ends[INITIATOR].mem.used <
                LIMIT_SESSION_BYTES + LIMIT_SESSION_BYTES / 4);
    uint64_t sent = f.sent[INITIATOR];
    assert_true(sent > 4000);
    flow_finish(&f);
    assert_true(session_room(p->ends[INITIATOR].session) > LIMIT_SESSION_BYTES * 3 / 4);
    pipe_free(p);

    /* The same with frames that are flushed one by one: their number is the bound. */
    p = pipe_new(22);
    flow_init(&f, p);
    f.body_max = 10;
    while ((status = flow_send(&f, INITIATOR)) == STINT_OK) {
        session_flush(p->ends[INITIATOR].session);
    }
    assert_int_equal(status, STINT_FULL);
    assert_true(f.sent[INITIATOR] == LIMIT_SESSION_FRAMES);
    assert_int_equal(session_room(p->ends[INITIATOR].session), 0);
    pipe_establish(p);
    flow_finish(&f);
    pipe_free(p);
}

/* session_room promises: so much is taken, in whatever pieces. */
static void
test_room_is_a_promise(void **state)
{
    (void)state;
    static uint8_t bytes[LIMIT_BODY];
    struct prng random;
    prng_init(&random, test_seed("room"));
    for (int round = 0; round < 20; round++) {
        struct pipe *p = pipe_new(100 + (uint64_t)round);
        struct session *s = p->ends[INITIATOR].session;
        struct envelope e = { .kind = ENVELOPE_REPLY };
        size_t largest = round % 2 == 0 ? LIMIT_BODY : 1000;
        for (uint64_t n = prng_below(&random, 100); n > 0; n--) {
            (void)!session_send(s, &e,
                                span_of(bytes, (size_t)prng_below(&random, largest)));
            session_flush(s);
        }
        size_t room = session_room(s);
        while (room > LIMIT_ENVELOPE_HEADER) {
            size_t size = (size_t)prng_below(&random, largest + 1);
            if (size > room - LIMIT_ENVELOPE_HEADER) {
                size = room - LIMIT_ENVELOPE_HEADER;
            }
            assert_int_equal(session_send(s, &e, span_of(bytes, size)), STINT_OK);
            room -= LIMIT_ENVELOPE_HEADER + size;
        }
        pipe_free(p);
    }
}

static void
test_sizes(void **state)
{
    (void)state;
    static uint8_t bytes[LIMIT_BODY + 1];
    struct pipe *p = pipe_new(23);
    struct session *s = p->ends[INITIATOR].session;
    struct envelope e = { .kind = ENVELOPE_REPLY };
    assert_int_equal(session_send(s, &e, span_of(bytes, LIMIT_BODY + 1)), STINT_LIMIT);
    assert_int_equal(session_send(s, &e, span_of(bytes, LIMIT_BODY)), STINT_OK);
    assert_int_equal(session_send(s, &e, span_of(bytes, 0)), STINT_OK);
    assert_int_equal(session_send(s, &e, span_of(bytes, LIMIT_BODY)), STINT_OK);
    session_flush(s);
    session_flush(s);
    pipe_establish(p);
    pipe_run(p, 10 * MS);
    assert_true(session_is_idle(s));
    struct session_stats stats;
    session_get_stats(p->ends[ACCEPTOR].session, &stats);
    assert_true(stats.frames_received == 3);
    pipe_free(p);
}

/* Acknowledgements: within a millisecond, or by the next frame of data, and every 32 frames. */
static void
test_acknowledgements(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(24);
    struct envelope e = { .kind = ENVELOPE_REPLY };
    struct session *a = p->ends[INITIATOR].session;
    pipe_establish(p);
    struct session_stats before;
    session_get_stats(p->ends[ACCEPTOR].session, &before);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(session_send(a, &e, span_text("x")), STINT_OK);
        session_flush(a);
    }
    pipe_run(p, MS / 2);
    assert_true(session_is_idle(a));
    struct session_stats after;
    session_get_stats(p->ends[ACCEPTOR].session, &after);
    assert_true(after.frames_sent - before.frames_sent == 2);
    assert_int_equal(session_send(a, &e, span_text("x")), STINT_OK);
    session_flush(a);
    pipe_run(p, MS);
    assert_false(session_is_idle(a));
    pipe_run(p, MS / 2);
    assert_true(session_is_idle(a));
    pipe_free(p);
}

/* An acknowledgement that comes after its frames were taken for lost, before they were repeated. */
static void
test_late_acknowledgement(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(26);
    struct envelope e = { .kind = ENVELOPE_REPLY };
    struct session *a = p->ends[INITIATOR].session;
    struct session *b;
    struct stint_span frame;
    struct stint_span batch;
    pipe_establish(p);
    b = p->ends[ACCEPTOR].session;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(session_send(a, &e, span_text("x")), STINT_OK);
        session_flush(a);
        assert_true(session_output(a, pipe_time(p), &frame));
        assert_int_equal(session_receive(b, frame,
                                         p->ends[INITIATOR].identity.curve_public,
                                         pipe_time(p), &batch),
                         STINT_OK);
    }
    p->now += 300 * MS;
    session_tick(a, pipe_time(p)); /* it would repeat them now */
    session_tick(b, pipe_time(p));
    assert_true(session_output(b, pipe_time(p), &frame));
    assert_int_equal(session_receive(a, frame, NULL, pipe_time(p), &batch), STINT_OK);
    assert_true(session_is_idle(a));
    assert_false(session_output(a, pipe_time(p), &frame));
    assert_int_equal(session_send(a, &e, span_text("y")), STINT_OK);
    session_flush(a);
    assert_true(session_output(a, pipe_time(p), &frame));
    struct frame_header h;
    assert_true(frame_get(frame, &h));
    assert_true(h.number == 4);
    pipe_free(p);
}

/* Frames of another session between the same two ends are none of this one's. */
static void
test_frames_of_an_earlier_session(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(27);
    struct envelope e = { .kind = ENVELOPE_REPLY };
    struct stint_span frame;
    struct stint_span batch;
    uint8_t old[500];
    pipe_establish(p);
    assert_int_equal(session_send(p->ends[INITIATOR].session, &e, span_text("old")),
                     STINT_OK);
    session_flush(p->ends[INITIATOR].session);
    assert_true(session_output(p->ends[INITIATOR].session, pipe_time(p), &frame));
    size_t size = frame.size;
    memcpy(old, frame.data, size);
    session_free(p->ends[INITIATOR].session);
    pipe_open(p);
    pipe_establish(p);
    struct session *b = p->ends[ACCEPTOR].session;
    assert_int_equal(session_receive(b, span_of(old, size),
                                     p->ends[INITIATOR].identity.curve_public,
                                     pipe_time(p), &batch),
                     STINT_OK);
    assert_int_equal(batch.size, 0);
    assert_int_equal(session_state(b), SESSION_OPEN);
    pipe_free(p);
}

/* Sends one frame of one envelope from a to b, if the credit allows it. */
static bool
pass_frame(struct pipe *p, uint64_t *number)
{
    struct session *a = p->ends[INITIATOR].session;
    struct envelope e = { .kind = ENVELOPE_REPLY };
    struct stint_span frame;
    struct stint_span batch;
    struct frame_header h;
    if (session_is_idle(a)) {
        assert_int_equal(session_send(a, &e, span_text("x")), STINT_OK);
        session_flush(a);
    }
    if (!session_output(a, pipe_time(p), &frame)) {
        return false;
    }
    assert_int_equal(frame_kind(frame), FRAME_DATA);
    assert_true(frame_get(frame, &h));
    *number = h.number;
    assert_int_equal(session_receive(p->ends[ACCEPTOR].session, frame,
                                     p->ends[INITIATOR].identity.curve_public,
                                     pipe_time(p), &batch),
                     STINT_OK);
    assert_true(batch.size != 0);
    return true;
}

/* Once the first window is used up, a small one binds; and a lost grant is asked for. */
static void
test_small_window(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(28);
    struct stint_span frame;
    struct stint_span batch;
    uint64_t number = 0;
    pipe_establish(p);
    struct session *a = p->ends[INITIATOR].session;
    struct session *b = p->ends[ACCEPTOR].session;
    session_set_window(b, 1, LIMIT_FRAME);
    while (number < LIMIT_SESSION_FRAMES) {
        assert_true(pass_frame(p, &number));
        p->now += MS;
        session_tick(b, pipe_time(p));
        while (session_output(b, pipe_time(p), &frame)) {
            assert_int_equal(session_receive(a, frame, NULL, pipe_time(p), &batch),
                             STINT_OK);
        }
    }
    assert_true(pass_frame(p, &number)); /* 1025, the one that the window is for */
    struct envelope e = { .kind = ENVELOPE_REPLY };
    assert_int_equal(session_send(a, &e, span_text("blocked")), STINT_OK);
    session_flush(a);
    assert_false(session_output(a, pipe_time(p), &frame));

    /* The acknowledgement of 1025 gets lost, and with it the next grant: 1025 is
     * repeated, and the answer to that brings both. */
    p->now += 2 * MS;
    session_tick(b, pipe_time(p));
    assert_true(session_output(b, pipe_time(p), &frame));
    p->now += 300 * MS;
    session_tick(a, pipe_time(p));
    assert_true(session_output(a, pipe_time(p), &frame));
    assert_int_equal(session_receive(b, frame, p->ends[INITIATOR].identity.curve_public,
                                     pipe_time(p), &batch),
                     STINT_OK);
    assert_int_equal(batch.size, 0);
    assert_true(
        session_output(b, pipe_time(p), &frame)); /* at once: the last was lost */
    assert_int_equal(frame_kind(frame), FRAME_ACK);
    assert_int_equal(session_receive(a, frame, NULL, pipe_time(p), &batch), STINT_OK);
    assert_true(session_output(a, pipe_time(p), &frame));
    assert_int_equal(frame_kind(frame), FRAME_DATA);
    pipe_free(p);
}

/* Acknowledged but not granted: a credit that got lost is asked for with a PING. */
static void
test_lost_grant(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(29);
    struct stint_span frame;
    struct stint_span batch;
    uint64_t number = 0;
    pipe_establish(p);
    struct session *a = p->ends[INITIATOR].session;
    struct session *b = p->ends[ACCEPTOR].session;
    session_set_window(b, 1, LIMIT_FRAME);
    while (number < LIMIT_SESSION_FRAMES) {
        assert_true(pass_frame(p, &number));
        p->now += MS;
        session_tick(b, pipe_time(p));
        while (session_output(b, pipe_time(p), &frame)) {
            uint8_t copy[200];
            struct frame_header h;
            memcpy(copy, frame.data, frame.size);
            assert_true(frame_get(frame, &h));
            h.credit_frame = LIMIT_SESSION_FRAMES; /* as if it had granted no more */
            frame_put(copy, frame_kind(frame), frame.size, &h);
            assert_int_equal(session_receive(a, span_of(copy, frame.size), NULL,
                                             pipe_time(p), &batch),
                             STINT_OK);
        }
    }
    assert_true(session_is_idle(a));
    assert_false(pass_frame(p, &number));
    p->now += 250 * MS;
    session_tick(a, pipe_time(p));
    assert_true(session_output(a, pipe_time(p), &frame));
    assert_int_equal(frame_kind(frame), FRAME_PING);
    assert_int_equal(session_receive(b, frame, p->ends[INITIATOR].identity.curve_public,
                                     pipe_time(p), &batch),
                     STINT_OK);
    assert_true(session_output(b, pipe_time(p), &frame));
    assert_int_equal(session_receive(a, frame, NULL, pipe_time(p), &batch), STINT_OK);
    assert_true(session_output(a, pipe_time(p), &frame));
    assert_int_equal(frame_kind(frame), FRAME_DATA);
    pipe_free(p);
}

/* Without memory an envelope is refused or a session not made; never half of it. */
static void
test_without_memory(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1; fail_at < 60; fail_at++) {
        struct pipe *p = pipe_new(25);
        struct flow f;
        flow_init(&f, p);
        pipe_establish(p);
        struct tracked_memory *memory = &p->ends[INITIATOR].memory;
        memory->fail_at = memory->calls + fail_at;
        int refused = 0;
        for (int i = 0; i < 300; i++) {
            enum stint_status status = flow_send(&f, INITIATOR);
            assert_true(status == STINT_OK || status == STINT_NO_MEMORY);
            refused += status != STINT_OK;
            if (i % 7 == 0) {
                session_flush(p->ends[INITIATOR].session);
            }
        }
        assert_true(refused <= 1);
        flow_finish(&f);
        pipe_free(p);
    }
}

/* Both ends restart their link again and again while much is under way. */
static void
test_reconnects_without_loss_of_frames(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(test_seed("reconnects"));
    struct flow f;
    flow_init(&f, p);
    pipe_establish(p);
    for (int round = 0; round < 100; round++) {
        for (int end = 0; end < 2; end++) {
            for (int i = 0; i < 30; i++) {
                assert_int_equal(flow_send(&f, end), STINT_OK);
            }
            session_flush(p->ends[end].session);
        }
        pipe_run(p, prng_below(&p->random, MS));
        pipe_break(p, round % 3 == 0);
        pipe_run(p, prng_below(&p->random, 5 * MS));
        pipe_connect(p);
        pipe_run(p, 5 * MS);
        assert_int_equal(pipe_state(p, ACCEPTOR), SESSION_OPEN);
    }
    flow_finish(&f);
    pipe_free(p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orderly_network),
        cmocka_unit_test(test_greeting_in_a_storm),
        cmocka_unit_test(test_storms),
        cmocka_unit_test(test_window_fills_and_drains),
        cmocka_unit_test(test_room_is_a_promise),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_acknowledgements),
        cmocka_unit_test(test_late_acknowledgement),
        cmocka_unit_test(test_frames_of_an_earlier_session),
        cmocka_unit_test(test_small_window),
        cmocka_unit_test(test_lost_grant),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_reconnects_without_loss_of_frames),
    };
    if (wire_init() != STINT_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
