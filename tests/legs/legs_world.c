/* SPDX-License-Identifier: Apache-2.0 */
#include "legs_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "kernel/code.h"

static void collect(struct legs_world *w, int place);

static uint64_t
time_at(const struct legs_world *w, int place)
{
    return w->now_ns + w->offset_ns[place];
}

static void
make_kernel(struct legs_world *w, int place)
{
    char error[256] = "";
    struct stint_id nodes[PLACES];
    memset(nodes, 0, sizeof nodes);
    for (int i = 0; i < PLACES; i++) {
        nodes[i].bytes[0] = (uint8_t)(i + 1);
    }
    struct kernel_config config = { .mem = &w->mem,
        .seed = ++w->made * 977,
        .here = { .node = nodes[place], .inc = ++w->life[place] } };
    w->offset_ns[place] = (w->made * 7919 % 1000) * 1000000007;
    w->k[place] = kernel_new(&config);
    const struct stint_module *build = w->builds[w->next_build++ % w->build_count];
    if (w->k[place] == NULL
        || kernel_add_module(w->k[place], build, error, sizeof error) != STINT_OK) {
        legs_fail("no kernel: %s", error);
    }
    kernel_set_nodes(w->k[place], nodes, PLACES);
    kernel_set_time(w->k[place], time_at(w, place), w->now_ns / 1000000);
}

int
legs_where(const struct legs_world *w, struct stint_id tid)
{
    int place = PLACES - 1;
    while (place >= 0 && (w->k[place] == NULL || !kernel_has_tasklet(w->k[place], tid))) {
        place--;
    }
    return place;
}

static int
host_of(const struct legs_world *w, struct stint_id cid)
{
    int place = PLACES - 1;
    while (place >= 0 && (w->k[place] == NULL || !kernel_has_channel(w->k[place], cid))) {
        place--;
    }
    return place;
}

static void
make_world(struct legs_world *w, const struct stint_module *const *builds, uint32_t count)
{
    memset(w, 0, sizeof *w);
    mem_init(&w->mem, tracked_allocator(&w->tracked), 0);
    memcpy(w->builds, builds, count * sizeof(builds[0]));
    w->build_count = count;
    w->now_ns = 5000000000;
    for (int i = 0; i < PLACES; i++) {
        make_kernel(w, i);
    }
}

void
legs_begin(struct legs_world *w, const struct stint_module *const *builds, uint32_t count,
    const char *code, struct stint_span args)
{
    const struct code *found;
    make_world(w, builds, count);
    if (kernel_find_code(w->k[0], builds[0]->name, code, &found) != STINT_OK
        || kernel_spawn(w->k[0], found, args, KERNEL_NOTIFY, &w->main_id) != STINT_OK) {
        legs_fail("%s cannot be started", code);
    }
}

enum stint_status
legs_begin_with(struct legs_world *w, const struct stint_module *build, struct stint_span pickle,
    char *error, size_t size)
{
    struct pickle_options options = { .limit = 0 };
    struct kernel_tasklet_view view;
    make_world(w, &build, 1);
    enum stint_status status = kernel_load(w->k[0], pickle, &options, &w->main_id, error, size);
    if (status != STINT_OK) {
        return status;
    }
    if (kernel_watch(w->k[0], w->main_id) != STINT_OK
        || kernel_look(w->k[0], w->main_id, &view) != STINT_OK
        || kernel_thaw(w->k[0], w->main_id, view.epoch + 1) != STINT_OK) {
        legs_fail("what was loaded does not go on");
    }
    collect(w, 0);
    return STINT_OK;
}

/* ---- the output ---- */

/* An error tells the line of the source that raised it, which is another one in another build:
 * `(legs.Nest:12)` becomes `(legs.Nest#)`. */
static void
without_lines(const char *text, char *to, size_t size)
{
    size_t at = 0;
    bool inside = false;
    for (; *text != '\0' && at + 1 < size; text++) {
        inside = inside || *text == '(';
        if (inside && *text >= '0' && *text <= '9' && at > 0
            && (to[at - 1] == ':' || to[at - 1] == '#')) {
            to[at - 1] = '#';
        } else {
            to[at++] = *text;
        }
    }
    to[at] = '\0';
}

static void
say(struct legs_world *w, const char *text)
{
    if (w->line_count == LINES_MAX) {
        legs_fail("more lines than expected");
    }
    without_lines(text, w->lines[w->line_count++].text, sizeof w->lines[0].text);
}

