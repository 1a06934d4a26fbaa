/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/cert.h"

#include <sodium/crypto_scalarmult.h>
#include <sodium/crypto_sign.h>
#include <sodium/utils.h>
#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "schema/session.pb.h"
#include "wire/seal.h"

enum { CERTIFICATE_VERSION = 1 };

static const char CERT_PURPOSE[] = "stint certificate 1";

STINT_STATIC_ASSERT(stint_Certificate_size <= LIMIT_CERTIFICATE,
                    "every certificate fits its bound");
STINT_STATIC_ASSERT(CERT_SIGN_SECRET_SIZE == crypto_sign_SECRETKEYBYTES, "");

static const char *const ROLE_NAMES[ROLE_END_] = { "none", "node", "client", "operator",
                                                   "observer" };

const char *
cert_role_name(enum cert_role role)
{
    return ROLE_NAMES[role > ROLE_NONE && role < ROLE_END_ ? role : ROLE_NONE];
}

enum cert_role
cert_role_parse(const char *text)
{
    for (int role = ROLE_NODE; role < ROLE_END_; role++) {
        if (strcmp(text, ROLE_NAMES[role]) == 0) {
            return (enum cert_role)role;
        }
    }
    return ROLE_NONE;
}

struct stint_id
cert_subject_id(struct stint_id cluster, enum cert_role role, const char *name)
{
    static const char label[] = "stint subject 1";
    struct seal_hash h;
    uint8_t kind = (uint8_t)role;
    uint8_t digest[SEAL_DIGEST_SIZE];
    seal_hash_init(&h);
    seal_hash_add(&h, span_of(label, sizeof label));
    seal_hash_add(&h, span_of(cluster.bytes, sizeof cluster.bytes));
    seal_hash_add(&h, span_of(&kind, 1));
    seal_hash_add(&h, span_text(name));
    seal_hash_final(&h, digest);
    struct stint_id id;
    memcpy(id.bytes, digest, sizeof id.bytes);
    return id;
}

/* The public half of a CURVE secret. */
static void
curve_public_of(uint8_t out[CERT_KEY_SIZE], const uint8_t secret[CERT_KEY_SIZE])
{
    int result = crypto_scalarmult_base(out, secret);
    STINT_ASSERT(result == 0);
}

void
cluster_keys_make(struct cluster_keys *keys,
                  const uint8_t entropy[CLUSTER_KEYS_ENTROPY])
{
    memset(keys, 0, sizeof *keys);
    memcpy(keys->trust.cluster.bytes, entropy, 16);
    int result = crypto_sign_seed_keypair(keys->trust.authority_public,
                                          keys->authority_secret, entropy + 16);
    STINT_ASSERT(result == 0);
    memcpy(keys->server_secret, entropy + 48, CERT_KEY_SIZE);
    curve_public_of(keys->trust.server_public, keys->server_secret);
}

bool
cluster_keys_set_authority(struct cluster_keys *keys, const uint8_t seed[CERT_KEY_SIZE])
{
    uint8_t public_key[CERT_KEY_SIZE];
    uint8_t secret[CERT_SIGN_SECRET_SIZE];
    int result = crypto_sign_seed_keypair(public_key, secret, seed);
    STINT_ASSERT(result == 0);
    bool fits = seal_equal(public_key, keys->trust.authority_public, CERT_KEY_SIZE);
    if (fits) {
        memcpy(keys->authority_secret, secret, sizeof secret);
    }
    sodium_memzero(secret, sizeof secret);
    return fits;
}

bool
cluster_keys_set_server(struct cluster_keys *keys, const uint8_t secret[CERT_KEY_SIZE])
{
    uint8_t public_key[CERT_KEY_SIZE];
    curve_public_of(public_key, secret);
    if (!seal_equal(public_key, keys->trust.server_public, CERT_KEY_SIZE)) {
        return false;
    }
    memcpy(keys->server_secret, secret, CERT_KEY_SIZE);
    return true;
}

void
cluster_keys_wipe(struct cluster_keys *keys)
{
    sodium_memzero(keys, sizeof *keys);
}

void
identity_wipe(struct identity *identity)
{
    sodium_memzero(identity, sizeof *identity);
}

