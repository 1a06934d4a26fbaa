/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client around the machine: memory that handles share, the pump, calls (operations of several
 * requests), and what is remembered between them. All of it is used under the lock of the client's
 * heap (threads.h); what takes or gives it says so.
 */
#ifndef STINT_CLIENT_CLIENT_INTERNAL_H
#define STINT_CLIENT_CLIENT_INTERNAL_H

#include "base/list.h"
#include "base/prng.h"
#include "base/table.h"
#include "client/export_file.h"
#include "client/machine.h"
#include "client/threads.h"
#include "client/types.h"
#include "link/link.h"
#include "stint/client.h"

#define MACHINE_MS UINT64_C(1000000) /* ns */

/* ---- heap.c: memory, and its lock, that live as long as the last handle that uses them ---- */

struct client_heap {
    struct mem mem;
    struct client_lock lock;
    struct stint_allocator allocator;
    uint32_t holders;
};

/* With one holder; NULL when memory is short. A zero allocator means malloc. */
struct client_heap *client_heap_new(struct stint_allocator allocator);
struct client_heap *client_heap_hold(struct client_heap *heap);

/* One holder less: without the lock, then the heap may go; or under it, when there are others. */
void client_heap_drop(struct client_heap *heap);
void client_heap_let_go(struct client_heap *heap);

/* A copy of a text in this memory, NULL when it is short; freed with client_text_free. */
char *client_text_copy(struct mem *mem, const char *text);
void client_text_free(struct mem *mem, char *text);

/* Makes a text of others fit for a terminal, in place: control characters and what is no UTF-8
 * become `?`. */
void client_text_clean(char *text);

/*
 * A structure whose first field is its size, as this library knows it: what the caller's has, which
 * may be of an older or a newer header, and zeros behind it. False when it has not even what the
 * first release had, up to the field `last`.
 */
bool client_struct_copy(void *to, size_t size, const void *from, size_t least);
#define CLIENT_STRUCT_COPY(to, from, last)     \
    client_struct_copy(to, sizeof *(to), from, \
                       (size_t)((const char *)(&(to)->last + 1) - (const char *)(to)))

/* ---- options.c: what a client is made of ---- */

struct client_settings {
    char endpoints[STINT_CLIENT_ENDPOINTS_MAX][CLIENT_ENDPOINT_SIZE];
    size_t endpoint_count;
    char keys_dir[4096];
    char identity[128];
    bool insecure, own_thread;
    uint32_t pending_max;
    size_t pending_bytes_max;
    void (*on_state)(void *arg, struct stint_client *client, enum stint_client_state state,
                     const char *text);
    void *arg;
    struct stint_allocator allocator;
};

/* Options over uri over environment. STINT_INVALID with one line. */
STINT_MUST_USE enum stint_status client_settings_read(const struct stint_client_options *options,
                                                      struct client_settings *settings, char *error,
                                                      size_t error_size);

/* identity.c: the identity that the settings ask for; wall_ms is the time to check it by. */
STINT_MUST_USE enum stint_status client_identity_load(const struct client_settings *settings,
                                                      uint64_t wall_ms, struct identity *identity,
                                                      char *error, size_t error_size);

/* ---- cache.c: names, types and lanes ---- */

struct cached_name {
    char name[LIMIT_NAME + 1];
    struct stint_id id;
    char type[sizeof((stint_ChannelInfo *)0)->type];
    uint64_t until_ns;
};

struct cached_types {
    char text[sizeof((stint_Request *)0)->text];
    struct client_types types;
    uint64_t until_ns;
    uint64_t used;
    uint64_t hash; /* of the message type; 0: it is none */
};

/*
 * A client's sends to one channel, or its receives from it: one at a time, numbered, under an id of
 * their own (protocol C), so that they take effect in order and once, whichever node they go
 * through. A receive that waits holds up no send.
 */
struct lane {
    struct list place; /* the one used longest ago first */
    struct stint_id key; /* the channel and which of both */
    struct stint_id participant;
    uint64_t next;
    struct stint_call *holder;
    struct list waiting; /* calls */
};

