/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving tasklets by an operator's word: one, or all that a selector fits. Moves are begun as far
 * as there is room for them and the rest when others are over. Each has an item: what came of it,
 * or why it was not begun.
 */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "core/codec.h"

struct migration {
    struct stint_id *ids;
    uint32_t count, next, capacity;
    uint32_t pending; /* begun, and waited for */
    uint32_t moved, failed;
    bool single;
    struct node_ref to; /* none: the emptiest */
    enum stint_status status;
    char detail[ADMIN_DETAIL_SIZE];
};

static void
end_migration(struct node *n, struct ask *ask)
{
    struct migration *g = ask->state;
    struct table_cursor cursor = { 0 };
    struct stint_id id;
    void *value;
    while (g->pending > 0 && table_each(&n->admin->moves, &cursor, &id, &value)) {
        if (value == ask) {
            (void)table_remove(&n->admin->moves, id);
        }
    }
    mem_free(n->mem, g->ids, g->capacity * sizeof *g->ids);
    g->ids = NULL;
    g->capacity = 0;
}

static void
emit_move(struct node *n, struct ask *ask, const struct move_record *record)
{
    stint_MoveInfo info;
    admin_move_info(n, record, &info);
    ask_item(n, ask, stint_ItemKind_ITEM_MOVE, stint_MoveInfo_fields, &info, span_of(NULL, 0),
             NULL);
}

/* An item of a move that was never begun. */
static void
emit_unbegun(struct node *n, struct ask *ask, struct stint_id tasklet, struct node_ref to,
             const char *outcome, enum stint_status status, const char *detail)
{
    stint_MoveInfo info = stint_MoveInfo_init_zero;
    ADMIN_PUT_ID(info.tasklet, tasklet);
    text_copy(info.from, sizeof info.from, n->name);
    text_copy(info.to, sizeof info.to, node_ref_is_none(to) ? "" : node_name_of(n, to.id));
    text_copy(info.reason, sizeof info.reason, ask->request.reason);
    text_copy(info.by, sizeof info.by, ask->request.by);
    text_copy(info.phase, sizeof info.phase, move_phase_text(MOVE_ENDED));
    text_copy(info.outcome, sizeof info.outcome, outcome);
    info.started_ms = n->wall_ms;
    info.status = (uint32_t)status;
    text_copy(info.detail, sizeof info.detail, detail);
    ask_item(n, ask, stint_ItemKind_ITEM_MOVE, stint_MoveInfo_fields, &info, span_of(NULL, 0),
             NULL);
}

static void
note_failure(struct migration *g, struct stint_id tasklet, enum stint_status status,
             const char *why)
{
    char hex[STINT_ID_TEXT_SIZE];
    if (g->failed++ == 0) {
        g->status = status != STINT_OK ? status : STINT_REFUSED;
        text_format(g->detail, sizeof g->detail, "cannot move %s: %s", stint_id_text(tasklet, hex),
                    why[0] != 0 ? why : stint_strerror(g->status));
    }
}

static void
finish(struct node *n, struct ask *ask)
{
    struct migration *g = ask->state;
    if (ask->request.dry_run && g->detail[0] == 0) {
        text_copy(g->detail, sizeof g->detail, plan_note(ask));
    }
    enum stint_status status = g->failed == 0 ? STINT_OK : g->moved > 0 ? STINT_PARTIAL : g->status;
    ask_end_page(n, ask, status, g->detail, ask->truncated, "");
}

static struct node_ref
target_of(const struct node *n, const struct migration *g)
{
    return node_ref_is_none(g->to) ? admin_least_loaded(n, n->self.id, NULL) : g->to;
}

