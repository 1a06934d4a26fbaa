/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that cheat with the channels that they host, or with those of others: they are ignored or cut off, and whoever
 * plays by the rules notices nothing.
 *
 *     world_hostile_clients [--seed N] [--verbose] [CASE]
 */
#include "client/client_internal.h"
#include "client/own_internal.h"
#include "clients.h"
#include "core/peers.h"
#include "requests.h"
#include "world_sdk_internal.h"

#define THROWS 3000

static const int relay = 2;
static int victim; /* an honest client with a channel of its own */
static struct own_channel *own;
static struct stint_id feeder; /* a tasklet that sends 1, 2, 3 ... into it */

static bool
set(struct world *w)
{
    struct stint_channel ch = STINT_CHANNEL_INIT;
    struct stint_id id;
    CHECK(start(w, 3) && no_balancer(w));
    victim = world_sdk_open(w, &relay, 1);
    ch.type = "mill.Number";
    enum stint_status status = stint_client_channel_open(world_sdk_enter(w, victim), &ch, &id, 5000);
    world_sdk_leave(w, victim);
    CHECK(status == STINT_OK);
    own = own_find(client_machine_own(sdk_client_of(w, victim)->client->machine), id);
    CHECK(own != NULL);
    mill_Feed feed = mill_Feed_init_zero;
    feed.count = 3;
    memcpy(feed.to.id, id.bytes, sizeof id.bytes);
    feeder = world_spawn(w, 0, "Feed", mill_Feed_fields, &feed);
    world_run(w, SECOND / 10);
    return true;
}

/* All that was sent comes to the victim, once and in order, and nothing else. */
static bool
victim_goes_on(struct world *w)
{
    char text[STINT_ID_TEXT_SIZE];
    uint64_t sequence;
    (void)stint_id_text(own_id(own), text);
    for (uint64_t i = 1; i <= 3; i++) {
        CHECK(blocking_receive(w, victim, text, 10000, &sequence) == STINT_OK && sequence == i);
    }
    CHECK(blocking_receive(w, victim, text, 500, &sequence) == STINT_TIMED_OUT);
    return true;
}

static stint_Request
registration(const uint8_t *nonce, uint64_t epoch)
{
    stint_Request r = request(stint_Verb_VERB_CHANNEL_HOST);
    r.participant.size = OWN_CHANNEL_NONCE_SIZE;
    memcpy(r.participant.bytes, nonce, OWN_CHANNEL_NONCE_SIZE);
    r.number = epoch;
    r.serial = 1;
    text_copy(r.type, sizeof r.type, "mill.Number");
    return r;
}

/* A channel of the cheater's own, on the relay. */
static struct stint_id
registered(struct world *w, uint64_t epoch)
{
    static const uint8_t nonce[OWN_CHANNEL_NONCE_SIZE] = { 1 };
    struct identity identity;
    stint_Request r = registration(nonce, epoch);
    STINT_ASSERT(cert_dev_identity(ROLE_OPERATOR, "world", &identity) == STINT_OK);
    STINT_ASSERT(ask(w, relay, &r) == STINT_OK);
    return own_channel_id(ROLE_OPERATOR, identity.certificate.subject, nonce);
}

/* An outcome of the feeder's send number 1, from a channel. */
static void
say(struct world *w, uint8_t kind, struct stint_id cid, uint64_t number, uint8_t status, size_t size)
{
    static uint8_t body[OWN_CHANNEL_PLACE_SIZE + LIMIT_MESSAGE + 1];
    struct own_channel_place place = { world_node(w, 0)->self.id, world_node(w, 0)->self.inc };
    struct envelope e = { .kind = kind, .status = status, .number = number, .source = cid, .target = feeder };
    own_channel_put_place(body, &place);
    world_client_says(w, relay, &e, span_of(body, size));
}

