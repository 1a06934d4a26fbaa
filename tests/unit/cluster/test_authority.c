/* SPDX-License-Identifier: Apache-2.0 */
/* The authority's rules of membership: founding, joining, states, leaving, votes and deaths. */
#include "court.h"

static void
test_a_cluster_is_founded_once_and_only_here(void **state)
{
    struct court *c = *state;
    stint_StoreRequest r = join_request(c, 2, stint_STORE_JOIN);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_NOT_FOUND);
    r = join_request(c, 2, stint_STORE_FOUND);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_NOT_FOUND);
    r = request(c, stint_STORE_NAME_LIST);
    assert_int_equal(ask(c, operator, &r), STINT_NOT_FOUND);
    assert_false(authority_is_founded(c->a));
    struct node_ref self = found(c);
    assert_true(authority_is_founded(c->a));
    assert_int_equal(self.inc, 1);
    assert_int_equal(c->views, 1);
    assert_int_equal(view_find(c->view, self.id)->state, stint_MEMBER_ACTIVE);
    assert_memory_equal(&c->view->authority, &self.id, sizeof self.id);
    assert_true(c->view->balancer_on);
    r = join_request(c, 1, stint_STORE_FOUND);
    assert_int_equal(ask(c, (struct authority_from){ .local = true }, &r), STINT_EXISTS);
}

static void
test_a_node_joins_is_active_when_it_says_so_and_leaves(void **state)
{
    struct court *c = *state;
    (void)found(c);
    stint_StoreRequest r = join_request(c, 2, stint_STORE_JOIN);
    assert_int_equal(ask(c, (struct authority_from){ .token = 7 }, &r), STINT_OK);
    assert_int_equal(c->tokens[c->reply_count - 1], 7);
    struct node_ref n2 = test_ref(2, last(c)->inc);
    assert_int_equal(n2.inc, 2);
    assert_int_equal(view_member(c->view, n2)->state, stint_MEMBER_JOINING);
    /* The same request again: its answer was lost. Nothing changes. */
    uint32_t commits = c->commits;
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_OK);
    assert_int_equal(last(c)->inc, n2.inc);
    assert_int_equal(c->commits, commits);

    r = request(c, stint_STORE_SET_STATE);
    about(&r, n2);
    r.state = stint_MEMBER_CORDONED;
    assert_int_equal(ask(c, operator, &r), STINT_BUSY);
    r.state = stint_MEMBER_ACTIVE;
    assert_int_equal(ask(c, operator, &r), STINT_BUSY);
    assert_int_equal(ask(c, node(test_ref(1, 1)), &r), STINT_NOT_AUTHORISED);
    assert_int_equal(ask(c, node(n2), &r), STINT_OK);
    assert_int_equal(view_member(c->view, n2)->state, stint_MEMBER_ACTIVE);
    r.state = stint_MEMBER_DRAINING;
    assert_int_equal(ask(c, operator, &r), STINT_OK);
    assert_int_equal(view_member(c->view, n2)->state, stint_MEMBER_DRAINING);
    r.state = stint_MEMBER_DEAD;
    assert_int_equal(ask(c, operator, &r), STINT_INVALID);

    r = request(c, stint_STORE_LEAVE);
    about(&r, n2);
    assert_int_equal(ask(c, node(n2), &r), STINT_OK);
    assert_false(view_has(c->view, n2));
    assert_true(view_find_any(c->view, n2.id)->clean);
    assert_int_equal(ask(c, node(n2), &r), STINT_OK); /* again: it is so */
    assert_int_equal(heartbeat(c, n2, 0), STINT_FENCED);
}

static void
test_the_same_node_comes_back_at_once_and_another_of_its_name_does_not(void **state)
{
    struct court *c = *state;
    (void)found(c);
    struct node_ref old = join(c, 2);
    struct node_ref fresh = join(c, 2); /* with its secret */
    assert_true(fresh.inc > old.inc);
    assert_false(view_has(c->view, old));
    assert_int_equal(view_living(c->view), 2);

    stint_StoreRequest r = join_request(c, 2, stint_STORE_JOIN);
    r.secret[5] ^= 1; /* the same id without the secret */
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_EXISTS);
    r = join_request(c, 2, stint_STORE_JOIN);
    r.node[4] = 33; /* another node of that name */
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_EXISTS);
    assert_non_null(strstr(last(c)->detail, "n2"));
    assert_true(living(c, fresh));

    tick(c, 7000); /* the old one is silent for longer than the lease */
    memcpy(r.id, test_id(1 << 20).bytes, 16);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_OK);
    assert_false(living(c, fresh));
    assert_int_equal(view_living(c->view), 2);
    assert_null(view_find_any(c->view, fresh.id)); /* its row went with its name */

    r = join_request(c, 3, stint_STORE_JOIN);
    (void)text_copy(r.name, sizeof r.name, "n1"); /* the authority's own is always in contact */
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_EXISTS);
}

