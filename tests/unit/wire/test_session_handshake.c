/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets in and who does not, and what both sides are told. */
#include "session_pipe.h"

static void
test_open(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(test_seed("handshake"));
    assert_int_equal(pipe_state(p, INITIATOR), SESSION_WAITING);
    pipe_establish(p);
    const struct session_peer *b = session_peer(p->ends[INITIATOR].session);
    const struct session_peer *a = session_peer(p->ends[ACCEPTOR].session);
    assert_string_equal(b->name, "b");
    assert_string_equal(a->name, "a");
    assert_int_equal(a->role, ROLE_NODE);
    assert_true(a->incarnation == 7 && b->incarnation == 8);
    assert_true(a->view == 20 && b->generation == 1);
    assert_true(id_equal(a->id, p->ends[INITIATOR].identity.certificate.subject));
    assert_true(a->serial == p->ends[INITIATOR].identity.certificate.serial);
    assert_true(session_was_open(p->ends[INITIATOR].session));
    assert_true(session_is_initiator(p->ends[INITIATOR].session));
    assert_false(session_is_initiator(p->ends[ACCEPTOR].session));
    session_set_view(p->ends[ACCEPTOR].session, 1, 21);
    pipe_run(p, 12000 * MS); /* some PING */
    assert_true(b->view == 21);
    struct session_stats stats;
    session_get_stats(p->ends[INITIATOR].session, &stats);
    assert_true(stats.round_trip_ns == MS / 5);
    session_close(p->ends[INITIATOR].session, STINT_OK, "good-bye");
    pipe_run(p, MS);
    assert_int_equal(pipe_state(p, ACCEPTOR), SESSION_CLOSED);
    assert_int_equal(session_status(p->ends[ACCEPTOR].session), STINT_OK);
    assert_string_equal(session_text(p->ends[ACCEPTOR].session), "good-bye");
    pipe_free(p);
}

/* Tries to connect; both the refusal and what the initiator hears must be this. */
static void
assert_refused(struct pipe *p, enum stint_status status, const char *says)
{
    pipe_connect(p);
    pipe_run(p, 10 * MS);
    assert_null(p->ends[ACCEPTOR].session);
    assert_int_equal(p->refusals, 1);
    assert_int_equal(p->refusal.status, status);
    assert_non_null(strstr(p->refusal.text, says));
    assert_int_equal(pipe_state(p, INITIATOR), SESSION_CLOSED);
    assert_int_equal(session_status(p->ends[INITIATOR].session), status);
    assert_string_equal(session_text(p->ends[INITIATOR].session), p->refusal.text);
    pipe_free(p);
}

/* An identity of the development cluster with other times, or of another cluster. */
static void
replace_identity(struct identity *out, bool same_cluster, uint64_t from, uint64_t to)
{
    uint8_t entropy[CLUSTER_KEYS_ENTROPY] = { 1, 2, 3 };
    uint8_t issue[CERT_ISSUE_ENTROPY] = { 9 };
    struct cluster_keys keys;
    struct cert_request request = { ROLE_NODE, "a", from, to };
    cluster_keys_make(&keys, entropy);
    struct trust dev;
    cert_dev_trust(&dev);
    if (same_cluster) {
        keys.trust.cluster = dev.cluster;
    }
    issue[64] = 5;
    assert_int_equal(cert_issue(&keys, &request, issue, out), STINT_OK);
}

static void
test_refusals(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(1);
    replace_identity(&p->ends[INITIATOR].identity, false, WALL0 - 1, WALL0 + 100000000);
    assert_refused(p, STINT_WRONG_CLUSTER, "this node is of cluster");

    p = pipe_new(2);
    replace_identity(&p->ends[INITIATOR].identity, true, WALL0 - 1, WALL0 + 100000000);
    assert_refused(p, STINT_BAD_CERTIFICATE, "not signed by the cluster's authority");

    p = pipe_new(3);
    p->revoked = p->ends[INITIATOR].identity.certificate.serial;
    assert_refused(p, STINT_REVOKED, "is revoked");

    /* A stolen certificate without its CURVE key. */
    p = pipe_new(4);
    assert_int_equal(
        cert_dev_identity(ROLE_OPERATOR, "x", &p->ends[INITIATOR].identity), STINT_OK);
    p->ends[INITIATOR].identity.curve_public[0] ^= 1;
    assert_refused(p, STINT_BAD_CERTIFICATE, "another key than its own");
}

