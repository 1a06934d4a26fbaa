/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasklets go on in another version of their code, or stay with the reason. The other versions are
 * the codes of package `later`, registered in kernels of their own under the names of package
 * `pickles`.
 */
#include "pickle_world.h"

/* pickles.Worker, later: the sleep is gone, sends stand twice, its own channel carries something
 * else. */
STINT_FRAME(later_Worker)
{
    STINT_BEGIN;
    if (self->mode == 99) {
        STINT_YIELD;
        STINT_SEND_AS("send(self->in)", self->in, pickles_Item, &self->item, STINT_FOREVER);
        STINT_SEND_AS("send(self->in)", self->in, pickles_Item, &self->item, STINT_FOREVER);
        STINT_RECV_AS("recv(self->own)", self->own, pickles_Other,
            (pickles_Other *)(void *)&self->item, STINT_FOREVER);
    }
    STINT_RECV(self->in, pickles_Item, &self->item);
    self->weight = 7;
    self->sum += self->item.n * 2;
    STINT_END;
}

STINT_FRAME(later_Tight)
{
    STINT_BEGIN;
    STINT_RECV(self->in, pickles_Item, &self->item);
    STINT_END;
}

/* A module `pickles` whose only code is Worker, in another version. */
enum { POINTS_MAX = 32, TYPES_MAX = 16 };

struct version {
    struct stint_type locals;
    struct stint_code code;
    struct stint_type item;
    const struct stint_code *codes[1];
    struct stint_point points[POINTS_MAX];
    const struct stint_point *point_list[POINTS_MAX];
    const struct stint_type *type_list[TYPES_MAX];
    struct stint_module module;
    struct kernel *k;
};

static void
add_type(struct version *v, const struct stint_type *type)
{
    uint32_t count = (uint32_t)(v->module.types_end - v->module.types);
    assert_true(count < TYPES_MAX);
    v->type_list[count] = type;
    v->module.types_end++;
}

/* The version whose code is `code`; its points are those of that code's function. */
static void
version_begin(struct version *v, const struct stint_code *code)
{
    char function[96];
    uint32_t count = 0;
    memset(v, 0, sizeof(*v));
    v->locals = *code->locals;
    v->locals.name = "pickles_Worker";
    v->code = *code;
    v->code.name = "pickles_Worker";
    v->code.locals = &v->locals;
    v->codes[0] = &v->code;
    snprintf(function, sizeof function, "stint_execute_%s", code->name);
    for (const struct stint_point *const *p = pickles_module.points; p < pickles_module.points_end;
         p++) {
        if (strcmp((*p)->function, function) == 0) {
            assert_true(count < POINTS_MAX);
            v->points[count] = **p;
            v->points[count].function = "stint_execute_pickles_Worker";
            v->point_list[count] = &v->points[count];
            count++;
        }
    }
    v->module = pickles_module;
    v->module.codes = v->codes;
    v->module.code_count = 1;
    v->module.points = v->point_list;
    v->module.points_end = v->point_list + count;
    v->module.types = v->type_list;
    v->module.types_end = v->type_list;
    add_type(v, &stint_Channel_stint);
    add_type(v, &v->locals);
    add_type(v, &pickles_Other_stint);
}

static void
version_end(struct version *v)
{
    kernel_free(v->k);
}

/* A worker that waits in that way in k[0], pickled. */
static struct stint_id
pickled_worker(enum mode mode, struct stint_id in, struct buf *pickle)
{
    pickles_Worker w = { .mode = mode, .in = world_handle(in), .note = "of the old version" };
    struct stint_id tid = world_spawn(0, "Worker", &pickles_Worker_stint, &w);
    world_run();
    assert_int_equal(kernel_freeze(world.k[0], tid), STINT_OK);
    pickle_of(world.k[0], tid, pickle);
    return tid;
}

struct told {
    uint32_t count;
    enum stint_status status[8];
    uint32_t frames[8];
    char texts[8][256];
};

static void
tell(void *arg, enum stint_status reason, const char *text, uint32_t frame)
{
    struct told *told = arg;
    assert_true(told->count < 8);
    told->status[told->count] = reason;
    told->frames[told->count] = frame;
    snprintf(told->texts[told->count], 256, "%s", text);
    told->count++;
}

/* Loading fails like this, and explaining tells the same before. */
static void
expect_refused(
    struct kernel *k, const struct buf *pickle, enum stint_status status, const char *text)
{
    struct stint_id tid;
    struct told told = { .count = 0 };
    enum stint_status got = pickle_into(k, pickle, NULL, &tid);
    if (got != status || strstr(world.last_error, text) == NULL) {
        fail_msg("expected %s: ...%s..., got %s: %s", stint_status_name(status), text,
            stint_status_name(got), world.last_error);
    }
    uint32_t reasons = kernel_explain_pickle(k, buf_span(pickle), tell, &told);
    assert_int_equal(reasons, told.count);
    if (told.count > 0) {
        assert_string_equal(told.texts[0], world.last_error);
    }
}

