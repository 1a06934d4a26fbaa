/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels that clients host: they outlive the node that relays for them, nothing in them is lost or doubled, and
 * what each sender sends comes in order.
 *
 *     world_own_channels [--seed N] [--verbose] [CASE]
 */
#include "own_channels.h"

#define SUMS_MAX 4
#define BASE 1000000 /* the answers of sum i are i * BASE + 1, 2 ... */

/* A client that asks several sums, and takes all answers through one channel of its own. */
static struct asker {
    struct world *w;
    int client;
    struct stint_id channel;
    char text[STINT_ID_TEXT_SIZE];
    uint32_t sums;
    uint64_t count;            /* questions to each */
    uint64_t asked[SUMS_MAX];  /* the last one that was sent */
    uint64_t answered[SUMS_MAX];
    uint32_t receiving;
    const char *trouble;
    enum stint_status status;
} asker;

static struct stint_span
question(uint32_t sum, uint64_t sequence, uint8_t *bytes, size_t size)
{
    mill_Number value = mill_Number_init_zero;
    value.sender = sum;
    value.sequence = sum * BASE + sequence;
    memcpy(value.reply.id, asker.channel.bytes, sizeof asker.channel.bytes);
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, size);
    STINT_ASSERT(pb_encode(&stream, mill_Number_fields, &value));
    return span_of(bytes, stream.bytes_written);
}

static void
trouble(const char *what, enum stint_status status)
{
    if (asker.trouble == NULL) {
        asker.trouble = what;
        asker.status = status;
    }
}

static void ask_next(uint32_t sum);

static void
asked(void *arg, const struct world_sdk_result *result)
{
    uint64_t *last = arg;
    if (result->status != STINT_OK) {
        trouble("a question was not sent", result->status);
    } else if (*last < asker.count) {
        ask_next((uint32_t)(last - asker.asked));
    }
}

static void
ask_next(uint32_t sum)
{
    uint8_t bytes[mill_Number_size];
    char name[] = { 's', (char)('0' + sum), 0 };
    struct stint_span value = question(sum, ++asker.asked[sum], bytes, sizeof bytes);
    if (!world_sdk_send(asker.w, asker.client, name, "mill.Number", value, 30000, asked, &asker.asked[sum])) {
        trouble("a question was not begun", STINT_BUSY);
    }
}

static void receive_next(void);

static void
answered(void *arg, const struct world_sdk_result *result)
{
    mill_Answer answer = mill_Answer_init_zero;
    pb_istream_t stream = pb_istream_from_buffer(result->bytes.data, result->bytes.size);
    (void)arg;
    asker.receiving--;
    if (result->crashed) {
        return;
    }
    if (result->status != STINT_OK || !pb_decode(&stream, mill_Answer_fields, &answer)) {
        trouble("an answer did not come", result->status);
        return;
    }
    uint64_t sum = answer.sequence / BASE;
    if (sum >= asker.sums || answer.sequence % BASE != asker.answered[sum] + 1) {
        trouble("an answer is lost, doubled or out of order", STINT_OK);
        return;
    }
    asker.answered[sum]++;
    receive_next();
}

static void
receive_next(void)
{
    uint64_t missing = 0;
    for (uint32_t i = 0; i < asker.sums; i++) {
        missing += asker.count - asker.answered[i];
    }
    while (asker.receiving < 3 && asker.receiving < missing) {
        asker.receiving++;
        if (!world_sdk_receive(asker.w, asker.client, asker.text, 60000, answered, NULL)) {
            trouble("a receive was not begun", STINT_BUSY);
            return;
        }
    }
}

static bool
all_answered(struct world *w, void *arg)
{
    bool all = true;
    (void)w;
    (void)arg;
    for (uint32_t i = 0; i < asker.sums; i++) {
        all = all && asker.answered[i] == asker.count;
    }
    return all || asker.trouble != NULL;
}

