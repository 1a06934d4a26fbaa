#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The contract of the tool: the fields of each command's JSON, exit codes, habits. Scripts are written against it, so names are only
ever added here."""
import json
import os
import re
import signal
import subprocess

import lib
from lib import check, check_equal, wait_until

NODE = "id name state endpoint incarnation tasklets runnable channels cpu load memory_bytes moves_in moves_out version modules authority"
TASKLET = ("id node code module state epoch frames size_bytes at file line channel since_ms moves movable tags")
FRAME = "code module file line label locals"
EXPLAIN = "id movable reasons pickle_bytes targets"
CHANNEL = "id name node owner capacity balance buffered senders receivers type closing"
MIGRATION = "id tasklet from to reason by phase outcome bytes frozen_us started phases"
STATUS = "cluster view nodes tasklets moves_in_flight in_doubt imbalance balancer authority"
HEX = re.compile(r"[0-9a-f]{32}")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def check_fields(item, fields, what):
    missing = [f for f in fields.split() if f not in item]
    check(not missing, f"{what} has no {missing}: {item}")


def check_no_control(text, what):
    check(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), f"control characters in {what}: {text!r}")


def test_nodes_and_cluster(world):
    n1, n2 = world.cluster(2)
    items = world.items("node", "list")
    check_equal([n["name"] for n in items], ["n1", "n2"], "names")
    for item, node in zip(items, (n1, n2)):
        check_fields(item, NODE, "node list")
        check_equal((item["id"], item["endpoint"], item["state"]), (node.id, node.endpoint, "up"), "node")
        check(HEX.fullmatch(item["id"]), "an id is 32 hex digits")
        check_equal(set(item["modules"]), set(lib.MODULES), "modules")
        check(isinstance(item["load"], (int, float)) and 0 <= item["cpu"], "numbers")
    check_equal([n["authority"] for n in items], [True, False], "authority")
    check_fields(world.node_info("n2"), NODE, "node describe")
    check_equal(world.node_info(n2.id[:10])["name"], "n2", "by a prefix of the id")
    world.tool("node", "describe", "n9", rc=4)

    status = world.json("cluster", "status")
    check_fields(status, STATUS, "cluster status")
    check_equal((status["nodes"], status["authority"], status["in_doubt"]), (2, "n1", 0), "status")
    check_equal(world.json("cluster", "balancer", "off")["balancer"], False, "balancer off")
    check_equal(world.json("cluster", "balancer", "status")["balancer"], False, "balancer status")
    check_equal(world.json("cluster", "balancer", "on")["balancer"], True, "balancer on")
    world.items("cluster", "balance", "--dry-run")
    modules = world.items("module", "list")
    check_equal({m["name"] for m in modules}, set(lib.MODULES), "modules")

    check(all(len(line) <= 100 for line in world.tool("node", "list").out.splitlines()), "a table fits 100 columns")
    check("cluster balancer maybe:" in world.tool("cluster", "balancer", "maybe", rc=2).line, "what was wrong is named")

    # Options stand before or after the subcommand; the formats.
    before = world.tool("-o", "json", "node", "list").json["items"]
    check_equal([n["id"] for n in before], [n.id for n in (n1, n2)], "options before the command")
    lines = world.tool("node", "list", "-o", "jsonl").out.splitlines()
    check_equal([json.loads(line)["name"] for line in lines], ["n1", "n2"], "an item a line")
    check_equal(world.tool("node", "list", "-o", "name").out.split(), ["n1", "n2"], "names only")
    table = world.tool("node", "list").out
    check_no_control(table, "a table")
    check(len(table.splitlines()) == 3 and "n1" in table, f"a table with a head: {table!r}")
    check("tcp://" in world.tool("node", "list", "-o", "wide").out, "wide")
    check("n1" in world.tool("ping", "n1").out + world.tool("ping").out, "ping")
    check(world.tool("version", keys=False, endpoint="", identity="").out.strip(), "version")
    for topic in ([], ["node"], ["tasklet"]):
        check("stint" in world.tool("help", *topic, keys=False, endpoint="", identity="").out, f"help {topic}")
    for shell in ("bash", "zsh", "fish"):
        check("stint" in world.tool("completion", shell, keys=False, endpoint="", identity="").out, f"completion {shell}")


def test_keys(world):
    made = world.json("keys", "init", "--keys", world.keys_dir, keys=False)
    check(HEX.fullmatch(made["cluster"]), f"keys init: {made}")
    issued = world.json("keys", "issue", "node", "n1")
    check_fields(issued, "role name serial", "keys issue")
    carried = world.path("carried")
    os.mkdir(carried)
    world.tool("keys", "issue", "client", "far", "--out", carried)
    check_equal(sorted(os.listdir(carried)), ["client-far.cert", "client-far.key", "cluster.pub"], "what is carried to another machine")
    check_equal({(k["role"], k["name"]) for k in world.items("keys", "list")}, {("node", "n1")}, "keys list")
    for directory in (world.keys_dir, carried):
        for name in os.listdir(directory):
            mode = os.stat(os.path.join(directory, name)).st_mode & 0o777
            check(not name.endswith(".key") or mode == 0o600, f"{name} has mode {mode:o}")


def test_tasklets(world):
    world.cluster(2)
    world.tool("cluster", "balancer", "off")
    spawned = world.json("tasklet", "spawn", "tally/Tally", "--args", '{"name":"a"}', "--on", "n2")
    check_equal((set(spawned) >= {"id", "node"}, spawned["node"]), (True, "n2"), "spawn")
    many = world.json("tasklet", "spawn", "roam/Roam", "--count", "3", "--on", "n1")
    check_equal(len(set(many["ids"])), 3, "spawn --count")
    for id in many["ids"]:
        world.tool("tasklet", "wait", id, "--for", "ended", "--timeout", "60s", within=90)

    tally = spawned["id"]
    listed = world.items("tasklet", "list", "--selector", "code=Tally")
    check_equal([t["id"] for t in listed], [tally], "selector")
    check_fields(listed[0], TASKLET, "tasklet list")
    info = world.tasklet(tally[:12])
    check_fields(info, TASKLET, "tasklet describe")
    check_equal((info["code"], info["module"], info["state"], info["at"], info["movable"], info["frames"]),
                ("Tally", "tally", "blocked", "recv(self->inbox)", True, 1), "tasklet")
    check(HEX.fullmatch(info["channel"]) and info["file"].endswith("tally.c") and info["line"] > 0 and info["size_bytes"] > 0, f"{info}")
    check_equal(world.items("tasklet", "list", "--node", "n1", "--selector", "code=Tally"), [], "--node")
    check_equal(world.items("tasklet", "list", "--selector", "code=Tally and node=n2 and state!=paused and moves<3")[0]["id"], tally, "and")

    stack = world.json("tasklet", "stack", tally)
    check_fields(stack, "id node frames", "stack")
    check_fields(stack["frames"][0], FRAME, "frame")
    check_equal(stack["frames"][0]["locals"]["inbox"], info["channel"], "a channel in locals is its id")
    text = world.tool("tasklet", "stack", tally).out
    check("Tally" in text and "tally.c:" in text and "recv(self->inbox)" in text and "name" in text, f"stack as text: {text}")

    explain = world.json("tasklet", "explain", tally)
    check_fields(explain, EXPLAIN, "explain")
    check_equal(explain["movable"], True, "movable")
    check_equal({t["node"]: t["ok"] for t in explain["targets"] if t["node"] == "n1"}, {"n1": True}, "targets")
    explain = world.json("tasklet", "explain", tally, "--to", "n1")
    check_equal([t["node"] for t in explain["targets"]], ["n1"], "explain --to")

    dry = world.tool("tasklet", "migrate", tally, "--to", "n1", "--dry-run")
    check(tally[:4] in dry.out, f"a dry run prints what would be done: {dry.out}")
    check_equal(world.tasklet(tally)["node"], "n2", "a dry run moves nothing")
    moved = world.migrate(tally, "n1").json["items"]
    check_fields(moved[0], MIGRATION, "migrate")
    check_equal(world.migrate(tally, "n1").rc, 0, "a move to where it is")
    check_equal((world.tasklet(tally)["node"], world.tasklet(tally)["moves"]), ("n1", 1), "it moved once")
    world.tool("tasklet", "migrate", tally, "--to", "auto", "--wait")

    waiting = world.tool_begin("tasklet", "wait", tally, "--for", "moved", "--timeout", "30s")
    wait_until(lambda: world.migrate(tally, world.random.choice(["n1", "n2"])).rc == 0 and not waiting.running(), "wait --for moved")
    check_equal(waiting.wait(), 0, "exit code of wait")
    world.tool("tasklet", "wait", tally, "--for", "blocked")
    # Partial success: what there is, and a line with the exit code even with -q.
    three = world.tool("tasklet", "spawn", "tally/Tally", "--args", '{"name":"three"}', "--count", "3", "-o", "json", "-q", rc=6)
    check_equal(len(three.json["ids"]), 1, "the one that has the name")
    check("1 of 3" in three.line and three.line.endswith("(exit 6)"), three.line)
    pinned = world.json("tasklet", "spawn", "tally/Tally", "--args", '{"name":"pin"}', "--pinned", "--on", "n2")["id"]
    for dry in ([], ["--dry-run"]):  # which prints what the real run would
        refused = world.tool("tasklet", "migrate", pinned, "--to", "n1", *dry, rc=5)
        check("pinned" in refused.line and refused.out == "", f"{refused.command}: {refused.line}")
    partly = world.tool("tasklet", "migrate", "--selector", "code=Tally", "--to", "n1", "--wait", "--yes", "-q", "-o", "json", rc=6)
    check_equal({m["outcome"] for m in partly.json["items"]}, {"committed", "failed"}, "each one's result")
    check(pinned in partly.line and partly.line.endswith("(exit 6)"), partly.line)
    for id in (pinned, *three.json["ids"]):
        world.tool("tasklet", "kill", id, "--yes")
    timed_out = world.tool("tasklet", "wait", tally, "--for", "ended", "--timeout", "300ms", rc=1)
    check(tally[:4] in timed_out.line, timed_out.line)

    world.tool("tasklet", "pause", tally)
    check_equal(world.tasklet(tally)["state"], "paused", "paused")
    world.tool("tasklet", "resume", tally)
    wait_until(lambda: world.tasklet(tally)["state"] == "blocked", "resumed")
    world.tool("tasklet", "kill", tally, "--yes", "--reason", "test")
    end = wait_until(lambda: world.tool("tasklet", "describe", tally, rc=None).rc == 4, "killed")
    check(end, "gone")

    check_equal(len(world.items("tasklet", "list", "--all", "--limit", "1000")) >= 0, True, "--all")
    spawn = world.json("tasklet", "spawn", "tally/Tally", "--args", '{"name":"z"}', "--pinned")
    check_equal(world.tool("tasklet", "migrate", spawn["id"], "--to", "auto", rc=None).rc in (0, 5), True, "a pinned one")


def test_dry_runs_promise_nothing_that_is_refused(world):
    world.keys("n1", "n2")
    founder = world.node("n1", found=True)
    world.node("n2", join=founder, modules=("ring",))
    world.await_members(["n1", "n2"])
    world.tool("cluster", "balancer", "off")
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n1")
    world.blocked(tally)
    for command, code in ((["tasklet", "migrate", "--selector", "code=Tally", "--to", "n2", "--yes"], 5), (["node", "drain", "n1", "--to", "n2", "--yes"], 6)):
        dry = world.tool(*command, "--dry-run", "-o", "json", rc=code)
        check_equal([(p["tasklet"], p["to"]) for p in dry.json["items"]], [(tally, None)], "what cannot move")
        check("node n2: " in dry.json["items"][0]["reason"] and "tally" in dry.line, f"{dry.command}: {dry.out} {dry.line}")
        world.tool(*command, "--wait", "--timeout", "3s", rc=code)


def test_lists_are_not_cut_in_silence(world):
    world.cluster(2)
    world.tool("cluster", "balancer", "off")
    for i in range(7):
        world.spawn("tally/Tally", {"name": f"t{i}"}, on=f"n{i % 2 + 1}")
    result = world.tool("tasklet", "list", "--limit", "3", "-o", "json")
    check_equal((len(result.json["items"]), result.json["truncated"]), (3, True), "a list that was cut")
    check(result.line, "a note on stderr")
    check_equal(len(world.items("tasklet", "list")), 7, "all")
    ordered = [t["id"] for t in world.items("tasklet", "list", "--sort", "id")]
    check_equal(ordered, sorted(ordered), "--sort")
    # Several at once: each one's result.
    for change in (["kill"], ["migrate", "--to", "n1"]):
        nothing = world.tool("tasklet", *change, "--selector", "code=Nothing", "--yes")
        check("no tasklet fits" in nothing.line, f"{nothing.command}: {nothing.err}")
    for wrong, known in (("state=bloked", "blocked"), ("movable=yes", "true false")):
        typo = world.tool("tasklet", "kill", "--selector", wrong, "--yes", rc=2)
        check(wrong in typo.line and known in typo.line, typo.line)
    selected = world.tool("tasklet", "migrate", "--selector", "code=Tally and node=n1", "--to", "n2", "--wait", "--yes", "-o", "json").json
    check_equal({m["outcome"] for m in selected["items"]}, {"committed"}, "a selector's moves")
    check_equal(len(world.items("tasklet", "list", "--node", "n2")), 7, "all are there")


def test_channels(world):
    world.cluster(2)
    made = world.json("channel", "create", "--name", "out", "--capacity", "4", "--type", "tally.Total", "--on", "n2")
    check(HEX.fullmatch(made["id"]), f"create: {made}")
    listed = world.items("channel", "list")
    check_fields(listed[0], CHANNEL, "channel list")
    info = world.json("channel", "describe", "out")
    check_fields(info, CHANNEL, "channel describe")
    check_equal((info["id"], info["node"], info["capacity"], info["type"], info["buffered"]), (made["id"], "n2", 4, "tally.Total", 0), "channel")
    for i in range(3):
        world.tool("channel", "send", "out", '{"total":%d,"seen":"18446744073709551615"}' % i)
    check_equal(world.json("channel", "describe", made["id"][:10])["buffered"], 3, "buffered")
    first = world.json("channel", "receive", "out")
    check_fields(first, "channel type value", "receive")
    check_equal((first["type"], first["value"]), ("tally.Total", {"total": 0, "seen": 18446744073709551615}), "received")
    rest = [json.loads(line) for line in world.tool("channel", "receive", made["id"], "--count", "2", "-o", "jsonl").out.splitlines()]
    check_equal([r["value"]["total"] for r in rest], [1, 2], "the rest, in order")
    world.tool("channel", "receive", "out", "--timeout", "200ms", rc=1)
    world.tool("channel", "send", "out", '{"total":3}')
    partly = world.tool("channel", "receive", "out", "--count", "2", "--timeout", "300ms", "-o", "jsonl", rc=6)
    check_equal(json.loads(partly.out)["value"]["total"], 3, "the one that was there")
    check("1 of 2" in partly.line and partly.line.endswith("(exit 6)"), partly.line)
    waiting = world.tool_begin("channel", "receive", "out", "--timeout", "30s", "-o", "json")
    wait_until(lambda: world.json("channel", "describe", "out")["receivers"] == 1, "somebody waits")
    world.tool("channel", "send", "out", '{"total":9}')
    check_equal(waiting.wait(), 0, "the receiver")
    check_equal(json.loads("".join(waiting.lines))["value"]["total"], 9, "what it got")
    waiting = world.tool_begin("channel", "receive", "out", "--timeout", "30s")
    wait_until(lambda: world.json("channel", "describe", "out")["receivers"] == 1, "somebody waits again")
    world.tool("channel", "close", "out", "--wake", "--yes")
    check_equal(waiting.wait(), 1, "a receiver whose channel is closed")
    wait_until(lambda: world.items("channel", "list") == [], "it is gone")


def test_a_channel_without_a_type(world):
    world.cluster(2)
    made = world.json("channel", "create", "--name", "any", "--capacity", "4", "--on", "n2")
    info = world.json("channel", "describe", "any")
    check_equal((info["id"], info["node"], info["capacity"], info["type"]), (made["id"], "n2", 4, None), "a channel without a type")
    check("--type" in world.tool("channel", "send", "any", '{"total":1}', rc=2).err, "what to do about it is said")
    world.tool("channel", "send", "any", '{"total":1}', "--type", "tally.Nothing", rc=4)
    waiting = world.tool_begin("channel", "receive", "any", "--timeout", "30s", "-o", "json")
    world.tool("channel", "send", "any", '{"total":7}', "--type", "tally.Total")
    check_equal(waiting.wait(), 0, "the receiver")
    got = json.loads("".join(waiting.lines))
    check_equal((got["type"], got["value"]["total"]), ("tally.Total", 7), "what it got")
    check_equal(world.json("channel", "describe", "any")["type"], "tally.Total", "its type now")
    world.tool("channel", "send", "any", '{"total":8}')


def test_tags(world):
    world.cluster(2)
    spawned = world.json("tasklet", "spawn", "tally/Tally", "--args", '{"name":"t"}', "--on", "n1", "--tags", "tenant=acme,tier=1")["id"]
    world.tool("tasklet", "spawn", "tally/Tally", "--args", '{"name":"u"}', "--on", "n1")
    world.tool("tasklet", "spawn", "tally/Tally", "--tags", "tenant", rc=2)
    check_equal(world.json("tasklet", "describe", spawned)["tags"], {"tenant": "acme", "tier": "1"}, "tags")
    world.tool("tasklet", "migrate", "--selector", "tag.tenant=acme", "--to", "n2", "--wait", "--yes")
    check_equal([t["id"] for t in world.items("tasklet", "list", "--selector", "node=n2 and tag.tier=1")], [spawned], "moved by its tag, with it")


def test_labels(world):
    world.keys("n1", "n2")
    founder = world.node("n1", "--label", "zone=a", "--label", 'rack="7"', found=True)
    world.node("n2", join=founder)
    world.await_members(["n1", "n2"])
    for node in world.nodes:
        def seen():
            return {n["name"]: n["labels"] for n in world.items("node", "list", endpoint=node.endpoint)}
        wait_until(lambda: seen() == {"n1": {"zone": "a", "rack": '"7"'}, "n2": {}}, "labels of both nodes, from both")
    check_equal(world.json("node", "describe", "n1")["labels"]["zone"], "a", "described")


def test_migrations(world):
    world.cluster(2)
    world.tool("cluster", "balancer", "off")
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n1")
    world.blocked(tally)
    for to in ("n2", "n1", "n2"):
        world.migrate(tally, to)
    moves = world.items("migration", "list")
    check_equal(len(moves), 3, "moves")
    for move in moves:
        check_fields(move, MIGRATION, "migration list")
        check_equal((move["tasklet"], move["outcome"]), (tally, "committed"), "move")
        check(move["frozen_us"] > 0 and move["bytes"] > 0 and RFC3339.fullmatch(move["started"]), f"{move}")
        check(all(set(p) >= {"name", "at"} for p in move["phases"]) and move["phases"], "phases")
        check("ops" in move["by"], f"by whom: {move['by']}")
    check_equal([m["to"] for m in moves], ["n2", "n1", "n2"], "the newest first")
    for _ in range(8):
        check_equal(world.items("migration", "list"), moves, "what is over reads the same whenever it is asked for")
    follower = world.tool_begin("migration", "list", "--follow", "-o", "jsonl")
    wait_until(lambda: len(follower.lines) == 3, "the moves that were")
    world.migrate(tally, "n1")
    wait_until(lambda: len(follower.lines) >= 4, "the one that came")
    check_equal([json.loads(line)["to"] for line in follower.lines][:4], ["n2", "n1", "n2", "n1"], "who follows reads downwards")
    follower.signal(signal.SIGINT)
    check_equal(follower.wait(), 130, "an interrupted follower")
    check_equal(world.json("migration", "describe", moves[0]["id"])["id"], moves[0]["id"], "describe")
    world.tool("migration", "describe", "0" * 32, rc=4)


def test_spawn_that_waits_for_the_authority(world):
    n1, n2 = world.cluster(2)
    n1.suspend()
    late = world.tool("tasklet", "spawn", "tally/Tally", "--args", '{"name":"late"}', "--on", "n2", "--timeout", "1s", "-o", "json", rc=6, endpoint=n2)
    # What only the authority can do has not happened, and says whom it waits for.
    for command in (["cluster", "balancer", "off"], ["keys", "revoke", "00000000000000aa", "--yes"], ["node", "cordon", "n2"]):
        check("the store (node n1) does not answer" in world.tool(*command, "--timeout", "1s", rc=1, endpoint=n2).line, f"{command}")
    n1.go_on()
    check("authority" in late.line and late.line.endswith("(exit 6)"), late.line)
    world.blocked(late.json["id"], endpoint=n2)


def test_interrupted_question(world):
    world.cluster(1)
    tally = world.spawn("tally/Tally", {"name": "a"})
    master, slave = os.openpty()
    asked = subprocess.Popen(world._argv(["tasklet", "kill", tally], None, None, None), stdin=slave, stdout=slave, stderr=slave,
                             env=world.environment)
    os.close(slave)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(master, 1024)
    asked.send_signal(signal.SIGINT)
    check_equal(asked.wait(timeout=30), 130, "an interrupted question")
    os.close(master)
    check_equal(world.tasklet(tally)["id"], tally, "nothing was done")


def test_watch(world):
    world.cluster(1)
    tally = world.spawn("tally/Tally", {"name": "a"})
    watcher = world.tool_begin("tasklet", "describe", tally, "--watch=100ms", "-o", "jsonl")
    wait_until(lambda: len(watcher.lines) >= 3, "it looks again and again")
    world.tool("tasklet", "kill", tally, "--yes")
    check_equal(watcher.wait(), 4, "what is gone is not watched any more")


def test_what_was_refused_as_a_whole(world):
    n1, n2 = world.cluster(2)
    world.tool("cluster", "balancer", "off")
    # What a tasklet's own code fails with is not what is wrong with the command.
    check("ended at once" in world.tool("tasklet", "spawn", "tally/Tally", rc=1).line, "a tasklet without a name for its channel")
    for name in ("a", "b"):
        world.json("tasklet", "spawn", "tally/Tally", "--args", json.dumps({"name": name}), "--on", "n1", "--pinned")
    world.tool("tasklet", "migrate", "--selector", "code=Tally", "--to", "n2", "--wait", "--yes", rc=5)
    world.spawn("tally/Tally", {"name": "c"}, on="n1")
    world.tool("tasklet", "migrate", "--selector", "code=Tally", "--to", "n2", "--wait", "--yes", rc=6)
    # A node that is down cannot be reached; one that there is not is not found.
    n2.kill9()
    wait_until(lambda: world.node_info("n2")["state"] == "down", "n2 is down")
    check("declared dead" in world.tool("ping", "n2", rc=3).line, "why")
    world.tool("ping", "n7", rc=4)


def test_stop(world):
    n1, n2 = world.cluster(2)
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n2")
    check(": 1" in world.tool("node", "stop", "n2", "--dry-run").out, "what would end with it")
    check_equal(world.json("node", "stop", "n2", "--drain", "--dry-run")["tasklets"], 1, "what would move first")
    n2.expected_end = True
    world.tool("node", "stop", "n2", "--drain", "--yes", within=60)
    check_equal(n2.wait(), 0, "exit code of a stopped node")
    check_equal(world.tasklet(tally)["node"], "n1", "its tasklet")
    n1.expected_end = True
    world.tool("node", "stop", "n1", "--yes")
    check_equal(n1.wait(), 0, "exit code of the last node")
    check("end with it: 1" in n1.log(), f"what ends with it is said: {n1.log()}")


if __name__ == "__main__":
    lib.main(test_nodes_and_cluster, test_keys, test_tasklets, test_dry_runs_promise_nothing_that_is_refused, test_lists_are_not_cut_in_silence, test_channels, test_a_channel_without_a_type, test_labels, test_tags, test_migrations,
             test_spawn_that_waits_for_the_authority, test_interrupted_question, test_watch, test_what_was_refused_as_a_whole, test_stop)
