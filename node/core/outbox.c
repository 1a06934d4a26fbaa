/* SPDX-License-Identifier: Apache-2.0 */
#include "core/outbox.h"

#include <stdarg.h>
#include <string.h>

#include "base/panic.h"
#include "base/text.h"

#define ARENA_MAX ((size_t)256 << 20)
#define ARENA_KEEP ((size_t)1 << 20) /* a larger arena is given back after the step */

void
outbox_init(struct outbox *e, struct stint_allocator allocator)
{
    memset(e, 0, sizeof *e);
    mem_init(&e->own, allocator, 0);
    e->mem = &e->own;
    buf_init(&e->arena, e->mem, ARENA_MAX);
}

static void
free_writes(struct outbox *e)
{
    for (size_t i = 0; i < e->write_count; i++) {
        mem_free(e->mem, (void *)(uintptr_t)e->writes[i].row.key.data, e->writes[i].row.key.size);
        mem_free(e->mem, (void *)(uintptr_t)e->writes[i].row.value.data, e->writes[i].row.value.size);
    }
    mem_free(e->mem, e->writes, e->write_count * sizeof *e->writes);
    e->writes = NULL;
    e->write_count = 0;
}

void
outbox_fini(struct outbox *e)
{
    free_writes(e);
    mem_free(e->mem, e->slots, e->capacity * sizeof *e->slots);
    buf_fini(&e->arena);
}

void
outbox_clear(struct outbox *e)
{
    if (e->next < e->count) { /* the shell stopped in the middle: keep what it has not seen */
        return;
    }
    e->count = 0;
    e->next = 0;
    if (e->arena.capacity > ARENA_KEEP) {
        buf_fini(&e->arena);
        buf_init(&e->arena, e->mem, ARENA_MAX);
    }
    buf_reset(&e->arena);
    free_writes(e);
}

static struct outbox_slot *
push(struct outbox *e, enum node_effect_kind kind)
{
    if (e->count == e->capacity) {
        uint32_t capacity = e->capacity == 0 ? 64 : e->capacity * 2;
        struct outbox_slot *slots = mem_resize(e->mem, e->slots, e->capacity * sizeof *slots,
                                               capacity * sizeof *slots);
        if (slots == NULL) {
            return NULL;
        }
        e->slots = slots;
        e->capacity = capacity;
    }
    struct outbox_slot *slot = &e->slots[e->count++];
    memset(slot, 0, sizeof *slot);
    slot->effect.kind = kind;
    return slot;
}

/* For what must not be lost: without memory the node ends, and what is put into the last slot is forgotten. */
static struct outbox_slot *
push_surely(struct outbox *e, enum node_effect_kind kind)
{
    struct outbox_slot *slot = push(e, kind);
    e->failed = e->failed || slot == NULL;
    return slot != NULL ? slot : &e->last;
}

static bool
put_text(struct outbox *e, struct outbox_slot *slot, const char *text)
{
    slot->text_at = e->arena.size;
    slot->has_text = buf_append(&e->arena, text, strlen(text) + 1);
    e->arena.failed = false; /* what comes may be shorter */
    return slot->has_text;
}

void
outbox_connect(struct outbox *e, uint64_t link, const char *endpoint)
{
    struct outbox_slot *slot = push_surely(e, NODE_CONNECT);
    slot->effect.link = link;
    e->failed = !put_text(e, slot, endpoint) || e->failed;
}

void
outbox_disconnect(struct outbox *e, uint64_t link)
{
    push_surely(e, NODE_DISCONNECT)->effect.link = link;
}

void
outbox_send(struct outbox *e, uint64_t link, struct stint_span frame)
{
    struct outbox_slot *slot = push(e, NODE_SEND);
    if (slot == NULL) {
        return;
    }
    slot->effect.link = link;
    slot->bytes_at = e->arena.size;
    slot->effect.bytes.size = frame.size;
    if (!buf_append_span(&e->arena, frame)) {
        e->arena.failed = false;
        e->count--;
    }
}

static struct stint_span
copy_span(struct outbox *e, struct stint_span span)
{
    uint8_t *copy = mem_alloc(e->mem, span.size);
    if (copy == NULL) {
        e->failed = e->failed || span.size != 0;
        return (struct stint_span){ NULL, 0 };
    }
    memcpy(copy, span.data, span.size);
    return (struct stint_span){ copy, span.size };
}

void
outbox_commit(struct outbox *e, const struct store_commit *commit)
{
    struct outbox_slot *slot = push_surely(e, NODE_STORE_COMMIT);
    STINT_ASSERT(e->writes == NULL);
    slot->effect.commit = *commit;
    e->writes = mem_zalloc(e->mem, commit->count * sizeof *e->writes);
    e->write_count = e->writes != NULL ? commit->count : 0;
    e->failed = e->failed || e->write_count != commit->count;
    for (size_t i = 0; i < e->write_count; i++) {
        e->writes[i].remove = commit->writes[i].remove;
        e->writes[i].row.kind = commit->writes[i].row.kind;
        e->writes[i].row.key = copy_span(e, commit->writes[i].row.key);
        e->writes[i].row.value = copy_span(e, commit->writes[i].row.value);
    }
    slot->effect.commit.writes = e->writes;
}

void
outbox_simple(struct outbox *e, enum node_effect_kind kind)
{
    (void)push_surely(e, kind);
}

void
outbox_persist(struct outbox *e, uint64_t incarnation, uint64_t generation, uint64_t view)
{
    struct outbox_slot *slot = push_surely(e, NODE_PERSIST);
    slot->effect.incarnation = incarnation;
    slot->effect.generation = generation;
    slot->effect.view = view;
}

void
outbox_exit(struct outbox *e, enum stint_status status, const char *text)
{
    struct outbox_slot *slot = push_surely(e, NODE_EXIT);
    slot->effect.status = status;
    if (!put_text(e, slot, text)) {
        slot->effect.text = "out of memory";
    }
}

void
outbox_log(struct outbox *e, enum node_log_level level, const char *format, ...)
{
    char text[OUTBOX_TEXT_MAX];
    va_list args;
    va_start(args, format);
    text_format_list(text, sizeof text, format, args);
    va_end(args);
    struct outbox_slot *slot = push(e, NODE_LOG);
    if (slot != NULL) {
        slot->effect.level = level;
        if (!put_text(e, slot, text)) {
            e->count--;
        }
    }
}

/* As if the node had died just before the step: none of its effects is seen, but that it ends. */
static const struct node_effect *
end_for_want_of_memory(struct outbox *e)
{
    if (e->ended) {
        return NULL;
    }
    e->ended = true;
    e->last.effect = (struct node_effect){ .kind = NODE_EXIT,
                                           .status = STINT_NO_MEMORY,
                                           .text = "out of memory for what must not be lost" };
    return &e->last.effect;
}

const struct node_effect *
outbox_next(struct outbox *e)
{
    if (e->failed) {
        return end_for_want_of_memory(e);
    }
    if (e->next == e->count) {
        return NULL;
    }
    struct outbox_slot *slot = &e->slots[e->next++];
    struct node_effect *effect = &slot->effect;
    if (slot->has_text) {
        const char *text = (const char *)e->arena.data + slot->text_at;
        effect->text = text;
        effect->endpoint = text;
    }
    if (effect->bytes.size != 0) {
        effect->bytes.data = e->arena.data + slot->bytes_at;
    }
    return effect;
}
