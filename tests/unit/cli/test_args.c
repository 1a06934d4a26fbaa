/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: every good form is understood, every bad one is named in one line. And the
 * table of commands makes sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "args.h"
#include "cli.h"

enum { ARGV_MAX = 16 };

static struct args args;
static char error[512];
static char words[1024];

/* Reads a command line of words separated by single spaces; `|` stands for an empty word. */
static bool
read_line(const char *line)
{
    char *argv[ARGV_MAX];
    int argc = 0;
    snprintf(words, sizeof words, "%s", line);
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word != NULL && argc < ARGV_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        if (strcmp(word, "|") == 0) {
            word[0] = '\0';
        }
        argv[argc++] = word;
    }
    return args_read(&args, argc, argv, error, sizeof error);
}

static void
good(const char *line)
{
    if (!read_line(line)) {
        fail_msg("%s: %s", line, error);
    }
}

static void
bad(const char *line, const char *word)
{
    if (read_line(line)) {
        fail_msg("%s was taken", line);
    }
    if (strstr(error, word) == NULL || strchr(error, '\n') != NULL) {
        fail_msg("%s: \"%s\" does not name \"%s\"", line, error, word);
    }
}

static void
options_stand_before_and_after_the_command(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "-e tcp://h:1 --keys k -o json --timeout 2s node list",
        "node list -e tcp://h:1 --keys k -o json --timeout 2s",
        "--endpoint=tcp://h:1 node --keys=k list --output=json --timeout=2s",
        "node -etcp://h:1 list --keys k -ojson --timeout 2000ms",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        good(lines[i]);
        assert_ptr_equal(args.command->run, cmd_node_list);
        assert_int_equal(args.endpoint_count, 1);
        assert_string_equal(args.endpoints[0], "tcp://h:1");
        assert_string_equal(args.keys, "k");
        assert_int_equal(args.format, FORMAT_JSON);
        assert_int_equal(args.timeout_ms, 2000);
    }
    good("node list -e a -e b");
    assert_int_equal(args.endpoint_count, 2);
    good("node list");
    assert_int_equal(args.format, FORMAT_TABLE);
    assert_int_equal(args.timeout_ms, 0);
    good("-q -v --insecure --yes --dry-run --reason why node stop n1 --drain");
    assert_true(args.quiet && args.verbose && args.insecure && args.yes && args.dry_run &&
                args_on(&args, "drain"));
    assert_string_equal(args.reason, "why");
}

static void
commands_get_their_words_and_flags(void **state)
{
    (void)state;
    good("tasklet spawn tally/Tally --args {\"name\":\"a\"} --on n2 --count 3 --pinned");
    assert_string_equal(args.words[0], "tally/Tally");
    assert_string_equal(args_text(&args, "args"), "{\"name\":\"a\"}");
    assert_string_equal(args_text(&args, "on"), "n2");
    assert_int_equal(args_number(&args, "count", 1), 3);
    assert_true(args_on(&args, "pinned"));
    good("tasklet export ab -f FILE --move");
    assert_string_equal(args_text(&args, "file"), "FILE");
    good("node drain n1 --rate 50/s --to a,b");
    assert_int_equal(args_number(&args, "rate", 0), 50);
    good("channel send a {} -- ");
    good("channel send -- a -1");
    assert_string_equal(args.words[1], "-1");
    good("channel send a -");
    assert_string_equal(args.words[1], "-");
    good("tasklet migrate --selector x=y --to n1");
    assert_int_equal(args.word_count, 0);
    good("ping");
    good("ping n1 --count 2");
    good("help tasklet migrate");
    good("keys issue node n1 --out d --days 3");
    good("node list --watch");
    assert_int_equal(args.watch_ms, 2000);
    good("node list --reason | --yes --yes --context here");
    assert_string_equal(args.context, "here");
    good("node list --watch=500ms");
    assert_int_equal(args.watch_ms, 500);
}

static void
help_and_version_need_nothing_else(void **state)
{
    (void)state;
    good("--help");
    assert_true(args.help && args.command == NULL);
    good("node --help");
    assert_string_equal(args.noun, "node");
    good("node drain --help");
    assert_ptr_equal(args.command->run, cmd_node_drain);
    good("--version");
    assert_true(args.version);
}

