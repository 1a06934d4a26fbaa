/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasklets, channels and values of client.h: each operation is made into a call, under the lock.
 * The blocking form runs it and takes what came; its twin begins it and gives it back.
 */
#include <string.h>

#include "base/span.h"
#include "base/text.h"
#include "client/client_internal.h"

/* ---- making calls ---- */

static void
no_memory(struct stint_call *call)
{
    if (!call->over) {
        client_call_finish(call, STINT_NO_MEMORY, "");
    }
}

static void
set_text(struct stint_call *call, char **field, const char *text)
{
    if (text != NULL && !call->over &&
        (*field = client_text_copy(&call->heap->mem, text)) == NULL) {
        no_memory(call);
    }
}

static void
set_json(struct stint_call *call, const char *json)
{
    call->is_json = true;
    if (strlen(json) >= CLIENT_JSON_MAX) {
        client_call_finish(call, STINT_LIMIT, "the JSON text is too long");
        return;
    }
    set_text(call, &call->json, json);
}

static void
set_bytes(struct stint_call *call, struct stint_span bytes)
{
    if (bytes.size > LIMIT_MESSAGE) {
        client_call_finish(call, STINT_LIMIT, "a value is at most 64 KiB");
    } else if (!buf_append_span(&call->payload, bytes)) {
        no_memory(call);
    }
}

static void
set_channel(struct stint_call *call, const char *channel)
{
    if (channel == NULL || channel[0] == '\0') {
        client_call_finish(call, STINT_INVALID, "a channel must be named");
    } else {
        set_text(call, &call->channel_text, channel);
    }
}

static struct stint_call *
make_spawn(struct stint_client *client, const struct stint_spawn *given, uint32_t timeout_ms)
{
    struct stint_spawn known;
    const struct stint_spawn *spawn = &known;
    bool fits = CLIENT_STRUCT_COPY(&known, given, pinned);
    struct stint_call *call = client_call_new(client, CALL_SPAWN, timeout_ms);
    if (call == NULL) {
        return NULL;
    }
    call->changes = true;
    call->grace_ms = STINT_CLIENT_GRACE_MS;
    call->ask.verb = stint_Verb_VERB_TASKLET_SPAWN;
    if (!fits) {
        client_call_finish(call, STINT_INVALID, "begin with STINT_SPAWN_INIT");
        return call;
    }
    if (spawn->code == NULL || strchr(spawn->code, '/') == NULL) {
        client_call_finish(call, STINT_INVALID, "the code to spawn is written MODULE/CODE");
        return call;
    }
    call->ask.count = spawn->count == 0 ? 1 : spawn->count;
    call->ask.pinned = spawn->pinned;
    if (client_call_text(call, call->ask.text, sizeof call->ask.text, spawn->code, "code") &&
        client_call_text(call, call->ask.on, sizeof call->ask.on, spawn->on, "node") &&
        client_call_text(call, call->ask.tags, sizeof call->ask.tags, spawn->tags, "tags")) {
        text_copy(call->type, sizeof call->type, spawn->code);
        text_copy(call->types_on, sizeof call->types_on, call->ask.on);
        if (spawn->args_json != NULL) {
            set_json(call, spawn->args_json);
        } else {
            set_bytes(call, spawn->args);
        }
    }
    return call;
}

static struct stint_call *
make_wait(struct stint_client *client, const char *tasklet, enum stint_wait_for what,
          uint32_t timeout_ms)
{
    static const char *const words[] = { "ended", "moved", "blocked" };
    struct stint_call *call = client_call_new(client, CALL_WAIT, timeout_ms);
    if (call == NULL) {
        return NULL;
    }
    call->grace_ms = STINT_CLIENT_GRACE_MS;
    call->is_json = true;
    call->ask.verb = stint_Verb_VERB_TASKLET_WAIT;
    if ((unsigned)what > STINT_WAIT_BLOCKED || tasklet == NULL || tasklet[0] == '\0') {
        client_call_finish(call, STINT_INVALID, "a tasklet and what to wait for must be named");
        return call;
    }
    text_copy(call->ask.text, sizeof call->ask.text, words[what]);
    (void)client_call_text(call, call->ask.target, sizeof call->ask.target, tasklet, "tasklet");
    return call;
}

