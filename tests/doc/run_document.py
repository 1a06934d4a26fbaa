#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does what a document tells its reader to do: run_document.py --source DIR --build DIR [--keep] DOCUMENT

All its listings run in order in one shell, in a clean environment and a scratch directory of their own; files are written as they stand,
outputs are compared, fragments are compiled. Only /tmp, the ports 74xx and build/release are others. Nothing may be left running.
"""
import argparse
import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import blocks
from blocks import Bad

WITHIN = 170  # seconds for a document
ENDED_WITHIN = 15
FAULTS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|assertion failed|panic:", re.IGNORECASE)
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Werror=jump-misses-init", "-Werror=maybe-uninitialized", "-Wno-unused-variable",
            "-Wno-unused-function", "-D_GNU_SOURCE"]
HEADERS = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <poll.h>\n"


class Failed(Exception):
    pass


def free_port(taken):
    """A port that nobody has, outside of the range that port 0 picks from."""
    while True:
        port = random.SystemRandom().randrange(12000, 32000)
        if port in taken:
            continue
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def localise(text, build, scratch):
    """The document with the scratch directory, free ports and the build in place of those that it names."""
    ports = {}
    for port in sorted(set(re.findall(r"(?<=127\.0\.0\.1:)74\d\d\b", text))):
        ports[port] = str(free_port(ports.values()))
    text = re.sub(r"(?<=127\.0\.0\.1:)74\d\d\b", lambda found: ports[found.group()], text)
    text = text.replace("/tmp/", scratch + "/tmp/")
    return re.sub(r"(?:\$PWD/|\$STINT/)?build/release\b", build, text)


class Script:
    """The listings as one shell script."""

    def __init__(self, scratch):
        self.scratch = scratch
        self.lines = ["set -eu"]
        self.dialogues = []  # (where, command, expected, path of what it printed)

    def add(self, block):
        self.lines.append(f"echo {shlex.quote('@@ ' + block.where)}")
        if block.kind == "sh":
            self.lines.append(block.text)
        elif block.kind == "file":
            folder = os.path.dirname(block.argument)
            if folder:
                self.lines.append(f"mkdir -p {shlex.quote(folder)}")
            self.lines.append(f"cat > {shlex.quote(block.argument)} <<'END-OF-THE-LISTING'\n{block.text}END-OF-THE-LISTING")
        elif block.kind == "console":
            for command, expected in blocks.dialogue(block):
                path = os.path.join(self.scratch, f"printed.{len(self.dialogues)}")
                self.dialogues.append((block.where, command, expected, path))
                # What a command ends with is seen by the next one, as at a prompt.
                self.lines.append(f"set +e\n(exit \"${{stint_last:-0}}\")\n{{\n{command}\n}} > {shlex.quote(path)} 2>&1\nstint_last=$?\n"
                                  f"echo \"$stint_last\" > {shlex.quote(path)}.rc\nset -e")

    def check_dialogues(self):
        for at, (where, command, expected, path) in enumerate(self.dialogues):
            with open(path, encoding="utf-8", errors="replace") as file:
                printed = file.read()
            with open(path + ".rc", encoding="ascii") as file:
                rc = int(file.read())
            if not blocks.matches(expected, printed):
                raise Failed(f"{where}: `{command}` was to print\n" + "\n".join(expected) + f"\nand printed\n{printed}")
            asked = at + 1 < len(self.dialogues) and self.dialogues[at + 1][1].strip() == "echo $?"
            if rc != 0 and not asked and not any(re.match(r"stintd?: |.*\b(error|FAILED)\b", line) for line in expected):
                raise Failed(f"{where}: `{command}` ended with {rc}, and the document does not say so:\n{printed}")


def run_script(script, scratch, source):
    """Runs it; whatever it started is gone afterwards, also when this process is killed."""
    path, log_path = os.path.join(scratch, "follow.sh"), os.path.join(scratch, "log")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(script.lines) + "\n")
    home = os.path.join(scratch, "home")
    os.mkdir(home)
    environment = {"HOME": home, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb"}
    with open(log_path, "wb") as log:
        shell = subprocess.Popen(["/bin/bash", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=source,
                                 start_new_session=True)
    watcher = subprocess.Popen(["/bin/bash", "-c", f"read -r line || kill -KILL -- -{shell.pid}"], stdin=subprocess.PIPE,
                               start_new_session=True)
    left = False
    try:
        try:
            rc = shell.wait(WITHIN)
            left = not ended(shell.pid)
        except subprocess.TimeoutExpired:
            rc = None
    finally:
        try:
            os.killpg(shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        watcher.communicate(b"done\n")
    with open(log_path, encoding="utf-8", errors="replace") as log:
        text = log.read()
    marks = re.findall(r"^@@ (.+)$", text, re.MULTILINE)
    last = text.rpartition("@@ ")[2][-4000:]
    if rc is None:
        raise Failed(f"{marks[-1] if marks else '?'}: not within {WITHIN} s:\n{last}")
    if rc != 0:
        raise Failed(f"{marks[-1] if marks else '?'}: exit code {rc}:\n{last}")
    if left:
        raise Failed("the document leaves processes behind; let it stop what it started")
    return text


def ended(group):
    """Whether the whole process group has ended, soon."""
    end = time.monotonic() + ENDED_WITHIN
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def compile_fragment(block, scratch, source, generated):
    """A fragment of a frame (fragment=T: its locals are the message T), of a client (fragment=client), of a node (fragment=node), or of a
    file (fragment)."""
    includes, known = [], ""
    for folder in generated:
        for name in sorted(name for name in os.listdir(folder) if name.endswith(".stint.h")):
            includes.append(name)
            with open(os.path.join(folder, name), encoding="utf-8") as header:
                known += "".join(f"STINT_DECLARE({t});\n" for t in re.findall(r"const struct stint_type (\w+)_stint;", header.read()))
    messages = HEADERS + "".join(f'#include "{name}"\n' for name in dict.fromkeys(includes)) + known
    client = HEADERS + "#include <stint/client.h>\n#include <stint/admin.h>\n#include <stint/node.h>\n"
    line = f'#line {block.where.partition(":")[2]} "{block.where.partition(":")[0]}"\n'
    if block.argument in ("client", "node"):
        what = f"struct stint_{block.argument} *{block.argument}"
        text = f"{client}int example({what}, const char *tasklet);\nint\nexample({what}, const char *tasklet)\n{{\n" \
               f"(void)tasklet;\nenum stint_status status = STINT_OK;\n{line}{block.text}\nreturn status != STINT_OK;\n}}\n"
    elif block.argument:
        text = f"{messages}STINT_FRAME({block.argument})\n{{\nSTINT_BEGIN;\n{line}{block.text}\nSTINT_END;\n}}\n"
    else:
        text = client + (messages if includes else "") + line + block.text
    argv = ["gcc", *WARNINGS, "-O1", "-c", "-xc", "-", "-o", "/dev/null",
            "-I", os.path.join(source, "sdk/include")]
    for folder in generated:
        argv += ["-I", folder]
    done = subprocess.run(argv, input=text, text=True, capture_output=True, cwd=scratch, timeout=60)
    if done.returncode != 0:
        raise Failed(f"{block.where}: a fragment that does not compile:\n{done.stderr[-3000:]}")


def follow(document, source, build, scratch):
    os.mkdir(os.path.join(scratch, "tmp"))
    with open(os.path.join(source, document), encoding="utf-8") as file:
        text = localise(file.read(), build, scratch)
    found = blocks.read(document, text)
    script = Script(scratch)
    for block in found:
        script.add(block) if block.kind in ("sh", "console", "file") else None
    ran = len([b for b in found if b.kind in ("sh", "console", "file")])
    log = run_script(script, scratch, source) if ran else ""
    script.check_dialogues()
    faults = FAULTS.search(log)
    if faults:
        raise Failed(f"a sanitizer or a panic: {log[max(0, faults.start() - 200):faults.start() + 3000]}")
    generated = [os.path.join(folder, name) for folder, names, _ in os.walk(scratch) for name in names if name.endswith(".generated")]
    fragments = [b for b in found if b.kind == "fragment"]
    for block in fragments:
        compile_fragment(block, scratch, source, generated)
    for reason in dict.fromkeys(b.argument for b in found if b.kind == "exempt"):
        where = [b.where for b in found if b.kind == "exempt" and b.argument == reason]
        print(f"{where[0]}{f' and {len(where) - 1} more' if len(where) > 1 else ''}: not run: {reason}")
    print(f"{document}: {ran} listings ran, {len(script.dialogues)} outputs agreed, {len(fragments)} fragments compiled")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default=".")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory")
    parser.add_argument("document", help="relative to the source")
    arguments = parser.parse_args()
    source, build = os.path.abspath(arguments.source), os.path.abspath(arguments.build)
    scratch = tempfile.mkdtemp(prefix="stint-doc-")
    code = 0
    try:
        follow(arguments.document, source, build, scratch)
    except (Failed, Bad) as error:
        print(f"FAILED {error}\nagain: /usr/bin/python3 {sys.argv[0]} --source {source} --build {build} --keep {arguments.document}")
        code = 1
    finally:
        if arguments.keep:
            print(f"kept: {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
