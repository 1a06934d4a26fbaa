#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What sdk/doc/delivery.md names as proof exists, and sdk/doc/security.md says of each request who may make it as the node's table does:
test_claims.py --source DIR"""
import argparse
import glob
import os
import re
import sys


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def known(source):
    """All names that may be used as a proof."""
    names = set()
    for path in glob.glob(os.path.join(source, "tests/world/test_*.c")):
        file = re.match(r"test_(\w+)\.c", os.path.basename(path)).group(1)
        names |= {f"{file}/{case}" for case in re.findall(r'^ +\{ "(\w+)", \w+ \},', read(path), re.MULTILINE)}
    for path in glob.glob(os.path.join(source, "tests/system/test_*.py")):
        file = re.match(r"test_(\w+)\.py", os.path.basename(path)).group(1)
        names |= {f"{file}/{case}" for case in re.findall(r"^def test_(\w+)\(", read(path), re.MULTILINE)}
    names |= {f"sim/{i}" for i in re.findall(r'"(I\d)"', "".join(read(p) for p in glob.glob(os.path.join(source, "tests/sim/check_*.c"))))}
    names |= {f"model/{os.path.basename(path)}" for path in glob.glob(os.path.join(source, "tests/model/*.pml"))}
    return names


def roles(source):
    """What security.md has wrong about who may do what."""
    inner = {"schema", "view", "channel resolve"}  # asked by libstint itself
    table = re.findall(r'\{ VERB\(\w+\), \w+, ([CPV |]+), \w+,\s*"([^"]+)"', read(source, "node/core/admin_table.c"))
    true = {}
    for letters, text in table:
        true.setdefault(text, {one.strip() for one in letters.split("|")})
    rows = re.findall(r"^\| `([^`]+)` \| (yes)? ?\| (yes)? ?\| (yes)? ?\|$", read(source, "sdk/doc/security.md"), re.MULTILINE)
    said = {text: {letter for letter, yes in zip("CVP", cells) if yes} for text, *cells in rows}
    for text in sorted(set(true) - inner | set(said)):
        if true.get(text) != said.get(text):
            yield f"security.md: `{text}` is for {sorted(true.get(text, []))}, not {sorted(said.get(text, []))}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default=".")
    parser.add_argument("--build")
    source = os.path.abspath(parser.parse_args().source)
    names = known(source)
    claims, faults = set(), []
    for number, line in enumerate(read(source, "sdk/doc/delivery.md").split("\n"), 1):
        cells = line.split(" | ")
        if line.startswith("Proof:") or (line.startswith("| ") and len(cells) >= 3):
            for claim in re.findall(r"`(\w+/[\w.]+)`", cells[-1]):
                claims.add(claim)
                if claim not in names:
                    faults.append(f"delivery.md:{number}: there is no test {claim}")
    if len(claims) < 20:
        faults.append(f"only {len(claims)} proofs were found: this test looks at nothing")
    faults += roles(source)
    print("\n".join(faults) if faults else f"all {len(claims)} proofs exist")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
