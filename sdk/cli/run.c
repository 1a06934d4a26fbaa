/* SPDX-License-Identifier: Apache-2.0 */
/* From the command line to an exit code: asking first, connecting, running once or again and again.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "complete.h"

enum { ERROR_SIZE = 512 };

/* What a signal handler may touch. */
static struct stint_client *volatile signalled_client;
static volatile sig_atomic_t interrupted;

static void
on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
    if (signalled_client != NULL) {
        stint_client_interrupt(signalled_client);
    }
}

bool
cli_interrupted(void)
{
    return interrupted != 0;
}

void
cli_ends_with(int signal_number)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    (void)sigaction(signal_number, &action, NULL);
}

uint64_t
cli_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint32_t
cli_left(const struct cli *cli)
{
    uint64_t now = cli_now_ms();
    return now >= cli->deadline_ms ? 1 : (uint32_t)(cli->deadline_ms - now);
}

bool
cli_pause(struct cli *cli, uint32_t ms)
{
    uint64_t until = cli_now_ms() + ms;
    bool over = until >= cli->deadline_ms;
    until = over ? cli->deadline_ms : until;
    for (uint64_t now = cli_now_ms(); now < until && !interrupted; now = cli_now_ms()) {
        struct pollfd p = { .fd = stint_client_fd(cli->client), .events = POLLIN };
        int most = stint_client_timeout_ms(cli->client);
        int wait = (int)(until - now);
        (void)poll(&p, 1, most >= 0 && most < wait ? most : wait);
        stint_client_process(cli->client);
    }
    return !over && !interrupted;
}

bool
cli_await(struct cli *cli, const struct stint_call *call, uint32_t ms)
{
    uint64_t until = cli_now_ms() + ms;
    for (uint64_t now = cli_now_ms(); !stint_call_done(call) && now < until && !interrupted;
         now = cli_now_ms()) {
        struct pollfd p = { .fd = stint_client_fd(cli->client), .events = POLLIN };
        int most = stint_client_timeout_ms(cli->client);
        int wait = (int)(until - now);
        (void)poll(&p, 1, most >= 0 && most < wait ? most : wait);
        stint_client_process(cli->client);
    }
    return stint_call_done(call);
}

/* ---- asking first ---- */

static bool
destroys(const struct args *args)
{
    switch (args->command->destroys) {
    case DESTROYS_NOTHING:
        return false;
    case DESTROYS_ALWAYS:
        return true;
    case DESTROYS_WITH_SELECTOR:
        return args_on(args, "selector");
    }
    return false;
}

/* Waits for a line, or for the signal that spares it: one that comes just before the waiting ends
 * it, too. */
static bool
await_answer(void)
{
    sigset_t ends, before;
    fd_set in;
    FD_ZERO(&in);
    FD_SET(STDIN_FILENO, &in);
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ends, &before);
    bool there = !interrupted && pselect(STDIN_FILENO + 1, &in, NULL, NULL, NULL, &before) == 1;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return there;
}

/* EXIT_DONE: go on. */
static int
ask_first(const struct cli *cli)
{
    const struct args *args = cli->args;
    const struct command *command = args->command;
    if (!destroys(args) || args->yes || args->dry_run) {
        return EXIT_DONE;
    }
    char object[64];
    const char *named = args->word_count != 0        ? args->words[0]
                        : args_has(args, "selector") ? args_text(args, "selector")
                                                     : NULL;
    (void)text_shown(named != NULL ? named : "", object, sizeof object);
    if (isatty(STDIN_FILENO) == 0 || !cli->talks) {
        fprintf(stderr,
                "stint: %s %s %s destroys or changes running work; say --yes where nobody can be "
                "asked (exit %d)\n",
                command->noun, command->verb, object, EXIT_USAGE);
        return EXIT_USAGE;
    }
    char answer[16] = "";
    fprintf(stderr, "%s %s %s: are you sure? [y/N] ", command->noun, command->verb, object);
    bool answered = await_answer() && fgets(answer, sizeof answer, stdin) != NULL;
    if (interrupted || !answered || (answer[0] != 'y' && answer[0] != 'Y')) {
        int code = interrupted ? EXIT_INTERRUPTED : EXIT_FAILED;
        fprintf(stderr, "%sstint: nothing was done (exit %d)\n", answered ? "" : "\n", code);
        return code;
    }
    return EXIT_DONE;
}

/* ---- where, and as whom ---- */

static bool
environment_says(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0';
}

