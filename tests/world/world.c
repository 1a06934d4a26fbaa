/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of the virtual world: the next thing that happens, to whom, and the effects of it. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "world_internal.h"
#include "wire/wire.h"

#define RUN_BUDGET 64
#define RUN_NS UINT64_C(20000)    /* virtual time that a batch of turns takes */
#define MEMORY_MAX ((size_t)512 << 20)

static void *
resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

struct stint_allocator
world_allocator(void)
{
    return (struct stint_allocator){ resize, NULL };
}

struct world *
world_new(uint64_t seed, const struct world_faults *faults)
{
    STINT_ASSERT(wire_init() == STINT_OK);
    struct world *w = calloc(1, sizeof *w);
    STINT_ASSERT(w != NULL);
    prng_init(&w->random, seed);
    mem_init(&w->mem, world_allocator(), 0);
    heap_init(&w->queue, &w->mem);
    w->now = 1000 * WORLD_MS;
    w->next_inbound = NODE_LINK_INBOUND + 1;
    world_set_faults(w, faults);
    return w;
}

void
world_free(struct world *w)
{
    if (w->guests != NULL) {
        w->guests->free(w);
    }
    for (int i = 0; i < w->node_count; i++) {
        world_client_free(w, i);
        world_crash(w, i);
        free(w->nodes[i].rows);
    }
    while (heap_first(&w->queue) != NULL) {
        struct heap_item *item = heap_first(&w->queue);
        heap_remove(&w->queue, item);
        free((struct happening *)(void *)item);
    }
    heap_fini(&w->queue);
    STINT_ASSERT(w->mem.used == 0);
    free(w);
}

void
world_set_faults(struct world *w, const struct world_faults *faults)
{
    w->faults = faults != NULL ? *faults : (struct world_faults){ 0 };
    if (w->faults.delay_max_ns == 0) {
        w->faults.delay_min_ns = 50000;
        w->faults.delay_max_ns = 200000;
    }
    if (w->faults.store_delay_ns == 0) {
        w->faults.store_delay_ns = 200000;
    }
}

struct happening *
world_push(struct world *w, enum happening_kind kind, int actor, uint64_t at, size_t size)
{
    struct happening *h = calloc(1, sizeof *h + size);
    STINT_ASSERT(h != NULL);
    h->kind = kind;
    h->actor = actor;
    h->size = size;
    h->generation = actor < ACTOR_CLIENT ? w->nodes[actor].life : 0;
    STINT_ASSERT(heap_insert(&w->queue, &h->item, at, prng_next(&w->random)) == STINT_OK);
    return h;
}

/* Folds what happens into the run's hash. */
static void
fold(struct world *w, uint64_t a, uint64_t b)
{
    w->stats.hash = hash_mix(w->stats.hash ^ hash_mix(a + 0x9e3779b97f4a7c15U * b + w->now));
}

static void
tell(struct world *w, enum world_what what, int node, int peer, struct stint_span bytes, const char *text)
{
    if (w->watch != NULL) {
        struct world_happening h = { .what = what, .node = node, .peer = peer, .bytes = bytes, .text = text };
        w->watch(w, &h, w->watch_arg);
    }
}

static void
fail(const char *why)
{
    fprintf(stderr, "world: %s\n", why);
    abort();
}

static void
start(struct world *w, int i)
{
    struct world_node_state *s = &w->nodes[i];
    mem_init(&s->mem, world_allocator(), MEMORY_MAX);
#ifdef STINT_MUTANTS
    s->mem.mutant = w->mutant;
#endif
    struct node_config config = {
        .mem = &s->mem,
        .seed = prng_next(&w->random),
        .last_incarnation = s->incarnation,
        .last_generation = s->generation,
        .last_view = s->view,
        .identity = &s->identity,
        .name = s->name,
        .endpoint = s->endpoint,
        .authority = s->authority,
        .found = s->authority,
        .detect_fast = !s->detect_normal,
        .version = "world",
    };
    memcpy(config.join_secret, s->secret, sizeof config.join_secret);
    if (!s->authority) {
        config.join[0] = w->nodes[0].endpoint;
    }
    char error[256];
    if (node_new(&config, &s->node, error, sizeof error) != STINT_OK) {
        fail(error);
    }
    for (int m = 0; s->modules[m] != NULL; m++) {
        if (node_add_module(s->node, s->modules[m], error, sizeof error) != STINT_OK) {
            fail(error);
        }
    }
    s->up = true;
    s->exited = s->ready = s->paused = false;
    s->life++;
    s->run_at = s->sample_at = w->now;
    s->dies_after = 0;
    tell(w, WORLD_BEGINS, i, -1, span_of(NULL, 0), "starts");
}

