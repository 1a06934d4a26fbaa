/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, the cluster, moves and channels of admin.h: one request each. */
#include "base/text.h"
#include "client/admin_internal.h"

struct stint_call *
request_ask(struct stint_client *client, stint_Verb verb, uint32_t timeout_ms)
{
    struct stint_call *call = client_call_new(client, CALL_PLAIN, timeout_ms);
    if (call != NULL) {
        call->ask.verb = verb;
    }
    return call;
}

struct stint_call *
request_change(struct stint_client *client, stint_Verb verb, const char *reason,
               uint32_t timeout_ms)
{
    struct stint_call *call = request_ask(client, verb, timeout_ms);
    if (call != NULL) {
        call->changes = true;
        call->grace_ms = STINT_CLIENT_GRACE_MS;
        (void)client_call_text(call, call->ask.reason, sizeof call->ask.reason, reason, "reason");
    }
    return call;
}

void
request_target(struct stint_call *call, const char *target, const char *what)
{
    if (call == NULL || call->over) {
        return;
    }
    if (target == NULL || target[0] == '\0') {
        char detail[96];
        text_format(detail, sizeof detail, "a %s must be named", what);
        client_call_finish(call, STINT_INVALID, detail);
        return;
    }
    (void)client_call_text(call, call->ask.target, sizeof call->ask.target, target, what);
}

struct stint_call *
request_lists(struct stint_call *call)
{
    if (call != NULL) {
        call->lists = true;
    }
    return call;
}

void
request_size(struct stint_call *call, bool fits, const char *macro)
{
    if (call != NULL && !call->over && !fits) {
        char detail[64];
        text_format(detail, sizeof detail, "begin with %s", macro);
        client_call_finish(call, STINT_INVALID, detail);
    }
}

enum stint_status
request_run(struct stint_client *client, struct stint_call *call, struct stint_list **list)
{
    enum stint_status status = client_run(client, call);
    if (list != NULL) {
        *list = NULL;
    }
    if (list != NULL && (status == STINT_OK || status == STINT_PARTIAL) &&
        list_of_call(call, list) != STINT_OK) {
        status = client_fail(client, STINT_NO_MEMORY, "out of memory");
    }
    return client_leave(client, status);
}

/* ---- nodes ---- */

static struct stint_call *
make_ping(struct stint_client *client, const char *node, uint32_t timeout_ms)
{
    struct stint_call *call = request_ask(client, stint_Verb_VERB_PING, timeout_ms);
    if (call != NULL) {
        (void)client_call_text(call, call->ask.target, sizeof call->ask.target, node, "node");
    }
    return call;
}

enum stint_status
stint_admin_ping(struct stint_client *client, const char *node, uint32_t timeout_ms,
                 uint64_t *round_trip_us)
{
    struct stint_call *call = make_ping(client, node, timeout_ms);
    enum stint_status status = client_run(client, call);
    if (status == STINT_OK && round_trip_us != NULL) {
        *round_trip_us = (call->over_ns - call->begun_ns) / 1000;
    }
    return client_leave(client, status);
}

struct stint_call *
stint_admin_ping_begin(struct stint_client *client, const char *node, uint32_t timeout_ms,
                       stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_ping(client, node, timeout_ms), done, arg);
}

static struct stint_call *
make_nodes(struct stint_client *client, uint32_t timeout_ms)
{
    return request_lists(request_ask(client, stint_Verb_VERB_NODE_LIST, timeout_ms));
}

enum stint_status
stint_admin_nodes(struct stint_client *client, uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, make_nodes(client, timeout_ms), list);
}

struct stint_call *
stint_admin_nodes_begin(struct stint_client *client, uint32_t timeout_ms, stint_call_done_fn *done,
                        void *arg)
{
    return client_begin(client, make_nodes(client, timeout_ms), done, arg);
}

static struct stint_call *
make_node(struct stint_client *client, const char *node, uint32_t timeout_ms)
{
    struct stint_call *call = request_ask(client, stint_Verb_VERB_NODE_LIST, timeout_ms);
    request_target(call, node, "node");
    return request_lists(call);
}

enum stint_status
stint_admin_node(struct stint_client *client, const char *node, uint32_t timeout_ms,
                 struct stint_list **list)
{
    return request_run(client, make_node(client, node, timeout_ms), list);
}

