/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator reads is right: pages of lists, numbers of channels and tasklets, prefixes of
 * ids, which nodes are chosen, and what came of several moves.
 *
 *     world_answers [--seed N] [--verbose] [CASE]
 */
#include "requests.h"

/* Reads all pages of a list; the number of its rows, or UINT32_MAX when a page is not right. */
static uint32_t
read_pages(struct world *w, stint_Request r, uint32_t limit)
{
    uint32_t rows = 0;
    r.limit = limit;
    r.page[0] = 0;
    for (uint32_t i = 0; i < 100; i++) {
        if (ask(w, 1, &r) != STINT_OK || reply.items > limit) {
            return UINT32_MAX;
        }
        rows += reply.items;
        if (reply.page[0] == 0) {
            return rows;
        }
        text_copy(r.page, sizeof r.page, reply.page);
    }
    return UINT32_MAX;
}

static bool
lists_have_pages(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE];
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_idle(w, 0, "n1", 7, hex) == STINT_OK);
    CHECK(spawn_idle(w, 0, "n3", 6, hex) == STINT_OK);
    stint_Request r = request(stint_Verb_VERB_TASKLET_LIST);
    for (uint32_t limit = 1; limit < 15; limit++) {
        CHECK(read_pages(w, r, limit) == 13);
    }
    text_copy(r.sort, sizeof r.sort, "id");
    CHECK(read_pages(w, r, 4) == 13 && read_pages(w, r, 13) == 13);
    text_copy(r.sort, sizeof r.sort, "-moves");
    CHECK(read_pages(w, r, 4) == 13 && read_pages(w, r, 13) == 13);
    for (uint32_t i = 0; i < 9; i++) {
        CHECK(create(w, 0, "", 1, "mill.Number", i < 5 ? "n3" : "n1") == STINT_OK);
    }
    stint_Request channels = request(stint_Verb_VERB_CHANNEL_LIST);
    for (uint32_t limit = 1; limit < 13; limit++) {
        CHECK(read_pages(w, channels, limit) == 11);
    }
    stint_Request move = request(stint_Verb_VERB_TASKLET_MIGRATE);
    text_copy(move.selector, sizeof move.selector, "node=n1");
    text_copy(move.to, sizeof move.to, "n2");
    move.wait = true;
    CHECK(ask(w, 0, &move) == STINT_OK && reply.items == 7);
    stint_Request moves = request(stint_Verb_VERB_MIGRATION_LIST);
    CHECK(read_pages(w, moves, 20) == 7);
    text_copy(r.selector, sizeof r.selector, "cod=Feed"); /* no field by its beginning */
    CHECK(ask(w, 0, &r) == STINT_INVALID);
    return true;
}

/*
 * Each move is known at both its ends, whose wall clocks differ. Its rows are one row, on whatever
 * page: the number of rows over all pages is the number of moves, and the order is one.
 */
static bool
moves_stand_once_on_all_pages(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE];
    CHECK(start(w, 3) && no_balancer(w));
    world_set_clock(w, 1, 0, 1000000, 1700);
    world_set_clock(w, 2, 0, 1000300, -2300);
    CHECK(spawn_idle(w, 0, "n1", 1, one) == STINT_OK);
    for (uint32_t i = 0; i < 24; i++) {
        CHECK(migrate(w, 0, one, i % 3 == 0 ? "n2" : i % 3 == 1 ? "n3" : "n1") == STINT_OK);
        world_run(w, 137 * WORLD_MS);
    }
    stint_Request r = request(stint_Verb_VERB_MIGRATION_LIST);
    for (uint32_t limit = 1; limit < 30; limit++) {
        uint32_t rows = read_pages(w, r, limit);
        if (rows != 24) {
            printf("%u rows of 24 moves in pages of %u\n", rows, limit);
            return false;
        }
    }
    return true;
}

static bool
numbers_are_right(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE], cid[STINT_ID_TEXT_SIZE];
    stint_TaskletInfo tasklet = stint_TaskletInfo_init_zero;
    stint_ChannelInfo channel = stint_ChannelInfo_init_zero;
    struct stint_id id;
    CHECK(start(w, 2) && no_balancer(w));
    CHECK(spawn_idle(w, 0, "n1", 3, hex) == STINT_OK);
    world_run(w, 5 * SECOND);
    CHECK(ask_target(w, 1, stint_Verb_VERB_TASKLET_DESCRIBE, hex) == STINT_OK &&
          last_item(stint_TaskletInfo_fields, &tasklet));
    CHECK(tasklet.since_ms >= 4900 && tasklet.since_ms < 10000);
    memcpy(id.bytes, tasklet.channel.bytes, sizeof id.bytes);
    CHECK(ask_target(w, 1, stint_Verb_VERB_CHANNEL_DESCRIBE, stint_id_text(id, cid)) == STINT_OK &&
          last_item(stint_ChannelInfo_fields, &channel));
    CHECK(channel.senders == 3 && channel.receivers == 0 && channel.balance == 3);
    return true;
}

