# SPDX-License-Identifier: Apache-2.0
"""The layer table of ARCHITECTURE.md as data."""
import collections

# Layer: its folder; which includes of the project it may use besides its own; which layers its library is linked with (None: it is no
# library of its own); outside libraries; whether it is pure, that is, calls nothing of the world.
Layer = collections.namedtuple("Layer", "folder includes below outside pure")

LAYERS = {
    "base": Layer("proto/base", ["stint/"], [], [], True),
    "wire": Layer("proto/wire", ["stint/", "base/", "schema/"], ["base", "schema"], ["protobuf-nanopb", "sodium"], True),
    "link": Layer("proto/link", ["stint/", "base/", "schema/", "wire/"], ["base", "schema", "wire"],
                  ["zmq", "sodium", "protobuf-nanopb"], False),
    "cluster": Layer("cluster", ["stint/", "base/", "schema/", "wire/"], ["base", "schema", "wire"], ["protobuf-nanopb", "sodium"], True),
    "kernel": Layer("node/kernel", ["stint/", "base/", "schema/"], ["base", "schema"], ["protobuf-nanopb"], True),
    "core": Layer("node/core", ["stint/", "base/", "schema/", "wire/", "cluster/", "kernel/"],
                  ["base", "schema", "wire", "cluster", "kernel"], ["protobuf-nanopb", "sodium"], True),
    "store": Layer("node/store", ["stint/", "base/", "schema/", "wire/"], ["base", "schema", "wire"],
                   ["sqlite3", "sodium", "protobuf-nanopb"], False),
    "module": Layer("node/module", ["stint/", "base/", "schema/", "kernel/"], ["base", "schema", "kernel"],
                    ["protobuf-nanopb", "dl"], False),
    "host": Layer("node/host", ["stint/", "base/", "schema/", "wire/", "link/", "store/", "module/", "core/"],
                  ["base", "schema", "wire", "link", "store", "module", "kernel", "cluster", "core"],
                  ["zmq", "sodium", "protobuf-nanopb", "sqlite3", "dl"], False),
    "daemon": Layer("node/daemon", ["stint/"], None, [], False),
    "client": Layer("sdk/client", ["stint/", "base/", "schema/", "wire/", "link/"], ["base", "schema", "wire", "link"],
                    ["zmq", "sodium", "protobuf-nanopb", "jansson"], False),
    "cli": Layer("sdk/cli", ["stint/"], None, [], False),
    "sdk": Layer("sdk/include/stint", ["stint/"], None, [], True),
}

# Where "x/y.h" and <x/y.h> of the project are looked for.
INCLUDE_ROOTS = ("sdk/include", "proto", "node", "sdk", "")

# All that a pure layer may include of the C library.
PURE_HEADERS = {"stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "inttypes.h", "limits.h", "string.h"}

# Headers from outside that belong to certain layers, by how their names begin.
HEADER_OWNERS = {
    "pb": {"wire", "cluster", "kernel", "core", "client", "sdk"},
    "sodium": {"wire", "client"},
    "zmq": {"link"},
    "sqlite3": {"store"},
    "jansson": {"client", "cli"},
    "dlfcn.h": {"module"},
    "signal.h": {"daemon", "cli"},  # a node in a program leaves its signals alone
    "pthread.h": set(),
    "threads.h": set(),
    "stdatomic.h": set(),
}

# The few that need another one, with the reason.
HEADER_WAIVERS = {
    ("proto/base/panic.c", "unistd.h"): "the last words of a failed assertion",
    ("proto/base/panic.c", "stdlib.h"): "abort",
    ("proto/base/text.c", "stdio.h"): "vsnprintf, which formats and does no I/O",
    ("sdk/client/threads.h", "pthread.h"): "a client is used by several threads; all that knows of them is here",
    ("sdk/client/threads.c", "signal.h"): "the library's thread leaves the program's signals to the program's threads",
}

# Symbols the pure layers may take from outside the project.
SYMBOLS = {"memcpy", "memmove", "memset", "memcmp", "memchr", "memrchr", "strlen", "strnlen", "strcmp", "strncmp", "strchr", "strrchr", "strstr",
           "strspn", "strcspn", "strpbrk", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_", "__memcpy_chk", "__memset_chk", "__memmove_chk",
           "bsearch"}
# And those that only one file may.
SYMBOL_WAIVERS = {"abort": "base/panic.c", "write": "base/panic.c", "vsnprintf": "base/text.c", "__vsnprintf_chk": "base/text.c"}
SYMBOL_PREFIXES = {"base": (), "wire": ("pb_", "crypto_", "sodium_"), "cluster": ("pb_",), "kernel": ("pb_",), "core": ("pb_", "sodium_")}
# libsodium's own sources of entropy: the machines take theirs from their seed.
SYMBOLS_BANNED = r"randombytes|crypto_.*(?<!seed)_keypair$|crypto_.*_keygen$"

# Sections of constants that hold addresses: writable for the dynamic linker only. The last two are where types and resume points
# register themselves (stint/tasklet.h).
CONSTANT_SECTIONS = (".data.rel.ro", "stint_types", "stint_points")
