/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the directory share: route.c (searching, messages), route_home.c (residents and homes). */
#ifndef STINT_CORE_ROUTE_H
#define STINT_CORE_ROUTE_H

#include "core/node.h"

struct route {
    struct table searches;
    struct list order;
    uint64_t next_number;
    uint32_t held_count;
    size_t held_bytes;
};

/* Whether a tasklet or channel is in this kernel (or unborn here, or relayed), and under which epoch. */
bool route_is_here(const struct node *n, struct stint_id id, uint64_t *epoch);

/* One place in a message of that kind. */
void route_send_places(struct node *n, struct stint_id to, stint_LocateOp op, uint64_t number,
                       const struct directory_place *place);

/* The homes of what lives here have changed: the new ones are told. `old` is NULL before the first view. */
void route_rehome(struct node *n, const struct view *old, const struct view *next);

/* This node is told as the home; `view` is that under which it was said. */
void route_report(struct node *n, const struct directory_place *place, uint64_t view);

#endif
