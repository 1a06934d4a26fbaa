/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some nodes and a client in one thread, over real sockets and files, each with an allocator of its
 * own.
 */
#ifndef STINT_TESTS_COMPANY_H
#define STINT_TESTS_COMPANY_H

#include <stdio.h>

#include <stint/client.h>
#include <stint/node.h>

#include "tmpdir.h"
#include "tracked_memory.h"

enum { COMPANY_NODES = 3 };

struct company {
    char dir[TMPDIR_SIZE];
    struct stint_node *nodes[COMPANY_NODES];
    enum stint_status ends[COMPANY_NODES]; /* STINT_OK while it lives */
    struct tracked_memory memory[COMPANY_NODES];
    struct stint_client *client;
    struct tracked_memory client_memory;
    const struct tracked_memory *scarce; /* when it has failed no wait is longer than `patience_ms` */
    uint32_t patience_ms;
    unsigned ready;
    char error[STINT_CLIENT_ERROR_SIZE]; /* of the last thing that was made */
    char log[65536];                     /* of all nodes, as much as fits */
    unsigned lines[4];                   /* by level */
    enum stint_log_level level;
    bool lines_are_whole; /* no line was empty or had a line end in it */
};

void company_init(struct company *c);

/* Destroys and closes what there is, and removes the folder. All memory must have been given back then. */
void company_fini(struct company *c);

/* Node 0 founds, the others join it. What stint_node_create says. */
enum stint_status company_create(struct company *c, int number);

/* Steps all nodes and the client until `done` says so. False after `limit_ms`. */
bool company_pump(struct company *c, bool (*done)(struct company *c, void *arg), void *arg,
                  uint32_t limit_ms);

/* All nodes that there are serve. */
bool company_all_ready(struct company *c, void *arg);

/* All nodes that there are have ended. */
bool company_all_ended(struct company *c, void *arg);

/* Makes the client, of node 0. */
enum stint_status company_open_client(struct company *c);

/*
 * Spawns the tasklet of the example `embed-poll` on node 0 and gives it `lines` lines one by one; it
 * moves after every second. How many answers came that were right, before something failed.
 */
unsigned company_converse(struct company *c, unsigned lines, uint32_t limit_ms);

/* Stops all nodes, the founder last, and steps them until they have ended. */
bool company_stop(struct company *c, uint32_t drain_ms, uint32_t limit_ms);

#endif
