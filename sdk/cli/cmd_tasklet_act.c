/* SPDX-License-Identifier: Apache-2.0 */
/* Doing things to tasklets: beginning, moving, waiting, pausing, ending, carrying them out and in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* ---- spawn ---- */

static int
put_spawned(struct cli *cli, const struct stint_spawned *spawned, size_t count)
{
    if (count == 1) {
        out_object(&cli->out, "id");
        out_id(&cli->out, "id", spawned[0].id);
        out_text(&cli->out, "node", spawned[0].node);
        out_object_end(&cli->out);
        return EXIT_DONE;
    }
    struct text ids = { .data = NULL };
    struct text nodes = { .data = NULL };
    for (size_t i = 0; i < count; i++) {
        char hex[STINT_ID_TEXT_SIZE];
        text_print(&ids, "%s\"%s\"", i != 0 ? "," : "[", stint_id_text(spawned[i].id, hex));
        text_print(&nodes, "%s", i != 0 ? "," : "[");
        text_json(&nodes, spawned[i].node);
        if (cli->out.format == FORMAT_NAME) {
            fprintf(cli->out.stream, "%s\n", hex);
        } else {
            out_line(&cli->out, "%s  %s", hex, spawned[i].node);
        }
    }
    text_print(&ids, "]");
    text_print(&nodes, "]");
    if (cli->out.format == FORMAT_JSON || cli->out.format == FORMAT_JSONL) {
        out_object(&cli->out, "ids");
        out_json(&cli->out, "ids", text_or_empty(&ids), "");
        out_json(&cli->out, "nodes", text_or_empty(&nodes), "");
        out_object_end(&cli->out);
    }
    cli->out.failed = cli->out.failed || ids.failed || nodes.failed;
    text_free(&ids);
    text_free(&nodes);
    return EXIT_DONE;
}

/* The arguments as bytes, so that what is wrong with them is said of them. The bytes are the
 * client's until it is asked again. */
static int
encode_args(struct cli *cli, const char *code, void **copy, struct stint_span *bytes)
{
    *copy = NULL;
    *bytes = (struct stint_span){ NULL, 0 };
    if (!args_on(cli->args, "args")) {
        return EXIT_DONE;
    }
    char *json = cli_json(args_text(cli->args, "args"));
    if (json == NULL) {
        return EXIT_USAGE;
    }
    enum stint_status status = stint_client_encode(cli->client, code, json, cli_left(cli), bytes);
    free(json);
    if (status != STINT_OK) {
        char what[192];
        bool args = exit_of(status) == EXIT_USAGE || status == STINT_LIMIT;
        snprintf(what, sizeof what, "spawn %.128s%s", code, args ? " with these --args" : "");
        return cli_fail(cli, status, what, NULL);
    }
    *copy = malloc(bytes->size + 1);
    if (*copy == NULL) {
        return cli_fail_text(STINT_NO_MEMORY, "spawn", code, NULL);
    }
    if (bytes->size != 0) {
        memcpy(*copy, bytes->data, bytes->size);
    }
    bytes->data = *copy;
    return EXIT_DONE;
}

int
cmd_tasklet_spawn(struct cli *cli)
{
    const struct args *args = cli->args;
    struct stint_spawn spawn = STINT_SPAWN_INIT;
    void *copy;
    spawn.code = args->words[0];
    spawn.on = args_text(args, "on");
    spawn.count = (uint32_t)args_number(args, "count", 1);
    spawn.pinned = args_on(args, "pinned");
    int code = encode_args(cli, spawn.code, &copy, &spawn.args);
    if (code != EXIT_DONE) {
        return code;
    }
    if (args->dry_run) {
        out_line(&cli->out, "would spawn %u of %s", (unsigned)spawn.count, spawn.code);
        free(copy);
        return EXIT_DONE;
    }
    size_t count = 0;
    struct stint_spawned *spawned = calloc(spawn.count, sizeof *spawned);
    enum stint_status status =
        spawned == NULL
            ? STINT_NO_MEMORY
            : stint_client_spawn(cli->client, &spawn, spawned, spawn.count, &count, cli_left(cli));
    free(copy);
    if (status != STINT_OK) {
        code = cli_fail(cli, status, "spawn", spawn.code);
    } else {
        code = put_spawned(cli, spawned, count < spawn.count ? count : spawn.count);
    }
    free(spawned);
    return code;
}

/* ---- migrate ---- */

/* A dry run may answer with a plan. */
static void
put_moves_or_plan(struct cli *cli, struct stint_list *list)
{
    const struct stint_move_item *m;
    const struct stint_plan_item *p = stint_list_plan(list);
    if (p != NULL) {
        out_list(&cli->out, "tasklet code from to reason", "", "tasklet");
    } else {
        out_list(&cli->out, move_columns, move_wide, "id");
    }
    for (; p != NULL; p = stint_list_plan(list)) {
        out_item(&cli->out);
        put_plan(&cli->out, p);
        out_item_end(&cli->out);
    }
    while ((m = stint_list_move(list)) != NULL) {
        out_item(&cli->out);
        put_move(&cli->out, m);
        out_item_end(&cli->out);
    }
}

