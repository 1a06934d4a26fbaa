/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tasklets to move: measures the tasklets of this node, asks the balancer and the drain, begins what they say. The plan that
 * a dry run prints comes from the same function (mover_plan).
 */
#include <string.h>

#include "base/ids.h"
#include "base/text.h"
#include "core/mover.h"

#define SAMPLES_MAX 8192u
#define CANDIDATES_MAX 2048u
#define LOOK_NS (UINT64_C(500) * 1000000)
#define DRAIN_LOOK_MAX 4096u

/* What is remembered of a tasklet between two looks. */
struct sample {
    struct stint_id id;
    uint64_t steps;
    uint64_t at_ns;
    uint64_t arrived_ns;
    uint64_t rate;  /* steps a second */
    uint32_t round; /* of the last look that saw it */
};

struct mover_spread {
    struct table samples;
    uint32_t round;
    uint32_t cursor; /* where the next look begins, so that all get their turn */
    uint64_t look_due;
    uint32_t drain_cursor; /* where the drain's pass goes on */
};

enum stint_status
mover_spread_init(struct node *n)
{
    struct mover_spread *s = mem_zalloc(n->mem, sizeof *s);
    n->spread = s;
    if (s == NULL) {
        return STINT_NO_MEMORY;
    }
    table_init(&s->samples, n->mem, prng_next(&n->random));
    balancer_init(&n->balancer,
                  (struct balance_config){ .round_max = BALANCE_MOVES_MAX, .cooldown_ms = 1000, .minute_max = 3000 });
    load_rate_init(&n->steps, 2000);
    n->drain = drain_new(n->mem, prng_next(&n->random));
    return n->drain != NULL ? STINT_OK : STINT_NO_MEMORY;
}

void
mover_spread_fini(struct node *n)
{
    struct mover_spread *s = n->spread;
    if (s == NULL) {
        return;
    }
    struct sample *sample;
    while ((sample = table_first(&s->samples)) != NULL) {
        (void)table_remove(&s->samples, sample->id);
        mem_free(n->mem, sample, sizeof *sample);
    }
    table_fini(&s->samples);
    drain_free(n->drain);
    n->drain = NULL;
    mem_free(n->mem, s, sizeof *s);
    n->spread = NULL;
}

static struct sample *
sample_of(struct node *n, struct stint_id id)
{
    struct mover_spread *s = n->spread;
    struct sample *sample = table_find(&s->samples, id);
    if (sample != NULL || table_count(&s->samples) >= SAMPLES_MAX) {
        return sample;
    }
    sample = mem_zalloc(n->mem, sizeof *sample);
    if (sample == NULL) {
        return NULL;
    }
    sample->id = id;
    sample->at_ns = n->now_ns;
    sample->round = s->round;
    if (table_insert(&s->samples, id, sample) != STINT_OK) {
        mem_free(n->mem, sample, sizeof *sample);
        return NULL;
    }
    return sample;
}

void
mover_note_arrival(struct node *n, struct stint_id tasklet)
{
    struct sample *sample = sample_of(n, tasklet);
    if (sample != NULL) {
        sample->arrived_ns = n->now_ns;
        sample->steps = 0;
        sample->at_ns = n->now_ns;
    }
}

static void
forget_unseen(struct node *n)
{
    struct mover_spread *s = n->spread;
    struct table_cursor cursor = { 0 };
    struct stint_id id;
    void *value;
    while (table_each(&s->samples, &cursor, &id, &value)) {
        struct sample *sample = value;
        if (s->round - sample->round > 4) {
            (void)table_remove(&s->samples, id);
            mem_free(n->mem, sample, sizeof *sample);
        }
    }
}

