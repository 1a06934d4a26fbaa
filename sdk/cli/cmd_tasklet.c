/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at tasklets: lists, one, its stack (also in a file), whether it can move. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static void
put_tasklet(struct out *out, const struct stint_tasklet_item *t)
{
    out_id(out, "id", t->id);
    out_text(out, "node", t->node);
    out_text(out, "code", t->code);
    out_text(out, "module", t->module);
    out_state(out, "state", t->state);
    out_number(out, "epoch", t->epoch);
    out_number(out, "frames", t->frames);
    out_size(out, "size_bytes", t->size_bytes);
    out_text_or_null(out, "at", t->at);
    out_text_or_null(out, "file", t->file);
    out_number(out, "line", t->line);
    out_id_or_null(out, "channel", t->has_channel, t->channel);
    out_ms(out, "since_ms", t->since_ms);
    out_number(out, "moves", t->moves);
    out_bool(out, "movable", t->movable);
    out_pairs(out, "tags", t->tags);
    out_number(out, "steps", t->steps);
}

static bool
put_next_tasklet(struct out *out, struct stint_list *list)
{
    const struct stint_tasklet_item *t = stint_list_tasklet(list);
    if (t != NULL) {
        put_tasklet(out, t);
    }
    return t != NULL;
}

int
cmd_tasklet_list(struct cli *cli)
{
    static const struct list_kind tasklets = {
        .what = "list tasklets",
        .ask = stint_admin_tasklets,
        .put = put_next_tasklet,
        .columns = "id node code state since_ms frames moves at",
        .wide = "module epoch size_bytes file line channel movable tags steps",
        .name = "id",
    };
    return cli_list(cli, &tasklets);
}

int
cmd_tasklet_describe(struct cli *cli)
{
    const char *id = cli->args->words[0];
    struct stint_list *list;
    enum stint_status status = stint_admin_tasklet(cli->client, id, cli_left(cli), &list);
    const struct stint_tasklet_item *t = list != NULL ? stint_list_tasklet(list) : NULL;
    if (list == NULL) {
        return cli_fail(cli, status, "describe tasklet", id);
    }
    if (t != NULL) {
        out_object(&cli->out, "id");
        put_tasklet(&cli->out, t);
        out_object_end(&cli->out);
    }
    stint_list_free(list);
    return t != NULL
               ? EXIT_DONE
               : cli_fail_text(STINT_NOT_FOUND, "describe tasklet", id, "there is no such tasklet");
}

/* ---- stack ---- */

static void
put_frame_json(struct text *json, const struct stint_frame_item *f, bool first)
{
    text_print(json, "%s{\"code\":", first ? "" : ",");
    text_json(json, f->code);
    text_print(json, ",\"module\":");
    text_json(json, f->module);
    text_print(json, ",\"file\":");
    text_json(json, f->file);
    text_print(json, ",\"line\":%u,\"label\":", (unsigned)f->line);
    text_json(json, f->label);
    text_print(json, ",\"type\":");
    text_json(json, f->type);
    text_print(json, ",\"locals\":%s}", f->locals != NULL ? f->locals : "null");
}

static void
put_frame_lines(struct out *out, size_t number, const struct stint_frame_item *f)
{
    out_line(out, "%3zu  %s (%s)  %s:%u  %s", number, f->code, f->module, f->file,
             (unsigned)f->line, f->label);
    if (f->locals != NULL) {
        out_line(out, "     %s", f->locals);
    } else {
        out_line(out, "     locals: %s", f->hidden);
    }
}

/* `id` and `node` are those of a file's head, or taken from the first frame. */
static int
put_stack(struct cli *cli, struct stint_list *list, const struct stint_file_item *file)
{
    struct text frames = { .data = NULL };
    char id[STINT_ID_TEXT_SIZE] = "";
    char node[80] = "";
    if (file != NULL) {
        stint_id_text(file->tasklet, id);
        snprintf(node, sizeof node, "%s", file->node);
        char at[CLI_TIME_SIZE];
        out_line(&cli->out, "%s  exported from %s at %s%s", id, node,
                 cli_time(file->exported_ms, at),
                 file->moved ? "; it lives in this file alone" : "");
    }
    const struct stint_frame_item *f;
    text_add(&frames, "[", 1);
    for (size_t number = 0; (f = stint_list_frame(list)) != NULL; number++) {
        if (id[0] == '\0') {
            stint_id_text(f->tasklet, id);
            snprintf(node, sizeof node, "%s", f->node);
            out_line(&cli->out, "%s  on %s", id, node);
        }
        put_frame_json(&frames, f, number == 0);
        put_frame_lines(&cli->out, number, f);
    }
    text_add(&frames, "]", 1);
    if (!out_is_table(&cli->out)) {
        out_object(&cli->out, "id");
        out_text(&cli->out, "id", id);
        out_text_or_null(&cli->out, "node", node);
        out_json(&cli->out, "frames", text_or_empty(&frames), "");
        out_object_end(&cli->out);
    }
    cli->out.failed = cli->out.failed || frames.failed;
    text_free(&frames);
    return EXIT_DONE;
}

