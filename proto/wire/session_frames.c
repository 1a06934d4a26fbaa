/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/session_frames.h"

#include <pb_decode.h>
#include <pb_encode.h>

#include "base/panic.h"
#include "base/text.h"

enum {
    AT_KIND = 0,
    AT_LENGTH = 4,
    AT_TAG = 8,
    AT_NUMBER = 16,
    AT_NEXT = 24,
    AT_CREDIT_FRAME = 32,
    AT_CREDIT_BYTES = 40,
};

STINT_STATIC_ASSERT(AT_CREDIT_BYTES + 8 == LIMIT_FRAME_HEADER, "the header ends there");

static void
frame_put_prefix(uint8_t *out, enum frame_kind kind, size_t size)
{
    STINT_ASSERT(size <= LIMIT_FRAME);
    le32_put(out, (uint32_t)kind);
    le32_put(out + AT_LENGTH, (uint32_t)size);
}

uint8_t
frame_kind(struct stint_span frame)
{
    if (frame.size < FRAME_PREFIX || frame.size > LIMIT_FRAME) {
        return 0;
    }
    uint32_t kind = le32_get(frame.data + AT_KIND);
    if (kind >= FRAME_KIND_END_ || le32_get(frame.data + AT_LENGTH) != frame.size) {
        return 0;
    }
    return (uint8_t)kind;
}

void
frame_put(uint8_t *out, enum frame_kind kind, size_t size,
          const struct frame_header *header)
{
    STINT_ASSERT(size >= LIMIT_FRAME_HEADER);
    frame_put_prefix(out, kind, size);
    le64_put(out + AT_TAG, header->tag);
    le64_put(out + AT_NUMBER, header->number);
    le64_put(out + AT_NEXT, header->next);
    le64_put(out + AT_CREDIT_FRAME, header->credit_frame);
    le64_put(out + AT_CREDIT_BYTES, header->credit_bytes);
}

bool
frame_get(struct stint_span frame, struct frame_header *header)
{
    if (frame.size < LIMIT_FRAME_HEADER) {
        return false;
    }
    header->tag = le64_get(frame.data + AT_TAG);
    header->number = le64_get(frame.data + AT_NUMBER);
    header->next = le64_get(frame.data + AT_NEXT);
    header->credit_frame = le64_get(frame.data + AT_CREDIT_FRAME);
    header->credit_bytes = le64_get(frame.data + AT_CREDIT_BYTES);
    return true;
}

size_t
frame_put_message(uint8_t *out, size_t size, enum frame_kind kind,
                  const pb_msgdesc_t *type, const void *message)
{
    STINT_ASSERT(size > FRAME_PREFIX);
    pb_ostream_t stream =
        pb_ostream_from_buffer(out + FRAME_PREFIX, size - FRAME_PREFIX);
    bool encoded = pb_encode(&stream, type, message);
    STINT_ASSERT(encoded);
    frame_put_prefix(out, kind, FRAME_PREFIX + stream.bytes_written);
    return FRAME_PREFIX + stream.bytes_written;
}

bool
frame_get_message(struct stint_span frame, const pb_msgdesc_t *type, void *message)
{
    STINT_ASSERT(frame.size >= FRAME_PREFIX);
    pb_istream_t stream =
        pb_istream_from_buffer(frame.data + FRAME_PREFIX, frame.size - FRAME_PREFIX);
    return pb_decode(&stream, type, message);
}

size_t
frame_put_reset(uint8_t *out, size_t size, enum stint_status status, const char *text)
{
    stint_Reset reset = stint_Reset_init_zero;
    reset.status = (uint32_t)status;
    text_copy(reset.text, sizeof reset.text, text);
    return frame_put_message(out, size, FRAME_RESET, stint_Reset_fields, &reset);
}

bool
frame_get_reset(struct stint_span frame, enum stint_status *status, char *text,
                size_t text_size)
{
    stint_Reset reset = stint_Reset_init_zero;
    if (!frame_get_message(frame, stint_Reset_fields, &reset)) {
        return false;
    }
    *status = reset.status < STINT_STATUS_COUNT_ ? (enum stint_status)reset.status
                                                 : STINT_REFUSED;
    text_copy(text, text_size, reset.text);
    for (char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~') {
            *c = '?';
        }
    }
    return true;
}
