/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work for the SDK's clients in the virtual world, and the books to check it by. Each worker goes on by itself, from the
 * callback of one call to the next one, writes down what its client was told about each value, and at the end
 * sdk_work_check compares that with what has really happened.
 *
 * What may be expected:
 * - a value that was acknowledged has arrived, once, unless the host of the channel has died;
 * - one that was refused has not arrived, and never will;
 * - one whose outcome is unknown has arrived once or not at all;
 * - the values of one sender arrive in its order;
 * - every call comes back in time.
 */
#ifndef STINT_TESTS_WORLD_SDK_WORK_H
#define STINT_TESTS_WORLD_SDK_WORK_H

#include "mill.pb.h"
#include "world_sdk.h"

#define SDK_SENDERS 8      /* as many as mill_Ledger tells apart */
#define SDK_NUMBERS 1024   /* sequences begin with 1 */
#define SDK_WORKERS 32
#define SDK_SPAWNS 256

enum sdk_fate {
    SDK_FATE_NONE = 0, /* never sent */
    SDK_FATE_PENDING,
    SDK_FATE_TAKEN,
    SDK_FATE_REFUSED,
    SDK_FATE_DOUBT,
};

struct sdk_work;

struct sdk_work *sdk_work_new(struct world *w);
void sdk_work_free(struct sdk_work *work); /* after its clients have ended */

/* Sends 1 to `count` to a channel, `window` of them on their way at a time. `sender` is used once in a work. */
void sdk_work_send(struct sdk_work *work, int client, const char *channel, uint32_t sender, uint32_t count,
                   uint32_t window, uint32_t timeout_ms);

/* The same, each with a channel of the sender's own for its answer, which is waited for. */
void sdk_work_ask(struct sdk_work *work, int client, const char *channel, uint32_t sender, uint32_t count,
                  uint32_t timeout_ms);

/* The same, with a channel that its client hosts: it outlives every node. */
void sdk_work_ask_own(struct sdk_work *work, int client, const char *channel, uint32_t sender, uint32_t count,
                      uint32_t timeout_ms);

/* Receives until sdk_work_stop. Any number of workers share a channel. */
void sdk_work_receive(struct sdk_work *work, int client, const char *channel, uint32_t timeout_ms);

/* Spawns `count` tasklets mill/Mark, one after the other, each with a name of its own that begins with `prefix`. */
void sdk_work_spawn(struct sdk_work *work, int client, const char *prefix, uint32_t count, uint32_t timeout_ms);

/* Nobody begins anything new. */
void sdk_work_stop(struct sdk_work *work);
bool sdk_work_is_over(const struct sdk_work *work); /* all have done their count, or stopped, or ended with their client */

/* A condition for world_until: it is over. `arg` is the work. */
bool sdk_work_until(struct world *w, void *arg);

/* How many calls came back with a status so far. */
uint32_t sdk_work_told(const struct sdk_work *work, enum stint_status status);
uint32_t sdk_work_answered(const struct sdk_work *work);  /* questions that got their answer */
uint32_t sdk_work_delivered(const struct sdk_work *work); /* values that the receivers got */
enum sdk_fate sdk_work_fate(const struct sdk_work *work, uint32_t sender, uint32_t sequence);

/*
 * The first thing that is wrong, NULL if nothing is. `ledger`: the tasklet mill/Ledger that was sent to, or NULL if the
 * receivers were. `host_lived`: what was acknowledged must be there. In the middle of the work it only finds what can
 * never become right again.
 */
const char *sdk_work_check(struct sdk_work *work, const mill_Ledger *ledger, bool host_lived);

/* The locals of a running tasklet of mill/Ledger; false when it runs nowhere just now. */
bool sdk_work_ledger(struct world *w, struct stint_id tasklet, mill_Ledger *ledger);

/* Arguments to spawn one by, encoded. */
struct stint_span sdk_work_ledger_args(const char *name, uint32_t capacity, uint8_t *bytes, size_t size);

#endif
