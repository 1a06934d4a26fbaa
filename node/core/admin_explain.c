/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a tasklet cannot move: its own reasons, told by the kernel it is in; and for each node that
 * it could go to what that says to its outline. Nothing is frozen for it.
 */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "core/codec.h"
#include "kernel/code.h"
#include "kernel/pickle.h"

struct explaining {
    struct node *n;
    struct ask *ask;
    const char *target; /* NULL: reasons of the tasklet itself */
    uint32_t told;
};

static void
emit(struct node *n, struct ask *ask, stint_ExplainInfo *info)
{
    ADMIN_PUT_ID(info->id, ask->id);
    ask_item(n, ask, stint_ItemKind_ITEM_EXPLAIN, stint_ExplainInfo_fields, info, span_of(NULL, 0),
             NULL);
}

static stint_ExplainInfo
target_info(const char *target, bool ok, enum stint_status reason, const char *text)
{
    stint_ExplainInfo info = stint_ExplainInfo_init_zero;
    text_copy(info.target, sizeof info.target, target);
    info.target_ok = ok;
    if (!ok) {
        text_copy(info.reason_code, sizeof info.reason_code, stint_status_name(reason));
    }
    text_copy(info.text, sizeof info.text, text);
    return info;
}

static void
tell(void *arg, enum stint_status reason, const char *text, uint32_t frame)
{
    struct explaining *e = arg;
    struct kernel_frame_view view;
    stint_ExplainInfo info = stint_ExplainInfo_init_zero;
    e->told++;
    text_copy(info.reason_code, sizeof info.reason_code, stint_status_name(reason));
    text_copy(info.text, sizeof info.text, text);
    if (e->target != NULL) {
        text_copy(info.target, sizeof info.target, e->target);
        if (frame != UINT32_MAX) {
            text_format(info.frame, sizeof info.frame, "frame %u", frame);
        }
    } else if (frame != UINT32_MAX &&
               kernel_frame(e->n->kernel, e->ask->id, frame, &view) == STINT_OK) {
        text_format(info.frame, sizeof info.frame, "%s (%s:%u)", view.code->name, view.file,
                    view.line);
    }
    emit(e->n, e->ask, &info);
}

/* ---- at the tasklet's node ---- */

/*
 * What the targets answer comes in any order, and some of it is known here: it is kept until all is there, so that the reasons
 * of one target stand together.
 */
static void
keep_row(struct node *n, struct ask *ask, const char *target, const struct admin_reply *reply)
{
    char token[ADMIN_PAGE_SIZE];
    text_format(token, sizeof token, "%s %010u", target, ask->rows->count);
    if (!rows_add(ask->rows, token, STINT_ID_NONE, reply)) {
        ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; try again", n->name);
    }
}

static void
keep_target(struct node *n, struct ask *ask, const char *target, bool ok, enum stint_status reason, const char *text)
{
    uint8_t bytes[stint_ExplainInfo_size];
    stint_ExplainInfo info = target_info(target, ok, reason, text);
    struct admin_reply reply = { .head = stint_Reply_init_zero };
    ADMIN_PUT_ID(info.id, ask->id);
    reply.head.kind = stint_ItemKind_ITEM_EXPLAIN;
    reply.head.item_size = (uint32_t)codec_write(stint_ExplainInfo_fields, &info, bytes, sizeof bytes);
    reply.item = span_of(bytes, reply.head.item_size);
    keep_row(n, ask, target, &reply);
}

/* Whether something is known already that keeps it from going there. */
static bool
is_refused(const struct ask *ask, const char *target)
{
    size_t length = strlen(target);
    for (uint32_t i = 0; i < ask->rows->count; i++) {
        if (strncmp(ask->rows->list[i].token, target, length) == 0 && ask->rows->list[i].token[length] == ' ') {
            return true;
        }
    }
    return false;
}

static void
finish_if_all(struct node *n, struct ask *ask)
{
    if (ask->ended || ask->part_count != 0) {
        return;
    }
    rows_sort(ask->rows);
    for (uint32_t i = 0; i < ask->rows->count; i++) {
        const struct row *row = &ask->rows->list[i];
        struct admin_reply reply = { .head = row->head, .item = span_of(row->bytes, row->item_size) };
        ask_relay_item(n, ask, &reply, NULL);
    }
    ask_end_page(n, ask, STINT_OK, "", false, "");
}

static void
target_item(struct node *n, struct ask *ask, const struct part *part,
            const struct admin_reply *reply)
{
    const char *target = node_name_of(n, part->node.id);
    stint_ExplainInfo info = stint_ExplainInfo_init_zero;
    if (!codec_read(reply->item, stint_ExplainInfo_fields, &info)) {
        return;
    }
    if (!info.target_ok || !is_refused(ask, target)) {
        keep_row(n, ask, target, reply);
    }
}

static void
target_end(struct node *n, struct ask *ask, const struct part *part, enum stint_status status,
           const char *detail)
{
    if (status != STINT_OK) {
        keep_target(n, ask, node_name_of(n, part->node.id), false, status,
                    detail[0] != 0 ? detail : stint_strerror(status));
    }
    finish_if_all(n, ask);
}

static void
targets_expired(struct node *n, struct ask *ask)
{
    LIST_EACH(link, &ask->parts) {
        struct part *part = STINT_CONTAINER_OF(link, struct part, link);
        keep_target(n, ask, node_name_of(n, part->node.id), false, STINT_UNREACHABLE,
                    "it did not answer in time");
    }
    part_drop_all(n, ask);
    finish_if_all(n, ask);
}

