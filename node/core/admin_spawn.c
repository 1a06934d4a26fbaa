/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spawning. The answer comes when each tasklet was first suspended or has ended, so its names exist
 * (DECISIONS 26). Ids are derived from the request's, so a retry finds what is there.
 */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "kernel/code.h"

#define SPAWN_AT_ONCE 2048u /* then the node does something else for a moment */
#define NAMING_NS (UINT64_C(2) * 1000000)

struct spawning {
    const struct code *code;
    uint32_t count, made, settled; /* count: those that there will be */
    uint32_t failed, missing;      /* ended with an error; could not be made */
    enum stint_status status;      /* of the first that failed */
    char detail[ADMIN_DETAIL_SIZE];
    struct stint_id *naming; /* suspended, but only until the store has agreed to a name */
    uint32_t naming_count, naming_capacity;
};

static ask_fn spawn_some, go_on;

static void
forget(struct node *n, struct ask *ask)
{
    struct spawning *s = ask->state;
    for (uint32_t i = 0; i < s->made; i++) {
        struct stint_id id = admin_derived_id(n, ask, i);
        if (table_find(&n->admin->first_turn, id) == ask) {
            (void)table_remove(&n->admin->first_turn, id);
        }
    }
    if (s->naming != NULL) {
        mem_free(n->mem, s->naming, s->naming_capacity * sizeof *s->naming);
    }
}

static void
finish(struct node *n, struct ask *ask)
{
    struct spawning *s = ask->state;
    enum stint_status status = STINT_OK;
    if (s->failed + s->missing > 0) {
        status = s->settled > s->failed ? STINT_PARTIAL : s->status;
    }
    ask_end_page(n, ask, status, s->detail, false, "");
}

static void
settled(struct node *n, struct ask *ask, struct stint_id id)
{
    struct spawning *s = ask->state;
    stint_SpawnInfo info = stint_SpawnInfo_init_zero;
    ADMIN_PUT_ID(info.id, id);
    text_copy(info.node, sizeof info.node, n->name);
    ask_item(n, ask, stint_ItemKind_ITEM_SPAWN, stint_SpawnInfo_fields, &info, span_of(NULL, 0),
             NULL);
    s->settled++;
}

/* What its own code failed with is not what is wrong with the request; but a name that is taken is for whoever asked. */
static enum stint_status
status_of_end(enum stint_status status)
{
    return status == STINT_EXISTS || status == STINT_USER || status == STINT_KILLED ? status
                                                                                   : STINT_ERROR;
}

static void
note_failure(struct spawning *s, struct stint_id id, enum stint_status status, const char *text)
{
    char hex[STINT_ID_TEXT_SIZE];
    if (s->failed++ == 0) {
        s->status = status_of_end(status);
        text_format(s->detail, sizeof s->detail, "tasklet %s ended at once: %s",
                    stint_id_text(id, hex),
                    text != NULL && text[0] != 0 ? text : stint_strerror(status));
    }
}

/* False: no memory; then it counts as settled. */
static bool
wait_for_name(struct node *n, struct spawning *s, struct stint_id id)
{
    if (s->naming_count == s->naming_capacity) {
        uint32_t capacity = s->naming_capacity == 0 ? 16 : s->naming_capacity * 2;
        struct stint_id *ids = mem_resize(n->mem, s->naming, s->naming_capacity * sizeof *ids,
                                          capacity * sizeof *ids);
        if (ids == NULL) {
            return false;
        }
        s->naming = ids;
        s->naming_capacity = capacity;
    }
    s->naming[s->naming_count++] = id;
    return true;
}

static bool
is_naming(const struct node *n, struct stint_id tasklet)
{
    struct kernel_tasklet_view view;
    return kernel_look(n->kernel, tasklet, &view) == STINT_OK && view.state == KERNEL_NAMING;
}

/* Those that wait for a name: which have it by now? One that did not get it has ended or goes on
 * without. */
static void
look_at_names(struct node *n, struct ask *ask)
{
    struct spawning *s = ask->state;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->naming_count; i++) {
        struct stint_id id = s->naming[i];
        if (table_find(&n->admin->first_turn, id) != ask) {
            continue; /* it has ended */
        }
        if (is_naming(n, id)) {
            s->naming[kept++] = id;
        } else {
            (void)table_remove(&n->admin->first_turn, id);
            settled(n, ask, id);
        }
    }
    s->naming_count = kept;
    if (s->settled == s->count) {
        finish(n, ask);
    } else {
        go_on(n, ask);
    }
}

/* What is to be done next: make more, or look at names again. */
static void
go_on(struct node *n, struct ask *ask)
{
    const struct spawning *s = ask->state;
    if (s->made < s->count) {
        ask_wake(n, ask, 0, spawn_some);
    } else if (s->naming_count > 0) {
        ask_wake(n, ask, NAMING_NS, look_at_names);
    }
}

void
admin_tasklet_suspended(struct node *n, struct stint_id tasklet)
{
    struct ask *ask = table_find(&n->admin->first_turn, tasklet);
    if (ask == NULL) {
        return;
    }
    struct spawning *s = ask->state;
    if (is_naming(n, tasklet) && wait_for_name(n, s, tasklet)) {
        go_on(n, ask);
        return;
    }
    (void)table_remove(&n->admin->first_turn, tasklet);
    settled(n, ask, tasklet);
    if (s->settled == s->count) {
        finish(n, ask);
    }
}

