/* SPDX-License-Identifier: Apache-2.0 */
/* certificates, identities, key files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ids.h"
#include "base/prng.h"
#include "base/span.h"
#include "base/text.h"
#include "tracked_memory.h"
#include "wire/cert.h"
#include "wire/keyfile.h"
#include "wire/wire.h"

enum { DAY_MS = 86400000 };
static const uint64_t NOW = UINT64_C(1800000000000);

struct fixture {
    struct prng random;
    struct cluster_keys keys;
    struct cluster_keys other;
    struct identity node;
    char detail[256];
};

static void
make_keys(struct prng *random, struct cluster_keys *keys)
{
    uint8_t entropy[CLUSTER_KEYS_ENTROPY];
    prng_bytes(random, entropy, sizeof entropy);
    cluster_keys_make(keys, entropy);
}

static enum stint_status
issue(struct fixture *f, const struct cluster_keys *keys, enum cert_role role,
      const char *name, struct identity *out)
{
    uint8_t entropy[CERT_ISSUE_ENTROPY];
    struct cert_request request = { role, name, NOW, NOW + DAY_MS };
    prng_bytes(&f->random, entropy, sizeof entropy);
    return cert_issue(keys, &request, entropy, out);
}

static int
setup(void **state)
{
    static struct fixture f;
    prng_init(&f.random, test_seed("certificates"));
    make_keys(&f.random, &f.keys);
    make_keys(&f.random, &f.other);
    *state = &f;
    return issue(&f, &f.keys, ROLE_NODE, "n1", &f.node) == STINT_OK ? 0 : -1;
}

static struct stint_span
certificate_of(const struct identity *identity)
{
    return span_of(identity->certificate_bytes, identity->certificate_size);
}

static enum stint_status
verify_at(struct fixture *f, struct stint_span bytes, uint64_t wall_ms)
{
    struct cert_check check = { &f->keys.trust, wall_ms, NULL, NULL };
    struct certificate out;
    f->detail[0] = '\0';
    return cert_verify(bytes, &check, &out, f->detail, sizeof f->detail);
}

static bool
revoked(void *arg, uint64_t serial)
{
    return *(uint64_t *)arg == serial;
}

static void
test_issue_and_verify(void **state)
{
    struct fixture *f = *state;
    const struct certificate *c = &f->node.certificate;
    struct cert_check check = { &f->keys.trust, NOW, NULL, NULL };
    struct certificate read;
    assert_int_equal(cert_verify(certificate_of(&f->node), &check, &read, f->detail,
                                 sizeof f->detail),
                     STINT_OK);
    assert_true(id_equal(read.subject, c->subject));
    assert_true(id_equal(read.subject,
                         cert_subject_id(f->keys.trust.cluster, ROLE_NODE, "n1")));
    assert_int_equal(read.role, ROLE_NODE);
    assert_string_equal(read.name, "n1");
    assert_memory_equal(read.curve_public, f->node.curve_public, CERT_KEY_SIZE);
    assert_true(read.serial == c->serial && read.serial != 0);
    assert_true(f->node.has_server_secret);

    struct identity again;
    assert_int_equal(issue(f, &f->keys, ROLE_NODE, "n1", &again), STINT_OK);
    assert_true(
        id_equal(again.certificate.subject, c->subject)); /* renewed: the same */
    assert_true(again.certificate.serial != c->serial);
    assert_int_equal(issue(f, &f->keys, ROLE_CLIENT, "n1", &again), STINT_OK);
    assert_false(id_equal(again.certificate.subject, c->subject));
    assert_false(again.has_server_secret);
    assert_int_equal(issue(f, &f->keys, ROLE_NODE, "bad name", &again), STINT_INVALID);
    assert_int_equal(issue(f, &f->keys, ROLE_NODE, "", &again), STINT_INVALID);
    assert_int_equal(issue(f, &f->keys, ROLE_NONE, "n1", &again), STINT_INVALID);
    assert_int_equal(issue(f, &f->keys, ROLE_END_, "n1", &again), STINT_INVALID);
}

