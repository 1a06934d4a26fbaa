/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to stderr: one line for each thing that has to be said. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

enum { OBJECT_SIZE = 132, LINE_SIZE = STINT_CLIENT_ERROR_SIZE + 256 };

int
cli_fail_exit(int code, const char *what, const char *object, const char *why)
{
    bool named = object != NULL && object[0] != '\0';
    char shown[OBJECT_SIZE] = "";
    char said[LINE_SIZE];
    char line[LINE_SIZE];
    if (named) {
        (void)text_shown(object, shown, sizeof shown);
    }
    /* What was done for many names each of them, what reads files names them; it has been named. */
    int size = snprintf(said, sizeof said, "cannot %s%s%s: ", what, named ? " " : "", shown);
    if (size > 0 && (size_t)size < sizeof said && strncmp(why, said, (size_t)size) == 0) {
        why += size;
    }
    size_t length = named ? strlen(object) : 0;
    if (named && strncmp(why, object, length) == 0 && strncmp(why + length, ": ", 2) == 0) {
        why += length + 2;
    }
    snprintf(said, sizeof said, "cannot %s%s%s: %s", what, named ? " " : "", shown, why);
    fprintf(stderr, "stint: %s (exit %d)\n", text_shown(said, line, sizeof line), code);
    return code;
}

int
cli_fail_text(enum stint_status status, const char *what, const char *object, const char *why)
{
    return cli_fail_exit((int)exit_of(status), what, object,
                         why != NULL && why[0] != '\0' ? why : stint_strerror(status));
}

int
cli_fail(const struct cli *cli, enum stint_status status, const char *what, const char *object)
{
    if (cli_interrupted()) {
        bool unknown = status == STINT_OUTCOME_UNKNOWN;
        fprintf(stderr, "stint: interrupted%s (exit %d)\n",
                unknown ? "; it may have happened or not" : "", EXIT_INTERRUPTED);
        return EXIT_INTERRUPTED;
    }
    return cli_fail_text(status, what, object, stint_client_error(cli->client));
}

int
cli_say_exit(int code, const char *format, ...)
{
    char said[LINE_SIZE];
    char line[LINE_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(said, sizeof said, format, list);
    va_end(list);
    fprintf(stderr, "stint: %s (exit %d)\n", text_shown(said, line, sizeof line), code);
    return code;
}

void
cli_note(const struct cli *cli, const char *format, ...)
{
    if (cli->args->quiet) {
        return;
    }
    char said[LINE_SIZE];
    char line[LINE_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(said, sizeof said, format, list);
    va_end(list);
    fprintf(stderr, "stint: %s\n", text_shown(said, line, sizeof line));
}

/* A line that wraps could not be written over. */
static void
cut_to_terminal(char *line)
{
    struct winsize size;
    unsigned columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    unsigned places = 0;
    for (char *at = line; columns != 0 && *at != '\0'; at++) {
        bool begins = ((unsigned char)*at & 0xc0) != 0x80;
        if (begins && ++places >= columns) {
            *at = '\0';
            return;
        }
    }
}

void
cli_progress(struct cli *cli, const char *format, ...)
{
    if (!cli->talks || cli->args->quiet) {
        return;
    }
    char line[160];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    cut_to_terminal(line);
    if (cli->progress || line[0] != '\0') {
        fprintf(stderr, "\r\033[K%s", line);
        (void)fflush(stderr);
    }
    cli->progress = line[0] != '\0';
}
