/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file is `format = stint-KIND-1` and a few lines with fixed names. The reader
 * takes each of the lines that its kind has exactly once, in any order, and nothing
 * else: a key file with a line that nobody understands is a mistake to be seen.
 */
#include "wire/keyfile.h"

#include <sodium/utils.h>
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"

enum {
    KEYFILE_VERSION = 1,
    VALUE_SIZE = 2 * LIMIT_CERTIFICATE + 1,
    FIELDS_MAX = 3,
};

STINT_STATIC_ASSERT(KEYFILE_SIZE_MAX >= VALUE_SIZE + 1024,
                    "a certificate with its heading is a key file");

/* A kind of file: its name in `format`, and its lines. */
struct kind {
    const char *name;
    const char *fields[FIELDS_MAX + 1]; /* NULL terminated */
};

static const struct kind KIND_CLUSTER = { "cluster",
                                          { "cluster", "authority", "server" } };
static const struct kind KIND_AUTHORITY = { "authority-secret", { "cluster", "seed" } };
static const struct kind KIND_SERVER = { "server-secret", { "cluster", "secret" } };
static const struct kind KIND_CERTIFICATE = { "certificate", { "certificate" } };
static const struct kind KIND_SECRET = { "identity-secret",
                                         { "cluster", "curve", "sign" } };

/* ---- writing ---- */

struct writer {
    char *out;
    size_t size;
};

static void
write_format(struct writer *w, const char *comment, const struct kind *kind)
{
    w->size += text_format(w->out + w->size, KEYFILE_SIZE_MAX - w->size,
                           "# %s\nformat = stint-%s-%d\n", comment, kind->name,
                           KEYFILE_VERSION);
}

static void
write_hex(struct writer *w, const char *name, const uint8_t *data, size_t size)
{
    STINT_ASSERT(size <= LIMIT_CERTIFICATE);
    w->size += text_format(w->out + w->size, KEYFILE_SIZE_MAX - w->size, "%s = ", name);
    STINT_ASSERT(w->size + 2 * size + 2 <= KEYFILE_SIZE_MAX);
    text_hex(w->out + w->size, data, size);
    w->size += 2 * size;
    w->out[w->size++] = '\n';
    w->out[w->size] = '\0';
}

size_t
keyfile_write_cluster(char *out, const struct trust *trust)
{
    struct writer w = { out, 0 };
    write_format(&w, "A Stint cluster, as everybody may know it.", &KIND_CLUSTER);
    write_hex(&w, "cluster", trust->cluster.bytes, sizeof trust->cluster.bytes);
    write_hex(&w, "authority", trust->authority_public, CERT_KEY_SIZE);
    write_hex(&w, "server", trust->server_public, CERT_KEY_SIZE);
    return w.size;
}

size_t
keyfile_write_authority(char *out, const struct cluster_keys *keys)
{
    struct writer w = { out, 0 };
    write_format(&w, "SECRET: issues identities. Keep it off the nodes.",
                 &KIND_AUTHORITY);
    write_hex(&w, "cluster", keys->trust.cluster.bytes,
              sizeof keys->trust.cluster.bytes);
    /* The first half of an Ed25519 secret key is the seed that makes all of it. */
    write_hex(&w, "seed", keys->authority_secret, CERT_KEY_SIZE);
    return w.size;
}

size_t
keyfile_write_server(char *out, const struct cluster_keys *keys)
{
    struct writer w = { out, 0 };
    write_format(&w, "SECRET: the key with which nodes serve. On nodes only.",
                 &KIND_SERVER);
    write_hex(&w, "cluster", keys->trust.cluster.bytes,
              sizeof keys->trust.cluster.bytes);
    write_hex(&w, "secret", keys->server_secret, CERT_KEY_SIZE);
    return w.size;
}

