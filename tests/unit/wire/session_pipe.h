/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ends of a session over a network that loses, doubles, delays and reorders frames
 * and breaks connections, in virtual time and from one seed. The acceptor's side does
 * what the registry of a node does: a HELLO goes to the session of its key, other frames
 * to the session of their connection.
 */
#ifndef STINT_TESTS_SESSION_PIPE_H
#define STINT_TESTS_SESSION_PIPE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ids.h"
#include "base/text.h"
#include "tracked_memory.h"
#include "wire/session.h"
#include "wire/session_frames.h"
#include "wire/wire.h"

#define MS UINT64_C(1000000)
#define WALL0 UINT64_C(1800000000000)

enum { INITIATOR = 0, ACCEPTOR = 1, FLIGHTS_MAX = 20000 };

/* Called for every envelope that is delivered. */
typedef void pipe_deliver_fn(void *arg, int end, const struct envelope *e,
                             struct stint_span body);
/* Called for every frame that an end puts out. */
typedef void pipe_watch_fn(void *arg, int from, struct stint_span frame);

struct pipe_end {
    struct tracked_memory memory;
    struct mem mem;
    struct prng random;
    struct identity identity;
    struct session_config config;
    struct session *session;
    uint32_t connection; /* that its session uses; 0: none */
};

struct pipe_flight {
    uint64_t at;
    uint64_t order;
    int to;
    uint32_t connection;
    size_t size;
    uint8_t *data;
};

struct pipe {
    struct prng random;
    uint64_t now;
    struct pipe_end ends[2];
    struct pipe_flight flights[FLIGHTS_MAX];
    int flight_count;
    uint64_t order;
    uint32_t connection; /* the current one; 0: broken */
    uint32_t connections;
    uint32_t loss, doubles; /* of 1000 */
    uint64_t delay_min, delay_max;
    uint64_t revoked; /* serial */
    struct session_refusal refusal;
    uint32_t refusals;
    pipe_deliver_fn *deliver;
    pipe_watch_fn *watch;
    void *arg;
};

static inline struct session_time
pipe_time(const struct pipe *p)
{
    return (struct session_time){ p->now, WALL0 + p->now / MS };
}

static inline bool
pipe_is_revoked(void *arg, uint64_t serial)
{
    const struct pipe *p = arg;
    return p->revoked != 0 && p->revoked == serial;
}

static inline void
pipe_open(struct pipe *p)
{
    struct pipe_end *e = &p->ends[INITIATOR];
    e->session = session_open(&e->config);
    assert_non_null(e->session);
}

/* A new pair: a node "a" that opens and a node "b" that accepts. */
static inline struct pipe *
pipe_new(uint64_t seed)
{
    struct pipe *p = calloc(1, sizeof *p);
    assert_non_null(p);
    prng_init(&p->random, seed);
    p->now = 1000 * MS;
    p->delay_min = MS / 10;
    p->delay_max = MS / 10;
    for (int i = 0; i < 2; i++) {
        struct pipe_end *e = &p->ends[i];
        mem_init(&e->mem, tracked_allocator(&e->memory), 0);
        prng_init(&e->random, prng_next(&p->random));
        assert_int_equal(
            cert_dev_identity(ROLE_NODE, i == INITIATOR ? "a" : "b", &e->identity),
            STINT_OK);
        e->config = (struct session_config){
            .mem = &e->mem,
            .random = &e->random,
            .identity = &e->identity,
            .incarnation = 7 + (uint64_t)i,
            .generation = 1,
            .view = 20,
            .is_revoked = pipe_is_revoked,
            .arg = p,
        };
    }
    pipe_open(p);
    return p;
}

static inline void
pipe_land(struct pipe *p, int at)
{
    free(p->flights[at].data);
    p->flights[at] = p->flights[--p->flight_count];
}

static inline void
pipe_free(struct pipe *p)
{
    while (p->flight_count > 0) {
        pipe_land(p, 0);
    }
    for (int i = 0; i < 2; i++) {
        session_free(p->ends[i].session);
        assert_int_equal(p->ends[i].mem.used, 0);
        assert_int_equal(p->ends[i].memory.blocks, 0);
    }
    free(p);
}

/* Puts a frame on its way; the network decides what becomes of it. */
static inline void
pipe_carry(struct pipe *p, int to, uint32_t connection, struct stint_span frame)
{
    int copies = prng_below(&p->random, 1000) < p->loss ? 0 : 1;
    copies += prng_below(&p->random, 1000) < p->doubles;
    for (int i = 0; i < copies; i++) {
        assert_true(p->flight_count < FLIGHTS_MAX);
        struct pipe_flight *f = &p->flights[p->flight_count++];
        uint64_t spread = p->delay_max - p->delay_min + 1;
        f->at = p->now + p->delay_min + prng_below(&p->random, spread);
        f->order = p->order++;
        f->to = to;
        f->connection = connection;
        f->size = frame.size;
        f->data = malloc(frame.size);
        assert_non_null(f->data);
        memcpy(f->data, frame.data, frame.size);
    }
}

/* Takes out what both ends have to send. */
static inline void
pipe_drain(struct pipe *p)
{
    for (int i = 0; i < 2; i++) {
        struct pipe_end *e = &p->ends[i];
        struct stint_span frame;
        while (e->session != NULL && session_output(e->session, pipe_time(p), &frame)) {
            assert_in_range(frame.size, FRAME_PREFIX, LIMIT_FRAME);
            if (p->watch != NULL) {
                p->watch(p->arg, i, frame);
            }
            if (e->connection != 0 && e->connection == p->connection) {
                pipe_carry(p, 1 - i, e->connection, frame);
            }
        }
    }
}

