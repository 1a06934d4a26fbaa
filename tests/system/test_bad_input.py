#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people get wrong and what attackers send: one clear line, the right exit code, and other work goes on."""
import os
import shutil
import signal
import socket

import lib
from lib import Failed, check, check_equal, wait_until


def expect(world, rc, words, *args, **options):
    """The command fails with that exit code and one line that contains all the words."""
    result = world.tool(*args, rc=None, **options)
    if result.rc != rc:
        raise Failed(f"`{result.command}`: exit {result.rc}, not {rc}: {result.err!r} {result.out[:200]!r}")
    line = result.line
    check(line.startswith("stint: "), f"`{result.command}` says {line!r}")
    for word in [words] if isinstance(words, str) else words:
        check(word in line, f"`{result.command}` should name {word!r}: {line!r}")
    check_equal(result.out, "", f"stdout of `{result.command}`")
    return line


def test_arguments_of_tasklets_and_channels(world):
    world.cluster(2)
    tally = world.spawn("tally/Tally", {"name": "a"})
    spawn = ("tasklet", "spawn")
    expect(world, 4, "nonesuch", *spawn, "nonesuch/Thing")
    expect(world, 4, ["Nonesuch", "tally"], *spawn, "tally/Nonesuch")
    expect(world, 2, "tally", *spawn, "tally")
    expect(world, 2, "nmae", *spawn, "tally/Tally", "--args", '{"nmae":"a"}')
    expect(world, 2, "name", *spawn, "tally/Tally", "--args", '{"name":5}')
    expect(world, 2, "sum", *spawn, "tally/Tally", "--args", '{"name":"b","sum":{"total":"many"}}')
    expect(world, 2, "sum.total", *spawn, "tally/Tally", "--args", '{"name":"b","sum":{"total":-1}}')
    expect(world, 2, "name", *spawn, "tally/Tally", "--args", '{"name":"' + "x" * 64 + '"}')
    expect(world, 2, "--args", *spawn, "tally/Tally", "--args", '{"name":')
    expect(world, 2, "--args", *spawn, "tally/Tally", "--args", "[1]")
    expect(world, 4, "n9", *spawn, "tally/Tally", "--args", '{"name":"b"}', "--on", "n9")
    expect(world, 4, "a" * 8, "tasklet", "describe", "a" * 8)
    expect(world, 4, "f" * 32, "tasklet", "migrate", "f" * 32, "--to", "n2")
    expect(world, 4, "n9", "tasklet", "migrate", tally, "--to", "n9")
    expect(world, 4, "nobody", "channel", "send", "nobody", "{}")
    expect(world, 2, "amonut", "channel", "send", "a", '{"amonut":1}')
    expect(world, 2, "amount", "channel", "send", "a", '{"amount":"lots"}')
    expect(world, 2, "reply", "channel", "send", "a", '{"amount":1,"reply":7}')
    expect(world, 4, "nowhere", "channel", "send", "a", '{"amount":1,"reply":"nowhere"}')
    expect(world, 4, "no.Such", "channel", "create", "--name", "b", "--type", "no.Such")
    expect(world, 2, "65537", "channel", "create", "--name", "b", "--capacity", "65537")
    expect(world, 2, "x" * 20, "channel", "create", "--name", "x" * 64)
    expect(world, 1, "a", "channel", "create", "--name", "a", "--type", "tally.Add")
    expect(world, 2, "selector", "tasklet", "list", "--selector", "colour=red")
    expect(world, 2, "bananas", "tasklet", "list", "--selector", "code=Tally and bananas")
    # A second tally finds its channel's name taken, and ends at once.
    expect(world, 1, ["tally/Tally", "exists"], *spawn, "tally/Tally", "--args", '{"name":"a"}')
    # None of it has touched the first.
    world.tool("channel", "send", "a", '{"amount":3}')
    wait_until(lambda: world.stack(tally)[0]["locals"]["sum"] == {"total": 3, "seen": 1}, "the tally counts", within=10)


