/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the faults have stopped everything must come to rest in a bounded time (never stuck), and then:
 *
 *   I2  what depended on a node that lives is there and runs
 *   I7  what was sent between two that live has arrived, each once
 *
 * and after everything was killed, nothing may be left of it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "base/text.h"
#include "sim.h"

static bool
is_lost(struct sim *s, const struct ghost *g)
{
    return g->runner < 0 && !g->ended && !ref_is_alive(s, g->holder);
}

/* All nodes are members of one view that has nobody else. */
static bool
views_agree(struct sim *s, char *why, size_t size)
{
    uint64_t number = 0;
    for (int i = 0; i < s->plan.nodes; i++) {
        const struct node *n = world_node(s->w, i);
        if (n == NULL || !node_is_ready(n) || n->phase != PHASE_MEMBER) {
            text_format(why, size, "%s is not a member again", world_name(s->w, i));
            return false;
        }
        if (view_living(n->view) != (uint32_t)s->plan.nodes || (number != 0 && n->view->number != number)) {
            text_format(why, size, "%s has view %llu with %u living members", world_name(s->w, i),
                        (unsigned long long)n->view->number, view_living(n->view));
            return false;
        }
        number = n->view->number;
    }
    return true;
}

static bool
moves_rest(struct sim *s, char *why, size_t size)
{
    for (int i = 0; i < s->plan.nodes; i++) {
        const struct node *n = world_node(s->w, i);
        struct moves_counts c = n->moves != NULL ? moves_counts(n->moves) : (struct moves_counts){ 0 };
        if (c.in_doubt != 0) {
            text_format(why, size, "%s has %u moves in doubt", world_name(s->w, i), c.in_doubt);
            return false;
        }
    }
    return true;
}

/* A station whose next one was lost has stopped, and those before it do, too. */
static bool
ring_stands(struct sim *s)
{
    for (uint32_t i = 0; i < s->plan.stations; i++) {
        const struct ghost *g = ghost_of(s, s->stations[i]);
        const yard_Station *station = g != NULL ? work_locals(s, g) : NULL;
        if (s->ring_broken || (station != NULL && station->status != STINT_OK)) {
            return true;
        }
    }
    return false;
}

static bool
any_taker(struct sim *s)
{
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        if (s->ghosts[i].role == ROLE_TAKER && !s->ghosts[i].ended && !is_lost(s, &s->ghosts[i])) {
            return true;
        }
    }
    return false;
}

/* Has it done what it has to do at last? */
static bool
is_content(struct sim *s, const struct ghost *g)
{
    const void *locals = work_locals(s, g);
    if (g->ended || is_lost(s, g)) {
        return true;
    }
    if (locals == NULL) {
        return false;
    }
    switch (g->role) {
    case ROLE_SOURCE: {
        /* A sink that died with an answer unsent leaves who waits for it waiting. */
        const yard_Source *source = locals;
        const struct ghost *sink = g->target < SIM_SINKS_MAX ? ghost_of(s, s->sinks[g->target]) : NULL;
        return source->over || (source->ask && sink != NULL && is_lost(s, sink)) || (sink == NULL && !any_taker(s));
    }
    case ROLE_STATION: {
        const yard_Station *station = locals;
        return s->ring_broken || station->status != STINT_OK || g->steps >= g->healed_steps + 4;
    }
    case ROLE_TAKER:
        return ((const yard_Taker *)locals)->status != STINT_OK || g->steps > g->healed_steps;
    case ROLE_WAITER:
    case ROLE_NESTER:
    case ROLE_ROAMER:
        return g->steps > g->healed_steps + 1;
    case ROLE_HAND:
        return ring_stands(s); /* nobody takes its token */
    case ROLE_SINK:
    case ROLE_LEDGER:
        return true;
    }
    return false;
}

/* Everything that a living source has sent has been taken by its living sink. */
static bool
has_arrived(struct sim *s, const struct ghost *g)
{
    const yard_Source *source = work_locals(s, g);
    if (g->role != ROLE_SOURCE || g->target == SIM_SINKS_MAX || source == NULL) {
        return true;
    }
    const struct ghost *sink = ghost_of(s, s->sinks[g->target]);
    const yard_Sink *locals = work_locals(s, sink);
    return locals == NULL || source->status != STINT_OK || locals->last[g->index] == source->sent;
}

