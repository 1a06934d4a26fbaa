/* SPDX-License-Identifier: Apache-2.0 */
/* A client registers a channel that it hosts with the node that it is connected to, or ends it. */
#include <string.h>

#include "base/text.h"
#include "core/admin.h"
#include "wire/own_channel.h"

void
admin_channel_host(struct node *n, struct ask *ask)
{
    const stint_Request *r = &ask->request;
    if (ask->conn == 0) {
        ask_end(n, ask, STINT_INVALID, "malformed request: a client registers its own channels");
        return;
    }
    if (r->participant.size != OWN_CHANNEL_NONCE_SIZE || r->number == 0 || r->number == UINT64_MAX) {
        ask_end(n, ask, STINT_INVALID, "malformed request: a channel takes a nonce and an epoch");
        return;
    }
    struct guest_channel channel = { .epoch = r->number, .type_hash = r->serial, .capacity = r->capacity };
    channel.id = own_channel_id((uint8_t)ask->role, ask->from.id, r->participant.bytes);
    text_copy(channel.type, sizeof channel.type, r->type);
    bool typed = r->type[0] != 0 && r->serial != 0 && r->capacity <= LIMIT_CAPACITY;
    if (!r->leave && !typed) {
        ask_end(n, ask, STINT_INVALID, "malformed request: a client's channel has a type, and room for at most %d values",
                LIMIT_CAPACITY);
        return;
    }
    enum stint_status status = r->leave ? guest_unregister(n, ask->conn, channel.id, channel.epoch)
                                        : guest_register(n, ask->conn, &channel);
    switch (status) {
    case STINT_OK:
        ask_end_page(n, ask, STINT_OK, "", false, "");
        break;
    case STINT_LIMIT:
        ask_end(n, ask, STINT_LIMIT,
                "a client has at most %d channels of its own, and node %s passes on for at most %d", LIMIT_CLIENT_CHANNELS,
                n->name, LIMIT_RELAYED_CHANNELS);
        break;
    case STINT_BUSY:
        ask_end(n, ask, STINT_BUSY, "too many channels are registered and ended at a time; wait a second");
        break;
    case STINT_CONFLICT:
        ask_end(n, ask, STINT_CONFLICT, "the channel was registered again since, through another connection");
        break;
    default:
        ask_end(n, ask, status, "cannot register a channel with node %s: %s", n->name, stint_strerror(status));
        break;
    }
}
