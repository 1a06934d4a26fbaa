/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SDK's clients in virtual time: what a user's program does by client.h, with clients, nodes and connections that fail.
 *
 *     world_clients [--seed N] [--verbose] [CASE]
 */
#include "clients.h"
#include "requests.h"
#include "sdk_work.h"

static bool
blocking_calls(struct world *w)
{
    uint64_t sequence;
    CHECK(start(w, 3));
    int a = world_sdk_open(w, all_nodes, 3);
    int b = world_sdk_open(w, all_nodes + 2, 1);
    uint64_t begin = world_now(w);
    CHECK(blocking_create(w, a, "out", 4) == STINT_OK);
    CHECK(blocking_create(w, b, "out", 4) == STINT_EXISTS);
    CHECK(blocking_send(w, a, "out", 7, 5000) == STINT_OK);
    CHECK(blocking_receive(w, b, "out", 5000, &sequence) == STINT_OK && sequence == 7);
    CHECK(world_now(w) - begin < SECOND / 10); /* nothing waits for a timer */
    begin = world_now(w);
    CHECK(blocking_receive(w, b, "out", 1500, &sequence) == STINT_TIMED_OUT);
    CHECK(world_now(w) - begin >= 3 * SECOND / 2 && world_now(w) - begin < 2 * SECOND);
    CHECK(world_sdk_node(w, a) == 0 && world_sdk_node(w, b) == 2);
    world_sdk_close(w, a, 1000);
    CHECK(!world_sdk_is_open(w, a));
    return true;
}

/* The node that it is connected to dies between two calls; the next one goes over another. */
static bool
node_dies_between_calls(struct world *w)
{
    uint64_t sequence;
    CHECK(start(w, 3));
    int a = world_sdk_open(w, all_nodes + 1, 1); /* it learns of the others from the view */
    int b = world_sdk_open(w, all_nodes, 1);
    CHECK(blocking_create(w, b, "out", 4) == STINT_OK); /* on the node that lives */
    CHECK(blocking_send(w, a, "out", 1, 5000) == STINT_OK);
    CHECK(world_sdk_node(w, a) == 1);
    world_crash(w, 1);
    CHECK(blocking_send(w, a, "out", 2, 5000) == STINT_OK);
    CHECK(world_sdk_node(w, a) != 1);
    for (uint64_t i = 1; i <= 2; i++) {
        CHECK(blocking_receive(w, b, "out", 5000, &sequence) == STINT_OK && sequence == i);
    }
    CHECK(blocking_receive(w, b, "out", 100, &sequence) == STINT_TIMED_OUT);
    return true;
}

/* A send that nobody took leaves nothing behind: not its value, not its place in the order. */
static bool
what_timed_out_never_happens(struct world *w)
{
    uint64_t sequence;
    CHECK(start(w, 3));
    int a = world_sdk_open(w, all_nodes, 3);
    int b = world_sdk_open(w, all_nodes + 2, 1);
    CHECK(blocking_create(w, a, "out", 1) == STINT_OK);
    CHECK(blocking_send(w, b, "out", 1, 5000) == STINT_OK);
    CHECK(blocking_send(w, b, "out", 2, 500) == STINT_TIMED_OUT);
    CHECK(blocking_receive(w, a, "out", 5000, &sequence) == STINT_OK && sequence == 1);
    CHECK(blocking_receive(w, a, "out", 500, &sequence) == STINT_TIMED_OUT);
    for (uint64_t i = 3; i < 6; i++) {
        CHECK(blocking_send(w, b, "out", i, 5000) == STINT_OK);
        CHECK(blocking_receive(w, a, "out", 5000, &sequence) == STINT_OK && sequence == i);
    }
    return true;
}

