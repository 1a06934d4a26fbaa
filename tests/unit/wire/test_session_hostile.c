/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile bytes: frames of real sessions, damaged in every way that comes to mind.
 * Whatever arrives, nothing is read or written where it should not be (the sanitizers
 * watch), what is delivered is well-formed, memory stays within its bound, and a session
 * that ends says why.
 */
#include "session_pipe.h"

enum { CORPUS_MAX = 400, FRAME_KEEP = 4096 };

struct sample {
    int from;
    size_t size;
    uint8_t data[FRAME_KEEP];
};

struct corpus {
    struct sample samples[CORPUS_MAX];
    int count;
};

static void
collect(void *arg, int from, struct stint_span frame)
{
    struct corpus *c = arg;
    if (c->count < CORPUS_MAX && frame.size <= FRAME_KEEP) {
        struct sample *s = &c->samples[c->count++];
        s->from = from;
        s->size = frame.size;
        memcpy(s->data, frame.data, frame.size);
    }
}

/* All kinds of frames, from sessions that live through everything. */
static void
corpus_make(struct corpus *c, uint64_t seed)
{
    struct pipe *p = pipe_new(seed);
    p->watch = collect;
    p->arg = c;
    pipe_establish(p);
    p->loss = 100;
    p->delay_max = 5 * MS;
    for (int round = 0; round < 12; round++) {
        for (int end = 0; end < 2; end++) {
            struct session *s = p->ends[end].session;
            struct envelope e = { .kind = (uint8_t)(1 + round),
                                  .number = (uint64_t)round };
            for (int i = 0; i < 3; i++) {
                assert_int_equal(session_send(s, &e, span_text("a value of some kind")),
                                 STINT_OK);
            }
            session_flush(s);
        }
        pipe_run(p, round == 6 ? 6000 * MS : 20 * MS);
    }
    pipe_break(p, false);
    p->loss = 0;
    pipe_connect(p);
    pipe_run(p, 500 * MS);
    session_close(p->ends[INITIATOR].session, STINT_REFUSED, "enough");
    pipe_run(p, MS);
    pipe_free(p);
    uint32_t kinds = 0;
    for (int i = 0; i < c->count; i++) {
        kinds |= 1u << frame_kind(span_of(c->samples[i].data, c->samples[i].size));
    }
    assert_int_equal(kinds, (1u << FRAME_KIND_END_) - 2); /* every kind is there */
}

/* Damages a frame: bits, bytes, numbers at their extremes, length, ends. */
static size_t
mutate(struct prng *random, const struct corpus *c, uint8_t *data, size_t size)
{
    static const uint64_t extremes[] = { 0, 1, 2, UINT32_MAX, INT64_MAX, UINT64_MAX };
    for (uint64_t n = 1 + prng_below(random, 3); n > 0 && size > 0; n--) {
        size_t at = (size_t)prng_below(random, size);
        switch (prng_below(random, 7)) {
        case 0:
            data[at] ^= (uint8_t)(1 << prng_below(random, 8));
            break;
        case 1:
            data[at] = (uint8_t)prng_next(random);
            break;
        case 2:
            if (size >= 8) {
                le64_put(data + prng_below(random, size - 7),
                         extremes[prng_below(random, 6)]);
            }
            break;
        case 3:
            size = at;
            break;
        case 4: {
            size_t more = (size_t)prng_below(random, FRAME_KEEP - size + 1);
            prng_bytes(random, data + size, more);
            size += more;
            break;
        }
        case 5: {
            const struct sample *other =
                &c->samples[prng_below(random, (uint64_t)c->count)];
            size_t part = at < other->size ? other->size - at : 0;
            memcpy(data + at, other->data + other->size - part, part);
            size = at + part;
            break;
        }
        default: /* a header field */
            if (size >= LIMIT_FRAME_HEADER) {
                le64_put(data + 8 * (1 + prng_below(random, 5)),
                         prng_next(random) >> prng_below(random, 64));
            }
            break;
        }
    }
    /* Mostly with a sound prefix, or little would get past the first check. */
    if (size >= FRAME_PREFIX && prng_below(random, 8) != 0) {
        data[1] = data[2] = data[3] = 0;
        le32_put(data + 4, (uint32_t)size);
    }
    return size;
}