int
world_start(struct world *w, const char *name, const struct stint_module *const *modules)
{
    STINT_ASSERT(w->node_count < WORLD_NODES_MAX);
    int i = w->node_count++;
    struct world_node_state *s = &w->nodes[i];
    text_copy(s->name, sizeof s->name, name);
    text_format(s->endpoint, sizeof s->endpoint, "tcp://127.0.0.1:%d", 7401 + i);
    s->id = prng_id(&w->random);
    prng_bytes(&w->random, s->secret, sizeof s->secret);
    s->modules = modules;
    s->authority = i == 0;
    s->clock_ppm = 1000000;
    s->clock_since = s->clock_shown = w->now;
    STINT_ASSERT(cert_dev_identity(ROLE_NODE, name, &s->identity) == STINT_OK);
    start(w, i);
    return i;
}

void
world_crash(struct world *w, int node)
{
    struct world_node_state *s = &w->nodes[node];
    if (!s->up) {
        return;
    }
    node_free(s->node);
    s->node = NULL;
    s->up = false;
    s->life++;
    STINT_ASSERT(s->mem.used == 0);
    for (int c = 0; c < w->connection_count; c++) {
        struct connection *k = &w->connections[c];
        if (k->used && k->from == node) {
            k->used = false;
        } else if (k->used && k->to == node && k->up) {
            /* The kernel of the dead process's machine says so, most times. */
            world_break_connection(w, c, prng_below(&w->random, 4) != 0, 0);
        }
    }
    tell(w, WORLD_ENDS, node, -1, span_of(NULL, 0), "is gone");
}

void
world_restart(struct world *w, int node)
{
    STINT_ASSERT(!w->nodes[node].up);
    start(w, node);
    for (int c = 0; c < w->connection_count; c++) {
        struct connection *k = &w->connections[c];
        if (k->used && k->to == node && !k->up) {
            struct happening *h = world_push(w, HAPPENING_UP, k->from, w->now + 10 * WORLD_MS, 0);
            h->connection = c;
            h->connection_generation = k->generation;
            h->link = k->from_link;
        }
    }
}

void
world_crash_within(struct world *w, int node, uint32_t effects)
{
    w->nodes[node].dies_after = effects == WORLD_NEVER ? 0 : effects + 1;
}

void
world_detect_normal(struct world *w, int node)
{
    w->nodes[node].detect_normal = true;
}

void
world_pause(struct world *w, int node, bool paused)
{
    w->nodes[node].paused = paused;
}

void
world_cut(struct world *w, int a, int b, bool cut)
{
    w->cut[a][b] = cut;
}

static void step(struct world *w, int i, struct node_event *event);

static void
store_load(struct world *w, int i)
{
    struct world_node_state *s = &w->nodes[i];
    struct store_row *rows = calloc(s->row_count + 1, sizeof *rows);
    STINT_ASSERT(rows != NULL);
    for (size_t k = 0; k < s->row_count; k++) {
        rows[k].kind = s->rows[k].kind;
        rows[k].key = span_of(s->rows[k].key, s->rows[k].key_size);
        rows[k].value = span_of(s->rows[k].value, s->rows[k].value_size);
    }
    struct node_event event = { .kind = NODE_STORE_ROWS,
                                .rows = rows,
                                .row_count = s->row_count,
                                .store_view = s->store_view,
                                .store_generation = 1 };
    step(w, i, &event);
    free(rows);
}

