/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of items: what the functions of admin.h answer.
 *
 *     const struct stint_tasklet_item *t;
 *     while ((t = stint_list_tasklet(list)) != NULL) {
 *         printf("%s/%s on %s: %s at %s\n", t->module, t->code, t->node, t->state, t->at);
 *     }
 *     stint_list_free(list);
 *
 * A list belongs to whoever asked for it, until stint_list_free; it outlives its client. One thread
 * at a time uses a list; different lists have nothing to do with each other. An item and its texts
 * belong to the list and are valid until the next item is taken. Items are made by the library and
 * only ever grow at their end. All texts are non-NULL unless it is said, terminated, UTF-8, and
 * free of control characters. Times called wall clock are milliseconds since 1970, others say what
 * they count from; sizes are bytes.
 */
#ifndef STINT_LIST_H
#define STINT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stint/status.h"
#include "stint/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct stint_list;

/* ---- items ---- */

struct stint_node_item {
    struct stint_id id;
    const char *name;
    const char *state;    /* up cordoned draining suspect down */
    const char *endpoint; /* tcp://HOST:PORT */
    uint64_t incarnation; /* its how manieth life in the cluster */
    uint64_t tasklets, runnable, channels;
    uint32_t cpu_permille;  /* of one processor */
    uint32_t load_permille; /* 1000: the mean of all nodes */
    uint64_t memory_bytes;  /* of tasklets, channels and queues */
    uint64_t moves_in, moves_out; /* since it began */
    const char *version;
    const char *modules; /* comma separated */
    bool authority;
    uint64_t steps; /* a second */
    const char *labels; /* k=v, comma separated */
};

struct stint_tasklet_item {
    struct stint_id id;
    const char *node;
    const char *code;
    const char *module;
    const char *state; /* running runnable blocked paused frozen in_doubt */
    uint64_t epoch;    /* one more with each node that it comes to */
    uint32_t frames;
    uint64_t size_bytes;
    const char *at;   /* label of the resume point */
    const char *file; /* and where that is */
    uint32_t line;
    bool has_channel;
    struct stint_id channel; /* it is blocked on */
    uint64_t since_ms;       /* for how long it is in that state */
    uint32_t moves;
    bool movable;
    const char *tags; /* k=v, comma separated */
    uint64_t steps;   /* since it came to this node */
};

struct stint_frame_item {
    struct stint_id tasklet;
    const char *node;
    const char *code;
    const char *module;
    const char *file;
    uint32_t line;
    const char *label; /* of the resume point */
    const char *type;   /* of the locals */
    const char *locals; /* JSON object; NULL when they are not shown to this role or cannot be
                           decoded; then: */
    const char *hidden; /* why */
};

/* The head item first (reason_code and target empty), then each reason and each target. */
struct stint_explain_item {
    struct stint_id id; /* of the tasklet */
    bool movable;
    const char *reason_code; /* of why not; "" in the head and for targets that would do */
    const char *text;        /* that reason as a sentence */
    const char *frame;       /* that holds it */
    uint64_t pickle_bytes;   /* how large it is on its way */
    const char *target;      /* a node that was asked for */
    bool target_ok;          /* it could go there */
};

struct stint_move_phase {
    const char *name;
    uint64_t at_ms; /* wall clock */
    uint32_t at_us; /* since the move began */
};

struct stint_move_item {
    struct stint_id id;
    struct stint_id tasklet;
    const char *from;    /* node */
    const char *to;      /* node */
    const char *reason;  /* that was given */
    const char *by;      /* who asked: a role and a name, or the balancer */
    const char *phase;   /* the last one that was reached */
    const char *outcome; /* committed returned in_doubt failed; "" while it goes on */
    uint64_t bytes;      /* of the pickle */
    uint64_t frozen_us;  /* for how long it ran nowhere */
    uint64_t started_ms; /* wall clock */
    const struct stint_move_phase *phases;
    size_t phase_count;
    enum stint_status status; /* why it did not move; STINT_OK */
    const char *detail;       /* the same as a sentence */
};

struct stint_channel_item {
    struct stint_id id;
    const char *name;
    const char *node;
    bool has_owner;
    struct stint_id owner;
    uint32_t capacity;                     /* 0: rendezvous */
    int32_t balance;                       /* senders count up, receivers down */
    uint32_t buffered, senders, receivers; /* values in it; tasklets that wait */
    const char *type;                      /* of its values; "" before the first one */
    bool closing;                          /* takes nothing more, is emptied */
};

struct stint_spawn_item {
    struct stint_id id;
    const char *node;
};

