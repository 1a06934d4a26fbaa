#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sdk/doc/troubleshooting.md speaks of errors that there are: test_errors.py --source DIR

Each status of status.h has its row, with its number, its sentence and the exit code of the tool; each text in the other tables is said by
some program of the project.
"""
import argparse
import glob
import os
import re
import sys

FOLDERS = ("node", "cluster", "proto", "sdk")
PIECE = 8  # shorter pieces of a text are not looked for


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def literals(source):
    """All string literals of the C sources and CMake files, those that stand side by side as one."""
    found = []
    for folder in FOLDERS:
        for path in glob.glob(os.path.join(source, folder, "**/*.[ch]"), recursive=True):
            for group in re.findall(r'"(?:[^"\\\n]|\\.)*"(?:\s*(?:PRI\w+\s*)?"(?:[^"\\\n]|\\.)*")*', read(path)):
                found.append("".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', group)))
    return re.sub(r"%[-0-9.*]*(?:ll|l|z|h)?[a-zA-Z]", "…", "\n".join(found)).replace("\\\"", '"')


def plain(text):
    return re.sub(r"[`']", "'", text)


def statuses(source, text):
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \| (\d+) \| ([\d or]+) \| ([^|]+) \|", text, re.MULTILINE)}
    codes = dict(re.findall(r"(EXIT_\w+) = (\d+)", read(source, "sdk/cli/exits.h")))
    value, exits = -1, {}
    for name, given in re.findall(r"(EXIT_\w+)(?: = (\d+))?,", read(source, "sdk/cli/exits.h")):
        value = int(given) if given else value + 1
        codes[name] = str(value)
    waiting = []
    for case, code in re.findall(r"case STINT_(\w+):|return (EXIT_\w+);", read(source, "sdk/cli/exits.c")):
        if case:
            waiting.append(case)
        else:
            exits.update({one: codes[code] for one in waiting})
            waiting = []
    for name, number, sentence in re.findall(r'X\((\w+), (\d+), "([^"]+)"\)', read(source, "sdk/include/stint/status.h")):
        if name not in rows:
            yield f"there is no row of {name}"
            continue
        row = rows[name]
        if (row[0], row[2].strip()) != (number, sentence):
            yield f"{name} is {number}, {sentence!r}; not {row[0]}, {row[2].strip()!r}"
        if exits.get(name) not in row[1].split(" or "):
            yield f"{name} makes the tool end with {exits.get(name)}, not {row[1]}"


def texts(source, text):
    said = plain(literals(source))
    looked = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("## Every status"):
            break
        cell = re.match(r"\| (`[^|]+`[^|]*) \|", line)
        for one in re.findall(r"`([^`]+)`", cell.group(1)) if cell else []:
            for piece in (piece.strip() for piece in plain(one).split("…")):
                if len(piece) >= PIECE:
                    looked += 1
                    if piece not in said:
                        yield f"line {number}: nobody says {piece!r}"
    if looked < 40:
        yield f"only {looked} texts were looked for: this test looks at nothing"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default=".")
    parser.add_argument("--build")
    source = os.path.abspath(parser.parse_args().source)
    text = read(source, "sdk/doc/troubleshooting.md")
    faults = [*statuses(source, text), *texts(source, text)]
    print("\n".join(f"troubleshooting.md: {fault}" for fault in faults) if faults else "every status has its row, and every text is said")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
