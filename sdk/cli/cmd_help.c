/* SPDX-License-Identifier: Apache-2.0 */
/* What the table of commands says, for people and for programs. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "help_topics.h"

int
cmd_version(struct cli *cli)
{
    out_object(&cli->out, "version");
    if (out_is_table(&cli->out)) {
        out_line(&cli->out, "stint %s", stint_client_version());
        return EXIT_DONE;
    }
    out_text(&cli->out, "version", stint_client_version());
    out_object_end(&cli->out);
    return EXIT_DONE;
}

static void
put_flag(FILE *out, const struct flag *flag)
{
    char left[64];
    char letter[8] = "";
    if (flag->letter != 0) {
        snprintf(letter, sizeof letter, "-%c, ", flag->letter);
    }
    bool watch = flag->kind == FLAG_WATCH;
    snprintf(left, sizeof left, "%s--%s%s%s%s", letter, flag->name,
             flag->value[0] == '\0' ? ""
             : watch                ? "[="
                                    : " ",
             flag->value, watch ? "]" : "");
    fprintf(out, "  %-22s %s\n", left, flag->help);
}

static void
put_usage(FILE *out, const struct command *c)
{
    fprintf(out, "stint %s%s%s%s%s", c->noun, c->verb[0] != '\0' ? " " : "", c->verb,
            c->words[0] != '\0' ? " " : "", c->words);
    for (size_t i = 0; i < FLAGS_MAX && c->flags[i].name != NULL; i++) {
        const struct flag *f = &c->flags[i];
        fprintf(out, f->value[0] != '\0' ? " [--%s %s]" : " [--%s]", f->name, f->value);
    }
    fputc('\n', out);
}

static void
put_globals(FILE *out)
{
    fputs("\nOptions, before or after the command:\n", out);
    for (size_t i = 0; i < global_flag_count; i++) {
        put_flag(out, &global_flags[i]);
    }
}

static void
put_command(FILE *out, const struct command *c)
{
    fputs("usage: ", out);
    put_usage(out, c);
    fprintf(out, "\n%s\n", c->help);
    for (size_t i = 0; i < FLAGS_MAX && c->flags[i].name != NULL; i++) {
        if (i == 0) {
            fputc('\n', out);
        }
        put_flag(out, &c->flags[i]);
    }
    if (c->destroys != DESTROYS_NOTHING) {
        fprintf(out, "\nIt asks first%s; off a terminal it demands --yes.\n",
                c->destroys == DESTROYS_WITH_SELECTOR ? " with --selector" : "");
    }
    fprintf(out, "\nExample:\n  %s\n", c->example);
    put_globals(out);
}

static void
put_line(FILE *out, const struct command *c)
{
    char left[64];
    snprintf(left, sizeof left, "%s%s%s%s%s", c->noun, c->verb[0] != '\0' ? " " : "", c->verb,
             c->words[0] != '\0' ? " " : "", c->words);
    fprintf(out, "  %-34s %s\n", left, c->help);
}

static void
put_all(FILE *out, const char *noun)
{
    fputs("usage: stint [OPTION]... COMMAND [ARGUMENT]...\n\nCommands:\n", out);
    for (size_t i = 0; i < command_count; i++) {
        if (noun == NULL || strcmp(noun, commands[i].noun) == 0) {
            put_line(out, &commands[i]);
        }
    }
    put_globals(out);
    if (noun != NULL) {
        fprintf(out, "\n`stint help %s VERB` has more on one of them.\n", noun);
        return;
    }
    fputs("\nMore: `stint help COMMAND`, with an example of each, and\n", out);
    for (size_t i = 0; help_topic_at(i) != NULL; i++) {
        fprintf(out, "  help %-29s %s\n", help_topic_at(i)->name, help_topic_at(i)->title);
    }
    fputs("\nTasklets, channels and moves are named by any unique prefix of their id, nodes and "
          "channels also by name.\n",
          out);
}

static int
no_such_command(const char *noun, const char *verb)
{
    char object[96];
    snprintf(object, sizeof object, "%.40s%s%.40s", noun, verb != NULL ? " " : "",
             verb != NULL ? verb : "");
    return cli_fail_exit(EXIT_USAGE, "help on", object,
                         "there is no such command or topic; `stint help` lists all");
}

/* ---- for programs: man pages, completions and tests are made from it ---- */