/* Looks at some tasklets of this node, the next ones with every call, and measures them. */
static uint32_t
look(struct node *n, struct balance_candidate *out, uint32_t max)
{
    struct mover_spread *s = n->spread;
    struct kernel_tasklet_view view;
    uint32_t count = 0;
    bool wrapped = s->cursor == 0;
    s->round++;
    while (count < max) {
        if (!kernel_each_tasklet(n->kernel, &s->cursor, &view)) {
            s->cursor = 0;
            if (wrapped) {
                break;
            }
            wrapped = true;
            continue;
        }
        struct sample *sample = (view.flags & KERNEL_SYSTEM) == 0 ? sample_of(n, view.id) : NULL;
        if (sample == NULL) {
            continue;
        }
        uint64_t elapsed = n->now_ns - sample->at_ns;
        if (elapsed >= LOOK_NS / 2) {
            uint64_t made = view.steps >= sample->steps ? view.steps - sample->steps : view.steps;
            sample->rate = made * 1000000000 / elapsed;
            sample->steps = view.steps;
            sample->at_ns = n->now_ns;
        }
        sample->round = s->round;
        char why[MOVE_DETAIL_SIZE];
        out[count++] = (struct balance_candidate){
            .tasklet = view.id,
            .steps = sample->rate,
            .bytes = view.stack_bytes,
            .arrived_ns = sample->arrived_ns,
            .movable = (view.flags & KERNEL_PINNED) == 0 && view.state != KERNEL_FROZEN &&
                       moves_of_tasklet(n->moves, view.id) == NULL && mover_movable(n, view.id, why, sizeof why) == STINT_OK,
        };
    }
    forget_unseen(n);
    return count;
}

static uint32_t
fresh_nodes(struct node *n, struct balance_node *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        bool self = id_equal(m->ref.id, n->self.id);
        const struct load_entry *e = load_table_find(&n->loads, m->ref);
        if (!member_is_living(m) || (!self && (e == NULL || !load_is_fresh(e, n->now_ns)))) {
            continue;
        }
        out[count++] = (struct balance_node){ .node = m->ref,
                                              .name = m->name,
                                              .target = member_is_target(m) &&
                                                        (self || peers_is_connected(n, m->ref.id)),
                                              .load = self ? n->load : e->load };
        if (MUTANT(n->mem, BALANCE_BLIND) && !self) {
            memset(&out[count - 1].load, 0, sizeof out[0].load);
        }
    }
    return count;
}

uint32_t
mover_plan(struct node *n, uint32_t limit, struct balance_move *out)
{
    size_t candidates_size = CANDIDATES_MAX * sizeof(struct balance_candidate);
    size_t nodes_size = VIEW_MEMBERS_MAX * sizeof(struct balance_node);
    struct balance_candidate *candidates = mem_alloc(n->mem, candidates_size);
    struct balance_node *nodes = mem_alloc(n->mem, nodes_size);
    uint32_t planned = 0;
    if (candidates != NULL && nodes != NULL && n->moves != NULL) {
        uint32_t candidate_count = look(n, candidates, CANDIDATES_MAX);
        uint32_t node_count = fresh_nodes(n, nodes);
        planned = balance_plan(&n->balancer.config, n->self, nodes, node_count, candidates, candidate_count, limit,
                               n->now_ns, out);
    }
    mem_free(n->mem, candidates, candidates != NULL ? candidates_size : 0);
    mem_free(n->mem, nodes, nodes != NULL ? nodes_size : 0);
    return planned;
}

uint32_t
mover_balance(struct node *n, uint32_t limit, const char *by)
{
    struct balance_move plan[BALANCE_MOVES_MAX];
    uint32_t started = 0;
    char detail[MOVE_DETAIL_SIZE];
    uint32_t count = mover_plan(n, limit < BALANCE_MOVES_MAX ? limit : BALANCE_MOVES_MAX, plan);
    for (uint32_t i = 0; i < count; i++) {
        if (mover_start(n, plan[i].tasklet, plan[i].to.id, plan[i].reason, by, NULL, detail, sizeof detail) ==
            STINT_OK) {
            started++;
        }
    }
    balancer_planned(&n->balancer, started, n->now_ns);
    return started;
}

void
mover_measure(struct node *n)
{
    struct kernel_counters counters;
    struct moves_counts moves = moves_counts(n->moves);
    kernel_count(n->kernel, &counters);
    load_rate_add(&n->steps, counters.steps, n->now_ns);
    n->load.tasklets = counters.tasklets - counters.system;
    n->load.runnable = counters.runnable;
    n->load.steps = load_rate_value(&n->steps);
    n->load.channels = counters.channels + unborn_count(n);
    n->load.moves_in = moves.in_committed;
    n->load.moves_out = moves.out_committed;
}

/* ---- what may come ---- */

bool
mover_pickle_fits(const struct node *n, uint64_t bytes, char *detail, size_t detail_size)
{
    if (bytes > n->pickle_max) {
        text_format(detail, detail_size, "its pickle of about %llu bytes is larger than the limit of %llu on node %s",
                    (unsigned long long)bytes, (unsigned long long)n->pickle_max, n->name);
    }
    return bytes <= n->pickle_max;
}