static void
dry_run_one(struct node *n, struct ask *ask, struct migration *g,
            const struct kernel_tasklet_view *view, struct node_ref to)
{
    char why[MOVE_DETAIL_SIZE] = "";
    const struct member *m = view_member(n->view, to);
    bool goes = node_ref_equal(to, n->self);
    if (!goes && mover_movable(n, view->id, why, sizeof why) == STINT_OK) {
        goes = m != NULL && !plan_refuses(n, ask, plan_kind(n, view), m, why, sizeof why);
        if (m == NULL) {
            text_copy(why, sizeof why, "no other node takes tasklets");
        }
    }
    admin_plan_item(n, ask, view, goes ? node_name_of(n, to.id) : "",
                    goes ? ask->request.reason : why);
    g->moved++;
}

/* Begins the move of one. False: not now. */
static bool
start_one(struct node *n, struct ask *ask, struct migration *g,
          const struct kernel_tasklet_view *view)
{
    struct stint_id tasklet = view->id, move;
    char detail[MOVE_DETAIL_SIZE] = "";
    struct node_ref to = target_of(n, g);
    if (ask->request.dry_run) {
        dry_run_one(n, ask, g, view, to);
        return true;
    }
    if (node_ref_equal(to, n->self)) {
        g->moved++;
        emit_unbegun(n, ask, tasklet, to, move_outcome_text(MOVE_OUTCOME_COMMITTED), STINT_OK,
                     "it is there");
        return true;
    }
    enum stint_status status = STINT_REFUSED;
    if (node_ref_is_none(to)) {
        text_copy(detail, sizeof detail, "no other node takes tasklets");
    } else {
        status = mover_start(n, tasklet, to.id, ask->request.reason, ask->request.by, &move, detail,
                             sizeof detail);
    }
    if (status == STINT_BUSY || status == STINT_EXISTS) {
        return false;
    }
    if (status != STINT_OK) {
        note_failure(g, tasklet, status, detail);
        emit_unbegun(n, ask, tasklet, to, move_outcome_text(MOVE_FAILED), status, detail);
        return true;
    }
    if (ask->request.wait && table_insert(&n->admin->moves, move, ask) == STINT_OK) {
        g->pending++;
        return true;
    }
    g->moved++;
    const struct move_record *record = moves_find(n->moves, move);
    if (record != NULL) {
        emit_move(n, ask, record);
    }
    return true;
}

static void
start_some(struct node *n, struct ask *ask)
{
    struct migration *g = ask->state;
    while (g->next < g->count) {
        struct kernel_tasklet_view view;
        const char *state;
        if (!admin_resident(n, g->ids[g->next], &view, &state)) {
            if (g->single) {
                ask_end(n, ask, STINT_NOT_HERE, "it has left node %s", n->name);
                return;
            }
            g->next++; /* it went by itself, or has ended */
            continue;
        }
        if (view.state == KERNEL_FROZEN || !start_one(n, ask, g, &view)) {
            ask_wake(n, ask, ADMIN_AGAIN_NS, start_some);
            return;
        }
        g->next++;
    }
    if (g->pending == 0) {
        finish(n, ask);
    }
}

/* A dry run asks the nodes first. */
static void
plan_moves(struct node *n, struct ask *ask)
{
    struct migration *g = ask->state;
    if (!plan_begin(n, ask, start_some)) {
        return;
    }
    for (uint32_t i = 0; i < g->count; i++) {
        struct kernel_tasklet_view view;
        const char *state;
        if (admin_resident(n, g->ids[i], &view, &state) &&
            !plan_ask(n, ask, plan_kind(n, &view), view.id, target_of(n, g))) {
            return;
        }
    }
    if (!plan_waits(n, ask)) {
        start_some(n, ask);
    }
}

void
admin_move_finished(struct node *n, const struct move_record *record)
{
    struct ask *ask = record->outgoing ? table_remove(&n->admin->moves, record->id) : NULL;
    if (ask == NULL) {
        return;
    }
    struct migration *g = ask->state;
    g->pending--;
    emit_move(n, ask, record);
    if (record->outcome == MOVE_OUTCOME_COMMITTED) {
        g->moved++;
    } else {
        note_failure(g, record->tasklet,
                     record->outcome == MOVE_IN_DOUBT ? STINT_IN_DOUBT : record->status,
                     record->detail);
    }
    start_some(n, ask);
}