/* Carries out the effects of a step. A load is answered after them, so that steps do not nest. */
static void
carry_out(struct world *w, int i)
{
    struct world_node_state *s = &w->nodes[i];
    bool load = false;
    const struct node_effect *e;
    while (s->up && (e = node_next_effect(s->node)) != NULL) {
        if (s->dies_after != 0 && --s->dies_after == 0) {
            world_crash(w, i);
            return;
        }
        fold(w, (uint64_t)e->kind, (uint64_t)e->bytes.size);
        switch (e->kind) {
        case NODE_CONNECT:
            world_connect(w, i, e->link, e->endpoint);
            break;
        case NODE_DISCONNECT:
            world_disconnect(w, i, e->link);
            break;
        case NODE_SEND:
            tell(w, WORLD_SENDS, i, world_peer(w, i, e->link), e->bytes, NULL);
            world_transmit(w, i, e->link, e->bytes);
            break;
        case NODE_STORE_COMMIT:
            world_store_commit(w, i, &e->commit);
            break;
        case NODE_STORE_LOAD:
            load = true;
            break;
        case NODE_READY:
            s->ready = true;
            break;
        case NODE_PERSIST:
            s->incarnation = e->incarnation;
            s->generation = e->generation;
            s->view = e->view;
            break;
        case NODE_LOG:
            tell(w, WORLD_LOGS, i, -1, span_of(NULL, 0), e->text);
            if (w->verbose) {
                printf("%10.3f ms %s: %s\n", (double)w->now / 1e6, s->name, e->text);
            }
            break;
        case NODE_FENCED:
        case NODE_EXIT:
            if (w->verbose) {
                printf("%10.3f ms %s: %s %s\n", (double)w->now / 1e6, s->name,
                       e->kind == NODE_EXIT ? "exit" : "fenced", e->text != NULL ? e->text : "");
            }
            tell(w, WORLD_LOGS, i, -1, span_of(NULL, 0), e->text != NULL ? e->text : "");
            if (e->kind == NODE_EXIT) {
                s->exited = true;
                s->exit_status = e->status;
            }
            break;
        }
    }
    if (load) {
        store_load(w, i);
    }
}

static void
step(struct world *w, int i, struct node_event *event)
{
    struct world_node_state *s = &w->nodes[i];
    event->now_ns = world_clock(w, i);
    event->wall_ms = (uint64_t)((int64_t)(WORLD_WALL_START_MS + event->now_ns / WORLD_MS) + s->wall_off_ms);
    w->stats.events++;
    fold(w, (uint64_t)event->kind * 16 + (uint64_t)i, event->link);
    node_step(s->node, event);
    carry_out(w, i);
    if (w->check != NULL && s->up) {
        w->check(w, i, w->check_arg);
    }
    if (s->exited && s->up) {
        world_crash(w, i);
    }
}

void
world_event(struct world *w, int node, struct node_event *event)
{
    tell(w, WORLD_EVENT, node, -1, span_of(NULL, 0), NULL);
    step(w, node, event);
}

/* When this node next wants something; UINT64_MAX when it is down, paused or idle. */
static uint64_t
node_wants(struct world *w, int i)
{
    struct world_node_state *s = &w->nodes[i];
    if (!s->up || s->paused) {
        return UINT64_MAX;
    }
    uint64_t at = world_clock_until(w, i, node_deadline(s->node));
    if (node_runnable(s->node)) {
        at = s->run_at; /* its deadline may be that of a tasklet, which only a turn can keep */
    }
    return at < s->sample_at ? at : s->sample_at;
}

