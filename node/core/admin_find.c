/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what people write to where it is: nodes by name or id, tasklets by id or prefix, channels by
 * name, id or prefix. A whole id is looked up by route.c; a prefix is asked of all members; a name
 * of the authority, or of all members while that is away.
 */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "core/codec.h"

#define NAME_TIMEOUT_MS 2000u
#define FIND_HINTS_MAX 8u /* after so many wrong ones all members are asked */
#define FIND_MISSES_MAX \
    5u /* one on its way from node to node is nowhere for a moment, not for so many */
#define FIND_TRIES_QUICK \
    50u /* it may be on its way: 1 ms is about a move; later it is asked for less often */

bool
admin_is_hex(const char *text, bool *full)
{
    size_t length = strspn(text, "0123456789abcdefABCDEF");
    *full = length == 32;
    return length > 0 && length <= 32 && text[length] == 0;
}

static void find_by_selector(struct node *n, struct ask *ask, const char *field, const char *value);

/* ---- nodes ---- */

/* One that was declared dead may come back under its name; one that has left, or never was, is not to be found. */
static enum stint_status
say_no_node(const struct node *n, const char *text, char *detail, size_t size)
{
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        if (strcmp(m->name, text) == 0) {
            text_format(detail, size, "node %s is down: it %s", text,
                        m->clean ? "has left" : "was declared dead");
            return m->clean ? STINT_NOT_FOUND : STINT_UNREACHABLE;
        }
    }
    size_t at = text_format(detail, size, "there is no node %s; the members are", text);
    for (uint32_t i = 0; i < n->view->member_count && at + 1 < size; i++) {
        if (member_is_living(&n->view->members[i])) {
            at += text_format(detail + at, size - at, " %s", n->view->members[i].name);
        }
    }
    return STINT_NOT_FOUND;
}

enum stint_status
admin_find_node(const struct node *n, const char *text, struct node_ref *out, char *detail,
                size_t detail_size)
{
    const struct member *found = NULL;
    bool full;
    detail[0] = 0;
    if (text[0] == 0) {
        *out = n->self;
        return STINT_OK;
    }
    found = view_named(n->view, text);
    if (found == NULL && admin_is_hex(text, &full)) {
        for (uint32_t i = 0; i < n->view->member_count; i++) {
            const struct member *m = &n->view->members[i];
            char hex[STINT_ID_TEXT_SIZE];
            if (!member_is_living(m) ||
                strncmp(stint_id_text(m->ref.id, hex), text, strlen(text)) != 0) {
                continue;
            }
            if (found != NULL) {
                text_format(detail, detail_size,
                            "%s is the beginning of the ids of nodes %s and %s; give more of it",
                            text, found->name, m->name);
                return STINT_AMBIGUOUS;
            }
            found = m;
        }
    }
    if (found == NULL) {
        return say_no_node(n, text, detail, detail_size);
    }
    *out = found->ref;
    return STINT_OK;
}

struct node_ref
admin_least_loaded(const struct node *n, struct stint_id avoid, const uint64_t *extra)
{
    struct node_ref best = NODE_REF_NONE;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        bool self = id_equal(m->ref.id, n->self.id);
        if (!member_is_target(m) || id_equal(m->ref.id, avoid) ||
            (!self && !peers_is_connected(n, m->ref.id))) {
            continue;
        }
        const struct load_entry *e = load_table_find(&n->loads, m->ref);
        uint64_t tasklets = self ? n->load.tasklets : e != NULL ? e->load.tasklets : 0;
        tasklets += extra != NULL ? extra[i] : 0;
        if (tasklets < least) {
            least = tasklets;
            best = m->ref;
        }
    }
    return best;
}

/* ---- what was found ---- */

static void
not_found(struct node *n, struct ask *ask, const char *what)
{
    if (ask->lost != NULL) {
        ask_fn *lost = ask->lost;
        ask->lost = NULL;
        lost(n, ask);
    } else if (ask->failed > 0) {
        ask_end(n, ask, STINT_UNREACHABLE, "%s %s was not found, but not every node answered: %s",
                ask->kind, what, ask->detail);
    } else {
        ask_end(n, ask, STINT_NOT_FOUND, "there is no %s %s in this cluster; it may have ended",
                ask->kind, what);
    }
}

static void
found_by_route(struct node *n, uint64_t token, struct stint_id id, struct node_ref where)
{
    struct ask *ask = ask_find(n, token);
    if (ask == NULL) {
        return;
    }
    if (node_ref_is_none(where)) {
        char hex[STINT_ID_TEXT_SIZE];
        not_found(n, ask, stint_id_text(id, hex));
        return;
    }
    ask->found(n, ask, id, where);
}

static void
find_id(struct node *n, struct ask *ask, struct stint_id id)
{
    ask->id = id;
    if (ask->id_only) {
        ask->found(n, ask, id, NODE_REF_NONE);
    } else {
        route_find(n, id, found_by_route, ask->serial);
    }
}

