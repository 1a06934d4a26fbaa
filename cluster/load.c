/* SPDX-License-Identifier: Apache-2.0 */
/* Averages, rates and scores in whole numbers, so that every machine computes the same. */
#include "cluster/load.h"

#include <string.h>

#include "base/text.h"

#define MS_NS UINT64_C(1000000)

/* Above this, numbers are cut: products of it with a permille and 256 nodes stay below 2^64. */
#define LOAD_MAX (UINT64_C(1) << 44)

/* A cluster that makes fewer steps a second than this has no busy node. */
#define LOAD_IDLE_STEPS 1000

static uint64_t
at_most(uint64_t value, uint64_t bound)
{
    return value < bound ? value : bound;
}

void
load_average_init(struct load_average *a, uint32_t half_life_ms)
{
    *a = (struct load_average){ .half_life_ms = half_life_ms == 0 ? 1 : half_life_ms };
}

/*
 * value += (sample - value) * dt / (dt + tau), tau = half life / ln 2: never overshoots,
 * whatever dt is.
 */
void
load_average_add(struct load_average *a, uint64_t value, uint64_t now_ns)
{
    uint64_t sample = at_most(value, LOAD_MAX) * 1000;
    if (a->at_ns == 0) {
        a->value_milli = sample;
    } else {
        uint64_t passed_us = at_most((now_ns - a->at_ns) / 1000, UINT64_C(1) << 36);
        uint64_t tau_us = (uint64_t)a->half_life_ms * 1443;
        uint64_t weight = passed_us * 1024 / (passed_us + tau_us); /* of 1024 */
        if (sample >= a->value_milli) {
            a->value_milli += (sample - a->value_milli) / 1024 * weight;
        } else {
            a->value_milli -= (a->value_milli - sample) / 1024 * weight;
        }
        if (weight == 0) {
            return; /* too early: the time is counted with the next sample */
        }
    }
    a->at_ns = now_ns;
}

uint64_t
load_average_value(const struct load_average *a)
{
    return (a->value_milli + 500) / 1000;
}

void
load_rate_init(struct load_rate *r, uint32_t half_life_ms)
{
    *r = (struct load_rate){ .counter = 0 };
    load_average_init(&r->average, half_life_ms);
}

void
load_rate_add(struct load_rate *r, uint64_t counter, uint64_t now_ns)
{
    uint64_t passed_ms = (now_ns - r->at_ns) / MS_NS;
    if (r->at_ns != 0 && passed_ms == 0) {
        return;
    }
    if (r->at_ns != 0) {
        uint64_t grown = counter >= r->counter ? counter - r->counter : 0;
        load_average_add(&r->average, at_most(grown, LOAD_MAX) * 1000 / passed_ms, now_ns);
    }
    r->counter = counter;
    r->at_ns = now_ns;
}

uint64_t
load_rate_value(const struct load_rate *r)
{
    return load_average_value(&r->average);
}

void
load_to_probe(const struct load *l, stint_Probe *probe)
{
    probe->tasklets = l->tasklets;
    probe->runnable = l->runnable;
    probe->steps = l->steps;
    probe->cpu_permille = l->cpu_permille;
    probe->delay_us = l->delay_us;
    probe->memory_bytes = l->memory_bytes;
    probe->memory_limit = l->memory_limit;
    probe->channels = l->channels;
    probe->moves_in = l->moves_in;
    probe->moves_out = l->moves_out;
}

void
load_from_probe(struct load *l, const stint_Probe *probe)
{
    *l = (struct load){
        .tasklets = probe->tasklets,
        .runnable = probe->runnable,
        .steps = probe->steps,
        .cpu_permille = probe->cpu_permille,
        .delay_us = probe->delay_us,
        .memory_bytes = probe->memory_bytes,
        .memory_limit = probe->memory_limit,
        .channels = probe->channels,
        .moves_in = probe->moves_in,
        .moves_out = probe->moves_out,
    };
}

void
load_table_init(struct load_table *t)
{
    t->count = 0;
}

const struct load_entry *
load_table_find(const struct load_table *t, struct node_ref node)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (node_ref_equal(t->entries[i].node, node)) {
            return &t->entries[i];
        }
    }
    return NULL;
}

void
load_table_view(struct load_table *t, const struct view *view)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        if (view_has(view, t->entries[i].node)) {
            t->entries[kept++] = t->entries[i];
        }
    }
    t->count = kept;
    for (uint32_t i = 0; i < view->member_count; i++) {
        const struct member *m = &view->members[i];
        if (member_is_living(m) && load_table_find(t, m->ref) == NULL) {
            t->entries[t->count] = (struct load_entry){ .node = m->ref };
            t->count++;
        }
    }
}

void
load_table_heard(struct load_table *t, struct node_ref node, const stint_Probe *probe,
                 uint64_t now_ns)
{
    struct load_entry *e = (struct load_entry *)load_table_find(t, node);
    if (e != NULL) {
        e->at_ns = now_ns;
        e->installed = probe->installed > e->installed ? probe->installed : e->installed;
        e->health = probe->lhm;
        load_from_probe(&e->load, probe);
        if (probe->labels[0] != 0) { /* they stay as long as the node lives; not every probe has them */
            text_copy(e->labels, sizeof e->labels, probe->labels);
        }
    }
}

bool
load_is_fresh(const struct load_entry *e, uint64_t now_ns)
{
    return e->at_ns != 0 && now_ns - e->at_ns <= LOAD_FRESH_MS * MS_NS;
}

/* `part` of `whole`, times 1000 times the number of nodes: the permille of the mean. */
static uint64_t
of_mean(uint64_t part, uint64_t whole, uint32_t nodes)
{
    return whole == 0 ? 0 : at_most(part, LOAD_MAX) * 1000 * nodes / whole;
}

uint32_t
load_score(const struct load *of, const struct load *const *loads, uint32_t count)
{
    uint64_t tasklets = 0, steps = 0;
    for (uint32_t i = 0; i < count; i++) {
        tasklets += at_most(loads[i]->tasklets, LOAD_MAX);
        steps += at_most(loads[i]->steps, LOAD_MAX);
    }
    uint64_t score = of_mean(of->tasklets, tasklets, count);
    if (steps >= LOAD_IDLE_STEPS) {
        score = (score + of_mean(of->steps, steps, count)) / 2;
    }
    return (uint32_t)at_most(score, UINT32_MAX);
}

uint32_t
load_imbalance(const struct load *const *loads, uint32_t count)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t score = load_score(loads[i], loads, count);
        most = score > most ? score : most;
    }
    return most;
}