struct client_cache {
    struct mem *mem;
    struct cached_name *names; /* CLIENT_NAMES of them, made when first used */
    uint32_t name_count, name_next;
    struct cached_types *types[CLIENT_SCHEMAS];
    uint32_t type_count;
    uint64_t clock;
    struct table lanes;
    struct list lane_order;
    struct prng random;
};

void client_cache_init(struct client_cache *cache, struct mem *mem, const uint8_t seed[32]);
void client_cache_fini(struct client_cache *cache);

const struct cached_name *client_cache_name(const struct client_cache *cache, const char *name,
                                            uint64_t now_ns);
void client_cache_put_name(struct client_cache *cache, const char *name,
                           const stint_ChannelInfo *info, uint64_t now_ns);
void client_cache_forget_name(struct client_cache *cache, const char *name);

/* The types described under a text; valid until the next put. NULL if unknown. */
const struct client_types *client_cache_types(struct client_cache *cache, const char *text,
                                              uint64_t now_ns);
STINT_MUST_USE enum stint_status client_cache_put_types(struct client_cache *cache,
                                                        const char *text, struct stint_span schema,
                                                        uint64_t hash, uint64_t now_ns, char *error,
                                                        size_t error_size);

/* The hash of a message type whose description is remembered; 0: none. */
uint64_t client_cache_hash(const struct client_cache *cache, const char *text);

/* The lane of a channel, made when new; NULL when memory is short or all lanes are in use. */
struct lane *client_cache_lane(struct client_cache *cache, struct stint_id channel, bool receives);

/* A lane whose last operation has an unknown outcome begins anew, so that it blocks none after it.
 */
void client_cache_renew_lane(struct client_cache *cache, struct lane *lane);

/* ---- call.c ---- */

enum call_kind {
    CALL_PLAIN, /* one request and its items */
    CALL_CONNECT,
    CALL_OPEN,
    CALL_SPAWN,
    CALL_WAIT,
    CALL_SEND,
    CALL_RECEIVE,
    CALL_CREATE,
    CALL_CLOSE,
    CALL_RESOLVE,
    CALL_ENCODE,
    CALL_DECODE,
    CALL_STACK,
    CALL_EXPORT,
    CALL_IMPORT,
};

/* What the request under way is for. */
enum call_step {
    STEP_NONE,
    STEP_CHANNEL,
    STEP_TYPES,
    STEP_NAME,
    STEP_LANE,
    STEP_OWN, /* no request: it waits in a channel of the client itself, or for its registration */
    STEP_PIECE,
    STEP_MAIN,
    STEP_DECODE
};

struct call_name {
    char name[LIMIT_NAME + 1];
    struct stint_id id;
    enum stint_status status; /* STINT_BLOCKED: not asked for yet */
};

struct stint_call {
    struct client_heap *heap;
    struct stint_client *client; /* NULL when the client was closed */
    struct list every;           /* in the client's handles */
    struct list place;           /* in the client's calls, or its finished ones */
    struct list waiting; /* in a lane's, or in the client's turns, ready or connecting ones */
    struct client_slot *blocks;  /* of the thread that waits for it */
    enum call_kind kind;
    enum call_step step;
    bool over, released, told;
    bool lists; /* its answer is a list, not taken yet */
    stint_call_done_fn *done;
    void *arg;
    uint64_t begun_ns, deadline_ns, over_ns;
    uint32_t grace_ms;
    struct client_request *request; /* under way */
    stint_Request ask;              /* the main request */
    bool changes, stays;

