/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for the phases of a move, for tests that kill, stop or cut off a node exactly there. They exist only in builds with
 * STINT_FAILPOINTS, and only for nodes that are asked for them (`failpoints` in their configuration); elsewhere nothing of
 * this is compiled and a step does what it does without it.
 *
 * Passing a point is a log line in its place among the effects of the step: "failpoint NAME TASKLET". All that this node said
 * before that point has been handed to the links before the line, nothing that it says after it has. So who stops existing
 * at the line has said exactly the former, and what it knows beyond dies with it.
 *
 *     OP.send    OP is decided (state and timers say so), and not yet said
 *     OP.sent    OP is with the link; whether it arrives is the network's business
 *     OP.got     OP has arrived from a member and is about to be heeded
 *                OP: offer accept refuse transfer need prepared commit done abort aborted forget; repetitions count too
 *
 *     at the source                                   at the target
 *     frozen       it does not run here any more      parcel.got  the parcel is whole, nothing is built of it
 *     parcel.sent  all chunks are with the link       installed   a copy is here that does not run; PREPARED is not said
 *     dropped      it is gone here, after COMMIT      running     it runs here, by COMMIT; DONE is not said
 *     resumed      it runs here again                 adopted     it runs here because the source left the view
 *                                                     discarded   the copy, or what came of the parcel, is gone
 */
#ifndef STINT_CORE_FAILPOINT_H
#define STINT_CORE_FAILPOINT_H

#include "core/node.h"

#ifdef STINT_FAILPOINTS

void failpoint_before(struct node *n, const struct move_effect *effect);
void failpoint_after(struct node *n, const struct move_effect *effect);
void failpoint_got(struct node *n, const stint_MoveMessage *message);

#define FAILPOINT_BEFORE(n, effect) failpoint_before(n, effect)
#define FAILPOINT_AFTER(n, effect) failpoint_after(n, effect)
#define FAILPOINT_GOT(n, message) failpoint_got(n, message)

#else

#define FAILPOINT_BEFORE(n, effect) ((void)0)
#define FAILPOINT_AFTER(n, effect) ((void)0)
#define FAILPOINT_GOT(n, message) ((void)0)

#endif
#endif