/* Encodes a certificate's content; returns its size. */
static size_t
body_encode(const struct certificate *c, uint8_t *out, size_t size)
{
    stint_CertificateBody body = stint_CertificateBody_init_zero;
    body.version = CERTIFICATE_VERSION;
    memcpy(body.cluster, c->cluster.bytes, sizeof body.cluster);
    memcpy(body.subject, c->subject.bytes, sizeof body.subject);
    body.role = (uint32_t)c->role;
    text_copy(body.name, sizeof body.name, c->name);
    memcpy(body.curve, c->curve_public, sizeof body.curve);
    memcpy(body.sign, c->sign_public, sizeof body.sign);
    body.not_before_ms = c->not_before_ms;
    body.not_after_ms = c->not_after_ms;
    body.serial = c->serial;
    pb_ostream_t stream = pb_ostream_from_buffer(out, size);
    bool encoded = pb_encode(&stream, stint_CertificateBody_fields, &body);
    STINT_ASSERT(encoded);
    return stream.bytes_written;
}

/* Signs the certificate in `out` and keeps it there as it will be sent. */
static void
identity_sign(struct identity *out, const uint8_t authority_secret[])
{
    stint_Certificate outer = stint_Certificate_init_zero;
    uint8_t digest[SEAL_DIGEST_SIZE];
    outer.body.size = (pb_size_t)body_encode(&out->certificate, outer.body.bytes,
                                             sizeof outer.body.bytes);
    seal_digest(digest, span_of(outer.body.bytes, outer.body.size));
    seal_sign(outer.signature, authority_secret, CERT_PURPOSE, digest);
    pb_ostream_t stream =
        pb_ostream_from_buffer(out->certificate_bytes, sizeof out->certificate_bytes);
    bool encoded = pb_encode(&stream, stint_Certificate_fields, &outer);
    STINT_ASSERT(encoded);
    out->certificate_size = stream.bytes_written;
}

enum stint_status
cert_issue(const struct cluster_keys *keys, const struct cert_request *request,
           const uint8_t entropy[CERT_ISSUE_ENTROPY], struct identity *out)
{
    memset(out, 0, sizeof *out);
    if (request->role <= ROLE_NONE || request->role >= ROLE_END_ ||
        !text_is_name(request->name, LIMIT_NAME) ||
        request->not_before_ms >= request->not_after_ms) {
        return STINT_INVALID;
    }
    struct certificate *c = &out->certificate;
    out->trust = keys->trust;
    c->cluster = keys->trust.cluster;
    c->role = request->role;
    c->subject = cert_subject_id(c->cluster, c->role, request->name);
    text_copy(c->name, sizeof c->name, request->name);
    c->not_before_ms = request->not_before_ms;
    c->not_after_ms = request->not_after_ms;
    /* People type serials: 48 bits are short enough for that, and for JSON. */
    c->serial = le64_get(entropy + 64) & UINT64_C(0xffffffffffff);
    if (c->serial == 0) {
        c->serial = 1;
    }
    memcpy(out->curve_secret, entropy, CERT_KEY_SIZE);
    curve_public_of(out->curve_public, out->curve_secret);
    memcpy(c->curve_public, out->curve_public, CERT_KEY_SIZE);
    int result =
        crypto_sign_seed_keypair(c->sign_public, out->sign_secret, entropy + 32);
    STINT_ASSERT(result == 0);
    if (request->role == ROLE_NODE) {
        out->has_server_secret = true;
        memcpy(out->server_secret, keys->server_secret, CERT_KEY_SIZE);
    }
    identity_sign(out, keys->authority_secret);
    return STINT_OK;
}

