/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on channels of another kernel: each once, in order, through repeats, deadlines,
 * kills and freezes. */
#include "kernel/pickle.h"
#include "remote.h"

static void
test_a_value_crosses_a_rendezvous(void **state)
{
    (void)state;
    net_begin(1);
    struct stint_id c = net_channel(0, 0);
    net_producer(1, c, 0, 3, -1);
    net_settle();
    assert_int_equal(net.produced, 0); /* nobody has taken it */
    struct kernel_channel_view view;
    assert_int_equal(kernel_look_channel(net.kernels[0], c, &view), STINT_OK);
    assert_int_equal(view.senders, 1);
    net_consumer(2, c, -1);
    net_settle();
    assert_int_equal(net.produced, 3);
    assert_int_equal(net_check_received(1), 3);
    /* The producer has ended, so nothing of it is remembered. */
    assert_int_equal(kernel_look_channel(net.kernels[0], c, &view), STINT_OK);
    assert_int_equal(view.relations, 1);
    assert_int_equal(view.receivers, 1);
    net_end();
}

static void
test_a_buffer_takes_values_without_a_receiver(void **state)
{
    (void)state;
    net_begin(2);
    struct stint_id c = net_channel(0, 4);
    net_producer(1, c, 0, 200, -1);
    net_settle();
    /* The first told that there is a buffer, a window followed; four are in the buffer, one is
     * pending there. */
    struct kernel_channel_view view;
    assert_int_equal(kernel_look_channel(net.kernels[0], c, &view), STINT_OK);
    assert_int_equal(view.count, 4);
    assert_int_equal(view.senders, 1);
    assert_int_equal(net.produced, 1 + KERNEL_WINDOW);
    net_consumer(0, c, -1);
    net_settle();
    assert_int_equal(net.produced, 200);
    assert_int_equal(net_check_received(1), 200);
    net_end();
}

static void
test_a_deadline_waits_for_the_answer(void **state)
{
    (void)state;
    net_begin(3);
    struct stint_id c = net_channel(0, 0);
    struct stint_id tid = net_consumer(1, c, 10);
    net_settle();
    net.now_ms = 50;
    net_settle();
    struct kernel_tasklet_view view;
    assert_int_equal(kernel_look(net.kernels[1], tid, &view), STINT_OK);
    assert_int_equal(view.state, KERNEL_IS_BLOCKED); /* it has tried again */
    assert_true(view.remote);
    assert_int_equal(view.deadline_ns, 60000000);
    net_producer(2, c, 0, 1, -1);
    net_settle();
    assert_int_equal(net_check_received(1), 1);
    net_end();
}

static void
test_a_kill_does_not_wait(void **state)
{
    (void)state;
    net_begin(4);
    struct stint_id c = net_channel(0, 0);
    struct stint_id tid = net_consumer(1, c, -1);
    net_settle();
    assert_int_equal(kernel_kill(net.kernels[1], tid, true), STINT_OK);
    kernel_run(net.kernels[1], 1);
    assert_false(kernel_has_tasklet(net.kernels[1], tid));
    net_settle();
    struct kernel_channel_view view;
    assert_int_equal(kernel_look_channel(net.kernels[0], c, &view), STINT_OK);
    assert_int_equal(view.receivers, 0);
    assert_int_equal(view.relations, 0);
    struct kernel_counters counters;
    kernel_count(net.kernels[1], &counters);
    assert_int_equal(counters.outlets, 0);
    net_end();
}

static void
test_a_wrong_type_is_told(void **state)
{
    (void)state;
    net_begin(5);
    struct stint_id c = { { 0 } };
    assert_int_equal(kernel_channel_create(net.kernels[0],
                         kernel_find_type(net.kernels[0], "stint.Empty"), 0, NULL, &c),
        STINT_OK);
    net_producer(1, c, 0, 1, -1);
    net_settle();
    assert_int_equal(net.last_error, STINT_TYPE_MISMATCH);
    assert_non_null(strstr(net.last_text, "producer 0 stops at 0 (remote.Producer:"));
    net_end();
}

