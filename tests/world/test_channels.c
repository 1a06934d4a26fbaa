/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared channels from their making to their end: those without a type, and those that are closed while something is in them.
 *
 *     world_channels [--seed N] [--verbose] [CASE]
 */
#include "requests.h"

static enum stint_status
close_channel(struct world *w, int entry, const char *channel, bool wake)
{
    stint_Request r = request(stint_Verb_VERB_CHANNEL_CLOSE);
    text_copy(r.target, sizeof r.target, channel);
    r.wake = wake;
    return ask(w, entry, &r);
}

static bool
looks(struct world *w, const char *channel, stint_ChannelInfo *info)
{
    *info = (stint_ChannelInfo)stint_ChannelInfo_init_zero;
    return ask_target(w, 0, stint_Verb_VERB_CHANNEL_DESCRIBE, channel) == STINT_OK &&
           last_item(stint_ChannelInfo_fields, info);
}

static enum stint_status
send_as(struct world *w, int entry, const char *channel, const char *type)
{
    uint8_t bytes[mill_Number_size];
    stint_Request r = request(stint_Verb_VERB_CHANNEL_SEND);
    text_copy(r.target, sizeof r.target, channel);
    text_copy(r.type, sizeof r.type, type);
    return ask_with(w, entry, &r, number(bytes, sizeof bytes, 1));
}

/* A receive that has begun; the last answer is left alone. */
static void
begin_receive(struct world *w, int entry, const char *channel, uint32_t timeout_ms, struct world_reply *answer)
{
    stint_Request r = request(stint_Verb_VERB_CHANNEL_RECEIVE);
    text_copy(r.target, sizeof r.target, channel);
    r.timeout_ms = timeout_ms;
    world_request(w, entry, &r, span_of(NULL, 0), answer);
}

static bool
answered(struct world *w, void *arg)
{
    (void)w;
    return ((struct world_reply *)arg)->done;
}

static bool
first_value_gives_the_type(struct world *w)
{
    stint_ChannelInfo info;
    struct world_reply waiting = { 0 };
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(create(w, 0, "any", 4, "", "n2") == STINT_OK && last_item(stint_ChannelInfo_fields, &info));
    CHECK(strcmp(info.node, "n2") == 0 && info.type[0] == 0 && info.capacity == 4);
    CHECK(create(w, 2, "any", 4, "", "n3") == STINT_EXISTS);
    CHECK(looks(w, "any", &info) && strcmp(info.name, "any") == 0 && info.type[0] == 0);
    stint_Request list = request(stint_Verb_VERB_CHANNEL_LIST);
    CHECK(ask(w, 2, &list) == STINT_OK && reply.items == 1);
    text_copy(list.selector, sizeof list.selector, "name=any and type!=mill.Number");
    CHECK(ask(w, 2, &list) == STINT_OK && reply.items == 1);

    CHECK(send_as(w, 0, "any", "") == STINT_TYPE_MISMATCH && says("no message type yet"));
    CHECK(send_as(w, 0, "any", "mill.None") == STINT_NOT_FOUND && says("mill.None"));
    CHECK(looks(w, "any", &info) && info.type[0] == 0);

    begin_receive(w, 2, "any", 5000, &waiting);
    world_run(w, SECOND);
    CHECK(!waiting.done);
    CHECK(send_number(w, 0, "any", 7, 5000) == STINT_OK);
    CHECK(world_until(w, answered, &waiting, 5 * SECOND) && waiting.status == STINT_OK && waiting.items == 1);
    CHECK(looks(w, "any", &info) && strcmp(info.type, "mill.Number") == 0 && info.capacity == 4 &&
          strcmp(info.node, "n2") == 0);
    CHECK(send_as(w, 1, "any", "mill.Answer") == STINT_TYPE_MISMATCH && says("mill.Number"));
    CHECK(ask(w, 2, &list) == STINT_OK && reply.items == 0);
    CHECK(close_channel(w, 1, "any", true) == STINT_OK);
    world_run(w, SECOND);
    CHECK(ask_text(w, 0, stint_Verb_VERB_RESOLVE, "any") == STINT_NOT_FOUND);
    return true;
}

