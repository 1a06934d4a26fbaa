/* SPDX-License-Identifier: Apache-2.0 */
/* A tasklet that adds up readings and says the total when it is asked. */
#include "meter.stint.h"

STINT_FRAME(meter_Meter)
{
    STINT_BEGIN;
    STINT_CHANNEL_OPEN(&self->inbox, "meter", 16, meter_Reading);
    for (;;) {
        STINT_RECV(self->inbox, meter_Reading, &self->reading);
        if (stint_channel_is_set(&self->reading.reply)) {
            STINT_TRY_SEND(self->reading.reply, meter_Total, &self->total);
        } else {
            self->total.sum += self->reading.value;
            self->total.readings++;
        }
    }
    STINT_END;
}

STINT_MODULE_AS(meter_module, meter, "1.0.0", meter_Meter)