int
cmd_tasklet_migrate(struct cli *cli)
{
    const struct args *args = cli->args;
    struct stint_migrate migrate = STINT_MIGRATE_INIT;
    struct stint_list *list;
    migrate.tasklet = args->word_count != 0 ? args->words[0] : NULL;
    migrate.selector = args_text(args, "selector");
    migrate.to = args_text(args, "to");
    migrate.wait = args_on(args, "wait");
    migrate.dry_run = args->dry_run;
    migrate.reason = args->reason;
    enum stint_status status = stint_admin_migrate(cli->client, &migrate, cli_left(cli), &list);
    if (list == NULL) {
        /* Code that is not there makes a move refused; nothing that was named is missing. */
        bool code = status == STINT_UNKNOWN_MODULE || status == STINT_UNKNOWN_CODE;
        return code ? cli_fail_exit(EXIT_REFUSED, "move", migrate.tasklet,
                                    stint_client_error(cli->client))
                    : cli_fail(cli, status, "move",
                               migrate.tasklet != NULL ? migrate.tasklet : migrate.selector);
    }
    put_moves_or_plan(cli, list);
    out_list_end(&cli->out, stint_list_truncated(list));
    cli_note_list(cli, list, stint_list_count(list));
    stint_list_free(list);
    return (int)exit_of(status);
}

/* ---- wait ---- */

static enum stint_wait_for
what_for(const char *word)
{
    return word == NULL || strcmp(word, "ended") == 0 ? STINT_WAIT_ENDED
           : word[0] == 'm'                           ? STINT_WAIT_MOVED
                                                      : STINT_WAIT_BLOCKED;
}

int
cmd_tasklet_wait(struct cli *cli)
{
    const char *id = cli->args->words[0];
    struct stint_wait_result r;
    enum stint_status status = stint_client_wait(
        cli->client, id, what_for(args_text(cli->args, "for")), cli_left(cli), &r);
    if (status == STINT_TIMED_OUT && !cli_interrupted()) {
        return cli_fail_exit(EXIT_FAILED, "wait any longer for tasklet", id,
                             stint_client_error(cli->client));
    }
    if (status != STINT_OK) {
        return cli_fail(cli, status, "wait for tasklet", id);
    }
    out_object(&cli->out, "id");
    out_id(&cli->out, "id", r.id);
    out_bool(&cli->out, "ended", r.ended);
    out_text_or_null(&cli->out, "status", r.ended ? stint_status_name(r.status) : NULL);
    out_text_or_null(&cli->out, "text", r.text);
    out_text_or_null(&cli->out, "node", r.node);
    out_text_or_null(&cli->out, "type", r.value.type);
    out_json(&cli->out, "value", r.value.json != NULL ? r.value.json : "null",
             r.value.json != NULL ? r.value.json : "-");
    out_object_end(&cli->out);
    return EXIT_DONE;
}

/* ---- pause, resume, kill ---- */

static int
put_result(struct cli *cli, const char *id, const char *done)
{
    out_object(&cli->out, "id");
    out_text(&cli->out, "id", id);
    out_text(&cli->out, "done", done);
    out_object_end(&cli->out);
    return EXIT_DONE;
}

static int
pause_or_resume(struct cli *cli, bool pause)
{
    const char *id = cli->args->words[0];
    if (cli->args->dry_run) {
        out_line(&cli->out, "would %s %s", pause ? "pause" : "resume", id);
        return EXIT_DONE;
    }
    enum stint_status status =
        stint_admin_pause(cli->client, id, pause, cli->args->reason, cli_left(cli));
    if (status != STINT_OK) {
        return cli_fail(cli, status, pause ? "pause tasklet" : "resume tasklet", id);
    }
    return put_result(cli, id, pause ? "paused" : "resumed");
}

int
cmd_tasklet_pause(struct cli *cli)
{
    return pause_or_resume(cli, true);
}

int
cmd_tasklet_resume(struct cli *cli)
{
    return pause_or_resume(cli, false);
}