size_t
keyfile_write_certificate(char *out, const struct identity *identity)
{
    const struct certificate *c = &identity->certificate;
    char comment[256];
    struct writer w = { out, 0 };
    text_format(comment, sizeof comment, "Certificate of %s %s, serial %llu.",
                cert_role_name(c->role), c->name, (unsigned long long)c->serial);
    write_format(&w, comment, &KIND_CERTIFICATE);
    write_hex(&w, "certificate", identity->certificate_bytes,
              identity->certificate_size);
    return w.size;
}

size_t
keyfile_write_secret(char *out, const struct identity *identity)
{
    const struct certificate *c = &identity->certificate;
    char comment[256];
    struct writer w = { out, 0 };
    text_format(comment, sizeof comment, "SECRET: the keys of %s %s.",
                cert_role_name(c->role), c->name);
    write_format(&w, comment, &KIND_SECRET);
    write_hex(&w, "cluster", c->cluster.bytes, sizeof c->cluster.bytes);
    write_hex(&w, "curve", identity->curve_secret, CERT_KEY_SIZE);
    write_hex(&w, "sign", identity->sign_secret, CERT_KEY_SIZE);
    return w.size;
}

/* ---- reading ---- */

struct parser {
    const struct kind *kind;
    char *detail;
    size_t detail_size;
    bool has_format;
    struct stint_span values[FIELDS_MAX]; /* into the text */
    int lines[FIELDS_MAX];                /* where they stand; 0: not seen */
};

static struct stint_span
span_trim(struct stint_span s)
{
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.size--;
    }
    while (s.size > 0 && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t' ||
                          s.data[s.size - 1] == '\r')) {
        s.size--;
    }
    return s;
}

/* Cuts the first line off `text`. */
static struct stint_span
take_line(struct stint_span *text)
{
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t size = end == NULL ? text->size : (size_t)(end - text->data);
    struct stint_span line = span_of(text->data, size);
    size_t taken = end == NULL ? size : size + 1;
    *text = span_of(text->data + taken, text->size - taken);
    return line;
}

/* The number behind the last '-' of "stint-KIND-N" if KIND is this one; 0 otherwise. */
static uint64_t
format_version(struct stint_span value, const struct kind *kind)
{
    char text[64];
    char prefix[64];
    uint64_t version = 0;
    if (value.size >= sizeof text) {
        return 0;
    }
    text_copy_span(text, sizeof text, value);
    size_t length = text_format(prefix, sizeof prefix, "stint-%s-", kind->name);
    if (strncmp(text, prefix, length) != 0 ||
        !text_parse_u64(text + length, &version)) {
        return 0;
    }
    return version;
}

static enum stint_status
parse_format(struct parser *p, struct stint_span value, int line)
{
    uint64_t version = format_version(value, p->kind);
    if (version == 0) {
        text_format(p->detail, p->detail_size, "line %d: this is no stint-%s file",
                    line, p->kind->name);
        return STINT_INVALID;
    }
    if (version != KEYFILE_VERSION) {
        text_format(p->detail, p->detail_size,
                    "line %d: format %llu of this file is newer than %d, the one known",
                    line, (unsigned long long)version, KEYFILE_VERSION);
        return STINT_BAD_VERSION;
    }
    p->has_format = true;
    return STINT_OK;
}

static enum stint_status
parse_field(struct parser *p, struct stint_span name, struct stint_span value, int line)
{
    for (int i = 0; p->kind->fields[i] != NULL; i++) {
        if (!span_equal(name, span_text(p->kind->fields[i]))) {
            continue;
        }
        if (p->lines[i] != 0) {
            text_format(p->detail, p->detail_size, "line %d: %s was given in line %d",
                        line, p->kind->fields[i], p->lines[i]);
            return STINT_INVALID;
        }
        p->lines[i] = line;
        p->values[i] = value;
        return STINT_OK;
    }
    text_format(p->detail, p->detail_size, "line %d: not a line of a stint-%s file",
                line, p->kind->name);
    return STINT_INVALID;
}

