/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite_db.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include "store/store.h"

#define DB_APPLICATION_ID 0x53746e74 /* "Stnt" */
#define DB_VERSION 1
#define STRING_(x) #x
#define STRING(x) STRING_(x)

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE store (one INTEGER PRIMARY KEY CHECK (one = 1), id BLOB NOT NULL,"
    "  generation INTEGER NOT NULL, view INTEGER NOT NULL);"
    "CREATE TABLE row (kind INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,"
    "  PRIMARY KEY (kind, key)) WITHOUT ROWID;"
    "PRAGMA application_id = " STRING(
        DB_APPLICATION_ID) ";"
                           "PRAGMA user_version = " STRING(DB_VERSION) ";";

void
db_error(sqlite3 *db, const char *path, char *error, size_t error_size)
{
    int rc = db == NULL ? SQLITE_NOMEM : sqlite3_errcode(db) & 0xff;
    /* The system's reason, of what has one; else it is of some earlier call. */
    bool system = rc == SQLITE_CANTOPEN || rc == SQLITE_IOERR || rc == SQLITE_FULL;
    int why = system ? sqlite3_system_errno(db) : 0;
    (void)text_format(error, error_size, "store %s: %s%s%s", path,
                      db == NULL ? "out of memory" : sqlite3_errmsg(db), why != 0 ? ": " : "",
                      why != 0 ? strerror(why) : "");
}

int
db_run(sqlite3 *db, const char *sql)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? SQLITE_OK : sqlite3_extended_errcode(db);
}

void
db_close(sqlite3 *db)
{
    /* close_v2 never fails and needs no statement to be gone first; there are none. */
    (void)sqlite3_close_v2(db);
}

/* The first column of the first row, as a number or as text into `text`. */
static int
query(sqlite3 *db, const char *sql, int64_t *number, char *text, size_t text_size)
{
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK) {
        return rc;
    }
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        rc = SQLITE_OK;
        if (number != NULL) {
            *number = sqlite3_column_int64(statement, 0);
        }
        if (text != NULL) {
            const unsigned char *value = sqlite3_column_text(statement, 0);
            (void)text_copy(text, text_size, value == NULL ? "" : (const char *)value);
        }
    } else if (rc == SQLITE_DONE) {
        rc = SQLITE_CORRUPT;
    }
    (void)sqlite3_finalize(statement);
    return rc;
}

static enum stint_status
refused(sqlite3 *db, int rc, const char *path, char *error, size_t error_size)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        (void)text_format(error, error_size, "store %s: another process uses it", path);
        return STINT_BUSY;
    case SQLITE_NOTADB:
        (void)text_format(error, error_size, "store %s: this is not a Stint store",
                          path);
        return STINT_IO;
    case SQLITE_CORRUPT:
        (void)text_format(error, error_size,
                          "store %s: the file is damaged; restore it from a copy",
                          path);
        return STINT_IO;
    case SQLITE_NOMEM:
        (void)text_format(error, error_size, "store %s: out of memory", path);
        return STINT_NO_MEMORY;
    default:
        db_error(db, path, error, error_size);
        return STINT_IO;
    }
}

/* How the file is used. Exclusive before the first access: then the write-ahead index
 * needs no shared memory, and a second process is told at once instead of at its first
 * write. */
static int
configure(sqlite3 *db)
{
    char mode[16];
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    int rc = db_run(db, "PRAGMA locking_mode = EXCLUSIVE");
    if (rc == SQLITE_OK) {
        rc = query(db, "PRAGMA journal_mode = WAL", NULL, mode, sizeof mode);
    }
    if (rc == SQLITE_OK && strcmp(mode, "wal") != 0) {
        rc = SQLITE_READONLY;
    }
    if (rc == SQLITE_OK) {
        rc = db_run(db, "PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT");
    }
    return rc;
}