static void
route_again(struct node *n, struct ask *ask)
{
    route_find(n, ask->id, found_by_route, ask->serial);
}

static void
search_all(struct node *n, struct ask *ask)
{
    char hex[STINT_ID_TEXT_SIZE];
    find_by_selector(n, ask, "id", stint_id_text(ask->id, hex));
}

void
ask_find_again(struct node *n, struct ask *ask)
{
    struct directory_place place;
    if (n->now_ns - ask->asked_ns > 50 * ADMIN_AGAIN_NS) {
        ask->tries = 0; /* it was there for a good while */
    }
    ask->tries++; /* bounded by the request's deadline */
    if (directory_lookup(n->directory, ask->id, &place, n->now_ns) &&
        id_equal(place.node.id, ask->where.id)) {
        route_wrong(n, ask->id, place.epoch);
    }
    ask_wake(n, ask, ask->tries < FIND_TRIES_QUICK ? ADMIN_AGAIN_NS / 20 : ADMIN_AGAIN_NS,
             ask->tries % FIND_HINTS_MAX == 0 ? search_all : route_again);
}

/* ---- by prefix ---- */

/* Id and node of a row of a list of tasklets or channels. */
static bool
read_row(const struct ask *ask, const struct row *row, struct stint_id *id,
         char node[VIEW_NAME_SIZE])
{
    struct stint_span item = span_of(row->bytes, row->item_size);
    if (ask->kind[0] == 't') {
        stint_TaskletInfo info = stint_TaskletInfo_init_zero;
        if (!codec_read(item, stint_TaskletInfo_fields, &info) ||
            info.id.size != sizeof id->bytes) {
            return false;
        }
        *id = codec_id(info.id.bytes);
        text_copy(node, VIEW_NAME_SIZE, info.node);
        return true;
    }
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    if (!codec_read(item, stint_ChannelInfo_fields, &info) || info.id.size != sizeof id->bytes) {
        return false;
    }
    *id = codec_id(info.id.bytes);
    text_copy(node, VIEW_NAME_SIZE, info.node);
    return true;
}

static const char *
wanted_text(const struct ask *ask)
{
    return ask->verb->verb == stint_Verb_VERB_RESOLVE ? ask->request.text : ask->request.target;
}

static void
prefix_gathered(struct node *n, struct ask *ask)
{
    struct stint_id first = STINT_ID_NONE;
    char node[VIEW_NAME_SIZE] = "";
    ask->expired = NULL;
    for (uint32_t i = 0; i < ask->rows->count; i++) {
        struct stint_id id;
        char where[VIEW_NAME_SIZE];
        if (!read_row(ask, &ask->rows->list[i], &id, where)) {
            continue;
        }
        if (!id_is_zero(first) && !id_equal(first, id)) {
            char a[STINT_ID_TEXT_SIZE], b[STINT_ID_TEXT_SIZE];
            ask_end(n, ask, STINT_AMBIGUOUS,
                    "%s is the beginning of %ss %s and %s at least; give more of it",
                    wanted_text(ask), ask->kind, stint_id_text(first, a), stint_id_text(id, b));
            return;
        }
        first = id;
        text_copy(node, sizeof node, where);
    }
    if (id_is_zero(first)) {
        if (ask->tries > 0 && ++ask->misses < FIND_MISSES_MAX) {
            ask_wake(n, ask, ADMIN_AGAIN_NS, search_all);
        } else {
            not_found(n, ask, wanted_text(ask));
        }
        return;
    }
    ask->misses = 0;
    const struct member *m = view_named(n->view, node);
    ask->id = first;
    ask->truncated = false;
    if (ask->id_only) {
        ask->found(n, ask, first, NODE_REF_NONE);
    } else if (m != NULL) {
        ask->found(n, ask, first, m->ref);
    } else {
        route_find(n, first, found_by_route, ask->serial);
    }
}

/* All members are asked for what the selector says; on behalf of whoever asks, but it is this node
 * that looks. */
static void
find_by_selector(struct node *n, struct ask *ask, const char *field, const char *value)
{
    stint_Request request = ask_part_request(n, ask);
    request.verb = ask->kind[0] == 't' ? stint_Verb_VERB_TASKLET_LIST
                                       : stint_Verb_VERB_CHANNEL_LIST;
    request.role = ROLE_OBSERVER;
    request.id.size = 0;
    request.on[0] = request.page[0] = request.sort[0] = 0;
    request.limit = 2;
    request.all = true;
    text_format(request.selector, sizeof request.selector, "%s=%s", field, value);
    size_t body_size = ask->body_size;
    ask->body_size = 0; /* the value that is to be sent is none of their business */
    ask_gather(n, ask, &request, prefix_gathered);
    ask->body_size = body_size;
}

static void
lower(char *out, size_t size, const char *text)
{
    text_copy(out, size, text);
    for (char *c = out; *c != 0; c++) {
        if (*c >= 'A' && *c <= 'Z') {
            *c = (char)(*c - 'A' + 'a');
        }
    }
}

