/* SPDX-License-Identifier: Apache-2.0 */
#include "lone_node.h"

#include <string.h>

#include "base/text.h"
#include "cluster/authority_table.h"
#include "core/node.h"
#include "kernel/code.h"
#include "specimen.h"

#define WALL_MS UINT64_C(1800000000000)

enum { ROWS_MAX = 512, PENDING_MAX = 4096, STEPS_MAX = 3000 };

/* An event that waits for its turn: steps do not nest. */
struct pending {
    struct node_event event;
    uint8_t *bytes;
};

struct lone {
    struct fuzz_memory memory;
    struct node *node;
    uint64_t now;
    bool exited, fenced;
    struct authority_change rows[ROWS_MAX];
    size_t row_count;
    uint64_t store_view;
    struct pending pending[PENDING_MAX];
    unsigned first, last;
    struct stranger strangers[STRANGERS];
    struct stranger acceptor; /* n2's end of the session that n1 opens */
    lone_got_fn *got;
    void *arg;
};

static const struct {
    enum cert_role role;
    const char *name;
} who_is[STRANGERS] = {
    { ROLE_NODE, "n2" }, { ROLE_CLIENT, "client" }, { ROLE_OPERATOR, "operator" }, { ROLE_OBSERVER, "observer" },
};

/* Keys are made once: they are constants. */
static const struct identity *
identity_of(int who)
{
    static struct identity identities[STRANGERS + 1];
    static bool made;
    for (int i = 0; !made && i <= STRANGERS; i++) {
        FUZZ_CHECK(cert_dev_identity(i < STRANGERS ? who_is[i].role : ROLE_NODE, i < STRANGERS ? who_is[i].name : "n1",
                                     &identities[i]) == STINT_OK);
    }
    made = true;
    return &identities[who];
}

struct stint_id
lone_member(enum stranger_kind who)
{
    return identity_of((int)who)->certificate.subject;
}

struct stint_id
lone_self(void)
{
    return identity_of(STRANGERS)->certificate.subject;
}

struct stint_id
lone_id(uint8_t byte)
{
    struct stint_id id;
    memset(id.bytes, byte, sizeof id.bytes);
    return id;
}

static struct session_time
session_now(const struct lone *l)
{
    return (struct session_time){ l->now, WALL_MS + l->now / LONE_MS };
}

/* ---- the store ---- */

static void
put_row(struct lone *l, const struct store_write *write)
{
    size_t at = 0;
    FUZZ_CHECK(write->row.key.size <= AUTHORITY_KEY_MAX && write->row.value.size <= AUTHORITY_VALUE_MAX);
    while (at < l->row_count && (l->rows[at].kind != write->row.kind ||
                                 !span_equal(span_of(l->rows[at].key, l->rows[at].key_size), write->row.key))) {
        at++;
    }
    if (write->remove) {
        if (at < l->row_count) {
            l->rows[at] = l->rows[--l->row_count];
        }
        return;
    }
    FUZZ_CHECK(at < ROWS_MAX);
    l->row_count += at == l->row_count;
    struct authority_change *row = &l->rows[at];
    row->kind = write->row.kind;
    row->key_size = write->row.key.size;
    row->value_size = write->row.value.size;
    bytes_copy(row->key, write->row.key.data, row->key_size);
    bytes_copy(row->value, write->row.value.data, row->value_size);
}

/* A cluster with two members; n1 comes back to it. */
static void
fill_store(struct lone *l)
{
    static struct authority_changes changes;
    changes.count = 0;
    FUZZ_CHECK(authority_write_meta(&changes, identity_of(STRANGERS)->certificate.subject, false));
    for (int i = 0; i < 2; i++) {
        struct authority_member m = {
            .member = { .ref = { identity_of(i == 0 ? STRANGERS : STRANGER_MEMBER)->certificate.subject, (uint64_t)i + 1 },
                        .state = stint_MemberState_MEMBER_ACTIVE }
        };
        m.request.bytes[0] = (uint8_t)(i + 1);
        text_format(m.member.name, sizeof m.member.name, "n%d", i + 1);
        text_format(m.member.endpoint, sizeof m.member.endpoint, "lone://n%d", i + 1);
        text_copy(m.member.version, sizeof m.member.version, "0.1.0");
        FUZZ_CHECK(authority_write_member(&changes, &m));
    }
    memcpy(l->rows, changes.changes, changes.count * sizeof l->rows[0]);
    l->row_count = changes.count;
    l->store_view = 2;
}

