/* SPDX-License-Identifier: Apache-2.0 */
/* Text, words and tables: the plain C part of wordcount, which knows nothing of tasklets. */
#ifndef WORDCOUNT_WORDS_H
#define WORDCOUNT_WORDS_H

#include <stdbool.h>

#include "wordcount.pb.h"

enum { BATCH_SIZE = 32, TABLE_SIZE = 256, CHILDREN = 8, LEVELS = 8, WORD_MAX = 63, LINE_MAX = 512 };

/* The next line of `chunk` from *at on, or the next LINE_MAX bytes of a longer one up to the end of a word. */
bool next_line(const wordcount_Chunk *chunk, uint32_t *at, wordcount_Slice *line);

/* The next word: a run of ASCII letters, in lower case, cut after WORD_MAX. */
bool next_word(const wordcount_Slice *line, uint32_t *at, char word[WORD_MAX + 1]);

/* Adds to a batch; false if it is full. */
bool batch_add(wordcount_Batch *batch, const char *word, uint64_t count);

/* Adds to a shard's table; false if it is full. */
bool table_add(wordcount_Shard *shard, const wordcount_Entry *entry);

/* Fills `out` with entries of the table from *slot on, those of `child` only (all of them if it is CHILDREN), and takes
 * them out of the table if `take`. False if there were none. */
bool table_gather(wordcount_Shard *shard, uint32_t child, bool take, uint32_t *slot, wordcount_Batch *out);

#endif
