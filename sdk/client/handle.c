/* SPDX-License-Identifier: Apache-2.0 */
/* Handles of calls: what came of them, and giving them up and back. */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "client/list.h"

/* ---- what came of a call that is over ---- */

enum stint_status
client_call_spawned(const struct stint_call *call, struct stint_spawned *spawned, size_t room,
                    size_t *count)
{
    bool made = call->status == STINT_OK || call->status == STINT_PARTIAL;
    if (call->kind != CALL_SPAWN || !call->over || !made) {
        return STINT_INVALID;
    }
    size_t at = 0;
    size_t found = 0;
    struct record record;
    while (record_next(&call->records, &at, &record)) {
        /* Records of this kind were rewritten by the call: id, then the node's name with its
         * terminator. */
        if (found < room) {
            memcpy(spawned[found].id.bytes, record.item.data, sizeof spawned[found].id.bytes);
            spawned[found].node = (const char *)record.payload.data;
        }
        found++;
    }
    if (count != NULL) {
        *count = found;
    }
    return STINT_OK;
}

enum stint_status
client_call_waited(const struct stint_call *call, struct stint_wait_result *result)
{
    if (call->kind != CALL_WAIT || !call->over || call->status != STINT_OK) {
        return STINT_INVALID;
    }
    size_t at = 0;
    struct record record;
    *result = (struct stint_wait_result){ .text = "", .node = "", .value = { .type = call->type } };
    if (!record_next(&call->records, &at, &record)) {
        return STINT_INVALID;
    }
    if (record.kind == (uint32_t)stint_ItemKind_ITEM_END) {
        stint_EndInfo info = stint_EndInfo_init_zero;
        if (!client_item_decode(record.item, stint_EndInfo_fields, &info) ||
            info.id.size != sizeof result->id) {
            return STINT_INVALID;
        }
        memcpy(result->id.bytes, info.id.bytes, sizeof result->id.bytes);
        result->ended = true;
        result->status =
            info.status < STINT_STATUS_COUNT_ ? (enum stint_status)info.status : STINT_ERROR;
        result->text = call->note;
        result->value.bytes = record.payload;
        result->value.json = call->text.size != 0 ? (const char *)call->text.data : NULL;
        return STINT_OK;
    }
    stint_TaskletInfo info = stint_TaskletInfo_init_zero;
    if (!client_item_decode(record.item, stint_TaskletInfo_fields, &info) ||
        info.id.size != sizeof result->id) {
        return STINT_INVALID;
    }
    memcpy(result->id.bytes, info.id.bytes, sizeof result->id.bytes);
    result->node = call->note;
    return STINT_OK;
}

/* JSON of a value, if it was asked for and could be made. */
static const char *
json_of(const struct stint_call *call)
{
    return call->text.size != 0 ? (const char *)call->text.data : NULL;
}

enum stint_status
client_call_value(const struct stint_call *call, struct stint_value *value)
{
    struct record record;
    size_t at = 0;
    if (!call->over || call->status != STINT_OK) {
        return STINT_INVALID;
    }
    *value = (struct stint_value){ .type = call->type, .json = json_of(call) };
    switch (call->kind) {
    case CALL_RECEIVE:
        value->channel = call->channel;
        if (!record_next(&call->records, &at, &record)) {
            return STINT_INVALID;
        }
        value->bytes = record.payload;
        return STINT_OK;
    case CALL_ENCODE:
        value->json = call->json;
        value->bytes = buf_span(&call->payload);
        return STINT_OK;
    case CALL_DECODE:
        value->bytes = buf_span(&call->payload);
        return STINT_OK;
    default:
        return STINT_INVALID;
    }
}

enum stint_status
client_call_channel(const struct stint_call *call, struct stint_id *id)
{
    bool has = call->kind == CALL_CREATE || call->kind == CALL_RESOLVE || call->kind == CALL_OPEN;
    if (!has || !call->over || call->status != STINT_OK) {
        return STINT_INVALID;
    }
    *id = call->channel;
    return STINT_OK;
}

/* ---- the same from outside ---- */

bool
stint_call_done(const struct stint_call *call)
{
    client_lock_take(&call->heap->lock);
    bool over = call->over;
    client_lock_give(&call->heap->lock);
    return over;
}

enum stint_status
stint_call_status(const struct stint_call *call)
{
    client_lock_take(&call->heap->lock);
    enum stint_status status = call->over ? call->status : STINT_BUSY;
    client_lock_give(&call->heap->lock);
    return status;
}

/* What belongs to a call that is over does not change any more. */
const char *
stint_call_error(const struct stint_call *call)
{
    return stint_call_done(call) ? call->detail : "";
}

uint64_t
stint_call_took_us(const struct stint_call *call)
{
    return stint_call_done(call) ? (call->over_ns - call->begun_ns) / 1000 : 0;
}

enum stint_status
stint_call_spawned(const struct stint_call *call, struct stint_spawned *spawned, size_t room,
                   size_t *count)
{
    return stint_call_done(call) ? client_call_spawned(call, spawned, room, count) : STINT_INVALID;
}

enum stint_status
stint_call_waited(const struct stint_call *call, struct stint_wait_result *result)
{
    return stint_call_done(call) ? client_call_waited(call, result) : STINT_INVALID;
}

enum stint_status
stint_call_value(const struct stint_call *call, struct stint_value *value)
{
    return stint_call_done(call) ? client_call_value(call, value) : STINT_INVALID;
}

enum stint_status
stint_call_channel(const struct stint_call *call, struct stint_id *id)
{
    return stint_call_done(call) ? client_call_channel(call, id) : STINT_INVALID;
}

enum stint_status
stint_call_list(struct stint_call *call, struct stint_list **list)
{
    client_lock_take(&call->heap->lock);
    enum stint_status status = list_of_call(call, list);
    client_lock_give(&call->heap->lock);
    return status;
}

void
stint_call_cancel(struct stint_call *call)
{
    client_lock_take(&call->heap->lock);
    client_call_cancel(call);
    if (call->client != NULL) {
        client_kick(call->client);
    }
    client_lock_give(&call->heap->lock);
}

void
stint_call_release(struct stint_call *call)
{
    if (call == NULL) {
        return;
    }
    struct client_heap *heap = call->heap;
    client_lock_take(&heap->lock);
    (void)client_heap_hold(heap);
    client_call_release(call);
    client_lock_give(&heap->lock);
    client_heap_drop(heap);
}
