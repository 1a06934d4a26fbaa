/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate. As it comes: nobody but the authority makes one that verifies. And with the authority's signature put under
 * whatever stands in it, as a careless authority might: then reading and verifying agree, and what is accepted makes sense.
 */
#include "fuzz.h"

#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>
#include <sodium/crypto_sign.h>

#include "base/ids.h"
#include "base/text.h"
#include "schema/session.pb.h"
#include "wire/cert.h"
#include "wire/seal.h"

#define WALL_MS UINT64_C(1800000000000)

static void
authority(struct trust *trust, uint8_t secret[64])
{
    static const uint8_t entropy[CLUSTER_KEYS_ENTROPY] = "a cluster that is made for nothing but this test, and known to all";
    static struct cluster_keys keys;
    if (keys.trust.authority_public[0] == 0 && keys.trust.authority_public[1] == 0) {
        cluster_keys_make(&keys, entropy);
    }
    *trust = keys.trust;
    memcpy(secret, keys.authority_secret, 64);
}

static void
check_sense(const struct certificate *c)
{
    FUZZ_CHECK(c->role > ROLE_NONE && c->role < ROLE_END_);
    FUZZ_CHECK(cert_role_parse(cert_role_name(c->role)) == c->role);
    FUZZ_CHECK(text_is_name(c->name, LIMIT_NAME));
    FUZZ_CHECK(c->not_before_ms < c->not_after_ms && c->serial != 0);
    FUZZ_CHECK(id_equal(c->subject, cert_subject_id(c->cluster, c->role, c->name)));
}

static bool
is_odd(void *arg, uint64_t serial)
{
    (void)arg;
    return (serial & 1) != 0;
}

/* Signs the body that is in there; false if there is none. */
static bool
sign(struct stint_span bytes, const uint8_t secret[64], uint8_t *out, size_t *size)
{
    stint_Certificate outer = stint_Certificate_init_zero;
    uint8_t digest[SEAL_DIGEST_SIZE];
    pb_istream_t in = pb_istream_from_buffer(bytes.data, bytes.size);
    if (!pb_decode(&in, stint_Certificate_fields, &outer)) {
        return false;
    }
    seal_digest(digest, span_of(outer.body.bytes, outer.body.size));
    seal_sign(outer.signature, secret, "stint certificate 1", digest);
    pb_ostream_t stream = pb_ostream_from_buffer(out, *size);
    FUZZ_CHECK(pb_encode(&stream, stint_Certificate_fields, &outer));
    *size = stream.bytes_written;
    return true;
}

static void
check_signed(struct stint_span bytes, const struct cert_check *check, const struct certificate *read)
{
    struct certificate c;
    char detail[256] = "";
    enum stint_status status = cert_verify(bytes, check, &c, detail, sizeof detail);
    bool own = id_equal(read->cluster, check->trust->cluster);
    FUZZ_CHECK((status == STINT_WRONG_CLUSTER) == !own);
    FUZZ_CHECK(status != STINT_BAD_CERTIFICATE);
    if (status != STINT_OK) {
        fuzz_check_sentence(detail, sizeof detail);
        FUZZ_CHECK(status != STINT_REVOKED || (c.serial & 1) != 0);
        return;
    }
    FUZZ_CHECK(memcmp(&c, read, sizeof c) == 0);
    FUZZ_CHECK(WALL_MS < c.not_after_ms && WALL_MS + CERT_CLOCK_SKEW_MS >= c.not_before_ms);
    FUZZ_CHECK((c.serial & 1) == 0);
}

static bool
judge(struct stint_span input)
{
    struct trust trust;
    struct certificate read, verified;
    uint8_t secret[64], bytes[LIMIT_CERTIFICATE];
    char detail[256] = "";
    size_t size = sizeof bytes;
    authority(&trust, secret);
    struct cert_check check = { .trust = &trust, .wall_ms = WALL_MS, .is_revoked = is_odd };
    enum stint_status status = cert_read(input, &read);
    FUZZ_CHECK(status == STINT_OK || status == STINT_BAD_CERTIFICATE);
    bool good = status == STINT_OK;
    if (good) {
        check_sense(&read);
        FUZZ_CHECK(input.size <= LIMIT_CERTIFICATE);
    }
    /* The seeds are of another authority with another id: so nothing verifies that was not signed here. */
    status = cert_verify(input, &check, &verified, detail, sizeof detail);
    FUZZ_CHECK(status == STINT_BAD_CERTIFICATE || status == STINT_WRONG_CLUSTER);
    fuzz_check_sentence(detail, sizeof detail);
    if (sign(input, secret, bytes, &size)) {
        status = cert_read(span_of(bytes, size), &read);
        FUZZ_CHECK((status == STINT_OK) == good);
        if (good) {
            check_signed(span_of(bytes, size), &check, &read);
        }
    }
    return good;
}

/* Puts the id of its subject into a damaged body, which is a hash: else nothing damaged would get further. */
static size_t
mend(uint8_t *data, size_t size, size_t room, uint32_t luck)
{
    stint_Certificate outer = stint_Certificate_init_zero;
    stint_CertificateBody body = stint_CertificateBody_init_zero;
    pb_istream_t in = pb_istream_from_buffer(data, size);
    if (luck % 4 == 0 || !pb_decode(&in, stint_Certificate_fields, &outer)) {
        return size;
    }
    in = pb_istream_from_buffer(outer.body.bytes, outer.body.size);
    if (!pb_decode(&in, stint_CertificateBody_fields, &body)) {
        return size;
    }
    if (luck % 4 == 1) {
        struct trust trust;
        uint8_t secret[64];
        authority(&trust, secret);
        memcpy(body.cluster, trust.cluster.bytes, 16);
    }
    struct stint_id cluster;
    memcpy(cluster.bytes, body.cluster, 16);
    struct stint_id subject = cert_subject_id(cluster, (enum cert_role)body.role, body.name);
    memcpy(body.subject, subject.bytes, 16);
    pb_ostream_t out = pb_ostream_from_buffer(outer.body.bytes, sizeof outer.body.bytes);
    if (!pb_encode(&out, stint_CertificateBody_fields, &body)) {
        return size;
    }
    outer.body.size = (pb_size_t)out.bytes_written;
    out = pb_ostream_from_buffer(data, room);
    return pb_encode(&out, stint_Certificate_fields, &outer) ? out.bytes_written : size;
}

static void
seeds(void)
{
    for (int role = ROLE_NODE; role < ROLE_END_; role++) {
        struct identity identity;
        FUZZ_CHECK(cert_dev_identity((enum cert_role)role, "somebody", &identity) == STINT_OK);
        fuzz_seed(cert_role_name((enum cert_role)role),
                  span_of(identity.certificate_bytes, identity.certificate_size));
    }
}

const struct fuzz_target fuzz_target = {
    .name = "certificate", .size_max = 600, .judge = judge, .mend = mend, .seeds = seeds
};