/* Kills those of one page; each one's result is an item. */
static void
kill_page(struct cli *cli, struct stint_list *list, size_t *done, size_t *failed)
{
    const struct stint_tasklet_item *t;
    while ((t = stint_list_tasklet(list)) != NULL && !cli_interrupted()) {
        char id[STINT_ID_TEXT_SIZE];
        stint_id_text(t->id, id);
        enum stint_status status = STINT_OK;
        if (!cli->args->dry_run) {
            status = stint_admin_kill(cli->client, id, args_on(cli->args, "pending"),
                                      cli->args->reason, cli_left(cli));
        }
        /* One that ended meanwhile is what was wanted. */
        bool gone = status == STINT_NOT_FOUND || status == STINT_DEAD;
        *done += status == STINT_OK || gone ? 1 : 0;
        *failed += status != STINT_OK && !gone ? 1 : 0;
        out_item(&cli->out);
        out_id(&cli->out, "id", t->id);
        out_text(&cli->out, "node", t->node);
        out_text(&cli->out, "code", t->code);
        out_text(&cli->out, "status", stint_status_name(status));
        out_text_or_null(&cli->out, "detail",
                         status != STINT_OK ? stint_client_error(cli->client) : NULL);
        out_item_end(&cli->out);
    }
}

static int
kill_selected(struct cli *cli)
{
    struct stint_query query = STINT_QUERY_INIT;
    struct stint_list *list;
    query.selector = args_text(cli->args, "selector");
    query.limit = CLI_PAGE;
    enum stint_status status = stint_admin_tasklets(cli->client, &query, cli_left(cli), &list);
    if (list == NULL) {
        return cli_fail(cli, status, "kill those that fit --selector", query.selector);
    }
    size_t done = 0;
    size_t failed = 0;
    out_list(&cli->out, "id node code status detail", "", "id");
    kill_page(cli, list, &done, &failed);
    bool truncated = stint_list_truncated(list);
    out_list_end(&cli->out, truncated);
    if (truncated) {
        cli_note(cli, "more than %d fit; say it again for the others", CLI_PAGE);
    }
    stint_list_free(list);
    bool partly = truncated || (failed != 0 && done != 0);
    return partly ? EXIT_PARTLY : failed != 0 ? EXIT_FAILED : EXIT_DONE;
}

int
cmd_tasklet_kill(struct cli *cli)
{
    if (args_on(cli->args, "selector")) {
        return kill_selected(cli);
    }
    const char *id = cli->args->words[0];
    if (cli->args->dry_run) {
        out_line(&cli->out, "would kill %s", id);
        return EXIT_DONE;
    }
    enum stint_status status = stint_admin_kill(cli->client, id, args_on(cli->args, "pending"),
                                                cli->args->reason, cli_left(cli));
    if (status != STINT_OK) {
        return cli_fail(cli, status, "kill tasklet", id);
    }
    return put_result(cli, id, "killed");
}

/* ---- export, import ---- */

int
cmd_tasklet_export(struct cli *cli)
{
    const char *id = cli->args->words[0];
    const char *path = args_text(cli->args, "file");
    bool move = args_on(cli->args, "move");
    if (cli->args->dry_run) {
        out_line(&cli->out, "would %s %s to %s", move ? "move" : "copy", id, path);
        return EXIT_DONE;
    }
    enum stint_status status =
        stint_admin_export(cli->client, id, path, move, cli->args->reason, cli_left(cli));
    if (status != STINT_OK) {
        return cli_fail(cli, status, "export tasklet", id);
    }
    out_object(&cli->out, "file");
    out_text(&cli->out, "id", id);
    out_text(&cli->out, "file", path);
    out_bool(&cli->out, "moved", move);
    out_object_end(&cli->out);
    return EXIT_DONE;
}

/* What is said of the file's code or signature, not of who imports it. */
static bool
is_of_the_file(enum stint_status status)
{
    switch (status) {
    case STINT_UNKNOWN_MODULE:
    case STINT_UNKNOWN_CODE:
    case STINT_BAD_CERTIFICATE:
    case STINT_WRONG_CLUSTER:
    case STINT_EXPIRED:
    case STINT_REVOKED:
        return true;
    default:
        return false;
    }
}

int
cmd_tasklet_import(struct cli *cli)
{
    const char *path = cli->args->words[0];
    struct stint_list *list;
    if (cli->args->dry_run) {
        out_line(&cli->out, "would import %s", path);
        return EXIT_DONE;
    }
    enum stint_status status =
        stint_admin_import(cli->client, path, args_text(cli->args, "on"),
                           args_on(cli->args, "paused"), cli->args->reason, cli_left(cli), &list);
    if (list == NULL) {
        return is_of_the_file(status)
                   ? cli_fail_exit(EXIT_REFUSED, "import", path, stint_client_error(cli->client))
                   : cli_fail(cli, status, "import", path);
    }
    const struct stint_spawn_item *s = stint_list_spawn(list);
    if (s != NULL) {
        out_object(&cli->out, "id");
        out_id(&cli->out, "id", s->id);
        out_text(&cli->out, "node", s->node);
        out_object_end(&cli->out);
    }
    stint_list_free(list);
    return EXIT_DONE;
}
