/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels that clients host, and single tasklets and clients that use them: who moves, waits, gives up, closes, vanishes.
 *
 *     world_own_guests [--seed N] [--verbose] [CASE]
 */
#include "core/peers.h"
#include "own_channels.h"

/* The client with the channel. */
static struct {
    int client;
    struct stint_id channel;
    char text[STINT_ID_TEXT_SIZE];
} host;

static bool
one_client(struct world *w, int entry, const char *type, uint32_t capacity)
{
    CHECK(start(w, 3) && no_balancer(w));
    host.client = world_sdk_open(w, all_nodes + entry, 1);
    CHECK(open_own(w, host.client, type, capacity, &host.channel) == STINT_OK);
    (void)stint_id_text(host.channel, host.text);
    return true;
}

/* A tasklet that sends numbers to the client's channel. */
static struct stint_id
feed(struct world *w, int node, uint64_t count)
{
    mill_Feed feed = mill_Feed_init_zero;
    feed.count = count;
    memcpy(feed.to.id, host.channel.bytes, sizeof host.channel.bytes);
    return world_spawn(w, node, "Feed", mill_Feed_fields, &feed);
}

static bool
numbers_come(struct world *w, uint64_t from, uint64_t to)
{
    uint64_t sequence;
    for (uint64_t i = from; i <= to; i++) {
        CHECK(blocking_receive(w, host.client, host.text, 60000, &sequence) == STINT_OK);
        CHECK(sequence == i);
    }
    return true;
}

/* Envelopes that the relay has sent to clients. */
static uint64_t
relayed(struct world *w)
{
    uint64_t sent = 0;
    LIST_EACH (link, &world_node(w, 2)->peers->conns) {
        const struct conn *c = STINT_CONTAINER_OF(link, struct conn, link);
        if (!c->outbound && session_peer(c->session)->role != ROLE_NODE) {
            struct session_stats stats;
            session_get_stats(c->session, &stats);
            sent += stats.envelopes_sent;
        }
    }
    return sent;
}

/* However long it waits. */
static bool
what_waits_is_offered_once(struct world *w)
{
    CHECK(one_client(w, 2, "mill.Number", 0));
    world_run(w, SECOND / 10); /* the client is told who the members are */
    uint64_t before = relayed(w);
    (void)feed(w, 0, 1);
    world_run(w, 4 * SECOND);
    CHECK(relayed(w) == before + 1);
    return numbers_come(w, 1, 1);
}

/* Its send waits, it moves, the relay dies, it moves again: the value is taken once. */
static bool
sender_moves_while_it_waits(struct world *w)
{
    char text[STINT_ID_TEXT_SIZE];
    uint64_t sequence;
    CHECK(one_client(w, 2, "mill.Number", 0));
    (void)stint_id_text(feed(w, 0, 3), text);
    world_run(w, SECOND / 10);
    CHECK(migrate(w, 0, text, "n2") == STINT_OK);
    CHECK(numbers_come(w, 1, 1));
    CHECK(migrate(w, 0, text, "n1") == STINT_OK);
    world_crash(w, 2);
    CHECK(numbers_come(w, 2, 2));
    int node = world_sdk_node(w, host.client);
    CHECK(migrate(w, 0, text, node == 0 ? "n2" : "n1") == STINT_OK);
    CHECK(numbers_come(w, 3, 3));
    CHECK(blocking_receive(w, host.client, host.text, 3000, &sequence) == STINT_TIMED_OUT);
    return true;
}

/* Many values are on their way at a time, to a channel that holds fewer; and the relay dies in the middle of that. */
static bool
stream_goes_on(struct world *w)
{
    CHECK(one_client(w, 2, "mill.Number", 1 + (uint32_t)prng_below(world_random(w), 100)));
    (void)feed(w, 1, 900);
    CHECK(numbers_come(w, 1, 300));
    world_crash_within(w, 2, (uint32_t)prng_below(world_random(w), 20));
    CHECK(numbers_come(w, 301, 600));
    world_run(w, 5 * SECOND);
    CHECK(world_node(w, 2) == NULL && world_sdk_node(w, host.client) >= 0);
    world_sdk_break(w, host.client, world_sdk_node(w, host.client));
    CHECK(numbers_come(w, 601, 900));
    return true;
}

