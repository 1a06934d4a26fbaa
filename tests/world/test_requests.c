/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of an operator to a cluster in virtual time: every verb, what is refused and in which
 * words, retries, and nodes that die while they are asked.
 *
 *     world_requests [--seed N] [--verbose] [CASE]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "core/node.h"
#include "mill.pb.h"
#include "schema/admin.pb.h"
#include "world.h"

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

static bool
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

static bool
start(struct world *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char name[8] = { 'n', (char)('1' + i), 0 };
        (void)world_start(w, name, modules);
    }
    return world_until(w, ready, &count, 60 * SECOND);
}

static stint_Request
request(stint_Verb verb)
{
    stint_Request r = stint_Request_init_zero;
    r.verb = verb;
    r.timeout_ms = 5000;
    return r;
}

static enum stint_status
ask_with(struct world *w, int node, const stint_Request *r, struct stint_span body)
{
    bool answered = world_ask(w, node, r, body, &reply, 60 * SECOND);
    if (!answered) {
        printf("no answer to verb %d\n", (int)r->verb);
        return STINT_STATUS_COUNT_;
    }
    return reply.status;
}

static enum stint_status
ask(struct world *w, int node, const stint_Request *r)
{
    return ask_with(w, node, r, span_of(NULL, 0));
}

static enum stint_status
ask_target(struct world *w, int node, stint_Verb verb, const char *target)
{
    stint_Request r = request(verb);
    text_copy(r.target, sizeof r.target, target);
    return ask(w, node, &r);
}

static enum stint_status
ask_text(struct world *w, int node, stint_Verb verb, const char *text)
{
    stint_Request r = request(verb);
    text_copy(r.text, sizeof r.text, text);
    return ask(w, node, &r);
}

static bool
last_item(const pb_msgdesc_t *type, void *item)
{
    pb_istream_t stream = pb_istream_from_buffer(reply.payload, reply.item_size);
    return reply.items > 0 && pb_decode(&stream, type, item);
}

static bool
says(const char *text)
{
    if (strstr(reply.detail, text) == NULL) {
        printf("detail: %s\n", reply.detail);
        return false;
    }
    return true;
}

/* Spawns a sum of that name and capacity that never rests; its id as text. */
static enum stint_status
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
static struct stint_span
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

static enum stint_status
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

static struct stint_span
number(uint8_t *bytes, size_t size, uint64_t sequence)
{
    mill_Number value = mill_Number_init_zero;
    value.sequence = sequence;
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, size);
    STINT_ASSERT(pb_encode(&stream, mill_Number_fields, &value));
    return span_of(bytes, stream.bytes_written);
}

static enum stint_status
send_number(struct world *w, int entry, const char *channel, uint64_t sequence, uint32_t timeout_ms)
{
    uint8_t bytes[mill_Number_size];
    stint_Request r = request(stint_Verb_VERB_CHANNEL_SEND);
    text_copy(r.target, sizeof r.target, channel);
    text_copy(r.type, sizeof r.type, "mill.Number");
    r.timeout_ms = timeout_ms;
    return ask_with(w, entry, &r, number(bytes, sizeof bytes, sequence));
}

static enum stint_status
receive(struct world *w, int entry, const char *channel, uint32_t timeout_ms)
{
    stint_Request r = request(stint_Verb_VERB_CHANNEL_RECEIVE);
    text_copy(r.target, sizeof r.target, channel);
    r.timeout_ms = timeout_ms;
    return ask(w, entry, &r);
}

static enum stint_status
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

static enum stint_status
migrate(struct world *w, int entry, const char *tasklet, const char *to)
{
    stint_Request r = request(stint_Verb_VERB_TASKLET_MIGRATE);
    text_copy(r.target, sizeof r.target, tasklet);
    text_copy(r.to, sizeof r.to, to);
    text_copy(r.reason, sizeof r.reason, "test");
    r.wait = true;
    return ask(w, entry, &r);
}

static bool
is_on(struct world *w, const char *tasklet, const char *node)
{
    stint_TaskletInfo info = stint_TaskletInfo_init_zero;
    return ask_target(w, 0, stint_Verb_VERB_TASKLET_DESCRIBE, tasklet) == STINT_OK &&
           last_item(stint_TaskletInfo_fields, &info) && strcmp(info.node, node) == 0;
}

/* The balancer would move what the tests have placed. */
static bool
no_balancer(struct world *w)
{
    stint_StatusInfo info = stint_StatusInfo_init_zero;
    return ask_text(w, 1, stint_Verb_VERB_BALANCER, "off") == STINT_OK &&
           last_item(stint_StatusInfo_fields, &info) && !info.balancer;
}

