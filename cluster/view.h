/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view: who is a member, at one number. It is what settles every doubt between nodes, so it
 * is always a whole snapshot of the table, never pieced together, and a node only ever goes
 * forward in it (I8). A member that is DEAD is in the view for lists; for every protocol it is
 * absent, as is an older incarnation of a member that came back.
 *
 * A `struct view` is large (some 60 KiB) and lives in memory of its own: view_new and view_free.
 */
#ifndef STINT_CLUSTER_VIEW_H
#define STINT_CLUSTER_VIEW_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/mem.h"
#include "schema/cluster.pb.h"
#include "stint/types.h"
#include "wire/limits.h"

#define VIEW_MEMBERS_MAX LIMIT_MEMBERS
#define VIEW_REVOKED_MAX LIMIT_REVOKED
#define VIEW_NAME_SIZE (LIMIT_NAME + 1)
#define VIEW_ENDPOINT_SIZE (LIMIT_ENDPOINT + 1)
#define VIEW_VERSION_SIZE 24

/* A node in one incarnation: what all protocols between nodes mean by "a peer". */
struct node_ref {
    struct stint_id id;
    uint64_t inc;
};

#define NODE_REF_NONE ((struct node_ref){ { { 0 } }, 0 })

bool node_ref_equal(struct node_ref a, struct node_ref b);
bool node_ref_is_none(struct node_ref ref);

struct member {
    struct node_ref ref;
    stint_MemberState state; /* stint_MEMBER_JOINING to stint_MEMBER_DEAD */
    bool clean;
    uint64_t modules;
    char name[VIEW_NAME_SIZE];
    char endpoint[VIEW_ENDPOINT_SIZE];
    char version[VIEW_VERSION_SIZE];
};

struct view {
    struct mem *mem;
    uint64_t generation, number;
    struct stint_id authority;
    bool balancer_on;
    uint32_t member_count;
    uint32_t revoked_count;
    struct member members[VIEW_MEMBERS_MAX]; /* ordered by incarnation: the oldest first */
    uint64_t revoked[VIEW_REVOKED_MAX];
};

/* An empty view (number 0), or NULL when memory is short. view_free(NULL) is allowed. */
struct view *view_new(struct mem *m);
void view_free(struct view *v);

/* Copies all but `mem`. */
void view_copy(struct view *to, const struct view *from);

/*
 * Reads the body of a VIEW message into `v`. STINT_BAD_FRAME if anything is wrong with it:
 * malformed, too large, an unknown state, text that is not printable, a number of 0, two living
 * members with one id or name. STINT_NO_MEMORY. On failure `v` is undefined but may be used
 * again.
 */
STINT_MUST_USE enum stint_status view_decode(struct view *v, struct stint_span body);

/*
 * Appends the encoded view; at most stint_View_size bytes. STINT_NO_MEMORY, STINT_LIMIT (the
 * buffer's maximum).
 */
STINT_MUST_USE enum stint_status view_encode(const struct view *v, struct buf *out);

/*
 * What a view that arrived is, against the one that is installed (or the highest that was ever
 * seen) and to `self`.
 */
enum view_verdict {
    VIEW_NEWER,     /* install it */
    VIEW_SAME,
    VIEW_OLDER,     /* of the same generation: it was on its way for long; drop it */
    VIEW_REGRESSED, /* of an older generation: the store was rolled back; stop (I8) */
    /* newer, and self is not in it: drop everything before anything else is done (R5) */
    VIEW_FENCED,
};

/*
 * `generation` and `number` are of the installed view (0, 0: none). `self.inc` 0: not joined
 * yet, never FENCED.
 */
enum view_verdict view_judge(uint64_t generation, uint64_t number, const struct view *next,
                             struct node_ref self);

/*
 * The living member of that id, of exactly that incarnation, of that name; NULL when there is
 * none.
 */
const struct member *view_find(const struct view *v, struct stint_id id);
const struct member *view_member(const struct view *v, struct node_ref ref);
const struct member *view_named(const struct view *v, const char *name);
bool view_has(const struct view *v, struct node_ref ref);

/*
 * Dead ones too, the living one first: for lists and for messages about somebody who was there.
 */
const struct member *view_find_any(const struct view *v, struct stint_id id);

/*
 * A living one is anything but DEAD; a home holds hints (ACTIVE, CORDONED); a target takes new
 * tasklets (ACTIVE).
 */
bool member_is_living(const struct member *m);
bool member_is_home(const struct member *m);
bool member_is_target(const struct member *m);

/* "joining", "up", "cordoned", "draining", "down"; static storage. */
const char *member_state_text(stint_MemberState state);

/* How many members are living. */
uint32_t view_living(const struct view *v);

bool view_is_revoked(const struct view *v, uint64_t serial);

enum view_change { VIEW_GONE, VIEW_NEW, VIEW_CHANGED };

/*
 * Reports what differs among the living: each incarnation that is gone (from `old`), then each
 * that is new or has another state or endpoint (from `next`). `old` may be NULL.
 */
void view_diff(const struct view *old, const struct view *next,
               void (*report)(void *arg, enum view_change change, const struct member *m),
               void *arg);

/*
 * The home of an id: rendezvous hash over the members that may be homes; if there are none,
 * over all living ones. NODE_REF_NONE in an empty view. The same on every node that has the
 * same view.
 */
struct node_ref view_home(const struct view *v, struct stint_id id);

#endif
