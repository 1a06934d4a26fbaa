/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to a kernel from outside and seen there: effects, views, counters, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ids.h"
#include "edge.pb.h"
#include "kernel/kernel.h"
#include "kernel/type.h"
#include "stint/tasklet.h"
#include "tracked_memory.h"

enum does { YIELDS, PAUSES, SLEEPS, RECEIVES_OUTSIDE, SENDS, OPENS, OPENS_AGAIN, RECEIVES, RUNS_ALL };

static struct tracked_memory tracked;
static struct mem mem;
static struct kernel *k;
static edge_Number outside; /* not in anybody's locals */

STINT_FRAME(edge_Body)
{
    STINT_BEGIN;
    if (self->does == PAUSES) {
        STINT_PAUSE;
    } else if (self->does == RUNS_ALL) {
        STINT_RUN_ALL;
    } else if (self->does == SLEEPS) {
        STINT_SLEEP(1000);
    } else if (self->does == RECEIVES_OUTSIDE) {
        STINT_RECV(self->on, edge_Number, &outside);
    } else if (self->does == RECEIVES) {
        STINT_RECV(self->on, edge_Number, &self->value);
    } else if (self->does == SENDS) {
        STINT_SEND(self->on, edge_Number, &self->value);
    }
    while (self->does == OPENS_AGAIN && self->times < 3) {
        STINT_TRY_CHANNEL_OPEN(&self->on, "taken", 0, edge_Number);
        self->times++;
    }
    if (self->does == OPENS) {
        STINT_CHANNEL_OPEN(&self->on, "mine", 0, edge_Number);
    }
    while (self->times < 3) {
        self->times++;
        STINT_YIELD;
    }
    STINT_PAUSE;
    STINT_END;
}

STINT_MODULE_AS(edge_module, edge, "1.0.0", edge_Body)

static int
setup(void **state)
{
    (void)state;
    char error[200];
    mem_init(&mem, tracked_allocator(&tracked), 0);
    k = kernel_new(&(struct kernel_config){
        .mem = &mem, .seed = 1, .here = { .node = { { 1 } }, .inc = 1 }, .tasklets_max = 3000 });
    return k == NULL ? -1 : (int)kernel_add_module(k, &edge_module, error, sizeof error);
}

static int
teardown(void **state)
{
    (void)state;
    kernel_free(k);
    return mem.used == 0 && tracked.blocks == 0 ? 0 : -1;
}

static struct stint_id
spawn(enum does does, struct stint_id on, uint32_t flags)
{
    const struct code *code;
    struct stint_id id = STINT_ID_NONE;
    struct buf args;
    edge_Body body = { .does = does, .value = { 42 } };
    memcpy(body.on.id, on.bytes, sizeof body.on.id);
    buf_init(&args, &mem, TYPE_SIZE_MAX);
    assert_int_equal(type_encode(kernel_find_type(k, "edge.Body"), &body, &args), STINT_OK);
    assert_int_equal(kernel_find_code(k, "edge", "Body", &code), STINT_OK);
    assert_int_equal(kernel_spawn(k, code, buf_span(&args), flags, &id), STINT_OK);
    buf_fini(&args);
    return id;
}

static struct stint_id
channel(uint32_t capacity)
{
    struct stint_id cid = STINT_ID_NONE;
    assert_int_equal(
        kernel_channel_create(k, kernel_find_type(k, "edge.Number"), capacity, NULL, &cid), STINT_OK);
    return cid;
}

/* Takes the effects away: how many of that kind there are; the last of them is in *last. */
static uint32_t
effects_of(enum kernel_effect_kind kind, struct kernel_effect *last)
{
    uint32_t count, found = 0;
    const struct kernel_effect *effects = kernel_effects(k, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (effects[i].kind == kind) {
            found++;
            *last = effects[i];
        }
    }
    return found;
}

static struct kernel_tasklet_view
look(struct stint_id id)
{
    struct kernel_tasklet_view view;
    assert_int_equal(kernel_look(k, id, &view), STINT_OK);
    return view;
}