/* ---- cases ---- */

static bool
cluster_is_shown(struct world *w)
{
    stint_StatusInfo status = stint_StatusInfo_init_zero;
    stint_NodeInfo node = stint_NodeInfo_init_zero;
    stint_ModuleInfo module = stint_ModuleInfo_init_zero;
    char hex[STINT_ID_TEXT_SIZE];
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(ask_target(w, 0, stint_Verb_VERB_PING, "") == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_PING, "n3") == STINT_OK && says("n3"));
    CHECK(ask_target(w, 0, stint_Verb_VERB_PING, "n7") == STINT_NOT_FOUND &&
          says("the members are"));
    CHECK(spawn_idle(w, 1, "n2", 5, hex) == STINT_OK && reply.items == 5);
    world_run(w, 2 * SECOND);
    CHECK(ask_target(w, 2, stint_Verb_VERB_STATUS, "") == STINT_OK && reply.items == 1);
    CHECK(last_item(stint_StatusInfo_fields, &status));
    CHECK(status.nodes == 3 && status.tasklets == 5 && strcmp(status.authority, "n1") == 0 &&
          !status.balancer);
    CHECK(status.imbalance_permille > 2000);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_LIST, "") == STINT_OK && reply.items == 3);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_LIST, "n2") == STINT_OK && reply.items == 1);
    CHECK(last_item(stint_NodeInfo_fields, &node));
    CHECK(strcmp(node.state, "up") == 0 && strcmp(node.modules, "mill") == 0 &&
          node.tasklets == 5 && !node.authority);
    CHECK(ask_target(w, 0, stint_Verb_VERB_MODULE_LIST, "") == STINT_OK && reply.items == 3);
    CHECK(last_item(stint_ModuleInfo_fields, &module) &&
          strcmp(module.codes, "Sum,Feed,Wait") == 0);
    CHECK(ask_target(w, 0, stint_Verb_VERB_VIEW, "") == STINT_OK && reply.items == 1);
    CHECK(ask_text(w, 0, stint_Verb_VERB_SCHEMA, "mill/Sum") == STINT_OK &&
          reply.payload_size > 50);
    CHECK(ask_text(w, 0, stint_Verb_VERB_SCHEMA, "mill.Number") == STINT_OK);
    CHECK(ask_text(w, 0, stint_Verb_VERB_SCHEMA, "mill.None") == STINT_NOT_FOUND);
    CHECK(ask_text(w, 0, stint_Verb_VERB_SCHEMA, "mill/None") == STINT_UNKNOWN_CODE &&
          says("Sum Feed Wait"));
    CHECK(ask_text(w, 0, stint_Verb_VERB_SCHEMA, "none/None") == STINT_UNKNOWN_MODULE &&
          says("mill"));
    return true;
}

static bool
spawning_says_what_is_wrong(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE];
    stint_Request r = request(stint_Verb_VERB_TASKLET_SPAWN);
    CHECK(start(w, 2) && no_balancer(w));
    CHECK(ask_text(w, 0, stint_Verb_VERB_TASKLET_SPAWN, "mill") == STINT_INVALID &&
          says("MODULE/CODE"));
    CHECK(ask_text(w, 0, stint_Verb_VERB_TASKLET_SPAWN, "mill/None") == STINT_UNKNOWN_CODE &&
          says("Wait"));
    text_copy(r.text, sizeof r.text, "mill/Sum");
    CHECK(ask_with(w, 0, &r, span_text("\xff\xff\xff")) == STINT_INVALID && says("mill.Sum"));
    r.count = 1000001;
    CHECK(ask(w, 0, &r) == STINT_LIMIT);
    CHECK(spawn_idle(w, 0, "n9", 1, hex) == STINT_NOT_FOUND);
    CHECK(spawn_sum(w, 0, "n2", "a", 1, hex) == STINT_OK);
    CHECK(spawn_sum(w, 1, "n1", "a", 1, hex) == STINT_EXISTS && says("ended at once"));
    CHECK(spawn_sum(w, 1, "n1", "b", 3, hex) == STINT_PARTIAL && reply.items == 3);
    CHECK(spawn_idle(w, 0, "", 5000, hex) == STINT_OK && reply.items == 5000);
    return true;
}

