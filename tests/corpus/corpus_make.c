/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the present version. Whatever is written here goes into the folder of the version
 * and stays there. */
#include <stdio.h>
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "corpus.h"
#include "kernel/code.h"
#include "kernel/kernel.h"
#include "kernel/pickle_file.h"
#include "kernel/schema.h"
#include "schema/admin.pb.h"
#include "schema/cluster.pb.h"
#include "schema/session.pb.h"
#include "wire/cert.h"
#include "wire/envelope.h"
#include "wire/keyfile.h"
#include "wire/parcel.h"
#include "wire/seal.h"
#include "wire/session_frames.h"

static uint64_t scratch[CORPUS_MESSAGE_MAX / 8];

struct making {
    const struct corpus_tools *tools;
    corpus_tell *tell;
    void *arg;
};

static void
give(
    const struct making *m, const char *name, const char *kind, const char *what, struct buf *bytes)
{
    struct corpus_item item = { name, kind, what, buf_span(bytes) };
    m->tell(m->arg, &item);
    buf_fini(bytes);
}

static void
fresh(const struct making *m, struct buf *out)
{
    buf_init(out, m->tools->mem, 1 << 20);
}

static void *
filled(const char *name, uint32_t items)
{
    memset(scratch, 0, sizeof scratch);
    corpus_fill(corpus_message(name), scratch, items);
    return scratch;
}

static void
give_messages(const struct making *m)
{
    const char *name;
    for (uint32_t i = 0; (name = corpus_message_name(i)) != NULL; i++) {
        char file[80];
        struct buf out;
        fresh(m, &out);
        snprintf(file, sizeof file, "message-%s", name);
        corpus_encode(&out, corpus_message(name), filled(name, 2));
        give(m, file, "message", name, &out);
    }
}

/* ---- envelopes ---- */

static struct envelope
envelope_of(enum envelope_kind kind)
{
    struct envelope e = { .kind = (uint8_t)kind,
        .flags = (uint8_t)(kind % 16),
        .hops = (uint8_t)(kind % 4),
        .op = (uint8_t)(kind + 40),
        .status = (uint8_t)(kind + 1),
        .number = 0x0102030405060708u + kind,
        .epoch = 0x1112131415161718u + kind,
        .word = 0xf1f2f3f4f5f6f7f8u + kind };
    memset(e.source.bytes, 0xa0 + (int)kind, sizeof e.source.bytes);
    memset(e.target.bytes, 0xc0 + (int)kind, sizeof e.target.bytes);
    return e;
}

static void
append(struct buf *out, const struct envelope *e, struct stint_span body)
{
    if (envelope_append(out, e, body) != STINT_OK) {
        legs_fail("an envelope cannot be written");
    }
}

/* One with a message as its body; `prefixed` if its length stands before it, and something after.
 */
static void
append_message(const struct making *m, struct buf *out, struct envelope e, const char *name,
    const void *message, const char *after)
{
    struct buf body;
    struct buf bytes;
    fresh(m, &body);
    fresh(m, &bytes);
    corpus_encode(&bytes, corpus_message(name), message);
    if (after != NULL) {
        (void)buf_put_u16(&body, (uint16_t)bytes.size);
    }
    (void)buf_append_span(&body, buf_span(&bytes));
    (void)buf_append_text(&body, after != NULL ? after : "");
    append(out, &e, buf_span(&body));
    buf_fini(&bytes);
    buf_fini(&body);
}

static void
give_operations(const struct making *m)
{
    static const enum envelope_kind kinds[] = { ENVELOPE_OFFER, ENVELOPE_DONE, ENVELOPE_NACK,
        ENVELOPE_CANCEL, ENVELOPE_FIN, ENVELOPE_CLOSE, ENVELOPE_KILL };
    static const uint8_t value[] = { 0x08, 0x2a };
    struct buf out;
    fresh(m, &out);
    for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct envelope e = envelope_of(kinds[i]);
        append(&out, &e, span_of(value, kinds[i] <= ENVELOPE_DONE ? sizeof value : 0));
    }
    give(m, "batch-operations", "batch", "-", &out);
}

static void
give_requests(const struct making *m)
{
    static const uint8_t verbs[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 21, 22, 23, 24, 25,
        26, 27, 28, 29, 30, 31, 32, 40, 41, 50, 51, 52, 53, 54, 55, 60, 61, 62 };
    struct buf out;
    fresh(m, &out);
    for (uint32_t i = 0; i < sizeof verbs; i++) {
        stint_Request request = stint_Request_init_zero;
        request.id.size = 16;
        memset(request.id.bytes, verbs[i], 16);
        request.verb = (stint_Verb)verbs[i];
        snprintf(request.target, sizeof request.target, "target of %u", verbs[i]);
        request.timeout_ms = verbs[i] * 100u;
        request.wait = verbs[i] % 2 == 0;
        append_message(m, &out, envelope_of(ENVELOPE_REQUEST), "Request", &request, "arguments");
    }
    give(m, "batch-requests", "batch", "-", &out);
}

