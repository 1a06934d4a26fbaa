/* SPDX-License-Identifier: Apache-2.0 */
/* Values as JSON: what goes in comes out, every mistake is named with its path, hostile bytes get
 * one answer. */
#include "described.h"

#include "base/prng.h"
#include "client/json.h"
#include "tracked_memory.h"

#define ID_TEXT "00112233445566778899aabbccddeeff"

static struct tracked_memory tracked;
static struct mem mem;
static struct client_types types;
static struct buf bytes, text;
static char error[512];

static int
begin(void **state)
{
    struct buf schema;
    (void)state;
    memset(&tracked, 0, sizeof tracked);
    mem_init(&mem, tracked_allocator(&tracked), 0);
    buf_init(&schema, &mem, CLIENT_SCHEMA_MAX);
    described_all(&schema);
    assert_int_equal(client_types_read(&types, &mem, buf_span(&schema), error, sizeof error),
                     STINT_OK);
    buf_fini(&schema);
    buf_init(&bytes, &mem, 1 << 20);
    buf_init(&text, &mem, CLIENT_JSON_MAX);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    client_types_fini(&types);
    buf_fini(&bytes);
    buf_fini(&text);
    assert_int_equal(mem.used, 0);
    return 0;
}

/* The names that exist: "out" is known, "later" has to be asked for. */
static enum stint_status
resolve(void *arg, const char *name, struct stint_id *id)
{
    (void)arg;
    memset(id, 0x11, sizeof *id);
    return strcmp(name, "out") == 0     ? STINT_OK
           : strcmp(name, "later") == 0 ? STINT_BLOCKED
                                        : STINT_NOT_FOUND;
}

static enum stint_status
encode(const char *json)
{
    struct client_json_in in = { .mem = &mem,
                                 .types = &types,
                                 .type = client_types_root(&types),
                                 .text = json,
                                 .resolve = resolve,
                                 .error = error,
                                 .error_size = sizeof error };
    buf_reset(&bytes);
    enum stint_status status = client_json_encode(&in, &bytes);
    assert_true(status == STINT_OK || bytes.size == 0);
    return status;
}

static const char *
decode(void)
{
    buf_reset(&text);
    assert_int_equal(
        client_json_decode(&mem, &types, client_types_root(&types), buf_span(&bytes), &text),
        STINT_OK);
    assert_true(buf_put_u8(&text, '\0'));
    return (const char *)text.data;
}

/* `json` reads; what is written of it contains `part`; and that written text reads to the same
 * bytes. */
static void
round_trip(const char *json, const char *part)
{
    enum stint_status status = encode(json);
    if (status != STINT_OK) {
        fail_msg("%s: %s", json, error);
    }
    const char *shown = decode();
    if (strstr(shown, part) == NULL) {
        fail_msg("%s became %s, without %s", json, shown, part);
    }
    char copy[4096];
    uint8_t before[2048];
    size_t size = bytes.size;
    assert_true(strlen(shown) < sizeof copy && size <= sizeof before);
    strcpy(copy, shown);
    bytes_copy(before, bytes.data, size);
    status = encode(copy);
    if (status != STINT_OK) {
        fail_msg("%s: %s", copy, error);
    }
    assert_true(bytes.size == size && memcmp(before, bytes.data, size) == 0);
}

