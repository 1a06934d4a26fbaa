/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing tasklets. A tasklet is a chain of frames; a frame is a plain C function over its locals,
 * and the locals are a protobuf message of bounded size (a nanopb struct). So a tasklet can be
 * moved to another machine wherever it waits:
 *
 *     STINT_FRAME(tally_Tally)       // gives: struct stint_context *ctx, tally_Tally *self
 *     {
 *         STINT_BEGIN;
 *         STINT_CHANNEL_OPEN(&self->inbox, self->name, 64, tally_Add);
 *         for (;;) {
 *             STINT_RECV(self->inbox, tally_Add, &self->add);    // may go on on another machine
 *             self->sum += self->add.amount;
 *         }
 *         STINT_EXCEPT;              // a failed operation or a kill comes here
 *         stint_log(ctx, "ended: %s", stint_error_text(ctx));
 *         STINT_END;
 *     }
 *     STINT_MODULE(tally, "1.0.0", tally_Tally)
 *
 * The rules
 *  - The macros marked [suspends] are *suspension points*: other tasklets may run, the tasklet may
 *    move. A plain C variable does not live across one: what must survive stands in `self`.
 *    stint_add_module compiles with -Werror=jump-misses-init -Werror=maybe-uninitialized, which
 *    tell you where they can.
 *  - Two suspension points may not share a line, and none may stand in a `switch` of yours.
 *  - What fails *raises*: control goes to STINT_EXCEPT, or the frame ends and its caller gets the
 *    error. The forms with TRY do not raise; their outcome is stint_status(ctx). A kill always
 *    raises (STINT_KILLED).
 *  - Arguments of a suspending macro may be evaluated twice, before and after the suspension.
 *  - "Sent" means taken by the receiver (capacity 0) or accepted into the channel (capacity N),
 *    never processed.
 *  - A frame never waits in any other way: no sleep(), no blocking read, no lock that is held for
 *    long. All tasklets of a node share one thread.
 *
 * Conventions. `ctx` and `self` are the frame's arguments; macros in capitals use them by these
 * names. `T` is the C name of a message (package and name joined by `_`: tally_Add). `ch` in a
 * macro in capitals is a stint_Channel in the locals; functions take a pointer to it. Times are in
 * milliseconds. Everything here is for use inside of frames, on the thread that runs them; nothing
 * has to be freed. STINT_BEGIN ... STINT_END are C; the rest is C++-clean too.
 *
 * Forms. X is the operation. X_WITHIN(..., ms) has a deadline and raises STINT_TIMED_OUT; with 0 it
 * must be possible at once. TRY_X raises nothing but a kill. X_AS(label, ...) has a resume label of
 * your own (a string): it finds the place again in another version of the code, where it must be
 * the only one of its name in the frame. Without it the label is the text of the macro, as
 * "recv(self->inbox)".
 *
 * A module links against nothing of the runtime: all goes through a table in `ctx`
 * (stint/tasklet_abi.h).
 */
#ifndef STINT_TASKLET_H
#define STINT_TASKLET_H

#include "stint/tasklet_abi.h"
#include "stint/tasklet_impl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ==== frames and errors ==== */

/*
 * Begins the definition of the code whose locals are the message T; the body in braces follows. Its
 * name, as in `stint tasklet spawn MODULE/CODE`, is T without the module's prefix. One definition
 * in a module.
 *
 *     STINT_FRAME(tally_Tally) { STINT_BEGIN; ... STINT_END; }
 */
#define STINT_FRAME(T) STINT_FRAME_MARKED(T, 0)

/* The same with a mark, a number: a tasklet whose frame has another mark is not resumed by this
 * version of the code. Change it when what the locals mean has changed. */
#define STINT_FRAME_MARKED(T, mark) STINT_FRAME_(T, mark)

/* Makes the code T known where another file of the module defines it; macros that name it do so
 * themselves. */
