/* SPDX-License-Identifier: Apache-2.0 */
#include "link/entropy.h"

#include <errno.h>
#include <sys/random.h>

#include "base/ids.h"
#include "base/panic.h"

void
entropy_bytes(void *out, size_t size)
{
    uint8_t *at = out;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        /* Without entropy every secret would be guessable: nothing may go on. */
        STINT_ASSERT(got > 0);
        at += got;
        size -= (size_t)got;
    }
}

struct stint_id
entropy_id(void)
{
    struct stint_id id;
    do {
        entropy_bytes(id.bytes, sizeof id.bytes);
    } while (id_is_zero(id));
    return id;
}

uint64_t
entropy_u64(void)
{
    uint64_t value;
    entropy_bytes(&value, sizeof value);
    return value;
}
