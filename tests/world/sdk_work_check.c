/* SPDX-License-Identifier: Apache-2.0 */
/* The books of the workers against what has happened in the cluster. */
#include <string.h>

#include <pb_encode.h>

#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "core/node.h"
#include "kernel/code.h"
#include "sdk_work_internal.h"

uint32_t
sdk_work_told(const struct sdk_work *work, enum stint_status status)
{
    return work->told[status];
}

uint32_t
sdk_work_answered(const struct sdk_work *work)
{
    return work->answered;
}

uint32_t
sdk_work_delivered(const struct sdk_work *work)
{
    return work->delivered_count;
}

enum sdk_fate
sdk_work_fate(const struct sdk_work *work, uint32_t sender, uint32_t sequence)
{
    return (enum sdk_fate)work->fate[sender][sequence];
}

bool
sdk_work_ledger(struct world *w, struct stint_id tasklet, mill_Ledger *ledger)
{
    for (int i = 0; i < world_count(w); i++) {
        struct node *n = world_node(w, i);
        struct kernel_tasklet_view view;
        struct kernel_frame_view frame;
        if (n != NULL && kernel_look(n->kernel, tasklet, &view) == STINT_OK && view.state != KERNEL_FROZEN &&
            kernel_frame(n->kernel, tasklet, 0, &frame) == STINT_OK) {
            memcpy(ledger, frame.locals, sizeof *ledger);
            return true;
        }
    }
    return false;
}

struct stint_span
sdk_work_ledger_args(const char *name, uint32_t capacity, uint8_t *bytes, size_t size)
{
    mill_Ledger ledger = mill_Ledger_init_zero;
    ledger.capacity = capacity;
    text_copy(ledger.name, sizeof ledger.name, name);
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, size);
    STINT_ASSERT(pb_encode(&stream, mill_Ledger_fields, &ledger));
    return span_of(bytes, stream.bytes_written);
}

/* ---- values ---- */

static bool
has_arrived(const struct sdk_work *work, const mill_Ledger *ledger, uint32_t sender, uint32_t sequence)
{
    if (ledger == NULL) {
        return work->delivered[sender][sequence] != 0;
    }
    return (ledger->got[sender * 16 + sequence / 64] >> sequence % 64 & 1) != 0;
}

static void
check_values(struct sdk_work *work, const mill_Ledger *ledger, bool over, bool host_lived)
{
    uint32_t missing = 0;
    for (uint32_t sender = 0; sender < SDK_SENDERS; sender++) {
        for (uint32_t sequence = 0; sequence < SDK_NUMBERS; sequence++) {
            enum sdk_fate fate = sdk_work_fate(work, sender, sequence);
            bool arrived = has_arrived(work, ledger, sender, sequence);
            if (arrived && (fate == SDK_FATE_REFUSED || fate == SDK_FATE_NONE)) {
                sdk_work_fault(work, "value %u of sender %u was %s (%s), and arrived", sequence, sender,
                               fate == SDK_FATE_NONE ? "never sent" : "refused",
                               stint_status_name((enum stint_status)work->told_value[sender][sequence]));
            }
            missing += !arrived && fate == SDK_FATE_TAKEN;
            if (!arrived && fate == SDK_FATE_TAKEN && ledger != NULL && over && host_lived) {
                sdk_work_fault(work, "value %u of sender %u was acknowledged, and is lost", sequence, sender);
            }
        }
    }
    if (ledger == NULL && over && host_lived && missing > work->doubtful_receives) {
        sdk_work_fault(work, "%u values were acknowledged and never received, with %u receives in doubt", missing,
                       work->doubtful_receives);
    }
    if (ledger != NULL && (ledger->doubled != 0 || ledger->disorder != 0)) {
        sdk_work_fault(work, "%llu values came twice, %llu after a later one",
                       (unsigned long long)ledger->doubled, (unsigned long long)ledger->disorder);
    }
}

/* ---- spawns ---- */

/* How many marks of that name run, on all nodes. */
static uint32_t
census(struct world *w, const char *name)
{
    uint32_t count = 0;
    for (int i = 0; i < world_count(w); i++) {
        struct node *n = world_node(w, i);
        struct kernel_tasklet_view view;
        uint32_t cursor = 0;
        while (n != NULL && kernel_each_tasklet(n->kernel, &cursor, &view)) {
            struct kernel_frame_view frame;
            if (view.state != KERNEL_FROZEN && strcmp(view.code->name, "Mark") == 0 &&
                kernel_frame(n->kernel, view.id, 0, &frame) == STINT_OK) {
                const mill_Mark *mark = frame.locals;
                count += strcmp(mark->name, name) == 0;
            }
        }
    }
    return count;
}

static bool
its_node_lives(const struct world *w, const struct sdk_spawned *s)
{
    return s->node >= 0 && world_life(w, s->node) == s->life;
}

static void
check_spawns(struct sdk_work *work, bool over, bool host_lived)
{
    for (uint32_t i = 0; i < work->spawn_count; i++) {
        const struct sdk_spawned *s = &work->spawns[i];
        uint32_t count = census(work->w, s->name);
        if (count > 1 || (count == 1 && s->fate == SDK_FATE_REFUSED)) {
            sdk_work_fault(work, "%s was spawned %u times, and the client was told %s", s->name, count,
                           s->fate == SDK_FATE_REFUSED ? "that it was not" : "of one");
        } else if (count == 0 && s->fate == SDK_FATE_TAKEN && over && host_lived && its_node_lives(work->w, s)) {
            sdk_work_fault(work, "%s was spawned, and is nowhere", s->name);
        }
    }
}

const char *
sdk_work_check(struct sdk_work *work, const mill_Ledger *ledger, bool host_lived)
{
    bool over = sdk_work_is_over(work);
    check_values(work, ledger, over, host_lived);
    check_spawns(work, over, host_lived);
    uint32_t overdue = world_sdk_overdue(work->w);
    if (overdue != 0) {
        sdk_work_fault(work, "%u calls have not come back", overdue);
    }
    return work->fault[0] != '\0' ? work->fault : NULL;
}
