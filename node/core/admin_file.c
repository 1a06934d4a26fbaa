/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasklets in files (ExportFile in proto/schema/pickle.proto), signed by the node that wrote them.
 * A copy is imported under new ids, as often as one likes. A moved export lives in the file alone:
 * it keeps its ids, and the store lets one import of it succeed.
 */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "core/codec.h"
#include "kernel/code.h"
#include "kernel/pickle.h"
#include "kernel/pickle_file.h"
#include "kernel/schema.h"
#include "wire/seal.h"

#define FILE_PURPOSE "stint export"

STINT_STATIC_ASSERT((int)PICKLE_FILE_SIGNATURE_SIZE == (int)SEAL_SIGNATURE_SIZE, "what is signed");
STINT_STATIC_ASSERT((int)PICKLE_FILE_CERTIFICATE_MAX >= (int)LIMIT_CERTIFICATE,
                    "a file holds any certificate");

/* ---- export ---- */

/* The schema of all codes in the frames. */
static enum stint_status
write_codes(struct node *n, const struct kernel_tasklet_view *view, struct buf *out)
{
    struct schema_code codes[PICKLE_CODES_MAX];
    const struct code *seen[PICKLE_CODES_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < view->frames; i++) {
        struct kernel_frame_view frame;
        if (kernel_frame(n->kernel, view->id, i, &frame) != STINT_OK) {
            return STINT_NOT_HERE;
        }
        size_t at = 0;
        while (at < count && seen[at] != frame.code) {
            at++;
        }
        if (at < count) {
            continue;
        }
        if (count == PICKLE_CODES_MAX) {
            return STINT_LIMIT;
        }
        seen[count] = frame.code;
        codes[count++] = (struct schema_code){ frame.code->module->definition->name,
                                               frame.code->name, frame.code->fingerprint,
                                               frame.code->locals };
    }
    return schema_write(out, NULL, codes, count);
}

static enum stint_status
sign_file(struct node *n, struct buf *out)
{
    uint8_t digest[SEAL_DIGEST_SIZE];
    uint8_t signature[SEAL_SIGNATURE_SIZE];
    seal_digest(digest, buf_span(out));
    seal_sign(signature, n->identity.sign_secret, FILE_PURPOSE, digest);
    return pickle_file_sign(out, signature);
}

/* The file of a frozen tasklet. */
static enum stint_status
write_file(struct node *n, const struct kernel_tasklet_view *view, bool moved, struct buf *out)
{
    struct buf pickle, schema;
    struct pickle_file file = { .info = stint_ExportInfo_init_zero };
    buf_init(&pickle, n->mem, n->pickle_max);
    buf_init(&schema, n->mem, ADMIN_FILE_MAX);
    memcpy(file.info.cluster, n->identity.trust.cluster.bytes, sizeof file.info.cluster);
    memcpy(file.info.tasklet, view->id.bytes, sizeof file.info.tasklet);
    file.info.epoch = view->epoch;
    text_copy(file.info.node, sizeof file.info.node, n->name);
    file.info.wall_ms = n->wall_ms;
    file.info.moved = moved;
    text_copy(file.info.tags, sizeof file.info.tags, tags_of(n, view->id));
    text_format(file.info.code, sizeof file.info.code, "%s/%s",
                view->code->module->definition->name, view->code->name);
    enum stint_status status = write_codes(n, view, &schema);
    if (status == STINT_OK) {
        status = kernel_save(n->kernel, view->id, &pickle);
    }
    if (status == STINT_OK) {
        file.schema = buf_span(&schema);
        file.pickle = buf_span(&pickle);
        file.certificate = span_of(n->identity.certificate_bytes, n->identity.certificate_size);
        status = pickle_file_write(out, &file);
    }
    if (status == STINT_OK) {
        status = sign_file(n, out);
    }
    buf_fini(&pickle);
    buf_fini(&schema);
    return status;
}

