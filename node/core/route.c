/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where is this id? First what is known (it is here, a hint), then its home is asked, then every member. What waits for
 * an answer is held meanwhile, within bounds. Hints may be wrong at any time: who is asked in vain says so, and the search begins
 * again with the hint distrusted.
 */
#include <string.h>

#include "base/ids.h"
#include "base/text.h"
#include "core/codec.h"
#include "core/route.h"
#include "wire/own_channel.h"

#define SEARCHES_MAX 16384
#define HELD_MAX 65536
#define HELD_BYTES_MAX ((size_t)32 << 20)
#define ENDED_NS (UINT64_C(500) * 1000000) /* how long a last result may be on its way after the end of a channel */
#define AGAIN_NS (UINT64_C(100) * 1000000)
#define AWAIT_NS ((uint64_t)LIMIT_RELATION_EXPIRY_MS * 1000000) /* a client may look for another relay for so long */
#define ASK_NS (UINT64_C(1000) * 1000000)                     /* between two rounds meanwhile */
#define ANSWER_NS (UINT64_C(1500) * 1000000) /* an answer that takes longer is not waited for */

struct held {
    struct list link;
    struct envelope envelope;
    size_t size;
    uint8_t body[];
};

struct finder {
    struct list link;
    route_found_fn *found;
    uint64_t token;
};

struct search {
    struct list link; /* in order of their deadlines' setting */
    struct stint_id id;
    stint_LocateKind kind;
    uint64_t number;
    uint64_t deadline;
    uint64_t await_until; /* of a channel that a client hosts: before that it is not lost */
    uint32_t unanswered; /* members that were asked and have not answered */
    uint64_t view;       /* under which the round began */
    bool asked_home;
    bool everybody;
    bool ended;      /* it has ended, and what is held waits for a last result until the deadline */
    bool conclusive; /* every member had installed that view when the round began */
    struct list held;
    struct list finders;
};

enum stint_status
route_init(struct node *n)
{
    struct route *r = mem_zalloc(n->mem, sizeof *r);
    if (r == NULL) {
        return STINT_NO_MEMORY;
    }
    table_init(&r->searches, n->mem, prng_next(&n->random));
    list_init(&r->order);
    r->next_number = 1;
    n->route = r;
    struct directory_config config = { .mem = n->mem, .seed = prng_next(&n->random) };
    n->directory = directory_new(&config);
    return n->directory != NULL ? STINT_OK : STINT_NO_MEMORY;
}

static void
free_held(struct node *n, struct held *held)
{
    n->route->held_count--;
    n->route->held_bytes -= held->size;
    mem_free(n->mem, held, sizeof *held + held->size);
}

/* Takes a search out; its lists are moved to the caller's. */
static void
end_search(struct node *n, struct search *s, struct list *held, struct list *finders)
{
    list_init(held);
    list_init(finders);
    list_splice_back(held, &s->held);
    list_splice_back(finders, &s->finders);
    (void)table_remove(&n->route->searches, s->id);
    list_remove(&s->link);
    mem_free(n->mem, s, sizeof *s);
}

void
route_fini(struct node *n)
{
    struct route *r = n->route;
    if (r == NULL) {
        return;
    }
    struct search *s;
    while ((s = table_first(&r->searches)) != NULL) {
        struct list held, finders, *link;
        end_search(n, s, &held, &finders);
        while ((link = list_pop_front(&held)) != NULL) {
            free_held(n, STINT_CONTAINER_OF(link, struct held, link));
        }
        while ((link = list_pop_front(&finders)) != NULL) {
            mem_free(n->mem, STINT_CONTAINER_OF(link, struct finder, link), sizeof(struct finder));
        }
    }
    table_fini(&r->searches);
    directory_free(n->directory);
    mem_free(n->mem, r, sizeof *r);
    n->route = NULL;
}

