/* SPDX-License-Identifier: Apache-2.0 */
/* Requests under way: encoding, answers, deadlines. Which node they go to is in machine.c. */
#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "client/machine_internal.h"

/* ---- beginning and end ---- */

static size_t
request_bytes(const struct client_request *r)
{
    return sizeof *r + r->payload.size;
}

static void
request_release(struct client_machine *m, struct client_request *r)
{
    buf_fini(&r->payload);
    buf_fini(&r->records);
    mem_free(m->mem, r, sizeof *r);
}

void
client_request_free(struct client_machine *m, struct client_request *request)
{
    STINT_ASSERT(request->state == CLIENT_DONE);
    request_release(m, request);
}

/* A request with its timer, not in any list. */
static enum stint_status
request_make(struct client_machine *m, const struct client_ask *ask, struct client_request **out)
{
    struct client_request *r = mem_zalloc(m->mem, sizeof *r);
    if (r == NULL) {
        return STINT_NO_MEMORY;
    }
    list_init(&r->place);
    r->changes = ask->changes;
    r->stays = ask->stays;
    r->grace_ms = ask->grace_ms;
    r->deadline_ns = ask->deadline_ns;
    r->owner = ask->owner;
    r->ask = *ask->request;
    buf_init(&r->payload, m->mem, LIMIT_MESSAGE);
    buf_init(&r->records, m->mem, CLIENT_REPLY_MAX);
    if (r->ask.id.size == 0) {
        struct stint_id id = prng_id(&m->random);
        r->ask.id.size = sizeof id.bytes;
        memcpy(r->ask.id.bytes, id.bytes, sizeof id.bytes);
    }
    r->number = m->next_number++;
    if (!buf_append_span(&r->payload, ask->payload) ||
        table_insert(&m->by_number, id_of_u64(r->number), r) != STINT_OK) {
        request_release(m, r);
        return STINT_NO_MEMORY;
    }
    if (heap_insert(&m->timers, &r->timer, r->deadline_ns, r->number) != STINT_OK) {
        (void)table_remove(&m->by_number, id_of_u64(r->number));
        request_release(m, r);
        return STINT_NO_MEMORY;
    }
    *out = r;
    return STINT_OK;
}

enum stint_status
client_machine_ask(struct client_machine *m, const struct client_ask *ask, struct session_time time,
                   struct client_request **request)
{
    *request = NULL;
    if (ask->payload.size > LIMIT_MESSAGE) {
        return STINT_LIMIT;
    }
    if (m->phase == MACHINE_STOPPED) {
        return STINT_CANCELLED;
    }
    if (m->pending >= m->pending_max ||
        m->pending_bytes + sizeof **request + ask->payload.size > m->pending_bytes_max) {
        return STINT_BUSY;
    }
    enum stint_status status = request_make(m, ask, request);
    if (status != STINT_OK) {
        return status;
    }
    m->pending++;
    m->pending_bytes += request_bytes(*request);
    list_push_back(&m->queue, &(*request)->place);
    client_machine_start(m, time);
    machine_push(m, time);
    return STINT_OK;
}

/* The members of the cluster, from the answer to the machine's own question. */
static void
take_view(struct client_machine *m, struct client_request *r)
{
    struct record record;
    size_t at = 0;
    m->view_asked = false;
    if (r->status != STINT_OK || !record_next(&r->records, &at, &record)) {
        return;
    }
    struct stint_span bytes = record.item.size != 0 ? record.item : record.payload;
    stint_View *view = mem_zalloc(m->mem, sizeof *view);
    if (view == NULL) {
        return;
    }
    pb_istream_t stream = pb_istream_from_buffer(bytes.data, bytes.size);
    if (pb_decode(&stream, stint_View_fields, view)) {
        candidates_view(&m->candidates, view);
    }
    mem_free(m->mem, view, sizeof *view);
}

