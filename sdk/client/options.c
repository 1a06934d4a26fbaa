/* SPDX-License-Identifier: Apache-2.0 */
/* Options, uri and environment become settings; every mistake is named where it stands. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/candidates.h"
#include "client/client_internal.h"

struct reading {
    struct client_settings *settings;
    char *error;
    size_t error_size;
};

static enum stint_status
refuse(struct reading *r, const char *where, const char *text, const char *what)
{
    char shown[96];
    text_copy(shown, sizeof shown, text);
    text_format(r->error, r->error_size, "%s: %s%s%s", where, shown, shown[0] != '\0' ? ": " : "",
                what);
    return STINT_INVALID;
}

static enum stint_status
add_endpoint(struct reading *r, const char *where, const char *endpoint)
{
    struct client_settings *s = r->settings;
    if (strlen(endpoint) > LIMIT_ENDPOINT || !link_endpoint_valid(endpoint)) {
        return refuse(r, where, endpoint, "an endpoint is tcp://HOST:PORT");
    }
    if (s->endpoint_count == STINT_CLIENT_ENDPOINTS_MAX) {
        return refuse(r, where, endpoint, "too many endpoints");
    }
    text_copy(s->endpoints[s->endpoint_count++], CLIENT_ENDPOINT_SIZE, endpoint);
    return STINT_OK;
}

/* "HOST:PORT,HOST:PORT", each with or without tcp://. */
static enum stint_status
add_endpoints(struct reading *r, const char *where, const char *list, size_t size)
{
    while (size != 0) {
        const char *comma = memchr(list, ',', size);
        size_t one = comma != NULL ? (size_t)(comma - list) : size;
        bool whole = one > 6 && memcmp(list, "tcp://", 6) == 0;
        char endpoint[CLIENT_ENDPOINT_SIZE + 8];
        if (one > LIMIT_ENDPOINT) {
            return refuse(r, where, "", "an endpoint is too long");
        }
        text_format(endpoint, sizeof endpoint, "%s%.*s", whole ? "" : "tcp://", (int)one, list);
        enum stint_status status = add_endpoint(r, where, endpoint);
        if (status != STINT_OK) {
            return status;
        }
        list += one + (comma != NULL ? 1 : 0);
        size -= one + (comma != NULL ? 1 : 0);
    }
    return STINT_OK;
}

/* %XX becomes the byte. False when it does not fit or is malformed. */
static bool
unescape(char *out, size_t out_size, const char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (text[i] == '%') {
            char pair[3] = { 0 };
            if (size - i < 3) {
                return false;
            }
            memcpy(pair, text + i + 1, 2);
            if (!text_unhex(&byte, 1, pair) || byte == 0) {
                return false;
            }
            i += 2;
        }
        if (used + 1 >= out_size) {
            return false;
        }
        out[used++] = (char)byte;
    }
    out[used] = '\0';
    return true;
}

/* One `name=value` of a uri; values that the options set stay. */
static enum stint_status
uri_parameter(struct reading *r, const char *text, size_t size)
{
    struct client_settings *s = r->settings;
    const char *equals = memchr(text, '=', size);
    if (equals == NULL) {
        return refuse(r, "uri", "", "a parameter is name=value");
    }
    size_t name = (size_t)(equals - text);
    char value[sizeof s->keys_dir];
    if (!unescape(value, sizeof value, equals + 1, size - name - 1)) {
        return refuse(r, "uri", "", "a parameter that is malformed or too long");
    }
    if (name == 4 && memcmp(text, "keys", 4) == 0) {
        if (s->keys_dir[0] == '\0') {
            text_copy(s->keys_dir, sizeof s->keys_dir, value);
        }
    } else if (name == 8 && memcmp(text, "identity", 8) == 0) {
        if (s->identity[0] == '\0') {
            text_copy(s->identity, sizeof s->identity, value);
        }
    } else if (name == 8 && memcmp(text, "insecure", 8) == 0) {
        if (strcmp(value, "1") != 0 && strcmp(value, "0") != 0) {
            return refuse(r, "uri", "insecure", "is 0 or 1");
        }
        s->insecure = s->insecure || value[0] == '1';
    } else {
        return refuse(r, "uri", "", "its parameters are keys, identity, insecure");
    }
    return STINT_OK;
}

