/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks. Only shells read them; machines get the time in their events. */
#ifndef STINT_LINK_CLOCK_H
#define STINT_LINK_CLOCK_H

#include <stdint.h>

#define CLOCK_NS_PER_MS UINT64_C(1000000)

/* Nanoseconds that only grow and that go on while the machine sleeps (CLOCK_BOOTTIME).
 */
uint64_t clock_now_ns(void);

/* Milliseconds since 1970, for people and certificates. */
uint64_t clock_wall_ms(void);

/* From now to `deadline_ns` in the form of poll(2): 0 when it is over, rounded up, -1
 * for UINT64_MAX. */
int clock_timeout_ms(uint64_t now_ns, uint64_t deadline_ns);

#endif
