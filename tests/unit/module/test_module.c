/* SPDX-License-Identifier: Apache-2.0 */
/* Opening module files; the files are compiled here, from fixture.c, with the compiler that builds
 * the project. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "kernel/kernel.h"
#include "module/module.h"
#include "tmpdir.h"
#include "tracked_memory.h"

enum {
    GOOD,
    NO_SYMBOL,
    BAD_ABI,
    BAD_SIZE,
    BAD_NAME,
    BAD_VERSION,
    NO_CODES,
    BAD_SECTION,
    NO_TYPES,
    UNDEFINED,
    FIXTURES
};

static char folder[TMPDIR_SIZE];

static const char *
fixture_path(int fixture)
{
    static char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/fixture%d.so", folder, fixture);
    return path;
}

static int
compile_fixtures(void **state)
{
    char command[4 * PATH_MAX];
    (void)state;
    tmpdir_make(folder);
    for (int i = 0; i < FIXTURES; i++) {
        snprintf(command, sizeof command,
            "cc -std=c11 -shared -fPIC -fvisibility=hidden -DFIXTURE=%d -I%s/../sdk/include "
            "-I%s/generated/schema "
            "-o %s %s/unit/module/fixture.c %s/generated/schema/stint/stint.pb.c",
            i, TEST_SOURCE_DIR, TEST_BINARY_DIR, fixture_path(i), TEST_SOURCE_DIR, TEST_BINARY_DIR);
        assert_int_equal(system(command), 0);
    }
    return 0;
}

static int
remove_fixtures(void **state)
{
    (void)state;
    tmpdir_remove(folder);
    return 0;
}

/* One line that begins with the file and has `text` in it; nothing is left open. */
static void
expect_refused(const char *path, enum stint_status status, const char *text)
{
    char error[600];
    char begin[PATH_MAX + 16];
    struct module_file file;
    assert_int_equal(module_open(path, &file, error, sizeof error), status);
    assert_null(file.handle);
    assert_null(file.module);
    snprintf(begin, sizeof begin,
        "module %s%s: ", strchr(path, '/') == NULL && access(path, F_OK) == 0 ? "./" : "", path);
    if (strncmp(error, begin, strlen(begin)) != 0 || strstr(error, text) == NULL
        || strchr(error, '\n') != NULL) {
        fail_msg("expected `%s...%s...`, got `%s`", begin, text, error);
    }
    module_close(&file);
}

static void
test_a_good_module_is_opened_registered_and_unloaded(void **state)
{
    char error[600] = "";
    struct module_file file;
    struct tracked_memory tracked = { 0 };
    struct mem mem;
    const struct code *code;
    (void)state;
    assert_int_equal(module_open(fixture_path(GOOD), &file, error, sizeof error), STINT_OK);
    assert_string_equal(file.module->name, "fixture");
    mem_init(&mem, tracked_allocator(&tracked), 0);
    struct kernel_config config = { .mem = &mem, .seed = 1 };
    struct kernel *k = kernel_new(&config);
    assert_non_null(k);
    assert_int_equal(kernel_add_module(k, file.module, error, sizeof error), STINT_OK);
    assert_int_equal(kernel_find_code(k, "fixture", "stint.Empty", &code), STINT_OK);
    struct stint_id tid = { { 0 } };
    assert_int_equal(kernel_spawn(k, code, (struct stint_span){ NULL, 0 }, 0, &tid), STINT_OK);
    kernel_run(k, 100);
    assert_false(kernel_has_tasklet(k, tid));
    assert_int_equal(kernel_add_module(k, file.module, error, sizeof error), STINT_EXISTS);
    kernel_free(k);
    module_close(&file);
    module_close(&file); /* a closed one is ignored */
    assert_int_equal(mem.used, 0);
}

static void
test_files_that_are_no_modules_are_refused(void **state)
{
    char path[PATH_MAX + 32];
    (void)state;
    expect_refused("/nowhere/at/all.so", STINT_IO, "there is no such file");
    expect_refused("no-such-module.so", STINT_IO, "there is no such file");
    expect_refused(folder, STINT_IO, "is not a file");
    snprintf(path, sizeof path, "%s/text.so", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("this is a text\n", f);
    fclose(f);
    expect_refused(path, STINT_IO, "is no shared object");
    snprintf(path, sizeof path, "%s/empty.so", folder);
    fclose(fopen(path, "w"));
    expect_refused(path, STINT_IO, "is no shared object");
    expect_refused(fixture_path(UNDEFINED), STINT_IO, "undefined symbol: stint_nobody_has_this");
}

/* The loader itself dies of a file that is shorter than its headers say. */
static void
test_cut_and_foreign_files_do_not_reach_the_loader(void **state)
{
    static char bytes[1 << 20];
    char path[PATH_MAX + 32];
    (void)state;
    FILE *f = fopen(fixture_path(GOOD), "rb");
    assert_non_null(f);
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_in_range(size, 2000, sizeof bytes - 1);
    snprintf(path, sizeof path, "%s/cut.so", folder);
    for (size_t keep = 0; keep < size; keep += keep < 100 ? 9 : 397) {
        f = fopen(path, "wb");
        assert_int_equal(fwrite(bytes, 1, keep, f), keep);
        fclose(f);
        expect_refused(path, STINT_IO, keep < 4 ? "is no shared object" : "is cut short");
    }
    bytes[18] = (char)~bytes[18]; /* e_machine */
    f = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
    expect_refused(path, STINT_IO, "for another kind of machine");
    bytes[0] = 'M';
    f = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
    expect_refused(path, STINT_IO, "is no shared object");
}

static void
test_descriptions_are_checked(void **state)
{
    (void)state;
    expect_refused(fixture_path(NO_SYMBOL), STINT_INVALID,
        "does not export `stint_module`; end it with STINT_MODULE");
    expect_refused(fixture_path(BAD_ABI), STINT_BAD_VERSION,
        "was built for ABI 42, this node has 1; build it anew");
    expect_refused(fixture_path(BAD_SIZE), STINT_BAD_VERSION, "its description has 8 bytes");
    expect_refused(fixture_path(BAD_NAME), STINT_INVALID, "is no name");
    expect_refused(fixture_path(BAD_VERSION), STINT_INVALID, "its version");
    expect_refused(fixture_path(NO_CODES), STINT_INVALID, "lists no codes");
    expect_refused(fixture_path(BAD_SECTION), STINT_INVALID, "are damaged");
    expect_refused(fixture_path(NO_TYPES), STINT_INVALID, "list its protos in the PROTOS");
}

/* A path without a slash is the working directory's, wherever the loader would search. */
static void
test_a_bare_name_is_in_the_working_directory(void **state)
{
    char before[PATH_MAX];
    char error[600];
    struct module_file file;
    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(module_open("fixture0.so", &file, error, sizeof error), STINT_OK);
    module_close(&file);
    expect_refused("fixture1.so", STINT_INVALID, "does not export");
    assert_int_equal(chdir(before), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_module_is_opened_registered_and_unloaded),
        cmocka_unit_test(test_files_that_are_no_modules_are_refused),
        cmocka_unit_test(test_cut_and_foreign_files_do_not_reach_the_loader),
        cmocka_unit_test(test_descriptions_are_checked),
        cmocka_unit_test(test_a_bare_name_is_in_the_working_directory),
    };
    return cmocka_run_group_tests(tests, compile_fixtures, remove_fixtures);
}