/* A send without its value. */
static struct stint_call *
make_send(struct stint_client *client, const char *channel, const char *type, uint32_t timeout_ms)
{
    struct stint_call *call = client_call_new(client, CALL_SEND, timeout_ms);
    if (call != NULL) {
        call->changes = true;
        call->grace_ms = STINT_CLIENT_GRACE_MS;
        call->ask.verb = stint_Verb_VERB_CHANNEL_SEND;
        set_channel(call, channel);
        (void)client_call_text(call, call->type, sizeof call->ask.type, type, "type");
    }
    return call;
}

static struct stint_call *
make_receive(struct stint_client *client, const char *channel, bool as_json, uint32_t timeout_ms)
{
    struct stint_call *call = client_call_new(client, CALL_RECEIVE, timeout_ms);
    if (call != NULL) {
        call->changes = true;
        call->is_json = as_json;
        call->grace_ms = STINT_CLIENT_GRACE_MS;
        call->ask.verb = stint_Verb_VERB_CHANNEL_RECEIVE;
        set_channel(call, channel);
    }
    return call;
}

static struct stint_call *
make_create(struct stint_client *client, const struct stint_channel *given, uint32_t timeout_ms)
{
    struct stint_channel known;
    const struct stint_channel *ch = &known;
    bool fits = CLIENT_STRUCT_COPY(&known, given, on);
    struct stint_call *call = client_call_new(client, CALL_CREATE, timeout_ms);
    if (call == NULL) {
        return NULL;
    }
    call->changes = true;
    call->grace_ms = STINT_CLIENT_GRACE_MS;
    call->ask.verb = stint_Verb_VERB_CHANNEL_CREATE;
    call->ask.capacity = ch->capacity;
    if (!fits) {
        client_call_finish(call, STINT_INVALID, "begin with STINT_CHANNEL_INIT");
    } else if (ch->capacity > LIMIT_CAPACITY) {
        client_call_finish(call, STINT_INVALID, "a channel's capacity is at most 65536");
    } else if (ch->name != NULL && !text_is_name(ch->name, LIMIT_NAME)) {
        client_call_finish(call, STINT_INVALID,
                           "a channel's name has 1 to 63 of the characters A-Z a-z 0-9 . _ -");
    }
    (void)(client_call_text(call, call->ask.text, sizeof call->ask.text, ch->name, "name") &&
           client_call_text(call, call->ask.type, sizeof call->ask.type, ch->type, "type") &&
           client_call_text(call, call->ask.on, sizeof call->ask.on, ch->on, "node"));
    return call;
}

static struct stint_call *
make_open(struct stint_client *client, const struct stint_channel *ch, uint32_t timeout_ms)
{
    struct stint_call *call = client_call_new(client, CALL_OPEN, timeout_ms);
    if (call == NULL) {
        return NULL;
    }
    bool fits = ch->size >= sizeof *ch;
    if (!fits) {
        client_call_finish(call, STINT_INVALID, "begin with STINT_CHANNEL_INIT");
    } else if (ch->name != NULL || ch->on != NULL) {
        client_call_finish(call, STINT_INVALID,
                           "a client's own channel has no name in the cluster and is on no node");
    } else if (ch->capacity > LIMIT_CAPACITY) {
        client_call_finish(call, STINT_INVALID, "a channel's capacity is at most 65536");
    } else if (ch->type == NULL || ch->type[0] == '\0') {
        client_call_finish(call, STINT_INVALID,
                           "a client's own channel takes one message type: name it");
    } else if (client_call_text(call, call->type, OWN_TYPE_SIZE, ch->type, "type")) {
        call->capacity = ch->capacity;
    }
    return call;
}

static struct stint_call *
make_close(struct stint_client *client, const char *channel, bool wake, uint32_t timeout_ms)
{
    struct stint_call *call = client_call_new(client, CALL_CLOSE, timeout_ms);
    if (call != NULL) {
        call->changes = true;
        call->grace_ms = STINT_CLIENT_GRACE_MS;
        call->ask.verb = stint_Verb_VERB_CHANNEL_CLOSE;
        call->ask.wake = wake;
        set_channel(call, channel);
        (void)client_call_text(call, call->ask.target, sizeof call->ask.target, channel, "channel");
        client_cache_forget_name(&client->cache, channel != NULL ? channel : "");
    }
    return call;
}

static struct stint_call *
make_resolve(struct stint_client *client, const char *channel, uint32_t timeout_ms)
{
    struct stint_call *call = client_call_new(client, CALL_RESOLVE, timeout_ms);
    if (call != NULL) {
        set_channel(call, channel);
    }
    return call;
}