/* ---- events and effects ---- */

static void
push(struct lone *l, struct node_event event, struct stint_span bytes)
{
    FUZZ_CHECK(l->last - l->first < PENDING_MAX);
    struct pending *p = &l->pending[l->last++ % PENDING_MAX];
    p->event = event;
    p->bytes = bytes.size == 0 ? NULL : fuzz_copy(bytes);
    p->event.bytes = span_of(p->bytes, bytes.size);
}

static void
step(struct lone *l, struct node_event *event);

static void
push_load(struct lone *l)
{
    struct store_row rows[ROWS_MAX];
    for (size_t i = 0; i < l->row_count; i++) {
        const struct authority_change *c = &l->rows[i];
        rows[i] = (struct store_row){ c->kind, span_of(c->key, c->key_size), span_of(c->value, c->value_size) };
    }
    struct node_event event = { .kind = NODE_STORE_ROWS, .rows = rows, .row_count = l->row_count,
                                .store_view = l->store_view, .store_generation = 1 };
    step(l, &event);
}

static void
commit(struct lone *l, const struct store_commit *c)
{
    FUZZ_CHECK(c->expected_view == l->store_view && c->count <= AUTHORITY_WRITES_MAX);
    for (size_t i = 0; i < c->count; i++) {
        put_row(l, &c->writes[i]);
    }
    FUZZ_CHECK(c->next_view >= l->store_view); /* views never go back */
    l->store_view = c->next_view;
    push(l, (struct node_event){ .kind = NODE_STORE_DONE, .number = c->number, .result = STORE_COMMITTED }, span_of(NULL, 0));
}

static void
flush(struct lone *l, struct stranger *s, const struct identity *identity, bool inbound)
{
    struct stint_span frame;
    session_flush(s->session);
    while (session_output(s->session, session_now(l), &frame)) {
        struct node_event event = { .kind = NODE_RECEIVED, .link = s->link,
                                    .peer_key = inbound ? identity->curve_public : NULL };
        push(l, event, frame);
    }
}

static void
hand_out(struct lone *l, enum stranger_kind who, struct stint_span batch)
{
    struct envelope e;
    struct stint_span body;
    while (batch.size != 0 && envelope_next(&batch, &e, &body) == STINT_OK) {
        if (l->got != NULL) {
            l->got(l->arg, who, &e, body);
        }
    }
}

/* A frame over the link that n1 has opened to n2. */
static void
accept_frame(struct lone *l, uint64_t link, struct stint_span frame)
{
    struct stranger *s = &l->acceptor;
    struct stint_span batch = { NULL, 0 };
    struct session_refusal refusal = { 0 };
    struct session_key key;
    if (session_peek_hello(frame, &key)) {
        struct session_config config = { .mem = &s->memory.mem, .random = &s->random,
                                         .identity = identity_of(STRANGER_MEMBER), .incarnation = 2, .generation = 1,
                                         .view = 2 };
        struct session *made = NULL;
        s->link = link;
        if (session_accept(&config, frame, identity_of(STRANGERS)->curve_public, session_now(l), &made, &refusal) == STINT_OK) {
            session_free(s->session);
            s->session = made;
        }
    } else if (s->session != NULL && link == s->link) {
        (void)!session_receive(s->session, frame, identity_of(STRANGERS)->curve_public, session_now(l), &batch);
        hand_out(l, STRANGER_MEMBER, batch);
    }
    if (s->session != NULL) {
        flush(l, s, NULL, false);
    }
}

static void
deliver(struct lone *l, uint64_t link, struct stint_span frame)
{
    if ((link & NODE_LINK_INBOUND) == 0) {
        accept_frame(l, link, frame);
        return;
    }
    for (int i = 0; i < STRANGERS; i++) {
        struct stranger *s = &l->strangers[i];
        struct stint_span batch = { NULL, 0 };
        if (s->session != NULL && s->link == link) {
            (void)!session_receive(s->session, frame, NULL, session_now(l), &batch);
            hand_out(l, (enum stranger_kind)i, batch);
            flush(l, s, identity_of(i), true);
        }
    }
}

