/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's identity from a key directory: the files whose texts wire/keyfile.h reads.
 * What is checked is the open file, and a secret that others can get at is refused.
 */
#ifndef STINT_HOST_KEYFILES_H
#define STINT_HOST_KEYFILES_H

#include "wire/cert.h"

/*
 * The identity node-NAME of a directory, with its secrets and the cluster's server key.
 * Whether it is expired is not looked at. On failure `out` is wiped and `error` has one
 * line that names the file: STINT_NOT_FOUND no such file or directory;
 * STINT_NOT_AUTHORISED a secret that others than its owner may access, or that belongs
 * to somebody else; STINT_INVALID the name, or not a key file; STINT_IO; and the
 * statuses of keyfile_read_identity.
 */
STINT_MUST_USE enum stint_status keyfiles_identity(const char *dir, const char *name,
                                                   struct identity *out, char *error,
                                                   size_t error_size);

#endif
