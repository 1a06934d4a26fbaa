# SPDX-License-Identifier: Apache-2.0
"""Rounds of one fault each: a cluster, a move, something that happens to a node at a phase of it (phases.py), what is true then."""
import collections
import os
import signal
import sys
import time

import census
import lib
import phases
import proxy
import workloads
from lib import Failed, check, check_equal, wait_until

FENCED = 4


class Disturbed(Exception):
    """A node was declared dead although nothing was done to it: the machine was too busy for the fast detection. The round does not
    count and is run again; too many of them fail the test."""


class Cluster:
    """n1 has the authority, n2 and n3 are members; each is reached through a relay. Nothing happens to the one that is `quiet`: it is what
    operator and clients speak to."""

    def __init__(self, world, quiet="n1"):
        self.world, self.relay, self.quiet_name = world, proxy.Relay(), quiet
        world.at_end(self.relay.close)
        self.nodes = {}
        world.keys("n1", "n2", "n3", clients=("c0", "c1"))
        for name in ("n1", "n2", "n3"):
            self.start(name)
        self.repair()
        world.tool("cluster", "balancer", "off")

    @property
    def quiet(self):
        return self.nodes[self.quiet_name]

    def order_path(self, name):
        return self.world.path(f"failpoint-{name}")

    def start(self, name):
        """Starts a node, or starts it again on its data."""
        old = self.nodes.get(name)
        if old is not None:
            self.world.nodes.remove(old)
        options = {"found": old is None} if name == "n1" else {"join": self.nodes["n1"]}
        argv = self.world.node_argv(name, "--advertise", self.relay.endpoint(name), "--join-timeout", "30s", modules=("tally", "ring"), **options)
        node = lib.Node(self.world, name, argv, {"STINT_FAILPOINTS": self.order_path(name)})
        self.world.nodes.append(node)
        self.nodes[name] = node
        self.relay.serves(name, node.pid)
        node.await_ready()

    def arm(self, name, point, action, tasklet):
        """That node does that when it passes that point with that tasklet, once."""
        with open(self.order_path(name) + ".new", "w", encoding="ascii") as file:
            file.write(f"{point} {action} {tasklet}\n")
        os.rename(file.name, self.order_path(name))

    def disarm(self):
        for name in self.nodes:
            if os.path.exists(self.order_path(name)):
                os.unlink(self.order_path(name))

    def states(self):
        return {n["name"]: n["state"] for n in self.world.try_items("node", "list", endpoint=self.quiet)}

    def all_up(self):
        states = self.states()
        return all(states.get(name) == "up" for name in self.nodes)

    def until(self, condition, what, **options):
        """wait_until, while nobody falls by accident."""
        def met():
            if self.fallen():
                raise Disturbed(f"{' and '.join(self.fallen())} while waiting until {what}")
            return condition()
        return wait_until(met, what, **options)

    def fallen(self):
        """Who was removed by accident."""
        return [n.name for n in self.nodes.values() if not n.running() and not n.expected_end and n.popen.returncode == FENCED]

    def await_gone(self, name):
        """The others have declared it dead; returns how long that took."""
        began = time.monotonic()

        def gone():
            states = self.states()
            return states and states.get(name) != "up"
        self.until(gone, f"{name} is declared dead")
        return time.monotonic() - began

    def await_all(self):
        self.until(self.all_up, "all are members again")

    def repair(self):
        """At first, and after an accident: everything that was done is undone, who fell is started again; there may be more of them."""
        for attempt in range(3):
            try:
                self._repair()
                return
            except Failed:
                if attempt == 2 or not self.fallen():
                    raise

    def _repair(self):
        self.relay.heal()
        self.disarm()
        for node in self.nodes.values():
            node.expected_end = True
            if node.running():
                node.go_on()

        def known():
            states = self.states() if self.quiet.running() else {}
            return all(states.get(name) == "up" or not node.running() for name, node in self.nodes.items())
        if not self.quiet.running():  # nobody could be asked
            for name in [n for n in ("n1", self.quiet_name) if not self.nodes[n].running()]:
                self.start(name)
        wait_until(known, "who was removed ends")
        for name, node in list(self.nodes.items()):
            if not node.running():
                check(node.popen.returncode in (FENCED, -signal.SIGKILL), f"{name} ended with {node.popen.returncode}")
                self.start(name)
            else:
                node.expected_end = False
        wait_until(self.all_up, "all are members")


