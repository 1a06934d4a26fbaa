/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows into memory and back. The store is this cluster's own, yet its bytes are checked like a
 * stranger's: a disk can be restored from anywhere, and an authority that guesses is worse than
 * one that stops.
 */
#include "cluster/authority_table.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include <pb_decode.h>
#include <pb_encode.h>

STINT_STATIC_ASSERT(stint_MemberRow_size <= AUTHORITY_VALUE_MAX, "a member's row fits");
STINT_STATIC_ASSERT(stint_NameRow_size <= AUTHORITY_VALUE_MAX, "a name's row fits");
STINT_STATIC_ASSERT(AUTHORITY_VALUE_MAX <= 4096, "the store takes values of 4 KiB");
STINT_STATIC_ASSERT(LIMIT_NAME <= AUTHORITY_KEY_MAX, "a name is a key");

void
authority_table_init(struct authority_table *t, struct mem *m, uint64_t seed)
{
    memset(t, 0, sizeof *t);
    t->mem = m;
    table_init(&t->claims, m, seed);
}

void
authority_table_clear(struct authority_table *t)
{
    for (uint32_t i = 0; i < t->name_count; i++) {
        mem_free(t->mem, t->names[i], sizeof *t->names[i]);
    }
    struct table_cursor cursor = { 0 };
    void *claim;
    while (table_each(&t->claims, &cursor, NULL, &claim)) {
        mem_free(t->mem, claim, sizeof(struct authority_claim));
    }
    table_fini(&t->claims);
    t->name_count = 0;
    t->orphan_count = 0;
    t->member_count = 0;
    t->revoked_count = 0;
    t->founded = false;
    t->view = 0;
}

void
authority_table_fini(struct authority_table *t)
{
    authority_table_clear(t);
    mem_free(t->mem, t->names, t->name_capacity * sizeof t->names[0]);
    t->names = NULL;
    t->name_capacity = 0;
}

struct authority_member *
authority_table_member(struct authority_table *t, struct stint_id node)
{
    for (uint32_t i = 0; i < t->member_count; i++) {
        if (id_equal(t->members[i].member.ref.id, node)) {
            return &t->members[i];
        }
    }
    return NULL;
}

const struct authority_member *
authority_table_living(const struct authority_table *t, struct node_ref ref)
{
    for (uint32_t i = 0; i < t->member_count; i++) {
        const struct member *m = &t->members[i].member;
        if (node_ref_equal(m->ref, ref)) {
            return member_is_living(m) ? &t->members[i] : NULL;
        }
    }
    return NULL;
}

uint32_t
authority_table_living_count(const struct authority_table *t)
{
    uint32_t living = 0;
    for (uint32_t i = 0; i < t->member_count; i++) {
        living += member_is_living(&t->members[i].member) ? 1 : 0;
    }
    return living;
}

