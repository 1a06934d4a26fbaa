#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manual pages: test_manual.py --build DIR

groff reads each without a warning, and what the programs say of themselves stands in them: every command with its arguments, its help, its
flags and its example, every option and key of stintd.
"""
import argparse
import json
import os
import re
import subprocess
import sys

PAGES = ("stint.1", "stintd.8", "stint.conf.5")


def said_by(build, program, *argv):
    return subprocess.run([os.path.join(build, "bin", program), *argv], capture_output=True, text=True, check=True).stdout


def rendered(path, faults):
    """The text of a page, its blanks and line ends made single blanks."""
    # Plain text in lines that are long enough for whatever must not be cut.
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-rLL=900n", "-P-c", "-P-b", "-P-o", "-P-u", path], capture_output=True,
                          text=True, env=dict(os.environ, LC_ALL="C.UTF-8"))
    faults += [f"{os.path.basename(path)}: {line}" for line in done.stderr.splitlines()]
    if done.returncode != 0:
        faults.append(f"{os.path.basename(path)}: groff ended with {done.returncode}")
    return " ".join(done.stdout.split())


def wanted_of_stint(build):
    everything, *items = json.loads(said_by(build, "stint", "help", "-o", "json"))["items"]
    for item in items:
        yield f"stint {item['command']} {item['words']}".strip()
        yield item["help"][1:]
        yield item["example"]
        for flag in item["flags"]:
            yield f"--{flag['name']} {flag['value']}".strip() + " " + flag["help"][:1].upper() + flag["help"][1:]
    for topic in re.findall(r"^  help ([a-z]+) ", said_by(build, "stint", "help"), re.MULTILINE):
        yield from said_by(build, "stint", "help", topic).splitlines()
    for flag in everything["flags"]:
        letter = f"-{flag['letter']}, " if flag["letter"] else ""
        yield f"{letter}--{flag['name']}"
        yield flag["help"][1:]


def wanted_of_stintd(build):
    """(line of stintd(8), line of stint.conf(5) or None)"""
    for name, value, text in re.findall(r"^  --([a-z-]+)(?: (\S+))? +(\S.*)$", said_by(build, "stintd", "--help"), re.MULTILINE):
        text = text[:1].upper() + text[1:]
        key = None if name in ("config", "check", "help", "version") else f"{name} = {value or 'yes|no'} {text}"
        yield f"--{name} {value}".strip() + " " + text, key


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    build = parser.parse_args().build
    faults = []
    text = {page: rendered(os.path.join(build, "man", page), faults) for page in PAGES}
    wanted = [("stint.1", line) for line in wanted_of_stint(build)]
    for option, key in wanted_of_stintd(build):
        wanted += [("stintd.8", option)] + ([("stint.conf.5", key)] if key else [])
    faults += [f"{page} does not say `{line}`" for page, line in wanted if " ".join(line.split()) not in text[page]]
    faults += [f"{page} has no section {name}" for page in PAGES for name in ("NAME", "DESCRIPTION", "EXAMPLES", "SEE ALSO")
               if f" {name} " not in text[page]]
    if len(wanted) < 220:
        faults.append(f"only {len(wanted)} lines were looked for")
    print("\n".join(faults + [f"{len(PAGES)} pages, {len(wanted)} lines of the programs' tables in them, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