/* Whether the speaker of one line comes before that of another, by name. */
static bool
speaks_before(const char *one, const char *other)
{
    size_t first = strcspn(one, ":");
    size_t second = strcspn(other, ":");
    int order = memcmp(one, other, first < second ? first : second);
    return order < 0 || (order == 0 && first < second);
}

void
legs_output(struct legs_world *w, char *text, size_t size)
{
    const char *sorted[LINES_MAX];
    size_t at = 0;
    for (uint32_t i = 0; i < w->line_count; i++) {
        uint32_t n = i;
        for (; n > 0 && speaks_before(w->lines[i].text, sorted[n - 1]); n--) {
            sorted[n] = sorted[n - 1];
        }
        sorted[n] = w->lines[i].text;
    }
    text[0] = '\0';
    for (uint32_t i = 0; i < w->line_count; i++) {
        at += (size_t)snprintf(text + at, size - at, "%s\n", sorted[i]);
        if (at >= size) {
            legs_fail("more output than expected");
        }
    }
}

/* ---- wishes ---- */

static void
fulfil(struct legs_world *w, const struct wish *wish)
{
    int place = legs_where(w, wish->tid);
    enum stint_status status = STINT_DEAD;
    if (place >= 0 && strcmp(wish->verb, "kill") == 0) {
        status = kernel_kill(w->k[place], wish->tid, true);
    } else if (place >= 0 && strcmp(wish->verb, "killnow") == 0) {
        status = kernel_kill(w->k[place], wish->tid, false);
    } else if (place >= 0 && strcmp(wish->verb, "hold") == 0) {
        status = kernel_pause(w->k[place], wish->tid);
    } else if (place >= 0 && strcmp(wish->verb, "release") == 0) {
        status = kernel_resume(w->k[place], wish->tid);
    }
    if (status != STINT_OK) {
        legs_fail("`%s` answers %s", wish->verb, stint_status_name(status));
    }
}

/* The first wish whose time has come. */
static bool
fulfil_one(struct legs_world *w)
{
    for (uint32_t i = 0; i < w->wish_count; i++) {
        if (w->wishes[i].at_ns <= w->now_ns) {
            struct wish wish = w->wishes[i];
            memmove(&w->wishes[i], &w->wishes[i + 1], (w->wish_count - i - 1) * sizeof(wish));
            w->wish_count--;
            fulfil(w, &wish);
            return true;
        }
    }
    return false;
}

static void
hear(struct legs_world *w, struct stint_id tid, const char *text)
{
    unsigned ms;
    struct wish wish = { .tid = tid };
    if (text[0] != '@') {
        say(w, text);
        return;
    }
    if (sscanf(text, "@%u %15s", &ms, wish.verb) != 2 || w->wish_count == WISHES_MAX) {
        legs_fail("cannot do: %s", text);
    }
    wish.at_ns = w->now_ns + ms * 1000000ull;
    w->wishes[w->wish_count++] = wish;
}

/* ---- effects ---- */

static void
to_host(struct legs_world *w, const struct letter *letter)
{
    const struct kernel_effect *e = &letter->effect;
    int host = host_of(w, e->cid);
    struct kernel_offer offer = { .cid = e->cid,
        .tid = e->tid,
        .number = e->number,
        .epoch = e->epoch,
        .type_hash = e->type_hash,
        .place = { .node = { { (uint8_t)(letter->from + 1) } }, .inc = w->life[letter->from] },
        .flags = e->flags,
        .op = e->op,
        .value = e->value };
    if (host < 0) {
        for (int i = 0; i < PLACES && e->kind != KERNEL_FIN; i++) {
            kernel_channel_lost(w->k[i], e->cid);
        }
        return;
    }
    enum stint_status status = STINT_OK;
    if (e->kind == KERNEL_OFFER) {
        status = kernel_offer(w->k[host], &offer);
    } else if (e->kind == KERNEL_CANCEL) {
        status = kernel_cancel(w->k[host], &offer);
    } else {
        (void)kernel_fin(w->k[host], e->cid, e->tid, e->number);
    }
    if (status != STINT_OK) {
        legs_fail("an offer is answered by %s", stint_status_name(status));
    }
}

