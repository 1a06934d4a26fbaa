/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node on a thread of its own, in a program that has threads already. The node's thread does nothing
 * but stint_node_run; every other thread that talks with the cluster has a client of its own, whose
 * blocking calls block nobody else. The main thread stops the node.
 *
 * The node logs into a file of the program's, and takes its memory from an allocator of the program's,
 * which counts: at the end all is given back.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <stint/client.h>
#include <stint/node.h>

#include "meter.stint.h"

extern const struct stint_module meter_module; /* meter.c */

enum { CALL_MS = 10000, READINGS = 100, PATH_SIZE = 4096 };

/* ---- what the program gives to the node ---- */

/* Only one thread at a time uses a node, so what is called by it needs no lock. */
struct counted {
    size_t now, most;
};

static void *
counted_resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    struct counted *c = arg;
    void *moved = NULL;
    if (size == 0) {
        free(ptr);
    } else if ((moved = realloc(ptr, size)) == NULL) {
        return NULL; /* the old block is as it was */
    }
    c->now = c->now - old_size + size;
    c->most = c->now > c->most ? c->now : c->most;
    return moved;
}

static void
on_log(void *arg, enum stint_log_level level, const char *text)
{
    static const char *const levels[] = { "error", "warn", "info", "debug" };
    FILE *log = arg;
    fprintf(log, "%-5s %s\n", levels[level], text);
    fflush(log);
}

/* ---- the node's thread ---- */

struct service {
    struct stint_node *node;
    FILE *log;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ready, ended;
    enum stint_status status; /* of the end */
};

static void
tell(struct service *s, bool *what)
{
    pthread_mutex_lock(&s->lock);
    *what = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void
on_node_log(void *arg, enum stint_log_level level, const char *text)
{
    struct service *s = arg;
    on_log(s->log, level, text);
}

static void
on_ready(void *arg, struct stint_node *node)
{
    struct service *s = arg;
    (void)node;
    tell(s, &s->ready);
}

static void *
run(void *arg)
{
    struct service *s = arg;
    s->status = stint_node_run(s->node);
    tell(s, &s->ended);
    return NULL;
}

/* Whether the node serves; it has ended otherwise. */
static bool
wait_until_ready(struct service *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->ready && !s->ended) {
        pthread_cond_wait(&s->changed, &s->lock);
    }
    bool ready = s->ready;
    pthread_mutex_unlock(&s->lock);
    return ready;
}

static bool
start(struct service *s, const char *dir, const char *keys, struct counted *memory)
{
    const struct stint_module *const modules[] = { &meter_module };
    struct stint_node_options options = STINT_NODE_OPTIONS_INIT;
    char error[STINT_NODE_ERROR_SIZE], data[PATH_SIZE];
    snprintf(data, sizeof data, "%s/data", dir);
    options.name = "meter";
    options.data_dir = data;
    options.keys_dir = keys;
    options.insecure = keys == NULL;
    options.found = true;
    options.modules = modules;
    options.module_count = 1;
    options.on_log = on_node_log;
    options.on_ready = on_ready;
    options.arg = s;
    options.allocator = (struct stint_allocator){ counted_resize, memory };
    if (stint_node_create(&options, &s->node, error, sizeof error) != STINT_OK) {
        fprintf(stderr, "embed-thread: %s\n", error);
        return false;
    }
    if (pthread_create(&s->thread, NULL, run, s) != 0) {
        perror("embed-thread: thread");
        stint_node_destroy(s->node);
        return false;
    }
    return true;
}

/* ---- clients: one for each thread that asks ---- */

struct place {
    const char *endpoint, *keys;
};

static struct stint_client *
open_client(const struct place *place)
{
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    struct stint_client *client;
    char error[STINT_CLIENT_ERROR_SIZE];
    options.endpoints = &place->endpoint;
    options.endpoint_count = 1;
    options.keys_dir = place->keys;
    options.identity = place->keys != NULL ? "client-meter" : NULL;
    options.insecure = place->keys == NULL;
    options.no_environment = true;
    if (stint_client_open(&options, &client, error, sizeof error) != STINT_OK) {
        fprintf(stderr, "embed-thread: %s\n", error);
    }
    return client; /* NULL when it failed */
}

/* Says why, if it is a failure. */
static bool
done(struct stint_client *client, enum stint_status status)
{
    if (status != STINT_OK) {
        fprintf(stderr, "embed-thread: %s\n", stint_client_error(client));
    }
    return status == STINT_OK;
}

/* The thread that the program had before: it makes readings. */
static void *
work(void *arg)
{
    struct stint_client *client = open_client(arg);
    bool fine = client != NULL;
    for (int i = 1; i <= READINGS && fine; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"value\":%d}", i);
        fine = done(client, stint_client_send_json(client, "meter", json, NULL, CALL_MS));
    }
    stint_client_close(client, 0);
    return fine ? arg : NULL;
}

static bool
measure(struct stint_client *client, struct place *place)
{
    struct stint_spawn spawn = STINT_SPAWN_INIT;
    struct stint_channel totals = STINT_CHANNEL_INIT;
    struct stint_id id;
    struct stint_value value;
    pthread_t worker;
    void *worked;
    spawn.code = "meter/Meter";
    totals.name = "totals";
    totals.capacity = 1;
    totals.type = "meter.Total";
    if (!done(client, stint_client_spawn(client, &spawn, NULL, 0, NULL, CALL_MS))
        || !done(client, stint_client_channel_create(client, &totals, &id, CALL_MS))) {
        return false;
    }
    if (pthread_create(&worker, NULL, work, place) != 0) {
        perror("embed-thread: thread");
        return false;
    }
    pthread_join(worker, &worked);
    if (worked == NULL
        || !done(client, stint_client_send_json(client, "meter", "{\"reply\":\"totals\"}", NULL, CALL_MS))
        || !done(client, stint_client_receive(client, "totals", true, CALL_MS, &value))) {
        return false;
    }
    printf("total %s\n", value.json);
    return true;
}

static bool
use(struct service *s, const char *keys)
{
    if (!wait_until_ready(s)) {
        return false; /* why is said when the node has ended */
    }
    struct place place = { stint_node_endpoint(s->node), keys };
    struct stint_client *client = open_client(&place);
    bool fine = client != NULL && measure(client, &place);
    stint_client_close(client, 0);
    return fine;
}

int
main(int argc, char **argv)
{
    struct service s = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    struct counted memory = { 0, 0 };
    char path[PATH_SIZE];
    if (argc < 2 || argc > 3 || (mkdir(argv[1], 0700) != 0 && errno != EEXIST)) {
        fprintf(stderr, "usage: embed-thread DIR [KEYS]     DIR: for data and log; KEYS: a key directory\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/node.log", argv[1]);
    s.log = fopen(path, "w");
    if (s.log == NULL) {
        perror(path);
        return 1;
    }
    const char *keys = argc == 3 ? argv[2] : NULL;
    bool fine = start(&s, argv[1], keys, &memory);
    if (fine) {
        fine = use(&s, keys);
        stint_node_stop(s.node, 0); /* from another thread than the node's */
        pthread_join(s.thread, NULL);
        if (s.status != STINT_OK) {
            fprintf(stderr, "embed-thread: %s: %s\n", stint_status_name(s.status), stint_node_error(s.node));
        }
        fine = fine && s.status == STINT_OK;
        stint_node_destroy(s.node);
        printf("the node left %zu bytes of up to %zu\n", memory.now, memory.most);
    }
    fclose(s.log);
    return fine && memory.now == 0 ? 0 : 1;
}