/* What this node knows without asking. False: nothing. */
static bool
known_place(struct node *n, struct stint_id id, struct directory_place *place)
{
    uint64_t epoch;
    if (route_is_here(n, id, &epoch)) {
        *place = (struct directory_place){ .id = id, .node = n->self, .epoch = epoch };
        return true;
    }
    if (!directory_lookup(n->directory, id, place, n->now_ns)) {
        return false;
    }
    if (place->ended) {
        return true;
    }
    /* A hint that names this node is out of date: it is not here. */
    return !id_equal(place->node.id, n->self.id) && view_has(n->view, place->node);
}

/* Hearsay helps who searches, but would keep alive for ever what nobody has: an answer to WHO is first-hand. */
static bool
knows_first_hand(struct node *n, struct stint_id id, struct directory_place *place)
{
    uint64_t epoch;
    if (route_is_here(n, id, &epoch)) {
        *place = (struct directory_place){ .id = id, .node = n->self, .epoch = epoch };
        return true;
    }
    return directory_forwarder(n->directory, id, place, n->now_ns) && view_has(n->view, place->node);
}

/* ---- searching ---- */

static void
ask(struct node *n, struct search *s, struct stint_id whom)
{
    stint_Locate message = stint_Locate_init_zero;
    message.op = s->everybody ? stint_LocateOp_LOCATE_WHO : stint_LocateOp_LOCATE_WHERE;
    message.number = s->number;
    message.places_count = 1;
    memcpy(message.places[0].id, s->id.bytes, 16);
    message.places[0].kind = s->kind;
    uint8_t body[128];
    size_t size = codec_write(stint_Locate_fields, &message, body, sizeof body);
    struct envelope envelope = { .kind = ENVELOPE_LOCATE };
    peers_send(n, whom, &envelope, span_of(body, size));
    s->unanswered++;
}

/* True when every member has said that it has installed this node's view. */
static bool
all_installed(const struct node *n)
{
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        const struct load_entry *e = load_table_find(&n->loads, m->ref);
        bool self = id_equal(m->ref.id, n->self.id);
        if (member_is_living(m) && !self && (e == NULL || e->installed < n->view->number)) {
            return false;
        }
    }
    return true;
}

static void
ask_everybody(struct node *n, struct search *s)
{
    s->everybody = true;
    s->unanswered = 0;
    s->number = n->route->next_number++;
    s->view = n->view->number;
    s->conclusive = all_installed(n);
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        if (member_is_living(m) && !id_equal(m->ref.id, n->self.id)) {
            ask(n, s, m->ref.id);
        }
    }
}

static void
begin_round(struct node *n, struct search *s)
{
    s->deadline = n->now_ns + ANSWER_NS;
    s->unanswered = 0;
    s->everybody = false;
    s->number = n->route->next_number++;
    struct node_ref home = view_home(n->view, s->id);
    if (!s->asked_home && !node_ref_is_none(home) && !id_equal(home.id, n->self.id)) {
        s->asked_home = true;
        ask(n, s, home.id);
    } else {
        ask_everybody(n, s);
    }
}

static void
answer_finders(struct node *n, struct list *finders, struct stint_id id, struct node_ref where)
{
    struct list *link;
    while ((link = list_pop_front(finders)) != NULL) {
        struct finder *f = STINT_CONTAINER_OF(link, struct finder, link);
        f->found(n, f->token, id, where);
        mem_free(n->mem, f, sizeof *f);
    }
}

static void
lost(struct node *n, struct search *s)
{
    struct list held, finders, *link;
    struct stint_id id = s->id;
    end_search(n, s, &held, &finders);
    while ((link = list_pop_front(&held)) != NULL) {
        struct held *h = STINT_CONTAINER_OF(link, struct held, link);
        remote_lost(n, &h->envelope);
        free_held(n, h);
    }
    answer_finders(n, &finders, id, NODE_REF_NONE);
}