static bool
answers_for_others_are_ignored(struct world *w)
{
    static const struct stint_id nobodys = { { 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 'o', 'w', 'n', 0 } };
    CHECK(set(w));
    (void)registered(w, 1);
    for (uint64_t number = 1; number < 4; number++) {
        say(w, ENVELOPE_DONE, own_id(own), number, STINT_OK, OWN_CHANNEL_PLACE_SIZE);
        say(w, ENVELOPE_DONE, own_id(own), number, STINT_CLOSED, OWN_CHANNEL_PLACE_SIZE);
        say(w, ENVELOPE_NACK, own_id(own), number, STINT_OK, OWN_CHANNEL_PLACE_SIZE);
        say(w, ENVELOPE_DONE, nobodys, number, STINT_OK, OWN_CHANNEL_PLACE_SIZE);
    }
    world_run(w, SECOND);
    CHECK(!world_client_is_over(w, relay));
    return victim_goes_on(w);
}

/* Knowing the nonce of another does not help: the id is that of who registers. */
static bool
nobody_registers_for_others(struct world *w)
{
    CHECK(set(w));
    stint_Request r = registration(own->nonce, own->epoch + 5);
    CHECK(ask(w, relay, &r) == STINT_OK);
    CHECK(ask(w, 0, &r) == STINT_OK);
    r.leave = true;
    CHECK(ask(w, 1, &r) == STINT_OK);
    CHECK(guest_find(world_node(w, relay), own_id(own))->epoch == own->epoch);
    CHECK(guest_find(world_node(w, 0), own_id(own)) == NULL);
    return victim_goes_on(w);
}

static bool
malformed_registrations_are_refused(struct world *w)
{
    CHECK(set(w));
    stint_Request good = registration(own->nonce, 1), r = good;
    r.participant.size = 15;
    CHECK(ask(w, relay, &r) == STINT_INVALID && says("nonce"));
    r.participant.size = 0;
    CHECK(ask(w, relay, &r) == STINT_INVALID);
    r = good;
    r.number = 0;
    CHECK(ask(w, relay, &r) == STINT_INVALID && says("epoch"));
    r.number = UINT64_MAX;
    CHECK(ask(w, relay, &r) == STINT_INVALID);
    r = good;
    r.capacity = LIMIT_CAPACITY + 1;
    CHECK(ask(w, relay, &r) == STINT_INVALID && says("at most 65536"));
    r = good;
    r.type[0] = 0;
    CHECK(ask(w, relay, &r) == STINT_INVALID);
    r = good;
    r.serial = 0;
    CHECK(ask(w, relay, &r) == STINT_INVALID);
    r = registration(own->nonce, 7);
    CHECK(ask(w, relay, &r) == STINT_OK);
    CHECK(ask(w, relay, &r) == STINT_OK); /* the same again */
    r.number = 6;
    CHECK(ask(w, relay, &r) == STINT_CONFLICT);
    CHECK(ask(w, 0, &r) == STINT_CONFLICT);
    r.number = 7;
    r.leave = true;
    r.participant.bytes[0]++;
    CHECK(ask(w, relay, &r) == STINT_OK); /* of one that never was */
    return victim_goes_on(w);
}

static bool
registrations_are_bounded(struct world *w)
{
    uint8_t nonce[OWN_CHANNEL_NONCE_SIZE] = { 2 };
    CHECK(set(w));
    for (nonce[1] = 0; nonce[1] < LIMIT_CLIENT_CHANNELS; nonce[1]++) {
        stint_Request r = registration(nonce, 1);
        CHECK(ask(w, relay, &r) == STINT_OK);
    }
    stint_Request r = registration(nonce, 1);
    CHECK(ask(w, relay, &r) == STINT_LIMIT && says("at most 64"));
    nonce[1] = 0; /* one that is there may be registered anew */
    r = registration(nonce, 2);
    CHECK(ask(w, relay, &r) == STINT_OK);
    r.number = 3;
    r.leave = true;
    CHECK(ask(w, relay, &r) == STINT_OK);
    nonce[1] = 99;
    r = registration(nonce, 1);
    CHECK(ask(w, relay, &r) == STINT_OK);
    return victim_goes_on(w);
}

