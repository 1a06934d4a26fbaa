/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client for wordcount: feeds files to the tasklet tree behind a named channel, asks for the totals and prints them as
 * `uniq -c` would, in no order. Which cluster, and as whom, is in STINT_ENDPOINT, STINT_KEYS and STINT_IDENTITY.
 *
 *     stint tasklet spawn wordcount/Count --args '{"name":"words"}'
 *     wordcount-drive /usr/share/common-licenses/GPL-3
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <poll.h>
#include <stdio.h>
#include <stint/client.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wordcount.pb.h"

enum {
    WINDOW = 32,          /* chunks on their way at a time */
    RUN_MAX = 512,        /* letters of one run that are sent; words are cut far below */
    REPLIES = 256,        /* capacity of the channel for totals */
    TIMEOUT_MS = 60000,
    PROGRESS_MS = 250
};

struct drive {
    struct stint_client *client;
    const char *name; /* of the channel that takes text */
    char **files;
    bool repeat; /* pass after pass, until standard input ends */
    bool progress;
    bool stdin_ended;
    unsigned in_flight;
    bool failed; /* `error` says why */
    char error[STINT_CLIENT_ERROR_SIZE];
    uint64_t passes, chunks, words;
    uint64_t progress_ms; /* when the next line about the progress is due */
    wordcount_Chunk chunk;
    unsigned run; /* letters at the end of the chunk */
};

static void
fail(struct drive *d, const char *what, const char *why)
{
    if (!d->failed) {
        d->failed = true;
        snprintf(d->error, sizeof d->error, "%s: %s", what, why);
    }
}

static uint64_t
now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static void
report_progress(struct drive *d, bool now)
{
    if (d->progress && (now || now_ms() >= d->progress_ms)) {
        d->progress_ms = now_ms() + PROGRESS_MS;
        fprintf(stderr, "{\"passes\":%" PRIu64 ",\"chunks\":%" PRIu64 ",\"words\":%" PRIu64 "}\n", d->passes, d->chunks,
            d->words);
    }
}

/* Serves the client, after waiting for something to do if `wait`. */
static void
pump(struct drive *d, bool wait)
{
    struct pollfd fds[2] = { { .fd = stint_client_fd(d->client), .events = POLLIN },
        { .fd = STDIN_FILENO, .events = POLLIN } };
    int timeout = wait ? stint_client_timeout_ms(d->client) : 0;
    if (wait && (timeout < 0 || timeout > PROGRESS_MS)) {
        timeout = PROGRESS_MS;
    }
    int ready = poll(fds, d->repeat && !d->stdin_ended ? 2 : 1, timeout);
    if (ready > 0 && fds[1].revents != 0) {
        char ignored[256];
        d->stdin_ended = read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
    }
    stint_client_process(d->client);
    report_progress(d, false);
}

/* ---- feeding ---- */

static void
sent(void *arg, struct stint_call *call)
{
    struct drive *d = arg;
    d->in_flight--;
    if (stint_call_status(call) != STINT_OK) {
        fail(d, "a chunk was not taken", stint_call_error(call));
    }
    stint_call_release(call);
}

static void
send_chunk(struct drive *d, const wordcount_Chunk *chunk)
{
    uint8_t bytes[wordcount_Chunk_size];
    pb_ostream_t out = pb_ostream_from_buffer(bytes, sizeof bytes);
    if (!pb_encode(&out, wordcount_Chunk_fields, chunk)) {
        fail(d, "a chunk cannot be encoded", PB_GET_ERROR(&out));
        return;
    }
    pump(d, false);
    while (d->in_flight >= WINDOW && !d->failed) {
        pump(d, true);
    }
    if (d->failed) {
        return;
    }
    struct stint_span span = { .data = bytes, .size = out.bytes_written };
    if (stint_client_send_begin(d->client, d->name, span, "wordcount.Chunk", TIMEOUT_MS, sent, d) == NULL) {
        fail(d, "a chunk cannot be sent", stint_client_error(d->client));
        return;
    }
    d->in_flight++;
    d->chunks++;
}

static bool
is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Sends what there is of the chunk up to the end of its last word, or to the end of all, and keeps the rest. */
static void
flush(struct drive *d, bool all)
{
    pb_size_t size = d->chunk.text.size;
    pb_size_t end = size;
    while (!all && end > 0 && is_letter(d->chunk.text.bytes[end - 1])) {
        end--;
    }
    d->chunk.text.size = end;
    if (end > 0) {
        send_chunk(d, &d->chunk);
    }
    memmove(d->chunk.text.bytes, d->chunk.text.bytes + end, (size_t)size - end);
    d->chunk.text.size = (pb_size_t)(size - end);
}