static void
every_kind_goes_there_and_back(void **state)
{
    (void)state;
    round_trip("{}", "\"b\":false,\"i32\":0");
    round_trip("{\"b\":true}", "\"b\":true");
    round_trip("{\"i32\":-2147483648}", "\"i32\":-2147483648");
    round_trip("{\"i64\":-9223372036854775808}", "\"i64\":-9223372036854775808");
    round_trip("{\"i64\":\"9223372036854775807\"}", "\"i64\":9223372036854775807");
    round_trip("{\"u32\":4294967295}", "\"u32\":4294967295");
    round_trip("{\"u64\":18446744073709551615}", "\"u64\":18446744073709551615");
    round_trip("{\"u64\":\"18446744073709551615\"}", "\"u64\":18446744073709551615");
    round_trip("{\"s32\":-1}", "\"s32\":-1");
    round_trip("{\"s64\":-9223372036854775808}", "\"s64\":-9223372036854775808");
    round_trip("{\"f32\":7,\"f64\":18446744073709551615}",
               "\"f32\":7,\"f64\":18446744073709551615");
    round_trip("{\"sf32\":-7,\"sf64\":-8}", "\"sf32\":-7,\"sf64\":-8");
    round_trip("{\"f\":0.1}", "\"f\":0.1,");
    round_trip("{\"d\":0.1}", "\"d\":0.1,");
    round_trip("{\"d\":1e300}", "\"d\":1e+300");
    round_trip("{\"d\":5}", "\"d\":5,");
    round_trip("{\"d\":\"NaN\"}", "\"d\":\"NaN\"");
    round_trip("{\"f\":\"-Infinity\",\"d\":\"Infinity\"}",
               "\"f\":\"-Infinity\",\"d\":\"Infinity\"");
    round_trip("{\"e\":-3}", "\"e\":-3");
    round_trip("{\"s\":\"a\\\"\\\\\\n\"}", "\"s\":\"a\\\"\\\\\\n\"");
    round_trip("{\"s\":\"\xc3\xa4\xe2\x82\xac\"}", "\"s\":\"\xc3\xa4\xe2\x82\xac\"");
    round_trip("{\"by\":\"00ff\"}", "\"by\":\"00ff\"");
    round_trip("{\"fb\":\"010203\"}", "\"fb\":\"010203\"");
    round_trip("{\"u8\":255,\"i16\":-32768}", "\"u8\":255,\"i16\":-32768");
    round_trip("{\"in\":{\"x\":5,\"name\":\"abcd\"}}", "\"in\":{\"x\":5,\"name\":\"abcd\"}");
    round_trip("{\"ou32\":0}", "\"ou32\":0");
    round_trip("{\"rep\":[0,1,2]}", "\"rep\":[0,1,2]");
    round_trip("{\"reps\":[\"\",\"ab\"]}", "\"reps\":[\"\",\"ab\"]");
    round_trip("{\"repin\":[{},{\"x\":1}]}",
               "\"repin\":[{\"x\":0,\"name\":\"\"},{\"x\":1,\"name\":\"\"}]");
    round_trip("{\"fix\":[1,0],\"fixd\":[0.5,0]}", "\"fix\":[1,0],\"fixd\":[0.5,0]");
    round_trip("{}", "\"fix\":[0,0],\"fixd\":[0,0]");
    round_trip("{\"one\":0}", "\"one\":0");
    round_trip("{\"two\":{}}", "\"two\":{\"x\":0");
    round_trip("{\"one\":null,\"two\":{\"x\":1}}", "\"two\":{\"x\":1");
}

static void
channels_are_ids_or_names(void **state)
{
    (void)state;
    round_trip("{\"ch\":\"" ID_TEXT "\"}", "\"ch\":\"" ID_TEXT "\"");
    round_trip("{\"ch\":null}", "\"ch\":null");
    round_trip("{\"ch\":\"00000000000000000000000000000000\"}", "\"ch\":null");
    round_trip("{\"ch\":\"out\"}", "\"ch\":\"11111111111111111111111111111111\"");
    round_trip("{\"repch\":[\"out\",null]}",
               "\"repch\":[\"11111111111111111111111111111111\",null]");
    assert_int_equal(encode("{\"ch\":\"later\"}"), STINT_BLOCKED);
    assert_int_equal(encode("{\"repch\":[\"out\",\"nowhere\"]}"), STINT_NOT_FOUND);
    assert_string_equal(error, "repch[1]: there is no channel \"nowhere\"");
}

static void
an_optional_field_is_shown_only_when_it_is_there(void **state)
{
    (void)state;
    assert_int_equal(encode("{}"), STINT_OK);
    assert_null(strstr(decode(), "ou32"));
    assert_null(strstr(decode(), "\"one\""));
}

