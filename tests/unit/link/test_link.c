/* SPDX-License-Identifier: Apache-2.0 */
#include "link_bench.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/link_socket.h"

struct pair {
    struct mem mem;
    struct keys cluster, one, two;
    struct link_net *server, *client;
};

static int
setup(void **state)
{
    struct pair *p = calloc(1, sizeof *p);
    p->mem = bench_mem();
    p->cluster = keys_new();
    p->one = keys_new();
    p->two = keys_new();
    p->server = net_open(&p->mem, &p->one, "tcp://127.0.0.1:0", &p->cluster);
    p->client = net_open(&p->mem, &p->two, NULL, NULL);
    *state = p;
    return 0;
}

static int
teardown(void **state)
{
    struct pair *p = *state;
    link_close(p->client);
    link_close(p->server);
    assert_int_equal(p->mem.used, 0);
    free(p);
    return 0;
}

static void
connect_up(struct pair *p)
{
    assert_int_equal(
        link_connect(p->client, 7, link_endpoint(p->server), p->cluster.public_key),
        STINT_OK);
    (void)net_expect(p->client, p->server, LINK_UP, 7);
}

static void
test_frames_go_both_ways_and_carry_the_proved_key(void **state)
{
    struct pair *p = *state;
    connect_up(p);
    net_send(p->client, 7, "hello");
    struct link_event event = net_expect(p->server, p->client, LINK_RECEIVED, 0);
    assert_true((event.link & LINK_INBOUND) != 0);
    assert_bytes(&event, "hello");
    assert_memory_equal(event.peer_key, p->two.public_key, LINK_KEY_SIZE);
    uint64_t back = event.link;
    net_send(p->server, back, "welcome");
    event = net_expect(p->client, p->server, LINK_RECEIVED, 7);
    assert_bytes(&event, "welcome");
    assert_null(event.peer_key);
    net_send(p->client, 7, "again");
    event = net_expect(p->server, p->client, LINK_RECEIVED, back);
    assert_bytes(&event, "again");
}

static void
test_a_picked_port_is_told(void **state)
{
    struct pair *p = *state;
    const char *endpoint = link_endpoint(p->server);
    assert_int_equal(strncmp(endpoint, "tcp://127.0.0.1:", 16), 0);
    assert_true(atoi(endpoint + 16) > 0);
    assert_true(link_endpoint_valid(endpoint));
    assert_string_equal(link_endpoint(p->client), "");
}

static void
test_a_port_in_use_is_one_clear_error(void **state)
{
    struct pair *p = *state;
    struct link_config config = { .mem = &p->mem, .listen = link_endpoint(p->server) };
    char error[256], expected[256];
    struct link_net *net = p->server;
    assert_int_equal(link_open(&net, &config, error, sizeof error), STINT_EXISTS);
    assert_null(net);
    (void)snprintf(expected, sizeof expected,
                   "cannot listen on %s: the address is in use",
                   link_endpoint(p->server));
    assert_string_equal(error, expected);
}

static void
test_endpoints_that_are_none_are_refused(void **state)
{
    struct pair *p = *state;
    static const char *const wrong[] = {
        "",
        "tcp://",
        "tcp://:1",
        "tcp://h",
        "tcp://h:",
        "tcp://h:0",
        "tcp://h:65536",
        "tcp://h:1x",
        "tcp://*:80",
        "tcp://h:*",
        "ipc:///tmp/x",
        "inproc://zeromq.zap.01",
        "udp://h:1",
        "tcp://a;b:80",
        "tcp://h:080",
        "tcp://[::1:80",
        "tcp://[]:80",
        "tcp://h h:80",
        "h:80",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(link_connect(p->client, 1, wrong[i], p->cluster.public_key),
                         STINT_INVALID);
        struct link_config config = { .mem = &p->mem, .listen = wrong[i] };
        char error[300];
        struct link_net *net;
        if (strcmp(wrong[i], "tcp://h:0") != 0 && strchr(wrong[i], '*') == NULL) {
            assert_int_equal(link_open(&net, &config, error, sizeof error),
                             STINT_INVALID);
            assert_null(strchr(error, '\n'));
        }
    }
    assert_true(link_endpoint_valid("tcp://node-1.example.org:4711"));
    assert_true(link_endpoint_valid("tcp://[fe80::1%eth0]:4711"));
    assert_false(link_endpoint_valid(NULL));
    char error[300];
    struct link_net *net;
    struct link_config config = { .mem = &p->mem, .listen = "tcp://192.0.2.1:0" };
    assert_int_equal(link_open(&net, &config, error, sizeof error), STINT_INVALID);
    assert_string_equal(
        error, "cannot listen on tcp://192.0.2.1:0: this machine has no such address");
}