/* A name that is remembered leads to a channel that has ended, and another one has it now. */
static bool
names_are_looked_up_again(struct world *w)
{
    uint64_t sequence;
    CHECK(start(w, 3));
    int a = world_sdk_open(w, all_nodes, 3);
    int b = world_sdk_open(w, all_nodes + 2, 1);
    for (uint64_t i = 1; i < 4; i++) {
        CHECK(blocking_create(w, a, "out", 4) == STINT_OK);
        enum stint_status status = blocking_send(w, b, "out", i, 5000);
        CHECK(status == STINT_OK);
        CHECK(blocking_receive(w, b, "out", 5000, &sequence) == STINT_OK && sequence == i);
        status = stint_client_channel_close(world_sdk_enter(w, a), "out", true, 5000);
        world_sdk_leave(w, a);
        CHECK(status == STINT_OK);
        world_run(w, SECOND); /* its name is free */
    }
    CHECK(blocking_send(w, b, "out", 9, 5000) == STINT_NOT_FOUND);
    return true;
}

/* ---- workers ---- */

#define GOES_WELL(work, ledger, host_lived)                             \
    do {                                                                \
        const char *fault_ = sdk_work_check(work, ledger, host_lived);  \
        if (fault_ != NULL) {                                           \
            printf("%s:%d: %s\n", __FILE__, __LINE__, fault_);          \
            return false;                                               \
        }                                                               \
    } while (0)

/* What a case has: a cluster, work, and perhaps a ledger that is sent to. */
struct scene {
    struct world *w;
    struct sdk_work *work;
    struct stint_id ledger;
    char ledger_text[STINT_ID_TEXT_SIZE];
    mill_Ledger books;
};

static struct scene scene;

static enum stint_status
spawn_ledger(struct world *w, const char *name, uint32_t capacity, const char *on)
{
    static const int entry = 0;
    uint8_t bytes[mill_Ledger_size];
    struct stint_spawn spawn = STINT_SPAWN_INIT;
    struct stint_spawned spawned;
    spawn.code = "mill/Ledger";
    spawn.args = sdk_work_ledger_args(name, capacity, bytes, sizeof bytes);
    spawn.on = on;
    int client = world_sdk_open(w, &entry, 1);
    enum stint_status status =
        stint_client_spawn(world_sdk_enter(w, client), &spawn, &spawned, 1, NULL, 5000);
    if (status == STINT_OK) {
        scene.ledger = spawned.id;
        (void)stint_id_text(spawned.id, scene.ledger_text);
    }
    world_sdk_leave(w, client);
    world_sdk_close(w, client, 0);
    return status;
}

/* Three nodes that do not balance, and work that is not begun. */
static bool
set(struct world *w)
{
    scene = (struct scene){ .w = w, .work = sdk_work_new(w) };
    return start(w, 3) && no_balancer(w);
}

/* The clients end, whatever they are at; what they were told of that is written down as well. */
static bool
end(void)
{
    for (int i = 0; i < WORLD_SDK_MAX; i++) {
        if (world_sdk_is_open(scene.w, i)) {
            uint64_t begin = world_now(scene.w);
            world_sdk_close(scene.w, i, 500);
            CHECK(world_now(scene.w) - begin <= SECOND);
        }
    }
    CHECK(sdk_work_is_over(scene.work));
    sdk_work_free(scene.work);
    scene.work = NULL;
    return true;
}

/* It is over, the books are complete, and they are right. */
static bool
balance(uint64_t limit_ns, bool host_lived)
{
    CHECK(world_until(scene.w, sdk_work_until, scene.work, limit_ns));
    world_run(scene.w, 5 * SECOND); /* what is still on its way arrives */
    if (host_lived) {
        CHECK(sdk_work_ledger(scene.w, scene.ledger, &scene.books));
    }
    GOES_WELL(scene.work, &scene.books, host_lived);
    return true;
}

static uint32_t
all_told(void)
{
    uint32_t count = 0;
    for (int i = 0; i < STINT_STATUS_COUNT_; i++) {
        count += sdk_work_told(scene.work, (enum stint_status)i);
    }
    return count;
}

