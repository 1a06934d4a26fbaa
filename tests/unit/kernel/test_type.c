/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"
#include "kernel/schema.h"
#include "kernel/type.h"
#include "schema/schema.pb.h"
#include "types.pb.h"

#include <pb_decode.h>

extern const struct stint_type types_Inner_stint, types_All_forms_stint, types_Old_stint,
    types_Large_stint;
extern const struct stint_type types_D0_stint, types_D1_stint, stint_Empty_stint,
    stint_Channel_stint;

enum { INNER_S = 1, FIELD_TEXT = 14, FIELD_NUMBERS = 19 };

static void *
resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

static struct mem memory;

static int
setup(void **state)
{
    (void)state;
    mem_init(&memory, (struct stint_allocator){ resize, NULL }, 0);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    assert_int_equal(memory.used, 0);
    return 0;
}

static void
expect_refused(const struct stint_type *type, const char *sentence)
{
    char error[256];
    assert_int_equal(type_check(type, error, sizeof(error)), STINT_INVALID);
    assert_string_equal(error, sentence);
}

static void
expect_good(const struct stint_type *type)
{
    char error[256] = "";
    assert_int_equal(type_check(type, error, sizeof(error)), STINT_OK);
    assert_string_equal(error, "");
}

/* A copy of types.All_forms whose field `index` the test spoils. */
struct spoilt {
    struct stint_type type;
    struct stint_field fields[40];
};

static struct stint_field *
spoil(struct spoilt *s, const struct stint_type *type, uint32_t index)
{
    s->type = *type;
    assert_in_range(type->field_count, 1, 40);
    memcpy(s->fields, type->fields, type->field_count * sizeof(s->fields[0]));
    s->type.fields = s->fields;
    return &s->fields[index];
}

static void
test_names_are_shown_with_dots(void **state)
{
    (void)state;
    char out[TYPE_NAME_SIZE];
    assert_string_equal(type_show_name("tally_Add", out), "tally.Add");
    assert_string_equal(type_show_name("a_b_Cd_Ef", out), "a_b.Cd.Ef");
    assert_string_equal(type_show_name("types_All_forms", out), "types.All_forms");
    assert_string_equal(type_show_name("_Alone", out), "_Alone");
    assert_string_equal(type_show_name("x_", out), "x_");
    assert_string_equal(type_show_name("", out), "");
}

static void
test_bounded_types_are_good(void **state)
{
    (void)state;
    expect_good(&types_All_forms_stint);
    expect_good(&types_Inner_stint);
    expect_good(&stint_Empty_stint);
    expect_good(&stint_Channel_stint);
}

static void
test_a_field_without_a_bound_is_named_with_its_remedy(void **state)
{
    (void)state;
    struct spoilt s;
    spoil(&s, &types_All_forms_stint, FIELD_TEXT)->storage = STINT_STORAGE_CALLBACK;
    expect_refused(&s.type,
        "message types.All_forms: field `text` has no max_size (nanopb would make it a "
        "callback); give it one in types.options");
    spoil(&s, &types_All_forms_stint, FIELD_NUMBERS)->storage = STINT_STORAGE_POINTER;
    expect_refused(&s.type,
        "message types.All_forms: field `numbers` has no max_count (nanopb would make it a "
        "pointer); give it one in types.options");
    spoil(&s, &types_All_forms_stint, 21)->storage = STINT_STORAGE_CALLBACK;
    expect_refused(&s.type,
        "message types.All_forms: field `names` has no max_size or no max_count (nanopb would "
        "make it a callback); give it one in types.options");
    spoil(&s, &types_All_forms_stint, 17)->storage = STINT_STORAGE_POINTER;
    expect_refused(&s.type,
        "message types.All_forms: field `inner` is a pointer by an option of nanopb; remove it "
        "from types.options");
}

