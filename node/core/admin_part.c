/* SPDX-License-Identifier: Apache-2.0 */
/* Parts: what an entry asks of executors. One executor whose answer is relayed, or all of them,
 * whose items are gathered. */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "core/codec.h"

/* ---- sending ---- */

stint_Request
ask_part_request(const struct node *n, const struct ask *ask)
{
    stint_Request request = ask->request;
    request.forwarded = true;
    uint32_t left = ask_left_ms(n, ask);
    request.timeout_ms = ask->extended && left > ADMIN_GRACE_MS ? left - ADMIN_GRACE_MS : left;
    return request;
}

static void
free_part(struct node *n, struct ask *ask, struct part *part)
{
    (void)table_remove(&n->admin->parts, id_of_u64(part->serial));
    list_remove(&part->link);
    list_remove(&part->all);
    mem_free(n->mem, part, sizeof *part);
    ask->part_count--;
}

void
part_drop_all(struct node *n, struct ask *ask)
{
    LIST_EACH(link, &ask->parts) {
        free_part(n, ask, STINT_CONTAINER_OF(link, struct part, link));
    }
}

static struct part *
new_part(struct node *n, struct ask *ask, struct node_ref to, bool plain)
{
    struct admin *m = n->admin;
    struct part *part = table_count(&m->parts) < ADMIN_PARTS_MAX ? mem_zalloc(n->mem, sizeof *part)
                                                                 : NULL;
    if (part == NULL) {
        return NULL;
    }
    part->serial = m->next_serial++;
    part->ask = ask->serial;
    part->node = to;
    part->plain = plain;
    if (table_insert(&m->parts, id_of_u64(part->serial), part) != STINT_OK) {
        mem_free(n->mem, part, sizeof *part);
        return NULL;
    }
    list_push_back(&ask->parts, &part->link);
    list_push_back(&m->parts_order, &part->all);
    ask->part_count++;
    return part;
}

bool
part_send(struct node *n, struct ask *ask, struct node_ref to, const stint_Request *request,
          struct stint_span body, bool plain)
{
    struct buf *b = &n->admin->scratch;
    uint8_t head[stint_Request_size];
    size_t size = codec_write(stint_Request_fields, request, head, sizeof head);
    buf_reset(b);
    struct part *part = NULL;
    if (buf_put_u16(b, (uint16_t)size) && buf_append(b, head, size) && buf_append_span(b, body)) {
        part = new_part(n, ask, to, plain);
    }
    if (part == NULL) {
        ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; try again", n->name);
        return false;
    }
    struct envelope envelope = { .kind = ENVELOPE_REQUEST, .number = part->serial };
    peers_send(n, to.id, &envelope, buf_span(b));
    return true;
}

/* ---- receiving ---- */

static void
part_ended(struct node *n, struct ask *ask, struct part *part, enum stint_status status,
           const char *detail)
{
    struct part copy = *part;
    free_part(n, ask, part);
    if (!copy.plain || status != STINT_OK) {
        ask->on_part(n, ask, &copy, status, detail);
    }
}

static bool
read_reply(const struct arrival *a, struct admin_reply *reply)
{
    struct reader reader;
    reader_init(&reader, a->body);
    struct stint_span head = reader_bytes(&reader, reader_u16(&reader));
    reply->head = (stint_Reply)stint_Reply_init_zero;
    if (reader.failed || !codec_read(head, stint_Reply_fields, &reply->head) ||
        reply->head.status >= STINT_STATUS_COUNT_) {
        return false;
    }
    reply->word = a->envelope.word;
    reply->item = reader_bytes(&reader, reply->head.item_size);
    reply->payload = reader.rest;
    return !reader.failed;
}

void
part_reply(struct node *n, const struct arrival *a)
{
    struct part *part = table_find(&n->admin->parts, id_of_u64(a->envelope.number));
    struct ask *ask = part != NULL ? ask_find(n, part->ask) : NULL;
    if (ask == NULL || !node_ref_equal(part->node, a->from)) {
        return; /* late: nobody waits for it */
    }
    struct admin_reply reply;
    if (!read_reply(a, &reply)) {
        node_log(n, NODE_LOG_WARN, "malformed reply from node %s", a->by);
        part_ended(n, ask, part, STINT_BAD_FRAME, "it answered with a malformed reply");
        return;
    }
    if (reply.head.kind != stint_ItemKind_ITEM_NONE && ask->on_item != NULL) {
        ask->on_item(n, ask, part, &reply);
    }
    if (reply.head.end && !ask->ended) {
        ask->truncated = ask->truncated || reply.head.truncated;
        part_ended(n, ask, part, (enum stint_status)reply.head.status, reply.head.detail);
    }
}

