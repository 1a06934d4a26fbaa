/* SPDX-License-Identifier: Apache-2.0 */
/* One live screen: nodes with bars of their load, the tasklets that do most, the newest moves. Off
 * a terminal one plain screen. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

enum { TOP_TASKLETS = 12, TOP_MOVES = 6, BAR = 20 };

static void
put_nodes(struct cli *cli, struct stint_list *list)
{
    const struct stint_node_item *n;
    uint64_t most = 1;
    while ((n = stint_list_node(list)) != NULL) {
        most = n->tasklets > most ? n->tasklets : most;
    }
    stint_list_rewind(list);
    out_line(&cli->out, "%-16s %-9s %-*s %9s %9s %6s %9s %9s", "NODE", "STATE", BAR, "TASKLETS", "",
             "STEPS/S", "CPU", "MEMORY", "MOVES");
    while ((n = stint_list_node(list)) != NULL) {
        char bar[BAR + 1] = "";
        char memory[CLI_SIZE_SIZE];
        size_t full = (size_t)(n->tasklets * BAR / most);
        memset(bar, '#', full < BAR ? full : BAR);
        bar[full < BAR ? full : BAR] = '\0';
        out_line(&cli->out, "%-16.16s %-9s %-*s %9llu %9llu %5u%% %9s %9llu", n->name, n->state,
                 BAR, bar, (unsigned long long)n->tasklets, (unsigned long long)n->steps,
                 (unsigned)(n->cpu_permille / 10), cli_size(n->memory_bytes, memory),
                 (unsigned long long)(n->moves_in + n->moves_out));
    }
}

static void
put_tasklets(struct cli *cli, struct stint_list *list)
{
    const struct stint_tasklet_item *t;
    out_line(&cli->out, "%s", "");
    out_line(&cli->out, "%-12s %-12s %-20s %-9s %10s %6s  %s", "TASKLET", "NODE", "CODE", "STATE",
             "STEPS", "MOVES", "AT");
    while ((t = stint_list_tasklet(list)) != NULL) {
        char id[STINT_ID_TEXT_SIZE];
        out_line(&cli->out, "%.12s %-12.12s %-20.20s %-9s %10llu %6u  %.40s",
                 stint_id_text(t->id, id), t->node, t->code, t->state, (unsigned long long)t->steps,
                 (unsigned)t->moves, t->at);
    }
}

static void
put_moves(struct cli *cli, struct stint_list *list)
{
    const struct stint_move_item *m;
    out_line(&cli->out, "%s", "");
    out_line(&cli->out, "%-12s %-12s    %-12s %-10s %9s  %s", "MOVED", "FROM", "TO", "OUTCOME",
             "FROZEN", "REASON");
    while ((m = stint_list_move(list)) != NULL) {
        char id[STINT_ID_TEXT_SIZE];
        out_line(&cli->out, "%.12s %-12.12s -> %-12.12s %-10s %6lluus  %.40s",
                 stint_id_text(m->tasklet, id), m->from, m->to,
                 m->outcome[0] != '\0' ? m->outcome : m->phase, (unsigned long long)m->frozen_us,
                 m->reason);
    }
}

static int
put_screen(struct cli *cli, uint32_t timeout)
{
    struct stint_query query = STINT_QUERY_INIT;
    struct stint_list *nodes = NULL, *tasklets = NULL, *moves = NULL;
    query.sort = "-steps";
    query.limit = TOP_TASKLETS;
    enum stint_status status = stint_admin_nodes(cli->client, timeout, &nodes);
    if (nodes != NULL) {
        status = stint_admin_tasklets(cli->client, &query, timeout, &tasklets);
        query.sort = NULL;
        query.limit = TOP_MOVES;
        if (tasklets != NULL) {
            status = stint_admin_moves(cli->client, &query, timeout, &moves);
        }
    }
    int code = EXIT_DONE;
    if (nodes == NULL || tasklets == NULL || moves == NULL) {
        code = cli_fail(cli, status, "show the cluster", NULL);
    } else {
        if (cli->terminal) {
            fputs("\033[H\033[2J", cli->out.stream);
        }
        put_nodes(cli, nodes);
        put_tasklets(cli, tasklets);
        put_moves(cli, moves);
        (void)fflush(cli->out.stream);
    }
    stint_list_free(nodes);
    stint_list_free(tasklets);
    stint_list_free(moves);
    return code;
}

int
cmd_top(struct cli *cli)
{
    uint32_t timeout = cli_left(cli);
    if (!out_is_table(&cli->out)) {
        return cli_fail_exit(EXIT_USAGE, "show it in that format", NULL,
                             "top is a screen; for scripts there is `node list -o json`");
    }
    int code = put_screen(cli, timeout);
    while (code == EXIT_DONE && cli->terminal && !cli_interrupted()) {
        cli->deadline_ms = UINT64_MAX;
        if (cli_pause(cli, CLI_WATCH_MS / 2)) {
            code = put_screen(cli, timeout);
        }
    }
    return cli_interrupted() ? EXIT_INTERRUPTED : code;
}
