#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command of the tool against a cluster of three nodes, in each format: its JSON against schema.json, its lines, names and tables.
The commands come from `stint help -o json`: one that is not driven here fails the test."""
import json
import os
import re

import lib
import schema
from lib import check, check_equal, wait_until

FORMATS = ("json", "jsonl", "name", "table", "wide")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
UNITS = re.compile(r"(_bytes|_ms|_us)$")


class Driver:
    def __init__(self, world):
        self.world = world
        self.driven = set()
        self.number = 0

    def fresh(self, prefix):
        """A name that was not used yet."""
        self.number += 1
        return f"{prefix}{self.number}"

    def run(self, command, *args, formats=FORMATS, kind=None, **options):
        """Runs it in each format and checks what it prints. An argument that can be called makes one for each run. Returns the objects of
        the first JSON."""
        self.driven.add(command)
        kind = kind or schema.COMMANDS[command]
        first = None
        for form in formats:
            words = [a() if callable(a) else a for a in args]
            result = self.world.tool(*command.split(), *words, "-o", form, **options)
            what = f"`{result.command}`"
            check(not CONTROL.search(result.out), f"control characters from {what}: {result.out!r}")
            check(result.out == "" or result.out.endswith("\n"), f"the last line of {what}: {result.out!r}")
            check(not CONTROL.search(result.err) and all(line.startswith("stint: ") for line in result.err.splitlines()),
                  f"notes of {what}: {result.err!r}")
            objects = getattr(self, "check_" + form.replace("wide", "table"))(result, kind, what)
            first = first if first is not None else objects
        return first

    def check_json(self, result, kind, what):
        check_equal(len(result.out.splitlines()), 1, f"lines of JSON from {what}")
        return schema.check_answer(result.json, kind, what)

    def check_jsonl(self, result, kind, what):
        objects = [json.loads(line) for line in result.out.splitlines()]
        for item in objects:
            schema.check_kind(item, kind.removeprefix("list "), what)
        check(kind.startswith("list ") or len(objects) == 1, f"objects from {what}: {objects}")
        return objects

    def check_name(self, result, kind, what):
        check(all(line.strip() for line in result.out.splitlines()), f"empty names from {what}: {result.out!r}")
        check(kind.startswith("list ") or len(result.out.splitlines()) == 1, f"names from {what}: {result.out!r}")
        return None

    def check_table(self, result, kind, what):
        check("{" not in result.out or kind in ("stack", "received", "waited", "list command"), f"{what} shows JSON: {result.out!r}")
        if kind.startswith("list ") and kind != "list command":
            fields = {UNITS.sub("", f).upper() for f in schema.KINDS[kind.removeprefix("list ")]}
            head = result.out.splitlines()[0].split()
            check(head and set(head) <= fields, f"columns of {what}: {head}")
        return None

    def check_dry(self, command, *args, word="would"):
        """A dry run for people and for programs; whoever calls it sees to it that nothing has changed."""
        for form in ("table", "json"):
            result = self.world.tool(*command.split(), *args, "--dry-run", "-o", form)
            check(result.out.strip(), f"`{result.command}` says what it would do")
            if form == "json":
                check(result.json.get("dry_run") is True or "items" in result.json, f"`{result.command}`: {result.out}")
            else:
                check(word in result.out, f"`{result.command}`: {result.out!r}")


def test_every_command(world):
    """One cluster for all: what the commands say does not depend on who was asked before."""
    nodes = world.cluster(3)
    world.tool("cluster", "balancer", "off")
    d = Driver(world)
    keys(d)
    looks(d)
    tasklets(d)
    channels(d)
    moves(d)
    changes_of_nodes(d, nodes)
    known = {c["command"] for c in world.items("help")} - {""}
    screens = {"top", "completion"}  # no JSON: test_top, test_cli_contract
    check_equal(known - screens, d.driven, "commands that are driven")
    check_equal(set(schema.COMMANDS), d.driven, "commands in schema.json")


def keys(d):
    world = d.world
    d.run("keys init", lambda: world.path(d.fresh("keys-")), keys=False)
    d.run("keys issue", "client", lambda: d.fresh("c"))
    d.run("keys issue", "node", lambda: d.fresh("far"), "--out", world.path("carried"))
    listed = d.run("keys list")
    serials = [k["serial"] for k in listed if k["name"].startswith("c")]
    check(len(serials) >= len(FORMATS), f"identities: {listed}")
    d.check_dry("keys revoke", serials[0])
    d.run("keys revoke", serials.pop, "--yes", "--reason", "a test")
    d.check_dry("keys issue", "client", "new")
    check("new" not in {k["name"] for k in world.items("keys", "list")}, "a dry run issues nothing")


def looks(d):
    names = [n["name"] for n in d.run("node list")]
    check_equal(names, ["n1", "n2", "n3"], "names")
    check_equal(d.world.tool("node", "list", "-o", "name").out.split(), names, "node list -o name")
    d.run("node describe", "n2")
    d.run("cluster status")
    d.run("cluster balancer", "status")
    d.check_dry("cluster balancer", "on")
    check_equal(d.run("cluster balancer", "off")[0]["balancer"], False, "the balancer")
    d.run("cluster balance")
    # The plan is what is done, by the code that does it; each move has its reason.
    for i in range(9):
        d.world.spawn("tally/Tally", {"name": f"b{i}"}, on="n2")
    plans = [[], []]

    def steady():
        plans.append(d.run("cluster balance", "--dry-run", "--max-moves", "2", formats=("json",)))
        return plans[-1] if len(plans[-1]) == 2 and [m["tasklet"] for m in plans[-1]] == [m["tasklet"] for m in plans[-2]] else None
    plan = wait_until(steady, "there is something to balance")
    done = d.run("cluster balance", "--max-moves", "2", formats=("json",))
    check_equal([(m["tasklet"], m["from"]) for m in plan], [(m["tasklet"], m["from"]) for m in done], "what is done, and what was to be")
    check(all("mean" in m["reason"] for m in plan + done), f"reasons: {plan}")
    d.run("cluster balance", "--dry-run")
    d.world.tool("tasklet", "kill", "--selector", "code=Tally", "--yes")
    check_equal(len(d.run("module list")), 3 * len(lib.MODULES), "modules")
    check_equal(d.run("ping")[0]["node"], "n1", "the node that is connected to")
    check_equal(d.run("ping", "n3")[0]["node"], "n3", "the named one")
    d.run("ping", "n3", "--count", "1", formats=("json", "jsonl"), kind="list pinged")
    d.run("version", keys=False, endpoint="", identity="")
    check(len(d.run("help", formats=("json", "jsonl", "name"))) > 30, "commands")
    for words in (["-o", "table"], ["tasklet"], ["node", "drain"]):
        check("stint" in d.world.tool("help", *words).out, f"help {words}")
    for topic, word in (("selectors", "tag.tenant"), ("exit", "130"), ("contexts", "endpoint ="), ("format", "jsonl")):
        check(word in d.world.tool("help", topic).out, f"help {topic}")
    for command in d.world.items("help")[1:]:
        shown = d.world.tool(*command["command"].split(), "--help", keys=False, endpoint="", identity="").out
        check(command["example"] in shown and all("--" + f["name"] in shown for f in command["flags"]), f"help of {command['command']}: {shown}")


def tasklets(d):
    world = d.world
    named = lambda: json.dumps({"name": d.fresh("t")})
    one = d.run("tasklet spawn", "tally/Tally", "--args", named, "--on", "n1")[0]
    check_equal(one["node"], "n1", "where it was spawned")
    many = d.run("tasklet spawn", "roam/Roam", "--count", "2", formats=("json", "jsonl"), kind="spawned_many")[0]
    check_equal(len(world.json("tasklet", "spawn", "roam/Roam", "--count", "1")["ids"]), 1, "--count 1 is one of many")
    for id in many["ids"]:
        ended = d.run("tasklet wait", id, "--timeout", "30s")[0]
        check_equal((ended["ended"], ended["status"]), (True, "OK"), "how it ended")
    never = world.tool("tasklet", "wait", many["ids"][0], "--for", "moved", "-o", "json", rc=1)  # it is false, and never will be true
    check(never.json["ended"] and "it has ended" in never.line, never.err)
    tally = one["id"]
    world.blocked(tally)
    listed = d.run("tasklet list", "--selector", "code=Tally and node=n1", "--sort", "-id", "--all")
    check_equal([t["id"] for t in listed], sorted((t["id"] for t in listed), reverse=True), "order")
    described = d.run("tasklet describe", tally[:10])[0]
    check_equal(described["id"], tally, "a prefix")
    d.run("tasklet describe", tally)
    stack = d.run("tasklet stack", tally)[0]
    check_equal(stack["frames"][0]["locals"]["inbox"], described["channel"], "a channel in locals")
    explain = d.run("tasklet explain", tally)[0]
    check_equal({t["node"]: (t["ok"], t["reasons"]) for t in explain["targets"]}, {"n2": (True, []), "n3": (True, [])}, "targets")
    d.run("tasklet explain", tally, "--to", "n3")
    d.run("tasklet wait", tally, "--for", "blocked")
    reasons_of_a_pinned_one(d)

    d.check_dry("tasklet spawn", "tally/Tally", "--on", "n2")
    d.check_dry("tasklet pause", tally)
    check_equal(d.run("tasklet pause", tally[:12])[0]["id"], tally, "the whole id")
    check_equal(world.tasklet(tally)["state"], "paused", "paused")
    d.run("tasklet resume", tally)
    wait_until(lambda: world.tasklet(tally)["state"] == "blocked", "resumed")

    file = lambda: world.path(d.fresh("file-"))
    d.check_dry("tasklet export", tally, "-f", world.path("none"))
    check(not os.path.exists(world.path("none")), "a dry run writes nothing")
    exported = d.run("tasklet export", tally, "-f", file)[0]
    check_equal((exported["id"], exported["moved"], os.path.exists(exported["file"])), (tally, False, True), "export")
    check_equal(d.run("tasklet stack", exported["file"], endpoint="", identity="", keys=False)[0]["id"], tally, "a stack in a file")
    victims = [t["id"] for t in world.items("tasklet", "list", "--selector", "code=Tally") if t["id"] != tally]
    d.check_dry("tasklet kill", victims[0])
    d.check_dry("tasklet kill", "--selector", "code=Tally", word="Tally")
    check_equal(len(world.items("tasklet", "list", "--selector", "code=Tally")), len(victims) + 1, "a dry run kills nothing")
    # The one in the file is imported as a copy once the first is gone, and its name free.
    for form in FORMATS:
        victim = world.spawn("tally/Tally", {"name": d.fresh("v")}, on="n2")
        path = file()
        world.tool("tasklet", "export", victim, "-f", path, "--move")
        if form == FORMATS[0]:
            d.check_dry("tasklet import", path, "--on", "n3")
        d.run("tasklet import", path, "--on", "n3", "--yes", formats=(form,))
    d.run("tasklet kill", victims.pop, "--yes", formats=FORMATS[:4])
    # More than are ended at once: each has its item, in the order of the list.
    world.spawn("ring/Census", {"nodes": 100, "tokens": 1, "laps": 1000000}, on="n2")
    stations = [t["id"] for t in wait_until(lambda: (lambda i: i if len(i) == 100 else None)(world.items("tasklet", "list", "--selector", "code=Station")),
                                            "the ring is there")]
    ended = world.items("tasklet", "kill", "--selector", "code=Station", "--yes", "--timeout", "30s")
    check_equal([i["id"] for i in ended], stations, "what was ended")
    # The ring falls apart meanwhile: one that has ended by itself is what was wanted.
    check({i["status"] for i in ended} <= {"OK", "NOT_FOUND", "DEAD"}, f"what came of it: {ended}")
    world.tool("tasklet", "kill", "--selector", "code=Census", "--yes")
    wait_until(lambda: not world.items("tasklet", "list", "--selector", "module=ring"), "the ring is gone")


def reasons_of_a_pinned_one(d):
    """All reasons at once, and a node that takes nothing has its own."""
    world = d.world
    pinned = world.json("tasklet", "spawn", "tally/Tally", "--args", json.dumps({"name": d.fresh("p")}), "--on", "n1", "--pinned")["id"]
    world.tool("node", "cordon", "n3")
    explain = d.run("tasklet explain", pinned)[0]
    check_equal(explain["movable"], False, "movable")
    check(any("pinned" in r["text"] for r in explain["reasons"]), f"reasons: {explain['reasons']}")
    targets = {t["node"]: t for t in explain["targets"]}
    check(not targets["n3"]["ok"] and any("cordoned" in r["text"] for r in targets["n3"]["reasons"]), f"targets: {targets}")
    world.tool("node", "uncordon", "n3")
    refused = world.tool("tasklet", "migrate", pinned, "--to", "n2", "--wait", rc=5)
    check("pinned" in refused.line, refused.line)
    world.tool("tasklet", "kill", pinned, "--yes")


def channels(d):
    world = d.world
    name = lambda: d.fresh("ch")
    made = d.run("channel create", "--name", name, "--capacity", "8", "--type", "tally.Add", "--on", "n2")[0]
    check_equal(made["name"][:2], "ch", "its name")
    channel = made["name"]
    d.run("channel list", "--node", "n2")
    d.run("channel describe", channel)
    d.check_dry("channel send", channel, '{"amount":1}')
    check_equal(world.json("channel", "describe", channel)["buffered"], 0, "a dry run sends nothing")
    d.run("channel send", channel, '{"amount":7}', formats=("json", "jsonl", "name"))
    for form in ("table", "wide"):
        check_equal(world.tool("channel", "send", channel, '{"amount":7}', "-o", form).out, "", "a send says nothing to people")
    d.check_dry("channel receive", channel)
    check_equal(d.run("channel receive", channel, formats=("json", "jsonl", "table"))[0]["value"]["amount"], 7, "what was received")
    d.run("channel receive", channel, "--count", "2", formats=("json",), kind="list received")
    d.check_dry("channel close", channel)
    for form in FORMATS:
        victim = name()
        world.tool("channel", "create", "--name", victim, "--type", "tally.Add")
        d.run("channel close", victim, "--yes", "--wake", formats=(form,))


def moves(d):
    world = d.world
    tally = world.items("tasklet", "list", "--selector", "code=Tally and node=n1")[0]["id"]
    d.check_dry("tasklet migrate", tally, "--to", "n2", word=tally[:12])
    check_equal(world.tasklet(tally)["node"], "n1", "a dry run moves nothing")
    there = iter(["n2", "n3"] * len(FORMATS))
    moved = d.run("tasklet migrate", tally, "--to", lambda: next(there), "--wait", "--reason", "a test")[0]
    check_equal((moved["outcome"], moved["reason"], moved["to"]), ("committed", "a test", "n2"), "a move")
    check([p["name"] for p in moved["phases"]][0] == "offered" and moved["frozen_us"] > 0 and moved["bytes"] > 0, f"{moved}")
    d.run("tasklet migrate", "--selector", "code=Tally", "--to", "auto", "--wait", "--yes", formats=("json",))
    d.run("migration list", "--limit", "0")
    check_equal(d.run("migration describe", moved["id"][:12])[0]["id"], moved["id"], "describe")
    # A list that is cut says where it goes on, and pages come to the same as the whole.
    for command in (["tasklet", "list"], ["tasklet", "list", "--sort", "-code"], ["channel", "list"], ["migration", "list"]):
        whole = [i["id"] for i in world.items(*command, "--limit", "0")]
        check(len(whole) > 4, f"{command}: {len(whole)} items")
        paged, page = [], []
        while True:
            result = world.tool(*command, "--limit", "4", *page, "-o", "json")
            paged += [i["id"] for i in result.json["items"]]
            if not result.json["truncated"]:
                check_equal(result.err, "", "notes of a list that is whole")
                break
            page = ["--page", result.json["page"]]
            check(re.fullmatch(r"[\w-]+", page[1]) and page[1] in result.line and "4" in result.line, f"a note names the page: {result.err!r}")
        check_equal(paged, whole, f"{command} in pages")


def changes_of_nodes(d, nodes):
    world = d.world
    d.check_dry("node cordon", "n3")
    check_equal(world.node_info("n3")["state"], "up", "a dry run changes nothing")
    d.run("node cordon", "n3")
    d.run("node uncordon", "n3")
    world.spawn("tally/Tally", {"name": "drained"}, on="n3")
    check(world.items("node", "drain", "n3", "--dry-run"), "a plan")
    drained = d.run("node drain", "n3", "--to", "n1,n2", "--rate", "100/s", "--wait", "--yes")[0]
    check_equal((drained["done"], drained["remaining"], drained["stuck"]), (True, 0, []), "a drain")
    d.check_dry("node stop", "n3")
    nodes[2].expected_end = True
    d.run("node stop", "n3", "--yes", formats=("json",))
    check_equal(nodes[2].wait(), 0, "exit code of the node")
    # Who waits for a node to leave finds it gone.
    nodes[1].expected_end = True
    d.run("node drain", "n2", "--leave", "--wait", "--yes", formats=("json",))
    check_equal([n["name"] for n in world.items("node", "list") if n["state"] not in ("down", "suspect")], ["n1"], "who is left")
    check_equal(nodes[1].wait(), 0, "exit code of the node that left")


if __name__ == "__main__":
    lib.main(test_every_command)
