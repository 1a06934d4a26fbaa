/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links and sessions. To every other member this node keeps one outbound connection, over which it sends; what members
 * send to it comes over their outbound connections, inbound here. Clients are inbound too, and are answered over
 * the connection they came by.
 */
#include <string.h>

#include "base/ids.h"
#include "base/text.h"
#include "core/peers.h"

#define BACKLOG_PEER_MAX ((size_t)64 << 20)
#define BACKLOG_CLIENT_MAX ((size_t)8 << 20)
#define REOPEN_NS (UINT64_C(500) * 1000000)
#define FORGET_NS ((uint64_t)LIMIT_RELATION_EXPIRY_MS * 1000000)
#define FOREVER UINT64_MAX

enum stint_status
peers_init(struct node *n)
{
    struct peers *p = mem_zalloc(n->mem, sizeof *p);
    if (p == NULL) {
        return STINT_NO_MEMORY;
    }
    list_init(&p->conns);
    list_init(&p->dirty);
    list_init(&p->loop);
    heap_init(&p->timers, n->mem);
    table_init(&p->by_link, n->mem, prng_next(&n->random));
    table_init(&p->by_serial, n->mem, prng_next(&n->random));
    table_init(&p->by_nonce, n->mem, prng_next(&n->random));
    table_init(&p->by_node, n->mem, prng_next(&n->random));
    p->next_link = 1;
    p->next_serial = 1;
    n->peers = p;
    return STINT_OK;
}

struct stint_id
conn_nonce(const struct session_key *key)
{
    struct stint_id id;
    memcpy(id.bytes, key->nonce, sizeof id.bytes);
    return id;
}

void
conn_unbind(struct node *n, struct conn *c)
{
    if (c->number != 0 && table_find(&n->peers->by_link, id_of_u64(c->number)) == c) {
        (void)table_remove(&n->peers->by_link, id_of_u64(c->number));
    }
}

static void
free_conn(struct node *n, struct conn *c)
{
    struct peers *p = n->peers;
    conn_unbind(n, c);
    (void)table_remove(&p->by_serial, id_of_u64(c->serial));
    if (c->outbound) {
        if (table_find(&p->by_node, c->expect.id) == c) {
            (void)table_remove(&p->by_node, c->expect.id);
        }
    } else {
        struct session_key key;
        session_get_key(c->session, &key);
        if (table_find(&p->by_nonce, conn_nonce(&key)) == c) {
            (void)table_remove(&p->by_nonce, conn_nonce(&key));
        }
        p->inbound--;
        p->preauth -= c->counted ? 1 : 0;
    }
    heap_remove(&p->timers, &c->timer);
    list_remove(&c->link);
    list_remove(&c->dirty);
    session_free(c->session);
    buf_fini(&c->backlog);
    mem_free(n->mem, c, sizeof *c);
}

void
peers_fini(struct node *n)
{
    struct peers *p = n->peers;
    if (p == NULL) {
        return;
    }
    LIST_EACH (link, &p->conns) {
        free_conn(n, STINT_CONTAINER_OF(link, struct conn, link));
    }
    struct list *link;
    while ((link = list_pop_front(&p->loop)) != NULL) {
        struct looped *l = STINT_CONTAINER_OF(link, struct looped, link);
        mem_free(n->mem, l, sizeof *l + l->size);
    }
    table_fini(&p->by_link);
    table_fini(&p->by_serial);
    table_fini(&p->by_nonce);
    table_fini(&p->by_node);
    heap_fini(&p->timers);
    mem_free(n->mem, p, sizeof *p);
    n->peers = NULL;
}

struct session_time
conn_time(const struct node *n)
{
    return (struct session_time){ n->now_ns, n->wall_ms };
}

static bool
is_revoked(void *arg, uint64_t serial)
{
    const struct node *n = arg;
    return view_is_revoked(n->view, serial);
}

struct session_config
conn_settings(struct node *n)
{
    return (struct session_config){ .mem = n->mem,
                                    .random = &n->random,
                                    .identity = &n->identity,
                                    .incarnation = n->self.inc,
                                    .generation = n->view->generation,
                                    .view = n->view->number,
                                    .expect = STINT_ID_NONE,
                                    .is_revoked = is_revoked,
                                    .arg = n };
}

