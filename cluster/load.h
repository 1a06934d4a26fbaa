/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a node has to do: what it measures of itself, smoothed, and what it heard of the
 * others. A report that is older than LOAD_FRESH_MS says nothing any more.
 */
#ifndef STINT_CLUSTER_LOAD_H
#define STINT_CLUSTER_LOAD_H

#include "cluster/view.h"
#include "wire/limits.h"

#define LOAD_FRESH_MS 5000

struct load {
    uint64_t tasklets; /* those that could be moved or not, system ones aside */
    uint64_t runnable;
    uint64_t steps;    /* a second */
    uint32_t cpu_permille;
    uint32_t delay_us; /* wait of a runnable tasklet for its turn */
    uint64_t memory_bytes, memory_limit;
    uint64_t channels;
    uint64_t moves_in, moves_out;
};

/* An exponentially weighted average; `half_life_ms` is when an old sample weighs half. */
struct load_average {
    uint64_t value_milli; /* times 1000 */
    uint64_t at_ns;       /* 0: no sample yet */
    uint32_t half_life_ms;
};

void load_average_init(struct load_average *a, uint32_t half_life_ms);
void load_average_add(struct load_average *a, uint64_t value, uint64_t now_ns);
uint64_t load_average_value(const struct load_average *a);

/* Makes a rate a second out of a counter that only grows. */
struct load_rate {
    struct load_average average;
    uint64_t counter;
    uint64_t at_ns;
};

void load_rate_init(struct load_rate *r, uint32_t half_life_ms);
void load_rate_add(struct load_rate *r, uint64_t counter, uint64_t now_ns);
uint64_t load_rate_value(const struct load_rate *r);

/* The part of a probe that is load, and back. */
void load_to_probe(const struct load *l, stint_Probe *probe);
void load_from_probe(struct load *l, const stint_Probe *probe);

/* The newest report of every member. */
struct load_entry {
    struct node_ref node;
    uint64_t at_ns;
    uint64_t installed; /* the view it said it had installed */
    uint32_t health;
    struct load load;
    char labels[LIMIT_LABELS + 1];
};

struct load_table {
    uint32_t count;
    struct load_entry entries[VIEW_MEMBERS_MAX]; /* in the order of the view's members */
};

void load_table_init(struct load_table *t);

/* A view was installed: entries of gone incarnations go, new members come without a report. */
void load_table_view(struct load_table *t, const struct view *view);

/* A probe came. Ignored if the node is not in the table. */
void load_table_heard(struct load_table *t, struct node_ref node, const stint_Probe *probe,
                      uint64_t now_ns);

/* The entry of a node, or NULL; and whether it is fresh. */
const struct load_entry *load_table_find(const struct load_table *t, struct node_ref node);
bool load_is_fresh(const struct load_entry *e, uint64_t now_ns);

/*
 * Load of a node as one number, permille of the mean over the nodes given: half from the number
 * of tasklets, half from the steps they make (only the number while the cluster is idle).
 * `loads` includes `of`.
 */
uint32_t load_score(const struct load *of, const struct load *const *loads, uint32_t count);

/* Largest score over mean, in permille; 1000 is even, 0 when nothing is there. */
uint32_t load_imbalance(const struct load *const *loads, uint32_t count);

#endif
