/* SPDX-License-Identifier: Apache-2.0 */
/* Tasklets survive being pickled in whatever state they are. */
#include "pickle_world.h"

static struct stint_id
spawn_worker(int at, enum mode mode, struct stint_id in)
{
    pickles_Worker w = { .mode = mode, .in = world_handle(in) };
    return world_spawn(at, "Worker", &pickles_Worker_stint, &w);
}

/* Somebody who sends one item, or receives one, at that kernel. */
static void
spawn_partner(int at, bool sends, struct stint_id cid)
{
    if (sends) {
        pickles_Source s = { .out = world_handle(cid), .count = 1, .first = 42 };
        (void)world_spawn(at, "Source", &pickles_Source_stint, &s);
    } else {
        pickles_Worker w = { .mode = MODE_RECV, .in = world_handle(cid) };
        (void)world_spawn(at, "Worker", &pickles_Worker_stint, &w);
    }
}

/* Whatever the tasklet waits for happens. */
static void
let_go(struct stint_id tid, enum mode mode, struct stint_id in)
{
    struct stint_id own;
    int at = world_where(tid);
    switch (mode) {
    case MODE_PAUSE:
        assert_int_equal(kernel_kill(world.k[at], tid, true), STINT_OK);
        break;
    case MODE_PAUSE_FOR:
        assert_int_equal(kernel_kill(world.k[at], tid, false), STINT_OK);
        break;
    case MODE_SLEEP:
        world.now_ms += 10000;
        break;
    case MODE_RECV:
    case MODE_RECV_WITHIN:
        spawn_partner(1, true, in);
        break;
    case MODE_RECV_OWN:
        assert_int_equal(kernel_owned(world.k[at], tid, &own, 1), 1);
        spawn_partner(0, true, own);
        break;
    case MODE_SEND:
    case MODE_SEND_TEMPORARY:
        spawn_partner(0, false, in);
        break;
    case MODE_NAME:
        assert_int_equal(kernel_owned(world.k[at], tid, &own, 1), 1);
        kernel_named(world.k[at], tid, own, STINT_OK);
        break;
    default:
        break;
    }
    world_run();
}

/* What the worker's locals must be at its end; the same whether it was moved or not. */
static void
expect_worker(struct stint_id tid, enum mode mode)
{
    pickles_Worker w;
    const struct ended *end = world_result(tid, &pickles_Worker_stint, &w);
    if (end == NULL) {
        fail_msg("a worker that waited in: %s did not end", mode_names[mode]);
        return;
    }
    uint64_t sum = 1000;
    sum += mode == MODE_RECV || mode == MODE_RECV_WITHIN || mode == MODE_RECV_OWN ? 42 : 0;
    sum += mode == MODE_SEND ? 77 : 0;
    sum += mode == MODE_EXCEPT || mode == MODE_PAUSE || mode == MODE_PAUSE_FOR ? 5 : 0;
    assert_int_equal(end->status, STINT_OK);
    assert_int_equal(w.sum, sum);
    if (mode == MODE_EXCEPT) {
        assert_non_null(strstr(w.note, "mode 10 is what it wants (pickles.Worker:"));
    }
}

static void
check_mode(enum mode mode, int channel_at, int moves)
{
    struct stint_id in = world_channel(channel_at, 0);
    struct stint_id tid = spawn_worker(0, mode, in);
    world.keep_names = mode == MODE_NAME;
    bool runs = mode == MODE_YIELD || mode == MODE_EXCEPT;
    if (runs) {
        world_step(1); /* it stands in the ring then */
    } else {
        world_run();
    }
    for (int i = 0; i < moves; i++) {
        world_move(tid);
        if (!runs) {
            world_run();
        }
    }
    let_go(tid, mode, in);
    expect_worker(tid, mode);
    world.ended_count = 0;
    world.keep_names = false;
}

static void
test_every_state_survives_a_move(void **state)
{
    (void)state;
    for (enum mode mode = MODE_YIELD; mode < MODE_COUNT; mode++) {
        check_mode(mode, 0, 0); /* the expectation itself */
        check_mode(mode, 0, 1); /* the channel is here, and stays */
        check_mode(mode, 1, 1); /* the channel is there: remote, then local */
        check_mode(mode, 0, 2);
        check_mode(mode, 1, 5);
    }
}

