/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the macros of stint/tasklet.h work (include that one). Names that end in `_` are the macros'
 * own.
 *
 * A frame's body is one `switch` over the line to go on at; each suspension macro is a begin call,
 * the `case` of its own line, and what is left to do after it. A `switch` (and not a computed goto)
 * because gcc then sees every jump into the body and can tell when one crosses the initialisation
 * of a plain C variable.
 */
#ifndef STINT_TASKLET_IMPL_H
#define STINT_TASKLET_IMPL_H

#include "stint/tasklet_abi.h"

#define STINT_CAT_(a, b) STINT_CAT2_(a, b)
#define STINT_CAT2_(a, b) a##b

/* The pointer itself, refused by the compiler if it is not a T pointer: to be read from, or to be
 * written to. */
#ifdef __cplusplus
#define STINT_SAME_(T, pointer) (1 ? (pointer) : (const T *)0)
#define STINT_TO_(T, pointer) (1 ? (pointer) : (T *)0)
#else
#define STINT_SAME_(T, pointer) _Generic((pointer), T *: (pointer), const T *: (pointer))
#define STINT_TO_(T, pointer) _Generic((pointer), T *: (pointer))
#endif

#define STINT_AT_EXCEPT_ 0xffffffffu /* `resume` of an except section */

/* ---- descriptions that are declared where they are used ---- */

/* An expression in which the description of a type, or a code of this or another file of the
 * module, is known. */
#define STINT_WITH_TYPE_(T, expression)                                                          \
    __extension__({                                                                              \
        STINT_KNOW_(T)                                                                           \
        (expression);                                                                            \
    })
#define STINT_WITH_CODE_(T, expression)                                                          \
    __extension__({                                                                              \
        STINT_KNOW_CODE_(T)                                                                      \
        (expression);                                                                            \
    })
#define STINT_KNOW_(T) extern STINT_HIDDEN const struct stint_type T##_stint;
#define STINT_KNOW_CODE_(T) extern STINT_HIDDEN const struct stint_code stint_code_##T;

/* ---- frames ---- */

#define STINT_FRAME_(T, mark)                                                                    \
    STINT_DECLARE(T);                                                                            \
    static enum stint_outcome stint_execute_##T(struct stint_context *ctx, T *self);             \
    static enum stint_outcome stint_enter_##T(struct stint_context *ctx, void *self)             \
    {                                                                                            \
        return stint_execute_##T(ctx, (T *)self);                                                \
    }                                                                                            \
    const struct stint_code stint_code_##T = { #T, stint_enter_##T, &T##_stint, __FILE__,        \
        __LINE__, (mark) };                                                                      \
    static enum stint_outcome stint_execute_##T(struct stint_context *ctx, T *self)

#define STINT_BEGIN_                                                                             \
    (void)self;                                                                                  \
    switch (ctx->resume) {                                                                       \
    case 0:

#define STINT_EXCEPT_                                                                            \
    return STINT_RETURNED;                                                                       \
    case STINT_AT_EXCEPT_:

#define STINT_END_                                                                               \
    return STINT_RETURNED;                                                                       \
    default:                                                                                     \
        break;                                                                                   \
    }                                                                                            \
    return STINT_NO_POINT

#define STINT_RAISE_(status_, ...)                                                               \
    do {                                                                                         \
        ctx->resume = __LINE__;                                                                  \
        stint_raise_(ctx, (status_), __VA_ARGS__);                                               \
        return STINT_RAISED;                                                                     \
    } while (0)

#define STINT_RERAISE_                                                                           \
    do {                                                                                         \
        ctx->api->reraise(ctx);                                                                  \
        return STINT_RAISED;                                                                     \
    } while (0)

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

/* ---- the parts of a suspension point ---- */

