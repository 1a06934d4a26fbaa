/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake. Both ends sign a digest of everything said so far, so neither a
 * certificate nor a version nor a challenge can be exchanged on the way, and a
 * signature made for one pair of ends is worth nothing to another. Everything is
 * checked before anything is changed.
 */
#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include "wire/session_internal.h"
#include "wire/wire.h"

static const char PURPOSE_WELCOME[] = "stint welcome 1";
static const char PURPOSE_CONFIRM[] = "stint confirm 1";

/* The digest that both signatures cover. */
static void
transcript_make(uint8_t out[SEAL_DIGEST_SIZE], struct stint_span hello_frame,
                struct stint_span welcome_body)
{
    static const char label[] = "stint session 1";
    struct seal_hash h;
    uint8_t size[4];
    le32_put(size, (uint32_t)hello_frame.size);
    seal_hash_init(&h);
    seal_hash_add(&h, span_of(label, sizeof label));
    seal_hash_add(&h, span_of(size, sizeof size));
    seal_hash_add(&h, hello_frame);
    seal_hash_add(&h, welcome_body);
    seal_hash_final(&h, out);
}

/* The tag that frames of this session carry: both halves of its name, mixed. */
static uint64_t
tag_make(const struct session *s)
{
    struct seal_hash h;
    uint8_t digest[SEAL_DIGEST_SIZE];
    seal_hash_init(&h);
    seal_hash_add(&h, span_of(s->key.initiator.bytes, sizeof s->key.initiator.bytes));
    seal_hash_add(&h, span_of(s->key.nonce, SESSION_NONCE_SIZE));
    seal_hash_add(&h, span_of(s->acceptor_nonce, SESSION_NONCE_SIZE));
    seal_hash_final(&h, digest);
    return le64_get(digest);
}

/* The monotonic time at which a certificate ends. */
static uint64_t
expiry_of(const struct certificate *c, struct session_time time)
{
    uint64_t left_ms =
        c->not_after_ms > time.wall_ms ? c->not_after_ms - time.wall_ms : 0;
    if (left_ms > (UINT64_MAX - time.now_ns) / SESSION_NS_PER_MS - 1) {
        return SESSION_NEVER;
    }
    return time.now_ns + left_ms * SESSION_NS_PER_MS;
}

static stint_Position
position_of(const struct session *s)
{
    return (stint_Position){
        .next = s->rx.next,
        .credit_frame = s->rx.granted_frame,
        .credit_bytes = s->rx.granted_bytes,
    };
}

static bool
position_take(struct session *s, const stint_Position *position, uint64_t now_ns)
{
    return tx_acknowledge(s, position->next, position->credit_frame,
                          position->credit_bytes, now_ns);
}

static void
peer_set(struct session *s, const struct certificate *c, struct session_time time)
{
    s->peer.id = c->subject;
    s->peer.role = c->role;
    text_copy(s->peer.name, sizeof s->peer.name, c->name);
    s->peer.serial = c->serial;
    memcpy(s->peer.curve_public, c->curve_public, CERT_KEY_SIZE);
    memcpy(s->peer_sign_public, c->sign_public, CERT_KEY_SIZE);
    s->expires_ns = expiry_of(c, time);
}

/* ---- initiator ---- */

void
session_greet(struct session *s, struct session_time time)
{
    STINT_ASSERT(s->initiator && s->state != SESSION_CLOSED);
    stint_Hello hello = stint_Hello_init_zero;
    s->state = SESSION_GREETING;
    s->out = OUT_GREETING;
    s->attempt++;
    prng_bytes(s->random, s->challenge, sizeof s->challenge);
    hello.protocol_min = WIRE_PROTOCOL_MIN;
    hello.protocol_max = WIRE_PROTOCOL_MAX;
    memcpy(hello.cluster, s->identity->trust.cluster.bytes, sizeof hello.cluster);
    STINT_ASSERT(s->identity->certificate_size <= sizeof hello.certificate.bytes);
    hello.certificate.size = (pb_size_t)s->identity->certificate_size;
    memcpy(hello.certificate.bytes, s->identity->certificate_bytes,
           s->identity->certificate_size);
    hello.incarnation = s->key.incarnation;
    hello.generation = s->generation;
    hello.view = s->view;
    memcpy(hello.nonce, s->key.nonce, sizeof hello.nonce);
    memcpy(hello.challenge, s->challenge, sizeof hello.challenge);
    hello.attempt = s->attempt;
    hello.resume = s->was_open;
    hello.position = position_of(s);
    hello.frame_max = LIMIT_FRAME;
    s->greeting_size = frame_put_message(s->greeting, sizeof s->greeting, FRAME_HELLO,
                                         stint_Hello_fields, &hello);
    s->greet_rto_ns = LIMIT_RTO_MIN_MS * SESSION_NS_PER_MS;
    s->greet_due = time.now_ns + s->greet_rto_ns;
}

