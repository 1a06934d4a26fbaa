/* SPDX-License-Identifier: Apache-2.0 */
/* See yard.proto. Little here ends by itself: what is over is paused, so that it can be looked at. */
#include "yard.stint.h"

/* Owns its channel and checks that the items of each sender come in order, each once. */
STINT_FRAME(yard_Sink)
{
    STINT_BEGIN;
    STINT_CHANNEL_OPEN(&self->inbox, self->name, self->capacity, yard_Item);
    for (;;) {
        STINT_RECV(self->inbox, yard_Item, &self->item);
        self->steps++;
        if (self->item.sequence != self->last[self->item.sender % 16] + 1) {
            self->wrong++;
        }
        self->last[self->item.sender % 16] = self->item.sequence;
        if (stint_channel_is_set(&self->item.reply)) {
            /* Who asked may be gone. */
            STINT_TRY_SEND(self->item.reply, yard_Answer, (&(yard_Answer){ .sequence = self->item.sequence }));
            self->steps++;
        }
        if (self->pace_ms != 0) {
            STINT_SLEEP(self->pace_ms);
            self->steps++;
        }
    }
    STINT_END;
}

/* Sends 1 to `count`, and ends then if it is to; with `ask` each waits for its answer; with `within_ms` what was not taken in time is sent again. */
STINT_FRAME(yard_Source)
{
    STINT_BEGIN;
    if (self->ask && stint_channel_new(ctx, &self->reply, yard_Answer, 0) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "no channel");
    }
    while (self->sent < self->count && self->status == STINT_OK) {
        STINT_TRY_SEND_WITHIN(self->to, yard_Item, (&(yard_Item){ .sender = self->sender, .sequence = self->sent + 1,
            .reply = self->reply }), self->within_ms != 0 ? self->within_ms : STINT_FOREVER);
        self->steps++;
        if (stint_status(ctx) == STINT_TIMED_OUT) {
            continue;
        }
        self->status = (uint32_t)stint_status(ctx);
        if (self->status == STINT_OK) {
            self->sent++;
        }
        if (self->status == STINT_OK && self->ask) {
            STINT_RECV(self->reply, yard_Answer, &self->answer);
            self->steps++;
            self->wrong += self->answer.sequence != self->sent ? 1 : 0;
        }
        if (self->pace_ms != 0) {
            STINT_SLEEP(self->pace_ms);
            self->steps++;
        }
    }
    self->over = true;
    if (self->ends) {
        STINT_RETURN;
    }
    STINT_PAUSE;
    STINT_END;
}

/* A place in a ring. A token comes by every `stations` hops: a second copy would come too early, a lost hop too late. */
STINT_FRAME(yard_Station)
{
    STINT_BEGIN;
    if (stint_channel_new(ctx, &self->inbox, yard_Token, 0) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "no channel");
    }
    while (self->status == STINT_OK) {
        STINT_RECV(self->inbox, yard_Token, &self->token);
        self->steps++;
        if (stint_channel_is_set(&self->token.next)) {
            self->next = self->token.next;
            continue;
        }
        if (self->due[self->token.number % 8] != 0 && self->due[self->token.number % 8] != self->token.hops) {
            self->wrong++;
        }
        self->due[self->token.number % 8] = self->token.hops + self->stations;
        self->token.hops++;
        STINT_SLEEP(self->pace_ms);
        self->steps++;
        STINT_TRY_SEND(self->next, yard_Token, &self->token);
        self->steps++;
        self->status = (uint32_t)stint_status(ctx);
    }
    STINT_PAUSE;
    STINT_END;
}

/* Puts a token somewhere, and ends. */
STINT_FRAME(yard_Hand)
{
    STINT_BEGIN;
    STINT_TRY_SEND(self->to, yard_Token, &self->token);
    STINT_END;
}

/* One of several that take from one channel. What it gets of a sender grows. */
STINT_FRAME(yard_Taker)
{
    STINT_BEGIN;
    while (self->status == STINT_OK) {
        STINT_TRY_RECV_WITHIN(self->from, yard_Item, &self->item, self->wait_ms);
        self->steps++;
        if (stint_status(ctx) == STINT_TIMED_OUT) {
            continue;
        }
        self->status = (uint32_t)stint_status(ctx);
        if (self->status != STINT_OK) {
            break;
        }
        self->wrong += self->item.sequence <= self->last[self->item.sender % 8] ? 1 : 0;
        self->last[self->item.sender % 8] = self->item.sequence;
        self->count[self->item.sender % 8]++;
        self->sum[self->item.sender % 8] += self->item.sequence;
    }
    STINT_PAUSE;
    STINT_END;
}

/* Waits for a value that does not come, again and again. */
STINT_FRAME(yard_Waiter)
{
    STINT_BEGIN;
    if (!stint_channel_is_set(&self->on) && stint_channel_new(ctx, &self->on, yard_Answer, 0) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "no channel");
    }
    for (;;) {
        STINT_TRY_RECV_WITHIN(self->on, yard_Answer, &self->answer, self->wait_ms);
        self->steps++;
        if (stint_status(ctx) != STINT_TIMED_OUT) {
            self->wrong++;
            STINT_PAUSE;
        }
    }
    STINT_END;
}

/* 1 + 2 + ... + depth, with a pause on each level, going down and coming up; every third level fails and is caught. */
STINT_FRAME(yard_Deep)
{
    STINT_BEGIN;
    STINT_SLEEP(self->pace_ms);
    self->value = self->depth;
    if (self->depth > 1) {
        STINT_CALL(yard_Deep, .depth = self->depth - 1, .pace_ms = self->pace_ms);
        self->value += STINT_RESULT(yard_Deep)->value;
    }
    STINT_YIELD;
    if (self->depth % 3 == 0) {
        STINT_RAISE(STINT_USER, "level %u", (unsigned)self->depth);
    }
    STINT_RETURN;
    STINT_EXCEPT;
    if (stint_status(ctx) == STINT_KILLED) {
        STINT_RERAISE;
    }
    STINT_SLEEP_AS("in the except section", self->pace_ms);
    STINT_HANDLED;
    STINT_END;
}

STINT_FRAME(yard_Nester)
{
    STINT_BEGIN;
    for (;;) {
        STINT_CALL(yard_Deep, .depth = self->depth, .pace_ms = self->pace_ms);
        self->steps++;
        if (STINT_RESULT(yard_Deep)->value != (uint64_t)self->depth * (self->depth + 1) / 2) {
            self->wrong++;
        }
    }
    STINT_END;
}

/* Moves itself about. */
STINT_FRAME(yard_Roamer)
{
    STINT_BEGIN;
    for (;;) {
        STINT_SLEEP(self->pace_ms);
        self->steps++;
        self->nodes_count = (pb_size_t)stint_nodes(ctx, self->nodes, 9);
        if (self->nodes_count == 0) {
            continue;
        }
        self->index = (uint32_t)(stint_random(ctx) % self->nodes_count);
        STINT_TRY_MIGRATE(&self->nodes[self->index]);
        self->steps++;
        self->moved += stint_status(ctx) == STINT_OK ? 1 : 0;
    }
    STINT_END;
}

STINT_MODULE_AS(yard_module, yard, "1.0.0", yard_Sink, yard_Source, yard_Station, yard_Hand, yard_Taker, yard_Waiter, yard_Deep,
    yard_Nester, yard_Roamer)
