/* SPDX-License-Identifier: Apache-2.0 */
/* Requests come in here: read, authorised, made into asks; asks have deadlines, send replies, and
 * end. */
#include "core/admin.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "core/codec.h"

STINT_STATIC_ASSERT(2 + stint_Request_size + LIMIT_MESSAGE <= LIMIT_BODY,
                    "a request with the largest value fits");
STINT_STATIC_ASSERT(2 + stint_Reply_size + stint_MoveInfo_size + LIMIT_MESSAGE <= LIMIT_BODY,
                    "a reply with the largest item and value fits");
STINT_STATIC_ASSERT(ADMIN_PIECE_MAX <= LIMIT_MESSAGE, "a piece of a file fits");

enum stint_status
admin_init(struct node *n)
{
    struct admin *m = mem_zalloc(n->mem, sizeof *m);
    if (m == NULL) {
        return STINT_NO_MEMORY;
    }
    struct list *lists[] = {
        &m->asks,       &m->ended,       &m->parts_order, &m->answers_order,
        &m->ends_order, &m->links_order, &m->uploads,     &m->placements_order
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        list_init(lists[i]);
    }
    struct table *tables[] = { &m->by_serial, &m->parts, &m->answers, &m->first_turn, &m->waits,
                               &m->ends,      &m->moves, &m->links,   &m->placements };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        table_init(tables[i], n->mem, prng_next(&n->random));
    }
    heap_init(&m->timers, n->mem);
    heap_init(&m->wakes, n->mem);
    buf_init(&m->scratch, n->mem, LIMIT_BODY);
    m->next_serial = 1;
    m->stop_at = UINT64_MAX;
    n->admin = m;
    return STINT_OK;
}

/* ---- the life of an ask ---- */

static void
free_ask(struct node *n, struct ask *ask)
{
    list_remove(&ask->link);
    mem_free(n->mem, ask->body, ask->body_size);
    mem_free(n->mem, ask->state, ask->state_size);
    mem_free(n->mem, ask, sizeof *ask);
}

/* Asks that have ended are freed when nobody can look at them any more. */
static void
sweep(struct node *n)
{
    LIST_EACH(link, &n->admin->ended) {
        free_ask(n, STINT_CONTAINER_OF(link, struct ask, link));
    }
}

/* Takes an ask out of everything; it stays readable until the next event. */
static void
retire(struct node *n, struct ask *ask)
{
    struct admin *m = n->admin;
    ask->ended = true;
    part_drop_all(n, ask);
    if (ask->rows != NULL) {
        rows_fini(ask->rows);
        mem_free(n->mem, ask->rows, sizeof *ask->rows);
        ask->rows = NULL;
    }
    plan_fini(n, ask);
    if (ask->fini != NULL) {
        ask->fini(n, ask);
    }
    heap_remove(&m->timers, &ask->timer);
    heap_remove(&m->wakes, &ask->wake);
    (void)table_remove(&m->by_serial, id_of_u64(ask->serial));
    list_remove(&ask->link);
    list_push_back(&m->ended, &ask->link);
    m->ask_count--;
}

void
admin_fini(struct node *n)
{
    struct admin *m = n->admin;
    if (m == NULL) {
        return;
    }
    LIST_EACH(link, &m->asks) {
        struct ask *ask = STINT_CONTAINER_OF(link, struct ask, link);
        ask->gone = true;
        retire(n, ask);
    }
    sweep(n);
    retry_fini(n);
    operation_fini(n);
    wait_fini(n);
    upload_fini(n);
    place_fini(n);
    struct table *tables[] = { &m->by_serial, &m->parts, &m->answers, &m->first_turn, &m->waits,
                               &m->ends,      &m->moves, &m->links,   &m->placements };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        table_fini(tables[i]);
    }
    heap_fini(&m->timers);
    heap_fini(&m->wakes);
    buf_fini(&m->scratch);
    mem_free(n->mem, m, sizeof *m);
    n->admin = NULL;
}

struct ask *
ask_find(struct node *n, uint64_t serial)
{
    return table_find(&n->admin->by_serial, id_of_u64(serial));
}

void *
ask_state(struct node *n, struct ask *ask, size_t size)
{
    STINT_ASSERT(ask->state == NULL);
    ask->state = mem_zalloc(n->mem, size);
    if (ask->state == NULL) {
        ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; try again", n->name);
        return NULL;
    }
    ask->state_size = size;
    return ask->state;
}

uint32_t
ask_left_ms(const struct node *n, const struct ask *ask)
{
    uint64_t left = ask->deadline > n->now_ns ? (ask->deadline - n->now_ns) / 1000000 : 0;
    return left == 0 ? 1 : (uint32_t)left;
}

