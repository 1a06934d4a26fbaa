/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of membership share: control.c (probes, the authority's side, messages), control_calls.c, control_view.c,
 * control_join.c.
 */
#ifndef STINT_CORE_CONTROL_H
#define STINT_CORE_CONTROL_H

#include "core/node.h"

#define CONTROL_REPEAT_NS (UINT64_C(500) * 1000000) /* what has no answer is asked again */
#define CONTROL_JOIN_TIMEOUT_MS 10000

struct control {
    struct list calls;
    uint32_t call_count;
    uint64_t seed_conn;   /* while joining: the member that answers */
    struct stint_id seed_node;
    bool authority_dialed;
    bool join_asked;
    uint64_t view_ask_due;
    uint64_t activate_at;
    bool activating;
    bool leaving;
    bool names_failed;      /* some could not be put again for want of an answer */
    uint32_t names_pending; /* names put again and not confirmed: until then the view is not reported as installed */
    uint64_t gone_view;     /* the last one installed in which a life of a node was over: names are put again under it */
    uint64_t reported_view;
    uint64_t heard_view; /* newest number heard of */
};

/* ---- control_calls.c: questions to the authority ---- */

/* The answer to a question of this node. BUSY and OUTCOME_UNKNOWN are none: it is asked again under the same id. */
void control_take_reply(struct node *n, const stint_StoreReply *reply);

/* Repeats questions, and ends with STORE_DOWN those whose time is over. */
void control_expire_calls(struct node *n);
uint64_t control_calls_deadline(const struct node *n);
void control_free_calls(struct node *n);

/* The names that are just being asked for, except by who waits with `except`; `fn` may ask anew. */
void control_each_name_put(struct node *n, store_done_fn *except,
                           void (*fn)(struct node *n, const stint_StoreRequest *request));

/* ---- control_view.c: what this node knows of the members ---- */

/* Asks that node (while joining: the member that answers) for its view, now and then. */
void control_ask_view(struct node *n, struct stint_id from);

/* Sends a view to a member, or back over a connection if `conn` is not 0. */
void control_send_view(struct node *n, const struct view *view, struct stint_id to, uint64_t conn);

/* A view lies in n->next: it is installed, passed over, or tells that this node is out. */
void control_consider_view(struct node *n);

/* The authority has a new view: all members hear of it, those too that it has buried. */
void control_spread_view(struct node *n);

/* ---- control_join.c: coming and leaving ---- */

void control_ask_join(struct node *n);

/* Joining: a member showed its view. The authority may be another node than the one that showed it. */
void control_join_through(struct node *n, const struct view *view);

/* Asks to be ACTIVE once enough members are linked. */
void control_try_activate(struct node *n);

#endif
