#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what a command shows on a terminal and makes an animated SVG of it: record.py [--out FILE.svg] [COMMAND...]

The command runs on a pseudo terminal; what it prints is kept with its times, long waits are shortened, and each state of the screen becomes
a picture of a strip that CSS moves on. Nothing is loaded from elsewhere and nothing is executed. Default: deploy/demo, to demo.svg.
"""
import argparse
import codecs
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from xml.sax.saxutils import escape

HERE = os.path.dirname(os.path.abspath(__file__))
COLUMNS, ROWS = 92, 17
CELL_X, CELL_Y, MARGIN = 8.1, 18, 14
WAIT_MAX, EACH_MIN, LAST = 0.9, 0.12, 6.0  # seconds: a picture at most, at least, and the last one
PICTURES_MAX = 90
COLOURS = {"31": "#ff7b72", "32": "#3fb950", "33": "#d29922", "34": "#58a6ff", "35": "#bc8cff", "36": "#39c5cf", "2": "#6e7681"}


class Screen:
    """As much of a terminal as the programs of this project use."""

    def __init__(self):
        self.lines, self.row, self.column, self.style = [[]], 0, 0, ""

    def feed(self, text):
        for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+|\x1b", text):
            if piece == "\n":
                self.row += 1
            elif piece == "\r":
                self.column = 0
            elif piece.startswith("\x1b["):
                self.control(piece[2:-1], piece[-1])
            elif piece != "\x1b":
                self.write(piece)
            while len(self.lines) <= self.row:
                self.lines.append([])

    def control(self, arguments, what):
        count = int(arguments) if arguments.isdigit() else 1
        if what == "A":
            self.row = max(0, self.row - count)
        elif what == "J":
            del self.lines[self.row + 1:]
            del self.lines[self.row][self.column:]
        elif what == "K":
            del self.lines[self.row][self.column:]
        elif what == "m":
            self.style = arguments if arguments not in ("", "0") else ""

    def write(self, text):
        line = self.lines[self.row]
        line += [(" ", "")] * (self.column - len(line))
        line[self.column:self.column + len(text)] = [(c, self.style) for c in text]
        self.column += len(text)

    def picture(self):
        """What is to be seen: the last rows, each a tuple of (text, style)."""
        rows = []
        for line in self.lines[-ROWS:] if self.lines[-1] else self.lines[-ROWS - 1:-1]:
            runs = []
            for c, style in line[:COLUMNS]:
                if runs and runs[-1][1] == style:
                    runs[-1][0] += c
                else:
                    runs.append([c, style])
            rows.append(tuple((text, style) for text, style in runs))
        return tuple(rows)


def record(command):
    """[(seconds, picture)]: what is on the screen from when on."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
        os.environ.pop("NO_COLOR", None)
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    decoder, screen, began, pictures = codecs.getincrementaldecoder("utf-8")("replace"), Screen(), time.monotonic(), []
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        screen.feed(decoder.decode(data))
        sys.stderr.write(".")
        sys.stderr.flush()
        # What is drawn in several pieces is one picture.
        if not select.select([terminal], [], [], 0.02)[0]:
            now = screen.picture()
            if not pictures or pictures[-1][1] != now:
                pictures.append((time.monotonic() - began, now))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    sys.stderr.write("\n")
    if status != 0:
        raise SystemExit(f"record.py: `{' '.join(command)}` ended with {status}")
    return pictures


def thinned(pictures):
    """Fewer of those that follow fast on each other."""
    pace = EACH_MIN
    while True:
        kept = []
        for at, picture in pictures:
            if kept and at - kept[-1][0] < pace:
                kept[-1] = (kept[-1][0], picture)
            else:
                kept.append((at, picture))
        if len(kept) <= PICTURES_MAX:
            return kept
        pace *= 1.2


def drawing(pictures, title):
    width, height = round(COLUMNS * CELL_X + 2 * MARGIN), ROWS * CELL_Y + 2 * MARGIN + 24
    times, total = [], 0.0
    for i, (at, _) in enumerate(pictures):
        times.append(total)
        total += min(WAIT_MAX, pictures[i + 1][0] - at) if i + 1 < len(pictures) else LAST
    steps = "".join(f"{100 * at / total:.2f}%{{transform:translateY({-i * height}px)}}" for i, at in enumerate(times))
    last = -(len(pictures) - 1) * height
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">',
           f"<title>{escape(title)}</title>", "<style>",
           "text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#e6edf3;white-space:pre}",
           f".strip{{transform:translateY({last}px);animation:play {total:.2f}s step-end infinite}}",
           f"@keyframes play{{{steps}}}", "@media (prefers-reduced-motion:reduce){.strip{animation:none}}", "</style>",
           f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117" stroke="#3d444d"/>',
           '<circle cx="20" cy="18" r="5" fill="#ff5f56"/><circle cx="38" cy="18" r="5" fill="#ffbd2e"/><circle cx="56" cy="18" r="5" fill="#27c93f"/>',
           f'<text x="{width / 2:g}" y="22" text-anchor="middle" style="fill:#9198a1">{escape(title)}</text>',
           f'<svg y="30" width="{width}" height="{height - 30}"><g class="strip">']
    for i, (_, picture) in enumerate(pictures):
        for row, runs in enumerate(picture):
            text = "".join(span(text, style) for text, style in runs)
            if text.strip():
                out.append(f'<text x="{MARGIN}" y="{i * height + row * CELL_Y + 18}" xml:space="preserve">{text}</text>')
    return "\n".join([*out, "</g></svg>", "</svg>"]) + "\n"


def span(text, style):
    if style in COLOURS:
        return f'<tspan fill="{COLOURS[style]}">{escape(text)}</tspan>'
    return f'<tspan font-weight="bold">{escape(text)}</tspan>' if style == "1" else escape(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.path.join(HERE, "demo.svg"))
    parser.add_argument("command", nargs="*", default=["deploy/demo"])
    arguments = parser.parse_args()
    pictures = thinned(record(arguments.command))
    with open(arguments.out, "w", encoding="utf-8") as file:
        file.write(drawing(pictures, "$ " + " ".join(arguments.command)))
    print(f"{len(pictures)} pictures, {os.path.getsize(arguments.out)} bytes")


if __name__ == "__main__":
    main()