void
ask_set_deadline(struct node *n, struct ask *ask, uint64_t deadline)
{
    ask->deadline = deadline;
    heap_update(&n->admin->timers, &ask->timer, deadline, ask->timer.tie);
}

void
ask_wake(struct node *n, struct ask *ask, uint64_t delay_ns, ask_fn *again)
{
    ask->again = again;
    heap_remove(&n->admin->wakes, &ask->wake);
    if (heap_insert(&n->admin->wakes, &ask->wake, n->now_ns + delay_ns, n->admin->tie++) !=
        STINT_OK) {
        ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; try again", n->name);
    }
}

/* ---- replies ---- */

static void
send_back(struct node *n, struct ask *ask, struct stint_span body)
{
    struct envelope envelope = { .kind = ENVELOPE_REPLY, .number = ask->number, .word = ask->word };
    retry_keep(n, ask, body);
    if (ask->gone) {
        return;
    }
    if (ask->conn == 0) {
        peers_send(n, ask->from.id, &envelope, body);
    } else if (!peers_reply(n, ask->conn, &envelope, body)) {
        ask->gone = true;
    }
}

/* u16 length, head, item, payload. */
static void
send_reply(struct node *n, struct ask *ask, const stint_Reply *head, struct stint_span item,
           struct stint_span payload)
{
    struct buf *b = &n->admin->scratch;
    uint8_t bytes[stint_Reply_size];
    size_t size = codec_write(stint_Reply_fields, head, bytes, sizeof bytes);
    buf_reset(b);
    if (!buf_put_u16(b, (uint16_t)size) || !buf_append(b, bytes, size) ||
        !buf_append_span(b, item) || !buf_append_span(b, payload)) {
        ask->gone = true; /* the answer has a hole: better none */
        return;
    }
    send_back(n, ask, buf_span(b));
}

void
ask_item(struct node *n, struct ask *ask, stint_ItemKind kind, const pb_msgdesc_t *type,
         const void *item, struct stint_span payload, const char *page)
{
    uint8_t bytes[stint_MoveInfo_size];
    STINT_STATIC_ASSERT(
        sizeof bytes >= stint_ModuleInfo_size && sizeof bytes >= stint_NodeInfo_size &&
            sizeof bytes >= stint_TaskletInfo_size && sizeof bytes >= stint_FrameInfo_size,
        "MoveInfo is the largest item");
    stint_Reply head = stint_Reply_init_zero;
    head.kind = kind;
    if (item != NULL) {
        head.item_size = (uint32_t)codec_write(type, item, bytes, sizeof bytes);
    }
    if (page != NULL) {
        text_copy(head.page, sizeof head.page, page);
    }
    ask->sent++;
    send_reply(n, ask, &head, span_of(bytes, head.item_size), payload);
}

void
ask_relay_item(struct node *n, struct ask *ask, const struct admin_reply *reply, const char *page)
{
    stint_Reply head = reply->head;
    text_copy(head.page, sizeof head.page, page != NULL ? page : "");
    ask->sent++;
    ask->word = reply->word;
    send_reply(n, ask, &head, reply->item, reply->payload);
}

void
ask_end_page(struct node *n, struct ask *ask, enum stint_status status, const char *detail,
             bool truncated, const char *page)
{
    if (ask->ended) {
        return;
    }
    stint_Reply head = stint_Reply_init_zero;
    head.end = true;
    head.status = (uint32_t)status;
    head.truncated = truncated;
    text_copy(head.page, sizeof head.page, page);
    text_copy(head.detail, sizeof head.detail,
              detail[0] == 0 && status != STINT_OK ? stint_strerror(status) : detail);
    send_reply(n, ask, &head, span_of(NULL, 0), span_of(NULL, 0));
    retry_end(n, ask, status != STINT_NOT_HERE);
    retire(n, ask);
}

void
ask_end(struct node *n, struct ask *ask, enum stint_status status, const char *format, ...)
{
    char detail[ADMIN_DETAIL_SIZE];
    va_list args;
    va_start(args, format);
    text_format_list(detail, sizeof detail, format, args);
    va_end(args);
    ask_end_page(n, ask, status, detail, ask->truncated, "");
}

/* A request that never became an ask. */
static void
refuse(struct node *n, const struct arrival *a, enum stint_status status, const char *detail)
{
    struct ask ask = { .from = a->from, .conn = a->conn, .number = a->envelope.number };
    stint_Reply head = stint_Reply_init_zero;
    head.end = true;
    head.status = (uint32_t)status;
    text_copy(head.detail, sizeof head.detail, detail);
    send_reply(n, &ask, &head, span_of(NULL, 0), span_of(NULL, 0));
}