static void
test_forms_that_cannot_be_pickled_are_refused(void **state)
{
    (void)state;
    struct spoilt s;
    spoil(&s, &types_All_forms_stint, 17)->kind = STINT_KIND_MSG_W_CB;
    expect_refused(&s.type,
        "message types.All_forms: field `inner` has a callback (option submsg_callback); "
        "remove the option");
    spoil(&s, &types_All_forms_stint, 0)->kind = STINT_KIND_EXTENSION;
    expect_refused(&s.type,
        "message types.All_forms: field `flag` is an extension, which has no bound; use a "
        "message or a oneof");
    spoil(&s, &types_All_forms_stint, 0)->rule = STINT_RULE_REQUIRED;
    expect_refused(&s.type,
        "message types.All_forms: field `flag` is required, so no later version could leave it "
        "out; use proto3");
    spoil(&s, &types_All_forms_stint, 0)->kind = 77;
    expect_refused(&s.type,
        "message types.All_forms: field `flag` has an unknown form (77, 1); build the module "
        "with this version's headers");
}

static void
test_a_message_that_contains_itself_is_refused(void **state)
{
    (void)state;
    struct spoilt outer, inner;
    spoil(&inner, &types_Inner_stint, 2)->type = &types_Inner_stint;
    expect_refused(&inner.type,
        "message types.Inner: field `ch` is described otherwise by nanopb; was the header "
        "generated anew?");
    /* Round a corner: D0 contains D1, whose `d` is D0 again; nanopb's view of it agrees. */
    spoil(&inner, &types_D1_stint, 0);
    spoil(&outer, &types_D0_stint, 0)->type = &inner.type;
    static pb_msgdesc_t looping;
    static const pb_msgdesc_t *subs[2];
    looping = *types_D1_stint.descriptor;
    subs[0] = outer.type.descriptor;
    looping.submsg_info = subs;
    inner.type.descriptor = &looping;
    inner.fields[0].type = &outer.type;
    static pb_msgdesc_t head;
    static const pb_msgdesc_t *head_subs[2];
    head = *types_D0_stint.descriptor;
    head_subs[0] = &looping;
    head.submsg_info = head_subs;
    outer.type.descriptor = &head;
    subs[0] = &head;
    expect_refused(&outer.type,
        "message types.D1: field `d` makes the message contain itself; its size must be "
        "bounded");
}

static void
test_nesting_is_bounded(void **state)
{
    (void)state;
    expect_good(&types_D1_stint);
    expect_refused(&types_D0_stint, "message types.D7: field `d` is nested deeper than 8 messages");
}

static void
test_sizes_and_names_are_bounded(void **state)
{
    (void)state;
    struct spoilt s;
    char name[TYPE_NAME_SIZE + 1];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    spoil(&s, &types_Inner_stint, 0)->name = name;
    char error[256];
    assert_int_equal(type_check(&s.type, error, sizeof(error)), STINT_INVALID);
    assert_non_null(strstr(error, "has a name of more than 63 bytes"));
    spoil(&s, &types_Inner_stint, 0);
    s.type.name = name;
    assert_int_equal(type_check(&s.type, error, sizeof(error)), STINT_INVALID);
    assert_non_null(strstr(error, "its name has more than 95 bytes"));
    spoil(&s, &types_Inner_stint, 0);
    s.type.size = TYPE_SIZE_MAX + 1;
    expect_refused(
        &s.type, "message types.Inner: its struct has 65537 bytes; at most 65536 are allowed");
    expect_refused(&types_Large_stint,
        "message types.Large: may take more than 65536 bytes when encoded; lower the "
        "bounds of its fields");
    spoil(&s, &types_Inner_stint, 0);
    s.type.field_count = TYPE_FIELDS_MAX + 1;
    expect_refused(&s.type, "message types.Inner: has 257 fields; at most 256 are allowed");
}

