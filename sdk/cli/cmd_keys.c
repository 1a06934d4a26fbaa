/* SPDX-License-Identifier: Apache-2.0 */
/* Key directories, and the revocation list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* --keys, or the environment. */
static const char *
key_directory(const struct cli *cli)
{
    return cli->args->keys != NULL ? cli->args->keys : getenv("STINT_KEYS");
}

static int
no_directory(const char *what)
{
    return cli_fail_exit(EXIT_USAGE, what, NULL, "which key directory? --keys DIR or STINT_KEYS");
}

/* A serial number is shown and taken as 16 hex digits. */
static void
put_serial(struct out *out, uint64_t serial)
{
    char text[24];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)serial);
    out_text(out, "serial", text);
}

static void
put_key(struct out *out, const struct stint_key_item *k)
{
    out_text(out, "role", k->role);
    out_text(out, "name", k->name);
    put_serial(out, k->serial);
    out_time(out, "not_before", k->not_before_ms);
    out_time(out, "not_after", k->not_after_ms);
    out_bool(out, "secret", k->has_secret);
}

int
cmd_keys_init(struct cli *cli)
{
    const char *dir = cli->args->word_count != 0 ? cli->args->words[0] : key_directory(cli);
    char error[STINT_CLIENT_ERROR_SIZE];
    struct stint_id cluster;
    if (dir == NULL) {
        return no_directory("make a cluster authority");
    }
    enum stint_status status = stint_keys_init(dir, &cluster, error, sizeof error);
    if (status != STINT_OK) {
        return cli_fail_text(status, "make a cluster authority in", dir, error);
    }
    out_object(&cli->out, "cluster");
    out_id(&cli->out, "cluster", cluster);
    out_text(&cli->out, "directory", dir);
    out_object_end(&cli->out);
    return EXIT_DONE;
}

int
cmd_keys_issue(struct cli *cli)
{
    const char *dir = key_directory(cli);
    char error[STINT_CLIENT_ERROR_SIZE];
    struct stint_list *list;
    struct stint_keys_issue issue = STINT_KEYS_ISSUE_INIT;
    issue.role = cli->args->words[0];
    issue.name = cli->args->words[1];
    issue.out = args_text(cli->args, "out");
    issue.days = (uint32_t)args_number(cli->args, "days", 0);
    if (dir == NULL) {
        return no_directory("issue an identity");
    }
    enum stint_status status = stint_keys_issue(dir, &issue, &list, error, sizeof error);
    if (status != STINT_OK) {
        char what[160];
        snprintf(what, sizeof what, "issue %.32s %.64s", issue.role, issue.name);
        return cli_fail_text(status, what, NULL, error);
    }
    const struct stint_key_item *k = stint_list_key(list);
    out_object(&cli->out, "serial");
    if (k != NULL) {
        put_key(&cli->out, k);
    }
    out_text(&cli->out, "directory", issue.out != NULL ? issue.out : dir);
    out_object_end(&cli->out);
    stint_list_free(list);
    return EXIT_DONE;
}

int
cmd_keys_list(struct cli *cli)
{
    const char *dir = key_directory(cli);
    char error[STINT_CLIENT_ERROR_SIZE];
    struct stint_list *list;
    if (dir == NULL) {
        return no_directory("list identities");
    }
    enum stint_status status = stint_keys_list(dir, &list, error, sizeof error);
    if (status != STINT_OK) {
        return cli_fail_text(status, "list the identities in", dir, error);
    }
    const struct stint_key_item *k;
    out_list(&cli->out, "role name serial not_after secret", "not_before", "name");
    while ((k = stint_list_key(list)) != NULL) {
        out_item(&cli->out);
        put_key(&cli->out, k);
        out_item_end(&cli->out);
    }
    out_list_end(&cli->out, false);
    stint_list_free(list);
    return EXIT_DONE;
}

int
cmd_keys_revoke(struct cli *cli)
{
    const char *text = cli->args->words[0];
    uint64_t serial = 0;
    size_t size = strspn(text, "0123456789abcdefABCDEF");
    if (size != 16 || text[size] != '\0') {
        return cli_fail_exit(EXIT_USAGE, "revoke", text,
                             "a serial number has 16 hex digits, as `keys list` shows them");
    }
    serial = strtoull(text, NULL, 16);
    if (cli->args->dry_run) {
        out_line(&cli->out, "would revoke %s", text);
        return EXIT_DONE;
    }
    enum stint_status status =
        stint_admin_revoke(cli->client, serial, cli->args->reason, cli_left(cli));
    if (status != STINT_OK) {
        return cli_fail(cli, status, "revoke", text);
    }
    out_object(&cli->out, "serial");
    put_serial(&cli->out, serial);
    out_bool(&cli->out, "revoked", true);
    out_object_end(&cli->out);
    return EXIT_DONE;
}
