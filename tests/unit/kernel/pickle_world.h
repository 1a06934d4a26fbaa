/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two kernels between which tasklets are moved as pickles, and what carries their effects: at once, to whoever has the channel or
 * the tasklet. So a test is about pickles and nothing else.
 */
#ifndef STINT_TESTS_PICKLE_WORLD_H
#define STINT_TESTS_PICKLE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ids.h"
#include "base/prng.h"
#include "base/span.h"
#include "kernel/code.h"
#include "kernel/kernel.h"
#include "kernel/pickle.h"
#include "kernel/type.h"
#include "later.stint.h"
#include "pickles.stint.h"
#include "tracked_memory.h"

enum mode {
    MODE_YIELD,
    MODE_PAUSE,
    MODE_PAUSE_FOR,
    MODE_SLEEP,
    MODE_RECV,      /* self->in */
    MODE_RECV_WITHIN,
    MODE_RECV_OWN,  /* a channel of its own */
    MODE_SEND,      /* self->in, from the locals */
    MODE_SEND_TEMPORARY,
    MODE_NAME,
    MODE_EXCEPT,    /* yields in its except section, with an error that it has raised */
    MODE_COUNT
};

static const char *const mode_names[MODE_COUNT] = { "yield", "pause", "pause for a value", "sleep", "receive",
    "receive with a deadline", "receive on its own channel", "send", "send a temporary", "wait for a name",
    "except section" };

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
        STINT_SLEEP(5000);
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
        STINT_CALL(pickles_Deep, .depth = self->depth, .level = self->level + 1, .in = self->in, .out = self->out);
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
        assert_int_equal(self->item.n % 1000, *last); /* each source's in order, none twice, none lost */
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
    assert_int_equal(stint_spawn(ctx, pickles_Sink, (&(pickles_Sink){ .parent = self->reports,
        .capacity = self->capacity, .count = self->sources * self->items }), NULL), STINT_OK);
    STINT_RECV_AS("hello", self->reports, pickles_Item, &self->item, STINT_FOREVER);
    for (self->index = 0; self->index < self->sources; self->index++) {
        assert_int_equal(stint_spawn(ctx, pickles_Source, (&(pickles_Source){ .out = self->item.reply,
            .count = self->items, .first = self->index * 1000 }), NULL), STINT_OK);
    }
    STINT_RECV_AS("sum", self->reports, pickles_Item, &self->item, STINT_FOREVER);
    STINT_END;
}

STINT_MODULE_AS(pickles_module, pickles, "1.0.0", pickles_Worker, pickles_Deep, pickles_Source, pickles_Sink,
    pickles_Boss)

/* ---- the two kernels ---- */

enum { KERNELS = 2, ENDED_MAX = 16 };

struct ended {
    struct stint_id tid;
    enum stint_status status;
    char text[200];
    uint8_t bytes[4096];
    size_t size;
};

static struct world {
    struct tracked_memory tracked;
    struct mem mem;
    struct kernel *k[KERNELS];
    uint64_t now_ms;
    struct ended ended[ENDED_MAX];
    uint32_t ended_count;
    bool keep_names; /* NAME_CHANNEL is not answered */
    char last_error[256];
} world;

static struct kernel *
world_kernel(const struct stint_module *module, uint64_t seed)
{
    char error[256] = "";
    struct kernel_config config = { .mem = &world.mem, .seed = seed, .here = { .node = { { (uint8_t)seed } }, .inc = 1 } };
    struct kernel *k = kernel_new(&config);
    assert_non_null(k);
    if (kernel_add_module(k, module, error, sizeof(error)) != STINT_OK) {
        fail_msg("%s", error);
    }
    kernel_set_time(k, world.now_ms * 1000000, world.now_ms);
    return k;
}

static int
world_begin(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    mem_init(&world.mem, tracked_allocator(&world.tracked), 0);
    world.now_ms = 1000;
    world.k[0] = world_kernel(&pickles_module, 1);
    world.k[1] = world_kernel(&pickles_module, 2);
    return 0;
}

