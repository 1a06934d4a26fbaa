/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of stintd, with the real program: what it prints, when it ends, with
 * which code. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "process.h"
#include "tmpdir.h"

enum { SOON_MS = 30000 };

struct box {
    char dir[TMPDIR_SIZE];
    char data[2][TMPDIR_SIZE + 8];
    char endpoint[256];
    struct process one, two;
};

static int
setup(void **state)
{
    struct box *b = calloc(1, sizeof *b);
    tmpdir_make(b->dir);
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(b->data[i], sizeof b->data[i], "%s/n%u", b->dir, i);
    }
    *state = b;
    return 0;
}

static int
teardown(void **state)
{
    struct box *b = *state;
    process_end(&b->two);
    process_end(&b->one);
    tmpdir_remove(b->dir);
    free(b);
    return 0;
}

/* Runs stintd with arguments separated by single spaces. */
static void start(struct process *p, const char *const *extra, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
start(struct process *p, const char *const *extra, const char *format, ...)
{
    char line[2048];
    const char *argv[32] = { STINTD };
    size_t count = 1;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[count++] = word;
    }
    argv[count] = NULL;
    process_start(p, argv, extra);
}

/* Runs it to its end and checks the code and that it said just one line that begins so.
 */
static void
expect_end(struct box *b, int code, const char *says, const char *arguments)
{
    start(&b->one, NULL, "%s", arguments);
    int got = process_wait(&b->one, SOON_MS);
    if (got != code) {
        fail_msg("'%s' ended with %d, not %d: %s", arguments, got, code,
                 b->one.err_text);
    }
    const char *newline = strchr(b->one.err_text, '\n');
    if (strncmp(b->one.err_text, says, strlen(says)) != 0 || newline == NULL ||
        newline[1] != '\0') {
        fail_msg("'%s' said: %s", arguments, b->one.err_text);
    }
    assert_string_equal(b->one.out_text, "");
    process_end(&b->one);
}

/* Starts the founder and reads where it is. */
static void
found(struct box *b, const char *more)
{
    start(&b->one, NULL, "--insecure --name n0 --data %s --found --detect fast %s",
          b->data[0], more);
    if (!process_wait_out(&b->one, "}\n", SOON_MS)) {
        fail_msg("not ready: %s", b->one.err_text);
    }
    const char *at = strstr(b->one.out_text, "\"endpoint\":\"");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"endpoint\":\"%255[^\"]", b->endpoint), 1);
}

static void
join(struct box *b)
{
    start(&b->two, NULL, "--insecure --name n1 --data %s --join %s --detect fast",
          b->data[1], b->endpoint);
    if (!process_wait_out(&b->two, "}\n", SOON_MS)) {
        fail_msg("not ready: %s", b->two.err_text);
    }
}

static void
test_wrong_usage_is_one_line_and_2(void **state)
{
    struct box *b = *state;
    char line[1024];
    expect_end(b, 2, "stintd: unknown option '--colour'", "--colour");
    expect_end(b, 2, "stintd: no value after '--name'", "--name");
    expect_end(b, 2, "stintd: unexpected argument 'n1'", "n1");
    expect_end(b, 2, "stintd: name: a node needs one", "--insecure");
    expect_end(b, 2, "stintd: data: a node needs", "--insecure --name n0");
    (void)snprintf(line, sizeof line, "--name n0 --data %s", b->data[0]);
    expect_end(b, 2, "stintd: keys: a node needs", line);
    expect_end(b, 2, "stintd: /nonexistent.conf: No such file",
               "--config /nonexistent.conf");
    (void)snprintf(line, sizeof line,
                   "--insecure --name n0 --data %s --listen tcp://0.0.0.0:0",
                   b->data[0]);
    expect_end(b, 2, "stintd: --insecure: only with endpoints of this machine", line);
    (void)snprintf(line, sizeof line, "--insecure --name n0 --data %s --listen frob",
                   b->data[0]);
    expect_end(b, 2, "stintd: --listen: 'frob' is not of the form tcp://HOST:PORT\n", line);
    (void)snprintf(line, sizeof line,
                   "--insecure --name n0 --data %s --label a=1 --label b=1,c", b->data[0]);
    expect_end(b, 2, "stintd: --label: 'c' is not of the form KEY=VALUE", line);
}

