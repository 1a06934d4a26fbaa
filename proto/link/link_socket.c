/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why each option: PROTOCOLS section 4. In short: LINGER, or zmq_ctx_term hangs;
 * MANDATORY, or a full or vanished peer loses messages silently; IMMEDIATE, or frames
 * queue for a peer that is not there; heartbeats, or a stopped peer is never noticed;
 * HANDSHAKE_IVL, or idle strangers use up all descriptors; the ZAP domain with option
 * 93, or a listener without handler admits everybody.
 */
#include "link/link_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* In zmq.h only with the draft interface; the library honours it in every build. */
#define SOCKET_ZAP_ENFORCE_DOMAIN 93

enum {
    SOCKET_HEARTBEAT_MS = 1000,
    SOCKET_HEARTBEAT_TIMEOUT_MS = 3000,
    SOCKET_HEARTBEAT_TTL_MS = 6000,
    SOCKET_HANDSHAKE_MS = 3000,
    SOCKET_RECONNECT_MS = 100,
    SOCKET_RECONNECT_MAX_MS = 5000,
    SOCKET_TCP_MAXRT_MS = 6000,
    SOCKET_BACKLOG = 1024,
    SOCKET_MAX_SOCKETS = 4096, /* of a context: up to 3 for a link */
    SOCKET_DESCRIPTORS = 12,   /* of a context with its first socket, and some to spare */
    SOCKET_CURVE_OVERHEAD =
        64, /* MAXMSGSIZE counts the encrypted message: 33 bytes more */
};

STINT_STATIC_ASSERT(3 * LINK_OUTBOUND_MAX + 8 <= SOCKET_MAX_SOCKETS,
                    "a context holds all links");
STINT_STATIC_ASSERT(SOCKET_SEND_HWM >= 2 * LIMIT_SESSION_FRAMES,
                    "sessions stop before ZeroMQ does");
STINT_STATIC_ASSERT(LINK_OUTBOUND_MAX >= 2 * LIMIT_MEMBERS,
                    "each member and its successor");

struct option {
    int name;
    int value;
};

static int
set_all(void *socket, const struct option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof(int)) !=
            0) {
            return -1;
        }
    }
    return 0;
}

static int
set_common(void *socket)
{
    static const struct option options[] = {
        { ZMQ_LINGER, 0 },
        { ZMQ_IPV6, 1 },
        { ZMQ_SNDHWM, SOCKET_SEND_HWM },
        { ZMQ_RCVHWM, SOCKET_RECEIVE_HWM },
        { ZMQ_HEARTBEAT_IVL, SOCKET_HEARTBEAT_MS },
        { ZMQ_HEARTBEAT_TIMEOUT, SOCKET_HEARTBEAT_TIMEOUT_MS },
        { ZMQ_HEARTBEAT_TTL, SOCKET_HEARTBEAT_TTL_MS },
        { ZMQ_HANDSHAKE_IVL, SOCKET_HANDSHAKE_MS },
        { ZMQ_TCP_MAXRT, SOCKET_TCP_MAXRT_MS },
    };
    int64_t message_max = LINK_FRAME_MAX + SOCKET_CURVE_OVERHEAD;
    if (set_all(socket, options, sizeof options / sizeof *options) != 0) {
        return -1;
    }
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max);
}

static int
set_server(void *socket, const uint8_t secret[LINK_KEY_SIZE])
{
    static const struct option options[] = {
        { ZMQ_ROUTER_MANDATORY, 1 },      { ZMQ_ROUTER_HANDOVER, 0 },
        { ZMQ_BACKLOG, SOCKET_BACKLOG },  { ZMQ_CURVE_SERVER, 1 },
        { SOCKET_ZAP_ENFORCE_DOMAIN, 1 },
    };
    if (set_all(socket, options, sizeof options / sizeof *options) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, LINK_KEY_SIZE) != 0) {
        return -1;
    }
    return zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, SOCKET_ZAP_DOMAIN,
                          strlen(SOCKET_ZAP_DOMAIN));
}

static void *
closed_with_errno(void *socket)
{
    int saved = errno;
    (void)zmq_close(socket);
    errno = saved;
    return NULL;
}

