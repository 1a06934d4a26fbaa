/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that holds an exported tasklet (ExportFile in proto/schema/pickle.proto): who wrote it
 * and when, the schema of its codes, the pickle, and the signature of the node. The kernel knows
 * nothing of keys: it marks what is signed.
 */
#ifndef STINT_KERNEL_PICKLE_FILE_H
#define STINT_KERNEL_PICKLE_FILE_H

#include "base/buf.h"
#include "schema/pickle.pb.h"

#define PICKLE_FILE_VERSION 1u
#define PICKLE_FILE_MAGIC "stint tasklet\n"

enum { PICKLE_FILE_CERTIFICATE_MAX = 1024, PICKLE_FILE_SIGNATURE_SIZE = 64 };

struct pickle_file {
    stint_ExportInfo info;
    struct stint_span schema;
    struct stint_span pickle;
    struct stint_span certificate;
    struct stint_span signature;    /* PICKLE_FILE_SIGNATURE_SIZE bytes */
    struct stint_span signed_bytes; /* what it is a signature of; set by reading */
};

/* Appends everything but the signature; sign all that was appended, then call pickle_file_sign().
 * STINT_LIMIT, STINT_NO_MEMORY: nothing was appended. */
STINT_MUST_USE enum stint_status pickle_file_write(struct buf *out, const struct pickle_file *file);

/* Appends the signature, which ends the file. */
STINT_MUST_USE enum stint_status
pickle_file_sign(struct buf *out, const uint8_t signature[PICKLE_FILE_SIGNATURE_SIZE]);

/* Takes a file apart; the spans borrow from it. STINT_BAD_PICKLE or STINT_BAD_VERSION with a
 * sentence. Neither signature nor pickle are checked here. */
STINT_MUST_USE enum stint_status
pickle_file_read(struct stint_span bytes, struct pickle_file *file, char *error, size_t error_size);

#endif
