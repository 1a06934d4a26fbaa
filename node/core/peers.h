/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of links and sessions share: peers.c keeps connections, peers_send.c and peers_receive.c use them. */
#ifndef STINT_CORE_PEERS_H
#define STINT_CORE_PEERS_H

#include "base/heap.h"
#include "core/node.h"

/* A session and, while there is one, its link. */
struct conn {
    struct list link;       /* of peers.conns */
    struct list dirty;      /* of peers.dirty while something is to be flushed */
    struct heap_item timer; /* of peers.timers */
    uint64_t serial;
    uint64_t number; /* of its link; 0: none (an inbound session that waits for its initiator) */
    struct session *session;
    struct node_ref expect; /* outbound to a member */
    bool outbound;
    bool open;
    bool counted; /* inbound before OPEN */
    bool resync;
    bool closing; /* to be freed at the end of the step */
    uint64_t shown; /* serial of the certificate that its session shows */
    uint64_t waiting_since; /* inbound without a link */
    uint64_t reopen_at;     /* outbound whose session ended */
    char endpoint[VIEW_ENDPOINT_SIZE];
    struct buf backlog; /* whole envelopes */
};

/* An envelope of this node to itself, until the step settles. */
struct looped {
    struct list link;
    struct envelope envelope;
    size_t size;
    uint8_t body[];
};

struct peers {
    struct list conns;
    struct list dirty;
    struct heap timers;
    struct table by_link;
    struct table by_serial;
    struct table by_nonce; /* inbound sessions, for HELLOs that come again */
    struct table by_node;  /* outbound, by the member's id */
    struct list loop;
    uint64_t next_link, next_serial, tie;
    uint32_t inbound, preauth;
};

/* ---- peers.c ---- */

/* A connection without session and link, known by its serial; NULL: no memory. */
struct conn *conn_new(struct node *n, bool outbound);

/* Its link is no longer its own. */
void conn_unbind(struct node *n, struct conn *c);

/* What an inbound session is found by when its HELLO comes again. */
struct stint_id conn_nonce(const struct session_key *key);

struct session_config conn_settings(struct node *n);
struct session_time conn_time(const struct node *n);

/* Its batch is closed at the end of the step. */
void conn_mark_dirty(struct node *n, struct conn *c);

/* The handshake is over: tells the rooms that wait for it. */
void conn_opened(struct node *n, struct conn *c);

/* After any call into a session: sends its frames, notices its changes. */
void conn_after(struct node *n, struct conn *c);

/* ---- peers_send.c ---- */

/* Gives the session what has waited for its window. */
void conn_drain(struct node *n, struct conn *c);

#endif
