/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h, clock.h and entropy.h as a client in the virtual world sees them: the same functions, linked in place of those
 * over ZeroMQ. Links tell what ZeroMQ's monitor would: UP after each (re)connection, DOWN at once when a node's process
 * ends, after failed heartbeats when it is silent, "cannot connect" once for each row of failures.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "link/clock.h"
#include "link/entropy.h"
#include "world_sdk_internal.h"

#define HEARTBEAT_NS (3000 * WORLD_MS) /* of silence, then ZeroMQ gives a connection up */
#define RECONNECT_NS (100 * WORLD_MS)

static struct sdk_client *running; /* whose code runs now */

struct sdk_client *
sdk_enter(struct sdk_client *c)
{
    struct sdk_client *before = running;
    running = c;
    c->entered++;
    return before;
}

void
sdk_leave(struct sdk_client *c, struct sdk_client *before)
{
    STINT_ASSERT(running == c);
    c->entered--;
    running = before;
}

/* ---- clocks and entropy ---- */

uint64_t
sdk_local(const struct sdk_client *c)
{
    int64_t passed = (int64_t)(c->w->now - c->clock.world);
    return c->clock.local + (uint64_t)(passed + passed * c->clock.drift_ppm / 1000000);
}

uint64_t
sdk_world_time(const struct sdk_client *c, uint64_t local)
{
    uint64_t now = sdk_local(c);
    if (local == UINT64_MAX) {
        return UINT64_MAX;
    }
    if (local <= now) {
        return c->w->now;
    }
    uint64_t left = local - now;
    uint64_t rate = (uint64_t)(1000000 + c->clock.drift_ppm);
    return c->w->now + left / rate * 1000000 + (left % rate * 1000000 + rate - 1) / rate + 1;
}

uint64_t
clock_now_ns(void)
{
    return sdk_local(running);
}

uint64_t
clock_wall_ms(void)
{
    return WORLD_WALL_START_MS + running->w->now / WORLD_MS + (uint64_t)running->clock.wall_ms;
}

