# SPDX-License-Identifier: Apache-2.0
"""Three nodes on loopback, in a directory of their own, and the tool that asks them."""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

READY_WITHIN = 30
_libc = ctypes.CDLL(None)


class Failed(Exception):
    """One line for the user."""


class Node:
    def __init__(self, name, popen, log):
        self.name, self.popen, self.log = name, popen, log
        self.endpoint = None

    def running(self):
        return self.popen.poll() is None


class Cluster:
    def __init__(self, build, keep):
        self.build, self.keep = os.path.abspath(build), keep
        self.dir = tempfile.mkdtemp(prefix="stint-demo-")
        self.keys = os.path.join(self.dir, "keys")
        self.nodes = []
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("STINT_")}

    def _child(self):
        """Out of the terminal's process group, so that Ctrl-C reaches the demo alone; and gone when the demo is, unless it is kept."""
        os.setsid()
        if not self.keep:
            _libc.prctl(1, signal.SIGKILL)

    def program(self, name):
        return os.path.join(self.build, "bin", name)

    # ---- keys and nodes

    def make_keys(self, names):
        self.run("keys", "init")
        for name in names:
            self.run("keys", "issue", "node", name)
        self.run("keys", "issue", "operator", "ops")
        self.run("keys", "issue", "client", "counter")

    def start(self, name, *options):
        log = os.path.join(self.dir, name + ".log")
        argv = [self.program("stintd"), "--name", name, "--listen", "tcp://127.0.0.1:0", "--data", os.path.join(self.dir, name),
                "--keys", self.keys]
        for module in ("wordcount", "tally", "ring", "roam"):
            argv += ["--module", os.path.join(self.build, "modules", module + ".so")]
        with open(log, "wb") as stderr:
            popen = subprocess.Popen(argv + list(options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
                                     env=self.environment, preexec_fn=self._child)
        node = Node(name, popen, log)
        self.nodes.append(node)
        os.set_blocking(popen.stdout.fileno(), False)
        line, end = b"", time.monotonic() + READY_WITHIN
        while not line.endswith(b"\n"):
            line += popen.stdout.read() or b""
            if not node.running():
                raise Failed(f"{name} ended with exit code {popen.returncode} before it was ready")
            if time.monotonic() > end:
                raise Failed(f"{name} was not ready within {READY_WITHIN} s")
            time.sleep(0.02)
        node.endpoint = json.loads(line.splitlines()[0])["endpoint"]
        return node

    def check_alive(self):
        for node in self.nodes:
            if not node.running():
                raise Failed(f"{node.name} ended with exit code {node.popen.returncode}")

    # ---- the tool

    def client_environment(self, identity):
        """For programs that are clients: which cluster, and as whom."""
        return dict(self.environment, STINT_ENDPOINT=self.nodes[0].endpoint, STINT_KEYS=self.keys, STINT_IDENTITY=identity)

    def argv(self, *args):
        argv = [self.program("stint"), "--keys", self.keys]
        if self.nodes and self.nodes[0].endpoint:
            argv += ["--endpoint", self.nodes[0].endpoint, "--identity", "operator-ops"]
        return argv + list(args)

    def begin(self, *args, **options):
        """The tool in the background."""
        return subprocess.Popen(self.argv(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=self.environment, preexec_fn=self._child, **options)

    def run(self, *args, within=60):
        process = self.begin(*args)
        try:
            out, error = process.communicate(timeout=within)
        except BaseException as reason:
            process.kill()
            process.communicate()
            if isinstance(reason, subprocess.TimeoutExpired):
                raise Failed(f"`stint {' '.join(args)}` did not end within {within} s") from None
            raise
        if process.returncode != 0:
            raise Failed(f"`stint {' '.join(args)}` ended with exit code {process.returncode}: {error.strip()}")
        return out

    def json(self, *args, **options):
        return json.loads(self.run(*args, "-o", "json", **options))

    # ---- the end

    def log_tails(self, lines=12):
        for node in self.nodes:
            with open(node.log, encoding="utf-8", errors="replace") as log:
                tail = log.read().splitlines()[-lines:]
            yield node.name, tail

    def stop(self):
        """Ends the nodes that this object started, the joined ones first, and removes the directory."""
        for node in reversed(self.nodes):
            end = time.monotonic() + 5
            while node.running():
                # The first signal asks it to drain, the second to leave at once; two that come together are one.
                node.popen.terminate() if time.monotonic() < end else node.popen.kill()
                try:
                    node.popen.wait(0.1)
                except subprocess.TimeoutExpired:
                    pass
        shutil.rmtree(self.dir, ignore_errors=True)
