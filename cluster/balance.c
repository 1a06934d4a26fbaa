/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of one node. All pressures are whole numbers on a scale where the mean is PRESSURE_ONE; a tasklet's weight is
 * what it adds to the pressure of wherever it is. Greedy: always to the target that is emptiest, always the heaviest
 * tasklet that fits there; with few moves a round that spreads the busy ones first and the idle ones after them.
 */
#include "cluster/balance.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"

#define MS_NS UINT64_C(1000000)
#define PRESSURE_ONE UINT64_C(1000000000)
#define COUNTS_MAX (UINT64_C(1) << 24) /* scaled: times 256 nodes and PRESSURE_ONE, below 2^63 */
#define REPORT_MAX (UINT64_C(1) << 50) /* what a report may claim */

/* How tasklets and steps turn into pressure in this cluster at this moment. */
struct scale {
    uint32_t nodes;
    uint64_t tasklets, steps; /* of all nodes that count; scaled */
    uint32_t tasklet_shift, step_shift;
    bool idle; /* steps do not count */
};

/* A node while the plan is made. */
struct place {
    const struct balance_node *node;
    uint64_t pressure;
    uint64_t room; /* what this node may still send there */
    uint64_t bytes;
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

static uint32_t
shift_below(uint64_t value, uint64_t bound)
{
    uint32_t shift = 0;
    while (value >> shift >= bound) {
        shift++;
    }
    return shift;
}

static void
scale_init(struct scale *s, const struct place *places, uint32_t count, uint32_t idle_steps)
{
    uint64_t tasklets = 0, steps = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct load *l = &places[i].node->load;
        tasklets += l->tasklets < REPORT_MAX ? l->tasklets : REPORT_MAX;
        steps += l->steps < REPORT_MAX ? l->steps : REPORT_MAX;
    }
    s->nodes = count;
    s->idle = steps < idle_steps;
    s->tasklet_shift = shift_below(tasklets, COUNTS_MAX);
    s->step_shift = shift_below(steps, COUNTS_MAX);
    s->tasklets = tasklets >> s->tasklet_shift;
    s->steps = steps >> s->step_shift;
}

/* Pressure of so many tasklets with so many steps: half their share of each, in units of the mean node. */
static uint64_t
pressure(const struct scale *s, uint64_t tasklets, uint64_t steps)
{
    tasklets = tasklets < REPORT_MAX ? tasklets : REPORT_MAX;
    uint64_t count_part = tasklets << 8 >> s->tasklet_shift; /* 8 more bits, so that one of many counts */
    uint64_t step_part = steps >> s->step_shift;
    count_part = count_part < s->tasklets << 8 ? count_part : s->tasklets << 8;
    step_part = step_part < s->steps ? step_part : s->steps;
    uint64_t by_count = s->tasklets == 0 ? 0 : PRESSURE_ONE / 256 * s->nodes * count_part / s->tasklets;
    if (s->idle) {
        return by_count;
    }
    return by_count / 2 + PRESSURE_ONE * s->nodes * step_part / s->steps / 2;
}

static uint64_t
minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* The nodes that count: this one, and all that take tasklets. Returns their number; this one comes first. */
static uint32_t
choose_places(struct place *places, struct node_ref self, const struct balance_node *nodes, uint32_t node_count)
{
    uint32_t count = 1;
    places[0].node = NULL;
    for (uint32_t i = 0; i < node_count && count <= VIEW_MEMBERS_MAX; i++) {
        if (node_ref_equal(nodes[i].node, self)) {
            places[0] = (struct place){ .node = &nodes[i] };
        } else if (nodes[i].target) {
            places[count++] = (struct place){ .node = &nodes[i] };
        }
    }
    return places[0].node == NULL ? 0 : count;
}

/* Shares out the room below the mean among all nodes that are over it enough to begin, in proportion to their excess. */
static bool
share_room(struct place *places, uint32_t count, uint64_t begin_at)
{
    uint64_t excess = minus(places[0].pressure, PRESSURE_ONE), all_excess = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (places[i].pressure > begin_at) {
            all_excess += minus(places[i].pressure, PRESSURE_ONE);
        }
    }
    if (places[0].pressure <= begin_at) {
        return false;
    }
    uint64_t part = excess / (all_excess / 4096 + 1); /* of 4096 */
    for (uint32_t i = 1; i < count; i++) {
        places[i].room = minus(PRESSURE_ONE, places[i].pressure) / 4096 * (part < 4096 ? part : 4096);
    }
    return true;
}

static bool
is_planned(const struct balance_move *out, uint32_t count, struct stint_id tasklet)
{
    for (uint32_t i = 0; i < count; i++) {
        if (id_equal(out[i].tasklet, tasklet)) {
            return true;
        }
    }
    return false;
}