int
clock_timeout_ms(uint64_t now_ns, uint64_t deadline_ns)
{
    if (deadline_ns == UINT64_MAX) {
        return -1;
    }
    uint64_t ms = deadline_ns > now_ns ? (deadline_ns - now_ns + WORLD_MS - 1) / WORLD_MS : 0;
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

void
entropy_bytes(void *out, size_t size)
{
    prng_bytes(&running->random, out, size);
}

/* ---- the net ---- */

enum stint_status
link_open(struct link_net **out, const struct link_config *config, char *error, size_t error_size)
{
    (void)error;
    (void)error_size;
    struct link_net *net = calloc(1, sizeof *net);
    STINT_ASSERT(net != NULL && config->listen == NULL && running->net == NULL);
    net->owner = running;
    net->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    STINT_ASSERT(net->fd >= 0);
    memcpy(net->key, config->public_key, sizeof net->key);
    list_init(&net->events);
    running->net = net;
    *out = net;
    return STINT_OK;
}

static int
actor_of(const struct link_net *net)
{
    return ACTOR_GUEST + net->owner->number;
}

/* The connection under a link ends. */
static void
unwire(struct link_net *net, struct sdk_link *l)
{
    if (l->wire != 0) {
        world_disconnect(net->owner->w, actor_of(net), l->wire);
    }
    l->wire = 0;
    l->up = l->connecting = false;
    l->blocked_since = 0;
}

void
link_close(struct link_net *net)
{
    struct list *first;
    if (net == NULL) {
        return;
    }
    for (int i = 0; i < SDK_LINKS_MAX; i++) {
        unwire(net, &net->links[i]);
    }
    while ((first = list_pop_front(&net->events)) != NULL) {
        free(STINT_CONTAINER_OF(first, struct sdk_event, place));
    }
    free(net->held);
    (void)close(net->fd);
    net->owner->net = NULL;
    free(net);
}

static struct sdk_link *
find(struct link_net *net, uint64_t link)
{
    for (int i = 0; i < SDK_LINKS_MAX; i++) {
        if (net->links[i].used && net->links[i].link == link) {
            return &net->links[i];
        }
    }
    return NULL;
}

static void
tell(struct link_net *net, struct link_event event)
{
    struct sdk_event *e = calloc(1, sizeof *e + event.bytes.size);
    STINT_ASSERT(e != NULL);
    e->event = event;
    e->size = event.bytes.size;
    bytes_copy(e->bytes, event.bytes.data, e->size);
    list_push_back(&net->events, &e->place);
    net->owner->wake_at = net->owner->w->now;
}

enum stint_status
link_connect(struct link_net *net, uint64_t link, const char *endpoint, const uint8_t server_key[LINK_KEY_SIZE])
{
    (void)server_key;
    STINT_ASSERT(find(net, link) == NULL);
    struct world *w = net->owner->w;
    for (int i = 0; i < SDK_LINKS_MAX; i++) {
        struct sdk_link *l = &net->links[i];
        if (l->used) {
            continue;
        }
        *l = (struct sdk_link){ .used = true, .link = link, .node = -1, .retry_at = w->now };
        text_copy(l->endpoint, sizeof l->endpoint, endpoint);
        for (int k = 0; k < w->node_count; k++) {
            l->node = strcmp(w->nodes[k].endpoint, endpoint) == 0 ? k : l->node;
        }
        return STINT_OK;
    }
    return STINT_LIMIT;
}

void
link_disconnect(struct link_net *net, uint64_t link)
{
    struct sdk_link *l = find(net, link);
    if (l != NULL) {
        unwire(net, l);
        l->used = false;
    }
}

enum stint_status
link_send(struct link_net *net, uint64_t link, struct stint_span bytes)
{
    struct sdk_link *l = find(net, link);
    STINT_ASSERT(bytes.size != 0 && bytes.size <= LINK_FRAME_MAX);
    if (l == NULL) {
        return STINT_NOT_FOUND;
    }
    if (!l->up) {
        return STINT_UNREACHABLE;
    }
    if (!net->dead) {
        world_transmit(net->owner->w, actor_of(net), l->wire, bytes);
    }
    return STINT_OK;
}

bool
link_next(struct link_net *net, struct link_event *event)
{
    free(net->held);
    net->held = NULL;
    struct list *first;
    while ((first = list_pop_front(&net->events)) != NULL) {
        struct sdk_event *e = STINT_CONTAINER_OF(first, struct sdk_event, place);
        if (find(net, e->event.link) == NULL) { /* forgotten meanwhile */
            free(e);
            continue;
        }
        net->held = e;
        *event = e->event;
        event->bytes = span_of(e->bytes, e->size);
        return true;
    }
    return false;
}

static bool
has_event(struct world *w, void *arg)
{
    (void)w;
    return !list_is_empty(&((struct link_net *)arg)->events);
}

void
link_wait(struct link_net *net, int timeout_ms, int extra_fd)
{
    struct sdk_client *c = net->owner;
    (void)extra_fd;
    /* The world cannot go on inside of one of its own events; nothing but a last word waits there. */
    if (sdk_state(c->w)->stepping != 0 || net->dead) {
        STINT_ASSERT(timeout_ms >= 0);
        return;
    }
    STINT_ASSERT(c->entered == 1);
    uint64_t wait = timeout_ms < 0 ? 3600 * 1000 * WORLD_MS
                                   : sdk_world_time(c, sdk_local(c) + (uint64_t)timeout_ms * WORLD_MS) - c->w->now;
    running = NULL;
    (void)world_until(c->w, has_event, net, wait);
    running = c;
}

int
link_fd(const struct link_net *net)
{
    return net->fd;
}

bool
link_pending(const struct link_net *net)
{
    return !list_is_empty(&net->events);
}

bool
link_endpoint_valid(const char *endpoint)
{
    return endpoint != NULL && strncmp(endpoint, "tcp://", 6) == 0;
}

/* ---- what happens to links ---- */

static void
go_down(struct link_net *net, struct sdk_link *l, const char *text)
{
    struct world *w = net->owner->w;
    bool was_up = l->up;
    unwire(net, l);
    l->retry_at = w->now + RECONNECT_NS + prng_below(&net->owner->random, RECONNECT_NS);
    if (was_up || l->told != text) {
        l->told = was_up ? NULL : text;
        tell(net, (struct link_event){ .kind = LINK_DOWN, .link = l->link, .text = text });
    }
}

static bool
is_up(const struct world *w, const struct sdk_link *l)
{
    return l->node >= 0 && w->nodes[l->node].up;
}

/* Nothing passes, in one direction at least. */
static bool
is_blocked(const struct link_net *net, const struct sdk_link *l)
{
    const struct sdk_client *c = net->owner;
    return c->cut_to[l->node] || c->cut_from[l->node] || c->w->nodes[l->node].paused;
}

/* When a link is to be looked at. */
static uint64_t
link_wants(const struct link_net *net, const struct sdk_link *l)
{
    const struct world *w = net->owner->w;
    if (!l->used) {
        return UINT64_MAX;
    }
    if (!l->up && !l->connecting) {
        return l->retry_at;
    }
    if (!is_up(w, l) || w->nodes[l->node].life != l->life) {
        return w->now;
    }
    if (is_blocked(net, l) != (l->blocked_since != 0)) {
        return w->now;
    }
    return l->blocked_since != 0 ? l->blocked_since + HEARTBEAT_NS : UINT64_MAX;
}

static void
look_at(struct link_net *net, struct sdk_link *l)
{
    struct world *w = net->owner->w;
    if (link_wants(net, l) > w->now) {
        return;
    }
    if (!is_up(w, l) || ((l->up || l->connecting) && w->nodes[l->node].life != l->life)) {
        go_down(net, l, l->up ? "the connection was lost" : "cannot connect");
    } else if (!l->up && !l->connecting && is_blocked(net, l)) {
        l->retry_at = w->now + RECONNECT_NS; /* nobody answers, nobody refuses */
    } else if (!l->up && !l->connecting) {
        l->wire = sdk_state(w)->next_wire++;
        l->life = w->nodes[l->node].life;
        l->connecting = true;
        (void)world_connect(w, actor_of(net), l->wire, l->endpoint);
    } else if (!is_blocked(net, l)) {
        l->blocked_since = 0;
    } else if (l->blocked_since == 0) {
        l->blocked_since = w->now;
    } else {
        go_down(net, l, "the connection was lost");
    }
}

uint64_t
sdk_net_deadline(struct link_net *net)
{
    uint64_t at = UINT64_MAX;
    for (int i = 0; i < SDK_LINKS_MAX; i++) {
        uint64_t wants = link_wants(net, &net->links[i]);
        at = wants < at ? wants : at;
    }
    return at;
}

void
sdk_net_tick(struct link_net *net)
{
    for (int i = 0; i < SDK_LINKS_MAX; i++) {
        look_at(net, &net->links[i]);
    }
}

static struct sdk_link *
find_wire(struct link_net *net, uint64_t wire)
{
    for (int i = 0; i < SDK_LINKS_MAX; i++) {
        if (net->links[i].used && net->links[i].wire == wire) {
            return &net->links[i];
        }
    }
    return NULL;
}

void
sdk_net_frame(struct link_net *net, uint64_t wire, struct stint_span frame)
{
    struct sdk_link *l = find_wire(net, wire);
    if (l != NULL && l->up) {
        tell(net, (struct link_event){ .kind = LINK_RECEIVED, .link = l->link, .bytes = frame });
    }
}

void
sdk_net_up(struct link_net *net, uint64_t wire)
{
    struct sdk_link *l = find_wire(net, wire);
    if (l == NULL || !l->connecting) {
        return;
    }
    if (!is_up(net->owner->w, l) || net->owner->w->nodes[l->node].life != l->life || is_blocked(net, l)) {
        unwire(net, l);
        l->retry_at = net->owner->w->now + RECONNECT_NS;
        return;
    }
    l->connecting = false;
    l->up = true;
    l->told = NULL;
    tell(net, (struct link_event){ .kind = LINK_UP, .link = l->link });
}

void
sdk_net_break(struct link_net *net, int node)
{
    for (int i = 0; i < SDK_LINKS_MAX; i++) {
        struct sdk_link *l = &net->links[i];
        if (l->used && l->up && l->node == node) {
            go_down(net, l, "the connection was lost");
        }
    }
}
