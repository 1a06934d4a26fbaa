/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of test_move_protocol.c: nodes with real move machines and a toy of everything
 * else, a soup of packets, the log of views. It carries out the machines' effects and checks
 * what must hold at every event.
 */
#ifndef STINT_TESTS_CLUSTER_SOUP_H
#define STINT_TESTS_CLUSTER_SOUP_H

#include "cluster_test.h"

#include "base/ids.h"
#include "cluster/move.h"

#define NODES 4
#define TASKLETS 5
#define MESSAGES 4096
#define VIEWS 64
#define CHUNKS 3
#define ASKS 256

enum copy_state { COPY_NONE, COPY_RUN, COPY_FROZEN, COPY_PREPARED };

struct copy {
    enum copy_state state;
    uint64_t epoch, step;
};

/* What a target collects for one move. */
struct collector {
    bool used;
    struct move_key key;
    uint64_t step[CHUNKS];
    bool have[CHUNKS];
    uint8_t digest[32];
};

struct node {
    bool crashed, halted;
    uint64_t inc;
    uint32_t installed; /* index of the view */
    struct mem mem;
    struct moves *moves;
    struct copy copies[TASKLETS];
    struct collector collectors[MOVE_IN_MAX];
};

struct packet {
    uint32_t from, to;
    uint64_t from_inc, to_inc;
    bool is_chunk;
    struct move_key key;
    uint32_t chunk;
    uint64_t step;
    stint_MoveMessage message;
};

/* A question of a machine that its core has not answered yet. */
struct ask {
    uint32_t node;
    uint64_t inc;
    enum move_effect_kind kind;
    struct move_key key;
    uint32_t tasklet;
    uint64_t epoch;
};

struct ghost {
    uint64_t progress, epoch;
    uint32_t holder;
    uint64_t holder_inc;
};

struct world {
    uint64_t seed, now;
    struct prng prng;
    bool trace;
    uint32_t node_count, tasklet_count;
    struct node nodes[NODES];
    struct mem mem;
    struct view *views[VIEWS];
    uint32_t view_count;
    struct packet *packets;
    uint32_t packet_count;
    struct ask asks[ASKS];
    uint32_t ask_count;
    struct ghost ghosts[TASKLETS];
    /* What this seed is cruel with, permille. */
    uint32_t lose, repeat, refuse, damage, calm;
    bool crashes, verdicts, restarts, cancels;
};

#define CHECK(w, cond)                                                                     \
    do {                                                                                   \
        if (!(cond)) {                                                                     \
            fail_msg("%s, seed %llu at %llu us: run again with --seed %llu", #cond,        \
                     (unsigned long long)(w)->seed, (unsigned long long)((w)->now / 1000), \
                     (unsigned long long)(w)->seed);                                       \
        }                                                                                  \
    } while (0)

#define TRACE(w, ...)                                                 \
    do {                                                              \
        if ((w)->trace) {                                             \
            printf("%10llu ", (unsigned long long)((w)->now / 1000)); \
            printf(__VA_ARGS__);                                      \
            printf("\n");                                             \
        }                                                             \
    } while (0)

static inline bool
chance(struct world *w, uint32_t permille)
{
    return prng_below(&w->prng, 1000) < permille;
}

static inline uint32_t
pick(struct world *w, uint32_t bound)
{
    return (uint32_t)prng_below(&w->prng, bound);
}

static inline bool
alive(const struct node *n)
{
    return !n->crashed && !n->halted;
}

static inline struct node_ref
ref_of(const struct world *w, uint32_t n)
{
    return test_ref(n, w->nodes[n].inc);
}

static inline uint32_t
index_of(struct stint_id id)
{
    return id.bytes[4];
}

static const struct view *
last_view(const struct world *w)
{
    return w->views[w->view_count - 1];
}

/* The digest says which state it is of, so that a mixed-up parcel would be found. */
static inline void
digest_of(uint64_t step, uint8_t digest[32])
{
    memset(digest, 0, 32);
    memcpy(digest, &step, sizeof step);
    digest[31] = 1;
}

