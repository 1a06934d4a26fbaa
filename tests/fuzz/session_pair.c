/* SPDX-License-Identifier: Apache-2.0 */
#include "session_pair.h"

#include <string.h>

#include "wire/session_internal.h"

#define WALL_MS UINT64_C(1800000000000)

/* Keys are made once: they are constants, and the dearest thing here. */
static const struct identity *
identity_of(int end)
{
    static struct identity identities[2];
    static bool made;
    if (!made) {
        FUZZ_CHECK(cert_dev_identity(ROLE_NODE, "a", &identities[INITIATOR]) == STINT_OK);
        FUZZ_CHECK(cert_dev_identity(ROLE_NODE, "b", &identities[ACCEPTOR]) == STINT_OK);
        made = true;
    }
    return &identities[end];
}

struct session_time
pair_time(const struct pair *p)
{
    return (struct session_time){ p->now, WALL_MS + p->now / PAIR_MS };
}

struct pair *
pair_new(void)
{
    struct pair *p = calloc(1, sizeof *p);
    FUZZ_CHECK(p != NULL);
    p->now = 1000 * PAIR_MS;
    for (int i = 0; i < 2; i++) {
        struct pair_end *e = &p->ends[i];
        prng_init(&e->random, (uint64_t)i + 5);
        e->identity = *identity_of(i);
        e->config = (struct session_config){ .mem = fuzz_memory_begin(&e->memory, 0),
                                             .random = &e->random,
                                             .identity = &e->identity,
                                             .incarnation = 7 + (uint64_t)i,
                                             .generation = 1,
                                             .view = 20 };
    }
    p->ends[INITIATOR].session = session_open(&p->ends[INITIATOR].config);
    FUZZ_CHECK(p->ends[INITIATOR].session != NULL);
    return p;
}

static void
replace(struct pair *p, int end, struct session *s)
{
    FUZZ_CHECK(s != NULL);
    session_free(p->ends[end].session);
    p->ends[end].session = s;
    if (p->reborn != NULL) {
        p->reborn(p->arg, end);
    }
}

static void
forget(struct pair *p, int to, unsigned at)
{
    struct flight *f = p->flights[to];
    free((void *)(uintptr_t)f[at].frame.data);
    p->flight_count[to]--;
    memmove(f + at, f + at + 1, (p->flight_count[to] - at) * sizeof *f);
}

static void
forget_all(struct pair *p)
{
    for (int to = 0; to < 2; to++) {
        while (p->flight_count[to] > 0) {
            forget(p, to, p->flight_count[to] - 1);
        }
    }
}

void
pair_free(struct pair *p)
{
    forget_all(p);
    for (int i = 0; i < 2; i++) {
        FUZZ_CHECK(p->ends[i].memory.mem.peak <= 2 * PAIR_MEMORY_MAX); /* a session may give way to a new one */
        session_free(p->ends[i].session);
        fuzz_memory_end(&p->ends[i].memory);
    }
    free(p);
}

static void
carry(struct pair *p, int to, struct stint_span frame)
{
    if (p->flight_count[to] < FLIGHTS_MAX) {
        p->flights[to][p->flight_count[to]++] = (struct flight){ span_of(fuzz_copy(frame), frame.size), false };
    }
}

void
pair_drain(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        struct stint_span frame;
        while (p->ends[i].session != NULL && session_output(p->ends[i].session, pair_time(p), &frame)) {
            FUZZ_CHECK(frame.size >= FRAME_PREFIX && frame.size <= LIMIT_FRAME && frame_kind(frame) != 0);
            if (p->connected && p->ends[i].bound) {
                carry(p, 1 - i, frame);
            }
        }
    }
}

void
pair_connect(struct pair *p)
{
    if (session_state(p->ends[INITIATOR].session) == SESSION_CLOSED) { /* its user opens another one */
        replace(p, INITIATOR, session_open(&p->ends[INITIATOR].config));
    }
    p->connected = true;
    p->ends[INITIATOR].bound = true;
    p->ends[ACCEPTOR].bound = false;
    session_link_up(p->ends[INITIATOR].session, pair_time(p));
    pair_drain(p);
}

void
pair_break(struct pair *p, bool acceptor_learns)
{
    forget_all(p);
    p->connected = false;
    session_link_down(p->ends[INITIATOR].session);
    if (acceptor_learns && p->ends[ACCEPTOR].session != NULL) {
        session_link_down(p->ends[ACCEPTOR].session);
    }
}

