/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets to see and do what, by sessions of their own: observers, clients, one of whom the certificate is revoked, and nodes
 * that send what is not theirs. And that what is counted comes back to zero.
 *
 *     world_roles [--seed N] [--verbose] [CASE]
 */
#include "core/admin.h"
#include "core/peers.h"
#include "core/route.h"
#include "requests.h"

static enum stint_status
stack_of(struct world *w, int node, const char *tasklet, size_t *locals)
{
    enum stint_status status = ask_target(w, node, stint_Verb_VERB_TASKLET_STACK, tasklet);
    *locals = reply.items > 0 ? reply.payload_size - reply.item_size : 0;
    return status;
}

static bool
observers_see_no_locals(struct world *w)
{
    char sum[STINT_ID_TEXT_SIZE];
    size_t locals;
    stint_FrameInfo info = stint_FrameInfo_init_zero;
    CHECK(start(w, 3) && no_balancer(w) && spawn_sum(w, 0, "n1", "sum", 1, sum) == STINT_OK);
    (void)world_be(w, 2, ROLE_OBSERVER, "eye");
    CHECK(stack_of(w, 0, sum, &locals) == STINT_OK && reply.items == 1 && locals > 0);
    CHECK(stack_of(w, 2, sum, &locals) == STINT_OK && reply.items == 1 && locals == 0 && says("operators only"));
    CHECK(last_item(stint_FrameInfo_fields, &info) && strcmp(info.code, "Sum") == 0 && info.type[0] == 0);
    CHECK(ask_target(w, 2, stint_Verb_VERB_TASKLET_KILL, sum) == STINT_NOT_AUTHORISED && says("eye"));
    CHECK(is_on(w, sum, "n1"));
    return true;
}

static bool
clients_describe_what_they_know(struct world *w)
{
    char sum[STINT_ID_TEXT_SIZE], prefix[STINT_ID_TEXT_SIZE];
    CHECK(start(w, 3) && no_balancer(w) && spawn_sum(w, 0, "n1", "sum", 1, sum) == STINT_OK);
    (void)world_be(w, 2, ROLE_CLIENT, "web");
    for (size_t length = 1; length < 32; length += 10) {
        text_copy(prefix, length + 1, sum);
        CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_DESCRIBE, prefix) == STINT_OK);
        CHECK(ask_target(w, 2, stint_Verb_VERB_TASKLET_DESCRIBE, prefix) == STINT_NOT_AUTHORISED && reply.items == 0);
    }
    CHECK(ask_target(w, 2, stint_Verb_VERB_TASKLET_DESCRIBE, sum) == STINT_OK && reply.items == 1);
    stint_Request list = request(stint_Verb_VERB_TASKLET_LIST);
    CHECK(ask(w, 2, &list) == STINT_NOT_AUTHORISED && reply.items == 0);
    return true;
}

/* Who knows the id of another's request gets neither its answer nor its file. */
static bool
answers_and_files_are_their_own(struct world *w)
{
    struct stint_id first;
    CHECK(start(w, 3) && no_balancer(w));
    (void)world_be(w, 2, ROLE_OPERATOR, "another");
    stint_Request r = request(stint_Verb_VERB_TASKLET_SPAWN);
    text_copy(r.text, sizeof r.text, "mill/Mark");
    text_copy(r.on, sizeof r.on, "n1");
    r.id.size = 16;
    memset(r.id.bytes, 9, 16);
    CHECK(ask(w, 0, &r) == STINT_OK);
    first = reply.id;
    CHECK(ask(w, 0, &r) == STINT_OK && id_equal(reply.id, first)); /* a retry */
    enum stint_status status = ask(w, 2, &r);
    CHECK(status != STINT_OK ? reply.items == 0 : !id_equal(reply.id, first));

    stint_Request piece = request(stint_Verb_VERB_UPLOAD);
    piece.id.size = 16;
    memset(piece.id.bytes, 8, 16);
    piece.total = 4;
    CHECK(ask_with(w, 0, &piece, span_text("abcd")) == STINT_OK);
    piece.id.bytes[15] = 6;
    CHECK(ask_with(w, 0, &piece, span_text("abcd")) == STINT_OK);
    piece.verb = stint_Verb_VERB_TASKLET_IMPORT;
    piece.total = 0;
    text_copy(piece.on, sizeof piece.on, "n1"); /* where the files are */
    CHECK(ask(w, 0, &piece) != STINT_OK && says("this is no file of an exported tasklet"));
    piece.id.bytes[15] = 8;
    CHECK(ask(w, 2, &piece) == STINT_INVALID && says("no file was uploaded"));
    return true;
}

