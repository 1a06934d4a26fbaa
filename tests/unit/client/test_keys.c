/* SPDX-License-Identifier: Apache-2.0 */
/* Key directories: made, issued from, listed, chosen from; secrets that others can read are
 * refused, nothing is written over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "client/client_internal.h"
#include "client/keydir.h"
#include "link/clock.h"
#include "stint/admin.h"
#include "tmpdir.h"
#include "wire/wire.h"

static char dir[TMPDIR_SIZE];
static char keys[TMPDIR_SIZE + 16];
static char error[STINT_CLIENT_ERROR_SIZE];

static int
begin(void **state)
{
    (void)state;
    assert_int_equal(wire_init(), STINT_OK);
    tmpdir_make(dir);
    text_format(keys, sizeof keys, "%s/keys", dir);
    assert_int_equal(stint_keys_init(keys, NULL, error, sizeof error), STINT_OK);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    tmpdir_remove(dir);
    return 0;
}

static enum stint_status
issue(const char *role, const char *name, const char *out)
{
    struct stint_keys_issue request = STINT_KEYS_ISSUE_INIT;
    struct stint_list *list;
    request.role = role;
    request.name = name;
    request.out = out;
    enum stint_status status = stint_keys_issue(keys, &request, &list, error, sizeof error);
    if (status == STINT_OK) {
        const struct stint_key_item *k = stint_list_key(list);
        assert_string_equal(k->role, role);
        assert_string_equal(k->name, name);
        assert_true(k->has_secret && k->not_after_ms > k->not_before_ms);
        assert_string_equal(error, "");
    } else {
        assert_null(list);
        assert_true(error[0] != '\0');
    }
    stint_list_free(list);
    return status;
}

static unsigned
mode_of(const char *where, const char *name)
{
    char path[TMPDIR_SIZE + 96];
    struct stat info;
    text_format(path, sizeof path, "%s/%s", where, name);
    return stat(path, &info) == 0 ? info.st_mode & 0777u : 0;
}

static void
set_mode(const char *name, unsigned mode)
{
    char path[TMPDIR_SIZE + 96];
    text_format(path, sizeof path, "%s/%s", keys, name);
    assert_int_equal(chmod(path, mode), 0);
}

static void
an_authority_is_made_once(void **state)
{
    struct stint_id cluster;
    (void)state;
    assert_int_equal(mode_of(dir, "keys"), 0700);
    assert_int_equal(mode_of(keys, "authority.key"), 0600);
    assert_int_equal(mode_of(keys, "server.key"), 0600);
    assert_int_equal(mode_of(keys, "cluster.pub") & 0600, 0600);
    assert_int_equal(stint_keys_init(keys, &cluster, error, sizeof error), STINT_EXISTS);
    assert_non_null(strstr(error, keys));
    char file[TMPDIR_SIZE + 96];
    text_format(file, sizeof file, "%s/cluster.pub", keys);
    assert_int_equal(stint_keys_init(file, &cluster, error, sizeof error), STINT_INVALID);
    text_format(file, sizeof file, "%s/none/keys", dir);
    assert_int_equal(stint_keys_init(file, &cluster, error, sizeof error), STINT_NOT_FOUND);
}

static void
nothing_is_ever_written_over(void **state)
{
    char path[TMPDIR_SIZE + 96];
    struct stint_id cluster;
    (void)state;
    assert_int_equal(keydir_write(keys, "x.pub", "one", 3, 0644, error, sizeof error), STINT_OK);
    assert_int_equal(keydir_write(keys, "x.pub", "two", 3, 0644, error, sizeof error),
                     STINT_EXISTS);
    /* One file of an authority is enough to keep off, and the others are not made. */
    text_format(path, sizeof path, "%s/authority.key", keys);
    assert_int_equal(unlink(path), 0);
    text_format(path, sizeof path, "%s/cluster.pub", keys);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(stint_keys_init(keys, &cluster, error, sizeof error), STINT_EXISTS);
    assert_int_equal(mode_of(keys, "authority.key"), 0);
}

static void
identities_are_issued_here_or_for_carrying(void **state)
{
    char out[TMPDIR_SIZE + 16];
    (void)state;
    assert_int_equal(issue("node", "n1", NULL), STINT_OK);
    assert_int_equal(mode_of(keys, "node-n1.key"), 0600);
    assert_int_equal(issue("node", "n1", NULL), STINT_EXISTS);
    assert_non_null(strstr(error, "node-n1"));
    text_format(out, sizeof out, "%s/far", dir);
    assert_int_equal(issue("client", "web", out), STINT_OK);
    assert_int_equal(mode_of(out, "client-web.key"), 0600);
    assert_int_not_equal(mode_of(out, "cluster.pub"), 0);
    assert_int_equal(mode_of(out, "server.key"), 0); /* for nodes only */
    assert_int_equal(mode_of(keys, "client-web.cert"), 0);
    assert_int_equal(issue("node", "n2", out), STINT_OK);
    assert_int_equal(mode_of(out, "server.key"), 0600);
}

static void
what_cannot_be_issued_is_refused(void **state)
{
    char other[TMPDIR_SIZE + 16];
    (void)state;
    assert_int_equal(issue("king", "arthur", NULL), STINT_INVALID);
    assert_non_null(strstr(error, "king"));
    assert_int_equal(issue("client", "a/b", NULL), STINT_INVALID);
    assert_int_equal(issue("client", "", NULL), STINT_INVALID);
    text_format(other, sizeof other, "%s/other", dir);
    assert_int_equal(stint_keys_init(other, NULL, error, sizeof error), STINT_OK);
    assert_int_equal(issue("client", "c", other), STINT_WRONG_CLUSTER);
    set_mode("authority.key", 0644);
    assert_int_equal(issue("client", "c", NULL), STINT_NOT_AUTHORISED);
    assert_non_null(strstr(error, "authority.key"));
    char path[TMPDIR_SIZE + 96];
    text_format(path, sizeof path, "%s/authority.key", keys);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(issue("client", "c", NULL), STINT_NOT_FOUND);
    tmpdir_write(path, "this is no key\n", 0600);
    assert_int_not_equal(issue("client", "c", NULL), STINT_OK);
}

