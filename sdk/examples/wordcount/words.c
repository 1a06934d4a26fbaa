/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include <string.h>

static bool
is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool
next_line(const wordcount_Chunk *chunk, uint32_t *at, wordcount_Slice *line)
{
    const uint8_t *text = chunk->text.bytes + *at;
    uint32_t left = chunk->text.size - *at;
    const uint8_t *newline = memchr(text, '\n', left);
    uint32_t size = newline != NULL ? (uint32_t)(newline - text) + 1 : left;
    uint32_t skip = 0;
    if (left == 0) {
        return false;
    }
    if (size > LINE_MAX) {
        size = LINE_MAX;
        while (size > 0 && is_letter(text[size - 1])) {
            size--;
        }
        if (size == 0) { /* one endless word, of which only the begin counts */
            size = LINE_MAX;
            while (size + skip < left && is_letter(text[size + skip])) {
                skip++;
            }
        }
    }
    memcpy(line->text.bytes, text, size);
    line->text.size = (pb_size_t)size;
    *at += size + skip;
    return true;
}

bool
next_word(const wordcount_Slice *line, uint32_t *at, char word[WORD_MAX + 1])
{
    uint32_t size = 0;
    while (*at < line->text.size && !is_letter(line->text.bytes[*at])) {
        (*at)++;
    }
    for (; *at < line->text.size && is_letter(line->text.bytes[*at]); (*at)++) {
        if (size < WORD_MAX) {
            word[size++] = (char)(line->text.bytes[*at] | 0x20);
        }
    }
    word[size] = '\0';
    return size > 0;
}

bool
batch_add(wordcount_Batch *batch, const char *word, uint64_t count)
{
    pb_size_t i = 0;
    while (i < batch->entries_count && strcmp(batch->entries[i].word, word) != 0) {
        i++;
    }
    if (i == BATCH_SIZE) {
        return false;
    }
    if (i == batch->entries_count) {
        batch->entries_count++;
        batch->entries[i].count = 0;
        memcpy(batch->entries[i].word, word, strlen(word) + 1);
    }
    batch->entries[i].count += count;
    return true;
}

static uint32_t
hash(const char *word)
{
    uint32_t h = 2166136261U;
    for (; *word != '\0'; word++) {
        h = (h ^ (uint8_t)*word) * 16777619U;
    }
    return h ^ h >> 15;
}

bool
table_add(wordcount_Shard *shard, const wordcount_Entry *entry)
{
    uint32_t start = hash(entry->word) >> 24;
    shard->table_count = TABLE_SIZE;
    for (uint32_t i = 0; i < TABLE_SIZE; i++) {
        wordcount_Entry *e = &shard->table[(start + i) % TABLE_SIZE];
        if (e->word[0] == '\0') {
            *e = *entry;
            return true;
        }
        if (strcmp(e->word, entry->word) == 0) {
            e->count += entry->count;
            return true;
        }
    }
    return false;
}

bool
table_gather(wordcount_Shard *shard, uint32_t child, bool take, uint32_t *slot, wordcount_Batch *out)
{
    memset(out, 0, sizeof(*out));
    for (; *slot < shard->table_count && out->entries_count < BATCH_SIZE; (*slot)++) {
        wordcount_Entry *e = &shard->table[*slot];
        uint32_t of = hash(e->word) >> 3 * shard->level & (CHILDREN - 1);
        if (e->word[0] != '\0' && (child == CHILDREN || child == of)) {
            out->entries[out->entries_count++] = *e;
            if (take) {
                memset(e, 0, sizeof(*e));
            }
        }
    }
    return out->entries_count > 0;
}
