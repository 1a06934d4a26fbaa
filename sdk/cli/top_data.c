/* SPDX-License-Identifier: Apache-2.0 */
#include "top_data.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t
wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#define KEEP(to, from) (void)snprintf(to, sizeof(to), "%s", from)

/* ---- answers ---- */

static void
take_nodes(struct top_data *d, struct stint_list *list)
{
    const struct stint_node_item *n;
    struct screen *s = &d->screen;
    s->node_count = 0;
    s->members = s->up = 0;
    while ((n = stint_list_node(list)) != NULL && s->node_count < TOP_NODES) {
        struct screen_node *to = &d->nodes[s->node_count++];
        KEEP(to->name, n->name);
        KEEP(to->state, n->state);
        to->load_permille = n->load_permille;
        to->tasklets = n->tasklets;
        to->steps = n->steps;
        to->cpu_permille = n->cpu_permille;
        to->memory_bytes = n->memory_bytes;
        to->moves_in = n->moves_in;
        to->moves_out = n->moves_out;
        s->members++;
        s->up += strcmp(n->state, "down") != 0 && strcmp(n->state, "suspect") != 0 ? 1 : 0;
    }
    s->nodes = d->nodes;
}

static uint64_t
rate_of(const struct top_data *d, struct stint_id id, uint64_t steps, uint64_t took_ms)
{
    for (size_t i = 0; i < d->mark_count && took_ms != 0; i++) {
        if (memcmp(&d->marks[i].id, &id, sizeof id) == 0) {
            uint64_t more = steps > d->marks[i].steps ? steps - d->marks[i].steps : 0;
            return more * 1000 / took_ms;
        }
    }
    return 0;
}

static void
take_tasklets(struct top_data *d, struct stint_list *list, uint64_t took_ms)
{
    const struct stint_tasklet_item *t;
    size_t count = 0;
    while ((t = stint_list_tasklet(list)) != NULL && count < TOP_TASKLETS) {
        struct screen_tasklet *to = &d->tasklets[count++];
        to->id = t->id;
        KEEP(to->node, t->node);
        KEEP(to->code, t->code);
        KEEP(to->state, t->state);
        KEEP(to->at, t->at);
        to->steps = t->steps;
        to->rate = rate_of(d, t->id, t->steps, took_ms);
        to->size_bytes = t->size_bytes;
        to->moves = t->moves;
    }
    for (size_t i = 0; i < count; i++) {
        d->marks[i] = (struct top_mark){ d->tasklets[i].id, d->tasklets[i].steps };
    }
    d->mark_count = count;
    d->screen.hottest = d->tasklets;
    d->screen.hottest_count = count;
}

static void
take_moves(struct top_data *d, struct stint_list *list)
{
    const struct stint_move_item *m;
    size_t count = 0;
    bool fresh = d->measured;
    while ((m = stint_list_move(list)) != NULL && count < TOP_MOVES) {
        struct screen_move *to = &d->moves[count++];
        fresh = fresh && memcmp(&m->id, &d->newest, sizeof m->id) != 0;
        to->id = m->id;
        to->tasklet = m->tasklet;
        to->started_ms = m->started_ms;
        KEEP(to->from, m->from);
        KEEP(to->to, m->to);
        KEEP(to->outcome, m->outcome[0] != '\0' ? m->outcome : m->phase);
        KEEP(to->reason, m->reason);
        to->frozen_us = m->frozen_us;
        to->bytes = m->bytes;
        to->fresh = fresh;
    }
    if (count != 0) {
        d->newest = d->moves[0].id;
    }
    d->screen.moves = d->moves;
    d->screen.move_count = count;
}

static void
take_status(struct top_data *d, struct stint_list *list, uint64_t took_ms)
{
    const struct stint_status_item *status = stint_list_status(list);
    struct screen *s = &d->screen;
    if (status == NULL) {
        return;
    }
    s->cluster = status->cluster;
    s->view = status->view;
    s->tasklets = status->tasklets;
    s->in_flight = status->moves_in_flight;
    s->in_doubt = status->in_doubt;
    s->imbalance_permille = status->imbalance_permille;
    s->balancer = status->balancer;
    bool counted = d->measured && took_ms != 0 && status->moves_done >= d->moves_done;
    s->moves_decis = counted ? (status->moves_done - d->moves_done) * 10000 / took_ms : 0;
    d->moves_done = status->moves_done;
}

/* ---- order ---- */

static int
by(uint64_t a, uint64_t b)
{
    return a > b ? -1 : a < b ? 1 : 0;
}

static int
by_rate(const void *left, const void *right)
{
    const struct screen_tasklet *a = left, *b = right;
    int order = by(a->rate, b->rate);
    order = order != 0 ? order : by(a->steps, b->steps);
    return order != 0 ? order : memcmp(&a->id, &b->id, sizeof a->id);
}

static int
by_moves(const void *left, const void *right)
{
    const struct screen_tasklet *a = left, *b = right;
    int order = by(a->moves, b->moves);
    return order != 0 ? order : memcmp(&a->id, &b->id, sizeof a->id);
}

static int
by_size(const void *left, const void *right)
{
    const struct screen_tasklet *a = left, *b = right;
    int order = by(a->size_bytes, b->size_bytes);
    return order != 0 ? order : memcmp(&a->id, &b->id, sizeof a->id);
}

void
top_sort(struct top_data *d)
{
    int (*const orders[])(const void *, const void *) = { by_rate, by_moves, by_size };
    if (d->screen.hottest_count != 0) {
        qsort(d->tasklets, d->screen.hottest_count, sizeof *d->tasklets, orders[d->screen.sort]);
    }
}

/* ---- asking ---- */

/* What the cluster itself puts in order: it has more of them than are asked for. */
static const char *
sort_field(enum screen_sort sort)
{
    return sort == SCREEN_BY_RATE ? "-steps" : sort == SCREEN_BY_MOVES ? "-moves" : "-size_bytes";
}

/* A list, or of some nodes, is an answer. */
static enum stint_status
note(enum stint_status status, struct stint_list *const *list)
{
    return *list != NULL ? STINT_OK : status == STINT_OK ? STINT_ERROR : status;
}

enum stint_status
top_ask(struct top_data *d, struct stint_client *client, uint32_t timeout_ms)
{
    struct stint_query query = STINT_QUERY_INIT;
    struct stint_list *nodes = NULL, *tasklets = NULL, *moves = NULL, *status = NULL;
    enum stint_status answer = note(stint_admin_nodes(client, timeout_ms, &nodes), &nodes);
    if (answer == STINT_OK) {
        answer = note(stint_admin_status(client, timeout_ms, &status), &status);
    }
    if (answer == STINT_OK) {
        query.sort = sort_field(d->screen.sort);
        query.limit = TOP_TASKLETS;
        answer = note(stint_admin_tasklets(client, &query, timeout_ms, &tasklets), &tasklets);
    }
    if (answer == STINT_OK) {
        query.sort = NULL;
        query.limit = TOP_MOVES;
        answer = note(stint_admin_moves(client, &query, timeout_ms, &moves), &moves);
    }
    if (answer == STINT_OK) {
        uint64_t now = cli_now_ms();
        uint64_t took = d->measured ? now - d->measured_ms : 0;
        take_nodes(d, nodes);
        take_status(d, status, took);
        take_tasklets(d, tasklets, took);
        take_moves(d, moves);
        top_sort(d);
        d->screen.wall_ms = wall_ms();
        d->measured_ms = now;
        d->measured = true;
    }
    stint_list_free(nodes);
    stint_list_free(status);
    stint_list_free(tasklets);
    stint_list_free(moves);
    return answer;
}