static int
world_end(void **state)
{
    (void)state;
    kernel_free(world.k[0]);
    kernel_free(world.k[1]);
    assert_int_equal(world.mem.used, 0);
    assert_int_equal(world.tracked.blocks, 0);
    return 0;
}

static int
world_where(struct stint_id tid)
{
    return kernel_has_tasklet(world.k[0], tid) ? 0 : kernel_has_tasklet(world.k[1], tid) ? 1 : -1;
}

static void
world_answer(int from, const struct kernel_effect *e)
{
    int host = kernel_has_channel(world.k[0], e->cid) ? 0 : kernel_has_channel(world.k[1], e->cid) ? 1 : -1;
    struct kernel_offer offer = { .cid = e->cid, .tid = e->tid, .number = e->number, .epoch = e->epoch,
        .type_hash = e->type_hash, .place = { .node = { { (uint8_t)(from + 1) } }, .inc = 1 }, .flags = e->flags,
        .op = e->op, .value = e->value };
    if (e->kind == KERNEL_FIN) {
        if (host >= 0) {
            (void)kernel_fin(world.k[host], e->cid, e->tid, e->number);
        }
        return;
    }
    if (host < 0) {
        kernel_channel_lost(world.k[from], e->cid);
        return;
    }
    /* A frozen channel is asked again when it goes on. */
    enum stint_status status = e->kind == KERNEL_OFFER ? kernel_offer(world.k[host], &offer)
                                                       : kernel_cancel(world.k[host], &offer);
    assert_true(status == STINT_OK || status == STINT_BUSY);
}

static void
world_effect(int from, const struct kernel_effect *e)
{
    /* What an ended tasklet still has outstanding stays where it ended. */
    int at = world_where(e->tid) >= 0 ? world_where(e->tid) : e->place.node.bytes[0] - 1;
    struct kernel_done done = { .tid = e->tid, .cid = e->cid, .number = e->number, .type_hash = e->type_hash,
        .flags = e->flags, .status = e->status, .value = e->value };
    switch (e->kind) {
    case KERNEL_OFFER:
    case KERNEL_CANCEL:
    case KERNEL_FIN:
        world_answer(from, e);
        break;
    case KERNEL_DONE:
        kernel_done(world.k[at], &done);
        break;
    case KERNEL_REFUSE:
        kernel_refused(world.k[at], e->tid, e->cid, e->number);
        break;
    case KERNEL_NAME_CHANNEL:
        if (!world.keep_names) {
            kernel_named(world.k[from], e->tid, e->cid, STINT_OK);
        }
        break;
    case KERNEL_ENDED: {
        assert_true(world.ended_count < ENDED_MAX);
        struct ended *end = &world.ended[world.ended_count++];
        *end = (struct ended){ .tid = e->tid, .status = e->status, .size = e->value.size };
        snprintf(end->text, sizeof end->text, "%s", e->text);
        assert_true(e->value.size <= sizeof(end->bytes));
        bytes_copy(end->bytes, e->value.data, e->value.size);
        break;
    }
    default:
        break;
    }
}

/* One turn of each kernel and what follows from it; false when nothing happened. */
static bool
world_step(uint32_t turns)
{
    bool busy = false;
    for (int i = 0; i < KERNELS; i++) {
        uint32_t count;
        kernel_set_time(world.k[i], world.now_ms * 1000000, world.now_ms);
        busy = kernel_run(world.k[i], turns) > 0 || busy;
        const struct kernel_effect *effects = kernel_effects(world.k[i], &count);
        for (uint32_t n = 0; n < count; n++) {
            world_effect(i, &effects[n]);
            busy = true;
        }
    }
    return busy;
}

static void
world_run(void)
{
    for (int i = 0; i < 100000; i++) {
        if (!world_step(100)) {
            return;
        }
    }
    fail_msg("it does not come to rest");
}

