/* SPDX-License-Identifier: Apache-2.0 */
#include "cases.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct case_list *list;
    const char *file;
    unsigned line;
    struct order_case shared;   /* its actors are those of `shared` */
    struct order_case *current; /* the case being read, or &shared; NULL at the file's begin */
    char *last;                 /* the text that a line with a space in front goes on with */
};

static bool
complain(const struct reader *r, const char *what, const char *of)
{
    fprintf(stderr, "orders/%s:%u: %s %s\n", r->file, r->line, what, of);
    return false;
}

/* A case is read: is it whole? */
static bool
finish_case(const struct reader *r)
{
    const struct order_case *c = r->current;
    if (c == NULL || c == &r->shared) {
        return true;
    }
    if (case_script(c, "main") == NULL || c->order[0] == 0) {
        return complain(r, "no main or no order in case", c->name);
    }
    return true;
}

static bool
begin_case(struct reader *r, const char *name)
{
    struct case_list *list = r->list;
    if (!finish_case(r)) {
        return false;
    }
    if (name[0] == 0 || strlen(name) >= CASE_NAME_SIZE || cases_find(list, name) != NULL) {
        return complain(r, "no good name, or there twice:", name);
    }
    struct order_case *cases = realloc(list->cases, (list->count + 1) * sizeof *cases);
    if (cases == NULL) {
        return complain(r, "no memory for", name);
    }
    list->cases = cases;
    r->current = &cases[list->count++];
    *r->current = r->shared;
    snprintf(r->current->name, sizeof r->current->name, "%s", name);
    snprintf(r->current->file, sizeof r->current->file, "%s", r->file);
    r->current->line = r->line;
    r->last = NULL;
    return true;
}

static bool
append(const struct reader *r, char *text, const char *more)
{
    size_t used = strlen(text);
    size_t room = CASE_TEXT_SIZE - used;
    int written = snprintf(text + used, room, "%s%s", used == 0 ? "" : " ", more);
    return (written >= 0 && (size_t)written < room) || complain(r, "too long:", more);
}

/* "name: text" */
static bool
read_text(struct reader *r, char *line)
{
    size_t length = strcspn(line, ": ");
    if (line[length] != ':' || line[length + 1] != ' ' || r->current == NULL) {
        return complain(r, "not understood:", line);
    }
    line[length] = 0;
    struct order_case *c = r->current;
    if (strcmp(line, "order") == 0) {
        if (c == &r->shared || c->order[0] != 0) {
            return complain(r, "one order for one case", "");
        }
        r->last = c->order;
    } else {
        if (c->actor_count == CASE_ACTORS || length >= sizeof c->actors[0].name) {
            return complain(r, "too many actors, or a long name:", line);
        }
        struct case_actor *actor = &c->actors[c->actor_count++];
        memcpy(actor->name, line, length + 1);
        actor->script[0] = 0;
        r->last = actor->script;
    }
    return append(r, r->last, line + length + 2);
}

static bool
read_line(struct reader *r, char *line)
{
    line[strcspn(line, "\n")] = 0;
    if (line[0] == 0 || line[0] == '#') {
        return true;
    }
    if (line[0] == ' ') {
        return r->last == NULL ? complain(r, "goes on with nothing:", line)
                               : append(r, r->last, line + strspn(line, " "));
    }
    if (strcmp(line, "shared") == 0) {
        bool whole = finish_case(r);
        memset(&r->shared, 0, sizeof r->shared);
        r->current = &r->shared;
        r->last = NULL;
        return whole;
    }
    return strncmp(line, "case ", 5) == 0 ? begin_case(r, line + 5) : read_text(r, line);
}

static bool
read_file(struct case_list *list, const char *path)
{
    struct reader r = { .list = list, .file = strrchr(path, '/') + 1 };
    char line[1000];
    bool good = true;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return complain(&r, "cannot be read", "");
    }
    while (good && fgets(line, sizeof line, file) != NULL) {
        r.line++;
        good = read_line(&r, line);
    }
    fclose(file);
    return good && finish_case(&r);
}

bool
cases_read(struct case_list *list, const char *folder)
{
    char pattern[500];
    glob_t found;
    *list = (struct case_list){ NULL, 0 };
    snprintf(pattern, sizeof pattern, "%s/orders/*.txt", folder);
    if (glob(pattern, 0, NULL, &found) != 0) {
        fprintf(stderr, "%s: no cases there\n", pattern);
        return false;
    }
    bool good = true;
    for (size_t i = 0; good && i < found.gl_pathc; i++) {
        good = read_file(list, found.gl_pathv[i]);
    }
    globfree(&found);
    return good;
}

void
cases_free(struct case_list *list)
{
    free(list->cases);
    *list = (struct case_list){ NULL, 0 };
}

const char *
case_script(const struct order_case *c, const char *actor)
{
    for (unsigned i = c->actor_count; i-- > 0;) {
        const char *name = c->actors[i].name;
        size_t length = strlen(name);
        bool pattern = name[length - 1] == '*';
        if (strcmp(name, actor) == 0 || (pattern && strncmp(name, actor, length - 1) == 0)) {
            return c->actors[i].script;
        }
    }
    return NULL;
}

const struct order_case *
cases_find(const struct case_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->cases[i].name, name) == 0) {
            return &list->cases[i];
        }
    }
    return NULL;
}
