/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node.h"

struct admin {
    int unused;
};

enum stint_status
admin_init(struct node *n)
{
    n->admin = mem_zalloc(n->mem, sizeof *n->admin);
    return n->admin != NULL ? STINT_OK : STINT_NO_MEMORY;
}

void
admin_fini(struct node *n)
{
    mem_free(n->mem, n->admin, n->admin != NULL ? sizeof *n->admin : 0);
    n->admin = NULL;
}

void
admin_receive(struct node *n, const struct arrival *a)
{
    (void)n;
    (void)a;
}

void
admin_tick(struct node *n)
{
    (void)n;
}

uint64_t
admin_deadline(const struct node *n)
{
    (void)n;
    return UINT64_MAX;
}

void
admin_view(struct node *n, const struct view *old, const struct view *next)
{
    (void)n;
    (void)old;
    (void)next;
}

void
admin_conn_closed(struct node *n, uint64_t conn)
{
    (void)n;
    (void)conn;
}

void
admin_tasklet_suspended(struct node *n, struct stint_id tasklet)
{
    (void)n;
    (void)tasklet;
}

void
admin_tasklet_ended(struct node *n, struct stint_id tasklet, enum stint_status status, const char *text,
                    const char *type, struct stint_span result)
{
    (void)n;
    (void)tasklet;
    (void)status;
    (void)text;
    (void)type;
    (void)result;
}

void
admin_tasklet_left(struct node *n, struct stint_id tasklet, struct node_ref to)
{
    (void)n;
    (void)tasklet;
    (void)to;
}

void
admin_move_finished(struct node *n, const struct move_record *record)
{
    (void)n;
    (void)record;
}

bool
admin_operation_done(struct node *n, const struct kernel_done *done)
{
    (void)n;
    (void)done;
    return false;
}

bool
admin_operation_refused(struct node *n, struct stint_id participant, struct stint_id cid, uint64_t last)
{
    (void)n;
    (void)participant;
    (void)cid;
    (void)last;
    return false;
}

bool
admin_operation_lost(struct node *n, struct stint_id participant, struct stint_id cid)
{
    (void)n;
    (void)participant;
    (void)cid;
    return false;
}

void
admin_reoffer(struct node *n, struct stint_id participant)
{
    (void)n;
    (void)participant;
}

void
admin_reoffer_all(struct node *n)
{
    (void)n;
}
