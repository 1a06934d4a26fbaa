/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service manager is told in the course of a node's life: that it joins, serves,
 * reloads, drains (with how much is left) and ends, and now and then that it is alive.
 * While it joins and drains it asks for more time as it goes, within the limits that the
 * settings give it: a start or a stop that the manager allows less is not cut off.
 */
#ifndef STINT_DAEMON_SERVICE_H
#define STINT_DAEMON_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

enum service_phase { SERVICE_JOINING, SERVICE_SERVING, SERVICE_DRAINING, SERVICE_ENDED };

struct service {
    const char *socket; /* $NOTIFY_SOCKET; NULL or "": nobody wants to know */
    enum service_phase phase;
    uint64_t ping_ns;   /* how often the manager wants to hear; 0: never */
    uint64_t ping_due;
    uint64_t report_due; /* of the next report while joining or draining */
    uint64_t until;      /* when the phase must be over: its end in the settings */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID by `get`; `self` is this process.
 * The text of the first must outlive the service. */
void service_init(struct service *s, const char *(*get)(const char *name), long self);

void service_joining(struct service *s, uint64_t now_ns, uint64_t timeout_ms);
void service_ready(struct service *s, const char *endpoint);

/* Around a reload: the manager waits for the second. Before the node serves they say nothing. */
void service_reloading(const struct service *s, uint64_t now_ns);
void service_reloaded(const struct service *s, bool ok);

void service_draining(struct service *s, uint64_t now_ns, uint64_t timeout_ms);

/* The last words, "" when all went well. */
void service_ended(struct service *s, const char *why);

/* What is due. `tasklets`: how many are on the node. */
void service_tick(struct service *s, uint64_t now_ns, uint32_t tasklets);

/* When service_tick wants to be called next; UINT64_MAX: never. */
uint64_t service_due(const struct service *s);

#endif