/* Requests of clients, which are epoch 0, are told what became of their operations; tasklets ask until they know. */
static void
send_there(struct node *n, struct stint_id to, const struct envelope *envelope, struct stint_span body)
{
    if (envelope->epoch == 0 && (envelope->kind == ENVELOPE_OFFER || envelope->kind == ENVELOPE_CANCEL)) {
        admin_operation_sent(n, envelope->source, envelope->target, envelope->number);
    }
    peers_send(n, to, envelope, body);
}

static void
found(struct node *n, struct search *s, struct node_ref where)
{
    struct list held, finders, *link;
    struct stint_id id = s->id;
    end_search(n, s, &held, &finders);
    while ((link = list_pop_front(&held)) != NULL) {
        struct held *h = STINT_CONTAINER_OF(link, struct held, link);
        send_there(n, where.id, &h->envelope, span_of(h->body, h->size));
        free_held(n, h);
    }
    answer_finders(n, &finders, id, where);
}

/*
 * It has ended, perhaps with the very operation that is offered here again: then the result is on its way, behind the
 * tasklet that has moved meanwhile. So nobody is told that it is lost before that had its time.
 */
static void
wait_for_last(struct node *n, struct search *s)
{
    struct list finders;
    struct stint_id id = s->id;
    list_init(&finders);
    list_splice_back(&finders, &s->finders);
    if (list_is_empty(&s->held)) {
        lost(n, s);
    } else if (!s->ended) {
        s->ended = true;
        s->deadline = n->now_ns + ENDED_NS;
    }
    answer_finders(n, &finders, id, NODE_REF_NONE);
}

/*
 * All who were asked have answered that they do not know. It is lost only if that was everybody, each had installed this view before
 * it was asked, and no view has come since (rule H8 of tests/model): else somebody may be about to adopt it.
 */
static void
nobody(struct node *n, struct search *s)
{
    struct directory_place place;
    if (known_place(n, s->id, &place)) {
        if (place.ended) {
            wait_for_last(n, s);
        } else {
            found(n, s, place.node);
        }
        return;
    }
    if (!s->everybody) {
        ask_everybody(n, s);
        if (s->unanswered != 0) {
            return;
        }
    }
    if (n->now_ns < s->await_until) { /* it will be announced; the rounds are for who misses that */
        s->deadline = n->now_ns + ASK_NS < s->await_until ? n->now_ns + ASK_NS : s->await_until;
        return;
    }
    if ((s->conclusive && s->view == n->view->number) || list_is_empty(&s->held)) {
        lost(n, s);
        return;
    }
    struct list finders;
    list_init(&finders);
    list_splice_back(&finders, &s->finders);
    s->unanswered = 0; /* again at the deadline; who only asks need not wait for that */
    if (s->deadline > n->now_ns + AGAIN_NS) {
        s->deadline = n->now_ns + AGAIN_NS;
    }
    answer_finders(n, &finders, s->id, NODE_REF_NONE);
}

static struct search *
get_search(struct node *n, struct stint_id id, stint_LocateKind kind, bool *fresh)
{
    struct route *r = n->route;
    struct search *s = table_find(&r->searches, id);
    *fresh = s == NULL;
    if (s != NULL) {
        return s;
    }
    if (table_count(&r->searches) >= SEARCHES_MAX || (s = mem_zalloc(n->mem, sizeof *s)) == NULL) {
        return NULL;
    }
    s->id = id;
    s->kind = kind;
    s->await_until = own_channel_is(id) ? n->now_ns + AWAIT_NS : 0;
    list_init(&s->held);
    list_init(&s->finders);
    if (table_insert(&r->searches, id, s) != STINT_OK) {
        mem_free(n->mem, s, sizeof *s);
        return NULL;
    }
    list_push_back(&r->order, &s->link);
    return s;
}

static void
start_if_fresh(struct node *n, struct search *s, bool fresh)
{
    if (fresh) {
        begin_round(n, s);
        if (s->unanswered == 0) {
            nobody(n, s);
        }
    }
}

