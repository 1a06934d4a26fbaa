/* SPDX-License-Identifier: Apache-2.0 */
/* Every message of the project's protos: found by name, filled, shown. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <pb_common.h>
#include <pb_decode.h>
#include <pb_encode.h>

#include "base/span.h"
#include "corpus.h"
#include "schema/admin.pb.h"
#include "schema/cluster.pb.h"
#include "schema/pickle.pb.h"
#include "schema/schema.pb.h"
#include "schema/session.pb.h"

#define CORPUS_MESSAGES(X)                                                                         \
    X(View)                                                                                        \
    X(StoreRequest)                                                                                \
    X(StoreReply) X(Probe) X(Locate) X(MoveMessage) X(MetaRow) X(MemberRow) X(NameRow) X(ClaimRow) \
        X(RevokedRow) X(Request) X(Reply) X(StatusInfo) X(NodeInfo) X(TaskletInfo) X(FrameInfo)    \
            X(ExplainInfo) X(MoveInfo) X(ChannelInfo) X(SpawnInfo) X(DrainInfo) X(PlanInfo)        \
                X(ModuleInfo) X(ValueInfo) X(EndInfo) X(KeyInfo) X(CertificateBody) X(Certificate) \
                    X(Hello) X(WelcomeBody) X(Welcome) X(Confirm) X(Reset) X(PickleHead)           \
                        X(PickleCode) X(PickleType) X(PickleFrame) X(PickleFault) X(PickleChannel) \
                            X(PickleRelation) X(PickleOutlet) X(PickleSend) X(ExportInfo)          \
                                X(TypeDef) X(FieldDef) X(CodeDef)

static const struct {
    const char *name;
    const pb_msgdesc_t *type;
    size_t size;
} messages[] = {
#define CORPUS_MESSAGE(name) { #name, stint_##name##_fields, sizeof(stint_##name) },
    CORPUS_MESSAGES(CORPUS_MESSAGE)
};

enum { MESSAGES = sizeof messages / sizeof messages[0] };

const char *
corpus_message_name(uint32_t index)
{
    return index < MESSAGES ? messages[index].name : NULL;
}

const pb_msgdesc_t *
corpus_message(const char *name)
{
    for (uint32_t i = 0; i < MESSAGES; i++) {
        if (strcmp(messages[i].name, name) == 0) {
            return messages[i].size <= CORPUS_MESSAGE_MAX ? messages[i].type : NULL;
        }
    }
    return NULL;
}

void
corpus_text(struct buf *out, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof text || !buf_append(out, text, (size_t)size)) {
        legs_fail("no room for the text of a file");
    }
}

/* ---- filling ---- */

static void
fill_one(const pb_field_iter_t *field, void *at, uint32_t which)
{
    uint64_t number = field->tag * 1000u + which;
    switch (PB_LTYPE(field->type)) {
    case PB_LTYPE_BOOL:
        *(bool *)at = true;
        break;
    case PB_LTYPE_STRING:
        snprintf(at, field->data_size, "t%u-%u", (unsigned)field->tag, which);
        break;
    case PB_LTYPE_BYTES: {
        pb_bytes_array_t *bytes = at;
        size_t room = field->data_size - offsetof(pb_bytes_array_t, bytes);
        bytes->size = (pb_size_t)(room < 16 ? room : 16);
        memset(bytes->bytes, (int)(field->tag + which), bytes->size);
        break;
    }
    case PB_LTYPE_FIXED_LENGTH_BYTES:
        memset(at, (int)(field->tag * 3 + which), field->data_size);
        break;
    case PB_LTYPE_SUBMESSAGE:
        corpus_fill(field->submsg_desc, at, 2);
        break;
    default:
        if (field->data_size == 8) {
            number += UINT64_C(0x1234567800000000);
            memcpy(at, &number, 8);
        } else {
            uint32_t small = (uint32_t)number;
            memcpy(at, &small, 4);
        }
    }
}

void
corpus_fill(const pb_msgdesc_t *type, void *message, uint32_t items)
{
    pb_field_iter_t field;
    if (!pb_field_iter_begin(&field, type, message)) {
        return;
    }
    do {
        uint32_t count = 1;
        if (PB_HTYPE(field.type) == PB_HTYPE_REPEATED) {
            count = items < field.array_size ? items : field.array_size;
            *(pb_size_t *)field.pSize = (pb_size_t)count;
        }
        for (uint32_t i = 0; i < count; i++) {
            fill_one(&field, (uint8_t *)field.pData + i * field.data_size, i);
        }
    } while (pb_field_iter_next(&field));
}

