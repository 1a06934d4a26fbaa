/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulator has found, told again as short stories that go wrong for one reason only.
 *
 *     world_stories [--seed N] [--verbose] [STORY]
 */
#include "requests.h"

static uint32_t
tasklets_on(struct world *w, int node)
{
    struct kernel_counters c = { 0 };
    if (world_node(w, node) != NULL) {
        kernel_count(world_node(w, node)->kernel, &c);
    }
    return c.tasklets - c.system;
}

static struct stint_id
spawn_named(struct world *w, int node, const char *name)
{
    mill_Sum sum = mill_Sum_init_zero;
    sum.expect = 1000;
    text_copy(sum.name, sizeof sum.name, name);
    return world_spawn(w, node, "Sum", mill_Sum_fields, &sum);
}

static bool
move(struct world *w, struct stint_id id, int from, int to)
{
    char detail[256];
    struct node_event time = { .kind = NODE_TIME };
    enum stint_status status = mover_start(world_node(w, from), id, node_self(world_node(w, to)), "test", "test", NULL, detail,
                                           sizeof detail);
    world_event(w, from, &time);
    return status == STINT_OK;
}

static bool
is_gone(struct world *w, void *arg)
{
    return world_is_exited(w, *(int *)arg, NULL);
}

static bool
is_prepared(struct world *w, void *arg)
{
    const int *node = arg;
    return tasklets_on(w, *node) > 0;
}

static bool
is_down(struct world *w, void *arg)
{
    return world_node(w, *(int *)arg) == NULL;
}

/*
 * A node that is asked to stop cannot tell the others that it drains, because the store takes nothing. They go on to see a
 * target in it: it must refuse what they send, or leave with it.
 */
static bool
leaving_node_takes_nothing_in(struct world *w)
{
    int leaver = 1;
    CHECK(start(w, 3));
    struct stint_id stays = spawn_named(w, 2, "stays");
    (void)spawn_named(w, 1, "goes");
    world_run(w, SECOND);
    struct world_faults faults = { .store_refuse_permille = 1000 };
    world_set_faults(w, &faults);
    struct node_event stop = { .kind = NODE_STOP, .drain_ms = 20000 };
    world_event(w, 1, &stop);
    CHECK(move(w, stays, 2, 1));
    CHECK(world_until(w, is_gone, &leaver, 60 * SECOND));
    CHECK(tasklets_on(w, 0) + tasklets_on(w, 2) == 2);
    struct kernel_tasklet_view view;
    CHECK(kernel_look(world_node(w, 2)->kernel, stays, &view) == STINT_OK && view.moves == 0);
    return true;
}

static uint32_t
hints(struct world *w)
{
    uint32_t sum = 0;
    for (int i = 0; i < world_count(w); i++) {
        sum += world_node(w, i) != NULL ? directory_counts(world_node(w, i)->directory).hints : 0;
    }
    return sum;
}

/* Homes are told of all residents when the view changes; of the end of those that never moved nobody told them. */
static bool
homes_hear_of_the_end_of_what_never_moved(struct world *w)
{
    struct stint_id ids[32];
    CHECK(start(w, 2));
    CHECK(no_balancer(w));
    for (int i = 0; i < 32; i++) {
        const struct code *code;
        struct node *n = world_node(w, 0);
        mill_Wait wait = mill_Wait_init_zero;
        uint8_t bytes[64];
        pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
        memset(wait.on.id, 7, sizeof wait.on.id);
        CHECK(pb_encode(&stream, mill_Wait_fields, &wait));
        CHECK(kernel_find_code(n->kernel, "mill", "Wait", &code) == STINT_OK);
        ids[i] = STINT_ID_NONE;
        /* As tasklets spawn each other: nobody is to be notified. Held, so that it is there for the change of the view. */
        CHECK(kernel_spawn(n->kernel, code, span_of(bytes, stream.bytes_written), KERNEL_PAUSED, &ids[i]) == STINT_OK);
    }
    (void)world_start(w, "n3", modules);
    uint32_t three = 3;
    CHECK(world_until(w, ready, &three, 60 * SECOND));
    world_run(w, SECOND);
    CHECK(hints(w) > 0);
    for (int i = 0; i < 32; i++) {
        CHECK(kernel_kill(world_node(w, 0)->kernel, ids[i], false) == STINT_OK);
    }
    struct node_event time = { .kind = NODE_TIME };
    world_event(w, 0, &time);
    world_run(w, 75 * SECOND);
    CHECK(tasklets_on(w, 0) == 0);
    CHECK(hints(w) == 0);
    return true;
}

