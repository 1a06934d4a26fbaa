/* SPDX-License-Identifier: Apache-2.0 */
/* The workers: each goes on from the callback of its last call. */
#include "sdk_work.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "sdk_work_internal.h"

#define LATE_MS (STINT_CLIENT_GRACE_MS + 50) /* nothing is shown as JSON, so there is one grace */

void
sdk_work_fault(struct sdk_work *work, const char *format, ...)
{
    va_list args;
    if (work->fault[0] == '\0') {
        va_start(args, format);
        text_format_list(work->fault, sizeof work->fault, format, args);
        va_end(args);
    }
}

struct sdk_work *
sdk_work_new(struct world *w)
{
    struct sdk_work *work = calloc(1, sizeof *work);
    STINT_ASSERT(work != NULL);
    work->w = w;
    return work;
}

void
sdk_work_free(struct sdk_work *work)
{
    for (uint32_t i = 0; i < work->worker_count; i++) {
        STINT_ASSERT(work->workers[i].outstanding == 0);
    }
    free(work);
}

static struct sdk_worker *
add(struct sdk_work *work, enum sdk_kind kind, int client, const char *channel, uint32_t timeout_ms)
{
    STINT_ASSERT(work->worker_count < SDK_WORKERS);
    struct sdk_worker *worker = &work->workers[work->worker_count++];
    *worker = (struct sdk_worker){
        .work = work, .kind = kind, .client = client, .next = 1, .window = 1, .timeout_ms = timeout_ms
    };
    text_copy(worker->channel, sizeof worker->channel, channel);
    return worker;
}

/* ---- items ---- */

static struct sdk_item *
item_new(struct sdk_worker *worker, uint32_t sequence, uint32_t timeout_ms)
{
    struct sdk_item *item = calloc(1, sizeof *item);
    STINT_ASSERT(item != NULL);
    *item = (struct sdk_item){ worker, sequence, timeout_ms };
    worker->outstanding++;
    return item;
}

/* What every call that comes back has in common. */
static struct sdk_worker *
item_done(struct sdk_item *item, const struct world_sdk_result *r)
{
    struct sdk_worker *worker = item->worker;
    if (r->took_ms > item->timeout_ms + LATE_MS) {
        sdk_work_fault(worker->work, "a call with %u ms came back after %llu ms", item->timeout_ms,
                       (unsigned long long)r->took_ms);
    }
    worker->work->told[r->status]++;
    worker->outstanding--;
    worker->gone = worker->gone || r->crashed || r->status == STINT_CANCELLED;
    free(item);
    return worker;
}

/* The library did not even take it. */
static void
item_refused(struct sdk_item *item)
{
    struct sdk_worker *worker = item->worker;
    worker->gone = true; /* the client is being closed */
    worker->outstanding--;
    free(item);
}

static enum sdk_fate
fate_of(const struct world_sdk_result *r)
{
    if (r->crashed) {
        return SDK_FATE_DOUBT;
    }
    switch (r->status) {
    case STINT_OK:
        return SDK_FATE_TAKEN;
    case STINT_OUTCOME_UNKNOWN:
    case STINT_CHANNEL_LOST: /* with the result of the operation, perhaps */
        return SDK_FATE_DOUBT;
    default:
        return SDK_FATE_REFUSED;
    }
}

static bool
may_go_on(const struct sdk_worker *worker)
{
    return !worker->gone && !worker->work->stopped;
}

/* ---- senders ---- */

static void send_more(struct sdk_worker *worker);
static void ask_next(struct sdk_worker *worker);
static void receive_answer(struct sdk_worker *worker);

static void
sent(void *arg, const struct world_sdk_result *r)
{
    struct sdk_item *item = arg;
    uint32_t sequence = item->sequence;
    struct sdk_worker *worker = item_done(item, r);
    worker->work->fate[worker->sender][sequence] = (uint8_t)fate_of(r);
    worker->work->told_value[worker->sender][sequence] = (uint8_t)r->status;
    if (worker->kind == SDK_SENDS) {
        send_more(worker);
    } else if (r->status == STINT_OK || r->status == STINT_OUTCOME_UNKNOWN) {
        receive_answer(worker);
    } else {
        ask_next(worker);
    }
}

static void
send_one(struct sdk_worker *worker)
{
    uint8_t bytes[mill_Number_size];
    mill_Number number = mill_Number_init_zero;
    number.sender = worker->sender;
    number.sequence = worker->next++;
    if (worker->kind == SDK_ASKS) {
        memcpy(number.reply.id, worker->reply.bytes, sizeof number.reply.id);
    }
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    STINT_ASSERT(pb_encode(&stream, mill_Number_fields, &number));
    struct sdk_work *work = worker->work;
    struct sdk_item *item = item_new(worker, (uint32_t)number.sequence, worker->timeout_ms);
    work->fate[worker->sender][number.sequence] = SDK_FATE_PENDING;
    if (!world_sdk_send(work->w, worker->client, worker->channel, "mill.Number",
                        span_of(bytes, stream.bytes_written), worker->timeout_ms, sent, item)) {
        work->fate[worker->sender][number.sequence] = SDK_FATE_REFUSED;
        item_refused(item);
    }
}

