/* SPDX-License-Identifier: Apache-2.0 */
/* The golden orders of CONFORMANCE a.3: who runs after an exchange, completion orders, streams, balance, close. */
#include "actor.h"

#define SENDS(what) "open:c " what " new:P yield new:X new:Y log:m0 send:c log:m1 runall"
#define RECEIVES(what) "open:c " what " new:P yield new:X new:Y log:m0 recv:c log:m1 runall"
#define XY { "X", "log" }, { "Y", "log" }

static const struct golden exchanges[] = {
    { "-1 main sends", { { "main", SENDS("pref:c-") }, { "P", "recv:c log" }, XY }, "m0 P X Y m1" },
    { "-1 is the default", { { "main", SENDS("") }, { "P", "recv:c log" }, XY }, "m0 P X Y m1" },
    { "0 main sends", { { "main", SENDS("pref:c0") }, { "P", "recv:c log" }, XY }, "m0 m1 X Y P" },
    { "+1 main sends", { { "main", SENDS("pref:c+") }, { "P", "recv:c log" }, XY }, "m0 m1 X Y P" },
    { "all main sends", { { "main", SENDS("all:c") }, { "P", "recv:c log" }, XY }, "m0 X Y P m1" },
    { "all +1 main sends", { { "main", SENDS("all:c pref:c+") }, { "P", "recv:c log" }, XY }, "m0 X Y P m1" },
    { "-1 main receives", { { "main", RECEIVES("pref:c-") }, { "P", "send:c log" }, XY }, "m0 m1 X Y P" },
    { "0 main receives", { { "main", RECEIVES("pref:c0") }, { "P", "send:c log" }, XY }, "m0 m1 X Y P" },
    { "+1 main receives", { { "main", RECEIVES("pref:c+") }, { "P", "send:c log" }, XY }, "m0 P X Y m1" },
    { "all main receives", { { "main", RECEIVES("all:c") }, { "P", "send:c log" }, XY }, "m0 X Y P m1" },
    { "+1 with nobody else", { { "main", "open:c pref:c+ new:P yield recv:c log runall" }, { "P", "send:c log" } },
        "P main" },
    { "-1 with nobody else", { { "main", "open:c new:P yield send:c log runall" }, { "P", "recv:c log" } }, "P main" },
};

#define SENDERS "new:S0 new:S1 new:S2 "
#define RECEIVERS "new:R0 new:R1 new:R2 "
#define SR { "S*", "send:c log" }, { "R*", "recv:c log" }

static const struct golden completions[] = {
    { "-1 senders first", { { "main", "open:c pref:c- " SENDERS RECEIVERS "runall" }, SR }, "R0 R1 R2 S0 S1 S2" },
    { "-1 receivers first", { { "main", "open:c pref:c- " RECEIVERS SENDERS "runall" }, SR }, "R0 R1 R2 S0 S1 S2" },
    { "0 senders first", { { "main", "open:c pref:c0 " SENDERS RECEIVERS "runall" }, SR }, "R0 R1 R2 S0 S1 S2" },
    { "0 receivers first", { { "main", "open:c pref:c0 " RECEIVERS SENDERS "runall" }, SR }, "S0 S1 S2 R0 R1 R2" },
    { "+1 senders first", { { "main", "open:c pref:c+ " SENDERS RECEIVERS "runall" }, SR }, "S0 S1 S2 R0 R1 R2" },
    { "+1 receivers first", { { "main", "open:c pref:c+ " RECEIVERS SENDERS "runall" }, SR }, "S0 S1 S2 R0 R1 R2" },
    { "all senders first", { { "main", "open:c all:c " SENDERS RECEIVERS "runall" }, SR }, "S0 R0 S1 R1 S2 R2" },
    { "all receivers first", { { "main", "open:c all:c " RECEIVERS SENDERS "runall" }, SR }, "R0 S0 R1 S1 R2 S2" },
};

#define STREAM                                                                          \
    { "p", "log:s0 send:c log:s1 send:c log:s2 send:c log:pd" },                        \
        { "c", "recv:c log:r0 recv:c log:r1 recv:c log:r2 log:cd" }, { "b", "log yield log yield log" }

static const struct golden streams[] = {
    { "-1", { { "main", "open:c pref:c- new:p new:c new:b runall" }, STREAM }, "s0 r0 b s1 r1 b s2 r2 cd b pd" },
    { "0", { { "main", "open:c pref:c0 new:p new:c new:b runall" }, STREAM }, "s0 r0 b s1 s2 b r1 r2 cd b pd" },
    { "+1", { { "main", "open:c pref:c+ new:p new:c new:b runall" }, STREAM }, "s0 s1 b r0 s2 b r1 pd b r2 cd" },
};