/* The target dies with what has just been committed to it, before it has told the homes: they must not name the source for ever. */
static bool
homes_forget_what_died_on_arrival(struct world *w)
{
    int target = 1;
    uint32_t two = 2;
    CHECK(start(w, 2));
    CHECK(no_balancer(w));
    for (int i = 0; i < 8; i++) {
        char name[8] = { 's', (char)('0' + i), 0 };
        struct stint_id id = spawn_named(w, 1, name);
        world_run(w, SECOND);
        CHECK(move(w, id, 1, 0));
        world_run(w, SECOND); /* its home is told that it has come */
        CHECK(tasklets_on(w, 0) == 1 && move(w, id, 0, 1));
        CHECK(world_until(w, is_prepared, &target, 10 * SECOND));
        world_crash_within(w, 1, 0); /* it has said so, and says nothing more */
        CHECK(world_until(w, is_down, &target, 10 * SECOND));
        world_restart(w, 1);
        CHECK(world_until(w, ready, &two, 60 * SECOND));
    }
    world_run(w, 75 * SECOND);
    CHECK(tasklets_on(w, 0) == 0);
    CHECK(hints(w) == 0);
    return true;
}

/*
 * A node is cut off, and voted out; before it hears of that every other node has begun another life. None of the sessions it
 * knows of can open any more, and nobody may tell it anything over them: it has to ask, or it is a zombie for ever.
 */
static bool
zombie_hears_of_its_end_from_later_lives(struct world *w)
{
    int zombie = 2;
    uint32_t two = 2;
    enum stint_status status;
    CHECK(start(w, 3));
    for (int i = 0; i < 2; i++) {
        world_cut(w, i, 2, true);
        world_cut(w, 2, i, true);
    }
    world_run(w, 10 * SECOND);
    CHECK(view_living(world_node(w, 0)->view) == two);
    for (int i = 0; i < 2; i++) {
        world_crash(w, i);
        world_restart(w, i);
        world_run(w, 10 * SECOND);
    }
    CHECK(node_is_ready(world_node(w, 0)) && node_is_ready(world_node(w, 1)) && node_is_ready(world_node(w, 2)));
    for (int i = 0; i < 2; i++) {
        world_cut(w, i, 2, false);
        world_cut(w, 2, i, false);
    }
    CHECK(world_until(w, is_gone, &zombie, 30 * SECOND));
    CHECK(world_is_exited(w, 2, &status) && status == STINT_FENCED);
    return true;
}

static bool
resolves(struct world *w, void *arg)
{
    return ask_text(w, 0, stint_Verb_VERB_RESOLVE, arg) == STINT_OK;
}

/*
 * A node leaves, so every name is in doubt until its host has put it again. The target of a move has seen that and has put its names; the
 * source has not, and does when the tasklet is gone from there. Nobody would put the name of what came in between. The moves begin
 * a little earlier or later from round to round, so that some come at that moment.
 */
static bool
name_is_put_again_when_it_comes_late(struct world *w)
{
    struct world_faults faults = { .delay_min_ns = WORLD_MS, .delay_max_ns = WORLD_MS, .store_delay_ns = WORLD_MS };
    struct node_event stop = { .kind = NODE_STOP };
    CHECK(start(w, 9) && no_balancer(w));
    world_set_faults(w, &faults);
    for (int round = 0; round < 6; round++) {
        char name[8] = { 's', (char)('0' + round), 0 };
        int leaver = 3 + round;
        struct stint_id id = spawn_named(w, 1, name);
        CHECK(world_until(w, resolves, name, 10 * SECOND));
        world_cut(w, 0, 1, true);
        world_event(w, leaver, &stop);
        world_run(w, (uint64_t)round * WORLD_MS / 2);
        CHECK(move(w, id, 1, 2));
        CHECK(world_until(w, is_gone, &leaver, 10 * SECOND));
        world_run(w, 100 * WORLD_MS);
        world_cut(w, 0, 1, false);
        world_run(w, 5 * SECOND);
        CHECK(tasklets_on(w, 2) == (uint32_t)round + 1 && resolves(w, name));
    }
    return true;
}