static void
test_the_first_suspension_is_told_once(void **state)
{
    (void)state;
    struct kernel_effect effect;
    struct stint_id id = spawn(YIELDS, STINT_ID_NONE, KERNEL_NOTIFY);
    assert_int_equal(kernel_run(k, 4), 4);
    assert_int_equal(effects_of(KERNEL_SUSPENDED, &effect), 1);
    assert_true(id_equal(effect.tid, id));
    spawn(YIELDS, STINT_ID_NONE, 0);
    kernel_run(k, 4);
    assert_int_equal(effects_of(KERNEL_SUSPENDED, &effect), 0); /* nobody asked */
    id = spawn(YIELDS, STINT_ID_NONE, KERNEL_NOTIFY | KERNEL_PAUSED);
    assert_int_equal(effects_of(KERNEL_SUSPENDED, &effect), 1); /* born so */
    assert_int_equal(kernel_kill(k, id, false), STINT_OK);
    kernel_run(k, 4);
    assert_int_equal(effects_of(KERNEL_SUSPENDED, &effect), 0);
}

static void
test_an_end_is_told_to_who_asked(void **state)
{
    (void)state;
    struct kernel_effect effect;
    struct stint_id watched = spawn(PAUSES, STINT_ID_NONE, KERNEL_NOTIFY);
    struct stint_id later = spawn(PAUSES, STINT_ID_NONE, 0);
    struct stint_id alone = spawn(PAUSES, STINT_ID_NONE, 0);
    kernel_run(k, 10);
    assert_int_equal(kernel_watch(k, later), STINT_OK);
    assert_int_equal(kernel_kill(k, alone, true), STINT_OK);
    kernel_run(k, 10);
    assert_int_equal(effects_of(KERNEL_ENDED, &effect), 0); /* a kill is silent */
    assert_int_equal(kernel_kill(k, later, true), STINT_OK);
    kernel_run(k, 10);
    assert_int_equal(effects_of(KERNEL_ENDED, &effect), 1);
    assert_int_equal(effect.status, STINT_KILLED);
    assert_int_equal(effect.flags, KERNEL_NOTIFY);
    assert_int_equal(kernel_kill(k, watched, true), STINT_OK);
    kernel_run(k, 10);
    assert_int_equal(effects_of(KERNEL_ENDED, &effect), 1);
    assert_true(id_equal(effect.tid, watched));
    assert_int_equal(kernel_watch(k, watched), STINT_NOT_HERE);
    assert_int_equal(kernel_kill(k, watched, true), STINT_NOT_HERE);
}

static void
test_an_error_is_told_though_nobody_asked(void **state)
{
    (void)state;
    struct kernel_effect effect;
    struct stint_id cid = channel(0);
    spawn(RECEIVES, cid, 0);
    kernel_run(k, 10);
    assert_int_equal(kernel_channel_close(k, cid, true), STINT_OK);
    kernel_run(k, 10);
    assert_int_equal(effects_of(KERNEL_ENDED, &effect), 1);
    assert_int_equal(effect.status, STINT_END_OF_SEQUENCE);
    assert_int_equal(effect.flags, 0);
    assert_null(effect.value.data);
}

static void
test_a_held_tasklet_that_is_killed_ends(void **state)
{
    (void)state;
    struct stint_id id = spawn(PAUSES, STINT_ID_NONE, 0);
    kernel_run(k, 10);
    assert_int_equal(kernel_pause(k, id), STINT_OK);
    assert_int_equal(kernel_kill(k, id, true), STINT_OK);
    kernel_run(k, 10);
    assert_false(kernel_has_tasklet(k, id));
}

