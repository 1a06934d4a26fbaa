/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views: what comes out of the wire is what went in, or is refused; who is a member; where ids
 * are at home.
 */
#include "cluster_test.h"

#include "base/ids.h"
#include "base/span.h"
#include "cluster/view.h"

struct scene {
    struct mem mem;
    struct view *v, *w;
    struct buf out;
};

static int
setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    test_mem(&s->mem);
    s->v = view_new(&s->mem);
    s->w = view_new(&s->mem);
    buf_init(&s->out, &s->mem, 1 << 20);
    s->v->generation = 1;
    s->v->number = 10;
    s->v->authority = test_id(1);
    *state = s;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    buf_fini(&s->out);
    view_free(s->v);
    view_free(s->w);
    view_free(NULL);
    assert_int_equal(s->mem.used, 0);
    free(s);
    return 0;
}

static enum stint_status
round_trip(struct scene *s)
{
    buf_reset(&s->out);
    assert_int_equal(view_encode(s->v, &s->out), STINT_OK);
    return view_decode(s->w, buf_span(&s->out));
}

static void
assert_same(const struct view *a, const struct view *b)
{
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->generation, b->generation);
    assert_int_equal(a->balancer_on, b->balancer_on);
    assert_int_equal(a->member_count, b->member_count);
    assert_int_equal(a->revoked_count, b->revoked_count);
    assert_memory_equal(a->revoked, b->revoked, a->revoked_count * sizeof a->revoked[0]);
    for (uint32_t i = 0; i < a->member_count; i++) {
        const struct member *m = &a->members[i], *n = &b->members[i];
        assert_true(node_ref_equal(m->ref, n->ref));
        assert_true(m->state == n->state && m->clean == n->clean && m->modules == n->modules);
        assert_string_equal(m->name, n->name);
        assert_string_equal(m->endpoint, n->endpoint);
        assert_string_equal(m->version, n->version);
    }
}

static void
test_the_largest_view_fits_one_message_and_comes_back(void **state)
{
    struct scene *s = *state;
    s->v->generation = UINT64_MAX;
    s->v->number = UINT64_MAX;
    s->v->balancer_on = true;
    for (uint32_t i = 0; i < VIEW_MEMBERS_MAX; i++) {
        struct member *m = test_member(s->v, i + 1, UINT64_MAX - 300 + i, stint_MEMBER_DRAINING);
        m->modules = UINT64_MAX;
        m->clean = true;
        memset(m->endpoint, 'e', sizeof m->endpoint - 1);
        memset(m->version, 'v', sizeof m->version - 1);
        memset(m->name, 'n', sizeof m->name - 1);
        (void)text_format(m->name, 5, "%04u", i);
        m->name[4] = 'n';
    }
    for (uint32_t i = 0; i < VIEW_REVOKED_MAX; i++) {
        s->v->revoked[s->v->revoked_count++] = UINT64_MAX - i;
    }
    assert_int_equal(round_trip(s), STINT_OK);
    assert_true(s->out.size <= 65536);
    assert_same(s->v, s->w);
    assert_true(view_is_revoked(s->w, UINT64_MAX - 5));
    assert_false(view_is_revoked(s->w, 5));
}

static void
test_views_that_cannot_be_are_refused(void **state)
{
    struct scene *s = *state;
    test_member(s->v, 1, 1, stint_MEMBER_ACTIVE);
    test_member(s->v, 2, 2, stint_MEMBER_ACTIVE);
    assert_int_equal(round_trip(s), STINT_OK);
    struct member good = s->v->members[1];
    struct member *m = &s->v->members[1];
    m->ref.id = s->v->members[0].ref.id; /* two of one id */
    assert_int_equal(round_trip(s), STINT_BAD_FRAME);
    *m = good;
    (void)text_copy(m->name, sizeof m->name, "n1"); /* two of one name */
    assert_int_equal(round_trip(s), STINT_BAD_FRAME);
    m->state = stint_MEMBER_DEAD; /* of which one is dead */
    assert_int_equal(round_trip(s), STINT_OK);
    *m = good;
    m->state = (stint_MemberState)9;
    assert_int_equal(round_trip(s), STINT_BAD_FRAME);
    m->state = stint_MEMBER_NONE;
    assert_int_equal(round_trip(s), STINT_BAD_FRAME);
    *m = good;
    m->ref.inc = 0;
    assert_int_equal(round_trip(s), STINT_BAD_FRAME);
    m->ref.inc = 11; /* joined in the future */
    assert_int_equal(round_trip(s), STINT_BAD_FRAME);
    *m = good;
    m->endpoint[0] = '\x1b';
    assert_int_equal(round_trip(s), STINT_BAD_FRAME);
    *m = good;
    m->name[0] = '/';
    assert_int_equal(round_trip(s), STINT_BAD_FRAME);
    *m = good;
    s->v->members[0].ref.inc = 3; /* not in the order of incarnations */
    assert_int_equal(round_trip(s), STINT_BAD_FRAME);
    s->v->members[0].ref.inc = 1;
    s->v->authority = STINT_ID_NONE;
    assert_int_equal(round_trip(s), STINT_BAD_FRAME);
}

