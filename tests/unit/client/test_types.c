/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of types: what is well formed is read, everything else is refused, whatever it is.
 */
#include "described.h"

#include <stdio.h>

#include "base/prng.h"
#include "client/types.h"
#include "tracked_memory.h"

static struct tracked_memory tracked;
static struct mem mem;
static struct buf schema;
static char error[256];

static int
begin(void **state)
{
    (void)state;
    memset(&tracked, 0, sizeof tracked);
    mem_init(&mem, tracked_allocator(&tracked), 0);
    buf_init(&schema, &mem, CLIENT_SCHEMA_MAX);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    buf_fini(&schema);
    assert_int_equal(mem.used, 0);
    return 0;
}

static enum stint_status
read_schema(void)
{
    struct client_types types;
    assert_false(schema.failed);
    enum stint_status status =
        client_types_read(&types, &mem, buf_span(&schema), error, sizeof error);
    assert_true((status == STINT_OK) == (error[0] == '\0'));
    client_types_fini(&types);
    return status;
}

static void
refused(const char *word)
{
    enum stint_status status = read_schema();
    assert_true(status == STINT_INVALID || status == STINT_LIMIT);
    if (strstr(error, word) == NULL) {
        fail_msg("\"%s\" does not name \"%s\"", error, word);
    }
    buf_reset(&schema);
}

static void
a_description_is_read_with_its_types_and_codes(void **state)
{
    struct client_types types;
    (void)state;
    described_add(&schema);
    described_code(&schema, "tally", "Add", 1);
    assert_int_equal(client_types_read(&types, &mem, buf_span(&schema), error, sizeof error),
                     STINT_OK);
    const struct client_type *root = client_types_root(&types);
    assert_string_equal(root->name, "tally.Add");
    assert_int_equal(root->count, 2);
    assert_int_equal(root->depth, 2);
    const stint_FieldDef *fields = client_type_fields(&types, root);
    assert_string_equal(fields[1].name, "reply");
    assert_int_equal(client_field_type(&types, &fields[1])->role, CLIENT_TYPE_CHANNEL);
    assert_ptr_equal(client_types_find(&types, "stint.Channel"),
                     client_field_type(&types, &fields[1]));
    assert_null(client_types_find(&types, "nothing"));
    client_types_fini(&types);
}

static void
another_version_is_refused_with_both_numbers(void **state)
{
    (void)state;
    rawpb_put_tag(&schema, 1, RAWPB_VARINT);
    rawpb_put_varint(&schema, 9);
    assert_int_equal(read_schema(), STINT_BAD_VERSION);
    assert_non_null(strstr(error, "9"));
    assert_non_null(strstr(error, "version 1"));
}

static void
every_broken_rule_is_refused(void **state)
{
    (void)state;
    refused("too early");
    described_type(&schema, "t", 0);
    refused("begin with its version");
    described_begin(&schema);
    described_field(&schema, "x", 1, KIND(BOOL), LABEL(SINGULAR), 0, 0, 0, "");
    refused("without its type");
    described_begin(&schema);
    described_type(&schema, "t", 2);
    described_field(&schema, "x", 1, KIND(BOOL), LABEL(SINGULAR), 0, 0, 0, "");
    refused("too early");
    described_begin(&schema);
    described_type(&schema, "t", 1);
    described_type(&schema, "u", 0);
    refused("out of order");
    described_begin(&schema);
    described_type(&schema, "", 0);
    refused("type");
    described_begin(&schema);
    described_type(&schema, "t\x1b[2J", 0);
    refused("type");
    described_begin(&schema);
    described_type(&schema, "t", CLIENT_TYPE_FIELDS + 1);
    refused("type");
    described_begin(&schema);
    described_code(&schema, "m", "c", 1);
    refused("code");
    described_begin(&schema);
    rawpb_put_bytes(&schema, 9, span_of(NULL, 0));
    refused("unknown field");
}

static void
bad_field(uint32_t tag, stint_FieldKind kind, stint_FieldLabel label, uint32_t size, uint32_t count,
          uint32_t subtype, const char *oneof)
{
    described_begin(&schema);
    described_type(&schema, "t", 1);
    described_field(&schema, "x", tag, kind, label, size, count, subtype, oneof);
    refused("field");
}

static void
fields_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    bad_field(0, KIND(BOOL), LABEL(SINGULAR), 0, 0, 0, "");
    bad_field(UINT32_C(1) << 29, KIND(BOOL), LABEL(SINGULAR), 0, 0, 0, "");
    bad_field(1, KIND(NONE), LABEL(SINGULAR), 0, 0, 0, "");
    bad_field(1, (stint_FieldKind)77, LABEL(SINGULAR), 0, 0, 0, "");
    bad_field(1, KIND(BOOL), (stint_FieldLabel)9, 0, 0, 0, "");
    bad_field(1, KIND(BOOL), LABEL(REPEATED), 0, 0, 0, "");
    bad_field(1, KIND(BOOL), LABEL(SINGULAR), 0, 3, 0, "");
    bad_field(1, KIND(BOOL), LABEL(SINGULAR), 0, 0, 1, "");
    bad_field(1, KIND(MESSAGE), LABEL(SINGULAR), 0, 0, 0, "");
    bad_field(1, KIND(MESSAGE), LABEL(SINGULAR), 0, 0, 9, "");
    bad_field(1, KIND(STRING), LABEL(SINGULAR), LIMIT_MESSAGE + 1, 0, 0, "");
    bad_field(1, KIND(FIXED_BYTES), LABEL(SINGULAR), 0, 0, 0, "");
    bad_field(1, KIND(BOOL), LABEL(ONEOF), 0, 0, 0, "");
    bad_field(1, KIND(BOOL), LABEL(SINGULAR), 0, 0, 0, "o");
    for (int how = 0; how < 3; how++) {
        described_begin(&schema);
        described_type(&schema, "t", 2);
        described_field(&schema, "x", 2, KIND(BOOL), LABEL(SINGULAR), 0, 0, 0, "");
        described_field(&schema, how == 0 ? "x" : "y",
                        how == 0   ? 3
                        : how == 1 ? 2
                                   : 1,
                        KIND(BOOL), LABEL(SINGULAR), 0, 0, 0, "");
        refused("twice");
    }
}