static void
find_by_id(struct node *n, struct ask *ask, const char *target)
{
    bool full;
    struct stint_id id;
    if (admin_is_hex(target, &full) && full && stint_id_parse(target, &id) == STINT_OK) {
        find_id(n, ask, id);
        return;
    }
    char prefix[STINT_ID_TEXT_SIZE];
    lower(prefix, sizeof prefix, target);
    find_by_selector(n, ask, "id", prefix);
}

void
ask_find_tasklet(struct node *n, struct ask *ask, const char *target, ask_found_fn *found)
{
    bool full;
    ask->kind = "tasklet";
    ask->found = found;
    if (!admin_is_hex(target, &full)) {
        ask_end(n, ask, STINT_NOT_FOUND,
                "`%s` names no tasklet: it takes an id, or the beginning of one, in hex digits",
                target);
        return;
    }
    find_by_id(n, ask, target);
}

/* ---- channels by name ---- */

static void
name_answered(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    struct ask *ask = ask_find(n, token);
    bool full;
    if (ask == NULL) {
        return;
    }
    const char *name = wanted_text(ask);
    if (reply->status == STINT_OK && reply->names_count == 1) {
        find_id(n, ask, codec_id(reply->names[0].channel));
    } else if (reply->status != STINT_NOT_FOUND) {
        find_by_selector(n, ask, "name", name); /* the hosts know their names too */
    } else if (admin_is_hex(name, &full)) {
        find_by_id(n, ask, name);
    } else {
        not_found(n, ask, name);
    }
}

void
ask_find_channel(struct node *n, struct ask *ask, const char *target, ask_found_fn *found)
{
    bool full;
    ask->kind = "channel";
    ask->found = found;
    if (admin_is_hex(target, &full) && full) {
        find_by_id(n, ask, target);
        return;
    }
    if (!text_is_name(target, LIMIT_NAME)) {
        ask_end(n, ask, STINT_NOT_FOUND,
                "`%s` names no channel: it takes a name, an id, or the beginning of one", target);
        return;
    }
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    request.op = stint_StoreOp_STORE_NAME_GET;
    text_copy(request.name, sizeof request.name, target);
    uint32_t left = ask_left_ms(n, ask) / 2;
    control_store(n, &request, left < NAME_TIMEOUT_MS ? left : NAME_TIMEOUT_MS, name_answered,
                  ask->serial);
}

void
ask_find_channel_id(struct node *n, struct ask *ask, struct stint_id id, ask_found_fn *found)
{
    ask->kind = "channel";
    ask->found = found;
    ask->id_only = false;
    find_id(n, ask, id);
}

/* ---- the way in ---- */

static void
forward_found(struct node *n, struct ask *ask, struct stint_id id, struct node_ref where)
{
    ask->id = id;
    ask_forward(n, ask, where);
}

void
admin_resolve_enter(struct node *n, struct ask *ask)
{
    if (ask->request.text[0] == 0) {
        text_copy(ask->request.text, sizeof ask->request.text, ask->request.target);
    }
    ask_find_channel(n, ask, ask->request.text, forward_found);
}

static void
enter_node(struct node *n, struct ask *ask)
{
    struct node_ref where;
    char detail[ADMIN_DETAIL_SIZE];
    enum stint_status status = admin_find_node(n, ask->request.target, &where, detail,
                                               sizeof detail);
    if (status != STINT_OK) {
        ask_end(n, ask, status, "%s", detail);
    } else {
        ask_forward(n, ask, where);
    }
}

static void
enter_authority(struct node *n, struct ask *ask)
{
    const struct member *m = view_find(n->view, n->view->authority);
    if (m == NULL) {
        ask_end(n, ask, STINT_STORE_DOWN,
                "the node with the store is down; start it again and repeat this");
    } else {
        ask->extended = true; /* a silent store is told before whoever asks gives up */
        ask_forward(n, ask, m->ref);
        ask->expired = ask_store_silent;
    }
}

void
ask_enter(struct node *n, struct ask *ask)
{
    if (ask->verb->enter != NULL) {
        ask->verb->enter(n, ask);
    } else {
        ask_enter_scope(n, ask);
    }
}

void
ask_enter_scope(struct node *n, struct ask *ask)
{
    struct node_ref where;
    switch ((enum admin_scope)ask->verb->scope) {
    case SCOPE_ENTRY: /* has `enter` */
        break;
    case SCOPE_NODE:
        enter_node(n, ask);
        break;
    case SCOPE_ON:
        if (admin_place(n, ask, &where)) {
            ask_forward(n, ask, where);
        }
        break;
    case SCOPE_TASKLET:
        ask_find_tasklet(n, ask, ask->request.target, forward_found);
        break;
    case SCOPE_CHANNEL:
        ask_find_channel(n, ask, ask->request.target, forward_found);
        break;
    case SCOPE_EVERY: {
        stint_Request request = ask_part_request(n, ask);
        ask_gather(n, ask, &request, NULL);
        break;
    }
    case SCOPE_AUTHORITY:
        enter_authority(n, ask);
        break;
    }
}