static void
test_damaged_bytes_never_pass_as_a_larger_thing(void **state)
{
    struct scene *s = *state;
    for (uint32_t i = 0; i < 5; i++) {
        test_member(s->v, i + 1, i + 1, stint_MEMBER_ACTIVE);
    }
    assert_int_equal(round_trip(s), STINT_OK);
    struct prng prng;
    uint64_t seed = 77;
    printf("seed %llu\n", (unsigned long long)seed);
    prng_init(&prng, seed);
    for (uint32_t round = 0; round < 20000; round++) {
        uint8_t copy[2048];
        size_t size = s->out.size;
        memcpy(copy, s->out.data, size);
        for (uint32_t flips = 1 + (uint32_t)prng_below(&prng, 4); flips > 0; flips--) {
            copy[prng_below(&prng, size)] ^= (uint8_t)(1u << prng_below(&prng, 8));
        }
        size = prng_below(&prng, 4) == 0 ? prng_below(&prng, size) : size;
        if (view_decode(s->w, span_of(copy, size)) == STINT_OK) {
            assert_true(s->w->member_count <= VIEW_MEMBERS_MAX && s->w->number > 0);
            for (uint32_t i = 0; i < s->w->member_count; i++) {
                assert_true(text_is_name(s->w->members[i].name, LIMIT_NAME));
            }
        }
    }
    assert_int_equal(view_decode(s->w, span_of(s->out.data, s->out.size - 1)), STINT_BAD_FRAME);
    assert_int_equal(view_decode(s->w, span_of(s->out.data, 0)), STINT_BAD_FRAME);
}

static void
test_a_view_never_goes_backwards(void **state)
{
    struct scene *s = *state;
    struct node_ref self = test_ref(1, 1);
    test_member(s->v, 1, 1, stint_MEMBER_ACTIVE);
    assert_int_equal(view_judge(0, 0, s->v, NODE_REF_NONE), VIEW_NEWER);
    assert_int_equal(view_judge(1, 9, s->v, self), VIEW_NEWER);
    assert_int_equal(view_judge(1, 10, s->v, self), VIEW_SAME);
    assert_int_equal(view_judge(1, 11, s->v, self), VIEW_OLDER);
    assert_int_equal(view_judge(2, 3, s->v, self), VIEW_REGRESSED);
    /* restored: a larger generation decides */
    assert_int_equal(view_judge(0, 99, s->v, self), VIEW_NEWER);
    assert_int_equal(view_judge(1, 9, s->v, test_ref(1, 2)), VIEW_FENCED);
    assert_int_equal(view_judge(1, 9, s->v, test_ref(2, 1)), VIEW_FENCED);
    assert_int_equal(view_judge(1, 11, s->v, test_ref(2, 1)), VIEW_OLDER);
    assert_int_equal(view_judge(1, 9, s->v, test_ref(2, 0)), VIEW_NEWER); /* has not joined yet */
    s->v->members[0].state = stint_MEMBER_DEAD;
    assert_int_equal(view_judge(1, 9, s->v, self), VIEW_FENCED);
}