/* Each costs a word to every member: so only so many at a time. */
static bool
registrations_take_their_time(struct world *w)
{
    uint8_t nonce[OWN_CHANNEL_NONCE_SIZE] = { 4 };
    CHECK(set(w));
    uint32_t done = 0, busy = 0;
    for (uint64_t epoch = 1; epoch <= 400; epoch++) {
        stint_Request r = registration(nonce, epoch);
        r.leave = epoch % 3 == 0;
        enum stint_status status = ask(w, relay, &r);
        CHECK(status == STINT_OK || (status == STINT_BUSY && says("wait a second")));
        done += status == STINT_OK;
        busy += status == STINT_BUSY;
    }
    CHECK(done >= 128 && done < 200 && busy > 200);
    world_run(w, 3 * SECOND);
    for (uint64_t epoch = 401; epoch <= 520; epoch++) {
        stint_Request r = registration(nonce, epoch);
        CHECK(ask(w, relay, &r) == STINT_OK);
    }
    return victim_goes_on(w);
}

/* One that cheats registers one channel at two nodes under one epoch: they agree on one of them, and soon. */
static bool
two_relays_of_one_epoch_agree(struct world *w)
{
    uint8_t nonce[OWN_CHANNEL_NONCE_SIZE] = { 3 };
    CHECK(set(w));
    stint_Request r = registration(nonce, 4);
    struct world_reply first, second;
    world_request(w, 0, &r, span_of(NULL, 0), &first);
    world_request(w, 1, &r, span_of(NULL, 0), &second);
    uint64_t frames = world_stats(w)->frames;
    world_run(w, SECOND);
    CHECK(first.done && second.done);
    CHECK(world_stats(w)->frames - frames < 2000); /* they do not answer each other for ever */
    struct identity identity;
    STINT_ASSERT(cert_dev_identity(ROLE_OPERATOR, "world", &identity) == STINT_OK);
    struct stint_id id = own_channel_id(ROLE_OPERATOR, identity.certificate.subject, nonce);
    CHECK((guest_find(world_node(w, 0), id) != NULL) != (guest_find(world_node(w, 1), id) != NULL));
    return victim_goes_on(w);
}

/* Envelopes that the relay has sent to clients. */
static uint64_t
offered(struct world *w)
{
    uint64_t sent = 0;
    LIST_EACH (link, &world_node(w, relay)->peers->conns) {
        const struct conn *c = STINT_CONTAINER_OF(link, struct conn, link);
        struct session_stats stats;
        session_get_stats(c->session, &stats);
        sent += session_peer(c->session)->role != ROLE_NODE ? stats.envelopes_sent : 0;
    }
    return sent;
}

/* ---- what ends a session ---- */

static bool
is_cut(struct world *w)
{
    world_run(w, SECOND / 10);
    bool over = world_client_is_over(w, relay);
    world_client_forget(w, relay);
    return over;
}

static bool
malformed_answers_end_the_session(struct world *w)
{
    CHECK(set(w));
    uint64_t epoch = 1;
    struct stint_id cid = registered(w, epoch++);
    say(w, ENVELOPE_DONE, cid, 1, STINT_OK, OWN_CHANNEL_PLACE_SIZE - 1);
    CHECK(is_cut(w));
    (void)registered(w, epoch++);
    say(w, ENVELOPE_DONE, cid, 0, STINT_OK, OWN_CHANNEL_PLACE_SIZE);
    CHECK(is_cut(w));
    (void)registered(w, epoch++);
    say(w, ENVELOPE_DONE, cid, 1, STINT_OK, OWN_CHANNEL_PLACE_SIZE + LIMIT_MESSAGE + 1);
    CHECK(is_cut(w));
    static const uint8_t never[] = { STINT_KILLED, STINT_CHANNEL_LOST, STINT_BLOCKED, STINT_NOT_HERE, STINT_STATUS_COUNT_, 255 };
    for (size_t i = 0; i < sizeof never; i++) {
        (void)registered(w, epoch++);
        say(w, ENVELOPE_DONE, cid, 1, never[i], OWN_CHANNEL_PLACE_SIZE);
        CHECK(is_cut(w));
    }
    (void)registered(w, epoch++);
    say(w, ENVELOPE_NACK, cid, 1, STINT_NOT_HERE, OWN_CHANNEL_PLACE_SIZE);
    CHECK(is_cut(w));
    (void)registered(w, epoch++);
    say(w, ENVELOPE_NACK, cid, 1, STINT_OK, OWN_CHANNEL_PLACE_SIZE + 1);
    CHECK(is_cut(w));
    return victim_goes_on(w);
}