/* ---- requests ---- */

/* The texts of a request go into messages and logs: printable or nothing. */
static bool
texts_are_printable(const stint_Request *r)
{
    const struct {
        const char *text;
        size_t size;
    } texts[] = { { r->target, sizeof r->target },
                  { r->to, sizeof r->to },
                  { r->on, sizeof r->on },
                  { r->text, sizeof r->text },
                  { r->selector, sizeof r->selector },
                  { r->type, sizeof r->type },
                  { r->reason, sizeof r->reason },
                  { r->sort, sizeof r->sort },
                  { r->page, sizeof r->page },
                  { r->by, sizeof r->by },
                  { r->tags, sizeof r->tags } };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!text_is_printable(texts[i].text, texts[i].size - 1)) {
            return false;
        }
    }
    return true;
}

static bool
read_request(const struct arrival *a, stint_Request *request, struct stint_span *body)
{
    struct reader reader;
    reader_init(&reader, a->body);
    struct stint_span head = reader_bytes(&reader, reader_u16(&reader));
    if (reader.failed || !codec_read(head, stint_Request_fields, request) ||
        !texts_are_printable(request)) {
        return false;
    }
    *body = reader.rest;
    return true;
}

/*
 * Who asks, and whether that may be asked. A node vouches for whom it passes a request on for; what
 * a client says of itself does not count. True: go on.
 */
/* "client web may not do `node cordon`; it takes an identity with the role operator" */
static void
describe_refusal(char *detail, size_t size, const struct admin_verb *verb,
                 const stint_Request *request)
{
    char roles[64] = "";
    for (int role = ROLE_NODE + 1; role < ROLE_END_; role++) {
        size_t at = strlen(roles);
        if (admin_allows(verb->verb, (enum cert_role)role)) {
            text_format(roles + at, sizeof roles - at, "%s%s", at == 0 ? "" : " or ",
                        cert_role_name((enum cert_role)role));
        }
    }
    text_format(detail, size, "%s %s may not do `%s`; it takes an identity with the role %s",
                cert_role_name((enum cert_role)request->role), request->by, verb->name, roles);
}

static bool
authorise(struct node *n, const struct arrival *a, stint_Request *request)
{
    if (a->role == ROLE_NODE) {
        if (!request->forwarded || request->role <= ROLE_NODE || request->role >= ROLE_END_) {
            refuse(n, a, STINT_NOT_AUTHORISED,
                   "a node may only pass on what a client or operator asks");
            return false;
        }
    } else {
        request->forwarded = false;
        request->role = a->role;
        text_copy(request->by, sizeof request->by, a->by);
    }
    const struct admin_verb *verb = admin_verb_find(request->verb);
    char detail[ADMIN_DETAIL_SIZE];
    if (verb == NULL) {
        text_format(detail, sizeof detail, "request %u is not known to node %s (version %s)",
                    (unsigned)request->verb, n->name, n->version);
        refuse(n, a, STINT_BAD_VERSION, detail);
        return false;
    }
    if (!admin_allows(request->verb, (enum cert_role)request->role)) {
        describe_refusal(detail, sizeof detail, verb, request);
        refuse(n, a, STINT_NOT_AUTHORISED, detail);
        return false;
    }
    return true;
}

static struct ask *
new_ask(struct node *n, const struct arrival *a, const stint_Request *request,
        struct stint_span body)
{
    struct admin *m = n->admin;
    struct ask *ask = m->ask_count < ADMIN_ASKS_MAX ? mem_zalloc(n->mem, sizeof *ask) : NULL;
    if (ask == NULL) {
        return NULL;
    }
    list_init(&ask->link);
    list_init(&ask->parts);
    ask->serial = m->next_serial++;
    ask->verb = admin_verb_find(request->verb);
    ask->request = *request;
    ask->from = a->from;
    ask->conn = a->conn;
    ask->number = a->envelope.number;
    ask->role = (enum cert_role)request->role;
    ask->begun_ns = n->now_ns;
    uint32_t timeout = request->timeout_ms == 0 ? ADMIN_TIMEOUT_MS : request->timeout_ms;
    timeout = timeout > ADMIN_TIMEOUT_MAX_MS ? ADMIN_TIMEOUT_MAX_MS : timeout;
    ask->deadline = n->now_ns + (uint64_t)timeout * 1000000;
    if (body.size != 0) {
        ask->body = mem_alloc(n->mem, body.size);
        ask->body_size = ask->body != NULL ? body.size : 0;
        bytes_copy(ask->body, body.data, ask->body_size);
    }
    if (ask->body_size != body.size ||
        heap_insert(&m->timers, &ask->timer, ask->deadline, m->tie++) != STINT_OK) {
        free_ask(n, ask);
        return NULL;
    }
    if (table_insert(&m->by_serial, id_of_u64(ask->serial), ask) != STINT_OK) {
        heap_remove(&m->timers, &ask->timer);
        free_ask(n, ask);
        return NULL;
    }
    list_push_back(&m->asks, &ask->link);
    m->ask_count++;
    return ask;
}