void
machine_finish(struct client_machine *m, struct client_request *r, enum stint_status status,
               const char *detail)
{
    STINT_ASSERT(r->state != CLIENT_DONE);
    (void)table_remove(&m->by_number, id_of_u64(r->number));
    heap_remove(&m->timers, &r->timer);
    list_remove(&r->place);
    r->state = CLIENT_DONE;
    r->status = status;
    text_copy(r->detail, sizeof r->detail,
              detail[0] != '\0' || status == STINT_OK ? detail : stint_strerror(status));
    if (r->internal) {
        if (id_is_zero(r->hosts)) {
            take_view(m, r);
        } else {
            own_registered(m->own, r->hosts, r->hosts_epoch, status, r->detail);
        }
        request_release(m, r);
        return;
    }
    m->pending--;
    m->pending_bytes -= request_bytes(r);
    list_push_back(&m->done, &r->place);
}

/* No verdict came, and none will be waited for. */
static void
finish_without_verdict(struct client_machine *m, struct client_request *r, const char *why)
{
    enum stint_status status = !r->changes   ? STINT_UNREACHABLE
                               : r->was_sent ? STINT_OUTCOME_UNKNOWN
                                             : STINT_NOT_SENT;
    machine_finish(m, r, status, why);
}

void
client_machine_cancel(struct client_machine *m, struct client_request *request)
{
    if (request->state != CLIENT_DONE) {
        bool unknown = request->changes && request->was_sent;
        machine_finish(m, request, unknown ? STINT_OUTCOME_UNKNOWN : STINT_CANCELLED,
                       unknown ? "given up before the answer came" : "given up");
    }
}

void
machine_fail_all(struct client_machine *m, enum stint_status status, const char *detail)
{
    struct list *lists[] = { &m->sent, &m->queue };
    for (size_t i = 0; i < 2; i++) {
        struct list *first;
        while ((first = list_first(lists[i])) != NULL) {
            struct client_request *r = STINT_CONTAINER_OF(first, struct client_request, place);
            bool unknown = r->changes && r->was_sent;
            machine_finish(m, r, unknown ? STINT_OUTCOME_UNKNOWN : status, detail);
        }
    }
}

void
machine_ask_view(struct client_machine *m, struct session_time time)
{
    m->view_due = time.now_ns + CLIENT_VIEW_MS * MACHINE_NS_PER_MS;
    if (m->view_asked) {
        return;
    }
    stint_Request request = stint_Request_init_zero;
    request.verb = stint_Verb_VERB_VIEW;
    struct client_ask ask = { .request = &request, .deadline_ns = m->view_due };
    struct client_request *r;
    if (request_make(m, &ask, &r) == STINT_OK) {
        r->internal = true;
        m->view_asked = true;
        list_push_back(&m->queue, &r->place);
    }
}

/* ---- channels that the client hosts ---- */

struct own *
client_machine_own(struct client_machine *m)
{
    return m->own;
}

void
client_machine_own_changed(struct client_machine *m, struct session_time time)
{
    if (m->phase != MACHINE_STOPPED) {
        client_machine_start(m, time);
        machine_push(m, time);
    }
}

/* Registrations go before everything else: who is asked may answer through such a channel. */
static void
register_channels(struct client_machine *m, struct session_time time)
{
    struct own_registration channel;
    own_tick(m->own, time.now_ns);
    while (own_next_registration(m->own, &channel)) {
        stint_Request request = stint_Request_init_zero;
        struct client_request *r;
        request.verb = stint_Verb_VERB_CHANNEL_HOST;
        request.participant.size = sizeof channel.nonce;
        memcpy(request.participant.bytes, channel.nonce, sizeof channel.nonce);
        request.number = channel.epoch;
        request.serial = channel.type_hash;
        request.capacity = channel.capacity;
        request.leave = channel.leave;
        text_copy(request.type, sizeof request.type, channel.type);
        struct client_ask ask = { .request = &request,
                                  .deadline_ns =
                                      time.now_ns + CLIENT_REGISTER_MS * MACHINE_NS_PER_MS };
        if (request_make(m, &ask, &r) != STINT_OK) {
            own_registered(m->own, channel.id, channel.epoch, STINT_NO_MEMORY, "");
            return;
        }
        r->internal = true;
        r->hosts = channel.id;
        r->hosts_epoch = channel.epoch;
        if (channel.leave) {
            list_push_back(&m->queue, &r->place);
        } else {
            list_push_front(&m->queue, &r->place);
        }
    }
}