static const struct golden rules[] = {
    { "CH-1 balance", { { "main", "open:c bal:c new:a new:b yield bal:c recv:c bal:c recv:c bal:c" },
                          { "a", "send:c" }, { "b", "send:c" } },
        "0 2 1 0" },
    { "CH-1 pending kill", { { "main", "open:c new:a yield bal:c killp:a bal:c runall" }, { "a", "recv:c" } },
        "-1 0 aX" },
    { "CH-4 the value", { { "main", "open:c new:a set:42 send:c runall" }, { "a", "recv:c got" } }, "=42" },
    { "CH-5 block trap", { { "main", "open:c refuse trap send:c bal:c recv:c bal:c log:END" } },
        "BLOCKED 0 BLOCKED 0 END" },
    { "CH-5 trap before closing", { { "main", "open:c refuse close:c trap send:c untrap send:c recv:c bal:c" } },
        "BLOCKED CLOSED CLOSED 0c" },
    { "CH-6 a trap does not matter with a partner", { { "main", "open:c new:a yield trap set:3 send:c log:END" },
                                                        { "a", "recv:c got" } },
        "=3 END" },
    { "CH-12 closing serves partners", { { "main", "open:c new:a yield close:c bal:c recv:c got bal:c reopen:c bal:c "
                                                   "new:b yield recv:c got" },
                                           { "a", "set:1 send:c" }, { "b", "set:2 send:c" } },
        "1 =1 0c 0 =2" },
    { "CH-12 closing does not wake", { { "main", "open:c new:a yield close:c bal:c yield log:END" }, { "a", "recv:c" } },
        "-1 END" },
    { "CH-12 killing the last waiter closes", { { "main", "open:c new:a yield close:c bal:c killp:a bal:c yield" },
                                                  { "a", "recv:c" } },
        "-1 0c aX" },
    { "close(wake) of receivers", { { "main", "own:c new:a new:b yield wake:c bal:c yield recv:c" },
                                      { "a", "recv:c" }, { "b", "recv:c" } },
        "0c END_OF_SEQUENCE END_OF_SEQUENCE END_OF_SEQUENCE" },
    { "close(wake) of senders", { { "main", "own:c new:a yield wake:c yield send:c" }, { "a", "send:c" } },
        "CLOSED CLOSED" },
    { "the owner's end closes", { { "main", "new:o new:a runall log:END" }, { "o", "own:c yield" }, { "a", "recv:c" } },
        "END_OF_SEQUENCE END" },
    { "a refused operation changes nothing", { { "main", "open:c new:a yield count refuse close:c trap send:c count bal:c" },
                                                 { "a", "pause" } },
        "#1 BLOCKED #1 0c" },
};

static const struct golden buffers[] = {
    { "sends go on until it is full", { { "main", "open:c/2 new:p new:r runall" },
                                          { "p", "send:c log:1 send:c log:2 send:c log:3" },
                                          { "r", "recv:c log:a recv:c log:b recv:c log:c" } },
        "1 2 a b c 3" },
    { "FIFO", { { "main", "open:c/3 set:1 send:c set:2 send:c set:3 send:c recv:c got recv:c got recv:c got" } },
        "=1 =2 =3" },
    { "blocked senders follow in order", { { "main", "open:c/1 new:p1 new:p2 new:p3 yield bal:c recv:c got recv:c got "
                                                     "recv:c got bal:c" },
                                             { "p1", "set:1 send:c" }, { "p2", "set:2 send:c" },
                                             { "p3", "set:3 send:c" } },
        "2 =1 =2 =3 0" },
    { "a waiting receiver gets it directly", { { "main", "open:c/2 new:r yield bal:c set:9 send:c bal:c log:m runall" },
                                                 { "r", "recv:c got" } },
        "-1 0 m =9" },
    { "closing lets the rest out", { { "main", "own:c/2 set:1 send:c wake:c refuse send:c recv:c got recv:c log:END" } },
        "CLOSED =1 END_OF_SEQUENCE END" },
    { "preference is possible there too", { { "main", "open:c/2 pref:c- new:r yield set:9 send:c log:m runall" },
                                              { "r", "recv:c got" } },
        "=9 m" },
};

static void
check_all(const struct golden *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        world_check(&rows[i]);
    }
}

static void
test_who_runs_after_an_exchange(void **state)
{
    (void)state;
    check_all(exchanges, sizeof exchanges / sizeof exchanges[0]);
}

static void
test_completion_orders(void **state)
{
    (void)state;
    check_all(completions, sizeof completions / sizeof completions[0]);
}

static void
test_streams(void **state)
{
    (void)state;
    check_all(streams, sizeof streams / sizeof streams[0]);
}

static void
test_balance_trap_and_close(void **state)
{
    (void)state;
    check_all(rules, sizeof rules / sizeof rules[0]);
}

static void
test_buffers(void **state)
{
    (void)state;
    check_all(buffers, sizeof buffers / sizeof buffers[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_runs_after_an_exchange),
        cmocka_unit_test(test_completion_orders),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_balance_trap_and_close),
        cmocka_unit_test(test_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