static void
request_received(struct node *n, const struct arrival *a)
{
    stint_Request request = stint_Request_init_zero;
    struct stint_span body;
    if (!read_request(a, &request, &body)) {
        refuse(n, a, STINT_INVALID, "malformed request");
        return;
    }
    if (!authorise(n, a, &request)) {
        return;
    }
    if (!node_is_serving(n)) {
        refuse(n, a, STINT_BUSY, "this node is no member yet; ask another");
        return;
    }
    const struct admin_verb *verb = admin_verb_find(request.verb);
    if (request.forwarded && verb->run == NULL) {
        refuse(n, a, STINT_INVALID, "malformed request: it is for the node that it comes to first");
        return;
    }
    bool registers = request.forwarded && verb->enter == admin_place_enter && request.dry_run;
    if (request.forwarded && verb->changes && !registers && retry_attach(n, a, &request)) {
        return;
    }
    struct ask *ask = new_ask(n, a, &request, body);
    if (ask == NULL) {
        refuse(n, a, STINT_BUSY, "too many requests are under way at this node; try again");
        return;
    }
    if (registers) {
        place_register(n, ask);
    } else if (request.forwarded) {
        if (verb->changes) {
            retry_begin(n, ask);
        }
        verb->run(n, ask);
    } else {
        ask_enter(n, ask);
    }
}

void
admin_receive(struct node *n, const struct arrival *a)
{
    sweep(n);
    if (a->envelope.kind == ENVELOPE_REQUEST) {
        request_received(n, a);
    } else if (a->role == ROLE_NODE) {
        part_reply(n, a);
    }
}

/* ---- what happens to asks ---- */

static void
expire(struct node *n, struct ask *ask)
{
    if (ask->expired != NULL) {
        ask_fn *expired = ask->expired;
        ask->expired = NULL;
        expired(n, ask);
        if (!ask->ended &&
            ask->deadline <= n->now_ns) { /* it takes a little longer, but not for ever */
            ask_set_deadline(n, ask, n->now_ns + (uint64_t)ADMIN_GRACE_MS * 1000000);
        }
        return;
    }
    ask_end(n, ask, STINT_TIMED_OUT, "`%s` did not come to an end in time on node %s",
            ask->verb->name, n->name);
}

void
admin_tick(struct node *n)
{
    struct admin *m = n->admin;
    struct heap_item *item;
    sweep(n);
    uint64_t last = m->tie; /* what is woken again at once waits for the next tick */
    while ((item = heap_first(&m->wakes)) != NULL && item->key <= n->now_ns && item->tie < last) {
        struct ask *ask = STINT_CONTAINER_OF(item, struct ask, wake);
        heap_remove(&m->wakes, item);
        ask->again(n, ask);
    }
    while ((item = heap_first(&m->timers)) != NULL && item->key <= n->now_ns) {
        expire(n, STINT_CONTAINER_OF(item, struct ask, timer));
    }
    retry_tick(n);
    wait_tick(n);
    upload_tick(n);
    place_tick(n);
    node_verbs_tick(n);
}

uint64_t
admin_deadline(const struct node *n)
{
    const struct admin *m = n->admin;
    const struct heap_item *timer = heap_first(&m->timers);
    const struct heap_item *wake = heap_first(&m->wakes);
    uint64_t at = timer != NULL ? timer->key : UINT64_MAX;
    at = wake != NULL && wake->key < at ? wake->key : at;
    uint64_t others[] = { retry_deadline(n), node_verbs_deadline(n) };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        at = others[i] < at ? others[i] : at;
    }
    return at;
}

void
admin_view(struct node *n, const struct view *old, const struct view *next)
{
    node_verbs_view(n, old, next);
    part_view(n, next);
}

void
admin_conn_closed(struct node *n, uint64_t conn)
{
    LIST_EACH(link, &n->admin->asks) {
        struct ask *ask = STINT_CONTAINER_OF(link, struct ask, link);
        if (ask->conn != conn) {
            continue;
        }
        /* What changes something goes on, and is answered to whoever asks again. */
        ask->gone = true;
        if (!ask->verb->changes) {
            retire(n, ask);
        }
    }
    operation_conn_closed(n, conn);
}