/* Takes a certificate apart; false if it is malformed or makes no sense. */
static bool
cert_decode(struct stint_span bytes, stint_Certificate *outer, struct certificate *out)
{
    stint_CertificateBody body = stint_CertificateBody_init_zero;
    memset(out, 0, sizeof *out);
    if (bytes.size == 0 || bytes.size > LIMIT_CERTIFICATE) {
        return false;
    }
    pb_istream_t stream = pb_istream_from_buffer(bytes.data, bytes.size);
    if (!pb_decode(&stream, stint_Certificate_fields, outer)) {
        return false;
    }
    stream = pb_istream_from_buffer(outer->body.bytes, outer->body.size);
    if (!pb_decode(&stream, stint_CertificateBody_fields, &body)) {
        return false;
    }
    if (body.version != CERTIFICATE_VERSION || body.role <= ROLE_NONE ||
        body.role >= ROLE_END_ || !text_is_name(body.name, LIMIT_NAME) ||
        body.not_before_ms >= body.not_after_ms || body.serial == 0) {
        return false;
    }
    memcpy(out->cluster.bytes, body.cluster, sizeof body.cluster);
    memcpy(out->subject.bytes, body.subject, sizeof body.subject);
    out->role = (enum cert_role)body.role;
    text_copy(out->name, sizeof out->name, body.name);
    memcpy(out->curve_public, body.curve, CERT_KEY_SIZE);
    memcpy(out->sign_public, body.sign, CERT_KEY_SIZE);
    out->not_before_ms = body.not_before_ms;
    out->not_after_ms = body.not_after_ms;
    out->serial = body.serial;
    return id_equal(out->subject, cert_subject_id(out->cluster, out->role, out->name));
}

enum stint_status
cert_read(struct stint_span bytes, struct certificate *out)
{
    stint_Certificate outer = stint_Certificate_init_zero;
    return cert_decode(bytes, &outer, out) ? STINT_OK : STINT_BAD_CERTIFICATE;
}

/* Everything but time and revocation. */
static enum stint_status
cert_check_signed(struct stint_span bytes, const struct trust *trust,
                  struct certificate *out, char *detail, size_t detail_size)
{
    stint_Certificate outer = stint_Certificate_init_zero;
    uint8_t digest[SEAL_DIGEST_SIZE];
    if (!cert_decode(bytes, &outer, out)) {
        text_format(detail, detail_size, "the certificate is malformed");
        return STINT_BAD_CERTIFICATE;
    }
    if (!id_equal(out->cluster, trust->cluster)) {
        char theirs[STINT_ID_TEXT_SIZE];
        char ours[STINT_ID_TEXT_SIZE];
        text_format(
            detail, detail_size,
            "the certificate of %s %s belongs to cluster %.8s, this is cluster %.8s",
            cert_role_name(out->role), out->name, stint_id_text(out->cluster, theirs),
            stint_id_text(trust->cluster, ours));
        return STINT_WRONG_CLUSTER;
    }
    seal_digest(digest, span_of(outer.body.bytes, outer.body.size));
    if (!seal_verify(outer.signature, trust->authority_public, CERT_PURPOSE, digest)) {
        text_format(detail, detail_size,
                    "the certificate of %s %s is not signed by the cluster's authority",
                    cert_role_name(out->role), out->name);
        return STINT_BAD_CERTIFICATE;
    }
    return STINT_OK;
}

enum stint_status
cert_verify(struct stint_span bytes, const struct cert_check *check,
            struct certificate *out, char *detail, size_t detail_size)
{
    enum stint_status status =
        cert_check_signed(bytes, check->trust, out, detail, detail_size);
    if (status != STINT_OK) {
        return status;
    }
    if (check->wall_ms >= out->not_after_ms) {
        text_format(detail, detail_size, "the certificate of %s %s expired %llu s ago",
                    cert_role_name(out->role), out->name,
                    (unsigned long long)((check->wall_ms - out->not_after_ms) / 1000));
        return STINT_EXPIRED;
    }
    if (out->not_before_ms > CERT_CLOCK_SKEW_MS &&
        check->wall_ms < out->not_before_ms - CERT_CLOCK_SKEW_MS) {
        text_format(detail, detail_size,
                    "the certificate of %s %s is valid only in %llu s",
                    cert_role_name(out->role), out->name,
                    (unsigned long long)((out->not_before_ms - check->wall_ms) / 1000));
        return STINT_EXPIRED;
    }
    if (check->is_revoked != NULL && check->is_revoked(check->arg, out->serial)) {
        text_format(detail, detail_size, "the certificate of %s %s (%016llx) is revoked",
                    cert_role_name(out->role), out->name,
                    (unsigned long long)out->serial);
        return STINT_REVOKED;
    }
    return STINT_OK;
}