/* Who sends on after that is told each time: what is refused was not sent. */
static void
test_a_wrong_type_is_told_each_time(void **state)
{
    (void)state;
    net_begin(16);
    struct stint_id c = { { 0 } };
    assert_int_equal(kernel_channel_create(net.kernels[0],
                         kernel_find_type(net.kernels[0], "stint.Empty"), 4, NULL, &c),
        STINT_OK);
    remote_Insist insist = { .to = net_handle(c) };
    net_spawn(1, "Insist", &remote_Insist_msg, &insist, 0);
    net_settle();
    assert_int_equal(net.last_error, STINT_TYPE_MISMATCH);
    assert_int_equal(net.produced, 0);
    net_end();
}

static void
test_a_channel_that_is_nowhere_is_lost(void **state)
{
    (void)state;
    net_begin(6);
    net_producer(1, (struct stint_id){ { 9 } }, 0, 1, -1);
    net_settle();
    assert_int_equal(net.last_error, STINT_CHANNEL_LOST);
    net_producer(1, (struct stint_id){ { 0 } }, 0, 1, -1);
    net_settle();
    assert_int_equal(net.last_error, STINT_INVALID);
    net_end();
}

static void
test_closing_tells_those_elsewhere(void **state)
{
    (void)state;
    net_begin(7);
    struct stint_id c = net_channel(0, 0);
    net_consumer(1, c, -1);
    net_settle();
    assert_int_equal(kernel_channel_close(net.kernels[0], c, true), STINT_OK);
    net_settle();
    assert_int_equal(net.last_error, STINT_END_OF_SEQUENCE);
    assert_false(kernel_has_channel(net.kernels[0], c));
    net_end();
}

/* The buffer is full and nobody takes from it: what was dropped for want of room is not left waiting for that. */
static void
test_closing_tells_a_window_that_found_no_room(void **state)
{
    (void)state;
    net_begin(2);
    struct stint_id c = net_channel(0, 4);
    struct stint_id tid = net_producer(1, c, 0, 200, -1);
    net_settle();
    assert_int_equal(net.produced, 1 + KERNEL_WINDOW);
    assert_int_equal(kernel_channel_close(net.kernels[0], c, true), STINT_OK);
    net_settle();
    assert_false(kernel_has_tasklet(net.kernels[1], tid));
    assert_int_equal(net.last_error, STINT_CLOSED);
    struct kernel_counters counters;
    kernel_count(net.kernels[1], &counters);
    assert_int_equal(counters.outlets, 0);
    net_end();
}

static void
test_a_dead_nodes_offers_are_passed_over_and_expire(void **state)
{
    (void)state;
    net_begin(8);
    struct stint_id c = net_channel(0, 0);
    net_consumer(1, c, -1);
    net_settle();
    kernel_node_gone(net.kernels[0], (struct kernel_place){ { { 2 } }, 1 });
    net_producer(2, c, 0, 1, -1);
    net_settle();
    struct kernel_channel_view view;
    assert_int_equal(kernel_look_channel(net.kernels[0], c, &view), STINT_OK);
    assert_int_equal(view.senders, 1);
    assert_int_equal(view.receivers, 0);
    assert_int_equal(view.relations, 2);
    net.now_ms = 61000;
    net_settle();
    assert_int_equal(kernel_look_channel(net.kernels[0], c, &view), STINT_OK);
    assert_int_equal(view.relations, 1);
    net_end();
}

static void
test_an_orphan_comes_back_to_its_place(void **state)
{
    (void)state;
    net_begin(9);
    struct stint_id c = net_channel(0, 0);
    struct stint_id tid = net_consumer(1, c, -1);
    net_settle();
    kernel_node_gone(net.kernels[0], (struct kernel_place){ { { 2 } }, 1 });
    net_producer(2, c, 0, 1, -1);
    net_settle();
    assert_int_equal(net.received_count, 0);
    kernel_reoffer(net.kernels[1], tid); /* as if it had been adopted elsewhere */
    net_settle();
    assert_int_equal(net_check_received(1), 1);
    assert_int_equal(net.produced, 1);
    net_end();
}

