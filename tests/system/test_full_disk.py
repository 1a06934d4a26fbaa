#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The disk of a node's data is full, or read-only: a small file system of its own, in a mount namespace. Needs root; skipped where that is not allowed."""
import errno
import os
import subprocess

import lib
from lib import Node, Process, Skipped, check, check_equal, wait_until

MOUNT = 'mount -t tmpfs -o size=1m none "$0" && { [ -z "$FULL" ] || head -c 2m /dev/zero > "$0/fill" 2>/dev/null || true; } && exec "$@"'


class Disk:
    """A small file system that only a node sees, and that ends with it."""

    def __init__(self, world, name):
        self.world = world
        self.path = world.path("disk-" + name)
        os.makedirs(self.path)
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
            raise Skipped("no mount namespace can be made")
        self.data = os.path.join(self.path, "data")
        self.fill_path = None

    def node(self, name, **options):
        """A node with its data there, that serves."""
        node = Node(self.world, name, self.argv(self.world.node_argv(name, data=self.data, **options)))
        self.world.nodes.append(node)
        return node.await_ready()

    def argv(self, argv):
        return ["unshare", "--mount", "sh", "-c", MOUNT, self.path, *argv]

    def fill(self, node):
        """Takes all that is left."""
        self.fill_path = f"/proc/{node.pid}/root{self.path}/fill"
        with open(self.fill_path, "wb", buffering=0) as file:
            for size in (4096, 512, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError as error:
                    check_equal(error.errno, errno.ENOSPC, "why no more can be written")

    def free(self):
        os.unlink(self.fill_path)


def test_start(world):
    world.keys("n1")
    disk = Disk(world, "n1")
    for store in ([], ["--store", "sqlite:" + world.path("elsewhere.db")]):
        process = Process(world, "full", disk.argv(world.node_argv("n1", *store, found=True, data=disk.data)), variables={"FULL": "yes"})
        check_equal(process.wait(), 1, "exit code on a full disk")
        line = process.log().splitlines()[-1]
        check(line.startswith("stintd: ") and disk.data in line and ("No space left" in line or "full" in line), f"what it says: {line!r}")


def test_read_only(world):
    world.keys("n1")
    world.node("n1", found=True).stop()
    world.nodes.clear()
    disk = Disk(world, "n1")
    data = world.path("data-n1")
    for mount, words in ((f"mount -t tmpfs -o ro none {disk.path}", (disk.data, "Read-only file system", "name one that can be written")),
                         (f"mount --bind {data} {data} && mount -o remount,ro,bind {data}", (data, "Read-only file system"))):
        argv = world.node_argv("n1", found=True, data=disk.data if disk.path in mount else data)
        for check_only in ([], ["--check"]):
            process = Process(world, "read-only", ["unshare", "--mount", "sh", "-c", mount + ' && exec "$@"', "sh", *argv, *check_only])
            check_equal(process.wait(), 2 if check_only else 1, f"exit code with read-only data {check_only}: {process.log()}")
            line = process.log().splitlines()[-1]
            check(line.startswith("stintd: ") and all(word in line for word in words), f"what it says: {line!r}")
    world.node("n1")


def test_running_founder(world):
    world.keys("n1", "n2", "n3", "n4")
    disk = Disk(world, "n1")
    n1 = disk.node("n1", found=True)
    n2, n3 = world.node("n2", join=n1), world.node("n3", join=n1)
    world.await_members(["n1", "n2", "n3"])
    tallies = {name: world.spawn("tally/Tally", {"name": name}, on=node) for name, node in (("a", "n1"), ("b", "n2"))}
    disk.fill(n1)
    # What needs no writing goes on: work and moves, in both directions.
    for turn in range(4):
        for name, tally in tallies.items():
            world.tool("channel", "send", name, '{"amount":1}', endpoint=(n1, n2)[turn % 2])
            world.migrate(tally, "n2" if world.tasklet(tally)["node"] == "n1" else "n1")
    # What needs it is refused with a reason: a name, a join.
    refused = world.tool("tasklet", "spawn", "tally/Tally", "--args", '{"name":"c"}', rc=1)
    check("the store cannot be reached" in refused.line, f"a new name: {refused.line!r}")
    rc, line = world.failed_node("n4", "--join-timeout", "3s", join=n1)
    check_equal((rc, line), (3, "stintd: cannot join: the store did not take the change"), "a join")
    check(f"{disk.data}/store.db: database or disk is full" in n1.log(), f"the founder says which file: {n1.log()[-500:]}")
    # A death is not forgotten, it waits.
    n3.kill9()
    wait_until(lambda: n1.log().count("disk is full") >= 3, "the founder tries to write that n3 is gone")
    check("(incarnation 4) is gone" not in n1.log() + n2.log(), "nobody is removed without that")
    disk.free()
    wait_until(lambda: {n["name"]: n["state"] for n in world.try_items("node", "list")}.get("n3") == "down", "n3 is gone when there is room again")
    world.spawn("tally/Tally", {"name": "c"}, on="n2")
    world.node("n4", join=n1)
    for name, tally in tallies.items():
        check_equal(world.stack(tally)[0]["locals"]["sum"], {"total": 4, "seen": 4}, f"what {name} has counted")


def test_running_member(world):
    """A member that cannot keep its facts goes on, says so, and keeps them later."""
    world.keys("n1", "n2", "n3")
    n1 = world.node("n1", found=True)
    disk = Disk(world, "n2")
    n2 = disk.node("n2", join=n1)
    disk.fill(n2)
    n3 = world.node("n3", join=n1)
    wait_until(lambda: f"data directory {disk.data}: node.facts: No space left on device; make room there; tries again" in n2.log(),
               "n2 says that it cannot keep its facts")
    world.spawn("tally/Tally", {"name": "a"}, on="n2")
    world.tool("channel", "send", "a", '{"amount":1}', endpoint=n3)
    world.await_members(["n1", "n2", "n3"])
    disk.free()
    view = str(world.json("cluster", "status")["view"])
    facts = f"/proc/{n2.pid}/root{disk.data}/node.facts"
    wait_until(lambda: f"view = {view}\n" in open(facts, encoding="ascii").read(), "its facts are those of today")


if __name__ == "__main__":
    lib.main(test_start, test_read_only, test_running_founder, test_running_member)