static void
every_mistake_is_named(void **state)
{
    static const struct {
        const char *json, *words;
    } cases[] = {
        { "", "JSON, line" },
        { "{\"b\":", "JSON, line 1" },
        { "[1]", "value: expected an object (test.All), found a list of 1" },
        { "{\"b\":true,\"b\":false}", "duplicate" },
        { "{\"bogus\":1}", "test.All has no field \"bogus\"; its fields are: b, i32" },
        { "{\"in\":{\"y\":1}}", "in: test.In has no field \"y\"; its fields are: x, name" },
        { "{\"b\":1}", "b: expected true or false, found 1" },
        { "{\"i32\":2147483648}",
          "i32: expected an integer -2147483648 to 2147483647, found 2147483648" },
        { "{\"i32\":\"5\"}", "i32: expected an integer" },
        { "{\"i32\":1.5}", "found 1.5" },
        { "{\"i64\":9223372036854775808}", "i64: expected" },
        { "{\"i64\":\"12x\"}", "found \"12x\"" },
        { "{\"u32\":-1}", "u32: expected an integer 0 to 4294967295, found -1" },
        { "{\"u64\":18446744073709551616}", "u64: expected an integer 0 to 18446744073709551615" },
        { "{\"u64\":\"-1\"}", "u64: expected" },
        { "{\"u8\":256}", "u8: expected an integer 0 to 255, found 256" },
        { "{\"i16\":-32769}", "i16: expected an integer -32768 to 32767" },
        { "{\"f\":1e39}", "f: expected a number that single precision can hold" },
        { "{\"d\":\"much\"}", "d: expected a number, found \"much\"" },
        { "{\"d\":true}", "d: expected a number, found true" },
        { "{\"e\":\"RED\"}", "e: expected an integer" },
        { "{\"s\":5}", "s: expected a text of at most 8 bytes, found 5" },
        { "{\"s\":\"123456789\"}", "s: expected a text of at most 8 bytes, found 9 bytes" },
        { "{\"by\":\"0\"}", "by: expected at most 4 bytes in hex digits" },
        { "{\"by\":\"zz\"}", "by: expected" },
        { "{\"by\":\"0011223344\"}", "by: expected" },
        { "{\"fb\":\"01\"}", "fb: expected exactly 3 bytes in hex digits" },
        { "{\"in\":5}", "in: expected an object (test.In), found 5" },
        { "{\"in\":{\"name\":\"abcde\"}}", "in.name: expected a text of at most 4 bytes" },
        { "{\"ch\":5}", "ch: expected a channel's id or name, found 5" },
        { "{\"ch\":\"no name\"}", "ch: expected a channel's id or name" },
        { "{\"rep\":5}", "rep: expected a list of at most 4, found 5" },
        { "{\"rep\":[1,2,3,4,5]}", "rep: expected a list of at most 4, found a list of 5" },
        { "{\"rep\":[1,true]}", "rep[1]: expected an integer" },
        { "{\"rep\":[null]}", "rep[0]: expected an integer" },
        { "{\"repin\":[{},{\"x\":-1}]}", "repin[1].x: expected an integer" },
        { "{\"fix\":[1]}", "fix: expected a list of exactly 2, found a list of 1" },
        { "{\"one\":1,\"two\":{}}", "only one of `one` and `two` may be set" },
        { "{\"s\":\"\xff\"}", "JSON" },
        { "{\"s\":\"a\\u0000\"}", "JSON" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(encode(cases[i].json), STINT_INVALID);
        if (strstr(error, cases[i].words) == NULL) {
            fail_msg("%s: \"%s\" without \"%s\"", cases[i].json, error, cases[i].words);
        }
        assert_true(text_is_printable(error, sizeof error - 1) || strchr(error, '\xff') != NULL);
    }
}

static void
a_required_field_must_be_there(void **state)
{
    struct buf schema;
    struct client_types required;
    (void)state;
    buf_init(&schema, &mem, CLIENT_SCHEMA_MAX);
    described_begin(&schema);
    described_type(&schema, "test.Old", 1);
    described_field(&schema, "must", 1, KIND(UINT32), LABEL(REQUIRED), 0, 0, 0, "");
    assert_int_equal(client_types_read(&required, &mem, buf_span(&schema), error, sizeof error),
                     STINT_OK);
    struct client_json_in in = { .mem = &mem,
                                 .types = &required,
                                 .type = client_types_root(&required),
                                 .text = "{}",
                                 .error = error,
                                 .error_size = sizeof error };
    assert_int_equal(client_json_encode(&in, &bytes), STINT_INVALID);
    assert_string_equal(error, "must: is required and missing");
    in.text = "{\"must\":0}";
    assert_int_equal(client_json_encode(&in, &bytes), STINT_OK);
    assert_int_equal(bytes.size, 2);
    client_types_fini(&required);
    buf_fini(&schema);
}

static void
what_the_description_does_not_know_is_passed_over(void **state)
{
    (void)state;
    buf_reset(&bytes);
    rawpb_put_tag(&bytes, 99, RAWPB_VARINT);
    rawpb_put_varint(&bytes, 5);
    rawpb_put_bytes(&bytes, 98, span_text("new"));
    rawpb_put_tag(&bytes, 4, RAWPB_VARINT);
    rawpb_put_varint(&bytes, 1);
    rawpb_put_tag(&bytes, 4, RAWPB_VARINT);
    rawpb_put_varint(&bytes, 8); /* the last one counts */
    assert_non_null(strstr(decode(), "\"u32\":8"));
}

static void
lists_are_read_packed_and_not(void **state)
{
    (void)state;
    buf_reset(&bytes);
    for (uint64_t i = 1; i < 4; i++) {
        rawpb_put_tag(&bytes, 23, RAWPB_VARINT);
        rawpb_put_varint(&bytes, i);
    }
    rawpb_put_bytes(&bytes, 23, span_of("\x04\x05", 2));
    assert_non_null(strstr(decode(), "\"rep\":[1,2,3,4,5]"));
}

static void
texts_that_are_no_text_are_made_harmless(void **state)
{
    (void)state;
    buf_reset(&bytes);
    rawpb_put_bytes(&bytes, 15, span_of("a\xff\x1b[\xc2\x9b", 6));
    assert_non_null(strstr(decode(), "\"s\":\"a\\ufffd\\u001b[\\u009b\""));
}

/* From memory that ends where the bytes end, so that reading on is noticed. */
static enum stint_status
decode_status(void)
{
    uint8_t *exact = mem_alloc(&mem, bytes.size + 1);
    assert_non_null(exact);
    bytes_copy(exact + 1, bytes.data, bytes.size);
    buf_reset(&text);
    enum stint_status status = client_json_decode(&mem, &types, client_types_root(&types),
                                                  span_of(exact + 1, bytes.size), &text);
    assert_true(status == STINT_OK || text.size == 0);
    mem_free(&mem, exact, bytes.size + 1);
    return status;
}

static void
malformed_bytes_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        { "\x08", 1 },     /* no value */
        { "\x0f\x01", 2 }, /* wire form 7 */
        { "\x0b", 1 },     /* a group */
        { "\x00\x01", 2 }, /* tag 0 */
        { "\x7a\x09"
          "abc",
          5 }, /* longer than what is left */
        { "\x7a\x04"
          "abc",
          5 },                                                  /* one byte longer */
        { "\x0a\x01\x01", 3 },                                  /* a bool as bytes */
        { "\x78\x01", 2 },                                      /* a text as number */
        { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11 }, /* 70 bits */
        { "\xaa\x01\x04\x0a\x02\x01\x02", 7 },                  /* a channel of two bytes */
        { "\xa2\x01\x01\x08", 4 },                              /* an inner message that is cut */
        { "\xba\x01\x01\x80", 4 },                              /* a packed list that is cut */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf_reset(&bytes);
        assert_true(buf_append(&bytes, cases[i].bytes, cases[i].size));
        if (decode_status() != STINT_INVALID) {
            fail_msg("case %zu was read", i);
        }
    }
}

