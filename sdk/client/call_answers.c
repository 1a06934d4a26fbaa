/* SPDX-License-Identifier: Apache-2.0 */
/* What the answer to a call's request changes: something that was needed is known now, or the call
 * is over. */
#include <string.h>

#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "client/client_internal.h"

/* A question on the way to the main request failed: the main request has not left. */
static void
finish_early(struct stint_call *call, const struct client_request *r, const char *what)
{
    char detail[STINT_CLIENT_ERROR_SIZE];
    enum stint_status status =
        r->status == STINT_UNREACHABLE && call->changes ? STINT_NOT_SENT : r->status;
    text_format(detail, sizeof detail, "%s%s%s", what, what[0] != '\0' ? ": " : "", r->detail);
    client_call_finish(call, status, detail);
}

static void
got_channel(struct stint_call *call, const struct client_request *r)
{
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    if (r->status != STINT_OK) {
        finish_early(call, r, "");
        return;
    }
    if (!client_records_first(&r->records, stint_ItemKind_ITEM_CHANNEL, stint_ChannelInfo_fields,
                              &info, NULL) ||
        info.id.size != sizeof call->channel.bytes) {
        client_call_finish(call, STINT_BAD_FRAME,
                           "the node answered something else than a channel");
        return;
    }
    memcpy(call->channel.bytes, info.id.bytes, sizeof call->channel.bytes);
    call->channel_known = true;
    call->channel_asked = true;
    call->channel_cached = false;
    if (call->type[0] == '\0') {
        text_copy(call->type, sizeof call->type, info.type);
    }
    client_cache_put_name(&call->client->cache, call->channel_text, &info, client_time().now_ns);
    if (call->kind == CALL_RESOLVE) {
        client_call_finish(call, STINT_OK, "");
    }
}

static void
got_name(struct stint_call *call, const struct client_request *r)
{
    struct call_name *entry = &call->names[call->name_count - 1];
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    if (r->status == STINT_OK &&
        client_records_first(&r->records, stint_ItemKind_ITEM_CHANNEL, stint_ChannelInfo_fields,
                             &info, NULL) &&
        info.id.size == sizeof entry->id.bytes) {
        memcpy(entry->id.bytes, info.id.bytes, sizeof entry->id.bytes);
        entry->status = STINT_OK;
        client_cache_put_name(&call->client->cache, entry->name, &info, client_time().now_ns);
    } else if (r->status == STINT_NOT_FOUND || r->status == STINT_AMBIGUOUS) {
        entry->status = r->status; /* the encoder says where in the value */
    } else {
        finish_early(call, r, entry->name);
    }
}

static void
got_types(struct stint_call *call, const struct client_request *r)
{
    char error[CLIENT_DETAIL_SIZE];
    enum stint_status status = r->status;
    struct record record;
    size_t at = 0;
    text_copy(error, sizeof error, r->detail);
    if (status == STINT_OK && !record_next(&r->records, &at, &record)) {
        status = STINT_BAD_FRAME;
    }
    if (status == STINT_OK) {
        struct stint_span schema = record.item.size != 0 ? record.item : record.payload;
        status = client_cache_put_types(&call->client->cache, call->type, schema, r->word,
                                        client_time().now_ns, error, sizeof error);
    }
    if (status == STINT_OK) {
        return;
    }
    if (call->main_done && call->kind == CALL_STACK) {
        text_format(call->note, sizeof call->note, "!%s", error);
    } else if (call->main_done) {
        client_call_finish(call, STINT_OK, error); /* the value is there, without JSON */
    } else if (r->status == STINT_OK) {
        client_call_finish(call, status, error);
    } else {
        finish_early(call, r, "");
    }
}

/* Spawned ids and names of nodes as stint_call_spawned reads them. */
static bool
rewrite_spawned(struct stint_call *call)
{
    struct buf out;
    struct record record;
    size_t at = 0;
    bool fine = true;
    buf_init(&out, &call->heap->mem, CLIENT_REPLY_MAX);
    while (fine && record_next(&call->records, &at, &record)) {
        stint_SpawnInfo info = stint_SpawnInfo_init_zero;
        fine = record.kind == (uint32_t)stint_ItemKind_ITEM_SPAWN &&
               client_item_decode(record.item, stint_SpawnInfo_fields, &info) &&
               info.id.size == sizeof(struct stint_id);
        client_text_clean(info.node);
        struct record one = { record.kind, span_of(info.id.bytes, sizeof(struct stint_id)),
                              span_of(info.node, strlen(info.node) + 1) };
        fine = fine && record_append(&out, &one);
    }
    buf_fini(&call->records);
    call->records = out;
    return fine;
}

/* What the answer is about, for those who wait: how it ended and the type of the result, or where
 * it is. */
static bool
read_waited(struct stint_call *call)
{
    struct record record;
    size_t at = 0;
    stint_EndInfo end = stint_EndInfo_init_zero;
    stint_TaskletInfo info = stint_TaskletInfo_init_zero;
    if (!record_next(&call->records, &at, &record)) {
        return false;
    }
    if (record.kind == (uint32_t)stint_ItemKind_ITEM_END &&
        client_item_decode(record.item, stint_EndInfo_fields, &end)) {
        text_copy(call->note, sizeof call->note, end.text);
        text_copy(call->type, sizeof call->type, end.type);
    } else if (record.kind == (uint32_t)stint_ItemKind_ITEM_TASKLET &&
               client_item_decode(record.item, stint_TaskletInfo_fields, &info)) {
        text_copy(call->note, sizeof call->note, info.node);
    } else {
        return false;
    }
    client_text_clean(call->note);
    client_text_clean(call->type);
    return true;
}