static void
test_a_paused_tasklet_gets_its_value_where_it_is(void **state)
{
    (void)state;
    pickles_Worker w = { .mode = MODE_PAUSE_FOR };
    struct stint_id tid = world_spawn(0, "Worker", &pickles_Worker_stint, &w);
    world_run();
    world_move(tid);
    struct kernel_tasklet_view view;
    assert_int_equal(kernel_look(world.k[1], tid, &view), STINT_OK);
    assert_int_equal(view.state, KERNEL_IS_PAUSED);
    assert_int_equal(kernel_kill(world.k[1], tid, true), STINT_OK);
    world_run();
    assert_int_equal(world_result(tid, &pickles_Worker_stint, &w)->status, STINT_OK);
    assert_int_equal(w.sum, 1005);
}

/* A value that has come but was not taken yet goes along. */
static void
test_a_received_value_that_waits_goes_along(void **state)
{
    (void)state;
    for (int channel_at = 0; channel_at < 2; channel_at++) {
        struct stint_id in = world_channel(channel_at, 0);
        struct stint_id tid = spawn_worker(0, MODE_RECV, in);
        world_run();
        world_move(tid);
        world_run();
        assert_int_equal(
            kernel_pause(world.k[1], tid), STINT_OK); /* held: it gets the value and does not run */
        spawn_partner(0, true, in);
        world_run();
        world_move(tid);
        world_move(tid);
        assert_int_equal(kernel_resume(world.k[world_where(tid)], tid), STINT_OK);
        world_run();
        expect_worker(tid, MODE_RECV);
        world.ended_count = 0;
    }
}

static void
test_deadlines_go_on_as_time_left(void **state)
{
    (void)state;
    struct stint_id in = world_channel(0, 0);
    struct stint_id tid = spawn_worker(0, MODE_RECV_WITHIN, in);
    pickles_Worker w;
    world_run();
    world.now_ms += 3000;
    world_run();
    world_move(tid);
    world.now_ms += 3900;
    world_run();
    assert_null(world_result(tid, NULL, NULL)); /* 6.9 of 7 seconds */
    world.now_ms += 200;
    world_run();
    assert_int_equal(world_result(tid, &pickles_Worker_stint, &w)->status, STINT_OK);
    assert_string_equal(w.note, "TIMED_OUT");
}

static void
test_a_pending_kill_goes_along(void **state)
{
    (void)state;
    struct stint_id in = world_channel(0, 0);
    struct stint_id tid = spawn_worker(0, MODE_RECV, in);
    pickles_Worker w;
    world_run();
    assert_int_equal(kernel_kill(world.k[0], tid, true), STINT_OK);
    world_move(tid);
    world_run();
    assert_int_equal(world_result(tid, &pickles_Worker_stint, &w)->status, STINT_OK);
    assert_int_equal(w.sum, 1005);
    assert_string_equal(w.note, "killed");
}

static void
test_a_tasklet_that_has_not_begun_can_move(void **state)
{
    (void)state;
    struct stint_id tid = spawn_worker(0, MODE_YIELD, (struct stint_id){ { 9 } });
    world_move(tid);
    world_run();
    expect_worker(tid, MODE_YIELD);
}

static void
test_names_stay_with_their_channel(void **state)
{
    (void)state;
    struct stint_id own[2];
    struct kernel_channel_view view;
    pickles_Worker w = { .mode = MODE_NAME };
    struct stint_id tid = world_spawn(0, "Worker", &pickles_Worker_stint, &w);
    world.keep_names = true;
    world_run();
    world_move(tid);
    assert_int_equal(kernel_owned(world.k[1], tid, own, 2), 2);
    assert_int_equal(kernel_look_channel(world.k[1], own[0], &view), STINT_OK);
    assert_string_equal(view.name, "a-name");
    assert_int_equal(view.capacity, 3);
    world.keep_names = false;
    world_run(); /* asked for again after the move, and answered */
    expect_worker(tid, MODE_NAME);
}

