/* SPDX-License-Identifier: Apache-2.0 */
/* The live screen: what it looks like at some sizes, and that it fits at every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bar.h"
#include "screen.h"
#include "table.h"

static struct screen_node nodes[] = {
    { "n1", "up", 1500, 12, 12345, 253, 1700000, 3, 4 },
    { "n2", "cordoned", 500, 4, 120, 20, 900, 1, 0 },
    { "far-away-east", "down", 0, 0, 0, 0, 0, 0, 0 },
    { "n4", "up", 1000, 123456, 7, 1000, UINT64_MAX, 12345678, 1 },
    { "n5", "up", 0, 0, 0, 0, 0, 0, 0 },
};
static struct screen_tasklet tasklets[6];
static struct screen_move moves[9];
static struct screen screen;

static void
fill(void)
{
    memset(tasklets, 0, sizeof tasklets);
    memset(moves, 0, sizeof moves);
    for (size_t i = 0; i < 6; i++) {
        struct screen_tasklet *t = &tasklets[i];
        memset(t->id.bytes, (int)(0xa0 + i), sizeof t->id.bytes);
        snprintf(t->node, sizeof t->node, "n%zu", i % 2 + 1);
        snprintf(t->code, sizeof t->code, "Tally");
        snprintf(t->state, sizeof t->state, i == 1 ? "paused" : "blocked");
        snprintf(t->at, sizeof t->at, "recv(self->inbox)");
        t->rate = i == 0 ? 1234567 : 40 - i;
        t->moves = (uint32_t)i;
        t->size_bytes = 160 << (2 * i);
    }
    for (size_t i = 0; i < 9; i++) {
        struct screen_move *m = &moves[i];
        memset(m->tasklet.bytes, (int)(0xb0 + i), sizeof m->tasklet.bytes);
        m->started_ms = 1800000000123 - i * 1000;
        snprintf(m->from, sizeof m->from, "n1");
        snprintf(m->to, sizeof m->to, "n2");
        snprintf(m->outcome, sizeof m->outcome, i == 0 ? "frozen" : "committed");
        snprintf(m->reason, sizeof m->reason, "drain");
        m->frozen_us = 220 + 700 * i;
        m->bytes = 304;
        m->fresh = i < 2;
    }
    screen = (struct screen){ .view = 5,
                              .tasklets = 123472,
                              .members = 5,
                              .up = 4,
                              .in_flight = 1,
                              .imbalance_permille = 1500,
                              .moves_decis = 123,
                              .balancer = true,
                              .wall_ms = 1800000000123,
                              .nodes = nodes,
                              .node_count = 5,
                              .hottest = tasklets,
                              .hottest_count = 6,
                              .moves = moves,
                              .move_count = 9,
                              .trouble = "" };
    memset(screen.cluster.bytes, 0xcd, sizeof screen.cluster.bytes);
}

static struct text out;

static const char *
render(unsigned rows, unsigned columns, bool unicode, bool colour)
{
    struct screen_form form = { rows, columns, unicode, colour, true };
    text_free(&out);
    screen_render(&out, &screen, &form);
    assert_false(out.failed);
    return text_or_empty(&out);
}

static void
looks_like(const char *got, const char *expected)
{
    if (strcmp(got, expected) != 0) {
        fputs(got, stderr);
        fail_msg("the screen is another one");
    }
}

static void
a_screen_of_24_lines(void **state)
{
    (void)state;
    fill();
    looks_like(render(24, 80, false, false),
               "cluster cdcdcdcd  4 of 5 nodes up  in doubt 0  12.3 moves/s  123k tasklets\n"
               "\n"
               "NODE           STATE      LOAD           TASKLETS    STEPS/S    CPU   MEMORY\n"
               "n1             up         ######   1.5         12      12.3k    25%     1.6M\n"
               "n2             cordoned   ##....   0.5          4        120     2%     900B\n"
               "far-away-east  down       ......   0.0          0          0     0%       0B\n"
               "n4             up         ####..   1.0       123k          7   100%    16.0E\n"
               "n5             up         ......   0.0          0          0     0%       0B\n"
               "\n"
               "TASKLET   NODE           CODE   STATE     STEPS/S*   MOVES    SIZE  AT\n"
               "a0a0a0a0  n1             Tally  blocked       1.2M       0    160B  recv(self->~\n"
               "a1a1a1a1  n2             Tally  paused          39       1    640B  recv(self->~\n"
               "a2a2a2a2  n1             Tally  blocked         38       2    2.5K  recv(self->~\n"
               "a3a3a3a3  n2             Tally  blocked         37       3   10.0K  recv(self->~\n"
               "a4a4a4a4  n1             Tally  blocked         36       4   40.0K  recv(self->~\n"
               "a5a5a5a5  n2             Tally  blocked         35       5    160K  recv(self->~\n"
               "\n"
               "MOVED AT  TASKLET   FROM           TO             OUTCOME     FROZEN    BYTES   \n"
               "08:00:00  b0b0b0b0  n1             n2             frozen       220us     304B   \n"
               "07:59:59  b1b1b1b1  n1             n2             committed    920us     304B   \n"
               "07:59:58  b2b2b2b2  n1             n2             committed    1.6ms     304B   \n"
               "07:59:57  b3b3b3b3  n1             n2             committed    2.3ms     304B   \n"
               "07:59:56  b4b4b4b4  n1             n2             committed    3.0ms     304B   \n"
               "q quit   s steps   m moves   b bytes   space pause\n");
}

static void
small_screens(void **state)
{
    (void)state;
    fill();
    looks_like(render(10, 60, true, false),
               "cluster cdcdcdcd  4 of 5 nodes up  in doubt 0  12.3 moves/s\n"
               "\n"
               "NODE           STATE      LOAD           TASKLETS    STEPS/S\n"
               "n2             cordoned   \xe2\x96\x88\xe2\x96\x88"
               "       0.5          4        120\n"
               "far-away-east  down                0.0          0          0\n"
               "and 3 more nodes\n"
               "\n"
               "TASKLET   NODE           CODE   STATE     STEPS/S*   MOVES\n"
               "a0a0a0a0  n1             Tally  blocked       1.2M       0\n"
               "q quit   s steps   m moves   b bytes   space pause\n");
    looks_like(render(4, 30, false, false), "cluster cdcdcdcd  in doubt 0\n"
                                            "\n"
                                            "NODE           STATE      LOAD\n"
                                            "n2             cordoned   ##.~\n");
    looks_like(render(1, 40, false, false), "4 of 5 nodes up, in doubt 0\n");
}

static void
old_numbers_and_empty_clusters(void **state)
{
    (void)state;
    fill();
    screen.trouble = "no answer, trying again: the connection was lost";
    screen.in_doubt = 2;
    screen.hottest_count = screen.move_count = 0;
    screen.node_count = 1;
    looks_like(render(14, 64, false, false),
               "cluster cdcdcdcd  4 of 5 nodes up  in doubt 2  12.3 moves/s\n"
               "no answer, trying again: the connection was lost\n"
               "NODE  STATE      LOAD           TASKLETS    STEPS/S    CPU\n"
               "n1    up         ######   1.5         12      12.3k    25%\n"
               "\n"
               "TASKLET   NODE  CODE  STATE     STEPS/S*   MOVES    SIZE  AT\n"
               "there are no tasklets\n"
               "\n"
               "MOVED AT  TASKLET   FROM  TO    OUTCOME     FROZEN    BYTES     \n"
               "nothing has moved yet\n"
               "\n"
               "\n"
               "\n"
               "q quit   s steps   m moves   b bytes   space pause\n");
    screen.trouble = "";
    screen.paused = true;
    assert_non_null(strstr(render(14, 64, false, false), "\npaused\n"));
}

/* Width of a line without its colours; -1: something in it is no colour. */
static int
width_of(const char *line, size_t size, bool colour)
{
    char plain[4096];
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        if (line[i] == '\033') {
            size_t end = i + 2 + strspn(line + i + 2, "0123456789");
            if (!colour || line[i + 1] != '[' || line[end] != 'm') {
                return -1;
            }
            i = end;
        } else {
            plain[used++] = line[i];
        }
    }
    plain[used] = '\0';
    return (int)table_width(plain);
}

