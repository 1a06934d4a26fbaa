/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to the connection of a DEALER: ZeroMQ's socket monitor (its version 1
 * events), reduced to what a session must know.
 */
#ifndef STINT_LINK_MONITOR_H
#define STINT_LINK_MONITOR_H

#include <stdint.h>

enum monitor_kind {
    MONITOR_NONE,   /* nothing more now */
    MONITOR_UP,     /* encrypted and accepted */
    MONITOR_DOWN,   /* a connection ended */
    MONITOR_FAILED, /* an attempt failed: `text` says how */
};

/*
 * Watches `socket` (before it connects); `number` must be new in the context. Gives the
 * socket to read events from, NULL with errno.
 */
void *monitor_open(void *context, void *socket, uint64_t number);

/* Stops watching; before `socket` is closed. */
void monitor_close(void *monitor, void *socket);

/* The next event; *text is static. */
enum monitor_kind monitor_next(void *monitor, const char **text);

#endif