static inline void
check_one(struct world *w)
{
    for (uint32_t t = 0; t < w->tasklet_count; t++) {
        uint32_t running = 0;
        for (uint32_t n = 0; n < w->node_count; n++) {
            running += !w->nodes[n].crashed && w->nodes[n].copies[t].state == COPY_RUN ? 1 : 0;
        }
        CHECK(w, running <= 1); /* I1 */
    }
}

static inline void
grant(struct world *w, uint32_t n, uint32_t t, uint64_t epoch)
{
    struct copy *c = &w->nodes[n].copies[t];
    c->state = COPY_RUN;
    c->epoch = epoch;
    CHECK(w, epoch > w->ghosts[t].epoch); /* I4 */
    w->ghosts[t].epoch = epoch;
    check_one(w);
}

static inline struct packet *
packet_add(struct world *w, uint32_t from, struct node_ref to)
{
    if (w->packet_count == MESSAGES) { /* full: one is lost */
        w->packets[pick(w, MESSAGES)] = w->packets[--w->packet_count];
    }
    struct packet *p = &w->packets[w->packet_count++];
    memset(p, 0, sizeof *p);
    p->from = from;
    p->from_inc = w->nodes[from].inc;
    p->to = index_of(to.id);
    p->to_inc = to.inc;
    return p;
}

static inline struct collector *
collector_of(struct node *n, struct move_key key)
{
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        if (n->collectors[i].used && move_key_equal(n->collectors[i].key, key)) {
            return &n->collectors[i];
        }
    }
    return NULL;
}

static inline struct collector *
collector_add(struct world *w, struct node *n, const struct move_effect *e)
{
    for (uint32_t i = 0; i < MOVE_IN_MAX; i++) {
        if (!n->collectors[i].used) {
            n->collectors[i] = (struct collector){ .used = true, .key = e->key };
            memcpy(n->collectors[i].digest, e->digest, 32);
            return &n->collectors[i];
        }
    }
    CHECK(w, !"a place for the parcel");
    return NULL;
}

static inline void
ask_add(struct world *w, uint32_t n, const struct move_effect *e)
{
    CHECK(w, w->ask_count < ASKS);
    w->asks[w->ask_count++] =
        (struct ask){ n, w->nodes[n].inc, e->kind, e->key, index_of(e->tasklet), e->epoch };
}

static inline void
ship(struct world *w, uint32_t n, const struct move_effect *e)
{
    struct copy *c = &w->nodes[n].copies[index_of(e->tasklet)];
    CHECK(w, c->state == COPY_FROZEN);
    for (uint32_t i = e->first; i < CHUNKS; i++) {
        struct packet *p = packet_add(w, n, e->peer);
        p->is_chunk = true;
        p->key = e->key;
        p->chunk = i;
        p->step = c->step;
    }
}

static inline void
discard(struct world *w, uint32_t n, const struct move_effect *e)
{
    struct node *node = &w->nodes[n];
    struct collector *c = collector_of(node, e->key);
    if (c != NULL) {
        c->used = false;
    }
    struct copy *copy = &node->copies[index_of(e->tasklet)];
    CHECK(w, copy->state != COPY_RUN && copy->state != COPY_FROZEN);
    copy->state = COPY_NONE;
}

