#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a program takes in with libstint.so: test_library.py --source DIR --build DIR

exports    what the public headers declare with STINT_API is exported under STINT_0, and nothing else is
soname     the name it asks for at run time, what it needs, and that it brings no search path of its own
manners    it takes nothing from elsewhere that ends the process, touches signals or writes to the program's streams; and memory only
           in the two places that stand behind an allocator
state      it has no variable that can be written to
size       how large its text is, less than 1 MB; printed with all that comes with it
"""
import argparse
import glob
import os
import re
import subprocess
import sys

NODE = "STINT_0"  # of the version script
NEEDED = {"libsqlite3.so.0", "libsodium.so.23", "libzmq.so.5", "libjansson.so.4", "libc.so.6"}
TEXT_MAX = 1000 * 1000
BANNED = re.compile(r"""^(_?exit|_Exit|quick_exit|at_quick_exit|atexit|on_exit|abort|err|errx|verr|verrx|error|warn|warnx
    |signal|bsd_signal|sigaction|sigvec|sigset|sigprocmask|pthread_sigmask|raise|kill|alarm|setitimer|signalfd
    |(__)?v?[fd]?printf(_chk)?|puts|fputs|putchar|putc|fputc|fwrite|perror|psignal|syslog|stdin|stdout|stderr
    |fork|vfork|system|popen|exec\w+|posix_spawnp?|pthread_create|thrd_create
    |setlocale|uselocale|setenv|putenv|unsetenv|chdir|fchdir|umask|s?rand|s?random|setrlimit|strtok)$""", re.VERBOSE)
# The one place of each: what a broken assertion ends in; the thread of a client whose program asked for one (`own_thread`).
PLACES = {"abort": "panic.c.o", "pthread_create": "threads.c.o"}
ALLOCATES = re.compile(r"^(malloc|calloc|realloc|reallocarray|free|str(n)?dup|v?asprintf|posix_memalign|aligned_alloc|memalign|mmap|brk|sbrk)$")
ALLOCATORS = {"heap.c.o", "sysmem.c.o"}  # what a client and a node use when the program gives them no allocator
# What the compiler's own start and end of a shared object remember.
RUNTIME = {"completed.0", "__TMC_END__", "__dso_handle", "_DYNAMIC", "_GLOBAL_OFFSET_TABLE_", "__bss_start", "_edata", "_end"}


def tool(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def statements(header):
    """The header without comments and preprocessor lines, cut at each semicolon."""
    with open(header, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.DOTALL)
    text = re.sub(r"^[ \t]*#(.*\\\n)*.*$", "", text, flags=re.MULTILINE)
    return re.split(r"[;{}]", text)


def declared(source):
    """Function to header, of all that are part of the interface; and those that are declared without being exported."""
    functions, private = {}, []
    for header in sorted(glob.glob(os.path.join(source, "sdk/include/stint/*.h"))):
        for statement in statements(header):
            words = " ".join(statement.split())
            match = re.match(r"(?:extern \"C\" )?(STINT_API )?([\w* ]*?)\b(stint_\w+)\(", words)
            if match and match.group(1):
                functions[match.group(3)] = os.path.basename(header)
            elif match and match.group(2).strip() and not re.search(r"\b(static|typedef|return)\b|=", words):
                private.append(f"{os.path.basename(header)} declares {match.group(3)} without STINT_API: nobody can link with it")
    return functions, private


def check_exports(source, library):
    functions, faults = declared(source)
    exported = {}
    for line in tool("nm", "-D", "--defined-only", library).splitlines():
        _, kind, symbol = line.split()
        if symbol != NODE:  # the version itself
            name, _, version = symbol.partition("@@")
            exported[name] = (kind, version)
    for name in sorted(set(functions) - set(exported)):
        faults.append(f"{functions[name]} declares {name}, and the library has no such symbol: is it defined?")
    for name in sorted(set(exported) - set(functions)):
        faults.append(f"the library exports {name}, which no public header declares with STINT_API")
    for name, (kind, version) in exported.items():
        if (kind, version) != ("T", NODE):
            faults.append(f"{name} is exported as {kind} {version or 'without a version'}, not as a function of {NODE}")
    return faults, f"{len(exported)} functions exported, all declared"


def check_soname(_source, library):
    faults = []
    entries = re.findall(r"^ *0x\w+ +\((\w+)\) +(.*)$", tool("readelf", "-d", "-W", library), re.MULTILINE)
    values = {}
    for tag, value in entries:
        values.setdefault(tag, []).append(re.sub(r".*\[(.*)\].*", r"\1", value))
    if values.get("SONAME") != ["libstint.so.0"]:
        faults.append(f"the soname is {values.get('SONAME')}, not libstint.so.0")
    if set(values.get("NEEDED", [])) != NEEDED:
        faults.append(f"it needs {sorted(values.get('NEEDED', []))}, not {sorted(NEEDED)}: say in tests/consumer/test_library.py why")
    for tag in ("RPATH", "RUNPATH", "TEXTREL"):
        if tag in values:
            faults.append(f"it has {tag} {values[tag]}")
    return faults, f"soname libstint.so.0, {len(NEEDED)} libraries needed"


def check_manners(_source, library):
    faults, seen = [], 0
    for archive in sorted(glob.glob(os.path.join(os.path.dirname(library), "libstint_*.a"))):
        current = ""
        for line in tool("nm", "-u", archive).splitlines():
            if line.endswith(":"):
                current = os.path.basename(line[:-1])
            elif line.strip():
                seen += 1
                symbol = line.split()[-1].split("@")[0]
                if BANNED.match(symbol) and PLACES.get(symbol) != current:
                    faults.append(f"{os.path.basename(archive)}/{current} uses {symbol}")
                if ALLOCATES.match(symbol) and current not in ALLOCATORS:
                    faults.append(f"{os.path.basename(archive)}/{current} uses {symbol} past the allocator")
    for line in tool("nm", "-D", "-u", library).splitlines():
        symbol = line.split()[-1].split("@")[0]
        seen += 1
        if BANNED.match(symbol) and symbol not in PLACES:
            faults.append(f"the library uses {symbol}")
    if seen < 1000:
        faults.append(f"only {seen} symbols seen: is this the release build?")
    return faults, "no exit, no signals, no streams, no threads that were not asked for, no memory past the allocators"


def check_state(_source, library):
    faults = []
    for line in tool("nm", "-S", library).splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "bBdDgGsSC" and words[3] not in RUNTIME and not read_only_after_start(library, int(words[0], 16)):
            faults.append(f"{words[3]} ({int(words[1], 16)} bytes) can be written to")
    return faults, "no variable that can be written to"


def read_only_after_start(library, address):
    """Whether the loader makes that place read-only once it has put the addresses in."""
    match = re.search(r"GNU_RELRO +\S+ +(0x\w+) +\S+ +\S+ +(0x\w+)", tool("readelf", "-lW", library))
    begin, size = (int(word, 16) for word in match.groups())
    return begin <= address < begin + size


def check_size(_source, library):
    rows = [("libstint.so.0", library)]
    rows += re.findall(r"^\s*(\S+) => (/\S+)", tool("ldd", library), re.MULTILINE)
    table, total = [f"{'text':>10} {'data':>8}  library"], 0
    texts = []
    for name, path in rows:
        text, data, bss = (int(word) for word in tool("size", path).splitlines()[1].split()[:3])
        texts.append(text)
        total += text
        needed = "" if name == "libstint.so.0" or name in NEEDED else " (through another)"
        table.append(f"{text:>10} {data + bss:>8}  {name}{needed}")
    table.append(f"{total:>10} {'':>8}  in all, shared with whoever else uses them")
    print("\n".join(table))
    faults = [f"the text of libstint.so is {texts[0]} bytes, more than {TEXT_MAX}"] if texts[0] >= TEXT_MAX else []
    return faults + ([] if len(rows) > len(NEEDED) else ["the dependencies were not found"]), f"{texts[0]} bytes of text"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True)
    parser.add_argument("--build", required=True)
    args = parser.parse_args()
    library = os.path.join(args.build, "lib/libstint.so")
    failed = False
    for check in (check_exports, check_soname, check_manners, check_state, check_size):
        faults, summary = check(args.source, library)
        failed = failed or bool(faults)
        name = check.__name__.removeprefix("check_")
        print("\n".join([f"{name}: {fault}" for fault in faults] or [f"{name}: {summary}"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
