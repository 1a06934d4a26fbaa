#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cordon, drain, leave: a node is emptied while its tasklets work, and they go on elsewhere."""
import lib
from lib import check, check_equal, wait_until

TALLIES = 12


def spawn_tallies(world, on, count=TALLIES):
    return [world.spawn("tally/Tally", {"name": f"t{i}"}, on=on) for i in range(count)]


def test_drained_node_ends_empty(world):
    n1, n2, n3 = world.cluster(3)
    world.tool("cluster", "balancer", "off")
    tallies = spawn_tallies(world, n2)
    ring = world.spawn("ring/Census", {"nodes": 12, "tokens": 4, "laps": 100}, on="n2")
    for i in range(TALLIES):
        world.tool("channel", "send", f"t{i}", '{"amount":%d}' % (i + 1))

    plan = world.json("node", "drain", "n2", "--dry-run")["items"]
    check({p["tasklet"] for p in plan} >= set(tallies), "a dry run names all tasklets")
    check(all(p["from"] == "n2" and p["to"] in ("n1", "n3") for p in plan), "a dry run names from and to")
    check_equal(world.node_info("n2")["state"], "up", "state after a dry run")

    refused = world.tool("node", "drain", "n2", rc=2)
    check("--yes" in refused.line, "a drain off a terminal demands --yes")
    world.tool("node", "drain", "n2", "--wait", "--yes", "--timeout", "60s", within=90)
    info = world.node_info("n2")
    check_equal((info["tasklets"], info["state"]), (0, "draining"), "the drained node")
    where = {t: world.tasklet(t)["node"] for t in tallies}
    check(set(where.values()) <= {"n1", "n3"}, f"tasklets are on {where}")
    check_equal(len(set(where.values())), 2, "nodes that took them over")

    # Nothing goes there, neither by an operator nor by a spawn without a place.
    check_equal(world.tool("tasklet", "migrate", tallies[0], "--to", "n2", rc=5).rc, 5, "a move to a draining node")
    world.tool("tasklet", "spawn", "tally/Tally", "--on", "n2", "--args", '{"name":"x"}', rc=5)
    for i in range(4):
        check(world.json("tasklet", "spawn", "tally/Tally", "--args", '{"name":"y%d"}' % i)["node"] != "n2", "placement avoids it")

    # All state came along, and the ring has gone on meanwhile.
    world.tool("channel", "create", "--name", "out", "--type", "tally.Total", "--capacity", "1")
    for i in range(TALLIES):
        world.tool("channel", "send", f"t{i}", '{"amount":1,"reply":"out"}')
        check_equal(world.json("channel", "receive", "out")["value"], {"total": i + 2, "seen": 2}, f"tally {i}")
    end = world.json("tasklet", "wait", ring, "--for", "ended", "--timeout", "90s", within=120)
    check_equal(end["status"], "OK", f"the ring: {end}")

    world.tool("node", "uncordon", "n2")
    check_equal(world.node_info("n2")["state"], "up", "state after uncordon")
    world.migrate(tallies[0], n2)
    # Leaving: drained again, gone from the list, the process ended in order.
    n2.expected_end = True
    world.tool("node", "drain", "n2", "--leave", "--wait", "--yes", "--timeout", "60s", within=90)
    check_equal(n2.wait(), 0, "exit code of a node that left")
    wait_until(lambda: sorted(n["name"] for n in world.items("node", "list") if n["state"] == "up") == ["n1", "n3"], "n2 is gone")
    check(world.tasklet(tallies[0])["node"] != "n2", "its tasklet was handed on")


def test_pinned_tasklets_stay_and_are_named(world):
    n1, n2 = world.cluster(2)
    world.tool("cluster", "balancer", "off")
    pinned = world.json("tasklet", "spawn", "tally/Tally", "--args", '{"name":"p"}', "--on", "n2", "--pinned")["id"]
    free = world.spawn("tally/Tally", {"name": "f"}, on=n2)
    result = world.tool("node", "drain", "n2", "--wait", "--yes", "--timeout", "20s", rc=6, within=60)
    check(pinned[:4] in result.out + result.err, f"the one that stays is named: {result.out} {result.err}")
    check_equal(world.tasklet(pinned)["node"], "n2", "node of the pinned one")
    check_equal(world.tasklet(free)["node"], "n1", "node of the other")
    explain = world.json("tasklet", "explain", pinned)
    check_equal(explain["id"], pinned, "explain")


def test_cordon(world):
    world.cluster(2)
    world.tool("node", "cordon", "n2")
    check_equal(world.node_info("n2")["state"], "cordoned", "state")
    for i in range(4):
        check_equal(world.json("tasklet", "spawn", "tally/Tally", "--args", '{"name":"c%d"}' % i)["node"], "n1", "placement")
    world.tool("node", "uncordon", "n2")
    check_equal(world.node_info("n2")["state"], "up", "state")


if __name__ == "__main__":
    lib.main(test_drained_node_ends_empty, test_pinned_tasklets_stay_and_are_named, test_cordon)
