/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasklets that do what a line of text says, so that a test is a table of scripts and the order
 * expected. Words of a script: log log' log:TEXT      writes the actor's name, the name with a
 * prime, a text new:X bind:X           starts actor X, makes it paused yield pause runall
 * sleep:MS run:X switch:X insert:X remove:X kill:X killp:X unbind:X open:C open:C/N        a
 * shared channel of capacity N; own:C/N one of its own send:C recv:C          a recv keeps its
 * value; got logs it set:N                  the value to send within:MS              the next
 * send or recv has a deadline; try: it does not raise, status logs what came out pref:C+ pref:C0
 * pref:C- all:C none:C close:C wake:C reopen:C bal:C count logs       bal logs C's balance, count
 * the ring's length trap untrap            block trap raise                  raises STINT_USER;
 * refuse: a kill or error does not end the actor A kill logs the name with an X, any other error
 * that is not handled the status's name.
 */
#ifndef STINT_TESTS_ACTOR_H
#define STINT_TESTS_ACTOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actor.pb.h"
#include "kernel/kernel.h"
#include "stint/tasklet.h"
#include "tracked_memory.h"

#include <pb_encode.h>

enum { ACTORS = 40, CHANNELS = 8 };

struct script {
    const char *name;
    const char *text;
};

/* What the actors of one test share. */
static struct world {
    struct tracked_memory tracked;
    struct mem mem;
    struct kernel *k;
    const struct script *scripts;
    char names[ACTORS][12];
    struct stint_id ids[ACTORS];
    int actors;
    stint_Channel channels[CHANNELS];
    char channel_names[CHANNELS];
    int channel_count;
    char log[2000];
    int64_t within;
    bool tries;
} world;

static inline void
world_log(const char *text, const char *suffix)
{
    size_t used = strlen(world.log);
    size_t room = sizeof world.log - used;
    if (used > 0) {
        room -= (size_t)snprintf(world.log + used, room, " ");
        used++;
    }
    assert_true((size_t)snprintf(world.log + used, room, "%s%s", text, suffix) < room);
}

static inline const char *
world_script(const char *name)
{
    for (const struct script *s = world.scripts; s->name != NULL; s++) {
        /* A script of the name "S*" is that of S0, S1 ... */
        size_t length = strlen(s->name);
        if (strcmp(s->name, name) == 0 ||
            (s->name[length - 1] == '*' && strncmp(s->name, name, length - 1) == 0)) {
            return s->text;
        }
    }
    fail_msg("no script for %s", name);
    return "";
}

static inline struct stint_id
world_id(const char *name)
{
    for (int i = world.actors - 1; i >= 0; i--) {
        if (strcmp(world.names[i], name) == 0) {
            return world.ids[i];
        }
    }
    fail_msg("no actor %s", name);
    return (struct stint_id){ { 0 } };
}

static stint_Channel *
world_channel(const char *name)
{
    for (int i = 0; i < world.channel_count; i++) {
        if (world.channel_names[i] == name[0]) {
            return &world.channels[i];
        }
    }
    assert_true(world.channel_count < CHANNELS);
    world.channel_names[world.channel_count] = name[0];
    return &world.channels[world.channel_count++];
}

static struct stint_id *
world_add(const char *name, actor_Actor *actor)
{
    assert_true(world.actors < ACTORS);
    *actor = (actor_Actor)actor_Actor_init_zero;
    snprintf(actor->name, sizeof actor->name, "%s", name);
    snprintf(actor->script, sizeof actor->script, "%s", world_script(name));
    snprintf(world.names[world.actors], sizeof world.names[0], "%s", name);
    return &world.ids[world.actors++];
}

/* The next word of the script into op and arg; false at the end. */
static inline bool
actor_next(actor_Actor *self)
{
    const char *text = self->script + self->at;
    text += strspn(text, " ");
    size_t length = strcspn(text, " ");
    if (length == 0) {
        return false;
    }
    size_t op = strcspn(text, ": ");
    snprintf(self->op, sizeof self->op, "%.*s", (int)op, text);
    snprintf(self->arg, sizeof self->arg, "%.*s", op < length ? (int)(length - op - 1) : 0,
        text + op + 1);
    self->at = (uint32_t)(text + length - self->script);
    return true;
}

static inline bool
actor_is(const actor_Actor *self, const char *op)
{
    return strcmp(self->op, op) == 0;
}

