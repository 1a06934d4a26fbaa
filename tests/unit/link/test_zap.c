/* SPDX-License-Identifier: Apache-2.0 */
/* The door: without the handler nobody gets in, and the handler lets in proved keys
 * only. */
#include "link_bench.h"

#include "link/link_monitor.h"
#include "link/link_socket.h"
#include "link/zap.h"

struct door {
    void *context;
    void *zap; /* NULL: no handler */
    void *router;
    void *dealer;
    void *monitor;
    char endpoint[LINK_ENDPOINT_SIZE];
    struct keys server, peer;
};

static int
setup(void **state)
{
    struct door *d = calloc(1, sizeof *d);
    d->context = socket_context();
    d->server = keys_new();
    d->peer = keys_new();
    *state = d;
    return 0;
}

static int
teardown(void **state)
{
    struct door *d = *state;
    if (d->monitor != NULL) {
        monitor_close(d->monitor, d->dealer);
    }
    void *sockets[] = { d->dealer, d->router, d->zap };
    for (size_t i = 0; i < 3; i++) {
        if (sockets[i] != NULL) {
            (void)zmq_close(sockets[i]);
        }
    }
    (void)zmq_ctx_term(d->context);
    free(d);
    return 0;
}

static void
open_router(struct door *d)
{
    size_t size = sizeof d->endpoint;
    d->router = socket_router(d->context, d->server.secret_key);
    assert_non_null(d->router);
    assert_int_equal(zmq_bind(d->router, "tcp://127.0.0.1:0"), 0);
    assert_int_equal(zmq_getsockopt(d->router, ZMQ_LAST_ENDPOINT, d->endpoint, &size),
                     0);
}

static void
open_dealer(struct door *d)
{
    d->dealer = socket_dealer(d->context, d->server.public_key, d->peer.public_key,
                              d->peer.secret_key);
    d->monitor = monitor_open(d->context, d->dealer, 1);
    assert_non_null(d->monitor);
    assert_int_equal(zmq_connect(d->dealer, d->endpoint), 0);
}

/* The first thing the monitor says within `timeout_ms`, serving the handler meanwhile.
 */
static enum monitor_kind
outcome(struct door *d, int timeout_ms)
{
    uint64_t end = clock_now_ns() + (uint64_t)timeout_ms * CLOCK_NS_PER_MS;
    const char *text;
    for (;;) {
        enum monitor_kind kind = monitor_next(d->monitor, &text);
        if (kind != MONITOR_NONE || clock_now_ns() >= end) {
            return kind;
        }
        while (d->zap != NULL && zap_serve(d->zap) == ZAP_ADMITTED) {
        }
        zmq_pollitem_t items[] = { { d->monitor, 0, ZMQ_POLLIN, 0 },
                                   { d->zap, 0, ZMQ_POLLIN, 0 } };
        (void)zmq_poll(items, d->zap == NULL ? 1 : 2, timeout_ms);
    }
}

static void
test_with_the_handler_a_proved_key_gets_in(void **state)
{
    struct door *d = *state;
    d->zap = zap_open(d->context);
    open_router(d);
    open_dealer(d);
    assert_int_equal(outcome(d, 20000), MONITOR_UP);
}

static void
test_without_a_handler_nobody_gets_in(void **state)
{
    struct door *d = *state;
    open_router(d);
    open_dealer(d);
    assert_int_equal(outcome(d, 20000), MONITOR_FAILED);
}

static void
test_when_the_handler_died_nobody_gets_in_any_more(void **state)
{
    struct door *d = *state;
    d->zap = zap_open(d->context);
    open_router(d);
    (void)zmq_close(d->zap);
    d->zap = NULL;
    open_dealer(d);
    assert_int_equal(outcome(d, 20000), MONITOR_FAILED);
}

