/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that nobody in his senses makes: every verb with fields drawn at random, by every role,
 * damaged or not, passed on by nodes that lie. Whatever comes, the nodes answer in bounds and go on
 * serving.
 *
 *     world_hostile_requests [--seed N] [--verbose] [CASE]
 */
#include "core/admin.h"
#include "requests.h"

#define ROUNDS 20000

static void
draw_text(struct world *w, char *out, size_t size, const char *known)
{
    static const char *const texts[] = { "",
                                         "n1",
                                         "n2",
                                         "n9",
                                         "auto",
                                         "mill/Sum",
                                         "mill/None",
                                         "mill.Number",
                                         "mill/",
                                         "/",
                                         "q",
                                         "ended",
                                         "moved",
                                         "blocked",
                                         "on",
                                         "off",
                                         "0",
                                         "a",
                                         "ffffffffffffffffffffffffffffffff",
                                         "id=0 and moves<3",
                                         "code='x",
                                         "-id",
                                         "code",
                                         "n00000000000000010000000f",
                                         "s",
                                         "n1,n2",
                                         "n2",
                                         "\x01\x02",
                                         "%s%n",
                                         "........................................" };
    struct prng *random = world_random(w);
    uint64_t which = prng_below(random, sizeof texts / sizeof texts[0] + 4);
    text_copy(out, size, which < sizeof texts / sizeof texts[0] ? texts[which] : known);
    if (which == 0 && prng_below(random, 8) == 0) {
        memset(out, 'z', size - 1);
        out[size - 1] = 0;
    }
}

static stint_Request
draw_request(struct world *w, const char *tasklet)
{
    struct prng *random = world_random(w);
    stint_Request r = stint_Request_init_zero;
    r.verb = (stint_Verb)prng_below(random, 66);
    if (r.verb == stint_Verb_VERB_NODE_STOP) {
        r.verb = stint_Verb_VERB_PING;
    }
    draw_text(w, r.target, sizeof r.target, tasklet);
    draw_text(w, r.to, sizeof r.to, "n3");
    draw_text(w, r.on, sizeof r.on, "");
    draw_text(w, r.text, sizeof r.text, "mill/Wait");
    draw_text(w, r.selector, sizeof r.selector, "");
    draw_text(w, r.type, sizeof r.type, "mill.Number");
    draw_text(w, r.sort, sizeof r.sort, "");
    draw_text(w, r.page, sizeof r.page, "");
    draw_text(w, r.by, sizeof r.by, "somebody");
    r.count = (uint32_t)prng_below(random, 4);
    r.limit = (uint32_t)prng_below(random, 3);
    r.capacity = prng_below(random, 8) == 0 ? UINT32_MAX : (uint32_t)prng_below(random, 4);
    r.rate = (uint32_t)prng_below(random, 3);
    r.timeout_ms = 1 + (uint32_t)prng_below(random, 200);
    r.offset = prng_below(random, 300);
    r.total = prng_below(random, 16) == 0 ? UINT64_MAX : prng_below(random, 600);
    r.serial = prng_below(random, 3) == 0 ? 0 : 1000 + prng_below(random, 50);
    r.all = prng_below(random, 2) == 0;
    r.wait = prng_below(random, 2) == 0;
    r.dry_run = prng_below(random, 2) == 0;
    r.pinned = prng_below(random, 2) == 0;
    r.paused = prng_below(random, 2) == 0;
    r.pending = prng_below(random, 2) == 0;
    r.wake = prng_below(random, 2) == 0;
    r.move = prng_below(random, 2) == 0;
    r.number = prng_below(random, 4);
    r.id.size = (pb_size_t)(prng_below(random, 8) == 0 ? prng_below(random, 17) : 16);
    prng_bytes(random, r.id.bytes, 16);
    memset(r.id.bytes + 1, 0, 15); /* few different ones, so that they collide */
    r.participant.size = (pb_size_t)(prng_below(random, 2) == 0 ? 16 : prng_below(random, 17));
    memset(r.participant.bytes, (int)prng_below(random, 3), 16);
    r.forwarded = prng_below(random, 2) == 0;
    r.role = (uint32_t)prng_below(random, 6);
    return r;
}

