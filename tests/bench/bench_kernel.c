/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel costs by itself, in one thread pinned to a core: the metrics `pingpong spawn mem ring fanin1` of the peers'
 * programs, as lines `stint METRIC VALUE UNIT`. Times are medians of several runs. Use: bench_kernel [METRIC]...
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.pb.h"
#include "kernel/kernel.h"
#include "stint/tasklet.h"

enum { RUNS = 7, RING = 503, SENDERS = 100, IDLE = 1000000 };
enum { ROUND_TRIPS = 1000000, SPAWNS = 1000000, HOPS = 2000000, MESSAGES = 20000 };

STINT_FRAME(bench_Client)
{
    STINT_BEGIN;
    while (self->left > 0) {
        self->left--;
        STINT_SEND(self->ping, bench_Number, &self->value);
        STINT_RECV(self->pong, bench_Number, &self->value);
    }
    STINT_END;
}

STINT_FRAME(bench_Server)
{
    STINT_BEGIN;
    for (;;) {
        STINT_RECV(self->ping, bench_Number, &self->value);
        STINT_SEND(self->pong, bench_Number, &self->value);
    }
    STINT_END;
}

STINT_FRAME(bench_Nothing)
{
    STINT_BEGIN;
    STINT_END;
}

STINT_FRAME(bench_Spawner)
{
    STINT_BEGIN;
    while (self->left > 0) {
        for (self->batch = 0; self->batch < 1000; self->batch++) {
            if (stint_spawn(ctx, bench_Nothing, &(bench_Nothing){ 0 }, NULL) != STINT_OK) {
                STINT_RAISE(STINT_NO_MEMORY, "spawn failed");
            }
        }
        self->left -= 1000;
        STINT_YIELD;
    }
    STINT_END;
}

STINT_FRAME(bench_Idle)
{
    STINT_BEGIN;
    if (stint_channel_new(ctx, &self->inbox, bench_Number, 0) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "no channel");
    }
    STINT_RECV(self->inbox, bench_Number, &self->value);
    STINT_END;
}

STINT_FRAME(bench_Link)
{
    STINT_BEGIN;
    for (;;) {
        STINT_RECV(self->in, bench_Number, &self->value);
        if (self->value.n == 0) {
            break;
        }
        self->value.n--;
        STINT_SEND(self->out, bench_Number, &self->value);
    }
    STINT_END;
}

STINT_FRAME(bench_Source)
{
    STINT_BEGIN;
    while (self->left > 0) {
        self->left--;
        STINT_SEND(self->to, bench_Number, &self->value);
    }
    STINT_END;
}

STINT_FRAME(bench_Sink)
{
    STINT_BEGIN;
    while (self->left > 0) {
        self->left--;
        STINT_RECV(self->from, bench_Number, &self->value);
        self->sum += self->value.n;
    }
    STINT_END;
}

/* Sets a benchmark up; the time is taken of what it leaves runnable. */
STINT_FRAME(bench_Start)
{
    STINT_BEGIN;
    enum stint_status status = STINT_OK;
    if (self->what == 'p') {
        status |= stint_channel_shared(ctx, &self->a, bench_Number, 0);
        status |= stint_channel_shared(ctx, &self->b, bench_Number, 0);
        status |= stint_spawn(ctx, bench_Server, (&(bench_Server){ .ping = self->a, .pong = self->b }), NULL);
        status |= stint_spawn(ctx, bench_Client,
            (&(bench_Client){ .ping = self->a, .pong = self->b, .left = ROUND_TRIPS }), NULL);
    } else if (self->what == 's') {
        status |= stint_spawn(ctx, bench_Spawner, &(bench_Spawner){ .left = SPAWNS }, NULL);
    } else if (self->what == 'f') {
        status |= stint_channel_shared(ctx, &self->a, bench_Number, 1024);
        status |= stint_spawn(ctx, bench_Sink,
            (&(bench_Sink){ .from = self->a, .left = (uint64_t)SENDERS * MESSAGES }), NULL);
        for (int i = 0; i < SENDERS; i++) {
            status |= stint_spawn(ctx, bench_Source, (&(bench_Source){ .to = self->a, .left = MESSAGES }), NULL);
        }
    } else if (self->what == 'r') {
        status |= stint_channel_shared(ctx, &self->first, bench_Number, 0);
        self->a = self->first;
        for (int i = 0; i < RING; i++) {
            if (i == RING - 1) {
                self->b = self->first;
            } else {
                status |= stint_channel_shared(ctx, &self->b, bench_Number, 0);
            }
            status |= stint_spawn(ctx, bench_Link, (&(bench_Link){ .in = self->a, .out = self->b }), NULL);
            self->a = self->b;
        }
        status |= stint_spawn(ctx, bench_Source,
            (&(bench_Source){ .to = self->first, .value = { HOPS }, .left = 1 }), NULL);
    } else {
        for (int i = 0; i < IDLE; i++) {
            status |= stint_spawn(ctx, bench_Idle, (&(bench_Idle){ .value = { 0 } }), NULL);
        }
    }
    if (status != STINT_OK) {
        STINT_RAISE(STINT_ERROR, "set-up failed");
    }
    STINT_END;
}

