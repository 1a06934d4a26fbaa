/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is dead, and what ends with them. A verdict needs a vote, always; the lease (when the
 * member was last in contact with this node) only says how many. So a member that merely fell
 * silent towards the authority stays until somebody who watches it says that it cannot be
 * reached either, and one that still talks to the authority but to nobody else goes.
 */
#include "cluster/authority_internal.h"

#include "base/ids.h"
#include "base/panic.h"

struct authority_contact *
authority_contact_find(struct authority *a, struct node_ref ref)
{
    for (uint32_t i = 0; i < a->contact_count; i++) {
        if (node_ref_equal(a->contacts[i].ref, ref)) {
            return &a->contacts[i];
        }
    }
    return NULL;
}

bool
authority_in_contact(struct authority *a, struct node_ref ref, uint64_t now_ns)
{
    const struct authority_contact *c = authority_contact_find(a, ref);
    return c != NULL && (id_equal(ref.id, a->config.node) || now_ns - c->heard_ns <= a->lease_ns);
}

void
authority_contacts_refresh(struct authority *a, bool first, uint64_t now_ns)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < a->contact_count; i++) {
        if (authority_table_living(&a->table, a->contacts[i].ref) != NULL) {
            a->contacts[kept++] = a->contacts[i];
        }
    }
    a->contact_count = kept;
    for (uint32_t i = 0; i < a->table.member_count; i++) {
        const struct member *m = &a->table.members[i].member;
        if (member_is_living(m) && authority_contact_find(a, m->ref) == NULL) {
            STINT_ASSERT(a->contact_count < VIEW_MEMBERS_MAX);
            a->contacts[a->contact_count++] =
                (struct authority_contact){ .ref = m->ref, .heard_ns = now_ns, .awaited = first };
        }
    }
}

void
authority_vote(struct authority_contact *c, struct node_ref voter, bool off, uint64_t now_ns)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < c->vote_count; i++) {
        if (node_ref_equal(c->votes[i].voter, voter)) {
            if (off) {
                c->votes[i] = c->votes[--c->vote_count];
            } else {
                c->votes[i].at_ns = now_ns;
            }
            return;
        }
        oldest = c->votes[i].at_ns < c->votes[oldest].at_ns ? i : oldest;
    }
    if (off) {
        return;
    }
    uint32_t place = c->vote_count < AUTHORITY_VOTES_MAX ? c->vote_count++ : oldest;
    c->votes[place] = (struct authority_vote){ voter, now_ns };
}

void
authority_found(const struct authority *a, struct authority_contact *c)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->vote_count; i++) {
        if (!c->awaited || !id_equal(c->votes[i].voter.id, a->config.node)) {
            c->votes[kept++] = c->votes[i];
        }
    }
    c->vote_count = kept;
    c->awaited = false;
}

/* Drops the votes that do not count (any more): of nodes that are gone, or too old. */
static void
votes_prune(const struct authority *a, struct authority_contact *c, uint64_t now_ns)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->vote_count; i++) {
        if (now_ns - c->votes[i].at_ns <= a->vote_ns
            && authority_table_living(&a->table, c->votes[i].voter) != NULL) {
            c->votes[kept++] = c->votes[i];
        }
    }
    c->vote_count = kept;
}

static bool
is_condemned(struct authority *a, struct authority_contact *c, uint64_t now_ns)
{
    votes_prune(a, c, now_ns);
    bool silent = !authority_in_contact(a, c->ref, now_ns);
    if (c->awaited && !silent) {
        return false; /* it has the whole lease to find this authority again */
    }
    uint32_t needed = silent || authority_table_living_count(&a->table) <= 3 ? 1 : 2;
    return c->vote_count >= (MUTANT(a->mem, VOTE_ALONE) ? 1 : needed);
}

bool
authority_verdicts(struct authority *a, uint64_t now_ns)
{
    a->changes.count = 0;
    a->changes.new_view = true;
    for (uint32_t i = 0; i < a->contact_count; i++) {
        struct authority_contact *c = &a->contacts[i];
        if (c->vote_count == 0 || !is_condemned(a, c, now_ns)) {
            continue;
        }
        const struct authority_member *m = authority_table_living(&a->table, c->ref);
        STINT_ASSERT(m != NULL && !id_equal(c->ref.id, a->config.node));
        struct authority_member dead = *m;
        dead.member.state = stint_MEMBER_DEAD;
        if (!authority_write_member(&a->changes, &dead)) {
            break; /* the rest in the next commit */
        }
    }
    return a->changes.count > 0;
}

bool
authority_orphans(struct authority *a)
{
    if (a->table.orphan_count == 0) {
        return false;
    }
    uint64_t installed = UINT64_MAX; /* the view that all living members have, at least */
    for (uint32_t i = 0; i < a->contact_count; i++) {
        installed = a->contacts[i].installed < installed ? a->contacts[i].installed : installed;
    }
    a->changes.count = 0;
    a->changes.new_view = false;
    for (uint32_t i = 0; i < a->table.name_count; i++) {
        const struct authority_name *n = a->table.names[i];
        if (n->orphan_view != 0 && n->orphan_view <= installed && a->contact_count > 0
            && !authority_remove_name(&a->changes, n->name)) {
            break;
        }
    }
    return a->changes.count > 0;
}

uint64_t
authority_votes_deadline(const struct authority *a)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < a->contact_count; i++) {
        const struct authority_contact *c = &a->contacts[i];
        if (c->vote_count > 0) {
            uint64_t lapse_ns = c->heard_ns + a->lease_ns + 1;
            least = lapse_ns < least ? lapse_ns : least;
        }
    }
    return least;
}
