/* SPDX-License-Identifier: Apache-2.0 */
/* stint_add_module builds what can be moved, and tells its author at build time of what cannot. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "module/module.h"
#include "tmpdir.h"

static char folder[TMPDIR_SIZE];
static char output[65536];

/* Runs a command; its output is in `output`. Returns its exit status. */
static int
run(const char *command)
{
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t size = fread(output, 1, sizeof output - 1, pipe);
    output[size] = '\0';
    while (fgetc(pipe) != EOF) {
    }
    return pclose(pipe);
}

static int
configure(void **state)
{
    char command[4 * PATH_MAX];
    (void)state;
    tmpdir_make(folder);
    snprintf(command, sizeof command,
        "cmake -S %s/unit/module/build -B %s/out -DCMAKE_BUILD_TYPE=Release "
        "-DSTINT_MODULE_CMAKE=%s/../sdk/cmake/StintModule.cmake 2>&1",
        TEST_SOURCE_DIR, folder, TEST_SOURCE_DIR);
    if (run(command) != 0) {
        fail_msg("%s", output);
    }
    return 0;
}

static int
clean(void **state)
{
    (void)state;
    tmpdir_remove(folder);
    return 0;
}

static int
build(const char *target)
{
    char command[2 * PATH_MAX];
    snprintf(command, sizeof command, "cmake --build %s/out --target %s 2>&1", folder, target);
    return run(command);
}

static void
expect_refused(const char *target, const char *text)
{
    assert_int_not_equal(build(target), 0);
    if (strstr(output, text) == NULL) {
        fail_msg("%s: no `%s` in: %s", target, text, output);
    }
}

static void
test_a_good_module_builds_and_opens(void **state)
{
    char path[2 * PATH_MAX];
    char error[600] = "";
    struct module_file file;
    (void)state;
    if (build("good") != 0) {
        fail_msg("%s", output);
    }
    snprintf(path, sizeof path, "%s/out/modules/good.so", folder);
    if (module_open(path, &file, error, sizeof error) != STINT_OK) {
        fail_msg("%s", error);
    }
    assert_string_equal(file.module->name, "good");
    assert_true(file.module->points_end - file.module->points == 1);
    assert_true(file.module->types_end - file.module->types == 6);
    module_close(&file);
    /* Nothing else leaves it, and it needs nothing of the runtime. */
    snprintf(path, sizeof path, "nm -D --defined-only %s/out/modules/good.so | wc -l", folder);
    assert_int_equal(run(path), 0);
    assert_int_equal(atoi(output), 1);
    snprintf(path, sizeof path,
        "nm -D --undefined-only %s/out/modules/good.so | grep -c -e stint -e pb_ || true", folder);
    assert_int_equal(run(path), 0);
    assert_int_equal(atoi(output), 0);
}

static void
test_fields_without_bounds_do_not_build(void **state)
{
    (void)state;
    for (int again = 0; again < 2; again++) { /* the second time too */
        expect_refused("unbounded",
            "message unbounded_Upload: field `data` has no bound (nanopb made it a callback)");
        expect_refused("unbounded", "field `parts` has no bound");
        expect_refused("unbounded", "unbounded.options");
    }
}

static void
test_plain_variables_across_a_suspension_do_not_build(void **state)
{
    (void)state;
    expect_refused("jumps", "kept");
    expect_refused("uninitialised", "kept");
}

static void
test_a_pointer_to_another_type_does_not_build(void **state)
{
    (void)state;
    expect_refused("elsewhere", "is not compatible with any association");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_module_builds_and_opens),
        cmocka_unit_test(test_fields_without_bounds_do_not_build),
        cmocka_unit_test(test_plain_variables_across_a_suspension_do_not_build),
        cmocka_unit_test(test_a_pointer_to_another_type_does_not_build),
    };
    return cmocka_run_group_tests(tests, configure, clean);
}
