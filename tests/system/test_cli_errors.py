#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad arguments for every command: one clear line, the right exit code, soon, and nothing has changed. And every exit code, each from a
cluster in the state that it is for. The commands and their options come from `stint help -o json`; GOOD has a good call of each, which
becomes a bad one by one change."""
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import time

import lib
from lib import check, check_equal, wait_until

HUGE = b"a" * 100_000  # the kernel allows 128 KiB an argument
BYTES = b"\xff\xfe\x80x"
CONTROL = b"a\nb\x1b[31m\x7f"
SOON = 20.0  # seconds; generous, for sanitizers on a busy machine
ID = "f" * 32  # of nothing

# A good call of each command, as far as its arguments go. What a word is decides which bad ones it has.
GOOD = {
    "keys init": ["new-keys"],
    "keys issue": ["client", "x"],
    "keys list": [],
    "keys revoke": ["0123456789abcdef"],
    "node list": [],
    "node describe": ["n1"],
    "node cordon": ["n1"],
    "node uncordon": ["n1"],
    "node drain": ["n1"],
    "node stop": ["n1"],
    "cluster status": [],
    "cluster balance": [],
    "cluster balancer": ["off"],
    "module list": [],
    "tasklet spawn": ["tally/Tally"],
    "tasklet list": [],
    "tasklet describe": [ID],
    "tasklet stack": [ID],
    "tasklet explain": [ID],
    "tasklet migrate": [ID, "--to", "n1"],
    "tasklet wait": [ID],
    "tasklet pause": [ID],
    "tasklet resume": [ID],
    "tasklet kill": [ID],
    "tasklet export": [ID, "-f", "file"],
    "tasklet import": ["file"],
    "channel list": [],
    "channel describe": ["a"],
    "channel create": ["--name", "new", "--type", "tally.Add"],
    "channel send": ["a", '{"amount":1}'],
    "channel receive": ["a"],
    "channel close": ["a"],
    "migration list": [],
    "migration describe": [ID],
    "ping": ["n1"],
    "top": [],
    "completion": ["bash"],
    "version": [],
    "help": ["node", "list"],
}
# Any bytes but zero are a path or a reason.
FREE = {"out", "file", "reason", "keys"}
BAD = {
    "text": [b"", HUGE, BYTES, CONTROL],
    "number": [b"", b"-1", b"1x", b"99999999999999999999", HUGE, CONTROL],
    "rate": [b"", b"-1/s", b"1/h", b"0/s", b"99999999999999999999/s"],
    "duration": [b"", b"5", b"-1s", b"0s", b"99999999999999999999h", BYTES],
    "watch": [b"5", b"-1s", CONTROL],
    "choice": [b"", b"neither", HUGE, CONTROL],
}


def says_one_line(result, what):
    """One line of text that a terminal can show, and nothing on stdout."""
    rc, out, err, took = result
    check_equal(out, b"", f"stdout of {what}")
    text = err.decode("utf-8")  # strictly
    check(text.endswith("\n") and text.count("\n") == 1, f"{what} says one line: {text[:400]!r}")
    check(not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text), f"{what} shows control characters: {text[:400]!r}")
    check(text.startswith("stint: ") and text.endswith(f" (exit {rc})\n") and len(text) < 1400, f"{what} says {text[:400]!r}")
    check(took < SOON, f"{what} took {took:.1f} s")


def run(world, argv, **options):
    """The exit code, stdout, stderr and time of a call with any bytes."""
    started = time.monotonic()
    done = subprocess.run([os.fsencode(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, env=world.environment, cwd=world.dir,
                          timeout=60, preexec_fn=lib._die_with_parent, **options)
    check(not lib.FAULTS.search(done.stderr.decode("utf-8", "replace")), done.stderr[-3000:])
    return done.returncode, done.stdout, done.stderr, time.monotonic() - started


def state(world):
    """What no bad call may change."""
    def without(items, *fields):
        return [{k: v for k, v in i.items() if k not in fields} for i in items]
    loose = ("cpu", "load", "memory_bytes", "runnable", "steps", "since_ms", "moves_in", "moves_out")
    status = world.json("cluster", "status")
    return (without(world.items("node", "list"), *loose), without(world.items("tasklet", "list", "--sort", "id"), *loose),
            without(world.items("channel", "list"), *loose), status["balancer"], status["moves_done"], sorted(os.listdir(world.dir)),
            sorted(os.listdir(world.keys_dir)))


def usage_mistakes(command):
    """Calls that are wrong whatever the cluster is like: argument lists."""
    words, flags = command["command"].split(), command["flags"]
    good = [os.fsencode(a) for a in GOOD[command["command"]]]
    yield [*words, *good, b"--no-such-option"]
    yield [*words, *good, b"--no-such-option" + CONTROL + b"=" + BYTES]
    yield [*words, *good, *[b"one-more"] * 4]
    yield [*words, *good, BYTES + CONTROL, HUGE, b"y", b"z"]
    if command["words_min"] > 0:
        yield [*words, *good[:command["words_min"] - 1]]
        for i in range(command["words_min"]):
            yield [*words, *good[:i], b"", *good[i + 1:]]
    for flag in flags:
        name = os.fsencode("--" + flag["name"])
        if flag["kind"] == "switch":
            yield [*words, *good, name + b"=1"]
            continue
        if flag["kind"] != "watch":
            yield [*words, *good, name]  # its value is missing
        if flag["name"] != "endpoint" and flag["kind"] != "watch":
            value = {"number": b"1", "rate": b"1/s", "duration": b"1s", "choice": os.fsencode((flag["choices"] or "").split("|")[0])}.get(
                flag["kind"], b"v")
            twice = [a for a in good if a not in (name, b"-f")]
            yield [*words, *twice, name, value, name, value]
        for bad in BAD[flag["kind"]] if flag["kind"] != "text" else [b""] if flag["name"] != "reason" else []:
            yield [*words, *good, name + b"=" + bad]


def test_usage(world):
    """Mistakes of the command line are found before anything else: no cluster, no keys are needed to be told so."""
    table = world.items("help", keys=False, endpoint="", identity="")
    general, commands = table[0], table[1:]
    check_equal({c["command"] for c in commands}, set(GOOD), "commands with a good call here")
    calls = [c for command in commands for c in usage_mistakes(command)]
    calls += usage_mistakes(dict(general, command="node list", words_min=0))
    calls += [[], [b"frobnicate"], [BYTES], [HUGE], [CONTROL], [b"node", CONTROL], [b"node"], [b"-"], [b"--"], [b"-x"], [b"-" + BYTES], [b""]]

    def one(call):
        what = f"stint {b' '.join(os.fsencode(c)[:60] for c in call)!r}"
        result = run(world, [world.program("stint"), *call])
        check_equal(result[0], 2, f"exit code of {what}: {result[2][:300]!r}")
        says_one_line(result, what)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(one, calls))
    check(len(calls) > 400, f"{len(calls)} calls")
    check_equal(os.listdir(world.dir), [], "files that were made")


def bad_words(command):
    """Calls with one argument or text that names nothing or cannot be one."""
    words = command["command"].split()
    good = [os.fsencode(a) for a in GOOD[command["command"]]]
    yes = [b"--yes"] if command["destroys"] != "nothing" else []
    path = command["command"] in ("keys init", "tasklet import", "help", "completion")
    for i in range(command["words_max"] if not path else 0):
        if i < len(good) and not good[i].startswith(b"-"):
            nothing = [b"no-such-thing"] if words != ["keys", "issue"] else []
            for bad in (HUGE, BYTES, CONTROL, b"../../x", b"%s%n", b" ", *nothing):
                yield [*words, *good[:i], bad, *good[i + 1:], *yes]
    for flag in command["flags"]:
        name = os.fsencode("--" + flag["name"])
        if flag["kind"] == "text" and (flag["name"] not in FREE or flag["name"] == "reason"):
            kept = [a for k, a in enumerate(good) if a != name and (k == 0 or good[k - 1] != name)]
            # A selector takes the place of the one that is named.
            kept = kept[1:] if flag["name"] == "selector" and kept else kept
            for bad in (HUGE,) if flag["name"] == "reason" else (HUGE, BYTES, CONTROL, b"no such thing"):
                yield [*words, *kept, name, bad, *yes]


def test_bad_words(world):
    """Arguments that only a cluster can judge. Nothing comes of them."""
    world.cluster(2)
    world.tool("cluster", "balancer", "off")
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n1")
    world.blocked(tally)
    GOOD.update({k: [tally if w == ID else w for w in v] for k, v in GOOD.items() if v and v[0] == ID and k != "migration describe"})
    before = state(world)
    table = world.items("help")
    calls = [c for command in table[1:] if command["needs"] != "nothing" or command["command"] == "keys issue" for c in bad_words(command)]
    calls += [[b"node", b"list", b"--reason", HUGE][:2] + [b"--identity", bad] for bad in (HUGE, BYTES, CONTROL)]
    calls += [[b"node", b"list", b"-e", bad] for bad in (HUGE, BYTES, CONTROL, b"tcp://", b"tcp://x", b"tcp://x:99999", b"http://x:1")]
    calls += [[b"node", b"list", b"--context", bad] for bad in (HUGE, BYTES, CONTROL, b"none")]
    calls += [[b"node", b"list", b"--keys", bad] for bad in (HUGE, BYTES, CONTROL, b"none")]
    endpoint, codes = world.nodes[0].endpoint, {}

    def one(call):
        what = f"stint {b' '.join(os.fsencode(c)[:60] for c in call)!r}"
        more = [b"--keys", os.fsencode(world.keys_dir)] if b"--keys" not in call else []
        more += [b"--identity", b"operator-ops"] if b"--identity" not in call else []
        more += [b"-e", os.fsencode(endpoint)] if b"-e" not in call else []
        result = run(world, [world.program("stint"), *more, b"--timeout=5s", *call])
        check(result[0] in (1, 2, 4, 5), f"exit code of {what}: {result[0]}: {result[2][:300]!r} {result[1][:200]!r}")
        says_one_line(result, what)
        codes[result[0]] = codes.get(result[0], 0) + 1
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(one, calls))
    check(len(calls) > 150 and codes.get(2, 0) > 50 and codes.get(4, 0) > 20, f"{len(calls)} calls: {codes}")
    # JSON from stdin: too long, no text, no JSON, nothing.
    argv = [world.program("stint"), "--keys", world.keys_dir, "-e", endpoint, "--identity", "ops", "channel", "send", "a", "-"]
    for text in (b'{"amount":' + b"1" * (5 << 20) + b"}", b'{"amount":"\xff"}', b'{"amount":1}\0', b"nothing", b"", b'{"amount":1'):
        done = subprocess.run(argv, input=text, capture_output=True, env=world.environment, timeout=60)
        check_equal(done.returncode, 2, f"exit code with stdin {text[:30]!r}: {done.stderr[:200]}")
        says_one_line((2, done.stdout, done.stderr, 0), f"stdin {text[:30]!r}")
    # Where nothing can be written to.
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*argv[:-4], "node", "list"], stdout=full, stderr=subprocess.PIPE, env=world.environment, timeout=60)
    check_equal(done.returncode, 1, "exit code with a full disk")
    says_one_line((1, b"", done.stderr, 0), "a full disk")
    check_equal(state(world), before, "what there is")


def test_roles(world):
    """Who may not do a thing is told who may; nothing comes of it."""
    world.cluster(1)
    world.tool("keys", "issue", "observer", "eve")
    tally = world.spawn("tally/Tally", {"name": "a"})
    before = state(world)
    calls = {  # by an observer; and by a client, unless it may
        "node cordon": ["n1"], "node uncordon": ["n1"], "node drain": ["n1", "--yes"], "node stop": ["n1", "--yes"], "cluster balance": [],
        "cluster balancer": ["off"], "tasklet migrate": [tally, "--to", "n1"], "tasklet pause": [tally], "tasklet resume": [tally],
        "tasklet kill": [tally, "--yes"], "tasklet export": [tally, "-f", world.path("none")], "keys revoke": ["0123456789abcdef", "--yes"]}
    also_clients = {"tasklet spawn": ["tally/Tally"], "channel create": ["--name", "b", "--type", "tally.Add"],
                    "channel send": ["a", '{"amount":1}'], "channel receive": ["a"], "channel close": ["a", "--yes"]}
    for identity, role, refused in (("observer-eve", "observer", {**calls, **also_clients}), ("client-web", "client", calls)):
        for command, args in refused.items():
            result = world.tool(*command.split(), *args, identity=identity, rc=8)
            check(role in result.line and "operator" in result.line, f"it says which role it takes: {result.line}")
            check_equal(result.out, "", f"stdout of {result.command}")
    for command in ("node list", "cluster status", "tasklet list", "channel list", "migration list"):
        world.tool(*command.split(), identity="observer-eve")
        check("operator or observer" in world.tool(*command.split(), identity="client-web", rc=8).line, command)
    check_equal(state(world)[:5], before[:5], "what there is")


def test_exit_codes(world):
    n1, n2, _ = world.cluster(3)
    world.tool("cluster", "balancer", "off")
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n1")
    world.blocked(tally)
    # 3: nobody is there, or nobody that can be a node; 4 and 2: what is said of where.
    for endpoint in ("tcp://127.0.0.1:1", "tcp://no-such-host.invalid:7400"):
        line = world.tool("node", "list", "--timeout", "700ms", endpoint=endpoint, rc=3).line
        check(endpoint in line and "--endpoint" in line, line)
    os.mkdir(world.path("empty"))
    check("cluster.pub" in world.tool("keys", "list", keys=world.path("empty"), rc=4).line, "a directory without keys")
    other = world.path("other-keys")
    world.keys(directory=other)
    check("--keys" in world.tool("node", "list", keys=other, rc=8).line, "another cluster's keys")
    # A context says where the cluster is; flags and the environment come first.
    config = world.path("config", "stint")
    os.makedirs(config)
    world.environment["XDG_CONFIG_HOME"] = world.path("config")
    with open(os.path.join(config, "contexts"), "w", encoding="utf-8") as file:
        file.write(f"[here]\nendpoint = {n1.endpoint}\nkeys = {world.keys_dir}\nidentity = operator-ops\n\n"
                   f"[nowhere]\nendpoint = tcp://127.0.0.1:1\nkeys = {world.keys_dir}\nidentity = ops\n")
    bare = {"keys": False, "endpoint": "", "identity": ""}
    check_equal(len(world.items("node", "list", "--context", "here", **bare)), 3, "a context")
    check_equal(world.items("keys", "list", "--context", "here", **bare)[0]["role"], "node", "its keys")
    world.tool("node", "list", "--context", "nowhere", "--timeout", "500ms", rc=3, **bare)
    world.tool("node", "list", "--context", "nowhere", "-e", n1.endpoint, **bare)
    check("here, nowhere" in world.tool("node", "list", "--context", "there", rc=4, **bare).line, "names of the contexts")
    world.environment["STINT_CONTEXT"] = "here"
    world.tool("node", "list", **bare)
    world.tool("version", **bare)
    with open(os.path.join(config, "contexts"), "a", encoding="utf-8") as file:
        file.write("colour = red\n")
    check("contexts:10: unknown key colour" in world.tool("node", "list", rc=2, **bare).line, "a mistake with its line")
    world.tool("version", **bare)
    del world.environment["STINT_CONTEXT"]
    # 130: within a moment of the signal, whatever it waits for.
    begun = [world.tool_begin("tasklet", "wait", tally, "--timeout", "60s", name="waits"),
             world.tool_begin("channel", "receive", "a", "--timeout", "60s", name="receives"),
             world.tool_begin("migration", "list", "--follow", name="follows"),
             world.tool_begin("node", "list", "--watch=200ms", "-o", "jsonl", name="watches"),
             world.tool_begin("ping", "n2", "--count", "1000", name="pings"),
             world.tool_begin("node", "list", "--timeout", "60s", endpoint="tcp://127.0.0.1:1", name="connects")]
    # The tally takes what comes to its channel; so does this one.
    wait_until(lambda: len(begun[3].lines) >= 6 and begun[4].lines, "they are at it")
    wait_until(lambda: world.json("channel", "describe", "a")["receivers"] == 2, "two receivers")
    for process in begun:
        process.signal(signal.SIGINT)
        check_equal(process.wait(10), 130, f"exit code of {process.name}: {process.log()}")
        check(len(process.log().splitlines()) <= 1, f"{process.name} says {process.log()!r}")
    # 6: a list without the node that does not answer says so. 7: nobody knows what came of a change.
    n2.suspend()
    listed = world.tool("tasklet", "list", "-o", "json", "--timeout", "1s", rc=None)
    check(listed.rc in (0, 6), f"{listed.rc}: {listed.err}")
    if listed.rc == 6:  # else it was declared dead before
        check(listed.json["truncated"] and "n2" in listed.line, f"{listed.out} {listed.err}")
    n2.kill9()
    n1.suspend()
    unknown = world.tool_begin("node", "cordon", "n3", "--timeout", "1500ms", endpoint=n1, name="unknown")
    rc = unknown.wait(20)
    check(rc in (3, 7), f"a change that nobody answers: exit {rc}: {unknown.log()}")
    n1.go_on()


if __name__ == "__main__":
    lib.main(test_usage, test_bad_words, test_roles, test_exit_codes)