static void
test_time_and_revocation(void **state)
{
    struct fixture *f = *state;
    struct stint_span bytes = certificate_of(&f->node);
    assert_int_equal(verify_at(f, bytes, NOW - CERT_CLOCK_SKEW_MS), STINT_OK);
    assert_int_equal(verify_at(f, bytes, NOW - CERT_CLOCK_SKEW_MS - 1), STINT_EXPIRED);
    assert_non_null(strstr(f->detail, "node n1 is valid only in 300 s"));
    assert_int_equal(verify_at(f, bytes, NOW + DAY_MS - 1), STINT_OK);
    assert_int_equal(verify_at(f, bytes, NOW + DAY_MS + 5000), STINT_EXPIRED);
    assert_non_null(strstr(f->detail, "node n1 expired 5 s ago"));
    uint64_t serial = f->node.certificate.serial;
    struct cert_check check = { &f->keys.trust, NOW, revoked, &serial };
    struct certificate out;
    assert_int_equal(cert_verify(bytes, &check, &out, f->detail, sizeof f->detail),
                     STINT_REVOKED);
    serial++;
    assert_int_equal(cert_verify(bytes, &check, &out, f->detail, sizeof f->detail),
                     STINT_OK);
}

static void
test_forgeries(void **state)
{
    struct fixture *f = *state;
    struct identity foreign;
    assert_int_equal(issue(f, &f->other, ROLE_NODE, "n1", &foreign), STINT_OK);
    assert_int_equal(verify_at(f, certificate_of(&foreign), NOW), STINT_WRONG_CLUSTER);
    assert_non_null(strstr(f->detail, "belongs to cluster"));

    /* Another authority that claims to be of this cluster. */
    struct cluster_keys pretender = f->other;
    pretender.trust.cluster = f->keys.trust.cluster;
    assert_int_equal(issue(f, &pretender, ROLE_OPERATOR, "evil", &foreign), STINT_OK);
    assert_int_equal(verify_at(f, certificate_of(&foreign), NOW),
                     STINT_BAD_CERTIFICATE);
    assert_non_null(strstr(f->detail, "not signed"));

    /* Every single bit counts. */
    uint8_t bytes[LIMIT_CERTIFICATE];
    size_t size = f->node.certificate_size;
    memcpy(bytes, f->node.certificate_bytes, size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(verify_at(f, span_of(bytes, size), NOW), STINT_OK);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(verify_at(f, span_of(bytes, cut), NOW), STINT_BAD_CERTIFICATE);
    }
    assert_int_equal(verify_at(f, span_of(bytes, size), NOW), STINT_OK);
}

static void
test_development_identities(void **state)
{
    (void)state;
    struct identity a;
    struct identity b;
    struct trust trust;
    char detail[256];
    cert_dev_trust(&trust);
    assert_int_equal(cert_dev_identity(ROLE_NODE, "n1", &a), STINT_OK);
    assert_int_equal(cert_dev_identity(ROLE_NODE, "n1", &b), STINT_OK);
    assert_memory_equal(a.certificate_bytes, b.certificate_bytes, a.certificate_size);
    assert_memory_equal(a.curve_secret, b.curve_secret, CERT_KEY_SIZE);
    assert_int_equal(cert_dev_identity(ROLE_CLIENT, "n1", &b), STINT_OK);
    assert_memory_not_equal(a.curve_public, b.curve_public, CERT_KEY_SIZE);
    struct cert_check check = { &trust, NOW, NULL, NULL };
    struct certificate out;
    assert_int_equal(
        cert_verify(certificate_of(&b), &check, &out, detail, sizeof detail), STINT_OK);
    assert_int_equal(cert_dev_identity(ROLE_NODE, "a/b", &a), STINT_INVALID);
    assert_int_equal(cert_dev_identity(ROLE_NONE, "a", &a), STINT_INVALID);
}