/* ---- deep calls ---- */

static uint64_t
deep_sum(uint32_t depth)
{
    uint64_t sum = depth + 42;
    for (uint32_t level = depth; level-- > 0;) {
        sum = sum * 3 + level + sum;
    }
    return sum;
}

static void
test_deep_calls_survive_a_move_at_every_step(void **state)
{
    (void)state;
    for (uint32_t depth = 0; depth < 13; depth++) {
        struct stint_id in = world_channel(0, 0);
        struct stint_id out = world_channel(1, 0);
        pickles_Deep d = { .depth = depth, .in = world_handle(in), .out = world_handle(out) };
        struct stint_id tid = world_spawn(0, "Deep", &pickles_Deep_stint, &d);
        spawn_partner(1, true, in);
        for (uint32_t i = 0; i < depth; i++) {
            spawn_partner(0, false, out);
        }
        for (int i = 0; i < 10000 && world_where(tid) >= 0; i++) {
            world_step(1);
            if (world_where(tid) >= 0) {
                world_move(tid);
            }
        }
        const struct ended *end = world_result(tid, &pickles_Deep_stint, &d);
        assert_non_null(end);
        assert_int_equal(end->status, STINT_OK);
        assert_int_equal(d.sum, deep_sum(depth));
        world_run();
        world.ended_count = 0;
    }
}

static void
test_the_deepest_stack_fits(void **state)
{
    (void)state;
    struct stint_id in = world_channel(0, 0);
    pickles_Deep d = { .depth = KERNEL_FRAMES_MAX - 1, .in = world_handle(in) };
    struct stint_id tid = world_spawn(0, "Deep", &pickles_Deep_stint, &d);
    world_run();
    struct kernel_tasklet_view view;
    assert_int_equal(kernel_look(world.k[0], tid, &view), STINT_OK);
    assert_int_equal(view.frames, KERNEL_FRAMES_MAX);
    world_move(tid);
    assert_int_equal(kernel_look(world.k[1], tid, &view), STINT_OK);
    assert_int_equal(view.frames, KERNEL_FRAMES_MAX);
}

/* ---- many, with owned channels ---- */

static void
run_family(
    uint32_t capacity, uint32_t sources, uint32_t items, uint64_t seed, uint32_t moves_of_100)
{
    struct prng prng;
    pickles_Boss boss = { .capacity = capacity, .sources = sources, .items = items };
    struct stint_id tid = world_spawn(0, "Boss", &pickles_Boss_stint, &boss);
    prng_init(&prng, seed);
    for (int i = 0; i < 100000 && world_where(tid) >= 0; i++) {
        (void)world_step((uint32_t)prng_below(&prng, 3) + 1);
        for (int at = 0; at < KERNELS; at++) {
            struct kernel_tasklet_view view;
            struct stint_id movers[16];
            uint32_t count = 0;
            uint32_t cursor = 0;
            while (count < 16 && kernel_each_tasklet(world.k[at], &cursor, &view)) {
                if (prng_below(&prng, 100) < moves_of_100) {
                    movers[count++] = view.id;
                }
            }
            for (uint32_t n = 0; n < count; n++) {
                world_move(movers[n]);
            }
        }
    }
    const struct ended *end = world_result(tid, &pickles_Boss_stint, &boss);
    if (end == NULL) {
        fail_msg("capacity %u, %u sources, seed %llu: it did not end", capacity, sources,
            (unsigned long long)seed);
        return;
    }
    uint64_t sum = 0;
    for (uint32_t s = 0; s < sources; s++) {
        for (uint32_t n = 0; n < items; n++) {
            sum += s * 1000 + n;
        }
    }
    assert_int_equal(end->status, STINT_OK);
    assert_int_equal(boss.item.n, sum);
    world_run();
    world.ended_count = 0;
}

/* Port of PK-7: a snapshot at every dispatch boundary, each resumed, and the output is the same. */
static void
test_all_may_move_between_any_two_steps(void **state)
{
    (void)state;
    static const uint32_t capacities[] = { 0, 1, 4, 64 };
    for (size_t i = 0; i < 4; i++) {
        run_family(capacities[i], 1, 5, 1, 0);
        run_family(capacities[i], 1, 5, 1, 100);
        run_family(capacities[i], 3, 20, 1, 100);
    }
}

