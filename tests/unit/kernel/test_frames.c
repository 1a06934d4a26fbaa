/* SPDX-License-Identifier: Apache-2.0 */
/* Calls, results, errors that travel up the frames, except sections, budgets, registration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ids.h"
#include "frames.pb.h"
#include "kernel/kernel.h"
#include "kernel/machine.h"
#include "stint/tasklet.h"
#include "tracked_memory.h"

#include <pb_encode.h>

enum mode { PLAIN, YIELDS, RAISES, SLEEPS, UNREGISTERED, IMPLICIT, ENDLESS };

STINT_FRAME(frames_Stray)
{
    STINT_BEGIN;
    STINT_YIELD;
    STINT_END;
}

STINT_FRAME(frames_Sum)
{
    STINT_BEGIN;
    if (self->n == 0) {
        if (self->mode == YIELDS) {
            STINT_YIELD;
        } else if (self->mode == RAISES) {
            STINT_RAISE(STINT_USER, "at the bottom of %u", 7u);
        } else if (self->mode == SLEEPS) {
            STINT_SLEEP(1000);
        } else if (self->mode == UNREGISTERED) {
            STINT_CALL(frames_Stray, 0);
        } else if (self->mode == IMPLICIT) {
            STINT_RUN(((struct stint_id){ { 1 } }));
        }
        STINT_RETURN;
    }
    STINT_CALL(frames_Sum, .n = self->n - (self->mode != ENDLESS), .mode = self->mode);
    self->sum = self->n + STINT_RESULT(frames_Sum)->sum;
    STINT_END;
}

STINT_FRAME(frames_Caller)
{
    STINT_BEGIN;
    STINT_TRY_CALL(frames_Sum, .n = self->n, .mode = self->mode);
    self->status = stint_status(ctx);
    if (self->status == STINT_OK) {
        self->sum = STINT_RESULT(frames_Sum)->sum;
    } else {
        snprintf(self->text, sizeof self->text, "%s", stint_error_text(ctx));
    }
    STINT_YIELD;
    self->rounds++;
    /* What a TRY swallowed is not the origin of the next error. */
    STINT_CALL_WITH(frames_Sum, (&(frames_Sum){ .n = 0, .mode = IMPLICIT }));
    STINT_EXCEPT;
    self->handled = true;
    STINT_YIELD;
    snprintf(self->text, sizeof self->text, "%s|%s", stint_status_name(stint_status(ctx)),
        stint_error_text(ctx));
    STINT_END;
}

STINT_FRAME(frames_Catcher)
{
    STINT_BEGIN;
    STINT_CALL(frames_Sum, .n = self->n, .mode = self->mode);
    STINT_EXCEPT;
    self->status = stint_status(ctx);
    snprintf(self->text, sizeof self->text, "%s", stint_error_text(ctx));
    STINT_YIELD;
    if (self->n == 9) {
        STINT_RAISE(STINT_CONFLICT, "another");
    }
    STINT_RERAISE;
    STINT_END;
}

STINT_FRAME(frames_Outside)
{
    STINT_BEGIN;
    frames_Number *outside;
    static frames_Number
        elsewhere; /* not in the locals: it cannot be there while the tasklet waits */
    outside = &elsewhere;
    STINT_RECV(self->from, frames_Number, outside == &elsewhere ? outside : &elsewhere);
    self->value.n = elsewhere.n;
    STINT_SLEEP(1000);
    STINT_END;
}

STINT_FRAME(frames_Waits)
{
    STINT_BEGIN;
    STINT_PAUSE_FOR(frames_Number, &self->value);
    self->done = true;
    STINT_SLEEP(1000);
    STINT_END;
}

STINT_FRAME(frames_Loop)
{
    STINT_BEGIN;
    while (self->left > 0) {
        self->left--;
        STINT_CALL(frames_Sum, 0);
    }
    STINT_END;
}

STINT_MODULE_AS(frames_module, frames, "1.0.0", frames_Sum, frames_Caller, frames_Catcher,
    frames_Outside, frames_Waits, frames_Loop)

static struct tracked_memory tracked;
static struct mem mem;
static struct kernel *k;

static int
setup(void **state)
{
    (void)state;
    char error[200] = "";
    tracked = (struct tracked_memory){ 0 };
    mem_init(&mem, tracked_allocator(&tracked), 0);
    struct kernel_config config = { .mem = &mem,
        .seed = 1,
        .here = { .node = { { 1 } }, .inc = 1 } };
    k = kernel_new(&config);
    if (k == NULL || kernel_add_module(k, &frames_module, error, sizeof error) != STINT_OK) {
        fprintf(stderr, "%s\n", error);
        return -1;
    }
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    kernel_free(k);
    return mem.used == 0 && tracked.blocks == 0 ? 0 : -1;
}