static void
send_pieces(struct node *n, struct ask *ask, struct stint_span bytes)
{
    for (size_t at = 0; at < bytes.size; at += ADMIN_PIECE_MAX) {
        size_t size = bytes.size - at < ADMIN_PIECE_MAX ? bytes.size - at : ADMIN_PIECE_MAX;
        ask_item(n, ask, stint_ItemKind_ITEM_BYTES, NULL, NULL, span_of(bytes.data + at, size),
                 NULL);
    }
}

static void
drop_name(struct node *n, const char *name, struct stint_id cid)
{
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    request.op = stint_StoreOp_STORE_NAME_DROP;
    text_copy(request.name, sizeof request.name, name);
    memcpy(request.channel, cid.bytes, sizeof cid.bytes);
    control_store(n, &request, ADMIN_TIMEOUT_MAX_MS, NULL, 0);
}

static void
drop_names(struct node *n, struct stint_id tasklet)
{
    struct stint_id owned[KERNEL_OWNED_MAX];
    struct kernel_channel_view view;
    uint32_t count = kernel_owned(n->kernel, tasklet, owned, KERNEL_OWNED_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (kernel_look_channel(n->kernel, owned[i], &view) == STINT_OK && view.name != NULL) {
            drop_name(n, view.name, view.id);
        }
    }
}

/* It lives in the file alone now: its channels are nowhere, and their names are free. */
static void
give_away(struct node *n, struct stint_id tasklet)
{
    struct stint_id owned[KERNEL_OWNED_MAX];
    uint32_t count = kernel_owned(n->kernel, tasklet, owned, KERNEL_OWNED_MAX);
    drop_names(n, tasklet);
    (void)!kernel_discard(n->kernel, tasklet);
    tags_forget(n, tasklet);
    for (uint32_t i = 0; i < count; i++) {
        kernel_reoffer_channel(n->kernel, owned[i]); /* who waits here hears that it is gone */
    }
}

void
admin_export(struct node *n, struct ask *ask)
{
    struct kernel_tasklet_view view;
    const char *state;
    char detail[MOVE_DETAIL_SIZE] = "";
    bool move = ask->request.move;
    if (!admin_target(n, ask, &view, &state)) {
        return;
    }
    if (view.state == KERNEL_FROZEN || moves_of_tasklet(n->moves, ask->id) != NULL) {
        ask_wake(n, ask, ADMIN_AGAIN_NS, admin_export); /* it is on its way: wait where to */
        return;
    }
    struct stint_id tasklet = ask->id;
    uint64_t epoch = view.epoch;
    enum stint_status status = mover_movable(n, tasklet, detail, sizeof detail);
    if (status == STINT_OK) {
        status = kernel_freeze(n->kernel, tasklet);
    }
    if (status != STINT_OK) {
        ask_end(n, ask, status, "cannot export %s: %s", ask->request.target,
                detail[0] != 0 ? detail : stint_strerror(status));
        return;
    }
    struct buf file;
    buf_init(&file, n->mem, ADMIN_FILE_MAX);
    status = kernel_look(n->kernel, tasklet, &view);
    if (status == STINT_OK) {
        status = write_file(n, &view, move, &file);
    }
    if (status == STINT_OK && move) {
        give_away(n, tasklet);
    } else {
        (void)!kernel_thaw(n->kernel, tasklet, epoch);
    }
    node_record(n, "tasklet %s %s by %s: %s", ask->request.target,
             status != STINT_OK ? "not exported"
             : move             ? "moved to a file"
                                : "copied to a file",
             ask->request.by, ask->request.reason);
    if (status == STINT_OK) {
        send_pieces(n, ask, buf_span(&file));
        ask_end_page(n, ask, STINT_OK, "", false, "");
    } else {
        ask_end(n, ask, status, "cannot export %s: %s", ask->request.target,
                status == STINT_LIMIT ? "its file would be larger than is allowed"
                                      : stint_strerror(status));
    }
    buf_fini(&file);
}

