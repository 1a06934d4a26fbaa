/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of the nodes: each has its own, which may be fast, slow, leap ahead, and be wrong about the day. */
#include "base/panic.h"
#include "world_internal.h"

#define MILLION 1000000U

uint64_t
world_clock(const struct world *w, int node)
{
    const struct world_node_state *s = &w->nodes[node];
    return s->clock_shown + (w->now - s->clock_since) * s->clock_ppm / MILLION;
}

uint64_t
world_clock_until(const struct world *w, int node, uint64_t shown)
{
    const struct world_node_state *s = &w->nodes[node];
    if (shown == UINT64_MAX) {
        return shown;
    }
    if (shown <= s->clock_shown) {
        return s->clock_since;
    }
    uint64_t passes = shown - s->clock_shown;
    if (passes > UINT64_MAX / MILLION / 2) {
        return UINT64_MAX;
    }
    return s->clock_since + (passes * MILLION + s->clock_ppm - 1) / s->clock_ppm;
}

void
world_set_clock(struct world *w, int node, uint64_t leap_ns, uint32_t ppm, int64_t wall_off_ms)
{
    STINT_ASSERT(ppm > 0);
    struct world_node_state *s = &w->nodes[node];
    s->clock_shown = world_clock(w, node) + leap_ns;
    s->clock_since = w->now;
    s->clock_ppm = ppm;
    s->wall_off_ms = wall_off_ms;
}

uint64_t
world_node_now(const struct world *w, int node)
{
    return world_clock(w, node);
}
