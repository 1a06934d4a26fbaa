/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An envelope is what one room of a node sends to the same room of another: 64 bytes of
 * header, packed little-endian by hand, and a body. Frames of a session carry batches
 * of them, one behind the other.
 *
 *      0 kind   1 flags   2 hops   3 op
 *      4 length of the body, 24 bits   7 status
 *      8 number   16 epoch   24 word
 *     32 source   48 target   64 body
 *
 * What op, number, epoch, word and the low four flags mean belongs to the kind.
 */
#ifndef STINT_WIRE_ENVELOPE_H
#define STINT_WIRE_ENVELOPE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"
#include "stint/types.h"
#include "wire/limits.h"

enum envelope_kind {
    /* Protocol C. source: tasklet, target: channel, number: op_seq,
     * epoch: of the tasklet. */
    ENVELOPE_OFFER = 1, /* op: which; body: the value; word: hash of its type */
    ENVELOPE_DONE = 2,  /* source: channel, target: tasklet; status; body: the value */
    ENVELOPE_NACK = 3,  /* number: the last one that the host knows */
    ENVELOPE_CANCEL = 4,
    ENVELOPE_FIN = 5,
    /* Between nodes; body: a message of cluster.proto. */
    ENVELOPE_MOVE = 6,
    ENVELOPE_PARCEL = 7, /* a chunk of a pickle */
    ENVELOPE_LOCATE = 8,
    ENVELOPE_CONTROL = 9,
    ENVELOPE_PROBE = 10, /* "are you there", and the load */
    /* Clients, operators, and nodes on their behalf; body: messages of admin.proto. */
    ENVELOPE_REQUEST = 11, /* number: of the request */
    ENVELOPE_REPLY = 12,
    /* To the host of target, from anywhere. */
    ENVELOPE_CLOSE = 13, /* target: channel; op: whether to wake */
    ENVELOPE_KILL = 14,  /* target: tasklet; op: pending or not */
    ENVELOPE_KIND_END_
};

enum { ENVELOPE_FLAGS = 0x0f }; /* the others must be 0 */

struct envelope {
    uint8_t kind; /* enum envelope_kind */
    uint8_t flags;
    uint8_t hops; /* times it was passed on; at most LIMIT_HOPS */
    uint8_t op;
    uint8_t status; /* enum stint_status */
    uint64_t number;
    uint64_t epoch;
    uint64_t word;
    struct stint_id source;
    struct stint_id target;
};

/* Bytes that an envelope with such a body takes. */
size_t envelope_size(size_t body_size);

/* Writes the header (LIMIT_ENVELOPE_HEADER bytes) of a body of at most LIMIT_BODY
 * bytes. */
void envelope_put(uint8_t *out, const struct envelope *envelope, size_t body_size);

/* Appends header and body. STINT_LIMIT: the body or the buffer; STINT_NO_MEMORY. The
 * buffer is unchanged on failure. */
STINT_MUST_USE enum stint_status envelope_append(struct buf *out,
                                                 const struct envelope *envelope,
                                                 struct stint_span body);

/*
 * Takes the first envelope off `batch`; `body` points into it. STINT_END_OF_SEQUENCE
 * when nothing is left, STINT_BAD_FRAME for an unknown kind, reserved flags, too many
 * hops, or a length over the limit or the rest; then `batch` is as it was.
 */
STINT_MUST_USE enum stint_status envelope_next(struct stint_span *batch,
                                               struct envelope *envelope,
                                               struct stint_span *body);

/* True if the batch is a whole number of well-formed envelopes. */
bool envelope_batch_valid(struct stint_span batch);

/* "OFFER", or "?" for what is no kind. Static storage. */
const char *envelope_kind_name(uint8_t kind);

#endif