/* Nothing goes wrong, so all is well, and soon. */
static bool
nothing_goes_wrong(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    for (uint32_t i = 0; i < 3; i++) {
        sdk_work_send(scene.work, world_sdk_open(w, all_nodes + i, 1), "books", i, 300, 8, 5000);
        sdk_work_ask(scene.work, world_sdk_open(w, all_nodes + i, 1), "books", 3 + i, 100, 5000);
        char prefix[] = { 's', (char)('a' + i), 0 };
        sdk_work_spawn(scene.work, world_sdk_open(w, all_nodes + i, 1), prefix, 20, 5000);
    }
    CHECK(balance(10 * SECOND, true));
    CHECK(sdk_work_told(scene.work, STINT_OK) == all_told());
    CHECK(scene.books.seen == 1200 && sdk_work_answered(scene.work) == 300);
    return end();
}

/* An event loop asks how long it may wait after it has begun something: not at all. */
static bool
begun_calls_leave_at_once(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    int client = world_sdk_open(w, all_nodes, 1);
    sdk_work_send(scene.work, client, "books", 0, 1, 1, 5000);
    world_run(w, SECOND / 50); /* it is not even connected when that begins */
    CHECK(sdk_work_is_over(scene.work));
    sdk_work_send(scene.work, client, "books", 1, 1, 1, 5000);
    world_run(w, 5 * WORLD_MS);
    CHECK(sdk_work_is_over(scene.work));
    return end();
}

static const struct world_faults bad_network = { .drop_permille = 50,
                                                 .duplicate_permille = 50,
                                                 .reorder_permille = 100,
                                                 .delay_min_ns = 50000,
                                                 .delay_max_ns = 2 * WORLD_MS };

static bool
network_is_bad(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    world_set_faults(w, &bad_network);
    for (uint32_t i = 0; i < 3; i++) {
        sdk_work_send(scene.work, world_sdk_open(w, all_nodes, 3), "books", i, 200, 8, 5000);
        sdk_work_ask(scene.work, world_sdk_open(w, all_nodes + i, 1), "books", 3 + i, 40, 5000);
    }
    sdk_work_spawn(scene.work, world_sdk_open(w, all_nodes + 2, 1), "s", 20, 5000);
    CHECK(balance(600 * SECOND, true));
    CHECK(sdk_work_told(scene.work, STINT_OK) > all_told() * 9 / 10);
    return end();
}

/* The tasklet that is sent to moves all the time. */
static bool
ledger_moves(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    for (uint32_t i = 0; i < 3; i++) {
        sdk_work_send(scene.work, world_sdk_open(w, all_nodes + i, 1), "books", i, 1000, 8, 5000);
        sdk_work_ask(scene.work, world_sdk_open(w, all_nodes + i, 1), "books", 3 + i, 300, 5000);
    }
    int moves = 0;
    for (; !sdk_work_is_over(scene.work) && moves < 1000; moves++) {
        CHECK(migrate(w, 0, scene.ledger_text, moves % 2 == 0 ? "n3" : "n2") == STINT_OK);
    }
    CHECK(moves > 10);
    CHECK(balance(60 * SECOND, true));
    CHECK(sdk_work_told(scene.work, STINT_OK) == all_told());
    CHECK(scene.books.seen == 3900 && sdk_work_answered(scene.work) == 900);
    return end();
}

/* A thousand requests on their way, and in the middle of them the node that they go through dies. */
static bool
connected_node_dies(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    int a = world_sdk_open(w, all_nodes + 2, 1);
    int b = world_sdk_open(w, all_nodes + 2, 1);
    int c = world_sdk_open(w, all_nodes + 2, 1);
    sdk_work_send(scene.work, a, "books", 0, 1000, 1000, 20000);
    sdk_work_ask(scene.work, b, "books", 1, 200, 20000);
    sdk_work_spawn(scene.work, c, "s", 100, 20000);
    while (sdk_work_told(scene.work, STINT_OK) < 300) {
        world_run(w, WORLD_MS);
        CHECK(!sdk_work_is_over(scene.work));
    }
    CHECK(world_sdk_node(w, a) == 2 && world_sdk_pending(w, a) > 300);
    world_crash(w, 2);
    CHECK(balance(60 * SECOND, true));
    CHECK(world_sdk_node(w, a) == 0 || world_sdk_node(w, a) == 1);
    /* Repeated over another node, under the same numbers. The channel for answers was on that node. */
    uint32_t lost = sdk_work_told(scene.work, STINT_CHANNEL_LOST) + sdk_work_told(scene.work, STINT_NOT_FOUND);
    /* A receive that was waiting there when it died is in doubt: it may have had a value on its way. */
    uint32_t doubtful = sdk_work_told(scene.work, STINT_OUTCOME_UNKNOWN);
    CHECK(sdk_work_told(scene.work, STINT_OK) + lost + doubtful == all_told());
    CHECK(lost <= 1 && doubtful <= 1 && sdk_work_answered(scene.work) >= 200 - lost - doubtful);
    for (uint32_t i = 1; i <= 1000; i++) {
        CHECK(sdk_work_fate(scene.work, 0, i) == SDK_FATE_TAKEN);
    }
    return end();
}

