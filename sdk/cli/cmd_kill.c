/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ending all tasklets that a selector fits: page by page, some at a time, and what came of each is
 * an item. When the time of the command is over no more are begun, and that is said.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

enum { AT_ONCE = 64, PATIENCE_MS = 600000 /* a call ends by itself before */, TEXT_SIZE = 80 };

struct ending {
    struct stint_call *call; /* NULL in a dry run, or when it could not be begun */
    struct stint_id id;
    char node[TEXT_SIZE], code[TEXT_SIZE];
};

/* A ring of those that are under way, in the order of the list. */
struct endings {
    struct ending ring[AT_ONCE];
    size_t first, count;
    size_t done, failed, left; /* left: not begun */
    char silent[256];          /* which nodes were not heard, "" */
};

static void
begin(struct cli *cli, struct endings *e, const struct stint_tasklet_item *t)
{
    struct ending *one = &e->ring[(e->first + e->count++) % AT_ONCE];
    char id[STINT_ID_TEXT_SIZE];
    *one = (struct ending){ .id = t->id };
    snprintf(one->node, sizeof one->node, "%s", t->node);
    snprintf(one->code, sizeof one->code, "%s", t->code);
    if (!cli->args->dry_run) {
        one->call = stint_admin_kill_begin(cli->client, stint_id_text(t->id, id),
                                           args_on(cli->args, "pending"), cli->args->reason,
                                           cli_left(cli), NULL, NULL);
    }
}

/* Waits for the first of them and shows it. */
static void
end_first(struct cli *cli, struct endings *e)
{
    struct ending *one = &e->ring[e->first];
    enum stint_status status = STINT_OK;
    const char *detail = "";
    if (one->call != NULL) {
        bool over = cli_await(cli, one->call, PATIENCE_MS);
        status = over ? stint_call_status(one->call) : STINT_OUTCOME_UNKNOWN;
        detail = over ? stint_call_error(one->call) : "interrupted";
    } else if (!cli->args->dry_run) {
        status = STINT_NOT_SENT;
        detail = "it could not be begun";
    }
    /* One that ended meanwhile is what was wanted. */
    bool fine = status == STINT_OK || status == STINT_NOT_FOUND || status == STINT_DEAD;
    e->done += fine ? 1 : 0;
    e->failed += fine ? 0 : 1;
    out_item(&cli->out);
    out_id(&cli->out, "id", one->id);
    out_text(&cli->out, "node", one->node);
    out_text(&cli->out, "code", one->code);
    out_text(&cli->out, "status", stint_status_name(status));
    out_text_or_null(&cli->out, "detail", fine ? "" : detail);
    out_item_end(&cli->out);
    stint_call_release(one->call);
    e->first = (e->first + 1) % AT_ONCE;
    e->count--;
}

static void
end_page(struct cli *cli, struct endings *e, struct stint_list *list)
{
    const struct stint_tasklet_item *t;
    while ((t = stint_list_tasklet(list)) != NULL) {
        if (cli_interrupted() || cli_now_ms() >= cli->deadline_ms) {
            e->left++;
            continue;
        }
        if (e->count == AT_ONCE) {
            end_first(cli, e);
        }
        begin(cli, e, t);
        cli_progress(cli, "%zu ended", e->done);
    }
}

static int
say_end(const struct cli *cli, const struct endings *e, bool more)
{
    if (cli_interrupted()) {
        return cli_say_exit(EXIT_INTERRUPTED, "interrupted; %zu were ended, others may be left",
                            e->done);
    }
    if (e->left != 0 || more) {
        return cli_say_exit(EXIT_PARTLY,
                            "%zu were ended, then the time was over; say it again for the others, "
                            "or give it more with --timeout",
                            e->done);
    }
    if (e->silent[0] != '\0') {
        return cli_say_exit(EXIT_PARTLY, "%zu were ended; %s", e->done, e->silent);
    }
    if (e->done + e->failed == 0) {
        cli_note(cli, CLI_NONE_FITS);
    }
    return e->failed == 0 ? EXIT_DONE : e->done != 0 ? EXIT_PARTLY : EXIT_FAILED;
}

int
cli_kill_selected(struct cli *cli)
{
    struct stint_query query = STINT_QUERY_INIT;
    struct endings e = { .count = 0 };
    char page[128] = "";
    bool begun = false;
    bool more = true;
    query.selector = args_text(cli->args, "selector");
    query.limit = CLI_PAGE;
    while (more) {
        struct stint_list *list;
        query.page = page[0] != '\0' ? page : NULL;
        enum stint_status status = stint_admin_tasklets(cli->client, &query, cli_left(cli), &list);
        if (list == NULL && !begun) {
            return cli_fail(cli, status, "kill those that fit --selector", query.selector);
        }
        if (list == NULL) {
            break; /* there may be more */
        }
        if (!begun) {
            out_list(&cli->out, "id node code status detail", "", "id");
            begun = true;
        }
        if (status == STINT_PARTIAL) {
            snprintf(e.silent, sizeof e.silent, "%s", stint_list_note(list));
        }
        end_page(cli, &e, list);
        more = stint_list_truncated(list) && stint_list_page(list)[0] != '\0' &&
               strcmp(page, stint_list_page(list)) != 0 && e.left == 0;
        snprintf(page, sizeof page, "%s", stint_list_page(list));
        stint_list_free(list);
    }
    while (e.count != 0) {
        end_first(cli, &e);
    }
    cli_progress(cli, "%s", "");
    out_list_end(&cli->out, more || e.left != 0 || e.silent[0] != '\0');
    return say_end(cli, &e, more);
}