static void
test_another_version_goes_on_by_label_and_name(void **state)
{
    (void)state;
    struct version v;
    struct stint_id in = world_channel(0, 0);
    struct stint_id loaded;
    struct buf pickle;
    struct told told = { .count = 0 };
    version_begin(&v, &stint_code_later_Worker);
    add_type(&v, &pickles_Item_stint);
    v.k = world_kernel(&v.module, 3);
    struct stint_id tid = pickled_worker(MODE_RECV, in, &pickle);
    assert_int_equal(kernel_explain_pickle(v.k, buf_span(&pickle), tell, &told), 0);
    assert_int_equal(pickle_into(v.k, &pickle, NULL, &loaded), STINT_OK);
    assert_true(id_equal(tid, loaded));
    struct kernel_frame_view frame;
    assert_int_equal(kernel_frame(v.k, tid, 0, &frame), STINT_OK);
    const later_Worker *locals = frame.locals;
    assert_string_equal(frame.label, "recv(self->in)");
    assert_int_equal(locals->sum, 1000);
    assert_int_equal(locals->mode, MODE_RECV);
    assert_memory_equal(locals->in.id, in.bytes, 16);
    assert_int_equal(locals->weight, 0);
    /* And it goes on there. */
    assert_int_equal(kernel_discard(world.k[0], tid), STINT_OK);
    assert_int_equal(kernel_thaw(v.k, tid, 2), STINT_OK);
    kernel_free(world.k[1]);
    world.k[1] = v.k;
    pickles_Source s = { .out = world_handle(in), .count = 1, .first = 21 };
    (void)world_spawn(0, "Source", &pickles_Source_stint, &s);
    world_run();
    later_Worker end;
    assert_int_equal(world_result(tid, &later_Worker_stint, &end)->status, STINT_OK);
    assert_int_equal(end.sum, 1042);
    assert_int_equal(end.weight, 7);
    buf_fini(&pickle);
}

static void
test_labels_must_be_there_exactly_once(void **state)
{
    (void)state;
    struct version v;
    struct buf pickle;
    version_begin(&v, &stint_code_later_Worker);
    add_type(&v, &pickles_Item_stint);
    v.k = world_kernel(&v.module, 3);
    (void)pickled_worker(MODE_SLEEP, world_channel(0, 0), &pickle);
    expect_refused(v.k, &pickle, STINT_INCOMPATIBLE,
        "frame 0, pickles/Worker waits at `nap` (pickle_world.h:");
    expect_refused(v.k, &pickle, STINT_INCOMPATIBLE, "has no resume point of that label");
    buf_fini(&pickle);
    (void)pickled_worker(MODE_SEND, world_channel(0, 0), &pickle);
    expect_refused(
        v.k, &pickle, STINT_INCOMPATIBLE, "has more than one resume point of that label");
    buf_fini(&pickle);
    version_end(&v);
}

/* The label is there, but what comes in is something else: it would be written over the locals. */
static void
test_a_resume_point_must_take_what_comes(void **state)
{
    (void)state;
    struct version v;
    struct buf pickle;
    version_begin(&v, &stint_code_later_Worker);
    add_type(&v, &pickles_Item_stint);
    v.k = world_kernel(&v.module, 3);
    (void)pickled_worker(MODE_RECV_OWN, world_channel(0, 0), &pickle);
    expect_refused(v.k, &pickle, STINT_INCOMPATIBLE,
        "it waits for a message pickles.Item, which its resume point `recv(self->own)` does not "
        "take here");
    buf_fini(&pickle);
    version_end(&v);
}

static void
test_an_author_can_say_no(void **state)
{
    (void)state;
    struct version v;
    struct buf pickle;
    version_begin(&v, &stint_code_pickles_Worker);
    v.code.mark = 4;
    add_type(&v, &pickles_Item_stint);
    v.k = world_kernel(&v.module, 3);
    (void)pickled_worker(MODE_RECV, world_channel(0, 0), &pickle);
    expect_refused(v.k, &pickle, STINT_INCOMPATIBLE,
        "code pickles/Worker is marked 4 here and 0 there: its author says that one does not "
        "continue the other");
    buf_fini(&pickle);
    version_end(&v);
}

