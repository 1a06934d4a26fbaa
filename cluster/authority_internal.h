/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the authority share: the machine (authority.c), the rules
 * (authority_rules.c), deaths (authority_votes.c).
 */
#ifndef STINT_CLUSTER_AUTHORITY_INTERNAL_H
#define STINT_CLUSTER_AUTHORITY_INTERNAL_H

#include "cluster/authority_table.h"

#define AUTHORITY_VOTES_MAX 16 /* of one member; each is watched by 10 */
#define AUTHORITY_RETRY_NS UINT64_C(1000000000)
#define AUTHORITY_PENDING_MAX (AUTHORITY_WAITING_MAX + 16)
#define AUTHORITY_PENDING_SPARE 8 /* for what is no answer to a request that comes now */
#define AUTHORITY_DETAIL_SIZE 160

struct authority_vote {
    struct node_ref voter;
    uint64_t at_ns;
};

/* What was observed of a living member; never stored. */
struct authority_contact {
    struct node_ref ref;
    uint64_t heard_ns;
    bool awaited; /* a member of before this authority began, which has not heard of it yet */
    uint64_t installed;
    uint32_t vote_count;
    struct authority_vote votes[AUTHORITY_VOTES_MAX];
};

struct authority_waiting {
    struct authority_from from;
    stint_StoreRequest request;
};

enum authority_state {
    AUTHORITY_UNLOADED,  /* no rows yet: requests wait */
    AUTHORITY_READY,
    AUTHORITY_COMMITTING,
    AUTHORITY_LOADING,   /* the outcome of a commit, or the table, is being read from the store */
    AUTHORITY_UNREADABLE,/* the store could not be read: repeated later; requests are refused */
    AUTHORITY_STOPPED,   /* fenced */
};

/* An effect in the queue; replies are filled when they are taken. */
struct authority_pending {
    enum authority_effect_kind kind;
    uint64_t token;
    struct stint_id request;
    stint_StoreOp op;
    enum stint_status status;
    uint64_t inc;
    char name[VIEW_NAME_SIZE]; /* NAME_GET, NAME_LIST */
    char detail[AUTHORITY_DETAIL_SIZE];
};

/* What a request comes to: a status, or changes to be committed first. */
struct authority_answer {
    uint64_t inc;
    char detail[AUTHORITY_DETAIL_SIZE];
};

struct authority {
    struct authority_config config;
    struct mem *mem;
    uint64_t lease_ns, vote_ns;
    enum authority_state state;
    struct authority_table table;
    uint64_t announced; /* number of the last view reported as an effect */
    uint64_t taken;     /* number of the last view whose effect was taken */
    bool own_names_wait;
    /* UNREADABLE: when to load; READY: no verdict or drop is tried before it */
    uint64_t retry_ns;

    uint32_t contact_count;
    struct authority_contact contacts[VIEW_MEMBERS_MAX];

    uint64_t commit_number;
    uint64_t commit_expected;
    struct authority_changes changes;
    struct store_write writes[AUTHORITY_WRITES_MAX];
    bool have_current; /* the commit belongs to `current`; else it is a verdict or a clean-up */
    struct authority_waiting current;
    struct authority_answer answer;

    uint32_t waiting_first, waiting_count;
    struct authority_waiting waiting[AUTHORITY_WAITING_MAX];
    uint32_t pending_first, pending_count;
    struct authority_pending pending[AUTHORITY_PENDING_MAX];
    char text[AUTHORITY_DETAIL_SIZE]; /* of FENCED */
};

/*
 * authority_rules.c: what a request does to the table as it stands. STINT_OK with changes:
 * commit them, then it is granted; STINT_OK without: it is granted already; another status:
 * refused, `answer->detail` says why. Votes and contacts are noted at once.
 */
enum stint_status authority_decide(struct authority *a, const struct authority_from *from,
                                   const stint_StoreRequest *request, uint64_t now_ns,
                                   struct authority_answer *answer);

/* authority_votes.c */
struct authority_contact *authority_contact_find(struct authority *a, struct node_ref ref);
bool authority_in_contact(struct authority *a, struct node_ref ref, uint64_t now_ns);

/* A member is heard of. If it was awaited, this node's own vote on it has been answered. */
void authority_found(const struct authority *a, struct authority_contact *c);

/* Contacts of exactly the living members: new ones count as heard of now. */
void authority_contacts_refresh(struct authority *a, bool first, uint64_t now_ns);
void authority_vote(struct authority_contact *c, struct node_ref voter, bool off,
                    uint64_t now_ns);

/* Writes the death of all members that the votes suffice for; false when there is none. */
bool authority_verdicts(struct authority *a, uint64_t now_ns);

/* Removes names of hosts that every living member has seen go; false when there are none. */
bool authority_orphans(struct authority *a);

/* When votes at hand could become a verdict by the passing of the lease. */
uint64_t authority_votes_deadline(const struct authority *a);

#endif
