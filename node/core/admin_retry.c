/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retries. What an executor answered to a request that changes something is kept for a minute under
 * the request's id; a retry gets the same answer, and one of a request that is still being done is
 * attached to it. An answer that is too large to be kept leaves its status.
 */
#include <string.h>

#include "base/hash.h"
#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "core/codec.h"

struct answer {
    struct list link; /* of answers_order: by their ends, those that are running last */
    struct stint_id id;
    stint_Verb verb;
    uint32_t role;
    char by[sizeof(((stint_Request *)0)->by)];
    uint64_t ask;     /* serial while it runs, else 0 */
    uint64_t expires; /* UINT64_MAX while it runs */
    bool too_large;
    struct buf bytes; /* u32 length and body of each reply */
};

static struct stint_id
request_id(const stint_Request *request)
{
    struct stint_id id = STINT_ID_NONE;
    memcpy(id.bytes, request->id.bytes, request->id.size);
    return id;
}

/* One id of a request may serve several verbs (a file is uploaded, then imported). */
static struct stint_id
answer_key(const stint_Request *request)
{
    struct stint_id id = request_id(request);
    id.bytes[0] ^= (uint8_t)request->verb;
    return id;
}

struct stint_id
admin_derived_id(const struct node *n, const struct ask *ask, uint64_t index)
{
    struct stint_id id = request_id(&ask->request);
    uint64_t halves[2];
    for (uint64_t i = 0; i < 2; i++) {
        struct hash hash;
        hash_init(&hash);
        hash_add(&hash, id.bytes, sizeof id.bytes);
        hash_add(&hash, n->self.id.bytes, sizeof n->self.id.bytes);
        hash_add_u64(&hash, n->self.inc);
        hash_add_u64(&hash, index * 2 + i);
        halves[i] = hash_final(&hash);
    }
    struct stint_id out;
    le64_put(out.bytes, halves[0]);
    le64_put(out.bytes + 8, halves[1] | 1); /* never the id that means none */
    return out;
}

static void
free_answer(struct node *n, struct answer *answer)
{
    n->admin->answer_bytes -= answer->bytes.size;
    (void)table_remove(&n->admin->answers, answer->id);
    list_remove(&answer->link);
    buf_fini(&answer->bytes);
    mem_free(n->mem, answer, sizeof *answer);
}

void
retry_fini(struct node *n)
{
    LIST_EACH(link, &n->admin->answers_order) {
        free_answer(n, STINT_CONTAINER_OF(link, struct answer, link));
    }
}

/* Makes room for one more; false: all are running. */
static bool
make_room(struct node *n)
{
    struct admin *m = n->admin;
    struct list *first = list_first(&m->answers_order);
    while (first != NULL && (table_count(&m->answers) >= ADMIN_ANSWERS_MAX ||
                             m->answer_bytes > ADMIN_ANSWERS_BYTES)) {
        struct answer *oldest = STINT_CONTAINER_OF(first, struct answer, link);
        if (oldest->ask != 0) {
            break;
        }
        free_answer(n, oldest);
        first = list_first(&m->answers_order);
    }
    return table_count(&m->answers) < ADMIN_ANSWERS_MAX;
}

void
retry_begin(struct node *n, struct ask *ask)
{
    if (ask->request.id.size != sizeof(struct stint_id) || !make_room(n)) {
        return; /* it is done all the same; a retry of it would be done again */
    }
    struct answer *answer = mem_zalloc(n->mem, sizeof *answer);
    if (answer == NULL) {
        return;
    }
    answer->id = answer_key(&ask->request);
    answer->verb = ask->request.verb;
    answer->role = ask->request.role;
    text_copy(answer->by, sizeof answer->by, ask->request.by);
    answer->ask = ask->serial;
    answer->expires = UINT64_MAX;
    bool file = ask->verb->verb == stint_Verb_VERB_TASKLET_EXPORT; /* a moved one is nowhere else */
    buf_init(&answer->bytes, n->mem, file ? ADMIN_FILE_MAX * 2 : ADMIN_ANSWER_MAX);
    list_init(&answer->link);
    if (table_insert(&n->admin->answers, answer->id, answer) != STINT_OK) {
        mem_free(n->mem, answer, sizeof *answer);
        return;
    }
    list_push_back(&n->admin->answers_order, &answer->link);
    ask->answer = answer;
}

