/* SPDX-License-Identifier: Apache-2.0 */
#include "args.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"
#include "stint/status.h"
#include "suggest.h"

enum { DAY_MS = 24 * 3600 * 1000 };

struct reading {
    struct args *args;
    int argc;
    char **argv;
    int at;
    bool only_words;                  /* after -- */
    const char *words[WORDS_MAX + 3]; /* noun, verb, arguments, and one too many */
    unsigned word_count;
    struct flag_value local[FLAGS_MAX]; /* by the command, once it is known */
    uint32_t given;                     /* which of the global ones have been, a bit each */
    const char *unknown;                /* an option of no command */
    char shown[72];                     /* the word that is being complained of */
    char *error;
    size_t error_size;
};

static bool wrong(struct reading *r, const char *format, ...) STINT_PRINTF(2, 3);

static bool
wrong(struct reading *r, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(r->error, r->error_size, format, list);
    va_end(list);
    return false;
}

/* A word of the command line as a complaint shows it. */
static const char *
shown(struct reading *r, const char *text)
{
    return text_shown(text, r->shown, sizeof r->shown);
}

/* ---- values ---- */

static bool
read_number(const char *text, size_t size, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || *number > (UINT64_MAX - 9) / 10) {
            return false;
        }
        *number = *number * 10 + (uint64_t)(text[i] - '0');
    }
    return size != 0;
}

bool
args_duration(const char *text, uint64_t *ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 } };
    size_t digits = strspn(text, "0123456789");
    uint64_t number;
    if (!read_number(text, digits, &number)) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + digits, units[i].unit) == 0) {
            *ms = number <= DAY_MS ? number * units[i].ms : DAY_MS + UINT64_C(1);
            return *ms >= 1 && *ms <= DAY_MS;
        }
    }
    return false;
}

/* Whether `word` is one of "a|b|c". */
static bool
is_choice(const char *choices, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = choices; size != 0;) {
        size_t one = strcspn(at, "|");
        if (one == size && memcmp(at, word, size) == 0) {
            return true;
        }
        if (at[one] == '\0') {
            break;
        }
        at += one + 1;
    }
    return false;
}

static bool
set_value(struct reading *r, const struct flag *flag, struct flag_value *value, const char *text)
{
    value->set = true;
    value->text = text;
    /* An empty variable of a script must not become "any" or "all". A reason may be left out. */
    if (text != NULL && text[0] == '\0' && strcmp(flag->name, "reason") != 0) {
        return wrong(r, "--%s is empty; it takes a value: %s", flag->name, flag->value);
    }
    switch (flag->kind) {
    case FLAG_SWITCH:
    case FLAG_TEXT:
        return true;
    case FLAG_NUMBER:
        if (!read_number(text, strlen(text), &value->number) || value->number < flag->min ||
            value->number > flag->max) {
            return wrong(r, "--%s %s: a number %llu to %llu is expected", flag->name,
                         shown(r, text), (unsigned long long)flag->min,
                         (unsigned long long)flag->max);
        }
        return true;
    case FLAG_RATE: {
        size_t digits = strspn(text, "0123456789");
        bool fine = text[digits] == '\0' || strcmp(text + digits, "/s") == 0;
        if (!fine || !read_number(text, digits, &value->number) || value->number < flag->min ||
            value->number > flag->max) {
            return wrong(r, "--%s %s: a rate like 100/s is expected", flag->name, shown(r, text));
        }
        return true;
    }
    case FLAG_DURATION:
    case FLAG_WATCH:
        if (text != NULL && !args_duration(text, &value->number)) {
            return wrong(r,
                         "--%s %s: a duration is expected, like 500ms, 5s, 2m, 1h; at most a day",
                         flag->name, shown(r, text));
        }
        return true;
    case FLAG_CHOICE:
        if (!is_choice(flag->choices, text)) {
            return wrong(r, "--%s %s: it is one of %s", flag->name, shown(r, text), flag->choices);
        }
        return true;
    }
    return true;
}

/* ---- global flags ---- */

static enum format
format_of(const char *word)
{
    static const char *const words[] = { "table", "wide", "json", "jsonl", "name" };
    unsigned i = 0;
    while (i < 4 && strcmp(words[i], word) != 0) {
        i++;
    }
    return (enum format)i;
}

