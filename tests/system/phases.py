# SPDX-License-Identifier: Apache-2.0
"""The phases of a move, what may go wrong in each, and what must be true then. Used by test_phases.py.

A case is ROLE:POINT:FAULT:WHEN:WORKLOAD. ROLE is the node that it happens to, the source or the target of the move; POINT the name
of a phase (node/core/failpoint.h); FAULT:
    kill   SIGKILL at the point. early: it is started again at once; late: only after the others have declared it dead
    stop   SIGSTOP at the point. early: it goes on before anybody could declare it dead; late: only after that
    cut    the link between source and target, both ways or one, silent or reset; healed early, or late: after one of them is fenced
WORKLOAD is what the tasklet does meanwhile: `tally` answers clients, `ring` hands on tokens.
"""
import collections
import itertools

SOURCE = ("offer.send", "offer.sent", "accept.got", "frozen", "transfer.send", "transfer.sent", "parcel.sent", "prepared.got",
          "commit.send", "commit.sent", "dropped", "done.got")
TARGET = ("offer.got", "accept.send", "accept.sent", "transfer.got", "parcel.got", "installed", "prepared.send", "prepared.sent",
          "commit.got", "running", "done.send", "done.sent")
# Only passed when the source does not hear that the target is prepared, and its timer calls the move off.
SOURCE_ABORT = ("abort.send", "abort.sent", "aborted.got", "resumed")
TARGET_ABORT = ("abort.got", "discarded", "aborted.send", "aborted.sent")
FAULTS, WHENS, WORKLOADS = ("kill", "stop", "cut"), ("early", "late"), ("tally", "ring")

Case = collections.namedtuple("Case", "role point fault when workload")


def name_of(case):
    return ":".join(case)


def pairs():
    """(role, point, fault): each of them is to be executed."""
    places = [("source", p) for p in SOURCE + SOURCE_ABORT] + [("target", p) for p in TARGET + TARGET_ABORT]
    return [(role, point, fault) for role, point in places for fault in FAULTS]


def is_abort(case):
    return case.point in SOURCE_ABORT + TARGET_ABORT


# The pairs that decide where the tasklet lives; they come first, whatever the seed.
DECISIVE = [(role, point, "kill") for role, point in (
    ("source", "frozen"), ("source", "transfer.sent"), ("source", "parcel.sent"), ("source", "prepared.got"), ("source", "commit.send"),
    ("source", "commit.sent"), ("source", "dropped"), ("source", "abort.sent"), ("target", "accept.sent"), ("target", "parcel.got"),
    ("target", "installed"), ("target", "prepared.sent"), ("target", "commit.got"), ("target", "running"), ("target", "aborted.sent"))] + [
    ("source", "parcel.sent", "stop"), ("source", "commit.send", "stop"), ("source", "commit.sent", "cut"), ("source", "parcel.sent", "cut"),
    ("target", "installed", "stop"), ("target", "prepared.send", "cut"), ("target", "prepared.sent", "stop"), ("target", "running", "cut"),
    ("target", "abort.got", "cut"), ("source", "abort.send", "stop"), ("source", "abort.send", "cut")]
# What is only seen when nobody is given up: a target that does not wait for COMMIT for as long as it takes.
EARLY_FIRST = [("source", "abort.send", "stop"), ("source", "abort.send", "cut")]


def plan(random, rounds):
    """That many cases: the decisive pairs, then the others in the seed's order; then all of them again, with what was not drawn before."""
    rest = [pair for pair in pairs() if pair not in DECISIVE]
    random.shuffle(rest)
    variants = {pair: random.sample(list(itertools.product(WHENS, WORKLOADS)), 4) for pair in DECISIVE + rest}
    cases = []
    for pair in EARLY_FIRST:
        variants[pair].sort(key=lambda variant: variant[0] != "early")
    for lap in itertools.count():
        for pair in DECISIVE + rest:
            if len(cases) == rounds:
                return cases
            cases.append(Case(*pair, *variants[pair][lap % 4]))


# ---- what must be true

LOST, AT_SOURCE, AT_TARGET = "lost", "source", "target"


def expected(source_dead, target_dead, source, target):
    """Where the tasklet must be in the end, by who died and by what each of them has passed; PROTOCOLS section 5."""
    granted = "running" in target or "adopted" in target
    if source_dead and target_dead:
        return LOST
    if source_dead:  # M-D: a copy that was not called off is adopted
        return AT_TARGET if granted or ("installed" in target and "aborted.send" not in target) else LOST
    if target_dead:  # R1: from COMMIT on it is the target's
        return LOST if "commit.send" in source else AT_SOURCE
    return AT_TARGET if "commit.send" in source else AT_SOURCE


# The same for a node that is killed, said beforehand: what the failpoints themselves could be wrong about.
KILLED = {("source", point): where for points, where in (
    (("offer.send", "offer.sent", "accept.got", "frozen", "transfer.send", "transfer.sent"), LOST),
    (("parcel.sent", "prepared.got", "commit.send", "commit.sent", "dropped", "done.got"), AT_TARGET),
    (("resumed",), LOST)) for point in points}
KILLED |= {("target", point): where for points, where in (
    (("offer.got", "accept.send", "accept.sent", "transfer.got", "parcel.got", "installed", "prepared.send") + TARGET_ABORT, AT_SOURCE),
    (("commit.got", "running", "done.send", "done.sent"), LOST)) for point in points}
