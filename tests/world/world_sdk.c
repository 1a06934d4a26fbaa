/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of the SDK in the virtual world: their life and when they are processed. Their calls are in world_sdk_calls.c. */
#include "world_sdk.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "client/client_internal.h"
#include "world_sdk_internal.h"

static const struct world_guests guests;

struct sdk_state *
sdk_state(struct world *w)
{
    if (w->guest_state == NULL) {
        struct sdk_state *s = calloc(1, sizeof *s);
        STINT_ASSERT(s != NULL);
        s->next_wire = 1;
        w->guest_state = s;
        w->guests = &guests;
    }
    STINT_ASSERT(w->guests == &guests);
    return w->guest_state;
}

struct sdk_client *
sdk_client_of(const struct world *w, int client)
{
    STINT_ASSERT(client >= 0 && client < WORLD_SDK_MAX && w->guests == &guests);
    struct sdk_client *c = &((struct sdk_state *)w->guest_state)->clients[client];
    STINT_ASSERT(c->used);
    return c;
}

/* ---- driving it ---- */

/* Asks for both, as before each wait of an event loop. */
void
sdk_look_again(struct sdk_client *c)
{
    if (c->entered != 0 || c->client == NULL) {
        return; /* whoever is inside of it does when it is out */
    }
    struct sdk_client *before = sdk_enter(c);
    int ms = stint_client_timeout_ms(c->client);
    c->wake_at = ms < 0 ? UINT64_MAX : sdk_world_time(c, sdk_local(c) + (uint64_t)ms * WORLD_MS);
    sdk_leave(c, before);
    if (!list_is_empty(&c->net->events)) {
        c->wake_at = c->w->now;
    }
}

static void
ended(struct sdk_client *c)
{
    STINT_ASSERT(list_is_empty(&c->calls) && c->unfinished == 0);
    STINT_ASSERT(c->net == NULL && c->memory == 0);
    c->client = NULL;
    c->used = false;
}

static void
process(struct sdk_client *c)
{
    if (c->entered != 0) {
        return; /* it is blocked, and sees for itself */
    }
    struct sdk_client *before = sdk_enter(c);
    stint_client_process(c->client);
    sdk_leave(c, before);
    if (c->ending) { /* closed by a callback */
        ended(c);
        return;
    }
    sdk_look_again(c);
}

static uint64_t
guests_deadline(struct world *w, int *actor)
{
    struct sdk_state *s = sdk_state(w);
    uint64_t at = UINT64_MAX;
    for (int i = 0; i < WORLD_SDK_MAX; i++) {
        struct sdk_client *c = &s->clients[i];
        if (!c->used) {
            continue;
        }
        uint64_t net = sdk_net_deadline(c->net);
        uint64_t wants = c->entered != 0 || net < c->wake_at ? net : c->wake_at;
        if (wants < at) {
            at = wants;
            *actor = ACTOR_GUEST + i;
        }
    }
    return at;
}

static struct sdk_client *
begin_step(struct world *w, int actor)
{
    struct sdk_client *c = &sdk_state(w)->clients[actor - ACTOR_GUEST];
    if (!c->used) {
        return NULL;
    }
    sdk_state(w)->stepping++;
    return c;
}

static void
end_step(struct sdk_client *c)
{
    if (c->used && c->wake_at <= c->w->now) {
        process(c);
    }
    sdk_state(c->w)->stepping--;
}

static void
guests_time(struct world *w, int actor)
{
    struct sdk_client *c = begin_step(w, actor);
    if (c != NULL) {
        sdk_net_tick(c->net);
        end_step(c);
    }
}

static void
guests_frame(struct world *w, int actor, uint64_t link, struct stint_span frame)
{
    struct sdk_client *c = begin_step(w, actor);
    if (c != NULL) {
        sdk_net_frame(c->net, link, frame);
        end_step(c);
    }
}

static void
guests_up(struct world *w, int actor, uint64_t link)
{
    struct sdk_client *c = begin_step(w, actor);
    if (c != NULL) {
        sdk_net_up(c->net, link);
        end_step(c);
    }
}

static const uint8_t *
guests_key(struct world *w, int actor)
{
    return sdk_client_of(w, actor - ACTOR_GUEST)->net->key;
}

static bool
guests_cut(struct world *w, int from, int to)
{
    bool out = from >= ACTOR_GUEST;
    int actor = out ? from : to;
    if (actor < ACTOR_GUEST) {
        return false;
    }
    const struct sdk_client *c = &sdk_state(w)->clients[actor - ACTOR_GUEST];
    return out ? c->cut_to[to] || c->mute[to] : c->cut_from[from] || c->mute[from];
}

static void
guests_free(struct world *w)
{
    struct sdk_state *s = sdk_state(w);
    for (int i = 0; i < WORLD_SDK_MAX; i++) {
        if (s->clients[i].used) {
            world_sdk_crash(w, i);
        }
    }
    free(s);
    w->guest_state = NULL;
    w->guests = NULL;
}

