/* SPDX-License-Identifier: Apache-2.0 */
#include "complete.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "help_topics.h"

enum { CONNECT_MS = 300, ASK_MS = 300, WORD_SIZE = 512, MODULES_MAX = 128, CHANNELS_MAX = 500 };

/* What is known of the words before the one under the cursor. */
struct line {
    FILE *out;
    const struct complete_source *source;
    struct args args; /* global flags that say where the cluster is */
    const char *words[WORDS_MAX + 2];
    unsigned word_count;
    const struct command *command; /* NULL: not known yet */
    const struct flag *waits;      /* the flag whose value stands under the cursor */
    bool only_words;               /* behind "--" */
    const char *given[32];         /* flags that were there already */
    unsigned given_count;
    const char *prefix; /* what candidates must begin with */
};

/* ---- putting ---- */

static void
put(struct line *l, const char *before, const char *word, size_t size, const char *help)
{
    size_t wanted = strlen(l->prefix);
    if (wanted <= size && strncmp(word, l->prefix, wanted) == 0) {
        fprintf(l->out, "%s%.*s\t%s\n", before, (int)size, word, help);
    }
}

/* Each of "a|b|c". */
static void
put_choices(struct line *l, const char *before, const char *choices)
{
    for (const char *at = choices;;) {
        size_t size = strcspn(at, "|");
        put(l, before, at, size, "");
        if (at[size] == '\0') {
            return;
        }
        at += size + 1;
    }
}

static void
put_nouns(struct line *l)
{
    const char *last = "";
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        if (strcmp(last, c->noun) == 0) {
            continue;
        }
        last = c->noun;
        char help[WORD_SIZE] = "";
        size_t used = 0;
        for (size_t k = i; k < command_count && strcmp(commands[k].noun, c->noun) == 0; k++) {
            bool alone = commands[k].verb[0] == '\0';
            int size = snprintf(help + used, sizeof help - used, "%s%s", used != 0 ? ", " : "",
                                alone ? c->help : commands[k].verb);
            used += size > 0 && (size_t)size < sizeof help - used ? (size_t)size : 0;
        }
        put(l, "", c->noun, strlen(c->noun), help);
    }
}

static void
put_topics(struct line *l)
{
    const struct help_topic *topic;
    for (size_t i = 0; (topic = help_topic_at(i)) != NULL; i++) {
        put(l, "", topic->name, strlen(topic->name), topic->title);
    }
}

static void
put_verbs(struct line *l, const char *noun)
{
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].noun, noun) == 0 && commands[i].verb[0] != '\0') {
            put(l, "", commands[i].verb, strlen(commands[i].verb), commands[i].help);
        }
    }
}

static bool
repeatable(const struct flag *flag)
{
    return strcmp(flag->name, "endpoint") == 0;
}

static void
put_flags(struct line *l, const struct flag *flags, size_t count)
{
    for (size_t i = 0; i < count && flags[i].name != NULL; i++) {
        char word[64];
        bool given = flags[i].kind == FLAG_WATCH && l->command != NULL && !l->command->watches;
        for (unsigned k = 0; k < l->given_count && !repeatable(&flags[i]); k++) {
            given = given || strcmp(l->given[k], flags[i].name) == 0;
        }
        int size = snprintf(word, sizeof word, "--%s", flags[i].name);
        if (!given) {
            put(l, "", word, (size_t)size, flags[i].help);
        }
    }
}

struct putting {
    struct line *line;
    const char *before;
};

static void
put_name(void *arg, const char *name)
{
    struct putting *p = arg;
    put(p->line, p->before, name, strlen(name), "");
}

static void
put_names(struct line *l, const char *before, enum complete_names what)
{
    struct putting p = { l, before };
    l->source->names(what, &l->args, put_name, &p);
}

/* Of a list with commas the last one is under the cursor. */
static void
put_node_list(struct line *l, const char *before)
{
    char whole[WORD_SIZE];
    const char *comma = strrchr(l->prefix, ',');
    if (comma != NULL) {
        snprintf(whole, sizeof whole, "%s%.*s", before, (int)(comma + 1 - l->prefix), l->prefix);
        l->prefix = comma + 1;
        before = whole;
    }
    put_names(l, before, COMPLETE_NODES);
}

/* ---- values: the word by which help names them says what fits ---- */