static void
test_all_may_move_at_random(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_all_may_move_at_random");
    for (uint32_t round = 0; round < 40; round++) {
        struct prng prng;
        prng_init(&prng, seed + round);
        uint32_t capacity = (uint32_t)prng_below(&prng, 3) * (uint32_t)prng_below(&prng, 8);
        run_family(capacity, (uint32_t)prng_below(&prng, 6) + 1,
            (uint32_t)prng_below(&prng, 30) + 1, seed + round, (uint32_t)prng_below(&prng, 60));
    }
}

/* An owned channel full of values, with senders from both kernels waiting behind them. */
static void
test_a_full_channel_moves_with_its_waiters(void **state)
{
    (void)state;
    struct stint_id own;
    struct kernel_channel_view view;
    pickles_Sink sink = { .parent = world_handle(world_channel(0, 0)), .capacity = 4, .count = 30 };
    struct stint_id parent;
    memcpy(parent.bytes, sink.parent.id, sizeof(parent.bytes));
    struct stint_id tid = world_spawn(0, "Sink", &pickles_Sink_stint, &sink);
    world_run(); /* it waits to say hello */
    assert_int_equal(kernel_owned(world.k[0], tid, &own, 1), 1);
    for (uint32_t i = 0; i < 3; i++) {
        pickles_Source s = { .out = world_handle(own), .count = 10, .first = i * 1000 };
        (void)world_spawn(i == 1 ? 1 : 0, "Source", &pickles_Source_stint, &s);
    }
    world_run();
    assert_int_equal(kernel_look_channel(world.k[0], own, &view), STINT_OK);
    assert_int_equal(view.count, 4);
    assert_true(view.senders >= 2);
    uint32_t senders = view.senders;
    world_move(tid);
    assert_int_equal(kernel_look_channel(world.k[1], own, &view), STINT_OK);
    assert_int_equal(view.count, 4);
    assert_int_equal(view.senders, senders);
    world_run();
    world_move(tid);
    spawn_partner(0, false, parent);
    spawn_partner(1, false, parent);
    world_run();
    const struct ended *end = world_result(tid, &pickles_Sink_stint, &sink);
    assert_non_null(end);
    assert_int_equal(sink.sum, 3 * 45 + 10 * 1000 + 10 * 2000);
}

/* Orphans keep their place and their time. */
static void
test_orphans_go_along(void **state)
{
    (void)state;
    struct stint_id own;
    struct kernel_channel_view view;
    struct stint_id parent = world_channel(0, 0);
    pickles_Sink sink = { .parent = world_handle(parent), .capacity = 0, .count = 1 };
    struct stint_id tid = world_spawn(0, "Sink", &pickles_Sink_stint, &sink);
    world_run();
    assert_int_equal(kernel_owned(world.k[0], tid, &own, 1), 1);
    spawn_partner(1, true, own);
    world_run();
    assert_int_equal(kernel_look_channel(world.k[0], own, &view), STINT_OK);
    assert_int_equal(view.senders, 1);
    kernel_node_gone(world.k[0], (struct kernel_place){ .node = { { 2 } }, .inc = 1 });
    world.now_ms += 20000;
    world_run();
    assert_int_equal(kernel_freeze(world.k[0], tid), STINT_OK);
    struct buf first, second;
    struct stint_id loaded;
    pickle_of(world.k[0], tid, &first);
    struct kernel *other = world_kernel(&pickles_module, 5);
    assert_int_equal(pickle_into(other, &first, NULL, &loaded), STINT_OK);
    pickle_of(other, tid, &second);
    assert_true(span_equal(buf_span(&first), buf_span(&second)));
    assert_int_equal(kernel_thaw(other, tid, 2), STINT_OK);
    assert_int_equal(kernel_look_channel(other, own, &view), STINT_OK);
    assert_int_equal(view.relations, 1);
    assert_int_equal(view.senders, 0); /* it keeps its place and is not served */
    kernel_set_time(other, (world.now_ms + 39000) * 1000000, world.now_ms + 39000);
    kernel_run(other, 1);
    assert_int_equal(kernel_look_channel(other, own, &view), STINT_OK);
    assert_int_equal(view.relations, 1);
    kernel_set_time(other, (world.now_ms + 41000) * 1000000, world.now_ms + 41000);
    kernel_run(other, 1);
    assert_int_equal(kernel_look_channel(other, own, &view), STINT_OK);
    assert_int_equal(view.relations, 0);
    buf_fini(&first);
    buf_fini(&second);
    kernel_free(other);
}