void
retry_keep(struct node *n, struct ask *ask, struct stint_span body)
{
    struct answer *answer = ask->answer;
    if (answer == NULL || answer->too_large) {
        return;
    }
    size_t before = answer->bytes.size;
    if (n->admin->answer_bytes + body.size > ADMIN_ANSWERS_BYTES * 2 ||
        buf_reserve(&answer->bytes, 4 + body.size) != STINT_OK) {
        answer->too_large = true;
        buf_fini(&answer->bytes);
        n->admin->answer_bytes -= before;
        return;
    }
    (void)buf_put_u32(&answer->bytes, (uint32_t)body.size);
    (void)buf_append_span(&answer->bytes, body);
    n->admin->answer_bytes += answer->bytes.size - before;
}

void
retry_end(struct node *n, struct ask *ask, bool done)
{
    struct answer *answer = ask->answer;
    if (answer == NULL) {
        return;
    }
    ask->answer = NULL;
    if (!done) {
        free_answer(n, answer);
        return;
    }
    answer->ask = 0;
    answer->expires = n->now_ns + ADMIN_ANSWER_NS;
    /* Behind the other ended ones, before those that run: so the first is always the one to go. */
    struct list *place = &n->admin->answers_order;
    list_remove(&answer->link);
    for (struct list *link = place->prev; link != &n->admin->answers_order; link = link->prev) {
        if (STINT_CONTAINER_OF(link, struct answer, link)->ask == 0) {
            break;
        }
        place = link;
    }
    list_insert_before(place, &answer->link);
}

static void
repeat(struct node *n, const struct arrival *a, const struct answer *answer)
{
    struct envelope envelope = { .kind = ENVELOPE_REPLY, .number = a->envelope.number };
    struct reader reader;
    reader_init(&reader, buf_span(&answer->bytes));
    while (reader.rest.size != 0) {
        struct stint_span body = reader_bytes(&reader, reader_u32(&reader));
        if (a->conn == 0) {
            peers_send(n, a->from.id, &envelope, body);
        } else if (!peers_reply(n, a->conn, &envelope, body)) {
            return;
        }
    }
}

static void
say(struct node *n, const struct arrival *a, enum stint_status status, const char *detail)
{
    stint_Reply head = stint_Reply_init_zero;
    head.end = true;
    head.status = (uint32_t)status;
    text_copy(head.detail, sizeof head.detail, detail);
    uint8_t body[2 + stint_Reply_size];
    size_t size = codec_write(stint_Reply_fields, &head, body + 2, sizeof body - 2);
    le16_put(body, (uint16_t)size);
    struct envelope envelope = { .kind = ENVELOPE_REPLY, .number = a->envelope.number };
    if (a->conn == 0) {
        peers_send(n, a->from.id, &envelope, span_of(body, size + 2));
    } else {
        (void)peers_reply(n, a->conn, &envelope, span_of(body, size + 2));
    }
}

bool
retry_attach(struct node *n, const struct arrival *a, const stint_Request *request)
{
    if (request->id.size != sizeof(struct stint_id)) {
        return false;
    }
    struct answer *answer = table_find(&n->admin->answers, answer_key(request));
    if (answer == NULL) {
        return false;
    }
    if (answer->verb != request->verb || answer->role != request->role ||
        strcmp(answer->by, request->by) != 0) {
        say(n, a, STINT_CONFLICT, "this request id was used for another request");
        return true;
    }
    if (answer->too_large) {
        if (answer->ask == 0) {
            say(n, a, STINT_OUTCOME_UNKNOWN,
                "this was done before; its answer was too large to be kept");
        } else {
            say(n, a, STINT_BUSY,
                "this is being done already; its answer is too large to be given again");
        }
        return true;
    }
    struct ask *ask = answer->ask != 0 ? ask_find(n, answer->ask) : NULL;
    repeat(n, a, answer);
    if (ask != NULL) { /* the rest goes to whoever asked last */
        ask->from = a->from;
        ask->conn = a->conn;
        ask->number = a->envelope.number;
        ask->gone = false;
    }
    return true;
}

void
retry_tick(struct node *n)
{
    LIST_EACH(link, &n->admin->answers_order) {
        struct answer *answer = STINT_CONTAINER_OF(link, struct answer, link);
        if (answer->expires > n->now_ns) {
            break;
        }
        free_answer(n, answer);
    }
}

uint64_t
retry_deadline(const struct node *n)
{
    const struct list *first = list_first(&n->admin->answers_order);
    return first == NULL ? UINT64_MAX
                         : STINT_CONTAINER_OF(first, const struct answer, link)->expires;
}
