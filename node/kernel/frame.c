/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first frame of a tasklet gets a stack that just holds it; each further growth at least
 * doubles, so a deep chain of calls costs amortised constant time and an idle tasklet no slack.
 */
#include "kernel/frame.h"

#include <string.h>

#include "base/panic.h"
#include "base/text.h"
#include "kernel/machine.h"

STINT_STATIC_ASSERT(sizeof(struct frame) == 24, "frames are small and keep locals aligned to 8");
STINT_STATIC_ASSERT(KERNEL_FRAMES_MAX < 65535, "a frame's depth is a uint16_t");

struct frame *
frame_below(const struct tasklet *t, const struct frame *f)
{
    return f->below == FRAME_NONE ? NULL : (struct frame *)(void *)(t->stack + f->below);
}

struct frame *
frame_at(const struct tasklet *t, uint32_t index)
{
    struct frame *f = t->top;
    while (f != NULL && f->depth != index) {
        f = frame_below(t, f);
    }
    return f;
}

uint32_t
frame_count(const struct tasklet *t)
{
    return t->top == NULL ? 0 : (uint32_t)t->top->depth + 1;
}

enum stint_status
frame_reserve(struct kernel *k, struct tasklet *t, uint32_t size)
{
    if (size <= t->stack_size) {
        return STINT_OK;
    }
    if (size > KERNEL_STACK_MAX) {
        return STINT_LIMIT;
    }
    uint32_t larger = t->stack_size == 0 || size > t->stack_size * 2 ? size : t->stack_size * 2;
    larger = larger > KERNEL_STACK_MAX ? KERNEL_STACK_MAX : larger;
    uint8_t *stack = stack_new(&k->stacks, &larger);
    if (stack == NULL) {
        return STINT_NO_MEMORY;
    }
    if (t->stack != NULL) {
        memcpy(stack, t->stack, t->stack_size);
        if (t->top != NULL) {
            t->top = (struct frame *)(void *)(stack + ((uint8_t *)t->top - t->stack));
        }
        stack_free(&k->stacks, t->stack, t->stack_size);
    }
    t->stack = stack;
    t->stack_size = larger;
    return STINT_OK;
}

/* Bytes in use by frames. */
static uint32_t
frames_bytes(const struct tasklet *t)
{
    return t->top == NULL ? 0 : (uint32_t)(frame_end(t->top) - t->stack);
}

enum stint_status
frame_push(struct kernel *k, struct tasklet *t, const struct code *code, const void *locals)
{
    uint32_t used = frames_bytes(t);
    if (t->top != NULL && t->top->depth + 1u >= KERNEL_FRAMES_MAX) {
        return STINT_DEPTH;
    }
    /* Locals given from the own stack would be freed by growing: remember them as an offset. */
    bool own = t->stack != NULL && (const uint8_t *)locals >= t->stack &&
               (const uint8_t *)locals < t->stack + t->stack_size;
    ptrdiff_t at = own ? (const uint8_t *)locals - t->stack : 0;
    enum stint_status status = frame_reserve(k, t, used + frame_size(code));
    if (status != STINT_OK) {
        return status;
    }
    struct frame *f = (struct frame *)(void *)(t->stack + used);
    if (locals == NULL) {
        memset(f + 1, 0, code->size);
    } else {
        memmove(f + 1, own ? t->stack + at : locals, code->size);
    }
    *f = (struct frame){ .code = code, .below = FRAME_NONE, .resume = RESUME_START };
    if (t->top != NULL) {
        f->below = (uint32_t)((uint8_t *)t->top - t->stack);
        f->depth = (uint16_t)(t->top->depth + 1);
    }
    t->top = f;
    t->scratch = 0;
    return STINT_OK;
}

void
frame_pop(struct kernel *k, struct tasklet *t)
{
    struct frame *f = t->top;
    if (t->extra != NULL && t->extra->fault != NULL) {
        fault_drop(k, t, f->depth, false);
    }
    t->top = frame_below(t, f);
    t->scratch = 0;
}