static void
types_in_themselves_and_too_deep_ones_are_refused(void **state)
{
    (void)state;
    described_begin(&schema);
    described_type(&schema, "t", 1);
    described_field(&schema, "x", 1, KIND(MESSAGE), LABEL(SINGULAR), 0, 0, 1, "");
    refused("themselves");
    described_begin(&schema);
    for (uint32_t i = 0; i < 2; i++) {
        described_type(&schema, i == 0 ? "a" : "b", 1);
        described_field(&schema, "x", 1, KIND(MESSAGE), LABEL(REPEATED), 0, 2, 2 - i, "");
    }
    refused("themselves");
    for (int forward = 0; forward < 2; forward++) {
        uint32_t depth = CLIENT_TYPE_DEPTH + 1;
        described_begin(&schema);
        for (uint32_t i = 0; i < depth; i++) {
            char name[16];
            uint32_t inner = forward ? i + 2 : i;
            bool last = forward ? i + 1 == depth : i == 0;
            text_format(name, sizeof name, "t%u", (unsigned)i);
            described_type(&schema, name, last ? 0 : 1);
            if (!last) {
                described_field(&schema, "x", 1, KIND(MESSAGE), LABEL(SINGULAR), 0, 0, inner, "");
            }
        }
        refused("too deep");
    }
}

static void
a_reference_must_look_like_one(void **state)
{
    (void)state;
    described_begin(&schema);
    described_type(&schema, "stint.Channel", 1);
    described_field(&schema, "id", 1, KIND(STRING), LABEL(SINGULAR), 16, 0, 0, "");
    refused("reference");
    described_begin(&schema);
    described_type(&schema, "stint.Tasklet", 0);
    refused("reference");
}

static void
too_many_of_anything_is_refused(void **state)
{
    (void)state;
    described_begin(&schema);
    for (uint32_t i = 0; i <= CLIENT_TYPES; i++) {
        described_type(&schema, "t", 0);
    }
    refused("limit");
    described_begin(&schema);
    for (uint32_t i = 0; i < CLIENT_FIELDS / CLIENT_TYPE_FIELDS + 1; i++) {
        described_type(&schema, "t", CLIENT_TYPE_FIELDS);
        for (uint32_t k = 0; k < CLIENT_TYPE_FIELDS; k++) {
            char name[16];
            text_format(name, sizeof name, "f%u", (unsigned)k);
            described_field(&schema, name, k + 1, KIND(BOOL), LABEL(SINGULAR), 0, 0, 0, "");
        }
    }
    refused("limit");
}

/* Whatever bytes come, the answer is a status and no memory stays. */
static void
damaged_descriptions_do_no_harm(void **state)
{
    (void)state;
    struct prng random;
    prng_init(&random, test_seed("types"));
    for (int round = 0; round < 3000; round++) {
        buf_reset(&schema);
        described_all(&schema);
        for (uint64_t flips = 1 + prng_below(&random, 4); flips > 0; flips--) {
            schema.data[prng_below(&random, schema.size)] ^=
                (uint8_t)(1u << prng_below(&random, 8));
        }
        if (prng_below(&random, 4) == 0) {
            schema.size = prng_below(&random, schema.size);
        }
        (void)read_schema();
    }
    buf_fini(&schema);
}

static void
memory_may_fail_anywhere(void **state)
{
    (void)state;
    described_all(&schema);
    described_code(&schema, "m", "c", 1);
    bool refused_once = false;
    for (uint64_t at = 1;; at++) {
        tracked.calls = 0;
        tracked.fail_at = at;
        enum stint_status status = read_schema();
        if (status == STINT_OK) {
            break;
        }
        assert_int_equal(status, STINT_NO_MEMORY);
        refused_once = true;
    }
    tracked.fail_at = 0;
    assert_true(refused_once);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_description_is_read_with_its_types_and_codes, begin, end),
        cmocka_unit_test_setup_teardown(another_version_is_refused_with_both_numbers, begin, end),
        cmocka_unit_test_setup_teardown(every_broken_rule_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(fields_that_make_no_sense_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(types_in_themselves_and_too_deep_ones_are_refused, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_reference_must_look_like_one, begin, end),
        cmocka_unit_test_setup_teardown(too_many_of_anything_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(damaged_descriptions_do_no_harm, begin, end),
        cmocka_unit_test_setup_teardown(memory_may_fail_anywhere, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
