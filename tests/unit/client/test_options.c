/* SPDX-License-Identifier: Apache-2.0 */
/* Options, uri, environment; and which endpoint is tried next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "client/candidates.h"
#include "client/client_internal.h"

static struct client_settings s;
static char error[512];

static enum stint_status
read_uri(const char *uri)
{
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    options.uri = uri;
    options.no_environment = true;
    error[0] = '\0';
    enum stint_status status = client_settings_read(&options, &s, error, sizeof error);
    assert_true((status == STINT_OK) == (error[0] == '\0'));
    return status;
}

static void
a_uri_says_everything(void **state)
{
    (void)state;
    assert_int_equal(read_uri("stint://127.0.0.1:1,h:2/?keys=/etc/a%20b&identity=client-web"),
                     STINT_OK);
    assert_int_equal(s.endpoint_count, 2);
    assert_string_equal(s.endpoints[0], "tcp://127.0.0.1:1");
    assert_string_equal(s.endpoints[1], "tcp://h:2");
    assert_string_equal(s.keys_dir, "/etc/a b");
    assert_string_equal(s.identity, "client-web");
    assert_false(s.insecure);
    assert_int_equal(read_uri("stint://127.0.0.1:1?insecure=1"), STINT_OK);
    assert_true(s.insecure);
    assert_int_equal(s.pending_max, CLIENT_PENDING_DEFAULT);
}

static void
every_mistake_is_named(void **state)
{
    static const struct {
        const char *uri, *word;
    } cases[] = {
        { "http://x:1", "stint://" },
        { "frob", "stint://" },
        { "stint://", "none given" },
        { "stint://host?keys=k", "tcp://HOST:PORT" },
        { "stint://host:99999?keys=k", "tcp://HOST:PORT" },
        { "stint://h:1/path?keys=k", "parameters" },
        { "stint://h:1?keys", "name=value" },
        { "stint://h:1?keys=%0", "malformed" },
        { "stint://h:1?keys=%00", "malformed" },
        { "stint://h:1?frob=1", "keys, identity, insecure" },
        { "stint://h:1?insecure=yes", "0 or 1" },
        { "stint://h:1", "key directory" },
        { "stint://h:1?insecure=1", "loopback" },
        { "stint://127.0.0.1:1,10.0.0.1:1?insecure=1", "loopback" },
        { "tcp://h:1", "key directory" },
        { "stint://"
          "a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9,a:10,a:11,a:12,a:13,a:14,a:15,a:16,a:17?keys=k",
          "too many" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_uri(cases[i].uri), STINT_INVALID);
        if (strstr(error, cases[i].word) == NULL) {
            fail_msg("%s: \"%s\" without \"%s\"", cases[i].uri, error, cases[i].word);
        }
    }
    static char wide[400] = "stint://";
    memset(wide + 8, 'h', sizeof wide - 9);
    assert_int_equal(read_uri(wide), STINT_INVALID);
}

static void
options_come_before_the_uri_and_that_before_the_environment(void **state)
{
    (void)state;
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    const char *endpoint = "tcp://127.0.0.1:1";
    assert_int_equal(setenv("STINT_ENDPOINT", "tcp://127.0.0.1:3,127.0.0.1:4", 1), 0);
    assert_int_equal(setenv("STINT_KEYS", "env-keys", 1), 0);
    assert_int_equal(setenv("STINT_IDENTITY", "env-id", 1), 0);
    assert_int_equal(client_settings_read(&options, &s, error, sizeof error), STINT_OK);
    assert_int_equal(s.endpoint_count, 2);
    assert_string_equal(s.endpoints[1], "tcp://127.0.0.1:4");
    assert_string_equal(s.keys_dir, "env-keys");
    assert_string_equal(s.identity, "env-id");
    options.uri = "stint://127.0.0.1:2?keys=uri-keys";
    assert_int_equal(client_settings_read(&options, &s, error, sizeof error), STINT_OK);
    assert_string_equal(s.endpoints[0], "tcp://127.0.0.1:2");
    assert_string_equal(s.keys_dir, "uri-keys");
    assert_string_equal(s.identity, "env-id");
    options.endpoints = &endpoint;
    options.endpoint_count = 1;
    options.keys_dir = "given-keys";
    assert_int_equal(client_settings_read(&options, &s, error, sizeof error), STINT_OK);
    assert_int_equal(s.endpoint_count, 1);
    assert_string_equal(s.endpoints[0], endpoint);
    assert_string_equal(s.keys_dir, "given-keys");
    options.uri = NULL;
    options.endpoint_count = 0;
    assert_int_equal(setenv("STINT_ENDPOINT", "frob", 1), 0);
    assert_int_equal(client_settings_read(&options, &s, error, sizeof error), STINT_INVALID);
    assert_non_null(strstr(error, "STINT_ENDPOINT"));
    options.no_environment = true;
    assert_int_equal(client_settings_read(&options, &s, error, sizeof error), STINT_INVALID);
    assert_non_null(strstr(error, "none given"));
    options.size = 8;
    assert_int_equal(client_settings_read(&options, &s, error, sizeof error), STINT_INVALID);
    assert_int_equal(
        unsetenv("STINT_ENDPOINT") + unsetenv("STINT_KEYS") + unsetenv("STINT_IDENTITY"), 0);
}

/* ---- candidates ---- */

