/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call does next. An operation is a row of needs: the channel's id, the description of a
 * type, ids of channels that a value names, its turn in the lane, the request itself, another
 * description to show what came. Each need is met from what is remembered or by a request, and when
 * its answer is there client_call_advance looks again. So there is one way through, however much
 * was known before.
 */
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "client/client_internal.h"
#include "client/json.h"

/* ---- requests ---- */

static void
submit(struct stint_call *call, enum call_step step, const stint_Request *request,
       struct stint_span payload)
{
    struct stint_client *client = call->client;
    bool last = step == STEP_MAIN || step == STEP_PIECE;
    struct client_ask ask = {
        .request = request, .payload = payload, .deadline_ns = call->deadline_ns, .owner = call
    };
    if (call->main_done) {
        ask.deadline_ns = call->show_ns;
    }
    ask.changes = last && call->changes;
    ask.stays = last && call->stays;
    ask.grace_ms = step == STEP_MAIN ? call->grace_ms : 0;
    call->step = step;
    enum stint_status status =
        client_machine_ask(client->machine, &ask, client_time(), &call->request);
    if (status != STINT_OK) {
        client_call_finish(call, status,
                           status == STINT_BUSY ? "too many requests are pending" : "");
    }
}

static void
ask_resolve(struct stint_call *call, enum call_step step, const char *channel)
{
    stint_Request request = stint_Request_init_zero;
    request.verb = stint_Verb_VERB_RESOLVE;
    if (client_call_text(call, request.text, sizeof request.text, channel, "channel")) {
        submit(call, step, &request, span_of(NULL, 0));
    }
}

/* ---- needs: each is true when it is met; else the call asks, waits, or is over ---- */

static bool
need_channel(struct stint_call *call)
{
    if (call->channel_known) {
        return true;
    }
    if (stint_id_parse(call->channel_text, &call->channel) == STINT_OK) {
        call->channel_known = true;
        return true;
    }
    const struct cached_name *name =
        client_cache_name(&call->client->cache, call->channel_text, client_time().now_ns);
    if (name == NULL) {
        ask_resolve(call, STEP_CHANNEL, call->channel_text);
        return false;
    }
    call->channel = name->id;
    call->channel_known = true;
    call->channel_cached = true;
    if (call->type[0] == '\0') {
        text_copy(call->type, sizeof call->type, name->type);
    }
    return true;
}

/* The message type of what is to be sent. */
static bool
need_type_name(struct stint_call *call)
{
    if (call->type[0] != '\0') {
        return true;
    }
    if (!call->channel_asked) {
        ask_resolve(call, STEP_CHANNEL, call->channel_text);
        return false;
    }
    client_call_finish(call, STINT_TYPE_MISMATCH,
                       "the channel has no message type yet; name that of the value (--type of the tool)");
    return false;
}

static const struct client_types *
need_types(struct stint_call *call)
{
    struct stint_client *client = call->client;
    const struct client_types *types =
        client_cache_types(&client->cache, call->type, client_time().now_ns);
    if (types == NULL) {
        stint_Request request = stint_Request_init_zero;
        request.verb = stint_Verb_VERB_SCHEMA;
        text_copy(request.text, sizeof request.text, call->type);
        text_copy(request.on, sizeof request.on, call->types_on);
        submit(call, STEP_TYPES, &request, span_of(NULL, 0));
    }
    return types;
}

/* What the encoder asks for channels that the JSON names. */
static enum stint_status
lookup_name(void *arg, const char *name, struct stint_id *id)
{
    struct stint_call *call = arg;
    for (uint32_t i = 0; i < call->name_count; i++) {
        if (strcmp(call->names[i].name, name) == 0) {
            *id = call->names[i].id;
            return call->names[i].status;
        }
    }
    struct mem *mem = &call->heap->mem;
    if (call->names == NULL &&
        (call->names = mem_zalloc(mem, CLIENT_CALL_NAMES * sizeof *call->names)) == NULL) {
        return STINT_NO_MEMORY;
    }
    if (call->name_count == CLIENT_CALL_NAMES) {
        return STINT_LIMIT;
    }
    struct call_name *entry = &call->names[call->name_count++];
    text_copy(entry->name, sizeof entry->name, name);
    entry->status = STINT_BLOCKED;
    const struct cached_name *known =
        client_cache_name(&call->client->cache, name, client_time().now_ns);
    if (known != NULL) {
        entry->id = known->id;
        entry->status = STINT_OK;
    }
    *id = entry->id;
    return entry->status;
}

