/* SPDX-License-Identifier: Apache-2.0 */
/* Doing things to tasklets: beginning, moving, waiting, pausing, ending, carrying them out and in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* ---- spawn ---- */

static int
put_spawned(struct cli *cli, const struct stint_spawned *spawned, size_t count)
{
    if (count == 1 && !args_on(cli->args, "count")) {
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
    if (!args_on(cli->args, "args") && !cli->args->dry_run) {
        return EXIT_DONE;
    }
    char *json = cli_json(args_on(cli->args, "args") ? args_text(cli->args, "args") : "{}");
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

/* The code and its arguments have been looked at. */
static int
would_spawn(struct cli *cli, const struct stint_spawn *spawn)
{
    enum stint_status status = cli_look_up_node(cli, spawn->on);
    if (status != STINT_OK) {
        return cli_fail(cli, status, "spawn", spawn->code);
    }
    cli_result(cli, "code", "spawn %u of %s%s%s", (unsigned)spawn->count, spawn->code,
               spawn->on != NULL ? " on " : "", spawn->on != NULL ? spawn->on : "");
    out_text(&cli->out, "code", spawn->code);
    out_number(&cli->out, "count", spawn->count);
    out_text_or_null(&cli->out, "node", spawn->on);
    return cli_result_end(cli);
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
    spawn.tags = args_text(args, "tags");
    int code = encode_args(cli, spawn.code, &copy, &spawn.args);
    if (code != EXIT_DONE) {
        return code;
    }
    if (args->dry_run) {
        free(copy);
        return would_spawn(cli, &spawn);
    }
    size_t count = 0;
    struct stint_spawned *spawned = calloc(spawn.count, sizeof *spawned);
    enum stint_status status =
        spawned == NULL
            ? STINT_NO_MEMORY
            : stint_client_spawn(cli->client, &spawn, spawned, spawn.count, &count, cli_left(cli));
    free(copy);
    bool partly = status == STINT_PARTIAL && count != 0;
    if (status == STINT_OK || partly) {
        code = put_spawned(cli, spawned, count < spawn.count ? count : spawn.count);
    }
    if (partly) {
        code = cli_say_exit(EXIT_PARTLY, "%zu of %u %s are there: %s", count,
                            (unsigned)spawn.count, spawn.code, stint_client_error(cli->client));
    } else if (status != STINT_OK) {
        code = cli_fail(cli, status, "spawn", spawn.code);
    }
    free(spawned);
    return code;
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
    enum stint_wait_for what = what_for(args_text(cli->args, "for"));
    enum stint_status status = stint_client_wait(cli->client, id, what, cli_left(cli), &r);
    if (status == STINT_TIMED_OUT && !cli_interrupted()) {
        return cli_say_exit(EXIT_FAILED, "%s; --timeout waits longer",
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
    if (r.ended && what != STINT_WAIT_ENDED) {
        char why[256];
        snprintf(why, sizeof why, "it has ended: %.200s", r.text);
        return cli_fail_exit(EXIT_FAILED, "wait any longer for tasklet", id, why);
    }
    return EXIT_DONE;
}

/* ---- pause, resume, kill ---- */

enum action { ACTION_PAUSE, ACTION_RESUME, ACTION_KILL };

static enum stint_status
do_action(struct cli *cli, enum action action, const char *id)
{
    const char *reason = cli->args->reason;
    uint32_t left = cli_left(cli);
    return action == ACTION_KILL
               ? stint_admin_kill(cli->client, id, args_on(cli->args, "pending"), reason, left)
               : stint_admin_pause(cli->client, id, action == ACTION_PAUSE, reason, left);
}

static int
act_on_one(struct cli *cli, enum action action)
{
    static const char *const verbs[] = { "pause", "resume", "kill" };
    static const char *const done[] = { "paused", "resumed", "killed" };
    const char *name = cli->args->words[0];
    char id[STINT_ID_TEXT_SIZE];
    enum stint_status status = cli_find_tasklet(cli, name, id);
    if (status == STINT_OK && !cli->args->dry_run) {
        status = do_action(cli, action, id);
    }
    if (status != STINT_OK) {
        char what[32];
        snprintf(what, sizeof what, "%s tasklet", verbs[action]);
        return cli_fail(cli, status, what, name);
    }
    cli_result(cli, "id", "%s %s", verbs[action], id);
    out_text(&cli->out, "id", id);
    out_text(&cli->out, "done", done[action]);
    return cli_result_end(cli);
}

int
cmd_tasklet_pause(struct cli *cli)
{
    return act_on_one(cli, ACTION_PAUSE);
}

int
cmd_tasklet_resume(struct cli *cli)
{
    return act_on_one(cli, ACTION_RESUME);
}

int
cmd_tasklet_kill(struct cli *cli)
{
    return args_on(cli->args, "selector") ? cli_kill_selected(cli) : act_on_one(cli, ACTION_KILL);
}

/* ---- export, import ---- */

int
cmd_tasklet_export(struct cli *cli)
{
    const char *name = cli->args->words[0];
    const char *path = args_text(cli->args, "file");
    bool move = args_on(cli->args, "move");
    char id[STINT_ID_TEXT_SIZE];
    enum stint_status status = cli_find_tasklet(cli, name, id);
    if (status == STINT_OK && access(path, F_OK) == 0) {
        char why[STINT_CLIENT_ERROR_SIZE];
        snprintf(why, sizeof why, "%.512s is there already; name another file", path);
        return cli_fail_text(STINT_EXISTS, "export tasklet", name, why);
    }
    if (status == STINT_OK && !cli->args->dry_run) {
        status = stint_admin_export(cli->client, id, path, move, cli->args->reason, cli_left(cli));
    }
    if (status != STINT_OK) {
        return cli_fail(cli, status, "export tasklet", name);
    }
    cli_result(cli, "file", "%s %s to %s", move ? "move" : "copy", id, path);
    out_text(&cli->out, "id", id);
    out_text(&cli->out, "file", path);
    out_bool(&cli->out, "moved", move);
    return cli_result_end(cli);
}

/* What is said of the file: its code, its signature, that it came in before; not of who imports it.
 */
static bool
is_of_the_file(enum stint_status status)
{
    switch (status) {
    case STINT_EXISTS:
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

static int
would_import(struct cli *cli, const char *path)
{
    const char *on = args_text(cli->args, "on");
    char error[STINT_CLIENT_ERROR_SIZE];
    char id[STINT_ID_TEXT_SIZE];
    struct stint_list *list;
    enum stint_status status = stint_file_stack(path, &list, error, sizeof error);
    if (status != STINT_OK) {
        return cli_fail_text(status, "import", path, error);
    }
    const struct stint_file_item *head = stint_list_file(list);
    (void)stint_id_text(head->tasklet, id); /* a file's first item is its head */
    stint_list_free(list);
    status = cli_look_up_node(cli, on);
    if (status != STINT_OK) {
        return cli_fail(cli, status, "import", path);
    }
    cli_result(cli, "id", "import %s from %s%s%s", id, path, on != NULL ? " on " : "",
               on != NULL ? on : "");
    out_text(&cli->out, "id", id);
    out_text_or_null(&cli->out, "node", on);
    return cli_result_end(cli);
}

int
cmd_tasklet_import(struct cli *cli)
{
    const char *path = cli->args->words[0];
    struct stint_list *list;
    if (cli->args->dry_run) {
        return would_import(cli, path);
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
