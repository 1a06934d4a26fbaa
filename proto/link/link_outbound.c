/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outbound links: a DEALER and its monitor each. What a session must be able to rely on
 * is the order of events: UP, then frames of that connection only, then DOWN. The
 * DEALER and the monitor are two sockets without an order between them, so: frames are
 * read only while the link is up, and the end of a connection is told after the frames
 * that came before it.
 */
#include "link/link_net.h"

#include <errno.h>
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "link/clock.h"
#include "link/link_monitor.h"

enum { RETRY_MS = 500 }; /* for sockets that could not be opened */

static void
outbound_close(struct link_net *net, struct outbound *o)
{
    if (o->monitor.socket != NULL) {
        source_remove(net, &o->monitor);
        monitor_close(o->monitor.socket, o->data.socket);
        o->monitor.socket = NULL;
    }
    source_close(net, &o->data);
}

void
outbound_free(struct link_net *net, struct outbound *o)
{
    outbound_close(net, o);
    list_remove(&o->data.ready); /* on the list without a socket, when that could not be opened */
    list_remove(&o->monitor.ready);
    mem_free(net->mem, o, sizeof *o);
}

/* Sockets, monitor before connect, so that no event is missed. */
static enum stint_status
outbound_open(struct link_net *net, struct outbound *o)
{
    if (!socket_has_room(net->epoll_fd)) {
        return STINT_LIMIT;
    }
    void *dealer =
        socket_dealer(net->context, o->server_key, net->public_key, net->secret_key);
    if (dealer == NULL) {
        return errno == EMFILE ? STINT_LIMIT : STINT_IO;
    }
    if (source_open(net, &o->data, SOURCE_OUTBOUND, dealer) != 0) {
        (void)zmq_close(dealer);
        return STINT_IO;
    }
    void *monitor = monitor_open(net->context, dealer, net->monitors++);
    if (monitor == NULL) {
        return errno == EMFILE ? STINT_LIMIT : STINT_IO;
    }
    if (source_open(net, &o->monitor, SOURCE_MONITOR, monitor) != 0) {
        monitor_close(monitor, dealer);
        return STINT_IO;
    }
    if (zmq_connect(dealer, o->endpoint) != 0) {
        return errno == EINVAL ? STINT_INVALID : STINT_IO;
    }
    return STINT_OK;
}

/* What cannot be opened now, for want of descriptors or memory, is tried again. */
static enum stint_status
try_open(struct link_net *net, struct outbound *o)
{
    enum stint_status status = outbound_open(net, o);
    if (status != STINT_OK) {
        outbound_close(net, o);
    }
    if (status != STINT_OK && status != STINT_INVALID) {
        net->retry_at = clock_now_ns() + RETRY_MS * CLOCK_NS_PER_MS;
    }
    return status;
}

bool
outbound_retry(struct link_net *net, uint64_t now_ns, struct link_event *event)
{
    static const char why[] = "its sockets cannot be opened; too many open files?";
    struct table_cursor cursor = { 0 };
    void *value;
    if (!net->untold && now_ns < net->retry_at) {
        return false;
    }
    bool due = now_ns >= net->retry_at;
    net->untold = false;
    net->retry_at = due ? UINT64_MAX : net->retry_at;
    while (table_each(&net->outbound, &cursor, NULL, &value)) {
        struct outbound *o = value;
        if (o->data.socket != NULL || o->state != OUTBOUND_DOWN) {
            continue;
        }
        if (o->told == NULL) {
            o->told = why;
            net->untold = true; /* of others, perhaps */
            net->retry_at = due ? now_ns : net->retry_at;
            *event = (struct link_event){ .kind = LINK_DOWN, .link = o->number, .text = why };
            return true;
        }
        if (due) {
            (void)try_open(net, o);
        }
    }
    return false;
}

enum stint_status
link_connect(struct link_net *net, uint64_t link, const char *endpoint,
             const uint8_t server_key[LINK_KEY_SIZE])
{
    STINT_ASSERT((link & LINK_INBOUND) == 0);
    if (!socket_endpoint_valid(endpoint, false)) {
        return STINT_INVALID;
    }
    if (table_count(&net->outbound) >= LINK_OUTBOUND_MAX) {
        return STINT_LIMIT;
    }
    struct outbound *o = mem_zalloc(net->mem, sizeof *o);
    if (o == NULL) {
        return STINT_NO_MEMORY;
    }
    o->number = link;
    list_init(&o->data.ready);
    list_init(&o->monitor.ready);
    memcpy(o->server_key, server_key, LINK_KEY_SIZE);
    (void)text_copy(o->endpoint, sizeof o->endpoint, endpoint);
    enum stint_status status = table_insert(&net->outbound, id_of_u64(link), o);
    if (status != STINT_OK) {
        mem_free(net->mem, o, sizeof *o);
        return status;
    }
    status = try_open(net, o);
    if (status == STINT_INVALID) {
        (void)table_remove(&net->outbound, id_of_u64(link));
        outbound_free(net, o);
        return status;
    }
    net->untold = net->untold || status != STINT_OK;
    return STINT_OK;
}

