/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon says: log lines, and the service manager's datagrams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "logs.h"
#include "notify.h"
#include "tmpdir.h"

#define WALL_MS UINT64_C(1763870995123)

static void
test_text_lines(void **state)
{
    (void)state;
    struct logs l = { STINT_LOG_DEBUG, false, "n1" };
    char line[LOGS_LINE_SIZE];
    size_t size =
        logs_format(&l, line, sizeof line, WALL_MS, STINT_LOG_WARN, "it is late");
    assert_string_equal(line, "2025-11-23T04:09:55.123Z warn  n1: it is late\n");
    assert_int_equal(size, strlen(line));
    l.name = NULL;
    (void)logs_format(&l, line, sizeof line, WALL_MS, STINT_LOG_ERROR,
                      "two\nlines\x1b[31m");
    assert_string_equal(line, "2025-11-23T04:09:55.123Z error -: two?lines?[31m\n");
}

static void
test_json_lines(void **state)
{
    (void)state;
    struct logs l = { STINT_LOG_DEBUG, true, "n1" };
    char line[LOGS_LINE_SIZE];
    (void)logs_format(&l, line, sizeof line, WALL_MS, STINT_LOG_INFO,
                      "a \"b\" \\ c\n\t\x01\xff");
    assert_string_equal(
        line,
        "{\"time\":\"2025-11-23T04:09:55.123Z\",\"level\":\"info\","
        "\"node\":\"n1\",\"message\":\"a \\\"b\\\" \\\\ c\\n\\t\\u0001\\u00ff\"}\n");
}

static void
test_long_messages_are_cut_and_stay_whole_lines(void **state)
{
    (void)state;
    char text[5000], line[LOGS_LINE_SIZE];
    for (int json = 0; json < 2; json++) {
        for (size_t fill = 1600; fill < sizeof text; fill += 53) {
            struct logs l = { STINT_LOG_DEBUG, json == 1, "n1" };
            memset(text, '"', fill);
            text[fill] = '\0';
            size_t size =
                logs_format(&l, line, sizeof line, WALL_MS, STINT_LOG_DEBUG, text);
            assert_true(size < sizeof line);
            assert_int_equal(line[size - 1], '\n');
            assert_int_equal(line[size], '\0');
            if (json == 1) {
                assert_string_equal(line + size - 3, "\"}\n");
                assert_int_equal(line[size - 4], '"');
                assert_int_equal(line[size - 5], '\\');
            }
        }
    }
}

static void
test_the_service_manager_hears(void **state)
{
    (void)state;
    char dir[TMPDIR_SIZE], got[100];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    tmpdir_make(dir);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.90s/notify", dir);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    notify_send(address.sun_path, "READY=1\nSTATUS=serving");
    ssize_t size = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
    assert_true(size > 0);
    got[size] = '\0';
    assert_string_equal(got, "READY=1\nSTATUS=serving");
    /* Nobody, or nothing sensible, to tell: nothing happens. */
    notify_send(NULL, "READY=1");
    notify_send("", "READY=1");
    notify_send("relative", "READY=1");
    notify_send("/nonexistent/notify", "READY=1");
    char longer[300];
    memset(longer, '/', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    notify_send(longer, "READY=1");
    assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), -1);
    (void)close(fd);
    tmpdir_remove(dir);
}

static void
test_an_abstract_socket_is_found(void **state)
{
    (void)state;
    char name[60], got[100];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int length = snprintf(name, sizeof name, "@stint-test-%ld", (long)getpid());
    memcpy(address.sun_path, name, (size_t)length);
    address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    notify_send(name, "STOPPING=1");
    assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), 10);
    assert_memory_equal(got, "STOPPING=1", 10);
    (void)close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_lines),
        cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_long_messages_are_cut_and_stay_whole_lines),
        cmocka_unit_test(test_the_service_manager_hears),
        cmocka_unit_test(test_an_abstract_socket_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
