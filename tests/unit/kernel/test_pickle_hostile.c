/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pickles that are cut, damaged or made by an enemy: each is refused with a sentence, or is a
 * tasklet that can be run and dropped without harm. The sanitizers are the judge of "without harm".
 */
#include "kernel/pickle_wire.h"
#include "pickle_world.h"

enum { CHECK = 9 };

/* A frozen sink in k[0]: owned channel with values, waiters and results; two of its dealings go
 * elsewhere. */
static struct stint_id
make_victim(struct buf *pickle)
{
    struct stint_id own;
    struct stint_id parent = world_channel(1, 0);
    pickles_Sink sink = { .parent = world_handle(parent), .capacity = 2, .count = 30 };
    struct stint_id tid = world_spawn(0, "Sink", &pickles_Sink_stint, &sink);
    world_run();
    assert_int_equal(kernel_owned(world.k[0], tid, &own, 1), 1);
    for (uint32_t i = 0; i < 2; i++) {
        pickles_Source s = { .out = world_handle(own), .count = 5, .first = i * 1000 };
        (void)world_spawn((int)i, "Source", &pickles_Source_stint, &s);
    }
    world_run();
    assert_int_equal(kernel_freeze(world.k[0], tid), STINT_OK);
    pickle_of(world.k[0], tid, pickle);
    return tid;
}

/* A deep one, waiting to receive, with a fault being handled: a worker in its except section below
 * nothing. */
static struct stint_id
make_deep(struct buf *pickle)
{
    struct stint_id in = world_channel(1, 0);
    pickles_Deep d = { .depth = 3, .in = world_handle(in), .out = world_handle(in) };
    struct stint_id tid = world_spawn(0, "Deep", &pickles_Deep_stint, &d);
    world_run();
    assert_int_equal(kernel_freeze(world.k[0], tid), STINT_OK);
    pickle_of(world.k[0], tid, pickle);
    return tid;
}

static struct stint_id
make_faulty(struct buf *pickle)
{
    pickles_Worker w = { .mode = MODE_EXCEPT };
    struct stint_id tid = world_spawn(0, "Worker", &pickles_Worker_stint, &w);
    world_step(1);
    assert_int_equal(kernel_freeze(world.k[0], tid), STINT_OK);
    pickle_of(world.k[0], tid, pickle);
    return tid;
}

static void
mend_check(uint8_t *bytes, size_t size)
{
    if (size >= CHECK) {
        bytes[size - CHECK] = 15 << 3 | 1;
        le64_put(bytes + size - 8, wire_check(span_of(bytes, size - CHECK)));
    }
}

/* Loads; what is accepted is run for a while and dropped. Returns whether it was accepted. */
static bool
try_load(struct stint_span bytes)
{
    static const struct pickle_options none;
    struct kernel *k = world_kernel(&pickles_module, 7);
    char error[256] = "";
    struct stint_id tid;
    struct stint_span exact = { malloc(bytes.size + 1), bytes.size };
    assert_non_null(exact.data);
    memcpy((void *)(uintptr_t)exact.data, bytes.data, bytes.size);
    kernel_set_time(k, 1000000000, 1000);
    uint32_t before = kernel_effect_count(k);
    enum stint_status status = kernel_load(k, exact, &none, &tid, error, sizeof error);
    if (status != STINT_OK) {
        struct kernel_counters counters;
        assert_true(strlen(error) > 10);
        assert_null(strchr(error, '\n'));
        kernel_count(k, &counters);
        assert_int_equal(
            counters.tasklets + counters.channels + counters.relations + counters.outlets, 0);
        assert_int_equal(kernel_effect_count(k), before);
    } else {
        struct buf again;
        struct kernel_tasklet_view view;
        pickle_of(k, tid, &again); /* what was loaded can be saved */
        buf_fini(&again);
        assert_int_equal(kernel_look(k, tid, &view), STINT_OK);
        assert_int_equal(kernel_thaw(k, tid, 9), STINT_OK);
        kernel_run(k, 20);
        if (kernel_has_tasklet(k, tid)) {
            (void)!kernel_kill(k, tid, true);
            kernel_run(k, 20);
        }
        kernel_set_time(k, UINT64_C(90000000000), 90000);
        kernel_run(k, 20);
    }
    kernel_free(k);
    free((void *)(uintptr_t)exact.data);
    return status == STINT_OK;
}

static void
for_each_victim(void (*check)(const struct buf *pickle))
{
    static struct stint_id (*const make[])(struct buf *) = { make_victim, make_deep, make_faulty };
    for (size_t i = 0; i < 3; i++) {
        struct buf pickle;
        (void)make[i](&pickle);
        assert_true(try_load(buf_span(&pickle)));
        check(&pickle);
        buf_fini(&pickle);
    }
}

