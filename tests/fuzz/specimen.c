/* SPDX-License-Identifier: Apache-2.0 */
/* See specimen.proto. */
#include "specimen.h"

#include <stdio.h>

STINT_FRAME(specimen_Worker)
{
    STINT_BEGIN;
    if (stint_channel_new(ctx, &self->own, specimen_Item, 2) != STINT_OK) {
        STINT_RAISE(STINT_USER, "no channel");
    }
    if (self->mode == SPECIMEN_YIELD) {
        STINT_YIELD;
    } else if (self->mode == SPECIMEN_PAUSE) {
        STINT_PAUSE;
    } else if (self->mode == SPECIMEN_PAUSE_FOR) {
        STINT_PAUSE_FOR(specimen_Item, &self->item);
    } else if (self->mode == SPECIMEN_SLEEP) {
        STINT_SLEEP_AS("nap", 5000);
    } else if (self->mode == SPECIMEN_RECV) {
        STINT_RECV(self->in, specimen_Item, &self->item);
    } else if (self->mode == SPECIMEN_RECV_WITHIN) {
        STINT_TRY_RECV_WITHIN(self->in, specimen_Item, &self->item, 7000);
        snprintf(self->note, sizeof self->note, "%s", stint_status_name(stint_status(ctx)));
    } else if (self->mode == SPECIMEN_RECV_OWN) {
        STINT_RECV(self->own, specimen_Item, &self->item);
    } else if (self->mode == SPECIMEN_SEND) {
        self->item.reply = self->own;
        STINT_SEND(self->in, specimen_Item, &self->item);
    } else if (self->mode == SPECIMEN_SEND_TEMPORARY) {
        STINT_SEND_AS("temporary", self->in, specimen_Item,
                      (&(specimen_Item){ .n = 78, .text = "a temporary", .reply = self->own }), STINT_FOREVER);
    } else if (self->mode == SPECIMEN_NAME) {
        STINT_CHANNEL_OPEN(&self->in, "a-name", 3, specimen_Item);
    } else {
        STINT_RAISE(STINT_USER, "mode %u is what it wants", self->mode);
    }
    self->sum += self->item.n;
    STINT_EXCEPT;
    snprintf(self->note, sizeof self->note, "%s", stint_error_text(ctx));
    STINT_YIELD_AS("in except");
    self->sum += 5;
    STINT_END;
}

STINT_FRAME(specimen_Deep)
{
    STINT_BEGIN;
    if (self->level < self->depth && self->level < 6) {
        STINT_CALL(specimen_Deep, .depth = self->depth, .level = self->level + 1, .in = self->in, .out = self->out);
        self->sum = STINT_RESULT(specimen_Deep)->sum;
        STINT_YIELD;
        self->item.n = self->sum;
        STINT_SEND(self->out, specimen_Item, &self->item);
    } else {
        STINT_RECV(self->in, specimen_Item, &self->item);
    }
    self->sum = self->sum * 3 + self->level + self->item.n;
    STINT_END;
}

STINT_FRAME(specimen_Boss)
{
    STINT_BEGIN;
    if (stint_channel_new(ctx, &self->inbox, specimen_Item, self->capacity % 8) != STINT_OK) {
        STINT_RAISE(STINT_USER, "no channel");
    }
    for (self->all.u32 = 0; self->all.u32 < 3; self->all.u32++) {
        if (stint_spawn(ctx, specimen_Worker,
                        (&(specimen_Worker){ .mode = SPECIMEN_SEND, .in = self->inbox, .item = { .n = self->all.u32 } }),
                        NULL) != STINT_OK) {
            STINT_RAISE(STINT_USER, "no worker");
        }
    }
    while (self->count > 0) {
        STINT_RECV(self->inbox, specimen_Item, &self->item);
        self->all.u64 += self->item.n;
        self->count--;
    }
    STINT_END;
}

STINT_MODULE_AS(specimen_module, specimen, "1.0.0", specimen_Worker, specimen_Deep, specimen_Boss)
