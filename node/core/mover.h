/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the mover share: mover.c carries moves out, mover_spread.c decides which to begin. */
#ifndef STINT_CORE_MOVER_H
#define STINT_CORE_MOVER_H

#include "core/node.h"

STINT_MUST_USE enum stint_status mover_spread_init(struct node *n);
void mover_spread_fini(struct node *n);
void mover_spread_tick(struct node *n);
uint64_t mover_spread_deadline(const struct node *n);

/* Counts what is here, for the next report of this node's load. */
void mover_measure(struct node *n);

/* A tasklet has just come: the balancer leaves it for a while. */
void mover_note_arrival(struct node *n, struct stint_id tasklet);

#endif