static void
test_another_server_key_never_comes_up_and_says_why_once(void **state)
{
    struct pair *p = *state;
    struct link_event event;
    assert_int_equal(
        link_connect(p->client, 7, link_endpoint(p->server), p->one.public_key),
        STINT_OK);
    event = net_expect(p->client, p->server, LINK_DOWN, 7);
    assert_non_null(strstr(event.text, "the server has another key"));
    assert_int_equal(link_send(p->client, 7, span_text("x")), STINT_UNREACHABLE);
    /* It goes on trying; the same reason is not told again. */
    assert_false(net_event(p->client, p->server, &event, 700));
}

static void
test_nobody_there_is_told_once_and_a_late_server_is_found(void **state)
{
    struct pair *p = *state;
    struct link_event event;
    char endpoint[LINK_ENDPOINT_SIZE];
    (void)snprintf(endpoint, sizeof endpoint, "%s", link_endpoint(p->server));
    link_close(p->server);
    p->server = NULL;
    assert_int_equal(link_connect(p->client, 7, endpoint, p->cluster.public_key),
                     STINT_OK);
    event = net_expect(p->client, NULL, LINK_DOWN, 7);
    assert_string_equal(event.text, "cannot connect");
    assert_false(net_event(p->client, NULL, &event, 500));
    p->server = net_open(&p->mem, &p->one, endpoint, &p->cluster);
    (void)net_expect(p->client, p->server, LINK_UP, 7);
}

static void
test_a_peer_that_restarts_comes_back_on_the_same_link(void **state)
{
    struct pair *p = *state;
    char endpoint[LINK_ENDPOINT_SIZE];
    connect_up(p);
    net_send(p->client, 7, "one");
    (void)net_expect(p->server, p->client, LINK_RECEIVED, 0);
    (void)snprintf(endpoint, sizeof endpoint, "%s", link_endpoint(p->server));
    link_close(p->server);
    p->server = NULL;
    struct link_event event = net_expect(p->client, NULL, LINK_DOWN, 7);
    assert_string_equal(event.text, "the connection was lost");
    assert_int_equal(link_send(p->client, 7, span_text("x")), STINT_UNREACHABLE);
    p->server = net_open(&p->mem, &p->one, endpoint, &p->cluster);
    struct link_event up = { .kind = LINK_DOWN };
    while (up.kind != LINK_UP) {
        assert_true(net_event(p->client, p->server, &up, 20000));
    }
    net_send(p->client, 7, "two");
    event = net_expect(p->server, p->client, LINK_RECEIVED, 0);
    assert_bytes(&event, "two");
}

static void
test_a_link_that_is_down_leaves_the_loop_asleep(void **state)
{
    struct pair *p = *state;
    struct link_event event;
    unsigned turns = 0;
    connect_up(p);
    link_close(p->server);
    p->server = NULL;
    (void)net_expect(p->client, NULL, LINK_DOWN, 7);
    uint64_t end = clock_now_ns() + 1000 * CLOCK_NS_PER_MS;
    while (clock_now_ns() < end) {
        while (link_next(p->client, &event)) {
        }
        link_wait(p->client, 1000, -1);
        turns++;
    }
    /* Attempts are 100 ms apart at first, then ever more; each is a handful of
     * wake-ups. */
    assert_true(turns < 200);
}

