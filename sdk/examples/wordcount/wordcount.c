/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts words with a tree of tasklets. The root hands out chunks of text to readers; they cut them into lines and words
 * and send the words, in batches, to the root of a tree of shards, which grows as new words come.
 *
 *     Count --Chunk--> Reader, Reader, ... --Batch--> Shard --Batch--> 8 Shards --Batch--> 64 Shards ...
 *
 * Every one of them may be moved at any time.
 */
#include <string.h>

#include "wordcount.stint.h"
#include "words.h"

STINT_DECLARE(wordcount_Shard);

STINT_FRAME(wordcount_Line)
{
    STINT_BEGIN;
    while (next_word(&self->text, &self->at, self->word)) {
        if (!batch_add(&self->batch, self->word, 1)) {
            STINT_SEND(self->shard, wordcount_Batch, &self->batch);
            memset(&self->batch, 0, sizeof(self->batch));
            (void)batch_add(&self->batch, self->word, 1);
        }
    }
    STINT_END; /* what is left in the batch goes back to the caller */
}

STINT_FRAME(wordcount_Reader)
{
    STINT_BEGIN;
    if (stint_channel_new(ctx, &self->inbox, wordcount_Chunk, 4) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "no channel for a reader");
    }
    self->hello.inbox = self->inbox;
    STINT_SEND(self->parent, wordcount_Done, &self->hello);
    for (;;) {
        STINT_RECV(self->inbox, wordcount_Chunk, &self->chunk);
        self->at = 0;
        while (next_line(&self->chunk, &self->at, &self->line)) {
            STINT_CALL(wordcount_Line, .text = self->line, .batch = self->batch, .shard = self->shard);
            self->batch = STINT_RESULT(wordcount_Line)->batch;
        }
        if (stint_channel_is_set(&self->chunk.done)) {
            self->batch.done = self->chunk.done;
            STINT_SEND_AS("flush", self->shard, wordcount_Batch, &self->batch, STINT_FOREVER);
            memset(&self->batch, 0, sizeof(self->batch));
        }
    }
    STINT_EXCEPT; /* the root has closed the inbox: a good end */
    STINT_END;
}

STINT_FRAME(wordcount_Split)
{
    STINT_BEGIN;
    while (self->children_count < CHILDREN) {
        if (stint_spawn(ctx, wordcount_Shard,
                (&(wordcount_Shard){ .level = self->level + 1, .parent = self->answers }), NULL) != STINT_OK) {
            STINT_RAISE(STINT_LIMIT, "no room for another shard");
        }
        STINT_RECV(self->answers, wordcount_Done, &self->hello);
        self->children[self->children_count++] = self->hello.inbox;
    }
    STINT_END;
}

STINT_FRAME(wordcount_Shard)
{
    STINT_BEGIN;
    if (stint_channel_new(ctx, &self->inbox, wordcount_Batch, 4) != STINT_OK
        || stint_channel_new(ctx, &self->answers, wordcount_Done, CHILDREN) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "no channel for a shard");
    }
    self->done.inbox = self->inbox;
    STINT_SEND_AS("hello", self->parent, wordcount_Done, &self->done, STINT_FOREVER);
    for (;;) {
        STINT_RECV(self->inbox, wordcount_Batch, &self->batch);
        self->done.words = 0;
        self->at = 0;
        while (self->at < self->batch.entries_count) {
            if (table_add(self, &self->batch.entries[self->at])) {
                self->at++;
                continue;
            }
            /* The table is full: down with all of it, after the children have been started. */
            if (self->children_count == 0) {
                STINT_CALL(wordcount_Split, .level = self->level, .answers = self->answers);
                memcpy(self->children, STINT_RESULT(wordcount_Split)->children, sizeof(self->children));
                self->children_count = CHILDREN;
            }
            for (self->child = 0; self->child < CHILDREN; self->child++) {
                self->slot = 0;
                while (table_gather(self, self->child, true, &self->slot, &self->out)) {
                    STINT_SEND_AS("push", self->children[self->child], wordcount_Batch, &self->out, STINT_FOREVER);
                }
            }
        }
        if (stint_channel_is_set(&self->batch.reply) && self->children_count == 0) {
            self->slot = 0;
            while (table_gather(self, CHILDREN, false, &self->slot, &self->out)) {
                self->done.words += self->out.entries_count;
                STINT_SEND_AS("report", self->batch.reply, wordcount_Batch, &self->out, STINT_FOREVER);
            }
        } else if (stint_channel_is_set(&self->batch.reply)) {
            for (self->child = 0; self->child < CHILDREN; self->child++) {
                self->slot = 0;
                while (table_gather(self, self->child, true, &self->slot, &self->out)) {
                    STINT_SEND_AS("flush", self->children[self->child], wordcount_Batch, &self->out, STINT_FOREVER);
                }
                self->out = (wordcount_Batch){ .reply = self->batch.reply, .done = self->answers };
                STINT_SEND_AS("ask", self->children[self->child], wordcount_Batch, &self->out, STINT_FOREVER);
            }
            for (self->child = 0; self->child < CHILDREN; self->child++) {
                self->slot = (uint32_t)self->done.words;
                STINT_RECV_AS("answer", self->answers, wordcount_Done, &self->done, STINT_FOREVER);
                self->done.words += self->slot;
            }
        }
        if (stint_channel_is_set(&self->batch.done)) {
            STINT_SEND_AS("done", self->batch.done, wordcount_Done, &self->done, STINT_FOREVER);
        }
    }
    STINT_EXCEPT; /* the parent has closed the inbox, or an error: down with the branch */
    for (uint32_t i = 0; i < self->children_count; i++) {
        (void)stint_channel_close(ctx, &self->children[i], true);
    }
    STINT_END;
}

