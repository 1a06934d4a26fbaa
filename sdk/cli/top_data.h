/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `stint top` knows: what the cluster answered last, and what it answered before, so that
 * counters become rates.
 */
#ifndef STINT_CLI_TOP_DATA_H
#define STINT_CLI_TOP_DATA_H

#include "cli.h"
#include "screen.h"

enum { TOP_TASKLETS = 256, TOP_MOVES = 64, TOP_NODES = SCREEN_NODES_MAX };

/* Counters of one answer. */
struct top_mark {
    struct stint_id id;
    uint64_t steps;
};

struct top_data {
    struct screen screen;
    struct screen_node nodes[TOP_NODES];
    struct screen_tasklet tasklets[TOP_TASKLETS];
    struct screen_move moves[TOP_MOVES];
    struct top_mark marks[TOP_TASKLETS]; /* of the answer before */
    size_t mark_count;
    struct stint_id newest; /* move that was known */
    bool measured;          /* there was an answer before */
    uint64_t measured_ms;
    uint64_t moves_done;
    char trouble[160];
};

/*
 * Asks the cluster. STINT_OK: the screen is new. Else it is as it was, and the client has the line
 * about why.
 */
enum stint_status top_ask(struct top_data *d, struct stint_client *client, uint32_t timeout_ms);

/* Puts the tasklets in the order of screen.sort. */
void top_sort(struct top_data *d);

#endif
