/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoints that a client may connect to: those that it was given, for ever, and those of the
 * members in the newest view. They are tried in rounds, each once a round: first the given ones in
 * their order, later by chance, so that clients of a lost node spread over the others.
 */
#ifndef STINT_CLIENT_CANDIDATES_H
#define STINT_CLIENT_CANDIDATES_H

#include "base/prng.h"
#include "client/limits.h"
#include "schema/cluster.pb.h"

struct candidate {
    char endpoint[LIMIT_ENDPOINT + 1];
    bool given;
    bool member;               /* of the newest view */
    bool tried;                /* in this round */
    enum stint_status refused; /* in this round; STINT_OK: not */
    uint32_t handshakes;       /* that failed in a row */
};

struct candidates {
    struct candidate list[CLIENT_CANDIDATES];
    uint32_t count;
    uint32_t current; /* index of the last one chosen */
    bool loopback_only;
};

/* A given endpoint. False: too many, or too long. */
bool candidates_give(struct candidates *c, const char *endpoint);

/* The members of a view take the place of those of the one before. */
void candidates_view(struct candidates *c, const stint_View *view);

void candidates_new_round(struct candidates *c);

/* Chooses one that was not tried in this round; NULL when there is none. With `in_order` the first,
 * else any, the one chosen last only if there is no other. */
const char *candidates_next(struct candidates *c, struct prng *random, bool in_order);

/* The one chosen last refuses this client. */
void candidates_refuse(struct candidates *c, enum stint_status status);

/*
 * The encrypted handshake with the one chosen last failed. By chance that happens when its node
 * ends just then; time after time it means that the keys do not fit: then it counts as refused, and
 * this is true.
 */
bool candidates_handshake_failed(struct candidates *c);
void candidates_handshake_fine(struct candidates *c);

/* How many are left to try in this round. */
uint32_t candidates_left(const struct candidates *c);

/* The status by which all refused in this round; STINT_OK when one did not. */
enum stint_status candidates_all_refuse(const struct candidates *c);

const char *candidates_current(const struct candidates *c);

/* True for tcp:// to this machine itself: 127.x, [::1], localhost. */
bool candidate_is_loopback(const char *endpoint);

#endif