static void
send_more(struct sdk_worker *worker)
{
    while (may_go_on(worker) && worker->outstanding < worker->window && worker->next <= worker->count) {
        send_one(worker);
    }
}

static struct sdk_worker *
add_sender(struct sdk_work *work, enum sdk_kind kind, int client, const char *channel, uint32_t sender,
           uint32_t count, uint32_t timeout_ms)
{
    STINT_ASSERT(sender < SDK_SENDERS && count < SDK_NUMBERS && !work->used[sender]);
    struct sdk_worker *worker = add(work, kind, client, channel, timeout_ms);
    work->used[sender] = true;
    worker->sender = sender;
    worker->count = count;
    return worker;
}

void
sdk_work_send(struct sdk_work *work, int client, const char *channel, uint32_t sender, uint32_t count,
              uint32_t window, uint32_t timeout_ms)
{
    struct sdk_worker *worker = add_sender(work, SDK_SENDS, client, channel, sender, count, timeout_ms);
    worker->window = window;
    send_more(worker);
}

/* ---- those who ask ---- */

/* Answers come in the order of the questions; one to a question that was given up may be late. */
static void
answered(void *arg, const struct world_sdk_result *r)
{
    struct sdk_item *item = arg;
    uint32_t sequence = item->sequence;
    mill_Answer answer = mill_Answer_init_zero;
    pb_istream_t stream = pb_istream_from_buffer(r->bytes.data, r->bytes.size);
    bool readable = r->status == STINT_OK && pb_decode(&stream, mill_Answer_fields, &answer);
    struct sdk_worker *worker = item_done(item, r);
    struct sdk_work *work = worker->work;
    if (r->status != STINT_OK) {
        /* With the node that hosted it: another channel. What it still brings is for nobody. */
        bool lost = r->status == STINT_CHANNEL_LOST || r->status == STINT_NOT_FOUND || r->status == STINT_CLOSED;
        if (worker->hosts && lost) {
            sdk_work_fault(work, "a client's own channel is lost to it: %s", stint_status_name(r->status));
        }
        worker->has_reply = worker->has_reply && !lost;
        ask_next(worker);
        return;
    }
    if (!readable || answer.sequence <= worker->last_answer || answer.sequence > sequence) {
        sdk_work_fault(work, "question %u of sender %u is answered with %llu after %llu", sequence,
                       worker->sender, (unsigned long long)answer.sequence,
                       (unsigned long long)worker->last_answer);
        return;
    }
    worker->last_answer = answer.sequence;
    if (work->fate[worker->sender][answer.sequence] == SDK_FATE_REFUSED) {
        sdk_work_fault(work, "question %llu of sender %u was refused, and answered",
                       (unsigned long long)answer.sequence, worker->sender);
    }
    if (answer.sequence < sequence) {
        receive_answer(worker);
        return;
    }
    work->answered++;
    ask_next(worker);
}

static void
receive_answer(struct sdk_worker *worker)
{
    if (worker->gone) {
        return;
    }
    struct sdk_item *item = item_new(worker, worker->next - 1, worker->timeout_ms);
    if (!world_sdk_receive(worker->work->w, worker->client, worker->reply_text, worker->timeout_ms, answered,
                           item)) {
        item_refused(item);
    }
}

static void
reply_made(void *arg, const struct world_sdk_result *r)
{
    struct sdk_worker *worker = item_done(arg, r);
    if (r->status == STINT_OK) {
        worker->has_reply = true;
        worker->reply = r->id;
        stint_id_text(r->id, worker->reply_text);
    }
    ask_next(worker);
}

static void
ask_next(struct sdk_worker *worker)
{
    if (!may_go_on(worker) || worker->next > worker->count) {
        return;
    }
    if (worker->has_reply) {
        send_one(worker);
        return;
    }
    struct stint_channel ch = STINT_CHANNEL_INIT;
    ch.capacity = 4;
    ch.type = "mill.Answer";
    struct sdk_item *item = item_new(worker, 0, worker->timeout_ms);
    bool begun = worker->hosts ? world_sdk_open_channel(worker->work->w, worker->client, &ch, worker->timeout_ms,
                                                        reply_made, item)
                               : world_sdk_create_channel(worker->work->w, worker->client, &ch, worker->timeout_ms,
                                                          reply_made, item);
    if (!begun) {
        item_refused(item);
    }
}

void
sdk_work_ask(struct sdk_work *work, int client, const char *channel, uint32_t sender, uint32_t count,
             uint32_t timeout_ms)
{
    ask_next(add_sender(work, SDK_ASKS, client, channel, sender, count, timeout_ms));
}

void
sdk_work_ask_own(struct sdk_work *work, int client, const char *channel, uint32_t sender, uint32_t count,
                 uint32_t timeout_ms)
{
    struct sdk_worker *worker = add_sender(work, SDK_ASKS, client, channel, sender, count, timeout_ms);
    worker->hosts = true;
    ask_next(worker);
}

