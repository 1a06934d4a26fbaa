/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h and admin.h from outside, over a real loopback connection to a scripted node. The node runs in a thread for blocking
 * calls, and in turns with the client for the others.
 */
#include "described.h"
#include "fake_node.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "link/clock.h"
#include "link/entropy.h"
#include "link/link.h"
#include "stint/admin.h"
#include "stint/client.h"
#include "tmpdir.h"
#include "tracked_memory.h"

enum { TIMEOUT_MS = 20000 };

/* What the scripted node knows and has seen. Written by the node, read when it stands still. */
static struct script {
    struct mem mem;
    struct fake_node node;
    struct link_net *net;
    struct stint_allocator allocator;
    pthread_t thread;
    atomic_bool stop;
    bool threaded;
    uint8_t add[64]; /* the last value sent */
    size_t add_size;
    struct stint_id participant[16];
    uint64_t number[16];
    uint32_t sends, resolves, schemas, receives;
    enum stint_status send_status;
    bool hold;         /* sends are not answered */
    bool channel_moved; /* the name leads to another channel now */
    bool schema_gone;
    uint64_t held[16];
    uint32_t held_count;
    uint8_t uploaded[1 << 17];
    size_t upload_size;
} s;

static struct tracked_memory tracked;

static void *
plain_resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

static struct stint_id
channel_id(const char *name)
{
    struct stint_id id;
    memset(&id, name[0], sizeof id);
    id.bytes[0] = s.channel_moved ? 2 : 1;
    return id;
}

/* ---- the script ---- */

static void
on_resolve(struct fake_node *n, uint64_t number, const stint_Request *request)
{
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    struct stint_id id = channel_id(request->text);
    s.resolves++;
    if (strcmp(request->text, "nowhere") == 0) {
        fake_end(n, number, STINT_NOT_FOUND, "there is no channel nowhere");
        return;
    }
    info.id.size = sizeof id.bytes;
    memcpy(info.id.bytes, id.bytes, sizeof id.bytes);
    text_copy(info.name, sizeof info.name, request->text);
    text_copy(info.type, sizeof info.type, strcmp(request->text, "untyped") == 0 ? "" : "tally.Add");
    fake_item(n, number, stint_ItemKind_ITEM_CHANNEL, stint_ChannelInfo_fields, &info, span_of(NULL, 0));
    fake_end(n, number, STINT_OK, "");
}

static void
on_schema(struct fake_node *n, uint64_t number, const stint_Request *request)
{
    struct buf schema;
    s.schemas++;
    if (s.schema_gone || strncmp(request->text, "tally", 5) != 0) {
        fake_end(n, number, STINT_NOT_FOUND, "nobody knows that type");
        return;
    }
    buf_init(&schema, &s.mem, LIMIT_MESSAGE);
    described_add(&schema);
    if (strchr(request->text, '/') != NULL) {
        described_code(&schema, "tally", "Tally", 1);
    }
    fake_item(n, number, stint_ItemKind_ITEM_SCHEMA, NULL, NULL, buf_span(&schema));
    fake_end(n, number, STINT_OK, "");
    buf_fini(&schema);
}

static void
on_send(struct fake_node *n, uint64_t number, const stint_Request *request, struct stint_span payload)
{
    assert_true(payload.size <= sizeof s.add);
    assert_string_equal(request->type, "tally.Add");
    assert_int_equal(request->participant.size, 16);
    memcpy(s.participant[s.sends % 16].bytes, request->participant.bytes, 16);
    s.number[s.sends % 16] = request->number;
    s.sends++;
    s.add_size = payload.size;
    bytes_copy(s.add, payload.data, payload.size);
    bool stale = s.channel_moved && strncmp(request->target, "01", 2) == 0;
    if (s.hold) {
        s.held[s.held_count++] = number;
    } else {
        fake_end(n, number, stale ? STINT_NOT_FOUND : s.send_status, stale ? "it has ended" : "");
    }
}

