/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pickle that arrives at a kernel. The first two bytes choose options and what happens afterwards; the rest is the pickle.
 * What is refused leaves nothing behind and a sentence. What is accepted has one form (what is saved of it loads and saves as the same bytes), is
 * explained without a reason against it, can be read without a kernel, and then runs: its operations are answered, it is
 * killed, moved on and dropped. Memory is in proportion to the bytes.
 */
#include "fuzz.h"

#include <string.h>

#include "base/ids.h"
#include "kernel/type.h"
#include "kernel_pair.h"

enum { SIZE_MAX_ = 16384, HEAD = 2, TURNS = 30 };

/* Frames and channels with their rooms and pools, however small their records are: most of it is the module's own tables. */
#define MEMORY_MAX ((size_t)24 << 20)

static void
told(void *arg, enum stint_status reason, const char *text, uint32_t frame)
{
    unsigned *count = arg;
    (void)frame;
    FUZZ_CHECK(reason != STINT_OK && text != NULL && text[0] != '\0');
    (*count)++;
}

static unsigned
explain(const struct kernel *k, struct stint_span pickle)
{
    unsigned count = 0;
    uint32_t said = kernel_explain_pickle(k, pickle, told, &count);
    FUZZ_CHECK(said == count);
    return count;
}

static bool
read_frames(struct stint_span pickle)
{
    struct pickle_reader r;
    struct pickle_frame_view view;
    char error[256] = "";
    uint32_t frames = 0;
    if (pickle_read_begin(&r, pickle, error, sizeof error) != STINT_OK) {
        fuzz_check_sentence(error, sizeof error);
        return false;
    }
    enum stint_status status;
    while ((status = pickle_read_frame(&r, &view)) == STINT_OK) {
        FUZZ_CHECK(view.locals.size == 0 || (view.locals.data >= pickle.data &&
                                             view.locals.data + view.locals.size <= pickle.data + pickle.size));
        frames++;
        FUZZ_CHECK(frames <= KERNEL_FRAMES_MAX);
    }
    FUZZ_CHECK(status == STINT_END_OF_SEQUENCE || status == STINT_BAD_PICKLE);
    return status == STINT_END_OF_SEQUENCE && frames == r.head.frames;
}

static void
check_empty(const struct kernel *k)
{
    struct kernel_counters c;
    kernel_count(k, &c);
    FUZZ_CHECK(c.tasklets + c.channels + c.relations + c.outlets == 0);
    FUZZ_CHECK(kernel_effect_count(k) == 0);
}

/* The world answers what the tasklet asks for, in ways that the input chooses. */
static void
answer(struct kernel *k, uint8_t how)
{
    uint32_t count;
    const struct kernel_effect *effects = kernel_effects(k, &count);
    for (uint32_t i = 0; i < count; i++) {
        const struct kernel_effect *e = &effects[i];
        if (e->kind == KERNEL_OFFER || e->kind == KERNEL_CANCEL) {
            struct kernel_done done = { .tid = e->tid, .cid = e->cid, .number = e->number, .type_hash = e->type_hash,
                                        .flags = how & KERNEL_BUFFERED,
                                        .status = how & 2 ? STINT_OK : STINT_CANCELLED, .value = e->value };
            if (how & 4) {
                kernel_channel_lost(k, e->cid);
            } else if (how & 8) {
                kernel_refused(k, e->tid, e->cid, e->number - (how >> 7));
            }
            kernel_done(k, &done);
            kernel_done(k, &done); /* comes twice: nothing happens */
        } else if (e->kind == KERNEL_NAME_CHANNEL) {
            kernel_named(k, e->tid, e->cid, how & 16 ? STINT_OK : STINT_EXISTS);
        } else if (e->kind == KERNEL_MIGRATE_SELF) {
            kernel_move_refused(k, e->tid, STINT_REFUSED, "nowhere");
        }
    }
}

/* Others use the channels that it has brought. */
static void
use_channels(struct kernel *k, struct stint_id tid)
{
    struct stint_id cids[4];
    uint32_t owned = kernel_owned(k, tid, cids, 4);
    for (uint32_t i = 0; i < owned && i < 4; i++) {
        struct kernel_channel_view view;
        FUZZ_CHECK(kernel_look_channel(k, cids[i], &view) == STINT_OK);
        for (uint64_t number = 1; number <= 3; number++) {
            struct kernel_offer offer = { .cid = cids[i], .tid = { { 99 } }, .number = number,
                                          .op = number % 2 == 0 ? KERNEL_RECEIVE : KERNEL_SEND, .flags = KERNEL_FIRST,
                                          .type_hash = type_hash(view.type), .place = { { { 3 } }, 3 } };
            enum stint_status status = kernel_offer(k, &offer);
            FUZZ_CHECK(status == STINT_OK || status == STINT_BUSY || status == STINT_LIMIT);
        }
    }
}

/* Once more out and in, as the next node would get it. */
static void
move_on(struct kernel *k, struct mem *m, struct stint_id tid)
{
    struct buf again;
    if (!kernel_has_tasklet(k, tid) || kernel_explain(k, tid, told, &(unsigned){ 0 }) != 0 ||
        kernel_freeze(k, tid) != STINT_OK) {
        return;
    }
    buf_init(&again, m, PICKLE_SIZE_MAX);
    FUZZ_CHECK(kernel_save(k, tid, &again) == STINT_OK);
    FUZZ_CHECK(kernel_discard(k, tid) == STINT_OK);
    struct kernel *next = specimen_kernel(m, 8);
    struct pickle_options options = { .moved = true };
    struct stint_id loaded;
    char error[256] = "";
    enum stint_status status = kernel_load(next, buf_span(&again), &options, &loaded, error, sizeof error);
    if (status != STINT_OK) {
        fprintf(stderr, "what was saved does not load: %s: %s\n", stint_status_name(status), error);
    }
    FUZZ_CHECK(status == STINT_OK && id_equal(loaded, tid));
    kernel_free(next);
    buf_fini(&again);
}