/* Carries out one effect of a machine. */
static inline void
effect(struct world *w, uint32_t n, const struct move_effect *e)
{
    struct node *node = &w->nodes[n];
    uint32_t t = index_of(e->tasklet);
    struct copy *copy = &node->copies[t];
    struct ghost *g = &w->ghosts[t];
    switch (e->kind) {
    case MOVE_SEND: {
        TRACE(w, "n%u -> n%u op %d move %llu", n, index_of(e->peer.id), (int)e->message.op,
              (unsigned long long)e->key.counter);
        packet_add(w, n, e->peer)->message = e->message;
        break;
    }
    case MOVE_ADMIT:
    case MOVE_FREEZE:
    case MOVE_INSTALL:
        ask_add(w, n, e);
        break;
    case MOVE_SHIP:
        ship(w, n, e);
        break;
    case MOVE_RECEIVE:
        (void)collector_add(w, node, e);
        break;
    case MOVE_RUN:
        TRACE(w, "n%u runs t%u epoch %llu%s", n, t, (unsigned long long)e->epoch,
              e->adopted ? " adopted" : "");
        CHECK(w, copy->state == COPY_PREPARED);
        if (e->adopted) {
            g->holder = n;
            g->holder_inc = node->inc;
        }
        grant(w, n, t, e->epoch);
        break;
    case MOVE_RESUME:
        TRACE(w, "n%u resumes t%u epoch %llu", n, t, (unsigned long long)e->epoch);
        CHECK(w, copy->state == COPY_FROZEN);
        g->holder = n;
        g->holder_inc = node->inc;
        grant(w, n, t, e->epoch);
        break;
    case MOVE_DROP:
        CHECK(w, copy->state == COPY_FROZEN);
        copy->state = COPY_NONE;
        if (g->holder == n && g->holder_inc == node->inc) {
            g->holder = index_of(e->peer.id);
            g->holder_inc = e->peer.inc;
        }
        break;
    case MOVE_DISCARD:
        discard(w, n, e);
        break;
    case MOVE_FINISHED:
        TRACE(w, "n%u finished move %llu of t%u: %s %s", n, (unsigned long long)e->key.counter, t,
              move_outcome_text(e->record->outcome), e->record->detail);
        CHECK(w, e->record->outcome != MOVE_PENDING && e->record->phase == MOVE_ENDED);
        break;
    }
}

static inline void
drain_effects(struct world *w, uint32_t n)
{
    struct move_effect e;
    while (moves_next(w->nodes[n].moves, &e)) {
        effect(w, n, &e);
    }
}

static inline void
node_start(struct world *w, uint32_t n, uint64_t inc)
{
    struct node *node = &w->nodes[n];
    memset(node, 0, sizeof *node);
    node->inc = inc;
    test_mem(&node->mem);
    struct moves_config config = { .mem = &node->mem, .self = test_ref(n, inc) };
    node->moves = moves_new(&config);
    assert_non_null(node->moves);
}

static inline void
node_end(struct world *w, uint32_t n)
{
    moves_free(w->nodes[n].moves);
    w->nodes[n].moves = NULL;
    CHECK(w, w->nodes[n].mem.used == 0);
}

static inline void
install(struct world *w, uint32_t n, uint32_t view)
{
    struct node *node = &w->nodes[n];
    node->installed = view;
    TRACE(w, "n%u installs view %u", n, view);
    moves_view(node->moves, w->views[view], w->now);
    drain_effects(w, n);
    if (!view_has(w->views[view], ref_of(w, n))) {
        node->halted = true; /* R5: all volatile work is dropped */
        memset(node->copies, 0, sizeof node->copies);
    }
    check_one(w);
}

/*
 * The next version of the membership: without node `gone` (if it is in), with node `joined`
 * under a new incarnation.
 */
static inline bool
view_append(struct world *w, int gone, int joined)
{
    if (w->view_count == VIEWS) {
        return false;
    }
    struct view *v = view_new(&w->mem);
    const struct view *old = last_view(w);
    v->generation = 1;
    v->number = old->number + 1;
    v->authority = test_id(0);
    for (uint32_t i = 0; i < old->member_count; i++) {
        uint32_t n = index_of(old->members[i].ref.id);
        if ((int)n != gone && (int)n != joined) {
            v->members[v->member_count++] = old->members[i];
        }
    }
    if (joined >= 0) {
        test_member(v, (uint32_t)joined, v->number, stint_MEMBER_ACTIVE);
    }
    w->views[w->view_count++] = v;
    TRACE(w, "view %u: gone %d joined %d", w->view_count - 1, gone, joined);
    return true;
}

#endif
