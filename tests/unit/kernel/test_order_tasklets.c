/* SPDX-License-Identifier: Apache-2.0 */
/* The golden orders of CONFORMANCE a.2, a.4 and a.5: run, switch, remove, insert, kill, life cycle. */
#include "actor.h"

#define ROUND { "t*", "log yield log'" }

static const struct golden runs[] = {
    { "R1", { { "main", "new:t1 new:t2 new:t3 run:t1 log:MAIN runall log:END" }, ROUND },
        "t1 t2 t3 MAIN t1' t2' t3' END" },
    { "R2", { { "main", "new:t1 new:t2 new:t3 run:t2 log:MAIN runall log:END" }, ROUND },
        "t2 t3 MAIN t1 t2' t3' t1' END" },
    { "R3", { { "main", "new:t1 new:t2 new:t3 run:t3 log:MAIN runall log:END" }, ROUND },
        "t3 MAIN t1 t2 t3' t1' t2' END" },
    { "R4", { { "main", "new:t1 new:t2 new:t3 remove:t2 run:t2 log:MAIN runall log:END" }, ROUND },
        "t2 MAIN t1 t3 t2' t1' t3' END" },
    { "R5", { { "main", "new:t1 new:t2 new:t3 new:g runall log:RET run:g log:END" },
                { "g", "log switch:t2 log'" }, ROUND },
        "t1 t2 t3 g t2' t3' t1' RET g' END" },
    { "N1", { { "main", "new:t1 new:N new:t5 runall" }, { "N", "new:t2 new:t3 new:t4 run:t2" }, { "t*", "log" } },
        "t1 t2 t3 t4 t5" },
    { "N2", { { "main", "new:t1 new:N new:t4 runall" }, { "N", "new:t2 new:t3 run:t2" }, { "t*", "log" } },
        "t1 t2 t3 t4" },
    { "N3", { { "main", "new:t1 new:N new:t6 runall" }, { "N", "new:t2 new:M new:t5 run:t2" },
                { "M", "new:t3 new:t4 run:t3" }, { "t*", "log" } },
        "t1 t2 t3 t4 t5 t6" },
    { "run of oneself", { { "main", "new:t1 run:main log:A switch:main log:B" }, { "t1", "log" } }, "A B t1" },
    { "run of a blocked one", { { "main", "open:c new:t1 yield refuse run:t1 log:END kill:t1" }, { "t1", "recv:c" } },
        "BLOCKED END t1X" },
    { "run of a dead one", { { "main", "new:t1 yield refuse run:t1 log:END" }, { "t1", "log" } }, "t1 DEAD END" },
};

static const struct golden kills[] = {
    { "K1", { { "main", "new:t1 new:t2 new:t3 yield kill:t2 log:MAIN runall log:END" }, ROUND },
        "t1 t2 t3 t2X t3' MAIN t1' END" },
    { "K2", { { "main", "open:c new:t1 new:t2 new:t3 yield kill:t2 log:MAIN bal:c runall log:END" },
                { "t2", "log recv:c log'" }, ROUND },
        "t1 t2 t3 t2X MAIN 0 t1' t3' END" },
    { "K3", { { "main", "new:t1 new:t2 new:t3 yield kill:t2 log:MAIN runall log:END" }, { "t2", "log pause log'" },
                ROUND },
        "t1 t2 t3 t2X MAIN t1' t3' END" },
    { "K4", { { "main", "new:t1 new:t2 new:t3 yield killp:t2 log:MAIN runall log:END" }, ROUND },
        "t1 t2 t3 MAIN t1' t2X t3' END" },
    { "K5", { { "main", "open:c new:t1 new:t2 new:t3 yield killp:t2 log:MAIN bal:c runall log:END" },
                { "t2", "log recv:c log'" }, ROUND },
        "t1 t2 t3 MAIN 0 t1' t3' t2X END" },
    { "K6", { { "main", "new:t1 new:t2 new:t3 yield killp:t2 log:MAIN runall log:END" }, { "t2", "log pause log'" },
                ROUND },
        "t1 t2 t3 MAIN t1' t3' t2X END" },
    { "K7", { { "main", "open:c pref:c+ new:t yield set:5 send:c log:sent killp:t runall log:END" },
                { "t", "recv:c got" } },
        "sent tX END" },
    { "KL-1 current", { { "main", "log kill:main log:never" } }, "main mainX" },
    { "KL-2 dead", { { "main", "new:t1 yield kill:t1 killp:t1 log:END" }, { "t1", "log" } }, "t1 END" },
    { "KL-5 never started", { { "main", "new:t1 kill:t1 log:m runall log:END" }, { "t1", "log" } }, "m END" },
    { "KL-5 paused and never started", { { "main", "bind:t1 kill:t1 log:m runall log:END" }, { "t1", "log" } },
        "m END" },
    { "KL-6 refuses to die", { { "main", "new:t1 yield kill:t1 log:m runall log:END" },
                                 { "t1", "refuse log pause log'" } },
        "t1 t1X t1' m END" },
    { "CH-13 the channel works on", { { "main", "open:c new:a new:b yield killp:a set:7 send:c log:m runall" },
                                        { "a", "recv:c got" }, { "b", "recv:c log got" } },
        "b =7 aX m" },
    { "kill out of run_all", { { "main", "new:w new:k runall log:END" }, { "w", "new:t runall log:never" },
                                 { "k", "kill:w log" }, { "t", "log pause" } },
        "wX k t END" },
    { "kill out of sleep", { { "main", "new:t yield kill:t log:END" }, { "t", "sleep:1000 log" } }, "tX END" },
};

