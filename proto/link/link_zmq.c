/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h over ZeroMQ: one ROUTER bound, one DEALER and its monitor for each outbound link, the ZAP
 * handler, all in one thread, all in one context of the net's own (the handler's address is one for a
 * context, so two nets cannot share one).
 *
 * ZeroMQ's descriptors tell edges: a socket that was touched may have messages without its
 * descriptor being readable. So every touched socket goes on the list `ready` and leaves it only when a
 * receive said that nothing is there, which arms its descriptor again. Sleeping is right exactly
 * when the list is empty; then one epoll set over all descriptors wakes the loop, and only sockets with news are ever asked.
 */
#include "link/link.h"

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
#include "link/link_inbound.h"
#include "link/link_monitor.h"
#include "link/link_socket.h"
#include "link/zap.h"

enum {
    LINK_SILENCE_DEFAULT_MS = 90000,
    LINK_EPOLL_BATCH = 64,
    LINK_COLLECT_EVERY = 32, /* events between two looks at sockets that are not on the list */
    LINK_TURNS = 256,        /* sockets asked in one link_next: a flood of refuse ends somewhere */
};

enum source_kind { SOURCE_ZAP, SOURCE_ROUTER, SOURCE_OUTBOUND, SOURCE_MONITOR };

/* A ZeroMQ socket that is polled. */
struct source {
    struct list ready;
    enum source_kind kind;
    void *socket; /* NULL: not there */
    int fd;
};

enum outbound_state {
    OUTBOUND_DOWN,
    OUTBOUND_UP,
    OUTBOUND_ENDING, /* the monitor saw the end; what came before is handed up first */
};

struct outbound {
    struct source data;
    struct source monitor;
    uint64_t number;
    enum outbound_state state;
    bool up_again;     /* a new connection was seen before the end of the old one was handed up */
    const char *told;  /* the last reason reported since it was up */
    const char *ending;
};

struct link_net {
    struct mem *mem;
    void *context;
    int epoll_fd;
    struct source zap;
    struct source router;
    struct inbound inbound;
    struct table outbound;
    struct list ready;
    uint64_t monitors; /* opened so far: their addresses must differ */
    unsigned collected_ago;
    zmq_msg_t held;    /* the bytes of the event handed out last */
    bool holding;
    struct link_stats stats;
    uint8_t public_key[LINK_KEY_SIZE];
    uint8_t secret_key[LINK_KEY_SIZE];
    char endpoint[LINK_ENDPOINT_SIZE];
};

static void
source_touch(struct link_net *net, struct source *source)
{
    if (!list_is_linked(&source->ready)) {
        list_push_back(&net->ready, &source->ready);
    }
}

static int
source_open(struct link_net *net, struct source *source, enum source_kind kind, void *socket)
{
    list_init(&source->ready);
    source->kind = kind;
    source->socket = socket;
    source->fd = socket_fd(socket);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };
    if (source->fd < 0 || epoll_ctl(net->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) != 0) {
        source->socket = NULL;
        return -1;
    }
    source_touch(net, source);
    return 0;
}