static int64_t
actor_within(void)
{
    int64_t within = world.within;
    world.within = STINT_FOREVER;
    return within;
}

/* Words about channels that do not suspend. */
static inline bool
actor_channel_word(struct stint_context *ctx, actor_Actor *self)
{
    stint_Channel *ch = world_channel(self->arg);
    const char *slash = strchr(self->arg, '/');
    uint32_t capacity = slash == NULL ? 0 : (uint32_t)atoi(slash + 1);
    struct stint_channel_info info;
    char text[16];
    if (actor_is(self, "open")) {
        assert_int_equal(stint_channel_shared(ctx, ch, actor_Number, capacity), STINT_OK);
    } else if (actor_is(self, "own")) {
        assert_int_equal(stint_channel_new(ctx, ch, actor_Number, capacity), STINT_OK);
    } else if (actor_is(self, "pref")) {
        assert_int_equal(stint_channel_prefer(ctx, ch,
                             self->arg[1] == '+'   ? 9
                             : self->arg[1] == '-' ? -9
                                                   : 0),
            STINT_OK);
    } else if (actor_is(self, "all") || actor_is(self, "none")) {
        assert_int_equal(stint_channel_schedule_all(ctx, ch, self->op[0] == 'a'), STINT_OK);
    } else if (actor_is(self, "close") || actor_is(self, "wake")) {
        assert_int_equal(stint_channel_close(ctx, ch, self->op[0] == 'w'), STINT_OK);
    } else if (actor_is(self, "reopen")) {
        assert_int_equal(stint_channel_open_again(ctx, ch), STINT_OK);
    } else if (actor_is(self, "bal")) {
        assert_int_equal(stint_channel_describe(ctx, ch, &info), STINT_OK);
        snprintf(text, sizeof text, "%d%s", info.balance, info.closed ? "c" : "");
        world_log(text, "");
    } else {
        return false;
    }
    return true;
}

/* Words about tasklets that do not suspend; the outcome is logged when it is an error. */
static inline bool
actor_tasklet_word(struct stint_context *ctx, actor_Actor *self)
{
    enum stint_status status = STINT_OK;
    actor_Actor child;
    if (actor_is(self, "new")) {
        struct stint_id *id = world_add(self->arg, &child);
        status = stint_spawn(ctx, actor_Actor, &child, id);
    } else if (actor_is(self, "bind")) {
        struct stint_id *id = world_add(self->arg, &child);
        status = stint_spawn_paused(ctx, actor_Actor, &child, id);
    } else if (actor_is(self, "insert")) {
        status = stint_insert(ctx, world_id(self->arg));
    } else if (actor_is(self, "remove")) {
        status = stint_remove(ctx, world_id(self->arg));
    } else if (actor_is(self, "unbind")) {
        status = stint_unbind(ctx, world_id(self->arg));
    } else if (actor_is(self, "killp")) {
        status = stint_kill_pending(ctx, world_id(self->arg));
    } else {
        return false;
    }
    if (status != STINT_OK) {
        world_log(stint_status_name(status), "");
    }
    return true;
}

/* Words that do neither. */
static inline void
actor_other_word(struct stint_context *ctx, actor_Actor *self)
{
    char text[24];
    if (actor_is(self, "log")) {
        world_log(self->arg[0] == 0 ? self->name : self->arg, "");
    } else if (actor_is(self, "log'")) {
        world_log(self->name, "'");
    } else if (actor_is(self, "set")) {
        self->value.n = (uint64_t)atoi(self->arg);
    } else if (actor_is(self, "got")) {
        snprintf(text, sizeof text, "=%u", (unsigned)self->value.n);
        world_log(text, "");
    } else if (actor_is(self, "count")) {
        snprintf(text, sizeof text, "#%u", stint_runcount(ctx));
        world_log(text, "");
    } else if (actor_is(self, "status")) {
        world_log(stint_status_name(stint_status(ctx)), "");
    } else if (actor_is(self, "within")) {
        world.within = atoi(self->arg);
    } else if (actor_is(self, "refuse")) {
        self->refuses = true;
    } else if (actor_is(self, "trap") || actor_is(self, "untrap")) {
        (void)stint_set_block_trap(ctx, self->op[0] == 't');
    } else {
        fail_msg("unknown word %s", self->op);
    }
}

