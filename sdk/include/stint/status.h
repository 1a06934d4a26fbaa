/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One status for everything that can fail, from one list, so that code, name and sentence cannot
 * drift. STINT_OK is 0. The numbers are part of the ABI and of the wire: statuses are only ever
 * added, at the end, so a switch over them needs a default.
 */
#ifndef STINT_STATUS_H
#define STINT_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, number, sentence) for each; the constants are STINT_NAME. */
#define STINT_STATUS_LIST(X)                                                            \
    X(OK, 0, "success")                                                                 \
    X(ERROR, 1, "failed")                                                               \
    X(INVALID, 2, "invalid argument")                                                   \
    X(NO_MEMORY, 3, "out of memory")                                                    \
    X(LIMIT, 4, "a limit was reached")                                                  \
    X(NOT_FOUND, 5, "not found")                                                        \
    X(AMBIGUOUS, 6, "the prefix matches more than one")                                 \
    X(EXISTS, 7, "exists already")                                                      \
    X(REFUSED, 8, "refused")                                                            \
    X(NOT_AUTHORISED, 9, "not authorised")                                              \
    X(UNREACHABLE, 10, "cannot be reached")                                             \
    X(TIMED_OUT, 11, "deadline passed")                                                 \
    X(OUTCOME_UNKNOWN, 12, "outcome unknown")                                           \
    X(NOT_SENT, 13, "not sent")                                                         \
    X(CLOSED, 14, "channel is closed")                                                  \
    X(END_OF_SEQUENCE, 15, "end of sequence")                                           \
    X(CHANNEL_LOST, 16, "the channel's host is lost")                                   \
    X(TYPE_MISMATCH, 17, "message type differs from the channel's")                     \
    X(KILLED, 18, "killed")                                                             \
    X(CANCELLED, 19, "cancelled")                                                       \
    X(BUSY, 20, "busy, try again")                                                      \
    X(BLOCKED, 21, "the tasklet is blocked")                                            \
    X(DEAD, 22, "the tasklet has ended")                                                \
    X(NOT_MOVABLE, 23, "cannot be moved")                                               \
    X(BAD_PICKLE, 24, "malformed or damaged pickle")                                    \
    X(BAD_VERSION, 25, "unsupported version")                                           \
    X(BAD_FRAME, 26, "malformed frame")                                                 \
    X(BAD_CERTIFICATE, 27, "certificate refused")                                       \
    X(WRONG_CLUSTER, 28, "belongs to another cluster")                                  \
    X(EXPIRED, 29, "expired")                                                           \
    X(REVOKED, 30, "revoked")                                                           \
    X(UNKNOWN_MODULE, 31, "module is not loaded there")                                 \
    X(UNKNOWN_CODE, 32, "code is not known there")                                      \
    X(INCOMPATIBLE, 33, "code differs and cannot be matched")                           \
    X(FENCED, 34, "this node is no longer a member")                                    \
    X(STORE_DOWN, 35, "the store cannot be reached")                                    \
    X(CONFLICT, 36, "changed by somebody else meanwhile")                               \
    X(FULL, 37, "buffer is full")                                                       \
    X(IO, 38, "input/output error")                                                     \
    X(DEPTH, 39, "too many nested calls")                                               \
    X(USER, 40, "raised by the code itself")                                            \
    X(DRAINING, 41, "the node is draining")                                             \
    X(IN_DOUBT, 42, "in doubt until the membership decides")                            \
    X(NOT_HERE, 43, "not on this node")                                                 \
    X(PARTIAL, 44, "partly done")

#define STINT_STATUS_ENUM_(name, number, text) STINT_##name = number,
enum stint_status { STINT_STATUS_LIST(STINT_STATUS_ENUM_) STINT_STATUS_COUNT_ };
#undef STINT_STATUS_ENUM_

/* For the headers themselves: a result that may not be ignored, a format as of printf, a function
 * that the library exports. */
#if defined(__GNUC__)
#define STINT_MUST_USE __attribute__((warn_unused_result))
#define STINT_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#else
#define STINT_MUST_USE
#define STINT_PRINTF(format_at, args_at)
#endif
#if defined(STINT_BUILDING) && defined(__GNUC__)
#define STINT_API __attribute__((visibility("default")))
#else
#define STINT_API
#endif

/*
 * The sentence of a status, as "deadline passed"; "unknown status" for a number that is none.
 * Static storage, never NULL. Any thread.
 *
 *     fprintf(stderr, "%s\n", stint_strerror(status));
 */
STINT_API const char *stint_strerror(enum stint_status status);

/*
 * Its name without the prefix, as "TIMED_OUT"; "UNKNOWN" for a number that is none. Static storage,
 * never NULL. Any thread.
 *
 *     fprintf(stderr, "STINT_%s\n", stint_status_name(status));
 */
STINT_API const char *stint_status_name(enum stint_status status);

#ifdef __cplusplus
}
#endif
#endif