/* One of them, without brackets: "FILE", "on|off|status". */
static void
put_value(struct line *l, const char *before, const char *name, size_t size)
{
    static const char roles[] = "node|client|operator|observer";
    char one[64];
    snprintf(one, sizeof one, "%.*s", (int)size, name);
    if (strcmp(one, "FILE") == 0 || strcmp(one, "ID|FILE") == 0) {
        fputs(":files\n", l->out);
    } else if (strcmp(one, "DIR") == 0) {
        fputs(":directories\n", l->out);
    } else if (strcmp(one, "NODE") == 0) {
        put_names(l, before, COMPLETE_NODES);
    } else if (strcmp(one, "NODES") == 0) {
        put_node_list(l, before);
    } else if (strcmp(one, "MODULE/CODE") == 0) {
        put_names(l, before, COMPLETE_CODES);
    } else if (strcmp(one, "ID|NAME") == 0) {
        put_names(l, before, COMPLETE_CHANNELS);
    } else if (strcmp(one, "ROLE") == 0) {
        put_choices(l, before, roles);
    } else if (strcmp(one, "TOPIC") == 0) {
        put_nouns(l);
        put_topics(l);
    } else if (strchr(one, '|') != NULL && one[0] >= 'a' && one[0] <= 'z') {
        put_choices(l, before, one);
    }
}

static void
put_flag_value(struct line *l, const struct flag *flag, const char *before)
{
    if (flag->choices != NULL) {
        put_choices(l, before, flag->choices);
    } else {
        if (strcmp(flag->name, "to") == 0 && l->command != NULL &&
            strcmp(l->command->verb, "migrate") == 0) {
            put(l, before, "auto", 4, "the cluster chooses");
        }
        put_value(l, before, flag->value, strlen(flag->value));
    }
}

/* The argument with that number of a command, as its help names it: "[NODE]", "ROLE NAME". Behind
 * the last one only flags fit. */
static void
put_argument(struct line *l, unsigned number)
{
    const char *at = l->command->words;
    for (unsigned i = 0; i < number && at[0] != '\0'; i++) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    size_t size = strcspn(at, " ");
    if (size > 2 && at[0] == '[') {
        at++;
        size -= 2;
    }
    if (number < l->command->words_max) {
        put_value(l, "", at, size);
    } else if (l->prefix[0] == '\0') {
        put_flags(l, l->command->flags, FLAGS_MAX);
    }
}

/* ---- reading what stands before the cursor ---- */

static const struct flag *
find(const struct flag *flags, size_t count, const char *name, size_t size)
{
    for (size_t i = 0; i < count && flags[i].name != NULL; i++) {
        if ((size == 1 && flags[i].letter == name[0]) ||
            (strlen(flags[i].name) == size && memcmp(flags[i].name, name, size) == 0)) {
            return &flags[i];
        }
    }
    return NULL;
}

/* The flag of a word that begins with a dash, as it stands before its "=". While the command is not
 * known any command's flag will do: what matters is whether it takes a value. */
static const struct flag *
flag_of(const struct line *l, const char *word, const char **inlined)
{
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    size_t size = is_long ? strcspn(name, "=") : 1;
    *inlined = is_long ? (name[size] == '=' ? name + size + 1 : NULL)
                       : (name[0] != '\0' && name[1] != '\0' ? name + 1 : NULL);
    const struct flag *flag =
        l->command != NULL ? find(l->command->flags, FLAGS_MAX, name, size) : NULL;
    if (flag == NULL) {
        flag = find(global_flags, global_flag_count, name, size);
    }
    for (size_t i = 0; i < command_count && flag == NULL && l->command == NULL; i++) {
        flag = find(commands[i].flags, FLAGS_MAX, name, size);
    }
    return flag;
}

static void
keep_global(struct args *args, const struct flag *flag, const char *value)
{
    if (strcmp(flag->name, "endpoint") == 0 && args->endpoint_count < ENDPOINTS_MAX) {
        args->endpoints[args->endpoint_count++] = value;
    } else if (strcmp(flag->name, "keys") == 0) {
        args->keys = value;
    } else if (strcmp(flag->name, "identity") == 0) {
        args->identity = value;
    } else if (strcmp(flag->name, "context") == 0) {
        args->context = value;
    } else if (strcmp(flag->name, "insecure") == 0) {
        args->insecure = true;
    }
}

static void
find_command(struct line *l)
{
    for (size_t i = 0; i < command_count && l->command == NULL && l->word_count != 0; i++) {
        const struct command *c = &commands[i];
        if (strcmp(c->noun, l->words[0]) == 0 &&
            (c->verb[0] == '\0' || (l->word_count > 1 && strcmp(c->verb, l->words[1]) == 0))) {
            l->command = c;
        }
    }
}

static void
read_word(struct line *l, char **words, int *at, int last)
{
    const char *word = words[*at], *inlined;
    if (!l->only_words && strcmp(word, "--") == 0) {
        l->only_words = true;
    } else if (!l->only_words && word[0] == '-' && word[1] != '\0') {
        const struct flag *flag = flag_of(l, word, &inlined);
        if (flag == NULL) {
            return;
        }
        if (l->given_count < sizeof l->given / sizeof l->given[0]) {
            l->given[l->given_count++] = flag->name;
        }
        bool behind = flag->kind != FLAG_SWITCH && flag->kind != FLAG_WATCH && inlined == NULL;
        if (behind && *at + 1 == last) {
            l->waits = flag;
        } else {
            keep_global(&l->args, flag, behind ? words[++*at] : inlined);
        }
    } else if (l->word_count < sizeof l->words / sizeof l->words[0]) {
        l->words[l->word_count++] = word;
        find_command(l);
    }
}

