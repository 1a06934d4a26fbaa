/* SPDX-License-Identifier: Apache-2.0 */
#include "link/link_monitor.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "link/link_socket.h"

void *
monitor_open(void *context, void *socket, uint64_t number)
{
    /* DISCONNECTED ends a connection; CLOSED is a connect() that failed. */
    const int events =
        ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
        ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
        ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED;
    char endpoint[64];
    (void)text_format(endpoint, sizeof endpoint, "inproc://link-%llu",
                      (unsigned long long)number);
    if (zmq_socket_monitor(socket, endpoint, events) != 0) {
        return NULL;
    }
    void *monitor = socket_local(context, ZMQ_PAIR);
    if (monitor != NULL && zmq_connect(monitor, endpoint) == 0) {
        return monitor;
    }
    int saved = errno;
    if (monitor != NULL) {
        (void)zmq_close(monitor);
    }
    (void)zmq_socket_monitor(socket, NULL, 0);
    errno = saved;
    return NULL;
}

void
monitor_close(void *monitor, void *socket)
{
    (void)zmq_socket_monitor(socket, NULL, 0);
    (void)zmq_close(monitor);
}

static enum monitor_kind
classify(unsigned event, const char **text)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        *text = NULL;
        return MONITOR_UP;
    case ZMQ_EVENT_DISCONNECTED:
        *text = "the connection was lost";
        return MONITOR_DOWN;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        *text = "the server refused this key";
        return MONITOR_FAILED;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        *text = "the handshake failed: the server speaks another protocol or has no "
                "encryption";
        return MONITOR_FAILED;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        *text = "the handshake failed: the server has another key, is of another "
                "cluster, or is not a node";
        return MONITOR_FAILED;
    case ZMQ_EVENT_CLOSED:
        *text = "cannot connect";
        return MONITOR_FAILED;
    default:
        return MONITOR_NONE;
    }
}

/* One event of two parts: number and value, then the endpoint. 0 when there is none. */
static int
receive_event(void *monitor, unsigned *event)
{
    zmq_msg_t part;
    *event = 0;
    for (unsigned index = 0;; index++) {
        (void)zmq_msg_init(&part);
        int got = socket_receive(monitor, &part);
        if (got > 0 && index == 0 && zmq_msg_size(&part) >= 2) {
            uint16_t number; /* in the machine's own byte order: it never leaves the
                                process */
            memcpy(&number, zmq_msg_data(&part), sizeof number);
            *event = number;
        }
        bool more = got > 0 && zmq_msg_more(&part) != 0;
        (void)zmq_msg_close(&part);
        if (got <= 0) {
            return 0;
        }
        if (!more) {
            return 1;
        }
    }
}

enum monitor_kind
monitor_next(void *monitor, const char **text)
{
    unsigned event;
    while (receive_event(monitor, &event) != 0) {
        enum monitor_kind kind = classify(event, text);
        if (kind != MONITOR_NONE) {
            return kind;
        }
    }
    return MONITOR_NONE;
}