static enum stint_status
parse_line(struct parser *p, struct stint_span line, int number)
{
    const uint8_t *equals = memchr(line.data, '=', line.size);
    if (equals == NULL) {
        text_format(p->detail, p->detail_size, "line %d: not of the form name = value",
                    number);
        return STINT_INVALID;
    }
    size_t left = (size_t)(equals - line.data);
    struct stint_span name = span_trim(span_of(line.data, left));
    struct stint_span value = span_trim(span_of(equals + 1, line.size - left - 1));
    if (span_equal(name, span_text("format"))) {
        if (!p->has_format) {
            return parse_format(p, value, number);
        }
        text_format(p->detail, p->detail_size, "line %d: a second format", number);
        return STINT_INVALID;
    }
    if (!p->has_format) {
        text_format(p->detail, p->detail_size,
                    "line %d: a key file begins with its format", number);
        return STINT_INVALID;
    }
    return parse_field(p, name, value, number);
}

/* Finds all lines of a file of this kind. */
static enum stint_status
parse(struct parser *p, const struct kind *kind, struct stint_span text, char *detail,
      size_t detail_size)
{
    *p = (struct parser){ .kind = kind, .detail = detail, .detail_size = detail_size };
    if (text.size > KEYFILE_SIZE_MAX) {
        text_format(detail, detail_size, "too large for a key file");
        return STINT_INVALID;
    }
    for (int number = 1; text.size > 0; number++) {
        struct stint_span line = span_trim(take_line(&text));
        if (line.size == 0 || line.data[0] == '#') {
            continue;
        }
        enum stint_status status = parse_line(p, line, number);
        if (status != STINT_OK) {
            return status;
        }
    }
    if (!p->has_format) {
        text_format(detail, detail_size, "not a stint-%s file: empty", kind->name);
        return STINT_INVALID;
    }
    for (int i = 0; kind->fields[i] != NULL; i++) {
        if (p->lines[i] == 0) {
            text_format(detail, detail_size, "the line %s is missing", kind->fields[i]);
            return STINT_INVALID;
        }
    }
    return STINT_OK;
}

/* Bytes of the field `index`, at most `max`; their number, or 0 with the reason. */
static size_t
value_bytes(const struct parser *p, int index, uint8_t *out, size_t max)
{
    char text[VALUE_SIZE];
    struct stint_span value = p->values[index];
    size_t size = value.size / 2;
    bool good =
        value.size < sizeof text && value.size % 2 == 0 && size >= 1 && size <= max;
    if (good) {
        text_copy_span(text, sizeof text, value);
        good = strlen(text) == value.size && text_unhex(out, size, text);
    }
    sodium_memzero(text, sizeof text);
    if (!good) {
        text_format(p->detail, p->detail_size, "line %d: %s is not valid hexadecimal",
                    p->lines[index], p->kind->fields[index]);
    }
    return good ? size : 0;
}

static bool
value_exact(const struct parser *p, int index, uint8_t *out, size_t size)
{
    size_t got = value_bytes(p, index, out, size);
    if (got != 0 && got != size) {
        text_format(p->detail, p->detail_size,
                    "line %d: %s has %zu bytes in place of %zu", p->lines[index],
                    p->kind->fields[index], got, size);
    }
    return got == size;
}

/* The field 0 of all secrets: which cluster they are of. */
static enum stint_status
value_cluster(const struct parser *p, struct stint_id cluster)
{
    struct stint_id id;
    if (!value_exact(p, 0, id.bytes, sizeof id.bytes)) {
        return STINT_INVALID;
    }
    if (!id_equal(id, cluster)) {
        char theirs[STINT_ID_TEXT_SIZE];
        char ours[STINT_ID_TEXT_SIZE];
        text_format(p->detail, p->detail_size,
                    "line %d: of cluster %.8s, this is cluster %.8s", p->lines[0],
                    stint_id_text(id, theirs), stint_id_text(cluster, ours));
        return STINT_WRONG_CLUSTER;
    }
    return STINT_OK;
}

