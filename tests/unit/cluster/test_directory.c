/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory: hints by epoch, what expires, what a view takes away, and a random run against
 * a plain model.
 */
#include "cluster_test.h"

#include "base/ids.h"
#include "cluster/directory.h"

struct scene {
    struct mem mem;
    struct directory *d;
    struct view *v, *w;
    uint64_t now;
};

static int
setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    test_mem(&s->mem);
    struct directory_config config = {
        .mem = &s->mem, .seed = 3, .hints_max = 1000, .cache_max = 100
    };
    s->d = directory_new(&config);
    s->v = view_new(&s->mem);
    s->w = view_new(&s->mem);
    s->now = TEST_S;
    *state = s;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    directory_free(s->d);
    view_free(s->v);
    view_free(s->w);
    assert_int_equal(s->mem.used, 0);
    free(s);
    return 0;
}

static struct directory_place
place(uint32_t id, uint32_t n, uint64_t epoch)
{
    return (struct directory_place){
        .id = test_id(id), .kind = stint_LOCATE_TASKLET, .node = test_ref(n, n), .epoch = epoch
    };
}

static void
test_a_home_keeps_the_largest_epoch(void **state)
{
    struct scene *s = *state;
    struct directory_place p = place(1, 2, 5), out;
    assert_false(directory_where(s->d, p.id, &out, s->now));
    assert_int_equal(directory_report(s->d, &p, s->now), STINT_OK);
    assert_int_equal(directory_report(s->d, &p, s->now), STINT_OK); /* again */
    struct directory_place older = place(1, 3, 4), other = place(1, 3, 5), newer = place(1, 4, 7);
    assert_int_equal(directory_report(s->d, &older, s->now), STINT_CONFLICT);
    assert_int_equal(directory_report(s->d, &other, s->now), STINT_CONFLICT);
    assert_true(directory_where(s->d, p.id, &out, s->now));
    assert_int_equal(out.node.inc, 2);
    assert_int_equal(directory_report(s->d, &newer, s->now), STINT_OK);
    assert_true(directory_where(s->d, p.id, &out, s->now));
    assert_int_equal(out.node.inc, 4);
    assert_int_equal(out.epoch, 7);
}

static void
test_what_has_ended_stays_ended_for_a_minute(void **state)
{
    struct scene *s = *state;
    struct directory_place p = place(1, 2, 5), late = p, out;
    assert_int_equal(directory_report(s->d, &p, s->now), STINT_OK);
    p.ended = true;
    assert_int_equal(directory_report(s->d, &p, s->now), STINT_OK);
    assert_int_equal(directory_report(s->d, &late, s->now), STINT_CONFLICT);
    assert_true(directory_where(s->d, p.id, &out, s->now));
    assert_true(out.ended);
    assert_true(directory_lookup(s->d, p.id, &out, s->now));
    assert_int_equal(directory_deadline(s->d), s->now + DIRECTORY_LOST_MS * TEST_MS);
    s->now = directory_deadline(s->d);
    assert_false(directory_where(s->d, p.id, &out, s->now));
    directory_tick(s->d, s->now);
    assert_int_equal(directory_counts(s->d).hints, 0);
    assert_int_equal(directory_deadline(s->d), UINT64_MAX);
}

static void
test_the_hints_are_bounded_and_refuse(void **state)
{
    struct scene *s = *state;
    for (uint32_t i = 0; i < 1000; i++) {
        struct directory_place p = place(i, 2, 5);
        assert_int_equal(directory_report(s->d, &p, s->now), STINT_OK);
    }
    struct directory_place p = place(5000, 2, 5), known = place(7, 3, 6);
    assert_int_equal(directory_report(s->d, &p, s->now), STINT_LIMIT);
    assert_int_equal(directory_report(s->d, &known, s->now), STINT_OK);
}

static void
test_the_cache_forgets_the_least_used(void **state)
{
    struct scene *s = *state;
    struct directory_place out;
    for (uint32_t i = 0; i < 100; i++) {
        struct directory_place p = place(i, 2, 5);
        assert_true(directory_learn(s->d, &p, s->now));
        assert_false(directory_learn(s->d, &p, s->now));
    }
    assert_true(directory_lookup(s->d, test_id(0), &out, s->now)); /* used: stays */
    struct directory_place p = place(500, 2, 5);
    assert_true(directory_learn(s->d, &p, s->now));
    assert_true(directory_lookup(s->d, test_id(0), &out, s->now));
    assert_false(directory_lookup(s->d, test_id(1), &out, s->now));
    assert_int_equal(directory_counts(s->d).cached, 100);
}

