#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a service manager sees: a socket in the place of systemd's takes down what stintd says of itself, and systemd's own tool looks at the
units."""
import os
import re
import signal
import socket
import subprocess
import time

import lib
from lib import Process, check, check_equal, wait_until

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXPOSURE_MAX = 1.1  # of 10; what systemd-analyze calls the attack surface of a unit


class Manager:
    """The socket that a service manager would have: `said` is every message in order, each a dictionary."""

    def __init__(self, address):
        self.name = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.said = []

    def listen(self):
        while True:
            try:
                text = self.socket.recv(4096).decode()
            except BlockingIOError:
                return self.said
            self.said.append(dict(line.split("=", 1) for line in text.splitlines()))

    def heard(self, since=0, **values):
        """The first message from number `since` on that has these variables (None: any value; a pattern of the value otherwise)."""
        for number, message in enumerate(self.listen()):
            if number >= since and all(key in message and (value is None or re.fullmatch(value, message[key]))
                                       for key, value in values.items()):
                return number + 1, message
        return None

    def await_heard(self, what, since=0, **values):
        return wait_until(lambda: self.heard(since, **values), f"the service manager hears {what}; it has heard {self.said[-3:]}", pace=0.02)


def watched(world, manager, name, *extra, wait=True, watchdog=None, **options):
    """A node with a service manager above it; `watchdog` is WATCHDOG_USEC and for whom it is meant."""
    variables = {"NOTIFY_SOCKET": manager.name}
    argv = world.node_argv(name, *extra, **options)
    if watchdog:
        variables["WATCHDOG_USEC"] = watchdog[0]
        argv = ["/bin/sh", "-c", f"WATCHDOG_PID={watchdog[1]} exec \"$@\"", "sh", *argv]
    node = lib.Node(world, name, argv, variables)
    if not wait:
        return node
    world.nodes.append(node)
    return node.await_ready()


def test_ready_reload_and_stop(world):
    world.keys("n1")
    manager = Manager(world.path("notify"))
    config = world.path("n1.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write("log-level = info\n")
    node = watched(world, manager, "n1", "--config", config, found=True)
    at, message = manager.await_heard("that it is ready", READY="1", STATUS=f"serving at {re.escape(node.endpoint)}")
    check(any(m == {"STATUS": "joining"} for m in manager.said[:at - 1]), f"before that it joins: {manager.said}")

    before = time.monotonic_ns() // 1000
    node.signal(signal.SIGHUP)
    at, message = manager.await_heard("that it reloads", at, RELOADING="1", MONOTONIC_USEC=None)
    check(before <= int(message["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000, f"time of the reload: {message}, begun after {before}")
    at, message = manager.await_heard("that it has reloaded", at, READY="1", STATUS="serving, reloaded")

    with open(config, "w", encoding="utf-8") as file:
        file.write("log-level = loud\n")
    node.signal(signal.SIGHUP)
    at, _ = manager.await_heard("that it reloads", at, RELOADING="1")
    at, _ = manager.await_heard("that the reload failed", at, READY="1", STATUS="serving with the old settings.*")
    check("n1.conf:1: log-level: 'loud'" in node.log(), f"the mistake in the log: {node.log()[-400:]}")

    node.stop()
    at, _ = manager.await_heard("that it stops", at, STOPPING="1", STATUS="draining")
    manager.await_heard("the end", at, STATUS="left")


def test_a_long_drain_says_how_it_goes(world):
    world.keys("n1", "n2")
    n1 = world.node("n1", found=True)
    manager = Manager(f"@stint-test-{os.getpid()}")
    n2 = watched(world, manager, "n2", "--drain-timeout", "3s", join=n1)
    at, _ = manager.await_heard("that it is ready", READY="1")
    for name in ("a", "b"):  # they may not be moved, so the drain takes all of its time
        world.tool("tasklet", "spawn", "tally/Tally", "--args", f'{{"name":"{name}"}}', "--on", "n2", "--pinned", endpoint=n1)
    mover = world.spawn("tally/Tally", {"name": "c"}, on="n2", endpoint=n1)
    n2.expected_end = True
    n2.signal(signal.SIGTERM)
    at, _ = manager.await_heard("that it stops", at, STOPPING="1")
    at, message = manager.await_heard("how many are left", at, STATUS=r"draining: 2 tasklets here, [123] s left", EXTEND_TIMEOUT_USEC=None)
    check(5_000_000 <= int(message["EXTEND_TIMEOUT_USEC"]) <= 60_000_000, f"it asks for more time: {message}")
    check_equal(world.tasklet(mover, endpoint=n1)["node"], "n1", "where the third is meanwhile")
    check_equal(n2.wait(), 0, "exit code after a drain that could not move everything")
    manager.await_heard("the end", at, STATUS="left")
    check("READY" not in str(manager.said[at:]), f"no READY while it stops: {manager.said[at:]}")


def test_joining_nobody(world):
    world.keys("n2")
    manager = Manager(world.path("notify"))
    node = watched(world, manager, "n2", "--join-timeout", "1500ms", join="tcp://127.0.0.1:1", wait=False)
    check_equal(node.wait(), 3, "exit code")
    _, message = manager.await_heard("that it tries", STATUS=r"joining, gives up in [12] s", EXTEND_TIMEOUT_USEC=None)
    manager.await_heard("why it ended", STOPPING="1", STATUS="cannot join.*tcp://127.0.0.1:1.*")
    check(not manager.heard(READY=None), f"it was never ready: {manager.said}")


def test_watchdog(world):
    world.keys("n1")
    manager = Manager(world.path("notify"))
    node = watched(world, manager, "n1", found=True, watchdog=("400000", "$$"))
    wait_until(lambda: sum("WATCHDOG" in m for m in manager.listen()) >= 5, "it says five times that it is alive", within=10)
    node.suspend()
    wait_until(node.stopped, "it sleeps")
    count = len(manager.listen())
    check_equal(len(manager.listen()), count, "nothing is said by a process that sleeps")
    node.go_on()
    manager.await_heard("that it is alive again", count, WATCHDOG="1")
    node.stop()

    other = Manager(world.path("other"))
    node = watched(world, other, "n1", watchdog=("400000", "1"))  # meant for somebody else
    other.await_heard("that it is ready", READY="1")
    node.stop()
    other.await_heard("the end", STATUS="left")
    check(not other.heard(WATCHDOG=None), f"no sign of life that nobody asked for: {other.said}")


def units(world):
    """Name and path of each unit as it is installed, with the program's path as it is here."""
    for name in ("stintd.service", "stintd@.service"):
        with open(os.path.join(world.build, "deploy", name), encoding="utf-8") as file:
            text = file.read()
        program = re.search(r"^ExecStart=(\S+) ", text, re.MULTILINE).group(1)
        check_equal(os.path.basename(program), "stintd", f"the program of {name}")
        path = world.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(program, world.program("stintd")))
        yield name, path, text


