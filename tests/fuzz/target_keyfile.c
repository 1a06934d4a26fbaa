/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of a key directory. Every kind is read as every other: what is accepted writes the same keys again; a secret's
 * text is known for one; no name of a file has two meanings. */
#include "fuzz.h"

#include <string.h>

#include "wire/keyfile.h"

enum { DETAIL = 256 };

static void
check_refusal(enum stint_status status, const char *detail)
{
    FUZZ_CHECK(status == STINT_INVALID || status == STINT_BAD_VERSION || status == STINT_WRONG_CLUSTER ||
               status == STINT_BAD_CERTIFICATE);
    fuzz_check_sentence(detail, DETAIL);
}

static bool
read_cluster(struct stint_span text)
{
    struct trust trust, again;
    char detail[DETAIL] = "", out[KEYFILE_SIZE_MAX];
    enum stint_status status = keyfile_read_cluster(text, &trust, detail, sizeof detail);
    if (status != STINT_OK) {
        check_refusal(status, detail);
        return false;
    }
    size_t size = keyfile_write_cluster(out, &trust);
    FUZZ_CHECK(keyfile_read_cluster(span_of(out, size), &again, detail, sizeof detail) == STINT_OK);
    FUZZ_CHECK(memcmp(&trust, &again, sizeof trust) == 0 && !keyfile_is_secret(text));
    return true;
}

/* The development cluster's secrets are no secrets; others do not fit its public keys. */
static void
dev_keys(struct cluster_keys *keys, struct identity *identity)
{
    FUZZ_CHECK(cert_dev_identity(ROLE_NODE, "n1", identity) == STINT_OK);
    memset(keys, 0, sizeof *keys);
    keys->trust = identity->trust;
}

static bool
read_secrets(struct stint_span text)
{
    struct cluster_keys keys;
    struct identity identity, read;
    char detail[DETAIL] = "", certificate[KEYFILE_SIZE_MAX], secret[KEYFILE_SIZE_MAX], server[KEYFILE_SIZE_MAX];
    dev_keys(&keys, &identity);
    memcpy(keys.server_secret, identity.server_secret, sizeof keys.server_secret);
    size_t certificate_size = keyfile_write_certificate(certificate, &identity);
    size_t secret_size = keyfile_write_secret(secret, &identity);
    size_t server_size = keyfile_write_server(server, &keys);
    enum stint_status status = keyfile_read_authority(text, &keys, detail, sizeof detail);
    bool any = status == STINT_OK;
    FUZZ_CHECK(!any || keyfile_is_secret(text));
    status = keyfile_read_server(text, &keys, detail, sizeof detail);
    FUZZ_CHECK(status != STINT_OK || (keyfile_is_secret(text) && !any));
    any = any || status == STINT_OK;
    for (int place = 0; place < 3; place++) { /* the text as each of the three files of an identity */
        detail[0] = '\0';
        status = keyfile_read_identity(&keys.trust, place == 0 ? text : span_of(certificate, certificate_size),
                                       place == 1 ? text : span_of(secret, secret_size),
                                       place == 2 ? text : span_of(server, server_size), &read, detail, sizeof detail);
        if (status != STINT_OK) {
            check_refusal(status, detail);
            continue;
        }
        FUZZ_CHECK(memcmp(read.curve_public, identity.curve_public, CERT_KEY_SIZE) == 0);
        FUZZ_CHECK(read.certificate_size == identity.certificate_size);
        any = true;
    }
    return any;
}

static bool
read_certificate(struct stint_span text)
{
    struct certificate c;
    char detail[DETAIL] = "";
    enum stint_status status = keyfile_read_certificate(text, &c, detail, sizeof detail);
    if (status != STINT_OK) {
        check_refusal(status, detail);
        return false;
    }
    FUZZ_CHECK(c.role > ROLE_NONE && c.role < ROLE_END_ && !keyfile_is_secret(text));
    return true;
}

static bool
read_name(struct stint_span text)
{
    char file[128], name[CERT_NAME_SIZE], again[KEYFILE_NAME_SIZE];
    enum cert_role role;
    bool secret;
    size_t size = text.size < sizeof file ? text.size : sizeof file - 1;
    bytes_copy(file, text.data, size);
    file[size] = '\0';
    if (!keyfile_name_parse(file, &role, name, &secret)) {
        return false;
    }
    FUZZ_CHECK(keyfile_name(again, role, name, secret) == strlen(file));
    FUZZ_CHECK(strcmp(file, again) == 0);
    return true;
}

static bool
judge(struct stint_span input)
{
    bool any = read_cluster(input);
    any = read_secrets(input) || any;
    any = read_certificate(input) || any;
    return read_name(input) || any;
}

static void
seeds(void)
{
    struct cluster_keys keys;
    struct identity identity;
    char out[KEYFILE_SIZE_MAX];
    dev_keys(&keys, &identity);
    memcpy(keys.server_secret, identity.server_secret, sizeof keys.server_secret);
    fuzz_seed("cluster", span_of(out, keyfile_write_cluster(out, &keys.trust)));
    fuzz_seed("authority", span_of(out, keyfile_write_authority(out, &keys)));
    fuzz_seed("server", span_of(out, keyfile_write_server(out, &keys)));
    fuzz_seed("certificate", span_of(out, keyfile_write_certificate(out, &identity)));
    fuzz_seed("secret", span_of(out, keyfile_write_secret(out, &identity)));
    fuzz_seed("name-certificate", span_text("node-n1.cert"));
    fuzz_seed("name-key", span_text("operator-x.y_z.key"));
}

const struct fuzz_target fuzz_target = {
    .name = "keyfile", .size_max = KEYFILE_SIZE_MAX + 64, .judge = judge, .seeds = seeds
};