static void
test_a_lookup_takes_the_newest_guess(void **state)
{
    struct scene *s = *state;
    struct directory_place hint = place(1, 2, 5), cached = place(1, 3, 7),
                           moved = place(1, 4, 6), out;
    assert_int_equal(directory_report(s->d, &hint, s->now), STINT_OK);
    assert_true(directory_lookup(s->d, hint.id, &out, s->now));
    assert_int_equal(out.epoch, 5);
    directory_moved(s->d, &moved, s->now);
    assert_true(directory_lookup(s->d, hint.id, &out, s->now));
    assert_int_equal(out.epoch, 6);
    assert_true(directory_learn(s->d, &cached, s->now));
    assert_true(directory_lookup(s->d, hint.id, &out, s->now));
    assert_int_equal(out.epoch, 7);
    directory_distrust(s->d, hint.id, 6);
    assert_true(directory_lookup(s->d, hint.id, &out, s->now));
    assert_int_equal(out.epoch, 7);
    directory_distrust(s->d, hint.id, 7);
    assert_true(directory_lookup(s->d, hint.id, &out, s->now));
    assert_int_equal(out.epoch, 5); /* the home's own hint is never doubted */
    directory_arrived(s->d, hint.id, 8);
    assert_int_equal(directory_counts(s->d).cached + directory_counts(s->d).forwarders, 0);
}

static void
test_what_was_refuted_is_unknown_until_it_is_reported_anew(void **state)
{
    struct scene *s = *state;
    struct directory_place hint = place(1, 2, 5), newer = place(1, 3, 6), out;
    assert_int_equal(directory_report(s->d, &hint, s->now), STINT_OK);
    assert_true(directory_learn(s->d, &hint, s->now));
    assert_false(directory_forwarder(s->d, hint.id, &out, s->now)); /* hearsay is no forwarder */
    directory_moved(s->d, &hint, s->now);
    assert_true(directory_forwarder(s->d, hint.id, &out, s->now));
    directory_refuted(s->d, hint.id, 4, s->now); /* older news than what is known */
    assert_true(directory_lookup(s->d, hint.id, &out, s->now));
    directory_refuted(s->d, hint.id, 5, s->now);
    assert_false(directory_lookup(s->d, hint.id, &out, s->now));
    struct directory_place other = place(1, 4, 5);
    assert_int_equal(directory_report(s->d, &other, s->now), STINT_CONFLICT);
    assert_int_equal(directory_report(s->d, &hint, s->now), STINT_OK); /* it is there after all */
    assert_true(directory_where(s->d, hint.id, &out, s->now));
    assert_int_equal(out.node.inc, 2);
    assert_int_equal(directory_report(s->d, &newer, s->now), STINT_OK);
    assert_true(directory_lookup(s->d, hint.id, &out, s->now));
    assert_int_equal(out.node.inc, 3);
}

static void
test_a_forwarder_lasts_thirty_seconds(void **state)
{
    struct scene *s = *state;
    struct directory_place moved = place(1, 4, 6), out;
    directory_moved(s->d, &moved, s->now);
    s->now += (DIRECTORY_FORWARD_MS - 1) * TEST_MS;
    assert_true(directory_lookup(s->d, moved.id, &out, s->now));
    struct directory_place other = place(2, 4, 6);
    directory_moved(s->d, &other, s->now);
    s->now += TEST_MS;
    assert_false(directory_lookup(s->d, moved.id, &out, s->now));
    directory_tick(s->d, s->now);
    assert_int_equal(directory_counts(s->d).forwarders, 1);
    directory_moved(s->d, &moved, s->now); /* it was here again, and moved on */
    struct directory_place older = place(1, 9, 5);
    directory_moved(s->d, &older, s->now);
    assert_true(directory_lookup(s->d, moved.id, &out, s->now));
    assert_int_equal(out.epoch, 6);
}

