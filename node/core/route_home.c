/* SPDX-License-Identifier: Apache-2.0 */
/* What lives here, and what the homes of it are told; and what this node is told as a home. */
#include <string.h>

#include "base/ids.h"
#include "core/codec.h"
#include "core/route.h"

bool
route_is_here(const struct node *n, struct stint_id id, uint64_t *epoch)
{
    struct kernel_tasklet_view tasklet;
    struct kernel_channel_view channel;
    if (kernel_look(n->kernel, id, &tasklet) == STINT_OK) {
        *epoch = tasklet.epoch;
        return true;
    }
    if (node_look_channel(n, id, &channel) != STINT_OK) {
        const struct guest_channel *guest = guest_find(n, id);
        *epoch = guest != NULL ? guest->epoch : 0;
        return guest != NULL;
    }
    /* An owned channel lives under its owner's epoch, a shared one never moves. */
    *epoch = kernel_look(n->kernel, channel.owner, &tasklet) == STINT_OK ? tasklet.epoch : 1;
    return true;
}

static void
put_place(stint_Location *out, const struct directory_place *place)
{
    memcpy(out->id, place->id.bytes, 16);
    out->kind = place->kind;
    memcpy(out->node, place->node.id.bytes, 16);
    out->inc = place->node.inc;
    out->epoch = place->epoch;
    out->ended = place->ended;
}

void
route_send_places(struct node *n, struct stint_id to, stint_LocateOp op, uint64_t number,
                  const struct directory_place *place)
{
    stint_Locate message = stint_Locate_init_zero;
    message.op = op;
    message.number = number;
    message.places_count = 1;
    message.view = op == stint_LocateOp_LOCATE_UPDATE ? n->view->number : 0;
    put_place(&message.places[0], place);
    uint8_t body[128];
    size_t size = codec_write(stint_Locate_fields, &message, body, sizeof body);
    struct envelope envelope = { .kind = ENVELOPE_LOCATE };
    peers_send(n, to, &envelope, span_of(body, size));
}

void
route_keep(struct node *n, const struct directory_place *place)
{
    if (id_equal(view_home(n->view, place->id).id, n->self.id)) {
        (void)!directory_report(n->directory, place, n->now_ns);
    }
    (void)directory_learn(n->directory, place, n->now_ns);
}

/* ---- as a resident's node ---- */

static void
tell_home(struct node *n, const struct directory_place *place)
{
    struct node_ref home = view_home(n->view, place->id);
    if (node_ref_is_none(home)) {
        return;
    }
    if (id_equal(home.id, n->self.id)) {
        (void)!directory_report(n->directory, place, n->now_ns);
    } else {
        route_send_places(n, home.id, stint_LocateOp_LOCATE_UPDATE, 0, place);
    }
}

void
route_tell(struct node *n, struct stint_id whom, const struct directory_place *place)
{
    route_send_places(n, whom, stint_LocateOp_LOCATE_UPDATE, 0, place);
}

void
route_wrong(struct node *n, struct stint_id id, uint64_t epoch)
{
    directory_refuted(n->directory, id, epoch, n->now_ns);
}

void
route_arrived(struct node *n, struct stint_id id, stint_LocateKind kind, uint64_t epoch)
{
    struct directory_place place = { .id = id, .kind = kind, .node = n->self, .epoch = epoch };
    directory_arrived(n->directory, id, epoch);
    tell_home(n, &place);
}

void
route_departed(struct node *n, struct stint_id id, stint_LocateKind kind, struct node_ref to, uint64_t epoch)
{
    struct directory_place place = { .id = id, .kind = kind, .node = to, .epoch = epoch };
    directory_moved(n->directory, &place, n->now_ns);
    /* If its new host dies before it has told the home, nobody else would, and the home would name this node for ever. */
    tell_home(n, &place);
}

void
route_ended(struct node *n, struct stint_id id, stint_LocateKind kind)
{
    struct directory_place place = { .id = id, .kind = kind, .node = n->self, .epoch = UINT64_MAX, .ended = true };
    tell_home(n, &place);
}

struct rehome_walk {
    struct node *n;
    uint32_t cursor;
    struct table_cursor guests;
    bool channels; /* the tasklets are done */
};

static bool
next_resident(void *arg, struct directory_place *out)
{
    struct rehome_walk *walk = arg;
    struct node *n = walk->n;
    struct kernel_tasklet_view tasklet;
    struct kernel_channel_view channel;
    *out = (struct directory_place){ .node = n->self, .epoch = 1 };
    if (!walk->channels) {
        if (kernel_each_tasklet(n->kernel, &walk->cursor, &tasklet)) {
            out->id = tasklet.id;
            out->kind = stint_LocateKind_LOCATE_TASKLET;
            out->epoch = tasklet.epoch;
            return true;
        }
        walk->channels = true;
        walk->cursor = 0;
    }
    out->kind = stint_LocateKind_LOCATE_CHANNEL;
    const struct guest_channel *guest;
    if (!node_each_channel(n, &walk->cursor, &channel)) {
        if (!guest_each(n, &walk->guests, &guest)) {
            return false;
        }
        out->id = guest->id;
        out->epoch = guest->epoch;
        return true;
    }
    out->id = channel.id;
    (void)route_is_here(n, channel.id, &out->epoch);
    return true;
}

static void
rehomed(void *arg, struct node_ref home, const struct directory_place *place)
{
    struct rehome_walk *walk = arg;
    if (place->kind == stint_LocateKind_LOCATE_TASKLET) {
        (void)kernel_watch(walk->n->kernel, place->id); /* its home is to hear of its end, also if it never moves */
    }
    if (id_equal(home.id, walk->n->self.id)) {
        (void)!directory_report(walk->n->directory, place, walk->n->now_ns);
    } else {
        route_send_places(walk->n, home.id, stint_LocateOp_LOCATE_UPDATE, 0, place);
    }
}

void
route_rehome(struct node *n, const struct view *old, const struct view *next)
{
    struct rehome_walk walk = { .n = n };
    directory_rehome(old, next, next_resident, rehomed, &walk);
}

/* ---- as a home ---- */

/*
 * Said under an older view it may have been overtaken: another was the home meanwhile, and
 * heard how it went on. So who is said to have it is asked, and what that answers counts.
 */
void
route_report(struct node *n, const struct directory_place *place, uint64_t view)
{
    struct directory_place known;
    bool late = view != 0 && view < n->view->number && !place->ended && !id_equal(place->node.id, n->self.id);
    if (!late || directory_where(n->directory, place->id, &known, n->now_ns)) {
        (void)!directory_report(n->directory, place, n->now_ns);
    } else if (view_has(n->view, place->node)) {
        route_send_places(n, place->node.id, stint_LocateOp_LOCATE_WHO, 0, place);
    }
}
