/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients of a run: whole clients of the SDK (tests/world/world_sdk.h), who send to one ledger that moves about, ask it,
 * and spawn tasklets, while their connections are cut, their clocks err, and they die. What each was told is compared with
 * what has happened.
 */
#include <stdlib.h>
#include <string.h>

#include <pb_encode.h>

#include "base/panic.h"
#include "sdk_work.h"
#include "sim.h"

#define CUSTOMERS_MAX 4

struct sim_customers {
    struct sdk_work *work;
    int clients[CUSTOMERS_MAX];
    bool alive[CUSTOMERS_MAX];
    uint32_t count;
    struct stint_id ledger;
};

bool
customers_start(struct sim *s)
{
    static const int nodes[WORLD_NODES_MAX] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
    if (s->plan.clients == 0) {
        return true;
    }
    struct sim_customers *c = calloc(1, sizeof *c);
    STINT_ASSERT(c != NULL);
    s->customers = c;
    c->work = sdk_work_new(s->w);
    mill_Ledger ledger = mill_Ledger_init_zero;
    ledger.capacity = prng_below(&s->random, 2) == 0 ? 0 : (uint32_t)prng_below(&s->random, 8);
    memcpy(ledger.name, "ledger", 7);
    struct ghost *g = work_spawn(s, ROLE_LEDGER, "mill", "Ledger", mill_Ledger_fields, &ledger);
    if (g == NULL || !work_await(s)) {
        return false;
    }
    c->ledger = g->id;
    for (uint32_t i = 0; i < s->plan.clients; i++) {
        uint32_t count = 10 + (uint32_t)prng_below(&s->random, 60);
        uint32_t timeout = 500 + (uint32_t)prng_below(&s->random, 5000);
        int first = (int)prng_below(&s->random, (uint64_t)s->plan.nodes);
        c->clients[i] = world_sdk_open(s->w, nodes + first, s->plan.nodes - first);
        c->alive[i] = true;
        c->count++;
        switch (prng_below(&s->random, 3)) {
        case 0:
            sdk_work_send(c->work, c->clients[i], "ledger", i, count, 1 + (uint32_t)prng_below(&s->random, 16), timeout);
            break;
        case 1:
            (count % 2 == 0 ? sdk_work_ask : sdk_work_ask_own)(c->work, c->clients[i], "ledger", i, count, timeout);
            break;
        default:
            sdk_work_send(c->work, c->clients[i], "ledger", i, count, 1, timeout);
            sdk_work_spawn(c->work, c->clients[i], i == 0 ? "a" : i == 1 ? "b" : "c", 5, timeout);
            break;
        }
    }
    return true;
}

void
customers_disturb(struct sim *s)
{
    struct sim_customers *c = s->customers;
    if (c == NULL) {
        return;
    }
    uint32_t i = (uint32_t)prng_below(&s->random, c->count);
    int node = (int)prng_below(&s->random, (uint64_t)s->plan.nodes);
    if (!c->alive[i]) {
        return;
    }
    switch (prng_below(&s->random, 8)) {
    case 0:
    case 1:
        story_say(s, "client %u and %s are cut from each other", i, world_name(s->w, node));
        world_sdk_cut(s->w, c->clients[i], node, true, prng_below(&s->random, 2) == 0);
        break;
    case 2:
    case 3:
        world_sdk_break(s->w, c->clients[i], node);
        break;
    case 4:
        world_sdk_clock(s->w, c->clients[i], prng_below(&s->random, 2000) * WORLD_MS,
                        (int32_t)prng_below(&s->random, 100000) - 50000, (int64_t)prng_below(&s->random, 600000) - 300000);
        break;
    case 5:
        if (prng_below(&s->random, 4) == 0) {
            story_say(s, "client %u is killed", i);
            world_sdk_crash(s->w, c->clients[i]);
            c->alive[i] = false;
        }
        break;
    default:
        customers_heal(s);
        break;
    }
}

void
customers_heal(struct sim *s)
{
    struct sim_customers *c = s->customers;
    for (uint32_t i = 0; c != NULL && i < c->count; i++) {
        for (int node = 0; node < s->plan.nodes && c->alive[i]; node++) {
            world_sdk_cut(s->w, c->clients[i], node, false, false);
        }
    }
}

bool
customers_are_done(struct sim *s)
{
    return s->customers == NULL || sdk_work_is_over(s->customers->work);
}

/* A tasklet that is on its way is not counted anywhere. */
static bool
nothing_moves(struct sim *s)
{
    for (int i = 0; i < s->plan.nodes; i++) {
        const struct node *n = world_node(s->w, i);
        if (n != NULL && n->moves != NULL && moves_counts(n->moves).incoming + moves_counts(n->moves).outgoing != 0) {
            return false;
        }
    }
    return true;
}

/* At any time: what can never become right again; at the end also that nothing is missing. */
void
customers_check(struct sim *s, bool at_end)
{
    struct sim_customers *c = s->customers;
    if (c == NULL) {
        return;
    }
    mill_Ledger books;
    bool lives = sdk_work_ledger(s->w, c->ledger, &books);
    /* Without its ledger nobody knows what has arrived; what a sender's node still held is lost with that. */
    bool whole = at_end && !s->any_died && nothing_moves(s);
    const char *fault = lives ? sdk_work_check(c->work, &books, whole) : NULL;
    if (fault != NULL) {
        sim_fault(s, "client", "%s", fault);
    }
    uint32_t overdue = world_sdk_overdue(s->w);
    if (overdue != 0) {
        sim_fault(s, "client", "%u calls of clients have not come back in their time", overdue);
    }
}

void
customers_free(struct sim *s)
{
    struct sim_customers *c = s->customers;
    if (c == NULL) {
        return;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->alive[i]) {
            world_sdk_crash(s->w, c->clients[i]);
        }
    }
    sdk_work_free(c->work);
    free(c);
    s->customers = NULL;
}