/* The acceptor's clock says when a certificate is over; the session ends with it. */
static void
test_expiry_ends_a_session(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(5);
    struct identity *a = &p->ends[INITIATOR].identity;
    replace_identity(a, false, WALL0 - 1, WALL0 + 60000);
    struct cert_request request = { ROLE_NODE, "b", WALL0 - 1, WALL0 + 10000000 };
    uint8_t entropy[CLUSTER_KEYS_ENTROPY] = { 1, 2, 3 };
    uint8_t issue[CERT_ISSUE_ENTROPY] = { 10 };
    struct cluster_keys keys;
    cluster_keys_make(&keys, entropy);
    assert_int_equal(cert_issue(&keys, &request, issue, &p->ends[ACCEPTOR].identity),
                     STINT_OK);
    pipe_establish(p);
    pipe_run(p, 57000 * MS); /* now 58 s have passed */
    assert_int_equal(pipe_state(p, ACCEPTOR), SESSION_OPEN);
    pipe_run(p, 3000 * MS);
    assert_int_equal(pipe_state(p, ACCEPTOR), SESSION_CLOSED);
    assert_int_equal(session_status(p->ends[INITIATOR].session), STINT_EXPIRED);
    assert_string_equal(session_text(p->ends[INITIATOR].session),
                        "the certificate of node a has expired");
    session_free(p->ends[INITIATOR].session);
    session_free(p->ends[ACCEPTOR].session);
    p->ends[ACCEPTOR].session = NULL;
    p->refusals = 0;
    pipe_open(p);
    assert_refused(p, STINT_EXPIRED, "node a expired");
}

/* A HELLO as a program of another version would send it. */
static struct stint_span
hello_of(struct pipe *p, stint_Hello *hello, uint8_t *out, size_t size)
{
    struct stint_span frame;
    session_link_up(p->ends[INITIATOR].session, pipe_time(p));
    assert_true(session_output(p->ends[INITIATOR].session, pipe_time(p), &frame));
    *hello = (stint_Hello)stint_Hello_init_zero;
    assert_true(frame_get_message(frame, stint_Hello_fields, hello));
    memcpy(out, frame.data, frame.size);
    assert_true(frame.size <= size);
    return span_of(out, frame.size);
}

static enum stint_status
accept(struct pipe *p, const stint_Hello *hello)
{
    uint8_t bytes[FRAME_GREETING_MAX];
    size_t size =
        frame_put_message(bytes, sizeof bytes, FRAME_HELLO, stint_Hello_fields, hello);
    struct session *s;
    enum stint_status status = session_accept(
        &p->ends[ACCEPTOR].config, span_of(bytes, size),
        p->ends[INITIATOR].identity.curve_public, pipe_time(p), &s, &p->refusal);
    session_free(s);
    return status;
}

static void
test_versions_and_nonsense(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(6);
    uint8_t bytes[FRAME_GREETING_MAX];
    stint_Hello good;
    (void)hello_of(p, &good, bytes, sizeof bytes);
    assert_int_equal(accept(p, &good), STINT_OK);
    stint_Hello h = good;
    h.protocol_min = 2;
    h.protocol_max = 9;
    assert_int_equal(accept(p, &h), STINT_BAD_VERSION);
    assert_string_equal(p->refusal.text, "you speak protocol 2 to 9, this node 1 to 1");
    h.protocol_min = 1;
    assert_int_equal(accept(p, &h), STINT_OK); /* 1 is common */
    h.protocol_min = 10;
    assert_int_equal(accept(p, &h), STINT_BAD_VERSION);
    h = good;
    h.frame_max = 1000;
    assert_int_equal(accept(p, &h), STINT_BAD_FRAME);
    h = good;
    h.attempt = 0;
    assert_int_equal(accept(p, &h), STINT_BAD_FRAME);
    h = good;
    h.position.next = 2;
    assert_int_equal(accept(p, &h), STINT_BAD_FRAME);
    h = good;
    h.resume = true;
    assert_int_equal(accept(p, &h), STINT_NOT_FOUND);
    h = good;
    h.certificate.size = 0;
    assert_int_equal(accept(p, &h), STINT_BAD_CERTIFICATE);
    p->ends[ACCEPTOR].memory.fail_at = p->ends[ACCEPTOR].memory.calls + 1;
    assert_int_equal(accept(p, &good), STINT_NO_MEMORY);
    struct session_key key;
    assert_false(session_peek_hello(span_of("x", 1), &key));
    assert_false(session_peek_hello(span_of(NULL, 0), &key));
    pipe_free(p);
}