const char *
cli_keys(const struct cli *cli)
{
    return cli->args->keys != NULL          ? cli->args->keys
           : environment_says("STINT_KEYS") ? getenv("STINT_KEYS")
           : cli->context.keys[0] != '\0'   ? cli->context.keys
                                            : NULL;
}

/* --context, or STINT_CONTEXT for what asks a cluster or its keys. */
static int
read_context(struct cli *cli)
{
    const struct args *args = cli->args;
    bool wanted = args->command->needs != NEEDS_NOTHING || strcmp(args->noun, "keys") == 0;
    const char *name = args->context;
    char error[CONTEXT_PATH_SIZE + 640];
    if (name == NULL && wanted && environment_says("STINT_CONTEXT")) {
        name = getenv("STINT_CONTEXT");
    }
    if (name == NULL) {
        return EXIT_DONE;
    }
    enum exit_code code = context_load(&cli->context, name, error, sizeof error);
    return code == EXIT_DONE ? EXIT_DONE : cli_fail_exit((int)code, "use the context", name, error);
}

void
cli_client_options(const struct cli *cli, const char *endpoints[ENDPOINTS_MAX],
                   struct stint_client_options *options)
{
    const struct args *args = cli->args;
    const struct context *context = &cli->context;
    unsigned count = args->endpoint_count;
    memcpy(endpoints, args->endpoints, count * sizeof *endpoints);
    for (unsigned i = 0; args->endpoint_count == 0 && !environment_says("STINT_ENDPOINT") &&
                         i < context->endpoint_count;
         i++) {
        endpoints[count++] = context->endpoints[i];
    }
    options->endpoints = endpoints;
    options->endpoint_count = count;
    options->keys_dir = cli_keys(cli);
    options->identity = args->identity;
    if (args->identity == NULL && !environment_says("STINT_IDENTITY") &&
        context->identity[0] != '\0') {
        options->identity = context->identity;
    }
    options->insecure = args->insecure || (context->insecure && options->keys_dir == NULL);
}

/* ---- the client ---- */

static const char *
way_out(enum stint_status status)
{
    switch (status) {
    case STINT_EXPIRED:
        return "; `stint keys issue` makes a new one";
    case STINT_REVOKED:
        return "; it takes another identity: `stint keys issue`";
    case STINT_WRONG_CLUSTER:
    case STINT_BAD_CERTIFICATE:
        return "; are --keys those of this cluster?";
    case STINT_BAD_VERSION:
        return "; the tool and the node must be of versions that know each other";
    default:
        return exit_of(status) == EXIT_UNREACHABLE
                   ? "; is a node running there? --endpoint names another"
                   : "";
    }
}

/* Who was asked stands in the line, whatever the client says of it, and what can be done. */
static int
fail_to_connect(const struct cli *cli, enum stint_status status, const char *error,
                const struct stint_client_options *options)
{
    if (cli_interrupted()) {
        return cli_fail(cli, status, "connect", NULL);
    }
    char why[STINT_CLIENT_ERROR_SIZE + 256];
    char asked[160] = "";
    if (exit_of(status) == EXIT_UNREACHABLE && strstr(error, "://") == NULL) {
        const char *all =
            options->endpoint_count != 0 ? options->endpoints[0] : getenv("STINT_ENDPOINT");
        snprintf(asked, sizeof asked, "%.120s%s: ", all != NULL ? all : "the cluster",
                 options->endpoint_count > 1 ? " and others" : "");
    }
    snprintf(why, sizeof why, "%s%s%s", asked, error, way_out(status));
    return cli_fail_text(status, "connect", NULL, why);
}

static int
connect_client(struct cli *cli)
{
    const struct args *args = cli->args;
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    const char *endpoints[ENDPOINTS_MAX];
    cli_client_options(cli, endpoints, &options);
    char error[STINT_CLIENT_ERROR_SIZE];
    struct stint_client *client;
    enum stint_status status = stint_client_open(&options, &client, error, sizeof error);
    if (status != STINT_OK) {
        char why[STINT_CLIENT_ERROR_SIZE + 128];
        snprintf(why, sizeof why, "%s%s%s", error,
                 status == STINT_AMBIGUOUS ? " with --identity" : "", /* "...; name one" */
                 way_out(status));
        return cli_fail_text(status, "connect", NULL, why);
    }
    cli->client = client;
    signalled_client = client;
    status = stint_client_connect(client, cli_left(cli));
    if (status != STINT_OK) {
        return fail_to_connect(cli, status, stint_client_error(client), &options);
    }
    if (args->verbose) {
        cli_note(cli, "connected to %s", stint_client_node(client));
    }
    return EXIT_DONE;
}

