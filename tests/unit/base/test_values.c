/* SPDX-License-Identifier: Apache-2.0 */
/* ids, hash, prng, text, status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/ids.h"
#include "base/prng.h"
#include "base/span.h"
#include "base/text.h"
#include "tracked_memory.h"

static void
test_ids(void **state)
{
    (void)state;
    struct stint_id a = { { 1 } };
    struct stint_id b = { { 1, 2 } };
    assert_true(id_is_zero(STINT_ID_NONE));
    assert_false(id_is_zero(a));
    assert_true(id_equal(a, a));
    assert_false(id_equal(a, b));
    assert_true(id_compare(a, b) < 0 && id_compare(b, a) > 0);
    assert_true(id_to_u64(id_of_u64(UINT64_C(0xfedcba9876543210))) ==
                UINT64_C(0xfedcba9876543210));
    assert_true(id_hash(a, 1) != id_hash(a, 2));
    assert_true(id_hash(a, 1) != id_hash(b, 1));
    char text[STINT_ID_TEXT_SIZE];
    struct stint_id parsed;
    assert_string_equal(stint_id_text(b, text), "01020000000000000000000000000000");
    assert_int_equal(stint_id_parse(text, &parsed), STINT_OK);
    assert_true(id_equal(parsed, b));
    assert_int_equal(stint_id_parse("01", &parsed), STINT_INVALID);
    assert_int_equal(stint_id_parse("0102000000000000000000000000000", &parsed),
                     STINT_INVALID);
    assert_int_equal(stint_id_parse("010200000000000000000000000000000", &parsed),
                     STINT_INVALID);
    assert_int_equal(stint_id_parse("0102000000000000000000000000000g", &parsed),
                     STINT_INVALID);
    assert_int_equal(stint_id_parse(NULL, &parsed), STINT_INVALID);
}

/* Hashes are part of formats: these numbers must never change. */
static void
test_hashes_are_stable(void **state)
{
    (void)state;
    struct hash h;
    hash_init(&h);
    assert_true(h.state == UINT64_C(0xcbf29ce484222325));
    hash_add(&h, "foobar", 6);
    assert_true(h.state == UINT64_C(0x85944171f73967e8)); /* FNV-1a's own test vector */
    assert_true(hash_final(&h) == hash_mix(UINT64_C(0x85944171f73967e8)));
    assert_true(hash_mix(0) == UINT64_C(0xe220a8397b1dcdaf)); /* splitmix64's first */
    struct hash ab;
    struct hash a_b;
    hash_init(&ab);
    hash_init(&a_b);
    hash_add_text(&ab, "ab");
    hash_add_text(&ab, "");
    hash_add_text(&a_b, "a");
    hash_add_text(&a_b, "b");
    assert_true(hash_final(&ab) != hash_final(&a_b));
    hash_init(&ab);
    hash_add_u64(&ab, 1);
    hash_init(&a_b);
    hash_add(&a_b, "\1\0\0\0\0\0\0\0", 8);
    assert_true(hash_final(&ab) == hash_final(&a_b));
}

static void
test_rendezvous_spreads(void **state)
{
    (void)state;
    struct prng random;
    struct stint_id nodes[10];
    uint32_t count[10] = { 0 };
    prng_init(&random, test_seed("rendezvous"));
    for (int i = 0; i < 10; i++) {
        nodes[i] = prng_id(&random);
    }
    for (int k = 0; k < 20000; k++) {
        struct stint_id key = prng_id(&random);
        int best = 0;
        for (int i = 1; i < 10; i++) {
            if (hash_rendezvous(key, nodes[i]) > hash_rendezvous(key, nodes[best])) {
                best = i;
            }
        }
        count[best]++;
    }
    for (int i = 0; i < 10; i++) {
        assert_in_range(count[i], 1700, 2300); /* 2000 expected, 42 the deviation */
    }
}

