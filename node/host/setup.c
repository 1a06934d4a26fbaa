/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a node from the outside in: keys, modules, data directory, store, listener,
 * machine. Each step only takes; host_teardown gives back whatever was taken, in the
 * reverse order, so a failure anywhere needs no unwinding of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "host/host.h"
#include "host/keyfiles.h"
#include "link/clock.h"
#include "link/entropy.h"

#define HOST_NAME_SIZE 100
#define DAY_MS UINT64_C(86400000)
#define RENEWAL_DAYS 7

static enum stint_status
fail(char *error, size_t error_size, enum stint_status status, const char *text)
{
    (void)text_copy(error, error_size, text);
    return status;
}

enum stint_status
host_identity(const struct host_options *o, struct identity *out, char *error,
              size_t error_size)
{
    struct certificate certificate;
    enum stint_status status;
    if (o->insecure) {
        status = cert_dev_identity(ROLE_NODE, o->name, out);
        if (status != STINT_OK) {
            (void)text_format(error, error_size, "no development keys for '%s'",
                              o->name);
        }
        return status;
    }
    status = keyfiles_identity(o->keys_dir, o->name, out, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    struct cert_check check = { .trust = &out->trust, .wall_ms = clock_wall_ms() };
    char why[STINT_NODE_ERROR_SIZE];
    status = cert_verify(span_of(out->certificate_bytes, out->certificate_size), &check,
                         &certificate, why, sizeof why);
    if (status != STINT_OK) {
        (void)text_format(error, error_size, "%s/node-%s.cert: %s%s", o->keys_dir, o->name, why,
                          status == STINT_EXPIRED
                              ? "; look at the clock, or issue a new one (stint keys issue)"
                              : "");
    }
    if (status == STINT_OK &&
        (certificate.role != ROLE_NODE || strcmp(certificate.name, o->name) != 0)) {
        (void)text_format(error, error_size,
                          "%s/node-%s.cert: is the certificate of %s %s, not of node %s; "
                          "put the right one there",
                          o->keys_dir, o->name, cert_role_name(certificate.role),
                          certificate.name, o->name);
        status = STINT_BAD_CERTIFICATE;
    }
    if (status != STINT_OK) {
        identity_wipe(out);
    }
    return status;
}

/* A file that is wrong is no wrong option. */
static enum stint_status
take_identity(struct stint_node *n, char *error, size_t error_size)
{
    enum stint_status status =
        host_identity(&n->options, &n->identity, error, error_size);
    return status == STINT_INVALID ? STINT_BAD_CERTIFICATE : status;
}

static void
warn_of_renewal(struct stint_node *n)
{
    uint64_t end = n->identity.certificate.not_after_ms;
    uint64_t now = clock_wall_ms();
    if (!n->options.insecure && end < now + RENEWAL_DAYS * DAY_MS) {
        host_log(n, STINT_LOG_WARN,
                 "the certificate of node %s ends in %llu days; renew it",
                 n->options.name, (unsigned long long)((end - now) / DAY_MS));
    }
    if (n->options.insecure) {
        host_log(n, STINT_LOG_WARN,
                 "insecure: this node runs with development keys that everybody has");
    }
}

enum stint_status
host_check_facts(const struct datadir_facts *f, const struct host_options *o,
                 const struct certificate *c, char *error, size_t error_size)
{
    if (!id_equal(f->cluster_id, c->cluster)) {
        (void)text_format(error, error_size,
                          "data directory %s: belongs to another cluster than the keys; "
                          "name the right one, or an empty one to begin anew",
                          o->data_dir);
        return STINT_WRONG_CLUSTER;
    }
    if (!id_equal(f->node_id, c->subject)) {
        (void)text_format(error, error_size,
                          "data directory %s: belongs to node %s, not to %s; each node "
                          "needs one of its own",
                          o->data_dir, f->name, c->name);
        return STINT_INVALID;
    }
    if (o->found && !f->authority) {
        (void)text_format(error, error_size,
                          "found: the data directory %s is that of a member, not of a "
                          "founder; leave found out, or name an empty one",
                          o->data_dir);
        return STINT_INVALID;
    }
    return STINT_OK;
}

enum stint_status
host_check_begin(const struct host_options *o, char *error, size_t error_size)
{
    if (o->found || o->join_count > 0) {
        return STINT_OK;
    }
    (void)text_format(error, error_size,
                      "data directory %s is empty: found a cluster (--found) or join one "
                      "(--join ENDPOINT)",
                      o->data_dir);
    return STINT_INVALID;
}

static void
new_facts(struct stint_node *n)
{
    struct datadir_facts *f = &n->facts;
    f->node_id = n->identity.certificate.subject;
    f->cluster_id = n->identity.certificate.cluster;
    (void)text_copy(f->name, sizeof f->name, n->options.name);
    entropy_bytes(f->join_secret, sizeof f->join_secret);
    f->authority = n->options.found;
}

/* Where to join: what was asked for now, else what was asked for last. */
static void
settle_join(struct stint_node *n)
{
    struct host_options *o = &n->options;
    struct datadir_facts *f = &n->facts;
    if (f->authority) {
        if (o->join_count > 0) {
            host_log(n, STINT_LOG_WARN,
                     "join is ignored: this node has the cluster's store");
        }
        o->join_count = 0;
        return;
    }
    if (o->join_count > 0) {
        f->join_count = o->join_count;
        memcpy(f->join, o->join, sizeof f->join);
        return;
    }
    o->join_count = f->join_count;
    memcpy(o->join, f->join, sizeof o->join);
}

_Static_assert(sizeof((struct host_options *)0)->join ==
                   sizeof((struct datadir_facts *)0)->join,
               "both lists are copied as a whole");

static enum stint_status
open_data(struct stint_node *n, char *error, size_t error_size)
{
    enum stint_status status =
        datadir_open(&n->data, n->options.data_dir, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    status = datadir_load(&n->data, &n->facts, error, error_size);
    if (status == STINT_OK) {
        status = host_check_facts(&n->facts, &n->options, &n->identity.certificate, error,
                                  error_size);
    } else if (status == STINT_NOT_FOUND) {
        status = host_check_begin(&n->options, error, error_size);
        new_facts(n);
    }
    if (status == STINT_OK) {
        settle_join(n);
    }
    return status;
}

enum stint_status
host_store_path(const struct stint_node *n, char *path, size_t size)
{
    if (n->options.store[0] == '\0') {
        return datadir_path(&n->data, DATADIR_STORE, path, size);
    }
    (void)text_copy(path, size, n->options.store);
    return STINT_OK;
}

bool
host_is_fresh(const struct datadir_facts *facts)
{
    return facts->view == 0 && facts->incarnation == 0;
}

/* A store is made only while nothing says that there was one: a lost file is not a new
 * cluster. */
static enum stint_status
open_store(struct stint_node *n, char *error, size_t error_size)
{
    char path[DATADIR_PATH_SIZE];
    if (!n->facts.authority) {
        if (n->options.store[0] != '\0') {
            host_log(n, STINT_LOG_WARN, "store is ignored: this node joins a cluster");
        }
        return STINT_OK;
    }
    if (host_store_path(n, path, sizeof path) != STINT_OK) {
        return fail(error, error_size, STINT_INVALID,
                    "data directory: the path is too long");
    }
    return store_open(&n->store, &n->shell_mem, path, host_is_fresh(&n->facts), error,
                      error_size);
}

static void
port_of(const char *endpoint, uint16_t *port)
{
    uint64_t number = 0;
    const char *colon = strrchr(endpoint, ':');
    if (colon != NULL && text_parse_u64(colon + 1, &number) && number <= UINT16_MAX) {
        *port = (uint16_t)number;
    }
}

static bool
wants_any_port(const char *listen)
{
    const char *colon = strrchr(listen, ':');
    return colon != NULL && (strcmp(colon, ":0") == 0 || strcmp(colon, ":*") == 0);
}

/*
 * Binds. A port that was picked once is taken again, since others know it. When
 * somebody else has it meanwhile a member may take another one: it tells where it is
 * when it joins. A founder may not: the others would never find it.
 */
static enum stint_status
open_net(struct stint_node *n, char *error, size_t error_size)
{
    const char *listen = n->options.listen;
    char kept[LINK_ENDPOINT_SIZE + 8];
    struct link_config config = { .mem = &n->shell_mem, .listen = listen };
    memcpy(config.public_key, n->identity.curve_public, LINK_KEY_SIZE);
    memcpy(config.secret_key, n->identity.curve_secret, LINK_KEY_SIZE);
    memcpy(config.server_secret, n->identity.server_secret, LINK_KEY_SIZE);
    bool any = wants_any_port(listen);
    enum stint_status status = STINT_EXISTS;
    if (any && n->facts.port != 0) {
        (void)text_format(kept, sizeof kept, "%.*s:%u",
                          (int)(strrchr(listen, ':') - listen), listen, n->facts.port);
        config.listen = kept;
        status = link_open(&n->net, &config, error, error_size);
        if (status == STINT_EXISTS && !n->facts.authority) {
            host_log(n, STINT_LOG_WARN,
                     "%s (its port of last time); takes another port", error);
            config.listen = listen;
            status = link_open(&n->net, &config, error, error_size);
        }
    } else {
        status = link_open(&n->net, &config, error, error_size);
    }
    explicit_bzero(&config, sizeof config);
    if (status == STINT_OK && any) {
        port_of(link_endpoint(n->net), &n->facts.port);
    }
    if (status == STINT_NOT_AUTHORISED) {
        size_t size = strlen(error);
        (void)text_copy(error + size, error_size - size,
                        "; take a higher port, or give this user CAP_NET_BIND_SERVICE");
    }
    /* An endpoint of the right form that is none here is no wrong option. */
    return status == STINT_INVALID ? STINT_IO : status;
}

/* Where others reach this node. An address that means "all of this machine" is no such
 * place. */
static enum stint_status
settle_endpoint(struct stint_node *n, char *error, size_t error_size)
{
    const char *bound = link_endpoint(n->net);
    const char *const wild[] = { "tcp://0.0.0.0:", "tcp://[::]:" };
    char host[HOST_NAME_SIZE];
    (void)text_copy(n->endpoint, sizeof n->endpoint,
                    n->options.advertise[0] != '\0' ? n->options.advertise : bound);
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
        if (strncmp(n->endpoint, wild[i], strlen(wild[i])) != 0) {
            continue;
        }
        if (gethostname(host, sizeof host) != 0) {
            return fail(error, error_size, STINT_INVALID,
                        "listen: this machine has no name; say where others reach it "
                        "(advertise)");
        }
        host[sizeof host - 1] = '\0';
        (void)text_format(n->endpoint, sizeof n->endpoint, "tcp://%s:%s", host,
                          strrchr(bound, ':') + 1);
    }
    if (!link_endpoint_valid(n->endpoint)) {
        (void)text_format(
            error, error_size,
            "%s is no endpoint that others could use; say one (advertise)",
            n->endpoint);
        return STINT_INVALID;
    }
    return STINT_OK;
}

/* A module that asks for something wrong is no wrong option. */
static enum stint_status
module_status(enum stint_status status)
{
    return status == STINT_INVALID ? STINT_UNKNOWN_MODULE : status;
}

enum stint_status
host_open_module(struct stint_node *n, const char *path, char *error, size_t error_size)
{
    enum stint_status status =
        module_open(path, &n->modules[n->module_count], error, error_size);
    n->module_count += status == STINT_OK ? 1 : 0;
    return module_status(status);
}

enum stint_status
host_add_module(struct stint_node *n, const struct stint_module *module, const char *path,
                char *error, size_t error_size)
{
    char why[STINT_NODE_ERROR_SIZE];
    enum stint_status status = node_add_module(n->core, module, why, sizeof why);
    if (status != STINT_OK) {
        (void)text_format(error, error_size, "module %s: %s",
                          path == NULL ? module->name : path, why);
    }
    return module_status(status);
}

/* Before anything is made: with a file that is no module there is no node. */
static enum stint_status
open_modules(struct stint_node *n, const struct stint_node_options *known, char *error,
             size_t error_size)
{
    enum stint_status status = STINT_OK;
    for (size_t i = 0; status == STINT_OK && i < known->module_path_count; i++) {
        status = host_open_module(n, known->module_paths[i], error, error_size);
    }
    return status;
}

enum stint_status
host_make_core(struct stint_node *n, const struct stint_node_options *known, char *error,
               size_t error_size)
{
    struct node_config config = {
        .mem = &n->core_mem,
        .seed = entropy_u64(),
        .last_incarnation = n->facts.incarnation,
        .last_generation = n->facts.generation,
        .last_view = n->facts.view,
        .identity = &n->identity,
        .name = n->options.name,
        .endpoint = n->endpoint,
        .authority = n->facts.authority,
        .found = n->facts.authority && n->facts.view == 0,
        .detect_fast = n->options.detect_fast,
        .labels = n->options.labels,
        .version = stint_node_version(),
        .join_timeout_ms = n->options.join_timeout_ms,
#ifdef STINT_FAILPOINTS
        .failpoints = getenv("STINT_FAILPOINTS") != NULL,
#endif
    };
    memcpy(config.join_secret, n->facts.join_secret, sizeof config.join_secret);
    for (uint32_t i = 0; i < n->options.join_count; i++) {
        config.join[i] = n->options.join[i];
    }
    enum stint_status status = node_new(&config, &n->core, error, error_size);
    explicit_bzero(config.join_secret, sizeof config.join_secret);
    for (size_t i = 0; status == STINT_OK && i < known->module_count; i++) {
        status = host_add_module(n, known->modules[i], NULL, error, error_size);
    }
    for (size_t i = 0; status == STINT_OK && i < n->module_count; i++) {
        status = host_add_module(n, n->modules[i].module, known->module_paths[i], error,
                                 error_size);
    }
    return status;
}

static int
watch(int poll_fd, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    return epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
}

static enum stint_status
open_polling(struct stint_node *n, char *error, size_t error_size)
{
    n->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    n->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (n->poll_fd < 0 || n->wake_fd < 0 ||
        pipe2(n->stop_fd, O_NONBLOCK | O_CLOEXEC) != 0 ||
        watch(n->poll_fd, n->wake_fd) != 0 || watch(n->poll_fd, n->stop_fd[0]) != 0 ||
        watch(n->poll_fd, link_fd(n->net)) != 0) {
        (void)text_format(error, error_size, "cannot open descriptors: %s",
                          strerror(errno));
        return STINT_IO;
    }
    return STINT_OK;
}

enum stint_status
host_setup(struct stint_node *n, const struct stint_node_options *known, char *error,
           size_t error_size)
{
    enum stint_status status = take_identity(n, error, error_size);
    if (status == STINT_OK) {
        warn_of_renewal(n);
        status = open_modules(n, known, error, error_size);
    }
    if (status == STINT_OK) {
        status = open_data(n, error, error_size);
    }
    if (status == STINT_OK) {
        status = open_store(n, error, error_size);
    }
    if (status == STINT_OK) {
        status = open_net(n, error, error_size);
    }
    if (status == STINT_OK) {
        status = settle_endpoint(n, error, error_size);
    }
    if (status == STINT_OK) {
        status = open_polling(n, error, error_size);
    }
    if (status == STINT_OK) {
        status = host_make_core(n, known, error, error_size);
    }
    if (status == STINT_OK) {
        /* Before anything is said to anybody: a node that cannot remember must not
         * begin. */
        status = datadir_save(&n->data, &n->facts, error, error_size);
    }
    return status;
}

void
host_teardown(struct stint_node *n)
{
    const int fds[] = { n->poll_fd, n->wake_fd, n->stop_fd[0], n->stop_fd[1] };
    node_free(n->core); /* its tasklets' code is in the modules */
    for (size_t i = n->module_count; i > 0; i--) {
        module_close(&n->modules[i - 1]);
    }
    link_close(n->net);
    store_close(n->store);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    datadir_close(&n->data);
    identity_wipe(&n->identity);
    explicit_bzero(&n->facts, sizeof n->facts);
}
