/* SPDX-License-Identifier: Apache-2.0 */
#include "failpoint.h"

#ifdef STINT_FAILPOINTS

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ORDER_SIZE = 256,
    LINKS_MS = 50, /* what was sent before is on its way after that */
};

/* The order in the file as "NAME TASKLET" in `point`; returns its action, NULL when there is none. */
static const char *
read_order(const char *path, char point[ORDER_SIZE])
{
    char text[ORDER_SIZE], *rest;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    ssize_t size = read(fd, text, sizeof text - 1);
    (void)close(fd);
    text[size > 0 ? size : 0] = '\0';
    const char *name = strtok_r(text, " \n", &rest);
    const char *action = strtok_r(NULL, " \n", &rest);
    const char *tasklet = strtok_r(NULL, " \n", &rest);
    if (tasklet == NULL) {
        return NULL;
    }
    (void)stpcpy(stpcpy(stpcpy(point, name), " "), tasklet);
    return strcmp(action, "kill") == 0 ? "kill" : "stop";
}

void
failpoint_look(const char *line)
{
    static const char prefix[] = "failpoint ";
    char point[ORDER_SIZE];
    const char *path = getenv("STINT_FAILPOINTS");
    if (path == NULL || strncmp(line, prefix, sizeof prefix - 1) != 0) {
        return;
    }
    const char *action = read_order(path, point);
    if (action == NULL || strcmp(line + sizeof prefix - 1, point) != 0) {
        return;
    }
    (void)unlink(path);
    (void)poll(NULL, 0, LINKS_MS);
    (void)kill(getpid(), action[0] == 'k' ? SIGKILL : SIGSTOP);
}

#endif