/* Damage may make one of those that are obeyed, which would be the end of the test. */
static bool
ends_nodes(const uint8_t *bytes, size_t size)
{
    stint_Request r = stint_Request_init_zero;
    size_t head = size >= 2 ? (size_t)(bytes[0] | bytes[1] << 8) : size;
    pb_istream_t stream = pb_istream_from_buffer(bytes + 2, head);
    return head + 2 <= size && pb_decode(&stream, stint_Request_fields, &r) &&
           (r.verb == stint_Verb_VERB_NODE_STOP || r.leave);
}

/* One of them arrives at a node, whole or damaged. */
static void
throw_one(struct world *w, int node, const char *tasklet)
{
    struct prng *random = world_random(w);
    struct node *n = world_node(w, node);
    uint8_t bytes[2 + stint_Request_size + 300];
    stint_Request r = draw_request(w, tasklet);
    pb_ostream_t stream = pb_ostream_from_buffer(bytes + 2, stint_Request_size);
    STINT_ASSERT(pb_encode(&stream, stint_Request_fields, &r));
    size_t size = 2 + stream.bytes_written;
    bytes[0] = (uint8_t)stream.bytes_written;
    bytes[1] = (uint8_t)(stream.bytes_written >> 8);
    size_t body = prng_below(random, 300);
    prng_bytes(random, bytes + size, body);
    size += body;
    if (prng_below(random, 4) == 0) {
        bytes[prng_below(random, size)] ^= (uint8_t)(1 + prng_below(random, 255));
    }
    if (prng_below(random, 16) == 0) {
        size = prng_below(random, size);
    }
    struct arrival a = { .from = n->self,
                         .role = (uint8_t)(1 + prng_below(random, 4)),
                         .by = "stranger",
                         .envelope = { .kind = ENVELOPE_REQUEST, .number = prng_below(random, 5) },
                         .body = span_of(bytes, size) };
    if (prng_below(random, 16) == 0) {
        a.envelope.kind = ENVELOPE_REPLY;
        a.envelope.number = prng_below(random, 5000);
    }
    if (!ends_nodes(bytes, size)) {
        node_dispatch(n, &a);
    }
}

static bool
nodes_go_on(struct world *w)
{
    char tasklet[STINT_ID_TEXT_SIZE];
    uint32_t three = 3;
    CHECK(start(w, 3) && no_balancer(w));
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 500 == 0) {
            (void)spawn_idle(w, 0, "", 1, tasklet);
        }
        throw_one(w, (int)prng_below(world_random(w), 3), tasklet);
        if (i % 16 == 0) {
            world_run(w, WORLD_MS);
        }
    }
    world_run(w, 30 * SECOND);
    CHECK(world_until(w, ready, &three, 30 * SECOND));
    for (int i = 0; i < 3; i++) {
        char name[8] = { 'n', (char)('1' + i), 0 };
        CHECK(ask_target(w, 0, stint_Verb_VERB_PING, name) == STINT_OK);
        CHECK(ask_target(w, i, stint_Verb_VERB_NODE_UNCORDON, name) == STINT_OK);
    }
    world_run(w, SECOND);
    CHECK(spawn_idle(w, 0, "n2", 3, tasklet) == STINT_OK);
    CHECK(migrate(w, 1, tasklet, "n3") == STINT_OK && is_on(w, tasklet, "n3"));
    return true;
}

static void
kill_as(struct world *w, const char *tasklet, enum cert_role sender, uint32_t claimed)
{
    uint8_t bytes[2 + stint_Request_size];
    stint_Request r = request(stint_Verb_VERB_TASKLET_KILL);
    text_copy(r.target, sizeof r.target, tasklet);
    r.forwarded = true;
    r.role = claimed;
    pb_ostream_t stream = pb_ostream_from_buffer(bytes + 2, stint_Request_size);
    STINT_ASSERT(pb_encode(&stream, stint_Request_fields, &r));
    bytes[0] = (uint8_t)stream.bytes_written;
    bytes[1] = (uint8_t)(stream.bytes_written >> 8);
    struct node *n = world_node(w, 0);
    struct arrival a = { .from = n->self,
                         .role = (uint8_t)sender,
                         .by = "stranger",
                         .envelope = { .kind = ENVELOPE_REQUEST },
                         .body = span_of(bytes, 2 + stream.bytes_written) };
    node_dispatch(n, &a);
    world_run(w, SECOND);
}

