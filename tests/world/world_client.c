/* SPDX-License-Identifier: Apache-2.0 */
/* An operator in the virtual world: one session to one node, requests with a reply each. */
#include <stdlib.h>
#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "schema/admin.pb.h"
#include "wire/session.h"
#include "world_internal.h"

#define PENDING_MAX 64
#define CLIENT_LINK 1

struct pending {
    uint64_t number;
    struct world_reply *reply;
};

struct world_client {
    struct mem mem;
    struct prng random;
    struct identity identity;
    struct session *session;
    uint64_t next_number;
    struct pending pending[PENDING_MAX];
};

static struct session_time
session_now(const struct world *w)
{
    return (struct session_time){ w->now, WORLD_WALL_START_MS + w->now / WORLD_MS };
}

static void
flush(struct world *w, int client)
{
    struct world_client *c = w->clients[client];
    struct stint_span frame;
    session_flush(c->session);
    while (session_output(c->session, session_now(w), &frame)) {
        world_transmit(w, ACTOR_CLIENT + client, CLIENT_LINK, frame);
    }
}

static struct world_client *
new_client(struct world *w, int node, enum cert_role role, const char *name)
{
    struct world_client *c = calloc(1, sizeof *c);
    STINT_ASSERT(c != NULL);
    mem_init(&c->mem, world_allocator(), 0);
#ifdef STINT_MUTANTS
    c->mem.mutant = w->mutant;
#endif
    prng_init(&c->random, prng_next(&w->random));
    STINT_ASSERT(cert_dev_identity(role, name, &c->identity) == STINT_OK);
    struct session_config config = { .mem = &c->mem, .random = &c->random, .identity = &c->identity };
    c->session = session_open(&config);
    STINT_ASSERT(c->session != NULL);
    c->next_number = 1;
    w->clients[node] = c;
    world_connect(w, ACTOR_CLIENT + node, CLIENT_LINK, w->nodes[node].endpoint);
    return c;
}

static struct world_client *
client_of(struct world *w, int node)
{
    return w->clients[node] != NULL ? w->clients[node] : new_client(w, node, ROLE_OPERATOR, "world");
}

uint64_t
world_be(struct world *w, int node, uint8_t role, const char *name)
{
    STINT_ASSERT(w->clients[node] == NULL);
    return new_client(w, node, (enum cert_role)role, name)->identity.certificate.serial;
}

const uint8_t *
world_client_key(struct world *w, int client)
{
    return w->clients[client]->identity.curve_public;
}

void
world_client_up(struct world *w, int client)
{
    session_link_up(w->clients[client]->session, session_now(w));
    flush(w, client);
}

static void
take_item(struct world_reply *reply, const stint_Reply *head, struct stint_span body)
{
    STINT_ASSERT(head->item_size <= body.size);
    reply->item_size = head->item_size;
    reply->payload_size = body.size < sizeof reply->payload ? body.size : sizeof reply->payload;
    bytes_copy(reply->payload, body.data, reply->payload_size);
    reply->items++;
    if (head->kind == stint_ItemKind_ITEM_SPAWN) {
        stint_SpawnInfo info;
        pb_istream_t stream = pb_istream_from_buffer(body.data, head->item_size);
        STINT_ASSERT(pb_decode(&stream, stint_SpawnInfo_fields, &info) && info.id.size == 16);
        memcpy(reply->id.bytes, info.id.bytes, 16);
    }
}

static void
take_reply(struct world_client *c, const struct envelope *envelope, struct stint_span body)
{
    for (int i = 0; i < PENDING_MAX; i++) {
        struct pending *p = &c->pending[i];
        if (p->reply == NULL || p->number != envelope->number) {
            continue;
        }
        stint_Reply head;
        STINT_ASSERT(body.size >= 2);
        size_t size = le16_get(body.data);
        STINT_ASSERT(size + 2 <= body.size);
        pb_istream_t stream = pb_istream_from_buffer(body.data + 2, size);
        STINT_ASSERT(pb_decode(&stream, stint_Reply_fields, &head));
        if (head.kind != stint_ItemKind_ITEM_NONE) {
            take_item(p->reply, &head, span_of(body.data + 2 + size, body.size - 2 - size));
        }
        if (head.end) {
            p->reply->status = (enum stint_status)head.status;
            text_copy(p->reply->detail, sizeof p->reply->detail, head.detail);
            text_copy(p->reply->page, sizeof p->reply->page, head.page);
            p->reply->done = true;
            p->reply = NULL;
        }
        return;
    }
}