static void
what_would_be_too_much_text_is_refused(void **state)
{
    (void)state;
    buf_reset(&bytes);
    for (int i = 0; i < 300000; i++) {
        (void)buf_append(&bytes, "\xca\x01\x00", 3); /* one more empty test.In */
    }
    assert_int_equal(decode_status(), STINT_LIMIT);
}

static void
random_bytes_do_no_harm(void **state)
{
    (void)state;
    struct prng random;
    prng_init(&random, test_seed("json"));
    for (int round = 0; round < 20000; round++) {
        uint8_t noise[64];
        size_t size = (size_t)prng_below(&random, sizeof noise);
        if (round % 2 == 0) {
            prng_bytes(&random, noise, size);
            buf_reset(&bytes);
            assert_true(buf_append(&bytes, noise, size));
        } else {
            assert_int_equal(encode("{\"rep\":[1,2],\"in\":{\"x\":5},\"ch\":\"" ID_TEXT
                                    "\",\"d\":1.5,\"reps\":[\"a\"],\"two\":{}}"),
                             STINT_OK);
            bytes.data[prng_below(&random, bytes.size)] ^= (uint8_t)(1u << prng_below(&random, 8));
        }
        (void)decode_status();
    }
}

static void
random_texts_do_no_harm(void **state)
{
    static const char alphabet[] = "{}[]\",:0123456789-+.eE\\u nulltrue abcisfrepchtwo\xc3\xa4";
    (void)state;
    struct prng random;
    prng_init(&random, test_seed("json texts"));
    for (int round = 0; round < 20000; round++) {
        char json[80];
        size_t size = 1 + (size_t)prng_below(&random, sizeof json - 1);
        for (size_t i = 0; i + 1 < size; i++) {
            json[i] = alphabet[prng_below(&random, sizeof alphabet - 1)];
        }
        json[size - 1] = '\0';
        enum stint_status status = encode(json);
        assert_true(status == STINT_OK || error[0] != '\0' || status == STINT_BLOCKED);
    }
}

