/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is short, at any moment of a node's and a client's life: what needs it fails, with
 * STINT_NO_MEMORY where somebody is told, and nothing breaks or leaks. What ZeroMQ and SQLite
 * allocate themselves is not asked of the allocator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "company.h"

enum { LIMIT_MS = 20000, SHORT_MS = 50, DENSE = 3, LINES = 4, CREATE_MAX = 1000 };

static void
each_allocation_of_create_may_fail(void **state)
{
    (void)state;
    for (int number = 0; number < 2; number++) {
        struct company c;
        company_init(&c);
        c.level = STINT_LOG_ERROR;
        if (number == 1) {
            assert_int_equal(company_create(&c, 0), STINT_OK);
        }
        for (uint64_t k = 1;; k++) {
            c.memory[number].calls = 0;
            c.memory[number].fail_at = k;
            enum stint_status status = company_create(&c, number);
            if (c.memory[number].calls < k) {
                assert_int_equal(status, STINT_OK);
                assert_true(k > 10);
                print_message("node %d: %u allocations\n", number, (unsigned)k - 1);
                break;
            }
            if (status == STINT_OK) {
                /* It could do without; then it is whole. */
                stint_node_destroy(c.nodes[number]);
                c.nodes[number] = NULL;
                continue;
            }
            if (status != STINT_NO_MEMORY || strstr(c.error, "out of memory") == NULL) {
                fail_msg("allocation %u of node %d: %s, '%s'", (unsigned)k, number,
                         stint_status_name(status), c.error);
            }
            assert_null(c.nodes[number]);
            assert_null(strchr(c.error, '\n'));
            assert_int_equal(c.memory[number].blocks, 0);
            assert_true(k < CREATE_MAX);
        }
        company_fini(&c);
    }
}

