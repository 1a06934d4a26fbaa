/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conformance                     all cases, each a test of its own
 * conformance --file channels     those of orders/channels.txt
 * conformance 'CH-5 block trap'   those of these names
 * conformance --list              the names
 * conformance --rules             whether README.md tells the truth about them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors.h"
#include "cases.h"
#include "rules.h"

static const char *program;

static void
test_case(void **state)
{
    const struct order_case *c = *state;
    struct outcome outcome;
    actors_run(c, &outcome);
    if (outcome.problem[0] != 0 || strcmp(outcome.order, c->order) != 0) {
        fail_msg("%s (orders/%s:%u)%s%s\n  expected: %s\n  got:      %s\n  again:    %s '%s'", c->name, c->file,
            c->line, outcome.problem[0] == 0 ? "" : ": ", outcome.problem, c->order, outcome.order, program,
            c->name);
    }
}

static int
run(const struct order_case **cases, size_t count)
{
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    if (tests == NULL) {
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        tests[i].name = cases[i]->name;
        tests[i].test_func = test_case;
        tests[i].initial_state = (void *)(uintptr_t)cases[i];
    }
    int failed = _cmocka_run_group_tests("conformance", tests, count, NULL, NULL);
    free(tests);
    return failed == 0 ? 0 : 1;
}

/* Those of a file, of names, or all; NULL after a sentence on stderr. */
static const struct order_case **
choose(const struct case_list *list, int argc, char **argv, size_t *count)
{
    const struct order_case **chosen = calloc(list->count + (size_t)argc, sizeof(void *));
    bool by_file = argc == 3 && strcmp(argv[1], "--file") == 0;
    *count = 0;
    for (size_t i = 0; chosen != NULL && i < list->count && (argc == 1 || by_file); i++) {
        const char *file = list->cases[i].file;
        if (!by_file || (strncmp(file, argv[2], strlen(argv[2])) == 0 && file[strlen(argv[2])] == '.')) {
            chosen[(*count)++] = &list->cases[i];
        }
    }
    for (int i = 1; chosen != NULL && i < argc && !by_file; i++) {
        chosen[*count] = cases_find(list, argv[i]);
        if (chosen[(*count)++] == NULL) {
            fprintf(stderr, "no case %s; --list shows them\n", argv[i]);
            free(chosen);
            return NULL;
        }
    }
    if (chosen != NULL && *count == 0) {
        fprintf(stderr, "no case chosen\n");
        free(chosen);
        return NULL;
    }
    return chosen;
}

int
main(int argc, char **argv)
{
    struct case_list list;
    int result = 1;
    program = argv[0];
    if (!cases_read(&list, CONFORMANCE_DIR)) {
        cases_free(&list);
        return 2;
    }
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < list.count; i++) {
            printf("%s\n", list.cases[i].name);
        }
        result = 0;
    } else if (argc == 2 && strcmp(argv[1], "--rules") == 0) {
        result = rules_check(CONFORMANCE_DIR "/README.md", &list) == 0 ? 0 : 1;
    } else {
        size_t count;
        const struct order_case **chosen = choose(&list, argc, argv, &count);
        result = chosen == NULL ? 2 : run(chosen, count);
        free(chosen);
    }
    cases_free(&list);
    return result;
}