static bool
read_received(struct stint_call *call)
{
    stint_ValueInfo info = stint_ValueInfo_init_zero;
    if (!client_records_first(&call->records, stint_ItemKind_ITEM_VALUE, stint_ValueInfo_fields,
                              &info, NULL)) {
        return false;
    }
    text_copy(call->type, sizeof call->type, info.type);
    client_text_clean(call->type);
    return true;
}

static bool
read_created(struct stint_call *call)
{
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    if (!client_records_first(&call->records, stint_ItemKind_ITEM_CHANNEL, stint_ChannelInfo_fields,
                              &info, NULL) ||
        info.id.size != sizeof call->channel.bytes) {
        return false;
    }
    memcpy(call->channel.bytes, info.id.bytes, sizeof call->channel.bytes);
    if (call->ask.text[0] != '\0') {
        client_cache_put_name(&call->client->cache, call->ask.text, &info, client_time().now_ns);
    }
    return true;
}

/* A remembered name may lead to a channel that ended, while another has its name now. */
static bool
retry_name(struct stint_call *call, enum stint_status status)
{
    if (call->channel_text != NULL) {
        client_cache_forget_name(&call->client->cache, call->channel_text);
    }
    if (!call->channel_cached || call->retried ||
        (status != STINT_NOT_FOUND && status != STINT_CLOSED)) {
        return false;
    }
    call->retried = true;
    call->channel_known = false;
    call->channel_cached = false;
    return true;
}

/*
 * Nodes bound how long they wait for anything; an operation that was given more time goes on with a
 * new request. Its verdict was that nothing happened and nothing will. One that comes at once is no
 * bound, and is believed.
 */
static bool
goes_on(const struct stint_call *call, const struct client_request *r)
{
    uint64_t now = client_time().now_ns;
    uint64_t enough = STINT_CLIENT_GRACE_MS * MACHINE_MS;
    bool waits = call->kind == CALL_WAIT || call->kind == CALL_RECEIVE || call->kind == CALL_SEND;
    return waits && r->status == STINT_TIMED_OUT && now - r->sent_ns > enough &&
           now + enough < call->deadline_ns;
}

static void
got_main(struct stint_call *call, struct client_request *r)
{
    struct buf records = call->records;
    call->records = r->records;
    r->records = records;
    call->truncated = r->truncated;
    text_copy(call->page, sizeof call->page, r->page);
    if (goes_on(call, r)) {
        if (call->lane != NULL) {
            client_cache_renew_lane(&call->client->cache, call->lane);
        }
        return;
    }
    bool good = r->status == STINT_OK;
    if (!good && (call->kind == CALL_SEND || call->kind == CALL_RECEIVE) &&
        retry_name(call, r->status)) {
        /* Nothing happened over this lane: the next one in it goes on, this call looks for another
         * channel. */
        struct lane *lane = call->lane;
        call->lane = NULL;
        client_cache_renew_lane(&call->client->cache, lane);
        client_lane_release(call->client, lane);
        return;
    }
    /* What came can be shown even if it came at the last moment: one grace for all of it. */
    uint64_t soon = client_time().now_ns + STINT_CLIENT_GRACE_MS * MACHINE_MS;
    call->main_done = true;
    call->show_ns = soon > call->deadline_ns ? soon : call->deadline_ns;
    bool readable = true;
    bool shows = false;
    switch (call->kind) {
    case CALL_SPAWN:
        readable = (!good && r->status != STINT_PARTIAL) || rewrite_spawned(call);
        break;
    case CALL_CREATE:
        readable = !good || read_created(call);
        break;
    case CALL_WAIT:
        readable = !good || read_waited(call);
        shows = good;
        break;
    case CALL_RECEIVE:
        readable = !good || read_received(call);
        shows = good;
        break;
    case CALL_STACK:
        shows = good;
        break;
    default:
        break;
    }
    if (!readable) {
        client_call_finish(call, STINT_BAD_FRAME,
                           "the node answered something that cannot be read");
    } else if (!shows) {
        client_call_finish(call, r->status, r->detail);
    }
}

void
client_call_request_done(struct stint_call *call, struct client_request *request)
{
    enum call_step step = call->step;
    STINT_ASSERT(call->request == request && !call->over);
    call->request = NULL;
    switch (step) {
    case STEP_CHANNEL:
        got_channel(call, request);
        break;
    case STEP_NAME:
        got_name(call, request);
        break;
    case STEP_TYPES:
        got_types(call, request);
        break;
    case STEP_PIECE:
        if (request->status == STINT_OK) {
            call->piece_at += request->payload.size;
        } else if (request->status == STINT_OUTCOME_UNKNOWN && !call->retried) {
            call->retried = true; /* the node was lost with the pieces it had: from the beginning */
            call->piece_at = 0;
        } else {
            finish_early(call, request, "");
        }
        break;
    default:
        got_main(call, request);
    }
    client_request_free(call->client->machine, request);
    client_call_advance(call);
}
