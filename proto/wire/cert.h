/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is who. A cluster has an authority (an Ed25519 pair, kept offline) and one CURVE
 * pair that all its nodes serve with. The authority issues identities: a certificate
 * that binds a subject, its role and its two public keys, and the secrets to it. A
 * subject's id is a hash of cluster, role and name: a renewed certificate is the same
 * subject, and a node's id is its subject's id.
 *
 * Everything is deterministic: whoever makes keys brings the entropy. Structures with
 * secrets are wiped with identity_wipe and cluster_keys_wipe.
 */
#ifndef STINT_WIRE_CERT_H
#define STINT_WIRE_CERT_H

#include <stdbool.h>

#include "stint/types.h"
#include "wire/limits.h"

#define CERT_KEY_SIZE 32
#define CERT_SIGN_SECRET_SIZE 64
#define CERT_NAME_SIZE (LIMIT_NAME + 1)
#define CERT_CLOCK_SKEW_MS UINT64_C(300000) /* how early a certificate may be used */

enum cert_role {
    ROLE_NONE = 0,
    ROLE_NODE = 1,
    ROLE_CLIENT = 2,
    ROLE_OPERATOR = 3,
    ROLE_OBSERVER = 4,
    ROLE_END_
};

/* "node", "client", "operator", "observer"; "none" for anything else. Static storage.
 */
const char *cert_role_name(enum cert_role role);

/* ROLE_NONE for a text that names no role. */
enum cert_role cert_role_parse(const char *text);

/* What a certificate says. */
struct certificate {
    struct stint_id cluster;
    struct stint_id subject;
    enum cert_role role;
    char name[CERT_NAME_SIZE];
    uint8_t curve_public[CERT_KEY_SIZE];
    uint8_t sign_public[CERT_KEY_SIZE];
    uint64_t not_before_ms; /* wall clock */
    uint64_t not_after_ms;
    uint64_t serial;
};

/* What everybody may know of a cluster, and needs to know to talk with it: the content
 * of cluster.pub. */
struct trust {
    struct stint_id cluster;
    uint8_t authority_public[CERT_KEY_SIZE]; /* Ed25519: verifies certificates */
    uint8_t server_public[CERT_KEY_SIZE];    /* CURVE: the key of every node's listening
                                                socket */
};

/* All of a cluster: what `stint keys init` makes. */
struct cluster_keys {
    struct trust trust;
    uint8_t authority_secret[CERT_SIGN_SECRET_SIZE];
    uint8_t server_secret[CERT_KEY_SIZE];
};

/* One subject with its secrets: what a node or a program runs with. */
struct identity {
    struct trust trust;
    struct certificate certificate;
    uint8_t certificate_bytes[LIMIT_CERTIFICATE]; /* as it is sent */
    size_t certificate_size;
    uint8_t curve_public[CERT_KEY_SIZE];
    uint8_t curve_secret[CERT_KEY_SIZE];
    uint8_t sign_secret[CERT_SIGN_SECRET_SIZE];
    bool has_server_secret; /* nodes only */
    uint8_t server_secret[CERT_KEY_SIZE];
};

/* The id of a subject. */
struct stint_id cert_subject_id(struct stint_id cluster, enum cert_role role,
                                const char *name);

/* Makes a new cluster from 80 bytes of entropy. */
#define CLUSTER_KEYS_ENTROPY 80
void cluster_keys_make(struct cluster_keys *keys,
                       const uint8_t entropy[CLUSTER_KEYS_ENTROPY]);
void cluster_keys_wipe(struct cluster_keys *keys);

/* Puts a secret to its public key in keys->trust; false (nothing changed) if it is not
 * the one that belongs to it. */
bool cluster_keys_set_authority(struct cluster_keys *keys,
                                const uint8_t seed[CERT_KEY_SIZE]);
bool cluster_keys_set_server(struct cluster_keys *keys,
                             const uint8_t secret[CERT_KEY_SIZE]);

struct cert_request {
    enum cert_role role;
    const char *name;
    uint64_t not_before_ms;
    uint64_t not_after_ms;
};

/*
 * Issues an identity from 72 bytes of entropy (of them 8 for the serial). A node gets
 * the server's secret too. STINT_INVALID: role, name ([A-Za-z0-9._-]{1,63}) or times
 * make no sense; `out` is wiped then.
 */
#define CERT_ISSUE_ENTROPY 72
STINT_MUST_USE enum stint_status cert_issue(const struct cluster_keys *keys,
                                            const struct cert_request *request,
                                            const uint8_t entropy[CERT_ISSUE_ENTROPY],
                                            struct identity *out);

/* What certificates are checked against. */
struct cert_check {
    const struct trust *trust;
    uint64_t wall_ms;
    bool (*is_revoked)(void *arg, uint64_t serial); /* NULL: none is */
    void *arg;
};

/*
 * Reads a certificate and checks all of it. STINT_BAD_CERTIFICATE: malformed, or the
 * signature is not the authority's; STINT_WRONG_CLUSTER; STINT_EXPIRED (also: not valid
 * yet); STINT_REVOKED. `detail` then says in one line what is wrong with whose
 * certificate.
 */
STINT_MUST_USE enum stint_status cert_verify(struct stint_span bytes,
                                             const struct cert_check *check,
                                             struct certificate *out, char *detail,
                                             size_t detail_size);

/* Reads without any check of authority, for showing and for finding a session.
 * STINT_BAD_CERTIFICATE. */
STINT_MUST_USE enum stint_status cert_read(struct stint_span bytes,
                                           struct certificate *out);

/*
 * Puts an identity together from its parts, and checks that they belong together: the
 * certificate is the authority's and its keys are those of the secrets. Time and
 * revocation are not looked at. `server_secret` is NULL for all but nodes.
 * STINT_BAD_CERTIFICATE, STINT_WRONG_CLUSTER; `detail` says which part does not fit.
 */
STINT_MUST_USE enum stint_status identity_assemble(
    struct identity *out, const struct trust *trust, struct stint_span certificate,
    const uint8_t curve_secret[CERT_KEY_SIZE], const uint8_t sign_seed[CERT_KEY_SIZE],
    const uint8_t *server_secret, char *detail, size_t detail_size);
void identity_wipe(struct identity *identity);

/*
 * The development cluster that everybody has (--insecure): the same path with keys from
 * constants. The same role and name give the same identity in every process.
 * STINT_INVALID: role or name.
 */
STINT_MUST_USE enum stint_status
cert_dev_identity(enum cert_role role, const char *name, struct identity *out);
void cert_dev_trust(struct trust *trust);

#endif
