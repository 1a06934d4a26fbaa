/* SPDX-License-Identifier: Apache-2.0 */
#include "store_bench.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

static void
test_a_new_store_is_empty_and_at_view_0(void **state)
{
    struct bench *b = *state;
    assert_string_equal(bench_text(b), "0:");
    assert_string_equal(store_error(b->store), "");
}

static void
test_what_was_committed_is_there_after_reopening(void **state)
{
    struct bench *b = *state;
    struct stint_id id = store_id(b->store);
    struct store_write one[] = { put(2, "b", "1"), put(2, "a", "2"), put(1, "z", "") };
    struct store_write two[] = { put(2, "a", "3"), drop(2, "b"), drop(9, "none"),
                                 put(1, "", "e") };
    assert_int_equal(bench_commit(b, 0, 1, one, 3), STORE_COMMITTED);
    assert_string_equal(bench_text(b), "1: 1 z= 2 a=2 2 b=1");
    assert_int_equal(bench_commit(b, 1, 2, two, 4), STORE_COMMITTED);
    bench_reopen(b);
    assert_string_equal(bench_text(b), "2: 1 =e 1 z= 2 a=3");
    struct stint_id again = store_id(b->store);
    assert_memory_equal(&id, &again, sizeof id);
}

static void
test_another_view_is_a_conflict_and_changes_nothing(void **state)
{
    struct bench *b = *state;
    struct store_write w[] = { put(1, "k", "v") };
    assert_int_equal(bench_commit(b, 0, 5, w, 1), STORE_COMMITTED);
    struct store_write other[] = { put(1, "k", "lost"), put(1, "l", "lost") };
    assert_int_equal(bench_commit(b, 0, 6, other, 2), STORE_CONFLICT);
    assert_int_equal(bench_commit(b, 6, 7, other, 2), STORE_CONFLICT);
    assert_string_equal(bench_text(b), "5: 1 k=v");
    assert_int_equal(bench_commit(b, 5, 5, NULL, 0), STORE_COMMITTED);
    assert_string_equal(bench_text(b), "5: 1 k=v");
}

static void
test_bounds_are_kept(void **state)
{
    struct bench *b = *state;
    static uint8_t bytes[STORE_VALUE_MAX + 1];
    static struct store_write many[STORE_WRITES_MAX + 1];
    memset(bytes, 0xA5, sizeof bytes);
    struct store_write w = {
        { 255, span_of(bytes, STORE_KEY_MAX), span_of(bytes, STORE_VALUE_MAX) }, false
    };
    struct store_commit commit = { 1, 0, 1, &w, 1 };
    assert_int_equal(bench_commit(b, 0, 1, &w, 1), STORE_COMMITTED);
    w.row.key.size++;
    assert_int_equal(store_commit(b->store, &commit), STINT_LIMIT);
    w.row.key.size--;
    w.row.value.size++;
    assert_int_equal(store_commit(b->store, &commit), STINT_LIMIT);
    w.row.value.size--;
    commit.next_view = UINT64_MAX;
    assert_int_equal(store_commit(b->store, &commit), STINT_LIMIT);
    commit.next_view = 2;
    commit.writes = many;
    commit.count = STORE_WRITES_MAX + 1;
    assert_int_equal(store_commit(b->store, &commit), STINT_LIMIT);
    commit.count = 0;
    for (unsigned i = 0; i < STORE_PENDING_MAX; i++) {
        commit.number = i;
        commit.expected_view = commit.next_view = 1;
        assert_int_equal(store_commit(b->store, &commit), STINT_OK);
    }
    assert_int_equal(store_commit(b->store, &commit), STINT_LIMIT);
    for (unsigned i = 0; i < STORE_PENDING_MAX; i++) {
        uint64_t number;
        enum store_result result;
        assert_true(store_next(b->store, &number, &result));
        assert_int_equal(number, i);
        assert_int_equal(result, STORE_COMMITTED);
    }
    const struct store_row *rows;
    size_t count;
    uint64_t view, generation;
    assert_int_equal(store_load(b->store, &rows, &count, &view, &generation), STINT_OK);
    assert_int_equal(count, 1);
    assert_int_equal(generation, 1);
    assert_memory_equal(rows[0].value.data, bytes, STORE_VALUE_MAX);
}

static void
expect_refused(struct bench *b, bool create, enum stint_status status, const char *text)
{
    char error[400] = "";
    struct store *s = b->store;
    assert_int_equal(store_open(&s, &b->mem, b->path, create, error, sizeof error),
                     status);
    assert_null(s);
    assert_null(strchr(error, '\n'));
    if (strstr(error, text) == NULL) {
        fail_msg("'%s' does not say '%s'", error, text);
    }
}

static void
test_a_second_opener_is_refused(void **state)
{
    struct bench *b = *state;
    struct store_write w[] = { put(1, "k", "v") };
    expect_refused(b, true, STINT_BUSY, "another process uses it");
    assert_int_equal(bench_commit(b, 0, 1, w, 1), STORE_COMMITTED);
    expect_refused(b, true, STINT_BUSY, "another process uses it");
}

