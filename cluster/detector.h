/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The failure detector. Members stand in a ring (ordered by id); each watches its min(10, n -
 * 1) successors by a probe a second and suspects one that has let three in a row pass
 * unanswered. Any frame counts as an answer. A suspicion is an opinion to be voted, never a
 * verdict.
 *
 * Who is slow itself must not suspect others: the local health multiplier (1 to 8) stretches
 * interval and timeout. It rises when this node's own timers come late or when most of those it
 * watches seem to fail at once, and falls when a round is clean.
 */
#ifndef STINT_CLUSTER_DETECTOR_H
#define STINT_CLUSTER_DETECTOR_H

#include "cluster/view.h"

#define DETECTOR_WATCHED_MAX 10
#define DETECTOR_HEALTH_MAX 8

struct detector_config {
    uint32_t probe_ms;   /* 0: 1000; the fast profile has 300 */
    uint32_t timeout_ms; /* 0: 500, or the interval's half if that is less */
    uint32_t misses;     /* 0: 3 */
    uint32_t repeat_ms;  /* a suspicion that lasts is reported again after this; 0: 2000 */
};

enum detector_effect_kind {
    DETECTOR_PROBE,   /* send a probe to `peer` */
    DETECTOR_SUSPECT, /* vote that it cannot be reached (again, while it lasts) */
    DETECTOR_BACK,    /* it was heard of again: withdraw the vote */
};

struct detector_effect {
    enum detector_effect_kind kind;
    struct node_ref peer;
};

struct detector_watch {
    struct node_ref peer;
    uint64_t heard_ns;    /* last frame */
    uint64_t sent_ns;     /* last probe; 0: none yet */
    uint64_t due_ns;      /* next probe, or the timeout of the one that is out */
    uint64_t reported_ns; /* last SUSPECT */
    uint32_t misses;
    bool waiting;
    bool suspected;
};

struct detector {
    struct detector_config config;
    struct node_ref self;
    struct detector_watch watched[DETECTOR_WATCHED_MAX];
    uint32_t watched_count;
    uint32_t health;
    uint32_t round_misses;
    uint64_t round_ns; /* end of the round in which misses are counted */
    uint32_t effect_first, effect_count;
    struct detector_effect effects[8 * DETECTOR_WATCHED_MAX];
};

/* Watches nobody until the first view. Allocates nothing. */
void detector_init(struct detector *d, struct detector_config config);

/*
 * A view was installed: picks the successors of `self`; those watched before keep what is known
 * of them.
 */
void detector_view(struct detector *d, const struct view *view, struct node_ref self,
                   uint64_t now_ns);

/* Some frame came from that node. */
void detector_heard(struct detector *d, struct node_ref peer, uint64_t now_ns);

/*
 * Sends probes and counts misses that are due. To be called no later than the deadline;
 * lateness is noticed.
 */
void detector_tick(struct detector *d, uint64_t now_ns);
uint64_t detector_deadline(const struct detector *d);

/* Takes the next effect; false when there is none. To be emptied after each call above. */
bool detector_next(struct detector *d, struct detector_effect *effect);

bool detector_suspects(const struct detector *d, struct node_ref peer);

/* The local health multiplier, for probes. */
uint32_t detector_health(const struct detector *d);

#endif
