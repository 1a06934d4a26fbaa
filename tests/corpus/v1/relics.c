/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tasklets whose pickles are in this folder: each comes to a state worth keeping, and says what
 * it finds when it goes on from there. Nothing here is ever changed, for the pickles name the lines
 * and labels of this file.
 */
#include "relics.stint.h"

STINT_FRAME(relics_Nest)
{
    STINT_BEGIN;
    if (self->level < self->depth) {
        STINT_CALL(relics_Nest, .depth = self->depth, .level = self->level + 1);
        self->sum = STINT_RESULT(relics_Nest)->sum;
        STINT_YIELD_AS("up");
    } else {
        STINT_SLEEP_AS("bottom", 500);
    }
    self->sum = self->sum * 3 + self->level + 1;
    stint_log(ctx, "main: level %u has %llu", self->level, (unsigned long long)self->sum);
    STINT_END;
}

STINT_FRAME(relics_Giver)
{
    STINT_BEGIN;
    while (self->count > 0) {
        STINT_SEND(self->out, relics_Item, &self->item);
        self->item.n++;
        self->count--;
    }
    STINT_END;
}

STINT_FRAME(relics_Chest)
{
    STINT_BEGIN;
    STINT_CHANNEL_OPEN(&self->chest, "a-chest", 2, relics_Item);
    (void)stint_spawn(ctx, relics_Giver,
        (&(relics_Giver){ .out = self->chest, .count = 2, .item = { .n = 10, .text = "first" } }),
        NULL);
    (void)stint_spawn(ctx, relics_Giver,
        (&(relics_Giver){ .out = self->chest, .count = 2, .item = { .n = 20, .text = "second" } }),
        NULL);
    STINT_SLEEP_AS("nap", 100);
    while (self->taken < 4) {
        STINT_TRY_RECV_WITHIN(self->chest, relics_Item, &self->item, 50);
        stint_log(ctx, "main: %d %llu %s", (int)stint_status(ctx), (unsigned long long)self->item.n,
            self->item.text);
        self->taken++;
    }
    STINT_END;
}

STINT_FRAME(relics_Host)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->own, relics_Item, 3);
    self->item.reply = self->own;
    STINT_SEND_AS("hello", self->parent, relics_Item, &self->item, STINT_FOREVER);
    STINT_SLEEP_AS("nap", 5000);
    STINT_END;
}

STINT_FRAME(relics_Ask)
{
    STINT_BEGIN;
    self->since = stint_now_ms(ctx);
    (void)stint_channel_new(ctx, &self->own, relics_Item, 0);
    (void)stint_spawn(ctx, relics_Host, (&(relics_Host){ .parent = self->own }), NULL);
    STINT_RECV_AS("hello", self->own, relics_Item, &self->item, STINT_FOREVER);
    self->far = self->item.reply;
    STINT_RECV_AS("ask", self->far, relics_Item, &self->item, 700);
    stint_log(ctx, "main: got one");
    STINT_EXCEPT;
    stint_log(ctx, "main: %s", stint_error_text(ctx));
    STINT_SLEEP_AS("rest", 100);
    stint_log(ctx, "main: still %s", stint_error_text(ctx));
    STINT_END;
}

STINT_FRAME(relics_Burst)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->own, relics_Item, 0);
    (void)stint_spawn(ctx, relics_Host, (&(relics_Host){ .parent = self->own }), NULL);
    STINT_RECV_AS("hello", self->own, relics_Item, &self->item, STINT_FOREVER);
    self->far = self->item.reply;
    while (self->sent < 9) {
        self->item = (relics_Item){ .n = self->sent++, .text = "in a burst" };
        STINT_SEND_AS("burst", self->far, relics_Item, &self->item, STINT_FOREVER);
    }
    STINT_SLEEP_AS("after", 200);
    STINT_SEND_AS("one more", self->far, relics_Item, &self->item, STINT_FOREVER);
    STINT_EXCEPT;
    stint_log(ctx, "main: after %u, %s", self->sent, stint_error_text(ctx));
    STINT_END;
}

