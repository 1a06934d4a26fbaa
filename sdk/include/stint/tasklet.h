/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing tasklets. A tasklet is a chain of frames; a frame is a plain C function over its
 * locals, and the locals are a protobuf message of bounded size (a nanopb struct), so a tasklet
 * can be moved to another machine wherever it waits:
 *
 *     STINT_FRAME(tally_Tally)                  // gives: struct stint_context *ctx, tally_Tally
 * *self
 *     {
 *         STINT_BEGIN;
 *         STINT_CHANNEL_OPEN(&self->inbox, self->name, 64, tally_Add);
 *         for (;;) {
 *             STINT_RECV(self->inbox, tally_Add, &self->add);    // may go on on another machine
 *             self->sum += self->add.amount;
 *         }
 *         STINT_EXCEPT;                         // a failed operation or a kill comes here, if
 * the section exists stint_log(ctx, "ended: %s", stint_error_text(ctx)); STINT_END;
 *     }
 *     STINT_MODULE(tally, "1.0.0", tally_Tally)
 *
 * The rules
 *  - Macros in capitals are *suspension points*: other tasklets may run, the tasklet may move. A
 *    plain C variable does not live across one; compile modules with
 *    -Werror=jump-misses-init -Werror=maybe-uninitialized to be told.
 *  - Two suspension points may not share a line, and none may stand in a `switch` of yours.
 *  - What fails *raises*: control goes to STINT_EXCEPT, or the frame ends and its caller gets the
 *    error. The forms with TRY do not raise; the outcome is stint_status(ctx). A kill always
 *    raises (STINT_KILLED).
 *  - Expressions given to a macro may be evaluated twice, before and after the suspension.
 *  - "Send returned" means taken by the receiver (capacity 0) or accepted into the stream
 *    (capacity N), never processed.
 *
 * Modules link against nothing of the runtime: all calls go through the table in stint_context.
 * The functions here are for use inside frames, on the thread that runs them. STINT_BEGIN ...
 * STINT_END are C; the rest is C++-clean too.
 */
#ifndef STINT_TASKLET_H
#define STINT_TASKLET_H

#include <pb.h>
#include <stdarg.h>
#include <stdbool.h>

#include "stint/stint.pb.h"
#include "stint/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define STINT_ABI 1u /* of this header; a module of another one is refused */

#if defined(__GNUC__)
#define STINT_HIDDEN __attribute__((visibility("hidden")))
#define STINT_EXPORT __attribute__((visibility("default")))
#define STINT_IN_SECTION_(name) __attribute__((used, section(name)))
#define STINT_FALL_ __attribute__((fallthrough))
#else
#error "modules need gcc or clang: resume points register themselves in an object file's section"
#endif

/* ---- types: what is known about a message at run time ---- */

enum stint_kind {
    STINT_KIND_BOOL = 1,
    STINT_KIND_BYTES,
    STINT_KIND_DOUBLE,
    STINT_KIND_ENUM,
    STINT_KIND_UENUM,
    STINT_KIND_FIXED32,
    STINT_KIND_FIXED64,
    STINT_KIND_FLOAT,
    STINT_KIND_INT32,
    STINT_KIND_INT64,
    STINT_KIND_MESSAGE,
    STINT_KIND_SFIXED32,
    STINT_KIND_SFIXED64,
    STINT_KIND_SINT32,
    STINT_KIND_SINT64,
    STINT_KIND_STRING,
    STINT_KIND_UINT32,
    STINT_KIND_UINT64,
    STINT_KIND_FIXED_LENGTH_BYTES,
    STINT_KIND_MSG_W_CB,
    STINT_KIND_EXTENSION
};

enum stint_rule {
    STINT_RULE_SINGULAR = 1,
    STINT_RULE_REQUIRED,
    STINT_RULE_OPTIONAL,
    STINT_RULE_REPEATED,
    STINT_RULE_FIXARRAY,
    STINT_RULE_ONEOF
};

enum stint_storage { STINT_STORAGE_STATIC = 1, STINT_STORAGE_POINTER, STINT_STORAGE_CALLBACK };

#define STINT_NO_OFFSET 0xffffffffu

struct stint_type;