static void
test_a_description_that_contradicts_nanopb_is_refused(void **state)
{
    (void)state;
    struct spoilt s;
    spoil(&s, &types_Inner_stint, 0);
    s.type.field_count = 2;
    expect_refused(&s.type,
        "message types.Inner: 2 fields described, nanopb knows 3; was the header generated "
        "anew?");
    spoil(&s, &types_Inner_stint, 1)->offset = 4000;
    expect_refused(&s.type,
        "message types.Inner: field `s` lies outside the struct; was the header generated "
        "anew?");
    spoil(&s, &types_Inner_stint, 0)->tag = 9;
    expect_refused(&s.type,
        "message types.Inner: field `a` is described otherwise by nanopb; was the header "
        "generated anew?");
    spoil(&s, &types_Inner_stint, 2)->type = NULL;
    expect_refused(&s.type,
        "message types.Inner: field `ch` has no description of its message; list its proto in "
        "PROTOS");
}

static void
test_hash_sees_what_decides_the_encoding_and_nothing_else(void **state)
{
    (void)state;
    struct spoilt s;
    uint64_t hash = type_hash(&types_All_forms_stint);
    spoil(&s, &types_All_forms_stint, 0);
    assert_int_equal(type_hash(&s.type), hash);
    /* The place in the struct, and whether the compiler took the enum for unsigned, are the
     * machine's business. */
    s.fields[5].offset += 64;
    s.fields[13].kind = s.fields[13].kind == STINT_KIND_ENUM ? STINT_KIND_UENUM : STINT_KIND_ENUM;
    s.type.size += 64;
    assert_int_equal(type_hash(&s.type), hash);

    spoil(&s, &types_All_forms_stint, 3)->name = "other";
    assert_int_not_equal(type_hash(&s.type), hash);
    spoil(&s, &types_All_forms_stint, 3)->tag = 99;
    assert_int_not_equal(type_hash(&s.type), hash);
    spoil(&s, &types_All_forms_stint, 3)->kind = STINT_KIND_FIXED32;
    assert_int_not_equal(type_hash(&s.type), hash);
    spoil(&s, &types_All_forms_stint, FIELD_TEXT)->size += 1;
    assert_int_not_equal(type_hash(&s.type), hash);
    spoil(&s, &types_All_forms_stint, FIELD_NUMBERS)->count += 1;
    assert_int_not_equal(type_hash(&s.type), hash);
    struct spoilt inner;
    spoil(&inner, &types_Inner_stint, INNER_S)->size += 1;
    spoil(&s, &types_All_forms_stint, 17)->type = &inner.type;
    assert_int_not_equal(type_hash(&s.type), hash);
}

/* The number stands in pickles and schemas of other versions; it may never change. */
static void
test_hash_is_the_same_for_ever(void **state)
{
    (void)state;
    assert_int_equal(type_hash(&stint_Channel_stint), UINT64_C(0x9984094c4e2e02fa));
}

static void
test_same_means_copyable(void **state)
{
    (void)state;
    struct spoilt s;
    spoil(&s, &types_Inner_stint, 0);
    assert_true(type_same(&s.type, &types_Inner_stint));
    s.fields[1].offset += 4;
    assert_false(type_same(&s.type, &types_Inner_stint));
    assert_false(type_same(&types_Old_stint, &types_Inner_stint));
}

/* A value with something in every field; handles carry hints. */
static void
fill(types_All_forms *v)
{
    *v = (types_All_forms){ .flag = true,
        .i32 = -1,
        .i64 = INT64_MIN,
        .u32 = UINT32_MAX,
        .u64 = UINT64_MAX,
        .s32 = INT32_MIN,
        .s64 = -2,
        .f32 = 7,
        .f64 = 8,
        .sf32 = -9,
        .sf64 = -10,
        .real = 1.5F,
        .precise = -0.25,
        .color = types_Color_BLUE,
        .text = "hello",
        .data = { 3, { 1, 2, 3 } },
        .digest = { 1, 2, 3, 4, 5, 6, 7, 8 },
        .has_maybe = true,
        .maybe = 0,
        .numbers_count = 2,
        .numbers = { -1, 1 },
        .inners_count = 2,
        .names_count = 1,
        .names = { "ab" },
        .small = 200,
        .which_choice = types_All_forms_message_tag };
    v->inner = (types_Inner){ 1, "inner", { { 1 }, 11 } };
    v->inners[0] = (types_Inner){ 2, "one", { { 2 }, 12 } };
    v->inners[1] = (types_Inner){ 3, "", { { 0 }, 13 } };
    v->inners[2] = (types_Inner){ 9, "unused", { { 9 }, 99 } };
    v->pair[1] = (types_Inner){ 4, "pair", { { 3 }, 14 } };
    v->inbox = (stint_Channel){ { 4 }, 15 };
    v->choice.message = (types_Inner){ 5, "chosen", { { 5 }, 16 } };
    v->perhaps = (types_Inner){ 6, "not there", { { 6 }, 17 } };
}

