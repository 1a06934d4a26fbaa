/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for tasklets: until one has ended, moved or blocked. Ends are remembered for a minute,
 * with their results, so that whoever asks a little late is answered. A wait follows its tasklet:
 * when that leaves, the entry looks where to.
 */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "kernel/type.h"

#define END_NS (UINT64_C(60) * 1000000000)
#define END_BYTES_MAX ((size_t)16 << 20)

enum wait_for { WAIT_ENDED, WAIT_MOVED, WAIT_BLOCKED };

/* All who wait for one tasklet. */
struct watch {
    struct stint_id tasklet;
    struct list waits;
};

struct wait {
    struct list link; /* of watch.waits; linked or not */
    struct watch *watch;
    struct ask *ask;
    enum wait_for what;
    stint_TaskletInfo info; /* as it was when the waiting began */
};

struct end {
    struct list link;
    struct stint_id tasklet;
    uint64_t expires;
    enum stint_status status;
    char text[KERNEL_ERROR_TEXT_MAX];
    char type[TYPE_NAME_SIZE];
    size_t size;
    uint8_t value[];
};

/* ---- ends ---- */

static void
free_end(struct node *n, struct end *e)
{
    n->admin->end_bytes -= e->size;
    (void)table_remove(&n->admin->ends, e->tasklet);
    list_remove(&e->link);
    mem_free(n->mem, e, sizeof *e + e->size);
}

void
wait_tick(struct node *n)
{
    LIST_EACH(link, &n->admin->ends_order) {
        struct end *e = STINT_CONTAINER_OF(link, struct end, link);
        if (e->expires > n->now_ns) {
            break;
        }
        free_end(n, e);
    }
}

void
wait_fini(struct node *n)
{
    LIST_EACH(link, &n->admin->ends_order) {
        free_end(n, STINT_CONTAINER_OF(link, struct end, link));
    }
}

static struct end *
remember_end(struct node *n, struct stint_id tasklet, enum stint_status status, const char *text,
             const char *type, struct stint_span result)
{
    struct admin *m = n->admin;
    struct end *old = table_find(&m->ends, tasklet);
    if (old != NULL) {
        free_end(n, old);
    }
    while (!list_is_empty(&m->ends_order) && (table_count(&m->ends) >= ADMIN_ENDS_MAX ||
                                              m->end_bytes + result.size > END_BYTES_MAX)) {
        free_end(n, STINT_CONTAINER_OF(list_first(&m->ends_order), struct end, link));
    }
    struct end *e = mem_zalloc(n->mem, sizeof *e + result.size);
    if (e == NULL) {
        return NULL;
    }
    e->tasklet = tasklet;
    e->expires = n->now_ns + END_NS;
    e->status = status;
    e->size = result.size;
    text_copy(e->text, sizeof e->text, text != NULL ? text : "");
    if (type != NULL && type[0] != 0) {
        (void)type_show_name(type, e->type);
    }
    bytes_copy(e->value, result.data, result.size);
    if (table_insert(&m->ends, tasklet, e) != STINT_OK) {
        mem_free(n->mem, e, sizeof *e + e->size);
        return NULL;
    }
    list_push_back(&m->ends_order, &e->link);
    m->end_bytes += e->size;
    return e;
}

/* The end of a tasklet given by its id, or by the beginning of it. */
static struct end *
find_end(struct node *n, const char *target)
{
    struct stint_id id;
    if (stint_id_parse(target, &id) == STINT_OK) {
        return table_find(&n->admin->ends, id);
    }
    LIST_EACH(link, &n->admin->ends_order) {
        struct end *e = STINT_CONTAINER_OF(link, struct end, link);
        char hex[STINT_ID_TEXT_SIZE];
        if (strncmp(stint_id_text(e->tasklet, hex), target, strlen(target)) == 0) {
            return e;
        }
    }
    return NULL;
}

static void
answer_end(struct node *n, struct ask *ask, struct stint_id tasklet, enum stint_status status,
           const char *text, const char *type, struct stint_span result)
{
    stint_EndInfo info = stint_EndInfo_init_zero;
    ADMIN_PUT_ID(info.id, tasklet);
    info.status = (uint32_t)status;
    text_copy(info.text, sizeof info.text, text);
    text_copy(info.type, sizeof info.type, type);
    ask_item(n, ask, stint_ItemKind_ITEM_END, stint_EndInfo_fields, &info, result, NULL);
    ask_end_page(n, ask, STINT_OK, "", false, "");
}

/* ---- waits ---- */

static void
leave_watch(struct node *n, struct ask *ask)
{
    struct wait *w = ask->state;
    struct watch *watch = w->watch;
    if (watch == NULL) {
        return;
    }
    list_remove(&w->link);
    w->watch = NULL;
    if (list_is_empty(&watch->waits)) {
        (void)table_remove(&n->admin->waits, watch->tasklet);
        mem_free(n->mem, watch, sizeof *watch);
    }
}

static bool
join_watch(struct node *n, struct ask *ask)
{
    struct wait *w = ask->state;
    struct watch *watch = table_find(&n->admin->waits, ask->id);
    if (watch == NULL) {
        watch = mem_zalloc(n->mem, sizeof *watch);
        if (watch == NULL) {
            return false;
        }
        watch->tasklet = ask->id;
        list_init(&watch->waits);
        if (table_insert(&n->admin->waits, ask->id, watch) != STINT_OK) {
            mem_free(n->mem, watch, sizeof *watch);
            return false;
        }
    }
    w->watch = watch;
    list_push_back(&watch->waits, &w->link);
    return true;
}