/* ---- candidates ---- */

static void
put_words(struct line *l)
{
    if (l->command != NULL && l->command->run == cmd_help && l->word_count == 2) {
        put_verbs(l, l->words[1]);
    } else if (l->command != NULL) {
        put_argument(l, l->word_count - (l->command->verb[0] == '\0' ? 1 : 2));
    } else if (l->word_count == 0) {
        put_nouns(l);
    } else if (l->word_count == 1) {
        put_verbs(l, l->words[0]);
    }
}

void
complete(FILE *out, int count, char **words, const struct complete_source *source)
{
    struct line l = { .out = out, .source = source };
    int last = count - 1;
    for (int at = 0; at < last; at++) {
        read_word(&l, words, &at, last);
    }
    const char *current = count > 0 ? words[last] : "";
    const char *inlined;
    const struct flag *flag = NULL;
    l.prefix = current;
    if (l.waits != NULL) {
        put_flag_value(&l, l.waits, "");
    } else if (l.only_words || current[0] != '-') {
        put_words(&l);
    } else if ((flag = flag_of(&l, current, &inlined)) != NULL && inlined != NULL &&
               current[1] == '-') {
        char before[WORD_SIZE];
        snprintf(before, sizeof before, "%.*s", (int)(inlined - current), current);
        l.prefix = inlined;
        put_flag_value(&l, flag, before);
    } else {
        if (l.command != NULL) {
            put_flags(&l, l.command->flags, FLAGS_MAX);
        }
        put_flags(&l, global_flags, global_flag_count);
    }
}

/* ---- the program ---- */

typedef void put_fn(void *arg, const char *name);

static void
give_nodes(struct stint_client *client, put_fn *put_one, void *arg)
{
    struct stint_list *list;
    const struct stint_node_item *n;
    (void)!stint_admin_nodes(client, ASK_MS, &list);
    while (list != NULL && (n = stint_list_node(list)) != NULL) {
        put_one(arg, n->name);
    }
    stint_list_free(list);
}

/* Modules are listed once for each node; their codes are told once. */
static void
give_codes(struct stint_client *client, put_fn *put_one, void *arg)
{
    struct stint_list *list;
    const struct stint_module_item *m;
    char told[MODULES_MAX][64]; /* names: an item's own last until the next one */
    unsigned count = 0;
    (void)!stint_admin_modules(client, ASK_MS, &list);
    while (list != NULL && count < MODULES_MAX && (m = stint_list_module(list)) != NULL) {
        unsigned i = 0;
        while (i < count && strcmp(told[i], m->name) != 0) {
            i++;
        }
        for (const char *at = m->codes; i == count && *at != '\0';) {
            char code[WORD_SIZE];
            int size = (int)strcspn(at, ",");
            snprintf(code, sizeof code, "%s/%.*s", m->name, size, at);
            put_one(arg, code);
            at += size + (at[size] == ',' ? 1 : 0);
        }
        snprintf(told[count++], sizeof told[0], "%s", m->name);
    }
    stint_list_free(list);
}

static void
give_channels(struct stint_client *client, put_fn *put_one, void *arg)
{
    struct stint_list *list;
    const struct stint_channel_item *c;
    struct stint_query query = STINT_QUERY_INIT;
    query.limit = CHANNELS_MAX;
    (void)!stint_admin_channels(client, &query, ASK_MS, &list);
    while (list != NULL && (c = stint_list_channel(list)) != NULL) {
        if (c->name[0] != '\0') {
            put_one(arg, c->name);
        }
    }
    stint_list_free(list);
}

static void
ask_cluster(enum complete_names what, const struct args *args, put_fn *put_one, void *arg)
{
    static void (*const give[])(struct stint_client *, put_fn *, void *) = {
        [COMPLETE_NODES] = give_nodes,
        [COMPLETE_CODES] = give_codes,
        [COMPLETE_CHANNELS] = give_channels,
    };
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    struct cli cli = { .args = args };
    const char *endpoints[ENDPOINTS_MAX];
    const char *context = args->context != NULL ? args->context : getenv("STINT_CONTEXT");
    char error[CONTEXT_PATH_SIZE + 640]; /* which nobody reads */
    struct stint_client *client;
    if (context != NULL && context[0] != '\0' &&
        context_load(&cli.context, context, error, sizeof error) != EXIT_DONE) {
        return;
    }
    cli_client_options(&cli, endpoints, &options);
    if (stint_client_open(&options, &client, NULL, 0) != STINT_OK) {
        return;
    }
    if (stint_client_connect(client, CONNECT_MS) == STINT_OK) {
        give[what](client, put_one, arg);
    }
    stint_client_close(client, 0);
}

int
complete_main(int count, char **words)
{
    static const struct complete_source cluster = { ask_cluster };
    complete(stdout, count, words, &cluster);
    return 0;
}
