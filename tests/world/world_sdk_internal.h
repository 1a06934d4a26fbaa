/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the SDK's clients in the world share. */
#ifndef STINT_TESTS_WORLD_SDK_INTERNAL_H
#define STINT_TESTS_WORLD_SDK_INTERNAL_H

#include "base/list.h"
#include "link/link.h"
#include "world_internal.h"
#include "world_sdk.h"

#define SDK_LINKS_MAX 16

/* One outbound link of a client: a DEALER that connects again and again until it is forgotten. */
struct sdk_link {
    bool used, up;
    bool connecting;
    uint64_t link; /* the client's number */
    uint64_t wire; /* the world's, another one for each connection; 0: none */
    int node;      /* -1: nobody has this endpoint */
    uint64_t life; /* of that node */
    uint64_t blocked_since;
    uint64_t retry_at;
    const char *told; /* why it does not connect: each reason once */
    char endpoint[ENDPOINT_SIZE];
};

/* What link_next will say. */
struct sdk_event {
    struct list place;
    struct link_event event;
    size_t size;
    uint8_t bytes[];
};

/* The client's network: link.h's handle. */
struct link_net {
    struct sdk_client *owner;
    struct sdk_link links[SDK_LINKS_MAX];
    struct list events;
    struct sdk_event *held; /* handed out last */
    int fd;                 /* to be polled by nobody */
    bool dead;              /* its process was killed: nothing leaves any more */
    uint8_t key[LINK_KEY_SIZE];
};

struct sdk_clock {
    uint64_t world, local; /* from here on */
    int32_t drift_ppm;
    int64_t wall_ms;
};

struct sdk_client {
    struct world *w;
    int number;
    bool used, crashed, ending;
    struct stint_client *client;
    struct link_net *net;
    struct prng random;
    struct sdk_clock clock;
    uint64_t jumped; /* of its clock, in all: time that nobody could have used */
    uint64_t wake_at;
    uint32_t entered; /* how deep inside of its code */
    uint32_t unfinished;
    size_t memory;
    struct list calls;
    bool cut_to[WORLD_NODES_MAX], cut_from[WORLD_NODES_MAX], mute[WORLD_NODES_MAX];
};

struct sdk_state {
    struct sdk_client clients[WORLD_SDK_MAX];
    uint64_t next_wire;
    uint32_t stepping; /* inside of the world's events: no client may wait */
};

/* world_sdk.c */
struct sdk_state *sdk_state(struct world *w);
struct sdk_client *sdk_client_of(const struct world *w, int client);
int sdk_node_named(const struct world *w, const char *name);
void sdk_look_again(struct sdk_client *c); /* after anything that it was asked or told */

/* world_sdk_net.c */

/* The client whose code runs now, so that clocks and entropy know who asks. Gives back the one before. */
struct sdk_client *sdk_enter(struct sdk_client *c);
void sdk_leave(struct sdk_client *c, struct sdk_client *before);

uint64_t sdk_local(const struct sdk_client *c);                       /* its clock now */
uint64_t sdk_world_time(const struct sdk_client *c, uint64_t local); /* when its clock will say so */

uint64_t sdk_net_deadline(struct link_net *net);
void sdk_net_tick(struct link_net *net);
void sdk_net_frame(struct link_net *net, uint64_t wire, struct stint_span frame);
void sdk_net_up(struct link_net *net, uint64_t wire);
void sdk_net_break(struct link_net *net, int node);

#endif
