/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of an operator to a cluster in virtual time: what is shown, nodes and their ends, what
 * is refused and in which words, nodes that die while they are asked.
 *
 *     world_requests [--seed N] [--verbose] [CASE]
 */
#include "requests.h"

static bool
cluster_is_shown(struct world *w)
{
    stint_StatusInfo status = stint_StatusInfo_init_zero;
    stint_NodeInfo node = stint_NodeInfo_init_zero;
    stint_ModuleInfo module = stint_ModuleInfo_init_zero;
    char hex[STINT_ID_TEXT_SIZE];
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(ask_target(w, 0, stint_Verb_VERB_PING, "") == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_PING, "n3") == STINT_OK && says("n3"));
    CHECK(ask_target(w, 0, stint_Verb_VERB_PING, "n7") == STINT_NOT_FOUND &&
          says("the members are"));
    CHECK(spawn_idle(w, 1, "n2", 5, hex) == STINT_OK && reply.items == 5);
    world_run(w, 2 * SECOND);
    CHECK(ask_target(w, 2, stint_Verb_VERB_STATUS, "") == STINT_OK && reply.items == 1);
    CHECK(last_item(stint_StatusInfo_fields, &status));
    CHECK(status.nodes == 3 && status.tasklets == 5 && strcmp(status.authority, "n1") == 0 &&
          !status.balancer);
    CHECK(status.imbalance_permille > 2000);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_LIST, "") == STINT_OK && reply.items == 3);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_LIST, "n2") == STINT_OK && reply.items == 1);
    CHECK(last_item(stint_NodeInfo_fields, &node));
    CHECK(strcmp(node.state, "up") == 0 && strcmp(node.modules, "mill") == 0 &&
          node.tasklets == 5 && !node.authority);
    CHECK(ask_target(w, 0, stint_Verb_VERB_MODULE_LIST, "") == STINT_OK && reply.items == 3);
    CHECK(last_item(stint_ModuleInfo_fields, &module) &&
          strcmp(module.codes, "Sum,Feed,Wait,Ledger,Mark,Hand") == 0);
    CHECK(ask_target(w, 0, stint_Verb_VERB_VIEW, "") == STINT_OK && reply.items == 1);
    CHECK(ask_text(w, 0, stint_Verb_VERB_SCHEMA, "mill/Sum") == STINT_OK &&
          reply.payload_size > 50);
    CHECK(ask_text(w, 0, stint_Verb_VERB_SCHEMA, "mill.Number") == STINT_OK);
    CHECK(ask_text(w, 0, stint_Verb_VERB_SCHEMA, "mill.None") == STINT_NOT_FOUND);
    CHECK(ask_text(w, 0, stint_Verb_VERB_SCHEMA, "mill/None") == STINT_UNKNOWN_CODE &&
          says("Sum Feed Wait Ledger Mark Hand"));
    CHECK(ask_text(w, 0, stint_Verb_VERB_SCHEMA, "none/None") == STINT_UNKNOWN_MODULE &&
          says("mill"));
    return true;
}

static bool
spawning_says_what_is_wrong(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE];
    stint_Request r = request(stint_Verb_VERB_TASKLET_SPAWN);
    CHECK(start(w, 2) && no_balancer(w));
    CHECK(ask_text(w, 0, stint_Verb_VERB_TASKLET_SPAWN, "mill") == STINT_INVALID &&
          says("MODULE/CODE"));
    CHECK(ask_text(w, 0, stint_Verb_VERB_TASKLET_SPAWN, "mill/None") == STINT_UNKNOWN_CODE &&
          says("Wait"));
    text_copy(r.text, sizeof r.text, "mill/Sum");
    CHECK(ask_with(w, 0, &r, span_text("\xff\xff\xff")) == STINT_INVALID && says("mill.Sum"));
    r.count = 1000001;
    CHECK(ask(w, 0, &r) == STINT_LIMIT);
    CHECK(spawn_idle(w, 0, "n9", 1, hex) == STINT_NOT_FOUND);
    CHECK(spawn_sum(w, 0, "n2", "a", 1, hex) == STINT_OK);
    CHECK(spawn_sum(w, 1, "n1", "a", 1, hex) == STINT_EXISTS && says("ended at once"));
    /* Those that did not get the name have ended: one is there. */
    CHECK(spawn_sum(w, 1, "n1", "b", 3, hex) == STINT_PARTIAL && reply.items == 1);
    CHECK(spawn_idle(w, 0, "", 5000, hex) == STINT_OK && reply.items == 5000);
    return true;
}

