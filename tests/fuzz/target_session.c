/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session under a network that is the fuzzer's. The input is a program: send, let a frame arrive, lose it, double it, put
 * it behind another, damage it, let time pass, break the link, connect again, change the window. Frames cannot be forged
 * without the transport's keys, so a frame that was damaged may close a session, but not mislead it: what is delivered was
 * sent, in order, each once (I9), views never go back (I8), nothing is sent without credit, memory stays in its bounds.
 * Afterwards the network heals, and what was sent in sessions that still live arrives.
 */
#include "fuzz.h"

#include <string.h>

#include "session_pair.h"
#include "wire/session_internal.h"

enum { STEPS_MAX = 400 };

struct script {
    struct pair *pair;
    uint64_t sent[2];      /* by end: the number of the last envelope it has sent */
    uint64_t base[2];      /* what it had sent when its session began */
    uint64_t delivered[2]; /* by the end that got it */
    uint64_t view[2];      /* the newest that the end has heard of */
    bool damaged;          /* since then what arrives may be anything that is well-formed */
};

static uint8_t
byte_of(int from, uint64_t number)
{
    return (uint8_t)(number * 31 + (uint64_t)from);
}

static void
reborn(void *arg, int end)
{
    struct script *s = arg;
    s->base[end] = s->sent[end];
    s->view[end] = 0;
}

static void
delivered(void *arg, int end, const struct envelope *e, struct stint_span body)
{
    struct script *s = arg;
    if (s->damaged) {
        return;
    }
    /* In order, each once, none left out within one life of a session; and sent at all. */
    FUZZ_CHECK(e->number > s->delivered[end]);
    FUZZ_CHECK(e->number == s->delivered[end] + 1 || e->number == s->base[1 - end] + 1);
    FUZZ_CHECK(e->number <= s->sent[1 - end]);
    for (size_t i = 0; i < body.size; i++) {
        FUZZ_CHECK(body.data[i] == byte_of(1 - end, e->number));
    }
    FUZZ_CHECK(e->word == body.size);
    s->delivered[end] = e->number;
}

/* Two open ends of one session that have nothing left to send: all that was sent in it is here. */
static void
check_idle(const struct script *s)
{
    const struct pair *p = s->pair;
    for (int i = 0; i < 2; i++) {
        const struct session *mine = p->ends[i].session, *other = p->ends[1 - i].session;
        if (s->damaged || mine == NULL || other == NULL || session_state(mine) != SESSION_OPEN ||
            session_state(other) != SESSION_OPEN || !session_is_idle(mine) || mine->tag != other->tag) {
            continue;
        }
        FUZZ_CHECK(s->sent[i] == s->base[i] || s->delivered[1 - i] == s->sent[i]);
    }
}

static void
check_bounds(struct script *s)
{
    struct pair *p = s->pair;
    for (int i = 0; i < 2; i++) {
        struct session *e = p->ends[i].session;
        if (e == NULL) {
            continue;
        }
        const struct session_peer *peer = session_peer(e);
        FUZZ_CHECK(p->ends[i].memory.mem.used <= PAIR_MEMORY_MAX);
        FUZZ_CHECK(e->tx.first <= e->tx.cursor && e->tx.cursor <= e->tx.high && e->tx.high <= e->tx.next);
        FUZZ_CHECK(e->tx.next - e->tx.first <= LIMIT_SESSION_FRAMES);
        FUZZ_CHECK(e->tx.high <= e->tx.credit_frame + 1); /* never more than was granted */
        if (session_state(e) == SESSION_OPEN && !s->damaged) {
            FUZZ_CHECK(peer->view >= s->view[i] || peer->view == 0);
            s->view[i] = peer->view > s->view[i] ? peer->view : s->view[i];
        }
    }
}

