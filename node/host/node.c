/* SPDX-License-Identifier: Apache-2.0 */
/* The public face of a node: stint/node.h. */
#include "stint/node.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "host/host.h"
#include "link/sysmem.h"
#include "wire/wire.h"

/* What the first release's structure had: a program compiled with it is served for
 * ever. */
#define OPTIONS_SIZE_FIRST \
    (offsetof(struct stint_node_options, allocator) + sizeof(struct stint_allocator))

static struct stint_node *
allocate(const struct stint_node_options *known)
{
    struct stint_allocator allocator =
        known->allocator.resize == NULL ? sysmem_allocator() : known->allocator;
    struct stint_node *n = allocator.resize(allocator.arg, NULL, 0, sizeof *n);
    if (n == NULL) {
        return NULL;
    }
    memset(n, 0, sizeof *n);
    n->allocator = allocator;
    mem_init(&n->core_mem, allocator,
             known->memory_limit > SIZE_MAX ? SIZE_MAX : (size_t)known->memory_limit);
    mem_init(&n->shell_mem, allocator, 0);
    n->data = (struct datadir)DATADIR_INIT;
    n->poll_fd = n->wake_fd = n->stop_fd[0] = n->stop_fd[1] = -1;
    n->log_level = known->log_level;
    n->on_log = known->on_log;
    n->on_ready = known->on_ready;
    n->on_fenced = known->on_fenced;
    n->arg = known->arg;
    return n;
}

enum stint_status
host_allocate(const struct stint_node_options *options, struct stint_node_options *known,
              struct stint_node **node, char *error, size_t error_size)
{
    *node = NULL;
    memset(known, 0, sizeof *known);
    if (options->size < OPTIONS_SIZE_FIRST) {
        (void)text_copy(error, error_size,
                        "options: not begun with STINT_NODE_OPTIONS_INIT");
        return STINT_INVALID;
    }
    memcpy(known, options,
           options->size < sizeof *known ? options->size : sizeof *known);
    if (wire_init() != STINT_OK) {
        (void)text_copy(error, error_size, "libsodium cannot work on this machine");
        return STINT_ERROR;
    }
    *node = allocate(known);
    if (*node == NULL) {
        (void)text_copy(error, error_size, "out of memory");
        return STINT_NO_MEMORY;
    }
    return STINT_OK;
}

struct first_mistake {
    char *error;
    size_t error_size;
};

static void
keep_first(void *arg, enum stint_status status, const char *option, size_t index,
           const char *text)
{
    const struct first_mistake *first = arg;
    (void)status;
    (void)index;
    if (first->error[0] == '\0') {
        (void)text_format(first->error, first->error_size, "%s: %s", option, text);
    }
}

enum stint_status
stint_node_create(const struct stint_node_options *options, struct stint_node **node,
                  char *error, size_t error_size)
{
    struct stint_node_options known;
    struct stint_node *n;
    char own[STINT_NODE_ERROR_SIZE];
    *node = NULL;
    if (error == NULL || error_size == 0) {
        error = own;
        error_size = sizeof own;
    }
    error[0] = '\0';
    enum stint_status status = host_allocate(options, &known, &n, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    struct first_mistake first = { error, error_size };
    struct host_report report = { keep_first, &first };
    status = host_options_read(&n->options, &known, &report);
    if (status == STINT_OK) {
        status = host_setup(n, &known, error, error_size);
    }
    if (status != STINT_OK) {
        stint_node_destroy(n);
        return status;
    }
    error[0] = '\0'; /* of an attempt that was made good */
    *node = n;
    return STINT_OK;
}

enum stint_status
stint_node_step(struct stint_node *n, int timeout_ms)
{
    if (n->ended) {
        return n->status;
    }
    host_turn(n, timeout_ms);
    return n->ended ? n->status : STINT_OK;
}

enum stint_status
stint_node_run(struct stint_node *n)
{
    enum stint_status status;
    do {
        status = stint_node_step(n, -1);
    } while (status == STINT_OK);
    return status == STINT_CLOSED ? STINT_OK : status;
}

int
stint_node_fd(const struct stint_node *n)
{
    return n->poll_fd;
}

int
stint_node_timeout_ms(const struct stint_node *n)
{
    return host_timeout_ms(n);
}

void
stint_node_stop(struct stint_node *n, uint32_t drain_ms)
{
    /* Called from signal handlers: write(2) and nothing else, and errno as it was. A
     * full pipe already holds thousands of requests to stop. */
    int saved = errno;
    (void)!write(n->stop_fd[1], &drain_ms, sizeof drain_ms);
    errno = saved;
}

void
stint_node_interrupt(struct stint_node *n)
{
    int saved = errno;
    uint64_t one = 1;
    (void)!write(n->wake_fd, &one, sizeof one);
    errno = saved;
}

enum stint_status
stint_node_reload(struct stint_node *n)
{
    struct identity renewed;
    enum stint_status status =
        host_identity(&n->options, &renewed, n->error, sizeof n->error);
    if (status != STINT_OK) {
        return status;
    }
    if (memcmp(renewed.server_secret, n->identity.server_secret, CERT_KEY_SIZE) != 0) {
        (void)text_format(
            n->error, sizeof n->error,
            "%s: the cluster's server key is another one; that needs a restart",
            n->options.keys_dir);
        status = STINT_INVALID;
    } else {
        status = node_set_identity(n->core, &renewed);
        if (status != STINT_OK) {
            (void)text_format(n->error, sizeof n->error,
                              "%s: the identity is of another node or cluster",
                              n->options.keys_dir);
        }
    }
    if (status == STINT_OK) {
        n->identity = renewed;
        link_set_keys(n->net, renewed.curve_public, renewed.curve_secret);
        host_log(n, STINT_LOG_INFO, "keys reloaded, certificate %016llx",
                 (unsigned long long)renewed.certificate.serial);
    }
    identity_wipe(&renewed);
    return status;
}

void
stint_node_set_log_level(struct stint_node *n, enum stint_log_level level)
{
    n->log_level = level;
}

void
stint_node_destroy(struct stint_node *n)
{
    if (n == NULL) {
        return;
    }
    struct stint_allocator allocator = n->allocator;
    host_teardown(n);
    (void)allocator.resize(allocator.arg, n, sizeof *n, 0);
}

bool
stint_node_ready(const struct stint_node *n)
{
    return !n->ended && node_is_ready(n->core);
}

uint32_t
stint_node_tasklets(const struct stint_node *n)
{
    return node_tasklets(n->core);
}

struct stint_id
stint_node_id(const struct stint_node *n)
{
    return n->facts.node_id; /* never written again: any thread may ask */
}

const char *
stint_node_name(const struct stint_node *n)
{
    return n->options.name;
}

const char *
stint_node_endpoint(const struct stint_node *n)
{
    return n->endpoint;
}

const char *
stint_node_error(const struct stint_node *n)
{
    return n->error;
}

const char *
stint_node_version(void)
{
    return STINT_VERSION;
}