static void
test_freezing_keeps_places_and_deadlines(void **state)
{
    (void)state;
    net_begin(10);
    struct stint_id c = net_channel(0, 0);
    struct stint_id first = net_consumer(0, c, 100);
    struct stint_id second = net_consumer(0, c, -1);
    net_settle();
    assert_int_equal(kernel_freeze(net.kernels[0], first), STINT_OK);
    assert_int_equal(kernel_freeze(net.kernels[0], first), STINT_BUSY);
    assert_int_equal(kernel_kill(net.kernels[0], first, true), STINT_BUSY);
    struct stint_id tid;
    enum kernel_op op;
    uint32_t cursor = 0;
    assert_true(kernel_each_waiter(net.kernels[0], c, &cursor, &tid, &op));
    assert_true(id_equal(tid, first) && op == KERNEL_RECEIVE);
    assert_true(kernel_each_waiter(net.kernels[0], c, &cursor, &tid, &op));
    assert_true(id_equal(tid, second));
    assert_false(kernel_each_waiter(net.kernels[0], c, &cursor, &tid, &op));
    net.now_ms = 60;
    net_settle();
    assert_int_equal(kernel_thaw(net.kernels[0], first, 3), STINT_OK);
    struct kernel_tasklet_view view;
    assert_int_equal(kernel_look(net.kernels[0], first, &view), STINT_OK);
    assert_int_equal(view.deadline_ns, 160000000);
    assert_int_equal(view.epoch, 3);
    net_producer(1, c, 0, 2, -1);
    net_settle();
    assert_int_equal(net_check_received(1), 2);
    net_end();
}

static void
test_a_frozen_owner_takes_its_channel_along(void **state)
{
    (void)state;
    net_begin(11);
    remote_Owner owner = { 0 };
    struct stint_id tid = net_spawn(0, "Owner", &remote_Owner_msg, &owner, KERNEL_PAUSED);
    assert_int_equal(kernel_kill(net.kernels[0], tid, false), STINT_OK);
    net_settle();
    assert_false(kernel_has_tasklet(net.kernels[0], tid));
    remote_Named named = { .name = "inbox" };
    tid = net_spawn(0, "Named", &remote_Named_msg, &named, 0);
    net_settle();
    struct kernel_channel_view view;
    uint32_t cursor = 0;
    assert_true(kernel_each_channel(net.kernels[0], &cursor, &view));
    assert_string_equal(view.name, "inbox");
    assert_int_equal(view.receivers, 1);
    assert_int_equal(kernel_freeze(net.kernels[0], tid), STINT_OK);
    struct kernel_offer offer = { .cid = view.id,
        .tid = { { 5 } },
        .number = 1,
        .op = KERNEL_SEND };
    assert_int_equal(kernel_offer(net.kernels[0], &offer), STINT_BUSY);
    assert_int_equal(kernel_discard(net.kernels[0], tid), STINT_OK);
    assert_int_equal(kernel_offer(net.kernels[0], &offer), STINT_NOT_HERE);
    assert_int_equal(kernel_effect_count(net.kernels[0]), 0);
    net_end();
}

static void
test_a_name_that_is_taken(void **state)
{
    (void)state;
    net_begin(12);
    net.naming = STINT_EXISTS;
    remote_Named named = { .name = "inbox" };
    net_spawn(0, "Named", &remote_Named_msg, &named, 0);
    net_settle();
    struct kernel_counters counters;
    kernel_count(net.kernels[0], &counters);
    assert_int_equal(counters.tasklets, 1);
    assert_int_equal(counters.channels, 0);
    net.now_ms = 2000;
    net_settle();
    assert_int_equal(net.last_error, STINT_EXISTS);
    snprintf(named.name, sizeof named.name, "not a name");
    net_spawn(0, "Named", &remote_Named_msg, &named, 0);
    net_settle();
    assert_int_equal(net.last_error, STINT_INVALID);
    net_end();
}