/* The parts of a WELCOME. */
struct welcome {
    stint_Welcome outer;
    stint_WelcomeBody body;
    struct certificate certificate;
    uint8_t transcript[SEAL_DIGEST_SIZE];
};

static bool
welcome_decode(struct stint_span frame, struct welcome *w)
{
    w->outer = (stint_Welcome)stint_Welcome_init_zero;
    w->body = (stint_WelcomeBody)stint_WelcomeBody_init_zero;
    if (!frame_get_message(frame, stint_Welcome_fields, &w->outer)) {
        return false;
    }
    uint8_t copy[FRAME_PREFIX + sizeof w->outer.body.bytes];
    memcpy(copy + FRAME_PREFIX, w->outer.body.bytes, w->outer.body.size);
    return frame_get_message(span_of(copy, FRAME_PREFIX + w->outer.body.size),
                             stint_WelcomeBody_fields, &w->body);
}

/* Who answers, and may they? On refusal the session is closed. */
static bool
welcome_trust(struct session *s, struct welcome *w, struct session_time time)
{
    struct cert_check check = { &s->identity->trust, time.wall_ms, s->is_revoked,
                                s->arg };
    char detail[SESSION_TEXT_SIZE];
    struct stint_span bytes = { w->body.certificate.bytes, w->body.certificate.size };
    enum stint_status status =
        cert_verify(bytes, &check, &w->certificate, detail, sizeof detail);
    if (status != STINT_OK) {
        session_fail(s, status, "%s", detail);
        return false;
    }
    if (w->certificate.role != ROLE_NODE) {
        session_fail(s, STINT_NOT_AUTHORISED, "%s %s answers where a node should",
                     cert_role_name(w->certificate.role), w->certificate.name);
        return false;
    }
    if (!id_is_zero(s->expect) && !id_equal(s->expect, w->certificate.subject)) {
        session_fail(s, STINT_REFUSED, "node %s answers in place of the one expected",
                     w->certificate.name);
        return false;
    }
    struct stint_span body = { w->outer.body.bytes, w->outer.body.size };
    transcript_make(w->transcript, span_of(s->greeting, s->greeting_size), body);
    if (!seal_verify(w->outer.signature, w->certificate.sign_public, PURPOSE_WELCOME,
                     w->transcript)) {
        session_fail(s, STINT_BAD_CERTIFICATE,
                     "node %s has not proved that its certificate is its own",
                     w->certificate.name);
        return false;
    }
    return true;
}

/* Does it go on where this end stopped? On refusal the session is closed. */
static bool
welcome_resumes(struct session *s, const struct welcome *w, struct session_time time)
{
    const stint_WelcomeBody *body = &w->body;
    if (body->protocol < WIRE_PROTOCOL_MIN || body->protocol > WIRE_PROTOCOL_MAX) {
        session_fail(s, STINT_BAD_VERSION,
                     "node %s answers with protocol %u, this end speaks %d to %d",
                     w->certificate.name, (unsigned)body->protocol, WIRE_PROTOCOL_MIN,
                     WIRE_PROTOCOL_MAX);
        return false;
    }
    if (body->frame_max < LIMIT_FRAME) {
        session_fail(s, STINT_LIMIT, "node %s takes frames of %u bytes, %d are needed",
                     w->certificate.name, (unsigned)body->frame_max, LIMIT_FRAME);
        return false;
    }
    if (s->was_open &&
        (!id_equal(s->peer.id, w->certificate.subject) ||
         s->peer.incarnation != body->incarnation ||
         !seal_equal(s->acceptor_nonce, body->nonce, SESSION_NONCE_SIZE))) {
        session_fail(s, STINT_NOT_FOUND, "node %s does not know this session",
                     w->certificate.name);
        return false;
    }
    if (!position_take(s, &body->position, time.now_ns)) {
        session_fail(s, STINT_CONFLICT, "node %s expects frames that were never sent",
                     w->certificate.name);
        return false;
    }
    return true;
}