void
spawn_ended(struct node *n, struct stint_id tasklet, enum stint_status status, const char *text)
{
    struct ask *ask = table_remove(&n->admin->first_turn, tasklet);
    if (ask == NULL) {
        return;
    }
    struct spawning *s = ask->state;
    if (status == STINT_OK) {
        settled(n, ask, tasklet);
    } else {
        note_failure(s, tasklet, status, text);
        s->settled++;
    }
    if (s->settled == s->count) {
        finish(n, ask);
    }
}

static void
refuse_args(struct node *n, struct ask *ask, const struct spawning *s, enum stint_status status)
{
    char name[TYPE_NAME_SIZE];
    const char *why = NULL;
    if (status == STINT_INVALID) {
        void *scratch = mem_zalloc(n->mem, s->code->locals->size);
        if (scratch != NULL) {
            (void)!type_decode(s->code->locals, span_of(ask->body, ask->body_size), scratch, &why);
            mem_free(n->mem, scratch, s->code->locals->size);
        }
        ask_end(n, ask, status, "the arguments are no %s%s%s", type_name(s->code->locals, name),
                why != NULL ? ": " : "", why != NULL ? why : "");
    } else {
        ask_end(n, ask, status, "node %s cannot take another tasklet: %s", n->name,
                stint_strerror(status));
    }
}

/* One more. False: the ask was ended, or the rest cannot be made. */
static bool
spawn_one(struct node *n, struct ask *ask, struct spawning *s)
{
    uint32_t flags = KERNEL_NOTIFY | (ask->request.pinned ? KERNEL_PINNED : 0) |
                     (ask->request.paused ? KERNEL_PAUSED : 0);
    struct stint_id id = admin_derived_id(n, ask, s->made);
    if (table_insert(&n->admin->first_turn, id, ask) != STINT_OK) {
        if (s->made == 0) {
            ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s", n->name);
        }
        return false;
    }
    bool here = kernel_has_tasklet(n->kernel, id); /* by a retry: it has its tags */
    enum stint_status status = here ? STINT_OK : tags_set(n, id, ask->request.tags);
    if (status == STINT_OK) {
        status = kernel_spawn(n->kernel, s->code, span_of(ask->body, ask->body_size), flags, &id);
    }
    if (status == STINT_OK) {
        s->made++;
        return true;
    }
    (void)table_remove(&n->admin->first_turn, id);
    if (!here) {
        tags_forget(n, id);
    }
    if (status == STINT_EXISTS) { /* a retry whose answer was not kept */
        s->made++;
        settled(n, ask, id);
        return true;
    }
    if (s->made == 0) {
        refuse_args(n, ask, s, status);
        return false;
    }
    s->missing = s->count - s->made;
    s->status = status;
    text_format(s->detail, sizeof s->detail, "%u of %u were spawned on node %s: %s", s->made,
                s->count, n->name, stint_strerror(status));
    s->count = s->made; /* what is there settles */
    return false;
}

static void
spawn_some(struct node *n, struct ask *ask)
{
    struct spawning *s = ask->state;
    for (uint32_t i = 0; i < SPAWN_AT_ONCE && s->made < s->count; i++) {
        if (!spawn_one(n, ask, s)) {
            break;
        }
    }
    if (ask->ended) {
        return;
    }
    if (s->settled == s->count) {
        finish(n, ask);
    } else {
        go_on(n, ask);
    }
}

static void
spawn_expired(struct node *n, struct ask *ask)
{
    const struct spawning *s = ask->state;
    uint32_t in_time = s->settled;
    for (uint32_t i = 0; i < s->made; i++) { /* they are there: who asked may wait for them */
        struct stint_id id = admin_derived_id(n, ask, i);
        if (table_find(&n->admin->first_turn, id) == ask) {
            settled(n, ask, id);
        }
    }
    ask_end(n, ask, STINT_PARTIAL,
            "%u of %u tasklets were spawned on node %s, of which %u had their first turn in time; "
            "it is busy, or they wait for the authority",
            s->made, s->count, n->name, in_time);
}

void
admin_spawn(struct node *n, struct ask *ask)
{
    const struct code *code;
    char detail[ADMIN_DETAIL_SIZE];
    const struct member *me = view_member(n->view, n->self);
    enum stint_status status = admin_find_code(n, ask->request.text, &code, detail, sizeof detail);
    if (status != STINT_OK) {
        ask_end_page(n, ask, status, detail, false, "");
        return;
    }
    if (me == NULL || !member_is_target(me)) {
        ask_end(n, ask, STINT_DRAINING,
                "node %s is %s and takes no tasklets; name another with --on", n->name,
                me != NULL ? member_state_text(me->state) : "no member");
        return;
    }
    if (ask->request.count > ADMIN_SPAWN_MAX) {
        ask_end(n, ask, STINT_LIMIT, "at most %u tasklets are spawned by one request",
                ADMIN_SPAWN_MAX);
        return;
    }
    if (ask->request.id.size != sizeof(struct stint_id)) {
        ask_end(n, ask, STINT_INVALID, "malformed request: it has no id");
        return;
    }
    if (!text_is_pairs(ask->request.tags, LIMIT_LABEL)) {
        ask_end(n, ask, STINT_INVALID,
                "`%s` are no tags: K=V,K=V, each key once, each pair of at most %d characters",
                ask->request.tags, LIMIT_LABEL);
        return;
    }
    struct spawning *s = ask_state(n, ask, sizeof *s);
    if (s == NULL) {
        return;
    }
    s->code = code;
    s->count = ask->request.count == 0 ? 1 : ask->request.count;
    ask->fini = forget;
    ask->expired = spawn_expired;
    spawn_some(n, ask);
}
