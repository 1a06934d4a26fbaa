#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes that die or stop while tasklets move: each token of a ring exists exactly once, or the death explains its loss. --rounds N
repeats it N times."""
import lib
import test_tally_moves
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


def test_stopped_nodes_lose_nothing(world):
    """SIGSTOP for less than a death takes, of any node, while a tally under load moves: every message counts once, every move comes to
    an end."""
    names = ["n1", "n2", "n3"]
    world.keys(*names, clients=("c0", "c1"))
    first = world.node("n1", found=True)
    for name in names[1:]:
        world.node(name, join=first)
    world.await_members(names)
    world.tool("cluster", "balancer", "off")
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n1")
    clients = [test_tally_moves.load(world, i) for i in range(2)]
    wait_until(lambda: all(c.lines or not c.running() for c in clients), "every client has an answer")
    for _ in range(world.rounds or 6):
        victim = world.random.choice(world.nodes)
        other = world.random.choice([n for n in world.nodes if n is not victim])
        move = world.tool_begin("tasklet", "migrate", tally, "--to", world.random.choice(names), "--wait", "--timeout", "20s",
                                endpoint=other, name="migrate")
        victim.suspend()
        for _ in range(3):  # the world goes on around it
            world.tool("ping", endpoint=other)
        victim.go_on()
        check(move.wait(40) in (0, 1, 7), f"the move: {move.log()}")
        answered = sum(len(c.lines) for c in clients)
        wait_until(lambda: sum(len(c.lines) for c in clients) > answered or not all(c.running() for c in clients), "answers come")
    for client in clients:
        client.popen.stdin.close()
    for client in clients:
        check_equal(client.wait(60), 0, f"exit code of {client.name}: {client.log()[-500:]}")
    total, seen = test_tally_moves.check_answers(clients)
    wait_until(lambda: world.stack(tally)[0]["locals"]["sum"] == {"total": total, "seen": seen}, "the tally agrees", within=10)
    check_equal({n["state"] for n in world.items("node", "list")}, {"up"}, "nobody was given up")


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
        for station in left[:3]:  # those that live can be described; others end meanwhile, because a channel was lost
            result = world.tool("tasklet", "describe", station["id"], "-o", "json", rc=None, endpoint=n1)
            check(result.rc == 4 or result.json["node"] in set(names) - {victim.name}, f"where a station is: {result.out}{result.err}")

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
    lib.main(test_stopped_nodes_lose_nothing, test_sleeper_that_was_given_up_is_fenced, test_killed_node_takes_only_its_own)