static bool
tasklets_are_listed(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE], one[STINT_ID_TEXT_SIZE];
    stint_Request r = request(stint_Verb_VERB_TASKLET_LIST);
    stint_TaskletInfo info = stint_TaskletInfo_init_zero;
    stint_FrameInfo frame = stint_FrameInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_sum(w, 0, "n1", "one", 1, one) == STINT_OK);
    CHECK(spawn_idle(w, 0, "n2", 20, hex) == STINT_OK);
    CHECK(ask(w, 2, &r) == STINT_OK && reply.items == 21);
    text_copy(r.selector, sizeof r.selector, "code=Feed and node=n2 and state=blocked and moves<1");
    CHECK(ask(w, 2, &r) == STINT_OK && reply.items == 20);
    text_copy(r.selector, sizeof r.selector, "colour=blue");
    CHECK(ask(w, 2, &r) == STINT_INVALID && says("there is no field `colour`"));
    text_copy(r.selector, sizeof r.selector, "code<Sum");
    CHECK(ask(w, 2, &r) == STINT_INVALID);
    r.selector[0] = 0;
    r.limit = 15;
    CHECK(ask(w, 2, &r) == STINT_OK && reply.items == 15);
    text_copy(r.sort, sizeof r.sort, "-id");
    CHECK(ask(w, 2, &r) == STINT_OK && reply.items == 15);
    text_copy(r.on, sizeof r.on, "n1");
    CHECK(ask(w, 2, &r) == STINT_OK && reply.items == 1 &&
          last_item(stint_TaskletInfo_fields, &info));
    CHECK(strcmp(info.code, "Sum") == 0 && info.movable && strcmp(info.state, "blocked") == 0 &&
          info.frames == 1);

    CHECK(ask_target(w, 1, stint_Verb_VERB_TASKLET_STACK, one) == STINT_OK && reply.items == 1);
    CHECK(last_item(stint_FrameInfo_fields, &frame) && strcmp(frame.type, "mill.Sum") == 0);
    CHECK(reply.payload_size > reply.item_size);
    one[12] = 0;
    CHECK(ask_target(w, 1, stint_Verb_VERB_TASKLET_DESCRIBE, one) == STINT_OK);
    CHECK(ask_target(w, 1, stint_Verb_VERB_TASKLET_DESCRIBE, "zebra") == STINT_INVALID);
    CHECK(ask_target(w, 1, stint_Verb_VERB_TASKLET_DESCRIBE, "00000000000000000000000000000001") ==
          STINT_NOT_FOUND);
    int ambiguous = 0;
    for (char digit = '0'; digit <= '9'; digit++) {
        char prefix[2] = { digit, 0 };
        ambiguous += ask_target(w, 1, stint_Verb_VERB_TASKLET_DESCRIBE, prefix) == STINT_AMBIGUOUS
                         ? 1
                         : 0;
    }
    CHECK(ambiguous > 0);
    return true;
}

static bool
channels_take_and_give(struct world *w)
{
    char sum[STINT_ID_TEXT_SIZE];
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    stint_ValueInfo value = stint_ValueInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(create(w, 0, "out", 2, "mill.Number", "n2") == STINT_OK &&
          last_item(stint_ChannelInfo_fields, &info));
    CHECK(strcmp(info.node, "n2") == 0 && info.capacity == 2 &&
          strcmp(info.type, "mill.Number") == 0);
    CHECK(create(w, 2, "out", 2, "mill.Number", "n3") == STINT_EXISTS && says("out"));
    CHECK(create(w, 2, "x y", 2, "mill.Number", "") == STINT_INVALID);
    CHECK(create(w, 2, "z", 2, "mill.None", "") == STINT_NOT_FOUND);
    CHECK(create(w, 2, "z", 70000, "mill.Number", "") == STINT_LIMIT);
    CHECK(ask_text(w, 2, stint_Verb_VERB_RESOLVE, "out") == STINT_OK &&
          last_item(stint_ChannelInfo_fields, &info));
    CHECK(strcmp(info.name, "out") == 0);
    CHECK(ask_target(w, 2, stint_Verb_VERB_CHANNEL_DESCRIBE, "nothing") == STINT_NOT_FOUND);

    CHECK(send_number(w, 0, "out", 1, 5000) == STINT_OK);
    CHECK(send_number(w, 2, "out", 2, 5000) == STINT_OK);
    CHECK(send_number(w, 2, "out", 3, 500) == STINT_TIMED_OUT);
    CHECK(receive(w, 1, "out", 5000) == STINT_OK && last_item(stint_ValueInfo_fields, &value));
    CHECK(strcmp(value.type, "mill.Number") == 0);
    mill_Number got = mill_Number_init_zero;
    pb_istream_t stream = pb_istream_from_buffer(reply.payload + reply.item_size,
                                                 reply.payload_size - reply.item_size);
    CHECK(pb_decode(&stream, mill_Number_fields, &got) && got.sequence == 1);
    CHECK(receive(w, 2, "out", 5000) == STINT_OK);
    CHECK(receive(w, 0, "out", 500) == STINT_TIMED_OUT &&
          says("nothing is lost")); /* the third was taken back */

    stint_Request r = request(stint_Verb_VERB_CHANNEL_SEND);
    text_copy(r.target, sizeof r.target, "out");
    text_copy(r.type, sizeof r.type, "mill.Answer");
    CHECK(ask(w, 0, &r) == STINT_TYPE_MISMATCH && says("mill.Number"));
    r.type[0] = 0;
    CHECK(ask_with(w, 0, &r, span_text("\xff\xff\xff\xff")) == STINT_INVALID);

    CHECK(spawn_sum(w, 0, "n3", "sum", 1, sum) == STINT_OK);
    for (uint64_t i = 1; i <= 20; i++) {
        CHECK(send_number(w, (int)(i % 3), "sum", i, 5000) == STINT_OK);
        if (i % 5 == 0) {
            CHECK(migrate(w, 0, sum, i % 2 == 0 ? "n1" : "n2") == STINT_OK);
        }
    }
    stint_Request list = request(stint_Verb_VERB_CHANNEL_LIST);
    CHECK(ask(w, 0, &list) == STINT_OK && reply.items == 2);
    stint_Request close = request(stint_Verb_VERB_CHANNEL_CLOSE);
    text_copy(close.target, sizeof close.target, "out");
    close.wake = true;
    CHECK(ask(w, 0, &close) == STINT_OK);
    world_run(w, SECOND);
    CHECK(ask_text(w, 2, stint_Verb_VERB_RESOLVE, "out") == STINT_NOT_FOUND);
    enum stint_status gone = receive(w, 0, "out", 1000);
    CHECK(gone == STINT_NOT_FOUND || gone == STINT_CHANNEL_LOST);
    return true;
}

