/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inbound links of a net: a connection of the ROUTER (its routing id) together with
 * the key that its peer proved. A number is never given twice. The table is bounded;
 * when it is over its limit the link that goes is one that nothing was ever sent to (so
 * a flood of strangers pushes out strangers), and among those the one that was silent
 * longest.
 */
#ifndef STINT_LINK_INBOUND_H
#define STINT_LINK_INBOUND_H

#include <stdbool.h>

#include "base/list.h"
#include "base/table.h"
#include "link/link.h"

enum { INBOUND_ROUTING_MAX = 15 };

struct inbound_link {
    struct list place; /* in one of the lists of struct inbound */
    uint64_t number;
    uint64_t heard_ns;
    uint8_t routing_size;
    uint8_t routing[INBOUND_ROUTING_MAX];
    bool answered;                    /* something was sent to it */
    bool closed;                      /* the caller wants to hear no more of it */
    char user[2 * LINK_KEY_SIZE + 1]; /* the key as the handler wrote it */
    uint8_t key[LINK_KEY_SIZE];
};

struct inbound {
    struct mem *mem;
    struct table by_routing;
    struct table by_number;
    struct list strangers; /* never answered, or closed; the longest silent first */
    struct list peers;     /* the same order */
    struct list lost;      /* to be reported as down */
    uint64_t next;
    uint64_t silence_ns;
    uint32_t max;
};

void inbound_init(struct inbound *in, struct mem *mem, uint32_t max,
                  uint64_t silence_ns, uint64_t seed);
void inbound_fini(struct inbound *in);

/*
 * The link that a frame came from, made when it is new. NULL when the frame is to be
 * dropped: a peer that chose its own routing id, a text that is no key, a closed link,
 * no memory.
 */
struct inbound_link *inbound_heard(struct inbound *in, struct stint_span routing,
                                   const char *user, uint64_t now_ns);

struct inbound_link *inbound_find(const struct inbound *in, uint64_t number);

/* Something was sent to it: it is no stranger. */
void inbound_answered(struct inbound *in, struct inbound_link *l);

/* Its connection is gone: inbound_expired gives it next. */
void inbound_lost(struct inbound *in, struct inbound_link *l);

/* The caller's disconnect: later frames are dropped, it is never reported. */
void inbound_close(struct inbound *in, struct inbound_link *l);

/* A link that is lost, silent for too long, or too many: forgotten, and *number is to
 * be reported with *text. False when there is none. */
bool inbound_expired(struct inbound *in, uint64_t now_ns, uint64_t *number,
                     const char **text);

/* When the next one will be silent for too long; UINT64_MAX: none. */
uint64_t inbound_deadline(const struct inbound *in);

#endif
