/* SPDX-License-Identifier: Apache-2.0 */
/* Selectors and the order of lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/ids.h"
#include "base/prng.h"
#include "base/text.h"
#include "core/admin.h"
#include "tracked_memory.h"

enum { ID, CODE, TAG, MOVES, FIELDS };

static const struct selector_field fields[FIELDS] = {
    [ID] = { "id", false, true },
    [CODE] = { "code", false, false },
    [TAG] = { "tag.", false, false },
    [MOVES] = { "moves", true, false },
};

static void
get(void *arg, uint32_t field, struct selector_value *out)
{
    (void)arg;
    if (field == ID) {
        text_copy(out->text, sizeof out->text, "3f9a0000");
    } else if (field == CODE) {
        text_copy(out->text, sizeof out->text, "Word Counter");
    } else if (field == TAG) {
        text_copy(out->text, sizeof out->text, strcmp(out->key, "tier") == 0 ? "gold" : "");
    } else if (field == MOVES) {
        out->number = 3;
    }
}

static bool
matches(const char *text)
{
    struct selector s;
    char error[256] = "";
    assert_int_equal(selector_parse(&s, text, fields, FIELDS, error, sizeof error), STINT_OK);
    assert_string_equal(error, "");
    return selector_matches(&s, get, NULL);
}

static void
test_terms_are_compared(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool matches;
    } cases[] = {
        { "", true },
        { "   ", true },
        { "id=3f9a", true },
        { "id=3f9b", false },
        { "id!=3f9a", false },
        { "code='Word Counter'", true },
        { "code = \"Word Counter\"", true },
        { "code=Word", false }, /* only ids match by their beginning */
        { "code!=Word", true },
        { "moves=3", true },
        { "moves<3", false },
        { "moves<=3", true },
        { "moves>2 and moves<4", true },
        { "moves>=4", false },
        { "moves!=3", false },
        { "moves=3 and code=Other", false },
        { "  moves = 3   and   id=3 ", true },
        { "tag.tenant=acme", false },
        { "tag.tenant!=acme", true },
        { "tag.tier=gold", true },
        { "tag.tier!=gold", false },
        { "tag.tier=gold and tag.tenant=acme", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (matches(cases[i].text) != cases[i].matches) {
            fail_msg("%s", cases[i].text);
        }
    }
}

