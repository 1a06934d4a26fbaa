/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a net, shared by link_zmq.c (the listener and the loop) and
 * link_outbound.c.
 *
 * ZeroMQ's descriptors tell edges: a socket that was touched may have messages without
 * its descriptor being readable. So every touched socket goes on the list `ready` and
 * leaves it only when a receive said that nothing is there, which arms its descriptor
 * again. Sleeping is right exactly when the list is empty; then one epoll set over all
 * descriptors wakes the loop, and only sockets with news are ever asked.
 */
#ifndef STINT_LINK_NET_H
#define STINT_LINK_NET_H

#include "base/list.h"
#include "base/table.h"
#include "link/link.h"
#include "link/link_inbound.h"
#include "link/link_socket.h"

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
    bool up_again; /* a new connection was seen before the end of the old one was handed
                      up */
    const char *told; /* the last reason reported since it was up */
    const char *ending;
    uint8_t server_key[LINK_KEY_SIZE];
    char endpoint[LINK_ENDPOINT_SIZE];
};

struct link_net {
    struct mem *mem;
    void *context;
    int epoll_fd;
    struct source zap;
    struct source router;
    struct inbound inbound;
    struct table outbound;
    uint64_t retry_at; /* when outbound links without sockets are opened again; UINT64_MAX: there are none */
    bool untold;       /* of some of them it was not told yet that they are down */
    struct list ready;
    uint64_t monitors; /* opened so far: their addresses must differ */
    unsigned collected_ago;
    zmq_msg_t held; /* the bytes of the event handed out last */
    bool holding;
    struct link_stats stats;
    uint8_t public_key[LINK_KEY_SIZE];
    uint8_t secret_key[LINK_KEY_SIZE];
    char endpoint[LINK_ENDPOINT_SIZE];
};

enum { LINK_LAST_WORDS_MS = 500 }; /* for frames of a link that was disconnected */

/* What asking a socket gave. */
enum source_answer {
    SOURCE_EMPTY,   /* nothing there; its descriptor is armed again */
    SOURCE_DROPPED, /* nothing to hand up, but there may be more */
    SOURCE_EVENT,
};

/* Puts a socket on the list of those to ask. */
void source_touch(struct link_net *net, struct source *source);

/* Adds a socket; -1 with errno when its descriptor cannot be watched (the socket stays
 * the caller's). */
int source_open(struct link_net *net, struct source *source, enum source_kind kind,
                void *socket);

/* Takes the descriptor out of the set, before ZeroMQ closes it in a thread of its own.
 */
void source_remove(struct link_net *net, struct source *source);

/* Removes and closes; harmless when it is not there. */
void source_close(struct link_net *net, struct source *source);

/* Sends a part without waiting; -1 with errno. */
int source_send(struct source *source, const void *data, size_t size, int flags);

/* Receives the rest of a message that has too many parts. */
void source_skip_parts(struct source *source, zmq_msg_t *part);

/* Begins to receive into `net->held`. */
zmq_msg_t *net_hold(struct link_net *net);

/* Frees what the event handed out last referred to. */
void net_release(struct link_net *net);

/* Makes the event of the frame in `net->held`. */
void net_hand_up(struct link_net *net, uint64_t link, const uint8_t *key,
                 struct link_event *event);

/* Closes an outbound link's sockets and frees it. */
void outbound_free(struct link_net *net, struct outbound *o);

/* Links whose sockets could not be opened: tells that they are down (true: the event), and opens them again in time. */
bool outbound_retry(struct link_net *net, uint64_t now_ns, struct link_event *event);

STINT_MUST_USE enum stint_status outbound_send(struct link_net *net, uint64_t link,
                                               struct stint_span bytes);

/* The next event of a link's DEALER, and of its monitor. */
enum source_answer outbound_next(struct link_net *net, struct outbound *o,
                                 struct link_event *event);
enum source_answer outbound_monitor_next(struct link_net *net, struct outbound *o,
                                         struct link_event *event);

#endif