static void
test_a_held_sleeper_wakes_when_it_is_released(void **state)
{
    (void)state;
    struct stint_id id = spawn(SLEEPS, STINT_ID_NONE, 0);
    kernel_run(k, 10);
    assert_int_equal(look(id).state, KERNEL_SLEEPING);
    assert_int_equal(kernel_pause(k, id), STINT_OK);
    assert_int_equal(look(id).state, KERNEL_IS_PAUSED);
    kernel_set_time(k, 2000000000, 0);
    assert_int_equal(kernel_run(k, 10), 0);
    assert_false(kernel_runnable(k));
    assert_int_equal(kernel_resume(k, id), STINT_OK);
    assert_int_equal(look(id).state, KERNEL_RUNNABLE);
    assert_true(kernel_run(k, 1) > 0);
}

static void
test_releasing_a_frozen_tasklet_does_not_run_it(void **state)
{
    (void)state;
    struct stint_id id = spawn(YIELDS, STINT_ID_NONE, 0);
    kernel_run(k, 1);
    assert_int_equal(kernel_freeze(k, id), STINT_OK);
    assert_int_equal(kernel_pause(k, id), STINT_OK);
    assert_int_equal(kernel_resume(k, id), STINT_OK);
    assert_false(kernel_runnable(k));
    assert_int_equal(kernel_run(k, 10), 0);
    assert_int_equal(kernel_thaw(k, id, 1), STINT_OK);
    assert_int_equal(kernel_run(k, 1), 1);
}

/* The ring that it waits for is not the one where it goes. */
static void
test_one_that_waits_for_the_ring_is_frozen_out_of_it(void **state)
{
    (void)state;
    struct stint_id gone = spawn(RUNS_ALL, STINT_ID_NONE, 0);
    struct stint_id back = spawn(RUNS_ALL, STINT_ID_NONE, 0);
    kernel_run(k, 2);
    assert_int_equal(look(gone).state, KERNEL_WAITING);
    assert_int_equal(kernel_freeze(k, gone), STINT_OK);
    assert_int_equal(kernel_freeze(k, back), STINT_OK);
    assert_false(kernel_runnable(k));
    assert_int_equal(kernel_discard(k, gone), STINT_OK);
    assert_int_equal(kernel_thaw(k, back, 1), STINT_OK);
    assert_int_equal(look(back).state, KERNEL_RUNNABLE);
    assert_int_equal(kernel_run(k, 1), 1);
}

static void
test_counters_count(void **state)
{
    (void)state;
    struct kernel_counters c;
    struct stint_id system = spawn(PAUSES, STINT_ID_NONE, KERNEL_SYSTEM);
    struct stint_id pinned = spawn(YIELDS, STINT_ID_NONE, KERNEL_PINNED);
    (void)channel(0);
    kernel_count(k, &c);
    assert_int_equal(c.tasklets, 2);
    assert_int_equal(c.system, 1);
    assert_int_equal(c.runnable, 2);
    assert_int_equal(c.channels, 1);
    assert_int_equal(c.spawned, 2);
    assert_int_equal(c.ended, 0);
    assert_int_equal(look(system).flags, KERNEL_SYSTEM);
    assert_int_equal(look(pinned).flags, KERNEL_PINNED);
    assert_true(kernel_pinned(k, pinned));
    assert_int_equal(kernel_set_pinned(k, pinned, false), STINT_OK);
    assert_false(kernel_pinned(k, pinned));
    kernel_run(k, 2);
    assert_int_equal(kernel_kill(k, system, true), STINT_OK);
    kernel_run(k, 2);
    kernel_count(k, &c);
    assert_int_equal(c.tasklets, 1);
    assert_int_equal(c.system, 0);
    assert_int_equal(c.ended, 1);
    assert_int_equal(c.turns, 4);
}

