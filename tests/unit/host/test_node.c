/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes inside a program: several in one process and one thread, over real sockets and
 * real files. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/clock.h"
#include "link/entropy.h"
#include "stint/node.h"
#include "tmpdir.h"
#include "wire/keyfile.h"
#include "wire/wire.h"

enum { LIMIT_MS = 30000 };

struct box {
    char dir[TMPDIR_SIZE];
    char data[3][TMPDIR_SIZE + 8];
    char keys[TMPDIR_SIZE + 8];
    char error[STINT_NODE_ERROR_SIZE];
    struct stint_node *node[3];
    unsigned ready, fenced, logged;
    char log[16384];
};

static int
setup(void **state)
{
    struct box *b = calloc(1, sizeof *b);
    tmpdir_make(b->dir);
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(b->data[i], sizeof b->data[i], "%s/n%u", b->dir, i);
    }
    (void)snprintf(b->keys, sizeof b->keys, "%s/keys", b->dir);
    *state = b;
    return 0;
}

static int
teardown(void **state)
{
    struct box *b = *state;
    for (unsigned i = 0; i < 3; i++) {
        stint_node_destroy(b->node[i]);
    }
    tmpdir_remove(b->dir);
    free(b);
    return 0;
}

static void
on_ready(void *arg, struct stint_node *node)
{
    struct box *b = arg;
    assert_true(stint_node_ready(node));
    b->ready++;
}

static void
on_log(void *arg, enum stint_log_level level, const char *text)
{
    struct box *b = arg;
    size_t at = strlen(b->log);
    (void)level;
    b->logged++;
    (void)snprintf(b->log + at, sizeof b->log - at, "%s\n", text);
}

/* Options of node i: n0 founds, the others join it. */
static struct stint_node_options
options_of(struct box *b, unsigned i)
{
    static const char *const names[] = { "n0", "n1", "n2" };
    static char endpoint[256];
    static const char *join[1];
    struct stint_node_options o = STINT_NODE_OPTIONS_INIT;
    o.name = names[i];
    o.data_dir = b->data[i];
    o.insecure = true;
    o.on_ready = on_ready;
    o.on_log = on_log;
    o.arg = b;
    if (i == 0) {
        o.found = true;
    } else if (b->node[0] != NULL) {
        (void)snprintf(endpoint, sizeof endpoint, "%s",
                       stint_node_endpoint(b->node[0]));
        join[0] = endpoint;
        o.join = join;
        o.join_count = 1;
    }
    return o;
}

static void
create(struct box *b, unsigned i, const struct stint_node_options *o)
{
    if (stint_node_create(o, &b->node[i], b->error, sizeof b->error) != STINT_OK) {
        fail_msg("%s", b->error);
    }
    assert_string_equal(b->error, "");
}

static void
start(struct box *b, unsigned i)
{
    struct stint_node_options o = options_of(b, i);
    create(b, i, &o);
}

static void
expect_refused(struct box *b, const struct stint_node_options *o,
               enum stint_status status, const char *says)
{
    struct stint_node *node = (struct stint_node *)b;
    assert_int_equal(stint_node_create(o, &node, b->error, sizeof b->error), status);
    assert_null(node);
    assert_null(strchr(b->error, '\n'));
    if (strstr(b->error, says) == NULL) {
        fail_msg("'%s' does not say '%s'", b->error, says);
    }
}

/* Steps all nodes until `done`, as a program with an event loop of its own would. */
static void
pump(struct box *b, bool (*done)(struct box *b))
{
    uint64_t end = clock_now_ns() + LIMIT_MS * CLOCK_NS_PER_MS;
    for (;;) {
        struct pollfd fds[3];
        nfds_t count = 0;
        int timeout = 1000;
        for (unsigned i = 0; i < 3; i++) {
            if (b->node[i] == NULL || stint_node_step(b->node[i], 0) != STINT_OK) {
                continue;
            }
            int due = stint_node_timeout_ms(b->node[i]);
            timeout = due >= 0 && due < timeout ? due : timeout;
            fds[count].fd = stint_node_fd(b->node[i]);
            fds[count++].events = POLLIN;
        }
        if (done(b)) {
            return;
        }
        if (clock_now_ns() > end) {
            fail_msg("not done in %d ms; log:\n%s", LIMIT_MS, b->log);
        }
        (void)poll(fds, count, timeout);
    }
}