static void
test_outlets_are_ended_to_make_room(void **state)
{
    (void)state;
    net_begin(14);
    for (int i = 0; i < SPRAYED; i++) {
        net.sprayed[i] = net_handle(net_channel(0, 2));
    }
    remote_Spray spray = { 0 };
    struct stint_id tid = net_spawn(1, "Spray", &remote_Spray_msg, &spray, 0);
    struct kernel_counters counters;
    for (int i = 0; i < 100000 && kernel_has_tasklet(net.kernels[1], tid); i++) {
        net_step();
        kernel_count(net.kernels[1], &counters);
        assert_true(counters.outlets <= KERNEL_OUTLETS_KEPT + 1);
    }
    net_settle();
    for (int i = 0; i < SPRAYED; i++) {
        struct kernel_channel_view view;
        struct stint_id cid;
        memcpy(cid.bytes, net.sprayed[i].id, sizeof cid.bytes);
        assert_int_equal(kernel_look_channel(net.kernels[0], cid, &view), STINT_OK);
        assert_int_equal(view.count, 2);
        assert_int_equal(view.relations, 0);
    }
    net_end();
}

static void
test_a_held_tasklet_is_served_and_does_not_run(void **state)
{
    (void)state;
    for (int from = 0; from < 2; from++) {
        net_begin(15);
        struct stint_id c = net_channel(0, 0);
        struct stint_id tid = net_consumer(0, c, -1);
        net_settle();
        assert_int_equal(kernel_pause(net.kernels[0], tid), STINT_OK);
        net_producer(from, c, 0, 1, -1);
        net_settle();
        assert_int_equal(net.produced, 1);
        assert_int_equal(net.received_count, 0);
        assert_int_equal(kernel_resume(net.kernels[0], tid), STINT_OK);
        net_settle();
        assert_int_equal(net_check_received(1), 1);
        net_end();
    }
}

static void
test_hostile_offers_change_nothing(void **state)
{
    (void)state;
    net_begin(13);
    struct stint_id c = net_channel(0, 1);
    struct kernel *k = net.kernels[0];
    struct kernel_place place = { { { 2 } }, 1 };
    uint8_t rubbish[4] = { 0xff, 0xff, 0xff, 0xff };
    struct kernel_offer offer = { .cid = c,
        .tid = { { 5 } },
        .number = 0,
        .op = KERNEL_SEND,
        .place = place };
    assert_int_equal(kernel_offer(k, &offer), STINT_INVALID);
    offer.number = UINT64_MAX;
    assert_int_equal(kernel_offer(k, &offer), STINT_OK); /* whose beginning nobody knows */
    assert_int_equal(kernel_offer(k, &offer), STINT_OK);
    uint32_t count;
    const struct kernel_effect *effects = kernel_effects(k, &count);
    assert_int_equal(count, 2);
    assert_int_equal(effects[0].kind, KERNEL_DONE);
    assert_int_equal(effects[0].status, STINT_OUTCOME_UNKNOWN);
    assert_int_equal(effects[1].status, STINT_OUTCOME_UNKNOWN);
    offer.tid.bytes[0] = 6;
    offer.number = 1;
    offer.type_hash = 1;
    assert_int_equal(kernel_offer(k, &offer), STINT_OK);
    offer.number = 3;
    assert_int_equal(kernel_offer(k, &offer), STINT_OK); /* a gap: told once */
    assert_int_equal(kernel_offer(k, &offer), STINT_OK);
    offer.number = 2;
    offer.value = (struct stint_span){ rubbish, sizeof rubbish };
    effects = kernel_effects(k, &count);
    assert_int_equal(count, 2);
    assert_int_equal(effects[0].status, STINT_TYPE_MISMATCH);
    assert_int_equal(effects[1].kind, KERNEL_REFUSE);
    assert_int_equal(effects[1].number, 1);
    offer.type_hash = effects[0].type_hash;
    assert_int_equal(kernel_offer(k, &offer), STINT_OK);
    offer.op = (enum kernel_op)77;
    offer.number = 3;
    assert_int_equal(kernel_offer(k, &offer), STINT_OK);
    effects = kernel_effects(k, &count);
    assert_int_equal(count, 2);
    assert_int_equal(effects[0].status, STINT_INVALID);
    assert_int_equal(effects[1].status, STINT_INVALID);
    kernel_done(k, &(struct kernel_done){ .tid = { { 1 } }, .cid = c, .number = 1 });
    kernel_refused(k, (struct stint_id){ { 1 } }, c, 7);
    kernel_named(k, (struct stint_id){ { 1 } }, c, STINT_EXISTS);
    assert_int_equal(kernel_fin(k, c, (struct stint_id){ { 6 } }, 9), STINT_OK);
    net_end();
}

