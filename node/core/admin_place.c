/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where something new is to be. A request that names no node is done by the one it comes to first;
 * a retry may come to another. So that it takes effect once all the same, the home of the request's
 * id (as of any id) keeps for a while which node does it: the entry proposes itself, and is told
 * who was first. Should the home fail, the entry goes ahead.
 */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "core/codec.h"

#define PLACEMENTS_MAX 65536u
#define PLACEMENT_NS (UINT64_C(90) * 1000000000) /* longer than answers are kept for retries */
#define HOME_PATIENCE_NS (UINT64_C(1000) * 1000000)

struct placement {
    struct list link;
    struct stint_id request;
    struct node_ref node;
    uint64_t expires;
};

static void
free_placement(struct node *n, struct placement *p)
{
    (void)table_remove(&n->admin->placements, p->request);
    list_remove(&p->link);
    mem_free(n->mem, p, sizeof *p);
}

void
place_tick(struct node *n)
{
    LIST_EACH(link, &n->admin->placements_order) {
        struct placement *p = STINT_CONTAINER_OF(link, struct placement, link);
        if (p->expires > n->now_ns) {
            break;
        }
        free_placement(n, p);
    }
}

void
place_fini(struct node *n)
{
    LIST_EACH(link, &n->admin->placements_order) {
        free_placement(n, STINT_CONTAINER_OF(link, struct placement, link));
    }
}

/* Who does it: whoever was named first and is still there. Without memory for it: the one that is
 * proposed. */
static struct node_ref
first_of(struct node *n, struct stint_id request, struct node_ref proposed)
{
    struct admin *m = n->admin;
    struct placement *p = table_find(&m->placements, request);
    if (p != NULL && view_has(n->view, p->node)) {
        return p->node;
    }
    if (p != NULL) {
        free_placement(n, p);
    } else if (table_count(&m->placements) >= PLACEMENTS_MAX) {
        free_placement(
            n, STINT_CONTAINER_OF(list_first(&m->placements_order), struct placement, link));
    }
    p = mem_zalloc(n->mem, sizeof *p);
    if (p == NULL) {
        return proposed;
    }
    p->request = request;
    p->node = proposed;
    p->expires = n->now_ns + PLACEMENT_NS;
    if (table_insert(&m->placements, request, p) != STINT_OK) {
        mem_free(n->mem, p, sizeof *p);
        return proposed;
    }
    list_push_back(&m->placements_order, &p->link);
    return proposed;
}

/* At the home: `dry_run` of a request that makes something asks who does it; `to` is who is
 * proposed. */
void
place_register(struct node *n, struct ask *ask)
{
    const struct member *proposed = view_named(n->view, ask->request.to);
    stint_SpawnInfo info = stint_SpawnInfo_init_zero;
    if (proposed == NULL || ask->request.id.size != sizeof(struct stint_id)) {
        ask_end(n, ask, STINT_INVALID, "malformed request: nobody is proposed");
        return;
    }
    struct node_ref first = first_of(n, codec_id(ask->request.id.bytes), proposed->ref);
    text_copy(info.node, sizeof info.node, node_name_of(n, first.id));
    ask_item(n, ask, stint_ItemKind_ITEM_SPAWN, stint_SpawnInfo_fields, &info, span_of(NULL, 0),
             NULL);
    ask_end_page(n, ask, STINT_OK, "", false, "");
}

/* ---- at the entry ---- */

bool
admin_place(struct node *n, struct ask *ask, struct node_ref *where)
{
    char detail[ADMIN_DETAIL_SIZE] = "";
    enum stint_status status = admin_find_node(n, ask->request.on, where, detail, sizeof detail);
    if (status != STINT_OK) {
        ask_end(n, ask, status, "%s", detail);
        return false;
    }
    const struct member *me = view_member(n->view, n->self);
    if (ask->request.on[0] == 0 && (me == NULL || !member_is_target(me))) {
        struct node_ref other = admin_least_loaded(n, n->self.id, NULL);
        *where = node_ref_is_none(other) ? *where : other;
    }
    return true;
}

static void
go_ahead(struct node *n, struct ask *ask)
{
    part_drop_all(n, ask);
    heap_remove(&n->admin->wakes, &ask->wake);
    ask_forward(n, ask, ask->where);
}

static void
home_item(struct node *n, struct ask *ask, const struct part *part, const struct admin_reply *reply)
{
    stint_SpawnInfo info = stint_SpawnInfo_init_zero;
    (void)part;
    if (codec_read(reply->item, stint_SpawnInfo_fields, &info)) {
        const struct member *m = view_named(n->view, info.node);
        ask->where = m != NULL ? m->ref : ask->where;
    }
}

static void
home_end(struct node *n, struct ask *ask, const struct part *part, enum stint_status status,
         const char *detail)
{
    (void)part;
    (void)status;
    (void)detail;
    go_ahead(n, ask);
}

void
admin_place_enter(struct node *n, struct ask *ask)
{
    struct node_ref where;
    ask->request.dry_run = false;
    if (ask->request.id.size != sizeof(struct stint_id)) {
        ask_end(n, ask, STINT_INVALID, "malformed request: it has no id");
        return;
    }
    if (!admin_place(n, ask, &where)) {
        return;
    }
    struct stint_id id = codec_id(ask->request.id.bytes);
    struct node_ref home = view_home(n->view, id);
    ask->where = where;
    if (ask->request.on[0] != 0 || node_ref_is_none(home)) {
        ask_forward(n, ask, where);
        return;
    }
    if (node_ref_equal(home, n->self)) {
        ask_forward(n, ask, first_of(n, id, where));
        return;
    }
    stint_Request request = ask_part_request(n, ask);
    request.dry_run = true;
    text_copy(request.to, sizeof request.to, node_name_of(n, where.id));
    ask->on_item = home_item;
    ask->on_part = home_end;
    if (part_send(n, ask, home, &request, span_of(NULL, 0), false)) {
        ask_wake(n, ask, HOME_PATIENCE_NS, go_ahead);
    }
}
