/* SPDX-License-Identifier: Apache-2.0 */
#include "link/link_net.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/span.h"

void
source_touch(struct link_net *net, struct source *source)
{
    if (!list_is_linked(&source->ready)) {
        list_push_back(&net->ready, &source->ready);
    }
}

int
source_open(struct link_net *net, struct source *source, enum source_kind kind,
            void *socket)
{
    list_init(&source->ready);
    source->kind = kind;
    source->socket = socket;
    source->fd = socket_fd(socket);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };
    if (source->fd < 0 ||
        epoll_ctl(net->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) != 0) {
        source->socket = NULL;
        return -1;
    }
    source_touch(net, source);
    return 0;
}

void
source_remove(struct link_net *net, struct source *source)
{
    if (source->socket != NULL) {
        (void)epoll_ctl(net->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
        list_remove(&source->ready);
    }
}

void
source_close(struct link_net *net, struct source *source)
{
    if (source->socket != NULL) {
        source_remove(net, source);
        (void)zmq_close(source->socket);
        source->socket = NULL;
    }
}

/* Sends a part. A full queue is asked twice: room, or a new connection, may wait in the
 * socket's mailbox, and a non-blocking send does not look there. */
int
source_send(struct source *source, const void *data, size_t size, int flags)
{
    for (int attempt = 0;;) {
        if (zmq_send(source->socket, data, size, flags | ZMQ_DONTWAIT) >= 0) {
            return 0;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN || attempt++ > 0) {
            return -1;
        }
        (void)socket_readable(source->socket);
        errno = EAGAIN;
    }
}

void
source_skip_parts(struct source *source, zmq_msg_t *part)
{
    while (zmq_msg_more(part) != 0) {
        (void)zmq_msg_close(part);
        (void)zmq_msg_init(part);
        if (socket_receive(source->socket, part) <= 0) {
            return;
        }
    }
}

zmq_msg_t *
net_hold(struct link_net *net)
{
    (void)zmq_msg_init(&net->held);
    net->holding = true;
    return &net->held;
}

void
net_release(struct link_net *net)
{
    if (net->holding) {
        (void)zmq_msg_close(&net->held);
        net->holding = false;
    }
}

void
net_hand_up(struct link_net *net, uint64_t link, const uint8_t *key,
            struct link_event *event)
{
    size_t size = zmq_msg_size(&net->held);
    net->stats.frames_in++;
    net->stats.bytes_in += size;
    *event = (struct link_event){
        .kind = LINK_RECEIVED,
        .link = link,
        .bytes = span_of(zmq_msg_data(&net->held), size),
        .peer_key = key,
    };
}
