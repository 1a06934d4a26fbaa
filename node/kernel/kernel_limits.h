/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own bounds; node/core relates them to those of the wire by static asserts. */
#ifndef STINT_KERNEL_LIMITS_H
#define STINT_KERNEL_LIMITS_H

#define KERNEL_FRAMES_MAX 1024u       /* of one tasklet */
#define KERNEL_LOCALS_MAX 65536u      /* bytes of one frame's locals in memory */
#define KERNEL_STACK_MAX (16u << 20)  /* bytes of one tasklet's stack */
#define KERNEL_VALUE_MAX 65536u       /* bytes of one message, in memory and encoded */
#define KERNEL_WINDOW 64u             /* unconfirmed sends for a (tasklet, channel) */
#define KERNEL_OUTSTANDING_BYTES                                                                 \
    (256u << 10) /* of unconfirmed sends of one tasklet: it must fit into a pickle, however many  \
                    channels it sends to */
#define KERNEL_CAPACITY_MAX 65536u    /* values in a channel's buffer */
#define KERNEL_BUFFER_MAX (64u << 20) /* bytes of a channel's buffer */
#define KERNEL_OWNED_MAX 1024u        /* channels of one tasklet */
#define KERNEL_OUTLETS_MAX                                                                       \
    4096u /* remote channels that one tasklet has something outstanding with */
#define KERNEL_OUTLETS_KEPT 256u    /* from so many on, those longest unused are ended */
#define KERNEL_RELATIONS_MAX 65536u /* elsewhere tasklets with dealings with one channel */
#define KERNEL_NAME_MAX 63u         /* characters of a channel's name */
#define KERNEL_ERROR_TEXT_MAX 120u  /* bytes of an error's text, terminator included */
#define KERNEL_LOG_TEXT_MAX 256u    /* bytes of a line of stint_log(), terminator included */
#define KERNEL_UNINDEXED 2048u /* tasklets are entered into the table of ids so many at a time   \
                                */
#define KERNEL_MODULES_MAX 256u
#define KERNEL_POINTS_MAX 4096u             /* resume points of one code */
#define KERNEL_NODES_MAX 256u               /* what stint_nodes() can know */
#define KERNEL_EFFECTS_SOFT 4096u           /* kernel_run() stops at so many waiting effects */
#define KERNEL_EFFECT_BYTES_SOFT (4u << 20) /* or at so many bytes of their values */
#define KERNEL_ORPHAN_NS 60000000000ull     /* how long an orphaned relation is kept */
#define KERNEL_ENDED_NS 10000000000ull  /* how long it is remembered that a moved tasklet ended */
#define KERNEL_TURN_STEPS 4096u             /* calls and operations before a turn is cut */

#endif