static bool
set_global(struct reading *r, const struct flag *flag, const struct flag_value *value)
{
    struct args *a = r->args;
    const char *name = flag->name;
    if (strcmp(name, "endpoint") == 0) {
        if (a->endpoint_count == ENDPOINTS_MAX) {
            return wrong(r, "--endpoint: at most %d of them", ENDPOINTS_MAX);
        }
        a->endpoints[a->endpoint_count++] = value->text;
    } else if (strcmp(name, "keys") == 0) {
        a->keys = value->text;
    } else if (strcmp(name, "identity") == 0) {
        a->identity = value->text;
    } else if (strcmp(name, "context") == 0) {
        a->context = value->text;
    } else if (strcmp(name, "reason") == 0) {
        a->reason = value->text;
    } else if (strcmp(name, "output") == 0) {
        a->format = format_of(value->text);
    } else if (strcmp(name, "timeout") == 0) {
        a->timeout_ms = (uint32_t)value->number;
    } else if (strcmp(name, "watch") == 0) {
        a->watch_ms = value->text != NULL ? (uint32_t)value->number : 2000;
    } else {
        bool *const switches[] = { &a->insecure, &a->dry_run, &a->yes,    &a->quiet,
                                   &a->verbose,  &a->help,    &a->version };
        static const char *const names[] = { "insecure", "dry-run", "yes",    "quiet",
                                             "verbose",  "help",    "version" };
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            *switches[i] = *switches[i] || strcmp(names[i], name) == 0;
        }
    }
    return true;
}

/* ---- words and flags ---- */

static const struct flag *
find_flag(const struct flag *flags, size_t count, const char *name, size_t size)
{
    for (size_t i = 0; i < count && flags[i].name != NULL; i++) {
        bool letter = size == 1 && flags[i].letter == name[0];
        if (letter || (strlen(flags[i].name) == size && memcmp(flags[i].name, name, size) == 0)) {
            return &flags[i];
        }
    }
    return NULL;
}

/* The command that the words so far name, or NULL. Nouns that are commands themselves match with
 * their first word. */
static const struct command *
find_command(const struct reading *r)
{
    for (size_t i = 0; i < command_count && r->word_count != 0; i++) {
        const struct command *c = &commands[i];
        bool alone = c->verb[0] == '\0';
        if (strcmp(c->noun, r->words[0]) == 0 &&
            (alone || (r->word_count > 1 && strcmp(c->verb, r->words[1]) == 0))) {
            return c;
        }
    }
    return NULL;
}

/* Flags of all commands, while it is not known yet which one it is: only whether they take a value
 * matters then. */
static const struct flag *
find_anywhere(const char *name, size_t size)
{
    const struct flag *flag = NULL;
    for (size_t i = 0; i < command_count && flag == NULL; i++) {
        flag = find_flag(commands[i].flags, FLAGS_MAX, name, size);
    }
    return flag;
}

/* The value behind a flag: --name=value, --name value, -nvalue, -n value. */
static bool
take_value(struct reading *r, const struct flag *flag, const char *inlined, const char **text)
{
    *text = inlined;
    if (flag->kind == FLAG_SWITCH) {
        return inlined == NULL || wrong(r, "--%s takes no value", flag->name);
    }
    if (inlined != NULL || flag->kind == FLAG_WATCH) {
        return true;
    }
    if (r->at + 1 >= r->argc) {
        return wrong(r, "--%s needs a value: %s", flag->name, flag->value);
    }
    *text = r->argv[++r->at];
    return true;
}

/* Names the option without its value. */
static bool
unknown_option(struct reading *r, const struct command *command, const char *text)
{
    char name[64];
    size_t size = text[1] == '-' ? strcspn(text, "=") : 2;
    snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name), text);
    struct suggestion s = { .meant = text[1] == '-' ? name + 2 : "" };
    for (size_t i = 0; command != NULL && i < FLAGS_MAX && command->flags[i].name != NULL; i++) {
        suggest(&s, command->flags[i].name);
    }
    for (size_t i = 0; i < global_flag_count; i++) {
        suggest(&s, global_flags[i].name);
    }
    bool near = s.word != NULL;
    if (command == NULL) {
        return wrong(r, "unknown option %s%s%s; `stint help` lists all", shown(r, name),
                     near ? "; did you mean --" : "", near ? s.word : "");
    }
    return wrong(r, "unknown option %s%s%s; see `stint help %s%s%s`", shown(r, name),
                 near ? "; did you mean --" : "", near ? s.word : "", command->noun,
                 command->verb[0] != '\0' ? " " : "", command->verb);
}