bool
mover_memory_fits(const struct node *n, uint64_t bytes, char *detail, size_t detail_size)
{
    size_t room = n->mem->limit > n->mem->used ? n->mem->limit - n->mem->used : 0;
    bool fits = n->mem->limit == 0 || bytes < room;
    if (!fits) {
        text_format(detail, detail_size, "it takes about %llu bytes, and node %s has %llu left of its memory of %llu",
                    (unsigned long long)bytes, n->name, (unsigned long long)room, (unsigned long long)n->mem->limit);
    }
    return fits;
}

/* ---- drain ---- */

void
mover_drain(struct node *n, const struct stint_id *only, uint32_t only_count, uint32_t rate)
{
    struct kernel_counters counters;
    kernel_count(n->kernel, &counters);
    uint64_t tasklets = counters.tasklets - counters.system;
    if (drain_start(n->drain, only, only_count, rate, tasklets, n->now_ns) != STINT_OK) {
        node_log(n, NODE_LOG_WARN, "too many targets for the drain");
    }
}

static void
drain_pass(struct node *n)
{
    struct drain_target targets[VIEW_MEMBERS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        bool comes = m->state == stint_MEMBER_JOINING;
        if ((member_is_target(m) || comes) && !id_equal(m->ref.id, n->self.id)) {
            const struct load_entry *e = load_table_find(&n->loads, m->ref);
            /* Who joins, or is not connected yet, takes nothing at the moment: the drain waits for it and is not stuck. */
            bool here = !comes && peers_is_connected(n, m->ref.id);
            targets[count++] = (struct drain_target){ .node = m->ref,
                                                      .tasklets = e != NULL ? e->load.tasklets : 0,
                                                      .has_room = here && moves_has_room(n->moves, m->ref) };
        }
    }
    uint32_t *cursor = &n->spread->drain_cursor, looked = 0;
    drain_begin(n->drain, targets, count, *cursor == 0, n->now_ns);
    struct kernel_tasklet_view view;
    bool more = true;
    while (drain_wants(n->drain) && looked++ < DRAIN_LOOK_MAX &&
           (more = kernel_each_tasklet(n->kernel, cursor, &view))) {
        char why[MOVE_DETAIL_SIZE] = "";
        struct node_ref to;
        struct stint_id tasklet = view.id;
        if ((view.flags & KERNEL_SYSTEM) != 0 || moves_of_tasklet(n->moves, tasklet) != NULL ||
            view.state == KERNEL_FROZEN) {
            continue;
        }
        enum stint_status status = mover_movable(n, tasklet, why, sizeof why);
        if (!drain_consider(n->drain, tasklet, status, why, n->now_ns, &to)) {
            continue;
        }
        status = mover_start(n, tasklet, to.id, "drain", "drain", NULL, why, sizeof why);
        if (status != STINT_OK) {
            drain_refused(n->drain, tasklet, status, why, n->now_ns);
        }
    }
    struct kernel_counters counters;
    kernel_count(n->kernel, &counters);
    *cursor = more ? *cursor : 0;
    drain_end(n->drain, !more, counters.tasklets - counters.system, n->now_ns);
    mover_measure(n); /* who watches the drain sees it end */
    n->report_due = n->now_ns;
}

/* ---- time ---- */

void
mover_spread_tick(struct node *n)
{
    struct mover_spread *s = n->spread;
    if (n->phase != PHASE_MEMBER && n->phase != PHASE_LEAVING) {
        return;
    }
    if (n->now_ns >= s->look_due) {
        s->look_due = n->now_ns + LOOK_NS;
        mover_measure(n);
        const struct member *me = view_member(n->view, n->self);
        bool normal = me != NULL && (me->state == stint_MemberState_MEMBER_ACTIVE ||
                                     me->state == stint_MemberState_MEMBER_CORDONED);
        uint32_t allowance = balancer_allowance(&n->balancer, n->now_ns);
        if (n->view->balancer_on && normal && allowance > 0 && !n->stop_requested) {
            (void)mover_balance(n, allowance, "balancer");
        }
    }
    if (drain_deadline(n->drain) <= n->now_ns) {
        drain_pass(n);
    }
}

uint64_t
mover_spread_deadline(const struct node *n)
{
    if (n->phase != PHASE_MEMBER && n->phase != PHASE_LEAVING) {
        return UINT64_MAX;
    }
    uint64_t drain = drain_deadline(n->drain);
    return n->spread->look_due < drain ? n->spread->look_due : drain;
}
