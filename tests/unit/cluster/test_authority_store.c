/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authority and its store: names, claims, revocations; and stores that fail, stay silent,
 * or were changed by others.
 */
#include "court.h"

static void
test_names_are_unique_and_end_with_their_channel(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c), n2 = join(c, 2);
    uint64_t number = c->view_number;
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_PUT, "inbox", 7), STINT_OK);
    uint32_t commits = c->commits;
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_PUT, "inbox", 7), STINT_OK);
    assert_int_equal(c->commits, commits);
    assert_int_equal(name_op(c, n2, stint_STORE_NAME_PUT, "inbox", 8), STINT_EXISTS);
    assert_int_equal(name_op(c, n2, stint_STORE_NAME_PUT, "in box", 8), STINT_INVALID);
    /* it hosts it now */
    assert_int_equal(name_op(c, n2, stint_STORE_NAME_PUT, "inbox", 7), STINT_OK);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "inbox", 0), STINT_OK);
    assert_int_equal(last(c)->names_count, 1);
    assert_memory_equal(last(c)->names[0].node, n2.id.bytes, 16);
    /* of another channel: nothing */
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_DROP, "inbox", 8), STINT_OK);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "inbox", 0), STINT_OK);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_DROP, "inbox", 7), STINT_OK);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "inbox", 0), STINT_NOT_FOUND);
    assert_int_equal(c->view_number, number); /* names are no change of the view */
}

static void
test_names_are_listed_in_pages_in_order(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c);
    for (uint32_t i = 0; i < 40; i++) {
        char name[16];
        (void)text_format(name, sizeof name, "c%02u", (i * 17) % 40);
        assert_int_equal(name_op(c, n1, stint_STORE_NAME_PUT, name, 500 + i), STINT_OK);
    }
    char after[64] = "";
    uint32_t seen = 0;
    bool more = true;
    while (more) {
        assert_int_equal(name_op(c, n1, stint_STORE_NAME_LIST, after, 0), STINT_OK);
        const stint_StoreReply *reply = last(c);
        for (uint32_t i = 0; i < reply->names_count; i++) {
            char name[16];
            (void)text_format(name, sizeof name, "c%02u", seen++);
            assert_string_equal(reply->names[i].name, name);
            (void)text_copy(after, sizeof after, name);
        }
        more = reply->more;
    }
    assert_int_equal(seen, 40);
    /* a page that ends with the last name but one says that there is more */
    uint32_t page = sizeof last(c)->names / sizeof last(c)->names[0];
    (void)text_format(after, sizeof after, "c%02u", 40 - page - 2);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_LIST, after, 0), STINT_OK);
    assert_true(last(c)->names_count == page && last(c)->more);
    (void)text_format(after, sizeof after, "c%02u", 40 - page - 1);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_LIST, after, 0), STINT_OK);
    assert_true(last(c)->names_count == page && !last(c)->more);
}

static void
test_names_of_a_dead_host_wait_for_whoever_has_the_channel_now(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c), n2 = join(c, 2), n3 = join(c, 3);
    /* moved to n3 since */
    assert_int_equal(name_op(c, n2, stint_STORE_NAME_PUT, "moved", 7), STINT_OK);
    assert_int_equal(name_op(c, n2, stint_STORE_NAME_PUT, "lost", 8), STINT_OK);
    assert_int_equal(vote(c, n3, n2, false), STINT_OK);
    uint64_t number = c->view_number;
    assert_int_equal(heartbeat(c, n3, number - 1), STINT_OK);
    tick(c, 1000); /* n1 is the authority's own node: it has installed what it announced */
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "lost", 0), STINT_OK);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_PUT, "lost", 9), STINT_EXISTS);
    /* before it reports the view */
    assert_int_equal(name_op(c, n3, stint_STORE_NAME_PUT, "moved", 7), STINT_OK);
    assert_int_equal(heartbeat(c, n3, number), STINT_OK);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "lost", 0), STINT_NOT_FOUND);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "moved", 0), STINT_OK);
    assert_memory_equal(last(c)->names[0].node, n3.id.bytes, 16);
    restart(c);
    n1 = join(c, 1);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "moved", 0), STINT_OK);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_PUT, "lost", 9), STINT_OK);
}

