#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client sends 10 000 requests, with a channel of its own as the way back; its node is killed in the middle, without a word. It ends
with every request answered exactly once, in order for each sender. --rounds N repeats it N times."""
import lib
from lib import Failed, Process, check_equal, wait_until

REQUESTS = 10000
TALLIES = [f"t{i}" for i in range(6)]


def asker(world, node, name, capacity, tallies):
    variables = {"STINT_ENDPOINT": node.endpoint, "STINT_KEYS": world.keys_dir, "STINT_IDENTITY": "client-web"}
    argv = [world.program("client_loss"), str(REQUESTS), str(capacity), *tallies]
    return Process(world, name, argv, variables=variables)


def progress(client):
    """Answers so far, and the node that it is connected to."""
    lines = [line.split() for line in client.lines if not line.startswith("done")]
    return (int(lines[-1][0]), lines[-1][1] if len(lines[-1]) > 1 else "") if lines else (0, "")


def finish(client):
    rc = client.wait(120)
    if rc != 0:
        raise Failed(f"{client.name}: exit code {rc}: {client.log()[-600:]}")
    check_equal(client.lines[-1], f"done {REQUESTS}", "its last word")


def spawn_tallies(world, round_number, nodes):
    """New ones for each round, so that their counts begin at 1; none on the node that will die."""
    names = [f"{name}-{round_number}" for name in TALLIES]
    return names, [world.spawn("tally/Tally", {"name": name}, on=nodes[i % len(nodes)]) for i, name in enumerate(names)]


def kill(world, victim, client):
    victim.kill9()
    world.nodes.remove(victim)
    print(f"killed {victim.name} after {progress(client)[0]} answers")


def await_members(world, names):
    wait_until(lambda: sorted(n["name"] for n in world.items("node", "list", endpoint=world.nodes[0]) if n["state"] == "up") == names,
               f"members are {names}", within=45)


def test_client_loses_its_node(world):
    world.cluster(3)
    world.tool("cluster", "balancer", "off")
    for number in range(world.rounds or 2):
        victim = next(n for n in world.nodes if n.name == "n3")
        names, tallies = spawn_tallies(world, number, ["n1", "n2"])
        client = asker(world, victim, f"client{number}", world.random.choice((0, 1, 64)), names)
        at = world.random.randrange(500, REQUESTS * 3 // 4)
        wait_until(lambda: progress(client)[0] >= at or not client.running(), f"{at} answers")
        check_equal(progress(client)[1], victim.name, "the node it is connected to")
        kill(world, victim, client)
        finish(client)
        sums = [world.stack(t)[0]["locals"]["sum"]["seen"] for t in tallies]
        check_equal(sum(sums), REQUESTS, "what the tallies have seen")
        world.node("n3", join=world.nodes[0])
        await_members(world, ["n1", "n2", "n3"])


def test_client_loses_its_node_while_the_tallies_move(world):
    world.cluster(3)
    world.tool("cluster", "balancer", "off")
    for number in range(world.rounds or 1):
        victim = next(n for n in world.nodes if n.name == "n3")
        names, tallies = spawn_tallies(world, number, ["n1", "n2"])
        client = asker(world, victim, f"client{number}", 16, names)
        killed = False
        at = world.random.randrange(1000, REQUESTS // 2)
        moves = 0
        while client.running():
            tally = world.random.choice(tallies)
            world.tool("tasklet", "migrate", tally, "--to", world.random.choice(("n1", "n2")), "--wait", "--timeout", "20s",
                       endpoint=world.nodes[0], rc=None)
            moves += 1
            if not killed and progress(client)[0] >= at:
                kill(world, victim, client)
                killed = True
        finish(client)
        check_equal(killed, True, "the node was killed before the end")
        print(f"{moves} moves")
        world.node("n3", join=world.nodes[0])
        await_members(world, ["n1", "n2", "n3"])


if __name__ == "__main__":
    lib.main(test_client_loses_its_node, test_client_loses_its_node_while_the_tallies_move)
