/* SPDX-License-Identifier: Apache-2.0 */
#include "flags.h"

#include <string.h>

static enum flags_result
wrong(char *error, size_t error_size, const char *what, const char *argument)
{
    (void)snprintf(error, error_size, "%s '%.100s'; see stintd --help", what, argument);
    return FLAGS_WRONG;
}

static enum flags_result
unknown(char *error, size_t error_size, const char *argument, size_t size)
{
    enum settings_key near = settings_suggest(argument + 2, size);
    if (near == KEY_COUNT) {
        return wrong(error, error_size, "unknown option", argument);
    }
    (void)snprintf(error, error_size,
                   "unknown option '%.100s', did you mean --%s?; see stintd --help",
                   argument, settings_row(near)->name);
    return FLAGS_WRONG;
}

/* One argument and, where it needs one, the value behind it; *index moves over what was
 * used. */
static enum flags_result
read_one(struct settings *s, int argc, char **argv, int *index, char *error,
         size_t error_size)
{
    const char *argument = argv[*index];
    if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
        return FLAGS_HELP;
    }
    if (strcmp(argument, "--version") == 0) {
        return FLAGS_VERSION;
    }
    if (strcmp(argument, "--check") == 0) {
        s->check = true;
        return FLAGS_OK;
    }
    if (strncmp(argument, "--", 2) != 0) {
        return wrong(error, error_size,
                     argument[0] == '-' ? "unknown option" : "unexpected argument",
                     argument);
    }
    const char *name = argument + 2;
    size_t size = strcspn(name, "=");
    enum settings_key key = settings_find(name, size);
    if (key == KEY_COUNT) {
        return unknown(error, error_size, argument, size);
    }
    const char *value = name[size] == '=' ? name + size + 1 : NULL;
    if (settings_row(key)->kind == KIND_SWITCH) {
        value = value == NULL ? "yes" : value;
    } else if (value == NULL) {
        if (*index + 1 == argc) {
            return wrong(error, error_size, "no value after", argument);
        }
        value = argv[++*index];
    }
    char reason[SETTINGS_ERROR_SIZE - 64];
    if (!settings_set(s, key, value, SOURCE_FLAG, 0, reason, sizeof reason)) {
        (void)snprintf(error, error_size, "--%s: %s", settings_row(key)->name, reason);
        return FLAGS_WRONG;
    }
    return FLAGS_OK;
}

enum flags_result
flags_read(struct settings *s, int argc, char **argv, char *error, size_t error_size)
{
    for (int i = 1; i < argc; i++) {
        enum flags_result result = read_one(s, argc, argv, &i, error, error_size);
        if (result != FLAGS_OK) {
            return result;
        }
    }
    return FLAGS_OK;
}

/* Splits at commas into the storage; each piece becomes a value. */
static bool
set_pieces(struct settings *s, enum settings_key key, const char *value,
           struct flags_storage *storage, char *error, size_t error_size)
{
    size_t size = strlen(value) + 1;
    if (size > sizeof storage->bytes - storage->used) {
        (void)snprintf(error, error_size,
                       "too long: all lists together may have %zu bytes",
                       sizeof storage->bytes);
        return false;
    }
    char *piece = memcpy(storage->bytes + storage->used, value, size);
    storage->used += size;
    for (;;) {
        size_t length = strcspn(piece, ",");
        bool last = piece[length] == '\0';
        piece[length] = '\0';
        if (!settings_set(s, key, piece, SOURCE_ENVIRONMENT, 0, error, error_size)) {
            return false;
        }
        if (last) {
            return true;
        }
        piece += length + 1;
    }
}

bool
flags_environment(struct settings *s, const char *(*get)(const char *name),
                  struct flags_storage *storage, char *error, size_t error_size)
{
    char reason[SETTINGS_ERROR_SIZE - 64];
    for (enum settings_key key = 0; key < KEY_COUNT; key++) {
        char variable[64];
        settings_variable(key, variable, sizeof variable);
        const char *value = get(variable);
        if (value == NULL || value[0] == '\0') {
            continue;
        }
        bool ok = settings_row(key)->kind == KIND_LIST
                      ? set_pieces(s, key, value, storage, reason, sizeof reason)
                      : settings_set(s, key, value, SOURCE_ENVIRONMENT, 0, reason,
                                     sizeof reason);
        if (!ok) {
            (void)snprintf(error, error_size, "%s: %s", variable, reason);
            return false;
        }
    }
    return true;
}

void
flags_help(FILE *out)
{
    (void)fputs("usage: stintd [OPTION]...\n"
                "Runs one node of a Stint cluster.\n\n",
                out);
    for (enum settings_key key = 0; key < KEY_COUNT; key++) {
        const struct settings_row *row = settings_row(key);
        char left[64];
        (void)snprintf(left, sizeof left, "--%s%s%s", row->name,
                       row->value == NULL ? "" : " ",
                       row->value == NULL ? "" : row->value);
        (void)fprintf(out, "  %-36s %s\n", left, row->help);
    }
    (void)fputs(
        "  --check                              look at settings, keys, data and modules; exit 0 or 2\n"
        "  --help                               this text\n"
        "  --version                            the version\n\n"
        "Each option is also a line of the config file ('drain-timeout = 30s') and a "
        "variable\n"
        "of the environment (STINT_DRAIN_TIMEOUT; lists are comma separated). A flag "
        "wins\n"
        "over the environment, the environment over the config file; of a flag that is given\n"
        "twice and is not repeatable, the last.\n\n"
        "SIGTERM: move tasklets away, leave, exit; a second one: leave at once. "
        "SIGHUP: reload\n"
        "keys and log level. Exit: 0 left in order, 1 failed, 2 wrong settings, 3 cannot join,\n"
        "4 removed by the other members.\n",
        out);
}