def test_units(world):
    for name, path, text in units(world):
        settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
        instance = path.replace("@.service", "@n1.service")
        if instance != path:
            os.rename(path, instance)
        verify = Process(world, "verify", ["systemd-analyze", "verify", "--man=no", instance])
        check_equal((verify.wait(), verify.log()), (0, ""), f"systemd-analyze verify {name}")
        security = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={int(EXPOSURE_MAX * 10)}", instance],
                                  capture_output=True, text=True)
        check_equal(security.returncode, 0, f"exposure of {name} is at most {EXPOSURE_MAX}: {security.stdout[-300:]}{security.stderr}")
        # What the unit says and what the program does are one thing.
        check_equal(settings["Type"], "notify", "type")
        check_equal(settings["RestartPreventExitStatus"], "2", "what is not tried again")
        with open(os.path.join(SOURCE, "deploy", "stint.conf"), encoding="utf-8") as file:
            config = dict(re.findall(r"^([a-z-]+) = (.*)$", file.read(), re.MULTILINE))
        for wait, limit in (("TimeoutStopSec", "drain-timeout"), ("TimeoutStartSec", "join-timeout")):
            check(int(settings[wait]) >= int(config[limit].removesuffix("s")) + 20, f"{wait} is well above {limit}")
        # Five attempts that time out take longer than what is counted as too many.
        cycle = int(settings["RestartSec"]) + int(config["join-timeout"].removesuffix("s"))
        check(int(settings["StartLimitBurst"]) * cycle > int(settings["StartLimitIntervalSec"]), "a node that cannot join tries for ever")
        check_equal(f"/var/lib/{settings['StateDirectory'].split('/')[0]}", config["data"], "where the data are")
        check(settings["ExecStart"].split()[1:] == ["--config", "/etc/stint/" + ("%i.conf" if "@" in name else "stint.conf")],
              f"{name}: {settings['ExecStart']}")


if __name__ == "__main__":
    lib.main(test_ready_reload_and_stop, test_a_long_drain_says_how_it_goes, test_joining_nobody, test_watchdog, test_units)