def test_sizes_and_full_buffers(world):
    world.cluster(2)
    # A chunk of wordcount holds 4096 bytes: more does not fit its type; a message of another type is refused.
    world.tool("channel", "create", "--name", "chunks", "--type", "wordcount.Chunk", "--capacity", "2", "--on", "n2")
    expect(world, 2, "text", "channel", "send", "chunks", '{"text":"%s"}' % ("61" * 4097))
    expect(world, 2, "text", "channel", "send", "chunks", '{"text":"%s"}' % ("61" * 60000))
    world.tool("channel", "send", "chunks", '{"text":"%s"}' % ("61" * 4096))
    world.tool("channel", "send", "chunks", '{"text":"6162"}')
    # It is full now: the third waits, in vain, and that is known.
    expect(world, 1, "chunks", "channel", "send", "chunks", '{"text":"63"}', "--timeout", "500ms")
    check_equal(world.json("channel", "describe", "chunks")["buffered"], 2, "buffered")
    check_equal(len(world.json("channel", "receive", "chunks")["value"]["text"]), 8192, "the first")
    check_equal(world.json("channel", "receive", "chunks")["value"]["text"], "6162", "the second")
    expect(world, 1, "chunks", "channel", "receive", "chunks", "--timeout", "300ms")
    # A rendezvous nobody comes to.
    world.tool("channel", "create", "--name", "meet", "--type", "tally.Add")
    expect(world, 1, "meet", "channel", "send", "meet", '{"amount":1}', "--timeout", "300ms")
    expect(world, 2, "--yes", "channel", "close", "meet")
    world.tool("channel", "close", "meet", "--yes")
    expect(world, 4, "meet", "channel", "send", "meet", '{"amount":1}')


def test_usage(world):
    world.keys("n1")
    for args in (["frobnicate"], ["node", "frobnicate"], ["node"], ["node", "list", "--frob"], ["tasklet", "migrate"],
                 ["node", "list", "-o", "xml"], ["node", "list", "--timeout", "soon"], ["tasklet", "wait", "ab", "--for", "lunch"],
                 ["tasklet", "spawn", "tally/Tally", "--count", "-1"], ["node", "list", "extra"]):
        result = world.tool(*args, rc=2)
        check(result.err.startswith("stint: "), f"{args}: {result.err!r}")
    expect(world, 2, "endpoint", "node", "list")
    expect(world, 2, "frob", "node", "list", endpoint="frob")
    expect(world, 3, "tcp://127.0.0.1:1", "node", "list", "--timeout", "500ms", endpoint="tcp://127.0.0.1:1")
    expect(world, 1, world.keys_dir, "keys", "init")
    expect(world, 1, "n1", "keys", "issue", "node", "n1")
    expect(world, 2, "king", "keys", "issue", "king", "arthur")
    expect(world, 2, "a/b", "keys", "issue", "client", "a/b")
    expect(world, 4, "none", "keys", "issue", "client", "x", keys=world.path("none"))
    os.chmod(os.path.join(world.keys_dir, "operator-ops.key"), 0o644)
    expect(world, 8, "operator-ops.key", "node", "list", endpoint="tcp://127.0.0.1:1")


def test_destruction_asks_first(world):
    world.cluster(1)
    tally = world.spawn("tally/Tally", {"name": "a"})
    for args in (["tasklet", "kill", tally], ["node", "drain", "n1"], ["node", "stop", "n1"], ["channel", "close", "a"],
                 ["tasklet", "migrate", "--selector", "code=Tally", "--to", "n1"]):
        expect(world, 2, "--yes", *args)
    check_equal(world.tasklet(tally)["state"], "blocked", "the tasklet that nobody killed")
    world.tool("tasklet", "kill", tally, "--yes")
    wait_until(lambda: world.tool("tasklet", "describe", tally, rc=None).rc == 4, "it is gone", within=10)