/* ---- receivers ---- */

static void receive_next(struct sdk_worker *worker);

static void
take(struct sdk_worker *worker, struct stint_span bytes)
{
    struct sdk_work *work = worker->work;
    mill_Number number = mill_Number_init_zero;
    pb_istream_t stream = pb_istream_from_buffer(bytes.data, bytes.size);
    if (!pb_decode(&stream, mill_Number_fields, &number) || number.sender >= SDK_SENDERS ||
        number.sequence == 0 || number.sequence >= SDK_NUMBERS) {
        sdk_work_fault(work, "a value was received that nobody sent");
        return;
    }
    work->delivered_count++;
    if (work->delivered[number.sender][number.sequence]++ != 0) {
        sdk_work_fault(work, "value %llu of sender %u was received twice", (unsigned long long)number.sequence,
                       number.sender);
    }
    if (number.sequence <= worker->last[number.sender]) {
        sdk_work_fault(work, "value %llu of sender %u was received after %llu",
                       (unsigned long long)number.sequence, number.sender,
                       (unsigned long long)worker->last[number.sender]);
    }
    worker->last[number.sender] = number.sequence;
}

static void
received(void *arg, const struct world_sdk_result *r)
{
    struct sdk_worker *worker = item_done(arg, r);
    if (r->status == STINT_OK) {
        take(worker, r->bytes);
    }
    worker->work->doubtful_receives += fate_of(r) == SDK_FATE_DOUBT;
    receive_next(worker);
}

static void
receive_next(struct sdk_worker *worker)
{
    if (!may_go_on(worker)) {
        return;
    }
    struct sdk_item *item = item_new(worker, 0, worker->timeout_ms);
    if (!world_sdk_receive(worker->work->w, worker->client, worker->channel, worker->timeout_ms, received, item)) {
        item_refused(item);
    }
}

void
sdk_work_receive(struct sdk_work *work, int client, const char *channel, uint32_t timeout_ms)
{
    work->receives = true;
    receive_next(add(work, SDK_RECEIVES, client, channel, timeout_ms));
}

/* ---- spawners ---- */

static void spawn_next(struct sdk_worker *worker);

static void
spawned(void *arg, const struct world_sdk_result *r)
{
    struct sdk_item *item = arg;
    uint32_t index = item->sequence;
    struct sdk_worker *worker = item_done(item, r);
    struct sdk_spawned *s = &worker->work->spawns[index];
    s->fate = fate_of(r);
    s->node = r->node;
    s->life = r->node >= 0 ? world_life(worker->work->w, r->node) : 0;
    if (r->status == STINT_OK && r->count != 1) {
        sdk_work_fault(worker->work, "one spawn made %u tasklets", r->count);
    }
    spawn_next(worker);
}

static void
spawn_next(struct sdk_worker *worker)
{
    struct sdk_work *work = worker->work;
    if (!may_go_on(worker) || worker->next > worker->count) {
        return;
    }
    STINT_ASSERT(work->spawn_count < SDK_SPAWNS);
    uint32_t index = work->spawn_count++;
    struct sdk_spawned *s = &work->spawns[index];
    text_format(s->name, sizeof s->name, "%s-%u", worker->channel, worker->next++);
    s->fate = SDK_FATE_PENDING;
    mill_Mark mark = mill_Mark_init_zero;
    uint8_t bytes[mill_Mark_size];
    text_copy(mark.name, sizeof mark.name, s->name);
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    STINT_ASSERT(pb_encode(&stream, mill_Mark_fields, &mark));
    struct stint_spawn spawn = STINT_SPAWN_INIT;
    spawn.code = "mill/Mark";
    spawn.args = span_of(bytes, stream.bytes_written);
    struct sdk_item *item = item_new(worker, index, worker->timeout_ms);
    if (!world_sdk_spawn(work->w, worker->client, &spawn, worker->timeout_ms, spawned, item)) {
        s->fate = SDK_FATE_REFUSED;
        item_refused(item);
    }
}

void
sdk_work_spawn(struct sdk_work *work, int client, const char *prefix, uint32_t count, uint32_t timeout_ms)
{
    struct sdk_worker *worker = add(work, SDK_SPAWNS_THEM, client, prefix, timeout_ms);
    worker->count = count;
    spawn_next(worker);
}

/* ---- the end ---- */

void
sdk_work_stop(struct sdk_work *work)
{
    work->stopped = true;
}

bool
sdk_work_is_over(const struct sdk_work *work)
{
    for (uint32_t i = 0; i < work->worker_count; i++) {
        const struct sdk_worker *worker = &work->workers[i];
        bool more = may_go_on(worker) && worker->kind != SDK_RECEIVES && worker->next <= worker->count;
        bool waits = worker->outstanding != 0 && (worker->kind != SDK_RECEIVES || work->stopped);
        if (more || waits) {
            return false;
        }
    }
    return true;
}

bool
sdk_work_until(struct world *w, void *arg)
{
    (void)w;
    return sdk_work_is_over(arg);
}