static bool
all_ready(struct box *b)
{
    for (unsigned i = 0; i < 3; i++) {
        if (b->node[i] != NULL && !stint_node_ready(b->node[i])) {
            return false;
        }
    }
    return true;
}

static bool
all_ended(struct box *b)
{
    for (unsigned i = 0; i < 3; i++) {
        if (b->node[i] != NULL && stint_node_step(b->node[i], 0) == STINT_OK) {
            return false;
        }
    }
    return true;
}

static bool
member_ended(struct box *b)
{
    return stint_node_step(b->node[1], 0) != STINT_OK;
}

static void
test_three_nodes_in_one_thread_form_a_cluster(void **state)
{
    struct box *b = *state;
    start(b, 0);
    pump(b, all_ready);
    start(b, 1);
    start(b, 2);
    pump(b, all_ready);
    assert_int_equal(b->ready, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(stint_node_name(b->node[i])[1] - '0', i);
        assert_int_equal(
            strncmp(stint_node_endpoint(b->node[i]), "tcp://127.0.0.1:", 16), 0);
    }
    struct stint_id a = stint_node_id(b->node[0]), c = stint_node_id(b->node[1]);
    assert_memory_not_equal(&a, &c, sizeof a);
    for (unsigned i = 3; i > 0; i--) {
        stint_node_stop(b->node[i - 1], 0);
    }
    pump(b, all_ended);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(stint_node_step(b->node[i], 0), STINT_CLOSED);
        assert_false(stint_node_ready(b->node[i]));
    }
}

static void
test_a_founder_and_a_member_come_back_without_being_told(void **state)
{
    struct box *b = *state;
    char endpoint[2][256];
    start(b, 0);
    pump(b, all_ready);
    start(b, 1);
    pump(b, all_ready);
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(endpoint[i], sizeof endpoint[i], "%s",
                       stint_node_endpoint(b->node[i]));
        stint_node_destroy(b->node[i]); /* as if killed */
        b->node[i] = NULL;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct stint_node_options o = options_of(b, i);
        o.found = false;
        o.join_count = 0;
        if (stint_node_create(&o, &b->node[i], b->error, sizeof b->error) ==
            STINT_EXISTS) {
            skip(); /* another process was quicker to take the free port */
        }
        assert_string_equal(b->error, "");
        if (strstr(b->log, "takes another port") == NULL) {
            assert_string_equal(stint_node_endpoint(b->node[i]), endpoint[i]);
        }
    }
    pump(b, all_ready);
    assert_int_equal(b->ready, 4);
}

static void
test_without_data_found_or_join_it_is_a_usage_error(void **state)
{
    struct box *b = *state;
    struct stint_node_options o = options_of(b, 0);
    o.found = false;
    expect_refused(b, &o, STINT_INVALID,
                   "found a cluster (--found) or join one (--join ENDPOINT)");
}

