/* SPDX-License-Identifier: Apache-2.0 */
/* Each function that waits and its twin ask the same of the cluster and bring the same; and
 * structures of older and newer headers mean the same. */
#include "scripted.h"

/* What was asked, without what differs from one request to the next. */
static stint_Request
asked(void)
{
    stint_Request request = s.asked;
    memset(&request.id, 0, sizeof request.id);
    request.timeout_ms = 0;
    request.number = 0;
    memset(&s.asked, 0, sizeof s.asked);
    return request;
}

static void
wait_for(struct stint_call *call)
{
    assert_non_null(call);
    while (!stint_call_done(call)) {
        struct pollfd p = { .fd = stint_client_fd(client), .events = POLLIN };
        (void)poll(&p, 1, stint_client_timeout_ms(client));
        stint_client_process(client);
    }
}

/* The call has asked what `first` was, and brings what a list brings, or does not. */
static void
same(struct stint_call *call, const stint_Request *first, bool lists)
{
    struct stint_list *list;
    wait_for(call);
    assert_int_equal(stint_call_status(call), STINT_OK);
    stint_Request second = asked();
    assert_memory_equal(first, &second, sizeof second);
    assert_int_not_equal(first->verb, 0);
    assert_int_equal(stint_call_list(call, &list), lists ? STINT_OK : STINT_INVALID);
    assert_true((list != NULL) == lists);
    stint_list_free(list);
    assert_int_equal(stint_call_list(call, &list), STINT_INVALID); /* once */
    assert_null(list);
    stint_call_release(call);
}

#define TWINS(lists, status, call)               \
    do {                                         \
        assert_int_equal(status, STINT_OK);      \
        if (lists) {                             \
            stint_list_free(list);               \
        }                                        \
        stint_Request first = asked();           \
        same(call, &first, lists);               \
    } while (0)

