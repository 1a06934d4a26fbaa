/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of requests share: an operator's questions to a cluster in virtual time, and their
 * answers.
 */
#ifndef STINT_TESTS_WORLD_REQUESTS_H
#define STINT_TESTS_WORLD_REQUESTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "cases.h"
#include "core/node.h"
#include "mill.pb.h"
#include "schema/admin.pb.h"

#define CHECK(condition)                                           \
    do {                                                           \
        if (!(condition)) {                                        \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            return false;                                          \
        }                                                          \
    } while (0)

#define SECOND (1000 * WORLD_MS)

extern const struct stint_module mill_module;
static const struct stint_module *const modules[] = { &mill_module, NULL };

/* The last answer, and the one way to get it. */
static struct world_reply reply;

static inline bool
ready(struct world *w, void *arg)
{
    const uint32_t *members = arg;
    uint64_t number = 0;
    for (int i = 0; i < world_count(w); i++) {
        const struct node *n = world_node(w, i);
        if (n == NULL || !node_is_ready(n) || view_living(n->view) != *members ||
            (number != 0 && n->view->number != number)) {
            return false;
        }
        number = n->view->number;
    }
    return true;
}

static inline bool
start(struct world *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char name[8] = { 'n', (char)('1' + i), 0 };
        (void)world_start(w, name, modules);
    }
    return world_until(w, ready, &count, 60 * SECOND);
}

static inline stint_Request
request(stint_Verb verb)
{
    stint_Request r = stint_Request_init_zero;
    r.verb = verb;
    r.timeout_ms = 5000;
    return r;
}

static inline enum stint_status
ask_with(struct world *w, int node, const stint_Request *r, struct stint_span body)
{
    bool answered = world_ask(w, node, r, body, &reply, 60 * SECOND);
    if (!answered) {
        printf("no answer to verb %d\n", (int)r->verb);
        return STINT_STATUS_COUNT_;
    }
    return reply.status;
}

static inline enum stint_status
ask(struct world *w, int node, const stint_Request *r)
{
    return ask_with(w, node, r, span_of(NULL, 0));
}

static inline enum stint_status
ask_target(struct world *w, int node, stint_Verb verb, const char *target)
{
    stint_Request r = request(verb);
    text_copy(r.target, sizeof r.target, target);
    return ask(w, node, &r);
}

static inline enum stint_status
ask_text(struct world *w, int node, stint_Verb verb, const char *text)
{
    stint_Request r = request(verb);
    text_copy(r.text, sizeof r.text, text);
    return ask(w, node, &r);
}

static inline bool
last_item(const pb_msgdesc_t *type, void *item)
{
    pb_istream_t stream = pb_istream_from_buffer(reply.payload, reply.item_size);
    return reply.items > 0 && pb_decode(&stream, type, item);
}

static inline bool
says(const char *text)
{
    if (strstr(reply.detail, text) == NULL) {
        printf("detail: %s\n", reply.detail);
        return false;
    }
    return true;
}

/* Spawns a sum of that name and capacity that never rests; its id as text. */
static inline enum stint_status
spawn_sum(struct world *w, int entry, const char *on, const char *name, uint32_t count,
          char hex[STINT_ID_TEXT_SIZE])
{
    mill_Sum sum = mill_Sum_init_zero;
    uint8_t bytes[mill_Sum_size];
    sum.expect = 1000000;
    sum.capacity = 4;
    text_copy(sum.name, sizeof sum.name, name);
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    STINT_ASSERT(pb_encode(&stream, mill_Sum_fields, &sum));
    stint_Request r = request(stint_Verb_VERB_TASKLET_SPAWN);
    text_copy(r.text, sizeof r.text, "mill/Sum");
    text_copy(r.on, sizeof r.on, on);
    r.count = count;
    enum stint_status status = ask_with(w, entry, &r, span_of(bytes, stream.bytes_written));
    (void)stint_id_text(reply.id, hex);
    return status;
}

