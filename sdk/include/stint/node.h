/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node inside your program. `stintd` is a main() around what stands here.
 *
 *     struct stint_node_options options = STINT_NODE_OPTIONS_INIT;
 *     options.name = "n1";
 *     options.data_dir = "/var/lib/stint";
 *     options.keys_dir = "/etc/stint/keys";
 *     options.found = true;
 *
 *     struct stint_node *node;
 *     char error[STINT_NODE_ERROR_SIZE];
 *     enum stint_status status = stint_node_create(&options, &node, error, sizeof error);
 *     if (status != STINT_OK) {
 *         fprintf(stderr, "%s\n", error);
 *         return 1;
 *     }
 *     status = stint_node_run(node);     or stint_node_step() in a loop of your own
 *     stint_node_destroy(node);
 *
 * A node has no global state, installs no signal handler, never exits the process and
 * starts no thread of its own (ZeroMQ's one I/O thread excepted). Any number of nodes fit
 * in a process. All calls about one node are made from one thread at a time, except
 * stint_node_stop and stint_node_interrupt, which may come from any thread and from
 * signal handlers. Callbacks run inside stint_node_step, on its thread; from inside one
 * only the getters, stop and interrupt may be called.
 */
#ifndef STINT_NODE_H
#define STINT_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stint/status.h"
#include "stint/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct stint_module; /* stint/tasklet.h */
struct stint_node;

#define STINT_NODE_ERROR_SIZE 512 /* holds every error line of this header */

enum stint_log_level {
    STINT_LOG_ERROR = 0,
    STINT_LOG_WARN = 1,
    STINT_LOG_INFO = 2,
    STINT_LOG_DEBUG = 3,
};

/*
 * What a node is made of. Begin with STINT_NODE_OPTIONS_INIT; everything is optional but `name`,
 * `data_dir` and, unless `insecure`, `keys_dir`. All is copied except the modules, which must
 * outlive the node. Fields are only ever added, at the end.
 */
struct stint_node_options {
    size_t size;      /* of this structure: set by STINT_NODE_OPTIONS_INIT */
    const char *name; /* the identity `node-NAME` of keys_dir; 63 bytes at most */

    /* Default "tcp://127.0.0.1:0". Port 0: any free one, kept in data_dir, taken again. */
    const char *listen;
    /* Where others reach it; default: the bound endpoint (the host's name for `*`). */
    const char *advertise;
    const char *data_dir; /* made when missing; locked: one node uses it at a time */
    const char *keys_dir;
    const char *store;       /* of an authority: "sqlite:FILE"; default: in data_dir */
    const char *labels;      /* "k=v,k=v" */
    const char *const *join; /* endpoints of members, tried in turn; 16 at most */
    size_t join_count;
    const char *const *module_paths; /* shared objects */
    size_t module_path_count;
    const struct stint_module *const *modules; /* linked into the program */
    size_t module_count;
    bool found;               /* found the cluster: this node becomes its authority */
    bool insecure;            /* development keys that everybody has; loopback only */
    bool detect_fast;         /* notice dead members in about 3 s instead of 6 s */
    uint32_t join_timeout_ms; /* 0: 10 s */
    uint64_t memory_limit;    /* bytes for tasklets, channels and queues; 0: none */
    enum stint_log_level log_level; /* STINT_NODE_OPTIONS_INIT sets STINT_LOG_INFO */

    /* Each log line up to log_level; NULL: silent. */
    void (*on_log)(void *arg, enum stint_log_level level, const char *text);
    /* Once: it is a member and serves. */
    void (*on_ready)(void *arg, struct stint_node *node);
    /* The others removed it from the view; all its work was dropped. */
    void (*on_fenced)(void *arg, struct stint_node *node);
    void *arg; /* of the callbacks */
    struct stint_allocator allocator; /* resize NULL: malloc */
};

#ifdef __cplusplus
static inline struct stint_node_options
stint_node_options_init(void)
{
    struct stint_node_options options = {};
    options.size = sizeof options;
    options.log_level = STINT_LOG_INFO;
    return options;
}
#define STINT_NODE_OPTIONS_INIT stint_node_options_init()
#else
#define STINT_NODE_OPTIONS_INIT                                                         \
    {                                                                                   \
        .size = sizeof(struct stint_node_options), .log_level = STINT_LOG_INFO          \
    }
#endif

/*
 * Makes a node: reads keys, locks its data, loads modules, binds. It joins or founds once
 * it is stepped. On failure *node is NULL and `error` (STINT_NODE_ERROR_SIZE bytes
 * suffice; may be NULL with size 0) holds one line that says what, which and why.
 *
 * STINT_OK; STINT_INVALID an option that makes no sense, or neither `found` nor `join`
 * nor data of an earlier run; STINT_NOT_FOUND no such keys or store;
 * STINT_NOT_AUTHORISED a secret that others can read; STINT_BAD_CERTIFICATE,
 * STINT_EXPIRED, STINT_WRONG_CLUSTER; STINT_BUSY the data are in use; STINT_EXISTS the
 * address is in use; STINT_UNKNOWN_MODULE, STINT_BAD_VERSION a module that cannot be
 * used; STINT_IO a file or module that cannot be opened; STINT_NO_MEMORY.
 *
 *     status = stint_node_create(&options, &node, error, sizeof error);
 */
STINT_API STINT_MUST_USE enum stint_status stint_node_create(
    const struct stint_node_options *options, struct stint_node **node, char *error,
    size_t error_size);

/*
 * Looks for what would keep a node with these options from starting, and tells `report`
 * of each mistake: `option` is the option's name as a flag of stintd ("listen", "join",
 * "module"), `index` its place in the list (0 for what is no list), `problem` one line
 * without that name. Both texts are valid during the call. Depth OPTIONS looks at the
 * values alone; FILES also at keys, data directory, store and modules, once the values make
 * sense. Nothing is made, changed, locked or bound; modules are loaded and unloaded again.
 * A node may run with the same options meanwhile.
 *
 * STINT_OK no mistake; STINT_INVALID some, and all have been reported; STINT_ERROR,
 * STINT_NO_MEMORY it could not look, which is reported too, as of "options".
 *
 *     static void
 *     report(void *arg, const char *option, size_t index, const char *problem)
 *     {
 *         fprintf(stderr, "%s (%zu): %s\n", option, index, problem);
 *     }
 *     status = stint_node_check(&options, STINT_NODE_CHECK_FILES, report, NULL);
 */
enum stint_node_check_depth {
    STINT_NODE_CHECK_OPTIONS = 0,
    STINT_NODE_CHECK_FILES = 1,
};
STINT_API STINT_MUST_USE enum stint_status stint_node_check(
    const struct stint_node_options *options, enum stint_node_check_depth depth,
    void (*report)(void *arg, const char *option, size_t index, const char *problem),
    void *arg);

/*
 * Waits up to `timeout_ms` (0: not at all, -1: no limit) until there is something to do,
 * and does it. STINT_OK while the node lives. Once it has ended: STINT_CLOSED it left in
 * order (after stint_node_stop, or an operator's stop), STINT_FENCED the others removed
 * it, any other status it could not join or go on; stint_node_error says why.
 *
 *     while ((status = stint_node_step(node, 1000)) == STINT_OK) { }
 */
STINT_API STINT_MUST_USE enum stint_status stint_node_step(struct stint_node *node,
                                                           int timeout_ms);

/*
 * Steps until the node has ended. STINT_OK when it left in order, else as stint_node_step.
 *
 *     status = stint_node_run(node);
 */
STINT_API STINT_MUST_USE enum stint_status stint_node_run(struct stint_node *node);

/*
 * For event loops: wait until the descriptor is readable or the time (ms as in poll(2); 0: now,
 * -1: no limit) is over, then call stint_node_step(node, 0). Ask for both before each wait.
 *
 *     struct pollfd p = { .fd = stint_node_fd(node), .events = POLLIN };
 *     poll(&p, 1, stint_node_timeout_ms(node));
 *     status = stint_node_step(node, 0);
 */
STINT_API int stint_node_fd(const struct stint_node *node);
STINT_API int stint_node_timeout_ms(const struct stint_node *node);

/*
 * Asks the node to leave: it moves its tasklets to others for at most `drain_ms` (0:
 * leaves at once, dropping them) and ends. A later call with less time hastens it. Any
 * thread, signal handlers.
 *
 *     stint_node_stop(node, 30000);
 */
STINT_API void stint_node_stop(struct stint_node *node, uint32_t drain_ms);

/*
 * Makes a stint_node_step that waits return soon. Any thread, signal handlers.
 *
 *     stint_node_interrupt(node);
 */
STINT_API void stint_node_interrupt(struct stint_node *node);

/*
 * Reads this node's identity and the cluster's keys again, for certificates that were
 * renewed. New sessions use them; with a new key the links are made anew. On failure
 * (statuses of stint_node_create) the old ones stay in use.
 *
 *     status = stint_node_reload(node);
 */
STINT_API STINT_MUST_USE enum stint_status stint_node_reload(struct stint_node *node);

/* What is logged from now on: this level and the ones before it. */
STINT_API void stint_node_set_log_level(struct stint_node *node, enum stint_log_level level);

/*
 * Ends the node at once, without leaving the cluster (stop it first for that), and frees it. Links,
 * data and the store are closed. NULL is allowed.
 *
 *     stint_node_destroy(node);
 */
STINT_API void stint_node_destroy(struct stint_node *node);

/* Whether it is a member and serves. */
STINT_API bool stint_node_ready(const struct stint_node *node);

/* How many tasklets are on it; while it leaves, how many are still to be moved away. */
STINT_API uint32_t stint_node_tasklets(const struct stint_node *node);

/* Its id, its name, and the endpoint where others reach it. Owned by the node. */
STINT_API struct stint_id stint_node_id(const struct stint_node *node);
STINT_API const char *stint_node_name(const struct stint_node *node);
STINT_API const char *stint_node_endpoint(const struct stint_node *node);

/* One line about the last failure, "" if there was none. Owned by the node, valid until
 * the next call. */
STINT_API const char *stint_node_error(const struct stint_node *node);

/* The version of the library, as "0.1.0". Static storage. */
STINT_API const char *stint_node_version(void);

#ifdef __cplusplus
}
#endif
#endif
