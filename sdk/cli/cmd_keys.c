/* SPDX-License-Identifier: Apache-2.0 */
/* Key directories, and the revocation list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static int
no_directory(const char *what)
{
    return cli_fail_exit(EXIT_USAGE, what, NULL, "which key directory? --keys DIR or STINT_KEYS");
}

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

static bool
has_authority(const char *dir)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/cluster.pub", dir);
    return access(path, F_OK) == 0;
}

static int
would_init(struct cli *cli, const char *dir)
{
    if (has_authority(dir)) {
        return cli_fail_text(STINT_EXISTS, "make a cluster authority in", dir,
                             "there is one already");
    }
    cli_result(cli, "directory", "make a cluster authority in %s", dir);
    out_text(&cli->out, "directory", dir);
    return cli_result_end(cli);
}

static int
would_issue(struct cli *cli, const char *dir, const struct stint_keys_issue *issue)
{
    static const char *const roles[] = { "node", "client", "operator", "observer" };
    char error[STINT_CLIENT_ERROR_SIZE];
    char what[160];
    struct stint_list *list;
    bool known = false;
    bool taken = false;
    snprintf(what, sizeof what, "issue %.32s %.64s", issue->role, issue->name);
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        known = known || strcmp(roles[i], issue->role) == 0;
    }
    if (!known) {
        return cli_fail_exit(EXIT_USAGE, what, NULL,
                             "a role is node, client, operator or observer");
    }
    enum stint_status status = stint_keys_list(dir, &list, error, sizeof error);
    if (status != STINT_OK) {
        return cli_fail_text(status, what, NULL, error);
    }
    for (const struct stint_key_item *k; (k = stint_list_key(list)) != NULL;) {
        taken = taken || (strcmp(k->role, issue->role) == 0 && strcmp(k->name, issue->name) == 0);
    }
    stint_list_free(list);
    if (taken && issue->out == NULL) {
        return cli_fail_text(STINT_EXISTS, what, NULL, "it was issued to that directory before");
    }
    cli_result(cli, "name", "issue %s %s", issue->role, issue->name);
    out_text(&cli->out, "role", issue->role);
    out_text(&cli->out, "name", issue->name);
    out_text(&cli->out, "directory", issue->out != NULL ? issue->out : dir);
    return cli_result_end(cli);
}

int
cmd_keys_init(struct cli *cli)
{
    const char *dir = cli->args->word_count != 0 ? cli->args->words[0] : cli_keys(cli);
    char error[STINT_CLIENT_ERROR_SIZE];
    struct stint_id cluster;
    if (dir == NULL) {
        return no_directory("make a cluster authority");
    }
    if (cli->args->dry_run) {
        return would_init(cli, dir);
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
    const char *dir = cli_keys(cli);
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
    if (cli->args->dry_run) {
        return would_issue(cli, dir, &issue);
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
    const char *dir = cli_keys(cli);
    char error[STINT_CLIENT_ERROR_SIZE];
    struct stint_list *list;
    if (dir == NULL) {
        return no_directory("list identities");
    }
    enum stint_status status = stint_keys_list(dir, &list, error, sizeof error);
    if (status != STINT_OK) {
        return cli_fail_text(status, "list the identities in", dir, error);
    }
    if (stint_list_count(list) == 0 && !has_authority(dir)) {
        stint_list_free(list);
        return cli_fail_text(STINT_NOT_FOUND, "list the identities in", dir,
                             "no cluster.pub there; is it a key directory?");
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
    uint64_t serial = strtoull(text, NULL, 16); /* checked with the command line */
    enum stint_status status =
        cli->args->dry_run
            ? STINT_OK
            : stint_admin_revoke(cli->client, serial, cli->args->reason, cli_left(cli));
    if (status != STINT_OK) {
        return cli_fail(cli, status, "revoke", text);
    }
    cli_result(cli, "serial", "revoke %s", text);
    put_serial(&cli->out, serial);
    out_bool(&cli->out, "revoked", !cli->args->dry_run);
    return cli_result_end(cli);
}