static bool
tasklets_are_listed(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE], one[STINT_ID_TEXT_SIZE];
    stint_Request r = request(stint_Verb_VERB_TASKLET_LIST);
    stint_TaskletInfo info = stint_TaskletInfo_init_zero;
    stint_FrameInfo frame = stint_FrameInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_sum(w, 0, "n1", "one", 1, one) == STINT_OK);
    CHECK(spawn_idle(w, 0, "n2", 20, hex) == STINT_OK);
    CHECK(ask(w, 2, &r) == STINT_OK && reply.items == 21);
    text_copy(r.selector, sizeof r.selector, "code=Feed and node=n2 and state=blocked and moves<1");
    CHECK(ask(w, 2, &r) == STINT_OK && reply.items == 20);
    text_copy(r.selector, sizeof r.selector, "colour=blue");
    CHECK(ask(w, 2, &r) == STINT_INVALID && says("there is no field `colour`"));
    text_copy(r.selector, sizeof r.selector, "code<Sum");
    CHECK(ask(w, 2, &r) == STINT_INVALID);
    r.selector[0] = 0;
    r.limit = 15;
    CHECK(ask(w, 2, &r) == STINT_OK && reply.items == 15);
    text_copy(r.sort, sizeof r.sort, "-id");
    CHECK(ask(w, 2, &r) == STINT_OK && reply.items == 15);
    text_copy(r.on, sizeof r.on, "n1");
    CHECK(ask(w, 2, &r) == STINT_OK && reply.items == 1 &&
          last_item(stint_TaskletInfo_fields, &info));
    CHECK(strcmp(info.code, "Sum") == 0 && info.movable && strcmp(info.state, "blocked") == 0 &&
          info.frames == 1);

    CHECK(ask_target(w, 1, stint_Verb_VERB_TASKLET_STACK, one) == STINT_OK && reply.items == 1);
    CHECK(last_item(stint_FrameInfo_fields, &frame) && strcmp(frame.type, "mill.Sum") == 0);
    CHECK(reply.payload_size > reply.item_size);
    one[12] = 0;
    CHECK(ask_target(w, 1, stint_Verb_VERB_TASKLET_DESCRIBE, one) == STINT_OK);
    CHECK(ask_target(w, 1, stint_Verb_VERB_TASKLET_DESCRIBE, "zebra") == STINT_NOT_FOUND &&
          says("names no tasklet"));
    CHECK(ask_target(w, 1, stint_Verb_VERB_TASKLET_DESCRIBE, "00000000000000000000000000000001") ==
          STINT_NOT_FOUND);
    int ambiguous = 0;
    for (char digit = '0'; digit <= '9'; digit++) {
        char prefix[2] = { digit, 0 };
        ambiguous += ask_target(w, 1, stint_Verb_VERB_TASKLET_DESCRIBE, prefix) == STINT_AMBIGUOUS
                         ? 1
                         : 0;
    }
    CHECK(ambiguous > 0);
    return true;
}

static bool
is_drained(struct world *w, void *arg)
{
    struct kernel_counters counters;
    (void)arg;
    if (world_node(w, 1) == NULL || world_is_exited(w, 1, NULL)) {
        return true;
    }
    kernel_count(world_node(w, 1)->kernel, &counters);
    return counters.tasklets == 0;
}

