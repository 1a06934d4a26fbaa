/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every bound that two parties must agree on, in one place, with the assertions that
 * relate them. What is above a bound is refused with one clear error; nothing grows
 * without one. Sizes are bytes, names do not count their terminator.
 */
#ifndef STINT_WIRE_LIMITS_H
#define STINT_WIRE_LIMITS_H

#include "base/panic.h"

enum {
    /* Texts and ids. */
    LIMIT_NAME = 63,
    LIMIT_ENDPOINT = 95, /* a view of all members is one message */
    LIMIT_LABEL = 127,   /* one k=v */
    LIMIT_LABELS = 255,  /* all of a node, k=v,k=v */
    LIMIT_ERROR_TEXT = 255,

    /* Tasklets and channels. */
    LIMIT_FRAMES = 1024, /* of a tasklet */
    LIMIT_PICKLE_DEFAULT = 1 << 20,
    LIMIT_PICKLE = 16 << 20,
    LIMIT_MESSAGE = 64 << 10, /* an encoded value */
    LIMIT_WINDOW = 64,        /* operations under way of one (tasklet, channel) */
    LIMIT_CAPACITY = 65536,   /* values in a channel */
    LIMIT_HOPS = 3, /* then an envelope is dropped and its sender looks again */
    LIMIT_RELATION_EXPIRY_MS =
        60000, /* of a client not seen for so long (DECISIONS 2) */
    LIMIT_CLIENT_CHANNELS = 64, /* that one client hosts */
    LIMIT_RELAYED_CHANNELS = 65536, /* that one node relays */

    /* Cluster. */
    LIMIT_MEMBERS = 256,
    LIMIT_REVOKED = 256,
    LIMIT_CERTIFICATE = 512,

    /* Envelopes and parcels. */
    LIMIT_ENVELOPE_HEADER = 64,
    LIMIT_ENVELOPE_PREFIX = 8 << 10, /* what may stand in a body before a message */
    LIMIT_BODY = LIMIT_MESSAGE + LIMIT_ENVELOPE_PREFIX,
    LIMIT_PARCEL_CHUNK = 32 << 10,

    /* Sessions. */
    LIMIT_FRAME_HEADER = 48,
    LIMIT_GATHER = 64 << 10, /* a batch that has so much is closed */
    LIMIT_FRAME = LIMIT_FRAME_HEADER + LIMIT_ENVELOPE_HEADER + LIMIT_BODY,
    LIMIT_FRAME_ZMQ =
        1 << 20, /* ZMQ_MAXMSGSIZE: the transport cuts off who sends more */
    LIMIT_SESSION_FRAMES = 1024, /* kept until acknowledged, and granted */
    LIMIT_SESSION_BYTES = 8 << 20,
    LIMIT_ACK_FRAMES = 32,
    LIMIT_ACK_DELAY_MS = 1,
    LIMIT_RTO_MIN_MS = 200,
    LIMIT_RTO_MAX_MS = 2000,
    LIMIT_PING_MS = 5000,    /* of silence, then a session asks */
    LIMIT_SILENCE_MS = 3000, /* without any answer, then it greets again */
    LIMIT_PREAUTH_PEERS = 64,
    LIMIT_PREAUTH_MS = 3000,
};

STINT_STATIC_ASSERT(LIMIT_FRAME >=
                        LIMIT_FRAME_HEADER + LIMIT_ENVELOPE_HEADER + LIMIT_BODY,
                    "a frame holds the largest envelope");
STINT_STATIC_ASSERT(LIMIT_GATHER <= LIMIT_FRAME, "a gathered batch is a frame");
STINT_STATIC_ASSERT(LIMIT_FRAME <= LIMIT_FRAME_ZMQ / 2,
                    "no session frame meets the transport's cut");
STINT_STATIC_ASSERT(LIMIT_BODY < 1 << 24, "an envelope's length has 24 bits");
STINT_STATIC_ASSERT(LIMIT_PARCEL_CHUNK + LIMIT_ENVELOPE_PREFIX <= LIMIT_BODY,
                    "a chunk and its heading are a body");
STINT_STATIC_ASSERT(LIMIT_PICKLE_DEFAULT <= LIMIT_PICKLE, "the default is allowed");
STINT_STATIC_ASSERT(LIMIT_SESSION_BYTES >= 16 * LIMIT_FRAME, "a window is many frames");
STINT_STATIC_ASSERT((LIMIT_SESSION_FRAMES & (LIMIT_SESSION_FRAMES - 1)) == 0,
                    "the ring of frames is a power of two");
STINT_STATIC_ASSERT(LIMIT_ACK_FRAMES < LIMIT_SESSION_FRAMES / 4,
                    "acknowledgements come long before the window is used up");
STINT_STATIC_ASSERT(LIMIT_WINDOW <= LIMIT_CAPACITY,
                    "a window fits the largest channel");
STINT_STATIC_ASSERT(LIMIT_RTO_MIN_MS < LIMIT_RTO_MAX_MS &&
                        LIMIT_RTO_MIN_MS < LIMIT_PREAUTH_MS,
                    "a greeting is repeated before it is given up");

#endif
