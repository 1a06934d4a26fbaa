/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tasklets do to what is on another node (close, kill, go there themselves), and lists by every field that
 * can be asked for.
 *
 *     world_reach [--seed N] [--verbose] [CASE]
 */
#include "requests.h"

/* Starts a hand on node n1; its id as text. */
static enum stint_status
spawn_hand(struct world *w, const mill_Hand *hand, char hex[STINT_ID_TEXT_SIZE])
{
    uint8_t bytes[mill_Hand_size];
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    STINT_ASSERT(pb_encode(&stream, mill_Hand_fields, hand));
    stint_Request r = request(stint_Verb_VERB_TASKLET_SPAWN);
    text_copy(r.text, sizeof r.text, "mill/Hand");
    text_copy(r.on, sizeof r.on, "n1");
    enum stint_status status = ask_with(w, 0, &r, span_of(bytes, stream.bytes_written));
    (void)stint_id_text(reply.id, hex);
    return status;
}

static bool
is_gone(struct world *w, const char *tasklet)
{
    return ask_target(w, 0, stint_Verb_VERB_TASKLET_DESCRIBE, tasklet) == STINT_NOT_FOUND;
}

static mill_Hand
hand_on(enum _mill_Hand_What what, struct stint_id channel)
{
    mill_Hand hand = mill_Hand_init_zero;
    hand.what = what;
    memcpy(hand.on.id, channel.bytes, sizeof hand.on.id);
    return hand;
}

static struct stint_id
created(void)
{
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    struct stint_id id;
    STINT_ASSERT(last_item(stint_ChannelInfo_fields, &info));
    memcpy(id.bytes, info.id.bytes, sizeof id.bytes);
    return id;
}

static bool
is_done(struct world *w, void *arg)
{
    (void)w;
    return ((const struct world_reply *)arg)->done;
}

static bool
a_channel_elsewhere_is_closed(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE];
    struct world_reply waiting;
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(create(w, 0, "soft", 4, "mill.Number", "n3") == STINT_OK);
    struct stint_id soft = created();
    CHECK(create(w, 0, "hard", 0, "mill.Number", "n3") == STINT_OK);
    struct stint_id hard = created();

    /* Without wake it takes nothing more, and what it holds can be had; then it is gone. */
    CHECK(send_number(w, 0, "soft", 1, 5000) == STINT_OK);
    mill_Hand hand = hand_on(mill_Hand_What_CLOSE, soft);
    CHECK(spawn_hand(w, &hand, hex) == STINT_OK);
    world_run(w, SECOND);
    CHECK(ask_target(w, 0, stint_Verb_VERB_CHANNEL_DESCRIBE, "soft") == STINT_OK &&
          last_item(stint_ChannelInfo_fields, &info) && info.closing && info.buffered == 1);
    CHECK(send_number(w, 1, "soft", 2, 2000) == STINT_CLOSED);
    CHECK(receive(w, 1, "soft", 2000) == STINT_OK);
    CHECK(receive(w, 1, "soft", 2000) == STINT_NOT_FOUND);
    CHECK(ask_text(w, 1, stint_Verb_VERB_RESOLVE, "soft") == STINT_NOT_FOUND);

    /* With wake those that wait are told, and it is gone. */
    stint_Request r = request(stint_Verb_VERB_CHANNEL_RECEIVE);
    text_copy(r.target, sizeof r.target, "hard");
    r.timeout_ms = 60000;
    world_request(w, 1, &r, span_of(NULL, 0), &waiting);
    world_run(w, SECOND);
    CHECK(!waiting.done);
    hand = hand_on(mill_Hand_What_WAKE, hard);
    CHECK(spawn_hand(w, &hand, hex) == STINT_OK);
    CHECK(world_until(w, is_done, &waiting, 10 * SECOND) && waiting.status == STINT_END_OF_SEQUENCE);
    world_run(w, SECOND);
    CHECK(ask_text(w, 1, stint_Verb_VERB_RESOLVE, "hard") == STINT_NOT_FOUND);
    CHECK(is_on(w, hex, "n1")); /* the hand itself went on and rests */
    return true;
}