void
session_on_welcome(struct session *s, struct stint_span frame, struct session_time time)
{
    struct welcome w;
    uint8_t digest[SEAL_DIGEST_SIZE];
    if (!s->initiator) {
        s->stats.dropped++;
        return;
    }
    seal_digest(digest, frame);
    if (s->state == SESSION_OPEN) {
        /* The same once more: the CONFIRM was lost. */
        if (seal_equal(digest, s->welcome_digest, sizeof digest)) {
            s->out |= OUT_CONFIRM;
        } else {
            s->stats.dropped++;
        }
        return;
    }
    if (!welcome_decode(frame, &w)) {
        session_fail(s, STINT_BAD_FRAME, "a WELCOME is malformed");
        return;
    }
    if (w.body.attempt != s->attempt) {
        s->stats.dropped++; /* an answer to an earlier HELLO */
        return;
    }
    if (!welcome_trust(s, &w, time) || !welcome_resumes(s, &w, time)) {
        return;
    }
    peer_set(s, &w.certificate, time);
    s->peer.incarnation = w.body.incarnation;
    s->peer.generation = w.body.generation;
    s->peer.view = w.body.view;
    s->peer.protocol = w.body.protocol;
    memcpy(s->acceptor_nonce, w.body.nonce, SESSION_NONCE_SIZE);
    memcpy(s->transcript, w.transcript, sizeof s->transcript);
    memcpy(s->welcome_digest, digest, sizeof digest);
    s->tag = tag_make(s);
    s->out = OUT_CONFIRM;
    session_opened(s, time);
}

size_t
session_put_confirm(struct session *s, uint8_t *out, size_t size)
{
    stint_Confirm confirm = stint_Confirm_init_zero;
    seal_sign(confirm.signature, s->identity->sign_secret, PURPOSE_CONFIRM,
              s->transcript);
    return frame_put_message(out, size, FRAME_CONFIRM, stint_Confirm_fields, &confirm);
}

/* ---- acceptor ---- */

/* A HELLO, decoded and trusted. */
struct greeting {
    stint_Hello hello;
    struct certificate certificate;
};

static enum stint_status refuse(struct session_refusal *refusal,
                                enum stint_status status, const char *format, ...)
    STINT_PRINTF(3, 4);

static enum stint_status
refuse(struct session_refusal *refusal, enum stint_status status, const char *format,
       ...)
{
    va_list args;
    va_start(args, format);
    text_format_list(refusal->text, sizeof refusal->text, format, args);
    va_end(args);
    refusal->status = status;
    refusal->frame_size =
        frame_put_reset(refusal->frame, sizeof refusal->frame, status, refusal->text);
    return status;
}

bool
session_peek_hello(struct stint_span frame, struct session_key *key)
{
    stint_Hello hello = stint_Hello_init_zero;
    struct certificate certificate;
    if (frame_kind(frame) != FRAME_HELLO ||
        !frame_get_message(frame, stint_Hello_fields, &hello)) {
        return false;
    }
    memset(key, 0, sizeof *key);
    key->incarnation = hello.incarnation;
    memcpy(key->nonce, hello.nonce, sizeof key->nonce);
    struct stint_span bytes = { hello.certificate.bytes, hello.certificate.size };
    if (cert_read(bytes, &certificate) == STINT_OK) {
        key->initiator = certificate.subject;
    }
    return true;
}