/* ---- chunks of a pickle ---- */

struct intruder {
    uint32_t thrown;
    uint8_t garbage[LIMIT_PARCEL_CHUNK];
};

/* While n1 receives a pickle of n2, n3 sends chunks of it as well. */
static void
throw_chunks(struct world *w, int node, void *arg)
{
    struct intruder *in = arg;
    struct node *n = world_node(w, node);
    const struct move_record *r;
    for (uint32_t i = 0; node == 0 && n != NULL && n->moves != NULL && (r = moves_list(n->moves, i)) != NULL; i++) {
        if (r->outgoing || r->phase != MOVE_RECEIVING) {
            continue;
        }
        for (uint64_t chunk = 0; chunk < 8; chunk++) {
            struct arrival a = { .from = world_node(w, 2)->self,
                                 .role = ROLE_NODE,
                                 .by = "n3",
                                 .envelope = { .kind = ENVELOPE_PARCEL, .number = chunk, .source = r->tasklet, .target = r->id },
                                 .body = span_of(in->garbage, sizeof in->garbage) };
            node_dispatch(n, &a);
            in->thrown++;
        }
    }
}

static bool
is_full(struct world *w, void *arg)
{
    struct kernel_channel_view view;
    uint32_t cursor = 0;
    (void)arg;
    while (kernel_each_channel(world_node(w, 1)->kernel, &cursor, &view)) {
        if (view.count >= 20000) {
            return true;
        }
    }
    return false;
}

static bool
chunks_come_from_the_source(struct world *w)
{
    static struct intruder in;
    char hex[STINT_ID_TEXT_SIZE];
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    stint_MoveInfo moved = stint_MoveInfo_init_zero;
    in.thrown = 0;
    CHECK(start(w, 3) && no_balancer(w));
    mill_Sum sum = mill_Sum_init_zero; /* with so much in its channel that its pickle is many chunks */
    sum.expect = 1000000;
    sum.capacity = 30000;
    text_copy(sum.name, sizeof sum.name, "big");
    struct stint_id id = world_spawn(w, 1, "Sum", mill_Sum_fields, &sum);
    world_run(w, SECOND);
    CHECK(kernel_pause(world_node(w, 1)->kernel, id) == STINT_OK);
    CHECK(ask_text(w, 0, stint_Verb_VERB_RESOLVE, "big") == STINT_OK && last_item(stint_ChannelInfo_fields, &info));
    mill_Feed feed = mill_Feed_init_zero;
    memcpy(feed.to.id, info.id.bytes, sizeof feed.to.id);
    feed.count = 20001; /* one is on its way to the receiver that waited */
    (void)world_spawn(w, 1, "Feed", mill_Feed_fields, &feed);
    CHECK(world_until(w, is_full, NULL, 20 * SECOND));
    world_on_event(w, throw_chunks, &in);
    CHECK(migrate(w, 2, stint_id_text(id, hex), "n1") == STINT_OK && last_item(stint_MoveInfo_fields, &moved));
    CHECK(in.thrown > 0 && moved.bytes > 4 * LIMIT_PARCEL_CHUNK && strcmp(moved.outcome, "committed") == 0);
    world_on_event(w, NULL, NULL);
    return true;
}

static bool
is_done(struct world *w, void *arg)
{
    (void)w;
    return ((struct world_reply *)arg)->done;
}

/* ---- counts ---- */

