/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channels that a client hosts (wire/own_channel.h): what waits in them and how far each tasklet
 * is with each of them, so that every operation takes place once and in order, whichever node the
 * client is connected to. The host of protocol C, as node/kernel/relation.c is for a node's
 * channels; but values stay encoded, nothing moves, and the other end of every operation that is
 * not the client's own is the relay. Pure: no clock, no socket; time is told (own_tick).
 *
 * A channel is registered with each node that the client gets a session with, under an epoch that
 * rises; then the cluster offers again what may have got lost with the session before.
 */
#ifndef STINT_CLIENT_OWN_H
#define STINT_CLIENT_OWN_H

#include "base/list.h"
#include "base/mem.h"
#include "wire/envelope.h"
#include "wire/own_channel.h"

#define OWN_TYPE_SIZE 96
#define OWN_DETAIL_SIZE 256

struct own;
struct own_channel;

struct own_config {
    struct mem *mem;
    uint64_t seed;          /* of its tables */
    size_t bytes_max;       /* of all values that are kept */
    uint32_t relations_max; /* tasklets that one channel has dealings with */
    uint8_t role;           /* who the client is */
    struct stint_id subject;
};

/* NULL when memory is short. */
struct own *own_new(const struct own_config *config);
void own_free(struct own *o);

/* ---- channels ---- */

/*
 * A channel that is to be registered. STINT_LIMIT: LIMIT_CLIENT_CHANNELS of them are there;
 * STINT_NO_MEMORY.
 */
STINT_MUST_USE enum stint_status own_open(struct own *o, const char *type, uint64_t type_hash,
                                          uint32_t capacity,
                                          const uint8_t nonce[OWN_CHANNEL_NONCE_SIZE],
                                          struct own_channel **out);

/* NULL: there is none, or it has ended. */
struct own_channel *own_find(const struct own *o, struct stint_id id);

/* Whether it was one of the last that ended here. */
bool own_has_ended(const struct own *o, struct stint_id id);

struct stint_id own_id(const struct own_channel *ch);
const char *own_type(const struct own_channel *ch);

/*
 * As channels of nodes: nothing new is sent to it, and it ends when nothing is left in it; with
 * `wake` all that wait end with STINT_CLOSED or STINT_END_OF_SEQUENCE.
 */
void own_close(struct own *o, struct own_channel *ch, bool wake);

/* Ends it, whatever is in it. */
void own_end(struct own *o, struct own_channel *ch);

/* The same for all of them. */
void own_end_all(struct own *o);

/* ---- operations of the client itself ---- */

struct own_value {
    struct list link;
    uint32_t size;
    uint8_t bytes[];
};

/* A waiter in a channel's queue: an operation of the client, or of a tasklet. */
struct own_waiter {
    struct list place; /* in the queue; of an own_wait that is over, in own.done */
    struct own_channel *channel;
    int8_t direction; /* +1 sends, -1 receives */
    bool foreign;     /* a tasklet's */
    bool orphan;      /* keeps its place and is not served: its tasklet may be no more */
    bool queued;
    struct own_value *value;
};

struct own_wait {
    struct own_waiter waiter;
    bool over;
    enum stint_status status;
    void *owner;
};

/*
 * Begins an operation; `w` must stay where it is until own_done has given it back or own_give_up
 * took it away. A send copies its value. STINT_NO_MEMORY: not begun.
 */
STINT_MUST_USE enum stint_status own_begin(struct own *o, struct own_channel *ch,
                                           struct own_wait *w, int direction,
                                           struct stint_span value);

/* Takes it away, with the value if it has one: it has not happened, unless it was over. */
void own_give_up(struct own *o, struct own_wait *w);

/* The next operation that is over, or NULL. Its value, if it received one, is there until
 * own_give_up. */
struct own_wait *own_done(struct own *o);

/* ---- registrations ---- */

struct own_registration {
    struct stint_id id;
    uint8_t nonce[OWN_CHANNEL_NONCE_SIZE];
    char type[OWN_TYPE_SIZE];
    uint64_t type_hash;
    uint64_t epoch;
    uint32_t capacity;
    bool leave; /* it has ended */
};

/* What is to be asked of the node next; false: nothing now. */
bool own_next_registration(struct own *o, struct own_registration *registration);

/* The answer to that, or that there was none. */
void own_registered(struct own *o, struct stint_id id, uint64_t epoch, enum stint_status status,
                    const char *detail);

/* A channel of which the first registration has its verdict; NULL: none. Told once. */
struct own_channel *own_verdict(struct own *o, enum stint_status *status, const char **detail);

/* ---- the session ---- */

/* A new session is open: all is to be registered, and may be lost that was on its way. */
void own_session(struct own *o);

/* OFFER, CANCEL, FIN, CLOSE, NACK from the relay. What is malformed or foreign is dropped. */
void own_receive(struct own *o, const struct envelope *envelope, struct stint_span body);

/* What the relay is to be told next; it stays the next until own_answered. Valid until the next
 * call. */
bool own_answer(struct own *o, struct envelope *envelope, struct stint_span *body);
void own_answered(struct own *o);

/* ---- time ---- */

void own_tick(struct own *o, uint64_t now_ns);
uint64_t own_deadline(const struct own *o);

/* ---- questions ---- */

struct own_counts {
    uint32_t channels, relations, values;
    size_t bytes;
};

struct own_counts own_count(const struct own *o);

#endif