struct conn *
conn_new(struct node *n, bool outbound)
{
    struct peers *p = n->peers;
    struct conn *c = mem_zalloc(n->mem, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->serial = p->next_serial++;
    c->outbound = outbound;
    list_init(&c->dirty);
    buf_init(&c->backlog, n->mem, outbound ? BACKLOG_PEER_MAX : BACKLOG_CLIENT_MAX);
    if (heap_insert(&p->timers, &c->timer, FOREVER, p->tie++) != STINT_OK) {
        mem_free(n->mem, c, sizeof *c);
        return NULL;
    }
    if (table_insert(&p->by_serial, id_of_u64(c->serial), c) != STINT_OK) {
        heap_remove(&p->timers, &c->timer);
        mem_free(n->mem, c, sizeof *c);
        return NULL;
    }
    list_push_back(&p->conns, &c->link);
    return c;
}

static void
set_timer(struct node *n, struct conn *c)
{
    uint64_t at = c->session != NULL ? session_deadline(c->session) : FOREVER;
    if (c->reopen_at != 0 && c->reopen_at < at) {
        at = c->reopen_at;
    }
    if (c->waiting_since != 0 && c->waiting_since + FORGET_NS < at) {
        at = c->waiting_since + FORGET_NS;
    }
    if (at != c->timer.key) {
        heap_update(&n->peers->timers, &c->timer, at, c->timer.tie);
    }
}

void
conn_mark_dirty(struct node *n, struct conn *c)
{
    if (!list_is_linked(&c->dirty)) {
        list_push_back(&n->peers->dirty, &c->dirty);
    }
}

/* ---- what sessions become ---- */

/* `for_good`: who was at the other end will not come back. */
static void
close_conn(struct node *n, struct conn *c, bool for_good)
{
    if (c->closing) {
        return;
    }
    c->closing = true;
    if (!c->outbound) {
        admin_conn_closed(n, c->serial);
        guest_conn_closed(n, c->serial, for_good);
    }
    conn_mark_dirty(n, c);
}

static void
session_ended(struct node *n, struct conn *c)
{
    enum stint_status status = session_status(c->session);
    if (!c->outbound) {
        close_conn(n, c, status == STINT_OK);
        return;
    }
    if (status != STINT_OK) {
        node_log(n, NODE_LOG_WARN, "session with %s ended: %s", c->endpoint, session_text(c->session));
    }
    c->open = false;
    bool member = c->expect.inc != 0;
    if (member && status == STINT_REVOKED && session_refused(c->session) &&
        c->shown == n->identity.certificate.serial) {
        /* None of the others will ever tell it more than this. */
        char why[OUTBOX_TEXT_MAX];
        text_format(why, sizeof why, "%s; give this node a new one (stint keys issue)", session_text(c->session));
        node_fence(n, why);
        return;
    }
    if (!member && node_is_serving(n)) { /* it only asked for a view, and will again */
        close_conn(n, c, true);
        return;
    }
    bool passing = status == STINT_OK || status == STINT_NOT_FOUND || status == STINT_TIMED_OUT || status == STINT_BUSY;
    if (!member && n->phase == PHASE_JOINING && !passing) {
        char why[OUTBOX_TEXT_MAX];
        text_format(why, sizeof why, "cannot join through %s: %s", c->endpoint, session_text(c->session));
        node_exit(n, status, why);
        return;
    }
    c->reopen_at = n->now_ns + REOPEN_NS;
}

/*
 * An outbound session opened to another life of the member than the view has: nothing meant for the earlier one may reach
 * it. Closed and tried again, until the view tells of the new life or of the end of the old one.
 */
static bool
is_other_life(const struct conn *c)
{
    return c->outbound && c->expect.inc != 0 && session_peer(c->session)->incarnation != c->expect.inc;
}

static struct conn *dial(struct node *n, const char *endpoint, struct node_ref expect);

/*
 * The member lives again, and the view here does not have that life. If its view does not have this node either, it will
 * never dial: it is asked for its view, over a connection of its own, as if by a node that wants to join. That ends with the
 * next view.
 */
static void
ask_later_life(struct node *n, const char *endpoint)
{
    LIST_EACH (link, &n->peers->conns) {
        struct conn *c = STINT_CONTAINER_OF(link, struct conn, link);
        if (c->outbound && c->expect.inc == 0 && !c->closing && strcmp(c->endpoint, endpoint) == 0) {
            if (c->open) {
                control_get_view(n, c->serial);
            }
            return;
        }
    }
    (void)dial(n, endpoint, NODE_REF_NONE); /* no memory: the next attempt asks again */
}

void
conn_opened(struct node *n, struct conn *c)
{
    const struct session_peer *peer = session_peer(c->session);
    if (is_other_life(c)) {
        session_close(c->session, STINT_NOT_FOUND, "another incarnation of this node was meant");
        ask_later_life(n, c->endpoint);
        return;
    }
    c->open = true;
    if (c->counted) {
        c->counted = false;
        n->peers->preauth--;
    }
    struct node_ref ref = { peer->id, peer->incarnation };
    if (c->outbound) {
        control_connected(n, c->serial, ref);
        if (c->expect.inc == 0 && node_is_serving(n)) {
            control_get_view(n, c->serial);
        }
        if (c->expect.inc != 0 && peer->view < n->view->number) {
            control_tell_view(n, c->serial); /* perhaps it cannot hear of it from anybody else */
        }
    } else if (peer->role == ROLE_NODE && peer->incarnation != 0 && !view_has(n->view, ref)) {
        control_tell_view(n, c->serial); /* it has not read that it is dead */
    }
}

void
conn_after(struct node *n, struct conn *c)
{
    struct stint_span frame;
    if (c->session == NULL) {
        return;
    }
    if (session_state(c->session) == SESSION_OPEN && !c->open) {
        conn_opened(n, c);
    } else if (session_state(c->session) != SESSION_OPEN) {
        c->open = false;
    }
    if (c->backlog.size != 0 || c->resync) {
        conn_drain(n, c);
    }
    while (session_output(c->session, conn_time(n), &frame)) {
        if (c->number != 0) {
            outbox_send(&n->outbox, c->number, frame);
        }
    }
    if (session_state(c->session) == SESSION_CLOSED && c->reopen_at == 0 && !c->closing) {
        session_ended(n, c);
    }
    set_timer(n, c);
}

/* ---- opening ---- */

static void
open_session(struct node *n, struct conn *c)
{
    struct session_config config = conn_settings(n);
    if (c->expect.inc != 0) {
        config.expect = c->expect.id;
    } else {
        config.incarnation = 0;
    }
    c->shown = n->identity.certificate.serial;
    c->session = session_open(&config);
    c->reopen_at = c->session == NULL ? n->now_ns + REOPEN_NS : 0;
    set_timer(n, c);
}

static struct conn *
dial(struct node *n, const char *endpoint, struct node_ref expect)
{
    struct conn *c = conn_new(n, true);
    if (c == NULL) {
        return NULL;
    }
    c->number = n->peers->next_link++;
    c->expect = expect;
    text_copy(c->endpoint, sizeof c->endpoint, endpoint);
    open_session(n, c);
    if (c->session == NULL || table_insert(&n->peers->by_link, id_of_u64(c->number), c) != STINT_OK) {
        free_conn(n, c);
        return NULL;
    }
    outbox_connect(&n->outbox, c->number, endpoint);
    return c;
}

void
peers_connect(struct node *n, const char *endpoint)
{
    if (dial(n, endpoint, NODE_REF_NONE) == NULL) {
        node_log(n, NODE_LOG_ERROR, "no memory for a connection to %s", endpoint);
    }
}

static void
hang_up(struct node *n, struct conn *c)
{
    if (c->session != NULL && session_state(c->session) != SESSION_CLOSED) {
        session_flush(c->session);
        session_close(c->session, STINT_OK, "");
    }
    close_conn(n, c, false);
}

void
peers_view(struct node *n, const struct view *old, const struct view *next)
{
    (void)old;
    LIST_EACH (link, &n->peers->conns) {
        struct conn *c = STINT_CONTAINER_OF(link, struct conn, link);
        const struct session_peer *peer = c->session != NULL ? session_peer(c->session) : NULL;
        if (c->outbound && !view_has(next, c->expect)) {
            hang_up(n, c); /* gone members, and the connections of the join */
        } else if (peer != NULL && peer->serial != 0 && view_is_revoked(next, peer->serial)) {
            session_close(c->session, STINT_REVOKED, "the certificate is revoked");
            if (c->outbound) { /* a member may have a renewed one: opened again at once, it shows which */
                c->open = false;
                c->reopen_at = n->now_ns;
                conn_mark_dirty(n, c);
            } else {
                close_conn(n, c, true);
            }
        } else if (!c->outbound && peer != NULL && peer->role == ROLE_NODE && peer->incarnation != 0 &&
                   peer->incarnation <= next->number &&
                   !view_has(next, (struct node_ref){ peer->id, peer->incarnation })) {
            control_tell_view(n, c->serial);
            hang_up(n, c);
        } else if (c->session != NULL) {
            session_set_view(c->session, next->generation, next->number);
        }
    }
    for (uint32_t i = 0; i < next->member_count; i++) {
        const struct member *m = &next->members[i];
        if (!member_is_living(m) || id_equal(m->ref.id, n->self.id)) {
            continue;
        }
        struct conn *c = table_find(&n->peers->by_node, m->ref.id);
        if (c != NULL && c->expect.inc == m->ref.inc) {
            continue;
        }
        if (c != NULL) {
            (void)table_remove(&n->peers->by_node, m->ref.id);
        }
        c = dial(n, m->endpoint, m->ref);
        if (c == NULL || table_insert(&n->peers->by_node, m->ref.id, c) != STINT_OK) {
            node_fence(n, "out of memory for connections");
            return;
        }
    }
}

void
peers_close_all(struct node *n)
{
    LIST_EACH (link, &n->peers->conns) {
        hang_up(n, STINT_CONTAINER_OF(link, struct conn, link));
    }
}

/* ---- time ---- */

static void
reopen(struct node *n, struct conn *c)
{
    session_free(c->session);
    c->session = NULL;
    conn_unbind(n, c);
    if (c->number != 0) {
        outbox_disconnect(&n->outbox, c->number);
    }
    c->number = n->peers->next_link++;
    buf_reset(&c->backlog);
    if (table_insert(&n->peers->by_link, id_of_u64(c->number), c) != STINT_OK) {
        c->number = 0; /* no frame would find it: tried again */
        c->reopen_at = n->now_ns + REOPEN_NS;
        set_timer(n, c);
        return;
    }
    open_session(n, c);
    if (c->session != NULL) {
        outbox_connect(&n->outbox, c->number, c->endpoint);
        c->resync = c->expect.inc != 0; /* what the old session held is gone */
    }
}

void
peers_tick(struct node *n)
{
    struct heap_item *item;
    while ((item = heap_first(&n->peers->timers)) != NULL && item->key <= n->now_ns) {
        struct conn *c = STINT_CONTAINER_OF(item, struct conn, timer);
        if (c->reopen_at != 0 && c->reopen_at <= n->now_ns) {
            reopen(n, c);
        } else if (c->waiting_since != 0 && c->waiting_since + FORGET_NS <= n->now_ns) {
            close_conn(n, c, true);
            c->waiting_since = 0;
        } else if (c->session != NULL) {
            session_tick(c->session, conn_time(n));
        }
        conn_after(n, c);
        if (c->timer.key <= n->now_ns) { /* a deadline that did not move: look again in a while, never in a loop */
            heap_update(&n->peers->timers, &c->timer, n->now_ns + 1000000, c->timer.tie);
        }
    }
}

uint64_t
peers_deadline(const struct node *n)
{
    const struct heap_item *item = heap_first(&n->peers->timers);
    return item != NULL ? item->key : FOREVER;
}

void
peers_flush(struct node *n)
{
    struct list *link;
    struct list batch;
    list_init(&batch);
    list_splice_back(&batch, &n->peers->dirty);
    while ((link = list_pop_front(&batch)) != NULL) {
        struct conn *c = STINT_CONTAINER_OF(link, struct conn, dirty);
        if (c->session != NULL) {
            session_flush(c->session);
            conn_after(n, c);
        }
        if (c->closing) {
            if (c->number != 0) {
                outbox_disconnect(&n->outbox, c->number);
            }
            free_conn(n, c);
        }
    }
}

#ifdef STINT_FAILPOINTS
/* The connections stay marked: the end of the step does the rest. Inbound ones may be in the middle of a delivery. */
void
peers_flush_early(struct node *n)
{
    struct stint_span frame;
    LIST_EACH (link, &n->peers->dirty) {
        struct conn *c = STINT_CONTAINER_OF(link, struct conn, dirty);
        if (!c->outbound || c->session == NULL || c->closing || c->number == 0) {
            continue;
        }
        session_flush(c->session);
        while (session_output(c->session, conn_time(n), &frame)) {
            outbox_send(&n->outbox, c->number, frame);
        }
    }
}
#endif

void
peers_drop_silent(struct node *n, uint64_t conn, uint64_t silence_ns)
{
    struct conn *c = table_find(&n->peers->by_serial, id_of_u64(conn));
    if (c == NULL || c->session == NULL || c->closing || n->now_ns - session_heard(c->session) < silence_ns) {
        return;
    }
    session_close(c->session, STINT_TIMED_OUT, "the client was silent for too long");
    close_conn(n, c, true);
}

bool
peers_is_connected(const struct node *n, struct stint_id node)
{
    const struct conn *c = table_find(&n->peers->by_node, node);
    return c != NULL && c->open;
}
