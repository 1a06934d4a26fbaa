# SPDX-License-Identifier: Apache-2.0
"""The live table: redrawn in place on a terminal, else a line now and then."""
import os
import shutil
import sys
import time

BAR = 24
PLAIN_EVERY = 2.0
COLOURS = {"up": "32", "draining": "33", "cordoned": "33", "suspect": "31", "down": "31"}


def number(value):
    """12345678 as 12 345 678."""
    return f"{value:,}".replace(",", " ")


def size(count):
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


class Screen:
    def __init__(self, out=sys.stdout):
        self.out = out
        self.terminal = out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.colours = self.terminal and not os.environ.get("NO_COLOR")
        self.started = time.monotonic()
        self.height = 0
        self.plain_at = 0.0

    def paint(self, text, code):
        return f"\x1b[{code}m{text}\x1b[0m" if self.colours and code else text

    def say(self, text):
        """A line that stays."""
        self.clear()
        print(text, file=self.out, flush=True)

    def clear(self):
        if self.terminal and self.height:
            self.out.write(f"\x1b[{self.height}A\x1b[J")
            self.height = 0

    def show(self, state, urgent=False):
        """`state`: phase, nodes, words, rate, passes, moves, in_flight, imbalance."""
        if self.terminal:
            self._draw(state)
        elif urgent or time.monotonic() >= self.plain_at:
            self.plain_at = time.monotonic() + PLAIN_EVERY
            self._line(state)

    def _line(self, state):
        nodes = "  ".join(f"{n['name']} {n['tasklets']:>4}{'' if n['state'] == 'up' else ' ' + n['state']}" for n in state["nodes"])
        print(f"{time.monotonic() - self.started:6.1f} s  {state['phase']:<9}  tasklets {nodes}  moves {state['moves']:>5}  "
              f"{number(state['words'])} words, {number(state['rate'])}/s", file=self.out, flush=True)

    def _draw(self, state):
        most = max([n["tasklets"] for n in state["nodes"]] + [1])
        rows = [f"  {'node':<6}{'state':<11}{'tasklets':<{BAR + 7}}{'load':>6}{'cpu':>7}{'in':>7}{'out':>7}"]
        for n in state["nodes"]:
            filled = round(BAR * n["tasklets"] / most)
            bar = self.paint("#" * filled, COLOURS.get(n["state"])) + self.paint("." * (BAR - filled), "2")
            rows.append(f"  {n['name']:<6}{self.paint(f'''{n['state']:<11}''', COLOURS.get(n['state']))}{bar} {n['tasklets']:<6}"
                        f"{n['load']:>6.2f}{100 * n['cpu']:>6.0f}%{n['moves_in']:>7}{n['moves_out']:>7}")
        rows.append(f"  {self.paint(state['phase'], '1')}: {state['moves']} moves, {state['in_flight']} under way; "
                    f"{state['passes']} passes, {number(state['words'])} words, {number(state['rate'])} words/s; "
                    f"{time.monotonic() - self.started:.0f} s")
        if not self.colours:
            width = shutil.get_terminal_size().columns - 1
            rows = [row[:width] for row in rows]
        self.clear()
        self.out.write("\n".join(rows) + "\n")
        self.out.flush()
        self.height = len(rows)
