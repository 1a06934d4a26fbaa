/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a tasklet's channels from outside: which they are, and who waits there from elsewhere. */
#include "pickle_world.h"

struct waiting {
    uint32_t count;
    struct stint_id tids[4];
    struct kernel_place places[4];
};

static void
note(void *arg, struct stint_id tid, struct kernel_place place)
{
    struct waiting *w = arg;
    assert_true(w->count < 4);
    w->tids[w->count] = tid;
    w->places[w->count++] = place;
}

static bool
is_noted(const struct waiting *w, struct stint_id tid)
{
    for (uint32_t i = 0; i < w->count; i++) {
        if (id_equal(w->tids[i], tid)) {
            assert_int_equal(w->places[i].node.bytes[0], 2);
            assert_int_equal(w->places[i].inc, 1);
            return true;
        }
    }
    return false;
}

static struct stint_id
spawn_receiver(int at, struct stint_id cid)
{
    pickles_Worker w = { .mode = MODE_RECV, .in = world_handle(cid) };
    return world_spawn(at, "Worker", &pickles_Worker_stint, &w);
}

static struct stint_id
spawn_sender(int at, struct stint_id cid, uint32_t count)
{
    pickles_Source s = { .out = world_handle(cid), .count = count, .first = 5 };
    return world_spawn(at, "Source", &pickles_Source_stint, &s);
}

static void
test_who_waits_from_elsewhere_is_told_on_either_side(void **state)
{
    (void)state;
    struct waiting waiting = { .count = 0 };
    struct stint_id receives = world_channel(0, 0);
    struct stint_id sends = world_channel(0, 0);
    struct stint_id receiver = spawn_receiver(1, receives);
    struct stint_id sender = spawn_sender(1, sends, 1);
    (void)spawn_sender(0, sends, 1); /* one that waits here is none of them */
    world_run();
    kernel_each_pending(world.k[0], receives, note, &waiting);
    assert_int_equal(waiting.count, 1);
    assert_true(is_noted(&waiting, receiver));
    waiting.count = 0;
    kernel_each_pending(world.k[0], sends, note, &waiting);
    assert_int_equal(waiting.count, 1);
    assert_true(is_noted(&waiting, sender));
}

/* Its dealings are kept for a while, but it waits no more. */
static void
test_who_was_served_does_not_wait(void **state)
{
    (void)state;
    struct waiting waiting = { .count = 0 };
    struct stint_id cid = world_channel(0, 2);
    struct kernel_channel_view view;
    (void)spawn_sender(1, cid, 4);
    world_run();
    for (int i = 0; i < 2; i++) {
        (void)spawn_receiver(0, cid);
        world_run();
    }
    assert_int_equal(kernel_look_channel(world.k[0], cid, &view), STINT_OK);
    assert_int_equal(view.senders, 0);
    kernel_each_pending(world.k[0], cid, note, &waiting);
    assert_int_equal(waiting.count, 0);
    kernel_each_pending(world.k[0], (struct stint_id){ { 1, 2, 3 } }, note, &waiting);
    assert_int_equal(waiting.count, 0);
}

static void
test_owned_channels_are_told_newest_first_and_no_more_than_asked_for(void **state)
{
    (void)state;
    struct stint_id all[4];
    struct stint_id some[4] = { { { 0 } } };
    pickles_Worker w = { .mode = MODE_NAME };
    world.keep_names = true;
    struct stint_id tid = world_spawn(0, "Worker", &pickles_Worker_stint, &w);
    world_run();
    assert_int_equal(kernel_owned(world.k[0], tid, all, 4), 2);
    assert_false(id_equal(all[0], all[1]));
    assert_int_equal(kernel_owned(world.k[0], tid, some, 1), 1);
    assert_true(id_equal(some[0], all[0]));
    assert_true(id_is_zero(some[1]));
    assert_int_equal(kernel_owned(world.k[0], tid, some, 0), 0);
    assert_int_equal(kernel_owned(world.k[1], tid, some, 4), 0);
    world.keep_names = false;
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)
    const struct CMUnitTest tests[] = {
        TEST(test_who_waits_from_elsewhere_is_told_on_either_side),
        TEST(test_who_was_served_does_not_wait),
        TEST(test_owned_channels_are_told_newest_first_and_no_more_than_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