static void
test_names_of_channels_that_moved_to_a_dead_host_end_too(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c), n2 = join(c, 2), n3 = join(c, 3);
    assert_int_equal(name_op(c, n3, stint_STORE_NAME_PUT, "lost", 7), STINT_OK); /* it moved to n2 since */
    assert_int_equal(name_op(c, n3, stint_STORE_NAME_PUT, "here", 8), STINT_OK);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_PUT, "mine", 9), STINT_OK);
    assert_int_equal(vote(c, n1, n2, false), STINT_OK);
    uint64_t number = c->view_number;
    assert_int_equal(name_op(c, n3, stint_STORE_NAME_PUT, "here", 8), STINT_OK);
    assert_int_equal(heartbeat(c, n3, number), STINT_OK);
    authority_own_names(c->a, true);
    tick(c, 1000);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "lost", 0), STINT_OK); /* n1 has not said all of its own */
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_PUT, "mine", 9), STINT_OK);
    authority_own_names(c->a, false);
    tick(c, 1000);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "lost", 0), STINT_NOT_FOUND);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "here", 0), STINT_OK);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "mine", 0), STINT_OK);
}

static void
test_names_of_a_node_whose_place_another_takes_are_doubted(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c), n2 = join(c, 2);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_PUT, "moved", 7), STINT_OK); /* to n2 since */
    tick(c, 60000); /* n2 is silent */
    stint_StoreRequest r = join_request(c, 3, stint_STORE_JOIN);
    (void)text_copy(r.name, sizeof r.name, "n2");
    assert_int_equal(ask(c, (struct authority_from){ .token = 3 }, &r), STINT_OK);
    assert_false(living(c, n2));
    assert_int_equal(heartbeat(c, test_ref(3, last(c)->inc), c->view_number), STINT_OK);
    tick(c, 1000);
    tick(c, 1000);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "moved", 0), STINT_NOT_FOUND);
}

static void
test_many_names_of_a_dead_host_go_in_several_commits(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c), n2 = join(c, 2);
    for (uint32_t i = 0; i < 3 * AUTHORITY_WRITES_MAX; i++) {
        char name[16];
        (void)text_format(name, sizeof name, "c%u", i);
        assert_int_equal(name_op(c, n2, stint_STORE_NAME_PUT, name, 500 + i), STINT_OK);
    }
    c->reply_count = 0;
    restart(c); /* which hosts are gone is found again from the rows */
    n1 = join(c, 1);
    authority_contact(c->a, n2, 0, c->now);
    assert_int_equal(vote(c, n1, n2, false), STINT_OK);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_LIST, "", 0), STINT_OK);
    assert_true(last(c)->names_count > 0); /* not in the very step that announces the view */
    tick(c, 1);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_LIST, "", 0), STINT_OK);
    assert_int_equal(last(c)->names_count, 0);
}

static void
test_a_moved_export_is_claimed_once(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c), n2 = join(c, 2);
    stint_StoreRequest r = request(c, stint_STORE_CLAIM);
    assert_int_equal(ask(c, node(n1), &r), STINT_INVALID);
    memcpy(r.claim, test_id(77).bytes, 16);
    stint_StoreRequest question = request(c, stint_STORE_CLAIM);
    memcpy(question.claim, r.claim, 16);
    question.off = true;
    assert_int_equal(ask(c, node(n2), &question), STINT_OK); /* takes nothing */
    assert_int_equal(ask(c, node(n1), &r), STINT_OK);
    question = request(c, stint_STORE_CLAIM);
    memcpy(question.claim, r.claim, 16);
    question.off = true;
    assert_int_equal(ask(c, node(n2), &question), STINT_EXISTS);
    assert_int_equal(ask(c, node(n1), &r), STINT_OK); /* a retry */
    stint_StoreRequest other = request(c, stint_STORE_CLAIM);
    memcpy(other.claim, test_id(77).bytes, 16);
    assert_int_equal(ask(c, node(n2), &other), STINT_EXISTS);
    restart(c);
    assert_int_equal(ask(c, node(n2), &other), STINT_EXISTS);
    assert_int_equal(ask(c, node(n2), &r), STINT_OK);
}