struct stint_field {
    const char *name;              /* of a oneof: the member's name */
    const char *group;             /* the oneof's name, else NULL */
    const struct stint_type *type; /* of a message field, else NULL */
    uint32_t tag;
    uint32_t offset;  /* in the struct */
    uint32_t size;    /* of one element */
    uint32_t count;   /* elements that fit; 1 if not repeated */
    uint32_t counter; /* offset of its has_x (bool), x_count or which_u (pb_size_t), else
                         STINT_NO_OFFSET */
    uint8_t kind;     /* enum stint_kind */
    uint8_t rule;     /* enum stint_rule */
    uint8_t storage;  /* enum stint_storage */
};

struct stint_type {
    const char *name; /* the C name: tally_Add */
    const pb_msgdesc_t *descriptor;
    uint32_t size;
    uint32_t field_count;
    const struct stint_field *fields;
};

/* ---- codes, resume points, modules ---- */

struct stint_context;

/* What a frame answers to the dispatcher. */
enum stint_outcome {
    STINT_RETURNED = 1, /* ended; its caller goes on */
    STINT_CALLED,       /* a new frame is on top */
    STINT_UNWINDING,    /* blocked or gave up its turn */
    STINT_RAISED,       /* an error is on its way */
    STINT_NO_POINT      /* there is nothing to resume at */
};

typedef enum stint_outcome (*stint_execute)(struct stint_context *ctx, void *self);

struct stint_code {
    const char *name; /* the C name of its locals' type */
    stint_execute execute;
    const struct stint_type *locals;
    const char *file;
    uint32_t line;
    uint32_t mark; /* of STINT_FRAME_MARKED */
};

/* A place where a frame can be resumed. A pickle that brings another type of value there, or
 * another callee, is refused. */
struct stint_point {
    const char *function;
    const char *file;
    uint32_t line;
    const char *label;
    const struct stint_type *type;   /* of the value that comes in there; NULL: none */
    const struct stint_code *callee; /* NULL: it is no call */
};

struct stint_module {
    uint32_t abi;  /* STINT_ABI */
    uint32_t size; /* of this struct */
    const char *name;
    const char *version;
    const struct stint_code *const *codes; /* entries without a name are skipped */
    uint32_t code_count;
    const struct stint_point *const *points; /* of all codes linked together, in no order */
    const struct stint_point *const *points_end;
    const struct stint_type *const *types;
    const struct stint_type *const *types_end;
    uint32_t flags; /* STINT_MODULE_SHARED */
};

/* The module's sections hold other modules' types too: of those, what cannot be pickled is none
 * of its business. */
#define STINT_MODULE_SHARED 1u

/* ---- what can be asked about tasklets and channels ---- */

struct stint_tasklet_info {
    bool alive;     /* has frames */
    bool current;   /* is the caller */
    bool runnable;  /* in the run ring */
    bool blocked;   /* waits on a channel */
    bool linked;    /* in the ring or in a channel's queue */
    bool paused;    /* alive and in no chain */
    uint32_t depth; /* frames */
};

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

/* ---- the table behind it all ---- */

#define STINT_FOREVER (-1)

/*
 * The functions that a kernel offers to frames. Begin functions (call ... migrate) return true
 * when the frame must unwind now; if they return false the operation is over. In both cases
 * ctx->wake tells on going on whether there is something left for finish(). Use the macros and
 * inline functions below, not the table.
 */
