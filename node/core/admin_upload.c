/* SPDX-License-Identifier: Apache-2.0 */
/* Files that come in pieces, in order, for a request that will use them. Few at a time, and none
 * for long. */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "core/codec.h"

#define UPLOAD_NS (UINT64_C(120) * 1000000000)

struct upload {
    struct list link; /* oldest first */
    struct stint_id id;
    char by[sizeof(((stint_Request *)0)->by)];
    uint64_t total;
    uint64_t expires;
    struct buf bytes;
};

static void
free_upload(struct node *n, struct upload *u)
{
    list_remove(&u->link);
    buf_fini(&u->bytes);
    mem_free(n->mem, u, sizeof *u);
    n->admin->upload_count--;
}

void
upload_fini(struct node *n)
{
    LIST_EACH(link, &n->admin->uploads) {
        free_upload(n, STINT_CONTAINER_OF(link, struct upload, link));
    }
}

void
upload_tick(struct node *n)
{
    LIST_EACH(link, &n->admin->uploads) {
        struct upload *u = STINT_CONTAINER_OF(link, struct upload, link);
        if (u->expires <= n->now_ns) {
            free_upload(n, u);
        }
    }
}

static struct upload *
find(struct node *n, const stint_Request *request)
{
    LIST_EACH(link, &n->admin->uploads) {
        struct upload *u = STINT_CONTAINER_OF(link, struct upload, link);
        if (memcmp(u->id.bytes, request->id.bytes, sizeof u->id.bytes) == 0 &&
            strcmp(u->by, request->by) == 0) {
            return u;
        }
    }
    return NULL;
}

const struct buf *
upload_find(struct node *n, const stint_Request *request, char *detail, size_t detail_size)
{
    struct upload *u = request->id.size == sizeof u->id.bytes ? find(n, request) : NULL;
    if (u == NULL) {
        text_copy(detail, detail_size,
                  "no file was uploaded for this request, or too long ago; upload it again");
        return NULL;
    }
    if (u->bytes.size != u->total) {
        text_format(detail, detail_size,
                    "of the file only %zu of %llu bytes have arrived; upload it again",
                    u->bytes.size, (unsigned long long)u->total);
        return NULL;
    }
    return &u->bytes;
}

void
upload_forget(struct node *n, const stint_Request *request)
{
    struct upload *u = find(n, request);
    if (u != NULL) {
        free_upload(n, u);
    }
}

static struct upload *
begin(struct node *n, const stint_Request *request)
{
    struct admin *m = n->admin;
    if (m->upload_count == ADMIN_UPLOADS_MAX) {
        return NULL;
    }
    struct upload *u = mem_zalloc(n->mem, sizeof *u);
    if (u == NULL) {
        return NULL;
    }
    u->id = codec_id(request->id.bytes);
    text_copy(u->by, sizeof u->by, request->by);
    u->total = request->total;
    buf_init(&u->bytes, n->mem, request->total);
    list_init(&u->link);
    list_push_back(&m->uploads, &u->link);
    m->upload_count++;
    return u;
}

void
admin_upload(struct node *n, struct ask *ask)
{
    const stint_Request *r = &ask->request;
    if (r->id.size != sizeof(struct stint_id) || ask->body_size > ADMIN_PIECE_MAX) {
        ask_end(n, ask, STINT_INVALID, "malformed piece of a file");
        return;
    }
    if (r->total == 0 || r->total > ADMIN_FILE_MAX) {
        ask_end(n, ask, STINT_LIMIT, "a file has at most %zu bytes, not %llu", ADMIN_FILE_MAX,
                (unsigned long long)r->total);
        return;
    }
    struct upload *u = find(n, r);
    if (u == NULL && r->offset == 0) {
        u = begin(n, r);
        if (u == NULL) {
            ask_end(n, ask, STINT_BUSY, "too many files are being uploaded to node %s; try again",
                    n->name);
            return;
        }
    }
    if (u == NULL || u->total != r->total || r->offset > u->bytes.size ||
        r->offset + ask->body_size > r->total) {
        ask_end(n, ask, STINT_INVALID,
                "a piece of the file is missing before this one; upload it from the beginning");
        return;
    }
    u->expires = n->now_ns + UPLOAD_NS;
    uint64_t known = u->bytes.size - r->offset; /* of a piece that came before */
    if (known < ask->body_size &&
        !buf_append(&u->bytes, ask->body + known, ask->body_size - (size_t)known)) {
        free_upload(n, u);
        ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; try again", n->name);
        return;
    }
    ask_end_page(n, ask, STINT_OK, "", false, "");
}
