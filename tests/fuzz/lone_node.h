/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One whole node with a store in memory, and strangers who know how to make a session: another member of its cluster, a
 * client, an operator, an observer. All goes through node_step; time moves only when the fuzzer says so.
 *
 * The cluster is the same for every input: n1 is the node, n2 the member that the fuzzer speaks for. n1 has tasklets and a
 * channel with ids that are all one byte, so that inputs can name them.
 */
#ifndef STINT_TESTS_FUZZ_LONE_NODE_H
#define STINT_TESTS_FUZZ_LONE_NODE_H

#include "base/prng.h"
#include "core/core.h"
#include "fuzz.h"
#include "wire/session.h"

enum stranger_kind { STRANGER_MEMBER, STRANGER_CLIENT, STRANGER_OPERATOR, STRANGER_OBSERVER, STRANGERS };

enum {
    LONE_WORKER = 0x11, /* tasklets: waits on its own channel; */
    LONE_DEEP = 0x22,   /* waits with frames below it, for a channel elsewhere; */
    LONE_BOSS = 0x33,   /* owns a channel with senders */
    LONE_CHANNEL = 0x44, /* shared, with room, named "things" */
    LONE_ELSEWHERE = 0x55, /* a channel that nobody has */
};

#define LONE_MS UINT64_C(1000000)
#define LONE_MEMORY_MAX ((size_t)64 << 20)

/* Somebody with a session to the node over an inbound link. */
struct stranger {
    struct fuzz_memory memory;
    struct prng random;
    struct session *session;
    uint64_t link;
    uint64_t sent; /* requests */
};

struct lone;
typedef void lone_got_fn(void *arg, enum stranger_kind who, const struct envelope *e, struct stint_span body);

struct lone *lone_new(void);

/* Frees all; nothing is left of the node's memory. */
void lone_free(struct lone *l);

/* What comes back to a stranger, and what the node sends to n2 by itself. */
void lone_on_envelope(struct lone *l, lone_got_fn *got, void *arg);

/* Sends one envelope to the node; makes the session first, if there is none. */
void lone_send(struct lone *l, enum stranger_kind who, const struct envelope *e, struct stint_span body);

/* The stranger's link breaks and comes back. */
void lone_reconnect(struct lone *l, enum stranger_kind who);

/* Time passes, in steps as the node wants them; tasklets run. */
void lone_pass(struct lone *l, uint64_t ms);

/* True while the node is a member and has not exited. */
bool lone_serves(const struct lone *l);

struct node *lone_node(struct lone *l);
struct stint_id lone_self(void);                      /* n1's id; its incarnation is 3 */
struct stint_id lone_member(enum stranger_kind who); /* subject's id */

/* An id of one byte. */
struct stint_id lone_id(uint8_t byte);

#endif
