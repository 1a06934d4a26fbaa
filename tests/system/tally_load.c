/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client of a tally under load: sends amounts until its standard input ends, several on their way at a time, all with the same
 * reply channel, and prints each answer as a line "amount total seen", where `amount` is the one that was sent as the same
 * number-th. It fails when an operation fails, and when there is one more answer than there should be.
 *
 *     tally_load CHANNEL SEED        STINT_ENDPOINT, STINT_KEYS, STINT_IDENTITY
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <stint/client.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 24, TIMEOUT_MS = 60000, SILENCE_MS = 300 };

struct load {
    struct stint_client *client;
    const char *channel;
    char reply[STINT_ID_TEXT_SIZE];
    uint32_t next_sent, next_answered; /* amounts */
    unsigned sent, taken, answered;
    unsigned in_flight;
    bool enough; /* no more is sent */
    bool receiving;
    bool failed;
};

static void
fail(struct load *l, const char *what, const char *why)
{
    if (!l->failed) {
        fprintf(stderr, "tally_load: %s after %u sent, %u taken, %u answered: %s\n", what, l->sent, l->taken, l->answered, why);
        l->failed = true;
    }
}

static uint64_t
field(const char *json, const char *name)
{
    const char *at = strstr(json, name);
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10); /* a field with its default may be absent */
}

/* No value comes twice, so a total tells which message was added. */
static uint32_t
amount_after(uint32_t amount)
{
    return amount * 1664525u + 1013904223u;
}

static void
on_sent(void *arg, struct stint_call *call)
{
    struct load *l = arg;
    l->in_flight--;
    l->taken++;
    if (stint_call_status(call) != STINT_OK) {
        fail(l, "a send", stint_call_error(call));
    }
    stint_call_release(call);
}

static void
on_received(void *arg, struct stint_call *call)
{
    struct load *l = arg;
    struct stint_value value;
    l->receiving = false;
    if (stint_call_status(call) != STINT_OK || stint_call_value(call, &value) != STINT_OK) {
        fail(l, "a receive", stint_call_error(call));
    } else {
        printf("%u %" PRIu64 " %" PRIu64 "\n", (unsigned)l->next_answered, field(value.json, "\"total\":"),
            field(value.json, "\"seen\":"));
        l->next_answered = amount_after(l->next_answered);
        l->answered++;
    }
    stint_call_release(call);
}

static void
begin_what_fits(struct load *l)
{
    while (!l->enough && l->in_flight < WINDOW && !l->failed) {
        char json[128];
        snprintf(json, sizeof json, "{\"amount\":%u,\"reply\":\"%s\"}", (unsigned)l->next_sent, l->reply);
        if (stint_client_send_json_begin(l->client, l->channel, json, NULL, TIMEOUT_MS, on_sent, l) == NULL) {
            fail(l, "begin to send", stint_client_error(l->client));
            return;
        }
        l->next_sent = amount_after(l->next_sent);
        l->sent++;
        l->in_flight++;
    }
    if (l->answered < l->sent && !l->receiving && !l->failed) {
        l->receiving = stint_client_receive_begin(l->client, l->reply, true, TIMEOUT_MS, on_received, l) != NULL;
        if (!l->receiving) {
            fail(l, "begin to receive", stint_client_error(l->client));
        }
    }
}

static void
run(struct load *l)
{
    while (!l->failed && (!l->enough || l->answered < l->sent || l->in_flight > 0)) {
        begin_what_fits(l);
        struct pollfd p[2] = { { .fd = stint_client_fd(l->client), .events = POLLIN },
            { .fd = STDIN_FILENO, .events = POLLIN } };
        if (poll(p, l->enough ? 1 : 2, stint_client_timeout_ms(l->client)) > 0 && !l->enough) {
            l->enough = p[1].revents != 0;
        }
        stint_client_process(l->client);
    }
}

/* After the last answer there must be none. */
static void
expect_silence(struct load *l)
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
    static struct load l;
    char error[STINT_CLIENT_ERROR_SIZE];
    if (argc != 3) {
        fputs("usage: tally_load CHANNEL SEED\n", stderr);
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* the test counts along */
    l.channel = argv[1];
    l.next_sent = l.next_answered = (uint32_t)strtoul(argv[2], NULL, 10);
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    if (stint_client_open(&options, &l.client, error, sizeof error) != STINT_OK) {
        fprintf(stderr, "tally_load: %s\n", error);
        return 1;
    }
    struct stint_channel reply = STINT_CHANNEL_INIT;
    struct stint_id id;
    reply.capacity = 64;
    reply.type = "tally.Total";
    if (stint_client_channel_create(l.client, &reply, &id, TIMEOUT_MS) != STINT_OK) {
        fail(&l, "no reply channel", stint_client_error(l.client));
    } else {
        stint_id_text(id, l.reply);
        run(&l);
    }
    if (!l.failed) {
        expect_silence(&l);
    }
    stint_client_close(l.client, 1000);
    if (fflush(stdout) != 0) {
        fail(&l, "stdout", "cannot be written");
    }
    return l.failed ? 1 : 0;
}
