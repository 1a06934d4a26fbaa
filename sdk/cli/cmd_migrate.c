/* SPDX-License-Identifier: Apache-2.0 */
/* Moving tasklets: one, or all that a selector fits. On a terminal it shows how far it is. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

enum { LOOK_MS = 500, ASK_MS = 500 };

/* How many moves the cluster has made since, and is making. */
static void
put_progress(struct cli *cli, uint64_t *before)
{
    struct stint_list *list;
    enum stint_status status = stint_admin_status(cli->client, ASK_MS, &list);
    const struct stint_status_item *s = list != NULL ? stint_list_status(list) : NULL;
    if (status == STINT_OK && s != NULL) {
        *before = *before == UINT64_MAX || s->moves_done < *before ? s->moves_done : *before;
        cli_progress(cli, "%llu moved, %u under way", (unsigned long long)(s->moves_done - *before),
                     s->moves_in_flight);
    }
    stint_list_free(list);
}

/* The same as stint_admin_migrate, and looks around meanwhile. *why is valid until the release. */
static enum stint_status
migrate_watched(struct cli *cli, const struct stint_migrate *migrate, struct stint_call **call,
                struct stint_list **list, const char **why)
{
    uint64_t before = UINT64_MAX;
    *list = NULL;
    *call = stint_admin_migrate_begin(cli->client, migrate, cli_left(cli), NULL, NULL);
    if (*call == NULL) {
        *why = stint_client_error(cli->client);
        return STINT_BUSY;
    }
    while (!cli_await(cli, *call, LOOK_MS) && !cli_interrupted()) {
        put_progress(cli, &before);
    }
    cli_progress(cli, "%s", "");
    *why = stint_call_error(*call);
    if (!stint_call_done(*call)) {
        return STINT_OUTCOME_UNKNOWN; /* interrupted */
    }
    enum stint_status status = stint_call_status(*call);
    bool answer = status == STINT_OK || status == STINT_PARTIAL;
    return answer && stint_call_list(*call, list) != STINT_OK ? STINT_NO_MEMORY : status;
}

/* What was not begun at all. */
static int
fail(const struct cli *cli, enum stint_status status, const struct stint_migrate *migrate,
     const char *why)
{
    const char *object = migrate->tasklet != NULL ? migrate->tasklet : migrate->selector;
    if (cli_interrupted()) {
        return cli_fail(cli, status, "move", object);
    }
    /* Code that is not there makes a move refused; nothing that was named is missing. */
    bool code = status == STINT_UNKNOWN_MODULE || status == STINT_UNKNOWN_CODE;
    return code ? cli_fail_exit(EXIT_REFUSED, "move", object, why)
                : cli_fail_text(status, "move", object, why);
}

/* Without --wait a move may still be refused by where it goes. */
static void
note_under_way(const struct cli *cli, struct stint_list *list)
{
    const struct stint_move_item *m;
    bool goes_on = false;
    while ((m = stint_list_move(list)) != NULL) {
        goes_on = goes_on || m->outcome[0] == '\0';
    }
    stint_list_rewind(list);
    if (goes_on) {
        cli_note(cli, "under way; --wait waits for the end, `stint migration list` shows it");
    }
}

/* A request of which nothing at all was done was refused, however many tasklets it was for. */
static bool
none_moved(struct stint_list *list)
{
    const struct stint_move_item *m;
    bool none = true;
    while ((m = stint_list_move(list)) != NULL) {
        bool kept = strcmp(m->outcome, "failed") == 0 || strcmp(m->outcome, "returned") == 0;
        none = none && kept;
    }
    stint_list_rewind(list);
    return none;
}

/* Frees the list. */
static int
put_answer(struct cli *cli, const struct stint_migrate *migrate, enum stint_status status,
           struct stint_list *list)
{
    bool plan = stint_list_plan(list) != NULL; /* a dry run's */
    stint_list_rewind(list);
    if (migrate->selector != NULL && status == STINT_OK && stint_list_count(list) == 0) {
        cli_note(cli, CLI_NONE_FITS);
    }
    if (!plan) {
        if (status == STINT_OK) {
            note_under_way(cli, list);
        } else if (status == STINT_PARTIAL && none_moved(list)) {
            status = STINT_REFUSED;
        }
        return cli_put_list(cli, &move_list, status, list);
    }
    const struct stint_plan_item *p = stint_list_plan(list);
    stint_list_rewind(list);
    if (migrate->tasklet != NULL && p->to[0] == '\0') { /* what the real run would say */
        int code = cli_fail_exit(EXIT_REFUSED, "move", migrate->tasklet, p->reason);
        stint_list_free(list);
        return code;
    }
    return cli_put_plan(cli, "move", EXIT_REFUSED, status, list);
}

int
cmd_tasklet_migrate(struct cli *cli)
{
    const struct args *args = cli->args;
    struct stint_migrate migrate = STINT_MIGRATE_INIT;
    struct stint_call *call = NULL;
    struct stint_list *list;
    const char *why;
    enum stint_status status;
    migrate.tasklet = args->word_count != 0 ? args->words[0] : NULL;
    migrate.selector = args_text(args, "selector");
    migrate.to = args_text(args, "to");
    migrate.wait = args_on(args, "wait");
    migrate.dry_run = args->dry_run;
    migrate.reason = args->reason;
    if (migrate.wait && !migrate.dry_run && cli->talks && !args->quiet) {
        status = migrate_watched(cli, &migrate, &call, &list, &why);
    } else {
        status = stint_admin_migrate(cli->client, &migrate, cli_left(cli), &list);
        why = stint_client_error(cli->client);
    }
    int code;
    if (list == NULL) {
        code = fail(cli, status, &migrate, why);
    } else {
        code = put_answer(cli, &migrate, status, list);
    }
    stint_call_release(call);
    return code;
}
