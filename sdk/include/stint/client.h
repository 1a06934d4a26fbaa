/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of a cluster: it spawns tasklets, waits for them, and talks with them through channels.
 * Here is a client and what it does with tasklets and channels; call.h has what comes of that, with
 * or without waiting; admin.h operates a cluster; keys.h makes identities.
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
 * Time. `timeout_ms` (milliseconds; 1 at least, a day at most) is what the operation itself is
 * given; it is never endless. A call whose request has left waits up to STINT_CLIENT_GRACE_MS
 * longer for the cluster's verdict, because a verdict is worth more than a guess; one that shows
 * its result as JSON up to another grace for the description of the type. No call lasts longer than
 * that.
 *
 * Outcome. STINT_NOT_SENT: the request never left, nothing has happened. STINT_OUTCOME_UNKNOWN: it
 * left, no answer came: it may or may not have happened. STINT_UNREACHABLE: no answer, of a
 * question that changes nothing. Everything else is a verdict. When a connection breaks, requests
 * go on over another node under the same id, so each takes effect at most once; also those that you
 * wait for.
 *
 * Errors. Any call may answer, besides what stands at it: STINT_INVALID an argument; STINT_BUSY too
 * much is pending (options), or a callback would wait; STINT_CANCELLED interrupted, given up, or
 * the client was closed; STINT_NOT_AUTHORISED the role may not; STINT_BAD_CERTIFICATE,
 * STINT_EXPIRED, STINT_REVOKED, STINT_WRONG_CLUSTER, STINT_BAD_VERSION every node refuses this
 * client; STINT_LIMIT the answer is too large; STINT_BAD_FRAME an answer that cannot be read;
 * STINT_FENCED the node that was asked has just been removed from the cluster; STINT_NO_MEMORY. The
 * line about the last failure in this thread is stint_client_error.
 *
 * Names. A tasklet is named by its id (32 hex digits) or any unique prefix, a channel by its id, a
 * unique prefix or its name, a node by its name or id. STINT_NOT_FOUND: there is none of it;
 * STINT_AMBIGUOUS: the prefix fits several.
 *
 * Memory. What you give is copied. What a blocking call hands out belongs to the client, for the
 * thread that called: it is valid until that thread's next blocking call with the same client, or
 * the close. (So for the STINT_CLIENT_THREADS_MAX threads that used the client last.) What a handle
 * hands out is valid until that handle is released.
 *
 * Threads. Any thread may use a client at any time, several at once too. While threads block, one
 * of them does the work of all; `own_thread` gives the client a thread that does, with all signals
 * blocked. There is no global state, and any number of clients live in a process. A fork'ed child
 * must not use its parent's clients.
 *
 * Callbacks (call.h) never run with a lock held nor inside the call that asked for them. They may
 * begin operations and close the client, but not wait. While one runs, other threads' calls go on.
 */
#ifndef STINT_CLIENT_H
#define STINT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stint/call.h"
#include "stint/status.h"
#include "stint/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct stint_client;

#define STINT_CLIENT_ERROR_SIZE 1024 /* holds every error line of this header */
#define STINT_CLIENT_GRACE_MS 1000
#define STINT_CLIENT_ENDPOINTS_MAX 16
#define STINT_CLIENT_THREADS_MAX 256

/* ---- life ---- */

enum stint_client_state {
    STINT_CLIENT_OFFLINE = 0,    /* nothing was asked yet, or it was closed */
    STINT_CLIENT_CONNECTING = 1, /* looks for a node, with backoff */
    STINT_CLIENT_CONNECTED = 2,
    STINT_CLIENT_REFUSED = 3 /* every node refuses this identity; a new request tries again */
};

/*
 * Begin with STINT_CLIENT_OPTIONS_INIT; everything is optional. What is not set here is taken from
 * `uri`, then, unless `no_environment`, from STINT_ENDPOINT (comma separated), STINT_KEYS,
 * STINT_IDENTITY. Fields are only ever added, at the end; here as in all structures with a `size`.
 *
 * A uri is stint://HOST:PORT[,HOST:PORT...][?keys=DIR][&identity=NAME][&insecure=1];
 * tcp://HOST:PORT stands for one endpoint without options.
 */
