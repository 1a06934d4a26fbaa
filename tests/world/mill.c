/* SPDX-License-Identifier: Apache-2.0 */
/* See mill.proto. */
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

STINT_MODULE_AS(mill_module, mill, "1.0.0", mill_Sum, mill_Feed, mill_Wait)
