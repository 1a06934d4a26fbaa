/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames of a session as bytes. All begin with kind (1), three zero bytes, and
 * the length of the frame (4). Those of the handshake go on with a message of
 * session.proto, the others with a header of fixed size:
 *
 *      8 tag of the session   16 number   24 next frame expected
 *     32 credit: last frame   40 credit: bytes   48 payload
 *
 * number: DATA its sequence number, from 1; NACK the frame that is missing; PING a
 * time, PONG the same.
 */
#ifndef STINT_WIRE_SESSION_FRAMES_H
#define STINT_WIRE_SESSION_FRAMES_H

#include "schema/session.pb.h"
#include "wire/session.h"

enum frame_kind {
    FRAME_HELLO = 1,
    FRAME_WELCOME = 2,
    FRAME_CONFIRM = 3,
    FRAME_RESET = 4,
    FRAME_DATA = 5, /* payload: a batch of envelopes */
    FRAME_ACK = 6,
    FRAME_NACK = 7,
    FRAME_PING = 8, /* payload: generation, view */
    FRAME_PONG = 9,
    FRAME_KIND_END_
};

enum {
    FRAME_PREFIX = 8,
    FRAME_GREETING_MAX =
        FRAME_PREFIX + stint_Welcome_size, /* the largest of the handshake */
    FRAME_VIEW_SIZE = 16,
    FRAME_SMALL_MAX = LIMIT_FRAME_HEADER + FRAME_VIEW_SIZE,
};

STINT_STATIC_ASSERT(FRAME_PREFIX + stint_Hello_size <= FRAME_GREETING_MAX,
                    "a HELLO is a greeting");
STINT_STATIC_ASSERT(FRAME_PREFIX + stint_Reset_size <= SESSION_REFUSAL_SIZE,
                    "a RESET is a refusal");

/* The header of the frames that need an open session. */
struct frame_header {
    uint64_t tag;
    uint64_t number;
    uint64_t next;
    uint64_t credit_frame;
    uint64_t credit_bytes;
};

/* The kind of a frame whose prefix is sound, else 0. */
uint8_t frame_kind(struct stint_span frame);

/* Writes prefix and header; `size` is that of the whole frame. */
void frame_put(uint8_t *out, enum frame_kind kind, size_t size,
               const struct frame_header *header);

/* Reads the header; false if the frame is too short for it. */
bool frame_get(struct stint_span frame, struct frame_header *header);

/* A frame with a message of session.proto, whose bound fits `size`. Returns its size. */
size_t frame_put_message(uint8_t *out, size_t size, enum frame_kind kind,
                         const pb_msgdesc_t *type, const void *message);

/* Reads the message of a frame into a zeroed structure; false if it is malformed. */
bool frame_get_message(struct stint_span frame, const pb_msgdesc_t *type,
                       void *message);

/* A RESET; `text` is cut to fit. Returns its size, at most SESSION_REFUSAL_SIZE. */
size_t frame_put_reset(uint8_t *out, size_t size, enum stint_status status,
                       const char *text);

/* Reads a RESET; what is not printable in its text becomes '?', an unknown status
 * REFUSED. False if it is malformed. */
bool frame_get_reset(struct stint_span frame, enum stint_status *status, char *text,
                     size_t text_size);

#endif