static struct stint_id
spawn(const char *name, const pb_msgdesc_t *fields, const void *locals)
{
    const struct code *code;
    struct stint_id id = { { 0 } };
    uint8_t bytes[512];
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    assert_true(pb_encode(&stream, fields, locals));
    assert_int_equal(kernel_find_code(k, "frames", name, &code), STINT_OK);
    assert_int_equal(kernel_spawn(k, code, (struct stint_span){ bytes, stream.bytes_written },
                         KERNEL_NOTIFY, &id),
        STINT_OK);
    return id;
}

static const void *
locals_of(struct stint_id id, uint32_t index)
{
    struct kernel_frame_view view;
    assert_int_equal(kernel_frame(k, id, index, &view), STINT_OK);
    return view.locals;
}

/* The ENDED effect of the waiting effects. */
static const struct kernel_effect *
ended(void)
{
    uint32_t count;
    const struct kernel_effect *effects = kernel_effects(k, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (effects[i].kind == KERNEL_ENDED) {
            return &effects[i];
        }
    }
    fail_msg("nothing has ended");
    return NULL;
}

static frames_Sum
sum_of(const struct kernel_effect *effect)
{
    frames_Sum sum;
    assert_ptr_equal(effect->type, kernel_find_type(k, "frames.Sum"));
    assert_int_equal(type_decode(effect->type, effect->value, &sum, NULL), STINT_OK);
    return sum;
}

static void
test_a_deep_call_returns_its_result(void **state)
{
    (void)state;
    frames_Sum sum = { .n = 1000, .mode = YIELDS };
    struct stint_id id = spawn("Sum", &frames_Sum_msg, &sum);
    kernel_run(k, 1);
    struct kernel_tasklet_view view;
    assert_int_equal(kernel_look(k, id, &view), STINT_OK);
    assert_int_equal(view.frames, 1001);
    assert_string_equal(view.label, "yield");
    struct kernel_frame_view frame;
    assert_int_equal(kernel_frame(k, id, 3, &frame), STINT_OK);
    assert_string_equal(frame.label, "call(frames_Sum)");
    assert_int_equal(((const frames_Sum *)frame.locals)->n, 997);
    assert_int_equal(kernel_frame(k, id, 1001, &frame), STINT_NOT_FOUND);
    kernel_run(k, 1);
    assert_int_equal(sum_of(ended()).sum, 500500);
}

static void
test_calls_have_a_bound(void **state)
{
    (void)state;
    frames_Sum sum = { .n = 1, .mode = ENDLESS };
    spawn("Sum", &frames_Sum_msg, &sum);
    kernel_run(k, 10);
    const struct kernel_effect *effect = ended();
    assert_int_equal(effect->status, STINT_DEPTH);
    assert_non_null(strstr(effect->text, "too many nested calls (frames.Sum:"));
}

static void
test_a_turn_is_cut_at_a_call(void **state)
{
    (void)state;
    frames_Loop loop = { .left = 10000 };
    frames_Sum sum = { 0 };
    struct stint_id id = spawn("Loop", &frames_Loop_msg, &loop);
    struct stint_id behind = spawn("Sum", &frames_Sum_msg, &sum);
    assert_int_equal(kernel_run(k, 1), 2 * KERNEL_TURN_STEPS + 1);
    /* It stays at the head: the order of running does not depend on the cut. */
    kernel_run(k, 1);
    assert_true(kernel_has_tasklet(k, behind));
    kernel_run(k, 1);
    assert_false(kernel_has_tasklet(k, id));
    assert_true(kernel_has_tasklet(k, behind));
    kernel_run(k, 1);
    assert_false(kernel_has_tasklet(k, behind));
}

static void
test_an_error_travels_to_whoever_tries(void **state)
{
    (void)state;
    frames_Caller caller = { .n = 3, .mode = RAISES };
    struct stint_id id = spawn("Caller", &frames_Caller_msg, &caller);
    kernel_run(k, 1);
    const frames_Caller *now = locals_of(id, 0);
    assert_int_equal(now->status, STINT_USER);
    assert_non_null(strstr(now->text, "at the bottom of 7 (frames.Sum:"));
    kernel_run(k, 1);
    now = locals_of(id, 0);
    assert_true(now->handled);
    kernel_run(k, 1);
    frames_Caller last;
    const struct kernel_effect *effect = ended();
    assert_int_equal(effect->status, STINT_OK);
    assert_int_equal(type_decode(effect->type, effect->value, &last, NULL), STINT_OK);
    assert_non_null(strstr(last.text, "OK|the tasklet has ended (frames.Sum:"));
    assert_int_equal(last.rounds, 1);
}