/* So many sums, on node `first` and the one after it in turn; and the client with its channel. */
static bool
set(struct world *w, uint32_t sums, uint64_t count, uint32_t capacity, int entry, int first)
{
    asker = (struct asker){ .w = w, .sums = sums, .count = count };
    CHECK(start(w, 3) && no_balancer(w));
    for (uint32_t i = 0; i < sums; i++) {
        mill_Sum sum = mill_Sum_init_zero;
        (void)snprintf(sum.name, sizeof sum.name, "s%u", (unsigned)i);
        sum.expect = count;
        sum.capacity = i % 2 == 0 ? 4 : 0;
        (void)world_spawn(w, (first + (int)i % 2) % 3, "Sum", mill_Sum_fields, &sum);
    }
    world_run(w, SECOND); /* they have their names */
    asker.client = world_sdk_open(w, all_nodes + entry, 1);
    CHECK(open_own(w, asker.client, "mill.Answer", capacity, &asker.channel) == STINT_OK);
    (void)stint_id_text(asker.channel, asker.text);
    CHECK(world_sdk_node(w, asker.client) == entry);
    return true;
}

static void
begin(void)
{
    for (uint32_t i = 0; i < asker.sums; i++) {
        ask_next(i);
    }
    receive_next();
}

static bool
goes_well(uint64_t limit_ns)
{
    bool over = world_until(asker.w, all_answered, NULL, limit_ns);
    if (asker.trouble != NULL) {
        printf("%s: %s\n", asker.trouble, stint_status_name(asker.status));
    }
    for (uint32_t i = 0; !over && i < asker.sums; i++) {
        printf("sum %u: asked %llu, answered %llu of %llu\n", i, (unsigned long long)asker.asked[i],
               (unsigned long long)asker.answered[i], (unsigned long long)asker.count);
    }
    CHECK(over && asker.trouble == NULL);
    world_run(asker.w, 2 * SECOND); /* what comes too much comes now */
    CHECK(asker.trouble == NULL);
    world_sdk_close(asker.w, asker.client, 1000);
    return true;
}

static bool
nothing_goes_wrong(struct world *w)
{
    CHECK(set(w, 3, 200, 4, 2, 0));
    uint64_t begun = world_now(w);
    begin();
    CHECK(world_until(w, all_answered, NULL, 10 * SECOND));
    CHECK(world_now(w) - begun < 3 * SECOND);
    return goes_well(SECOND);
}

static bool
rendezvous_works_too(struct world *w)
{
    CHECK(set(w, 3, 100, 0, 2, 0));
    begin();
    return goes_well(10 * SECOND);
}

/* The relay ends at some moment: also between what a sum has sent and what it has heard of that. */
static bool
relay_dies(struct world *w)
{
    CHECK(set(w, 3, 150, (uint32_t)prng_below(world_random(w), 3), 2, 0));
    begin();
    world_run(w, prng_below(world_random(w), SECOND / 50));
    world_crash_within(w, 2, (uint32_t)prng_below(world_random(w), 40));
    world_run(w, SECOND / 50);
    CHECK(!all_answered(w, NULL) && world_node(w, 2) == NULL);
    return goes_well(60 * SECOND);
}

/* It has the store as well: nobody is declared dead then, and no view says that it is gone. */
static bool
relay_is_the_authority(struct world *w)
{
    CHECK(set(w, 3, 150, 1, 0, 1));
    begin();
    world_run(w, SECOND / 50);
    world_crash(w, 0);
    CHECK(!all_answered(w, NULL));
    return goes_well(60 * SECOND);
}

/* It is cut off from the other nodes, but not from the client, until they have declared it dead; then it hears of that. */
static bool
relay_is_cut_off(struct world *w)
{
    CHECK(set(w, 3, 300, 1, 2, 0));
    begin();
    world_run(w, SECOND / 100);
    for (int i = 0; i < 2; i++) {
        world_cut(w, i, 2, true);
        world_cut(w, 2, i, true);
    }
    world_run(w, 10 * SECOND);
    CHECK(!all_answered(w, NULL) && world_sdk_node(w, asker.client) == 2);
    for (int i = 0; i < 2; i++) {
        world_cut(w, i, 2, false);
        world_cut(w, 2, i, false);
    }
    return goes_well(60 * SECOND);
}

