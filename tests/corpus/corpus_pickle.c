/* SPDX-License-Identifier: Apache-2.0 */
/* Pickles of the relics: made by running them to a resume point, and run on from there. */
#include <string.h>

#include "base/span.h"
#include "corpus.h"
#include "kernel/pickle.h"
#include "legs_world.h"

enum { STEPS_MAX = 5000 };

static struct legs_world world;

static bool
is_there(const struct corpus_recipe *recipe)
{
    struct kernel_tasklet_view view;
    int at = legs_where(&world, world.main_id);
    return at >= 0 && kernel_look(world.k[at], world.main_id, &view) == STINT_OK
        && strcmp(view.label, recipe->label) == 0 && (!recipe->settled || legs_rests(&world));
}

void
corpus_cook(const struct corpus_tools *tools, const struct corpus_recipe *recipe, struct buf *out)
{
    struct stint_span args = span_of(recipe->args, strlen(recipe->args));
    bool moved = !recipe->moved;
    uint32_t steps = 0;
    legs_begin(&world, &tools->relics, 1, recipe->code, args);
    while (!is_there(recipe) || !moved) {
        struct kernel_tasklet_view view;
        int at = legs_where(&world, world.main_id);
        if (!moved && at >= 0 && kernel_look(world.k[at], world.main_id, &view) == STINT_OK
            && strcmp(view.label, "hello") == 0) {
            legs_move_main(&world);
            moved = true;
        }
        if (++steps == STEPS_MAX || !legs_step(&world)) {
            legs_fail("%s does not come to `%s`", recipe->code, recipe->label);
        }
    }
    for (uint32_t i = 0; i < recipe->more; i++) {
        (void)legs_step(&world);
    }
    struct kernel *k = world.k[legs_where(&world, world.main_id)];
    if (kernel_freeze(k, world.main_id) != STINT_OK
        || kernel_save(k, world.main_id, out) != STINT_OK) {
        legs_fail("%s cannot be pickled", recipe->code);
    }
    legs_drop(&world);
}

/* That writing what was read gives the same bytes. */
static bool
is_saved_alike(const struct corpus_tools *tools, struct stint_span pickle)
{
    char error[256];
    struct stint_id tid;
    struct buf again;
    struct pickle_options options = { .limit = 0 };
    struct kernel_config config = { .mem = tools->mem, .seed = 31 };
    struct kernel *k = kernel_new(&config);
    bool alike = false;
    buf_init(&again, tools->mem, 1 << 20);
    if (k != NULL && kernel_add_module(k, tools->relics, error, sizeof error) == STINT_OK
        && kernel_load(k, pickle, &options, &tid, error, sizeof error) == STINT_OK) {
        alike = kernel_save(k, tid, &again) == STINT_OK && span_equal(buf_span(&again), pickle);
    }
    buf_fini(&again);
    kernel_free(k);
    return alike;
}

bool
corpus_run(const struct corpus_tools *tools, struct stint_span pickle, char *text, size_t size)
{
    char error[256] = "";
    if (legs_begin_with(&world, tools->relics, pickle, error, sizeof error) != STINT_OK) {
        legs_drop(&world);
        return false;
    }
    for (uint32_t steps = 0; legs_step(&world);) {
        if (++steps == STEPS_MAX) {
            legs_fail("it does not end");
        }
    }
    legs_output(&world, text, size);
    legs_drop(&world);
    return is_saved_alike(tools, pickle);
}