enum stint_status
keyfile_read_cluster(struct stint_span text, struct trust *trust, char *detail,
                     size_t detail_size)
{
    struct parser p;
    struct trust read;
    enum stint_status status = parse(&p, &KIND_CLUSTER, text, detail, detail_size);
    if (status != STINT_OK) {
        return status;
    }
    if (!value_exact(&p, 0, read.cluster.bytes, sizeof read.cluster.bytes) ||
        !value_exact(&p, 1, read.authority_public, CERT_KEY_SIZE) ||
        !value_exact(&p, 2, read.server_public, CERT_KEY_SIZE)) {
        return STINT_INVALID;
    }
    *trust = read;
    return STINT_OK;
}

/* Reads a secret of the cluster into `secret` (CERT_KEY_SIZE). */
static enum stint_status
read_cluster_secret(const struct kind *kind, struct stint_span text,
                    struct stint_id cluster, uint8_t *secret, char *detail,
                    size_t detail_size)
{
    struct parser p;
    enum stint_status status = parse(&p, kind, text, detail, detail_size);
    if (status == STINT_OK) {
        status = value_cluster(&p, cluster);
    }
    if (status == STINT_OK && !value_exact(&p, 1, secret, CERT_KEY_SIZE)) {
        status = STINT_INVALID;
    }
    return status;
}

enum stint_status
keyfile_read_authority(struct stint_span text, struct cluster_keys *keys, char *detail,
                       size_t detail_size)
{
    uint8_t seed[CERT_KEY_SIZE];
    enum stint_status status = read_cluster_secret(
        &KIND_AUTHORITY, text, keys->trust.cluster, seed, detail, detail_size);
    if (status == STINT_OK && !cluster_keys_set_authority(keys, seed)) {
        text_format(detail, detail_size, "the secret is not that of the authority");
        status = STINT_BAD_CERTIFICATE;
    }
    sodium_memzero(seed, sizeof seed);
    return status;
}

enum stint_status
keyfile_read_server(struct stint_span text, struct cluster_keys *keys, char *detail,
                    size_t detail_size)
{
    uint8_t secret[CERT_KEY_SIZE];
    enum stint_status status = read_cluster_secret(
        &KIND_SERVER, text, keys->trust.cluster, secret, detail, detail_size);
    if (status == STINT_OK && !cluster_keys_set_server(keys, secret)) {
        text_format(detail, detail_size,
                    "the secret is not that of the cluster's server key");
        status = STINT_BAD_CERTIFICATE;
    }
    sodium_memzero(secret, sizeof secret);
    return status;
}

static enum stint_status
read_certificate_bytes(struct stint_span text, uint8_t *out, size_t *size, char *detail,
                       size_t detail_size)
{
    struct parser p;
    enum stint_status status = parse(&p, &KIND_CERTIFICATE, text, detail, detail_size);
    if (status != STINT_OK) {
        return status;
    }
    *size = value_bytes(&p, 0, out, LIMIT_CERTIFICATE);
    return *size == 0 ? STINT_INVALID : STINT_OK;
}

enum stint_status
keyfile_read_certificate(struct stint_span text, struct certificate *out, char *detail,
                         size_t detail_size)
{
    uint8_t bytes[LIMIT_CERTIFICATE];
    size_t size = 0;
    enum stint_status status =
        read_certificate_bytes(text, bytes, &size, detail, detail_size);
    if (status == STINT_OK && cert_read(span_of(bytes, size), out) != STINT_OK) {
        text_format(detail, detail_size, "the certificate is malformed");
        status = STINT_BAD_CERTIFICATE;
    }
    return status;
}

/* What the secret files of an identity hold. */
struct secrets {
    uint8_t curve[CERT_KEY_SIZE];
    uint8_t sign[CERT_KEY_SIZE];
    uint8_t server[CERT_KEY_SIZE];
};

