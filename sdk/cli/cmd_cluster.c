/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster as a whole: its state, its balance, its modules; moves as others show them, too. */
#include <string.h>

#include "cli.h"

const char move_columns[] = "id tasklet from to phase outcome bytes frozen_us started reason";
const char move_wide[] = "by detail";

void
put_plan(struct out *out, const struct stint_plan_item *p)
{
    out_id(out, "tasklet", p->tasklet);
    out_text(out, "code", p->code);
    out_text(out, "from", p->from);
    out_text(out, "to", p->to);
    out_text(out, "reason", p->reason);
}

static int
put_status(struct cli *cli, struct stint_list *list)
{
    const struct stint_status_item *s = stint_list_status(list);
    if (s == NULL) {
        return cli_fail_exit(EXIT_FAILED, "show the cluster", NULL,
                             "the node answered something that cannot be read");
    }
    out_object(&cli->out, "cluster");
    out_id(&cli->out, "cluster", s->cluster);
    out_number(&cli->out, "view", s->view);
    out_number(&cli->out, "nodes", s->nodes);
    out_number(&cli->out, "tasklets", s->tasklets);
    out_number(&cli->out, "moves_in_flight", s->moves_in_flight);
    out_number(&cli->out, "in_doubt", s->in_doubt);
    out_permille(&cli->out, "imbalance", s->imbalance_permille);
    out_bool(&cli->out, "balancer", s->balancer);
    out_text_or_null(&cli->out, "authority", s->authority);
    out_number(&cli->out, "moves_done", s->moves_done);
    out_object_end(&cli->out);
    return EXIT_DONE;
}

/* One status item, or the failure to get it. */
static int
end_status(struct cli *cli, enum stint_status status, struct stint_list *list, const char *what)
{
    if (list == NULL) {
        return cli_fail(cli, status, what, NULL);
    }
    int code = put_status(cli, list);
    if (status == STINT_PARTIAL) {
        cli_note_list(cli, list, 1);
        code = EXIT_PARTLY;
    }
    stint_list_free(list);
    return code;
}

int
cmd_cluster_status(struct cli *cli)
{
    struct stint_list *list;
    enum stint_status status = stint_admin_status(cli->client, cli_left(cli), &list);
    return end_status(cli, status, list, "show the cluster");
}

int
cmd_cluster_balancer(struct cli *cli)
{
    const char *word = cli->args->words[0];
    struct stint_list *list;
    enum stint_balancer what = strcmp(word, "on") == 0    ? STINT_BALANCER_ON
                               : strcmp(word, "off") == 0 ? STINT_BALANCER_OFF
                                                          : STINT_BALANCER_STATUS;
    if (cli->args->dry_run && what != STINT_BALANCER_STATUS) {
        out_line(&cli->out, "would put the balancer %s", word);
        return EXIT_DONE;
    }
    enum stint_status status = stint_admin_balancer(cli->client, what, cli_left(cli), &list);
    return end_status(cli, status, list,
                      what == STINT_BALANCER_STATUS ? "show the balancer" : "switch the balancer");
}

int
cmd_cluster_balance(struct cli *cli)
{
    struct stint_list *list;
    uint32_t most = (uint32_t)args_number(cli->args, "max-moves", 0);
    enum stint_status status =
        stint_admin_balance(cli->client, cli->args->dry_run, most, cli_left(cli), &list);
    if (list == NULL) {
        return cli_fail(cli, status, "balance the cluster", NULL);
    }
    const struct stint_plan_item *p;
    out_list(&cli->out, "tasklet code from to reason", "", "tasklet");
    while ((p = stint_list_plan(list)) != NULL) {
        out_item(&cli->out);
        put_plan(&cli->out, p);
        out_item_end(&cli->out);
    }
    out_list_end(&cli->out, stint_list_truncated(list));
    cli_note_list(cli, list, stint_list_count(list));
    stint_list_free(list);
    return (int)exit_of(status);
}

int
cmd_module_list(struct cli *cli)
{
    struct stint_list *list;
    enum stint_status status = stint_admin_modules(cli->client, cli_left(cli), &list);
    if (list == NULL) {
        return cli_fail(cli, status, "list modules", NULL);
    }
    const struct stint_module_item *m;
    out_list(&cli->out, "name version node codes", "fingerprint", "name");
    while ((m = stint_list_module(list)) != NULL) {
        char fingerprint[24];
        snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)m->fingerprint);
        out_item(&cli->out);
        out_text(&cli->out, "name", m->name);
        out_text(&cli->out, "version", m->version);
        out_text(&cli->out, "node", m->node);
        out_words(&cli->out, "codes", m->codes);
        out_text(&cli->out, "fingerprint", fingerprint);
        out_item_end(&cli->out);
    }
    out_list_end(&cli->out, stint_list_truncated(list));
    cli_note_list(cli, list, stint_list_count(list));
    stint_list_free(list);
    return (int)exit_of(status);
}
