/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on channels that the client hosts itself: no request, no turn in a lane; they wait in the
 * channel (own.c) and are over by what the cluster offers there. */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "client/client_internal.h"

static struct own *
own_of(const struct stint_client *client)
{
    return client_machine_own(client->machine);
}

/* ---- opening ---- */

void
client_own_open(struct stint_call *call)
{
    struct stint_client *client = call->client;
    uint64_t hash = client_cache_hash(&client->cache, call->type);
    uint8_t nonce[OWN_CHANNEL_NONCE_SIZE];
    struct own_channel *ch;
    if (call->channel_known) {
        return; /* it waits for a node's word */
    }
    if (hash == 0) {
        client_call_finish(call, STINT_INVALID, "a channel takes a message type, as tally.Total");
        return;
    }
    prng_bytes(&client->cache.random, nonce, sizeof nonce);
    enum stint_status status =
        own_open(own_of(client), call->type, hash, call->capacity, nonce, &ch);
    if (status != STINT_OK) {
        char detail[96];
        text_format(detail, sizeof detail, "a client has at most %d channels of its own",
                    LIMIT_CLIENT_CHANNELS);
        client_call_finish(call, status, status == STINT_LIMIT ? detail : "");
        return;
    }
    call->channel = own_id(ch);
    call->channel_known = true;
    call->step = STEP_OWN;
    client_machine_own_changed(client->machine, client_time());
}

/* The call that waits for the registration of a channel, or NULL. */
static struct stint_call *
opener_of(const struct stint_client *client, struct stint_id channel)
{
    LIST_EACH (link, &client->calls) {
        struct stint_call *call = STINT_CONTAINER_OF(link, struct stint_call, place);
        if (call->kind == CALL_OPEN && call->channel_known && id_equal(call->channel, channel)) {
            return call;
        }
    }
    return NULL;
}

/* ---- operations ---- */

bool
client_own_has(const struct stint_call *call)
{
    const struct own *own = own_of(call->client);
    return own_channel_is(call->channel) &&
           (own_find(own, call->channel) != NULL || own_has_ended(own, call->channel));
}

bool
client_own_typed(struct stint_call *call)
{
    const struct own_channel *ch = own_find(own_of(call->client), call->channel);
    char detail[320];
    if (ch == NULL) {
        client_call_finish(call, STINT_CLOSED, "this client has closed the channel");
        return false;
    }
    if (call->type[0] == '\0') {
        text_copy(call->type, sizeof call->type, own_type(ch));
    }
    if (strcmp(call->type, own_type(ch)) == 0) {
        return true;
    }
    text_format(detail, sizeof detail, "the channel takes %s, not %.100s", own_type(ch), call->type);
    client_call_finish(call, STINT_TYPE_MISMATCH, detail);
    return false;
}

void
client_own_begin(struct stint_call *call)
{
    struct stint_client *client = call->client;
    struct own_channel *ch = own_find(own_of(client), call->channel);
    bool sends = call->kind == CALL_SEND;
    if (call->owned) {
        return;
    }
    if (ch == NULL) {
        client_call_finish(call, sends ? STINT_CLOSED : STINT_END_OF_SEQUENCE,
                           "this client has closed the channel");
        return;
    }
    if (!client_call_is_next(call)) {
        call->step = STEP_LANE;
        return;
    }
    struct stint_span value = sends ? buf_span(&call->payload) : span_of(NULL, 0);
    call->own.owner = call;
    if (own_begin(own_of(client), ch, &call->own, sends ? +1 : -1, value) != STINT_OK) {
        client_call_finish(call, STINT_NO_MEMORY, "");
        return;
    }
    call->owned = true;
    call->step = STEP_OWN;
    client_call_laned(call);
    client_machine_own_changed(client->machine, client_time());
}

void
client_own_close(struct stint_call *call)
{
    struct own *own = own_of(call->client);
    struct own_channel *ch = own_find(own, call->channel);
    if (ch != NULL) {
        own_close(own, ch, call->ask.wake);
        client_machine_own_changed(call->client->machine, client_time());
    }
    client_call_finish(call, STINT_OK, "");
}

/* ---- the end of them ---- */

void
client_own_leave(struct stint_call *call)
{
    struct own *own = own_of(call->client);
    if (call->owned) {
        own_give_up(own, &call->own);
        call->owned = false;
    }
    if (call->kind == CALL_OPEN && call->channel_known && call->status != STINT_OK) {
        struct own_channel *ch = own_find(own, call->channel);
        if (ch != NULL) {
            own_end(own, ch);
        }
    }
}

static void
operation_over(struct stint_call *call)
{
    struct own *own = own_of(call->client);
    struct own_value *value = call->own.waiter.value;
    if (call->own.status != STINT_OK || call->kind == CALL_SEND) {
        client_call_finish(call, call->own.status, "");
        return;
    }
    struct record record = { .kind = (uint32_t)stint_ItemKind_ITEM_VALUE,
                             .payload = span_of(value->bytes, value->size) };
    if (!record_append(&call->records, &record)) {
        client_call_finish(call, STINT_NO_MEMORY, "");
        return;
    }
    const struct own_channel *ch = own_find(own, call->channel);
    text_copy(call->type, sizeof call->type, ch != NULL ? own_type(ch) : "");
    own_give_up(own, &call->own);
    call->owned = false;
    call->main_done = true;
    client_call_advance(call);
}

void
client_own_deliver(struct stint_client *client)
{
    struct own *own = own_of(client);
    struct own_wait *wait;
    struct own_channel *ch;
    enum stint_status status;
    const char *detail;
    while ((wait = own_done(own)) != NULL) {
        operation_over(wait->owner);
    }
    while ((ch = own_verdict(own, &status, &detail)) != NULL) {
        struct stint_call *call = opener_of(client, own_id(ch));
        if (call != NULL) {
            client_call_finish(call, status, detail);
        }
    }
}

void
client_own_expired(struct stint_call *call)
{
    char detail[CLIENT_DETAIL_SIZE];
    const char *why;
    switch (call->kind) {
    case CALL_OPEN:
        (void)client_machine_why(call->client->machine, &why);
        text_format(detail, sizeof detail, "no node has registered the channel in time%s%.500s",
                    why[0] != '\0' ? "; " : "", why);
        client_call_finish(call, STINT_UNREACHABLE, detail);
        break;
    case CALL_SEND:
        client_call_finish(call, STINT_TIMED_OUT,
                           "nobody took the value from the channel in time, and nobody will");
        break;
    default:
        client_call_finish(call, STINT_TIMED_OUT,
                           "nothing came from the channel in time, and nothing is lost");
        break;
    }
}

void
client_own_end(struct stint_client *client)
{
    LIST_EACH (link, &client->calls) {
        struct stint_call *call = STINT_CONTAINER_OF(link, struct stint_call, place);
        if (call->step == STEP_OWN && !call->over) {
            client_call_finish(call, STINT_CANCELLED, "the client was closed");
        }
    }
    own_end_all(own_of(client));
    if (client_machine_state(client->machine) == STINT_CLIENT_CONNECTED) {
        client_machine_own_changed(client->machine, client_time());
    }
}
