/* SPDX-License-Identifier: Apache-2.0 */
/* One client, used by many threads at once, with and without a thread of the library. */
#include "threads.h"

#include <poll.h>

enum { WORKERS = 6, ROUNDS = 12 };

static struct host hosts[2];
static struct stint_client *client;

static int
begin(void **state)
{
    bool *own_thread = *state;
    host_start(&hosts[0], "n1", NULL);
    client = open_client(hosts, 1, *own_thread);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    stint_client_close(client, 0);
    client = NULL;
    assert_int_equal(memory.blocks, 0);
    host_stop(&hosts[0]);
    return 0;
}

/* ---- blocking ---- */

/* What it was given, and the line about its last failure, while others are given theirs. */
static void *
ask_for_its_own(void *arg)
{
    struct worker *w = arg;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        char json[96];
        char nobody[32];
        struct stint_span bytes;
        struct stint_id id;
        const char *back;
        snprintf(json, sizeof json, "{\"sender\":%u,\"sequence\":%u,\"reply\":null}", w->number + 1,
                 round);
        snprintf(nobody, sizeof nobody, "nobody-%u-%u", w->number, round);
        expect(w->client, stint_client_encode(w->client, "mill.Number", json, LONG_MS, &bytes),
               STINT_OK);
        const uint8_t expected[] = { 0x08, (uint8_t)(w->number + 1), 0x10, (uint8_t)round };
        CHECK(bytes.size == sizeof expected);
        CHECK(memcmp(bytes.data, expected, sizeof expected) == 0);
        expect(w->client, stint_client_decode(w->client, "mill.Number", bytes, LONG_MS, &back),
               STINT_OK);
        CHECK(strcmp(back, json) == 0);
        expect(w->client, stint_client_resolve(w->client, nobody, LONG_MS, &id), STINT_NOT_FOUND);
        expect(w->client, stint_admin_ping(w->client, NULL, LONG_MS, NULL), STINT_OK);
        CHECK(strcmp(stint_client_node(w->client), "n1") == 0);
        CHECK(stint_client_state(w->client) == STINT_CLIENT_CONNECTED);
        expect(w->client, stint_client_resolve(w->client, nobody, LONG_MS, &id), STINT_NOT_FOUND);
        CHECK(strstr(stint_client_error(w->client), nobody) != NULL);
    }
    return NULL;
}

static void
each_thread_has_its_own_results_and_errors(void **state)
{
    (void)state;
    struct worker workers[WORKERS];
    run_workers(workers, WORKERS, client, ask_for_its_own);
    join_workers(workers, WORKERS);
}

/* Where answers come to: a channel on a node, or one that the client hosts itself. */
static void
make_reply(struct worker *w, char reply[STINT_ID_TEXT_SIZE])
{
    struct stint_channel ch = STINT_CHANNEL_INIT;
    struct stint_id id;
    if (w->number % 2 == 0) {
        snprintf(reply, STINT_ID_TEXT_SIZE, "reply-%u", w->number);
        create_channel(w->client, reply, "n1");
        return;
    }
    ch.type = "mill.Answer";
    ch.capacity = w->number;
    expect(w->client, stint_client_channel_open(w->client, &ch, &id, LONG_MS), STINT_OK);
    (void)stint_id_text(id, reply);
}

static struct latch asked, enough;

static void *
ask_and_stay(void *arg)
{
    struct worker *w = arg;
    expect(w->client, stint_admin_ping(w->client, NULL, LONG_MS, NULL), STINT_OK);
    latch_add(&asked);
    latch_wait(&enough, 1);
    return NULL;
}

