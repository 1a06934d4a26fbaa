/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h over SQLite. A commit is one transaction; its first statement is the
 * condition (the view number), so that a refused commit has touched nothing.
 *
 * A failure before COMMIT is certain: nothing happened. A failure of COMMIT itself is
 * not, except for a full disk: the last page may be in the log although its sync
 * failed. Then the outcome is UNKNOWN, and the file is closed and opened again before
 * anything else, so that what SQLite recovers from the disk, and not what it remembers,
 * is what the next load tells.
 */
#include "store/store.h"

#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "store/sqlite_db.h"

enum { STORE_ERROR_SIZE = 320, STORE_PATH_SIZE = 4096 };

struct outcome {
    uint64_t number;
    enum store_result result;
};

struct store {
    struct mem *mem;
    sqlite3 *db;   /* NULL: must be opened again */
    bool in_doubt; /* the last commit's outcome is unknown; only a load tells */
    sqlite3_stmt *advance, *update, *insert, *remove;
    struct stint_id id;
    uint64_t rows; /* in the table */
    struct store_row *loaded;
    size_t loaded_count;
    uint8_t *bytes;
    size_t bytes_size;
    struct outcome outcomes[STORE_PENDING_MAX]; /* a ring */
    unsigned outcome_first, outcome_count;
    char path[STORE_PATH_SIZE];
    char error[STORE_ERROR_SIZE];
};

static void
disconnect(struct store *s)
{
    sqlite3_stmt **statements[] = { &s->advance, &s->update, &s->insert, &s->remove };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        (void)sqlite3_finalize(*statements[i]);
        *statements[i] = NULL;
    }
    db_close(s->db);
    s->db = NULL;
}

static enum stint_status
failed(struct store *s)
{
    db_error(s->db, s->path, s->error, sizeof s->error);
    return STINT_IO;
}

static enum stint_status
connect(struct store *s, bool create)
{
    struct {
        sqlite3_stmt **statement;
        const char *sql;
    } prepare[] = {
        { &s->advance, "UPDATE store SET view = ?2 WHERE one = 1 AND view = ?1" },
        { &s->update, "UPDATE row SET value = ?3 WHERE kind = ?1 AND key = ?2" },
        { &s->insert, "INSERT INTO row VALUES (?1, ?2, ?3)" },
        { &s->remove, "DELETE FROM row WHERE kind = ?1 AND key = ?2" },
    };
    struct db_head head;
    enum stint_status status =
        db_open(&s->db, s->path, create, s->error, sizeof s->error);
    if (status != STINT_OK) {
        return status;
    }
    for (size_t i = 0; status == STINT_OK && i < sizeof prepare / sizeof *prepare;
         i++) {
        if (sqlite3_prepare_v3(s->db, prepare[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                               prepare[i].statement, NULL) != SQLITE_OK) {
            status = failed(s);
        }
    }
    if (status == STINT_OK && db_head(s->db, &head) != STINT_OK) {
        (void)text_format(s->error, sizeof s->error,
                          "store %s: the file is damaged; restore it from a copy",
                          s->path);
        status = STINT_IO;
    }
    if (status != STINT_OK) {
        disconnect(s);
        return status;
    }
    s->id = head.id;
    return STINT_OK;
}

/* After a failure. The file must be the one that was open before. */
static enum stint_status
connect_again(struct store *s)
{
    struct stint_id expected = s->id;
    enum stint_status status = connect(s, false);
    if (status == STINT_OK && !id_equal(expected, s->id)) {
        (void)text_format(s->error, sizeof s->error, "store %s: the file was exchanged",
                          s->path);
        disconnect(s);
        status = STINT_IO;
    }
    s->id = expected;
    return status;
}

enum stint_status
store_open(struct store **out, struct mem *mem, const char *path, bool create,
           char *error, size_t error_size)
{
    const struct store_row *rows;
    size_t count;
    uint64_t view, generation;
    *out = NULL;
    struct store *s = mem_zalloc(mem, sizeof *s);
    if (s == NULL) {
        (void)text_format(error, error_size, "store %s: out of memory", path);
        return STINT_NO_MEMORY;
    }
    s->mem = mem;
    enum stint_status status = STINT_INVALID;
    (void)text_format(s->error, sizeof s->error,
                      "store: the path is empty or too long");
    if (path[0] != '\0' && strlen(path) < sizeof s->path) {
        (void)text_copy(s->path, sizeof s->path, path);
        status = connect(s, create);
    }
    if (status == STINT_OK) {
        /* Reads every row once: what cannot be read is found now and not in the first
         * crisis. */
        status = store_load(s, &rows, &count, &view, &generation);
    }
    if (status != STINT_OK) {
        (void)text_copy(error, error_size, s->error);
        store_close(s);
        return status;
    }
    s->error[0] = '\0';
    *out = s;
    return STINT_OK;
}

static void
unload(struct store *s)
{
    mem_free(s->mem, s->loaded, s->loaded_count * sizeof *s->loaded);
    mem_free(s->mem, s->bytes, s->bytes_size);
    s->loaded = NULL;
    s->loaded_count = 0;
    s->bytes = NULL;
    s->bytes_size = 0;
}

void
store_close(struct store *s)
{
    if (s == NULL) {
        return;
    }
    disconnect(s);
    unload(s);
    mem_free(s->mem, s, sizeof *s);
}

struct stint_id
store_id(const struct store *s)
{
    return s->id;
}

static bool
bounds_ok(int64_t kind, size_t key_size, size_t value_size)
{
    return kind >= 0 && kind <= UINT8_MAX && key_size <= STORE_KEY_MAX &&
           value_size <= STORE_VALUE_MAX;
}

static struct stint_span
column(sqlite3_stmt *statement, int index)
{
    const void *data = sqlite3_column_blob(statement, index);
    return span_of(data, (size_t)sqlite3_column_bytes(statement, index));
}

static enum stint_status
damaged(struct store *s)
{
    (void)text_format(s->error, sizeof s->error,
                      "store %s: a row that cannot be; restore the file from a copy",
                      s->path);
    return STINT_IO;
}

/* How many rows there are, and bytes in them. */
static enum stint_status
measure(struct store *s, size_t *count, size_t *bytes)
{
    static const char sql[] =
        "SELECT count(*), total(length(key) + length(value)) FROM row";
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) != SQLITE_OK) {
        return failed(s);
    }
    enum stint_status status = STINT_OK;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *count = (size_t)sqlite3_column_int64(statement, 0);
        *bytes = (size_t)sqlite3_column_int64(statement, 1);
    } else {
        status = failed(s);
    }
    (void)sqlite3_finalize(statement);
    if (status == STINT_OK &&
        (*count > STORE_ROWS_MAX ||
         *bytes > *count * (size_t)(STORE_KEY_MAX + STORE_VALUE_MAX))) {
        return damaged(s);
    }
    return status;
}