static void
test_a_view_takes_the_places_of_the_gone_but_not_their_epochs(void **state)
{
    struct scene *s = *state;
    /* this node: the home of everything while it is alone */
    test_member(s->v, 1, 1, stint_MEMBER_ACTIVE);
    test_member(s->v, 2, 2, stint_MEMBER_DRAINING);
    struct directory_place gone = place(1, 3, 5), here = place(2, 2, 5), out;
    assert_int_equal(directory_report(s->d, &gone, s->now), STINT_OK);
    assert_int_equal(directory_report(s->d, &here, s->now), STINT_OK);
    assert_true(directory_learn(s->d, &gone, s->now));
    assert_true(directory_learn(s->d, &here, s->now));
    directory_moved(s->d, &gone, s->now);
    directory_view(s->d, s->v, test_id(1), s->now);
    assert_true(directory_where(s->d, gone.id, &out, s->now));
    assert_true(node_ref_is_none(out.node));
    assert_false(directory_lookup(s->d, gone.id, &out, s->now));
    assert_true(directory_lookup(s->d, here.id, &out, s->now));
    assert_int_equal(directory_counts(s->d).cached, 1);
    assert_int_equal(directory_counts(s->d).forwarders, 0);
    struct directory_place late = place(1, 2, 5), adopted = place(1, 2, 6);
    assert_int_equal(directory_report(s->d, &late, s->now), STINT_CONFLICT);
    assert_int_equal(directory_report(s->d, &adopted, s->now), STINT_OK);
    s->now += 2 * DIRECTORY_LOST_MS * TEST_MS;
    directory_tick(s->d, s->now);
    assert_true(directory_where(s->d, gone.id, &out, s->now)); /* alive again: does not expire */
}

static void
test_a_view_takes_the_hints_that_have_another_home(void **state)
{
    struct scene *s = *state;
    struct directory_place out;
    uint32_t kept = 0;
    for (uint32_t i = 1; i <= 50; i++) {
        struct directory_place hint = place(i, 1, 5);
        assert_int_equal(directory_report(s->d, &hint, s->now), STINT_OK);
    }
    test_member(s->v, 1, 1, stint_MEMBER_ACTIVE);
    test_member(s->v, 2, 2, stint_MEMBER_ACTIVE);
    directory_view(s->d, s->v, test_id(1), s->now);
    for (uint32_t i = 1; i <= 50; i++) {
        struct stint_id id = place(i, 1, 5).id;
        bool home = id_equal(view_home(s->v, id).id, test_id(1));
        assert_int_equal(directory_where(s->d, id, &out, s->now), home);
        kept += home ? 1 : 0;
    }
    assert_true(kept > 0 && kept < 50);
    assert_int_equal(directory_counts(s->d).hints, kept);
}

struct walk {
    uint32_t next, count;
    struct directory_place places[1000];
    uint32_t emitted;
    const struct view *v;
};

static bool
each(void *arg, struct directory_place *out)
{
    struct walk *w = arg;
    if (w->next == w->count) {
        return false;
    }
    *out = w->places[w->next++];
    return true;
}

static void
emit(void *arg, struct node_ref home, const struct directory_place *p)
{
    struct walk *w = arg;
    w->emitted++;
    assert_true(node_ref_equal(home, view_home(w->v, p->id)));
}

static void
test_residents_tell_their_new_home(void **state)
{
    struct scene *s = *state;
    static struct walk w;
    memset(&w, 0, sizeof w);
    for (uint32_t n = 1; n <= 4; n++) {
        test_member(s->v, n, n, stint_MEMBER_ACTIVE);
    }
    view_copy(s->w, s->v);
    s->w->members[2].state = stint_MEMBER_DEAD;
    w.count = 1000;
    w.v = s->w;
    uint32_t of_gone = 0;
    for (uint32_t i = 0; i < w.count; i++) {
        w.places[i] = place(i, 1, 1);
        of_gone += view_home(s->v, w.places[i].id).inc == 3 ? 1 : 0;
    }
    directory_rehome(s->v, s->w, each, emit, &w);
    assert_int_equal(w.emitted, of_gone);
    w.next = w.emitted = 0;
    directory_rehome(NULL, s->w, each, emit, &w);
    assert_int_equal(w.emitted, 1000);
    s->v->members[1].ref.inc = 9; /* restarted: a home with empty hands */
    w.next = w.emitted = 0;
    w.v = s->v;
    view_copy(s->w, s->v);
    s->w->members[1].ref.inc = 2;
    directory_rehome(s->w, s->v, each, emit, &w);
    assert_true(w.emitted > 200 && w.emitted < 300);
}

