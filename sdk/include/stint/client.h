/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of a cluster: it spawns tasklets, waits for them, and talks with them through channels.
 *
 *     struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
 *     options.uri = "stint://127.0.0.1:7400?keys=/etc/stint/keys&identity=client-web";
 *
 *     struct stint_client *client;
 *     char error[STINT_CLIENT_ERROR_SIZE];
 *     if (stint_client_open(&options, &client, error, sizeof error) != STINT_OK) {
 *         fprintf(stderr, "%s\n", error);
 *         return 1;
 *     }
 *     if (stint_client_send_json(client, "orders", "{\"item\":7}", NULL, 5000) != STINT_OK) {
 *         fprintf(stderr, "%s\n", stint_client_error(client));
 *     }
 *     stint_client_close(client, 1000);
 *
 * Time. `timeout_ms` is what the operation itself is given; it is never endless. A call whose
 * request has left waits up to STINT_CLIENT_GRACE_MS longer for the cluster's verdict, because a
 * verdict is worth more than a guess.
 *
 * Outcome. STINT_NOT_SENT: the request never left, nothing has happened. STINT_OUTCOME_UNKNOWN: it
 * left, no answer came: it may or may not have happened. Everything else is a verdict. A request is
 * repeated over another node with the same id when a connection breaks, so it takes effect at most
 * once.
 *
 * Names. A tasklet is named by its id (32 hex digits) or any unique prefix, a channel by its id, a
 * unique prefix or its name, a node by its name or id.
 *
 * Memory. What a blocking call hands out belongs to the client and is valid until its next blocking
 * call; what a call handle hands out is valid until that handle is released.
 *
 * Threads. One thread at a time uses a client; only stint_client_interrupt may be called from any
 * thread and from signal handlers. There is no global state, any number of clients live in a
 * process. Callbacks run inside stint_client_process and inside blocking calls, never inside the
 * call that asked for them, never under a lock; in a callback all functions may be called except
 * the blocking ones (they answer STINT_BUSY), stint_client_close included.
 */
#ifndef STINT_CLIENT_H
#define STINT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stint/status.h"
#include "stint/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct stint_client;
struct stint_call;
struct stint_list;

#define STINT_CLIENT_ERROR_SIZE 1024 /* holds every error line of this header */
#define STINT_CLIENT_GRACE_MS 1000
#define STINT_CLIENT_ENDPOINTS_MAX 16

enum stint_client_state {
    STINT_CLIENT_OFFLINE = 0,    /* nothing was asked yet, or it was closed */
    STINT_CLIENT_CONNECTING = 1, /* looks for a node, with backoff */
    STINT_CLIENT_CONNECTED = 2,
    STINT_CLIENT_REFUSED = 3 /* every node refuses this identity; a new request tries again */
};

/*
 * Begin with STINT_CLIENT_OPTIONS_INIT; everything is optional. All is copied. What is not set here
 * is taken from `uri`, then, unless `no_environment`, from STINT_ENDPOINT (comma separated),
 * STINT_KEYS, STINT_IDENTITY. Fields are only ever added, at the end.
 *
 * A uri is stint://HOST:PORT[,HOST:PORT...][?keys=DIR][&identity=NAME][&insecure=1];
 * tcp://HOST:PORT stands for one endpoint without options.
 */
struct stint_client_options {
    size_t size; /* of this structure: set by STINT_CLIENT_OPTIONS_INIT */
    const char *uri;
    const char *const *endpoints; /* "tcp://host:port"; STINT_CLIENT_ENDPOINTS_MAX at most */
    size_t endpoint_count;
    const char *keys_dir; /* holds cluster.pub and the identity */
    const char *identity; /* "client-web" or just "web"; NULL: the operator's if there is one, else
                             the only one there is */
    bool insecure;        /* development keys that everybody has; loopback endpoints only */
    bool no_environment;
    uint32_t pending_max;       /* requests on their way or waiting for a connection; 0: 1024 */
    uint32_t pending_bytes_max; /* of them; 0: 16 MiB. Above both, calls answer STINT_BUSY */
    /* Whenever the state changes. `text` is one line, "" or why. */
    void (*on_state)(void *arg, struct stint_client *client, enum stint_client_state state,
                     const char *text);
    void *arg;
    struct stint_allocator allocator; /* resize NULL: malloc */
    bool own_thread; /* a thread of the library does the client's work and runs its callbacks */
};