STINT_FRAME(wordcount_Count)
{
    STINT_BEGIN;
    self->readers = self->readers == 0 ? 16 : self->readers;
    if (self->readers > sizeof(self->reader) / sizeof(self->reader[0])) {
        STINT_RAISE(STINT_INVALID, "at most %zu readers", sizeof(self->reader) / sizeof(self->reader[0]));
    }
    if (stint_channel_new(ctx, &self->answers, wordcount_Done, 64) != STINT_OK
        || stint_spawn(ctx, wordcount_Shard, (&(wordcount_Shard){ .parent = self->answers }), NULL) != STINT_OK) {
        STINT_RAISE(STINT_LIMIT, "the first shard cannot be started");
    }
    STINT_RECV_AS("shard", self->answers, wordcount_Done, &self->done, STINT_FOREVER);
    self->shard = self->done.inbox;
    while (self->reader_count < self->readers) {
        if (stint_spawn(ctx, wordcount_Reader,
                (&(wordcount_Reader){ .parent = self->answers, .shard = self->shard }), NULL) != STINT_OK) {
            STINT_RAISE(STINT_LIMIT, "no room for another reader");
        }
        STINT_RECV_AS("reader", self->answers, wordcount_Done, &self->done, STINT_FOREVER);
        self->reader[self->reader_count++] = self->done.inbox;
    }
    STINT_CHANNEL_OPEN(&self->inbox, self->name, 64, wordcount_Chunk);
    for (;;) {
        STINT_RECV(self->inbox, wordcount_Chunk, &self->chunk);
        if (self->chunk.text.size > 0) {
            self->flush = self->chunk;
            self->flush.reply = self->flush.done = (stint_Channel){ .slot = 0 };
            STINT_SEND_AS("hand out", self->reader[self->next], wordcount_Chunk, &self->flush, STINT_FOREVER);
            self->next = (self->next + 1) % self->reader_count;
        }
        if (!stint_channel_is_set(&self->chunk.reply)) {
            continue;
        }
        /* All that the readers have goes into the first shard, and each says so from behind it. */
        memset(&self->flush, 0, sizeof(self->flush));
        self->flush.done = self->answers;
        for (self->index = 0; self->index < self->reader_count; self->index++) {
            STINT_SEND_AS("flush", self->reader[self->index], wordcount_Chunk, &self->flush, STINT_FOREVER);
        }
        for (self->index = 0; self->index < self->reader_count; self->index++) {
            STINT_RECV_AS("flushed", self->answers, wordcount_Done, &self->done, STINT_FOREVER);
        }
        memset(&self->batch, 0, sizeof(self->batch));
        self->batch.reply = self->chunk.reply;
        self->batch.done = self->answers;
        STINT_SEND_AS("ask", self->shard, wordcount_Batch, &self->batch, STINT_FOREVER);
        STINT_RECV_AS("answered", self->answers, wordcount_Done, &self->done, STINT_FOREVER);
        memset(&self->batch, 0, sizeof(self->batch));
        self->batch.end = true;
        self->batch.words = self->done.words;
        STINT_TRY_SEND(self->chunk.reply, wordcount_Batch, &self->batch);
    }
    STINT_EXCEPT; /* somebody has closed the channel, or an error: down with the tree */
    for (uint32_t i = 0; i < self->reader_count; i++) {
        (void)stint_channel_close(ctx, &self->reader[i], true);
    }
    (void)stint_channel_close(ctx, &self->shard, true);
    STINT_END;
}

STINT_MODULE(wordcount, "1.0.0", wordcount_Count, wordcount_Reader, wordcount_Line, wordcount_Shard, wordcount_Split)