static bool
rests(struct sim *s, char *why, size_t size)
{
    if (!views_agree(s, why, size) || !moves_rest(s, why, size)) {
        return false;
    }
    int drains = watch_drains(s);
    if (drains >= 0) {
        text_format(why, size, "%s drains, others take tasklets, and it still has some", world_name(s->w, drains));
        return false;
    }
    if (!customers_are_done(s)) {
        text_copy(why, size, "the clients are not done");
        return false;
    }
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        const struct ghost *g = &s->ghosts[i];
        if (!is_content(s, g)) {
            struct kernel_tasklet_view view;
            struct node *n = g->runner >= 0 ? world_node(s->w, g->runner) : NULL;
            bool here = n != NULL && kernel_look(n->kernel, g->id, &view) == STINT_OK;
            text_format(why, size, "%s %u %s %s%s after %llu steps", ghost_role(g), g->index,
                        here ? "waits on" : "is nowhere, and depends on",
                        here ? world_name(s->w, g->runner) : node_name_of(world_node(s->w, 0), g->holder.id),
                        here ? view.label : "", (unsigned long long)g->steps);
            return false;
        }
        if (!has_arrived(s, g)) {
            text_format(why, size, "what source %u has sent to sink %u has not all arrived", g->index, g->target);
            return false;
        }
    }
    return true;
}

bool
end_is_reached(struct sim *s)
{
    char why[8];
    return rests(s, why, sizeof why);
}

void
end_explain(struct sim *s, char *text, size_t size)
{
    if (rests(s, text, size)) {
        text_copy(text, size, "nothing");
    }
}

static void
check_source(struct sim *s, const struct ghost *g)
{
    const struct ghost *sink = g->target < SIM_SINKS_MAX ? ghost_of(s, s->sinks[g->target]) : NULL;
    const yard_Source *source = work_locals(s, g);
    const yard_Sink *locals = sink != NULL ? work_locals(s, sink) : NULL;
    if (sink == NULL || locals == NULL) {
        return;
    }
    if (source != NULL && source->status != STINT_OK) {
        sim_fault(s, "I7", "source %u was told status %u, and its sink %u lives", g->index, source->status, g->target);
    }
    if (source != NULL && source->sent != s->count[g->index]) {
        sim_fault(s, "I7", "source %u is over after %llu of %llu", g->index, (unsigned long long)source->sent,
                  (unsigned long long)s->count[g->index]);
    }
    /* Of one that died with its node, what had been taken counts; a buffer's sender may have held more. */
    if (s->sink_capacity[g->target] == 0 && locals->last[g->index] < g->sent) {
        sim_fault(s, "I7", "sink %u has got %llu of source %u, which had sent %llu", g->target,
                  (unsigned long long)locals->last[g->index], g->index, (unsigned long long)g->sent);
    }
}

/* The takers together have got each value once, if all of them and their channel have lived. */
static void
check_shared(struct sim *s)
{
    bool whole = s->plan.takers != 0 && ref_is_alive(s, s->shared_host);
    uint64_t count[8] = { 0 }, sum[8] = { 0 };
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        const struct ghost *g = &s->ghosts[i];
        const yard_Taker *taker = g->role == ROLE_TAKER ? work_locals(s, g) : NULL;
        whole = whole && (g->role != ROLE_TAKER || taker != NULL);
        for (int k = 0; taker != NULL && k < 8; k++) {
            count[k] += taker->count[k];
            sum[k] += taker->sum[k];
        }
        if (taker != NULL && taker->status != STINT_OK && ref_is_alive(s, s->shared_host)) {
            sim_fault(s, "I7", "taker %u was told status %u, and its channel lives", g->index, taker->status);
        }
    }
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        const struct ghost *g = &s->ghosts[i];
        const yard_Source *source = g->role == ROLE_SOURCE && g->target == SIM_SINKS_MAX ? work_locals(s, g) : NULL;
        if (g->role != ROLE_SOURCE || g->target != SIM_SINKS_MAX) {
            continue;
        }
        uint64_t all = s->count[g->index];
        if (count[g->index % 8] > all || sum[g->index % 8] > all * (all + 1) / 2) {
            sim_fault(s, "I7", "the takers have got more of source %u than it has sent", g->index);
        }
        if (whole && source != NULL && (count[g->index % 8] != all || sum[g->index % 8] != all * (all + 1) / 2)) {
            sim_fault(s, "I7", "the takers have got %llu values of source %u, which has sent %llu",
                      (unsigned long long)count[g->index % 8], g->index, (unsigned long long)all);
        }
    }
}