/* What a client says of itself does not count; what a node passes on counts as far as the role that
 * it names. */
static bool
roles_are_not_claimed(struct world *w)
{
    char tasklet[STINT_ID_TEXT_SIZE];
    CHECK(start(w, 2) && no_balancer(w));
    CHECK(spawn_idle(w, 0, "n1", 1, tasklet) == STINT_OK);
    kill_as(w, tasklet, ROLE_CLIENT, ROLE_OPERATOR);
    kill_as(w, tasklet, ROLE_OBSERVER, ROLE_OPERATOR);
    kill_as(w, tasklet, ROLE_NODE, ROLE_CLIENT);
    kill_as(w, tasklet, ROLE_NODE, ROLE_NODE);
    kill_as(w, tasklet, ROLE_NODE, ROLE_END_);
    CHECK(is_on(w, tasklet, "n1"));
    kill_as(w, tasklet, ROLE_NODE, ROLE_OPERATOR);
    CHECK(!is_on(w, tasklet, "n1"));
    return true;
}

/* A node that sends, as another than it is asked to be, to the first node. */
static void
send_as(struct world *w, int from, uint8_t kind, uint64_t number, const pb_msgdesc_t *fields,
        const void *message)
{
    uint8_t bytes[2 + stint_Request_size];
    pb_ostream_t stream = pb_ostream_from_buffer(bytes + 2, stint_Request_size);
    STINT_ASSERT(pb_encode(&stream, fields, message));
    bytes[0] = (uint8_t)stream.bytes_written;
    bytes[1] = (uint8_t)(stream.bytes_written >> 8);
    struct arrival a = { .from = world_node(w, from)->self,
                         .role = ROLE_NODE,
                         .by = "stranger",
                         .envelope = { .kind = kind, .number = number },
                         .body = span_of(bytes, 2 + stream.bytes_written) };
    node_dispatch(world_node(w, 0), &a);
}

/* A node only passes on: it has no wishes of its own, and answers only what it was asked itself. */
static bool
nodes_speak_for_themselves(struct world *w)
{
    char tasklet[STINT_ID_TEXT_SIZE];
    struct world_reply waited;
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(spawn_idle(w, 0, "n1", 1, tasklet) == STINT_OK);
    stint_Request kill = request(stint_Verb_VERB_TASKLET_KILL);
    text_copy(kill.target, sizeof kill.target, tasklet);
    kill.role = ROLE_OPERATOR;
    send_as(w, 1, ENVELOPE_REQUEST, 1, stint_Request_fields, &kill);
    world_run(w, SECOND);
    CHECK(is_on(w, tasklet, "n1"));

    stint_Request ping = request(stint_Verb_VERB_PING);
    text_copy(ping.target, sizeof ping.target, "n3");
    world_crash(w, 2);
    world_request(w, 0, &ping, span_of(NULL, 0), &waited);
    world_run(w, 10 * WORLD_MS);
    stint_Reply lie = stint_Reply_init_zero;
    lie.end = true;
    for (uint64_t serial = 1; serial < world_node(w, 0)->admin->next_serial; serial++) {
        send_as(w, 1, ENVELOPE_REPLY, serial, stint_Reply_fields, &lie);
    }
    world_run(w, 10 * WORLD_MS);
    CHECK(!waited.done);
    world_run(w, 20 * SECOND);
    CHECK(waited.done && waited.status == STINT_UNREACHABLE);
    return true;
}

/* What is not in the view may ask the authority to let it in, and has no say in anything else. */
static bool
who_joins_has_no_say(struct world *w)
{
    uint8_t bytes[stint_StoreRequest_size];
    CHECK(start(w, 2));
    CHECK(world_node(w, 0)->view->balancer_on);
    stint_StoreRequest r = stint_StoreRequest_init_zero;
    r.op = stint_StoreOp_STORE_BALANCER;
    r.off = true;
    r.id[0] = 1;
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    STINT_ASSERT(pb_encode(&stream, stint_StoreRequest_fields, &r));
    struct arrival a = { .from = { prng_id(world_random(w)), 0 },
                         .conn = UINT64_MAX,
                         .role = ROLE_NODE,
                         .by = "stranger",
                         .envelope = { .kind = ENVELOPE_CONTROL, .op = CONTROL_STORE_REQUEST },
                         .body = span_of(bytes, stream.bytes_written) };
    node_dispatch(world_node(w, 0), &a);
    world_run(w, SECOND);
    CHECK(world_node(w, 0)->view->balancer_on);
    a.from = world_node(w, 1)->self; /* a member passes on what it has let an operator ask */
    r.id[0] = 2;
    stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    STINT_ASSERT(pb_encode(&stream, stint_StoreRequest_fields, &r));
    node_dispatch(world_node(w, 0), &a);
    world_run(w, SECOND);
    CHECK(!world_node(w, 0)->view->balancer_on);
    return true;
}