/* The place of the first name that is not before `name`. */
static uint32_t
name_place(const struct authority_table *t, const char *name)
{
    uint32_t low = 0, high = t->name_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (strcmp(t->names[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct authority_name *
authority_table_name(const struct authority_table *t, const char *name)
{
    uint32_t place = name_place(t, name);
    bool found = place < t->name_count && strcmp(t->names[place]->name, name) == 0;
    return found ? t->names[place] : NULL;
}

uint32_t
authority_table_after(const struct authority_table *t, const char *name)
{
    uint32_t place = name_place(t, name);
    bool found = place < t->name_count && strcmp(t->names[place]->name, name) == 0;
    return found ? place + 1 : place;
}

static bool
row_decode(const struct store_row *row, const pb_msgdesc_t *fields, void *out)
{
    pb_istream_t in = pb_istream_from_buffer(row->value.data, row->value.size);
    return row->value.size <= AUTHORITY_VALUE_MAX && pb_decode(&in, fields, out)
           && in.bytes_left == 0;
}

static struct stint_id
id_from(const uint8_t bytes[16])
{
    struct stint_id id;
    memcpy(id.bytes, bytes, sizeof id.bytes);
    return id;
}

static const char *
put_meta(struct authority_table *t, const struct store_row *row)
{
    stint_MetaRow meta = stint_MetaRow_init_zero;
    if (row->key.size != 0 || !row_decode(row, stint_MetaRow_fields, &meta)) {
        return "malformed";
    }
    if (meta.version != AUTHORITY_META_VERSION) {
        return "written by another version";
    }
    t->authority = id_from(meta.authority);
    t->balancer_on = meta.balancer_on;
    t->founded = true;
    return id_is_zero(t->authority) ? "names no authority" : NULL;
}

static const char *
put_member(struct authority_table *t, const struct store_row *row)
{
    stint_MemberRow wire = stint_MemberRow_init_zero;
    const stint_Member *m = &wire.member;
    if (!row_decode(row, stint_MemberRow_fields, &wire)) {
        return "malformed";
    }
    struct stint_id id = id_from(m->id);
    if (row->key.size != sizeof id.bytes
        || memcmp(row->key.data, id.bytes, sizeof id.bytes) != 0 || id_is_zero(id)
        || m->inc == 0 || m->state < stint_MEMBER_JOINING || m->state > stint_MEMBER_DEAD
        || !text_is_name(m->name, LIMIT_NAME) || !text_is_printable(m->endpoint, LIMIT_ENDPOINT)
        || !text_is_printable(m->version, VIEW_VERSION_SIZE - 1)) {
        return "a field that cannot be";
    }
    struct authority_member *place = authority_table_member(t, id);
    if (place == NULL) {
        if (t->member_count == VIEW_MEMBERS_MAX) {
            return "too many members";
        }
        place = &t->members[t->member_count++];
    }
    *place = (struct authority_member){ .member = { .ref = { id, m->inc },
                                                    .state = m->state,
                                                    .clean = m->clean,
                                                    .modules = m->modules } };
    (void)text_copy(place->member.name, sizeof place->member.name, m->name);
    (void)text_copy(place->member.endpoint, sizeof place->member.endpoint, m->endpoint);
    (void)text_copy(place->member.version, sizeof place->member.version, m->version);
    memcpy(place->proof, wire.proof, sizeof place->proof);
    place->request = id_from(wire.request);
    return NULL;
}

/* Makes room for a name at `place`. */
static bool
name_insert(struct authority_table *t, uint32_t place, struct authority_name *n)
{
    if (t->name_count == t->name_capacity) {
        uint32_t capacity = t->name_capacity == 0 ? 16 : 2 * t->name_capacity;
        void *larger = mem_resize(t->mem, t->names, t->name_capacity * sizeof t->names[0],
                                  capacity * sizeof t->names[0]);
        if (larger == NULL) {
            return false;
        }
        t->names = larger;
        t->name_capacity = capacity;
    }
    memmove(&t->names[place + 1], &t->names[place], (t->name_count - place) * sizeof t->names[0]);
    t->names[place] = n;
    t->name_count++;
    return true;
}

static const char no_memory[] = "memory is short";

static const char *
put_name(struct authority_table *t, const struct store_row *row)
{
    stint_NameRow wire = stint_NameRow_init_zero;
    char name[VIEW_NAME_SIZE];
    if (!row_decode(row, stint_NameRow_fields, &wire) || row->key.size > LIMIT_NAME) {
        return "malformed";
    }
    (void)text_copy_span(name, sizeof name, row->key);
    if (strlen(name) != row->key.size || !text_is_name(name, LIMIT_NAME)
        || id_is_zero(id_from(wire.channel))) {
        return "a field that cannot be";
    }
    struct authority_name *n = authority_table_name(t, name);
    if (n == NULL) {
        if (t->name_count == AUTHORITY_NAMES_MAX) {
            return "too many names";
        }
        n = mem_zalloc(t->mem, sizeof *n);
        if (n == NULL) {
            return no_memory;
        }
        if (!name_insert(t, name_place(t, name), n)) {
            mem_free(t->mem, n, sizeof *n);
            return no_memory;
        }
        (void)text_copy(n->name, sizeof n->name, name);
    }
    n->channel = id_from(wire.channel);
    n->owner = id_from(wire.owner);
    n->host = (struct node_ref){ id_from(wire.node), wire.inc };
    t->orphan_count -= n->orphan_view != 0 ? 1 : 0;
    n->orphan_view = 0;
    return NULL;
}

static const char *
put_claim(struct authority_table *t, const struct store_row *row)
{
    stint_ClaimRow wire = stint_ClaimRow_init_zero;
    if (!row_decode(row, stint_ClaimRow_fields, &wire)
        || row->key.size != sizeof(struct stint_id)) {
        return "malformed";
    }
    struct stint_id id = id_from(row->key.data);
    struct authority_claim *claim = table_find(&t->claims, id);
    if (claim == NULL) {
        if (table_count(&t->claims) == AUTHORITY_CLAIMS_MAX) {
            return "too many claims";
        }
        claim = mem_alloc(t->mem, sizeof *claim);
        if (claim == NULL) {
            return no_memory;
        }
        if (table_insert(&t->claims, id, claim) != STINT_OK) {
            mem_free(t->mem, claim, sizeof *claim);
            return no_memory;
        }
    }
    claim->request = id_from(wire.request);
    claim->node = (struct node_ref){ id_from(wire.node), wire.inc };
    return NULL;
}

static const char *
put_revoked(struct authority_table *t, const struct store_row *row)
{
    stint_RevokedRow wire = stint_RevokedRow_init_zero;
    if (!row_decode(row, stint_RevokedRow_fields, &wire) || row->key.size != sizeof(uint64_t)) {
        return "malformed";
    }
    uint64_t serial = le64_get(row->key.data);
    for (uint32_t i = 0; i < t->revoked_count; i++) {
        if (t->revoked[i] == serial) {
            return NULL;
        }
    }
    if (t->revoked_count == VIEW_REVOKED_MAX) {
        return "too many revoked serials";
    }
    t->revoked[t->revoked_count++] = serial;
    return NULL;
}

enum stint_status
authority_table_put(struct authority_table *t, const struct store_row *row, char *error,
                    size_t error_size)
{
    static const struct {
        const char *name;
        const char *(*put)(struct authority_table *t, const struct store_row *row);
    } kinds[] = {
        [AUTHORITY_ROW_META] = { "meta", put_meta },
        [AUTHORITY_ROW_MEMBER] = { "member", put_member },
        [AUTHORITY_ROW_NAME] = { "name", put_name },
        [AUTHORITY_ROW_CLAIM] = { "claim", put_claim },
        [AUTHORITY_ROW_REVOKED] = { "revoked", put_revoked },
    };
    if (row->kind == 0 || row->kind >= sizeof kinds / sizeof kinds[0]) {
        (void)text_format(error, error_size, "the store has a row of the unknown kind %u",
                          row->kind);
        return STINT_IO;
    }
    const char *wrong = kinds[row->kind].put(t, row);
    if (wrong == NULL) {
        return STINT_OK;
    }
    char key[2 * AUTHORITY_KEY_MAX + 1];
    text_hex(key, row->key.data,
             row->key.size < AUTHORITY_KEY_MAX ? row->key.size : AUTHORITY_KEY_MAX);
    (void)text_format(error, error_size, "the store's %s row %s: %s", kinds[row->kind].name,
                      key, wrong);
    return wrong == no_memory ? STINT_NO_MEMORY : STINT_IO;
}

static void
table_remove_row(struct authority_table *t, const struct authority_change *c)
{
    STINT_ASSERT(c->kind == AUTHORITY_ROW_MEMBER || c->kind == AUTHORITY_ROW_NAME);
    if (c->kind == AUTHORITY_ROW_MEMBER) {
        struct authority_member *m = authority_table_member(t, id_from(c->key));
        if (m != NULL) {
            size_t behind = (size_t)(&t->members[t->member_count] - m) - 1;
            memmove(m, m + 1, behind * sizeof *m);
            t->member_count--;
        }
        return;
    }
    char name[VIEW_NAME_SIZE];
    (void)text_copy_span(name, sizeof name, span_of(c->key, c->key_size));
    struct authority_name *n = authority_table_name(t, name);
    if (n != NULL) {
        uint32_t place = name_place(t, name);
        t->orphan_count -= n->orphan_view != 0 ? 1 : 0;
        memmove(&t->names[place], &t->names[place + 1],
                (--t->name_count - place) * sizeof t->names[0]);
        mem_free(t->mem, n, sizeof *n);
    }
}

/* The incarnation of the living member that the change is about; 0: there is none. */
static uint64_t
life_of(struct authority_table *t, const struct authority_change *c)
{
    const struct authority_member *m =
        c->kind == AUTHORITY_ROW_MEMBER ? authority_table_member(t, id_from(c->key)) : NULL;
    return m != NULL && member_is_living(&m->member) ? m->member.ref.inc : 0;
}

static void
doubt(struct authority_table *t, struct authority_name *n)
{
    if (n->orphan_view == 0) {
        t->orphan_count++;
    }
    n->orphan_view = t->view;
}

/*
 * A life has ended. Any channel may have been there, whatever host its row has: it may have moved.
 * Every node puts its names again before it reports this view; the others went with that node.
 */
static void
doubt_names(struct authority_table *t)
{
    for (uint32_t i = 0; i < t->name_count; i++) {
        doubt(t, t->names[i]);
    }
}

void
authority_table_confirm(struct authority_table *t, const char *name)
{
    struct authority_name *n = authority_table_name(t, name);
    if (n != NULL && n->orphan_view != 0) {
        n->orphan_view = 0;
        t->orphan_count--;
    }
}

enum stint_status
authority_table_apply(struct authority_table *t, const struct authority_changes *changes)
{
    enum stint_status worst = STINT_OK;
    bool any_ended = false;
    for (uint32_t i = 0; i < changes->count; i++) {
        const struct authority_change *c = &changes->changes[i];
        uint64_t life = life_of(t, c);
        if (c->remove) {
            table_remove_row(t, c);
            any_ended = any_ended || life != 0;
            continue;
        }
        struct store_row row = { c->kind, span_of(c->key, c->key_size),
                                 span_of(c->value, c->value_size) };
        char error[128];
        enum stint_status status = authority_table_put(t, &row, error, sizeof error);
        /* these rows were made here */
        STINT_ASSERT(status == STINT_OK || status == STINT_NO_MEMORY);
        worst = status == STINT_OK ? worst : status;
        any_ended = any_ended || (life != 0 && life_of(t, c) != life);
    }
    if (changes->new_view) {
        t->view++;
        authority_table_settle(t);
        if (any_ended) {
            doubt_names(t);
        }
    }
    return worst;
}

void
authority_table_settle(struct authority_table *t)
{
    for (uint32_t i = 1; i < t->member_count; i++) { /* by insertion: nearly always in order */
        struct authority_member m = t->members[i];
        uint32_t place = i;
        while (place > 0 && t->members[place - 1].member.ref.inc > m.member.ref.inc) {
            t->members[place] = t->members[place - 1];
            place--;
        }
        t->members[place] = m;
    }
    for (uint32_t i = 0; i < t->name_count; i++) {
        struct authority_name *n = t->names[i];
        if (n->orphan_view == 0 && authority_table_living(t, n->host) == NULL) {
            doubt(t, n);
        }
    }
}

bool
authority_table_agrees(const struct authority_table *t, char *error, size_t error_size)
{
    for (uint32_t i = 0; i < t->member_count; i++) {
        const struct member *m = &t->members[i].member;
        if (m->ref.inc > t->view) {
            (void)text_format(error, error_size,
                              "the store's member %s joined at view %llu, the store is at %llu",
                              m->name, (unsigned long long)m->ref.inc, (unsigned long long)t->view);
            return false;
        }
        for (uint32_t o = 0; o < i && member_is_living(m); o++) {
            const struct member *other = &t->members[o].member;
            if (member_is_living(other) && strcmp(other->name, m->name) == 0) {
                (void)text_format(error, error_size, "the store has two living members named %s",
                                  m->name);
                return false;
            }
        }
    }
    return true;
}

static struct authority_change *
change_add(struct authority_changes *c, enum authority_row kind, const void *key, size_t key_size)
{
    if (c->count == AUTHORITY_WRITES_MAX) {
        return NULL;
    }
    STINT_ASSERT(key_size <= AUTHORITY_KEY_MAX);
    struct authority_change *change = &c->changes[c->count++];
    change->kind = (uint8_t)kind;
    change->remove = false;
    change->key_size = key_size;
    change->value_size = 0;
    bytes_copy(change->key, key, key_size);
    return change;
}

static bool
change_put(struct authority_changes *c, enum authority_row kind, const void *key, size_t key_size,
           const pb_msgdesc_t *fields, const void *value)
{
    struct authority_change *change = change_add(c, kind, key, key_size);
    if (change == NULL) {
        return false;
    }
    pb_ostream_t out = pb_ostream_from_buffer(change->value, sizeof change->value);
    bool encoded = pb_encode(&out, fields, value);
    STINT_ASSERT(encoded); /* every row's largest size is asserted above */
    change->value_size = out.bytes_written;
    return true;
}

static bool
change_remove(struct authority_changes *c, enum authority_row kind, const void *key,
              size_t key_size)
{
    struct authority_change *change = change_add(c, kind, key, key_size);
    if (change == NULL) {
        return false;
    }
    change->remove = true;
    return true;
}

bool
authority_write_meta(struct authority_changes *c, struct stint_id authority, bool balancer_on)
{
    stint_MetaRow row = stint_MetaRow_init_zero;
    row.version = AUTHORITY_META_VERSION;
    row.balancer_on = balancer_on;
    memcpy(row.authority, authority.bytes, sizeof row.authority);
    return change_put(c, AUTHORITY_ROW_META, NULL, 0, stint_MetaRow_fields, &row);
}

bool
authority_write_member(struct authority_changes *c, const struct authority_member *m)
{
    stint_MemberRow row = stint_MemberRow_init_zero;
    const struct member *from = &m->member;
    row.member.inc = from->ref.inc;
    row.member.state = from->state;
    row.member.clean = from->clean;
    row.member.modules = from->modules;
    memcpy(row.member.id, from->ref.id.bytes, sizeof row.member.id);
    (void)text_copy(row.member.name, sizeof row.member.name, from->name);
    (void)text_copy(row.member.endpoint, sizeof row.member.endpoint, from->endpoint);
    (void)text_copy(row.member.version, sizeof row.member.version, from->version);
    memcpy(row.proof, m->proof, sizeof row.proof);
    memcpy(row.request, m->request.bytes, sizeof row.request);
    return change_put(c, AUTHORITY_ROW_MEMBER, from->ref.id.bytes, sizeof from->ref.id.bytes,
                      stint_MemberRow_fields, &row);
}

bool
authority_remove_member(struct authority_changes *c, struct stint_id node)
{
    return change_remove(c, AUTHORITY_ROW_MEMBER, node.bytes, sizeof node.bytes);
}

bool
authority_write_name(struct authority_changes *c, const struct authority_name *n)
{
    stint_NameRow row = stint_NameRow_init_zero;
    memcpy(row.channel, n->channel.bytes, sizeof row.channel);
    memcpy(row.owner, n->owner.bytes, sizeof row.owner);
    memcpy(row.node, n->host.id.bytes, sizeof row.node);
    row.inc = n->host.inc;
    return change_put(c, AUTHORITY_ROW_NAME, n->name, strlen(n->name), stint_NameRow_fields,
                      &row);
}

bool
authority_remove_name(struct authority_changes *c, const char *name)
{
    return change_remove(c, AUTHORITY_ROW_NAME, name, strlen(name));
}

bool
authority_write_claim(struct authority_changes *c, struct stint_id id,
                      const struct authority_claim *claim)
{
    stint_ClaimRow row = stint_ClaimRow_init_zero;
    memcpy(row.request, claim->request.bytes, sizeof row.request);
    memcpy(row.node, claim->node.id.bytes, sizeof row.node);
    row.inc = claim->node.inc;
    return change_put(c, AUTHORITY_ROW_CLAIM, id.bytes, sizeof id.bytes, stint_ClaimRow_fields,
                      &row);
}

bool
authority_write_revoked(struct authority_changes *c, uint64_t serial, struct stint_id by)
{
    uint8_t key[sizeof serial];
    le64_put(key, serial);
    stint_RevokedRow row = stint_RevokedRow_init_zero;
    memcpy(row.by, by.bytes, sizeof row.by);
    return change_put(c, AUTHORITY_ROW_REVOKED, key, sizeof key, stint_RevokedRow_fields, &row);
}
