/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a key directory as texts, without the files: lines `name = value`, `#`
 * comments. Each begins with its format, so that one kind is never taken for another,
 * and one look tells whether a text is a secret.
 *
 *     cluster.pub      id, authority's and server's public keys; goes everywhere
 *     authority.key    secret: signs certificates; stays where keys are issued
 *     server.key       secret: the cluster's CURVE server key; on every node
 *     ROLE-NAME.cert   certificate
 *     ROLE-NAME.key    secret: the identity's two keys
 */
#ifndef STINT_WIRE_KEYFILE_H
#define STINT_WIRE_KEYFILE_H

#include <stdbool.h>

#include "wire/cert.h"

#define KEYFILE_SIZE_MAX 4096 /* no such file is larger */
#define KEYFILE_NAME_SIZE \
    (LIMIT_NAME + 24) /* "operator-NAME.cert" and the terminator */

#define KEYFILE_CLUSTER "cluster.pub"
#define KEYFILE_AUTHORITY "authority.key"
#define KEYFILE_SERVER "server.key"

/* Each writes a text, terminated, into `out` (KEYFILE_SIZE_MAX bytes) and returns its
 * length. */
size_t keyfile_write_cluster(char *out, const struct trust *trust);
size_t keyfile_write_authority(char *out, const struct cluster_keys *keys);
size_t keyfile_write_server(char *out, const struct cluster_keys *keys);
size_t keyfile_write_certificate(char *out, const struct identity *identity);
size_t keyfile_write_secret(char *out, const struct identity *identity);

/*
 * Each reads a text. STINT_INVALID: malformed, another kind of file, an unknown,
 * repeated or missing line; STINT_BAD_VERSION: a newer format; STINT_WRONG_CLUSTER: of
 * another cluster than `trust` or the keys. `detail` then has one line that names the
 * line of the file.
 */
STINT_MUST_USE enum stint_status keyfile_read_cluster(struct stint_span text,
                                                      struct trust *trust, char *detail,
                                                      size_t detail_size);

/* Fills the secret into keys whose trust is filled already; STINT_BAD_CERTIFICATE if
 * the secret is not that of the public key. */
STINT_MUST_USE enum stint_status keyfile_read_authority(struct stint_span text,
                                                        struct cluster_keys *keys,
                                                        char *detail,
                                                        size_t detail_size);
STINT_MUST_USE enum stint_status keyfile_read_server(struct stint_span text,
                                                     struct cluster_keys *keys,
                                                     char *detail, size_t detail_size);

/*
 * An identity from its files; `server_text` is empty for all but nodes. Statuses as
 * above and those of identity_assemble. `out` is wiped on failure.
 */
STINT_MUST_USE enum stint_status
keyfile_read_identity(const struct trust *trust, struct stint_span certificate_text,
                      struct stint_span secret_text, struct stint_span server_text,
                      struct identity *out, char *detail, size_t detail_size);

/* The certificate of a .cert file alone, unchecked, for lists. */
STINT_MUST_USE enum stint_status keyfile_read_certificate(struct stint_span text,
                                                          struct certificate *out,
                                                          char *detail,
                                                          size_t detail_size);

/* True if the text is one of the secret kinds: it must be 0600. */
bool keyfile_is_secret(struct stint_span text);

/* "node-n1.cert" or, with `secret`, "node-n1.key". Returns the length. */
size_t keyfile_name(char out[KEYFILE_NAME_SIZE], enum cert_role role, const char *name,
                    bool secret);

/* The other way round; false for a name that is none of an identity's. `name` holds
 * CERT_NAME_SIZE. */
bool keyfile_name_parse(const char *file, enum cert_role *role, char *name,
                        bool *secret);

#endif
