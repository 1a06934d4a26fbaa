/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view in memory and on the wire. The struct is decoded once per change of membership and
 * read all the time, so it is plain arrays; lookups walk them: 256 members are four thousand
 * cache lines at the worst and usually a handful.
 */
#include "cluster/view.h"

#include <string.h>

#include "base/hash.h"
#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include <pb_decode.h>
#include <pb_encode.h>

/* A view is never cut: what 256 members with the longest texts take is one message. */
STINT_STATIC_ASSERT(stint_View_size <= LIMIT_MESSAGE, "a full view fits one message");
STINT_STATIC_ASSERT(sizeof(((stint_View *)0)->members) / sizeof(stint_Member) == VIEW_MEMBERS_MAX,
                    "the schema's bound of members is ours");
STINT_STATIC_ASSERT(sizeof(((stint_View *)0)->revoked) / sizeof(uint64_t) == VIEW_REVOKED_MAX,
                    "the schema's bound of revoked serials is ours");
STINT_STATIC_ASSERT(sizeof(((stint_Member *)0)->name) == VIEW_NAME_SIZE, "name");
STINT_STATIC_ASSERT(sizeof(((stint_Member *)0)->endpoint) == VIEW_ENDPOINT_SIZE, "endpoint");
STINT_STATIC_ASSERT(sizeof(((stint_Member *)0)->version) == VIEW_VERSION_SIZE, "version");

bool
node_ref_equal(struct node_ref a, struct node_ref b)
{
    return a.inc == b.inc && id_equal(a.id, b.id);
}

bool
node_ref_is_none(struct node_ref ref)
{
    return ref.inc == 0 && id_is_zero(ref.id);
}

struct view *
view_new(struct mem *m)
{
    struct view *v = mem_zalloc(m, sizeof *v);
    if (v != NULL) {
        v->mem = m;
    }
    return v;
}

void
view_free(struct view *v)
{
    if (v != NULL) {
        mem_free(v->mem, v, sizeof *v);
    }
}

void
view_copy(struct view *to, const struct view *from)
{
    struct mem *m = to->mem;
    *to = *from;
    to->mem = m;
}

/* Text of a peer: terminated by nanopb, but its characters are anybody's. */
static bool
member_is_sane(const stint_Member *m)
{
    struct stint_id id;
    memcpy(id.bytes, m->id, sizeof id.bytes);
    return !id_is_zero(id) && m->inc != 0 && m->state >= stint_MEMBER_JOINING
           && m->state <= stint_MEMBER_DEAD && text_is_name(m->name, VIEW_NAME_SIZE - 1)
           && text_is_printable(m->endpoint, VIEW_ENDPOINT_SIZE - 1)
           && text_is_printable(m->version, VIEW_VERSION_SIZE - 1);
}

static void
member_read(struct member *to, const stint_Member *from)
{
    *to = (struct member){
        .ref.inc = from->inc,
        .state = from->state,
        .clean = from->clean,
        .modules = from->modules,
    };
    memcpy(to->ref.id.bytes, from->id, sizeof to->ref.id.bytes);
    (void)text_copy(to->name, sizeof to->name, from->name);
    (void)text_copy(to->endpoint, sizeof to->endpoint, from->endpoint);
    (void)text_copy(to->version, sizeof to->version, from->version);
}

/*
 * True when no living member has the id or name of another before it; order by incarnation is
 * required too.
 */
static bool
member_fits(const struct view *v, uint32_t count, const struct member *m)
{
    if (count > 0 && v->members[count - 1].ref.inc > m->ref.inc) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct member *o = &v->members[i];
        if (id_equal(o->ref.id, m->ref.id)) {
            return false;
        }
        if (member_is_living(o) && member_is_living(m) && strcmp(o->name, m->name) == 0) {
            return false;
        }
    }
    return true;
}

