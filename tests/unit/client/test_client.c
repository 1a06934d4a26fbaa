/* SPDX-License-Identifier: Apache-2.0 */
/* client.h and admin.h from outside, blocking, over a real connection. */
#include "scripted.h"

static void
it_connects_and_says_to_whom(void **state)
{
    (void)state;
    assert_int_equal(stint_client_state(client), STINT_CLIENT_OFFLINE);
    assert_int_equal(stint_client_connect(client, TIMEOUT_MS), STINT_OK);
    assert_int_equal(stint_client_state(client), STINT_CLIENT_CONNECTED);
    assert_string_equal(stint_client_node(client), "n1");
}

static void
a_value_is_sent_as_json_with_a_channel_by_name(void **state)
{
    (void)state;
    assert_int_equal(
        stint_client_send_json(client, "a", "{\"amount\":5,\"reply\":\"out\"}", NULL, TIMEOUT_MS),
        STINT_OK);
    struct stint_id out = channel_id("out");
    const uint8_t expected[4] = { 0x08, 5, 0x12, 18 };
    assert_int_equal(s.add_size, 4 + 18);
    assert_memory_equal(s.add, expected, 4);
    assert_memory_equal(s.add + 6, out.bytes, 16);
    /* Names and types are asked for once. */
    uint32_t resolves = s.resolves;
    assert_int_equal(
        stint_client_send_json(client, "a", "{\"amount\":6,\"reply\":\"out\"}", NULL, TIMEOUT_MS),
        STINT_OK);
    assert_int_equal(s.resolves, resolves);
    assert_int_equal(s.schemas, 1);
    /* One sender, numbered. */
    assert_memory_equal(&s.participant[0], &s.participant[1], sizeof(struct stint_id));
    assert_int_equal(s.number[0], 1);
    assert_int_equal(s.number[1], 2);
}

static void
after_a_failure_numbers_begin_anew_under_another_name(void **state)
{
    (void)state;
    s.send_status = STINT_TIMED_OUT;
    assert_int_equal(stint_client_send_json(client, "a", "{}", NULL, TIMEOUT_MS), STINT_TIMED_OUT);
    s.send_status = STINT_OK;
    assert_int_equal(stint_client_send_json(client, "a", "{}", NULL, TIMEOUT_MS), STINT_OK);
    assert_memory_not_equal(&s.participant[0], &s.participant[1], sizeof(struct stint_id));
    assert_int_equal(s.number[1], 1);
}

static void
a_name_that_leads_elsewhere_now_is_looked_up_again(void **state)
{
    (void)state;
    assert_int_equal(stint_client_send_json(client, "a", "{}", NULL, TIMEOUT_MS), STINT_OK);
    s.channel_moved = true;
    assert_int_equal(stint_client_send_json(client, "a", "{}", NULL, TIMEOUT_MS), STINT_OK);
    assert_int_equal(s.sends, 3);
}

static void
mistakes_in_values_are_named(void **state)
{
    (void)state;
    assert_int_equal(stint_client_send_json(client, "a", "{\"amonut\":5}", NULL, TIMEOUT_MS),
                     STINT_INVALID);
    assert_non_null(strstr(stint_client_error(client), "amonut"));
    assert_int_equal(
        stint_client_send_json(client, "a", "{\"reply\":\"nowhere\"}", NULL, TIMEOUT_MS),
        STINT_NOT_FOUND);
    assert_non_null(strstr(stint_client_error(client), "reply: there is no channel \"nowhere\""));
    assert_int_equal(stint_client_send_json(client, "nowhere", "{}", NULL, TIMEOUT_MS),
                     STINT_NOT_FOUND);
    assert_int_equal(stint_client_send_json(client, "untyped", "{}", NULL, TIMEOUT_MS),
                     STINT_TYPE_MISMATCH);
    assert_int_equal(stint_client_send_json(client, "untyped", "{}", "tally.Add", TIMEOUT_MS),
                     STINT_OK);
    assert_int_equal(stint_client_send_json(client, "untyped", "{}", "no.Such", TIMEOUT_MS),
                     STINT_NOT_FOUND);
    assert_int_equal(stint_client_send_json(client, "", "{}", NULL, TIMEOUT_MS), STINT_INVALID);
    assert_int_equal(stint_client_send(client, "a", span_of("\x08\x01", 2), NULL, TIMEOUT_MS),
                     STINT_OK);
    assert_int_equal(s.sends, 2);
}