static void
put_flag_json(struct text *json, const struct flag *flag)
{
    static const char *const kinds[] = { "switch",   "text",   "number", "rate",
                                         "duration", "choice", "watch" };
    char letter[2] = { flag->letter, '\0' };
    text_print(json, "%s{\"name\":", json->size > 1 ? "," : "");
    text_json(json, flag->name);
    text_print(json, ",\"letter\":");
    text_json(json, flag->letter != 0 ? letter : NULL);
    text_print(json, ",\"kind\":\"%s\",\"value\":", kinds[flag->kind]);
    text_json(json, flag->value);
    text_print(json, ",\"help\":");
    text_json(json, flag->help);
    text_print(json, ",\"min\":%llu,\"max\":%llu,\"choices\":", (unsigned long long)flag->min,
               (unsigned long long)flag->max);
    text_json(json, flag->choices);
    text_print(json, "}");
}

static void
put_flags_json(struct out *out, const struct flag *flags, size_t count)
{
    struct text json = { .data = NULL };
    text_add(&json, "[", 1);
    for (size_t i = 0; i < count && flags[i].name != NULL; i++) {
        put_flag_json(&json, &flags[i]);
    }
    text_add(&json, "]", 1);
    out_json(out, "flags", text_or_empty(&json), "");
    out->failed = out->failed || json.failed;
    text_free(&json);
}

/* The table as it is; its first item, a command without a name, has the options of all. */
static void
put_command_item(struct out *out, const struct command *c)
{
    static const char *const needs[] = { "nothing", "cluster", "cluster unless a file" };
    static const char *const destroys[] = { "nothing", "always", "with --selector" };
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", c->noun, c->verb[0] != '\0' ? " " : "", c->verb);
    out_item(out);
    out_text(out, "command", name);
    out_text(out, "words", c->words);
    out_number(out, "words_min", c->words_min);
    out_number(out, "words_max", c->words_max);
    out_text(out, "help", c->help);
    out_text(out, "example", c->example);
    out_text(out, "needs", needs[c->needs]);
    out_text(out, "destroys", destroys[c->destroys]);
    out_bool(out, "watches", c->watches);
    if (c->noun[0] == '\0') {
        put_flags_json(out, global_flags, global_flag_count);
    } else {
        put_flags_json(out, c->flags, FLAGS_MAX);
    }
    out_item_end(out);
}

static int
put_command_items(struct cli *cli, const char *noun, const char *verb)
{
    static const struct command all = {
        .noun = "", .verb = "", .words = "", .help = "", .example = ""
    };
    size_t shown = 0;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        if ((noun != NULL && strcmp(noun, c->noun) != 0) ||
            (verb != NULL && strcmp(verb, c->verb) != 0)) {
            continue;
        }
        if (shown++ == 0) {
            out_list(&cli->out, "", "", "command");
        }
        if (noun == NULL && i == 0 && cli->out.format != FORMAT_NAME) {
            put_command_item(&cli->out, &all);
        }
        put_command_item(&cli->out, c);
    }
    if (shown == 0) {
        return no_such_command(noun, verb);
    }
    out_list_end(&cli->out, false);
    return EXIT_DONE;
}

int
cmd_help(struct cli *cli)
{
    FILE *out = cli->out.stream;
    const struct args *args = cli->args;
    bool command_help = args->command != NULL && args->command->run == cmd_help && !args->help;
    const char *noun = command_help ? (args->word_count != 0 ? args->words[0] : NULL) : args->noun;
    const char *verb = command_help && args->word_count == 2 ? args->words[1] : NULL;
    if (!command_help && args->command != NULL) {
        put_command(out, args->command);
        return EXIT_DONE;
    }
    if (command_help && !out_is_table(&cli->out)) {
        return put_command_items(cli, noun, verb);
    }
    bool known = noun == NULL;
    for (size_t i = 0; i < command_count && noun != NULL; i++) {
        bool same = strcmp(commands[i].noun, noun) == 0;
        known = known || same;
        if (same && (commands[i].verb[0] == '\0' ||
                     (verb != NULL && strcmp(commands[i].verb, verb) == 0))) {
            put_command(out, &commands[i]);
            return EXIT_DONE;
        }
    }
    const struct help_topic *topic = !known && verb == NULL ? help_topic_find(noun) : NULL;
    if (topic != NULL) {
        fputs(topic->text, out);
        return EXIT_DONE;
    }
    if (!known || verb != NULL) {
        return no_such_command(noun, verb);
    }
    put_all(out, noun);
    return EXIT_DONE;
}
