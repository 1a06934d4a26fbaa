/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that fails at the k-th write or sync, for every k: whatever the store answers
 * must be what is on the disk when it is opened again. The faults come from an SQLite
 * VFS around the real one.
 */
#include "store_bench.h"

#include <sqlite3.h>

enum fault { FAULT_NONE, FAULT_FULL, FAULT_WRITE, FAULT_SYNC };

/* SQLite knows one default VFS for the process, so the plan is the process's too. */
static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    sqlite3_io_methods methods;
    enum fault fault;
    long left; /* calls until it strikes; it stays broken after that */
    bool struck;
} disk;

struct file {
    sqlite3_file base;
    /* the real file's bytes follow */
};

static sqlite3_file *
real_of(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)((char *)file + sizeof(struct file));
}

static bool
strikes(bool writing)
{
    bool counts = disk.fault == FAULT_SYNC ? !writing : writing;
    if (disk.fault == FAULT_NONE || !counts) {
        return false;
    }
    if (disk.left-- > 0) {
        return false;
    }
    disk.left = 0;
    disk.struck = true;
    return true;
}

static int
fault_write(sqlite3_file *f, const void *data, int size, sqlite3_int64 at)
{
    if (strikes(true)) {
        /* Half of it arrives. */
        (void)real_of(f)->pMethods->xWrite(real_of(f), data, size / 2, at);
        return disk.fault == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    }
    return real_of(f)->pMethods->xWrite(real_of(f), data, size, at);
}

static int
fault_sync(sqlite3_file *f, int flags)
{
    return strikes(false) ? SQLITE_IOERR_FSYNC
                          : real_of(f)->pMethods->xSync(real_of(f), flags);
}

#define PASS(name, params, args)                \
    static int pass_##name params               \
    {                                           \
        return real_of(f)->pMethods->name args; \
    }
PASS(xClose, (sqlite3_file * f), (real_of(f)))
PASS(xRead, (sqlite3_file * f, void *d, int n, sqlite3_int64 at),
     (real_of(f), d, n, at))
PASS(xTruncate, (sqlite3_file * f, sqlite3_int64 size), (real_of(f), size))
PASS(xFileSize, (sqlite3_file * f, sqlite3_int64 *size), (real_of(f), size))
PASS(xLock, (sqlite3_file * f, int level), (real_of(f), level))
PASS(xUnlock, (sqlite3_file * f, int level), (real_of(f), level))
PASS(xCheckReservedLock, (sqlite3_file * f, int *out), (real_of(f), out))
PASS(xFileControl, (sqlite3_file * f, int op, void *arg), (real_of(f), op, arg))
PASS(xSectorSize, (sqlite3_file * f), (real_of(f)))
PASS(xDeviceCharacteristics, (sqlite3_file * f), (real_of(f)))

static int
fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    int rc = disk.real->xOpen(disk.real, name, real_of(f), flags, out);
    f->pMethods = rc == SQLITE_OK ? &disk.methods : NULL;
    return rc;
}

static void
disk_install(void)
{
    disk.real = sqlite3_vfs_find(NULL);
    disk.vfs = *disk.real;
    disk.vfs.zName = "fault";
    disk.vfs.pNext = NULL;
    disk.vfs.szOsFile = (int)sizeof(struct file) + disk.real->szOsFile;
    disk.vfs.xOpen = fault_open;
    disk.methods = (sqlite3_io_methods){
        .iVersion = 1,
        .xClose = pass_xClose,
        .xRead = pass_xRead,
        .xWrite = fault_write,
        .xTruncate = pass_xTruncate,
        .xSync = fault_sync,
        .xFileSize = pass_xFileSize,
        .xLock = pass_xLock,
        .xUnlock = pass_xUnlock,
        .xCheckReservedLock = pass_xCheckReservedLock,
        .xFileControl = pass_xFileControl,
        .xSectorSize = pass_xSectorSize,
        .xDeviceCharacteristics = pass_xDeviceCharacteristics,
    };
    assert_int_equal(sqlite3_vfs_register(&disk.vfs, 1), SQLITE_OK);
}

static const char before[] = "1: 1 a=1 1 b=1";
static const char after[] = "2: 1 a=2 2 c=1";

