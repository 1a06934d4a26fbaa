/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand under the cursor, for lines of every form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "args.h"
#include "complete.h"

enum { LINE_SIZE = 512, WORDS = 64 };

static struct args asked; /* with what the cluster was asked for names */

static void
two_of_each(enum complete_names what, const struct args *args,
            void (*put)(void *arg, const char *name), void *arg)
{
    static const char *const names[][2] = {
        [COMPLETE_NODES] = { "n1", "n20" },
        [COMPLETE_CODES] = { "ring/Link", "tally/Tally" },
        [COMPLETE_CHANNELS] = { "answers", "orders" },
    };
    asked = *args;
    put(arg, names[what][0]);
    put(arg, names[what][1]);
}

/* All that complete() writes for a line; the cursor is at its end. */
static char *
output(const char *line)
{
    static const struct complete_source source = { two_of_each };
    char copy[LINE_SIZE], *words[WORDS], *text = NULL;
    int count = 0;
    size_t size = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *at = copy; at != NULL; count++) {
        assert_true(count < WORDS);
        words[count] = at;
        at = strchr(at, ' ');
        if (at != NULL) {
            *at++ = '\0';
        }
    }
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    memset(&asked, 0, sizeof asked);
    complete(out, count, words, &source);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* The candidates alone, separated by spaces. */
static void
expect(const char *line, const char *candidates)
{
    char *text = output(line), seen[4096] = "";
    size_t used = 0;
    for (char *at = text; *at != '\0'; at = strchr(at, '\n') + 1) {
        size_t size = strcspn(at, "\t\n");
        assert_true(at[size] == '\t' || at[0] == ':');
        used += (size_t)snprintf(seen + used, sizeof seen - used, "%s%.*s", used != 0 ? " " : "",
                                 (int)size, at);
        assert_true(used < sizeof seen);
    }
    free(text);
    if (strcmp(seen, candidates) != 0) {
        fail_msg("`%s`: '%s' and not '%s'", line, seen, candidates);
    }
}

static void
nouns_and_verbs_are_those_of_the_table(void **state)
{
    (void)state;
    char nouns[512] = "", verbs[512];
    for (size_t i = 0; i < command_count; i++) {
        const char *noun = commands[i].noun;
        if (i > 0 && strcmp(noun, commands[i - 1].noun) == 0) {
            continue;
        }
        snprintf(nouns + strlen(nouns), sizeof nouns - strlen(nouns), "%s%s", i > 0 ? " " : "", noun);
        if (commands[i].verb[0] == '\0') {
            continue;
        }
        verbs[0] = '\0';
        for (size_t k = i; k < command_count && strcmp(commands[k].noun, noun) == 0; k++) {
            snprintf(verbs + strlen(verbs), sizeof verbs - strlen(verbs), "%s%s", k > i ? " " : "",
                     commands[k].verb);
        }
        char line[LINE_SIZE];
        snprintf(line, sizeof line, "-e tcp://127.0.0.1:1 %s ", noun);
        expect(line, verbs);
    }
    expect("", nouns);
    expect("no", "node");
    expect("-q --watch node li", "list");
    expect("nothing ", "");
    expect("help no", "node");
    expect("help node dr", "drain");
    expect("help sel", "selectors");
}

static void
flags_of_all_come_everywhere_and_those_of_a_command_behind_it(void **state)
{
    (void)state;
    expect("--i", "--identity --insecure");
    expect("--t", "--timeout");
    expect("node drain n1 --t", "--to --timeout");
    expect("node --t", "--timeout");
    expect("node drain n1 --to n1 --t", "--timeout");
    expect("-o json --out", "");
    expect("-e tcp://a:1 --end", "--endpoint");
    expect("node list --wa", "--watch");
    expect("node drain n1 --wa", "--wait");
    /* Behind the last argument only flags are left. */
    expect("node drain n1 ", "--to --rate --leave --wait");
    expect("node drain n1 --leave ", "--to --rate --wait");
    expect("node stop n1 -- --", "");
}

