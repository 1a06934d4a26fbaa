# SPDX-License-Identifier: Apache-2.0
"""The layers, and who stands on what."""
from svg import Picture


def picture():
    p = Picture(780, 420, "The layers of Stint")
    p.text(20, 30, "a member of the cluster", "small")
    p.text(560, 30, "outside of it", "small")
    p.box(20, 40, 150, 50, "d", "stintd", "a thin main")
    p.box(180, 40, 160, 50, "d", "your program", "with a node in it")
    p.box(350, 40, 160, 50, "d", "modules", "your tasklets: shop.so")
    p.box(560, 40, 95, 50, "d", "stint", "the tool")
    p.box(665, 40, 95, 50, "d", "programs", "yours")
    p.box(20, 110, 490, 50, "a", "the node library: stint/node.h", "clock, sockets, SQLite, loading of modules")
    p.box(560, 110, 200, 50, "a", "libstint", "stint/client.h, stint/admin.h")
    p.box(20, 180, 490, 50, "b", "a node as one machine", "an event goes in, effects come out, nothing else happens")
    p.box(20, 240, 240, 60, "b", "the kernel", "tasklets, channels, pickles")
    p.box(270, 240, 240, 60, "b", "the cluster part", "members, places, moves, balance")
    p.box(560, 180, 200, 120, "b", "a client as one machine", "requests, repetition,", "reconnecting")
    p.box(20, 320, 740, 40, "c", "the wire: sessions, certificates, messages  ·  ZeroMQ with CURVE")
    p.line(390, 360, 390, 376)
    p.text(390, 398, "other nodes, other clients", "text", "middle")
    return p
