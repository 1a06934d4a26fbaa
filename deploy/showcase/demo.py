#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The running of deploy/demo, which has installed and built what this needs."""
import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time

import oracle
from cluster import Cluster, Failed
from screen import Screen, number, size

NAMES = ("n1", "n2", "n3")
ENTRY = "n1"  # founder, where all work begins and the clients are connected: not the one to be drained
READERS = 24
REFRESH = 0.5
SHARE = 0.25  # of all tasklets that each node must hold for the work to count as spread
SPREAD_WITHIN, DRAIN_WITHIN, SETTLE_WITHIN, COUNT_WITHIN = 90, 60, 30, 60
SETTLE_AT_LEAST = 3.0
EMPTY_WITHIN = 10


class Feeder:
    """The client program that feeds texts to the tree of tasklets and asks for the totals."""

    def __init__(self, cluster, files):
        self.progress = {"passes": 0, "chunks": 0, "words": 0}
        self.samples = [(time.monotonic(), 0)]
        self.errors = []
        self.out_path = os.path.join(cluster.dir, "counts")
        with open(self.out_path, "wb") as out:
            self.popen = subprocess.Popen([cluster.program("wordcount-drive"), "--repeat", "--progress", "--", *files],
                                          stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE, text=True,
                                          env=cluster.client_environment("client-counter"), preexec_fn=os.setsid)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.popen.stderr:
            if line.startswith("{"):
                self.progress = json.loads(line)
                self.samples = self.samples[-8:] + [(time.monotonic(), self.progress["words"])]
            else:
                self.errors.append(line.strip())

    def rate(self):
        """Words a second over the last seconds."""
        (t0, w0), (t1, w1) = self.samples[0], self.samples[-1]
        return int((w1 - w0) / (t1 - t0)) if t1 > t0 else 0

    def check(self):
        if self.popen.poll() not in (None, 0):
            self.reader.join(1)
            raise Failed(self.errors[-1] if self.errors else f"wordcount-drive ended with exit code {self.popen.returncode}")

    def last_pass(self):
        self.popen.stdin.close()

    def ended(self):
        return self.popen.poll() is not None

    def counts(self):
        self.reader.join(5)
        with open(self.out_path, encoding="ascii") as lines:
            return oracle.parse(lines)

    def stop(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()


class Demo:
    def __init__(self, cluster, screen, files):
        self.cluster, self.screen, self.files = cluster, screen, files
        self.feeder = None
        self.oracle = None
        self.drain = None
        self.drained = None
        self.phase = "starting"
        self.nodes = []
        self.peak = 0

    # ---- watching

    def look(self, urgent=False):
        """Asks the cluster, shows what it says; fails if somebody has died."""
        self.cluster.check_alive()
        self.feeder.check()
        self.nodes = sorted(self.cluster.json("node", "list")["items"], key=lambda n: n["name"])
        status = self.cluster.json("cluster", "status")
        self.peak = max(self.peak, status["tasklets"])
        self.screen.show({"phase": self.phase, "nodes": self.nodes, "moves": sum(n["moves_in"] for n in self.nodes),
                          "in_flight": status["moves_in_flight"], "passes": self.feeder.progress["passes"],
                          "words": self.feeder.progress["words"], "rate": self.feeder.rate()}, urgent)

    def watch(self, phase, until, within, why):
        """Shows the table until `until` says so; Failed after `within` seconds."""
        self.phase = phase
        end = time.monotonic() + within
        urgent = True
        while True:
            began = time.monotonic()
            self.look(urgent)
            urgent = False
            if until():
                return
            if time.monotonic() > end:
                raise Failed(f"not within {within} s: {why}")
            time.sleep(max(0.0, REFRESH - (time.monotonic() - began)))

    def node(self, name):
        return next(n for n in self.nodes if n["name"] == name)

    # ---- the steps

    def start(self):
        self.oracle = oracle.begin(self.files)
        self.cluster.make_keys(NAMES)
        first = self.cluster.start(ENTRY, "--found")
        for name in NAMES[1:]:
            self.cluster.start(name, "--join", first.endpoint)
        for node in self.cluster.nodes:
            self.screen.say(f"{node.name} serves at {node.endpoint} (CURVE, pid {node.popen.pid})")
        spawned = self.cluster.json("tasklet", "spawn", "wordcount/Count", "--on", ENTRY, "--args",
                                    json.dumps({"name": "words", "readers": READERS}))
        self.screen.say(f"all work starts on {spawned['node']}: {len(self.files)} files, "
                        f"{size(sum(os.path.getsize(f) for f in self.files))}")
        self.feeder = Feeder(self.cluster, self.files)

    def is_spread(self):
        total = sum(n["tasklets"] for n in self.nodes)
        return all(n["tasklets"] >= SHARE * total and (n["moves_in"] > 0 or n["name"] == ENTRY) for n in self.nodes)

    def run_drain(self):
        self.drained = max((n for n in self.nodes if n["name"] != ENTRY), key=lambda n: n["tasklets"])["name"]
        held = self.node(self.drained)["tasklets"]
        self.screen.say(f"draining {self.drained}, which holds {held} tasklets, while they work")
        self.drain = self.cluster.begin("node", "drain", self.drained, "--wait", "--yes", "--reason", "demo", "--timeout", f"{DRAIN_WITHIN}s")
        self.watch("draining", lambda: self.drain.poll() is not None, DRAIN_WITHIN + 5, f"{self.drained} is drained")
        _, error = self.drain.communicate()
        if self.drain.returncode != 0:
            raise Failed(f"`stint node drain {self.drained}` ended with exit code {self.drain.returncode}: {error.strip()}")
        # The others hear a node's numbers from it now and then.
        self.watch("draining", lambda: self.node(self.drained)["tasklets"] == 0, EMPTY_WITHIN, f"{self.drained} is empty")
        self.screen.say(f"{self.drained} is empty; the work goes on")

    def settle(self):
        """Work goes on without the drained node; what came from it has reached the others."""
        begin = time.monotonic()
        self.watch("settling", lambda: time.monotonic() - begin >= SETTLE_AT_LEAST and
                   (all(n["moves_in"] > 0 for n in self.nodes) or time.monotonic() - begin >= SETTLE_WITHIN), SETTLE_WITHIN + 5,
                   "the others have taken over")

    def count(self):
        self.feeder.last_pass()
        self.watch("counting", self.feeder.ended, COUNT_WITHIN, "the totals have come")
        self.feeder.check()

    # ---- the end

    def summary(self):
        """Prints what happened; whether all of it was as it should be."""
        text, _ = self.oracle.communicate(timeout=60)
        if self.oracle.returncode != 0:
            raise Failed("the pipeline of coreutils failed")
        expected = oracle.parse(text.splitlines())
        counts, passes = self.feeder.counts(), self.feeder.progress["passes"]
        wrong = oracle.mismatches(counts, expected, passes)
        self.look(urgent=True)
        moves = [m for m in self.cluster.json("migration", "list", "--limit", "0", within=120)["items"]]
        frozen = sorted(m["frozen_us"] for m in moves if m["outcome"] == "committed")
        others = [m for m in moves if m["outcome"] not in ("committed", "returned")]
        received = [n["name"] for n in self.nodes if n["moves_in"] > 0]
        left = self.node(self.drained)["tasklets"]

        say = self.screen.say
        say("")
        say(f"words       {number(sum(counts.values()))} in {passes} passes, {number(len(counts))} distinct")
        say(f"tasklets    {self.peak}")
        say(f"moves       {len(frozen)} committed, {len(moves) - len(frozen) - len(others)} returned, {len(others)} other; into " +
            ", ".join(f"{n['name']} {n['moves_in']}" for n in self.nodes))
        if frozen:
            say(f"frozen      p50 {percentile(frozen, 50) / 1000:.2f} ms, p99 {percentile(frozen, 99) / 1000:.2f} ms")
        say(f"shipped     {size(sum(m['bytes'] for m in moves if m['outcome'] == 'committed'))}")
        say(f"drained     {self.drained}: {left} tasklets left")
        say(f"mismatches  {len(wrong)}")
        for word, got, should in wrong[:10]:
            say(f"  {word}: {got}, coreutils say {should}")
        faults = []
        if wrong or not counts:
            faults.append(f"{len(wrong)} of {len(expected)} counts differ from those of coreutils")
        if len(received) != len(self.nodes):
            faults.append("received no tasklet by a move: " + ", ".join(sorted(set(NAMES) - set(received))))
        if left:
            faults.append(f"{self.drained} was drained but holds {left} tasklets")
        for fault in faults:
            say(f"FAILED: {fault}")
        return not faults

    def keep(self):
        cluster = self.cluster
        root = cluster.json("tasklet", "list", "--selector", "code=Count")["items"][0]
        tasklet, target = root["id"][:8], next(n for n in NAMES if n not in (self.drained, root["node"]))
        stop = os.path.join(cluster.dir, "stop")
        pids = " ".join(str(n.popen.pid) for n in reversed(cluster.nodes))
        with open(stop, "w", encoding="ascii") as script:  # the first signal asks to drain, the next to leave at once
            script.write(f"for pid in {pids}; do\n    while kill $pid 2>/dev/null; do sleep 0.2; done\ndone\nrm -rf '{cluster.dir}'\n")
        print(f"""
The cluster is up. To use it:
  export STINT_ENDPOINT={cluster.nodes[0].endpoint} STINT_KEYS={cluster.keys} PATH="{cluster.build}/bin:$PATH"
Try:
  stint node list
  stint tasklet list --limit 20
  stint tasklet stack {tasklet}
  stint tasklet migrate {tasklet} --to {target} --wait
  stint node uncordon {self.drained}
To stop it:
  sh {stop}""", flush=True)

    def stop(self):
        for process in (self.drain, self.oracle):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        if self.feeder is not None:
            self.feeder.stop()


def percentile(ordered, percent):
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def interrupted(signum, _frame):
    raise KeyboardInterrupt(signum)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    for number_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number_, interrupted)

    screen = Screen()
    cluster = Cluster(arguments.build, arguments.keep)
    demo = Demo(cluster, screen, arguments.files)
    kept, code = False, 1
    try:
        demo.start()
        demo.watch("spreading", demo.is_spread, SPREAD_WITHIN, "the balancer has spread the tasklets")
        demo.run_drain()
        demo.settle()
        demo.count()
        code = 0 if demo.summary() else 1
        if arguments.keep:
            demo.keep()
            kept = True
    except KeyboardInterrupt as reason:
        code = 128 + (reason.args[0] if reason.args else signal.SIGINT)
        screen.say("interrupted")
    except (Failed, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        screen.say(f"FAILED: {error if isinstance(error, Failed) else repr(error)}")
    finally:
        for number_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number_, signal.SIG_IGN)
        demo.stop()
        if code not in (0, 130, 143, 129):
            for name, tail in cluster.log_tails():
                print(f"---- end of the log of {name} ----\n" + "\n".join(tail), file=sys.stderr)
        if not kept:
            cluster.stop()
    sys.exit(code)


if __name__ == "__main__":
    main()
