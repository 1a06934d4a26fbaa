/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client is told: a uri, and the variables of the environment, a line each. What is refused is refused with a sentence; what
 * is accepted makes sense, and written as one uri it means the same.
 */
#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "client/client_internal.h"

enum { LINES = 4, URI_SIZE = 65536 };

static const char *const variables[LINES] = { NULL, "STINT_ENDPOINT", "STINT_KEYS", "STINT_IDENTITY" };

static enum stint_status
read_settings(const char *uri, bool environment, struct client_settings *settings)
{
    char error[STINT_CLIENT_ERROR_SIZE] = "";
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    options.uri = uri;
    options.no_environment = !environment;
    memset(settings, 0xee, sizeof *settings);
    enum stint_status status = client_settings_read(&options, settings, error, sizeof error);
    FUZZ_CHECK(status == STINT_OK || status == STINT_INVALID);
    if (status != STINT_OK) {
        client_text_clean(error); /* as stint_client_open does */
        fuzz_check_sentence(error, sizeof error);
    }
    return status;
}

static void
check_sense(const struct client_settings *s)
{
    FUZZ_CHECK(s->endpoint_count > 0 && s->endpoint_count <= STINT_CLIENT_ENDPOINTS_MAX);
    for (size_t i = 0; i < s->endpoint_count; i++) {
        FUZZ_CHECK(memchr(s->endpoints[i], 0, sizeof s->endpoints[i]) != NULL && link_endpoint_valid(s->endpoints[i]));
    }
    FUZZ_CHECK(memchr(s->keys_dir, 0, sizeof s->keys_dir) != NULL && memchr(s->identity, 0, sizeof s->identity) != NULL);
    FUZZ_CHECK(s->insecure || s->keys_dir[0] != '\0');
}

static size_t
put_escaped(char *out, size_t at, const char *name, const char *value)
{
    at += text_format(out + at, URI_SIZE - at, "%s", name);
    for (const char *p = value; *p != '\0'; p++) {
        at += text_format(out + at, URI_SIZE - at, "%%%02x", (unsigned)(uint8_t)*p);
    }
    return at;
}

static void
check_same(const struct client_settings *s)
{
    static char uri[URI_SIZE];
    struct client_settings again;
    size_t at = text_format(uri, sizeof uri, "stint://");
    for (size_t i = 0; i < s->endpoint_count; i++) {
        at += text_format(uri + at, sizeof uri - at, "%s%s", i > 0 ? "," : "", s->endpoints[i] + strlen("tcp://"));
    }
    at = put_escaped(uri, at, "?keys=", s->keys_dir);
    at = put_escaped(uri, at, "&identity=", s->identity);
    at += text_format(uri + at, sizeof uri - at, "&insecure=%d", s->insecure ? 1 : 0);
    FUZZ_CHECK(at < sizeof uri - 1);
    FUZZ_CHECK(read_settings(uri, false, &again) == STINT_OK);
    FUZZ_CHECK(again.endpoint_count == s->endpoint_count && again.insecure == s->insecure);
    FUZZ_CHECK(strcmp(again.keys_dir, s->keys_dir) == 0 && strcmp(again.identity, s->identity) == 0);
    for (size_t i = 0; i < s->endpoint_count; i++) {
        FUZZ_CHECK(strcmp(again.endpoints[i], s->endpoints[i]) == 0);
    }
}

static bool
judge(struct stint_span input)
{
    struct client_settings settings;
    char *text = malloc(input.size + 1);
    FUZZ_CHECK(text != NULL);
    bytes_copy(text, input.data, input.size);
    text[input.size] = '\0';
    char *lines[LINES] = { text };
    for (int i = 1; i < LINES; i++) {
        lines[i] = lines[i - 1] + strcspn(lines[i - 1], "\n");
        if (*lines[i] != '\0') {
            *lines[i]++ = '\0';
        }
        FUZZ_CHECK(setenv(variables[i], lines[i], 1) == 0);
    }
    bool good = read_settings(lines[0][0] != '\0' ? lines[0] : NULL, true, &settings) == STINT_OK;
    for (int i = 1; i < LINES; i++) {
        (void)unsetenv(variables[i]);
    }
    if (good) {
        check_sense(&settings);
        check_same(&settings);
    }
    free(text);
    return good;
}

static void
seeds(void)
{
    fuzz_seed("uri", span_text("stint://127.0.0.1:7400,[::1]:7401/?keys=/etc/a%20b&identity=client-web"));
    fuzz_seed("insecure", span_text("stint://127.0.0.1:1?insecure=1&insecure=0"));
    fuzz_seed("one", span_text("tcp://n1.example.org:7400\n\n/etc/keys"));
    fuzz_seed("environment", span_text("\ntcp://127.0.0.1:1,h:2\nkeys\noperator-ops"));
}

const struct fuzz_target fuzz_target = { .name = "options", .size_max = 2048, .judge = judge, .seeds = seeds };