static void
test_while_the_handler_is_not_served_nobody_gets_in(void **state)
{
    struct door *d = *state;
    void *zap = zap_open(d->context);
    open_router(d);
    open_dealer(d);
    assert_int_equal(outcome(d, 500), MONITOR_NONE);
    d->zap = zap;
    assert_int_equal(outcome(d, 20000), MONITOR_UP);
}

/* Asks the handler as ZeroMQ would; gives the status code. */
static const char *
ask(struct door *d, const char *const *parts, const size_t *sizes, size_t count)
{
    static char code[16];
    zmq_msg_t part;
    void *asker = socket_local(d->context, ZMQ_REQ);
    assert_int_equal(zmq_connect(asker, "inproc://zeromq.zap.01"), 0);
    for (size_t i = 0; i < count; i++) {
        assert_true(
            zmq_send(asker, parts[i], sizes[i], i + 1 < count ? ZMQ_SNDMORE : 0) >= 0);
    }
    zmq_pollitem_t item = { d->zap, 0, ZMQ_POLLIN, 0 };
    assert_int_equal(zmq_poll(&item, 1, 20000), 1);
    enum zap_answer answer = zap_serve(d->zap);
    assert_int_equal(zap_serve(d->zap), ZAP_NONE);
    for (size_t i = 0; i < 6; i++) {
        (void)zmq_msg_init(&part);
        assert_true(zmq_msg_recv(&part, asker, 0) >= 0);
        if (i == 1) {
            assert_int_equal(zmq_msg_size(&part), sizes[1]);
        }
        if (i == 2) {
            memcpy(code, zmq_msg_data(&part), 3);
            code[3] = '\0';
        }
        if (i == 4) {
            assert_int_equal(zmq_msg_size(&part), answer == ZAP_ADMITTED ? 64 : 0);
        }
        assert_int_equal(zmq_msg_more(&part), i < 5);
        (void)zmq_msg_close(&part);
    }
    (void)zmq_close(asker);
    assert_int_equal(answer, strcmp(code, "200") == 0 ? ZAP_ADMITTED : ZAP_REFUSED);
    return code;
}

static void
test_everything_but_a_curve_key_is_refused(void **state)
{
    struct door *d = *state;
    static const char key[64] = "0123456789abcdef0123456789abcdef";
    static const char big[300];
    d->zap = zap_open(d->context);
    const char *good[] = { "1.0", "17", "tasklet", "127.0.0.1", "", "CURVE", key };
    size_t sizes[] = { 3, 2, 7, 9, 0, 5, 32 };
    assert_string_equal(ask(d, good, sizes, 7), "200");

    const char *mechanism[] = { "NULL", "PLAIN", "GSSAPI", "CURVE2", "" };
    for (size_t i = 0; i < 5; i++) {
        good[5] = mechanism[i];
        sizes[5] = strlen(mechanism[i]);
        assert_string_equal(ask(d, good, sizes, 7), "400");
    }
    good[5] = "CURVE";
    sizes[5] = 5;
    sizes[6] = 31;
    assert_string_equal(ask(d, good, sizes, 7), "400");
    sizes[6] = 33;
    assert_string_equal(ask(d, good, sizes, 7), "400");
    sizes[6] = 32;
    assert_string_equal(ask(d, good, sizes, 6), "400");
    good[0] = "2.0";
    assert_string_equal(ask(d, good, sizes, 7), "400");
    good[0] = "1.0";
    good[4] = big;
    sizes[4] = sizeof big;
    assert_string_equal(ask(d, good, sizes, 7), "400");
    good[4] = "";
    sizes[4] = 0;
    assert_string_equal(ask(d, good, sizes, 7), "200");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_with_the_handler_a_proved_key_gets_in),
        TEST(test_without_a_handler_nobody_gets_in),
        TEST(test_when_the_handler_died_nobody_gets_in_any_more),
        TEST(test_while_the_handler_is_not_served_nobody_gets_in),
        TEST(test_everything_but_a_curve_key_is_refused),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
