/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving half of a session: takes the frame that is next, drops what it has,
 * asks for what is missing, and grants no more than its window. A batch is checked as a
 * whole before any of it is delivered.
 */
#include "base/panic.h"
#include "wire/session_internal.h"

void
rx_init(struct session *s)
{
    s->rx = (struct session_rx){
        .next = 1,
        .window_frames = LIMIT_SESSION_FRAMES,
        .window_bytes = LIMIT_SESSION_BYTES,
        .ack_due = SESSION_NEVER,
    };
    rx_grant(s);
}

void
rx_grant(struct session *s)
{
    struct session_rx *rx = &s->rx;
    uint64_t frame = rx->next - 1 + rx->window_frames;
    uint64_t bytes = rx->bytes + rx->window_bytes;
    rx->granted_frame = frame > rx->granted_frame ? frame : rx->granted_frame;
    rx->granted_bytes = bytes > rx->granted_bytes ? bytes : rx->granted_bytes;
}

void
session_set_window(struct session *s, uint32_t frames, uint32_t bytes)
{
    STINT_ASSERT(frames >= 1 && frames <= LIMIT_SESSION_FRAMES);
    STINT_ASSERT(bytes >= LIMIT_FRAME && bytes <= LIMIT_SESSION_BYTES);
    uint64_t before_frame = s->rx.granted_frame;
    uint64_t before_bytes = s->rx.granted_bytes;
    s->rx.window_frames = frames;
    s->rx.window_bytes = bytes;
    rx_grant(s);
    if (s->rx.granted_frame > before_frame || s->rx.granted_bytes > before_bytes) {
        s->out |= OUT_ACK;
    }
}

struct frame_header
rx_header(struct session *s, uint64_t number)
{
    return (struct frame_header){
        .tag = s->tag,
        .number = number,
        .next = s->rx.next,
        .credit_frame = s->rx.granted_frame,
        .credit_bytes = s->rx.granted_bytes,
    };
}

void
rx_said(struct session *s)
{
    s->rx.unacknowledged = 0;
    s->rx.ack_due = SESSION_NEVER;
    s->out &= ~(uint32_t)OUT_ACK;
}

/* A frame ahead of the next one: what is between was lost. */
static void
rx_missing(struct session *s, uint64_t now_ns)
{
    struct session_rx *rx = &s->rx;
    if (rx->nack_number == rx->next && now_ns < rx->nack_until) {
        return;
    }
    if (MUTANT(s->mem, ACK_EARLY)) {
        rx->next++;
    }
    rx->nack_number = rx->next;
    rx->nack_until = now_ns + SESSION_NACK_GAP_MS * SESSION_NS_PER_MS;
    s->out |= OUT_NACK;
}

static enum stint_status
rx_data(struct session *s, struct stint_span frame, const struct frame_header *h,
        uint64_t now_ns, struct stint_span *batch)
{
    struct session_rx *rx = &s->rx;
    if (h->number == 0 || h->number > rx->granted_frame) {
        session_fail(
            s, STINT_BAD_FRAME, "frame %llu was sent beyond the credit of %llu",
            (unsigned long long)h->number, (unsigned long long)rx->granted_frame);
        return STINT_BAD_FRAME;
    }
    if (h->number != rx->next) {
        s->stats.dropped++;
        if (h->number < rx->next) {
            /* It repeats what is here: the acknowledgement was lost. */
            s->out |= OUT_ACK;
            if (MUTANT(s->mem, REPEAT_TAKEN)) {
                *batch = span_of(frame.data + LIMIT_FRAME_HEADER, frame.size - LIMIT_FRAME_HEADER);
            }
        } else {
            rx_missing(s, now_ns);
        }
        return STINT_OK;
    }
    struct stint_span payload =
        span_of(frame.data + LIMIT_FRAME_HEADER, frame.size - LIMIT_FRAME_HEADER);
    /* Every delivery grants anew, and never less than one frame: the next one always fits,
     * so bytes need no check of their own here. */
    STINT_ASSERT(rx->granted_bytes - rx->bytes >= LIMIT_FRAME);
    if (payload.size == 0 || !envelope_batch_valid(payload)) {
        session_fail(s, STINT_BAD_FRAME, "frame %llu holds a malformed envelope",
                     (unsigned long long)h->number);
        return STINT_BAD_FRAME;
    }
    rx->next++;
    rx->bytes += frame.size * (MUTANT(s->mem, CREDIT_TWICE) ? 2 : 1);
    rx_grant(s);
    if (++rx->unacknowledged >= LIMIT_ACK_FRAMES) {
        s->out |= OUT_ACK;
    } else if (rx->ack_due == SESSION_NEVER) {
        rx->ack_due = now_ns + LIMIT_ACK_DELAY_MS * SESSION_NS_PER_MS;
    }
    s->stats.frames_received++;
    s->stats.bytes_received += frame.size;
    *batch = payload;
    return STINT_OK;
}

