/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels that clients host (wire/own_channel.h): this node relays for the clients that are connected to it. For the cluster
 * the channel is here, under an epoch that its client raises with each registration; a later one elsewhere ends this
 * one. Nothing is remembered of what is passed on: whatever gets lost with a connection is offered again when the client has
 * registered anew, because all members are told then.
 *
 *   registered --session ends in trouble--> absent --a minute--> ended: who waits in it is told that it is lost
 *       |  ^------- registered again ---------'
 *       |--client says good-bye, or that it has ended, or is silent for a minute--> ended
 *       '--registered elsewhere--> forgotten
 *
 * While it is absent everything for it is dropped: either the next registration has it offered again, or it ends.
 */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/node.h"
#include "kernel/type.h"
#include "wire/own_channel.h"

#define SWEEP_NS (UINT64_C(5000) * 1000000) /* how often clients are looked at whether they are still there */
#define TURNS_MAX (2u * LIMIT_CLIENT_CHANNELS) /* each costs a word to every member: so many at once, */
#define TURN_NS (UINT64_C(1000000000) / LIMIT_CLIENT_CHANNELS) /* and so often */
#define ASKS_MAX 64u /* in a millisecond: each may bring a window of values again */
#define ABSENT_NS ((uint64_t)LIMIT_RELATION_EXPIRY_MS * 1000000)

STINT_STATIC_ASSERT((int)OWN_CHANNEL_SEND == (int)KERNEL_SEND && (int)OWN_CHANNEL_RECEIVE == (int)KERNEL_RECEIVE &&
                        (int)OWN_CHANNEL_WAKE == (int)KERNEL_WAKE,
                    "clients and kernels have one word for an operation");

struct guest {
    struct guest_channel channel;
    uint64_t conn;    /* 0: absent */
    uint64_t until;   /* absent: when it ends */
    struct list link; /* of its host's, or of guests.absent, those that end first in front */
};

/* A client that hosts some, or did over this connection. */
struct host {
    uint64_t conn;
    struct list channels;
    uint32_t count;
    uint32_t turns; /* registrations and ends that it may still tell, */
    uint64_t turns_ns; /* as counted then */
    uint32_t asked; /* how often it asked for more in the millisecond that began then */
    uint64_t asked_ns;
};

struct guests {
    struct table by_id;   /* struct guest */
    struct table by_conn; /* struct host */
    struct list absent;
    uint64_t sweep_due;
    struct buf body;
};

enum stint_status
guest_init(struct node *n)
{
    struct guests *g = mem_zalloc(n->mem, sizeof *g);
    if (g == NULL) {
        return STINT_NO_MEMORY;
    }
    struct prng random = n->random; /* a copy: other rooms get what they always got */
    table_init(&g->by_id, n->mem, ~prng_next(&random));
    table_init(&g->by_conn, n->mem, ~prng_next(&random));
    list_init(&g->absent);
    buf_init(&g->body, n->mem, OWN_CHANNEL_PLACE_SIZE + LIMIT_MESSAGE);
    n->guests = g;
    return STINT_OK;
}

static struct host *
host_of(const struct node *n, uint64_t conn)
{
    return conn == 0 ? NULL : table_find(&n->guests->by_conn, id_of_u64(conn));
}

static void
unlink_guest(struct node *n, struct guest *g)
{
    struct host *host = host_of(n, g->conn);
    list_remove(&g->link);
    g->conn = 0;
    if (host != NULL) {
        host->count--;
    }
}

static void
forget(struct node *n, struct guest *g)
{
    unlink_guest(n, g);
    (void)table_remove(&n->guests->by_id, g->channel.id);
    mem_free(n->mem, g, sizeof *g);
}

static void
free_host(struct node *n, struct host *host)
{
    (void)table_remove(&n->guests->by_conn, id_of_u64(host->conn));
    mem_free(n->mem, host, sizeof *host);
}

void
guest_fini(struct node *n)
{
    struct guests *all = n->guests;
    struct guest *g;
    if (all == NULL) {
        return;
    }
    while ((g = table_first(&all->by_id)) != NULL) {
        forget(n, g);
    }
    struct host *host;
    while ((host = table_first(&all->by_conn)) != NULL) {
        free_host(n, host);
    }
    table_fini(&all->by_id);
    table_fini(&all->by_conn);
    buf_fini(&all->body);
    mem_free(n->mem, all, sizeof *all);
    n->guests = NULL;
}

const struct guest_channel *
guest_find(const struct node *n, struct stint_id id)
{
    const struct guest *g = table_find(&n->guests->by_id, id);
    return g != NULL ? &g->channel : NULL;
}

