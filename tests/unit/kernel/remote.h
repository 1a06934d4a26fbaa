/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several kernels and what a cluster does between them: effects become messages, in order between
 * each two kernels and in any order else; a message may come twice; what finds a frozen channel
 * comes again later.
 */
#ifndef STINT_TESTS_REMOTE_H
#define STINT_TESTS_REMOTE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ids.h"
#include "base/list.h"
#include "base/prng.h"
#include "kernel/kernel.h"
#include "remote.pb.h"
#include "stint/tasklet.h"
#include "tracked_memory.h"

#include <pb_encode.h>

enum { KERNELS = 3, RECEIVED_MAX = 20000, SPRAYED = 400 };

struct message {
    struct list link;
    int from;
    int to; /* -1: whoever has the channel or the tasklet */
    struct kernel_effect effect;
    uint8_t bytes[256];
    char text[128];
};

static struct net {
    struct tracked_memory tracked;
    struct mem mem;
    struct kernel *kernels[KERNELS];
    struct list messages;
    struct prng prng;
    uint64_t now_ms;
    uint32_t duplicates; /* of 100 messages */
    remote_Item received[RECEIVED_MAX];
    uint8_t receivers[RECEIVED_MAX];
    uint32_t received_count;
    uint32_t produced; /* sends that returned well */
    enum stint_status last_error;
    char last_text[128];
    uint32_t ended;
    stint_Channel owned; /* the channel of the Owner */
    stint_Channel sprayed[SPRAYED];
    enum stint_status naming; /* the cluster's answer to NAME_CHANNEL */
} net;

STINT_FRAME(remote_Producer)
{
    STINT_BEGIN;
    while (self->next < self->count) {
        self->item = (remote_Item){ self->sender, self->next };
        STINT_TRY_SEND_WITHIN(self->to, remote_Item, &self->item, self->within);
        if (stint_status(ctx) == STINT_OK) {
            self->next++;
            net.produced++;
            if (stint_random(ctx) % 4 == 0) {
                STINT_YIELD;
            }
        } else if (stint_status(ctx) != STINT_TIMED_OUT) {
            STINT_RAISE(stint_status(ctx), "producer %u stops at %u", self->sender, self->next);
        }
    }
    STINT_END;
}

STINT_FRAME(remote_Consumer)
{
    STINT_BEGIN;
    for (;;) {
        STINT_TRY_RECV_WITHIN(self->from, remote_Item, &self->item, self->within);
        if (stint_status(ctx) == STINT_OK) {
            assert_true(net.received_count < RECEIVED_MAX);
            net.receivers[net.received_count] = (uint8_t)self->receiver;
            net.received[net.received_count++] = self->item;
        } else if (stint_status(ctx) != STINT_TIMED_OUT) {
            break;
        }
    }
    STINT_RAISE(stint_status(ctx), "consumer stops");
    STINT_END;
}

/* Has a channel of its own, which moves with it. */
STINT_FRAME(remote_Owner)
{
    STINT_BEGIN;
    if (stint_channel_new(ctx, &self->inbox, remote_Item, self->capacity) != STINT_OK) {
        STINT_RAISE(STINT_ERROR, "no channel");
    }
    net.owned = self->inbox;
    for (;;) {
        STINT_TRY_RECV_WITHIN(self->inbox, remote_Item, &self->item, self->within);
        if (stint_status(ctx) == STINT_OK) {
            assert_true(net.received_count < RECEIVED_MAX);
            net.receivers[net.received_count] = 0;
            net.received[net.received_count++] = self->item;
        }
    }
    STINT_END;
}

/* Sends to many channels, twice over. */
STINT_FRAME(remote_Spray)
{
    STINT_BEGIN;
    for (self->round = 0; self->round < 2; self->round++) {
        for (self->next = 0; self->next < SPRAYED; self->next++) {
            self->to = net.sprayed[self->next];
            self->item = (remote_Item){ 0, self->next };
            STINT_SEND(self->to, remote_Item, &self->item);
        }
    }
    STINT_END;
}

STINT_FRAME(remote_Named)
{
    STINT_BEGIN;
    STINT_TRY_CHANNEL_OPEN(&self->inbox, self->name, 4, remote_Item);
    if (stint_status(ctx) == STINT_EXISTS) {
        STINT_SLEEP(1000);
        STINT_RAISE(STINT_EXISTS, "taken");
    } else if (stint_status(ctx) != STINT_OK) {
        STINT_RAISE(stint_status(ctx), "refused");
    }
    STINT_RECV(self->inbox, remote_Item, &self->item);
    STINT_END;
}

/* Goes on sending, whatever it is told. */
STINT_FRAME(remote_Insist)
{
    STINT_BEGIN;
    for (self->next = 0; self->next < 6; self->next++) {
        STINT_TRY_SEND(self->to, remote_Item, &self->item);
        net.produced += stint_status(ctx) == STINT_OK ? 1 : 0;
        net.last_error = stint_status(ctx);
        STINT_YIELD;
    }
    STINT_END;
}

