# SPDX-License-Identifier: Apache-2.0
"""A network of its own for a test: one namespace for each machine, all on one bridge in a namespace of its own, so that nothing of the
host is touched. Needs root and the package iproute2; where that is not to be had the test is skipped.

    net = Network(("n1", "n2", "ops"))
    net.isolate("n2")             # its cable is out
    net.deafen("n2", "n1")        # what n1 sends to n2 goes nowhere; the other way it still goes
    net.heal()
    net.close()

Names carry the process's id; what a killed test has left behind is removed when the next one starts.
"""
import os
import re
import subprocess

import lib

_NAME = re.compile(r"stint-(\d+)-")


def _ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise lib.Failed(f"`ip {' '.join(words)}`: {done.stderr.strip()}")
    return done.stdout


def sweep():
    """Removes the namespaces of tests that are no more."""
    for line in _ip("netns", "list").splitlines():
        match = _NAME.match(line)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            _ip("netns", "delete", line.split()[0])


class Network:
    def __init__(self, names):
        self.made, self.down, self.routes = [], set(), set()
        self.addresses = {name: f"10.77.0.{i}" for i, name in enumerate(names, 1)}
        self.switch = self.namespace("switch")
        try:
            sweep()
            self._add(self.switch)
        except (lib.Failed, OSError) as error:
            self.close()
            raise lib.Skipped(f"no network namespace can be made: {error}") from None
        try:
            _ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
            _ip("-n", self.switch, "link", "set", "br0", "up")
            for name in names:
                self._plug(name)
        except BaseException:
            self.close()
            raise

    def namespace(self, name):
        return f"stint-{os.getpid()}-{name}"

    def inside(self, name):
        """What stands before a command that runs on that machine."""
        return ["ip", "netns", "exec", self.namespace(name)]

    def _add(self, namespace):
        _ip("netns", "add", namespace)
        self.made.append(namespace)

    def _plug(self, name):
        namespace = self.namespace(name)
        self._add(namespace)
        _ip("-n", self.switch, "link", "add", "to-" + name, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        _ip("-n", self.switch, "link", "set", "to-" + name, "master", "br0", "up")
        _ip("-n", namespace, "link", "set", "lo", "up")
        _ip("-n", namespace, "address", "add", self.addresses[name] + "/24", "dev", "eth0")
        _ip("-n", namespace, "link", "set", "eth0", "up")

    def isolate(self, name):
        _ip("-n", self.switch, "link", "set", "to-" + name, "down")
        self.down.add(name)

    def deafen(self, name, to):
        """`name` does not hear `to` any more."""
        _ip("-n", self.namespace(to), "route", "add", "blackhole", self.addresses[name] + "/32")
        self.routes.add((to, name))

    def part(self, a, b):
        self.deafen(a, b)
        self.deafen(b, a)

    def heal(self):
        for name in self.down:
            _ip("-n", self.switch, "link", "set", "to-" + name, "up")
        for at, to in self.routes:
            _ip("-n", self.namespace(at), "route", "delete", "blackhole", self.addresses[to] + "/32")
        self.down.clear()
        self.routes.clear()

    def close(self):
        while self.made:
            subprocess.run(["ip", "netns", "delete", self.made.pop()], capture_output=True)
