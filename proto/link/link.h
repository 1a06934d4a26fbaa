/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one network interface. A net is one process's (or one library node's) part of the
 * network: at most one listening socket and any number of outbound links. Links are
 * numbers: outbound ones are chosen by the caller, inbound ones by the net, with
 * LINK_INBOUND set. Everything is encrypted and every peer has proved a CURVE key;
 * whether that key may do anything is for the session above to decide, until then its
 * frames are just bytes.
 *
 * A net loses nothing silently on its own side: link_send either takes a frame or says
 * no. What it took may still be lost when the connection breaks; sessions number and
 * repeat frames.
 *
 *     link_send(...)                          any time
 *     while (link_next(net, &event)) ...      until it says false
 *     link_wait(net, timeout_ms, -1)          sleep; or sleep on link_fd(net)
 *
 * One thread for one net; any number of nets in a process. No call but link_wait
 * blocks.
 */
#ifndef STINT_LINK_LINK_H
#define STINT_LINK_LINK_H

#include <stdbool.h>

#include "base/mem.h"
#include "wire/limits.h"

#define LINK_INBOUND (UINT64_C(1) << 63)
#define LINK_KEY_SIZE 32
#define LINK_ENDPOINT_SIZE (LIMIT_ENDPOINT + 1)

struct link_net;

struct link_config {
    struct mem *mem;
    const char *listen; /* "tcp://host:port"; port 0 or *: any free one; NULL: outbound
                           links only */
    uint8_t public_key[LINK_KEY_SIZE]; /* who this net is on outbound links */
    uint8_t secret_key[LINK_KEY_SIZE];
    uint8_t server_secret[LINK_KEY_SIZE]; /* of the listening socket; unused without
                                             `listen` */
    uint32_t inbound_max; /* inbound links known at a time; 0: LINK_INBOUND_DEFAULT */
    uint32_t silence_ms;  /* an inbound link silent for so long is down; 0: 90 s */
};

enum link_event_kind {
    LINK_UP,       /* an outbound link (re)connected to a peer with the right key */
    LINK_DOWN,     /* a link broke, or an attempt to connect failed in a new way */
    LINK_RECEIVED, /* one frame; an inbound link begins with its first frame */
};

struct link_event {
    enum link_event_kind kind;
    uint64_t link;
    struct stint_span bytes; /* RECEIVED: never empty */
    const uint8_t *peer_key; /* RECEIVED on inbound links: the 32 bytes that the peer
                                proved; else NULL */
    const char *text;        /* DOWN: why, in a few words; static storage */
};

/* What happened so far, for reports and tests. */
struct link_stats {
    uint64_t frames_in, frames_out, bytes_in, bytes_out;
    uint64_t refused_full;    /* link_send answered BUSY */
    uint64_t dropped_inbound; /* frames not handed up: malformed, nameless, closed link,
                                 table full */
    uint64_t zap_admitted, zap_refused;
};

/*
 * Opens a net; binds when `listen` is given (to nothing but an encrypted socket whose
 * handler is already there). On failure `error` holds one line and *out is NULL:
 * STINT_EXISTS the address is in use, STINT_INVALID an endpoint that is none,
 * STINT_NO_MEMORY, STINT_IO. Frees with link_close.
 */
STINT_MUST_USE enum stint_status link_open(struct link_net **out,
                                           const struct link_config *config,
                                           char *error, size_t error_size);

/*
 * Closes all; frames that did not leave yet are dropped. Blocks on no peer longer than
 * link_linger allowed, or the half second of links that were just disconnected. NULL is
 * allowed.
 */
void link_close(struct link_net *net);

/* Lets link_close wait up to so long for frames that were taken but did not leave yet:
 * for last words. */
void link_linger(struct link_net *net, uint32_t timeout_ms);

/* The bound endpoint with its real port, "" without `listen`. Owned by the net. */
const char *link_endpoint(const struct link_net *net);

/*
 * Opens the outbound link `link` (no LINK_INBOUND bit, not in use) to an endpoint whose
 * server has `server_key`; it keeps reconnecting until link_disconnect. Sockets that cannot be
 * opened just now, for want of descriptors, are a LINK_DOWN and are tried again, too.
 * STINT_INVALID: the endpoint is none, STINT_EXISTS: the number is in use, STINT_LIMIT too many
 * links, STINT_NO_MEMORY.
 */
STINT_MUST_USE enum stint_status link_connect(struct link_net *net, uint64_t link,
                                              const char *endpoint,
                                              const uint8_t server_key[LINK_KEY_SIZE]);

/*
 * Forgets a link, without a LINK_DOWN. What link_send took before still leaves, if the
 * peer takes it within half a second. Later frames of an inbound peer that goes on
 * sending are dropped (ZeroMQ cannot cut it off). Unknown numbers are ignored.
 */
void link_disconnect(struct link_net *net, uint64_t link);

/*
 * Sends one frame (1 byte to LINK_FRAME_MAX), copied; never blocks. STINT_BUSY: the
 * queue of this link is full, nothing was sent; STINT_UNREACHABLE: the link is not up
 * or its peer is gone (a LINK_DOWN follows for inbound ones); STINT_NOT_FOUND: no such
 * link; STINT_LIMIT: the size.
 */
STINT_MUST_USE enum stint_status link_send(struct link_net *net, uint64_t link,
                                           struct stint_span bytes);

/*
 * Other keys for this net's outbound links (a renewed identity). Those there are go
 * down and connect again, if the keys differ from the ones before.
 */
void link_set_keys(struct link_net *net, const uint8_t public_key[LINK_KEY_SIZE],
                   const uint8_t secret_key[LINK_KEY_SIZE]);

/* The next event, or false when there is none now. Its bytes are valid until the next
 * call. */
bool link_next(struct link_net *net, struct link_event *event);

/* Sleeps until link_next may have something, `extra_fd` (or -1) is readable, or the
 * time is over
 * (-1: no limit). A signal ends it early. */
void link_wait(struct link_net *net, int timeout_ms, int extra_fd);

/*
 * For an event loop of one's own: readable when there may be something to do; but
 * ZeroMQ reports edges, so sleep only after link_next said false with no send since, or
 * when link_pending is false.
 */
int link_fd(const struct link_net *net);
bool link_pending(const struct link_net *net);

/* When link_next has something to do by time alone: silent links, sockets to be opened again (monotonic
 * ns; UINT64_MAX: nothing). */
uint64_t link_deadline(const struct link_net *net);

void link_get_stats(const struct link_net *net, struct link_stats *stats);

/* Whether a text has the form of an endpoint that can be connected to, tcp://host:port,
 * or listened on, where the host may be `*` and the port `*` or 0. NULL has not. */
bool link_endpoint_valid(const char *endpoint);
bool link_listen_valid(const char *endpoint);

enum {
    LINK_INBOUND_DEFAULT = 4096,
    LINK_OUTBOUND_MAX = 1024,
    LINK_FRAME_MAX = LIMIT_FRAME_ZMQ,
};

#endif