static void
send(struct script *s, int from, struct reader *r)
{
    static uint8_t body[LIMIT_BODY];
    struct session *e = s->pair->ends[from].session;
    size_t size = reader_u8(r);
    size = size < 200 ? size : (size - 199) * (LIMIT_BODY / 56);
    if (e == NULL) {
        return;
    }
    struct envelope envelope = { .kind = ENVELOPE_OFFER, .number = s->sent[from] + 1, .word = size };
    memset(body, byte_of(from, envelope.number), size);
    size_t room = session_room(e);
    enum stint_status status = session_send(e, &envelope, span_of(body, size));
    FUZZ_CHECK(status == STINT_OK || status == STINT_FULL || status == STINT_CLOSED);
    FUZZ_CHECK(status != STINT_FULL || room < envelope_size(size));
    FUZZ_CHECK((status == STINT_CLOSED) == (session_state(e) == SESSION_CLOSED));
    s->sent[from] += status == STINT_OK;
}

static void
damage(struct script *s, int to, struct reader *r)
{
    struct pair *p = s->pair;
    unsigned at = reader_u8(r);
    size_t where = reader_u16(r);
    uint8_t bits = reader_u8(r);
    if (at < p->flight_count[to]) {
        struct stint_span f = p->flights[to][at].frame;
        ((uint8_t *)(uintptr_t)f.data)[where % f.size] ^= bits;
        s->damaged = s->damaged || bits != 0;
    }
}

/* A frame of the fuzzer's own, with the right tag. */
static void
forge(struct script *s, int to, struct reader *r)
{
    uint8_t bytes[LIMIT_FRAME_HEADER + 256];
    size_t more = reader_u8(r);
    struct frame_header header = { 0, reader_u16(r), reader_u16(r), reader_u32(r), reader_u32(r) };
    struct stint_span payload = reader_bytes(r, more);
    size_t size = LIMIT_FRAME_HEADER + payload.size;
    uint8_t kind = (uint8_t)(FRAME_RESET + reader_u8(r) % (FRAME_KIND_END_ - FRAME_RESET));
    struct pair *p = s->pair;
    frame_put(bytes, (enum frame_kind)kind, size, &header);
    bytes_copy(bytes + LIMIT_FRAME_HEADER, payload.data, payload.size);
    if (p->flight_count[to] < FLIGHTS_MAX && p->connected && p->ends[to].session != NULL) {
        pair_fix_tag(p, to, bytes, size);
        p->flights[to][p->flight_count[to]++] = (struct flight){ span_of(fuzz_copy(span_of(bytes, size)), size), true };
        s->damaged = true;
    }
}

static void
change(struct script *s, int end, struct reader *r)
{
    struct session *e = s->pair->ends[end].session;
    uint8_t what = reader_u8(r);
    if (e == NULL) {
        return;
    }
    if (what % 4 == 0) {
        session_set_window(e, 1 + reader_u16(r) % LIMIT_SESSION_FRAMES,
                           LIMIT_FRAME + reader_u32(r) % (LIMIT_SESSION_BYTES - LIMIT_FRAME + 1));
    } else if (what % 4 == 1) {
        struct session_config *c = &s->pair->ends[end].config;
        c->view++;
        session_set_view(e, c->generation, c->view);
    } else if (what == 255) {
        session_close(e, what & 8 ? STINT_OK : STINT_REFUSED, "enough");
    } else {
        session_flush(e);
    }
}

static void
step(struct script *s, struct reader *r)
{
    struct pair *p = s->pair;
    uint8_t op = reader_u8(r);
    int end = op & 1;
    switch (op >> 1 & 15) {
    case 0: case 1: case 2:
        send(s, end, r);
        break;
    case 3:
        change(s, end, r);
        break;
    case 4: case 5: case 6:
        (void)pair_deliver(p, end);
        break;
    case 7:
        pair_settle(p);
        break;
    case 8:
        pair_drop(p, end, reader_u8(r));
        break;
    case 9:
        pair_double(p, end, reader_u8(r));
        break;
    case 10:
        damage(s, end, r);
        break;
    case 11:
        pair_tick(p, reader_u8(r) * PAIR_MS);
        break;
    case 12:
        pair_tick(p, reader_u8(r) * 40 * PAIR_MS);
        break;
    case 13:
        pair_break(p, end != 0);
        break;
    case 14:
        if (!p->connected || op & 0x40) {
            pair_connect(p);
        }
        break;
    default:
        forge(s, end, r);
        break;
    }
    pair_drain(p);
    check_bounds(s);
    check_idle(s);
}