static void
test_roles_have_names(void **state)
{
    (void)state;
    for (int role = ROLE_NODE; role < ROLE_END_; role++) {
        assert_int_equal(cert_role_parse(cert_role_name((enum cert_role)role)), role);
    }
    assert_int_equal(cert_role_parse("none"), ROLE_NONE);
    assert_int_equal(cert_role_parse("Node"), ROLE_NONE);
    assert_string_equal(cert_role_name((enum cert_role)77), "none");
}

/* ---- key files ---- */

struct files {
    char cluster[KEYFILE_SIZE_MAX], authority[KEYFILE_SIZE_MAX],
        server[KEYFILE_SIZE_MAX], certificate[KEYFILE_SIZE_MAX],
        secret[KEYFILE_SIZE_MAX];
};

static void
write_files(const struct fixture *f, struct files *files)
{
    size_t size = keyfile_write_cluster(files->cluster, &f->keys.trust);
    assert_int_equal(size, strlen(files->cluster));
    size = keyfile_write_authority(files->authority, &f->keys);
    assert_int_equal(size, strlen(files->authority));
    size = keyfile_write_server(files->server, &f->keys);
    assert_int_equal(size, strlen(files->server));
    size = keyfile_write_certificate(files->certificate, &f->node);
    assert_int_equal(size, strlen(files->certificate));
    size = keyfile_write_secret(files->secret, &f->node);
    assert_int_equal(size, strlen(files->secret));
}

static void
test_files_round_trip(void **state)
{
    struct fixture *f = *state;
    static struct files files;
    write_files(f, &files);
    struct cluster_keys keys;
    memset(&keys, 0, sizeof keys);
    assert_int_equal(keyfile_read_cluster(span_text(files.cluster), &keys.trust,
                                          f->detail, sizeof f->detail),
                     STINT_OK);
    assert_int_equal(keyfile_read_authority(span_text(files.authority), &keys,
                                            f->detail, sizeof f->detail),
                     STINT_OK);
    assert_int_equal(keyfile_read_server(span_text(files.server), &keys, f->detail,
                                         sizeof f->detail),
                     STINT_OK);
    assert_memory_equal(&keys, &f->keys, sizeof keys);
    struct identity identity;
    assert_int_equal(keyfile_read_identity(&keys.trust, span_text(files.certificate),
                                           span_text(files.secret),
                                           span_text(files.server), &identity,
                                           f->detail, sizeof f->detail),
                     STINT_OK);
    assert_memory_equal(identity.curve_secret, f->node.curve_secret, CERT_KEY_SIZE);
    assert_memory_equal(identity.sign_secret, f->node.sign_secret,
                        CERT_SIGN_SECRET_SIZE);
    assert_memory_equal(identity.server_secret, f->node.server_secret, CERT_KEY_SIZE);
    assert_memory_equal(identity.certificate_bytes, f->node.certificate_bytes,
                        f->node.certificate_size);
    struct certificate certificate;
    assert_int_equal(keyfile_read_certificate(span_text(files.certificate),
                                              &certificate, f->detail,
                                              sizeof f->detail),
                     STINT_OK);
    assert_string_equal(certificate.name, "n1");
    assert_false(keyfile_is_secret(span_text(files.cluster)));
    assert_false(keyfile_is_secret(span_text(files.certificate)));
    assert_true(keyfile_is_secret(span_text(files.authority)));
    assert_true(keyfile_is_secret(span_text(files.server)));
    assert_true(keyfile_is_secret(span_text(files.secret)));
    assert_false(keyfile_is_secret(span_text("")));
    assert_false(keyfile_is_secret(span_text("# nothing\nhello\n")));
}

