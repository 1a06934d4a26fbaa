/* SPDX-License-Identifier: Apache-2.0 */
#include "bar.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
bar_fill(char *out, uint64_t part, uint64_t whole, unsigned places, bool unicode)
{
    static const char *const eighths[] = { " ",
                                           "\xe2\x96\x8f",
                                           "\xe2\x96\x8e",
                                           "\xe2\x96\x8d",
                                           "\xe2\x96\x8c",
                                           "\xe2\x96\x8b",
                                           "\xe2\x96\x8a",
                                           "\xe2\x96\x89",
                                           "\xe2\x96\x88" };
    double share = whole == 0 ? 0 : (double)part / (double)whole;
    unsigned steps = unicode ? 8 : 1;
    unsigned filled = share >= 1 ? places * steps : (unsigned)(share * places * steps + 0.5);
    /* What is more than nothing is seen. */
    filled = filled == 0 && part != 0 ? 1 : filled;
    size_t used = 0;
    for (unsigned i = 0; i < places; i++) {
        unsigned here = filled > i * steps ? filled - i * steps : 0;
        const char *piece = unicode ? eighths[here < 8 ? here : 8] : here != 0 ? "#" : ".";
        size_t size = strlen(piece);
        memcpy(out + used, piece, size);
        used += size;
    }
    out[used] = '\0';
}

bool
bar_is_unicode(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0') {
            const char *dot = strchr(value, '.');
            return dot != NULL &&
                   (strncasecmp(dot + 1, "utf-8", 5) == 0 || strncasecmp(dot + 1, "utf8", 4) == 0);
        }
    }
    return false;
}