void
check_end(struct sim *s)
{
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        const struct ghost *g = &s->ghosts[i];
        if (g->runner < 0 && !g->ended && ref_is_alive(s, g->holder)) {
            sim_fault(s, "I2", "%s %u is nowhere, and %s, on which it depended, lives", ghost_role(g), g->index,
                      node_name_of(world_node(s->w, 0), g->holder.id));
        }
        if (g->role == ROLE_SOURCE) {
            check_source(s, g);
        }
    }
    check_shared(s);
    check_names(s);
    customers_check(s, true);
    for (int i = 0; i < s->plan.nodes; i++) {
        check_kernel(s, i);
    }
}

/* One of the channels that are left. */
static const char *
channel_text(const struct node *n, char *text, size_t size)
{
    struct kernel_channel_view c;
    uint32_t cursor = 0;
    text[0] = 0;
    if (kernel_each_channel(n->kernel, &cursor, &c)) {
        text_format(text, size, ": one for %s%s, %u values, %u senders, %u receivers, %u relations%s%s",
                    c.type->name, id_equal(c.owner, STINT_ID_NONE) ? ", shared" : "", c.count, c.senders, c.receivers,
                    c.relations, c.closing ? ", closing" : "", c.frozen ? ", frozen" : "");
    }
    return text;
}

/* A shared channel that was closed stays as long as it holds values that nobody takes. */
static bool
has_leftovers(const struct node *n)
{
    struct kernel_channel_view c;
    uint32_t cursor = 0;
    while (kernel_each_channel(n->kernel, &cursor, &c)) {
        if (id_equal(c.owner, STINT_ID_NONE) && c.closing && c.count > 0) {
            return true;
        }
    }
    return false;
}

/* Of which tasklet there is a hint. */
static const char *
hint_text(struct sim *s, const struct node *n, char *text, size_t size)
{
    struct directory_place place;
    text[0] = 0;
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        const struct ghost *g = &s->ghosts[i];
        if (directory_where(n->directory, g->id, &place, n->now_ns)) {
            text_format(text, size, ": %s %u is said to be on %s under epoch %llu%s", ghost_role(g), g->index,
                        node_name_of(n, place.node.id), (unsigned long long)place.epoch, place.ended ? ", ended" : "");
        }
    }
    return text;
}

/* Nothing is left of what was killed: no channel, no relation, no forwarder. */
void
check_sweep(struct sim *s)
{
    bool leftovers = false;
    for (int i = 0; i < s->plan.nodes; i++) {
        leftovers = leftovers || (world_node(s->w, i) != NULL && has_leftovers(world_node(s->w, i)));
    }
    for (int i = 0; i < s->plan.nodes; i++) {
        const struct node *n = world_node(s->w, i);
        struct kernel_counters c;
        char text[120];
        if (n == NULL) {
            continue;
        }
        kernel_count(n->kernel, &c);
        struct directory_counts d = directory_counts(n->directory);
        if (has_leftovers(n)) {
            c.channels = c.relations = 0;
        }
        d.hints = leftovers ? 0 : d.hints; /* the home of such a channel is another node */
        if (c.tasklets != c.system || c.channels != 0 || c.relations != 0 || c.outlets != 0) {
            sim_fault(s, "sweep", "%s still has %u tasklets, %u channels, %u relations, %u outlets of what was killed%s",
                      world_name(s->w, i), c.tasklets - c.system, c.channels, c.relations, c.outlets,
                      channel_text(n, text, sizeof text));
        }
        if (d.forwarders != 0 || d.hints != 0) {
            sim_fault(s, "sweep", "%s still has %u forwarders and %u hints of what was killed%s", world_name(s->w, i),
                      d.forwarders, d.hints, hint_text(s, n, text, sizeof text));
        }
    }
}