/* Cut off, it may come back for a minute; then who waits in its channel is told that it is lost. */
static bool
who_is_cut_off_may_come_back(struct world *w)
{
    CHECK(set(w));
    for (int round = 0; round < 2; round++) {
        struct stint_id cid = registered(w, (uint64_t)round + 1);
        mill_Feed feed = mill_Feed_init_zero;
        feed.count = 1;
        memcpy(feed.to.id, cid.bytes, sizeof cid.bytes);
        struct stint_id waits = world_spawn(w, 1, "Feed", mill_Feed_fields, &feed);
        say(w, ENVELOPE_DONE, cid, 0, STINT_OK, OWN_CHANNEL_PLACE_SIZE);
        CHECK(is_cut(w));
        CHECK(guest_find(world_node(w, relay), cid) != NULL);
        world_run(w, 50 * SECOND);
        CHECK(kernel_has_tasklet(world_node(w, 1)->kernel, waits));
        if (round == 0) { /* it comes back, and what waited is offered again */
            (void)registered(w, 2);
            world_run(w, 30 * SECOND);
            CHECK(kernel_has_tasklet(world_node(w, 1)->kernel, waits));
            continue;
        }
        world_run(w, 12 * SECOND);
        CHECK(!kernel_has_tasklet(world_node(w, 1)->kernel, waits));
        CHECK(guest_find(world_node(w, relay), cid) == NULL);
    }
    return victim_goes_on(w);
}

/* Nothing but requests and answers comes from clients. */
static bool
other_kinds_end_the_session(struct world *w)
{
    CHECK(set(w));
    uint64_t epoch = 1;
    for (uint8_t kind = 1; kind < ENVELOPE_KIND_END_; kind++) {
        if (kind == ENVELOPE_DONE || kind == ENVELOPE_NACK || kind == ENVELOPE_REQUEST) {
            continue;
        }
        struct stint_id cid = registered(w, epoch++);
        struct envelope e = { .kind = kind, .op = 1, .number = 1, .source = feeder, .target = kind % 2 ? cid : own_id(own) };
        uint8_t body[OWN_CHANNEL_PLACE_SIZE] = { 0 };
        world_client_says(w, relay, &e, span_of(body, sizeof body));
        CHECK(is_cut(w));
    }
    return victim_goes_on(w);
}

/* It asks for more and more, and each time what is outstanding would be sent again. */
static bool
asking_for_more_brings_no_flood(struct world *w)
{
    CHECK(set(w));
    struct stint_id cid = registered(w, 1);
    mill_Feed feed = mill_Feed_init_zero;
    feed.count = 50;
    memcpy(feed.to.id, cid.bytes, sizeof cid.bytes);
    struct stint_id prey = world_spawn(w, 1, "Feed", mill_Feed_fields, &feed);
    struct own_channel_place place = { world_node(w, 1)->self.id, world_node(w, 1)->self.inc };
    uint8_t body[OWN_CHANNEL_PLACE_SIZE];
    struct envelope e = { .kind = ENVELOPE_NACK, .source = cid, .target = prey };
    own_channel_put_place(body, &place);
    world_run(w, SECOND / 10);
    uint64_t before = offered(w);
    for (int i = 0; i < 20000; i++) {
        world_client_says(w, relay, &e, span_of(body, sizeof body));
        world_run(w, i % 100 == 0 ? WORLD_MS / 10 : 0);
    }
    world_run(w, SECOND);
    CHECK(offered(w) - before > 100 && offered(w) - before < 4000);
    CHECK(!world_client_is_over(w, relay));
    return victim_goes_on(w);
}