static void
test_an_error_that_is_raised_again_keeps_its_origin(void **state)
{
    (void)state;
    frames_Catcher catcher = { .n = 2, .mode = RAISES };
    struct stint_id id = spawn("Catcher", &frames_Catcher_msg, &catcher);
    kernel_run(k, 1);
    const frames_Catcher *now = locals_of(id, 0);
    assert_int_equal(now->status, STINT_USER);
    kernel_run(k, 1);
    const struct kernel_effect *effect = ended();
    assert_int_equal(effect->status, STINT_USER);
    assert_non_null(strstr(effect->text, "at the bottom of 7 (frames.Sum:"));
    catcher.n = 9;
    spawn("Catcher", &frames_Catcher_msg, &catcher);
    kernel_run(k, 2);
    effect = ended();
    assert_int_equal(effect->status, STINT_CONFLICT);
    assert_non_null(strstr(effect->text, "another (frames.Catcher:"));
}

static void
test_a_kill_in_a_nested_call_passes_all_frames(void **state)
{
    (void)state;
    frames_Catcher catcher = { .n = 5, .mode = SLEEPS };
    struct stint_id id = spawn("Catcher", &frames_Catcher_msg, &catcher);
    kernel_run(k, 1);
    assert_int_equal(kernel_kill(k, id, false), STINT_OK);
    kernel_run(k, 1);
    const frames_Catcher *now = locals_of(id, 0);
    assert_int_equal(now->status, STINT_KILLED);
    assert_string_equal(now->text, "killed");
    kernel_run(k, 1);
    assert_int_equal(ended()->status, STINT_KILLED);
}

static void
test_a_code_that_is_not_listed_is_refused(void **state)
{
    (void)state;
    frames_Sum sum = { .n = 0, .mode = UNREGISTERED };
    spawn("Sum", &frames_Sum_msg, &sum);
    kernel_run(k, 1);
    assert_int_equal(ended()->status, STINT_UNKNOWN_CODE);
    const struct code *code;
    assert_int_equal(kernel_find_code(k, "frames", "Stray", &code), STINT_UNKNOWN_CODE);
    assert_int_equal(kernel_find_code(k, "frame", "Sum", &code), STINT_UNKNOWN_MODULE);
    assert_int_equal(kernel_find_code(k, "frames", "frames_Sum", &code), STINT_OK);
}

static void
test_a_value_waits_for_a_destination_outside_the_locals(void **state)
{
    (void)state;
    struct stint_id cid = { { 0 } };
    const struct stint_type *type = kernel_find_type(k, "frames.Number");
    assert_int_equal(kernel_channel_create(k, type, 0, NULL, &cid), STINT_OK);
    frames_Outside outside = { 0 };
    memcpy(outside.from.id, cid.bytes, sizeof outside.from.id);
    struct stint_id id = spawn("Outside", &frames_Outside_msg, &outside);
    kernel_run(k, 1);
    uint8_t value[] = { 0x08, 42 };
    struct kernel_offer offer = { .cid = cid,
        .tid = { { 3 } },
        .number = 1,
        .op = KERNEL_SEND,
        .type_hash = type_hash(type),
        .value = { value, sizeof value } };
    assert_int_equal(kernel_offer(k, &offer), STINT_OK);
    kernel_run(k, 1);
    assert_int_equal(((const frames_Outside *)locals_of(id, 0))->value.n, 42);
}

static void
test_a_paused_tasklet_gets_a_value(void **state)
{
    (void)state;
    frames_Waits waits = { 0 };
    struct stint_id id = spawn("Waits", &frames_Waits_msg, &waits);
    kernel_run(k, 1);
    frames_Number number = { 5 };
    struct stint_context *ctx = &k->context;
    assert_int_equal(stint_insert_with(ctx, id, frames_Number, &number), STINT_OK);
    kernel_run(k, 1);
    assert_int_equal(((const frames_Waits *)locals_of(id, 0))->value.n, 5);
    assert_int_equal(stint_insert_with(ctx, id, frames_Number, &number), STINT_BLOCKED);
}

static void
test_operators_hold_and_release(void **state)
{
    (void)state;
    frames_Sum sum = { .n = 2, .mode = YIELDS };
    struct stint_id id = spawn("Sum", &frames_Sum_msg, &sum);
    kernel_run(k, 1);
    assert_int_equal(kernel_pause(k, id), STINT_OK);
    assert_int_equal(kernel_pause(k, id), STINT_OK);
    assert_false(kernel_runnable(k));
    struct kernel_tasklet_view view;
    assert_int_equal(kernel_look(k, id, &view), STINT_OK);
    assert_int_equal(view.state, KERNEL_IS_PAUSED);
    assert_int_equal(kernel_resume(k, id), STINT_OK);
    assert_int_equal(kernel_resume(k, id), STINT_OK);
    kernel_run(k, 1);
    assert_int_equal(sum_of(ended()).sum, 3);
    assert_int_equal(kernel_resume(k, id), STINT_NOT_HERE);
}

