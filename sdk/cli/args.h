/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: words that name a command, its arguments, its flags and the global ones, in any
 * order. Everything is checked here, so that handlers see only values that make sense.
 */
#ifndef STINT_CLI_ARGS_H
#define STINT_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;

enum flag_kind {
    FLAG_SWITCH,
    FLAG_TEXT,
    FLAG_NUMBER,   /* min to max */
    FLAG_RATE,     /* N or N/s */
    FLAG_DURATION, /* 500ms 5s 2m 1h; value in ms */
    FLAG_CHOICE,   /* one of the words in `choices` */
    FLAG_WATCH,    /* a switch that may have =DURATION */
};

struct flag {
    const char *name; /* without -- */
    char letter;      /* 0: none */
    enum flag_kind kind;
    const char *value; /* how help names it */
    const char *help;
    uint64_t min, max;
    const char *choices; /* separated by | */
};

enum { FLAGS_MAX = 10, WORDS_MAX = 4, ENDPOINTS_MAX = 16 };

enum command_needs {
    NEEDS_NOTHING,
    NEEDS_CLIENT,
    NEEDS_CLIENT_UNLESS_FILE, /* its first argument may be a file */
};

enum command_destroys { DESTROYS_NOTHING, DESTROYS_ALWAYS, DESTROYS_WITH_SELECTOR };

struct args;

struct command {
    const char *noun;
    const char *verb;  /* "": the noun alone is the command */
    const char *words; /* its arguments, as help shows them */
    unsigned words_min, words_max;
    struct flag flags[FLAGS_MAX]; /* ended by one without a name */
    const char *help;
    const char *example; /* one command line, as a shell takes it */
    enum command_needs needs;
    enum command_destroys destroys;
    bool watches; /* --watch makes sense */
    const char *(*check)(
        const struct args *args); /* what belongs together; NULL or what is wrong */
    int (*run)(struct cli *cli);
};

enum format { FORMAT_TABLE, FORMAT_WIDE, FORMAT_JSON, FORMAT_JSONL, FORMAT_NAME };

struct flag_value {
    bool set;
    const char *text;
    uint64_t number;
};

struct args {
    const struct command *command; /* NULL: only help or version was asked for */
    const char *noun;              /* the first word, if it is a noun: for help on it */
    const char *words[WORDS_MAX];
    unsigned word_count;
    struct flag_value flags[FLAGS_MAX];

    const char *endpoints[ENDPOINTS_MAX];
    unsigned endpoint_count;
    const char *keys;
    const char *identity;
    const char *context;
    const char *reason;
    enum format format;
    uint32_t timeout_ms; /* 0: not given */
    uint32_t watch_ms;   /* 0: not asked for */
    bool insecure, dry_run, yes, quiet, verbose, help, version;
};

/* False with one line in `error` (no "stint: ", no exit code). Points into argv. */
bool args_read(struct args *args, int argc, char **argv, char *error, size_t error_size);

/* The value of a flag of the command; an unknown name is a mistake of the program. */
const struct flag_value *args_flag(const struct args *args, const char *name);
bool args_has(const struct args *args, const char *name); /* the command knows it */
bool args_on(const struct args *args, const char *name);
const char *args_text(const struct args *args, const char *name); /* NULL: not given */
uint64_t args_number(const struct args *args, const char *name, uint64_t otherwise);

/* "500ms", "5s", "2m", "1h": at least 1 ms, at most a day. */
bool args_duration(const char *text, uint64_t *ms);

/* ---- commands.c ---- */

extern const struct command commands[];
extern const size_t command_count;
extern const struct flag global_flags[];
extern const size_t global_flag_count;

#endif