static void
collect(void *arg, stint_Channel *ch)
{
    char *seen = arg;
    size_t size = strlen(seen);
    seen[size] = (char)('0' + ch->id[0]);
    seen[size + 1] = '\0';
}

static void
test_channels_are_found_where_they_are_and_only_there(void **state)
{
    (void)state;
    types_All_forms v;
    char seen[32] = "";
    fill(&v);
    type_each_channel(&types_All_forms_stint, &v, collect, seen);
    assert_string_equal(seen, "12345");
    v.has_perhaps = true;
    v.which_choice = types_All_forms_number_tag;
    v.inners_count = 3;
    seen[0] = '\0';
    type_each_channel(&types_All_forms_stint, &v, collect, seen);
    assert_string_equal(seen, "129346");
    assert_true(type_has_channels(&types_All_forms_stint));
    assert_false(type_has_channels(&types_Old_stint));
}

static void
test_scrub_clears_hints_and_nothing_else(void **state)
{
    (void)state;
    types_All_forms v;
    fill(&v);
    type_scrub(&types_All_forms_stint, &v);
    assert_int_equal(v.inbox.slot, 0);
    assert_int_equal(v.inner.ch.slot, 0);
    assert_int_equal(v.inners[1].ch.slot, 0);
    assert_int_equal(v.pair[1].ch.slot, 0);
    assert_int_equal(v.choice.message.ch.slot, 0);
    assert_int_equal(v.inbox.id[0], 4);
    assert_string_equal(v.choice.message.s, "chosen");
    /* Not part of the value. */
    assert_int_equal(v.inners[2].ch.slot, 99);
}

static void
test_values_survive_encoding_without_their_hints(void **state)
{
    (void)state;
    struct buf b, again;
    types_All_forms v, w;
    fill(&v);
    buf_init(&b, &memory, TYPE_SIZE_MAX);
    buf_init(&again, &memory, TYPE_SIZE_MAX);
    assert_int_equal(type_encode(&types_All_forms_stint, &v, &b), STINT_OK);
    assert_true(b.size <= type_encoded_max(&types_All_forms_stint));
    assert_int_equal(v.inbox.slot, 15); /* the value itself is not touched */
    const char *why;
    assert_int_equal(type_decode(&types_All_forms_stint, buf_span(&b), &w, &why), STINT_OK);
    assert_int_equal(w.inbox.slot, 0);
    assert_int_equal(w.i64, INT64_MIN);
    assert_string_equal(w.text, "hello");
    assert_true(w.has_maybe);
    assert_int_equal(w.inners_count, 2);
    assert_string_equal(w.choice.message.s, "chosen");
    assert_memory_equal(w.digest, v.digest, 8);
    assert_int_equal(type_encode(&types_All_forms_stint, &w, &again), STINT_OK);
    assert_true(span_equal(buf_span(&b), buf_span(&again)));
    buf_fini(&b);
    buf_fini(&again);
}

/* Singular messages have no has_ flag that one could forget: they travel whenever something in them
 * is set, and only then. */
