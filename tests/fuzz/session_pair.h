/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ends of a session and the frames under way between them, in the hands of the fuzzer: nothing moves by itself. Everything
 * is a function of the calls, so an input is its own seed.
 */
#ifndef STINT_TESTS_FUZZ_SESSION_PAIR_H
#define STINT_TESTS_FUZZ_SESSION_PAIR_H

#include "base/prng.h"
#include "fuzz.h"
#include "wire/session.h"
#include "wire/session_frames.h"

enum { INITIATOR = 0, ACCEPTOR = 1, FLIGHTS_MAX = 64 };

#define PAIR_MS UINT64_C(1000000)

/* What a session may take: frames kept until they are acknowledged (with at most a quarter more than they need), their ring,
 * the open batch, which grows by doubling, and the session itself. */
#define PAIR_MEMORY_MAX ((size_t)LIMIT_SESSION_BYTES / 4 * 5 + 4 * LIMIT_FRAME + (64 << 10))

struct flight {
    struct stint_span frame; /* malloc'ed */
    bool damaged;
};

struct pair_end {
    struct fuzz_memory memory;
    struct prng random;
    struct identity identity;
    struct session_config config;
    struct session *session;
    bool bound; /* to the connection as it is */
};

struct pair {
    struct pair_end ends[2];
    uint64_t now;
    bool connected;
    struct flight flights[2][FLIGHTS_MAX]; /* by who will get it, oldest first */
    unsigned flight_count[2];
    void (*deliver)(void *arg, int end, const struct envelope *e, struct stint_span body);
    void (*reborn)(void *arg, int end); /* the end has a new session, and what the old one had not sent is lost */
    void *arg;
};

/* A node "a" that opens and a node "b" that accepts, not connected yet. */
struct pair *pair_new(void);

/* Frees all; memory of both ends is back. */
void pair_free(struct pair *p);

struct session_time pair_time(const struct pair *p);

/* The link comes up, the initiator greets; or the link breaks and what is under way is lost. */
void pair_connect(struct pair *p);
void pair_break(struct pair *p, bool acceptor_learns);

/* Takes what both have to send; what is over FLIGHTS_MAX is lost. */
void pair_drain(struct pair *p);

/* The oldest frame under way to that end arrives; false if there is none. */
bool pair_deliver(struct pair *p, int to);

/* Lets frames arrive until there is none. */
void pair_settle(struct pair *p);

/* Takes one out without delivering it, or puts a copy behind all others. */
void pair_drop(struct pair *p, int to, unsigned at);
void pair_double(struct pair *p, int to, unsigned at);

/* Time passes, and both may act on it. */
void pair_tick(struct pair *p, uint64_t ns);

/* Connects and runs until both ends are open. */
void pair_establish(struct pair *p);

/* Writes the tag of the open session of that end into a frame that has one: only the other end knows it. */
void pair_fix_tag(const struct pair *p, int to, uint8_t *frame, size_t size);

#endif
