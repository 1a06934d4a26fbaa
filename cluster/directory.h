/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things live, as far as this node has heard. The truth is residency itself; all here is
 * hints, in three kinds:
 *
 *   home       for ids whose home is here (view_home): what their hosts reported. Answers WHERE.
 *   cache      for ids this node sends to: what it was told. Bounded; the least used goes.
 *   forwarder  for what moved away from here: 30 s, so that what was under way is passed on.
 *
 * A hint is replaced only by one of a larger epoch (I4); epochs come with residency, so the
 * larger one is later. A hint whose node left the view keeps its epoch but names nobody, until
 * a larger epoch comes or a minute has passed.
 */
#ifndef STINT_CLUSTER_DIRECTORY_H
#define STINT_CLUSTER_DIRECTORY_H

#include "cluster/view.h"

#define DIRECTORY_HINTS_MAX (4u << 20)
#define DIRECTORY_CACHE_MAX 65536u
#define DIRECTORY_FORWARDERS_MAX 65536u
#define DIRECTORY_FORWARD_MS 30000
#define DIRECTORY_LOST_MS 60000

struct directory_place {
    struct stint_id id;
    stint_LocateKind kind;
    struct node_ref node; /* none: it was on a node that is gone */
    uint64_t epoch;
    bool ended;
};

struct directory_config {
    struct mem *mem;
    uint64_t seed;
    uint32_t hints_max; /* 0: DIRECTORY_HINTS_MAX */
    uint32_t cache_max; /* 0: DIRECTORY_CACHE_MAX */
};

struct directory;

struct directory *directory_new(const struct directory_config *config);
void directory_free(struct directory *d);

/*
 * LOC_UPDATE at the home. STINT_CONFLICT: it is not newer, nothing changed; STINT_LIMIT,
 * STINT_NO_MEMORY: not kept (it will be found by asking around). An `ended` place is kept for a
 * minute, so that a late update does not revive it.
 */
STINT_MUST_USE enum stint_status directory_report(struct directory *d,
                                                  const struct directory_place *place,
                                                  uint64_t now_ns);

/*
 * WHERE at the home: what was reported. False if nothing is known. `out->node` may be none,
 * `out->ended` set.
 */
bool directory_where(struct directory *d, struct stint_id id, struct directory_place *out,
                     uint64_t now_ns);

/*
 * Something was learnt as a sender (THERE, an update, a reply). False if a larger or equal
 * epoch was known.
 */
bool directory_learn(struct directory *d, const struct directory_place *place, uint64_t now_ns);

/*
 * The best guess of a sender: forwarder, cache, own home hint, in this order. False: ask the
 * home.
 */
bool directory_lookup(struct directory *d, struct stint_id id, struct directory_place *out,
                      uint64_t now_ns);

/*
 * Only what moved away from here and is still passed on: no hearsay. For who must be sure that
 * nobody has an id.
 */
bool directory_forwarder(struct directory *d, struct stint_id id, struct directory_place *out,
                         uint64_t now_ns);

/*
 * A guess of that epoch or an older one was wrong: forget it, so that the next lookup asks. The
 * home's hint stays.
 */
void directory_distrust(struct directory *d, struct stint_id id, uint64_t epoch);

/*
 * The same, and the home's own hint names nobody from now on: whoever it named says that it is
 * not there.
 */
void directory_refuted(struct directory *d, struct stint_id id, uint64_t epoch, uint64_t now_ns);

/*
 * `place->id` has just moved away from here to `place->node`, with that epoch: pass on what
 * comes for 30 s.
 */
void directory_moved(struct directory *d, const struct directory_place *place, uint64_t now_ns);

/*
 * It came (back) to live here at that epoch: hints of smaller epochs in cache and forwarders
 * go.
 */
void directory_arrived(struct directory *d, struct stint_id id, uint64_t epoch);

/*
 * A view was installed: hints that name gone incarnations name nobody; home hints of ids homed
 * elsewhere now go.
 */
void directory_view(struct directory *d, const struct view *next, struct stint_id self,
                    uint64_t now_ns);

/*
 * Whose home changed from `old` (may be NULL) to `next`: calls `emit` for each resident that
 * `each` yields (until it returns false) whose home is another node, or another incarnation of
 * it. For refilling homes after a view change.
 */
void directory_rehome(const struct view *old, const struct view *next,
                      bool (*each)(void *arg, struct directory_place *out),
                      void (*emit)(void *arg, struct node_ref home,
                                   const struct directory_place *place),
                      void *arg);

/* Drops what has expired, at most a few thousand entries a call. */
void directory_tick(struct directory *d, uint64_t now_ns);
uint64_t directory_deadline(const struct directory *d);

struct directory_counts {
    uint32_t hints, cached, forwarders;
};

struct directory_counts directory_counts(const struct directory *d);

#endif