void
part_view(struct node *n, const struct view *next)
{
    struct admin *m = n->admin;
    LIST_EACH(link, &m->parts_order) {
        struct part *part = STINT_CONTAINER_OF(link, struct part, all);
        if (!view_has(next, part->node)) {
            part->doomed = true; /* ending one may free others: marked first */
        }
    }
    bool any = true;
    while (any) {
        any = false;
        LIST_EACH(link, &m->parts_order) {
            struct part *part = STINT_CONTAINER_OF(link, struct part, all);
            if (part->doomed) {
                part_ended(n, ask_find(n, part->ask), part, STINT_UNREACHABLE,
                           "it went down meanwhile");
                any = true;
                break;
            }
        }
    }
}

/* ---- one executor ---- */

static void
relay_item(struct node *n, struct ask *ask, const struct part *part,
           const struct admin_reply *reply)
{
    (void)part;
    ask_relay_item(n, ask, reply, NULL);
}

static void
relay_end(struct node *n, struct ask *ask, const struct part *part, enum stint_status status,
          const char *detail)
{
    bool placed = ask->verb->scope == SCOPE_TASKLET || ask->verb->scope == SCOPE_CHANNEL;
    if (placed && ask->sent == 0 && status == STINT_NOT_HERE) {
        ask_find_again(n, ask);
    } else if (status == STINT_UNREACHABLE && !view_has(n->view, part->node)) {
        ask_end(n, ask, ask->verb->changes ? STINT_OUTCOME_UNKNOWN : STINT_UNREACHABLE,
                "node %s went down while it was doing `%s`", node_name_of(n, part->node.id),
                ask->verb->name);
    } else {
        ask_end_page(n, ask, status, detail, ask->truncated, "");
    }
}

static void
relay_expired(struct node *n, struct ask *ask)
{
    ask_end(n, ask, ask->verb->changes ? STINT_OUTCOME_UNKNOWN : STINT_UNREACHABLE,
            "node %s did not answer in time; look with `stint node list` whether it is well",
            node_name_of(n, ask->where.id));
}

void
ask_forward(struct node *n, struct ask *ask, struct node_ref where)
{
    stint_Request request = ask_part_request(n, ask);
    ask->where = where;
    if (ask->verb->scope == SCOPE_TASKLET || ask->verb->scope == SCOPE_CHANNEL) {
        (void)stint_id_text(ask->id, request.target);
    }
    ask->on_item = relay_item;
    ask->on_part = relay_end;
    ask->asked_ns = n->now_ns;
    ask->expired = relay_expired;
    if (!ask->extended) {
        ask->extended = true;
        ask_set_deadline(n, ask, ask->deadline + (uint64_t)ADMIN_GRACE_MS * 1000000);
    }
    (void)part_send(n, ask, where, &request, span_of(ask->body, ask->body_size), false);
}

/* ---- all of them ---- */

static void
note_failure(struct node *n, struct ask *ask, struct node_ref node, enum stint_status status,
             const char *detail)
{
    (void)n;
    ask->failed++;
    if (ask->status == STINT_OK) {
        ask->status = status;
    }
    size_t at = strlen(ask->detail);
    if (status == STINT_INVALID && detail[0] != 0) { /* of the request: each node says the same */
        if (strstr(ask->detail, detail) == NULL) {
            (void)text_format(ask->detail + at, sizeof ask->detail - at, "%s%s",
                              at == 0 ? "" : "; ", detail);
        }
    } else if (at + 1 < sizeof ask->detail) {
        (void)text_format(ask->detail + at, sizeof ask->detail - at, "%snode %s: %s",
                          at == 0 ? "" : "; ", node_name_of(n, node.id),
                          detail[0] != 0 ? detail : stint_strerror(status));
    }
}

void
ask_end_gathered(struct node *n, struct ask *ask, const char *page)
{
    enum stint_status status = ask->status;
    bool partly = ask->failed > 0 && (ask->answered > 0 || ask->sent > 0);
    if (partly) {
        status = STINT_PARTIAL;
    }
    ask_end_page(n, ask, status, ask->detail, ask->truncated || partly, page);
}

