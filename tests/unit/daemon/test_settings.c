/* SPDX-License-Identifier: Apache-2.0 */
/* Flags, environment and config file: which wins, and that no mistake goes unnamed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "flags.h"
#include "settings.h"
#include "tmpdir.h"

static struct settings s;
static char error[SETTINGS_ERROR_SIZE];
static char report_text[4096];

static int
setup(void **state)
{
    (void)state;
    settings_init(&s);
    error[0] = '\0';
    report_text[0] = '\0';
    return 0;
}

static enum flags_result
flags(const char *line)
{
    static char copy[4096];
    static char *argv[64];
    int argc = 1;
    (void)snprintf(copy, sizeof copy, "%s", line);
    argv[0] = copy; /* never looked at */
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return flags_read(&s, argc, argv, error, sizeof error);
}

static void
report(void *arg, unsigned line, const char *mistake)
{
    (void)arg;
    size_t at = strlen(report_text);
    (void)snprintf(report_text + at, sizeof report_text - at, "%u: %s\n", line,
                   mistake);
}

/* The text stays: settings point into it. */
static unsigned
config(const char *text)
{
    static struct config_text file;
    file.size = strlen(text);
    memcpy(file.bytes, text, file.size + 1);
    return config_read(&s, &file, report, NULL);
}

static void
test_all_flags_are_read(void **state)
{
    (void)state;
    assert_int_equal(
        flags("--name n1 --listen=tcp://127.0.0.1:0 --join tcp://a:1 --join=tcp://b:2 "
              "--data /d --keys /k --module a.so --module b.so --store sqlite:/s "
              "--label x=1 --label y=2 --found --drain-timeout 5m --join-timeout 250ms "
              "--log-level debug --log-format json --insecure --detect fast "
              "--memory 2G --advertise tcp://h:9 --config /c"),
        FLAGS_OK);
    struct stint_node_options o = STINT_NODE_OPTIONS_INIT;
    char labels[100];
    assert_true(settings_options(&s, &o, labels, sizeof labels, error, sizeof error));
    assert_string_equal(o.name, "n1");
    assert_string_equal(o.listen, "tcp://127.0.0.1:0");
    assert_string_equal(o.advertise, "tcp://h:9");
    assert_int_equal(o.join_count, 2);
    assert_string_equal(o.join[1], "tcp://b:2");
    assert_string_equal(o.data_dir, "/d");
    assert_string_equal(o.keys_dir, "/k");
    assert_int_equal(o.module_path_count, 2);
    assert_string_equal(o.module_paths[0], "a.so");
    assert_string_equal(o.store, "sqlite:/s");
    assert_string_equal(o.labels, "x=1,y=2");
    assert_true(o.found && o.insecure && o.detect_fast);
    assert_int_equal(o.join_timeout_ms, 250);
    assert_int_equal(o.memory_limit, UINT64_C(2) << 30);
    assert_int_equal(o.log_level, STINT_LOG_DEBUG);
    assert_int_equal(s.number[KEY_LOG_FORMAT], 1);
    assert_int_equal(s.number[KEY_DRAIN_TIMEOUT], 300000);
    assert_string_equal(s.text[KEY_CONFIG], "/c");
}

static void
test_defaults(void **state)
{
    (void)state;
    struct stint_node_options o = STINT_NODE_OPTIONS_INIT;
    char labels[100];
    assert_int_equal(flags(""), FLAGS_OK);
    assert_true(settings_options(&s, &o, labels, sizeof labels, error, sizeof error));
    assert_null(o.name);
    assert_null(o.listen);
    assert_false(o.found || o.insecure || o.detect_fast);
    assert_int_equal(o.log_level, STINT_LOG_INFO);
    assert_int_equal(s.number[KEY_DRAIN_TIMEOUT], 30000);
    assert_string_equal(o.labels, "");
}