/* ---- copies ---- */

static void
test_a_copy_has_ids_of_its_own_and_goes_its_own_way(void **state)
{
    (void)state;
    struct stint_id in = world_channel(0, 0);
    struct stint_id tid = spawn_worker(0, MODE_SEND, in);
    struct buf pickle;
    struct stint_id copy, own, copys_own;
    pickles_Worker w;
    world_run();
    assert_int_equal(kernel_freeze(world.k[0], tid), STINT_OK);
    pickle_of(world.k[0], tid, &pickle);
    assert_int_equal(kernel_thaw(world.k[0], tid, 2), STINT_OK);
    struct pickle_options options = { .fresh = true, .paused = true };
    assert_int_equal(pickle_into(world.k[0], &pickle, &options, &copy), STINT_OK);
    assert_false(id_equal(tid, copy));
    assert_int_equal(kernel_thaw(world.k[0], copy, 1), STINT_OK);
    assert_int_equal(kernel_owned(world.k[0], tid, &own, 1), 1);
    assert_int_equal(kernel_owned(world.k[0], copy, &copys_own, 1), 1);
    assert_false(id_equal(own, copys_own));
    assert_int_equal(kernel_resume(world.k[0], copy), STINT_OK);
    world_run();
    for (int i = 0; i < 2; i++) {
        struct stint_id receiver = spawn_worker(1, MODE_RECV, in);
        world_run();
        assert_int_equal(world_result(receiver, &pickles_Worker_stint, &w)->status, STINT_OK);
        assert_int_equal(w.item.n, 77);
        /* The reply channel in the message is that of its sender: first the original, then the
         * copy. */
        assert_memory_equal(w.item.reply.id, i == 0 ? own.bytes : copys_own.bytes, 16);
    }
    assert_int_equal(world_result(tid, &pickles_Worker_stint, &w)->status, STINT_OK);
    assert_int_equal(world_result(copy, NULL, NULL) == NULL, true); /* nobody watches the copy */
    assert_int_equal(world_where(copy), -1);
    buf_fini(&pickle);
}

static void
test_copies_in_every_state_end_well(void **state)
{
    (void)state;
    for (enum mode mode = MODE_YIELD; mode < MODE_COUNT; mode++) {
        struct stint_id in = world_channel(0, 0);
        struct stint_id tid = spawn_worker(0, mode, in);
        struct stint_id copy;
        struct buf pickle;
        struct pickle_options options = { .fresh = true };
        world.keep_names = mode == MODE_NAME;
        if (mode == MODE_YIELD || mode == MODE_EXCEPT) {
            world_step(1);
        } else {
            world_run();
        }
        assert_int_equal(kernel_freeze(world.k[0], tid), STINT_OK);
        pickle_of(world.k[0], tid, &pickle);
        assert_int_equal(pickle_into(world.k[1], &pickle, &options, &copy), STINT_OK);
        assert_int_equal(kernel_thaw(world.k[0], tid, 2), STINT_OK);
        assert_int_equal(kernel_watch(world.k[1], copy), STINT_OK);
        assert_int_equal(kernel_thaw(world.k[1], copy, 1), STINT_OK);
        world.keep_names = false;
        world_run();
        if (mode != MODE_NAME) {
            let_go(tid, mode, in);
        }
        expect_worker(tid, mode);
        if (world_where(copy) >= 0) {
            let_go(copy, mode, in);
        }
        expect_worker(copy, mode);
        world.ended_count = 0;
        buf_fini(&pickle);
    }
}

