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
 *     status = stint_node_run(node); // or stint_node_step() in a loop of your own
 *     stint_node_destroy(node);
 *
 * The process. There is no global state: any number of nodes fit in a process, each with its own
 * allocator, logger and folder. A node installs no signal handler and changes no mask, does not
 * touch locale, environment, working folder or umask, and writes to no standard stream. Errors are
 * statuses. Only a broken invariant (a bug, or a wrong use of these functions that was noticed)
 * writes one line to standard error and calls abort. All descriptors are close-on-exec; a child
 * after fork() must not touch the node.
 *
 * Threads. A node has no thread of its own for your code or for tasklets: all of it runs inside
 * stint_node_step. ZeroMQ runs two threads for each node, with all signals blocked. Calls about one
 * node come from one thread at a time, with two exceptions: stint_node_stop and
 * stint_node_interrupt come from any thread and from signal handlers; stint_node_id,
 * stint_node_name and stint_node_endpoint come from any thread. Calls about different nodes are
 * independent. stint_node_destroy comes last: nobody uses the node during or after it.
 *
 * Callbacks run on the thread that is inside of stint_node_step or stint_node_run; on_log also
 * inside of stint_node_create and stint_node_reload. In a callback you may call the getters,
 * stint_node_set_log_level, stint_node_stop and stint_node_interrupt about that node, and anything
 * about other nodes.
 *
 * Memory. What a node allocates comes from options.allocator and has been given back when
 * stint_node_destroy returns; what ZeroMQ, SQLite and libsodium allocate themselves does not. When
 * the allocator fails, the operation that needed memory fails; where that cannot be, the node ends
 * with STINT_NO_MEMORY, which to the other members is a death like any other.
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

#define STINT_NODE_ERROR_SIZE 512 /* bytes; holds every error line of this header */

/* How grave a line of the log is; each level includes the ones before it. */
enum stint_log_level {
    STINT_LOG_ERROR = 0, /* something was lost or cannot go on: look at it */
    STINT_LOG_WARN = 1,  /* it goes on, but not as it should */
    STINT_LOG_INFO = 2,  /* what happens seldom: members, moves that failed, keys */
    STINT_LOG_DEBUG = 3,
};

/*
 * What a node is made of. Begin with STINT_NODE_OPTIONS_INIT; everything is optional but `name`,
 * `data_dir` and, unless `insecure`, `keys_dir`; and a node that runs for the first time needs
 * `found` or `join`. All is copied by stint_node_create, except the modules, which must outlive the
 * node, and `arg`, which is handed through. Texts end with '\0'; NULL is as if it was not set.
 * Fields are only ever added, at the end.
 */
struct stint_node_options {
    size_t size;      /* of this structure: set by STINT_NODE_OPTIONS_INIT */
    const char *name; /* the identity `node-NAME` of keys_dir; 63 bytes at most */

    /* Where it listens: "tcp://HOST:PORT", HOST an address, a name, an interface or `*`. Default
     * "tcp://127.0.0.1:0". Port 0: any free one, kept in data_dir, taken again. */
    const char *listen;
    /* Where others reach it; default: the bound endpoint (the host's name for `*`). */
    const char *advertise;
    const char *data_dir; /* made (0700) when missing; locked: one node uses it at a time */
    const char *keys_dir; /* made by `stint keys`; read at creation and by stint_node_reload */
    const char *store;    /* of a founder: "sqlite:FILE"; default: store.db in data_dir */
    const char *labels;   /* "k=v,k=v"; 255 bytes at most */
    const char *const *join; /* endpoints of members, tried in turn; 16 at most */
    size_t join_count;
    const char *const *module_paths; /* shared objects to load; 64 at most */
    size_t module_path_count;
    const struct stint_module *const *modules; /* linked into the program; 64 at most */
    size_t module_count;
    bool found;               /* found the cluster: this node keeps its store */
    bool insecure;            /* development keys that everybody has; loopback only */
    bool detect_fast;         /* notice dead members in about 3 s instead of 6 s */
    uint32_t join_timeout_ms; /* for becoming a member; 0: 10 s */
    uint64_t memory_limit;    /* bytes for tasklets, channels and queues; 0: none */
    enum stint_log_level log_level; /* STINT_NODE_OPTIONS_INIT sets STINT_LOG_INFO */