/* Three share a channel: each value goes to one of them. */
static bool
receivers_share(struct world *w)
{
    CHECK(set(w));
    int maker = world_sdk_open(w, all_nodes, 3);
    CHECK(blocking_create(w, maker, "shared", 8) == STINT_OK);
    for (uint32_t i = 0; i < 3; i++) {
        sdk_work_receive(scene.work, world_sdk_open(w, all_nodes + i, 1), "shared", 2000);
        sdk_work_send(scene.work, world_sdk_open(w, all_nodes + i, 1), "shared", i, 300, 4, 5000);
    }
    CHECK(world_until(w, sdk_work_until, scene.work, 30 * SECOND));
    world_run(w, SECOND);
    sdk_work_stop(scene.work);
    CHECK(world_until(w, sdk_work_until, scene.work, 10 * SECOND));
    GOES_WELL(scene.work, NULL, true);
    CHECK(sdk_work_delivered(scene.work) == 900);
    return end();
}

/* The same on a bad network, while the nodes that two of them are connected to die and come back. */
static bool
receivers_share_and_nodes_die(struct world *w)
{
    CHECK(set(w));
    int maker = world_sdk_open(w, all_nodes, 1);
    CHECK(blocking_create(w, maker, "shared", 8) == STINT_OK); /* on the first node, which lives */
    world_set_faults(w, &bad_network);
    for (uint32_t i = 0; i < 3; i++) {
        sdk_work_receive(scene.work, world_sdk_open(w, all_nodes + i, 1), "shared", 3000);
        sdk_work_send(scene.work, world_sdk_open(w, all_nodes + i, 1), "shared", i, 300, 4, 8000);
    }
    for (int i = 0; i < 4; i++) {
        int node = 1 + i % 2;
        world_run(w, SECOND / 5 + prng_below(world_random(w), SECOND));
        world_crash(w, node);
        world_run(w, 6 * SECOND + prng_below(world_random(w), SECOND));
        world_restart(w, node);
    }
    CHECK(world_until(w, sdk_work_until, scene.work, 300 * SECOND));
    world_set_faults(w, NULL);
    world_run(w, 10 * SECOND); /* the receivers take what is left */
    sdk_work_stop(scene.work);
    CHECK(world_until(w, sdk_work_until, scene.work, 10 * SECOND));
    GOES_WELL(scene.work, NULL, true);
    return end();
}

/* Between a client and its node nothing passes any more, then it does. */
static bool
client_is_cut_off(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    int a = world_sdk_open(w, all_nodes + 2, 1);
    int b = world_sdk_open(w, all_nodes + 2, 1);
    int c = world_sdk_open(w, all_nodes + 1, 1);
    sdk_work_send(scene.work, a, "books", 0, 1000, 4, 20000);
    sdk_work_send(scene.work, b, "books", 1, 1000, 4, 20000);
    sdk_work_send(scene.work, c, "books", 2, 1000, 4, 20000);
    sdk_work_spawn(scene.work, b, "s", 100, 20000);
    sdk_work_spawn(scene.work, c, "t", 100, 20000);
    world_run(w, SECOND / 20);
    CHECK(world_sdk_node(w, a) == 2 && world_sdk_node(w, b) == 2);
    CHECK(sdk_work_told(scene.work, STINT_OK) > 10 && !sdk_work_is_over(scene.work));
    world_sdk_cut(w, a, 2, true, false);
    world_sdk_cut(w, b, 2, false, true);
    world_sdk_break(w, c, 1); /* and this one comes back at once */
    CHECK(balance(120 * SECOND, true));
    CHECK(sdk_work_told(scene.work, STINT_OK) == all_told() && scene.books.seen == 3000);
    CHECK(world_sdk_node(w, a) != 2 && world_sdk_node(w, b) != 2 && world_sdk_node(w, c) == 1);
    return end();
}