static void
name_channel(struct legs_world *w, const struct letter *letter)
{
    const struct kernel_effect *e = &letter->effect;
    int place = legs_where(w, e->tid);
    enum stint_status status = STINT_OK;
    bool known = false;
    for (uint32_t i = 0; i < w->name_count; i++) {
        if (strcmp(w->names[i].name, letter->text) == 0) {
            known = true;
            status = id_equal(w->names[i].cid, e->cid) ? STINT_OK : STINT_EXISTS;
        }
    }
    if (!known && w->name_count < NAMED_MAX) {
        struct named *named = &w->names[w->name_count++];
        snprintf(named->name, sizeof named->name, "%s", letter->text);
        named->cid = e->cid;
    }
    if (place >= 0) {
        kernel_named(w->k[place], e->tid, e->cid, status);
    }
}

static void move_to(struct legs_world *w, struct stint_id tid, int to);

static void
migrate(struct legs_world *w, const struct letter *letter)
{
    struct kernel_tasklet_view view;
    int from = legs_where(w, letter->effect.tid);
    int to = letter->effect.place.node.bytes[0] - 1;
    if (from < 0 || kernel_look(w->k[from], letter->effect.tid, &view) != STINT_OK
        || view.state != KERNEL_MOVING) {
        return; /* it was moved meanwhile, which was the answer */
    }
    if (to < 0 || to >= PLACES) {
        kernel_move_refused(w->k[from], letter->effect.tid, STINT_REFUSED, "no such node");
    } else if (to != from) {
        move_to(w, letter->effect.tid, to);
    }
}

static void
deliver(struct legs_world *w, const struct letter *letter)
{
    const struct kernel_effect *e = &letter->effect;
    int at = legs_where(w, e->tid) >= 0 ? legs_where(w, e->tid) : e->place.node.bytes[0] - 1;
    struct kernel_done done = { .tid = e->tid,
        .cid = e->cid,
        .number = e->number,
        .type_hash = e->type_hash,
        .flags = e->flags,
        .status = e->status,
        .value = e->value };
    char text[400];
    switch (e->kind) {
    case KERNEL_OFFER:
    case KERNEL_CANCEL:
    case KERNEL_FIN:
        to_host(w, letter);
        break;
    case KERNEL_DONE:
        kernel_done(w->k[at], &done);
        break;
    case KERNEL_REFUSE:
        kernel_refused(w->k[at], e->tid, e->cid, e->number);
        break;
    case KERNEL_NAME_CHANNEL:
        name_channel(w, letter);
        break;
    case KERNEL_MIGRATE_SELF:
        migrate(w, letter);
        break;
    case KERNEL_CLOSE:
        if (host_of(w, e->cid) >= 0) {
            (void)!kernel_channel_close(
                w->k[host_of(w, e->cid)], e->cid, (e->flags & KERNEL_WAKE) != 0);
        }
        break;
    case KERNEL_KILL:
        if (legs_where(w, e->tid) >= 0) {
            (void)!kernel_kill(w->k[at], e->tid, (e->flags & KERNEL_PENDING) != 0);
        }
        break;
    case KERNEL_SUSPENDED:
        w->suspended += id_equal(e->tid, w->main_id);
        break;
    case KERNEL_LOG:
        hear(w, e->tid, letter->text);
        break;
    case KERNEL_ENDED:
        if (id_equal(e->tid, w->main_id) || e->status != STINT_OK) {
            snprintf(text, sizeof text, "%s: %s %s",
                id_equal(e->tid, w->main_id) ? "end" : "another end", stint_status_name(e->status),
                letter->text);
            say(w, text);
        }
        break;
    default:
        break;
    }
}

static void
collect(struct legs_world *w, int place)
{
    uint32_t count;
    const struct kernel_effect *effects = kernel_effects(w->k[place], &count);
    for (uint32_t i = 0; i < count; i++) {
        if (w->count == EFFECTS_MAX) {
            legs_fail("more effects than expected");
        }
        struct letter *letter = &w->letters[(w->first + w->count++) % EFFECTS_MAX];
        letter->effect = effects[i];
        letter->from = place;
        snprintf(letter->text, sizeof letter->text, "%s",
            effects[i].text != NULL ? effects[i].text : "");
        letter->bytes = mem_alloc(&w->mem, effects[i].value.size);
        bytes_copy(letter->bytes, effects[i].value.data, effects[i].value.size);
        letter->effect.value = span_of(letter->bytes, effects[i].value.size);
    }
}