static void
wake_node(struct world *w, int i)
{
    struct world_node_state *s = &w->nodes[i];
    struct node_event event = { .kind = NODE_TIME };
    if (s->sample_at <= w->now) {
        event = (struct node_event){ .kind = NODE_SAMPLE, .cpu_permille = 100, .memory_bytes = s->mem.used };
        s->sample_at = w->now + 1000 * WORLD_MS;
    } else if (node_runnable(s->node) && s->run_at <= w->now) {
        event = (struct node_event){ .kind = NODE_RUN, .budget = RUN_BUDGET };
        s->run_at = w->now + RUN_NS;
    }
    tell(w, event.kind == NODE_RUN ? WORLD_RUN : WORLD_TIME, i, -1, span_of(NULL, 0), NULL);
    step(w, i, &event);
}

/* What comes for a paused process waits in its socket's buffer. */
static void
postpone(struct world *w, const struct happening *h)
{
    struct happening *later = world_push(w, h->kind, h->actor, w->now + 5 * WORLD_MS, h->size);
    later->link = h->link;
    later->connection = h->connection;
    later->connection_generation = h->connection_generation;
    later->to_acceptor = h->to_acceptor;
    later->number = h->number;
    later->result = h->result;
    bytes_copy(later->bytes, h->bytes, h->size);
}

static void
deliver_to_client(struct world *w, const struct happening *h)
{
    int client = h->actor - ACTOR_CLIENT;
    if (h->kind == HAPPENING_FRAME) {
        world_client_frame(w, client, span_of(h->bytes, h->size));
    } else if (h->kind == HAPPENING_UP) {
        world_client_up(w, client);
    }
}

/* Guests see for themselves when a connection ends. */
static void
deliver_to_guest(struct world *w, const struct happening *h)
{
    if (h->kind == HAPPENING_FRAME) {
        w->guests->frame(w, h->actor, h->link, span_of(h->bytes, h->size));
    } else if (h->kind == HAPPENING_UP) {
        w->guests->up(w, h->actor, h->link);
    }
}

static void
deliver_frame(struct world *w, const struct happening *h)
{
    const struct connection *k = &w->connections[h->connection];
    struct node_event event = { .kind = NODE_RECEIVED, .link = h->link, .bytes = span_of(h->bytes, h->size) };
    if (h->to_acceptor) {
        event.peer_key = k->from >= ACTOR_GUEST    ? w->guests->key(w, k->from)
                         : k->from >= ACTOR_CLIENT ? world_client_key(w, k->from - ACTOR_CLIENT)
                                                   : w->nodes[k->from].identity.curve_public;
    }
    tell(w, WORLD_FRAME, h->actor, h->to_acceptor ? k->from : k->to, event.bytes, NULL);
    step(w, h->actor, &event);
}

static void
deliver(struct world *w, struct happening *h)
{
    struct connection *k = &w->connections[h->connection];
    bool of_link = h->kind != HAPPENING_STORE;
    if (of_link && (!k->used || h->connection_generation != k->generation)) {
        return; /* it was on its way in a connection that broke */
    }
    if (h->kind == HAPPENING_DOWN && k->up) {
        return; /* put off while its node was stopped, until after the link was made anew: no shell tells that in this order */
    }
    if (h->kind == HAPPENING_UP) {
        if (!w->nodes[k->to].up || k->up) {
            return;
        }
        k->up = true;
        k->to_link = w->next_inbound++;
    }
    if (h->actor >= ACTOR_GUEST) {
        deliver_to_guest(w, h);
        return;
    }
    if (h->actor >= ACTOR_CLIENT) {
        deliver_to_client(w, h);
        return;
    }
    struct world_node_state *s = &w->nodes[h->actor];
    if (!s->up || h->generation != s->life) {
        return;
    }
    if (s->paused) {
        if (h->kind == HAPPENING_UP) {
            k->up = false;
        }
        postpone(w, h);
        return;
    }
    if (h->kind == HAPPENING_FRAME) {
        deliver_frame(w, h);
        return;
    }
    struct node_event event = { .kind = NODE_STORE_DONE, .number = h->number, .result = h->result };
    if (h->kind == HAPPENING_UP) {
        event = (struct node_event){ .kind = NODE_LINK_UP, .link = h->link };
    } else if (h->kind == HAPPENING_DOWN) {
        event = (struct node_event){ .kind = NODE_LINK_DOWN, .link = h->link, .text = "connection reset" };
    }
    tell(w, h->kind == HAPPENING_UP ? WORLD_LINK_UP : of_link ? WORLD_LINK_DOWN : WORLD_STORED, h->actor, of_link ? k->to : -1,
         span_of(NULL, 0), NULL);
    step(w, h->actor, &event);
}