def test_nodes_that_cannot_start(world):
    world.keys("n1", "n2")
    n1 = world.node("n1", found=True)
    port = n1.endpoint.rsplit(":", 1)[1]

    def refused(rc, words, name, *extra, **options):
        code, line = world.failed_node(name, *extra, **options)
        check_equal(code, rc, f"exit code of {name} {extra} {options}: {line}")
        for word in words:
            check(word in line, f"{name} {extra} {options} should name {word!r}: {line!r}")

    refused(2, ["--found", "--join"], "n2")
    refused(2, ["--frob"], "n2", "--frob")
    refused(2, ["frob"], "n2", join="frob")
    refused(1, [port], "n2", join=n1, listen=n1.endpoint)
    refused(3, ["127.0.0.1:1"], "n2", "--join-timeout", "1s", join="tcp://127.0.0.1:1")
    refused(1, ["none.so"], "n2", join=n1, modules=[world.path("none.so")])
    with open(world.path("text.so"), "w") as text:
        text.write("not a library\n")
    refused(1, ["text.so"], "n2", join=n1, modules=[world.path("text.so")])
    refused(1, ["wrong_abi.so", "ABI"], "n2", join=n1, modules=[os.path.join(world.build, "tests", "wrong_abi.so")])
    refused(1, ["libz", "stint_module"], "n2", join=n1, modules=[library("libzmq.so.5")])
    refused(1, ["n3"], "n3", join=n1)  # no such identity
    # The data of a node that runs.
    refused(1, [world.path("data-n1")], "n1", join=n1)
    # The name of a node that runs, on other data.
    refused(3, ["n1"], "n1", join=n1, data=world.path("data-other"))
    # A config file with mistakes: each is named, with its line.
    with open(world.path("stintd.conf"), "w") as config:
        config.write("name = n2\ncolour = red\n\nlog-level = loud\ndrain-timeout\n")
    process = lib.Process(world, "config", [world.program("stintd"), "--config", world.path("stintd.conf")])
    check_equal(process.wait(), 2, "exit code with a bad config file")
    for word in ("2:", "colour", "4:", "loud", "5:", "drain-timeout"):
        check(word in process.log(), f"the config's mistakes: {process.log()!r}")
    # After all of that n2 joins as if nothing had been.
    world.node("n2", join=n1)
    world.await_members(["n1", "n2"])


def library(name):
    for directory in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"):
        if os.path.exists(os.path.join(directory, name)):
            return os.path.join(directory, name)
    raise Failed(f"no {name}")