static enum stint_status
read_uri(struct reading *r, const char *uri)
{
    static const char scheme[] = "stint://";
    bool wanted = r->settings->endpoint_count == 0;
    if (strncmp(uri, "tcp://", 6) == 0) {
        return wanted ? add_endpoint(r, "uri", uri) : STINT_OK;
    }
    if (strncmp(uri, scheme, sizeof scheme - 1) != 0) {
        return refuse(r, "uri", uri, "it begins with stint:// or tcp://");
    }
    const char *hosts = uri + sizeof scheme - 1;
    size_t size = strcspn(hosts, "/?");
    const char *rest = hosts + size;
    rest += *rest == '/' ? 1 : 0;
    if (*rest != '\0' && *rest != '?') {
        return refuse(r, "uri", uri, "nothing but ?parameters may follow the hosts");
    }
    enum stint_status status = wanted ? add_endpoints(r, "uri", hosts, size) : STINT_OK;
    while (status == STINT_OK && *rest != '\0') {
        rest++;
        size_t one = strcspn(rest, "&");
        if (one != 0) {
            status = uri_parameter(r, rest, one);
        }
        rest += one;
    }
    return status;
}

static enum stint_status
read_environment(struct reading *r)
{
    struct client_settings *s = r->settings;
    const char *endpoints = getenv("STINT_ENDPOINT");
    const char *keys = getenv("STINT_KEYS");
    const char *identity = getenv("STINT_IDENTITY");
    if (keys != NULL && s->keys_dir[0] == '\0' &&
        text_copy(s->keys_dir, sizeof s->keys_dir, keys) != strlen(keys)) {
        return refuse(r, "STINT_KEYS", "", "too long");
    }
    if (identity != NULL && s->identity[0] == '\0' &&
        text_copy(s->identity, sizeof s->identity, identity) != strlen(identity)) {
        return refuse(r, "STINT_IDENTITY", "", "too long");
    }
    if (endpoints != NULL && s->endpoint_count == 0) {
        return add_endpoints(r, "STINT_ENDPOINT", endpoints, strlen(endpoints));
    }
    return STINT_OK;
}

static enum stint_status
check(struct reading *r)
{
    const struct client_settings *s = r->settings;
    if (s->endpoint_count == 0) {
        return refuse(r, "endpoint", "",
                      "none given: name a node with --endpoint tcp://HOST:PORT or STINT_ENDPOINT");
    }
    if (!s->insecure && s->keys_dir[0] == '\0') {
        return refuse(r, "keys", "", "no key directory given: --keys DIR or STINT_KEYS");
    }
    for (size_t i = 0; s->insecure && i < s->endpoint_count; i++) {
        if (!candidate_is_loopback(s->endpoints[i])) {
            return refuse(r, "insecure", s->endpoints[i], "development keys are for loopback only");
        }
    }
    return STINT_OK;
}

enum stint_status
client_settings_read(const struct stint_client_options *given, struct client_settings *settings,
                     char *error, size_t error_size)
{
    struct reading r = { settings, error, error_size };
    *settings = (struct client_settings){ .pending_max = CLIENT_PENDING_DEFAULT,
                                          .pending_bytes_max = CLIENT_PENDING_BYTES_DEFAULT };
    struct stint_client_options known;
    if (!CLIENT_STRUCT_COPY(&known, given, allocator)) {
        return refuse(&r, "options", "", "begin with STINT_CLIENT_OPTIONS_INIT");
    }
    const struct stint_client_options *options = &known;
    enum stint_status status = STINT_OK;
    for (size_t i = 0; i < options->endpoint_count && status == STINT_OK; i++) {
        status = add_endpoint(&r, "endpoint", options->endpoints[i]);
    }
    if (status != STINT_OK) {
        return status;
    }
    if (options->keys_dir != NULL && text_copy(settings->keys_dir, sizeof settings->keys_dir,
                                               options->keys_dir) != strlen(options->keys_dir)) {
        return refuse(&r, "keys", "", "the path is too long");
    }
    if (options->identity != NULL && text_copy(settings->identity, sizeof settings->identity,
                                               options->identity) != strlen(options->identity)) {
        return refuse(&r, "identity", "", "the name is too long");
    }
    settings->insecure = options->insecure;
    settings->own_thread = options->own_thread;
    settings->pending_max =
        options->pending_max != 0 ? options->pending_max : settings->pending_max;
    settings->pending_bytes_max =
        options->pending_bytes_max != 0 ? options->pending_bytes_max : settings->pending_bytes_max;
    settings->on_state = options->on_state;
    settings->arg = options->arg;
    settings->allocator = options->allocator;
    if (options->uri != NULL) {
        status = read_uri(&r, options->uri);
    }
    if (status == STINT_OK && !options->no_environment) {
        status = read_environment(&r);
    }
    return status == STINT_OK ? check(&r) : status;
}
