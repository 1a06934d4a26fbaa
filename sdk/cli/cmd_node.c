/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes: what they are, and taking work off them. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { DRAIN_PACE_MS = 250 };

static void
put_node(struct out *out, const struct stint_node_item *n)
{
    out_id(out, "id", n->id);
    out_text(out, "name", n->name);
    out_text(out, "state", n->state);
    out_text(out, "endpoint", n->endpoint);
    out_number(out, "incarnation", n->incarnation);
    out_number(out, "tasklets", n->tasklets);
    out_number(out, "runnable", n->runnable);
    out_number(out, "channels", n->channels);
    out_permille(out, "cpu", n->cpu_permille);
    out_permille(out, "load", n->load_permille);
    out_number(out, "memory_bytes", n->memory_bytes);
    out_number(out, "moves_in", n->moves_in);
    out_number(out, "moves_out", n->moves_out);
    out_text(out, "version", n->version);
    out_words(out, "modules", n->modules);
    out_bool(out, "authority", n->authority);
    out_number(out, "steps", n->steps);
    out_pairs(out, "labels", n->labels);
}

int
cmd_node_list(struct cli *cli)
{
    struct stint_list *list;
    enum stint_status status = stint_admin_nodes(cli->client, cli_left(cli), &list);
    if (list == NULL) {
        return cli_fail(cli, status, "list nodes", NULL);
    }
    const struct stint_node_item *n;
    out_list(&cli->out,
             "name state tasklets runnable channels cpu load moves_in moves_out authority",
             "id endpoint incarnation memory_bytes steps version modules labels", "name");
    while ((n = stint_list_node(list)) != NULL) {
        out_item(&cli->out);
        put_node(&cli->out, n);
        out_item_end(&cli->out);
    }
    out_list_end(&cli->out, stint_list_truncated(list));
    cli_note_list(cli, list, stint_list_count(list));
    stint_list_free(list);
    return (int)exit_of(status);
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

/* The result of a change to one node. */
static int
put_done(struct cli *cli, const char *node, const char *state)
{
    out_object(&cli->out, "name");
    out_text(&cli->out, "name", node);
    out_text(&cli->out, "state", state);
    out_object_end(&cli->out);
    return EXIT_DONE;
}

static int
cordon(struct cli *cli, bool on)
{
    const char *node = cli->args->words[0];
    if (cli->args->dry_run) {
        out_line(&cli->out, "would %s %s", on ? "cordon" : "uncordon", node);
        return EXIT_DONE;
    }
    enum stint_status status =
        stint_admin_cordon(cli->client, node, on, cli->args->reason, cli_left(cli));
    if (status != STINT_OK) {
        return cli_fail(cli, status, on ? "cordon" : "uncordon", node);
    }
    return put_done(cli, node, on ? "cordoned" : "up");
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

int
cmd_node_stop(struct cli *cli)
{
    const char *node = cli->args->words[0];
    bool drain = args_on(cli->args, "drain");
    if (cli->args->dry_run) {
        out_line(&cli->out, "would stop %s%s", node, drain ? " when it is empty" : "");
        return EXIT_DONE;
    }
    enum stint_status status =
        stint_admin_stop(cli->client, node, drain, cli->args->reason, cli_left(cli));
    if (status != STINT_OK) {
        return cli_fail(cli, status, "stop node", node);
    }
    return put_done(cli, node, "stopping");
}

/* ---- drain ---- */

static int
put_drain_plan(struct cli *cli, struct stint_list *list)
{
    const struct stint_plan_item *p;
    out_list(&cli->out, "tasklet code from to reason", "", "tasklet");
    while ((p = stint_list_plan(list)) != NULL) {
        out_item(&cli->out);
        put_plan(&cli->out, p);
        out_item_end(&cli->out);
    }
    out_list_end(&cli->out, stint_list_truncated(list));
    cli_note_list(cli, list, stint_list_count(list));
    return EXIT_DONE;
}

/* How far it is, with those that cannot move. True if some cannot. */
static bool
put_drain(struct cli *cli, const char *node, struct stint_list *list)
{
    uint64_t total = 0, moved = 0, remaining = 0;
    bool done = false;
    bool any = false;
    struct text json = { .data = NULL };
    struct text shown = { .data = NULL };
    const struct stint_drain_item *d;
    stint_list_rewind(list);
    text_add(&json, "[", 1);
    for (size_t index = 0; (d = stint_list_drain(list)) != NULL; index++) {
        if (index == 0) {
            total = d->total;
            moved = d->moved;
            remaining = d->remaining;
            done = d->done;
        }
        if (d->is_stuck) {
            char hex[STINT_ID_TEXT_SIZE];
            text_print(&json, "%s{\"id\":\"%s\",\"why\":", any ? "," : "",
                       stint_id_text(d->stuck, hex));
            text_json(&json, d->why);
            text_add(&json, "}", 1);
            text_print(&shown, "%s%.12s %s", any ? "; " : "", hex, d->why);
            any = true;
        }
    }
    text_add(&json, "]", 1);
    out_object(&cli->out, "node");
    out_text(&cli->out, "node", node);
    out_number(&cli->out, "total", total);
    out_number(&cli->out, "moved", moved);
    out_number(&cli->out, "remaining", remaining);
    out_bool(&cli->out, "done", done);
    out_json(&cli->out, "stuck", text_or_empty(&json), any ? text_or_empty(&shown) : "-");
    out_object_end(&cli->out);
    cli->out.failed = cli->out.failed || json.failed || shown.failed;
    text_free(&json);
    text_free(&shown);
    return any;
}

/* Asks again until it is over. *list is the last answer; STINT_TIMED_OUT: it goes on. */
static enum stint_status
follow_drain(struct cli *cli, const struct stint_drain *drain, struct stint_list **list)
{
    for (;;) {
        const struct stint_drain_item *head = stint_list_drain(*list);
        if (head == NULL || head->done) {
            return STINT_OK;
        }
        cli_progress(cli, "%s: %llu of %llu tasklets moved, %llu left", drain->node,
                     (unsigned long long)head->moved, (unsigned long long)head->total,
                     (unsigned long long)head->remaining);
        if (!cli_pause(cli, DRAIN_PACE_MS)) {
            return cli_interrupted() ? STINT_CANCELLED : STINT_TIMED_OUT;
        }
        struct stint_list *next;
        enum stint_status status = stint_admin_drain(cli->client, drain, cli_left(cli), &next);
        /* A node that is busy giving its work away may be slow to answer. */
        bool again =
            (status == STINT_OUTCOME_UNKNOWN || status == STINT_NOT_SENT || status == STINT_BUSY) &&
            cli_left(cli) > 1;
        if (next == NULL && !again) {
            return status;
        }
        if (next != NULL) {
            stint_list_free(*list);
            *list = next;
            if (status == STINT_PARTIAL) {
                return status;
            }
        }
        stint_list_rewind(*list);
    }
}

int
cmd_node_drain(struct cli *cli)
{
    const struct args *args = cli->args;
    struct stint_drain drain = STINT_DRAIN_INIT;
    struct stint_list *list;
    drain.node = args->words[0];
    drain.to = args_text(args, "to");
    drain.rate = (uint32_t)args_number(args, "rate", 0);
    drain.leave = args_on(args, "leave");
    drain.dry_run = args->dry_run;
    drain.reason = args->reason;
    enum stint_status status = stint_admin_drain(cli->client, &drain, cli_left(cli), &list);
    if (list == NULL) {
        return cli_fail(cli, status, "drain node", drain.node);
    }
    int code;
    if (drain.dry_run) {
        code = put_drain_plan(cli, list);
    } else {
        if (status == STINT_OK && args_on(args, "wait")) {
            status = follow_drain(cli, &drain, &list);
        }
        cli_progress(cli, "%s", "");
        bool stuck = put_drain(cli, drain.node, list);
        code = (int)exit_of(stuck && (status == STINT_OK || status == STINT_TIMED_OUT) &&
                                    args_on(args, "wait")
                                ? STINT_PARTIAL
                                : status);
        if (status == STINT_TIMED_OUT) {
            cli_note(cli, "node %s is not empty yet; the drain goes on (exit %d)", drain.node,
                     code);
        } else if (code == EXIT_PARTLY) {
            cli_note(cli, "node %s: some tasklets cannot be moved (exit %d)", drain.node, code);
        } else if (code != EXIT_DONE) {
            code = cli_fail(cli, status, "see the end of the drain of node", drain.node);
        }
    }
    stint_list_free(list);
    return code;
}
