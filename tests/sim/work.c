/* SPDX-License-Identifier: Apache-2.0 */
/* The tasklets of a run: sinks with their sources, a ring, takers of one shared channel, and some that only wait, nest and roam. */
#include <pb_encode.h>
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "sim.h"
#include "stint/tasklet.h"

#define START_NS (60000 * WORLD_MS)

struct ghost *
ghost_of(struct sim *s, struct stint_id id)
{
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        if (memcmp(s->ghosts[i].id.bytes, id.bytes, sizeof id.bytes) == 0) {
            return &s->ghosts[i];
        }
    }
    return NULL;
}

const char *
ghost_role(const struct ghost *g)
{
    static const char *const words[] = { "sink", "source", "station", "hand", "taker", "waiter", "nester", "roamer", "ledger" };
    return words[g->role];
}

const void *
work_locals(struct sim *s, const struct ghost *g)
{
    struct kernel_frame_view frame;
    struct node *n = g->runner >= 0 ? world_node(s->w, g->runner) : NULL;
    return n != NULL && kernel_frame(n->kernel, g->id, 0, &frame) == STINT_OK ? frame.locals : NULL;
}

/* A node that may take work just now; -1 when there is none. */
static int
some_node(struct sim *s)
{
    int first = (int)prng_below(&s->random, (uint64_t)s->plan.nodes);
    for (int k = 0; k < s->plan.nodes; k++) {
        int i = (first + k) % s->plan.nodes;
        const struct node *n = world_node(s->w, i);
        if (n != NULL && n->phase == PHASE_MEMBER && !world_is_paused(s->w, i)) {
            return i;
        }
    }
    return -1;
}

struct ghost *
work_spawn(struct sim *s, enum role role, const char *module, const char *name, const pb_msgdesc_t *type,
           const void *locals)
{
    const struct code *code;
    uint8_t bytes[4096];
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    int node = some_node(s);
    if (node < 0 || s->ghost_count == SIM_GHOSTS_MAX) {
        return NULL;
    }
    struct node *n = world_node(s->w, node);
    struct ghost *g = &s->ghosts[s->ghost_count];
    *g = (struct ghost){ .role = role, .runner = node, .holder = n->self };
    STINT_ASSERT(pb_encode(&stream, type, locals));
    STINT_ASSERT(kernel_find_code(n->kernel, module, name, &code) == STINT_OK);
    if (kernel_spawn(n->kernel, code, span_of(bytes, stream.bytes_written), 0, &g->id) != STINT_OK) {
        return NULL;
    }
    s->ghost_count++;
    return g;
}

static struct ghost *
spawn(struct sim *s, enum role role, const char *name, const pb_msgdesc_t *type, const void *locals)
{
    return work_spawn(s, role, "yard", name, type, locals);
}

static bool
has_channel(struct world *w, void *arg)
{
    struct sim *s = arg;
    struct ghost *g = &s->ghosts[s->ghost_count - 1];
    struct stint_id cid;
    struct node *n = g->runner >= 0 ? world_node(w, g->runner) : NULL;
    struct kernel_tasklet_view view;
    return s->invariant != NULL || (n != NULL && kernel_owned(n->kernel, g->id, &cid, 1) == 1 &&
                                    kernel_look(n->kernel, g->id, &view) == STINT_OK && view.state == KERNEL_IS_BLOCKED);
}

bool
work_await(struct sim *s)
{
    return world_until(s->w, has_channel, s, START_NS) && s->invariant == NULL;
}

/* The channel that the tasklet started last has made; false when it does not make one. */
static bool
await_channel(struct sim *s, struct stint_id *cid)
{
    struct ghost *g = &s->ghosts[s->ghost_count - 1];
    if (!work_await(s)) {
        return false;
    }
    return kernel_owned(world_node(s->w, g->runner)->kernel, g->id, cid, 1) == 1;
}