static enum stint_status
view_read(struct view *v, const stint_View *wire)
{
    struct mem *m = v->mem;
    memset(v, 0, sizeof *v);
    v->mem = m;
    v->generation = wire->generation;
    v->number = wire->number;
    v->balancer_on = wire->balancer_on;
    memcpy(v->authority.bytes, wire->authority, sizeof v->authority.bytes);
    if (v->number == 0 || id_is_zero(v->authority)) {
        return STINT_BAD_FRAME;
    }
    for (pb_size_t i = 0; i < wire->members_count; i++) {
        if (!member_is_sane(&wire->members[i]) || wire->members[i].inc > v->number) {
            return STINT_BAD_FRAME;
        }
        member_read(&v->members[i], &wire->members[i]);
        if (!member_fits(v, i, &v->members[i])) {
            return STINT_BAD_FRAME;
        }
        v->member_count = i + 1u;
    }
    v->revoked_count = wire->revoked_count;
    memcpy(v->revoked, wire->revoked, wire->revoked_count * sizeof v->revoked[0]);
    return STINT_OK;
}

enum stint_status
view_decode(struct view *v, struct stint_span body)
{
    if (body.size > stint_View_size) {
        return STINT_BAD_FRAME;
    }
    stint_View *wire = mem_alloc(v->mem, sizeof *wire);
    if (wire == NULL) {
        return STINT_NO_MEMORY;
    }
    *wire = (stint_View)stint_View_init_zero;
    pb_istream_t in = pb_istream_from_buffer(body.data, body.size);
    enum stint_status status = STINT_BAD_FRAME;
    if (pb_decode(&in, stint_View_fields, wire) && in.bytes_left == 0) {
        status = view_read(v, wire);
    }
    mem_free(v->mem, wire, sizeof *wire);
    return status;
}

static void
member_write(stint_Member *to, const struct member *from)
{
    *to = (stint_Member)stint_Member_init_zero;
    to->inc = from->ref.inc;
    to->state = from->state;
    to->clean = from->clean;
    to->modules = from->modules;
    memcpy(to->id, from->ref.id.bytes, sizeof to->id);
    (void)text_copy(to->name, sizeof to->name, from->name);
    (void)text_copy(to->endpoint, sizeof to->endpoint, from->endpoint);
    (void)text_copy(to->version, sizeof to->version, from->version);
}

enum stint_status
view_encode(const struct view *v, struct buf *out)
{
    STINT_ASSERT(v->number != 0);
    STINT_ASSERT(v->member_count <= VIEW_MEMBERS_MAX && v->revoked_count <= VIEW_REVOKED_MAX);
    enum stint_status status = buf_reserve(out, stint_View_size);
    if (status != STINT_OK) {
        return status;
    }
    stint_View *wire = mem_alloc(v->mem, sizeof *wire);
    if (wire == NULL) {
        return STINT_NO_MEMORY;
    }
    *wire = (stint_View)stint_View_init_zero;
    wire->generation = v->generation;
    wire->number = v->number;
    wire->balancer_on = v->balancer_on;
    memcpy(wire->authority, v->authority.bytes, sizeof wire->authority);
    for (uint32_t i = 0; i < v->member_count; i++) {
        member_write(&wire->members[i], &v->members[i]);
    }
    wire->members_count = (pb_size_t)v->member_count;
    memcpy(wire->revoked, v->revoked, v->revoked_count * sizeof v->revoked[0]);
    wire->revoked_count = (pb_size_t)v->revoked_count;

    size_t size = 0;
    bool sized = pb_get_encoded_size(&size, stint_View_fields, wire);
    STINT_ASSERT(sized && size <= stint_View_size);
    uint8_t *place = buf_extend(out, size);
    STINT_ASSERT(place != NULL);
    pb_ostream_t stream = pb_ostream_from_buffer(place, size);
    bool encoded = pb_encode(&stream, stint_View_fields, wire);
    STINT_ASSERT(encoded && stream.bytes_written == size);
    mem_free(v->mem, wire, sizeof *wire);
    return STINT_OK;
}

enum view_verdict
view_judge(uint64_t generation, uint64_t number, const struct view *next, struct node_ref self)
{
    STINT_ASSERT(next->number != 0);
    if (next->generation < generation) {
        return VIEW_REGRESSED;
    }
    if (next->generation == generation) {
        if (next->number < number) {
            return VIEW_OLDER;
        }
        if (next->number == number) {
            return VIEW_SAME;
        }
    }
    return self.inc != 0 && !view_has(next, self) ? VIEW_FENCED : VIEW_NEWER;
}

