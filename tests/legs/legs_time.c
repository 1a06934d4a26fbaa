/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of time, kills, pauses, names and journeys. A line of the log that begins with `@` asks
 * the driver for something: "@MS VERB" is done to the tasklet after so many ms.
 */
#include "legs.stint.h"

static unsigned
elapsed(struct stint_context *ctx, const legs_State *s)
{
    return (unsigned)(stint_now_ms(ctx) - s->since);
}

STINT_FRAME(legs_Naps)
{
    STINT_BEGIN;
    self->s.since = stint_now_ms(ctx);
    for (self->s.i = 1; self->s.i <= 3; self->s.i++) {
        STINT_SLEEP(self->s.i * 100);
        stint_log(ctx, "main: after %u ms", elapsed(ctx, &self->s));
        STINT_YIELD;
    }
    STINT_END;
}

STINT_FRAME(legs_Deadlines)
{
    STINT_BEGIN;
    self->s.since = stint_now_ms(ctx);
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 0);
    (void)stint_spawn(
        ctx, legs_Sink, (&(legs_Sink){ .parent = self->s.a, .count = 1, .rest = 700 }), NULL);
    STINT_RECV_AS("hello", self->s.a, legs_Item, &self->s.item, STINT_FOREVER);
    self->s.b = self->s.item.reply;
    self->s.item = (legs_Item){ .n = 3 };
    STINT_TRY_RECV_WITHIN(self->s.a, legs_Item, &self->s.item, 200);
    stint_log(
        ctx, "main: nothing came, %d after %u ms", (int)stint_status(ctx), elapsed(ctx, &self->s));
    STINT_TRY_SEND_WITHIN(self->s.b, legs_Item, &self->s.item, 300);
    stint_log(ctx, "main: nobody took it, %d after %u ms", (int)stint_status(ctx),
        elapsed(ctx, &self->s));
    STINT_TRY_SEND_AS("within reach", self->s.b, legs_Item, &self->s.item, 400);
    stint_log(ctx, "main: taken, %d after %u ms", (int)stint_status(ctx), elapsed(ctx, &self->s));
    STINT_RECV_AS("sum", self->s.a, legs_Item, &self->s.item, STINT_FOREVER);
    stint_log(ctx, "main: sum %llu", (unsigned long long)self->s.item.n);
    STINT_RECV_WITHIN(self->s.a, legs_Item, &self->s.item, 100);
    STINT_EXCEPT;
    stint_log(
        ctx, "main: ends with %d after %u ms", (int)stint_status(ctx), elapsed(ctx, &self->s));
    STINT_END;
}

STINT_FRAME(legs_Killed)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 0);
    if (self->s.i < 2) {
        /* Two frames between which the error travels. */
        STINT_CALL(legs_Killed, .s.i = self->s.i + 1);
    }
    stint_log(ctx, "@0 kill");
    STINT_RECV(self->s.a, legs_Item, &self->s.item);
    STINT_EXCEPT;
    stint_log(ctx, "main: level %u, %s", self->s.i, stint_error_text(ctx));
    STINT_YIELD_AS("in except");
    if (self->s.i == 1) {
        /* Killed again while it deals with the first. */
        stint_log(ctx, "@30 killnow");
        STINT_SLEEP_AS("in except, longer", 1000);
        stint_log(ctx, "main: never here");
    }
    if (self->s.i > 0) {
        STINT_RERAISE;
    }
    STINT_END;
}

STINT_FRAME(legs_Held)
{
    STINT_BEGIN;
    self->s.since = stint_now_ms(ctx);
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 0);
    (void)stint_spawn(ctx, legs_Source,
        (&(legs_Source){ .out = self->s.a, .count = 2, .first = 5, .rest = 50 }), NULL);
    stint_log(ctx, "@10 hold");
    stint_log(ctx, "@200 release");
    STINT_RECV(self->s.a, legs_Item, &self->s.item);
    stint_log(
        ctx, "main: %llu after %u ms", (unsigned long long)self->s.item.n, elapsed(ctx, &self->s));
    STINT_RECV_AS("the second", self->s.a, legs_Item, &self->s.item, STINT_FOREVER);
    stint_log(
        ctx, "main: %llu after %u ms", (unsigned long long)self->s.item.n, elapsed(ctx, &self->s));
    STINT_END;
}

STINT_FRAME(legs_Paused)
{
    STINT_BEGIN;
    self->s.since = stint_now_ms(ctx);
    stint_log(ctx, "@40 kill");
    STINT_PAUSE;
    stint_log(ctx, "main: never here");
    STINT_EXCEPT;
    stint_log(ctx, "main: %s after %u ms", stint_error_text(ctx), elapsed(ctx, &self->s));
    stint_log(ctx, "@60 kill");
    STINT_PAUSE_FOR(legs_Item, &self->s.item);
    STINT_END;
}

