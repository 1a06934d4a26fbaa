/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client as a machine: it finds a node, keeps a session with it, sends requests and collects
 * their answers, and goes to another node when that one is lost. Events go in with the time in
 * them, effects come out; no clock, no socket, no randomness but the seed. The pump (pump.c) drives
 * it, or a simulator.
 *
 *     OFFLINE -> SEEKING -> GREETING -> OPEN
 *        ^         ^  |        |  ^       |
 *        |         |  '--------'  |       | link lost
 *     (closed)     |   next one   '-------'  comes back within CLIENT_RESUME_MS: the session goes
 * on
 *                  '----------------------   else another node, with a new session
 *
 * A request is QUEUED until the session takes it, then SENT. When a session is lost its requests
 * that were sent are queued again under the same id, except those that another node could not know
 * (`stays`): their outcome is unknown. At its deadline a request that was never sent is NOT_SENT,
 * one that was sent gets its grace and is then OUTCOME_UNKNOWN; requests that change nothing are
 * UNREACHABLE in both cases.
 */
#ifndef STINT_CLIENT_MACHINE_H
#define STINT_CLIENT_MACHINE_H

#include "base/heap.h"
#include "base/list.h"
#include "client/limits.h"
#include "client/own.h"
#include "client/records.h"
#include "schema/admin.pb.h"
#include "stint/client.h"
#include "wire/cert.h"
#include "wire/session.h"

struct client_machine;

#define CLIENT_ENDPOINT_SIZE (LIMIT_ENDPOINT + 1)
#define CLIENT_DETAIL_SIZE 640

struct client_machine_config {
    struct mem *mem;                 /* must outlive the machine and its requests */
    const struct identity *identity; /* must outlive the machine */
    uint8_t seed[32];
    const char *const *endpoints; /* copied; at least one */
    size_t endpoint_count;
    bool loopback_only; /* members elsewhere are not asked */
    uint32_t pending_max;
    size_t pending_bytes_max;
};

/* NULL when memory is short. */
struct client_machine *client_machine_new(const struct client_machine_config *config);

/* Frees all; requests that are not taken yet are freed with it. */
void client_machine_free(struct client_machine *m);

/* ---- requests ---- */

enum client_request_state { CLIENT_QUEUED, CLIENT_SENT, CLIENT_DONE };

struct client_request {
    struct list place;
    struct heap_item timer;
    enum client_request_state state;
    bool was_sent; /* over this session or one before */
    bool again;    /* it left over a session before this one: perhaps somebody has done it */
    bool changes;  /* it has an effect, so an answer that is missing leaves it unknown */
    bool stays;    /* is not repeated at another node */
    bool internal; /* the machine's own */
    uint32_t grace_ms;
    uint64_t number;
    uint64_t deadline_ns;
    uint64_t sent_ns;
    stint_Request ask;
    struct buf payload;
    void *owner; /* the caller's */
    struct stint_id hosts;  /* internal: the channel that it registers, */
    uint64_t hosts_epoch;   /* under this epoch */

    /* When it is done. */
    uint64_t word; /* of the answers' envelopes: a description's type by its hash */
    enum stint_status status;
    char detail[CLIENT_DETAIL_SIZE];
    bool truncated;
    char page[sizeof((stint_Reply *)0)->page];
    struct buf records; /* also those that came before a failure */
};

struct client_ask {
    const stint_Request *request; /* copied; a zero id is made anew, timeout_ms is filled in */
    struct stint_span payload;    /* copied */
    uint64_t deadline_ns;
    uint32_t grace_ms;
    bool changes;
    bool stays;
    void *owner;
};

/*
 * Queues a request; begins to connect if need be. STINT_BUSY: too many, or too many bytes, are
 * pending; STINT_LIMIT: the payload; STINT_NO_MEMORY. The request belongs to the machine until it
 * comes back by CLIENT_EFFECT_DONE.
 */
STINT_MUST_USE enum stint_status client_machine_ask(struct client_machine *m,
                                                    const struct client_ask *ask,
                                                    struct session_time time,
                                                    struct client_request **request);

/* The channels that the client hosts. After a change the machine is to be ticked, or this called:
 * it connects if need be, and tells the node. */
struct own *client_machine_own(struct client_machine *m);
void client_machine_own_changed(struct client_machine *m, struct session_time time);

/* Gives a request up: it comes back with CANCELLED, or OUTCOME_UNKNOWN if it has left and changes
 * something. */
void client_machine_cancel(struct client_machine *m, struct client_request *request);

/* Frees a request that came back. */
void client_request_free(struct client_machine *m, struct client_request *request);

/* ---- events ---- */

/* Begins to connect if it is OFFLINE or REFUSED. */
void client_machine_start(struct client_machine *m, struct session_time time);
void client_machine_link_up(struct client_machine *m, uint64_t link, struct session_time time);
void client_machine_link_down(struct client_machine *m, uint64_t link, const char *why,
                              struct session_time time);
void client_machine_received(struct client_machine *m, uint64_t link, struct stint_span frame,
                             struct session_time time);
void client_machine_tick(struct client_machine *m, struct session_time time);

/* Says good-bye; all requests come back cancelled. Only effects are taken after that. */
void client_machine_stop(struct client_machine *m, struct session_time time);

/* When the machine wants a tick (monotonic ns; UINT64_MAX: never). */
uint64_t client_machine_deadline(const struct client_machine *m);

/* ---- effects ---- */

enum client_effect_kind {
    CLIENT_EFFECT_CONNECT,
    CLIENT_EFFECT_DISCONNECT,
    CLIENT_EFFECT_SEND,
    CLIENT_EFFECT_STATE,
    CLIENT_EFFECT_DONE, /* free it with client_request_free */
};

struct client_effect {
    enum client_effect_kind kind;
    uint64_t link;
    const char *endpoint;           /* CONNECT */
    struct stint_span bytes;        /* SEND */
    enum stint_client_state state;  /* STATE */
    const char *text;               /* STATE */
    struct client_request *request; /* DONE */
};

/* The next effect; false when there is none. What it points to is valid until the next call of any
 * function here. */
bool client_machine_effect(struct client_machine *m, struct session_time time,
                           struct client_effect *effect);

/* ---- questions ---- */

enum stint_client_state client_machine_state(const struct client_machine *m);
const char *client_machine_node(const struct client_machine *m);

/* Why it is not connected: of the last failure, or of the refusal; STINT_OK and "" when nothing is
 * known. */
enum stint_status client_machine_why(const struct client_machine *m, const char **text);

/* Number of requests that have not come back, without the machine's own. */
uint32_t client_machine_pending(const struct client_machine *m);

#endif