struct stint_client_options {
    size_t size; /* of this structure: set by STINT_CLIENT_OPTIONS_INIT */
    const char *uri;
    const char *const *endpoints; /* "tcp://host:port"; STINT_CLIENT_ENDPOINTS_MAX at most. One
                                     that answers suffices: it names the others */
    size_t endpoint_count;
    const char *keys_dir; /* holds cluster.pub and the identity */
    const char *identity; /* "client-web" or just "web"; NULL: the operator's if there is one, else
                             the only one there is */
    bool insecure;        /* development keys that everybody has; loopback endpoints only */
    bool no_environment;
    uint32_t pending_max; /* operations under way; 0: 1024. Above it calls answer STINT_BUSY */
    uint32_t pending_bytes_max; /* of what they send; 0: 16 MiB. Likewise */
    /* Whenever the state changes. `text` is one line, "" or why. As all callbacks (call.h). */
    void (*on_state)(void *arg, struct stint_client *client, enum stint_client_state state,
                     const char *text);
    void *arg;
    struct stint_allocator allocator; /* resize NULL: malloc. Called by one thread at a time */
    bool own_thread; /* a thread of the library does the client's work and runs its callbacks */
};

STINT_SIZED_(client_options);
#define STINT_CLIENT_OPTIONS_INIT STINT_SIZED_INIT_(client_options)

/*
 * Makes a client: reads options and keys; it connects when something is asked, or by
 * stint_client_connect. On failure *client is NULL and `error` (may be NULL with size 0) holds one
 * line; else it is yours until stint_client_close.
 *
 * STINT_OK; STINT_INVALID an option that makes no sense, no endpoint; STINT_NOT_FOUND no such keys
 * or identity; STINT_AMBIGUOUS several identities, none named; STINT_NOT_AUTHORISED a secret that
 * others can read; STINT_BAD_CERTIFICATE, STINT_EXPIRED, STINT_WRONG_CLUSTER the identity;
 * STINT_NO_MEMORY, STINT_IO.
 *
 *     status = stint_client_open(&options, &client, error, sizeof error);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_client_open(const struct stint_client_options *options, struct stint_client **client,
                  char *error, size_t error_size);

/*
 * Connects to one of the endpoints. Not needed, but it says early that a cluster cannot be reached.
 * STINT_OK (also when it is connected already); STINT_UNREACHABLE none answered in time.
 *
 *     status = stint_client_connect(client, 5000);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_client_connect(struct stint_client *client, uint32_t timeout_ms);
STINT_API struct stint_call *
stint_client_connect_begin(struct stint_client *client, uint32_t timeout_ms,
                           stint_call_done_fn *done, void *arg);

/*
 * Closes the client and frees it. First it waits at most `drain_ms` (milliseconds) for what is
 * under way; calls that are left end with STINT_CANCELLED, or STINT_OUTCOME_UNKNOWN when their
 * request has left and changes something. Their callbacks are called before this returns; handles
 * stay readable until they are released. NULL is allowed.
 *
 * Always returns. Calls of other threads that are under way end and return, and the last one out
 * frees the client; no other may begin. When another thread is in a callback it waits for that for
 * STINT_CLIENT_GRACE_MS at most, then leaves the rest to that thread. Inside a callback it does not
 * wait: the rest is done when the callback has returned.
 *
 *     stint_client_close(client, 1000);
 */
STINT_API void stint_client_close(struct stint_client *client, uint32_t drain_ms);

/*
 * One line about the last failure of a call that this thread made or began, "" if that one did not
 * fail. Valid until this thread's next call with the client. Do not mix it up with
 * stint_call_error, which is about a call that was begun and has ended.
 *
 *     fprintf(stderr, "%s\n", stint_client_error(client));
 */
STINT_API const char *stint_client_error(const struct stint_client *client);

/*
 * How it stands with the connection.
 *
 *     if (stint_client_state(client) == STINT_CLIENT_REFUSED) {
 *         fputs("no node lets us in\n", stderr);
 *     }
 */
STINT_API enum stint_client_state stint_client_state(const struct stint_client *client);

/*
 * Name of the node that it is connected to, "" if none. Valid until this thread asks again.
 *
 *     puts(stint_client_node(client));
 */
STINT_API const char *stint_client_node(struct stint_client *client);

/*
 * Every blocking call under way, or else the next one, ends soon with STINT_CANCELLED, or with
 * STINT_OUTCOME_UNKNOWN if its request has left and changes something. Any thread, signal handlers.
 *
 *     stint_client_interrupt(client);
 */
STINT_API void stint_client_interrupt(struct stint_client *client);

/*
 * The version of the library, as "0.1.0". Static storage; any thread.
 *
 *     puts(stint_client_version());
 */