/* Copies the rows of a running statement into the memory made for them. */
static enum stint_status
copy_rows(struct store *s, sqlite3_stmt *statement)
{
    size_t at = 0, index = 0;
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t kind = sqlite3_column_int64(statement, 0);
        struct stint_span key = column(statement, 1);
        struct stint_span value = column(statement, 2);
        if (!bounds_ok(kind, key.size, value.size) || index == s->loaded_count ||
            key.size + value.size > s->bytes_size - at) {
            return damaged(s);
        }
        struct store_row *row = &s->loaded[index++];
        row->kind = (uint8_t)kind;
        row->key = span_of(s->bytes + at, key.size);
        bytes_copy(s->bytes + at, key.data, key.size);
        at += key.size;
        row->value = span_of(s->bytes + at, value.size);
        bytes_copy(s->bytes + at, value.data, value.size);
        at += value.size;
    }
    if (rc != SQLITE_DONE) {
        return failed(s);
    }
    return index == s->loaded_count ? STINT_OK : damaged(s);
}

static enum stint_status
load_rows(struct store *s)
{
    static const char sql[] = "SELECT kind, key, value FROM row ORDER BY kind, key";
    size_t count = 0, bytes = 0;
    enum stint_status status = measure(s, &count, &bytes);
    if (status != STINT_OK) {
        return status;
    }
    unload(s);
    if (count > 0) {
        s->loaded = mem_alloc(s->mem, count * sizeof *s->loaded);
        s->bytes = mem_alloc(s->mem, bytes + 1);
        if (s->loaded == NULL || s->bytes == NULL) {
            mem_free(s->mem, s->loaded, count * sizeof *s->loaded);
            mem_free(s->mem, s->bytes, bytes + 1);
            s->loaded = NULL;
            s->bytes = NULL;
            (void)text_format(s->error, sizeof s->error, "store %s: out of memory",
                              s->path);
            return STINT_NO_MEMORY;
        }
        s->loaded_count = count;
        s->bytes_size = bytes + 1;
    }
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) != SQLITE_OK) {
        return failed(s);
    }
    status = copy_rows(s, statement);
    (void)sqlite3_finalize(statement);
    s->rows = count;
    return status;
}

enum stint_status
store_load(struct store *s, const struct store_row **rows, size_t *count,
           uint64_t *view, uint64_t *generation)
{
    struct db_head head;
    enum stint_status status = s->db == NULL ? connect_again(s) : STINT_OK;
    if (status != STINT_OK) {
        return status;
    }
    /* The file is ours alone, so two statements see one state. */
    status = load_rows(s);
    if (status == STINT_OK && db_head(s->db, &head) != STINT_OK) {
        status = damaged(s);
    }
    if (status != STINT_OK) {
        unload(s);
        return status;
    }
    s->in_doubt = false;
    *rows = s->loaded;
    *count = s->loaded_count;
    *view = head.view;
    *generation = head.generation;
    return STINT_OK;
}

