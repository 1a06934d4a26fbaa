/* SPDX-License-Identifier: Apache-2.0 */
/* What a process does once before it uses this layer, and which protocol the layer
 * speaks. */
#ifndef STINT_WIRE_WIRE_H
#define STINT_WIRE_WIRE_H

#include "stint/types.h"

/* The versions of the session protocol spoken here; HELLO settles one in both ranges.
 */
enum {
    WIRE_PROTOCOL_MIN = 1,
    WIRE_PROTOCOL_MAX = 1,
};

/* Makes libsodium ready. Any number of times, from any thread. STINT_ERROR if it cannot
 * work on this machine. */
STINT_MUST_USE enum stint_status wire_init(void);

#endif
