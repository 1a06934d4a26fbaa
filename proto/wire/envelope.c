/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/envelope.h"

#include "base/panic.h"

enum {
    AT_KIND = 0,
    AT_FLAGS = 1,
    AT_HOPS = 2,
    AT_OP = 3,
    AT_LENGTH = 4,
    AT_NUMBER = 8,
    AT_EPOCH = 16,
    AT_WORD = 24,
    AT_SOURCE = 32,
    AT_TARGET = 48,
};

STINT_STATIC_ASSERT(AT_TARGET + sizeof(struct stint_id) == LIMIT_ENVELOPE_HEADER,
                    "the header ends with the target");

size_t
envelope_size(size_t body_size)
{
    return LIMIT_ENVELOPE_HEADER + body_size;
}

void
envelope_put(uint8_t *out, const struct envelope *envelope, size_t body_size)
{
    STINT_ASSERT(body_size <= LIMIT_BODY);
    STINT_ASSERT(envelope->kind != 0 && envelope->kind < ENVELOPE_KIND_END_);
    STINT_ASSERT((envelope->flags & ~ENVELOPE_FLAGS) == 0);
    STINT_ASSERT(envelope->hops <= LIMIT_HOPS);
    out[AT_KIND] = envelope->kind;
    out[AT_FLAGS] = envelope->flags;
    out[AT_HOPS] = envelope->hops;
    out[AT_OP] = envelope->op;
    le32_put(out + AT_LENGTH, (uint32_t)body_size | (uint32_t)envelope->status << 24);
    le64_put(out + AT_NUMBER, envelope->number);
    le64_put(out + AT_EPOCH, envelope->epoch);
    le64_put(out + AT_WORD, envelope->word);
    memcpy(out + AT_SOURCE, envelope->source.bytes, sizeof envelope->source.bytes);
    memcpy(out + AT_TARGET, envelope->target.bytes, sizeof envelope->target.bytes);
}

enum stint_status
envelope_append(struct buf *out, const struct envelope *envelope,
                struct stint_span body)
{
    if (body.size > LIMIT_BODY) {
        return STINT_LIMIT;
    }
    enum stint_status status = buf_reserve(out, envelope_size(body.size));
    if (status != STINT_OK) {
        return status;
    }
    uint8_t *place = buf_extend(out, envelope_size(body.size));
    STINT_ASSERT(place != NULL);
    envelope_put(place, envelope, body.size);
    bytes_copy(place + LIMIT_ENVELOPE_HEADER, body.data, body.size);
    return STINT_OK;
}

/* The size of the envelope at the front of `batch`, 0 if it is malformed. */
static size_t
envelope_check(struct stint_span batch)
{
    if (batch.size < LIMIT_ENVELOPE_HEADER) {
        return 0;
    }
    const uint8_t *p = batch.data;
    size_t length = le32_get(p + AT_LENGTH) & 0xffffff;
    bool known = p[AT_KIND] != 0 && p[AT_KIND] < ENVELOPE_KIND_END_;
    if (!known || (p[AT_FLAGS] & ~ENVELOPE_FLAGS) != 0 || p[AT_HOPS] > LIMIT_HOPS) {
        return 0;
    }
    if (length > LIMIT_BODY || length > batch.size - LIMIT_ENVELOPE_HEADER) {
        return 0;
    }
    return envelope_size(length);
}

enum stint_status
envelope_next(struct stint_span *batch, struct envelope *envelope,
              struct stint_span *body)
{
    if (batch->size == 0) {
        return STINT_END_OF_SEQUENCE;
    }
    size_t size = envelope_check(*batch);
    if (size == 0) {
        return STINT_BAD_FRAME;
    }
    const uint8_t *p = batch->data;
    envelope->kind = p[AT_KIND];
    envelope->flags = p[AT_FLAGS];
    envelope->hops = p[AT_HOPS];
    envelope->op = p[AT_OP];
    envelope->status = p[AT_LENGTH + 3];
    envelope->number = le64_get(p + AT_NUMBER);
    envelope->epoch = le64_get(p + AT_EPOCH);
    envelope->word = le64_get(p + AT_WORD);
    memcpy(envelope->source.bytes, p + AT_SOURCE, sizeof envelope->source.bytes);
    memcpy(envelope->target.bytes, p + AT_TARGET, sizeof envelope->target.bytes);
    *body = span_of(p + LIMIT_ENVELOPE_HEADER, size - LIMIT_ENVELOPE_HEADER);
    *batch = span_of(p + size, batch->size - size);
    return STINT_OK;
}

bool
envelope_batch_valid(struct stint_span batch)
{
    while (batch.size != 0) {
        size_t size = envelope_check(batch);
        if (size == 0) {
            return false;
        }
        batch = span_of(batch.data + size, batch.size - size);
    }
    return true;
}

const char *
envelope_kind_name(uint8_t kind)
{
    static const char *const names[] = {
        [ENVELOPE_OFFER] = "OFFER",     [ENVELOPE_DONE] = "DONE",
        [ENVELOPE_NACK] = "NACK",       [ENVELOPE_CANCEL] = "CANCEL",
        [ENVELOPE_FIN] = "FIN",         [ENVELOPE_MOVE] = "MOVE",
        [ENVELOPE_PARCEL] = "PARCEL",   [ENVELOPE_LOCATE] = "LOCATE",
        [ENVELOPE_CONTROL] = "CONTROL", [ENVELOPE_PROBE] = "PROBE",
        [ENVELOPE_REQUEST] = "REQUEST", [ENVELOPE_REPLY] = "REPLY",
        [ENVELOPE_CLOSE] = "CLOSE",     [ENVELOPE_KILL] = "KILL",
    };
    STINT_STATIC_ASSERT(sizeof names / sizeof names[0] == ENVELOPE_KIND_END_,
                        "every kind has a name");
    return kind != 0 && kind < ENVELOPE_KIND_END_ ? names[kind] : "?";
}
