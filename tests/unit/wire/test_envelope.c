/* SPDX-License-Identifier: Apache-2.0 */
/* envelopes, seals, parcels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ids.h"
#include "base/prng.h"
#include "tracked_memory.h"
#include "wire/envelope.h"
#include "wire/parcel.h"
#include "wire/seal.h"
#include "wire/wire.h"

static void
random_envelope(struct prng *random, struct envelope *e)
{
    *e = (struct envelope){
        .kind = (uint8_t)(1 + prng_below(random, ENVELOPE_KIND_END_ - 1)),
        .flags = (uint8_t)prng_below(random, ENVELOPE_FLAGS + 1),
        .hops = (uint8_t)prng_below(random, LIMIT_HOPS + 1),
        .op = (uint8_t)prng_next(random),
        .status = (uint8_t)prng_next(random),
        .number = prng_next(random),
        .epoch = prng_next(random),
        .word = prng_next(random),
        .source = prng_id(random),
        .target = prng_id(random),
    };
}

static void
assert_same(const struct envelope *a, const struct envelope *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->hops, b->hops);
    assert_int_equal(a->op, b->op);
    assert_int_equal(a->status, b->status);
    assert_true(a->number == b->number);
    assert_true(a->epoch == b->epoch);
    assert_true(a->word == b->word);
    assert_true(id_equal(a->source, b->source));
    assert_true(id_equal(a->target, b->target));
}

static void
test_batch_round_trip(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    struct prng random;
    struct tracked_memory memory = { 0 };
    struct mem m;
    struct buf b;
    static struct envelope sent[COUNT];
    static uint8_t bytes[LIMIT_BODY];
    size_t sizes[COUNT];
    prng_init(&random, test_seed("envelopes"));
    prng_bytes(&random, bytes, sizeof bytes);
    mem_init(&m, tracked_allocator(&memory), 0);
    buf_init(&b, &m, 64 << 20);
    for (int i = 0; i < COUNT; i++) {
        random_envelope(&random, &sent[i]);
        sizes[i] =
            i == 0 ? LIMIT_BODY : (size_t)prng_below(&random, i % 9 == 0 ? 5000 : 90);
        assert_int_equal(envelope_append(&b, &sent[i], span_of(bytes, sizes[i])),
                         STINT_OK);
    }
    struct stint_span batch = buf_span(&b);
    assert_true(envelope_batch_valid(batch));
    for (int i = 0; i < COUNT; i++) {
        struct envelope e;
        struct stint_span body;
        assert_int_equal(envelope_next(&batch, &e, &body), STINT_OK);
        assert_same(&e, &sent[i]);
        assert_true(span_equal(body, span_of(bytes, sizes[i])));
    }
    struct envelope e;
    struct stint_span body;
    assert_int_equal(envelope_next(&batch, &e, &body), STINT_END_OF_SEQUENCE);
    buf_fini(&b);
}

static void
test_append_refuses(void **state)
{
    (void)state;
    struct tracked_memory memory = { 0 };
    struct mem m;
    struct buf b;
    static uint8_t bytes[LIMIT_BODY + 1];
    struct envelope e = { .kind = ENVELOPE_OFFER };
    mem_init(&m, tracked_allocator(&memory), 0);
    buf_init(&b, &m, 200);
    assert_int_equal(envelope_append(&b, &e, span_of(bytes, LIMIT_BODY + 1)),
                     STINT_LIMIT);
    assert_int_equal(envelope_append(&b, &e, span_of(bytes, 137)), STINT_LIMIT);
    memory.fail_at = 1;
    assert_int_equal(envelope_append(&b, &e, span_of(bytes, 10)), STINT_NO_MEMORY);
    assert_int_equal(b.size, 0);
    assert_false(b.failed);
    assert_int_equal(envelope_append(&b, &e, span_of(bytes, 136)), STINT_OK);
    buf_fini(&b);
}

/* Each check of the header, one at a time. */
static void
test_malformed_headers(void **state)
{
    (void)state;
    uint8_t good[LIMIT_ENVELOPE_HEADER + 10] = { 0 };
    struct envelope e = { .kind = ENVELOPE_DONE, .hops = LIMIT_HOPS, .flags = 0x0f };
    envelope_put(good, &e, 10);
    assert_true(envelope_batch_valid(span_of(good, sizeof good)));
    static const struct {
        size_t at;
        uint8_t value;
    } faults[] = {
        { 0, 0 },    { 0, ENVELOPE_KIND_END_ },
        { 0, 255 },  { 1, 0x10 },
        { 1, 0x80 }, { 2, LIMIT_HOPS + 1 },
        { 4, 9 },    { 4, 11 },
        { 5, 1 },    { 6, 0xff },
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        uint8_t bad[sizeof good];
        memcpy(bad, good, sizeof good);
        bad[faults[i].at] = faults[i].value;
        struct stint_span batch = span_of(bad, sizeof bad);
        assert_false(envelope_batch_valid(batch));
    }
    for (size_t size = 1; size < sizeof good; size++) {
        uint8_t cut[sizeof good];
        memcpy(cut, good, sizeof good);
        struct stint_span batch = span_of(cut, size);
        struct envelope read;
        struct stint_span body;
        assert_false(envelope_batch_valid(batch));
        assert_int_equal(envelope_next(&batch, &read, &body), STINT_BAD_FRAME);
        assert_int_equal(batch.size, size);
    }
    /* A length that the rest would bear, but the limit does not. */
    static uint8_t large[LIMIT_ENVELOPE_HEADER + LIMIT_BODY + 1];
    envelope_put(large, &e, LIMIT_BODY);
    assert_true(envelope_batch_valid(span_of(large, sizeof large - 1)));
    le32_put(large + 4, LIMIT_BODY + 1);
    assert_false(envelope_batch_valid(span_of(large, sizeof large)));
    assert_string_equal(envelope_kind_name(0), "?");
    assert_string_equal(envelope_kind_name(ENVELOPE_KIND_END_), "?");
    for (uint8_t kind = 1; kind < ENVELOPE_KIND_END_; kind++) {
        assert_non_null(envelope_kind_name(kind));
    }
}

