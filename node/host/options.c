/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "host/host.h"

#define DEFAULT_LISTEN "tcp://127.0.0.1:0"

struct reading {
    char *error;
    size_t error_size;
};

static bool
refuse(struct reading *r, const char *option, const char *why)
{
    (void)text_format(r->error, r->error_size, "%s: %s", option, why);
    return false;
}

static bool
take_text(struct reading *r, const char *option, const char *in, char *out, size_t size)
{
    if (in == NULL) {
        out[0] = '\0';
        return true;
    }
    if (strlen(in) >= size) {
        return refuse(r, option, "too long");
    }
    (void)text_copy(out, size, in);
    return true;
}

bool
host_is_loopback(const char *endpoint)
{
    static const char *const hosts[] = { "tcp://127.",
                                         "tcp://localhost:", "tcp://[::1]:" };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        if (strncmp(endpoint, hosts[i], strlen(hosts[i])) == 0) {
            /* 127.evil.example is a name, not an address. */
            return i != 0 ||
                   strspn(endpoint + 6, "0123456789.") == strcspn(endpoint + 6, ":");
        }
    }
    return false;
}

static bool
take_endpoints(struct reading *r, struct host_options *out,
               const struct stint_node_options *in)
{
    if (!take_text(r, "listen", in->listen == NULL ? DEFAULT_LISTEN : in->listen,
                   out->listen, sizeof out->listen) ||
        !take_text(r, "advertise", in->advertise, out->advertise,
                   sizeof out->advertise)) {
        return false;
    }
    if (!link_listen_valid(out->listen)) {
        (void)text_format(r->error, r->error_size,
                          "listen: '%s' is not of the form tcp://HOST:PORT",
                          out->listen);
        return false;
    }
    if (out->advertise[0] != '\0' && !link_endpoint_valid(out->advertise)) {
        return refuse(r, "advertise", "not of the form tcp://HOST:PORT");
    }
    if (in->join_count > DATADIR_JOIN_MAX) {
        return refuse(r, "join", "at most 16 endpoints");
    }
    for (size_t i = 0; i < in->join_count; i++) {
        if (!link_endpoint_valid(in->join[i])) {
            (void)text_format(r->error, r->error_size,
                              "join: '%.150s' is not of the form tcp://HOST:PORT",
                              in->join[i] == NULL ? "" : in->join[i]);
            return false;
        }
        (void)text_copy(out->join[i], sizeof out->join[i], in->join[i]);
    }
    out->join_count = (uint32_t)in->join_count;
    return true;
}

/* The engine by its scheme; there is one. */
static bool
take_store(struct reading *r, struct host_options *out, const char *uri)
{
    static const char scheme[] = "sqlite:";
    if (uri == NULL || uri[0] == '\0') {
        out->store[0] = '\0';
        return true;
    }
    if (strncmp(uri, scheme, sizeof scheme - 1) != 0 ||
        uri[sizeof scheme - 1] == '\0') {
        (void)text_format(r->error, r->error_size,
                          "store: '%.150s' is not of the form sqlite:FILE", uri);
        return false;
    }
    return take_text(r, "store", uri + sizeof scheme - 1, out->store,
                     sizeof out->store);
}

/* Whether a key is in the labels before `end`. */
static bool
is_labelled(const char *labels, const char *end, const char *key)
{
    size_t length = strlen(key);
    while (labels < end) {
        if (strncmp(labels, key, length) == 0 && labels[length] == '=') {
            return true;
        }
        labels += strcspn(labels, ",") + 1;
    }
    return false;
}

/* k=v, comma separated; keys are names, each once. */
static bool
labels_valid(const char *labels)
{
    const char *all = labels;
    while (labels[0] != '\0') {
        char key[LIMIT_LABEL + 1];
        size_t length = strcspn(labels, ",");
        size_t key_length = strcspn(labels, "=,");
        if (length > LIMIT_LABEL || labels[key_length] != '=') {
            return false;
        }
        memcpy(key, labels, key_length);
        key[key_length] = '\0';
        if (!text_is_name(key, LIMIT_LABEL) || is_labelled(all, labels, key)) {
            return false;
        }
        labels += length;
        if (labels[0] == ',' && *++labels == '\0') {
            return false;
        }
    }
    return true;
}

