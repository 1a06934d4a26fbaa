/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of the table is `| id | cases | what it is or why not |`. The cases are separated by `; `, one
 * that ends with `*` stands for all that begin so; `-` says that there is none, and then the third
 * column says why. A case may prove several rules.
 */
#include "rules.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RULES_MAX = 120, REASON_MIN = 20 };

static const struct {
    const char *prefix;
    unsigned count;
} families[] = { { "DM-", 7 }, { "TK-", 13 }, { "R", 5 }, { "N", 3 }, { "CH-", 15 }, { "SC-", 7 }, { "WD-", 11 },
    { "DL-", 6 }, { "KL-", 11 }, { "K", 7 } };

/* The tables of a.3 that have no number. */
static const char *const tables[] = { "CH-exchange", "CH-completion", "CH-stream" };

struct rules {
    const struct case_list *list;
    char ids[RULES_MAX][16];
    unsigned rows[RULES_MAX]; /* how many each has */
    unsigned count;
    bool *named; /* of each case: a row names it */
    unsigned faults;
};

static void
fault(struct rules *r, const char *what, const char *of)
{
    r->faults++;
    fprintf(stderr, "README.md: %s: %s\n", what, of);
}

static void
expect_all(struct rules *r)
{
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        for (unsigned n = 1; n <= families[f].count; n++) {
            snprintf(r->ids[r->count++], sizeof r->ids[0], "%s%u", families[f].prefix, n);
        }
    }
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        snprintf(r->ids[r->count++], sizeof r->ids[0], "%s", tables[t]);
    }
}

/* Whether the case's name begins with that id. */
static bool
is_of(const struct order_case *c, const char *id)
{
    size_t length = strlen(id);
    return strncmp(c->name, id, length) == 0 && (c->name[length] == 0 || c->name[length] == ' ');
}

/* Marks the cases that a row names; how many. */
static unsigned
name_cases(struct rules *r, const char *pattern)
{
    unsigned found = 0;
    size_t length = strlen(pattern);
    bool many = length > 0 && pattern[length - 1] == '*';
    for (size_t i = 0; i < r->list->count; i++) {
        const char *name = r->list->cases[i].name;
        if (many ? strncmp(name, pattern, length - 1) == 0 : strcmp(name, pattern) == 0) {
            r->named[i] = true;
            found++;
        }
    }
    return found;
}

static void
check_row(struct rules *r, const char *id, char *cases, const char *text)
{
    unsigned at = 0;
    while (at < r->count && strcmp(r->ids[at], id) != 0) {
        at++;
    }
    if (at == r->count) {
        fault(r, "no such rule", id);
        return;
    }
    r->rows[at]++;
    if (strcmp(cases, "-") != 0) {
        for (char *name = cases; name != NULL;) {
            char *next = strstr(name, "; ");
            if (next != NULL) {
                *next = 0;
                next += 2;
            }
            if (name_cases(r, name) == 0) {
                fault(r, "there is no case", name);
            }
            name = next;
        }
        return;
    }
    if (strlen(text) < REASON_MIN) {
        fault(r, "not covered, and no reason", id);
    }
    for (size_t i = 0; i < r->list->count; i++) {
        if (is_of(&r->list->cases[i], id)) {
            fault(r, "it is covered after all", r->list->cases[i].name);
        }
    }
}

/* Cuts "| a | b | c |" into its three columns; false: it is no such line. */
static bool
split(char *line, char *columns[3])
{
    if (strncmp(line, "| ", 2) != 0) {
        return false;
    }
    char *at = line + 2;
    for (int i = 0; i < 3; i++) {
        columns[i] = at;
        char *end = strstr(at, " |");
        if (end == NULL) {
            return false;
        }
        *end = 0;
        at = end + 3;
    }
    return true;
}

/* Each case belongs to a rule by its name, and a row names it. */
static void
check_cases(struct rules *r)
{
    for (size_t i = 0; i < r->list->count; i++) {
        const struct order_case *c = &r->list->cases[i];
        unsigned at = 0;
        while (at < r->count && !is_of(c, r->ids[at])) {
            at++;
        }
        if (at == r->count) {
            fault(r, "a case whose name begins with no rule", c->name);
        }
        if (!r->named[i]) {
            fault(r, "no rule names the case", c->name);
        }
    }
}

unsigned
rules_check(const char *path, const struct case_list *list)
{
    struct rules r = { .list = list, .named = calloc(list->count, sizeof(bool)) };
    char line[1000];
    char *columns[3];
    FILE *file = fopen(path, "r");
    if (file == NULL || r.named == NULL) {
        fprintf(stderr, "%s cannot be read\n", path);
        free(r.named);
        return 1;
    }
    expect_all(&r);
    while (fgets(line, sizeof line, file) != NULL) {
        if (split(line, columns) && isupper((unsigned char)columns[0][0])) {
            check_row(&r, columns[0], columns[1], columns[2]);
        }
    }
    fclose(file);
    for (unsigned i = 0; i < r.count; i++) {
        if (r.rows[i] != 1) {
            fault(&r, r.rows[i] == 0 ? "the rule is missing" : "the rule is there twice", r.ids[i]);
        }
    }
    check_cases(&r);
    free(r.named);
    return r.faults;
}
