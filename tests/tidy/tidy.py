#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The locks that keep the architecture: tidy.py includes|link|symbols|globals|files --source DIR [--build DIR]

includes  every #include of a layer stands in the layer's row of the table
link      each layer's library links into a shared object with nothing but the layers below it
symbols   a pure layer takes only allowed symbols from outside (no clock, rand, malloc, socket, stdio)
globals   a pure layer has no writable variable outside a function's frame
files     sizes, licence lines, leftover markers, sleeps in tests
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layers as table

faults = []


def fault(text):
    faults.append(text)


def sources(root, folder):
    return sorted(glob.glob(os.path.join(root, folder, "*.[ch]")))


def check_includes(args):
    seen = 0
    for name, (folder, allowed, _, _, pure) in table.LAYERS.items():
        for path in sources(args.source, folder):
            relative = os.path.relpath(path, args.source)
            own = os.path.basename(folder) + "/"
            for number, line in enumerate(open(path, encoding="utf-8"), 1):
                quoted = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                system = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
                if quoted:
                    seen += 1
                    target = quoted.group(1)
                    local = "/" not in target and os.path.exists(os.path.join(os.path.dirname(path), target))
                    if not local and not target.startswith(own) and not any(target.startswith(p) for p in allowed):
                        fault(f"{relative}:{number}: layer {name} may not include \"{target}\"")
                if system and pure and system.group(1) in table.IMPURE_HEADERS:
                    if (relative, system.group(1)) not in table.HEADER_WAIVERS:
                        fault(f"{relative}:{number}: pure layer {name} may not include <{system.group(1)}>")
    if seen < 100:
        fault(f"only {seen} includes seen: is the table still right?")
    return f"{seen} includes"


def library(args, name):
    return os.path.join(args.build, "lib", f"libstint_{name}.a")


def check_link(args):
    count = 0
    for name, (_, _, below, outside, _) in table.LAYERS.items():
        if below is None:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            command = ["cc", "-shared", "-o", os.path.join(scratch, "x.so"), "-Wl,--no-undefined", "-Wl,--whole-archive", library(args, name),
                       "-Wl,--no-whole-archive", "-Wl,--start-group"] + [library(args, b) for b in below] + ["-Wl,--end-group"] + \
                      [f"-l{o}" for o in outside]
            done = subprocess.run(command, capture_output=True, text=True)
            count += 1
            if done.returncode != 0:
                lines = [l for l in done.stderr.splitlines() if "undefined" in l] or done.stderr.splitlines()
                fault(f"layer {name} does not link alone: {'; '.join(lines[:3])}")
    return f"{count} layers linked alone"


def undefined(path):
    by_object, current = {}, ""
    for line in subprocess.run(["nm", "-u", path], capture_output=True, text=True, check=True).stdout.splitlines():
        if line.endswith(":"):
            current = os.path.basename(line[:-1])
        elif line.strip():
            by_object.setdefault(current, set()).add(line.split()[-1].split("@")[0])
    return by_object


def defined(path):
    text = subprocess.run(["nm", "--defined-only", path], capture_output=True, text=True, check=True).stdout
    return {line.split()[2] for line in text.splitlines() if len(line.split()) == 3}


def check_symbols(args):
    count = 0
    for name, prefixes in table.SYMBOL_PREFIXES.items():
        below = table.LAYERS[name][2]
        own = defined(library(args, name)).union(*[defined(library(args, b)) for b in below])
        for object_name, symbols in undefined(library(args, name)).items():
            for symbol in sorted(symbols - own):
                count += 1
                if symbol.startswith(table.SYMBOLS_BANNED):
                    fault(f"{name}/{object_name} uses {symbol}: randomness comes from the machine's generator")
                elif symbol in table.SYMBOL_WAIVERS and table.SYMBOL_WAIVERS[symbol] + ".c" not in object_name:
                    fault(f"{name}/{object_name} uses {symbol}, which only {table.SYMBOL_WAIVERS[symbol]}.c may")
                elif symbol not in table.SYMBOLS and not symbol.startswith(prefixes):
                    fault(f"{name}/{object_name} uses {symbol}")
    if count < 20:
        fault(f"only {count} symbols seen: is the build without sanitizers?")
    return f"{count} symbols"


def check_globals(args):
    count = 0
    for name in table.SYMBOL_PREFIXES:
        text = subprocess.run(["objdump", "-t", library(args, name)], capture_output=True, text=True, check=True).stdout
        for line in text.splitlines():
            match = re.match(r"[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+) (.*)$", line)
            if not match:
                continue
            section, size, symbol = match.group(2), int(match.group(3), 16), match.group(4).split()[-1]
            count += 1
            writable = section in (".data", ".bss", "*COM*", ".tdata", ".tbss") or section.startswith((".data.", ".bss."))
            if writable and size and not section.startswith(".data.rel.ro"):
                fault(f"layer {name}: writable global {symbol} in {section}")
    if count < 100:
        fault(f"only {count} symbols seen")
    return f"{count} symbols"


MARKERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SLEEP = re.compile(r"\b(usleep|nanosleep|sleep)\s*\(")


def check_files(args):
    count = 0
    tracked = subprocess.run(["git", "-C", args.source, "ls-files"], capture_output=True, text=True).stdout.split("\n")
    if len(tracked) < 2:  # an exported tree without history
        tracked = [os.path.relpath(os.path.join(d, f), args.source) for d, _, names in os.walk(args.source) for f in names
                   if "/build" not in d and "/.git" not in d]
    for relative in tracked:
        path = os.path.join(args.source, relative)
        if not re.search(r"\.(c|h|proto|cmake|py)$|CMakeLists.txt$", relative) or not os.path.exists(path):
            continue
        count += 1
        text = open(path, encoding="utf-8").read()
        lines = text.splitlines()
        if "SPDX-License-Identifier" not in text[:300] and "tests/model" not in relative:
            fault(f"{relative}: no SPDX line")
        if re.search(r"\.[ch]$", relative) and len(lines) > 700:
            fault(f"{relative}: {len(lines)} lines: split it")
        for number, line in enumerate(lines, 1):
            if MARKERS.search(line) and "tests/tidy" not in relative:
                fault(f"{relative}:{number}: leftover marker")
            if relative.startswith("tests/") and relative.endswith(".c") and SLEEP.search(line):
                fault(f"{relative}:{number}: a test waits for a condition, it does not sleep")
    if count < 50:
        fault(f"only {count} files seen")
    return f"{count} files"


CHECKS = {"includes": check_includes, "link": check_link, "symbols": check_symbols, "globals": check_globals, "files": check_files}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("--source", required=True)
    parser.add_argument("--build")
    arguments = parser.parse_args()
    summary = CHECKS[arguments.check](arguments)
    for text in faults:
        print(text)
    print(f"{arguments.check}: {summary}, {len(faults)} faults")
    sys.exit(1 if faults else 0)
