/* SPDX-License-Identifier: Apache-2.0 */
/* The tags of tasklets: what somebody wrote on them to find them by. The kernel knows nothing of them; they go along with moves. */
#include <string.h>

#include "base/ids.h"
#include "core/node.h"

struct tags {
    size_t size; /* of the text with its terminator */
    char text[];
};

void
tags_init(struct node *n)
{
    table_init(&n->tags, n->mem, prng_next(&n->random));
}

void
tags_fini(struct node *n)
{
    struct table_cursor cursor = { 0 };
    void *value;
    while (table_each(&n->tags, &cursor, NULL, &value)) {
        struct tags *t = value;
        mem_free(n->mem, t, sizeof *t + t->size);
    }
    table_fini(&n->tags);
}

enum stint_status
tags_set(struct node *n, struct stint_id tasklet, const char *text)
{
    tags_forget(n, tasklet);
    if (text[0] == 0) {
        return STINT_OK;
    }
    size_t size = strlen(text) + 1;
    struct tags *t = mem_alloc(n->mem, sizeof *t + size);
    if (t == NULL) {
        return STINT_NO_MEMORY;
    }
    t->size = size;
    memcpy(t->text, text, size);
    if (table_insert(&n->tags, tasklet, t) != STINT_OK) {
        mem_free(n->mem, t, sizeof *t + size);
        return STINT_NO_MEMORY;
    }
    return STINT_OK;
}

const char *
tags_of(const struct node *n, struct stint_id tasklet)
{
    const struct tags *t = table_count(&n->tags) != 0 ? table_find(&n->tags, tasklet) : NULL;
    return t != NULL ? t->text : "";
}

void
tags_forget(struct node *n, struct stint_id tasklet)
{
    struct tags *t = table_count(&n->tags) != 0 ? table_remove(&n->tags, tasklet) : NULL;
    if (t != NULL) {
        mem_free(n->mem, t, sizeof *t + t->size);
    }
}