/* ---- import ---- */

/* A moved export on its way in: frozen here until its names and the claim are granted. */
struct importing {
    struct stint_id tasklet, claim;
    uint64_t epoch;
    bool frozen;
    bool asked;     /* nobody has claimed it */
    bool elsewhere; /* somebody was faster: it lives there, and so do its names */
    uint32_t next; /* of the channels that it owns: those before have their names */
    char tags[LIMIT_LABELS + 1];
};

static void
give_up(struct node *n, struct ask *ask)
{
    struct importing *i = ask->state;
    if (i->frozen) {
        i->frozen = false;
        if (i->asked && !i->elsewhere) {
            drop_names(n, i->tasklet);
        }
        (void)!kernel_discard(n->kernel, i->tasklet);
    }
}

static void
imported(struct node *n, struct ask *ask, struct stint_id tasklet, uint64_t epoch, const char *tags)
{
    struct stint_id owned[KERNEL_OWNED_MAX];
    uint32_t count = kernel_owned(n->kernel, tasklet, owned, KERNEL_OWNED_MAX);
    enum stint_status status = kernel_thaw(n->kernel, tasklet, epoch);
    if (status != STINT_OK) {
        (void)!kernel_discard(n->kernel, tasklet);
        ask_end(n, ask, status, "cannot set the tasklet to run: %s", stint_strerror(status));
        return;
    }
    if (text_is_pairs(tags, LIMIT_LABEL) && text_is_printable(tags, LIMIT_LABELS) && tags[0] != 0 &&
        tags_set(n, tasklet, tags) == STINT_OK) {
        (void)kernel_watch(n->kernel, tasklet); /* they end with it */
    }
    route_arrived(n, tasklet, stint_LocateKind_LOCATE_TASKLET, epoch);
    for (uint32_t i = 0; i < count; i++) {
        route_arrived(n, owned[i], stint_LocateKind_LOCATE_CHANNEL, epoch);
    }
    stint_SpawnInfo info = stint_SpawnInfo_init_zero;
    ADMIN_PUT_ID(info.id, tasklet);
    text_copy(info.node, sizeof info.node, n->name);
    ask_item(n, ask, stint_ItemKind_ITEM_SPAWN, stint_SpawnInfo_fields, &info, span_of(NULL, 0),
             NULL);
    ask_end_page(n, ask, STINT_OK, "", false, "");
}

static void
claimed(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    struct ask *ask = ask_find(n, token);
    if (ask == NULL) {
        return;
    }
    struct importing *i = ask->state;
    if (reply->status == STINT_OK) {
        i->frozen = false;
        imported(n, ask, i->tasklet, i->epoch + 1, i->tags);
    } else if (reply->status == STINT_STORE_DOWN) {
        ask_end(n, ask, STINT_OUTCOME_UNKNOWN,
                "the store did not say whether this import may be: %s", reply->detail);
    } else {
        i->elsewhere = reply->status == STINT_EXISTS;
        ask_end_page(n, ask, (enum stint_status)reply->status, reply->detail, false, "");
    }
}

static void ask_name_or_claim(struct node *n, struct ask *ask);

static void
may_claim(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    struct ask *ask = ask_find(n, token);
    if (ask == NULL) {
        return;
    }
    if (reply->status != STINT_OK) {
        ask_end_page(n, ask, (enum stint_status)reply->status, reply->detail, false, "");
        return;
    }
    ((struct importing *)ask->state)->asked = true;
    ask_name_or_claim(n, ask);
}

static void
name_granted(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    struct ask *ask = ask_find(n, token);
    if (ask == NULL) {
        return;
    }
    if (reply->status != STINT_OK) {
        ask_end(n, ask, (enum stint_status)reply->status,
                "a channel of the tasklet cannot have its name again: %s", reply->detail);
    } else {
        ask_name_or_claim(n, ask);
    }
}

