/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients of the SDK in the virtual world: the whole production client, machine, calls and pump, as a user's program has
 * it by stint/client.h. Only the three things that it asks of its surroundings are other ones here (world_sdk_net.c): links,
 * clocks and entropy. A client is driven as an event loop would drive it: it is processed when its descriptor would be
 * readable or the time that it named is over, never out of turn.
 *
 * Calls begin at once and are told by their callback, which may begin others. Blocking functions of client.h work as well,
 * between world_sdk_enter and world_sdk_leave, from outside of the world's events: the world goes on while they wait.
 */
#ifndef STINT_TESTS_WORLD_SDK_H
#define STINT_TESTS_WORLD_SDK_H

#include "stint/client.h"
#include "world.h"

#define WORLD_SDK_MAX 16

/* The operator's development identity, told these nodes to begin with. Returns its number, free to be used again after
 * its end. */
int world_sdk_open(struct world *w, const int *nodes, int count);

/* Says good-bye after at most `drain_ms`, as stint_client_close; what is left is told before this returns. From inside of a
 * callback the drain is left out, and the client is gone a moment later. */
void world_sdk_close(struct world *w, int client, uint32_t drain_ms);

/* Ends it at once, without a word to anybody, as kill -9 does. Its calls come back as `crashed`. Not from inside of its
 * own callbacks. */
void world_sdk_crash(struct world *w, int client);

/* ---- calls ---- */

struct world_sdk_result {
    enum stint_status status;
    const char *detail;
    bool crashed;            /* the client has ended, so nobody knows */
    uint64_t took_ms;        /* by the client's clock */
    struct stint_span bytes; /* RECEIVE: the value; WAIT: the result */
    const char *type;        /* of that */
    struct stint_id id;      /* SPAWN: of the first one; CREATE: the channel; WAIT: the tasklet */
    uint32_t count;          /* SPAWN: how many */
    int node;                /* SPAWN: where the first one is; -1: no such node */
    bool ended;              /* WAIT */
};

typedef void world_sdk_done(void *arg, const struct world_sdk_result *result);

/* False: it was not begun, and `done` is not called; world_sdk_error says why. */
bool world_sdk_send(struct world *w, int client, const char *channel, const char *type, struct stint_span bytes,
                    uint32_t timeout_ms, world_sdk_done *done, void *arg);
bool world_sdk_send_json(struct world *w, int client, const char *channel, const char *json, uint32_t timeout_ms,
                         world_sdk_done *done, void *arg);
bool world_sdk_receive(struct world *w, int client, const char *channel, uint32_t timeout_ms, world_sdk_done *done,
                       void *arg);
bool world_sdk_spawn(struct world *w, int client, const struct stint_spawn *spawn, uint32_t timeout_ms,
                     world_sdk_done *done, void *arg);
bool world_sdk_wait(struct world *w, int client, struct stint_id tasklet, enum stint_wait_for what, uint32_t timeout_ms,
                    world_sdk_done *done, void *arg);
bool world_sdk_create_channel(struct world *w, int client, const struct stint_channel *channel, uint32_t timeout_ms,
                              world_sdk_done *done, void *arg);
/* A channel of the client itself; `id` in the result. */
bool world_sdk_open_channel(struct world *w, int client, const struct stint_channel *channel, uint32_t timeout_ms,
                            world_sdk_done *done, void *arg);
bool world_sdk_close_channel(struct world *w, int client, const char *channel, bool wake, uint32_t timeout_ms,
                             world_sdk_done *done, void *arg);
const char *world_sdk_error(struct world *w, int client);

/* For all functions of client.h, blocking ones included. Not inside of a callback. */
struct stint_client *world_sdk_enter(struct world *w, int client);
void world_sdk_leave(struct world *w, int client);

/* ---- questions ---- */

bool world_sdk_is_open(const struct world *w, int client);
enum stint_client_state world_sdk_state(const struct world *w, int client);
int world_sdk_node(const struct world *w, int client); /* that it is connected to; -1: none */
uint32_t world_sdk_pending(const struct world *w, int client);
/* Calls of all clients that are not back although their time, the grace and a moment are over. */
uint32_t world_sdk_overdue(const struct world *w);

/* ---- faults ---- */

/* Frames between a client and a node are lost, each way by itself. The connection breaks when its heartbeats have failed
 * for a while, and comes back after the cut. */
void world_sdk_cut(struct world *w, int client, int node, bool to_node, bool from_node);
/* The same, but heartbeats get through, so the connection stays: a node that hangs, not a network that is cut. */
void world_sdk_mute(struct world *w, int client, int node, bool mute);
/* Breaks the connection to a node; it comes back. */
void world_sdk_break(struct world *w, int client, int node);
/* From now on the client's clocks go faster by `drift_ppm`, after a jump forward; the one for people is `wall_ms` off. */
void world_sdk_clock(struct world *w, int client, uint64_t jump_ns, int32_t drift_ppm, int64_t wall_ms);

#endif