bool
guest_each(const struct node *n, struct table_cursor *cursor, const struct guest_channel **channel)
{
    void *value;
    if (!table_each(&n->guests->by_id, cursor, NULL, &value)) {
        return false;
    }
    *channel = &((const struct guest *)value)->channel;
    return true;
}

/* ---- what the others are told ---- */

void
guest_reoffer(struct node *n, struct stint_id id)
{
    uint32_t cursor = 0;
    struct stint_id cid, tid;
    while (kernel_outstanding(n->kernel, &cursor, &cid, &tid)) {
        if (id_equal(cid, id)) {
            remote_again(n, tid, cid); /* in a moment, each pair once, and within bounds */
        }
    }
    admin_reoffer(n, id);
}

static struct directory_place
place_of(const struct node *n, const struct guest *g, bool ended)
{
    return (struct directory_place){ .id = g->channel.id,
                                     .kind = stint_LocateKind_LOCATE_CHANNEL,
                                     .node = n->self,
                                     .epoch = g->channel.epoch,
                                     .ended = ended };
}

/* Everybody: who has something outstanding with it offers that again. */
static void
tell_all(struct node *n, const struct guest *g, bool ended)
{
    struct directory_place place = place_of(n, g, ended);
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        if (member_is_living(m) && !id_equal(m->ref.id, n->self.id)) {
            route_tell(n, m->ref.id, &place);
        }
    }
    route_keep(n, &place);
    guest_reoffer(n, place.id);
}

static void
end(struct node *n, struct guest *g)
{
    tell_all(n, g, true);
    forget(n, g);
}

void
guest_tell(struct node *n, struct stint_id member)
{
    struct table_cursor cursor = { 0 };
    void *value;
    while (table_each(&n->guests->by_id, &cursor, NULL, &value)) {
        struct directory_place place = place_of(n, value, false);
        route_tell(n, member, &place);
    }
}

bool
guest_heard(struct node *n, struct stint_id from, const struct directory_place *place)
{
    struct guest *g = table_find(&n->guests->by_id, place->id);
    if (g == NULL || id_equal(place->node.id, n->self.id)) {
        return true;
    }
    /* Only a client that cheats registers it under one epoch at two nodes: then one of them yields. */
    bool tie = place->epoch == g->channel.epoch && (place->ended || id_compare(place->node.id, n->self.id) < 0);
    if (place->epoch > g->channel.epoch || tie) {
        forget(n, g);
        return true;
    }
    /* It does not know yet that the client came here. */
    struct directory_place here = place_of(n, g, false);
    if (!id_equal(from, n->self.id)) {
        route_tell(n, from, &here);
    }
    return false;
}

/* ---- registrations ---- */

static struct host *
need_host(struct node *n, uint64_t conn)
{
    struct host *host = host_of(n, conn);
    if (host != NULL) {
        return host;
    }
    host = mem_zalloc(n->mem, sizeof *host);
    if (host == NULL) {
        return NULL;
    }
    host->conn = conn;
    host->turns = TURNS_MAX;
    host->turns_ns = n->now_ns;
    n->guests->sweep_due = table_count(&n->guests->by_conn) == 0 ? n->now_ns + SWEEP_NS : n->guests->sweep_due;
    list_init(&host->channels);
    if (table_insert(&n->guests->by_conn, id_of_u64(conn), host) != STINT_OK) {
        mem_free(n->mem, host, sizeof *host);
        return NULL;
    }
    return host;
}

/* STINT_BUSY: it has told too much too fast. */
static enum stint_status
take_turn(const struct node *n, struct host *host)
{
    uint64_t more = (n->now_ns - host->turns_ns) / TURN_NS;
    if (more >= TURNS_MAX - host->turns) {
        host->turns = TURNS_MAX;
        host->turns_ns = n->now_ns;
    } else {
        host->turns += (uint32_t)more;
        host->turns_ns += more * TURN_NS;
    }
    if (host->turns == 0) {
        return STINT_BUSY;
    }
    host->turns--;
    return STINT_OK;
}

static struct guest *
need_guest(struct node *n, struct stint_id id)
{
    struct guest *g = table_find(&n->guests->by_id, id);
    if (g != NULL) {
        return g;
    }
    g = mem_zalloc(n->mem, sizeof *g);
    if (g == NULL) {
        return NULL;
    }
    g->channel.id = id;
    list_init(&g->link);
    if (table_insert(&n->guests->by_id, id, g) != STINT_OK) {
        mem_free(n->mem, g, sizeof *g);
        return NULL;
    }
    return g;
}