static void
on_receive(struct fake_node *n, uint64_t number)
{
    stint_ValueInfo info = stint_ValueInfo_init_zero;
    s.receives++;
    text_copy(info.type, sizeof info.type, "tally.Add");
    fake_item(n, number, stint_ItemKind_ITEM_VALUE, stint_ValueInfo_fields, &info, span_of("\x08\x2a", 2));
    fake_end(n, number, STINT_OK, "");
}

static void
on_stack(struct fake_node *n, uint64_t number)
{
    for (int i = 0; i < 3; i++) {
        stint_FrameInfo info = stint_FrameInfo_init_zero;
        info.tasklet.size = 16;
        text_copy(info.code, sizeof info.code, "Tally");
        text_copy(info.module, sizeof info.module, i == 1 ? "other" : "tally");
        text_copy(info.type, sizeof info.type, i == 2 ? "" : "tally.Add");
        info.line = 10;
        fake_item(n, number, stint_ItemKind_ITEM_FRAME, stint_FrameInfo_fields, &info, span_of("\x08\x05", i == 2 ? 0 : 2));
    }
    fake_end(n, number, STINT_OK, "");
}

static void
on_spawn(struct fake_node *n, uint64_t number, const stint_Request *request, struct stint_span payload)
{
    s.add_size = payload.size;
    bytes_copy(s.add, payload.data, payload.size <= sizeof s.add ? payload.size : 0);
    for (uint32_t i = 0; i < request->count; i++) {
        stint_SpawnInfo info = stint_SpawnInfo_init_zero;
        info.id.size = 16;
        memset(info.id.bytes, (int)i + 1, 16);
        text_copy(info.node, sizeof info.node, "n\x1b[1");
        fake_item(n, number, stint_ItemKind_ITEM_SPAWN, stint_SpawnInfo_fields, &info, span_of(NULL, 0));
    }
    fake_end(n, number, STINT_OK, "");
}

static void
on_wait(struct fake_node *n, uint64_t number, const stint_Request *request)
{
    if (strcmp(request->text, "ended") == 0) {
        stint_EndInfo info = stint_EndInfo_init_zero;
        info.id.size = 16;
        info.status = STINT_USER;
        text_copy(info.text, sizeof info.text, "no luck");
        text_copy(info.type, sizeof info.type, "tally.Add");
        fake_item(n, number, stint_ItemKind_ITEM_END, stint_EndInfo_fields, &info, span_of("\x08\x07", 2));
        fake_end(n, number, STINT_OK, "");
    } else {
        fake_end(n, number, STINT_TIMED_OUT, "it has not moved");
    }
}

static void
on_file(struct fake_node *n, uint64_t number, const stint_Request *request, struct stint_span payload)
{
    if (request->verb == stint_Verb_VERB_TASKLET_EXPORT) {
        if (strcmp(request->target, "gone") == 0) {
            fake_end(n, number, STINT_NOT_FOUND, "there is no tasklet gone");
            return;
        }
        fake_item(n, number, stint_ItemKind_ITEM_BYTES, NULL, NULL, span_text("\x0a\x0estint tasklet\n"));
        fake_item(n, number, stint_ItemKind_ITEM_BYTES, NULL, NULL, span_text("more"));
        fake_end(n, number, STINT_OK, "");
    } else if (request->verb == stint_Verb_VERB_UPLOAD) {
        assert_int_equal(request->offset, s.upload_size);
        assert_true(s.upload_size + payload.size <= sizeof s.uploaded);
        bytes_copy(s.uploaded + s.upload_size, payload.data, payload.size);
        s.upload_size += payload.size;
        fake_end(n, number, STINT_OK, "");
    } else {
        stint_Request spawn = *request;
        spawn.count = 1;
        on_spawn(n, number, &spawn, span_of(NULL, 0));
    }
}