static void
test_spawning_checks_its_arguments(void **state)
{
    (void)state;
    const struct code *code;
    uint8_t rubbish[] = { 0xff, 0xff };
    struct stint_id id = { { 0 } };
    assert_int_equal(kernel_find_code(k, "frames", "Sum", &code), STINT_OK);
    assert_int_equal(kernel_spawn(k, code, (struct stint_span){ rubbish, 2 }, 0, &id),
        STINT_INVALID);
    id = (struct stint_id){ { 8 } };
    assert_int_equal(kernel_spawn(k, code, (struct stint_span){ NULL, 0 }, 0, &id), STINT_OK);
    assert_int_equal(kernel_spawn(k, code, (struct stint_span){ NULL, 0 }, 0, &id), STINT_EXISTS);
}

static void
test_explaining_tells_all_reasons(void **state)
{
    (void)state;
    frames_Sum sum = { .n = 2, .mode = SLEEPS };
    struct stint_id id = spawn("Sum", &frames_Sum_msg, &sum);
    kernel_run(k, 1);
    /* No reason, so nothing is told and the callback may be missing. */
    assert_int_equal(kernel_explain(k, id, NULL, NULL), 0);
    assert_int_equal(kernel_set_pinned(k, id, true), STINT_OK);
    assert_true(kernel_pinned(k, id));
}

static void
test_modules_are_checked(void **state)
{
    (void)state;
    char error[200];
    struct stint_module other = frames_module;
    assert_int_equal(kernel_add_module(k, &frames_module, error, sizeof error), STINT_EXISTS);
    other.abi = 99;
    assert_int_equal(kernel_add_module(k, &other, error, sizeof error), STINT_BAD_VERSION);
    assert_string_equal(error, "the module is built for ABI 99, this node has ABI 1");
    other = frames_module;
    other.name = "no name";
    assert_int_equal(kernel_add_module(k, &other, error, sizeof error), STINT_INVALID);
    other.name = "other";
    assert_int_equal(kernel_add_module(k, &other, error, sizeof error), STINT_EXISTS);
    assert_string_equal(error, "code frames_Sum is registered already");
    assert_null(kernel_module_at(k, 1));
    assert_non_null(kernel_module_at(k, 0));
}

/* Whatever call for memory fails, a kernel ends without a loss, and what failed was told. */
static void
test_memory_may_run_out_anywhere(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1; fail_at < 60; fail_at++) {
        struct tracked_memory memory = { .fail_at = fail_at };
        struct mem m;
        char error[200];
        mem_init(&m, tracked_allocator(&memory), 0);
        struct kernel_config config = { .mem = &m, .seed = 1 };
        struct kernel *other = kernel_new(&config);
        if (other == NULL) {
            assert_int_equal(m.used, 0);
            continue;
        }
        if (kernel_add_module(other, &frames_module, error, sizeof error) == STINT_OK) {
            const struct code *code;
            struct stint_id id = { { 0 } };
            frames_Caller caller = { .n = 300, .mode = RAISES };
            uint8_t bytes[512];
            pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
            assert_true(pb_encode(&stream, &frames_Caller_msg, &caller));
            assert_int_equal(kernel_find_code(other, "frames", "Caller", &code), STINT_OK);
            if (kernel_spawn(other, code, (struct stint_span){ bytes, stream.bytes_written }, 0,
                    &id) == STINT_OK) {
                kernel_run(other, 1000);
                assert_true(kernel_is_broken(other) || !kernel_has_tasklet(other, id));
            }
        } else {
            assert_string_not_equal(error, "");
        }
        kernel_free(other);
        assert_int_equal(m.used, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_deep_call_returns_its_result, setup, teardown),
        cmocka_unit_test_setup_teardown(test_calls_have_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_turn_is_cut_at_a_call, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_error_travels_to_whoever_tries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_error_that_is_raised_again_keeps_its_origin,
            setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_kill_in_a_nested_call_passes_all_frames, setup,
            teardown),
        cmocka_unit_test_setup_teardown(test_a_code_that_is_not_listed_is_refused, setup,
            teardown),
        cmocka_unit_test_setup_teardown(test_a_value_waits_for_a_destination_outside_the_locals,
            setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_paused_tasklet_gets_a_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_operators_hold_and_release, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spawning_checks_its_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_explaining_tells_all_reasons, setup, teardown),
        cmocka_unit_test_setup_teardown(test_modules_are_checked, setup, teardown),
        cmocka_unit_test(test_memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
