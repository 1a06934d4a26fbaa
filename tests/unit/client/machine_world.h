/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's machine and three scripted nodes in a network that connects, breaks and delays at
 * will. Time is an argument.
 */
#ifndef STINT_TESTS_CLIENT_MACHINE_WORLD_H
#define STINT_TESTS_CLIENT_MACHINE_WORLD_H

#include "fake_node.h"

#include "client/machine.h"
#include "tracked_memory.h"

#define MS UINT64_C(1000000)
#define WALL UINT64_C(1800000000000)

enum { NODES = 3 };

static const char *const endpoints[NODES] = { "tcp://127.0.0.1:1", "tcp://127.0.0.1:2",
                                              "tcp://127.0.0.1:3" };

static struct world {
    struct tracked_memory tracked;
    struct mem mem;
    struct identity identity;
    struct client_machine *m;
    struct fake_node nodes[NODES];
    bool down[NODES]; /* nothing connects */
    bool handshake_fails[NODES];
    bool hangs[NODES]; /* connects never, says nothing */
    uint64_t now;
    uint64_t link; /* the one that is open */
    int at;        /* the node it leads to; -1: none */
    bool up;
    bool told; /* that it does not connect: a link says so once */
    uint32_t connects[NODES];
    struct client_request *done[16];
    uint32_t done_count;
    enum stint_client_state states[64];
    uint32_t state_count;
} w;

static struct session_time
now(void)
{
    return (struct session_time){ .now_ns = w.now, .wall_ms = WALL + w.now / MS };
}

/* ---- the network ---- */

static void
connect_to(const struct client_effect *e)
{
    w.link = e->link;
    w.up = false;
    w.told = false;
    w.at = -1;
    for (int i = 0; i < NODES; i++) {
        w.at = strcmp(e->endpoint, endpoints[i]) == 0 ? i : w.at;
    }
    assert_true(w.at >= 0);
    w.connects[w.at]++;
}

static void
carry_out(const struct client_effect *e)
{
    struct session_refusal refusal;
    switch (e->kind) {
    case CLIENT_EFFECT_CONNECT:
        connect_to(e);
        break;
    case CLIENT_EFFECT_DISCONNECT:
        assert_true(e->link == w.link);
        w.link = 0;
        w.at = -1;
        w.up = false;
        break;
    case CLIENT_EFFECT_SEND:
        assert_true(e->link == w.link && w.up);
        if (!w.nodes[w.at].silent) {
            fake_receive(&w.nodes[w.at], e->bytes, w.identity.curve_public, now(), &refusal);
            if (refusal.frame_size != 0) {
                uint64_t link = w.link;
                client_machine_received(w.m, link, span_of(refusal.frame, refusal.frame_size),
                                        now());
            }
        }
        break;
    case CLIENT_EFFECT_STATE:
        assert_true(w.state_count < 64);
        w.states[w.state_count++] = e->state;
        break;
    case CLIENT_EFFECT_DONE:
        assert_true(w.done_count < 16);
        w.done[w.done_count++] = e->request;
        break;
    }
}

/* One thing that is due now. */
static bool
step(void)
{
    struct client_effect e;
    if (client_machine_effect(w.m, now(), &e)) {
        carry_out(&e);
        return true;
    }
    bool fails = w.link != 0 && (w.down[w.at] || w.handshake_fails[w.at]);
    if (w.link != 0 && !w.up && !w.hangs[w.at] && !(fails && w.told)) {
        if (fails) {
            w.told = true;
            client_machine_link_down(
                w.m, w.link, w.down[w.at] ? "cannot connect" : "the handshake failed: another key",
                now());
        } else {
            w.up = true;
            w.told = false;
            client_machine_link_up(w.m, w.link, now());
        }
        return true;
    }
    struct stint_span frame;
    struct fake_node *node = w.at >= 0 && w.up ? &w.nodes[w.at] : NULL;
    if (node != NULL && node->session != NULL && !node->silent &&
        session_output(node->session, now(), &frame)) {
        client_machine_received(w.m, w.link, frame, now());
        return true;
    }
    return false;
}

static void
settle(void)
{
    for (int i = 0; step(); i++) {
        assert_true(i < 100000);
    }
}

/* Lets time pass. */
static void
pass(uint64_t ms)
{
    uint64_t until = w.now + ms * MS;
    settle();
    for (int i = 0; w.now < until; i++) {
        assert_true(i < 100000);
        uint64_t next = client_machine_deadline(w.m);
        for (int n = 0; n < NODES; n++) {
            uint64_t node =
                w.nodes[n].session != NULL ? session_deadline(w.nodes[n].session) : UINT64_MAX;
            next = node < next ? node : next;
        }
        next = next < w.now + MS / 10 ? w.now + MS / 10 : next;
        w.now = next < until ? next : until;
        client_machine_tick(w.m, now());
        for (int n = 0; n < NODES; n++) {
            if (w.nodes[n].session != NULL) {
                session_tick(w.nodes[n].session, now());
            }
        }
        settle();
    }
}

static void
break_link(void)
{
    assert_true(w.up);
    w.up = false;
    client_machine_link_down(w.m, w.link, "the connection was lost", now());
    if (w.nodes[w.at].session != NULL) {
        session_link_down(w.nodes[w.at].session);
    }
}

/* ---- set up ---- */

/* Answers a ping; leaves everything else open. */
static void
answer_pings(struct fake_node *n, uint64_t number, const stint_Request *request,
             struct stint_span payload)
{
    (void)payload;
    if (request->verb == stint_Verb_VERB_PING) {
        fake_end(n, number, STINT_OK, "here");
    }
}

static int
begin_with(size_t endpoint_count, uint32_t pending_max)
{
    static const char *const names[NODES] = { "n1", "n2", "n3" };
    assert_int_equal(wire_init(), STINT_OK);
    memset(&w, 0, sizeof w);
    w.at = -1;
    w.now = 1000 * MS;
    mem_init(&w.mem, tracked_allocator(&w.tracked), 0);
    assert_int_equal(cert_dev_identity(ROLE_OPERATOR, "dev", &w.identity), STINT_OK);
    for (int i = 0; i < NODES; i++) {
        fake_node_init(&w.nodes[i], &w.mem, names[i], ROLE_NODE, answer_pings);
    }
    struct client_machine_config config = { .mem = &w.mem,
                                            .identity = &w.identity,
                                            .endpoints = endpoints,
                                            .endpoint_count = endpoint_count,
                                            .pending_max = pending_max,
                                            .pending_bytes_max = 1 << 20 };
    memset(config.seed, 5, sizeof config.seed);
    w.m = client_machine_new(&config);
    assert_non_null(w.m);
    return 0;
}

static int
begin(void **state)
{
    (void)state;
    return begin_with(2, 8);
}

static int
end(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < w.done_count; i++) {
        client_request_free(w.m, w.done[i]);
    }
    client_machine_free(w.m);
    for (int i = 0; i < NODES; i++) {
        fake_node_fini(&w.nodes[i]);
    }
    assert_int_equal(w.mem.used, 0);
    return 0;
}

static struct client_request *
ask(stint_Verb verb, uint32_t timeout_ms, bool changes, bool stays)
{
    stint_Request request = stint_Request_init_zero;
    struct client_request *made;
    request.verb = verb;
    struct client_ask ask = { .request = &request,
                              .deadline_ns = w.now + timeout_ms * MS,
                              .changes = changes,
                              .stays = stays };
    assert_int_equal(client_machine_ask(w.m, &ask, now(), &made), STINT_OK);
    return made;
}

#endif
