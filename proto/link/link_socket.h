/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ZeroMQ sockets with the options that Stint relies on, set in one place. No socket is
 * ever made elsewhere: a forgotten option here means lost messages, a hung exit or an
 * open door.
 */
#ifndef STINT_LINK_SOCKET_H
#define STINT_LINK_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zmq.h>

#include "link/link.h"

enum {
    SOCKET_SEND_HWM =
        2048, /* twice the window of a session: sessions stop before ZeroMQ does */
    SOCKET_RECEIVE_HWM =
        512, /* what a peer may have waiting here; TCP holds back the rest */
};

/* The domain by which ZeroMQ finds it has to ask the handler; the text itself goes
 * nowhere. */
#define SOCKET_ZAP_DOMAIN "tasklet"

/*
 * Whether the process may open as many descriptors as ZeroMQ takes for a socket, and for the threads
 * behind the first one; else false with errno. ZeroMQ ends the process when it cannot open those, so
 * it is asked for nothing then. `fd` is any descriptor.
 */
bool socket_has_room(int fd);

/* A context with room for all sockets of a net; NULL with errno. */
void *socket_context(void);

/*
 * The listening ROUTER, not yet bound: CURVE server, every key is asked of the handler,
 * without a handler nobody gets in. NULL with errno.
 */
void *socket_router(void *context, const uint8_t secret[LINK_KEY_SIZE]);

/* The DEALER of an outbound link, not yet connected. NULL with errno. */
void *socket_dealer(void *context, const uint8_t server_key[LINK_KEY_SIZE],
                    const uint8_t public_key[LINK_KEY_SIZE],
                    const uint8_t secret_key[LINK_KEY_SIZE]);

/* A socket inside the process (REP of the handler, PAIR of a monitor). NULL with errno.
 */
void *socket_local(void *context, int type);

/* The descriptor that ZeroMQ signals edges on; -1 with errno. */
int socket_fd(void *socket);

/* Lets ZeroMQ do what waits for this socket. True when a message can be received. */
bool socket_readable(void *socket);

/* zmq_msg_recv without waiting: 1 a message, 0 none, -1 the socket is broken. */
int socket_receive(void *socket, zmq_msg_t *message);

/* The form of endpoints: tcp://host:port, with `*` and port 0 where a listener may have
 * them. */
bool socket_endpoint_valid(const char *endpoint, bool listen);

#endif