static bool
has_ended(struct world *w, int node, struct stint_id tasklet)
{
    return world_node(w, node) != NULL && !kernel_has_tasklet(world_node(w, node)->kernel, tasklet);
}

/* Who waits hears of it at once. */
static bool
client_closes(struct world *w)
{
    uint64_t sequence;
    CHECK(one_client(w, 2, "mill.Number", 0));
    struct stint_id a = feed(w, 0, 5), b = feed(w, 2, 5);
    world_run(w, SECOND);
    CHECK(!has_ended(w, 0, a) && !has_ended(w, 2, b));
    enum stint_status status =
        stint_client_channel_close(world_sdk_enter(w, host.client), host.text, true, 5000);
    world_sdk_leave(w, host.client);
    CHECK(status == STINT_OK);
    world_run(w, SECOND / 10);
    CHECK(has_ended(w, 0, a) && has_ended(w, 2, b));
    CHECK(blocking_receive(w, host.client, host.text, 1000, &sequence) == STINT_END_OF_SEQUENCE);
    CHECK(blocking_send(w, host.client, host.text, 1, 1000) == STINT_CLOSED);
    a = feed(w, 0, 5); /* it does not wait for what has ended */
    world_run(w, SECOND);
    CHECK(has_ended(w, 0, a));
    CHECK(guest_find(world_node(w, 2), host.channel) == NULL);
    CHECK(open_own(w, host.client, "mill.Number", 0, &host.channel) == STINT_OK);
    a = feed(w, 0, 5);
    world_run(w, SECOND);
    world_sdk_close(w, host.client, 0); /* and so says good-bye */
    world_run(w, SECOND / 10);
    CHECK(has_ended(w, 0, a));
    a = feed(w, 0, 5); /* it waits for nobody who said that */
    world_run(w, SECOND);
    CHECK(has_ended(w, 0, a));
    return true;
}

static bool
sender_is_done(struct world *w, void *arg)
{
    return has_ended(w, 0, *(const struct stint_id *)arg);
}

/* A sender need not wait for the answer to each value if the channel holds them all. */
static bool
sends_do_not_wait_for_each_other(struct world *w)
{
    CHECK(one_client(w, 2, "mill.Number", 64));
    struct stint_id a = feed(w, 0, 60);
    uint64_t begun = world_now(w);
    CHECK(world_until(w, sender_is_done, &a, SECOND));
    CHECK(world_now(w) - begun < 3 * WORLD_MS);
    return numbers_come(w, 1, 60);
}

/* It takes nothing for a while, and more is offered than is kept for it: what was refused is offered again. */
static bool
client_is_slow(struct world *w)
{
    uint64_t sequence;
    CHECK(one_client(w, 2, "mill.Number", 4));
    world_sdk_mute(w, host.client, 2, true);
    for (int i = 0; i < 4000; i++) {
        (void)feed(w, i % 3, 2);
        world_run(w, i % 4 == 0 ? WORLD_MS / 4 : 0);
    }
    world_run(w, SECOND);
    world_sdk_mute(w, host.client, 2, false);
    for (int i = 0; i < 8000; i++) {
        CHECK(blocking_receive(w, host.client, host.text, 10000, &sequence) == STINT_OK);
    }
    CHECK(blocking_receive(w, host.client, host.text, 500, &sequence) == STINT_TIMED_OUT);
    return true;
}

/* Without a word: who waits is not told before a minute is over, and is told then. */
static bool
client_vanishes(struct world *w)
{
    CHECK(one_client(w, 2, "mill.Number", 0));
    struct stint_id a = feed(w, 0, 5), b = feed(w, 2, 5);
    world_run(w, SECOND);
    world_sdk_crash(w, host.client);
    world_run(w, 50 * SECOND);
    CHECK(!has_ended(w, 0, a) && !has_ended(w, 2, b));
    world_run(w, 20 * SECOND);
    CHECK(has_ended(w, 0, a) && has_ended(w, 2, b));
    CHECK(guest_find(world_node(w, 2), host.channel) == NULL);
    return true;
}

