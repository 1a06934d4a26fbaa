/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules: what each request does to the table as it stands. A rule writes rows into the
 * write set or refuses with a sentence; it never changes the table. Each is idempotent, so that
 * a retry after an unknown outcome finds its own work.
 */
#include "cluster/authority_internal.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"

struct rule_input {
    const struct authority_from *from;
    const stint_StoreRequest *request;
    struct stint_id id, node;
    uint64_t now_ns;
};

static enum stint_status
refuse(struct authority_answer *answer, enum stint_status status, const char *detail)
{
    (void)text_copy(answer->detail, sizeof answer->detail, detail);
    return status;
}

static enum stint_status
refuse_name(struct authority_answer *answer, enum stint_status status, const char *name,
            const char *detail)
{
    (void)text_format(answer->detail, sizeof answer->detail, "%s %s", name, detail);
    return status;
}

static struct stint_id
id_of(const uint8_t bytes[16])
{
    struct stint_id id;
    memcpy(id.bytes, bytes, sizeof id.bytes);
    return id;
}

static bool
is_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

/* True if the joining node knows the secret of the join that made `row`. */
static bool
proves(const struct authority_member *row, const stint_StoreRequest *request)
{
    uint8_t digest[SEAL_DIGEST_SIZE];
    const uint8_t *secret = is_zero(request->old_secret, sizeof request->old_secret)
                                ? request->secret
                                : request->old_secret;
    seal_digest(digest, span_of(secret, sizeof request->secret));
    return seal_equal(digest, row->proof, sizeof digest);
}

static enum stint_status
join_is_sane(const struct rule_input *in, struct authority_answer *answer)
{
    const stint_StoreRequest *r = in->request;
    if (id_is_zero(in->node) || is_zero(r->secret, sizeof r->secret)) {
        return refuse(answer, STINT_INVALID, "a join without node id or secret");
    }
    if (!text_is_name(r->name, LIMIT_NAME)) {
        return refuse(answer, STINT_INVALID,
                      "a node's name is 1 to 63 characters of A-Z a-z 0-9 . _ -");
    }
    if (r->endpoint[0] == '\0' || !text_is_printable(r->endpoint, LIMIT_ENDPOINT)
        || !text_is_printable(r->version, VIEW_VERSION_SIZE - 1)) {
        return refuse_name(answer, STINT_INVALID, r->name,
                           "joins with an endpoint or version that is no text");
    }
    return STINT_OK;
}

/*
 * May `old`, which stands in the way of the join, be retired? Its own return proves itself;
 * silence is enough otherwise.
 */
static bool
may_retire(struct authority *a, const struct rule_input *in, const struct authority_member *old)
{
    if (!member_is_living(&old->member)) {
        return true;
    }
    if (id_equal(old->member.ref.id, in->node) && (in->from->local || proves(old, in->request))) {
        return true;
    }
    return !authority_in_contact(a, old->member.ref, in->now_ns);
}

/*
 * Removes the rows that the join replaces: those of its name, and the oldest dead one if there
 * is no other room.
 */
static enum stint_status
join_makes_room(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    struct authority_table *t = &a->table;
    const struct authority_member *own = authority_table_member(t, in->node);
    const struct authority_member *oldest_dead = NULL;
    uint32_t left = t->member_count;
    if (own != NULL && !may_retire(a, in, own)) {
        return refuse_name(
            answer, STINT_EXISTS, in->request->name,
            "is a member and in contact, and the join does not prove that it is the same node");
    }
    for (uint32_t i = 0; i < t->member_count; i++) {
        const struct authority_member *m = &t->members[i];
        if (m == own) {
            continue;
        }
        if (strcmp(m->member.name, in->request->name) == 0) {
            if (!may_retire(a, in, m)) {
                return refuse_name(answer, STINT_EXISTS, in->request->name,
                                   "is the name of another node that is in contact");
            }
            bool removed = authority_remove_member(&a->changes, m->member.ref.id);
            STINT_ASSERT(removed);
            left--;
        } else if (oldest_dead == NULL && !member_is_living(&m->member)) {
            oldest_dead = m;
        }
    }
    if (own == NULL && left >= VIEW_MEMBERS_MAX) {
        if (oldest_dead == NULL) {
            return refuse(answer, STINT_LIMIT, "the cluster has as many members as it can have");
        }
        bool removed = authority_remove_member(&a->changes, oldest_dead->member.ref.id);
        STINT_ASSERT(removed);
    }
    return STINT_OK;
}

