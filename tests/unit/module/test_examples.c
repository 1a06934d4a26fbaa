/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The example modules, as built, on three kernels, while a random tasklet is moved every few steps:
 * tally's totals are exact and in order, each token of ring exists once, roam's locals survive its
 * journeys, and wordcount agrees with coreutils.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "module/module.h"

static struct module_file opened;
#define WORLD_MODULE (opened.module)
#define WORLD_KERNELS 3
#include "kernel_set.h"
#include "tmpdir.h"

static struct prng prng;
static uint32_t moves;

static void
begin(const char *module)
{
    char path[PATH_MAX];
    char error[600];
    snprintf(path, sizeof path, "%s/modules/%s.so", TEST_BINARY_DIR, module);
    if (module_open(path, &opened, error, sizeof error) != STINT_OK) {
        fail_msg("%s", error);
    }
    (void)world_begin(NULL);
    prng_init(&prng, test_seed(module));
    moves = 0;
    memset(world.client.bytes, 0xc1, sizeof(world.client.bytes));
}

static void
end(void)
{
    (void)world_end(NULL);
    module_close(&opened);
}

/* Steps, and now and then a random tasklet of a random kernel goes elsewhere. */
static bool
step_and_move(void)
{
    bool busy = world_step((uint32_t)prng_below(&prng, 8) + 1);
    int at = (int)prng_below(&prng, KERNELS);
    struct kernel_tasklet_view view;
    struct kernel_counters counters;
    uint32_t cursor = 0;
    kernel_count(world.k[at], &counters);
    uint64_t chosen = counters.tasklets == 0 ? 0 : prng_below(&prng, counters.tasklets);
    while (kernel_each_tasklet(world.k[at], &cursor, &view)) {
        if (chosen-- == 0 && view.state != KERNEL_MOVING) {
            world_move_to(view.id, (at + 1 + (int)prng_below(&prng, KERNELS - 1)) % KERNELS);
            moves++;
            return true;
        }
    }
    return busy;
}

/* ---- values by the names of their fields ---- */

static const struct stint_type *
type_named(const char *name)
{
    const struct stint_type *type = kernel_find_type(world.k[0], name);
    assert_non_null(type);
    return type;
}

static const struct stint_field *
field_named(const struct stint_type *type, const char *name)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (strcmp(type->fields[i].name, name) == 0) {
            return &type->fields[i];
        }
    }
    fail_msg("no field %s", name);
    return NULL;
}

static void *
part(const struct stint_type *type, void *value, const char *name)
{
    return (uint8_t *)value + field_named(type, name)->offset;
}

static void
set_u32(const struct stint_type *type, void *value, const char *name, uint32_t number)
{
    memcpy(part(type, value, name), &number, sizeof number);
}

static uint64_t
get_u64(const struct stint_type *type, void *value, const char *name)
{
    uint64_t number;
    memcpy(&number, part(type, value, name), sizeof number);
    return number;
}

static uint64_t values[TYPE_SIZE_MAX / 8];

static void *
zeroed(void)
{
    memset(values, 0, sizeof(values));
    return values;
}

static struct stint_id
channel_named(const char *name)
{
    for (int tries = 0; tries < 1000; tries++) {
        for (int i = 0; i < KERNELS; i++) {
            struct kernel_channel_view view;
            uint32_t cursor = 0;
            while (kernel_each_channel(world.k[i], &cursor, &view)) {
                if (view.name != NULL && strcmp(view.name, name) == 0) {
                    return view.id;
                }
            }
        }
        (void)world_step(10);
    }
    fail_msg("no channel %s", name);
    return (struct stint_id){ { 0 } };
}

/* ---- a client that sends and receives, one operation at a time on each channel ---- */

struct line {
    struct stint_id cid;
    const struct stint_type *type;
    uint64_t number;
};