STINT_API const char *stint_client_version(void);

/* ---- event loops ---- */

/*
 * Without a thread of the library and without blocking calls, the work is done by
 * stint_client_process: wait until the descriptor is readable or the time (ms as in poll(2); 0:
 * now, -1: no limit) is over, then call it. Ask for the time before each wait. The descriptor is
 * the same for the client's whole life, and yours to poll only.
 *
 *     struct pollfd p = { .fd = stint_client_fd(client), .events = POLLIN };
 *     poll(&p, 1, stint_client_timeout_ms(client));
 *     stint_client_process(client);
 */
STINT_API int stint_client_fd(const struct stint_client *client);
STINT_API int stint_client_timeout_ms(const struct stint_client *client);

/*
 * Does what can be done now, callbacks included; never waits for the network. Returns at once when
 * another thread does the work. In a callback it does nothing.
 *
 *     stint_client_process(client);
 */
STINT_API void stint_client_process(struct stint_client *client);

/* ---- tasklets ---- */

/* What to spawn. */
struct stint_spawn {
    size_t size;
    const char *code;       /* "module/Code" */
    const char *args_json;  /* the first frame's locals; or: */
    struct stint_span args; /* the same, encoded. Neither: all default */
    const char *on;         /* node; NULL: the cluster chooses */
    uint32_t count;         /* 0: 1 */
    bool pinned;            /* never moved by the balancer or a drain */
    const char *tags;       /* "k=v,k=v", to find it by in selectors (tag.k=v); NULL: none */
};

STINT_SIZED_(spawn);
#define STINT_SPAWN_INIT STINT_SIZED_INIT_(spawn)

/*
 * Spawns; returns when each tasklet has been suspended first or has ended, so that its names exist.
 * `spawned` (may be NULL with 0) gets at most `room` results, *count (may be NULL) how many there
 * are.
 *
 * STINT_OK; STINT_PARTIAL some could not be made: there are fewer; STINT_UNKNOWN_MODULE,
 * STINT_UNKNOWN_CODE; STINT_INVALID, STINT_TYPE_MISMATCH the arguments; STINT_NOT_FOUND the node,
 * or a channel in the arguments; STINT_EXISTS a name that it gives is taken; STINT_ERROR,
 * STINT_USER, STINT_KILLED it ended at once, the line says how; STINT_LIMIT the node is full;
 * STINT_DRAINING; STINT_NOT_SENT, STINT_OUTCOME_UNKNOWN.
 *
 *     struct stint_spawn spawn = STINT_SPAWN_INIT;
 *     spawn.code = "tally/Tally";
 *     spawn.args_json = "{\"name\":\"a\"}";
 *     struct stint_spawned one;
 *     status = stint_client_spawn(client, &spawn, &one, 1, NULL, 5000);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_client_spawn(struct stint_client *client, const struct stint_spawn *spawn,
                   struct stint_spawned *spawned, size_t room, size_t *count, uint32_t timeout_ms);
STINT_API struct stint_call *
stint_client_spawn_begin(struct stint_client *client, const struct stint_spawn *spawn,
                         uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

enum stint_wait_for { STINT_WAIT_ENDED = 0, STINT_WAIT_MOVED = 1, STINT_WAIT_BLOCKED = 2 };

/*
 * Waits until a tasklet has ended, or has moved, or is blocked; the last two end also when it ends.
 * STINT_OK: see `result`; STINT_TIMED_OUT it did not happen in time; STINT_NOT_FOUND (also when it
 * ended more than a while ago), STINT_AMBIGUOUS; STINT_UNREACHABLE no answer.
 *
 *     struct stint_wait_result result;
 *     if (stint_client_wait(client, "3f9a", STINT_WAIT_ENDED, 60000, &result) == STINT_OK) {
 *         puts(result.value.json != NULL ? result.value.json : result.text);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_client_wait(struct stint_client *client, const char *tasklet, enum stint_wait_for what,
                  uint32_t timeout_ms, struct stint_wait_result *result);
STINT_API struct stint_call *
stint_client_wait_begin(struct stint_client *client, const char *tasklet, enum stint_wait_for what,
                        uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/* ---- channels ---- */

/* What channel to create. */
struct stint_channel {
    size_t size;
    const char *name;  /* 1 to 63 of A-Z a-z 0-9 . _ -; NULL: none */
    uint32_t capacity; /* values that it holds; 0: rendezvous; 65536 at most */
    const char *type;  /* message type; NULL: that of the first value */
    const char *on;    /* node; NULL: the one that is connected to */
};