/* Takes the descriptor out before ZeroMQ closes it in a thread of its own. */
static void
source_remove(struct link_net *net, struct source *source)
{
    if (source->socket != NULL) {
        (void)epoll_ctl(net->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
        list_remove(&source->ready);
    }
}

static void
source_close(struct link_net *net, struct source *source)
{
    if (source->socket != NULL) {
        source_remove(net, source);
        (void)zmq_close(source->socket);
        source->socket = NULL;
    }
}

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

/* The handler first: a listener without it must never exist, not even for an instant. */
static enum stint_status
open_listener(struct link_net *net, const struct link_config *config, char *error, size_t size)
{
    size_t length = sizeof net->endpoint;
    void *zap = zap_open(net->context);
    if (zap == NULL || source_open(net, &net->zap, SOURCE_ZAP, zap) != 0) {
        (void)text_format(error, size, "cannot open the key handler: %s", zmq_strerror(errno));
        if (zap != NULL) {
            (void)zmq_close(zap);
        }
        return STINT_IO;
    }
    void *router = socket_router(net->context, config->server_secret);
    if (router == NULL || source_open(net, &net->router, SOURCE_ROUTER, router) != 0) {
        (void)text_format(error, size, "cannot open the listener: %s", zmq_strerror(errno));
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
link_open(struct link_net **out, const struct link_config *config, char *error, size_t error_size)
{
    *out = NULL;
    if (config->listen != NULL && !socket_endpoint_valid(config->listen, true)) {
        (void)text_format(error, error_size, "cannot listen on '%.200s': not of the form tcp://HOST:PORT",
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
    inbound_init(&net->inbound, net->mem,
                 config->inbound_max == 0 ? LINK_INBOUND_DEFAULT : config->inbound_max,
                 (config->silence_ms == 0 ? LINK_SILENCE_DEFAULT_MS : config->silence_ms) *
                     CLOCK_NS_PER_MS,
                 entropy_u64());
    table_init(&net->outbound, net->mem, entropy_u64());
    link_set_keys(net, config->public_key, config->secret_key);
    net->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    net->context = socket_context();
    enum stint_status status = STINT_OK;
    if (net->epoll_fd < 0 || net->context == NULL) {
        (void)text_format(error, error_size, "cannot open the network: %s", zmq_strerror(errno));
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

static void
outbound_free(struct link_net *net, struct outbound *o)
{
    if (o->monitor.socket != NULL) {
        source_remove(net, &o->monitor);
        monitor_close(o->monitor.socket, o->data.socket);
        o->monitor.socket = NULL;
    }
    source_close(net, &o->data);
    mem_free(net->mem, o, sizeof *o);
}

static void
release_held(struct link_net *net)
{
    if (net->holding) {
        (void)zmq_msg_close(&net->held);
        net->holding = false;
    }
}

void
link_close(struct link_net *net)
{
    if (net == NULL) {
        return;
    }
    release_held(net);
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

void
link_set_keys(struct link_net *net, const uint8_t public_key[LINK_KEY_SIZE],
              const uint8_t secret_key[LINK_KEY_SIZE])
{
    memcpy(net->public_key, public_key, LINK_KEY_SIZE);
    memcpy(net->secret_key, secret_key, LINK_KEY_SIZE);
}

/* Sockets, monitor before connect, so that no event is missed. */
static enum stint_status
outbound_open(struct link_net *net, struct outbound *o, const char *endpoint,
              const uint8_t server_key[LINK_KEY_SIZE])
{
    void *dealer = socket_dealer(net->context, server_key, net->public_key, net->secret_key);
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
    if (zmq_connect(dealer, endpoint) != 0) {
        return errno == EINVAL ? STINT_INVALID : STINT_IO;
    }
    return STINT_OK;
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
    enum stint_status status = table_insert(&net->outbound, id_of_u64(link), o);
    if (status != STINT_OK) {
        mem_free(net->mem, o, sizeof *o);
        return status;
    }
    status = outbound_open(net, o, endpoint, server_key);
    if (status != STINT_OK) {
        (void)table_remove(&net->outbound, id_of_u64(link));
        outbound_free(net, o);
    }
    return status;
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
        outbound_free(net, o);
    }
}

/* Sends a part. A full queue is asked twice: room, or a new connection, may wait in the
 * socket's mailbox, and a non-blocking send does not look there. */
static int
send_now(void *socket, const void *data, size_t size, int flags)
{
    for (int attempt = 0;;) {
        if (zmq_send(socket, data, size, flags | ZMQ_DONTWAIT) >= 0) {
            return 0;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN || attempt++ > 0) {
            return -1;
        }
        (void)socket_readable(socket);
        errno = EAGAIN;
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
    if (send_now(net->router.socket, l->routing, l->routing_size, ZMQ_SNDMORE) != 0) {
        if (errno == EAGAIN) {
            return STINT_BUSY;
        }
        inbound_lost(&net->inbound, l);
        return STINT_UNREACHABLE;
    }
    inbound_answered(&net->inbound, l);
    /* The first part chose the queue and found room; the rest of a message always fits, or is
     * dropped by ZeroMQ as a whole when the peer went away in between. */
    return send_now(net->router.socket, bytes.data, bytes.size, 0) == 0 ? STINT_OK : STINT_BUSY;
}

static enum stint_status
send_outbound(struct link_net *net, uint64_t link, struct stint_span bytes)
{
    struct outbound *o = table_find(&net->outbound, id_of_u64(link));
    if (o == NULL) {
        return STINT_NOT_FOUND;
    }
    if (o->state != OUTBOUND_UP) {
        return STINT_UNREACHABLE;
    }
    source_touch(net, &o->data);
    return send_now(o->data.socket, bytes.data, bytes.size, 0) == 0 ? STINT_OK : STINT_BUSY;
}

enum stint_status
link_send(struct link_net *net, uint64_t link, struct stint_span bytes)
{
    if (bytes.size == 0 || bytes.size > LINK_FRAME_MAX) {
        return STINT_LIMIT;
    }
    enum stint_status status = (link & LINK_INBOUND) != 0 ? send_inbound(net, link, bytes)
                                                          : send_outbound(net, link, bytes);
    if (status == STINT_OK) {
        net->stats.frames_out++;
        net->stats.bytes_out += bytes.size;
    } else if (status == STINT_BUSY) {
        net->stats.refused_full++;
    }
    return status;
}

/* Receives the rest of a message that has too many parts. */
static void
skip_parts(void *socket, zmq_msg_t *part)
{
    while (zmq_msg_more(part) != 0) {
        (void)zmq_msg_close(part);
        (void)zmq_msg_init(part);
        if (socket_receive(socket, part) <= 0) {
            return;
        }
    }
}

/* Hands up `net->held`, or drops it. */
static bool
hand_up(struct link_net *net, uint64_t link, const uint8_t *key, struct link_event *event)
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
    return true;
}

/*
 * One message of the ROUTER: routing id, payload. The key is read from the payload: the first part
 * of a message may come without its properties. 1: event; 0: nothing there; -1: dropped, look again.
 */
static int
next_inbound(struct link_net *net, struct link_event *event)
{
    zmq_msg_t routing;
    (void)zmq_msg_init(&routing);
    if (socket_receive(net->router.socket, &routing) <= 0) {
        (void)zmq_msg_close(&routing);
        return 0;
    }
    (void)zmq_msg_init(&net->held);
    net->holding = true;
    struct inbound_link *l = NULL;
    if (zmq_msg_more(&routing) != 0 && socket_receive(net->router.socket, &net->held) > 0) {
        if (zmq_msg_more(&net->held) != 0) {
            skip_parts(net->router.socket, &net->held);
        } else if (zmq_msg_size(&net->held) > 0) {
            l = inbound_heard(&net->inbound,
                              span_of(zmq_msg_data(&routing), zmq_msg_size(&routing)),
                              zmq_msg_gets(&net->held, "User-Id"), clock_now_ns());
        }
    }
    (void)zmq_msg_close(&routing);
    if (l == NULL) {
        net->stats.dropped_inbound++;
        release_held(net);
        return -1;
    }
    (void)hand_up(net, l->number, l->key, event);
    return 1;
}

/* One message of a DEALER; results as above. */
static int
next_data(struct link_net *net, struct outbound *o, struct link_event *event)
{
    (void)zmq_msg_init(&net->held);
    net->holding = true;
    if (socket_receive(o->data.socket, &net->held) <= 0) {
        release_held(net);
        return 0;
    }
    if (zmq_msg_more(&net->held) != 0 || zmq_msg_size(&net->held) == 0) {
        skip_parts(o->data.socket, &net->held);
        net->stats.dropped_inbound++;
        release_held(net);
        return -1;
    }
    (void)hand_up(net, o->number, NULL, event);
    return 1;
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

/* One event of the monitor; 1, 0 or -1 as above. */
static int
next_change(struct link_net *net, struct outbound *o, struct link_event *event)
{
    const char *text = NULL;
    enum monitor_kind kind = monitor_next(o->monitor.socket, &text);
    if (kind == MONITOR_NONE) {
        return 0;
    }
    if (o->state == OUTBOUND_UP) {
        /* What the old connection still brought comes first. */
        o->up_again = kind == MONITOR_UP;
        o->ending = kind == MONITOR_UP ? "the connection was replaced" : text;
        o->state = OUTBOUND_ENDING;
        source_touch(net, &o->data);
        return -1;
    }
    if (kind == MONITOR_UP) {
        event_up(o, event);
        source_touch(net, &o->data);
        return 1;
    }
    /* Attempts repeat for hours: each reason once. The end of a connection that failed in its
     * handshake adds nothing to that failure. */
    if (o->told == text || (kind == MONITOR_DOWN && o->told != NULL)) {
        return -1;
    }
    event_down(o, text, event);
    return 1;
}

/* Messages belong to a connection that is up or was: without one there is nothing to read. */
static int
next_outbound(struct link_net *net, struct outbound *o, struct link_event *event)
{
    if (o->state == OUTBOUND_DOWN) {
        if (!o->up_again) {
            return 0;
        }
        o->up_again = false;
        source_touch(net, &o->monitor);
        event_up(o, event);
        return 1;
    }
    int got = next_data(net, o, event);
    if (got != 0 || o->state == OUTBOUND_UP) {
        return got;
    }
    event_down(o, o->ending, event);
    source_touch(net, &o->monitor); /* it may know more than the end */
    return 1;
}

static int
next_zap(struct link_net *net)
{
    switch (zap_serve(net->zap.socket)) {
    case ZAP_ADMITTED:
        net->stats.zap_admitted++;
        return -1;
    case ZAP_REFUSED:
        net->stats.zap_refused++;
        return -1;
    case ZAP_NONE:
    case ZAP_BROKEN:
        break;
    }
    return 0;
}

/* While an end is being handed up the monitor waits, so that events keep their order. */
static int
next_monitor(struct link_net *net, struct outbound *o, struct link_event *event)
{
    if (o->state == OUTBOUND_ENDING || o->up_again) {
        source_touch(net, &o->data);
        return 0;
    }
    return next_change(net, o, event);
}

static int
source_next(struct link_net *net, struct source *source, struct link_event *event)
{
    switch (source->kind) {
    case SOURCE_ZAP:
        return next_zap(net);
    case SOURCE_ROUTER:
        return next_inbound(net, event);
    case SOURCE_OUTBOUND:
        return next_outbound(net, STINT_CONTAINER_OF(source, struct outbound, data), event);
    case SOURCE_MONITOR:
        return next_monitor(net, STINT_CONTAINER_OF(source, struct outbound, monitor), event);
    }
    return 0;
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
    release_held(net);
    uint64_t number;
    const char *text;
    if (inbound_expired(&net->inbound, clock_now_ns(), &number, &text)) {
        *event = (struct link_event){ .kind = LINK_DOWN, .link = number, .text = text };
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
        int got = source_next(net, source, event);
        if (got != 0) {
            source_touch(net, source);
        }
        if (got > 0) {
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
    return inbound_deadline(&net->inbound);
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