#ifdef __cplusplus
static inline struct stint_client_options
stint_client_options_init(void)
{
    struct stint_client_options options = {};
    options.size = sizeof options;
    return options;
}
#define STINT_CLIENT_OPTIONS_INIT stint_client_options_init()
#else
#define STINT_CLIENT_OPTIONS_INIT                   \
    {                                               \
        .size = sizeof(struct stint_client_options) \
    }
#endif

/* ---- life ---- */

/*
 * Makes a client: reads options and keys; it connects when something is asked, or by
 * stint_client_connect. On failure *client is NULL and `error` (may be NULL with size 0) holds one
 * line.
 *
 * STINT_OK; STINT_INVALID an option that makes no sense, no endpoint; STINT_NOT_FOUND no such keys
 * or identity; STINT_AMBIGUOUS several identities, none named; STINT_NOT_AUTHORISED a secret that
 * others can read; STINT_BAD_CERTIFICATE, STINT_EXPIRED, STINT_WRONG_CLUSTER; STINT_NO_MEMORY,
 * STINT_IO.
 *
 *     status = stint_client_open(&options, &client, error, sizeof error);
 */
STINT_API STINT_MUST_USE enum stint_status stint_client_open(
    const struct stint_client_options *options, struct stint_client **client, char *error,
    size_t error_size);

/*
 * Connects to one of the endpoints. STINT_OK (also when it is connected already); STINT_UNREACHABLE
 * none answered in time; STINT_BAD_CERTIFICATE, STINT_WRONG_CLUSTER, STINT_EXPIRED, STINT_REVOKED,
 * STINT_BAD_VERSION all that answered refuse; STINT_CANCELLED interrupted.
 *
 *     status = stint_client_connect(client, 5000);
 */
STINT_API STINT_MUST_USE enum stint_status stint_client_connect(struct stint_client *client,
                                                                uint32_t timeout_ms);

/*
 * Closes the client after waiting at most `drain_ms` for what is under way; calls that are left end
 * with STINT_CANCELLED (their callbacks are told before this returns), handles stay readable until
 * they are released. Frees the client, always returns. NULL is allowed. Inside a callback it does
 * not wait, and the client is freed when the callback has returned.
 *
 *     stint_client_close(client, 1000);
 */
STINT_API void stint_client_close(struct stint_client *client, uint32_t drain_ms);

/* One line about the last failure, "" if there was none. Owned by the client, valid until the next
 * call. */
STINT_API const char *stint_client_error(const struct stint_client *client);

STINT_API enum stint_client_state stint_client_state(const struct stint_client *client);

/* Name of the node it is connected to, "" if none. Owned by the client, valid until it is processed
 * again. */
STINT_API const char *stint_client_node(struct stint_client *client);

/* ---- event loops ---- */

/*
 * Wait until the descriptor is readable or the time (ms as in poll(2); 0: now, -1: no limit) is
 * over, then call stint_client_process. Ask for both before each wait.
 *
 *     struct pollfd p = { .fd = stint_client_fd(client), .events = POLLIN };
 *     poll(&p, 1, stint_client_timeout_ms(client));
 *     stint_client_process(client);
 */
STINT_API int stint_client_fd(const struct stint_client *client);
STINT_API int stint_client_timeout_ms(const struct stint_client *client);

/* Does what can be done now, callbacks included; never blocks. */
STINT_API void stint_client_process(struct stint_client *client);

/* The blocking call under way, or else the next one, ends soon with STINT_CANCELLED (or
 * STINT_OUTCOME_UNKNOWN if its request has left and changes something). Any thread, signal
 * handlers. */
STINT_API void stint_client_interrupt(struct stint_client *client);

/* ---- values ---- */

