/* SPDX-License-Identifier: Apache-2.0 */
#include "good.stint.h"

STINT_FRAME(good_Waiter)
{
    STINT_BEGIN;
    uint32_t kept = 3; /* the resume point behind it jumps over this */
    STINT_RECV(self->in, good_Item, &self->item);
    self->sum += kept;
    STINT_END;
}

STINT_MODULE(jumps, "1.0.0", good_Waiter)