static void
test_parts_that_do_not_fit(void **state)
{
    struct fixture *f = *state;
    static struct files ours;
    static struct files theirs;
    struct identity identity;
    struct fixture stranger = *f;
    assert_int_equal(issue(f, &f->keys, ROLE_NODE, "n2", &stranger.node), STINT_OK);
    write_files(f, &ours);
    write_files(&stranger, &theirs);
    assert_int_equal(keyfile_read_identity(&f->keys.trust, span_text(ours.certificate),
                                           span_text(theirs.secret),
                                           span_text(ours.server), &identity, f->detail,
                                           sizeof f->detail),
                     STINT_BAD_CERTIFICATE);
    assert_non_null(strstr(f->detail, "not those of the certificate of node n1"));
    static const struct identity wiped;
    assert_memory_equal(&identity, &wiped, sizeof identity);
    assert_int_equal(keyfile_read_identity(&f->keys.trust, span_text(ours.certificate),
                                           span_text(ours.secret), span_of(NULL, 0),
                                           &identity, f->detail, sizeof f->detail),
                     STINT_BAD_CERTIFICATE);
    assert_non_null(strstr(f->detail, "server key"));
    assert_int_equal(keyfile_read_identity(&f->other.trust, span_text(ours.certificate),
                                           span_text(ours.secret),
                                           span_text(ours.server), &identity, f->detail,
                                           sizeof f->detail),
                     STINT_WRONG_CLUSTER);
    struct cluster_keys keys = f->other;
    keys.trust.cluster = f->keys.trust.cluster;
    assert_int_equal(keyfile_read_authority(span_text(ours.authority), &keys, f->detail,
                                            sizeof f->detail),
                     STINT_BAD_CERTIFICATE);
    assert_int_equal(
        keyfile_read_server(span_text(ours.server), &keys, f->detail, sizeof f->detail),
        STINT_BAD_CERTIFICATE);
}

static enum stint_status
read_cluster_text(struct fixture *f, const char *text)
{
    struct trust trust;
    f->detail[0] = '\0';
    return keyfile_read_cluster(span_text(text), &trust, f->detail, sizeof f->detail);
}

static void
test_strict_parser(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        enum stint_status status;
        const char *says;
    } cases[] = {
        { "", STINT_INVALID, "empty" },
        { "cluster = 00\n", STINT_INVALID, "line 1: a key file begins" },
        { "format = stint-certificate-1\n", STINT_INVALID, "line 1: this is no" },
        { "format = nonsense\n", STINT_INVALID, "line 1: this is no" },
        { "format = stint-cluster-2\n", STINT_BAD_VERSION, "format 2" },
        { "# x\n\nformat = stint-cluster-1\nhello\n", STINT_INVALID, "line 4: not of" },
        { "format = stint-cluster-1\nformat = stint-cluster-1\n", STINT_INVALID,
          "line 2: a second" },
        { "format = stint-cluster-1\ncolour = red\n", STINT_INVALID, "line 2: not a" },
        { "format = stint-cluster-1\ncluster = 00\ncluster = 00\n", STINT_INVALID,
          "line 3: cluster was given in line 2" },
        { "format = stint-cluster-1\ncluster = 00\nauthority = 00\n", STINT_INVALID,
          "server is missing" },
        { "format = stint-cluster-1\ncluster = zz\nauthority = 00\nserver = 00\n",
          STINT_INVALID, "line 2: cluster is not valid hex" },
        { "format = stint-cluster-1\ncluster = 000\nauthority = 00\nserver = 00\n",
          STINT_INVALID, "line 2: cluster is not valid hex" },
        { "format = stint-cluster-1\ncluster =\nauthority = 00\nserver = 00\n",
          STINT_INVALID, "line 2: cluster is not valid hex" },
        { "format = stint-cluster-1\ncluster = 0011\nauthority = 00\nserver = 00\n",
          STINT_INVALID, "line 2: cluster has 2 bytes in place of 16" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_cluster_text(f, cases[i].text), cases[i].status);
        assert_non_null(strstr(f->detail, cases[i].says));
    }
    static char large[KEYFILE_SIZE_MAX + 2];
    memset(large, '#', KEYFILE_SIZE_MAX + 1);
    assert_int_equal(read_cluster_text(f, large), STINT_INVALID);
}