static bool
values_are_sent_once(struct world *w)
{
    uint8_t bytes[mill_Number_size];
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(create(w, 0, "q", 16, "mill.Number", "n3") == STINT_OK);
    stint_Request r = request(stint_Verb_VERB_CHANNEL_SEND);
    text_copy(r.target, sizeof r.target, "q");
    text_copy(r.type, sizeof r.type, "mill.Number");
    r.participant.size = 16;
    memset(r.participant.bytes, 7, 16);
    for (r.number = 1; r.number <= 5; r.number++) {
        for (int node = 0; node < 3; node++) { /* the same operation through every node */
            CHECK(ask_with(w, node, &r, number(bytes, sizeof bytes, r.number)) == STINT_OK);
        }
    }
    CHECK(ask_target(w, 0, stint_Verb_VERB_CHANNEL_DESCRIBE, "q") == STINT_OK);
    CHECK(last_item(stint_ChannelInfo_fields, &info) && info.buffered == 5);
    r.number = 0;
    CHECK(ask(w, 0, &r) == STINT_INVALID);
    return true;
}

static bool
tasklets_are_moved(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE], many[STINT_ID_TEXT_SIZE], move[STINT_ID_TEXT_SIZE];
    stint_MoveInfo info = stint_MoveInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_sum(w, 0, "n1", "one", 1, one) == STINT_OK);
    CHECK(migrate(w, 2, one, "n3") == STINT_OK && reply.items == 1 &&
          last_item(stint_MoveInfo_fields, &info));
    CHECK(strcmp(info.outcome, "committed") == 0 && strcmp(info.from, "n1") == 0 &&
          strcmp(info.to, "n3") == 0);
    CHECK(strcmp(info.by, "world") == 0 && info.phases_count >= 4 && info.bytes > 0 &&
          info.frozen_us > 0);
    CHECK(is_on(w, one, "n3"));
    struct stint_id id;
    memcpy(id.bytes, info.id.bytes, 16);
    (void)stint_id_text(id, move);
    CHECK(migrate(w, 0, one, "n3") == STINT_OK && last_item(stint_MoveInfo_fields, &info));
    CHECK(strcmp(info.from, info.to) == 0); /* it is there, nothing moved */
    CHECK(migrate(w, 0, one, "n4") == STINT_NOT_FOUND);
    CHECK(migrate(w, 0, one, "auto") == STINT_OK);
    CHECK(!is_on(w, one, "n3"));

    CHECK(spawn_idle(w, 0, "n1", 200, many) == STINT_OK);
    stint_Request r = request(stint_Verb_VERB_TASKLET_MIGRATE);
    text_copy(r.selector, sizeof r.selector, "node=n1 and code=Feed");
    text_copy(r.to, sizeof r.to, "n2");
    r.dry_run = true;
    CHECK(ask(w, 1, &r) == STINT_OK && reply.items >= 200);
    r.dry_run = false;
    r.wait = true;
    r.timeout_ms = 60000;
    CHECK(ask(w, 1, &r) == STINT_OK && reply.items >= 200);
    stint_Request list = request(stint_Verb_VERB_TASKLET_LIST);
    text_copy(list.on, sizeof list.on, "n1");
    text_copy(list.selector, sizeof list.selector, "code=Feed");
    CHECK(ask(w, 0, &list) == STINT_OK && reply.items == 0);
    stint_Request moves = request(stint_Verb_VERB_MIGRATION_LIST);
    moves.limit = 50;
    CHECK(ask(w, 0, &moves) == STINT_OK && reply.items == 50);
    CHECK(ask_target(w, 1, stint_Verb_VERB_MIGRATION_DESCRIBE, move) == STINT_OK &&
          reply.items == 1);
    CHECK(last_item(stint_MoveInfo_fields, &info) && strcmp(info.to, "n3") == 0);
    CHECK(ask_target(w, 1, stint_Verb_VERB_MIGRATION_DESCRIBE, "00ff00") == STINT_NOT_FOUND);
    return true;
}