/* The value or the arguments, from JSON. */
static bool
need_encoded(struct stint_call *call)
{
    if (!call->is_json || call->encoded) {
        return true;
    }
    const struct client_types *types = need_types(call);
    if (types == NULL) {
        return false;
    }
    char error[CLIENT_DETAIL_SIZE];
    struct client_json_in in = { .mem = &call->heap->mem,
                                 .types = types,
                                 .type = client_types_root(types),
                                 .text = call->json,
                                 .resolve = lookup_name,
                                 .arg = call,
                                 .error = error,
                                 .error_size = sizeof error };
    enum stint_status status = client_json_encode(&in, &call->payload);
    if (status == STINT_OK) {
        call->encoded = true;
        return true;
    }
    if (status == STINT_BLOCKED) {
        ask_resolve(call, STEP_NAME, call->names[call->name_count - 1].name);
        return false;
    }
    if (status == STINT_LIMIT && call->name_count == CLIENT_CALL_NAMES) {
        text_format(error, sizeof error, "more than %d different channels by name; give their ids",
                    CLIENT_CALL_NAMES);
    }
    client_call_finish(call, status, error);
    return false;
}

static bool
need_lane(struct stint_call *call)
{
    if (call->lane != NULL) {
        return true;
    }
    if (!client_call_is_next(call)) {
        call->step = STEP_LANE;
        return false;
    }
    struct lane *lane = client_cache_lane(&call->client->cache, call->channel,
                                          call->kind == CALL_RECEIVE);
    if (lane == NULL) {
        client_call_finish(call, STINT_BUSY, "operations on too many channels are under way");
        return false;
    }
    if (lane->holder != NULL) {
        call->step = STEP_LANE;
        list_push_back(&lane->waiting, &call->waiting);
        client_call_laned(call);
        return false;
    }
    lane->holder = call;
    call->lane = lane;
    client_call_laned(call);
    return true;
}

/* All pieces of a file are at the node. */
static bool
need_pieces(struct stint_call *call)
{
    size_t left = call->payload.size - call->piece_at;
    if (left == 0) {
        return true;
    }
    stint_Request request = stint_Request_init_zero;
    request.verb = stint_Verb_VERB_UPLOAD;
    memcpy(&request.id, &call->ask.id, sizeof request.id);
    request.offset = call->piece_at;
    request.total = call->payload.size;
    size_t size = left < CLIENT_PIECE ? left : CLIENT_PIECE;
    submit(call, STEP_PIECE, &request, span_of(call->payload.data + call->piece_at, size));
    return false;
}

/* ---- showing what came ---- */

/* The JSON of a value by the described type, terminated, in call->text. */
static enum stint_status
show(struct stint_call *call, const struct client_types *types, struct stint_span bytes)
{
    buf_reset(&call->text);
    enum stint_status status =
        client_json_decode(&call->heap->mem, types, client_types_root(types), bytes, &call->text);
    if (status == STINT_OK && !buf_put_u8(&call->text, '\0')) {
        status = STINT_LIMIT;
    }
    if (status != STINT_OK) {
        buf_reset(&call->text);
    }
    return status;
}

/* The value that came with the answer. It is there whether it can be shown or not. */
static void
show_value(struct stint_call *call)
{
    struct record record;
    size_t at = 0;
    const struct client_types *types = NULL;
    if (!record_next(&call->records, &at, &record) || !call->is_json || call->type[0] == '\0') {
        client_call_finish(call, STINT_OK, "");
        return;
    }
    call->step = STEP_DECODE;
    types = need_types(call);
    if (types != NULL) {
        enum stint_status status = show(call, types, record.payload);
        client_call_finish(call, STINT_OK,
                           status == STINT_OK ? ""
                                              : "the value does not fit its type's description");
    }
}

static void
keep_frame(struct stint_call *call, const struct record *record, const char *shown)
{
    struct record out = { record->kind, record->item, span_of(shown, strlen(shown) + 1) };
    if (!record_append(&call->shown, &out)) {
        call->truncated = true;
    }
}

/* Frames one by one: the description of each one's locals, then their JSON in place of the bytes.
 */
static void
show_frames(struct stint_call *call)
{
    struct record record;
    size_t at = call->decode_at;
    while (record_next(&call->records, &at, &record)) {
        stint_FrameInfo info = stint_FrameInfo_init_zero;
        if (record.kind != (uint32_t)stint_ItemKind_ITEM_FRAME ||
            !client_item_decode(record.item, stint_FrameInfo_fields, &info)) {
            call->decode_at = at;
            continue;
        }
        if (call->note[0] != '\0') {
            keep_frame(call, &record, call->note); /* why its type is not known */
        } else if (info.type[0] == '\0') {
            keep_frame(call, &record, "!not shown to this role");
        } else {
            text_format(call->type, sizeof call->type, "%s/%s", info.module, info.code);
            text_copy(call->types_on, sizeof call->types_on, info.node);
            const struct client_types *types = need_types(call);
            if (types == NULL) {
                return;
            }
            enum stint_status status = show(call, types, record.payload);
            keep_frame(call, &record,
                       status == STINT_OK ? (const char *)call->text.data
                                          : "!does not fit its type's description");
        }
        call->note[0] = '\0';
        call->decode_at = at;
    }
    buf_fini(&call->records);
    call->records = call->shown;
    buf_init(&call->shown, &call->heap->mem, CLIENT_REPLY_MAX);
    client_call_finish(call, STINT_OK, "");
}

