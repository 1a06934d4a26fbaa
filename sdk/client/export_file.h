/* SPDX-License-Identifier: Apache-2.0 */
/* Files that hold an exported tasklet (proto/schema/pickle.proto): written whole or not at all,
 * read without trust. */
#ifndef STINT_CLIENT_EXPORT_FILE_H
#define STINT_CLIENT_EXPORT_FILE_H

#include "base/buf.h"

enum { EXPORT_PATH_SIZE = 4352 };

/* A file that is being written, under the name PATH.part. */
struct export_out {
    int fd;
    char path[EXPORT_PATH_SIZE];
    char part[EXPORT_PATH_SIZE];
};

/* Makes PATH.part (0600), with room on disk for `reserve` bytes. STINT_EXISTS it or PATH is there;
 * STINT_NOT_FOUND, STINT_NOT_AUTHORISED, STINT_IO. On failure nothing is left behind. */
STINT_MUST_USE enum stint_status export_out_open(struct export_out *out, const char *path,
                                                 size_t reserve, char *error, size_t error_size);
STINT_MUST_USE enum stint_status export_out_write(struct export_out *out, struct stint_span bytes,
                                                  char *error, size_t error_size);

/* Puts it on disk, gives back what was reserved too much, and gives it its name; on failure PATH.part stays. */
STINT_MUST_USE enum stint_status export_out_finish(struct export_out *out, char *error,
                                                   size_t error_size);

/* Ends writing; PATH.part stays, or goes. */
void export_out_keep(struct export_out *out);
void export_out_drop(struct export_out *out);

/* All of a file that begins as such a file does. STINT_NOT_FOUND, STINT_IO, STINT_BAD_PICKLE,
 * STINT_LIMIT, STINT_NO_MEMORY. */
STINT_MUST_USE enum stint_status export_file_read(const char *path, struct buf *out, char *error,
                                                  size_t error_size);

#endif