static void
test_without_found_join_or_data_it_is_2(void **state)
{
    struct box *b = *state;
    start(&b->one, NULL, "--insecure --name n0 --data %s --log-level error",
          b->data[0]);
    assert_int_equal(process_wait(&b->one, SOON_MS), 2);
    assert_non_null(strstr(b->one.err_text,
                           "found a cluster (--found) or join one (--join ENDPOINT)"));
    assert_string_equal(b->one.out_text, "");
}

static void
test_failures_that_are_no_usage_are_1(void **state)
{
    struct box *b = *state;
    char line[1024];
    found(b, "");
    struct process first = b->one;
    memset(&b->one, 0, sizeof b->one);
    (void)snprintf(line, sizeof line,
                   "--insecure --name n0 --data %s --log-level error", b->data[0]);
    expect_end(b, 1, "stintd: data directory", line);
    (void)snprintf(
        line, sizeof line,
        "--insecure --name n1 --data %s --found --log-level error --listen %s",
        b->data[1], b->endpoint);
    expect_end(b, 1, "stintd: cannot listen on tcp://127.0.0.1:", line);
    (void)snprintf(line, sizeof line,
                   "--keys %s --name n1 --data %s --found --log-level error", b->dir,
                   b->data[1]);
    expect_end(b, 1, "stintd: ", line);
    b->two = first;
}

static void
test_nobody_to_join_is_3(void **state)
{
    struct box *b = *state;
    start(
        &b->one, NULL,
        "--insecure --name n0 --data %s --join tcp://127.0.0.1:1 --join-timeout 300ms",
        b->data[0]);
    assert_int_equal(process_wait(&b->one, SOON_MS), 3);
    assert_non_null(strstr(b->one.err_text, "stintd: cannot join: "));
    assert_string_equal(b->one.out_text, "");
}

static void
test_ready_is_one_line_and_sigterm_leaves_in_order(void **state)
{
    struct box *b = *state;
    char expected[300], id[33], endpoint[128];
    long pid = 0;
    found(b, "--label zone=a");
    assert_int_equal(
        sscanf(b->one.out_text,
               "{\"event\":\"ready\",\"name\":\"n0\",\"node\":\"%32[0-9a-f]\","
               "\"endpoint\":\"%127[^\"]\",\"pid\":%ld}",
               id, endpoint, &pid),
        3);
    assert_int_equal(pid, b->one.pid);
    join(b);
    process_signal(&b->two, SIGTERM);
    assert_int_equal(process_wait(&b->two, SOON_MS), 0);
    assert_null(strstr(b->two.err_text, "without the authority's agreement"));
    process_signal(&b->one, SIGTERM);
    assert_int_equal(process_wait(&b->one, SOON_MS), 0);
    (void)snprintf(
        expected, sizeof expected,
        "{\"event\":\"ready\",\"name\":\"n0\",\"node\":\"%s\",\"endpoint\":\"%s\","
        "\"pid\":%ld}\n",
        id, endpoint, pid);
    assert_string_equal(b->one.out_text, expected);
    process_end(&b->one);
    /* On its data it comes back as it was, without being told how. */
    start(&b->one, NULL, "--insecure --name n0 --data %s", b->data[0]);
    if (!process_wait_out(&b->one, endpoint, SOON_MS)) {
        if (strstr(b->one.err_text, "the address is in use") != NULL) {
            skip(); /* another process was quicker to take the free port */
        }
        fail_msg("not back at %s: %s%s", endpoint, b->one.out_text, b->one.err_text);
    }
}

static void
test_a_second_sigterm_leaves_at_once(void **state)
{
    struct box *b = *state;
    found(b, "--drain-timeout 1h");
    join(b);
    /* The authority is away: leaving in order would wait for it. */
    process_signal(&b->one, SIGSTOP);
    process_signal(&b->two, SIGTERM);
    /* Signals of one kind do not queue: the first must have been taken. */
    assert_true(process_wait_err(&b->two, "asked to stop", SOON_MS));
    process_signal(&b->two, SIGTERM);
    int code = process_wait(&b->two, SOON_MS);
    assert_true(code == 0 || code == 1);
}

static void
test_a_node_that_the_others_gave_up_is_4(void **state)
{
    struct box *b = *state;
    found(b, "");
    join(b);
    process_signal(&b->two, SIGSTOP);
    if (!process_wait_err(&b->one, "is gone", SOON_MS)) {
        fail_msg("n1 was not given up: %s", b->one.err_text);
    }
    process_signal(&b->two, SIGCONT);
    assert_int_equal(process_wait(&b->two, SOON_MS), 4);
}

