/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes: what they are, and taking work off them. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void
put_node(struct out *out, const struct stint_node_item *n)
{
    out_id(out, "id", n->id);
    out_text(out, "name", n->name);
    out_state(out, "state", n->state);
    out_text(out, "endpoint", n->endpoint);
    out_number(out, "incarnation", n->incarnation);
    out_number(out, "tasklets", n->tasklets);
    out_number(out, "runnable", n->runnable);
    out_number(out, "channels", n->channels);
    out_share(out, "cpu", n->cpu_permille);
    out_permille(out, "load", n->load_permille);
    out_size(out, "memory_bytes", n->memory_bytes);
    out_number(out, "moves_in", n->moves_in);
    out_number(out, "moves_out", n->moves_out);
    out_text(out, "version", n->version);
    out_words(out, "modules", n->modules);
    out_bool(out, "authority", n->authority);
    out_number(out, "steps", n->steps);
    out_pairs(out, "labels", n->labels);
}

static bool
put_next_node(struct out *out, struct stint_list *list)
{
    const struct stint_node_item *n = stint_list_node(list);
    if (n != NULL) {
        put_node(out, n);
    }
    return n != NULL;
}

static const struct list_kind node_list = {
    .what = "list nodes",
    .put = put_next_node,
    .columns = "name state tasklets runnable channels cpu load memory_bytes authority endpoint",
    .wide = "moves_in moves_out id incarnation steps version modules labels",
    .name = "name",
};

int
cmd_node_list(struct cli *cli)
{
    struct stint_list *list;
    enum stint_status status = stint_admin_nodes(cli->client, cli_left(cli), &list);
    return cli_put_list(cli, &node_list, status, list);
}

int
cmd_node_describe(struct cli *cli)
{
    struct stint_list *list;
    const char *name = cli->args->words[0];
    enum stint_status status = stint_admin_node(cli->client, name, cli_left(cli), &list);
    if (list == NULL) {
        return cli_fail(cli, status, "describe node", name);
    }
    const struct stint_node_item *n = stint_list_node(list);
    if (n != NULL) {
        out_object(&cli->out, "name");
        put_node(&cli->out, n);
        out_object_end(&cli->out);
    }
    stint_list_free(list);
    return n != NULL
               ? EXIT_DONE
               : cli_fail_text(STINT_NOT_FOUND, "describe node", name, "there is no such node");
}

static int
cordon(struct cli *cli, bool on)
{
    const char *node = cli->args->words[0];
    const char *what = on ? "cordon" : "uncordon";
    enum stint_status status =
        cli->args->dry_run
            ? cli_look_up_node(cli, node)
            : stint_admin_cordon(cli->client, node, on, cli->args->reason, cli_left(cli));
    if (status != STINT_OK) {
        return cli_fail(cli, status, what, node);
    }
    cli_result(cli, "name", "%s %s", what, node);
    out_text(&cli->out, "name", node);
    out_state(&cli->out, "state", on ? "cordoned" : "up");
    return cli_result_end(cli);
}

int
cmd_node_cordon(struct cli *cli)
{
    return cordon(cli, true);
}

int
cmd_node_uncordon(struct cli *cli)
{
    return cordon(cli, false);
}

/* What ends with it is the question before a node is stopped. */
static int
would_stop(struct cli *cli, const char *node, bool drain)
{
    struct stint_list *list;
    enum stint_status status = stint_admin_node(cli->client, node, cli_left(cli), &list);
    const struct stint_node_item *n = list != NULL ? stint_list_node(list) : NULL;
    unsigned long long tasklets = n != NULL ? n->tasklets : 0;
    stint_list_free(list);
    if (status != STINT_OK) {
        return cli_fail(cli, status, "stop node", node);
    }
    cli_result(cli, "name", drain ? "stop %s when its tasklets, now %llu, are elsewhere"
                                  : "stop %s, and tasklets that are there end with it: %llu",
               node, tasklets);
    out_text(&cli->out, "name", node);
    out_state(&cli->out, "state", "stopping");
    out_number(&cli->out, "tasklets", tasklets);
    return cli_result_end(cli);
}

int
cmd_node_stop(struct cli *cli)
{
    const char *node = cli->args->words[0];
    bool drain = args_on(cli->args, "drain");
    if (cli->args->dry_run) {
        return would_stop(cli, node, drain);
    }
    enum stint_status status =
        stint_admin_stop(cli->client, node, drain, cli->args->reason, cli_left(cli));
    if (status != STINT_OK) {
        return cli_fail(cli, status, "stop node", node);
    }
    cli_result(cli, "name", "stop %s", node);
    out_text(&cli->out, "name", node);
    out_state(&cli->out, "state", "stopping");
    return cli_result_end(cli);
}
