/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items in order. Each carries a token, a text of which byte order is the order of the list; the
 * token of the last item shown is the page token by which the list goes on. Two kinds: `n`, node
 * and place there (the nodes' own order), and `s`, sort key padded to a fixed width and id.
 */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"

#define KEY_WIDTH 30

STINT_STATIC_ASSERT(ADMIN_PAGE_SIZE >= 1 + KEY_WIDTH + 32 + 1, "a token is a page token");

void
rows_init(struct rows *r, struct mem *m, bool descending)
{
    *r = (struct rows){ .mem = m, .descending = descending };
}

static void
free_row(struct rows *r, struct row *row)
{
    mem_free(r->mem, row->bytes, row->size);
}

void
rows_fini(struct rows *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        free_row(r, &r->list[i]);
    }
    if (r->list != NULL) {
        mem_free(r->mem, r->list, r->capacity * sizeof *r->list);
    }
    r->list = NULL;
    r->count = r->capacity = 0;
}

bool
rows_add(struct rows *r, const char *token, struct stint_id id, const struct admin_reply *reply)
{
    if (r->count == r->capacity) {
        uint32_t capacity = r->capacity == 0 ? 64 : r->capacity * 2;
        struct row *list = mem_resize(r->mem, r->list, r->capacity * sizeof *list,
                                      capacity * sizeof *list);
        if (list == NULL) {
            return false;
        }
        r->list = list;
        r->capacity = capacity;
    }
    struct row row = { .id = id };
    text_copy(row.token, sizeof row.token, token);
    if (reply != NULL) {
        row.head = reply->head;
        row.word = reply->word;
        row.item_size = (uint32_t)reply->item.size;
        row.size = (uint32_t)(reply->item.size + reply->payload.size);
    }
    if (row.size != 0) {
        row.bytes = mem_alloc(r->mem, row.size);
        if (row.bytes == NULL) {
            return false;
        }
        bytes_copy(row.bytes, reply->item.data, reply->item.size);
        bytes_copy(row.bytes + reply->item.size, reply->payload.data, reply->payload.size);
    }
    r->list[r->count++] = row;
    return true;
}

void
rows_remove(struct rows *r, uint32_t index)
{
    free_row(r, &r->list[index]);
    r->count--;
    memmove(&r->list[index], &r->list[index + 1], (r->count - index) * sizeof *r->list);
}

/* ---- order ---- */

static bool
before(const struct rows *r, const struct row *a, const struct row *b)
{
    int order = strcmp(a->token, b->token);
    return r->descending ? order > 0 : order < 0;
}

static void
swap(struct row *a, struct row *b)
{
    struct row c = *a;
    *a = *b;
    *b = c;
}

/* Heapsort: in place, and no input makes it slow. */
static void
sift_down(struct rows *r, uint32_t at, uint32_t count)
{
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && before(r, &r->list[child], &r->list[child + 1])) {
            child++;
        }
        if (!before(r, &r->list[at], &r->list[child])) {
            return;
        }
        swap(&r->list[at], &r->list[child]);
        at = child;
    }
}

void
rows_sort(struct rows *r)
{
    for (uint32_t i = r->count / 2; i > 0; i--) {
        sift_down(r, i - 1, r->count);
    }
    for (uint32_t end = r->count; end > 1; end--) {
        swap(&r->list[0], &r->list[end - 1]);
        sift_down(r, 0, end - 1);
    }
}

bool
rows_cut(struct rows *r, uint32_t limit)
{
    rows_sort(r);
    bool cut = r->count > limit;
    while (r->count > limit) {
        free_row(r, &r->list[--r->count]);
    }
    return cut;
}

/* ---- tokens ---- */

void
rows_place_token(char token[ADMIN_PAGE_SIZE], uint64_t inc, uint32_t place)
{
    text_format(token, ADMIN_PAGE_SIZE, "n%016llx%08x", (unsigned long long)inc, place);
}

void
rows_text_token(char token[ADMIN_PAGE_SIZE], const char *key, struct stint_id id)
{
    char hex[STINT_ID_TEXT_SIZE];
    text_format(token, ADMIN_PAGE_SIZE, "s%-*.*s%s", KEY_WIDTH, KEY_WIDTH, key,
                stint_id_text(id, hex));
}

void
rows_number_token(char token[ADMIN_PAGE_SIZE], uint64_t key, struct stint_id id)
{
    char text[17];
    text_format(text, sizeof text, "%016llx", (unsigned long long)key);
    rows_text_token(token, text, id);
}

bool
rows_parse_place(const char *token, uint64_t *inc, uint32_t *place)
{
    uint8_t bytes[12];
    if (token[0] != 'n' || !text_unhex(bytes, sizeof bytes, token + 1)) {
        return false;
    }
    *inc = 0;
    *place = 0;
    for (size_t i = 0; i < 8; i++) {
        *inc = *inc << 8 | bytes[i];
    }
    for (size_t i = 8; i < 12; i++) {
        *place = *place << 8 | bytes[i];
    }
    return true;
}

uint32_t
admin_limit(const stint_Request *request)
{
    uint32_t limit = request->limit == 0 ? ADMIN_LIST_DEFAULT : request->limit;
    return limit > ADMIN_LIST_MAX ? ADMIN_LIST_MAX : limit;
}
