/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of struct stint_node: the machine (core), what it acts on (net, store,
 * data directory) and what is kept between two turns of the loop. options.c reads what
 * the user wants, setup.c builds the node from it, loop.c runs it, node.c is the public
 * face.
 */
#ifndef STINT_HOST_HOST_H
#define STINT_HOST_HOST_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/mem.h"
#include "core/core.h"
#include "host/datadir.h"
#include "link/link.h"
#include "module/module.h"
#include "stint/node.h"
#include "store/store.h"
#include "wire/cert.h"
#include "wire/limits.h"

enum {
    HOST_LABELS_SIZE = LIMIT_LABELS + 1,
    HOST_MODULES_MAX = 64,
    HOST_DESCRIPTORS = 3, /* in poll_fd */
    HOST_ANSWERS_MAX =
        512, /* answers to effects that failed at once, waiting to be events */
};

/* The user's options, checked and copied. Strings that were not given are empty. */
struct host_options {
    char name[DATADIR_NAME_SIZE];
    char listen[LINK_ENDPOINT_SIZE];
    char advertise[LINK_ENDPOINT_SIZE];
    char data_dir[DATADIR_PATH_SIZE];
    char keys_dir[DATADIR_PATH_SIZE];
    char store[DATADIR_PATH_SIZE]; /* path of the SQLite file */
    char labels[HOST_LABELS_SIZE];
    char join[DATADIR_JOIN_MAX][LINK_ENDPOINT_SIZE];
    uint32_t join_count;
    bool found, insecure, detect_fast;
    uint32_t join_timeout_ms;
};

/* Something that an effect led to at once and that the core is told as an event. */
struct host_answer {
    enum node_event_kind kind; /* LINK_DOWN or STORE_DONE */
    uint64_t number;           /* link, or number of the commit */
    enum store_result result;
};

struct stint_node {
    struct stint_allocator allocator;
    struct mem core_mem;  /* tasklets, channels, queues: limited by the options */
    struct mem shell_mem; /* links, store */
    struct host_options options;
    struct identity identity;
    struct datadir data;
    struct datadir_facts facts;
    struct store *store; /* authority only */
    struct link_net *net;
    struct node *core;
    struct module_file modules[HOST_MODULES_MAX];
    size_t module_count;
    char endpoint[LINK_ENDPOINT_SIZE];

    int poll_fd;    /* epoll over wake_fd, the read end of stop_fd, and the net's */
    int wake_fd;    /* eventfd of stint_node_interrupt */
    int stop_fd[2]; /* pipe of stint_node_stop: a u32 each */

    struct host_answer answers[HOST_ANSWERS_MAX]; /* a ring */
    uint32_t answer_first, answer_count;
    bool store_due;   /* a commit's outcome waits to be fetched */
    bool load_wanted; /* the core asked for the rows */
    uint64_t load_at; /* when to try (again) */
    uint64_t sample_at, sampled_at, cpu_ns;
    uint32_t budget; /* of the next run of tasklets */
    bool facts_unsaved;
    bool ended;
    enum stint_status status; /* of an ended node: what stint_node_step gives */

    enum stint_log_level log_level;
    void (*on_log)(void *arg, enum stint_log_level level, const char *text);
    void (*on_ready)(void *arg, struct stint_node *node);
    void (*on_fenced)(void *arg, struct stint_node *node);
    void *arg;
    char error[STINT_NODE_ERROR_SIZE];
};

/* Who hears of mistakes: `option` as a flag of stintd is called, `index` its place in a
 * list or 0, and a sentence without the option's name. */
struct host_report {
    void (*mistake)(void *arg, enum stint_status status, const char *option, size_t index,
                    const char *text);
    void *arg;
};

/*
 * Checks and copies the options that are plain data; STINT_INVALID when there was a
 * mistake, and each has been reported. `known` is what the library's caller was compiled
 * with, zero-extended.
 */
STINT_MUST_USE enum stint_status host_options_read(struct host_options *out,
                                                   const struct stint_node_options *known,
                                                   const struct host_report *report);

/* Whether the host part of an endpoint is this machine alone. */
bool host_is_loopback(const char *endpoint);

/* Builds all of a node whose options are read; on failure the caller frees what there
 * is with host_teardown. */
STINT_MUST_USE enum stint_status host_setup(struct stint_node *n,
                                            const struct stint_node_options *known,
                                            char *error, size_t error_size);
void host_teardown(struct stint_node *n);

/* An empty node for options of any version: OK, or one line. The caller gives it back with
 * stint_node_destroy. */
STINT_MUST_USE enum stint_status host_allocate(const struct stint_node_options *options,
                                               struct stint_node_options *known,
                                               struct stint_node **node, char *error,
                                               size_t error_size);

/* What a node that ran here before left must be of this node, and of this cluster. */
STINT_MUST_USE enum stint_status host_check_facts(const struct datadir_facts *facts,
                                                  const struct host_options *options,
                                                  const struct certificate *certificate,
                                                  char *error, size_t error_size);

/* Without facts a node must have been told how it begins. */
STINT_MUST_USE enum stint_status host_check_begin(const struct host_options *options,
                                                  char *error, size_t error_size);

/* Where the store of an authority is; STINT_LIMIT when that is too long. */
STINT_MUST_USE enum stint_status host_store_path(const struct stint_node *n, char *path,
                                                 size_t size);

/* No cluster was ever founded or joined with these facts. */
bool host_is_fresh(const struct datadir_facts *facts);

/* Makes the machine, with the modules that are linked into the program and those that are
 * open. */
STINT_MUST_USE enum stint_status host_make_core(struct stint_node *n,
                                                const struct stint_node_options *known,
                                                char *error, size_t error_size);

/* Opens one more module file, at the end of n->modules. */
STINT_MUST_USE enum stint_status host_open_module(struct stint_node *n, const char *path,
                                                  char *error, size_t error_size);

/* Hands one to the machine. `path`: where it came from, NULL for one of the program. */
STINT_MUST_USE enum stint_status host_add_module(struct stint_node *n,
                                                 const struct stint_module *module,
                                                 const char *path, char *error,
                                                 size_t error_size);

/* Reads the identity from the keys and checks it against the clock. */
STINT_MUST_USE enum stint_status host_identity(const struct host_options *options,
                                               struct identity *out, char *error,
                                               size_t error_size);

/* One turn: waits at most so long (as poll(2)) until there is something to do, and does it, within bounds. */
void host_turn(struct stint_node *n, int timeout_ms);

/* When the next turn is due, in the form of poll(2). */
int host_timeout_ms(const struct stint_node *n);

/* Keeps the facts on disk; a failure is logged and tried again later. */
void host_save_facts(struct stint_node *n);

void host_log(struct stint_node *n, enum stint_log_level level, const char *format, ...)
    STINT_PRINTF(3, 4);

#endif