/* All that can be said of a HELLO by itself: version, cluster, certificate, key. */
static enum stint_status
hello_check(const struct session_config *config, struct stint_span frame,
            const uint8_t *peer_key, struct session_time time, struct greeting *g,
            struct session_refusal *refusal)
{
    stint_Hello *hello = &g->hello;
    const struct trust *trust = &config->identity->trust;
    *hello = (stint_Hello)stint_Hello_init_zero;
    if (frame_kind(frame) != FRAME_HELLO ||
        !frame_get_message(frame, stint_Hello_fields, hello)) {
        return refuse(refusal, STINT_BAD_FRAME, "the HELLO is malformed");
    }
    if (hello->protocol_min > hello->protocol_max ||
        hello->protocol_max < WIRE_PROTOCOL_MIN ||
        hello->protocol_min > WIRE_PROTOCOL_MAX) {
        return refuse(refusal, STINT_BAD_VERSION,
                      "you speak protocol %u to %u, this node %d to %d",
                      (unsigned)hello->protocol_min, (unsigned)hello->protocol_max,
                      WIRE_PROTOCOL_MIN, WIRE_PROTOCOL_MAX);
    }
    if (memcmp(hello->cluster, trust->cluster.bytes, sizeof hello->cluster) != 0) {
        char ours[STINT_ID_TEXT_SIZE];
        return refuse(refusal, STINT_WRONG_CLUSTER, "this node is of cluster %.8s",
                      stint_id_text(trust->cluster, ours));
    }
    struct cert_check check = { trust, time.wall_ms, config->is_revoked, config->arg };
    struct stint_span bytes = { hello->certificate.bytes, hello->certificate.size };
    char detail[SESSION_TEXT_SIZE];
    enum stint_status status =
        cert_verify(bytes, &check, &g->certificate, detail, sizeof detail);
    if (status != STINT_OK) {
        return refuse(refusal, status, "%s", detail);
    }
    if (!seal_equal(peer_key, g->certificate.curve_public, CERT_KEY_SIZE)) {
        return refuse(refusal, STINT_BAD_CERTIFICATE,
                      "the certificate of %s %s came from another key than its own",
                      cert_role_name(g->certificate.role), g->certificate.name);
    }
    if (hello->frame_max < LIMIT_FRAME || hello->attempt == 0) {
        return refuse(refusal, STINT_BAD_FRAME,
                      "the HELLO of %s %s makes no sense (frames of %u bytes)",
                      cert_role_name(g->certificate.role), g->certificate.name,
                      (unsigned)hello->frame_max);
    }
    return STINT_OK;
}

/* Makes the WELCOME that answers `frame`, and remembers what the CONFIRM must sign. */
static void
welcome_make(struct session *s, struct stint_span frame)
{
    stint_WelcomeBody body = stint_WelcomeBody_init_zero;
    stint_Welcome outer = stint_Welcome_init_zero;
    uint8_t copy[FRAME_PREFIX + sizeof outer.body.bytes];
    STINT_STATIC_ASSERT(sizeof outer.body.bytes >= stint_WelcomeBody_size,
                        "every WELCOME fits");
    body.protocol = s->peer.protocol;
    body.certificate.size = (pb_size_t)s->identity->certificate_size;
    memcpy(body.certificate.bytes, s->identity->certificate_bytes,
           s->identity->certificate_size);
    body.incarnation = s->incarnation;
    body.generation = s->generation;
    body.view = s->view;
    memcpy(body.nonce, s->acceptor_nonce, sizeof body.nonce);
    prng_bytes(s->random, body.challenge, sizeof body.challenge);
    body.attempt = s->attempt;
    body.position = position_of(s);
    body.frame_max = LIMIT_FRAME;
    size_t size = frame_put_message(copy, sizeof copy, FRAME_WELCOME,
                                    stint_WelcomeBody_fields, &body);
    outer.body.size = (pb_size_t)(size - FRAME_PREFIX);
    memcpy(outer.body.bytes, copy + FRAME_PREFIX, outer.body.size);
    struct stint_span signed_body = { outer.body.bytes, outer.body.size };
    transcript_make(s->transcript, frame, signed_body);
    seal_sign(outer.signature, s->identity->sign_secret, PURPOSE_WELCOME,
              s->transcript);
    s->greeting_size = frame_put_message(s->greeting, sizeof s->greeting, FRAME_WELCOME,
                                         stint_Welcome_fields, &outer);
}

/* Takes over what a trusted HELLO says, and answers it. */
static void
hello_take(struct session *s, const struct greeting *g, struct stint_span frame,
           struct session_time time)
{
    const stint_Hello *hello = &g->hello;
    peer_set(s, &g->certificate, time);
    s->peer.incarnation = hello->incarnation;
    s->peer.generation = hello->generation;
    s->peer.view = hello->view;
    s->peer.protocol = hello->protocol_max < WIRE_PROTOCOL_MAX ? hello->protocol_max
                                                               : WIRE_PROTOCOL_MAX;
    s->attempt = hello->attempt;
    memcpy(s->challenge, hello->challenge, sizeof s->challenge);
    s->state = SESSION_GREETING;
    s->heard_ns = time.now_ns;
    s->greet_rto_ns = LIMIT_RTO_MIN_MS * SESSION_NS_PER_MS;
    s->greet_due = time.now_ns + s->greet_rto_ns;
    s->greet_deadline = time.now_ns + LIMIT_PREAUTH_MS * SESSION_NS_PER_MS;
    s->out = OUT_GREETING;
    welcome_make(s, frame);
}