static bool
reasons_are_told(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE];
    stint_ExplainInfo info = stint_ExplainInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_idle(w, 0, "n1", 1, one) == STINT_OK);
    CHECK(ask_target(w, 1, stint_Verb_VERB_TASKLET_EXPLAIN, one) == STINT_OK && reply.items == 3);
    CHECK(last_item(stint_ExplainInfo_fields, &info) && info.target_ok && info.target[0] == 'n');
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_CORDON, "n2") == STINT_OK);
    world_run(w, SECOND);
    stint_Request r = request(stint_Verb_VERB_TASKLET_EXPLAIN);
    text_copy(r.target, sizeof r.target, one);
    text_copy(r.to, sizeof r.to, "n2");
    CHECK(ask(w, 1, &r) == STINT_OK && reply.items == 2 &&
          last_item(stint_ExplainInfo_fields, &info));
    CHECK(!info.target_ok && strstr(info.text, "cordoned") != NULL);
    CHECK(migrate(w, 0, one, "n2") == STINT_REFUSED && says("cordoned"));
    stint_Request pinned = request(stint_Verb_VERB_TASKLET_SPAWN);
    text_copy(pinned.text, sizeof pinned.text, "mill/Feed");
    text_copy(pinned.on, sizeof pinned.on, "n1");
    pinned.pinned = true;
    uint8_t bytes[mill_Feed_size];
    struct stint_span args = idle_args(w, 0, bytes, sizeof bytes);
    CHECK(ask_with(w, 0, &pinned, args) == STINT_OK);
    (void)stint_id_text(reply.id, one);
    CHECK(migrate(w, 0, one, "n3") == STINT_NOT_MOVABLE && says(one));
    CHECK(ask_target(w, 1, stint_Verb_VERB_TASKLET_EXPLAIN, one) == STINT_OK && reply.items == 4);
    return true;
}

static bool
tasklets_are_controlled(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE];
    stint_TaskletInfo info = stint_TaskletInfo_init_zero;
    stint_EndInfo end = stint_EndInfo_init_zero;
    struct world_reply waited, moved;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_sum(w, 0, "n2", "s", 1, one) == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_PAUSE, one) == STINT_OK);
    CHECK(send_number(w, 0, "s", 1, 5000) == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_DESCRIBE, one) == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_RESUME, one) == STINT_OK);
    stint_Request wait = request(stint_Verb_VERB_TASKLET_WAIT);
    text_copy(wait.target, sizeof wait.target, one);
    text_copy(wait.text, sizeof wait.text, "blocked");
    CHECK(ask(w, 0, &wait) == STINT_OK && last_item(stint_TaskletInfo_fields, &info));
    text_copy(wait.text, sizeof wait.text, "sooner");
    CHECK(ask(w, 0, &wait) == STINT_INVALID);
    text_copy(wait.text, sizeof wait.text, "ended");
    wait.timeout_ms = 300;
    CHECK(ask(w, 0, &wait) == STINT_TIMED_OUT && says("has not ended"));
    wait.timeout_ms = 60000;
    world_request(w, 0, &wait, span_of(NULL, 0), &waited);
    text_copy(wait.text, sizeof wait.text, "moved");
    world_request(w, 1, &wait, span_of(NULL, 0), &moved);
    world_run(w, SECOND);
    CHECK(!waited.done && !moved.done);
    CHECK(migrate(w, 0, one, "n3") == STINT_OK);
    world_run(w, SECOND);
    CHECK(moved.done && moved.status == STINT_OK && !waited.done);
    CHECK(migrate(w, 0, one, "n1") == STINT_OK); /* the other wait follows */
    CHECK(ask_target(w, 2, stint_Verb_VERB_TASKLET_KILL, one) == STINT_OK);
    world_run(w, SECOND);
    CHECK(waited.done && waited.status == STINT_OK);
    pb_istream_t stream = pb_istream_from_buffer(waited.payload, waited.item_size);
    CHECK(pb_decode(&stream, stint_EndInfo_fields, &end) && end.status == STINT_KILLED);
    text_copy(wait.text, sizeof wait.text, "ended"); /* a little late, but its end is remembered */
    CHECK(ask(w, 1, &wait) == STINT_OK && last_item(stint_EndInfo_fields, &end) &&
          end.status == STINT_KILLED);
    CHECK(ask_target(w, 2, stint_Verb_VERB_TASKLET_KILL, one) == STINT_NOT_FOUND);
    return true;
}

