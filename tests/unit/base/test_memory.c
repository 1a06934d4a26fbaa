/* SPDX-License-Identifier: Apache-2.0 */
/* mem, span, buf, panic. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/span.h"
#include "tracked_memory.h"

static void
test_mem_counts_and_limits(void **state)
{
    (void)state;
    struct tracked_memory memory = { 0 };
    struct mem m;
    mem_init(&m, tracked_allocator(&memory), 100);
    void *a = mem_alloc(&m, 60);
    assert_non_null(a);
    assert_null(mem_alloc(&m, 41));
    assert_null(mem_alloc(&m, SIZE_MAX));
    assert_null(mem_alloc(&m, 0));
    void *b = mem_zalloc(&m, 40);
    assert_non_null(b);
    assert_int_equal(m.used, 100);
    static const uint8_t zeros[40];
    assert_memory_equal(b, zeros, 40);
    assert_null(mem_resize(&m, b, 40, 41));
    b = mem_resize(&m, b, 40, 10);
    assert_non_null(b);
    assert_int_equal(m.used, 70);
    assert_int_equal(m.peak, 100);
    m.limit = 5; /* below what is in use: shrinking must still pass */
    b = mem_resize(&m, b, 10, 4);
    assert_non_null(b);
    mem_free(&m, a, 60);
    mem_free(&m, b, 4);
    mem_free(&m, NULL, 7);
    assert_int_equal(m.used, 0);
    assert_int_equal(memory.blocks, 0);
}

static void
test_mem_failure_changes_nothing(void **state)
{
    (void)state;
    struct tracked_memory memory = { .fail_at = 2 };
    struct mem m;
    mem_init(&m, tracked_allocator(&memory), 0);
    uint8_t *a = mem_alloc(&m, 8);
    memcpy(a, "12345678", 8);
    assert_null(mem_resize(&m, a, 8, 16));
    assert_int_equal(m.used, 8);
    assert_memory_equal(a, "12345678", 8);
    a = mem_resize(&m, a, 8, 16);
    assert_non_null(a);
    assert_memory_equal(a, "12345678", 8);
    mem_free(&m, a, 16);
}

static void
test_numbers_are_little_endian(void **state)
{
    (void)state;
    uint8_t bytes[8];
    le64_put(bytes, UINT64_C(0x0123456789abcdef));
    static const uint8_t expected[8] = {
        0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01
    };
    assert_memory_equal(bytes, expected, 8);
    assert_true(le64_get(bytes) == UINT64_C(0x0123456789abcdef));
    assert_int_equal(le32_get(bytes), 0x89abcdef);
    assert_int_equal(le16_get(bytes), 0xcdef);
    le16_put(bytes, 0xfffe);
    assert_int_equal(le16_get(bytes), 0xfffe);
}

static void
test_reader_stops_for_good(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 1, 2, 0, 3, 0, 0, 0, 9 };
    struct reader r;
    reader_init(&r, span_of(bytes, sizeof bytes));
    assert_int_equal(reader_u8(&r), 1);
    assert_int_equal(reader_u16(&r), 2);
    assert_int_equal(reader_u32(&r), 3);
    assert_false(reader_done(&r));
    assert_int_equal(reader_u16(&r), 0); /* one byte is left */
    assert_true(r.failed);
    assert_int_equal(reader_u8(&r), 0); /* it fits, but the reader has failed */
    assert_false(reader_done(&r));

    reader_init(&r, span_of(bytes, 1));
    (void)reader_u8(&r);
    assert_true(reader_done(&r));
    assert_int_equal(reader_bytes(&r, 0).size, 0);
    assert_true(reader_done(&r));
    (void)reader_id(&r);
    assert_true(r.failed);
    reader_init(&r, span_of(NULL, 0));
    assert_true(reader_done(&r));
    assert_true(reader_u64(&r) == 0);
    assert_true(r.failed);
    assert_int_equal(reader_bytes(&r, SIZE_MAX).size, 0);
}

static void
test_buf_grows_to_its_maximum(void **state)
{
    (void)state;
    struct tracked_memory memory = { 0 };
    struct mem m;
    struct buf b;
    mem_init(&m, tracked_allocator(&memory), 0);
    buf_init(&b, &m, 100);
    for (int i = 0; i < 100; i++) {
        assert_true(buf_put_u8(&b, (uint8_t)i));
    }
    assert_int_equal(b.capacity, 100);
    assert_false(buf_put_u8(&b, 100));
    assert_true(b.failed);
    assert_int_equal(b.size, 100);
    buf_consume(&b, 40);
    assert_int_equal(b.data[0], 40);
    assert_false(buf_put_u8(&b, 1)); /* the failure is sticky */
    b.failed = false;
    assert_true(buf_put_u64(&b, UINT64_C(0x1122334455667788)));
    assert_true(buf_put_u32(&b, 5));
    assert_true(buf_put_u16(&b, 6));
    assert_true(buf_append_text(&b, "ab"));
    assert_true(buf_append(&b, NULL, 0));
    assert_int_equal(b.size, 76);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), STINT_LIMIT);
    assert_int_equal(buf_reserve(&b, 25), STINT_LIMIT);
    assert_int_equal(buf_reserve(&b, 24), STINT_OK);
    buf_reset(&b);
    assert_int_equal(buf_span(&b).size, 0);
    buf_fini(&b);
    buf_fini(&b);
    assert_int_equal(m.used, 0);
}

static void
test_buf_without_memory(void **state)
{
    (void)state;
    struct tracked_memory memory = { .fail_at = 2 };
    struct mem m;
    struct buf b;
    mem_init(&m, tracked_allocator(&memory), 0);
    buf_init(&b, &m, 1000);
    struct stint_id id = { { 7 } };
    for (int i = 0; i < 4; i++) {
        assert_true(buf_put_id(&b, id));
    }
    assert_false(buf_put_id(&b, id)); /* the first growth beyond 64 bytes fails */
    assert_int_equal(b.size, 64);
    assert_int_equal(b.data[48], 7);
    buf_fini(&b);
    assert_int_equal(memory.blocks, 0);
}

static void
test_panic_says_where(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        STINT_ASSERT(1 + 1 == 3);
        _exit(0);
    }
    (void)close(ends[1]);
    char text[256] = "";
    ssize_t size = read(ends[0], text, sizeof text - 1);
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_true(size > 0);
    assert_non_null(strstr(text, "test_memory.c:"));
    assert_non_null(strstr(text, ": assertion failed: 1 + 1 == 3\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mem_counts_and_limits),
        cmocka_unit_test(test_mem_failure_changes_nothing),
        cmocka_unit_test(test_numbers_are_little_endian),
        cmocka_unit_test(test_reader_stops_for_good),
        cmocka_unit_test(test_buf_grows_to_its_maximum),
        cmocka_unit_test(test_buf_without_memory),
        cmocka_unit_test(test_panic_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
