/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key directory on disk: the files whose texts wire/keyfile.h reads and writes. Nodes, clients
 * and the tool that issues keys all come through here, so that a secret which others can read is
 * refused everywhere, and one is never written any other way than 0600.
 *
 * Every failure leaves one line in `error` that names the file.
 */
#ifndef STINT_LINK_KEYDIR_H
#define STINT_LINK_KEYDIR_H

#include <stdbool.h>

#include "wire/cert.h"
#include "wire/keyfile.h"

enum { KEYDIR_IDENTITIES_MAX = 4096 };

/*
 * The cluster's public part. STINT_NOT_FOUND no such file or directory; STINT_IO; and the statuses
 * of keyfile_read_cluster.
 */
STINT_MUST_USE enum stint_status keydir_trust(const char *dir, struct trust *trust, char *error,
                                              size_t error_size);

/*
 * An identity with its secrets (a node's with the server's). STINT_NOT_AUTHORISED: a secret that
 * others than its owner may read, or that belongs to somebody else; otherwise as above and
 * keyfile_read_identity. `out` is wiped on failure. Whether it is expired is not looked at.
 */
STINT_MUST_USE enum stint_status keydir_identity(const char *dir, enum cert_role role,
                                                 const char *name, struct identity *out,
                                                 char *error, size_t error_size);

/* All of the cluster, for issuing: needs authority.key and server.key. Statuses as above. */
STINT_MUST_USE enum stint_status keydir_cluster(const char *dir, struct cluster_keys *out,
                                                char *error, size_t error_size);

/*
 * Writes a new file, 0600 if its text is a secret, else 0644; it is complete and on disk, or not
 * there. STINT_EXISTS: there is one of that name, which is left alone; STINT_NOT_FOUND: no such
 * directory; STINT_NOT_AUTHORISED; STINT_IO.
 */
STINT_MUST_USE enum stint_status keydir_write(const char *dir, const char *file, const char *text,
                                              char *error, size_t error_size);

/* One issued identity: a certificate file, and whether its secret lies beside it. */
struct keydir_entry {
    enum cert_role role;
    char name[CERT_NAME_SIZE];
    bool has_secret;
};

/*
 * Lists the identities in the order of role and name. `each` answers false to stop early.
 * STINT_NOT_FOUND, STINT_NOT_AUTHORISED, STINT_LIMIT (more than KEYDIR_IDENTITIES_MAX), STINT_IO, STINT_NO_MEMORY.
 */
STINT_MUST_USE enum stint_status keydir_list(const char *dir,
                                             bool (*each)(void *arg,
                                                          const struct keydir_entry *entry),
                                             void *arg, char *error, size_t error_size);

#endif
