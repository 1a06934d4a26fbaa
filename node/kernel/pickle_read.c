/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the records of a pickle, for loading and for those who only look. */
#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "kernel/pickle_part.h"

enum { HEAD_VERSION = 1 };

bool
pickle_refuse(struct pickle_why *why, enum stint_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_format_list(why->text, sizeof(why->text), format, args);
    va_end(args);
    /* Names out of a pickle may be anything; the sentence goes to logs and terminals. */
    for (char *c = why->text; *c != '\0'; c++) {
        *c = *c >= ' ' && *c <= '~' ? *c : '?';
    }
    why->status = status;
    return false;
}

static const char *
record_name(enum pickle_tag tag)
{
    switch (tag) {
    case PICKLE_HEAD:
        return "head";
    case PICKLE_CODE:
        return "code";
    case PICKLE_TYPE:
        return "type";
    case PICKLE_FRAME:
        return "frame";
    case PICKLE_CONTENT:
        return "content";
    case PICKLE_FAULT:
        return "fault";
    case PICKLE_CHANNEL:
        return "channel";
    case PICKLE_RELATION:
        return "relation";
    case PICKLE_OUTLET:
        return "outlet";
    case PICKLE_SEND:
        return "send";
    case PICKLE_CHECK:
        break;
    }
    return "check";
}

static bool
next_bytes(struct pickle_cursor *c, enum pickle_tag tag, struct stint_span *bytes)
{
    struct wire_field field;
    size_t at = c->reader.at;
    if (!wire_read(&c->reader, &field) || field.tag != (uint32_t)tag || field.form != WIRE_BYTES) {
        return pickle_refuse(c->why, STINT_BAD_PICKLE,
            "the pickle is damaged: no %s record at byte %zu", record_name(tag), at);
    }
    *bytes = field.bytes;
    return true;
}

bool
pickle_record(
    struct pickle_cursor *c, enum pickle_tag tag, const struct wire_record *record, void *message)
{
    struct stint_span bytes;
    size_t at = c->reader.at;
    if (!next_bytes(c, tag, &bytes)) {
        return false;
    }
    if (!wire_read_record(bytes, record, message)) {
        return pickle_refuse(c->why, STINT_BAD_PICKLE,
            "the pickle is damaged: malformed %s record at byte %zu", record_name(tag), at);
    }
    return true;
}

bool
pickle_content(struct pickle_cursor *c, struct stint_span *bytes)
{
    return next_bytes(c, PICKLE_CONTENT, bytes);
}

/* The check sum over all but itself; it ends the pickle. */
static bool
check_sum(struct stint_span *pickle, struct pickle_why *why)
{
    if (pickle->size < PICKLE_CHECK_SIZE) {
        return pickle_refuse(
            why, STINT_BAD_PICKLE, "the pickle is damaged: %zu bytes are too few", pickle->size);
    }
    size_t size = pickle->size - PICKLE_CHECK_SIZE;
    const uint8_t *check = pickle->data + size;
    if (check[0] != (PICKLE_CHECK << 3 | WIRE_FIXED64)
        || le64_get(check + 1) != wire_check(span_of(pickle->data, size))) {
        return pickle_refuse(
            why, STINT_BAD_PICKLE, "the pickle is damaged: its check sum is wrong");
    }
    pickle->size = size;
    return true;
}

/* The version is read alone: the rest of another version's head may look otherwise. */
static bool
check_version(struct stint_span head, struct pickle_why *why)
{
    struct wire_reader r;
    struct wire_field field;
    wire_reader_init(&r, head);
    if (!wire_read(&r, &field) || field.tag != HEAD_VERSION || field.form != WIRE_VARINT) {
        return pickle_refuse(why, STINT_BAD_PICKLE, "the pickle is damaged: it has no version");
    }
    if (field.number != PICKLE_VERSION) {
        return pickle_refuse(why, STINT_BAD_VERSION,
            "the pickle has version %llu; this node reads version %u",
            (unsigned long long)field.number, PICKLE_VERSION);
    }
    return true;
}

