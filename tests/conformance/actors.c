/* SPDX-License-Identifier: Apache-2.0 */
/* The module of the actors: the words of their scripts are operations of stint/tasklet.h. */
#include "actors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "invariants.h"
#include "kernel/type.h"
#include "stage.h"
#include "stint/tasklet.h"

enum { TURNS_MAX = 10000 };

/* Frames are given nothing but their locals, so the stage is where they can find it. */
static struct stage stage;

/* The next word of the script into op and arg; false at the end. */
static bool
next_word(actor_Actor *self)
{
    const char *text = self->script + self->at;
    text += strspn(text, " ");
    size_t length = strcspn(text, " ");
    if (length == 0 || stage_failed(&stage)) {
        return false;
    }
    size_t op = strcspn(text, ": ");
    snprintf(self->op, sizeof self->op, "%.*s", (int)op, text);
    snprintf(self->arg, sizeof self->arg, "%.*s", op < length ? (int)(length - op - 1) : 0,
        op < length ? text + op + 1 : "");
    self->at = (uint32_t)(text + length - self->script);
    const char *broken = invariants_broken(stage.k);
    if (broken != NULL) {
        stage_fails(&stage, "before %s:%s of %s: %s", self->op, self->arg, self->name, broken);
    }
    return true;
}

static bool
is(const actor_Actor *self, const char *op)
{
    return strcmp(self->op, op) == 0;
}

static int64_t
take_within(void)
{
    int64_t within = stage.within;
    stage.within = STINT_FOREVER;
    return within;
}

static void
log_unless_ok(enum stint_status status)
{
    if (status != STINT_OK) {
        stage_log(&stage, "%s", stint_status_name(status));
    }
}

static void
log_queue(const stint_Channel *ch, const struct stint_channel_info *info)
{
    struct stint_id cid, tid;
    enum kernel_op op;
    uint32_t cursor = 0;
    char text[100] = "";
    memcpy(cid.bytes, ch->id, sizeof cid.bytes);
    while (kernel_each_waiter(stage.k, cid, &cursor, &tid, &op)) {
        size_t used = strlen(text);
        if (cursor == 1 && !id_equal(tid, info->first)) {
            stage_fails(&stage, "the first that waits is not the first of the queue");
        }
        snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? "," : "", stage_name(&stage, tid));
    }
    if (cursor == 0 && !id_is_zero(info->first)) {
        stage_fails(&stage, "nobody waits, and yet there is a first");
    }
    stage_log(&stage, "[%s]", text);
}

/* Words that look at a channel. */
static bool
describe_channel(struct stint_context *ctx, actor_Actor *self, stint_Channel *ch)
{
    struct stint_channel_info info;
    if (!is(self, "bal") && !is(self, "how") && !is(self, "queue") && !is(self, "held")) {
        return false;
    }
    enum stint_status status = stint_channel_describe(ctx, ch, &info);
    if (status != STINT_OK) {
        log_unless_ok(status);
    } else if (is(self, "bal")) {
        if (info.closed != (info.closing && info.balance == 0)) {
            stage_fails(&stage, "closed is not: closing, and nobody waits");
        }
        stage_log(&stage, "%d%s", info.balance, info.closed ? "c" : info.closing ? "+" : "");
    } else if (is(self, "how")) {
        stage_log(&stage, "%d/%d", info.preference, info.schedule_all);
    } else if (is(self, "held")) {
        stage_log(&stage, "%u/%u", info.count, info.capacity);
    } else {
        log_queue(ch, &info);
    }
    return true;
}

/* Words that change a channel and do not suspend. */
static bool
change_channel(struct stint_context *ctx, actor_Actor *self)
{
    const char *slash = strchr(self->arg, '/');
    uint32_t capacity = slash == NULL ? 0 : (uint32_t)atoi(slash + 1);
    static const char *const words[] = { "open", "own", "pref", "all", "none", "close", "wake", "reopen", "bal",
        "how", "queue", "held", "far-send", "far-recv", NULL };
    int w = 0;
    while (words[w] != NULL && !is(self, words[w])) {
        w++;
    }
    if (words[w] == NULL) {
        return false;
    }
    stint_Channel *ch = stage_channel(&stage, self->arg);
    if (describe_channel(ctx, self, ch)) {
        return true;
    }
    if (is(self, "open")) {
        log_unless_ok(stint_channel_shared(ctx, ch, actor_Number, capacity));
    } else if (is(self, "own")) {
        log_unless_ok(stint_channel_new(ctx, ch, actor_Number, capacity));
    } else if (is(self, "pref")) { /* c+ c0 c- or c=N */
        const char *how = self->arg + 1;
        log_unless_ok(stint_channel_prefer(ctx, ch,
            *how == '=' ? atoi(how + 1) : (*how == '+') - (*how == '-')));
    } else if (is(self, "all") || is(self, "none")) {
        log_unless_ok(stint_channel_schedule_all(ctx, ch, is(self, "all")));
    } else if (is(self, "close") || is(self, "wake")) {
        log_unless_ok(stint_channel_close(ctx, ch, is(self, "wake")));
    } else if (is(self, "reopen")) {
        log_unless_ok(stint_channel_open_again(ctx, ch));
    } else {
        stage_far(&stage, ch, is(self, "far-send") ? KERNEL_SEND : KERNEL_RECEIVE, self->value.n);
    }
    return true;
}