static void
test_wrong_flags_are_one_line_each(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        { "--colour red", "unknown option '--colour'; see stintd --help" },
        { "--nam n1", "unknown option '--nam', did you mean --name?; see stintd --help" },
        { "--drain_timeout=5s",
          "unknown option '--drain_timeout=5s', did you mean --drain-timeout?; see stintd "
          "--help" },
        { "-x", "unknown option '-x'; see stintd --help" },
        { "n1", "unexpected argument 'n1'; see stintd --help" },
        { "--name", "no value after '--name'; see stintd --help" },
        { "--name=", "--name: empty; give NAME, or leave it out" },
        { "--found=maybe", "--found: 'maybe' is not yes or no" },
        { "--log-level loud", "--log-level: 'loud' is not error|warn|info|debug" },
        { "--log-level inf", "--log-level: 'inf' is not error|warn|info|debug" },
        { "--log-format xml", "--log-format: 'xml' is not text|json" },
        { "--drain-timeout 30",
          "--drain-timeout: '30' is not a time of at most 24h, as 500ms, 30s, 5m" },
        { "--drain-timeout -1s",
          "--drain-timeout: '-1s' is not a time of at most 24h, as 500ms, 30s, 5m" },
        { "--drain-timeout 25h",
          "--drain-timeout: '25h' is not a time of at most 24h, as 500ms, 30s, 5m" },
        { "--drain-timeout 99999999999999999999s",
          "--drain-timeout: '99999999999999999999s' is not a time of at most 24h, as "
          "500ms, 30s, 5m" },
        { "--memory lots", "--memory: 'lots' is not a size, as 512M or 4G" },
        { "--detect slow", "--detect: 'slow' is not normal|fast" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        (void)setup(NULL);
        assert_int_equal(flags(wrong[i][0]), FLAGS_WRONG);
        assert_string_equal(error, wrong[i][1]);
    }
}

static void
test_help_and_version_win_over_what_follows(void **state)
{
    (void)state;
    assert_int_equal(flags("--help --colour"), FLAGS_HELP);
    assert_int_equal(flags("-h"), FLAGS_HELP);
    assert_int_equal(flags("--version"), FLAGS_VERSION);
}

static void
test_help_names_every_setting(void **state)
{
    (void)state;
    char text[8192];
    FILE *out = fmemopen(text, sizeof text, "w");
    flags_help(out);
    (void)fclose(out);
    for (enum settings_key key = 0; key < KEY_COUNT; key++) {
        char flag[64];
        (void)snprintf(flag, sizeof flag, "  --%s", settings_row(key)->name);
        assert_non_null(strstr(text, flag));
    }
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_true(strlen(line) <= 98);
    }
}

static void
test_a_config_file_is_read(void **state)
{
    (void)state;
    assert_int_equal(config("# a comment\n"
                            "name = n1   # another\n"
                            "\n"
                            "\tdata=/with#hash \r\n"
                            "join = tcp://a:1\n"
                            "join = tcp://b:2\n"
                            "found = no\n"
                            "insecure = yes\n"
                            "log-level = warn"),
                     0);
    assert_string_equal(report_text, "");
    assert_string_equal(s.text[KEY_NAME], "n1");
    assert_string_equal(s.text[KEY_DATA], "/with#hash");
    assert_int_equal(s.list[KEY_JOIN].count, 2);
    assert_int_equal(s.number[KEY_FOUND], 0);
    assert_int_equal(s.number[KEY_INSECURE], 1);
    assert_int_equal(s.number[KEY_LOG_LEVEL], STINT_LOG_WARN);
}

static void
test_five_mistakes_are_five_lines(void **state)
{
    (void)state;
    assert_int_equal(config("name = n1\n"
                            "colour = red\n"
                            "data /var/lib\n"
                            "# fine = not\n"
                            "drain-timeout = soon\n"
                            "name = n2\n"
                            "keys =\n"
                            "log-level = info\n"),
                     5);
    assert_string_equal(
        report_text,
        "2: unknown key 'colour'; the keys are the flags of stintd --help\n"
        "3: 'data /var/lib' is not of the form key = value\n"
        "5: drain-timeout: 'soon' is not a time of at most 24h, as 500ms, 30s, 5m\n"
        "6: name: given before in line 1; keep one\n"
        "7: keys: empty; give DIR, or leave it out\n");
}

static void
test_a_config_file_names_no_other_one(void **state)
{
    (void)state;
    assert_int_equal(config("config = /other\n"), 1);
    assert_string_equal(report_text,
                        "1: config: a config file cannot name another one\n");
}

static void
test_too_many_of_a_list_is_a_mistake(void **state)
{
    (void)state;
    char text[SETTINGS_LIST_MAX * 20 + 40];
    size_t at = 0;
    for (int i = 0; i <= SETTINGS_LIST_MAX; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "module = m.so\n");
    }
    assert_int_equal(config(text), 1);
    assert_string_equal(report_text, "65: module: at most 64 of them\n");
}

static void
test_a_zero_byte_is_a_mistake(void **state)
{
    (void)state;
    static struct config_text file = { .bytes = "name = n1\nda\0ta = x\n", .size = 20 };
    assert_int_equal(config_read(&s, &file, report, NULL), 1);
    assert_string_equal(report_text, "2: a zero byte: this is not a text\n");
}