static void
answer(struct fake_node *n, uint64_t number, const stint_Request *request, struct stint_span payload)
{
    switch (request->verb) {
    case stint_Verb_VERB_RESOLVE:
        on_resolve(n, number, request);
        break;
    case stint_Verb_VERB_SCHEMA:
        on_schema(n, number, request);
        break;
    case stint_Verb_VERB_CHANNEL_SEND:
        on_send(n, number, request, payload);
        break;
    case stint_Verb_VERB_CHANNEL_RECEIVE:
        on_receive(n, number);
        break;
    case stint_Verb_VERB_TASKLET_STACK:
        on_stack(n, number);
        break;
    case stint_Verb_VERB_TASKLET_SPAWN:
        on_spawn(n, number, request, payload);
        break;
    case stint_Verb_VERB_TASKLET_WAIT:
        on_wait(n, number, request);
        break;
    case stint_Verb_VERB_TASKLET_EXPORT:
    case stint_Verb_VERB_UPLOAD:
    case stint_Verb_VERB_TASKLET_IMPORT:
        on_file(n, number, request, payload);
        break;
    case stint_Verb_VERB_NODE_LIST:
        break; /* never answered */
    default:
        fake_end(n, number, STINT_OK, "");
    }
}

/* ---- the node's side of the wire ---- */

static void
node_turn(int wait_ms)
{
    struct link_event event;
    struct session_time now = { .now_ns = clock_now_ns(), .wall_ms = clock_wall_ms() };
    static uint64_t link;
    while (link_next(s.net, &event)) {
        struct session_refusal refusal;
        if (event.kind != LINK_RECEIVED) {
            continue;
        }
        link = event.link;
        uint8_t key[CERT_KEY_SIZE];
        memcpy(key, event.peer_key, sizeof key);
        fake_receive(&s.node, event.bytes, key, now, &refusal);
        if (refusal.frame_size != 0) {
            (void)!link_send(s.net, link, span_of(refusal.frame, refusal.frame_size));
        }
    }
    struct stint_span frame;
    if (s.node.session != NULL) {
        session_tick(s.node.session, now);
        while (session_output(s.node.session, now, &frame)) {
            (void)!link_send(s.net, link, frame);
        }
    }
    if (wait_ms != 0) {
        link_wait(s.net, wait_ms, -1);
    }
}

static void *
node_thread(void *arg)
{
    (void)arg;
    while (!atomic_load(&s.stop)) {
        node_turn(5);
    }
    return NULL;
}

static void
node_start(bool threaded)
{
    char error[256];
    memset(&s, 0, sizeof s);
    assert_int_equal(wire_init(), STINT_OK);
    s.allocator = (struct stint_allocator){ plain_resize, NULL };
    mem_init(&s.mem, s.allocator, 0);
    fake_node_init(&s.node, &s.mem, "n1", ROLE_NODE, answer);
    uint8_t seed[32];
    entropy_bytes(seed, sizeof seed);
    prng_init_entropy(&s.node.random, seed);
    struct link_config config = { .mem = &s.mem, .listen = "tcp://127.0.0.1:0" };
    memcpy(config.public_key, s.node.identity.curve_public, sizeof config.public_key);
    memcpy(config.secret_key, s.node.identity.curve_secret, sizeof config.secret_key);
    memcpy(config.server_secret, s.node.identity.server_secret, sizeof config.server_secret);
    if (link_open(&s.net, &config, error, sizeof error) != STINT_OK) {
        fail_msg("%s", error);
    }
    s.threaded = threaded;
    if (threaded) {
        assert_int_equal(pthread_create(&s.thread, NULL, node_thread, NULL), 0);
    }
}

static void
node_stop(void)
{
    if (s.threaded) {
        atomic_store(&s.stop, true);
        assert_int_equal(pthread_join(s.thread, NULL), 0);
        s.threaded = false;
    }
    fake_node_fini(&s.node);
    link_close(s.net);
    assert_int_equal(s.mem.used, 0);
}

static struct stint_client *
open_client(void)
{
    char error[STINT_CLIENT_ERROR_SIZE];
    const char *endpoint = link_endpoint(s.net);
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    struct stint_client *client;
    memset(&tracked, 0, sizeof tracked);
    options.endpoints = &endpoint;
    options.endpoint_count = 1;
    options.insecure = true;
    options.no_environment = true;
    options.allocator = tracked_allocator(&tracked);
    if (stint_client_open(&options, &client, error, sizeof error) != STINT_OK) {
        fail_msg("%s", error);
    }
    return client;
}