static enum stint_status
rule_join(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    const stint_StoreRequest *r = in->request;
    struct authority_table *t = &a->table;
    enum stint_status status = join_is_sane(in, answer);
    if (status != STINT_OK) {
        return status;
    }
    if (!t->founded && !(r->op == stint_STORE_FOUND && in->from->local)) {
        return refuse(answer, STINT_NOT_FOUND, "no cluster has been founded in this store");
    }
    if (t->founded && r->op == stint_STORE_FOUND) {
        return refuse(answer, STINT_EXISTS, "a cluster has been founded in this store already");
    }
    const struct authority_member *own = authority_table_member(t, in->node);
    if (own != NULL && member_is_living(&own->member) && id_equal(own->request, in->id)
        && proves(own, r)) {
        answer->inc = own->member.ref.inc; /* this very join was done; its answer got lost */
        return STINT_OK;
    }
    status = join_makes_room(a, in, answer);
    if (status != STINT_OK) {
        return status;
    }
    /*
     * The authority's own node is in from the first moment: everybody else comes through it
     * anyway.
     */
    bool same = MUTANT(a->mem, STALE_JOIN) && own != NULL;
    struct authority_member m = { .member = { .ref = { in->node, same ? own->member.ref.inc
                                                                      : t->view + 1 },
                                              .modules = r->modules,
                                              .state = in->from->local ? stint_MEMBER_ACTIVE
                                                                       : stint_MEMBER_JOINING },
                                  .request = in->id };
    (void)text_copy(m.member.name, sizeof m.member.name, r->name);
    (void)text_copy(m.member.endpoint, sizeof m.member.endpoint, r->endpoint);
    (void)text_copy(m.member.version, sizeof m.member.version, r->version);
    seal_digest(m.proof, span_of(r->secret, sizeof r->secret));
    bool written = authority_write_member(&a->changes, &m);
    if (in->from->local && (!t->founded || !id_equal(t->authority, in->node))) {
        written =
            written
            && authority_write_meta(&a->changes, in->node, t->founded ? t->balancer_on : true);
    }
    STINT_ASSERT(written);
    a->changes.new_view = true;
    answer->inc = m.member.ref.inc;
    return STINT_OK;
}

/*
 * The living member that the request is about; NULL, with the answer, if there is none of that
 * incarnation.
 */
static const struct authority_member *
subject(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    const struct authority_member *m = authority_table_member(&a->table, in->node);
    bool right = m != NULL && member_is_living(&m->member)
                 && (in->request->inc == 0 || in->request->inc == m->member.ref.inc);
    if (!right) {
        (void)refuse(answer, STINT_NOT_FOUND, "no such member, or not in that incarnation");
        return NULL;
    }
    return m;
}

static void
write_state(struct authority *a, const struct authority_member *m, stint_MemberState state,
            bool clean)
{
    struct authority_member changed = *m;
    changed.member.state = state;
    changed.member.clean = clean;
    bool written = authority_write_member(&a->changes, &changed);
    STINT_ASSERT(written);
    a->changes.new_view = true;
}

static enum stint_status
rule_set_state(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    const struct authority_member *m = subject(a, in, answer);
    if (m == NULL) {
        return STINT_NOT_FOUND;
    }
    bool itself = node_ref_equal(in->from->ref, m->member.ref);
    stint_MemberState state = in->request->state;
    if (!itself && !in->from->operates) {
        return refuse(answer, STINT_NOT_AUTHORISED,
                      "only the node itself or an operator changes its state");
    }
    if (state != stint_MEMBER_ACTIVE && state != stint_MEMBER_CORDONED
        && state != stint_MEMBER_DRAINING) {
        return refuse(answer, STINT_INVALID, "not a state that a member can be put into");
    }
    if (m->member.state == stint_MEMBER_JOINING && !(itself && state == stint_MEMBER_ACTIVE)) {
        return refuse_name(answer, STINT_BUSY, m->member.name, "is still joining");
    }
    if (m->member.state != state) {
        write_state(a, m, state, false);
    }
    return STINT_OK;
}

