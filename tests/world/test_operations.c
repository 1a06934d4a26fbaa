/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that work with tasklets and channels: values, moves, files, retries; on a good network
 * and on a bad one.
 *
 *     world_operations [--seed N] [--verbose] [CASE]
 */
#include "requests.h"

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
    memset(r.participant.bytes, 8, 16); /* one whose numbers do not begin at 1 */
    r.number = 41;
    CHECK(ask_with(w, 1, &r, number(bytes, sizeof bytes, 41)) == STINT_OK);
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
    struct world_reply moved;
    stint_Request list = request(stint_Verb_VERB_TASKLET_LIST);
    world_request(w, 1, &r, span_of(NULL, 0), &moved);
    while (!moved.done) { /* what is on its way is shown once at most */
        CHECK(ask(w, 0, &list) == STINT_OK && reply.items <= 201 && reply.items > 100);
    }
    CHECK(moved.status == STINT_OK && moved.items >= 200);
    text_copy(list.on, sizeof list.on, "n1");
    text_copy(list.selector, sizeof list.selector, "code=Feed");
    CHECK(ask(w, 0, &list) == STINT_OK && reply.items == 0);
    stint_Request moves = request(stint_Verb_VERB_MIGRATION_LIST);
    moves.limit = 50;
    CHECK(ask(w, 0, &moves) == STINT_OK && reply.items == 50);
    CHECK(ask_target(w, 1, stint_Verb_VERB_MIGRATION_DESCRIBE, move) == STINT_OK &&
          reply.items == 1);
    CHECK(last_item(stint_MoveInfo_fields, &info) && strcmp(info.to, "n3") == 0);
    CHECK(info.frozen_us > 0 && strcmp(info.phases[0].name, "offered") == 0); /* as its source tells it */
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

static enum stint_status take_out(struct world *w, int entry, const char *tasklet, bool move);
static enum stint_status bring_in(struct world *w, int entry, const char *on);

static bool
has_tags(struct world *w, const char *tasklet, const char *tags)
{
    stint_TaskletInfo info = stint_TaskletInfo_init_zero;
    return ask_target(w, 0, stint_Verb_VERB_TASKLET_DESCRIBE, tasklet) == STINT_OK &&
           last_item(stint_TaskletInfo_fields, &info) && strcmp(info.tags, tags) == 0;
}

static uint32_t
selected(struct world *w, const char *selector, const char *sort)
{
    stint_Request r = request(stint_Verb_VERB_TASKLET_LIST);
    text_copy(r.selector, sizeof r.selector, selector);
    text_copy(r.sort, sizeof r.sort, sort);
    return ask(w, 2, &r) == STINT_OK ? reply.items : UINT32_MAX;
}

/* What is written on tasklets stays on them wherever they go. */
static bool
tasklets_are_tagged(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE], two[STINT_ID_TEXT_SIZE];
    CHECK(start(w, 3) && no_balancer(w));
    stint_Request r = request(stint_Verb_VERB_TASKLET_SPAWN);
    text_copy(r.text, sizeof r.text, "mill/Mark");
    text_copy(r.on, sizeof r.on, "n1");
    text_copy(r.tags, sizeof r.tags, "tenant=acme,tier");
    CHECK(ask(w, 1, &r) == STINT_INVALID && says("tenant=acme,tier"));
    text_copy(r.tags, sizeof r.tags, "tenant=acme,tier=gold");
    CHECK(ask(w, 1, &r) == STINT_OK);
    (void)stint_id_text(reply.id, one);
    text_copy(r.tags, sizeof r.tags, "tenant=other");
    CHECK(ask(w, 1, &r) == STINT_OK);
    (void)stint_id_text(reply.id, two);
    r.tags[0] = 0;
    CHECK(ask(w, 1, &r) == STINT_OK);
    CHECK(has_tags(w, one, "tenant=acme,tier=gold") && has_tags(w, two, "tenant=other"));
    for (int i = 0; i < 3; i++) {
        char name[8] = { 'n', (char)('1' + (i + 1) % 3), 0 };
        CHECK(migrate(w, 0, one, name) == STINT_OK && has_tags(w, one, "tenant=acme,tier=gold"));
        CHECK(selected(w, "tag.tenant=acme", "") == 1 && selected(w, "tag.tenant!=acme", "") == 2);
        CHECK(selected(w, "tag.tier=gold and tag.tenant=other", "") == 0 && selected(w, "tag.t=", "") == UINT32_MAX);
        CHECK(selected(w, "", "-tag.tenant") == 3);
    }
    CHECK(take_out(w, 0, one, true) == STINT_OK && selected(w, "tag.tenant=acme", "") == 0);
    CHECK(bring_in(w, 1, "n3") == STINT_OK && has_tags(w, one, "tenant=acme,tier=gold"));
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_KILL, one) == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_KILL, two) == STINT_OK);
    world_run(w, SECOND);
    for (int i = 0; i < 3; i++) {
        CHECK(table_count(&world_node(w, i)->tags) == 0);
    }
    return true;
}