static void
carry_out(struct lone *l)
{
    const struct node_effect *e;
    bool load = false;
    while ((e = node_next_effect(l->node)) != NULL) {
        switch (e->kind) {
        case NODE_CONNECT:
            if (strcmp(e->endpoint, "lone://n2") == 0) { /* nobody is at other endpoints */
                push(l, (struct node_event){ .kind = NODE_LINK_UP, .link = e->link }, span_of(NULL, 0));
            }
            break;
        case NODE_SEND:
            FUZZ_CHECK(e->bytes.size <= LIMIT_FRAME);
            deliver(l, e->link, e->bytes);
            break;
        case NODE_STORE_COMMIT:
            commit(l, &e->commit);
            break;
        case NODE_STORE_LOAD:
            load = true;
            break;
        case NODE_LOG:
            FUZZ_CHECK(e->text != NULL && strchr(e->text, '\n') == NULL);
            break;
        case NODE_FENCED:
            l->fenced = true;
            break;
        case NODE_EXIT:
            FUZZ_CHECK(!l->exited);
            l->exited = true;
            break;
        default:
            break;
        }
    }
    if (load) {
        push_load(l);
    }
}

static void
step(struct lone *l, struct node_event *event)
{
    event->now_ns = l->now;
    event->wall_ms = WALL_MS + l->now / LONE_MS;
    if (!l->exited) {
        node_step(l->node, event);
        FUZZ_CHECK(l->memory.mem.used <= LONE_MEMORY_MAX);
        carry_out(l);
    }
}

static void
settle(struct lone *l)
{
    for (int i = 0; l->first != l->last; i++) {
        struct pending *p = &l->pending[l->first++ % PENDING_MAX];
        struct pending mine = *p;
        p->bytes = NULL;
        FUZZ_CHECK(i < 100000); /* else they talk for ever */
        step(l, &mine.event);
        free(mine.bytes);
    }
}

/* ---- time ---- */

static void
tick_sessions(struct lone *l)
{
    for (int i = 0; i < STRANGERS; i++) {
        if (l->strangers[i].session != NULL) {
            session_tick(l->strangers[i].session, session_now(l));
            flush(l, &l->strangers[i], identity_of(i), true);
        }
    }
    if (l->acceptor.session != NULL) {
        session_tick(l->acceptor.session, session_now(l));
        flush(l, &l->acceptor, NULL, false);
    }
}

void
lone_pass(struct lone *l, uint64_t ms)
{
    uint64_t until = l->now + ms * LONE_MS;
    for (int i = 0; i < STEPS_MAX && !l->exited; i++) {
        struct node_event event = { .kind = NODE_TIME };
        if (node_runnable(l->node)) {
            event = (struct node_event){ .kind = NODE_RUN, .budget = 64 };
            l->now += LONE_MS / 50;
        } else {
            uint64_t due = node_deadline(l->node), tick = l->now + 500 * LONE_MS;
            uint64_t at = due < tick ? due : tick;
            l->now = at > l->now ? (at < until ? at : until) : l->now + 1;
        }
        step(l, &event);
        tick_sessions(l);
        settle(l);
        if (l->now >= until) {
            break;
        }
    }
    l->now = l->now < until ? until : l->now;
}

/* ---- life ---- */

static void
spawn(struct lone *l, uint8_t id, const char *name, const struct stint_type *type, const void *locals)
{
    struct fuzz_memory memory;
    const struct code *code;
    struct stint_id tid = lone_id(id);
    struct buf args;
    buf_init(&args, fuzz_memory_begin(&memory, 0), TYPE_SIZE_MAX);
    FUZZ_CHECK(type_encode(type, locals, &args) == STINT_OK);
    FUZZ_CHECK(kernel_find_code(l->node->kernel, "specimen", name, &code) == STINT_OK);
    FUZZ_CHECK(kernel_spawn(l->node->kernel, code, buf_span(&args), KERNEL_NOTIFY, &tid) == STINT_OK);
    buf_fini(&args);
}