/* What is kept for threads is bounded; who used the client last keeps what it was given. */
static void
more_threads_than_are_remembered(void **state)
{
    (void)state;
    static struct worker workers[STINT_CLIENT_THREADS_MAX + 40];
    enum { COUNT = sizeof workers / sizeof workers[0], HALF = COUNT / 2 };
    struct stint_span bytes;
    asked = enough = (struct latch)LATCH_INIT;
    expect(client, stint_admin_ping(client, NULL, LONG_MS, NULL), STINT_OK);
    size_t before = memory.blocks;
    run_workers(workers, HALF, client, ask_and_stay);
    latch_wait(&asked, HALF);
    size_t each = (memory.blocks - before) / HALF;
    expect(client, stint_client_encode(client, "mill.Answer", "{\"sequence\":7}", LONG_MS, &bytes),
           STINT_OK);
    run_workers(workers + HALF, COUNT - HALF, client, ask_and_stay);
    latch_wait(&asked, COUNT);
    const uint8_t seven[] = { 0x08, 7 };
    assert_int_equal(bytes.size, sizeof seven);
    assert_memory_equal(bytes.data, seven, sizeof seven);
    assert_true(each > 0 && memory.blocks <= before + (STINT_CLIENT_THREADS_MAX + 10) * each);
    latch_add(&enough);
    join_workers(workers, COUNT);
}

/* Questions over a channel that all share, answers over one of its own. */
static void *
ask_a_ledger(void *arg)
{
    struct worker *w = arg;
    char reply[STINT_ID_TEXT_SIZE];
    make_reply(w, reply);
    for (uint32_t sequence = 1; sequence <= ROUNDS; sequence++) {
        char json[96];
        char answer[32];
        struct stint_value value;
        snprintf(json, sizeof json, "{\"sender\":%u,\"sequence\":%u,\"reply\":\"%s\"}", w->number,
                 sequence, reply);
        snprintf(answer, sizeof answer, "{\"sequence\":%u}", sequence);
        expect(w->client, stint_client_send_json(w->client, "book", json, NULL, LONG_MS), STINT_OK);
        expect(w->client, stint_client_receive(w->client, reply, true, LONG_MS, &value), STINT_OK);
        CHECK(strcmp(value.type, "mill.Answer") == 0 && strcmp(value.json, answer) == 0);
    }
    if (w->number == 1) { /* the others' end with the client */
        expect(w->client, stint_client_channel_close(w->client, reply, true, LONG_MS), STINT_OK);
    }
    return NULL;
}

/* Nothing is lost, doubled or out of order, as the ledger itself says. */
static void
check_ledger(uint32_t seen)
{
    struct stint_query query = STINT_QUERY_INIT;
    struct stint_list *list;
    char id[STINT_ID_TEXT_SIZE];
    char expected[64];
    query.selector = "code=Ledger";
    enum stint_status status = stint_admin_tasklets(client, &query, LONG_MS, &list);
    assert_true(status == STINT_OK || status == STINT_PARTIAL); /* a node that died may be missed */
    assert_int_equal(stint_list_count(list), 1);
    stint_id_text(stint_list_tasklet(list)->id, id);
    stint_list_free(list);
    expect(client, stint_admin_stack(client, id, LONG_MS, &list), STINT_OK);
    const char *locals = stint_list_frame(list)->locals;
    assert_non_null(locals);
    snprintf(expected, sizeof expected, "\"seen\":%u,\"doubled\":0,\"disorder\":0", seen);
    if (strstr(locals, expected) == NULL) {
        fail_msg("not %s: %.300s", expected, locals);
    }
    stint_list_free(list);
}

static void
threads_share_a_channel_and_keep_their_order(void **state)
{
    (void)state;
    struct worker workers[WORKERS];
    spawn_ledger(client, "book", NULL);
    run_workers(workers, WORKERS, client, ask_a_ledger);
    join_workers(workers, WORKERS);
    check_ledger(WORKERS * ROUNDS);
}

/* ---- without blocking ---- */

static struct latch told;

static void
count_it(void *arg, struct stint_call *call)
{
    (void)arg;
    CHECK(stint_call_done(call));
    enum stint_status status = stint_call_status(call);
    CHECK(status == STINT_OK || status == STINT_CANCELLED);
    stint_call_release(call);
    latch_add(&told);
}

