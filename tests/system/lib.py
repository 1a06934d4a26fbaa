# SPDX-License-Identifier: Apache-2.0
"""Real processes for system tests: nodes with free ports and scratch directories, the tool `stint` and its JSON, conditions with a
deadline. Only the standard library of Debian's python3.

    def test_two_nodes(world):
        world.keys("n1", "n2")
        n1 = world.node("n1", found=True)
        n2 = world.node("n2", join=n1)
        wait_until(lambda: len(world.items("node", "list")) == 2, "two members")

    if __name__ == "__main__":
        lib.main(test_two_nodes)

Each test gets a World of its own. Whatever happens, all processes that a world has started are gone when it ends; when a
test fails, the ends of all logs are printed, and the command that repeats it. A sanitizer's report or a panic in any log fails the test
too, and so does a node that ended although nobody asked it to.
"""
import argparse
import ctypes
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

DEADLINE = 30.0  # for a condition; generous, for sanitizers on a busy machine
READY_WITHIN = 30.0
FAULTS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|assertion failed|panic:", re.IGNORECASE)
SKIPPED = 77  # an exit code that ctest knows
MODULES = ("tally", "ring", "roam", "wordcount")

_libc = ctypes.CDLL(None)


def _die_with_parent():
    """In the child: SIGKILL when this process ends, however it ends. And a session of its own: what is stopped in a group that loses its
    shell is continued by the kernel."""
    os.setsid()
    _libc.prctl(1, signal.SIGKILL)


class Failed(AssertionError):
    pass


class Skipped(Exception):
    """This machine does not allow the test; it says why, and is not counted as passed."""


def fail(text):
    raise Failed(text)


def check(condition, text):
    if not condition:
        raise Failed(text)


def check_equal(got, expected, what):
    if got != expected:
        raise Failed(f"{what}: expected {expected!r}, got {got!r}")


def wait_until(condition, what, within=DEADLINE, pace=0.05):
    """Asks until the answer is true, and returns it. This is the only place where the tests wait for time."""
    end = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failed(f"not within {within:g} s: {what}; the last answer was {value!r}")
        time.sleep(pace)


class Result:
    """What a run of the tool gave."""

    def __init__(self, command, rc, out, err):
        self.command, self.rc, self.out, self.err = command, rc, out, err

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            raise Failed(f"`{self.command}` printed no JSON (exit {self.rc}): {self.out[:300]!r} {self.err[:300]!r}") from None

    @property
    def line(self):
        """The one line of an error."""
        lines = self.err.strip().splitlines()
        if len(lines) != 1:
            raise Failed(f"`{self.command}` (exit {self.rc}) wrote {len(lines)} lines to stderr, not one: {self.err[:600]!r}")
        return lines[0]


class Process:
    """A program whose stdout is read as lines and whose stderr goes to a file."""

    def __init__(self, world, name, argv, stdin=subprocess.DEVNULL, variables=None):
        self.world, self.name, self.argv = world, name, argv
        self.log_path = os.path.join(world.dir, f"{name}.{len(world.processes)}.log")
        self.lines = []
        self.expected_end = False
        with open(self.log_path, "wb") as log:
            self.popen = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=log,
                                          env=dict(world.environment, **(variables or {})),
                                          cwd=world.dir, preexec_fn=_die_with_parent)
        world.processes.append(self)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for raw in self.popen.stdout:
            self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def signal(self, number):
        self.popen.send_signal(number)

    def kill9(self):
        self.expected_end = True
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def suspend(self):
        self.signal(signal.SIGSTOP)

    def stopped(self):
        """True when it has been stopped by a signal, all of it."""
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "T"

    def go_on(self):
        self.signal(signal.SIGCONT)

    def wait(self, within=DEADLINE):
        """Its exit code; the lines of stdout are complete then."""
        self.expected_end = True
        try:
            rc = self.popen.wait(within)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} (pid {self.pid}) did not end within {within:g} s") from None
        self.reader.join(within)
        return rc


