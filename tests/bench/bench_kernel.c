/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel costs by itself, in one thread pinned to a core: the metrics `pingpong spawn
 * mem ring fanin1` of the peers' programs, as lines `stint METRIC VALUE UNIT`. Times are medians
 * of several runs. Use: bench_kernel [--quick] [METRIC]...;
 * --quick only shows that it works.
 */
#include <pb_encode.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench_kernel.pb.h"
#include "kernel/kernel.h"
#include "stint/tasklet.h"

enum { RUNS = 7, RING = 503, SENDERS = 100 };

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
        status |= stint_spawn(ctx, bench_Server,
            (&(bench_Server){ .ping = self->a, .pong = self->b }), NULL);
        status |= stint_spawn(ctx, bench_Client,
            (&(bench_Client){ .ping = self->a, .pong = self->b, .left = self->amount }), NULL);
    } else if (self->what == 's') {
        status |= stint_spawn(ctx, bench_Spawner, &(bench_Spawner){ .left = self->amount }, NULL);
    } else if (self->what == 'f') {
        status |= stint_channel_shared(ctx, &self->a, bench_Number, 1024);
        status |= stint_spawn(ctx, bench_Sink,
            (&(bench_Sink){ .from = self->a, .left = (uint64_t)SENDERS * self->amount }), NULL);
        for (int i = 0; i < SENDERS; i++) {
            status |= stint_spawn(ctx, bench_Source,
                (&(bench_Source){ .to = self->a, .left = self->amount }), NULL);
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
            status |= stint_spawn(ctx, bench_Link,
                (&(bench_Link){ .in = self->a, .out = self->b }), NULL);
            self->a = self->b;
        }
        status |= stint_spawn(ctx, bench_Source,
            (&(bench_Source){ .to = self->first, .value = { self->amount }, .left = 1 }), NULL);
    } else {
        for (uint32_t i = 0; i < self->amount; i++) {
            status |= stint_spawn(ctx, bench_Idle, (&(bench_Idle){ .value = { 0 } }), NULL);
        }
    }
    if (status != STINT_OK) {
        STINT_RAISE(STINT_ERROR, "set-up failed");
    }
    STINT_END;
}

STINT_MODULE(bench, "1.0.0", bench_Client, bench_Server, bench_Nothing, bench_Spawner, bench_Idle,
    bench_Link, bench_Source, bench_Sink, bench_Start)

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
measure(int what, uint32_t amount)
{
    struct mem m;
    char error[200] = "no kernel";
    mem_init(&m, (struct stint_allocator){ resize, NULL }, 0);
    struct kernel_config config = { .mem = &m,
        .seed = 1,
        .here = { .node = { { 1 } }, .inc = 1 } };
    struct kernel *k = kernel_new(&config);
    const struct code *code;
    struct stint_id id = { { 0 } };
    bench_Start start = { .what = (uint32_t)what, .amount = amount };
    uint8_t args[bench_Start_size];
    pb_ostream_t stream = pb_ostream_from_buffer(args, sizeof args);
    uint32_t effects;
    if (!pb_encode(&stream, &bench_Start_msg, &start) || k == NULL ||
        kernel_add_module(k, &stint_module, error, sizeof error) != STINT_OK ||
        kernel_find_code(k, "bench", "Start", &code) != STINT_OK ||
        kernel_spawn(k, code, (struct stint_span){ args, stream.bytes_written }, 0, &id) !=
            STINT_OK) {
        fail(error);
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
median(int what, uint32_t amount, int runs)
{
    double values[RUNS];
    for (int i = 0; i < runs; i++) {
        values[i] = measure(what, amount);
    }
    qsort(values, (size_t)runs, sizeof values[0], compare);
    return values[runs / 2];
}

static const struct metric {
    const char *name;
    const char *unit;
    int what;
    uint32_t amount;
    int runs;
} metrics[] = {
    { "mem", "B", 'm', 1000000,
        1 }, /* first: nothing has been freed yet that could be used again */
    { "pingpong", "ns/rt", 'p', 1000000, RUNS },
    { "spawn", "ns", 's', 1000000, RUNS },
    { "ring", "ns/hop", 'r', 2000000, RUNS },
    { "fanin1", "msg/s", 'f', 20000, RUNS },
};

static void
report(const struct metric *metric, bool quick)
{
    uint32_t amount = quick ? 1000 : metric->amount;
    double value = median(metric->what, amount, quick ? 1 : metric->runs);
    if (metric->what == 'f') {
        value = (double)SENDERS * amount / (value / 1e9);
    } else {
        value /= amount;
    }
    printf("stint %s %.6g %s\n", metric->name, value, metric->unit);
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(1, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    int first = quick ? 2 : 1;
    for (size_t m = 0; m < sizeof metrics / sizeof metrics[0]; m++) {
        bool chosen = argc == first;
        for (int i = first; i < argc; i++) {
            chosen = chosen || strcmp(argv[i], metrics[m].name) == 0;
        }
        if (chosen) {
            report(&metrics[m], quick);
        }
    }
    return 0;
}
