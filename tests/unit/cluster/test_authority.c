/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authority with a store of a few lines beside it: it keeps rows, and does with each commit
 * what the test says (takes it, refuses it, or leaves open whether it took it).
 */
#include "cluster_test.h"

#include "base/ids.h"
#include "base/span.h"
#include "cluster/authority.h"

#define ROWS_MAX 600
#define REPLIES_MAX 600

struct kept_row {
    uint8_t kind;
    uint8_t key[64], value[512];
    size_t key_size, value_size;
};

/* How the store treats the next commits. */
enum mood { TAKES, FAILS, TAKES_SILENTLY, FAILS_SILENTLY, HOLDS };

struct court {
    struct mem mem;
    struct authority *a;
    struct view *view;
    uint64_t now, view_number;
    struct kept_row rows[ROWS_MAX];
    uint32_t row_count;
    enum mood mood;
    bool unreadable;
    bool loading;
    struct store_commit held;
    uint32_t commits, views, loads;
    bool fenced;
    stint_StoreReply replies[REPLIES_MAX];
    uint64_t tokens[REPLIES_MAX];
    uint32_t reply_count;
    uint32_t ids;
};

static struct kept_row *
row_find(struct court *c, const struct store_row *row)
{
    for (uint32_t i = 0; i < c->row_count; i++) {
        if (c->rows[i].kind == row->kind
            && span_equal(row->key, span_of(c->rows[i].key, c->rows[i].key_size))) {
            return &c->rows[i];
        }
    }
    return NULL;
}

static void
store_take(struct court *c, const struct store_commit *commit)
{
    assert_int_equal(commit->expected_view, c->view_number);
    assert_true(commit->next_view == c->view_number || commit->next_view == c->view_number + 1);
    assert_true(commit->count > 0);
    for (size_t i = 0; i < commit->count; i++) {
        const struct store_row *row = &commit->writes[i].row;
        struct kept_row *kept = row_find(c, row);
        if (commit->writes[i].remove) {
            assert_non_null(kept);
            *kept = c->rows[--c->row_count];
            continue;
        }
        if (kept == NULL) {
            assert_true(c->row_count < ROWS_MAX);
            kept = &c->rows[c->row_count++];
        } else {
            /* a write that writes nothing */
            assert_false(span_equal(row->value, span_of(kept->value, kept->value_size)));
        }
        kept->kind = row->kind;
        kept->key_size = row->key.size;
        kept->value_size = row->value.size;
        bytes_copy(kept->key, row->key.data, row->key.size);
        bytes_copy(kept->value, row->value.data, row->value.size);
    }
    c->view_number = commit->next_view;
    c->commits++;
}

static enum stint_status
store_load(struct court *c)
{
    static struct store_row rows[ROWS_MAX];
    char error[160] = "";
    for (uint32_t i = 0; i < c->row_count; i++) {
        const struct kept_row *k = &c->rows[i];
        rows[i] = (struct store_row){ k->kind, span_of(k->key, k->key_size),
                                      span_of(k->value, k->value_size) };
    }
    c->loads++;
    enum store_result result = c->unreadable ? STORE_FAILED : STORE_COMMITTED;
    enum stint_status status = authority_load(c->a, result, rows, c->row_count, c->view_number,
                                              1, c->now, error, sizeof error);
    assert_true(status != STINT_IO || error[0] != '\0');
    return status;
}

static void
store_commit(struct court *c, const struct store_commit *commit)
{
    switch (c->mood) {
    case TAKES:
        store_take(c, commit);
        authority_committed(c->a, commit->number, STORE_COMMITTED, c->now);
        break;
    case FAILS:
        authority_committed(c->a, commit->number, STORE_FAILED, c->now);
        break;
    case TAKES_SILENTLY:
        store_take(c, commit);
        authority_committed(c->a, commit->number, STORE_UNKNOWN, c->now);
        break;
    case FAILS_SILENTLY:
        authority_committed(c->a, commit->number, STORE_UNKNOWN, c->now);
        break;
    case HOLDS:
        c->held = *commit;
        break;
    }
}

static void
pump(struct court *c)
{
    struct authority_effect e;
    while (authority_next(c->a, &e)) {
        switch (e.kind) {
        case AUTHORITY_COMMIT:
            store_commit(c, &e.commit);
            break;
        case AUTHORITY_LOAD:
            c->loading = true;
            (void)!store_load(c);
            break;
        case AUTHORITY_REPLY:
            assert_true(c->reply_count < REPLIES_MAX);
            c->tokens[c->reply_count] = e.token;
            c->replies[c->reply_count++] = e.reply;
            break;
        case AUTHORITY_VIEW:
            c->views++;
            authority_view(c->a, c->view);
            assert_int_equal(c->view->number, c->view_number);
            break;
        case AUTHORITY_FENCED:
            assert_true(e.text[0] != '\0');
            c->fenced = true;
            break;
        }
    }
}

static void
tick(struct court *c, uint64_t ms)
{
    c->now += ms * TEST_MS;
    authority_tick(c->a, c->now);
    pump(c);
}

static stint_StoreRequest
request(struct court *c, stint_StoreOp op)
{
    stint_StoreRequest r = stint_StoreRequest_init_zero;
    struct stint_id id = test_id(100000 + ++c->ids);
    memcpy(r.id, id.bytes, 16);
    r.op = op;
    return r;
}

static void
about(stint_StoreRequest *r, struct node_ref node)
{
    memcpy(r->node, node.id.bytes, 16);
    r->inc = node.inc;
}

