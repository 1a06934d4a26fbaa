/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel_pair.h"

#include <string.h>

#include "kernel/code.h"
#include "kernel/pickle_wire.h"

enum { CHECK_SIZE = 9 };

struct kernel *
specimen_kernel(struct mem *m, uint64_t seed)
{
    char error[256] = "";
    struct kernel_config config = { .mem = m, .seed = seed, .here = { { { 7 } }, 1 } };
    struct kernel *k = kernel_new(&config);
    FUZZ_CHECK(k != NULL);
    if (kernel_add_module(k, &specimen_module, error, sizeof error) != STINT_OK) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    kernel_set_time(k, SPECIMEN_NOW_NS, 1000);
    return k;
}

static stint_Channel
elsewhere(uint8_t which)
{
    stint_Channel ch = { .slot = 0 };
    memset(ch.id, which, sizeof ch.id);
    return ch;
}

static struct stint_id
spawn(struct kernel *k, const char *name, const struct stint_type *type, const void *locals)
{
    const struct code *code;
    struct stint_id id = { { 0 } };
    struct buf args;
    struct fuzz_memory memory;
    buf_init(&args, fuzz_memory_begin(&memory, 0), TYPE_SIZE_MAX);
    FUZZ_CHECK(type_encode(type, locals, &args) == STINT_OK);
    FUZZ_CHECK(kernel_find_code(k, "specimen", name, &code) == STINT_OK);
    FUZZ_CHECK(kernel_spawn(k, code, buf_span(&args), 0, &id) == STINT_OK);
    buf_fini(&args);
    return id;
}

const char *
specimen_pickle(unsigned which, struct buf *out)
{
    static const char *const names[SPECIMEN_PICKLES] = {
        "yield", "pause", "pause-for", "sleep", "recv", "recv-within", "recv-own", "send", "send-temporary", "name", "except",
        "deep", "boss" };
    struct fuzz_memory memory;
    struct kernel *k = specimen_kernel(fuzz_memory_begin(&memory, 0), which + 1);
    struct stint_id tid;
    uint32_t count;
    if (which < SPECIMEN_MODES) {
        specimen_Worker w = { .mode = which, .in = elsewhere(5), .item = { .n = 3, .text = "some text" }, .note = "note" };
        tid = spawn(k, "Worker", &specimen_Worker_stint, &w);
    } else if (which == SPECIMEN_MODES) {
        specimen_Deep d = { .depth = 3, .in = elsewhere(5), .out = elsewhere(6) };
        tid = spawn(k, "Deep", &specimen_Deep_stint, &d);
    } else {
        specimen_Boss b = { .capacity = 1, .count = 9, .all = { .s = "text", .rep_count = 2, .which_choice = 25 } };
        tid = spawn(k, "Boss", &specimen_Boss_stint, &b);
    }
    kernel_run(k, which == SPECIMEN_EXCEPT || which == SPECIMEN_YIELD ? 1 : 20);
    (void)kernel_effects(k, &count);
    FUZZ_CHECK(kernel_freeze(k, tid) == STINT_OK);
    FUZZ_CHECK(kernel_save(k, tid, out) == STINT_OK);
    kernel_free(k);
    fuzz_memory_end(&memory);
    return names[which];
}

void
specimen_mend(uint8_t *pickle, size_t size)
{
    if (size >= CHECK_SIZE) {
        pickle[size - CHECK_SIZE] = 15 << 3 | 1;
        le64_put(pickle + size - 8, wire_check(span_of(pickle, size - CHECK_SIZE)));
    }
}
