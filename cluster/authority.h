/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authority: the rules by which the rows of the store change. It runs in the one node that
 * has the store, as a machine without any I/O. What is decided (members, names, claims,
 * revocations) stands in the rows and is rebuilt from them at every start; what is only
 * observed (contacts, votes, installed views) is in memory and begins anew.
 *
 * How core drives it:
 *
 *   NODE_STORE_ROWS      -> authority_load()         at start, and after AUTHORITY_LOAD
 *   a STORE request      -> authority_request()      of a peer, an operator, or this node itself
 *   any frame of a node  -> authority_contact()      this is the lease hint of PROTOCOLS section 3
 *   NODE_STORE_DONE      -> authority_committed()
 *   time                 -> authority_tick()         no later than authority_deadline()
 *
 * and after each of these empties the queue with authority_next(); requests of one frame may be
 * one event. A request ends in exactly one AUTHORITY_REPLY, unless so many come at once that
 * there is no room for their answers: those are dropped, and their askers repeat them. One commit is in flight at a time; requests that change something wait
 * meanwhile, in order, at most AUTHORITY_WAITING_MAX (then they are refused BUSY); those that
 * only read wait behind them, so an answer always shows what was written before it.
 *
 * Each commit is conditional on the view number. Its outcome UNKNOWN is not taken for either
 * answer: the rows are loaded again and tell which it was; until then nothing else is decided.
 * A requester gets OUTCOME_UNKNOWN only if the store cannot be read either (then it asks again
 * with the same request id, which is safe for every operation). A store at a number that this
 * authority did not write means that somebody else writes: AUTHORITY_FENCED, and it never
 * answers again.
 *
 * Death (D3): only a commit makes a member DEAD, and it is never the lapse of a clock alone: at
 * least one living member has voted. One vote suffices if the member has not been in contact
 * for the lease, or if there are at most three; else two fresh votes of different members. One that
 * a restarted authority has not heard of yet has the lease to come back. The
 * authority's own node is never voted dead.
 *
 * Names (DECISIONS 13) belong to a channel and end by NAME_DROP or with their host. A move
 * writes nothing, so the host in the row may be out of date, and any channel may have been on a
 * node that leaves the view: then all names are in doubt, and those that nobody has put again are
 * dropped after every living member has reported that view as installed. Before it reports, a
 * node says NAME_PUT again for every name of a channel that is here (or frozen, or prepared,
 * here) and waits for the replies. The authority's own node reports by taking AUTHORITY_VIEW: it
 * installs the view at once, says its NAME_PUTs, and the next authority_tick counts it, unless
 * authority_own_names says that some wait.
 */
#ifndef STINT_CLUSTER_AUTHORITY_H
#define STINT_CLUSTER_AUTHORITY_H

#include "cluster/view.h"
#include "wire/rows.h"

#define AUTHORITY_WAITING_MAX 256
#define AUTHORITY_NAMES_MAX 65536
#define AUTHORITY_CLAIMS_MAX 65536
#define AUTHORITY_WRITES_MAX 64 /* of one commit */

/* Kinds of rows. The numbers are in stores: append only. */
enum authority_row {
    AUTHORITY_ROW_META = 1,
    AUTHORITY_ROW_MEMBER = 2,
    AUTHORITY_ROW_NAME = 3,
    AUTHORITY_ROW_CLAIM = 4,
    AUTHORITY_ROW_REVOKED = 5,
};

struct authority_config {
    struct mem *mem;
    struct stint_id node; /* the node that has the store */
    uint64_t seed;        /* of its hash tables */
    uint32_t lease_ms;    /* 0: 6000 */
    uint32_t vote_ms;     /* how long a vote counts; 0: 60000 */
};

/*
 * Who asks. Core has proved it; the token finds the way back for the reply and means nothing
 * here.
 */
struct authority_from {
    uint64_t token;
    struct node_ref ref; /* of the session; none for a joining node and for an operator */
    bool local;          /* this node itself: it may found, and it may rejoin without a proof */
    bool operates;       /* an operator's command: may set any state, evict, revoke */
};

enum authority_effect_kind {
    /* hand `commit` to the store; its bytes stay valid until authority_committed */
    AUTHORITY_COMMIT,
    AUTHORITY_LOAD,   /* load all rows and call authority_load */
    AUTHORITY_REPLY,  /* send `reply` to `token`; after a SNAPSHOT that succeeded also the VIEW */
    /* there is a new view: install it here (authority_view), send it to all members */
    AUTHORITY_VIEW,
    AUTHORITY_FENCED, /* another writer, or rows that cannot be right: `text` says which; stop */
};

struct authority_effect {
    enum authority_effect_kind kind;
    uint64_t token;
    struct store_commit commit;
    stint_StoreReply reply;
    const char *text;
};

struct authority;

/* NULL when memory is short. Decides nothing before the first authority_load. */
struct authority *authority_new(const struct authority_config *config);
void authority_free(struct authority *a);

/*
 * Builds the table from the rows of a store, at start (then all members count as in contact
 * since now) or after AUTHORITY_LOAD. `result` other than STORE_COMMITTED: the store could not
 * be read; it is asked again after a second. STINT_NO_MEMORY; STINT_IO when a row cannot be
 * right (which one: `error`). Rows are borrowed for the call.
 */
STINT_MUST_USE enum stint_status authority_load(struct authority *a, enum store_result result,
                                                const struct store_row *rows, size_t count,
                                                uint64_t view, uint64_t generation,
                                                uint64_t now_ns, char *error,
                                                size_t error_size);

/* True when a cluster was founded in this store. */
bool authority_is_founded(const struct authority *a);

/*
 * Takes a request; the reply comes as an effect, at once or after a commit. `request` is
 * borrowed for the call.
 */
void authority_request(struct authority *a, struct authority_from from,
                       const stint_StoreRequest *request, uint64_t now_ns);

/* The outcome of the commit of that number; other numbers are ignored. */
void authority_committed(struct authority *a, uint64_t number, enum store_result result,
                         uint64_t now_ns);

/*
 * A frame of that node came in. `installed` is the view it says it has installed, 0 if the
 * frame says nothing.
 */
void authority_contact(struct authority *a, struct node_ref ref, uint64_t installed,
                       uint64_t now_ns);

/* Whether names of the authority's own node are still to be put again. */
void authority_own_names(struct authority *a, bool wait);

/* Counts votes again, drops names of dead hosts, repeats a load. */
void authority_tick(struct authority *a, uint64_t now_ns);
uint64_t authority_deadline(const struct authority *a);

/* Takes the next effect; false when there is none. */
bool authority_next(struct authority *a, struct authority_effect *effect);

/* The table as a view. */
void authority_view(const struct authority *a, struct view *out);

#endif
