#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Something happens to the source or the target of a move at each phase of it: SIGKILL, SIGSTOP, a cut link; phases.py says what and
what must be true then. --rounds N, --part K/N for every N-th of them, --only CASE for one. It needs a build with STINT_FAILPOINTS."""
import lib
import phases
import rounds

ROUNDS = 40


def test_phases(world):
    part, parts = world.part
    cases = phases.plan(world.random, world.rounds or ROUNDS)[part - 1::parts]
    if world.only:
        cases = [phases.Case(*world.only.split(":"))] * (world.rounds or 1)
    rounds.run(rounds.Cluster(world), cases)


if __name__ == "__main__":
    lib.main(test_phases)
