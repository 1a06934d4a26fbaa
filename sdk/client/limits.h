/* SPDX-License-Identifier: Apache-2.0 */
/* The client's own bounds; those that it shares with the nodes stand in wire/limits.h. */
#ifndef STINT_CLIENT_LIMITS_H
#define STINT_CLIENT_LIMITS_H

#include "stint/client.h"
#include "wire/limits.h"

enum {
    /* Requests. */
    CLIENT_PENDING_DEFAULT = 1024,
    CLIENT_PENDING_BYTES_DEFAULT = 16 << 20,
    CLIENT_REPLY_MAX = 48 << 20, /* bytes of all items of one answer */
    CLIENT_TIMEOUT_MAX_MS = 24 * 3600 * 1000,
    CLIENT_SLOTS = STINT_CLIENT_THREADS_MAX, /* threads whose last results and failures are kept */

    /* Connections. */
    CLIENT_CANDIDATES =
        LIMIT_MEMBERS + 16,   /* endpoints known: given ones and members of the view */
    CLIENT_ATTEMPT_MS = 2000, /* for one endpoint to answer, when there are others */
    CLIENT_RESUME_MS = 700,   /* for a broken link to come back before another node is asked */
    CLIENT_BACKOFF_MIN_MS = 100,
    CLIENT_BACKOFF_MAX_MS = 5000,
    CLIENT_HANDSHAKES = 3,    /* failed in a row: the keys do not fit */
    CLIENT_SILENCE_MS = 8000, /* of a node that owes an answer */
    CLIENT_VIEW_MS = 60000,   /* the view is asked for again */

    /* What is remembered. */
    CLIENT_NAMES = 256,
    CLIENT_SCHEMAS = 64,
    CLIENT_CACHE_MS = 300000,
    CLIENT_LANES = 1024,
    CLIENT_OWN_RELATIONS = 65536, /* tasklets that one channel of the client has dealings with */
    CLIENT_OWN_BYTES = 64 << 20,  /* of values in its channels */
    CLIENT_REGISTER_MS = 5000,    /* for a node to answer to a registration */
    CLIENT_CALL_NAMES = 64, /* channels that one value may name instead of giving their ids */

    /* Described types. The first three are what a node's registration allows. */
    CLIENT_TYPES = 256,
    CLIENT_TYPE_FIELDS = 256,
    CLIENT_TYPE_DEPTH = 8,
    CLIENT_FIELDS = 16384,
    CLIENT_CODES = LIMIT_FRAMES,
    CLIENT_SCHEMA_MAX = 1 << 20,
    CLIENT_JSON_MAX = 4 << 20, /* the text of one value */

    /* Files. */
    CLIENT_FILE_MAX = LIMIT_PICKLE + CLIENT_SCHEMA_MAX + (64 << 10),
    CLIENT_PIECE = LIMIT_PARCEL_CHUNK,
    CLIENT_KEYS_MAX = 4096, /* identities shown of one directory */
};

STINT_STATIC_ASSERT(CLIENT_FILE_MAX < CLIENT_REPLY_MAX, "an exported file is an answer");
STINT_STATIC_ASSERT(CLIENT_ATTEMPT_MS > CLIENT_RESUME_MS, "resuming is the quicker way");

#endif
