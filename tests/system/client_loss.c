/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that asks tallies and takes all answers through one channel of its own, whatever becomes of the node that it is
 * connected to. Each tally is sent one amount again and again, another one than the others, so an answer says whose it is
 * and the how manieth. It fails when an answer is lost, doubled or out of order, or when an operation fails.
 *
 *     client_loss COUNT CAPACITY TALLY...        STINT_ENDPOINT, STINT_KEYS, STINT_IDENTITY
 *
 * Prints a line "ANSWERED NODE" each hundred answers, and at the end "done ANSWERED".
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <stint/client.h>
#include <string.h>

enum { TALLIES_MAX = 16, TIMEOUT_MS = 60000, SILENCE_MS = 500, RECEIVES = 4 };

struct loss;

struct tally {
    struct loss *loss;
    const char *name;
    uint64_t amount;
    unsigned sent, answered;
};

struct loss {
    struct stint_client *client;
    char reply[STINT_ID_TEXT_SIZE];
    struct tally tallies[TALLIES_MAX];
    unsigned tally_count, count; /* requests in all */
    unsigned sent, taken, answered, receiving;
    bool failed;
};

static void
fail(struct loss *l, const char *what, const char *why)
{
    if (!l->failed) {
        fprintf(stderr, "client_loss: %s after %u sent, %u taken, %u answered: %s\n", what, l->sent, l->taken, l->answered, why);
        l->failed = true;
    }
}

static void ask(struct tally *t);

static void
on_sent(void *arg, struct stint_call *call)
{
    struct tally *t = arg;
    t->loss->taken++;
    if (stint_call_status(call) != STINT_OK) {
        fail(t->loss, "a request", stint_call_error(call));
    } else {
        ask(t);
    }
    stint_call_release(call);
}

static void
ask(struct tally *t)
{
    struct loss *l = t->loss;
    char json[128];
    if (l->sent == l->count || l->failed) {
        return;
    }
    snprintf(json, sizeof json, "{\"amount\":%" PRIu64 ",\"reply\":\"%s\"}", t->amount, l->reply);
    if (stint_client_send_json_begin(l->client, t->name, json, NULL, TIMEOUT_MS, on_sent, t) == NULL) {
        fail(l, "begin a request", stint_client_error(l->client));
        return;
    }
    t->sent++;
    l->sent++;
}

static uint64_t
field(const char *json, const char *name)
{
    const char *at = json != NULL ? strstr(json, name) : NULL;
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

static void
take_answer(struct loss *l, const char *json)
{
    uint64_t total = field(json, "\"total\":"), seen = field(json, "\"seen\":");
    for (unsigned i = 0; i < l->tally_count; i++) {
        struct tally *t = &l->tallies[i];
        if (seen == 0 || total != seen * t->amount) {
            continue;
        }
        if (seen != t->answered + 1u) {
            fail(l, seen <= t->answered ? "an answer came twice" : "an answer is missing", json);
        }
        t->answered++;
        if (++l->answered % 100 == 0) {
            printf("%u %s\n", l->answered, stint_client_node(l->client));
        }
        return;
    }
    fail(l, "an answer to nothing that was asked", json != NULL ? json : "");
}

static void
on_received(void *arg, struct stint_call *call)
{
    struct loss *l = arg;
    struct stint_value value;
    l->receiving--;
    if (stint_call_status(call) != STINT_OK || stint_call_value(call, &value) != STINT_OK) {
        fail(l, "a receive", stint_call_error(call));
    } else {
        take_answer(l, value.json);
    }
    stint_call_release(call);
}

static void
run(struct loss *l)
{
    for (unsigned i = 0; i < l->tally_count; i++) {
        ask(&l->tallies[i]);
    }
    while (!l->failed && l->answered < l->count) {
        while (l->receiving < RECEIVES && l->answered + l->receiving < l->count) {
            if (stint_client_receive_begin(l->client, l->reply, true, TIMEOUT_MS, on_received, l) == NULL) {
                fail(l, "begin to receive", stint_client_error(l->client));
                return;
            }
            l->receiving++;
        }
        struct pollfd p = { .fd = stint_client_fd(l->client), .events = POLLIN };
        (void)poll(&p, 1, stint_client_timeout_ms(l->client));
        stint_client_process(l->client);
    }
}

/* After the last answer there must be none. */
static void
expect_silence(struct loss *l)
{
    struct stint_value value;
    enum stint_status status = stint_client_receive(l->client, l->reply, true, SILENCE_MS, &value);
    if (status != STINT_TIMED_OUT) {
        fail(l, "one more answer than was asked for", status == STINT_OK ? value.json : stint_client_error(l->client));
    }
}

int
main(int argc, char **argv)
{
    static struct loss l;
    char error[STINT_CLIENT_ERROR_SIZE];
    if (argc < 4 || argc > 3 + TALLIES_MAX) {
        fputs("usage: client_loss COUNT CAPACITY TALLY...\n", stderr);
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* the test counts along */
    l.count = (unsigned)strtoul(argv[1], NULL, 10);
    for (int i = 3; i < argc; i++) {
        l.tallies[l.tally_count++] = (struct tally){ .loss = &l, .name = argv[i], .amount = (uint64_t)i };
    }
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    if (stint_client_open(&options, &l.client, error, sizeof error) != STINT_OK) {
        fprintf(stderr, "client_loss: %s\n", error);
        return 1;
    }
    struct stint_channel reply = STINT_CHANNEL_INIT;
    struct stint_id id;
    reply.type = "tally.Total";
    reply.capacity = (uint32_t)strtoul(argv[2], NULL, 10);
    if (stint_client_channel_open(l.client, &reply, &id, TIMEOUT_MS) != STINT_OK) {
        fail(&l, "no channel", stint_client_error(l.client));
    } else {
        stint_id_text(id, l.reply);
        run(&l);
    }
    if (!l.failed) {
        expect_silence(&l);
    }
    stint_client_close(l.client, 1000);
    printf("done %u\n", l.answered);
    return l.failed ? 1 : 0;
}
