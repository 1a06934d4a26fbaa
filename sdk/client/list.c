/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items one by one: a record is decoded into the list's scratch when it is taken, its texts are
 * made fit for a terminal, and the public structure points into the scratch. So a list of ten
 * thousand costs what it cost on the wire.
 */
#include "client/list.h"

#include <string.h>

#include <pb_encode.h>

#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"

union scratch {
    stint_NodeInfo node;
    stint_TaskletInfo tasklet;
    stint_FrameInfo frame;
    stint_ExplainInfo explain;
    stint_MoveInfo move;
    stint_ChannelInfo channel;
    stint_SpawnInfo spawn;
    stint_DrainInfo drain;
    stint_PlanInfo plan;
    stint_ModuleInfo module;
    stint_StatusInfo status;
    stint_KeyInfo serial;
    struct list_key key;
    struct list_file file;
};

union shown {
    struct stint_node_item node;
    struct stint_tasklet_item tasklet;
    struct stint_frame_item frame;
    struct stint_explain_item explain;
    struct stint_move_item move;
    struct stint_channel_item channel;
    struct stint_spawn_item spawn;
    struct stint_drain_item drain;
    struct stint_plan_item plan;
    struct stint_module_item module;
    struct stint_status_item status;
    struct stint_key_item key;
    struct stint_file_item file;
};

enum { PHASES_MAX = sizeof((stint_MoveInfo *)0)->phases / sizeof((stint_MoveInfo *)0)->phases[0] };

struct stint_list {
    struct client_heap *heap;
    struct buf records;
    size_t at;
    bool truncated;
    char page[sizeof((stint_Reply *)0)->page];
    char note[STINT_CLIENT_ERROR_SIZE];
    union scratch scratch;
    union shown shown;
    struct stint_move_phase phases[PHASES_MAX];
    struct stint_span payload;
};

struct stint_list *
list_new(struct client_heap *heap)
{
    struct stint_list *list = mem_zalloc(&heap->mem, sizeof *list);
    if (list != NULL) {
        list->heap = client_heap_hold(heap);
        buf_init(&list->records, &heap->mem, CLIENT_REPLY_MAX);
    }
    return list;
}

struct buf *
list_records(struct stint_list *list)
{
    return &list->records;
}

enum stint_status
list_of_call(struct stint_call *call, struct stint_list **out)
{
    bool good = call->status == STINT_OK || call->status == STINT_PARTIAL;
    *out = NULL;
    if (!call->over || !good || !call->lists) {
        return STINT_INVALID;
    }
    struct stint_list *list = list_new(call->heap);
    if (list == NULL) {
        return STINT_NO_MEMORY;
    }
    struct buf empty = list->records;
    list->records = call->records;
    call->records = empty;
    call->lists = false;
    list->truncated = call->truncated;
    text_copy(list->page, sizeof list->page, call->page);
    text_copy(list->note, sizeof list->note, call->detail);
    *out = list;
    return STINT_OK;
}

size_t
list_encode(const pb_msgdesc_t *desc, const void *item, uint8_t *out, size_t size)
{
    pb_ostream_t stream = pb_ostream_from_buffer(out, size);
    STINT_ASSERT(pb_encode(&stream, desc, item));
    return stream.bytes_written;
}

void
stint_list_rewind(struct stint_list *list)
{
    list->at = 0;
}

size_t
stint_list_count(const struct stint_list *list)
{
    struct record record;
    size_t at = 0;
    size_t count = 0;
    while (record_next(&list->records, &at, &record)) {
        count++;
    }
    return count;
}

bool
stint_list_truncated(const struct stint_list *list)
{
    return list->truncated;
}

const char *
stint_list_page(const struct stint_list *list)
{
    return list->page;
}

const char *
stint_list_note(const struct stint_list *list)
{
    return list->note;
}

void
stint_list_free(struct stint_list *list)
{
    if (list != NULL) {
        struct client_heap *heap = list->heap;
        client_lock_take(&heap->lock);
        buf_fini(&list->records);
        mem_free(&heap->mem, list, sizeof *list);
        client_lock_give(&heap->lock);
        client_heap_drop(heap);
    }
}

/* Decodes the next record into the scratch if it is of that kind; what cannot be read is passed
 * over. */
static bool
take(struct stint_list *list, uint32_t kind, const pb_msgdesc_t *desc, size_t size)
{
    struct record record;
    size_t at = list->at;
    while (record_next(&list->records, &at, &record)) {
        if (record.kind != kind) {
            return false;
        }
        list->at = at;
        list->payload = record.payload;
        memset(&list->scratch, 0, sizeof list->scratch);
        memset(&list->shown, 0, sizeof list->shown);
        if (desc == NULL && record.item.size == size) {
            memcpy(&list->scratch, record.item.data, size);
            return true;
        }
        if (desc != NULL && client_item_decode(record.item, desc, &list->scratch)) {
            return true;
        }
    }
    return false;
}