static void
give_replies(const struct making *m)
{
    static const char *const items[] = { NULL, "StatusInfo", "NodeInfo", "TaskletInfo", "FrameInfo",
        "ExplainInfo", "MoveInfo", "ChannelInfo", "SpawnInfo", "DrainInfo", "PlanInfo",
        "ModuleInfo", "ValueInfo", "EndInfo", NULL, NULL, "KeyInfo", "View" };
    struct buf out;
    fresh(m, &out);
    for (uint32_t kind = 0; kind < sizeof items / sizeof items[0]; kind++) {
        struct buf item;
        stint_Reply reply = stint_Reply_init_zero;
        fresh(m, &item);
        if (items[kind] != NULL) {
            corpus_encode(&item, corpus_message(items[kind]), filled(items[kind], 1));
        }
        reply.kind = (stint_ItemKind)kind;
        reply.end = kind % 2 == 0;
        reply.status = kind;
        reply.item_size = (uint32_t)item.size; /* what follows is the payload */
        snprintf(reply.detail, sizeof reply.detail, "detail %u", kind);
        (void)buf_append_text(&item, "payload");
        struct envelope e = envelope_of(ENVELOPE_REPLY);
        struct buf head;
        struct buf body;
        fresh(m, &head);
        fresh(m, &body);
        corpus_encode(&head, corpus_message("Reply"), &reply);
        (void)buf_put_u16(&body, (uint16_t)head.size);
        (void)buf_append_span(&body, buf_span(&head));
        (void)buf_append_span(&body, buf_span(&item));
        append(&out, &e, buf_span(&body));
        buf_fini(&head);
        buf_fini(&body);
        buf_fini(&item);
    }
    give(m, "batch-replies", "batch", "-", &out);
}

static void
give_between_nodes(const struct making *m)
{
    struct buf out;
    fresh(m, &out);
    for (uint32_t op = 1; op <= 11; op++) {
        stint_MoveMessage *move = filled("MoveMessage", 1);
        move->op = (stint_MoveOp)op;
        append_message(m, &out, envelope_of(ENVELOPE_MOVE), "MoveMessage", move, NULL);
    }
    for (uint32_t op = 1; op <= 5; op++) {
        stint_Locate *locate = filled("Locate", op);
        locate->op = (stint_LocateOp)op;
        append_message(m, &out, envelope_of(ENVELOPE_LOCATE), "Locate", locate, NULL);
    }
    append_message(m, &out, envelope_of(ENVELOPE_PROBE), "Probe", filled("Probe", 1), NULL);
    give(m, "batch-nodes", "batch", "-", &out);
}

static void
give_control(const struct making *m)
{
    struct envelope e = envelope_of(ENVELOPE_CONTROL);
    struct buf out;
    fresh(m, &out);
    e.op = 1;
    for (uint32_t op = 1; op <= 15; op++) {
        stint_StoreRequest *request = filled("StoreRequest", 1);
        request->op = (stint_StoreOp)op;
        append_message(m, &out, e, "StoreRequest", request, NULL);
    }
    e.op = 2;
    append_message(m, &out, e, "StoreReply", filled("StoreReply", 3), NULL);
    e.op = 3;
    append_message(m, &out, e, "View", filled("View", 3), NULL);
    for (e.op = 4; e.op <= 5; e.op++) {
        append(&out, &e, span_of(NULL, 0));
    }
    give(m, "batch-control", "batch", "-", &out);
}

/* ---- frames ---- */

static void
give_greeting(const struct making *m, enum frame_kind kind, const char *name)
{
    char file[80];
    struct buf out;
    fresh(m, &out);
    uint8_t *to = buf_extend(&out, FRAME_GREETING_MAX);
    out.size =
        frame_put_message(to, FRAME_GREETING_MAX, kind, corpus_message(name), filled(name, 1));
    snprintf(file, sizeof file, "frame-%s", name);
    give(m, file, "frame", name, &out);
}

static void
give_frame(
    const struct making *m, enum frame_kind kind, const char *file, struct stint_span payload)
{
    struct buf out;
    struct frame_header header = { .tag = 0xabcdef0123456789u,
        .number = 70 + kind,
        .next = 80 + kind,
        .credit_frame = 900 + kind,
        .credit_bytes = 100000 + kind };
    fresh(m, &out);
    uint8_t *to = buf_extend(&out, LIMIT_FRAME_HEADER + payload.size);
    frame_put(to, kind, out.size, &header);
    bytes_copy(to + LIMIT_FRAME_HEADER, payload.data, payload.size);
    give(m, file, "frame", "-", &out);
}