/* The head item has the numbers; each tasklet that cannot move has an item of its own. */
struct stint_drain_item {
    const char *node;
    uint64_t total, moved, remaining;
    bool done;
    bool is_stuck;
    struct stint_id stuck;
    const char *why;
};

struct stint_plan_item {
    struct stint_id tasklet;
    const char *from;
    const char *to;     /* "": it cannot move; `reason` says why */
    const char *reason;
    const char *code; /* of the tasklet */
};

struct stint_module_item {
    const char *name;
    const char *version;
    const char *node;
    const char *codes; /* comma separated */
    uint64_t fingerprint; /* equal for builds of the same frames and types */
};

struct stint_status_item {
    struct stint_id cluster;
    uint64_t view; /* number of the list of members */
    uint32_t nodes;
    uint64_t tasklets;
    uint32_t moves_in_flight, in_doubt;
    uint32_t imbalance_permille; /* largest load over the mean, times 1000 */
    bool balancer;
    const char *authority; /* name of the node */
    uint64_t moves_done;
};

/* One certificate: of a key directory, or (serial and `revoked` only) of the cluster's revocation
 * list. */
struct stint_key_item {
    const char *role;
    const char *name;
    uint64_t serial;
    uint64_t not_before_ms, not_after_ms; /* wall clock */
    bool has_secret;                      /* its secret is in the directory too */
    bool revoked;
};

/* What an exported file says of itself, without any node. */
struct stint_file_item {
    struct stint_id cluster;
    struct stint_id tasklet;
    uint64_t epoch;
    const char *node; /* that wrote it */
    uint64_t exported_ms; /* wall clock */
    bool moved; /* the tasklet lives in this file alone */
    const char *code;
    uint32_t frames;
};

/* ---- taking items ---- */

/*
 * Each takes the next item if it is of that kind; else, and at the end, it answers NULL and the
 * list stays where it is. What a list has says the function that made it.
 *
 *     const struct stint_node_item *n;
 *     while ((n = stint_list_node(list)) != NULL) {
 *         printf("%s %s %llu\n", n->name, n->state, (unsigned long long)n->tasklets);
 *     }
 */
STINT_API const struct stint_node_item *stint_list_node(struct stint_list *list);
STINT_API const struct stint_tasklet_item *stint_list_tasklet(struct stint_list *list);
STINT_API const struct stint_frame_item *stint_list_frame(struct stint_list *list);
STINT_API const struct stint_explain_item *stint_list_explain(struct stint_list *list);
STINT_API const struct stint_move_item *stint_list_move(struct stint_list *list);
STINT_API const struct stint_channel_item *stint_list_channel(struct stint_list *list);
STINT_API const struct stint_spawn_item *stint_list_spawn(struct stint_list *list);
STINT_API const struct stint_drain_item *stint_list_drain(struct stint_list *list);
STINT_API const struct stint_plan_item *stint_list_plan(struct stint_list *list);
STINT_API const struct stint_module_item *stint_list_module(struct stint_list *list);
STINT_API const struct stint_status_item *stint_list_status(struct stint_list *list);
STINT_API const struct stint_key_item *stint_list_key(struct stint_list *list);
STINT_API const struct stint_file_item *stint_list_file(struct stint_list *list);

/*
 * Begins anew: the next item that is taken is the first one.
 *
 *     stint_list_rewind(list);
 */
STINT_API void stint_list_rewind(struct stint_list *list);

/* ---- the list as a whole ---- */

/*
 * How many items it has, of all kinds, taken or not.
 *
 *     printf("%zu items\n", stint_list_count(list));
 */
STINT_API size_t stint_list_count(const struct stint_list *list);

/*
 * Whether the cluster has more than these; and the token by which a query goes on behind them, ""
 * at the end. The token is valid until the list is freed.
 *
 *     struct stint_query query = STINT_QUERY_INIT;
 *     query.page = stint_list_page(list);
 *     if (stint_list_truncated(list)) {
 *         status = stint_admin_tasklets(client, &query, 5000, &more);
 *     }
 */
STINT_API bool stint_list_truncated(const struct stint_list *list);
STINT_API const char *stint_list_page(const struct stint_list *list);

/*
 * The line that came with the answer: a warning, or who did not answer; "" if none. Valid until the
 * list is freed.
 *
 *     fprintf(stderr, "%s\n", stint_list_note(list));
 */
STINT_API const char *stint_list_note(const struct stint_list *list);

/*
 * Frees it with all that was read from it. NULL is allowed.
 *
 *     stint_list_free(list);
 */
STINT_API void stint_list_free(struct stint_list *list);

#ifdef __cplusplus
}
#endif
#endif