/* The relay goes with it: then it is the others that wait for it. */
static bool
client_and_relay_vanish(struct world *w)
{
    CHECK(one_client(w, 2, "mill.Number", 0));
    struct stint_id a = feed(w, 0, 5), b = feed(w, 1, 5);
    world_run(w, SECOND);
    world_sdk_crash(w, host.client);
    world_crash(w, 2);
    world_run(w, 50 * SECOND);
    CHECK(!has_ended(w, 0, a) && !has_ended(w, 1, b));
    world_run(w, 25 * SECOND);
    CHECK(has_ended(w, 0, a) && has_ended(w, 1, b));
    return true;
}

/* It finds no node for a while, and what waited for it has waited. */
static bool
client_is_away_for_a_while(struct world *w)
{
    CHECK(one_client(w, 2, "mill.Number", 0));
    struct stint_id a = feed(w, 0, 5);
    CHECK(numbers_come(w, 1, 2));
    for (int i = 0; i < 3; i++) {
        world_sdk_cut(w, host.client, i, true, true);
    }
    world_run(w, 40 * SECOND);
    for (int i = 0; i < 3; i++) {
        world_sdk_cut(w, host.client, i, false, false);
    }
    CHECK(numbers_come(w, 3, 5));
    world_run(w, SECOND);
    CHECK(has_ended(w, 0, a));
    return true;
}

/* For longer than a minute: who waited was told that it is lost; then the channel is there again for others. */
static bool
client_is_away_for_long(struct world *w)
{
    CHECK(one_client(w, 2, "mill.Number", 4));
    (void)feed(w, 0, 5);
    CHECK(numbers_come(w, 1, 1));
    world_run(w, SECOND);
    for (int i = 0; i < 3; i++) {
        world_sdk_cut(w, host.client, i, true, true);
    }
    world_run(w, 120 * SECOND);
    struct stint_id late = feed(w, 1, 5);
    world_run(w, SECOND);
    CHECK(has_ended(w, 1, late)); /* it does not wait for what is known to be over */
    for (int i = 0; i < 3; i++) {
        world_sdk_cut(w, host.client, i, false, false);
    }
    world_run(w, 20 * SECOND);
    CHECK(world_sdk_node(w, host.client) >= 0);
    CHECK(numbers_come(w, 2, 5)); /* they were in it all the time */
    (void)feed(w, 1, 3);
    return numbers_come(w, 1, 3);
}

/* ---- tasklets that receive, other clients ---- */

static struct stint_id
receiver(struct world *w, int node)
{
    mill_Wait wait = mill_Wait_init_zero;
    memcpy(wait.on.id, host.channel.bytes, sizeof host.channel.bytes);
    return world_spawn(w, node, "Wait", mill_Wait_fields, &wait);
}

/* A tasklet gets what the client sends into its own channel, after it gave up a few times. */
static bool
tasklets_receive(struct world *w)
{
    for (uint32_t capacity = 0; capacity < 2; capacity++) {
        CHECK(capacity != 0 || one_client(w, 2, "mill.Answer", 0));
        CHECK(capacity == 0 || open_own(w, host.client, "mill.Answer", capacity, &host.channel) == STINT_OK);
        (void)stint_id_text(host.channel, host.text);
        struct stint_id a = receiver(w, 0), b = receiver(w, 2);
        world_run(w, 3 * SECOND);
        CHECK(!has_ended(w, 0, a) && !has_ended(w, 2, b));
        CHECK(blocking_send(w, host.client, host.text, 1, 5000) == STINT_OK);
        CHECK(blocking_send(w, host.client, host.text, 2, 5000) == STINT_OK);
        world_run(w, SECOND);
        CHECK(has_ended(w, 0, a) && has_ended(w, 2, b));
        if (capacity == 0) {
            CHECK(blocking_send(w, host.client, host.text, 3, 500) == STINT_TIMED_OUT);
        }
    }
    return true;
}