/* What the initiator demands of the one who answers. */
static void
test_initiator_refuses(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(7);
    assert_int_equal(cert_dev_identity(ROLE_CLIENT, "b", &p->ends[ACCEPTOR].identity),
                     STINT_OK);
    pipe_connect(p);
    pipe_run(p, 10 * MS);
    assert_int_equal(session_status(p->ends[INITIATOR].session), STINT_NOT_AUTHORISED);
    assert_string_equal(session_text(p->ends[INITIATOR].session),
                        "client b answers where a node should");
    assert_int_equal(session_status(p->ends[ACCEPTOR].session), STINT_NOT_AUTHORISED);
    pipe_free(p);

    p = pipe_new(8);
    session_free(p->ends[INITIATOR].session);
    p->ends[INITIATOR].config.expect = id_of_u64(5);
    pipe_open(p);
    pipe_connect(p);
    pipe_run(p, 10 * MS);
    assert_int_equal(session_status(p->ends[INITIATOR].session), STINT_REFUSED);
    pipe_free(p);

    /* It has the certificate but not the secret. */
    p = pipe_new(9);
    p->ends[ACCEPTOR].identity.sign_secret[0] ^= 1;
    pipe_connect(p);
    pipe_run(p, 10 * MS);
    assert_int_equal(session_status(p->ends[INITIATOR].session), STINT_BAD_CERTIFICATE);
    assert_non_null(strstr(session_text(p->ends[INITIATOR].session), "has not proved"));
    pipe_free(p);
}

/* An initiator without its signing secret never gets past the greeting, and is given up. */
static void
test_confirm_must_be_signed(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(10);
    p->ends[INITIATOR].identity.sign_secret[0] ^= 1;
    struct envelope e = { .kind = ENVELOPE_CONTROL };
    assert_int_equal(session_send(p->ends[INITIATOR].session, &e, span_text("hello")),
                     STINT_OK);
    session_flush(p->ends[INITIATOR].session);
    pipe_connect(p);
    pipe_run(p, 2900 * MS);
    assert_int_equal(pipe_state(p, ACCEPTOR), SESSION_GREETING);
    struct session_stats stats;
    session_get_stats(p->ends[ACCEPTOR].session, &stats);
    assert_true(stats.frames_received == 0 && stats.dropped > 0);
    pipe_run(p, 200 * MS);
    assert_int_equal(pipe_state(p, ACCEPTOR), SESSION_CLOSED);
    assert_int_equal(session_status(p->ends[ACCEPTOR].session), STINT_TIMED_OUT);
    assert_int_equal(session_status(p->ends[INITIATOR].session), STINT_TIMED_OUT);
    pipe_free(p);
}