static int
stack_of_file(struct cli *cli, const char *path)
{
    char error[STINT_CLIENT_ERROR_SIZE];
    struct stint_list *list;
    enum stint_status status = stint_file_stack(path, &list, error, sizeof error);
    if (status != STINT_OK) {
        return cli_fail_text(status, "show the stack in", path, error);
    }
    /* The head's texts belong to the list and go with the next item. */
    const struct stint_file_item *item = stint_list_file(list);
    struct stint_file_item head = *item;
    char node[80];
    snprintf(node, sizeof node, "%s", item->node);
    head.node = node;
    int code = put_stack(cli, list, &head);
    stint_list_free(list);
    return code;
}

int
cmd_tasklet_stack(struct cli *cli)
{
    const char *id = cli->args->words[0];
    if (cli->client == NULL) {
        return stack_of_file(cli, id);
    }
    struct stint_list *list;
    enum stint_status status = stint_admin_stack(cli->client, id, cli_left(cli), &list);
    if (list == NULL) {
        return cli_fail(cli, status, "show the stack of tasklet", id);
    }
    int code = put_stack(cli, list, NULL);
    stint_list_free(list);
    return code;
}

/* ---- explain ---- */

struct explained {
    struct text reasons, targets;
    bool movable;
    char target[80]; /* the one under way */
    bool target_reasons;
    size_t reason_count, target_count;
};

static void
put_reason(struct text *json, const struct stint_explain_item *e)
{
    text_print(json, "{\"code\":");
    text_json(json, e->reason_code);
    text_print(json, ",\"text\":");
    text_json(json, e->text);
    text_print(json, ",\"frame\":");
    text_json(json, e->frame[0] != '\0' ? e->frame : NULL);
    text_print(json, "}");
}

static void
end_target(struct explained *x)
{
    if (x->target[0] != '\0') {
        text_print(&x->targets, "]}");
        x->target[0] = '\0';
    }
}

static void
explain_item(struct cli *cli, struct explained *x, const struct stint_explain_item *e)
{
    if (e->target[0] == '\0') {
        text_print(&x->reasons, "%s", x->reason_count++ != 0 ? "," : "");
        put_reason(&x->reasons, e);
        out_line(&cli->out, "  because: %s%s%s%s", e->text, e->frame[0] != '\0' ? " (" : "",
                 e->frame, e->frame[0] != '\0' ? ")" : "");
        return;
    }
    if (strcmp(e->target, x->target) != 0) {
        end_target(x);
        snprintf(x->target, sizeof x->target, "%s", e->target);
        x->target_reasons = false;
        text_print(&x->targets, "%s{\"node\":", x->target_count++ != 0 ? "," : "");
        text_json(&x->targets, e->target);
        text_print(&x->targets, ",\"ok\":%s,\"reasons\":[", e->target_ok ? "true" : "false");
    }
    if (e->reason_code[0] != '\0' || e->text[0] != '\0') {
        text_print(&x->targets, "%s", x->target_reasons ? "," : "");
        put_reason(&x->targets, e);
        x->target_reasons = true;
    }
    out_line(&cli->out, "  to %s: %s%s%s", e->target,
             !e->target_ok ? "no" : x->movable ? "yes" : "yes, once it can move",
             e->text[0] != '\0' ? ", " : "", e->text);
}

int
cmd_tasklet_explain(struct cli *cli)
{
    const char *id = cli->args->words[0];
    struct stint_list *list;
    enum stint_status status =
        stint_admin_explain(cli->client, id, args_text(cli->args, "to"), cli_left(cli), &list);
    if (list == NULL) {
        return cli_fail(cli, status, "explain tasklet", id);
    }
    struct explained x = { .target = "" };
    const struct stint_explain_item *e = stint_list_explain(list);
    struct stint_explain_item head =
        e != NULL ? *e : (struct stint_explain_item){ .movable = false };
    char hex[STINT_ID_TEXT_SIZE];
    x.movable = head.movable;
    out_line(&cli->out, "%s  %s, %llu bytes as a pickle", stint_id_text(head.id, hex),
             head.movable ? "can move" : "cannot move", (unsigned long long)head.pickle_bytes);
    text_add(&x.reasons, "[", 1);
    text_add(&x.targets, "[", 1);
    while ((e = stint_list_explain(list)) != NULL) {
        explain_item(cli, &x, e);
    }
    end_target(&x);
    text_add(&x.reasons, "]", 1);
    text_add(&x.targets, "]", 1);
    if (!out_is_table(&cli->out)) {
        out_object(&cli->out, "id");
        out_id(&cli->out, "id", head.id);
        out_bool(&cli->out, "movable", head.movable);
        out_json(&cli->out, "reasons", text_or_empty(&x.reasons), "");
        out_number(&cli->out, "pickle_bytes", head.pickle_bytes);
        out_json(&cli->out, "targets", text_or_empty(&x.targets), "");
        out_object_end(&cli->out);
    }
    cli->out.failed = cli->out.failed || x.reasons.failed || x.targets.failed;
    text_free(&x.reasons);
    text_free(&x.targets);
    stint_list_free(list);
    return (int)exit_of(status);
}