static void
test_nothing_is_kept_for_a_connection_to_come(void **state)
{
    struct pair *p = *state;
    unsigned taken = 0;
    connect_up(p);
    link_close(p->server);
    p->server = NULL;
    /* Not told of the end yet: what is sent meanwhile is refused, not kept for somebody
     * else. */
    struct pollfd news = { .fd = link_fd(p->client), .events = POLLIN };
    while (link_send(p->client, 7, span_text("x")) == STINT_OK) {
        (void)poll(&news, 1, 1);
        assert_true(++taken < 1500);
    }
}

static void
test_a_touched_link_is_asked_again_before_sleeping(void **state)
{
    struct pair *p = *state;
    struct link_event event;
    connect_up(p);
    net_send(p->client, 7, "hello");
    uint64_t back = net_expect(p->server, p->client, LINK_RECEIVED, 0).link;
    while (link_next(p->server, &event) || link_next(p->client, &event)) {
    }
    assert_false(link_pending(p->server) || link_pending(p->client));
    net_send(p->server, back, "x");
    assert_true(link_pending(p->server));
    net_send(p->client, 7, "y");
    assert_true(link_pending(p->client));
}

static void
test_a_full_link_says_busy_and_loses_nothing_it_took(void **state)
{
    struct pair *p = *state;
    static uint8_t frame[4096];
    uint64_t taken = 0;
    enum stint_status status = STINT_OK;
    connect_up(p);
    /* The server does not look: at some point every queue between the two is full. */
    while (status == STINT_OK) {
        le64_put(frame, taken);
        status = link_send(p->client, 7, span_of(frame, sizeof frame));
        taken += status == STINT_OK ? 1 : 0;
        assert_true(taken < 1000000);
    }
    assert_int_equal(status, STINT_BUSY);
    assert_true(taken >= SOCKET_SEND_HWM / 2);
    for (uint64_t i = 0; i < taken; i++) {
        struct link_event event = net_expect(p->server, NULL, LINK_RECEIVED, 0);
        assert_int_equal(le64_get(event.bytes.data), i);
    }
    struct link_stats stats;
    link_get_stats(p->client, &stats);
    assert_int_equal(stats.frames_out, taken);
    assert_true(stats.refused_full >= 1);
    /* There is room again. */
    while (link_send(p->client, 7, span_text("last")) == STINT_BUSY) {
    }
    struct link_event event = net_expect(p->server, NULL, LINK_RECEIVED, 0);
    assert_bytes(&event, "last");
}

static void
test_a_full_way_back_says_busy_and_loses_nothing_it_took(void **state)
{
    struct pair *p = *state;
    static uint8_t frame[4096];
    uint64_t taken = 0;
    enum stint_status status = STINT_OK;
    connect_up(p);
    net_send(p->client, 7, "hello");
    uint64_t back = net_expect(p->server, p->client, LINK_RECEIVED, 0).link;
    while (status == STINT_OK) {
        le64_put(frame, taken);
        status = link_send(p->server, back, span_of(frame, sizeof frame));
        taken += status == STINT_OK ? 1 : 0;
        assert_true(taken < 1000000);
    }
    assert_int_equal(status, STINT_BUSY);
    for (uint64_t i = 0; i < taken; i++) {
        struct link_event event = net_expect(p->client, p->server, LINK_RECEIVED, 7);
        assert_int_equal(le64_get(event.bytes.data), i);
    }
}

