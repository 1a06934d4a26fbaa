/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would keep a node from starting, all of it, without starting one. It takes the
 * steps of setup.c that only look, and goes on behind each failure.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "host/host.h"

struct checking {
    struct stint_node *node;
    const struct stint_node_options *known;
    void (*report)(void *arg, const char *option, size_t index, const char *problem);
    void *arg;
    bool wrong;
    bool has_identity;
    char error[STINT_NODE_ERROR_SIZE];
};

static void
say(struct checking *c, const char *option, size_t index, const char *problem)
{
    c->wrong = true;
    c->report(c->arg, option, index, problem);
}

static void
on_mistake(void *arg, enum stint_status status, const char *option, size_t index,
           const char *text)
{
    struct checking *c = arg;
    (void)status;
    say(c, option, index, text);
}

static void
check_keys(struct checking *c)
{
    struct stint_node *n = c->node;
    c->has_identity = host_identity(&n->options, &n->identity, c->error,
                                    sizeof c->error) == STINT_OK;
    if (!c->has_identity) {
        say(c, n->options.insecure ? "name" : "keys", 0, c->error);
    }
}

static void
check_store(struct checking *c)
{
    struct stint_node *n = c->node;
    char path[DATADIR_PATH_SIZE];
    if (!n->facts.authority || host_is_fresh(&n->facts)) {
        return;
    }
    if (host_store_path(n, path, sizeof path) != STINT_OK) {
        say(c, "data", 0, "the path is too long");
    } else if (access(path, R_OK | W_OK) != 0) {
        (void)text_format(c->error, sizeof c->error, "%.300s: %s; it is the cluster's store",
                          path, strerror(errno));
        say(c, "store", 0, c->error);
    }
}

static void
check_data(struct checking *c)
{
    struct stint_node *n = c->node;
    enum stint_status status = datadir_look(&n->data, n->options.data_dir, &n->facts,
                                            c->error, sizeof c->error);
    if (status == STINT_OK && c->has_identity) {
        status = host_check_facts(&n->facts, &n->options, &n->identity.certificate,
                                  c->error, sizeof c->error);
    } else if (status == STINT_NOT_FOUND) {
        status = host_check_begin(&n->options, c->error, sizeof c->error);
    }
    if (status != STINT_OK) {
        say(c, "data", 0, c->error);
        return;
    }
    check_store(c);
}

/* Without an identity there is no machine to take modules, and they are only opened. */
static void
check_modules(struct checking *c)
{
    struct stint_node *n = c->node;
    (void)text_copy(n->endpoint, sizeof n->endpoint, n->options.listen);
    if (c->has_identity &&
        host_make_core(n, c->known, c->error, sizeof c->error) != STINT_OK) {
        say(c, "module", 0, c->error);
        return;
    }
    for (size_t i = 0; i < c->known->module_path_count; i++) {
        enum stint_status status = host_open_module(n, c->known->module_paths[i], c->error,
                                                    sizeof c->error);
        if (status == STINT_OK && n->core != NULL) {
            status = host_add_module(n, n->modules[n->module_count - 1].module,
                                     c->known->module_paths[i], c->error,
                                     sizeof c->error);
        }
        if (status != STINT_OK) {
            say(c, "module", i, c->error);
        }
    }
}

enum stint_status
stint_node_check(const struct stint_node_options *options,
                 enum stint_node_check_depth depth,
                 void (*report)(void *arg, const char *option, size_t index,
                                const char *problem),
                 void *arg)
{
    struct stint_node_options known;
    struct checking c = { .known = &known, .report = report, .arg = arg };
    enum stint_status status =
        host_allocate(options, &known, &c.node, c.error, sizeof c.error);
    if (status != STINT_OK) {
        report(arg, "options", 0, c.error);
        return status;
    }
    struct host_report mistakes = { on_mistake, &c };
    status = host_options_read(&c.node->options, &known, &mistakes);
    if (status == STINT_OK && depth == STINT_NODE_CHECK_FILES) {
        check_keys(&c);
        check_data(&c);
        check_modules(&c);
    }
    stint_node_destroy(c.node);
    return c.wrong ? STINT_INVALID : STINT_OK;
}