static void
it_fits_at_every_size(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 6; kind++) {
        fill();
        screen.node_count = kind < 4 ? 5 : kind - 4;
        screen.hottest_count = kind % 2 == 0 ? 6 : 0;
        screen.move_count = kind % 3 == 0 ? 9 : 0;
        screen.trouble = kind == 2 ? "no answer" : "";
        for (unsigned rows = 1; rows < 45; rows++) {
            for (unsigned columns = 1; columns < 150; columns++) {
                const char *at = render(rows, columns, kind % 2 == 0, kind >= 3);
                unsigned lines = 0;
                for (; *at != '\0'; lines++) {
                    size_t size = strcspn(at, "\n");
                    int width = width_of(at, size, kind >= 3);
                    if (width < 0 || width > (int)columns) {
                        fail_msg("%u x %u: a line of %d places: %.*s", rows, columns, width,
                                 (int)size, at);
                    }
                    at += size + 1;
                }
                if (lines > rows || (rows > 1 && lines == 0)) {
                    fail_msg("%u x %u: %u lines", rows, columns, lines);
                }
            }
        }
    }
    /* Off a terminal all of it is shown. */
    fill();
    struct screen_form form = { .columns = 120 };
    text_free(&out);
    screen_render(&out, &screen, &form);
    unsigned lines = 0;
    for (const char *at = out.data; *at != '\0'; at++) {
        lines += *at == '\n' ? 1 : 0;
    }
    assert_int_equal(lines, 2 + 6 + 1 + 7 + 1 + 10);
    text_free(&out);
}

static void
bars_are_as_long_as_their_part(void **state)
{
    char bar[BAR_SIZE(8)];
    (void)state;
    bar_fill(bar, 0, 10, 8, false);
    assert_string_equal(bar, "........");
    bar_fill(bar, 1, 1000, 8, false); /* more than nothing is seen */
    assert_string_equal(bar, "#.......");
    bar_fill(bar, 5, 10, 8, false);
    assert_string_equal(bar, "####....");
    bar_fill(bar, 20, 10, 8, false);
    assert_string_equal(bar, "########");
    bar_fill(bar, 1, 16, 8, true);
    assert_string_equal(bar, "\xe2\x96\x8c       ");
    bar_fill(bar, 10, 10, 8, true);
    assert_int_equal(strlen(bar), 24);
    bar_fill(bar, 7, 0, 8, true);
    assert_int_equal(table_width(bar), 8);
    bar_fill(bar, UINT64_MAX, UINT64_MAX, 8, false);
    assert_string_equal(bar, "########");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_screen_of_24_lines),           cmocka_unit_test(small_screens),
        cmocka_unit_test(old_numbers_and_empty_clusters), cmocka_unit_test(it_fits_at_every_size),
        cmocka_unit_test(bars_are_as_long_as_their_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