/* Begins, gives up, asks how it is, releases: each from this thread, while others do the work. */
static void *
begin_many(void *arg)
{
    struct worker *w = arg;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct stint_call *call =
            stint_admin_nodes_begin(w->client, LONG_MS, round % 3 == 0 ? NULL : count_it, NULL);
        CHECK(call != NULL);
        if (round % 6 == 0) {
            stint_call_cancel(call);
        }
        if (round % 3 == 0) {
            while (stint_call_status(call) == STINT_BUSY) {
                (void)poll(NULL, 0, 1); /* somebody else does the work */
            }
            (void)stint_call_error(call);
            stint_call_release(call);
        }
        if (round % 4 == 0) {
            expect(w->client, stint_admin_ping(w->client, NULL, LONG_MS, NULL), STINT_OK);
        }
    }
    return NULL;
}

enum { TOLD_EACH = ROUNDS - ROUNDS / 3 };

static void
every_call_that_was_begun_is_told_once(void **state)
{
    const bool *own_thread = *state;
    struct worker workers[WORKERS];
    told = (struct latch)LATCH_INIT;
    run_workers(workers, WORKERS, client, begin_many);
    while (!*own_thread && latch_count(&told) < WORKERS * TOLD_EACH) {
        struct pollfd p = { .fd = stint_client_fd(client), .events = POLLIN };
        (void)poll(&p, 1, stint_client_timeout_ms(client));
        stint_client_process(client);
    }
    latch_wait(&told, WORKERS * TOLD_EACH);
    join_workers(workers, WORKERS);
    assert_int_equal(latch_count(&told), WORKERS * TOLD_EACH);
}

/* ---- callbacks ---- */

static struct latch entered, leave;

static void
wait_in_callback(void *arg, struct stint_call *call)
{
    enum stint_status *inside = arg;
    latch_add(&entered);
    latch_wait(&leave, 1);
    *inside = stint_admin_ping(client, NULL, LONG_MS, NULL);
    stint_call_release(call);
    latch_add(&told);
}

static void *
ping_during_callback(void *arg)
{
    struct worker *w = arg;
    latch_wait(&entered, 1);
    expect(w->client, stint_admin_ping(w->client, NULL, LONG_MS, NULL), STINT_OK);
    latch_add(&leave);
    return NULL;
}

/* A callback that waits for what another thread gets from the same client. */
static void
a_callback_holds_up_nobody_who_blocks(void **state)
{
    (void)state;
    struct worker worker;
    enum stint_status inside = STINT_OK;
    told = entered = leave = (struct latch)LATCH_INIT;
    run_workers(&worker, 1, client, ping_during_callback);
    assert_non_null(stint_admin_ping_begin(client, NULL, LONG_MS, wait_in_callback, &inside));
    while (latch_count(&told) == 0) {
        struct pollfd p = { .fd = stint_client_fd(client), .events = POLLIN };
        (void)poll(&p, 1, stint_client_timeout_ms(client));
        stint_client_process(client);
    }
    join_workers(&worker, 1);
    assert_int_equal(inside, STINT_BUSY); /* it may not block itself */
}

static void
open_gate(void *arg, struct stint_call *call)
{
    (void)arg;
    stint_call_release(call);
    stint_call_release(
        stint_client_send_json_begin(client, "gate", "{\"sequence\":1}", NULL, LONG_MS, NULL, NULL));
    latch_wait(&leave, 1);
    latch_add(&told);
}

static void *
pass_gate(void *arg)
{
    struct worker *w = arg;
    struct stint_value value;
    expect(w->client, stint_client_receive(w->client, "gate", true, LONG_MS, &value), STINT_OK);
    latch_add(&leave);
    return NULL;
}

