/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tool `stint`: what its files share. One table of commands (commands.c) drives parsing, help,
 * completion and errors; a handler gets the parsed command line, asks the cluster through
 * stint/client.h and stint/admin.h, and writes items through out.h. Data goes to stdout, everything
 * else to stderr.
 */
#ifndef STINT_CLI_CLI_H
#define STINT_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "args.h"
#include "context.h"
#include "exits.h"
#include "out.h"
#include "stint/admin.h"
#include "stint/client.h"

enum { CLI_TIMEOUT_MS = 5000, CLI_LONG_TIMEOUT_MS = 60000, CLI_WATCH_MS = 2000, CLI_PAGE = 10000 };

struct cli {
    const struct args *args;
    struct context context;      /* what neither a flag nor the environment says */
    struct stint_client *client; /* NULL for commands that need none */
    struct out out;
    uint64_t deadline_ms; /* monotonic; of the whole command, or of one round of --watch */
    bool terminal;        /* stdout is one */
    bool colour;          /* it is one, and NO_COLOR is not set */
    bool progress;        /* a line of it stands on the terminal */
    bool talks;           /* stderr is one: progress is shown, questions are asked */
};

/* ---- run.c ---- */

/* The whole program; gives its exit code. */
int cli_main(int argc, char **argv);

/* Time that is left for the next call, in ms; at least 1. */
uint32_t cli_left(const struct cli *cli);
uint64_t cli_now_ms(void);

/* Waits, but not longer than the command may take and not when it was interrupted. False: do not go
 * on. */
bool cli_pause(struct cli *cli, uint32_t ms);
bool cli_interrupted(void);

/* Serves the client until the call is over, at most so long and not when interrupted; true: it is
 * over. The call has a deadline of its own: that of the command does not count. */
bool cli_await(struct cli *cli, const struct stint_call *call, uint32_t ms);

/* One more signal that ends the command as an interrupt does. */
void cli_ends_with(int signal_number);

/* The key directory: --keys, STINT_KEYS, of the context; NULL: none of them. */
const char *cli_keys(const struct cli *cli);

/* Where the cluster is and as whom to ask it, by flags, environment and context. `endpoints` holds
 * the list and must live as long as the options are used. */
void cli_client_options(const struct cli *cli, const char *endpoints[ENDPOINTS_MAX],
                        struct stint_client_options *options);

/* ---- notes.c: stderr ---- */

/*
 * One line about a failure, and its exit code:
 *     stint: cannot DO OBJECT: why (exit N)
 * `object` may be NULL. cli_fail takes the line of the client's last failure.
 */
int cli_fail(const struct cli *cli, enum stint_status status, const char *what, const char *object);
int cli_fail_text(enum stint_status status, const char *what, const char *object, const char *why);

/* The same with an exit code of its own. */
int cli_fail_exit(int code, const char *what, const char *object, const char *why);