static void
test_a_control_character_is_a_mistake(void **state)
{
    (void)state;
    assert_int_equal(config("name = n1\r\njoin\rin\r\nlabel = a=\x1b[2J\n# \x07\nmemory =\t1G\n"), 2);
    assert_string_equal(report_text, "2: a control character: this is not a text\n"
                                     "3: a control character: this is not a text\n");
}

static const char *
environment(const char *name)
{
    static const char *const values[][2] = {
        { "STINT_NAME", "env" },         { "STINT_JOIN", "tcp://e:1,tcp://e:2" },
        { "STINT_DRAIN_TIMEOUT", "7s" }, { "STINT_FOUND", "1" },
        { "STINT_LOG_LEVEL", "" },
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (strcmp(values[i][0], name) == 0) {
            return values[i][1];
        }
    }
    return NULL;
}

static void
test_the_order_of_reading_does_not_matter(void **state)
{
    (void)state;
    assert_int_equal(config("name = file\njoin = tcp://c:1\njoin = tcp://c:2\n"), 0);
    assert_int_equal(flags("--name flag --join tcp://f:1"), FLAGS_OK);
    assert_string_equal(s.text[KEY_NAME], "flag");
    assert_int_equal(s.list[KEY_JOIN].count, 1);
    assert_string_equal(s.list[KEY_JOIN].items[0], "tcp://f:1");
}

static const char *
bad_environment(const char *name)
{
    return strcmp(name, "STINT_LOG_FORMAT") == 0 ? "xml" : NULL;
}

static void
test_flags_win_over_environment_over_config(void **state)
{
    (void)state;
    static struct flags_storage storage;
    storage.used = 0;
    assert_int_equal(flags("--name flag --join tcp://f:1"), FLAGS_OK);
    assert_true(flags_environment(&s, environment, &storage, error, sizeof error));
    assert_int_equal(
        config("name = file\njoin = tcp://c:1\ndrain-timeout = 1s\ndata = /file\n"
               "log-level = warn\n"),
        0);
    assert_string_equal(s.text[KEY_NAME], "flag");
    assert_int_equal(s.list[KEY_JOIN].count, 1);
    assert_string_equal(s.list[KEY_JOIN].items[0], "tcp://f:1");
    assert_int_equal(s.number[KEY_DRAIN_TIMEOUT], 7000);
    assert_int_equal(s.number[KEY_FOUND], 1);
    assert_string_equal(s.text[KEY_DATA], "/file");
    assert_int_equal(s.number[KEY_LOG_LEVEL], STINT_LOG_WARN);
    /* What is overridden is checked all the same. */
    assert_int_equal(config("drain-timeout = never\n"), 1);
}

static void
test_what_is_no_utf8_is_a_mistake(void **state)
{
    (void)state;
    /* A mark at the begin is none; a comment is nobody's business; bytes cut off, bytes
     * alone, a form too long and a number too high are. */
    assert_int_equal(config("\xef\xbb\xbfname = n1\n# \xe9\nlabel = a=\xc3\xa9\n"
                            "data = /\xe9\nkeys = \xe2\x82\nstore = \xc0\xaf\n"
                            "memory = \xf5\x80\x80\x80\n"),
                     4);
    assert_string_equal(report_text, "4: not UTF-8; save the file in that encoding\n"
                                     "5: not UTF-8; save the file in that encoding\n"
                                     "6: not UTF-8; save the file in that encoding\n"
                                     "7: not UTF-8; save the file in that encoding\n");
    assert_string_equal(s.text[KEY_NAME], "n1");
}

static void
test_what_was_meant_is_guessed(void **state)
{
    (void)state;
    static const char *const near[][2] = {
        { "nmae", "name" },   { "drain_timeout", "drain-timeout" }, { "modules", "module" },
        { "kyes", "keys" },   { "loglevel", "log-level" },          { "insecur", "insecure" },
        { "Listen", "listen" },
    };
    static const char *const far[] = { "colour", "x", "", "a-name-that-is-longer-than-any" };
    for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
        enum settings_key key = settings_suggest(near[i][0], strlen(near[i][0]));
        assert_int_not_equal(key, KEY_COUNT);
        assert_string_equal(settings_row(key)->name, near[i][1]);
    }
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        assert_int_equal(settings_suggest(far[i], strlen(far[i])), KEY_COUNT);
    }
    assert_int_equal(config("nam = n1\n"), 1);
    assert_string_equal(report_text, "1: unknown key 'nam'; did you mean 'name'?\n");
}

static void
expect_where(enum settings_key key, size_t item, const char *expected)
{
    char where[100];
    settings_where(&s, key, item, "/etc/c", where, sizeof where);
    assert_string_equal(where, expected);
}