static bool
is_drained(struct world *w, void *arg)
{
    struct kernel_counters counters;
    (void)arg;
    if (world_node(w, 1) == NULL || world_is_exited(w, 1, NULL)) {
        return true;
    }
    kernel_count(world_node(w, 1)->kernel, &counters);
    return counters.tasklets == 0;
}

static bool
left(struct world *w, void *arg)
{
    (void)arg;
    return world_is_exited(w, 1, NULL);
}

static bool
nodes_are_drained(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE];
    enum stint_status status;
    stint_DrainInfo info = stint_DrainInfo_init_zero;
    stint_NodeInfo node = stint_NodeInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_idle(w, 0, "n2", 50, hex) == STINT_OK);
    stint_Request r = request(stint_Verb_VERB_NODE_DRAIN);
    text_copy(r.target, sizeof r.target, "n2");
    r.dry_run = true;
    CHECK(ask(w, 0, &r) == STINT_OK && reply.items == 50);
    r.dry_run = false;
    text_copy(r.to, sizeof r.to, "n2");
    CHECK(ask(w, 0, &r) == STINT_INVALID);
    text_copy(r.to, sizeof r.to, "n3");
    CHECK(ask(w, 0, &r) == STINT_OK && reply.items == 1);
    CHECK(world_until(w, is_drained, NULL, 30 * SECOND));
    world_run(w, SECOND);
    CHECK(ask(w, 0, &r) == STINT_OK && last_item(stint_DrainInfo_fields, &info));
    CHECK(info.done && info.remaining == 0 && info.moved == 50);
    world_run(w, 2 * SECOND);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_LIST, "n3") == STINT_OK &&
          last_item(stint_NodeInfo_fields, &node));
    CHECK(node.tasklets == 50);                      /* to n3 alone */
    CHECK(spawn_idle(w, 0, "", 1, hex) == STINT_OK); /* n2 takes nothing: it went elsewhere */
    CHECK(spawn_idle(w, 0, "n2", 1, hex) == STINT_DRAINING && says("draining"));
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_UNCORDON, "n2") == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_LIST, "n2") == STINT_OK &&
          last_item(stint_NodeInfo_fields, &node));
    CHECK(strcmp(node.state, "up") == 0);
    r.leave = true;
    CHECK(ask(w, 0, &r) == STINT_OK);
    CHECK(world_until(w, left, NULL, 30 * SECOND));
    (void)world_is_exited(w, 1, &status);
    CHECK(status == STINT_OK);
    world_run(w, SECOND);
    CHECK(ask(w, 0, &r) == STINT_OK && last_item(stint_DrainInfo_fields, &info) && info.done);
    CHECK(ask_target(w, 0, stint_Verb_VERB_PING, "n2") == STINT_NOT_FOUND && says("has left"));
    return true;
}

static bool
nodes_are_stopped(struct world *w)
{
    enum stint_status status;
    CHECK(start(w, 2));
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_STOP, "n2") == STINT_OK);
    CHECK(world_until(w, left, NULL, 10 * SECOND));
    (void)world_is_exited(w, 1, &status);
    CHECK(status == STINT_OK);
    return true;
}

static bool
balance_is_planned_and_done(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE];
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(ask_text(w, 0, stint_Verb_VERB_BALANCER, "sideways") == STINT_INVALID);
    CHECK(spawn_idle(w, 0, "n1", 60, hex) == STINT_OK);
    world_run(w, 3 * SECOND);
    stint_Request r = request(stint_Verb_VERB_BALANCE);
    r.dry_run = true;
    r.count = 7;
    CHECK(ask(w, 1, &r) == STINT_OK && reply.items == 7);
    r.dry_run = false;
    CHECK(ask(w, 1, &r) == STINT_OK && reply.items == 7);
    world_run(w, 2 * SECOND);
    CHECK(moves_counts(world_node(w, 0)->moves).out_committed == 7);
    CHECK(ask_text(w, 1, stint_Verb_VERB_BALANCER, "on") == STINT_OK);
    return true;
}