    bool is_json;       /* value or arguments come, or are wanted, as JSON */
    char *json;         /* given */
    struct buf payload; /* encoded */
    bool encoded;
    char *channel_text;  /* as given */
    bool channel_known;  /* `channel` is its id */
    bool channel_asked;  /* the cluster was asked about it, so `type` is all there is to know */
    bool channel_cached; /* the id is remembered, and may be out of date */
    bool retried;
    bool main_done;
    uint64_t show_ns; /* then: until when it may ask how to show what came */
    struct stint_id channel;
    char type[sizeof((stint_Request *)0)->text];   /* whose description is wanted */
    char types_on[sizeof((stint_Request *)0)->on]; /* a node that has it */
    struct call_name *names;                       /* CLIENT_CALL_NAMES, made when first used */
    uint32_t name_count;
    struct own_wait own; /* in a channel of the client itself, */
    bool owned;          /* while this is set */
    uint32_t capacity;   /* OPEN */
    struct lane *lane;
    bool laned;      /* SEND, RECEIVE: it has, or had, its place in a lane */
    size_t piece_at; /* IMPORT */
    struct export_out *out; /* EXPORT: the file that is being written */

    enum stint_status status;
    char detail[STINT_CLIENT_ERROR_SIZE];
    bool truncated;
    char page[sizeof((stint_Reply *)0)->page];
    struct buf records;
    struct buf text;                             /* JSON out, terminated */
    size_t decode_at;                            /* STACK: the next record */
    struct buf shown;                            /* STACK: records with their JSON */
    char note[sizeof((stint_EndInfo *)0)->text]; /* WAIT: how it ended, or where it is */
};

/*
 * A call of a client, in its list, not begun. NULL: stint_client_error says why. Takes the lock, in
 * both cases: client_begin gives it back, or client_leave after client_run.
 */
struct stint_call *client_call_new(struct stint_client *client, enum call_kind kind,
                                   uint32_t timeout_ms);

/* Begins it, unless it is over already: what was given made no sense. */
void client_call_begin(struct stint_call *call);

/* Does what can be done next. The call may be over then. */
void client_call_advance(struct stint_call *call);

/* A request of the call came back; frees it. */
void client_call_request_done(struct stint_call *call, struct client_request *request);

/* Ends a call; its lane goes to the next one. */
void client_call_finish(struct stint_call *call, enum stint_status status, const char *detail);

/*
 * Whether a send or receive may take its place in the lane: no earlier one on the same channel is
 * still finding out what it needs for that. If not, the call waits, and comes by again when the
 * earlier one has its place.
 */
bool client_call_is_next(struct stint_call *call);

/* It has its place in the lane, or will never need one. */
void client_call_laned(struct stint_call *call);

/* The lane's holder is done with it: the call that waits longest goes on, when the pump comes by.
 */
void client_lane_release(struct stint_client *client, struct lane *lane);

/* Gives it up, as stint_call_cancel. */
void client_call_cancel(struct stint_call *call);

/* The handle is not needed any more: the call is freed when it is over and told. NULL is allowed.
 * The heap has another holder. */
void client_call_release(struct stint_call *call);

/* Ends a call that waited for the connection, with the reason why there is none. */
void client_call_not_connected(struct stint_call *call);

/* Ends calls that wait for something longer than they may; when the next one would. */
void client_calls_expire(struct stint_client *client, uint64_t now_ns);
uint64_t client_calls_deadline(const struct stint_client *client);

/* The file of an export is whole, stays in part, or goes, as the verdict demands: the verdict then.
 */
enum stint_status client_export_end(struct stint_call *call, enum stint_status status, char *detail,
                                    size_t detail_size);

/* What came of a call that is over; STINT_INVALID for a call of another kind. */
STINT_MUST_USE enum stint_status client_call_spawned(const struct stint_call *call,
                                                     struct stint_spawned *spawned, size_t room,
                                                     size_t *count);
STINT_MUST_USE enum stint_status client_call_waited(const struct stint_call *call,
                                                    struct stint_wait_result *result);
STINT_MUST_USE enum stint_status client_call_value(const struct stint_call *call,
                                                   struct stint_value *value);
STINT_MUST_USE enum stint_status client_call_channel(const struct stint_call *call,
                                                     struct stint_id *id);

/* The first item of an answer, if it is of that kind and can be read; its payload may be NULL. */
bool client_records_first(const struct buf *records, stint_ItemKind kind, const pb_msgdesc_t *desc,
                          void *out, struct stint_span *payload);
bool client_item_decode(struct stint_span bytes, const pb_msgdesc_t *desc, void *out);