/* ---- encoding ---- */

void
corpus_encode(struct buf *out, const pb_msgdesc_t *type, const void *message)
{
    size_t size;
    if (!pb_get_encoded_size(&size, type, message)) {
        legs_fail("a message cannot be encoded");
    }
    uint8_t *to = buf_extend(out, size);
    pb_ostream_t stream = pb_ostream_from_buffer(to, size);
    if ((to == NULL && size > 0) || !pb_encode(&stream, type, message)) {
        legs_fail("a message cannot be encoded");
    }
}

bool
corpus_decode(struct stint_span bytes, const pb_msgdesc_t *type, void *message)
{
    pb_istream_t stream = pb_istream_from_buffer(bytes.data, bytes.size);
    memset(message, 0, CORPUS_MESSAGE_MAX);
    return pb_decode(&stream, type, message);
}

/* ---- showing ---- */

static void
show_hex(struct buf *out, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        corpus_text(out, "%02x", bytes[i]);
    }
    corpus_text(out, "\n");
}

static uint64_t
number_at(const pb_field_iter_t *field, const void *at)
{
    uint64_t large;
    uint32_t small;
    if (field->data_size == 8) {
        memcpy(&large, at, 8);
        return large;
    }
    memcpy(&small, at, 4);
    return PB_LTYPE(field->type) == PB_LTYPE_VARINT || PB_LTYPE(field->type) == PB_LTYPE_SVARINT
        ? (uint64_t)(int64_t)(int32_t)small
        : small;
}

/* Whether proto3 leaves it out. */
static bool
is_empty(const pb_field_iter_t *field, const void *at)
{
    switch (PB_LTYPE(field->type)) {
    case PB_LTYPE_BOOL:
        return !*(const bool *)at;
    case PB_LTYPE_STRING:
        return *(const char *)at == '\0';
    case PB_LTYPE_BYTES:
        return ((const pb_bytes_array_t *)at)->size == 0;
    case PB_LTYPE_FIXED_LENGTH_BYTES:
    case PB_LTYPE_SUBMESSAGE:
        return false;
    default:
        return number_at(field, at) == 0;
    }
}

static void
show_one(struct buf *out, const pb_field_iter_t *field, void *at, unsigned indent)
{
    corpus_text(out, "%*s%u", (int)indent, "", (unsigned)field->tag);
    switch (PB_LTYPE(field->type)) {
    case PB_LTYPE_BOOL:
        corpus_text(out, ": %d\n", *(bool *)at);
        break;
    case PB_LTYPE_STRING:
        corpus_text(out, ": \"%s\"\n", (const char *)at);
        break;
    case PB_LTYPE_BYTES:
        corpus_text(out, ": ");
        show_hex(out, ((pb_bytes_array_t *)at)->bytes, ((pb_bytes_array_t *)at)->size);
        break;
    case PB_LTYPE_FIXED_LENGTH_BYTES:
        corpus_text(out, ": ");
        show_hex(out, at, field->data_size);
        break;
    case PB_LTYPE_SUBMESSAGE:
        corpus_text(out, " {\n");
        corpus_dump(out, field->submsg_desc, at, indent + 2);
        corpus_text(out, "%*s}\n", (int)indent, "");
        break;
    case PB_LTYPE_VARINT:
    case PB_LTYPE_SVARINT:
        corpus_text(out, ": %lld\n", (long long)number_at(field, at));
        break;
    default:
        corpus_text(out, ": %llu\n", (unsigned long long)number_at(field, at));
    }
}

void
corpus_dump(struct buf *out, const pb_msgdesc_t *type, void *message, unsigned indent)
{
    pb_field_iter_t field;
    if (!pb_field_iter_begin(&field, type, message)) {
        return;
    }
    do {
        bool repeats = PB_HTYPE(field.type) == PB_HTYPE_REPEATED;
        uint32_t count = repeats ? *(pb_size_t *)field.pSize : 1;
        for (uint32_t i = 0; i < count; i++) {
            void *at = (uint8_t *)field.pData + i * field.data_size;
            if (repeats || !is_empty(&field, at)) {
                show_one(out, &field, at, indent);
            }
        }
    } while (pb_field_iter_next(&field));
}
