/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/keyfiles.h"
#include "link/clock.h"
#include "link/entropy.h"
#include "tmpdir.h"
#include "wire/keyfile.h"
#include "wire/wire.h"

struct box {
    char dir[TMPDIR_SIZE];
    char error[400];
    struct cluster_keys keys;
};

static char *
path_of(struct box *b, const char *file)
{
    static char path[TMPDIR_SIZE + KEYFILE_NAME_SIZE + 2];
    (void)snprintf(path, sizeof path, "%s/%s", b->dir, file);
    return path;
}

static void
write_key(struct box *b, const char *file, const char *text)
{
    tmpdir_write(path_of(b, file), text, strstr(file, ".key") != NULL ? 0600 : 0644);
}

static void
issue(struct box *b, enum cert_role role, const char *name)
{
    uint8_t entropy[CERT_ISSUE_ENTROPY];
    char text[KEYFILE_SIZE_MAX], file[KEYFILE_NAME_SIZE];
    struct identity identity;
    struct cert_request request = { role, name, 0, clock_wall_ms() + 1000000 };
    entropy_bytes(entropy, sizeof entropy);
    assert_int_equal(cert_issue(&b->keys, &request, entropy, &identity), STINT_OK);
    (void)keyfile_write_certificate(text, &identity);
    (void)keyfile_name(file, role, name, false);
    write_key(b, file, text);
    (void)keyfile_write_secret(text, &identity);
    (void)keyfile_name(file, role, name, true);
    write_key(b, file, text);
    identity_wipe(&identity);
}

static int
setup(void **state)
{
    struct box *b = calloc(1, sizeof *b);
    uint8_t entropy[CLUSTER_KEYS_ENTROPY];
    char text[KEYFILE_SIZE_MAX];
    tmpdir_make(b->dir);
    entropy_bytes(entropy, sizeof entropy);
    cluster_keys_make(&b->keys, entropy);
    (void)keyfile_write_cluster(text, &b->keys.trust);
    write_key(b, KEYFILE_CLUSTER, text);
    (void)keyfile_write_server(text, &b->keys);
    write_key(b, KEYFILE_SERVER, text);
    issue(b, ROLE_NODE, "n1");
    issue(b, ROLE_CLIENT, "web");
    *state = b;
    return 0;
}

static int
teardown(void **state)
{
    struct box *b = *state;
    tmpdir_remove(b->dir);
    free(b);
    return 0;
}

static enum stint_status
load(struct box *b, const char *name, struct identity *identity)
{
    b->error[0] = '\0';
    enum stint_status status =
        keyfiles_identity(b->dir, name, identity, b->error, sizeof b->error);
    assert_int_equal(status == STINT_OK, b->error[0] == '\0');
    assert_null(strchr(b->error, '\n'));
    return status;
}

static void
test_an_identity_is_read_with_its_secrets(void **state)
{
    struct box *b = *state;
    struct identity identity;
    assert_int_equal(load(b, "n1", &identity), STINT_OK);
    assert_true(identity.has_server_secret);
    assert_memory_equal(identity.server_secret, b->keys.server_secret, CERT_KEY_SIZE);
    assert_string_equal(identity.certificate.name, "n1");
    assert_int_equal(identity.certificate.role, ROLE_NODE);
    /* A client of the same name is somebody else. */
    assert_int_equal(load(b, "web", &identity), STINT_NOT_FOUND);
}

static void
test_a_secret_that_others_may_read_is_refused(void **state)
{
    struct box *b = *state;
    static const char *const secrets[] = { "node-n1.key", "server.key" };
    static const unsigned modes[] = { 0640, 0604, 0620, 0602, 0610, 0644, 0660 };
    struct identity identity;
    for (size_t s = 0; s < 2; s++) {
        for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
            assert_int_equal(chmod(path_of(b, secrets[s]), modes[m]), 0);
            assert_int_equal(load(b, "n1", &identity), STINT_NOT_AUTHORISED);
            assert_non_null(strstr(b->error, secrets[s]));
            assert_non_null(strstr(b->error, "chmod 600"));
            assert_int_equal(identity.certificate_size, 0);
        }
        assert_int_equal(chmod(path_of(b, secrets[s]), 0400), 0);
        assert_int_equal(load(b, "n1", &identity), STINT_OK);
    }
}

static void
test_missing_and_misplaced_files_are_named(void **state)
{
    struct box *b = *state;
    struct identity identity;
    char expected[TMPDIR_SIZE + 200];
    assert_int_equal(load(b, "n2", &identity), STINT_NOT_FOUND);
    (void)snprintf(expected, sizeof expected,
                   "%s/node-n2.cert: No such file or directory; make it with `stint keys "
                   "issue node NAME`, or carry it here",
                   b->dir);
    assert_string_equal(b->error, expected);
    assert_int_equal(load(b, "../n1", &identity), STINT_INVALID);
    assert_int_equal(load(b, "", &identity), STINT_INVALID);
    assert_int_equal(load(b, NULL, &identity), STINT_INVALID);
    /* A secret copied over a certificate: readable by all, and still a secret. */
    assert_int_equal(unlink(path_of(b, "node-n1.cert")), 0);
    assert_int_equal(symlink("node-n1.key", path_of(b, "node-n1.cert")), 0);
    assert_int_equal(load(b, "n1", &identity), STINT_INVALID);
    assert_non_null(strstr(b->error, "secret under a public name"));
    (void)snprintf(b->dir, sizeof b->dir, "/nonexistent");
    assert_int_equal(load(b, "n1", &identity), STINT_NOT_FOUND);
}

static void
test_oversized_and_special_files_are_refused(void **state)
{
    struct box *b = *state;
    struct identity identity;
    char big[KEYFILE_SIZE_MAX + 2];
    memset(big, '#', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    tmpdir_write(path_of(b, "node-n1.cert"), big, 0644);
    assert_int_equal(load(b, "n1", &identity), STINT_INVALID);
    assert_int_equal(unlink(path_of(b, "node-n1.cert")), 0);
    assert_int_equal(mkfifo(path_of(b, "node-n1.cert"), 0644), 0);
    assert_int_equal(load(b, "n1", &identity), STINT_INVALID);
    assert_non_null(strstr(b->error, "not a key file"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_an_identity_is_read_with_its_secrets),
        TEST(test_a_secret_that_others_may_read_is_refused),
        TEST(test_missing_and_misplaced_files_are_named),
        TEST(test_oversized_and_special_files_are_refused),
#undef TEST
    };
    if (wire_init() != STINT_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