static bool
prefixes_of_nodes(struct world *w)
{
    CHECK(start(w, 8));
    for (char digit = '0'; digit <= 'f'; digit = digit == '9' ? 'a' : (char)(digit + 1)) {
        char prefix[2] = { digit, 0 };
        uint32_t fit = 0;
        for (int i = 0; i < 8; i++) {
            char hex[STINT_ID_TEXT_SIZE];
            fit += stint_id_text(world_node(w, i)->self.id, hex)[0] == digit ? 1 : 0;
        }
        CHECK(ask_target(w, 0, stint_Verb_VERB_PING, prefix) ==
              (fit == 0 ? STINT_NOT_FOUND : fit == 1 ? STINT_OK : STINT_AMBIGUOUS));
    }
    return true;
}

static uint64_t
tasklets_on(struct world *w, int node)
{
    struct kernel_counters counters;
    kernel_count(world_node(w, node)->kernel, &counters);
    return counters.tasklets;
}

static bool
n1_is_empty(struct world *w, void *arg)
{
    (void)arg;
    return tasklets_on(w, 0) == 0;
}

static bool
the_emptiest_open_node_is_chosen(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE], many[STINT_ID_TEXT_SIZE];
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_idle(w, 0, "n3", 20, many) == STINT_OK);
    CHECK(spawn_idle(w, 0, "n1", 1, one) == STINT_OK);
    world_run(w, 3 * SECOND);
    CHECK(migrate(w, 0, one, "auto") == STINT_OK && is_on(w, one, "n2"));
    CHECK(migrate(w, 0, one, "n1") == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_CORDON, "n2") == STINT_OK);
    world_run(w, SECOND);
    CHECK(migrate(w, 0, one, "auto") == STINT_OK && is_on(w, one, "n3"));
    CHECK(spawn_idle(w, 1, "", 5, many) == STINT_OK && tasklets_on(w, 1) == 0);
    CHECK(spawn_idle(w, 0, "n1", 30, many) == STINT_OK);
    CHECK(ask_target(w, 2, stint_Verb_VERB_NODE_DRAIN, "n1") == STINT_OK);
    CHECK(ask_target(w, 2, stint_Verb_VERB_NODE_CORDON, "n1") == STINT_REFUSED && says("draining"));
    CHECK(world_until(w, n1_is_empty, NULL, 30 * SECOND));
    world_run(w, SECOND);
    CHECK(tasklets_on(w, 1) == 0);
    CHECK(ask_target(w, 2, stint_Verb_VERB_NODE_UNCORDON, "n1") == STINT_OK); /* ends its drain too */
    CHECK(spawn_idle(w, 0, "n1", 4, many) == STINT_OK);
    world_run(w, 5 * SECOND);
    CHECK(tasklets_on(w, 0) == 4);
    return true;
}

static bool
what_came_of_moves(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE];
    uint8_t bytes[mill_Feed_size];
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_idle(w, 0, "n1", 2, one) == STINT_OK);
    stint_Request pinned = request(stint_Verb_VERB_TASKLET_SPAWN);
    text_copy(pinned.text, sizeof pinned.text, "mill/Feed");
    text_copy(pinned.on, sizeof pinned.on, "n1");
    pinned.pinned = true;
    struct stint_span args = idle_args(w, 0, bytes, sizeof bytes);
    CHECK(ask_with(w, 0, &pinned, args) == STINT_OK);
    stint_Request r = request(stint_Verb_VERB_TASKLET_MIGRATE);
    text_copy(r.selector, sizeof r.selector, "node=n1");
    text_copy(r.to, sizeof r.to, "n2");
    r.wait = true;
    CHECK(ask(w, 0, &r) == STINT_PARTIAL && reply.items == 3);
    CHECK(migrate(w, 0, one, "n1") == STINT_OK);
    world_crash(w, 2); /* nobody knows of it yet */
    CHECK(migrate(w, 0, one, "n3") == STINT_UNREACHABLE && says(one));
    CHECK(is_on(w, one, "n1"));
    return true;
}

/* A request that is under way answers to whoever asked last. */
static bool
who_asks_again_is_answered(struct world *w)
{
    struct world_reply first, second;
    CHECK(start(w, 3) && no_balancer(w));
    world_crash(w, 0);
    stint_Request r = request(stint_Verb_VERB_NODE_CORDON);
    text_copy(r.target, sizeof r.target, "n2");
    r.id.size = 16;
    memset(r.id.bytes, 5, 16);
    world_request(w, 1, &r, span_of(NULL, 0), &first);
    world_run(w, 100 * WORLD_MS);
    world_request(w, 2, &r, span_of(NULL, 0), &second);
    world_run(w, 60 * SECOND);
    CHECK(second.done && second.status == STINT_STORE_DOWN);
    return true;
}

static const struct world_case cases[] = {
    { "lists_have_pages", lists_have_pages },
    { "moves_stand_once_on_all_pages", moves_stand_once_on_all_pages },
    { "numbers_are_right", numbers_are_right },
    { "prefixes_of_nodes", prefixes_of_nodes },
    { "the_emptiest_open_node_is_chosen", the_emptiest_open_node_is_chosen },
    { "what_came_of_moves", what_came_of_moves },
    { "who_asks_again_is_answered", who_asks_again_is_answered },
};

int
main(int argc, char **argv)
{
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], say_last_answer);
}
