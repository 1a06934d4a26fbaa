/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of envelopes, as a frame of data carries them: what is read and written again is the same bytes, and the whole
 * batch is valid exactly if it can be read to its end. */
#include "fuzz.h"

#include "wire/envelope.h"

static void
check_form(const struct envelope *e, struct stint_span body)
{
    FUZZ_CHECK(e->kind >= ENVELOPE_OFFER && e->kind < ENVELOPE_KIND_END_);
    FUZZ_CHECK((e->flags & ~ENVELOPE_FLAGS) == 0);
    FUZZ_CHECK(e->hops <= LIMIT_HOPS);
    FUZZ_CHECK(body.size <= LIMIT_BODY);
    FUZZ_CHECK(envelope_kind_name(e->kind)[0] != '?');
}

static bool
judge(struct stint_span input)
{
    struct fuzz_memory memory;
    struct stint_span rest = input, body;
    struct envelope e;
    struct buf again;
    enum stint_status status;
    size_t count = 0;
    buf_init(&again, fuzz_memory_begin(&memory, 2 * input.size + 4096), input.size);
    while ((status = envelope_next(&rest, &e, &body)) == STINT_OK) {
        check_form(&e, body);
        FUZZ_CHECK(envelope_append(&again, &e, body) == STINT_OK);
        FUZZ_CHECK(again.size + rest.size == input.size);
        count++;
    }
    FUZZ_CHECK(status == STINT_END_OF_SEQUENCE || status == STINT_BAD_FRAME);
    FUZZ_CHECK((status == STINT_END_OF_SEQUENCE) == (rest.size == 0));
    FUZZ_CHECK(envelope_batch_valid(input) == (status == STINT_END_OF_SEQUENCE));
    FUZZ_CHECK(span_equal(buf_span(&again), span_of(input.data, again.size)));
    buf_fini(&again);
    fuzz_memory_end(&memory);
    return count > 0;
}

static void
seeds(void)
{
    struct fuzz_memory memory;
    struct buf out;
    buf_init(&out, fuzz_memory_begin(&memory, 1 << 20), 1 << 18);
    for (uint8_t kind = 1; kind < ENVELOPE_KIND_END_; kind++) {
        struct envelope e = { .kind = kind, .flags = kind & 3, .hops = kind % 3, .op = kind, .number = kind };
        FUZZ_CHECK(envelope_append(&out, &e, span_of("0123456789abcdefghij", kind)) == STINT_OK);
        if (kind % 5 == 0) {
            fuzz_seed(envelope_kind_name(kind), buf_span(&out));
            buf_reset(&out);
        }
    }
    fuzz_seed("several", buf_span(&out));
    buf_fini(&out);
}

const struct fuzz_target fuzz_target = { .name = "envelope", .size_max = LIMIT_FRAME, .judge = judge, .seeds = seeds };