/*
 * Values are protobuf messages; their types are known to the nodes, which describe them to the
 * client. In JSON: messages are objects by field name; an absent field has its default, `null`
 * means absent; integers are numbers; 64-bit ones are also taken as strings of decimal digits, and
 * always written as numbers; floating point numbers are numbers, or "NaN", "Infinity", "-Infinity";
 * enums are numbers; bytes are strings of hex digits; stint.Channel is the channel's id or, when
 * written by you, its name or a unique prefix; stint.Tasklet and stint.Node are ids; null: none.
 * Every mistake is named with its field path, what was expected and what was found.
 */
struct stint_value {
    struct stint_id channel; /* that it was received from */
    const char *type;        /* "tally.Total" */
    struct stint_span bytes; /* as encoded */
    const char *json;        /* NULL when it was not asked for */
};

/* ---- tasklets and channels, blocking ---- */

/* What to spawn. Begin with STINT_SPAWN_INIT. Fields are only ever added, at the end. */
struct stint_spawn {
    size_t size;
    const char *code;       /* "module/Code" */
    const char *args_json;  /* the first frame's locals; or: */
    struct stint_span args; /* the same, encoded. Neither: all default */
    const char *on;         /* node; NULL: the cluster chooses */
    uint32_t count;         /* 0: 1 */
    bool pinned;            /* never moved by the balancer or a drain */
};

#ifdef __cplusplus
static inline struct stint_spawn
stint_spawn_init(void)
{
    struct stint_spawn spawn = {};
    spawn.size = sizeof spawn;
    return spawn;
}
#define STINT_SPAWN_INIT stint_spawn_init()
#else
#define STINT_SPAWN_INIT                   \
    {                                      \
        .size = sizeof(struct stint_spawn) \
    }
#endif

struct stint_spawned {
    struct stint_id id;
    const char *node;
};

/*
 * Spawns; returns when each tasklet has been suspended first or has ended, so that its names exist.
 * `spawned` (may be NULL) gets at most `room` results, *count (may be NULL) how many there were.
 *
 * STINT_OK; STINT_UNKNOWN_MODULE, STINT_UNKNOWN_CODE; STINT_INVALID, STINT_TYPE_MISMATCH the
 * arguments; STINT_NOT_FOUND the node; STINT_NOT_AUTHORISED, STINT_LIMIT, STINT_DRAINING,
 * STINT_UNREACHABLE (asking for the type; nothing has happened), STINT_NOT_SENT,
 * STINT_OUTCOME_UNKNOWN, STINT_BUSY, STINT_CANCELLED, STINT_NO_MEMORY.
 *
 *     struct stint_spawn spawn = STINT_SPAWN_INIT;
 *     spawn.code = "tally/Tally";
 *     spawn.args_json = "{\"name\":\"a\"}";
 *     struct stint_spawned one;
 *     status = stint_client_spawn(client, &spawn, &one, 1, NULL, 5000);
 */
STINT_API STINT_MUST_USE enum stint_status stint_client_spawn(struct stint_client *client,
                                                              const struct stint_spawn *spawn,
                                                              struct stint_spawned *spawned,
                                                              size_t room, size_t *count,
                                                              uint32_t timeout_ms);

enum stint_wait_for { STINT_WAIT_ENDED = 0, STINT_WAIT_MOVED = 1, STINT_WAIT_BLOCKED = 2 };

/* How a tasklet ended, or that it did what was waited for. */
struct stint_wait_result {
    struct stint_id id;
    bool ended;
    enum stint_status status; /* of the end; STINT_OK: it returned */
    const char *text;         /* of the error it ended with, or "" */
    const char *node;         /* where it is, if it has not ended */
    struct stint_value value; /* the result, with its JSON; type "" if there is none */
};

/*
 * Waits for a tasklet. STINT_OK: see `result`; STINT_TIMED_OUT it did not happen in time;
 * STINT_NOT_FOUND, STINT_AMBIGUOUS, STINT_NOT_AUTHORISED; STINT_UNREACHABLE no answer; STINT_BUSY,
 * STINT_CANCELLED, STINT_NO_MEMORY.
 *
 *     status = stint_client_wait(client, "3f9a", STINT_WAIT_ENDED, 60000, &result);
 */
STINT_API STINT_MUST_USE enum stint_status stint_client_wait(struct stint_client *client,
                                                             const char *tasklet,
                                                             enum stint_wait_for what,
                                                             uint32_t timeout_ms,
                                                             struct stint_wait_result *result);