static void
give_frames(const struct making *m)
{
    static const uint8_t view[FRAME_VIEW_SIZE] = { 3, 0, 0, 0, 0, 0, 0, 0, 9 };
    struct buf batch;
    give_greeting(m, FRAME_HELLO, "Hello");
    give_greeting(m, FRAME_WELCOME, "Welcome");
    give_greeting(m, FRAME_CONFIRM, "Confirm");
    for (int bye = 0; bye < 2; bye++) {
        struct buf out;
        fresh(m, &out);
        uint8_t *to = buf_extend(&out, SESSION_REFUSAL_SIZE);
        out.size = frame_put_reset(to, SESSION_REFUSAL_SIZE, bye ? STINT_OK : STINT_REVOKED,
            bye ? "" : "the certificate of node n3 is revoked");
        give(m, bye ? "frame-Bye" : "frame-Reset", "frame", "Reset", &out);
    }
    fresh(m, &batch);
    struct envelope e = envelope_of(ENVELOPE_FIN);
    append(&batch, &e, span_of(NULL, 0));
    e = envelope_of(ENVELOPE_OFFER);
    append(&batch, &e, span_of(view, 3));
    give_frame(m, FRAME_DATA, "frame-Data", buf_span(&batch));
    give_frame(m, FRAME_ACK, "frame-Ack", span_of(NULL, 0));
    give_frame(m, FRAME_NACK, "frame-Nack", span_of(NULL, 0));
    give_frame(m, FRAME_PING, "frame-Ping", span_of(view, sizeof view));
    give_frame(m, FRAME_PONG, "frame-Pong", span_of(view, sizeof view));
    buf_fini(&batch);
}

/* ---- keys ---- */

static void
give_keys(const struct making *m)
{
    uint8_t entropy[CLUSTER_KEYS_ENTROPY];
    uint8_t more[CERT_ISSUE_ENTROPY];
    struct cluster_keys keys;
    memset(entropy, 0x42, sizeof entropy);
    cluster_keys_make(&keys, entropy);
    for (enum cert_role role = ROLE_NODE; role < ROLE_END_; role++) {
        struct identity identity;
        struct cert_request request = { role, "n1", 1000000, 2000000000000 };
        struct buf out;
        char file[80];
        memset(more, 0x50 + (int)role, sizeof more);
        if (cert_issue(&keys, &request, more, &identity) != STINT_OK) {
            legs_fail("no certificate");
        }
        fresh(m, &out);
        (void)buf_append(&out, identity.certificate_bytes, identity.certificate_size);
        snprintf(file, sizeof file, "certificate-%s", cert_role_name(role));
        give(m, file, "certificate", "-", &out);
        char text[KEYFILE_SIZE_MAX];
        fresh(m, &out);
        (void)buf_append(&out, text, keyfile_write_certificate(text, &identity));
        snprintf(file, sizeof file, "keys-certificate-%s", cert_role_name(role));
        give(m, file, "keys", "certificate", &out);
    }
    char text[KEYFILE_SIZE_MAX];
    struct buf out;
    fresh(m, &out);
    (void)buf_append(&out, text, keyfile_write_cluster(text, &keys.trust));
    give(m, "keys-cluster", "keys", "cluster", &out);
}

/* ---- what holds tasklets ---- */

static void
give_file(const struct making *m, const struct corpus_recipe *recipe)
{
    struct identity identity;
    struct buf pickle;
    struct buf schema;
    struct buf out;
    char error[256] = "";
    uint8_t digest[SEAL_DIGEST_SIZE];
    uint8_t signature[SEAL_SIGNATURE_SIZE];
    const struct code *code;
    struct kernel_config config = { .mem = m->tools->mem, .seed = 5 };
    struct kernel *k = kernel_new(&config);
    if (k == NULL || kernel_add_module(k, m->tools->relics, error, sizeof error) != STINT_OK
        || kernel_find_code(k, "relics", recipe->code, &code) != STINT_OK
        || cert_dev_identity(ROLE_NODE, "n1", &identity) != STINT_OK) {
        legs_fail("no kernel: %s", error);
    }
    fresh(m, &pickle);
    fresh(m, &schema);
    fresh(m, &out);
    corpus_cook(m->tools, recipe, &pickle);
    struct schema_code codes = { "relics", code->name, code->fingerprint, code->locals };
    struct pickle_file file = { .info = stint_ExportInfo_init_zero };
    if (schema_write(&schema, NULL, &codes, 1) != STINT_OK) {
        legs_fail("no schema");
    }
    memcpy(file.info.cluster, identity.trust.cluster.bytes, 16);
    memset(file.info.tasklet, 7, 16);
    file.info.epoch = 1;
    snprintf(file.info.node, sizeof file.info.node, "n1");
    file.info.wall_ms = 1700000000000;
    snprintf(file.info.code, sizeof file.info.code, "relics/%s", recipe->code);
    file.schema = buf_span(&schema);
    file.pickle = buf_span(&pickle);
    file.certificate = span_of(identity.certificate_bytes, identity.certificate_size);
    if (pickle_file_write(&out, &file) != STINT_OK) {
        legs_fail("no file");
    }
    seal_digest(digest, buf_span(&out));
    seal_sign(signature, identity.sign_secret, "stint export", digest);
    if (pickle_file_sign(&out, signature) != STINT_OK) {
        legs_fail("no signature");
    }
    give(m, "schema", "schema", "-", &schema);
    give(m, "file", "file", "-", &out);
    buf_fini(&pickle);
    kernel_free(k);
}