static void
test_options_that_make_no_sense_are_named(void **state)
{
    struct box *b = *state;
    struct stint_node_options o;
    const char *bad_join[] = { "tcp://x" };
    const char *far_join[] = { "tcp://192.0.2.1:1" };
    const char *no_module[] = { "/nonexistent.so" };
#define REFUSED(change, status, says)        \
    do {                                     \
        o = options_of(b, 0);                \
        change;                              \
        expect_refused(b, &o, status, says); \
    } while (0)
    REFUSED(o.size = 0, STINT_INVALID, "STINT_NODE_OPTIONS_INIT");
    REFUSED(o.name = NULL, STINT_INVALID, "name: a node needs one");
    REFUSED(o.name = "a b", STINT_INVALID, "name: 'a b' is not 1 to 63");
    REFUSED(o.data_dir = NULL, STINT_INVALID, "data: a node needs");
    REFUSED(o.insecure = false, STINT_INVALID, "keys: a node needs");
    REFUSED(o.listen = "udp://x:1", STINT_INVALID,
            "listen: 'udp://x:1' is not of the form");
    REFUSED(o.listen = "tcp://*:0", STINT_INVALID,
            "only with endpoints of this machine");
    REFUSED(o.listen = "tcp://127.evil.example:1", STINT_INVALID, "of this machine");
    REFUSED(o.advertise = "tcp://*:1", STINT_INVALID, "advertise");
    REFUSED(o.advertise = "tcp://192.0.2.1:1", STINT_INVALID, "of this machine");
    REFUSED(o.store = "postgresql://x", STINT_INVALID, "not of the form sqlite:FILE");
    REFUSED(o.store = "sqlite:", STINT_INVALID, "not of the form sqlite:FILE");
    REFUSED(o.labels = "zone", STINT_INVALID, "label: 'zone' is not");
    REFUSED(o.labels = "zone=a,", STINT_INVALID, "label: '' is not");
    REFUSED(o.labels = "=a", STINT_INVALID, "label: '=a' is not");
    REFUSED(o.labels = "zone=a,rack=1,zone=b", STINT_INVALID, "each key once");
    char long_labels[257] = { 0 };
    memset(long_labels, 'v', sizeof long_labels - 1);
    memcpy(long_labels, "a=", 2);
    memcpy(long_labels + 120, ",b=", 3);
    memcpy(long_labels + 240, ",c=", 3);
    REFUSED(o.labels = long_labels, STINT_INVALID, "longer than 255 bytes");
    REFUSED((o.join = bad_join, o.join_count = 1), STINT_INVALID,
            "found: contradicts join");
    REFUSED((o.found = false, o.join = bad_join, o.join_count = 1), STINT_INVALID,
            "'tcp://x'");
    REFUSED((o.found = false, o.join = far_join, o.join_count = 1), STINT_INVALID,
            "this machine");
    REFUSED((o.found = false, o.join = bad_join, o.join_count = 17), STINT_INVALID,
            "join: at most 16");
    REFUSED(o.join_count = 1, STINT_INVALID, "");
    REFUSED((o.module_paths = no_module, o.module_path_count = 1), STINT_IO,
            "/nonexistent.so");
    REFUSED(o.module_count = 1, STINT_INVALID, "a count without its list");
    REFUSED(o.data_dir = "/nonexistent/x/y", STINT_IO, "cannot be made");
#undef REFUSED
}

static void
test_one_data_directory_one_node(void **state)
{
    struct box *b = *state;
    start(b, 0);
    struct stint_node_options o = options_of(b, 0);
    expect_refused(b, &o, STINT_BUSY, "another node uses it");
    stint_node_destroy(b->node[0]);
    b->node[0] = NULL;
    o.name = "n2";
    expect_refused(b, &o, STINT_INVALID, "belongs to node n0, not to n2");
    start(b, 0);
}

static void
test_a_port_in_use_is_refused_but_a_member_takes_another(void **state)
{
    struct box *b = *state;
    char taken[256];
    start(b, 0);
    pump(b, all_ready);
    struct stint_node_options o = options_of(b, 1);
    o.listen = stint_node_endpoint(b->node[0]);
    expect_refused(b, &o, STINT_EXISTS, "the address is in use");
    start(b, 1);
    pump(b, all_ready);
    (void)snprintf(taken, sizeof taken, "%s", stint_node_endpoint(b->node[1]));
    stint_node_destroy(b->node[1]);
    b->node[1] = NULL;
    struct stint_node_options squatter = options_of(b, 2);
    squatter.listen = taken;
    create(b, 2, &squatter);
    start(b, 1);
    assert_string_not_equal(stint_node_endpoint(b->node[1]), taken);
    assert_non_null(strstr(b->log, "takes another port"));
    pump(b, all_ready);
}