/* The function with these arguments; then with nothing or a list, and with a callback. */
#define PLAIN(name, ...)                                     \
    TWINS(false, stint_##name(client, __VA_ARGS__, TIMEOUT_MS), \
          stint_##name##_begin(client, __VA_ARGS__, TIMEOUT_MS, NULL, NULL))
#define LIST(name, ...)                                            \
    TWINS(true, stint_##name(client, __VA_ARGS__, TIMEOUT_MS, &list), \
          stint_##name##_begin(client, __VA_ARGS__, TIMEOUT_MS, NULL, NULL))
#define LIST_OF_ALL(name)                                 \
    TWINS(true, stint_##name(client, TIMEOUT_MS, &list), \
          stint_##name##_begin(client, TIMEOUT_MS, NULL, NULL))

static void
requests_of_an_operator(void **state)
{
    (void)state;
    struct stint_list *list;
    struct stint_drain drain = STINT_DRAIN_INIT;
    struct stint_query query = STINT_QUERY_INIT;
    struct stint_migrate migrate = STINT_MIGRATE_INIT;
    drain.node = "n2";
    drain.to = "n3,n4";
    drain.rate = 7;
    drain.leave = true;
    drain.reason = "disks";
    query.selector = "code=Tally";
    query.node = "n2";
    query.sort = "-moves";
    query.limit = 9;
    query.all = true;
    query.page = "further";
    migrate.tasklet = "ab";
    migrate.to = "n2";
    migrate.wait = true;
    migrate.reason = "warm";
    s.nodes_known = true;
    TWINS(false, stint_admin_ping(client, "n2", TIMEOUT_MS, NULL),
          stint_admin_ping_begin(client, "n2", TIMEOUT_MS, NULL, NULL));
    LIST_OF_ALL(admin_nodes);
    LIST(admin_node, "n2");
    PLAIN(admin_cordon, "n2", true, "disks");
    PLAIN(admin_cordon, "n2", false, NULL);
    LIST(admin_drain, &drain);
    PLAIN(admin_stop, "n2", true, "done");
    LIST_OF_ALL(admin_status);
    LIST(admin_balance, true, 5);
    LIST(admin_balancer, STINT_BALANCER_OFF);
    LIST_OF_ALL(admin_modules);
    LIST(admin_tasklets, &query);
    LIST(admin_tasklet, "ab");
    LIST(admin_stack, "ab");
    LIST(admin_explain, "ab", "n2");
    LIST(admin_migrate, &migrate);
    PLAIN(admin_kill, "ab", true, "stuck");
    PLAIN(admin_pause, "ab", true, NULL);
    PLAIN(admin_pause, "ab", false, NULL);
    LIST(admin_moves, &query);
    LIST(admin_move, "cd");
    LIST(admin_channels, &query);
    LIST(admin_channel, "out");
    PLAIN(admin_revoke, 17, "lost");
    LIST_OF_ALL(admin_revoked);
}

static void
requests_of_a_client(void **state)
{
    (void)state;
    struct stint_list *list = NULL; /* of none of these */
    struct stint_value value;
    struct stint_wait_result result;
    struct stint_spawn spawn = STINT_SPAWN_INIT;
    spawn.code = "tally/Tally";
    spawn.args_json = "{\"amount\":9}";
    spawn.count = 2;
    spawn.pinned = true;
    TWINS(false, stint_client_spawn(client, &spawn, NULL, 0, NULL, TIMEOUT_MS),
          stint_client_spawn_begin(client, &spawn, TIMEOUT_MS, NULL, NULL));
    TWINS(false, stint_client_wait(client, "ab", STINT_WAIT_ENDED, TIMEOUT_MS, &result),
          stint_client_wait_begin(client, "ab", STINT_WAIT_ENDED, TIMEOUT_MS, NULL, NULL));
    struct stint_channel ch = STINT_CHANNEL_INIT;
    struct stint_id id;
    ch.name = "out";
    ch.capacity = 3;
    ch.type = "tally.Add";
    TWINS(false, stint_client_channel_create(client, &ch, &id, TIMEOUT_MS),
          stint_client_channel_create_begin(client, &ch, TIMEOUT_MS, NULL, NULL));
    PLAIN(client_channel_close, "out", true);
    PLAIN(client_send, "a", span_of("\x08\x01", 2), "tally.Add");
    PLAIN(client_send_json, "a", "{\"amount\":1}", NULL);
    TWINS(false, stint_client_receive(client, "a", true, TIMEOUT_MS, &value),
          stint_client_receive_begin(client, "a", true, TIMEOUT_MS, NULL, NULL));
    assert_null(list);
}

static void
files_are_written_and_read_without_waiting(void **state)
{
    (void)state;
    char dir[TMPDIR_SIZE];
    char path[TMPDIR_SIZE + 32];
    struct stat info;
    struct stint_list *list;
    tmpdir_make(dir);
    text_format(path, sizeof path, "%s/t.stint", dir);
    struct stint_call *call =
        stint_admin_export_begin(client, "ab", path, true, "why", TIMEOUT_MS, NULL, NULL);
    assert_int_not_equal(stat(path, &info), 0); /* not before it is whole */
    wait_for(call);
    assert_int_equal(stint_call_status(call), STINT_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 20);
    stint_call_release(call);
    /* One that fails says so, and leaves nothing. */
    call = stint_admin_export_begin(client, "ab", path, false, NULL, TIMEOUT_MS, NULL, NULL);
    wait_for(call);
    assert_int_equal(stint_call_status(call), STINT_EXISTS);
    assert_non_null(strstr(stint_call_error(call), path));
    stint_call_release(call);
    call = stint_admin_import_begin(client, path, NULL, true, NULL, TIMEOUT_MS, NULL, NULL);
    wait_for(call);
    assert_int_equal(stint_call_list(call, &list), STINT_OK);
    assert_non_null(stint_list_spawn(list));
    stint_list_free(list);
    stint_call_release(call);
    /* One that is given up leaves no half of a file. */
    text_format(path, sizeof path, "%s/gone", dir);
    call = stint_admin_export_begin(client, "ab", path, false, NULL, TIMEOUT_MS, NULL, NULL);
    stint_call_cancel(call);
    wait_for(call);
    stint_call_release(call);
    text_format(path, sizeof path, "%s/gone.part", dir);
    assert_int_not_equal(stat(path, &info), 0);
    tmpdir_remove(dir);
}

static void
connecting_can_be_begun_and_given_up(void **state)
{
    (void)state;
    struct stint_call *given_up = stint_client_connect_begin(client, TIMEOUT_MS, NULL, NULL);
    struct stint_call *call = stint_client_connect_begin(client, TIMEOUT_MS, NULL, NULL);
    stint_call_cancel(given_up);
    wait_for(given_up);
    wait_for(call);
    assert_int_equal(stint_call_status(given_up), STINT_CANCELLED);
    assert_int_equal(stint_call_status(call), STINT_OK);
    assert_int_equal(stint_client_state(client), STINT_CLIENT_CONNECTED);
    assert_true(stint_call_took_us(call) > 0);
    stint_call_release(given_up);
    stint_call_release(call);
}

static void
values_are_converted_without_waiting(void **state)
{
    (void)state;
    struct stint_value value;
    struct stint_id id;
    struct stint_call *call =
        stint_client_encode_begin(client, "tally.Add", "{\"amount\":5}", TIMEOUT_MS, NULL, NULL);
    wait_for(call);
    assert_int_equal(stint_call_value(call, &value), STINT_OK);
    assert_true(span_equal(value.bytes, span_of("\x08\x05", 2)));
    assert_int_equal(stint_call_channel(call, &id), STINT_INVALID);
    stint_call_release(call);
    call = stint_client_decode_begin(client, "tally.Add", span_of("\x08\x05", 2), TIMEOUT_MS, NULL,
                                     NULL);
    wait_for(call);
    assert_int_equal(stint_call_value(call, &value), STINT_OK);
    assert_string_equal(value.json, "{\"amount\":5,\"reply\":null}");
    stint_call_release(call);
    call = stint_client_resolve_begin(client, "out", TIMEOUT_MS, NULL, NULL);
    wait_for(call);
    assert_int_equal(stint_call_channel(call, &id), STINT_OK);
    struct stint_id expected = channel_id("out");
    assert_memory_equal(&id, &expected, sizeof id);
    assert_int_equal(stint_call_value(call, &value), STINT_INVALID);
    stint_call_release(call);
    /* What makes no sense is told like any other outcome. */
    call = stint_client_encode_begin(client, "", "{}", TIMEOUT_MS, NULL, NULL);
    wait_for(call);
    assert_int_equal(stint_call_status(call), STINT_INVALID);
    stint_call_release(call);
}

/* ---- sizes ---- */

/* A structure as a program has it whose header ends with the field `last`: exactly so much memory;
 * and one of a newer header, with more behind it. */
static void *
resized(const void *given, size_t known, size_t size)
{
    uint8_t *made = malloc(size);
    assert_non_null(made);
    memset(made, 0xff, size);
    memcpy(made, given, size < known ? size : known);
    memcpy(made, &size, sizeof size);
    return made;
}

/* `ask` (of `at`) does the same with an older and a newer structure, and refuses one too old. */
#define SIZES(given, last, macro, ask)                                                          \
    do {                                                                                        \
        size_t least = (size_t)((const char *)(&(given).last + 1) - (const char *)&(given));    \
        const void *at = &(given);                                                              \
        assert_int_equal(ask, STINT_OK);                                                        \
        stint_Request first = asked();                                                          \
        void *made[] = { resized(&(given), sizeof(given), least),                               \
                         resized(&(given), sizeof(given), sizeof(given) + 64),                  \
                         resized(&(given), sizeof(given), least - 1) };                         \
        for (int i = 0; i < 2; i++) {                                                           \
            at = made[i];                                                                       \
            assert_int_equal(ask, STINT_OK);                                                    \
            stint_Request second = asked();                                                     \
            assert_memory_equal(&first, &second, sizeof second);                                \
        }                                                                                       \
        at = made[2];                                                                           \
        assert_int_equal(ask, STINT_INVALID);                                                   \
        assert_non_null(strstr(stint_client_error(client), #macro));                            \
        for (int i = 0; i < 3; i++) {                                                           \
            free(made[i]);                                                                      \
        }                                                                                       \
    } while (0)

static enum stint_status
freed(enum stint_status status, struct stint_list **list)
{
    stint_list_free(*list);
    return status;
}

static void
structures_of_older_and_newer_headers_mean_the_same(void **state)
{
    (void)state;
    struct stint_list *list;
    struct stint_id id;
    struct stint_channel ch = STINT_CHANNEL_INIT;
    struct stint_spawn spawn = STINT_SPAWN_INIT;
    struct stint_query query = STINT_QUERY_INIT;
    struct stint_drain drain = STINT_DRAIN_INIT;
    struct stint_migrate migrate = STINT_MIGRATE_INIT;
    spawn.code = "tally/Tally";
    spawn.on = "n2";
    spawn.pinned = true;
    query.selector = "moves<3";
    query.page = "further";
    drain.node = "n2";
    drain.reason = "disks";
    migrate.tasklet = "ab";
    migrate.to = "n2";
    migrate.reason = "warm";
    ch.name = "out";
    ch.on = "n2";
    SIZES(ch, on, STINT_CHANNEL_INIT, stint_client_channel_create(client, at, &id, TIMEOUT_MS));
    SIZES(spawn, pinned, STINT_SPAWN_INIT,
          stint_client_spawn(client, at, NULL, 0, NULL, TIMEOUT_MS));
    SIZES(query, page, STINT_QUERY_INIT,
          freed(stint_admin_tasklets(client, at, TIMEOUT_MS, &list), &list));
    SIZES(drain, reason, STINT_DRAIN_INIT,
          freed(stint_admin_drain(client, at, TIMEOUT_MS, &list), &list));
    SIZES(migrate, reason, STINT_MIGRATE_INIT,
          freed(stint_admin_migrate(client, at, TIMEOUT_MS, &list), &list));
}

static enum stint_status
opens(const void *options, char *error)
{
    struct stint_client *other;
    enum stint_status status = stint_client_open(options, &other, error, STINT_CLIENT_ERROR_SIZE);
    if (status == STINT_OK) {
        status = stint_admin_ping(other, NULL, TIMEOUT_MS, NULL);
        stint_client_close(other, 0);
    }
    return status;
}

static void
options_and_keys_too(void **state)
{
    (void)state;
    char dir[TMPDIR_SIZE];
    char error[STINT_CLIENT_ERROR_SIZE];
    const char *endpoint = link_endpoint(s.net);
    struct stint_list *list;
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    options.endpoints = &endpoint;
    options.endpoint_count = 1;
    options.insecure = true;
    options.no_environment = true;
    size_t least = (size_t)((const char *)(&options.allocator + 1) - (const char *)&options);
    void *older = resized(&options, sizeof options, least);
    void *newer = resized(&options, sizeof options, sizeof options + 64);
    void *broken = resized(&options, sizeof options, least - 1);
    stint_client_close(client, 0); /* the scripted node serves one at a time */
    client = NULL;
    assert_int_equal(opens(older, error), STINT_OK);
    assert_int_equal(opens(newer, error), STINT_OK);
    assert_int_equal(opens(broken, error), STINT_INVALID);
    assert_non_null(strstr(error, "STINT_CLIENT_OPTIONS_INIT"));
    free(older);
    free(newer);
    free(broken);

    tmpdir_make(dir);
    assert_int_equal(stint_keys_init(dir, NULL, error, sizeof error), STINT_OK);
    struct stint_keys_issue issue = STINT_KEYS_ISSUE_INIT;
    issue.role = "client";
    issue.name = "web";
    least = (size_t)((const char *)(&issue.days + 1) - (const char *)&issue);
    newer = resized(&issue, sizeof issue, sizeof issue + 64);
    broken = resized(&issue, sizeof issue, least - 1);
    assert_int_equal(stint_keys_issue(dir, newer, &list, error, sizeof error), STINT_OK);
    stint_list_free(list);
    assert_int_equal(stint_keys_issue(dir, broken, &list, error, sizeof error), STINT_INVALID);
    assert_null(list);
    assert_non_null(strstr(error, "STINT_KEYS_ISSUE_INIT"));
    free(newer);
    free(broken);
    tmpdir_remove(dir);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin_blocking, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(requests_of_an_operator),
        T(requests_of_a_client),
        T(files_are_written_and_read_without_waiting),
        T(connecting_can_be_begun_and_given_up),
        T(values_are_converted_without_waiting),
        T(options_and_keys_too),
        T(structures_of_older_and_newer_headers_mean_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
