/* SPDX-License-Identifier: Apache-2.0 */
/* All commands. What does not stand here does not exist: parsing, help, completion and the check
 * for --yes read this table. */
#include <string.h>

#include "args.h"
#include "cli.h"

#define NUMBER_MAX UINT32_MAX

#define F_SELECTOR                                                                                 \
    {                                                                                              \
        "selector", 0, FLAG_TEXT, "EXPR", "those that fit, like 'code=Counter and node=n1'", 0, 0, \
            NULL                                                                                   \
    }
#define F_LIMIT                                                                                    \
    {                                                                                              \
        "limit", 0, FLAG_NUMBER, "N", "at most so many; 0: all", 0, NUMBER_MAX, NULL               \
    }
#define F_PAGE                                                                                     \
    {                                                                                              \
        "page", 0, FLAG_TEXT, "TOKEN", "go on behind a list that was cut", 0, 0, NULL              \
    }
#define F_SORT                                                                                     \
    {                                                                                              \
        "sort", 0, FLAG_TEXT, "FIELD", "in the order of a field; -FIELD: descending", 0, 0, NULL   \
    }
#define F_NODE                                                                                     \
    {                                                                                              \
        "node", 0, FLAG_TEXT, "NODE", "only on that node", 0, 0, NULL                              \
    }
#define F_ON                                                                                       \
    {                                                                                              \
        "on", 0, FLAG_TEXT, "NODE", "on that node", 0, 0, NULL                                     \
    }

/* ---- what belongs together ---- */

static const char *
one_or_selector(const struct args *args)
{
    bool selector = args_on(args, "selector");
    return (args->word_count == 1) == selector
               ? "name one tasklet, or --selector for those that fit"
               : NULL;
}

static const char *
check_migrate(const struct args *args)
{
    return !args_on(args, "to") ? "where to? --to NODE or --to auto" : one_or_selector(args);
}

static const char *
check_export(const struct args *args)
{
    return !args_on(args, "file")                      ? "to which file? -f FILE"
           : strcmp(args_text(args, "file"), "-") == 0 ? "it writes a file, not stdout: -f FILE"
                                                       : NULL;
}

static const char *
check_balancer(const struct args *args)
{
    const char *word = args->words[0];
    bool known = strcmp(word, "on") == 0 || strcmp(word, "off") == 0 || strcmp(word, "status") == 0;
    return known ? NULL : "it is on, off or status";
}

static const char *
check_spawn(const struct args *args)
{
    const char *slash = strchr(args->words[0], '/');
    return slash == NULL || slash == args->words[0] || slash[1] == '\0'
               ? "a code is written MODULE/CODE, like tally/Tally"
               : NULL;
}

/* A serial number is shown and taken as 16 hex digits. */
static const char *
check_serial(const struct args *args)
{
    const char *word = args->words[0];
    size_t size = strspn(word, "0123456789abcdefABCDEF");
    return size != 16 || word[size] != '\0'
               ? "a serial number has 16 hex digits, as `stint keys list` shows them"
               : NULL;
}

static const char *
check_shell(const struct args *args)
{
    const char *word = args->words[0];
    return strcmp(word, "bash") == 0 || strcmp(word, "zsh") == 0 || strcmp(word, "fish") == 0
               ? NULL
               : "it is bash, zsh or fish";
}

const struct flag global_flags[] = {
    { "endpoint", 'e', FLAG_TEXT, "URI", "a node, tcp://HOST:PORT; repeatable (STINT_ENDPOINT)", 0,
      0, NULL },
    { "keys", 0, FLAG_TEXT, "DIR", "the key directory (STINT_KEYS)", 0, 0, NULL },
    { "identity", 0, FLAG_TEXT, "NAME",
      "which identity of it; default: the operator there is (STINT_IDENTITY)", 0, 0, NULL },
    { "context", 0, FLAG_TEXT, "NAME",
      "endpoint, keys, identity from a file of contexts (STINT_CONTEXT)", 0, 0, NULL },
    { "insecure", 0, FLAG_SWITCH, "", "development keys; loopback only", 0, 0, NULL },
    { "output", 'o', FLAG_CHOICE, "FORMAT", "table, wide, json, jsonl or name", 0, 0,
      "table|wide|json|jsonl|name" },
    { "timeout", 0, FLAG_DURATION, "D",
      "how long it may take; default 5s, with `node drain --wait` 1m", 0, 0, NULL },
    { "watch", 0, FLAG_WATCH, "D", "again and again, every D (2s)", 0, 0, NULL },
    { "dry-run", 0, FLAG_SWITCH, "", "say what would be done", 0, 0, NULL },
    { "yes", 'y', FLAG_SWITCH, "", "do not ask", 0, 0, NULL },
    { "reason", 0, FLAG_TEXT, "TEXT", "stands in the cluster's records", 0, 0, NULL },
    { "quiet", 'q', FLAG_SWITCH, "", "no notes on stderr", 0, 0, NULL },
    { "verbose", 'v', FLAG_SWITCH, "", "more of them", 0, 0, NULL },
    { "help", 'h', FLAG_SWITCH, "", "this help", 0, 0, NULL },
    { "version", 0, FLAG_SWITCH, "", "the version", 0, 0, NULL },
};
const size_t global_flag_count = sizeof global_flags / sizeof global_flags[0];