/* What is counted for the sake of a bound is given back, however it ends; else the bound is reached one day, for nothing. */
static bool
nothing_is_counted(struct world *w)
{
    for (int i = 0; i < world_count(w); i++) {
        const struct node *n = world_node(w, i);
        const struct admin *m = n->admin;
        uint32_t asks = 0;
        const struct list *link;
        for (link = m->asks.next; link != &m->asks; link = link->next) {
            asks++;
        }
        if (asks != m->ask_count || m->ask_count != 0 || table_count(&m->by_serial) != 0 || table_count(&m->parts) != 0 ||
            table_count(&m->waits) != 0 || table_count(&m->first_turn) != 0 || table_count(&m->moves) != 0) {
            printf("n%d: %u asks, %u parts, %u waits\n", i + 1, m->ask_count, table_count(&m->parts), table_count(&m->waits));
            return false;
        }
        if (m->upload_count != 0 || m->answer_bytes > ADMIN_ANSWERS_BYTES) {
            printf("n%d: %u uploads\n", i + 1, m->upload_count);
            return false;
        }
        if (n->route->held_count != 0 || n->route->held_bytes != 0 || table_count(&n->route->searches) != 0) {
            printf("n%d: %u held in %zu bytes\n", i + 1, n->route->held_count, n->route->held_bytes);
            return false;
        }
        if (n->peers->preauth != 0) {
            printf("n%d: %u before their handshake\n", i + 1, n->peers->preauth);
            return false;
        }
    }
    return true;
}

/* A session that is open when its certificate is revoked serves no more. */
static bool
revoked_sessions_end(struct world *w)
{
    static struct world_reply gone[2];
    struct world_reply late = { 0 };
    char sum[STINT_ID_TEXT_SIZE];
    CHECK(start(w, 3) && no_balancer(w) && spawn_sum(w, 0, "n2", "sum", 1, sum) == STINT_OK);
    CHECK(create(w, 0, "q", 0, "mill.Number", "n1") == STINT_OK);
    uint64_t serial = world_be(w, 2, ROLE_OPERATOR, "lost");
    CHECK(ask_target(w, 2, stint_Verb_VERB_PING, "n3") == STINT_OK);
    uint32_t before = world_node(w, 2)->peers->inbound;
    stint_Request wait = request(stint_Verb_VERB_CHANNEL_RECEIVE); /* under way when it ends */
    text_copy(wait.target, sizeof wait.target, "q");
    wait.timeout_ms = 20000;
    world_request(w, 2, &wait, span_of(NULL, 0), &gone[0]);
    wait.verb = stint_Verb_VERB_TASKLET_WAIT;
    text_copy(wait.target, sizeof wait.target, sum);
    text_copy(wait.text, sizeof wait.text, "ended");
    world_request(w, 2, &wait, span_of(NULL, 0), &gone[1]);
    world_run(w, SECOND);
    CHECK(!gone[0].done && !gone[1].done && world_node(w, 2)->admin->ask_count == 2);
    stint_Request revoke = request(stint_Verb_VERB_KEY_REVOKE);
    revoke.serial = serial;
    CHECK(ask(w, 0, &revoke) == STINT_OK);
    world_run(w, SECOND);
    CHECK(world_node(w, 2)->peers->inbound == before - 1);
    stint_Request ping = request(stint_Verb_VERB_PING);
    text_copy(ping.target, sizeof ping.target, "n3");
    world_request(w, 2, &ping, span_of(NULL, 0), &late);
    CHECK(!world_until(w, is_done, &late, 10 * SECOND) || late.status != STINT_OK);
    CHECK(ask_target(w, 0, stint_Verb_VERB_PING, "n3") == STINT_OK);
    world_run(w, 30 * SECOND);
    CHECK(nothing_is_counted(w));
    return true;
}