/*
 * A node is to drain no more; before the store has agreed, a view comes that is about another node and still says that it drains.
 * With the drain begun anew, and never ended, it would go on to give away what the balancer brings.
 */
static bool
drain_ends_with_the_wish_whatever_view_comes_between(struct world *w)
{
    struct world_faults faults = { .delay_min_ns = WORLD_MS, .delay_max_ns = WORLD_MS, .store_delay_ns = 200 * WORLD_MS };
    struct world_reply cordoned = { 0 };
    stint_Request cordon = request(stint_Verb_VERB_NODE_CORDON);
    CHECK(start(w, 3) && no_balancer(w));
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_DRAIN, "n2") == STINT_OK);
    world_run(w, 2 * SECOND);
    world_set_faults(w, &faults);
    text_copy(cordon.target, sizeof cordon.target, "n3");
    world_request(w, 0, &cordon, span_of(NULL, 0), &cordoned);
    world_run(w, 50 * WORLD_MS); /* the store is at it */
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_UNCORDON, "n2") == STINT_OK && cordoned.status == STINT_OK);
    world_run(w, SECOND);
    (void)spawn_named(w, 1, "stays");
    world_run(w, 5 * SECOND);
    CHECK(tasklets_on(w, 1) == 1 && drain_progress(world_node(w, 1)->drain).state == DRAIN_OFF);
    return true;
}

static bool
is_home_of(struct world *w, int node, struct stint_id id)
{
    return id_equal(view_home(world_node(w, 2)->view, id).id, node_self(world_node(w, node)));
}

/*
 * That something lives on n3 reaches its home n2 late: meanwhile n1 was its home, heard of its end, and is the home no more. Who has
 * become the home again knows nothing of the end, and must not believe for ever what was true when it was said.
 */
static bool
late_report_to_a_home_is_asked_about(struct world *w)
{
    struct stint_id ids[40];
    bool moves_home[40];
    int lives = -1;
    struct directory_place place;
    CHECK(start(w, 3) && no_balancer(w));
    for (int i = 0; i < 40; i++) {
        char name[8];
        text_format(name, sizeof name, "s%d", i);
        ids[i] = spawn_named(w, 2, name);
    }
    world_run(w, 2 * SECOND);
    world_cut(w, 2, 1, true);
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_DRAIN, "n1") == STINT_OK);
    world_run(w, 100 * WORLD_MS);
    for (int i = 0; i < 40; i++) {
        moves_home[i] = is_home_of(w, 1, ids[i]);
    }
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_UNCORDON, "n1") == STINT_OK);
    world_run(w, 100 * WORLD_MS);
    for (int i = 0; i < 40; i++) {
        moves_home[i] = moves_home[i] && is_home_of(w, 0, ids[i]);
        if (moves_home[i] && lives < 0) {
            lives = i;
        } else {
            CHECK(kernel_kill(world_node(w, 2)->kernel, ids[i], false) == STINT_OK);
        }
    }
    world_run(w, 100 * WORLD_MS);
    CHECK(tasklets_on(w, 2) == 1 && ask_target(w, 0, stint_Verb_VERB_NODE_DRAIN, "n1") == STINT_OK);
    world_run(w, 100 * WORLD_MS);
    CHECK(ask_text(w, 0, stint_Verb_VERB_BALANCER, "on") == STINT_OK); /* a view by which no home changes */
    world_run(w, 100 * WORLD_MS);
    world_cut(w, 2, 1, false);
    world_run(w, 75 * SECOND);
    const struct node *home = world_node(w, 1);
    CHECK(view_living(home->view) == 3);
    for (int i = 0; i < 40; i++) {
        CHECK(i == lives || !directory_where(home->directory, ids[i], &place, home->now_ns));
    }
    CHECK(directory_where(home->directory, ids[lives], &place, home->now_ns)); /* what was said of that one was right */
    CHECK(id_equal(place.node.id, node_self(world_node(w, 2))));
    return true;
}