/* ---- the kinds ---- */

static void
submit_main(struct stint_call *call)
{
    bool value = call->kind == CALL_SEND || call->kind == CALL_SPAWN;
    submit(call, STEP_MAIN, &call->ask, value ? buf_span(&call->payload) : span_of(NULL, 0));
}

static void
advance_send(struct stint_call *call)
{
    if (!need_channel(call)) {
        return;
    }
    if (client_own_has(call)) {
        if (client_own_typed(call) && need_encoded(call)) {
            client_own_begin(call);
        }
        return;
    }
    if (need_type_name(call) && need_encoded(call) && need_lane(call)) {
        text_copy(call->ask.type, sizeof call->ask.type, call->type);
        stint_id_text(call->channel, call->ask.target);
        call->ask.participant.size = sizeof call->lane->participant.bytes;
        memcpy(call->ask.participant.bytes, call->lane->participant.bytes,
               call->ask.participant.size);
        call->ask.number = call->lane->next;
        submit_main(call);
    }
}

static void
advance_receive(struct stint_call *call)
{
    if (!need_channel(call)) {
        return;
    }
    if (client_own_has(call)) {
        client_own_begin(call);
        return;
    }
    if (need_lane(call)) {
        stint_id_text(call->channel, call->ask.target);
        call->ask.participant.size = sizeof call->lane->participant.bytes;
        memcpy(call->ask.participant.bytes, call->lane->participant.bytes,
               call->ask.participant.size);
        call->ask.number = call->lane->next;
        submit_main(call);
    }
}

static void
advance_close(struct stint_call *call)
{
    bool whole = stint_id_parse(call->channel_text, &call->channel) == STINT_OK;
    if (whole && client_own_has(call)) {
        client_own_close(call);
    } else {
        submit_main(call);
    }
}

static void
advance_values(struct stint_call *call)
{
    if (call->kind == CALL_ENCODE) {
        if (need_encoded(call)) {
            client_call_finish(call, STINT_OK, "");
        }
        return;
    }
    const struct client_types *types = need_types(call);
    if (types != NULL) {
        enum stint_status status = show(call, types, buf_span(&call->payload));
        client_call_finish(call, status,
                           status == STINT_OK ? "" : "the bytes do not fit the type's description");
    }
}

void
client_call_not_connected(struct stint_call *call)
{
    const char *why;
    enum stint_status status = client_machine_why(call->client->machine, &why);
    client_call_finish(call, status != STINT_OK ? status : STINT_UNREACHABLE,
                       why[0] != '\0' ? why : "no node reached in time");
}

static void
advance_connect(struct stint_call *call)
{
    struct stint_client *client = call->client;
    if (call->step == STEP_NONE) {
        call->step = STEP_MAIN;
        client_machine_start(client->machine, client_time());
    }
    switch (client_machine_state(client->machine)) {
    case STINT_CLIENT_CONNECTED:
        client_call_finish(call, STINT_OK, "");
        break;
    case STINT_CLIENT_REFUSED:
        client_call_not_connected(call);
        break;
    default:
        list_push_back(&client->connecting, &call->waiting);
    }
}

void
client_call_advance(struct stint_call *call)
{
    if (call->over || call->request != NULL) {
        return;
    }
    if (call->main_done) {
        call->kind == CALL_STACK ? show_frames(call) : show_value(call);
        return;
    }
    switch (call->kind) {
    case CALL_CONNECT:
        advance_connect(call);
        break;
    case CALL_SEND:
        advance_send(call);
        break;
    case CALL_RECEIVE:
        advance_receive(call);
        break;
    case CALL_SPAWN:
        if (need_encoded(call)) {
            submit_main(call);
        }
        break;
    case CALL_IMPORT:
        if (need_pieces(call)) {
            submit_main(call);
        }
        break;
    case CALL_ENCODE:
    case CALL_DECODE:
        advance_values(call);
        break;
    case CALL_OPEN:
        if (call->channel_known || need_types(call) != NULL) {
            client_own_open(call);
        }
        break;
    case CALL_CLOSE:
        advance_close(call);
        break;
    case CALL_RESOLVE:
        ask_resolve(call, STEP_CHANNEL, call->channel_text);
        break;
    default:
        submit_main(call);
    }
}