STINT_SIZED_(channel);
#define STINT_CHANNEL_INIT STINT_SIZED_INIT_(channel)

/*
 * Makes a channel that lives on a node until it is closed. STINT_OK: *id; STINT_EXISTS the name is
 * taken; STINT_NOT_FOUND the node or the type; STINT_STORE_DOWN names cannot be given now;
 * STINT_LIMIT the node is full; STINT_DRAINING; STINT_NOT_SENT, STINT_OUTCOME_UNKNOWN.
 *
 *     struct stint_channel ch = STINT_CHANNEL_INIT;
 *     struct stint_id id;
 *     ch.name = "out";
 *     ch.capacity = 64;
 *     status = stint_client_channel_create(client, &ch, &id, 5000);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_client_channel_create(struct stint_client *client, const struct stint_channel *ch,
                            struct stint_id *id, uint32_t timeout_ms);
STINT_API struct stint_call *
stint_client_channel_create_begin(struct stint_client *client, const struct stint_channel *ch,
                                  uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/*
 * Closes a channel; with `wake` all that wait on it end, receivers with STINT_END_OF_SEQUENCE and
 * senders with STINT_CLOSED; else what is in it is received first. STINT_OK; STINT_NOT_FOUND,
 * STINT_AMBIGUOUS; STINT_STORE_DOWN its name cannot be looked up; STINT_NOT_SENT,
 * STINT_OUTCOME_UNKNOWN.
 *
 *     status = stint_client_channel_close(client, "out", true, 5000);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_client_channel_close(struct stint_client *client, const char *channel, bool wake,
                           uint32_t timeout_ms);
STINT_API struct stint_call *
stint_client_channel_close_begin(struct stint_client *client, const char *channel, bool wake,
                                 uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/*
 * The id of a channel. STINT_OK: *id; STINT_NOT_FOUND, STINT_AMBIGUOUS; STINT_STORE_DOWN,
 * STINT_UNREACHABLE.
 *
 *     struct stint_id id;
 *     char text[STINT_ID_TEXT_SIZE];
 *     if (stint_client_resolve(client, "out", 5000, &id) == STINT_OK) {
 *         puts(stint_id_text(id, text));
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_client_resolve(struct stint_client *client, const char *channel, uint32_t timeout_ms,
                     struct stint_id *id);
STINT_API struct stint_call *
stint_client_resolve_begin(struct stint_client *client, const char *channel, uint32_t timeout_ms,
                           stint_call_done_fn *done, void *arg);

/*
 * Sends a value, encoded or as JSON. STINT_OK: taken by the receiver (capacity 0) or accepted into
 * the channel (capacity N). STINT_TIMED_OUT: nobody took it, and nobody will. `type` NULL: the
 * channel's own; demanded for channels that have none yet. What one client sends to one channel
 * arrives in the order of the calls, those of one thread or several: it is sent one after another,
 * so STINT_NOT_SENT may also mean that an earlier one took all the time.
 *
 * Also: STINT_NOT_FOUND, STINT_AMBIGUOUS (also of channels that the JSON names); STINT_CLOSED;
 * STINT_CHANNEL_LOST its node is lost: a value sent before may be; STINT_TYPE_MISMATCH;
 * STINT_INVALID the JSON, the line says which field; STINT_LIMIT more than 64 KiB encoded;
 * STINT_STORE_DOWN; STINT_NOT_SENT, STINT_OUTCOME_UNKNOWN.
 *
 *     const uint8_t five[] = { 0x08, 5 };
 *     struct stint_span bytes = { five, sizeof five };
 *     status = stint_client_send(client, "a", bytes, "tally.Add", 5000);
 *     status = stint_client_send_json(client, "a", "{\"amount\":5}", NULL, 5000);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_client_send(struct stint_client *client, const char *channel, struct stint_span bytes,
                  const char *type, uint32_t timeout_ms);
STINT_API struct stint_call *
stint_client_send_begin(struct stint_client *client, const char *channel, struct stint_span bytes,
                        const char *type, uint32_t timeout_ms, stint_call_done_fn *done, void *arg);
STINT_API STINT_MUST_USE enum stint_status
stint_client_send_json(struct stint_client *client, const char *channel, const char *json,
                       const char *type, uint32_t timeout_ms);
STINT_API struct stint_call *
stint_client_send_json_begin(struct stint_client *client, const char *channel, const char *json,
                             const char *type, uint32_t timeout_ms, stint_call_done_fn *done,
                             void *arg);

/*
 * Receives a value; with `as_json` also its JSON. Receives of one client from one channel are
 * served one after another, in the order of the calls. STINT_OK: *value; STINT_TIMED_OUT nothing
 * came, nothing is lost; STINT_END_OF_SEQUENCE or STINT_CLOSED the channel ended;
 * STINT_CHANNEL_LOST with its node; STINT_OUTCOME_UNKNOWN no answer: a value may have been taken;
 * STINT_NOT_SENT; STINT_NOT_FOUND, STINT_AMBIGUOUS, STINT_STORE_DOWN.
 *
 *     struct stint_value value;
 *     if (stint_client_receive(client, "out", true, 5000, &value) == STINT_OK) {
 *         printf("%s %s\n", value.type, value.json != NULL ? value.json : "?");
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_client_receive(struct stint_client *client, const char *channel, bool as_json,
                     uint32_t timeout_ms, struct stint_value *value);
STINT_API struct stint_call *
stint_client_receive_begin(struct stint_client *client, const char *channel, bool as_json,
                           uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

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
 * stint_client_channel_close, or with the client: who waits to send gets STINT_CLOSED. When the
 * client has vanished, has been without any node, or was not processed (see `own_thread`) for a
 * minute, they get STINT_CHANNEL_LOST; what is in the channel stays there, and when the client is
 * back others can use it.
 *
 * Returns when a node has registered it. STINT_OK: *id; STINT_INVALID something in `ch`;
 * STINT_NOT_FOUND no node knows the type; STINT_LIMIT there are 64; STINT_UNREACHABLE no node in
 * time (nothing has happened).
 *
 *     struct stint_channel ch = STINT_CHANNEL_INIT;
 *     struct stint_value value;
 *     ch.type = "tally.Total";
 *     ch.capacity = 16;
 *     char to[STINT_ID_TEXT_SIZE], json[128];
 *     if (stint_client_channel_open(client, &ch, &id, 5000) == STINT_OK) {
 *         snprintf(json, sizeof json, "{\"amount\":5,\"reply\":\"%s\"}", stint_id_text(id, to));
 *         status = stint_client_send_json(client, "a", json, NULL, 5000);
 *         status = stint_client_receive(client, to, true, 5000, &value);
 *         status = stint_client_channel_close(client, to, true, 5000);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_client_channel_open(struct stint_client *client, const struct stint_channel *ch,
                          struct stint_id *id, uint32_t timeout_ms);
STINT_API struct stint_call *
stint_client_channel_open_begin(struct stint_client *client, const struct stint_channel *ch,
                                uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/* ---- values ---- */