/* A pair of open ends, or a new one when the last pair did not survive. */
static struct pipe *
target(struct pipe *p, uint64_t seed)
{
    if (p != NULL && p->ends[ACCEPTOR].session != NULL &&
        pipe_state(p, INITIATOR) == SESSION_OPEN &&
        pipe_state(p, ACCEPTOR) == SESSION_OPEN) {
        return p;
    }
    if (p != NULL) {
        pipe_free(p);
    }
    p = pipe_new(seed);
    pipe_establish(p);
    return p;
}

static void
throw_at(struct pipe *p, int to, struct stint_span frame)
{
    struct session *s = p->ends[to].session;
    const uint8_t *key =
        to == ACCEPTOR ? p->ends[INITIATOR].identity.curve_public : NULL;
    struct stint_span batch;
    struct stint_span body;
    struct envelope e;
    enum stint_status status;
    if (to == ACCEPTOR && frame_kind(frame) == FRAME_HELLO) {
        struct session_key wanted;
        if (session_peek_hello(frame, &wanted)) {
            status = session_rebind(s, frame, key, pipe_time(p), &p->refusal);
            if (status != STINT_OK && status != STINT_EXISTS) {
                assert_true(p->refusal.text[0] != '\0');
                assert_in_range(p->refusal.frame_size, 1, SESSION_REFUSAL_SIZE);
            }
        }
        return;
    }
    (void)!session_receive(s, frame, key, pipe_time(p), &batch);
    while (batch.size != 0) {
        assert_int_equal(envelope_next(&batch, &e, &body), STINT_OK);
    }
    if (session_state(s) == SESSION_CLOSED && session_status(s) == STINT_BAD_FRAME) {
        assert_true(session_text(s)[0] != '\0');
    }
    assert_true(p->ends[to].mem.used < 4 * LIMIT_FRAME);
}

static void
test_damaged_frames(void **state)
{
    (void)state;
    static struct corpus corpus;
    struct prng random;
    uint64_t seed = test_seed("hostile");
    prng_init(&random, seed);
    corpus.count = 0;
    corpus_make(&corpus, 1);
    struct pipe *p = NULL;
    uint8_t data[2 * FRAME_KEEP];
    for (int round = 0; round < 12000; round++) {
        p = target(p, seed + (uint64_t)round % 50);
        const struct sample *s =
            &corpus.samples[prng_below(&random, (uint64_t)corpus.count)];
        memcpy(data, s->data, s->size);
        size_t size = mutate(&random, &corpus, data, s->size);
        if (size >= LIMIT_FRAME_HEADER && prng_below(&random, 4) != 0) {
            /* The tag of this very session, as a hostile peer would know it. */
            struct stint_span frame;
            struct envelope e = { .kind = ENVELOPE_FIN };
            (void)!session_send(p->ends[1 - s->from].session, &e, span_of(NULL, 0));
            session_flush(p->ends[1 - s->from].session);
            if (session_output(p->ends[1 - s->from].session, pipe_time(p), &frame) &&
                frame.size >= LIMIT_FRAME_HEADER) {
                memcpy(data + 8, frame.data + 8, 8);
            }
        }
        throw_at(p, 1 - s->from, span_of(data, size));
        p->now += prng_below(&random, 2 * MS);
        pipe_drain(p);
        while (p->flight_count > 0) {
            pipe_land(p, 0);
        }
    }
    pipe_free(p);
}

