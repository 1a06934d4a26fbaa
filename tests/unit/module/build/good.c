/* SPDX-License-Identifier: Apache-2.0 */
#include "good.stint.h"

STINT_FRAME(good_Waiter)
{
    STINT_BEGIN;
    for (uint32_t i = 0; i < 3; i++) { /* a plain variable between two suspensions is fine */
        self->sum += i;
    }
    if (stint_channel_new(ctx, &self->in, good_Item, 1) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "no channel");
    }
    STINT_RECV(self->in, good_Item, &self->item);
    STINT_END;
}

STINT_MODULE(good, "1.0.0", good_Waiter)