STINT_MODULE_AS(remote_module, remote, "1.0.0", remote_Producer, remote_Consumer, remote_Owner,
    remote_Named, remote_Spray, remote_Insist)

static inline void
net_begin(uint64_t seed)
{
    char error[200];
    memset(&net, 0, sizeof net);
    mem_init(&net.mem, tracked_allocator(&net.tracked), 0);
    prng_init(&net.prng, seed);
    list_init(&net.messages);
    for (int i = 0; i < KERNELS; i++) {
        struct kernel_config config = { .mem = &net.mem,
            .seed = seed * 10 + (uint64_t)i,
            .here = { .node = { { (uint8_t)(i + 1) } }, .inc = 1 } };
        net.kernels[i] = kernel_new(&config);
        assert_non_null(net.kernels[i]);
        if (kernel_add_module(net.kernels[i], &remote_module, error, sizeof error) != STINT_OK) {
            fail_msg("%s", error);
        }
    }
}

static inline void
net_end(void)
{
    LIST_EACH (link, &net.messages) {
        free(STINT_CONTAINER_OF(link, struct message, link));
    }
    for (int i = 0; i < KERNELS; i++) {
        assert_false(kernel_is_broken(net.kernels[i]));
        kernel_free(net.kernels[i]);
    }
    assert_int_equal(net.mem.used, 0);
}

static inline struct stint_id
net_spawn(int at, const char *name, const pb_msgdesc_t *fields, const void *locals,
    uint32_t flags)
{
    const struct code *code;
    struct stint_id id = { { 0 } };
    uint8_t bytes[256];
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    assert_true(pb_encode(&stream, fields, locals));
    assert_int_equal(kernel_find_code(net.kernels[at], "remote", name, &code), STINT_OK);
    assert_int_equal(kernel_spawn(net.kernels[at], code,
                         (struct stint_span){ bytes, stream.bytes_written }, flags, &id),
        STINT_OK);
    return id;
}

static inline struct stint_id
net_channel(int at, uint32_t capacity)
{
    struct stint_id id = { { 0 } };
    const struct stint_type *type = kernel_find_type(net.kernels[at], "remote.Item");
    assert_non_null(type);
    assert_int_equal(kernel_channel_create(net.kernels[at], type, capacity, NULL, &id), STINT_OK);
    return id;
}

static stint_Channel
net_handle(struct stint_id cid)
{
    stint_Channel handle = { .slot = 7 };
    memcpy(handle.id, cid.bytes, sizeof handle.id);
    return handle;
}

static inline struct stint_id
net_producer(int at, struct stint_id cid, uint32_t sender, uint32_t count, int32_t within)
{
    remote_Producer p = { .to = net_handle(cid),
        .sender = sender,
        .count = count,
        .within = within };
    return net_spawn(at, "Producer", &remote_Producer_msg, &p, 0);
}

static inline struct stint_id
net_consumer(int at, struct stint_id cid, int32_t within)
{
    remote_Consumer c = { .from = net_handle(cid), .within = within };
    return net_spawn(at, "Consumer", &remote_Consumer_msg, &c, 0);
}

static inline void
net_post(int from, const struct kernel_effect *effect)
{
    struct message *m = malloc(sizeof *m);
    assert_non_null(m);
    bool answer = effect->kind == KERNEL_DONE || effect->kind == KERNEL_REFUSE;
    *m = (struct message){ .from = from,
        .to = answer ? effect->place.node.bytes[0] - 1 : -1,
        .effect = *effect };
    assert_true(effect->value.size <= sizeof m->bytes);
    if (effect->value.size != 0) {
        memcpy(m->bytes, effect->value.data, effect->value.size);
    }
    m->effect.value.data = m->bytes;
    list_push_back(&net.messages, &m->link);
}

/* What the node does with an effect of its kernel. */
static inline void
net_take(int from, const struct kernel_effect *effect)
{
    switch (effect->kind) {
    case KERNEL_ENDED:
        net.ended++;
        net.last_error = effect->status;
        snprintf(net.last_text, sizeof net.last_text, "%s", effect->text);
        break;
    case KERNEL_NAME_CHANNEL:
        kernel_named(net.kernels[from], effect->tid, effect->cid, net.naming);
        break;
    case KERNEL_LOG:
    case KERNEL_SUSPENDED:
    case KERNEL_CHANNEL_GONE:
    case KERNEL_MIGRATE_SELF:
        break;
    default:
        net_post(from, effect);
        if (prng_below(&net.prng, 100) < net.duplicates) {
            net_post(from, effect);
        }
    }
}

/* The kernel that has a channel, or -1. */
static int
net_host(struct stint_id cid)
{
    for (int i = 0; i < KERNELS; i++) {
        if (kernel_has_channel(net.kernels[i], cid)) {
            return i;
        }
    }
    return -1;
}