static void
ask_claim(struct node *n, struct ask *ask, bool question, store_done_fn *done)
{
    const struct importing *i = ask->state;
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    request.op = stint_StoreOp_STORE_CLAIM;
    request.off = question;
    memcpy(request.id, ask->request.id.bytes, sizeof request.id);
    memcpy(request.claim, i->claim.bytes, sizeof request.claim);
    control_store(n, &request, ask_left_ms(n, ask), done, ask->serial);
}

/* Names before the claim: one that was made cannot be taken back. But not before it is known that
 * it can be made: of a tasklet that has come in elsewhere the names must stay. */
static void
ask_name_or_claim(struct node *n, struct ask *ask)
{
    struct importing *i = ask->state;
    struct kernel_channel_view view;
    struct stint_id owned[KERNEL_OWNED_MAX];
    uint32_t count = kernel_owned(n->kernel, i->tasklet, owned, KERNEL_OWNED_MAX);
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    while (i->next < count) {
        if (kernel_look_channel(n->kernel, owned[i->next++], &view) == STINT_OK &&
            view.name != NULL) {
            request.op = stint_StoreOp_STORE_NAME_PUT;
            text_copy(request.name, sizeof request.name, view.name);
            memcpy(request.channel, view.id.bytes, sizeof view.id.bytes);
            memcpy(request.owner, i->tasklet.bytes, sizeof i->tasklet.bytes);
            control_store(n, &request, ask_left_ms(n, ask), name_granted, ask->serial);
            return;
        }
    }
    ask_claim(n, ask, false, claimed);
}

static bool
is_revoked(void *arg, uint64_t serial)
{
    const struct node *n = arg;
    return view_is_revoked(n->view, serial);
}

/* Whether a node of this cluster wrote the file. The certificate must have been good when it did,
 * and not be revoked. */
static enum stint_status
check_origin(struct node *n, const struct pickle_file *file, char *detail, size_t size)
{
    struct certificate certificate;
    uint8_t digest[SEAL_DIGEST_SIZE];
    struct cert_check check = { .trust = &n->identity.trust,
                                .wall_ms = file->info.wall_ms,
                                .is_revoked = is_revoked,
                                .arg = n };
    enum stint_status status = cert_verify(file->certificate, &check, &certificate, detail, size);
    if (status != STINT_OK) {
        return status;
    }
    if (certificate.role != ROLE_NODE || strcmp(certificate.name, file->info.node) != 0 ||
        memcmp(file->info.cluster, certificate.cluster.bytes, sizeof file->info.cluster) != 0) {
        text_format(detail, size, "the file says it is of node %s, but its certificate is of %s %s",
                    file->info.node, cert_role_name(certificate.role), certificate.name);
        return STINT_BAD_PICKLE;
    }
    seal_digest(digest, file->signed_bytes);
    if (file->signature.size != SEAL_SIGNATURE_SIZE ||
        !seal_verify(file->signature.data, certificate.sign_public, FILE_PURPOSE, digest)) {
        text_copy(detail, size,
                  "the file was changed after the node wrote it: its signature does not fit");
        return STINT_BAD_PICKLE;
    }
    return STINT_OK;
}

static struct stint_id
claim_of(const struct pickle_file *file)
{
    uint8_t digest[SEAL_DIGEST_SIZE];
    struct stint_id id;
    seal_digest(digest, file->signed_bytes);
    memcpy(id.bytes, digest, sizeof id.bytes);
    return id;
}

static void
load_copy(struct node *n, struct ask *ask, const struct pickle_file *file)
{
    struct stint_id tasklet;
    struct kernel_tasklet_view view;
    char detail[ADMIN_DETAIL_SIZE] = "";
    struct pickle_options options = { .limit = n->pickle_max,
                                      .fresh = true,
                                      .paused = ask->request.paused };
    enum stint_status status = kernel_load(n->kernel, file->pickle, &options, &tasklet, detail,
                                           sizeof detail);
    if (status == STINT_OK) {
        status = kernel_look(n->kernel, tasklet, &view);
    }
    if (status != STINT_OK) {
        ask_end_page(n, ask, status, detail, false, "");
    } else {
        imported(n, ask, tasklet, view.epoch + 1, file->info.tags);
    }
}

