/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the world share: nodes, connections, the queue of what will happen. */
#ifndef STINT_TESTS_WORLD_INTERNAL_H
#define STINT_TESTS_WORLD_INTERNAL_H

#include "base/heap.h"
#include "wire/cert.h"
#include "world.h"

#define ENDPOINT_SIZE 64
#define CONNECTIONS_MAX 4096
#define WORLD_WALL_START_MS UINT64_C(1800000000000)
#define ACTOR_CLIENT 1000 /* actor numbers from here on are clients, below they are nodes */
#define ACTOR_GUEST 2000  /* and from here on guests */

struct world_client;

/* A DEALER of one actor and the routing id that it has at the other. */
struct connection {
    bool used, up;
    int from, to;          /* actors; `from` opened it */
    uint64_t from_link;    /* number at the opener */
    uint64_t to_link;      /* number at the acceptor, with NODE_LINK_INBOUND */
    uint64_t last_arrival; /* frames keep their order unless the network reorders them; to the acceptor */
    uint64_t last_arrival_back;
    uint64_t generation; /* of its present TCP connection: frames of one that broke are lost */
    char endpoint[ENDPOINT_SIZE];
};

enum happening_kind { HAPPENING_FRAME, HAPPENING_UP, HAPPENING_DOWN, HAPPENING_STORE };

struct happening {
    struct heap_item item;
    enum happening_kind kind;
    int actor;
    uint64_t generation; /* of the actor's life; a later life gets nothing of an earlier one */
    uint64_t link;
    int connection;
    uint64_t connection_generation;
    bool to_acceptor;
    uint64_t number;
    enum store_result result;
    size_t size;
    uint8_t bytes[];
};

struct world_row {
    uint8_t kind;
    size_t key_size, value_size;
    uint8_t key[64];
    uint8_t value[4096];
};

struct world_node_state {
    char name[64];
    char endpoint[ENDPOINT_SIZE];
    struct node *node;
    struct mem mem;
    bool up, paused, exited, ready;
    enum stint_status exit_status;
    uint64_t life;
    struct stint_id id;
    uint64_t incarnation, generation, view;
    uint8_t secret[32];
    struct identity identity;
    const struct stint_module *const *modules;
    bool authority;
    struct world_row *rows;
    size_t row_count;
    uint64_t store_view;
    uint64_t run_at;    /* world time, like all but what is named of the node's own clock */
    uint64_t sample_at;
    /* Its monotonic clock showed `clock_shown` at `clock_since`, and runs at that rate; its wall clock is off by so much. */
    uint64_t clock_since, clock_shown;
    uint32_t clock_ppm; /* 1 000 000: right */
    int64_t wall_off_ms;
    uint32_t dies_after; /* effects that are still carried out before it is killed; 0: lives */
    bool detect_normal;
};

/* Actors that the world knows only by what it must tell them: the SDK's clients, when a test has any. */
struct world_guests {
    uint64_t (*deadline)(struct world *w, int *actor); /* of the first of them that wants something */
    void (*time)(struct world *w, int actor);
    void (*frame)(struct world *w, int actor, uint64_t link, struct stint_span frame);
    void (*up)(struct world *w, int actor, uint64_t link);
    const uint8_t *(*key)(struct world *w, int actor);
    bool (*is_cut)(struct world *w, int from, int to);
    void (*free)(struct world *w);
};

struct world {
    uint64_t now;
    struct prng random;
    struct mem mem;
    struct heap queue;
    struct world_faults faults;
    struct world_stats stats;
    struct world_node_state nodes[WORLD_NODES_MAX];
    int node_count;
    struct connection connections[CONNECTIONS_MAX];
    int connection_count; /* the ones in use are below */
    uint64_t next_inbound;
    void (*watch)(struct world *w, const struct world_happening *what, void *arg);
    void *watch_arg;
    bool cut[WORLD_NODES_MAX][WORLD_NODES_MAX];
    struct world_client *clients[WORLD_NODES_MAX];
    const struct world_guests *guests; /* NULL: none */
    void *guest_state;
    void (*check)(struct world *w, int node, void *arg);
    void *check_arg;
    bool verbose, stopped;
#ifdef STINT_MUTANTS
    enum mutant mutant;
#endif
};

/* One frame leaves an actor over one of its links. */
void world_transmit(struct world *w, int actor, uint64_t link, struct stint_span frame);
int world_connect(struct world *w, int actor, uint64_t link, const char *endpoint);
void world_disconnect(struct world *w, int actor, uint64_t link);
/* What a node's clocks show now, and when its monotonic clock will show that. */
uint64_t world_clock(const struct world *w, int node);
uint64_t world_clock_until(const struct world *w, int node, uint64_t shown);
/* The TCP connection of a link ends; both sides may be told, and the opener connects again after `again_ns`. */
void world_break_connection(struct world *w, int connection, bool told, uint64_t again_ns);
struct happening *world_push(struct world *w, enum happening_kind kind, int actor, uint64_t at, size_t size);
struct stint_allocator world_allocator(void);
void world_store_commit(struct world *w, int node, const struct store_commit *commit);
/* The actor at the other end of a link, -1 if there is none. */
int world_peer(struct world *w, int actor, uint64_t link);

/* world_client.c */
void world_client_frame(struct world *w, int client, struct stint_span frame);
const uint8_t *world_client_key(struct world *w, int client);
void world_client_up(struct world *w, int client);
uint64_t world_client_deadline(struct world *w, int client);
void world_client_time(struct world *w, int client);
void world_client_free(struct world *w, int client);

#endif
