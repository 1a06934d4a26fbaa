/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One live screen, worth leaving open: asked anew each second, drawn anew when the terminal changes
 * its size or a key asks for it. When the connection is lost it says so over the last numbers and
 * goes on when it is back. Off a terminal one plain screen.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bar.h"
#include "cli.h"
#include "screen.h"
#include "terminal.h"
#include "top_data.h"

enum { TOP_PERIOD_MS = 1000, TOP_PATIENCE_MS = 2000, CONNECT_MS = 400, PLAIN_COLUMNS = 100 };

static void
draw(struct cli *cli, struct top_data *d)
{
    struct screen_form form = { .unicode = bar_is_unicode(), .colour = cli->colour, .live = true };
    struct text screen = { .data = NULL };
    terminal_size(&form.rows, &form.columns);
    d->screen.trouble = d->trouble;
    screen_render(&screen, &d->screen, &form);
    if (!screen.failed) {
        terminal_show(text_or_empty(&screen), screen.size);
    }
    text_free(&screen);
}

/* Asks, and remembers what went wrong. */
static void
refresh(struct cli *cli, struct top_data *d)
{
    char said[120];
    enum stint_status status = STINT_OK;
    if (stint_client_state(cli->client) != STINT_CLIENT_CONNECTED) {
        status = stint_client_connect(cli->client, CONNECT_MS);
    }
    status = status == STINT_OK ? top_ask(d, cli->client, TOP_PATIENCE_MS) : status;
    if (status == STINT_OK) {
        d->trouble[0] = '\0';
    } else if (!cli_interrupted()) {
        const char *why = stint_client_error(cli->client);
        (void)text_shown(why[0] != '\0' ? why : stint_strerror(status), said, sizeof said);
        snprintf(d->trouble, sizeof d->trouble, "no answer, trying again: %s", said);
    }
}

/* False: the screen is to be closed. */
static bool
take_key(struct top_data *d, char key, bool *again)
{
    switch (key) {
    case 'q':
    case 'Q':
        return false;
    case 's':
        d->screen.sort = SCREEN_BY_RATE;
        break;
    case 'm':
        d->screen.sort = SCREEN_BY_MOVES;
        break;
    case 'b':
        d->screen.sort = SCREEN_BY_SIZE;
        break;
    case ' ':
    case 'p':
        d->screen.paused = !d->screen.paused;
        break;
    default:
        return true;
    }
    top_sort(d);
    *again = true;
    return true;
}

/*
 * Until the time is over, or the screen is to be drawn again (*again), or closed: false. The client
 * is served meanwhile.
 */
static bool
attend(struct cli *cli, struct top_data *d, uint64_t until, bool *again)
{
    *again = false;
    for (uint64_t now = cli_now_ms(); now < until && !*again; now = cli_now_ms()) {
        struct pollfd p[] = { { .fd = stint_client_fd(cli->client), .events = POLLIN },
                              { .fd = STDIN_FILENO, .events = POLLIN } };
        int most = stint_client_timeout_ms(cli->client);
        int wait = (int)(until - now);
        bool keys = isatty(STDIN_FILENO) != 0;
        (void)poll(p, keys ? 2 : 1, most >= 0 && most < wait ? most : wait);
        stint_client_process(cli->client);
        for (char key = terminal_key(); key != 0; key = terminal_key()) {
            if (!take_key(d, key, again)) {
                return false;
            }
        }
        if (cli_interrupted() || (keys && (p[1].revents & (POLLHUP | POLLERR)) != 0)) {
            return false;
        }
        *again = terminal_stop_if_asked() || terminal_changed() || *again;
    }
    return true;
}

static int
run_live(struct cli *cli, struct top_data *d)
{
    cli_ends_with(SIGHUP);
    cli_ends_with(SIGQUIT);
    if (!terminal_enter()) {
        return cli_fail_exit(EXIT_FAILED, "show the screen", NULL, "stdout is no terminal");
    }
    cli->deadline_ms = UINT64_MAX;
    bool open = true;
    bool again = false;
    uint64_t next = cli_now_ms() + TOP_PERIOD_MS / 4; /* the first rates soon */
    draw(cli, d);
    while (open) {
        open = attend(cli, d, next, &again);
        if (open && !again) {
            next = cli_now_ms() + TOP_PERIOD_MS;
            if (!d->screen.paused) {
                refresh(cli, d);
            }
        }
        if (open && !cli_interrupted()) {
            draw(cli, d);
        }
    }
    terminal_leave();
    return cli_interrupted() ? EXIT_INTERRUPTED : EXIT_DONE;
}

static int
put_plain(struct cli *cli, struct top_data *d)
{
    struct screen_form form = { .columns = PLAIN_COLUMNS };
    struct text screen = { .data = NULL };
    d->screen.trouble = "";
    screen_render(&screen, &d->screen, &form);
    fputs(text_or_empty(&screen), cli->out.stream);
    cli->out.failed = cli->out.failed || screen.failed;
    text_free(&screen);
    return EXIT_DONE;
}

int
cmd_top(struct cli *cli)
{
    if (!out_is_table(&cli->out)) {
        return cli_fail_exit(EXIT_USAGE, "show it in that format", NULL,
                             "top is a screen; for scripts there is `stint node list -o json`");
    }
    struct top_data *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return cli_fail_text(STINT_NO_MEMORY, "show the cluster", NULL, NULL);
    }
    enum stint_status status = top_ask(d, cli->client, cli_left(cli));
    int code = status != STINT_OK ? cli_fail(cli, status, "show the cluster", NULL)
               : cli->terminal    ? run_live(cli, d)
                                  : put_plain(cli, d);
    free(d);
    return code;
}