/* ---- moving ---- */

static bool
is_empty(const struct kernel *k)
{
    struct kernel_counters counters;
    kernel_count(k, &counters);
    return counters.tasklets == 0 && counters.channels == 0 && counters.outlets == 0
        && kernel_effect_count(k) == 0;
}

/* A kernel in which nothing lives makes room for a new one. What it still had to say was taken away
 * before. */
static void
renew(struct legs_world *w, int place)
{
    if (is_empty(w->k[place])) {
        kernel_free(w->k[place]);
        make_kernel(w, place);
    }
}

static void
reoffer_owned(struct legs_world *w, struct kernel *k, struct stint_id tid)
{
    struct stint_id cids[8];
    uint32_t owned = kernel_owned(k, tid, cids, 8);
    for (uint32_t i = 0; i < owned; i++) {
        for (int n = 0; n < PLACES; n++) {
            kernel_reoffer_channel(w->k[n], cids[i]);
        }
    }
}

static void
save(struct legs_world *w, struct kernel *k, struct stint_id tid, struct buf *out)
{
    buf_init(out, &w->mem, 1 << 20);
    enum stint_status status = kernel_save(k, tid, out);
    if (status != STINT_OK) {
        legs_fail("saving answers %s", stint_status_name(status));
    }
}

static void
expect_left(struct legs_world *w, int from, struct stint_id tid, const struct stint_id *cids,
    uint32_t owned)
{
    if (kernel_has_tasklet(w->k[from], tid)) {
        legs_fail("what was discarded is still there");
    }
    for (uint32_t i = 0; i < owned; i++) {
        if (kernel_has_channel(w->k[from], cids[i])) {
            legs_fail("a channel stayed behind when its owner left");
        }
    }
}

/* What an operator sees of it is the same there. */
static void
expect_alike(struct kernel *k, const struct kernel_tasklet_view *before)
{
    struct kernel_tasklet_view view;
    if (kernel_look(k, before->id, &view) != STINT_OK || view.state != KERNEL_FROZEN
        || view.steps != before->steps || view.flags != before->flags
        || view.frames != before->frames || view.owned != before->owned
        || view.moves != before->moves || view.epoch != before->epoch) {
        legs_fail("it looks otherwise where it was loaded");
    }
}

/* From one place to another; refused, it goes on where it is, under the epoch after the next as in
 * the protocol. */
static enum stint_status
try_move(struct legs_world *w, struct stint_id tid, int to, char *error, size_t size)
{
    int from = legs_where(w, tid);
    struct kernel_tasklet_view view;
    struct stint_id loaded;
    struct stint_id cids[8];
    struct buf first;
    struct buf second;
    renew(w, to);
    if (kernel_look(w->k[from], tid, &view) != STINT_OK
        || kernel_freeze(w->k[from], tid) != STINT_OK) {
        legs_fail("it cannot be frozen");
    }
    struct pickle_options options = { .tid = tid, .epoch = view.epoch };
    uint64_t next = view.epoch + 1;
    uint32_t owned = kernel_owned(w->k[from], tid, cids, 8);
    save(w, w->k[from], tid, &first);
    enum stint_status status =
        kernel_load(w->k[to], buf_span(&first), &options, &loaded, error, size);
    if (status == STINT_OK) {
        /* Builds differ in the lines of their resume points, and thereby in some bytes. */
        save(w, w->k[to], tid, &second);
        if (w->build_count == 1 && !span_equal(buf_span(&first), buf_span(&second))) {
            legs_fail("what was loaded is saved in other bytes");
        }
        buf_fini(&second);
        expect_alike(w->k[to], &view);
        if (kernel_discard(w->k[from], tid) != STINT_OK) {
            legs_fail("it cannot be discarded");
        }
        expect_left(w, from, tid, cids, owned);
    } else if (kernel_has_tasklet(w->k[to], tid)) {
        legs_fail("what was refused is there");
    }
    int at = status == STINT_OK ? to : from;
    if (kernel_thaw(w->k[at], tid, at == to ? next : next + 1) != STINT_OK) {
        legs_fail("it does not go on");
    }
    reoffer_owned(w, w->k[at], tid);
    for (int i = 0; i < PLACES; i++) {
        collect(w, i);
    }
    buf_fini(&first);
    w->moves++;
    return status;
}

