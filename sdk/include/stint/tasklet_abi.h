/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a module and the runtime know of each other: descriptions of message types, codes, resume
 * points and modules, and the table of functions behind stint/tasklet.h, which is the header to
 * include and to read. Nothing here is written by hand in a module: the macros and the build make
 * it.
 *
 * A module is refused unless its STINT_ABI is the runtime's. Fields are only ever added, at the
 * end.
 */
#ifndef STINT_TASKLET_ABI_H
#define STINT_TASKLET_ABI_H

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

struct stint_tasklet_info; /* stint/tasklet.h */
struct stint_channel_info;

/* ---- the table behind it all ---- */

/*
 * The functions that a kernel offers to frames. Begin functions (call ... migrate) return true
 * when the frame must unwind now; if they return false the operation is over. In both cases
 * ctx->wake tells on going on whether there is something left for finish(). Frames use it through
 * the macros and functions of stint/tasklet.h only.
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

#ifdef __cplusplus
}
#endif

#endif
