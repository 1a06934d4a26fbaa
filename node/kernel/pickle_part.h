/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the pickle have in common: the records, the cursor that reads them, and how
 * codes are matched. */
#ifndef STINT_KERNEL_PICKLE_PART_H
#define STINT_KERNEL_PICKLE_PART_H

#include "kernel/code.h"
#include "kernel/pickle.h"
#include "kernel/pickle_wire.h"

/* Field numbers of message Pickle. */
enum pickle_tag {
    PICKLE_HEAD = 1,
    PICKLE_CODE = 2,
    PICKLE_TYPE = 3,
    PICKLE_FRAME = 4,
    PICKLE_CONTENT = 5,
    PICKLE_FAULT = 6,
    PICKLE_CHANNEL = 7,
    PICKLE_RELATION = 8,
    PICKLE_OUTLET = 9,
    PICKLE_SEND = 10,
    PICKLE_CHECK = 15
};

enum { PICKLE_CHECK_SIZE = 9, PICKLE_WHY_SIZE = 256 };

enum {
    PICKLE_FLAGS = stint_PickleFlag_PICKLE_FLAG_PINNED | stint_PickleFlag_PICKLE_FLAG_HELD
                   | stint_PickleFlag_PICKLE_FLAG_NOTIFY | stint_PickleFlag_PICKLE_FLAG_FIRST_TURN
                   | stint_PickleFlag_PICKLE_FLAG_BLOCK_TRAP,
    PICKLE_CHANNEL_FLAGS = stint_PickleChannelFlag_PICKLE_CHANNEL_CLOSING
                           | stint_PickleChannelFlag_PICKLE_CHANNEL_WOKEN
                           | stint_PickleChannelFlag_PICKLE_CHANNEL_SCHEDULE_ALL
                           | stint_PickleChannelFlag_PICKLE_CHANNEL_NAMING,
    PICKLE_RELATION_FLAGS = stint_PickleRelationFlag_PICKLE_RELATION_GAP_TOLD
                            | stint_PickleRelationFlag_PICKLE_RELATION_DROPPED
                            | stint_PickleRelationFlag_PICKLE_RELATION_ENDING
                            | stint_PickleRelationFlag_PICKLE_RELATION_HAS_RESULT
                            | stint_PickleRelationFlag_PICKLE_RELATION_STARVED
                            | stint_PickleRelationFlag_PICKLE_RELATION_ORPHAN,
    PICKLE_OUTLET_FLAGS = stint_PickleOutletFlag_PICKLE_OUTLET_BLOCKING
                          | stint_PickleOutletFlag_PICKLE_OUTLET_CANCELLING
                          | stint_PickleOutletFlag_PICKLE_OUTLET_BUFFERED
};

/* Why something was refused: a status and a sentence of at most PICKLE_WHY_SIZE bytes. */
struct pickle_why {
    enum stint_status status;
    char text[PICKLE_WHY_SIZE];
};

/* Sets both; returns false, so that a check can end with it. */
STINT_PRINTF(3, 4)
bool pickle_refuse(struct pickle_why *why, enum stint_status status, const char *format, ...);

/* ---- the records (pickle_record.c) ---- */

extern const struct wire_record pickle_PickleHead;
extern const struct wire_record pickle_PickleCode;
extern const struct wire_record pickle_PickleType;
extern const struct wire_record pickle_PickleFrame;
extern const struct wire_record pickle_PickleFault;
extern const struct wire_record pickle_PickleChannel;
extern const struct wire_record pickle_PickleRelation;
extern const struct wire_record pickle_PickleOutlet;
extern const struct wire_record pickle_PickleSend;

/* ---- reading (pickle_read.c) ---- */

struct pickle_cursor {
    struct wire_reader reader;
    struct pickle_why *why;
};

/*
 * Checks size, check sum, version and head, in this order. `body` then stands before the first
 * record behind the head. An outline has no check sum: that is tested only `whole`.
 */
bool pickle_open(struct pickle_cursor *body, struct stint_span pickle, size_t limit, bool whole,
    stint_PickleHead *head, struct pickle_why *why);

/* The next record must be of that kind and in its only form; else false, and the cursor's `why`
 * says so. */
bool pickle_record(
    struct pickle_cursor *c, enum pickle_tag tag, const struct wire_record *record, void *message);
#define PICKLE_RECORD(c, tag, type, message)                                                       \
    pickle_record((c), (tag), &pickle_##type, (1 ? (message) : (stint_##type *)0))

/* The bytes of the next record, which must be a content. */
bool pickle_content(struct pickle_cursor *c, struct stint_span *bytes);

/* ---- matching (pickle_match.c) ---- */

/* A code of a pickle and what it is here. */
struct pickle_match {
    const struct code *code; /* NULL: it is not here */
    bool same;               /* equal fingerprints: resume points by index */
};

/* Finds the code; false with the reason why its frames cannot go on here. */
bool pickle_match_code(const struct kernel *k, const stint_PickleCode *record,
    struct pickle_match *match, struct pickle_why *why);

/* Finds the message type; false with the reason. */
bool pickle_match_type(const struct kernel *k, const stint_PickleType *record,
    const struct known_type **type, struct pickle_why *why);

/* Finds where frame `index` of a matched code goes on: *point is NULL for its start. False with the
 * reason. */
bool pickle_match_frame(const struct pickle_match *match, uint32_t index,
    const stint_PickleFrame *record, const struct stint_point **point, struct pickle_why *why);

/* "frame 2, module/Code" for sentences. */
const char *pickle_frame_name(char out[160], uint32_t index, const struct code *code);

/* ---- checking (pickle_check.c) and building (pickle_build.c) ---- */

/* What the check found out and the builder needs. */
struct pickle_plan {
    const struct pickle_options *options;
    stint_PickleHead head;
    struct pickle_cursor frames; /* stands before the first frame */
    struct pickle_match codes[PICKLE_CODES_MAX];
    const struct known_type *types[PICKLE_TYPES_MAX];
};

/* What a frame says about the one that must stand above it. */
struct pickle_chain {
    const struct stint_point *point; /* where the frame below goes on; NULL: there is none */
    bool known;                      /* the code of the frame below is known */
    uint64_t stack;                  /* bytes of all frames so far */
    uint32_t index;                  /* of the next frame */
};

/* Whether the head makes sense alone. */
bool pickle_check_head(const stint_PickleHead *head, struct pickle_why *why);

/* Whether frame `chain->index` can stand and go on there; moves the chain on, whatever the answer.
 * `locals` has no data in an outline. Values are decoded into `scratch` (KERNEL_VALUE_MAX bytes) to
 * see that they can be. */
bool pickle_check_frame(const struct pickle_plan *plan, struct pickle_chain *chain,
    const stint_PickleFrame *record, struct stint_span locals, void *scratch,
    struct pickle_why *why);

/* Checks everything; fills `plan`, whose options are set. Nothing in the kernel changes but its
 * scratch. */
bool pickle_check(
    struct kernel *k, struct stint_span pickle, struct pickle_plan *plan, struct pickle_why *why);

/* Builds what was checked. On failure (limits, memory, ids that are there twice) nothing is left of
 * it. */
bool pickle_build(
    struct kernel *k, const struct pickle_plan *plan, struct stint_id *tid, struct pickle_why *why);

#endif