static void
test_prng(void **state)
{
    (void)state;
    struct prng a;
    struct prng b;
    prng_init(&a, 42);
    prng_init(&b, 42);
    for (int i = 0; i < 100; i++) {
        assert_true(prng_next(&a) == prng_next(&b));
    }
    prng_init(&b, 43);
    assert_true(prng_next(&a) != prng_next(&b));
    uint32_t count[7] = { 0 };
    for (int i = 0; i < 70000; i++) {
        count[prng_below(&a, 7)]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_in_range(count[i], 9400, 10600);
    }
    assert_true(prng_below(&a, 1) == 0);
    for (int i = 0; i < 1000; i++) {
        assert_true(prng_below(&a, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
    }
    /* Three quarters of the range: without rejection a third of it came twice as often. */
    uint32_t low = 0;
    for (int i = 0; i < 30000; i++) {
        low += prng_below(&a, UINT64_C(3) << 62) < UINT64_C(1) << 62;
    }
    assert_in_range(low, 9500, 10500);
    /* xoshiro256** from the state 1, 2, 3, 4: the reference's first outputs. */
    struct prng reference = { { 1, 2, 3, 4 } };
    assert_true(prng_next(&reference) == 11520);
    assert_true(prng_next(&reference) == 0);
    assert_true(prng_next(&reference) == 1509978240);
    uint8_t zeros[32] = { 0 };
    prng_init_entropy(&a, zeros);
    assert_true((prng_next(&a) | prng_next(&a)) != 0);
    uint8_t bytes[13] = { 0 };
    prng_bytes(&a, bytes, sizeof bytes);
    prng_bytes(&a, bytes, 0);
    assert_false(id_is_zero(prng_id(&a)));
}

static void
test_text_format(void **state)
{
    (void)state;
    char out[8];
    assert_int_equal(text_format(out, sizeof out, "%d-%s", 12, "ab"), 5);
    assert_string_equal(out, "12-ab");
    assert_int_equal(text_format(out, sizeof out, "%s", "123456789"), 7);
    assert_string_equal(out, "1234567");
    assert_int_equal(text_format(out, 1, "x"), 0);
    assert_string_equal(out, "");
    assert_int_equal(text_format(NULL, 0, "x"), 0);
    assert_int_equal(text_copy(out, sizeof out, "123456789"), 7);
    assert_string_equal(out, "1234567");
    assert_int_equal(text_copy(out, sizeof out, ""), 0);
    assert_int_equal(text_copy_span(out, sizeof out, span_of("ab\0cd", 5)), 2);
    assert_string_equal(out, "ab");
    assert_int_equal(text_copy_span(out, sizeof out, span_of(NULL, 0)), 0);
}

static void
test_pairs(void **state)
{
    static const char *const good[] = { "", "a=b", "a=", "a=b,c=d", "a=b=c,A=b", "zone=eu west,a.b-c_d=1" };
    static const char *const bad[] = { "a", "=b", "a=b,", ",a=b", "a=b,,c=d", "a b=c", "a=b,c", "a=1,b=2,a=3", "a=12345678" };
    char value[8];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(text_is_pairs(good[i], 63));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(text_is_pairs(bad[i], 9));
    }
    text_pair_value("ab=1,a=23,c=,d=longer than eight", "a", value, sizeof value);
    assert_string_equal(value, "23");
    text_pair_value("ab=1,a=23,c=,d=longer than eight", "ab", value, sizeof value);
    assert_string_equal(value, "1");
    text_pair_value("ab=1,a=23,c=,d=longer than eight", "d", value, sizeof value);
    assert_string_equal(value, "longer ");
    text_pair_value("ab=1,a=23,c=,d=longer than eight", "c", value, sizeof value);
    assert_string_equal(value, "");
    text_pair_value("ab=1", "b", value, sizeof value);
    assert_string_equal(value, "");
    text_pair_value("", "b", value, sizeof value);
    assert_string_equal(value, "");
}

static void
test_text_checks(void **state)
{
    (void)state;
    assert_true(text_is_name("Node-1.a_b", 63));
    assert_true(text_is_name("abc", 3));
    assert_false(text_is_name("abcd", 3));
    assert_false(text_is_name("", 3));
    assert_false(text_is_name(NULL, 3));
    assert_false(text_is_name("a b", 63));
    assert_false(text_is_name("a/b", 63));
    assert_false(text_is_name("\xc3\xa4", 63));
    assert_true(text_is_printable("", 0));
    assert_true(text_is_printable("a ~", 3));
    assert_false(text_is_printable("abcd", 3));
    assert_false(text_is_printable("a\nb", 10));
    assert_false(text_is_printable("\x7f", 10));
    uint64_t value = 7;
    assert_true(text_parse_u64("18446744073709551615", &value));
    assert_true(value == UINT64_MAX);
    assert_true(text_parse_u64("0", &value) && value == 0);
    static const char *const bad[] = { "",
                                       "00",
                                       "01",
                                       "-1",
                                       "+1",
                                       " 1",
                                       "1 ",
                                       "1x",
                                       "18446744073709551616",
                                       "99999999999999999999" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(text_parse_u64(bad[i], &value));
    }
    uint8_t bytes[2];
    char hex[5];
    assert_true(text_unhex(bytes, 2, "0aFf"));
    text_hex(hex, bytes, 2);
    assert_string_equal(hex, "0aff");
    assert_false(text_unhex(bytes, 2, "0aF"));
    assert_false(text_unhex(bytes, 2, "0aFfa"));
    assert_false(text_unhex(bytes, 2, "0aF "));
}

static void
test_every_status_has_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < STINT_STATUS_COUNT_; i++) {
        enum stint_status status = (enum stint_status)i;
        assert_string_not_equal(stint_strerror(status), "unknown status");
        assert_string_not_equal(stint_status_name(status), "UNKNOWN");
        for (int other = 0; other < i; other++) {
            assert_string_not_equal(stint_strerror(status),
                                    stint_strerror((enum stint_status)other));
        }
    }
    assert_string_equal(stint_status_name(STINT_TIMED_OUT), "TIMED_OUT");
    assert_string_equal(stint_strerror((enum stint_status)STINT_STATUS_COUNT_),
                        "unknown status");
    assert_string_equal(stint_status_name((enum stint_status)999), "UNKNOWN");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_hashes_are_stable),
        cmocka_unit_test(test_rendezvous_spreads),
        cmocka_unit_test(test_prng),
        cmocka_unit_test(test_text_format),
        cmocka_unit_test(test_text_checks),
        cmocka_unit_test(test_every_status_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
