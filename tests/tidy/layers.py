# SPDX-License-Identifier: Apache-2.0
"""The layer table of ARCHITECTURE.md as data: folder, which includes it may use, libraries it is linked with, whether it is pure."""

# name: (folder, include prefixes it may use besides its own, layers its library links, outside libraries, pure)
LAYERS = {
    "base": ("proto/base", ["stint/"], [], [], True),
    "wire": ("proto/wire", ["stint/", "base/", "schema/"], ["base", "schema"], ["protobuf-nanopb", "sodium"], True),
    "link": ("proto/link", ["stint/", "base/", "schema/", "wire/"], ["base", "schema", "wire"], ["zmq", "sodium", "protobuf-nanopb"], False),
    "cluster": ("cluster", ["stint/", "base/", "schema/", "wire/"], ["base", "schema", "wire"], ["protobuf-nanopb", "sodium"], True),
    "kernel": ("node/kernel", ["stint/", "base/", "schema/"], ["base", "schema"], ["protobuf-nanopb"], True),
    "core": ("node/core", ["stint/", "base/", "schema/", "wire/", "cluster/", "kernel/"],
             ["base", "schema", "wire", "cluster", "kernel"], ["protobuf-nanopb", "sodium"], True),
    "store": ("node/store", ["stint/", "base/", "schema/", "wire/"], ["base", "schema", "wire"], ["sqlite3", "sodium", "protobuf-nanopb"], False),
    "module": ("node/module", ["stint/", "base/", "schema/", "kernel/"], ["base", "schema", "kernel"], ["protobuf-nanopb", "dl"], False),
    "host": ("node/host", ["stint/", "base/", "schema/", "wire/", "link/", "store/", "module/", "core/"],
             ["base", "schema", "wire", "link", "store", "module", "kernel", "cluster", "core"],
             ["zmq", "sodium", "protobuf-nanopb", "sqlite3", "dl"], False),
    "daemon": ("node/daemon", ["stint/"], None, [], False),
    "client": ("sdk/client", ["stint/", "base/", "schema/", "wire/", "link/"], ["base", "schema", "wire", "link"],
               ["zmq", "sodium", "protobuf-nanopb", "jansson"], False),
    "cli": ("sdk/cli", ["stint/"], None, [], False),
    "sdk": ("sdk/include/stint", ["stint/"], None, [], True),
}

# System headers a pure layer may not include at all.
IMPURE_HEADERS = {"stdio.h", "time.h", "unistd.h", "pthread.h", "signal.h", "fcntl.h", "errno.h", "stdlib.h", "zmq.h", "sqlite3.h",
                  "jansson.h", "threads.h", "stdatomic.h", "dlfcn.h", "sys/time.h", "sys/socket.h", "poll.h", "sys/types.h"}

# The few that need one, with the reason.
HEADER_WAIVERS = {
    ("proto/base/panic.c", "unistd.h"): "the last words of a failed assertion",
    ("proto/base/panic.c", "stdlib.h"): "abort",
    ("proto/base/text.c", "stdio.h"): "vsnprintf, which formats and does no I/O",
}

# Symbols the pure layers may take from outside the project.
SYMBOLS = {"memcpy", "memmove", "memset", "memcmp", "memchr", "memrchr", "strlen", "strnlen", "strcmp", "strncmp", "strchr", "strrchr", "strstr",
           "strspn", "strcspn", "strpbrk", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_", "abort", "write", "vsnprintf", "__memcpy_chk",
           "__memset_chk", "__memmove_chk", "__vsnprintf_chk", "bsearch"}
SYMBOL_WAIVERS = {"abort": "panic", "write": "panic", "vsnprintf": "text", "__vsnprintf_chk": "text"}
SYMBOL_PREFIXES = {"wire": ("pb_", "crypto_", "sodium_"), "cluster": ("pb_", "crypto_", "sodium_"), "kernel": ("pb_",),
                   "core": ("pb_", "crypto_", "sodium_"), "base": ()}
# libsodium's own sources of entropy: the machines take theirs from their seed.
SYMBOLS_BANNED = ("randombytes", "crypto_box_keypair", "crypto_sign_keypair", "crypto_kdf_keygen")
