#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates of running nodes: renewed, revoked after that, revoked without that."""
import os
import shutil
import signal

import lib
from lib import check, check_equal, wait_until


def serial_of(world, name):
    return next(k["serial"] for k in world.items("keys", "list") if k["name"] == name and k["role"] == "node")


def renew(world, name):
    """A new certificate in the place of the old one."""
    out = world.path("renewed-" + name)
    world.tool("keys", "issue", "node", name, "--out", out)
    for suffix in (".cert", ".key"):
        shutil.copy(os.path.join(out, f"node-{name}{suffix}"), world.keys_dir)


def test_renewed_then_revoked(world):
    """Nothing is interrupted: not by the reload, and not when the certificate that the sessions began with is revoked."""
    n1, n2, _ = world.cluster(3)
    old = serial_of(world, "n2")
    world.spawn("tally/Tally", {"name": "a"}, on="n2")
    incarnation = world.node_info("n2")["incarnation"]
    renew(world, "n2")
    n2.signal(signal.SIGHUP)
    wait_until(lambda: f"keys reloaded, certificate {serial_of(world, 'n2')}" in n2.log(), "n2 has its new certificate")
    check(old != serial_of(world, "n2"), "it is another one")
    world.tool("keys", "revoke", old, "--yes")
    for node in (n1, n2):
        for _ in range(3):
            world.tool("channel", "send", "a", '{"amount":1}', endpoint=node)
    world.await_members(["n1", "n2", "n3"])
    check_equal(world.node_info("n2")["incarnation"], incarnation, "n2 is what it was")
    world.spawn("tally/Tally", {"name": "b"}, on="n2", endpoint=n1)


def test_a_revoked_node_ends(world):
    """It is told why by the first member that it asks, and does not go on alone. It comes back with a new certificate."""
    n1, n2, _ = world.cluster(3)
    world.tool("keys", "revoke", serial_of(world, "n2"), "--yes")
    check_equal(n2.wait(), 4, "exit code of a revoked node")
    last = n2.log().splitlines()[-1]
    check(last.startswith("stintd: the certificate of node n2 (") and "is revoked; give this node a new one" in last, f"its last line: {last!r}")
    wait_until(lambda: {n["name"]: n["state"] for n in world.items("node", "list", endpoint=n1)}["n2"] == "down", "the others know")
    world.nodes.remove(n2)
    rc, line = world.failed_node("n2", join=n1)
    check_equal(rc, 3, f"exit code of a revoked node that joins: {line}")
    check("is revoked" in line and line.startswith("stintd: cannot join"), f"why: {line!r}")
    renew(world, "n2")
    world.node("n2", join=n1)
    world.await_members(["n1", "n2", "n3"])


if __name__ == "__main__":
    lib.main(test_renewed_then_revoked, test_a_revoked_node_ends)