class Round:
    """One case: the move, the fault, the end of the fault, what is true then."""

    def __init__(self, cluster, case, pair=("n2", "n3"), victim=None, nap=0.4):
        """Between which two nodes, to which of them (one of both, if that is not said), and for how long nobody is taken for dead."""
        self.cluster, self.world, self.case, self.random, self.nap = cluster, cluster.world, case, cluster.world.random, nap
        self.victim = victim or self.random.choice(pair)
        other = pair[0] if self.victim == pair[1] else pair[1]
        self.source, self.target = (self.victim, other) if case.role == "source" else (other, self.victim)
        self.dead = set()       # lives that have ended: roles
        self.detection = None   # seconds until the verdict
        self.began = {}         # the processes of this move
        self.frozen_us = 0
        self.load, self.tasklet = None, ""

    def role(self, name):
        return "source" if name == self.source else "target"

    def node(self, name):
        return self.cluster.nodes[name]

    # ---- what a node has passed in this round

    def passed(self, name):
        process, offset = self.began[name]
        marks = [line.rpartition("failpoint ")[2].split() for line in process.log()[offset:].splitlines() if "failpoint " in line]
        return [m[0] for m in marks if len(m) == 2 and m[1] == self.tasklet]

    def await_passed(self, name, point):
        self.cluster.until(lambda: point in self.passed(name), f"{name} passes {point}")

    # ---- the fault

    def provoke(self):
        case = self.case
        action = "kill" if case.fault == "kill" else "stop"
        if phases.is_abort(case):  # what the target says waits until the source has called the move off
            self.cluster.arm(self.target, "transfer.got", "stop", self.tasklet)
            if case.role == "source":
                self.cluster.arm(self.source, case.point, action, self.tasklet)
        else:
            self.cluster.arm(self.victim, case.point, action, self.tasklet)
        self.move = self.world.tool_begin("tasklet", "migrate", self.tasklet, "--to", self.target, "--wait", "--timeout", "20s",
                                          endpoint=self.cluster.quiet, name="migrate")
        if phases.is_abort(case):
            self.call_off(action)
        victim = self.node(self.victim)
        if action == "kill":
            self.cluster.until(lambda: not victim.running() and victim.popen.returncode == -signal.SIGKILL,
                               f"{self.victim} dies at {case.point}")
            victim.expected_end = True
        else:
            self.cluster.until(lambda: victim.running() and victim.stopped(), f"{self.victim} stops at {case.point}")

    def call_off(self, action):
        target = self.node(self.target)
        self.cluster.until(lambda: target.running() and target.stopped(), f"{self.target} stops at transfer.got", pace=0.01)
        if self.case.role == "target":
            self.cluster.arm(self.target, self.case.point, action, self.tasklet)
        self.cluster.relay.cut_dialled(self.target, self.source)
        target.go_on()
        self.await_passed(self.source, "abort.send")
        if self.case.point in ("aborted.got", "resumed"):
            self.await_passed(self.target, "aborted.sent")
            self.cluster.relay.heal()

    def hold(self, longest):
        """The fault lasts: a while that nobody can take for a death."""
        shortest = 0.35 if phases.is_abort(self.case) else 0.1  # the target's own timer, if it had one, would be over
        until = time.monotonic() + self.random.uniform(shortest, longest)
        wait_until(lambda: time.monotonic() >= until, "the fault lasts", pace=0.02)

    def kill(self):
        self.cluster.relay.heal()
        self.dead.add(self.case.role)
        if self.case.when == "late":
            self.detection = self.cluster.await_gone(self.victim)
        self.cluster.start(self.victim)

    def stop(self):
        node = self.node(self.victim)
        self.cluster.relay.heal()
        if self.case.when == "early":
            self.hold(self.nap)
            node.go_on()
            return
        self.detection = self.cluster.await_gone(self.victim)
        self.bury(node)
        node.go_on()
        check_equal(node.wait(), FENCED, f"exit code of {self.victim}, which was declared dead in its sleep")
        self.cluster.start(self.victim)

    def cut(self):
        ways = self.random.choice((None, (self.source,), (self.target,)))
        self.cluster.relay.cut(self.source, self.target, ways, reset=ways is None and self.random.random() < 0.5)
        self.node(self.victim).go_on()
        if self.case.when == "early":
            self.hold(0.4)
            self.cluster.relay.heal()
            return
        began = time.monotonic()
        both = [self.node(self.source), self.node(self.target)]
        for node in both:
            node.expected_end = True
        wait_until(lambda: any(not n.running() for n in both), "one of two that cannot reach each other is removed")
        self.detection = time.monotonic() - began
        for node in both:
            if node.running():
                node.expected_end = False
            else:
                check_equal(node.popen.returncode, FENCED, f"how {node.name} ended")
                self.bury(node)
        self.cluster.relay.heal()
        for name in (self.source, self.target):
            if not self.node(name).running():
                self.cluster.start(name)

    def bury(self, node):
        node.expected_end = True
        self.dead.add(self.role(node.name))

    # ---- the end

    def where(self):
        """(node, state) of the tasklet, wherever it is listed."""
        return [(t["node"], t["state"]) for t in self.world.items("tasklet", "list", "--limit", "1000", endpoint=self.cluster.quiet)
                if t["id"] == self.tasklet]

    def expected(self):
        return phases.expected("source" in self.dead, "target" in self.dead, set(self.passed(self.source)), set(self.passed(self.target)))

    def await_settled(self):
        """It is where it must be, once, and no move of it is under way."""
        def settled():
            here, at = self.where(), {"source": self.source, "target": self.target}
            check(len(here) <= 1, f"it exists more than once: {here}")
            must = self.expected()
            if must == phases.LOST:
                return must if not here else None
            return must if [n for n, _ in here] == [at[must]] and here[0][1] not in ("frozen", "in_doubt") else None
        try:
            return self.cluster.until(settled, "it is where it must be")
        except Failed as failure:
            raise Failed(f"{failure}; expected {self.expected()}, it is at {self.where()}") from None

    def check_outcome(self, outcome):
        case, source, target = self.case, self.passed(self.source), self.passed(self.target)
        ran = "running" in target or "adopted" in target
        lives = [self.cluster.quiet, *(process for process, _ in self.began.values())]
        story = census.Story(lives, self.load.birth, self.tasklet, census.marks(lives))
        holder = None if story.holder is None else lives[story.holder].name
        if outcome != phases.LOST:
            grants = 1 if outcome == phases.AT_TARGET else 2 if "frozen" in source else 0
            check_equal(self.world.tasklet(self.tasklet, endpoint=self.cluster.quiet)["epoch"], self.epoch + grants, "its epoch")
            check_equal(holder, {phases.AT_SOURCE: self.source, phases.AT_TARGET: self.target}[outcome], "who holds it, by what they said")
        check(not (ran and "resumed" in source), "it was resumed at the source and ran at the target")
        if case.fault == "kill" and (case.role, case.point) in phases.KILLED:
            check_equal(outcome, phases.KILLED[case.role, case.point], "where it is, by the table")
        if not self.dead:
            check(outcome != phases.LOST, "lost although nobody died")
        survivors = {"source", "target"} - self.dead
        if not survivors:
            return
        known = [m for m in self.world.items("migration", "list", endpoint=self.cluster.quiet) if m["tasklet"] == self.tasklet]
        name = {"source": self.source, "target": self.target}
        mine = [m for m in known if m["from"] == self.source and m["to"] == self.target]
        begun = {"source": source, "target": [p for p in target if p != "offer.got"]}
        for role in survivors:
            if begun[role] and any(p.startswith("accept") for p in begun[role]):
                check(mine, f"{name[role]} knows nothing of the move: {known}")
        for m in mine:
            check(m["outcome"] in ("committed", "returned", "in_doubt", "failed"), f"the move has no outcome: {m}")
            check(m["outcome"] != "committed" or outcome == phases.AT_TARGET or "target" in self.dead, f"{m} but it is {outcome}")
            check(m["outcome"] != "returned" or not ran, f"{m} although it ran at the target")
        self.frozen_us = max([m["frozen_us"] for m in mine], default=0)

    def run(self):
        self.load = workloads.WORKLOADS[self.case.workload](self.world, self.cluster.quiet, self.node(self.source), self.random)
        self.load.begin()
        self.tasklet = self.load.tasklet
        self.epoch = self.world.tasklet(self.tasklet, endpoint=self.cluster.quiet)["epoch"]
        self.began = {name: (self.node(name), len(self.node(name).log())) for name in (self.source, self.target)}
        self.provoke()
        getattr(self, self.case.fault)()
        check(self.move.wait(45) in (0, 1, 3, 4, 7), f"the move's command: {self.move.log()}")
        self.cluster.await_all()
        outcome = self.await_settled()
        self.check_outcome(outcome)
        self.load.finish(outcome == phases.LOST)
        self.cluster.disarm()
        return outcome