STINT_FRAME(relics_Fail)
{
    STINT_BEGIN;
    if (self->level < 2) {
        STINT_CALL(relics_Fail, .level = self->level + 1);
    }
    STINT_RAISE(STINT_USER, "level %u cannot go on", self->level);
    STINT_EXCEPT;
    self->seen++;
    STINT_SLEEP_AS("in except", 30);
    stint_log(ctx, "main: level %u saw %s", self->level, stint_error_text(ctx));
    if (self->level == 1) {
        STINT_RAISE(STINT_LIMIT, "another one");
    }
    STINT_RERAISE;
    STINT_END;
}

STINT_FRAME(relics_Tied)
{
    STINT_BEGIN;
    (void)stint_channel_new(ctx, &self->own, relics_Item, 0);
    (void)stint_set_pinned(ctx, true);
    (void)stint_set_block_trap(ctx, true);
    (void)stint_channel_prefer(ctx, &self->own, 1);
    (void)stint_channel_schedule_all(ctx, &self->own, true);
    (void)stint_channel_close(ctx, &self->own, false);
    stint_log(ctx, "@90 kill");
    STINT_PAUSE_FOR(relics_Item, &self->item);
    STINT_EXCEPT;
    stint_log(ctx, "main: %s, trap %d, pinned %d", stint_error_text(ctx),
        (int)stint_set_block_trap(ctx, false), (int)stint_set_pinned(ctx, false));
    STINT_END;
}

STINT_FRAME(relics_Kinds)
{
    STINT_BEGIN;
    *self = (relics_Kinds){ .flag = true,
        .small = -3,
        .large = -5000000000000,
        .zig = -4,
        .zag = -6000000000000,
        .four = 0xf1f2f3f4,
        .eight = 0xf1f2f3f4f5f6f7f8,
        .signed_four = -7,
        .signed_eight = -8,
        .real = 1.5f,
        .fine = -2.25,
        .colour = relics_Colour_COLOUR_BLUE,
        .text = "a text",
        .raw = { .size = 3, .bytes = { 1, 2, 255 } },
        .list_count = 3,
        .list = { 0, 300, UINT64_MAX },
        .items_count = 2,
        .items = { { .n = 1, .text = "one" }, { .n = 2, .text = "two" } },
        .has_maybe = true,
        .maybe = 0,
        .which_choice = relics_Kinds_thing_tag,
        .choice.thing = { .n = 99, .text = "of the choice" },
        .exact = { 5, 4, 3, 2, 1 } };
    STINT_YIELD_AS("filled");
    stint_log(ctx, "main: %d %d %lld %d %lld %x %llx %d %lld", self->flag, (int)self->small,
        (long long)self->large, (int)self->zig, (long long)self->zag, (unsigned)self->four,
        (unsigned long long)self->eight, (int)self->signed_four, (long long)self->signed_eight);
    stint_log(ctx, "main: %g %g %d %s %u %u", (double)self->real, self->fine, (int)self->colour,
        self->text, self->raw.size, self->raw.bytes[2]);
    stint_log(ctx, "main: %u %llu %llx %u %s %s", self->list_count,
        (unsigned long long)self->list[1], (unsigned long long)self->list[2], self->items_count,
        self->items[0].text, self->items[1].text);
    stint_log(ctx, "main: %d %u %u %s %u%u", self->has_maybe, (unsigned)self->maybe,
        self->which_choice, self->choice.thing.text, self->exact[0], self->exact[4]);
    STINT_END;
}

STINT_MODULE_AS(relics_module, relics, "1.0.0", relics_Nest, relics_Giver, relics_Chest,
    relics_Host, relics_Ask, relics_Burst, relics_Fail, relics_Tied, relics_Kinds)
