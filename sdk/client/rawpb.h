/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf as it stands on the wire, for messages whose type is known at run time only: a cursor
 * over fields, and the writing of them. Nothing here trusts its input.
 */
#ifndef STINT_CLIENT_RAWPB_H
#define STINT_CLIENT_RAWPB_H

#include "base/buf.h"

enum rawpb_wire {
    RAWPB_VARINT = 0,
    RAWPB_FIXED64 = 1,
    RAWPB_BYTES = 2,
    RAWPB_FIXED32 = 5,
};

struct rawpb_field {
    uint32_t tag;
    enum rawpb_wire wire;
    uint64_t number;         /* VARINT, FIXED64, FIXED32 */
    struct stint_span bytes; /* BYTES; borrowed from the input */
};

/* Takes the first field off `rest`. STINT_END_OF_SEQUENCE at the end, STINT_INVALID for what is
 * malformed: a length past the end, a tag of 0 or over 2^29 - 1, a number of more than 64 bits,
 * groups. */
STINT_MUST_USE enum stint_status rawpb_next(struct stint_span *rest, struct rawpb_field *field);

/* Takes one packed number of the given form off `rest`; false when it is malformed or nothing is
 * left. */
bool rawpb_packed(struct stint_span *rest, enum rawpb_wire wire, uint64_t *number);

/* Each appends; a full buffer is noticed by buf's `failed`. */
void rawpb_put_tag(struct buf *out, uint32_t tag, enum rawpb_wire wire);
void rawpb_put_varint(struct buf *out, uint64_t number);
void rawpb_put_number(struct buf *out, enum rawpb_wire wire, uint64_t number);
void rawpb_put_bytes(struct buf *out, uint32_t tag, struct stint_span bytes);

#endif