static void
test_a_peer_that_left_is_down_at_the_next_send(void **state)
{
    struct pair *p = *state;
    connect_up(p);
    net_send(p->client, 7, "hello");
    uint64_t back = net_expect(p->server, p->client, LINK_RECEIVED, 0).link;
    link_close(p->client);
    p->client = NULL;
    enum stint_status status = STINT_OK;
    while (status == STINT_OK || status == STINT_BUSY) {
        status = link_send(p->server, back, span_text("x"));
    }
    assert_int_equal(status, STINT_UNREACHABLE);
    struct link_event event = net_expect(p->server, NULL, LINK_DOWN, back);
    assert_string_equal(event.text, "the connection was lost");
    assert_int_equal(link_send(p->server, back, span_text("x")), STINT_NOT_FOUND);
}

static void
test_a_disconnected_inbound_link_is_heard_no_more(void **state)
{
    struct pair *p = *state;
    struct link_event event;
    connect_up(p);
    net_send(p->client, 7, "hello");
    uint64_t back = net_expect(p->server, p->client, LINK_RECEIVED, 0).link;
    link_disconnect(p->server, back);
    assert_int_equal(link_send(p->server, back, span_text("x")), STINT_NOT_FOUND);
    net_send(p->client, 7, "more");
    assert_false(net_event(p->server, p->client, &event, 300));
    struct link_stats stats;
    link_get_stats(p->server, &stats);
    assert_int_equal(stats.dropped_inbound, 1);
}

static void
test_an_outbound_link_can_be_closed_and_its_number_used_again(void **state)
{
    struct pair *p = *state;
    for (int i = 0; i < 20; i++) {
        connect_up(p);
        assert_int_equal(
            link_connect(p->client, 7, link_endpoint(p->server), p->cluster.public_key),
            STINT_EXISTS);
        link_disconnect(p->client, 7);
        assert_int_equal(link_send(p->client, 7, span_text("x")), STINT_NOT_FOUND);
    }
    link_disconnect(p->client, 8);
}

static void
test_last_words_arrive(void **state)
{
    struct pair *p = *state;
    struct link_event event;
    for (int i = 0; i < 50; i++) {
        connect_up(p);
        net_send(p->client, 7, "bye");
        link_disconnect(p->client, 7);
        event = net_expect(p->server, NULL, LINK_RECEIVED, 0);
        assert_bytes(&event, "bye");
    }
    /* More than any buffer holds on its way. */
    static uint8_t frame[16384];
    connect_up(p);
    for (uint64_t i = 0; i < 400; i++) {
        le64_put(frame, i);
        assert_int_equal(link_send(p->client, 7, span_of(frame, sizeof frame)),
                         STINT_OK);
    }
    link_disconnect(p->client, 7);
    for (uint64_t i = 0; i < 400; i++) {
        event = net_expect(p->server, NULL, LINK_RECEIVED, 0);
        assert_int_equal(le64_get(event.bytes.data), i);
    }
    connect_up(p);
    net_send(p->client, 7, "bye");
    link_linger(p->client, 1000);
    link_close(p->client);
    p->client = NULL;
    event = net_expect(p->server, NULL, LINK_RECEIVED, 0);
    assert_bytes(&event, "bye");
}

static void
test_sizes_outside_the_bounds_are_refused_before_sending(void **state)
{
    struct pair *p = *state;
    connect_up(p);
    static uint8_t big[LINK_FRAME_MAX + 1];
    assert_int_equal(link_send(p->client, 7, span_of(big, LINK_FRAME_MAX + 1)),
                     STINT_LIMIT);
    assert_int_equal(link_send(p->client, 7, span_of(big, 0)), STINT_LIMIT);
    assert_int_equal(link_send(p->client, 7, span_of(big, LINK_FRAME_MAX)), STINT_OK);
    struct link_event event = net_expect(p->server, p->client, LINK_RECEIVED, 0);
    assert_int_equal(event.bytes.size, LINK_FRAME_MAX);
}