static void
test_a_secret_may_change_with_a_join(void **state)
{
    struct court *c = *state;
    (void)found(c);
    (void)join(c, 2);
    stint_StoreRequest r = join_request(c, 2, stint_STORE_JOIN);
    memcpy(r.old_secret, r.secret, sizeof r.secret);
    r.secret[9] = 9;
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_OK);
    r = join_request(c, 2, stint_STORE_JOIN);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_EXISTS);
    r.secret[9] = 9;
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_OK);
}

static void
test_a_founder_that_restarts_reopens_its_store(void **state)
{
    struct court *c = *state;
    struct node_ref self = found(c);
    struct node_ref n2 = join(c, 2);
    assert_int_equal(name_op(c, n2, stint_STORE_NAME_PUT, "inbox", 7), STINT_OK);
    restart(c);
    assert_true(authority_is_founded(c->a));
    assert_true(living(c, n2));
    struct node_ref again = join(c, 1);
    assert_true(again.inc > self.inc);
    assert_int_equal(view_find(c->view, self.id)->state, stint_MEMBER_ACTIVE);
    assert_false(living(c, self));
    assert_int_equal(name_op(c, n2, stint_STORE_NAME_GET, "inbox", 0), STINT_OK);
    assert_memory_equal(last(c)->names[0].channel, test_id(7).bytes, 16);
}

static void
test_joins_that_cannot_be(void **state)
{
    struct court *c = *state;
    (void)found(c);
    stint_StoreRequest r = join_request(c, 2, stint_STORE_JOIN);
    (void)text_copy(r.name, sizeof r.name, "a b");
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_INVALID);
    r = join_request(c, 2, stint_STORE_JOIN);
    r.endpoint[0] = '\n';
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_INVALID);
    r = join_request(c, 2, stint_STORE_JOIN);
    memset(r.secret, 0, sizeof r.secret);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_INVALID);
    r = join_request(c, 2, stint_STORE_JOIN);
    memset(r.id, 0, sizeof r.id);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_INVALID);
    r = request(c, (stint_StoreOp)55);
    assert_int_equal(ask(c, operator, &r), STINT_INVALID);
    assert_int_equal(c->view_number, 1);
}

static void
test_a_full_cluster_forgets_the_dead_first(void **state)
{
    struct court *c = *state;
    (void)found(c);
    struct node_ref second = join(c, 2);
    stint_StoreRequest r = request(c, stint_STORE_LEAVE);
    about(&r, second);
    assert_int_equal(ask(c, node(second), &r), STINT_OK);
    for (uint32_t n = 3; n <= VIEW_MEMBERS_MAX + 1; n++) {
        r = join_request(c, n, stint_STORE_JOIN);
        c->reply_count = 0;
        assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_OK);
    }
    assert_int_equal(view_living(c->view), VIEW_MEMBERS_MAX);
    assert_null(view_find_any(c->view, second.id));
    r = join_request(c, 999, stint_STORE_JOIN);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_LIMIT);
    struct buf out;
    buf_init(&out, &c->mem, 1 << 20);
    assert_int_equal(view_encode(c->view, &out), STINT_OK);
    assert_int_equal(view_decode(c->view, buf_span(&out)), STINT_OK);
    buf_fini(&out);
    restart(c);
    assert_int_equal(view_living(c->view), VIEW_MEMBERS_MAX);
}

static void
test_one_vote_suffices_among_three(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c), n2 = join(c, 2), n3 = join(c, 3);
    assert_int_equal(vote(c, n2, n2, false), STINT_INVALID);
    assert_int_equal(vote(c, n2, n1, false), STINT_INVALID);
    /* an incarnation that is not there */
    assert_int_equal(vote(c, n2, test_ref(3, 999), false), STINT_OK);
    assert_true(living(c, n3));
    assert_int_equal(vote(c, n2, n3, false), STINT_OK);
    assert_false(living(c, n3));
    assert_false(view_find_any(c->view, n3.id)->clean);
    assert_int_equal(vote(c, n3, n2, false), STINT_FENCED); /* the dead do not vote */
}

