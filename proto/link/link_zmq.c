/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h over ZeroMQ: one ROUTER bound, one DEALER and its monitor for each outbound
 * link, the ZAP handler, all in one thread, all in one context of the net's own (the
 * handler's address is one for a context, so two nets cannot share one).
 */
#include "link/link_net.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/list.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/table.h"
#include "base/text.h"
#include "link/clock.h"
#include "link/entropy.h"
#include "link/zap.h"

enum {
    LINK_SILENCE_DEFAULT_MS = 90000,
    LINK_LINGER_MAX_MS = 5000,
    LINK_EPOLL_BATCH = 64,
    LINK_COLLECT_EVERY =
        32, /* events between two looks at sockets that are not on the list */
    LINK_TURNS =
        256, /* sockets asked in one link_next: a flood of refuse ends somewhere */
};

static enum stint_status
bind_failed(const char *endpoint, char *error, size_t error_size)
{
    int saved = errno;
    const char *why = zmq_strerror(saved);
    enum stint_status status = STINT_IO;
    if (saved == EADDRINUSE) {
        why = "the address is in use";
        status = STINT_EXISTS;
    } else if (saved == EADDRNOTAVAIL || saved == ENODEV) {
        why = "this machine has no such address";
        status = STINT_INVALID;
    } else if (saved == EACCES) {
        why = "permission denied";
        status = STINT_NOT_AUTHORISED;
    }
    (void)text_format(error, error_size, "cannot listen on %s: %s", endpoint, why);
    return status;
}

/* ZeroMQ names a bound IPv4 address in its IPv6 form, which no human would type. */
static void
shorten_mapped(char *endpoint)
{
    static const char mapped[] = "tcp://[::ffff:";
    char *close = strchr(endpoint, ']');
    if (strncmp(endpoint, mapped, sizeof mapped - 1) == 0 && close != NULL) {
        char *address = endpoint + sizeof mapped - 1;
        size_t length = (size_t)(close - address);
        memmove(endpoint + 6, address, length);
        memmove(endpoint + 6 + length, close + 1, strlen(close + 1) + 1);
    }
}

/* The handler first: a listener without it must never exist, not even for an instant.
 */
static enum stint_status
open_listener(struct link_net *net, const struct link_config *config, char *error,
              size_t size)
{
    size_t length = sizeof net->endpoint;
    void *zap = zap_open(net->context);
    if (zap == NULL || source_open(net, &net->zap, SOURCE_ZAP, zap) != 0) {
        (void)text_format(error, size, "cannot open the key handler: %s",
                          zmq_strerror(errno));
        if (zap != NULL) {
            (void)zmq_close(zap);
        }
        return STINT_IO;
    }
    void *router = socket_router(net->context, config->server_secret);
    if (router == NULL || source_open(net, &net->router, SOURCE_ROUTER, router) != 0) {
        (void)text_format(error, size, "cannot open the listener: %s",
                          zmq_strerror(errno));
        if (router != NULL) {
            (void)zmq_close(router);
        }
        return STINT_IO;
    }
    if (zmq_bind(router, config->listen) != 0) {
        return bind_failed(config->listen, error, size);
    }
    if (zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, net->endpoint, &length) != 0) {
        return bind_failed(config->listen, error, size);
    }
    shorten_mapped(net->endpoint);
    return STINT_OK;
}

enum stint_status
link_open(struct link_net **out, const struct link_config *config, char *error,
          size_t error_size)
{
    *out = NULL;
    if (config->listen != NULL && !socket_endpoint_valid(config->listen, true)) {
        (void)text_format(error, error_size,
                          "cannot listen on '%.200s': not of the form tcp://HOST:PORT",
                          config->listen);
        return STINT_INVALID;
    }
    struct link_net *net = mem_zalloc(config->mem, sizeof *net);
    if (net == NULL) {
        (void)text_format(error, error_size, "out of memory");
        return STINT_NO_MEMORY;
    }
    net->mem = config->mem;
    list_init(&net->ready);
    net->retry_at = UINT64_MAX;
    inbound_init(
        &net->inbound, net->mem,
        config->inbound_max == 0 ? LINK_INBOUND_DEFAULT : config->inbound_max,
        (config->silence_ms == 0 ? LINK_SILENCE_DEFAULT_MS : config->silence_ms) *
            CLOCK_NS_PER_MS,
        entropy_u64());
    table_init(&net->outbound, net->mem, entropy_u64());
    memcpy(net->public_key, config->public_key, LINK_KEY_SIZE);
    memcpy(net->secret_key, config->secret_key, LINK_KEY_SIZE);
    net->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    enum stint_status status = STINT_OK;
    if (net->epoll_fd < 0 || !socket_has_room(net->epoll_fd) ||
        (net->context = socket_context()) == NULL) {
        (void)text_format(error, error_size, "cannot open the network: %s",
                          zmq_strerror(errno));
        status = STINT_IO;
    } else if (config->listen != NULL) {
        status = open_listener(net, config, error, error_size);
    }
    if (status != STINT_OK) {
        link_close(net);
        return status;
    }
    *out = net;
    return STINT_OK;
}