/* The next wait of a tasklet, taken out; NULL at the end. */
static struct wait *
next_wait(struct node *n, struct stint_id tasklet)
{
    struct watch *watch = table_find(&n->admin->waits, tasklet);
    if (watch == NULL) {
        return NULL;
    }
    struct wait *w = STINT_CONTAINER_OF(list_first(&watch->waits), struct wait, link);
    leave_watch(n, w->ask);
    return w;
}

void
admin_tasklet_ended(struct node *n, struct stint_id tasklet, enum stint_status status,
                    const char *text, const char *type, struct stint_span result)
{
    char shown[TYPE_NAME_SIZE] = "";
    struct wait *w;
    (void)remember_end(n, tasklet, status, text, type, result);
    if (type != NULL && type[0] != 0) {
        (void)type_show_name(type, shown);
    }
    spawn_ended(n, tasklet, status, text);
    while ((w = next_wait(n, tasklet)) != NULL) {
        answer_end(n, w->ask, tasklet, status, text != NULL ? text : "", shown, result);
    }
}

void
admin_tasklet_left(struct node *n, struct stint_id tasklet, struct node_ref to)
{
    struct wait *w;
    while ((w = next_wait(n, tasklet)) != NULL) {
        if (w->what != WAIT_MOVED) {
            ask_end(n, w->ask, STINT_NOT_HERE, "it has moved to node %s", node_name_of(n, to.id));
            continue;
        }
        text_copy(w->info.node, sizeof w->info.node, node_name_of(n, to.id));
        w->info.moves++;
        w->info.epoch++;
        ask_item(n, w->ask, stint_ItemKind_ITEM_TASKLET, stint_TaskletInfo_fields, &w->info,
                 span_of(NULL, 0), NULL);
        ask_end_page(n, w->ask, STINT_OK, "", false, "");
    }
}

static void
wait_expired(struct node *n, struct ask *ask)
{
    const struct wait *w = ask->state;
    static const char *const what[] = { "ended", "moved", "blocked" };
    ask_end(n, ask, STINT_TIMED_OUT, "tasklet %s on node %s has not %s within %u ms",
            ask->request.target, n->name, what[w->what], ask->request.timeout_ms);
}

/* Looks at the tasklet: it is as wanted, or the ask waits for an event, or looks again in a moment.
 */
static void
look(struct node *n, struct ask *ask)
{
    struct wait *w = ask->state;
    struct kernel_tasklet_view view;
    const char *state;
    if (!admin_target(n, ask, &view, &state)) {
        return;
    }
    if (w->what == WAIT_BLOCKED && strcmp(state, "blocked") == 0) {
        admin_tasklet_info(n, &view, state, &w->info);
        ask_item(n, ask, stint_ItemKind_ITEM_TASKLET, stint_TaskletInfo_fields, &w->info,
                 span_of(NULL, 0), NULL);
        ask_end_page(n, ask, STINT_OK, "", false, "");
        return;
    }
    if (view.state != KERNEL_FROZEN &&
        w->watch == NULL) { /* a frozen one's pickle would not know that it is watched */
        admin_tasklet_info(n, &view, state, &w->info);
        if (kernel_watch(n->kernel, ask->id) != STINT_OK || !join_watch(n, ask)) {
            ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; try again", n->name);
            return;
        }
    }
    if (w->what == WAIT_BLOCKED || w->watch == NULL) {
        ask_wake(n, ask, ADMIN_AGAIN_NS, look);
    }
}

void
admin_wait(struct node *n, struct ask *ask)
{
    struct end *e = find_end(n, ask->request.target);
    const char *text = ask->request.text;
    struct wait *w = ask_state(n, ask, sizeof *w);
    if (w == NULL) {
        return;
    }
    list_init(&w->link);
    w->ask = ask;
    ask->fini = leave_watch;
    ask->expired = wait_expired;
    if (text[0] == 0 || strcmp(text, "ended") == 0) {
        w->what = WAIT_ENDED;
    } else if (strcmp(text, "moved") == 0) {
        w->what = WAIT_MOVED;
    } else if (strcmp(text, "blocked") == 0) {
        w->what = WAIT_BLOCKED;
    } else {
        ask_end(n, ask, STINT_INVALID, "a wait is for `ended`, `moved` or `blocked`, not `%s`",
                text);
        return;
    }
    if (e != NULL && !kernel_has_tasklet(n->kernel, e->tasklet)) {
        answer_end(n, ask, e->tasklet, e->status, e->text, e->type, span_of(e->value, e->size));
    } else {
        look(n, ask);
    }
}

/* ---- at the entry ---- */

static void
ends_gathered(struct node *n, struct ask *ask)
{
    if (ask->rows->count == 0) {
        ask_end(n, ask, STINT_NOT_FOUND,
                "there is no tasklet %s, and none that ended within the last minute",
                ask->request.target);
        return;
    }
    const struct row *row = &ask->rows->list[0];
    struct admin_reply reply = { .head = row->head,
                                 .item = span_of(row->bytes, row->item_size),
                                 .payload = span_of(row->bytes + row->item_size,
                                                    row->size - row->item_size) };
    ask_relay_item(n, ask, &reply, NULL);
    ask_end_page(n, ask, STINT_OK, "", false, "");
}

/* It is nowhere: somebody may remember its end. */
static void
ask_for_end(struct node *n, struct ask *ask)
{
    stint_Request request = ask_part_request(n, ask);
    request.on[0] = request.sort[0] = 0;
    ask_gather(n, ask, &request, ends_gathered);
}

void
admin_wait_enter(struct node *n, struct ask *ask)
{
    ask->lost = ask_for_end;
    ask_enter_scope(n, ask);
}
