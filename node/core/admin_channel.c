/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: lists, descriptions, making shared ones, closing. */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "kernel/type.h"

/* ---- list ---- */

enum channel_field {
    FIELD_ID,
    FIELD_NAME,
    FIELD_NODE,
    FIELD_OWNER,
    FIELD_TYPE,
    FIELD_CLOSING,
    FIELD_CAPACITY,
    FIELD_BUFFERED,
    FIELD_SENDERS,
    FIELD_RECEIVERS,
    FIELD_COUNT_
};

static const struct selector_field fields[FIELD_COUNT_] = {
    [FIELD_ID] = { "id", false, true, NULL },
    [FIELD_NAME] = { "name", false, false, NULL },
    [FIELD_NODE] = { "node", false, false, NULL },
    [FIELD_OWNER] = { "owner", false, true, NULL },
    [FIELD_TYPE] = { "type", false, false, NULL },
    [FIELD_CLOSING] = { "closing", false, false, "true false" },
    [FIELD_CAPACITY] = { "capacity", true, false, NULL },
    [FIELD_BUFFERED] = { "buffered", true, false, NULL },
    [FIELD_SENDERS] = { "senders", true, false, NULL },
    [FIELD_RECEIVERS] = { "receivers", true, false, NULL },
};

struct channel_look {
    struct node *n;
    const struct kernel_channel_view *view;
};

static void
get_field(void *arg, uint32_t field, struct selector_value *out)
{
    const struct channel_look *look = arg;
    const struct kernel_channel_view *v = look->view;
    char type[TYPE_NAME_SIZE];
    switch ((enum channel_field)field) {
    case FIELD_ID:
        (void)stint_id_text(v->id, out->text);
        break;
    case FIELD_OWNER:
        if (!id_is_zero(v->owner)) {
            (void)stint_id_text(v->owner, out->text);
        }
        break;
    case FIELD_NAME:
        text_copy(out->text, sizeof out->text, v->name != NULL ? v->name : "");
        break;
    case FIELD_NODE:
        text_copy(out->text, sizeof out->text, look->n->name);
        break;
    case FIELD_TYPE:
        text_copy(out->text, sizeof out->text, v->type != NULL ? type_name(v->type, type) : "");
        break;
    case FIELD_CLOSING:
        text_copy(out->text, sizeof out->text, v->closing ? "true" : "false");
        break;
    case FIELD_CAPACITY:
        out->number = v->capacity;
        break;
    case FIELD_BUFFERED:
        out->number = v->count;
        break;
    case FIELD_SENDERS:
        out->number = v->senders;
        break;
    case FIELD_RECEIVERS:
        out->number = v->receivers;
        break;
    case FIELD_COUNT_:
        break;
    }
}

/* Not one that is here only as part of a copy on its way in or out. */
static bool
is_resident(struct node *n, const struct kernel_channel_view *view)
{
    struct kernel_tasklet_view owner;
    const char *state;
    return !view->frozen || id_is_zero(view->owner) ||
           admin_resident(n, view->owner, &owner, &state);
}

static void
emit_channel(struct node *n, struct ask *ask, const struct kernel_channel_view *view,
             const char *page)
{
    stint_ChannelInfo info;
    admin_channel_info(n, view, &info);
    ask_item(n, ask, stint_ItemKind_ITEM_CHANNEL, stint_ChannelInfo_fields, &info, span_of(NULL, 0),
             page);
}

void
admin_channel_list(struct node *n, struct ask *ask)
{
    struct selector selector;
    struct kernel_channel_view view;
    char detail[ADMIN_DETAIL_SIZE];
    const stint_Request *r = &ask->request;
    uint64_t inc;
    uint32_t cursor = 0;
    if (selector_parse(&selector, r->selector, fields, FIELD_COUNT_, detail, sizeof detail) !=
        STINT_OK) {
        ask_end_page(n, ask, STINT_INVALID, detail, false, "");
        return;
    }
    if (r->sort[0] != 0) {
        ask_end(n, ask, STINT_INVALID, "channels are listed in the nodes' own order only");
        return;
    }
    if (r->page[0] != 0) {
        if (!rows_parse_place(r->page, &inc, &cursor)) {
            ask_end(n, ask, STINT_INVALID, "malformed page token");
            return;
        }
        cursor = inc == n->self.inc ? cursor : inc < n->self.inc ? 0 : UINT32_MAX;
    }
    while (cursor != UINT32_MAX && node_each_channel(n, &cursor, &view)) {
        struct channel_look look = { n, &view };
        if (!is_resident(n, &view) || !selector_matches(&selector, get_field, &look)) {
            continue;
        }
        if (ask->sent == admin_limit(r)) {
            ask->truncated = true;
            break;
        }
        char token[ADMIN_PAGE_SIZE];
        rows_place_token(token, n->self.inc, cursor);
        emit_channel(n, ask, &view, token);
    }
    ask_end_page(n, ask, STINT_OK, "", ask->truncated, "");
}

