#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Networks that fall apart, each node in a network namespace of its own: a cable out, routes that lead nowhere in one direction or both, few
nodes against many, the authority among either; healed before and after the others have given somebody up. Meanwhile tasklets move to
and fro and clients send. --rounds N of each."""
import itertools
import time

import census
import lib
import netns
import workloads
from lib import check, check_equal, wait_until

FENCED = 4
MOVED = 6


class Cluster:
    """Nodes n1, n2 … in their own namespaces, n1 with the authority; operator and clients beside them, in reach of n1 at least."""

    def __init__(self, world, count, detect):
        self.world, self.detect = world, detect
        self.names = [f"n{i + 1}" for i in range(count)]
        self.net = netns.Network([*self.names, "ops"])
        world.at_end(self.net.close)
        self.nodes, self.lives, self.dead, self.born = {}, [], [], {}
        world.enter = self.net.inside("ops")
        world.keys(*self.names, clients=("c0", "c1"))
        for name in self.names:
            self.start(name)
        world.await_members(self.names)
        world.tool("cluster", "balancer", "off")

    @property
    def n1(self):
        return self.nodes["n1"]

    def start(self, name):
        old = self.nodes.get(name)
        if old is not None:
            self.world.nodes.remove(old)
        options = {"found": old is None} if name == "n1" else {"join": self.n1}
        argv = self.net.inside(name) + self.world.node_argv(name, "--join-timeout", "30s", listen=f"tcp://{self.net.addresses[name]}:0",
                                                            modules=("tally", "ring"), detect=self.detect, **options)
        # The file never holds an order: the marks are wanted, nothing more.
        node = lib.Node(self.world, name, argv, {"STINT_FAILPOINTS": self.world.path("no-order")})
        self.world.nodes.append(node)
        self.lives.append(node)
        self.nodes[name] = node
        node.await_ready()

    def up(self):
        return {n["name"] for n in self.world.try_items("node", "list", endpoint=self.n1) if n["state"] == "up"}

    def populate(self):
        """A few tasklets that will be moved about, dealt out to all nodes."""
        for name, _ in zip(itertools.cycle(self.names), range(MOVED)):
            id = self.world.spawn("tally/Tally", {"name": f"p{len(self.born)}"}, on=name, endpoint=self.n1)
            self.born[id] = self.nodes[name]

    def stir(self, random, endpoint):
        """Moves begin, each to some other node; how they end is not asked here. They are begun at one node of the part that is looked at."""
        return [self.world.tool_begin("tasklet", "migrate", id, "--to", random.choice(self.names), "--wait", "--timeout", "20s",
                                      endpoint=endpoint, name="migrate") for id in self.born]

    def recover(self):
        """All that were removed while they lived find out and end with 4; then they are started again. Returns their names."""
        def found_out():
            up = self.up()
            return up and all(name in up or not self.nodes[name].running() for name in self.names)
        for node in self.nodes.values():
            node.expected_end = True
        wait_until(found_out, "who was removed ends")
        fenced = [name for name in self.names if not self.nodes[name].running()]
        for name in fenced:
            check_equal(self.nodes[name].popen.returncode, FENCED, f"how {name} ended")
            self.dead.append(self.nodes[name])
            self.start(name)
        for node in self.nodes.values():
            node.expected_end = False
        wait_until(lambda: self.up() == set(self.names), "all are members again")
        return fenced

    def settle(self):
        wait_until(lambda: all(m["outcome"] for m in self.world.items("migration", "list", "--limit", "10000", endpoint=self.n1)
                               if m["tasklet"] in self.born), "every move has an outcome")
        there, gone = census.take(self.world, self.lives, self.born, self.dead, self.n1)
        for id in self.born:
            self.world.tool("tasklet", "kill", id, "--yes", rc=None, endpoint=self.n1)
        self.born.clear()
        return there, gone


def part_of(cluster, kind, random):
    """Cuts the network; returns the nodes that are on the other side than n1, as far as there are sides."""
    net, names = cluster.net, cluster.names
    others = names[1:]
    if kind == "cable":  # one node is on its own
        victim = random.choice(others)
        net.isolate(victim)
        return {victim}
    if kind == "authority":  # the authority's node is on its own, except for the operator and the clients beside it
        for name in others:
            net.part("n1", name)
        return set(others)
    if kind == "deaf":  # two nodes, one direction
        a, b = random.sample(others, 2)
        net.deafen(a, b)
        return set()
    if kind == "pair":  # two nodes, both directions; all others reach both
        net.part(*random.sample(others, 2))
        return set()
    far = set(random.sample(others, len(names) // 2))  # halves, the smaller one without the authority
    for a in far:
        for b in set(names) - far:
            net.part(a, b)
        net.deafen(a, "ops")
        net.deafen("ops", a)
    return far


def partition(cluster, kind, late, number):
    world, random = cluster.world, cluster.world.random
    began = time.monotonic()
    cluster.populate()
    tally = workloads.Tally(world, cluster.n1, cluster.n1, random)  # stays with the clients: nothing may happen to it
    tally.begin()
    moves = cluster.stir(random, cluster.n1)
    far = part_of(cluster, kind, random)
    moves += cluster.stir(random, cluster.n1)
    if late:
        if kind == "authority":  # it is the one that writes verdicts
            wait_until(lambda: cluster.up() == {"n1"}, "n1 gives up those that it cannot reach")
        else:
            wait_until(lambda: set() < cluster.up() <= set(cluster.names) - far and set() < cluster.up() < set(cluster.names),
                       "somebody is given up")
    else:
        until = time.monotonic() + random.uniform(0.1, 0.7)
        wait_until(lambda: time.monotonic() >= until, "the partition lasts", pace=0.02)
    tally_answers = tally.answered()
    wait_until(lambda: tally.answered() > tally_answers, "the clients of the tally in reach get answers")
    cluster.net.heal()
    for move in moves:
        check(move.wait(60) in (0, 1, 3, 4, 7), f"a move's command: {move.log()}")
    fenced = cluster.recover()
    if late:
        check(fenced, "somebody was removed")
        check(far <= set(fenced), f"all of {far} were removed, not only {fenced}")
    there, gone = cluster.settle()
    check(fenced or gone == 0, f"{gone} tasklets are gone although nobody was removed")
    tally.finish(False)
    accident = fenced and not late
    print(f"{number:4} {kind:<10} {'late' if late else 'early':<6} removed {' '.join(fenced) or '-':<12} {there} tasklets live, {gone} went  "
          f"{time.monotonic() - began:.1f} s{'  by accident: again' if accident else ''}", flush=True)
    return not accident


def run(world, count, late, kinds):
    """Who is not to be given up gets the detection that has more patience: TCP itself needs a while after the network is whole again."""
    cluster = Cluster(world, count, "fast" if late else "normal")
    accidents = 0
    for number, kind in enumerate(kinds * (world.rounds or 1), 1):
        while not partition(cluster, kind, late, number):  # a machine too busy for any detection; all that was seen was right, though
            accidents += 1
            check(accidents <= 2 + number // 5, f"{accidents} times somebody was removed after a moment")


def test_healed_in_time(world):
    run(world, 3, False, ("cable", "deaf", "pair", "authority"))


def test_healed_after_the_verdict(world):
    run(world, 3, True, ("cable", "deaf", "pair", "authority"))


def test_halves(world):
    run(world, 5, True, ("halves", "cable"))


def test_halves_healed_in_time(world):
    run(world, 5, False, ("halves",))


if __name__ == "__main__":
    lib.main(test_healed_in_time, test_healed_after_the_verdict, test_halves_healed_in_time, test_halves)