/* The network works again: who is not closed opens, and all arrives. */
static void
heal(struct script *s)
{
    struct pair *p = s->pair;
    if (s->damaged) {
        return; /* a frame that lies with the right tag may leave two ends that never agree */
    }
    pair_break(p, true);
    for (int round = 0; round < 6; round++) {
        if (!p->connected || session_state(p->ends[INITIATOR].session) == SESSION_CLOSED) {
            pair_connect(p);
        }
        for (int i = 0; i < 60; i++) {
            for (int end = 0; end < 2; end++) {
                if (p->ends[end].session != NULL) {
                    session_flush(p->ends[end].session);
                }
            }
            pair_drain(p);
            pair_settle(p);
            pair_tick(p, 100 * PAIR_MS);
            check_bounds(s);
        }
        if (session_state(p->ends[INITIATOR].session) == SESSION_CLOSED) {
            pair_break(p, true);
        }
    }
    FUZZ_CHECK(session_state(p->ends[INITIATOR].session) == SESSION_OPEN);
    FUZZ_CHECK(p->ends[ACCEPTOR].session != NULL && session_state(p->ends[ACCEPTOR].session) == SESSION_OPEN);
    FUZZ_CHECK(session_is_idle(p->ends[INITIATOR].session) && session_is_idle(p->ends[ACCEPTOR].session));
    check_idle(s);
}

static bool
judge(struct stint_span input)
{
    struct script s = { .pair = pair_new() };
    struct reader r;
    s.pair->deliver = delivered;
    s.pair->reborn = reborn;
    s.pair->arg = &s;
    reader_init(&r, input);
    if ((reader_u8(&r) & 1) == 0) {
        pair_establish(s.pair);
    }
    for (int i = 0; i < STEPS_MAX && r.rest.size > 0; i++) {
        step(&s, &r);
    }
    heal(&s);
    bool any = s.delivered[INITIATOR] + s.delivered[ACCEPTOR] > 0;
    pair_free(s.pair);
    return any;
}

#define SEED(name, bytes) fuzz_seed(name, span_of(bytes, sizeof(bytes) - 1))

static void
seeds(void)
{
    SEED("send-both", "\x00\x00\x05\x01\x09\x0e\x07\x17\x20");
    SEED("lose-and-repeat", "\x00\x00\x05\x06\x02\x11\x00\x18\x10\x0e\x0e");
    SEED("double", "\x00\x00\x05\x06\x02\x13\x00\x0e\x01\x21\x07\x02\x0e");
    SEED("break-and-resume", "\x00\x00\x05\x06\x02\x1a\x00\x20\x1c\x0e\x02\x30\x06\x02\x0e");
    SEED("large", "\x00\x00\xff\x00\xf0\x00\xe0\x06\x02\x0e\x0e\x0e");
    SEED("damage", "\x00\x00\x30\x06\x02\x15\x00\x30\x00\x40\x0e\x18\xff\x0e");
    SEED("forge", "\x00\x1f\x02\x01\x00\x01\x00\x40\x00\x00\x00\x00\x40\x00\x00ab\x01\x0e");
    SEED("window", "\x00\x06\x00\x02\x00\x00\x00\x01\x00\x01\x30\x07\x02\x0e");
    SEED("handshake-in-pieces", "\x01\x1c\x09\x08\x09\x00\x10\x06\x02\x09\x0e");
}

const struct fuzz_target fuzz_target = { .name = "session", .size_max = 2048, .judge = judge, .seeds = seeds };
