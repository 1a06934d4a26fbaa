# SPDX-License-Identifier: Apache-2.0
"""The life of a move: protocol M as a sequence of messages."""
from svg import Picture

S, D = 250, 600  # the two lines of life


def picture():
    p = Picture(830, 560, "The life of a move from node S to node D")
    p.box(S - 75, 16, 150, 44, "a", "node S", "has the tasklet")
    p.box(D - 75, 16, 150, 44, "a", "node D", "is to get it")
    p.line(S, 60, S, 530)
    p.line(D, 60, D, 530)

    p.put("rect", x=S - 8, y=66, width=16, height=126, class_="b")
    p.text(S - 20, 110, "the tasklet runs on S", "text", "end")
    p.arrow(S, 90, D, 108, "OFFER: module, code, size")
    p.text(D + 14, 126, "is there room,", "small")
    p.text(D + 14, 142, "is the code there?", "small")
    p.arrow(D, 140, S, 158, "ACCEPT")

    p.put("rect", x=S - 8, y=192, width=16, height=168, class_="c")
    p.text(S - 20, 200, "frozen where it waits,", "text", "end")
    p.text(S - 20, 218, "written down as bytes", "text", "end")
    p.arrow(S, 222, D, 246, "TRANSFER: the pickle, in pieces")
    p.text(D + 14, 262, "every byte is checked,", "small")
    p.text(D + 14, 278, "the tasklet is built,", "small")
    p.text(D + 14, 294, "and does not run yet", "small")
    p.put("rect", x=D - 8, y=246, width=16, height=166, class_="c")
    p.arrow(D, 300, S, 320, "PREPARED")

    p.line(20, 360, 810, 360, "mark", stroke_dasharray="7 5")
    p.text(24, 352, "the commit point", "marktext")
    p.text(24, 380, "above it belongs to S, below to D", "small")
    p.arrow(S, 386, D, 408, "COMMIT", "mark")

    p.put("rect", x=D - 8, y=412, width=16, height=118, class_="b")
    p.text(D + 14, 430, "runs on D", "text")
    p.text(D + 14, 448, "what it waited for", "small")
    p.text(D + 14, 464, "is asked for again,", "small")
    p.text(D + 14, 480, "at the same place", "small")
    p.arrow(D, 446, S, 466, "DONE")
    p.text(S - 20, 484, "S forgets it, and for a while", "small", "end")
    p.text(S - 20, 500, "tells who asks where it went", "small", "end")

    p.line(794, 192, 794, 412)
    p.line(788, 192, 800, 192)
    p.line(788, 412, 800, 412)
    p.put("text", "stands still: milliseconds", class_="text", text_anchor="middle", transform="translate(784 276) rotate(-90)")
    p.text(415, 548, "If S or D dies in between, the list of members decides who has it; never a clock.", "small", "middle")
    return p
