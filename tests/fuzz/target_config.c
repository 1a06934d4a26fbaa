/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stintd is told: the same text as config file, as environment and as command line. Each mistake has a line number that
 * exists and a sentence; what is accepted everywhere makes options, or says why not; a value that was accepted from the file
 * is accepted as a flag and means the same.
 */
#include "fuzz.h"

#include <string.h>

#include "config.h"
#include "flags.h"

enum { ARGS_MAX = 64 };

struct told {
    unsigned count, lines;
};

static void
report(void *arg, unsigned line, const char *mistake)
{
    struct told *told = arg;
    FUZZ_CHECK(line >= 1 && line <= told->lines);
    fuzz_check_sentence(mistake, SETTINGS_ERROR_SIZE);
    told->count++;
}

static void
check_options(const struct settings *s)
{
    struct stint_node_options options = STINT_NODE_OPTIONS_INIT;
    char labels[512], error[SETTINGS_ERROR_SIZE] = "";
    if (!settings_options(s, &options, labels, sizeof labels, error, sizeof error)) {
        fuzz_check_sentence(error, sizeof error);
        return;
    }
    FUZZ_CHECK(memchr(labels, 0, sizeof labels) != NULL);
}

static void
check_values(const struct settings *s)
{
    for (int key = 0; key < KEY_COUNT; key++) {
        const struct settings_row *row = settings_row((enum settings_key)key);
        FUZZ_CHECK(settings_find(row->name, strlen(row->name)) == (enum settings_key)key);
        FUZZ_CHECK(s->list[key].count <= SETTINGS_LIST_MAX);
        for (size_t i = 0; i < s->list[key].count; i++) {
            FUZZ_CHECK(s->list[key].items[i] != NULL);
        }
        FUZZ_CHECK(row->kind != KIND_SWITCH || s->number[key] <= 1);
        FUZZ_CHECK(row->kind != KIND_DURATION || s->number[key] <= SETTINGS_DURATION_MAX_MS);
        if (s->source[key] == SOURCE_CONFIG && row->kind != KIND_LIST && row->kind != KIND_SWITCH &&
            s->text[key] != NULL) {
            struct settings flag;
            char error[SETTINGS_ERROR_SIZE] = "";
            settings_init(&flag);
            FUZZ_CHECK(settings_set(&flag, (enum settings_key)key, s->text[key], SOURCE_FLAG, 0, error, sizeof error));
            FUZZ_CHECK(flag.number[key] == s->number[key]);
        }
    }
}

static bool
as_file(struct stint_span input)
{
    static struct config_text text;
    static struct settings s;
    struct told told = { 0, 1 };
    if (input.size > CONFIG_SIZE_MAX) {
        return false;
    }
    bytes_copy(text.bytes, input.data, input.size);
    text.bytes[input.size] = '\0';
    text.size = input.size;
    for (size_t i = 0; i < input.size; i++) {
        told.lines += input.data[i] == '\n';
    }
    settings_init(&s);
    unsigned mistakes = config_read(&s, &text, report, &told);
    FUZZ_CHECK(mistakes == told.count);
    check_values(&s);
    if (mistakes == 0) {
        check_options(&s);
    }
    return mistakes == 0 && input.size > 8;
}

/* Each line is an argument. */
static void
as_flags(struct stint_span input)
{
    static struct settings s;
    char *text = malloc(input.size + 1), *argv[ARGS_MAX] = { 0 }, error[SETTINGS_ERROR_SIZE] = "";
    int argc = 1;
    FUZZ_CHECK(text != NULL);
    bytes_copy(text, input.data, input.size);
    text[input.size] = '\0';
    argv[0] = text;
    for (char *line = strtok(text, "\n"); line != NULL && argc < ARGS_MAX; line = strtok(NULL, "\n")) {
        argv[argc++] = line;
    }
    settings_init(&s);
    enum flags_result result = flags_read(&s, argc, argv, error, sizeof error);
    if (result == FLAGS_WRONG) {
        FUZZ_CHECK(memchr(error, 0, sizeof error) != NULL && strlen(error) > 5);
    } else if (result == FLAGS_OK) {
        check_options(&s);
    }
    free(text);
}

/* The environment: the text as the value of one name after the other. */
static char environment[4096];
static unsigned environment_turn, environment_wanted;

static const char *
get(const char *name)
{
    FUZZ_CHECK(strncmp(name, "STINT_", 6) == 0);
    return environment_turn++ == environment_wanted ? environment : NULL;
}

static void
as_environment(struct stint_span input)
{
    static struct settings s;
    static struct flags_storage storage;
    char error[SETTINGS_ERROR_SIZE] = "";
    size_t size = input.size < sizeof environment ? input.size : sizeof environment - 1;
    bytes_copy(environment, input.data, size);
    environment[size] = '\0';
    environment_turn = 0;
    environment_wanted = size == 0 ? 0 : input.data[0] % KEY_COUNT;
    storage.used = 0;
    settings_init(&s);
    if (flags_environment(&s, get, &storage, error, sizeof error)) {
        check_options(&s);
    } else {
        FUZZ_CHECK(memchr(error, 0, sizeof error) != NULL && strlen(error) > 5);
    }
    FUZZ_CHECK(storage.used <= sizeof storage.bytes);
}

static bool
judge(struct stint_span input)
{
    bool good = as_file(input);
    as_flags(input);
    as_environment(input);
    return good;
}

static void
seeds(void)
{
    fuzz_seed("file", span_text("# a node\nname = n1\nlisten = tcp://127.0.0.1:0\njoin = tcp://a:1\njoin = tcp://b:2\n"
                                "data = /d\nkeys = /k\nmodule = a.so\nstore = sqlite:/s\nlabel = x=1\nfound = yes\n"));
    fuzz_seed("file-2", span_text("drain-timeout = 5m # soon\njoin-timeout=250ms\ndetect = fast\nmemory = 2G\n"
                                  "log-level = debug\nlog-format = json\ninsecure = no\nadvertise = tcp://h:9\n"));
    fuzz_seed("flags", span_text("--name\nn1\n--listen=tcp://127.0.0.1:0\n--label\nx=1\n--found\n--memory=512M\n"));
    fuzz_seed("list", span_text("$a=1,b=2,c=3"));
    fuzz_seed("wrong", span_text("name n1\nname = \nmemory = 9Q\nfound = perhaps\nnothing = 1\n"));
}

const struct fuzz_target fuzz_target = { .name = "config", .size_max = 16384, .judge = judge, .seeds = seeds };