static const struct world_guests guests = {
    guests_deadline, guests_time, guests_frame, guests_up, guests_key, guests_cut, guests_free,
};

/* ---- life ---- */

/* Counts, so that a client that ended with memory in its hands is found. */
static void *
counted_resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    struct sdk_client *c = arg;
    c->memory = c->memory - (ptr != NULL ? old_size : 0) + size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    void *out = realloc(ptr, size);
    STINT_ASSERT(out != NULL);
    return out;
}

int
world_sdk_open(struct world *w, const int *nodes, int count)
{
    struct sdk_state *s = sdk_state(w);
    int i = 0;
    while (i < WORLD_SDK_MAX && s->clients[i].used) {
        i++;
    }
    STINT_ASSERT(i < WORLD_SDK_MAX && count > 0 && count <= WORLD_NODES_MAX);
    struct sdk_client *c = &s->clients[i];
    *c = (struct sdk_client){ .w = w, .number = i, .used = true, .clock = { w->now, w->now, 0, 0 } };
    list_init(&c->calls);
    prng_init(&c->random, prng_next(&w->random));
    const char *endpoints[WORLD_NODES_MAX];
    for (int k = 0; k < count; k++) {
        endpoints[k] = w->nodes[nodes[k]].endpoint;
    }
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    options.endpoints = endpoints;
    options.endpoint_count = (size_t)count;
    options.insecure = true;
    options.no_environment = true;
    options.allocator = (struct stint_allocator){ counted_resize, c };
    char error[STINT_CLIENT_ERROR_SIZE];
    struct sdk_client *before = sdk_enter(c);
    STINT_ASSERT(stint_client_open(&options, &c->client, error, sizeof error) == STINT_OK);
#ifdef STINT_MUTANTS
    c->client->heap->mem.mutant = w->mutant;
#endif
    sdk_leave(c, before);
    sdk_look_again(c);
    return i;
}

void
world_sdk_close(struct world *w, int client, uint32_t drain_ms)
{
    struct sdk_client *c = sdk_client_of(w, client);
    bool inside = c->entered != 0;
    c->ending = true;
    struct sdk_client *before = sdk_enter(c);
    stint_client_close(c->client, drain_ms);
    sdk_leave(c, before);
    if (!inside) {
        ended(c);
    }
}

void
world_sdk_crash(struct world *w, int client)
{
    struct sdk_client *c = sdk_client_of(w, client);
    STINT_ASSERT(c->entered == 0);
    c->net->dead = true;
    c->crashed = true;
    world_sdk_close(w, client, 0);
}

struct stint_client *
world_sdk_enter(struct world *w, int client)
{
    struct sdk_client *c = sdk_client_of(w, client);
    STINT_ASSERT(c->entered == 0 && sdk_state(w)->stepping == 0);
    STINT_ASSERT(sdk_enter(c) == NULL);
    return c->client;
}

void
world_sdk_leave(struct world *w, int client)
{
    struct sdk_client *c = sdk_client_of(w, client);
    sdk_leave(c, NULL);
    sdk_look_again(c);
}

/* ---- questions ---- */

bool
world_sdk_is_open(const struct world *w, int client)
{
    return w->guests == &guests && ((const struct sdk_state *)w->guest_state)->clients[client].used;
}

enum stint_client_state
world_sdk_state(const struct world *w, int client)
{
    return stint_client_state(sdk_client_of(w, client)->client);
}

int
sdk_node_named(const struct world *w, const char *name)
{
    for (int i = 0; i < w->node_count; i++) {
        if (strcmp(w->nodes[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int
world_sdk_node(const struct world *w, int client)
{
    return sdk_node_named(w, stint_client_node(sdk_client_of(w, client)->client));
}

uint32_t
world_sdk_pending(const struct world *w, int client)
{
    return sdk_client_of(w, client)->unfinished;
}

/* ---- faults ---- */

void
world_sdk_cut(struct world *w, int client, int node, bool to_node, bool from_node)
{
    struct sdk_client *c = sdk_client_of(w, client);
    c->cut_to[node] = to_node;
    c->cut_from[node] = from_node;
}

void
world_sdk_mute(struct world *w, int client, int node, bool mute)
{
    sdk_client_of(w, client)->mute[node] = mute;
}

void
world_sdk_break(struct world *w, int client, int node)
{
    sdk_net_break(sdk_client_of(w, client)->net, node);
}

void
world_sdk_clock(struct world *w, int client, uint64_t jump_ns, int32_t drift_ppm, int64_t wall_ms)
{
    struct sdk_client *c = sdk_client_of(w, client);
    c->clock = (struct sdk_clock){ w->now, sdk_local(c) + jump_ns, drift_ppm, wall_ms };
    c->jumped += jump_ns;
    sdk_look_again(c);
}