static enum stint_status
read_secrets(const struct trust *trust, struct stint_span secret_text,
             struct stint_span server_text, struct secrets *out, char *detail,
             size_t detail_size)
{
    struct parser p;
    enum stint_status status =
        parse(&p, &KIND_SECRET, secret_text, detail, detail_size);
    if (status == STINT_OK) {
        status = value_cluster(&p, trust->cluster);
    }
    if (status == STINT_OK && (!value_exact(&p, 1, out->curve, CERT_KEY_SIZE) ||
                               !value_exact(&p, 2, out->sign, CERT_KEY_SIZE))) {
        status = STINT_INVALID;
    }
    if (status == STINT_OK && server_text.size != 0) {
        status = read_cluster_secret(&KIND_SERVER, server_text, trust->cluster,
                                     out->server, detail, detail_size);
    }
    return status;
}

enum stint_status
keyfile_read_identity(const struct trust *trust, struct stint_span certificate_text,
                      struct stint_span secret_text, struct stint_span server_text,
                      struct identity *out, char *detail, size_t detail_size)
{
    uint8_t bytes[LIMIT_CERTIFICATE];
    size_t size = 0;
    struct secrets secrets;
    memset(out, 0, sizeof *out);
    enum stint_status status =
        read_certificate_bytes(certificate_text, bytes, &size, detail, detail_size);
    if (status == STINT_OK) {
        status = read_secrets(trust, secret_text, server_text, &secrets, detail,
                              detail_size);
    }
    if (status == STINT_OK) {
        status = identity_assemble(
            out, trust, span_of(bytes, size), secrets.curve, secrets.sign,
            server_text.size == 0 ? NULL : secrets.server, detail, detail_size);
    }
    sodium_memzero(&secrets, sizeof secrets);
    return status;
}

bool
keyfile_is_secret(struct stint_span text)
{
    static const struct kind *const kinds[] = { &KIND_AUTHORITY, &KIND_SERVER,
                                                &KIND_SECRET };
    while (text.size > 0) {
        struct stint_span line = span_trim(take_line(&text));
        if (line.size == 0 || line.data[0] == '#') {
            continue;
        }
        const uint8_t *equals = memchr(line.data, '=', line.size);
        if (equals == NULL) {
            return false;
        }
        size_t left = (size_t)(equals - line.data);
        struct stint_span value = span_trim(span_of(equals + 1, line.size - left - 1));
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            if (format_version(value, kinds[i]) != 0) {
                return true;
            }
        }
        return false;
    }
    return false;
}

/* ---- names of files ---- */

size_t
keyfile_name(char out[KEYFILE_NAME_SIZE], enum cert_role role, const char *name,
             bool secret)
{
    return text_format(out, KEYFILE_NAME_SIZE, "%s-%s.%s", cert_role_name(role), name,
                       secret ? "key" : "cert");
}

bool
keyfile_name_parse(const char *file, enum cert_role *role, char *name, bool *secret)
{
    size_t length = strnlen(file, KEYFILE_NAME_SIZE);
    const char *dash = memchr(file, '-', length);
    if (length >= KEYFILE_NAME_SIZE || dash == NULL) {
        return false;
    }
    char role_text[16];
    struct stint_span head = span_of(file, (size_t)(dash - file));
    if (head.size >= sizeof role_text) {
        return false;
    }
    text_copy_span(role_text, sizeof role_text, head);
    const char *dot = strrchr(dash, '.');
    if (dot == NULL || (strcmp(dot, ".key") != 0 && strcmp(dot, ".cert") != 0)) {
        return false;
    }
    struct stint_span middle = span_of(dash + 1, (size_t)(dot - dash - 1));
    if (middle.size > LIMIT_NAME) {
        return false;
    }
    text_copy_span(name, CERT_NAME_SIZE, middle);
    *role = cert_role_parse(role_text);
    *secret = strcmp(dot, ".key") == 0;
    return *role != ROLE_NONE && text_is_name(name, LIMIT_NAME);
}