static void
a_value_is_received_with_its_json(void **state)
{
    (void)state;
    struct stint_value value;
    assert_int_equal(stint_client_receive(client, "a", true, TIMEOUT_MS, &value), STINT_OK);
    assert_string_equal(value.type, "tally.Add");
    assert_string_equal(value.json, "{\"amount\":42,\"reply\":null}");
    assert_true(span_equal(value.bytes, span_of("\x08\x2a", 2)));
    assert_int_equal(stint_client_receive(client, "a", false, TIMEOUT_MS, &value), STINT_OK);
    assert_null(value.json);
}

static void
a_value_that_cannot_be_shown_is_not_lost(void **state)
{
    (void)state;
    struct stint_value value;
    s.schema_gone = true;
    assert_int_equal(stint_client_receive(client, "a", true, TIMEOUT_MS, &value), STINT_OK);
    assert_null(value.json);
    assert_int_equal(value.bytes.size, 2);
    assert_non_null(strstr(stint_client_error(client), "nobody knows"));
}

static void
tasklets_are_spawned_and_waited_for(void **state)
{
    (void)state;
    struct stint_spawn spawn = STINT_SPAWN_INIT;
    struct stint_spawned spawned[2];
    size_t count;
    spawn.code = "tally/Tally";
    spawn.args_json = "{\"amount\":9}";
    spawn.count = 3;
    assert_int_equal(stint_client_spawn(client, &spawn, spawned, 2, &count, TIMEOUT_MS), STINT_OK);
    assert_int_equal(count, 3);
    assert_int_equal(spawned[1].id.bytes[0], 2);
    assert_string_equal(spawned[1].node, "n?[1"); /* nothing that a terminal acts on */
    assert_int_equal(s.add_size, 2);
    spawn.code = "Tally";
    assert_int_equal(stint_client_spawn(client, &spawn, NULL, 0, NULL, TIMEOUT_MS), STINT_INVALID);
    struct stint_wait_result result;
    assert_int_equal(stint_client_wait(client, "ab", STINT_WAIT_ENDED, TIMEOUT_MS, &result),
                     STINT_OK);
    assert_true(result.ended);
    assert_int_equal(result.status, STINT_USER);
    assert_string_equal(result.text, "no luck");
    assert_string_equal(result.value.json, "{\"amount\":7,\"reply\":null}");
    assert_int_equal(stint_client_wait(client, "ab", STINT_WAIT_MOVED, TIMEOUT_MS, &result),
                     STINT_TIMED_OUT);
}

static void
a_stack_shows_what_can_be_shown_and_says_why_not(void **state)
{
    (void)state;
    struct stint_list *list;
    assert_int_equal(stint_admin_stack(client, "ab", TIMEOUT_MS, &list), STINT_OK);
    assert_int_equal(stint_list_count(list), 3);
    const struct stint_frame_item *f = stint_list_frame(list);
    assert_string_equal(f->locals, "{\"amount\":5,\"reply\":null}");
    f = stint_list_frame(list);
    assert_null(f->locals);
    assert_string_equal(f->hidden, "nobody knows that type");
    f = stint_list_frame(list);
    assert_null(f->locals);
    assert_non_null(strstr(f->hidden, "role"));
    assert_null(stint_list_frame(list));
    stint_list_rewind(list);
    assert_null(stint_list_node(list));
    assert_non_null(stint_list_frame(list));
    stint_list_free(list);
}

/* One grace for all frames, however many types nobody describes. */
static void
a_stack_does_not_wait_for_each_type(void **state)
{
    (void)state;
    struct stint_list *list;
    assert_int_equal(stint_client_connect(client, TIMEOUT_MS), STINT_OK);
    s.schema_held = true;
    uint64_t begun = clock_now_ns();
    assert_int_equal(stint_admin_stack(client, "ab", 100, &list), STINT_OK);
    assert_in_range((clock_now_ns() - begun) / 1000000, STINT_CLIENT_GRACE_MS / 2,
                    STINT_CLIENT_GRACE_MS + 800);
    assert_int_equal(stint_list_count(list), 3);
    assert_non_null(strstr(stint_list_frame(list)->hidden, "no answer"));
    stint_list_free(list);
}

