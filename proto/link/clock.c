/* SPDX-License-Identifier: Apache-2.0 */
#include "link/clock.h"

#include <limits.h>
#include <time.h>

#include "base/panic.h"

uint64_t
clock_now_ns(void)
{
    /* BOOTTIME: a machine that slept must find its leases and deadlines over. */
    struct timespec t;
    int rc = clock_gettime(CLOCK_BOOTTIME, &t);
    STINT_ASSERT(rc == 0);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

uint64_t
clock_wall_ms(void)
{
    struct timespec t;
    int rc = clock_gettime(CLOCK_REALTIME, &t);
    STINT_ASSERT(rc == 0);
    return t.tv_sec < 0
               ? 0
               : (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / CLOCK_NS_PER_MS;
}

int
clock_timeout_ms(uint64_t now_ns, uint64_t deadline_ns)
{
    if (deadline_ns == UINT64_MAX) {
        return -1;
    }
    if (deadline_ns <= now_ns) {
        return 0;
    }
    uint64_t ms = (deadline_ns - now_ns - 1) / CLOCK_NS_PER_MS + 1;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}
