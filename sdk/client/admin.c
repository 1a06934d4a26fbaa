/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, the cluster, moves and channels of admin.h: one request each. */
#include "base/text.h"
#include "client/admin_internal.h"

struct stint_call *
request_ask(struct stint_client *client, stint_Verb verb, uint32_t timeout_ms)
{
    if (!client_may_block(client)) {
        return NULL;
    }
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

enum stint_status
request_run(struct stint_client *client, struct stint_call *call, struct stint_list **list)
{
    if (list != NULL) {
        *list = NULL;
    }
    if (call == NULL) {
        return client->closing ? STINT_CANCELLED : STINT_BUSY;
    }
    enum stint_status status = client_run(client, call);
    if (list != NULL && (status == STINT_OK || status == STINT_PARTIAL) &&
        (*list = list_of_call(call)) == NULL) {
        return client_fail(client, STINT_NO_MEMORY, "out of memory");
    }
    return status;
}

/* ---- nodes ---- */

enum stint_status
stint_admin_ping(struct stint_client *client, const char *node, uint32_t timeout_ms,
                 uint64_t *round_trip_us)
{
    struct stint_call *call = request_ask(client, stint_Verb_VERB_PING, timeout_ms);
    if (call != NULL) {
        (void)client_call_text(call, call->ask.target, sizeof call->ask.target, node, "node");
    }
    uint64_t begun = client_time().now_ns;
    enum stint_status status = request_run(client, call, NULL);
    if (status == STINT_OK && round_trip_us != NULL) {
        *round_trip_us = (client_time().now_ns - begun) / 1000;
    }
    return status;
}

enum stint_status
stint_admin_nodes(struct stint_client *client, uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, request_ask(client, stint_Verb_VERB_NODE_LIST, timeout_ms), list);
}

enum stint_status
stint_admin_node(struct stint_client *client, const char *node, uint32_t timeout_ms,
                 struct stint_list **list)
{
    struct stint_call *call = request_ask(client, stint_Verb_VERB_NODE_LIST, timeout_ms);
    request_target(call, node, "node");
    return request_run(client, call, list);
}

enum stint_status
stint_admin_cordon(struct stint_client *client, const char *node, bool cordon, const char *reason,
                   uint32_t timeout_ms)
{
    stint_Verb verb = cordon ? stint_Verb_VERB_NODE_CORDON : stint_Verb_VERB_NODE_UNCORDON;
    struct stint_call *call = request_change(client, verb, reason, timeout_ms);
    request_target(call, node, "node");
    return request_run(client, call, NULL);
}

enum stint_status
stint_admin_drain(struct stint_client *client, const struct stint_drain *drain, uint32_t timeout_ms,
                  struct stint_list **list)
{
    struct stint_call *call =
        request_change(client, stint_Verb_VERB_NODE_DRAIN, drain->reason, timeout_ms);
    request_target(call, drain->node, "node");
    if (call != NULL &&
        client_call_text(call, call->ask.to, sizeof call->ask.to, drain->to, "nodes to drain to")) {
        call->ask.rate = drain->rate;
        call->ask.leave = drain->leave;
        call->ask.dry_run = drain->dry_run;
        call->changes = !drain->dry_run;
    }
    return request_run(client, call, list);
}

enum stint_status
stint_admin_stop(struct stint_client *client, const char *node, bool drain, const char *reason,
                 uint32_t timeout_ms)
{
    struct stint_call *call = request_change(client, stint_Verb_VERB_NODE_STOP, reason, timeout_ms);
    request_target(call, node, "node");
    if (call != NULL) {
        call->ask.leave = drain;
    }
    return request_run(client, call, NULL);
}

/* ---- cluster ---- */

enum stint_status
stint_admin_status(struct stint_client *client, uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, request_ask(client, stint_Verb_VERB_STATUS, timeout_ms), list);
}

enum stint_status
stint_admin_balance(struct stint_client *client, bool dry_run, uint32_t max_moves,
                    uint32_t timeout_ms, struct stint_list **list)
{
    struct stint_call *call = request_change(client, stint_Verb_VERB_BALANCE, NULL, timeout_ms);
    if (call != NULL) {
        call->changes = !dry_run;
        call->ask.dry_run = dry_run;
        call->ask.count = max_moves;
    }
    return request_run(client, call, list);
}