static struct candidates c;
static stint_View view;

static void
set_up(void)
{
    memset(&c, 0, sizeof c);
    memset(&view, 0, sizeof view);
    c.current = UINT32_MAX;
    assert_true(candidates_give(&c, "tcp://127.0.0.1:1"));
    assert_true(candidates_give(&c, "tcp://127.0.0.1:2"));
    for (uint32_t i = 0; i < 3; i++) {
        stint_Member *m = &view.members[view.members_count++];
        m->state = stint_MemberState_MEMBER_ACTIVE;
        text_format(m->endpoint, sizeof m->endpoint, "tcp://127.0.0.1:%u", (unsigned)i + 2);
    }
}

static void
given_endpoints_are_tried_in_order_first(void **state)
{
    struct prng random;
    (void)state;
    set_up();
    prng_init(&random, 1);
    assert_string_equal(candidates_next(&c, &random, true), "tcp://127.0.0.1:1");
    assert_string_equal(candidates_next(&c, &random, true), "tcp://127.0.0.1:2");
    assert_null(candidates_next(&c, &random, true));
    candidates_new_round(&c);
    assert_int_equal(candidates_left(&c), 2);
}

static void
members_join_and_leave_the_list_with_the_view(void **state)
{
    (void)state;
    set_up();
    view.members[2].state = stint_MemberState_MEMBER_DRAINING;
    candidates_view(&c, &view);
    assert_int_equal(c.count,
                     3); /* 1 and 2 as given, 3 as member; a draining one is no place to go */
    view.members_count = 0;
    candidates_view(&c, &view);
    assert_int_equal(c.count, 2);
    c.loopback_only = true;
    view.members_count = 1;
    text_copy(view.members[0].endpoint, sizeof view.members[0].endpoint, "tcp://10.0.0.1:5");
    candidates_view(&c, &view);
    assert_int_equal(c.count, 2);
}

static void
by_chance_every_other_one_is_chosen_before_the_last(void **state)
{
    (void)state;
    bool seen[5] = { false };
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct prng random;
        prng_init(&random, seed);
        set_up();
        candidates_view(&c, &view);
        c.current = 1;
        const char *next = candidates_next(&c, &random, false);
        seen[next[strlen(next) - 1] - '0'] = true;
        uint32_t rounds = 1;
        while (candidates_next(&c, &random, false) != NULL) {
            rounds++;
        }
        assert_int_equal(rounds, c.count);
    }
    assert_true(seen[1] && seen[3] && seen[4] && !seen[2]);
}

static void
only_when_all_refuse_it_is_refused(void **state)
{
    struct prng random;
    (void)state;
    set_up();
    prng_init(&random, 1);
    (void)candidates_next(&c, &random, true);
    candidates_refuse(&c, STINT_REVOKED);
    assert_int_equal(candidates_all_refuse(&c), STINT_OK);
    (void)candidates_next(&c, &random, true);
    candidates_refuse(&c, STINT_EXPIRED);
    assert_int_not_equal(candidates_all_refuse(&c), STINT_OK);
}

static void
loopback_is_recognised_by_its_form(void **state)
{
    (void)state;
    assert_true(candidate_is_loopback("tcp://127.0.0.1:1"));
    assert_true(candidate_is_loopback("tcp://[::1]:1"));
    assert_true(candidate_is_loopback("tcp://localhost:1"));
    assert_false(candidate_is_loopback("tcp://localhost.example:1"));
    assert_false(candidate_is_loopback("tcp://10.0.0.1:1"));
    assert_false(candidate_is_loopback("127.0.0.1:1"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uri_says_everything),
        cmocka_unit_test(every_mistake_is_named),
        cmocka_unit_test(options_come_before_the_uri_and_that_before_the_environment),
        cmocka_unit_test(given_endpoints_are_tried_in_order_first),
        cmocka_unit_test(members_join_and_leave_the_list_with_the_view),
        cmocka_unit_test(by_chance_every_other_one_is_chosen_before_the_last),
        cmocka_unit_test(only_when_all_refuse_it_is_refused),
        cmocka_unit_test(loopback_is_recognised_by_its_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