static void
feed_file(struct drive *d, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail(d, path, strerror(errno));
        return;
    }
    d->run = 0;
    int c;
    while (!d->failed && (c = getc(file)) != EOF) {
        d->run = is_letter(c) ? d->run + 1 : 0;
        d->words += d->run == 1;
        if (d->run > RUN_MAX) {
            continue;
        }
        d->chunk.text.bytes[d->chunk.text.size++] = (uint8_t)c;
        if (d->chunk.text.size == sizeof d->chunk.text.bytes) {
            flush(d, false);
        }
    }
    if (ferror(file)) {
        fail(d, path, strerror(errno));
    }
    fclose(file);
    flush(d, true);
}

static void
feed(struct drive *d)
{
    do {
        for (char **file = d->files; *file != NULL && !d->failed; file++) {
            feed_file(d, *file);
        }
        d->passes++;
    } while (d->repeat && !d->stdin_ended && !d->failed);
    while (d->in_flight > 0 && !d->failed) {
        pump(d, true);
    }
}

/* ---- totals ---- */

static bool
receive_batch(struct drive *d, const char *channel, wordcount_Batch *batch)
{
    struct stint_value value;
    if (stint_client_receive(d->client, channel, false, TIMEOUT_MS, &value) != STINT_OK) {
        fail(d, "the totals did not come", stint_client_error(d->client));
        return false;
    }
    *batch = (wordcount_Batch)wordcount_Batch_init_zero;
    pb_istream_t in = pb_istream_from_buffer(value.bytes.data, value.bytes.size);
    if (!pb_decode(&in, wordcount_Batch_fields, batch)) {
        fail(d, "totals that cannot be read", PB_GET_ERROR(&in));
        return false;
    }
    return true;
}

static void
print_totals(struct drive *d)
{
    struct stint_channel options = STINT_CHANNEL_INIT;
    options.capacity = REPLIES;
    options.type = "wordcount.Batch";
    struct stint_id id;
    char channel[STINT_ID_TEXT_SIZE];
    if (stint_client_channel_create(d->client, &options, &id, TIMEOUT_MS) != STINT_OK) {
        fail(d, "no channel for the totals", stint_client_error(d->client));
        return;
    }
    stint_id_text(id, channel);
    wordcount_Chunk question = wordcount_Chunk_init_zero;
    memcpy(question.reply.id, id.bytes, sizeof question.reply.id);
    send_chunk(d, &question);

    wordcount_Batch batch;
    uint64_t words = 0;
    uint64_t expected = UINT64_MAX;
    while (words < expected && !d->failed && receive_batch(d, channel, &batch)) {
        for (pb_size_t i = 0; i < batch.entries_count; i++) {
            printf("%7" PRIu64 " %s\n", batch.entries[i].count, batch.entries[i].word);
        }
        words += batch.entries_count;
        if (batch.end) {
            expected = batch.words;
        }
    }
    while (d->in_flight > 0 && !d->failed) {
        pump(d, true);
    }
    if (stint_client_channel_close(d->client, channel, true, TIMEOUT_MS) != STINT_OK) {
        fail(d, "the channel for the totals stays open", stint_client_error(d->client));
    }
}

/* ---- main ---- */

static const char usage[] =
    "usage: wordcount-drive [--name CHANNEL] [--repeat] [--progress] FILE...\n"
    "  --name CHANNEL  of the tasklet wordcount/Count (default: words)\n"
    "  --repeat        pass over the files again until standard input ends\n"
    "  --progress      lines of JSON on standard error\n"
    "STINT_ENDPOINT, STINT_KEYS, STINT_IDENTITY: the cluster, and who asks\n";

int
main(int argc, char **argv)
{
    static const struct option options[] = { { "name", required_argument, NULL, 'n' },
        { "repeat", no_argument, NULL, 'r' }, { "progress", no_argument, NULL, 'p' }, { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 } };
    static struct drive d = { .name = "words" };
    int c;
    while ((c = getopt_long(argc, argv, "n:rph", options, NULL)) != -1) {
        switch (c) {
        case 'n':
            d.name = optarg;
            break;
        case 'r':
            d.repeat = true;
            break;
        case 'p':
            d.progress = true;
            break;
        default:
            fputs(usage, c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    if (optind == argc) {
        fputs(usage, stderr);
        return 2;
    }
    d.files = argv + optind;

    struct stint_client_options open = STINT_CLIENT_OPTIONS_INIT;
    if (stint_client_open(&open, &d.client, d.error, sizeof d.error) != STINT_OK) {
        fprintf(stderr, "wordcount-drive: %s\n", d.error);
        return 1;
    }
    feed(&d);
    report_progress(&d, true);
    if (!d.failed) {
        print_totals(&d);
    }
    stint_client_close(d.client, 1000);
    if (!d.failed && (fflush(stdout) != 0 || ferror(stdout))) {
        fail(&d, "standard output", strerror(errno));
    }
    if (d.failed) {
        fprintf(stderr, "wordcount-drive: %s\n", d.error);
        return 1;
    }
    return 0;
}
