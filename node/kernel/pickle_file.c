/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/pickle_file.h"

#include "base/span.h"
#include "base/text.h"
#include "kernel/pickle.h"
#include "kernel/pickle_part.h"

enum {
    TAG_MAGIC = 1,
    TAG_VERSION = 2,
    TAG_INFO = 3,
    TAG_SCHEMA = 4,
    TAG_PICKLE = 5,
    TAG_CERTIFICATE = 6,
    TAG_SIGNATURE = 7,
    MAX_FILE = 2 * PICKLE_SIZE_MAX
};

static enum stint_status
outcome(struct buf *out, size_t before)
{
    if (!out->failed) {
        return STINT_OK;
    }
    out->size = before;
    out->failed = false;
    return STINT_NO_MEMORY;
}

enum stint_status
pickle_file_write(struct buf *out, const struct pickle_file *file)
{
    size_t before = out->size;
    size_t rest = out->maximum - before;
    if (file->schema.size + file->pickle.size + file->certificate.size + WIRE_MESSAGE_MAX > rest
        || file->certificate.size > PICKLE_FILE_CERTIFICATE_MAX) {
        return STINT_LIMIT;
    }
    (void)wire_put_bytes(out, TAG_MAGIC, span_text(PICKLE_FILE_MAGIC));
    (void)wire_put_varint(out, TAG_VERSION, PICKLE_FILE_VERSION);
    (void)wire_put_message(out, TAG_INFO, stint_ExportInfo_fields, &file->info);
    (void)wire_put_bytes(out, TAG_SCHEMA, file->schema);
    (void)wire_put_bytes(out, TAG_PICKLE, file->pickle);
    (void)wire_put_bytes(out, TAG_CERTIFICATE, file->certificate);
    return outcome(out, before);
}

enum stint_status
pickle_file_sign(struct buf *out, const uint8_t signature[PICKLE_FILE_SIGNATURE_SIZE])
{
    size_t before = out->size;
    if (out->maximum - before < PICKLE_FILE_SIGNATURE_SIZE + 2) {
        return STINT_LIMIT;
    }
    (void)wire_put_bytes(out, TAG_SIGNATURE, span_of(signature, PICKLE_FILE_SIGNATURE_SIZE));
    return outcome(out, before);
}

struct file_reader {
    struct wire_reader r;
    struct pickle_why why;
};

static bool
damaged(struct file_reader *f, const char *what)
{
    return pickle_refuse(&f->why, STINT_BAD_PICKLE, "the file is damaged: %s", what);
}

static bool
read_bytes(struct file_reader *f, uint32_t tag, struct stint_span *bytes, const char *what)
{
    struct wire_field field;
    if (!wire_read(&f->r, &field) || field.tag != tag || field.form != WIRE_BYTES) {
        return damaged(f, what);
    }
    *bytes = field.bytes;
    return true;
}

static bool
read_begin(struct file_reader *f)
{
    struct wire_field field;
    if (!wire_read(&f->r, &field) || field.tag != TAG_MAGIC || field.form != WIRE_BYTES
        || !span_equal(field.bytes, span_text(PICKLE_FILE_MAGIC))) {
        return pickle_refuse(&f->why, STINT_BAD_PICKLE, "this is no file of an exported tasklet");
    }
    if (!wire_read(&f->r, &field) || field.tag != TAG_VERSION || field.form != WIRE_VARINT) {
        return damaged(f, "it has no version");
    }
    if (field.number != PICKLE_FILE_VERSION) {
        return pickle_refuse(&f->why, STINT_BAD_VERSION,
            "the file has version %llu; this program reads version %u",
            (unsigned long long)field.number, PICKLE_FILE_VERSION);
    }
    return true;
}

static bool
read_all(struct file_reader *f, struct stint_span bytes, struct pickle_file *file)
{
    struct stint_span info;
    if (bytes.size > MAX_FILE) {
        return pickle_refuse(&f->why, STINT_BAD_PICKLE,
            "the file has %zu bytes, more than any exported tasklet", bytes.size);
    }
    if (!read_begin(f) || !read_bytes(f, TAG_INFO, &info, "it does not say who wrote it")) {
        return false;
    }
    if (!wire_read_message(info, stint_ExportInfo_fields, &file->info, sizeof(file->info))) {
        return damaged(f, "what it says of who wrote it is malformed");
    }
    if (!read_bytes(f, TAG_SCHEMA, &file->schema, "it has no schema")
        || !read_bytes(f, TAG_PICKLE, &file->pickle, "it has no pickle")
        || !read_bytes(f, TAG_CERTIFICATE, &file->certificate, "it has no certificate")) {
        return false;
    }
    file->signed_bytes = span_of(bytes.data, f->r.at);
    if (!read_bytes(f, TAG_SIGNATURE, &file->signature, "it has no signature")) {
        return false;
    }
    if (file->signature.size != PICKLE_FILE_SIGNATURE_SIZE
        || file->certificate.size > PICKLE_FILE_CERTIFICATE_MAX || !wire_done(&f->r)) {
        return damaged(
            f, "its signature or certificate has the wrong length, or something follows");
    }
    return true;
}

enum stint_status
pickle_file_read(struct stint_span bytes, struct pickle_file *file, char *error, size_t error_size)
{
    struct file_reader f;
    wire_reader_init(&f.r, bytes);
    *file = (struct pickle_file){ .schema = { NULL, 0 } };
    if (!read_all(&f, bytes, file)) {
        text_copy(error, error_size, f.why.text);
        return f.why.status;
    }
    return STINT_OK;
}
