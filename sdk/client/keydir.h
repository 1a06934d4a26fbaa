/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a key directory: read with the care that secrets need, written whole or not at all. */
#ifndef STINT_CLIENT_KEYDIR_H
#define STINT_CLIENT_KEYDIR_H

#include "wire/keyfile.h"

#define KEYDIR_PATH_SIZE 4352

/* A file's text. */
struct keydir_file {
    char path[KEYDIR_PATH_SIZE];
    uint8_t text[KEYFILE_SIZE_MAX];
    size_t size;
};

/*
 * Reads DIR/NAME. STINT_NOT_FOUND; STINT_NOT_AUTHORISED a secret that others than its owner can
 * read; STINT_INVALID no plain file, or too large; STINT_IO. `error` has one line. Wipe a secret
 * with keydir_wipe.
 */
STINT_MUST_USE enum stint_status keydir_read(struct keydir_file *file, const char *dir,
                                             const char *name, char *error, size_t error_size);
void keydir_wipe(struct keydir_file *file);

/* Writes a new file DIR/NAME with that mode and puts it on disk. STINT_EXISTS, STINT_IO: nothing is
 * left behind. */
STINT_MUST_USE enum stint_status keydir_write(const char *dir, const char *name, const char *text,
                                              size_t size, unsigned mode, char *error,
                                              size_t error_size);

bool keydir_has(const char *dir, const char *name);

/* Makes the directory (0700) unless it is there; its parent must be. */
STINT_MUST_USE enum stint_status keydir_make(const char *dir, char *error, size_t error_size);

/* Calls `visit` for each identity with a certificate, until it says false. STINT_NOT_FOUND,
 * STINT_IO. In no particular order. */
typedef bool keydir_visit(void *arg, enum cert_role role, const char *name, bool has_secret);
STINT_MUST_USE enum stint_status keydir_each(const char *dir, keydir_visit *visit, void *arg,
                                             char *error, size_t error_size);

/* Reads cluster.pub of a directory. */
STINT_MUST_USE enum stint_status keydir_read_trust(const char *dir, struct trust *trust,
                                                   char *error, size_t error_size);

#endif
