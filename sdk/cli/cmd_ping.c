/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"

enum { PING_PACE_MS = 1000 };

int
cmd_ping(struct cli *cli)
{
    const char *node = cli->args->word_count != 0 ? cli->args->words[0] : NULL;
    uint64_t count = args_number(cli->args, "count", 1);
    bool list = args_on(cli->args, "count");
    uint32_t each = cli_left(cli);
    uint64_t got = 0;
    int code = EXIT_DONE;
    if (list) {
        cli->deadline_ms = UINT64_MAX; /* the timeout is for one question */
    }
    bool items = list && !out_is_table(&cli->out);
    if (items) {
        out_list(&cli->out, "", "", "node");
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t us = 0;
        enum stint_status status = stint_admin_ping(cli->client, node, each, &us);
        if (status != STINT_OK) {
            code = cli_fail(cli, status, "ping", node);
            break;
        }
        got++;
        if (out_is_table(&cli->out)) {
            out_line(&cli->out, "%s  %llu us", node != NULL ? node : stint_client_node(cli->client),
                     (unsigned long long)us);
            (void)fflush(cli->out.stream);
        } else {
            items ? out_item(&cli->out) : out_object(&cli->out, "node");
            out_text(&cli->out, "node", node != NULL ? node : stint_client_node(cli->client));
            out_number(&cli->out, "round_trip_us", us);
            items ? out_item_end(&cli->out) : out_object_end(&cli->out);
            (void)fflush(cli->out.stream);
        }
        if (i + 1 < count && !cli_pause(cli, PING_PACE_MS)) {
            code = EXIT_INTERRUPTED;
            break;
        }
    }
    if (items) {
        out_list_end(&cli->out, got < count);
    }
    return code;
}
