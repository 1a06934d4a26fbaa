/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decoder with a bug: it believes a length. The runner must find it in a few seconds, or it finds nothing. There is no seed
 * near it: the way there leads over coverage alone.
 */
#include "fuzz.h"

static bool
judge(struct stint_span input)
{
    static const uint8_t magic[4] = { 'S', 't', 'n', 't' };
    uint8_t *copy = fuzz_copy(input);
    unsigned sum = 0;
    size_t at = 0;
    while (at < sizeof magic && at < input.size && copy[at] == magic[at]) {
        at++;
    }
    if (at == sizeof magic && input.size > 5) {
        size_t length = copy[4];
        for (size_t i = 0; i < length; i++) {
            sum += copy[5 + i]; /* may lie behind the end */
        }
    }
    free(copy);
    return sum != 1;
}

static void
seeds(void)
{
    fuzz_seed("nothing", span_of("", 0));
}

const struct fuzz_target fuzz_target = { .name = "canary", .size_max = 64, .judge = judge, .seeds = seeds };