/* What goes on is shown as it is; nobody can say yet what will come of it. */
static void
migration_expired(struct node *n, struct ask *ask)
{
    struct migration *g = ask->state;
    struct table_cursor cursor = { 0 };
    struct stint_id id;
    void *value;
    bool doubt = false;
    while (table_each(&n->admin->moves, &cursor, &id, &value)) {
        const struct move_record *record = value == ask ? moves_find(n->moves, id) : NULL;
        if (record != NULL) {
            doubt = doubt || record->outcome == MOVE_IN_DOUBT;
            emit_move(n, ask, record);
        }
    }
    uint32_t unbegun = g->count - g->next;
    if (g->pending > 0 || unbegun == 0) {
        enum stint_status status = doubt ? STINT_IN_DOUBT : STINT_OUTCOME_UNKNOWN;
        ask_end(n, ask, g->moved > 0 ? STINT_PARTIAL : status,
                "%u moves go on and %u were not begun in time; look with `stint migration list`",
                g->pending, unbegun);
    } else {
        ask_end(n, ask, g->moved > 0 ? STINT_PARTIAL : STINT_BUSY,
                "%u moves could not be begun in time: too many are under way, or the tasklets are "
                "in one",
                unbegun);
    }
}

/* ---- which ---- */

/* False: no memory. */
static bool
add_id(struct node *n, struct migration *g, struct stint_id id)
{
    if (g->count == g->capacity) {
        uint32_t capacity = g->capacity == 0 ? 16 : g->capacity * 2;
        struct stint_id *ids = mem_resize(n->mem, g->ids, g->capacity * sizeof *ids,
                                          capacity * sizeof *ids);
        if (ids == NULL) {
            return false;
        }
        g->ids = ids;
        g->capacity = capacity;
    }
    g->ids[g->count++] = id;
    return true;
}

/* False: the ask was ended. */
static bool
select_tasklets(struct node *n, struct ask *ask, struct migration *g)
{
    struct selector selector;
    struct kernel_tasklet_view view;
    char detail[ADMIN_DETAIL_SIZE];
    uint32_t cursor = 0;
    if (selector_parse(&selector, ask->request.selector, admin_tasklet_fields,
                       admin_tasklet_field_count, detail, sizeof detail) != STINT_OK) {
        ask_end_page(n, ask, STINT_INVALID, detail, false, "");
        return false;
    }
    while (kernel_each_tasklet(n->kernel, &cursor, &view)) {
        struct admin_tasklet_look look = { n, &view, NULL };
        if ((view.flags & KERNEL_SYSTEM) != 0 || !admin_state_of(n, &view, &look.state) ||
            !selector_matches(&selector, admin_tasklet_get, &look)) {
            continue;
        }
        if (g->count == ADMIN_MOVES_MAX) {
            ask->truncated = true;
            text_format(g->detail, sizeof g->detail,
                        "only the first %u are moved; repeat this for the rest", ADMIN_MOVES_MAX);
            break;
        }
        if (!add_id(n, g, view.id)) {
            ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; try again", n->name);
            return false;
        }
    }
    return true;
}

void
admin_migrate(struct node *n, struct ask *ask)
{
    struct kernel_tasklet_view view;
    const char *state;
    char detail[ADMIN_DETAIL_SIZE];
    struct migration *g = ask_state(n, ask, sizeof *g);
    if (g == NULL) {
        return;
    }
    ask->fini = end_migration;
    ask->expired = migration_expired;
    if (strcmp(ask->request.to, "auto") != 0) {
        enum stint_status status = admin_find_node(n, ask->request.to, &g->to, detail,
                                                   sizeof detail);
        if (status != STINT_OK) {
            ask_end_page(n, ask, status, detail, false, "");
            return;
        }
    }
    g->single = ask->request.target[0] != 0;
    if (!g->single) {
        if (!select_tasklets(n, ask, g)) {
            return;
        }
    } else if (!admin_target(n, ask, &view, &state)) {
        return;
    } else if (!add_id(n, g, ask->id)) {
        ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; try again", n->name);
        return;
    }
    if (ask->request.dry_run) {
        plan_moves(n, ask);
    } else {
        start_some(n, ask);
    }
}

