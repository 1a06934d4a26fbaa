#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The node with the authority dies or sleeps and comes back, while tasklets move to and from it and between others, while nodes join, while one
is drained. Nobody else may be given up for that; what it held itself goes with it, nothing more. --rounds N of each."""
import time

import census
import lib
import phases
import rounds
from lib import check, check_equal, wait_until

# At the phases that decide where the tasklet lives, as far as the authority's node is one of the two.
DIES = [(role, point) for role, points in (
    ("source", ("frozen", "parcel.sent", "commit.send", "dropped")), ("target", ("installed", "prepared.sent", "commit.got", "running")))
    for point in points]
SLEEPS = [("source", "parcel.sent"), ("source", "commit.send"), ("target", "installed"), ("target", "commit.got")]
NAP = 4.0  # longer than it would take to be given up, if there were somebody to do it
TALLIES = 8


def test_phases_of_its_moves(world):
    cluster = rounds.Cluster(world, quiet="n2")
    for _ in range(world.rounds or 1):
        cases = [(*place, "kill") for place in DIES] + [(*place, "stop") for place in SLEEPS]
        world.random.shuffle(cases)
        only = [phases.Case(*world.only.split(":"))] if world.only else None
        rounds.run(cluster, only or [phases.Case(*case, "early", world.random.choice(phases.WORKLOADS)) for case in cases],
                   pair=("n1", "n3"), victim="n1", nap=NAP)


def moment(world, longest, what):
    """The fault comes at some time, not at a phase."""
    end = time.monotonic() + world.random.uniform(0, longest)
    wait_until(lambda: time.monotonic() >= end, what, pace=0.01)


class Fault:
    """The authority is away for a while: killed, or asleep."""

    def __init__(self, cluster, kind):
        self.cluster, self.kind = cluster, kind
        self.node = cluster.nodes["n1"]
        if kind == "kill":
            self.node.kill9()
        else:
            self.node.suspend()

    def last(self, shortest=0.3, longest=2.5):
        until = time.monotonic() + self.cluster.world.random.uniform(shortest, longest)
        wait_until(lambda: time.monotonic() >= until, "the authority is away", pace=0.02)

    def over(self):
        if self.kind == "kill":
            self.cluster.start("n1")
        else:
            self.node.go_on()


def populate(cluster, names):
    """Tallies on these nodes: id, and the process that is their node now."""
    world = cluster.world
    return {world.spawn("tally/Tally", {"name": f"t{time.monotonic_ns()}"}, on=names[i % len(names)], endpoint=cluster.quiet):
            cluster.nodes[names[i % len(names)]] for i in range(TALLIES)}


def begin_moves(cluster, born, targets):
    return [cluster.world.tool_begin("tasklet", "migrate", id, "--to", cluster.world.random.choice(targets), "--wait", "--timeout", "20s",
                                     endpoint=cluster.quiet, name="migrate") for id in born]


def settle(cluster, born, dead, lives):
    """When all is quiet: nothing was held twice, and what is gone went with the authority's node."""
    world = cluster.world
    wait_until(lambda: all(m["outcome"] for m in world.try_items("migration", "list", "--limit", "10000", endpoint=cluster.quiet)
                           if m["tasklet"] in born), "every move has an outcome")
    there, gone = census.take(world, lives, born, dead, cluster.quiet)
    for id in born:
        world.tool("tasklet", "kill", id, "--yes", rc=None, endpoint=cluster.quiet)
    return there, gone


def accidentally(cluster):
    """True when the machine was too busy, and somebody else was given up; then all is put in order again."""
    fallen = cluster.fallen()
    if fallen:
        print(f"     again: declared dead by accident: {' '.join(fallen)}", flush=True)
        cluster.repair()
        cluster.world.tool("tasklet", "kill", "--selector", "code=Tally", "--yes", rc=None, endpoint=cluster.quiet)
    return bool(fallen)


def repeated(cluster, one):
    """One with each fault, again after accidents, a few times at most."""
    accidents = 0
    for _ in range(cluster.world.rounds or 2):
        for kind in ("kill", "stop"):
            while True:
                began = time.monotonic()
                try:
                    said = one(cluster, kind)
                    cluster.await_all()
                except (lib.Failed, rounds.Disturbed):
                    if not accidentally(cluster):
                        raise
                    accidents += 1
                    check(accidents <= 2, f"{accidents} accidents")
                    continue
                print(f"     {kind:<5} {said}  {time.monotonic() - began:.1f} s", flush=True)
                break


