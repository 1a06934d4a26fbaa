/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tasklet that moves itself round all nodes between any two of its steps, with a stack of frames below it, and
 * proves at the end that nothing on that stack has changed.
 */
#include <string.h>

#include "roam.stint.h"

enum { DEPTH = 12, DEPTH_MAX = 100, MARKS = 8, NODES_MAX = 64, STOPS_MAX = 200 };

static uint64_t
mark(uint32_t level, uint32_t index)
{
    uint64_t x = ((uint64_t)level << 32 | index) + UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 27;
}

static uint64_t
fold(uint64_t checksum, const uint64_t *marks)
{
    for (int i = 0; i < MARKS; i++) {
        checksum = (checksum << 7 | checksum >> 57) ^ marks[i];
    }
    return checksum;
}

static void
append(roam_Path *path, const roam_Path *more)
{
    path->more += more->more;
    for (pb_size_t i = 0; i < more->nodes_count; i++) {
        if (path->nodes_count < STOPS_MAX) {
            path->nodes[path->nodes_count++] = more->nodes[i];
        } else {
            path->more++;
        }
    }
}

STINT_FRAME(roam_Round)
{
    STINT_BEGIN;
    self->nodes_count = (pb_size_t)stint_nodes(ctx, self->nodes, NODES_MAX);
    for (pb_size_t i = 0; i < self->nodes_count; i++) {
        stint_Node here = stint_here(ctx);
        if (memcmp(self->nodes[i].id, here.id, sizeof(here.id)) == 0) {
            self->first = i + 1;
        }
    }
    for (self->index = 0; self->index < self->nodes_count; self->index++) {
        /* A node that takes nobody in just now is left out. */
        STINT_TRY_MIGRATE(&self->nodes[(self->first + self->index) % self->nodes_count]);
        if (stint_status(ctx) == STINT_OK) {
            self->path.nodes[self->path.nodes_count++] = stint_here(ctx);
        }
    }
    STINT_END;
}

STINT_FRAME(roam_Step)
{
    STINT_BEGIN;
    self->marks_count = MARKS;
    for (uint32_t i = 0; i < MARKS; i++) {
        self->marks[i] = mark(self->level, i);
    }
    STINT_CALL_AS("journey out", roam_Round, 0);
    append(&self->path, &STINT_RESULT(roam_Round)->path);
    if (self->level < self->depth) {
        STINT_CALL(roam_Step, .level = self->level + 1, .depth = self->depth);
        self->checksum = STINT_RESULT(roam_Step)->checksum;
        append(&self->path, &STINT_RESULT(roam_Step)->path);
        STINT_CALL_AS("journey back", roam_Round, 0);
        append(&self->path, &STINT_RESULT(roam_Round)->path);
    }
    self->checksum = fold(self->checksum, self->marks);
    STINT_END;
}

/* What the checksum is if no local was changed by a journey. */
static uint64_t
expected(uint32_t depth)
{
    uint64_t checksum = 0;
    for (uint32_t level = depth; level > 0; level--) {
        uint64_t marks[MARKS];
        for (uint32_t i = 0; i < MARKS; i++) {
            marks[i] = mark(level, i);
        }
        checksum = fold(checksum, marks);
    }
    return checksum;
}

STINT_FRAME(roam_Roam)
{
    STINT_BEGIN;
    self->depth = self->depth == 0 ? DEPTH : self->depth;
    if (self->depth < 3 || self->depth > DEPTH_MAX) {
        STINT_RAISE(STINT_INVALID, "a depth of 3 to %d frames", DEPTH_MAX);
    }
    /* This frame is one of them, and the Round above the last Step is one. */
    STINT_CALL(roam_Step, .level = 1, .depth = self->depth - 2);
    self->path = STINT_RESULT(roam_Step)->path;
    self->checksum = STINT_RESULT(roam_Step)->checksum;
    self->expected = expected(self->depth - 2);
    if (self->checksum != self->expected) {
        STINT_RAISE(STINT_USER, "the checksum of the locals is %016llx, not %016llx",
            (unsigned long long)self->checksum, (unsigned long long)self->expected);
    }
    stint_log(ctx, "%u frames, %u moves, checksum %016llx", self->depth,
        self->path.nodes_count + self->path.more, (unsigned long long)self->checksum);
    STINT_END;
}

STINT_MODULE(roam, "1.0.0", roam_Roam, roam_Step, roam_Round)