bool
pickle_open(struct pickle_cursor *body, struct stint_span pickle, size_t limit, bool whole,
    stint_PickleHead *head, struct pickle_why *why)
{
    struct stint_span bytes;
    if (pickle.size > limit) {
        return pickle_refuse(why, STINT_LIMIT,
            "the pickle has %zu bytes; at most %zu are taken here", pickle.size, limit);
    }
    if (whole && !check_sum(&pickle, why)) {
        return false;
    }
    body->why = why;
    wire_reader_init(&body->reader, pickle);
    if (!next_bytes(body, PICKLE_HEAD, &bytes) || !check_version(bytes, why)) {
        return false;
    }
    wire_reader_init(&body->reader, pickle);
    return PICKLE_RECORD(body, PICKLE_HEAD, PickleHead, head);
}

/* ---- without a kernel ---- */

static bool
skip_to_frames(struct pickle_reader *r, struct pickle_cursor *c)
{
    stint_PickleCode code;
    stint_PickleType type;
    if (r->head.codes > PICKLE_CODES_MAX || r->head.types > PICKLE_TYPES_MAX
        || r->head.frames > KERNEL_FRAMES_MAX) {
        return pickle_refuse(
            c->why, STINT_BAD_PICKLE, "the pickle is damaged: its head counts too much");
    }
    for (uint32_t i = 0; i < r->head.codes; i++) {
        if (!PICKLE_RECORD(c, PICKLE_CODE, PickleCode, &code)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < r->head.types; i++) {
        if (!PICKLE_RECORD(c, PICKLE_TYPE, PickleType, &type)) {
            return false;
        }
    }
    return true;
}

enum stint_status
pickle_read_begin(struct pickle_reader *r, struct stint_span pickle, char *error, size_t error_size)
{
    struct pickle_why why;
    struct pickle_cursor c;
    *r = (struct pickle_reader){ .input = pickle };
    if (!pickle_open(&c, pickle, PICKLE_SIZE_MAX, true, &r->head, &why)) {
        text_copy(error, error_size, why.text);
        return why.status;
    }
    r->codes_at = c.reader.at;
    if (!skip_to_frames(r, &c)) {
        text_copy(error, error_size, why.text);
        return why.status;
    }
    r->input = c.reader.input;
    r->at = c.reader.at;
    return STINT_OK;
}

/* Code records are few and small, so they are looked for anew each time; nothing has to be kept. */
static bool
find_code(
    const struct pickle_reader *r, uint32_t index, stint_PickleCode *code, struct pickle_why *why)
{
    struct pickle_cursor c = { .why = why };
    wire_reader_init(&c.reader, r->input);
    c.reader.at = r->codes_at;
    if (index >= r->head.codes) {
        return pickle_refuse(
            why, STINT_BAD_PICKLE, "the pickle is damaged: a frame without a code");
    }
    for (uint32_t i = 0; i <= index; i++) {
        if (!PICKLE_RECORD(&c, PICKLE_CODE, PickleCode, code)) {
            return false;
        }
    }
    return true;
}

enum stint_status
pickle_read_frame(struct pickle_reader *r, struct pickle_frame_view *view)
{
    struct pickle_why why;
    struct pickle_cursor c = { .why = &why };
    if (r->next >= r->head.frames) {
        return STINT_END_OF_SEQUENCE;
    }
    wire_reader_init(&c.reader, r->input);
    c.reader.at = r->at;
    if (!PICKLE_RECORD(&c, PICKLE_FRAME, PickleFrame, &view->frame)
        || !pickle_content(&c, &view->locals)
        || !find_code(r, view->frame.code, &view->code, &why)) {
        return why.status;
    }
    r->at = c.reader.at;
    r->next++;
    return STINT_OK;
}
