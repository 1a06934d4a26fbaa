/* SPDX-License-Identifier: Apache-2.0 */
/* A file of the corpus as text, and what the present code checks on the way. */
#include <stdio.h>
#include <string.h>

#include "base/span.h"
#include "corpus.h"
#include "kernel/pickle_file.h"
#include "kernel/pickle_wire.h"
#include "schema/cluster.pb.h"
#include "schema/session.pb.h"
#include "wire/cert.h"
#include "wire/envelope.h"
#include "wire/keyfile.h"
#include "wire/parcel.h"
#include "wire/seal.h"
#include "wire/session_frames.h"

static uint64_t scratch[CORPUS_MESSAGE_MAX / 8];

static void
show_bytes(struct buf *out, const char *name, struct stint_span bytes)
{
    corpus_text(out, "%s: ", name);
    for (size_t i = 0; i < bytes.size; i++) {
        corpus_text(out, "%02x", bytes.data[i]);
    }
    corpus_text(out, "\n");
}

/* Long ones by their size and sum. */
static void
show_body(struct buf *out, const char *name, struct stint_span bytes)
{
    unsigned long long sum = 0;
    if (bytes.size <= 1000) {
        show_bytes(out, name, bytes);
        return;
    }
    for (size_t i = 0; i < bytes.size; i++) {
        sum = sum * 31 + bytes.data[i];
    }
    corpus_text(out, "%s: %zu bytes, sum %016llx\n", name, bytes.size, sum);
}

/* A message, and that its encoding is what it was read from. */
static bool
show_message(struct buf *out, const char *name, struct stint_span bytes)
{
    const pb_msgdesc_t *type = corpus_message(name);
    struct buf again;
    if (type == NULL || !corpus_decode(bytes, type, scratch)) {
        return false;
    }
    corpus_text(out, "%s {\n", name);
    corpus_dump(out, type, scratch, 2);
    corpus_text(out, "}\n");
    buf_init(&again, out->mem, 1 << 20);
    corpus_encode(&again, type, scratch);
    bool alike = span_equal(buf_span(&again), bytes);
    buf_fini(&again);
    return alike;
}

/* ---- envelopes ---- */

/* The message, then what comes after it; its length stands before. */
static bool
show_prefixed(struct buf *out, const char *name, struct stint_span body)
{
    if (body.size < 2) {
        return false;
    }
    size_t size = le16_get(body.data);
    if (size > body.size - 2 || !show_message(out, name, span_of(body.data + 2, size))) {
        return false;
    }
    show_body(out, "after", span_of(body.data + 2 + size, body.size - 2 - size));
    return true;
}

static bool
show_envelope(struct buf *out, const struct envelope *e, struct stint_span body)
{
    corpus_text(out, "%s flags %u hops %u op %u status %u number %llu epoch %llu word %llu\n",
        envelope_kind_name(e->kind), e->flags, e->hops, e->op, e->status,
        (unsigned long long)e->number, (unsigned long long)e->epoch, (unsigned long long)e->word);
    show_bytes(out, "source", span_of(e->source.bytes, 16));
    show_bytes(out, "target", span_of(e->target.bytes, 16));
    switch (e->kind) {
    case ENVELOPE_MOVE:
        return show_message(out, "MoveMessage", body);
    case ENVELOPE_LOCATE:
        return show_message(out, "Locate", body);
    case ENVELOPE_PROBE:
        return show_message(out, "Probe", body);
    case ENVELOPE_CONTROL:
        return e->op > 3 ? body.size == 0
                         : show_message(out,
                             e->op == 3       ? "View"
                                 : e->op == 2 ? "StoreReply"
                                              : "StoreRequest",
                             body);
    case ENVELOPE_REQUEST:
        return show_prefixed(out, "Request", body);
    case ENVELOPE_REPLY:
        return show_prefixed(out, "Reply", body);
    default:
        show_body(out, "body", body);
        return true;
    }
}