#define TAKE(list, kind, type) \
    take(list, (uint32_t)stint_ItemKind_##kind, type##_fields, sizeof(type))

static const char *
clean(char *text)
{
    client_text_clean(text);
    return text;
}

/* An id of 16 bytes, else none. */
static bool
id_of(struct stint_id *id, const void *bytes, size_t size)
{
    static const struct stint_id none;
    *id = none;
    if (size == sizeof id->bytes) {
        memcpy(id->bytes, bytes, size);
    }
    return size == sizeof id->bytes && memcmp(id->bytes, none.bytes, sizeof none.bytes) != 0;
}

#define ID(to, field) id_of(&(to), (field).bytes, (field).size)

const struct stint_node_item *
stint_list_node(struct stint_list *list)
{
    if (!TAKE(list, ITEM_NODE, stint_NodeInfo)) {
        return NULL;
    }
    stint_NodeInfo *from = &list->scratch.node;
    struct stint_node_item *to = &list->shown.node;
    (void)ID(to->id, from->id);
    to->name = clean(from->name);
    to->state = clean(from->state);
    to->endpoint = clean(from->endpoint);
    to->incarnation = from->incarnation;
    to->tasklets = from->tasklets;
    to->runnable = from->runnable;
    to->channels = from->channels;
    to->cpu_permille = from->cpu_permille;
    to->load_permille = from->load_permille;
    to->memory_bytes = from->memory_bytes;
    to->moves_in = from->moves_in;
    to->moves_out = from->moves_out;
    to->version = clean(from->version);
    to->modules = clean(from->modules);
    to->authority = from->authority;
    to->steps = from->steps;
    to->labels = clean(from->labels);
    return to;
}

const struct stint_tasklet_item *
stint_list_tasklet(struct stint_list *list)
{
    if (!TAKE(list, ITEM_TASKLET, stint_TaskletInfo)) {
        return NULL;
    }
    stint_TaskletInfo *from = &list->scratch.tasklet;
    struct stint_tasklet_item *to = &list->shown.tasklet;
    (void)ID(to->id, from->id);
    to->node = clean(from->node);
    to->code = clean(from->code);
    to->module = clean(from->module);
    to->state = clean(from->state);
    to->epoch = from->epoch;
    to->frames = from->frames;
    to->size_bytes = from->size_bytes;
    to->at = clean(from->at);
    to->file = clean(from->file);
    to->line = from->line;
    to->has_channel = ID(to->channel, from->channel);
    to->since_ms = from->since_ms;
    to->moves = from->moves;
    to->movable = from->movable;
    to->tags = clean(from->tags);
    to->steps = from->steps;
    return to;
}

const struct stint_frame_item *
stint_list_frame(struct stint_list *list)
{
    if (!TAKE(list, ITEM_FRAME, stint_FrameInfo)) {
        return NULL;
    }
    stint_FrameInfo *from = &list->scratch.frame;
    struct stint_frame_item *to = &list->shown.frame;
    (void)ID(to->tasklet, from->tasklet);
    to->node = clean(from->node);
    to->code = clean(from->code);
    to->module = clean(from->module);
    to->file = clean(from->file);
    to->line = from->line;
    to->label = clean(from->label);
    to->type = clean(from->type);
    /* The payload is a text by now: JSON, or `!` and why there is none. */
    const char *text = (const char *)list->payload.data;
    bool there = list->payload.size != 0 && text[list->payload.size - 1] == '\0';
    to->locals = there && text[0] != '!' ? text : NULL;
    to->hidden = to->locals != NULL ? "" : there ? text + 1 : "not shown";
    return to;
}

const struct stint_explain_item *
stint_list_explain(struct stint_list *list)
{
    if (!TAKE(list, ITEM_EXPLAIN, stint_ExplainInfo)) {
        return NULL;
    }
    stint_ExplainInfo *from = &list->scratch.explain;
    struct stint_explain_item *to = &list->shown.explain;
    (void)ID(to->id, from->id);
    to->movable = from->movable;
    to->reason_code = clean(from->reason_code);
    to->text = clean(from->text);
    to->frame = clean(from->frame);
    to->pickle_bytes = from->pickle_bytes;
    to->target = clean(from->target);
    to->target_ok = from->target_ok;
    return to;
}

const struct stint_move_item *
stint_list_move(struct stint_list *list)
{
    if (!TAKE(list, ITEM_MOVE, stint_MoveInfo)) {
        return NULL;
    }
    stint_MoveInfo *from = &list->scratch.move;
    struct stint_move_item *to = &list->shown.move;
    (void)ID(to->id, from->id);
    (void)ID(to->tasklet, from->tasklet);
    to->from = clean(from->from);
    to->to = clean(from->to);
    to->reason = clean(from->reason);
    to->by = clean(from->by);
    to->phase = clean(from->phase);
    to->outcome = clean(from->outcome);
    to->bytes = from->bytes;
    to->frozen_us = from->frozen_us;
    to->started_ms = from->started_ms;
    for (pb_size_t i = 0; i < from->phases_count; i++) {
        list->phases[i] = (struct stint_move_phase){ clean(from->phases[i].name),
                                                     from->phases[i].at_ms, from->phases[i].at_us };
    }
    to->phases = list->phases;
    to->phase_count = from->phases_count;
    to->status = from->status < STINT_STATUS_COUNT_ ? (enum stint_status)from->status : STINT_ERROR;
    to->detail = clean(from->detail);
    return to;
}

const struct stint_channel_item *
stint_list_channel(struct stint_list *list)
{
    if (!TAKE(list, ITEM_CHANNEL, stint_ChannelInfo)) {
        return NULL;
    }
    stint_ChannelInfo *from = &list->scratch.channel;
    struct stint_channel_item *to = &list->shown.channel;
    (void)ID(to->id, from->id);
    to->name = clean(from->name);
    to->node = clean(from->node);
    to->has_owner = ID(to->owner, from->owner);
    to->capacity = from->capacity;
    to->balance = from->balance;
    to->buffered = from->buffered;
    to->senders = from->senders;
    to->receivers = from->receivers;
    to->type = clean(from->type);
    to->closing = from->closing;
    return to;
}

const struct stint_spawn_item *
stint_list_spawn(struct stint_list *list)
{
    if (!TAKE(list, ITEM_SPAWN, stint_SpawnInfo)) {
        return NULL;
    }
    struct stint_spawn_item *to = &list->shown.spawn;
    (void)ID(to->id, list->scratch.spawn.id);
    to->node = clean(list->scratch.spawn.node);
    return to;
}

const struct stint_drain_item *
stint_list_drain(struct stint_list *list)
{
    if (!TAKE(list, ITEM_DRAIN, stint_DrainInfo)) {
        return NULL;
    }
    stint_DrainInfo *from = &list->scratch.drain;
    struct stint_drain_item *to = &list->shown.drain;
    to->node = clean(from->node);
    to->total = from->total;
    to->moved = from->moved;
    to->remaining = from->remaining;
    to->done = from->done;
    to->is_stuck = ID(to->stuck, from->stuck);
    to->why = clean(from->why);
    return to;
}

const struct stint_plan_item *
stint_list_plan(struct stint_list *list)
{
    if (!TAKE(list, ITEM_PLAN, stint_PlanInfo)) {
        return NULL;
    }
    stint_PlanInfo *from = &list->scratch.plan;
    struct stint_plan_item *to = &list->shown.plan;
    (void)ID(to->tasklet, from->tasklet);
    to->from = clean(from->from);
    to->to = clean(from->to);
    to->reason = clean(from->reason);
    to->code = clean(from->code);
    return to;
}

const struct stint_module_item *
stint_list_module(struct stint_list *list)
{
    if (!TAKE(list, ITEM_MODULE, stint_ModuleInfo)) {
        return NULL;
    }
    stint_ModuleInfo *from = &list->scratch.module;
    struct stint_module_item *to = &list->shown.module;
    to->name = clean(from->name);
    to->version = clean(from->version);
    to->node = clean(from->node);
    to->codes = clean(from->codes);
    to->fingerprint = from->fingerprint;
    return to;
}

const struct stint_status_item *
stint_list_status(struct stint_list *list)
{
    if (!TAKE(list, ITEM_STATUS, stint_StatusInfo)) {
        return NULL;
    }
    stint_StatusInfo *from = &list->scratch.status;
    struct stint_status_item *to = &list->shown.status;
    (void)ID(to->cluster, from->cluster);
    to->view = from->view;
    to->nodes = from->nodes;
    to->tasklets = from->tasklets;
    to->moves_in_flight = from->moves_in_flight;
    to->in_doubt = from->in_doubt;
    to->imbalance_permille = from->imbalance_permille;
    to->balancer = from->balancer;
    to->authority = clean(from->authority);
    to->moves_done = from->moves_done;
    return to;
}

const struct stint_key_item *
stint_list_key(struct stint_list *list)
{
    struct stint_key_item *to = &list->shown.key;
    if (TAKE(list, ITEM_KEY, stint_KeyInfo)) {
        *to = (struct stint_key_item){
            .role = "", .name = "", .serial = list->scratch.serial.serial, .revoked = true
        };
        return to;
    }
    if (!take(list, LIST_KEY, NULL, sizeof(struct list_key))) {
        return NULL;
    }
    struct list_key *from = &list->scratch.key;
    to->role = cert_role_name((enum cert_role)from->role);
    to->name = clean(from->name);
    to->serial = from->serial;
    to->not_before_ms = from->not_before_ms;
    to->not_after_ms = from->not_after_ms;
    to->has_secret = from->has_secret;
    to->revoked = from->revoked;
    return to;
}

const struct stint_file_item *
stint_list_file(struct stint_list *list)
{
    if (!take(list, LIST_FILE, NULL, sizeof(struct list_file))) {
        return NULL;
    }
    stint_ExportInfo *from = &list->scratch.file.info;
    struct stint_file_item *to = &list->shown.file;
    (void)id_of(&to->cluster, from->cluster, sizeof from->cluster);
    (void)id_of(&to->tasklet, from->tasklet, sizeof from->tasklet);
    to->epoch = from->epoch;
    to->node = clean(from->node);
    to->exported_ms = from->wall_ms;
    to->moved = from->moved;
    to->code = clean(from->code);
    to->frames = list->scratch.file.frames;
    return to;
}