/* Five bits of a Curve25519 secret are not used (RFC 7748, section 5): damage to them leaves the key what it was. */
static void
assert_same_curve_secret(const uint8_t a[CERT_KEY_SIZE], const uint8_t b[CERT_KEY_SIZE])
{
    uint8_t both[2][CERT_KEY_SIZE];
    memcpy(both[0], a, CERT_KEY_SIZE);
    memcpy(both[1], b, CERT_KEY_SIZE);
    for (int i = 0; i < 2; i++) {
        both[i][0] &= 0xf8;
        both[i][CERT_KEY_SIZE - 1] = (uint8_t)((both[i][CERT_KEY_SIZE - 1] & 0x7f) | 0x40);
    }
    assert_memory_equal(both[0], both[1], CERT_KEY_SIZE);
}

/* Random damage to each file: a clear refusal or, where it hit a comment, the same content. */
static void
test_damaged_files(void **state)
{
    struct fixture *f = *state;
    static struct files files;
    static char damaged[KEYFILE_SIZE_MAX + 1];
    char *const all[] = { files.cluster, files.authority, files.server,
                          files.certificate, files.secret };
    write_files(f, &files);
    for (int round = 0; round < 3000; round++) {
        size_t which = (size_t)prng_below(&f->random, 5);
        size_t size = text_copy(damaged, sizeof damaged, all[which]);
        for (uint64_t n = 1 + prng_below(&f->random, 3); n > 0; n--) {
            damaged[prng_below(&f->random, size)] =
                (char)(1 + prng_below(&f->random, 255));
        }
        struct stint_span texts[5];
        for (size_t i = 0; i < 5; i++) {
            texts[i] = span_text(i == which ? damaged : all[i]);
        }
        struct cluster_keys keys = { .trust = f->keys.trust };
        struct identity identity;
        f->detail[0] = '\0';
        enum stint_status status;
        if (which == 0) {
            status = keyfile_read_cluster(texts[0], &keys.trust, f->detail,
                                          sizeof f->detail);
        } else if (which == 1) {
            status =
                keyfile_read_authority(texts[1], &keys, f->detail, sizeof f->detail);
        } else {
            status = keyfile_read_identity(&keys.trust, texts[3], texts[4], texts[2],
                                           &identity, f->detail, sizeof f->detail);
        }
        if (status != STINT_OK) {
            assert_true(f->detail[0] != '\0');
        } else if (which > 1) {
            assert_same_curve_secret(identity.curve_secret, f->node.curve_secret);
        }
    }
}

static void
test_file_names(void **state)
{
    (void)state;
    char file[KEYFILE_NAME_SIZE];
    char name[CERT_NAME_SIZE];
    enum cert_role role;
    bool secret;
    keyfile_name(file, ROLE_OPERATOR, "ops-1.x", true);
    assert_string_equal(file, "operator-ops-1.x.key");
    assert_true(keyfile_name_parse(file, &role, name, &secret));
    assert_int_equal(role, ROLE_OPERATOR);
    assert_string_equal(name, "ops-1.x");
    assert_true(secret);
    assert_true(keyfile_name_parse("node-n1.cert", &role, name, &secret));
    assert_false(secret);
    char longest[CERT_NAME_SIZE];
    memset(longest, 'x', LIMIT_NAME);
    longest[LIMIT_NAME] = '\0';
    keyfile_name(file, ROLE_OBSERVER, longest, false);
    assert_true(keyfile_name_parse(file, &role, name, &secret));
    assert_string_equal(name, longest);
    static const char *const bad[] = { "cluster.pub",
                                       "authority.key",
                                       "server.key",
                                       "node-.key",
                                       "node-n1",
                                       "node-n1.pem",
                                       "none-n1.cert",
                                       "-n1.cert",
                                       "king-n1.key",
                                       "node-n 1.key",
                                       "",
                                       "node-" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(keyfile_name_parse(bad[i], &role, name, &secret));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issue_and_verify),
        cmocka_unit_test(test_time_and_revocation),
        cmocka_unit_test(test_forgeries),
        cmocka_unit_test(test_development_identities),
        cmocka_unit_test(test_roles_have_names),
        cmocka_unit_test(test_files_round_trip),
        cmocka_unit_test(test_parts_that_do_not_fit),
        cmocka_unit_test(test_strict_parser),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_file_names),
    };
    if (wire_init() != STINT_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, setup, NULL);
}