/* Fills in the secrets; false, with the reason, if one is not that of the certificate. */
static bool
identity_fit(struct identity *out, const uint8_t curve_secret[CERT_KEY_SIZE],
             const uint8_t sign_seed[CERT_KEY_SIZE], const uint8_t *server_secret,
             char *detail, size_t detail_size)
{
    const struct certificate *c = &out->certificate;
    uint8_t public_key[CERT_KEY_SIZE];
    memcpy(out->curve_secret, curve_secret, CERT_KEY_SIZE);
    curve_public_of(out->curve_public, out->curve_secret);
    int result = crypto_sign_seed_keypair(public_key, out->sign_secret, sign_seed);
    STINT_ASSERT(result == 0);
    if (!seal_equal(out->curve_public, c->curve_public, CERT_KEY_SIZE) ||
        !seal_equal(public_key, c->sign_public, CERT_KEY_SIZE)) {
        text_format(detail, detail_size,
                    "the secret keys are not those of the certificate of %s %s",
                    cert_role_name(c->role), c->name);
        return false;
    }
    if (c->role != ROLE_NODE) {
        return true;
    }
    if (server_secret == NULL) {
        text_format(detail, detail_size, "a node needs the cluster's server key");
        return false;
    }
    curve_public_of(public_key, server_secret);
    if (!seal_equal(public_key, out->trust.server_public, CERT_KEY_SIZE)) {
        text_format(detail, detail_size, "the server key is not that of the cluster");
        return false;
    }
    out->has_server_secret = true;
    memcpy(out->server_secret, server_secret, CERT_KEY_SIZE);
    return true;
}

enum stint_status
identity_assemble(struct identity *out, const struct trust *trust,
                  struct stint_span certificate,
                  const uint8_t curve_secret[CERT_KEY_SIZE],
                  const uint8_t sign_seed[CERT_KEY_SIZE], const uint8_t *server_secret,
                  char *detail, size_t detail_size)
{
    memset(out, 0, sizeof *out);
    enum stint_status status =
        cert_check_signed(certificate, trust, &out->certificate, detail, detail_size);
    if (status == STINT_OK) {
        out->trust = *trust;
        memcpy(out->certificate_bytes, certificate.data, certificate.size);
        out->certificate_size = certificate.size;
        if (!identity_fit(out, curve_secret, sign_seed, server_secret, detail,
                          detail_size)) {
            status = STINT_BAD_CERTIFICATE;
        }
    }
    if (status != STINT_OK) {
        identity_wipe(out);
    }
    return status;
}

/* The seed of a development key: everybody can make it, which is what it is for. */
static void
dev_seed(uint8_t out[SEAL_DIGEST_SIZE], const char *what, enum cert_role role,
         const char *name)
{
    static const char label[] = "stint development keys, not secret";
    uint8_t kind = (uint8_t)role;
    struct seal_hash h;
    seal_hash_init(&h);
    seal_hash_add(&h, span_of(label, sizeof label));
    seal_hash_add(&h, span_of(what, strlen(what) + 1));
    seal_hash_add(&h, span_of(&kind, 1));
    seal_hash_add(&h, span_text(name));
    seal_hash_final(&h, out);
}

static void
dev_keys(struct cluster_keys *keys)
{
    uint8_t entropy[CLUSTER_KEYS_ENTROPY];
    uint8_t seed[SEAL_DIGEST_SIZE];
    dev_seed(seed, "cluster", ROLE_NONE, "");
    memcpy(entropy, seed, 16);
    dev_seed(entropy + 16, "authority", ROLE_NONE, "");
    dev_seed(entropy + 48, "server", ROLE_NONE, "");
    cluster_keys_make(keys, entropy);
}

void
cert_dev_trust(struct trust *trust)
{
    struct cluster_keys keys;
    dev_keys(&keys);
    *trust = keys.trust;
}

enum stint_status
cert_dev_identity(enum cert_role role, const char *name, struct identity *out)
{
    struct cluster_keys keys;
    uint8_t entropy[CERT_ISSUE_ENTROPY];
    uint8_t serial[SEAL_DIGEST_SIZE];
    if (!text_is_name(name, LIMIT_NAME)) {
        memset(out, 0, sizeof *out);
        return STINT_INVALID;
    }
    dev_keys(&keys);
    dev_seed(entropy, "curve", role, name);
    dev_seed(entropy + 32, "sign", role, name);
    dev_seed(serial, "serial", role, name);
    memcpy(entropy + 64, serial, 8);
    struct cert_request request = {
        .role = role,
        .name = name,
        .not_before_ms = 0,
        .not_after_ms = UINT64_C(253402300799000), /* the end of the year 9999 */
    };
    return cert_issue(&keys, &request, entropy, out);
}