/* The client has registered it again since, here or elsewhere: this word of it has been long on its way. */
static bool
is_late(struct node *n, const struct guest *g, const struct guest_channel *wanted, uint64_t conn)
{
    struct directory_place known;
    if (g != NULL && (wanted->epoch < g->channel.epoch || (wanted->epoch == g->channel.epoch && g->conn != conn))) {
        return true;
    }
    return directory_lookup(n->directory, wanted->id, &known, n->now_ns) && known.epoch > wanted->epoch;
}

enum stint_status
guest_register(struct node *n, uint64_t conn, const struct guest_channel *wanted)
{
    struct guest *g = table_find(&n->guests->by_id, wanted->id);
    struct host *host = need_host(n, conn);
    if (host == NULL) {
        return STINT_NO_MEMORY;
    }
    if (is_late(n, g, wanted, conn)) {
        return STINT_CONFLICT;
    }
    if (g != NULL && g->conn == conn && g->channel.epoch == wanted->epoch) {
        return STINT_OK;
    }
    if (take_turn(n, host) != STINT_OK) {
        return STINT_BUSY;
    }
    bool more_here = g == NULL || g->conn != conn;
    if ((more_here && host->count >= LIMIT_CLIENT_CHANNELS) ||
        (g == NULL && table_count(&n->guests->by_id) >= LIMIT_RELAYED_CHANNELS)) {
        return STINT_LIMIT;
    }
    g = need_guest(n, wanted->id);
    if (g == NULL) {
        return STINT_NO_MEMORY;
    }
    unlink_guest(n, g);
    g->channel = *wanted;
    g->conn = conn;
    list_push_back(&host->channels, &g->link);
    host->count++;
    directory_arrived(n->directory, wanted->id, wanted->epoch);
    tell_all(n, g, false);
    return STINT_OK;
}

enum stint_status
guest_unregister(struct node *n, uint64_t conn, struct stint_id id, uint64_t epoch)
{
    struct guest *g = table_find(&n->guests->by_id, id);
    struct guest gone = { .channel = { .id = id, .epoch = epoch } };
    struct host *host = need_host(n, conn);
    if (host == NULL || take_turn(n, host) != STINT_OK) {
        return host == NULL ? STINT_NO_MEMORY : STINT_BUSY;
    }
    if (is_late(n, g, &gone.channel, conn)) {
        return STINT_OK;
    }
    tell_all(n, &gone, true);
    if (g != NULL) {
        forget(n, g);
    }
    return STINT_OK;
}

void
guest_conn_closed(struct node *n, uint64_t conn, bool for_good)
{
    struct host *host = host_of(n, conn);
    struct list *first;
    if (host == NULL) {
        return;
    }
    while ((first = list_first(&host->channels)) != NULL) {
        struct guest *g = STINT_CONTAINER_OF(first, struct guest, link);
        if (for_good) {
            end(n, g);
            continue;
        }
        unlink_guest(n, g);
        g->until = n->now_ns + ABSENT_NS;
        list_push_back(&n->guests->absent, &g->link);
    }
    free_host(n, host);
}

static uint64_t
absent_until(const struct node *n)
{
    struct list *first = list_first(&n->guests->absent);
    return first != NULL ? STINT_CONTAINER_OF(first, struct guest, link)->until : UINT64_MAX;
}

/* A client that is there answers its session's pings, however little it has to say. */
static void
sweep(struct node *n)
{
    struct table_cursor cursor = { 0 };
    void *value;
    n->guests->sweep_due = n->now_ns + SWEEP_NS;
    while (table_each(&n->guests->by_conn, &cursor, NULL, &value)) {
        const struct host *host = value;
        if (host->count != 0) {
            peers_drop_silent(n, host->conn, ABSENT_NS);
        }
    }
}

void
guest_tick(struct node *n)
{
    if (n->guests->sweep_due <= n->now_ns) {
        sweep(n);
    }
    while (absent_until(n) <= n->now_ns) {
        end(n, STINT_CONTAINER_OF(list_first(&n->guests->absent), struct guest, link));
    }
}

uint64_t
guest_deadline(const struct node *n)
{
    uint64_t sweeps = table_count(&n->guests->by_conn) != 0 ? n->guests->sweep_due : UINT64_MAX;
    return absent_until(n) < sweeps ? absent_until(n) : sweeps;
}

/* ---- from the members to the client ---- */