#define STINT_DECLARE(T)                                                                         \
    extern STINT_HIDDEN const struct stint_code stint_code_##T;                                  \
    extern STINT_HIDDEN const struct stint_type T##_stint

/* The frame's first and last statement. Reaching STINT_END ends the frame, as STINT_RETURN does. */
#define STINT_BEGIN STINT_BEGIN_
#define STINT_END STINT_END_

/* What stands before it returns here; what follows, up to STINT_END, runs when something failed.
 * Reaching STINT_END then means that the error is dealt with and the frame returns. At most one in
 * a frame. An error raised within the section itself goes to the caller. */
#define STINT_EXCEPT STINT_EXCEPT_

/* Ends the frame; its locals are what STINT_RESULT shows to the caller. In the first frame of a
 * tasklet they are the tasklet's result, which `stint tasklet wait` prints. */
#define STINT_RETURN return STINT_RETURNED

/*
 * Fails with a status (STINT_USER for errors of your own) and a text as for printf, cut after 119
 * bytes.
 *
 *     STINT_RAISE(STINT_USER, "order %u has no items", (unsigned)self->order);
 */
#define STINT_RAISE(status, ...) STINT_RAISE_(status, __VA_ARGS__)

/* In an except section: hands the error on to the caller. */
#define STINT_RERAISE STINT_RERAISE_

/* In an except section: the error is dealt with; a `goto` may follow to a label before
 * STINT_EXCEPT, and the next error comes to the section again. */
#define STINT_HANDLED ctx->api->handled(ctx)

/* The status of the last operation; in an except section, at first, the error that led there. */
static inline enum stint_status
stint_status(const struct stint_context *ctx)
{
    return ctx->status;
}

/* A sentence about the error being handled, with where it came from. Never NULL; valid until the
 * next suspension. */
static inline const char *
stint_error_text(struct stint_context *ctx)
{
    return ctx->api->error_text(ctx);
}

/* Writes a line to the node's log, as for printf, cut after 255 bytes.
 *
 *     stint_log(ctx, "%u orders", (unsigned)self->orders);
 */
STINT_PRINTF(2, 3)
static inline void stint_log(struct stint_context *ctx, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ctx->api->log(ctx, format, args);
    va_end(args);
}

/* ==== channels: sending and receiving ==== */

#define STINT_FOREVER (-1) /* a time without end, for `ms` of the forms with a label */

/*
 * Sends *src, a T. [suspends] Raises STINT_CLOSED; STINT_CHANNEL_LOST the node that it was on is
 * gone; STINT_TYPE_MISMATCH; STINT_INVALID the handle names no channel, or the value cannot be
 * encoded; STINT_BLOCKED under the block trap; STINT_LIMIT, STINT_NO_MEMORY; with a deadline
 * STINT_TIMED_OUT: then it was not sent.
 *
 *     STINT_SEND(self->report, tally_Total, &(tally_Total){ .sum = self->sum });
 */