static void
test_revocations_and_the_balancer_are_in_the_view(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c);
    stint_StoreRequest r = request(c, stint_STORE_REVOKE);
    r.serial = 0xfedcba9876543210;
    assert_int_equal(ask(c, node(n1), &r), STINT_NOT_AUTHORISED);
    assert_int_equal(ask(c, operator, &r), STINT_OK);
    assert_true(view_is_revoked(c->view, r.serial));
    uint64_t number = c->view_number;
    assert_int_equal(ask(c, operator, &r), STINT_OK);
    assert_int_equal(c->view_number, number);
    for (uint32_t i = 1; i < VIEW_REVOKED_MAX; i++) {
        r.serial = i;
        c->reply_count = 0;
        assert_int_equal(ask(c, operator, &r), STINT_OK);
    }
    r.serial = 5000;
    assert_int_equal(ask(c, operator, &r), STINT_LIMIT);
    r = request(c, stint_STORE_BALANCER);
    r.off = true;
    assert_int_equal(ask(c, operator, &r), STINT_OK);
    assert_false(c->view->balancer_on);
    restart(c);
    (void)join(c, 1);
    assert_false(c->view->balancer_on);
    assert_true(view_is_revoked(c->view, 0xfedcba9876543210));
}

static void
test_a_store_that_refuses_changes_nothing(void **state)
{
    struct court *c = *state;
    (void)found(c);
    c->mood = FAILS;
    stint_StoreRequest r = join_request(c, 2, stint_STORE_JOIN);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_STORE_DOWN);
    assert_int_equal(view_living(c->view), 1);
    c->mood = TAKES;
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_OK);
}

static void
test_an_unknown_outcome_is_looked_up(void **state)
{
    struct court *c = *state;
    (void)found(c);
    c->mood = TAKES_SILENTLY;
    stint_StoreRequest r = join_request(c, 2, stint_STORE_JOIN);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_OK);
    assert_int_equal(last(c)->inc, 2);
    assert_int_equal(view_living(c->view), 2);
    c->mood = FAILS_SILENTLY;
    r = join_request(c, 3, stint_STORE_JOIN);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_STORE_DOWN);
    authority_view(c->a, c->view);
    assert_int_equal(view_living(c->view), 2);
    c->mood = TAKES_SILENTLY;
    assert_int_equal(name_op(c, test_ref(2, 2), stint_STORE_NAME_PUT, "inbox", 7), STINT_OK);
    c->mood = FAILS_SILENTLY;
    assert_int_equal(name_op(c, test_ref(2, 2), stint_STORE_NAME_PUT, "outbox", 8),
                     STINT_STORE_DOWN);
    assert_int_equal(name_op(c, test_ref(2, 2), stint_STORE_NAME_DROP, "inbox", 7),
                     STINT_STORE_DOWN);
    stint_StoreRequest owned = request(c, stint_STORE_NAME_PUT); /* a row that is there, with another value */
    (void)text_copy(owned.name, sizeof owned.name, "inbox");
    memcpy(owned.channel, test_id(7).bytes, 16);
    memcpy(owned.owner, test_id(9).bytes, 16);
    assert_int_equal(ask(c, node(test_ref(2, 2)), &owned), STINT_STORE_DOWN);
    c->mood = TAKES;
    assert_int_equal(ask(c, node(test_ref(2, 2)), &owned), STINT_OK);
    assert_int_equal(name_op(c, test_ref(2, 2), stint_STORE_NAME_GET, "inbox", 0), STINT_OK);
    assert_memory_equal(last(c)->names[0].owner, test_id(9).bytes, 16);
    c->mood = TAKES_SILENTLY;
    assert_int_equal(name_op(c, test_ref(2, 2), stint_STORE_NAME_DROP, "inbox", 7), STINT_OK);
    assert_int_equal(name_op(c, test_ref(2, 2), stint_STORE_NAME_GET, "inbox", 0),
                     STINT_NOT_FOUND);
}

