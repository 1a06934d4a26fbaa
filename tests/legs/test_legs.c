/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots at every dispatch boundary (PK-7): each program runs undisturbed, then once for each
 * boundary with its first tasklet pickled there and loaded into a new kernel, once for each with
 * all its tasklets so, and once with all of them at every boundary; the output is always that of
 * golden.txt.
 *
 *     test_legs GOLDEN [--program NAME] [--boundary K] [--write] MODULE.so...
 *
 * With several builds of the module the kernels take turns in them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "legs_world.h"
#include "module/module.h"

static const struct program {
    const char *name;
    const char *args; /* encoded locals */
} programs[] = {
    { "Nest", "\x08\x0c" }, /* depth 12: 13 frames */
    { "Loops", "" },
    { "Except", "" },
    { "Double", "" },
    { "Kinds", "" },
    { "Large", "" },
    { "Buffered", "" },
    { "Rendezvous", "" },
    { "FanIn", "" },
    { "Backlog", "" },
    { "Servants", "" },
    { "Temporary", "" },
    { "Window", "" },
    { "Closing", "" },
    { "Tries", "" },
    { "Naps", "" },
    { "Deadlines", "" },
    { "Killed", "" },
    { "Held", "" },
    { "Paused", "" },
    { "Names", "" },
    { "Journey", "" },
    { "Trapped", "" },
    { "Pinned", "" },
    { "Change", "" },
};

enum { PROGRAMS = sizeof programs / sizeof programs[0], OUTPUT_MAX = 8192, STEPS_MAX = 20000 };

enum mode { MODE_NONE, MODE_MAIN, MODE_ALL, MODE_EVERY };

static const char *const mode_names[] = { "undisturbed", "its first tasklet moves at",
    "all its tasklets move at", "all its tasklets move at every boundary up to" };

/* What runs now, for the message of a failure. */
static struct {
    const char *program;
    enum mode mode;
    uint32_t boundary;
    int argc;
    char **argv;
} now;

static struct legs_world world;
static char golden[PROGRAMS][OUTPUT_MAX];

_Noreturn void
legs_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s, %s boundary %u: ", now.program, mode_names[now.mode], now.boundary);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\nagain: %s %s --program %s --boundary %u", now.argv[0], now.argv[1],
        now.program, now.boundary);
    for (int i = 2; i < now.argc; i++) {
        fprintf(stderr, " %s", now.argv[i]);
    }
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

/* One run; returns the number of its boundaries. */
static uint32_t
run(uint32_t program, enum mode mode, uint32_t boundary, const struct stint_module *const *builds,
    uint32_t count)
{
    const struct program *p = &programs[program];
    char output[OUTPUT_MAX];
    uint32_t step = 0;
    uint64_t deeds = UINT64_MAX;
    now.program = p->name;
    now.mode = mode;
    now.boundary = boundary;
    legs_begin(&world, builds, count, p->name, span_of(p->args, strlen(p->args)));
    do {
        if (mode == MODE_MAIN && step == boundary) {
            legs_move_main(&world);
        } else if (mode == MODE_ALL && step == boundary) {
            legs_move_all(&world);
        } else if (mode == MODE_EVERY && step <= boundary && world.deeds != deeds) {
            /* A move sends messages of its own; they arrive before the next one. */
            legs_move_all(&world);
            deeds = world.deeds;
        }
        if (++step == STEPS_MAX) {
            legs_fail("it does not end");
        }
    } while (legs_step(&world));
    legs_output(&world, output, sizeof output);
    if (world.suspended != 1) {
        legs_fail("that it gave up its first turn was told %u times", world.suspended);
    }
    legs_end(&world);
    if (golden[program][0] == '\0' && mode == MODE_NONE) {
        memcpy(golden[program], output, sizeof output);
    }
    if (strcmp(output, golden[program]) != 0) {
        legs_fail("the output is\n%sand should be\n%s", output, golden[program]);
    }
    return step;
}

static void
read_golden(const char *path)
{
    char line[400];
    char *to = NULL;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(2);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '[') {
            to = NULL;
            line[strcspn(line, "]")] = '\0';
            for (uint32_t i = 0; i < PROGRAMS; i++) {
                to = strcmp(programs[i].name, line + 1) == 0 ? golden[i] : to;
            }
        } else if (line[0] != '#' && to != NULL) {
            strncat(to, line, OUTPUT_MAX - strlen(to) - 1);
        }
    }
    fclose(file);
}

static void
write_golden(const char *path, const struct stint_module *const *builds)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        exit(2);
    }
    fprintf(file,
        "# What the programs of tests/legs say, wherever they run. Written by test_legs --write; "
        "read it before"
        " it is committed.\n");
    for (uint32_t i = 0; i < PROGRAMS; i++) {
        golden[i][0] = '\0';
        (void)run(i, MODE_NONE, 0, builds, 1);
        fprintf(file, "[%s]\n%s", programs[i].name, golden[i]);
    }
    fclose(file);
}

/* All that is done to one program. */
static void
check(uint32_t program, long boundary, const struct stint_module *const *builds, uint32_t count)
{
    uint32_t runs = 0;
    uint32_t moves = 0;
    uint32_t boundaries = run(program, MODE_NONE, 0, builds, count);
    if (golden[program][0] == '\0') {
        legs_fail("golden.txt does not have it");
    }
    for (uint32_t k = 0; k < boundaries; k++) {
        for (enum mode mode = MODE_MAIN; mode <= MODE_ALL; mode++) {
            if (boundary < 0 || (uint32_t)boundary == k) {
                (void)run(program, mode, k, builds, count);
                runs++;
                moves += world.moves;
            }
        }
    }
    (void)run(program, MODE_EVERY, boundary < 0 ? STEPS_MAX : (uint32_t)boundary, builds, count);
    if (boundary < 0 && (moves < boundaries || world.moves < boundaries / 4)) {
        legs_fail("only %u and %u moves over %u boundaries", moves, world.moves, boundaries);
    }
    printf("%-10s %4u boundaries, %4u runs, %5u moves, %4u in one run\n", now.program, boundaries,
        runs, moves, world.moves);
}

int
main(int argc, char **argv)
{
    static struct module_file files[BUILDS_MAX];
    const struct stint_module *builds[BUILDS_MAX];
    uint32_t count = 0;
    const char *only = NULL;
    long boundary = -1;
    bool writes = false;
    char error[600];
    now.argc = argc;
    now.argv = argv;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--program") == 0 && i + 1 < argc) {
            only = argv[++i];
        } else if (strcmp(argv[i], "--boundary") == 0 && i + 1 < argc) {
            boundary = atol(argv[++i]);
        } else if (strcmp(argv[i], "--write") == 0) {
            writes = true;
        } else if (count == BUILDS_MAX
            || module_open(argv[i], &files[count], error, sizeof error) != STINT_OK) {
            fprintf(stderr, "%s\n", error);
            return 2;
        } else {
            builds[count] = files[count].module;
            count++;
        }
    }
    if (count == 0) {
        fprintf(stderr,
            "usage: test_legs GOLDEN [--program NAME] [--boundary K] [--write] MODULE.so...\n");
        return 2;
    }
    if (writes) {
        write_golden(argv[1], builds);
        return 0;
    }
    read_golden(argv[1]);
    for (uint32_t i = 0; i < PROGRAMS; i++) {
        if (only == NULL || strcmp(only, programs[i].name) == 0) {
            check(i, boundary, builds, count);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        module_close(&files[i]);
    }
    return 0;
}