/* n3 is told where that is, or that it has ended, under some view. */
static void
tell_place(struct world *w, int from, struct stint_id id, uint64_t view, uint64_t epoch, bool ended)
{
    uint8_t bytes[stint_Locate_size];
    stint_Locate message = stint_Locate_init_zero;
    message.op = stint_LocateOp_LOCATE_UPDATE;
    message.view = view;
    message.places_count = 1;
    memcpy(message.places[0].id, id.bytes, sizeof id.bytes);
    memcpy(message.places[0].node, world_node(w, 1)->self.id.bytes, sizeof id.bytes);
    message.places[0].kind = stint_LocateKind_LOCATE_TASKLET;
    message.places[0].inc = world_node(w, 1)->self.inc;
    message.places[0].epoch = epoch;
    message.places[0].ended = ended;
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    STINT_ASSERT(pb_encode(&stream, stint_Locate_fields, &message));
    struct arrival a = { .from = world_node(w, from)->self,
                         .role = ROLE_NODE,
                         .by = "node",
                         .envelope = { .kind = ENVELOPE_LOCATE },
                         .body = span_of(bytes, stream.bytes_written) };
    node_dispatch(world_node(w, 2), &a);
}

/*
 * n2 has the view in which n3 is the home, and tells it of an end before n3 has that view; the source of the move that came before says
 * afterwards where the tasklet went.
 */
static bool
early_report_to_a_home_counts(struct world *w)
{
    uint32_t homes = 0;
    CHECK(start(w, 3) && no_balancer(w));
    struct node *n3 = world_node(w, 2);
    struct stint_id ids[40];
    uint64_t number = n3->view->number;
    for (int i = 0; i < 40; i++) {
        ids[i] = prng_id(world_random(w));
        tell_place(w, 1, ids[i], number + 1, UINT64_MAX, true);
    }
    CHECK(ask_target(w, 0, stint_Verb_VERB_NODE_DRAIN, "n1") == STINT_OK);
    world_run(w, 100 * WORLD_MS);
    CHECK(n3->view->number == number + 1);
    for (int i = 0; i < 40; i++) {
        struct directory_place place;
        bool home = id_equal(view_home(n3->view, ids[i]).id, n3->self.id);
        tell_place(w, 0, ids[i], number + 1, 2, false);
        CHECK(directory_where(n3->directory, ids[i], &place, n3->now_ns) == home && (!home || place.ended));
        homes += home ? 1 : 0;
    }
    CHECK(homes > 0 && homes < 40);
    world_run(w, 75 * SECOND);
    CHECK(directory_counts(n3->directory).hints == 0);
    return true;
}

static const struct world_case stories[] = {
    { "leaving_node_takes_nothing_in", leaving_node_takes_nothing_in },
    { "homes_hear_of_the_end_of_what_never_moved", homes_hear_of_the_end_of_what_never_moved },
    { "zombie_hears_of_its_end_from_later_lives", zombie_hears_of_its_end_from_later_lives },
    { "homes_forget_what_died_on_arrival", homes_forget_what_died_on_arrival },
    { "name_is_put_again_when_it_comes_late", name_is_put_again_when_it_comes_late },
    { "late_report_to_a_home_is_asked_about", late_report_to_a_home_is_asked_about },
    { "early_report_to_a_home_counts", early_report_to_a_home_counts },
    { "drain_ends_with_the_wish_whatever_view_comes_between", drain_ends_with_the_wish_whatever_view_comes_between },
};

int
main(int argc, char **argv)
{
    return world_cases(argc, argv, stories, sizeof stories / sizeof stories[0], say_last_answer);
}
