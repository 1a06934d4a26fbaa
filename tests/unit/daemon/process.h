/* SPDX-License-Identifier: Apache-2.0 */
/* A child process whose output is read line by line with a deadline; nothing in here
 * sleeps. */
#ifndef STINT_TESTS_PROCESS_H
#define STINT_TESTS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
    pid_t pid; /* 0: has ended and was waited for */
    int pid_fd;
    int out, err; /* its stdout and stderr, non-blocking */
    char out_text[16384], err_text[65536];
    size_t out_size, err_size;
};

/* Starts argv[0] with `extra` environment ("K=V" entries, NULL terminated, or NULL). */
void process_start(struct process *p, const char *const *argv,
                   const char *const *extra);

/* Reads until stdout (or stderr) holds `text`; false when the process ends or
 * `timeout_ms` is over before. */
bool process_wait_out(struct process *p, const char *text, int timeout_ms);
bool process_wait_err(struct process *p, const char *text, int timeout_ms);

/* Waits for its end, reading all output; its exit code, 128 + signal, or -1 when it
 * does not end. */
int process_wait(struct process *p, int timeout_ms);

void process_signal(struct process *p, int signal_number);

/* Kills it if it still runs, and closes all. */
void process_end(struct process *p);

#endif