static bool
start_sinks(struct sim *s)
{
    for (uint32_t i = 0; i < s->plan.sinks; i++) {
        yard_Sink sink = yard_Sink_init_zero;
        sink.capacity = prng_below(&s->random, 2) == 0 ? 0 : 1 + (uint32_t)prng_below(&s->random, 8);
        sink.pace_ms = prng_below(&s->random, 2) == 0 ? 0 : (uint32_t)prng_below(&s->random, 40);
        text_format(sink.name, sizeof sink.name, "sink%u", i);
        struct ghost *g = spawn(s, ROLE_SINK, "Sink", yard_Sink_fields, &sink);
        if (g == NULL || !await_channel(s, &s->inboxes[i])) {
            return false;
        }
        g->index = i;
        s->sinks[i] = g->id;
        s->sink_capacity[i] = sink.capacity;
    }
    return true;
}

/* `target` is a sink, or SIM_SINKS_MAX for the shared channel. Senders are numbered over all of one target. */
static bool
start_source(struct sim *s, uint32_t index, uint32_t target)
{
    yard_Source source = yard_Source_init_zero;
    bool shared = target == SIM_SINKS_MAX;
    memcpy(source.to.id, (shared ? s->shared : s->inboxes[target]).bytes, 16);
    source.sender = index;
    source.count = 10 + prng_below(&s->random, 60);
    if (prng_below(&s->random, 4) == 0) { /* a stream, which fills windows and buffers */
        source.count += 100;
    } else {
        source.pace_ms = (uint32_t)prng_below(&s->random, 60);
    }
    source.ask = !shared && prng_below(&s->random, 3) == 0;
    source.within_ms = prng_below(&s->random, 4) == 0 ? 1 + (uint32_t)prng_below(&s->random, 200) : 0;
    struct ghost *g = spawn(s, ROLE_SOURCE, "Source", yard_Source_fields, &source);
    if (g == NULL) {
        return false;
    }
    g->index = index;
    g->target = target;
    s->count[index] = source.count;
    return true;
}

static bool
start_hand(struct sim *s, struct stint_id to, const yard_Token *token)
{
    yard_Hand hand = yard_Hand_init_zero;
    memcpy(hand.to.id, to.bytes, 16);
    hand.token = *token;
    struct ghost *g = spawn(s, ROLE_HAND, "Hand", yard_Hand_fields, &hand);
    if (g != NULL) {
        g->may_end = true;
    }
    return g != NULL;
}

static bool
is_introduced(struct world *w, void *arg)
{
    (void)w;
    struct sim *s = arg;
    struct ghost *g = ghost_of(s, s->stations[0]);
    const yard_Station *first = work_locals(s, g);
    struct stint_id next;
    if (first == NULL) {
        return s->invariant != NULL;
    }
    memcpy(next.bytes, first->next.id, 16);
    return !id_equal(next, STINT_ID_NONE);
}

static bool
start_ring(struct sim *s)
{
    for (uint32_t i = 0; i < s->plan.stations; i++) {
        yard_Station station = yard_Station_init_zero;
        station.stations = s->plan.stations;
        station.pace_ms = 20 + (uint32_t)prng_below(&s->random, 100);
        if (i > 0) {
            memcpy(station.next.id, s->station_inboxes[i - 1].bytes, 16);
        }
        struct ghost *g = spawn(s, ROLE_STATION, "Station", yard_Station_fields, &station);
        if (g == NULL || !await_channel(s, &s->station_inboxes[i])) {
            return false;
        }
        g->index = i;
        s->stations[i] = g->id;
    }
    if (s->plan.stations == 0) {
        return true;
    }
    yard_Token token = yard_Token_init_zero;
    memcpy(token.next.id, s->station_inboxes[s->plan.stations - 1].bytes, 16);
    /* The first station must know the last one before any token comes to it. */
    bool good = start_hand(s, s->station_inboxes[0], &token) && world_until(s->w, is_introduced, s, START_NS);
    for (uint32_t i = 0; good && i < s->plan.tokens; i++) {
        token = (yard_Token)yard_Token_init_zero;
        token.number = i;
        token.hops = 1;
        good = start_hand(s, s->station_inboxes[i == 0 ? 0 : s->plan.stations - i], &token);
    }
    return good;
}

