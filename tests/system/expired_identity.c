/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issues an identity whose time is over, or has not come, which `stint keys issue` does not do:
 *
 *     expired_identity KEYS_DIR ROLE NAME [FROM TO]    days from now; -30 and -1 if not given
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/keydir.h"
#include "link/entropy.h"
#include "wire/keyfile.h"

static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;

static struct stint_span
text_of(const struct keydir_file *file)
{
    return (struct stint_span){ .data = file->text, .size = file->size };
}

/* The cluster's keys: public part, authority, server. */
static bool
read_cluster(const char *dir, struct cluster_keys *keys, char *error, size_t error_size)
{
    struct keydir_file authority, server;
    if (keydir_read_trust(dir, &keys->trust, error, error_size) != STINT_OK
        || keydir_read(&authority, dir, KEYFILE_AUTHORITY, error, error_size) != STINT_OK
        || keydir_read(&server, dir, KEYFILE_SERVER, error, error_size) != STINT_OK) {
        return false;
    }
    return keyfile_read_authority(text_of(&authority), keys, error, error_size) == STINT_OK
           && keyfile_read_server(text_of(&server), keys, error, error_size) == STINT_OK;
}

int
main(int argc, char **argv)
{
    static struct cluster_keys keys;
    static struct identity identity;
    char error[1024] = "usage: expired_identity KEYS_DIR ROLE NAME [FROM TO]";
    char text[KEYFILE_SIZE_MAX];
    char file[KEYFILE_NAME_SIZE];
    uint8_t entropy[CERT_ISSUE_ENTROPY];
    int64_t now_ms = (int64_t)time(NULL) * 1000;

    if ((argc != 4 && argc != 6) || !read_cluster(argv[1], &keys, error, sizeof error)) {
        fprintf(stderr, "expired_identity: %s\n", error);
        return 1;
    }
    struct cert_request request = { .role = cert_role_parse(argv[2]), .name = argv[3],
        .not_before_ms = (uint64_t)(now_ms + (argc == 6 ? atoi(argv[4]) : -30) * DAY_MS),
        .not_after_ms = (uint64_t)(now_ms + (argc == 6 ? atoi(argv[5]) : -1) * DAY_MS) };
    entropy_bytes(entropy, sizeof entropy);
    if (cert_issue(&keys, &request, entropy, &identity) != STINT_OK) {
        fprintf(stderr, "expired_identity: refused\n");
        return 1;
    }
    for (int secret = 0; secret < 2; secret++) {
        size_t size = secret ? keyfile_write_secret(text, &identity) : keyfile_write_certificate(text, &identity);
        keyfile_name(file, request.role, request.name, secret != 0);
        if (keydir_write(argv[1], file, text, size, secret ? 0600 : 0644, error, sizeof error) != STINT_OK) {
            fprintf(stderr, "expired_identity: %s\n", error);
            return 1;
        }
    }
    return 0;
}
