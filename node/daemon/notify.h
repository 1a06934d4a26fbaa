/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a service manager how it goes (the protocol of sd_notify, a datagram on
 * $NOTIFY_SOCKET). */
#ifndef STINT_DAEMON_NOTIFY_H
#define STINT_DAEMON_NOTIFY_H

/* Sends `state`, lines as "READY=1". `path` is $NOTIFY_SOCKET; NULL or "": nobody wants
 * to know. Failures are ignored: they are the manager's. */
void notify_send(const char *path, const char *state);

#endif
