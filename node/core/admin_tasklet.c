/* SPDX-License-Identifier: Apache-2.0 */
/* Tasklets: lists, descriptions, stacks; kill, pause, resume. */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "kernel/code.h"

/* ---- list ---- */

struct listing {
    struct selector selector;
    int sort; /* field, or -1: the node's own order */
    const char *sort_key; /* of a field of a family */
    bool descending;
    const char *page;
    uint32_t limit;
    bool all;
};

/* False: the ask was ended. */
static bool
begin_listing(struct node *n, struct ask *ask, struct listing *l)
{
    char detail[ADMIN_DETAIL_SIZE];
    const stint_Request *r = &ask->request;
    *l = (struct listing){ .sort = -1, .page = r->page, .limit = admin_limit(r), .all = r->all };
    if (selector_parse(&l->selector, r->selector, admin_tasklet_fields, admin_tasklet_field_count,
                       detail, sizeof detail) != STINT_OK) {
        ask_end_page(n, ask, STINT_INVALID, detail, false, "");
        return false;
    }
    const char *sort = r->sort;
    if (sort[0] != 0) {
        l->descending = sort[0] == '-';
        sort += l->descending ? 1 : 0;
        l->sort = selector_field_find(admin_tasklet_fields, admin_tasklet_field_count, sort,
                                      strlen(sort));
        if (l->sort < 0) {
            ask_end(n, ask, STINT_INVALID,
                    "tasklets cannot be sorted by `%s`; name one of their fields", sort);
            return false;
        }
        size_t family = strlen(admin_tasklet_fields[l->sort].name);
        l->sort_key = strlen(sort) > family ? sort + family : "";
    }
    if (l->page[0] != 0 && l->page[0] != (l->sort < 0 ? 'n' : 's')) {
        ask_end(n, ask, STINT_INVALID, "the page token belongs to a list in another order");
        return false;
    }
    return true;
}

static bool
wanted(struct node *n, const struct listing *l, const struct kernel_tasklet_view *view,
       const char **state)
{
    if (((view->flags & KERNEL_SYSTEM) != 0 && !l->all) || !admin_state_of(n, view, state)) {
        return false;
    }
    struct admin_tasklet_look look = { n, view, *state };
    return selector_matches(&l->selector, admin_tasklet_get, &look);
}

static void
emit_tasklet(struct node *n, struct ask *ask, const struct kernel_tasklet_view *view,
             const char *state, const char *page)
{
    stint_TaskletInfo info;
    admin_tasklet_info(n, view, state, &info);
    ask_item(n, ask, stint_ItemKind_ITEM_TASKLET, stint_TaskletInfo_fields, &info, span_of(NULL, 0),
             page);
}

/* In the kernel's order, from where the page ended: as far as the limit goes. */
static void
list_in_order(struct node *n, struct ask *ask, const struct listing *l)
{
    struct kernel_tasklet_view view;
    const char *state;
    uint64_t inc;
    uint32_t cursor = 0;
    if (l->page[0] != 0) {
        if (!rows_parse_place(l->page, &inc, &cursor)) {
            ask_end(n, ask, STINT_INVALID, "malformed page token");
            return;
        }
        cursor = inc == n->self.inc ? cursor : inc < n->self.inc ? 0 : UINT32_MAX;
    }
    while (cursor != UINT32_MAX && kernel_each_tasklet(n->kernel, &cursor, &view)) {
        if (!wanted(n, l, &view, &state)) {
            continue;
        }
        if (ask->sent == l->limit) {
            ask->truncated = true;
            break;
        }
        char token[ADMIN_PAGE_SIZE];
        rows_place_token(token, n->self.inc, cursor);
        emit_tasklet(n, ask, &view, state, token);
    }
    ask_end_page(n, ask, STINT_OK, "", ask->truncated, "");
}

static void
sort_token(struct node *n, const struct listing *l, const struct kernel_tasklet_view *view,
           const char *state, char token[ADMIN_PAGE_SIZE])
{
    struct admin_tasklet_look look = { n, view, state };
    struct selector_value value = { .key = l->sort_key };
    admin_tasklet_get(&look, (uint32_t)l->sort, &value);
    if (admin_tasklet_fields[l->sort].number) {
        rows_number_token(token, value.number, view->id);
    } else {
        rows_text_token(token, value.text, view->id);
    }
}

/* All that fit are looked at, the first ones kept. */
static void
list_sorted(struct node *n, struct ask *ask, const struct listing *l)
{
    struct rows rows;
    struct kernel_tasklet_view view;
    const char *state;
    uint32_t cursor = 0;
    bool ok = true;
    rows_init(&rows, n->mem, l->descending);
    while (ok && kernel_each_tasklet(n->kernel, &cursor, &view)) {
        char token[ADMIN_PAGE_SIZE];
        if (!wanted(n, l, &view, &state)) {
            continue;
        }
        sort_token(n, l, &view, state, token);
        int order = strcmp(token, l->page);
        if (l->page[0] != 0 && (l->descending ? order >= 0 : order <= 0)) {
            continue;
        }
        ok = rows_add(&rows, token, view.id, NULL);
        if (rows.count >= 2 * l->limit + 64) {
            ask->truncated = rows_cut(&rows, l->limit) || ask->truncated;
        }
    }
    ask->truncated = rows_cut(&rows, l->limit) || ask->truncated;
    for (uint32_t i = 0; i < rows.count; i++) {
        if (admin_resident(n, rows.list[i].id, &view, &state)) {
            emit_tasklet(n, ask, &view, state, rows.list[i].token);
        }
    }
    rows_fini(&rows);
    ask_end_page(n, ask, ok ? STINT_OK : STINT_NO_MEMORY, "", ask->truncated, "");
}