/* What happened in the client's own channels, as far as the session has room. */
static void
push_answers(struct client_machine *m)
{
    struct envelope envelope;
    struct stint_span body;
    while (own_answer(m->own, &envelope, &body) &&
           session_send(m->session, &envelope, body) == STINT_OK) {
        own_answered(m->own);
    }
}

/* ---- sending ---- */

/* u16 length, the request of that length, its payload; into the machine's scratch. */
static bool
encode_request(struct client_machine *m, struct client_request *r, struct session_time time)
{
    size_t size;
    uint64_t left =
        r->deadline_ns > time.now_ns ? (r->deadline_ns - time.now_ns) / MACHINE_NS_PER_MS : 0;
    r->ask.timeout_ms = left == 0                      ? 1
                        : left > CLIENT_TIMEOUT_MAX_MS ? CLIENT_TIMEOUT_MAX_MS
                                                       : (uint32_t)left;
    buf_reset(&m->body);
    if (!pb_get_encoded_size(&size, stint_Request_fields, &r->ask) || size > UINT16_MAX ||
        !buf_put_u16(&m->body, (uint16_t)size)) {
        return false;
    }
    uint8_t *to = buf_extend(&m->body, size);
    if (to == NULL) {
        return false;
    }
    pb_ostream_t stream = pb_ostream_from_buffer(to, size);
    return pb_encode(&stream, stint_Request_fields, &r->ask) &&
           buf_append_span(&m->body, buf_span(&r->payload));
}

static void
push_requests(struct client_machine *m, struct session_time time)
{
    struct list *first;
    while ((first = list_first(&m->queue)) != NULL) {
        struct client_request *r = STINT_CONTAINER_OF(first, struct client_request, place);
        if (!encode_request(m, r, time)) {
            machine_finish(m, r, STINT_LIMIT, "the request is too large");
            continue;
        }
        struct envelope envelope = { .kind = ENVELOPE_REQUEST, .number = r->number };
        enum stint_status status = session_send(m->session, &envelope, buf_span(&m->body));
        if (status == STINT_FULL || status == STINT_CLOSED) {
            break;
        }
        if (status != STINT_OK) {
            machine_finish(m, r, status, "");
            continue;
        }
        r->state = CLIENT_SENT;
        r->was_sent = true;
        r->sent_ns = time.now_ns;
        list_remove(&r->place);
        list_push_back(&m->sent, &r->place);
    }
}

void
machine_push(struct client_machine *m, struct session_time time)
{
    if (m->phase != MACHINE_OPEN) {
        return;
    }
    register_channels(m, time);
    push_requests(m, time);
    push_answers(m);
    register_channels(m, time); /* those that end are told of behind their last answers */
    push_requests(m, time);
    session_flush(m->session);
}

void
machine_requeue(struct client_machine *m)
{
    struct list again;
    list_init(&again);
    struct list *first;
    while ((first = list_first(&m->sent)) != NULL) {
        struct client_request *r = STINT_CONTAINER_OF(first, struct client_request, place);
        if (r->stays || r->internal) {
            finish_without_verdict(m, r, "the connection was lost before the answer came");
            continue;
        }
        r->state = CLIENT_QUEUED;
        r->again = true;
        buf_reset(&r->records);
        list_remove(&r->place);
        list_push_back(&again, &r->place);
    }
    list_splice_back(&again, &m->queue);
    list_splice_back(&m->queue, &again);
}

/* ---- answers ---- */

/* Reads a body into its parts. */
static bool
decode_reply(struct stint_span body, stint_Reply *reply, struct record *record)
{
    struct reader reader;
    reader_init(&reader, body);
    struct stint_span head = reader_bytes(&reader, reader_u16(&reader));
    *reply = (stint_Reply)stint_Reply_init_zero;
    pb_istream_t stream = pb_istream_from_buffer(head.data, head.size);
    if (reader.failed || !pb_decode(&stream, stint_Reply_fields, reply) ||
        reply->item_size > reader.rest.size) {
        return false;
    }
    record->kind = (uint32_t)reply->kind;
    record->item = span_of(reader.rest.data, reply->item_size);
    record->payload =
        span_of(reader.rest.data + reply->item_size, reader.rest.size - reply->item_size);
    return true;
}