static void
test_locals_must_fit(void **state)
{
    (void)state;
    struct version v;
    struct buf pickle;
    version_begin(&v, &stint_code_later_Tight);
    add_type(&v, &pickles_Item_stint);
    v.k = world_kernel(&v.module, 3);
    (void)pickled_worker(MODE_RECV, world_channel(0, 0), &pickle);
    expect_refused(v.k, &pickle, STINT_INCOMPATIBLE,
        "frame 0, pickles/Worker: its locals do not fit the version of the code here: integer too "
        "large");
    buf_fini(&pickle);
    version_end(&v);
}

static void
test_messages_of_channels_must_be_the_same(void **state)
{
    (void)state;
    struct version v;
    struct stint_field fields[3];
    struct buf pickle;
    version_begin(&v, &stint_code_later_Worker);
    memcpy(fields, pickles_Item_stint.fields, sizeof(fields));
    fields[1].name = "renamed";
    v.item = pickles_Item_stint;
    v.item.fields = fields;
    struct stint_field locals[8];
    memcpy(locals, v.locals.fields, v.locals.field_count * sizeof(locals[0]));
    locals[3].type = &v.item;
    v.locals.fields = locals;
    add_type(&v, &v.item);
    v.k = world_kernel(&v.module, 3);
    (void)pickled_worker(MODE_RECV, world_channel(0, 0), &pickle);
    expect_refused(v.k, &pickle, STINT_INCOMPATIBLE,
        "message pickles.Item of its channels has other fields or bounds here");
    buf_fini(&pickle);
    version_end(&v);
}

static void
test_missing_modules_and_codes_are_named(void **state)
{
    (void)state;
    struct version v;
    struct buf pickle, outline;
    struct told told = { .count = 0 };
    struct stint_id in = world_channel(1, 0);
    struct kernel_config config = { .mem = &world.mem, .seed = 4 };
    struct kernel *empty = kernel_new(&config);
    pickles_Deep d = { .depth = 2, .in = world_handle(in), .out = world_handle(in) };
    struct stint_id tid = world_spawn(0, "Deep", &pickles_Deep_stint, &d);
    world_run();
    buf_init(&outline, &world.mem, 1 << 16);
    assert_int_equal(
        kernel_outline(world.k[0], tid, &outline), STINT_OK); /* before anything is frozen */
    assert_int_equal(kernel_freeze(world.k[0], tid), STINT_OK);
    pickle_of(world.k[0], tid, &pickle);
    expect_refused(empty, &pickle, STINT_UNKNOWN_MODULE, "module pickles is not loaded here");
    version_begin(&v, &stint_code_later_Worker);
    add_type(&v, &pickles_Item_stint);
    v.k = world_kernel(&v.module, 3);
    expect_refused(v.k, &pickle, STINT_UNKNOWN_CODE, "module pickles has no code Deep here");
    /* All reasons at once, from the outline as from the pickle. */
    assert_int_equal(kernel_explain_pickle(empty, buf_span(&outline), tell, &told), 2);
    assert_int_equal(told.status[0], STINT_UNKNOWN_MODULE);
    assert_int_equal(told.status[1], STINT_INCOMPATIBLE);
    assert_string_equal(told.texts[1], "message pickles.Item of its channels is not known here");
    told.count = 0;
    assert_int_equal(kernel_explain_pickle(world.k[1], buf_span(&outline), tell, &told), 0);
    assert_int_equal(kernel_explain_pickle(world.k[1], buf_span(&pickle), tell, &told), 0);
    outline.size--;
    assert_int_equal(kernel_explain_pickle(world.k[1], buf_span(&outline), tell, &told), 1);
    assert_int_equal(told.status[0], STINT_BAD_PICKLE);
    told.count = 0;
    pickle.data[pickle.size / 2] ^= 1;
    assert_int_equal(kernel_explain_pickle(world.k[1], buf_span(&pickle), tell, &told), 1);
    assert_int_equal(told.status[0], STINT_BAD_PICKLE);
    buf_fini(&outline);
    buf_fini(&pickle);
    kernel_free(empty);
    version_end(&v);
}

static void
test_every_tasklet_has_an_outline(void **state)
{
    (void)state;
    for (enum mode mode = MODE_YIELD; mode < MODE_COUNT; mode++) {
        struct buf outline;
        struct told told = { .count = 0 };
        pickles_Worker w = { .mode = mode, .in = world_handle(world_channel(0, 0)) };
        struct stint_id tid = world_spawn(0, "Worker", &pickles_Worker_stint, &w);
        world.keep_names = true;
        for (int turns = 0; turns < 2 && world_where(tid) == 0; turns++) {
            buf_init(&outline, &world.mem, 1 << 16);
            assert_int_equal(kernel_outline(world.k[0], tid, &outline), STINT_OK);
            if (kernel_explain_pickle(world.k[1], buf_span(&outline), tell, &told) != 0) {
                fail_msg("%s: %s", mode_names[mode], told.texts[0]);
            }
            buf_fini(&outline);
            world_step(1);
        }
    }
}