const struct command commands[] = {
    { .noun = "keys",
      .verb = "init",
      .words = "[DIR]",
      .words_max = 1,
      .help = "make a cluster authority in a key directory",
      .example = "stint keys init /etc/stint/keys",
      .run = cmd_keys_init },
    { .noun = "keys",
      .verb = "issue",
      .words = "ROLE NAME",
      .words_min = 2,
      .words_max = 2,
      .flags = { { "out", 0, FLAG_TEXT, "DIR", "write it there, for carrying to another machine", 0,
                   0, NULL },
                 { "days", 0, FLAG_NUMBER, "N",
                   "how long it is valid; default 90 for nodes and operators, else 30", 1, 36500,
                   NULL } },
      .help = "issue an identity: node, client, operator or observer",
      .example = "stint --keys /etc/stint/keys keys issue node n1 --out carried",
      .run = cmd_keys_issue },
    { .noun = "keys",
      .verb = "list",
      .words = "",
      .help = "list the identities of the key directory",
      .example = "stint --keys /etc/stint/keys keys list -o wide",
      .run = cmd_keys_list },
    { .noun = "keys",
      .verb = "revoke",
      .words = "SERIAL",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .destroys = DESTROYS_ALWAYS,
      .help = "refuse a certificate from now on",
      .example = "stint keys revoke 7c21a0e43b9d5f60 --yes --reason 'laptop lost'",
      .check = check_serial,
      .run = cmd_keys_revoke },

    { .noun = "node",
      .verb = "list",
      .words = "",
      .needs = NEEDS_CLIENT,
      .watches = true,
      .help = "list the nodes",
      .example = "stint node list --watch=1s",
      .run = cmd_node_list },
    { .noun = "node",
      .verb = "describe",
      .words = "NODE",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .watches = true,
      .help = "show a node",
      .example = "stint node describe n2 -o json",
      .run = cmd_node_describe },
    { .noun = "node",
      .verb = "cordon",
      .words = "NODE",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .help = "let it take no new tasklets",
      .example = "stint node cordon n2 --reason 'new kernel tonight'",
      .run = cmd_node_cordon },
    { .noun = "node",
      .verb = "uncordon",
      .words = "NODE",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .help = "let it take tasklets again, and end a drain",
      .example = "stint node uncordon n2",
      .run = cmd_node_uncordon },
    { .noun = "node",
      .verb = "drain",
      .words = "NODE",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .destroys = DESTROYS_ALWAYS,
      .flags = { { "to", 0, FLAG_TEXT, "NODES", "only to these, comma separated", 0, 0, NULL },
                 { "rate", 0, FLAG_RATE, "N/s", "at most so many moves a second", 1, NUMBER_MAX,
                   NULL },
                 { "leave", 0, FLAG_SWITCH, "", "then it leaves the cluster and ends", 0, 0, NULL },
                 { "wait", 0, FLAG_SWITCH, "", "until it is empty", 0, 0, NULL } },
      .help = "move its tasklets to other nodes",
      .example = "stint node drain n2 --to n1,n3 --rate 50/s --wait --yes",
      .run = cmd_node_drain },
    { .noun = "node",
      .verb = "stop",
      .words = "NODE",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .destroys = DESTROYS_ALWAYS,
      .flags = { { "drain", 0, FLAG_SWITCH, "", "move its tasklets to other nodes first", 0, 0,
                   NULL } },
      .help = "end a node",
      .example = "stint node stop n2 --drain --yes",
      .run = cmd_node_stop },

    { .noun = "cluster",
      .verb = "status",
      .words = "",
      .needs = NEEDS_CLIENT,
      .watches = true,
      .help = "show the cluster",
      .example = "stint cluster status -o json",
      .run = cmd_cluster_status },
    { .noun = "cluster",
      .verb = "balance",
      .words = "",
      .needs = NEEDS_CLIENT,
      .flags = { { "max-moves", 0, FLAG_NUMBER, "N", "at most so many", 1, NUMBER_MAX, NULL } },
      .help = "spread the load now",
      .example = "stint cluster balance --dry-run",
      .run = cmd_cluster_balance },
    { .noun = "cluster",
      .verb = "balancer",
      .words = "on|off|status",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .help = "let the cluster spread the load by itself, or not",
      .example = "stint cluster balancer off",
      .check = check_balancer,
      .run = cmd_cluster_balancer },
    { .noun = "module",
      .verb = "list",
      .words = "",
      .needs = NEEDS_CLIENT,
      .watches = true,
      .help = "list the modules of the nodes",
      .example = "stint module list",
      .run = cmd_module_list },

    { .noun = "tasklet",
      .verb = "spawn",
      .words = "MODULE/CODE",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .flags = { { "args", 0, FLAG_TEXT, "JSON",
                   "its local variables to begin with; - reads them from stdin", 0, 0, NULL },
                 F_ON,
                 { "count", 0, FLAG_NUMBER, "N", "so many of them", 1, 100000, NULL },
                 { "pinned", 0, FLAG_SWITCH, "", "it is never moved", 0, 0, NULL },
                 { "tags", 0, FLAG_TEXT, "K=V,K=V", "to find it by: --selector tag.K=V", 0, 0,
                   NULL } },
      .help = "begin a tasklet",
      .example = "stint tasklet spawn tally/Tally --args '{\"name\":\"a\"}' --on n1",
      .check = check_spawn,
      .run = cmd_tasklet_spawn },
    { .noun = "tasklet",
      .verb = "list",
      .words = "",
      .needs = NEEDS_CLIENT,
      .watches = true,
      .flags = { F_SELECTOR,
                 F_NODE,
                 F_SORT,
                 F_LIMIT,
                 F_PAGE,
                 { "all", 0, FLAG_SWITCH, "", "those of the system, too", 0, 0, NULL } },
      .help = "list tasklets",
      .example = "stint tasklet list --selector 'node=n1 and state=blocked' --sort -size_bytes",
      .run = cmd_tasklet_list },
    { .noun = "tasklet",
      .verb = "describe",
      .words = "ID",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .watches = true,
      .help = "show a tasklet",
      .example = "stint tasklet describe 3f9a",
      .run = cmd_tasklet_describe },
    { .noun = "tasklet",
      .verb = "stack",
      .words = "ID|FILE",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT_UNLESS_FILE,
      .watches = true,
      .help = "show its frames with their local variables",
      .example = "stint tasklet stack 3f9a",
      .run = cmd_tasklet_stack },
    { .noun = "tasklet",
      .verb = "explain",
      .words = "ID",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .flags = { { "to", 0, FLAG_TEXT, "NODE", "to that node", 0, 0, NULL } },
      .help = "say whether it can move, and why not",
      .example = "stint tasklet explain 3f9a --to n2",
      .run = cmd_tasklet_explain },
    { .noun = "tasklet",
      .verb = "migrate",
      .words = "[ID]",
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .destroys = DESTROYS_WITH_SELECTOR,
      .flags = { F_SELECTOR,
                 { "to", 0, FLAG_TEXT, "NODE", "a node, or auto", 0, 0, NULL },
                 { "wait", 0, FLAG_SWITCH, "", "until it is over", 0, 0, NULL } },
      .help = "move tasklets",
      .example = "stint tasklet migrate --selector code=Tally --to auto --wait --yes",
      .check = check_migrate,
      .run = cmd_tasklet_migrate },
    { .noun = "tasklet",
      .verb = "wait",
      .words = "ID",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .flags = { { "for", 0, FLAG_CHOICE, "WHAT", "ended (default), moved or blocked", 0, 0,
                   "ended|moved|blocked" } },
      .help = "wait for a tasklet",
      .example = "stint tasklet wait 3f9a --for ended --timeout 1m",
      .run = cmd_tasklet_wait },
    { .noun = "tasklet",
      .verb = "pause",
      .words = "ID",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .help = "let it not run",
      .example = "stint tasklet pause 3f9a",
      .run = cmd_tasklet_pause },
    { .noun = "tasklet",
      .verb = "resume",
      .words = "ID",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .help = "let it run again",
      .example = "stint tasklet resume 3f9a",
      .run = cmd_tasklet_resume },
    { .noun = "tasklet",
      .verb = "kill",
      .words = "[ID]",
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .destroys = DESTROYS_ALWAYS,
      .flags = { F_SELECTOR, { "pending", 0, FLAG_SWITCH, "", "when it runs next", 0, 0, NULL } },
      .help = "end tasklets",
      .example = "stint tasklet kill 3f9a --yes",
      .check = one_or_selector,
      .run = cmd_tasklet_kill },
    { .noun = "tasklet",
      .verb = "export",
      .words = "ID",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .flags = { { "file", 'f', FLAG_TEXT, "FILE", "the file to write", 0, 0, NULL },
                 { "move", 0, FLAG_SWITCH, "", "it lives in the file alone from then on", 0, 0,
                   NULL } },
      .help = "write a tasklet to a file",
      .example = "stint tasklet export 3f9a -f tally.stint --move",
      .check = check_export,
      .run = cmd_tasklet_export },
    { .noun = "tasklet",
      .verb = "import",
      .words = "FILE",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .destroys = DESTROYS_ALWAYS,
      .flags = { F_ON, { "paused", 0, FLAG_SWITCH, "", "it does not run yet", 0, 0, NULL } },
      .help = "make a tasklet from a file",
      .example = "stint tasklet import tally.stint --on n2 --paused --yes",
      .run = cmd_tasklet_import },

    { .noun = "channel",
      .verb = "list",
      .words = "",
      .needs = NEEDS_CLIENT,
      .watches = true,
      .flags = { F_NODE, F_LIMIT, F_PAGE },
      .help = "list channels",
      .example = "stint channel list --node n1",
      .run = cmd_channel_list },
    { .noun = "channel",
      .verb = "describe",
      .words = "ID|NAME",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .watches = true,
      .help = "show a channel",
      .example = "stint channel describe answers",
      .run = cmd_channel_describe },
    { .noun = "channel",
      .verb = "create",
      .words = "",
      .needs = NEEDS_CLIENT,
      .flags = { { "name", 0, FLAG_TEXT, "N", "a name for it", 0, 0, NULL },
                 { "capacity", 0, FLAG_NUMBER, "N",
                   "values that it keeps; 0: none, sender and receiver meet", 0, 65536, NULL },
                 { "type", 0, FLAG_TEXT, "MSG", "the message type of its values", 0, 0, NULL },
                 F_ON },
      .help = "make a channel",
      .example = "stint channel create --name answers --type hello.Answer --capacity 4",
      .run = cmd_channel_create },
    { .noun = "channel",
      .verb = "send",
      .words = "ID|NAME JSON",
      .words_min = 2,
      .words_max = 2,
      .needs = NEEDS_CLIENT,
      .flags = { { "type", 0, FLAG_TEXT, "MSG", "its type, if the channel has none yet", 0, 0,
                   NULL } },
      .help = "send a value; - reads it from stdin",
      .example = "stint channel send greeter '{\"name\":\"Ada\",\"reply\":\"answers\"}'",
      .run = cmd_channel_send },
    { .noun = "channel",
      .verb = "receive",
      .words = "ID|NAME",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .flags = { { "count", 0, FLAG_NUMBER, "N", "so many values", 1, NUMBER_MAX, NULL } },
      .help = "receive a value",
      .example = "stint channel receive answers --count 3 -o jsonl",
      .run = cmd_channel_receive },
    { .noun = "channel",
      .verb = "close",
      .words = "ID|NAME",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .destroys = DESTROYS_ALWAYS,
      .flags = { { "wake", 0, FLAG_SWITCH, "", "end all that wait on it", 0, 0, NULL } },
      .help = "close a channel",
      .example = "stint channel close answers --wake --yes",
      .run = cmd_channel_close },

    { .noun = "migration",
      .verb = "list",
      .words = "",
      .needs = NEEDS_CLIENT,
      .watches = true,
      .flags = { F_LIMIT,
                 F_NODE,
                 F_PAGE,
                 { "follow", 0, FLAG_SWITCH, "", "go on with new ones until interrupted", 0, 0,
                   NULL } },
      .help = "list moves, the newest first",
      .example = "stint migration list --follow",
      .run = cmd_migration_list },
    { .noun = "migration",
      .verb = "describe",
      .words = "ID",
      .words_min = 1,
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .watches = true,
      .help = "show a move with its phases",
      .example = "stint migration describe 81c0 -o json",
      .run = cmd_migration_describe },

    { .noun = "ping",
      .verb = "",
      .words = "[NODE]",
      .words_max = 1,
      .needs = NEEDS_CLIENT,
      .flags = { { "count", 0, FLAG_NUMBER, "N", "so many times", 1, 1000000, NULL } },
      .help = "ask a node whether it is there",
      .example = "stint ping n2 --count 3",
      .run = cmd_ping },
    { .noun = "top",
      .verb = "",
      .words = "",
      .needs = NEEDS_CLIENT,
      .help = "a live screen of nodes, tasklets and moves",
      .example = "stint top",
      .run = cmd_top },
    { .noun = "completion",
      .verb = "",
      .words = "bash|zsh|fish",
      .words_min = 1,
      .words_max = 1,
      .help = "print a completion script for a shell",
      .example = "source <(stint completion bash)",
      .check = check_shell,
      .run = cmd_completion },
    { .noun = "version",
      .verb = "",
      .words = "",
      .help = "print the version",
      .example = "stint version",
      .run = cmd_version },
    { .noun = "help",
      .verb = "",
      .words = "[TOPIC]",
      .words_max = 2,
      .help = "help on a command",
      .example = "stint help tasklet migrate",
      .run = cmd_help },
};
const size_t command_count = sizeof commands / sizeof commands[0];