/* The node that they go through dies and is back before the connection is given up: another life, which knows nothing. */
static bool
connected_node_restarts(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    int a = world_sdk_open(w, all_nodes + 2, 1);
    int b = world_sdk_open(w, all_nodes + 2, 1);
    sdk_work_send(scene.work, a, "books", 0, 1000, 8, 20000);
    sdk_work_spawn(scene.work, b, "s", 200, 20000);
    world_run(w, SECOND / 20);
    CHECK(world_sdk_node(w, a) == 2 && !sdk_work_is_over(scene.work));
    world_crash(w, 2);
    world_run(w, SECOND / 50);
    world_restart(w, 2);
    CHECK(balance(60 * SECOND, true));
    CHECK(sdk_work_told(scene.work, STINT_OK) == all_told());
    return end();
}

/* It drains and stops, as it should: its clients go elsewhere, and nothing is in doubt. */
static bool
connected_node_leaves(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    int a = world_sdk_open(w, all_nodes + 2, 1);
    sdk_work_send(scene.work, a, "books", 0, 1000, 8, 20000);
    sdk_work_spawn(scene.work, world_sdk_open(w, all_nodes + 1, 1), "s", 50, 20000);
    world_run(w, SECOND / 20);
    CHECK(world_sdk_node(w, a) == 2 && !sdk_work_is_over(scene.work));
    struct node_event stop = { .kind = NODE_STOP, .drain_ms = 30000 };
    world_event(w, 2, &stop);
    CHECK(balance(60 * SECOND, true));
    CHECK(world_is_exited(w, 2, NULL) && world_sdk_node(w, a) != 2);
    CHECK(sdk_work_told(scene.work, STINT_OK) == all_told() && scene.books.seen == 1000);
    return end();
}

/* Of three endpoints the first one refuses, the second one is silent; the third one answers. */
static bool
first_endpoints_fail(struct world *w)
{
    static const int order[] = { 2, 1, 0 };
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n1") == STINT_OK);
    world_crash(w, 2);
    int a = world_sdk_open(w, order, 1);
    sdk_work_send(scene.work, a, "books", 0, 1, 1, 2000);
    world_run(w, 2100 * WORLD_MS); /* what never left has nothing to wait for after its time */
    CHECK(sdk_work_told(scene.work, STINT_NOT_SENT) == 1 && world_sdk_state(w, a) == STINT_CLIENT_CONNECTING);
    int b = world_sdk_open(w, order, 3);
    world_sdk_mute(w, b, 1, true); /* connects, and says nothing */
    int c = world_sdk_open(w, order, 3);
    world_sdk_cut(w, c, 1, true, true); /* does not even connect */
    uint64_t begin = world_now(w);
    sdk_work_send(scene.work, b, "books", 1, 10, 1, 10000);
    sdk_work_send(scene.work, c, "books", 2, 10, 1, 10000);
    CHECK(world_until(w, sdk_work_until, scene.work, 10 * SECOND));
    CHECK(world_now(w) - begin < 3 * SECOND); /* the silent one gets two seconds, the other one none */
    CHECK(world_sdk_node(w, b) == 0 && world_sdk_node(w, c) == 0);
    return balance(SECOND, true) && end();
}

