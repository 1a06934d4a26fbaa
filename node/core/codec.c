/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec.h"

#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "base/ids.h"
#include "base/panic.h"

size_t
codec_write(const pb_msgdesc_t *type, const void *message, uint8_t *out, size_t size)
{
    pb_ostream_t stream = pb_ostream_from_buffer(out, size);
    STINT_ASSERT(pb_encode(&stream, type, message));
    return stream.bytes_written;
}

bool
codec_read(struct stint_span bytes, const pb_msgdesc_t *type, void *message)
{
    pb_istream_t stream = pb_istream_from_buffer(bytes.data, bytes.size);
    return pb_decode(&stream, type, message) && stream.bytes_left == 0;
}

bool
codec_id_is_zero(const uint8_t id[16])
{
    return id_is_zero(codec_id(id));
}

struct stint_id
codec_id(const uint8_t id[16])
{
    struct stint_id out;
    memcpy(out.bytes, id, sizeof out.bytes);
    return out;
}
