/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of channels: both kinds, full and empty, waiting on either side, closed. */
#include "legs.stint.h"

#include <string.h>

STINT_FRAME(legs_Source)
{
    STINT_BEGIN;
    while (self->done < self->count) {
        if (self->rest > 0) {
            STINT_SLEEP_AS("rest", self->rest);
        }
        self->item.n = self->first + self->done;
        STINT_SEND(self->out, legs_Item, &self->item);
        self->done++;
    }
    stint_log(ctx, "source%llu: sent %u", (unsigned long long)self->first, self->done);
    STINT_END;
}

STINT_FRAME(legs_Sink)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->inbox, legs_Item, self->capacity);
    self->item.reply = self->inbox;
    STINT_SEND_AS("hello", self->parent, legs_Item, &self->item, STINT_FOREVER);
    while (self->count > 0) {
        if (self->rest > 0) {
            STINT_SLEEP_AS("rest", self->rest);
        }
        STINT_RECV(self->inbox, legs_Item, &self->item);
        self->sum = self->sum * 3 + self->item.n;
        self->count--;
        if (stint_channel_is_set(&self->item.reply)) {
            stint_log(ctx, "sink: %s", self->item.text);
            STINT_SEND_AS("answer", self->item.reply, legs_Item, &self->item, STINT_FOREVER);
        }
    }
    stint_log(ctx, "sink: %llx", (unsigned long long)self->sum);
    self->item = (legs_Item){ .n = self->sum };
    STINT_SEND_AS("sum", self->parent, legs_Item, &self->item, STINT_FOREVER);
    STINT_END;
}

STINT_FRAME(legs_Servant)
{
    STINT_BEGIN;
    for (;;) {
        STINT_RECV(self->in, legs_Item, &self->item);
        self->item.n *= 2;
        STINT_SEND(self->out, legs_Item, &self->item);
        self->served++;
    }
    STINT_EXCEPT;
    stint_log(ctx, "servant%u: ends with %d", self->name, (int)stint_status(ctx));
    STINT_YIELD_AS("in except");
    stint_log(ctx, "servant%u: %s", self->name, stint_error_text(ctx));
    STINT_END;
}

STINT_FRAME(legs_Buffered)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 3);
    (void)stint_spawn(
        ctx, legs_Source, (&(legs_Source){ .out = self->s.a, .count = 8, .first = 20 }), NULL);
    while (self->s.i++ < 8) {
        if (self->s.i % 3 == 0) {
            STINT_SLEEP(5);
        }
        STINT_RECV(self->s.a, legs_Item, &self->s.item);
        stint_log(ctx, "main: %llu", (unsigned long long)self->s.item.n);
    }
    STINT_END;
}

STINT_FRAME(legs_Rendezvous)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 0);
    (void)stint_channel_prefer(ctx, &self->s.a, 1);
    (void)stint_spawn(
        ctx, legs_Source, (&(legs_Source){ .out = self->s.a, .count = 6, .first = 40 }), NULL);
    while (self->s.i++ < 6) {
        STINT_RECV(self->s.a, legs_Item, &self->s.item);
        stint_log(ctx, "main: %llu", (unsigned long long)self->s.item.n);
        if (self->s.i == 4) {
            (void)stint_channel_schedule_all(ctx, &self->s.a, true);
        }
    }
    STINT_END;
}

STINT_FRAME(legs_FanIn)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 2);
    self->next_count = 3;
    for (self->s.i = 0; self->s.i < 3; self->s.i++) {
        (void)stint_spawn(ctx, legs_Source,
            (&(legs_Source){ .out = self->s.a, .count = 4, .first = self->s.i * 1000 }), NULL);
        STINT_YIELD;
    }
    while (self->s.j++ < 12) {
        STINT_RECV(self->s.a, legs_Item, &self->s.item);
        if (self->next[self->s.item.n / 1000]++ != self->s.item.n % 1000) {
            stint_log(ctx, "main: %llu is out of order", (unsigned long long)self->s.item.n);
        }
        self->s.sum += self->s.item.n;
    }
    stint_log(ctx, "main: %llu", (unsigned long long)self->s.sum);
    STINT_END;
}

/* A full buffer and senders that wait behind it. */
STINT_FRAME(legs_Backlog)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 2);
    (void)stint_spawn(ctx, legs_Source, (&(legs_Source){ .out = self->s.a, .count = 5 }), NULL);
    (void)stint_spawn(
        ctx, legs_Source, (&(legs_Source){ .out = self->s.a, .count = 5, .first = 1000 }), NULL);
    STINT_SLEEP(50);
    {
        struct stint_channel_info info = { 0 };
        (void)stint_channel_describe(ctx, &self->s.a, &info);
        stint_log(ctx, "main: %u in the buffer, balance %d", info.count, info.balance);
    }
    while (self->s.j < 10) {
        STINT_RECV(self->s.a, legs_Item, &self->s.item);
        self->s.j++;
        self->s.sum += self->s.item.n;
    }
    stint_log(ctx, "main: %llu", (unsigned long long)self->s.sum);
    STINT_END;
}

