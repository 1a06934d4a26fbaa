/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's rows in memory: built from the rows at every load, and changed only by applying a
 * write set that was committed, through the same decoders. So memory is a function of the rows,
 * and nothing else can be in it.
 */
#ifndef STINT_CLUSTER_AUTHORITY_TABLE_H
#define STINT_CLUSTER_AUTHORITY_TABLE_H

#include "base/table.h"
#include "cluster/authority.h"
#include "wire/seal.h"

#define AUTHORITY_KEY_MAX 64
#define AUTHORITY_VALUE_MAX 512
#define AUTHORITY_META_VERSION 1

struct authority_member {
    struct member member;
    uint8_t proof[SEAL_DIGEST_SIZE];
    struct stint_id request;
};

struct authority_name {
    char name[VIEW_NAME_SIZE];
    struct stint_id channel, owner;
    struct node_ref host;
    /* number of the first view without a node that may have had the channel; 0: put since */
    uint64_t orphan_view;
};

struct authority_claim {
    struct stint_id request;
    struct node_ref node;
};

struct authority_table {
    struct mem *mem;
    uint64_t view, generation;
    bool founded;
    struct stint_id authority;
    bool balancer_on;
    uint32_t member_count;
    struct authority_member members[VIEW_MEMBERS_MAX]; /* by incarnation */
    uint32_t revoked_count;
    uint64_t revoked[VIEW_REVOKED_MAX];
    uint32_t name_count, name_capacity;
    uint32_t orphan_count; /* names with an orphan_view */
    struct authority_name **names; /* by name */
    struct table claims;           /* id -> struct authority_claim */
};

/* One row to be written, with its bytes. */
struct authority_change {
    uint8_t kind;
    bool remove;
    size_t key_size, value_size;
    uint8_t key[AUTHORITY_KEY_MAX];
    uint8_t value[AUTHORITY_VALUE_MAX];
};

/* The write set of one commit. */
struct authority_changes {
    bool new_view; /* it is a change of the view: the number rises by one */
    uint32_t count;
    struct authority_change changes[AUTHORITY_WRITES_MAX];
};

void authority_table_init(struct authority_table *t, struct mem *m, uint64_t seed);
void authority_table_fini(struct authority_table *t);

/* Empties it; the memory of its arrays stays. */
void authority_table_clear(struct authority_table *t);

/*
 * Puts a row in. STINT_NO_MEMORY; STINT_IO: it cannot be right (`error` says which row and
 * why).
 */
STINT_MUST_USE enum stint_status authority_table_put(struct authority_table *t,
                                                     const struct store_row *row, char *error,
                                                     size_t error_size);

/*
 * Applies a committed write set under its number. STINT_NO_MEMORY: part of it is missing, the
 * rows must be loaded again.
 */
STINT_MUST_USE enum stint_status authority_table_apply(struct authority_table *t,
                                                       const struct authority_changes *changes);

/*
 * Orders the members and finds the names whose host is not a living member. After all rows of a
 * load.
 */
void authority_table_settle(struct authority_table *t);

/*
 * Rows that are right one by one may not be right together, and the view made of them would be
 * refused by everybody. False, with what cannot be in `error`: a member of a view to come, two
 * living members with one name. After settling.
 */
bool authority_table_agrees(const struct authority_table *t, char *error, size_t error_size);

struct authority_member *authority_table_member(struct authority_table *t, struct stint_id node);
const struct authority_member *authority_table_living(const struct authority_table *t,
                                                      struct node_ref ref);
uint32_t authority_table_living_count(const struct authority_table *t);
struct authority_name *authority_table_name(const struct authority_table *t, const char *name);

/* Somebody has the channel of this name: it is not in doubt any more. */
void authority_table_confirm(struct authority_table *t, const char *name);

/* The index of the first name after `name` in order. */
uint32_t authority_table_after(const struct authority_table *t, const char *name);

/* Adds a row to a write set; false when it is full. */
bool authority_write_meta(struct authority_changes *c, struct stint_id authority,
                          bool balancer_on);
bool authority_write_member(struct authority_changes *c, const struct authority_member *m);
bool authority_remove_member(struct authority_changes *c, struct stint_id node);
bool authority_write_name(struct authority_changes *c, const struct authority_name *n);
bool authority_remove_name(struct authority_changes *c, const char *name);
bool authority_write_claim(struct authority_changes *c, struct stint_id id,
                           const struct authority_claim *claim);
bool authority_write_revoked(struct authority_changes *c, uint64_t serial, struct stint_id by);

#endif