#define STINT_POINT_(label_, type_, callee_)                                                     \
    do {                                                                                         \
        static const struct stint_point stint_point_ = { __func__, __FILE__, __LINE__, (label_), \
            (type_), (callee_) };                                                                \
        static const struct stint_point *const stint_entry_ STINT_IN_SECTION_("stint_points") =  \
            &stint_point_;                                                                       \
        (void)stint_entry_;                                                                      \
    } while (0)

/* `begin_` unwinds if it says so; afterwards what failed raises. `to_` is where a value of
 * `type_` goes, `callee_` the code that is called; each may be NULL. */
#define STINT_SUSPEND_(label_, begin_, outcome_, to_)                                            \
    STINT_SUSPEND_FOR_(label_, begin_, outcome_, to_, NULL, NULL)
#define STINT_SUSPEND_FOR_(label_, begin_, outcome_, to_, type_, callee_)                        \
    STINT_POINT_(label_, type_, callee_);                                                        \
    if (begin_) {                                                                                \
        ctx->resume = __LINE__;                                                                  \
        return (outcome_);                                                                       \
    }                                                                                            \
    STINT_FALL_;                                                                                 \
    case __LINE__:                                                                               \
        if (ctx->wake != 0 && ctx->api->finish(ctx, (to_)) != STINT_OK) {                        \
            ctx->resume = __LINE__;                                                              \
            return STINT_RAISED;                                                                 \
        }

/* The same, but only a kill raises. */
#define STINT_TRY_SUSPEND_(label_, begin_, outcome_, to_)                                        \
    STINT_TRY_SUSPEND_FOR_(label_, begin_, outcome_, to_, NULL, NULL)
#define STINT_TRY_SUSPEND_FOR_(label_, begin_, outcome_, to_, type_, callee_)                    \
    STINT_POINT_(label_, type_, callee_);                                                        \
    if (begin_) {                                                                                \
        ctx->resume = __LINE__;                                                                  \
        return (outcome_);                                                                       \
    }                                                                                            \
    STINT_FALL_;                                                                                 \
    case __LINE__:                                                                               \
        if (ctx->wake != 0 && ctx->api->finish(ctx, (to_)) == STINT_KILLED) {                    \
            ctx->resume = __LINE__;                                                              \
            return STINT_RAISED;                                                                 \
        }

#define STINT_DO_(...)                                                                           \
    do {                                                                                         \
        __VA_ARGS__                                                                              \
    } while (0)