/*
 * I4 over random reports, learnings, views and time: no epoch at a home ever falls while it is
 * remembered.
 */
static void
test_epochs_never_fall(void **state)
{
    struct scene *s = *state;
    struct prng prng;
    uint64_t seed = 4711, epochs[50] = { 0 };
    printf("seed %llu\n", (unsigned long long)seed);
    prng_init(&prng, seed);
    for (uint32_t n = 1; n <= 3; n++) {
        test_member(s->v, n, n, stint_MEMBER_ACTIVE);
    }
    for (uint32_t step = 0; step < 50000; step++) {
        uint32_t id = (uint32_t)prng_below(&prng, 50);
        struct directory_place p = place(id, 1 + (uint32_t)prng_below(&prng, 4),
                                         1 + prng_below(&prng, 60)),
                               out;
        p.ended = prng_below(&prng, 20) == 0;
        switch (prng_below(&prng, 8)) {
        case 0:
            s->v->members[2].state =
                prng_below(&prng, 2) == 0 ? stint_MEMBER_DEAD : stint_MEMBER_ACTIVE;
            directory_view(s->d, s->v, test_id(1), s->now);
            for (uint32_t i = 0; i < 50; i++) {
                epochs[i] = directory_where(s->d, test_id(i), &out, s->now) ? out.epoch : 0;
            }
            break;
        case 1:
            s->now += prng_below(&prng, 3000) * TEST_MS;
            directory_tick(s->d, s->now);
            for (uint32_t i = 0; i < 50; i++) {
                bool known = directory_where(s->d, test_id(i), &out, s->now);
                assert_true(!known || out.epoch == epochs[i]);
                epochs[i] = known ? out.epoch : 0;
            }
            break;
        case 2:
            (void)directory_learn(s->d, &p, s->now);
            break;
        case 3:
            directory_moved(s->d, &p, s->now);
            break;
        case 4:
            directory_distrust(s->d, p.id, p.epoch);
            break;
        default: {
            enum stint_status status = directory_report(s->d, &p, s->now);
            assert_true(status == STINT_OK || status == STINT_CONFLICT);
            assert_true(directory_where(s->d, p.id, &out, s->now));
            assert_true(out.epoch >= epochs[id]
                        && (status == STINT_CONFLICT || out.epoch == p.epoch));
            epochs[id] = out.epoch;
            break;
        }
        }
    }
}

static void *
no_resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    uint32_t *left = arg;
    if (size != 0 && (*left == 0 || --*left == 0)) {
        return NULL;
    }
    return test_resize(NULL, ptr, old_size, size);
}

static void
test_short_memory_only_forgets(void **state)
{
    (void)state;
    for (uint32_t k = 1; k < 60; k++) {
        uint32_t left = k;
        struct mem mem;
        mem_init(&mem, (struct stint_allocator){ no_resize, &left }, 0);
        struct directory_config config = { .mem = &mem, .seed = 1 };
        struct directory *d = directory_new(&config);
        for (uint32_t i = 0; d != NULL && i < 20; i++) {
            struct directory_place p = place(i, 1, 1);
            enum stint_status status = directory_report(d, &p, TEST_S);
            assert_true(status == STINT_OK || status == STINT_NO_MEMORY);
            (void)directory_learn(d, &p, TEST_S);
            directory_moved(d, &p, TEST_S);
        }
        directory_free(d);
        assert_int_equal(mem.used, 0);
    }
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_home_keeps_the_largest_epoch),
        CASE(test_what_has_ended_stays_ended_for_a_minute),
        CASE(test_the_hints_are_bounded_and_refuse),
        CASE(test_the_cache_forgets_the_least_used),
        CASE(test_a_lookup_takes_the_newest_guess),
        CASE(test_what_was_refuted_is_unknown_until_it_is_reported_anew),
        CASE(test_a_forwarder_lasts_thirty_seconds),
        CASE(test_a_view_takes_the_places_of_the_gone_but_not_their_epochs),
        CASE(test_a_view_takes_the_hints_that_have_another_home),
        CASE(test_residents_tell_their_new_home),
        CASE(test_epochs_never_fall),
        CASE(test_short_memory_only_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