/* Who has waited before the callback takes the work over from the thread that is in it. */
static void
who_waits_does_the_work_while_a_callback_lasts(void **state)
{
    (void)state; /* without a thread of the library the callback might be that of the one who waits */
    struct worker worker;
    uint32_t receivers = 0;
    told = leave = (struct latch)LATCH_INIT;
    create_channel(client, "gate", NULL);
    run_workers(&worker, 1, client, pass_gate);
    while (receivers == 0) {
        struct stint_list *list;
        expect(client, stint_admin_channel(client, "gate", LONG_MS, &list), STINT_OK);
        receivers = stint_list_channel(list)->receivers;
        stint_list_free(list);
    }
    assert_non_null(stint_admin_ping_begin(client, NULL, LONG_MS, open_gate, NULL));
    latch_wait(&told, 1);
    join_workers(&worker, 1);
}

/* ---- interrupting and closing ---- */

static void *
receive_for_long(void *arg)
{
    struct worker *w = arg;
    char name[32];
    struct stint_value value;
    snprintf(name, sizeof name, "silent-%u", w->number);
    create_channel(w->client, name, NULL);
    enum stint_status status = stint_client_receive(w->client, name, true, LONG_MS, &value);
    CHECK(status == STINT_CANCELLED || status == STINT_OUTCOME_UNKNOWN);
    latch_add(&told);
    return NULL;
}

/* Each of them is inside of its call: the cluster has it. */
static void
wait_until_all_receive(void)
{
    uint32_t receivers = 0;
    while (receivers < WORKERS) {
        const struct stint_channel_item *item;
        struct stint_list *list;
        receivers = 0;
        expect(client, stint_admin_channels(client, NULL, LONG_MS, &list), STINT_OK);
        while ((item = stint_list_channel(list)) != NULL) {
            receivers += item->receivers;
        }
        stint_list_free(list);
    }
}

/* The thread that does the work of all sleeps; a request of another one does not wait for that. */
static void
a_request_leaves_though_another_thread_sleeps(void **state)
{
    (void)state;
    struct worker workers[WORKERS];
    uint64_t quickest = UINT64_MAX;
    told = (struct latch)LATCH_INIT;
    run_workers(workers, WORKERS, client, receive_for_long);
    wait_until_all_receive();
    for (int i = 0; i < 10; i++) {
        uint64_t us;
        expect(client, stint_admin_ping(client, NULL, LONG_MS, &us), STINT_OK);
        quickest = us < quickest ? us : quickest;
    }
    stint_client_close(client, 0);
    client = NULL;
    join_workers(workers, WORKERS);
    assert_true(quickest < 100000);
}

static void
an_interrupt_ends_all_that_block(void **state)
{
    (void)state;
    struct worker workers[WORKERS];
    told = (struct latch)LATCH_INIT;
    run_workers(workers, WORKERS, client, receive_for_long);
    wait_until_all_receive();
    stint_client_interrupt(client);
    join_workers(workers, WORKERS);
    expect(client, stint_admin_ping(client, NULL, LONG_MS, NULL), STINT_OK);
}

static void
cancelled(void *arg, struct stint_call *call)
{
    (void)arg;
    enum stint_status status = stint_call_status(call);
    CHECK(status == STINT_CANCELLED || status == STINT_OUTCOME_UNKNOWN);
    latch_add(&told);
}

static void
closing_ends_all_that_block_and_tells_all_that_was_begun(void **state)
{
    (void)state;
    struct worker workers[WORKERS];
    struct stint_call *calls[WORKERS];
    told = (struct latch)LATCH_INIT;
    create_channel(client, "silent", NULL);
    run_workers(workers, WORKERS, client, receive_for_long);
    wait_until_all_receive();
    for (uint32_t i = 0; i < WORKERS; i++) {
        calls[i] = stint_client_receive_begin(client, "silent", false, LONG_MS, cancelled, NULL);
        assert_non_null(calls[i]);
    }
    stint_client_close(client, 20);
    client = NULL;
    join_workers(workers, WORKERS);
    assert_int_equal(latch_count(&told), 2 * WORKERS);
    for (uint32_t i = 0; i < WORKERS; i++) {
        assert_true(stint_call_done(calls[i]));
        stint_call_cancel(calls[i]);
        stint_call_release(calls[i]);
    }
}

