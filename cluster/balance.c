/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of one node. A node has two shares, of the tasklets and of the steps, each in units
 * of the mean node; both are to be even, so what is minimised is the sum of their squares over
 * all nodes. A move is worth what it takes off that sum. Greedy: always the move that is worth
 * most; the busy tasklets come first by themselves, the idle ones after them.
 */
#include "cluster/balance.h"

#include <string.h>

#include "base/hash.h"
#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"

#define MS_NS UINT64_C(1000000)

/*
 * Two nodes count as even when moving a tasklet would make them more so by less than this;
 * above what rounding does.
 */
#define EVEN_ENOUGH 1e-6

/*
 * A share of the tasklets and of the steps: 1.0 is the mean node's. Steps of an idle cluster
 * are all 0.
 */
struct share {
    double count, steps;
};

/* How tasklets and steps turn into shares in this cluster at this moment. */
struct scale {
    double count, steps;
};

/* A node while the plan is made. A target's share is what this node may fill it up from. */
struct place {
    const struct balance_node *node;
    struct share share;
    unsigned percent; /* of the mean, as reported: for the reason */
    uint64_t bytes;   /* that this plan sends there */
    uint64_t preference;
    bool closed;
};

struct plan {
    struct balance_config config;
    struct scale scale;
    uint32_t place_count;
    struct place places[VIEW_MEMBERS_MAX + 1]; /* this node is the first */
    bool count_triggers, steps_trigger;
    const struct balance_candidate *candidates;
    uint32_t candidate_count;
    uint64_t now_ns;
    uint32_t move_count;
    struct balance_move *moves;
};

static struct balance_config
with_defaults(struct balance_config c)
{
    c.hysteresis_permille = c.hysteresis_permille != 0 ? c.hysteresis_permille : 200;
    c.residence_ms = c.residence_ms != 0 ? c.residence_ms : 1000;
    c.cooldown_ms = c.cooldown_ms != 0 ? c.cooldown_ms : 2000;
    c.round_max = c.round_max != 0 ? c.round_max : 16;
    c.round_max = c.round_max < BALANCE_MOVES_MAX ? c.round_max : BALANCE_MOVES_MAX;
    c.minute_max = c.minute_max != 0 ? c.minute_max : 600;
    c.idle_steps = c.idle_steps != 0 ? c.idle_steps : 1000;
    return c;
}

static struct share
share_of(const struct scale *s, uint64_t tasklets, uint64_t steps)
{
    return (struct share){ (double)tasklets * s->count, (double)steps * s->steps };
}

/*
 * The nodes that count: this one, and all that take tasklets. False if there is nobody to plan
 * with.
 */
static bool
choose_places(struct plan *p, struct node_ref self, const struct balance_node *nodes,
              uint32_t node_count)
{
    double tasklets = 0, steps = 0;
    p->place_count = 1;
    p->places[0].node = NULL;
    for (uint32_t i = 0; i < node_count && p->place_count <= VIEW_MEMBERS_MAX; i++) {
        bool own = node_ref_equal(nodes[i].node, self);
        if (own || nodes[i].target) {
            p->places[own ? 0 : p->place_count++] = (struct place){ .node = &nodes[i] };
            tasklets += (double)nodes[i].load.tasklets;
            steps += (double)nodes[i].load.steps;
        }
    }
    if (p->places[0].node == NULL || p->place_count < 2 || !(tasklets > 0)) {
        return false;
    }
    p->scale.count = p->place_count / tasklets;
    p->scale.steps = steps < p->config.idle_steps ? 0 : p->place_count / steps;
    for (uint32_t i = 0; i < p->place_count; i++) {
        struct place *place = &p->places[i];
        place->share = share_of(&p->scale, place->node->load.tasklets, place->node->load.steps);
        double mean = p->scale.steps > 0 ? (place->share.count + place->share.steps) / 2
                                         : place->share.count;
        place->preference = hash_rendezvous(self.id, place->node->node.id);
        place->percent = mean < 1000 ? (unsigned)(100 * mean) : 100000;
    }
    return true;
}