/* ---- one ---- */

/* False: the ask was ended. */
static bool
target_channel(struct node *n, struct ask *ask, struct kernel_channel_view *view)
{
    if (stint_id_parse(ask->request.target, &ask->id) != STINT_OK) {
        ask_end(n, ask, STINT_INVALID, "malformed request: an executor is given the whole id");
        return false;
    }
    if (node_look_channel(n, ask->id, view) != STINT_OK || !is_resident(n, view)) {
        ask_end(n, ask, STINT_NOT_HERE, "channel %s is not on node %s", ask->request.target,
                n->name);
        return false;
    }
    return true;
}

/* A client's channel is where its relay is; what is in it, only the client knows. False: it is none, or not here. */
static bool
describe_guest(struct node *n, struct ask *ask)
{
    const struct guest_channel *guest = stint_id_parse(ask->request.target, &ask->id) == STINT_OK
                                            ? guest_find(n, ask->id)
                                            : NULL;
    if (guest == NULL) {
        return false;
    }
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    ADMIN_PUT_ID(info.id, guest->id);
    text_copy(info.node, sizeof info.node, n->name);
    text_copy(info.type, sizeof info.type, guest->type);
    info.capacity = guest->capacity;
    ask->word = guest->type_hash;
    ask_item(n, ask, stint_ItemKind_ITEM_CHANNEL, stint_ChannelInfo_fields, &info, span_of(NULL, 0), NULL);
    ask_end_page(n, ask, STINT_OK, "", false, "");
    return true;
}

void
admin_channel_describe(struct node *n, struct ask *ask)
{
    struct kernel_channel_view view;
    if (describe_guest(n, ask)) {
        return;
    }
    if (target_channel(n, ask, &view)) {
        ask->word = view.type != NULL ? type_hash(view.type)
                                      : 0; /* for an entry that offers for its client */
        emit_channel(n, ask, &view, NULL);
        ask_end_page(n, ask, STINT_OK, "", false, "");
    }
}

void
admin_channel_close(struct node *n, struct ask *ask)
{
    struct kernel_channel_view view;
    if (stint_id_parse(ask->request.target, &ask->id) == STINT_OK && guest_find(n, ask->id) != NULL) {
        struct arrival close = { .from = n->self,
                                 .envelope = { .kind = ENVELOPE_CLOSE,
                                               .op = ask->request.wake ? KERNEL_WAKE : 0,
                                               .target = ask->id } };
        (void)guest_receive(n, &close); /* its client is told */
        ask_end_page(n, ask, STINT_OK, "", false, "");
        return;
    }
    if (!target_channel(n, ask, &view)) {
        return;
    }
    enum stint_status status = unborn_close(n, ask->id)
                                   ? STINT_OK
                                   : kernel_channel_close(n->kernel, ask->id, ask->request.wake);
    if (status == STINT_BUSY) { /* its owner is being moved */
        ask_wake(n, ask, ADMIN_AGAIN_NS, admin_channel_close);
    } else if (status == STINT_OK) {
        ask_end_page(n, ask, STINT_OK, "", false, "");
    } else {
        ask_end(n, ask, status, "cannot close channel %s: %s", ask->request.target,
                stint_strerror(status));
    }
}

/* ---- making one ---- */

static void
drop_name(struct node *n, const char *name, struct stint_id cid)
{
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    request.op = stint_StoreOp_STORE_NAME_DROP;
    text_copy(request.name, sizeof request.name, name);
    memcpy(request.channel, cid.bytes, sizeof cid.bytes);
    control_store(n, &request, ADMIN_TIMEOUT_MAX_MS, NULL, 0);
}

