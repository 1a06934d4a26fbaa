/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "out.h"

/* The other screen, no cursor, no wrapping of lines; and back. */
static const char enter_text[] = "\033[?1049h\033[?25l\033[?7l\033[H\033[2J";
static const char leave_text[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

/* What signal handlers touch. */
static volatile sig_atomic_t taken, changed, stop_asked;
static struct termios before;
static bool has_keys;

static void
write_all(const char *text, size_t size)
{
    while (size != 0) {
        ssize_t put = write(STDOUT_FILENO, text, size);
        if (put < 0 && errno != EINTR) {
            return; /* nobody looks at it any more */
        }
        text += put > 0 ? put : 0;
        size -= put > 0 ? (size_t)put : 0;
    }
}

/* Only calls that a signal handler may make. */
static void
give_back(void)
{
    if (taken != 0) {
        taken = 0;
        write_all(leave_text, sizeof leave_text - 1);
        if (has_keys) {
            (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        }
    }
}

static void
take_over(void)
{
    if (has_keys) {
        struct termios raw = before;
        raw.c_lflag &= (tcflag_t) ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    }
    write_all(enter_text, sizeof enter_text - 1);
    taken = 1;
}

static void
on_change(int number)
{
    (void)number;
    changed = 1;
}

static void
on_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

static void
on_abort(int number)
{
    (void)number;
    give_back(); /* and abort() goes on */
}

static void
handle(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    (void)sigaction(number, &action, NULL);
}

bool
terminal_enter(void)
{
    if (isatty(STDOUT_FILENO) == 0) {
        return false;
    }
    has_keys = isatty(STDIN_FILENO) != 0 && tcgetattr(STDIN_FILENO, &before) == 0;
    (void)atexit(terminal_leave);
    handle(SIGWINCH, on_change);
    handle(SIGCONT, on_change);
    handle(SIGTSTP, on_stop);
    handle(SIGABRT, on_abort);
    take_over();
    return true;
}

void
terminal_leave(void)
{
    give_back();
}

void
terminal_size(unsigned *rows, unsigned *columns)
{
    struct winsize size;
    bool told = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *rows = told && size.ws_row != 0 ? size.ws_row : 24;
    *columns = told && size.ws_col != 0 ? size.ws_col : 80;
}

bool
terminal_changed(void)
{
    bool was = changed != 0;
    changed = 0;
    return was;
}

bool
terminal_stop_if_asked(void)
{
    if (stop_asked == 0) {
        return false;
    }
    stop_asked = 0;
    give_back();
    (void)raise(SIGSTOP);
    take_over(); /* it goes on */
    return true;
}

char
terminal_key(void)
{
    char key = 0;
    return has_keys && read(STDIN_FILENO, &key, 1) == 1 ? key : 0;
}

void
terminal_show(const char *lines, size_t size)
{
    struct text screen = { .data = NULL };
    unsigned rows, columns;
    unsigned row = 0;
    terminal_size(&rows, &columns);
    text_print(&screen, "\033[H");
    for (size_t at = 0; at < size && row < rows; row++) {
        const char *end = memchr(lines + at, '\n', size - at);
        size_t one = end != NULL ? (size_t)(end - lines) - at : size - at;
        /* What stood there goes first: behind a full line the cursor is on its last character. */
        text_print(&screen, "%s\033[K", row != 0 ? "\r\n" : "");
        text_add(&screen, lines + at, one);
        at += one + 1;
    }
    if (row < rows) {
        text_print(&screen, "\r\n\033[J");
    }
    text_print(&screen, "\033[1;1H"); /* nothing is typed here */
    if (!screen.failed) {
        write_all(screen.data, screen.size);
    }
    text_free(&screen);
}
