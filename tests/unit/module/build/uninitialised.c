/* SPDX-License-Identifier: Apache-2.0 */
#include "good.stint.h"

STINT_FRAME(good_Waiter)
{
    uint32_t kept;
    STINT_BEGIN;
    kept = self->sum;
    STINT_RECV(self->in, good_Item, &self->item);
    self->sum += kept; /* nobody set it after a resume */
    STINT_END;
}

STINT_MODULE(uninitialised, "1.0.0", good_Waiter)