void
link_set_keys(struct link_net *net, const uint8_t public_key[LINK_KEY_SIZE],
              const uint8_t secret_key[LINK_KEY_SIZE])
{
    bool same = memcmp(net->public_key, public_key, LINK_KEY_SIZE) == 0;
    memcpy(net->public_key, public_key, LINK_KEY_SIZE);
    memcpy(net->secret_key, secret_key, LINK_KEY_SIZE);
    struct table_cursor cursor = { 0 };
    void *value;
    while (!same && table_each(&net->outbound, &cursor, NULL, &value)) {
        struct outbound *o = value;
        outbound_close(net, o);
        o->up_again = false;
        o->ending = try_open(net, o) == STINT_OK
                        ? "the keys were renewed"
                        : "the keys were renewed; cannot connect again";
        if (o->state != OUTBOUND_DOWN) {
            o->state = OUTBOUND_ENDING;
            source_touch(net, &o->data);
        }
    }
}

enum stint_status
outbound_send(struct link_net *net, uint64_t link, struct stint_span bytes)
{
    struct outbound *o = table_find(&net->outbound, id_of_u64(link));
    if (o == NULL) {
        return STINT_NOT_FOUND;
    }
    if (o->state != OUTBOUND_UP) {
        return STINT_UNREACHABLE;
    }
    source_touch(net, &o->data);
    return source_send(&o->data, bytes.data, bytes.size, 0) == 0 ? STINT_OK
                                                                 : STINT_BUSY;
}

static void
event_up(struct outbound *o, struct link_event *event)
{
    o->state = OUTBOUND_UP;
    o->told = NULL;
    *event = (struct link_event){ .kind = LINK_UP, .link = o->number };
}

static void
event_down(struct outbound *o, const char *text, struct link_event *event)
{
    o->state = OUTBOUND_DOWN;
    o->told = text;
    *event = (struct link_event){ .kind = LINK_DOWN, .link = o->number, .text = text };
}

/* One message of a DEALER. */
static enum source_answer
next_data(struct link_net *net, struct outbound *o, struct link_event *event)
{
    if (o->data.socket == NULL) {
        return SOURCE_EMPTY;
    }
    zmq_msg_t *message = net_hold(net);
    if (socket_receive(o->data.socket, message) <= 0) {
        net_release(net);
        return SOURCE_EMPTY;
    }
    if (zmq_msg_more(message) != 0 || zmq_msg_size(message) == 0) {
        source_skip_parts(&o->data, message);
        net->stats.dropped_inbound++;
        net_release(net);
        return SOURCE_DROPPED;
    }
    net_hand_up(net, o->number, NULL, event);
    return SOURCE_EVENT;
}

/* One event of the monitor. */
static enum source_answer
next_change(struct link_net *net, struct outbound *o, struct link_event *event)
{
    const char *text = NULL;
    if (o->monitor.socket == NULL) {
        return SOURCE_EMPTY;
    }
    enum monitor_kind kind = monitor_next(o->monitor.socket, &text);
    if (kind == MONITOR_NONE) {
        return SOURCE_EMPTY;
    }
    if (o->state == OUTBOUND_UP) {
        /* What the old connection still brought comes first. */
        o->up_again = kind == MONITOR_UP;
        o->ending = kind == MONITOR_UP ? "the connection was replaced" : text;
        o->state = OUTBOUND_ENDING;
        source_touch(net, &o->data);
        return SOURCE_DROPPED;
    }
    if (kind == MONITOR_UP) {
        event_up(o, event);
        source_touch(net, &o->data);
        return SOURCE_EVENT;
    }
    /* Attempts repeat for hours: each reason once. The end of a connection that failed
     * in its handshake adds nothing to that failure. */
    if (o->told == text || (kind == MONITOR_DOWN && o->told != NULL)) {
        return SOURCE_DROPPED;
    }
    event_down(o, text, event);
    return SOURCE_EVENT;
}

/* Messages belong to a connection that is up or was: without one there is nothing to
 * read. */
enum source_answer
outbound_next(struct link_net *net, struct outbound *o, struct link_event *event)
{
    if (o->state == OUTBOUND_DOWN) {
        if (!o->up_again) {
            /* ZeroMQ's housekeeping still comes; left alone it would keep the
             * descriptor readable. */
            if (o->data.socket != NULL) {
                (void)socket_readable(o->data.socket);
            }
            return SOURCE_EMPTY;
        }
        o->up_again = false;
        source_touch(net, &o->monitor);
        event_up(o, event);
        return SOURCE_EVENT;
    }
    enum source_answer got = next_data(net, o, event);
    if (got != SOURCE_EMPTY || o->state == OUTBOUND_UP) {
        return got;
    }
    event_down(o, o->ending, event);
    source_touch(net, &o->monitor); /* it may know more than the end */
    return SOURCE_EVENT;
}

/* While an end is being handed up the monitor waits, so that events keep their order.
 */
enum source_answer
outbound_monitor_next(struct link_net *net, struct outbound *o,
                      struct link_event *event)
{
    if (o->state == OUTBOUND_ENDING || o->up_again) {
        source_touch(net, &o->data);
        return SOURCE_EMPTY;
    }
    return next_change(net, o, event);
}