/* This node's part of what all nodes that will begin want to give away. */
static double
part(double own, double all)
{
    return own > 0 ? own / all : 0;
}

static double
over(double value, double bound)
{
    return value > bound ? value - 1 : 0;
}

/*
 * Of the room below the mean at a target, this node sees only its part, in proportion to its
 * excess among all that are over it enough to begin: they plan at the same moment, from the
 * same loads, without knowing of each other.
 */
static bool
share_room(struct plan *p)
{
    double begin = 1 + p->config.hysteresis_permille / 1000.0;
    struct share own = { over(p->places[0].share.count, begin),
                         over(p->places[0].share.steps, begin) };
    struct share all = { 0, 0 };
    for (uint32_t i = 0; i < p->place_count; i++) {
        all.count += over(p->places[i].share.count, begin);
        all.steps += over(p->places[i].share.steps, begin);
    }
    p->count_triggers = own.count > 0;
    p->steps_trigger = own.steps > 0;
    for (uint32_t i = 1; i < p->place_count; i++) {
        struct share *s = &p->places[i].share;
        s->count = s->count < 1 ? 1 - (1 - s->count) * part(own.count, all.count) : s->count;
        s->steps = s->steps < 1 ? 1 - (1 - s->steps) * part(own.steps, all.steps) : s->steps;
    }
    return p->count_triggers || p->steps_trigger;
}

static bool
has_memory(const struct place *place, uint64_t bytes)
{
    const struct load *l = &place->node->load;
    uint64_t most = l->memory_limit / 10 * 9;
    uint64_t used = l->memory_bytes < most ? l->memory_bytes + place->bytes : most;
    return l->memory_limit == 0 || (used < most && bytes < most - used);
}

/*
 * What a move takes off the sum of squares (halved). 0 unless it also helps against what made
 * this node begin.
 */
static double
worth(const struct plan *p, const struct place *target, struct share weight)
{
    const struct share *self = &p->places[0].share;
    double by_count =
        weight.count * (self->count - target->share.count - weight.count - EVEN_ENOUGH);
    double by_steps =
        weight.steps * (self->steps - target->share.steps - weight.steps - EVEN_ENOUGH);
    bool helps = (p->count_triggers && self->count > 1 && by_count > 0)
                 || (p->steps_trigger && self->steps > 1 && by_steps > 0);
    return helps ? by_count + by_steps : 0;
}

static bool
is_planned(const struct plan *p, struct stint_id tasklet)
{
    for (uint32_t i = 0; i < p->move_count; i++) {
        if (id_equal(p->moves[i].tasklet, tasklet)) {
            return true;
        }
    }
    return false;
}

/*
 * Of equal worth the one that is cheaper to ship, then the one that was here longest, then by
 * id.
 */
static bool
is_before(const struct balance_candidate *a, const struct balance_candidate *b)
{
    if (a->bytes != b->bytes) {
        return a->bytes < b->bytes;
    }
    if (a->arrived_ns != b->arrived_ns) {
        return a->arrived_ns < b->arrived_ns;
    }
    return id_compare(a->tasklet, b->tasklet) < 0;
}

/*
 * The best tasklet for that target, or NULL; a worth that is no more than `least` does not
 * count.
 */
static const struct balance_candidate *
best_for(const struct plan *p, const struct place *target, double *least)
{
    const struct balance_candidate *best = NULL;
    for (uint32_t i = 0; i < p->candidate_count; i++) {
        const struct balance_candidate *c = &p->candidates[i];
        if (!c->movable || c->arrived_ns + p->config.residence_ms * MS_NS > p->now_ns) {
            continue;
        }
        double value = worth(p, target, share_of(&p->scale, 1, c->steps));
        bool better = value > *least || (best != NULL && !(value < *least) && is_before(c, best));
        if (better && has_memory(target, c->bytes) && !is_planned(p, c->tasklet)) {
            best = c;
            *least = value;
        }
    }
    return best;
}

/*
 * The open target that is emptiest: by tasklets, by steps, or by both. Of equals each node
 * prefers another one, so that those who plan at the same moment do not all choose the same.
 */
