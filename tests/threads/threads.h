/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes in threads of this process, clients of them, and threads that use one client. A check that
 * fails ends the process: threads could not say it to cmocka.
 */
#ifndef STINT_TESTS_THREADS_H
#define STINT_TESTS_THREADS_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stint/admin.h"
#include "stint/client.h"
#include "stint/node.h"
#include "tmpdir.h"
#include "tracked_memory.h"

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);            \
            abort();                                                                           \
        }                                                                                      \
    } while (0)

enum { LONG_MS = 60000, THREADS_MAX = 8 };

/* ---- what threads tell each other ---- */

struct latch {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t count;
};

#define LATCH_INIT { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }

static inline void
latch_add(struct latch *latch)
{
    CHECK(pthread_mutex_lock(&latch->mutex) == 0);
    latch->count++;
    CHECK(pthread_cond_broadcast(&latch->changed) == 0);
    CHECK(pthread_mutex_unlock(&latch->mutex) == 0);
}

static inline void
latch_wait(struct latch *latch, uint32_t count)
{
    CHECK(pthread_mutex_lock(&latch->mutex) == 0);
    while (latch->count < count) {
        CHECK(pthread_cond_wait(&latch->changed, &latch->mutex) == 0);
    }
    CHECK(pthread_mutex_unlock(&latch->mutex) == 0);
}

static inline uint32_t
latch_count(struct latch *latch)
{
    CHECK(pthread_mutex_lock(&latch->mutex) == 0);
    uint32_t count = latch->count;
    CHECK(pthread_mutex_unlock(&latch->mutex) == 0);
    return count;
}

/* ---- nodes ---- */

extern const struct stint_module mill_module;

struct host {
    struct stint_node *node;
    pthread_t thread;
    struct latch ready, dies;
    char dir[TMPDIR_SIZE];
    char endpoint[128];
};

static inline void
host_ready(void *arg, struct stint_node *node)
{
    (void)node;
    struct host *host = arg;
    latch_add(&host->ready);
}

/* Runs it until it is asked to leave, or is to die: then without a word to anybody. */
static inline void *
host_run(void *arg)
{
    struct host *host = arg;
    while (stint_node_step(host->node, 1000) == STINT_OK && latch_count(&host->dies) == 0) {
    }
    return NULL;
}

/* `first` NULL: it founds the cluster. */
static inline void
host_start(struct host *host, const char *name, const struct host *first)
{
    *host = (struct host){ .ready = LATCH_INIT, .dies = LATCH_INIT };
    tmpdir_make(host->dir);
    const struct stint_module *modules[] = { &mill_module };
    const char *join[] = { first != NULL ? first->endpoint : "" };
    char error[STINT_NODE_ERROR_SIZE];
    struct stint_node_options options = STINT_NODE_OPTIONS_INIT;
    options.name = name;
    options.data_dir = host->dir;
    options.insecure = true;
    options.found = first == NULL;
    options.join = join;
    options.join_count = first != NULL ? 1 : 0;
    options.modules = modules;
    options.module_count = 1;
    options.on_ready = host_ready;
    options.arg = host;
    if (stint_node_create(&options, &host->node, error, sizeof error) != STINT_OK) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    snprintf(host->endpoint, sizeof host->endpoint, "%s", stint_node_endpoint(host->node));
    CHECK(pthread_create(&host->thread, NULL, host_run, host) == 0);
    latch_wait(&host->ready, 1);
}

static inline void
host_end(struct host *host)
{
    CHECK(pthread_join(host->thread, NULL) == 0);
    stint_node_destroy(host->node);
    tmpdir_remove(host->dir);
}

static inline void
host_stop(struct host *host)
{
    stint_node_stop(host->node, 0);
    host_end(host);
}

static inline void
host_die(struct host *host)
{
    latch_add(&host->dies);
    stint_node_interrupt(host->node);
    host_end(host);
}

/* ---- clients ---- */

/* Its memory is counted without a lock: the client promises one thread at a time. */
static struct tracked_memory memory;
static struct latch freed; /* all of it was */

static inline void *
memory_resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    const struct stint_allocator *tracked = arg;
    void *moved = tracked->resize(tracked->arg, ptr, old_size, size);
    if (memory.blocks == 0) {
        latch_add(&freed);
    }
    return moved;
}

static inline struct stint_client *
open_client(const struct host *hosts, size_t count, bool own_thread)
{
    char error[STINT_CLIENT_ERROR_SIZE];
    const char *endpoints[4];
    struct stint_client *client;
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    for (size_t i = 0; i < count; i++) {
        endpoints[i] = hosts[i].endpoint;
    }
    options.endpoints = endpoints;
    options.endpoint_count = count;
    options.insecure = true;
    options.no_environment = true;
    options.own_thread = own_thread;
    static struct stint_allocator tracked;
    tracked = tracked_allocator(&memory);
    memset(&memory, 0, sizeof memory);
    freed = (struct latch)LATCH_INIT;
    options.allocator = (struct stint_allocator){ memory_resize, &tracked };
    if (stint_client_open(&options, &client, error, sizeof error) != STINT_OK) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    return client;
}

/* Shows why an operation did not do what it should. */
static inline void
expect(struct stint_client *client, enum stint_status status, enum stint_status wanted)
{
    if (status != wanted) {
        fprintf(stderr, "%s where %s was expected: %s\n", stint_status_name(status),
                stint_status_name(wanted), stint_client_error(client));
        abort();
    }
}

/* A ledger that keeps what comes over its channel `name`. */
static inline void
spawn_ledger(struct stint_client *client, const char *name, const char *on)
{
    char args[96];
    struct stint_spawn spawn = STINT_SPAWN_INIT;
    snprintf(args, sizeof args, "{\"name\":\"%s\",\"capacity\":64}", name);
    spawn.code = "mill/Ledger";
    spawn.args_json = args;
    spawn.on = on;
    expect(client, stint_client_spawn(client, &spawn, NULL, 0, NULL, LONG_MS), STINT_OK);
}

static inline void
create_channel(struct stint_client *client, const char *name, const char *on)
{
    struct stint_channel ch = STINT_CHANNEL_INIT;
    struct stint_id id;
    ch.name = name;
    ch.capacity = 64;
    ch.type = "mill.Answer";
    ch.on = on;
    expect(client, stint_client_channel_create(client, &ch, &id, LONG_MS), STINT_OK);
}

/* ---- many threads ---- */

struct worker {
    pthread_t thread;
    struct stint_client *client;
    uint32_t number;
};

static inline void
run_workers(struct worker *workers, uint32_t count, struct stint_client *client,
            void *(*work)(void *worker))
{
    for (uint32_t i = 0; i < count; i++) {
        workers[i] = (struct worker){ .client = client, .number = i };
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
}

static inline void
join_workers(struct worker *workers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        CHECK(pthread_join(workers[i].thread, NULL) == 0);
    }
}

#endif