/* The payload of PING and PONG: which view the peer has. */
static void
rx_view(struct session *s, struct stint_span frame)
{
    uint64_t generation = le64_get(frame.data + LIMIT_FRAME_HEADER);
    uint64_t view = le64_get(frame.data + LIMIT_FRAME_HEADER + 8);
    if (generation > s->peer.generation ||
        (generation == s->peer.generation && view > s->peer.view)) {
        s->peer.generation = generation;
        s->peer.view = view;
    }
}

static void
rx_pong(struct session *s, const struct frame_header *h, uint64_t now_ns)
{
    if (s->ping_sent_ns != 0 && h->number == s->ping_sent_ns) {
        s->stats.round_trip_ns = now_ns - s->ping_sent_ns;
        s->ping_sent_ns = 0;
    }
}

/* Frames that need an open session. */
static enum stint_status
rx_open(struct session *s, uint8_t kind, struct stint_span frame, uint64_t now_ns,
        struct stint_span *batch)
{
    struct frame_header h;
    bool has_view = kind == FRAME_PING || kind == FRAME_PONG;
    size_t exact = LIMIT_FRAME_HEADER + (has_view ? FRAME_VIEW_SIZE : 0);
    if (!frame_get(frame, &h) || (kind != FRAME_DATA && frame.size != exact)) {
        session_fail(s, STINT_BAD_FRAME, "a frame of kind %u is malformed", kind);
        return STINT_BAD_FRAME;
    }
    if (h.tag != s->tag) {
        s->stats.dropped++;
        return STINT_OK;
    }
    s->heard_ns = now_ns;
    if (!tx_acknowledge(s, h.next, h.credit_frame, h.credit_bytes, now_ns)) {
        session_fail(s, STINT_BAD_FRAME, "frame %llu was acknowledged but never sent",
                     (unsigned long long)(h.next - 1));
        return STINT_BAD_FRAME;
    }
    switch (kind) {
    case FRAME_DATA:
        return rx_data(s, frame, &h, now_ns, batch);
    case FRAME_NACK:
        tx_go_back(s, h.number, now_ns);
        break;
    case FRAME_PING:
        rx_view(s, frame);
        s->pong_number = h.number;
        s->out |= OUT_PONG;
        break;
    case FRAME_PONG:
        rx_view(s, frame);
        rx_pong(s, &h, now_ns);
        break;
    default:
        STINT_ASSERT(kind == FRAME_ACK);
        break;
    }
    return STINT_OK;
}

/* The other end has ended the session. */
static enum stint_status
rx_reset(struct session *s, struct stint_span frame)
{
    enum stint_status status = STINT_REFUSED;
    char text[SESSION_TEXT_SIZE];
    if (!frame_get_reset(frame, &status, text, sizeof text)) {
        session_fail(s, STINT_BAD_FRAME, "a RESET is malformed");
        return STINT_BAD_FRAME;
    }
    s->refused = s->state == SESSION_GREETING;
    session_end(s, status, text);
    return STINT_OK;
}

enum stint_status
session_receive(struct session *s, struct stint_span frame, const uint8_t *peer_key,
                struct session_time time, struct stint_span *batch)
{
    *batch = (struct stint_span){ NULL, 0 };
    if (s->state == SESSION_CLOSED || s->state == SESSION_WAITING) {
        s->stats.dropped++;
        return STINT_OK;
    }
    if (!s->initiator && (peer_key == NULL ||
                          !seal_equal(peer_key, s->peer.curve_public, CERT_KEY_SIZE))) {
        s->stats.dropped++;
        return STINT_NOT_AUTHORISED;
    }
    uint8_t kind = frame_kind(frame);
    switch (kind) {
    case 0:
        session_fail(s, STINT_BAD_FRAME, "a frame of %zu bytes is malformed",
                     frame.size);
        return STINT_BAD_FRAME;
    case FRAME_RESET:
        return rx_reset(s, frame);
    case FRAME_WELCOME:
        session_on_welcome(s, frame, time);
        break;
    case FRAME_CONFIRM:
        session_on_confirm(s, frame, time);
        break;
    case FRAME_HELLO:
        s->stats.dropped++; /* the registry of sessions takes these to session_rebind */
        break;
    default:
        if (s->state == SESSION_OPEN) {
            return rx_open(s, kind, frame, time.now_ns, batch);
        }
        s->stats.dropped++;
        break;
    }
    return s->state == SESSION_CLOSED ? s->status : STINT_OK;
}