static void
live(struct kernel *k, struct mem *m, struct stint_id tid, uint8_t how)
{
    struct kernel_tasklet_view view;
    FUZZ_CHECK(kernel_look(k, tid, &view) == STINT_OK && view.state == KERNEL_FROZEN);
    if (how & 64) {
        FUZZ_CHECK(kernel_discard(k, tid) == STINT_OK);
        return;
    }
    FUZZ_CHECK(kernel_thaw(k, tid, view.epoch + 1) == STINT_OK);
    kernel_run(k, TURNS);
    use_channels(k, tid);
    answer(k, how);
    kernel_run(k, TURNS);
    answer(k, (uint8_t)(how * 3));
    kernel_set_time(k, SPECIMEN_NOW_NS + UINT64_C(8000000000), 9000);
    kernel_run(k, TURNS);
    answer(k, how);
    if (how & 32) {
        move_on(k, m, tid);
    } else if (kernel_has_tasklet(k, tid)) {
        (void)!kernel_kill(k, tid, (how & 1) != 0);
        kernel_run(k, TURNS);
        answer(k, how);
    }
    kernel_set_time(k, SPECIMEN_NOW_NS + UINT64_C(90000000000), 91000);
    kernel_run(k, TURNS);
    answer(k, how);
    FUZZ_CHECK(!kernel_is_broken(k));
}

/* What names the place in the source is the other node's and is written anew here; but from then on the bytes stay. */
static void
check_one_form(struct kernel *k, struct mem *m, struct stint_id tid)
{
    static const struct pickle_options none;
    struct buf first, second;
    struct stint_id loaded;
    char error[256] = "";
    buf_init(&first, m, PICKLE_SIZE_MAX);
    buf_init(&second, m, PICKLE_SIZE_MAX);
    FUZZ_CHECK(kernel_save(k, tid, &first) == STINT_OK);
    struct kernel *other = specimen_kernel(m, 9);
    enum stint_status status = kernel_load(other, buf_span(&first), &none, &loaded, error, sizeof error);
    if (status != STINT_OK) {
        fprintf(stderr, "what was saved does not load: %s: %s\n", stint_status_name(status), error);
    }
    FUZZ_CHECK(status == STINT_OK && id_equal(loaded, tid));
    FUZZ_CHECK(kernel_save(other, loaded, &second) == STINT_OK);
    FUZZ_CHECK(span_equal(buf_span(&first), buf_span(&second)));
    kernel_free(other);
    buf_fini(&first);
    buf_fini(&second);
}

static bool
judge(struct stint_span input)
{
    struct fuzz_memory memory;
    struct stint_id tid = { { 0 } };
    char error[256] = "";
    if (input.size < HEAD) {
        return false;
    }
    struct mem *m = fuzz_memory_begin(&memory, MEMORY_MAX);
    struct kernel *k = specimen_kernel(m, 7);
    uint8_t how = input.data[0];
    struct pickle_options options = { .fresh = how & 1, .paused = (how & 2) != 0, .moved = (how & 4) != 0 };
    struct stint_span pickle = span_of(input.data + HEAD, input.size - HEAD);
    unsigned reasons = explain(k, pickle);
    bool readable = read_frames(pickle);
    enum stint_status status = kernel_load(k, pickle, &options, &tid, error, sizeof error);
    FUZZ_CHECK(status != STINT_NO_MEMORY);
    if (status == STINT_OK) {
        FUZZ_CHECK(reasons == 0 && readable);
        check_one_form(k, m, tid);
        live(k, m, tid, input.data[1]);
    } else {
        fuzz_check_sentence(error, sizeof error);
        check_empty(k);
    }
    kernel_free(k);
    fuzz_memory_end(&memory);
    return status == STINT_OK;
}

/* Most damage must lie behind a good check sum, and lengths that point behind the end are cut. */
static size_t
mend(uint8_t *data, size_t size, size_t room, uint32_t luck)
{
    (void)room;
    if (luck % 16 == 0 || size < HEAD) {
        return size;
    }
    for (size_t at = HEAD; at + 2 < size && luck % 2 != 0;) { /* records: key, length, bytes */
        size_t length = data[at + 1];
        if ((data[at] & 7) != 2 || length >= 0x80) {
            break;
        }
        if (at + 2 + length + 9 > size) {
            data[at + 1] = (uint8_t)(size > at + 2 + 9 ? size - at - 2 - 9 : 0);
            break;
        }
        at += 2 + length;
    }
    specimen_mend(data + HEAD, size - HEAD);
    return size;
}

static void
seeds(void)
{
    for (unsigned which = 0; which < SPECIMEN_PICKLES; which++) {
        struct fuzz_memory memory;
        struct buf out;
        buf_init(&out, fuzz_memory_begin(&memory, 0), PICKLE_SIZE_MAX);
        (void)buf_put_u8(&out, 0);
        (void)buf_put_u8(&out, (uint8_t)(which * 37));
        const char *name = specimen_pickle(which, &out);
        fuzz_seed(name, buf_span(&out));
        buf_fini(&out);
    }
}

const struct fuzz_target fuzz_target = {
    .name = "pickle", .size_max = SIZE_MAX_, .judge = judge, .mend = mend, .seeds = seeds
};