static bool
read_flag(struct reading *r, const struct command *command, const char *text)
{
    bool is_long = text[1] == '-';
    const char *name = text + (is_long ? 2 : 1);
    size_t size = is_long ? strcspn(name, "=") : 1;
    const char *inlined = is_long ? (name[size] == '=' ? name + size + 1 : NULL)
                                  : (name[1] != '\0' ? name + 1 : NULL);
    struct flag_value value = { false, NULL, 0 };

    /* -f is the file of an export and follows none: a command's own flags come first. */
    const struct flag *own =
        command != NULL ? find_flag(command->flags, FLAGS_MAX, name, size) : NULL;
    const struct flag *global =
        own == NULL ? find_flag(global_flags, global_flag_count, name, size) : NULL;
    const struct flag *flag = own != NULL ? own : global;
    if (flag == NULL && command == NULL) {
        flag = find_anywhere(name, size);
    }
    if (flag == NULL && command == NULL) {
        r->unknown = text; /* complained of when it is known for which command */
        return true;
    }
    if (flag == NULL) {
        return unknown_option(r, command, text);
    }
    if (!is_long && flag->kind == FLAG_SWITCH && inlined != NULL) {
        return wrong(r, "-%c takes no value: %s", name[0], shown(r, text));
    }
    if (!take_value(r, flag, inlined, &inlined)) {
        return false;
    }
    if (global != NULL && flag == global) {
        uint32_t bit = UINT32_C(1) << (global - global_flags);
        if ((r->given & bit) != 0 && flag->kind != FLAG_SWITCH &&
            strcmp(flag->name, "endpoint") != 0) {
            return wrong(r, "--%s is given twice", flag->name);
        }
        r->given |= bit;
        return set_value(r, flag, &value, inlined) && set_global(r, flag, &value);
    }
    if (own == NULL) {
        return true; /* of the first pass: looked at again when the command is known */
    }
    struct flag_value *slot = &r->local[own - command->flags];
    if (slot->set && own->kind != FLAG_SWITCH) {
        return wrong(r, "--%s is given twice", own->name);
    }
    return set_value(r, own, slot, inlined);
}

/* One pass over the command line. In the first the command is not known yet, and only words are
 * kept. */
static bool
pass(struct reading *r, const struct command *command)
{
    r->word_count = 0;
    r->only_words = false;
    r->given = 0;
    for (r->at = 0; r->at < r->argc; r->at++) {
        const char *text = r->argv[r->at];
        if (!r->only_words && strcmp(text, "--") == 0) {
            r->only_words = true;
        } else if (!r->only_words && text[0] == '-' && text[1] != '\0') {
            if (!read_flag(r, command, text)) {
                return false;
            }
        } else if (r->word_count < sizeof r->words / sizeof r->words[0]) {
            r->words[r->word_count++] = text;
        } else {
            return wrong(r, "too many arguments: %s", shown(r, text));
        }
    }
    return true;
}

static bool
unknown_command(struct reading *r)
{
    char verbs[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].noun, r->words[0]) == 0 && used < sizeof verbs) {
            int put = snprintf(verbs + used, sizeof verbs - used, "%s%s", used != 0 ? ", " : "",
                               commands[i].verb);
            used += put > 0 ? (size_t)put : 0;
        }
    }
    struct suggestion noun = { .meant = r->words[0] };
    struct suggestion verb = { .meant = r->word_count > 1 ? r->words[1] : "" };
    for (size_t i = 0; i < command_count; i++) {
        suggest(&noun, commands[i].noun);
        if (strcmp(commands[i].noun, r->words[0]) == 0) {
            suggest(&verb, commands[i].verb);
        }
    }
    if (verbs[0] == '\0') {
        return wrong(r, "unknown command %s%s%s; `stint help` lists all", shown(r, r->words[0]),
                     noun.word != NULL ? "; did you mean " : "",
                     noun.word != NULL ? noun.word : "");
    }
    r->args->noun = r->words[0];
    if (r->word_count == 1) {
        return wrong(r, "%s what? it is one of %s", r->words[0], verbs);
    }
    if (verb.word != NULL) {
        return wrong(r, "unknown command %s %s; did you mean %s? it is one of %s", r->words[0],
                     shown(r, r->words[1]), verb.word, verbs);
    }
    return wrong(r, "unknown command %s %s; it is one of %s", r->words[0], shown(r, r->words[1]),
                 verbs);
}