static void
test_a_founder_keeps_its_port_or_says_why_not(void **state)
{
    struct box *b = *state;
    char taken[256];
    start(b, 0);
    pump(b, all_ready);
    (void)snprintf(taken, sizeof taken, "%s", stint_node_endpoint(b->node[0]));
    stint_node_destroy(b->node[0]);
    b->node[0] = NULL;
    struct stint_node_options squatter = options_of(b, 2);
    squatter.listen = taken;
    squatter.found = true;
    create(b, 2, &squatter);
    struct stint_node_options o = options_of(b, 0);
    expect_refused(b, &o, STINT_EXISTS, taken);
}

static void
test_a_lost_store_is_no_new_cluster(void **state)
{
    struct box *b = *state;
    char path[TMPDIR_SIZE + 32];
    start(b, 0);
    pump(b, all_ready);
    stint_node_destroy(b->node[0]);
    b->node[0] = NULL;
    (void)snprintf(path, sizeof path, "%s/store.db", b->data[0]);
    assert_int_equal(unlink(path), 0);
    struct stint_node_options o = options_of(b, 0);
    expect_refused(b, &o, STINT_NOT_FOUND, "store.db: No such file");
}

static void
test_a_member_does_not_found(void **state)
{
    struct box *b = *state;
    start(b, 0);
    pump(b, all_ready);
    start(b, 1);
    pump(b, all_ready);
    stint_node_destroy(b->node[1]);
    b->node[1] = NULL;
    struct stint_node_options o = options_of(b, 1);
    o.found = true;
    o.join_count = 0;
    expect_refused(b, &o, STINT_INVALID, "that of a member");
}

static void
test_nobody_to_join_ends_the_node_with_a_reason(void **state)
{
    struct box *b = *state;
    const char *nowhere[] = { "tcp://127.0.0.1:1" };
    struct stint_node_options o = options_of(b, 1);
    o.join = nowhere;
    o.join_count = 1;
    o.join_timeout_ms = 300;
    create(b, 1, &o);
    enum stint_status status = stint_node_run(b->node[1]);
    assert_true(status != STINT_OK && status != STINT_CLOSED && status != STINT_FENCED);
    assert_string_not_equal(stint_node_error(b->node[1]), "");
    assert_int_equal(stint_node_step(b->node[1], -1), status);
}

static void *
run_node(void *arg)
{
    return (void *)(uintptr_t)stint_node_run(arg);
}

static void
test_another_thread_stops_a_running_node(void **state)
{
    struct box *b = *state;
    pthread_t thread;
    void *result;
    start(b, 0);
    pump(b, all_ready);
    assert_int_equal(pthread_create(&thread, NULL, run_node, b->node[0]), 0);
    stint_node_interrupt(b->node[0]);
    stint_node_stop(b->node[0], 1000);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal((uintptr_t)result, STINT_OK);
}

static struct stint_node *signalled;

static void
handle(int signal_number)
{
    (void)signal_number;
    stint_node_stop(signalled, 0);
}

static void
test_a_signal_handler_stops_a_running_node(void **state)
{
    struct box *b = *state;
    start(b, 0);
    pump(b, all_ready);
    signalled = b->node[0];
    struct sigaction action = { .sa_handler = handle }, old;
    assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
    (void)alarm(1);
    assert_int_equal(stint_node_run(b->node[0]), STINT_OK);
    assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
}