static void
test_a_view_tells_since_when_and_until(void **state)
{
    (void)state;
    struct stint_id cid = channel(0);
    kernel_set_time(k, 5000, 0);
    struct stint_id waits = spawn(RECEIVES, cid, 0);
    struct stint_id sleeps = spawn(SLEEPS, STINT_ID_NONE, 0);
    kernel_set_time(k, 7000, 0);
    kernel_run(k, 10);
    kernel_set_time(k, 9000, 0);
    assert_int_equal(look(waits).since_ns, 7000);
    assert_int_equal(look(waits).deadline_ns, UINT64_MAX);
    assert_int_equal(look(waits).op, KERNEL_RECEIVE);
    assert_true(id_equal(look(waits).channel, cid));
    assert_int_equal(look(sleeps).since_ns, 7000);
    assert_int_equal(look(sleeps).deadline_ns, 1000007000);
    assert_int_equal(kernel_freeze(k, sleeps), STINT_OK);
    kernel_set_time(k, 500, 0); /* it does not go back */
    assert_int_equal(look(sleeps).state, KERNEL_FROZEN);
    assert_int_equal(look(sleeps).deadline_ns, 9000 + 999998000);
    struct kernel_channel_view view;
    assert_int_equal(kernel_look_channel(k, cid, &view), STINT_OK);
    assert_int_equal(view.receivers, 1);
    assert_int_equal(view.senders, 0);
    uint32_t cursor = 0;
    struct stint_id tid;
    enum kernel_op op;
    assert_true(kernel_each_waiter(k, cid, &cursor, &tid, &op));
    assert_true(id_equal(tid, waits) && op == KERNEL_RECEIVE);
    assert_false(kernel_each_waiter(k, cid, &cursor, &tid, &op));
}

static void
test_a_value_for_a_place_outside_the_locals(void **state)
{
    (void)state;
    struct stint_id cid = channel(0);
    outside.n = 0;
    spawn(RECEIVES_OUTSIDE, cid, 0);
    kernel_run(k, 1);
    spawn(SENDS, cid, 0);
    kernel_run(k, 10);
    assert_int_equal(outside.n, 42);
}

static void
test_many_tasklets_are_found_by_their_ids(void **state)
{
    (void)state;
    static struct stint_id ids[3000];
    uint32_t seen = 0, cursor = 0;
    struct kernel_tasklet_view view;
    for (uint32_t i = 0; i < 3000; i++) {
        ids[i] = spawn(YIELDS, STINT_ID_NONE, 0);
    }
    for (uint32_t i = 0; i < 3000; i++) {
        assert_true(kernel_has_tasklet(k, ids[i]));
    }
    while (kernel_each_tasklet(k, &cursor, &view)) {
        seen++;
    }
    assert_int_equal(seen, 3000);
    const struct code *code;
    struct stint_id more = STINT_ID_NONE;
    assert_int_equal(kernel_find_code(k, "edge", "Body", &code), STINT_OK);
    assert_int_equal(kernel_spawn(k, code, (struct stint_span){ NULL, 0 }, 0, &more), STINT_LIMIT);
    assert_int_equal(kernel_kill(k, ids[7], false), STINT_OK);
    kernel_run(k, 1);
    assert_false(kernel_has_tasklet(k, ids[7]));
    assert_int_equal(kernel_spawn(k, code, (struct stint_span){ NULL, 0 }, 0, &more), STINT_OK);
}

static void
test_a_capacity_has_a_bound(void **state)
{
    (void)state;
    struct stint_id cid = STINT_ID_NONE;
    const struct stint_type *type = kernel_find_type(k, "edge.Number");
    (void)channel(KERNEL_CAPACITY_MAX);
    assert_int_equal(kernel_channel_create(k, type, KERNEL_CAPACITY_MAX + 1, NULL, &cid), STINT_LIMIT);
    assert_int_equal(kernel_channel_create(k, type, 0, "no name", &cid), STINT_INVALID);
    cid = channel(0);
    assert_int_equal(kernel_channel_create(k, type, 0, NULL, &cid), STINT_EXISTS);
}