/* One commit with the fault at call k; false when the fault was not reached. */
static bool
commit_with_fault(struct bench *b, enum fault fault, long k, unsigned *seen)
{
    struct store_write first[] = { put(1, "a", "1"), put(1, "b", "1") };
    struct store_write second[] = { put(1, "a", "2"), drop(1, "b"), put(2, "c", "1") };
    uint64_t number;
    enum store_result result;
    assert_int_equal(bench_commit(b, 0, 1, first, 2), STORE_COMMITTED);
    disk.fault = fault;
    disk.left = k;
    disk.struck = false;
    struct store_commit commit = { 9, 1, 2, second, 3 };
    assert_int_equal(store_commit(b->store, &commit), STINT_OK);
    assert_true(store_next(b->store, &number, &result));
    if (result == STORE_UNKNOWN) {
        /* Nothing more before a load. */
        assert_int_equal(store_commit(b->store, &commit), STINT_OK);
        enum store_result again;
        assert_true(store_next(b->store, &number, &again));
        assert_int_equal(again, STORE_FAILED);
    }
    if (result == STORE_FAILED || result == STORE_UNKNOWN) {
        assert_string_not_equal(store_error(b->store), "");
    }
    bool struck = disk.struck;
    disk.fault = FAULT_NONE;
    (*seen) |= 1u << result;

    const char *loaded = bench_text(b);
    if (result == STORE_COMMITTED) {
        assert_string_equal(loaded, after);
    } else if (result == STORE_FAILED) {
        assert_string_equal(loaded, before);
    } else {
        assert_true(strcmp(loaded, before) == 0 || strcmp(loaded, after) == 0);
    }
    bench_reopen(b);
    assert_string_equal(bench_text(b), loaded);
    /* And it works on. */
    uint64_t view = strcmp(loaded, before) == 0 ? 1 : 2;
    struct store_write third[] = { put(3, "d", "1") };
    assert_int_equal(bench_commit(b, view, 3, third, 1), STORE_COMMITTED);
    return struck;
}

static unsigned
sweep(enum fault fault)
{
    unsigned seen = 0;
    for (long k = 0;; k++) {
        void *state;
        (void)bench_setup(&state);
        bool struck = commit_with_fault(state, fault, k, &seen);
        (void)bench_teardown(&state);
        if (!struck) {
            assert_true(k > 0);
            return seen;
        }
        assert_true(k < 1000);
    }
}

static void
test_a_full_disk_fails_the_commit_and_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(sweep(FAULT_FULL), 1u << STORE_FAILED | 1u << STORE_COMMITTED);
}

static void
test_a_write_error_never_lies(void **state)
{
    (void)state;
    unsigned seen = sweep(FAULT_WRITE);
    assert_true((seen & 1u << STORE_COMMITTED) != 0);
    assert_true((seen & (1u << STORE_FAILED | 1u << STORE_UNKNOWN)) != 0);
}

static void
test_a_sync_error_leaves_the_outcome_unknown(void **state)
{
    (void)state;
    assert_int_equal(sweep(FAULT_SYNC), 1u << STORE_UNKNOWN | 1u << STORE_COMMITTED);
}

/* The file is gone while its outcome is unknown: no load may invent another one. */
static void
test_a_store_that_cannot_be_opened_again_says_so(void **state)
{
    (void)state;
    void *box;
    (void)bench_setup(&box);
    struct bench *b = box;
    struct store_write w[] = { put(1, "a", "1") };
    disk.fault = FAULT_SYNC;
    disk.left = 0;
    assert_int_equal(bench_commit(b, 0, 1, w, 1), STORE_UNKNOWN);
    disk.fault = FAULT_NONE;
    assert_int_equal(remove(b->path), 0);
    const char *text = bench_text(b);
    assert_non_null(strstr(text, "No such file"));
    assert_int_equal(bench_commit(b, 0, 1, w, 1), STORE_FAILED);
    (void)bench_teardown(&box);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_disk_fails_the_commit_and_leaves_nothing),
        cmocka_unit_test(test_a_write_error_never_lies),
        cmocka_unit_test(test_a_sync_error_leaves_the_outcome_unknown),
        cmocka_unit_test(test_a_store_that_cannot_be_opened_again_says_so),
    };
    disk_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
