/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of what goes to stdout, and the table of exit codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli.h"

static char *written;
static size_t written_size;

static void
put_items(struct out *out)
{
    struct stint_id id;
    memset(&id, 0xab, sizeof id);
    out_list(out, "name id count", "note", "name");
    for (int i = 0; i < 2; i++) {
        out_item(out);
        out_text(out, "name", i == 0 ? "a" : "longer \"one\"");
        out_id(out, "id", id);
        out_number(out, "count", i == 0 ? 5 : UINT64_MAX);
        out_text_or_null(out, "note", i == 0 ? "" : "n");
        out_words(out, "words", i == 0 ? "" : "x,y");
        out_pairs(out, "tags", i == 0 ? "" : "k=v,l=");
        out_item_end(out);
    }
    out_list_end(out, true);
}

static const char *
show_items(enum format format)
{
    struct out out;
    free(written);
    FILE *stream = open_memstream(&written, &written_size);
    assert_non_null(stream);
    out_init(&out, stream, format);
    put_items(&out);
    assert_true(out_end(&out));
    assert_int_equal(fclose(stream), 0);
    return written;
}

#define ID "abababababababababababababababab"

static void
lists_have_one_form_in_each_format(void **state)
{
    (void)state;
    assert_string_equal(
        show_items(FORMAT_JSON),
        "{\"schema\":1,\"items\":[{\"name\":\"a\",\"id\":\"" ID
        "\",\"count\":5,\"note\":null,\"words\":[],\"tags\":{}},"
        "{\"name\":\"longer \\\"one\\\"\",\"id\":\"" ID
        "\",\"count\":18446744073709551615,\"note\":\"n\","
        "\"words\":[\"x\",\"y\"],\"tags\":{\"k\":\"v\",\"l\":\"\"}}],\"truncated\":true}\n");
    assert_string_equal(show_items(FORMAT_NAME), "a\nlonger \"one\"\n");
    const char *lines = show_items(FORMAT_JSONL);
    assert_int_equal(strncmp(lines, "{\"name\":\"a\"", 11), 0);
    assert_non_null(strstr(lines, "}\n{\"name\""));
    assert_null(strstr(lines, "schema"));
    assert_string_equal(show_items(FORMAT_TABLE),
                        "NAME          ID                           COUNT\n"
                        "a             abababababab                     5\n"
                        "longer \"one\"  abababababab  18446744073709551615\n");
    assert_non_null(strstr(show_items(FORMAT_WIDE), ID));
    assert_non_null(strstr(written, "NOTE"));
}

static const char *
show_object(enum format format)
{
    struct out out;
    free(written);
    FILE *stream = open_memstream(&written, &written_size);
    out_init(&out, stream, format);
    out_object(&out, "name");
    out_text(&out, "name", "n\x01");
    out_permille(&out, "load", 1250);
    out_signed(&out, "balance", -3);
    out_bool(&out, "on", true);
    out_time(&out, "at", 1800000000123);
    out_time(&out, "never", 0);
    out_json(&out, "value", "{\"x\":18446744073709551615}", "shown");
    out_object_end(&out);
    out_line(&out, "only in tables");
    assert_true(out_end(&out));
    assert_int_equal(fclose(stream), 0);
    return written;
}

static void
objects_too(void **state)
{
    (void)state;
    assert_string_equal(show_object(FORMAT_JSON),
                        "{\"name\":\"n\\u0001\",\"load\":1.250,\"balance\":-3,\"on\":true,\"at\":"
                        "\"2027-01-15T08:00:00.123Z\","
                        "\"never\":null,\"value\":{\"x\":18446744073709551615}}\n");
    assert_non_null(strstr(show_object(FORMAT_TABLE), "balance  -3\n"));
    assert_non_null(strstr(written, "only in tables"));
    assert_non_null(strstr(written, "value    shown"));
}