static void
test_mistakes_are_named(void **state)
{
    (void)state;
    const struct {
        const char *text, *error;
    } cases[] = {
        { "colour=blue", "there is no field `colour`; there are id code tag. moves" },
        { "moves", "is expected after `moves`" },
        { "moves~3", "is expected after `moves`" },
        { "moves=", "a value is expected" },
        { "moves=many", "is a number, not `many`" },
        { "moves=-1", "is a number" },
        { "moves=99999999999999999999", "is a number" },
        { "code<Word", "is a text" },
        { "code=Word or moves=3", "`and` is expected" },
        { "code=Word andmoves=3", "`and` is expected" },
        { "code=Word and ", "a term is expected" },
        { "code=Word and  ", "a term is expected" },
        { "code='Word", "a value is expected" },
        { "=3", "a field is expected" },
        { "tag.=3", "there is no field `tag.`" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct selector s;
        char error[256] = "";
        if (selector_parse(&s, cases[i].text, fields, FIELDS, error, sizeof error) !=
                STINT_INVALID ||
            strstr(error, cases[i].error) == NULL) {
            fail_msg("%s: %s", cases[i].text, error);
        }
    }
}

static void
test_too_much_is_refused(void **state)
{
    (void)state;
    struct selector s;
    char error[256], text[512] = "moves=3";
    for (int i = 1; i < SELECTOR_TERMS_MAX; i++) {
        (void)strcat(text, " and moves=3");
    }
    assert_int_equal(selector_parse(&s, text, fields, FIELDS, error, sizeof error), STINT_OK);
    (void)strcat(text, " and moves=3");
    assert_int_equal(selector_parse(&s, text, fields, FIELDS, error, sizeof error), STINT_INVALID);
    char word[300] = "code=";
    memset(word + 5, 'x', 200);
    word[205] = 0;
    assert_int_equal(selector_parse(&s, word, fields, FIELDS, error, sizeof error), STINT_INVALID);
}

/* Any text gives an answer: a selector or a sentence. */
static void
test_no_text_does_harm(void **state)
{
    (void)state;
    static const char alphabet[] = "id=3moves<>!='\" andtag.code~\x01\x7f";
    struct prng random;
    prng_init(&random, test_seed("selectors"));
    for (int round = 0; round < 20000; round++) {
        char text[64], error[128] = "";
        size_t length = prng_below(&random, sizeof text);
        for (size_t i = 0; i < length; i++) {
            text[i] = alphabet[prng_below(&random, sizeof alphabet - 1)];
        }
        text[length] = 0;
        struct selector s;
        enum stint_status status = selector_parse(&s, text, fields, FIELDS, error, sizeof error);
        assert_true(status == STINT_OK || (status == STINT_INVALID && error[0] != 0));
        if (status == STINT_OK) {
            (void)selector_matches(&s, get, NULL);
        }
    }
}

/* ---- order ---- */

static void
test_rows_are_in_order_and_cut(void **state)
{
    (void)state;
    struct tracked_memory tracked = { 0 };
    struct mem mem;
    struct prng random;
    mem_init(&mem, tracked_allocator(&tracked), 0);
    prng_init(&random, test_seed("rows"));
    for (int descending = 0; descending < 2; descending++) {
        struct rows rows;
        rows_init(&rows, &mem, descending == 1);
        for (int i = 0; i < 1000; i++) {
            char token[ADMIN_PAGE_SIZE];
            uint8_t content[] = { 1, 2, 3 };
            struct admin_reply reply = { .item = { content, 2 }, .payload = { content, 1 } };
            rows_number_token(token, prng_below(&random, 200), prng_id(&random));
            assert_true(rows_add(&rows, token, STINT_ID_NONE, i % 2 == 0 ? &reply : NULL));
        }
        rows_sort(&rows);
        for (uint32_t i = 1; i < rows.count; i++) {
            int order = strcmp(rows.list[i - 1].token, rows.list[i].token);
            assert_true(descending == 1 ? order > 0 : order < 0);
        }
        char last[ADMIN_PAGE_SIZE];
        text_copy(last, sizeof last, rows.list[99].token);
        assert_true(rows_cut(&rows, 100));
        assert_int_equal(rows.count, 100);
        assert_string_equal(rows.list[99].token, last);
        assert_false(rows_cut(&rows, 100));
        rows_remove(&rows, 0);
        assert_int_equal(rows.count, 99);
        rows_fini(&rows);
    }
    assert_int_equal(mem.used, 0);
    assert_int_equal(tracked.blocks, 0);
}

static void
test_tokens_sort_as_their_keys(void **state)
{
    (void)state;
    char a[ADMIN_PAGE_SIZE], b[ADMIN_PAGE_SIZE];
    struct stint_id low = { { 0 } }, high;
    memset(high.bytes, 0xff, sizeof high.bytes);
    rows_text_token(a, "ab", high); /* the shorter key first, whatever the id */
    rows_text_token(b, "abc", low);
    assert_true(strcmp(a, b) < 0);
    rows_number_token(a, 9, high);
    rows_number_token(b, 10, low);
    assert_true(strcmp(a, b) < 0);
    rows_place_token(a, 9, UINT32_MAX);
    rows_place_token(b, 10, 0);
    assert_true(strcmp(a, b) < 0);
    uint64_t inc;
    uint32_t place;
    assert_true(rows_parse_place(a, &inc, &place));
    assert_true(inc == 9 && place == UINT32_MAX);
    assert_false(rows_parse_place("", &inc, &place));
    assert_false(rows_parse_place("n", &inc, &place));
    assert_false(rows_parse_place("n000000000000000g00000000", &inc, &place));
    assert_false(rows_parse_place("s00000000000000000000000000", &inc, &place));
    char long_key[200];
    memset(long_key, 'k', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = 0;
    rows_text_token(a, long_key, low);
    assert_int_equal(strlen(a), ADMIN_PAGE_SIZE - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terms_are_compared),
        cmocka_unit_test(test_mistakes_are_named),
        cmocka_unit_test(test_too_much_is_refused),
        cmocka_unit_test(test_no_text_does_harm),
        cmocka_unit_test(test_rows_are_in_order_and_cut),
        cmocka_unit_test(test_tokens_sort_as_their_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
