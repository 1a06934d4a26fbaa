#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The live screen `stint top`, on a pseudo terminal: it shows nodes, tasklets and moves, follows the size of the terminal, goes on when nodes
come back, and leaves the terminal as it was, however it ends. And what else the tool does on a terminal."""
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios

import lib
from lib import check, check_equal, wait_until

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
COLOUR = re.compile(r"\x1b\[\d*m")


class Terminal:
    """A program on a terminal of its own, and what it has written there."""

    def __init__(self, world, *args, rows=24, columns=100, endpoint=None, variables=None):
        self.master, slave = os.openpty()
        self.size(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.written = b""
        environment = {k: v for k, v in world.environment.items() if k != "NO_COLOR"}
        environment.update({"TERM": "xterm", "LC_ALL": "C.UTF-8"} | (variables or {}))

        def own_terminal():
            lib._die_with_parent()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.slave = slave  # kept, so that the settings can be read when the program is gone
        self.process = subprocess.Popen(world._argv(args, endpoint, None, None), stdin=slave, stdout=slave, stderr=slave, cwd=world.dir,
                                        env=environment, preexec_fn=own_terminal)

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.written += os.read(self.master, 65536)
            except OSError:
                break
        return self.written

    def frame(self):
        """The last whole screen, as lines without colours."""
        frames = self.read().split(b"\x1b[1;1H")  # the end of each
        text = frames[-2 if len(frames) > 1 else 0].split(b"\x1b[H")[-1].decode("utf-8", "replace")
        text = COLOUR.sub("", text).replace("\x1b[K", "").replace("\x1b[J", "")
        return re.split("\r+\n", text)

    def shows(self, *words, within=lib.DEADLINE):
        def ask():
            lines = self.frame()
            return lines if all(any(re.search(w, line) for line in lines) for w in words) else None
        try:
            return wait_until(ask, f"the screen shows {words}", within)
        except lib.Failed as error:
            raise lib.Failed(f"{error}; it shows: {self.frame()}") from None

    def press(self, keys):
        os.write(self.master, keys.encode())

    def end(self, within=lib.DEADLINE):
        def gone():
            self.read()
            return self.process.poll() is not None
        wait_until(gone, "the program on the terminal ends", within)
        self.read()
        return self.process.returncode

    def is_clean(self):
        """Nothing of the screen is left: this is the last that was written, and keys are as they were."""
        check(self.read().endswith(LEAVE), f"the end of what was written: {self.written[-200:]!r}")
        check_equal(self.written.count(ENTER), self.written.count(LEAVE), "times that the screen was taken and given back")
        check_equal(termios.tcgetattr(self.slave), self.before, "settings of the terminal")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def on_terminal(world, *args, **options):
    terminal = Terminal(world, *args, **options)
    world.at_end(terminal.close)
    return terminal


def test_top_shows_and_follows(world):
    n1, n2, n3 = world.cluster(3)
    world.tool("cluster", "balancer", "off")
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n1")
    top = on_terminal(world, "top")
    lines = top.shows(r"3 of 3 nodes up", r"^n1 +up", r"^n2 +up", r"^n3 +up", tally[:8] + r" +n1 +Tally +blocked", "nothing has moved yet")
    check(any("█" in line for line in lines), f"bars of blocks: {lines}")
    check("\x1b[32m" in top.written.decode("utf-8", "replace"), "colours")
    world.migrate(tally, "n2")
    top.shows(r" (0\.[1-9]|[1-9]\d*\.\d) moves/s")
    top.shows(tally[:8] + r" +n1 +n2 +committed", tally[:8] + r" +n2 +Tally")
    # It is drawn anew at once when the size changes, and fits.
    for rows, columns in ((12, 60), (40, 132), (5, 30), (24, 80)):
        top.size(rows, columns)

        def fits():
            lines = top.frame()
            return len(lines) <= rows and max(map(len, lines)) <= columns and (columns < 132 or any("REASON" in line for line in lines))
        wait_until(fits, f"the screen fits {rows} x {columns}")
        top.shows("^NODE")
    top.press("m")
    top.shows(r"MOVES\*")
    top.press(" ")
    top.shows("^paused")
    top.press(" ")
    # Nodes that do not answer, and answer again.
    for node in (n1, n2, n3):
        node.suspend()
    top.shows("trying again", r"^n1 +up")
    for node in (n1, n2, n3):
        node.go_on()
    wait_until(lambda: not any("trying again" in line for line in top.frame()), "the screen goes on")
    top.press("q")
    check_equal(top.end(), 0, "exit code after q")
    top.is_clean()


def test_top_leaves_the_terminal_clean(world):
    n1 = world.cluster(1)[0]
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        top = on_terminal(world, "top", variables={"NO_COLOR": "1"})
        top.shows("^n1 +up")
        top.process.send_signal(number)
        check_equal(top.end(), 130, f"exit code after {number}")
        top.is_clean()
        check(not re.search(rb"\x1b\[3\dm", top.written), "no colours with NO_COLOR")
    top = on_terminal(world, "top", variables={"LC_ALL": "C"})
    lines = top.shows("^n1 +up")
    check(all(line.isascii() for line in lines), f"plain characters in a plain locale: {lines}")
    # Stopped and continued: the shell has its terminal meanwhile.
    top.press("\x1a")
    wait_until(lambda: top.read().endswith(LEAVE), "it gives the terminal back before it stops")
    check_equal(termios.tcgetattr(top.slave), top.before, "settings of the terminal while it is stopped")
    with open(f"/proc/{top.process.pid}/stat", encoding="utf-8") as stat:
        wait_until(lambda: stat.seek(0) == 0 and stat.read().rpartition(")")[2].split()[0] == "T", "it is stopped")
    top.process.send_signal(signal.SIGCONT)
    wait_until(lambda: top.read().count(ENTER) == 2, "it takes the terminal again")
    top.shows("^n1 +up")
    top.press("\x03")
    check_equal(top.end(), 130, "exit code after Ctrl-C")
    top.is_clean()
    # The terminal goes away.
    top = on_terminal(world, "top")
    top.shows("^n1 +up")
    top.press("q")
    check_equal(top.end(), 0, "exit code after q")
    # No cluster: an error as ever, and the terminal was never taken.
    n1.kill9()
    top = on_terminal(world, "top", "--timeout", "500ms", endpoint=n1)
    check_equal(top.end(), 3, "exit code without a cluster")
    check(ENTER not in top.read() and b"stint: cannot connect" in top.written, f"an error: {top.written!r}")


def test_questions_progress_and_colours(world):
    world.cluster(2)
    world.tool("cluster", "balancer", "off")
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n1")
    asked = on_terminal(world, "tasklet", "kill", tally)
    wait_until(lambda: b"are you sure? [y/N]" in asked.read(), "it asks")
    asked.press("n\n")
    check_equal(asked.end(), 1, "exit code of no")
    check(b"nothing was done" in asked.written, f"{asked.written!r}")
    check_equal(world.tasklet(tally)["state"], "blocked", "the tasklet that nobody killed")
    world.tool("node", "cordon", "n2")
    listed = on_terminal(world, "node", "list", columns=60)
    check_equal(listed.end(), 0, "exit code of a list")
    check("\x1b[33mcordoned\x1b[0m" in listed.written.decode(), f"a state in colour: {listed.written!r}")
    plain = on_terminal(world, "node", "list", variables={"NO_COLOR": "1"})
    check_equal(plain.end(), 0, "exit code of a list")
    check(b"\x1b" not in plain.written, f"no colours with NO_COLOR: {plain.written!r}")
    # A drain that cannot end: its progress, and what an interrupt says.
    world.tool("node", "uncordon", "n2")
    for i in range(8):
        world.spawn("tally/Tally", {"name": f"t{i}"}, on="n1")
    drain = on_terminal(world, "node", "drain", "n1", "--rate", "1/s", "--wait", "--yes", columns=120)
    wait_until(lambda: re.search(rb"n1 .* of 9 moved, \d+ left", drain.read()), "progress")
    moved = on_terminal(world, "tasklet", "migrate", "--selector", "code=Tally and node=n1", "--to", "n2", "--wait", "--yes", "--timeout", "20s",
                        columns=120)
    check_equal(moved.end(), 0, "exit code of a move that is watched")
    check(b"committed" in moved.written, f"{moved.written!r}")
    drain.press("\x03")
    check_equal(drain.end(), 130, "exit code of a drain that was interrupted")
    check(b"the drain of n1 goes on" in drain.written and b"stint node uncordon n1" in drain.written, f"{drain.written!r}")
    check_equal(world.node_info("n1")["state"], "draining", "the drain goes on")
    world.tool("node", "drain", "n1", "--wait", "--yes", "--timeout", "60s", within=90)
    check_equal(world.node_info("n1")["tasklets"], 0, "resumed, it ends")


if __name__ == "__main__":
    lib.main(test_top_shows_and_follows, test_top_leaves_the_terminal_clean, test_questions_progress_and_colours)
