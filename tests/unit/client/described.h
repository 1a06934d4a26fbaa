/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of types for tests, written field by field as a node writes them. */
#ifndef STINT_TESTS_CLIENT_DESCRIBED_H
#define STINT_TESTS_CLIENT_DESCRIBED_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pb_encode.h>

#include "base/span.h"
#include "base/text.h"
#include "client/rawpb.h"
#include "schema/schema.pb.h"

#define KIND(name) stint_FieldKind_FIELD_KIND_##name
#define LABEL(name) stint_FieldLabel_FIELD_LABEL_##name

static inline void
described_put(struct buf *out, uint32_t tag, const pb_msgdesc_t *desc, const void *message)
{
    uint8_t bytes[512];
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    assert_true(pb_encode(&stream, desc, message));
    rawpb_put_bytes(out, tag, span_of(bytes, stream.bytes_written));
}

static inline void
described_begin(struct buf *out)
{
    rawpb_put_tag(out, 1, RAWPB_VARINT);
    rawpb_put_varint(out, 1);
}

static inline void
described_type(struct buf *out, const char *name, uint32_t fields)
{
    stint_TypeDef def = stint_TypeDef_init_zero;
    text_copy(def.name, sizeof def.name, name);
    def.hash = 7;
    def.fields = fields;
    described_put(out, 2, stint_TypeDef_fields, &def);
}

static inline void
described_field(struct buf *out, const char *name, uint32_t tag, stint_FieldKind kind,
                stint_FieldLabel label, uint32_t size, uint32_t count, uint32_t subtype,
                const char *oneof)
{
    stint_FieldDef def = stint_FieldDef_init_zero;
    text_copy(def.name, sizeof def.name, name);
    def.tag = tag;
    def.kind = kind;
    def.label = label;
    def.max_size = size;
    def.max_count = count;
    def.subtype = subtype;
    text_copy(def.oneof, sizeof def.oneof, oneof);
    described_put(out, 3, stint_FieldDef_fields, &def);
}

static inline void
described_code(struct buf *out, const char *module, const char *name, uint32_t locals)
{
    stint_CodeDef def = stint_CodeDef_init_zero;
    text_copy(def.module, sizeof def.module, module);
    text_copy(def.name, sizeof def.name, name);
    def.locals = locals;
    described_put(out, 4, stint_CodeDef_fields, &def);
}

static inline void
described_channel(struct buf *out)
{
    described_type(out, "stint.Channel", 2);
    described_field(out, "id", 1, KIND(FIXED_BYTES), LABEL(SINGULAR), 16, 0, 0, "");
    described_field(out, "slot", 15, KIND(UINT32), LABEL(SINGULAR), 0, 0, 0, "");
}

/* tally.Add {uint64 amount = 1; stint.Channel reply = 2} */
static inline void
described_add(struct buf *out)
{
    described_begin(out);
    described_type(out, "tally.Add", 2);
    described_field(out, "amount", 1, KIND(UINT64), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "reply", 2, KIND(MESSAGE), LABEL(SINGULAR), 0, 0, 2, "");
    described_channel(out);
}

/* A message with a field of each kind, and of each label. */
static inline void
described_all(struct buf *out)
{
    described_begin(out);
    described_type(out, "test.All", 30);
    described_field(out, "b", 1, KIND(BOOL), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "i32", 2, KIND(INT32), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "i64", 3, KIND(INT64), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "u32", 4, KIND(UINT32), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "u64", 5, KIND(UINT64), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "s32", 6, KIND(SINT32), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "s64", 7, KIND(SINT64), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "f32", 8, KIND(FIXED32), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "f64", 9, KIND(FIXED64), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "sf32", 10, KIND(SFIXED32), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "sf64", 11, KIND(SFIXED64), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "f", 12, KIND(FLOAT), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "d", 13, KIND(DOUBLE), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "e", 14, KIND(ENUM), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "s", 15, KIND(STRING), LABEL(SINGULAR), 8, 0, 0, "");
    described_field(out, "by", 16, KIND(BYTES), LABEL(SINGULAR), 4, 0, 0, "");
    described_field(out, "fb", 17, KIND(FIXED_BYTES), LABEL(SINGULAR), 3, 0, 0, "");
    described_field(out, "u8", 18, KIND(UINT32), LABEL(SINGULAR), 1, 0, 0, "");
    described_field(out, "i16", 19, KIND(SINT32), LABEL(SINGULAR), 2, 0, 0, "");
    described_field(out, "in", 20, KIND(MESSAGE), LABEL(SINGULAR), 0, 0, 2, "");
    described_field(out, "ch", 21, KIND(MESSAGE), LABEL(SINGULAR), 0, 0, 3, "");
    described_field(out, "ou32", 22, KIND(UINT32), LABEL(OPTIONAL), 0, 0, 0, "");
    described_field(out, "rep", 23, KIND(UINT32), LABEL(REPEATED), 0, 4, 0, "");
    described_field(out, "reps", 24, KIND(STRING), LABEL(REPEATED), 4, 2, 0, "");
    described_field(out, "repin", 25, KIND(MESSAGE), LABEL(REPEATED), 0, 3, 2, "");
    described_field(out, "repch", 26, KIND(MESSAGE), LABEL(REPEATED), 0, 3, 3, "");
    described_field(out, "fix", 27, KIND(UINT32), LABEL(FIXED_ARRAY), 0, 2, 0, "");
    described_field(out, "fixd", 28, KIND(DOUBLE), LABEL(FIXED_ARRAY), 0, 2, 0, "");
    described_field(out, "one", 29, KIND(UINT32), LABEL(ONEOF), 0, 0, 0, "choice");
    described_field(out, "two", 30, KIND(MESSAGE), LABEL(ONEOF), 0, 0, 2, "choice");
    described_type(out, "test.In", 2);
    described_field(out, "x", 1, KIND(UINT32), LABEL(SINGULAR), 0, 0, 0, "");
    described_field(out, "name", 2, KIND(STRING), LABEL(SINGULAR), 4, 0, 0, "");
    described_channel(out);
}

#endif
