#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tasklet in a file: copied, read without any node, moved out and in again, refused when it was tampered with."""
import os
import stat

import lib
from lib import check, check_equal


def flipped(world, path, position):
    data = bytearray(open(path, "rb").read())
    data[position] ^= 0x40
    other = world.path(f"flipped-{position}.stint")
    with open(other, "wb") as file:
        file.write(data)
    return other


def test_copy(world):
    world.cluster(2)
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n1")
    world.tool("channel", "send", "a", '{"amount":5}')
    world.blocked(tally)
    file = world.path("tally.stint")
    world.tool("tasklet", "export", tally, "-f", file)
    check_equal(stat.S_IMODE(os.stat(file).st_mode), 0o600, "mode of the file")
    world.tool("tasklet", "export", tally, "-f", file, rc=1)  # it is there already, and stays as it was

    # Its stack is readable without any node and without keys.
    frames = world.json("tasklet", "stack", file, keys=False, endpoint="", identity="")["frames"]
    check_equal(frames[0]["code"], "Tally", "code")
    check_equal(frames[0]["label"], "recv(self->inbox)", "label")
    check_equal(frames[0]["locals"]["sum"], {"total": 5, "seen": 1}, "locals")

    # The original lives on; the copy has a fresh id and no name.
    world.tool("channel", "send", "a", '{"amount":1}')
    refused = world.tool("tasklet", "import", file, rc=2)
    check("--yes" in refused.line, "an import off a terminal demands --yes")
    copy = world.json("tasklet", "import", file, "--on", "n2", "--yes")
    check(copy["id"] != tally, "a copy has an id of its own")
    check_equal(copy["node"], "n2", "node")
    locals_ = world.stack(copy["id"])[0]["locals"]
    check_equal(locals_["sum"], {"total": 5, "seen": 1}, "state of the copy")
    world.tool("channel", "send", locals_["inbox"], '{"amount":10}')
    lib.wait_until(lambda: world.stack(copy["id"])[0]["locals"]["sum"] == {"total": 15, "seen": 2}, "the copy works", within=10)
    lib.wait_until(lambda: world.stack(tally)[0]["locals"]["sum"] == {"total": 6, "seen": 2}, "so does the original", within=10)
    paused = world.json("tasklet", "import", file, "--paused", "--yes")["id"]
    check_equal(world.tasklet(paused)["state"], "paused", "state of a copy imported paused")


def test_moved_out_and_in_once(world):
    world.cluster(2)
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n1")
    world.tool("channel", "send", "a", '{"amount":5}')
    world.blocked(tally)
    file = world.path("moved.stint")
    world.tool("tasklet", "export", tally, "-f", file, "--move", "--yes")
    world.tool("tasklet", "describe", tally, rc=4)
    back = world.json("tasklet", "import", file, "--on", "n2", "--yes")
    check_equal((back["id"], back["node"]), (tally, "n2"), "a moved export keeps its id")
    check_equal(world.stack(tally)[0]["locals"]["sum"], {"total": 5, "seen": 1}, "its state")
    again = world.tool("tasklet", "import", file, "--yes", rc=None)
    check_equal(again.rc, 5, "a second import is refused")
    check(tally[:4] in again.line or "import" in again.line, again.line)
    # Nor does it take the names from the one that came in, wherever it is tried.
    world.tool("tasklet", "import", file, "--on", "n1", "--yes", rc=5)
    world.tool("channel", "send", "a", '{"amount":1}')
    lib.wait_until(lambda: world.stack(tally)[0]["locals"]["sum"]["total"] == 6, "its channel has its name", within=10)
    check_equal(len(world.items("tasklet", "list", "--selector", "code=Tally")), 1, "tallies")


def test_damaged_and_foreign_files(world):
    world.cluster(1)
    tally = world.spawn("tally/Tally", {"name": "a"}, on="n1")
    world.blocked(tally)
    file = world.path("good.stint")
    world.tool("tasklet", "export", tally, "-f", file)
    data = open(file, "rb").read()

    def refused(path, what, stack_too=True):
        result = world.tool("tasklet", "import", path, "--yes", rc=None)
        check(result.rc in (1, 2, 5), f"{what}: exit {result.rc}")
        check(os.path.basename(path) in result.line or "pickle" in result.line or "file" in result.line, f"{what}: {result.line}")
        if stack_too:
            check(world.tool("tasklet", "stack", path, rc=None).rc in (1, 2, 5), f"stack of {what}")

    for size in sorted({0, 1, 7, len(data) // 2, len(data) - 1}):
        path = world.path(f"short-{size}.stint")
        with open(path, "wb") as short:
            short.write(data[:size])
        refused(path, f"the first {size} bytes")
    for position in sorted(world.random.sample(range(len(data)), 12)):
        refused(flipped(world, file, position), f"byte {position} flipped", stack_too=False)
    big = world.path("big.stint")
    with open(big, "wb") as sparse:
        sparse.truncate(64 << 20)
    refused(big, "64 MiB of nothing")
    text = world.path("text.stint")
    with open(text, "w") as other:
        other.write("this is no pickle\n")
    refused(text, "a text")
    world.tool("tasklet", "import", world.path("none.stint"), "--yes", rc=4)

    # From another cluster.
    other = lib.World(world.build)
    try:
        other.cluster(1)
        result = other.tool("tasklet", "import", file, "--yes", rc=None)
        check(result.rc in (1, 5, 8), f"a file of another cluster: exit {result.rc}")
        check("cluster" in result.line, result.line)
    finally:
        problems = other.close(False)
        other.remove()
    check_equal(problems, [], "the other cluster")
    # All that did no harm.
    check_equal([t["id"] for t in world.items("tasklet", "list", "--selector", "code=Tally")], [tally], "tallies")


if __name__ == "__main__":
    lib.main(test_copy, test_moved_out_and_in_once, test_damaged_and_foreign_files)