/* Shows them, puts a parcel together, and writes each again. */
static bool
show_batch(struct buf *out, struct stint_span batch)
{
    struct envelope e;
    struct stint_span body;
    struct stint_span rest = batch;
    struct buf again;
    struct parcel parcel;
    bool has_parcel = false;
    bool good = envelope_batch_valid(batch);
    buf_init(&again, out->mem, 1 << 20);
    while (good && envelope_next(&rest, &e, &body) == STINT_OK) {
        good = show_envelope(out, &e, body) && envelope_append(&again, &e, body) == STINT_OK;
        if (good && e.kind == ENVELOPE_PARCEL && has_parcel) {
            good = parcel_add(&parcel, (uint32_t)e.number, body) == STINT_OK;
        } else if (good && e.kind == ENVELOPE_MOVE) {
            const stint_MoveMessage *move = (const stint_MoveMessage *)(const void *)scratch;
            if (move->op == stint_MoveOp_MOVE_TRANSFER && move->bytes < LIMIT_PICKLE_DEFAULT) {
                good = parcel_begin(&parcel, out->mem, move->bytes, move->chunks, move->digest,
                           LIMIT_PICKLE_DEFAULT)
                    == STINT_OK;
                has_parcel = good;
            }
        }
    }
    if (has_parcel) {
        good = good && parcel_check(&parcel) == STINT_OK;
        parcel_end(&parcel);
    }
    good = good && rest.size == 0 && span_equal(buf_span(&again), batch);
    buf_fini(&again);
    return good;
}

/* ---- frames ---- */

static bool
show_greeting(struct buf *out, struct stint_span frame, const char *name)
{
    const pb_msgdesc_t *type = corpus_message(name);
    uint8_t again[FRAME_GREETING_MAX];
    memset(scratch, 0, sizeof scratch);
    if (!frame_get_message(frame, type, scratch)) {
        return false;
    }
    size_t size =
        frame_put_message(again, sizeof again, (enum frame_kind)frame_kind(frame), type, scratch);
    return show_message(out, name, span_of(frame.data + FRAME_PREFIX, frame.size - FRAME_PREFIX))
        && span_equal(span_of(again, size), frame);
}

static bool
show_frame(struct buf *out, struct stint_span frame)
{
    static const char *const greetings[] = { "", "Hello", "Welcome", "Confirm", "Reset" };
    struct frame_header header;
    uint8_t again[LIMIT_FRAME_HEADER];
    uint8_t kind = frame_kind(frame);
    corpus_text(out, "frame %u of %zu bytes\n", kind, frame.size);
    if (kind == 0) {
        return false;
    }
    if (kind <= FRAME_RESET) {
        return show_greeting(out, frame, greetings[kind]);
    }
    if (!frame_get(frame, &header)) {
        return false;
    }
    corpus_text(out, "tag %llu number %llu next %llu credit %llu %llu\n",
        (unsigned long long)header.tag, (unsigned long long)header.number,
        (unsigned long long)header.next, (unsigned long long)header.credit_frame,
        (unsigned long long)header.credit_bytes);
    frame_put(again, (enum frame_kind)kind, frame.size, &header);
    struct stint_span payload =
        span_of(frame.data + LIMIT_FRAME_HEADER, frame.size - LIMIT_FRAME_HEADER);
    if (kind == FRAME_DATA && !show_batch(out, payload)) {
        return false;
    }
    if (kind != FRAME_DATA) {
        show_bytes(out, "payload", payload);
    }
    return memcmp(again, frame.data, sizeof again) == 0;
}

/* ---- pickles, schemas, files: flat lists of records ---- */

static bool
show_records(struct buf *out, struct stint_span bytes, const char *const *names, uint32_t count)
{
    struct wire_reader r;
    struct wire_field field;
    wire_reader_init(&r, bytes);
    while (wire_read(&r, &field)) {
        const char *name = field.tag < count ? names[field.tag] : NULL;
        char tag[16];
        snprintf(tag, sizeof tag, "%u", (unsigned)field.tag);
        if (field.form != WIRE_BYTES) {
            corpus_text(out, "%s: %llu\n", tag, (unsigned long long)field.number);
        } else if (name == NULL) {
            show_bytes(out, tag, field.bytes);
        } else if (!show_message(out, name, field.bytes)) {
            return false;
        }
    }
    return wire_done(&r);
}

static bool
show_pickle(const struct corpus_tools *tools, struct stint_span pickle, struct buf *out)
{
    static const char *const names[] = { NULL, "PickleHead", "PickleCode", "PickleType",
        "PickleFrame", NULL, "PickleFault", "PickleChannel", "PickleRelation", "PickleOutlet",
        "PickleSend" };
    char said[4096];
    if (!show_records(out, pickle, names, sizeof names / sizeof names[0])
        || !corpus_run(tools, pickle, said, sizeof said)) {
        return false;
    }
    corpus_text(out, "---\n%s", said);
    return true;
}

static bool
show_schema(struct buf *out, struct stint_span schema)
{
    static const char *const names[] = { NULL, NULL, "TypeDef", "FieldDef", "CodeDef" };
    return show_records(out, schema, names, sizeof names / sizeof names[0]);
}