/* ---- files ---- */

static uint8_t file[1 << 16];
static size_t file_size;

/* The pieces of an export; the world keeps only the last, and these files have one. */
static enum stint_status export(struct world *w, int entry, const char *tasklet, bool move) {
    stint_Request r = request(stint_Verb_VERB_TASKLET_EXPORT);
    text_copy(r.target, sizeof r.target, tasklet);
    r.move = move;
    enum stint_status status = ask(w, entry, &r);
    STINT_ASSERT(reply.items <= 1);
    file_size = reply.items == 1 ? reply.payload_size : 0;
    memcpy(file, reply.payload, file_size);
    return status;
}

static enum stint_status
import(struct world *w, int entry, const char *on)
{
    stint_Request r = request(stint_Verb_VERB_UPLOAD);
    struct stint_id id = prng_id(world_random(w));
    r.id.size = 16;
    memcpy(r.id.bytes, id.bytes, 16);
    r.total = file_size;
    for (size_t at = 0; at < file_size; at += 200) {
        r.offset = at;
        size_t size = file_size - at < 200 ? file_size - at : 200;
        if (ask_with(w, entry, &r, span_of(file + at, size)) != STINT_OK) {
            return reply.status;
        }
    }
    r.verb = stint_Verb_VERB_TASKLET_IMPORT;
    text_copy(r.on, sizeof r.on, on);
    return ask(w, entry, &r);
}

static bool
tasklets_go_through_files(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE], copy[STINT_ID_TEXT_SIZE];
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_sum(w, 0, "n1", "s", 1, one) == STINT_OK);
    CHECK(send_number(w, 0, "s", 1, 5000) == STINT_OK);
    CHECK(export(w, 2, one, false) == STINT_OK && file_size > 100);
    CHECK(import(w, 2, "n2") == STINT_OK && reply.items == 1);
    (void)stint_id_text(reply.id, copy);
    CHECK(strcmp(one, copy) != 0 && is_on(w, copy, "n2") && is_on(w, one, "n1"));
    CHECK(import(w, 0, "") == STINT_OK); /* a copy as often as one likes */
    file[file_size / 2] ^= 1;
    CHECK(import(w, 0, "") != STINT_OK);
    file[file_size / 2] ^= 1;
    file_size--;
    CHECK(import(w, 0, "") == STINT_BAD_PICKLE);

    CHECK(export(w, 1, one, true) == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_DESCRIBE, one) == STINT_NOT_FOUND);
    world_run(w, SECOND);
    CHECK(ask_text(w, 0, stint_Verb_VERB_RESOLVE, "s") == STINT_NOT_FOUND);
    CHECK(import(w, 0, "n3") == STINT_OK);
    CHECK(is_on(w, one, "n3"));
    CHECK(ask_text(w, 1, stint_Verb_VERB_RESOLVE, "s") == STINT_OK &&
          last_item(stint_ChannelInfo_fields, &info));
    CHECK(strcmp(info.node, "n3") == 0);
    CHECK(send_number(w, 1, "s", 2, 5000) == STINT_OK);
    CHECK(import(w, 1, "n1") == STINT_EXISTS); /* once */
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_KILL, one) == STINT_OK);
    world_run(w, SECOND);
    CHECK(import(w, 1, "n1") == STINT_EXISTS && says("imported already"));
    return true;
}

static bool
requests_are_done_once(struct world *w)
{
    struct world_reply second;
    struct kernel_counters counters;
    uint8_t bytes[mill_Feed_size];
    CHECK(start(w, 3) && no_balancer(w));
    struct stint_span args = idle_args(w, 0, bytes, sizeof bytes);
    stint_Request r = request(stint_Verb_VERB_TASKLET_SPAWN);
    text_copy(r.text, sizeof r.text, "mill/Feed");
    text_copy(r.on, sizeof r.on, "n2");
    r.count = 10;
    r.id.size = 16;
    memset(r.id.bytes, 9, 16);
    CHECK(ask_with(w, 0, &r, args) == STINT_OK && reply.items == 10);
    CHECK(ask_with(w, 2, &r, args) == STINT_OK && reply.items == 10); /* over another node */
    world_request(w, 0, &r, args, &second);
    CHECK(ask_with(w, 1, &r, args) == STINT_OK && reply.items == 10);
    world_run(w, SECOND);
    CHECK(second.done && second.items == 10);
    kernel_count(world_node(w, 1)->kernel, &counters);
    CHECK(counters.tasklets == 10);
    r.id.bytes[0] ^= 1; /* without a node: whichever it came to first */
    r.on[0] = 0;
    CHECK(ask_with(w, 0, &r, args) == STINT_OK && reply.items == 10);
    CHECK(ask_with(w, 2, &r, args) == STINT_OK && reply.items == 10);
    stint_Request list = request(stint_Verb_VERB_TASKLET_LIST);
    CHECK(ask(w, 0, &list) == STINT_OK && reply.items == 20);
    return true;
}

