/* SPDX-License-Identifier: Apache-2.0 */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
run_case(const char *program, uint64_t seed, bool verbose, const struct world_case *one, void (*describe)(void))
{
    struct world *w = world_new(seed, NULL);
    world_verbose(w, verbose);
    bool passed = one->run(w);
    printf("%s %s\n", passed ? "ok  " : "FAIL", one->name);
    if (!passed) {
        if (describe != NULL) {
            describe();
        }
        printf("again: %s --seed %llu --verbose %s\n", program, (unsigned long long)seed, one->name);
    }
    world_free(w);
    return passed;
}

int
world_cases(int argc, char **argv, const struct world_case *cases, size_t count, void (*describe)(void))
{
    uint64_t seed = 1;
    bool verbose = false, good = true;
    size_t ran = 0;
    const char *only = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--verbose") == 0) {
            verbose = true;
        } else {
            only = argv[i];
        }
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < count; i++) {
        if (only == NULL || strcmp(only, cases[i].name) == 0) {
            good = run_case(argv[0], seed, verbose, &cases[i], describe) && good;
            ran++;
        }
    }
    if (ran == 0) {
        fprintf(stderr, "%s: there is no case %s\n", argv[0], only);
        return 2;
    }
    return good ? 0 : 1;
}
