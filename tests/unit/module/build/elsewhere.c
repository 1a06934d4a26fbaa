/* SPDX-License-Identifier: Apache-2.0 */
#include "good.stint.h"

STINT_FRAME(good_Waiter)
{
    STINT_BEGIN;
    STINT_RECV(self->in, good_Item, &self->sum); /* no good_Item */
    STINT_END;
}

STINT_MODULE(elsewhere, "1.0.0", good_Waiter)