static void
cut_everywhere(const struct buf *pickle)
{
    uint8_t copy[4096];
    assert_true(pickle->size < sizeof(copy));
    for (size_t size = 0; size < pickle->size; size++) {
        assert_false(try_load(span_of(pickle->data, size)));
        memcpy(copy, pickle->data, size);
        mend_check(copy, size);
        assert_false(try_load(span_of(copy, size)));
    }
    /* And something behind the end. */
    memcpy(copy, pickle->data, pickle->size);
    copy[pickle->size] = 0;
    assert_false(try_load(span_of(copy, pickle->size + 1)));
    memmove(copy + pickle->size - CHECK + 2, copy + pickle->size - CHECK, CHECK);
    memcpy(copy + pickle->size - CHECK, "\x2a\x00", 2); /* one more empty content */
    mend_check(copy, pickle->size + 2);
    assert_false(try_load(span_of(copy, pickle->size + 2)));
}

static void
test_cut_pickles_are_refused(void **state)
{
    (void)state;
    for_each_victim(cut_everywhere);
}

/* The check sum sees every single bit. */
static void
flip_everywhere(const struct buf *pickle)
{
    for (size_t i = 0; i < pickle->size * 8; i++) {
        pickle->data[i / 8] ^= (uint8_t)(1u << i % 8);
        if (try_load(buf_span(pickle))) {
            fail_msg("bit %zu was flipped and nobody saw it", i);
        }
        pickle->data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}

static void
test_flipped_bits_are_seen(void **state)
{
    (void)state;
    for_each_victim(flip_everywhere);
}

static uint32_t accepted;

static void
flip_and_mend(const struct buf *pickle)
{
    uint8_t copy[4096];
    assert_true(pickle->size < sizeof(copy));
    for (size_t i = 0; i < (pickle->size - CHECK) * 8; i++) {
        memcpy(copy, pickle->data, pickle->size);
        copy[i / 8] ^= (uint8_t)(1u << i % 8);
        mend_check(copy, pickle->size);
        accepted += try_load(span_of(copy, pickle->size));
    }
}

static void
test_flipped_bits_behind_a_good_check_do_no_harm(void **state)
{
    (void)state;
    accepted = 0;
    for_each_victim(flip_and_mend);
    assert_in_range(
        accepted, 100, 20000); /* numbers in locals may be anything, so some must pass */
}

/* Several random changes: bytes set, removed, doubled. */
static void
mangle(const struct buf *pickle)
{
    uint8_t copy[4096];
    struct prng prng;
    prng_init(&prng, test_seed("test_mangled_pickles_do_no_harm"));
    for (int round = 0; round < 800; round++) {
        size_t size = pickle->size;
        memcpy(copy, pickle->data, size);
        for (uint64_t n = prng_below(&prng, 4) + 1; n > 0; n--) {
            size_t at = (size_t)prng_below(&prng, size - CHECK);
            size_t length = (size_t)prng_below(&prng, 12) + 1;
            switch (prng_below(&prng, 4)) {
            case 0:
                copy[at] = (uint8_t)prng_next(&prng);
                break;
            case 1:
                copy[at] = (uint8_t)(copy[at] + 1);
                break;
            case 2:
                if (at + length < size - CHECK) {
                    memmove(copy + at, copy + at + length, size - at - length);
                    size -= length;
                }
                break;
            default:
                if (size + length < sizeof(copy) && at + length < size) {
                    memmove(copy + at + length, copy + at, size - at);
                    size += length;
                }
                break;
            }
        }
        mend_check(copy, size);
        (void)try_load(span_of(copy, size));
    }
}

static void
test_mangled_pickles_do_no_harm(void **state)
{
    (void)state;
    for_each_victim(mangle);
}

/* Memory that runs out anywhere leaves nothing behind. */
static void
starve(const struct buf *pickle)
{
    static const struct pickle_options options[2] = { { .moved = true }, { .fresh = true } };
    for (int copy = 0; copy < 2; copy++) {
        bool loaded = false;
        for (uint64_t call = 1; !loaded; call++) {
            struct kernel *k = world_kernel(&pickles_module, 7);
            struct stint_id tid;
            char error[256];
            size_t used = world.mem.used;
            world.tracked.fail_at = world.tracked.calls + call;
            enum stint_status status =
                kernel_load(k, buf_span(pickle), &options[copy], &tid, error, sizeof error);
            world.tracked.fail_at = 0;
            loaded = status == STINT_OK;
            assert_true(loaded || status == STINT_NO_MEMORY);
            if (!loaded) {
                struct kernel_counters counters;
                kernel_count(k, &counters);
                assert_int_equal(
                    counters.tasklets + counters.channels + counters.relations + counters.outlets,
                    0);
                assert_true(world.mem.used >= used); /* pools may have grown, nothing was lost */
                assert_int_equal(
                    kernel_load(k, buf_span(pickle), &options[copy], &tid, error, sizeof error),
                    STINT_OK);
            }
            assert_int_equal(kernel_discard(k, tid), STINT_OK);
            kernel_free(k);
            assert_true(call < 200);
        }
    }
}

static void
test_short_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    for_each_victim(starve);
}