static void
test_a_name_that_is_refused_ends_the_channel(void **state)
{
    (void)state;
    struct kernel_effect effect, gone;
    struct stint_id id = spawn(OPENS_AGAIN, STINT_ID_NONE, 0);
    for (int i = 0; i < 3; i++) {
        kernel_run(k, 10);
        assert_int_equal(look(id).state, KERNEL_NAMING);
        assert_int_equal(look(id).owned, 1);
        assert_int_equal(effects_of(KERNEL_NAME_CHANNEL, &effect), 1);
        assert_string_equal(effect.text, "taken");
        kernel_named(k, id, effect.cid, STINT_EXISTS);
        assert_false(kernel_has_channel(k, effect.cid));
        assert_int_equal(look(id).owned, 0);
        assert_int_equal(effects_of(KERNEL_CHANNEL_GONE, &gone), 1);
        assert_null(gone.text); /* the name is somebody else's and is not to be given back */
        assert_true(id_equal(gone.tid, id));
    }
}

static void
test_a_name_that_is_accepted_stays(void **state)
{
    (void)state;
    struct kernel_effect effect;
    struct stint_id id = spawn(OPENS, STINT_ID_NONE, 0);
    kernel_run(k, 10);
    assert_int_equal(effects_of(KERNEL_NAME_CHANNEL, &effect), 1);
    struct stint_id cid = effect.cid;
    kernel_named(k, id, cid, STINT_OK);
    kernel_named(k, id, cid, STINT_EXISTS); /* the answer to an earlier question: it has been answered */
    kernel_run(k, 10);
    struct kernel_channel_view view;
    assert_int_equal(kernel_look_channel(k, cid, &view), STINT_OK);
    assert_string_equal(view.name, "mine");
    assert_true(id_equal(view.owner, id));
    assert_int_equal(kernel_kill(k, id, false), STINT_OK);
    kernel_run(k, 10);
    assert_int_equal(effects_of(KERNEL_CHANNEL_GONE, &effect), 1);
    assert_string_equal(effect.text, "mine"); /* with its owner */
}

/* An owned channel is not ended by closing it, not even when it is empty. */
static void
test_closing_from_outside(void **state)
{
    (void)state;
    struct kernel_effect effect;
    struct stint_id shared = channel(2);
    struct stint_id id = spawn(OPENS, STINT_ID_NONE, 0);
    kernel_run(k, 10);
    assert_int_equal(effects_of(KERNEL_NAME_CHANNEL, &effect), 1);
    struct stint_id owned = effect.cid;
    kernel_named(k, id, owned, STINT_OK);
    kernel_run(k, 10);
    assert_int_equal(kernel_channel_close(k, owned, false), STINT_OK);
    assert_true(kernel_has_channel(k, owned));
    assert_int_equal(kernel_channel_close(k, shared, false), STINT_OK);
    assert_false(kernel_has_channel(k, shared));
    assert_int_equal(effects_of(KERNEL_CHANNEL_GONE, &effect), 1);
    assert_true(id_is_zero(effect.tid));
    assert_int_equal(kernel_channel_close(k, shared, false), STINT_NOT_HERE);
    assert_int_equal(kernel_freeze(k, id), STINT_OK);
    assert_int_equal(kernel_channel_close(k, owned, true), STINT_BUSY);
    assert_int_equal(kernel_kill(k, id, true), STINT_BUSY);
}

/* ---- from elsewhere ---- */

static enum stint_status
offer(struct stint_id cid, uint8_t who, uint8_t node, enum kernel_op op, uint64_t epoch)
{
    struct buf value;
    buf_init(&value, &mem, TYPE_SIZE_MAX);
    const struct stint_type *type = kernel_find_type(k, "edge.Number");
    assert_int_equal(type_encode(type, &(edge_Number){ who }, &value), STINT_OK);
    struct kernel_offer o = { .cid = cid,
        .tid = { { who } },
        .number = 1,
        .epoch = epoch,
        .type_hash = type_hash(type),
        .place = { .node = { { node } }, .inc = 1 },
        .op = op,
        .value = op == KERNEL_SEND ? buf_span(&value) : (struct stint_span){ NULL, 0 } };
    enum stint_status status = kernel_offer(k, &o);
    buf_fini(&value);
    return status;
}