static void
test_an_idle_node_sleeps(void **state)
{
    struct box *b = *state;
    unsigned steps = 0;
    start(b, 0);
    pump(b, all_ready);
    uint64_t end = clock_now_ns() + 1000 * CLOCK_NS_PER_MS;
    while (clock_now_ns() < end) {
        assert_int_equal(stint_node_step(b->node[0], -1), STINT_OK);
        steps++;
    }
    assert_true(steps < 200);
}

/* The k-th allocation fails: the node is not made, says so, and gives everything back.
 */
struct scarce {
    unsigned left;
    size_t used;
};

static void *
scarce_resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    struct scarce *s = arg;
    if (size > old_size && s->left-- == 0) {
        s->left = 0;
        return NULL;
    }
    void *moved = NULL;
    if (size == 0) {
        free(ptr);
    } else if ((moved = realloc(ptr, size)) == NULL) {
        return NULL;
    }
    s->used += size;
    s->used -= old_size;
    return moved;
}

static void
test_short_memory_at_the_beginning_is_one_error(void **state)
{
    struct box *b = *state;
    const char *nowhere[] = { "tcp://127.0.0.1:1" };
    struct stint_node_options o = options_of(b, 1);
    o.on_log = NULL;
    o.join = nowhere;
    o.join_count = 1;
    for (unsigned k = 0;; k++) {
        struct scarce scarce = { k, 0 };
        o.allocator = (struct stint_allocator){ scarce_resize, &scarce };
        enum stint_status status =
            stint_node_create(&o, &b->node[0], b->error, sizeof b->error);
        if (status == STINT_OK) {
            assert_true(k > 10);
            scarce.left = 1000000;
            stint_node_destroy(b->node[0]);
            b->node[0] = NULL;
            assert_int_equal(scarce.used, 0);
            return;
        }
        assert_null(b->node[0]);
        assert_string_not_equal(b->error, "");
        assert_int_equal(scarce.used, 0);
        assert_true(k < 10000);
    }
}

/* ---- real keys ---- */

static void
issue(struct box *b, const struct cluster_keys *keys, const char *name, uint64_t days)
{
    uint8_t entropy[CERT_ISSUE_ENTROPY];
    char text[KEYFILE_SIZE_MAX], file[KEYFILE_NAME_SIZE], path[TMPDIR_SIZE + 128];
    struct identity identity;
    uint64_t now = clock_wall_ms();
    struct cert_request request = { ROLE_NODE, name, now - 1000,
                                    now + days * 86400000 };
    entropy_bytes(entropy, sizeof entropy);
    if (days == 0) {
        request.not_before_ms = now - 2000;
        request.not_after_ms = now - 1000;
    }
    assert_int_equal(cert_issue(keys, &request, entropy, &identity), STINT_OK);
    for (int secret = 0; secret < 2; secret++) {
        (void)(secret ? keyfile_write_secret(text, &identity)
                      : keyfile_write_certificate(text, &identity));
        (void)keyfile_name(file, ROLE_NODE, name, secret != 0);
        (void)snprintf(path, sizeof path, "%s/%s", b->keys, file);
        tmpdir_write(path, text, secret ? 0600 : 0644);
    }
    identity_wipe(&identity);
}

static struct cluster_keys
make_keys(struct box *b)
{
    struct cluster_keys keys;
    uint8_t entropy[CLUSTER_KEYS_ENTROPY];
    char text[KEYFILE_SIZE_MAX], path[TMPDIR_SIZE + 64];
    entropy_bytes(entropy, sizeof entropy);
    cluster_keys_make(&keys, entropy);
    (void)mkdir(b->keys, 0700);
    (void)keyfile_write_cluster(text, &keys.trust);
    (void)snprintf(path, sizeof path, "%s/" KEYFILE_CLUSTER, b->keys);
    tmpdir_write(path, text, 0644);
    (void)keyfile_write_server(text, &keys);
    (void)snprintf(path, sizeof path, "%s/" KEYFILE_SERVER, b->keys);
    tmpdir_write(path, text, 0600);
    return keys;
}