static void
test_seal(void **state)
{
    (void)state;
    struct prng random;
    struct tracked_memory memory = { 0 };
    struct mem m;
    struct buf box;
    struct buf plain;
    uint8_t key[SEAL_KEY_SIZE];
    uint8_t nonce[SEAL_NONCE_SIZE];
    uint8_t text[300];
    prng_init(&random, test_seed("seal"));
    mem_init(&m, tracked_allocator(&memory), 0);
    buf_init(&box, &m, 1000);
    buf_init(&plain, &m, 1000);
    prng_bytes(&random, key, sizeof key);
    prng_bytes(&random, nonce, sizeof nonce);
    prng_bytes(&random, text, sizeof text);
    struct stint_span what = span_text("tasklet 1, epoch 2");
    assert_int_equal(seal_close(&box, key, nonce, what, span_of(text, sizeof text)),
                     STINT_OK);
    assert_int_equal(box.size, sizeof text + SEAL_OVERHEAD);
    assert_int_equal(seal_open(&plain, key, what, buf_span(&box)), STINT_OK);
    assert_true(span_equal(buf_span(&plain), span_of(text, sizeof text)));
    buf_reset(&plain);
    assert_int_equal(
        seal_open(&plain, key, span_text("tasklet 1, epoch 3"), buf_span(&box)),
        STINT_BAD_PICKLE);
    for (size_t i = 0; i < box.size; i++) {
        box.data[i] ^= 4;
        assert_int_equal(seal_open(&plain, key, what, buf_span(&box)),
                         i == 0 ? STINT_BAD_VERSION : STINT_BAD_PICKLE);
        box.data[i] ^= 4;
        if (i > 0) {
            assert_int_equal(seal_open(&plain, key, what, span_of(box.data, i)),
                             STINT_BAD_PICKLE);
        }
    }
    assert_int_equal(plain.size, 0);
    key[3] ^= 1;
    assert_int_equal(seal_open(&plain, key, what, buf_span(&box)), STINT_BAD_PICKLE);
    buf_fini(&plain);
    plain.maximum = 200;
    assert_int_equal(seal_open(&plain, key, what, buf_span(&box)), STINT_LIMIT);
    buf_reset(&box);
    assert_int_equal(seal_close(&box, key, nonce, what, span_of(NULL, 0)), STINT_OK);
    assert_int_equal(seal_open(&plain, key, what, buf_span(&box)), STINT_OK);
    assert_int_equal(plain.size, 0);
    buf_fini(&box);
    box.maximum = 320;
    assert_int_equal(seal_close(&box, key, nonce, what, span_of(text, sizeof text)),
                     STINT_LIMIT);
    buf_fini(&box);
    buf_fini(&plain);
    assert_int_equal(memory.blocks, 0);
}