static void
every_bad_use_is_named(void **state)
{
    static const struct {
        const char *line, *word;
    } cases[] = {
        { "", "which command" },
        { "frobnicate", "frobnicate" },
        { "node", "list, describe" },
        { "node frobnicate", "node frobnicate" },
        { "node list extra", "extra" },
        { "node describe", "NODE" },
        { "node describe |", "empty" },
        { "node list --frob", "--frob; see `stint help node list`" },
        { "--frob node list", "--frob; see `stint help node list`" },
        { "--frob nodes", "--frob; `stint help` lists all" },
        { "node list -x", "-x" },
        { "node list --pinned", "--pinned" },
        { "--pinned node list", "--pinned" },
        { "node list -o", "--output needs a value" },
        { "node list -o xml", "xml" },
        { "node list --timeout soon", "soon" },
        { "node list --timeout 0s", "0s" },
        { "node list --timeout -1s", "-1s" },
        { "node list --timeout 25h", "25h" },
        { "node list --timeout 99999999999999999999s", "99999" },
        { "node list --yes=1", "--yes takes no value" },
        { "node list -qv", "-qv" },
        { "node drain n1 --rate fast", "fast" },
        { "node drain n1 --rate 0/s", "0/s" },
        { "node drain n1 --rate 5/m", "5/m" },
        { "node drain n1 --to a --to b", "twice" },
        { "node stop n1 --watch", "--watch" },
        { "cluster balancer sideways", "on, off or status" },
        { "tasklet spawn tally", "MODULE/CODE" },
        { "tasklet spawn /x", "MODULE/CODE" },
        { "tasklet spawn x/", "MODULE/CODE" },
        { "tasklet spawn a/b --count -1", "-1" },
        { "tasklet spawn a/b --count 0", "--count 0" },
        { "tasklet spawn a/b --count 100001", "100001" },
        { "tasklet migrate", "--to" },
        { "tasklet migrate --to n1", "--selector" },
        { "tasklet migrate ab --selector x=y --to n1", "--selector" },
        { "tasklet kill", "--selector" },
        { "tasklet wait ab --for lunch", "ended|moved|blocked" },
        { "tasklet export ab", "-f" },
        { "channel create --capacity 65537", "65537" },
        { "channel create --capacity many", "many" },
        { "channel send a", "JSON" },
        { "channel receive a --count 0", "0" },
        { "keys issue node", "ROLE NAME" },
        { "keys issue node n1 --days 0", "0" },
        { "completion csh", "bash" },
        { "a b c d e f g h i", "too many" },
        { "node list --endpoint", "--endpoint needs a value" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bad(cases[i].line, cases[i].word);
    }
    char line[512] = "node list";
    for (int i = 0; i < 17; i++) {
        strcat(line, " -e tcp://h:1");
    }
    char *argv[64];
    int argc = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    assert_false(args_read(&args, argc, argv, error, sizeof error));
    assert_non_null(strstr(error, "--endpoint"));
}

static void
what_is_empty_or_said_twice_is_named(void **state)
{
    static const struct {
        const char *line, *word;
    } cases[] = {
        { "node list -e |", "--endpoint is empty" },
        { "node list --keys=", "--keys is empty" },
        { "node drain n1 --to |", "--to is empty" },
        { "tasklet list --selector |", "--selector is empty" },
        { "tasklet list --limit |", "--limit is empty" },
        { "node list -o json -o json", "--output is given twice" },
        { "node list --keys a --timeout 1s --keys b", "--keys is given twice" },
        { "node list --timeout 1s --timeout 1s", "--timeout is given twice" },
        { "--context a node list --context b", "--context is given twice" },
        { "tasklet list --selector a=b --selector a=c", "--selector is given twice" },
        { "node list --watch 1s", "unexpected argument 1s; a period is written --watch=D" },
        { "keys revoke 12", "16 hex digits" },
        { "nodes", "unknown command nodes; did you mean node; `stint help`" },
        { "tasklet lst", "did you mean list? it is one of spawn, list" },
        { "tasklet desc", "did you mean describe?" },
        { "migration xyzzy", "unknown command migration xyzzy; it is one of list, describe" },
        { "tasklet list --selektor x", "--selektor; did you mean --selector; see" },
        { "node list --ouptut json", "did you mean --output" },
        { "node list --colour", "unknown option --colour; see" },
        { "node list \x01\x7f", "\\x01\\x7f" },
        { "node describe \xff |", "unexpected" },
        { "top --watch", "top: --watch" },
        { "completion csh", "completion csh: it is" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bad(cases[i].line, cases[i].word);
    }
}

static void
durations_have_units(void **state)
{
    uint64_t ms;
    (void)state;
    assert_true(args_duration("500ms", &ms) && ms == 500);
    assert_true(args_duration("5s", &ms) && ms == 5000);
    assert_true(args_duration("2m", &ms) && ms == 120000);
    assert_true(args_duration("24h", &ms) && ms == 86400000);
    static const char *const wrong[] = { "",    "5",   "s",    "5 s", "5d",
                                         "0ms", "-1s", "1.5s", "25h", "18446744073709551616ms",
                                         "5sm" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(args_duration(wrong[i], &ms));
    }
}

static bool
same_arity(const struct flag *a, const struct flag *b)
{
    return (a->kind == FLAG_SWITCH) == (b->kind == FLAG_SWITCH) &&
           (a->kind == FLAG_WATCH) == (b->kind == FLAG_WATCH);
}

/* The first pass over a command line knows no command: a flag takes a value everywhere or nowhere,
 * and none hides a global one. */
static void
the_table_is_consistent(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        assert_non_null(c->run);
        assert_true(c->help[0] != '\0' && c->words_min <= c->words_max &&
                    c->words_max <= WORDS_MAX);
        assert_true(c->destroys != DESTROYS_WITH_SELECTOR ||
                    strcmp(c->flags[0].name, "selector") == 0);
        for (size_t k = 0; k < FLAGS_MAX && c->flags[k].name != NULL; k++) {
            for (size_t g = 0; g < global_flag_count; g++) {
                assert_string_not_equal(c->flags[k].name, global_flags[g].name);
                assert_true(c->flags[k].letter == 0 ||
                            c->flags[k].letter != global_flags[g].letter);
            }
            for (size_t j = 0; j < command_count; j++) {
                for (size_t o = 0; o < FLAGS_MAX && commands[j].flags[o].name != NULL; o++) {
                    bool same = strcmp(commands[j].flags[o].name, c->flags[k].name) == 0;
                    assert_true(!same || same_arity(&commands[j].flags[o], &c->flags[k]));
                }
            }
        }
    }
}

/* Takes the next word of a line, as a shell would: single quotes keep what is between them. */
static char *
shell_word(char **line)
{
    char *at = *line + strspn(*line, " ");
    if (*at == '\0') {
        return NULL;
    }
    char *word = at;
    char *put = at;
    bool quoted = false;
    for (; *at != '\0' && (quoted || *at != ' '); at++) {
        quoted = quoted != (*at == '\'');
        if (*at != '\'') {
            *put++ = *at;
        }
    }
    assert_false(quoted);
    *line = at + (*at != '\0' ? 1 : 0);
    *put = '\0';
    return word;
}

static void
every_example_is_its_command(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        char line[256];
        char *argv[ARGV_MAX + 4];
        int argc = 0;
        assert_non_null(c->example);
        if (c->run == cmd_completion) {
            assert_non_null(strstr(c->example, "stint completion"));
            continue; /* of the shell */
        }
        snprintf(line, sizeof line, "%s", c->example);
        char *rest = line;
        for (char *word = shell_word(&rest); word != NULL; word = shell_word(&rest)) {
            assert_true(argc < ARGV_MAX + 4);
            argv[argc++] = word;
        }
        assert_string_equal(argv[0], "stint");
        if (!args_read(&args, argc - 1, argv + 1, error, sizeof error)) {
            fail_msg("%s: %s", c->example, error);
        }
        assert_ptr_equal(args.command, c);
    }
}

static void
what_destroys_is_marked(void **state)
{
    static const char *const always[] = { "tasklet kill ab",
                                          "channel close a",
                                          "node drain n1",
                                          "node stop n1",
                                          "keys revoke 0123456789abcdef",
                                          "tasklet import f" };
    (void)state;
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        good(always[i]);
        assert_int_equal(args.command->destroys, DESTROYS_ALWAYS);
    }
    good("tasklet migrate ab --to n1");
    assert_int_equal(args.command->destroys, DESTROYS_WITH_SELECTOR);
    good("tasklet export ab -f x --move");
    assert_int_equal(args.command->destroys, DESTROYS_NOTHING);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_before_and_after_the_command),
        cmocka_unit_test(commands_get_their_words_and_flags),
        cmocka_unit_test(help_and_version_need_nothing_else),
        cmocka_unit_test(every_bad_use_is_named),
        cmocka_unit_test(what_is_empty_or_said_twice_is_named),
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(the_table_is_consistent),
        cmocka_unit_test(every_example_is_its_command),
        cmocka_unit_test(what_destroys_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