static int
make(sqlite3 *db)
{
    struct stint_id id;
    sqlite3_stmt *statement;
    ssize_t got = getrandom(id.bytes, sizeof id.bytes, 0);
    STINT_ASSERT(got == (ssize_t)sizeof id.bytes);
    int rc = db_run(db, schema);
    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(db, "INSERT INTO store VALUES (1, ?, 1, 0)", -1,
                                &statement, NULL);
    }
    if (rc == SQLITE_OK) {
        (void)sqlite3_bind_blob(statement, 1, id.bytes, sizeof id.bytes, SQLITE_STATIC);
        rc = sqlite3_step(statement) == SQLITE_DONE ? SQLITE_OK
                                                    : sqlite3_extended_errcode(db);
        (void)sqlite3_finalize(statement);
    }
    return rc == SQLITE_OK ? db_run(db, "COMMIT") : rc;
}

/* Whose file it is, which version, and whether it is whole. */
static enum stint_status
check(sqlite3 *db, const char *path, char *error, size_t error_size)
{
    int64_t application = 0, version = 0;
    char verdict[64] = "";
    int rc = query(db, "PRAGMA application_id", &application, NULL, 0);
    if (rc == SQLITE_OK && application != DB_APPLICATION_ID) {
        rc = SQLITE_NOTADB;
    }
    if (rc == SQLITE_OK) {
        rc = query(db, "PRAGMA user_version", &version, NULL, 0);
    }
    if (rc == SQLITE_OK && version != DB_VERSION) {
        (void)text_format(
            error, error_size,
            "store %s: written in format %lld, this program knows format %d", path,
            (long long)version, DB_VERSION);
        return STINT_BAD_VERSION;
    }
    if (rc == SQLITE_OK) {
        rc = query(db, "PRAGMA quick_check(1)", NULL, verdict, sizeof verdict);
    }
    if (rc == SQLITE_OK && strcmp(verdict, "ok") != 0) {
        rc = SQLITE_CORRUPT;
    }
    return rc == SQLITE_OK ? STINT_OK : refused(db, rc, path, error, error_size);
}

enum stint_status
db_open(sqlite3 **out, const char *path, bool create, char *error, size_t error_size)
{
    struct stat st = { .st_size = 0 };
    sqlite3 *db = NULL;
    *out = NULL;
    bool there = stat(path, &st) == 0;
    if (!there && !create) {
        (void)text_format(error, error_size, "store %s: %s", path, strerror(errno));
        return STINT_NOT_FOUND;
    }
    if (there && !S_ISREG(st.st_mode)) {
        (void)text_format(error, error_size, "store %s: not a file", path);
        return STINT_IO;
    }
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
    int rc = sqlite3_open_v2(path, &db, flags, NULL);
    int64_t tables = 0;
    if (rc == SQLITE_OK && sqlite3_db_readonly(db, "main") == 1) {
        (void)text_format(error, error_size,
                          "store %s: the file or its directory is read-only", path);
        db_close(db);
        return STINT_IO;
    }
    if (rc == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(db, 1);
        (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1 << 20);
        rc = configure(db);
    }
    if (rc == SQLITE_OK) {
        rc = query(db, "SELECT count(*) FROM sqlite_schema", &tables, NULL, 0);
    }
    if (rc == SQLITE_OK && tables == 0 && create) {
        rc = make(db);
    }
    enum stint_status status = rc == SQLITE_OK
                                   ? check(db, path, error, error_size)
                                   : refused(db, rc, path, error, error_size);
    if (status != STINT_OK) {
        db_close(db);
        return status;
    }
    *out = db;
    return STINT_OK;
}

enum stint_status
db_head(sqlite3 *db, struct db_head *head)
{
    sqlite3_stmt *statement;
    enum stint_status status = STINT_IO;
    const char *sql = "SELECT id, generation, view FROM store WHERE one = 1";
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        return STINT_IO;
    }
    if (sqlite3_step(statement) == SQLITE_ROW &&
        sqlite3_column_bytes(statement, 0) == (int)sizeof head->id.bytes) {
        memcpy(head->id.bytes, sqlite3_column_blob(statement, 0),
               sizeof head->id.bytes);
        int64_t generation = sqlite3_column_int64(statement, 1);
        int64_t view = sqlite3_column_int64(statement, 2);
        if (generation >= 1 && view >= 0 && !id_is_zero(head->id)) {
            head->generation = (uint64_t)generation;
            head->view = (uint64_t)view;
            status = STINT_OK;
        }
    }
    (void)sqlite3_finalize(statement);
    return status;
}