def move_meanwhile(cluster, kind):
    """Between the others nothing depends on it; what is on its way to or from it is settled when it is back."""
    world = cluster.world
    others, its = populate(cluster, ("n2", "n3")), populate(cluster, ("n1",))
    lives = list(cluster.nodes.values())
    moves = begin_moves(cluster, its, ("n2", "n3"))
    moment(world, 0.6, "moves have begun")
    fault = Fault(cluster, kind)
    for id, node in others.items():
        to = "n3" if node.name == "n2" else "n2"
        result = world.tool("tasklet", "migrate", id, "--to", to, "--wait", "--timeout", "20s", "-o", "json", endpoint=cluster.nodes[node.name])
        check_equal([m["outcome"] for m in result.json["items"]], ["committed"], f"a move from {node.name} to {to} without the authority")
    fault.last()
    fault.over()
    for move in moves:
        check(move.wait(45) in (0, 1, 3, 4, 7), f"a move's command: {move.log()}")
    cluster.await_all()
    dead = [fault.node] if kind == "kill" else []
    lives = lives + [cluster.nodes["n1"]] if dead else lives
    check_equal(settle(cluster, others, [], lives), (TALLIES, 0), "those that were elsewhere live and went")
    there, gone = settle(cluster, its, dead, lives)
    check(dead or gone == 0, f"{gone} are gone although nobody died")
    return f"moves: {TALLIES} between others, {there} of {TALLIES} got away from it"


def join_meanwhile(cluster, kind):
    """Who joins waits for it."""
    world = cluster.world
    name = f"j{time.monotonic_ns()}"
    world.tool("keys", "issue", "node", name, keys=world.keys_dir)
    joining = lib.Node(world, name, world.node_argv(name, "--join-timeout", "30s", join=[cluster.nodes["n1"].endpoint, cluster.quiet.endpoint],
                                                    modules=("tally", "ring")))
    world.nodes.append(joining)
    moment(world, 0.3, "it is joining")
    fault = Fault(cluster, kind)
    fault.last()
    check(joining.running(), f"it goes on trying to join: {joining.log()[-300:]}")
    fault.over()
    joining.await_ready()
    wait_until(lambda: cluster.states().get(name) == "up", "it is a member")
    tasklet = world.spawn("tally/Tally", {"name": name}, on=name, endpoint=cluster.quiet)
    world.migrate(tasklet, "n3", endpoint=cluster.quiet)
    world.tool("tasklet", "kill", tasklet, "--yes", endpoint=cluster.quiet)
    joining.stop()
    world.nodes.remove(joining)
    return "a node joins"


def drain_meanwhile(cluster, kind):
    """A drain goes on, or is begun again; what was on the node is elsewhere then."""
    world = cluster.world
    born = populate(cluster, ("n3",))
    lives = list(cluster.nodes.values())
    drain = world.tool_begin("node", "drain", "n3", "--wait", "--yes", "--timeout", "20s", endpoint=cluster.quiet, name="drain")
    moment(world, 0.3, "the drain has begun")
    fault = Fault(cluster, kind)
    fault.last()
    fault.over()
    check(drain.wait(45) in (0, 1, 3, 7), f"the drain's command: {drain.log()}")
    wait_until(lambda: cluster.states().get("n1") == "up", "the authority is back")
    world.tool("node", "drain", "n3", "--wait", "--yes", "--timeout", "30s", endpoint=cluster.quiet)
    left = [t["id"] for t in world.items("tasklet", "list", "--selector", "node=n3", "--limit", "1000", endpoint=cluster.quiet) if t["id"] in born]
    check_equal(left, [], "what is left on a drained node")
    dead = [fault.node] if kind == "kill" else []
    lives = lives + [cluster.nodes["n1"]] if dead else lives
    there, gone = settle(cluster, born, dead, lives)
    check(dead or gone == 0, f"{gone} are gone although nobody died")
    world.tool("node", "uncordon", "n3", endpoint=cluster.quiet)
    return f"a drain: {there} live, {gone} went with the authority's node"


def test_moves(world):
    repeated(rounds.Cluster(world, quiet="n2"), move_meanwhile)


def test_joins(world):
    repeated(rounds.Cluster(world, quiet="n2"), join_meanwhile)


def test_drains(world):
    repeated(rounds.Cluster(world, quiet="n2"), drain_meanwhile)


if __name__ == "__main__":
    lib.main(test_phases_of_its_moves, test_moves, test_joins, test_drains)