/* ---- anything ---- */

static bool
whatever_is_said_the_nodes_go_on(struct world *w)
{
    struct prng *random = world_random(w);
    uint8_t body[OWN_CHANNEL_PLACE_SIZE + 64];
    uint64_t epoch = 1;
    CHECK(set(w));
    struct stint_id cid = registered(w, epoch++);
    mill_Feed feed = mill_Feed_init_zero; /* one that offers to the cheater */
    feed.count = 50;
    memcpy(feed.to.id, cid.bytes, sizeof cid.bytes);
    struct stint_id prey = world_spawn(w, 1, "Feed", mill_Feed_fields, &feed);
    for (int i = 0; i < THROWS; i++) {
        const struct node *at = world_node(w, (int)prng_below(random, 3));
        struct own_channel_place place = { at->self.id, at->self.inc + (prng_below(random, 8) == 0) };
        struct envelope e = { .kind = prng_below(random, 3) == 0 ? ENVELOPE_NACK : ENVELOPE_DONE,
                              .flags = (uint8_t)prng_below(random, 16),
                              .op = (uint8_t)prng_below(random, 256),
                              .status = (uint8_t)(prng_below(random, 4) != 0 ? STINT_OK : prng_below(random, 256)),
                              .number = prng_below(random, 4) != 0 ? prng_below(random, 60) : prng_next(random),
                              .epoch = prng_next(random),
                              .word = prng_next(random),
                              .source = prng_below(random, 4) != 0 ? cid : own_id(own),
                              .target = prng_below(random, 2) != 0 ? prey : feeder };
        prng_bytes(random, body, sizeof body);
        own_channel_put_place(body, &place);
        size_t size = prng_below(random, 8) == 0 ? prng_below(random, sizeof body)
                      : e.kind == ENVELOPE_NACK  ? OWN_CHANNEL_PLACE_SIZE
                                                 : sizeof body;
        world_client_says(w, relay, &e, span_of(body, size));
        world_run(w, prng_below(random, 3) * WORLD_MS);
        if (world_client_is_over(w, relay)) {
            world_client_forget(w, relay);
            (void)registered(w, epoch++);
        }
    }
    CHECK(ask(w, 0, &(stint_Request){ .verb = stint_Verb_VERB_STATUS, .timeout_ms = 5000 }) == STINT_OK);
    return victim_goes_on(w);
}

static const struct world_case cases[] = {
    { "answers_for_others_are_ignored", answers_for_others_are_ignored },
    { "nobody_registers_for_others", nobody_registers_for_others },
    { "malformed_registrations_are_refused", malformed_registrations_are_refused },
    { "registrations_are_bounded", registrations_are_bounded },
    { "registrations_take_their_time", registrations_take_their_time },
    { "two_relays_of_one_epoch_agree", two_relays_of_one_epoch_agree },
    { "malformed_answers_end_the_session", malformed_answers_end_the_session },
    { "who_is_cut_off_may_come_back", who_is_cut_off_may_come_back },
    { "other_kinds_end_the_session", other_kinds_end_the_session },
    { "asking_for_more_brings_no_flood", asking_for_more_brings_no_flood },
    { "whatever_is_said_the_nodes_go_on", whatever_is_said_the_nodes_go_on },
};

int
main(int argc, char **argv)
{
    return world_cases(argc, argv, cases, sizeof cases / sizeof cases[0], say_last_answer);
}