/* A client that comes to a node while that node is still becoming a member: its question waits, and is not lost. */
static bool
comes_to_a_node_that_joins(struct world *w)
{
    struct world_faults slow = { .delay_min_ns = WORLD_MS, .delay_max_ns = 2 * WORLD_MS, .store_delay_ns = 150 * WORLD_MS };
    CHECK(start(w, 1));
    world_set_faults(w, &slow);
    for (int i = 1; i < 6; i++) { /* at different moments of the joining */
        char name[8];
        (void)snprintf(name, sizeof name, "n%d", i + 1);
        int node = world_start(w, name, modules);
        world_run(w, (uint64_t)i * 60 * WORLD_MS);
        int client = world_sdk_open(w, &node, 1);
        struct stint_id id;
        enum stint_status status = stint_client_resolve(world_sdk_enter(w, client), "nothing", 4000, &id);
        world_sdk_leave(w, client);
        CHECK(status == STINT_NOT_FOUND);
        world_sdk_close(w, client, 0);
    }
    return true;
}

/* The connection is there, and nobody answers over it. */
static bool
connected_node_hangs(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    int a = world_sdk_open(w, all_nodes + 2, 1);
    sdk_work_send(scene.work, a, "books", 0, 1000, 8, 20000);
    world_run(w, SECOND / 20);
    CHECK(world_sdk_node(w, a) == 2 && !sdk_work_is_over(scene.work));
    world_sdk_mute(w, a, 2, true);
    CHECK(balance(60 * SECOND, true));
    CHECK(world_sdk_node(w, a) == 0 || world_sdk_node(w, a) == 1);
    CHECK(sdk_work_told(scene.work, STINT_OK) == all_told() && scene.books.seen == 1000);
    return end();
}

/* The same for less time than it takes to give the node up: the calls end in time, and what had left is in doubt. */
static bool
calls_end_while_the_node_hangs(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    int a = world_sdk_open(w, all_nodes + 2, 1);
    sdk_work_send(scene.work, a, "books", 0, 1, 1, 5000);
    world_run(w, SECOND / 10);
    world_sdk_mute(w, a, 2, true);
    sdk_work_send(scene.work, a, "books", 1, 5, 5, 1500);
    sdk_work_spawn(scene.work, a, "s", 1, 1500);
    world_run(w, 1400 * WORLD_MS);
    CHECK(all_told() == 1);
    world_run(w, 1200 * WORLD_MS);
    CHECK(world_sdk_node(w, a) == 2 && sdk_work_is_over(scene.work));
    CHECK(sdk_work_told(scene.work, STINT_OUTCOME_UNKNOWN) == 2 && sdk_work_told(scene.work, STINT_NOT_SENT) == 4);
    world_sdk_mute(w, a, 2, false); /* and then all goes on over the same connection */
    sdk_work_send(scene.work, a, "books", 2, 100, 8, 5000);
    CHECK(balance(10 * SECOND, true) && world_sdk_node(w, a) == 2);
    CHECK(sdk_work_told(scene.work, STINT_OK) == 101);
    return end();
}

/* A client of one node that dies: its calls end in time, and in doubt or not sent. */
static bool
all_nodes_are_gone(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    int a = world_sdk_open(w, all_nodes, 3);
    sdk_work_send(scene.work, a, "books", 0, 1000, 20, 3000);
    world_run(w, SECOND / 100);
    CHECK(!sdk_work_is_over(scene.work));
    for (int i = 0; i < 3; i++) {
        world_crash(w, i);
    }
    world_run(w, 20 * SECOND);
    CHECK(world_sdk_state(w, a) == STINT_CLIENT_CONNECTING);
    CHECK(sdk_work_told(scene.work, STINT_OUTCOME_UNKNOWN) > 0 && sdk_work_told(scene.work, STINT_NOT_SENT) > 0);
    GOES_WELL(scene.work, NULL, false);
    for (int i = 0; i < 3; i++) {
        world_restart(w, i);
    }
    world_run(w, 20 * SECOND); /* nothing is asked, and it looks for them all the same */
    CHECK(world_sdk_state(w, a) == STINT_CLIENT_CONNECTED);
    CHECK(blocking_create(w, a, "new", 4) == STINT_OK && blocking_send(w, a, "new", 1, 2000) == STINT_OK);
    return end();
}

