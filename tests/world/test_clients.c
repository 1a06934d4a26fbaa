/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SDK's clients in virtual time: what a user's program does by client.h, with clients, nodes and connections that fail.
 *
 *     world_clients [--seed N] [--verbose] [CASE]
 */
#include "requests.h"
#include "world_sdk.h"

static const int all_nodes[] = { 0, 1, 2 };

/* ---- blocking functions ---- */

static enum stint_status
blocking_create(struct world *w, int client, const char *name, uint32_t capacity)
{
    struct stint_channel ch = STINT_CHANNEL_INIT;
    struct stint_id id;
    ch.name = name;
    ch.capacity = capacity;
    ch.type = "mill.Number";
    enum stint_status status = stint_client_channel_create(world_sdk_enter(w, client), &ch, &id, 5000);
    world_sdk_leave(w, client);
    return status;
}

static enum stint_status
blocking_send(struct world *w, int client, const char *channel, uint64_t sequence, uint32_t timeout_ms)
{
    char json[64];
    (void)snprintf(json, sizeof json, "{\"sequence\":%llu}", (unsigned long long)sequence);
    enum stint_status status =
        stint_client_send_json(world_sdk_enter(w, client), channel, json, NULL, timeout_ms);
    world_sdk_leave(w, client);
    return status;
}

static enum stint_status
blocking_receive(struct world *w, int client, const char *channel, uint32_t timeout_ms, uint64_t *sequence)
{
    struct stint_value value;
    mill_Number number = mill_Number_init_zero;
    enum stint_status status =
        stint_client_receive(world_sdk_enter(w, client), channel, false, timeout_ms, &value);
    if (status == STINT_OK) {
        pb_istream_t stream = pb_istream_from_buffer(value.bytes.data, value.bytes.size);
        status = pb_decode(&stream, mill_Number_fields, &number) ? STINT_OK : STINT_BAD_FRAME;
    }
    world_sdk_leave(w, client);
    *sequence = number.sequence;
    return status;
}

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

static const struct {
    const char *name;
    bool (*run)(struct world *w);
} cases[] = {
    { "blocking_calls", blocking_calls },
    { "node_dies_between_calls", node_dies_between_calls },
};

int
main(int argc, char **argv)
{
    uint64_t seed = 1;
    bool verbose = false, good = true;
    const char *only = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--verbose") == 0) {
            verbose = true;
        } else {
            only = argv[i];
        }
    }
    printf("seed %llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (only != NULL && strcmp(only, cases[i].name) != 0) {
            continue;
        }
        struct world *w = world_new(seed, NULL);
        world_verbose(w, verbose);
        bool passed = cases[i].run(w);
        printf("%s %s\n", passed ? "ok  " : "FAIL", cases[i].name);
        if (!passed) {
            printf("again: %s --seed %llu --verbose %s\n", argv[0], (unsigned long long)seed, cases[i].name);
        }
        good = good && passed;
        world_free(w);
    }
    return good ? 0 : 1;
}
