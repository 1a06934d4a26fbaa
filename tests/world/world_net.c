/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual network: connections between actors, and what happens to a frame on its way. */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "base/span.h"
#include "world_internal.h"

static int
find_node(const struct world *w, const char *endpoint)
{
    for (int i = 0; i < w->node_count; i++) {
        if (strcmp(w->nodes[i].endpoint, endpoint) == 0) {
            return i;
        }
    }
    return -1;
}

static struct connection *
find_connection(struct world *w, int actor, uint64_t link, bool *opener)
{
    for (int c = 0; c < w->connection_count; c++) {
        struct connection *k = &w->connections[c];
        if (!k->used) {
            continue;
        }
        if (k->from == actor && k->from_link == link) {
            *opener = true;
            return k;
        }
        if (k->to == actor && k->to_link == link) {
            *opener = false;
            return k;
        }
    }
    return NULL;
}

static void
connect_at(struct world *w, int c, uint64_t at)
{
    struct connection *k = &w->connections[c];
    struct happening *h = world_push(w, HAPPENING_UP, k->from, at, 0);
    h->connection = c;
    h->connection_generation = k->generation;
    h->link = k->from_link;
}

void
world_break_connection(struct world *w, int c, bool told, uint64_t again_ns)
{
    struct connection *k = &w->connections[c];
    k->generation++;
    k->up = false;
    if (told) {
        struct happening *h = world_push(w, HAPPENING_DOWN, k->from, w->now + WORLD_MS / 10, 0);
        h->connection = c;
        h->connection_generation = k->generation;
        h->link = k->from_link;
    }
    if (again_ns != 0) {
        connect_at(w, c, w->now + again_ns);
    }
}

void
world_break(struct world *w, int a, int b, bool told)
{
    for (int c = 0; c < w->connection_count; c++) {
        const struct connection *k = &w->connections[c];
        if (k->used && k->up && ((k->from == a && k->to == b) || (k->from == b && k->to == a))) {
            world_break_connection(w, c, told, WORLD_MS + prng_below(&w->random, 300 * WORLD_MS));
        }
    }
}

int
world_peer(struct world *w, int actor, uint64_t link)
{
    bool opener;
    const struct connection *k = find_connection(w, actor, link, &opener);
    return k == NULL ? -1 : opener ? k->to : k->from;
}

int
world_connect(struct world *w, int actor, uint64_t link, const char *endpoint)
{
    int to = find_node(w, endpoint);
    if (to < 0) {
        return -1;
    }
    int c = 0;
    while (c < CONNECTIONS_MAX && w->connections[c].used) {
        c++;
    }
    STINT_ASSERT(c < CONNECTIONS_MAX);
    w->connection_count = c < w->connection_count ? w->connection_count : c + 1;
    w->connections[c] = (struct connection){ .used = true,
                                             .from = actor,
                                             .to = to,
                                             .from_link = link,
                                             .generation = w->connections[c].generation + 1 };
    if (w->nodes[to].up) {
        connect_at(w, c, w->now + WORLD_MS);
    }
    return c;
}

void
world_disconnect(struct world *w, int actor, uint64_t link)
{
    bool opener;
    struct connection *k = find_connection(w, actor, link, &opener);
    if (k != NULL && opener) {
        k->used = false;
    }
}

static void
push_frame(struct world *w, struct connection *k, bool to_acceptor, uint64_t at, struct stint_span frame)
{
    int actor = to_acceptor ? k->to : k->from;
    struct happening *h = world_push(w, HAPPENING_FRAME, actor, at, frame.size);
    h->connection = (int)(k - w->connections);
    h->connection_generation = k->generation;
    h->to_acceptor = to_acceptor;
    h->link = to_acceptor ? k->to_link : k->from_link;
    bytes_copy(h->bytes, frame.data, frame.size);
}

void
world_transmit(struct world *w, int actor, uint64_t link, struct stint_span frame)
{
    bool opener;
    struct connection *k = find_connection(w, actor, link, &opener);
    w->stats.frames++;
    if (k == NULL || !k->up) {
        w->stats.dropped++;
        return;
    }
    int from = opener ? k->from : k->to;
    int to = opener ? k->to : k->from;
    bool cut = from < ACTOR_CLIENT && to < ACTOR_CLIENT && w->cut[from][to];
    cut = cut || (w->guests != NULL && w->guests->is_cut(w, from, to));
    bool gone = to < ACTOR_CLIENT && !w->nodes[to].up;
    if (cut || gone || prng_below(&w->random, 1000) < w->faults.drop_permille) {
        w->stats.dropped++;
        return;
    }
    uint64_t spread = w->faults.delay_max_ns - w->faults.delay_min_ns + 1;
    uint64_t at = w->now + w->faults.delay_min_ns + prng_below(&w->random, spread);
    uint64_t *last = opener ? &k->last_arrival : &k->last_arrival_back;
    if (prng_below(&w->random, 1000) < w->faults.reorder_permille) {
        at += prng_below(&w->random, 20 * spread);
    } else {
        at = at > *last ? at : *last + 1;
        *last = at;
    }
    push_frame(w, k, opener, at, frame);
    if (prng_below(&w->random, 1000) < w->faults.duplicate_permille) {
        w->stats.duplicated++;
        push_frame(w, k, opener, at + prng_below(&w->random, 5 * spread), frame);
    }
}