void
route_send(struct node *n, stint_LocateKind kind, const struct envelope *envelope, struct stint_span body)
{
    struct directory_place place;
    bool known = known_place(n, envelope->target, &place);
    bool operation = envelope->kind == ENVELOPE_OFFER || envelope->kind == ENVELOPE_CANCEL;
    if (known && !place.ended) {
        send_there(n, place.node.id, envelope, body);
        return;
    }
    if (known && !operation) {
        return; /* what has no answer goes with it */
    }
    struct route *r = n->route;
    bool fresh;
    struct search *s = get_search(n, envelope->target, kind, &fresh);
    struct held *h = NULL;
    if (s != NULL && r->held_count < HELD_MAX && r->held_bytes + body.size <= HELD_BYTES_MAX) {
        h = mem_alloc(n->mem, sizeof *h + body.size);
    }
    if (h == NULL) { /* the room that sent it offers again after a while */
        remote_again(n, envelope->source, envelope->target);
        if (s != NULL && fresh) {
            start_if_fresh(n, s, true);
        }
        return;
    }
    h->envelope = *envelope;
    h->size = body.size;
    bytes_copy(h->body, body.data, body.size);
    r->held_count++;
    r->held_bytes += body.size;
    list_push_back(&s->held, &h->link);
    if (known) {
        wait_for_last(n, s);
    } else {
        start_if_fresh(n, s, fresh);
    }
}

static void
find(struct node *n, struct stint_id id, bool first_hand, route_found_fn *found_fn, uint64_t token)
{
    bool fresh;
    struct search *s = get_search(n, id, stint_LocateKind_LOCATE_ANY, &fresh);
    if (fresh && s != NULL) {
        s->asked_home = first_hand;
    }
    struct finder *f = s != NULL ? mem_alloc(n->mem, sizeof *f) : NULL;
    if (f == NULL) {
        found_fn(n, token, id, NODE_REF_NONE);
        return;
    }
    f->found = found_fn;
    f->token = token;
    list_push_back(&s->finders, &f->link);
    start_if_fresh(n, s, fresh);
}

void
route_find(struct node *n, struct stint_id id, route_found_fn *found_fn, uint64_t token)
{
    struct directory_place place;
    if (known_place(n, id, &place)) {
        found_fn(n, token, id, place.ended ? NODE_REF_NONE : place.node);
        return;
    }
    find(n, id, false, found_fn, token);
}

/* ---- messages ---- */

static struct directory_place
get_place(const stint_Location *in)
{
    return (struct directory_place){
        .id = codec_id(in->id), .kind = in->kind, .node = { codec_id(in->node), in->inc }, .epoch = in->epoch, .ended = in->ended
    };
}

static void
answer_where(struct node *n, const struct arrival *a, const stint_Locate *message)
{
    for (pb_size_t i = 0; i < message->places_count; i++) {
        struct directory_place place = { .id = codec_id(message->places[i].id) };
        struct directory_place known;
        bool knows = message->op == stint_LocateOp_LOCATE_WHO
                         ? knows_first_hand(n, place.id, &known)
                         : known_place(n, place.id, &known) ||
                     (directory_where(n->directory, place.id, &known, n->now_ns) &&
                      (known.ended || (view_has(n->view, known.node) && !id_equal(known.node.id, n->self.id))));
        if (knows) {
            known.id = place.id;
            route_send_places(n, a->from.id, stint_LocateOp_LOCATE_THERE, message->number, &known);
        } else {
            route_send_places(n, a->from.id, stint_LocateOp_LOCATE_UNKNOWN, message->number, &place);
        }
    }
}

