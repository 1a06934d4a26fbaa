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
      "a source leaves a tasklet frozen when its target is gone")

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
