/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared channels that were made without a type. The kernel has no such thing, for it keeps values as structs of the
 * channel's type; so they wait here, id and name and place being known to all, until the first operation brings a type.
 * Then the kernel gets a channel of that type and this id, and the operation takes its usual way.
 */
#include <string.h>

#include "base/ids.h"
#include "base/text.h"
#include "core/node.h"

#define CURSOR_BASE UINT32_C(0x80000000) /* the kernel's cursors are below */

struct unborn {
    struct stint_id id;
    uint32_t slot;
    uint32_t capacity;
    char name[LIMIT_NAME + 1]; /* empty: none */
};

struct unborn_room {
    struct table by_id;
    struct unborn *slots[UNBORN_MAX];
};

enum stint_status
unborn_init(struct node *n)
{
    n->unborn = mem_zalloc(n->mem, sizeof *n->unborn);
    if (n->unborn == NULL) {
        return STINT_NO_MEMORY;
    }
    table_init(&n->unborn->by_id, n->mem, prng_next(&n->random));
    return STINT_OK;
}

static void
forget(struct node *n, struct unborn *u)
{
    (void)table_remove(&n->unborn->by_id, u->id);
    n->unborn->slots[u->slot] = NULL;
    mem_free(n->mem, u, sizeof *u);
}

void
unborn_fini(struct node *n)
{
    struct unborn_room *room = n->unborn;
    if (room == NULL) {
        return;
    }
    for (uint32_t i = 0; i < UNBORN_MAX; i++) {
        if (room->slots[i] != NULL) {
            forget(n, room->slots[i]);
        }
    }
    table_fini(&room->by_id);
    mem_free(n->mem, room, sizeof *room);
    n->unborn = NULL;
}

enum stint_status
unborn_make(struct node *n, struct stint_id id, uint32_t capacity, const char *name)
{
    struct unborn_room *room = n->unborn;
    uint32_t slot = 0;
    if (table_find(&room->by_id, id) != NULL || kernel_has_channel(n->kernel, id)) {
        return STINT_EXISTS;
    }
    while (slot < UNBORN_MAX && room->slots[slot] != NULL) {
        slot++;
    }
    if (slot == UNBORN_MAX) {
        return STINT_LIMIT;
    }
    struct unborn *u = mem_zalloc(n->mem, sizeof *u);
    if (u == NULL) {
        return STINT_NO_MEMORY;
    }
    u->id = id;
    u->slot = slot;
    u->capacity = capacity;
    text_copy(u->name, sizeof u->name, name != NULL ? name : "");
    if (table_insert(&room->by_id, id, u) != STINT_OK) {
        mem_free(n->mem, u, sizeof *u);
        return STINT_NO_MEMORY;
    }
    room->slots[slot] = u;
    return STINT_OK;
}

bool
unborn_has(const struct node *n, struct stint_id id)
{
    return table_find(&n->unborn->by_id, id) != NULL;
}

uint32_t
unborn_count(const struct node *n)
{
    return (uint32_t)table_count(&n->unborn->by_id);
}

enum stint_status
unborn_adopt(struct node *n, struct stint_id id, const struct stint_type *type)
{
    struct unborn *u = table_find(&n->unborn->by_id, id);
    if (u == NULL) {
        return STINT_NOT_HERE;
    }
    if (type == NULL) {
        return STINT_TYPE_MISMATCH;
    }
    enum stint_status status = kernel_channel_create(n->kernel, type, u->capacity, u->name[0] != 0 ? u->name : NULL, &id);
    if (status == STINT_OK) {
        forget(n, u); /* its name and its place are those of the channel from now on */
    }
    return status;
}

bool
unborn_close(struct node *n, struct stint_id id)
{
    struct unborn *u = table_find(&n->unborn->by_id, id);
    if (u == NULL) {
        return false;
    }
    struct unborn was = *u;
    forget(n, u);
    remote_channel_gone(n, was.id, was.name[0] != 0 ? was.name : NULL);
    return true;
}

/* ---- what there is of channels, born or not ---- */

static void
look(const struct unborn *u, struct kernel_channel_view *view)
{
    *view = (struct kernel_channel_view){ .id = u->id, .name = u->name[0] != 0 ? u->name : NULL, .capacity = u->capacity };
}

enum stint_status
node_look_channel(const struct node *n, struct stint_id id, struct kernel_channel_view *view)
{
    const struct unborn *u = table_find(&n->unborn->by_id, id);
    if (u == NULL) {
        return kernel_look_channel(n->kernel, id, view);
    }
    look(u, view);
    return STINT_OK;
}

bool
node_each_channel(const struct node *n, uint32_t *cursor, struct kernel_channel_view *view)
{
    if (*cursor < CURSOR_BASE) {
        if (kernel_each_channel(n->kernel, cursor, view)) {
            return true;
        }
        *cursor = CURSOR_BASE;
    }
    while (*cursor - CURSOR_BASE < UNBORN_MAX) {
        const struct unborn *u = n->unborn->slots[(*cursor)++ - CURSOR_BASE];
        if (u != NULL) {
            look(u, view);
            return true;
        }
    }
    return false;
}