static bool
keys_are_revoked(struct world *w)
{
    stint_KeyInfo info = stint_KeyInfo_init_zero;
    stint_Request r = request(stint_Verb_VERB_KEY_REVOKE);
    CHECK(start(w, 2));
    CHECK(ask(w, 1, &r) == STINT_INVALID);
    r.serial = 4711;
    CHECK(ask(w, 1, &r) == STINT_OK);
    world_run(w, SECOND);
    CHECK(ask_target(w, 0, stint_Verb_VERB_KEY_LIST, "") == STINT_OK && reply.items == 1);
    CHECK(last_item(stint_KeyInfo_fields, &info) && info.serial == 4711);
    CHECK(ask(w, 0, &r) == STINT_EXISTS);
    return true;
}

static bool
silent_nodes_are_named(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE];
    struct world_reply waited;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_sum(w, 0, "n3", "s", 1, one) == STINT_OK);
    stint_Request wait = request(stint_Verb_VERB_TASKLET_WAIT);
    text_copy(wait.target, sizeof wait.target, one);
    wait.timeout_ms = 60000;
    world_request(w, 0, &wait, span_of(NULL, 0), &waited);
    world_run(w, SECOND);
    world_crash(w, 2);
    stint_Request list = request(stint_Verb_VERB_TASKLET_LIST);
    list.timeout_ms = 1000;
    CHECK(ask(w, 0, &list) == STINT_PARTIAL && says("node n3"));
    world_run(w, 15 * SECOND);
    CHECK(ask(w, 0, &list) == STINT_OK && reply.items == 0); /* it is known to be dead */
    CHECK(waited.done && waited.status != STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_DESCRIBE, one) == STINT_NOT_FOUND);
    CHECK(ask_text(w, 0, stint_Verb_VERB_RESOLVE, "s") == STINT_NOT_FOUND);
    world_crash(w, 0); /* the authority: work goes on, names are asked of their hosts */
    CHECK(spawn_idle(w, 1, "", 1, one) == STINT_OK);
    CHECK(ask_target(w, 1, stint_Verb_VERB_NODE_CORDON, "n2") == STINT_STORE_DOWN);
    return true;
}

static bool
under_faults(struct world *w)
{
    struct world_faults faults = { .drop_permille = 50,
                                   .duplicate_permille = 50,
                                   .reorder_permille = 100,
                                   .delay_min_ns = 10000,
                                   .delay_max_ns = WORLD_MS };
    world_set_faults(w, &faults);
    return channels_take_and_give(w);
}

static const struct {
    const char *name;
    bool (*run)(struct world *w);
} cases[] = {
    { "cluster_is_shown", cluster_is_shown },
    { "spawning_says_what_is_wrong", spawning_says_what_is_wrong },
    { "tasklets_are_listed", tasklets_are_listed },
    { "channels_take_and_give", channels_take_and_give },
    { "values_are_sent_once", values_are_sent_once },
    { "tasklets_are_moved", tasklets_are_moved },
    { "reasons_are_told", reasons_are_told },
    { "tasklets_are_controlled", tasklets_are_controlled },
    { "nodes_are_drained", nodes_are_drained },
    { "nodes_are_stopped", nodes_are_stopped },
    { "balance_is_planned_and_done", balance_is_planned_and_done },
    { "tasklets_go_through_files", tasklets_go_through_files },
    { "requests_are_done_once", requests_are_done_once },
    { "keys_are_revoked", keys_are_revoked },
    { "silent_nodes_are_named", silent_nodes_are_named },
    { "under_faults", under_faults },
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
            printf("last answer: %s: %s\n", stint_status_name(reply.status), reply.detail);
            printf("again: %s --seed %llu --verbose %s\n", argv[0], (unsigned long long)seed,
                   cases[i].name);
        }
        good = good && passed;
        world_free(w);
    }
    return good ? 0 : 1;
}