/* The first frame of a link: a HELLO that is not quite one. */
static void
test_damaged_hellos(void **state)
{
    (void)state;
    static struct corpus corpus;
    struct prng random;
    uint64_t seed = test_seed("hostile hello");
    prng_init(&random, seed);
    corpus.count = 0;
    corpus_make(&corpus, 1);
    struct pipe *p = pipe_new(seed);
    const uint8_t *key = p->ends[INITIATOR].identity.curve_public;
    assert_int_equal(
        frame_kind(span_of(corpus.samples[0].data, corpus.samples[0].size)),
        FRAME_HELLO);
    uint8_t data[2 * FRAME_KEEP];
    int accepted = 0;
    for (int round = 0; round < 6000; round++) {
        const struct sample *s =
            &corpus.samples[round % 7 == 0 ? prng_below(&random, (uint64_t)corpus.count)
                                           : 0];
        memcpy(data, s->data, s->size);
        size_t size = mutate(&random, &corpus, data, s->size);
        struct session_key wanted;
        struct session *accepted_session;
        (void)session_peek_hello(span_of(data, size), &wanted);
        memset(&p->refusal, 0, sizeof p->refusal);
        enum stint_status status =
            session_accept(&p->ends[ACCEPTOR].config, span_of(data, size), key,
                           pipe_time(p), &accepted_session, &p->refusal);
        assert_true((status == STINT_OK) == (accepted_session != NULL));
        if (status != STINT_OK) {
            assert_true(p->refusal.text[0] != '\0');
            assert_true(p->refusal.status == status);
            enum stint_status told;
            char text[SESSION_TEXT_SIZE];
            struct stint_span frame = { p->refusal.frame, p->refusal.frame_size };
            assert_int_equal(frame_kind(frame), FRAME_RESET);
            assert_true(frame_get_reset(frame, &told, text, sizeof text));
            assert_true(told == status);
        }
        accepted += status == STINT_OK;
        session_free(accepted_session);
    }
    assert_true(accepted < 6000);
    pipe_free(p);
}

/* A batch with one bad envelope is not delivered at all. */
static void
test_no_half_batch(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(31);
    struct envelope e = { .kind = ENVELOPE_OFFER };
    struct stint_span frame;
    struct stint_span batch;
    uint8_t copy[1000];
    pipe_establish(p);
    struct session *a = p->ends[INITIATOR].session;
    struct session *b = p->ends[ACCEPTOR].session;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(session_send(a, &e, span_text("abc")), STINT_OK);
    }
    session_flush(a);
    assert_true(session_output(a, pipe_time(p), &frame));
    memcpy(copy, frame.data, frame.size);
    copy[frame.size - LIMIT_ENVELOPE_HEADER - 3] = 99; /* the kind of the last one */
    assert_int_equal(session_receive(b, span_of(copy, frame.size),
                                     p->ends[INITIATOR].identity.curve_public,
                                     pipe_time(p), &batch),
                     STINT_BAD_FRAME);
    assert_int_equal(batch.size, 0);
    assert_string_equal(session_text(b), "frame 1 holds a malformed envelope");
    pipe_free(p);
}

/* Frames beyond the credit, and acknowledgements of what was never sent. */
static void
test_lies_about_credit(void **state)
{
    (void)state;
    for (int lie = 0; lie < 3; lie++) {
        struct pipe *p = pipe_new(32);
        struct envelope e = { .kind = ENVELOPE_OFFER };
        struct stint_span frame;
        struct stint_span batch;
        uint8_t copy[1000];
        struct frame_header h;
        pipe_establish(p);
        struct session *a = p->ends[INITIATOR].session;
        struct session *b = p->ends[ACCEPTOR].session;
        assert_int_equal(session_send(a, &e, span_text("abc")), STINT_OK);
        session_flush(a);
        assert_true(session_output(a, pipe_time(p), &frame));
        memcpy(copy, frame.data, frame.size);
        /* b has a frame too, closed but never sent: it cannot have been received. */
        assert_int_equal(session_send(b, &e, span_text("abc")), STINT_OK);
        session_flush(b);
        assert_true(frame_get(frame, &h));
        h.number = lie == 0 ? LIMIT_SESSION_FRAMES + 1 : lie == 1 ? 0 : h.number;
        h.next = lie == 2 ? 2 : h.next;
        frame_put(copy, FRAME_DATA, frame.size, &h);
        assert_int_equal(session_receive(b, span_of(copy, frame.size),
                                         p->ends[INITIATOR].identity.curve_public,
                                         pipe_time(p), &batch),
                         STINT_BAD_FRAME);
        assert_non_null(
            strstr(session_text(b), lie == 2 ? "never sent" : "beyond the credit"));
        pipe_drain(p);
        pipe_run(p, MS);
        assert_int_equal(session_status(a), STINT_BAD_FRAME);
        pipe_free(p);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged_frames),
        cmocka_unit_test(test_damaged_hellos),
        cmocka_unit_test(test_no_half_batch),
        cmocka_unit_test(test_lies_about_credit),
    };
    if (wire_init() != STINT_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