struct stint_call *
stint_admin_node_begin(struct stint_client *client, const char *node, uint32_t timeout_ms,
                       stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_node(client, node, timeout_ms), done, arg);
}

static struct stint_call *
make_cordon(struct stint_client *client, const char *node, bool cordon, const char *reason,
            uint32_t timeout_ms)
{
    stint_Verb verb = cordon ? stint_Verb_VERB_NODE_CORDON : stint_Verb_VERB_NODE_UNCORDON;
    struct stint_call *call = request_change(client, verb, reason, timeout_ms);
    request_target(call, node, "node");
    return call;
}

enum stint_status
stint_admin_cordon(struct stint_client *client, const char *node, bool cordon, const char *reason,
                   uint32_t timeout_ms)
{
    return request_run(client, make_cordon(client, node, cordon, reason, timeout_ms), NULL);
}

struct stint_call *
stint_admin_cordon_begin(struct stint_client *client, const char *node, bool cordon,
                         const char *reason, uint32_t timeout_ms, stint_call_done_fn *done,
                         void *arg)
{
    return client_begin(client, make_cordon(client, node, cordon, reason, timeout_ms), done, arg);
}

static struct stint_call *
make_drain(struct stint_client *client, const struct stint_drain *given, uint32_t timeout_ms)
{
    struct stint_drain known;
    const struct stint_drain *drain = &known;
    bool fits = CLIENT_STRUCT_COPY(&known, given, reason);
    struct stint_call *call =
        request_change(client, stint_Verb_VERB_NODE_DRAIN, known.reason, timeout_ms);
    request_size(call, fits, "STINT_DRAIN_INIT");
    request_target(call, drain->node, "node");
    if (call != NULL &&
        client_call_text(call, call->ask.to, sizeof call->ask.to, drain->to, "nodes to drain to")) {
        call->ask.rate = drain->rate;
        call->ask.leave = drain->leave;
        call->ask.dry_run = drain->dry_run;
        call->changes = !drain->dry_run;
    }
    return request_lists(call);
}

enum stint_status
stint_admin_drain(struct stint_client *client, const struct stint_drain *drain, uint32_t timeout_ms,
                  struct stint_list **list)
{
    return request_run(client, make_drain(client, drain, timeout_ms), list);
}

struct stint_call *
stint_admin_drain_begin(struct stint_client *client, const struct stint_drain *drain,
                        uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_drain(client, drain, timeout_ms), done, arg);
}

static struct stint_call *
make_stop(struct stint_client *client, const char *node, bool drain, const char *reason,
          uint32_t timeout_ms)
{
    struct stint_call *call = request_change(client, stint_Verb_VERB_NODE_STOP, reason, timeout_ms);
    request_target(call, node, "node");
    if (call != NULL) {
        call->ask.leave = drain;
    }
    return call;
}

enum stint_status
stint_admin_stop(struct stint_client *client, const char *node, bool drain, const char *reason,
                 uint32_t timeout_ms)
{
    return request_run(client, make_stop(client, node, drain, reason, timeout_ms), NULL);
}

struct stint_call *
stint_admin_stop_begin(struct stint_client *client, const char *node, bool drain,
                       const char *reason, uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_stop(client, node, drain, reason, timeout_ms), done, arg);
}

/* ---- cluster ---- */

static struct stint_call *
make_status(struct stint_client *client, uint32_t timeout_ms)
{
    return request_lists(request_ask(client, stint_Verb_VERB_STATUS, timeout_ms));
}

enum stint_status
stint_admin_status(struct stint_client *client, uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, make_status(client, timeout_ms), list);
}

struct stint_call *
stint_admin_status_begin(struct stint_client *client, uint32_t timeout_ms, stint_call_done_fn *done,
                         void *arg)
{
    return client_begin(client, make_status(client, timeout_ms), done, arg);
}

static struct stint_call *
make_balance(struct stint_client *client, bool dry_run, uint32_t max_moves, uint32_t timeout_ms)
{
    struct stint_call *call = request_change(client, stint_Verb_VERB_BALANCE, NULL, timeout_ms);
    if (call != NULL) {
        call->changes = !dry_run;
        call->ask.dry_run = dry_run;
        call->ask.count = max_moves;
    }
    return request_lists(call);
}