/* A tasklet of a storm: where it is and under which epoch. */
struct roamer {
    struct stint_id tid;
    uint64_t epoch;
    int at;
};

/* Moves a frozen tasklet to another kernel as a pickle. */
static void
carry(struct roamer *r)
{
    struct buf pickle;
    char error[200];
    struct stint_id tid;
    int to = (r->at + 1 + (int)prng_below(&net.prng, KERNELS - 1)) % KERNELS;
    buf_init(&pickle, &net.mem, 1 << 20);
    assert_int_equal(kernel_save(net.kernels[r->at], r->tid, &pickle), STINT_OK);
    for (uint64_t i = prng_below(&net.prng, 10); i > 0; i--) {
        net_step();
    }
    struct pickle_options options = { .tid = r->tid, .epoch = r->epoch, .moved = true };
    if (kernel_load(net.kernels[to], buf_span(&pickle), &options, &tid, error, sizeof error) !=
        STINT_OK) {
        fail_msg("%s", error);
    }
    buf_fini(&pickle);
    for (uint64_t i = prng_below(&net.prng, 10); i > 0; i--) {
        net_step();
    }
    assert_int_equal(kernel_discard(net.kernels[r->at], r->tid), STINT_OK);
    r->at = to;
    for (uint64_t i = prng_below(&net.prng, 10); i > 0; i--) {
        net_step();
    }
}

/* Freezes a tasklet for a while; then it goes on, elsewhere with `moves`, as after a move that
 * failed without. */
static void
freeze_and_thaw(struct roamer *r, bool moves)
{
    if (!kernel_has_tasklet(net.kernels[r->at], r->tid) ||
        kernel_freeze(net.kernels[r->at], r->tid) != STINT_OK) {
        return;
    }
    for (uint64_t i = prng_below(&net.prng, 30); i > 0; i--) {
        net_step();
    }
    bool goes = moves && prng_below(&net.prng, 4) > 0;
    if (goes) {
        carry(r);
    }
    r->epoch += goes ? 1 : 2;
    assert_int_equal(kernel_thaw(net.kernels[r->at], r->tid, r->epoch), STINT_OK);
}

/* Each item came once, and each consumer got those of a producer in their order. */
static void
check_each_once(uint32_t producers, uint32_t count)
{
    bool came[16][256] = { { false } };
    uint32_t next[8][16] = { { 0 } };
    for (uint32_t i = 0; i < net.received_count; i++) {
        const remote_Item *item = &net.received[i];
        uint32_t *due = &next[net.receivers[i]][item->sender];
        assert_true(item->sender < producers && item->number < count);
        assert_false(came[item->sender][item->number]);
        came[item->sender][item->number] = true;
        assert_true(item->number >= *due);
        *due = item->number + 1;
    }
}

enum { PRODUCERS = 5, ROAMERS = 8, COUNT = 150 };

static int32_t
some_deadline(void)
{
    return prng_below(&net.prng, 2) == 0 ? -1 : (int32_t)prng_below(&net.prng, 50) + 1;
}

/* One of a storm: producers first; the rest receive, from a channel of all or, the first, from
 * its own. */
static void
begin_roamer(struct roamer *r, uint32_t i, struct stint_id c, bool owned, uint32_t capacity)
{
    remote_Owner owner = { .capacity = capacity, .within = some_deadline() };
    remote_Consumer consumer = { .from = net_handle(c),
        .receiver = i - PRODUCERS,
        .within = some_deadline() };
    r->epoch = 1;
    r->at = (int)prng_below(&net.prng, KERNELS);
    if (i < PRODUCERS) {
        r->tid = net_producer(r->at, c, i, COUNT, some_deadline());
    } else if (owned) {
        r->tid = net_spawn(r->at, "Owner", &remote_Owner_msg, &owner, 0);
    } else {
        r->tid = net_spawn(r->at, "Consumer", &remote_Consumer_msg, &consumer, 0);
    }
}

