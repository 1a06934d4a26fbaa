#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What keeps a node from starting: one line that says what, which, why and what to do, and the right exit code: 2 when what it was told is wrong
by itself, 1 when keys, data, modules or the address cannot be used, 3 when it cannot join. Nothing is half done: whatever was refused, the
same node starts on the same data when it is told right."""
import os
import shutil
import subprocess

import lib
from lib import Process, check, check_equal, wait_until

FOREIGN = "tcp://192.0.2.1:7400"  # an address for documents; no machine has it


def ended(world, argv, variables=None, within=lib.DEADLINE):
    """Exit code and the one line of a stintd that gives up."""
    process = Process(world, "refused", argv, variables=variables)
    rc = process.wait(within)
    check_equal(process.lines, [], f"stdout of {argv[1:]}")
    last = [line for line in process.log().splitlines() if line.startswith("stintd: ")]
    check_equal(len(last), 1, f"lines that say why, of {[str(word)[:60] for word in argv[1:]]}: {process.log()[-900:]}")
    check(process.log().splitlines()[-1] == last[0] and len(last[0]) < 1000, f"it is the last one, and no longer than a line: {last[0][:1500]}")
    last[0].encode("utf-8")
    return rc, last[0]


class Refusals:
    """Ways to start the node n2, all of them wrong; it joins n1."""

    def __init__(self, world):
        self.world = world
        world.keys("n1", "n2", clients=("n2",))
        self.n1 = world.node("n1", found=True)

    def __call__(self, rc, words, *extra, variables=None, within=lib.DEADLINE, enter=(), **options):
        options = {"join": self.n1, "modules": ("tally",), **options}
        got, line = ended(self.world, [*enter, *self.world.node_argv("n2", *extra, **options)], variables, within)
        check_equal(got, rc, f"exit code of n2 {extra} {options}: {line}")
        for word in [words] if isinstance(words, str) else words:
            check(word in line, f"n2 {[str(word)[:60] for word in extra]} {options} should name {word!r}: {line!r}")
        return line

    def good(self):
        """After all of it the node starts as if nothing had been."""
        self.world.node("n2", join=self.n1)
        self.world.await_members(["n1", "n2"])


def test_settings(world):
    refused = Refusals(world)
    check_equal(ended(world, [world.program("stintd")]), (2, "stintd: name: a node needs one; its identity in the key directory has it"), "no flags")
    refused(2, "--name: empty", "--name", "")
    refused(2, ["--name: 'xxx", "is not 1 to 63"], "--name", "x" * 100000)
    refused(2, "--name: 'n?2'", "--name", "n\udcff2")
    refused(2, "--name: 'n?2'", "--name", "n\n2")
    refused(2, "--memory: '1X' is not a size", "--memory", "1X")
    refused(2, "--log-level: 'loud'", "--log-level", "loud")
    refused(2, "did you mean --module?", "--modules", "x")
    refused(2, "unexpected argument 'tcp://x:1'", "tcp://x:1")
    refused(2, "no value after '--data'", "--data")
    refused(2, "--join: at most 16", *(word for i in range(17) for word in ("--join", f"tcp://127.0.0.1:{i + 1}")))
    refused(2, "--module: '" + world.module("tally") + "' is given twice", modules=("tally", "tally"))
    refused(2, "--found: contradicts join", found=True)
    refused(2, "--insecure: only with endpoints of this machine", "--insecure", "--advertise", FOREIGN)
    refused(2, "STINT_DRAIN_TIMEOUT: 'soon'", variables={"STINT_DRAIN_TIMEOUT": "soon"})
    refused(2, "STINT_LABEL: 'zone' is not", variables={"STINT_LABEL": "rack=1,zone"})
    refused(2, "STINT_MODULE: too long", variables={"STINT_MODULE": "x" * 9000})
    refused(2, "none.conf: No such file", "--config", world.path("none.conf"))
    refused(2, "is empty: found a cluster (--found) or join one", join=[])
    # Of a flag that may stand once, the last counts.
    node = world.node("n2", "--name", "n3", "--name", "n2", join=refused.n1)
    check_equal(node.ready["name"], "n2", "name")


def test_keys(world):
    refused = Refusals(world)
    good = world.keys_dir

    def keys(change):
        """A copy of the keys with something changed."""
        directory = world.path("changed")
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(good, directory)
        change(lambda name: os.path.join(directory, name))
        return directory

    def make(path, text):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def dated(path, first, last):
        os.unlink(path("node-n2.cert"))
        os.unlink(path("node-n2.key"))
        made = Process(world, "dated", [world.program("expired_identity"), os.path.dirname(path("x")), "node", "n2", first, last])
        check_equal(made.wait(), 0, made.log())

    refused(1, ["none/cluster.pub", "No such file", "stint keys init"], keys=world.path("none"))
    refused(1, ["node-n2.cert", "No such file", "stint keys issue node"], keys=keys(lambda path: os.unlink(path("node-n2.cert"))))
    refused(1, ["node-n2.key", "No such file"], keys=keys(lambda path: os.unlink(path("node-n2.key"))))
    refused(1, ["server.key", "No such file"], keys=keys(lambda path: os.unlink(path("server.key"))))
    refused(1, ["node-n2.key", "mode 0644", "chmod 600"], keys=keys(lambda path: os.chmod(path("node-n2.key"), 0o644)))
    refused(1, ["server.key", "mode 0640", "chmod 600"], keys=keys(lambda path: os.chmod(path("server.key"), 0o640)))
    refused(1, ["node-n2.cert", "not a key file"], keys=keys(lambda path: make(path("node-n2.cert"), "x" * 100000)))
    refused(1, ["node-n2", "line 1"], keys=keys(lambda path: make(path("node-n2.cert"), "hello\n")))
    refused(1, ["node-n2", "empty"], keys=keys(lambda path: make(path("node-n2.cert"), "")))
    refused(1, ["cluster.pub", "not a key file"], keys=keys(lambda path: (os.unlink(path("cluster.pub")), os.mkdir(path("cluster.pub")))))
    refused(1, ["node-n2.key", "not a key file"], keys=keys(lambda path: (os.unlink(path("node-n2.key")), os.mkfifo(path("node-n2.key"), 0o600))))

    def as_n2(role, name):
        return lambda path: [shutil.copy(path(f"{role}-{name}{suffix}"), path("node-n2" + suffix)) for suffix in (".cert", ".key")]
    refused(1, ["node-n2.cert", "client n2", "not of node n2"], keys=keys(as_n2("client", "n2")))
    refused(1, ["node-n2.cert", "node n1", "not of node n2"], keys=keys(as_n2("node", "n1")))
    refused(1, "node-n2", keys=keys(lambda path: shutil.copy(path("node-n1.key"), path("node-n2.key"))))
    refused(1, ["node-n2.cert", "node n2", "expired", "issue a new one"], keys=keys(lambda path: dated(path, "-30", "-1")))
    refused(1, ["node-n2.cert", "node n2", "valid only in", "look at the clock"], keys=keys(lambda path: dated(path, "2", "30")))
    other = world.path("other")
    world.keys("n2", directory=other)
    refused(1, ["node-n2", "of cluster"], keys=keys(lambda path: [shutil.copy(os.path.join(other, "node-n2" + suffix), path("node-n2" + suffix))
                                                                   for suffix in (".cert", ".key")]))
    line = refused(3, "cluster", "--join-timeout", "1s", keys=other)
    check(refused.n1.endpoint in line, f"which member: {line}")
    shutil.rmtree(world.path("data-n2"), ignore_errors=True)  # of the other cluster
    refused.good()


def test_data(world):
    refused = Refusals(world)
    with open(world.path("file"), "w", encoding="ascii") as file:
        file.write("not a directory\n")
    refused(1, ["a/b", "No such file", "make the directory above it"], data=world.path("a", "b"))
    refused(1, ["file", "Not a directory", "name a directory"], data=world.path("file"))
    refused(1, ["/file/x", "Not a directory"], data=world.path("file", "x"))
    refused(2, "longer than", data="/" + "x" * 5000)
    refused(1, [world.path("data-n1"), "another node uses it"], data=world.path("data-n1"))
    refused.good()
    world.nodes.pop().stop()
    # Data of n2: not for another node, not for another cluster, not to found one.
    kept = world.path("data-n2")
    rc, line = ended(world, world.node_argv("n1", join="tcp://127.0.0.1:1", data=kept))
    check_equal(rc, 2, line)
    check("belongs to node n2, not to n1" in line and kept in line, line)
    other = world.path("other")
    world.keys("n2", directory=other)
    refused(1, [kept, "another cluster"], keys=other)
    refused(2, [kept, "that of a member", "leave found out"], found=True, join=[])
    # Damage.
    facts = os.path.join(kept, "node.facts")
    with open(facts, encoding="ascii") as file:
        text = file.read()
    for damaged, words in ((text[:len(text) // 2], "damaged in line"), (text.replace("facts 1", "facts 9"), "newer version"), ("", "damaged in line 1"),
                           (text.replace("incarnation = ", "incarnation = x"), "damaged in line 6")):
        with open(facts, "w", encoding="ascii") as file:
            file.write(damaged)
        refused(1, [facts, words])
    with open(facts, "w", encoding="ascii") as file:
        file.write(text)
    world.node("n2")
    world.await_members(["n1", "n2"])


def test_store(world):
    world.keys("n1")
    world.node("n1", found=True).stop()
    world.nodes.clear()
    store = os.path.join(world.path("data-n1"), "store.db")
    with open(store, "rb") as file:
        good = file.read()

    def refused(words, *extra):
        rc, line = ended(world, world.node_argv("n1", *extra))
        check_equal(rc, 1, line)
        for word in words:
            check(word in line, f"{word!r} in {line!r}")

    def put(content):
        with open(store, "wb") as file:
            file.write(content)

    put(b"this is no database, but long enough to be looked at as if it were one" * 20)
    refused([store, "not a Stint store"])
    put(good[:4096] + bytes(len(good) - 4096))
    refused([store])
    os.unlink(store)
    refused([store, "No such file"])
    os.mkdir(store)
    refused([store])
    os.rmdir(store)
    rc, line = ended(world, world.node_argv("n1", "--store", "postgresql://db"))
    check_equal((rc, line), (2, "stintd: --store: 'postgresql://db' is not of the form sqlite:FILE"), "another engine")
    put(good)
    world.node("n1")


def test_listen(world):
    refused = Refusals(world)
    refused(1, [refused.n1.endpoint, "the address is in use"], listen=refused.n1.endpoint)
    refused(1, [FOREIGN, "this machine has no such address"], listen=FOREIGN)
    refused(1, "tcp://no.such.host.invalid:1", listen="tcp://no.such.host.invalid:1")
    for wrong in ("udp://127.0.0.1:1", "tcp://127.0.0.1", "tcp://127.0.0.1:65536", "tcp://:1", "127.0.0.1:1", "tcp://a b:1", "ipc:///tmp/x"):
        refused(2, [f"--listen: '{wrong}'", "tcp://HOST:PORT"], listen=wrong)
    refused(2, ["--advertise: 'tcp://*:1'", "tcp://HOST:PORT"], "--advertise", "tcp://*:1")
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        if int(file.read()) > 1 and os.geteuid() == 0:  # a port that is not for everybody, and nobody special
            refused(1, ["tcp://127.0.0.1:1", "permission denied", "take a higher port"], listen="tcp://127.0.0.1:1",
                    enter=("setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"))
    refused.good()


def test_modules(world):
    refused = Refusals(world)
    path = world.path

    def put(name, content):
        with open(path(name), "wb") as file:
            file.write(content)
        return path(name)

    def compiled(name, source):
        subprocess.run(["gcc", "-shared", "-fPIC", "-xc", "-", "-o", path(name)], input=source, text=True, check=True)
        return path(name)

    with open(world.module("tally"), "rb") as file:
        tally = file.read()
    twin = put("twin.so", tally)
    cases = [
        (path("none.so"), "there is no such file"), (path(""), "is not a file"), (put("empty.so", b""), "is no shared object"),
        (put("text.so", b"not a library\n"), "is no shared object"), (put("cut.so", tally[:len(tally) // 2]), "copy it again"),
        (world.program("stintd"), "stint"), (os.path.join(world.build, "tests", "wrong_abi.so"), "was built for ABI"),
        (compiled("bare.so", "int x;\n"), "does not export `stint_module`"),
        (compiled("unresolved.so", "int nobody_has_this(void);\nint f(void) { return nobody_has_this(); }\n"), "nobody_has_this"),
    ]
    for module, words in cases:
        refused(1, ["module " + module, words], modules=(module,))
    check(not os.path.exists(path("data-n2")), "nothing is made for a node that cannot be")
    refused(1, ["module " + twin, "a module named tally is loaded already"], modules=("tally", twin))
    check(not os.path.exists(os.path.join(path("data-n2"), "node.facts")), "nothing is kept of a node that never was")
    # All of them at once.
    looked = Process(world, "check", world.node_argv("n2", "--check", join=refused.n1, modules=[module for module, _ in cases]))
    check_equal(looked.wait(), 2, "exit code of --check")
    for module, words in cases:
        check(any(line.startswith("stintd: --module: module " + module) and words in line for line in looked.log().splitlines()),
              f"--check names {module} ({words}): {looked.log()}")
    refused.good()


def test_joining(world):
    refused = Refusals(world)
    refused(3, ["cannot join", "tcp://127.0.0.1:1"], "--join-timeout", "500ms", join="tcp://127.0.0.1:1")
    refused(3, ["cannot join", "tcp://no.such.host.invalid:1"], "--join-timeout", "1s", join="tcp://no.such.host.invalid:1")
    # The name of a node that runs, on other data.
    rc, line = ended(world, world.node_argv("n1", join=refused.n1, data=world.path("data-twin")))
    check_equal(rc, 3, line)
    check("n1" in line, line)
    refused.good()


def test_another_version(world):
    """Protocols of other numbers: whoever joins, asks or is asked hears both."""
    refused = Refusals(world)
    world.tool("keys", "issue", "node", "other")
    other = Process(world, "other", [world.program("other_peer"), world.keys_dir, "other"], stdin=subprocess.PIPE)
    endpoint = wait_until(lambda: other.lines[0] if other.lines else None, "the other version listens")
    refused(3, ["cannot join", endpoint, "you speak protocol 1 to 1, this node 7 to 7"], join=endpoint, within=8)
    asked = world.tool("node", "list", endpoint=endpoint, rc=None)
    check("you speak protocol 1 to 1, this node 7 to 7" in asked.line, f"exit {asked.rc}: {asked.line!r}")
    check_equal(asked.rc, 5, "exit code of the tool: refused, for its version")
    other.popen.stdin.close()
    check_equal(other.wait(), 0, other.log())
    # And the other way: it joins.
    comes = Process(world, "comes", [world.program("other_peer"), world.keys_dir, "other", refused.n1.endpoint])
    check_equal(comes.wait(), 0, comes.log())
    check_equal(comes.lines[-1], "BAD_VERSION: you speak protocol 7 to 7, this node 1 to 1", "what it is told")
    check("you speak protocol 7 to 7, this node 1 to 1" in refused.n1.log(), f"what n1 says: {refused.n1.log()[-300:]}")
    refused.good()


if __name__ == "__main__":
    lib.main(test_settings, test_keys, test_data, test_store, test_listen, test_modules, test_joining, test_another_version)