static void
test_among_many_a_member_in_contact_needs_two_votes(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c), n2 = join(c, 2), n3 = join(c, 3), n4 = join(c, 4);
    assert_int_equal(vote(c, n2, n4, false), STINT_OK);
    assert_int_equal(vote(c, n2, n4, false), STINT_OK); /* twice by one is one */
    assert_true(living(c, n4));
    assert_int_equal(vote(c, n2, n4, true), STINT_OK); /* withdrawn */
    assert_int_equal(vote(c, n3, n4, false), STINT_OK);
    assert_true(living(c, n4));
    for (uint32_t i = 0; i < 13; i++) { /* until the vote of n3 is too old */
        tick(c, 5000);
        authority_contact(c->a, n4, 0, c->now);
    }
    assert_int_equal(vote(c, n2, n4, false), STINT_OK);
    assert_true(living(c, n4));
    assert_int_equal(vote(c, n1, n4, false), STINT_OK);
    assert_false(living(c, n4));
}

static void
test_a_silent_member_needs_one_vote_and_silence_alone_is_none(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c), n2 = join(c, 2), n3 = join(c, 3), n4 = join(c, 4);
    (void)n1;
    tick(c, 60000);
    assert_true(living(c, n4)); /* D3: nobody voted */
    authority_contact(c->a, n4, 0, c->now);
    assert_int_equal(vote(c, n2, n4, false), STINT_OK);
    assert_true(living(c, n4));
    assert_true(authority_deadline(c->a) <= c->now + 6001 * TEST_MS);
    tick(c, 5000);
    assert_true(living(c, n4));
    tick(c, 1001); /* the lease lapses while the vote is fresh */
    assert_false(living(c, n4));
    assert_true(living(c, n3));
    assert_int_equal(authority_deadline(c->a), UINT64_MAX);
}

static void
test_members_have_the_lease_to_find_a_restarted_authority(void **state)
{
    struct court *c = *state;
    (void)found(c);
    struct node_ref n2 = join(c, 2), n3 = join(c, 3);
    restart(c);
    struct node_ref n1 = join(c, 1);
    tick(c, 2000);
    assert_int_equal(vote(c, n1, n2, false), STINT_OK);
    assert_int_equal(vote(c, n1, n3, false), STINT_OK);
    assert_true(living(c, n2) && living(c, n3)); /* one vote would suffice among three */
    assert_true(authority_deadline(c->a) <= c->now + 4001 * TEST_MS);
    authority_contact(c->a, n2, 0, c->now); /* the vote of the authority's own node was about that */
    tick(c, 4001);
    assert_true(living(c, n2));
    assert_false(living(c, n3));
    assert_int_equal(vote(c, n1, n2, false), STINT_OK); /* it was heard: as ever */
    assert_false(living(c, n2));
}

/* Nobody but the authority has reached it: that was not answered by its coming. */
static void
test_what_others_say_of_a_member_stays_when_it_is_back(void **state)
{
    struct court *c = *state;
    (void)found(c);
    struct node_ref n2 = join(c, 2), n3 = join(c, 3);
    restart(c);
    (void)join(c, 1);
    assert_int_equal(vote(c, n3, n2, false), STINT_OK);
    assert_true(living(c, n2));
    authority_contact(c->a, n2, 0, c->now);
    tick(c, 1);
    assert_false(living(c, n2));
}

static void
test_an_operator_may_evict(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c), n2 = join(c, 2);
    stint_StoreRequest r = request(c, stint_STORE_DECLARE_DEAD);
    about(&r, n2);
    assert_int_equal(ask(c, node(n1), &r), STINT_NOT_AUTHORISED);
    assert_int_equal(ask(c, operator, &r), STINT_OK);
    assert_false(living(c, n2));
    assert_int_equal(ask(c, operator, &r), STINT_NOT_FOUND);
    about(&r, n1);
    assert_int_equal(ask(c, operator, &r), STINT_REFUSED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_cluster_is_founded_once_and_only_here),
        CASE(test_a_node_joins_is_active_when_it_says_so_and_leaves),
        CASE(test_the_same_node_comes_back_at_once_and_another_of_its_name_does_not),
        CASE(test_a_secret_may_change_with_a_join),
        CASE(test_a_founder_that_restarts_reopens_its_store),
        CASE(test_joins_that_cannot_be),
        CASE(test_a_full_cluster_forgets_the_dead_first),
        CASE(test_one_vote_suffices_among_three),
        CASE(test_among_many_a_member_in_contact_needs_two_votes),
        CASE(test_a_silent_member_needs_one_vote_and_silence_alone_is_none),
        CASE(test_members_have_the_lease_to_find_a_restarted_authority),
        CASE(test_what_others_say_of_a_member_stays_when_it_is_back),
        CASE(test_an_operator_may_evict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