static bool
show_file(const struct corpus_tools *tools, struct stint_span bytes, struct buf *out)
{
    static const char *const names[] = { NULL, NULL, NULL, "ExportInfo" };
    struct pickle_file file;
    struct certificate certificate;
    struct trust trust;
    struct buf again;
    uint8_t digest[SEAL_DIGEST_SIZE];
    char text[4096];
    cert_dev_trust(&trust);
    if (pickle_file_read(bytes, &file, text, sizeof text) != STINT_OK) {
        return false;
    }
    struct cert_check check = { .trust = &trust, .wall_ms = file.info.wall_ms };
    seal_digest(digest, file.signed_bytes);
    if (cert_verify(file.certificate, &check, &certificate, text, sizeof text) != STINT_OK
        || !seal_verify(file.signature.data, certificate.sign_public, "stint export", digest)
        || !show_records(out, bytes, names, sizeof names / sizeof names[0])) {
        return false;
    }
    buf_init(&again, out->mem, 1 << 20);
    bool alike = pickle_file_write(&again, &file) == STINT_OK
        && pickle_file_sign(&again, file.signature.data) == STINT_OK
        && span_equal(buf_span(&again), bytes);
    buf_fini(&again);
    return alike && corpus_run(tools, file.pickle, text, sizeof text);
}

/* ---- keys and seals ---- */

static bool
show_certificate(struct buf *out, struct stint_span bytes)
{
    uint8_t entropy[CLUSTER_KEYS_ENTROPY];
    struct cluster_keys keys;
    struct certificate certificate;
    char detail[256];
    memset(entropy, 0x42, sizeof entropy);
    cluster_keys_make(&keys, entropy);
    struct cert_check check = { .trust = &keys.trust, .wall_ms = 1500000000000 };
    if (cert_verify(bytes, &check, &certificate, detail, sizeof detail) != STINT_OK
        || !show_message(out, "Certificate", bytes)) {
        return false;
    }
    stint_Certificate *message = (stint_Certificate *)(void *)scratch;
    uint8_t body[sizeof message->body.bytes];
    size_t size = message->body.size;
    memcpy(body, message->body.bytes, size);
    return show_message(out, "CertificateBody", span_of(body, size));
}

static bool
show_keys(struct buf *out, const char *what, struct stint_span text)
{
    char detail[256];
    char again[KEYFILE_SIZE_MAX];
    struct trust trust;
    struct certificate certificate;
    if (!buf_append_span(out, text)) {
        return false;
    }
    if (strcmp(what, "cluster") == 0) {
        return keyfile_read_cluster(text, &trust, detail, sizeof detail) == STINT_OK
            && span_equal(span_of(again, keyfile_write_cluster(again, &trust)), text);
    }
    return keyfile_read_certificate(text, &certificate, detail, sizeof detail) == STINT_OK;
}

static bool
show_box(struct buf *out, struct stint_span box)
{
    uint8_t key[SEAL_KEY_SIZE];
    struct buf plain;
    memset(key, 0x11, sizeof key);
    buf_init(&plain, out->mem, 1 << 16);
    bool good = seal_open(&plain, key, span_of("about", 5), box) == STINT_OK
        && span_equal(buf_span(&plain), span_of("the content", 11));
    buf_fini(&plain);
    if (good) {
        corpus_text(out, "version %u\n", box.data[0]);
        show_bytes(out, "nonce", span_of(box.data + 1, SEAL_NONCE_SIZE));
        show_bytes(
            out, "rest", span_of(box.data + 1 + SEAL_NONCE_SIZE, box.size - 1 - SEAL_NONCE_SIZE));
    }
    return good;
}

bool
corpus_show(const struct corpus_tools *tools, const struct corpus_item *item, struct buf *out)
{
    const char *kind = item->kind;
    if (strcmp(kind, "message") == 0) {
        return show_message(out, item->what, item->bytes);
    }
    if (strcmp(kind, "batch") == 0) {
        return show_batch(out, item->bytes);
    }
    if (strcmp(kind, "frame") == 0) {
        return show_frame(out, item->bytes);
    }
    if (strcmp(kind, "pickle") == 0) {
        return show_pickle(tools, item->bytes, out);
    }
    if (strcmp(kind, "schema") == 0) {
        return show_schema(out, item->bytes);
    }
    if (strcmp(kind, "file") == 0) {
        return show_file(tools, item->bytes, out);
    }
    if (strcmp(kind, "certificate") == 0) {
        return show_certificate(out, item->bytes);
    }
    if (strcmp(kind, "keys") == 0) {
        return show_keys(out, item->what, item->bytes);
    }
    return strcmp(kind, "box") == 0 && show_box(out, item->bytes);
}
