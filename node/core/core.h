/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole node as one machine: an event goes in, with the time in it; effects come out; nothing else happens.
 *
 *     node_step(node, &event);                        the node does all that follows from it
 *     while ((effect = node_next_effect(node))) ...   the shell carries the effects out, in order
 *
 * The shell is `node/host` (ZeroMQ, SQLite, the clock) or the virtual-time world of the tests.
 * Rules: (1) no call leaves the pure layers; (2) bytes in an event are borrowed for the call, bytes in an effect
 * until the next node_step; (3) the outcome of an effect comes back as an event, never inside the step.
 * One thread at a time; any number of nodes in a process.
 */
#ifndef STINT_CORE_CORE_H
#define STINT_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "stint/types.h"
#include "wire/cert.h"
#include "wire/rows.h"

struct stint_module;
struct node;

/* A link is a number. Outbound ones are chosen by the node (CONNECT), inbound ones by the shell, with this bit set. */
#define NODE_LINK_INBOUND (UINT64_C(1) << 63)

enum node_event_kind {
    NODE_TIME,        /* the deadline came, or nothing but time passed */
    NODE_LINK_UP,     /* an outbound link (re)connected */
    NODE_LINK_DOWN,   /* a link broke; outbound ones are reconnected by the shell */
    NODE_RECEIVED,    /* one frame; an inbound link begins with its first frame */
    NODE_STORE_ROWS,  /* authority only: all rows, at start and after an unknown result */
    NODE_STORE_DONE,  /* authority only: the outcome of a commit */
    NODE_RUN,         /* run tasklets: at most `budget` turns */
    NODE_SAMPLE,      /* what the process uses; once a second */
    NODE_STOP,        /* drain within `drain_ms` (0: not at all), leave, then EXIT */
};

struct node_event {
    enum node_event_kind kind;
    uint64_t now_ns;  /* monotonic */
    uint64_t wall_ms; /* since 1970 */
    uint64_t link;
    struct stint_span bytes;  /* RECEIVED */
    const uint8_t *peer_key;  /* RECEIVED on inbound links: 32 bytes, the CURVE key ZeroMQ proved; NULL on outbound links */
    const char *text;         /* LINK_DOWN: why, or NULL */
    const struct store_row *rows; /* STORE_ROWS */
    size_t row_count;
    uint64_t store_view;          /* STORE_ROWS: the store's view number, 0 for a new store */
    uint64_t store_generation;    /* STORE_ROWS */
    uint64_t number;              /* STORE_DONE: of the commit */
    enum store_result result;     /* STORE_DONE */
    uint32_t budget;              /* RUN */
    uint32_t cpu_permille;        /* SAMPLE */
    uint64_t memory_bytes;        /* SAMPLE */
    uint32_t drain_ms;            /* STOP */
};

enum node_effect_kind {
    NODE_CONNECT,    /* open a DEALER to `endpoint` and call it `link` */
    NODE_DISCONNECT, /* close that link, in- or outbound */
    NODE_SEND,       /* one frame; may be dropped when the link cannot take it (sessions repeat) */
    NODE_STORE_COMMIT, /* answer with STORE_DONE */
    NODE_STORE_LOAD,   /* answer with STORE_ROWS */
    NODE_READY,      /* once: the node is a member and serves */
    NODE_PERSIST,    /* keep incarnation, generation and view on disk before anything else is sent */
    NODE_LOG,
    NODE_FENCED,     /* the view no longer has this node: all work is dropped */
    NODE_EXIT,       /* the node is done; `status` tells how, `text` why */
};

enum node_log_level { NODE_LOG_ERROR, NODE_LOG_WARN, NODE_LOG_INFO, NODE_LOG_DEBUG };

struct node_effect {
    enum node_effect_kind kind;
    uint64_t link;
    const char *endpoint;
    struct stint_span bytes;
    struct store_commit commit;
    uint64_t incarnation, generation, view; /* PERSIST */
    enum node_log_level level;
    enum stint_status status; /* EXIT: STINT_OK left cleanly, FENCED, UNREACHABLE/REFUSED/… cannot join */
    const char *text;
};

#define NODE_JOIN_MAX 16

/* All strings and bytes are copied by node_new, except the modules, which must outlive the node. */
struct node_config {
    struct mem *mem;
    uint64_t seed;               /* from entropy; in tests from the run's seed */
    uint64_t last_incarnation;   /* 0: none */
    uint64_t last_generation, last_view; /* highest ever seen: a store that shows less was rolled back */
    uint8_t join_secret[32];     /* proves that a rejoin is the same node */
    const struct identity *identity; /* certificate and keys of this node (wire/cert.h) */
    const char *name;            /* must be the certificate's name */
    const char *endpoint;        /* where others reach it, after the bind */
    const char *join[NODE_JOIN_MAX]; /* endpoints to join through; NULL terminated unless full */
    bool authority;              /* it has the store */
    bool found;                  /* may found the cluster in an empty store */
    bool detect_fast;            /* probe 300 ms, lease 3 s in place of 1 s, 6 s */
    const char *labels;          /* k=v, comma separated; may be NULL */
    const char *version;
    uint32_t join_timeout_ms;    /* 0: 10 s; then EXIT with why */
    uint64_t pickle_max;         /* 0: the default of limits.h */
    bool failpoints;             /* builds with STINT_FAILPOINTS: the phases of moves are logged (core/failpoint.h) */
};

/* STINT_NO_MEMORY; STINT_INVALID the configuration contradicts itself: *node is NULL, `error` says why in one line. */
STINT_MUST_USE enum stint_status node_new(const struct node_config *config, struct node **node, char *error,
                                          size_t error_size);

/* Frees all; effects not yet carried out are dropped. */
void node_free(struct node *n);

/* Before the first step. STINT_INVALID, STINT_EXISTS …: `error` names the module, what is wrong and where. */
STINT_MUST_USE enum stint_status node_add_module(struct node *n, const struct stint_module *module,
                                                 char *error, size_t error_size);

/*
 * A renewed certificate or new keys of the same subject, for sessions made from now on. STINT_INVALID (and nothing changed):
 * another subject, role or cluster.
 */
STINT_MUST_USE enum stint_status node_set_identity(struct node *n, const struct identity *identity);

/* Does all that follows from the event. Never fails: what goes wrong is an effect, a reply or a tasklet's error. */
void node_step(struct node *n, const struct node_event *event);

/* The next effect in order, or NULL. Valid until the next node_step. */
const struct node_effect *node_next_effect(struct node *n);

/* When the node wants NODE_TIME next (monotonic ns; UINT64_MAX: never), and whether it wants NODE_RUN now. */
uint64_t node_deadline(const struct node *n);
bool node_runnable(const struct node *n);

/* For shells and tests. */
bool node_is_ready(const struct node *n);
uint32_t node_tasklets(const struct node *n); /* without those of the system */
struct stint_id node_self(const struct node *n);

#endif
