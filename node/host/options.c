/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "host/host.h"

#define DEFAULT_LISTEN "tcp://127.0.0.1:0"

/* Everything is looked at, also behind the first mistake. */
struct reading {
    const struct host_report *report;
    bool ok;
};

STINT_PRINTF(4, 5)
static void
refuse(struct reading *r, const char *option, size_t index, const char *format, ...)
{
    char text[STINT_NODE_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    (void)text_format_list(text, sizeof text, format, args);
    va_end(args);
    r->ok = false;
    r->report->mistake(r->report->arg, STINT_INVALID, option, index, text);
}

static void
take_text(struct reading *r, const char *option, const char *in, char *out, size_t size)
{
    if (in == NULL) {
        out[0] = '\0';
    } else if (strlen(in) >= size) {
        refuse(r, option, 0, "longer than %zu bytes", size - 1);
    } else {
        (void)text_copy(out, size, in);
    }
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

/* %.150s: an endpoint is not longer, and a mistake may be. */
#define ENDPOINT_FORM "'%.150s' is not of the form tcp://HOST:PORT"

static void
take_endpoints(struct reading *r, struct host_options *out,
               const struct stint_node_options *in)
{
    const char *listen = in->listen == NULL ? DEFAULT_LISTEN : in->listen;
    if (!link_listen_valid(listen)) {
        refuse(r, "listen", 0, ENDPOINT_FORM, listen);
    } else {
        take_text(r, "listen", listen, out->listen, sizeof out->listen);
    }
    if (in->advertise != NULL && !link_endpoint_valid(in->advertise)) {
        refuse(r, "advertise", 0, ENDPOINT_FORM, in->advertise);
    } else {
        take_text(r, "advertise", in->advertise, out->advertise, sizeof out->advertise);
    }
    if (in->join_count > DATADIR_JOIN_MAX) {
        refuse(r, "join", DATADIR_JOIN_MAX, "at most %d endpoints", DATADIR_JOIN_MAX);
        return;
    }
    for (size_t i = 0; in->join != NULL && i < in->join_count; i++) {
        if (!link_endpoint_valid(in->join[i])) {
            refuse(r, "join", i, ENDPOINT_FORM, in->join[i] == NULL ? "" : in->join[i]);
            continue;
        }
        (void)text_copy(out->join[i], sizeof out->join[i], in->join[i]);
    }
    out->join_count = (uint32_t)in->join_count;
}

/* The engine by its scheme; there is one. */
static void
take_store(struct reading *r, struct host_options *out, const char *uri)
{
    static const char scheme[] = "sqlite:";
    if (uri == NULL || uri[0] == '\0') {
        out->store[0] = '\0';
    } else if (strncmp(uri, scheme, sizeof scheme - 1) != 0 ||
               uri[sizeof scheme - 1] == '\0') {
        refuse(r, "store", 0, "'%.150s' is not of the form sqlite:FILE", uri);
    } else {
        take_text(r, "store", uri + sizeof scheme - 1, out->store, sizeof out->store);
    }
}

/* k=v; the key is a name. */
static bool
label_valid(const char *label, size_t length)
{
    char copy[LIMIT_LABEL + 1];
    if (length > LIMIT_LABEL) {
        return false;
    }
    memcpy(copy, label, length);
    copy[length] = '\0';
    char *equals = strchr(copy, '=');
    if (equals == NULL || !text_is_printable(copy, LIMIT_LABEL)) {
        return false;
    }
    *equals = '\0';
    return text_is_name(copy, LIMIT_LABEL);
}

/* Whether the key of the label at `end` is in the labels before it. */
static bool
is_labelled(const char *labels, const char *end)
{
    size_t length = strcspn(end, "=") + 1;
    while (labels < end) {
        if (strncmp(labels, end, length) == 0) {
            return true;
        }
        labels += strcspn(labels, ",") + 1;
    }
    return false;
}

static void
take_labels(struct reading *r, struct host_options *out, const char *labels)
{
    const char *at = labels;
    if (labels != NULL && strlen(labels) > LIMIT_LABELS) {
        refuse(r, "label", 0, "together longer than %d bytes", LIMIT_LABELS);
        return;
    }
    take_text(r, "label", labels, out->labels, sizeof out->labels);
    for (size_t i = 0; at != NULL && labels[0] != '\0'; i++) {
        size_t length = strcspn(at, ",");
        if (!label_valid(at, length)) {
            refuse(r, "label", i,
                   "'%.*s' is not of the form KEY=VALUE, printable and at most %d bytes",
                   (int)(length > 150 ? 150 : length), at, LIMIT_LABEL);
        } else if (is_labelled(labels, at)) {
            refuse(r, "label", i, "'%.*s': each key once", (int)length, at);
        }
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
}

static void
check_insecure(struct reading *r, const struct host_options *o)
{
    bool local = host_is_loopback(o->listen) &&
                 (o->advertise[0] == '\0' || host_is_loopback(o->advertise));
    for (uint32_t i = 0; i < o->join_count; i++) {
        local = local && host_is_loopback(o->join[i]);
    }
    if (!local) {
        refuse(r, "insecure", 0,
               "only with endpoints of this machine (127.0.0.1); with others a cluster "
               "needs keys (stint keys init)");
    }
}

static void
check_lists(struct reading *r, const struct stint_node_options *in)
{
    if (in->module_path_count > HOST_MODULES_MAX ||
        in->module_count > HOST_MODULES_MAX) {
        refuse(r, "module", HOST_MODULES_MAX, "at most %d of them", HOST_MODULES_MAX);
        return;
    }
    if ((in->join_count > 0 && in->join == NULL) ||
        (in->module_count > 0 && in->modules == NULL) ||
        (in->module_path_count > 0 && in->module_paths == NULL)) {
        refuse(r, "options", 0, "a count without its list");
        return;
    }
    for (size_t i = 0; i < in->module_count; i++) {
        if (in->modules[i] == NULL) {
            refuse(r, "module", i, "a module that is NULL");
        }
    }
    for (size_t i = 0; i < in->module_path_count; i++) {
        const char *path = in->module_paths[i];
        if (path == NULL || path[0] == '\0') {
            refuse(r, "module", i, "an empty path");
        }
        for (size_t j = 0; path != NULL && j < i; j++) {
            if (in->module_paths[j] != NULL && strcmp(path, in->module_paths[j]) == 0) {
                refuse(r, "module", i, "'%.300s' is given twice; leave one out", path);
                break;
            }
        }
    }
}

static void
check_needs(struct reading *r, const struct stint_node_options *in)
{
    if (in->name == NULL || in->name[0] == '\0') {
        refuse(r, "name", 0, "a node needs one; its identity in the key directory has it");
    } else if (!text_is_name(in->name, LIMIT_NAME)) {
        refuse(r, "name", 0, "'%.80s' is not 1 to %d letters, digits, '.', '_' and '-'",
               in->name, LIMIT_NAME);
    }
    if (in->data_dir == NULL || in->data_dir[0] == '\0') {
        refuse(r, "data", 0, "a node needs a data directory");
    }
    if (!in->insecure && (in->keys_dir == NULL || in->keys_dir[0] == '\0')) {
        refuse(r, "keys", 0, "a node needs a key directory (or insecure, for trying)");
    }
    if (in->found && in->join_count > 0) {
        refuse(r, "found", 0, "contradicts join: a node founds a cluster or joins one");
    }
}

static void
read_all(struct reading *r, struct host_options *out,
         const struct stint_node_options *in)
{
    out->found = in->found;
    out->insecure = in->insecure;
    out->detect_fast = in->detect_fast;
    out->join_timeout_ms = in->join_timeout_ms;
    check_needs(r, in);
    if (text_is_name(in->name, LIMIT_NAME)) {
        take_text(r, "name", in->name, out->name, sizeof out->name);
    }
    take_text(r, "data", in->data_dir, out->data_dir, sizeof out->data_dir);
    take_text(r, "keys", in->keys_dir, out->keys_dir, sizeof out->keys_dir);
    check_lists(r, in);
    take_endpoints(r, out, in);
    take_store(r, out, in->store);
    take_labels(r, out, in->labels);
    if (r->ok && in->insecure) {
        check_insecure(r, out);
    }
}

enum stint_status
host_options_read(struct host_options *out, const struct stint_node_options *known,
                  const struct host_report *report)
{
    struct reading r = { report, true };
    memset(out, 0, sizeof *out);
    read_all(&r, out, known);
    return r.ok ? STINT_OK : STINT_INVALID;
}
