/* SPDX-License-Identifier: Apache-2.0 */
/* Records by table are what nanopb makes of the same messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "base/span.h"
#include "kernel/pickle_part.h"
#include "tracked_memory.h"

struct pair {
    const struct wire_record *record;
    const pb_msgdesc_t *desc;
};

#define PAIR(type) { &pickle_##type, stint_##type##_fields }
static const struct pair pairs[] = { PAIR(PickleHead), PAIR(PickleCode), PAIR(PickleType),
    PAIR(PickleFrame), PAIR(PickleFault), PAIR(PickleChannel), PAIR(PickleRelation),
    PAIR(PickleOutlet), PAIR(PickleSend) };
enum { PAIRS = sizeof(pairs) / sizeof(pairs[0]), ROUNDS = 3000 };

static struct tracked_memory tracked;
static struct mem memory;

/* Anything that the member can hold, often nothing. */
static void
fill(struct prng *prng, const struct wire_item *item, uint8_t *member)
{
    uint64_t number = prng_next(prng) >> prng_below(prng, 64);
    uint32_t small = (uint32_t)number;
    pb_size_t count = (pb_size_t)prng_below(prng, 17);
    if (prng_below(prng, 3) == 0 && item->kind != WIRE_ID) {
        return;
    }
    switch ((enum wire_kind)item->kind) {
    case WIRE_U32:
    case WIRE_S32:
        assert_int_equal(item->size, 4);
        memcpy(member, &small, 4);
        break;
    case WIRE_U64:
    case WIRE_HASH:
        assert_int_equal(item->size, 8);
        memcpy(member, &number, 8);
        break;
    case WIRE_BOOL:
        *member = number & 1;
        break;
    case WIRE_ID:
        assert_int_equal(item->size, 16);
        memset(member, (int)(number & 0xff), 16);
        break;
    case WIRE_TEXT:
        memset(member, 'a' + (int)(number % 26), (size_t)prng_below(prng, item->size));
        break;
    case WIRE_SOME:
        memcpy(member, &count, sizeof(count));
        memset(member + sizeof(count), 7, count);
        break;
    }
}

static void
test_tables_and_nanopb_agree(void **state)
{
    (void)state;
    struct prng prng;
    struct buf ours, theirs;
    uint64_t message[64], again[64];
    prng_init(&prng, test_seed("test_tables_and_nanopb_agree"));
    mem_init(&memory, tracked_allocator(&tracked), 0);
    buf_init(&ours, &memory, 4096);
    buf_init(&theirs, &memory, 4096);
    for (int round = 0; round < ROUNDS; round++) {
        const struct pair *p = &pairs[prng_below(&prng, PAIRS)];
        assert_true(p->record->size <= sizeof(message));
        assert_int_equal(p->record->count, p->desc->field_count);
        memset(message, 0, sizeof(message));
        for (uint32_t i = 0; i < p->record->count; i++) {
            fill(&prng, &p->record->items[i], (uint8_t *)message + p->record->items[i].offset);
        }
        buf_reset(&ours);
        buf_reset(&theirs);
        assert_true(wire_put_record(&ours, 5, p->record, message));
        assert_true(wire_put_message(&theirs, 5, p->desc, message));
        assert_true(span_equal(buf_span(&ours), buf_span(&theirs)));
        struct wire_reader r;
        struct wire_field field;
        wire_reader_init(&r, buf_span(&ours));
        assert_true(wire_read(&r, &field));
        memset(again, 0xee, sizeof(again));
        assert_true(wire_read_record(field.bytes, p->record, again));
        assert_memory_equal(again, message, p->record->size);
        assert_true(wire_read_message(field.bytes, p->desc, again, p->record->size));
        assert_memory_equal(again, message, p->record->size);
        assert_true(wire_done(&r));
    }
    buf_fini(&ours);
    buf_fini(&theirs);
    assert_int_equal(memory.used, 0);
}

/* Whatever the bytes: both take them, or neither does. */
static void
test_tables_and_nanopb_refuse_the_same(void **state)
{
    (void)state;
    struct prng prng;
    struct buf good;
    uint64_t message[64], ours[64], theirs[64];
    uint32_t taken = 0;
    prng_init(&prng, test_seed("test_tables_and_nanopb_refuse_the_same"));
    mem_init(&memory, tracked_allocator(&tracked), 0);
    buf_init(&good, &memory, 4096);
    for (int round = 0; round < 10 * ROUNDS; round++) {
        const struct pair *p = &pairs[prng_below(&prng, PAIRS)];
        memset(message, 0, sizeof(message));
        for (uint32_t i = 0; i < p->record->count; i++) {
            fill(&prng, &p->record->items[i], (uint8_t *)message + p->record->items[i].offset);
        }
        buf_reset(&good);
        assert_true(wire_put_record(&good, 5, p->record, message));
        struct wire_reader r;
        struct wire_field field;
        wire_reader_init(&r, buf_span(&good));
        assert_true(wire_read(&r, &field));
        size_t size = field.bytes.size;
        uint8_t *copy = malloc(size + 1);
        assert_non_null(copy);
        bytes_copy(copy, field.bytes.data, size);
        if (size > 0 && prng_below(&prng, 4) != 0) {
            copy[prng_below(&prng, size)] ^= (uint8_t)(1u << prng_below(&prng, 8));
        }
        size -= size > 0 && prng_below(&prng, 8) == 0;
        bool we = wire_read_record(span_of(copy, size), p->record, ours);
        bool they = wire_read_message(span_of(copy, size), p->desc, theirs, p->record->size);
        assert_int_equal(we, they);
        if (we) {
            assert_memory_equal(ours, theirs, p->record->size);
            taken++;
        }
        free(copy);
    }
    assert_in_range(taken, ROUNDS, 9 * ROUNDS);
    buf_fini(&good);
}

/* Eight bytes for a member that has fewer: refused before anything is written. Ids in front of it are there, as they must be. */
static void
test_a_number_in_another_form_is_refused_unwritten(void **state)
{
    (void)state;
    for (size_t p = 0; p < PAIRS; p++) {
        const struct wire_record *record = pairs[p].record;
        uint8_t bytes[256];
        size_t size = 0;
        for (uint32_t i = 0; i < record->count; i++) {
            const struct wire_item *item = &record->items[i];
            if (item->kind != WIRE_HASH && item->tag < 16) {
                bytes[size] = (uint8_t)(item->tag << 3 | WIRE_FIXED64);
                memset(bytes + size + 1, 0xff, 8);
                uint8_t *message = malloc(record->size);
                assert_non_null(message);
                assert_false(wire_read_record(span_of(bytes, size + 9), record, message));
                for (size_t at = item->offset; at < record->size; at++) {
                    assert_int_equal(message[at], 0);
                }
                free(message);
            }
            if (item->kind == WIRE_ID) {
                bytes[size++] = (uint8_t)(item->tag << 3 | WIRE_BYTES);
                bytes[size++] = 16;
                memset(bytes + size, 3, 16);
                size += 16;
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_and_nanopb_agree),
        cmocka_unit_test(test_tables_and_nanopb_refuse_the_same),
        cmocka_unit_test(test_a_number_in_another_form_is_refused_unwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
