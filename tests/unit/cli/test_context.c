/* SPDX-License-Identifier: Apache-2.0 */
/* The file of contexts: what it says is taken, each mistake is named with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "context.h"

static struct context context;
static char error[1024];

static enum exit_code
parse(const char *text, const char *name)
{
    error[0] = '\0';
    return context_parse(&context, text, strlen(text), name, "/home/me", error, sizeof error);
}

static const char two[] = "# mine\n"
                          "\n"
                          "[production]\r\n"
                          "  endpoint = tcp://10.0.0.1:7400 , tcp://10.0.0.2:7400\n"
                          "endpoint=tcp://10.0.0.3:7400\n"
                          "keys = ~/keys of mine\n"
                          "identity\t=\toperator-me\n"
                          "[ desk ]\n"
                          "endpoint = tcp://127.0.0.1:7400\n"
                          "insecure = yes";

static void
a_context_is_found_by_its_name(void **state)
{
    (void)state;
    assert_int_equal(parse(two, "production"), EXIT_DONE);
    assert_int_equal(context.endpoint_count, 3);
    assert_string_equal(context.endpoints[1], "tcp://10.0.0.2:7400");
    assert_string_equal(context.endpoints[2], "tcp://10.0.0.3:7400");
    assert_string_equal(context.keys, "/home/me/keys of mine");
    assert_string_equal(context.identity, "operator-me");
    assert_false(context.insecure);
    assert_int_equal(parse(two, "desk"), EXIT_DONE);
    assert_int_equal(context.endpoint_count, 1);
    assert_true(context.insecure && context.keys[0] == '\0');
    assert_int_equal(parse(two, "elsewhere"), EXIT_NOT_FOUND);
    assert_string_equal(error, "it has production, desk");
    assert_int_equal(parse("", "x"), EXIT_NOT_FOUND);
    assert_string_equal(error, "it has none");
}

static void
every_mistake_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "[a]\ncolour = red\n", "2: unknown key colour" },
        { "[a]\n\nkeys\n", "3: `key = value` is expected: keys" },
        { "keys = x\n[a]\n", "1: keys stands before" },
        { "[a\n", "1: a section is [NAME]" },
        { "[ ]\n", "1: a section without a name" },
        { "[a]\n[b]\n[a]\n", "3: [a] stands there twice" },
        { "[a]\nkeys = x\nkeys = y\n", "3: keys is said twice" },
        { "[a]\nkeys =\n", "2: keys has no value" },
        { "[a]\ninsecure = perhaps\n", "2: insecure is yes or no" },
        { "[b]\nendpoint = http://x\n[a]\n", "2: an endpoint is tcp://HOST:PORT: http://x" },
        { "[a]\nx = 1\ny = 2\nz\n",
          "2: unknown key x; it is endpoint, keys, identity or insecure (and 2 more" },
        { "[a]\n\x01\x02\n", "2: `key = value` is expected: \\x01\\x02" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].text, "a"), EXIT_USAGE);
        if (strncmp(error, cases[i].said, strlen(cases[i].said)) != 0) {
            fail_msg("%s: %s", cases[i].text, error);
        }
    }
    char many[4096] = "[a]\n";
    for (int i = 0; i <= ENDPOINTS_MAX; i++) {
        strcat(many, "endpoint = tcp://h:1\n");
    }
    assert_int_equal(parse(many, "a"), EXIT_USAGE);
    assert_int_equal(strncmp(error, "18: more than 16", 16), 0);
    memset(many, 'x', 3000);
    many[3000] = '\0';
    assert_int_equal(parse(many, "a"), EXIT_USAGE);
    static const char zero[] = "[a]\nkeys = \0x\n";
    assert_int_equal(context_parse(&context, zero, sizeof zero - 1, "a", NULL, error, sizeof error),
                     EXIT_USAGE);
    assert_int_equal(parse("[a]\nkeys = ~/x\n", "a"), EXIT_DONE);
    assert_int_equal(context_parse(&context, "[a]\nkeys=~/x", 12, "a", NULL, error, sizeof error),
                     EXIT_DONE);
    assert_string_equal(context.keys, "~/x");
}

static void
the_file_is_found_and_named(void **state)
{
    char folder[] = "/tmp/stint-contexts-XXXXXX";
    char path[128];
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("XDG_CONFIG_HOME", folder, 1), 0);
    assert_int_equal(context_load(&context, "desk", error, sizeof error), EXIT_NOT_FOUND);
    assert_non_null(strstr(error, "/stint/contexts: No such file"));
    snprintf(path, sizeof path, "%s/stint", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/stint/contexts", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(two, file) >= 0 && fclose(file) == 0);
    assert_int_equal(context_load(&context, "desk", error, sizeof error), EXIT_DONE);
    assert_int_equal(context_load(&context, "far", error, sizeof error), EXIT_NOT_FOUND);
    assert_non_null(strstr(error, "contexts: no such context; it has production, desk"));
    file = fopen(path, "w");
    assert_true(file != NULL && fputs("[desk]\noops", file) >= 0 && fclose(file) == 0);
    assert_int_equal(context_load(&context, "desk", error, sizeof error), EXIT_USAGE);
    assert_non_null(strstr(error, "contexts:2: "));
    assert_int_equal(unlink(path), 0);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_context_is_found_by_its_name),
        cmocka_unit_test(every_mistake_is_named_with_its_line),
        cmocka_unit_test(the_file_is_found_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
