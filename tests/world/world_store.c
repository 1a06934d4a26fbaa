/* SPDX-License-Identifier: Apache-2.0 */
/* The store of the virtual world: rows in memory under a view number, whose answers may be late, lost, or no. */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "base/span.h"
#include "world_internal.h"

static size_t
find_row(const struct world_node_state *s, const struct store_row *row)
{
    size_t at = 0;
    while (at < s->row_count &&
           !(s->rows[at].kind == row->kind && s->rows[at].key_size == row->key.size &&
             (row->key.size == 0 || memcmp(s->rows[at].key, row->key.data, row->key.size) == 0))) {
        at++;
    }
    return at;
}

static void
write_row(struct world_node_state *s, const struct store_write *write)
{
    size_t at = find_row(s, &write->row);
    if (write->remove) {
        if (at < s->row_count) {
            s->rows[at] = s->rows[--s->row_count];
        }
        return;
    }
    if (at == s->row_count) {
        s->rows = realloc(s->rows, (s->row_count + 1) * sizeof *s->rows);
        STINT_ASSERT(s->rows != NULL);
        s->row_count++;
    }
    struct world_row *row = &s->rows[at];
    STINT_ASSERT(write->row.key.size <= sizeof row->key && write->row.value.size <= sizeof row->value);
    row->kind = write->row.kind;
    row->key_size = write->row.key.size;
    row->value_size = write->row.value.size;
    bytes_copy(row->key, write->row.key.data, row->key_size);
    bytes_copy(row->value, write->row.value.data, row->value_size);
}

/* What becomes of a commit: it is carried out or not, and the answer says which or does not. */
static enum store_result
decide(struct world *w, bool *carried_out)
{
    *carried_out = true;
    uint64_t lot = prng_below(&w->random, 1000);
    if (lot < w->faults.store_unknown_permille) {
        return STORE_UNKNOWN;
    }
    lot -= w->faults.store_unknown_permille;
    if (lot < w->faults.store_lost_permille) {
        *carried_out = false;
        return STORE_UNKNOWN;
    }
    lot -= w->faults.store_lost_permille;
    if (lot < w->faults.store_refuse_permille) {
        *carried_out = false;
        return STORE_FAILED;
    }
    return STORE_COMMITTED;
}

void
world_store_commit(struct world *w, int i, const struct store_commit *commit)
{
    struct world_node_state *s = &w->nodes[i];
    enum store_result result = STORE_CONFLICT;
    if (commit->expected_view == s->store_view) {
        bool carried_out;
        result = decide(w, &carried_out);
        for (size_t k = 0; carried_out && k < commit->count; k++) {
            write_row(s, &commit->writes[k]);
        }
        s->store_view = carried_out ? commit->next_view : s->store_view;
    }
    uint64_t delay = w->faults.store_delay_ns;
    if (w->faults.store_delay_max_ns > delay) {
        delay += prng_below(&w->random, w->faults.store_delay_max_ns - delay);
    }
    struct happening *h = world_push(w, HAPPENING_STORE, i, w->now + delay, 0);
    h->number = commit->number;
    h->result = result;
}
