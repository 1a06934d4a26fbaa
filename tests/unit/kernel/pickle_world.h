/* SPDX-License-Identifier: Apache-2.0 */
/* The codes that the tests of the pickle run, on two kernels (kernel_set.h). */
#ifndef STINT_TESTS_PICKLE_WORLD_H
#define STINT_TESTS_PICKLE_WORLD_H

#include "later.stint.h"
#include "pickles.stint.h"

#define WORLD_MODULE (&pickles_module)
extern const struct stint_module pickles_module;
#include "kernel_set.h"

enum mode {
    MODE_YIELD,
    MODE_PAUSE,
    MODE_PAUSE_FOR,
    MODE_SLEEP,
    MODE_RECV, /* self->in */
    MODE_RECV_WITHIN,
    MODE_RECV_OWN, /* a channel of its own */
    MODE_SEND,     /* self->in, from the locals */
    MODE_SEND_TEMPORARY,
    MODE_NAME,
    MODE_EXCEPT, /* yields in its except section, with an error that it has raised */
    MODE_COUNT
};

static const char *const mode_names[MODE_COUNT] = { "yield", "pause", "pause for a value", "sleep",
    "receive", "receive with a deadline", "receive on its own channel", "send", "send a temporary",
    "wait for a name", "except section" };

STINT_FRAME(pickles_Worker)
{
    STINT_BEGIN;
    assert_int_equal(stint_channel_new(ctx, &self->own, pickles_Item, 2), STINT_OK);
    self->sum += 1000;
    if (self->mode == MODE_YIELD) {
        STINT_YIELD;
    } else if (self->mode == MODE_PAUSE) {
        STINT_PAUSE;
    } else if (self->mode == MODE_PAUSE_FOR) {
        STINT_PAUSE_FOR(pickles_Item, &self->item);
    } else if (self->mode == MODE_SLEEP) {
        STINT_SLEEP_AS("nap", 5000);
    } else if (self->mode == MODE_RECV) {
        STINT_RECV(self->in, pickles_Item, &self->item);
    } else if (self->mode == MODE_RECV_WITHIN) {
        STINT_TRY_RECV_WITHIN(self->in, pickles_Item, &self->item, 7000);
        snprintf(self->note, sizeof self->note, "%s", stint_status_name(stint_status(ctx)));
    } else if (self->mode == MODE_RECV_OWN) {
        STINT_RECV(self->own, pickles_Item, &self->item);
    } else if (self->mode == MODE_SEND) {
        self->item = (pickles_Item){ .n = 77, .text = "from the locals", .reply = self->own };
        STINT_SEND(self->in, pickles_Item, &self->item);
    } else if (self->mode == MODE_SEND_TEMPORARY) {
        STINT_SEND_AS("temporary", self->in, pickles_Item,
            (&(pickles_Item){ .n = 78, .text = "a temporary", .reply = self->own }), STINT_FOREVER);
    } else if (self->mode == MODE_NAME) {
        STINT_CHANNEL_OPEN(&self->in, "a-name", 3, pickles_Item);
    } else {
        STINT_RAISE(STINT_USER, "mode %u is what it wants", self->mode);
    }
    self->sum += self->item.n;
    STINT_EXCEPT;
    snprintf(self->note, sizeof self->note, "%s", stint_error_text(ctx));
    STINT_YIELD_AS("in except");
    /* The error is still the one that is being handled. */
    if (strcmp(self->note, stint_error_text(ctx)) != 0) {
        snprintf(self->note, sizeof self->note, "another error");
    }
    self->sum += 5;
    STINT_END;
}

STINT_FRAME(pickles_Deep)
{
    STINT_BEGIN;
    if (self->level < self->depth) {
        STINT_CALL(pickles_Deep, .depth = self->depth, .level = self->level + 1, .in = self->in,
            .out = self->out);
        self->sum = STINT_RESULT(pickles_Deep)->sum;
        STINT_YIELD;
        self->item.n = self->sum;
        STINT_SEND(self->out, pickles_Item, &self->item);
    } else {
        STINT_RECV(self->in, pickles_Item, &self->item);
    }
    self->sum = self->sum * 3 + self->level + self->item.n;
    STINT_END;
}

STINT_FRAME(pickles_Source)
{
    STINT_BEGIN;
    while (self->done < self->count) {
        self->item.n = self->first + self->done;
        STINT_SEND(self->out, pickles_Item, &self->item);
        self->done++;
    }
    STINT_END;
}

STINT_FRAME(pickles_Sink)
{
    STINT_BEGIN;
    assert_int_equal(stint_channel_new(ctx, &self->inbox, pickles_Item, self->capacity), STINT_OK);
    self->last_count = 8;
    self->item.reply = self->inbox;
    STINT_SEND_AS("hello", self->parent, pickles_Item, &self->item, STINT_FOREVER);
    while (self->count > 0) {
        STINT_RECV(self->inbox, pickles_Item, &self->item);
        uint64_t *last = &self->last[self->item.n / 1000];
        assert_int_equal(
            self->item.n % 1000, *last); /* each source's in order, none twice, none lost */
        (*last)++;
        self->sum += self->item.n;
        self->count--;
    }
    self->item = (pickles_Item){ .n = self->sum };
    STINT_SEND_AS("sum", self->parent, pickles_Item, &self->item, STINT_FOREVER);
    STINT_END;
}

STINT_FRAME(pickles_Boss)
{
    STINT_BEGIN;
    assert_int_equal(stint_channel_new(ctx, &self->reports, pickles_Item, 0), STINT_OK);
    assert_int_equal(stint_spawn(ctx, pickles_Sink,
                         (&(pickles_Sink){ .parent = self->reports,
                             .capacity = self->capacity,
                             .count = self->sources * self->items }),
                         NULL),
        STINT_OK);
    STINT_RECV_AS("hello", self->reports, pickles_Item, &self->item, STINT_FOREVER);
    for (self->index = 0; self->index < self->sources; self->index++) {
        assert_int_equal(
            stint_spawn(ctx, pickles_Source,
                (&(pickles_Source){
                    .out = self->item.reply, .count = self->items, .first = self->index * 1000 }),
                NULL),
            STINT_OK);
    }
    STINT_RECV_AS("sum", self->reports, pickles_Item, &self->item, STINT_FOREVER);
    STINT_END;
}

STINT_MODULE_AS(pickles_module, pickles, "1.0.0", pickles_Worker, pickles_Deep, pickles_Source,
    pickles_Sink, pickles_Boss)

/* ---- the two kernels ---- */

static struct stint_id
world_spawn(int at, const char *name, const struct stint_type *type, const void *locals)
{
    return world_spawn_of(at, "pickles", name, type, locals);
}

static struct stint_id
world_channel(int at, uint32_t capacity)
{
    return world_channel_of(at, &pickles_Item_stint, capacity);
}

#endif