static bool
a_tasklet_elsewhere_is_killed(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE], victims[2][STINT_ID_TEXT_SIZE];
    CHECK(start(w, 3) && no_balancer(w));
    for (int i = 0; i < 2; i++) {
        CHECK(spawn_idle(w, 0, "n2", 1, victims[i]) == STINT_OK);
        mill_Hand hand = mill_Hand_init_zero;
        hand.what = i == 0 ? mill_Hand_What_KILL : mill_Hand_What_KILL_PENDING;
        memcpy(hand.tasklet, reply.id.bytes, sizeof hand.tasklet);
        CHECK(migrate(w, 0, victims[i], "n3") == STINT_OK); /* it is not where it was born */
        CHECK(is_on(w, victims[i], "n3"));
        CHECK(spawn_hand(w, &hand, hex) == STINT_OK);
        world_run(w, 2 * SECOND);
        CHECK(is_gone(w, victims[i]) && is_on(w, hex, "n1"));
    }
    mill_Hand hand = mill_Hand_init_zero; /* who is nowhere has ended, and killing that is a success */
    hand.what = mill_Hand_What_KILL;
    hand.tasklet[0] = 77;
    CHECK(spawn_hand(w, &hand, hex) == STINT_OK);
    world_run(w, 2 * SECOND);
    CHECK(is_on(w, hex, "n1"));
    return true;
}

static bool
a_tasklet_goes_elsewhere_itself(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE];
    stint_TaskletInfo info = stint_TaskletInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w));
    mill_Hand hand = mill_Hand_init_zero;
    hand.what = mill_Hand_What_MIGRATE;
    memcpy(hand.node.id, world_node(w, 2)->self.id.bytes, sizeof hand.node.id);
    CHECK(spawn_hand(w, &hand, hex) == STINT_OK);
    world_run(w, 2 * SECOND);
    CHECK(is_on(w, hex, "n3"));
    CHECK(last_item(stint_TaskletInfo_fields, &info) && info.moves == 1 && strcmp(info.state, "paused") == 0);

    memcpy(hand.node.id, world_node(w, 0)->self.id.bytes, sizeof hand.node.id); /* it is there */
    CHECK(spawn_hand(w, &hand, hex) == STINT_OK);
    world_run(w, 2 * SECOND);
    CHECK(is_on(w, hex, "n1"));
    CHECK(last_item(stint_TaskletInfo_fields, &info) && info.moves == 0);

    memset(hand.node.id, 9, sizeof hand.node.id); /* there is no such node: an error, which ends it */
    CHECK(spawn_hand(w, &hand, hex) == STINT_OK);
    world_run(w, 2 * SECOND);
    CHECK(is_gone(w, hex));
    return true;
}

static void
watch_logs(struct world *w, const struct world_happening *what, void *arg)
{
    (void)w;
    if (what->what == WORLD_LOGS && strstr(what->text, "tasklet: a hand was here") != NULL) {
        (*(int *)arg)++;
    }
}

static bool
a_tasklet_writes_to_the_log(struct world *w)
{
    char hex[STINT_ID_TEXT_SIZE];
    int lines = 0;
    CHECK(start(w, 1));
    world_on_happening(w, watch_logs, &lines);
    mill_Hand hand = mill_Hand_init_zero;
    hand.what = mill_Hand_What_LOG;
    CHECK(spawn_hand(w, &hand, hex) == STINT_OK);
    world_run(w, SECOND);
    world_on_happening(w, NULL, NULL);
    CHECK(lines == 1);
    return true;
}

/* ---- lists by field ---- */

struct selection {
    const char *selector;
    uint32_t items;
};

static bool
select_each(struct world *w, stint_Verb verb, const struct selection *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        stint_Request r = request(verb);
        text_copy(r.selector, sizeof r.selector, rows[i].selector);
        enum stint_status status = ask(w, 1, &r);
        if (status != STINT_OK || reply.items != rows[i].items) {
            printf("%s: %s, %u items, not %u\n", rows[i].selector, stint_status_name(status), reply.items,
                   rows[i].items);
            return false;
        }
    }
    return true;
}

