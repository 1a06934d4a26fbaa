/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden orders as they stand in orders/<file>.txt. A case is its name, the scripts of its actors and
 * the order in which things are logged:
 *
 *     shared                       actors of all cases that follow, up to the next `shared`
 *     t*: log yield log'           the script of t1, t2 ...
 *
 *     case R4                      the name begins with the rule's id
 *     main: new:t1 new:t2 ...      `main` is started, the rest starts by its words
 *       runall log:END             a line that begins with a space goes on
 *     order: t2 MAIN ...
 *
 * `#` begins a comment line. Of two lines for one actor the later one counts. The words are explained
 * in README.md.
 */
#ifndef STINT_TESTS_CONFORMANCE_CASES_H
#define STINT_TESTS_CONFORMANCE_CASES_H

#include <stdbool.h>
#include <stddef.h>

enum { CASE_ACTORS = 16, CASE_NAME_SIZE = 80, CASE_TEXT_SIZE = 400 };

struct case_actor {
    char name[12];
    char script[CASE_TEXT_SIZE];
};

struct order_case {
    char name[CASE_NAME_SIZE];
    char file[40];
    unsigned line;
    unsigned actor_count;
    struct case_actor actors[CASE_ACTORS];
    char order[CASE_TEXT_SIZE];
};

struct case_list {
    struct order_case *cases;
    size_t count;
};

/* Reads all files orders/<x>.txt below `folder`, by name. False after a sentence on stderr: a line that
 * is none, a case without main or order, a name that is there twice. */
bool cases_read(struct case_list *list, const char *folder);
void cases_free(struct case_list *list);

/* The script of an actor: of that name, or of a pattern like "t*". NULL: none. */
const char *case_script(const struct order_case *c, const char *actor);

/* The case of that name, or NULL. */
const struct order_case *cases_find(const struct case_list *list, const char *name);

#endif