/* Puts a text into a field of the request; false (and the call is over with STINT_INVALID) when it
 * does not fit. */
bool client_call_text(struct stint_call *call, char *field, size_t size, const char *text,
                      const char *what);

/* ---- own_calls.c: operations on channels of the client itself ---- */

/* Whether the call's channel, of which the id is known, is or was one of these. */
bool client_own_has(const struct stint_call *call);

/* Begins the operation there, a send with its value encoded. The call may be over then. */
void client_own_begin(struct stint_call *call);

/* Closes it; the call is over. */
void client_own_close(struct stint_call *call);

/* CALL_OPEN: makes the channel; the call is over when a node has registered it. */
void client_own_open(struct stint_call *call);

/* The type of what is to be sent there, if the call does not name one; false: the call is over. */
bool client_own_typed(struct stint_call *call);

/* Ends calls whose operations are over, or whose channels are registered. */
void client_own_deliver(struct stint_client *client);

/* Takes back what a call that is over left behind. */
void client_own_leave(struct stint_call *call);

/* A call that waited for too long. */
void client_own_expired(struct stint_call *call);

/* The client is closed: its channels end, and the node hears of it. */
void client_own_end(struct stint_client *client);

/* ---- pump.c, life.c ---- */

struct stint_client {
    struct client_heap *heap;
    struct client_settings settings;
    struct identity identity;
    struct link_net *net;
    struct client_machine *machine;
    struct client_cache cache;
    struct client_threads threads;
    int poll;
    struct list handles; /* all calls that were not freed */
    struct list calls;   /* those under way */
    uint32_t call_count;
    uint32_t unlaned;       /* sends and receives under way without a place in a lane */
    struct list turns;      /* those that wait for an earlier one to get there */
    struct list ready;      /* calls whose lane became free, or whose turn it is */
    struct list connecting; /* calls that wait for the connection */
    struct list finished;   /* whose callbacks are to be made */
    bool touched;           /* something was asked since the pump came by */
    bool interrupted;       /* the next blocking call is given up */
    bool draining;          /* somebody closes it, and waits for what is under way */
    bool closing;           /* nothing new is begun */
    bool stopped;           /* and nothing is under way any more */
    bool state_due;
    enum stint_client_state state_told;
    char state_text[CLIENT_DETAIL_SIZE];
};

struct session_time client_time(void);

/* Keeps the line for stint_client_error; gives the status back. */
enum stint_status client_fail(struct stint_client *client, enum stint_status status,
                              const char *format, ...) STINT_PRINTF(3, 4);

/*
 * Begins a call (NULL: it could not be made) and blocks until it is over; what it hands out is
 * valid until the thread's next one. The client is there until client_leave, whoever closes it
 * meanwhile.
 */
STINT_MUST_USE enum stint_status client_run(struct stint_client *client, struct stint_call *call);

/* The thread is out of the client, which goes if it was closed and this was the last one. Gives the
 * lock back; gives the status back. */
enum stint_status client_leave(struct stint_client *client, enum stint_status status);

/* Begins a call for those who do not wait. Gives the lock back; gives the call back, or NULL. */
struct stint_call *client_begin(struct stint_client *client, struct stint_call *call,
                                stint_call_done_fn *done, void *arg);

/* As the leader: what can be done now; sleeping, without the lock, until there is more to do or the
 * time has come; and both until the call (may be NULL) is over, there is somebody to tell, or the
 * client is closing. */
void client_pump(struct stint_client *client);
void client_sleep(struct stint_client *client, uint64_t deadline_ns);
void client_pump_until(struct stint_client *client, const struct stint_call *call);

/* As the leader: ends all calls; nothing leaves any more. */
void client_stop(struct stint_client *client);

/* Whether callbacks are due; runs them, if no other thread does: true if there were any. */
bool client_has_news(const struct stint_client *client);
bool client_deliver(struct stint_client *client);

/* The last thread is out: everything goes, the heap's lock stays taken. (life.c) */
void client_free(struct stint_client *client);

/* Frees what the slots hold. (threads.c) */
void client_slots_free(struct stint_client *client);

#endif
