/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of tasklets passes tokens on. Whatever moves meanwhile: each token exists exactly once. */
#include "ring.stint.h"

enum { STATIONS_MAX = 500, TOKENS_MAX = 64 };

/* A token must come by every `stations` hops. A second copy of it would come too early, a lost hop too late. */
static bool
is_due(ring_Station *self)
{
    uint64_t *due = &self->due[self->token.number];
    self->due_count = TOKENS_MAX;
    bool right = *due == 0 || *due == self->token.hops + 1;
    *due = self->token.hops + self->stations + 1;
    return right;
}

STINT_FRAME(ring_Station)
{
    STINT_BEGIN;
    if (stint_channel_new(ctx, &self->inbox, ring_Token, 0) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "station %u has no channel", self->number);
    }
    self->sighting = (ring_Sighting){ .station = self->number, .inbox = self->inbox };
    STINT_SEND(self->census, ring_Sighting, &self->sighting);
    STINT_RECV(self->inbox, ring_Token, &self->token);
    self->next = self->token.next;
    for (;;) {
        STINT_RECV(self->inbox, ring_Token, &self->token);
        if (self->token.stop) {
            STINT_RETURN;
        }
        self->sighting = (ring_Sighting){ .station = self->number, .token = self->token.number,
            .hops = self->token.hops, .wrong = !is_due(self) };
        if (self->sighting.wrong || self->token.hops == self->last_hop) {
            STINT_SEND_AS("report", self->census, ring_Sighting, &self->sighting, STINT_FOREVER);
        } else {
            self->token.hops++;
            STINT_SEND(self->next, ring_Token, &self->token);
        }
    }
    STINT_END;
}

STINT_FRAME(ring_Census)
{
    STINT_BEGIN;
    if (self->nodes < 2 || self->nodes > STATIONS_MAX || self->tokens == 0 || self->tokens >= self->nodes
        || self->tokens > TOKENS_MAX) {
        STINT_RAISE(STINT_INVALID, "2 to %d nodes, and 1 to %d tokens but fewer than nodes", STATIONS_MAX,
            TOKENS_MAX);
    }
    if (stint_channel_new(ctx, &self->reports, ring_Sighting, 0) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "no channel for reports");
    }
    self->stations_count = (pb_size_t)self->nodes;
    self->home_count = TOKENS_MAX;
    for (self->index = 0; self->index < self->nodes; self->index++) {
        if (stint_spawn(ctx, ring_Station, (&(ring_Station){ .number = self->index, .stations = self->nodes,
                .last_hop = self->laps * self->nodes, .census = self->reports }), NULL) != STINT_OK) {
            STINT_RAISE(STINT_LIMIT, "station %u cannot be started", self->index);
        }
        STINT_RECV_AS("hello", self->reports, ring_Sighting, &self->sighting, STINT_FOREVER);
        self->stations[self->sighting.station] = self->sighting.inbox;
    }
    for (self->index = 0; self->index < self->nodes; self->index++) {
        self->token = (ring_Token){ .next = self->stations[(self->index + 1) % self->nodes] };
        STINT_SEND_AS("introduce", self->stations[self->index], ring_Token, &self->token, STINT_FOREVER);
    }
    for (self->index = 0; self->index < self->tokens; self->index++) {
        self->token = (ring_Token){ .number = self->index };
        STINT_SEND_AS("insert", self->stations[self->index], ring_Token, &self->token, STINT_FOREVER);
    }
    for (self->arrived = 0; self->arrived < self->tokens; self->arrived++) {
        STINT_RECV_AS("await", self->reports, ring_Sighting, &self->sighting, STINT_FOREVER);
        if (self->sighting.wrong || self->home[self->sighting.token]) {
            STINT_RAISE(STINT_USER, "token %u exists twice, or lost a hop: seen by station %u after %llu hops",
                self->sighting.token, self->sighting.station, (unsigned long long)self->sighting.hops);
        }
        self->home[self->sighting.token] = true;
    }
    self->token = (ring_Token){ .stop = true };
    for (self->index = 0; self->index < self->nodes; self->index++) {
        /* One that is gone has stopped. */
        STINT_TRY_SEND_AS("stop", self->stations[self->index], ring_Token, &self->token, STINT_FOREVER);
    }
    stint_log(ctx, "%u tokens went %llu laps of %u stations, each exactly once", self->tokens,
        (unsigned long long)self->laps, self->nodes);
    STINT_END;
}

STINT_MODULE(ring, "1.0.0", ring_Census, ring_Station)
