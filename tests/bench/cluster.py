#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two nodes over encrypted loopback TCP: round trip, stream, moves.

cluster.py --build DIR [--count N] [--quick]      prints lines `stint METRIC VALUE UNIT`

Both nodes are pinned to one core (the last one), as in the peers' measurements; `--split` gives each a core of its own.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time


def fail(text):
    sys.exit(f"cluster.py: {text}")


class Cluster:
    def __init__(self, build, split):
        self.build = build
        self.folder = tempfile.mkdtemp(prefix="stint-bench-")
        self.processes = []
        cores = sorted(os.sched_getaffinity(0))
        self.cores = [cores[-1], cores[0] if split else cores[-1]]
        self.keys = os.path.join(self.folder, "keys")
        self.endpoint = None
        self.stint("keys", "init", self.keys, keys=False)
        for role, name in (("node", "a"), ("node", "b"), ("operator", "bench")):
            self.stint("keys", "issue", role, name)
        self.start("a", "--found")
        self.start("b", "--join", self.endpoint)

    def stint(self, *arguments, keys=True):
        command = [os.path.join(self.build, "bin", "stint")]
        if keys:
            command += ["--keys", self.keys]
        if self.endpoint:
            command += ["-e", self.endpoint]
        done = subprocess.run(command + list(arguments), capture_output=True, text=True)
        if done.returncode != 0:
            fail(f"{' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.stint("-o", "json", *arguments))

    def start(self, name, *arguments):
        core = self.cores[len(self.processes)]
        log = open(os.path.join(self.folder, name + ".log"), "w")
        process = subprocess.Popen(
            [os.path.join(self.build, "bin", "stintd"), "--name", name, "--listen", "tcp://127.0.0.1:0", "--data",
             os.path.join(self.folder, name), "--keys", self.keys, "--module", os.path.join(self.build, "modules", "bench.so"),
             *arguments], stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.processes.append(process)
        line = process.stdout.readline()
        if not line:
            fail(f"node {name} did not start: {open(log.name).read().strip().splitlines()[-1:]}")
        if self.endpoint is None:
            self.endpoint = json.loads(line)["endpoint"]

    def spawn(self, code, args, node):
        return self.json("tasklet", "spawn", f"bench/{code}", "--args", json.dumps(args), "--on", node)["id"]

    def timed(self, code, args, node):
        begin = time.monotonic()
        tasklet = self.spawn(code, args, node)
        self.stint("--timeout", "120s", "tasklet", "wait", tasklet, "--for", "ended")
        return time.monotonic() - begin

    def close(self):
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def measure(cluster, count, rounds):
    """The time of a command without work is measured beside it and taken off."""
    cluster.spawn("Echo", {"name": "echo", "capacity": 256}, "b")
    overhead = statistics.median(cluster.timed("Ping", {"to": "echo", "count": 0, "capacity": 1}, "a") for _ in range(3))
    trips, streams = [], []
    for _ in range(rounds):
        spent = cluster.timed("Ping", {"to": "echo", "count": count, "capacity": 1}, "a")
        trips.append((spent - overhead) / count * 1e6)
        spent = cluster.timed("Stream", {"to": "echo", "count": count * 10}, "a")
        streams.append(count * 10 / (spent - overhead))
    print(f"stint rtt {statistics.median(trips):.1f} us")
    print(f"stint stream {statistics.median(streams):.0f} messages/s")


def measure_moves(cluster, moves):
    tasklets = [cluster.spawn("Idle", {}, "a") for _ in range(8)]
    for i in range(moves):
        cluster.stint("tasklet", "migrate", tasklets[i % 8], "--to", "b" if (i // 8) % 2 == 0 else "a", "--wait")
    items = cluster.json("migration", "list")["items"]
    frozen = sorted(item["frozen_us"] for item in items if item["outcome"] == "committed")
    if not frozen:
        fail("no move was committed")
    print(f"stint move_p50 {frozen[len(frozen) // 2] / 1000:.3f} ms")
    print(f"stint move_p99 {frozen[min(len(frozen) - 1, len(frozen) * 99 // 100)] / 1000:.3f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--split", action="store_true")
    options = parser.parse_args()
    cluster = Cluster(options.build, options.split)
    try:
        measure(cluster, 2000 if options.quick else options.count, 1 if options.quick else 5)
        measure_moves(cluster, 32 if options.quick else 400)
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