/* Whoever takes the last of it. */
static void
test_what_is_in_a_closed_channel_is_received_first(void **state)
{
    (void)state;
    struct kernel_effect effect = { 0 };
    struct stint_id cid = channel(2);
    spawn(SENDS, cid, 0);
    spawn(SENDS, cid, 0);
    kernel_run(k, 10);
    assert_int_equal(kernel_channel_close(k, cid, false), STINT_OK);
    assert_int_equal(offer(cid, 11, 2, KERNEL_SEND, 1), STINT_OK);
    assert_int_equal(effects_of(KERNEL_DONE, &effect), 1);
    assert_int_equal(effect.status, STINT_CLOSED); /* nothing new */
    assert_int_equal(offer(cid, 12, 2, KERNEL_RECEIVE, 1), STINT_OK);
    assert_true(kernel_has_channel(k, cid));
    assert_int_equal(offer(cid, 13, 2, KERNEL_RECEIVE, 1), STINT_OK);
    assert_false(kernel_has_channel(k, cid));

    cid = channel(2); /* by a tasklet that is here */
    spawn(SENDS, cid, 0);
    kernel_run(k, 10);
    assert_int_equal(kernel_channel_close(k, cid, false), STINT_OK);
    struct stint_id receiver = spawn(RECEIVES, cid, 0);
    (void)effects_of(KERNEL_DONE, &effect);
    kernel_run(k, 10);
    assert_int_equal(effects_of(KERNEL_OFFER, &effect), 1);
    struct kernel_offer o = { .cid = cid, .tid = receiver, .number = effect.number, .epoch = effect.epoch,
        .type_hash = effect.type_hash, .place = { .node = { { 1 } }, .inc = 1 }, .op = effect.op };
    assert_int_equal(kernel_offer(k, &o), STINT_OK);
    assert_false(kernel_has_channel(k, cid));
    assert_int_equal(effects_of(KERNEL_CHANNEL_GONE, &effect), 1);
}

static void
test_a_closed_channel_ends_with_the_last_that_waits(void **state)
{
    (void)state;
    struct kernel_effect effect;
    struct stint_id served = channel(0), killed = channel(0), orphaned = channel(0), revived = channel(0);
    spawn(SENDS, served, 0);
    struct stint_id sender = spawn(SENDS, killed, 0);
    kernel_run(k, 10);
    assert_int_equal(offer(orphaned, 21, 3, KERNEL_SEND, 1), STINT_OK);
    assert_int_equal(offer(revived, 22, 3, KERNEL_SEND, 1), STINT_OK);
    struct stint_id all[] = { served, killed, orphaned, revived };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_int_equal(kernel_channel_close(k, all[i], false), STINT_OK);
        assert_true(kernel_has_channel(k, all[i]));
    }
    assert_int_equal(offer(served, 11, 2, KERNEL_RECEIVE, 1), STINT_OK);
    assert_false(kernel_has_channel(k, served));
    assert_int_equal(kernel_kill(k, sender, false), STINT_OK);
    assert_false(kernel_has_channel(k, killed));
    kernel_node_gone(k, (struct kernel_place){ .node = { { 3 } }, .inc = 1 });
    assert_true(kernel_has_channel(k, orphaned) && kernel_has_channel(k, revived));
    assert_int_equal(offer(revived, 22, 4, KERNEL_SEND, 2), STINT_OK); /* it waits again */
    assert_int_equal(offer(revived, 11, 2, KERNEL_RECEIVE, 1), STINT_OK);
    assert_false(kernel_has_channel(k, revived));
    kernel_set_time(k, KERNEL_ORPHAN_NS + 1, 0);
    kernel_run(k, 1);
    assert_false(kernel_has_channel(k, orphaned));
    (void)effects_of(KERNEL_CHANNEL_GONE, &effect);
}