/* What channel to create. Begin with STINT_CHANNEL_INIT. */
struct stint_channel {
    size_t size;
    const char *name;  /* NULL: none */
    uint32_t capacity; /* 0: rendezvous */
    const char *type;  /* message type; NULL: that of the first value */
    const char *on;    /* node; NULL: the one that is connected to */
};

#ifdef __cplusplus
static inline struct stint_channel
stint_channel_init(void)
{
    struct stint_channel ch = {};
    ch.size = sizeof ch;
    return ch;
}
#define STINT_CHANNEL_INIT stint_channel_init()
#else
#define STINT_CHANNEL_INIT                   \
    {                                        \
        .size = sizeof(struct stint_channel) \
    }
#endif

/*
 * Makes a channel that lives on a node until it is closed. STINT_OK: *id; STINT_EXISTS the name is
 * taken; STINT_INVALID; STINT_NOT_FOUND the node or the type; STINT_STORE_DOWN names cannot be
 * given now; STINT_NOT_AUTHORISED, STINT_LIMIT, STINT_NOT_SENT, STINT_OUTCOME_UNKNOWN, STINT_BUSY,
 * STINT_CANCELLED.
 *
 *     struct stint_channel ch = STINT_CHANNEL_INIT;
 *     ch.name = "out";
 *     ch.capacity = 64;
 *     status = stint_client_channel_create(client, &ch, &id, 5000);
 */
STINT_API STINT_MUST_USE enum stint_status stint_client_channel_create(
    struct stint_client *client, const struct stint_channel *ch, struct stint_id *id,
    uint32_t timeout_ms);

/*
 * The id of a channel given by name, id or prefix. STINT_OK, STINT_NOT_FOUND, STINT_AMBIGUOUS,
 * STINT_STORE_DOWN, STINT_UNREACHABLE, STINT_BUSY, STINT_CANCELLED.
 *
 *     status = stint_client_resolve(client, "out", 5000, &id);
 */
STINT_API STINT_MUST_USE enum stint_status stint_client_resolve(struct stint_client *client,
                                                                const char *channel,
                                                                uint32_t timeout_ms,
                                                                struct stint_id *id);

/*
 * Sends a value. STINT_OK: taken by the receiver (capacity 0) or accepted into the channel
 * (capacity N). STINT_TIMED_OUT: nobody took it, and nobody will. `type` NULL: the channel's own;
 * demanded for channels that have none yet. Values that one client sends to one channel arrive in
 * the order of the calls.
 *
 * Also: STINT_NOT_FOUND, STINT_AMBIGUOUS, STINT_CLOSED, STINT_CHANNEL_LOST, STINT_TYPE_MISMATCH,
 * STINT_INVALID the JSON, STINT_LIMIT more than 64 KiB encoded, STINT_NOT_AUTHORISED,
 * STINT_NOT_SENT, STINT_OUTCOME_UNKNOWN, STINT_BUSY, STINT_CANCELLED, STINT_NO_MEMORY.
 *
 *     status = stint_client_send_json(client, "a", "{\"amount\":5,\"reply\":\"out\"}", NULL, 5000);
 */
STINT_API STINT_MUST_USE enum stint_status stint_client_send(struct stint_client *client,
                                                             const char *channel,
                                                             struct stint_span bytes,
                                                             const char *type, uint32_t timeout_ms);
STINT_API STINT_MUST_USE enum stint_status stint_client_send_json(struct stint_client *client,
                                                                  const char *channel,
                                                                  const char *json,
                                                                  const char *type,
                                                                  uint32_t timeout_ms);

/*
 * Receives a value; with `as_json` also its JSON. STINT_OK; STINT_TIMED_OUT nothing came, nothing
 * is lost; STINT_END_OF_SEQUENCE or STINT_CLOSED the channel ended; STINT_OUTCOME_UNKNOWN no
 * answer: a value may have been taken. Others as for sending.
 *
 *     struct stint_value value;
 *     status = stint_client_receive(client, "out", true, 5000, &value);
 *     puts(value.json);
 */
