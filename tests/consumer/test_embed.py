#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples of nodes inside of programs do what their READMEs say: test_embed.py --build DIR"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

WITHIN = 60  # seconds for each program
READY = ["left is ready", "right is ready"]


class Failed(Exception):
    pass


def run(argv, **options):
    return subprocess.run(argv, capture_output=True, text=True, timeout=WITHIN, **options)


def expect(what, done, code, out, err=""):
    """`out` and `err` are regular expressions for all of the two outputs."""
    if done.returncode != code or not re.fullmatch(out, done.stdout) or not re.fullmatch(err, done.stderr):
        raise Failed(f"{what} ended with {done.returncode}:\n{done.stdout}{done.stderr}--- wanted {code}:\n{out}{err}")


def answers(lines):
    """Every second one is the last at a place."""
    return [f"{number} {line.upper()} ({'right' if (number - 1) // 2 % 2 else 'left'})" for number, line in enumerate(lines, 1)]


def check_poll(program, scratch):
    data = os.path.join(scratch, "poll")
    lines = [f"line {i}" for i in range(1, 24)]
    whole = "\n".join(READY + answers(lines) + ["all is closed", ""])
    # Twice: the second time both nodes come back to the data of the first.
    for text in ("\n".join(lines), "\n\n".join(lines) + "\n"):
        expect("embed-poll", run([program, data], input=text), 0, re.escape(whole))
    # Standard input is one descriptor of the loop: who types is answered before the next line.
    talk = subprocess.Popen([program, data], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        seen = [talk.stdout.readline().strip() for _ in READY]
        for line in lines[:5]:
            talk.stdin.write(line + "\n")
            talk.stdin.flush()
            seen.append(talk.stdout.readline().strip())
        if seen != READY + answers(lines[:5]):
            raise Failed(f"embed-poll answered {seen}")
        expect("embed-poll on data in use", run([program, data], stdin=subprocess.DEVNULL), 1, "all is closed\n",
               "embed-poll: left: .*: another node uses it.*\n")
        out, err = talk.communicate(timeout=WITHIN)
        if (talk.returncode, out, err) != (0, "all is closed\n", ""):
            raise Failed(f"embed-poll ended with {talk.returncode}: {out}{err}")
    finally:
        if talk.poll() is None:
            talk.kill()
            talk.communicate()
    expect("embed-poll without a folder", run([program]), 2, "", "usage: embed-poll DIR .*\n")


def check_thread(program, scratch, stint):
    good = r'total \{"sum":5050,"readings":100\}\nthe node left 0 bytes of up to [1-9][0-9]+\n'
    data, keys = os.path.join(scratch, "thread"), os.path.join(scratch, "keys")
    for _ in range(2):
        expect("embed-thread", run([program, data]), 0, good)
        with open(os.path.join(data, "node.log"), encoding="utf-8") as log:
            if "member of the cluster" not in log.read():
                raise Failed("the node's log is not in embed-thread's file")
    for argv in (["keys", "init"], ["keys", "issue", "node", "meter"]):
        done = run([stint, "--keys", keys] + argv, env=dict(os.environ, LC_ALL="C"))
        if done.returncode != 0:
            raise Failed(done.stderr)
    secure = os.path.join(scratch, "secure")
    expect("embed-thread without a client's key", run([program, secure, keys]), 1, "the node left 0 bytes .*\n",
           "embed-thread: .*client-meter.*\n")
    run([stint, "--keys", keys, "keys", "issue", "client", "meter"])
    expect("embed-thread with keys", run([program, secure, keys]), 0, good)
    expect("embed-thread with keys on data of another cluster", run([program, data, keys]), 1, "", "embed-thread: .*another cluster.*\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    build = os.path.abspath(parser.parse_args().build)
    with tempfile.TemporaryDirectory(prefix="stint-embed-") as scratch:
        check_poll(os.path.join(build, "bin/embed-poll"), scratch)
        check_thread(os.path.join(build, "bin/embed-thread"), scratch, os.path.join(build, "bin/stint"))
    print("embed-poll and embed-thread do what they say")


if __name__ == "__main__":
    try:
        main()
    except (Failed, subprocess.TimeoutExpired) as failure:
        print(f"test_embed.py: {failure}", file=sys.stderr)
        sys.exit(1)
