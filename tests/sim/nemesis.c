/* SPDX-License-Identifier: Apache-2.0 */
/* Does what the plan of a run allows, one tick of 10 ms after the other; at the end it heals everything. */
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "schema/admin.pb.h"
#include "sim.h"

#define ASKS_MAX 24 /* requests of operators that are not answered yet, for each node less than its client takes */
#define DRAIN_MS 20000

/* Answers that may still come. */
struct sim_asks {
    struct world_reply replies[ASKS_MAX];
    bool used[ASKS_MAX];
    uint64_t life[ASKS_MAX];
    int node[ASKS_MAX];
};

static bool
happens(struct sim *s, uint32_t permille)
{
    return permille != 0 && prng_below(&s->random, 1000) < permille;
}

static int
any_node(struct sim *s)
{
    return (int)prng_below(&s->random, (uint64_t)s->plan.nodes);
}

/* One that may be harmed. */
static int
victim(struct sim *s)
{
    return s->plan.founder_dies ? any_node(s) : 1 + (int)prng_below(&s->random, (uint64_t)s->plan.nodes - 1);
}

static void
move_someone(struct sim *s)
{
    char detail[256];
    struct ghost *g = &s->ghosts[prng_below(&s->random, s->ghost_count == 0 ? 1 : s->ghost_count)];
    int to = any_node(s);
    if (s->ghost_count == 0 || g->runner < 0 || g->runner == to || world_node(s->w, to) == NULL ||
        world_node(s->w, g->runner) == NULL || world_is_paused(s->w, g->runner)) {
        return;
    }
    struct node *n = world_node(s->w, g->runner);
    enum stint_status status = n->moves == NULL ? STINT_BUSY
                                                : mover_start(n, g->id, node_self(world_node(s->w, to)), "chaos", "sim", NULL,
                                                              detail, sizeof detail);
    if (status == STINT_OK) {
        story_say(s, "a move from %s to %s begins", world_name(s->w, g->runner), world_name(s->w, to));
        struct node_event event = { .kind = NODE_TIME };
        world_event(s->w, g->runner, &event);
    }
}

static void
crash(struct sim *s, bool half)
{
    int node = victim(s);
    if (world_node(s->w, node) == NULL) {
        return;
    }
    if (half) {
        uint32_t effects = (uint32_t)prng_below(&s->random, 40);
        story_say(s, "%s will be killed after %u effects", world_name(s->w, node), effects);
        world_crash_within(s->w, node, effects);
    } else {
        world_crash(s->w, node);
    }
}

static void
restart(struct sim *s)
{
    int node = any_node(s);
    if (world_node(s->w, node) == NULL) {
        s->leaving[node] = false;
        world_restart(s->w, node);
    }
}

static void
cut(struct sim *s)
{
    int a = any_node(s), b = any_node(s);
    if (a == b) {
        return;
    }
    story_say(s, "the network is cut from %s to %s%s", world_name(s->w, a), world_name(s->w, b),
              s->plan.one_way ? "" : " and back");
    world_cut(s->w, a, b, true);
    if (!s->plan.one_way) {
        world_cut(s->w, b, a, true);
    }
}

static void
isolate(struct sim *s)
{
    int node = victim(s);
    story_say(s, "%s is cut off", world_name(s->w, node));
    for (int i = 0; i < s->plan.nodes; i++) {
        world_cut(s->w, i, node, true);
        world_cut(s->w, node, i, !s->plan.one_way || i % 2 == 0);
    }
}

static void
clock_error(struct sim *s)
{
    int node = any_node(s);
    uint32_t ppm = 900000 + (uint32_t)prng_below(&s->random, 200001);
    uint64_t leap = prng_below(&s->random, 3) == 0 ? prng_below(&s->random, 5000) * WORLD_MS : 0;
    int64_t wall = prng_below(&s->random, 2) == 0 ? (int64_t)prng_below(&s->random, 7200000) - 3600000 : 0;
    story_say(s, "the clock of %s goes at %u ppm, leaps %llu ms, its day is off by %lld ms", world_name(s->w, node), ppm,
              (unsigned long long)(leap / WORLD_MS), (long long)wall);
    world_set_clock(s->w, node, leap, ppm, wall);
    s->saw_leap[node] = world_node_now(s->w, node);
}