/* It comes back with the same name, and knows nothing of the client. */
static bool
relay_restarts(struct world *w)
{
    CHECK(set(w, 3, 150, 2, 2, 0));
    begin();
    world_run(w, SECOND / 100);
    world_crash(w, 2);
    world_run(w, SECOND / 10);
    world_restart(w, 2);
    return goes_well(60 * SECOND);
}

static bool
connection_breaks(struct world *w)
{
    CHECK(set(w, 3, 300, 1, 2, 0));
    begin();
    for (int i = 0; i < 5; i++) {
        world_run(w, SECOND / 100);
        world_sdk_break(w, asker.client, 2);
    }
    CHECK(!all_answered(w, NULL));
    CHECK(goes_well(60 * SECOND));
    return true;
}

/* The relay lives on and the client cannot reach it: it goes to another, and the first one hears of that. */
static bool
client_goes_elsewhere(struct world *w)
{
    CHECK(set(w, 3, 300, 1, 2, 0));
    begin();
    world_run(w, SECOND / 100);
    CHECK(guest_find(world_node(w, 2), asker.channel) != NULL);
    world_sdk_cut(w, asker.client, 2, true, true);
    CHECK(world_until(w, all_answered, NULL, 60 * SECOND));
    int node = world_sdk_node(w, asker.client);
    CHECK(node == 0 || node == 1);
    CHECK(guest_find(world_node(w, node), asker.channel) != NULL);
    CHECK(guest_find(world_node(w, 2), asker.channel) == NULL);
    return goes_well(SECOND);
}

/* The relay hangs for so long that the client goes elsewhere, and then goes on with what it had. */
static bool
relay_sleeps(struct world *w)
{
    CHECK(set(w, 3, 300, 1, 2, 0));
    begin();
    world_run(w, SECOND / 100);
    world_pause(w, 2, true);
    CHECK(world_until(w, all_answered, NULL, 60 * SECOND));
    world_pause(w, 2, false);
    return goes_well(SECOND);
}

static bool
relay_leaves(struct world *w)
{
    CHECK(set(w, 3, 300, 1, 2, 0));
    begin();
    world_run(w, SECOND / 100);
    struct node_event stop = { .kind = NODE_STOP, .drain_ms = 5000 };
    world_event(w, 2, &stop);
    CHECK(goes_well(60 * SECOND));
    return true;
}

static const struct world_faults bad_network = { .drop_permille = 50,
                                                 .duplicate_permille = 50,
                                                 .reorder_permille = 50,
                                                 .delay_min_ns = WORLD_MS / 10,
                                                 .delay_max_ns = 5 * WORLD_MS,
                                                 .store_delay_ns = WORLD_MS };

/* Frames are lost, doubled and late, and the relay dies in the middle of it. */
static bool
network_is_bad(struct world *w)
{
    CHECK(set(w, 3, 150, 1, 2, 0));
    world_set_faults(w, &bad_network);
    begin();
    world_run(w, SECOND / 10);
    world_crash(w, 2);
    return goes_well(300 * SECOND);
}

static const struct world_case cases[] = {
    { "nothing_goes_wrong", nothing_goes_wrong },
    { "rendezvous_works_too", rendezvous_works_too },
    { "relay_dies", relay_dies },
    { "relay_is_the_authority", relay_is_the_authority },
    { "relay_is_cut_off", relay_is_cut_off },
    { "relay_restarts", relay_restarts },
    { "connection_breaks", connection_breaks },
    { "client_goes_elsewhere", client_goes_elsewhere },
    { "relay_sleeps", relay_sleeps },
    { "relay_leaves", relay_leaves },
    { "network_is_bad", network_is_bad },
};

int
main(int argc, char **argv)
{
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], NULL);
}
