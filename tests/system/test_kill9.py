#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes that die or stop while tasklets move: each token of a ring exists exactly once, or the death explains its loss. --rounds N
repeats it N times."""
import lib
from lib import check, check_equal, wait_until

STATIONS, TOKENS = 18, 5
# How a ring may end that has lost a station or the channel of one.
EXPLAINED = {"CHANNEL_LOST", "CLOSED", "END_OF_SEQUENCE", "DEAD"}


def spawn_ring(world, laps, on="n1"):
    return world.spawn("ring/Census", {"nodes": STATIONS, "tokens": TOKENS, "laps": laps}, on=on)


def stations(world, **options):
    return [t for t in world.items("tasklet", "list", "--selector", "code=Station", "--limit", "1000", **options)]


def spread(world, names):
    """Deals the stations out to the nodes."""
    for i, station in enumerate(stations(world)):
        if station["node"] != names[i % len(names)]:
            world.tool("tasklet", "migrate", station["id"], "--to", names[i % len(names)], rc=None)


def shuffle(world, names, moves):
    """Moves stations here and there; whether a move succeeds is not asked: its node may be dead or asleep."""
    begun = []
    for station in world.random.sample(stations(world), min(moves, STATIONS)):
        begun.append(world.tool_begin("tasklet", "migrate", station["id"], "--to", world.random.choice(names), "--wait", "--timeout",
                                      "20s", endpoint=world.nodes[0], name="migrate"))
    return begun


def await_members(world, names):
    wait_until(lambda: sorted(n["name"] for n in world.items("node", "list", endpoint=world.nodes[0]) if n["state"] == "up") == names,
               f"members are {names}", within=45)


def test_stopped_node_goes_on(world):
    """SIGSTOP for less than a death takes: nothing may be lost at all."""
    n1, n2, n3 = world.cluster(3)
    world.tool("cluster", "balancer", "off")
    for _ in range(world.rounds or 2):
        ring = spawn_ring(world, 150)
        spread(world, ["n1", "n2", "n3"])
        victim = world.random.choice([n2, n3])
        begun = shuffle(world, ["n1", "n2", "n3"], 8)
        victim.suspend()
        # The world goes on around it: others answer while it sleeps.
        world.tool("cluster", "status", endpoint=n1)
        victim.go_on()
        for process in begun:
            process.wait(40)
        end = world.json("tasklet", "wait", ring, "--for", "ended", "--timeout", "90s", within=120, endpoint=n1)
        check_equal((end["ended"], end["status"]), (True, "OK"), f"the ring: {end}")


def test_sleeper_that_was_given_up_is_fenced(world):
    """SIGSTOP for longer than a death takes: the others remove it; waking up it drops all and ends with 4."""
    n1, n2 = world.cluster(2)
    world.tool("cluster", "balancer", "off")
    tally = world.spawn("tally/Tally", {"name": "a"}, on=n2)
    n2.suspend()
    await_members(world, ["n1"])
    gone = world.tool("tasklet", "describe", tally, rc=4, endpoint=n1)
    check(tally[:4] in gone.line, f"names it: {gone.line}")
    n2.go_on()
    check_equal(n2.wait(), 4, "exit code of a fenced node")
    # The name that its channel held is free again.
    wait_until(lambda: world.tool("tasklet", "spawn", "tally/Tally", "--args", '{"name":"a"}', rc=None, endpoint=n1).rc == 0,
               "the name is free")


def test_killed_node_takes_only_its_own(world):
    for _ in range(world.rounds or 2):
        names = ["n1", "n2", "n3"]
        if not world.nodes:
            world.cluster(3)
            world.tool("cluster", "balancer", "off")
        n1 = world.nodes[0]
        ring = spawn_ring(world, 1000000)
        spread(world, names)
        wait_until(lambda: {s["node"] for s in stations(world, endpoint=n1)} == set(names), "stations on all nodes")
        victim = world.random.choice(world.nodes[1:])
        begun = shuffle(world, names, 8)
        victim.kill9()
        await_members(world, sorted(set(names) - {victim.name}))
        for process in begun:
            process.wait(40)

        # No tasklet twice, none in doubt, none on the dead node; what was there is gone, the rest lives.
        def settled():
            left = stations(world, endpoint=n1)
            return left if not any(s["state"] in ("in_doubt", "frozen") for s in left) else None
        left = wait_until(settled, "no move is left in doubt")
        check_equal(len({s["id"] for s in left}), len(left), "a station is listed once")
        check(all(s["node"] != victim.name for s in left), "no station on the dead node")
        check(all(world.tasklet(s["id"], endpoint=n1)["node"] in names for s in left[:3]), "those that live can be described")

        # The ring has a hole: it stands still, or ends for a reason that the death explains; never with a token twice.
        result = world.tool("tasklet", "wait", ring, "--for", "ended", "--timeout", "1s", "-o", "json", rc=None, endpoint=n1)
        if result.rc == 0:
            end = result.json
            check(end["status"] in EXPLAINED, f"the ring ended otherwise than by the death: {end}")
        else:
            check("exists twice" not in result.err, f"the ring: {result.err}")
            world.tool("tasklet", "kill", ring, "--yes", rc=None, endpoint=n1)
        world.tool("tasklet", "kill", "--selector", "code=Station", "--yes", rc=None, endpoint=n1)

        # Its name is taken by a new one, on empty data or on the old ones.
        world.nodes.remove(victim)
        world.node(victim.name, join=n1)
        await_members(world, names)


if __name__ == "__main__":
    lib.main(test_stopped_node_goes_on, test_sleeper_that_was_given_up_is_fenced, test_killed_node_takes_only_its_own)