static struct stint_client *client;

static int
begin_blocking(void **state)
{
    (void)state;
    node_start(true);
    client = open_client();
    return 0;
}

static int
begin_turns(void **state)
{
    (void)state;
    node_start(false);
    client = open_client();
    return 0;
}

static int
end(void **state)
{
    (void)state;
    stint_client_close(client, 0);
    node_stop();
    assert_int_equal(tracked.blocks, 0);
    return 0;
}

/* ---- blocking ---- */

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
    assert_int_equal(stint_client_send_json(client, "a", "{\"amount\":5,\"reply\":\"out\"}", NULL, TIMEOUT_MS), STINT_OK);
    struct stint_id out = channel_id("out");
    const uint8_t expected[4] = { 0x08, 5, 0x12, 18 };
    assert_int_equal(s.add_size, 4 + 18);
    assert_memory_equal(s.add, expected, 4);
    assert_memory_equal(s.add + 6, out.bytes, 16);
    /* Names and types are asked for once. */
    uint32_t resolves = s.resolves;
    assert_int_equal(stint_client_send_json(client, "a", "{\"amount\":6,\"reply\":\"out\"}", NULL, TIMEOUT_MS), STINT_OK);
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
    assert_int_equal(stint_client_send_json(client, "a", "{\"amonut\":5}", NULL, TIMEOUT_MS), STINT_INVALID);
    assert_non_null(strstr(stint_client_error(client), "amonut"));
    assert_int_equal(stint_client_send_json(client, "a", "{\"reply\":\"nowhere\"}", NULL, TIMEOUT_MS), STINT_NOT_FOUND);
    assert_non_null(strstr(stint_client_error(client), "reply: there is no channel \"nowhere\""));
    assert_int_equal(stint_client_send_json(client, "nowhere", "{}", NULL, TIMEOUT_MS), STINT_NOT_FOUND);
    assert_int_equal(stint_client_send_json(client, "untyped", "{}", NULL, TIMEOUT_MS), STINT_TYPE_MISMATCH);
    assert_int_equal(stint_client_send_json(client, "untyped", "{}", "tally.Add", TIMEOUT_MS), STINT_OK);
    assert_int_equal(stint_client_send_json(client, "untyped", "{}", "no.Such", TIMEOUT_MS), STINT_NOT_FOUND);
    assert_int_equal(stint_client_send_json(client, "", "{}", NULL, TIMEOUT_MS), STINT_INVALID);
    assert_int_equal(stint_client_send(client, "a", span_of("\x08\x01", 2), NULL, TIMEOUT_MS), STINT_OK);
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
    assert_int_equal(stint_client_wait(client, "ab", STINT_WAIT_ENDED, TIMEOUT_MS, &result), STINT_OK);
    assert_true(result.ended);
    assert_int_equal(result.status, STINT_USER);
    assert_string_equal(result.text, "no luck");
    assert_string_equal(result.value.json, "{\"amount\":7,\"reply\":null}");
    assert_int_equal(stint_client_wait(client, "ab", STINT_WAIT_MOVED, TIMEOUT_MS, &result), STINT_TIMED_OUT);
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
    assert_int_equal(stint_admin_export(client, "gone", path, false, NULL, TIMEOUT_MS), STINT_NOT_FOUND);
    assert_int_not_equal(stat(path, &info), 0);
    assert_int_not_equal(stat(part, &info), 0);
    assert_int_equal(stint_admin_export(client, "ab", path, true, "test", TIMEOUT_MS), STINT_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 16 + 4);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_not_equal(stat(part, &info), 0);
    assert_int_equal(stint_admin_export(client, "ab", path, false, NULL, TIMEOUT_MS), STINT_EXISTS);
    assert_int_equal(stint_admin_import(client, path, NULL, true, NULL, TIMEOUT_MS, &list), STINT_OK);
    assert_int_equal(s.upload_size, 20);
    assert_memory_equal(s.uploaded, "\x0a\x0estint tasklet\nmore", 20);
    assert_non_null(stint_list_spawn(list));
    stint_list_free(list);
    tmpdir_write(path, "no pickle", 0600);
    assert_int_equal(stint_admin_import(client, path, NULL, true, NULL, TIMEOUT_MS, &list), STINT_BAD_PICKLE);
    assert_non_null(strstr(stint_client_error(client), "t.stint"));
    assert_null(list);
    text_format(path, sizeof path, "%s/none", dir);
    assert_int_equal(stint_admin_import(client, path, NULL, true, NULL, TIMEOUT_MS, &list), STINT_NOT_FOUND);
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

