/* SPDX-License-Identifier: Apache-2.0 */
/* Making a cluster's authority and issuing identities. Secrets stand in memory only as long as they
 * are written. */
#include <sodium/utils.h>
#include <string.h>

#include "base/span.h"
#include "base/text.h"
#include "client/keydir.h"
#include "client/list.h"
#include "link/clock.h"
#include "link/entropy.h"
#include "wire/wire.h"

#define DAY_MS (UINT64_C(24) * 3600 * 1000)
enum { DAYS_MAX = 36500, MODE_SECRET = 0600, MODE_PUBLIC = 0644 };

struct line {
    char *text;
    size_t size;
};

static enum stint_status
say(struct line *line, enum stint_status status, const char *dir, const char *what)
{
    text_format(line->text, line->size, "%s: %s", dir, what);
    return status;
}

/* Copies the inner line out, fit for a terminal. */
static enum stint_status
give(enum stint_status status, char *line, char *error, size_t error_size)
{
    if (error != NULL && error_size != 0) {
        client_text_clean(line);
        text_copy(error, error_size,
                  status == STINT_OK ? ""
                  : line[0] != '\0'  ? line
                                     : stint_strerror(status));
    }
    return status;
}

/* ---- init ---- */

static enum stint_status
write_authority(const char *dir, const struct cluster_keys *keys, struct line *line)
{
    char text[KEYFILE_SIZE_MAX];
    size_t size = keyfile_write_authority(text, keys);
    enum stint_status status =
        keydir_write(dir, KEYFILE_AUTHORITY, text, size, MODE_SECRET, line->text, line->size);
    if (status == STINT_OK) {
        size = keyfile_write_server(text, keys);
        status = keydir_write(dir, KEYFILE_SERVER, text, size, MODE_SECRET, line->text, line->size);
    }
    sodium_memzero(text, sizeof text);
    /* The public file comes last: a directory that has it is complete. */
    if (status == STINT_OK) {
        size = keyfile_write_cluster(text, &keys->trust);
        status =
            keydir_write(dir, KEYFILE_CLUSTER, text, size, MODE_PUBLIC, line->text, line->size);
    }
    return status;
}

static enum stint_status
init(const char *dir, struct stint_id *cluster, struct line *line)
{
    enum stint_status status = wire_init();
    if (status == STINT_OK) {
        status = keydir_make(dir, line->text, line->size);
    }
    if (status != STINT_OK) {
        return status;
    }
    static const char *const files[] = { KEYFILE_CLUSTER, KEYFILE_AUTHORITY, KEYFILE_SERVER };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (keydir_has(dir, files[i])) {
            text_format(line->text, line->size,
                        "%s: has a cluster's %s already; nothing was written", dir, files[i]);
            return STINT_EXISTS;
        }
    }
    uint8_t entropy[CLUSTER_KEYS_ENTROPY];
    struct cluster_keys keys;
    entropy_bytes(entropy, sizeof entropy);
    cluster_keys_make(&keys, entropy);
    sodium_memzero(entropy, sizeof entropy);
    status = write_authority(dir, &keys, line);
    if (status == STINT_OK && cluster != NULL) {
        *cluster = keys.trust.cluster;
    }
    cluster_keys_wipe(&keys);
    return status;
}

enum stint_status
stint_keys_init(const char *dir, struct stint_id *cluster, char *error, size_t error_size)
{
    char text[STINT_CLIENT_ERROR_SIZE] = "";
    struct line line = { text, sizeof text };
    return give(init(dir, cluster, &line), text, error, error_size);
}

/* ---- issue ---- */

/* One secret of the authority's directory into the keys. */
static enum stint_status
read_secret(const char *dir, const char *name, struct cluster_keys *keys, struct line *line)
{
    struct keydir_file file;
    char detail[256] = "";
    enum stint_status status = keydir_read(&file, dir, name, line->text, line->size);
    if (status == STINT_NOT_FOUND) {
        text_format(line->text, line->size,
                    "%s: no %s there; identities are issued where the authority is", dir, name);
    }
    if (status != STINT_OK) {
        return status;
    }
    struct stint_span bytes = span_of(file.text, file.size);
    status = strcmp(name, KEYFILE_AUTHORITY) == 0
                 ? keyfile_read_authority(bytes, keys, detail, sizeof detail)
                 : keyfile_read_server(bytes, keys, detail, sizeof detail);
    if (status != STINT_OK) {
        text_format(line->text, line->size, "%s: %s", file.path, detail);
    }
    keydir_wipe(&file);
    return status;
}