/* Every reason, each with its frame: two frames at labels that are gone. */
static void
test_each_frame_has_its_reason(void **state)
{
    (void)state;
    struct version v;
    struct buf pickle;
    struct told told = { .count = 0 };
    struct stint_id in = world_channel(1, 0);
    pickles_Deep d = { .depth = 2, .in = world_handle(in), .out = world_handle(in) };
    struct stint_id tid = world_spawn(0, "Deep", &pickles_Deep_stint, &d);
    world_run();
    assert_int_equal(kernel_freeze(world.k[0], tid), STINT_OK);
    pickle_of(world.k[0], tid, &pickle);
    version_begin(&v, &stint_code_pickles_Deep);
    v.locals.name = "pickles_Deep";
    v.code.name = "pickles_Deep";
    for (uint32_t i = 0; i < POINTS_MAX; i++) {
        v.points[i].function = "stint_execute_pickles_Deep";
        if (v.points[i].label != NULL && strstr(v.points[i].label, "call") != NULL) {
            v.points[i].label = "call that was renamed";
        }
    }
    add_type(&v, &pickles_Item_stint);
    v.k = world_kernel(&v.module, 3);
    assert_int_equal(kernel_explain_pickle(v.k, buf_span(&pickle), tell, &told), 2);
    assert_int_equal(told.frames[0], 0);
    assert_int_equal(told.frames[1], 1);
    assert_non_null(strstr(told.texts[1], "frame 1, pickles/Deep waits at `call(pickles_Deep)`"));
    version_end(&v);
    /* Found by label, but the call there is of another code: the registered one is a copy. */
    version_begin(&v, &stint_code_pickles_Deep);
    v.locals.name = "pickles_Deep";
    v.code.name = "pickles_Deep";
    for (uint32_t i = 0; i < POINTS_MAX; i++) {
        v.points[i].function = "stint_execute_pickles_Deep";
    }
    add_type(&v, &pickles_Item_stint);
    v.k = world_kernel(&v.module, 3);
    expect_refused(v.k, &pickle, STINT_INCOMPATIBLE,
        "frame 1, pickles/Deep is not what the frame below it has called");
    version_end(&v);
    buf_fini(&pickle);
}

/* ---- reading without a kernel ---- */

static void
test_frames_can_be_read_without_a_kernel(void **state)
{
    (void)state;
    struct buf pickle;
    char error[256];
    struct pickle_reader r;
    struct pickle_frame_view view;
    struct stint_id in = world_channel(1, 0);
    pickles_Deep d = { .depth = 2, .in = world_handle(in), .out = world_handle(in) };
    struct stint_id tid = world_spawn(0, "Deep", &pickles_Deep_stint, &d);
    world_run();
    assert_int_equal(kernel_freeze(world.k[0], tid), STINT_OK);
    pickle_of(world.k[0], tid, &pickle);
    assert_int_equal(pickle_read_begin(&r, buf_span(&pickle), error, sizeof error), STINT_OK);
    assert_memory_equal(r.head.id, tid.bytes, 16);
    assert_int_equal(r.head.frames, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(pickle_read_frame(&r, &view), STINT_OK);
        assert_string_equal(view.code.module, "pickles");
        assert_string_equal(view.code.name, "Deep");
        assert_string_equal(view.code.type, "pickles.Deep");
        assert_string_equal(view.frame.file, "pickle_world.h");
        assert_string_equal(view.frame.label, i < 2 ? "call(pickles_Deep)" : "recv(self->in)");
        assert_int_equal(type_decode(&pickles_Deep_stint, view.locals, &d, NULL), STINT_OK);
        assert_int_equal(d.level, i);
    }
    assert_int_equal(pickle_read_frame(&r, &view), STINT_END_OF_SEQUENCE);
    for (size_t size = 0; size < pickle.size; size++) {
        assert_int_equal(pickle_read_begin(&r, span_of(pickle.data, size), error, sizeof error),
            STINT_BAD_PICKLE);
    }
    buf_fini(&pickle);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)
    const struct CMUnitTest tests[] = {
        TEST(test_another_version_goes_on_by_label_and_name),
        TEST(test_labels_must_be_there_exactly_once),
        TEST(test_a_resume_point_must_take_what_comes),
        TEST(test_an_author_can_say_no),
        TEST(test_locals_must_fit),
        TEST(test_messages_of_channels_must_be_the_same),
        TEST(test_missing_modules_and_codes_are_named),
        TEST(test_every_tasklet_has_an_outline),
        TEST(test_each_frame_has_its_reason),
        TEST(test_frames_can_be_read_without_a_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
