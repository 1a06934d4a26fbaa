/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few kernels between which tasklets are moved as pickles, and what carries their effects: at
 * once, to whoever has the channel or the tasklet. So a test is about tasklets and nothing else.
 * The includer defines WORLD_MODULE, and WORLD_KERNELS if it wants another number than 2.
 */
#ifndef STINT_TESTS_KERNEL_SET_H
#define STINT_TESTS_KERNEL_SET_H

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
#include "tracked_memory.h"

#ifndef WORLD_KERNELS
#define WORLD_KERNELS 2
#endif

enum { KERNELS = WORLD_KERNELS, ENDED_MAX = 16 };

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
    uint32_t self_moves;
    uint64_t client_done; /* number of the last operation of `client` that is done */
    struct stint_id client;
    enum stint_status client_status;
    uint8_t client_bytes[8192];
    size_t client_size;
} world;

static struct kernel *
world_kernel(const struct stint_module *module, uint64_t seed)
{
    char error[256] = "";
    struct kernel_config config = {
        .mem = &world.mem, .seed = seed, .here = { .node = { { (uint8_t)seed } }, .inc = 1 }
    };
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
    for (int i = 0; i < KERNELS; i++) {
        world.k[i] = world_kernel(WORLD_MODULE, (uint64_t)i + 1);
    }
    struct stint_id nodes[KERNELS];
    memset(nodes, 0, sizeof(nodes));
    for (int i = 0; i < KERNELS; i++) {
        nodes[i].bytes[0] = (uint8_t)(i + 1);
    }
    for (int i = 0; i < KERNELS; i++) {
        kernel_set_nodes(world.k[i], nodes, KERNELS);
    }
    return 0;
}

static int
world_end(void **state)
{
    (void)state;
    for (int i = 0; i < KERNELS; i++) {
        kernel_free(world.k[i]);
    }
    assert_int_equal(world.mem.used, 0);
    assert_int_equal(world.tracked.blocks, 0);
    return 0;
}

static int
world_where(struct stint_id tid)
{
    int at = KERNELS - 1;
    while (at >= 0 && !kernel_has_tasklet(world.k[at], tid)) {
        at--;
    }
    return at;
}

/* Where a channel is, or -1. */
static int
world_host(struct stint_id cid)
{
    int at = KERNELS - 1;
    while (at >= 0 && !kernel_has_channel(world.k[at], cid)) {
        at--;
    }
    return at;
}

static void world_move_to(struct stint_id tid, int to);

static void
world_answer(int from, const struct kernel_effect *e)
{
    int host = world_host(e->cid);
    struct kernel_offer offer = { .cid = e->cid,
        .tid = e->tid,
        .number = e->number,
        .epoch = e->epoch,
        .type_hash = e->type_hash,
        .place = { .node = { { (uint8_t)(from + 1) } }, .inc = 1 },
        .flags = e->flags,
        .op = e->op,
        .value = e->value };
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
    struct kernel_done done = { .tid = e->tid,
        .cid = e->cid,
        .number = e->number,
        .type_hash = e->type_hash,
        .flags = e->flags,
        .status = e->status,
        .value = e->value };
    switch (e->kind) {
    case KERNEL_OFFER:
    case KERNEL_CANCEL:
    case KERNEL_FIN:
        world_answer(from, e);
        break;
    case KERNEL_DONE:
        if (id_equal(e->tid, world.client)) {
            world.client_done = e->number;
            world.client_status = e->status;
            world.client_size = e->value.size;
            assert_true(e->value.size <= sizeof(world.client_bytes));
            bytes_copy(world.client_bytes, e->value.data, e->value.size);
            break;
        }
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
    case KERNEL_MIGRATE_SELF:
        world.self_moves++;
        world_move_to(e->tid, e->place.node.bytes[0] - 1);
        break;
    case KERNEL_CLOSE:
        if (world_host(e->cid) >= 0) {
            (void)!kernel_channel_close(
                world.k[world_host(e->cid)], e->cid, (e->flags & KERNEL_WAKE) != 0);
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
world_spawn_of(
    int at, const char *module, const char *name, const struct stint_type *type, const void *locals)
{
    const struct code *code;
    struct stint_id id = { { 0 } };
    struct buf args;
    buf_init(&args, &world.mem, TYPE_SIZE_MAX);
    assert_int_equal(type_encode(type, locals, &args), STINT_OK);
    assert_int_equal(kernel_find_code(world.k[at], module, name, &code), STINT_OK);
    assert_int_equal(
        kernel_spawn(world.k[at], code, buf_span(&args), KERNEL_NOTIFY, &id), STINT_OK);
    buf_fini(&args);
    return id;
}

/* How that tasklet ended; its first frame's locals are decoded into `locals`. */
static inline const struct ended *
world_result(struct stint_id tid, const struct stint_type *type, void *locals)
{
    for (uint32_t i = 0; i < world.ended_count; i++) {
        const struct ended *end = &world.ended[i];
        if (id_equal(end->tid, tid)) {
            if (locals != NULL) {
                assert_int_equal(
                    type_decode(type, span_of(end->bytes, end->size), locals, NULL), STINT_OK);
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
world_channel_of(int at, const struct stint_type *type, uint32_t capacity)
{
    struct stint_id cid = { { 0 } };
    assert_int_equal(kernel_channel_create(world.k[at], type, capacity, NULL, &cid), STINT_OK);
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
pickle_into(struct kernel *k, const struct buf *pickle, const struct pickle_options *options,
    struct stint_id *tid)
{
    static const struct pickle_options none;
    world.last_error[0] = '\0';
    return kernel_load(k, buf_span(pickle), options != NULL ? options : &none, tid,
        world.last_error, sizeof world.last_error);
}

/* Moves a tasklet, and checks on the way that saving what was loaded gives the same bytes. */
static void
world_move_to(struct stint_id tid, int to)
{
    int from = world_where(tid);
    struct buf first, second;
    struct stint_id loaded;
    struct kernel_tasklet_view view;
    assert_true(from >= 0 && from != to);
    struct kernel *source = world.k[from];
    struct kernel *target = world.k[to];
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
        for (int n = 0; n < KERNELS; n++) {
            kernel_reoffer_channel(world.k[n], cids[i]);
        }
    }
    buf_fini(&first);
    buf_fini(&second);
}

/* The same, to the next kernel. */
static inline void
world_move(struct stint_id tid)
{
    world_move_to(tid, (world_where(tid) + 1) % KERNELS);
}

#endif