def print_summary(results, disturbed):
    print(f"{'phase':<24}{'fault':<6}{'when':<7}{'workload':<9}{'outcome':<9}{'n':>4}  {'verdict':>8}  {'frozen':>9}")
    for case in sorted(results):
        for outcome, found in sorted(results[case].items()):
            verdicts, frozen = [d for d, _ in found if d], [f for _, f in found if f]
            verdict = f"{max(verdicts):6.1f} s" if verdicts else ""
            print(f"{case.role + ' ' + case.point:<24}{case.fault:<6}{case.when:<7}{case.workload:<9}{outcome:<9}{len(found):>4}  "
                  f"{verdict:>8}  {f'{max(frozen) / 1000:6.0f} ms' if frozen else '':>9}")
    done = {(c.role, c.point, c.fault) for c in results}
    print(f"{sum(len(f) for r in results.values() for f in r.values())} rounds, {len(done)} of {len(phases.pairs())} pairs of a phase and a fault, "
          f"{disturbed} accidents", flush=True)


def report(one, number):
    print(f"round {number}, {one.source} to {one.target}: {phases.name_of(one.case)}")
    for name in one.began:
        print(f"{name} passed {' '.join(one.passed(name))}")
    print(f"this case again: /usr/bin/python3 {sys.argv[0]} --build {one.world.build} --rounds 20 --only "
          f"{phases.name_of(one.case)}")


def run(cluster, cases, **options):
    """Runs them and prints what came of each. `options` are those of Round."""
    results = collections.defaultdict(lambda: collections.defaultdict(list))
    disturbed = 0
    try:
        todo = collections.deque(enumerate(cases, 1))
        while todo:
            number, case = todo[0]
            began = time.monotonic()
            one = Round(cluster, case, **options)
            try:
                outcome = one.run()
                todo.popleft()
            except (Disturbed, Failed) as accident:
                if isinstance(accident, Failed) and not cluster.fallen():
                    report(one, number)
                    raise
                disturbed += 1
                print(f"{number:4} {phases.name_of(case):<46} again: declared dead by accident: {accident}", flush=True)
                check(disturbed <= 3 + len(cases) // 5, f"{disturbed} accidents in {number} rounds")
                cluster.repair()
                if one.load is not None:
                    one.load.give_up()
                continue
            results[case][outcome].append((one.detection, one.frozen_us))
            print(f"{number:4} {phases.name_of(case):<46} {outcome:<7} {time.monotonic() - began:5.1f} s", flush=True)
    finally:
        print_summary(results, disturbed)