/* A WELCOME recorded from an earlier attempt of the same session proves nothing. */
static void
test_replayed_welcome(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(11);
    struct session *a = p->ends[INITIATOR].session;
    struct stint_span batch;
    uint8_t welcome[FRAME_GREETING_MAX];
    pipe_connect(p);
    pipe_run(p, MS * 15 / 100); /* the WELCOME is on its way */
    assert_int_equal(p->flight_count, 1);
    size_t size = p->flights[0].size;
    memcpy(welcome, p->flights[0].data, size);
    assert_int_equal(frame_kind(span_of(welcome, size)), FRAME_WELCOME);
    pipe_run(p, 10 * MS);
    assert_int_equal(pipe_state(p, INITIATOR), SESSION_OPEN);
    pipe_break(p, false);
    session_link_up(a, pipe_time(p));
    assert_int_equal(
        session_receive(a, span_of(welcome, size), NULL, pipe_time(p), &batch),
        STINT_OK);
    assert_int_equal(session_state(a),
                     SESSION_GREETING); /* of another attempt: dropped */

    /* The same with the attempt's number put right: the signature does not cover it. */
    stint_Welcome outer = stint_Welcome_init_zero;
    stint_WelcomeBody body = stint_WelcomeBody_init_zero;
    uint8_t scratch[FRAME_GREETING_MAX];
    assert_true(
        frame_get_message(span_of(welcome, size), stint_Welcome_fields, &outer));
    memcpy(scratch + FRAME_PREFIX, outer.body.bytes, outer.body.size);
    assert_true(frame_get_message(span_of(scratch, FRAME_PREFIX + outer.body.size),
                                  stint_WelcomeBody_fields, &body));
    body.attempt = 2;
    size = frame_put_message(scratch, sizeof scratch, FRAME_WELCOME,
                             stint_WelcomeBody_fields, &body);
    outer.body.size = (pb_size_t)(size - FRAME_PREFIX);
    memcpy(outer.body.bytes, scratch + FRAME_PREFIX, outer.body.size);
    size = frame_put_message(welcome, sizeof welcome, FRAME_WELCOME,
                             stint_Welcome_fields, &outer);
    assert_int_equal(
        session_receive(a, span_of(welcome, size), NULL, pipe_time(p), &batch),
        STINT_BAD_CERTIFICATE);
    pipe_free(p);
}

static enum stint_status
rebind(struct pipe *p, struct stint_span hello)
{
    return session_rebind(p->ends[ACCEPTOR].session, hello,
                          p->ends[INITIATOR].identity.curve_public, pipe_time(p),
                          &p->refusal);
}

/* A HELLO may come twice, late, or changed. */
static void
test_repeated_hello(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(15);
    uint8_t first[FRAME_GREETING_MAX];
    uint8_t second[FRAME_GREETING_MAX];
    stint_Hello h;
    struct stint_span frame;
    pipe_establish(p);
    struct session *b = p->ends[ACCEPTOR].session;
    struct stint_span hello1 = hello_of(p, &h, first, sizeof first);
    assert_int_equal(rebind(p, hello1), STINT_OK);
    assert_int_equal(session_state(b), SESSION_GREETING);
    assert_true(session_output(b, pipe_time(p), &frame));
    assert_int_equal(frame_kind(frame), FRAME_WELCOME);
    assert_false(session_output(b, pipe_time(p), &frame));
    assert_int_equal(rebind(p, hello1), STINT_OK); /* the WELCOME was lost */
    assert_true(session_output(b, pipe_time(p), &frame));
    assert_int_equal(frame_kind(frame), FRAME_WELCOME);

    struct stint_span hello2 = hello_of(p, &h, second, sizeof second);
    assert_int_equal(rebind(p, hello2), STINT_OK);
    assert_int_equal(rebind(p, hello1), STINT_EXISTS); /* late, over the old link */
    h.challenge[0] ^= 1;
    size_t size =
        frame_put_message(first, sizeof first, FRAME_HELLO, stint_Hello_fields, &h);
    assert_int_equal(rebind(p, span_of(first, size)), STINT_BAD_FRAME);
    h.attempt++;
    h.position.next = 9;
    size = frame_put_message(first, sizeof first, FRAME_HELLO, stint_Hello_fields, &h);
    assert_int_equal(rebind(p, span_of(first, size)), STINT_CONFLICT);
    h.position.next = 1;
    h.incarnation++;
    size = frame_put_message(first, sizeof first, FRAME_HELLO, stint_Hello_fields, &h);
    assert_int_equal(rebind(p, span_of(first, size)), STINT_NOT_FOUND);
    assert_int_equal(session_state(b), SESSION_GREETING); /* refusals change nothing */
    p->connection = 0;
    pipe_run(p, 3100 * MS); /* nobody confirms: it waits for the next link, but lives */
    assert_int_equal(session_state(b), SESSION_WAITING);
    pipe_free(p);
}