static void
test_a_missing_store_is_made_only_on_request(void **state)
{
    struct bench *b = *state;
    store_close(b->store);
    b->store = NULL;
    assert_int_equal(unlink(b->path), 0);
    expect_refused(b, false, STINT_NOT_FOUND, "No such file");
    assert_int_not_equal(access(b->path, F_OK), 0);
}

static void
test_files_that_are_no_store_are_refused(void **state)
{
    struct bench *b = *state;
    sqlite3 *db;
    char junk[8192];
    store_close(b->store);
    b->store = NULL;
    memset(junk, 'x', sizeof junk - 1);
    junk[sizeof junk - 1] = '\0';
    assert_int_equal(unlink(b->path), 0);
    tmpdir_write(b->path, junk, 0600);
    expect_refused(b, true, STINT_IO, "not a Stint store");
    assert_int_equal(unlink(b->path), 0);
    assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(db);
    expect_refused(b, true, STINT_IO, "not a Stint store");
    assert_int_equal(unlink(b->path), 0);
    assert_int_equal(mkdir(b->path, 0700), 0);
    expect_refused(b, true, STINT_IO, "not a file");
}

static void
change(struct bench *b, const char *sql)
{
    sqlite3 *db;
    store_close(b->store);
    b->store = NULL;
    assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void
test_a_newer_format_is_refused_with_both_numbers(void **state)
{
    struct bench *b = *state;
    change(b, "PRAGMA user_version = 7");
    expect_refused(b, true, STINT_BAD_VERSION,
                   "written in format 7, this program knows format 1");
}

static void
test_rows_that_cannot_be_are_refused(void **state)
{
    struct bench *b = *state;
    static const char *const wrong[] = {
        "INSERT INTO row VALUES (256, x'00', x'00')",
        "DELETE FROM row; INSERT INTO row VALUES (-1, x'00', x'00')",
        "DELETE FROM row; INSERT INTO row VALUES (1, zeroblob(65), x'00')",
        "DELETE FROM row; INSERT INTO row VALUES (1, x'00', zeroblob(4097))",
        "DELETE FROM row; UPDATE store SET view = -1",
        "UPDATE store SET view = 1, id = x'00'",
        "DELETE FROM store",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        change(b, wrong[i]);
        expect_refused(b, true, STINT_IO, "restore");
    }
}

static void
test_a_damaged_page_is_refused(void **state)
{
    struct bench *b = *state;
    char value[3000];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (unsigned i = 0; i < 50; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%03u", i);
        struct store_write w[] = { put(1, key, value) };
        assert_int_equal(bench_commit(b, i, i + 1, w, 1), STORE_COMMITTED);
    }
    store_close(b->store);
    b->store = NULL;
    int fd = open(b->path, O_RDWR);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    char noise[4096];
    memset(noise, 0x5a, sizeof noise);
    assert_int_equal(pwrite(fd, noise, sizeof noise, st.st_size / 2 & ~4095),
                     sizeof noise);
    (void)close(fd);
    expect_refused(b, true, STINT_IO, "damaged");
    assert_int_equal(truncate(b->path, 5000), 0);
    expect_refused(b, true, STINT_IO, "");
}

static void
test_a_read_only_file_is_refused(void **state)
{
    struct bench *b = *state;
    store_close(b->store);
    b->store = NULL;
    assert_int_equal(chmod(b->path, 0444), 0);
    bool root = geteuid() == 0; /* whom no mode stops */
    if (root) {
        assert_int_equal(chmod(b->dir, 0755), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    expect_refused(b, true, STINT_IO, "read-only");
    if (root) {
        assert_int_equal(seteuid(0), 0);
    }
}

static void
test_paths_that_make_no_sense_are_refused(void **state)
{
    struct bench *b = *state;
    char error[400];
    struct store *s;
    static char longer[5000];
    memset(longer, 'a', sizeof longer - 1);
    assert_int_equal(store_open(&s, &b->mem, "", true, error, sizeof error),
                     STINT_INVALID);
    assert_int_equal(store_open(&s, &b->mem, longer, true, error, sizeof error),
                     STINT_INVALID);
    assert_int_equal(
        store_open(&s, &b->mem, "/nonexistent/x.db", true, error, sizeof error),
        STINT_IO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
        TEST(test_a_new_store_is_empty_and_at_view_0),
        TEST(test_what_was_committed_is_there_after_reopening),
        TEST(test_another_view_is_a_conflict_and_changes_nothing),
        TEST(test_bounds_are_kept),
        TEST(test_a_second_opener_is_refused),
        TEST(test_a_missing_store_is_made_only_on_request),
        TEST(test_files_that_are_no_store_are_refused),
        TEST(test_a_newer_format_is_refused_with_both_numbers),
        TEST(test_rows_that_cannot_be_are_refused),
        TEST(test_a_damaged_page_is_refused),
        TEST(test_a_read_only_file_is_refused),
        TEST(test_paths_that_make_no_sense_are_refused),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