static bool
channels_by_each_field(struct world *w)
{
    char sum[STINT_ID_TEXT_SIZE], id[STINT_ID_TEXT_SIZE], by_id[80], by_owner[80];
    struct world_reply waiting;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(create(w, 0, "a", 5, "mill.Number", "n2") == STINT_OK);
    (void)stint_id_text(created(), id);
    CHECK(create(w, 0, "b", 0, "mill.Answer", "n3") == STINT_OK);
    CHECK(spawn_sum(w, 0, "n1", "s", 1, sum) == STINT_OK); /* waits in its own channel, of capacity 4 */
    CHECK(send_number(w, 0, "a", 1, 5000) == STINT_OK && send_number(w, 0, "a", 2, 5000) == STINT_OK);
    stint_Request r = request(stint_Verb_VERB_CHANNEL_RECEIVE);
    text_copy(r.target, sizeof r.target, "b");
    r.timeout_ms = 600000;
    world_request(w, 1, &r, span_of(NULL, 0), &waiting);
    stint_Request close = request(stint_Verb_VERB_CHANNEL_CLOSE);
    text_copy(close.target, sizeof close.target, "a");
    CHECK(ask(w, 0, &close) == STINT_OK);
    world_run(w, SECOND);
    snprintf(by_id, sizeof by_id, "id=%.12s", id);
    snprintf(by_owner, sizeof by_owner, "owner=%s", sum);
    const struct selection rows[] = {
        { "", 3 }, { by_id, 1 }, { by_owner, 1 }, { "name=a", 1 }, { "name!=a", 2 }, { "node=n3", 1 },
        { "type=mill.Number", 2 }, { "type=mill.Answer", 1 }, { "closing=true", 1 }, { "closing=false", 2 },
        { "capacity=5", 1 }, { "capacity>=4", 2 }, { "capacity<4", 1 }, { "buffered=2", 1 }, { "buffered=0", 2 },
        { "buffered>2", 0 }, { "senders=0", 3 }, { "senders>0", 0 }, { "receivers=1", 2 }, { "receivers=0", 1 },
        { "receivers=1 and node=n1", 1 },
    };
    CHECK(select_each(w, stint_Verb_VERB_CHANNEL_LIST, rows, sizeof rows / sizeof rows[0]));
    return true;
}

static bool
tasklets_by_each_field(struct world *w)
{
    char sum[STINT_ID_TEXT_SIZE], idle[STINT_ID_TEXT_SIZE], id[STINT_ID_TEXT_SIZE], by_id[80], by_channel[80];
    stint_ChannelInfo channel = stint_ChannelInfo_init_zero;
    struct stint_id cid;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_sum(w, 0, "n1", "s", 1, sum) == STINT_OK);
    CHECK(spawn_idle(w, 0, "n2", 1, idle) == STINT_OK); /* sends to a channel where nobody receives */
    CHECK(migrate(w, 0, idle, "n3") == STINT_OK);
    CHECK(ask_text(w, 2, stint_Verb_VERB_RESOLVE, "s") == STINT_OK && last_item(stint_ChannelInfo_fields, &channel));
    memcpy(cid.bytes, channel.id.bytes, sizeof cid.bytes);
    (void)stint_id_text(cid, id);
    world_run(w, 5 * SECOND);
    snprintf(by_id, sizeof by_id, "id=%s", idle);
    snprintf(by_channel, sizeof by_channel, "channel=%s", id);
    const struct selection rows[] = {
        { "", 2 }, { by_id, 1 }, { by_channel, 1 }, { "node=n3", 1 }, { "node=n2", 0 }, { "code=Sum", 1 },
        { "module=mill", 2 }, { "module=other", 0 }, { "state=blocked", 2 }, { "state=runnable", 0 },
        { "at=\"recv(self->inbox)\"", 1 }, { "at=\"send(self->to)\"", 1 }, { "file!=mill", 2 }, { "movable=true", 2 },
        { "movable=false", 0 }, { "epoch=1", 1 }, { "epoch>1", 1 }, { "frames=1", 2 }, { "frames>1", 0 },
        { "size_bytes>0", 2 }, { "size_bytes>100000", 0 }, { "line>0", 2 }, { "line=0", 0 }, { "since_ms>=4000", 2 },
        { "since_ms>60000", 0 }, { "moves=1", 1 }, { "moves=0", 1 }, { "steps>0", 2 }, { "steps>1000", 0 },
        { "tag.colour=\"\"", 2 },
    };
    CHECK(select_each(w, stint_Verb_VERB_TASKLET_LIST, rows, sizeof rows / sizeof rows[0]));
    return true;
}

int
main(int argc, char **argv)
{
    static const struct world_case cases[] = {
        { "a_channel_elsewhere_is_closed", a_channel_elsewhere_is_closed },
        { "a_tasklet_elsewhere_is_killed", a_tasklet_elsewhere_is_killed },
        { "a_tasklet_goes_elsewhere_itself", a_tasklet_goes_elsewhere_itself },
        { "a_tasklet_writes_to_the_log", a_tasklet_writes_to_the_log },
        { "channels_by_each_field", channels_by_each_field },
        { "tasklets_by_each_field", tasklets_by_each_field },
    };
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], say_last_answer);
}