void *
frame_scratch(struct kernel *k, struct tasklet *t, const void *from, uint32_t size)
{
    STINT_ASSERT(t->top != NULL);
    uint32_t used = frames_bytes(t);
    bool own = from != NULL && (const uint8_t *)from >= t->stack &&
               (const uint8_t *)from < t->stack + t->stack_size;
    ptrdiff_t at = own ? (const uint8_t *)from - t->stack : 0;
    if (frame_reserve(k, t, used + FRAME_ALIGN(size)) != STINT_OK) {
        return NULL;
    }
    uint8_t *area = t->stack + used;
    if (from != NULL) {
        memmove(area, own ? t->stack + at : from, size);
    }
    t->scratch = size;
    return area;
}

bool
frame_holds(const struct tasklet *t, const void *p, uint32_t size)
{
    const uint8_t *byte = p;
    return t->top != NULL && byte >= t->stack && byte < frame_end(t->top) &&
           size <= (size_t)(frame_end(t->top) - byte);
}

void
fault_raise(struct kernel *k, struct tasklet *t, enum stint_status status, const char *text)
{
    struct tasklet_extra *extra = tasklet_need_extra(k, t);
    if (extra == NULL) {
        return;
    }
    struct fault *fault = extra->fault;
    if (fault == NULL || fault->depth != FAULT_TRAVELS) {
        fault = mem_alloc(k->mem, sizeof *fault);
        if (fault == NULL) {
            return;
        }
        fault->next = extra->fault;
        extra->fault = fault;
    }
    const struct frame *f = t->top;
    fault->status = status;
    fault->depth = FAULT_TRAVELS;
    fault->line = 0;
    fault->origin[0] = 0;
    if (f != NULL) {
        fault->line = k->context.resume;
        text_format(fault->origin, sizeof fault->origin, "%s.%s",
            f->code->module->definition->name, f->code->name);
    }
    text_copy(fault->text, sizeof fault->text, text == NULL ? "" : text);
}

void
fault_catch(struct kernel *k, struct tasklet *t, uint32_t depth)
{
    (void)k;
    if (t->extra != NULL && t->extra->fault != NULL && t->extra->fault->depth == FAULT_TRAVELS) {
        t->extra->fault->depth = depth;
    }
}

struct fault *
fault_of(const struct tasklet *t, uint32_t depth)
{
    struct fault *fault = t->extra == NULL ? NULL : t->extra->fault;
    while (fault != NULL && fault->depth != depth) {
        fault = fault->next;
    }
    return fault;
}

const char *
fault_describe(struct kernel *k, const struct tasklet *t, uint32_t depth,
    enum stint_status status)
{
    const struct fault *fault = fault_of(t, depth);
    if (fault == NULL || fault->status != status) {
        text_copy(k->error_text, sizeof k->error_text, stint_strerror(status));
        return k->error_text;
    }
    const char *text = fault->text[0] == 0 ? stint_strerror(status) : fault->text;
    if (fault->origin[0] == 0) {
        text_copy(k->error_text, sizeof k->error_text, text);
    } else {
        text_format(k->error_text, sizeof k->error_text, "%s (%s:%u)", text, fault->origin,
            fault->line);
    }
    return k->error_text;
}

void
fault_drop(struct kernel *k, struct tasklet *t, uint32_t depth, bool travelling)
{
    struct fault **place = t->extra == NULL ? NULL : &t->extra->fault;
    while (place != NULL && *place != NULL) {
        struct fault *fault = *place;
        bool drop = fault->depth == FAULT_TRAVELS ? travelling : fault->depth >= depth;
        if (drop) {
            *place = fault->next;
            mem_free(k->mem, fault, sizeof *fault);
        } else {
            place = &fault->next;
        }
    }
}