/*
 * JSON to bytes of a message type ("tally.Add") or of a code's locals ("tally/Tally"). Types are
 * known to the nodes, which describe them; the client remembers that. STINT_OK: *bytes;
 * STINT_INVALID what does not fit, the line says which field, what was expected and what was found;
 * STINT_NOT_FOUND no node knows the type, or there is no channel of that name; STINT_AMBIGUOUS;
 * STINT_UNREACHABLE.
 *
 *     struct stint_span bytes;
 *     status = stint_client_encode(client, "tally.Add", "{\"amount\":5}", 5000, &bytes);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_client_encode(struct stint_client *client, const char *type, const char *json,
                    uint32_t timeout_ms, struct stint_span *bytes);
STINT_API struct stint_call *
stint_client_encode_begin(struct stint_client *client, const char *type, const char *json,
                          uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

/*
 * Bytes to JSON. STINT_OK: *json; STINT_INVALID the bytes do not fit; STINT_NOT_FOUND no node knows
 * the type; STINT_UNREACHABLE.
 *
 *     const char *json;
 *     struct stint_span bytes = { (const uint8_t *)"\x08\x05", 2 };
 *     if (stint_client_decode(client, "tally.Add", bytes, 5000, &json) == STINT_OK) {
 *         puts(json);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_client_decode(struct stint_client *client, const char *type, struct stint_span bytes,
                    uint32_t timeout_ms, const char **json);
STINT_API struct stint_call *
stint_client_decode_begin(struct stint_client *client, const char *type, struct stint_span bytes,
                          uint32_t timeout_ms, stint_call_done_fn *done, void *arg);

#ifdef __cplusplus
}
#endif
#endif