/* ---- at the entry ---- */

void
admin_migrate_enter(struct node *n, struct ask *ask)
{
    stint_Request *r = &ask->request;
    struct node_ref to;
    char detail[ADMIN_DETAIL_SIZE];
    if (r->to[0] == 0) {
        ask_end(n, ask, STINT_INVALID, "where to? name a node with --to, or `auto`");
        return;
    }
    if ((r->target[0] == 0) == (r->selector[0] == 0)) {
        ask_end(n, ask, STINT_INVALID, "name one tasklet, or several with --selector");
        return;
    }
    if (strcmp(r->to, "auto") != 0) {
        enum stint_status status = admin_find_node(n, r->to, &to, detail, sizeof detail);
        if (status != STINT_OK) {
            ask_end_page(n, ask, status, detail, false, "");
            return;
        }
        text_copy(r->to, sizeof r->to, node_name_of(n, to.id));
    }
    if (r->target[0] != 0) {
        ask_enter_scope(n, ask);
        return;
    }
    r->limit = ADMIN_LIST_MAX;
    stint_Request request = ask_part_request(n, ask);
    request.sort[0] = 0;
    ask_gather(n, ask, &request, NULL);
}

/* ---- what moved ---- */

static bool
matches_id(const char *prefix, struct stint_id id)
{
    char hex[STINT_ID_TEXT_SIZE];
    return strncmp(stint_id_text(id, hex), prefix, strlen(prefix)) == 0;
}

/*
 * Both ends know a move, each by a clock of its own. While the source lives and answers, it alone
 * lists it: so the list has one order, and no row stands on two of its pages.
 */
static bool
is_told_by_source(const struct node *n, const struct move_record *record)
{
    const struct member *source = record->outgoing ? NULL : view_member(n->view, record->from);
    return source != NULL && member_is_living(source) && peers_is_connected(n, record->from.id) &&
           !detector_suspects(&n->detector, record->from);
}

/*
 * Where a move stands in the list. The wall clock of the node's beginning and the time since: the
 * same whenever it is asked for, also when the wall clock was corrected meanwhile.
 */
static uint64_t
order_of(const struct node *n, const struct move_record *record)
{
    uint64_t started = UINT64_MAX;
    for (int p = 0; p < MOVE_PHASE_COUNT_; p++) {
        uint64_t at = record->phase_ns[p];
        started = at != 0 && at < started ? at : started;
    }
    return started == UINT64_MAX || started < n->begun_ns
               ? n->begun_wall_ms
               : n->begun_wall_ms + (started - n->begun_ns) / 1000000;
}

void
admin_move_list(struct node *n, struct ask *ask)
{
    const struct move_record *record;
    struct rows rows;
    bool one = ask->verb->verb == stint_Verb_VERB_MIGRATION_DESCRIBE;
    const char *page = ask->request.page;
    rows_init(&rows, n->mem, true);
    bool ok = true;
    for (uint32_t i = 0; ok && n->moves != NULL && (record = moves_list(n->moves, i)) != NULL;
         i++) {
        char token[ADMIN_PAGE_SIZE];
        if (one ? !matches_id(ask->request.target, record->id) : is_told_by_source(n, record)) {
            continue;
        }
        rows_number_token(token, order_of(n, record), record->id);
        if (page[0] == 0 || strcmp(token, page) < 0) {
            ok = rows_add(&rows, token, record->id, NULL);
        }
    }
    ask->truncated = rows_cut(&rows, admin_limit(&ask->request));
    for (uint32_t i = 0; i < rows.count; i++) {
        stint_MoveInfo info;
        record = moves_find(n->moves, rows.list[i].id);
        if (record != NULL) {
            admin_move_info(n, record, &info);
            ask_item(n, ask, stint_ItemKind_ITEM_MOVE, stint_MoveInfo_fields, &info,
                     span_of(NULL, 0), rows.list[i].token);
        }
    }
    rows_fini(&rows);
    ask_end_page(n, ask, ok ? STINT_OK : STINT_NO_MEMORY, "", ask->truncated, "");
}