/* Brings a message to its host; false: it is frozen there. */
static bool
net_to_host(const struct message *m)
{
    const struct kernel_effect *e = &m->effect;
    int host = net_host(e->cid);
    if (host < 0) {
        kernel_channel_lost(net.kernels[m->from], e->cid);
        return true;
    }
    struct kernel *k = net.kernels[host];
    struct kernel_offer offer = { .cid = e->cid,
        .tid = e->tid,
        .number = e->number,
        .epoch = e->epoch,
        .type_hash = e->type_hash,
        .place = { .node = { { (uint8_t)(m->from + 1) } }, .inc = 1 },
        .flags = e->flags,
        .op = e->op,
        .value = e->value };
    enum stint_status status = STINT_OK;
    if (e->kind == KERNEL_OFFER) {
        status = kernel_offer(k, &offer);
    } else if (e->kind == KERNEL_CANCEL) {
        status = kernel_cancel(k, &offer);
    } else if (e->kind == KERNEL_FIN) {
        status = kernel_fin(k, e->cid, e->tid, e->number);
    } else {
        status = kernel_channel_close(k, e->cid, (e->flags & KERNEL_WAKE) != 0);
    }
    assert_true(status == STINT_OK || status == STINT_BUSY);
    return status == STINT_OK;
}

static bool
net_deliver(const struct message *m)
{
    const struct kernel_effect *e = &m->effect;
    struct kernel_done done = { .tid = e->tid,
        .cid = e->cid,
        .number = e->number,
        .type_hash = e->type_hash,
        .flags = e->flags,
        .status = e->status,
        .value = e->value };
    switch (e->kind) {
    case KERNEL_DONE:
        kernel_done(net.kernels[m->to], &done);
        return true;
    case KERNEL_REFUSE:
        kernel_refused(net.kernels[m->to], e->tid, e->cid, e->number);
        return true;
    case KERNEL_KILL:
        for (int i = 0; i < KERNELS; i++) {
            (void)(kernel_kill(net.kernels[i], e->tid, true) == STINT_OK);
        }
        return true;
    default:
        return net_to_host(m);
    }
}

/* Delivers the message at a random place that is the first of its pair of kernels. */
static inline void
net_deliver_one(void)
{
    uint64_t count = 0;
    LIST_EACH (link, &net.messages) {
        count++;
    }
    if (count == 0) {
        return;
    }
    uint64_t chosen = prng_below(&net.prng, count < 8 ? count : 8);
    struct message *m = NULL;
    LIST_EACH (link, &net.messages) {
        m = STINT_CONTAINER_OF(link, struct message, link);
        if (chosen-- == 0) {
            break;
        }
    }
    LIST_EACH (link, &net.messages) {
        struct message *earlier = STINT_CONTAINER_OF(link, struct message, link);
        if (earlier->from == m->from && earlier->to == m->to) {
            m = earlier;
            break;
        }
    }
    if (net_deliver(m)) {
        list_remove(&m->link);
        free(m);
    }
}

/* A step of everything; false when nothing is left to do but to wait for a deadline. */
static bool
net_step(void)
{
    bool busy = !list_is_empty(&net.messages);
    int i = (int)prng_below(&net.prng, KERNELS);
    struct kernel *k = net.kernels[i];
    kernel_set_time(k, net.now_ms * 1000000, net.now_ms);
    kernel_run(k, (uint32_t)prng_below(&net.prng, 20) + 1);
    for (int j = 0; j < KERNELS; j++) {
        uint32_t count;
        const struct kernel_effect *effects = kernel_effects(net.kernels[j], &count);
        for (uint32_t e = 0; e < count; e++) {
            net_take(j, &effects[e]);
        }
        busy = busy || count > 0 || kernel_runnable(net.kernels[j]);
    }
    for (uint64_t n = prng_below(&net.prng, 6); n > 0; n--) {
        net_deliver_one();
    }
    return busy;
}

/* Until nothing moves any more; deadlines do not pass. */
static inline void
net_settle(void)
{
    int quiet = 0;
    for (int i = 0; i < 1000000 && quiet < 50; i++) {
        quiet = net_step() ? 0 : quiet + 1;
    }
    assert_int_equal(quiet, 50);
}

/* Each sender's items came in order, each once, from 0 on; returns how many in all. */
static inline uint32_t
net_check_received(uint32_t senders)
{
    uint32_t next[16] = { 0 };
    for (uint32_t i = 0; i < net.received_count; i++) {
        const remote_Item *item = &net.received[i];
        assert_true(item->sender < senders && senders <= 16);
        if (item->number != next[item->sender]) {
            fail_msg("sender %u: %u came, %u was due", item->sender, item->number,
                next[item->sender]);
        }
        next[item->sender]++;
    }
    return net.received_count;
}

#endif