/* Who waited on a node that is gone is given nothing. */
static bool
receiver_dies(struct world *w)
{
    CHECK(one_client(w, 2, "mill.Answer", 0));
    (void)receiver(w, 1);
    world_run(w, SECOND / 50); /* it waits, and has not given up yet */
    world_crash(w, 1);
    world_run(w, 20 * SECOND);
    CHECK(blocking_send(w, host.client, host.text, 1, 1000) == STINT_TIMED_OUT);
    struct stint_id b = receiver(w, 0);
    CHECK(blocking_send(w, host.client, host.text, 2, 5000) == STINT_OK);
    world_run(w, SECOND);
    CHECK(has_ended(w, 0, b));
    return true;
}

static bool
other_clients_use_it(struct world *w)
{
    uint64_t sequence;
    CHECK(one_client(w, 2, "mill.Number", 2));
    int other = world_sdk_open(w, all_nodes, 1);
    CHECK(blocking_send(w, other, host.text, 1, 5000) == STINT_OK);
    CHECK(numbers_come(w, 1, 1));
    CHECK(blocking_send(w, host.client, host.text, 2, 5000) == STINT_OK);
    CHECK(blocking_receive(w, other, host.text, 5000, &sequence) == STINT_OK && sequence == 2);
    CHECK(blocking_receive(w, other, host.text, 500, &sequence) == STINT_TIMED_OUT);
    CHECK(blocking_receive(w, host.client, host.text, 500, &sequence) == STINT_TIMED_OUT);
    world_crash(w, 2);
    world_run(w, 5 * SECOND); /* else the question for its type may be lost with the relay: nothing is sent then */
    CHECK(blocking_send(w, other, host.text, 3, 20000) == STINT_OK);
    CHECK(numbers_come(w, 3, 3));
    enum stint_status status = stint_client_channel_close(world_sdk_enter(w, other), host.text, true, 5000);
    world_sdk_leave(w, other);
    CHECK(status == STINT_OK);
    CHECK(blocking_receive(w, host.client, host.text, 1000, &sequence) == STINT_END_OF_SEQUENCE);
    return true;
}

/* What the client gave up is not taken by it, and what came at the last moment is not lost. */
static bool
receives_are_given_up(struct world *w)
{
    uint64_t sequence;
    CHECK(one_client(w, 2, "mill.Number", 0));
    CHECK(blocking_receive(w, host.client, host.text, 200, &sequence) == STINT_TIMED_OUT);
    (void)feed(w, 0, 3);
    CHECK(numbers_come(w, 1, 1));
    world_run(w, SECOND);
    CHECK(numbers_come(w, 2, 3));
    return true;
}

/* A value that has come to a call is not lost by giving the call up before it is told. */
static bool
what_has_come_is_not_given_up(struct world *w)
{
    struct stint_value value;
    CHECK(one_client(w, 2, "mill.Number", 4));
    (void)feed(w, 0, 2);
    world_run(w, SECOND / 10);
    struct stint_call *call =
        stint_client_receive_begin(world_sdk_enter(w, host.client), host.text, false, 5000, NULL, NULL);
    stint_call_cancel(call);
    world_sdk_leave(w, host.client);
    world_run(w, SECOND / 10);
    CHECK(stint_call_status(call) == STINT_OK && stint_call_value(call, &value) == STINT_OK && value.bytes.size != 0);
    stint_call_release(call);
    CHECK(numbers_come(w, 2, 2));
    call = stint_client_receive_begin(world_sdk_enter(w, host.client), host.text, false, 5000, NULL, NULL);
    stint_call_cancel(call);
    world_sdk_leave(w, host.client);
    (void)feed(w, 0, 1);
    world_run(w, SECOND / 10);
    CHECK(stint_call_status(call) == STINT_CANCELLED);
    stint_call_release(call);
    return numbers_come(w, 1, 1);
}