static void
leave(struct sim *s)
{
    int node = 1 + (int)prng_below(&s->random, (uint64_t)s->plan.nodes - 1);
    const struct node *n = world_node(s->w, node);
    if (n == NULL || n->phase != PHASE_MEMBER || world_is_paused(s->w, node) || s->leaving[node]) {
        return;
    }
    story_say(s, "%s is asked to drain and leave", world_name(s->w, node));
    struct node_event event = { .kind = NODE_STOP, .drain_ms = DRAIN_MS };
    s->leaving[node] = true;
    s->leave_deadline[node] = 0; /* where nobody can take its tasklets it does not wait */
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        if (member_is_target(m) && !id_equal(m->ref.id, n->self.id)) {
            s->leave_deadline[node] = world_node_now(s->w, node) + DRAIN_MS * WORLD_MS;
        }
    }
    world_event(s->w, node, &event);
}

static void
kill_someone(struct sim *s)
{
    struct ghost *g = &s->ghosts[prng_below(&s->random, s->ghost_count == 0 ? 1 : s->ghost_count)];
    bool may = g->role == ROLE_WAITER || g->role == ROLE_NESTER || g->role == ROLE_ROAMER || g->role == ROLE_TAKER;
    if (s->ghost_count == 0 || !may || g->runner < 0 || world_is_paused(s->w, g->runner)) {
        return;
    }
    struct node *n = world_node(s->w, g->runner);
    bool pending = prng_below(&s->random, 2) == 0;
    if (n != NULL && kernel_kill(n->kernel, g->id, pending) == STINT_OK) {
        g->may_end = true;
        story_say(s, "a tasklet is killed on %s", world_name(s->w, g->runner));
        struct node_event event = { .kind = NODE_TIME };
        world_event(s->w, g->runner, &event);
    }
}

/* An operator holds a tasklet for a while. */
static void
hold_someone(struct sim *s)
{
    struct ghost *g = &s->ghosts[prng_below(&s->random, s->ghost_count == 0 ? 1 : s->ghost_count)];
    if (s->ghost_count == 0 || g->runner < 0 || world_is_paused(s->w, g->runner) || world_node(s->w, g->runner) == NULL) {
        return;
    }
    struct kernel_tasklet_view view;
    struct node *n = world_node(s->w, g->runner);
    if (kernel_look(n->kernel, g->id, &view) != STINT_OK || (!g->held && view.state == KERNEL_IS_PAUSED)) {
        return; /* one that paused itself when it was over must stay so */
    }
    enum stint_status status = g->held ? kernel_resume(n->kernel, g->id) : kernel_pause(n->kernel, g->id);
    g->held = status == STINT_OK ? !g->held : g->held;
}

static void
ask(struct sim *s)
{
    static const stint_Verb verbs[] = { stint_Verb_VERB_STATUS,         stint_Verb_VERB_NODE_LIST,
                                        stint_Verb_VERB_TASKLET_LIST,   stint_Verb_VERB_CHANNEL_LIST,
                                        stint_Verb_VERB_MIGRATION_LIST, stint_Verb_VERB_BALANCE,
                                        stint_Verb_VERB_NODE_CORDON,    stint_Verb_VERB_NODE_UNCORDON,
                                        stint_Verb_VERB_NODE_DRAIN,     stint_Verb_VERB_TASKLET_MIGRATE };
    int node = any_node(s), at = 0;
    while (at < ASKS_MAX && s->asks->used[at]) {
        at++;
    }
    if (at == ASKS_MAX || world_node(s->w, node) == NULL) {
        return;
    }
    stint_Request r = stint_Request_init_zero;
    r.verb = verbs[prng_below(&s->random, sizeof verbs / sizeof verbs[0])];
    r.timeout_ms = 5000;
    text_copy(r.target, sizeof r.target, world_name(s->w, any_node(s)));
    text_copy(r.to, sizeof r.to, r.verb == stint_Verb_VERB_TASKLET_MIGRATE ? "auto" : "");
    if (r.verb == stint_Verb_VERB_TASKLET_MIGRATE && s->ghost_count > 0) {
        char hex[STINT_ID_TEXT_SIZE];
        text_copy(r.target, sizeof r.target,
                  stint_id_text(s->ghosts[prng_below(&s->random, s->ghost_count)].id, hex));
    }
    s->asks->used[at] = true;
    s->asks->node[at] = node;
    story_say(s, "an operator asks %s for verb %d", world_name(s->w, node), (int)r.verb);
    world_request(s->w, node, &r, span_of(NULL, 0), &s->asks->replies[at]);
}

