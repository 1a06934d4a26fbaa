/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutants: mistakes that somebody might make in this code, one line each, which the simulator
 * switches on to prove that it would notice them (tests/sim/README.md). A machine has at most
 * one, and it is chosen in its memory's handle, so that nothing is global. They exist only in
 * the libraries that tests/sim builds for itself with STINT_MUTANTS; anywhere else MUTANT() is
 * a constant false, and no trace of them is in what is installed.
 */
#ifndef STINT_BASE_MUTANT_H
#define STINT_BASE_MUTANT_H

#include <stdbool.h>

/* What it is called in the code, what on the command line, where it is, what is wrong with it.
 * The first six are those of tests/model/migration.pml. */
#define MUTANT_LIST(X)                                                                         \
    X(ADOPT_TIMEOUT, "adopt-timeout", "cluster/move",                                          \
      "a target that waits too long for COMMIT runs its copy")                                 \
    X(RESUME_TIMEOUT, "resume-timeout", "cluster/move",                                        \
      "a source that waits too long for PREPARED runs the tasklet again")                      \
    X(NO_TOMBSTONE, "no-tombstone", "cluster/move",                                            \
      "a target answers ABORTED and remembers nothing of it")                                  \
    X(SELF_VIEW, "self-view", "core/control, cluster/move",                                    \
      "a node acts on a view without noticing that it is not in it")                           \
    X(ONEPHASE, "onephase", "cluster/move",                                                    \
      "a target runs what it has installed before COMMIT")                                     \
    X(NO_RESUME, "no-resume", "cluster/move",                                                  \
      "a source leaves a tasklet frozen when its target is gone")                              \
    X(NO_RESULT, "no-result", "kernel/relation",                                               \
      "a host forgets the result of an operation as soon as it has told it")                   \
    X(NO_SEQ, "no-seq", "kernel/relation",                                                     \
      "a host does not look whether it has done an operation of that number")                  \
    X(HEAP_UPDATE, "heap-update", "base/heap",                                                 \
      "an item that is put off keeps its place in the heap")                                   \
    X(ACK_EARLY, "ack-early", "wire/session",                                                  \
      "a frame that is missing is acknowledged")                                               \
    X(CREDIT_TWICE, "credit-twice", "wire/session",                                            \
      "the bytes of a frame are granted twice")                                                \
    X(REPEAT_TAKEN, "repeat-taken", "wire/session",                                            \
      "a frame that comes again is delivered again")                                           \
    X(RESUME_FORGETS, "resume-forgets", "wire/session",                                        \
      "a session that is greeted again counts its frames from 1")                              \
    X(STALE_JOIN, "stale-join", "cluster/authority",                                           \
      "a node that joins again keeps its incarnation")                                         \
    X(VOTE_ALONE, "vote-alone", "cluster/authority",                                           \
      "one vote kills a node that the authority is in contact with")                           \
    X(EPOCH_BACK, "epoch-back", "cluster/directory",                                           \
      "a home believes a report with a smaller epoch than it has")                             \
    X(FORWARD_FOREVER, "forward-forever", "cluster/directory",                                 \
      "a forwarder is never forgotten")                                                        \
    X(DETECTOR_BLIND, "detector-blind", "core/control",                                        \
      "a node that does not answer is never suspected")                                        \
    X(BALANCE_BLIND, "balance-blind", "core/mover",                                            \
      "the balancer takes all other nodes for empty")                                          \
    X(END_FORGOTTEN, "end-forgotten", "kernel/relation",                                       \
      "a host forgets a tasklet that moved as soon as it has ended")                           \
    X(KILL_BALANCE, "kill-balance", "kernel/tasklet",                                          \
      "a tasklet killed in a queue is still counted in its balance")                           \
    X(WAITER_LOST, "waiter-lost", "kernel/pickle, core/mover",                                 \
      "who waits in a channel that moves is neither taken along nor told")                     \
    X(DEADLINE_DROPPED, "deadline-dropped", "kernel/pickle",                                   \
      "a deadline is not in the pickle")                                                       \
    X(WAKE_LOST, "wake-lost", "kernel/pickle",                                                 \
      "the outcome that a tasklet is about to see is not in the pickle")                       \
    X(WINDOW_OFF, "window-off", "kernel/outlet",                                               \
      "one send more than the window is under way")                                            \
    X(FIFO_PASSED, "fifo-passed", "kernel/exchange",                                           \
      "a receiver takes from a waiting sender before it takes from the buffer")                \
    X(FAST_PATH, "fast-path", "kernel/exchange",                                               \
      "a local operation takes place while earlier ones are outstanding")                      \
    X(CANCEL_DEAF, "cancel-deaf", "kernel/dispatch",                                           \
      "a deadline does not wait for what the host says of it")                                 \
    X(EPOCH_KEPT, "epoch-kept", "core/mover",                                                  \
      "a tasklet runs at its target under the epoch that it had")                              \
    X(HELD_LOST, "held-lost", "core/mover",                                                    \
      "what came for a frozen tasklet is dropped when it goes on")                             \
    X(FIN_LOST, "fin-lost", "core/remote",                                                     \
      "a channel elsewhere is not told that a tasklet has ended")                              \
    X(VIEW_PARTIAL, "view-partial", "core/remote",                                             \
      "a view is applied, but for the waiters that were on a node that is gone")               \
    X(NO_REOFFER, "no-reoffer", "core/remote",                                                 \
      "nothing is offered again when a node is gone")                                          \
    X(NAME_ONCE, "name-once", "core/control",                                                  \
      "names are not put again when a node is gone")                                           \
    X(VIEW_UNSAVED, "view-unsaved", "core/control",                                            \
      "the view that a node has seen is not written to its data")                              \
    X(ZOMBIE_HEARD, "zombie-heard", "core/peers",                                              \
      "a node that is not in the view is listened to")                                         \
    X(CALL_FOREVER, "call-forever", "client/requests",                                         \
      "a request that has left is waited for without a deadline")

enum mutant {
    MUTANT_NONE,
#define MUTANT_ENUM(name, text, place, bug) MUTANT_##name,
    MUTANT_LIST(MUTANT_ENUM)
#undef MUTANT_ENUM
    MUTANT_COUNT_
};

/* Whether the machine whose memory `mem` is has this mistake in it. */
#ifdef STINT_MUTANTS
#define MUTANT(mem, name) ((mem)->mutant == MUTANT_##name)
#else
#define MUTANT(mem, name) ((void)(mem), (void)MUTANT_##name, false)
#endif

#endif
