/* SPDX-License-Identifier: Apache-2.0 */
/* Moves: what happened, and what is happening. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { FOLLOW_MS = 500, SEEN_MAX = 1024 };

static void
put_phases(struct out *out, const struct stint_move_item *m)
{
    struct text json = { .data = NULL };
    struct text shown = { .data = NULL };
    text_add(&json, "[", 1);
    for (size_t i = 0; i < m->phase_count; i++) {
        const struct stint_move_phase *p = &m->phases[i];
        char at[CLI_TIME_SIZE];
        char after[CLI_SIZE_SIZE];
        text_print(&json, "%s{\"name\":", i != 0 ? "," : "");
        text_json(&json, p->name);
        text_print(&json, ",\"at\":\"%s\",\"at_us\":%u}", cli_time(p->at_ms, at),
                   (unsigned)p->at_us);
        text_print(&shown, "%s%s +%s", i != 0 ? ", " : "", p->name,
                   cli_duration_us(p->at_us, after));
    }
    text_add(&json, "]", 1);
    out->failed = out->failed || json.failed || shown.failed;
    out_json(out, "phases", text_or_empty(&json), text_or_empty(&shown));
    text_free(&json);
    text_free(&shown);
}

void
put_move(struct out *out, const struct stint_move_item *m)
{
    out_id(out, "id", m->id);
    out_id(out, "tasklet", m->tasklet);
    out_text(out, "from", m->from);
    out_text_or_null(out, "to", m->to);
    out_text_or_null(out, "reason", m->reason);
    out_text_or_null(out, "by", m->by);
    out_text(out, "phase", m->phase);
    out_state(out, "outcome", m->outcome);
    out_size(out, "bytes", m->bytes);
    out_us(out, "frozen_us", m->frozen_us);
    out_time(out, "started", m->started_ms);
    put_phases(out, m);
    out_text(out, "status", stint_status_name(m->status));
    out_text_or_null(out, "detail", m->detail);
}

static bool
put_next_move(struct out *out, struct stint_list *list)
{
    const struct stint_move_item *m = stint_list_move(list);
    if (m != NULL) {
        put_move(out, m);
    }
    return m != NULL;
}

const struct list_kind move_list = {
    .what = "list moves",
    .ask = stint_admin_moves,
    .put = put_next_move,
    .columns = "id tasklet from to phase outcome bytes frozen_us started reason detail",
    .wide = "by status phases",
    .name = "id",
};

/* What was shown already, so that following shows each end once. */
struct seen {
    struct {
        struct stint_id id;
        char outcome[16];
    } moves[SEEN_MAX];
    size_t count, next;
};

static bool
is_new(struct seen *seen, const struct stint_move_item *m)
{
    size_t used = seen->count < SEEN_MAX ? seen->count : SEEN_MAX;
    for (size_t i = 0; i < used; i++) {
        if (memcmp(&seen->moves[i].id, &m->id, sizeof m->id) == 0) {
            bool same = strcmp(seen->moves[i].outcome, m->outcome) == 0;
            snprintf(seen->moves[i].outcome, sizeof seen->moves[i].outcome, "%s", m->outcome);
            return !same;
        }
    }
    size_t place = seen->next++ % SEEN_MAX;
    seen->count++;
    seen->moves[place].id = m->id;
    snprintf(seen->moves[place].outcome, sizeof seen->moves[place].outcome, "%s", m->outcome);
    return true;
}

static void
put_followed(struct cli *cli, const struct stint_move_item *m)
{
    if (out_is_table(&cli->out)) {
        char at[CLI_TIME_SIZE];
        char tasklet[STINT_ID_TEXT_SIZE];
        out_line(&cli->out, "%s %.12s %s -> %s %s %s", cli_time(m->started_ms, at),
                 stint_id_text(m->tasklet, tasklet), m->from, m->to,
                 m->outcome[0] != '\0' ? m->outcome : m->phase, m->reason);
        return;
    }
    /* One object for what never ends is none: an item a line. */
    cli->out.format = cli->out.format == FORMAT_JSON ? FORMAT_JSONL : cli->out.format;
    out_list(&cli->out, "", "", "id");
    out_item(&cli->out);
    put_move(&cli->out, m);
    out_item_end(&cli->out);
}

/* An answer has the newest first; who follows reads downwards. */
static void
put_news(struct cli *cli, struct seen *seen, struct stint_list *list)
{
    FILE *stream = cli->out.stream;
    char **lines = calloc(stint_list_count(list) + 1, sizeof *lines);
    const struct stint_move_item *m;
    size_t count = 0;
    cli->out.failed = cli->out.failed || lines == NULL;
    while (!cli->out.failed && (m = stint_list_move(list)) != NULL) {
        size_t size;
        if (!is_new(seen, m)) {
            continue;
        }
        cli->out.stream = open_memstream(&lines[count], &size);
        if (cli->out.stream == NULL) {
            cli->out.failed = true;
            break;
        }
        put_followed(cli, m);
        cli->out.failed = fclose(cli->out.stream) != 0 || cli->out.failed;
        count++;
    }
    cli->out.stream = stream;
    for (; count != 0; count--) {
        fputs(lines[count - 1], stream);
        free(lines[count - 1]);
    }
    free(lines);
    (void)fflush(stream);
}

static int
follow(struct cli *cli, struct stint_query *query, uint32_t timeout)
{
    static struct seen seen; /* large, and there is one */
    bool silent = false;     /* nobody answers, and that has been said */
    while (!cli_interrupted()) {
        struct stint_list *list;
        cli->deadline_ms = UINT64_MAX;
        enum stint_status status = stint_admin_moves(cli->client, query, timeout, &list);
        bool lost = status == STINT_UNREACHABLE || status == STINT_NOT_SENT;
        if (list == NULL && (!lost || cli_interrupted())) {
            return cli_fail(cli, status, "follow moves", NULL);
        }
        if (list == NULL) {
            if (!silent) {
                cli_note(cli, "no answer, trying again: %s", stint_client_error(cli->client));
            }
            silent = true;
            (void)cli_pause(cli, FOLLOW_MS);
            continue;
        }
        silent = false;
        put_news(cli, &seen, list);
        stint_list_free(list);
        (void)cli_pause(cli, FOLLOW_MS);
    }
    return EXIT_INTERRUPTED;
}

int
cmd_migration_list(struct cli *cli)
{
    struct stint_query query = STINT_QUERY_INIT;
    if (!args_on(cli->args, "follow")) {
        return cli_list(cli, &move_list);
    }
    query.node = args_text(cli->args, "node");
    query.limit = (uint32_t)args_number(cli->args, "limit", 0);
    return follow(cli, &query, cli_left(cli));
}

int
cmd_migration_describe(struct cli *cli)
{
    const char *id = cli->args->words[0];
    struct stint_list *list;
    enum stint_status status = stint_admin_move(cli->client, id, cli_left(cli), &list);
    const struct stint_move_item *m = list != NULL ? stint_list_move(list) : NULL;
    if (list == NULL) {
        return cli_fail(cli, status, "describe the move", id);
    }
    if (m != NULL) {
        out_object(&cli->out, "id");
        put_move(&cli->out, m);
        out_object_end(&cli->out);
    }
    stint_list_free(list);
    return m != NULL
               ? EXIT_DONE
               : cli_fail_text(STINT_NOT_FOUND, "describe the move", id, "there is no such move");
}
