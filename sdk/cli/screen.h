/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The screen of `stint top`, laid out for a size: the cluster in a line, nodes with bars of their
 * load, the tasklets that do most, the newest moves. What does not fit is counted, not dropped in
 * silence. No terminal is touched here: numbers in, lines out.
 */
#ifndef STINT_CLI_SCREEN_H
#define STINT_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "out.h"
#include "stint/types.h"

enum {
    SCREEN_NODES_MAX = 256,
    SCREEN_NAME_SIZE = 64,
    SCREEN_STATE_SIZE = 16,
    SCREEN_TEXT_SIZE = 96
};

struct screen_node {
    char name[SCREEN_NAME_SIZE];
    char state[SCREEN_STATE_SIZE];
    uint64_t load_permille, tasklets, steps; /* steps: a second */
    uint64_t cpu_permille, memory_bytes, moves_in, moves_out;
};

struct screen_tasklet {
    struct stint_id id;
    char node[SCREEN_NAME_SIZE];
    char code[SCREEN_NAME_SIZE];
    char state[SCREEN_STATE_SIZE];
    char at[SCREEN_TEXT_SIZE];
    uint64_t steps; /* in all */
    uint64_t rate;  /* a second; 0 when it was not measured yet */
    uint64_t size_bytes;
    uint32_t moves;
};

struct screen_move {
    struct stint_id id, tasklet;
    uint64_t started_ms; /* wall clock */
    char from[SCREEN_NAME_SIZE];
    char to[SCREEN_NAME_SIZE];
    char outcome[SCREEN_STATE_SIZE]; /* or its phase while it goes on */
    char reason[SCREEN_TEXT_SIZE];
    uint64_t frozen_us, bytes;
    bool fresh; /* since the screen before */
};

enum screen_sort { SCREEN_BY_RATE, SCREEN_BY_MOVES, SCREEN_BY_SIZE };

struct screen {
    struct stint_id cluster;
    uint64_t view, tasklets;
    unsigned members, up;
    unsigned in_flight, in_doubt;
    uint64_t imbalance_permille;
    uint64_t moves_decis; /* moves a second, times 10 */
    bool balancer;
    uint64_t wall_ms; /* when this was so */
    const struct screen_node *nodes;
    size_t node_count;                    /* at most SCREEN_NODES_MAX */
    const struct screen_tasklet *hottest; /* in the order to be shown */
    size_t hottest_count;
    const struct screen_move *moves; /* the newest first */
    size_t move_count;
    enum screen_sort sort;
    bool paused;
    const char *trouble; /* "" or why these numbers are old */
};

struct screen_form {
    unsigned rows, columns; /* rows 0: as many as there is to show */
    bool unicode, colour;
    bool live; /* keys can be pressed */
};

/* Adds lines, each ended by a newline, none wider than the columns. */
void screen_render(struct text *out, const struct screen *s, const struct screen_form *form);

#endif
