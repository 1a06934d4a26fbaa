/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One frame from a stranger. It is given to every parser of frames, to an acceptor that knows nobody, to a session that waits
 * for its WELCOME, to one that waits for its CONFIRM, and to one that is open. A stranger opens nothing and delivers nothing;
 * what is parsed is the same when it is written again.
 */
#include "fuzz.h"

#include <string.h>

#include "session_pair.h"

static void
parse(struct stint_span frame)
{
    struct frame_header header;
    uint8_t kind = frame_kind(frame);
    FUZZ_CHECK(kind < FRAME_KIND_END_);
    if (kind != 0) {
        FUZZ_CHECK(frame.size >= FRAME_PREFIX && frame.size <= LIMIT_FRAME);
    }
    if (kind >= FRAME_DATA && frame_get(frame, &header)) {
        uint8_t *again = fuzz_copy(frame);
        frame_put(again, (enum frame_kind)kind, frame.size, &header);
        FUZZ_CHECK(memcmp(again + FRAME_PREFIX, frame.data + FRAME_PREFIX, frame.size - FRAME_PREFIX) == 0);
        FUZZ_CHECK(frame_kind(span_of(again, frame.size)) == kind);
        free(again);
    }
    if (kind == FRAME_RESET) {
        enum stint_status status, status_again;
        char text[SESSION_TEXT_SIZE], text_again[SESSION_TEXT_SIZE];
        uint8_t bytes[SESSION_REFUSAL_SIZE];
        if (frame_get_reset(frame, &status, text, sizeof text)) {
            FUZZ_CHECK(status < STINT_STATUS_COUNT_);
            size_t size = frame_put_reset(bytes, sizeof bytes, status, text);
            FUZZ_CHECK(frame_get_reset(span_of(bytes, size), &status_again, text_again, sizeof text_again));
            FUZZ_CHECK(status == status_again && strcmp(text, text_again) == 0);
        }
    }
}

/* To somebody who knows nobody. */
static bool
knock(struct pair *p, struct stint_span frame)
{
    struct session_key key;
    struct session *s = NULL;
    struct session_refusal refusal;
    bool hello = session_peek_hello(frame, &key);
    if (!hello) {
        return false;
    }
    FUZZ_CHECK(frame_kind(frame) == FRAME_HELLO);
    size_t before = p->ends[ACCEPTOR].memory.mem.used;
    memset(&refusal, 0, sizeof refusal);
    enum stint_status status = session_accept(&p->ends[ACCEPTOR].config, frame, p->ends[INITIATOR].identity.curve_public,
                                              pair_time(p), &s, &refusal);
    FUZZ_CHECK((status == STINT_OK) == (s != NULL));
    if (s != NULL) {
        FUZZ_CHECK(session_state(s) == SESSION_GREETING && !session_was_open(s));
        FUZZ_CHECK(session_peer(s)->role > ROLE_NONE && session_peer(s)->role < ROLE_END_);
        FUZZ_CHECK(memcmp(session_peer(s)->curve_public, p->ends[INITIATOR].identity.curve_public, CERT_KEY_SIZE) == 0);
    } else {
        FUZZ_CHECK(refusal.frame_size <= sizeof refusal.frame && memchr(refusal.text, 0, sizeof refusal.text) != NULL);
        FUZZ_CHECK(refusal.frame_size == 0 || frame_kind(span_of(refusal.frame, refusal.frame_size)) == FRAME_RESET);
    }
    session_free(s);
    FUZZ_CHECK(p->ends[ACCEPTOR].memory.mem.used == before);
    return status == STINT_OK;
}

/* Whether a frame says what the honest one says: then it opens the session, whatever form it has. */
static bool
is_honest(const struct pair *p, int to, struct stint_span frame)
{
    stint_Welcome welcome[2] = { stint_Welcome_init_zero, stint_Welcome_init_zero };
    stint_Confirm confirm[2] = { stint_Confirm_init_zero, stint_Confirm_init_zero };
    if (p->flight_count[to] == 0 || frame_kind(frame) != frame_kind(p->flights[to][0].frame)) {
        return false;
    }
    struct stint_span honest = p->flights[to][0].frame;
    if (to == INITIATOR) {
        return frame_get_message(frame, stint_Welcome_fields, &welcome[0]) &&
               frame_get_message(honest, stint_Welcome_fields, &welcome[1]) &&
               memcmp(&welcome[0], &welcome[1], sizeof welcome[0]) == 0;
    }
    return frame_get_message(frame, stint_Confirm_fields, &confirm[0]) &&
           frame_get_message(honest, stint_Confirm_fields, &confirm[1]) &&
           memcmp(&confirm[0], &confirm[1], sizeof confirm[0]) == 0;
}