/* A ZeroMQ peer that does as it likes. */
static void
test_nameless_and_many_part_messages_are_dropped(void **state)
{
    struct pair *p = *state;
    struct link_event event;
    void *context = socket_context();
    void *named = socket_dealer(context, p->cluster.public_key, p->two.public_key,
                                p->two.secret_key);
    void *plain = socket_dealer(context, p->cluster.public_key, p->two.public_key,
                                p->two.secret_key);
    assert_int_equal(zmq_setsockopt(named, ZMQ_ROUTING_ID, "me", 2), 0);
    assert_int_equal(zmq_connect(named, link_endpoint(p->server)), 0);
    assert_int_equal(zmq_connect(plain, link_endpoint(p->server)), 0);
    bool named_sent = false, plain_sent = false;
    while (!named_sent || !plain_sent) {
        (void)net_event(p->server, NULL, &event, 10);
        named_sent = named_sent || zmq_send(named, "hello", 5, ZMQ_DONTWAIT) == 5;
        if (!plain_sent && zmq_send(plain, "one", 3, ZMQ_DONTWAIT | ZMQ_SNDMORE) == 3) {
            assert_int_equal(zmq_send(plain, "two", 3, ZMQ_SNDMORE), 3);
            assert_int_equal(zmq_send(plain, "three", 5, 0), 5);
            assert_int_equal(zmq_send(plain, "", 0, 0), 0);
            assert_int_equal(zmq_send(plain, "good", 4, 0), 4);
            plain_sent = true;
        }
    }
    event = net_expect(p->server, NULL, LINK_RECEIVED, 0);
    assert_bytes(&event, "good");
    struct link_stats stats = { 0 };
    while (stats.dropped_inbound < 3) {
        assert_false(net_event(p->server, NULL, &event, 10));
        link_get_stats(p->server, &stats);
    }
    assert_int_equal(stats.dropped_inbound, 3);
    assert_int_equal(stats.zap_admitted, 2);
    (void)zmq_close(named);
    (void)zmq_close(plain);
    (void)zmq_ctx_term(context);
}

static void
test_a_client_without_encryption_gets_nowhere(void **state)
{
    struct pair *p = *state;
    struct link_event event;
    void *context = socket_context();
    void *null_peer = socket_local(context, ZMQ_DEALER);
    void *plain_peer = socket_local(context, ZMQ_DEALER);
    assert_int_equal(zmq_setsockopt(plain_peer, ZMQ_PLAIN_USERNAME, "u", 1), 0);
    assert_int_equal(zmq_setsockopt(plain_peer, ZMQ_PLAIN_PASSWORD, "p", 1), 0);
    assert_int_equal(zmq_connect(null_peer, link_endpoint(p->server)), 0);
    assert_int_equal(zmq_connect(plain_peer, link_endpoint(p->server)), 0);
    assert_int_equal(zmq_send(null_peer, "hello", 5, 0), 5);
    assert_int_equal(zmq_send(plain_peer, "hello", 5, 0), 5);
    /* Garbage on the bare socket as well. */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = { .sin_family = AF_INET };
    to.sin_port =
        htons((uint16_t)atoi(link_endpoint(p->server) + strlen("tcp://127.0.0.1:")));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    assert_false(net_event(p->server, NULL, &event, 500));
    connect_up(p); /* an honest peer is served beside them */
    net_send(p->client, 7, "hello");
    event = net_expect(p->server, p->client, LINK_RECEIVED, 0);
    assert_memory_equal(event.peer_key, p->two.public_key, LINK_KEY_SIZE);
    (void)close(fd);
    (void)zmq_close(null_peer);
    (void)zmq_close(plain_peer);
    (void)zmq_ctx_term(context);
}

