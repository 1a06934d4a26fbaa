/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nodes and clients leave alone in the process they live in: each other's memory, signals,
 * standard streams, descriptors, threads, the locale and the environment.
 */
#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "company.h"

enum { LIMIT_MS = 30000, LINES = 7, SIGNALS = 65 };

extern char **environ;

/* The life of three nodes and a client, from the first to the last call. */
static void
live(struct company *c)
{
    company_init(c);
    for (int i = 0; i < COMPANY_NODES; i++) {
        if (company_create(c, i) != STINT_OK) {
            fail_msg("%s", c->error);
        }
        assert_true(company_pump(c, company_all_ready, NULL, LIMIT_MS));
    }
    assert_int_equal(company_open_client(c), STINT_OK);
    assert_int_equal(company_converse(c, LINES, LIMIT_MS), LINES);
}

static void
end(struct company *c)
{
    assert_true(company_stop(c, 2000, LIMIT_MS));
    for (int i = 0; i < COMPANY_NODES; i++) {
        assert_int_equal(c->ends[i], STINT_CLOSED);
    }
    company_fini(c);
}

/* Ordinary errors, each of which a program may get any day. */
static void
make_mistakes(void)
{
    struct stint_node_options o = STINT_NODE_OPTIONS_INIT;
    struct stint_node *node;
    char error[STINT_NODE_ERROR_SIZE];
    struct company c;
    assert_int_equal(stint_node_create(&o, &node, error, sizeof error), STINT_INVALID);
    o.name = "n0";
    o.data_dir = "/nonexistent/x/y";
    o.keys_dir = "/nonexistent";
    assert_int_equal(stint_node_create(&o, &node, error, sizeof error), STINT_NOT_FOUND);
    o.insecure = true;
    assert_int_equal(stint_node_create(&o, &node, error, sizeof error), STINT_IO);
    /* Nobody is there. */
    company_init(&c);
    const char *nowhere = "tcp://127.0.0.1:1", *no_module = "/nonexistent.so";
    char data[TMPDIR_SIZE + 8];
    snprintf(data, sizeof data, "%s/data", c.dir);
    o.data_dir = data;
    o.module_paths = &no_module;
    o.module_path_count = 1;
    o.found = true;
    assert_int_equal(stint_node_create(&o, &node, error, sizeof error), STINT_IO);
    o.module_path_count = 0;
    o.found = false;
    o.join = &nowhere;
    o.join_count = 1;
    o.join_timeout_ms = 200;
    snprintf(data, sizeof data, "%s/other", c.dir);
    assert_int_equal(stint_node_create(&o, &node, error, sizeof error), STINT_OK);
    assert_int_not_equal(stint_node_run(node), STINT_OK);
    stint_node_destroy(node);
    stint_node_destroy(NULL);
    struct stint_client_options client_options = STINT_CLIENT_OPTIONS_INIT;
    struct stint_client *client;
    client_options.no_environment = true;
    assert_int_equal(stint_client_open(&client_options, &client, error, sizeof error), STINT_INVALID);
    client_options.uri = nowhere;
    client_options.insecure = true;
    assert_int_equal(stint_client_open(&client_options, &client, error, sizeof error), STINT_OK);
    assert_int_not_equal(stint_client_connect(client, 100), STINT_OK);
    stint_client_close(client, 0);
    company_fini(&c);
}

static void
each_has_its_own_memory_and_gives_it_back(void **state)
{
    struct company c;
    (void)state;
    live(&c);
    for (int i = 0; i < COMPANY_NODES; i++) {
        assert_true(c.memory[i].blocks > 10);
    }
    assert_true(c.client_memory.blocks > 2);
    end(&c); /* the allocators look at whose each block is, and that all come back */
}

static void
what_is_logged_are_whole_lines_up_to_the_level(void **state)
{
    struct company c;
    (void)state;
    live(&c);
    assert_true(c.lines[STINT_LOG_INFO] >= COMPANY_NODES);
    assert_true(c.lines[STINT_LOG_DEBUG] > 0);
    assert_true(c.lines_are_whole);
    for (int i = 0; i < COMPANY_NODES; i++) {
        stint_node_set_log_level(c.nodes[i], STINT_LOG_ERROR);
    }
    memset(c.lines, 0, sizeof c.lines);
    end(&c);
    assert_int_equal(c.lines[STINT_LOG_WARN] + c.lines[STINT_LOG_INFO] + c.lines[STINT_LOG_DEBUG], 0);
}

/* ---- the process ---- */

static unsigned
entries(const char *path)
{
    unsigned count = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

/* How many descriptors a program that this one becomes would inherit. */
static unsigned
inherited(void)
{
    unsigned count = 0;
    struct dirent *entry;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        int flags = fcntl(atoi(entry->d_name), F_GETFD);
        count += entry->d_name[0] != '.' && flags >= 0 && (flags & FD_CLOEXEC) == 0 ? 1 : 0;
    }
    closedir(dir);
    return count;
}