static const struct golden lives[] = {
    { "SC-1", { { "main", "new:t1 log:a yield log:b" }, { "t1", "log" } }, "a t1 b" },
    { "SC-2 last runnable", { { "main", "new:t1 runall log:RET insert:t1 runall log:END" }, { "t1", "log pause log'" } },
        "t1 RET t1' END" },
    { "WD-1 blocked ones are no error", { { "main", "open:c new:t1 runall bal:c log:END" }, { "t1", "recv:c" } },
        "-1 END" },
    { "WD-6 the innermost first", { { "main", "new:a runall log:OUTER" }, { "a", "new:b runall log:INNER" },
                                      { "b", "log yield log'" } },
        "b b' INNER OUTER" },
    { "DM-4 runcount", { { "main", "open:c count new:t1 new:t2 count yield count" }, { "t1", "pause" },
                           { "t2", "recv:c" } },
        "#1 #3 #1" },
    { "TK-5 insert keeps the place", { { "main", "new:t1 new:t2 insert:t1 runall" }, { "t*", "log" } }, "t1 t2" },
    { "TK-5 insert of a blocked one", { { "main", "open:c new:t1 yield insert:t1 log:END" }, { "t1", "recv:c" } },
        "BLOCKED END" },
    { "TK-5 insert of a dead one", { { "main", "new:t1 yield insert:t1 log:END" }, { "t1", "log" } }, "t1 DEAD END" },
    { "TK-6 remove", { { "main", "new:t1 new:t2 remove:t1 remove:t1 runall insert:t1 runall" }, { "t*", "log" } },
        "t2 t1" },
    { "TK-6 remove of a blocked one", { { "main", "open:c new:t1 yield remove:t1 remove:main log:END" },
                                          { "t1", "recv:c" } },
        "BLOCKED INVALID END" },
    { "TK-2 bind", { { "main", "bind:t1 count runall insert:t1 count runall" }, { "t1", "log" } }, "#1 #2 t1" },
    { "TK-3 unbind", { { "main", "bind:t1 unbind:t1 insert:t1 new:t2 unbind:t2 unbind:main runall" }, { "t*", "log" } },
        "DEAD INVALID INVALID t2" },
    { "an error ends it alone", { { "main", "new:t1 new:t2 runall log:END" }, { "t1", "raise" }, { "t2", "log" } },
        "USER t2 END" },
    { "an error that is handled", { { "main", "refuse raise log:END" } }, "USER END" },
};

static void
check_all(const struct golden *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        world_check(&rows[i]);
    }
}

static void
test_run_and_switch_keep_the_orders_of_stackless(void **state)
{
    (void)state;
    check_all(runs, sizeof runs / sizeof runs[0]);
}

static void
test_kills_keep_the_orders_of_stackless(void **state)
{
    (void)state;
    check_all(kills, sizeof kills / sizeof kills[0]);
}

static void
test_the_life_cycle(void **state)
{
    (void)state;
    check_all(lives, sizeof lives / sizeof lives[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_and_switch_keep_the_orders_of_stackless),
        cmocka_unit_test(test_kills_keep_the_orders_of_stackless),
        cmocka_unit_test(test_the_life_cycle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