/* What people and strangers write stands in one line of a terminal, whatever bytes it has. */
static void
a_text_is_shown_on_one_line(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        { "", "" },
        { "n1", "n1" },
        { "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x90\xa7",
          "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x90\xa7" },
        { "a\nb\033[31m\x7f", "a\\x0ab\\x1b[31m\\x7f" },
        { "\xff\xc3", "\\xff\\xc3" },
        { "\xc0\xaf", "\\xc0\\xaf" },                   /* overlong */
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* a surrogate */
        { "\xc2\x9b", "\\xc2\\x9b" },                   /* a control character of eight bits */
        { "\xe2\x80\xae", "\\xe2\\x80\\xae" },          /* from right to left */
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond the last */
        { "123456789012345678901234567890123456789", "123456789012345678901234567890123456789" },
        { "1234567890123456789012345678901234567890", "123456789012345678901234567890123456..." },
        { "12345678901234567890123456789012345\xe2\x82\xac\xe2\x82\xac",
          "12345678901234567890123456789012345..." },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char shown[40];
        assert_string_equal(text_shown(cases[i].text, shown, sizeof shown), cases[i].shown);
    }
    char small[4];
    assert_string_equal(text_shown("abcd", small, sizeof small), "...");
}

static void
a_full_disk_is_noticed(void **state)
{
    struct out out;
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL) {
        skip();
    }
    out_init(&out, full, FORMAT_JSON);
    put_items(&out);
    assert_false(out_end(&out));
    (void)fclose(full);
}

static void
sizes_and_times_are_for_people(void **state)
{
    char text[CLI_SIZE_SIZE];
    char time[CLI_TIME_SIZE];
    (void)state;
    assert_string_equal(cli_size(0, text), "0B");
    assert_string_equal(cli_size(1536, text), "1.5K");
    assert_string_equal(cli_size(UINT64_MAX, text), "16.0E");
    assert_string_equal(cli_duration(250, text), "250ms");
    assert_string_equal(cli_duration(90000, text), "90s");
    assert_string_equal(cli_duration(UINT64_C(300000000), text), "3d");
    assert_string_equal(cli_time(0, time), "1970-01-01T00:00:00.000Z");
    assert_true(strlen(cli_time(UINT64_MAX, time)) < CLI_TIME_SIZE);
}

static void
every_status_has_the_exit_code_of_the_contract(void **state)
{
    static const struct {
        enum stint_status status;
        int code;
    } cases[] = {
        { STINT_OK, 0 },
        { STINT_ERROR, 1 },
        { STINT_EXISTS, 1 },
        { STINT_CLOSED, 1 },
        { STINT_LIMIT, 1 },
        { STINT_NO_MEMORY, 1 },
        { STINT_END_OF_SEQUENCE, 1 },
        { STINT_CHANNEL_LOST, 1 },
        { STINT_STORE_DOWN, 1 },
        { STINT_BUSY, 1 },
        { STINT_INVALID, 2 },
        { STINT_AMBIGUOUS, 2 },
        { STINT_TYPE_MISMATCH, 2 },
        { STINT_UNREACHABLE, 3 },
        { STINT_NOT_SENT, 3 },
        { STINT_NOT_FOUND, 4 },
        { STINT_DEAD, 4 },
        { STINT_UNKNOWN_MODULE, 4 },
        { STINT_UNKNOWN_CODE, 4 },
        { STINT_REFUSED, 5 },
        { STINT_NOT_MOVABLE, 5 },
        { STINT_DRAINING, 5 },
        { STINT_BAD_PICKLE, 5 },
        { STINT_BAD_VERSION, 5 },
        { STINT_INCOMPATIBLE, 5 },
        { STINT_PARTIAL, 6 },
        { STINT_TIMED_OUT, 7 },
        { STINT_OUTCOME_UNKNOWN, 7 },
        { STINT_IN_DOUBT, 7 },
        { STINT_NOT_AUTHORISED, 8 },
        { STINT_BAD_CERTIFICATE, 8 },
        { STINT_EXPIRED, 8 },
        { STINT_REVOKED, 8 },
        { STINT_WRONG_CLUSTER, 8 },
        { STINT_CANCELLED, 130 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(exit_of(cases[i].status), cases[i].code);
    }
    for (int s = 1; s < STINT_STATUS_COUNT_; s++) {
        assert_int_not_equal(exit_of((enum stint_status)s), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_have_one_form_in_each_format),
        cmocka_unit_test(objects_too),
        cmocka_unit_test(a_text_is_shown_on_one_line),
        cmocka_unit_test(a_full_disk_is_noticed),
        cmocka_unit_test(sizes_and_times_are_for_people),
        cmocka_unit_test(every_status_has_the_exit_code_of_the_contract),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(written);
    return failed;
}
