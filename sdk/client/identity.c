/* SPDX-License-Identifier: Apache-2.0 */
/* Who the client is: one identity of the key directory, or a development one. */
#include <string.h>

#include "base/span.h"
#include "base/text.h"
#include "client/client_internal.h"
#include "client/keydir.h"

/* Identities that fit, while a directory is looked through. */
struct choice {
    const char *wanted; /* "ops" or "operator-ops"; "" for any */
    uint32_t count, operators;
    enum cert_role role, operator_role;
    char name[CERT_NAME_SIZE], operator_name[CERT_NAME_SIZE];
    char seen[256];
};

static bool
fits(const struct choice *choice, enum cert_role role, const char *name)
{
    char whole[KEYFILE_NAME_SIZE + CERT_NAME_SIZE];
    text_format(whole, sizeof whole, "%s-%s", cert_role_name(role), name);
    return choice->wanted[0] == '\0' || strcmp(choice->wanted, whole) == 0 ||
           strcmp(choice->wanted, name) == 0;
}

static bool
look(void *arg, enum cert_role role, const char *name, bool has_secret)
{
    struct choice *choice = arg;
    /* A node's identity is for nodes: its role may not ask for anything. */
    if (role == ROLE_NODE || !has_secret || !fits(choice, role, name)) {
        return true;
    }
    size_t used = strlen(choice->seen);
    text_format(choice->seen + used, sizeof choice->seen - used, "%s%s-%s", used != 0 ? ", " : "",
                cert_role_name(role), name);
    choice->count++;
    choice->role = role;
    text_copy(choice->name, sizeof choice->name, name);
    if (role == ROLE_OPERATOR) {
        choice->operators++;
        text_copy(choice->operator_name, sizeof choice->operator_name, name);
    }
    return true;
}

static enum stint_status
choose(const struct client_settings *settings, struct choice *choice, char *error,
       size_t error_size)
{
    *choice = (struct choice){ .wanted = settings->identity };
    enum stint_status status = keydir_each(settings->keys_dir, look, choice, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    if (choice->count == 0) {
        if (choice->wanted[0] != '\0') {
            text_format(error, error_size, "%s: no identity %s with its secret there",
                        settings->keys_dir, choice->wanted);
        } else {
            text_format(error, error_size,
                        "%s: no identity of an operator, client or observer there; issue one with "
                        "`stint keys issue`",
                        settings->keys_dir);
        }
        return STINT_NOT_FOUND;
    }
    if (choice->operators == 1 && choice->count > 1) {
        choice->role = ROLE_OPERATOR;
        text_copy(choice->name, sizeof choice->name, choice->operator_name);
    } else if (choice->count > 1) {
        text_format(error, error_size, "%s: several identities fit: %s; name one",
                    settings->keys_dir, choice->seen);
        return STINT_AMBIGUOUS;
    }
    return STINT_OK;
}

static enum stint_status
read_identity(const char *dir, const struct choice *choice, const struct trust *trust,
              struct identity *identity, char *error, size_t error_size)
{
    char name[KEYFILE_NAME_SIZE];
    char detail[256] = "";
    struct keydir_file certificate, secret;
    (void)keyfile_name(name, choice->role, choice->name, false);
    enum stint_status status = keydir_read(&certificate, dir, name, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    (void)keyfile_name(name, choice->role, choice->name, true);
    status = keydir_read(&secret, dir, name, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    status = keyfile_read_identity(trust, span_of(certificate.text, certificate.size),
                                   span_of(secret.text, secret.size), span_of(NULL, 0), identity,
                                   detail, sizeof detail);
    keydir_wipe(&secret);
    if (status != STINT_OK) {
        text_format(error, error_size, "%s: %s", certificate.path, detail);
    }
    return status;
}

enum stint_status
client_identity_load(const struct client_settings *settings, uint64_t wall_ms,
                     struct identity *identity, char *error, size_t error_size)
{
    if (settings->insecure) {
        enum stint_status status = cert_dev_identity(ROLE_OPERATOR, "dev", identity);
        if (status != STINT_OK) {
            text_copy(error, error_size, "no development identity");
        }
        return status;
    }
    struct trust trust;
    struct choice choice;
    enum stint_status status = keydir_read_trust(settings->keys_dir, &trust, error, error_size);
    if (status == STINT_OK) {
        status = choose(settings, &choice, error, error_size);
    }
    if (status == STINT_OK) {
        status = read_identity(settings->keys_dir, &choice, &trust, identity, error, error_size);
    }
    if (status != STINT_OK) {
        return status;
    }
    /* Now rather than from a node's refusal: the remedy is here. */
    struct cert_check check = { .trust = &trust, .wall_ms = wall_ms };
    struct certificate certificate;
    status = cert_verify(span_of(identity->certificate_bytes, identity->certificate_size), &check,
                         &certificate, error, error_size);
    if (status != STINT_OK) {
        identity_wipe(identity);
    }
    return status;
}