static void
test_an_unreadable_store_leaves_it_unknown_until_it_can_be_read(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c);
    c->mood = TAKES_SILENTLY;
    c->unreadable = true;
    stint_StoreRequest r = join_request(c, 2, stint_STORE_JOIN);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_OUTCOME_UNKNOWN);
    assert_int_equal(heartbeat(c, n1, 0), STINT_STORE_DOWN);
    tick(c, 1000);
    assert_int_equal(heartbeat(c, n1, 0), STINT_STORE_DOWN);
    c->unreadable = false;
    c->mood = TAKES;
    assert_true(authority_deadline(c->a) <= c->now + 1000 * TEST_MS);
    tick(c, 1000);
    assert_int_equal(view_living(c->view), 2); /* it was taken, and everybody hears of it now */
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_OK);
    assert_int_equal(last(c)->inc, 2);
}

static void
test_another_writer_stops_the_authority(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c);
    c->mood = HOLDS;
    stint_StoreRequest r = join_request(c, 2, stint_STORE_JOIN);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_STATUS_COUNT_);
    /* of another commit */
    authority_committed(c->a, c->held.number + 1, STORE_COMMITTED, c->now);
    authority_committed(c->a, c->held.number, STORE_CONFLICT, c->now);
    pump(c);
    assert_true(c->fenced);
    assert_int_equal(last(c)->status, STINT_OUTCOME_UNKNOWN);
    assert_int_equal(heartbeat(c, n1, 0), STINT_FENCED);
    tick(c, 60000);
    assert_int_equal(authority_deadline(c->a), UINT64_MAX);
}

static void
test_a_store_that_went_on_without_us_stops_the_authority(void **state)
{
    struct court *c = *state;
    (void)found(c);
    c->mood = FAILS_SILENTLY;
    c->view_number = 5;
    stint_StoreRequest r = join_request(c, 2, stint_STORE_JOIN);
    assert_int_equal(ask(c, (struct authority_from){ 0 }, &r), STINT_OUTCOME_UNKNOWN);
    assert_true(c->fenced);
}

static void
test_requests_wait_in_order_and_are_bounded(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c);
    c->mood = HOLDS;
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_PUT, "inbox", 7), STINT_STATUS_COUNT_);
    uint32_t before = c->reply_count;
    for (uint32_t i = 0; i < AUTHORITY_WAITING_MAX; i++) {
        assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "inbox", 0), STINT_STATUS_COUNT_);
    }
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "inbox", 0), STINT_BUSY);
    store_take(c, &c->held);
    c->mood = TAKES;
    authority_committed(c->a, c->held.number, STORE_COMMITTED, c->now);
    pump(c);
    assert_int_equal(c->reply_count, before + 1 + 1 + AUTHORITY_WAITING_MAX);
    for (uint32_t i = before + 1; i < c->reply_count; i++) {
        /* each read what was written before it */
        assert_int_equal(c->replies[i].status, STINT_OK);
    }
}

/* More reads than there is room for answers, before anybody takes one: the rest is dropped, to be asked again. */
static void
test_a_burst_of_reads_is_bounded(void **state)
{
    struct court *c = *state;
    struct node_ref n1 = found(c);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_PUT, "inbox", 7), STINT_OK);
    uint32_t before = c->reply_count;
    struct authority_from from = node(n1);
    stint_StoreRequest r = request(c, stint_STORE_NAME_GET);
    text_copy(r.name, sizeof r.name, "inbox");
    for (uint32_t i = 0; i < 4 * AUTHORITY_WAITING_MAX; i++) {
        authority_request(c->a, from, &r, c->now);
    }
    pump(c);
    assert_in_range(c->reply_count, before + AUTHORITY_WAITING_MAX, before + AUTHORITY_WAITING_MAX + 16);
    assert_int_equal(name_op(c, n1, stint_STORE_NAME_GET, "inbox", 0), STINT_OK);
}