static void
client_do(struct line *line, enum kernel_op op, struct stint_span value)
{
    struct kernel_offer offer = { .cid = line->cid,
        .tid = world.client,
        .number = ++line->number,
        .type_hash = type_hash(line->type),
        .place = { .node = { { 1 } }, .inc = 1 },
        .op = op,
        .value = value };
    world.client_done = 0;
    for (int i = 0; i < 100000 && world.client_done == 0; i++) {
        if (i % 20 == 0) { /* it may find the channel on its way, so it is offered again */
            int host = world_host(line->cid);
            assert_true(host >= 0);
            assert_int_equal(kernel_offer(world.k[host], &offer), STINT_OK);
        }
        (void)step_and_move();
    }
    assert_int_equal(world.client_done, line->number);
    assert_int_equal(world.client_status, STINT_OK);
}

static void
client_send(struct line *line, const void *value)
{
    struct buf bytes;
    buf_init(&bytes, &world.mem, TYPE_SIZE_MAX);
    assert_int_equal(type_encode(line->type, value, &bytes), STINT_OK);
    client_do(line, KERNEL_SEND, buf_span(&bytes));
    buf_fini(&bytes);
}

static void *
client_receive(struct line *line)
{
    client_do(line, KERNEL_RECEIVE, (struct stint_span){ NULL, 0 });
    assert_int_equal(
        type_decode(line->type, span_of(world.client_bytes, world.client_size), values, NULL),
        STINT_OK);
    return values;
}

static struct line
line_to(const char *name, const char *type)
{
    return (struct line){ .cid = channel_named(name), .type = type_named(type) };
}

static struct line
line_new(const char *type, uint32_t capacity)
{
    return (struct line){ .cid = world_channel_of(0, type_named(type), capacity),
        .type = type_named(type) };
}

/* ---- the modules ---- */

static void
test_tally_is_exact_and_in_order(void **state)
{
    (void)state;
    begin("tally");
    const struct stint_type *type = type_named("tally.Tally");
    void *args = zeroed();
    strcpy(part(type, args, "name"), "a");
    struct stint_id tid = world_spawn_of(0, "tally", "Tally", type, args);
    struct line a = line_to("a", "tally.Add");
    struct line out = line_new("tally.Total", 4);
    uint64_t total = 0;
    for (uint64_t i = 1; i <= 300; i++) {
        void *add = zeroed();
        memcpy(part(a.type, add, "amount"), &i, sizeof i);
        if (i % 3 == 0) {
            stint_Channel reply = world_handle(out.cid);
            memcpy(part(a.type, add, "reply"), &reply, sizeof reply);
        }
        client_send(&a, add);
        total += i;
        if (i % 3 == 0) {
            void *answer = client_receive(&out);
            assert_int_equal(get_u64(out.type, answer, "total"), total);
            assert_int_equal(get_u64(out.type, answer, "seen"), i);
        }
    }
    assert_true(moves > 50);
    assert_int_equal(kernel_channel_close(world.k[world_host(a.cid)], a.cid, true), STINT_OK);
    world_run();
    assert_int_equal(world_result(tid, NULL, NULL)->status, STINT_OK);
    end();
}

static void
test_ring_keeps_each_token(void **state)
{
    (void)state;
    begin("ring");
    const struct stint_type *type = type_named("ring.Census");
    void *args = zeroed();
    set_u32(type, args, "nodes", 20);
    set_u32(type, args, "tokens", 7);
    uint64_t laps = 12;
    memcpy(part(type, args, "laps"), &laps, sizeof laps);
    struct stint_id tid = world_spawn_of(0, "ring", "Census", type, args);
    for (int i = 0; i < 200000 && world_where(tid) >= 0; i++) {
        (void)step_and_move();
    }
    const struct ended *ended = world_result(tid, type, values);
    assert_non_null(ended);
    if (ended->status != STINT_OK) {
        fail_msg("%s", ended->text);
    }
    assert_true(moves > 100);
    world_run();
    assert_int_equal(world_where(tid), -1);
    for (int i = 0; i < KERNELS; i++) {
        struct kernel_counters counters;
        kernel_count(world.k[i], &counters);
        assert_int_equal(counters.tasklets, 0); /* the stations were stopped */
    }
    end();
}