static void
test_submessages_travel_empty_and_full(void **state)
{
    (void)state;
    struct buf b;
    types_All_forms v, w;
    memset(&v, 0, sizeof(v));
    buf_init(&b, &memory, TYPE_SIZE_MAX);
    v.inner.a = 7;
    assert_int_equal(type_encode(&types_All_forms_stint, &v, &b), STINT_OK);
    assert_int_equal(type_decode(&types_All_forms_stint, buf_span(&b), &w, NULL), STINT_OK);
    assert_int_equal(w.inner.a, 7);
    assert_int_equal(w.perhaps.a, 0);
    buf_reset(&b);
    types_D1 d = types_D1_init_zero;
    types_D1 e;
    assert_int_equal(type_encode(&types_D1_stint, &d, &b), STINT_OK);
    assert_int_equal(b.size, 0);
    assert_int_equal(type_decode(&types_D1_stint, buf_span(&b), &e, NULL), STINT_OK);
    d.d.d.d.d.d.d.d.x = 5;
    assert_int_equal(type_encode(&types_D1_stint, &d, &b), STINT_OK);
    assert_int_equal(type_decode(&types_D1_stint, buf_span(&b), &e, NULL), STINT_OK);
    assert_int_equal(e.d.d.d.d.d.d.d.x, 5);
    buf_fini(&b);
}

static void
test_the_largest_value_fits_its_bound(void **state)
{
    (void)state;
    static types_Large v;
    struct buf b;
    buf_init(&b, &memory, 1 << 20);
    v.inners_count = 1000;
    for (int i = 0; i < 1000; i++) {
        v.inners[i].a = UINT32_MAX;
        memset(v.inners[i].s, 's', 10);
    }
    v.rest.size = 25000;
    assert_int_equal(type_encode(&types_Large_stint, &v, &b), STINT_LIMIT);
    assert_int_equal(b.size, 0);
    buf_fini(&b);
}

static void
test_encoding_reports_bounds_and_memory(void **state)
{
    (void)state;
    types_All_forms v;
    struct buf b;
    fill(&v);
    buf_init(&b, &memory, 20);
    assert_int_equal(type_encode(&types_All_forms_stint, &v, &b), STINT_LIMIT);
    assert_int_equal(b.size, 0);
    assert_false(b.failed);
    buf_fini(&b);
    buf_init(&b, &memory, TYPE_SIZE_MAX);
    memory.limit = 8;
    assert_int_equal(type_encode(&types_All_forms_stint, &v, &b), STINT_NO_MEMORY);
    type_scrub(&types_All_forms_stint, &v);
    assert_int_equal(type_encode(&types_All_forms_stint, &v, &b), STINT_NO_MEMORY);
    memory.limit = 0;
    v.numbers_count = 5;
    assert_int_equal(type_encode(&types_All_forms_stint, &v, &b), STINT_INVALID);
    v.numbers_count = 0;
    memset(v.text, 'x', sizeof(v.text));
    assert_int_equal(type_encode(&types_All_forms_stint, &v, &b), STINT_INVALID);
    assert_int_equal(b.size, 0);
    buf_fini(&b);
}

static void
expect_undecodable(const struct stint_type *type, const char *bytes, size_t size)
{
    types_All_forms v;
    const char *why = NULL;
    assert_true(type->size <= sizeof(v));
    memset(&v, 0xee, sizeof(v));
    assert_int_equal(type_decode(type, span_of(bytes, size), &v, &why), STINT_INVALID);
    assert_non_null(why);
    for (size_t i = 0; i < type->size; i++) {
        assert_int_equal(((const uint8_t *)&v)[i], 0);
    }
}