enum stint_status
stint_admin_balance(struct stint_client *client, bool dry_run, uint32_t max_moves,
                    uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, make_balance(client, dry_run, max_moves, timeout_ms), list);
}

struct stint_call *
stint_admin_balance_begin(struct stint_client *client, bool dry_run, uint32_t max_moves,
                          uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_balance(client, dry_run, max_moves, timeout_ms), done, arg);
}

static struct stint_call *
make_balancer(struct stint_client *client, enum stint_balancer what, uint32_t timeout_ms)
{
    static const char *const words[] = { "status", "on", "off" };
    struct stint_call *call = request_change(client, stint_Verb_VERB_BALANCER, NULL, timeout_ms);
    if (call != NULL && (unsigned)what > STINT_BALANCER_OFF) {
        client_call_finish(call, STINT_INVALID,
                           "the balancer is asked for its status, or put on or off");
    } else if (call != NULL) {
        call->changes = what != STINT_BALANCER_STATUS;
        text_copy(call->ask.text, sizeof call->ask.text, words[what]);
    }
    return request_lists(call);
}

enum stint_status
stint_admin_balancer(struct stint_client *client, enum stint_balancer what, uint32_t timeout_ms,
                     struct stint_list **list)
{
    return request_run(client, make_balancer(client, what, timeout_ms), list);
}

struct stint_call *
stint_admin_balancer_begin(struct stint_client *client, enum stint_balancer what,
                           uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_balancer(client, what, timeout_ms), done, arg);
}

static struct stint_call *
make_modules(struct stint_client *client, uint32_t timeout_ms)
{
    return request_lists(request_ask(client, stint_Verb_VERB_MODULE_LIST, timeout_ms));
}

enum stint_status
stint_admin_modules(struct stint_client *client, uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, make_modules(client, timeout_ms), list);
}

struct stint_call *
stint_admin_modules_begin(struct stint_client *client, uint32_t timeout_ms,
                          stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_modules(client, timeout_ms), done, arg);
}

static struct stint_call *
make_revoke(struct stint_client *client, uint64_t serial, const char *reason, uint32_t timeout_ms)
{
    struct stint_call *call =
        request_change(client, stint_Verb_VERB_KEY_REVOKE, reason, timeout_ms);
    if (call != NULL) {
        call->ask.serial = serial;
    }
    return call;
}

enum stint_status
stint_admin_revoke(struct stint_client *client, uint64_t serial, const char *reason,
                   uint32_t timeout_ms)
{
    return request_run(client, make_revoke(client, serial, reason, timeout_ms), NULL);
}

struct stint_call *
stint_admin_revoke_begin(struct stint_client *client, uint64_t serial, const char *reason,
                         uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_revoke(client, serial, reason, timeout_ms), done, arg);
}

static struct stint_call *
make_revoked(struct stint_client *client, uint32_t timeout_ms)
{
    return request_lists(request_ask(client, stint_Verb_VERB_KEY_LIST, timeout_ms));
}

enum stint_status
stint_admin_revoked(struct stint_client *client, uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, make_revoked(client, timeout_ms), list);
}

struct stint_call *
stint_admin_revoked_begin(struct stint_client *client, uint32_t timeout_ms,
                          stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_revoked(client, timeout_ms), done, arg);
}

/* ---- moves and channels ---- */

static struct stint_call *
make_query(struct stint_client *client, stint_Verb verb, const struct stint_query *given,
          uint32_t timeout_ms)
{
    struct stint_query query = STINT_QUERY_INIT;
    bool fits = given == NULL || CLIENT_STRUCT_COPY(&query, given, page);
    struct stint_call *call = request_ask(client, verb, timeout_ms);
    request_size(call, fits, "STINT_QUERY_INIT");
    if (call != NULL &&
        client_call_text(call, call->ask.selector, sizeof call->ask.selector, query.selector,
                         "selector") &&
        client_call_text(call, call->ask.on, sizeof call->ask.on, query.node, "node") &&
        client_call_text(call, call->ask.sort, sizeof call->ask.sort, query.sort,
                         "field to sort by") &&
        client_call_text(call, call->ask.page, sizeof call->ask.page, query.page, "page")) {
        call->ask.limit = query.limit;
        call->ask.all = query.all;
    }
    return request_lists(call);
}