static void
identities_are_listed_by_role_and_name(void **state)
{
    static const char *const expected[] = { "node-a", "node-b", "client-z", "operator-o" };
    struct stint_list *list;
    (void)state;
    assert_int_equal(issue("operator", "o", NULL), STINT_OK);
    assert_int_equal(issue("node", "b", NULL), STINT_OK);
    assert_int_equal(issue("client", "z", NULL), STINT_OK);
    assert_int_equal(issue("node", "a", NULL), STINT_OK);
    assert_int_equal(stint_keys_list(keys, &list, error, sizeof error), STINT_OK);
    assert_int_equal(stint_list_count(list), 4);
    for (size_t i = 0; i < 4; i++) {
        char name[96];
        const struct stint_key_item *k = stint_list_key(list);
        text_format(name, sizeof name, "%s-%s", k->role, k->name);
        assert_string_equal(name, expected[i]);
    }
    stint_list_free(list);
    char path[TMPDIR_SIZE + 96];
    text_format(path, sizeof path, "%s/client-bad.cert", keys);
    tmpdir_write(path, "noise", 0644);
    assert_int_not_equal(stint_keys_list(keys, &list, error, sizeof error), STINT_OK);
    assert_non_null(strstr(error, "client-bad"));
    assert_null(list);
    assert_int_equal(stint_keys_list("/nonexistent-directory", &list, error, sizeof error),
                     STINT_NOT_FOUND);
}

/* ---- which one a client takes ---- */

static enum stint_status
load(const char *wanted, uint64_t wall_ms, char name[CERT_NAME_SIZE])
{
    static struct client_settings settings;
    struct identity identity;
    text_copy(settings.keys_dir, sizeof settings.keys_dir, keys);
    text_copy(settings.identity, sizeof settings.identity, wanted);
    error[0] = '\0';
    enum stint_status status =
        client_identity_load(&settings, wall_ms, &identity, error, sizeof error);
    if (status == STINT_OK) {
        text_copy(name, CERT_NAME_SIZE, identity.certificate.name);
        identity_wipe(&identity);
    }
    return status;
}

static void
the_operator_is_taken_or_the_one_that_is_named(void **state)
{
    char name[CERT_NAME_SIZE] = "";
    uint64_t now = clock_wall_ms();
    (void)state;
    assert_int_equal(issue("node", "n1", NULL), STINT_OK);
    assert_int_equal(load("", now, name), STINT_NOT_FOUND); /* a node's is none for asking */
    assert_non_null(strstr(error, "issue"));
    assert_int_equal(issue("client", "web", NULL), STINT_OK);
    assert_int_equal(load("", now, name), STINT_OK);
    assert_string_equal(name, "web");
    assert_int_equal(issue("client", "app", NULL), STINT_OK);
    assert_int_equal(load("", now, name), STINT_AMBIGUOUS);
    assert_non_null(strstr(error, "client-web"));
    assert_int_equal(issue("operator", "ops", NULL), STINT_OK);
    assert_int_equal(load("", now, name), STINT_OK);
    assert_string_equal(name, "ops");
    assert_int_equal(load("web", now, name), STINT_OK);
    assert_string_equal(name, "web");
    assert_int_equal(load("client-app", now, name), STINT_OK);
    assert_string_equal(name, "app");
    assert_int_equal(load("client-none", now, name), STINT_NOT_FOUND);
    assert_non_null(strstr(error, "client-none"));
    assert_int_equal(load("node-n1", now, name), STINT_NOT_FOUND);
}

static void
bad_identities_are_refused_before_anybody_is_asked(void **state)
{
    char name[CERT_NAME_SIZE];
    char path[TMPDIR_SIZE + 96];
    uint64_t now = clock_wall_ms();
    (void)state;
    assert_int_equal(issue("operator", "ops", NULL), STINT_OK);
    assert_int_equal(load("", now + UINT64_C(100) * 86400000, name), STINT_EXPIRED);
    assert_non_null(strstr(error, "ops"));
    set_mode("operator-ops.key", 0640);
    assert_int_equal(load("", now, name), STINT_NOT_AUTHORISED);
    assert_non_null(strstr(error, "operator-ops.key"));
    set_mode("operator-ops.key", 0600);
    /* The secret of another one. */
    assert_int_equal(issue("operator", "two", NULL), STINT_OK);
    char other[TMPDIR_SIZE + 96];
    text_format(path, sizeof path, "%s/operator-two.key", keys);
    text_format(other, sizeof other, "%s/operator-ops.key", keys);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(load("ops", now, name), STINT_BAD_CERTIFICATE);
    text_format(path, sizeof path, "%s/cluster.pub", keys);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(load("ops", now, name), STINT_NOT_FOUND);
    assert_non_null(strstr(error, "cluster.pub"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_authority_is_made_once),
        T(nothing_is_ever_written_over),
        T(identities_are_issued_here_or_for_carrying),
        T(what_cannot_be_issued_is_refused),
        T(identities_are_listed_by_role_and_name),
        T(the_operator_is_taken_or_the_one_that_is_named),
        T(bad_identities_are_refused_before_anybody_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
