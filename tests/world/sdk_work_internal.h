/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers and the checks of sdk_work.h share. */
#ifndef STINT_TESTS_WORLD_SDK_WORK_INTERNAL_H
#define STINT_TESTS_WORLD_SDK_WORK_INTERNAL_H

#include "sdk_work.h"
#include "wire/limits.h"

enum sdk_kind { SDK_SENDS, SDK_ASKS, SDK_RECEIVES, SDK_SPAWNS_THEM };

struct sdk_worker {
    struct sdk_work *work;
    enum sdk_kind kind;
    int client;
    bool gone; /* its client has ended */
    char channel[LIMIT_NAME + 1];
    uint32_t sender, count, window, timeout_ms;
    uint32_t next; /* sequence */
    uint32_t outstanding;
    uint64_t last[SDK_SENDERS]; /* RECEIVES: of each sender */
    bool has_reply;             /* ASKS */
    bool hosts;                 /* that is a channel of the client itself */
    struct stint_id reply;
    char reply_text[STINT_ID_TEXT_SIZE];
    uint64_t last_answer;
};

/* One value, or one spawn, from begin to verdict. */
struct sdk_item {
    struct sdk_worker *worker;
    uint32_t sequence;
    uint32_t timeout_ms;
};

struct sdk_spawned {
    char name[LIMIT_NAME + 1];
    enum sdk_fate fate;
    int node; /* where it was spawned, in which life of that node; it is gone with that */
    uint64_t life;
};

struct sdk_work {
    struct world *w;
    struct sdk_worker workers[SDK_WORKERS];
    uint32_t worker_count;
    bool stopped, receives;
    bool used[SDK_SENDERS];
    uint8_t fate[SDK_SENDERS][SDK_NUMBERS]; /* enum sdk_fate */
    uint8_t told_value[SDK_SENDERS][SDK_NUMBERS]; /* the status */
    uint8_t delivered[SDK_SENDERS][SDK_NUMBERS];
    uint32_t delivered_count, answered;
    uint32_t doubtful_receives; /* each may have swallowed a value */
    struct sdk_spawned spawns[SDK_SPAWNS];
    uint32_t spawn_count;
    uint32_t told[STINT_STATUS_COUNT_];
    char fault[256]; /* the first one */
};

void sdk_work_fault(struct sdk_work *work, const char *format, ...) STINT_PRINTF(2, 3);

#endif
