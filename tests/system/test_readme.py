#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does what README.md tells a newcomer to do, literally; only folder and ports are others."""
import os
import re
import socket

import lib
from lib import Process, check, check_equal

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def free_ports(count):
    """Ports that nobody has at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def section(title):
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as readme:
        text = readme.read()
    return re.search(rf"^## {re.escape(title)}\n(.*?)^## ", text, re.MULTILINE | re.DOTALL).group(1)


def test_first_module(world):
    blocks = re.findall(r"^```sh\n(.*?)^```", section("A first module in ten minutes"), re.MULTILINE | re.DOTALL)
    check_equal(len(blocks), 6, "blocks of commands")
    script = "set -eu\n" + "\n".join(blocks) + "\nwait\n"
    first, second = free_ports(2)
    for old, new in (("7401", str(first)), ("7402", str(second)), ("/tmp/hello", world.path("hello")),
                     ("$PWD/build/release/bin", os.path.join(world.build, "bin"))):
        check(old in script, f"README.md says {old}")
        script = script.replace(old, new)
    with open(world.path("follow.sh"), "w", encoding="utf-8") as file:
        # What it starts ends with it, whatever happens.
        file.write(f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\ncd {SOURCE}\n" + script)
    process = Process(world, "readme", ["bash", world.path("follow.sh")])
    rc = process.wait(150)
    printed = "\n".join(process.lines)
    check_equal(rc, 0, f"exit code; it printed {printed[-1500:]}\n{process.log()[-1500:]}")
    check("hello Ada, you are number 1" in printed, f"the first answer: {printed}")
    check("hello Grace, you are number 2" in printed, f"the answer after the move: {printed}")
    check_equal(printed.count('"event":"ready"'), 2, "ready lines")


if __name__ == "__main__":
    lib.main(test_first_module)