struct stint_api {
    uint32_t abi;
    uint32_t size;
    /* begin functions */
    bool (*call)(struct stint_context *ctx, const struct stint_code *code, const void *locals,
        uint32_t size);
    bool (*send)(struct stint_context *ctx, stint_Channel *ch, const struct stint_type *type,
        const void *value, int64_t timeout_ms);
    bool (*receive)(struct stint_context *ctx, stint_Channel *ch, const struct stint_type *type,
        void *value, int64_t timeout_ms);
    bool (*yield)(struct stint_context *ctx);
    bool (*sleep)(struct stint_context *ctx, uint64_t ms);
    bool (*pause)(struct stint_context *ctx, const struct stint_type *type, void *value);
    bool (*run)(struct stint_context *ctx, struct stint_id id, bool leave);
    bool (*run_all)(struct stint_context *ctx);
    bool (*kill)(struct stint_context *ctx, struct stint_id id, bool pending);
    bool (*channel_open)(struct stint_context *ctx, stint_Channel *ch, const char *name,
        const struct stint_type *type, uint32_t capacity);
    bool (*migrate)(struct stint_context *ctx, const stint_Node *node);
    /* after a suspension, when ctx->wake is not 0: delivers into `value`, returns the status */
    enum stint_status (*finish)(struct stint_context *ctx, void *value);
    /* the rest never suspends */
    void (*raise)(struct stint_context *ctx, enum stint_status status, const char *format,
        va_list args);
    void (*reraise)(struct stint_context *ctx);
    void (*handled)(struct stint_context *ctx);
    void *(*result)(struct stint_context *ctx, const struct stint_code *code);
    enum stint_status (*spawn)(struct stint_context *ctx, const struct stint_code *code,
        const void *locals, uint32_t size, bool paused, struct stint_id *id);
    enum stint_status (*insert)(struct stint_context *ctx, struct stint_id id,
        const struct stint_type *type, const void *value);
    enum stint_status (*remove)(struct stint_context *ctx, struct stint_id id);
    enum stint_status (*unbind)(struct stint_context *ctx, struct stint_id id);
    enum stint_status (*describe)(struct stint_context *ctx, struct stint_id id,
        struct stint_tasklet_info *info);
    enum stint_status (*channel_new)(struct stint_context *ctx, stint_Channel *ch,
        const struct stint_type *type, uint32_t capacity, bool owned);
    enum stint_status (*channel_close)(struct stint_context *ctx, stint_Channel *ch, bool wake);
    enum stint_status (*channel_reopen)(struct stint_context *ctx, stint_Channel *ch);
    enum stint_status (*channel_prefer)(struct stint_context *ctx, stint_Channel *ch,
        int preference, int schedule_all);
    enum stint_status (*channel_describe)(struct stint_context *ctx, stint_Channel *ch,
        struct stint_channel_info *info);
    struct stint_id (*self)(struct stint_context *ctx);
    stint_Node (*here)(struct stint_context *ctx);
    uint32_t (*nodes)(struct stint_context *ctx, stint_Node *nodes, uint32_t max);
    uint64_t (*now_ms)(struct stint_context *ctx);
    uint64_t (*random)(struct stint_context *ctx);
    uint32_t (*runcount)(struct stint_context *ctx);
    bool (*set_pinned)(struct stint_context *ctx, bool pinned);
    bool (*set_block_trap)(struct stint_context *ctx, bool trap);
    const char *(*error_text)(struct stint_context *ctx);
    void (*log)(struct stint_context *ctx, const char *format, va_list args);
};

/* The registers of a running frame. */
struct stint_context {
    const struct stint_api *api;
    uint32_t resume;          /* the line to go on at; 0 is the start */
    uint32_t wake;            /* not 0: finish() has something to deliver or to raise */
    enum stint_status status; /* of the last operation */
    uint32_t reserved;
};

/* ---- functions for frames; none of them suspends ---- */

/* The status of the last operation; in an except section, at first, the error that led there. */
static inline enum stint_status
stint_status(const struct stint_context *ctx)
{
    return ctx->status;
}

/* A sentence about the error being handled, with where it came from; valid until the next
 * suspension. Never NULL. */
static inline const char *
stint_error_text(struct stint_context *ctx)
{
    return ctx->api->error_text(ctx);
}

/* Writes a line to the node's log (cut after 255 bytes). */
STINT_PRINTF(2, 3)
static inline void stint_log(struct stint_context *ctx, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ctx->api->log(ctx, format, args);
    va_end(args);
}

/* Starts a tasklet at the end of the run ring; `args` (a T *) are copied to its locals, `id` may
 * be NULL. stint_spawn(ctx, ring_Link, &(ring_Link){ .next = ch }, &id) STINT_UNKNOWN_CODE if T
 * is not in the module's list, STINT_LIMIT, STINT_NO_MEMORY. */