static void
settle_in(struct lone *l)
{
    struct stint_id cid = lone_id(LONE_CHANNEL);
    stint_Channel elsewhere = { .slot = 0 };
    memset(elsewhere.id, LONE_ELSEWHERE, sizeof elsewhere.id);
    FUZZ_CHECK(kernel_channel_create(l->node->kernel, &specimen_Item_stint, 4, "things", &cid) == STINT_OK);
    specimen_Worker worker = { .mode = SPECIMEN_RECV_OWN };
    specimen_Deep deep = { .depth = 2, .in = elsewhere, .out = elsewhere };
    specimen_Boss boss = { .capacity = 1, .count = 9 };
    spawn(l, LONE_WORKER, "Worker", &specimen_Worker_stint, &worker);
    spawn(l, LONE_DEEP, "Deep", &specimen_Deep_stint, &deep);
    spawn(l, LONE_BOSS, "Boss", &specimen_Boss_stint, &boss);
    lone_pass(l, 5);
}

struct lone *
lone_new(void)
{
    struct lone *l = calloc(1, sizeof *l);
    char error[256] = "";
    FUZZ_CHECK(l != NULL);
    l->now = 1000 * LONE_MS;
    fill_store(l);
    for (int i = 0; i < STRANGERS; i++) {
        (void)fuzz_memory_begin(&l->strangers[i].memory, 0);
        prng_init(&l->strangers[i].random, (uint64_t)i + 11);
        l->strangers[i].link = NODE_LINK_INBOUND + 1 + (uint64_t)i;
    }
    (void)fuzz_memory_begin(&l->acceptor.memory, 0);
    prng_init(&l->acceptor.random, 10);
    struct node_config config = { .mem = fuzz_memory_begin(&l->memory, 2 * LONE_MEMORY_MAX), .seed = 1,
                                  .identity = identity_of(STRANGERS), .name = "n1", .endpoint = "lone://n1",
                                  .authority = true, .detect_fast = true, .version = "0.1.0",
                                  .join_secret = "whoever knows it is the same n1" };
    FUZZ_CHECK(node_new(&config, &l->node, error, sizeof error) == STINT_OK);
    FUZZ_CHECK(node_add_module(l->node, &specimen_module, error, sizeof error) == STINT_OK);
    lone_pass(l, 50);
    FUZZ_CHECK(lone_serves(l));
    settle_in(l);
    return l;
}

void
lone_free(struct lone *l)
{
    while (l->first != l->last) {
        free(l->pending[l->first++ % PENDING_MAX].bytes);
    }
    for (int i = 0; i <= STRANGERS; i++) {
        struct stranger *s = i < STRANGERS ? &l->strangers[i] : &l->acceptor;
        session_free(s->session);
        fuzz_memory_end(&s->memory);
    }
    node_free(l->node);
    fuzz_memory_end(&l->memory);
    free(l);
}

void
lone_on_envelope(struct lone *l, lone_got_fn *got, void *arg)
{
    l->got = got;
    l->arg = arg;
}

static void
greet(struct lone *l, enum stranger_kind who)
{
    struct stranger *s = &l->strangers[who];
    struct session_config config = { .mem = &s->memory.mem, .random = &s->random, .identity = identity_of((int)who),
                                     .incarnation = who == STRANGER_MEMBER ? 2 : 0, .generation = 1, .view = 2 };
    s->session = session_open(&config);
    FUZZ_CHECK(s->session != NULL);
    session_link_up(s->session, session_now(l));
    flush(l, s, identity_of((int)who), true);
    settle(l);
}

void
lone_send(struct lone *l, enum stranger_kind who, const struct envelope *e, struct stint_span body)
{
    struct stranger *s = &l->strangers[who];
    if (s->session != NULL && session_state(s->session) == SESSION_CLOSED) { /* it was cut off, and comes again */
        session_free(s->session);
        s->session = NULL;
        s->link += STRANGERS;
    }
    if (s->session == NULL) {
        greet(l, who);
    }
    (void)!session_send(s->session, e, body);
    flush(l, s, identity_of((int)who), true);
    settle(l);
}

void
lone_reconnect(struct lone *l, enum stranger_kind who)
{
    struct stranger *s = &l->strangers[who];
    if (s->session == NULL) {
        return;
    }
    session_link_down(s->session);
    struct node_event event = { .kind = NODE_LINK_DOWN, .link = s->link, .text = "broken" };
    step(l, &event);
    settle(l);
    s->link += STRANGERS;
    session_link_up(s->session, session_now(l));
    flush(l, s, identity_of((int)who), true);
    settle(l);
}

bool
lone_serves(const struct lone *l)
{
    return !l->exited && !l->fenced && l->node->phase == PHASE_MEMBER;
}

struct node *
lone_node(struct lone *l)
{
    return l->node;
}