/* By its whole id, through every node, wherever its relay is. */
static bool
operators_see_it(struct world *w)
{
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    CHECK(one_client(w, 2, "mill.Number", 7));
    for (int entry = 0; entry < 3; entry++) {
        CHECK(ask_target(w, entry, stint_Verb_VERB_CHANNEL_DESCRIBE, host.text) == STINT_OK);
        CHECK(last_item(stint_ChannelInfo_fields, &info));
        CHECK(strcmp(info.node, "n3") == 0 && strcmp(info.type, "mill.Number") == 0 && info.capacity == 7);
    }
    world_crash(w, 2);
    world_run(w, 10 * SECOND);
    CHECK(ask_target(w, 0, stint_Verb_VERB_CHANNEL_DESCRIBE, host.text) == STINT_OK);
    CHECK(last_item(stint_ChannelInfo_fields, &info) && strcmp(info.node, "n3") != 0);
    world_sdk_close(w, host.client, 0);
    world_run(w, SECOND / 10);
    CHECK(ask_target(w, 0, stint_Verb_VERB_CHANNEL_DESCRIBE, host.text) == STINT_NOT_FOUND);
    return true;
}

static bool
channels_are_bounded(struct world *w)
{
    struct stint_channel ch = STINT_CHANNEL_INIT;
    struct stint_id id;
    CHECK(one_client(w, 2, "mill.Number", 0));
    for (int i = 1; i < LIMIT_CLIENT_CHANNELS; i++) {
        CHECK(open_own(w, host.client, "mill.Number", 0, &id) == STINT_OK);
    }
    CHECK(open_own(w, host.client, "mill.Number", 0, &id) == STINT_LIMIT);
    CHECK(open_own(w, host.client, "mill.None", 0, &id) == STINT_NOT_FOUND);
    CHECK(open_own(w, host.client, "mill/Sum", 0, &id) == STINT_INVALID);
    CHECK(open_own(w, host.client, NULL, 0, &id) == STINT_INVALID);
    CHECK(open_own(w, host.client, "mill.Number", LIMIT_CAPACITY + 1, &id) == STINT_INVALID);
    ch.type = "mill.Number";
    ch.name = "x";
    enum stint_status status =
        stint_client_channel_open(world_sdk_enter(w, host.client), &ch, &id, 5000);
    world_sdk_leave(w, host.client);
    CHECK(status == STINT_INVALID);
    status = stint_client_channel_close(world_sdk_enter(w, host.client), host.text, true, 5000);
    world_sdk_leave(w, host.client);
    world_run(w, SECOND);
    CHECK(status == STINT_OK && open_own(w, host.client, "mill.Number", 0, &id) == STINT_OK);
    world_crash(w, 2); /* all of them go along */
    world_run(w, 20 * SECOND);
    int node = world_sdk_node(w, host.client);
    CHECK(node == 0 || node == 1);
    CHECK(guest_find(world_node(w, node), id) != NULL);
    return true;
}

static const struct world_case cases[] = {
    { "what_waits_is_offered_once", what_waits_is_offered_once },
    { "sender_moves_while_it_waits", sender_moves_while_it_waits },
    { "stream_goes_on", stream_goes_on },
    { "sends_do_not_wait_for_each_other", sends_do_not_wait_for_each_other },
    { "client_is_slow", client_is_slow },
    { "client_closes", client_closes },
    { "client_vanishes", client_vanishes },
    { "client_and_relay_vanish", client_and_relay_vanish },
    { "client_is_away_for_a_while", client_is_away_for_a_while },
    { "client_is_away_for_long", client_is_away_for_long },
    { "tasklets_receive", tasklets_receive },
    { "receiver_dies", receiver_dies },
    { "other_clients_use_it", other_clients_use_it },
    { "receives_are_given_up", receives_are_given_up },
    { "what_has_come_is_not_given_up", what_has_come_is_not_given_up },
    { "operators_see_it", operators_see_it },
    { "channels_are_bounded", channels_are_bounded },
};

int
main(int argc, char **argv)
{
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], NULL);
}