static bool
counts_come_back_to_zero(struct world *w)
{
    static struct world_reply waiting[8];
    char sum[STINT_ID_TEXT_SIZE];
    stint_Request r;
    CHECK(start(w, 3) && no_balancer(w) && spawn_sum(w, 0, "n2", "sum", 1, sum) == STINT_OK);
    CHECK(create(w, 0, "q", 0, "mill.Number", "n3") == STINT_OK);
    CHECK(send_number(w, 0, "q", 1, 300) == STINT_TIMED_OUT && receive(w, 1, "q", 300) == STINT_TIMED_OUT);
    CHECK(send_number(w, 0, "nowhere", 1, 300) == STINT_NOT_FOUND);
    CHECK(send_number(w, 0, "ffffffffffffffffffffffffffffffff", 1, 300) != STINT_OK);
    r = request(stint_Verb_VERB_TASKLET_WAIT);
    text_copy(r.target, sizeof r.target, sum);
    text_copy(r.text, sizeof r.text, "ended");
    r.timeout_ms = 300;
    CHECK(ask(w, 0, &r) == STINT_TIMED_OUT);
    r.timeout_ms = 60000;
    world_request(w, 1, &r, span_of(NULL, 0), &waiting[0]);
    CHECK(migrate(w, 0, sum, "n1") == STINT_OK); /* asks on the way, of which one executor changes */
    CHECK(ask_target(w, 0, stint_Verb_VERB_TASKLET_KILL, sum) == STINT_OK);
    CHECK(world_until(w, is_done, &waiting[0], 10 * SECOND));
    mill_Feed feed = mill_Feed_init_zero; /* to a channel that nobody has: held, asked for, lost */
    memset(feed.to.id, 5, sizeof feed.to.id);
    feed.count = 3;
    (void)world_spawn(w, 0, "Feed", mill_Feed_fields, &feed);
    (void)world_spawn(w, 1, "Feed", mill_Feed_fields, &feed);
    r = request(stint_Verb_VERB_CHANNEL_RECEIVE); /* whose asker goes away, and whose host dies */
    text_copy(r.target, sizeof r.target, "q");
    r.timeout_ms = 20000;
    world_request(w, 0, &r, span_of(NULL, 0), &waiting[1]);
    world_request(w, 1, &r, span_of(NULL, 0), &waiting[2]);
    world_run(w, SECOND);
    world_crash(w, 2);
    world_run(w, 30 * SECOND);
    world_restart(w, 2);
    world_run(w, 130 * SECOND); /* an upload, if any, has its two minutes */
    CHECK(waiting[1].done && waiting[2].done && nothing_is_counted(w));
    return true;
}

/* Greetings of which nothing comes, again and again. */
static bool
handshakes_are_counted_back(struct world *w)
{
    CHECK(start(w, 2) && no_balancer(w));
    world_cut(w, 0, 2, true); /* n3 greets, and hears nothing */
    world_cut(w, 1, 2, true);
    (void)world_start(w, "n3", modules);
    for (int i = 0; i < 4; i++) {
        uint32_t greeted = 0;
        for (int k = 0; k < 100; k++) {
            world_run(w, 10 * WORLD_MS);
            greeted += world_node(w, 0)->peers->preauth;
        }
        CHECK(greeted > 0);
        world_crash(w, 2);
        if (i < 3) {
            world_restart(w, 2);
        }
    }
    world_run(w, 70 * SECOND);
    const struct peers *p = world_node(w, 0)->peers;
    CHECK(p->preauth == 0 && p->inbound == 2); /* n2, and who asks */
    return true;
}

int
main(int argc, char **argv)
{
    static const struct world_case cases[] = {
        { "observers_see_no_locals", observers_see_no_locals },
        { "clients_describe_what_they_know", clients_describe_what_they_know },
        { "answers_and_files_are_their_own", answers_and_files_are_their_own },
        { "chunks_come_from_the_source", chunks_come_from_the_source },
        { "revoked_sessions_end", revoked_sessions_end },
        { "counts_come_back_to_zero", counts_come_back_to_zero },
        { "handshakes_are_counted_back", handshakes_are_counted_back },
    };
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], say_last_answer);
}