static void
test_what_is_here_already_is_not_loaded_again(void **state)
{
    (void)state;
    struct stint_id tid = spawn_worker(0, MODE_PAUSE, (struct stint_id){ { 9 } });
    struct buf pickle;
    struct stint_id loaded;
    world_run();
    assert_int_equal(kernel_freeze(world.k[0], tid), STINT_OK);
    pickle_of(world.k[0], tid, &pickle);
    assert_int_equal(pickle_into(world.k[0], &pickle, NULL, &loaded), STINT_EXISTS);
    assert_non_null(strstr(world.last_error, "is here already"));
    assert_int_equal(kernel_save(world.k[1], tid, &pickle), STINT_NOT_HERE);
    assert_int_equal(kernel_thaw(world.k[0], tid, 2), STINT_OK);
    assert_int_equal(kernel_save(world.k[0], tid, &pickle), STINT_INVALID);
    struct pickle_options other = { .tid = { { 1, 2, 3 } } };
    assert_int_equal(pickle_into(world.k[1], &pickle, &other, &loaded), STINT_BAD_PICKLE);
    assert_non_null(strstr(world.last_error, "not of 010203"));
    struct pickle_options epoch = { .tid = tid, .epoch = 7 };
    assert_int_equal(pickle_into(world.k[1], &pickle, &epoch, &loaded), STINT_BAD_PICKLE);
    assert_non_null(strstr(world.last_error, "of epoch 1, not 7"));
    struct pickle_options small = { .limit = pickle.size - 1 };
    assert_int_equal(pickle_into(world.k[1], &pickle, &small, &loaded), STINT_LIMIT);
    struct pickle_options moved = { .tid = tid, .epoch = 1, .limit = pickle.size, .moved = true };
    assert_int_equal(pickle_into(world.k[1], &pickle, &moved, &loaded), STINT_OK);
    struct kernel_tasklet_view view;
    assert_int_equal(kernel_look(world.k[1], tid, &view), STINT_OK);
    assert_int_equal(view.moves, 1);
    assert_int_equal(view.state, KERNEL_FROZEN);
    buf_fini(&pickle);
    buf_init(&pickle, &world.mem, 150);
    assert_int_equal(kernel_save(world.k[1], tid, &pickle), STINT_LIMIT);
    assert_int_equal(pickle.size, 0);
    buf_fini(&pickle);
}

static void
test_the_estimate_is_near(void **state)
{
    (void)state;
    for (enum mode mode = MODE_YIELD; mode < MODE_COUNT; mode++) {
        struct stint_id tid = spawn_worker(0, mode, world_channel(0, 0));
        struct buf pickle;
        world_step(1);
        assert_int_equal(kernel_freeze(world.k[0], tid), STINT_OK);
        pickle_of(world.k[0], tid, &pickle);
        uint64_t estimate = kernel_pickle_estimate(world.k[0], tid);
        assert_in_range(estimate, pickle.size / 2, pickle.size * 8);
        assert_int_equal(kernel_discard(world.k[0], tid), STINT_OK);
        buf_fini(&pickle);
    }
    assert_int_equal(kernel_pickle_estimate(world.k[0], (struct stint_id){ { 5 } }), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)
    const struct CMUnitTest tests[] = {
        TEST(test_every_state_survives_a_move),
        TEST(test_a_paused_tasklet_gets_its_value_where_it_is),
        TEST(test_a_received_value_that_waits_goes_along),
        TEST(test_deadlines_go_on_as_time_left),
        TEST(test_a_pending_kill_goes_along),
        TEST(test_a_tasklet_that_has_not_begun_can_move),
        TEST(test_names_stay_with_their_channel),
        TEST(test_deep_calls_survive_a_move_at_every_step),
        TEST(test_the_deepest_stack_fits),
        TEST(test_all_may_move_between_any_two_steps),
        TEST(test_all_may_move_at_random),
        TEST(test_a_full_channel_moves_with_its_waiters),
        TEST(test_orphans_go_along),
        TEST(test_a_copy_has_ids_of_its_own_and_goes_its_own_way),
        TEST(test_copies_in_every_state_end_well),
        TEST(test_what_is_here_already_is_not_loaded_again),
        TEST(test_the_estimate_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