void
admin_tasklet_list(struct node *n, struct ask *ask)
{
    struct listing l;
    if (!begin_listing(n, ask, &l)) {
        return;
    }
    if (l.sort < 0) {
        list_in_order(n, ask, &l);
    } else {
        list_sorted(n, ask, &l);
    }
}

/* ---- one ---- */

void
admin_describe_enter(struct node *n, struct ask *ask)
{
    bool full;
    if (ask->role == ROLE_CLIENT && (!admin_is_hex(ask->request.target, &full) || !full)) {
        ask_end(n, ask, STINT_NOT_AUTHORISED,
                "a client describes only tasklets of which it knows the whole id");
        return;
    }
    ask_enter_scope(n, ask);
}

void
admin_describe(struct node *n, struct ask *ask)
{
    struct kernel_tasklet_view view;
    const char *state;
    if (admin_target(n, ask, &view, &state)) {
        emit_tasklet(n, ask, &view, state, NULL);
        ask_end_page(n, ask, STINT_OK, "", false, "");
    }
}

/* False: the locals do not fit into a reply. */
static bool
emit_frame(struct node *n, struct ask *ask, struct stint_id tasklet,
           const struct kernel_frame_view *frame)
{
    char type[TYPE_NAME_SIZE];
    struct buf locals;
    stint_FrameInfo info = stint_FrameInfo_init_zero;
    ADMIN_PUT_ID(info.tasklet, tasklet);
    text_copy(info.node, sizeof info.node, n->name);
    text_copy(info.code, sizeof info.code, frame->code->name);
    text_copy(info.module, sizeof info.module, frame->code->module->definition->name);
    text_copy(info.file, sizeof info.file, frame->file != NULL ? frame->file : "");
    info.line = frame->line;
    text_copy(info.label, sizeof info.label, frame->label != NULL ? frame->label : "");
    bool shown = ask->role == ROLE_OPERATOR;
    text_copy(info.type, sizeof info.type, shown ? type_name(frame->code->locals, type) : "");
    buf_init(&locals, n->mem, LIMIT_MESSAGE);
    enum stint_status status = shown ? type_encode(frame->code->locals, frame->locals, &locals)
                                     : STINT_OK;
    if (status == STINT_OK) {
        ask_item(n, ask, stint_ItemKind_ITEM_FRAME, stint_FrameInfo_fields, &info,
                 buf_span(&locals), NULL);
    }
    buf_fini(&locals);
    return status == STINT_OK;
}

void
admin_stack(struct node *n, struct ask *ask)
{
    struct kernel_tasklet_view view;
    struct kernel_frame_view frame;
    const char *state;
    if (!admin_target(n, ask, &view, &state)) {
        return;
    }
    struct stint_id tasklet = view.id;
    for (uint32_t i = view.frames; i > 0; i--) {
        if (kernel_frame(n->kernel, tasklet, i - 1, &frame) != STINT_OK) {
            continue;
        }
        if (!emit_frame(n, ask, tasklet, &frame)) {
            ask_end(n, ask, STINT_LIMIT,
                    "the locals of frame %u (%s) of tasklet %s do not fit into an answer", i - 1,
                    frame.code->name, ask->request.target);
            return;
        }
    }
    ask_end_page(n, ask, STINT_OK,
                 ask->role == ROLE_OPERATOR ? "" : "values of locals are shown to operators only",
                 false, "");
}

/* ---- kill, pause, resume ---- */

void
admin_control_tasklet(struct node *n, struct ask *ask)
{
    struct kernel_tasklet_view view;
    const char *state;
    enum stint_status status = STINT_OK;
    if (!admin_target(n, ask, &view, &state)) {
        return;
    }
    if (view.state == KERNEL_FROZEN) { /* settled in a moment: here, or elsewhere */
        ask_wake(n, ask, ADMIN_AGAIN_NS, admin_control_tasklet);
        return;
    }
    switch (ask->verb->verb) {
    case stint_Verb_VERB_TASKLET_KILL:
        status = kernel_kill(n->kernel, ask->id, ask->request.pending);
        break;
    case stint_Verb_VERB_TASKLET_PAUSE:
        status = kernel_pause(n->kernel, ask->id);
        break;
    case stint_Verb_VERB_TASKLET_RESUME:
        status = kernel_resume(n->kernel, ask->id);
        break;
    default:
        status = STINT_INVALID;
        break;
    }
    if (status == STINT_BUSY) {
        ask_wake(n, ask, ADMIN_AGAIN_NS, admin_control_tasklet);
        return;
    }
    node_record(n, "%s %s by %s: %s", ask->verb->name, ask->request.target,
             ask->request.by, ask->request.reason);
    if (status == STINT_OK) {
        ask_end_page(n, ask, STINT_OK, "", false, "");
    } else {
        ask_end(n, ask, status, "cannot %s %s on node %s: %s", ask->verb->name, ask->request.target,
                n->name, stint_strerror(status));
    }
}