static bool
left(struct world *w, void *arg)
{
    (void)arg;
    return world_is_exited(w, 1, NULL);
}

static bool
nodes_are_drained(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE];
    enum stint_status status;
    stint_DrainInfo info = stint_DrainInfo_init_zero;
    stint_NodeInfo node = stint_NodeInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_idle(w, 0, "n2", 50, hex) == STINT_OK);
    stint_Request r = request(stint_Verb_VERB_NODE_DRAIN);
    text_copy(r.target, sizeof r.target, "n2");
    r.dry_run = true;
    CHECK(ask(w, 0, &r) == STINT_OK && reply.items == 50);
    r.dry_run = false;
    text_copy(r.to, sizeof r.to, "n2");
    CHECK(ask(w, 0, &r) == STINT_INVALID);
    text_copy(r.to, sizeof r.to, "n3");
    CHECK(ask(w, 0, &r) == STINT_OK && reply.items == 1);
    CHECK(world_until(w, is_drained, NULL, 30 * SECOND));
    world_run(w, SECOND);
    CHECK(ask(w, 0, &r) == STINT_OK && last_item(stint_DrainInfo_fields, &info));
    CHECK(info.done && info.remaining == 0 && info.moved == 50);
    world_run(w, 2 * SECOND);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_LIST, "n3") == STINT_OK &&
          last_item(stint_NodeInfo_fields, &node));
    CHECK(node.tasklets == 50);                      /* to n3 alone */
    CHECK(spawn_idle(w, 0, "", 1, hex) == STINT_OK); /* n2 takes nothing: it went elsewhere */
    CHECK(spawn_idle(w, 0, "n2", 1, hex) == STINT_DRAINING && says("draining"));
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_UNCORDON, "n2") == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_LIST, "n2") == STINT_OK &&
          last_item(stint_NodeInfo_fields, &node));
    CHECK(strcmp(node.state, "up") == 0);
    r.leave = true;
    CHECK(ask(w, 0, &r) == STINT_OK);
    CHECK(world_until(w, left, NULL, 30 * SECOND));
    (void)world_is_exited(w, 1, &status);
    CHECK(status == STINT_OK);
    world_run(w, SECOND);
    CHECK(ask(w, 0, &r) == STINT_OK && last_item(stint_DrainInfo_fields, &info) && info.done);
    CHECK(ask_target(w, 0, stint_Verb_VERB_PING, "n2") == STINT_NOT_FOUND && says("has left"));
    return true;
}

/* Whoever spawns and then looks sees what he has done; and a node that does not answer is shown all the same. */
static bool
nodes_are_shown_as_they_are(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE];
    stint_NodeInfo node = stint_NodeInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_idle(w, 0, "n2", 50, hex) == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_LIST, "n2") == STINT_OK &&
          last_item(stint_NodeInfo_fields, &node));
    CHECK(node.tasklets == 50 && strcmp(node.state, "up") == 0 && !node.authority);
    CHECK(spawn_idle(w, 0, "n2", 1, hex) == STINT_OK);
    world_run(w, 2 * SECOND); /* it reports itself */
    world_pause(w, 1, true);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_LIST, "n2") == STINT_OK &&
          last_item(stint_NodeInfo_fields, &node));
    CHECK(node.tasklets == 51 && strcmp(node.state, "down") != 0); /* before the others are sure */
    return true;
}

static bool
nodes_are_stopped(struct world *w)
{
    enum stint_status status;
    CHECK(start(w, 2));
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_STOP, "n2") == STINT_OK);
    CHECK(world_until(w, left, NULL, 10 * SECOND));
    (void)world_is_exited(w, 1, &status);
    CHECK(status == STINT_OK);
    return true;
}