/* Sends and returns the status of the reply that must have come. */
static enum stint_status
ask(struct court *c, struct authority_from from, const stint_StoreRequest *r)
{
    uint32_t before = c->reply_count;
    authority_request(c->a, from, r, c->now);
    pump(c);
    if (c->reply_count == before) {
        return STINT_STATUS_COUNT_; /* no answer yet */
    }
    const stint_StoreReply *reply = &c->replies[c->reply_count - 1];
    assert_memory_equal(reply->id, r->id, 16);
    assert_int_equal(reply->op, r->op);
    assert_true((reply->status == STINT_OK) == (reply->detail[0] == '\0'));
    return (enum stint_status)reply->status;
}

static const stint_StoreReply *
last(const struct court *c)
{
    return &c->replies[c->reply_count - 1];
}

static struct authority_from
node(struct node_ref ref)
{
    return (struct authority_from){ .token = ref.id.bytes[4],
                                    .ref = ref,
                                    .local = ref.id.bytes[4] == 1 };
}

static const struct authority_from operator = { .token = 99, .operates = true };

static stint_StoreRequest
join_request(struct court *c, uint32_t n, stint_StoreOp op)
{
    stint_StoreRequest r = request(c, op);
    about(&r, test_ref(n, 0));
    (void)text_format(r.name, sizeof r.name, "n%u", n);
    (void)text_format(r.endpoint, sizeof r.endpoint, "tcp://127.0.0.1:%u", 7000 + n);
    (void)text_copy(r.version, sizeof r.version, "0.1.0");
    r.secret[0] = (uint8_t)n;
    r.secret[31] = 0x77;
    return r;
}

static struct node_ref
join(struct court *c, uint32_t n)
{
    stint_StoreRequest r = join_request(c, n, stint_STORE_JOIN);
    assert_int_equal(ask(c, (struct authority_from){ .token = n, .local = n == 1 }, &r),
                     STINT_OK);
    struct node_ref ref = test_ref(n, last(c)->inc);
    assert_int_equal(ref.inc, c->view_number);
    if (n != 1) {
        r = request(c, stint_STORE_SET_STATE);
        about(&r, ref);
        r.state = stint_MEMBER_ACTIVE;
        assert_int_equal(ask(c, node(ref), &r), STINT_OK);
    }
    return ref;
}

static enum stint_status
vote(struct court *c, struct node_ref voter, struct node_ref about_whom, bool off)
{
    stint_StoreRequest r = request(c, stint_STORE_VOTE);
    about(&r, about_whom);
    r.off = off;
    return ask(c, node(voter), &r);
}

static enum stint_status
heartbeat(struct court *c, struct node_ref from, uint64_t installed)
{
    stint_StoreRequest r = request(c, stint_STORE_HEARTBEAT);
    r.installed = installed;
    return ask(c, node(from), &r);
}

static enum stint_status
name_op(struct court *c, struct node_ref from, stint_StoreOp op, const char *name,
        uint32_t channel)
{
    stint_StoreRequest r = request(c, op);
    (void)text_copy(r.name, sizeof r.name, name);
    memcpy(r.channel, test_id(channel).bytes, 16);
    return ask(c, node(from), &r);
}

static bool
living(struct court *c, struct node_ref ref)
{
    authority_view(c->a, c->view);
    return view_has(c->view, ref);
}

static void
begin(struct court *c)
{
    struct authority_config config = { .mem = &c->mem, .node = test_id(1), .seed = 42 };
    c->a = authority_new(&config);
    assert_non_null(c->a);
    assert_int_equal(store_load(c), STINT_OK);
    pump(c);
}

static void
restart(struct court *c)
{
    authority_free(c->a);
    begin(c);
}

static int
setup(void **state)
{
    struct court *c = calloc(1, sizeof *c);
    test_mem(&c->mem);
    c->view = view_new(&c->mem);
    c->now = TEST_S;
    begin(c);
    *state = c;
    return 0;
}

static int
teardown(void **state)
{
    struct court *c = *state;
    authority_free(c->a);
    view_free(c->view);
    assert_int_equal(c->mem.used, 0);
    free(c);
    return 0;
}

static struct node_ref
found(struct court *c)
{
    stint_StoreRequest r = join_request(c, 1, stint_STORE_FOUND);
    assert_int_equal(ask(c, (struct authority_from){ .local = true }, &r), STINT_OK);
    return test_ref(1, last(c)->inc);
}

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
    assert_int_equal(heartbeat(c, n1, number), STINT_OK);
    assert_int_equal(heartbeat(c, n3, number - 1), STINT_OK);
    tick(c, 1000);
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
    assert_int_equal(vote(c, n1, n2, false), STINT_OK);
    assert_int_equal(heartbeat(c, n1, c->view_number), STINT_OK);
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
    assert_int_equal(ask(c, node(n1), &r), STINT_OK);
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
        tick(c, 1000);
    }
    assert_true(c->commits > 5000 && c->loads > 1000);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
        CASE(test_an_operator_may_evict),
        CASE(test_names_are_unique_and_end_with_their_channel),
        CASE(test_names_are_listed_in_pages_in_order),
        CASE(test_names_of_a_dead_host_wait_for_whoever_has_the_channel_now),
        CASE(test_many_names_of_a_dead_host_go_in_several_commits),
        CASE(test_a_moved_export_is_claimed_once),
        CASE(test_revocations_and_the_balancer_are_in_the_view),
        CASE(test_a_store_that_refuses_changes_nothing),
        CASE(test_an_unknown_outcome_is_looked_up),
        CASE(test_an_unreadable_store_leaves_it_unknown_until_it_can_be_read),
        CASE(test_another_writer_stops_the_authority),
        CASE(test_a_store_that_went_on_without_us_stops_the_authority),
        CASE(test_requests_wait_in_order_and_are_bounded),
        CASE(test_rows_that_cannot_be_right_are_refused),
        CASE(test_whatever_the_store_does_answers_are_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
