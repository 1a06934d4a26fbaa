/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the compiler must refuse, with the options that modules are built with: plain C variables
 * that would have to live across a suspension, wrong types, two suspension points in a line. Each
 * snippet stands beside one that is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tmpdir.h"

static char folder[TMPDIR_SIZE];

static int
setup(void **state)
{
    (void)state;
    tmpdir_make(folder);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    tmpdir_remove(folder);
    return 0;
}

/* Whether a frame with that body compiles as part of a module. */
static int
compiles(const char *body)
{
    char path[TMPDIR_SIZE + 20];
    char text[4096];
    char command[4096];
    snprintf(path, sizeof path, "%s/snippet.c", folder);
    snprintf(text, sizeof text,
        "#include \"misuse.pb.h\"\n#include <stint/tasklet.h>\nuint64_t look(void);\n"
        "STINT_FRAME(misuse_Nest)\n{\n    STINT_BEGIN;\n%s\n    "
        "STINT_END;\n}\nSTINT_MODULE(misuse, \"1\", misuse_Nest)\n",
        body);
    tmpdir_write(path, text, 0600);
    int length = snprintf(command, sizeof command,
        "gcc -std=c11 -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wimplicit-fallthrough "
        "-Werror "
        "-Werror=jump-misses-init -Werror=maybe-uninitialized -I%s/../sdk/include -I%s/generated "
        "-I%s/generated/schema -I%s/generated/unit/kernel -c -o /dev/null %s 2>%s/errors",
        TEST_SOURCE_DIR, TEST_BINARY_DIR, TEST_BINARY_DIR, TEST_BINARY_DIR, path, folder);
    assert_true(length > 0 && (size_t)length < sizeof command);
    return system(command) == 0;
}

static void
test_what_is_right_compiles(void **state)
{
    (void)state;
    assert_true(compiles("STINT_YIELD;"));
    assert_true(compiles("{ uint64_t x = look(); self->sum += x; }\nSTINT_YIELD;\n{ uint64_t x = "
                         "look(); self->sum = x; }"));
    assert_true(compiles("STINT_RECV(self->channel, misuse_Number, &self->value);\n"
                         "STINT_SEND(self->channel, misuse_Number, &(misuse_Number){ .n = 1 });"));
    assert_true(compiles("STINT_CALL(misuse_Nest, .depth = 1, .mode = 2);\nself->sum = "
                         "STINT_RESULT(misuse_Nest)->sum;"));
    assert_true(
        compiles("for (self->depth = 0; self->depth < 9; self->depth++) {\n    STINT_YIELD;\n}\n"
                 "STINT_EXCEPT;\nstint_log(ctx, \"%s\", stint_error_text(ctx));"));
}

static void
test_a_variable_may_not_live_across_a_suspension(void **state)
{
    (void)state;
    assert_false(compiles("uint64_t x = look();\nSTINT_YIELD;\nself->sum = x;"));
    assert_false(compiles("uint64_t x;\nx = look();\nSTINT_YIELD;\nself->sum = x;"));
    assert_false(
        compiles("for (uint32_t i = 0; i < 9; i++) {\n    STINT_YIELD;\n    self->sum += i;\n}"));
}

static void
test_types_are_checked(void **state)
{
    (void)state;
    assert_false(compiles("STINT_RECV(self->channel, misuse_Number, &self->sum);"));
    assert_false(
        compiles("STINT_RECV(self->channel, misuse_Number, &(const misuse_Number){ .n = 1 });"));
    assert_false(compiles("STINT_SEND(self->channel, misuse_Number, &(misuse_Other){ .n = 1 });"));
    assert_false(compiles("STINT_CALL(misuse_Nest, .deep = 1);"));
    assert_false(compiles("(void)stint_spawn(ctx, misuse_Nest, &(misuse_Other){ .n = 1 }, NULL);"));
    assert_false(compiles("STINT_RECV(self->sum, misuse_Number, &self->value);"));
}

static void
test_a_line_holds_one_suspension_point(void **state)
{
    (void)state;
    assert_false(compiles("STINT_YIELD; STINT_YIELD;"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_right_compiles),
        cmocka_unit_test(test_a_variable_may_not_live_across_a_suspension),
        cmocka_unit_test(test_types_are_checked),
        cmocka_unit_test(test_a_line_holds_one_suspension_point),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