static void
test_ring_refuses_what_cannot_go_round(void **state)
{
    (void)state;
    begin("ring");
    const struct stint_type *type = type_named("ring.Census");
    void *args = zeroed();
    set_u32(type, args, "nodes", 5);
    set_u32(type, args, "tokens", 5);
    struct stint_id tid = world_spawn_of(0, "ring", "Census", type, args);
    world_run();
    assert_int_equal(world_result(tid, NULL, NULL)->status, STINT_INVALID);
    assert_non_null(strstr(world_result(tid, NULL, NULL)->text, "2 to 500 nodes"));
    end();
}

static void
test_roam_comes_back_with_its_locals(void **state)
{
    (void)state;
    begin("roam");
    const struct stint_type *type = type_named("roam.Roam");
    struct stint_id tid = world_spawn_of(1, "roam", "Roam", type, zeroed());
    world_run();
    const struct ended *ended = world_result(tid, type, values);
    assert_non_null(ended);
    assert_int_equal(ended->status, STINT_OK);
    assert_int_equal(get_u64(type, values, "checksum"), get_u64(type, values, "expected"));
    assert_int_not_equal(get_u64(type, values, "checksum"), 0);
    assert_int_equal(world.self_moves, 19 * KERNELS);
    end();
}

enum { WORDS_MAX = 20000 };

struct count {
    char word[64];
    uint64_t count;
};
static struct count counts[WORDS_MAX];
static uint32_t count_of_counts;

static int
compare_counts(const void *a, const void *b)
{
    return strcmp(((const struct count *)a)->word, ((const struct count *)b)->word);
}

/* The text goes in, in chunks of random size that end where no word goes on. */
static void
feed(struct line *line, const char *text)
{
    size_t at = 0;
    size_t length = strlen(text);
    const struct stint_field *field = field_named(line->type, "text");
    while (at < length) {
        size_t size = (size_t)prng_below(&prng, 4096) + 1;
        size = size < length - at ? size : length - at;
        while (at + size < length && size > 0 && text[at + size - 1] != '\n'
               && text[at + size - 1] != ' ') {
            size--;
        }
        if (size == 0) {
            continue;
        }
        uint8_t *chunk = zeroed();
        pb_size_t count = (pb_size_t)size;
        memcpy(chunk + field->offset, &count, sizeof count);
        memcpy(chunk + field->offset + offsetof(pb_bytes_array_t, bytes), text + at, size);
        client_send(line, chunk);
        at += size;
    }
}

static void
ask(struct line *line)
{
    struct line out = line_new("wordcount.Batch", 16);
    const struct stint_field *entries = field_named(out.type, "entries");
    stint_Channel reply = world_handle(out.cid);
    uint64_t due = UINT64_MAX;
    void *chunk = zeroed();
    memcpy(part(line->type, chunk, "reply"), &reply, sizeof reply);
    client_send(line, chunk);
    count_of_counts = 0;
    while (count_of_counts < due) {
        uint8_t *batch = client_receive(&out);
        pb_size_t count;
        memcpy(&count, batch + entries->counter, sizeof count);
        for (uint32_t i = 0; i < count; i++) {
            uint8_t *entry = batch + entries->offset + i * entries->size;
            assert_true(count_of_counts < WORDS_MAX);
            struct count *c = &counts[count_of_counts++];
            snprintf(
                c->word, sizeof c->word, "%s", (const char *)part(entries->type, entry, "word"));
            c->count = get_u64(entries->type, entry, "count");
        }
        if (*(const bool *)part(out.type, batch, "end")) {
            due = get_u64(out.type, batch, "words");
        }
    }
    qsort(counts, count_of_counts, sizeof counts[0], compare_counts);
}