static void
close_it(void *arg, struct stint_call *call)
{
    (void)arg;
    stint_call_release(call);
    stint_client_close(client, 0);
    latch_add(&told);
}

static void
a_callback_closes_the_client_while_others_block(void **state)
{
    (void)state;
    struct worker workers[WORKERS];
    told = (struct latch)LATCH_INIT;
    run_workers(workers, WORKERS, client, receive_for_long);
    wait_until_all_receive();
    assert_non_null(stint_admin_ping_begin(client, NULL, LONG_MS, close_it, NULL));
    /* Without a thread of its own, one of those who block runs the callback. */
    join_workers(workers, WORKERS);
    latch_wait(&told, WORKERS + 1);
    client = NULL;
    latch_wait(&freed, 1); /* by whoever was out last */
}

static void
stay_in_callback(void *arg, struct stint_call *call)
{
    (void)arg;
    latch_add(&entered);
    latch_wait(&leave, 1);
    stint_call_release(call);
    latch_add(&told);
}

static void *
process_until_called(void *arg)
{
    struct worker *w = arg;
    while (latch_count(&entered) == 0) {
        struct pollfd p = { .fd = stint_client_fd(w->client), .events = POLLIN };
        (void)poll(&p, 1, stint_client_timeout_ms(w->client));
        stint_client_process(w->client);
    }
    return NULL;
}

/* Whoever is in a callback takes the client down when it is out of it. */
static void
closing_does_not_wait_for_ever_for_a_callback(void **state)
{
    const bool *own_thread = *state;
    struct worker worker;
    told = entered = leave = (struct latch)LATCH_INIT;
    assert_non_null(stint_admin_ping_begin(client, NULL, LONG_MS, stay_in_callback, NULL));
    run_workers(&worker, *own_thread ? 0 : 1, client, process_until_called);
    latch_wait(&entered, 1);
    stint_client_close(client, 0);
    client = NULL;
    assert_int_equal(latch_count(&told), 0);
    latch_add(&leave);
    join_workers(&worker, *own_thread ? 0 : 1);
    latch_wait(&told, 1);
    latch_wait(&freed, 1); /* by whoever was out last */
}

/* ---- a node dies ---- */

static void
requests_go_on_over_another_node(void **state)
{
    bool *own_thread = *state;
    struct worker workers[WORKERS];
    host_start(&hosts[1], "n2", &hosts[0]);
    const struct host order[] = { hosts[1], hosts[0] };
    stint_client_close(client, 0);
    client = open_client(order, 2, *own_thread);
    expect(client, stint_client_connect(client, LONG_MS), STINT_OK);
    spawn_ledger(client, "book", "n1");
    bool to_second = strcmp(stint_client_node(client), "n2") == 0;
    run_workers(workers, WORKERS, client, ask_a_ledger);
    if (to_second) {
        host_die(&hosts[1]);
    }
    join_workers(workers, WORKERS);
    check_ledger(WORKERS * ROUNDS);
    if (!to_second) {
        host_stop(&hosts[1]);
    }
}

static bool blocking[] = { false, true }; /* whether the library has a thread */

#define T(name, own)                                           \
    {                                                          \
        #name " " #own, name, begin, end, &blocking[own]       \
    }
#define BOTH(name) T(name, 0), T(name, 1)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(each_thread_has_its_own_results_and_errors),
        BOTH(more_threads_than_are_remembered),
        BOTH(threads_share_a_channel_and_keep_their_order),
        BOTH(every_call_that_was_begun_is_told_once),
        BOTH(a_callback_holds_up_nobody_who_blocks),
        T(who_waits_does_the_work_while_a_callback_lasts, 1),
        BOTH(a_request_leaves_though_another_thread_sleeps),
        BOTH(an_interrupt_ends_all_that_block),
        BOTH(closing_ends_all_that_block_and_tells_all_that_was_begun),
        BOTH(a_callback_closes_the_client_while_others_block),
        BOTH(closing_does_not_wait_for_ever_for_a_callback),
        BOTH(requests_go_on_over_another_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