static void
load_moved(struct node *n, struct ask *ask, const struct pickle_file *file)
{
    char detail[ADMIN_DETAIL_SIZE] = "";
    struct importing *i = ask_state(n, ask, sizeof *i);
    if (i == NULL) {
        return;
    }
    struct pickle_options options = { .limit = n->pickle_max,
                                      .tid = codec_id(file->info.tasklet),
                                      .epoch = file->info.epoch,
                                      .paused = ask->request.paused,
                                      .moved = true };
    i->claim = claim_of(file);
    i->epoch = file->info.epoch;
    text_copy(i->tags, sizeof i->tags, file->info.tags);
    enum stint_status status = kernel_load(n->kernel, file->pickle, &options, &i->tasklet, detail,
                                           sizeof detail);
    if (status != STINT_OK) {
        ask_end_page(n, ask, status, detail, false, "");
        return;
    }
    i->frozen = true;
    ask->fini = give_up;
    ask_claim(n, ask, true, may_claim);
}

void
admin_import(struct node *n, struct ask *ask)
{
    char detail[ADMIN_DETAIL_SIZE] = "";
    struct pickle_file file;
    const struct member *me = view_member(n->view, n->self);
    const struct buf *bytes = upload_find(n, &ask->request, detail, sizeof detail);
    if (bytes == NULL) {
        ask_end_page(n, ask, STINT_INVALID, detail, false, "");
        return;
    }
    if (me == NULL || !member_is_target(me)) {
        ask_end(n, ask, STINT_DRAINING,
                "node %s is %s and takes no tasklets; name another with --on", n->name,
                me != NULL ? member_state_text(me->state) : "no member");
        return;
    }
    enum stint_status status = pickle_file_read(buf_span(bytes), &file, detail, sizeof detail);
    if (status == STINT_OK) {
        status = check_origin(n, &file, detail, sizeof detail);
    }
    if (status != STINT_OK) {
        ask_end_page(n, ask, status, detail, false, "");
    } else {
        node_record(n, "import of %s, exported by node %s, by %s: %s", file.info.code,
                 file.info.node, ask->request.by, ask->request.reason);
        if (file.info.moved) {
            load_moved(n, ask, &file);
        } else {
            load_copy(n, ask, &file);
        }
    }
    upload_forget(n, &ask->request);
}

/* ---- import, at the entry ---- */

/* The file goes along, piece by piece, before the request that uses it; what comes back first is
 * about that one or a failure. */
static bool
pass_on(struct node *n, struct ask *ask, struct node_ref where)
{
    char detail[ADMIN_DETAIL_SIZE];
    const struct buf *bytes = upload_find(n, &ask->request, detail, sizeof detail);
    if (bytes == NULL || node_ref_equal(where, n->self)) {
        return true; /* the executor has it, or has answered this before, or says what is missing */
    }
    for (size_t at = 0; at < bytes->size; at += ADMIN_PIECE_MAX) {
        size_t size = bytes->size - at < ADMIN_PIECE_MAX ? bytes->size - at : ADMIN_PIECE_MAX;
        stint_Request piece = ask_part_request(n, ask);
        piece.verb = stint_Verb_VERB_UPLOAD;
        piece.offset = at;
        piece.total = bytes->size;
        if (!part_send(n, ask, where, &piece, span_of(bytes->data + at, size), true)) {
            return false;
        }
    }
    upload_forget(n, &ask->request);
    return true;
}

void
admin_import_enter(struct node *n, struct ask *ask)
{
    struct node_ref where;
    if (admin_place(n, ask, &where) && pass_on(n, ask, where)) {
        ask_forward(n, ask, where);
    }
}
