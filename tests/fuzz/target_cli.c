/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tool stint is told: the same text as its command line, as a file of contexts, and as a
 * word in an error. A command line is refused with one sentence or means what its table allows; a
 * mistake in a file has a line; whatever is shown is one line of text.
 */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

#include "args.h"
#include "cli.h"
#include "context.h"

enum { LINE_ARGS_MAX = 64, DAY_MS = 24 * 3600 * 1000, SHOWN_SIZE = 64 };

/* ---- as it is shown ---- */

static void
check_shown(const char *text)
{
    char shown[SHOWN_SIZE];
    char again[SHOWN_SIZE];
    FUZZ_CHECK(text_shown(text, shown, sizeof shown) == shown);
    FUZZ_CHECK(memchr(shown, 0, sizeof shown) != NULL);
    for (const char *c = shown; *c != '\0'; c++) {
        FUZZ_CHECK((unsigned char)*c >= 0x20 && *c != 0x7f);
    }
    FUZZ_CHECK(strcmp(text_shown(shown, again, sizeof again), shown) == 0);
}

/* ---- as a command line ---- */

static void
check_flag(const struct flag *flag, const struct flag_value *value)
{
    if (!value->set) {
        return;
    }
    FUZZ_CHECK(value->text == NULL || value->text[0] != '\0');
    switch (flag->kind) {
    case FLAG_SWITCH:
        FUZZ_CHECK(value->text == NULL);
        break;
    case FLAG_TEXT:
    case FLAG_CHOICE:
        FUZZ_CHECK(value->text != NULL);
        break;
    case FLAG_NUMBER:
    case FLAG_RATE:
        FUZZ_CHECK(value->number >= flag->min && value->number <= flag->max);
        break;
    case FLAG_DURATION:
    case FLAG_WATCH:
        FUZZ_CHECK(value->number <= DAY_MS);
        break;
    }
}

static void
check_args(const struct args *args)
{
    const struct command *c = args->command;
    FUZZ_CHECK(args->endpoint_count <= ENDPOINTS_MAX && args->timeout_ms <= DAY_MS &&
               args->watch_ms <= DAY_MS && args->format <= FORMAT_NAME);
    FUZZ_CHECK(c != NULL || args->help || args->version);
    if (c == NULL || args->help || args->version) {
        return;
    }
    FUZZ_CHECK(args->word_count >= c->words_min && args->word_count <= c->words_max);
    for (unsigned i = 0; i < args->word_count; i++) {
        FUZZ_CHECK(args->words[i][0] != '\0');
    }
    for (size_t i = 0; i < FLAGS_MAX && c->flags[i].name != NULL; i++) {
        check_flag(&c->flags[i], &args->flags[i]);
    }
}

/* Each line is an argument; "stint" is not among them. */
static bool
as_command_line(char *text)
{
    char *argv[LINE_ARGS_MAX];
    char error[512] = "";
    struct args args;
    int argc = 0;
    for (char *at = text; at != NULL && argc < LINE_ARGS_MAX;) {
        char *end = strchr(at, '\n');
        argv[argc++] = at;
        if (end != NULL) {
            *end++ = '\0';
        }
        at = end;
    }
    if (args_read(&args, argc, argv, error, sizeof error)) {
        check_args(&args);
        return true;
    }
    FUZZ_CHECK(memchr(error, 0, sizeof error) != NULL && strlen(error) > 5);
    FUZZ_CHECK(strchr(error, '\n') == NULL);
    check_shown(error);
    return false;
}

/* ---- as a file ---- */

static bool
as_contexts(struct stint_span input)
{
    static struct context context;
    char error[512] = "";
    enum exit_code code = context_parse(&context, (const char *)input.data, input.size, "a", "/home/me",
                                        error, sizeof error);
    FUZZ_CHECK(memchr(error, 0, sizeof error) != NULL);
    FUZZ_CHECK(code == EXIT_DONE || code == EXIT_USAGE || code == EXIT_NOT_FOUND);
    if (code == EXIT_USAGE) {
        unsigned line;
        FUZZ_CHECK(sscanf(error, "%u: ", &line) == 1 && line >= 1 && line <= input.size + 1);
        check_shown(error);
    }
    FUZZ_CHECK(context.endpoint_count <= ENDPOINTS_MAX);
    for (unsigned i = 0; i < context.endpoint_count; i++) {
        FUZZ_CHECK(strncmp(context.endpoints[i], "tcp://", 6) == 0);
    }
    return code == EXIT_DONE;
}

static bool
judge(struct stint_span input)
{
    char *text = malloc(input.size + 1);
    FUZZ_CHECK(text != NULL);
    bytes_copy(text, input.data, input.size);
    text[input.size] = '\0';
    check_shown(text);
    bool good = as_contexts(input);
    good = as_command_line(text) || good;
    free(text);
    return good;
}

static void
seeds(void)
{
    fuzz_seed("list", span_text("node\nlist\n-o\njson\n--watch=1s\n-e\ntcp://h:1\n-etcp://h:2\n--timeout=5s"));
    fuzz_seed("drain", span_text("node\ndrain\nn1\n--to\nn2,n3\n--rate=50/s\n--wait\n--yes\n--reason\nwhy"));
    fuzz_seed("spawn", span_text("--keys\nk\ntasklet\nspawn\ntally/Tally\n--args\n{\"name\":\"a\"}\n--count\n3"));
    fuzz_seed("select", span_text("tasklet\nlist\n--selector\ncode=A and moves<3\n--sort=-id\n--limit\n0\n--all"));
    fuzz_seed("words", span_text("channel\nsend\n--\na\n-1"));
    fuzz_seed("export", span_text("tasklet\nexport\n3f9a\n-ffile\n--move\n--context\nhere"));
    fuzz_seed("help", span_text("help\ntasklet\nmigrate\n--help\n--version"));
    fuzz_seed("contexts", span_text("# mine\n[a]\nendpoint = tcp://h:1, tcp://h:2\nkeys = ~/k\nidentity = me\n"
                                    "[b]\ninsecure = yes\n"));
    fuzz_seed("shown", span_text("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x90\xa7 \xff\xfe \x1b[31m \xc2\x9b \xe2\x80\xae"));
}

const struct fuzz_target fuzz_target = { .name = "cli", .size_max = 4096, .judge = judge, .seeds = seeds };