/* Lets the next thing happen; false when it would be after `until`. */
static bool
world_step(struct world *w, uint64_t until)
{
    if (w->stopped) {
        return false;
    }
    uint64_t at = UINT64_MAX;
    int who = -1;
    for (int i = 0; i < w->node_count; i++) {
        uint64_t wants = node_wants(w, i);
        if (wants < at || (wants == at && wants != UINT64_MAX && prng_below(&w->random, 2) == 0)) {
            at = wants;
            who = i;
        }
        uint64_t client = world_client_deadline(w, i);
        if (client < at) {
            at = client;
            who = ACTOR_CLIENT + i;
        }
    }
    int guest = -1;
    uint64_t guest_wants = w->guests != NULL ? w->guests->deadline(w, &guest) : UINT64_MAX;
    if (guest_wants < at) {
        at = guest_wants;
        who = guest;
    }
    struct heap_item *item = heap_first(&w->queue);
    bool queued = item != NULL && item->key <= at;
    if (queued) {
        at = item->key;
    }
    if (at > until) {
        w->now = until;
        return false;
    }
    if (at > w->now) {
        w->now = at;
    }
    if (queued) {
        heap_remove(&w->queue, item);
        struct happening *h = (struct happening *)(void *)item;
        deliver(w, h);
        free(h);
    } else if (who >= ACTOR_GUEST) {
        w->guests->time(w, who);
    } else if (who >= ACTOR_CLIENT) {
        world_client_time(w, who - ACTOR_CLIENT);
    } else {
        wake_node(w, who);
    }
    return true;
}

bool
world_until(struct world *w, bool (*condition)(struct world *w, void *arg), void *arg, uint64_t limit_ns)
{
    uint64_t until = w->now + limit_ns;
    while (!condition(w, arg)) {
        if (!world_step(w, until)) {
            return condition(w, arg);
        }
    }
    return true;
}

void
world_run(struct world *w, uint64_t duration_ns)
{
    uint64_t until = w->now + duration_ns;
    while (world_step(w, until)) {
    }
}

void
world_on_happening(struct world *w, void (*watch)(struct world *w, const struct world_happening *what, void *arg),
                   void *arg)
{
    w->watch = watch;
    w->watch_arg = arg;
}

void
world_stop(struct world *w)
{
    w->stopped = true;
}

void
world_on_event(struct world *w, void (*check)(struct world *w, int node, void *arg), void *arg)
{
    w->check = check;
    w->check_arg = arg;
}

struct node *
world_node(struct world *w, int node)
{
    return w->nodes[node].node;
}

uint64_t
world_life(const struct world *w, int node)
{
    return w->nodes[node].life;
}

const char *
world_name(const struct world *w, int node)
{
    return w->nodes[node].name;
}

bool
world_is_paused(const struct world *w, int node)
{
    return w->nodes[node].paused;
}

size_t
world_node_memory(const struct world *w, int node)
{
    return w->nodes[node].mem.used;
}

bool
world_is_exited(struct world *w, int node, enum stint_status *status)
{
    if (status != NULL) {
        *status = w->nodes[node].exit_status;
    }
    return w->nodes[node].exited;
}

int
world_count(const struct world *w)
{
    return w->node_count;
}

uint64_t
world_now(const struct world *w)
{
    return w->now;
}

struct prng *
world_random(struct world *w)
{
    return &w->random;
}

const struct world_stats *
world_stats(const struct world *w)
{
    return &w->stats;
}

void
world_verbose(struct world *w, bool verbose)
{
    w->verbose = verbose;
}

#ifdef STINT_MUTANTS
void
world_set_mutant(struct world *w, enum mutant mutant)
{
    w->mutant = mutant;
}
#endif