static void
values_over_the_limit_are_refused(void **state)
{
    struct buf schema, json;
    struct client_types wide;
    (void)state;
    buf_init(&schema, &mem, CLIENT_SCHEMA_MAX);
    buf_init(&json, &mem, CLIENT_JSON_MAX);
    described_begin(&schema);
    described_type(&schema, "test.Wide", 2);
    described_field(&schema, "a", 1, KIND(STRING), LABEL(SINGULAR), LIMIT_MESSAGE, 0, 0, "");
    described_field(&schema, "b", 2, KIND(STRING), LABEL(SINGULAR), LIMIT_MESSAGE, 0, 0, "");
    assert_int_equal(client_types_read(&wide, &mem, buf_span(&schema), error, sizeof error),
                     STINT_OK);
    for (int field = 0; field < 2; field++) {
        (void)buf_append_text(&json, field == 0 ? "{\"a\":\"" : "\",\"b\":\"");
        for (int i = 0; i < 40000; i++) {
            (void)buf_put_u8(&json, 'x');
        }
    }
    (void)buf_append(&json, "\"}", 3);
    struct client_json_in in = { .mem = &mem,
                                 .types = &wide,
                                 .type = client_types_root(&wide),
                                 .text = (const char *)json.data,
                                 .error = error,
                                 .error_size = sizeof error };
    assert_int_equal(client_json_encode(&in, &bytes), STINT_LIMIT);
    assert_non_null(strstr(error, "65536"));
    client_types_fini(&wide);
    buf_fini(&schema);
    buf_fini(&json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kind_goes_there_and_back, begin, end),
        cmocka_unit_test_setup_teardown(channels_are_ids_or_names, begin, end),
        cmocka_unit_test_setup_teardown(an_optional_field_is_shown_only_when_it_is_there, begin,
                                        end),
        cmocka_unit_test_setup_teardown(every_mistake_is_named, begin, end),
        cmocka_unit_test_setup_teardown(a_required_field_must_be_there, begin, end),
        cmocka_unit_test_setup_teardown(what_the_description_does_not_know_is_passed_over, begin,
                                        end),
        cmocka_unit_test_setup_teardown(lists_are_read_packed_and_not, begin, end),
        cmocka_unit_test_setup_teardown(texts_that_are_no_text_are_made_harmless, begin, end),
        cmocka_unit_test_setup_teardown(malformed_bytes_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(what_would_be_too_much_text_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(random_bytes_do_no_harm, begin, end),
        cmocka_unit_test_setup_teardown(random_texts_do_no_harm, begin, end),
        cmocka_unit_test_setup_teardown(values_over_the_limit_are_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
