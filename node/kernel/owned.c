/* SPDX-License-Identifier: Apache-2.0 */
/* The channels that go where their owner goes. */
#include "kernel/channel.h"
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