static void
give_box(const struct making *m)
{
    uint8_t key[SEAL_KEY_SIZE];
    uint8_t nonce[SEAL_NONCE_SIZE];
    struct buf out;
    memset(key, 0x11, sizeof key);
    memset(nonce, 0x22, sizeof nonce);
    fresh(m, &out);
    if (seal_close(&out, key, nonce, span_of("about", 5), span_of("the content", 11)) != STINT_OK) {
        legs_fail("no box");
    }
    give(m, "box", "box", "-", &out);
}

/* A pickle as it travels: the TRANSFER and the chunks, each an envelope. */
static void
give_parcel(const struct making *m)
{
    struct buf pickle;
    struct buf out;
    fresh(m, &out);
    fresh(m, &pickle);
    for (uint32_t i = 0; i < LIMIT_PARCEL_CHUNK + 100; i++) {
        (void)buf_put_u8(&pickle, (uint8_t)(i * 7 + i / 256));
    }
    uint32_t chunks = parcel_chunks(pickle.size);
    stint_MoveMessage *move = filled("MoveMessage", 1);
    move->op = stint_MoveOp_MOVE_TRANSFER;
    move->bytes = pickle.size;
    move->chunks = chunks;
    seal_digest(move->digest, buf_span(&pickle));
    append_message(m, &out, envelope_of(ENVELOPE_MOVE), "MoveMessage", move, NULL);
    for (uint32_t i = 0; i < chunks; i++) {
        struct envelope e = envelope_of(ENVELOPE_PARCEL);
        e.number = i;
        append(&out, &e, parcel_chunk(buf_span(&pickle), i));
    }
    give(m, "batch-parcel", "batch", "parcel", &out);
    buf_fini(&pickle);
}

static const struct {
    const char *name;
    struct corpus_recipe recipe;
} pickles[] = {
    { "pickle-begin", { "Nest", "\x08\x03", "start", false, false, 0 } },
    { "pickle-nest", { "Nest", "\x08\x03", "bottom", true, false, 0 } },
    { "pickle-chest", { "Chest", "", "nap", true, false, 0 } },
    { "pickle-naming", { "Chest", "", "open(&self->chest)", false, false, 0 } },
    { "pickle-ask", { "Ask", "", "ask", true, true, 0 } },
    { "pickle-ask-local", { "Ask", "", "ask", true, false, 0 } },
    { "pickle-asked", { "Ask", "", "rest", true, true, 0 } },
    { "pickle-burst", { "Burst", "", "burst", false, true, 0 } },
    { "pickle-burst-full", { "Burst", "", "after", true, true, 0 } },
    { "pickle-fail", { "Fail", "", "in except", true, false, 0 } },
    { "pickle-fail-twice", { "Fail", "", "in except", true, false, 2 } },
    { "pickle-tied", { "Tied", "", "pause(relics_Item)", true, false, 0 } },
    { "pickle-killed", { "Tied", "", "pause(relics_Item)", true, false, 2 } },
    { "pickle-kinds", { "Kinds", "", "filled", false, false, 0 } },
};

void
corpus_each(const struct corpus_tools *tools, corpus_tell *tell, void *arg)
{
    struct making m = { tools, tell, arg };
    give_messages(&m);
    give_operations(&m);
    give_between_nodes(&m);
    give_control(&m);
    give_requests(&m);
    give_replies(&m);
    give_parcel(&m);
    give_frames(&m);
    give_keys(&m);
    give_box(&m);
    for (uint32_t i = 0; i < sizeof pickles / sizeof pickles[0]; i++) {
        struct buf out;
        fresh(&m, &out);
        corpus_cook(tools, &pickles[i].recipe, &out);
        give(&m, pickles[i].name, "pickle", "-", &out);
    }
    give_file(&m, &pickles[1].recipe);
}