static struct stint_call *
make_tasklets(struct stint_client *client, const struct stint_query *query, uint32_t timeout_ms)
{
    return make_query(client, stint_Verb_VERB_TASKLET_LIST, query, timeout_ms);
}

enum stint_status
stint_admin_tasklets(struct stint_client *client, const struct stint_query *query,
                     uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, make_tasklets(client, query, timeout_ms), list);
}

struct stint_call *
stint_admin_tasklets_begin(struct stint_client *client, const struct stint_query *query,
                           uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_tasklets(client, query, timeout_ms), done, arg);
}

static struct stint_call *
make_moves(struct stint_client *client, const struct stint_query *query, uint32_t timeout_ms)
{
    return make_query(client, stint_Verb_VERB_MIGRATION_LIST, query, timeout_ms);
}

enum stint_status
stint_admin_moves(struct stint_client *client, const struct stint_query *query, uint32_t timeout_ms,
                  struct stint_list **list)
{
    return request_run(client, make_moves(client, query, timeout_ms), list);
}

struct stint_call *
stint_admin_moves_begin(struct stint_client *client, const struct stint_query *query,
                        uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_moves(client, query, timeout_ms), done, arg);
}

static struct stint_call *
make_channels(struct stint_client *client, const struct stint_query *query, uint32_t timeout_ms)
{
    return make_query(client, stint_Verb_VERB_CHANNEL_LIST, query, timeout_ms);
}

enum stint_status
stint_admin_channels(struct stint_client *client, const struct stint_query *query,
                     uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, make_channels(client, query, timeout_ms), list);
}

struct stint_call *
stint_admin_channels_begin(struct stint_client *client, const struct stint_query *query,
                           uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_channels(client, query, timeout_ms), done, arg);
}

static struct stint_call *
make_description(struct stint_client *client, stint_Verb verb, const char *target, const char *what,
         uint32_t timeout_ms)
{
    struct stint_call *call = request_ask(client, verb, timeout_ms);
    request_target(call, target, what);
    return request_lists(call);
}

static struct stint_call *
make_move(struct stint_client *client, const char *move, uint32_t timeout_ms)
{
    return make_description(client, stint_Verb_VERB_MIGRATION_DESCRIBE, move, "migration", timeout_ms);
}

enum stint_status
stint_admin_move(struct stint_client *client, const char *move, uint32_t timeout_ms,
                 struct stint_list **list)
{
    return request_run(client, make_move(client, move, timeout_ms), list);
}

struct stint_call *
stint_admin_move_begin(struct stint_client *client, const char *move, uint32_t timeout_ms,
                       stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_move(client, move, timeout_ms), done, arg);
}

static struct stint_call *
make_channel(struct stint_client *client, const char *channel, uint32_t timeout_ms)
{
    return make_description(client, stint_Verb_VERB_CHANNEL_DESCRIBE, channel, "channel", timeout_ms);
}

enum stint_status
stint_admin_channel(struct stint_client *client, const char *channel, uint32_t timeout_ms,
                    struct stint_list **list)
{
    return request_run(client, make_channel(client, channel, timeout_ms), list);
}

struct stint_call *
stint_admin_channel_begin(struct stint_client *client, const char *channel, uint32_t timeout_ms,
                          stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_channel(client, channel, timeout_ms), done, arg);
}

static struct stint_call *
make_tasklet(struct stint_client *client, const char *tasklet, uint32_t timeout_ms)
{
    return make_description(client, stint_Verb_VERB_TASKLET_DESCRIBE, tasklet, "tasklet", timeout_ms);
}

enum stint_status
stint_admin_tasklet(struct stint_client *client, const char *tasklet, uint32_t timeout_ms,
                    struct stint_list **list)
{
    return request_run(client, make_tasklet(client, tasklet, timeout_ms), list);
}

struct stint_call *
stint_admin_tasklet_begin(struct stint_client *client, const char *tasklet, uint32_t timeout_ms,
                          stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_tasklet(client, tasklet, timeout_ms), done, arg);
}