static void
test_rows_that_cannot_be_right_are_refused(void **state)
{
    struct court *c = *state;
    (void)found(c);
    (void)join(c, 2);
    for (uint32_t i = 0; i < c->row_count; i++) {
        for (uint32_t how = 0; how < 4; how++) {
            struct kept_row good = c->rows[i];
            c->rows[i].kind = how == 0 ? 9 : c->rows[i].kind;
            c->rows[i].key_size = how == 1 ? good.key_size + 1 : good.key_size;
            c->rows[i].value_size -= how == 2 ? 1 : 0;
            c->rows[i].value[0] = how == 3 ? 0xff : good.value[0];
            struct authority_config config = { .mem = &c->mem, .node = test_id(1) };
            authority_free(c->a);
            c->a = authority_new(&config);
            assert_int_equal(store_load(c), STINT_IO);
            pump(c);
            assert_true(c->fenced);
            c->fenced = false;
            c->rows[i] = good;
        }
    }
    for (uint32_t rows = 0; rows < 2; rows++) { /* a number without rows, rows without a number */
        c->view_number = rows == 0 ? 4 : 0;
        uint32_t kept = c->row_count;
        c->row_count = rows == 0 ? 0 : kept;
        authority_free(c->a);
        c->a = authority_new(&(struct authority_config){ .mem = &c->mem, .node = test_id(1) });
        assert_int_equal(store_load(c), STINT_IO);
        c->row_count = kept;
    }
}

/* Each row is right, but a member cannot have joined at a view that is to come. */
static void
test_rows_that_do_not_agree_are_refused(void **state)
{
    struct court *c = *state;
    (void)found(c);
    uint64_t inc = join(c, 2).inc;
    for (uint64_t view = inc - 1; view <= inc; view++) {
        authority_free(c->a);
        c->a = authority_new(&(struct authority_config){ .mem = &c->mem, .node = test_id(1) });
        c->view_number = view;
        assert_int_equal(store_load(c), view < inc ? STINT_IO : STINT_OK);
        pump(c);
        assert_int_equal(c->fenced, view < inc);
        c->fenced = false;
    }
    struct kept_row *twin = &c->rows[c->row_count]; /* a second living member of that name */
    for (uint32_t i = 0; i < c->row_count; i++) {
        if (c->rows[i].key_size == 16 && memcmp(c->rows[i].key, test_id(2).bytes, 16) == 0) {
            *twin = c->rows[i];
        }
    }
    memcpy(twin->key, test_id(3).bytes, 16);
    for (size_t i = 0; i + 16 <= twin->value_size; i++) {
        if (memcmp(twin->value + i, test_id(2).bytes, 16) == 0) {
            memcpy(twin->value + i, test_id(3).bytes, 16);
        }
    }
    c->row_count++;
    authority_free(c->a);
    c->a = authority_new(&(struct authority_config){ .mem = &c->mem, .node = test_id(1) });
    assert_int_equal(store_load(c), STINT_IO);
    pump(c);
    assert_true(c->fenced);
}

/* A node does so for what it hosts when the view has lost somebody; until then it does not report. */
static bool
say_names_again(struct court *c, struct node_ref self, const uint32_t *names, uint32_t count)
{
    bool all = true;
    c->mood = TAKES;
    for (uint32_t i = 0; i < count; i++) {
        char name[8];
        (void)text_format(name, sizeof name, "x%u", i);
        enum stint_status status = names[i] == 0 ? STINT_OK
                                   : name_op(c, self, stint_STORE_NAME_PUT, name, names[i]);
        assert_true(status == STINT_OK || status == STINT_STORE_DOWN);
        all = all && status == STINT_OK;
    }
    authority_own_names(c->a, !all);
    return all;
}

/*
 * Random requests, moods and restarts: what was answered OK is there afterwards, and nothing
 * ever goes backwards.
 */