static void
make_channel(struct node *n, struct ask *ask)
{
    const stint_Request *r = &ask->request;
    struct kernel_channel_view view;
    const char *name = r->text[0] != 0 ? r->text : NULL;
    enum stint_status status = r->type[0] == 0
                                   ? unborn_make(n, ask->id, r->capacity, name)
                                   : kernel_channel_create(n->kernel,
                                                           kernel_find_type(n->kernel, r->type),
                                                           r->capacity, name, &ask->id);
    if (status == STINT_OK) {
        route_arrived(n, ask->id, stint_LocateKind_LOCATE_CHANNEL, 1);
    }
    if ((status == STINT_OK || status == STINT_EXISTS) &&
        node_look_channel(n, ask->id, &view) ==
            STINT_OK) { /* EXISTS: by a retry, its id is the request's */
        emit_channel(n, ask, &view, NULL);
        ask_end_page(n, ask, STINT_OK, "", false, "");
        return;
    }
    if (name != NULL) {
        drop_name(n, name, ask->id);
    }
    ask_end(n, ask, status, "cannot make a channel of %u %s on node %s: %s", r->capacity,
            r->type[0] != 0 ? r->type : "values of any type", n->name, stint_strerror(status));
}

static void
name_taken(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    struct ask *ask = ask_find(n, token);
    if (ask == NULL) {
        return;
    }
    if (reply->status != STINT_OK) {
        ask_end(n, ask, (enum stint_status)reply->status, "cannot name a channel %s: %s",
                ask->request.text,
                reply->detail[0] != 0 ? reply->detail
                                      : stint_strerror((enum stint_status)reply->status));
        return;
    }
    make_channel(n, ask);
}

static void
say_no_type(const struct node *n, const char *type, char *detail, size_t size)
{
    text_format(detail, size, "node %s knows no message type %s; is its module loaded there?",
                n->name, type);
}

/* What can be said before anything is asked of the store. */
static enum stint_status
check_wish(const struct node *n, const stint_Request *r, char *detail, size_t size)
{
    if (r->text[0] != 0 && !text_is_name(r->text, LIMIT_NAME)) {
        text_format(detail, size, "`%.70s` is no name: 1 to %d characters of A-Z a-z 0-9 . _ -",
                    r->text, LIMIT_NAME);
        return STINT_INVALID;
    }
    if (r->capacity > LIMIT_CAPACITY) {
        text_format(detail, size, "a channel holds at most %d values, not %u", LIMIT_CAPACITY,
                    r->capacity);
        return STINT_LIMIT;
    }
    if (r->type[0] != 0 && kernel_find_type(n->kernel, r->type) == NULL) {
        say_no_type(n, r->type, detail, size);
        return STINT_NOT_FOUND;
    }
    if (r->id.size != sizeof(struct stint_id)) {
        text_copy(detail, size, "malformed request: it has no id");
        return STINT_INVALID;
    }
    return STINT_OK;
}

void
admin_channel_create(struct node *n, struct ask *ask)
{
    const stint_Request *r = &ask->request;
    char detail[ADMIN_DETAIL_SIZE];
    enum stint_status status = check_wish(n, r, detail, sizeof detail);
    if (status != STINT_OK) {
        ask_end_page(n, ask, status, detail, false, "");
        return;
    }
    ask->id = admin_derived_id(n, ask, 0);
    if (r->text[0] == 0) {
        make_channel(n, ask);
        return;
    }
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    request.op = stint_StoreOp_STORE_NAME_PUT;
    text_copy(request.name, sizeof request.name, r->text);
    memcpy(request.channel, ask->id.bytes, sizeof ask->id.bytes);
    control_store(n, &request, ask_left_ms(n, ask), name_taken, ask->serial);
}

/* ---- giving one a type ---- */

void
admin_channel_adopt(struct node *n, struct ask *ask)
{
    struct kernel_channel_view view;
    char detail[ADMIN_DETAIL_SIZE];
    if (!target_channel(n, ask, &view)) {
        return;
    }
    if (view.type != NULL) { /* somebody was earlier: who asks sees which one it has */
        admin_channel_describe(n, ask);
        return;
    }
    const struct stint_type *type = kernel_find_type(n->kernel, ask->request.type);
    if (type == NULL) {
        say_no_type(n, ask->request.type, detail, sizeof detail);
        ask_end_page(n, ask, STINT_NOT_FOUND, detail, false, "");
        return;
    }
    enum stint_status status = unborn_adopt(n, ask->id, type);
    if (status != STINT_OK) {
        ask_end(n, ask, status, "channel %s cannot be one of %u %s: %s", ask->request.target,
                view.capacity, ask->request.type, stint_strerror(status));
        return;
    }
    admin_channel_describe(n, ask);
}