static void
test_digest(void **state)
{
    (void)state;
    uint8_t whole[SEAL_DIGEST_SIZE];
    uint8_t parts[SEAL_DIGEST_SIZE];
    struct seal_hash h;
    seal_digest(whole, span_text("abcdef"));
    seal_hash_init(&h);
    seal_hash_add(&h, span_text("abc"));
    seal_hash_add(&h, span_of(NULL, 0));
    seal_hash_add(&h, span_text("def"));
    seal_hash_final(&h, parts);
    assert_true(seal_equal(whole, parts, sizeof whole));
    static const uint8_t empty[4] = { 0x0e, 0x57, 0x51, 0xc0 }; /* BLAKE2b-256 of "" */
    seal_digest(whole, span_of(NULL, 0));
    assert_memory_equal(whole, empty, 4);
}

static void
test_parcel_round_trip(void **state)
{
    (void)state;
    enum { C = LIMIT_PARCEL_CHUNK };
    static const uint64_t sizes[] = { 0, 1, C - 1, C, C + 1, 3 * C, 3 * C + 77 };
    static uint8_t pickle[4 * C];
    struct prng random;
    struct tracked_memory memory = { 0 };
    struct mem m;
    prng_init(&random, test_seed("parcel"));
    prng_bytes(&random, pickle, sizeof pickle);
    mem_init(&m, tracked_allocator(&memory), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct stint_span whole = span_of(pickle, sizes[i]);
        uint32_t chunks = parcel_chunks(sizes[i]);
        uint8_t digest[SEAL_DIGEST_SIZE];
        struct parcel p;
        seal_digest(digest, whole);
        assert_int_equal(
            parcel_begin(&p, &m, sizes[i], chunks, digest, LIMIT_PICKLE_DEFAULT),
            STINT_OK);
        assert_int_equal(parcel_check(&p), STINT_BUSY);
        for (uint32_t n = 0; n < chunks; n++) {
            if (n + 1 < chunks) {
                assert_int_equal(parcel_add(&p, n + 1, parcel_chunk(whole, n + 1)),
                                 STINT_CONFLICT);
            }
            assert_int_equal(parcel_add(&p, n, parcel_chunk(whole, n)), STINT_OK);
            assert_int_equal(parcel_add(&p, n, parcel_chunk(whole, n)), STINT_EXISTS);
        }
        assert_int_equal(parcel_add(&p, chunks, span_of(pickle, 1)), STINT_BAD_PICKLE);
        assert_int_equal(parcel_check(&p), STINT_OK);
        assert_true(span_equal(buf_span(&p.bytes), whole));
        if (sizes[i] > 0) {
            p.bytes.data[sizes[i] / 2] ^= 1;
            assert_int_equal(parcel_check(&p), STINT_BAD_PICKLE);
        }
        parcel_end(&p);
    }
    assert_int_equal(memory.blocks, 0);
}

static void
test_parcel_refuses(void **state)
{
    (void)state;
    static uint8_t pickle[2 * LIMIT_PARCEL_CHUNK];
    struct tracked_memory memory = { 0 };
    struct mem m;
    struct parcel p;
    uint8_t digest[SEAL_DIGEST_SIZE] = { 0 };
    mem_init(&m, tracked_allocator(&memory), 0);
    assert_int_equal(parcel_begin(&p, &m, 101, 1, digest, 100), STINT_LIMIT);
    assert_int_equal(parcel_begin(&p, &m, UINT64_MAX, 1, digest, UINT64_MAX),
                     STINT_LIMIT);
    assert_int_equal(parcel_begin(&p, &m, 100, 0, digest, 100), STINT_BAD_PICKLE);
    assert_int_equal(parcel_begin(&p, &m, 100, 2, digest, 100), STINT_BAD_PICKLE);
    assert_int_equal(parcel_begin(&p, &m, sizeof pickle, 2, digest, LIMIT_PICKLE),
                     STINT_OK);
    assert_int_equal(m.used, 0); /* nothing is reserved on somebody's word */
    assert_int_equal(parcel_add(&p, 0, span_of(pickle, 5)), STINT_BAD_PICKLE);
    assert_int_equal(parcel_add(&p, 2, span_of(pickle, 5)), STINT_BAD_PICKLE);
    memory.fail_at = 1;
    assert_int_equal(parcel_add(&p, 0, span_of(pickle, LIMIT_PARCEL_CHUNK)),
                     STINT_NO_MEMORY);
    assert_int_equal(parcel_add(&p, 0, span_of(pickle, LIMIT_PARCEL_CHUNK)), STINT_OK);
    parcel_end(&p);
    assert_int_equal(memory.blocks, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_round_trip),
        cmocka_unit_test(test_append_refuses),
        cmocka_unit_test(test_malformed_headers),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_parcel_round_trip),
        cmocka_unit_test(test_parcel_refuses),
    };
    if (wire_init() != STINT_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