static void
test_malformed_values_are_refused(void **state)
{
    (void)state;
    expect_undecodable(&types_Old_stint, "\x08", 1);         /* cut */
    expect_undecodable(&types_Old_stint, "\x08\x01\x00", 3); /* tag 0 */
    expect_undecodable(&types_Old_stint, "\x0f", 1);         /* no such wire type */
    expect_undecodable(&types_Old_stint,
        "\x12\x05"
        "abc",
        5); /* longer than what is there */
    expect_undecodable(&types_Old_stint,
        "\x12\x10"
        "0123456789abcdef",
        18);                                                 /* too long for the field */
    expect_undecodable(&types_Old_stint, "\x0a\x01\x00", 3); /* a number given as bytes */
    expect_undecodable(
        &types_All_forms_stint, "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11); /* > 32 bit */
    expect_undecodable(&types_All_forms_stint, "\xc0\x01\xac\x02", 4); /* 300 in a byte */
    expect_undecodable(&types_All_forms_stint, "\x8a\x01\x01\x00", 4); /* fixed bytes of 8 with 1 */
    expect_undecodable(
        &types_All_forms_stint, "\xa2\x01\x05\x01\x01\x01\x01\x01", 8); /* 5 of 4 numbers */
    static uint8_t large[TYPE_SIZE_MAX + 1];
    types_Old v;
    assert_int_equal(
        type_decode(&types_Old_stint, span_of(large, sizeof(large)), &v, NULL), STINT_LIMIT);
}

static void
test_unknown_fields_are_skipped_and_hints_never_trusted(void **state)
{
    (void)state;
    types_Old old;
    assert_int_equal(
        type_decode(&types_Old_stint, span_of("\x50\x07\x08\x05\x5a\x01x", 7), &old, NULL),
        STINT_OK);
    assert_int_equal(old.total, 5);
    stint_Channel ch;
    assert_int_equal(type_decode(&stint_Channel_stint,
                         span_of("\x0a\x10"
                                 "0123456789abcdef"
                                 "\x78\x09",
                             20),
                         &ch, NULL),
        STINT_OK);
    assert_int_equal(ch.slot, 0);
    assert_memory_equal(ch.id, "0123456789abcdef", 16);
}

static void
test_fingerprints_depend_on_labels_in_order_and_mark(void **state)
{
    (void)state;
    static const struct stint_point a = { "f", "a.c", 10, "recv(a)", NULL, NULL },
                                    b = { "f", "a.c", 20, "recv(b)", NULL, NULL };
    static const struct stint_point moved = { "f", "other.c", 99, "recv(a)", NULL, NULL };
    const struct stint_point *ab[] = { &a, &b }, *ba[] = { &b, &a }, *mb[] = { &moved, &b };
    uint64_t fp = type_fingerprint(1, ab, 2, 0);
    assert_int_equal(type_fingerprint(1, mb, 2, 0), fp); /* lines and files may change */
    assert_int_not_equal(type_fingerprint(1, ba, 2, 0), fp);
    assert_int_not_equal(type_fingerprint(1, ab, 1, 0), fp);
    assert_int_not_equal(type_fingerprint(2, ab, 2, 0), fp);
    assert_int_not_equal(type_fingerprint(1, ab, 2, 1), fp);
}

/* ---- schemas, read as the SDK reads them ---- */

struct seen {
    stint_TypeDef types[16];
    stint_FieldDef fields[16][40];
    stint_CodeDef codes[4];
    uint32_t type_count, code_count;
    uint64_t version;
};

static void
read_schema(struct stint_span bytes, struct seen *seen)
{
    pb_istream_t in = pb_istream_from_buffer(bytes.data, bytes.size);
    uint32_t tag, fields = 0;
    pb_wire_type_t wire;
    bool eof = false;
    memset(seen, 0, sizeof(*seen));
    while (pb_decode_tag(&in, &wire, &tag, &eof)) {
        pb_istream_t sub;
        if (tag == 1) {
            assert_true(pb_decode_varint(&in, &seen->version));
            continue;
        }
        assert_true(pb_make_string_substream(&in, &sub));
        if (tag == 2) {
            assert_true(pb_decode(&sub, stint_TypeDef_fields, &seen->types[seen->type_count++]));
            fields = 0;
        } else if (tag == 3) {
            assert_true(pb_decode(
                &sub, stint_FieldDef_fields, &seen->fields[seen->type_count - 1][fields++]));
        } else {
            assert_int_equal(tag, 4);
            assert_true(pb_decode(&sub, stint_CodeDef_fields, &seen->codes[seen->code_count++]));
        }
        assert_true(pb_close_string_substream(&in, &sub));
    }
    assert_true(eof);
}

static void
test_schema_describes_a_type_with_all_it_contains(void **state)
{
    (void)state;
    static struct seen seen;
    struct buf b;
    buf_init(&b, &memory, 1 << 20);
    struct schema_code code = { "types", "Old", 42, &types_Old_stint };
    assert_int_equal(schema_write(&b, &types_All_forms_stint, &code, 1), STINT_OK);
    read_schema(buf_span(&b), &seen);
    assert_int_equal(seen.version, 1);
    assert_int_equal(seen.type_count, 5);
    assert_string_equal(seen.types[0].name, "types.All_forms");
    assert_int_equal(seen.types[0].hash, type_hash(&types_All_forms_stint));
    assert_int_equal(seen.types[0].fields, 30);
    const stint_FieldDef *f = seen.fields[0];
    assert_string_equal(f[FIELD_TEXT].name, "text");
    assert_int_equal(f[FIELD_TEXT].kind, stint_FieldKind_FIELD_KIND_STRING);
    assert_int_equal(f[FIELD_TEXT].max_size, 31);
    assert_int_equal(f[15].max_size, 20);
    assert_int_equal(f[16].kind, stint_FieldKind_FIELD_KIND_FIXED_BYTES);
    assert_int_equal(f[16].max_size, 8);
    assert_int_equal(f[FIELD_NUMBERS].label, stint_FieldLabel_FIELD_LABEL_REPEATED);
    assert_int_equal(f[FIELD_NUMBERS].max_count, 4);
    assert_int_equal(f[22].label, stint_FieldLabel_FIELD_LABEL_FIXED_ARRAY);
    assert_int_equal(f[23].max_size, 1);
    assert_int_equal(f[13].kind, stint_FieldKind_FIELD_KIND_ENUM);
    assert_string_equal(f[28].oneof, "choice");
    assert_int_equal(f[28].label, stint_FieldLabel_FIELD_LABEL_ONEOF);
    assert_string_equal(seen.types[f[17].subtype - 1].name, "types.Inner");
    assert_string_equal(seen.types[f[24].subtype - 1].name, "stint.Channel");
    assert_int_equal(seen.code_count, 1);
    assert_string_equal(seen.codes[0].name, "Old");
    assert_string_equal(seen.types[seen.codes[0].locals - 1].name, "types.Old");
    buf_fini(&b);
    buf_init(&b, &memory, 100);
    assert_int_equal(schema_write(&b, &types_All_forms_stint, NULL, 0), STINT_LIMIT);
    assert_int_equal(b.size, 0);
    buf_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_shown_with_dots),
        cmocka_unit_test(test_bounded_types_are_good),
        cmocka_unit_test(test_a_field_without_a_bound_is_named_with_its_remedy),
        cmocka_unit_test(test_forms_that_cannot_be_pickled_are_refused),
        cmocka_unit_test(test_a_message_that_contains_itself_is_refused),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_sizes_and_names_are_bounded),
        cmocka_unit_test(test_a_description_that_contradicts_nanopb_is_refused),
        cmocka_unit_test(test_hash_sees_what_decides_the_encoding_and_nothing_else),
        cmocka_unit_test(test_hash_is_the_same_for_ever),
        cmocka_unit_test(test_same_means_copyable),
        cmocka_unit_test(test_channels_are_found_where_they_are_and_only_there),
        cmocka_unit_test(test_scrub_clears_hints_and_nothing_else),
        cmocka_unit_test(test_values_survive_encoding_without_their_hints),
        cmocka_unit_test(test_submessages_travel_empty_and_full),
        cmocka_unit_test(test_the_largest_value_fits_its_bound),
        cmocka_unit_test(test_encoding_reports_bounds_and_memory),
        cmocka_unit_test(test_malformed_values_are_refused),
        cmocka_unit_test(test_unknown_fields_are_skipped_and_hints_never_trusted),
        cmocka_unit_test(test_fingerprints_depend_on_labels_in_order_and_mark),
        cmocka_unit_test(test_schema_describes_a_type_with_all_it_contains),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