static void
start_secure(struct box *b, unsigned i)
{
    struct stint_node_options o = options_of(b, i);
    o.insecure = false;
    o.keys_dir = b->keys;
    create(b, i, &o);
}

static void
test_keys_are_checked_before_anything_else(void **state)
{
    struct box *b = *state;
    char path[TMPDIR_SIZE + 64];
    struct cluster_keys keys = make_keys(b);
    struct stint_node_options o = options_of(b, 0);
    o.insecure = false;
    o.keys_dir = b->keys;
    expect_refused(b, &o, STINT_NOT_FOUND, "node-n0.cert: No such file");
    issue(b, &keys, "n0", 0);
    expect_refused(b, &o, STINT_EXPIRED, "n0");
    issue(b, &keys, "n0", 90);
    (void)snprintf(path, sizeof path, "%s/server.key", b->keys);
    assert_int_equal(chmod(path, 0644), 0);
    expect_refused(b, &o, STINT_NOT_AUTHORISED, "server.key");
    assert_int_equal(access(b->data[0], F_OK), -1);
    assert_int_equal(chmod(path, 0600), 0);
    start_secure(b, 0);
    pump(b, all_ready);
    stint_node_destroy(b->node[0]);
    b->node[0] = NULL;
    o.insecure = true;
    expect_refused(b, &o, STINT_WRONG_CLUSTER, "belongs to another cluster");
}

static void
test_renewed_keys_are_taken_while_running(void **state)
{
    struct box *b = *state;
    struct cluster_keys keys = make_keys(b);
    issue(b, &keys, "n0", 90);
    issue(b, &keys, "n1", 3);
    start_secure(b, 0);
    pump(b, all_ready);
    start_secure(b, 1);
    assert_non_null(strstr(b->log, "ends in 2 days; renew it"));
    pump(b, all_ready);
    issue(b, &keys, "n1", 90);
    assert_int_equal(stint_node_reload(b->node[1]), STINT_OK);
    assert_non_null(strstr(b->log, "keys reloaded"));
    /* The member's links went down for it; with the new key they come up, and it can
     * leave in order. */
    stint_node_stop(b->node[1], 0);
    assert_int_equal(stint_node_step(b->node[1], 0), STINT_OK);
    pump(b, member_ended);
    assert_int_equal(stint_node_step(b->node[1], 0), STINT_CLOSED);
    assert_null(strstr(b->log, "without the authority's agreement"));
    /* Keys of another cluster change nothing. */
    keys = make_keys(b);
    issue(b, &keys, "n0", 90);
    assert_int_not_equal(stint_node_reload(b->node[0]), STINT_OK);
    assert_string_not_equal(stint_node_error(b->node[0]), "");
    assert_true(stint_node_ready(b->node[0]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_three_nodes_in_one_thread_form_a_cluster),
        TEST(test_a_founder_and_a_member_come_back_without_being_told),
        TEST(test_without_data_found_or_join_it_is_a_usage_error),
        TEST(test_options_that_make_no_sense_are_named),
        TEST(test_one_data_directory_one_node),
        TEST(test_a_port_in_use_is_refused_but_a_member_takes_another),
        TEST(test_a_founder_keeps_its_port_or_says_why_not),
        TEST(test_a_lost_store_is_no_new_cluster),
        TEST(test_a_member_does_not_found),
        TEST(test_nobody_to_join_ends_the_node_with_a_reason),
        TEST(test_another_thread_stops_a_running_node),
        TEST(test_a_signal_handler_stops_a_running_node),
        TEST(test_an_idle_node_sleeps),
        TEST(test_short_memory_at_the_beginning_is_one_error),
        TEST(test_keys_are_checked_before_anything_else),
        TEST(test_renewed_keys_are_taken_while_running),
#undef TEST
    };
    if (wire_init() != STINT_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
