/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking calls of the SDK's clients in the virtual world, for tests: the world goes on until one is over. */
#ifndef STINT_TESTS_WORLD_CLIENTS_H
#define STINT_TESTS_WORLD_CLIENTS_H

#include <stdio.h>

#include <pb_decode.h>

#include "mill.pb.h"
#include "world_sdk.h"

static const int all_nodes[] = { 0, 1, 2 };

static inline enum stint_status
blocking_create(struct world *w, int client, const char *name, uint32_t capacity)
{
    struct stint_channel ch = STINT_CHANNEL_INIT;
    struct stint_id id;
    ch.name = name;
    ch.capacity = capacity;
    ch.type = "mill.Number";
    enum stint_status status = stint_client_channel_create(world_sdk_enter(w, client), &ch, &id, 5000);
    world_sdk_leave(w, client);
    return status;
}

static inline enum stint_status
blocking_send(struct world *w, int client, const char *channel, uint64_t sequence, uint32_t timeout_ms)
{
    char json[64];
    (void)snprintf(json, sizeof json, "{\"sequence\":%llu}", (unsigned long long)sequence);
    enum stint_status status =
        stint_client_send_json(world_sdk_enter(w, client), channel, json, NULL, timeout_ms);
    world_sdk_leave(w, client);
    return status;
}

static inline enum stint_status
blocking_receive(struct world *w, int client, const char *channel, uint32_t timeout_ms, uint64_t *sequence)
{
    struct stint_value value;
    mill_Number number = mill_Number_init_zero;
    enum stint_status status =
        stint_client_receive(world_sdk_enter(w, client), channel, false, timeout_ms, &value);
    if (status == STINT_OK) {
        pb_istream_t stream = pb_istream_from_buffer(value.bytes.data, value.bytes.size);
        status = pb_decode(&stream, mill_Number_fields, &number) ? STINT_OK : STINT_BAD_FRAME;
    }
    world_sdk_leave(w, client);
    *sequence = number.sequence;
    return status;
}

#endif
