/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session carries envelopes between two proved identities over a link that loses
 * frames when it reconnects: in order, each exactly once, within a window, for as long
 * as both ends live. It is a pure machine: frames and time go in, frames and batches of
 * envelopes come out.
 *
 *   initiator (opened the link)                         acceptor
 *   WAITING                                             -
 *     link up: HELLO (certificate, nonce, challenge) -->  checks; a new session, or the
 *   GREETING                                            GREETING       one of this key
 *          <-- WELCOME (certificate, nonce, challenge, next frame, credit, signature)
 *   OPEN   checks; CONFIRM (signature) -------------->  OPEN
 *          <-- DATA, ACK, NACK, PING, PONG -->
 *   WAITING when the link is down; when it is up again, HELLO with the same nonce, and
 *          both go on where the other one says it stopped
 *   CLOSED by RESET (a status and a line of text) or BYE, from either side, at any time
 *
 * Both signatures cover the whole HELLO and WELCOME, so both challenges, both
 * certificates and the version. The acceptor also demands that the certificate's CURVE
 * key is the one that the transport proved. Nothing but HELLO and CONFIRM is looked at
 * before.
 *
 * The session's key is (initiator, its incarnation, its nonce). A session that one end
 * does not know any more cannot be resumed: the initiator's closes with STINT_NOT_FOUND
 * and its user opens a new one; what was not acknowledged is lost with it, as the
 * layers above expect. Frames are the unit of acknowledgement and repetition
 * (go-back-N); a frame is allocated once, whatever the number of envelopes in it.
 * Neither end ever sends more than the other has granted.
 *
 * Driving it: after any call, take frames with session_output until there is none and
 * send each over the session's link; look at session_state; call session_tick at
 * session_deadline. No call ever calls back, except is_revoked during a handshake.
 */
#ifndef STINT_WIRE_SESSION_H
#define STINT_WIRE_SESSION_H

#include "base/mem.h"
#include "base/prng.h"
#include "wire/cert.h"
#include "wire/envelope.h"

#define SESSION_NONCE_SIZE 16
#define SESSION_TEXT_SIZE (LIMIT_ERROR_TEXT + 1)
#define SESSION_REFUSAL_SIZE 512

enum session_state {
    SESSION_WAITING,  /* no link; or the acceptor's after a link went down */
    SESSION_GREETING, /* the handshake is under way */
    SESSION_OPEN,
    SESSION_CLOSED, /* for good: session_status and session_text say why */
};

struct session;

/* What a session is told at its beginning; identity, random and arg must outlive it. */
struct session_config {
    struct mem *mem;
    struct prng *random; /* started from entropy */
    const struct identity *identity;
    uint64_t incarnation; /* of this end; 0: not a member (yet), or a client */
    uint64_t generation;  /* of the view this end has installed */
    uint64_t view;
    struct stint_id
        expect; /* initiator: the node that must answer; STINT_ID_NONE: any node */
    bool (*is_revoked)(void *arg, uint64_t serial); /* NULL: none is */
    void *arg;
};

/* Time, as it comes with every event. */
struct session_time {
    uint64_t now_ns;  /* monotonic */
    uint64_t wall_ms; /* since 1970; certificates are valid by it */
};

/* The name of a session, the same for both ends. */
struct session_key {
    struct stint_id initiator; /* subject of its certificate */
    uint64_t incarnation;
    uint8_t nonce[SESSION_NONCE_SIZE];
};

/* Who is at the other end, as proved by its certificate (the first five) and as it says
 * itself in HELLO or WELCOME. */
struct session_peer {
    struct stint_id id;
    enum cert_role role;
    char name[CERT_NAME_SIZE];
    uint64_t serial;
    uint8_t curve_public[CERT_KEY_SIZE];
    uint64_t incarnation;
    uint64_t generation;
    uint64_t view; /* the newest it has spoken of */
    uint32_t protocol;
};

/* Why a HELLO was refused: for the log, and the frame that tells the other end. */
struct session_refusal {
    enum stint_status status;
    char text[SESSION_TEXT_SIZE];
    uint8_t frame[SESSION_REFUSAL_SIZE];
    size_t frame_size;
};

/* A new session to whoever answers on a link; it waits for session_link_up. NULL when
 * memory is short. */
struct session *session_open(const struct session_config *config);

/*
 * Reads which session a HELLO belongs to, at little cost and without believing it.
 * False if the frame is no HELLO: drop it, a link begins with one.
 */
bool session_peek_hello(struct stint_span frame, struct session_key *key);

/*
 * A HELLO with a key that is not known here. `peer_key` is what the transport proved.
 * STINT_OK: *out is a session in GREETING, which closes itself when the CONFIRM does
 * not come within LIMIT_PREAUTH_MS; session_peer says who. Anything else: *out is NULL,
 * `refusal` has the reason and a frame to send. STINT_BAD_VERSION, STINT_WRONG_CLUSTER,
 * STINT_BAD_CERTIFICATE, STINT_EXPIRED, STINT_REVOKED, STINT_NOT_FOUND (it wants to
 * resume what is not here), STINT_BAD_FRAME, STINT_NO_MEMORY.
 */