static bool
take_labels(struct reading *r, struct host_options *out, const char *labels)
{
    if (labels != NULL && strlen(labels) > LIMIT_LABELS) {
        (void)text_format(r->error, r->error_size, "labels: together longer than %d bytes",
                          LIMIT_LABELS);
        return false;
    }
    (void)text_copy(out->labels, sizeof out->labels, labels != NULL ? labels : "");
    if (!text_is_printable(out->labels, sizeof out->labels - 1) ||
        !labels_valid(out->labels)) {
        return refuse(r, "labels", "not of the form KEY=VALUE,KEY=VALUE, each key once");
    }
    return true;
}

static bool
check_insecure(struct reading *r, const struct host_options *o)
{
    bool local = host_is_loopback(o->listen) &&
                 (o->advertise[0] == '\0' || host_is_loopback(o->advertise));
    for (uint32_t i = 0; i < o->join_count; i++) {
        local = local && host_is_loopback(o->join[i]);
    }
    return local ||
           refuse(r, "insecure", "only with endpoints of this machine (127.0.0.1)");
}

static bool
check_lists(struct reading *r, const struct stint_node_options *in)
{
    if (in->module_path_count > HOST_MODULES_MAX ||
        in->module_count > HOST_MODULES_MAX) {
        return refuse(r, "modules", "at most 64");
    }
    if ((in->join_count > 0 && in->join == NULL) ||
        (in->module_count > 0 && in->modules == NULL) ||
        (in->module_path_count > 0 && in->module_paths == NULL)) {
        return refuse(r, "options", "a count without its list");
    }
    for (size_t i = 0; i < in->module_count; i++) {
        if (in->modules[i] == NULL) {
            return refuse(r, "modules", "a module that is NULL");
        }
    }
    for (size_t i = 0; i < in->module_path_count; i++) {
        if (in->module_paths[i] == NULL || in->module_paths[i][0] == '\0') {
            return refuse(r, "module", "an empty path");
        }
    }
    return true;
}

static bool
read_all(struct reading *r, struct host_options *out,
         const struct stint_node_options *in)
{
    out->found = in->found;
    out->insecure = in->insecure;
    out->detect_fast = in->detect_fast;
    out->join_timeout_ms = in->join_timeout_ms;
    if (!text_is_name(in->name, LIMIT_NAME)) {
        return refuse(r, "name",
                      in->name == NULL || in->name[0] == '\0'
                          ? "a node needs one"
                          : "1 to 63 letters, digits, '.', '_' and '-'");
    }
    if (in->data_dir == NULL || in->data_dir[0] == '\0') {
        return refuse(r, "data", "a node needs a data directory");
    }
    if (!in->insecure && (in->keys_dir == NULL || in->keys_dir[0] == '\0')) {
        return refuse(r, "keys",
                      "a node needs a key directory (or insecure, for trying)");
    }
    if (in->found && in->join_count > 0) {
        return refuse(r, "found",
                      "contradicts join: a node founds a cluster or joins one");
    }
    return take_text(r, "name", in->name, out->name, sizeof out->name) &&
           take_text(r, "data", in->data_dir, out->data_dir, sizeof out->data_dir) &&
           take_text(r, "keys", in->keys_dir, out->keys_dir, sizeof out->keys_dir) &&
           check_lists(r, in) && take_endpoints(r, out, in) &&
           take_store(r, out, in->store) && take_labels(r, out, in->labels) &&
           (!in->insecure || check_insecure(r, out));
}

enum stint_status
host_options_read(struct host_options *out, const struct stint_node_options *known,
                  char *error, size_t error_size)
{
    struct reading r = { error, error_size };
    memset(out, 0, sizeof *out);
    return read_all(&r, out, known) ? STINT_OK : STINT_INVALID;
}