static void
test_saving_survives_short_memory(void **state)
{
    (void)state;
    struct buf good, out;
    struct stint_id tid = make_victim(&good);
    bool saved = false;
    for (uint64_t call = 1; !saved; call++) {
        buf_init(&out, &world.mem, 1 << 20);
        world.tracked.fail_at = world.tracked.calls + call;
        enum stint_status status = kernel_save(world.k[0], tid, &out);
        world.tracked.fail_at = 0;
        saved = status == STINT_OK;
        assert_true(saved || status == STINT_NO_MEMORY);
        assert_int_equal(out.size, saved ? good.size : 0);
        buf_fini(&out);
    }
    buf_fini(&good);
}

static void
test_versions_are_told_apart(void **state)
{
    (void)state;
    struct buf pickle;
    struct stint_id tid;
    (void)make_faulty(&pickle);
    /* The head is the first record and the version its first field: 0a LEN 08 01. */
    assert_int_equal(pickle.data[0], 0x0a);
    assert_memory_equal(pickle.data + 2, "\x08\x01", 2);
    pickle.data[3] = 2;
    mend_check(pickle.data, pickle.size);
    assert_int_equal(pickle_into(world.k[1], &pickle, NULL, &tid), STINT_BAD_VERSION);
    assert_string_equal(world.last_error, "the pickle has version 2; this node reads version 1");
    buf_fini(&pickle);
}

/* The head is the first record: 0a LENGTH body, and the body begins with the version, 08 01. */
static void
expect_other_form_refused(
    const struct buf *pickle, size_t cut, const char *bytes, size_t size, size_t at)
{
    uint8_t copy[4096];
    assert_true(pickle->data[1] + size - cut < 0x80 && at + cut <= pickle->size);
    memcpy(copy, pickle->data, at);
    memcpy(copy + at, bytes, size);
    memcpy(copy + at + size, pickle->data + at + cut, pickle->size - at - cut);
    copy[1] = (uint8_t)(copy[1] + size - cut);
    mend_check(copy, pickle->size + size - cut);
    assert_false(try_load(span_of(copy, pickle->size + size - cut)));
}

/* What a reader does not know may be state that would be lost: nothing is skipped, and one tasklet
 * has one pickle. */
static void
test_other_forms_of_the_same_are_refused(void **state)
{
    (void)state;
    struct buf pickle;
    (void)make_faulty(&pickle);
    size_t end = 2 + (size_t)pickle.data[1];
    expect_other_form_refused(&pickle, 0, "\xa0\x06\x01", 3, end); /* an unknown field, 100 */
    expect_other_form_refused(&pickle, 0, "\x0a\x00", 2, end);     /* and one of another form */
    expect_other_form_refused(&pickle, 0, "\x08\x01", 2, end);     /* the version once more */
    expect_other_form_refused(&pickle, 2, "\x08\x81\x00", 3, 2);   /* in a longer form */
    expect_other_form_refused(&pickle, 2, "\x88\x00\x01", 3, 2);   /* its key in a longer form */
    expect_other_form_refused(&pickle, 0, "\x20\x00", 2, end);     /* a default spelt out */
    char swapped[20] = "\x18\x01\x12\x10"; /* the epoch before the id */
    assert_memory_equal(pickle.data + 4, "\x12\x10", 2);
    assert_memory_equal(pickle.data + 22, "\x18\x01", 2);
    memcpy(swapped + 4, pickle.data + 6, 16);
    expect_other_form_refused(&pickle, 20, swapped, 20, 4);
    buf_fini(&pickle);
}

/* What is not a pickle at all. */
static void
test_foreign_bytes_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[300];
    struct prng prng;
    prng_init(&prng, test_seed("test_foreign_bytes_are_refused"));
    for (int round = 0; round < 2000; round++) {
        size_t size = (size_t)prng_below(&prng, sizeof bytes);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)prng_next(&prng);
        }
        assert_false(try_load(span_of(bytes, size)));
        mend_check(bytes, size);
        assert_false(try_load(span_of(bytes, size)));
    }
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)
    const struct CMUnitTest tests[] = {
        TEST(test_cut_pickles_are_refused),
        TEST(test_flipped_bits_are_seen),
        TEST(test_flipped_bits_behind_a_good_check_do_no_harm),
        TEST(test_mangled_pickles_do_no_harm),
        TEST(test_short_memory_leaves_nothing_behind),
        TEST(test_saving_survives_short_memory),
        TEST(test_versions_are_told_apart),
        TEST(test_other_forms_of_the_same_are_refused),
        TEST(test_foreign_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
