#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What bash, zsh and fish make of the completions of stint and stintd: test_completion.py --build DIR

Each shell runs interactively on a terminal of its own, takes a line, completes it with all that fits, and prints the words that stand
there then. `tests/unit/cli/test_complete.c` has all lines; those here are the ones that shells treat differently.
"""
import argparse
import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import time

WITHIN = 20  # seconds
END = "<end>"
FLAGS_OF_DRAIN = "--to --rate --leave --wait"
# The line, and what it is completed to (its last word replaced by all candidates).
LINES = [
    ("stint clu", "cluster"),
    ("stint node ", "list describe cordon uncordon drain stop"),
    ("stint node dr", "drain"),
    ("stint -o json node dr", "drain"),
    ("stint --output=json node dr", "drain"),
    ("stint -e tcp://127.0.0.1:1 node dr", "drain"),
    ("stint --endpoint tcp://127.0.0.1:1 --identity ops migration ", "list describe"),
    ("stint --ins", "--insecure"),
    ("stint node drain n1 ", FLAGS_OF_DRAIN),
    ("stint node drain n1 --le", "--leave"),
    ("stint -o ", "table wide json jsonl name"),
    ("stint --output=js", "--output=json --output=jsonl"),
    ("stint tasklet wait ab --for ", "ended moved blocked"),
    ("stint tasklet wait ab --for=m", "--for=moved"),
    ("stint tasklet spawn tally/Tally --args '{\"a\":1}' --pin", "--pinned"),
    ("stint keys issue ", "node client operator observer"),
    ("stint cluster balancer o", "on off"),
    ("stint completion ", "bash zsh fish"),
    ("stint help node dr", "drain"),
    ("stint tasklet import one", "one.pickle one_more.pickle one_folder"),
    ("stint tasklet export ab -f sub/in", "sub/inner.pickle"),
    ("stint --keys on", "one_folder"),
    ("stint --keys=on", "--keys=one_folder"),
    ("stint node describe ", ""),  # there is no cluster
    ("stintd --log-f", "--log-format"),
    ("stintd --name n1 --det", "--detect"),
    ("stintd --detect ", "normal fast"),
    ("stintd --found --log-level w", "warn"),
    ("stintd --config one", "one.pickle one_more.pickle one_folder"),
    ("stintd --data on", "one_folder"),
]


class Failed(Exception):
    pass


class Terminal:
    """A shell on a terminal; what it prints is read until a mark has come."""

    def __init__(self, argv, environment, folder):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, environment)
        self.pid = pid
        self.seen = b""

    def send(self, text):
        os.write(self.fd, text.encode())

    def until(self, mark):
        """What came before the mark."""
        mark, end = mark.encode(), time.monotonic() + WITHIN
        while mark not in self.seen:
            readable, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            try:
                more = os.read(self.fd, 65536) if readable else b""
            except OSError:
                more = b""
            if not more:
                raise Failed(f"no {mark} within {WITHIN} s; the terminal shows {self.seen[-2000:]!r}")
            self.seen += more
        before, _, self.seen = self.seen.partition(mark)
        return before.decode(errors="replace")

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


# Each prints, for a line with all candidates put in, its words one a line between <begin> and <end>. The program's name is made an
# argument of that printing; the marks are written so that the echo of what is typed does not look like them.
PRINT = "shown() { printf '<%s>\\n' be''gin \"$@\" en''d; }\n"


def read_words(terminal):
    terminal.until("<begin>")
    return [line.strip().removeprefix("<").removesuffix(">") for line in terminal.until(END).splitlines() if line.strip()]


class Bash:
    argv = ["bash", "--norc", "--noprofile", "-i"]

    def __init__(self, environment, folder):
        self.terminal = Terminal(self.argv, environment, folder)
        # M-* puts in all that fits; \C-a goes to the begin of the line.
        self.terminal.send("bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; stty -echo\n" + PRINT
                           + "source $COMPLETION/stint; source $COMPLETION/stintd; shown ready\n")
        read_words(self.terminal)

    def complete(self, line):
        self.terminal.send(line + "\x1b*\x01shown \x05\n")
        return read_words(self.terminal)

    def close(self):
        self.terminal.close()


class Zsh(Bash):
    argv = ["zsh", "-f", "-i"]

    def __init__(self, environment, folder):
        self.terminal = Terminal(self.argv, environment, folder)
        self.terminal.send("unsetopt zle_bracketed_paste; PS1= RPS1=; autoload -Uz compinit; compinit -u -d .zcompdump\n" + PRINT
                           + "zle -C all-matches complete-word _generic; bindkey '\\e*' all-matches; bindkey '^A' beginning-of-line\n"
                           + "zstyle ':completion:all-matches:*' insert yes\n"
                           + "zstyle ':completion:all-matches::::' completer _all_matches _complete\n"
                           + "unset zle_bracketed_paste; source $COMPLETION/_stint; source $COMPLETION/_stintd; shown ready\n")
        read_words(self.terminal)


class Fish:
    """It lists candidates without a terminal, each whole."""

    def __init__(self, environment, folder):
        self.environment, self.folder = environment, folder

    def complete(self, line):
        script = 'source $COMPLETION/stint.fish; source $COMPLETION/stintd.fish; complete -C "$argv[1]"'
        done = subprocess.run(["fish", "--no-config", "-c", script, line], env=self.environment, cwd=self.folder, capture_output=True,
                              text=True, timeout=WITHIN, stdin=subprocess.DEVNULL)
        if done.returncode != 0 or done.stderr:
            raise Failed(f"fish ended with {done.returncode}: {done.stderr}")
        return line.split(" ")[:-1] + [candidate.split("\t")[0] for candidate in done.stdout.splitlines()]

    def close(self):
        pass


SHELLS = {"bash": Bash, "zsh": Zsh, "fish": Fish}


def check(shell, environment, folder):
    runner = SHELLS[shell](environment, folder)
    try:
        for line, wanted in LINES:
            words = runner.complete(line)
            begin = line.split(" ")[:-1]
            if shell != "fish":  # the words were read by the shell
                begin = [word.replace("'", "") for word in begin]
            expected = begin + (wanted.split(" ") if wanted else [])
            if shell == "bash" and "=" in wanted:  # to it the flag and its value are two words
                expected = expected[:len(begin) + 1] + [word.split("=")[1] for word in expected[len(begin) + 1:]]
            words = [word.removesuffix("/") for word in words]
            if sorted(words) != sorted(expected):  # each shell has an order of its own
                raise Failed(f"{shell}: `{line}` becomes {words}, not {expected}")
    finally:
        runner.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("shells", nargs="*", default=list(SHELLS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stint-completion-") as folder:
        for name in ("one.pickle", "one_more.pickle", "sub/inner.pickle", "one_folder/x"):
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "w", encoding="utf-8"):
                pass
        environment = {"PATH": os.path.abspath(os.path.join(args.build, "bin")) + ":/usr/bin:/bin", "HOME": folder, "TERM": "dumb",
                       "LC_ALL": "C.UTF-8", "PS1": "", "COMPLETION": os.path.abspath(os.path.join(args.build, "completion"))}
        for shell in args.shells:
            if shutil.which(shell) is None:
                raise Failed(f"{shell} is not installed; deploy/deps installs it")
            check(shell, environment, folder)
            print(f"{shell}: {len(LINES)} lines completed")


if __name__ == "__main__":
    try:
        main()
    except (Failed, subprocess.TimeoutExpired) as failure:
        print(f"test_completion.py: {failure}", file=sys.stderr)
        sys.exit(1)
