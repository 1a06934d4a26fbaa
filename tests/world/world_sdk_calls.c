/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the SDK's clients in the virtual world: begun, told, and watched that none stays away. */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "base/span.h"
#include "world_sdk_internal.h"

#define SLACK_MS 50 /* a callback is told when the client is processed next */

struct sdk_call {
    struct list place;
    struct sdk_client *client;
    struct stint_call *call;
    uint64_t begun, deadline; /* by the client's clock without its jumps */
    world_sdk_done *done;
    void *arg;
};

/* A clock that jumps over a deadline makes no call late. */
static uint64_t
unjumped(const struct sdk_client *c)
{
    return sdk_local(c) - c->jumped;
}

static void
read_spawned(const struct world *w, struct stint_call *call, struct world_sdk_result *result)
{
    struct stint_spawned first;
    size_t count = 0;
    if (stint_call_spawned(call, &first, 1, &count) == STINT_OK && count != 0) {
        result->id = first.id;
        result->count = (uint32_t)count;
        result->node = sdk_node_named(w, first.node);
    }
}

/* What came, by the functions that a user has for it. */
static void
read_result(const struct world *w, struct stint_call *call, struct world_sdk_result *result)
{
    struct stint_value value;
    struct stint_wait_result waited;
    if (stint_call_value(call, &value) == STINT_OK) {
        result->bytes = value.bytes;
        result->type = value.type;
    } else if (stint_call_waited(call, &waited) == STINT_OK) {
        result->bytes = waited.value.bytes;
        result->type = waited.value.type;
        result->id = waited.id;
        result->ended = waited.ended;
    } else if (stint_call_channel(call, &result->id) != STINT_OK) {
        read_spawned(w, call, result);
    }
}

static void
told(void *arg, struct stint_call *call)
{
    struct sdk_call *s = arg;
    struct sdk_client *c = s->client;
    struct world_sdk_result result = { .status = stint_call_status(call),
                                       .detail = stint_call_error(call),
                                       .crashed = c->crashed,
                                       .type = "",
                                       .node = -1,
                                       .took_ms = (unjumped(c) - s->begun) / WORLD_MS };
    STINT_ASSERT(s->call == call && stint_call_done(call));
    read_result(c->w, call, &result);
    list_remove(&s->place);
    c->unfinished--;
    s->done(s->arg, &result);
    stint_call_release(call);
    free(s);
}

static struct sdk_call *
new_call(struct world *w, int client, uint32_t timeout_ms, world_sdk_done *done, void *arg)
{
    struct sdk_call *s = calloc(1, sizeof *s);
    STINT_ASSERT(s != NULL);
    s->client = sdk_client_of(w, client);
    s->begun = unjumped(s->client);
    s->deadline = s->begun + timeout_ms * WORLD_MS;
    s->done = done;
    s->arg = arg;
    list_init(&s->place);
    return s;
}

/* The library has taken the call, or has not. */
static bool
keep(struct sdk_call *s, struct stint_call *call)
{
    if (call == NULL) {
        free(s);
        return false;
    }
    s->call = call;
    s->client->unfinished++;
    list_push_back(&s->client->calls, &s->place);
    return true;
}

/* One call into the library, with the client's own clock. */
#define BEGIN(expression)                                                   \
    do {                                                                    \
        struct sdk_call *s = new_call(w, client, timeout_ms, done, arg);    \
        struct sdk_client *c = s->client;                                   \
        struct sdk_client *before = sdk_enter(c);                           \
        bool kept = keep(s, expression);                                    \
        sdk_leave(c, before);                                               \
        sdk_look_again(c);                                                  \
        return kept;                                                        \
    } while (0)

bool
world_sdk_send(struct world *w, int client, const char *channel, const char *type, struct stint_span bytes,
               uint32_t timeout_ms, world_sdk_done *done, void *arg)
{
    BEGIN(stint_client_send_begin(c->client, channel, bytes, type, timeout_ms, told, s));
}

bool
world_sdk_send_json(struct world *w, int client, const char *channel, const char *json, uint32_t timeout_ms,
                    world_sdk_done *done, void *arg)
{
    BEGIN(stint_client_send_json_begin(c->client, channel, json, NULL, timeout_ms, told, s));
}

bool
world_sdk_receive(struct world *w, int client, const char *channel, uint32_t timeout_ms, world_sdk_done *done,
                  void *arg)
{
    BEGIN(stint_client_receive_begin(c->client, channel, false, timeout_ms, told, s));
}

bool
world_sdk_spawn(struct world *w, int client, const struct stint_spawn *spawn, uint32_t timeout_ms,
                world_sdk_done *done, void *arg)
{
    BEGIN(stint_client_spawn_begin(c->client, spawn, timeout_ms, told, s));
}

bool
world_sdk_wait(struct world *w, int client, struct stint_id tasklet, enum stint_wait_for what, uint32_t timeout_ms,
               world_sdk_done *done, void *arg)
{
    char text[STINT_ID_TEXT_SIZE];
    stint_id_text(tasklet, text);
    BEGIN(stint_client_wait_begin(c->client, text, what, timeout_ms, told, s));
}

bool
world_sdk_open_channel(struct world *w, int client, const struct stint_channel *channel, uint32_t timeout_ms,
                       world_sdk_done *done, void *arg)
{
    BEGIN(stint_client_channel_open_begin(c->client, channel, timeout_ms, told, s));
}

bool
world_sdk_create_channel(struct world *w, int client, const struct stint_channel *channel, uint32_t timeout_ms,
                         world_sdk_done *done, void *arg)
{
    BEGIN(stint_client_channel_create_begin(c->client, channel, timeout_ms, told, s));
}

bool
world_sdk_close_channel(struct world *w, int client, const char *channel, bool wake, uint32_t timeout_ms,
                        world_sdk_done *done, void *arg)
{
    BEGIN(stint_client_channel_close_begin(c->client, channel, wake, timeout_ms, told, s));
}

const char *
world_sdk_error(struct world *w, int client)
{
    return stint_client_error(sdk_client_of(w, client)->client);
}

uint32_t
world_sdk_overdue(const struct world *w)
{
    uint32_t count = 0;
    for (int i = 0; w->guests != NULL && i < WORLD_SDK_MAX; i++) {
        const struct sdk_client *c = &((const struct sdk_state *)w->guest_state)->clients[i];
        if (!c->used) {
            continue;
        }
        /* Twice the grace: for the verdict, and for the description of a type to show it. */
        uint64_t late = (2 * STINT_CLIENT_GRACE_MS + SLACK_MS) * WORLD_MS;
        LIST_EACH (link, &c->calls) {
            count += STINT_CONTAINER_OF(link, struct sdk_call, place)->deadline + late < unjumped(c);
        }
    }
    return count;
}
