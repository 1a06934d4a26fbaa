/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "base/span.h"
#include "client/client_internal.h"
#include "client/json.h"

static void *
default_resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

struct client_heap *
client_heap_new(struct stint_allocator allocator)
{
    if (allocator.resize == NULL) {
        allocator = (struct stint_allocator){ default_resize, NULL };
    }
    struct client_heap *heap = allocator.resize(allocator.arg, NULL, 0, sizeof *heap);
    if (heap != NULL) {
        *heap = (struct client_heap){ .allocator = allocator, .holders = 1 };
        mem_init(&heap->mem, allocator, 0);
    }
    if (heap != NULL && !client_lock_init(&heap->lock)) {
        (void)allocator.resize(allocator.arg, heap, sizeof *heap, 0);
        return NULL;
    }
    return heap;
}

struct client_heap *
client_heap_hold(struct client_heap *heap)
{
    heap->holders++;
    return heap;
}

void
client_heap_drop(struct client_heap *heap)
{
    if (heap == NULL) {
        return;
    }
    client_lock_take(&heap->lock);
    bool last = --heap->holders == 0;
    client_lock_give(&heap->lock);
    if (last) {
        STINT_ASSERT(heap->mem.used == 0);
        client_lock_fini(&heap->lock);
        (void)heap->allocator.resize(heap->allocator.arg, heap, sizeof *heap, 0);
    }
}

void
client_heap_let_go(struct client_heap *heap)
{
    heap->holders--;
    STINT_ASSERT(heap->holders != 0);
}

bool
client_struct_copy(void *to, size_t size, const void *from, size_t least)
{
    size_t given;
    memcpy(&given, from, sizeof given);
    memset(to, 0, size);
    if (given < least) {
        return false;
    }
    memcpy(to, from, given < size ? given : size);
    return true;
}

char *
client_text_copy(struct mem *mem, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = mem_alloc(mem, size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

void
client_text_free(struct mem *mem, char *text)
{
    if (text != NULL) {
        mem_free(mem, text, strlen(text) + 1);
    }
}

void
client_text_clean(char *text)
{
    struct stint_span rest = span_text(text);
    char *to = text;
    while (rest.size != 0) {
        size_t length = client_utf8_length(rest);
        bool control = rest.data[0] < 0x20 || rest.data[0] == 0x7f ||
                       (length == 2 && rest.data[0] == 0xc2 && rest.data[1] < 0xa0);
        size_t taken = length == 0 ? 1 : length;
        if (length == 0 || control) {
            *to++ = '?';
        } else {
            memmove(to, rest.data, length);
            to += length;
        }
        rest.data += taken;
        rest.size -= taken;
    }
    *to = '\0';
}
