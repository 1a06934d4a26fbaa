/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pickle that arrives in chunks, and a sealed box. The input is a program: what is announced, then chunks with any number
 * and size. What is complete and checked is exactly the bytes that were announced by their digest; memory never runs ahead of
 * what arrived. The rest of the input is opened as a box, and one that was closed here is opened with changes.
 */
#include "fuzz.h"

#include <string.h>

#include "wire/limits.h"
#include "wire/parcel.h"

enum { LIMIT = 4 * LIMIT_PARCEL_CHUNK, STEPS_MAX = 64 };

static const uint8_t key[SEAL_KEY_SIZE] = { 1, 2, 3 };
static const uint8_t nonce[SEAL_NONCE_SIZE] = { 9, 8, 7 };

/* The pickle that the honest sender has: a function of its size. */
static void
fill(uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(i * 7 + i / 251);
    }
}

/* Sizes around the bounds of chunks, and any. */
static size_t
draw_size(struct reader *r)
{
    uint8_t how = reader_u8(r);
    size_t any = reader_u16(r);
    size_t chunk = LIMIT_PARCEL_CHUNK;
    return how % 4 == 0 ? any : (how % 4) * chunk + (how / 4) % 3 - 1;
}

static void
give_chunk(struct parcel *p, struct mem *m, struct reader *r, struct stint_span pickle, size_t *arrived)
{
    uint8_t how = reader_u8(r);
    uint32_t before = p->next;
    uint32_t index = how & 0x80 ? reader_u32(r) : (how & 0x40 ? reader_u8(r) % 8u : p->next);
    struct stint_span chunk = { NULL, 0 };
    if ((how & 0x20) != 0) {
        chunk = reader_bytes(r, reader_u8(r));
    } else if (index < parcel_chunks(pickle.size)) {
        chunk = parcel_chunk(pickle, index);
        chunk.size -= (how & 0x10) != 0 && chunk.size > 0 ? 1 : 0;
    }
    enum stint_status status = parcel_add(p, index, chunk);
    FUZZ_CHECK(status == STINT_OK || status == STINT_EXISTS || status == STINT_CONFLICT || status == STINT_BAD_PICKLE);
    FUZZ_CHECK(p->next == before + (status == STINT_OK));
    FUZZ_CHECK(status != STINT_EXISTS || index < before);
    FUZZ_CHECK(status != STINT_CONFLICT || index > before);
    *arrived += status == STINT_OK ? chunk.size : 0;
    FUZZ_CHECK(p->bytes.size == *arrived && *arrived <= p->size);
    FUZZ_CHECK(m->used <= 2 * *arrived + 256);
}

static bool
put_together(struct mem *m, struct reader *r)
{
    static uint8_t bytes[LIMIT + LIMIT_PARCEL_CHUNK];
    struct parcel p;
    uint8_t digest[SEAL_DIGEST_SIZE];
    size_t size = draw_size(r), arrived = 0;
    uint8_t how = reader_u8(r);
    struct stint_span pickle = span_of(bytes, size);
    fill(bytes, size);
    seal_digest(digest, pickle);
    digest[0] ^= (how & 1) != 0;
    uint64_t announced = (how & 2) != 0 ? reader_u64(r) : size;
    uint32_t chunks = (how & 4) != 0 ? reader_u32(r) : parcel_chunks(size);
    enum stint_status status = parcel_begin(&p, m, announced, chunks, digest, LIMIT);
    FUZZ_CHECK((status == STINT_LIMIT) == (announced > LIMIT));
    FUZZ_CHECK(status == STINT_OK || status == STINT_LIMIT || status == STINT_BAD_PICKLE);
    if (status != STINT_OK) {
        return false;
    }
    FUZZ_CHECK(chunks == parcel_chunks(announced));
    for (int i = 0; i < STEPS_MAX && r->rest.size > 0 && !r->failed; i++) {
        give_chunk(&p, m, r, pickle, &arrived);
    }
    status = parcel_check(&p);
    FUZZ_CHECK((status == STINT_BUSY) == (p.next < p.chunks));
    if (status == STINT_OK) {
        FUZZ_CHECK((how & 1) == 0 && span_equal(buf_span(&p.bytes), pickle));
    }
    parcel_end(&p);
    return status == STINT_OK;
}

static bool
open_box(struct mem *m, struct stint_span input)
{
    struct buf box, plain;
    struct stint_span associated = span_of(input.data, input.size < 16 ? input.size : 16);
    buf_init(&box, m, input.size + SEAL_OVERHEAD);
    buf_init(&plain, m, input.size + SEAL_OVERHEAD);
    /* Nobody makes a box without the key. */
    enum stint_status status = seal_open(&plain, key, associated, input);
    FUZZ_CHECK(status == STINT_BAD_PICKLE || status == STINT_BAD_VERSION);
    FUZZ_CHECK(plain.size == 0);
    FUZZ_CHECK(seal_close(&box, key, nonce, associated, input) == STINT_OK);
    FUZZ_CHECK(box.size == input.size + SEAL_OVERHEAD);
    FUZZ_CHECK(seal_open(&plain, key, associated, buf_span(&box)) == STINT_OK);
    FUZZ_CHECK(span_equal(buf_span(&plain), input));
    buf_reset(&plain);
    /* One bit, anywhere. */
    size_t at = input.size == 0 ? 0 : (size_t)(input.data[0] | input.data[input.size - 1] << 8) % box.size;
    box.data[at] ^= (uint8_t)(1u << (input.size % 8));
    status = seal_open(&plain, key, associated, buf_span(&box));
    FUZZ_CHECK(status == STINT_BAD_PICKLE || status == STINT_BAD_VERSION);
    FUZZ_CHECK(plain.size == 0);
    buf_fini(&box);
    buf_fini(&plain);
    return true;
}

static bool
judge(struct stint_span input)
{
    struct fuzz_memory memory;
    struct mem *m = fuzz_memory_begin(&memory, 0);
    struct reader r;
    reader_init(&r, input);
    bool complete = put_together(m, &r);
    FUZZ_CHECK(m->peak <= 2 * (LIMIT + LIMIT_PARCEL_CHUNK));
    (void)open_box(m, r.rest);
    fuzz_memory_end(&memory);
    return complete;
}

#define SEED(name, bytes) fuzz_seed(name, span_of(bytes, sizeof(bytes) - 1))

static void
seeds(void)
{
    SEED("small", "\x00\x20\x00\x00\x00\x00");
    SEED("two-chunks", "\x05\x00\x00\x00\x00\x00\x00\x00");
    SEED("again-and-early", "\x06\x00\x00\x00\x42\x00\x40\x41\x41\x41\x00\x00\x00");
    SEED("contradiction", "\x00\x20\x00\x04\x05\x00\x00\x00");
    SEED("foreign-chunk", "\x00\x04\x00\x00\x20\x04wxyzbox-of-bytes");
}

const struct fuzz_target fuzz_target = { .name = "parcel", .size_max = 8192, .judge = judge, .seeds = seeds };