#define STINT_SEND(ch, T, src) STINT_SEND_AS("send(" #ch ")", ch, T, src, STINT_FOREVER)
#define STINT_SEND_WITHIN(ch, T, src, ms)                                                        \
    STINT_SEND_AS("send(" #ch ")", ch, T, src, (int64_t)(ms))
#define STINT_TRY_SEND(ch, T, src) STINT_TRY_SEND_AS("send(" #ch ")", ch, T, src, STINT_FOREVER)
#define STINT_TRY_SEND_WITHIN(ch, T, src, ms)                                                    \
    STINT_TRY_SEND_AS("send(" #ch ")", ch, T, src, (int64_t)(ms))
#define STINT_SEND_AS(label, ch, T, src, ms) STINT_SEND_(label, ch, T, src, ms)
#define STINT_TRY_SEND_AS(label, ch, T, src, ms) STINT_TRY_SEND_(label, ch, T, src, ms)

/*
 * Receives a T into *dst, which lies in the locals. [suspends] Raises what STINT_SEND raises, and
 * STINT_END_OF_SEQUENCE: the channel was closed with `wake` and is empty. With a deadline
 * STINT_TIMED_OUT: nothing was received.
 *
 *     STINT_TRY_RECV_WITHIN(self->inbox, tally_Add, &self->add, 1000);
 *     if (stint_status(ctx) == STINT_TIMED_OUT) {
 *         ...
 *     }
 */
#define STINT_RECV(ch, T, dst) STINT_RECV_AS("recv(" #ch ")", ch, T, dst, STINT_FOREVER)
#define STINT_RECV_WITHIN(ch, T, dst, ms)                                                        \
    STINT_RECV_AS("recv(" #ch ")", ch, T, dst, (int64_t)(ms))
#define STINT_TRY_RECV(ch, T, dst) STINT_TRY_RECV_AS("recv(" #ch ")", ch, T, dst, STINT_FOREVER)
#define STINT_TRY_RECV_WITHIN(ch, T, dst, ms)                                                    \
    STINT_TRY_RECV_AS("recv(" #ch ")", ch, T, dst, (int64_t)(ms))
#define STINT_RECV_AS(label, ch, T, dst, ms) STINT_RECV_(label, ch, T, dst, ms)
#define STINT_TRY_RECV_AS(label, ch, T, dst, ms) STINT_TRY_RECV_(label, ch, T, dst, ms)

/* ==== channels: making, closing, looking ==== */

/*
 * Makes a channel of the calling tasklet, for values T: it moves with its owner and is closed when
 * that ends, with all that is still in it. Capacity 0 is a rendezvous; 65 536 at most.
 * STINT_LIMIT, STINT_NO_MEMORY, STINT_INVALID.
 *
 *     status = stint_channel_new(ctx, &self->reply, tally_Total, 0);
 */
#define stint_channel_new(ctx, ch, T, capacity)                                                  \
    STINT_WITH_TYPE_(T, (ctx)->api->channel_new((ctx), (ch), &T##_stint, (capacity), true))

/* The same without an owner: it stays on this node until it is closed and nobody waits. */
#define stint_channel_shared(ctx, ch, T, capacity)                                               \
    STINT_WITH_TYPE_(T, (ctx)->api->channel_new((ctx), (ch), &T##_stint, (capacity), false))

/*
 * stint_channel_new() with a name that is unique in the cluster. [suspends] until the cluster has
 * agreed. `ch` is a pointer into the locals, `name` a text of at most 63 bytes. Raises STINT_EXISTS
 * the name is taken, STINT_INVALID it is none; STINT_STORE_DOWN names cannot be given now;
 * STINT_LIMIT, STINT_NO_MEMORY.
 *
 *     STINT_CHANNEL_OPEN(&self->inbox, "orders", 64, shop_Order);
 */
#define STINT_CHANNEL_OPEN(ch, name, capacity, T)                                                \
    STINT_CHANNEL_OPEN_AS("open(" #ch ")", ch, name, capacity, T)
#define STINT_TRY_CHANNEL_OPEN(ch, name, capacity, T)                                            \
    STINT_TRY_CHANNEL_OPEN_("open(" #ch ")", ch, name, capacity, T)
#define STINT_CHANNEL_OPEN_AS(label, ch, name, capacity, T)                                      \
    STINT_CHANNEL_OPEN_(label, ch, name, capacity, T)

/* No new waiting: what would block fails with STINT_CLOSED, waiting partners and the buffer are
 * still served. With `wake` those that wait end too: receivers with STINT_END_OF_SEQUENCE, senders
 * with STINT_CLOSED; so do later ones. For a channel elsewhere it is a request that is on its way
 * when this returns. */
static inline enum stint_status
stint_channel_close(struct stint_context *ctx, stint_Channel *ch, bool wake)
{
    return ctx->api->channel_close(ctx, ch, wake);
}

/* Takes a close back. STINT_NOT_HERE if the channel is on another node. */
static inline enum stint_status
stint_channel_open_again(struct stint_context *ctx, stint_Channel *ch)
{
    return ctx->api->channel_reopen(ctx, ch);
}

/* Who runs after an exchange: -1 the receiver (the default of capacity 0), +1 the sender, 0 whoever
 * acts. A partner on another node is just made runnable there. STINT_NOT_HERE. */
static inline enum stint_status
stint_channel_prefer(struct stint_context *ctx, stint_Channel *ch, int preference)
{
    return ctx->api->channel_prefer(ctx, ch, preference, -1);
}

/* Whether an exchange schedules all others first; overrides the preference. STINT_NOT_HERE. */
static inline enum stint_status
stint_channel_schedule_all(struct stint_context *ctx, stint_Channel *ch, bool schedule_all)
{
    return ctx->api->channel_prefer(ctx, ch, 2, schedule_all ? 1 : 0);
}

/* What can be asked about a channel. */
struct stint_channel_info {
    int32_t balance; /* +n: n senders wait; -n: n receivers wait */
    uint32_t count;  /* values in the buffer */
    uint32_t capacity;
    bool closing;
    bool closed; /* closing, and nobody waits */
    int preference;
    bool schedule_all;
    struct stint_id first; /* the tasklet that has waited longest; zero if none */
};

/* What a channel of this node does. STINT_NOT_HERE. */
static inline enum stint_status
stint_channel_describe(struct stint_context *ctx, stint_Channel *ch,
    struct stint_channel_info *info)
{
    return ctx->api->channel_describe(ctx, ch, info);
}

/* Whether a handle names a channel at all (a reply field that nobody filled in does not). */
static inline bool
stint_channel_is_set(const stint_Channel *ch)
{
    unsigned i;
    for (i = 0; i < sizeof(ch->id); i++) {
        if (ch->id[i] != 0) {
            return true;
        }
    }
    return false;
}

/* ==== calls ==== */

/*
 * Calls the code T with locals given as in an initialiser; without arguments STINT_CALL(T, 0).
 * [suspends] An error of the callee is raised here. STINT_DEPTH more than 1024 frames,
 * STINT_UNKNOWN_CODE T is not in the module's list, STINT_NO_MEMORY.
 *
 *     STINT_CALL(sum_Part, .from = 1, .to = 9);
 *     self->total += STINT_RESULT(sum_Part)->sum;
 */
#define STINT_CALL(T, ...) STINT_CALL_AS("call(" #T ")", T, __VA_ARGS__)
#define STINT_TRY_CALL(T, ...) STINT_TRY_CALL_("call(" #T ")", T, (&(T){ __VA_ARGS__ }))
#define STINT_CALL_AS(label, T, ...) STINT_CALL_(label, T, (&(T){ __VA_ARGS__ }))

/* The same with the locals at a T pointer, for what an initialiser cannot say (arrays). */
#define STINT_CALL_WITH(T, locals) STINT_CALL_("call(" #T ")", T, STINT_SAME_(T, locals))

/* The locals of the callee that just returned, a T pointer; valid until the next suspension. */
#define STINT_RESULT(T) STINT_WITH_CODE_(T, (T *)ctx->api->result(ctx, &stint_code_##T))

/* ==== tasklets ==== */

/*
 * Starts a tasklet at the end of the run ring of this node; *args, a T, becomes its locals, *id
 * (may be NULL) its id. STINT_UNKNOWN_CODE T is not in the module's list, STINT_LIMIT,
 * STINT_NO_MEMORY.
 *
 *     status = stint_spawn(ctx, ring_Link, &(ring_Link){ .next = self->next }, NULL);
 */
#define stint_spawn(ctx, T, args, id)                                                            \
    STINT_WITH_CODE_(T,                                                                          \
        (ctx)->api->spawn((ctx), &stint_code_##T, STINT_SAME_(T, args), sizeof(T), false, (id)))

/* The same, but it is paused until somebody inserts or runs it. */
#define stint_spawn_paused(ctx, T, args, id)                                                     \
    STINT_WITH_CODE_(T,                                                                          \
        (ctx)->api->spawn((ctx), &stint_code_##T, STINT_SAME_(T, args), sizeof(T), true, (id)))

/* The calling tasklet's id, the same wherever it moves. */
static inline struct stint_id
stint_self(struct stint_context *ctx)
{
    return ctx->api->self(ctx);
}

/* What can be asked about a tasklet. */
struct stint_tasklet_info {
    bool alive;     /* has frames */
    bool current;   /* is the caller */
    bool runnable;  /* in the run ring */
    bool blocked;   /* waits on a channel */
    bool linked;    /* in the ring or in a channel's queue */
    bool paused;    /* alive and in no chain */
    uint32_t depth; /* frames */
};

/* What a tasklet of this node does. STINT_DEAD if there is none of that id here. */
static inline enum stint_status
stint_describe(struct stint_context *ctx, struct stint_id id, struct stint_tasklet_info *info)
{
    return ctx->api->describe(ctx, id, info);
}

/* Kills a tasklet, anywhere in the cluster: STINT_KILLED is raised in it. STINT_KILL [suspends]: it
 * switches to the target at once, so that its end has been seen; killing oneself raises on the
 * spot. stint_kill_pending() does not switch: the target leaves its channel and gets the error when
 * it next runs. One that has ended is a success. STINT_BUSY while it is moving. */
#define STINT_KILL(id) STINT_KILL_("kill(" #id ")", id)
static inline enum stint_status
stint_kill_pending(struct stint_context *ctx, struct stint_id id)
{
    (void)ctx->api->kill(ctx, id, true);
    ctx->wake = 0;
    return ctx->status;
}

/* ==== the run ring of this node ==== */

/* To the end of the run ring. [suspends] */
#define STINT_YIELD STINT_YIELD_AS("yield")
#define STINT_YIELD_AS(label) STINT_YIELD_(label)

/* For at least `ms` milliseconds; 0 is STINT_YIELD. [suspends] The rest of a sleep goes along with
 * a move. STINT_NO_MEMORY. */
#define STINT_SLEEP(ms) STINT_SLEEP_AS("sleep(" #ms ")", ms)
#define STINT_SLEEP_AS(label, ms) STINT_SLEEP_(label, ms)

/* Leaves the ring until somebody inserts or runs it. [suspends] */
#define STINT_PAUSE STINT_PAUSE_AS("pause")
#define STINT_PAUSE_AS(label) STINT_PAUSE_(label)

/* The same until stint_insert_with() brings a T into *dst. [suspends] */
#define STINT_PAUSE_FOR(T, dst) STINT_PAUSE_FOR_("pause(" #T ")", T, dst)

/* Puts a paused tasklet at the end of the ring; one that is in it keeps its place. STINT_BLOCKED it
 * waits on a channel, STINT_DEAD it is not here or has ended, STINT_BUSY it is moving. */
static inline enum stint_status
stint_insert(struct stint_context *ctx, struct stint_id id)
{
    return ctx->api->insert(ctx, id, NULL, NULL);
}

/* The same for one that waits in STINT_PAUSE_FOR(T, dst); *value is what it gets. Also
 * STINT_TYPE_MISMATCH it waits for another type, STINT_INVALID it does not wait for a value. */
#define stint_insert_with(ctx, id, T, value)                                                     \
    STINT_WITH_TYPE_(T, (ctx)->api->insert((ctx), (id), &T##_stint, STINT_SAME_(T, value)))

/* Takes a tasklet out of the ring: it is paused. STINT_BLOCKED, STINT_DEAD, STINT_BUSY;
 * STINT_INVALID for the caller itself. */
static inline enum stint_status
stint_remove(struct stint_context *ctx, struct stint_id id)
{
    return ctx->api->remove(ctx, id);
}

/* Drops a paused tasklet without running its except sections. STINT_INVALID for the caller or one
 * that is in a chain; STINT_DEAD. */
static inline enum stint_status
stint_unbind(struct stint_context *ctx, struct stint_id id)
{
    return ctx->api->unbind(ctx, id);
}

/* Goes on at that tasklet at once; the ring continues from its place, so all behind it run before
 * the caller. A paused one is put at the end first. [suspends] STINT_BLOCKED, STINT_DEAD,
 * STINT_BUSY. STINT_SWITCH: the caller leaves the ring (is paused). */
#define STINT_RUN(id) STINT_RUN_("run(" #id ")", id, false)
#define STINT_SWITCH(id) STINT_RUN_("switch(" #id ")", id, true)

/* Waits outside the ring until it is empty. Blocked and sleeping tasklets do not count. [suspends]
 */
#define STINT_RUN_ALL STINT_RUN_ALL_("run_all")

/* Tasklets in the run ring, the caller included. */
static inline uint32_t
stint_runcount(struct stint_context *ctx)
{
    return ctx->api->runcount(ctx);
}

/* With the trap set, an operation that would block fails with STINT_BLOCKED instead; returns the
 * earlier value. */
static inline bool
stint_set_block_trap(struct stint_context *ctx, bool trap)
{
    return ctx->api->set_block_trap(ctx, trap);
}

/* ==== nodes, moves, time ==== */

/* The node this runs on; it may be another one after each suspension. */
static inline stint_Node
stint_here(struct stint_context *ctx)
{
    return ctx->api->here(ctx);
}

/* The nodes that take work now, at most `max` of them, in the view's order; returns how many. */
static inline uint32_t
stint_nodes(struct stint_context *ctx, stint_Node *nodes, uint32_t max)
{
    return ctx->api->nodes(ctx, nodes, max);
}

/*
 * Asks to be moved to a node (a stint_Node pointer) and goes on there. [suspends] To the node where
 * it is: nothing happens. Raises STINT_NOT_MOVABLE, STINT_REFUSED with the reason: the tasklet then
 * is where it was.
 *
 *     STINT_MIGRATE(&self->next);
 */
#define STINT_MIGRATE(node) STINT_MIGRATE_AS("migrate(" #node ")", node)
#define STINT_TRY_MIGRATE(node) STINT_TRY_MIGRATE_("migrate(" #node ")", node)
#define STINT_MIGRATE_AS(label, node) STINT_MIGRATE_(label, node)

/* Whether this tasklet must stay on this node: nobody moves it, a drain reports it as stuck.
 * Returns the earlier value. */
static inline bool
stint_set_pinned(struct stint_context *ctx, bool pinned)
{
    return ctx->api->set_pinned(ctx, pinned);
}

/* The node's wall clock in ms since 1970, as of the turn's begin. Another node's may differ. */
static inline uint64_t
stint_now_ms(struct stint_context *ctx)
{
    return ctx->api->now_ms(ctx);
}

/* A number from the node's generator; not for keys. */
static inline uint64_t
stint_random(struct stint_context *ctx)
{
    return ctx->api->random(ctx);
}

/* ==== modules ==== */

/*
 * Ends a module: its name, its version, the C names of its codes (at most 32). Exports the symbol
 * `stint_module`, by which `stintd --module FILE.so` finds it. Once in a module.
 *
 *     STINT_MODULE(shop, "1.2.0", shop_Order, shop_Stock)
 */
#define STINT_MODULE(name, version, ...)                                                         \
    extern STINT_EXPORT const struct stint_module stint_module;                                  \
    STINT_MODULE_CODES_(stint_module, 0, name, version, __VA_ARGS__)

/* The same as a variable of another name, for modules that are linked into a program (stint/node.h,
 * option `modules`). */
#define STINT_MODULE_AS(variable, name, version, ...)                                            \
    extern STINT_HIDDEN const struct stint_module variable;                                      \
    STINT_MODULE_CODES_(variable, STINT_MODULE_SHARED, name, version, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