static void
take_answer(struct node *n, const struct arrival *a, const stint_Locate *message)
{
    for (pb_size_t i = 0; i < message->places_count; i++) {
        struct directory_place place = get_place(&message->places[i]);
        struct search *s = table_find(&n->route->searches, place.id);
        bool there = message->op == stint_LocateOp_LOCATE_THERE;
        if (there) {
            (void)directory_learn(n->directory, &place, n->now_ns);
        }
        if (there && message->number == 0 && node_ref_equal(place.node, a->from) &&
            id_equal(view_home(n->view, place.id).id, n->self.id)) {
            (void)!directory_report(n->directory, &place, n->now_ns);
        }
        if (s == NULL || s->number != message->number) {
            continue;
        }
        /* That it is here would be known here; then a forwarder elsewhere is older than what became of it. */
        if (there && !place.ended && view_has(n->view, place.node) && !id_equal(place.node.id, n->self.id)) {
            found(n, s, place.node);
        } else if (s->unanswered > 0 && --s->unanswered == 0) {
            nobody(n, s);
        }
    }
}

/*
 * For channels that clients host it is more than a hint: their relay tells everybody, and what is outstanding with it may
 * have got lost with the relay before, which may still be alive.
 */
static void
update_received(struct node *n, const struct arrival *a, const struct directory_place *place, uint64_t view)
{
    bool hosted = own_channel_is(place->id);
    if (hosted && !guest_heard(n, a->from.id, place)) {
        return;
    }
    /* Who says it under a newer view knows better who the home is; the next view drops it if that is another. */
    if (view > n->view->number || id_equal(view_home(n->view, place->id).id, n->self.id)) {
        route_report(n, place, view);
    }
    (void)directory_learn(n->directory, place, n->now_ns);
    struct search *s = hosted ? table_find(&n->route->searches, place->id) : NULL;
    if (s != NULL && !place->ended && view_has(n->view, place->node) && !id_equal(place->node.id, n->self.id)) {
        found(n, s, place->node);
    }
    if (hosted) {
        guest_reoffer(n, place->id);
    }
}

void
route_receive(struct node *n, const struct arrival *a)
{
    stint_Locate message;
    if (!codec_read(a->body, stint_Locate_fields, &message)) {
        node_log(n, NODE_LOG_WARN, "malformed locate message from %s", a->by);
        return;
    }
    switch (message.op) {
    case stint_LocateOp_LOCATE_WHERE:
    case stint_LocateOp_LOCATE_WHO:
        answer_where(n, a, &message);
        break;
    case stint_LocateOp_LOCATE_THERE:
    case stint_LocateOp_LOCATE_UNKNOWN:
        take_answer(n, a, &message);
        break;
    case stint_LocateOp_LOCATE_UPDATE:
        for (pb_size_t i = 0; i < message.places_count; i++) {
            struct directory_place place = get_place(&message.places[i]);
            update_received(n, a, &place, message.view);
        }
        break;
    case stint_LocateOp_LOCATE_NONE:
        break;
    }
}

/* ---- view and time ---- */

void
route_view(struct node *n, const struct view *old, const struct view *next)
{
    directory_view(n->directory, next, n->self.id, n->now_ns);
    route_rehome(n, old->number != 0 ? old : NULL, next);
    /* Who was asked may be gone: every search begins its round again. */
    LIST_EACH (link, &n->route->order) {
        struct search *s = STINT_CONTAINER_OF(link, struct search, link);
        s->deadline = s->ended ? s->deadline : n->now_ns;
    }
}

void
route_tick(struct node *n)
{
    directory_tick(n->directory, n->now_ns);
    LIST_EACH (link, &n->route->order) {
        struct search *s = STINT_CONTAINER_OF(link, struct search, link);
        if (s->deadline > n->now_ns) {
            continue;
        }
        if (s->ended) {
            lost(n, s);
            continue;
        }
        struct directory_place place;
        if (known_place(n, s->id, &place) && !place.ended) {
            found(n, s, place.node);
        } else {
            begin_round(n, s);
            if (s->unanswered == 0) {
                nobody(n, s);
            }
        }
    }
}

uint64_t
route_deadline(const struct node *n)
{
    uint64_t at = directory_deadline(n->directory);
    const struct list *head = &n->route->order;
    for (const struct list *link = head->next; link != head; link = link->next) {
        const struct search *s = STINT_CONTAINER_OF(link, struct search, link);
        at = s->deadline < at ? s->deadline : at;
    }
    return at;
}