static void
move_to(struct legs_world *w, struct stint_id tid, int to)
{
    char error[256] = "";
    enum stint_status status = try_move(w, tid, to, error, sizeof error);
    if (status != STINT_OK) {
        legs_fail("loading answers %s: %s", stint_status_name(status), error);
    }
}

enum stint_status
legs_try_main(struct legs_world *w, char *text, size_t size)
{
    char error[256] = "";
    int at = legs_where(w, w->main_id);
    enum stint_status status = try_move(w, w->main_id, (at + 1) % PLACES, error, sizeof error);
    without_lines(error, text, size);
    return status;
}

void
legs_move_main(struct legs_world *w)
{
    int at = legs_where(w, w->main_id);
    if (at >= 0) {
        move_to(w, w->main_id, (at + 1) % PLACES);
    }
}

void
legs_move_all(struct legs_world *w)
{
    struct stint_id movers[16];
    int places[16];
    uint32_t count = 0;
    for (int i = 0; i < PLACES; i++) {
        struct kernel_tasklet_view view;
        uint32_t cursor = 0;
        while (count < 16 && kernel_each_tasklet(w->k[i], &cursor, &view)) {
            places[count] = i;
            movers[count++] = view.id;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        move_to(w, movers[i], (places[i] + 1) % PLACES);
    }
}

/* ---- steps ---- */

static bool
leap(struct legs_world *w)
{
    uint64_t next = UINT64_MAX;
    for (int i = 0; i < PLACES; i++) {
        uint64_t deadline = kernel_deadline(w->k[i]);
        if (deadline != UINT64_MAX && deadline - w->offset_ns[i] < next) {
            next = deadline - w->offset_ns[i];
        }
    }
    for (uint32_t i = 0; i < w->wish_count; i++) {
        next = w->wishes[i].at_ns < next ? w->wishes[i].at_ns : next;
    }
    if (next == UINT64_MAX) {
        return false;
    }
    if (next > w->now_ns) {
        w->now_ns = next;
    }
    for (int i = 0; i < PLACES; i++) {
        kernel_set_time(w->k[i], time_at(w, i), w->now_ns / 1000000);
        (void)kernel_run(w->k[i], 0);
        collect(w, i);
    }
    return true;
}

bool
legs_step(struct legs_world *w)
{
    if (w->count > 0) {
        struct letter letter = w->letters[w->first];
        w->first = (w->first + 1) % EFFECTS_MAX;
        w->count--;
        deliver(w, &letter);
        mem_free(&w->mem, letter.bytes, letter.effect.value.size);
        for (int i = 0; i < PLACES; i++) {
            collect(w, i);
        }
        return true;
    }
    w->deeds++;
    if (fulfil_one(w)) {
        return true;
    }
    for (int i = 0; i < PLACES; i++) {
        int place = (int)(w->turn_of++ % PLACES);
        if (kernel_runnable(w->k[place])) {
            (void)kernel_run(w->k[place], 1);
            collect(w, place);
            return true;
        }
    }
    return leap(w);
}

bool
legs_rests(const struct legs_world *w)
{
    for (int i = 0; i < PLACES; i++) {
        if (kernel_runnable(w->k[i])) {
            return false;
        }
    }
    return w->count == 0;
}

/* ---- the end ---- */

void
legs_drop(struct legs_world *w)
{
    for (; w->count > 0; w->count--) {
        struct letter *letter = &w->letters[w->first];
        mem_free(&w->mem, letter->bytes, letter->effect.value.size);
        w->first = (w->first + 1) % EFFECTS_MAX;
    }
    for (int i = 0; i < PLACES; i++) {
        kernel_free(w->k[i]);
    }
    if (w->mem.used != 0 || w->tracked.blocks != 0) {
        legs_fail("%zu bytes in %zu blocks are left", w->mem.used, w->tracked.blocks);
    }
}

void
legs_end(struct legs_world *w)
{
    for (int i = 0; i < PLACES; i++) {
        struct kernel_counters counters;
        kernel_count(w->k[i], &counters);
        if (counters.tasklets != 0 || counters.channels != 0 || counters.relations != 0
            || counters.outlets != 0) {
            legs_fail("place %d: %u tasklets, %u channels, %u relations and %u outlets are left", i,
                counters.tasklets, counters.channels, counters.relations, counters.outlets);
        }
        if (kernel_is_broken(w->k[i])) {
            legs_fail("place %d is broken", i);
        }
    }
    legs_drop(w);
}