static void
test_an_orphan_is_not_served_when_others_come_back(void **state)
{
    (void)state;
    struct kernel_effect effect;
    struct kernel_channel_view view;
    struct stint_id cid = channel(0);
    assert_int_equal(offer(cid, 11, 2, KERNEL_RECEIVE, 1), STINT_OK);
    kernel_node_gone(k, (struct kernel_place){ .node = { { 2 } }, .inc = 1 });
    assert_int_equal(offer(cid, 12, 3, KERNEL_SEND, 1), STINT_OK); /* waits: nobody can be served */
    kernel_node_gone(k, (struct kernel_place){ .node = { { 3 } }, .inc = 1 });
    assert_int_equal(kernel_look_channel(k, cid, &view), STINT_OK);
    assert_true(view.senders == 0 && view.receivers == 0);
    assert_int_equal(offer(cid, 12, 4, KERNEL_SEND, 2), STINT_OK); /* it is back, the receiver is not */
    assert_int_equal(effects_of(KERNEL_DONE, &effect), 0);
    assert_int_equal(kernel_look_channel(k, cid, &view), STINT_OK);
    assert_true(view.senders == 1 && view.receivers == 0);
    assert_int_equal(offer(cid, 11, 4, KERNEL_RECEIVE, 2), STINT_OK);
    assert_true(effects_of(KERNEL_DONE, &effect) >= 2); /* both are told; results may be repeated */
    assert_int_equal(kernel_look_channel(k, cid, &view), STINT_OK);
    assert_true(view.senders == 0 && view.receivers == 0);
}

static void
test_another_life_of_a_node_is_not_gone(void **state)
{
    (void)state;
    struct kernel_channel_view view;
    struct stint_id cid = channel(0);
    assert_int_equal(offer(cid, 11, 2, KERNEL_RECEIVE, 1), STINT_OK);
    kernel_node_gone(k, (struct kernel_place){ .node = { { 2 } }, .inc = 7 });
    kernel_node_gone(k, (struct kernel_place){ .node = { { 3 } }, .inc = 1 });
    assert_int_equal(kernel_look_channel(k, cid, &view), STINT_OK);
    assert_int_equal(view.receivers, 1);
}

static void
test_an_offer_from_where_it_was_is_old_news(void **state)
{
    (void)state;
    struct kernel_effect effect;
    struct stint_id cid = channel(0);
    assert_int_equal(offer(cid, 11, 3, KERNEL_RECEIVE, 5), STINT_OK);
    assert_int_equal(offer(cid, 11, 2, KERNEL_RECEIVE, 4), STINT_OK);
    spawn(SENDS, cid, 0);
    kernel_run(k, 10);
    assert_int_equal(effects_of(KERNEL_DONE, &effect), 1);
    assert_int_equal(effect.place.node.bytes[0], 3);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_suspension_is_told_once),
        TEST(test_an_end_is_told_to_who_asked),
        TEST(test_an_error_is_told_though_nobody_asked),
        TEST(test_a_held_tasklet_that_is_killed_ends),
        TEST(test_a_held_sleeper_wakes_when_it_is_released),
        TEST(test_releasing_a_frozen_tasklet_does_not_run_it),
        TEST(test_one_that_waits_for_the_ring_is_frozen_out_of_it),
        TEST(test_counters_count),
        TEST(test_a_view_tells_since_when_and_until),
        TEST(test_a_value_for_a_place_outside_the_locals),
        TEST(test_many_tasklets_are_found_by_their_ids),
        TEST(test_a_capacity_has_a_bound),
        TEST(test_a_name_that_is_refused_ends_the_channel),
        TEST(test_a_name_that_is_accepted_stays),
        TEST(test_closing_from_outside),
        TEST(test_what_is_in_a_closed_channel_is_received_first),
        TEST(test_a_closed_channel_ends_with_the_last_that_waits),
        TEST(test_an_orphan_is_not_served_when_others_come_back),
        TEST(test_another_life_of_a_node_is_not_gone),
        TEST(test_an_offer_from_where_it_was_is_old_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
