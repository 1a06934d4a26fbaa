/* SPDX-License-Identifier: Apache-2.0 */
/* The relay of a client's channels, and the tasklets behind it, for tests of sdk/client/own.h. */
#ifndef STINT_TESTS_CLIENT_OWN_RELAY_H
#define STINT_TESTS_CLIENT_OWN_RELAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ids.h"
#include "base/prng.h"
#include "client/own.h"
#include "tracked_memory.h"

#define SECOND UINT64_C(1000000000)
#define HASH 77

static struct tracked_memory tracked;
static struct mem mem;
static struct own *own;
static struct own_channel *ch;
static uint64_t now;

/* ---- the relay ---- */

struct answer {
    uint8_t kind, status;
    uint64_t number;
    struct stint_id tid;
    struct own_channel_place place;
    char value[64];
    size_t size;
};

static struct answer answer;

/* The next answer; false: there is none. */
static inline bool
next(void)
{
    struct envelope e;
    struct stint_span body;
    if (!own_answer(own, &e, &body)) {
        return false;
    }
    assert_true(own_channel_is(e.source));
    assert_true(own_channel_get_place(&body, &answer.place));
    answer.kind = e.kind;
    answer.status = e.status;
    answer.number = e.number;
    answer.tid = e.target;
    answer.size = body.size;
    assert_true(body.size < sizeof answer.value);
    bytes_copy(answer.value, body.data, body.size);
    own_answered(own);
    return true;
}

#define EXPECT_DONE(n, s)                            \
    do {                                             \
        assert_true(next());                         \
        assert_int_equal(answer.kind, ENVELOPE_DONE); \
        assert_int_equal(answer.number, n);          \
        assert_int_equal(answer.status, s);          \
    } while (0)

#define EXPECT_NACK(n, s)                            \
    do {                                             \
        assert_true(next());                         \
        assert_int_equal(answer.kind, ENVELOPE_NACK); \
        assert_int_equal(answer.number, n);          \
        assert_int_equal(answer.status, s);          \
    } while (0)

#define EXPECT_SILENCE() assert_false(next())

static inline struct stint_id
id_of(uint8_t n)
{
    return (struct stint_id){ { 0xaa, n } };
}

static inline struct own_channel_place
place_of(uint8_t node)
{
    return (struct own_channel_place){ { { 0xbb, node } }, 5 };
}

static inline void
pass_on(uint8_t kind, uint8_t tid, uint64_t number, uint8_t op, uint64_t epoch, uint8_t node, struct stint_span value)
{
    uint8_t body[4096];
    struct own_channel_place place = place_of(node);
    struct envelope e = { .kind = kind,
                          .op = op,
                          .number = number,
                          .epoch = epoch,
                          .word = HASH,
                          .source = id_of(tid),
                          .target = own_id(ch) };
    own_channel_put_place(body, &place);
    bytes_copy(body + OWN_CHANNEL_PLACE_SIZE, value.data, value.size);
    own_receive(own, &e, span_of(body, OWN_CHANNEL_PLACE_SIZE + value.size));
}

static inline void
send(uint8_t tid, uint64_t number, const char *value)
{
    pass_on(ENVELOPE_OFFER, tid, number, OWN_CHANNEL_SEND, 1, 1, span_text(value));
}

static inline void
want(uint8_t tid, uint64_t number)
{
    pass_on(ENVELOPE_OFFER, tid, number, OWN_CHANNEL_RECEIVE, 1, 1, span_of(NULL, 0));
}

static inline void
cancel(uint8_t tid, uint64_t number)
{
    pass_on(ENVELOPE_CANCEL, tid, number, OWN_CHANNEL_SEND, 1, 1, span_of(NULL, 0));
}

static inline void
fin(uint8_t tid, uint64_t number)
{
    pass_on(ENVELOPE_FIN, tid, number, 0, 1, 1, span_of(NULL, 0));
}

static inline void
node_gone(uint8_t node)
{
    struct envelope e = { .kind = ENVELOPE_NACK, .number = 5, .source = place_of(node).node };
    own_receive(own, &e, span_of(NULL, 0));
}

/* ---- the client ---- */

static struct own_wait waits[8];

static inline enum stint_status
receive(char *value)
{
    struct own_wait w;
    assert_int_equal(own_begin(own, ch, &w, -1, span_of(NULL, 0)), STINT_OK);
    struct own_wait *over = own_done(own);
    enum stint_status status = STINT_TIMED_OUT;
    if (over != NULL) {
        assert_ptr_equal(over, &w);
        status = w.status;
        if (status == STINT_OK) {
            bytes_copy(value, w.waiter.value->bytes, w.waiter.value->size);
            value[w.waiter.value->size] = '\0';
        }
    }
    own_give_up(own, &w);
    return status;
}

#define EXPECT_VALUE(text)                                \
    do {                                                  \
        char value_[64];                                  \
        assert_int_equal(receive(value_), STINT_OK);      \
        assert_string_equal(value_, text);                \
    } while (0)

static inline void
open_channel(uint32_t capacity)
{
    static uint8_t nonce[OWN_CHANNEL_NONCE_SIZE];
    struct own_registration registration;
    enum stint_status status;
    const char *detail;
    nonce[0]++;
    assert_int_equal(own_open(own, "t.T", HASH, capacity, nonce, &ch), STINT_OK);
    assert_true(own_next_registration(own, &registration));
    own_registered(own, registration.id, registration.epoch, STINT_OK, "");
    assert_ptr_equal(own_verdict(own, &status, &detail), ch);
    assert_int_equal(status, STINT_OK);
}

static inline void
tick(uint64_t ns)
{
    now += ns;
    own_tick(own, now);
}

static inline void
begin_with(uint32_t relations_max, size_t bytes_max)
{
    struct own_config config = { .mem = &mem,
                                 .seed = 3,
                                 .bytes_max = bytes_max,
                                 .relations_max = relations_max,
                                 .role = 2,
                                 .subject = { { 9 } } };
    own = own_new(&config);
    assert_non_null(own);
    now = SECOND;
    own_tick(own, now);
}

static inline int
begin(void **state)
{
    (void)state;
    memset(&tracked, 0, sizeof tracked);
    mem_init(&mem, tracked_allocator(&tracked), 0);
    begin_with(100, 1 << 20);
    return 0;
}

static inline int
end(void **state)
{
    (void)state;
    struct own_wait *w;
    own_end_all(own);
    while ((w = own_done(own)) != NULL) {
        own_give_up(own, w);
    }
    own_free(own);
    assert_int_equal(mem.used, 0);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
