/* SPDX-License-Identifier: Apache-2.0 */
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

#include "host/datadir.h"
#include "tmpdir.h"

struct box {
    char dir[TMPDIR_SIZE];
    char data[TMPDIR_SIZE + 8];
    char facts[TMPDIR_SIZE + 32];
    char error[500];
    struct datadir d;
};

static int
setup(void **state)
{
    struct box *b = calloc(1, sizeof *b);
    tmpdir_make(b->dir);
    (void)snprintf(b->data, sizeof b->data, "%s/data", b->dir);
    (void)snprintf(b->facts, sizeof b->facts, "%s/node.facts", b->data);
    assert_int_equal(datadir_open(&b->d, b->data, b->error, sizeof b->error), STINT_OK);
    *state = b;
    return 0;
}

static int
teardown(void **state)
{
    struct box *b = *state;
    datadir_close(&b->d);
    datadir_close(&b->d);
    tmpdir_remove(b->dir);
    free(b);
    return 0;
}

static struct datadir_facts
some_facts(void)
{
    struct datadir_facts f = {
        .node_id = { { 1, 2 } },
        .cluster_id = { { 3, 4 } },
        .name = "n1",
        .join_secret = { 5, 6 },
        .incarnation = UINT64_MAX,
        .generation = 7,
        .view = 8,
        .port = 65535,
        .authority = true,
        .join_count = 2,
        .join = { "tcp://a:1", "tcp://b:2" },
    };
    return f;
}