def test_wrong_keys(world):
    world.keys("n1", "n2", observers=("eve",))
    n1 = world.node("n1", found=True)
    other = world.path("other-keys")
    world.keys("n2", directory=other)

    # Another cluster's node and operator.
    code, line = world.failed_node("n2", join=n1, keys=other)
    check_equal(code, 3, f"exit code of another cluster's node: {line}")
    check("cluster" in line, line)
    line = expect(world, 8, [], "node", "list", endpoint=n1, keys=other)
    check("cluster" in line, line)
    # A client's key in the place of a node's.
    forged = world.path("forged-keys")
    shutil.copytree(world.keys_dir, forged)
    for suffix in (".cert", ".key"):
        shutil.copy(os.path.join(forged, "client-web" + suffix), os.path.join(forged, "node-n2" + suffix))
    code, line = world.failed_node("n2", join=n1, keys=forged)
    check(code in (1, 3), f"exit code of a client as node: {code} {line}")
    # A certificate with one bit changed.
    cert = os.path.join(forged, "operator-ops.cert")
    data = bytearray(open(cert, "rb").read())
    data[len(data) // 2] ^= 1
    with open(cert, "wb") as file:
        file.write(data)
    check(world.tool("node", "list", endpoint=n1, keys=forged, rc=None).rc in (1, 2, 8), "a certificate with a bit flipped")
    # Roles: a client may spawn, not operate; an observer may look, not at values.
    expect(world, 8, "client", "node", "cordon", "n1", identity="client-web")
    tally = world.json("tasklet", "spawn", "tally/Tally", "--args", '{"name":"a"}', identity="client-web")["id"]
    expect(world, 8, [], "tasklet", "spawn", "tally/Tally", "--args", '{"name":"b"}', identity="observer-eve")
    frames = world.json("tasklet", "stack", tally, identity="observer-eve")["frames"]
    check_equal(frames[0]["code"], "Tally", "what an observer sees")
    check(not frames[0].get("locals"), "an observer sees no values")
    # A revoked identity: refused from then on.
    serial = next(k["serial"] for k in world.items("keys", "list") if k["role"] == "client")
    world.tool("keys", "revoke", serial, "--yes")
    wait_until(lambda: world.tool("channel", "send", "a", '{"amount":1}', identity="client-web", rc=None).rc == 8,
               "the revoked client is refused", within=10)
    world.tool("channel", "send", "a", '{"amount":1}')


def test_expired_keys(world):
    world.keys("n1", "n2")
    n1 = world.node("n1", found=True)
    made = lib.Process(world, "expire", [world.program("expired_identity"), world.keys_dir, "client", "late"])
    check_equal(made.wait(), 0, f"making an expired identity: {made.log()}")
    line = expect(world, 8, "expired", "node", "list", endpoint=n1, identity="client-late")
    check("late" in line, line)


def test_garbage_on_the_wire(world):
    """Strangers talk to the port: noise, half a greeting, a greeting without CURVE, silence. Members and clients notice nothing."""
    n1, _ = world.cluster(2)
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n2")
    host, port = n1.endpoint.removeprefix("tcp://").rsplit(":", 1)
    greeting = b"\xff" + b"\0" * 8 + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" * 32
    strangers = []
    for i in range(200):
        stranger = socket.create_connection((host, int(port)), timeout=5)
        payload = (b"", world.random.randbytes(100), greeting[:30], greeting, greeting + world.random.randbytes(500))[i % 5]
        try:
            stranger.sendall(payload)
        except OSError:
            pass
        strangers.append(stranger)
    for i in range(5):
        world.tool("channel", "send", "a", '{"amount":1}', endpoint=n1, within=30)
    wait_until(lambda: world.stack(tally)[0]["locals"]["sum"] == {"total": 5, "seen": 5}, "the tally counts", within=10)
    memory = world.node_info("n1")["memory_bytes"]
    for stranger in strangers:
        stranger.close()
    check(memory < 512 << 20, f"{memory} bytes on n1")
    world.await_members(["n1", "n2"])


def test_node_that_dies_during_a_command(world):
    n1, n2 = world.cluster(2)
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n2")
    waiting = world.tool_begin("tasklet", "wait", tally, "--for", "ended", "--timeout", "60s", endpoint=n1)
    receiving = world.tool_begin("channel", "send", "a", '{"amount":1}', endpoint=n1)
    receiving.wait()
    wait_until(lambda: world.tasklet(tally)["state"] == "blocked", "the tally waits")
    n2.kill9()
    rc = waiting.wait(60)
    check(rc in (1, 3, 4, 7), f"waiting for a tasklet whose node dies: exit {rc}: {waiting.log()}")
    check_equal(len(waiting.log().strip().splitlines()), 1, f"one line: {waiting.log()!r}")
    # The node that the command is connected to.
    last = world.tool_begin("tasklet", "wait", world.spawn("tally/Tally", {"name": "b"}, on="n1", endpoint=n1), "--for", "ended", "--timeout",
                            "8s", endpoint=n1)
    wait_until(lambda: last.running(), "it runs")
    n1.signal(signal.SIGKILL)
    n1.expected_end = True
    rc = last.wait(60)
    check(rc in (1, 3, 7), f"waiting through a node that dies: exit {rc}: {last.log()}")
    check_equal(len(last.log().strip().splitlines()), 1, f"one line: {last.log()!r}")


if __name__ == "__main__":
    lib.main(test_arguments_of_tasklets_and_channels, test_sizes_and_full_buffers, test_usage, test_destruction_asks_first,
             test_nodes_that_cannot_start, test_wrong_keys, test_expired_keys, test_garbage_on_the_wire,
             test_node_that_dies_during_a_command)
