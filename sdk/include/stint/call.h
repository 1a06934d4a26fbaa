/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes of an operation: its results, and the handle of one that is not waited for.
 *
 * Every function of client.h and admin.h that waits for the cluster has a twin whose name ends in
 * `_begin`: the same arguments without the results, then what to call when it is over. It answers
 * at once with a handle, or with NULL when it could not be begun (STINT_BUSY, STINT_CANCELLED,
 * STINT_NO_MEMORY; stint_client_error says why). An argument that makes no sense is told like any
 * other outcome.
 *
 *     static void
 *     counted(void *arg, struct stint_call *call)
 *     {
 *         struct stint_value value;
 *         if (stint_call_value(call, &value) == STINT_OK) {
 *             printf("%s: %s\n", (const char *)arg, value.json);
 *         } else {
 *             fprintf(stderr, "%s\n", stint_call_error(call));
 *         }
 *         stint_call_release(call);
 *     }
 *
 *     call = stint_client_receive_begin(client, "totals", true, 5000, counted, "total");
 *
 * Callbacks. `done` (may be NULL: then ask stint_call_done) is called once, by
 * stint_client_process, by a thread that blocks in a call of the same client, or by the library's
 * thread; never inside the call that asked for it, never with a lock held, and never two of one
 * client at a time. In it every function may be called but those that wait: they answer STINT_BUSY.
 * stint_client_close may.
 *
 * Handles. One belongs to you until stint_call_release, which may come at any time; the operation
 * goes on without its handle, and its callback is not called any more. Handles outlive their
 * client. All functions here are for any thread; but release a handle when no other thread uses it.
 */
#ifndef STINT_CALL_H
#define STINT_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stint/status.h"
#include "stint/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct stint_call;
struct stint_list; /* stint/list.h */

typedef void stint_call_done_fn(void *arg, struct stint_call *call);

/* ---- results ---- */

/*
 * A value: a protobuf message. In JSON, messages are objects by field name; an absent field has its
 * default, `null` means absent; integers are numbers, 64-bit ones are also taken as strings of
 * decimal digits, and always written as numbers; floating point numbers are numbers, or "NaN",
 * "Infinity", "-Infinity"; enums are numbers; bytes are strings of hex digits; a stint.Channel is
 * the channel's id or, when written by you, its name or a unique prefix of its id; stint.Tasklet
 * and stint.Node are ids; null: none.
 */
struct stint_value {
    struct stint_id channel; /* that it was received from */
    const char *type;        /* "tally.Total" */
    struct stint_span bytes; /* as encoded */
    const char *json; /* NULL when it was not asked for, or could not be made: then the error line
                         says why, though the status is STINT_OK */
};

/* A tasklet that was spawned. */
struct stint_spawned {
    struct stint_id id;
    const char *node; /* the name of the node where it is */
};

/* How a tasklet ended, or that it did what was waited for. */
struct stint_wait_result {
    struct stint_id id;
    bool ended;
    enum stint_status status; /* of the end; STINT_OK: it returned */
    const char *text;         /* of the error it ended with, or "" */
    const char *node;         /* where it is, if it has not ended; else "" */
    struct stint_value value; /* the result, with its JSON; type "" if there is none */
};

/* ---- asking ---- */

/*
 * Whether it is over. From then on nothing about it changes.
 *
 *     while (!stint_call_done(call)) {
 *         struct pollfd p = { .fd = stint_client_fd(client), .events = POLLIN };
 *         poll(&p, 1, stint_client_timeout_ms(client));
 *         stint_client_process(client);
 *     }
 */
STINT_API bool stint_call_done(const struct stint_call *call);

/*
 * What became of it: what the blocking function would have answered; STINT_BUSY while it goes on.
 *
 *     status = stint_call_status(call);
 */
STINT_API enum stint_status stint_call_status(const struct stint_call *call);

/*
 * One line about it, "" if there is nothing to say or it goes on. Valid until the release.
 *
 *     if (stint_call_status(call) != STINT_OK) {
 *         fprintf(stderr, "%s\n", stint_call_error(call));
 *     }
 */
STINT_API const char *stint_call_error(const struct stint_call *call);

/*
 * How long it took, in microseconds; 0 while it goes on. That of a ping is the round trip.
 *
 *     printf("%.3f ms\n", (double)stint_call_took_us(call) / 1000);
 */
STINT_API uint64_t stint_call_took_us(const struct stint_call *call);

/*
 * What a spawn has made: at most `room` entries in `spawned` (may be NULL with 0), in *count (may
 * be NULL) how many there are: fewer than were asked for after STINT_PARTIAL. Texts are valid until
 * the release. STINT_OK; STINT_INVALID the call is of another kind, goes on, or ended with neither
 * STINT_OK nor STINT_PARTIAL.
 *
 *     struct stint_spawned one;
 *     if (stint_call_spawned(call, &one, 1, NULL) == STINT_OK) {
 *         printf("on %s\n", one.node);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status stint_call_spawned(const struct stint_call *call,
                                                              struct stint_spawned *spawned,
                                                              size_t room, size_t *count);

/*
 * What a wait has seen. Texts and value are valid until the release. STINT_OK; STINT_INVALID the
 * call is of another kind, goes on, or did not end with STINT_OK.
 *
 *     struct stint_wait_result result;
 *     if (stint_call_waited(call, &result) == STINT_OK && result.ended) {
 *         puts(stint_status_name(result.status));
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status stint_call_waited(const struct stint_call *call,
                                                             struct stint_wait_result *result);

/*
 * The value of a receive, an encode (its bytes) or a decode (its JSON); valid until the release.
 * STINT_OK; STINT_INVALID as stint_call_waited.
 *
 *     struct stint_value value;
 *     if (stint_call_value(call, &value) == STINT_OK) {
 *         fwrite(value.bytes.data, 1, value.bytes.size, stdout);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status stint_call_value(const struct stint_call *call,
                                                            struct stint_value *value);

/*
 * The channel that was created or resolved. STINT_OK; STINT_INVALID as stint_call_waited.
 *
 *     struct stint_id id;
 *     status = stint_call_channel(call, &id);
 */
STINT_API STINT_MUST_USE enum stint_status stint_call_channel(const struct stint_call *call,
                                                              struct stint_id *id);

/*
 * The list that a request of admin.h brought, with STINT_OK or STINT_PARTIAL. It can be taken once
 * and is yours (stint_list_free); it outlives the call. STINT_OK; STINT_INVALID the call has no
 * list, goes on, failed, or gave its list already; STINT_NO_MEMORY. *list is NULL then.
 *
 *     if (stint_call_list(call, &list) == STINT_OK) {
 *         printf("%zu items\n", stint_list_count(list));
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status stint_call_list(struct stint_call *call,
                                                           struct stint_list **list);

/* ---- giving up and back ---- */

/*
 * Gives the operation up: it is over with STINT_CANCELLED; or with STINT_OUTCOME_UNKNOWN when its
 * request has left and changes something. Its callback is called as always. Nothing happens when it
 * is over.
 *
 *     stint_call_cancel(call);
 */
STINT_API void stint_call_cancel(struct stint_call *call);

/*
 * Gives the handle back, with all texts and values that were read from it. NULL is allowed. A
 * callback that another thread is in goes on, and has the handle until it returns.
 *
 *     stint_call_release(call);
 */
STINT_API void stint_call_release(struct stint_call *call);

#ifdef __cplusplus
}
#endif
#endif
