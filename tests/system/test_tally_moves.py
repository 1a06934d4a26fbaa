#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tally under load from several clients while it is moved again and again: the total is exact, each message is answered once, in the
order in which its client sent. --rounds N moves it N times."""

import subprocess

import lib
from lib import Failed, Process, check, check_equal, wait_until

CLIENTS = 3
MOVES = 40


def load(world, number):
    """A client in the background that goes on until its stdin is closed."""
    node = world.nodes[number % len(world.nodes)]
    variables = {"STINT_ENDPOINT": node.endpoint, "STINT_KEYS": world.keys_dir, "STINT_IDENTITY": f"client-c{number}"}
    argv = [world.program("tally_load"), "a", str(world.random.randrange(1 << 32))]
    return Process(world, f"client{number}", argv, stdin=subprocess.PIPE, variables=variables)


def check_answers(clients):
    """Over all clients: `seen` is 1, 2, 3 ... each once, and each answer's total is the one before plus what this client sent as its
    next message."""
    answers, sent = {}, {}
    for client in clients:
        last = 0
        lines = [tuple(int(x) for x in line.split()) for line in client.lines]
        check(lines, f"{client.name} got no answers")
        for number, (amount, total, seen) in enumerate(lines, 1):
            sent[amount] = f"{client.name}'s message {number}"
            check(seen > last, f"{client.name} got the answer to message {seen} after that to {last}")
            check(seen not in answers, f"message {seen} was answered twice")
            answers[seen] = (amount, total)
            last = seen
    total = 0
    for seen in range(1, len(answers) + 1):
        check(seen in answers, f"message {seen} was not answered")
        amount, said = answers[seen]
        check_equal(said - total, amount, f"what was added as number {seen}: {sent[amount]} was expected, it was "
                    f"{sent.get(said - total, 'none of the messages')}")
        total = said
    return total, len(answers)


def test_tally_is_exact_while_it_moves(world):
    rounds = world.rounds or MOVES
    names = ["n1", "n2", "n3"]
    world.keys(*names, clients=[f"c{i}" for i in range(CLIENTS)])
    first = world.node("n1", found=True)
    for name in names[1:]:
        world.node(name, join=first)
    world.await_members(names)
    world.tool("cluster", "balancer", "off")
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n1")
    clients = [load(world, i) for i in range(CLIENTS)]
    wait_until(lambda: all(c.lines or not c.running() for c in clients), "every client has an answer")

    at = "n1"
    for moved in range(1, rounds + 1):
        to = world.random.choice([n for n in names if n != at])
        answered = sum(len(c.lines) for c in clients)
        result = world.migrate(tally, to)
        check_equal([m["outcome"] for m in result.json["items"]], ["committed"], f"move {moved} from {at} to {to}")
        at = to
        wait_until(lambda: sum(len(c.lines) for c in clients) > answered or not all(c.running() for c in clients),
                   f"answers come after move {moved}")
    for client in clients:
        client.popen.stdin.close()
    for client in clients:
        rc = client.wait(120)
        if rc != 0:
            raise Failed(f"{client.name}: exit code {rc}: {client.log()[-500:]}")
    total, seen = check_answers(clients)
    print(f"{seen} messages, {rounds} moves")
    wait_until(lambda: world.stack(tally)[0]["locals"]["sum"] == {"total": total, "seen": seen}, "the tally agrees", within=5)
    info = world.tasklet(tally)
    check_equal((info["node"], info["moves"]), (at, rounds), "where it ended")


if __name__ == "__main__":
    lib.main(test_tally_is_exact_while_it_moves)
