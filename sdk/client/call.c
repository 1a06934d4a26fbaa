/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: their life from begin to release, and the lanes that keep operations on one channel in
 * order. What each does next is in call_steps.c. */
#include <string.h>

#include <pb_decode.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "client/client_internal.h"

/* Its order among the others counts. */
static bool
takes_turns(const struct stint_call *call)
{
    return call->kind == CALL_SEND || call->kind == CALL_RECEIVE;
}

struct stint_call *
client_call_new(struct stint_client *client, enum call_kind kind, uint32_t timeout_ms)
{
    client_lock_take(&client->heap->lock);
    struct client_slot *slot = client_slot_find(client);
    if (slot != NULL) {
        slot->error[0] = '\0';
    }
    if (client->closing) {
        (void)client_fail(client, STINT_CANCELLED, "the client is being closed");
        return NULL;
    }
    if (client->call_count >= client->settings.pending_max) {
        (void)client_fail(client, STINT_BUSY, "%u operations are under way: let some end first",
                          client->call_count);
        return NULL;
    }
    struct stint_call *call = mem_zalloc(&client->heap->mem, sizeof *call);
    if (call == NULL) {
        (void)client_fail(client, STINT_NO_MEMORY, "out of memory");
        return NULL;
    }
    call->heap = client_heap_hold(client->heap);
    call->client = client;
    call->kind = kind;
    uint32_t ms = timeout_ms == 0                      ? 1
                  : timeout_ms > CLIENT_TIMEOUT_MAX_MS ? CLIENT_TIMEOUT_MAX_MS
                                                       : timeout_ms;
    call->begun_ns = client_time().now_ns;
    call->deadline_ns = call->begun_ns + ms * MACHINE_MS;
    struct mem *mem = &call->heap->mem;
    buf_init(&call->payload, mem, CLIENT_FILE_MAX);
    buf_init(&call->records, mem, CLIENT_REPLY_MAX);
    buf_init(&call->text, mem, CLIENT_JSON_MAX);
    buf_init(&call->shown, mem, CLIENT_REPLY_MAX);
    list_init(&call->waiting);
    list_init(&call->place);
    list_init(&call->every);
    list_push_back(&client->handles, &call->every);
    list_push_back(&client->calls, &call->place);
    client->call_count++;
    client->unlaned += takes_turns(call);
    return call;
}

static void
free_call(struct stint_call *call)
{
    STINT_ASSERT(call->over && call->request == NULL && call->lane == NULL && call->out == NULL);
    struct client_heap *heap = call->heap;
    struct mem *mem = &heap->mem;
    list_remove(&call->every);
    list_remove(&call->place);
    client_text_free(mem, call->json);
    client_text_free(mem, call->channel_text);
    mem_free(mem, call->names, CLIENT_CALL_NAMES * sizeof *call->names);
    buf_fini(&call->payload);
    buf_fini(&call->records);
    buf_fini(&call->text);
    buf_fini(&call->shown);
    mem_free(mem, call, sizeof *call);
    client_heap_let_go(heap);
}

void
client_call_release(struct stint_call *call)
{
    if (call != NULL && call->over && (call->told || call->client == NULL)) {
        free_call(call);
    } else if (call != NULL) {
        call->released = true;
    }
}

bool
client_call_text(struct stint_call *call, char *field, size_t size, const char *text,
                 const char *what)
{
    if (call->over || text == NULL) {
        return !call->over;
    }
    if (strlen(text) >= size || !text_is_printable(text, size - 1)) {
        char detail[128];
        text_format(detail, sizeof detail, "%s: at most %zu printable characters", what, size - 1);
        client_call_finish(call, STINT_INVALID, detail);
        return false;
    }
    text_copy(field, size, text);
    return true;
}

/* ---- turns: the order of the calls is that of their places in the lane, however long each one
 * looks for it ---- */

/* They take the same lane, as far as it is known: two names of one channel are found out to be one
 * when both are known. */
static bool
in_same_lane(const struct stint_call *a, const struct stint_call *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    if (a->channel_known && b->channel_known) {
        return id_equal(a->channel, b->channel);
    }
    return a->channel_text != NULL && b->channel_text != NULL &&
           strcmp(a->channel_text, b->channel_text) == 0;
}

bool
client_call_is_next(struct stint_call *call)
{
    struct stint_client *client = call->client;
    if (call->laned || client->unlaned == 1) {
        return true;
    }
    LIST_EACH (link, &client->calls) {
        struct stint_call *other = STINT_CONTAINER_OF(link, struct stint_call, place);
        if (other == call) {
            break;
        }
        if (takes_turns(other) && !other->laned && in_same_lane(other, call)) {
            list_push_back(&client->turns, &call->waiting);
            return false;
        }
    }
    return true;
}

void
client_call_laned(struct stint_call *call)
{
    struct stint_client *client = call->client;
    if (call->laned || !takes_turns(call)) {
        return;
    }
    call->laned = true;
    client->unlaned--;
    if (list_is_empty(&client->turns)) {
        return;
    }
    /* The earliest one that waited for it looks again; whoever waits for that one comes after it.
     */
    LIST_EACH (link, &client->calls) {
        struct stint_call *next = STINT_CONTAINER_OF(link, struct stint_call, place);
        if (!next->laned && next->step == STEP_LANE && list_is_linked(&next->waiting) &&
            in_same_lane(call, next)) {
            list_remove(&next->waiting);
            list_push_back(&client->ready, &next->waiting);
            return;
        }
    }
}