#define STINT_SEND_BEGIN_(ch, T, src, ms)                                                        \
    ctx->api->send(ctx, &(ch), &T##_stint, STINT_SAME_(T, src), (ms))
#define STINT_RECV_BEGIN_(ch, T, dst, ms)                                                        \
    ctx->api->receive(ctx, &(ch), &T##_stint, STINT_TO_(T, dst), (ms))
/* ---- the suspension points of tasklet.h ---- */

#define STINT_SEND_(label, ch, T, src, ms)                                                       \
    STINT_DO_(STINT_KNOW_(T)                                                                     \
            STINT_SUSPEND_(label, STINT_SEND_BEGIN_(ch, T, src, ms), STINT_UNWINDING, NULL))
#define STINT_TRY_SEND_(label, ch, T, src, ms)                                                   \
    STINT_DO_(STINT_KNOW_(T)                                                                     \
            STINT_TRY_SUSPEND_(label, STINT_SEND_BEGIN_(ch, T, src, ms), STINT_UNWINDING, NULL))
#define STINT_RECV_(label, ch, T, dst, ms)                                                       \
    STINT_DO_(STINT_KNOW_(T) STINT_SUSPEND_FOR_(label, STINT_RECV_BEGIN_(ch, T, dst, ms),        \
        STINT_UNWINDING, (dst), &T##_stint, NULL))
#define STINT_TRY_RECV_(label, ch, T, dst, ms)                                                   \
    STINT_DO_(STINT_KNOW_(T) STINT_TRY_SUSPEND_FOR_(label, STINT_RECV_BEGIN_(ch, T, dst, ms),    \
        STINT_UNWINDING, (dst), &T##_stint, NULL))
#define STINT_CHANNEL_OPEN_(label, ch, name, capacity, T)                                        \
    STINT_DO_(STINT_KNOW_(T) STINT_SUSPEND_(label,                                               \
        ctx->api->channel_open(ctx, (ch), (name), &T##_stint, (capacity)), STINT_UNWINDING,      \
        NULL))
#define STINT_TRY_CHANNEL_OPEN_(label, ch, name, capacity, T)                                    \
    STINT_DO_(STINT_KNOW_(T) STINT_TRY_SUSPEND_(label,                                           \
        ctx->api->channel_open(ctx, (ch), (name), &T##_stint, (capacity)), STINT_UNWINDING,      \
        NULL))
#define STINT_CALL_(label, T, locals)                                                            \
    STINT_DO_(STINT_SUSPEND_FOR_(label,                                                          \
        (ctx->api->call(ctx, &stint_code_##T, (locals), sizeof(T))), STINT_CALLED, NULL, NULL,   \
        &stint_code_##T))
#define STINT_TRY_CALL_(label, T, locals)                                                        \
    STINT_DO_(STINT_TRY_SUSPEND_FOR_(label,                                                      \
        (ctx->api->call(ctx, &stint_code_##T, (locals), sizeof(T))), STINT_CALLED, NULL, NULL,   \
        &stint_code_##T))
#define STINT_YIELD_(label)                                                                      \
    STINT_DO_(STINT_SUSPEND_(label, ctx->api->yield(ctx), STINT_UNWINDING, NULL))
#define STINT_SLEEP_(label, ms)                                                                  \
    STINT_DO_(STINT_SUSPEND_(label, ctx->api->sleep(ctx, (uint64_t)(ms)), STINT_UNWINDING, NULL))
#define STINT_PAUSE_(label)                                                                      \
    STINT_DO_(STINT_SUSPEND_(label, ctx->api->pause(ctx, NULL, NULL), STINT_UNWINDING, NULL))
#define STINT_PAUSE_FOR_(label, T, dst)                                                          \
    STINT_DO_(STINT_KNOW_(T) STINT_SUSPEND_FOR_(label,                                           \
        ctx->api->pause(ctx, &T##_stint, STINT_TO_(T, dst)), STINT_UNWINDING, (dst), &T##_stint, \
        NULL))
#define STINT_RUN_(label, id, leave)                                                             \
    STINT_DO_(STINT_SUSPEND_(label, ctx->api->run(ctx, (id), (leave)), STINT_UNWINDING, NULL))
#define STINT_RUN_ALL_(label)                                                                    \
    STINT_DO_(STINT_SUSPEND_(label, ctx->api->run_all(ctx), STINT_UNWINDING, NULL))
#define STINT_KILL_(label, id)                                                                   \
    STINT_DO_(STINT_SUSPEND_(label, ctx->api->kill(ctx, (id), false), STINT_UNWINDING, NULL))
#define STINT_MIGRATE_(label, node)                                                              \
    STINT_DO_(STINT_SUSPEND_(label, ctx->api->migrate(ctx, (node)), STINT_UNWINDING, NULL))
#define STINT_TRY_MIGRATE_(label, node)                                                          \
    STINT_DO_(STINT_TRY_SUSPEND_(label, ctx->api->migrate(ctx, (node)), STINT_UNWINDING, NULL))

/* ---- modules ---- */

#define STINT_MODULE_CODES_(variable, flags, name, version, ...)                                 \
    STINT_MODULE_LIST_(variable, flags, name, version, __VA_ARGS__, , , , , , , , , , , , , , ,  \
        , , , , , , , , , , , , , , , , , , , )

#define STINT_CODE_(T) &stint_code_##T
#define STINT_MODULE_LIST_(variable, flags, name, version, c0, c1, c2, c3, c4, c5, c6, c7, c8,   \
    c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, c21, c22, c23, c24, c25, c26,     \
    c27, c28, c29, c30, c31, c32, ...)                                                           \
    _Static_assert(sizeof("" #c32) == 1, "a module has at most 32 codes");                       \
    extern STINT_HIDDEN __attribute__((weak))                                                    \
    const struct stint_point *const __start_stint_points[];                                      \
    extern STINT_HIDDEN __attribute__((weak))                                                    \
    const struct stint_point *const __stop_stint_points[];                                       \
    extern STINT_HIDDEN __attribute__((weak))                                                    \
    const struct stint_type *const __start_stint_types[];                                        \
    extern STINT_HIDDEN __attribute__((weak))                                                    \
    const struct stint_type *const __stop_stint_types[];                                         \
    static const struct stint_code stint_code_ = { 0, 0, 0, 0, 0, 0 };                           \
    static const struct stint_code *const stint_codes_of_##name[32] = { STINT_CODE_(c0),         \
        STINT_CODE_(c1), STINT_CODE_(c2), STINT_CODE_(c3), STINT_CODE_(c4), STINT_CODE_(c5),     \
        STINT_CODE_(c6), STINT_CODE_(c7), STINT_CODE_(c8), STINT_CODE_(c9), STINT_CODE_(c10),    \
        STINT_CODE_(c11), STINT_CODE_(c12), STINT_CODE_(c13), STINT_CODE_(c14),                  \
        STINT_CODE_(c15), STINT_CODE_(c16), STINT_CODE_(c17), STINT_CODE_(c18),                  \
        STINT_CODE_(c19), STINT_CODE_(c20), STINT_CODE_(c21), STINT_CODE_(c22),                  \
        STINT_CODE_(c23), STINT_CODE_(c24), STINT_CODE_(c25), STINT_CODE_(c26),                  \
        STINT_CODE_(c27), STINT_CODE_(c28), STINT_CODE_(c29), STINT_CODE_(c30),                  \
        STINT_CODE_(c31) };                                                                      \
    const struct stint_module variable = { STINT_ABI, (uint32_t)sizeof(struct stint_module),     \
        #name, version, stint_codes_of_##name, 32, __start_stint_points, __stop_stint_points,    \
        __start_stint_types, __stop_stint_types, flags };

/* ---- types: the build writes STINT_TYPE(T) for every message T of a module's protos ---- */

#define STINT_TYPE(T)                                                                            \
    T##_FIELDLIST(STINT_FIELD_KNOW_, T) extern STINT_HIDDEN const struct stint_type T##_stint;   \
    static const struct stint_field stint_fields_of_##T[] = { T##_FIELDLIST(STINT_FIELD_, T){ 0, \
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } };                                                        \
    const struct stint_type T##_stint = { #T, &T##_msg, (uint32_t)sizeof(T),                     \
        (uint32_t)(sizeof(stint_fields_of_##T) / sizeof(stint_fields_of_##T[0])) - 1u,           \
        stint_fields_of_##T };                                                                   \
    _Static_assert(_Alignof(T) <= 8, "locals and values are aligned to 8 bytes");                \
    static const struct stint_type *const stint_type_entry_of_##T STINT_IN_SECTION_(             \
        "stint_types") = &T##_stint;

/* nanopb hands over a oneof's member as (group, member, path). */
#define STINT_GROUP_OF_(group, member, path) group
#define STINT_MEMBER_OF_(group, member, path) member
#define STINT_PATH_OF_(group, member, path) path
#define STINT_TEXT_(x) STINT_TEXT2_(x)
#define STINT_TEXT2_(x) #x
#define STINT_CAT5_(a, b, c, d, e) STINT_CAT5B_(a, b, c, d, e)
#define STINT_CAT5B_(a, b, c, d, e) a##b##c##d##e

#define STINT_PART_SIZE_(T, path) (uint32_t)sizeof(((T *)0)->path)
#define STINT_PART_AT_(T, path) (uint32_t) offsetof(T, path)

#define STINT_FIELD_(T, storage, rule, kind, name, tag)                                          \
    STINT_FIELD_##storage##_(T, rule, kind, name, tag),
#define STINT_FIELD_STATIC_(T, rule, kind, name, tag) STINT_FIELD_##rule##_(T, kind, name, tag)
#define STINT_FIELD_POINTER_(T, rule, kind, name, tag)                                           \
    {                                                                                            \
#name, 0, 0, tag, 0, 0, 0, STINT_NO_OFFSET, STINT_KIND_##kind, STINT_RULE_##rule,        \
            STINT_STORAGE_POINTER                                                                \
    }
#define STINT_FIELD_CALLBACK_(T, rule, kind, name, tag)                                          \
    {                                                                                            \
#name, 0, 0, tag, 0, 0, 0, STINT_NO_OFFSET, STINT_KIND_##kind, STINT_RULE_##rule,        \
            STINT_STORAGE_CALLBACK                                                               \
    }

#define STINT_FIELD_PLAIN_(T, kind, rule, name, tag, counter)                                    \
    {                                                                                            \
#name, 0, STINT_SUB_##kind##_(T##_##name##_MSGTYPE), tag, STINT_PART_AT_(T, name),       \
            STINT_PART_SIZE_(T, name), 1, counter, STINT_KIND_##kind, STINT_RULE_##rule,         \
            STINT_STORAGE_STATIC                                                                 \
    }
#define STINT_FIELD_ARRAY_(T, kind, rule, name, tag, counter)                                    \
    {                                                                                            \
#name, 0, STINT_SUB_##kind##_(T##_##name##_MSGTYPE), tag, STINT_PART_AT_(T, name),       \
            STINT_PART_SIZE_(T, name[0]),                                                        \
            STINT_PART_SIZE_(T, name) / STINT_PART_SIZE_(T, name[0]), counter,                   \
            STINT_KIND_##kind, STINT_RULE_##rule, STINT_STORAGE_STATIC                           \
    }
#define STINT_FIELD_SINGULAR_(T, kind, name, tag)                                                \
    STINT_FIELD_PLAIN_(T, kind, SINGULAR, name, tag, STINT_NO_OFFSET)
#define STINT_FIELD_REQUIRED_(T, kind, name, tag)                                                \
    STINT_FIELD_PLAIN_(T, kind, REQUIRED, name, tag, STINT_NO_OFFSET)
#define STINT_FIELD_OPTIONAL_(T, kind, name, tag)                                                \
    STINT_FIELD_PLAIN_(T, kind, OPTIONAL, name, tag, STINT_PART_AT_(T, has_##name))
#define STINT_FIELD_REPEATED_(T, kind, name, tag)                                                \
    STINT_FIELD_ARRAY_(T, kind, REPEATED, name, tag, STINT_PART_AT_(T, name##_count))
#define STINT_FIELD_FIXARRAY_(T, kind, name, tag)                                                \
    STINT_FIELD_ARRAY_(T, kind, FIXARRAY, name, tag, STINT_NO_OFFSET)
#define STINT_FIELD_ONEOF_(T, kind, name, tag)                                                   \
    {                                                                                            \
        STINT_TEXT_(STINT_MEMBER_OF_ name), STINT_TEXT_(STINT_GROUP_OF_ name),                   \
            STINT_SUB_##kind##_(STINT_ONEOF_MSGTYPE_(T, name)), tag,                             \
            STINT_PART_AT_(T, STINT_PATH_OF_ name), STINT_PART_SIZE_(T, STINT_PATH_OF_ name), 1, \
            STINT_PART_AT_(T, STINT_CAT_(which_, STINT_GROUP_OF_ name)), STINT_KIND_##kind,      \
            STINT_RULE_ONEOF, STINT_STORAGE_STATIC                                               \
    }
#define STINT_ONEOF_MSGTYPE_(T, name)                                                            \
    STINT_CAT5_(T, _, STINT_GROUP_OF_ name, _, STINT_CAT_(STINT_MEMBER_OF_ name, _MSGTYPE))

/* The first pass over the fields declares the types of submessages. */
#define STINT_FIELD_KNOW_(T, storage, rule, kind, name, tag) STINT_KNOW_##kind##_(T, rule, name)
#define STINT_KNOW_MESSAGE_(T, rule, name) STINT_KNOW_##rule##_(T, name)
#define STINT_KNOW_SINGULAR_(T, name) STINT_KNOW_TYPE_(T##_##name##_MSGTYPE)
#define STINT_KNOW_REQUIRED_(T, name) STINT_KNOW_TYPE_(T##_##name##_MSGTYPE)
#define STINT_KNOW_OPTIONAL_(T, name) STINT_KNOW_TYPE_(T##_##name##_MSGTYPE)
#define STINT_KNOW_REPEATED_(T, name) STINT_KNOW_TYPE_(T##_##name##_MSGTYPE)
#define STINT_KNOW_FIXARRAY_(T, name) STINT_KNOW_TYPE_(T##_##name##_MSGTYPE)
#define STINT_KNOW_ONEOF_(T, name) STINT_KNOW_TYPE_(STINT_ONEOF_MSGTYPE_(T, name))
#define STINT_KNOW_TYPE_(M) extern STINT_HIDDEN const struct stint_type STINT_CAT_(M, _stint);
#define STINT_SUB_MESSAGE_(M) &STINT_CAT_(M, _stint)

/* What is no message has no type of its own. */
#define STINT_KNOW_BOOL_(T, rule, name)
#define STINT_KNOW_BYTES_(T, rule, name)
#define STINT_KNOW_DOUBLE_(T, rule, name)
#define STINT_KNOW_ENUM_(T, rule, name)
#define STINT_KNOW_UENUM_(T, rule, name)
#define STINT_KNOW_FIXED32_(T, rule, name)
#define STINT_KNOW_FIXED64_(T, rule, name)
#define STINT_KNOW_FLOAT_(T, rule, name)
#define STINT_KNOW_INT32_(T, rule, name)
#define STINT_KNOW_INT64_(T, rule, name)
#define STINT_KNOW_SFIXED32_(T, rule, name)
#define STINT_KNOW_SFIXED64_(T, rule, name)
#define STINT_KNOW_SINT32_(T, rule, name)
#define STINT_KNOW_SINT64_(T, rule, name)
#define STINT_KNOW_STRING_(T, rule, name)
#define STINT_KNOW_UINT32_(T, rule, name)
#define STINT_KNOW_UINT64_(T, rule, name)
#define STINT_KNOW_FIXED_LENGTH_BYTES_(T, rule, name)
#define STINT_KNOW_MSG_W_CB_(T, rule, name)
#define STINT_KNOW_EXTENSION_(T, rule, name)
#define STINT_SUB_BOOL_(M) 0
#define STINT_SUB_BYTES_(M) 0
#define STINT_SUB_DOUBLE_(M) 0
#define STINT_SUB_ENUM_(M) 0
#define STINT_SUB_UENUM_(M) 0
#define STINT_SUB_FIXED32_(M) 0
#define STINT_SUB_FIXED64_(M) 0
#define STINT_SUB_FLOAT_(M) 0
#define STINT_SUB_INT32_(M) 0
#define STINT_SUB_INT64_(M) 0
#define STINT_SUB_SFIXED32_(M) 0
#define STINT_SUB_SFIXED64_(M) 0
#define STINT_SUB_SINT32_(M) 0
#define STINT_SUB_SINT64_(M) 0
#define STINT_SUB_STRING_(M) 0
#define STINT_SUB_UINT32_(M) 0
#define STINT_SUB_UINT64_(M) 0
#define STINT_SUB_FIXED_LENGTH_BYTES_(M) 0
#define STINT_SUB_MSG_W_CB_(M) 0
#define STINT_SUB_EXTENSION_(M) 0

#endif
