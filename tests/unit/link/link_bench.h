/* SPDX-License-Identifier: Apache-2.0 */
/* Nets over real loopback sockets for the tests of proto/link; every wait ends on an
 * event or fails. */
#ifndef STINT_TESTS_LINK_BENCH_H
#define STINT_TESTS_LINK_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/mem.h"
#include "base/span.h"
#include "link/clock.h"
#include "link/link.h"

#define BENCH_LIMIT_NS UINT64_C(20000000000)

struct keys {
    uint8_t public_key[LINK_KEY_SIZE];
    uint8_t secret_key[LINK_KEY_SIZE];
};

static inline struct keys
keys_new(void)
{
    struct keys k;
    (void)crypto_box_keypair(k.public_key, k.secret_key);
    return k;
}

static inline void *
bench_resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

static inline struct mem
bench_mem(void)
{
    struct mem m;
    mem_init(&m, (struct stint_allocator){ bench_resize, NULL }, 0);
    return m;
}

/* A net with keys of its own; `server` is the secret of its listener when `listen` is
 * given. */
static inline struct link_net *
net_open(struct mem *mem, const struct keys *own, const char *listen,
         const struct keys *server)
{
    struct link_config config = { .mem = mem, .listen = listen };
    char error[256] = "";
    struct link_net *net;
    memcpy(config.public_key, own->public_key, LINK_KEY_SIZE);
    memcpy(config.secret_key, own->secret_key, LINK_KEY_SIZE);
    if (server != NULL) {
        memcpy(config.server_secret, server->secret_key, LINK_KEY_SIZE);
    }
    if (link_open(&net, &config, error, sizeof error) != STINT_OK) {
        fail_msg("%s", error);
    }
    return net;
}

/*
 * Serves `other` (may be NULL) until `net` has an event; other's events are put into
 * *others, or refused when `others` is NULL. The bytes of `event` stay valid until the
 * net's next call.
 */
static inline bool
net_event(struct link_net *net, struct link_net *other, struct link_event *event,
          int timeout_ms)
{
    uint64_t end = clock_now_ns() + (uint64_t)timeout_ms * CLOCK_NS_PER_MS;
    for (;;) {
        struct link_event ignored;
        if (link_next(net, event)) {
            return true;
        }
        if (other != NULL) {
            while (link_next(other, &ignored)) {
            }
        }
        uint64_t now = clock_now_ns();
        if (now >= end) {
            return false;
        }
        if (other == NULL || !link_pending(other)) {
            link_wait(net, clock_timeout_ms(now, end),
                      other == NULL ? -1 : link_fd(other));
        }
    }
}

static inline struct link_event
net_expect(struct link_net *net, struct link_net *other, enum link_event_kind kind,
           uint64_t link)
{
    struct link_event event;
    if (!net_event(net, other, &event, (int)(BENCH_LIMIT_NS / CLOCK_NS_PER_MS))) {
        fail_msg("no event in 20 s, expected kind %d", kind);
    }
    if (event.kind != kind || (link != 0 && event.link != link)) {
        fail_msg("event %d of link %llx (%s), expected %d", event.kind,
                 (unsigned long long)event.link, event.text == NULL ? "" : event.text,
                 kind);
    }
    return event;
}

static inline void
net_send(struct link_net *net, uint64_t link, const char *text)
{
    assert_int_equal(link_send(net, link, span_text(text)), STINT_OK);
}

static inline void
assert_bytes(const struct link_event *event, const char *text)
{
    assert_int_equal(event->bytes.size, strlen(text));
    assert_memory_equal(event->bytes.data, text, strlen(text));
}

#endif