static void
test_whatever_the_store_does_answers_are_true(void **state)
{
    struct court *c = *state;
    struct prng prng;
    uint64_t seed = 20260;
    printf("seed %llu\n", (unsigned long long)seed);
    prng_init(&prng, seed);
    struct node_ref self = found(c);
    struct node_ref nodes[8] = { { { { 0 } }, 0 } };
    uint32_t names[8] = { 0 }; /* channel of name i as last answered OK, 0 none */
    uint64_t said = 0;         /* the view in which they were put again */
    for (uint32_t step = 0; step < 20000; step++) {
        c->reply_count = 0;
        uint64_t before = c->view_number;
        c->mood = prng_below(&prng, 3) == 0 ? (enum mood)prng_below(&prng, HOLDS) : TAKES;
        uint32_t n = 2 + (uint32_t)prng_below(&prng, 6);
        uint32_t what = (uint32_t)prng_below(&prng, 10);
        if (what == 0) {
            c->mood = TAKES;
            restart(c);
            self = join(c, 1);
        } else if (what < 4) {
            stint_StoreRequest r = join_request(c, n, stint_STORE_JOIN);
            enum stint_status status = ask(c, (struct authority_from){ 0 }, &r);
            assert_true(status == STINT_OK || status == STINT_STORE_DOWN);
            if (status == STINT_OK) {
                assert_true(last(c)->inc > nodes[n].inc);
                nodes[n] = test_ref(n, last(c)->inc);
                assert_true(living(c, nodes[n]));
            }
        } else if (what == 4 && nodes[n].inc != 0) {
            if (vote(c, self, nodes[n], false) == STINT_OK) {
                tick(c, 6001);
            }
        } else {
            char name[8];
            (void)text_format(name, sizeof name, "x%u", n);
            uint32_t channel = 1 + (uint32_t)prng_below(&prng, 3);
            bool drop = prng_below(&prng, 3) == 0;
            enum stint_status status = name_op(
                c, self, drop ? stint_STORE_NAME_DROP : stint_STORE_NAME_PUT, name, channel);
            if (status == STINT_OK && drop) {
                names[n] = names[n] == channel ? 0 : names[n];
            } else if (status == STINT_OK) {
                assert_true(names[n] == 0 || names[n] == channel);
                names[n] = channel;
            } else {
                assert_true((status == STINT_EXISTS && names[n] != 0 && names[n] != channel)
                            || status == STINT_STORE_DOWN);
            }
        }
        assert_true(c->view_number >= before);
        assert_false(c->fenced);
        if (c->view_number != said && say_names_again(c, self, names, 8)) {
            said = c->view_number;
        }
        tick(c, 1000);
    }
    assert_true(c->commits > 5000 && c->loads > 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_names_are_unique_and_end_with_their_channel),
        CASE(test_names_are_listed_in_pages_in_order),
        CASE(test_names_of_a_dead_host_wait_for_whoever_has_the_channel_now),
        CASE(test_names_of_channels_that_moved_to_a_dead_host_end_too),
        CASE(test_names_of_a_node_whose_place_another_takes_are_doubted),
        CASE(test_many_names_of_a_dead_host_go_in_several_commits),
        CASE(test_a_moved_export_is_claimed_once),
        CASE(test_revocations_and_the_balancer_are_in_the_view),
        CASE(test_a_store_that_refuses_changes_nothing),
        CASE(test_an_unknown_outcome_is_looked_up),
        CASE(test_an_unreadable_store_leaves_it_unknown_until_it_can_be_read),
        CASE(test_another_writer_stops_the_authority),
        CASE(test_a_store_that_went_on_without_us_stops_the_authority),
        CASE(test_requests_wait_in_order_and_are_bounded),
        CASE(test_a_burst_of_reads_is_bounded),
        CASE(test_rows_that_cannot_be_right_are_refused),
        CASE(test_rows_that_do_not_agree_are_refused),
        CASE(test_whatever_the_store_does_answers_are_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