/* "paused/1": the state as stint_describe() tells it, and the frames. */
static void
log_state(struct stint_context *ctx, const char *name)
{
    struct stint_tasklet_info i;
    if (stint_describe(ctx, stage_id(&stage, name), &i) != STINT_OK) {
        stage_log(&stage, "%s", i.alive || i.linked || i.depth != 0 ? "wrong" : "dead");
        return;
    }
    bool agree = i.alive && i.paused == !i.linked && !(i.blocked && i.runnable) &&
                 (!i.runnable || i.linked) && (!i.blocked || i.linked) && (!i.current || i.runnable);
    const char *state = i.current    ? "current"
                        : i.runnable ? "scheduled"
                        : i.blocked  ? "blocked"
                        : i.paused   ? "paused"
                                     : "waiting";
    stage_log(&stage, "%s/%u", agree ? state : "wrong", i.depth);
}

/* Words about tasklets that do not suspend; the outcome is logged when it is an error. */
static bool
change_tasklet(struct stint_context *ctx, actor_Actor *self)
{
    actor_Actor child;
    struct stint_id target = stage_id(&stage, self->arg);
    if (is(self, "new")) {
        struct stint_id *id = stage_enter(&stage, self->arg, &child);
        log_unless_ok(stint_spawn(ctx, actor_Actor, &child, id));
    } else if (is(self, "bind")) {
        struct stint_id *id = stage_enter(&stage, self->arg, &child);
        log_unless_ok(stint_spawn_paused(ctx, actor_Actor, &child, id));
    } else if (is(self, "insert")) {
        log_unless_ok(stint_insert(ctx, target));
    } else if (is(self, "give")) {
        log_unless_ok(stint_insert_with(ctx, target, actor_Number, &self->value));
    } else if (is(self, "remove")) {
        log_unless_ok(stint_remove(ctx, target));
    } else if (is(self, "unbind")) {
        log_unless_ok(stint_unbind(ctx, target));
    } else if (is(self, "killp")) {
        log_unless_ok(stint_kill_pending(ctx, target));
    } else if (is(self, "is")) {
        log_state(ctx, self->arg);
    } else {
        return false;
    }
    return true;
}

/* Words that do neither. */
static void
other_word(struct stint_context *ctx, actor_Actor *self)
{
    if (is(self, "log")) {
        stage_log(&stage, "%s", self->arg[0] == 0 ? self->name : self->arg);
    } else if (is(self, "log'")) {
        stage_log(&stage, "%s'", self->name);
    } else if (is(self, "set")) {
        self->value.n = (uint64_t)atoi(self->arg);
    } else if (is(self, "got")) {
        stage_log(&stage, "=%u", (unsigned)self->value.n);
    } else if (is(self, "count")) {
        stage_log(&stage, "#%u", stint_runcount(ctx));
    } else if (is(self, "status")) {
        stage_log(&stage, "%s", stint_status_name(stint_status(ctx)));
    } else if (is(self, "within")) {
        stage.within = atoi(self->arg);
    } else if (is(self, "refuse")) {
        self->refuses = true;
    } else if (is(self, "trap") || is(self, "untrap")) {
        bool was = stint_set_block_trap(ctx, is(self, "trap"));
        if (self->arg[0] != 0) {
            stage_log(&stage, was ? "was" : "was-not");
        }
    } else {
        stage_fails(&stage, "%s does not know the word %s", self->name, self->op);
    }
}