/* What a node says that did not get as far as to try: it knows nothing of tries through others. */
static bool
is_hearsay(enum stint_status status)
{
    switch (status) {
    case STINT_NOT_SENT:
    case STINT_NOT_FOUND:
    case STINT_AMBIGUOUS:
    case STINT_UNREACHABLE:
    case STINT_BUSY:
    case STINT_LIMIT:
    case STINT_NO_MEMORY:
    case STINT_STORE_DOWN:
    case STINT_DRAINING:
    case STINT_FENCED:
        return true;
    default:
        return false;
    }
}

static void
last_reply(struct client_machine *m, struct client_request *r, const stint_Reply *reply)
{
    enum stint_status status =
        reply->status < STINT_STATUS_COUNT_ ? (enum stint_status)reply->status : STINT_ERROR;
    if (is_hearsay(status) && r->changes && r->again) {
        status = STINT_OUTCOME_UNKNOWN;
    } else if (status == STINT_NOT_SENT) {
        status = STINT_TIMED_OUT; /* the node tried until the time was over, and nobody else did */
    }
    r->truncated = reply->truncated;
    text_copy(r->page, sizeof r->page, reply->page);
    machine_finish(m, r, status, reply->detail);
}

bool
machine_replies(struct client_machine *m, struct stint_span batch, struct session_time time)
{
    struct envelope envelope;
    struct stint_span body;
    own_tick(m->own, time.now_ns);
    while (envelope_next(&batch, &envelope, &body) == STINT_OK) {
        if (envelope.kind != ENVELOPE_REPLY) {
            own_receive(m->own, &envelope, body);
            continue;
        }
        struct client_request *r = table_find(&m->by_number, id_of_u64(envelope.number));
        if (r == NULL || r->state != CLIENT_SENT) {
            continue; /* what was given up may still be answered */
        }
        r->word = envelope.word != 0 ? envelope.word : r->word;
        stint_Reply reply;
        struct record record;
        if (!decode_reply(body, &reply, &record)) {
            return false;
        }
        if (reply.kind != stint_ItemKind_ITEM_NONE && !record_append(&r->records, &record)) {
            machine_finish(m, r, STINT_LIMIT, "the answer is too large");
            continue;
        }
        if (reply.end) {
            last_reply(m, r, &reply);
        }
    }
    return true;
}

/* ---- deadlines ---- */

static void
expire(struct client_machine *m, struct client_request *r, struct session_time time)
{
    uint64_t grace = r->deadline_ns + (uint64_t)r->grace_ms * MACHINE_NS_PER_MS;
    grace = MUTANT(m->mem, CALL_FOREVER) ? UINT64_MAX : grace;
    if (r->was_sent && time.now_ns < grace) {
        heap_update(&m->timers, &r->timer, grace, r->number);
        return;
    }
    char detail[CLIENT_DETAIL_SIZE];
    if (r->state == CLIENT_SENT) {
        text_format(detail, sizeof detail, "no answer from %s in time",
                    m->node[0] != '\0' ? m->node : "the node");
    } else if (m->why != STINT_OK) {
        text_format(detail, sizeof detail, "no node reached in time; %s", m->why_text);
    } else {
        text_copy(detail, sizeof detail, "no node reached in time");
    }
    /* A refusal is a verdict on requests that never left. */
    if (!r->was_sent && m->why != STINT_OK && m->why != STINT_UNREACHABLE) {
        machine_finish(m, r, m->why, detail);
        return;
    }
    finish_without_verdict(m, r, detail);
}

void
machine_expire(struct client_machine *m, struct session_time time)
{
    struct heap_item *item;
    while ((item = heap_first(&m->timers)) != NULL && item->key <= time.now_ns) {
        expire(m, STINT_CONTAINER_OF(item, struct client_request, timer), time);
    }
}