static bool
tasklets_are_controlled(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE];
    uint8_t bytes[mill_Feed_size];
    stint_TaskletInfo info = stint_TaskletInfo_init_zero;
    stint_EndInfo end = stint_EndInfo_init_zero;
    struct world_reply waited, moved;
    CHECK(start(w, 3) && no_balancer(w));
    stint_Request paused = request(stint_Verb_VERB_TASKLET_SPAWN);
    text_copy(paused.text, sizeof paused.text, "mill/Feed");
    paused.paused = true;
    struct stint_span args = idle_args(w, 0, bytes, sizeof bytes);
    CHECK(ask_with(w, 0, &paused, args) == STINT_OK);
    (void)stint_id_text(reply.id, one);
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_DESCRIBE, one) == STINT_OK &&
          last_item(stint_TaskletInfo_fields, &info) && strcmp(info.state, "paused") == 0);
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

/* ---- files ---- */

static uint8_t file[1 << 16];
static size_t file_size;

/* The pieces of an export; the world keeps only the last, and these files have one. */
static enum stint_status
take_out(struct world *w, int entry, const char *tasklet, bool move)
{
    stint_Request r = request(stint_Verb_VERB_TASKLET_EXPORT);
    text_copy(r.target, sizeof r.target, tasklet);
    r.move = move;
    enum stint_status status = ask(w, entry, &r);
    STINT_ASSERT(reply.items <= 1);
    file_size = reply.items == 1 ? reply.payload_size : 0;
    memcpy(file, reply.payload, file_size);
    return status;
}

static stint_Request last_import;

static enum stint_status
bring_in(struct world *w, int entry, const char *on)
{
    stint_Request r = request(stint_Verb_VERB_UPLOAD);
    struct stint_id id = prng_id(world_random(w));
    r.id.size = 16;
    memcpy(r.id.bytes, id.bytes, 16);
    r.total = file_size;
    for (size_t at = 0; at < file_size; at += 200) {
        r.offset = at;
        size_t size = file_size - at < 200 ? file_size - at : 200;
        for (int i = 0; i < 2; i++) { /* each piece comes again, and is there once */
            if (ask_with(w, entry, &r, span_of(file + at, size)) != STINT_OK) {
                return reply.status;
            }
        }
    }
    r.verb = stint_Verb_VERB_TASKLET_IMPORT;
    text_copy(r.on, sizeof r.on, on);
    last_import = r;
    return ask(w, entry, &r);
}