/* The items in their order. */
static void
emit_rows(struct node *n, struct ask *ask)
{
    struct rows *rows = ask->rows;
    char page[ADMIN_PAGE_SIZE] = "";
    ask->truncated = rows_cut(rows, admin_limit(&ask->request)) || ask->truncated;
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->list[i];
        struct admin_reply reply = { .head = row->head,
                                     .item = span_of(row->bytes, row->item_size),
                                     .payload = span_of(row->bytes + row->item_size,
                                                        row->size - row->item_size) };
        ask_relay_item(n, ask, &reply, NULL);
    }
    if (ask->truncated && rows->count > 0) {
        text_copy(page, sizeof page, rows->list[rows->count - 1].token);
    }
    ask_end_gathered(n, ask, page);
}

static void
finish_gathering(struct node *n, struct ask *ask)
{
    if (ask->gathered != NULL) {
        ask->gathered(n, ask);
    } else {
        emit_rows(n, ask);
    }
}

static void
gather_item(struct node *n, struct ask *ask, const struct part *part,
            const struct admin_reply *reply)
{
    struct rows *rows = ask->rows;
    char token[ADMIN_PAGE_SIZE];
    text_copy(token, sizeof token, reply->head.page);
    if (token[0] == 0) {
        rows_place_token(token, part->node.inc, rows->count);
    }
    if (!rows_add(rows, token, STINT_ID_NONE, reply)) {
        ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; ask for fewer with --limit",
                n->name);
        return;
    }
    if (ask->rows_keep != 0 && rows->count >= 2 * ask->rows_keep + 64) {
        ask->truncated = rows_cut(rows, ask->rows_keep) || ask->truncated;
    }
}

static void
gather_end(struct node *n, struct ask *ask, const struct part *part, enum stint_status status,
           const char *detail)
{
    if (status == STINT_OK) {
        ask->answered++;
    } else {
        note_failure(n, ask, part->node, status, detail);
    }
    if (ask->part_count == 0) {
        finish_gathering(n, ask);
    }
}

static void
gather_expired(struct node *n, struct ask *ask)
{
    LIST_EACH(link, &ask->parts) {
        struct part *part = STINT_CONTAINER_OF(link, struct part, link);
        note_failure(n, ask, part->node, STINT_UNREACHABLE, "did not answer in time");
    }
    part_drop_all(n, ask);
    finish_gathering(n, ask);
}

/* Whether this member can be asked at all. What is known to be silent is not waited for. */
static bool
can_be_asked(const struct node *n, const struct member *m)
{
    return id_equal(m->ref.id, n->self.id) ||
           (peers_is_connected(n, m->ref.id) && !detector_suspects(&n->detector, m->ref));
}

static void
ask_members(struct node *n, struct ask *ask, const stint_Request *request)
{
    struct node_ref only = NODE_REF_NONE;
    if (request->on[0] != 0) {
        char detail[ADMIN_DETAIL_SIZE];
        enum stint_status status = admin_find_node(n, request->on, &only, detail, sizeof detail);
        if (status != STINT_OK) {
            ask_end(n, ask, status, "%s", detail);
            return;
        }
    }
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        if (!member_is_living(m) || m->state == stint_MemberState_MEMBER_JOINING ||
            (!node_ref_is_none(only) && !node_ref_equal(only, m->ref))) {
            continue;
        }
        if (!can_be_asked(n, m)) {
            note_failure(n, ask, m->ref, STINT_UNREACHABLE, "does not answer");
        } else if (!part_send(n, ask, m->ref, request, span_of(ask->body, ask->body_size), false)) {
            return;
        }
    }
    if (ask->part_count == 0) {
        finish_gathering(n, ask);
    }
}

void
ask_gather(struct node *n, struct ask *ask, const stint_Request *request, ask_fn *gathered)
{
    if (ask->rows == NULL) {
        ask->rows = mem_zalloc(n->mem, sizeof *ask->rows);
        if (ask->rows == NULL) {
            ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; try again", n->name);
            return;
        }
    }
    rows_fini(ask->rows);
    rows_init(ask->rows, n->mem, request->sort[0] == '-');
    ask->gathered = gathered;
    ask->rows_keep = gathered == NULL ? admin_limit(&ask->request) : 0;
    ask->answered = 0;
    ask->failed = 0;
    ask->status = STINT_OK;
    ask->detail[0] = 0;
    ask->truncated = false;
    ask->on_item = gather_item;
    ask->on_part = gather_end;
    ask->expired = gather_expired;
    ask_members(n, ask, request);
}