STINT_FRAME(legs_Names)
{
    STINT_BEGIN;
    STINT_CHANNEL_OPEN(&self->s.a, "legs-a", 2, legs_Item);
    self->s.item.n = 4;
    STINT_SEND(self->s.a, legs_Item, &self->s.item);
    STINT_TRY_CHANNEL_OPEN(&self->s.b, "legs-a", 0, legs_Item);
    stint_log(ctx, "main: taken, %d", (int)stint_status(ctx));
    STINT_CHANNEL_OPEN_AS("another", &self->s.b, "legs-b", 0, legs_Item);
    STINT_RECV(self->s.a, legs_Item, &self->s.item);
    stint_log(ctx, "main: %llu", (unsigned long long)self->s.item.n);
    STINT_CHANNEL_OPEN_AS("the same", &self->s.b, "legs-b", 0, legs_Item);
    STINT_EXCEPT;
    stint_log(ctx, "main: %s", stint_error_text(ctx));
    STINT_END;
}

STINT_FRAME(legs_Journey)
{
    STINT_BEGIN;
    self->nodes_count = (pb_size_t)stint_nodes(ctx, self->nodes, 8);
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 4);
    while (self->s.i < self->nodes_count) {
        self->s.item.n = self->s.i;
        STINT_SEND(self->s.a, legs_Item, &self->s.item);
        STINT_MIGRATE(&self->nodes[self->s.i]);
        self->s.i++;
    }
    while (self->s.j < self->nodes_count) {
        STINT_RECV(self->s.a, legs_Item, &self->s.item);
        self->s.sum = self->s.sum * 10 + self->s.item.n;
        self->s.j++;
    }
    stint_log(ctx, "main: %u nodes, %llu", self->s.i, (unsigned long long)self->s.sum);
    STINT_TRY_MIGRATE(&(stint_Node){ .id = { 99 } });
    stint_log(ctx, "main: to nowhere, %d", (int)stint_status(ctx));
    STINT_END;
}

STINT_FRAME(legs_Trapped)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 1);
    stint_log(ctx, "main: trap was %d", (int)stint_set_block_trap(ctx, true));
    STINT_YIELD_AS("trap");
    STINT_TRY_RECV(self->s.a, legs_Item, &self->s.item);
    stint_log(ctx, "main: would block, %d", (int)stint_status(ctx));
    stint_log(ctx, "main: trap was %d", (int)stint_set_block_trap(ctx, false));
    STINT_YIELD_AS("no trap");
    STINT_TRY_RECV_WITHIN(self->s.a, legs_Item, &self->s.item, 10);
    stint_log(ctx, "main: blocks, %d", (int)stint_status(ctx));
    STINT_END;
}

STINT_FRAME(legs_Pinned)
{
    STINT_BEGIN;
    stint_log(ctx, "main: pinned was %d", (int)stint_set_pinned(ctx, true));
    STINT_YIELD_AS("pinned");
    stint_log(ctx, "main: pinned was %d", (int)stint_set_pinned(ctx, true));
    STINT_SLEEP(10);
    stint_log(ctx, "main: pinned was %d", (int)stint_set_pinned(ctx, false));
    STINT_YIELD_AS("free");
    stint_log(ctx, "main: pinned was %d", (int)stint_set_pinned(ctx, false));
    STINT_END;
}

STINT_DECLARE(legs_Change);
STINT_DECLARE(legs_Nest);
STINT_DECLARE(legs_Loops);
STINT_DECLARE(legs_Risky);
STINT_DECLARE(legs_Except);
STINT_DECLARE(legs_Double);
STINT_DECLARE(legs_Kinds);
STINT_DECLARE(legs_Large);
STINT_DECLARE(legs_Source);
STINT_DECLARE(legs_Sink);
STINT_DECLARE(legs_Servant);
STINT_DECLARE(legs_Buffered);
STINT_DECLARE(legs_Rendezvous);
STINT_DECLARE(legs_FanIn);
STINT_DECLARE(legs_Backlog);
STINT_DECLARE(legs_Servants);
STINT_DECLARE(legs_Temporary);
STINT_DECLARE(legs_Window);
STINT_DECLARE(legs_Closing);
STINT_DECLARE(legs_Tries);

STINT_MODULE(legs, "1.0.0", legs_Change, legs_Nest, legs_Loops, legs_Risky, legs_Except,
    legs_Double, legs_Kinds, legs_Large, legs_Source, legs_Sink, legs_Servant, legs_Buffered,
    legs_Rendezvous, legs_FanIn, legs_Backlog, legs_Servants, legs_Temporary, legs_Window,
    legs_Closing, legs_Tries, legs_Naps, legs_Deadlines, legs_Killed, legs_Held, legs_Paused,
    legs_Names, legs_Journey, legs_Trapped, legs_Pinned)