static int
bind_blob(sqlite3_stmt *statement, int index, struct stint_span bytes)
{
    return sqlite3_bind_blob(statement, index,
                             bytes.size == 0 ? (const void *)"" : bytes.data,
                             (int)bytes.size, SQLITE_STATIC);
}

/* Runs a prepared statement; *changed is the number of rows. */
static bool
run(struct store *s, sqlite3_stmt *statement, int *changed)
{
    bool ok = sqlite3_step(statement) == SQLITE_DONE;
    *changed = sqlite3_changes(s->db);
    if (!ok) {
        (void)failed(s);
    }
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return ok;
}

static bool
run_row(struct store *s, sqlite3_stmt *statement, const struct store_row *row,
        bool value, int *changed)
{
    if (sqlite3_bind_int(statement, 1, row->kind) != SQLITE_OK ||
        bind_blob(statement, 2, row->key) != SQLITE_OK ||
        (value && bind_blob(statement, 3, row->value) != SQLITE_OK)) {
        (void)failed(s);
        return false;
    }
    return run(s, statement, changed);
}

static bool
write_row(struct store *s, const struct store_write *w, uint64_t *rows)
{
    int changed = 0;
    if (w->remove) {
        bool ok = run_row(s, s->remove, &w->row, false, &changed);
        *rows -= (uint64_t)(ok && changed > 0 ? 1 : 0);
        return ok;
    }
    if (!run_row(s, s->update, &w->row, true, &changed)) {
        return false;
    }
    if (changed > 0) {
        return true;
    }
    if (*rows >= STORE_ROWS_MAX) {
        (void)text_format(s->error, sizeof s->error,
                          "store %s: it has %d rows, the most it may have", s->path,
                          STORE_ROWS_MAX);
        return false;
    }
    (*rows)++;
    return run_row(s, s->insert, &w->row, true, &changed);
}

static enum store_result
roll_back(struct store *s, enum store_result result)
{
    /* After some failures SQLite has rolled back by itself. */
    if (sqlite3_get_autocommit(s->db) == 0 && db_run(s->db, "ROLLBACK") != SQLITE_OK) {
        disconnect(s); /* which rolls back too: nothing was committed */
    }
    return result;
}

static enum store_result
transact(struct store *s, const struct store_commit *commit)
{
    uint64_t rows = s->rows;
    int changed = 0;
    if (s->in_doubt) {
        (void)text_format(s->error, sizeof s->error,
                          "store %s: must be loaded again after a failure", s->path);
        return STORE_FAILED;
    }
    if (s->db == NULL && connect_again(s) != STINT_OK) {
        return STORE_FAILED;
    }
    if (db_run(s->db, "BEGIN IMMEDIATE") != SQLITE_OK) {
        (void)failed(s);
        return STORE_FAILED;
    }
    (void)sqlite3_bind_int64(s->advance, 1, (int64_t)commit->expected_view);
    (void)sqlite3_bind_int64(s->advance, 2, (int64_t)commit->next_view);
    if (!run(s, s->advance, &changed)) {
        return roll_back(s, STORE_FAILED);
    }
    if (changed != 1) {
        return roll_back(s, STORE_CONFLICT);
    }
    for (size_t i = 0; i < commit->count; i++) {
        if (!write_row(s, &commit->writes[i], &rows)) {
            return roll_back(s, STORE_FAILED);
        }
    }
    int rc = db_run(s->db, "COMMIT");
    if (rc == SQLITE_OK) {
        s->rows = rows;
        return STORE_COMMITTED;
    }
    (void)failed(s);
    if ((rc & 0xff) == SQLITE_FULL) {
        return roll_back(s, STORE_FAILED);
    }
    disconnect(s);
    s->in_doubt = true;
    return STORE_UNKNOWN;
}

enum stint_status
store_commit(struct store *s, const struct store_commit *commit)
{
    if (s->outcome_count == STORE_PENDING_MAX || commit->count > STORE_WRITES_MAX ||
        commit->expected_view > INT64_MAX || commit->next_view > INT64_MAX) {
        return STINT_LIMIT;
    }
    for (size_t i = 0; i < commit->count; i++) {
        const struct store_row *row = &commit->writes[i].row;
        if (!bounds_ok(row->kind, row->key.size, row->value.size)) {
            return STINT_LIMIT;
        }
    }
    unsigned place = (s->outcome_first + s->outcome_count) % STORE_PENDING_MAX;
    s->outcomes[place].number = commit->number;
    s->outcomes[place].result = transact(s, commit);
    s->outcome_count++;
    return STINT_OK;
}

bool
store_next(struct store *s, uint64_t *number, enum store_result *result)
{
    if (s->outcome_count == 0) {
        return false;
    }
    *number = s->outcomes[s->outcome_first].number;
    *result = s->outcomes[s->outcome_first].result;
    s->outcome_first = (s->outcome_first + 1) % STORE_PENDING_MAX;
    s->outcome_count--;
    return true;
}

const char *
store_error(const struct store *s)
{
    return s->error;
}