const struct member *
view_find(const struct view *v, struct stint_id id)
{
    for (uint32_t i = 0; i < v->member_count; i++) {
        const struct member *m = &v->members[i];
        if (member_is_living(m) && id_equal(m->ref.id, id)) {
            return m;
        }
    }
    return NULL;
}

const struct member *
view_member(const struct view *v, struct node_ref ref)
{
    const struct member *m = view_find(v, ref.id);
    return m != NULL && m->ref.inc == ref.inc ? m : NULL;
}

bool
view_has(const struct view *v, struct node_ref ref)
{
    return view_member(v, ref) != NULL;
}

const struct member *
view_named(const struct view *v, const char *name)
{
    for (uint32_t i = 0; i < v->member_count; i++) {
        const struct member *m = &v->members[i];
        if (member_is_living(m) && strcmp(m->name, name) == 0) {
            return m;
        }
    }
    return NULL;
}

const struct member *
view_find_any(const struct view *v, struct stint_id id)
{
    for (uint32_t i = 0; i < v->member_count; i++) {
        if (id_equal(v->members[i].ref.id, id)) {
            return &v->members[i];
        }
    }
    return NULL;
}

bool
member_is_living(const struct member *m)
{
    return m->state != stint_MEMBER_DEAD;
}

bool
member_is_home(const struct member *m)
{
    return m->state == stint_MEMBER_ACTIVE || m->state == stint_MEMBER_CORDONED;
}

bool
member_is_target(const struct member *m)
{
    return m->state == stint_MEMBER_ACTIVE;
}

const char *
member_state_text(stint_MemberState state)
{
    switch (state) {
    case stint_MEMBER_JOINING:
        return "joining";
    case stint_MEMBER_ACTIVE:
        return "up";
    case stint_MEMBER_CORDONED:
        return "cordoned";
    case stint_MEMBER_DRAINING:
        return "draining";
    case stint_MEMBER_DEAD:
        return "down";
    case stint_MEMBER_NONE:
        break;
    }
    return "unknown";
}

uint32_t
view_living(const struct view *v)
{
    uint32_t living = 0;
    for (uint32_t i = 0; i < v->member_count; i++) {
        living += member_is_living(&v->members[i]) ? 1 : 0;
    }
    return living;
}

bool
view_is_revoked(const struct view *v, uint64_t serial)
{
    for (uint32_t i = 0; i < v->revoked_count; i++) {
        if (v->revoked[i] == serial) {
            return true;
        }
    }
    return false;
}

void
view_diff(const struct view *old, const struct view *next,
          void (*report)(void *arg, enum view_change change, const struct member *m), void *arg)
{
    for (uint32_t i = 0; old != NULL && i < old->member_count; i++) {
        const struct member *was = &old->members[i];
        if (member_is_living(was) && !view_has(next, was->ref)) {
            report(arg, VIEW_GONE, was);
        }
    }
    for (uint32_t i = 0; i < next->member_count; i++) {
        const struct member *is = &next->members[i];
        if (!member_is_living(is)) {
            continue;
        }
        const struct member *was = old == NULL ? NULL : view_member(old, is->ref);
        if (was == NULL) {
            report(arg, VIEW_NEW, is);
        } else if (was->state != is->state || strcmp(was->endpoint, is->endpoint) != 0) {
            report(arg, VIEW_CHANGED, is);
        }
    }
}

/* The member of the largest weight among those that `fits` lets through. */
static const struct member *
view_heaviest(const struct view *v, struct stint_id id, bool (*fits)(const struct member *m))
{
    const struct member *best = NULL;
    uint64_t best_weight = 0;
    for (uint32_t i = 0; i < v->member_count; i++) {
        const struct member *m = &v->members[i];
        if (!fits(m)) {
            continue;
        }
        uint64_t weight = hash_rendezvous(id, m->ref.id);
        if (best == NULL || weight > best_weight
            || (weight == best_weight && id_compare(m->ref.id, best->ref.id) > 0)) {
            best = m;
            best_weight = weight;
        }
    }
    return best;
}

struct node_ref
view_home(const struct view *v, struct stint_id id)
{
    const struct member *home = view_heaviest(v, id, member_is_home);
    if (home == NULL) {
        home = view_heaviest(v, id, member_is_living);
    }
    return home == NULL ? NODE_REF_NONE : home->ref;
}