static void
test_renewed_keys_are_those_of_all_links(void **state)
{
    struct pair *p = *state;
    struct keys renewed = keys_new();
    connect_up(p);
    link_set_keys(p->client, p->two.public_key, p->two.secret_key);
    net_send(p->client, 7, "still up");
    struct link_event event = net_expect(p->server, p->client, LINK_RECEIVED, 0);
    assert_memory_equal(event.peer_key, p->two.public_key, LINK_KEY_SIZE);
    uint64_t old = event.link;
    link_set_keys(p->client, renewed.public_key, renewed.secret_key);
    assert_int_equal(link_send(p->client, 7, span_text("x")), STINT_UNREACHABLE);
    event = net_expect(p->client, p->server, LINK_DOWN, 7);
    assert_string_equal(event.text, "the keys were renewed");
    (void)net_expect(p->client, p->server, LINK_UP, 7);
    net_send(p->client, 7, "new");
    event = net_expect(p->server, p->client, LINK_RECEIVED, 0);
    assert_memory_equal(event.peer_key, renewed.public_key, LINK_KEY_SIZE);
    assert_true(event.link != old);
}

/* Lets the process open no more descriptors; gives the limit that it had. */
static struct rlimit
no_descriptors(void)
{
    struct rlimit usual, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    none = usual;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    return usual;
}

static void
test_without_descriptors_a_link_is_down_and_comes_up_when_there_are_some(void **state)
{
    struct pair *p = *state;
    struct link_event event;
    struct rlimit usual = no_descriptors();
    assert_int_equal(link_connect(p->client, 7, link_endpoint(p->server), p->cluster.public_key),
                     STINT_OK);
    assert_true(link_deadline(p->client) <= clock_now_ns());
    assert_true(link_next(p->client, &event));
    assert_int_equal(event.kind, LINK_DOWN);
    assert_int_equal(event.link, 7);
    assert_non_null(strstr(event.text, "too many open files"));
    assert_int_equal(link_send(p->client, 7, span_text("x")), STINT_UNREACHABLE);
    /* Told once; and one that nobody wants any more is forgotten. */
    assert_int_equal(link_connect(p->client, 8, link_endpoint(p->server), p->cluster.public_key),
                     STINT_OK);
    link_disconnect(p->client, 8);
    assert_false(net_event(p->client, NULL, &event, 1200));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    (void)net_expect(p->client, p->server, LINK_UP, 7);
    /* The same when the keys are renewed. */
    usual = no_descriptors();
    link_set_keys(p->client, p->two.secret_key, p->two.secret_key);
    link_set_keys(p->client, p->two.public_key, p->two.secret_key);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    (void)net_expect(p->client, p->server, LINK_DOWN, 7);
    (void)net_expect(p->client, p->server, LINK_UP, 7);
    net_send(p->client, 7, "here");
    event = net_expect(p->server, p->client, LINK_RECEIVED, 0);
    assert_bytes(&event, "here");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_frames_go_both_ways_and_carry_the_proved_key),
        TEST(test_a_picked_port_is_told),
        TEST(test_a_port_in_use_is_one_clear_error),
        TEST(test_endpoints_that_are_none_are_refused),
        TEST(test_another_server_key_never_comes_up_and_says_why_once),
        TEST(test_nobody_there_is_told_once_and_a_late_server_is_found),
        TEST(test_a_peer_that_restarts_comes_back_on_the_same_link),
        TEST(test_a_link_that_is_down_leaves_the_loop_asleep),
        TEST(test_nothing_is_kept_for_a_connection_to_come),
        TEST(test_a_touched_link_is_asked_again_before_sleeping),
        TEST(test_a_full_link_says_busy_and_loses_nothing_it_took),
        TEST(test_a_full_way_back_says_busy_and_loses_nothing_it_took),
        TEST(test_a_peer_that_left_is_down_at_the_next_send),
        TEST(test_a_disconnected_inbound_link_is_heard_no_more),
        TEST(test_an_outbound_link_can_be_closed_and_its_number_used_again),
        TEST(test_last_words_arrive),
        TEST(test_sizes_outside_the_bounds_are_refused_before_sending),
        TEST(test_nameless_and_many_part_messages_are_dropped),
        TEST(test_a_client_without_encryption_gets_nowhere),
        TEST(test_renewed_keys_are_those_of_all_links),
        TEST(test_without_descriptors_a_link_is_down_and_comes_up_when_there_are_some),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