/* Of two rows that tell of one move that of the source is better. */
static bool
is_source(const stint_MoveInfo *info)
{
    for (pb_size_t i = 0; i < info->phases_count; i++) {
        if (strcmp(info->phases[i].name, move_phase_text(MOVE_OFFERED)) == 0) {
            return true;
        }
    }
    return false;
}

static void
merge_ends(struct rows *rows)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        stint_MoveInfo info = stint_MoveInfo_init_zero;
        struct row *row = &rows->list[i];
        if (codec_read(span_of(row->bytes, row->item_size), stint_MoveInfo_fields, &info)) {
            row->id = codec_id(info.id.bytes);
            row->mark = is_source(&info);
        }
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        for (uint32_t j = i + 1; j < rows->count;) {
            if (!id_equal(rows->list[i].id, rows->list[j].id)) {
                j++;
                continue;
            }
            if (rows->list[j].mark && !rows->list[i].mark) {
                struct row better = rows->list[j];
                rows->list[j] = rows->list[i];
                rows->list[i] = better;
            }
            rows_remove(rows, j);
        }
    }
}

static void
moves_gathered(struct node *n, struct ask *ask)
{
    struct rows *rows = ask->rows;
    char page[ADMIN_PAGE_SIZE] = "";
    bool one = ask->verb->verb == stint_Verb_VERB_MIGRATION_DESCRIBE;
    rows_sort(rows);
    merge_ends(rows);
    if (one && rows->count != 1) {
        bool none = rows->count == 0;
        ask_end(n, ask,
                none && ask->failed > 0 ? STINT_UNREACHABLE
                : none                  ? STINT_NOT_FOUND
                                        : STINT_AMBIGUOUS,
                none ? "no node remembers a move %s"
                     : "%s is the beginning of several moves' ids; give more of it",
                ask->request.target);
        return;
    }
    ask->truncated = rows_cut(rows, admin_limit(&ask->request)) || ask->truncated;
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->list[i];
        struct admin_reply reply = { .head = row->head, .item = span_of(row->bytes, row->size) };
        ask_relay_item(n, ask, &reply, NULL);
    }
    if (ask->truncated && rows->count > 0) {
        text_copy(page, sizeof page, rows->list[rows->count - 1].token);
    }
    ask_end_gathered(n, ask, page);
}

void
admin_move_list_enter(struct node *n, struct ask *ask)
{
    bool full;
    if (ask->verb->verb == stint_Verb_VERB_MIGRATION_DESCRIBE &&
        !admin_is_hex(ask->request.target, &full)) {
        ask_end(n, ask, STINT_NOT_FOUND,
                "`%s` names no move: it takes an id, or the beginning of one, in hex digits",
                ask->request.target);
        return;
    }
    if (ask->request.page[0] != 0 && ask->request.page[0] != 's') {
        ask_end(n, ask, STINT_INVALID, "malformed page token");
        return;
    }
    stint_Request request = ask_part_request(n, ask);
    text_copy(request.sort, sizeof request.sort, "-started");
    ask_gather(n, ask, &request, moves_gathered);
    if (!ask->ended) {
        ask->rows_keep = 2 * admin_limit(&ask->request) + 2; /* each comes from both its ends */
    }
}
