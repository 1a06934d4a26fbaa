/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a session, shared by the four files that make it: session.c (life,
 * timers, output), session_hello.c (handshake), session_tx.c (what is sent),
 * session_rx.c (what comes in). */
#ifndef STINT_WIRE_SESSION_INTERNAL_H
#define STINT_WIRE_SESSION_INTERNAL_H

#include "wire/seal.h"
#include "wire/session_frames.h"

#define SESSION_NEVER UINT64_MAX
#define SESSION_NS_PER_MS UINT64_C(1000000)

enum {
    SESSION_CHALLENGE_SIZE = 32,
    SESSION_NACK_GAP_MS =
        20, /* at most one go-back for the same frame in such a time */
};

/* One frame kept until it is acknowledged; the unit of repetition. */
struct tx_frame {
    uint8_t *data;
    uint32_t size;
    uint32_t capacity;
    uint64_t end; /* bytes of all frames up to and with this one */
};

/*
 *    first <= cursor <= high <= next      (numbers of frames, from 1)
 *      |         |        |       `- the next one to be closed
 *      |         |        `- the first one never sent
 *      |         `- the next one to be sent: goes back when something was lost
 *      `- the oldest one not acknowledged
 */
struct session_tx {
    struct tx_frame *ring; /* number & (ring_size - 1) */
    uint32_t ring_size;
    uint64_t first, cursor, high, next;
    uint64_t end;          /* bytes of all frames closed so far */
    uint64_t queued_bytes; /* of those in the ring */
    uint64_t credit_frame; /* granted by the peer: the last frame, and bytes in all */
    uint64_t credit_bytes;
    struct buf batch; /* the open one: header and envelopes; empty: none */
    uint32_t last_size;
    uint64_t rto_ns;
    uint64_t rto_due;
    uint64_t
        nack_number; /* the last go-back that was asked for, and until when not again */
    uint64_t nack_until;
};

struct session_rx {
    uint64_t next;
    uint64_t bytes; /* of all frames delivered */
    uint64_t granted_frame;
    uint64_t granted_bytes;
    uint32_t window_frames;
    uint32_t window_bytes;
    uint32_t unacknowledged; /* frames delivered since the last word about them */
    uint64_t ack_due;
    uint64_t nack_number;
    uint64_t nack_until;
};

/* Frames that wait for session_output. */
enum session_out {
    OUT_RESET = 1 << 0,
    OUT_GREETING = 1 << 1,
    OUT_CONFIRM = 1 << 2,
    OUT_NACK = 1 << 3,
    OUT_PING = 1 << 4,
    OUT_PONG = 1 << 5,
    OUT_ACK = 1 << 6,
};

struct session {
    struct mem *mem;
    struct prng *random;
    const struct identity *identity;
    uint64_t incarnation, generation, view;
    struct stint_id expect;
    bool (*is_revoked)(void *arg, uint64_t serial);
    void *arg;

    bool initiator;
    bool was_open;
    bool refused; /* closed by the other end in the handshake */
    enum session_state state;
    enum stint_status status;
    char text[SESSION_TEXT_SIZE];

    /* handshake */
    struct session_key key;
    struct session_peer peer;
    uint8_t acceptor_nonce[SESSION_NONCE_SIZE];
    uint8_t challenge[SESSION_CHALLENGE_SIZE]; /* acceptor: of the HELLO it answered */
    uint8_t peer_sign_public[CERT_KEY_SIZE];
    uint32_t attempt;
    uint8_t greeting[FRAME_GREETING_MAX]; /* HELLO or WELCOME, to be repeated */
    size_t greeting_size;
    uint8_t transcript[SEAL_DIGEST_SIZE]; /* over HELLO and WELCOME */
    uint8_t
        welcome_digest[SEAL_DIGEST_SIZE]; /* initiator: of the WELCOME it accepted */
    uint64_t greet_due, greet_rto_ns;
    uint64_t greet_deadline; /* acceptor */
    uint64_t expires_ns;     /* the peer's certificate */

    uint64_t tag;
    uint32_t out; /* enum session_out */
    uint64_t heard_ns;
    uint64_t ping_sent_ns; /* 0: none under way */
    uint64_t ping_due;
    uint64_t pong_number;
    struct session_tx tx;
    struct session_rx rx;
    struct session_stats stats;
    uint8_t scratch[SESSION_REFUSAL_SIZE];
};

/* ---- session.c ---- */

struct session *session_new(const struct session_config *config, bool initiator);

/* Closes without a word to the peer. */
void session_end(struct session *s, enum stint_status status, const char *text);

/* Closes and tells the peer, with a printf text. */
void session_fail(struct session *s, enum stint_status status, const char *format, ...)
    STINT_PRINTF(3, 4);

/* What comes with the first word of an open link: timers, cursor. */
void session_opened(struct session *s, struct session_time time);

/* ---- session_hello.c ---- */

/* The initiator greets, again or for the first time. */
void session_greet(struct session *s, struct session_time time);
void session_on_welcome(struct session *s, struct stint_span frame,
                        struct session_time time);
void session_on_confirm(struct session *s, struct stint_span frame,
                        struct session_time time);
size_t session_put_confirm(struct session *s, uint8_t *out, size_t size);

/* ---- session_tx.c ---- */

void tx_init(struct session *s);
void tx_fini(struct session *s);

/* The peer expects `next` and grants so much; false if it speaks of frames that were
 * never sent. */
bool tx_acknowledge(struct session *s, uint64_t next, uint64_t credit_frame,
                    uint64_t credit_bytes, uint64_t now_ns);
void tx_go_back(struct session *s, uint64_t number, uint64_t now_ns);
void tx_timeout(struct session *s, uint64_t now_ns);

/* The next frame of data that may be sent, with the header as of now. */
bool tx_output(struct session *s, uint64_t now_ns, struct stint_span *frame);
bool tx_is_empty(const struct session *s);

/* ---- session_rx.c ---- */

void rx_init(struct session *s);

/* Grants what the window allows now. */
void rx_grant(struct session *s);

/* The header of a frame that leaves now: it carries the acknowledgement. */
struct frame_header rx_header(struct session *s, uint64_t number);
void rx_said(struct session *s);

#endif
