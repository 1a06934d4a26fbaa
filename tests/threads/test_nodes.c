/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that threads of their own make, run and destroy at the same time, while another thread asks
 * each what any thread may ask, and stops it.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stint/node.h"
#include "tmpdir.h"
#include "tracked_memory.h"

enum { OWNERS = 4, ROUNDS = 3, QUESTIONS = 50 };

struct owner {
    unsigned number;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct stint_node *node; /* while it runs and serves */
    bool released;           /* nobody else will use it again */
    unsigned lines;
};

/* A check that fails ends the process: threads could not say it to cmocka. */
static void
must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

static void
on_log(void *arg, enum stint_log_level level, const char *text)
{
    struct owner *o = arg;
    (void)level;
    (void)text;
    o->lines++; /* of one thread only */
}

static void
on_ready(void *arg, struct stint_node *node)
{
    struct owner *o = arg;
    pthread_mutex_lock(&o->lock);
    o->node = node;
    pthread_cond_signal(&o->changed);
    pthread_mutex_unlock(&o->lock);
}

static void
wait_for_release(struct owner *o)
{
    pthread_mutex_lock(&o->lock);
    while (!o->released) {
        pthread_cond_wait(&o->changed, &o->lock);
    }
    o->released = false;
    pthread_mutex_unlock(&o->lock);
}

static void *
own(void *arg)
{
    struct owner *o = arg;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct tracked_memory memory = { .blocks = 0 };
        struct stint_node_options options = STINT_NODE_OPTIONS_INIT;
        struct stint_node *node;
        char dir[TMPDIR_SIZE], name[16], error[STINT_NODE_ERROR_SIZE];
        tmpdir_make(dir);
        snprintf(name, sizeof name, "n%u-%u", o->number, round);
        options.name = name;
        options.data_dir = dir;
        options.found = true;
        options.insecure = true;
        options.log_level = STINT_LOG_DEBUG;
        options.on_log = on_log;
        options.on_ready = on_ready;
        options.arg = o;
        options.allocator = tracked_allocator(&memory);
        must(stint_node_create(&options, &node, error, sizeof error) == STINT_OK, error);
        must(stint_node_run(node) == STINT_OK, "it left in order");
        wait_for_release(o);
        stint_node_destroy(node);
        must(memory.blocks == 0, "all memory came back");
        tmpdir_remove(dir);
    }
    return NULL;
}

/* What any thread may ask, while the node works. */
static void
ask(struct owner *o, unsigned round)
{
    char name[16], text[STINT_ID_TEXT_SIZE];
    pthread_mutex_lock(&o->lock);
    while (o->node == NULL) {
        pthread_cond_wait(&o->changed, &o->lock);
    }
    struct stint_node *node = o->node;
    pthread_mutex_unlock(&o->lock);
    snprintf(name, sizeof name, "n%u-%u", o->number, round);
    for (unsigned i = 0; i < QUESTIONS; i++) {
        must(strcmp(stint_node_name(node), name) == 0, "its name");
        must(strncmp(stint_node_endpoint(node), "tcp://127.0.0.1:", 16) == 0, "its endpoint");
        must(strlen(stint_id_text(stint_node_id(node), text)) == 32, "its id");
        must(stint_node_version()[0] != '\0', "the version");
        stint_node_interrupt(node);
    }
    stint_node_stop(node, 1000);
    stint_node_stop(node, 0);
    pthread_mutex_lock(&o->lock);
    o->node = NULL; /* the next one is another */
    o->released = true;
    pthread_cond_signal(&o->changed);
    pthread_mutex_unlock(&o->lock);
}

static void
nodes_of_several_threads_do_not_know_of_each_other(void **state)
{
    static struct owner owners[OWNERS];
    (void)state;
    for (unsigned i = 0; i < OWNERS; i++) {
        owners[i] = (struct owner){ .number = i,
                                    .lock = PTHREAD_MUTEX_INITIALIZER,
                                    .changed = PTHREAD_COND_INITIALIZER };
        assert_int_equal(pthread_create(&owners[i].thread, NULL, own, &owners[i]), 0);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < OWNERS; i++) {
            ask(&owners[i], round);
        }
    }
    for (unsigned i = 0; i < OWNERS; i++) {
        assert_int_equal(pthread_join(owners[i].thread, NULL), 0);
        assert_true(owners[i].lines > 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_of_several_threads_do_not_know_of_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