static struct stint_call *
make_send_bytes(struct stint_client *client, const char *channel, struct stint_span bytes,
                const char *type, uint32_t timeout_ms)
{
    struct stint_call *call = make_send(client, channel, type, timeout_ms);
    if (call != NULL && !call->over) {
        set_bytes(call, bytes);
    }
    return call;
}

static struct stint_call *
make_send_json(struct stint_client *client, const char *channel, const char *json,
               const char *type, uint32_t timeout_ms)
{
    struct stint_call *call = make_send(client, channel, type, timeout_ms);
    if (call != NULL && !call->over) {
        set_json(call, json);
    }
    return call;
}

static struct stint_call *
make_value(struct stint_client *client, enum call_kind kind, const char *type, uint32_t timeout_ms)
{
    struct stint_call *call = client_call_new(client, kind, timeout_ms);
    if (call != NULL && (type == NULL || type[0] == '\0')) {
        client_call_finish(call, STINT_INVALID, "a type must be named");
    } else if (call != NULL) {
        (void)client_call_text(call, call->type, sizeof call->type, type, "type");
    }
    return call;
}

static struct stint_call *
make_encode(struct stint_client *client, const char *type, const char *json, uint32_t timeout_ms)
{
    struct stint_call *call = make_value(client, CALL_ENCODE, type, timeout_ms);
    if (call != NULL && !call->over) {
        set_json(call, json);
    }
    return call;
}

static struct stint_call *
make_decode(struct stint_client *client, const char *type, struct stint_span bytes,
            uint32_t timeout_ms)
{
    struct stint_call *call = make_value(client, CALL_DECODE, type, timeout_ms);
    if (call != NULL && !call->over) {
        set_bytes(call, bytes);
    }
    return call;
}

/* ---- both forms of each ---- */

enum stint_status
stint_client_connect(struct stint_client *client, uint32_t timeout_ms)
{
    struct stint_call *call = client_call_new(client, CALL_CONNECT, timeout_ms);
    return client_leave(client, client_run(client, call));
}

struct stint_call *
stint_client_connect_begin(struct stint_client *client, uint32_t timeout_ms,
                           stint_call_done_fn *done, void *arg)
{
    return client_begin(client, client_call_new(client, CALL_CONNECT, timeout_ms), done, arg);
}

enum stint_status
stint_client_spawn(struct stint_client *client, const struct stint_spawn *spawn,
                   struct stint_spawned *spawned, size_t room, size_t *count, uint32_t timeout_ms)
{
    struct stint_call *call = make_spawn(client, spawn, timeout_ms);
    enum stint_status status = client_run(client, call);
    if (status == STINT_OK || status == STINT_PARTIAL) {
        enum stint_status made =
            client_call_spawned(call, spawned, spawned != NULL ? room : 0, count);
        status = made == STINT_OK ? status : made;
    }
    return client_leave(client, status);
}

struct stint_call *
stint_client_spawn_begin(struct stint_client *client, const struct stint_spawn *spawn,
                         uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_spawn(client, spawn, timeout_ms), done, arg);
}

enum stint_status
stint_client_wait(struct stint_client *client, const char *tasklet, enum stint_wait_for what,
                  uint32_t timeout_ms, struct stint_wait_result *result)
{
    struct stint_call *call = make_wait(client, tasklet, what, timeout_ms);
    enum stint_status status = client_run(client, call);
    if (status == STINT_OK) {
        status = client_call_waited(call, result);
    }
    return client_leave(client, status);
}

struct stint_call *
stint_client_wait_begin(struct stint_client *client, const char *tasklet, enum stint_wait_for what,
                        uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_wait(client, tasklet, what, timeout_ms), done, arg);
}

enum stint_status
stint_client_channel_create(struct stint_client *client, const struct stint_channel *ch,
                            struct stint_id *id, uint32_t timeout_ms)
{
    struct stint_call *call = make_create(client, ch, timeout_ms);
    enum stint_status status = client_run(client, call);
    if (status == STINT_OK) {
        status = client_call_channel(call, id);
    }
    return client_leave(client, status);
}

struct stint_call *
stint_client_channel_create_begin(struct stint_client *client, const struct stint_channel *ch,
                                  uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_create(client, ch, timeout_ms), done, arg);
}