static bool
balance_is_planned_and_done(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE];
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(ask_text(w, 0, stint_Verb_VERB_BALANCER, "sideways") == STINT_INVALID);
    CHECK(spawn_idle(w, 0, "n1", 60, hex) == STINT_OK);
    world_run(w, 3 * SECOND);
    stint_Request r = request(stint_Verb_VERB_BALANCE);
    r.dry_run = true;
    r.count = 7;
    CHECK(ask(w, 1, &r) == STINT_OK && reply.items == 7);
    r.dry_run = false;
    CHECK(ask(w, 1, &r) == STINT_OK && reply.items == 7);
    world_run(w, 2 * SECOND);
    CHECK(moves_counts(world_node(w, 0)->moves).out_committed == 7);
    CHECK(spawn_idle(w, 0, "n1", 40, hex) == STINT_OK);
    CHECK(spawn_idle(w, 0, "n2", 90, hex) == STINT_OK);
    world_run(w, 3 * SECOND);
    r.dry_run = true;
    r.count = 20; /* more than one node plans at once, less than two */
    CHECK(ask(w, 1, &r) == STINT_OK && reply.items == 20);
    CHECK(ask_text(w, 1, stint_Verb_VERB_BALANCER, "on") == STINT_OK);
    return true;
}

static bool
keys_are_revoked(struct world *w)
{
    stint_KeyInfo info = stint_KeyInfo_init_zero;
    stint_Request r = request(stint_Verb_VERB_KEY_REVOKE);
    CHECK(start(w, 2));
    CHECK(ask(w, 1, &r) == STINT_INVALID);
    r.serial = 4711;
    CHECK(ask(w, 1, &r) == STINT_OK);
    world_run(w, SECOND);
    CHECK(ask_target(w, 0, stint_Verb_VERB_KEY_LIST, "") == STINT_OK && reply.items == 1);
    CHECK(last_item(stint_KeyInfo_fields, &info) && info.serial == 4711);
    CHECK(ask(w, 0, &r) == STINT_EXISTS);
    return true;
}

static bool
silent_nodes_are_named(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE];
    struct world_reply waited;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_sum(w, 0, "n3", "s", 1, one) == STINT_OK);
    stint_Request wait = request(stint_Verb_VERB_TASKLET_WAIT);
    text_copy(wait.target, sizeof wait.target, one);
    wait.timeout_ms = 60000;
    world_request(w, 0, &wait, span_of(NULL, 0), &waited);
    world_run(w, SECOND);
    world_crash(w, 2);
    stint_Request list = request(stint_Verb_VERB_TASKLET_LIST);
    list.timeout_ms = 1000;
    CHECK(ask(w, 0, &list) == STINT_PARTIAL && says("node n3"));
    world_run(w, 15 * SECOND);
    CHECK(ask(w, 0, &list) == STINT_OK && reply.items == 0); /* it is known to be dead */
    CHECK(waited.done && waited.status != STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_DESCRIBE, one) == STINT_NOT_FOUND);
    CHECK(ask_text(w, 0, stint_Verb_VERB_RESOLVE, "s") == STINT_NOT_FOUND);
    world_crash(w, 0); /* the authority: work goes on, names are asked of their hosts */
    CHECK(spawn_idle(w, 1, "", 1, one) == STINT_OK);
    CHECK(ask_target(w, 1, stint_Verb_VERB_NODE_CORDON, "n2") == STINT_STORE_DOWN);
    return true;
}

static const struct world_case cases[] = {
    { "cluster_is_shown", cluster_is_shown },
    { "spawning_says_what_is_wrong", spawning_says_what_is_wrong },
    { "tasklets_are_listed", tasklets_are_listed },
    { "nodes_are_drained", nodes_are_drained },
    { "nodes_are_shown_as_they_are", nodes_are_shown_as_they_are },
    { "nodes_are_stopped", nodes_are_stopped },
    { "balance_is_planned_and_done", balance_is_planned_and_done },
    { "keys_are_revoked", keys_are_revoked },
    { "silent_nodes_are_named", silent_nodes_are_named },
};

int
main(int argc, char **argv)
{
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], say_last_answer);
}
