/* SPDX-License-Identifier: Apache-2.0 */
/* The channels that go where their owner goes, and who is to be told of it. */
#include "kernel/channel.h"
#include "kernel/relation.h"
#include "kernel/tasklet.h"

uint32_t
kernel_owned(const struct kernel *k, struct stint_id tid, struct stint_id *cids, uint32_t max)
{
    const struct tasklet *t = tasklet_find(k, tid);
    uint32_t count = 0;
    for (const struct channel *ch = t != NULL ? t->owned : NULL; ch != NULL && count < max; ch = ch->next_owned) {
        cids[count++] = ch->id;
    }
    return count;
}

void
kernel_each_pending(const struct kernel *k, struct stint_id cid,
    void (*tell)(void *arg, struct stint_id tid, struct kernel_place place), void *arg)
{
    const struct channel *ch = channel_find(k, cid);
    const struct relation *r = ch != NULL && ch->extra != NULL ? ch->extra->relations : NULL;
    for (; r != NULL; r = r->next_of_channel) {
        if (r->op != 0) {
            tell(arg, r->tid, r->place);
        }
    }
}