static void
close_client(struct cli *cli)
{
    signalled_client = NULL;
    if (cli->client != NULL) {
        stint_client_close(cli->client, 0);
        cli->client = NULL;
    }
}

/* "tasklet stack FILE" needs no cluster: what has a slash or a dot, or is there, is a file. */
static bool
is_file(const char *word)
{
    return strpbrk(word, "/.") != NULL || access(word, F_OK) == 0;
}

static bool
needs_client(const struct args *args)
{
    switch (args->command->needs) {
    case NEEDS_NOTHING:
        return false;
    case NEEDS_CLIENT:
        return true;
    case NEEDS_CLIENT_UNLESS_FILE:
        return !is_file(args->words[0]);
    }
    return false;
}

/* ---- running ---- */

static unsigned
terminal_width(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static uint32_t
timeout_of(const struct args *args)
{
    if (args->timeout_ms != 0) {
        return args->timeout_ms;
    }
    /* A drain that is waited for is long work. */
    bool drain = args->command->run == cmd_node_drain && args_on(args, "wait");
    return drain ? CLI_LONG_TIMEOUT_MS : CLI_TIMEOUT_MS;
}

static int
run_once(struct cli *cli)
{
    const struct args *args = cli->args;
    out_init(&cli->out, stdout, args->format);
    cli->out.colour = cli->colour;
    cli->out.width = cli->terminal ? terminal_width() : 0;
    int code = args->command->run(cli);
    cli_progress(cli, "%s", "");
    if (!out_end(&cli->out) && !interrupted) {
        fprintf(stderr, "stint: cannot write the output: %s (exit %d)\n",
                errno != 0 ? strerror(errno) : "out of memory", EXIT_FAILED);
        code = EXIT_FAILED;
    }
    return interrupted && code != EXIT_DONE ? EXIT_INTERRUPTED : code;
}

/* What another look cannot change. */
static bool
is_final(int code)
{
    return code == EXIT_USAGE || code == EXIT_NOT_FOUND || code == EXIT_UNAUTHORISED;
}

static int
run(struct cli *cli)
{
    const struct args *args = cli->args;
    uint32_t timeout = timeout_of(args);
    cli->deadline_ms = cli_now_ms() + timeout;
    int code = needs_client(args) ? connect_client(cli) : EXIT_DONE;
    if (code != EXIT_DONE) {
        return cli_interrupted() ? EXIT_INTERRUPTED : code;
    }
    code = run_once(cli);
    while (args->watch_ms != 0 && !interrupted && cli->client != NULL && !is_final(code)) {
        cli->deadline_ms = UINT64_MAX;
        if (!cli_pause(cli, args->watch_ms)) {
            break;
        }
        cli->deadline_ms = cli_now_ms() + timeout;
        if (cli->terminal) {
            fputs("\033[H\033[2J", stdout);
        } else if (args->format == FORMAT_TABLE || args->format == FORMAT_WIDE) {
            fputc('\n', stdout);
        }
        code = run_once(cli);
    }
    return args->watch_ms != 0 && interrupted ? EXIT_INTERRUPTED : code;
}

static bool
has_terminal(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) != 0 && (term == NULL || strcmp(term, "dumb") != 0);
}

int
cli_main(int argc, char **argv)
{
    struct args args;
    char error[ERROR_SIZE];
    if (argc > 1 && strcmp(argv[1], COMPLETE_WORD) == 0) {
        return complete_main(argc - 2, argv + 2);
    }
    if (!args_read(&args, argc - 1, argv + 1, error, sizeof error)) {
        char line[ERROR_SIZE * 4];
        fprintf(stderr, "stint: %s (exit %d)\n", text_shown(error, line, sizeof line), EXIT_USAGE);
        return EXIT_USAGE;
    }
    struct cli cli = { .args = &args,
                       .terminal = has_terminal(STDOUT_FILENO),
                       .talks = has_terminal(STDERR_FILENO) };
    cli.colour = cli.terminal && !environment_says("NO_COLOR");
    if (args.help || args.version || args.command == NULL) {
        out_init(&cli.out, stdout, FORMAT_TABLE);
        int code = args.version ? cmd_version(&cli) : cmd_help(&cli);
        return out_end(&cli.out) ? code : EXIT_FAILED;
    }
    cli_ends_with(SIGINT);
    cli_ends_with(SIGTERM);
    int code = read_context(&cli);
    code = code == EXIT_DONE ? ask_first(&cli) : code;
    if (code == EXIT_DONE) {
        code = run(&cli);
    }
    close_client(&cli);
    return code;
}
