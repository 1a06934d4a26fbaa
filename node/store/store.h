/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of an authority: rows under a view number (wire/rows.h), changed by
 * conditional transactions. The interface is asynchronous and names no engine; SQLite
 * is behind it. A commit that was answered STORE_COMMITTED is on disk; one that was
 * answered STORE_CONFLICT or STORE_FAILED left no trace.
 *
 * One thread; any number of stores in a process, one store for one file (a second
 * opener is refused). Calls may block for the length of a disk write.
 */
#ifndef STINT_STORE_STORE_H
#define STINT_STORE_STORE_H

#include "base/mem.h"
#include "wire/rows.h"

enum {
    STORE_KEY_MAX = 64,
    STORE_VALUE_MAX = 4096,
    STORE_WRITES_MAX = 1024,  /* in one commit */
    STORE_ROWS_MAX = 1 << 18, /* in all; a commit that would pass it fails */
    STORE_PENDING_MAX = 64,   /* commits whose outcome was not fetched yet */
};

struct store;

/*
 * Opens (or, with `create`, makes) the store in file `path`. On failure *out is NULL
 * and `error` holds one line: STINT_NOT_FOUND no such file and not `create`; STINT_BUSY
 * another process has it; STINT_BAD_VERSION written by a newer version; STINT_IO
 * damaged, not a store, read-only, or whatever the disk says; STINT_NO_MEMORY.
 */
STINT_MUST_USE enum stint_status store_open(struct store **out, struct mem *mem,
                                            const char *path, bool create, char *error,
                                            size_t error_size);

/* Closes the file; what is committed stays. NULL is allowed. */
void store_close(struct store *s);

/* The store's own id, made with it: a copy restored elsewhere has the same. */
struct stint_id store_id(const struct store *s);

/*
 * All rows in the order of (kind, key), with the view number (0: new) and the
 * generation they belong to, one consistent snapshot. The rows belong to the store and
 * stay until the next store_load or store_close. STINT_IO, STINT_NO_MEMORY:
 * `store_error` says more.
 */
STINT_MUST_USE enum stint_status store_load(struct store *s,
                                            const struct store_row **rows,
                                            size_t *count, uint64_t *view,
                                            uint64_t *generation);

/*
 * Begins a commit; everything in it is copied or done before the call returns. Its
 * outcome comes from store_next, exactly once, never from here. STINT_LIMIT: bounds
 * above are broken, or too many outcomes wait to be fetched; then there is no outcome.
 */
STINT_MUST_USE enum stint_status store_commit(struct store *s,
                                              const struct store_commit *commit);

/* The next outcome in the order of the commits; false when there is none. */
bool store_next(struct store *s, uint64_t *number, enum store_result *result);

/* One line about the last failure, "" if there was none. Owned by the store. */
const char *store_error(const struct store *s);

#endif