/* ---- lanes ---- */

void
client_lane_release(struct stint_client *client, struct lane *lane)
{
    lane->holder = NULL;
    struct list *first = list_pop_front(&lane->waiting);
    if (first != NULL) {
        struct stint_call *next = STINT_CONTAINER_OF(first, struct stint_call, waiting);
        lane->holder = next;
        next->lane = lane;
        list_push_back(&client->ready, &next->waiting);
    }
}

static void
leave_lane(struct stint_call *call, enum stint_status status)
{
    struct lane *lane = call->lane;
    list_remove(&call->waiting);
    if (lane == NULL) {
        return;
    }
    /* After anything but success nobody knows for sure whether the channel's host has seen the
     * number: an unused number would keep the lane's next operation waiting for it. */
    if (call->main_done && status == STINT_OK) {
        lane->next++;
    } else if (call->main_done) {
        client_cache_renew_lane(&call->client->cache, lane);
    }
    call->lane = NULL;
    client_lane_release(call->client, lane);
}

void
client_call_finish(struct stint_call *call, enum stint_status status, const char *detail)
{
    STINT_ASSERT(!call->over && call->request == NULL);
    struct stint_client *client = call->client;
    text_copy(call->detail, sizeof call->detail, detail);
    if (call->out != NULL) {
        status = client_export_end(call, status, call->detail, sizeof call->detail);
    }
    if (call->detail[0] == '\0' && status != STINT_OK) {
        text_copy(call->detail, sizeof call->detail, stint_strerror(status));
    }
    client_text_clean(call->detail);
    call->over = true;
    call->over_ns = client_time().now_ns;
    call->status = status;
    client_own_leave(call);
    list_remove(&call->place);
    leave_lane(call, status);
    client_call_laned(call);
    client->call_count--;
    if (client->draining && client->call_count == 0) {
        client_quiet(client);
    }
    if (call->blocks != NULL) {
        call->told = true;
        client_slot_wake(call->blocks);
    } else {
        list_push_back(&client->finished, &call->place);
    }
}

void
client_call_begin(struct stint_call *call)
{
    call->client->touched = true;
    if (!call->over) {
        client_call_advance(call);
    }
}

/* ---- giving up ---- */

void
client_call_cancel(struct stint_call *call)
{
    if (call->over || call->client == NULL) {
        return;
    }
    call->client->touched = true;
    if (call->owned && call->own.over) {
        return; /* it is over, and about to be told */
    }
    if (call->request != NULL) {
        client_machine_cancel(call->client->machine, call->request);
    } else {
        client_call_finish(call, STINT_CANCELLED, "given up");
    }
}

/* The first call that waits for another one, or for the connection, longer than it may. */
static struct stint_call *
overdue(struct stint_client *client, uint64_t now_ns)
{
    LIST_EACH (link, &client->calls) {
        struct stint_call *call = STINT_CONTAINER_OF(link, struct stint_call, place);
        bool waits = list_is_linked(&call->waiting) || call->step == STEP_OWN;
        if (call->request == NULL && waits && call->deadline_ns <= now_ns &&
            !(call->owned && call->own.over)) {
            return call;
        }
    }
    return NULL;
}

void
client_calls_expire(struct stint_client *client, uint64_t now_ns)
{
    struct stint_call *call;
    while ((call = overdue(client, now_ns)) != NULL) {
        if (call->kind == CALL_CONNECT) {
            client_call_not_connected(call);
        } else if (call->step == STEP_OWN) {
            client_own_expired(call);
        } else {
            client_call_finish(call, STINT_NOT_SENT,
                               call->kind == CALL_SEND
                                   ? "an earlier send to the same channel is not over"
                                   : "an earlier receive from the same channel is not over");
        }
    }
}

uint64_t
client_calls_deadline(const struct stint_client *client)
{
    uint64_t deadline = UINT64_MAX;
    LIST_EACH (link, &client->calls) {
        const struct stint_call *call = STINT_CONTAINER_OF(link, struct stint_call, place);
        if (call->request == NULL && call->deadline_ns < deadline) {
            deadline = call->deadline_ns;
        }
    }
    return deadline;
}

/* ---- reading answers ---- */

bool
client_item_decode(struct stint_span bytes, const pb_msgdesc_t *desc, void *out)
{
    pb_istream_t stream = pb_istream_from_buffer(bytes.data, bytes.size);
    return pb_decode(&stream, desc, out);
}

bool
client_records_first(const struct buf *records, stint_ItemKind kind, const pb_msgdesc_t *desc,
                     void *out, struct stint_span *payload)
{
    struct record record;
    size_t at = 0;
    if (!record_next(records, &at, &record) || record.kind != (uint32_t)kind ||
        !client_item_decode(record.item, desc, out)) {
        return false;
    }
    if (payload != NULL) {
        *payload = record.payload;
    }
    return true;
}