/* ---- without blocking ---- */

struct told {
    uint32_t count;
    enum stint_status status[8];
    bool release, close, wait_inside;
    enum stint_status inside;
};

static void
on_done(void *arg, struct stint_call *call)
{
    struct told *told = arg;
    told->status[told->count++ % 8] = stint_call_status(call);
    assert_true(stint_call_done(call));
    if (told->wait_inside) {
        told->inside = stint_admin_ping(client, NULL, 100, NULL);
    }
    if (told->release) {
        stint_call_release(call);
    }
    if (told->close) {
        stint_client_close(client, 1000);
        client = NULL;
    }
}

/* Turns of client and node until so many were told. */
static void
turns(const struct told *told, uint32_t count)
{
    uint64_t until = clock_now_ns() + TIMEOUT_MS * UINT64_C(1000000);
    while (told->count < count) {
        assert_true(clock_now_ns() < until);
        stint_client_process(client);
        node_turn(0);
        if (client == NULL) {
            return;
        }
        struct pollfd p[2] = { { .fd = stint_client_fd(client), .events = POLLIN }, { .fd = link_fd(s.net), .events = POLLIN } };
        int wait = stint_client_timeout_ms(client);
        (void)poll(p, 2, link_pending(s.net) ? 0 : wait >= 0 && wait < 20 ? wait : 20);
    }
}

static void
operations_on_one_channel_take_effect_in_order(void **state)
{
    (void)state;
    struct told told = { .release = true };
    for (int i = 0; i < 6; i++) {
        char json[32];
        text_format(json, sizeof json, "{\"amount\":%d}", i + 1);
        assert_non_null(stint_client_send_json_begin(client, "a", json, NULL, TIMEOUT_MS, on_done, &told));
    }
    assert_int_equal(told.count, 0); /* never inside the call that asks */
    turns(&told, 6);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(told.status[i], STINT_OK);
        assert_int_equal(s.number[i], i + 1);
    }
}

static void
one_that_waits_for_its_turn_can_be_cancelled_or_run_out_of_time(void **state)
{
    (void)state;
    struct told told = { .release = false };
    s.hold = true;
    struct stint_call *first = stint_client_send_json_begin(client, "a", "{}", NULL, TIMEOUT_MS, on_done, &told);
    struct stint_call *second = stint_client_send_json_begin(client, "a", "{}", NULL, TIMEOUT_MS, on_done, &told);
    struct stint_call *third = stint_client_send_json_begin(client, "a", "{}", NULL, 300, on_done, &told);
    while (s.held_count == 0) {
        stint_client_process(client);
        node_turn(0);
        struct pollfd p = { .fd = stint_client_fd(client), .events = POLLIN };
        (void)poll(&p, 1, 5);
    }
    stint_call_cancel(second);
    turns(&told, 2);
    assert_int_equal(stint_call_status(second), STINT_CANCELLED);
    assert_int_equal(stint_call_status(third), STINT_NOT_SENT);
    assert_int_equal(stint_call_status(first), STINT_BUSY);
    assert_false(stint_call_done(first));
    stint_call_cancel(first);
    turns(&told, 3);
    assert_int_equal(stint_call_status(first), STINT_OUTCOME_UNKNOWN);
    assert_int_equal(s.held_count, 1);
    stint_call_release(first);
    stint_call_release(second);
    stint_call_release(third);
}