void
link_close(struct link_net *net)
{
    if (net == NULL) {
        return;
    }
    net_release(net);
    struct table_cursor cursor = { 0 };
    void *o;
    while (table_each(&net->outbound, &cursor, NULL, &o)) {
        outbound_free(net, o);
    }
    table_fini(&net->outbound);
    source_close(net, &net->router); /* before its handler: nobody gets in unasked */
    source_close(net, &net->zap);
    inbound_fini(&net->inbound);
    if (net->context != NULL) {
        while (zmq_ctx_term(net->context) != 0 && errno == EINTR) {
        }
    }
    if (net->epoll_fd >= 0) {
        (void)close(net->epoll_fd);
    }
    explicit_bzero(net->secret_key, sizeof net->secret_key);
    mem_free(net->mem, net, sizeof *net);
}

const char *
link_endpoint(const struct link_net *net)
{
    return net->endpoint;
}

static void
set_linger(void *socket, int timeout_ms)
{
    if (socket != NULL) {
        (void)zmq_setsockopt(socket, ZMQ_LINGER, &timeout_ms, sizeof timeout_ms);
    }
}

void
link_disconnect(struct link_net *net, uint64_t link)
{
    if ((link & LINK_INBOUND) != 0) {
        struct inbound_link *l = inbound_find(&net->inbound, link);
        if (l != NULL) {
            inbound_close(&net->inbound, l);
        }
        return;
    }
    struct outbound *o = table_remove(&net->outbound, id_of_u64(link));
    if (o != NULL) {
        set_linger(o->data.socket, LINK_LAST_WORDS_MS);
        outbound_free(net, o);
    }
}

void
link_linger(struct link_net *net, uint32_t timeout_ms)
{
    int value = timeout_ms > LINK_LINGER_MAX_MS ? LINK_LINGER_MAX_MS : (int)timeout_ms;
    struct table_cursor cursor = { 0 };
    void *o;
    set_linger(net->router.socket, value);
    while (table_each(&net->outbound, &cursor, NULL, &o)) {
        set_linger(((struct outbound *)o)->data.socket, value);
    }
}

static enum stint_status
send_inbound(struct link_net *net, uint64_t link, struct stint_span bytes)
{
    struct inbound_link *l = inbound_find(&net->inbound, link);
    if (l == NULL) {
        return STINT_NOT_FOUND;
    }
    source_touch(net, &net->router);
    if (source_send(&net->router, l->routing, l->routing_size, ZMQ_SNDMORE) != 0) {
        if (errno == EAGAIN) {
            return STINT_BUSY;
        }
        inbound_lost(&net->inbound, l);
        return STINT_UNREACHABLE;
    }
    inbound_answered(&net->inbound, l);
    /* The first part chose the queue and found room; the rest of a message always fits,
     * or is dropped by ZeroMQ as a whole when the peer went away in between. */
    return source_send(&net->router, bytes.data, bytes.size, 0) == 0 ? STINT_OK
                                                                     : STINT_BUSY;
}

enum stint_status
link_send(struct link_net *net, uint64_t link, struct stint_span bytes)
{
    if (bytes.size == 0 || bytes.size > LINK_FRAME_MAX) {
        return STINT_LIMIT;
    }
    enum stint_status status = (link & LINK_INBOUND) != 0
                                   ? send_inbound(net, link, bytes)
                                   : outbound_send(net, link, bytes);
    if (status == STINT_OK) {
        net->stats.frames_out++;
        net->stats.bytes_out += bytes.size;
    } else if (status == STINT_BUSY) {
        net->stats.refused_full++;
    }
    return status;
}

/*
 * One message of the ROUTER: routing id, payload. The key is read from the payload: the
 * first part of a message may come without its properties.
 */
