/* SPDX-License-Identifier: Apache-2.0 */
/* See mill.proto. */
#include <string.h>

#include "mill.stint.h"

/* Owns the channel `name`; rests when it has seen `expect` numbers. */
STINT_FRAME(mill_Sum)
{
    STINT_BEGIN;
    STINT_CHANNEL_OPEN(&self->inbox, self->name, self->capacity, mill_Number);
    while (self->seen < self->expect) {
        STINT_RECV(self->inbox, mill_Number, &self->number);
        self->seen++;
        self->total += self->number.sequence;
        if (self->number.sequence != self->last[self->number.sender] + 1) {
            self->disorder++;
        }
        self->last[self->number.sender] = self->number.sequence;
        if (stint_channel_is_set(&self->number.reply)) {
            STINT_SEND(self->number.reply, mill_Answer, (&(mill_Answer){ .sequence = self->number.sequence }));
        }
    }
    STINT_PAUSE; /* to be looked at */
    STINT_END;
}

/* Sends 1 to `count`; with `ask` each number waits for its answer. */
STINT_FRAME(mill_Feed)
{
    STINT_BEGIN;
    if (self->ask && stint_channel_new(ctx, &self->reply, mill_Answer, 0) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "no channel");
    }
    while (self->next < self->count) {
        self->next++;
        STINT_SEND(self->to, mill_Number,
                   (&(mill_Number){ .sender = self->sender, .sequence = self->next, .reply = self->reply }));
        if (self->ask) {
            STINT_RECV(self->reply, mill_Answer, &self->answer);
            self->wrong += self->answer.sequence != self->next ? 1 : 0;
        }
    }
    STINT_END;
}

/* Waits for a value that does not come, again and again. */
STINT_FRAME(mill_Wait)
{
    STINT_BEGIN;
    for (;;) {
        STINT_TRY_RECV_WITHIN(self->on, mill_Answer, &self->answer, 50);
        if (stint_status(ctx) != STINT_TIMED_OUT) {
            STINT_RETURN;
        }
        self->timeouts++;
    }
    STINT_END;
}

/* A number that came is written down. Which ones may be missing is for the reader to say. */
static void
write_down(mill_Ledger *ledger, const mill_Number *number)
{
    uint32_t sender = number->sender % 8;
    uint64_t *word = &ledger->got[sender * 16 + number->sequence / 64 % 16];
    uint64_t bit = UINT64_C(1) << number->sequence % 64;
    ledger->seen++;
    ledger->doubled += (*word & bit) != 0;
    ledger->disorder += number->sequence <= ledger->last[sender];
    ledger->last[sender] = number->sequence;
    *word |= bit;
}

/* Owns the channel `name` and keeps a ledger of what comes, for ever. Who asks for an answer gets one, if he takes it. */
STINT_FRAME(mill_Ledger)
{
    STINT_BEGIN;
    STINT_CHANNEL_OPEN(&self->inbox, self->name, self->capacity, mill_Number);
    for (;;) {
        STINT_RECV(self->inbox, mill_Number, &self->number);
        write_down(self, &self->number);
        if (stint_channel_is_set(&self->number.reply)) {
            STINT_TRY_SEND_WITHIN(self->number.reply, mill_Answer,
                                  (&(mill_Answer){ .sequence = self->number.sequence }), 2000);
            self->unanswered += stint_status(ctx) != STINT_OK;
        }
    }
    STINT_END;
}

/* Is there, to be counted. */
STINT_FRAME(mill_Mark)
{
    STINT_BEGIN;
    for (;;) {
        STINT_SLEEP(3600000);
    }
    STINT_END;
}

/* Does one thing to others. */
STINT_FRAME(mill_Hand)
{
    struct stint_id target;
    STINT_BEGIN;
    memcpy(target.bytes, self->tasklet, sizeof target.bytes);
    if (self->what == mill_Hand_What_MIGRATE) {
        STINT_MIGRATE(&self->node);
    } else if (self->what == mill_Hand_What_KILL) {
        STINT_KILL(target);
    } else if (self->what == mill_Hand_What_KILL_PENDING) {
        (void)stint_kill_pending(ctx, target);
    } else if (self->what == mill_Hand_What_LOG) {
        stint_log(ctx, "a hand was here");
    } else if (stint_channel_close(ctx, &self->on, self->what == mill_Hand_What_WAKE) != STINT_OK) {
        STINT_RAISE(STINT_INVALID, "no such channel");
    }
    STINT_PAUSE;
    STINT_END;
}

STINT_MODULE_AS(mill_module, mill, "1.0.0", mill_Sum, mill_Feed, mill_Wait, mill_Ledger, mill_Mark, mill_Hand)