    /* Each log line up to log_level: one line without its end, valid during the call. NULL: no
     * log. */
    void (*on_log)(void *arg, enum stint_log_level level, const char *text);
    /* Once: it is a member and serves. */
    void (*on_ready)(void *arg, struct stint_node *node);
    /* Once: the others removed it from the view. All its tasklets and channels were dropped, and
     * the node ends with STINT_FENCED. */
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
 * Makes a node: reads keys, locks its data, opens its store, loads modules, binds. It joins or
 * founds once it is stepped. On success *node is yours until stint_node_destroy. On failure *node
 * is NULL, nothing is left running, open or locked (only data_dir may have been made), and `error`
 * (STINT_NODE_ERROR_SIZE bytes suffice; may be NULL with size 0) holds one line that says what,
 * which and why. On success `error` is "".
 *
 * STINT_OK; STINT_INVALID an option that makes no sense, neither `found` nor `join` nor data of an
 * earlier run, or data of another node (never what a file holds: the options are right then);
 * STINT_UNKNOWN_MODULE a module that is none; STINT_NOT_FOUND no such keys, or the store of an
 * earlier run is gone; STINT_NOT_AUTHORISED a secret that others can read, or an address that this
 * user may not take; STINT_BAD_CERTIFICATE, STINT_EXPIRED, STINT_REVOKED the
 * identity; STINT_WRONG_CLUSTER the data are of another cluster than the keys; STINT_BUSY the data
 * or the store are in use; STINT_EXISTS the address is in use, or two modules have one name;
 * STINT_BAD_VERSION a module for another interface, or data of a newer release; STINT_CONFLICT,
 * STINT_LIMIT a module that contradicts itself or another one, or is too large; STINT_IO a file,
 * module or descriptor that cannot be opened, or an address that this machine does not have;
 * STINT_NO_MEMORY; STINT_ERROR libsodium does not work here. (A node takes about 20 descriptors,
 * and three for each member that it is connected to.)
 *
 *     status = stint_node_create(&options, &node, error, sizeof error);
 */
STINT_API STINT_MUST_USE enum stint_status stint_node_create(
    const struct stint_node_options *options, struct stint_node **node, char *error,
    size_t error_size);

/* How far stint_node_check looks. */
enum stint_node_check_depth {
    STINT_NODE_CHECK_OPTIONS = 0, /* the values alone */
    STINT_NODE_CHECK_FILES = 1, /* keys, data, store and modules too, if the values make sense */
};

/*
 * Looks for what would keep a node with these options from starting, and tells `report` of each
 * mistake: `option` is the option's name as a flag of stintd ("listen", "join", "module"), `index`
 * its place in the list (0 for what is no list), `problem` one line without that name. Both texts
 * are valid during the call. Nothing is made, changed, locked or bound; modules are loaded and
 * unloaded again. A node may run with the same options meanwhile. Any thread.
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
STINT_API STINT_MUST_USE enum stint_status stint_node_check(
    const struct stint_node_options *options, enum stint_node_check_depth depth,
    void (*report)(void *arg, const char *option, size_t index, const char *problem),
    void *arg);

/*
 * Waits up to `timeout_ms` (0: not at all, -1: no limit) until there is something to do, and does
 * it. It may come back sooner without having done anything: after stint_node_interrupt, after a
 * signal, and about once a second. One step works for some milliseconds, unless a tasklet keeps the
 * processor longer.
 *
 * STINT_OK while the node lives. Once it has ended, each call answers at once, and the same:
 * STINT_CLOSED it left in order (after stint_node_stop, or an operator's `node stop`); STINT_FENCED
 * the others removed it. If it could not join: STINT_UNREACHABLE nobody answered in time;
 * STINT_NOT_AUTHORISED, STINT_BAD_CERTIFICATE, STINT_EXPIRED, STINT_REVOKED, STINT_WRONG_CLUSTER,
 * STINT_BAD_VERSION, STINT_REFUSED, STINT_EXISTS, STINT_LIMIT, STINT_BUSY, STINT_STORE_DOWN the
 * members refused it, or its own store did; STINT_NOT_FOUND, STINT_INVALID its store is empty, or
 * there is nobody to join. If it could not go on: STINT_NO_MEMORY, STINT_IO, STINT_BAD_VERSION the
 * store went back in time. stint_node_error says why.
 *
 *     while ((status = stint_node_step(node, 1000)) == STINT_OK) {
 *         look_at_other_things();
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status stint_node_step(struct stint_node *node,
                                                           int timeout_ms);

/*
 * Steps until the node has ended; for a thread that does nothing else. STINT_OK it left in order;
 * all others as stint_node_step.
 *
 *     status = stint_node_run(node);
 *     if (status != STINT_OK) {
 *         fprintf(stderr, "%s\n", stint_node_error(node));
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status stint_node_run(struct stint_node *node);

/*
 * For event loops: wait until the descriptor is readable or the time (ms as in poll(2); 0: now, -1:
 * no limit) is over, then call stint_node_step(node, 0). Ask for the time before each wait; the
 * descriptor stays the same for the node's life. It is the node's: wait for it with poll, select or
 * epoll (level-triggered), and do nothing else with it. A node that has ended asks for 0 ms.
 *
 *     struct pollfd p = { .fd = stint_node_fd(node), .events = POLLIN };
 *     poll(&p, 1, stint_node_timeout_ms(node));
 *     status = stint_node_step(node, 0);
 */
STINT_API int stint_node_fd(const struct stint_node *node);
STINT_API int stint_node_timeout_ms(const struct stint_node *node);

/*
 * Asks the node to leave: it moves its tasklets to other members for at most `drain_ms` (0: leaves
 * at once, dropping them), tells the others and ends. Returns at once; go on with stint_node_step
 * until it says STINT_CLOSED. A later call with less time hastens it. Nothing happens to a node
 * that has ended. Any thread, signal handlers.
 *
 *     stint_node_stop(node, 30000);
 */
STINT_API void stint_node_stop(struct stint_node *node, uint32_t drain_ms);

/*
 * Makes a stint_node_step that waits, or the next one that would, return soon with what it would
 * have said anyway. Any thread, signal handlers.
 *
 *     work_for_the_thread_that_steps = true;
 *     stint_node_interrupt(node);
 */
STINT_API void stint_node_interrupt(struct stint_node *node);

/*
 * Reads this node's identity and the cluster's keys again, for certificates that were renewed. New
 * sessions use them; with a new key the links are made anew.
 *
 * STINT_OK; on failure the old ones stay in use and stint_node_error has the line: STINT_INVALID
 * they are of another node or cluster, or the key that all nodes share is another one (that needs a
 * restart); STINT_NOT_FOUND, STINT_NOT_AUTHORISED, STINT_BAD_CERTIFICATE, STINT_EXPIRED,
 * STINT_REVOKED, STINT_IO as stint_node_create.
 *
 *     if (stint_node_reload(node) != STINT_OK) {
 *         fprintf(stderr, "%s\n", stint_node_error(node));
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status stint_node_reload(struct stint_node *node);

/*
 * What is logged from now on: this level and the ones before it.
 *
 *     stint_node_set_log_level(node, STINT_LOG_DEBUG);
 */
STINT_API void stint_node_set_log_level(struct stint_node *node,
                                        enum stint_log_level level);

/*
 * Ends the node and frees it: links, data and store are closed, modules unloaded, all memory given
 * back. One that has not ended is cut off as if it had died, and the others notice that in their
 * time; stop it first, and step it until it has ended, so that it leaves in order. Waits up to
 * 0.3 s for last words to be sent. NULL is allowed.
 *
 *     stint_node_destroy(node);
 */
STINT_API void stint_node_destroy(struct stint_node *node);

/*
 * Whether it is a member and serves.
 *
 *     while (!stint_node_ready(node) && stint_node_step(node, 1000) == STINT_OK) {
 *     }
 */
STINT_API bool stint_node_ready(const struct stint_node *node);

/*
 * How many tasklets are on it; while it leaves, how many are still to be moved away.
 *
 *     printf("%u left\n", (unsigned)stint_node_tasklets(node));
 */
STINT_API uint32_t stint_node_tasklets(const struct stint_node *node);

/*
 * Its id, its name, and the endpoint where others reach it. They stay the same for the node's life;
 * the texts are the node's. Any thread.
 *
 *     char text[STINT_ID_TEXT_SIZE];
 *     puts(stint_id_text(stint_node_id(node), text));
 *     printf("%s at %s\n", stint_node_name(node), stint_node_endpoint(node));
 */
STINT_API struct stint_id stint_node_id(const struct stint_node *node);
STINT_API const char *stint_node_name(const struct stint_node *node);
STINT_API const char *stint_node_endpoint(const struct stint_node *node);

/*
 * One line about the last failure, "" if there was none. It is the node's, valid until the next
 * call about it.
 *
 *     fprintf(stderr, "%s: %s\n", stint_node_name(node), stint_node_error(node));
 */
STINT_API const char *stint_node_error(const struct stint_node *node);

/*
 * The version of the library, as "0.1.0"; static storage. Any thread.
 *
 *     puts(stint_node_version());
 */
STINT_API const char *stint_node_version(void);

#ifdef __cplusplus
}
#endif
#endif
