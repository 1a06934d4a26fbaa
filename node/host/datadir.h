/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data directory of a node: a lock (one node uses it at a time), the store's file
 * of an authority, and the few facts that a node keeps for its next start. The facts
 * are one small text file that is replaced as a whole, so that a crash leaves the old
 * ones or the new ones.
 */
#ifndef STINT_HOST_DATADIR_H
#define STINT_HOST_DATADIR_H

#include <stdbool.h>

#include "stint/types.h"
#include "wire/limits.h"

enum {
    DATADIR_PATH_SIZE = 4096,
    DATADIR_JOIN_MAX = 16,
    DATADIR_ENDPOINT_SIZE = LIMIT_ENDPOINT + 1,
    DATADIR_NAME_SIZE = LIMIT_NAME + 1,
};

#define DATADIR_LOCK "lock"
#define DATADIR_FACTS "node.facts"
#define DATADIR_STORE "store.db"

/* What is kept between two runs. All zero: a node that never ran. */
struct datadir_facts {
    struct stint_id node_id;
    struct stint_id cluster_id;
    char name[DATADIR_NAME_SIZE];
    uint8_t join_secret[32]; /* proves to the cluster that a rejoin is the same node */
    uint64_t incarnation;    /* the last one given to this node */
    uint64_t generation, view; /* the highest ever seen */
    uint16_t port;             /* taken by a listen endpoint with port 0; 0: none */
    bool authority;            /* it has the cluster's store */
    uint32_t join_count;       /* where it joined */
    char join[DATADIR_JOIN_MAX][DATADIR_ENDPOINT_SIZE];
};

struct datadir {
    int fd; /* of the directory; -1: closed, as after DATADIR_INIT */
    int lock_fd;
    char path[DATADIR_PATH_SIZE];
};

#define DATADIR_INIT            \
    {                           \
        .fd = -1, .lock_fd = -1 \
    }

/*
 * Makes the directory (0700, parents must exist) when it is missing, and locks it. On
 * failure `d` is closed and `error` holds one line: STINT_BUSY another node uses it,
 * STINT_INVALID the path, STINT_IO anything the system says.
 */
STINT_MUST_USE enum stint_status datadir_open(struct datadir *d, const char *path,
                                              char *error, size_t error_size);

/*
 * The same without making or locking anything, for who only wants to know: STINT_OK and
 * the facts, STINT_NOT_FOUND it is empty or could be made, or what datadir_open and
 * datadir_load would say. `d` is open or not, without the lock.
 */
STINT_MUST_USE enum stint_status datadir_look(struct datadir *d, const char *path,
                                              struct datadir_facts *facts, char *error,
                                              size_t error_size);

/* Unlocks. Harmless when it is closed. */
void datadir_close(struct datadir *d);

/*
 * Reads the facts; STINT_NOT_FOUND (and zero facts) when there are none yet.
 * STINT_BAD_VERSION, STINT_IO damaged or unreadable: `error` names the file and the
 * line.
 */
STINT_MUST_USE enum stint_status datadir_load(const struct datadir *d,
                                              struct datadir_facts *facts, char *error,
                                              size_t error_size);

/* Replaces the facts; they are on disk when it returns STINT_OK, the old ones are after
 * STINT_IO. */
STINT_MUST_USE enum stint_status datadir_save(const struct datadir *d,
                                              const struct datadir_facts *facts,
                                              char *error, size_t error_size);

/* "DIR/name" into `out`; STINT_LIMIT when it is too long. */
STINT_MUST_USE enum stint_status datadir_path(const struct datadir *d, const char *name,
                                              char *out, size_t size);

#endif