static enum source_answer
next_inbound(struct link_net *net, struct link_event *event)
{
    zmq_msg_t routing;
    (void)zmq_msg_init(&routing);
    if (socket_receive(net->router.socket, &routing) <= 0) {
        (void)zmq_msg_close(&routing);
        return SOURCE_EMPTY;
    }
    zmq_msg_t *message = net_hold(net);
    struct inbound_link *l = NULL;
    if (zmq_msg_more(&routing) != 0 &&
        socket_receive(net->router.socket, message) > 0) {
        if (zmq_msg_more(message) != 0) {
            source_skip_parts(&net->router, message);
        } else if (zmq_msg_size(message) > 0) {
            l = inbound_heard(&net->inbound,
                              span_of(zmq_msg_data(&routing), zmq_msg_size(&routing)),
                              zmq_msg_gets(message, "User-Id"), clock_now_ns());
        }
    }
    (void)zmq_msg_close(&routing);
    if (l == NULL) {
        net->stats.dropped_inbound++;
        net_release(net);
        return SOURCE_DROPPED;
    }
    net_hand_up(net, l->number, l->key, event);
    return SOURCE_EVENT;
}

static enum source_answer
next_zap(struct link_net *net)
{
    switch (zap_serve(net->zap.socket)) {
    case ZAP_ADMITTED:
        net->stats.zap_admitted++;
        return SOURCE_DROPPED;
    case ZAP_REFUSED:
        net->stats.zap_refused++;
        return SOURCE_DROPPED;
    case ZAP_NONE:
    case ZAP_BROKEN:
        break;
    }
    return SOURCE_EMPTY;
}

static enum source_answer
source_next(struct link_net *net, struct source *source, struct link_event *event)
{
    switch (source->kind) {
    case SOURCE_ZAP:
        return next_zap(net);
    case SOURCE_ROUTER:
        return next_inbound(net, event);
    case SOURCE_OUTBOUND:
        return outbound_next(net, STINT_CONTAINER_OF(source, struct outbound, data),
                             event);
    case SOURCE_MONITOR:
        return outbound_monitor_next(
            net, STINT_CONTAINER_OF(source, struct outbound, monitor), event);
    }
    return SOURCE_EMPTY;
}

/* Puts the sockets with news on the ready list. */
static void
collect(struct link_net *net)
{
    struct epoll_event events[LINK_EPOLL_BATCH];
    int count;
    net->collected_ago = 0;
    do {
        count = epoll_wait(net->epoll_fd, events, LINK_EPOLL_BATCH, 0);
    } while (count < 0 && errno == EINTR);
    for (int i = 0; i < count; i++) {
        source_touch(net, events[i].data.ptr);
    }
}

bool
link_next(struct link_net *net, struct link_event *event)
{
    net_release(net);
    uint64_t number;
    const char *text;
    uint64_t now = clock_now_ns();
    if (inbound_expired(&net->inbound, now, &number, &text)) {
        *event = (struct link_event){ .kind = LINK_DOWN, .link = number, .text = text };
        return true;
    }
    if (outbound_retry(net, now, event)) {
        return true;
    }
    if (list_is_empty(&net->ready) || net->collected_ago++ >= LINK_COLLECT_EVERY) {
        collect(net);
    }
    for (int turn = 0; turn < LINK_TURNS; turn++) {
        struct list *first = list_first(&net->ready);
        if (first == NULL) {
            break;
        }
        struct source *source = STINT_CONTAINER_OF(first, struct source, ready);
        /* To the end of the queue, whatever it has: no peer starves the others. */
        list_remove(first);
        enum source_answer got = source_next(net, source, event);
        if (got != SOURCE_EMPTY) {
            source_touch(net, source);
        }
        if (got == SOURCE_EVENT) {
            return true;
        }
    }
    return false;
}

void
link_wait(struct link_net *net, int timeout_ms, int extra_fd)
{
    if (link_pending(net)) {
        return;
    }
    int silence = clock_timeout_ms(clock_now_ns(), link_deadline(net));
    if (silence >= 0 && (timeout_ms < 0 || silence < timeout_ms)) {
        timeout_ms = silence;
    }
    struct pollfd fds[] = {
        { .fd = net->epoll_fd, .events = POLLIN },
        { .fd = extra_fd, .events = POLLIN },
    };
    (void)poll(fds, extra_fd < 0 ? 1 : 2, timeout_ms);
}

int
link_fd(const struct link_net *net)
{
    return net->epoll_fd;
}

bool
link_pending(const struct link_net *net)
{
    return !list_is_empty(&net->ready);
}

uint64_t
link_deadline(const struct link_net *net)
{
    uint64_t silence = inbound_deadline(&net->inbound);
    uint64_t retry = net->untold ? 0 : net->retry_at;
    return silence < retry ? silence : retry;
}

void
link_get_stats(const struct link_net *net, struct link_stats *stats)
{
    *stats = net->stats;
}

bool
link_endpoint_valid(const char *endpoint)
{
    return socket_endpoint_valid(endpoint, false);
}

bool
link_listen_valid(const char *endpoint)
{
    return socket_endpoint_valid(endpoint, true);
}