static void
pass_offer(struct node *n, const struct guest *g, const struct arrival *a)
{
    struct buf *body = &n->guests->body;
    struct own_channel_place place = { a->from.id, a->from.inc };
    struct envelope envelope = a->envelope;
    uint8_t head[OWN_CHANNEL_PLACE_SIZE];
    own_channel_put_place(head, &place);
    buf_reset(body);
    envelope.hops = 0;
    envelope.flags &= OWN_CHANNEL_FIRST;
    bool fits = buf_append(body, head, sizeof head) && buf_append_span(body, a->body);
    if (!fits || !peers_offer(n, g->conn, &envelope, buf_span(body))) {
        remote_refuse(n, a, STINT_BUSY);
    }
}

bool
guest_receive(struct node *n, const struct arrival *a)
{
    uint8_t kind = a->envelope.kind;
    bool operation = kind == ENVELOPE_OFFER || kind == ENVELOPE_CANCEL || kind == ENVELOPE_FIN || kind == ENVELOPE_CLOSE;
    const struct guest *g = operation ? table_find(&n->guests->by_id, a->envelope.target) : NULL;
    if (g == NULL) {
        return false;
    }
    if (g->conn == 0) {
        return true;
    }
    if (kind == ENVELOPE_OFFER || kind == ENVELOPE_CANCEL) {
        if (a->envelope.op < KERNEL_SEND || a->envelope.op > KERNEL_RECEIVE || a->body.size > LIMIT_MESSAGE) {
            node_log(n, NODE_LOG_WARN, "malformed offer from %s", a->by);
        } else {
            pass_offer(n, g, a);
        }
        return true;
    }
    struct envelope envelope = a->envelope;
    envelope.hops = 0;
    envelope.flags = 0;
    /* A lost FIN costs the client the memory of one relation; it has a bound for those. */
    (void)peers_offer(n, g->conn, &envelope, span_of(NULL, 0));
    return true;
}

/* ---- from the client to the members ---- */

/* The outcomes that a host may report. What else there is means something to the tasklet's kernel. */
static bool
is_outcome(uint8_t status)
{
    switch ((enum stint_status)status) {
    case STINT_OK:
    case STINT_CLOSED:
    case STINT_END_OF_SEQUENCE:
    case STINT_TYPE_MISMATCH:
    case STINT_CANCELLED:
    case STINT_OUTCOME_UNKNOWN:
    case STINT_INVALID:
    case STINT_NO_MEMORY:
        return true;
    default:
        return false;
    }
}

/* A client that asks for more again and again is given it at the pace of what was refused. */
static bool
may_ask(const struct node *n, struct host *host)
{
    if (n->now_ns - host->asked_ns >= 1000000) {
        host->asked_ns = n->now_ns;
        host->asked = 0;
    }
    return host->asked++ < ASKS_MAX;
}

bool
guest_answer(struct node *n, const struct arrival *a)
{
    const struct envelope *e = &a->envelope;
    const struct guest *g = table_find(&n->guests->by_id, e->source);
    struct stint_span value = a->body;
    struct own_channel_place place;
    bool done = e->kind == ENVELOPE_DONE;
    bool fine = own_channel_get_place(&value, &place) &&
                (done ? e->number != 0 && is_outcome(e->status)
                      : value.size == 0 && (e->status == STINT_OK || e->status == STINT_BUSY));
    if (!fine) {
        node_log(n, NODE_LOG_WARN, "malformed result from client %s", a->by);
        return false;
    }
    /* Not its own, or not any more: it has been registered elsewhere meanwhile. */
    if (g == NULL || g->conn != a->conn || !view_has(n->view, (struct node_ref){ place.node, place.incarnation })) {
        return true;
    }
    struct envelope envelope = { .kind = e->kind,
                                 .op = done && g->channel.capacity > 0 ? KERNEL_BUFFERED : 0,
                                 .status = e->status,
                                 .number = e->number,
                                 .epoch = g->channel.epoch,
                                 .word = done ? g->channel.type_hash : 0,
                                 .source = e->source,
                                 .target = e->target };
    if (!done && e->status == STINT_OK && !may_ask(n, host_of(n, g->conn))) {
        envelope.status = STINT_BUSY;
    }
    peers_send(n, place.node, &envelope, value);
    return true;
}

/* ---- views ---- */

static void
tell_gone(void *arg, enum view_change change, const struct member *m)
{
    struct node *n = arg;
    struct table_cursor cursor = { 0 };
    struct envelope envelope = { .kind = ENVELOPE_NACK, .number = m->ref.inc, .source = m->ref.id };
    void *value;
    while (change == VIEW_GONE && table_each(&n->guests->by_conn, &cursor, NULL, &value)) {
        (void)peers_offer(n, ((const struct host *)value)->conn, &envelope, span_of(NULL, 0));
    }
}

void
guest_view(struct node *n, const struct view *old, const struct view *next)
{
    view_diff(old, next, tell_gone, n);
}