enum stint_status
stint_client_channel_open(struct stint_client *client, const struct stint_channel *ch,
                          struct stint_id *id, uint32_t timeout_ms)
{
    struct stint_call *call = make_open(client, ch, timeout_ms);
    enum stint_status status = client_run(client, call);
    if (status == STINT_OK) {
        status = client_call_channel(call, id);
    }
    return client_leave(client, status);
}

struct stint_call *
stint_client_channel_open_begin(struct stint_client *client, const struct stint_channel *ch,
                                uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_open(client, ch, timeout_ms), done, arg);
}

enum stint_status
stint_client_channel_close(struct stint_client *client, const char *channel, bool wake,
                           uint32_t timeout_ms)
{
    return client_leave(client, client_run(client, make_close(client, channel, wake, timeout_ms)));
}

struct stint_call *
stint_client_channel_close_begin(struct stint_client *client, const char *channel, bool wake,
                                 uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_close(client, channel, wake, timeout_ms), done, arg);
}

enum stint_status
stint_client_resolve(struct stint_client *client, const char *channel, uint32_t timeout_ms,
                     struct stint_id *id)
{
    struct stint_call *call = make_resolve(client, channel, timeout_ms);
    enum stint_status status = client_run(client, call);
    if (status == STINT_OK) {
        status = client_call_channel(call, id);
    }
    return client_leave(client, status);
}

struct stint_call *
stint_client_resolve_begin(struct stint_client *client, const char *channel, uint32_t timeout_ms,
                           stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_resolve(client, channel, timeout_ms), done, arg);
}

enum stint_status
stint_client_send(struct stint_client *client, const char *channel, struct stint_span bytes,
                  const char *type, uint32_t timeout_ms)
{
    struct stint_call *call = make_send_bytes(client, channel, bytes, type, timeout_ms);
    return client_leave(client, client_run(client, call));
}

struct stint_call *
stint_client_send_begin(struct stint_client *client, const char *channel, struct stint_span bytes,
                        const char *type, uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    struct stint_call *call = make_send_bytes(client, channel, bytes, type, timeout_ms);
    return client_begin(client, call, done, arg);
}

enum stint_status
stint_client_send_json(struct stint_client *client, const char *channel, const char *json,
                       const char *type, uint32_t timeout_ms)
{
    struct stint_call *call = make_send_json(client, channel, json, type, timeout_ms);
    return client_leave(client, client_run(client, call));
}

struct stint_call *
stint_client_send_json_begin(struct stint_client *client, const char *channel, const char *json,
                             const char *type, uint32_t timeout_ms, stint_call_done_fn *done,
                             void *arg)
{
    return client_begin(client, make_send_json(client, channel, json, type, timeout_ms), done, arg);
}

enum stint_status
stint_client_receive(struct stint_client *client, const char *channel, bool as_json,
                     uint32_t timeout_ms, struct stint_value *value)
{
    struct stint_call *call = make_receive(client, channel, as_json, timeout_ms);
    enum stint_status status = client_run(client, call);
    if (status == STINT_OK) {
        status = client_call_value(call, value);
    }
    return client_leave(client, status);
}

struct stint_call *
stint_client_receive_begin(struct stint_client *client, const char *channel, bool as_json,
                           uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_receive(client, channel, as_json, timeout_ms), done, arg);
}

enum stint_status
stint_client_encode(struct stint_client *client, const char *type, const char *json,
                    uint32_t timeout_ms, struct stint_span *bytes)
{
    struct stint_call *call = make_encode(client, type, json, timeout_ms);
    enum stint_status status = client_run(client, call);
    struct stint_value value;
    if (status == STINT_OK && (status = client_call_value(call, &value)) == STINT_OK) {
        *bytes = value.bytes;
    }
    return client_leave(client, status);
}

struct stint_call *
stint_client_encode_begin(struct stint_client *client, const char *type, const char *json,
                          uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_encode(client, type, json, timeout_ms), done, arg);
}

enum stint_status
stint_client_decode(struct stint_client *client, const char *type, struct stint_span bytes,
                    uint32_t timeout_ms, const char **json)
{
    struct stint_call *call = make_decode(client, type, bytes, timeout_ms);
    enum stint_status status = client_run(client, call);
    struct stint_value value;
    if (status == STINT_OK && (status = client_call_value(call, &value)) == STINT_OK) {
        *json = value.json;
    }
    return client_leave(client, status);
}

struct stint_call *
stint_client_decode_begin(struct stint_client *client, const char *type, struct stint_span bytes,
                          uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_decode(client, type, bytes, timeout_ms), done, arg);
}