/* Tasklets operate on it too, also the one beside it: its kernel does not have the channel. */
static bool
tasklets_give_the_type(struct world *w)
{
    static const char *const names[] = { "near", "far" };
    stint_ChannelInfo info;
    CHECK(start(w, 2) && no_balancer(w));
    for (int i = 0; i < 2; i++) {
        mill_Feed feed = mill_Feed_init_zero;
        CHECK(create(w, 0, names[i], 8, "", "n1") == STINT_OK && last_item(stint_ChannelInfo_fields, &info));
        memcpy(feed.to.id, info.id.bytes, sizeof feed.to.id);
        feed.count = 3;
        (void)world_spawn(w, i, "Feed", mill_Feed_fields, &feed);
        world_run(w, SECOND);
        CHECK(looks(w, names[i], &info) && strcmp(info.type, "mill.Number") == 0 && info.buffered == 3);
    }
    mill_Wait wait = mill_Wait_init_zero; /* who receives knows of what type, and waits again and again */
    CHECK(create(w, 0, "answers", 0, "", "n2") == STINT_OK && last_item(stint_ChannelInfo_fields, &info));
    memcpy(wait.on.id, info.id.bytes, sizeof wait.on.id);
    (void)world_spawn(w, 0, "Wait", mill_Wait_fields, &wait);
    world_run(w, SECOND);
    CHECK(looks(w, "answers", &info) && strcmp(info.type, "mill.Answer") == 0);
    CHECK(send_as(w, 0, "answers", "mill.Answer") == STINT_OK);
    return true;
}

static bool
it_ends_without_a_type(struct world *w)
{
    stint_ChannelInfo info;
    struct world_reply waiting = { 0 };
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(create(w, 0, "any", 0, "", "n2") == STINT_OK);
    CHECK(receive(w, 2, "any", 500) == STINT_TIMED_OUT && says("nothing is lost"));
    begin_receive(w, 2, "any", 20000, &waiting);
    world_run(w, SECOND);
    CHECK(!waiting.done && close_channel(w, 0, "any", false) == STINT_OK);
    CHECK(world_until(w, answered, &waiting, 5 * SECOND) && waiting.status == STINT_CHANNEL_LOST);
    CHECK(!looks(w, "any", &info) && create(w, 0, "any", 0, "", "n3") == STINT_OK);

    mill_Hand hand = mill_Hand_init_zero; /* a tasklet closes it, from elsewhere */
    CHECK(last_item(stint_ChannelInfo_fields, &info));
    memcpy(hand.on.id, info.id.bytes, sizeof hand.on.id);
    hand.what = mill_Hand_What_CLOSE;
    (void)world_spawn(w, 0, "Hand", mill_Hand_fields, &hand);
    world_run(w, SECOND);
    CHECK(!looks(w, "any", &info));

    CHECK(create(w, 0, "any", 60000, "", "n3") == STINT_OK); /* so many cannot be of such a size */
    CHECK(send_as(w, 0, "any", "mill.Ledger") == STINT_LIMIT && looks(w, "any", &info) && info.type[0] == 0);
    CHECK(send_number(w, 1, "any", 1, 5000) == STINT_OK);
    return true;
}

/* Its name is put again when a node is gone, and it is gone with its own. */
static bool
it_keeps_its_name_and_dies_with_its_node(struct world *w)
{
    stint_ChannelInfo info;
    uint32_t two = 2;
    struct world_reply waiting = { 0 };
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(create(w, 0, "any", 0, "", "n2") == STINT_OK && create(w, 0, "other", 0, "", "n3") == STINT_OK);
    begin_receive(w, 0, "other", 60000, &waiting);
    world_run(w, SECOND);
    world_crash(w, 2);
    world_run(w, 20 * SECOND);
    CHECK(world_until(w, answered, &waiting, 60 * SECOND) && waiting.status == STINT_CHANNEL_LOST);
    CHECK(ask_text(w, 0, stint_Verb_VERB_RESOLVE, "any") == STINT_OK && last_item(stint_ChannelInfo_fields, &info) &&
          strcmp(info.node, "n2") == 0);
    CHECK(ask_text(w, 0, stint_Verb_VERB_RESOLVE, "other") == STINT_NOT_FOUND);
    CHECK(view_living(world_node(w, 0)->view) == two && send_number(w, 0, "any", 1, 500) == STINT_TIMED_OUT);
    return true;
}

static bool
there_are_not_too_many(struct world *w)
{
    CHECK(start(w, 1));
    uint32_t made = 0;
    enum stint_status status;
    while ((status = create(w, 0, "", 0, "", "")) == STINT_OK && made <= UNBORN_MAX) {
        made++;
    }
    CHECK(status == STINT_LIMIT && made == UNBORN_MAX && says("any type"));
    CHECK(create(w, 0, "typed", 0, "mill.Number", "") == STINT_OK);
    return true;
}

static bool
is_gone(struct world *w, void *arg)
{
    (void)w;
    return !kernel_has_channel(world_node(w, 1)->kernel, *(struct stint_id *)arg);
}

