/* SPDX-License-Identifier: Apache-2.0 */
/* A tasklet that writes lines in capitals and moves to the other node after every second one. */
#include <ctype.h>
#include <string.h>

#include "scribe.stint.h"

enum { NODES_MAX = 8, LINES_AT_A_PLACE = 2 };

static void
capitals(const char *in, char *out)
{
    do {
        *out++ = (char)toupper((unsigned char)*in);
    } while (*in++ != '\0');
}

/* A node that takes work and is not this one; else this one. */
static stint_Node
other_node(struct stint_context *ctx)
{
    stint_Node nodes[NODES_MAX], here = stint_here(ctx);
    uint32_t count = stint_nodes(ctx, nodes, NODES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(nodes[i].id, here.id, sizeof here.id) != 0) {
            return nodes[i];
        }
    }
    return here;
}

STINT_FRAME(scribe_Scribe)
{
    STINT_BEGIN;
    STINT_CHANNEL_OPEN(&self->lines, "lines", 4, scribe_Line);
    /* Without a buffer a send returns when the value is taken: nothing is in the channel when it ends. */
    STINT_CHANNEL_OPEN(&self->answers, "answers", 0, scribe_Answer);
    for (;;) {
        STINT_RECV(self->lines, scribe_Line, &self->line);
        self->answer.number++;
        self->answer.node = stint_here(ctx);
        capitals(self->line.text, self->answer.text);
        STINT_SEND(self->answers, scribe_Answer, &self->answer);
        if (self->line.text[0] == '\0') {
            STINT_RETURN; /* its channels end with it */
        }
        if (self->answer.number % LINES_AT_A_PLACE == 0) {
            self->next = other_node(ctx);
            /* A node that takes nobody in just now is no reason to end. */
            STINT_TRY_MIGRATE(&self->next);
        }
    }
    STINT_END;
}

STINT_MODULE_AS(scribe_module, scribe, "1.0.0", scribe_Scribe)