static void
a_callback_may_not_wait(void **state)
{
    (void)state;
    struct told told = { .release = true, .wait_inside = true };
    assert_non_null(stint_client_send_json_begin(client, "a", "{}", NULL, TIMEOUT_MS, on_done, &told));
    turns(&told, 1);
    assert_int_equal(told.inside, STINT_BUSY);
}

static void
a_callback_may_close_the_client(void **state)
{
    (void)state;
    struct told told = { .release = true, .close = true };
    struct told other = { .release = false };
    s.hold = false;
    struct stint_call *held = stint_client_receive_begin(client, "nowhere", true, TIMEOUT_MS, NULL, &other);
    struct stint_call *listing = stint_client_wait_begin(client, "ab", STINT_WAIT_ENDED, TIMEOUT_MS, on_done, &told);
    assert_non_null(held);
    assert_non_null(listing);
    turns(&told, 1);
    assert_null(client);
    /* Its handle outlives it. */
    assert_true(stint_call_done(held));
    stint_call_cancel(held);
    stint_call_release(held);
}

static void
closing_ends_what_is_under_way_and_tells(void **state)
{
    (void)state;
    struct told told = { .release = true };
    s.hold = true;
    assert_non_null(stint_client_send_json_begin(client, "a", "{}", NULL, TIMEOUT_MS, on_done, &told));
    assert_non_null(stint_client_send_json_begin(client, "a", "{}", NULL, TIMEOUT_MS, on_done, &told));
    uint64_t begun = clock_now_ns();
    stint_client_close(client, 100);
    client = NULL;
    assert_in_range((clock_now_ns() - begun) / 1000000, 0, 3000);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.status[0], STINT_CANCELLED);
    assert_int_equal(told.status[1], STINT_CANCELLED);
}

static void
operations_are_bounded(void **state)
{
    (void)state;
    struct told told = { .release = true };
    uint32_t begun = 0;
    while (stint_client_send_json_begin(client, "a", "{}", NULL, 1, on_done, &told) != NULL) {
        begun++;
        assert_true(begun < 5000);
    }
    assert_int_equal(begun, 1024);
    assert_non_null(strstr(stint_client_error(client), "1024"));
    turns(&told, begun);
}

static void
results_of_another_kind_are_refused(void **state)
{
    (void)state;
    struct stint_value value;
    struct stint_wait_result result;
    struct told told = { .release = false };
    struct stint_call *call = stint_client_send_begin(client, "a", span_of(NULL, 0), "tally.Add", TIMEOUT_MS, on_done, &told);
    assert_int_equal(stint_call_value(call, &value), STINT_INVALID);
    turns(&told, 1);
    assert_int_equal(stint_call_value(call, &value), STINT_INVALID);
    assert_int_equal(stint_call_waited(call, &result), STINT_INVALID);
    assert_int_equal(stint_call_spawned(call, NULL, 0, NULL), STINT_INVALID);
    stint_call_release(call);
}

#define B(name) cmocka_unit_test_setup_teardown(name, begin_blocking, end)
#define N(name) cmocka_unit_test_setup_teardown(name, begin_turns, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        B(it_connects_and_says_to_whom),
        B(a_value_is_sent_as_json_with_a_channel_by_name),
        B(after_a_failure_numbers_begin_anew_under_another_name),
        B(a_name_that_leads_elsewhere_now_is_looked_up_again),
        B(mistakes_in_values_are_named),
        B(a_value_is_received_with_its_json),
        B(a_value_that_cannot_be_shown_is_not_lost),
        B(tasklets_are_spawned_and_waited_for),
        B(a_stack_shows_what_can_be_shown_and_says_why_not),
        B(exports_and_imports_are_whole_files),
        B(arguments_are_checked_before_anything_is_asked),
        B(a_question_without_answer_ends_at_its_time),
        B(a_blocking_call_can_be_interrupted),
        N(operations_on_one_channel_take_effect_in_order),
        N(one_that_waits_for_its_turn_can_be_cancelled_or_run_out_of_time),
        N(a_callback_may_not_wait),
        N(a_callback_may_close_the_client),
        N(closing_ends_what_is_under_way_and_tells),
        N(operations_are_bounded),
        N(results_of_another_kind_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