/* What coreutils say of the text, repeated. */
static void
compare_with_coreutils(const char *path, uint64_t passes)
{
    char command[PATH_MAX + 200];
    char word[80];
    unsigned long long count;
    uint32_t i = 0;
    snprintf(command, sizeof command,
        "LC_ALL=C tr -cs A-Za-z '\\n' < %s | tr A-Z a-z | cut -c1-63 | LC_ALL=C sort | "
        "uniq -c | awk 'NF == 2'",
        path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fscanf(pipe, "%llu %79s", &count, word) == 2) {
        assert_true(i < count_of_counts);
        if (strcmp(counts[i].word, word) != 0 || counts[i].count != count * passes) {
            fail_msg("%s %llu, but coreutils say %s %llu times %llu", counts[i].word,
                (unsigned long long)counts[i].count, word, count, (unsigned long long)passes);
        }
        i++;
    }
    assert_int_equal(pclose(pipe), 0);
    assert_int_equal(i, count_of_counts);
}

/* Many different words, so that shards split; some long, some odd. */
static char *
make_text(void)
{
    char *text = malloc(400000);
    size_t size = 0;
    assert_non_null(text);
    for (int i = 0; i < 9000; i++) {
        uint64_t n = prng_below(&prng, 3) == 0 ? prng_below(&prng, 40) : prng_below(&prng, 6000);
        size += (size_t)sprintf(text + size, "%s", i % 17 == 0 ? "It's 3 o'clock\t" : "");
        do {
            text[size++] = (char)((prng_below(&prng, 5) == 0 ? 'A' : 'a') + (char)(n % 23));
            n /= 23;
        } while (n > 0);
        if (i % 1000 == 0) {
            size_t length = (size_t)prng_below(&prng, 200) + 50;
            memset(text + size, 'x', length);
            size += length;
        }
        text[size++] = " \n,\n"[prng_below(&prng, 4)];
        if (text[size - 1] == ',') {
            text[size++] = ' ';
        }
    }
    text[size] = '\0';
    return text;
}

static void
test_wordcount_agrees_with_coreutils(void **state)
{
    (void)state;
    char folder[TMPDIR_SIZE];
    char path[TMPDIR_SIZE + 16];
    begin("wordcount");
    const struct stint_type *type = type_named("wordcount.Count");
    void *args = zeroed();
    strcpy(part(type, args, "name"), "words");
    set_u32(type, args, "readers", 5);
    struct stint_id tid = world_spawn_of(0, "wordcount", "Count", type, args);
    struct line line = line_to("words", "wordcount.Chunk");
    char *text = make_text();
    tmpdir_make(folder);
    snprintf(path, sizeof path, "%s/text", folder);
    tmpdir_write(path, text, 0600);
    for (uint64_t pass = 1; pass <= 2; pass++) {
        feed(&line, text);
        ask(&line);
        compare_with_coreutils(path, pass);
    }
    struct kernel_counters counters;
    uint32_t tasklets = 0;
    for (int i = 0; i < KERNELS; i++) {
        kernel_count(world.k[i], &counters);
        tasklets += counters.tasklets;
    }
    assert_true(tasklets > 50); /* the tree has grown */
    assert_true(moves > 100);
    /* Closing the channel takes the whole tree down. */
    assert_int_equal(kernel_channel_close(world.k[world_host(line.cid)], line.cid, true), STINT_OK);
    world_run();
    assert_int_equal(world_result(tid, NULL, NULL)->status, STINT_OK);
    for (int i = 0; i < KERNELS; i++) {
        kernel_count(world.k[i], &counters);
        assert_int_equal(counters.tasklets, 0);
    }
    free(text);
    tmpdir_remove(folder);
    end();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tally_is_exact_and_in_order),
        cmocka_unit_test(test_ring_keeps_each_token),
        cmocka_unit_test(test_ring_refuses_what_cannot_go_round),
        cmocka_unit_test(test_roam_comes_back_with_its_locals),
        cmocka_unit_test(test_wordcount_agrees_with_coreutils),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