enum stint_status
stint_admin_balancer(struct stint_client *client, enum stint_balancer what, uint32_t timeout_ms,
                     struct stint_list **list)
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
    return request_run(client, call, list);
}

enum stint_status
stint_admin_modules(struct stint_client *client, uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, request_ask(client, stint_Verb_VERB_MODULE_LIST, timeout_ms), list);
}

enum stint_status
stint_admin_revoke(struct stint_client *client, uint64_t serial, const char *reason,
                   uint32_t timeout_ms)
{
    struct stint_call *call =
        request_change(client, stint_Verb_VERB_KEY_REVOKE, reason, timeout_ms);
    if (call != NULL) {
        call->ask.serial = serial;
    }
    return request_run(client, call, NULL);
}

enum stint_status
stint_admin_revoked(struct stint_client *client, uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, request_ask(client, stint_Verb_VERB_KEY_LIST, timeout_ms), list);
}

/* ---- moves and channels ---- */

static enum stint_status
run_query(struct stint_client *client, stint_Verb verb, const struct stint_query *query,
          uint32_t timeout_ms, struct stint_list **list)
{
    struct stint_call *call = request_ask(client, verb, timeout_ms);
    if (call != NULL && query != NULL && query->size < sizeof *query) {
        client_call_finish(call, STINT_INVALID, "begin with STINT_QUERY_INIT");
    } else if (call != NULL && query != NULL &&
               client_call_text(call, call->ask.selector, sizeof call->ask.selector,
                                query->selector, "selector") &&
               client_call_text(call, call->ask.on, sizeof call->ask.on, query->node, "node") &&
               client_call_text(call, call->ask.sort, sizeof call->ask.sort, query->sort,
                                "field to sort by") &&
               client_call_text(call, call->ask.page, sizeof call->ask.page, query->page, "page")) {
        call->ask.limit = query->limit;
        call->ask.all = query->all;
    }
    return request_run(client, call, list);
}

enum stint_status
stint_admin_tasklets(struct stint_client *client, const struct stint_query *query,
                     uint32_t timeout_ms, struct stint_list **list)
{
    return run_query(client, stint_Verb_VERB_TASKLET_LIST, query, timeout_ms, list);
}

enum stint_status
stint_admin_moves(struct stint_client *client, const struct stint_query *query, uint32_t timeout_ms,
                  struct stint_list **list)
{
    return run_query(client, stint_Verb_VERB_MIGRATION_LIST, query, timeout_ms, list);
}

enum stint_status
stint_admin_channels(struct stint_client *client, const struct stint_query *query,
                     uint32_t timeout_ms, struct stint_list **list)
{
    return run_query(client, stint_Verb_VERB_CHANNEL_LIST, query, timeout_ms, list);
}

static enum stint_status
describe(struct stint_client *client, stint_Verb verb, const char *target, const char *what,
         uint32_t timeout_ms, struct stint_list **list)
{
    struct stint_call *call = request_ask(client, verb, timeout_ms);
    request_target(call, target, what);
    return request_run(client, call, list);
}

enum stint_status
stint_admin_move(struct stint_client *client, const char *move, uint32_t timeout_ms,
                 struct stint_list **list)
{
    return describe(client, stint_Verb_VERB_MIGRATION_DESCRIBE, move, "migration", timeout_ms,
                    list);
}

enum stint_status
stint_admin_channel(struct stint_client *client, const char *channel, uint32_t timeout_ms,
                    struct stint_list **list)
{
    return describe(client, stint_Verb_VERB_CHANNEL_DESCRIBE, channel, "channel", timeout_ms, list);
}

enum stint_status
stint_admin_tasklet(struct stint_client *client, const char *tasklet, uint32_t timeout_ms,
                    struct stint_list **list)
{
    return describe(client, stint_Verb_VERB_TASKLET_DESCRIBE, tasklet, "tasklet", timeout_ms, list);
}