#define stint_spawn(ctx, T, args, id)                                                            \
    STINT_WITH_CODE_(T,                                                                          \
        (ctx)->api->spawn((ctx), &stint_code_##T, STINT_SAME_(T, args), sizeof(T), false, (id)))

/* The same, but it is paused until somebody inserts or runs it. */
#define stint_spawn_paused(ctx, T, args, id)                                                     \
    STINT_WITH_CODE_(T,                                                                          \
        (ctx)->api->spawn((ctx), &stint_code_##T, STINT_SAME_(T, args), sizeof(T), true, (id)))

/* Puts a paused tasklet at the end of the ring; one that is in it keeps its place. STINT_BLOCKED
 * if it waits on a channel, STINT_DEAD if it is not here or has ended. */
static inline enum stint_status
stint_insert(struct stint_context *ctx, struct stint_id id)
{
    return ctx->api->insert(ctx, id, NULL, NULL);
}

/* The same for one that waits in STINT_PAUSE_FOR(T, dst): *value is what it gets.
 * STINT_TYPE_MISMATCH if it waits for another type, STINT_INVALID if it does not wait for a
 * value. */
#define stint_insert_with(ctx, id, T, value)                                                     \
    STINT_WITH_TYPE_(T, (ctx)->api->insert((ctx), (id), &T##_stint, STINT_SAME_(T, value)))

/* Takes a tasklet out of the ring: it is paused. STINT_BLOCKED, STINT_DEAD; STINT_INVALID for the
 * caller itself. */
static inline enum stint_status
stint_remove(struct stint_context *ctx, struct stint_id id)
{
    return ctx->api->remove(ctx, id);
}

/* Drops a paused tasklet without running its except sections. STINT_INVALID for the caller or one
 * that is in a chain. */
static inline enum stint_status
stint_unbind(struct stint_context *ctx, struct stint_id id)
{
    return ctx->api->unbind(ctx, id);
}

/* Kills without switching: the target leaves its channel at once and gets STINT_KILLED when it
 * next runs. A target that has ended is a success; one on another node is told by the cluster.
 * STINT_BUSY while it is moving. */
static inline enum stint_status
stint_kill_pending(struct stint_context *ctx, struct stint_id id)
{
    (void)ctx->api->kill(ctx, id, true);
    ctx->wake = 0;
    return ctx->status;
}

/* What a tasklet of this node does. STINT_DEAD if there is none of that id here. */
static inline enum stint_status
stint_describe(struct stint_context *ctx, struct stint_id id, struct stint_tasklet_info *info)
{
    return ctx->api->describe(ctx, id, info);
}

/* Makes a channel of the calling tasklet: it moves with it and is closed when it ends. Capacity 0
 * is a rendezvous. stint_channel_new(ctx, &self->inbox, tally_Add, 64) STINT_LIMIT,
 * STINT_NO_MEMORY. */
#define stint_channel_new(ctx, ch, T, capacity)                                                  \
    STINT_WITH_TYPE_(T, (ctx)->api->channel_new((ctx), (ch), &T##_stint, (capacity), true))

/* Makes a channel that has no owner: it stays on this node until it is closed and nobody waits.
 */
#define stint_channel_shared(ctx, ch, T, capacity)                                               \
    STINT_WITH_TYPE_(T, (ctx)->api->channel_new((ctx), (ch), &T##_stint, (capacity), false))

/* No new waiting: operations that would block fail with STINT_CLOSED, waiting partners are still
 * served. With `wake` those that wait end too: receivers with STINT_END_OF_SEQUENCE, senders with
 * STINT_CLOSED; so do later ones. */
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

/* Who runs after an exchange: -1 the receiver (the default of capacity 0), +1 the sender, 0
 * whoever acts. STINT_NOT_HERE. */
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

/* Balance, count, flags of a channel of this node. STINT_NOT_HERE. */
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

/* The calling tasklet's id. */
static inline struct stint_id
stint_self(struct stint_context *ctx)
{
    return ctx->api->self(ctx);
}

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

/* The node's wall clock in ms since 1970, as of the turn's begin. */
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

/* Tasklets in the run ring, the caller included. */
static inline uint32_t
stint_runcount(struct stint_context *ctx)
{
    return ctx->api->runcount(ctx);
}

/* Whether the balancer and drains must leave this tasklet here; returns the earlier value. */
static inline bool
stint_set_pinned(struct stint_context *ctx, bool pinned)
{
    return ctx->api->set_pinned(ctx, pinned);
}

/* With the trap set an operation that would block fails with STINT_BLOCKED instead; returns the
 * earlier value. */
static inline bool
stint_set_block_trap(struct stint_context *ctx, bool trap)
{
    return ctx->api->set_block_trap(ctx, trap);
}

static inline void stint_raise_(struct stint_context *ctx, enum stint_status status,
    const char *format, ...) STINT_PRINTF(3, 4);
static inline void
stint_raise_(struct stint_context *ctx, enum stint_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ctx->api->raise(ctx, status, format, args);
    va_end(args);
}

#ifdef __cplusplus
}
#endif

#include "stint/tasklet_macros.h"

#endif