STINT_MODULE(bench, "1.0.0", bench_Client, bench_Server, bench_Nothing, bench_Spawner, bench_Idle, bench_Link,
    bench_Source, bench_Sink, bench_Start)

static void *
resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

static double
now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double
rss_bytes(void)
{
    long pages = 0;
    long resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f != NULL) {
        if (fscanf(f, "%ld %ld", &pages, &resident) != 2) {
            resident = 0;
        }
        fclose(f);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void
fail(const char *what)
{
    fprintf(stderr, "bench_kernel: %s\n", what);
    exit(1);
}

/* Runs until nothing is runnable; the time it took. */
static double
run_all(struct kernel *k)
{
    double start = now_ns();
    while (kernel_runnable(k)) {
        kernel_run(k, 1000);
    }
    return now_ns() - start;
}

/* One run: the time in ns, or for 'm' the bytes. */
static double
measure(int what)
{
    struct mem m;
    char error[200];
    mem_init(&m, (struct stint_allocator){ resize, NULL }, 0);
    struct kernel_config config = { .mem = &m, .seed = 1, .here = { .node = { { 1 } }, .inc = 1 } };
    struct kernel *k = kernel_new(&config);
    const struct code *code;
    struct stint_id id = { { 0 } };
    uint8_t args[2] = { 0x08, (uint8_t)what };
    uint32_t effects;
    if (k == NULL || kernel_add_module(k, &stint_module, error, sizeof error) != STINT_OK ||
        kernel_find_code(k, "bench", "Start", &code) != STINT_OK ||
        kernel_spawn(k, code, (struct stint_span){ args, sizeof args }, 0, &id) != STINT_OK) {
        fail("no kernel");
    }
    double before = rss_bytes();
    kernel_run(k, 1);
    double result = run_all(k);
    if (what == 'm') {
        result = rss_bytes() - before;
    }
    (void)kernel_effects(k, &effects);
    if (effects != 0) {
        fail("a tasklet failed");
    }
    kernel_free(k);
    if (m.used != 0) {
        fail("memory was lost");
    }
    return result;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double
median(int what, int runs)
{
    double values[RUNS];
    for (int i = 0; i < runs; i++) {
        values[i] = measure(what);
    }
    qsort(values, (size_t)runs, sizeof values[0], compare);
    return values[runs / 2];
}

static void
report(const char *metric)
{
    if (strcmp(metric, "pingpong") == 0) {
        printf("stint pingpong %.6g ns/rt\n", median('p', RUNS) / ROUND_TRIPS);
    } else if (strcmp(metric, "spawn") == 0) {
        printf("stint spawn %.6g ns\n", median('s', RUNS) / SPAWNS);
    } else if (strcmp(metric, "mem") == 0) {
        printf("stint mem %.6g B\n", median('m', 1) / IDLE);
    } else if (strcmp(metric, "ring") == 0) {
        printf("stint ring %.6g ns/hop\n", median('r', RUNS) / HOPS);
    } else if (strcmp(metric, "fanin1") == 0) {
        printf("stint fanin1 %.6g msg/s\n", (double)SENDERS * MESSAGES / (median('f', RUNS) / 1e9));
    } else {
        fail("unknown metric");
    }
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    static const char *const metrics[] = { "mem", "pingpong", "spawn", "ring", "fanin1" };
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(1, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
    for (int i = 1; i < argc; i++) {
        report(argv[i]);
    }
    for (size_t i = 0; argc == 1 && i < sizeof metrics / sizeof metrics[0]; i++) {
        report(metrics[i]);
    }
    return 0;
}