static struct stint_id
world_spawn(int at, const char *name, const struct stint_type *type, const void *locals)
{
    const struct code *code;
    struct stint_id id = { { 0 } };
    struct buf args;
    buf_init(&args, &world.mem, TYPE_SIZE_MAX);
    assert_int_equal(type_encode(type, locals, &args), STINT_OK);
    assert_int_equal(kernel_find_code(world.k[at], "pickles", name, &code), STINT_OK);
    assert_int_equal(kernel_spawn(world.k[at], code, buf_span(&args), KERNEL_NOTIFY, &id), STINT_OK);
    buf_fini(&args);
    return id;
}

/* How that tasklet ended; its first frame's locals are decoded into `locals`. */
static const struct ended *
world_result(struct stint_id tid, const struct stint_type *type, void *locals)
{
    for (uint32_t i = 0; i < world.ended_count; i++) {
        const struct ended *end = &world.ended[i];
        if (id_equal(end->tid, tid)) {
            if (locals != NULL) {
                assert_int_equal(type_decode(type, span_of(end->bytes, end->size), locals, NULL), STINT_OK);
            }
            return end;
        }
    }
    return NULL;
}

static stint_Channel
world_handle(struct stint_id cid)
{
    stint_Channel ch = { .slot = 3 };
    memcpy(ch.id, cid.bytes, sizeof(ch.id));
    return ch;
}

static struct stint_id
world_channel(int at, uint32_t capacity)
{
    struct stint_id cid = { { 0 } };
    assert_int_equal(kernel_channel_create(world.k[at], &pickles_Item_stint, capacity, NULL, &cid), STINT_OK);
    return cid;
}

/* ---- pickles ---- */

static void
pickle_of(struct kernel *k, struct stint_id tid, struct buf *out)
{
    buf_init(out, &world.mem, 1 << 20);
    assert_int_equal(kernel_save(k, tid, out), STINT_OK);
}

static enum stint_status
pickle_into(struct kernel *k, const struct buf *pickle, const struct pickle_options *options, struct stint_id *tid)
{
    static const struct pickle_options none;
    world.last_error[0] = '\0';
    return kernel_load(k, buf_span(pickle), options != NULL ? options : &none, tid, world.last_error,
        sizeof world.last_error);
}

/* Moves a tasklet to the other kernel, and checks on the way that saving what was loaded gives the same bytes. */
static void
world_move(struct stint_id tid)
{
    int from = world_where(tid);
    struct buf first, second;
    struct stint_id loaded;
    struct kernel_tasklet_view view;
    assert_true(from >= 0);
    struct kernel *source = world.k[from];
    struct kernel *target = world.k[1 - from];
    assert_int_equal(kernel_look(source, tid, &view), STINT_OK);
    uint64_t epoch = view.epoch;
    assert_int_equal(kernel_freeze(source, tid), STINT_OK);
    pickle_of(source, tid, &first);
    enum stint_status status = pickle_into(target, &first, NULL, &loaded);
    if (status != STINT_OK) {
        fail_msg("%s: %s", stint_status_name(status), world.last_error);
    }
    assert_true(id_equal(tid, loaded));
    pickle_of(target, tid, &second);
    assert_true(span_equal(buf_span(&first), buf_span(&second)));
    assert_int_equal(kernel_discard(source, tid), STINT_OK);
    assert_int_equal(kernel_thaw(target, tid, epoch + 1), STINT_OK);
    /* Waiters elsewhere ask again at the channel's new place. */
    struct stint_id cids[8];
    uint32_t owned = kernel_owned(target, tid, cids, 8);
    for (uint32_t i = 0; i < owned; i++) {
        kernel_reoffer_channel(world.k[0], cids[i]);
        kernel_reoffer_channel(world.k[1], cids[i]);
    }
    buf_fini(&first);
    buf_fini(&second);
}

#endif