/* Without the authority values still flow; what needs a new name or a new member waits. */
static bool
authority_is_dead(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    int a = world_sdk_open(w, all_nodes, 3);
    sdk_work_send(scene.work, a, "books", 0, 1000, 4, 20000);
    sdk_work_ask(scene.work, world_sdk_open(w, all_nodes + 2, 1), "books", 1, 1000, 20000);
    world_run(w, SECOND / 50);
    CHECK(world_sdk_node(w, a) == 0 && !sdk_work_is_over(scene.work));
    world_crash(w, 0);
    CHECK(balance(60 * SECOND, true));
    CHECK(world_node(w, 0) == NULL && world_sdk_node(w, a) > 0);
    CHECK(sdk_work_told(scene.work, STINT_OK) == all_told() && scene.books.seen == 2000);
    return end();
}

/* Nodes bound how long they wait; who has more time goes on, and is still the same operation to him. */
static bool
long_waits_go_on(struct world *w)
{
    CHECK(set(w));
    int a = world_sdk_open(w, all_nodes, 3);
    int b = world_sdk_open(w, all_nodes + 1, 1);
    CHECK(blocking_create(w, a, "full", 0) == STINT_OK && blocking_create(w, a, "empty", 4) == STINT_OK);
    sdk_work_send(scene.work, a, "full", 0, 3, 3, 900000); /* nobody receives for long */
    sdk_work_receive(scene.work, b, "empty", 900000);
    world_run(w, 700 * SECOND);
    CHECK(all_told() == 0);
    GOES_WELL(scene.work, NULL, true);
    sdk_work_receive(scene.work, world_sdk_open(w, all_nodes + 2, 1), "full", 5000);
    sdk_work_send(scene.work, world_sdk_open(w, all_nodes + 2, 1), "empty", 1, 3, 1, 5000);
    CHECK(world_until(w, sdk_work_until, scene.work, 30 * SECOND));
    world_run(w, SECOND);
    CHECK(sdk_work_delivered(scene.work) == 6 && sdk_work_told(scene.work, STINT_OK) == 12);
    GOES_WELL(scene.work, NULL, true);
    return end();
}

/* Closing waits for what is under way, as long as it was told to, and tells of the rest. */
static bool
closing_drains(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    int a = world_sdk_open(w, all_nodes, 1);
    int b = world_sdk_open(w, all_nodes + 2, 1);
    sdk_work_send(scene.work, a, "books", 0, 50, 50, 5000);
    uint64_t begin = world_now(w);
    world_sdk_close(w, a, 5000);
    CHECK(world_now(w) - begin < SECOND && sdk_work_told(scene.work, STINT_OK) == 50);
    sdk_work_send(scene.work, b, "books", 1, 1, 1, 5000);
    world_run(w, SECOND / 10);
    world_sdk_mute(w, b, 2, true);
    sdk_work_send(scene.work, b, "books", 2, 20, 20, 5000);
    begin = world_now(w);
    world_sdk_close(w, b, 300);
    CHECK(world_now(w) - begin >= 300 * WORLD_MS && world_now(w) - begin < 400 * WORLD_MS);
    CHECK(sdk_work_told(scene.work, STINT_OK) == 51 && all_told() == 71);
    /* One of them was on its way; the others waited for their turn. */
    CHECK(sdk_work_told(scene.work, STINT_OUTCOME_UNKNOWN) == 1 && sdk_work_told(scene.work, STINT_CANCELLED) == 19);
    return balance(SECOND, true) && end();
}

/* A client has no more than its bound on its way, and says so; then it goes on. */
static bool
calls_are_bounded(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    int a = world_sdk_open(w, all_nodes, 3);
    sdk_work_send(scene.work, a, "books", 0, 1000, 1000, 20000);
    sdk_work_send(scene.work, a, "books", 1, 100, 100, 20000);
    CHECK(world_sdk_pending(w, a) == 1024 && strstr(world_sdk_error(w, a), "1024") != NULL);
    CHECK(sdk_work_fate(scene.work, 1, 24) == SDK_FATE_PENDING && sdk_work_fate(scene.work, 1, 25) == SDK_FATE_REFUSED);
    CHECK(balance(60 * SECOND, true));
    for (uint32_t sender = 2; sender < 6; sender++) { /* the bound counts down as well as up */
        sdk_work_send(scene.work, a, "books", sender, 1000, 1000, 20000);
        CHECK(balance(60 * SECOND, true));
    }
    CHECK(scene.books.seen == 5024);
    return end();
}

