#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example modules on three nodes: what they compute is right while they are moved about."""
import os
import subprocess

import lib
from lib import Process, check, check_equal, wait_until


def test_roam_comes_home_unchanged(world):
    """Twelve frames deep, it moves itself round all nodes between any two steps."""
    world.cluster(3)
    names = {n["id"] for n in world.items("node", "list")}
    roam = world.spawn("roam/Roam")
    end = world.json("tasklet", "wait", roam, "--for", "ended", "--timeout", "60s", within=90)
    check_equal((end["ended"], end["status"]), (True, "OK"), f"roam: {end}")
    value = end["value"]
    check_equal(value["checksum"], value["expected"], "checksum of the locals")
    check_equal(set(value["path"]["nodes"]), names, "nodes on its path")
    check(len(value["path"]["nodes"]) + value["path"].get("more", 0) >= 3 * 11, f"{len(value['path']['nodes'])} stops")


def test_ring_while_its_stations_move(world):
    world.cluster(3)
    world.tool("cluster", "balancer", "off")
    ring = world.spawn("ring/Census", {"nodes": 15, "tokens": 5, "laps": 20000}, on="n1")
    moved = 0
    for _ in range(3):
        for station in world.items("tasklet", "list", "--selector", "code=Station"):
            to = world.random.choice(["n1", "n2", "n3"])
            result = world.tool("tasklet", "migrate", station["id"], "--to", to, rc=None)
            check(result.rc in (0, 4), f"a move: {result.err}")
            moved += result.rc == 0
    check(moved > 0, "nothing moved")
    world.tool("tasklet", "migrate", "--selector", "code=Station and node!=n1", "--to", "n1", "--wait", "--yes", "--timeout", "60s", rc=None)
    end = world.json("tasklet", "wait", ring, "--for", "ended", "--timeout", "90s", within=120)
    check_equal((end["ended"], end["status"]), (True, "OK"), f"the ring: {end}")


def test_wordcount_agrees_with_coreutils(world):
    world.cluster(3)
    texts = []
    words = ["".join(world.random.choice("abcdefghijklmnopqrstuvwxyzABCD") for _ in range(world.random.randint(1, 9))) for _ in range(900)]
    for i in range(3):
        texts.append(world.path(f"text{i}"))
        with open(texts[-1], "wb") as file:
            for _ in range(4000):
                file.write(world.random.choice(words).encode() + world.random.choice([b" ", b"\n", b", ", b"1", b"\xff\0"]))
            file.write(b"x" * 5000 + b" end")  # a word longer than any chunk, and no newline
    world.spawn("wordcount/Count", {"name": "words", "readers": 6}, on="n1")
    variables = {"STINT_ENDPOINT": world.nodes[0].endpoint, "STINT_KEYS": world.keys_dir, "STINT_IDENTITY": "client-web"}
    drive = Process(world, "drive", [world.program("wordcount-drive"), *texts], variables=variables)
    moved = 0
    while drive.running():
        for tasklet in world.random.sample(world.items("tasklet", "list", "--limit", "10000"), 4):
            to = world.random.choice(["n1", "n2", "n3"])
            moved += world.tool("tasklet", "migrate", tasklet["id"], "--to", to, rc=None).rc == 0
    check_equal(drive.wait(), 0, f"the driver: {drive.log()[-400:]}")
    pipeline = r"""for f; do cat "$f"; echo; done | tr -cs A-Za-z '\n' | tr A-Z a-z | cut -c1-63 | sort | uniq -c"""
    expected = subprocess.run(["sh", "-c", pipeline, "oracle", *texts], capture_output=True, env=dict(os.environ, LC_ALL="C"), text=True,
                              check=True).stdout
    counted = sorted(tuple(line.split()) for line in drive.lines)
    check_equal(counted, sorted(tuple(line.split()) for line in expected.splitlines() if len(line.split()) == 2), "the counts")
    world.tool("channel", "close", "words", "--wake", "--yes")
    wait_until(lambda: not world.items("tasklet", "list", "--limit", "10000"), "the whole tree comes down")


if __name__ == "__main__":
    lib.main(test_roam_comes_home_unchanged, test_ring_while_its_stations_move, test_wordcount_agrees_with_coreutils)