static void
values_are_what_the_flag_takes(void **state)
{
    (void)state;
    expect("-o ", "table wide json jsonl name");
    expect("-o js", "json jsonl");
    expect("--output=js", "--output=json --output=jsonl");
    expect("tasklet wait ab --for ", "ended moved blocked");
    expect("tasklet wait --for=m", "--for=moved");
    expect("tasklet export ab -f ", ":files");
    expect("tasklet export ab --file=x", ":files");
    expect("--keys ", ":directories");
    expect("keys issue node n1 --out=", ":directories");
    expect("--timeout ", "");
    expect("tasklet spawn a/B --args {", "");
}

static void
arguments_are_what_the_command_takes(void **state)
{
    (void)state;
    expect("keys init ", ":directories");
    expect("keys issue ", "node client operator observer");
    expect("keys issue cl", "client");
    expect("keys issue node ", "");
    expect("cluster balancer o", "on off");
    expect("completion ", "bash zsh fish");
    expect("tasklet import ", ":files");
    expect("tasklet stack ", ":files");
    expect("--output=json tasklet import --paused ", ":files");
}

static void
names_come_from_the_cluster(void **state)
{
    (void)state;
    expect("-e tcp://h:1 --endpoint=tcp://h:2 --keys k --identity me node describe ", "n1 n20");
    assert_int_equal(asked.endpoint_count, 2);
    assert_string_equal(asked.endpoints[1], "tcp://h:2");
    assert_string_equal(asked.keys, "k");
    assert_string_equal(asked.identity, "me");
    assert_false(asked.insecure);
    expect("--insecure ping n2", "n20");
    assert_true(asked.insecure);
    expect("--context=desk node describe ", "n1 n20");
    assert_string_equal(asked.context, "desk");
    expect("tasklet list --node=n", "--node=n1 --node=n20");
    expect("tasklet migrate ab --to ", "auto n1 n20");
    expect("node drain n1 --to ", "n1 n20");
    expect("node drain n1 --to n1,", "n1,n1 n1,n20");
    expect("node drain n1 --to=n1,n2", "--to=n1,n20");
    expect("tasklet spawn ", "ring/Link tally/Tally");
    expect("tasklet spawn tally/T", "tally/Tally");
    expect("channel send ", "answers orders");
    expect("channel close o", "orders");
    expect("channel send orders ", "");
}

static void
no_line_is_too_long_or_too_strange(void **state)
{
    (void)state;
    expect("a b c d e f g h i j k l m n o p q r s t u v w x y z ", "");
    expect("node list a b c d e f g h i j k l m n o p q r s t ", "");
    expect("-q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q -q "
           "-q -q no",
           "node");
    expect("-e a -e a -e a -e a -e a -e a -e a -e a -e a -e a -e a -e a -e a -e a -e a -e a -e a no",
           "node");
    expect("- -- = : --= -o=json ", "");
    expect("--unknown no", "node");
    char flags[1024] = "";
    for (size_t i = 0; i < global_flag_count; i++) {
        snprintf(flags + strlen(flags), sizeof flags - strlen(flags), "%s--%s", i > 0 ? " " : "",
                 global_flags[i].name);
    }
    expect("-", flags);
    static const struct complete_source source = { two_of_each };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    complete(out, 0, NULL, &source); /* not even the word under the cursor */
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "node\t"));
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nouns_and_verbs_are_those_of_the_table),
        cmocka_unit_test(flags_of_all_come_everywhere_and_those_of_a_command_behind_it),
        cmocka_unit_test(values_are_what_the_flag_takes),
        cmocka_unit_test(arguments_are_what_the_command_takes),
        cmocka_unit_test(names_come_from_the_cluster),
        cmocka_unit_test(no_line_is_too_long_or_too_strange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