static struct place *
emptiest(struct plan *p, double count_weight, double steps_weight)
{
    struct place *best = NULL;
    double best_value = 0;
    for (uint32_t i = 1; i < p->place_count; i++) {
        struct place *place = &p->places[i];
        double value = count_weight * place->share.count + steps_weight * place->share.steps;
        if (!place->closed
            && (best == NULL || value < best_value
                || (!(value > best_value) && place->preference > best->preference))) {
            best = place;
            best_value = value;
        }
    }
    return best;
}

static void
take(struct plan *p, const struct balance_candidate *c, struct place *target)
{
    struct share weight = share_of(&p->scale, 1, c->steps);
    struct balance_move *move = &p->moves[p->move_count++];
    move->tasklet = c->tasklet;
    move->to = target->node->node;
    (void)text_format(move->reason, sizeof move->reason,
                      "balance: %s at %u%% of the mean, %s at %u%%; %llu steps/s",
                      p->places[0].node->name, p->places[0].percent, target->node->name,
                      target->percent, (unsigned long long)c->steps);
    p->places[0].share.count -= weight.count;
    p->places[0].share.steps -= weight.steps;
    target->share.count += weight.count;
    target->share.steps += weight.steps;
    target->bytes += c->bytes;
}

/*
 * The most useful move of all, among three targets that stand for the rest; false when none is
 * useful.
 */
static bool
plan_one(struct plan *p)
{
    struct place *targets[3];
    for (;;) {
        targets[0] = emptiest(p, 1, 1);
        targets[1] = emptiest(p, 1, 0);
        targets[2] = emptiest(p, 0, 1);
        if (targets[0] == NULL) {
            return false;
        }
        const struct balance_candidate *best = NULL;
        struct place *to = NULL;
        double value = 0;
        for (uint32_t i = 0; i < 3; i++) {
            const struct balance_candidate *c = best_for(p, targets[i], &value);
            best = c != NULL ? c : best;
            to = c != NULL ? targets[i] : to;
        }
        if (best != NULL) {
            take(p, best, to);
            return true;
        }
        for (uint32_t i = 0; i < 3; i++) {
            targets[i]->closed = true; /* nothing here is of use there; is it for others? */
        }
    }
}

uint32_t
balance_plan(const struct balance_config *config, struct node_ref self,
             const struct balance_node *nodes, uint32_t node_count,
             const struct balance_candidate *candidates, uint32_t candidate_count,
             uint32_t limit, uint64_t now_ns, struct balance_move *out)
{
    struct plan p = { .config = with_defaults(*config), .candidates = candidates,
                      .candidate_count = candidate_count, .now_ns = now_ns, .moves = out };
    if (!choose_places(&p, self, nodes, node_count) || !share_room(&p)) {
        return 0;
    }
    limit = limit < p.config.round_max ? limit : p.config.round_max;
    while (p.move_count < limit && plan_one(&p)) {
    }
    return p.move_count;
}

void
balancer_init(struct balancer *b, struct balance_config config)
{
    *b = (struct balancer){ .config = with_defaults(config) };
}

uint32_t
balancer_allowance(const struct balancer *b, uint64_t now_ns)
{
    if (now_ns < b->next_ns) {
        return 0;
    }
    bool same_minute = b->minute_ns != 0 && now_ns - b->minute_ns < 60000 * MS_NS;
    uint32_t used = same_minute ? b->minute_moves : 0;
    uint32_t left = used < b->config.minute_max ? b->config.minute_max - used : 0;
    return left < b->config.round_max ? left : b->config.round_max;
}

void
balancer_planned(struct balancer *b, uint32_t moves, uint64_t now_ns)
{
    if (b->minute_ns == 0 || now_ns - b->minute_ns >= 60000 * MS_NS) {
        b->minute_ns = now_ns;
        b->minute_moves = 0;
    }
    b->minute_moves += moves;
    b->next_ns = now_ns + b->config.cooldown_ms * MS_NS;
}

uint64_t
balancer_deadline(const struct balancer *b)
{
    return b->next_ns;
}