enum stint_status
session_accept(const struct session_config *config, struct stint_span hello,
               const uint8_t peer_key[CERT_KEY_SIZE], struct session_time time,
               struct session **out, struct session_refusal *refusal)
{
    struct greeting g;
    *out = NULL;
    enum stint_status status = hello_check(config, hello, peer_key, time, &g, refusal);
    if (status != STINT_OK) {
        return status;
    }
    if (g.hello.resume) {
        return refuse(refusal, STINT_NOT_FOUND,
                      "the session is not known here any more");
    }
    struct session *s = session_new(config, false);
    if (s == NULL) {
        return refuse(refusal, STINT_NO_MEMORY, "no memory for another session");
    }
    if (!position_take(s, &g.hello.position, time.now_ns)) {
        session_free(s);
        return refuse(refusal, STINT_BAD_FRAME, "a new session begins with frame 1");
    }
    s->key.initiator = g.certificate.subject;
    s->key.incarnation = g.hello.incarnation;
    memcpy(s->key.nonce, g.hello.nonce, SESSION_NONCE_SIZE);
    prng_bytes(s->random, s->acceptor_nonce, SESSION_NONCE_SIZE);
    s->tag = tag_make(s);
    hello_take(s, &g, hello, time);
    *out = s;
    return STINT_OK;
}

enum stint_status
session_rebind(struct session *s, struct stint_span hello,
               const uint8_t peer_key[CERT_KEY_SIZE], struct session_time time,
               struct session_refusal *refusal)
{
    struct greeting g;
    struct session_config config = { .identity = s->identity,
                                     .is_revoked = s->is_revoked,
                                     .arg = s->arg };
    STINT_ASSERT(!s->initiator);
    enum stint_status status = hello_check(&config, hello, peer_key, time, &g, refusal);
    if (status != STINT_OK) {
        return status;
    }
    if (s->state == SESSION_CLOSED ||
        !id_equal(g.certificate.subject, s->key.initiator) ||
        g.hello.incarnation != s->key.incarnation ||
        !seal_equal(g.hello.nonce, s->key.nonce, SESSION_NONCE_SIZE)) {
        return refuse(refusal, STINT_NOT_FOUND,
                      "the session is not known here any more");
    }
    if (g.hello.attempt < s->attempt) {
        s->stats.dropped++;
        return STINT_EXISTS;
    }
    bool same = seal_equal(g.hello.challenge, s->challenge, sizeof s->challenge);
    if (g.hello.attempt == s->attempt && s->state != SESSION_WAITING) {
        if (!same) {
            return refuse(refusal, STINT_BAD_FRAME,
                          "two HELLOs with one number differ");
        }
        s->out |= OUT_GREETING; /* the WELCOME was lost */
        return STINT_OK;
    }
    if (MUTANT(s->mem, RESUME_FORGETS)) {
        rx_init(s);
    }
    if (!position_take(s, &g.hello.position, time.now_ns)) {
        return refuse(refusal, STINT_CONFLICT,
                      "you expect frames that were never sent");
    }
    hello_take(s, &g, hello, time);
    return STINT_OK;
}

void
session_on_confirm(struct session *s, struct stint_span frame, struct session_time time)
{
    stint_Confirm confirm = stint_Confirm_init_zero;
    if (s->initiator || s->state != SESSION_GREETING) {
        s->stats.dropped++;
        return;
    }
    if (!frame_get_message(frame, stint_Confirm_fields, &confirm)) {
        session_fail(s, STINT_BAD_FRAME, "a CONFIRM is malformed");
        return;
    }
    if (!seal_verify(confirm.signature, s->peer_sign_public, PURPOSE_CONFIRM,
                     s->transcript)) {
        /* It may be that of an earlier attempt; who cannot do better runs into the
         * deadline. */
        s->stats.dropped++;
        return;
    }
    session_opened(s, time);
}