static bool
check_words(struct reading *r, const struct command *command)
{
    struct args *a = r->args;
    unsigned names = command->verb[0] == '\0' ? 1 : 2;
    const char *blank = names == 2 ? " " : "";
    a->word_count = r->word_count - names;
    if (a->word_count > command->words_max || a->word_count > WORDS_MAX) {
        const char *word = r->words[names + command->words_max];
        uint64_t ms;
        bool period = a->watch_ms != 0 && args_duration(word, &ms);
        return wrong(r, "%s%s%s: unexpected argument %s%s", command->noun, blank, command->verb,
                     shown(r, word), period ? "; a period is written --watch=D" : "");
    }
    if (a->word_count < command->words_min) {
        return wrong(r, "%s%s%s needs %s; see `stint help %s%s%s`", command->noun, blank,
                     command->verb, command->words, command->noun, blank, command->verb);
    }
    for (unsigned i = 0; i < a->word_count; i++) {
        a->words[i] = r->words[names + i];
        if (a->words[i][0] == '\0') {
            return wrong(r, "%s%s%s: an argument is empty; it takes %s", command->noun, blank,
                         command->verb, command->words);
        }
    }
    return true;
}

bool
args_read(struct args *args, int argc, char **argv, char *error, size_t error_size)
{
    struct reading r = {
        .args = args, .argc = argc, .argv = argv, .error = error, .error_size = error_size
    };
    *args = (struct args){ .format = FORMAT_TABLE };
    error[0] = '\0';
    if (!pass(&r, NULL)) {
        return false;
    }
    const struct command *command = find_command(&r);
    if (command == NULL && r.unknown != NULL) {
        return unknown_option(&r, NULL, r.unknown);
    }
    if (command == NULL) {
        if (args->help || args->version) {
            args->noun = r.word_count != 0 ? r.words[0] : NULL;
            return true;
        }
        return r.word_count != 0 ? unknown_command(&r)
                                 : wrong(&r, "which command? `stint help` lists all");
    }
    *args = (struct args){ .format = FORMAT_TABLE, .command = command, .noun = command->noun };
    if (!pass(&r, command)) {
        return false;
    }
    memcpy(args->flags, r.local, sizeof args->flags);
    if (args->help || args->version) {
        return true;
    }
    if (args->watch_ms != 0 && !command->watches) {
        return wrong(&r, "%s%s%s: --watch is for lists and descriptions", command->noun,
                     command->verb[0] != '\0' ? " " : "", command->verb);
    }
    const char *fault =
        check_words(&r, command) && command->check != NULL ? command->check(args) : NULL;
    if (fault != NULL) {
        bool named = args->word_count != 0;
        return wrong(&r, "%s%s%s%s%s: %s", command->noun, command->verb[0] != '\0' ? " " : "",
                     command->verb, named ? " " : "", named ? shown(&r, args->words[0]) : "",
                     fault);
    }
    return error[0] == '\0';
}

/* ---- questions ---- */

const struct flag_value *
args_flag(const struct args *args, const char *name)
{
    for (size_t i = 0; i < FLAGS_MAX && args->command->flags[i].name != NULL; i++) {
        if (strcmp(args->command->flags[i].name, name) == 0) {
            return &args->flags[i];
        }
    }
    fprintf(stderr, "stint: the command has no flag %s\n", name);
    abort();
}

bool
args_has(const struct args *args, const char *name)
{
    return find_flag(args->command->flags, FLAGS_MAX, name, strlen(name)) != NULL;
}

bool
args_on(const struct args *args, const char *name)
{
    return args_flag(args, name)->set;
}

const char *
args_text(const struct args *args, const char *name)
{
    const struct flag_value *value = args_flag(args, name);
    return value->set ? value->text : NULL;
}

uint64_t
args_number(const struct args *args, const char *name, uint64_t otherwise)
{
    const struct flag_value *value = args_flag(args, name);
    return value->set ? value->number : otherwise;
}
