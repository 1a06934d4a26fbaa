/* SPDX-License-Identifier: Apache-2.0 */
#include "link/link_inbound.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"

void
inbound_init(struct inbound *in, struct mem *mem, uint32_t max, uint64_t silence_ns,
             uint64_t seed)
{
    in->mem = mem;
    table_init(&in->by_routing, mem, seed);
    table_init(&in->by_number, mem, seed);
    list_init(&in->strangers);
    list_init(&in->peers);
    list_init(&in->lost);
    in->next = 1;
    in->silence_ns = silence_ns;
    in->max = max;
}

/* A routing id as a key of the table. ZeroMQ's own begin with a zero byte; a chosen one
 * never may, so what a peer chose can be told apart and is of no use to it. */
static bool
routing_key(struct stint_span routing, struct stint_id *key)
{
    if (routing.size < 2 || routing.size > INBOUND_ROUTING_MAX ||
        routing.data[0] != 0) {
        return false;
    }
    memset(key, 0, sizeof *key);
    memcpy(key->bytes, routing.data, routing.size);
    key->bytes[sizeof key->bytes - 1] = (uint8_t)routing.size;
    return true;
}

static void
forget(struct inbound *in, struct inbound_link *l)
{
    struct stint_id key;
    bool ok = routing_key(span_of(l->routing, l->routing_size), &key);
    STINT_ASSERT(ok);
    void *by_routing = table_remove(&in->by_routing, key);
    void *by_number = table_remove(&in->by_number, id_of_u64(l->number));
    STINT_ASSERT(by_routing == l && by_number == l);
    list_remove(&l->place);
    mem_free(in->mem, l, sizeof *l);
}

void
inbound_fini(struct inbound *in)
{
    struct list *lists[] = { &in->strangers, &in->peers, &in->lost };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        LIST_EACH(place, lists[i]) {
            forget(in, STINT_CONTAINER_OF(place, struct inbound_link, place));
        }
    }
    table_fini(&in->by_routing);
    table_fini(&in->by_number);
}

static struct inbound_link *
add(struct inbound *in, struct stint_id key, struct stint_span routing,
    const char *user)
{
    struct inbound_link *l = mem_zalloc(in->mem, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    if (!text_unhex(l->key, sizeof l->key, user)) {
        mem_free(in->mem, l, sizeof *l);
        return NULL;
    }
    (void)text_copy(l->user, sizeof l->user, user);
    l->number = LINK_INBOUND | in->next;
    l->routing_size = (uint8_t)routing.size;
    memcpy(l->routing, routing.data, routing.size);
    if (table_insert(&in->by_routing, key, l) != STINT_OK) {
        mem_free(in->mem, l, sizeof *l);
        return NULL;
    }
    if (table_insert(&in->by_number, id_of_u64(l->number), l) != STINT_OK) {
        (void)table_remove(&in->by_routing, key);
        mem_free(in->mem, l, sizeof *l);
        return NULL;
    }
    in->next++;
    list_push_back(&in->strangers, &l->place);
    return l;
}

struct inbound_link *
inbound_heard(struct inbound *in, struct stint_span routing, const char *user,
              uint64_t now_ns)
{
    struct stint_id key;
    if (user == NULL || !routing_key(routing, &key)) {
        return NULL;
    }
    struct inbound_link *l = table_find(&in->by_routing, key);
    if (l == NULL) {
        l = add(in, key, routing, user);
    } else if (strcmp(l->user, user) != 0) {
        /* A routing id lives with its connection, and a connection has one key. */
        return NULL;
    }
    if (l == NULL) {
        return NULL;
    }
    l->heard_ns = now_ns;
    list_remove(&l->place);
    list_push_back(l->answered && !l->closed ? &in->peers : &in->strangers, &l->place);
    return l->closed ? NULL : l;
}

struct inbound_link *
inbound_find(const struct inbound *in, uint64_t number)
{
    struct inbound_link *l = table_find(&in->by_number, id_of_u64(number));
    return l == NULL || l->closed ? NULL : l;
}

void
inbound_answered(struct inbound *in, struct inbound_link *l)
{
    if (!l->answered) {
        l->answered = true;
        list_remove(&l->place);
        list_push_back(&in->peers, &l->place);
    }
}

void
inbound_lost(struct inbound *in, struct inbound_link *l)
{
    list_remove(&l->place);
    list_push_back(&in->lost, &l->place);
}

void
inbound_close(struct inbound *in, struct inbound_link *l)
{
    l->closed = true;
    list_remove(&l->place);
    list_push_back(&in->strangers, &l->place);
}

static struct inbound_link *
first_of(const struct list *head)
{
    struct list *place = list_first(head);
    return place == NULL ? NULL : STINT_CONTAINER_OF(place, struct inbound_link, place);
}

static bool
is_silent(const struct inbound *in, const struct inbound_link *l, uint64_t now_ns)
{
    return l != NULL && now_ns >= l->heard_ns && now_ns - l->heard_ns >= in->silence_ns;
}

static struct inbound_link *
next_expired(struct inbound *in, uint64_t now_ns, const char **text)
{
    struct inbound_link *lost = first_of(&in->lost);
    struct inbound_link *stranger = first_of(&in->strangers);
    struct inbound_link *peer = first_of(&in->peers);
    if (lost != NULL) {
        *text = "the connection was lost";
        return lost;
    }
    if (table_count(&in->by_number) > in->max) {
        *text = "too many connections";
        return stranger != NULL ? stranger : peer;
    }
    *text = "the peer is silent";
    if (is_silent(in, stranger, now_ns)) {
        return stranger;
    }
    return is_silent(in, peer, now_ns) ? peer : NULL;
}

bool
inbound_expired(struct inbound *in, uint64_t now_ns, uint64_t *number,
                const char **text)
{
    struct inbound_link *l;
    while ((l = next_expired(in, now_ns, text)) != NULL) {
        bool closed = l->closed;
        *number = l->number;
        forget(in, l);
        if (!closed) {
            return true;
        }
    }
    return false;
}

uint64_t
inbound_deadline(const struct inbound *in)
{
    const struct inbound_link *stranger = first_of(&in->strangers);
    const struct inbound_link *peer = first_of(&in->peers);
    if (!list_is_empty(&in->lost)) {
        return 0;
    }
    uint64_t a = stranger == NULL ? UINT64_MAX : stranger->heard_ns + in->silence_ns;
    uint64_t b = peer == NULL ? UINT64_MAX : peer->heard_ns + in->silence_ns;
    return a < b ? a : b;
}