/* A line about an end that is none, or not a whole one, in other words: it stands with -q, too. */
int cli_say_exit(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line that is no failure; not with -q. */
void cli_note(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define CLI_NONE_FITS "no tasklet fits --selector; `stint tasklet list` shows all"

/* Progress: one line of a terminal, written over by the next; an empty text ends it. Nothing when
 * stderr is no terminal. */
void cli_progress(struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- lists.c ---- */

/* A list that is gathered from the nodes, as a command shows it. */
struct list_kind {
    const char *what; /* "list tasklets", for errors */
    enum stint_status (*ask)(struct stint_client *client, const struct stint_query *query,
                             uint32_t timeout_ms, struct stint_list **list); /* NULL: no pages */
    bool (*put)(struct out *out, struct stint_list *list); /* the next item; false: no more */
    const char *columns, *wide;                            /* of a table; `wide` has more of them */
    const char *name;                                      /* what -o name shows */
};

/* Asks by the command's flags (selector, node, sort, limit, page, all, as far as it has them), page
 * by page. */
int cli_list(struct cli *cli, const struct list_kind *kind);

/* A list that came as one answer, or the failure to get it. Frees it. */
int cli_put_list(struct cli *cli, const struct list_kind *kind, enum stint_status status,
                 struct stint_list *list);

/* ---- format.c ---- */

/* RFC 3339 in UTC with milliseconds. */
#define CLI_TIME_SIZE 32
const char *cli_time(uint64_t wall_ms, char out[CLI_TIME_SIZE]);

/* "12.5M" for people. */
#define CLI_SIZE_SIZE 32
const char *cli_size(uint64_t bytes, char out[CLI_SIZE_SIZE]);

/* "3d", "5m", "250ms" for people. */
const char *cli_duration(uint64_t ms, char out[CLI_SIZE_SIZE]);
const char *cli_duration_us(uint64_t us, char out[CLI_SIZE_SIZE]); /* "220us", "1.4ms", "3s" */

/*
 * A JSON argument: itself, or what stands on stdin for "-". NULL (and said so) when that cannot be
 * read or is longer than any value. Free it.
 */
char *cli_json(const char *argument);

/* ---- handlers: each returns the exit code ---- */

int cmd_keys_init(struct cli *cli);
int cmd_keys_issue(struct cli *cli);
int cmd_keys_list(struct cli *cli);
int cmd_keys_revoke(struct cli *cli);

int cmd_node_list(struct cli *cli);
int cmd_node_describe(struct cli *cli);
int cmd_node_cordon(struct cli *cli);
int cmd_node_uncordon(struct cli *cli);
int cmd_node_drain(struct cli *cli);
int cmd_node_stop(struct cli *cli);

int cmd_cluster_status(struct cli *cli);
int cmd_cluster_balance(struct cli *cli);
int cmd_cluster_balancer(struct cli *cli);
int cmd_module_list(struct cli *cli);

int cmd_tasklet_spawn(struct cli *cli);
int cmd_tasklet_list(struct cli *cli);
int cmd_tasklet_describe(struct cli *cli);
int cmd_tasklet_stack(struct cli *cli);
int cmd_tasklet_explain(struct cli *cli);
int cmd_tasklet_migrate(struct cli *cli);
int cmd_tasklet_wait(struct cli *cli);
int cmd_tasklet_pause(struct cli *cli);
int cmd_tasklet_resume(struct cli *cli);
int cmd_tasklet_kill(struct cli *cli);
int cmd_tasklet_export(struct cli *cli);
int cmd_tasklet_import(struct cli *cli);

int cmd_channel_list(struct cli *cli);
int cmd_channel_describe(struct cli *cli);
int cmd_channel_create(struct cli *cli);
int cmd_channel_send(struct cli *cli);
int cmd_channel_receive(struct cli *cli);
int cmd_channel_close(struct cli *cli);

int cmd_migration_list(struct cli *cli);
int cmd_migration_describe(struct cli *cli);

int cmd_ping(struct cli *cli);
int cmd_top(struct cli *cli);
int cmd_version(struct cli *cli);
int cmd_help(struct cli *cli);
int cmd_completion(struct cli *cli);

/* Items that several commands show. */
void put_move(struct out *out, const struct stint_move_item *m);
extern const struct list_kind move_list;

/* Moves that would be made, or are being made. `none` is the exit code when not one can be. */
int cli_put_plan(struct cli *cli, const char *what, int none, enum stint_status status,
                 struct stint_list *list);

/*
 * What an action did, or in a dry run would do. In a table "would ..." or the fields; in JSON the
 * fields, and "dry_run":true. Between both come the fields.
 */
void cli_result(struct cli *cli, const char *name_field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int cli_result_end(struct cli *cli);

/* ---- cmd_kill.c: `tasklet kill --selector` ---- */

int cli_kill_selected(struct cli *cli);

/* For dry runs: whether there is such a node. Who may not look at nodes is not told so. NULL: any
 * node. */
enum stint_status cli_look_up_node(struct cli *cli, const char *node);

/* The whole id of a tasklet, asked for unless `name` is one. In a dry run it must be there. */
enum stint_status cli_find_tasklet(struct cli *cli, const char *name, char id[STINT_ID_TEXT_SIZE]);

#endif
