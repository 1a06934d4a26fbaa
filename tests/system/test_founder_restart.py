#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The founding node ends and comes back on its data: its store is reopened, its port taken again, and meanwhile the others work."""
import lib
from lib import check, check_equal, wait_until


def restart(world, name):
    node = world.node(name)  # neither --found nor --join
    world.nodes.insert(0, world.nodes.pop())
    return node


def test_killed_founder(world):
    world.keys("n1", "n2", "n3", "n4")
    n1 = world.node("n1", found=True)
    n2 = world.node("n2", join=n1)
    n3 = world.node("n3", join=n1)
    world.await_members(["n1", "n2", "n3"])
    world.tool("cluster", "balancer", "off")
    tally = world.spawn("tally/Tally", {"name": "a"}, on=n2)
    channel = next(c["id"] for c in world.items("channel", "list") if c["name"] == "a")
    world.tool("channel", "send", "a", '{"amount":5}')
    endpoint, cluster, id = n1.endpoint, world.json("cluster", "status")["cluster"], n1.id
    n1.kill9()
    world.nodes.remove(n1)

    # Without the authority: messages flow and tasklets move; names cannot be given, and that is said.
    world.tool("channel", "send", channel, '{"amount":7}', endpoint=n2)
    world.tool("channel", "send", channel, '{"amount":9}', endpoint=n3)
    check_equal([m["outcome"] for m in world.migrate(tally, n3, endpoint=n2).json["items"]], ["committed"], "a move without the authority")
    world.tool("channel", "send", channel, '{"amount":11}', endpoint=n2)
    refused = world.tool("channel", "create", "--name", "late", "--type", "tally.Total", endpoint=n2, rc=None, within=90)
    check(refused.rc in (1, 3, 7), f"a name without the authority: exit {refused.rc}: {refused.err}")

    again = restart(world, "n1")
    check_equal(again.endpoint, endpoint, "the port that was picked is taken again")
    check_equal(again.id, id, "the node's id")
    world.await_members(["n1", "n2", "n3"])
    status = world.json("cluster", "status")
    check_equal((status["cluster"], status["authority"]), (cluster, "n1"), "the cluster and its authority")
    world.tool("channel", "send", "a", '{"amount":13}')
    wait_until(lambda: world.stack(tally)[0]["locals"]["sum"] == {"total": 45, "seen": 5}, "the tally has all", within=10)
    world.tool("channel", "create", "--name", "late", "--type", "tally.Total")
    world.node("n4", join=n2)  # a member that is no authority shows the way to it
    world.await_members(["n1", "n2", "n3", "n4"])


def test_founder_stops_in_order_and_returns(world):
    world.keys("n1", "n2")
    n1 = world.node("n1", found=True)
    n2 = world.node("n2", join=n1)
    world.await_members(["n1", "n2"])
    world.tool("cluster", "balancer", "off")
    tally = world.spawn("tally/Tally", {"name": "a"}, on=n1)
    endpoint = n1.endpoint
    n1.stop()
    world.nodes.remove(n1)
    check_equal(world.tasklet(tally, endpoint=n2)["node"], "n2", "the founder's tasklet after it left")
    again = restart(world, "n1")
    check_equal(again.endpoint, endpoint, "endpoint")
    world.await_members(["n1", "n2"])
    world.migrate(tally, again)
    world.tool("channel", "send", "a", '{"amount":1}')
    wait_until(lambda: world.stack(tally)[0]["locals"]["sum"] == {"total": 1, "seen": 1}, "the tally counts", within=10)


def test_founding_twice_changes_nothing(world):
    """--found on data that hold a store: the same cluster."""
    world.keys("n1")
    n1 = world.node("n1", found=True)
    cluster = world.json("cluster", "status")["cluster"]
    n1.stop()
    world.nodes.remove(n1)
    world.node("n1", found=True)
    check_equal(world.json("cluster", "status")["cluster"], cluster, "cluster")


if __name__ == "__main__":
    lib.main(test_killed_founder, test_founder_stops_in_order_and_returns, test_founding_twice_changes_nothing)