STINT_MUST_USE enum stint_status
session_accept(const struct session_config *config, struct stint_span hello,
               const uint8_t peer_key[CERT_KEY_SIZE], struct session_time time,
               struct session **out, struct session_refusal *refusal);

/*
 * A HELLO with the key of this session, perhaps over another link. STINT_OK: the
 * session belongs to the link of this frame now. STINT_EXISTS: the frame is older than
 * what the session has seen; drop it, the session stays with its link. Else refused as
 * above; the session is as it was.
 */
STINT_MUST_USE enum stint_status session_rebind(struct session *s,
                                                struct stint_span hello,
                                                const uint8_t peer_key[CERT_KEY_SIZE],
                                                struct session_time time,
                                                struct session_refusal *refusal);

/* Frees it, with all it has not sent. NULL is allowed. */
void session_free(struct session *s);

/* The link (re)connected: the initiator greets. The acceptor has no use for it. */
void session_link_up(struct session *s, struct session_time time);

/* The link is gone; the session waits for the next one. */
void session_link_down(struct session *s);

/*
 * One frame from the session's link; `peer_key` as proved by the transport, NULL on
 * outbound links. `batch` gets the envelopes that are to be delivered now (read with
 * envelope_next; all well-formed), pointing into `frame`; it is empty for most frames.
 * STINT_OK also for what is late, repeated or too early. STINT_BAD_FRAME: it breaks the
 * protocol, and the session is closed. STINT_NOT_AUTHORISED: the key is not the peer's;
 * the frame was dropped. Others: what ended the handshake.
 */
STINT_MUST_USE enum stint_status
session_receive(struct session *s, struct stint_span frame, const uint8_t *peer_key,
                struct session_time time, struct stint_span *batch);

/*
 * Puts an envelope into the open batch, copied. In every state but CLOSED: what is sent
 * before OPEN waits. STINT_FULL: the window is used up, nothing happened, try when
 * session_room has grown; STINT_LIMIT: the body; STINT_CLOSED; STINT_NO_MEMORY: nothing
 * happened.
 */
STINT_MUST_USE enum stint_status session_send(struct session *s,
                                              const struct envelope *envelope,
                                              struct stint_span body);

/* Closes the batch: it leaves with the next session_output. To be called when there is
 * nothing more to gather. */
void session_flush(struct session *s);

/* The next frame for the session's link; valid until the next call. False when there is
 * none now. */
bool session_output(struct session *s, struct session_time time,
                    struct stint_span *frame);

/* Repeats what was not acknowledged in time, asks a silent peer, gives up a handshake.
 */
void session_tick(struct session *s, struct session_time time);

/* When session_tick is wanted (monotonic ns; UINT64_MAX: never). Never in the past
 * twice for the same reason. */
uint64_t session_deadline(const struct session *s);

/* Ends it: the peer is told with a RESET, or with BYE for STINT_OK. Take the last frame
 * with session_output. */
void session_close(struct session *s, enum stint_status status, const char *text);

/* What this end tells of itself from now on. */
void session_set_view(struct session *s, uint64_t generation, uint64_t view);

/* How much may be under way towards this end: frames (1 to LIMIT_SESSION_FRAMES) and
 * bytes (LIMIT_FRAME to LIMIT_SESSION_BYTES). What was granted stays granted. */
void session_set_window(struct session *s, uint32_t frames, uint32_t bytes);

enum session_state session_state(const struct session *s);
bool session_is_initiator(const struct session *s);

/* Of a closed session. STINT_OK: the other end said BYE, or session_close was called
 * with it. */
enum stint_status session_status(const struct session *s);
const char *session_text(const struct session *s);

/* Whether the other end closed it in the handshake: it does not take who this end is. */
bool session_refused(const struct session *s);

/* Known from GREETING on at the acceptor and from OPEN on at the initiator; else all
 * zero. */
const struct session_peer *session_peer(const struct session *s);
void session_get_key(const struct session *s, struct session_key *key);

/* True from the first OPEN on. */
bool session_was_open(const struct session *s);

/* Bytes of envelopes that session_send takes for sure, and when the peer was last heard
 * (monotonic ns). */
size_t session_room(const struct session *s);
uint64_t session_heard(const struct session *s);

/* All that was sent has been acknowledged, and the batch is empty. */
bool session_is_idle(const struct session *s);

struct session_stats {
    uint64_t frames_sent, frames_received, frames_repeated;
    uint64_t envelopes_sent, bytes_sent, bytes_received;
    uint64_t dropped;       /* late, repeated, early, foreign */
    uint64_t round_trip_ns; /* of the last PING; 0: none */
};

void session_get_stats(const struct session *s, struct session_stats *stats);

#endif