static void
exports_and_imports_are_whole_files(void **state)
{
    (void)state;
    char dir[TMPDIR_SIZE];
    char path[TMPDIR_SIZE + 32];
    char part[TMPDIR_SIZE + 32];
    struct stat info;
    struct stint_list *list;
    tmpdir_make(dir);
    text_format(path, sizeof path, "%s/t.stint", dir);
    text_format(part, sizeof part, "%s/t.stint.part", dir);
    assert_int_equal(stint_admin_export(client, "gone", path, false, NULL, TIMEOUT_MS),
                     STINT_NOT_FOUND);
    assert_int_not_equal(stat(path, &info), 0);
    assert_int_not_equal(stat(part, &info), 0);
    assert_int_equal(stint_admin_export(client, "ab", path, true, "test", TIMEOUT_MS), STINT_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 16 + 4);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_not_equal(stat(part, &info), 0);
    assert_int_equal(stint_admin_export(client, "ab", path, false, NULL, TIMEOUT_MS), STINT_EXISTS);
    assert_int_equal(stint_admin_import(client, path, NULL, true, NULL, TIMEOUT_MS, &list),
                     STINT_OK);
    assert_int_equal(s.upload_size, 20);
    assert_memory_equal(s.uploaded, "\x0a\x0estint tasklet\nmore", 20);
    assert_non_null(stint_list_spawn(list));
    stint_list_free(list);
    tmpdir_write(path, "no pickle", 0600);
    assert_int_equal(stint_admin_import(client, path, NULL, true, NULL, TIMEOUT_MS, &list),
                     STINT_BAD_PICKLE);
    assert_non_null(strstr(stint_client_error(client), "t.stint"));
    assert_null(list);
    text_format(path, sizeof path, "%s/none", dir);
    assert_int_equal(stint_admin_import(client, path, NULL, true, NULL, TIMEOUT_MS, &list),
                     STINT_NOT_FOUND);
    tmpdir_remove(dir);
}

static void
arguments_are_checked_before_anything_is_asked(void **state)
{
    (void)state;
    struct stint_list *list;
    char wide[600];
    memset(wide, 'x', sizeof wide);
    wide[sizeof wide - 1] = '\0';
    struct stint_migrate migrate = STINT_MIGRATE_INIT;
    assert_int_equal(stint_admin_migrate(client, &migrate, 100, &list), STINT_INVALID);
    migrate.tasklet = wide;
    migrate.to = "n2";
    assert_int_equal(stint_admin_migrate(client, &migrate, 100, &list), STINT_INVALID);
    assert_int_equal(stint_admin_tasklet(client, "", 100, &list), STINT_INVALID);
    assert_int_equal(stint_admin_kill(client, "a\nb", false, NULL, 100), STINT_INVALID);
    struct stint_channel ch = STINT_CHANNEL_INIT;
    struct stint_id id;
    ch.capacity = LIMIT_CAPACITY + 1;
    assert_int_equal(stint_client_channel_create(client, &ch, &id, 100), STINT_INVALID);
    ch.capacity = 0;
    ch.name = "no name";
    assert_int_equal(stint_client_channel_create(client, &ch, &id, 100), STINT_INVALID);
    assert_int_equal(stint_client_state(client), STINT_CLIENT_OFFLINE);
}

static void
a_question_without_answer_ends_at_its_time(void **state)
{
    (void)state;
    struct stint_list *list;
    assert_int_equal(stint_client_connect(client, TIMEOUT_MS), STINT_OK);
    uint64_t begun = clock_now_ns();
    assert_int_equal(stint_admin_nodes(client, 200, &list), STINT_UNREACHABLE);
    assert_in_range((clock_now_ns() - begun) / 1000000, 199, 5000);
    assert_non_null(strstr(stint_client_error(client), "no answer from n1"));
}

static void *
interrupt_soon(void *arg)
{
    uint64_t until = clock_now_ns() + 50 * UINT64_C(1000000);
    while (clock_now_ns() < until) {
        (void)poll(NULL, 0, 5);
    }
    stint_client_interrupt(arg);
    return NULL;
}

static void
a_blocking_call_can_be_interrupted(void **state)
{
    (void)state;
    struct stint_list *list;
    pthread_t thread;
    assert_int_equal(stint_client_connect(client, TIMEOUT_MS), STINT_OK);
    assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, client), 0);
    assert_int_equal(stint_admin_nodes(client, TIMEOUT_MS, &list), STINT_CANCELLED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(stint_admin_ping(client, NULL, TIMEOUT_MS, NULL), STINT_OK);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin_blocking, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_connects_and_says_to_whom),
        T(a_value_is_sent_as_json_with_a_channel_by_name),
        T(after_a_failure_numbers_begin_anew_under_another_name),
        T(a_name_that_leads_elsewhere_now_is_looked_up_again),
        T(mistakes_in_values_are_named),
        T(a_value_is_received_with_its_json),
        T(a_value_that_cannot_be_shown_is_not_lost),
        T(tasklets_are_spawned_and_waited_for),
        T(a_stack_shows_what_can_be_shown_and_says_why_not),
        T(a_stack_does_not_wait_for_each_type),
        T(exports_and_imports_are_whole_files),
        T(arguments_are_checked_before_anything_is_asked),
        T(a_question_without_answer_ends_at_its_time),
        T(a_blocking_call_can_be_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