static bool
start_takers(struct sim *s)
{
    int node = some_node(s);
    if (s->plan.takers == 0) {
        return true;
    }
    struct node *n = node >= 0 ? world_node(s->w, node) : NULL;
    if (n == NULL) {
        return false;
    }
    const struct stint_type *type = kernel_find_type(n->kernel, "yard.Item");
    STINT_ASSERT(type != NULL);
    if (kernel_channel_create(n->kernel, type, (uint32_t)prng_below(&s->random, 6), NULL, &s->shared) != STINT_OK) {
        return false;
    }
    s->shared_host = n->self;
    for (uint32_t i = 0; i < s->plan.takers; i++) {
        yard_Taker taker = yard_Taker_init_zero;
        memcpy(taker.from.id, s->shared.bytes, 16);
        taker.wait_ms = 20 + (uint32_t)prng_below(&s->random, 2000);
        struct ghost *g = spawn(s, ROLE_TAKER, "Taker", yard_Taker_fields, &taker);
        if (g == NULL) {
            return false;
        }
        g->index = i;
    }
    for (uint32_t i = 0; i < s->plan.feeders; i++) {
        if (!start_source(s, i + 8, SIM_SINKS_MAX)) {
            return false;
        }
    }
    return true;
}

static bool
start_waiter(struct sim *s)
{
    yard_Waiter waiter = yard_Waiter_init_zero;
    waiter.wait_ms = 50 + (uint32_t)prng_below(&s->random, 400);
    return spawn(s, ROLE_WAITER, "Waiter", yard_Waiter_fields, &waiter) != NULL;
}

static bool
start_nester(struct sim *s)
{
    yard_Nester nester = yard_Nester_init_zero;
    nester.depth = 2 + (uint32_t)prng_below(&s->random, 8);
    nester.pace_ms = 20 + (uint32_t)prng_below(&s->random, 60);
    return spawn(s, ROLE_NESTER, "Nester", yard_Nester_fields, &nester) != NULL;
}

static bool
start_roamer(struct sim *s)
{
    yard_Roamer roamer = yard_Roamer_init_zero;
    roamer.pace_ms = 50 + (uint32_t)prng_below(&s->random, 300);
    return spawn(s, ROLE_ROAMER, "Roamer", yard_Roamer_fields, &roamer) != NULL;
}

/* A source that ends as soon as it has sent a little: what comes late of it must not be taken again. */
static bool
start_poster(struct sim *s)
{
    if (s->plan.sinks == 0 || s->posters == SIM_POSTERS_MAX) {
        return false;
    }
    yard_Source source = yard_Source_init_zero;
    memcpy(source.to.id, s->inboxes[prng_below(&s->random, s->plan.sinks)].bytes, 16);
    source.sender = SIM_SOURCES_MAX + s->posters;
    source.count = 1 + prng_below(&s->random, 4);
    source.ends = true;
    struct ghost *g = spawn(s, ROLE_HAND, "Source", yard_Source_fields, &source);
    if (g != NULL) {
        g->may_end = true;
        s->posters++;
    }
    return g != NULL;
}

void
work_more(struct sim *s)
{
    if (s->ghost_count > SIM_GHOSTS_MAX / 2) {
        return;
    }
    switch (prng_below(&s->random, 5)) {
    case 3:
    case 4:
        (void)start_poster(s);
        break;
    case 0:
        (void)start_waiter(s);
        break;
    case 1:
        (void)start_nester(s);
        break;
    default:
        (void)start_roamer(s);
        break;
    }
}

bool
work_start(struct sim *s)
{
    bool good = start_sinks(s) && start_ring(s) && start_takers(s) && customers_start(s);
    for (uint32_t i = 0; good && i < s->plan.sources; i++) {
        good = start_source(s, i, (uint32_t)prng_below(&s->random, s->plan.sinks));
    }
    for (uint32_t i = 0; good && i < s->plan.waiters; i++) {
        good = start_waiter(s);
    }
    for (uint32_t i = 0; good && i < s->plan.nesters; i++) {
        good = start_nester(s);
    }
    for (uint32_t i = 0; good && i < s->plan.roamers; i++) {
        good = start_roamer(s);
    }
    return good;
}