static void
test_the_dead_are_in_lists_only(void **state)
{
    struct scene *s = *state;
    test_member(s->v, 1, 1, stint_MEMBER_DEAD);
    test_member(s->v, 2, 2, stint_MEMBER_JOINING);
    assert_null(view_find(s->v, test_id(1)));
    assert_null(view_named(s->v, "n1"));
    assert_false(view_has(s->v, test_ref(1, 1)));
    assert_non_null(view_find_any(s->v, test_id(1)));
    assert_true(view_has(s->v, test_ref(2, 2)));
    assert_false(view_has(s->v, test_ref(2, 1)));
    assert_int_equal(view_living(s->v), 1);
    assert_string_equal(member_state_text(stint_MEMBER_DEAD), "down");
    assert_string_equal(member_state_text(stint_MEMBER_ACTIVE), "up");
}

struct diff {
    char text[256];
};

static void
note_change(void *arg, enum view_change change, const struct member *m)
{
    struct diff *d = arg;
    size_t used = strlen(d->text);
    (void)text_format(d->text + used, sizeof d->text - used, "%c%s/%u ", "-+~"[change],
                      m -> name, (unsigned)m -> ref.inc);
}

static void
test_what_changed_between_two_views(void **state)
{
    struct scene *s = *state;
    struct diff d = { "" };
    test_member(s->v, 1, 1, stint_MEMBER_ACTIVE);
    test_member(s->v, 2, 2, stint_MEMBER_ACTIVE);
    test_member(s->v, 3, 3, stint_MEMBER_ACTIVE);
    test_member(s->v, 4, 4, stint_MEMBER_DEAD);
    view_diff(NULL, s->v, note_change, &d);
    assert_string_equal(d.text, "+n1/1 +n2/2 +n3/3 ");
    view_copy(s->w, s->v);
    assert_ptr_equal(s->w->mem, &s->mem);
    d.text[0] = '\0';
    view_diff(s->v, s->w, note_change, &d);
    assert_string_equal(d.text, "");
    s->w->members[0].state = stint_MEMBER_DRAINING;
    s->w->members[1].state = stint_MEMBER_DEAD;
    s->w->members[2].ref.inc = 9; /* restarted */
    view_diff(s->v, s->w, note_change, &d);
    assert_string_equal(d.text, "-n2/2 -n3/3 ~n1/1 +n3/9 ");
}

static void
test_homes_are_even_and_change_only_with_their_node(void **state)
{
    struct scene *s = *state;
    struct prng prng;
    prng_init(&prng, 5);
    for (uint32_t i = 0; i < 8; i++) {
        struct member *m = test_member(s->v, i, i + 1, stint_MEMBER_ACTIVE);
        m->ref.id = prng_id(&prng);
    }
    s->v->members[6].state = stint_MEMBER_DRAINING;
    s->v->members[7].state = stint_MEMBER_JOINING;
    view_copy(s->w, s->v);
    s->w->members[2].state = stint_MEMBER_DEAD;
    uint32_t ids = 20000, counts[8] = { 0 }, moved = 0;
    for (uint32_t i = 0; i < ids; i++) {
        struct stint_id id = prng_id(&prng);
        struct node_ref home = view_home(s->v, id), after = view_home(s->w, id);
        assert_true(home.inc >= 1 && home.inc <= 6);
        counts[home.inc - 1]++;
        moved += node_ref_equal(home, after) ? 0 : 1;
        assert_true(node_ref_equal(home, after) || home.inc == 3);
    }
    assert_int_equal(moved, counts[2]);
    for (uint32_t i = 0; i < 6; i++) {
        assert_true(counts[i] > ids / 6 * 9 / 10 && counts[i] < ids / 6 * 11 / 10);
    }
    for (uint32_t i = 0; i < 8; i++) {
        /* none may be a home: better those than none */
        s->v->members[i].state = stint_MEMBER_DRAINING;
    }
    assert_false(node_ref_is_none(view_home(s->v, test_id(1))));
    s->v->member_count = 0;
    assert_true(node_ref_is_none(view_home(s->v, test_id(1))));
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_the_largest_view_fits_one_message_and_comes_back),
        CASE(test_views_that_cannot_be_are_refused),
        CASE(test_damaged_bytes_never_pass_as_a_larger_thing),
        CASE(test_a_view_never_goes_backwards),
        CASE(test_the_dead_are_in_lists_only),
        CASE(test_what_changed_between_two_views),
        CASE(test_homes_are_even_and_change_only_with_their_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