struct process {
    struct sigaction actions[SIGNALS];
    sigset_t mask;
    unsigned descriptors, inherited, threads;
    char locale[64], folder[4096];
    unsigned variables;
    mode_t umask;
    bool pending;
};

static void
look(struct process *p)
{
    sigset_t pending;
    memset(p, 0, sizeof *p);
    for (int i = 1; i < SIGNALS; i++) {
        (void)sigaction(i, NULL, &p->actions[i]);
    }
    (void)sigprocmask(SIG_BLOCK, NULL, &p->mask);
    (void)sigpending(&pending);
    p->pending = sigisemptyset(&pending) == 0;
    p->descriptors = entries("/proc/self/fd");
    p->inherited = inherited();
    p->threads = entries("/proc/self/task");
    snprintf(p->locale, sizeof p->locale, "%s", setlocale(LC_ALL, NULL));
    assert_non_null(getcwd(p->folder, sizeof p->folder));
    for (char **at = environ; *at != NULL; at++) {
        p->variables++;
    }
    p->umask = umask(0);
    (void)umask(p->umask);
}

static void
compare(const struct process *before, const struct process *now)
{
    for (int i = 1; i < SIGNALS; i++) {
        assert_ptr_equal(before->actions[i].sa_sigaction, now->actions[i].sa_sigaction);
        assert_int_equal(before->actions[i].sa_flags, now->actions[i].sa_flags);
        assert_int_equal(sigismember(&before->mask, i), sigismember(&now->mask, i));
    }
    assert_int_equal(before->pending, now->pending);
    assert_string_equal(before->locale, now->locale);
    assert_string_equal(before->folder, now->folder);
    assert_int_equal(before->variables, now->variables);
    assert_int_equal(before->umask, now->umask);
    assert_int_equal(before->inherited, now->inherited);
}

static struct process untouched; /* before the first call of the library, with cmocka's own signal handlers */

static void
first_the_process_is_looked_at(void **state)
{
    (void)state;
    look(&untouched);
}

static void
the_process_is_as_it_was(void **state)
{
    struct process before, during, after;
    struct company c;
    (void)state;
    live(&c); /* what the C library and others open once */
    end(&c);
    look(&before);
    compare(&untouched, &before);
    live(&c);
    look(&during);
    end(&c);
    make_mistakes();
    look(&after);
    compare(&before, &during);
    compare(&before, &after);
    assert_int_equal(after.descriptors, before.descriptors);
    assert_int_equal(after.threads, before.threads);
    /* Two of ZeroMQ's for each node and for the client. */
    assert_int_equal(during.threads, before.threads + 2 * (COMPANY_NODES + 1));
}

static void
nothing_is_written_to_the_standard_streams(void **state)
{
    struct company c;
    struct stat info;
    int saved[2], file;
    char path[] = "/tmp/stint-streams-XXXXXX";
    (void)state;
    fflush(NULL);
    file = mkstemp(path);
    assert_true(file >= 0);
    unlink(path);
    for (int i = 0; i < 2; i++) {
        saved[i] = dup(i + 1);
        assert_int_equal(dup2(file, i + 1), i + 1);
    }
    live(&c);
    end(&c);
    make_mistakes();
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dup2(saved[i], i + 1), i + 1);
        close(saved[i]);
    }
    assert_int_equal(fstat(file, &info), 0);
    assert_int_equal(info.st_size, 0);
    close(file);
}

static void
nodes_are_made_and_destroyed_in_any_number_and_order(void **state)
{
    struct company c;
    (void)state;
    company_init(&c);
    for (int round = 0; round < 5; round++) {
        assert_int_equal(company_create(&c, 0), STINT_OK);
        stint_node_destroy(c.nodes[0]); /* it was never stepped */
        c.nodes[0] = NULL;
    }
    for (int i = 0; i < COMPANY_NODES; i++) {
        assert_int_equal(company_create(&c, i), STINT_OK);
        assert_true(company_pump(&c, company_all_ready, NULL, LIMIT_MS));
    }
    stint_node_destroy(c.nodes[0]); /* the others' founder */
    c.nodes[0] = NULL;
    stint_node_destroy(c.nodes[2]);
    c.nodes[2] = NULL;
    assert_int_equal(stint_node_step(c.nodes[1], 0), STINT_OK);
    company_fini(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_the_process_is_looked_at),
        cmocka_unit_test(each_has_its_own_memory_and_gives_it_back),
        cmocka_unit_test(what_is_logged_are_whole_lines_up_to_the_level),
        cmocka_unit_test(the_process_is_as_it_was),
        cmocka_unit_test(nothing_is_written_to_the_standard_streams),
        cmocka_unit_test(nodes_are_made_and_destroyed_in_any_number_and_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
