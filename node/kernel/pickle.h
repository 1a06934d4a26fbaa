/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasklets as bytes. The format is documented in proto/schema/pickle.proto; here is what the kernel
 * does with it.
 *
 *     source              target
 *     kernel_outline -->  kernel_explain_pickle   may it come at all?
 *     kernel_freeze
 *     kernel_save    -->  kernel_load             checks everything, then builds: frozen
 *     kernel_discard      kernel_thaw             it goes on
 *
 * A pickle is hostile until the last byte has been checked: kernel_load() builds nothing before,
 * and after a failure the kernel is as it was. What is checked: size, check sum, version, form of
 * every record, code by code whether it is here and continues the tasklet (fingerprint, or resume
 * label), frames, resume points, locals, channels, queues, numbers, timers.
 *
 * One tasklet has one pickle: saving a loaded one gives the same bytes.
 */
#ifndef STINT_KERNEL_PICKLE_H
#define STINT_KERNEL_PICKLE_H

#include "base/buf.h"
#include "kernel/kernel.h"
#include "schema/pickle.pb.h"

#define PICKLE_VERSION 1u
#define PICKLE_SIZE_MAX (16u << 20) /* whatever the caller allows */
#define PICKLE_CODES_MAX 256u       /* different codes in one tasklet */
#define PICKLE_TYPES_MAX 256u       /* different types of its channels and values */
#define PICKLE_FAULTS_MAX 1025u     /* one handled by each frame and one on its way */

/* ---- writing ---- */

/*
 * Appends the pickle of a frozen tasklet; its frames, channels, dealings and queues are not
 * changed, but hints in channel handles are cleared. STINT_NOT_HERE, STINT_INVALID (not frozen),
 * STINT_LIMIT (larger than `out` may be), STINT_NO_MEMORY; on failure nothing is appended.
 */
STINT_MUST_USE enum stint_status
kernel_save(struct kernel *k, struct stint_id tid, struct buf *out);

/* Appends the outline of a tasklet, frozen or not: what kernel_explain_pickle() needs to answer at
 * another node. */
STINT_MUST_USE enum stint_status
kernel_outline(struct kernel *k, struct stint_id tid, struct buf *out);

/* About how long its pickle would be now: never less than half and, while the values in its
 * channels and locals are small for their bounds, more than it. 0 if it is not here. */
uint64_t kernel_pickle_estimate(const struct kernel *k, struct stint_id tid);

/* ---- reading into a kernel ---- */

struct pickle_options {
    size_t limit;        /* most bytes; 0: PICKLE_SIZE_MAX */
    struct stint_id tid; /* it must be this tasklet's; zero: any */
    uint64_t epoch;      /* under this epoch; 0: any */
    bool fresh;  /* a copy: new ids for it and its channels, no names, no dealings with others */
    bool paused; /* it is held until kernel_resume() */
    bool moved;  /* counts as one more move */
};

/*
 * Makes a frozen tasklet of a pickle; kernel_thaw() lets it go on, kernel_discard() drops it. *tid
 * is its id. On failure nothing was built and `error` holds a sentence: STINT_BAD_PICKLE
 * (malformed, damaged, or not what `options` expect), STINT_BAD_VERSION, STINT_UNKNOWN_MODULE,
 * STINT_UNKNOWN_CODE, STINT_INCOMPATIBLE (another version of the code, and why it cannot go on
 * there), STINT_EXISTS (it or a channel of it is here already), STINT_LIMIT, STINT_NO_MEMORY.
 */
STINT_MUST_USE enum stint_status kernel_load(struct kernel *k, struct stint_span pickle,
    const struct pickle_options *options, struct stint_id *tid, char *error, size_t error_size);

/*
 * Tells every reason why kernel_load() would refuse this pickle or outline for its codes, types and
 * resume points (all of them), or the first one that makes it unreadable. Returns their number; 0:
 * it fits.
 */
uint32_t kernel_explain_pickle(
    const struct kernel *k, struct stint_span pickle, kernel_explain_fn *tell, void *arg);

/* ---- reading without a kernel ---- */

struct pickle_frame_view {
    stint_PickleFrame frame;
    stint_PickleCode code;
    struct stint_span locals; /* encoded message code.type */
};

struct pickle_reader {
    struct stint_span input;
    stint_PickleHead head;
    uint32_t next; /* frame */
    size_t at;     /* of that frame */
    size_t codes_at;
};

/* Begins to read; `head` is there afterwards. STINT_BAD_PICKLE, STINT_BAD_VERSION or STINT_LIMIT
 * with a sentence. */
STINT_MUST_USE enum stint_status pickle_read_begin(
    struct pickle_reader *r, struct stint_span pickle, char *error, size_t error_size);

/* The next frame, bottom first. STINT_END_OF_SEQUENCE after the last; STINT_BAD_PICKLE. The view
 * borrows from the pickle. */
STINT_MUST_USE enum stint_status
pickle_read_frame(struct pickle_reader *r, struct pickle_frame_view *view);

#endif
