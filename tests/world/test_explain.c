/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a tasklet cannot move: every reason at once, of its own and of each node that it could go to.
 *
 *     world_explain [--seed N] [--verbose] [CASE]
 */
#include "requests.h"

static const struct stint_module *const no_modules[] = { NULL };

/* n1 to n4, of which n3 has no modules. */
static bool
four_nodes(struct world *w)
{
    uint32_t four = 4;
    for (int i = 0; i < 4; i++) {
        char name[8] = { 'n', (char)('1' + i), 0 };
        (void)world_start(w, name, i == 2 ? no_modules : modules);
    }
    return world_until(w, ready, &four, 60 * SECOND) && no_balancer(w);
}

static enum stint_status
explain(struct world *w, const char *tasklet, const char *to, stint_ExplainInfo *last)
{
    stint_Request r = request(stint_Verb_VERB_TASKLET_EXPLAIN);
    *last = (stint_ExplainInfo)stint_ExplainInfo_init_zero;
    text_copy(r.target, sizeof r.target, tasklet);
    text_copy(r.to, sizeof r.to, to);
    enum stint_status status = ask(w, 1, &r);
    return status == STINT_OK && !last_item(stint_ExplainInfo_fields, last) ? STINT_ERROR : status;
}

static bool
is_suspected(struct world *w, void *arg)
{
    const struct node *n = world_node(w, 0);
    const struct member *m = view_named(n->view, arg);
    return m != NULL && detector_suspects(&n->detector, m->ref);
}

static bool
is_gone(struct world *w, void *arg)
{
    return view_named(world_node(w, 0)->view, arg) == NULL;
}

static bool
every_reason_of_every_target(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE];
    stint_ExplainInfo info;
    CHECK(four_nodes(w) && spawn_idle(w, 0, "n1", 1, one) == STINT_OK);
    CHECK(explain(w, one, "n1", &info) == STINT_OK && reply.items == 2 && info.target_ok && strcmp(info.text, "it is there") == 0);
    CHECK(explain(w, one, "n2", &info) == STINT_OK && reply.items == 2 && info.target_ok && info.reason_code[0] == 0);
    CHECK(explain(w, one, "n3", &info) == STINT_OK && reply.items == 2 && !info.target_ok);
    CHECK(strcmp(info.reason_code, stint_status_name(STINT_UNKNOWN_MODULE)) == 0);
    CHECK(explain(w, one, "n9", &info) == STINT_NOT_FOUND);

    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_CORDON, "n3") == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_DRAIN, "n4") == STINT_OK);
    world_run(w, SECOND);
    struct node *n4 = world_node(w, 3);
    uint64_t pickle_max = n4->pickle_max;
    n4->pickle_max = 64;
    n4->mem->limit = n4->mem->used + 4096; /* enough for the request */
    CHECK(explain(w, one, "n3", &info) == STINT_OK && reply.items == 3); /* cordoned as well */
    CHECK(strcmp(info.reason_code, stint_status_name(STINT_UNKNOWN_MODULE)) == 0);
    CHECK(explain(w, one, "n4", &info) == STINT_OK && reply.items == 3); /* draining */
    CHECK(strcmp(info.reason_code, stint_status_name(STINT_LIMIT)) == 0 && strstr(info.text, "limit of 64") != NULL);
    CHECK(explain(w, one, "", &info) == STINT_OK && reply.items == 1 + 1 + 2 + 2);
    n4->mem->limit = 0;
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_UNCORDON, "n4") == STINT_OK);
    world_run(w, SECOND);
    CHECK(explain(w, one, "n4", &info) == STINT_OK && reply.items == 2);
    CHECK(migrate(w, 0, one, "n4") == STINT_LIMIT && says("limit of 64")); /* what is said is what would happen */
    n4->pickle_max = pickle_max;
    CHECK(explain(w, one, "n4", &info) == STINT_OK && info.target_ok);
    return true;
}

static bool
memory_is_a_reason(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE];
    stint_ExplainInfo info;
    mill_Ledger ledger = mill_Ledger_init_zero;
    CHECK(four_nodes(w));
    text_copy(ledger.name, sizeof ledger.name, "book");
    ledger.capacity = 4;
    (void)stint_id_text(world_spawn(w, 0, "Ledger", mill_Ledger_fields, &ledger), one);
    world_run(w, SECOND);
    struct node *n2 = world_node(w, 1);
    char detail[MOVE_DETAIL_SIZE];
    size_t limit = n2->mem->limit;
    CHECK(mover_memory_fits(n2, 1 << 20, detail, sizeof detail));
    n2->mem->limit = n2->mem->used + 1000;
    CHECK(!mover_memory_fits(n2, 1000, detail, sizeof detail) && strstr(detail, "n2 has 1000 left") != NULL);
    CHECK(mover_memory_fits(n2, 999, detail, sizeof detail));
    n2->mem->limit = n2->mem->used - 1;
    CHECK(!mover_memory_fits(n2, 1, detail, sizeof detail));
    n2->mem->limit = 0; /* none */
    CHECK(mover_memory_fits(n2, UINT64_MAX, detail, sizeof detail));
    n2->mem->limit = limit;
    CHECK(explain(w, one, "n2", &info) == STINT_OK && info.target_ok);
    return true;
}

