/* SPDX-License-Identifier: Apache-2.0 */
#include "suggest.h"

#include <string.h>

enum { WORD_MAX = 24 };

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to change, add, drop or swap with their neighbour. Both at most WORD_MAX long. */
static size_t
distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t columns = strlen(b);
    for (size_t j = 0; j <= columns; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t *now = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0);
            now[j] = least(change, least(above[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = least(now[j], before[j - 2] + 1);
            }
        }
    }
    return rows[strlen(a) % 3][columns];
}

void
suggest(struct suggestion *s, const char *word)
{
    size_t size = strlen(s->meant);
    if (size == 0 || size > WORD_MAX || strlen(word) > WORD_MAX || word[0] == '\0') {
        return;
    }
    size_t near = distance(s->meant, word);
    size_t bound = size <= 3 ? 1 : 2;
    if (size >= 2 && strncmp(word, s->meant, size) == 0) {
        near = 1; /* its beginning */
    }
    if (near <= bound && (s->word == NULL || near < s->distance)) {
        s->word = word;
        s->distance = near;
    }
}
