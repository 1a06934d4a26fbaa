/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite file of a store: opened exclusively, in write-ahead mode with a sync for
 * each commit, checked before use. The file is Stint's (application id), of a version
 * that is known, and whole, or it is refused.
 */
#ifndef STINT_STORE_SQLITE_DB_H
#define STINT_STORE_SQLITE_DB_H

#include <stdbool.h>

#include <sqlite3.h>

#include "stint/types.h"

/* What the one row of table `store` says. */
struct db_head {
    struct stint_id id;
    uint64_t generation;
    uint64_t view;
};

/*
 * Opens `path`, makes it when it is missing (or empty) and `create`. Statuses of
 * store_open. On failure *db is NULL and `error` has the line.
 */
STINT_MUST_USE enum stint_status db_open(sqlite3 **db, const char *path, bool create,
                                         char *error, size_t error_size);

/* Closes; NULL is allowed. */
void db_close(sqlite3 *db);

/* Reads the head; STINT_IO when it is missing or makes no sense. */
STINT_MUST_USE enum stint_status db_head(sqlite3 *db, struct db_head *head);

/* Runs statements without results; SQLite's extended code. */
int db_run(sqlite3 *db, const char *sql);

/* SQLite's sentence about the last failure, with the path in front. */
void db_error(sqlite3 *db, const char *path, char *error, size_t error_size);

#endif