/* To an end in some stage of a handshake or after it. */
static bool
throw_at(struct pair *p, int to, struct stint_span frame)
{
    struct session *s = p->ends[to].session;
    struct stint_span batch = { NULL, 0 }, body;
    struct envelope e;
    bool was_open = session_was_open(s);
    enum stint_status status = session_receive(s, frame, to == ACCEPTOR ? p->ends[INITIATOR].identity.curve_public : NULL,
                                               pair_time(p), &batch);
    FUZZ_CHECK(batch.size == 0 || (status == STINT_OK && session_state(s) == SESSION_OPEN));
    FUZZ_CHECK(was_open || session_was_open(s) == is_honest(p, to, frame)); /* the fuzzer has no keys */
    FUZZ_CHECK(envelope_batch_valid(batch));
    while (batch.size != 0) {
        FUZZ_CHECK(envelope_next(&batch, &e, &body) == STINT_OK);
        FUZZ_CHECK(body.size <= LIMIT_BODY);
    }
    if (status == STINT_BAD_FRAME) {
        FUZZ_CHECK(session_state(s) == SESSION_CLOSED);
        FUZZ_CHECK(session_text(s)[0] != '\0');
    }
    return status == STINT_OK;
}

enum { STAGES = 5 };

/* The last byte chooses the stage, so that one input is one frame. */
static bool
judge(struct stint_span input)
{
    if (input.size < 2) {
        return false;
    }
    struct pair *p = pair_new();
    uint8_t stage = input.data[input.size - 1] % STAGES;
    struct stint_span frame = span_of(input.data, input.size - 1);
    uint8_t *exact = fuzz_copy(frame);
    frame.data = exact;
    bool taken = false;
    parse(frame);
    switch (stage) {
    case 0:
        taken = knock(p, frame);
        break;
    case 1: /* waits for a WELCOME */
        pair_connect(p);
        (void)pair_deliver(p, ACCEPTOR);
        taken = throw_at(p, INITIATOR, frame);
        break;
    case 2: /* waits for a CONFIRM */
        pair_connect(p);
        (void)pair_deliver(p, ACCEPTOR);
        (void)pair_deliver(p, INITIATOR);
        taken = throw_at(p, ACCEPTOR, frame);
        break;
    default:
        pair_establish(p);
        pair_fix_tag(p, stage == 3 ? ACCEPTOR : INITIATOR, exact, frame.size);
        taken = throw_at(p, stage == 3 ? ACCEPTOR : INITIATOR, frame);
        break;
    }
    pair_free(p);
    free(exact);
    return taken;
}

/* Lengths in the prefix are mended most of the time. */
static size_t
mend(uint8_t *data, size_t size, size_t room, uint32_t luck)
{
    (void)room;
    if (luck % 8 != 0 && size > FRAME_PREFIX) {
        data[0] = (uint8_t)(data[0] % FRAME_KIND_END_);
        data[1] = data[2] = data[3] = 0;
        le32_put(data + 4, (uint32_t)(size - 1));
    }
    return size;
}

static void
keep(const char *name, struct stint_span frame, uint8_t stage)
{
    uint8_t bytes[4096];
    FUZZ_CHECK(frame.size < sizeof bytes);
    memcpy(bytes, frame.data, frame.size);
    bytes[frame.size] = stage;
    fuzz_seed(name, span_of(bytes, frame.size + 1));
}

static void
seeds(void)
{
    static const char *const names[FRAME_KIND_END_] = { "none", "hello", "welcome", "confirm", "reset",
                                                        "data", "ack", "nack", "ping", "pong" };
    struct pair *p = pair_new();
    pair_connect(p);
    keep("hello", p->flights[ACCEPTOR][0].frame, 0);
    pair_deliver(p, ACCEPTOR);
    keep("welcome", p->flights[INITIATOR][0].frame, 1);
    pair_deliver(p, INITIATOR);
    keep("confirm", p->flights[ACCEPTOR][0].frame, 2);
    pair_settle(p);
    FUZZ_CHECK(session_state(p->ends[ACCEPTOR].session) == SESSION_OPEN);
    uint8_t bytes[256];
    for (uint8_t kind = FRAME_DATA; kind < FRAME_KIND_END_; kind++) {
        uint8_t batch[LIMIT_ENVELOPE_HEADER + 4] = { 0 };
        struct envelope e = { .kind = ENVELOPE_OFFER, .number = 3 };
        envelope_put(batch, &e, 4);
        size_t more = kind == FRAME_DATA ? sizeof batch : kind == FRAME_PING || kind == FRAME_PONG ? FRAME_VIEW_SIZE : 0;
        struct frame_header header = { .number = 1, .next = 1, .credit_frame = 64, .credit_bytes = 1 << 20 };
        frame_put(bytes, (enum frame_kind)kind, LIMIT_FRAME_HEADER + more, &header);
        memcpy(bytes + LIMIT_FRAME_HEADER, batch, more);
        keep(names[kind], span_of(bytes, LIMIT_FRAME_HEADER + more), 3 + kind % 2);
    }
    keep("reset", span_of(bytes, frame_put_reset(bytes, sizeof bytes, STINT_REFUSED, "no reason")), 4);
    pair_free(p);
}

const struct fuzz_target fuzz_target = {
    .name = "frames", .size_max = LIMIT_FRAME + 2, .judge = judge, .mend = mend, .seeds = seeds
};