/* Producers and consumers on all kernels, one channel, and everything that may happen to them. */
static void
storm(uint64_t seed, bool owned, bool moves)
{
    struct roamer roamers[ROAMERS];
    struct stint_id c = { { 0 } };
    uint32_t count = owned ? PRODUCERS + 1 : ROAMERS;
    net_begin(seed);
    net.duplicates = (uint32_t)prng_below(&net.prng, 3) * 15;
    uint32_t capacity = (uint32_t)prng_below(&net.prng, 3) * (uint32_t)prng_below(&net.prng, 20);
    if (owned) {
        begin_roamer(&roamers[PRODUCERS], PRODUCERS, c, true, capacity);
        kernel_run(net.kernels[roamers[PRODUCERS].at], 1);
        memcpy(c.bytes, net.owned.id, sizeof c.bytes);
    } else {
        c = net_channel(0, capacity);
    }
    for (uint32_t i = 0; i < (owned ? PRODUCERS : count); i++) {
        begin_roamer(&roamers[i], i, c, false, capacity);
    }
    for (int round = 0; round < 40000 && net.received_count < PRODUCERS * COUNT; round++) {
        net_step();
        if (prng_below(&net.prng, 20) == 0) {
            freeze_and_thaw(&roamers[prng_below(&net.prng, count)], moves);
        }
        if (prng_below(&net.prng, 5) == 0) {
            net.now_ms += prng_below(&net.prng, 30);
        }
    }
    net.now_ms += 1000;
    for (int i = 0; i < 3000; i++) {
        net_step();
    }
    if (net.produced != PRODUCERS * COUNT || net.received_count != PRODUCERS * COUNT) {
        fail_msg("storm %lu: %u sent, %u received of %u", (unsigned long)seed, net.produced,
            net.received_count, PRODUCERS * COUNT);
    }
    check_each_once(PRODUCERS, COUNT);
    net_end();
}

static void
test_storms(void **state)
{
    (void)state;
    uint64_t seed = test_seed("relations");
    for (uint64_t i = 0; i < 100; i++) {
        storm(seed + i, false, false);
    }
}

static void
test_storms_in_which_all_move(void **state)
{
    (void)state;
    uint64_t seed = test_seed("relations");
    for (uint64_t i = 0; i < 150; i++) {
        storm(seed + i, i % 2 == 0, true);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_crosses_a_rendezvous),
        cmocka_unit_test(test_a_buffer_takes_values_without_a_receiver),
        cmocka_unit_test(test_a_deadline_waits_for_the_answer),
        cmocka_unit_test(test_a_kill_does_not_wait),
        cmocka_unit_test(test_a_wrong_type_is_told),
        cmocka_unit_test(test_a_wrong_type_is_told_each_time),
        cmocka_unit_test(test_a_channel_that_is_nowhere_is_lost),
        cmocka_unit_test(test_closing_tells_those_elsewhere),
        cmocka_unit_test(test_closing_tells_a_window_that_found_no_room),
        cmocka_unit_test(test_a_dead_nodes_offers_are_passed_over_and_expire),
        cmocka_unit_test(test_an_orphan_comes_back_to_its_place),
        cmocka_unit_test(test_freezing_keeps_places_and_deadlines),
        cmocka_unit_test(test_a_frozen_owner_takes_its_channel_along),
        cmocka_unit_test(test_a_name_that_is_taken),
        cmocka_unit_test(test_hostile_offers_change_nothing),
        cmocka_unit_test(test_outlets_are_ended_to_make_room),
        cmocka_unit_test(test_a_held_tasklet_is_served_and_does_not_run),
        cmocka_unit_test(test_storms),
        cmocka_unit_test(test_storms_in_which_all_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
