/* SPDX-License-Identifier: Apache-2.0 */
/* A tasklet that adds up what it is sent. All it knows is in its locals, so it can be moved while it waits. */
#include "tally.stint.h"

STINT_FRAME(tally_Tally)
{
    STINT_BEGIN;
    STINT_CHANNEL_OPEN(&self->inbox, self->name, 64, tally_Add);
    for (;;) {
        STINT_RECV(self->inbox, tally_Add, &self->add);
        self->sum.total += self->add.amount;
        self->sum.seen++;
        if (stint_channel_is_set(&self->add.reply)) {
            /* Whoever asked may be gone by now; that is no reason to end. */
            STINT_TRY_SEND(self->add.reply, tally_Total, &self->sum);
        }
    }
    STINT_EXCEPT;
    stint_log(ctx, "%s ends at %llu after %llu messages: %s", self->name,
        (unsigned long long)self->sum.total, (unsigned long long)self->sum.seen, stint_error_text(ctx));
    if (stint_status(ctx) != STINT_END_OF_SEQUENCE) { /* somebody closed the channel: a good end */
        STINT_RERAISE;
    }
    STINT_END;
}

STINT_MODULE(tally, "1.0.0", tally_Tally)
