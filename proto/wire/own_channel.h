/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels that clients host. Such a client is the host of protocol C; the node that it is connected
 * to is its *relay*: for the cluster the channel is there, and it passes on what is offered. So the
 * channel, what waits in it and its order outlive the relay.
 *
 * The id says by whom it is hosted: it is a digest of who the client is and of a nonce that it keeps
 * to itself, so nobody else can register the channel; and a mark, so every node knows that such a
 * channel may be without a relay for a while and is not lost by that.
 *
 *   relay to client   OFFER, CANCEL   as between nodes; in the body a place, then the value
 *                     FIN, CLOSE      as between nodes
 *                     NACK            a node is gone: source is its id, number its incarnation
 *   client to relay   DONE            source, target, number, status; in the body a place, the value
 *                     NACK            the same without a value; status OK: number is the last one
 *                                     completed; BUSY: to be offered again later
 *
 * The place is the node of the tasklet: the relay remembers nothing of what it has passed on.
 */
#ifndef STINT_WIRE_OWN_CHANNEL_H
#define STINT_WIRE_OWN_CHANNEL_H

#include <stdbool.h>

#include "base/span.h"
#include "wire/limits.h"

enum {
    OWN_CHANNEL_NONCE_SIZE = 16,
    OWN_CHANNEL_PLACE_SIZE = 24, /* id and incarnation of a node */
    OWN_CHANNEL_FIRST = 1,       /* flag of OFFER, CANCEL: the first number of this tasklet here */
    OWN_CHANNEL_SEND = 1,        /* op of OFFER */
    OWN_CHANNEL_RECEIVE = 2,
    OWN_CHANNEL_WAKE = 2, /* in op of CLOSE */
};

STINT_STATIC_ASSERT((int)OWN_CHANNEL_PLACE_SIZE <= (int)LIMIT_ENVELOPE_PREFIX,
                    "a place and the largest value are a body");

struct own_channel_place {
    struct stint_id node;
    uint64_t incarnation;
};

/* The id of a client's channel: of its certificate's role and subject, and of a nonce of 16 bytes. */
struct stint_id own_channel_id(uint8_t role, struct stint_id subject,
                               const uint8_t nonce[OWN_CHANNEL_NONCE_SIZE]);

/* Whether an id has the mark. */
bool own_channel_is(struct stint_id id);

void own_channel_put_place(uint8_t out[OWN_CHANNEL_PLACE_SIZE],
                           const struct own_channel_place *place);

/* Takes the place off the front of a body. False: the body is too short, or what is left too long
 * for a value. */
bool own_channel_get_place(struct stint_span *body, struct own_channel_place *place);

#endif
