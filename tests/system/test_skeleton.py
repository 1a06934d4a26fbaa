#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The walking skeleton: two nodes over CURVE, one blocked tasklet, moved by the tool while it waits."""
import lib
from lib import check, check_equal


def test_blocked_tasklet_moves_with_its_stack(world):
    n1, n2 = world.cluster(2)
    world.tool("cluster", "balancer", "off")
    tally = world.spawn("tally/Tally", {"name": "a"}, on=n1)
    world.tool("channel", "send", "a", '{"amount":5}')
    before = world.blocked(tally)
    check_equal(before["node"], "n1", "node before")
    stack = world.stack(tally)
    check_equal(len(stack), 1, "frames")
    check_equal((stack[0]["code"], stack[0]["module"], stack[0]["label"]), ("Tally", "tally", "recv(self->inbox)"), "frame")
    check_equal(stack[0]["locals"]["sum"], {"total": 5, "seen": 1}, "locals")
    check_equal(stack[0]["locals"]["name"], "a", "locals")

    moves = world.migrate(tally, n2).json["items"]
    check_equal([(m["tasklet"], m["from"], m["to"], m["outcome"]) for m in moves], [(tally, "n1", "n2", "committed")], "move")
    after = world.tasklet(tally)
    check_equal((after["node"], after["state"], after["moves"]), ("n2", "blocked", 1), "tasklet after")
    check(after["epoch"] > before["epoch"], f"epoch {before['epoch']} -> {after['epoch']}")
    check_equal(world.stack(tally), stack, "stack after the move")

    # Whoever talks with it does not notice, from wherever.
    world.tool("channel", "create", "--name", "out", "--type", "tally.Total", "--capacity", "4")
    for node in (n1, n2):
        world.tool("channel", "send", "a", '{"amount":7,"reply":"out"}', endpoint=node)
    check_equal(world.json("channel", "receive", "out")["value"], {"total": 12, "seen": 2}, "first answer")
    check_equal(world.json("channel", "receive", "out", endpoint=n2)["value"], {"total": 19, "seen": 3}, "second answer")
    check_equal(next(c for c in world.items("channel", "list") if c["name"] == "a")["node"], "n2", "host of its channel")
    # What a node tells of itself reaches the others a moment later.
    lib.wait_until(lambda: world.node_info("n2")["moves_in"] == 1, "n2 has got one tasklet by a move")
    lib.wait_until(lambda: world.node_info("n1")["moves_out"] == 1, "n1 has given one away")
    n2.stop()
    lib.wait_until(lambda: world.tasklet(tally)["node"] == "n1", "n2 leaves, and hands its tasklet back")
    world.tool("channel", "send", "a", '{"amount":1,"reply":"out"}')
    check_equal(world.json("channel", "receive", "out")["value"], {"total": 20, "seen": 4}, "third answer")
    n1.stop()


if __name__ == "__main__":
    lib.main(test_blocked_tasklet_moves_with_its_stack)