bool
socket_has_room(int fd)
{
    int taken[SOCKET_DESCRIPTORS];
    int count = 0;
    while (count < SOCKET_DESCRIPTORS && (taken[count] = fcntl(fd, F_DUPFD_CLOEXEC, 0)) >= 0) {
        count++;
    }
    int saved = errno;
    for (int i = 0; i < count; i++) {
        (void)close(taken[i]);
    }
    errno = saved;
    return count == SOCKET_DESCRIPTORS;
}

void *
socket_context(void)
{
    void *context = zmq_ctx_new();
    if (context == NULL) {
        return NULL;
    }
    if (zmq_ctx_set(context, ZMQ_MAX_SOCKETS, SOCKET_MAX_SOCKETS) != 0 ||
        zmq_ctx_set(context, ZMQ_BLOCKY, 0) != 0) {
        int saved = errno;
        (void)zmq_ctx_term(context);
        errno = saved;
        return NULL;
    }
    return context;
}

void *
socket_router(void *context, const uint8_t secret[LINK_KEY_SIZE])
{
    void *socket = zmq_socket(context, ZMQ_ROUTER);
    if (socket == NULL) {
        return NULL;
    }
    if (set_common(socket) != 0 || set_server(socket, secret) != 0) {
        return closed_with_errno(socket);
    }
    return socket;
}

void *
socket_dealer(void *context, const uint8_t server_key[LINK_KEY_SIZE],
              const uint8_t public_key[LINK_KEY_SIZE],
              const uint8_t secret_key[LINK_KEY_SIZE])
{
    static const struct option options[] = {
        { ZMQ_IMMEDIATE, 1 },
        { ZMQ_RECONNECT_IVL, SOCKET_RECONNECT_MS },
        { ZMQ_RECONNECT_IVL_MAX, SOCKET_RECONNECT_MAX_MS },
    };
    void *socket = zmq_socket(context, ZMQ_DEALER);
    if (socket == NULL) {
        return NULL;
    }
    if (set_common(socket) != 0 ||
        set_all(socket, options, sizeof options / sizeof *options) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, LINK_KEY_SIZE) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, LINK_KEY_SIZE) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, LINK_KEY_SIZE) != 0) {
        return closed_with_errno(socket);
    }
    return socket;
}

void *
socket_local(void *context, int type)
{
    void *socket = zmq_socket(context, type);
    int linger = 0;
    if (socket != NULL &&
        zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger) != 0) {
        return closed_with_errno(socket);
    }
    return socket;
}

int
socket_fd(void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

bool
socket_readable(void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 &&
           (events & ZMQ_POLLIN) != 0;
}

int
socket_receive(void *socket, zmq_msg_t *message)
{
    for (;;) {
        if (zmq_msg_recv(message, socket, ZMQ_DONTWAIT) >= 0) {
            return 1;
        }
        if (errno != EINTR) {
            return errno == EAGAIN ? 0 : -1;
        }
    }
}

static bool
host_valid(const char *host, size_t size, bool listen)
{
    if (size == 0) {
        return false;
    }
    if (size == 1 && host[0] == '*') {
        return listen;
    }
    bool bracketed = host[0] == '[';
    if (bracketed && (size < 4 || host[size - 1] != ']')) {
        return false;
    }
    for (size_t i = bracketed ? 1 : 0; i < size - (bracketed ? 1 : 0); i++) {
        char c = host[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                    (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '_';
        /* No ';': ZeroMQ would take what stands before it for a local address to bind.
         */
        if (!word && !(bracketed && (c == ':' || c == '%'))) {
            return false;
        }
    }
    return true;
}

static bool
port_valid(const char *port, bool listen)
{
    if (listen && (strcmp(port, "*") == 0 || strcmp(port, "0") == 0)) {
        return true;
    }
    size_t size = strlen(port);
    unsigned value = 0;
    if (size == 0 || size > 5 || port[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (port[i] < '0' || port[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(port[i] - '0');
    }
    return value <= 65535;
}

bool
socket_endpoint_valid(const char *endpoint, bool listen)
{
    if (endpoint == NULL || strlen(endpoint) >= LINK_ENDPOINT_SIZE ||
        strncmp(endpoint, "tcp://", 6) != 0) {
        return false;
    }
    const char *host = endpoint + 6;
    const char *colon = strrchr(host, ':');
    return colon != NULL && host_valid(host, (size_t)(colon - host), listen) &&
           port_valid(colon + 1, listen);
}