/* Closed without waking anybody: what is in it is received, from everywhere, and then its name is free. */
static bool
closed_channels_end_empty(struct world *w)
{
    stint_ChannelInfo info;
    struct stint_id id;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(create(w, 0, "q", 4, "mill.Number", "n2") == STINT_OK);
    for (uint64_t i = 1; i <= 3; i++) {
        CHECK(send_number(w, 2, "q", i, 5000) == STINT_OK);
    }
    CHECK(close_channel(w, 2, "q", false) == STINT_OK && looks(w, "q", &info) && info.closing && info.buffered == 3);
    CHECK(send_number(w, 0, "q", 4, 5000) == STINT_CLOSED);
    for (int node = 0; node < 3; node++) {
        CHECK(looks(w, "q", &info) && receive(w, node, "q", 5000) == STINT_OK);
    }
    CHECK(!looks(w, "q", &info) && receive(w, 1, "q", 500) != STINT_OK);
    CHECK(create(w, 0, "q", 0, "mill.Answer", "n2") == STINT_OK && last_item(stint_ChannelInfo_fields, &info));
    memcpy(id.bytes, info.id.bytes, sizeof id.bytes);

    stint_Request r = request(stint_Verb_VERB_CHANNEL_SEND); /* one waits to send; a tasklet beside it takes it */
    struct world_reply sent = { 0 };
    text_copy(r.target, sizeof r.target, "q");
    world_request(w, 0, &r, span_of(NULL, 0), &sent);
    world_run(w, SECOND);
    CHECK(close_channel(w, 0, "q", false) == STINT_OK && looks(w, "q", &info) && info.senders == 1);
    mill_Wait wait = mill_Wait_init_zero;
    memcpy(wait.on.id, id.bytes, sizeof wait.on.id);
    (void)world_spawn(w, 1, "Wait", mill_Wait_fields, &wait);
    CHECK(world_until(w, answered, &sent, 5 * SECOND) && sent.status == STINT_OK);
    CHECK(world_until(w, is_gone, &id, 5 * SECOND));
    return true;
}

/* Who has dealt with the channel before it was closed hears that nothing has happened, and may look for another of that name. */
static bool
closed_channels_are_not_found(struct world *w)
{
    uint8_t bytes[mill_Number_size];
    char hex[STINT_ID_TEXT_SIZE];
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    struct world_reply waiting = { 0 };
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(create(w, 0, "q", 4, "mill.Number", "n2") == STINT_OK && last_item(stint_ChannelInfo_fields, &info));
    struct stint_id id;
    memcpy(id.bytes, info.id.bytes, sizeof id.bytes);
    stint_Request r = request(stint_Verb_VERB_CHANNEL_SEND);
    text_copy(r.target, sizeof r.target, stint_id_text(id, hex));
    text_copy(r.type, sizeof r.type, "mill.Number");
    r.participant.size = 16;
    memset(r.participant.bytes, 7, 16);
    r.number = 1;
    CHECK(ask_with(w, 2, &r, number(bytes, sizeof bytes, 1)) == STINT_OK);
    stint_Request take = r; /* one that waits when its host dies may have been done */
    take.verb = stint_Verb_VERB_CHANNEL_RECEIVE;
    memset(take.participant.bytes, 8, 16);
    take.timeout_ms = 60000;
    CHECK(ask(w, 2, &take) == STINT_OK);
    CHECK(close_channel(w, 0, "q", true) == STINT_OK && create(w, 0, "q", 4, "mill.Number", "n2") == STINT_OK);
    r.number = 2;
    CHECK(ask_with(w, 2, &r, number(bytes, sizeof bytes, 2)) == STINT_NOT_FOUND && says("nothing has happened"));
    CHECK(ask_text(w, 0, stint_Verb_VERB_RESOLVE, "q") == STINT_OK && last_item(stint_ChannelInfo_fields, &info));
    memcpy(id.bytes, info.id.bytes, sizeof id.bytes);
    text_copy(take.target, sizeof take.target, stint_id_text(id, hex));
    world_request(w, 2, &take, span_of(NULL, 0), &waiting);
    world_run(w, SECOND);
    CHECK(!waiting.done);
    world_crash(w, 1);
    CHECK(world_until(w, answered, &waiting, 60 * SECOND) && waiting.status == STINT_CHANNEL_LOST);
    return true;
}

int
main(int argc, char **argv)
{
    static const struct world_case cases[] = {
        { "first_value_gives_the_type", first_value_gives_the_type },
        { "tasklets_give_the_type", tasklets_give_the_type },
        { "it_ends_without_a_type", it_ends_without_a_type },
        { "it_keeps_its_name_and_dies_with_its_node", it_keeps_its_name_and_dies_with_its_node },
        { "there_are_not_too_many", there_are_not_too_many },
        { "closed_channels_end_empty", closed_channels_end_empty },
        { "closed_channels_are_not_found", closed_channels_are_not_found },
    };
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], say_last_answer);
}
