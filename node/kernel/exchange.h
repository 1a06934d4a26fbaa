/* SPDX-License-Identifier: Apache-2.0 */
/* Send and receive of the running tasklet; the begin functions of stint/tasklet.h for them. */
#ifndef STINT_KERNEL_EXCHANGE_H
#define STINT_KERNEL_EXCHANGE_H

#include "kernel/channel.h"
#include "kernel/machine.h"

bool exchange_send(struct stint_context *ctx, stint_Channel *handle,
    const struct stint_type *type, const void *value, int64_t timeout_ms);
bool exchange_receive(struct stint_context *ctx, stint_Channel *handle,
    const struct stint_type *type, void *value, int64_t timeout_ms);

/* The operation fails at once: false, with the status as its outcome. */
bool exchange_fail(struct kernel *k, enum stint_status status);

/* Takes the running tasklet out of the ring, its value kept where it can stay and its timer set
 * (timeout_ms < 0: none). The caller sets the state. False: memory is short, and nothing changed.
 */
bool exchange_wait(struct kernel *k, struct tasklet *t, const struct stint_type *type,
    void *value, int direction, int64_t timeout_ms);

/* The time in that many milliseconds; never the end of time. */
uint64_t exchange_deadline(const struct kernel *k, uint64_t ms);

#endif