static enum stint_status
rule_leave(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    const struct authority_member *m = authority_table_living(&a->table, in->from->ref);
    if (m == NULL) { /* it is gone already */
        return STINT_OK;
    }
    if (!id_equal(in->node, in->from->ref.id)) {
        return refuse(answer, STINT_NOT_AUTHORISED, "a node leaves by itself");
    }
    write_state(a, m, stint_MEMBER_DEAD, true);
    return STINT_OK;
}

static enum stint_status
rule_vote(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    struct authority_contact *c =
        authority_contact_find(a, (struct node_ref){ in->node, in->request->inc });
    if (id_equal(in->node, in->from->ref.id) || id_equal(in->node, a->config.node)) {
        return refuse(answer, STINT_INVALID, "nobody votes on itself, nor on the authority");
    }
    if (c != NULL) { /* else it is gone already */
        authority_vote(c, in->from->ref, in->request->off, in->now_ns);
    }
    return STINT_OK;
}

static enum stint_status
rule_declare_dead(struct authority *a, const struct rule_input *in,
                  struct authority_answer *answer)
{
    const struct authority_member *m = subject(a, in, answer);
    if (!in->from->operates) {
        return refuse(answer, STINT_NOT_AUTHORISED,
                      "only an operator declares a node dead by a word");
    }
    if (id_equal(in->node, a->config.node)) {
        return refuse(answer, STINT_REFUSED, "the authority's own node cannot be declared dead");
    }
    if (m == NULL) {
        return STINT_NOT_FOUND;
    }
    write_state(a, m, stint_MEMBER_DEAD, false);
    return STINT_OK;
}

static enum stint_status
rule_name_put(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    const stint_StoreRequest *r = in->request;
    struct authority_name wanted = { .channel = id_of(r->channel),
                                     .owner = id_of(r->owner),
                                     .host = in->from->ref };
    if (!text_is_name(r->name, LIMIT_NAME) || id_is_zero(wanted.channel)) {
        return refuse(answer, STINT_INVALID,
                      "a channel's name is 1 to 63 characters of A-Z a-z 0-9 . _ -");
    }
    (void)text_copy(wanted.name, sizeof wanted.name, r->name);
    const struct authority_name *n = authority_table_name(&a->table, r->name);
    if (n != NULL && !id_equal(n->channel, wanted.channel)) {
        return refuse_name(answer, STINT_EXISTS, r->name, "is the name of another channel");
    }
    if (n == NULL && a->table.name_count == AUTHORITY_NAMES_MAX) {
        return refuse(answer, STINT_LIMIT, "there are as many names as there can be");
    }
    if (n == NULL || !node_ref_equal(n->host, wanted.host) || !id_equal(n->owner, wanted.owner)) {
        bool written = authority_write_name(&a->changes, &wanted);
        STINT_ASSERT(written);
    } else {
        authority_table_confirm(&a->table, n->name);
    }
    return STINT_OK;
}

static enum stint_status
rule_name_get(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    if (authority_table_name(&a->table, in->request->name) == NULL) {
        return refuse_name(answer, STINT_NOT_FOUND, in->request->name, "is no channel's name");
    }
    return STINT_OK;
}

static enum stint_status
rule_name_drop(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    (void)answer;
    const struct authority_name *n = authority_table_name(&a->table, in->request->name);
    if (n != NULL && id_equal(n->channel, id_of(in->request->channel))) {
        bool written = authority_remove_name(&a->changes, n->name);
        STINT_ASSERT(written);
    }
    return STINT_OK;
}

static enum stint_status
rule_claim(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    struct stint_id export = id_of(in->request->claim);
    if (id_is_zero(export)) {
        return refuse(answer, STINT_INVALID, "a claim of nothing");
    }
    const struct authority_claim *held = table_find(&a->table.claims, export);
    if (held != NULL) {
        return id_equal(held->request, in->id)
                   ? STINT_OK
                   : refuse(answer, STINT_EXISTS,
                            "this export was moved, and has been imported already");
    }
    if (in->request->off) {
        return STINT_OK;
    }
    if (table_count(&a->table.claims) == AUTHORITY_CLAIMS_MAX) {
        return refuse(answer, STINT_LIMIT, "there are as many claims as there can be");
    }
    struct authority_claim claim = { in->id, in->from->ref };
    bool written = authority_write_claim(&a->changes, export, &claim);
    STINT_ASSERT(written);
    return STINT_OK;
}

