/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authority as a machine: one request after the other, one commit at a time, and nothing
 * assumed about a commit whose outcome is not known. The table changes only by what the store
 * has confirmed.
 *
 *   UNLOADED --rows--> READY --write set--> COMMITTING --committed, failed--> READY
 *                        ^                      |  unknown
 *                        |                      v
 *                        `------rows------- LOADING --cannot be read--> UNREADABLE --1 s--> LOADING
 *
 *   from COMMITTING and LOADING: a number that was not written here --> STOPPED
 */
#include "cluster/authority.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "cluster/authority_internal.h"

STINT_STATIC_ASSERT(sizeof(((stint_StoreReply *)0)->detail) == AUTHORITY_DETAIL_SIZE, "detail");
STINT_STATIC_ASSERT(stint_StoreReply_size <= LIMIT_MESSAGE, "a page of names fits one message");

#define AUTHORITY_LEASE_MS 6000
#define AUTHORITY_VOTE_MS 60000
#define MS_NS UINT64_C(1000000)

struct authority *
authority_new(const struct authority_config *config)
{
    struct authority *a = mem_zalloc(config->mem, sizeof *a);
    if (a == NULL) {
        return NULL;
    }
    a->config = *config;
    a->mem = config->mem;
    a->lease_ns = (config->lease_ms == 0 ? AUTHORITY_LEASE_MS : config->lease_ms) * MS_NS;
    a->vote_ns = (config->vote_ms == 0 ? AUTHORITY_VOTE_MS : config->vote_ms) * MS_NS;
    a->state = AUTHORITY_UNLOADED;
    authority_table_init(&a->table, config->mem, config->seed);
    return a;
}

void
authority_free(struct authority *a)
{
    if (a != NULL) {
        authority_table_fini(&a->table);
        mem_free(a->mem, a, sizeof *a);
    }
}

bool
authority_is_founded(const struct authority *a)
{
    return a->table.founded;
}

static struct authority_pending *
pending_add(struct authority *a, enum authority_effect_kind kind)
{
    STINT_ASSERT(a->pending_count < AUTHORITY_PENDING_MAX);
    uint32_t place = (a->pending_first + a->pending_count++) % AUTHORITY_PENDING_MAX;
    struct authority_pending *p = &a->pending[place];
    memset(p, 0, sizeof *p);
    p->kind = kind;
    return p;
}

static void
reply_add(struct authority *a, const struct authority_waiting *w, enum stint_status status,
          uint64_t inc, const char *detail)
{
    struct authority_pending *p = pending_add(a, AUTHORITY_REPLY);
    p->token = w->from.token;
    p->op = w->request.op;
    p->status = status;
    p->inc = status == STINT_OK ? inc : 0;
    memcpy(p->request.bytes, w->request.id, sizeof p->request.bytes);
    (void)text_copy(p->name, sizeof p->name, w->request.name);
    if (status != STINT_OK) {
        bool said = detail != NULL && detail[0] != '\0';
        (void)text_copy(p->detail, sizeof p->detail, said ? detail : stint_strerror(status));
    }
}

static struct authority_waiting *
waiting_first(struct authority *a)
{
    return &a->waiting[a->waiting_first];
}

static void
waiting_drop_first(struct authority *a)
{
    a->waiting_first = (a->waiting_first + 1) % AUTHORITY_WAITING_MAX;
    a->waiting_count--;
}

/*
 * Answers all that wait, and the request whose commit is under way: its outcome is what cannot
 * be known.
 */
static void
answer_all(struct authority *a, enum stint_status current, enum stint_status others,
           const char *why)
{
    if (a->have_current) {
        reply_add(a, &a->current, current, 0, why);
        a->have_current = false;
    }
    while (a->waiting_count > 0) {
        reply_add(a, waiting_first(a), others, 0, why);
        waiting_drop_first(a);
    }
}

static void
stop(struct authority *a, const char *why)
{
    a->state = AUTHORITY_STOPPED;
    (void)text_copy(a->text, sizeof a->text, why);
    answer_all(a, STINT_OUTCOME_UNKNOWN, STINT_FENCED, why);
    (void)pending_add(a, AUTHORITY_FENCED);
}

static void
commit(struct authority *a)
{
    STINT_ASSERT(a->state == AUTHORITY_READY && a->changes.count > 0);
    for (uint32_t i = 0; i < a->changes.count; i++) {
        const struct authority_change *c = &a->changes.changes[i];
        a->writes[i] = (struct store_write){
            .row = { c->kind, span_of(c->key, c->key_size), span_of(c->value, c->value_size) },
            .remove = c->remove,
        };
    }
    a->commit_number++;
    a->commit_expected = a->table.view;
    a->state = AUTHORITY_COMMITTING;
    (void)pending_add(a, AUTHORITY_COMMIT);
}

static void
load(struct authority *a)
{
    a->state = AUTHORITY_LOADING;
    (void)pending_add(a, AUTHORITY_LOAD);
}

/*
 * Does what is next, as long as nothing has to be waited for: verdicts, then requests in order,
 * then clean-up.
 */
static void
advance(struct authority *a, uint64_t now_ns)
{
    while (a->state == AUTHORITY_READY) {
        bool rested = now_ns >= a->retry_ns;
        if (a->table.founded && rested && authority_verdicts(a, now_ns)) {
            commit(a);
            return;
        }
        if (a->waiting_count == 0) {
            if (a->table.founded && rested && authority_orphans(a)) {
                commit(a);
            }
            return;
        }
        a->current = *waiting_first(a);
        waiting_drop_first(a);
        enum stint_status status =
            authority_decide(a, &a->current.from, &a->current.request, now_ns, &a->answer);
        if (a->changes.count > 0) {
            STINT_ASSERT(status == STINT_OK);
            a->have_current = true;
            commit(a);
        } else {
            reply_add(a, &a->current, status, a->answer.inc, a->answer.detail);
        }
    }
}

void
authority_request(struct authority *a, struct authority_from from,
                  const stint_StoreRequest *request, uint64_t now_ns)
{
    struct authority_waiting w = { from, *request };
    if (request->op == stint_STORE_HEARTBEAT) {
        authority_contact(a, from.ref, request->installed, now_ns);
    }
    /* What waits will be answered too, and has its places. A frame may bring more requests than that
     * before anybody takes the answers. */
    if (a->pending_count + a->waiting_count >= AUTHORITY_PENDING_MAX - AUTHORITY_PENDING_SPARE) {
        return;
    }
    if (a->state == AUTHORITY_STOPPED) {
        reply_add(a, &w, STINT_FENCED, 0, a->text);
    } else if (a->state == AUTHORITY_UNREADABLE) {
        reply_add(a, &w, STINT_STORE_DOWN, 0, NULL);
    } else if (a->waiting_count == AUTHORITY_WAITING_MAX) {
        reply_add(a, &w, STINT_BUSY, 0, "too many requests wait for the store");
    } else {
        a->waiting[(a->waiting_first + a->waiting_count++) % AUTHORITY_WAITING_MAX] = w;
        advance(a, now_ns);
    }
}

/* The store has taken the write set: now, and only now, the table has it too. */
static void
committed(struct authority *a, uint64_t now_ns)
{
    enum stint_status status = authority_table_apply(&a->table, &a->changes);
    a->state = AUTHORITY_READY;
    if (a->changes.new_view) {
        authority_contacts_refresh(a, false, now_ns);
        a->announced = a->table.view;
        (void)pending_add(a, AUTHORITY_VIEW);
    }
    if (a->have_current) {
        a->have_current = false;
        reply_add(a, &a->current, STINT_OK, a->answer.inc, NULL);
    }
    if (status != STINT_OK) { /* memory was short in the middle: the rows have it all */
        a->have_current = false;
        a->changes.count = 0;
        load(a);
    }
}

static void
failed(struct authority *a, uint64_t now_ns)
{
    a->state = AUTHORITY_READY;
    a->retry_ns = now_ns + AUTHORITY_RETRY_NS;
    if (a->have_current) {
        a->have_current = false;
        reply_add(a, &a->current, STINT_STORE_DOWN, 0, "the store did not take the change");
    }
}

void
authority_committed(struct authority *a, uint64_t number, enum store_result result,
                    uint64_t now_ns)
{
    if (a->state != AUTHORITY_COMMITTING || number != a->commit_number) {
        return;
    }
    switch (result) {
    case STORE_COMMITTED:
        committed(a, now_ns);
        break;
    case STORE_FAILED:
        failed(a, now_ns);
        break;
    case STORE_CONFLICT:
        stop(a, "the store was changed by another writer");
        return;
    case STORE_UNKNOWN:
        load(a);
        return;
    }
    advance(a, now_ns);
}

/*
 * True if the rows show the write set as done. It is one transaction, so one row tells for all.
 */
static bool
rows_have(const struct authority *a, const struct store_row *rows, size_t count)
{
    const struct authority_change *c = &a->changes.changes[0];
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind == c->kind && span_equal(rows[i].key, span_of(c->key, c->key_size))) {
            return !c->remove && span_equal(rows[i].value, span_of(c->value, c->value_size));
        }
    }
    return c->remove;
}

static enum stint_status
table_fill(struct authority *a, const struct store_row *rows, size_t count, uint64_t view,
           uint64_t generation, char *error, size_t error_size)
{
    authority_table_clear(&a->table);
    for (size_t i = 0; i < count; i++) {
        enum stint_status status = authority_table_put(&a->table, &rows[i], error, error_size);
        if (status != STINT_OK) {
            return status;
        }
    }
    a->table.view = view;
    a->table.generation = generation;
    if (a->table.founded != (view > 0) || (!a->table.founded && count > 0)) {
        (void)text_format(error, error_size,
                          "the store's rows do not belong to its view number %llu",
                          (unsigned long long)view);
        return STINT_IO;
    }
    authority_table_settle(&a->table);
    return authority_table_agrees(&a->table, error, error_size) ? STINT_OK : STINT_IO;
}

/* After an unknown outcome the rows tell which it was; any third number is another writer's. */
static void
resolve(struct authority *a, const struct store_row *rows, size_t count, uint64_t view,
        bool pending_commit, uint64_t expected, uint64_t now_ns)
{
    uint64_t next = expected + (a->changes.new_view ? 1 : 0);
    bool done = pending_commit && view == next && rows_have(a, rows, count);
    if (view != expected && !done) {
        stop(a, "the store is at a view that this authority did not write");
        return;
    }
    a->state = AUTHORITY_READY;
    if (a->announced != view) {
        a->announced = view;
        (void)pending_add(a, AUTHORITY_VIEW);
    }
    if (pending_commit && !done) {
        a->retry_ns = now_ns + AUTHORITY_RETRY_NS;
    }
    if (a->have_current) {
        a->have_current = false;
        reply_add(a, &a->current, done ? STINT_OK : STINT_STORE_DOWN, a->answer.inc,
                  "the store did not take the change");
    }
}

enum stint_status
authority_load(struct authority *a, enum store_result result, const struct store_row *rows,
               size_t count, uint64_t view, uint64_t generation, uint64_t now_ns, char *error,
               size_t error_size)
{
    bool first = a->state == AUTHORITY_UNLOADED;
    if (!first && a->state != AUTHORITY_LOADING) {
        return STINT_OK; /* nobody asked, or it was given up */
    }
    enum stint_status status = STINT_OK;
    if (result == STORE_COMMITTED) {
        uint64_t expected = first ? view : a->table.view;
        bool pending_commit = !first && a->changes.count > 0;
        status = table_fill(a, rows, count, view, generation, error, error_size);
        if (status == STINT_OK) {
            a->announced = first ? view : a->announced;
            authority_contacts_refresh(a, first, now_ns);
            resolve(a, rows, count, view, pending_commit, expected, now_ns);
            advance(a, now_ns);
            return STINT_OK;
        }
        a->table.view = expected; /* what is known of the store stays what was known */
    }
    if (status == STINT_IO) {
        stop(a, error);
        return status;
    }
    answer_all(a, STINT_OUTCOME_UNKNOWN, STINT_STORE_DOWN, "the store cannot be read");
    a->state = first ? AUTHORITY_UNLOADED : AUTHORITY_UNREADABLE;
    a->retry_ns = now_ns + AUTHORITY_RETRY_NS;
    return status;
}

void
authority_contact(struct authority *a, struct node_ref ref, uint64_t installed, uint64_t now_ns)
{
    struct authority_contact *c = authority_contact_find(a, ref);
    if (c != NULL) {
        authority_found(a, c);
        c->heard_ns = now_ns > c->heard_ns ? now_ns : c->heard_ns;
        c->installed = installed > c->installed ? installed : c->installed;
    }
}

/*
 * This node itself: it installs a view when it takes the effect, and what it had to say about
 * names is in the queue.
 */
static void
own_contact(struct authority *a, uint64_t now_ns)
{
    const struct authority_member *own = authority_table_member(&a->table, a->config.node);
    if (own != NULL) {
        authority_contact(a, own->member.ref, a->own_names_wait ? 0 : a->taken, now_ns);
    }
}

void
authority_own_names(struct authority *a, bool wait)
{
    a->own_names_wait = wait;
}

void
authority_tick(struct authority *a, uint64_t now_ns)
{
    own_contact(a, now_ns);
    if ((a->state == AUTHORITY_UNREADABLE || a->state == AUTHORITY_UNLOADED) && a->retry_ns != 0
        && now_ns >= a->retry_ns) {
        a->retry_ns = 0;
        if (a->state == AUTHORITY_UNREADABLE) {
            load(a);
        } else {
            (void)pending_add(a, AUTHORITY_LOAD);
        }
        return;
    }
    advance(a, now_ns);
}

/*
 * Names of dead hosts wait for reports, which come by contact; they are looked at in every tick
 * that comes anyway.
 */
uint64_t
authority_deadline(const struct authority *a)
{
    switch (a->state) {
    case AUTHORITY_UNLOADED:
    case AUTHORITY_UNREADABLE:
        return a->retry_ns == 0 ? UINT64_MAX : a->retry_ns;
    case AUTHORITY_READY: {
        uint64_t due_ns = authority_votes_deadline(a);
        return due_ns < a->retry_ns ? a->retry_ns : due_ns;
    }
    default:
        return UINT64_MAX;
    }
}

static void
fill_name(stint_StoreReply *reply, const struct authority_name *n)
{
    stint_NameEntry *entry = &reply->names[reply->names_count++];
    (void)text_copy(entry->name, sizeof entry->name, n->name);
    memcpy(entry->channel, n->channel.bytes, sizeof entry->channel);
    memcpy(entry->owner, n->owner.bytes, sizeof entry->owner);
    memcpy(entry->node, n->host.id.bytes, sizeof entry->node);
    entry->inc = n->host.inc;
}

static void
fill_reply(const struct authority *a, const struct authority_pending *p, stint_StoreReply *reply)
{
    const struct authority_table *t = &a->table;
    memcpy(reply->id, p->request.bytes, sizeof reply->id);
    reply->op = p->op;
    reply->status = (uint32_t)p->status;
    reply->generation = t->generation;
    reply->view = t->view;
    reply->inc = p->inc;
    (void)text_copy(reply->detail, sizeof reply->detail, p->detail);
    if (p->status != STINT_OK) {
        return;
    }
    if (p->op == stint_STORE_NAME_GET) {
        const struct authority_name *n = authority_table_name(t, p->name);
        if (n != NULL) {
            fill_name(reply, n);
        }
    } else if (p->op == stint_STORE_NAME_LIST) {
        const uint32_t page = sizeof reply->names / sizeof reply->names[0];
        uint32_t i = authority_table_after(t, p->name);
        while (i < t->name_count && reply->names_count < page) {
            fill_name(reply, t->names[i++]);
        }
        reply->more = i < t->name_count;
    }
}

bool
authority_next(struct authority *a, struct authority_effect *effect)
{
    if (a->pending_count == 0) {
        return false;
    }
    const struct authority_pending *p = &a->pending[a->pending_first];
    memset(effect, 0, sizeof *effect);
    effect->kind = p->kind;
    effect->token = p->token;
    switch (p->kind) {
    case AUTHORITY_COMMIT:
        effect->commit = (struct store_commit){
            .number = a->commit_number,
            .expected_view = a->commit_expected,
            .next_view = a->commit_expected + (a->changes.new_view ? 1 : 0),
            .writes = a->writes,
            .count = a->changes.count,
        };
        break;
    case AUTHORITY_REPLY:
        fill_reply(a, p, &effect->reply);
        break;
    case AUTHORITY_FENCED:
        effect->text = a->text;
        break;
    case AUTHORITY_VIEW:
        a->taken = a->table.view;
        break;
    case AUTHORITY_LOAD:
        break;
    }
    a->pending_first = (a->pending_first + 1) % AUTHORITY_PENDING_MAX;
    a->pending_count--;
    return true;
}

void
authority_view(const struct authority *a, struct view *out)
{
    const struct authority_table *t = &a->table;
    out->generation = t->generation;
    out->number = t->view;
    out->authority = t->authority;
    out->balancer_on = t->balancer_on;
    out->member_count = t->member_count;
    for (uint32_t i = 0; i < t->member_count; i++) {
        out->members[i] = t->members[i].member;
    }
    out->revoked_count = t->revoked_count;
    memcpy(out->revoked, t->revoked, t->revoked_count * sizeof t->revoked[0]);
}
