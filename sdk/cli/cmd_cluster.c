/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster as a whole: its state, its balance, its modules; moves as others show them, too. */
#include <string.h>

#include "cli.h"

static bool
put_next_plan(struct out *out, struct stint_list *list)
{
    const struct stint_plan_item *p = stint_list_plan(list);
    if (p == NULL) {
        return false;
    }
    out_id(out, "tasklet", p->tasklet);
    out_text(out, "code", p->code);
    out_text(out, "from", p->from);
    out_text_or_null(out, "to", p->to);
    out_text_or_null(out, "reason", p->reason);
    return true;
}

/* What a plan says that stays. */
struct staying {
    size_t count, all;
    char tasklet[STINT_ID_TEXT_SIZE]; /* the first, and why */
    char why[256];
};

static void
count_staying(struct stint_list *list, struct staying *s)
{
    const struct stint_plan_item *p;
    while (list != NULL && (p = stint_list_plan(list)) != NULL) {
        s->all++;
        if (p->to[0] == '\0' && s->count++ == 0) {
            (void)stint_id_text(p->tasklet, s->tasklet);
            snprintf(s->why, sizeof s->why, "%s", p->reason);
        }
    }
    if (list != NULL) {
        stint_list_rewind(list);
    }
}

int
cli_put_plan(struct cli *cli, const char *what, int none, enum stint_status status,
             struct stint_list *list)
{
    struct staying s = { .count = 0 };
    const struct list_kind plan = {
        .what = what,
        .put = put_next_plan,
        .columns = "tasklet code from to reason",
        .wide = "",
        .name = "tasklet",
    };
    count_staying(list, &s);
    int code = cli_put_list(cli, &plan, status, list);
    if (code == EXIT_DONE && s.count != 0) {
        code = cli_say_exit(s.count == s.all ? none : EXIT_PARTLY,
                            "%zu of %zu cannot be moved, for one %s: %s", s.count, s.all,
                            s.tasklet, s.why);
    }
    return code;
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
    out_json(&cli->out, "balancer", s->balancer ? "true" : "false", s->balancer ? "on" : "off");
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
        code = cli_say_exit(EXIT_PARTLY, "%s", stint_list_note(list));
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
        cli_result(cli, "balancer", "put the balancer %s", word);
        out_bool(&cli->out, "balancer", what == STINT_BALANCER_ON);
        return cli_result_end(cli);
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
    return cli_put_plan(cli, "balance the cluster", EXIT_REFUSED, status, list);
}

static bool
put_next_module(struct out *out, struct stint_list *list)
{
    const struct stint_module_item *m = stint_list_module(list);
    char fingerprint[24];
    if (m == NULL) {
        return false;
    }
    snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)m->fingerprint);
    out_text(out, "name", m->name);
    out_text(out, "version", m->version);
    out_text(out, "node", m->node);
    out_words(out, "codes", m->codes);
    out_text(out, "fingerprint", fingerprint);
    return true;
}

int
cmd_module_list(struct cli *cli)
{
    static const struct list_kind modules = {
        .what = "list modules",
        .put = put_next_module,
        .columns = "name version node codes",
        .wide = "fingerprint",
        .name = "name",
    };
    struct stint_list *list;
    enum stint_status status = stint_admin_modules(cli->client, cli_left(cli), &list);
    return cli_put_list(cli, &modules, status, list);
}