static void
test_sighup_reloads_keys_and_log_level(void **state)
{
    struct box *b = *state;
    char path[TMPDIR_SIZE + 16], line[64];
    (void)snprintf(path, sizeof path, "%s/conf", b->dir);
    (void)snprintf(line, sizeof line, "log-level = error\n");
    tmpdir_write(path, line, 0600);
    start(&b->one, NULL, "--config %s --insecure --name n0 --data %s --found", path,
          b->data[0]);
    assert_true(process_wait_out(&b->one, "}\n", SOON_MS));
    assert_string_equal(b->one.err_text, "");
    tmpdir_write(path, "log-level = info\n", 0600);
    process_signal(&b->one, SIGHUP);
    assert_true(process_wait_err(&b->one, "keys reloaded", SOON_MS));
    tmpdir_write(path, "log-level = loud\n", 0600);
    process_signal(&b->one, SIGHUP);
    assert_true(process_wait_err(&b->one, "the log level stays", SOON_MS));
    assert_non_null(strstr(b->one.err_text, "conf:1: log-level: 'loud' is not"));
    process_signal(&b->one, SIGTERM);
    assert_int_equal(process_wait(&b->one, SOON_MS), 0);
}

static void
test_every_mistake_of_a_config_file_is_named(void **state)
{
    struct box *b = *state;
    char path[TMPDIR_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/conf", b->dir);
    tmpdir_write(path, "nam = n1\nfound = perhaps\n\nmemory = much\nname n1\ndata =\n",
                 0600);
    start(&b->one, NULL, "--config %s", path);
    assert_int_equal(process_wait(&b->one, SOON_MS), 2);
    static const char *const lines[] = {
        "conf:1: unknown key 'nam'; did you mean 'name'?", "conf:2: found: 'perhaps'",
        "conf:4: memory: 'much'", "conf:5: 'name n1' is not", "conf:6: data: empty"
    };
    size_t newlines = 0;
    for (const char *at = b->one.err_text; (at = strchr(at, '\n')) != NULL; at++) {
        newlines++;
    }
    assert_int_equal(newlines, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_non_null(strstr(b->one.err_text, lines[i]));
    }
}

static void
expect_lines(struct box *b, int code, const char *const *lines, size_t count)
{
    size_t newlines = 0;
    assert_int_equal(process_wait(&b->one, SOON_MS), code);
    for (const char *at = b->one.err_text; (at = strchr(at, '\n')) != NULL; at++) {
        newlines++;
    }
    for (size_t i = 0; i < count; i++) {
        if (strstr(b->one.err_text, lines[i]) == NULL) {
            fail_msg("no '%s' in: %s", lines[i], b->one.err_text);
        }
    }
    if (newlines != count) {
        fail_msg("%zu lines, not %zu: %s", newlines, count, b->one.err_text);
    }
    assert_string_equal(b->one.out_text, "");
    process_end(&b->one);
}

static void
test_values_that_make_no_sense_have_their_line_too(void **state)
{
    struct box *b = *state;
    char path[TMPDIR_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/conf", b->dir);
    tmpdir_write(path,
                 "name = a b\nlisten = tcp://x\njoin = tcp://a:1\njoin = b:2\nlabel = a=1\n"
                 "label = b\nstore = pg:x\nkeys = /k\ndata = /d\nfound = yes\ncolour = red\n",
                 0600);
    static const char *const lines[] = {
        "conf:1: name: 'a b' is not",  "conf:2: listen: 'tcp://x' is not",
        "conf:4: join: 'b:2' is not",  "conf:6: label: 'b' is not",
        "conf:7: store: 'pg:x' is not", "conf:10: found: contradicts join",
        "conf:11: unknown key 'colour'",
    };
    start(&b->one, NULL, "--config %s", path);
    expect_lines(b, 2, lines, sizeof lines / sizeof *lines);
    /* What a flag overrides is not what is wrong. */
    tmpdir_write(path, "name = n1\nlisten = tcp://x\n", 0600);
    static const char *const rest[] = { "stintd: data: a node needs",
                                        "stintd: keys: a node needs" };
    start(&b->one, NULL, "--config %s --listen tcp://127.0.0.1:0", path);
    expect_lines(b, 2, rest, 2);
}

static void
test_check_looks_at_everything_and_touches_nothing(void **state)
{
    struct box *b = *state;
    char path[TMPDIR_SIZE + 16], text[4 * TMPDIR_SIZE + 128];
    (void)snprintf(path, sizeof path, "%s/conf", b->dir);
    (void)snprintf(text, sizeof text,
                   "name = n0\nkeys = %s/nokeys\ndata = %s/no/where\nfound = yes\n"
                   "module = %s/none.so\nmodule = %s\n",
                   b->dir, b->dir, b->dir, path);
    tmpdir_write(path, text, 0600);
    static const char *const lines[] = {
        "conf:2: keys: ", "cluster.pub: No such file",
        "conf:3: data: ", "make the directory above it first",
        "conf:5: module: ", "there is no such file",
        "conf:6: module: ", "is no shared object",
    };
    start(&b->one, NULL, "--config %s --check", path);
    assert_int_equal(process_wait(&b->one, SOON_MS), 2);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_non_null(strstr(b->one.err_text, lines[i]));
    }
    process_end(&b->one);
    static const char *const good[] = { "stintd: settings, keys, data and modules of n0" };
    start(&b->one, NULL, "--check --insecure --name n0 --data %s --found", b->data[0]);
    expect_lines(b, 0, good, 1);
    assert_int_equal(access(b->data[0], F_OK), -1);
    static const char *const unsaid[] = { "is empty: found a cluster (--found) or join" };
    start(&b->one, NULL, "--check --insecure --name n0 --data %s", b->data[0]);
    expect_lines(b, 2, unsaid, 1);
    /* Beside a running node: what it uses is no mistake. */
    found(b, "");
    struct process running = b->one;
    memset(&b->one, 0, sizeof b->one);
    start(&b->one, NULL, "--check --insecure --name n0 --data %s", b->data[0]);
    expect_lines(b, 0, good, 1);
    static const char *const others[] = { "--data: data directory" };
    start(&b->one, NULL, "--check --insecure --name n1 --data %s", b->data[0]);
    expect_lines(b, 2, others, 1);
    b->two = running;
    (void)snprintf(text, sizeof text, "%s/store.db", b->data[0]);
    assert_int_equal(rename(text, path), 0);
    static const char *const lost[] = { "store.db: No such file" };
    start(&b->one, NULL, "--check --insecure --name n0 --data %s", b->data[0]);
    expect_lines(b, 2, lost, 1);
}

static void
test_the_environment_is_heard_and_json_logs_are_json(void **state)
{
    struct box *b = *state;
    char data[TMPDIR_SIZE + 32];
    (void)snprintf(data, sizeof data, "STINT_DATA=%s", b->data[0]);
    const char *extra[] = { "STINT_NAME=n7",         data,
                            "STINT_INSECURE=yes",    "STINT_FOUND=1",
                            "STINT_LOG_FORMAT=json", NULL };
    start(&b->one, extra, "--name n8");
    assert_true(process_wait_out(&b->one, "\"name\":\"n8\"", SOON_MS));
    assert_int_equal(strncmp(b->one.err_text, "{\"time\":\"", 9), 0);
    assert_non_null(strstr(b->one.err_text, "\"node\":\"n8\""));
}

static void
test_help_and_version_are_on_stdout_and_0(void **state)
{
    struct box *b = *state;
    start(&b->one, NULL, "--help");
    assert_int_equal(process_wait(&b->one, SOON_MS), 0);
    assert_int_equal(strncmp(b->one.out_text, "usage: stintd ", 14), 0);
    assert_string_equal(b->one.err_text, "");
    process_end(&b->one);
    start(&b->one, NULL, "--version");
    assert_int_equal(process_wait(&b->one, SOON_MS), 0);
    assert_int_equal(strncmp(b->one.out_text, "stintd ", 7), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_wrong_usage_is_one_line_and_2),
        TEST(test_without_found_join_or_data_it_is_2),
        TEST(test_failures_that_are_no_usage_are_1),
        TEST(test_nobody_to_join_is_3),
        TEST(test_ready_is_one_line_and_sigterm_leaves_in_order),
        TEST(test_a_second_sigterm_leaves_at_once),
        TEST(test_a_node_that_the_others_gave_up_is_4),
        TEST(test_sighup_reloads_keys_and_log_level),
        TEST(test_every_mistake_of_a_config_file_is_named),
        TEST(test_values_that_make_no_sense_have_their_line_too),
        TEST(test_check_looks_at_everything_and_touches_nothing),
        TEST(test_the_environment_is_heard_and_json_logs_are_json),
        TEST(test_help_and_version_are_on_stdout_and_0),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
