/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "greet.stint.h"

STINT_FRAME(greet_Greeter)
{
    STINT_BEGIN;
    STINT_CHANNEL_OPEN(&self->inbox, "greeter", 4, greet_Question);
    for (;;) {
        STINT_RECV(self->inbox, greet_Question, &self->question);
        snprintf(self->answer.text, sizeof self->answer.text, "hello %s", self->question.name);
        STINT_TRY_SEND(self->question.reply, greet_Answer, &self->answer);
    }
    STINT_END;
}

STINT_MODULE(greet, "1.0.0", greet_Greeter)