/* What the registry of a node does with a greeting. */
static void
greeted(struct pair *p, struct stint_span frame)
{
    struct pair_end *e = &p->ends[ACCEPTOR];
    const uint8_t *key = p->ends[INITIATOR].identity.curve_public;
    struct session_key wanted, have;
    struct session_refusal refusal;
    struct session *s = NULL;
    enum stint_status status;
    memset(&refusal, 0, sizeof refusal);
    memset(&have, 0, sizeof have);
    memset(&wanted, 0, sizeof wanted);
    if (!session_peek_hello(frame, &wanted)) {
        return;
    }
    if (e->session != NULL) {
        session_get_key(e->session, &have);
    }
    if (e->session != NULL && session_state(e->session) != SESSION_CLOSED && memcmp(&wanted, &have, sizeof have) == 0) {
        status = session_rebind(e->session, frame, key, pair_time(p), &refusal);
    } else {
        status = session_accept(&e->config, frame, key, pair_time(p), &s, &refusal);
        if (status == STINT_OK) {
            replace(p, ACCEPTOR, s);
        }
    }
    e->bound = e->bound || status == STINT_OK;
    if (status != STINT_OK && status != STINT_EXISTS && refusal.frame_size > 0) {
        carry(p, INITIATOR, span_of(refusal.frame, refusal.frame_size));
    }
}

static void
arrive(struct pair *p, int to, struct stint_span frame)
{
    struct pair_end *e = &p->ends[to];
    struct stint_span batch = { NULL, 0 }, body;
    struct envelope envelope;
    if (to == ACCEPTOR && frame_kind(frame) == FRAME_HELLO) {
        greeted(p, frame);
        return;
    }
    if (e->session == NULL || !e->bound) {
        return;
    }
    enum stint_status status = session_receive(
        e->session, frame, to == ACCEPTOR ? p->ends[INITIATOR].identity.curve_public : NULL, pair_time(p), &batch);
    FUZZ_CHECK(status != STINT_BAD_FRAME || session_state(e->session) == SESSION_CLOSED);
    FUZZ_CHECK(batch.size == 0 || session_state(e->session) == SESSION_OPEN);
    while (batch.size != 0) {
        FUZZ_CHECK(envelope_next(&batch, &envelope, &body) == STINT_OK);
        if (p->deliver != NULL) {
            p->deliver(p->arg, to, &envelope, body);
        }
    }
}

bool
pair_deliver(struct pair *p, int to)
{
    if (p->flight_count[to] == 0) {
        return false;
    }
    struct stint_span frame = p->flights[to][0].frame;
    p->flights[to][0].frame = span_of(NULL, 0);
    forget(p, to, 0);
    arrive(p, to, frame);
    free((void *)(uintptr_t)frame.data);
    pair_drain(p);
    return true;
}

void
pair_settle(struct pair *p)
{
    for (int i = 0; i < 1000; i++) {
        bool any = pair_deliver(p, ACCEPTOR);
        if (!pair_deliver(p, INITIATOR) && !any) {
            return;
        }
    }
    FUZZ_CHECK(!"two ends talk for ever");
}

void
pair_drop(struct pair *p, int to, unsigned at)
{
    if (at < p->flight_count[to]) {
        forget(p, to, at);
    }
}

void
pair_double(struct pair *p, int to, unsigned at)
{
    if (at < p->flight_count[to]) {
        carry(p, to, p->flights[to][at].frame);
    }
}

void
pair_tick(struct pair *p, uint64_t ns)
{
    p->now += ns;
    for (int i = 0; i < 2; i++) {
        struct session *s = p->ends[i].session;
        if (s != NULL) {
            session_tick(s, pair_time(p));
            FUZZ_CHECK(session_deadline(s) > p->now || session_state(s) == SESSION_OPEN ||
                       session_state(s) == SESSION_GREETING);
        }
    }
    pair_drain(p);
}

void
pair_establish(struct pair *p)
{
    pair_connect(p);
    pair_settle(p);
    FUZZ_CHECK(session_state(p->ends[INITIATOR].session) == SESSION_OPEN);
    FUZZ_CHECK(session_state(p->ends[ACCEPTOR].session) == SESSION_OPEN);
}

void
pair_fix_tag(const struct pair *p, int to, uint8_t *frame, size_t size)
{
    if (size >= LIMIT_FRAME_HEADER && frame[0] >= FRAME_DATA && frame[0] < FRAME_KIND_END_) {
        le64_put(frame + 8, p->ends[to].session->tag);
    }
}