STINT_API STINT_MUST_USE enum stint_status stint_client_receive(struct stint_client *client,
                                                                const char *channel, bool as_json,
                                                                uint32_t timeout_ms,
                                                                struct stint_value *value);

/*
 * Closes a channel; with `wake` all that wait on it end with STINT_CLOSED, else what is in it is
 * received first. STINT_OK, STINT_NOT_FOUND, STINT_AMBIGUOUS, STINT_NOT_AUTHORISED, STINT_NOT_SENT,
 * STINT_OUTCOME_UNKNOWN, STINT_BUSY, STINT_CANCELLED.
 *
 *     status = stint_client_channel_close(client, "out", true, 5000);
 */
STINT_API STINT_MUST_USE enum stint_status stint_client_channel_close(struct stint_client *client,
                                                                      const char *channel,
                                                                      bool wake,
                                                                      uint32_t timeout_ms);

/*
 * JSON to bytes of a message type ("tally.Add") or of a code's locals ("tally/Tally"), and back.
 * STINT_OK, STINT_INVALID what does not fit, STINT_NOT_FOUND no node knows the type, STINT_LIMIT,
 * STINT_UNREACHABLE, STINT_BUSY, STINT_CANCELLED, STINT_NO_MEMORY.
 *
 *     status = stint_client_encode(client, "tally.Add", "{\"amount\":5}", 5000, &bytes);
 */
STINT_API STINT_MUST_USE enum stint_status stint_client_encode(struct stint_client *client,
                                                               const char *type, const char *json,
                                                               uint32_t timeout_ms,
                                                               struct stint_span *bytes);
STINT_API STINT_MUST_USE enum stint_status stint_client_decode(struct stint_client *client,
                                                               const char *type,
                                                               struct stint_span bytes,
                                                               uint32_t timeout_ms,
                                                               const char **json);

/* ---- channels of the client itself ---- */

/*
 * Opens a channel that this client hosts, for answers: its id stands for it in every value that you
 * send, and tasklets send to it (or receive from it) as to any other. You receive from it and send
 * to it with the functions above and its id as a text. The node that you are connected to only
 * passes on. When that node dies, the client goes to another one and the channel goes on there:
 * nothing in it is lost or doubled, and what each tasklet sends arrives in order.
 *
 * `ch` needs a type and perhaps a capacity: values that are accepted before you receive them. A
 * `name` or a node in `on` is refused. Up to 64 channels at a time. The channel ends by
 * stint_client_channel_close, or with the client: whoever waits in it gets STINT_CLOSED. If the
 * client vanishes without a word they get STINT_CHANNEL_LOST after a minute, and if it has been
 * without any node for so long.
 *
 * Returns when a node has registered it. The id is written to `id` and is yours.
 *
 * STINT_OK; STINT_INVALID something in `ch`; STINT_NOT_FOUND no node knows the type; STINT_LIMIT
 * there are 64; STINT_NOT_AUTHORISED; STINT_UNREACHABLE no node in time (nothing has happened);
 * STINT_BUSY, STINT_CANCELLED, STINT_NO_MEMORY; and those of stint_client_connect. Any thread, not
 * in a callback.
 *
 *     struct stint_channel ch = STINT_CHANNEL_INIT;
 *     ch.type = "tally.Total";
 *     ch.capacity = 16;
 *     struct stint_id replies;
 *     char to[STINT_ID_TEXT_SIZE], json[128];
 *     if (stint_client_channel_open(client, &ch, &replies, 5000) == STINT_OK) {
 *         snprintf(json, sizeof json, "{\"amount\":5,\"reply\":\"%s\"}",
 *                  stint_id_text(replies, to));
 *         status = stint_client_send_json(client, "a", json, NULL, 5000);
 *         status = stint_client_receive(client, to, true, 5000, &value);
 *         status = stint_client_channel_close(client, to, true, 5000);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status stint_client_channel_open(
    struct stint_client *client, const struct stint_channel *ch, struct stint_id *id,
    uint32_t timeout_ms);

/* ---- the same without blocking ---- */