/* A client that is killed has said all that it has said, once; what it was at is in doubt, and nobody else notices. */
static bool
client_is_killed(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    int a = world_sdk_open(w, all_nodes, 3);
    sdk_work_send(scene.work, a, "books", 0, 1000, 50, 5000);
    sdk_work_send(scene.work, world_sdk_open(w, all_nodes, 3), "books", 1, 1000, 8, 5000);
    world_run(w, SECOND / 50);
    CHECK(!sdk_work_is_over(scene.work) && sdk_work_fate(scene.work, 0, 1) == SDK_FATE_TAKEN);
    world_sdk_crash(w, a);
    CHECK(!world_sdk_is_open(w, a));
    sdk_work_send(scene.work, world_sdk_open(w, all_nodes, 3), "books", 2, 1000, 50, 5000); /* its new life */
    CHECK(balance(60 * SECOND, true));
    CHECK(sdk_work_fate(scene.work, 1, 1000) == SDK_FATE_TAKEN && sdk_work_fate(scene.work, 2, 1000) == SDK_FATE_TAKEN);
    return end();
}

/* Clocks of clients leap and drift; deadlines are theirs. */
static bool
client_clocks_err(struct world *w)
{
    CHECK(set(w) && spawn_ledger(w, "books", 16, "n2") == STINT_OK);
    for (uint32_t i = 0; i < 3; i++) {
        int client = world_sdk_open(w, all_nodes + i, 1);
        world_sdk_clock(w, client, i * SECOND, (int32_t)i * 20000 - 20000, (int64_t)i * 60000 - 60000);
        sdk_work_send(scene.work, client, "books", i, 1000, 8, 5000);
    }
    world_run(w, SECOND / 20);
    CHECK(!sdk_work_is_over(scene.work));
    CHECK(balance(60 * SECOND, true));
    CHECK(sdk_work_told(scene.work, STINT_OK) == all_told() && scene.books.seen == 3000);
    return end();
}

/* What the workers of a case that failed were told. */
static void
describe(void)
{
    for (int i = 0; scene.work != NULL && i < STINT_STATUS_COUNT_; i++) {
        uint32_t told = sdk_work_told(scene.work, (enum stint_status)i);
        if (told != 0) {
            printf("%u calls: %s\n", told, stint_strerror((enum stint_status)i));
        }
    }
}

static const struct world_case cases[] = {
    { "blocking_calls", blocking_calls },
    { "node_dies_between_calls", node_dies_between_calls },
    { "what_timed_out_never_happens", what_timed_out_never_happens },
    { "names_are_looked_up_again", names_are_looked_up_again },
    { "nothing_goes_wrong", nothing_goes_wrong },
    { "begun_calls_leave_at_once", begun_calls_leave_at_once },
    { "network_is_bad", network_is_bad },
    { "ledger_moves", ledger_moves },
    { "connected_node_dies", connected_node_dies },
    { "connected_node_restarts", connected_node_restarts },
    { "connected_node_leaves", connected_node_leaves },
    { "connected_node_hangs", connected_node_hangs },
    { "calls_end_while_the_node_hangs", calls_end_while_the_node_hangs },
    { "first_endpoints_fail", first_endpoints_fail },
    { "comes_to_a_node_that_joins", comes_to_a_node_that_joins },
    { "receivers_share", receivers_share },
    { "receivers_share_and_nodes_die", receivers_share_and_nodes_die },
    { "client_is_cut_off", client_is_cut_off },
    { "all_nodes_are_gone", all_nodes_are_gone },
    { "authority_is_dead", authority_is_dead },
    { "long_waits_go_on", long_waits_go_on },
    { "closing_drains", closing_drains },
    { "calls_are_bounded", calls_are_bounded },
    { "client_is_killed", client_is_killed },
    { "client_clocks_err", client_clocks_err },
};

int
main(int argc, char **argv)
{
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], describe);
}