static void
test_a_new_directory_is_private_and_has_no_facts(void **state)
{
    struct box *b = *state;
    struct datadir_facts f;
    struct stat st;
    assert_int_equal(stat(b->data, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(datadir_load(&b->d, &f, b->error, sizeof b->error),
                     STINT_NOT_FOUND);
}

static void
test_facts_come_back_as_they_were_saved(void **state)
{
    struct box *b = *state;
    struct datadir_facts f = some_facts(), g;
    struct stat st;
    for (int i = 0; i < 3; i++) {
        f.view += 1;
        assert_int_equal(datadir_save(&b->d, &f, b->error, sizeof b->error), STINT_OK);
        assert_int_equal(datadir_load(&b->d, &g, b->error, sizeof b->error), STINT_OK);
        assert_memory_equal(&f, &g, sizeof f);
    }
    assert_int_equal(stat(b->facts, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void
test_the_fullest_facts_fit(void **state)
{
    struct box *b = *state;
    struct datadir_facts f = some_facts(), g;
    memset(f.name, 'n', sizeof f.name - 1);
    f.join_count = DATADIR_JOIN_MAX;
    for (unsigned i = 0; i < DATADIR_JOIN_MAX; i++) {
        memset(f.join[i], 'e', sizeof f.join[i] - 1);
    }
    f.generation = f.view = UINT64_MAX;
    assert_int_equal(datadir_save(&b->d, &f, b->error, sizeof b->error), STINT_OK);
    assert_int_equal(datadir_load(&b->d, &g, b->error, sizeof b->error), STINT_OK);
    assert_memory_equal(&f, &g, sizeof f);
}

static void
test_a_directory_serves_one_node_at_a_time(void **state)
{
    struct box *b = *state;
    struct datadir other;
    char expected[600];
    assert_int_equal(datadir_open(&other, b->data, b->error, sizeof b->error),
                     STINT_BUSY);
    (void)snprintf(expected, sizeof expected,
                   "data directory %s: another node uses it; each needs one of its own",
                   b->data);
    assert_string_equal(b->error, expected);
    datadir_close(&b->d);
    assert_int_equal(datadir_open(&other, b->data, b->error, sizeof b->error),
                     STINT_OK);
    datadir_close(&other);
}

static void
test_places_that_are_no_directory_are_refused(void **state)
{
    struct box *b = *state;
    struct datadir d;
    char path[DATADIR_PATH_SIZE + 1];
    assert_int_equal(datadir_open(&d, b->facts, b->error, sizeof b->error), STINT_OK);
    datadir_close(&d);
    (void)snprintf(path, sizeof path, "%s/file", b->dir);
    tmpdir_write(path, "x", 0600);
    assert_int_equal(datadir_open(&d, path, b->error, sizeof b->error), STINT_IO);
    assert_int_equal(datadir_open(&d, "/nonexistent/a/b", b->error, sizeof b->error),
                     STINT_IO);
    assert_int_equal(datadir_open(&d, "", b->error, sizeof b->error), STINT_INVALID);
    assert_int_equal(datadir_open(&d, NULL, b->error, sizeof b->error), STINT_INVALID);
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(datadir_open(&d, path, b->error, sizeof b->error), STINT_INVALID);
}

static void
expect_wrong(struct box *b, const char *text, enum stint_status status,
             const char *says)
{
    struct datadir_facts f, zero;
    memset(&zero, 0, sizeof zero);
    tmpdir_write(b->facts, text, 0600);
    assert_int_equal(datadir_load(&b->d, &f, b->error, sizeof b->error), status);
    assert_memory_equal(&f, &zero, sizeof f);
    if (strstr(b->error, says) == NULL) {
        fail_msg("'%s' does not say '%s'", b->error, says);
    }
}

static void
test_damaged_facts_are_refused_by_line(void **state)
{
    struct box *b = *state;
    struct datadir_facts f = some_facts();
    char good[4096], text[5000];
    assert_int_equal(datadir_save(&b->d, &f, b->error, sizeof b->error), STINT_OK);
    FILE *file = fopen(b->facts, "r");
    size_t size = fread(good, 1, sizeof good - 1, file);
    (void)fclose(file);
    good[size] = '\0';
    expect_wrong(b, "", STINT_IO, "damaged in line 1;");
    expect_wrong(b, "stint node facts 2\nend\n", STINT_BAD_VERSION, "newer version");
    expect_wrong(b, "stint node facts 1\nend\n", STINT_IO, "damaged in line 2;");
    expect_wrong(b, "stint node facts 1\ncolour = red\nend\n", STINT_IO,
                 "damaged in line 2;");
    (void)snprintf(text, sizeof text, "%sname = n2\n", good);
    expect_wrong(b, text, STINT_IO, "damaged in line 13;");
    /* Cut anywhere, it is never taken for whole. */
    for (size_t cut = 0; cut < size; cut++) {
        (void)snprintf(text, sizeof text, "%.*s", (int)cut, good);
        expect_wrong(b, text, STINT_IO, "damaged in line");
    }
    struct {
        const char *from, *to;
    } swaps[] = {
        { "port = 65535", "port = 65536" },
        { "port = 65535", "port = -1" },
        { "authority = yes", "authority = 1" },
        { "name = n1", "name = n 1" },
        { "view = 8", "view = 8x" },
        { "view = 8", "port = 8" },
        { "secret = 05", "secret = 0g" },
        { "node = 01", "node = 1" },
        { "incarnation = 1", "incarnation = 11" },
    };
    for (size_t i = 0; i < sizeof swaps / sizeof *swaps; i++) {
        char *at = strstr(good, swaps[i].from);
        assert_non_null(at);
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good,
                       swaps[i].to, at + strlen(swaps[i].from));
        expect_wrong(b, text, STINT_IO, "damaged in line");
    }
}

static void
test_a_failed_save_keeps_the_old_facts(void **state)
{
    struct box *b = *state;
    struct datadir_facts f = some_facts(), g;
    char temporary[TMPDIR_SIZE + 40];
    assert_int_equal(datadir_save(&b->d, &f, b->error, sizeof b->error), STINT_OK);
    (void)snprintf(temporary, sizeof temporary, "%s.new", b->facts);
    assert_int_equal(mkdir(temporary, 0700), 0);
    g = f;
    g.view = 99;
    assert_int_equal(datadir_save(&b->d, &g, b->error, sizeof b->error), STINT_IO);
    assert_int_equal(datadir_load(&b->d, &g, b->error, sizeof b->error), STINT_OK);
    assert_memory_equal(&f, &g, sizeof f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_a_new_directory_is_private_and_has_no_facts),
        TEST(test_facts_come_back_as_they_were_saved),
        TEST(test_the_fullest_facts_fit),
        TEST(test_a_directory_serves_one_node_at_a_time),
        TEST(test_places_that_are_no_directory_are_refused),
        TEST(test_damaged_facts_are_refused_by_line),
        TEST(test_a_failed_save_keeps_the_old_facts),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
