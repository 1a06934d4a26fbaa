#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does what sdk/doc/deploying.md says, line by line, on four machines that this one plays (machines.py), and compares what is printed. Needs
root and network namespaces, and is skipped where those are not to be had."""
import os
import re
import sys

import lib
import machines
from lib import Failed, check, check_equal, wait_until

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(SOURCE, "tests", "doc"))
import blocks  # noqa: E402

DOCUMENT = os.path.join(SOURCE, "sdk", "doc", "deploying.md")
LOOK = re.compile(r"^(stint node list|journalctl) ")  # a reader whose commands come later sees what has been settled meanwhile
SOON = 20.0
PROMPT = re.compile(r"^(\w+(?:,\w+)*)[#$] (.*)$")


def dialogue(block):
    """[(machines, command, expected lines)]: `n1,n2# COMMAND` is run on each of the two."""
    steps = []
    for line in block.text.split("\n")[:-1]:
        prompt = PROMPT.match(line)
        if prompt:
            steps.append((prompt.group(1).split(","), prompt.group(2), []))
        elif line.startswith("> "):
            names, command, expected = steps[-1]
            check_equal(expected, [], f"{block.where}: output before the end of a command")
            steps[-1] = (names, command + "\n" + line[2:], [])
        elif steps:
            steps[-1][2].append(line)
        else:
            raise Failed(f"{block.where}: a block begins with a command, `n1# COMMAND`")
    return steps


def perform(farm, where, names, command, expected, build):
    said = command.replace("build/release", build)
    for name in names:
        result = farm[name].run(said)

        def agrees():
            return blocks.matches(expected, result[0]) if expected else result[1] == 0

        def look_again():
            nonlocal result
            result = farm[name].run(said)
            return agrees()
        if not agrees() and LOOK.match(command):
            wait_until(look_again, f"{where}: on {name}: `{command}` prints what the document shows", within=SOON)
        output, rc = result
        if not agrees():
            raise Failed(f"{where}: on {name}: `{command}` ended with {rc} and printed\n{output}\nnot\n" + "\n".join(expected))
        check(rc == 0 or any(re.match(r"stintd?: ", line) for line in expected), f"{where}: on {name}: `{command}` ended with {rc}: {output}")


def test_the_document(world):
    names = ("n1", "n2", "n3", "ops")
    farm = machines.Farm(world, names)
    ran = 0
    try:
        for block in blocks.read(DOCUMENT):
            if block.kind != "console":
                check_equal(block.kind, "exempt", f"{block.where}: what is no dialogue says why it is not run")
                continue
            for machine, command, expected in dialogue(block):
                perform(farm, block.where, machine, command, expected, world.build)
                ran += 1
    except Failed:
        for name in names:
            print(f"---- journal of {name}\n{farm[name].journal()[-2500:]}")
        raise
    for name in names:
        found = lib.FAULTS.search(farm[name].journal())
        check(not found, f"{name}: {farm[name].journal()[-3000:]}")
    check(ran >= 40, f"only {ran} commands in {DOCUMENT}")


if __name__ == "__main__":
    lib.main(test_the_document)
