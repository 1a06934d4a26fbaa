/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to stderr: one line for each thing that has to be said. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

int
cli_fail_exit(int code, const char *what, const char *object, const char *why)
{
    bool named = object != NULL && object[0] != '\0';
    /* What was done for many names each of them; for one it has been named. */
    char said[256];
    int size = snprintf(said, sizeof said, "cannot %s%s%.128s: ", what, named ? " " : "",
                        named ? object : "");
    if (size > 0 && (size_t)size < sizeof said && strncmp(why, said, (size_t)size) == 0) {
        why += size;
    }
    fprintf(stderr, "stint: cannot %s%s%.128s: %s (exit %d)\n", what, named ? " " : "",
            named ? object : "", why, code);
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
        fprintf(stderr, "stint: interrupted%s\n", unknown ? "; it may have happened or not" : "");
        return EXIT_INTERRUPTED;
    }
    return cli_fail_text(status, what, object, stint_client_error(cli->client));
}

void
cli_note(const struct cli *cli, const char *format, ...)
{
    if (cli->args->quiet) {
        return;
    }
    va_list list;
    va_start(list, format);
    fputs("stint: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}

void
cli_progress(const struct cli *cli, const char *format, ...)
{
    if (!cli->talks || cli->args->quiet) {
        return;
    }
    char line[160];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    fprintf(stderr, "\r\033[K%s", line);
    (void)fflush(stderr);
}

void
cli_note_list(const struct cli *cli, const struct stint_list *list, size_t shown)
{
    const char *note = stint_list_note(list);
    if (note[0] != '\0') {
        cli_note(cli, "%s", note);
    } else if (stint_list_truncated(list)) {
        cli_note(cli, "only the first %zu are shown; --limit 0 shows all", shown);
    }
}
