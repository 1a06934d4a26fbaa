/* SPDX-License-Identifier: Apache-2.0 */
/* The file that holds an exported tasklet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"
#include "kernel/pickle_file.h"
#include "tracked_memory.h"

static struct tracked_memory tracked;
static struct mem memory;

static void
make_file(struct buf *out)
{
    uint8_t signature[PICKLE_FILE_SIGNATURE_SIZE];
    struct pickle_file file = { .info = { .epoch = 3,
                                    .node = "n1",
                                    .wall_ms = 1700000000000,
                                    .moved = true,
                                    .code = "tally/Tally" },
        .schema = span_text("a schema"),
        .pickle = span_text("a pickle, which is longer"),
        .certificate = span_text("a certificate") };
    memset(file.info.tasklet, 7, sizeof(file.info.tasklet));
    memset(signature, 0x5a, sizeof(signature));
    mem_init(&memory, tracked_allocator(&tracked), 0);
    buf_init(out, &memory, 1 << 16);
    assert_int_equal(pickle_file_write(out, &file), STINT_OK);
    assert_int_equal(pickle_file_sign(out, signature), STINT_OK);
}

static void
test_what_was_written_is_read(void **state)
{
    (void)state;
    struct buf out;
    struct pickle_file file;
    char error[256];
    make_file(&out);
    assert_memory_equal(out.data, "\x0a\x0estint tasklet\n", 16);
    assert_int_equal(pickle_file_read(buf_span(&out), &file, error, sizeof error), STINT_OK);
    assert_string_equal(file.info.node, "n1");
    assert_string_equal(file.info.code, "tally/Tally");
    assert_true(file.info.moved);
    assert_int_equal(file.info.epoch, 3);
    assert_true(span_equal(file.schema, span_text("a schema")));
    assert_true(span_equal(file.pickle, span_text("a pickle, which is longer")));
    assert_true(span_equal(file.certificate, span_text("a certificate")));
    assert_int_equal(file.signature.size, PICKLE_FILE_SIGNATURE_SIZE);
    assert_int_equal(file.signature.data[63], 0x5a);
    /* Signed is all that stands before the signature. */
    assert_ptr_equal(file.signed_bytes.data, out.data);
    assert_int_equal(file.signed_bytes.size, out.size - PICKLE_FILE_SIGNATURE_SIZE - 2);
    buf_fini(&out);
    assert_int_equal(memory.used, 0);
}

static void
test_cut_and_foreign_files_are_refused(void **state)
{
    (void)state;
    struct buf out;
    struct pickle_file file;
    char error[256];
    make_file(&out);
    for (size_t size = 0; size < out.size; size++) {
        uint8_t *copy = malloc(size + 1); /* so that a read past the end is seen */
        assert_non_null(copy);
        memcpy(copy, out.data, size);
        assert_int_equal(
            pickle_file_read(span_of(copy, size), &file, error, sizeof error), STINT_BAD_PICKLE);
        assert_true(strlen(error) > 10);
        free(copy);
    }
    assert_true(buf_put_u8(&out, 0));
    assert_int_equal(
        pickle_file_read(buf_span(&out), &file, error, sizeof error), STINT_BAD_PICKLE);
    assert_int_equal(
        pickle_file_read(span_text("#!/bin/sh\n"), &file, error, sizeof error), STINT_BAD_PICKLE);
    assert_string_equal(error, "this is no file of an exported tasklet");
    out.data[17] = 2;
    assert_int_equal(
        pickle_file_read(buf_span(&out), &file, error, sizeof error), STINT_BAD_VERSION);
    assert_string_equal(error, "the file has version 2; this program reads version 1");
    buf_fini(&out);
}

static void
test_flipped_bits_do_no_harm(void **state)
{
    (void)state;
    struct buf out;
    struct pickle_file file;
    char error[256];
    make_file(&out);
    for (size_t i = 0; i < out.size * 8; i++) {
        out.data[i / 8] ^= (uint8_t)(1u << i % 8);
        if (pickle_file_read(buf_span(&out), &file, error, sizeof error) == STINT_OK) {
            assert_true(file.signed_bytes.size < out.size);
            assert_true(memchr(file.info.node, 0, sizeof(file.info.node)) != NULL);
        }
        out.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    buf_fini(&out);
}

static void
test_bounds_are_kept(void **state)
{
    (void)state;
    struct buf out;
    struct pickle_file file = { .pickle = span_text("0123456789") };
    uint8_t signature[PICKLE_FILE_SIGNATURE_SIZE] = { 0 };
    static uint8_t certificate[PICKLE_FILE_CERTIFICATE_MAX + 1];
    mem_init(&memory, tracked_allocator(&tracked), 0);
    buf_init(&out, &memory, 100);
    assert_int_equal(pickle_file_write(&out, &file), STINT_LIMIT);
    assert_true(buf_extend(&out, 80) != NULL);
    assert_int_equal(pickle_file_sign(&out, signature), STINT_LIMIT);
    assert_int_equal(out.size, 80);
    buf_fini(&out);
    buf_init(&out, &memory, 1 << 16);
    file.certificate = span_of(certificate, sizeof certificate);
    assert_int_equal(pickle_file_write(&out, &file), STINT_LIMIT);
    file.certificate.size = 0;
    tracked.fail_from = 1;
    assert_int_equal(pickle_file_write(&out, &file), STINT_NO_MEMORY);
    assert_int_equal(out.size, 0);
    tracked.fail_from = 0;
    assert_int_equal(pickle_file_write(&out, &file), STINT_OK);
    buf_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_is_read),
        cmocka_unit_test(test_cut_and_foreign_files_are_refused),
        cmocka_unit_test(test_flipped_bits_do_no_harm),
        cmocka_unit_test(test_bounds_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
