/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a session: beginning, end, timers, and the order in which frames leave. */
#include "wire/session.h"

#include "base/panic.h"
#include "base/text.h"
#include "wire/session_internal.h"

struct session *
session_new(const struct session_config *config, bool initiator)
{
    struct session *s = mem_zalloc(config->mem, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->mem = config->mem;
    s->random = config->random;
    s->identity = config->identity;
    s->incarnation = config->incarnation;
    s->generation = config->generation;
    s->view = config->view;
    s->expect = config->expect;
    s->is_revoked = config->is_revoked;
    s->arg = config->arg;
    s->initiator = initiator;
    s->state = SESSION_WAITING;
    s->greet_due = SESSION_NEVER;
    s->greet_deadline = SESSION_NEVER;
    s->expires_ns = SESSION_NEVER;
    s->ping_due = SESSION_NEVER;
    tx_init(s);
    rx_init(s);
    return s;
}

struct session *
session_open(const struct session_config *config)
{
    struct session *s = session_new(config, true);
    if (s != NULL) {
        s->key.initiator = config->identity->certificate.subject;
        s->key.incarnation = config->incarnation;
        prng_bytes(s->random, s->key.nonce, SESSION_NONCE_SIZE);
    }
    return s;
}

void
session_free(struct session *s)
{
    if (s != NULL) {
        tx_fini(s);
        mem_free(s->mem, s, sizeof *s);
    }
}

void
session_opened(struct session *s, struct session_time time)
{
    s->state = SESSION_OPEN;
    s->was_open = true;
    s->heard_ns = time.now_ns;
    s->ping_sent_ns = 0;
    s->ping_due = time.now_ns + LIMIT_PING_MS * SESSION_NS_PER_MS;
    s->greet_due = SESSION_NEVER;
    s->greet_deadline = SESSION_NEVER;
    /* The peer has said what it expects: everything from there on goes out again. */
    s->tx.cursor = s->tx.first;
    s->tx.rto_ns = LIMIT_RTO_MIN_MS * SESSION_NS_PER_MS;
    s->tx.rto_due = SESSION_NEVER;
    s->tx.nack_until = 0;
    s->rx.nack_until = 0;
    rx_said(s);
}

void
session_link_up(struct session *s, struct session_time time)
{
    if (s->initiator && s->state != SESSION_CLOSED) {
        session_greet(s, time);
    }
}

void
session_link_down(struct session *s)
{
    s->out = 0;
    s->greet_due = SESSION_NEVER;
    s->greet_deadline = SESSION_NEVER;
    if (s->state == SESSION_CLOSED || s->state == SESSION_WAITING) {
        return;
    }
    if (!s->initiator && !s->was_open) {
        session_end(s, STINT_UNREACHABLE, "the link broke during the handshake");
        return;
    }
    s->state = SESSION_WAITING;
}

/* ---- the end ---- */

void
session_end(struct session *s, enum stint_status status, const char *text)
{
    if (s->state == SESSION_CLOSED) {
        return;
    }
    s->state = SESSION_CLOSED;
    s->status = status;
    text_copy(s->text, sizeof s->text, text);
    s->out = 0;
    tx_fini(s);
}

void
session_close(struct session *s, enum stint_status status, const char *text)
{
    bool linked = s->state == SESSION_GREETING || s->state == SESSION_OPEN;
    session_end(s, status, text);
    if (linked) {
        s->out = OUT_RESET;
    }
}

void
session_fail(struct session *s, enum stint_status status, const char *format, ...)
{
    char text[SESSION_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    text_format_list(text, sizeof text, format, args);
    va_end(args);
    session_close(s, status, text);
}

/* ---- output ---- */

/* A frame of fixed size: header, and the view for PING and PONG. */
static struct stint_span
put_small(struct session *s, enum frame_kind kind, uint64_t number)
{
    bool has_view = kind == FRAME_PING || kind == FRAME_PONG;
    size_t size = LIMIT_FRAME_HEADER + (has_view ? FRAME_VIEW_SIZE : 0);
    struct frame_header header = rx_header(s, number);
    frame_put(s->scratch, kind, size, &header);
    if (has_view) {
        le64_put(s->scratch + LIMIT_FRAME_HEADER, s->generation);
        le64_put(s->scratch + LIMIT_FRAME_HEADER + 8, s->view);
    }
    rx_said(s);
    return span_of(s->scratch, size);
}

/* Takes the flag; true if it was set. */
static bool
take(struct session *s, enum session_out flag)
{
    bool set = (s->out & (uint32_t)flag) != 0;
    s->out &= ~(uint32_t)flag;
    return set;
}

static bool
output_greeting(struct session *s, struct stint_span *frame)
{
    if (take(s, OUT_RESET)) {
        *frame = span_of(s->scratch, frame_put_reset(s->scratch, sizeof s->scratch,
                                                     s->status, s->text));
        return true;
    }
    if (take(s, OUT_GREETING)) {
        *frame = span_of(s->greeting, s->greeting_size);
        return true;
    }
    if (take(s, OUT_CONFIRM)) {
        *frame =
            span_of(s->scratch, session_put_confirm(s, s->scratch, sizeof s->scratch));
        return true;
    }
    return false;
}

static bool
output_open(struct session *s, uint64_t now_ns, struct stint_span *frame)
{
    if (take(s, OUT_NACK)) {
        *frame = put_small(s, FRAME_NACK, s->rx.next);
        return true;
    }
    if (take(s, OUT_PING)) {
        /* 0 stands for "none under way". */
        s->ping_sent_ns = now_ns == 0 ? 1 : now_ns;
        *frame = put_small(s, FRAME_PING, s->ping_sent_ns);
        return true;
    }
    if (take(s, OUT_PONG)) {
        *frame = put_small(s, FRAME_PONG, s->pong_number);
        return true;
    }
    if (tx_output(s, now_ns, frame)) {
        return true;
    }
    if (take(s, OUT_ACK)) {
        *frame = put_small(s, FRAME_ACK, 0);
        return true;
    }
    return false;
}

bool
session_output(struct session *s, struct session_time time, struct stint_span *frame)
{
    bool any = output_greeting(s, frame) ||
               (s->state == SESSION_OPEN && output_open(s, time.now_ns, frame));
    if (any) {
        s->stats.frames_sent++;
        s->stats.bytes_sent += frame->size;
    }
    return any;
}

/* ---- timers ---- */

/* An answer is owed: something was sent and not acknowledged, or a PING is under way.
 */
static bool
answer_owed(const struct session *s)
{
    return s->ping_sent_ns != 0 || s->tx.first < s->tx.cursor;
}

/* When the initiator takes the silence for a broken link; every answer moves it. */
static uint64_t
silence_due(const struct session *s)
{
    if (!s->initiator || !answer_owed(s)) {
        return SESSION_NEVER;
    }
    uint64_t since = s->heard_ns;
    if (s->tx.first == s->tx.cursor && s->ping_sent_ns > since) {
        since = s->ping_sent_ns;
    }
    return since + LIMIT_SILENCE_MS * SESSION_NS_PER_MS;
}

static void
tick_greeting(struct session *s, struct session_time time)
{
    if (time.now_ns >= s->greet_deadline) {
        if (s->was_open) {
            session_link_down(s);
        } else {
            session_fail(s, STINT_TIMED_OUT, "the handshake was not finished in time");
        }
        return;
    }
    if (time.now_ns >= s->greet_due) {
        s->out |= OUT_GREETING;
        s->greet_rto_ns *= 2;
        if (s->greet_rto_ns > LIMIT_RTO_MAX_MS * SESSION_NS_PER_MS) {
            s->greet_rto_ns = LIMIT_RTO_MAX_MS * SESSION_NS_PER_MS;
        }
        s->greet_due = time.now_ns + s->greet_rto_ns;
    }
}

static void
tick_open(struct session *s, struct session_time time)
{
    uint64_t now_ns = time.now_ns;
    if (now_ns >= s->expires_ns) {
        session_fail(s, STINT_EXPIRED, "the certificate of %s %s has expired",
                     cert_role_name(s->peer.role), s->peer.name);
        return;
    }
    if (now_ns >= silence_due(s)) {
        /* The other end may have forgotten the session; greeting tells. */
        session_greet(s, time);
        return;
    }
    if (now_ns >= s->rx.ack_due) {
        s->rx.ack_due = SESSION_NEVER;
        s->out |= OUT_ACK;
    }
    if (now_ns >= s->tx.rto_due) {
        tx_timeout(s, now_ns);
    }
    if (now_ns >= s->ping_due) {
        uint64_t patience = LIMIT_PING_MS * SESSION_NS_PER_MS;
        if (now_ns - s->heard_ns >= patience) {
            s->out |= OUT_PING;
            s->ping_due = now_ns + patience;
        } else {
            s->ping_due = s->heard_ns + patience;
        }
    }
}

void
session_tick(struct session *s, struct session_time time)
{
    if (s->state == SESSION_GREETING) {
        tick_greeting(s, time);
    } else if (s->state == SESSION_OPEN) {
        tick_open(s, time);
    }
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t
session_deadline(const struct session *s)
{
    if (s->state == SESSION_GREETING) {
        return earlier(s->greet_due, s->greet_deadline);
    }
    if (s->state != SESSION_OPEN) {
        return SESSION_NEVER;
    }
    uint64_t due = earlier(s->expires_ns, silence_due(s));
    due = earlier(due, s->rx.ack_due);
    due = earlier(due, s->tx.rto_due);
    return earlier(due, s->ping_due);
}

/* ---- what can be asked ---- */

void
session_set_view(struct session *s, uint64_t generation, uint64_t view)
{
    s->generation = generation;
    s->view = view;
}

enum session_state
session_state(const struct session *s)
{
    return s->state;
}

bool
session_is_initiator(const struct session *s)
{
    return s->initiator;
}

bool
session_was_open(const struct session *s)
{
    return s->was_open;
}

enum stint_status
session_status(const struct session *s)
{
    STINT_ASSERT(s->state == SESSION_CLOSED);
    return s->status;
}

bool
session_refused(const struct session *s)
{
    return s->refused;
}

const char *
session_text(const struct session *s)
{
    return s->text;
}

const struct session_peer *
session_peer(const struct session *s)
{
    return &s->peer;
}

void
session_get_key(const struct session *s, struct session_key *key)
{
    *key = s->key;
}

uint64_t
session_heard(const struct session *s)
{
    return s->heard_ns;
}

void
session_get_stats(const struct session *s, struct session_stats *stats)
{
    *stats = s->stats;
}