void
world_client_frame(struct world *w, int client, struct stint_span frame)
{
    struct world_client *c = w->clients[client];
    struct stint_span batch = { NULL, 0 };
    struct envelope envelope;
    struct stint_span body;
    (void)!session_receive(c->session, frame, NULL, session_now(w), &batch);
    while (batch.size != 0 && envelope_next(&batch, &envelope, &body) == STINT_OK) {
        if (envelope.kind == ENVELOPE_REPLY) {
            take_reply(c, &envelope, body);
        }
    }
    flush(w, client);
}

uint64_t
world_client_deadline(struct world *w, int client)
{
    return w->clients[client] != NULL ? session_deadline(w->clients[client]->session) : UINT64_MAX;
}

void
world_client_time(struct world *w, int client)
{
    session_tick(w->clients[client]->session, session_now(w));
    flush(w, client);
}

void
world_client_free(struct world *w, int client)
{
    struct world_client *c = w->clients[client];
    if (c != NULL) {
        session_free(c->session);
        STINT_ASSERT(c->mem.used == 0);
        free(c);
        w->clients[client] = NULL;
    }
}

void
world_request(struct world *w, int node, const stint_Request *request, struct stint_span body,
              struct world_reply *reply)
{
    struct world_client *c = client_of(w, node);
    stint_Request copy = *request;
    if (copy.id.size == 0) {
        struct stint_id id = prng_id(&w->random);
        copy.id.size = 16;
        memcpy(copy.id.bytes, id.bytes, 16);
    }
    uint8_t *bytes = malloc(2 + stint_Request_size + body.size);
    STINT_ASSERT(bytes != NULL);
    pb_ostream_t stream = pb_ostream_from_buffer(bytes + 2, stint_Request_size);
    STINT_ASSERT(pb_encode(&stream, stint_Request_fields, &copy));
    le16_put(bytes, (uint16_t)stream.bytes_written);
    bytes_copy(bytes + 2 + stream.bytes_written, body.data, body.size);
    int at = 0;
    while (at < PENDING_MAX && c->pending[at].reply != NULL) {
        at++;
    }
    STINT_ASSERT(at < PENDING_MAX);
    memset(reply, 0, sizeof *reply);
    struct envelope envelope = { .kind = ENVELOPE_REQUEST, .number = c->next_number++ };
    reply->status = session_send(c->session, &envelope, span_of(bytes, 2 + stream.bytes_written + body.size));
    reply->done = reply->status != STINT_OK; /* the session is full or over */
    if (!reply->done) {
        c->pending[at] = (struct pending){ envelope.number, reply };
    }
    free(bytes);
    flush(w, node);
}

void
world_client_says(struct world *w, int node, const struct envelope *envelope, struct stint_span body)
{
    struct world_client *c = client_of(w, node);
    (void)!session_send(c->session, envelope, body);
    flush(w, node);
}

bool
world_client_is_over(const struct world *w, int node)
{
    return w->clients[node] != NULL && session_state(w->clients[node]->session) == SESSION_CLOSED;
}

void
world_client_forget(struct world *w, int node)
{
    world_disconnect(w, ACTOR_CLIENT + node, CLIENT_LINK);
    world_client_free(w, node);
}

static bool
is_done(struct world *w, void *arg)
{
    (void)w;
    return ((const struct world_reply *)arg)->done;
}

bool
world_ask(struct world *w, int node, const stint_Request *request, struct stint_span body,
          struct world_reply *reply, uint64_t limit_ns)
{
    world_request(w, node, request, body, reply);
    return world_until(w, is_done, reply, limit_ns);
}