class Node(Process):
    """A stintd. Made by World.node, which returns when it serves."""

    def __init__(self, world, name, argv, variables=None):
        super().__init__(world, name, argv, variables=variables)
        self.ready = None

    def await_ready(self, within=READY_WITHIN):
        wait_until(lambda: self.lines or not self.running(), f"{self.name} is ready", within)
        if not self.lines:
            self.expected_end = True
            self.reader.join(1)
            raise Failed(f"{self.name} ended with {self.popen.returncode} before it was ready: {self.log()[-600:]}")
        self.ready = json.loads(self.lines[0])
        check_equal(self.ready["event"], "ready", f"first line of {self.name}")
        return self

    @property
    def endpoint(self):
        return self.ready["endpoint"]

    @property
    def id(self):
        return self.ready["node"]

    def stop(self, within=DEADLINE):
        """SIGTERM, and the exit code must be 0."""
        self.expected_end = True
        self.signal(signal.SIGTERM)
        check_equal(self.wait(within), 0, f"exit code of {self.name} after SIGTERM")


class World:
    def __init__(self, build, seed=0, rounds=None, part=(1, 1), only=None):
        self.build = os.path.abspath(build)
        self.random = random.Random(seed)
        self.rounds, self.part, self.only = rounds, part, only
        self.dir = tempfile.mkdtemp(prefix="stint-system-")
        self.keys_dir = os.path.join(self.dir, "keys")
        self.processes, self.nodes, self.endings = [], [], []
        self.identity = "ops"
        self.enter = []  # stands before the tool: where it runs
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("STINT_")}
        self.environment.update(NO_COLOR="1", LC_ALL="C", TZ="UTC")
        # What a sanitizer finds must not look like an exit code of the contract.
        for variable in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            self.environment[variable] = self.environment.get(variable, "") + ":exitcode=99"

    # ---- files

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def program(self, name):
        return os.path.join(self.build, "bin", name)

    def module(self, name):
        return os.path.join(self.build, "modules", name + ".so")

    def keys(self, *nodes, directory=None, clients=("web",), operators=("ops",), observers=()):
        """A cluster's authority, and identities for these nodes and people."""
        directory = directory or self.keys_dir
        self.tool("keys", "init", keys=directory)
        for role, names in (("node", nodes), ("operator", operators), ("client", clients), ("observer", observers)):
            for name in names:
                self.tool("keys", "issue", role, name, keys=directory)

    # ---- nodes

    def node_argv(self, name, *extra, found=False, join=None, modules=MODULES, keys=None, listen="tcp://127.0.0.1:0", data=None,
                  detect="fast"):
        argv = [self.program("stintd"), "--name", name, "--listen", listen, "--data", data or self.path("data-" + name),
                "--keys", keys or self.keys_dir, "--detect", detect]
        if found:
            argv.append("--found")
        for one in [join] if isinstance(join, (str, Node)) else join or []:
            argv += ["--join", one.endpoint if isinstance(one, Node) else one]
        for module in modules:
            argv += ["--module", self.module(module) if "/" not in module else module]
        return argv + list(extra)

    def node(self, name, *extra, variables=None, **options):
        """Starts a node and returns when it serves."""
        node = Node(self, name, self.node_argv(name, *extra, **options), variables)
        self.nodes.append(node)
        return node.await_ready()

    def cluster(self, count=3, **options):
        """Keys and that many nodes: n1 the founder, the others joined, all of them known to n1."""
        names = [f"n{i + 1}" for i in range(count)]
        self.keys(*names)
        nodes = [self.node(names[0], found=True, **options)]
        nodes += [self.node(name, join=nodes[0], **options) for name in names[1:]]
        self.await_members(names)
        return nodes

    def await_members(self, names, **options):
        wait_until(lambda: sorted(n["name"] for n in self.items("node", "list", **options) if n["state"] == "up") == sorted(names),
                   f"members {names} are up")

    def failed_node(self, name, *extra, within=DEADLINE, **options):
        """A stintd that is expected to give up: its exit code and its last line on stderr. Nothing may be on its stdout."""
        process = Process(self, name, self.node_argv(name, *extra, **options))
        rc = process.wait(within)
        check_equal(process.lines, [], f"stdout of a {name} that could not serve")
        lines = process.log().strip().splitlines()
        check(lines, f"{name} ended with {rc} and said nothing")
        return rc, lines[-1]

    # ---- the tool

    def _argv(self, args, endpoint, keys, identity):
        argv = [*self.enter, self.program("stint")]
        if keys is not False:
            argv += ["--keys", keys or self.keys_dir]
        if endpoint is None:
            endpoint = next((n.endpoint for n in self.nodes if n.ready and n.running()), None)
        if isinstance(endpoint, Node):
            endpoint = endpoint.endpoint
        if endpoint:
            argv += ["--endpoint", endpoint]
        if identity or identity is None and os.path.exists(os.path.join(keys or self.keys_dir, f"operator-{self.identity}.cert")):
            argv += ["--identity", identity or f"operator-{self.identity}"]
        return argv + [str(a) for a in args]

    def tool(self, *args, rc=0, endpoint=None, keys=None, identity=None, within=60.0, stdin=None):
        """Runs `stint`. `rc`: the exit code that it must have; None: any."""
        argv = self._argv(args, endpoint, keys, identity)
        command = "stint " + " ".join(str(a) for a in args)
        try:
            done = subprocess.run(argv, input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True,
                                  env=self.environment, cwd=self.dir, timeout=within, text=True, errors="replace",
                                  preexec_fn=_die_with_parent)
        except subprocess.TimeoutExpired:
            raise Failed(f"`{command}` did not end within {within:g} s") from None
        if FAULTS.search(done.stderr):
            raise Failed(f"`{command}`: {done.stderr[-3000:]}")
        if rc is not None and done.returncode != rc:
            raise Failed(f"`{command}`: exit code {done.returncode}, not {rc}: {done.stderr.strip()[-600:]} {done.stdout.strip()[:300]}")
        return Result(command, done.returncode, done.stdout, done.stderr)

    def tool_begin(self, *args, endpoint=None, keys=None, identity=None, name="stint"):
        """The same in the background: a Process."""
        return Process(self, name, self._argv(args, endpoint, keys, identity))

    def json(self, *args, **options):
        return self.tool(*args, "-o", "json", **options).json

    def items(self, *args, **options):
        """The items of a list, which must be complete and of the known schema."""
        answer = self.json(*args, **options)
        check_equal(answer.get("schema"), 1, f"schema of {args}")
        check_equal(answer.get("truncated"), False, f"truncated in {args}")
        return answer["items"]

    def try_items(self, *args, **options):
        """The same for a condition that is asked again: nothing when the tool had no whole answer in its time, or no answer."""
        result = self.tool(*args, "-o", "json", rc=None, **options)
        check(result.rc in (0, 3, 7, 8), f"`{result.command}`: exit code {result.rc}: {result.err.strip()[-600:]}")
        return result.json["items"] if result.rc == 0 else []

    # ---- what tests often ask

    def spawn(self, code, args=None, on=None, **options):
        words = ["tasklet", "spawn", code]
        if args is not None:
            words += ["--args", json.dumps(args)]
        if on is not None:
            words += ["--on", on.name if isinstance(on, Node) else on]
        return self.json(*words, **options)["id"]

    def tasklet(self, id, **options):
        return self.json("tasklet", "describe", id, **options)

    def node_info(self, name, **options):
        return self.json("node", "describe", name, **options)

    def blocked(self, id, within=DEADLINE, **options):
        """Waits until the tasklet is blocked; returns its description."""
        def ask():
            info = self.tasklet(id, **options)
            return info if info["state"] == "blocked" else None
        return wait_until(ask, f"tasklet {id[:8]} is blocked", within)

    def migrate(self, id, to, rc=0, **options):
        return self.tool("tasklet", "migrate", id, "--to", to.name if isinstance(to, Node) else to, "--wait", "-o", "json", rc=rc,
                         **options)

    def stack(self, id, **options):
        return self.json("tasklet", "stack", id, **options)["frames"]

    # ---- the end

    def at_end(self, call):
        """To be called when all processes are gone."""
        self.endings.append(call)

    def close(self, failed):
        problems = []
        if not failed:
            for node in reversed(self.nodes):  # the founder last: the others take their leave of it
                problems += self._hurry(node)
        for process in self.processes:
            if process.running():
                process.signal(signal.SIGKILL)
            elif not process.expected_end and isinstance(process, Node):
                problems.append(f"{process.name} (pid {process.pid}) ended by itself with {process.popen.returncode}")
            process.popen.wait()
            process.reader.join(1)
            process.popen.stdout.close()
            found = FAULTS.search(process.log())
            if found:
                problems.append(f"{process.name}: {process.log()[max(0, found.start() - 200):found.start() + 3000]}")
        for call in reversed(self.endings):
            call()
        return problems

    def _hurry(self, node):
        """Ends a node without draining it: SIGTERM until it is gone (two that come together are one)."""
        if not node.running() and not node.expected_end:
            return []  # said below
        node.expected_end = True
        end = time.monotonic() + DEADLINE
        while node.running():
            if time.monotonic() > end:
                return [f"{node.name} did not end after SIGTERM"]
            node.signal(signal.SIGTERM)
            try:
                node.popen.wait(0.1)
            except subprocess.TimeoutExpired:
                pass
        # 1: nobody was left to agree that it leaves; 4: the others had given it up.
        return [] if node.popen.returncode in (0, 1, 4, -signal.SIGKILL) else [f"{node.name} ended with exit code {node.popen.returncode}"]

    def print_logs(self, lines=25):
        for process in self.processes:
            tail = process.log().strip().splitlines()[-lines:]
            if tail:
                print(f"---- {process.name} (pid {process.pid}), end of its log ----")
                print("\n".join(tail))

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def run_one(test, arguments):
    world = World(arguments.build, arguments.seed, arguments.rounds, arguments.part, arguments.only)
    started = time.monotonic()
    failure = None
    try:
        test(world)
    except Skipped as reason:
        world.close(True)
        world.remove()
        print(f"skipped {test.__name__}: {reason}", flush=True)
        return None
    except BaseException as error:  # a Ctrl-C too must clean up
        failure = error
        for node in world.nodes:
            if not node.running() and not node.expected_end:
                print(f"{node.name} ended by itself with {node.popen.returncode}")
        if isinstance(error, Failed):
            where = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
            print(f"{os.path.basename(where[-1].filename)}:{where[-1].lineno}: {where[-1].line}" if where else "")
        else:
            traceback.print_exc(file=sys.stdout)
    problems = world.close(failure is not None)
    for text in problems:
        print(text)
    if failure is not None or problems:
        if failure is not None:
            print(f"FAILED {test.__name__}: {failure}")
        world.print_logs()
        more = f"--rounds {arguments.rounds} " if arguments.rounds else ""
        more += "--part {}/{} ".format(*arguments.part) if arguments.part != (1, 1) else ""
        more += f"--only {arguments.only} " if arguments.only else ""
        print(f"again: /usr/bin/python3 {sys.argv[0]} --build {arguments.build} --seed {arguments.seed} {more}{test.__name__}", flush=True)
        if arguments.keep:
            print(f"kept: {world.dir}")
        else:
            world.remove()
        if isinstance(failure, KeyboardInterrupt):
            raise failure
        return False
    world.remove()
    print(f"ok {test.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
    return True


def main(*tests):
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/asan", help="the build directory")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--rounds", type=int, help="more of what a test repeats")
    parser.add_argument("--part", type=lambda text: tuple(int(x) for x in text.split("/")), default=(1, 1),
                        help="K/N: every N-th of what a test repeats, from the K-th")
    parser.add_argument("--only", help="one of what a test repeats, by its name")
    parser.add_argument("--keep", action="store_true", help="keep the directory of a test that failed")
    parser.add_argument("names", nargs="*", help="only these tests")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    unknown = set(arguments.names) - {t.__name__ for t in tests}
    if unknown:
        parser.error(f"no such test: {', '.join(sorted(unknown))}")
    chosen = [t for t in tests if not arguments.names or t.__name__ in arguments.names]
    results = [run_one(test, arguments) for test in chosen]
    sys.exit(1 if False in results else SKIPPED if None in results else 0)
