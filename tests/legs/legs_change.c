/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One frame of which there are several versions: each LEGS_ macro and each folder beside this file
 * is one. A pickle of the plain version meets all of them.
 */
#include "change.stint.h"
#include "legs.stint.h"

#ifndef LEGS_MARK
#define LEGS_MARK 0
#endif

STINT_FRAME_MARKED(legs_Change, LEGS_MARK)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 2);
    self->s.b = self->s.a;
#ifdef LEGS_EXTRA
    STINT_YIELD_AS("a point that was not there");
#endif
    self->total = 100;
#ifndef LEGS_RETYPED
    self->word[0] = 'w';
    self->word[1] = 'o';
    self->word[2] = 'r';
    self->word[3] = 'd';
#endif
#ifndef LEGS_NO_FIRST
    STINT_YIELD_AS("first");
#endif
    self->total += 10;
    stint_log(ctx, "main: first");
    self->last.n = 5;
    STINT_SEND_AS("second", self->s.a, legs_Item, &self->last, STINT_FOREVER);
#ifdef LEGS_TWICE
    STINT_YIELD_AS("third");
#endif
    STINT_SLEEP_AS("third", 50);
    self->total += 1;
    stint_log(ctx, "main: third");
    STINT_RECV_AS("fourth", self->s.a, legs_Item, &self->last, STINT_FOREVER);
    self->total += self->last.n;
    stint_log(ctx, "main: fourth");
#ifdef LEGS_TAKES_OTHER
    if (self->s.j == 0) {
        STINT_RECV_AS("fifth, renamed", self->s.a, legs_Item, &self->last, 30);
    } else {
        STINT_RECV_AS("fifth", self->s.a, legs_Loops, (legs_Loops *)&self->s, 30);
    }
#else
    STINT_RECV_AS("fifth", self->s.a, legs_Item, &self->last, 30);
#endif
    STINT_EXCEPT;
    self->s.i = (uint32_t)stint_status(ctx);
    STINT_YIELD_AS("in except");
    stint_log(ctx, "main: total %llu after %u", (unsigned long long)self->total, self->s.i);
    STINT_END;
}