/* Who knows the id under which another client operates does not operate as that client. */
static bool
participants_are_their_own(struct world *w)
{
    uint8_t value[mill_Number_size], bytes[2 + stint_Request_size + mill_Number_size];
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    CHECK(start(w, 1));
    CHECK(create(w, 0, "q", 16, "mill.Number", "") == STINT_OK);
    stint_Request r = request(stint_Verb_VERB_CHANNEL_SEND);
    text_copy(r.target, sizeof r.target, "q");
    text_copy(r.type, sizeof r.type, "mill.Number");
    r.participant.size = 16;
    memset(r.participant.bytes, 7, 16);
    r.number = 1;
    struct stint_span body = number(value, sizeof value, 1);
    CHECK(ask_with(w, 0, &r, body) == STINT_OK && ask_with(w, 0, &r, body) == STINT_OK);
    pb_ostream_t stream = pb_ostream_from_buffer(bytes + 2, stint_Request_size);
    STINT_ASSERT(pb_encode(&stream, stint_Request_fields, &r));
    bytes[0] = (uint8_t)stream.bytes_written;
    bytes[1] = (uint8_t)(stream.bytes_written >> 8);
    memcpy(bytes + 2 + stream.bytes_written, body.data, body.size);
    struct arrival a = { .from = { prng_id(world_random(w)), 0 },
                         .conn = UINT64_MAX,
                         .role = ROLE_OPERATOR,
                         .by = "another",
                         .envelope = { .kind = ENVELOPE_REQUEST, .number = 1 },
                         .body = span_of(bytes, 2 + stream.bytes_written + body.size) };
    node_dispatch(world_node(w, 0), &a);
    world_run(w, SECOND);
    CHECK(ask_target(w, 0, stint_Verb_VERB_CHANNEL_DESCRIBE, "q") == STINT_OK);
    CHECK(last_item(stint_ChannelInfo_fields, &info) && info.buffered == 2);
    return true;
}

struct log_watch {
    uint32_t lines, more;
};

static void
watch_log(struct world *w, const struct world_happening *what, void *arg)
{
    struct log_watch *watch = arg;
    (void)w;
    if (what->what == WORLD_LOGS && strstr(what->text, "ended with an error") != NULL) {
        watch->lines++;
        watch->more += strstr(what->text, "more like this") != NULL ? 1 : 0;
    }
}

/* Whatever goes wrong how often: the log has so many lines of it, and says how many more there were. */
static bool
logs_are_not_flooded(struct world *w)
{
    struct log_watch watch = { 0, 0 };
    CHECK(start(w, 1));
    world_on_happening(w, watch_log, &watch);
    for (int i = 0; i < 3 * LOG_BURST; i++) {
        mill_Hand hand = mill_Hand_init_zero; /* it closes a channel that is none, and fails */
        (void)world_spawn(w, 0, "Hand", mill_Hand_fields, &hand);
    }
    world_run(w, 5 * SECOND);
    CHECK(watch.lines > LOG_BURST && watch.lines <= LOG_BURST + 50 && watch.more >= 1);
    return true;
}

static const struct world_case cases[] = {
    { "participants_are_their_own", participants_are_their_own },
    { "who_joins_has_no_say", who_joins_has_no_say },
    { "nodes_speak_for_themselves", nodes_speak_for_themselves },
    { "roles_are_not_claimed", roles_are_not_claimed },
    { "nodes_go_on", nodes_go_on },
    { "logs_are_not_flooded", logs_are_not_flooded },
};

int
main(int argc, char **argv)
{
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], say_last_answer);
}
