/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t
now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

static void
become(const char *const *argv, const char *const *extra, int out, int err)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves nothing behind */
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
        (void)putenv((char *)(uintptr_t)extra[i]);
    }
    execv(argv[0], (char *const *)(uintptr_t)argv);
    perror(argv[0]);
    _exit(127);
}

void
process_start(struct process *p, const char *const *argv, const char *const *extra)
{
    int out[2], err[2];
    memset(p, 0, sizeof *p);
    must(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0, "pipe2");
    p->pid = fork();
    must(p->pid >= 0, "fork");
    if (p->pid == 0) {
        become(argv, extra, out[1], err[1]);
    }
    (void)close(out[1]);
    (void)close(err[1]);
    p->out = out[0];
    p->err = err[0];
    must(fcntl(p->out, F_SETFL, O_NONBLOCK) == 0 &&
             fcntl(p->err, F_SETFL, O_NONBLOCK) == 0,
         "fcntl");
    p->pid_fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    must(p->pid_fd >= 0, "pidfd_open");
}

static void
drain(int fd, char *text, size_t capacity, size_t *size)
{
    for (;;) {
        ssize_t got = read(fd, text + *size, capacity - 1 - *size);
        if (got <= 0) {
            text[*size] = '\0';
            return;
        }
        *size += (size_t)got;
    }
}

static void
drain_both(struct process *p)
{
    drain(p->out, p->out_text, sizeof p->out_text, &p->out_size);
    drain(p->err, p->err_text, sizeof p->err_text, &p->err_size);
}

/* Waits for output or the end; false when the time is over. */
static bool
wait_more(struct process *p, int64_t end, bool *ended)
{
    struct pollfd fds[] = { { .fd = p->pid_fd, .events = POLLIN },
                            { .fd = p->out, .events = POLLIN },
                            { .fd = p->err, .events = POLLIN } };
    int64_t left = end - now_ms();
    if (left <= 0) {
        return false;
    }
    (void)poll(fds, 3, (int)left);
    *ended = (fds[0].revents & POLLIN) != 0;
    /* A closed pipe is always readable: what counts then is the end. */
    if (!*ended &&
        ((fds[1].revents | fds[2].revents) & (POLLHUP | POLLIN)) == POLLHUP) {
        (void)poll(fds, 1, (int)left);
    }
    drain_both(p);
    return true;
}

static bool
wait_text(struct process *p, const char *where, const char *text, int timeout_ms)
{
    int64_t end = now_ms() + timeout_ms;
    bool ended = false;
    drain_both(p);
    while (strstr(where, text) == NULL) {
        if (ended || !wait_more(p, end, &ended)) {
            return strstr(where, text) != NULL;
        }
    }
    return true;
}

bool
process_wait_out(struct process *p, const char *text, int timeout_ms)
{
    return wait_text(p, p->out_text, text, timeout_ms);
}

bool
process_wait_err(struct process *p, const char *text, int timeout_ms)
{
    return wait_text(p, p->err_text, text, timeout_ms);
}

int
process_wait(struct process *p, int timeout_ms)
{
    int64_t end = now_ms() + timeout_ms;
    bool ended = false;
    int status = 0;
    while (!ended) {
        if (!wait_more(p, end, &ended)) {
            return -1;
        }
    }
    must(waitpid(p->pid, &status, 0) == p->pid, "waitpid");
    p->pid = 0;
    drain_both(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void
process_signal(struct process *p, int signal_number)
{
    if (p->pid > 0) {
        (void)kill(p->pid, signal_number);
    }
}

void
process_end(struct process *p)
{
    if (p->pid > 0) {
        (void)kill(p->pid, SIGKILL);
        (void)waitpid(p->pid, NULL, 0);
        p->pid = 0;
    }
    if (p->pid_fd > 0) {
        (void)close(p->pid_fd);
        (void)close(p->out);
        (void)close(p->err);
        p->pid_fd = 0;
    }
}