static void
collect_answers(struct sim *s)
{
    for (int i = 0; i < ASKS_MAX; i++) {
        if (s->asks->used[i] && s->asks->replies[i].done) {
            s->asks->used[i] = false;
        }
    }
}

static void
calm_down(struct sim *s)
{
    story_say(s, "the network is whole again, and nobody is stopped");
    for (int i = 0; i < s->plan.nodes; i++) {
        for (int k = 0; k < s->plan.nodes; k++) {
            world_cut(s->w, i, k, false);
        }
        if (world_is_paused(s->w, i)) {
            world_pause(s->w, i, false);
            s->saw_leap[i] = world_node_now(s->w, i);
        }
    }
}

void
nemesis_tick(struct sim *s)
{
    const struct plan *p = &s->plan;
    if (s->asks == NULL) {
        s->asks = calloc(1, sizeof *s->asks);
        STINT_ASSERT(s->asks != NULL);
    }
    collect_answers(s);
    if (happens(s, p->move_permille)) {
        move_someone(s);
    }
    if (happens(s, p->crash_permille)) {
        crash(s, false);
    }
    if (happens(s, p->half_crash_permille)) {
        crash(s, true);
    }
    if (happens(s, p->restart_permille)) {
        restart(s);
    }
    if (happens(s, p->pause_permille)) {
        int node = victim(s);
        story_say(s, "%s is stopped", world_name(s->w, node));
        world_pause(s->w, node, true);
    }
    if (happens(s, p->cut_permille)) {
        if (prng_below(&s->random, 3) == 0) {
            isolate(s);
        } else {
            cut(s);
        }
    }
    if (happens(s, p->break_permille)) {
        world_break(s->w, any_node(s), any_node(s), p->told);
    }
    if (happens(s, p->clock_permille)) {
        clock_error(s);
    }
    if (happens(s, p->leave_permille)) {
        leave(s);
    }
    if (happens(s, p->kill_permille)) {
        kill_someone(s);
    }
    if (happens(s, p->hold_permille)) {
        hold_someone(s);
    }
    if (happens(s, p->admin_permille)) {
        ask(s);
    }
    if (happens(s, p->spawn_permille)) {
        work_more(s);
    }
    if (happens(s, p->client_permille)) {
        customers_disturb(s);
    }
    if (happens(s, p->calm_permille)) {
        calm_down(s);
    }
}

void
nemesis_heal(struct sim *s)
{
    struct world_faults none = { 0 };
    calm_down(s);
    customers_heal(s);
    story_say(s, "no more faults from here on");
    world_set_faults(s->w, &none);
    for (int i = 0; i < s->plan.nodes; i++) {
        world_set_clock(s->w, i, 0, 1000000, 0);
        world_crash_within(s->w, i, WORLD_NEVER);
        s->saw_leap[i] = world_node_now(s->w, i);
    }
}

void
nemesis_help(struct sim *s)
{
    for (int i = 0; i < s->plan.nodes; i++) {
        if (world_node(s->w, i) == NULL) {
            s->leaving[i] = false;
            world_restart(s->w, i);
        }
    }
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        struct ghost *g = &s->ghosts[i];
        struct node *n = g->held && g->runner >= 0 ? world_node(s->w, g->runner) : NULL;
        if (n != NULL && kernel_resume(n->kernel, g->id) == STINT_OK) {
            g->held = false;
        }
    }
}

void
nemesis_free(struct sim *s)
{
    free(s->asks);
    s->asks = NULL;
}
