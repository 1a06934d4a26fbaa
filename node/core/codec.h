/* SPDX-License-Identifier: Apache-2.0 */
/* nanopb messages of the node's own protocols: whole in, whole out. */
#ifndef STINT_CORE_CODEC_H
#define STINT_CORE_CODEC_H

#include <stdbool.h>

#include <pb.h>

#include "base/buf.h"
#include "stint/types.h"

/* Encodes into `out`; the size is enough by construction (X_size), so failure is a programmer's error. Returns the size. */
size_t codec_write(const pb_msgdesc_t *type, const void *message, uint8_t *out, size_t size);


/* Decodes exactly these bytes; false for anything malformed, too large for its bound, or followed by more. */
bool codec_read(struct stint_span bytes, const pb_msgdesc_t *type, void *message);

bool codec_id_is_zero(const uint8_t id[16]);
struct stint_id codec_id(const uint8_t id[16]);

#endif