static enum stint_status
rule_revoke(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    if (!in->from->operates) {
        return refuse(answer, STINT_NOT_AUTHORISED, "only an operator revokes");
    }
    for (uint32_t i = 0; i < a->table.revoked_count; i++) {
        if (a->table.revoked[i] == in->request->serial) {
            return STINT_OK;
        }
    }
    if (a->table.revoked_count == VIEW_REVOKED_MAX) {
        return refuse(answer, STINT_LIMIT, "as many certificates are revoked as can be");
    }
    bool written = authority_write_revoked(&a->changes, in->request->serial, in->from->ref.id);
    STINT_ASSERT(written);
    a->changes.new_view = true;
    return STINT_OK;
}

static enum stint_status
rule_balancer(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    if (!in->from->operates) {
        return refuse(answer, STINT_NOT_AUTHORISED, "only an operator switches the balancer");
    }
    if (a->table.balancer_on == in->request->off) {
        bool written = authority_write_meta(&a->changes, a->table.authority, !in->request->off);
        STINT_ASSERT(written);
        a->changes.new_view = true;
    }
    return STINT_OK;
}

/* Nothing to do but to answer; heartbeats were noted when they came. */
static enum stint_status
rule_read(struct authority *a, const struct rule_input *in, struct authority_answer *answer)
{
    (void)a;
    (void)in;
    (void)answer;
    return STINT_OK;
}

/* Who may ask: ANYBODY whom core let through, or only a MEMBER that is living. */
enum rule_asker { ANYBODY, MEMBER };

enum stint_status
authority_decide(struct authority *a, const struct authority_from *from,
                 const stint_StoreRequest *request, uint64_t now_ns,
                 struct authority_answer *answer)
{
    static const struct {
        enum rule_asker asker;
        enum stint_status (*decide)(struct authority *a, const struct rule_input *in,
                                    struct authority_answer *answer);
    } rules[] = {
        [stint_STORE_FOUND] = { ANYBODY, rule_join },
        [stint_STORE_JOIN] = { ANYBODY, rule_join },
        [stint_STORE_SET_STATE] = { ANYBODY, rule_set_state },
        [stint_STORE_LEAVE] = { ANYBODY, rule_leave },
        [stint_STORE_VOTE] = { MEMBER, rule_vote },
        [stint_STORE_DECLARE_DEAD] = { ANYBODY, rule_declare_dead },
        [stint_STORE_HEARTBEAT] = { MEMBER, rule_read },
        [stint_STORE_SNAPSHOT] = { ANYBODY, rule_read },
        [stint_STORE_NAME_PUT] = { MEMBER, rule_name_put },
        [stint_STORE_NAME_GET] = { ANYBODY, rule_name_get },
        [stint_STORE_NAME_DROP] = { MEMBER, rule_name_drop },
        [stint_STORE_NAME_LIST] = { ANYBODY, rule_read },
        [stint_STORE_CLAIM] = { MEMBER, rule_claim },
        [stint_STORE_REVOKE] = { ANYBODY, rule_revoke },
        [stint_STORE_BALANCER] = { ANYBODY, rule_balancer },
    };
    memset(answer, 0, sizeof *answer);
    a->changes.count = 0;
    a->changes.new_view = false;
    if (request->op <= stint_STORE_NONE || request->op > stint_STORE_BALANCER) {
        return refuse(answer, STINT_INVALID, "an operation that this authority does not know");
    }
    bool joins = request->op == stint_STORE_FOUND || request->op == stint_STORE_JOIN;
    if (!a->table.founded && !joins) {
        return refuse(answer, STINT_NOT_FOUND, "no cluster has been founded in this store");
    }
    if (rules[request->op].asker == MEMBER
        && authority_table_living(&a->table, from->ref) == NULL) {
        return refuse(answer, STINT_FENCED, "the asking node is not a member any more");
    }
    struct rule_input in = { from, request, id_of(request->id), id_of(request->node), now_ns };
    if (id_is_zero(in.id)) {
        return refuse(answer, STINT_INVALID, "a request without an id");
    }
    enum stint_status status = rules[request->op].decide(a, &in, answer);
    if (status != STINT_OK) {
        a->changes.count = 0;
    }
    return status;
}
