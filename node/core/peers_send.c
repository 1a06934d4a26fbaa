/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes out: over a session as far as its window reaches, else into a bounded backlog. What this node sends to itself takes
 * the same way, without a session.
 */
#include "base/ids.h"
#include "core/peers.h"

#define OFFERS_WAITING_MAX ((size_t)256 << 10) /* what a client's replies may need is kept free of offers */

void
conn_drain(struct node *n, struct conn *c)
{
    struct stint_span rest = buf_span(&c->backlog);
    struct envelope envelope;
    struct stint_span body;
    size_t all = rest.size;
    while (rest.size != 0) {
        struct stint_span before = rest;
        if (envelope_next(&rest, &envelope, &body) != STINT_OK ||
            session_send(c->session, &envelope, body) != STINT_OK) {
            rest = before;
            break;
        }
    }
    buf_consume(&c->backlog, all - rest.size);
    if (c->resync && c->backlog.size == 0) {
        c->resync = false;
        struct envelope again = { .kind = ENVELOPE_CONTROL, .op = CONTROL_RESYNC };
        (void)!session_send(c->session, &again, span_of(NULL, 0));
        remote_resync(n, c->expect.id);
        guest_tell(n, c->expect.id);
    }
}

/* STINT_FULL: it does not fit anywhere; anything else but STINT_OK: the session is over. */
static enum stint_status
send_over(struct node *n, struct conn *c, const struct envelope *envelope, struct stint_span body)
{
    conn_mark_dirty(n, c);
    if (c->backlog.size == 0) {
        enum stint_status status = session_send(c->session, envelope, body);
        if (status != STINT_FULL && status != STINT_NO_MEMORY) {
            return status;
        }
    }
    if (envelope_append(&c->backlog, envelope, body) == STINT_OK) {
        return STINT_OK;
    }
    c->backlog.failed = false;
    return STINT_FULL;
}

static void
loop_back(struct node *n, const struct envelope *envelope, struct stint_span body)
{
    struct looped *l = mem_alloc(n->mem, sizeof *l + body.size);
    if (l == NULL) {
        remote_again(n, envelope->source, envelope->target);
        return;
    }
    l->envelope = *envelope;
    l->size = body.size;
    bytes_copy(l->body, body.data, body.size);
    list_push_back(&n->peers->loop, &l->link);
}

void
peers_send(struct node *n, struct stint_id to, const struct envelope *envelope, struct stint_span body)
{
    if (id_equal(to, n->self.id)) {
        loop_back(n, envelope, body);
        return;
    }
    struct conn *c = table_find(&n->peers->by_node, to);
    if (c == NULL || c->session == NULL) {
        return;
    }
    enum stint_status status = send_over(n, c, envelope, body);
    if (status == STINT_FULL && !c->resync) {
        node_log(n, NODE_LOG_WARN, "the backlog to node %s is full: what does not fit is offered again later",
                 node_name_of(n, to));
    }
    c->resync = c->resync || status != STINT_OK;
}

bool
peers_reply(struct node *n, uint64_t conn, const struct envelope *envelope, struct stint_span body)
{
    struct conn *c = table_find(&n->peers->by_serial, id_of_u64(conn));
    if (c == NULL || c->session == NULL || c->closing) {
        return false;
    }
    enum stint_status status = send_over(n, c, envelope, body);
    if (status == STINT_FULL) {
        session_close(c->session, STINT_LIMIT, "the client does not take its replies");
    }
    return status == STINT_OK;
}

bool
peers_offer(struct node *n, uint64_t conn, const struct envelope *envelope, struct stint_span body)
{
    struct conn *c = table_find(&n->peers->by_serial, id_of_u64(conn));
    bool takes = c != NULL && c->session != NULL && !c->closing && c->backlog.size < OFFERS_WAITING_MAX;
    return takes && send_over(n, c, envelope, body) == STINT_OK;
}

bool
peers_settle(struct node *n)
{
    struct list batch;
    list_init(&batch);
    list_splice_back(&batch, &n->peers->loop);
    bool any = !list_is_empty(&batch);
    struct list *link;
    while ((link = list_pop_front(&batch)) != NULL) {
        struct looped *l = STINT_CONTAINER_OF(link, struct looped, link);
        struct arrival a = { .from = n->self,
                             .role = ROLE_NODE,
                             .by = n->name,
                             .envelope = l->envelope,
                             .body = span_of(l->body, l->size) };
        node_dispatch(n, &a);
        mem_free(n->mem, l, sizeof *l + l->size);
    }
    return any;
}
