/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the machine, shared by its files. */
#ifndef STINT_CLIENT_MACHINE_INTERNAL_H
#define STINT_CLIENT_MACHINE_INTERNAL_H

#include "base/prng.h"
#include "base/table.h"
#include "client/candidates.h"
#include "client/machine.h"

#define MACHINE_NS_PER_MS UINT64_C(1000000)

enum machine_phase {
    MACHINE_OFFLINE,  /* nothing was asked */
    MACHINE_SEEKING,  /* a link is being made */
    MACHINE_GREETING, /* the session's handshake */
    MACHINE_OPEN,
    MACHINE_RESUMING, /* the link of an open session broke; it may come back */
    MACHINE_WAITING,  /* nobody answered; backoff */
    MACHINE_REFUSED,
    MACHINE_STOPPED,
};

/* Effects that are not made when they are asked for. An event makes a few; the pump takes all of
 * them after each. */
enum { MACHINE_EFFECTS = 16 };

struct client_machine {
    struct mem *mem;
    struct prng random;
    const struct identity *identity;
    uint32_t pending_max;
    size_t pending_bytes_max;

    enum machine_phase phase;
    struct candidates candidates;
    struct session *session;
    uint64_t link; /* 0: none */
    bool link_up;
    bool was_open; /* ever */
    uint64_t next_link;
    uint64_t phase_deadline; /* of SEEKING, GREETING, RESUMING, WAITING */
    uint64_t view_due;
    uint32_t backoff_ms;
    char node[CERT_NAME_SIZE];
    enum stint_status why;
    char why_text[CLIENT_DETAIL_SIZE];

    uint64_t next_number;
    struct list queue; /* QUEUED, oldest first */
    struct list sent;  /* SENT, oldest first */
    struct list done;  /* to be handed back */
    struct table by_number;
    struct heap timers;
    uint32_t pending;
    size_t pending_bytes;
    bool view_asked;
    struct own *own;
    struct buf body; /* scratch for one request */

    struct client_effect effects[MACHINE_EFFECTS];
    uint32_t effect_first, effect_count;
    enum stint_client_state shown_state;
};

/* ---- machine.c ---- */

/* The session is of no use any more: its requests are queued again or over, and another node is
 * looked for. */
void machine_lose(struct client_machine *m, const char *why, struct session_time time);

/* ---- requests.c ---- */

/* Hands queued requests to the open session as far as it has room. */
void machine_push(struct client_machine *m, struct session_time time);

/* Envelopes that came in. False: the node breaks the protocol. */
bool machine_replies(struct client_machine *m, struct stint_span batch, struct session_time time);

/* The session is gone: what it carried goes back to the queue or is over. */
void machine_requeue(struct client_machine *m);

/* Ends requests whose time is over. */
void machine_expire(struct client_machine *m, struct session_time time);

/* Ends all requests, with this verdict for those that never left. */
void machine_fail_all(struct client_machine *m, enum stint_status status, const char *detail);

/* Asks the node for the members of the cluster, unless that is under way. */
void machine_ask_view(struct client_machine *m, struct session_time time);

void machine_finish(struct client_machine *m, struct client_request *r, enum stint_status status,
                    const char *detail);

#endif
