/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of protobuf in a buffer, one after the other: what pickles, schemas and exported files
 * are made of. Writing goes straight into the buffer; reading is strict, so that one content has
 * one form.
 */
#ifndef STINT_KERNEL_PICKLE_WIRE_H
#define STINT_KERNEL_PICKLE_WIRE_H

#include <pb.h>
#include <stdbool.h>

#include "base/buf.h"

struct stint_type;

enum {
    WIRE_MESSAGE_MAX = 1024 /* encoded bytes of a record that wire_read_message takes */
};

/*
 * Each appends a field `tag`. On failure false, and the buffer is failed (base/buf.h): the writer
 * looks once, at the end, and drops what it wrote. wire_put_message is for messages of the
 * project's own protos.
 */
bool wire_put_varint(struct buf *out, uint32_t tag, uint64_t value);
bool wire_put_fixed64(struct buf *out, uint32_t tag, uint64_t value);
bool wire_put_bytes(struct buf *out, uint32_t tag, struct stint_span bytes);
bool wire_put_message(struct buf *out, uint32_t tag, const pb_msgdesc_t *desc, const void *message);

/* Appends a value of a checked type as a length-delimited field; statuses as type_encode(), the
 * buffer as before on failure. */
STINT_MUST_USE enum stint_status
wire_put_value(struct buf *out, uint32_t tag, const struct stint_type *type, const void *value);

/*
 * A check sum over 8 bytes at a time: begins with the size, takes in each little-endian word (the
 * last one filled up with zeros) by h = hash_mix(h ^ word). Finds accidents, not enemies.
 */
uint64_t wire_check(struct stint_span bytes);

enum wire_form { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

struct wire_field {
    uint32_t tag;
    enum wire_form form;
    uint64_t number;         /* WIRE_VARINT, WIRE_FIXED64 */
    struct stint_span bytes; /* WIRE_BYTES: borrowed from the input */
    size_t start;            /* where the field begins in the input */
};

struct wire_reader {
    struct stint_span input;
    size_t at;
    bool failed; /* the input is malformed; every later read fails too */
};

void wire_reader_init(struct wire_reader *r, struct stint_span input);

/* The next field; false at the end and when the input is malformed (`failed`): numbers not in their
 * shortest form are, too. */
bool wire_read(struct wire_reader *r, struct wire_field *field);

/* True when all was read and nothing failed. */
bool wire_done(const struct wire_reader *r);

/*
 * Decodes a record into `message` (zeroed before). False unless `bytes` is exactly what
 * wire_put_message writes for it: an unknown field, a field twice, a wrong order or a number in a
 * longer form is refused.
 */
bool wire_read_message(
    struct stint_span bytes, const pb_msgdesc_t *desc, void *message, size_t message_size);

/* ---- records by table ----
 *
 * The records of a pickle are written and read so often that nanopb's walk over its descriptors
 * would be most of what a move costs. A table says the same of them: their fields in order of the
 * tags. What is written is what nanopb writes (test_pickle_wire.c); reading takes only that.
 */
enum wire_kind {
    WIRE_U32, /* uint32_t, enum */
    WIRE_U64,
    WIRE_S32, /* int32_t, zigzag */
    WIRE_BOOL,
    WIRE_HASH, /* uint64_t, 8 bytes */
    WIRE_ID,   /* 16 bytes, always there */
    WIRE_TEXT, /* char[size], terminated */
    WIRE_SOME  /* nanopb's bytes array */
};

struct wire_item {
    uint8_t tag;
    uint8_t kind; /* enum wire_kind */
    uint16_t offset;
    uint16_t size; /* of the member */
};

struct wire_record {
    const struct wire_item *items;
    uint32_t count;
    uint32_t size; /* of the struct */
};

#define WIRE_ITEM(type, kind, name, tag)                                                           \
    {                                                                                              \
        (tag), (kind), offsetof(type, name), sizeof(((type *)0)->name)                             \
    }

bool wire_put_record(
    struct buf *out, uint32_t tag, const struct wire_record *record, const void *message);

/* As wire_read_message(). */
bool wire_read_record(struct stint_span bytes, const struct wire_record *record, void *message);

#endif
