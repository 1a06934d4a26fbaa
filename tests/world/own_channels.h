/* SPDX-License-Identifier: Apache-2.0 */
/* Channels that the clients of a test host. */
#ifndef STINT_TESTS_WORLD_OWN_CHANNELS_H
#define STINT_TESTS_WORLD_OWN_CHANNELS_H

#include "clients.h"
#include "requests.h"

static inline enum stint_status
open_own(struct world *w, int client, const char *type, uint32_t capacity, struct stint_id *id)
{
    struct stint_channel ch = STINT_CHANNEL_INIT;
    ch.type = type;
    ch.capacity = capacity;
    enum stint_status status = stint_client_channel_open(world_sdk_enter(w, client), &ch, id, 5000);
    world_sdk_leave(w, client);
    return status;
}

#endif