/* The directory that gets the identity: it is this cluster's, or becomes it. */
static enum stint_status
prepare_out(const char *out, const struct cluster_keys *keys, struct line *line)
{
    struct trust there;
    enum stint_status status = keydir_make(out, line->text, line->size);
    if (status != STINT_OK) {
        return status;
    }
    if (!keydir_has(out, KEYFILE_CLUSTER)) {
        char text[KEYFILE_SIZE_MAX];
        size_t size = keyfile_write_cluster(text, &keys->trust);
        return keydir_write(out, KEYFILE_CLUSTER, text, size, MODE_PUBLIC, line->text, line->size);
    }
    status = keydir_read_trust(out, &there, line->text, line->size);
    if (status == STINT_OK &&
        memcmp(&there.cluster, &keys->trust.cluster, sizeof there.cluster) != 0) {
        return say(line, STINT_WRONG_CLUSTER, out, "holds the keys of another cluster");
    }
    return status;
}

static enum stint_status
write_identity(const char *out, const struct cluster_keys *keys, const struct identity *identity,
               struct line *line)
{
    char text[KEYFILE_SIZE_MAX];
    char name[KEYFILE_NAME_SIZE];
    const struct certificate *certificate = &identity->certificate;
    enum stint_status status = STINT_OK;
    if (certificate->role == ROLE_NODE && !keydir_has(out, KEYFILE_SERVER)) {
        size_t size = keyfile_write_server(text, keys);
        status = keydir_write(out, KEYFILE_SERVER, text, size, MODE_SECRET, line->text, line->size);
    }
    if (status == STINT_OK) {
        (void)keyfile_name(name, certificate->role, certificate->name, true);
        size_t size = keyfile_write_secret(text, identity);
        status = keydir_write(out, name, text, size, MODE_SECRET, line->text, line->size);
    }
    sodium_memzero(text, sizeof text);
    if (status == STINT_OK) {
        (void)keyfile_name(name, certificate->role, certificate->name, false);
        size_t size = keyfile_write_certificate(text, identity);
        status = keydir_write(out, name, text, size, MODE_PUBLIC, line->text, line->size);
    }
    return status;
}

static enum stint_status
put_key(struct stint_list *list, const struct certificate *certificate, bool has_secret)
{
    struct list_key key;
    memset(&key, 0, sizeof key);
    key.role = (uint32_t)certificate->role;
    text_copy(key.name, sizeof key.name, certificate->name);
    key.serial = certificate->serial;
    key.not_before_ms = certificate->not_before_ms;
    key.not_after_ms = certificate->not_after_ms;
    key.has_secret = has_secret;
    struct record record = { LIST_KEY, span_of(&key, sizeof key), { NULL, 0 } };
    return record_append(list_records(list), &record) ? STINT_OK : STINT_NO_MEMORY;
}

static enum stint_status
check_request(const struct stint_keys_issue *issue, struct cert_request *request, struct line *line)
{
    if (issue->role == NULL || issue->name == NULL) {
        text_copy(line->text, line->size, "a role and a name must be given");
        return STINT_INVALID;
    }
    request->role = cert_role_parse(issue->role);
    request->name = issue->name;
    if (request->role == ROLE_NONE) {
        text_format(line->text, line->size,
                    "no role \"%.40s\": it is node, client, operator or observer", issue->role);
        return STINT_INVALID;
    }
    if (!text_is_name(issue->name, LIMIT_NAME)) {
        text_copy(line->text, line->size, "a name has 1 to 63 of the characters A-Z a-z 0-9 . _ -");
        return STINT_INVALID;
    }
    bool long_lived = request->role == ROLE_NODE || request->role == ROLE_OPERATOR;
    uint32_t days = issue->days != 0 ? issue->days : long_lived ? 90 : 30;
    if (days > DAYS_MAX) {
        text_format(line->text, line->size, "a certificate is valid for at most %d days", DAYS_MAX);
        return STINT_INVALID;
    }
    request->not_before_ms = clock_wall_ms();
    request->not_after_ms = request->not_before_ms + days * DAY_MS;
    return STINT_OK;
}

static enum stint_status
issue_with(const struct cluster_keys *keys, const struct cert_request *request, const char *out,
           struct stint_list *list, struct line *line)
{
    char name[KEYFILE_NAME_SIZE];
    for (int secret = 0; secret < 2; secret++) {
        (void)keyfile_name(name, request->role, request->name, secret == 1);
        if (keydir_has(out, name)) {
            text_format(line->text, line->size, "%s: has a %s already; nothing was written", out,
                        name);
            return STINT_EXISTS;
        }
    }
    uint8_t entropy[CERT_ISSUE_ENTROPY];
    struct identity identity;
    entropy_bytes(entropy, sizeof entropy);
    enum stint_status status = cert_issue(keys, request, entropy, &identity);
    sodium_memzero(entropy, sizeof entropy);
    if (status == STINT_OK) {
        status = prepare_out(out, keys, line);
    }
    if (status == STINT_OK) {
        status = write_identity(out, keys, &identity, line);
    }
    if (status == STINT_OK) {
        status = put_key(list, &identity.certificate, true);
    }
    identity_wipe(&identity);
    return status;
}