/* Two receivers wait for what comes late. */
STINT_FRAME(legs_Servants)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 0);
    (void)stint_channel_new(ctx, &self->s.b, legs_Item, 8);
    (void)stint_spawn(
        ctx, legs_Servant, (&(legs_Servant){ .in = self->s.a, .out = self->s.b, .name = 1 }), NULL);
    (void)stint_spawn(
        ctx, legs_Servant, (&(legs_Servant){ .in = self->s.a, .out = self->s.b, .name = 2 }), NULL);
    STINT_SLEEP(20);
    while (self->s.i < 6) {
        self->s.item.n = ++self->s.i;
        STINT_SEND(self->s.a, legs_Item, &self->s.item);
    }
    while (self->s.j < 6) {
        STINT_RECV(self->s.b, legs_Item, &self->s.item);
        self->s.j++;
        self->s.sum += self->s.item.n;
    }
    stint_log(ctx, "main: %llu", (unsigned long long)self->s.sum);
    (void)stint_channel_close(ctx, &self->s.a, true);
    STINT_SLEEP(20);
    STINT_END;
}

/* A sender that waits with a value that is nowhere in its locals. */
STINT_FRAME(legs_Temporary)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 1);
    (void)stint_spawn(
        ctx, legs_Sink, (&(legs_Sink){ .parent = self->s.a, .count = 3, .rest = 20 }), NULL);
    STINT_RECV_AS("hello", self->s.a, legs_Item, &self->s.item, STINT_FOREVER);
    self->s.b = self->s.item.reply;
    while (self->s.i < 3) {
        self->s.i++;
        STINT_SEND_AS("temporary", self->s.b, legs_Item,
            (&(legs_Item){ .n = self->s.i * 7, .text = "a temporary", .reply = self->s.a }),
            STINT_FOREVER);
        STINT_RECV_AS("answer", self->s.a, legs_Item, &self->s.item, STINT_FOREVER);
        stint_log(ctx, "main: %llu %s", (unsigned long long)self->s.item.n, self->s.item.text);
    }
    STINT_RECV_AS("sum", self->s.a, legs_Item, &self->s.item, STINT_FOREVER);
    stint_log(ctx, "main: sum %llu", (unsigned long long)self->s.item.n);
    STINT_END;
}

/* More than a window of sends to a channel that may be elsewhere. */
STINT_FRAME(legs_Window)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 0);
    (void)stint_spawn(
        ctx, legs_Sink, (&(legs_Sink){ .parent = self->s.a, .capacity = 4, .count = 80 }), NULL);
    STINT_RECV_AS("hello", self->s.a, legs_Item, &self->s.item, STINT_FOREVER);
    self->s.b = self->s.item.reply;
    self->s.item = (legs_Item){ 0 };
    while (self->s.i < 80) {
        self->s.item.n = self->s.i++;
        STINT_SEND(self->s.b, legs_Item, &self->s.item);
    }
    STINT_RECV_AS("sum", self->s.a, legs_Item, &self->s.item, STINT_FOREVER);
    stint_log(ctx, "main: %llx", (unsigned long long)self->s.item.n);
    STINT_END;
}

STINT_FRAME(legs_Closing)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 4);
    (void)stint_spawn(ctx, legs_Source, (&(legs_Source){ .out = self->s.a, .count = 3 }), NULL);
    STINT_SLEEP(10);
    (void)stint_channel_close(ctx, &self->s.a, false);
    while (self->s.i++ < 4) {
        STINT_YIELD;
        STINT_TRY_RECV(self->s.a, legs_Item, &self->s.item);
        stint_log(ctx, "main: %d %llu", (int)stint_status(ctx), (unsigned long long)self->s.item.n);
    }
    STINT_TRY_SEND(self->s.a, legs_Item, &self->s.item);
    stint_log(ctx, "main: closed, %d", (int)stint_status(ctx));
    stint_log(ctx, "main: open again, %d", (int)stint_channel_open_again(ctx, &self->s.a));
    STINT_YIELD_AS("open");
    STINT_TRY_SEND_AS("send again", self->s.a, legs_Item, &self->s.item, 0);
    stint_log(ctx, "main: open, %d", (int)stint_status(ctx));
    (void)stint_channel_close(ctx, &self->s.a, true);
    STINT_YIELD_AS("woken");
    STINT_TRY_RECV_AS("the last", self->s.a, legs_Item, &self->s.item, STINT_FOREVER);
    stint_log(ctx, "main: woken, %d", (int)stint_status(ctx));
    STINT_RECV_AS("past the end", self->s.a, legs_Item, &self->s.item, STINT_FOREVER);
    STINT_EXCEPT;
    stint_log(ctx, "main: ends with %d", (int)stint_status(ctx));
    STINT_YIELD_AS("in except");
    STINT_RERAISE;
    STINT_END;
}

STINT_FRAME(legs_Tries)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->s.a, legs_Item, 1);
    self->s.item.n = 9;
    STINT_TRY_SEND(self->s.a, legs_Item, &self->s.item);
    stint_log(ctx, "main: sent, %d", (int)stint_status(ctx));
    STINT_YIELD_AS("full");
    STINT_TRY_SEND_WITHIN(self->s.a, legs_Item, &self->s.item, 0);
    stint_log(ctx, "main: full, %d", (int)stint_status(ctx));
    STINT_YIELD_AS("wrong type");
    STINT_TRY_SEND_AS("of another type", self->s.a, legs_State, &self->s, STINT_FOREVER);
    stint_log(ctx, "main: wrong type, %d", (int)stint_status(ctx));
    memset(&self->s.item, 0, sizeof self->s.item);
    STINT_TRY_RECV(self->s.a, legs_Item, &self->s.item);
    stint_log(
        ctx, "main: received, %d %llu", (int)stint_status(ctx), (unsigned long long)self->s.item.n);
    STINT_YIELD_AS("empty");
    STINT_TRY_RECV_WITHIN(self->s.a, legs_Item, &self->s.item, 0);
    stint_log(
        ctx, "main: empty, %d %llu", (int)stint_status(ctx), (unsigned long long)self->s.item.n);
    STINT_END;
}
