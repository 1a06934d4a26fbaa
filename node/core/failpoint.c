/* SPDX-License-Identifier: Apache-2.0 */
#include "core/failpoint.h"

#ifdef STINT_FAILPOINTS

#include <string.h>

#include "base/ids.h"

static void
pass(struct node *n, const char *name, const char *verb, struct stint_id tasklet)
{
    char text[STINT_ID_TEXT_SIZE];
    if (n->failpoints) {
        peers_flush_early(n);
        node_record(n, "failpoint %s%s %s", name, verb, stint_id_text(tasklet, text));
    }
}

static const char *
op_name(stint_MoveOp op)
{
    static const char *const names[] = {
        [stint_MOVE_OFFER] = "offer",   [stint_MOVE_ACCEPT] = "accept",     [stint_MOVE_REFUSE] = "refuse",
        [stint_MOVE_TRANSFER] = "transfer", [stint_MOVE_NEED] = "need",     [stint_MOVE_PREPARED] = "prepared",
        [stint_MOVE_COMMIT] = "commit", [stint_MOVE_DONE] = "done",         [stint_MOVE_ABORT] = "abort",
        [stint_MOVE_ABORTED] = "aborted", [stint_MOVE_FORGET] = "forget",
    };
    return op > stint_MOVE_NONE && (size_t)op < sizeof names / sizeof names[0] ? names[op] : NULL;
}

static void
pass_message(struct node *n, const stint_MoveMessage *message, const char *verb)
{
    const char *name = op_name(message->op);
    if (name == NULL) {
        return;
    }
    struct move_key key = { .source.inc = message->key.inc, .counter = message->key.counter };
    memcpy(key.source.id.bytes, message->key.node, sizeof key.source.id.bytes);
    struct stint_id tasklet;
    memcpy(tasklet.bytes, message->tasklet, sizeof tasklet.bytes);
    const struct move_record *record = moves_find(n->moves, move_key_id(key));
    pass(n, name, verb, record != NULL ? record->tasklet : tasklet);
}

static bool
is_in_phase(const struct node *n, const struct move_effect *e, enum move_phase phase)
{
    const struct move_record *record = moves_find(n->moves, move_key_id(e->key));
    return record != NULL && record->phase == phase;
}

void
failpoint_before(struct node *n, const struct move_effect *e)
{
    if (e->kind == MOVE_SEND) {
        pass_message(n, &e->message, ".send");
    } else if (e->kind == MOVE_INSTALL) {
        pass(n, "parcel", ".got", e->tasklet);
    }
}

void
failpoint_after(struct node *n, const struct move_effect *e)
{
    switch (e->kind) {
    case MOVE_SEND:
        pass_message(n, &e->message, ".sent");
        break;
    case MOVE_FREEZE:
        if (is_in_phase(n, e, MOVE_FROZEN)) {
            pass(n, "frozen", "", e->tasklet);
        }
        break;
    case MOVE_SHIP:
        pass(n, "parcel", ".sent", e->tasklet);
        break;
    case MOVE_INSTALL:
        if (is_in_phase(n, e, MOVE_PREPARED)) {
            pass(n, "installed", "", e->tasklet);
        }
        break;
    case MOVE_RUN:
        pass(n, e->adopted ? "adopted" : "running", "", e->tasklet);
        break;
    case MOVE_DISCARD:
        pass(n, "discarded", "", e->tasklet);
        break;
    case MOVE_RESUME:
        pass(n, "resumed", "", e->tasklet);
        break;
    case MOVE_DROP:
        pass(n, "dropped", "", e->tasklet);
        break;
    case MOVE_ADMIT:
    case MOVE_RECEIVE:
    case MOVE_FINISHED:
        break;
    }
}

void
failpoint_got(struct node *n, const stint_MoveMessage *message)
{
    pass_message(n, message, ".got");
}

#endif