static bool
its_own_reasons_come_with_the_targets(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE];
    char n2[] = "n2";
    uint8_t bytes[mill_Feed_size];
    stint_ExplainInfo info;
    CHECK(four_nodes(w));
    stint_Request r = request(stint_Verb_VERB_TASKLET_SPAWN);
    text_copy(r.text, sizeof r.text, "mill/Feed");
    text_copy(r.on, sizeof r.on, "n1");
    r.pinned = true;
    struct stint_span args = idle_args(w, 0, bytes, sizeof bytes);
    CHECK(ask_with(w, 0, &r, args) == STINT_OK);
    (void)stint_id_text(reply.id, one);
    CHECK(explain(w, one, "", &info) == STINT_OK && reply.items == 1 + 1 + 3);
    CHECK(strcmp(info.target, "n4") == 0 && info.target_ok); /* in the order of their names */
    world_node(w, 0)->pickle_max = 8;
    world_pause(w, 1, true);
    CHECK(world_until(w, is_suspected, n2, 10 * SECOND));
    stint_Request to = request(stint_Verb_VERB_TASKLET_EXPLAIN);
    text_copy(to.target, sizeof to.target, one);
    text_copy(to.to, sizeof to.to, n2);
    CHECK(ask(w, 0, &to) == STINT_OK && last_item(stint_ExplainInfo_fields, &info) && !info.target_ok);
    CHECK(strcmp(info.reason_code, stint_status_name(STINT_UNREACHABLE)) == 0);
    CHECK(reply.items == 1 + 2 + 1); /* pinned, too large for its own node; unreachable */
    return true;
}

/* The plan of a drain of a node, or of moving what a selector fits; the last of its items. */
static enum stint_status
plan(struct world *w, stint_Verb verb, const char *target, const char *to, stint_PlanInfo *last)
{
    stint_Request r = request(verb);
    *last = (stint_PlanInfo)stint_PlanInfo_init_zero;
    if (verb == stint_Verb_VERB_NODE_DRAIN) {
        text_copy(r.target, sizeof r.target, target);
    } else {
        text_copy(r.selector, sizeof r.selector, target);
    }
    text_copy(r.to, sizeof r.to, to);
    r.dry_run = true;
    enum stint_status status = ask(w, 1, &r);
    return status == STINT_OK && !last_item(stint_PlanInfo_fields, last) ? STINT_ERROR : status;
}

static bool
dry_runs_ask_the_nodes(struct world *w)
{
    const stint_Verb drain = stint_Verb_VERB_NODE_DRAIN, move = stint_Verb_VERB_TASKLET_MIGRATE;
    char one[STINT_ID_TEXT_SIZE];
    char n2[] = "n2";
    stint_PlanInfo info;
    CHECK(four_nodes(w) && spawn_idle(w, 0, "n1", 20, one) == STINT_OK);
    CHECK(plan(w, drain, "n1", "n3", &info) == STINT_OK && reply.items == 20);
    CHECK(info.to[0] == 0 && strstr(info.reason, "node n3: ") != NULL);
    CHECK(plan(w, move, "code=Feed", "n3", &info) == STINT_OK && reply.items == 20);
    CHECK(info.to[0] == 0 && strstr(info.reason, "node n3: ") != NULL);
    CHECK(plan(w, move, "code=Feed", "n2", &info) == STINT_OK && strcmp(info.to, "n2") == 0);
    CHECK(plan(w, move, "code=Feed", "n1", &info) == STINT_OK && strcmp(info.to, "n1") == 0);
    /* n3 is the emptiest, and would be refused: the others take all. */
    CHECK(spawn_idle(w, 0, "n2", 3, one) == STINT_OK && spawn_idle(w, 0, "n4", 3, one) == STINT_OK);
    world_run(w, 3 * SECOND);
    CHECK(plan(w, drain, "n1", "", &info) == STINT_OK && reply.items == 20);
    CHECK(strcmp(info.to, "n2") == 0 || strcmp(info.to, "n4") == 0);
    CHECK(plan(w, drain, "n1", "n2,n3", &info) == STINT_OK && strcmp(info.to, "n2") == 0);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_CORDON, "n2") == STINT_OK);
    world_run(w, SECOND);
    CHECK(plan(w, drain, "n1", "n2,n3", &info) == STINT_OK && info.to[0] == 0);
    CHECK(strstr(info.reason, "cordoned") != NULL && strstr(info.reason, "node n3: ") != NULL);
    CHECK(plan(w, move, "node=n1", "n2", &info) == STINT_OK && info.to[0] == 0);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_UNCORDON, "n2") == STINT_OK);
    world_run(w, SECOND);
    world_pause(w, 1, true); /* not suspected yet: it is asked, and late */
    stint_Request r = request(drain);
    text_copy(r.target, sizeof r.target, "n1");
    text_copy(r.to, sizeof r.to, n2);
    r.timeout_ms = 200;
    r.dry_run = true;
    CHECK(ask(w, 0, &r) == STINT_OK && reply.items == 20 && says("not every node"));
    CHECK(last_item(stint_PlanInfo_fields, &info) && strstr(info.reason, "in time") != NULL);
    CHECK(world_until(w, is_gone, n2, 10 * SECOND));
    CHECK(ask(w, 0, &r) == STINT_UNREACHABLE && says("declared dead"));
    return true;
}

int
main(int argc, char **argv)
{
    static const struct world_case cases[] = {
        { "every_reason_of_every_target", every_reason_of_every_target },
        { "memory_is_a_reason", memory_is_a_reason },
        { "its_own_reasons_come_with_the_targets", its_own_reasons_come_with_the_targets },
        { "dry_runs_ask_the_nodes", dry_runs_ask_the_nodes },
    };
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], say_last_answer);
}