static bool
tasklets_go_through_files(struct world *w)
{
    char one[STINT_ID_TEXT_SIZE], copy[STINT_ID_TEXT_SIZE], again[STINT_ID_TEXT_SIZE];
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_sum(w, 0, "n1", "s", 1, one) == STINT_OK);
    CHECK(send_number(w, 0, "s", 1, 5000) == STINT_OK);
    CHECK(take_out(w, 2, one, false) == STINT_OK && file_size > 100);
    CHECK(bring_in(w, 2, "n2") == STINT_OK && reply.items == 1);
    (void)stint_id_text(reply.id, copy);
    CHECK(strcmp(one, copy) != 0 && is_on(w, copy, "n2") && is_on(w, one, "n1"));
    CHECK(ask(w, 1, &last_import) == STINT_OK); /* a retry makes no other one */
    (void)stint_id_text(reply.id, again);
    CHECK(strcmp(again, copy) == 0);
    CHECK(bring_in(w, 0, "") == STINT_OK); /* a copy as often as one likes */
    (void)stint_id_text(reply.id, again);
    CHECK(strcmp(again, copy) != 0);
    for (size_t at = 0; at < file_size; at += 37) {
        file[at] ^= 4;
        CHECK(bring_in(w, 0, "") != STINT_OK); /* signed, every byte of it */
        file[at] ^= 4;
    }
    file_size--;
    CHECK(bring_in(w, 0, "") == STINT_BAD_PICKLE);

    CHECK(take_out(w, 1, one, true) == STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_DESCRIBE, one) == STINT_NOT_FOUND);
    world_run(w, SECOND);
    CHECK(ask_text(w, 0, stint_Verb_VERB_RESOLVE, "s") == STINT_NOT_FOUND);
    CHECK(create(w, 0, "s", 1, "mill.Number", "n2") == STINT_OK); /* the name is free */
    CHECK(bring_in(w, 0, "n3") == STINT_EXISTS && says("cannot have its name again"));
    stint_Request close = request(stint_Verb_VERB_CHANNEL_CLOSE);
    text_copy(close.target, sizeof close.target, "s");
    close.wake = true;
    CHECK(ask(w, 0, &close) == STINT_OK);
    world_run(w, SECOND);
    CHECK(bring_in(w, 0, "n3") == STINT_OK); /* what failed has claimed nothing */
    CHECK(is_on(w, one, "n3"));
    CHECK(ask_text(w, 1, stint_Verb_VERB_RESOLVE, "s") == STINT_OK &&
          last_item(stint_ChannelInfo_fields, &info));
    CHECK(strcmp(info.node, "n3") == 0);
    CHECK(send_number(w, 1, "s", 2, 5000) == STINT_OK);
    CHECK(bring_in(w, 1, "n1") == STINT_EXISTS); /* once */
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_KILL, one) == STINT_OK);
    world_run(w, SECOND);
    CHECK(bring_in(w, 1, "n1") == STINT_EXISTS && says("imported already"));
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
    char one[STINT_ID_TEXT_SIZE];
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_KILL, stint_id_text(second.id, one)) == STINT_OK);
    world_run(w, 20 * SECOND); /* the answer is kept that long: nothing is looked at, nor made again */
    CHECK(ask_with(w, 1, &r, args) == STINT_OK && reply.items == 10);
    kernel_count(world_node(w, 1)->kernel, &counters);
    CHECK(counters.tasklets == 9);
    stint_Request other = request(stint_Verb_VERB_CHANNEL_CREATE); /* another verb, the same id */
    text_copy(other.type, sizeof other.type, "mill.Number");
    text_copy(other.on, sizeof other.on, "n2");
    other.id = r.id;
    CHECK(ask(w, 0, &other) == STINT_OK);
    r.id.bytes[0] ^= 1; /* without a node: whichever it came to first */
    r.on[0] = 0;
    CHECK(ask_with(w, 0, &r, args) == STINT_OK && reply.items == 10);
    CHECK(ask_with(w, 2, &r, args) == STINT_OK && reply.items == 10);
    stint_Request list = request(stint_Verb_VERB_TASKLET_LIST);
    CHECK(ask(w, 0, &list) == STINT_OK && reply.items == 19);
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

static const struct world_case cases[] = {
    { "channels_take_and_give", channels_take_and_give },
    { "values_are_sent_once", values_are_sent_once },
    { "tasklets_are_moved", tasklets_are_moved },
    { "reasons_are_told", reasons_are_told },
    { "tasklets_are_controlled", tasklets_are_controlled },
    { "tasklets_are_tagged", tasklets_are_tagged },
    { "tasklets_go_through_files", tasklets_go_through_files },
    { "requests_are_done_once", requests_are_done_once },
    { "under_faults", under_faults },
};

int
main(int argc, char **argv)
{
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], say_last_answer);
}