static enum stint_status
issue_identity(const char *dir, const struct stint_keys_issue *issue, struct stint_list *list,
               struct line *line)
{
    struct cluster_keys keys;
    struct cert_request request;
    enum stint_status status = wire_init();
    memset(&keys, 0, sizeof keys);
    if (status == STINT_OK) {
        status = check_request(issue, &request, line);
    }
    if (status == STINT_OK) {
        status = keydir_read_trust(dir, &keys.trust, line->text, line->size);
    }
    if (status == STINT_OK) {
        status = read_secret(dir, KEYFILE_AUTHORITY, &keys, line);
    }
    if (status == STINT_OK && request.role == ROLE_NODE) {
        status = read_secret(dir, KEYFILE_SERVER, &keys, line);
    }
    if (status == STINT_OK) {
        status = issue_with(&keys, &request, issue->out != NULL ? issue->out : dir, list, line);
    }
    cluster_keys_wipe(&keys);
    return status;
}

/* A list of its own memory, filled by `fill`. */
static enum stint_status
with_list(enum stint_status (*fill)(const char *dir, const struct stint_keys_issue *issue,
                                    struct stint_list *list, struct line *line),
          const char *dir, const struct stint_keys_issue *issue, struct stint_list **out,
          char *error, size_t error_size)
{
    char text[STINT_CLIENT_ERROR_SIZE] = "";
    struct line line = { text, sizeof text };
    *out = NULL;
    struct client_heap *heap = client_heap_new((struct stint_allocator){ NULL, NULL });
    struct stint_list *list = heap != NULL ? list_new(heap) : NULL;
    enum stint_status status = list != NULL ? fill(dir, issue, list, &line) : STINT_NO_MEMORY;
    if (status == STINT_OK) {
        *out = list;
    } else {
        stint_list_free(list);
    }
    client_heap_drop(heap);
    return give(status, text, error, error_size);
}

enum stint_status
stint_keys_issue(const char *dir, const struct stint_keys_issue *issue, struct stint_list **list,
                 char *error, size_t error_size)
{
    struct stint_keys_issue known;
    if (!CLIENT_STRUCT_COPY(&known, issue, days)) {
        *list = NULL;
        if (error != NULL && error_size != 0) {
            text_copy(error, error_size, "begin with STINT_KEYS_ISSUE_INIT");
        }
        return STINT_INVALID;
    }
    return with_list(issue_identity, dir, &known, list, error, error_size);
}

/* ---- list ---- */

struct found_key {
    enum cert_role role;
    char name[CERT_NAME_SIZE];
    bool has_secret;
};

struct finding {
    struct found_key *keys;
    uint32_t count;
};

static bool
find(void *arg, enum cert_role role, const char *name, bool has_secret)
{
    struct finding *f = arg;
    if (f->count == CLIENT_KEYS_MAX) {
        return false;
    }
    /* In order of role and name: by insertion, a directory has few. */
    uint32_t at = f->count++;
    while (at > 0 && (f->keys[at - 1].role > role ||
                      (f->keys[at - 1].role == role && strcmp(f->keys[at - 1].name, name) > 0))) {
        f->keys[at] = f->keys[at - 1];
        at--;
    }
    f->keys[at] = (struct found_key){ .role = role, .has_secret = has_secret };
    text_copy(f->keys[at].name, sizeof f->keys[at].name, name);
    return true;
}

static enum stint_status
read_certificate(const char *dir, const struct found_key *key, struct stint_list *list,
                 struct line *line)
{
    char name[KEYFILE_NAME_SIZE];
    char detail[256] = "";
    struct keydir_file file;
    struct certificate certificate;
    (void)keyfile_name(name, key->role, key->name, false);
    enum stint_status status = keydir_read(&file, dir, name, line->text, line->size);
    if (status == STINT_OK) {
        status = keyfile_read_certificate(span_of(file.text, file.size), &certificate, detail,
                                          sizeof detail);
        if (status != STINT_OK) {
            text_format(line->text, line->size, "%s: %s", file.path, detail);
        }
    }
    return status == STINT_OK ? put_key(list, &certificate, key->has_secret) : status;
}

static enum stint_status
list_keys(const char *dir, const struct stint_keys_issue *issue, struct stint_list *list,
          struct line *line)
{
    (void)issue;
    struct finding f = { .count = 0 };
    struct client_heap *heap = client_heap_new((struct stint_allocator){ NULL, NULL });
    if (heap == NULL ||
        (f.keys = mem_zalloc(&heap->mem, CLIENT_KEYS_MAX * sizeof *f.keys)) == NULL) {
        client_heap_drop(heap);
        return STINT_NO_MEMORY;
    }
    enum stint_status status = keydir_each(dir, find, &f, line->text, line->size);
    for (uint32_t i = 0; i < f.count && status == STINT_OK; i++) {
        status = read_certificate(dir, &f.keys[i], list, line);
    }
    mem_free(&heap->mem, f.keys, CLIENT_KEYS_MAX * sizeof *f.keys);
    client_heap_drop(heap);
    return status;
}

enum stint_status
stint_keys_list(const char *dir, struct stint_list **list, char *error, size_t error_size)
{
    return with_list(list_keys, dir, NULL, list, error, error_size);
}