/*
 * Each begins what its twin does and answers at once with a handle, or NULL (stint_client_error
 * says why: STINT_BUSY, STINT_INVALID, STINT_NO_MEMORY). When it is over `done` (may be NULL: then
 * ask stint_call_done) is called, once, from stint_client_process. The handle belongs to you until
 * stint_call_release, which may be called at any time, in `done` too; an operation goes on without
 * its handle.
 */
typedef void stint_call_done_fn(void *arg, struct stint_call *call);

STINT_API struct stint_call *stint_client_connect_begin(struct stint_client *client,
                                                        uint32_t timeout_ms,
                                                        stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_client_spawn_begin(struct stint_client *client,
                                                      const struct stint_spawn *spawn,
                                                      uint32_t timeout_ms, stint_call_done_fn *done,
                                                      void *arg);
STINT_API struct stint_call *stint_client_wait_begin(struct stint_client *client,
                                                     const char *tasklet, enum stint_wait_for what,
                                                     uint32_t timeout_ms, stint_call_done_fn *done,
                                                     void *arg);
STINT_API struct stint_call *stint_client_channel_create_begin(struct stint_client *client,
                                                               const struct stint_channel *ch,
                                                               uint32_t timeout_ms,
                                                               stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_client_channel_open_begin(struct stint_client *client,
                                                             const struct stint_channel *ch,
                                                             uint32_t timeout_ms,
                                                             stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_client_channel_close_begin(struct stint_client *client,
                                                              const char *channel, bool wake,
                                                              uint32_t timeout_ms,
                                                              stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_client_resolve_begin(struct stint_client *client,
                                                        const char *channel, uint32_t timeout_ms,
                                                        stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_client_send_begin(struct stint_client *client,
                                                     const char *channel, struct stint_span bytes,
                                                     const char *type, uint32_t timeout_ms,
                                                     stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_client_send_json_begin(struct stint_client *client,
                                                          const char *channel, const char *json,
                                                          const char *type, uint32_t timeout_ms,
                                                          stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_client_receive_begin(struct stint_client *client,
                                                        const char *channel, bool as_json,
                                                        uint32_t timeout_ms,
                                                        stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_client_encode_begin(struct stint_client *client,
                                                       const char *type, const char *json,
                                                       uint32_t timeout_ms,
                                                       stint_call_done_fn *done, void *arg);
STINT_API struct stint_call *stint_client_decode_begin(struct stint_client *client,
                                                       const char *type, struct stint_span bytes,
                                                       uint32_t timeout_ms,
                                                       stint_call_done_fn *done, void *arg);

/* Whether it is over; its status (STINT_BUSY while it is not) and the line about it. */
STINT_API bool stint_call_done(const struct stint_call *call);
STINT_API enum stint_status stint_call_status(const struct stint_call *call);
STINT_API const char *stint_call_error(const struct stint_call *call);

/* What came of it, once it is over with STINT_OK; STINT_INVALID for a call of another kind.
 * Pointers are valid until the release. */
STINT_API STINT_MUST_USE enum stint_status stint_call_spawned(const struct stint_call *call,
                                                              struct stint_spawned *spawned,
                                                              size_t room, size_t *count);
STINT_API STINT_MUST_USE enum stint_status stint_call_waited(const struct stint_call *call,
                                                             struct stint_wait_result *result);
STINT_API STINT_MUST_USE enum stint_status stint_call_value(const struct stint_call *call,
                                                            struct stint_value *value);
STINT_API STINT_MUST_USE enum stint_status stint_call_id(const struct stint_call *call,
                                                         struct stint_id *id);
STINT_API STINT_MUST_USE enum stint_status stint_call_list(struct stint_call *call,
                                                           struct stint_list **list);
STINT_API uint64_t stint_call_took_us(const struct stint_call *call);

/*
 * Gives an operation up: it ends soon with STINT_CANCELLED when its request has not left, else with
 * STINT_OUTCOME_UNKNOWN. Nothing happens when it is over.
 */
STINT_API void stint_call_cancel(struct stint_call *call);

/* Gives the handle back. NULL is allowed. */
STINT_API void stint_call_release(struct stint_call *call);

/* The version of the library, as "0.1.0". Static storage. */
STINT_API const char *stint_client_version(void);

#ifdef __cplusplus
}
#endif
#endif