/* What is known here of a target, and what it says itself to the outline. False: the ask was ended. */
static bool
ask_target(struct node *n, struct ask *ask, const struct member *m, enum stint_status status, struct stint_span outline)
{
    if (node_ref_equal(m->ref, n->self)) {
        keep_target(n, ask, m->name, true, STINT_OK, "it is there");
        return !ask->ended;
    }
    if (!member_is_target(m)) {
        char text[128];
        text_format(text, sizeof text, "node %s is %s and takes no tasklets", m->name,
                    member_state_text(m->state));
        keep_target(n, ask, m->name, false,
                    m->state == stint_MemberState_MEMBER_DRAINING ? STINT_DRAINING : STINT_REFUSED,
                    text);
    }
    if (!peers_is_connected(n, m->ref.id) || detector_suspects(&n->detector, m->ref)) {
        keep_target(n, ask, m->name, false, STINT_UNREACHABLE, "it does not answer");
    } else if (status == STINT_LIMIT || outline.size > LIMIT_MESSAGE) {
        keep_target(n, ask, m->name, false, STINT_LIMIT,
                    "its outline is too large to be asked about");
    } else if (status == STINT_OK) {
        stint_Request request = ask_part_request(n, ask);
        request.total = kernel_pickle_estimate(n->kernel, ask->id);
        (void)stint_id_text(ask->id, request.target);
        return !ask->ended && part_send(n, ask, m->ref, &request, outline, false);
    } else {
        keep_target(n, ask, m->name, false, status, "it cannot be asked about, for the tasklet cannot be written down");
    }
    return !ask->ended;
}

static void
ask_targets(struct node *n, struct ask *ask, enum stint_status status, struct stint_span outline)
{
    struct node_ref only = NODE_REF_NONE;
    char detail[ADMIN_DETAIL_SIZE];
    if (ask->request.to[0] != 0) {
        enum stint_status found = admin_find_node(n, ask->request.to, &only, detail, sizeof detail);
        if (found != STINT_OK) {
            ask_end_page(n, ask, found, detail, false, "");
            return;
        }
    }
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        bool chosen = node_ref_is_none(only) ? !node_ref_equal(m->ref, n->self)
                                             : node_ref_equal(m->ref, only);
        if (member_is_living(m) && chosen && !ask_target(n, ask, m, status, outline)) {
            return;
        }
    }
    finish_if_all(n, ask);
}

static void
explain_here(struct node *n, struct ask *ask)
{
    struct kernel_tasklet_view view;
    const char *state;
    if (!admin_target(n, ask, &view, &state)) {
        return;
    }
    const struct move_record *move = moves_of_tasklet(n->moves, ask->id);
    stint_ExplainInfo head = stint_ExplainInfo_init_zero;
    struct explaining e = { n, ask, NULL, 0 };
    ask->rows = mem_zalloc(n->mem, sizeof *ask->rows);
    if (ask->rows == NULL) {
        ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; try again", n->name);
        return;
    }
    rows_init(ask->rows, n->mem, false);
    head.pickle_bytes = kernel_pickle_estimate(n->kernel, ask->id);
    bool fits = head.pickle_bytes / 2 <= n->pickle_max; /* an estimate: at most twice what it will be */
    head.movable = move == NULL && fits && admin_can_move(n, ask->id);
    emit(n, ask, &head);
    if (move != NULL) {
        stint_ExplainInfo info = stint_ExplainInfo_init_zero;
        text_copy(info.reason_code, sizeof info.reason_code, stint_status_name(STINT_BUSY));
        text_format(info.text, sizeof info.text, "it is being moved to node %s now",
                    node_name_of(n, move->to.id));
        emit(n, ask, &info);
    }
    (void)kernel_explain(n->kernel, ask->id, tell, &e);
    if (!fits) {
        tell(&e, STINT_LIMIT, "its pickle would be larger than its own node allows", UINT32_MAX);
    }
    struct buf outline;
    buf_init(&outline, n->mem, LIMIT_MESSAGE);
    enum stint_status status = kernel_outline(n->kernel, ask->id, &outline);
    ask->on_item = target_item;
    ask->on_part = target_end;
    ask->expired = targets_expired;
    ask_targets(n, ask, status, buf_span(&outline));
    buf_fini(&outline);
}

/* ---- at a node that it could go to ---- */

static void
explain_outline(struct node *n, struct ask *ask)
{
    struct explaining e = { n, ask, n->name, 0 };
    char detail[MOVE_DETAIL_SIZE];
    if (stint_id_parse(ask->request.target, &ask->id) != STINT_OK) {
        ask_end(n, ask, STINT_INVALID, "malformed request: an executor is given the whole id");
        return;
    }
    (void)kernel_explain_pickle(n->kernel, span_of(ask->body, ask->body_size), tell, &e);
    if (n->stop_requested) { /* the view may not say so yet */
        tell(&e, STINT_DRAINING, "the node is leaving", UINT32_MAX);
    }
    if (!mover_pickle_fits(n, ask->request.total, detail, sizeof detail)) {
        tell(&e, STINT_LIMIT, detail, UINT32_MAX);
    }
    if (!mover_memory_fits(n, ask->request.total, detail, sizeof detail)) {
        tell(&e, STINT_NO_MEMORY, detail, UINT32_MAX);
    }
    if (e.told == 0) {
        stint_ExplainInfo info = target_info(n->name, true, STINT_OK, "");
        emit(n, ask, &info);
    }
    ask_end_page(n, ask, STINT_OK, "", false, "");
}

void
admin_explain(struct node *n, struct ask *ask)
{
    if (ask->body_size != 0) {
        explain_outline(n, ask);
    } else {
        explain_here(n, ask);
    }
}
