/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame Change is pickled at every dispatch boundary and shown to another version of its code:
 * there it goes on, found by the label of its resume point, or it is refused with the reason, and
 * goes on where it was. Either way it says the same. What happens at each resume point stands in
 * changes.txt.
 *
 *     test_change CHANGES [--write] PLAIN.so VERSION.so...
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "legs_world.h"
#include "module/module.h"

enum { STORY_MAX = 16384, TOLD_MAX = 600, STEPS_MAX = 1000 };

static struct legs_world world;
static const char *version = "plain";
static uint32_t boundary;

_Noreturn void
legs_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "version %s, boundary %u: ", version, boundary);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\nagain: ctest -R legs_changed_frame -V\n");
    va_end(args);
    exit(1);
}

/* Tries the version at one boundary (none: UINT32_MAX); false when the program ends before. */
static bool
run(const struct stint_module *const *builds, uint32_t at, char *line, char *output,
    size_t output_size)
{
    struct kernel_tasklet_view view;
    bool tried = false;
    boundary = at;
    legs_begin(&world, builds, 2, "Change", (struct stint_span){ NULL, 0 });
    for (uint32_t step = 0; step < STEPS_MAX; step++) {
        if (step == at && legs_where(&world, world.main_id) == 0) {
            char text[300];
            char label[64];
            if (kernel_look(world.k[0], world.main_id, &view) != STINT_OK) {
                legs_fail("it cannot be seen");
            }
            snprintf(label, sizeof label, "%s", view.label);
            enum stint_status status = legs_try_main(&world, text, sizeof text);
            snprintf(line, TOLD_MAX, "%s: %s%s%s\n", label,
                status == STINT_OK ? "goes on" : stint_status_name(status),
                status == STINT_OK ? "" : ", ", text);
            tried = true;
        }
        if (!legs_step(&world)) {
            legs_output(&world, output, output_size);
            legs_end(&world);
            return tried;
        }
    }
    legs_fail("it does not end");
}

/* What the version makes of each boundary; lines that repeat the one before are left out. */
static void
tell(const struct stint_module *const *builds, char *story, size_t size)
{
    char expected[2048];
    char output[2048];
    char line[TOLD_MAX];
    char last[TOLD_MAX] = "";
    size_t at = strlen(story);
    at += (size_t)snprintf(story + at, size - at, "[%s]\n", version);
    (void)run(builds, UINT32_MAX, line, expected, sizeof expected);
    for (uint32_t k = 0; run(builds, k, line, output, sizeof output); k++) {
        if (strcmp(output, expected) != 0) {
            legs_fail("the output is\n%sand should be\n%s", output, expected);
        }
        if (strcmp(line, last) != 0) {
            at += (size_t)snprintf(story + at, size - at, "%s", line);
            snprintf(last, sizeof last, "%s", line);
        }
    }
}

int
main(int argc, char **argv)
{
    static char story[STORY_MAX] =
        "# What each version of the frame Change makes of a tasklet of the plain one. Written by"
        " test_change --write; read it before it is committed.\n";
    static char expected[STORY_MAX];
    struct module_file plain;
    struct module_file other;
    char error[600];
    bool writes = argc > 2 && strcmp(argv[2], "--write") == 0;
    int first = writes ? 3 : 2;
    if (argc <= first + 1 || module_open(argv[first], &plain, error, sizeof error) != STINT_OK) {
        fprintf(stderr, "usage: test_change CHANGES [--write] PLAIN.so VERSION.so...\n");
        return 2;
    }
    for (int i = first + 1; i < argc; i++) {
        if (module_open(argv[i], &other, error, sizeof error) != STINT_OK) {
            fprintf(stderr, "%s\n", error);
            return 2;
        }
        /* Places 0 and 2 are of the plain version, the one between of the other. */
        const struct stint_module *builds[2] = { plain.module, other.module };
        version = strrchr(argv[i], '/') != NULL ? strrchr(argv[i], '/') + 1 : argv[i];
        tell(builds, story, sizeof story);
        module_close(&other);
    }
    module_close(&plain);
    FILE *file = fopen(argv[1], writes ? "w" : "r");
    if (file == NULL) {
        fprintf(stderr, "%s cannot be opened\n", argv[1]);
        return 2;
    }
    if (writes) {
        fputs(story, file);
    } else {
        (void)!fread(expected, 1, sizeof expected - 1, file);
    }
    fclose(file);
    if (!writes && strcmp(story, expected) != 0) {
        fprintf(stderr, "what happened is\n%sand %s says\n%s", story, argv[1], expected);
        return 1;
    }
    return 0;
}