/* Arguments of a feed that waits for ever: nobody takes what it sends to its channel. */
static inline struct stint_span
idle_args(struct world *w, int entry, uint8_t *bytes, size_t size)
{
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    mill_Feed feed = mill_Feed_init_zero;
    stint_Request r = request(stint_Verb_VERB_CHANNEL_CREATE);
    text_copy(r.type, sizeof r.type, "mill.Number");
    STINT_ASSERT(ask(w, entry, &r) == STINT_OK && last_item(stint_ChannelInfo_fields, &info));
    feed.count = 1000;
    memcpy(feed.to.id, info.id.bytes, sizeof feed.to.id);
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, size);
    STINT_ASSERT(pb_encode(&stream, mill_Feed_fields, &feed));
    return span_of(bytes, stream.bytes_written);
}

static inline enum stint_status
spawn_idle(struct world *w, int entry, const char *on, uint32_t count, char hex[STINT_ID_TEXT_SIZE])
{
    uint8_t bytes[mill_Feed_size];
    struct stint_span args = idle_args(w, entry, bytes, sizeof bytes);
    stint_Request r = request(stint_Verb_VERB_TASKLET_SPAWN);
    text_copy(r.text, sizeof r.text, "mill/Feed");
    text_copy(r.on, sizeof r.on, on);
    r.count = count;
    enum stint_status status = ask_with(w, entry, &r, args);
    (void)stint_id_text(reply.id, hex);
    return status;
}

static inline struct stint_span
number(uint8_t *bytes, size_t size, uint64_t sequence)
{
    mill_Number value = mill_Number_init_zero;
    value.sequence = sequence;
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, size);
    STINT_ASSERT(pb_encode(&stream, mill_Number_fields, &value));
    return span_of(bytes, stream.bytes_written);
}

static inline enum stint_status
send_number(struct world *w, int entry, const char *channel, uint64_t sequence, uint32_t timeout_ms)
{
    uint8_t bytes[mill_Number_size];
    stint_Request r = request(stint_Verb_VERB_CHANNEL_SEND);
    text_copy(r.target, sizeof r.target, channel);
    text_copy(r.type, sizeof r.type, "mill.Number");
    r.timeout_ms = timeout_ms;
    return ask_with(w, entry, &r, number(bytes, sizeof bytes, sequence));
}

static inline enum stint_status
receive(struct world *w, int entry, const char *channel, uint32_t timeout_ms)
{
    stint_Request r = request(stint_Verb_VERB_CHANNEL_RECEIVE);
    text_copy(r.target, sizeof r.target, channel);
    r.timeout_ms = timeout_ms;
    return ask(w, entry, &r);
}

static inline enum stint_status
create(struct world *w, int entry, const char *name, uint32_t capacity, const char *type,
       const char *on)
{
    stint_Request r = request(stint_Verb_VERB_CHANNEL_CREATE);
    text_copy(r.text, sizeof r.text, name);
    text_copy(r.type, sizeof r.type, type);
    text_copy(r.on, sizeof r.on, on);
    r.capacity = capacity;
    return ask(w, entry, &r);
}

static inline enum stint_status
migrate(struct world *w, int entry, const char *tasklet, const char *to)
{
    stint_Request r = request(stint_Verb_VERB_TASKLET_MIGRATE);
    text_copy(r.target, sizeof r.target, tasklet);
    text_copy(r.to, sizeof r.to, to);
    text_copy(r.reason, sizeof r.reason, "test");
    r.wait = true;
    return ask(w, entry, &r);
}

static inline bool
is_on(struct world *w, const char *tasklet, const char *node)
{
    stint_TaskletInfo info = stint_TaskletInfo_init_zero;
    return ask_target(w, 0, stint_Verb_VERB_TASKLET_DESCRIBE, tasklet) == STINT_OK &&
           last_item(stint_TaskletInfo_fields, &info) && strcmp(info.node, node) == 0;
}

/* The balancer would move what the tests have placed. */
static inline bool
no_balancer(struct world *w)
{
    stint_StatusInfo info = stint_StatusInfo_init_zero;
    enum stint_status status = ask_text(w, 1, stint_Verb_VERB_BALANCER, "off");
    return (status == STINT_OK || status == STINT_PARTIAL) && /* on a bad network some are silent */
           last_item(stint_StatusInfo_fields, &info) && !info.balancer;
}

/* What a case that failed was answered last. */
static inline void
say_last_answer(void)
{
    printf("last answer: %s: %s\n", stint_status_name(reply.status), reply.detail);
}

#endif