static void
lose_first_confirm(void *arg, int from, struct stint_span frame)
{
    struct pipe *p = arg;
    if (from == INITIATOR && frame_kind(frame) == FRAME_CONFIRM) {
        p->loss = 1000;
        p->watch = NULL;
    }
}

/* A lost CONFIRM is repeated when the WELCOME is, long before the silence is noticed. */
static void
test_lost_confirm(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(16);
    p->watch = lose_first_confirm;
    p->arg = p;
    pipe_connect(p);
    pipe_run(p, 100 * MS);
    assert_int_equal(pipe_state(p, INITIATOR), SESSION_OPEN);
    assert_int_equal(pipe_state(p, ACCEPTOR), SESSION_GREETING);
    p->loss = 0;
    pipe_run(p, 150 * MS);
    assert_int_equal(pipe_state(p, ACCEPTOR), SESSION_OPEN);
    pipe_free(p);
}

/* Frames from a key that is not the peer's are dropped, and do no harm. */
static void
test_foreign_key_is_dropped(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(12);
    struct stint_span batch;
    uint8_t frame[SESSION_REFUSAL_SIZE];
    uint8_t key[CERT_KEY_SIZE] = { 1 };
    pipe_establish(p);
    size_t size = frame_put_reset(frame, sizeof frame, STINT_REFUSED, "out");
    struct session *b = p->ends[ACCEPTOR].session;
    assert_int_equal(
        session_receive(b, span_of(frame, size), key, pipe_time(p), &batch),
        STINT_NOT_AUTHORISED);
    assert_int_equal(
        session_receive(b, span_of(frame, size), NULL, pipe_time(p), &batch),
        STINT_NOT_AUTHORISED);
    assert_int_equal(session_state(b), SESSION_OPEN);
    pipe_free(p);
}

/* The acceptor forgot the session: the initiator learns it by greeting, even without a
 * broken link. */
static void
test_forgotten_session(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(13);
    struct envelope e = { .kind = ENVELOPE_CONTROL };
    pipe_establish(p);
    session_free(p->ends[ACCEPTOR].session);
    p->ends[ACCEPTOR].session = NULL;
    assert_int_equal(session_send(p->ends[INITIATOR].session, &e, span_text("x")),
                     STINT_OK);
    session_flush(p->ends[INITIATOR].session);
    pipe_run(p, 4000 * MS);
    assert_int_equal(pipe_state(p, INITIATOR), SESSION_CLOSED);
    assert_int_equal(session_status(p->ends[INITIATOR].session), STINT_NOT_FOUND);
    assert_int_equal(session_send(p->ends[INITIATOR].session, &e, span_text("x")),
                     STINT_CLOSED);
    pipe_free(p);
}

/* What is not printable in a peer's text does not reach our log. */
static void
test_reset_text_is_cleaned(void **state)
{
    (void)state;
    struct pipe *p = pipe_new(14);
    struct stint_span batch;
    uint8_t frame[SESSION_REFUSAL_SIZE];
    pipe_establish(p);
    size_t size = frame_put_reset(frame, sizeof frame, (enum stint_status)250,
                                  "bad\x1b[31m\ntext\xff");
    struct session *a = p->ends[INITIATOR].session;
    assert_int_equal(
        session_receive(a, span_of(frame, size), NULL, pipe_time(p), &batch), STINT_OK);
    assert_int_equal(session_status(a), STINT_REFUSED);
    assert_string_equal(session_text(a), "bad?[31m?text?");
    pipe_free(p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_expiry_ends_a_session),
        cmocka_unit_test(test_versions_and_nonsense),
        cmocka_unit_test(test_initiator_refuses),
        cmocka_unit_test(test_confirm_must_be_signed),
        cmocka_unit_test(test_replayed_welcome),
        cmocka_unit_test(test_repeated_hello),
        cmocka_unit_test(test_lost_confirm),
        cmocka_unit_test(test_foreign_key_is_dropped),
        cmocka_unit_test(test_forgotten_session),
        cmocka_unit_test(test_reset_text_is_cleaned),
    };
    if (wire_init() != STINT_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