static bool
has_memory(const struct place *p, uint64_t bytes)
{
    const struct load *l = &p->node->load;
    return l->memory_limit == 0 || l->memory_bytes + p->bytes + bytes < l->memory_limit / 10 * 9;
}

/* Heavier is better; of equals the one that is cheaper to ship, then the one that was here longest, then by id. */
static bool
is_better(const struct balance_candidate *a, uint64_t a_weight, const struct balance_candidate *b, uint64_t b_weight)
{
    if (b == NULL || a_weight != b_weight) {
        return b == NULL || a_weight > b_weight;
    }
    if (a->bytes != b->bytes) {
        return a->bytes < b->bytes;
    }
    if (a->arrived_ns != b->arrived_ns) {
        return a->arrived_ns < b->arrived_ns;
    }
    return id_compare(a->tasklet, b->tasklet) < 0;
}

struct search {
    const struct scale *scale;
    const struct balance_candidate *candidates;
    uint32_t candidate_count;
    const struct balance_move *out;
    uint32_t planned;
    uint64_t residence_ns, now_ns;
};

/* The best tasklet for that target: no heavier than what keeps the target below the source afterwards. */
static const struct balance_candidate *
best_for(const struct search *s, const struct place *self, const struct place *target, uint64_t *weight)
{
    uint64_t half_gap = minus(self->pressure, target->pressure) / 2;
    uint64_t most = half_gap < 2 * target->room ? half_gap : 2 * target->room;
    const struct balance_candidate *best = NULL;
    for (uint32_t i = 0; i < s->candidate_count; i++) {
        const struct balance_candidate *c = &s->candidates[i];
        if (!c->movable || c->arrived_ns + s->residence_ns > s->now_ns) {
            continue;
        }
        uint64_t w = pressure(s->scale, 1, c->steps);
        if (w > most || !is_better(c, w, best, *weight) || !has_memory(target, c->bytes)
            || is_planned(s->out, s->planned, c->tasklet)) {
            continue;
        }
        best = c;
        *weight = w;
    }
    return best;
}

static struct place *
emptiest(struct place *places, uint32_t count)
{
    struct place *best = NULL;
    for (uint32_t i = 1; i < count; i++) {
        if (places[i].room > 0 && (best == NULL || places[i].pressure < best->pressure)) {
            best = &places[i];
        }
    }
    return best;
}

static unsigned
percent(uint64_t p)
{
    return (unsigned)(p / (PRESSURE_ONE / 100));
}

static void
write_move(struct balance_move *out, const struct balance_candidate *c, const struct place *self,
           const struct place *target)
{
    out->tasklet = c->tasklet;
    out->to = target->node->node;
    (void)text_format(out->reason, sizeof out->reason, "balance: %s at %u%% of the mean, %s at %u%%; %llu steps/s",
                      self->node->name, percent(self->pressure), target->node->name, percent(target->pressure),
                      (unsigned long long)c->steps);
}

uint32_t
balance_plan(const struct balance_config *config, struct node_ref self, const struct balance_node *nodes,
             uint32_t node_count, const struct balance_candidate *candidates, uint32_t candidate_count, uint32_t limit,
             uint64_t now_ns, struct balance_move *out)
{
    struct place places[VIEW_MEMBERS_MAX + 1];
    struct scale scale;
    struct balance_config c = with_defaults(*config);
    uint32_t count = choose_places(places, self, nodes, node_count);
    limit = limit < c.round_max ? limit : c.round_max;
    if (count < 2) {
        return 0;
    }
    scale_init(&scale, places, count, c.idle_steps);
    for (uint32_t i = 0; i < count; i++) {
        places[i].pressure = pressure(&scale, places[i].node->load.tasklets, places[i].node->load.steps);
        places[i].room = 0;
        places[i].bytes = 0;
    }
    if (!share_room(places, count, PRESSURE_ONE + PRESSURE_ONE / 1000 * c.hysteresis_permille)) {
        return 0;
    }
    struct search s = { &scale, candidates, candidate_count, out, 0, c.residence_ms * MS_NS, now_ns };
    while (s.planned < limit && places[0].pressure > PRESSURE_ONE) {
        struct place *target = emptiest(places, count);
        if (target == NULL) {
            break;
        }
        uint64_t weight = 0;
        const struct balance_candidate *best = best_for(&s, &places[0], target, &weight);
        if (best == NULL) {
            target->room = 0;
            continue;
        }
        write_move(&out[s.planned++], best, &places[0], target);
        places[0].pressure = minus(places[0].pressure, weight);
        target->pressure += weight;
        target->room = minus(target->room, weight);
        target->bytes += best->bytes;
    }
    return s.planned;
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
