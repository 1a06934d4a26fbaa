/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted node behind a real loopback connection, and a client of it. The node runs in a thread
 * for blocking calls, and in turns with the client for the others.
 */
#ifndef STINT_TESTS_CLIENT_SCRIPTED_H
#define STINT_TESTS_CLIENT_SCRIPTED_H

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
    bool hold;          /* sends are not answered */
    bool channel_moved; /* the name leads to another channel now */
    stint_Request asked; /* the last request that was no question on the way to another one */
    bool nodes_known;    /* the list of nodes is answered */
    bool schema_gone;
    bool schema_held; /* descriptions are not answered */
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
    text_copy(info.type, sizeof info.type,
              strcmp(request->text, "untyped") == 0 ? "" : "tally.Add");
    fake_item(n, number, stint_ItemKind_ITEM_CHANNEL, stint_ChannelInfo_fields, &info,
              span_of(NULL, 0));
    fake_end(n, number, STINT_OK, "");
}

static void
on_schema(struct fake_node *n, uint64_t number, const stint_Request *request)
{
    struct buf schema;
    s.schemas++;
    if (s.schema_held) {
        return;
    }
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
on_send(struct fake_node *n, uint64_t number, const stint_Request *request,
        struct stint_span payload)
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
    if (s.hold) {
        s.held[s.held_count++] = number;
        return;
    }
    text_copy(info.type, sizeof info.type, "tally.Add");
    fake_item(n, number, stint_ItemKind_ITEM_VALUE, stint_ValueInfo_fields, &info,
              span_of("\x08\x2a", 2));
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
        fake_item(n, number, stint_ItemKind_ITEM_FRAME, stint_FrameInfo_fields, &info,
                  span_of("\x08\x05", i == 2 ? 0 : 2));
    }
    fake_end(n, number, STINT_OK, "");
}

static void
on_spawn(struct fake_node *n, uint64_t number, const stint_Request *request,
         struct stint_span payload)
{
    s.add_size = payload.size;
    bytes_copy(s.add, payload.data, payload.size <= sizeof s.add ? payload.size : 0);
    for (uint32_t i = 0; i < request->count; i++) {
        stint_SpawnInfo info = stint_SpawnInfo_init_zero;
        info.id.size = 16;
        memset(info.id.bytes, (int)i + 1, 16);
        text_copy(info.node, sizeof info.node, "n\x1b[1");
        fake_item(n, number, stint_ItemKind_ITEM_SPAWN, stint_SpawnInfo_fields, &info,
                  span_of(NULL, 0));
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
        fake_item(n, number, stint_ItemKind_ITEM_END, stint_EndInfo_fields, &info,
                  span_of("\x08\x07", 2));
        fake_end(n, number, STINT_OK, "");
    } else {
        fake_end(n, number, STINT_TIMED_OUT, "it has not moved");
    }
}

static void
on_file(struct fake_node *n, uint64_t number, const stint_Request *request,
        struct stint_span payload)
{
    if (request->verb == stint_Verb_VERB_TASKLET_EXPORT) {
        if (strcmp(request->target, "gone") == 0) {
            fake_end(n, number, STINT_NOT_FOUND, "there is no tasklet gone");
            return;
        }
        fake_item(n, number, stint_ItemKind_ITEM_BYTES, NULL, NULL,
                  span_text("\x0a\x0estint tasklet\n"));
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
answer(struct fake_node *n, uint64_t number, const stint_Request *request,
       struct stint_span payload)
{
    bool on_the_way = request->verb == stint_Verb_VERB_RESOLVE ||
                      request->verb == stint_Verb_VERB_SCHEMA ||
                      request->verb == stint_Verb_VERB_UPLOAD ||
                      request->verb == stint_Verb_VERB_VIEW;
    s.asked = on_the_way ? s.asked : *request;
    switch (request->verb) {
    case stint_Verb_VERB_RESOLVE:
    case stint_Verb_VERB_CHANNEL_CREATE:
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
        if (s.nodes_known) {
            fake_end(n, number, STINT_OK, "");
        }
        break;
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

static inline int
begin_blocking(void **state)
{
    (void)state;
    node_start(true);
    client = open_client();
    return 0;
}

static inline int
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

#endif
