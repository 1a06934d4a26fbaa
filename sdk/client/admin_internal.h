/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of admin.h share: making a request, running it, handing out its items. */
#ifndef STINT_CLIENT_ADMIN_INTERNAL_H
#define STINT_CLIENT_ADMIN_INTERNAL_H

#include "client/list.h"

/* A call of one request with this verb, not begun; NULL when there is no room (the error is set).
 * Takes the lock, as client_call_new does. */
struct stint_call *request_ask(struct stint_client *client, stint_Verb verb, uint32_t timeout_ms);

/* The same for a request that changes something, with the reason that stands in the cluster's
 * records. */
struct stint_call *request_change(struct stint_client *client, stint_Verb verb, const char *reason,
                                  uint32_t timeout_ms);

/* Puts the object of a request; a missing or overlong one ends the call. `call` may be NULL. */
void request_target(struct stint_call *call, const char *target, const char *what);

/* Its answer is a list. `call` may be NULL; gives it back. */
struct stint_call *request_lists(struct stint_call *call);

/* Ends a call whose arguments are in a structure that is too small. `call` may be NULL. */
void request_size(struct stint_call *call, bool fits, const char *macro);

/* Runs it and leaves the client. `list` may be NULL when there is none. */
STINT_MUST_USE enum stint_status request_run(struct stint_client *client, struct stint_call *call,
                                             struct stint_list **list);

#endif
