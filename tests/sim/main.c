/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stint-sim: whole clusters under virtual time, with every fault drawn from a seed. See README.md.
 *
 * Prints the seed first; of a run that fails what is broken, one line that repeats it, and the last events. Exit 0: nothing was
 * found, 1: something was, 2: usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "last_words.h"
#include "mutants.h"
#include "sim.h"

struct settings {
    uint64_t seed, runs;
    int nodes;
    uint32_t ticks;
    enum mutant mutant;
    const char *mutant_name;
    bool trace, twice, quiet;
};

static double
seconds(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
help(void)
{
    printf("usage: stint-sim [--seed N] [--runs N] [--nodes N] [--ticks N] [--mutant NAME] [--trace] [--twice]\n"
           "       stint-sim --list-mutants\n"
           "  --seed N    the first seed (1); without --runs only this one\n"
           "  --runs N    so many seeds, one after the other (100)\n"
           "  --nodes N   2 to 9; else drawn from the seed\n"
           "  --ticks N   of 10 ms of faults; else drawn from the seed\n"
           "  --mutant M  with this mistake in all nodes and clients: exit 1 is what is hoped for\n"
           "  --trace     prints every event\n"
           "  --twice     does every run twice and compares the two\n");
    return 0;
}

static bool
number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end;
    if (text == NULL || *text < '0' || *text > '9') {
        return false;
    }
    *out = strtoull(text, &end, 10);
    return *end == 0 && *out >= least && *out <= most;
}

static int
list_mutants(void)
{
    const struct mutant_description *d;
    for (unsigned i = 0; (d = mutant_each(i)) != NULL; i++) {
        printf("%s\t%s\t%s\n", d->name, d->place, d->bug);
    }
    return 0;
}

/* 0: go on; else the exit code plus 1. */
static int
read_arguments(int argc, char **argv, struct settings *o)
{
    bool seed_given = false, runs_given = false;
    uint64_t value;
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--list-mutants") == 0) {
            return list_mutants() + 1;
        } else if (strcmp(argv[i], "--trace") == 0) {
            o->trace = true;
        } else if (strcmp(argv[i], "--twice") == 0) {
            o->twice = true;
        } else if (strcmp(argv[i], "--help") == 0) {
            return help() + 1;
        } else if (strcmp(argv[i], "--seed") == 0 && number(next, 0, UINT64_MAX, &o->seed)) {
            seed_given = true;
            i++;
        } else if (strcmp(argv[i], "--runs") == 0 && number(next, 1, UINT64_MAX, &o->runs)) {
            runs_given = true;
            i++;
        } else if (strcmp(argv[i], "--nodes") == 0 && number(next, 2, WORLD_NODES_MAX, &value)) {
            o->nodes = (int)value;
            i++;
        } else if (strcmp(argv[i], "--ticks") == 0 && number(next, 1, 100000000, &value)) {
            o->ticks = (uint32_t)value;
            i++;
        } else if (strcmp(argv[i], "--mutant") == 0 && next != NULL && mutant_find(next) != MUTANT_NONE) {
            o->mutant = mutant_find(next);
            o->mutant_name = next;
            i++;
        } else {
            fprintf(stderr, "stint-sim: %s: unknown, or its value is missing or wrong (--help)\n", argv[i]);
            return 2 + 1;
        }
    }
    o->runs = runs_given ? o->runs : seed_given ? 1 : 100;
    return 0;
}

/* What repeats one run, and tells all of it. */
static void
command(const char *program, const struct settings *o, uint64_t seed, char *text, size_t size)
{
    char nodes[24] = "", ticks[24] = "";
    if (o->nodes != 0) {
        (void)snprintf(nodes, sizeof nodes, " --nodes %d", o->nodes);
    }
    if (o->ticks != 0) {
        (void)snprintf(ticks, sizeof ticks, " --ticks %u", o->ticks);
    }
    (void)snprintf(text, size, "%s --seed %llu%s%s%s%s --trace", program, (unsigned long long)seed, nodes, ticks,
                   o->mutant_name != NULL ? " --mutant " : "", o->mutant_name != NULL ? o->mutant_name : "");
}

/* The same seed again, told: what happened, and the line that repeats it. */
static void
report(const char *program, const struct settings *o, const struct plan *plan, const struct sim_result *found)
{
    struct sim_result again;
    char again_text[400];
    printf("seed %llu: %s does not hold: %s\n", (unsigned long long)plan->seed, found->invariant, found->fault);
    plan_print(plan);
    command(program, o, plan->seed, again_text, sizeof again_text);
    printf("again: %s\n", again_text);
    if (!o->trace) {
        sim_run(plan, o->mutant, false, true, &again);
        if (again.hash != found->hash) {
            printf("the run is another one when it is repeated: hash %016llx, then %016llx\n",
                   (unsigned long long)found->hash, (unsigned long long)again.hash);
        }
    }
}

int
main(int argc, char **argv)
{
    struct settings o = { .seed = 1 };
    int code = read_arguments(argc, argv, &o);
    if (code != 0) {
        return code - 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    last_words_begin();
    printf("seed %llu", (unsigned long long)o.seed);
    printf(o.runs == 1 ? "\n" : " to %llu\n", (unsigned long long)(o.seed + o.runs - 1));
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t virtual_ns = 0, events = 0, moves = 0, hash = 0;
    for (uint64_t k = 0; k < o.runs; k++) {
        struct plan plan;
        struct sim_result result, second;
        char again[400];
        plan_draw(&plan, o.seed + k, o.nodes, o.ticks);
        if (o.trace) {
            plan_print(&plan);
        }
        command(argv[0], &o, plan.seed, again, sizeof again);
        last_words_run(plan.seed, again);
        sim_run(&plan, o.mutant, o.trace, o.trace, &result);
        if (!result.good) {
            report(argv[0], &o, &plan, &result);
            return 1;
        }
        if (o.twice) {
            sim_run(&plan, o.mutant, false, false, &second);
            if (second.hash != result.hash) {
                printf("seed %llu: not the same run twice: hash %016llx, then %016llx\n", (unsigned long long)plan.seed,
                       (unsigned long long)result.hash, (unsigned long long)second.hash);
                return 1;
            }
        }
        virtual_ns += result.virtual_ns;
        events += result.events;
        moves += result.moves;
        hash = hash * 31 + result.hash;
        if (o.runs >= 1000 && (k + 1) % (o.runs / 10) == 0) {
            printf("%llu runs\n", (unsigned long long)(k + 1));
        }
    }
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = seconds(CLOCK_MONOTONIC) - wall;
    printf("%llu runs, nothing found: %.0f s of virtual time in %.1f s (%.1f s of one core): %.0f times real time; %llu events, "
           "%llu moves; hash %016llx\n",
           (unsigned long long)o.runs, (double)virtual_ns / 1e9, wall, cpu, (double)virtual_ns / 1e9 / cpu,
           (unsigned long long)events, (unsigned long long)moves, (unsigned long long)hash);
    return 0;
}