static inline void
pipe_connect(struct pipe *p)
{
    p->connection = ++p->connections;
    p->ends[INITIATOR].connection = p->connection;
    session_link_up(p->ends[INITIATOR].session, pipe_time(p));
    pipe_drain(p);
}

/* The connection breaks. With `stragglers` what is on its way still arrives at the
 * acceptor, late. */
static inline void
pipe_break(struct pipe *p, bool stragglers)
{
    for (int i = p->flight_count - 1; i >= 0; i--) {
        if (!stragglers || p->flights[i].to == INITIATOR) {
            pipe_land(p, i);
        }
    }
    p->connection = 0;
    session_link_down(p->ends[INITIATOR].session);
    if (prng_below(&p->random, 2) == 0 && p->ends[ACCEPTOR].session != NULL) {
        session_link_down(p->ends[ACCEPTOR].session); /* it may learn of it, or not */
    }
}

static inline void
pipe_accept_hello(struct pipe *p, const struct pipe_flight *f)
{
    struct pipe_end *e = &p->ends[ACCEPTOR];
    struct stint_span frame = span_of(f->data, f->size);
    const uint8_t *key = p->ends[INITIATOR].identity.curve_public;
    struct session_key wanted;
    struct session_key have;
    enum stint_status status;
    if (!session_peek_hello(frame, &wanted)) {
        return;
    }
    if (e->session != NULL) {
        session_get_key(e->session, &have);
    }
    if (e->session != NULL && session_state(e->session) != SESSION_CLOSED &&
        memcmp(&wanted, &have, sizeof have) == 0) {
        status = session_rebind(e->session, frame, key, pipe_time(p), &p->refusal);
    } else {
        struct session *s;
        status = session_accept(&e->config, frame, key, pipe_time(p), &s, &p->refusal);
        if (status == STINT_OK) {
            session_free(e->session);
            e->session = s;
        }
    }
    if (status == STINT_OK) {
        e->connection = f->connection;
    } else if (status != STINT_EXISTS) {
        p->refusals++;
        pipe_carry(p, INITIATOR, f->connection,
                   span_of(p->refusal.frame, p->refusal.frame_size));
    }
}

static inline void
pipe_arrive(struct pipe *p, const struct pipe_flight *f)
{
    struct pipe_end *e = &p->ends[f->to];
    struct stint_span frame = span_of(f->data, f->size);
    struct stint_span batch;
    struct stint_span body;
    struct envelope envelope;
    const uint8_t *key = NULL;
    if (f->to == ACCEPTOR && frame_kind(frame) == FRAME_HELLO) {
        pipe_accept_hello(p, f);
        return;
    }
    if (e->session == NULL || f->connection != e->connection ||
        (f->to == INITIATOR && f->connection != p->connection)) {
        return;
    }
    if (f->to == ACCEPTOR) {
        key = p->ends[INITIATOR].identity.curve_public;
    }
    (void)!session_receive(e->session, frame, key, pipe_time(p), &batch);
    while (batch.size != 0) {
        assert_int_equal(envelope_next(&batch, &envelope, &body), STINT_OK);
        if (p->deliver != NULL) {
            p->deliver(p->arg, f->to, &envelope, body);
        }
    }
}

/* Lets the next thing happen, if it does not lie behind `until`. */
static inline bool
pipe_step(struct pipe *p, uint64_t until)
{
    uint64_t at = UINT64_MAX;
    int next = -1;
    pipe_drain(p);
    for (int i = 0; i < p->flight_count; i++) {
        const struct pipe_flight *f = &p->flights[i];
        if (f->at < at || (f->at == at && f->order < p->flights[next].order)) {
            at = f->at;
            next = i;
        }
    }
    for (int i = 0; i < 2; i++) {
        struct pipe_end *e = &p->ends[i];
        uint64_t due = e->session == NULL ? UINT64_MAX : session_deadline(e->session);
        if (due < at) {
            at = due;
            next = -1;
        }
    }
    if (at > until) {
        p->now = until;
        return false;
    }
    p->now = at > p->now ? at : p->now;
    if (next >= 0) {
        struct pipe_flight f = p->flights[next];
        p->flights[next] = p->flights[--p->flight_count];
        pipe_arrive(p, &f);
        free(f.data);
    }
    for (int i = 0; i < 2; i++) {
        if (p->ends[i].session != NULL) {
            session_tick(p->ends[i].session, pipe_time(p));
        }
    }
    pipe_drain(p);
    return true;
}

static inline void
pipe_run(struct pipe *p, uint64_t duration_ns)
{
    uint64_t until = p->now + duration_ns;
    while (pipe_step(p, until)) {
    }
}

static inline enum session_state
pipe_state(const struct pipe *p, int end)
{
    return session_state(p->ends[end].session);
}

/* Connects, and runs until both ends are open. */
static inline void
pipe_establish(struct pipe *p)
{
    pipe_connect(p);
    pipe_run(p, 10 * MS);
    assert_int_equal(pipe_state(p, INITIATOR), SESSION_OPEN);
    assert_int_equal(pipe_state(p, ACCEPTOR), SESSION_OPEN);
}

#endif