/* With each number of descriptors fewer than it needs, a node is not made, says so, and closes what it had opened. */
static void
each_descriptor_of_create_may_be_missing(void **state)
{
    struct company c;
    struct rlimit usual, few;
    unsigned refused = 0;
    (void)state;
    company_init(&c);
    c.level = STINT_LOG_ERROR;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    int lowest = dup(0); /* the next one that is free */
    assert_true(lowest > 0);
    close(lowest);
    for (;;) {
        few = usual;
        few.rlim_cur = (rlim_t)lowest + refused;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        enum stint_status status = company_create(&c, 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
        if (status == STINT_OK) {
            break;
        }
        if (strstr(c.error, "Too many open files") == NULL || strchr(c.error, '\n') != NULL) {
            fail_msg("%u descriptors: %s, '%s'", refused, stint_status_name(status), c.error);
        }
        assert_int_equal(c.memory[0].blocks, 0);
        int now = dup(0);
        assert_int_equal(now, lowest);
        close(now);
        assert_true(++refused < 200);
    }
    assert_true(refused > 5);
    print_message("a node needs %u descriptors\n", refused);
    company_fini(&c);
}

static bool
never(struct company *c, void *arg)
{
    (void)c;
    (void)arg;
    return false;
}

/* Members and clients that cannot be connected to for want of descriptors are, when there are some again. */
static void
a_running_node_may_be_out_of_descriptors(void **state)
{
    (void)state;
    for (rlim_t room = 0; room <= 24; room += 6) {
        struct company c;
        struct rlimit usual, few;
        company_init(&c);
        c.level = STINT_LOG_WARN;
        assert_int_equal(company_create(&c, 0), STINT_OK);
        assert_true(company_pump(&c, company_all_ready, NULL, LIMIT_MS));
        assert_int_equal(company_create(&c, 1), STINT_OK);
        assert_int_equal(company_open_client(&c), STINT_OK);
        int lowest = dup(0);
        assert_true(lowest > 0);
        close(lowest);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
        few = usual;
        few.rlim_cur = (rlim_t)lowest + room;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        struct stint_call *call =
            stint_client_resolve_begin(c.client, "nobody", LIMIT_MS, NULL, NULL);
        (void)company_pump(&c, never, NULL, 200);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
        stint_call_release(call);
        if (!company_pump(&c, company_all_ready, NULL, LIMIT_MS)) {
            fail_msg("room for %u descriptors: %s, %s; log:\n%s", (unsigned)room,
                     stint_node_error(c.nodes[0]), stint_node_error(c.nodes[1]), c.log);
        }
        assert_int_equal(company_converse(&c, LINES, LIMIT_MS), LINES);
        assert_true(company_stop(&c, 0, LIMIT_MS));
        company_fini(&c);
    }
}

/* A life of two nodes and a client, in which from some moment on the memory of one of them fails. */
struct plan {
    int who;    /* node 0, node 1; 2: the client */
    uint64_t k; /* the allocation after its creation */
    bool on;    /* all behind it fail, too */
};

static void
arm(struct company *c, const struct plan *plan)
{
    struct tracked_memory *m = plan->who == 2 ? &c->client_memory : &c->memory[plan->who];
    if (plan->on) {
        m->fail_from = m->calls + plan->k;
    } else {
        m->fail_at = m->calls + plan->k;
    }
    c->scarce = m;
}

/* A node that ended by itself says why. */
static void
check_ends(const struct company *c)
{
    for (int i = 0; i < 2; i++) {
        if (c->ends[i] != STINT_OK && c->ends[i] != STINT_CLOSED) {
            if (stint_node_error(c->nodes[i])[0] == '\0') {
                fail_msg("node %d ended with %s and does not say why; log:\n%s", i,
                         stint_status_name(c->ends[i]), c->log);
            }
        }
    }
}

/* Whether memory failed at all. Who is short of it may not get far, but all of it comes back. */
static bool
live(const struct plan *plan)
{
    struct company c;
    unsigned right = 0;
    company_init(&c);
    c.level = STINT_LOG_ERROR;
    c.patience_ms = SHORT_MS;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(company_create(&c, i), STINT_OK);
        if (plan->who == i) {
            arm(&c, plan);
        }
        (void)company_pump(&c, company_all_ready, NULL, LIMIT_MS);
    }
    assert_int_equal(company_open_client(&c), STINT_OK);
    if (plan->who == 2) {
        arm(&c, plan);
    }
    right = company_converse(&c, LINES, LIMIT_MS);
    (void)company_stop(&c, 0, LIMIT_MS);
    check_ends(&c);
    bool failed = c.scarce->failures != 0;
    if (!failed) {
        assert_int_equal(right, LINES);
    }
    company_fini(&c);
    return failed;
}

/* Of the first allocations each, then every so many; with the argument `all` each. */
static bool all;

static void
run(int who, bool on, uint64_t stride)
{
    uint64_t k = 1;
    unsigned lives = 1;
    while (live(&(struct plan){ who, k, on })) {
        k += all || k < DENSE ? 1 : stride;
        lives++;
    }
    print_message("%s %d: %u lives, up to allocation %u\n", who == 2 ? "client" : "node", who, lives,
                  (unsigned)k);
}

static void
a_single_allocation_of_a_running_node_may_fail(void **state)
{
    (void)state;
    run(0, false, 97);
    run(1, false, 61);
}

static void
a_running_node_may_be_out_of_memory_for_good(void **state)
{
    (void)state;
    run(0, true, 97);
    run(1, true, 61);
}

static void
a_client_may_be_out_of_memory(void **state)
{
    (void)state;
    run(2, false, 41);
    run(2, true, 41);
}

int
main(int argc, char **argv)
{
    all = argc > 1 && strcmp(argv[1], "all") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_create_may_fail),
        cmocka_unit_test(each_descriptor_of_create_may_be_missing),
        cmocka_unit_test(a_running_node_may_be_out_of_descriptors),
        cmocka_unit_test(a_single_allocation_of_a_running_node_may_fail),
        cmocka_unit_test(a_running_node_may_be_out_of_memory_for_good),
        cmocka_unit_test(a_client_may_be_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