STINT_FRAME(actor_Actor)
{
    STINT_BEGIN;
again:
    while (next_word(self)) {
        if (is(self, "yield")) {
            STINT_YIELD;
        } else if (is(self, "pause")) {
            STINT_PAUSE;
        } else if (is(self, "ask")) {
            STINT_PAUSE_FOR(actor_Number, &self->value);
        } else if (is(self, "runall")) {
            STINT_RUN_ALL;
        } else if (is(self, "sleep")) {
            STINT_SLEEP((uint64_t)atoi(self->arg));
        } else if (is(self, "run")) {
            STINT_RUN(stage_id(&stage, self->arg));
        } else if (is(self, "switch")) {
            STINT_SWITCH(stage_id(&stage, self->arg));
        } else if (is(self, "kill")) {
            STINT_KILL(stage_id(&stage, self->arg));
        } else if (is(self, "raise")) {
            STINT_RAISE(STINT_USER, "%s says so", self->name);
        } else if (is(self, "send")) {
            STINT_SEND_AS("send", *stage_channel(&stage, self->arg), actor_Number, &self->value, take_within());
        } else if (is(self, "recv")) {
            STINT_RECV_AS("recv", *stage_channel(&stage, self->arg), actor_Number, &self->value, take_within());
        } else if (is(self, "trysend")) {
            STINT_TRY_SEND_AS("trysend", *stage_channel(&stage, self->arg), actor_Number, &self->value,
                take_within());
        } else if (is(self, "tryrecv")) {
            STINT_TRY_RECV_AS("tryrecv", *stage_channel(&stage, self->arg), actor_Number, &self->value,
                take_within());
        } else if (!change_tasklet(ctx, self) && !change_channel(ctx, self)) {
            other_word(ctx, self);
        }
    }
    STINT_EXCEPT;
    if (stint_status(ctx) == STINT_KILLED) {
        stage_log(&stage, "%sX", self->name);
    } else {
        stage_log(&stage, "%s", stint_status_name(stint_status(ctx)));
    }
    if (self->refuses) {
        STINT_HANDLED;
        goto again;
    }
    STINT_RERAISE;
    STINT_END;
}

STINT_MODULE_AS(actor_module, actor, "1.0.0", actor_Actor)

/* A kernel with the module and the actor "main". */
static bool
raise_curtain(struct stage *s)
{
    char error[200];
    const struct code *code;
    actor_Actor actor;
    struct buf args;
    struct kernel_config config = { .mem = &s->mem,
        .seed = 1,
        .here = { .node = { { 1 } }, .inc = 1 } };
    s->k = kernel_new(&config);
    if (s->k == NULL || kernel_add_module(s->k, &actor_module, error, sizeof error) != STINT_OK ||
        kernel_find_code(s->k, "actor", "Actor", &code) != STINT_OK) {
        stage_fails(s, "no kernel, or no module in it");
        return false;
    }
    struct stint_id *id = stage_enter(s, "main", &actor);
    buf_init(&args, &s->mem, TYPE_SIZE_MAX);
    if (type_encode(&actor_Actor_stint, &actor, &args) != STINT_OK ||
        kernel_spawn(s->k, code, buf_span(&args), 0, id) != STINT_OK) {
        stage_fails(s, "main cannot be started");
    }
    buf_fini(&args);
    return !stage_failed(s);
}

/* One dispatch, and what is to be done and looked at between two of them. False: nothing is left to do. */
static bool
turn(struct stage *s)
{
    if (!kernel_runnable(s->k)) {
        uint64_t deadline = kernel_deadline(s->k);
        if (deadline == UINT64_MAX) {
            return false;
        }
        s->now_ns = deadline;
    }
    kernel_set_time(s->k, s->now_ns, s->now_ns / 1000000);
    kernel_run(s->k, 1);
    stage_effects(s);
    stage_offer_far(s);
    stage_effects(s);
    const char *broken = invariants_broken(s->k);
    if (broken != NULL) {
        stage_fails(s, "after a turn: %s", broken);
    }
    return !stage_failed(s);
}

void
actors_run(const struct order_case *c, struct outcome *outcome)
{
    struct stage *s = &stage;
    memset(outcome, 0, sizeof *outcome);
    memset(s, 0, sizeof *s);
    s->play = c;
    s->outcome = outcome;
    s->within = STINT_FOREVER;
    mem_init(&s->mem, tracked_allocator(&s->tracked), 0);
    if (raise_curtain(s)) {
        int turns = 0;
        while (turns < TURNS_MAX && turn(s)) {
            turns++;
        }
        if (turns == TURNS_MAX) {
            stage_fails(s, "it does not come to rest");
        }
    }
    kernel_free(s->k);
    if (s->mem.used != 0 || s->tracked.blocks != 0) {
        stage_fails(s, "%u bytes were not given back", (unsigned)s->mem.used);
    }
}