STINT_FRAME(actor_Actor)
{
    STINT_BEGIN;
again:
    while (actor_next(self)) {
        if (actor_is(self, "yield")) {
            STINT_YIELD;
        } else if (actor_is(self, "pause")) {
            STINT_PAUSE;
        } else if (actor_is(self, "runall")) {
            STINT_RUN_ALL;
        } else if (actor_is(self, "sleep")) {
            STINT_SLEEP(atoi(self->arg));
        } else if (actor_is(self, "run")) {
            STINT_RUN(world_id(self->arg));
        } else if (actor_is(self, "switch")) {
            STINT_SWITCH(world_id(self->arg));
        } else if (actor_is(self, "kill")) {
            STINT_KILL(world_id(self->arg));
        } else if (actor_is(self, "raise")) {
            STINT_RAISE(STINT_USER, "%s says so", self->name);
        } else if (actor_is(self, "send")) {
            STINT_SEND_AS("send", *world_channel(self->arg), actor_Number, &self->value,
                actor_within());
        } else if (actor_is(self, "recv")) {
            STINT_RECV_AS("recv", *world_channel(self->arg), actor_Number, &self->value,
                actor_within());
        } else if (actor_is(self, "trysend")) {
            STINT_TRY_SEND_AS("trysend", *world_channel(self->arg), actor_Number, &self->value,
                actor_within());
        } else if (actor_is(self, "tryrecv")) {
            STINT_TRY_RECV_AS("tryrecv", *world_channel(self->arg), actor_Number, &self->value,
                actor_within());
        } else if (!actor_tasklet_word(ctx, self) &&
                   (self->arg[0] == 0 || actor_is(self, "log") || actor_is(self, "set") ||
                       actor_is(self, "within") || !actor_channel_word(ctx, self))) {
            actor_other_word(ctx, self);
        }
    }
    STINT_EXCEPT;
    if (stint_status(ctx) == STINT_KILLED) {
        world_log(self->name, "X");
    } else {
        world_log(stint_status_name(stint_status(ctx)), "");
    }
    if (self->refuses) {
        STINT_HANDLED;
        goto again;
    }
    STINT_RERAISE;
    STINT_END;
}

STINT_MODULE_AS(actor_module, actor, "1.0.0", actor_Actor)

/* A kernel with the module and an actor "main" that is about to run. */
static inline void
world_begin(const struct script *scripts)
{
    char error[200];
    memset(&world, 0, sizeof world);
    world.within = STINT_FOREVER;
    world.scripts = scripts;
    mem_init(&world.mem, tracked_allocator(&world.tracked), 0);
    struct kernel_config config = { .mem = &world.mem,
        .seed = 1,
        .here = { .node = { { 1 } }, .inc = 1 } };
    world.k = kernel_new(&config);
    assert_non_null(world.k);
    if (kernel_add_module(world.k, &actor_module, error, sizeof error) != STINT_OK) {
        fail_msg("%s", error);
    }
    const struct code *code;
    assert_int_equal(kernel_find_code(world.k, "actor", "Actor", &code), STINT_OK);
    actor_Actor actor;
    struct stint_id *id = world_add("main", &actor);
    uint8_t bytes[actor_Actor_size];
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    assert_true(pb_encode(&stream, &actor_Actor_msg, &actor));
    assert_int_equal(kernel_spawn(world.k, code,
                         (struct stint_span){ bytes, stream.bytes_written }, 0, id),
        STINT_OK);
}

static inline void
world_run(void)
{
    for (int i = 0; i < 10000 && kernel_runnable(world.k); i++) {
        kernel_run(world.k, 1000);
    }
    assert_false(kernel_runnable(world.k));
}

static inline void
world_end(void)
{
    kernel_free(world.k);
    assert_int_equal(world.mem.used, 0);
    assert_int_equal(world.tracked.blocks, 0);
}

/* One row of a table: the scripts and the order in which things are logged. */
struct golden {
    const char *id;
    struct script scripts[12];
    const char *order;
};

static inline void
world_check(const struct golden *row)
{
    world_begin(row->scripts);
    world_run();
    if (strcmp(world.log, row->order) != 0) {
        fail_msg("%s\n  expected: %s\n  happened: %s", row->id, row->order, world.log);
    }
    world_end();
}

#endif
