/* SPDX-License-Identifier: Apache-2.0 */
/* What an action did. A dry run prints what the real run would. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

void
cli_result(struct cli *cli, const char *name_field, const char *format, ...)
{
    if (cli->args->dry_run && out_is_table(&cli->out)) {
        char line[512];
        char shown[600];
        va_list list;
        va_start(list, format);
        vsnprintf(line, sizeof line, format, list);
        va_end(list);
        out_line(&cli->out, "would %s", text_shown(line, shown, sizeof shown));
    }
    out_object(&cli->out, name_field);
    if (cli->args->dry_run) {
        out_bool(&cli->out, "dry_run", true);
    }
}

int
cli_result_end(struct cli *cli)
{
    if (cli->args->dry_run && out_is_table(&cli->out)) {
        out_object_drop(&cli->out);
    } else {
        out_object_end(&cli->out);
    }
    return EXIT_DONE;
}

enum stint_status
cli_look_up_node(struct cli *cli, const char *node)
{
    struct stint_list *list = NULL;
    enum stint_status status =
        node != NULL ? stint_admin_node(cli->client, node, cli_left(cli), &list) : STINT_OK;
    stint_list_free(list);
    return status == STINT_NOT_AUTHORISED ? STINT_OK : status;
}

enum stint_status
cli_find_tasklet(struct cli *cli, const char *name, char id[STINT_ID_TEXT_SIZE])
{
    bool whole = strspn(name, "0123456789abcdef") == STINT_ID_TEXT_SIZE - 1 &&
                 name[STINT_ID_TEXT_SIZE - 1] == '\0';
    if (whole) {
        memcpy(id, name, STINT_ID_TEXT_SIZE);
        if (!cli->args->dry_run) {
            return STINT_OK;
        }
    }
    struct stint_list *list;
    enum stint_status status = stint_admin_tasklet(cli->client, name, cli_left(cli), &list);
    const struct stint_tasklet_item *t = list != NULL ? stint_list_tasklet(list) : NULL;
    if (t != NULL) {
        (void)stint_id_text(t->id, id);
    } else if (status == STINT_OK) {
        status = STINT_NOT_FOUND;
    }
    stint_list_free(list);
    return status;
}
