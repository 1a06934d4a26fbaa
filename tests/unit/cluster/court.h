/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An authority with a store of a few lines beside it: it keeps rows, and does with each commit
 * what the test says (takes it, refuses it, or leaves open whether it took it).
 */
#ifndef STINT_TESTS_CLUSTER_COURT_H
#define STINT_TESTS_CLUSTER_COURT_H

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

static inline struct kept_row *
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

static inline void
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

static inline enum stint_status
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

static inline void
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

static inline void
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

static inline void
tick(struct court *c, uint64_t ms)
{
    c->now += ms * TEST_MS;
    authority_tick(c->a, c->now);
    pump(c);
}

static inline stint_StoreRequest
request(struct court *c, stint_StoreOp op)
{
    stint_StoreRequest r = stint_StoreRequest_init_zero;
    struct stint_id id = test_id(100000 + ++c->ids);
    memcpy(r.id, id.bytes, 16);
    r.op = op;
    return r;
}

static inline void
about(stint_StoreRequest *r, struct node_ref node)
{
    memcpy(r->node, node.id.bytes, 16);
    r->inc = node.inc;
}

/* Sends and returns the status of the reply that must have come. */
static inline enum stint_status
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

static inline const stint_StoreReply *
last(const struct court *c)
{
    return &c->replies[c->reply_count - 1];
}

static inline struct authority_from
node(struct node_ref ref)
{
    return (struct authority_from){ .token = ref.id.bytes[4],
                                    .ref = ref,
                                    .local = ref.id.bytes[4] == 1 };
}

static const struct authority_from operator = { .token = 99, .operates = true };

static inline stint_StoreRequest
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

static inline struct node_ref
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

static inline enum stint_status
vote(struct court *c, struct node_ref voter, struct node_ref about_whom, bool off)
{
    stint_StoreRequest r = request(c, stint_STORE_VOTE);
    about(&r, about_whom);
    r.off = off;
    return ask(c, node(voter), &r);
}

static inline enum stint_status
heartbeat(struct court *c, struct node_ref from, uint64_t installed)
{
    stint_StoreRequest r = request(c, stint_STORE_HEARTBEAT);
    r.installed = installed;
    return ask(c, node(from), &r);
}

static inline enum stint_status
name_op(struct court *c, struct node_ref from, stint_StoreOp op, const char *name,
        uint32_t channel)
{
    stint_StoreRequest r = request(c, op);
    (void)text_copy(r.name, sizeof r.name, name);
    memcpy(r.channel, test_id(channel).bytes, 16);
    return ask(c, node(from), &r);
}

static inline bool
living(struct court *c, struct node_ref ref)
{
    authority_view(c->a, c->view);
    return view_has(c->view, ref);
}

static inline void
begin(struct court *c)
{
    struct authority_config config = { .mem = &c->mem, .node = test_id(1), .seed = 42 };
    c->a = authority_new(&config);
    assert_non_null(c->a);
    assert_int_equal(store_load(c), STINT_OK);
    pump(c);
}

static inline void
restart(struct court *c)
{
    authority_free(c->a);
    begin(c);
}

static inline int
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

static inline int
teardown(void **state)
{
    struct court *c = *state;
    authority_free(c->a);
    view_free(c->view);
    assert_int_equal(c->mem.used, 0);
    free(c);
    return 0;
}

static inline struct node_ref
found(struct court *c)
{
    stint_StoreRequest r = join_request(c, 1, stint_STORE_FOUND);
    assert_int_equal(ask(c, (struct authority_from){ .local = true }, &r), STINT_OK);
    return test_ref(1, last(c)->inc);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