static void
test_a_value_knows_where_it_was_given(void **state)
{
    (void)state;
    static struct flags_storage storage;
    storage.used = 0;
    assert_int_equal(flags("--data /d --check"), FLAGS_OK);
    assert_true(s.check);
    assert_true(flags_environment(&s, environment, &storage, error, sizeof error));
    assert_int_equal(config("keys = /k\n\nlabel = a=1\nlabel = b=2\nname = file\n"), 0);
    expect_where(KEY_DATA, 0, "--data");
    expect_where(KEY_DRAIN_TIMEOUT, 0, "STINT_DRAIN_TIMEOUT");
    expect_where(KEY_NAME, 0, "STINT_NAME"); /* the line of the file is not what counts */
    expect_where(KEY_KEYS, 0, "/etc/c:1: keys");
    expect_where(KEY_LABEL, 0, "/etc/c:3: label");
    expect_where(KEY_LABEL, 1, "/etc/c:4: label");
    expect_where(KEY_LISTEN, 0, "listen");
}

static void
test_lists_of_the_environment_are_split(void **state)
{
    (void)state;
    static struct flags_storage storage;
    storage.used = 0;
    assert_true(flags_environment(&s, environment, &storage, error, sizeof error));
    assert_int_equal(s.list[KEY_JOIN].count, 2);
    assert_string_equal(s.list[KEY_JOIN].items[0], "tcp://e:1");
    assert_string_equal(s.list[KEY_JOIN].items[1], "tcp://e:2");
    assert_false(flags_environment(&s, bad_environment, &storage, error, sizeof error));
    assert_string_equal(
        error, "STINT_LOG_FORMAT: 'xml' is not text|json");
}

static void
test_files_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    static struct config_text file;
    char dir[TMPDIR_SIZE], path[TMPDIR_SIZE + 20];
    static char big[CONFIG_SIZE_MAX + 2];
    tmpdir_make(dir);
    assert_false(config_load(&file, "/nonexistent.conf", error, sizeof error));
    assert_string_equal(error, "/nonexistent.conf: No such file or directory");
    assert_false(config_load(&file, dir, error, sizeof error));
    assert_non_null(strstr(error, "Is a directory"));
    memset(big, '\n', sizeof big - 1);
    (void)snprintf(path, sizeof path, "%s/big.conf", dir);
    tmpdir_write(path, big, 0600);
    assert_false(config_load(&file, path, error, sizeof error));
    assert_non_null(strstr(error, "longer than 65536 bytes"));
    tmpdir_write(path, "name = n1\n", 0600);
    assert_true(config_load(&file, path, error, sizeof error));
    assert_string_equal(file.bytes, "name = n1\n");
    tmpdir_remove(dir);
}

static void
test_the_example_config_is_right(void **state)
{
    (void)state;
    static struct config_text file;
    if (!config_load(&file, TEST_SOURCE_DIR "/../deploy/stint.conf", error,
                     sizeof error)) {
        fail_msg("%s", error);
    }
    assert_int_equal(config_read(&s, &file, report, NULL), 0);
    /* Every key stands in it, set or as a comment, with the same name. */
    assert_true(config_load(&file, TEST_SOURCE_DIR "/../deploy/stint.conf", error,
                            sizeof error));
    for (enum settings_key key = KEY_CONFIG + 1; key < KEY_COUNT; key++) {
        char line[64];
        (void)snprintf(line, sizeof line, "%s = ", settings_row(key)->name);
        if (strstr(file.bytes, line) == NULL) {
            fail_msg("deploy/stint.conf lacks '%s'", settings_row(key)->name);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(test_all_flags_are_read),
        TEST(test_defaults),
        TEST(test_wrong_flags_are_one_line_each),
        TEST(test_help_and_version_win_over_what_follows),
        TEST(test_help_names_every_setting),
        TEST(test_a_config_file_is_read),
        TEST(test_five_mistakes_are_five_lines),
        TEST(test_a_config_file_names_no_other_one),
        TEST(test_too_many_of_a_list_is_a_mistake),
        TEST(test_a_zero_byte_is_a_mistake),
        TEST(test_a_control_character_is_a_mistake),
        TEST(test_flags_win_over_environment_over_config),
        TEST(test_what_is_no_utf8_is_a_mistake),
        TEST(test_what_was_meant_is_guessed),
        TEST(test_a_value_knows_where_it_was_given),
        TEST(test_the_order_of_reading_does_not_matter),
        TEST(test_lists_of_the_environment_are_split),
        TEST(test_files_that_cannot_be_read_are_named),
        TEST(test_the_example_config_is_right),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
