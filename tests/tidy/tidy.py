#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The locks that keep the architecture: tidy.py includes|link|symbols|globals|files|failpoints|mutants --source DIR [--build DIR]

includes  every #include of a layer stands in the layer's row of the table
link      each layer's library links into a shared object with nothing but the layers below it
symbols   a pure layer takes only allowed symbols from outside (no clock, rand, malloc, socket, stdio)
globals   a pure layer has no writable variable outside a function's frame, and nothing that runs before main
files     sizes of files and functions, licence lines, leftover markers, sleeps in tests
failpoints  nothing of the tests' failpoints is in the programs and the library that are installed
mutants   mistakes made on purpose are compiled for the simulator alone, and each of them is somewhere in the code

Each check answers what it has seen (a check that sees too little fails) and a list of faults. test_tidy.py proves that each can fail.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layers as table


def tool(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def library(build, name):
    return os.path.join(build, "lib", f"libstint_{name}.a")


# ---- includes ----

def in_project(source, target):
    return any(os.path.exists(os.path.join(source, root, target)) for root in table.INCLUDE_ROOTS)


def judge_project_include(source, name, path, target):
    layer = table.LAYERS[name]
    own = os.path.basename(layer.folder) + "/"
    local = "/" not in target and os.path.exists(os.path.join(source, os.path.dirname(path), target))
    if local or target.startswith((own, *layer.includes)):
        return None
    return f"layer {name} may not include {target}"


def judge_outside_include(name, path, target):
    if (path, target) in table.HEADER_WAIVERS:
        return None
    for begin, owners in table.HEADER_OWNERS.items():
        if target.startswith(begin):
            return None if name in owners else f"layer {name} may not include {target}"
    if table.LAYERS[name].pure and target not in table.PURE_HEADERS:
        return f"pure layer {name} may not include {target}"
    return None


def check_includes(source, _build):
    seen, faults = 0, []
    for name, layer in table.LAYERS.items():
        for path in sorted(glob.glob(os.path.join(source, layer.folder, "*.[ch]"))):
            relative = os.path.relpath(path, source)
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
            for number, line in enumerate(lines, 1):
                if not re.match(r"\s*#\s*include\b", line):
                    continue
                seen += 1
                match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
                if match is None:
                    fault = "an include that cannot be read"
                elif match.group(1) == '"' or in_project(source, match.group(2)):
                    fault = judge_project_include(source, name, relative, match.group(2))
                else:
                    fault = judge_outside_include(name, relative, match.group(2))
                if fault:
                    faults.append(f"{relative}:{number}: {fault}")
    return seen, 500, "includes", faults


# ---- link ----

def check_link(_source, build):
    count, faults = 0, []
    for name, layer in table.LAYERS.items():
        if layer.below is None:
            continue
        count += 1
        with tempfile.TemporaryDirectory() as scratch:
            command = ["cc", "-shared", "-o", os.path.join(scratch, "x.so"), "-Wl,--no-undefined", "-Wl,--whole-archive",
                       library(build, name), "-Wl,--no-whole-archive", "-Wl,--start-group"]
            command += [library(build, below) for below in layer.below] + ["-Wl,--end-group"] + [f"-l{outside}" for outside in layer.outside]
            done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if "undefined" in line] or done.stderr.splitlines()
            faults.append(f"layer {name} does not link alone: {'; '.join(lines[:3])}")
    return count, 10, "layers linked alone", faults


# ---- symbols ----

def undefined(path):
    """Of each object of a library: what it takes from elsewhere."""
    by_object, current = {}, ""
    for line in tool("nm", "-u", path).splitlines():
        if line.endswith(":"):
            current = os.path.basename(line[:-1])
        elif line.strip():
            by_object.setdefault(current, set()).add(line.split()[-1].split("@")[0])
    return by_object


def defined(path):
    return {line.split()[2] for line in tool("nm", "--defined-only", path).splitlines() if len(line.split()) == 3}


def judge_symbol(name, object_name, symbol):
    if re.match(table.SYMBOLS_BANNED, symbol):
        return f"{name}/{object_name} uses {symbol}: randomness comes from the machine's generator"
    waiver = table.SYMBOL_WAIVERS.get(symbol)
    if waiver is not None:
        return None if f"{name}/{object_name}" == waiver + ".o" else f"{name}/{object_name} uses {symbol}, which only {waiver} may"
    if symbol in table.SYMBOLS or symbol.startswith(table.SYMBOL_PREFIXES[name]):
        return None
    return f"{name}/{object_name} uses {symbol}"


def check_symbols(_source, build):
    count, faults = 0, []
    for name in table.SYMBOL_PREFIXES:
        own = defined(library(build, name)).union(*[defined(library(build, below)) for below in table.LAYERS[name].below])
        for object_name, symbols in undefined(library(build, name)).items():
            for symbol in sorted(symbols - own):
                count += 1
                fault = judge_symbol(name, object_name, symbol)
                if fault:
                    faults.append(fault)
    return count, 100, "symbols", faults


# ---- globals ----

def judge_section(section):
    """Why nothing of a pure layer may stand in that writable section, or None."""
    if section.startswith((".init_array", ".ctors", ".fini_array", ".dtors")):
        return "runs by itself"
    return None if section.startswith(table.CONSTANT_SECTIONS) else "is writable"


def writable_sections(path):
    """(object, section) of what a program may write to, as far as it is not empty."""
    current, lines = "", tool("objdump", "-h", path).splitlines()
    for head, flags in zip(lines, lines[1:]):
        named = re.match(r"(\S+):\s+file format", head)
        section = re.match(r"\s*\d+ (\S+)\s+([0-9a-f]+)\s", head)
        if named:
            current = named.group(1)
        elif section and int(section.group(2), 16) and "ALLOC" in flags and "READONLY" not in flags:
            yield current, section.group(1)


def variables(path):
    """(section, name) of each variable."""
    for line in tool("objdump", "-t", path).splitlines():
        match = re.match(r"[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+) (.*)$", line)
        if match and int(match.group(3), 16) and "F" not in match.group(1):
            yield match.group(2), match.group(4).split()[-1]


def check_globals(_source, build):
    count, faults = 0, []
    for name in table.SYMBOL_PREFIXES:
        names = {}
        for section, variable in variables(library(build, name)):
            count += 1
            names.setdefault(section, []).append(variable)
        for variable in names.get("*COM*", []):
            faults.append(f"layer {name}: {variable} is writable")
        for object_name, section in writable_sections(library(build, name)):
            why = judge_section(section)
            if why:
                faults.append(f"{name}/{object_name}: {section} {why}: {' '.join(names.get(section, []))}")
    return count, 50, "variables", faults


# ---- files ----

LINES_MAX = 700
FUNCTION_MAX = 80
MARKERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SLEEP = re.compile(r"\b(usleep|nanosleep|sleep)\s*\(")
CHECKED = re.compile(r"\.(c|h|cpp|proto|cmake|py|map|pml|conf|in)$|(^|/)CMakeLists\.txt$")


def function_lengths(lines):
    """(line, length) of each function: its braces stand alone in the first column."""
    begin = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            yield begin, number - begin + 1
            begin = None


def judge_file(relative, text):
    lines = text.splitlines()
    if "SPDX-License-Identifier" not in text[:300]:
        yield f"{relative}: no SPDX line"
    if re.search(r"\.[ch]$", relative):
        if len(lines) > LINES_MAX:
            yield f"{relative}: {len(lines)} lines: split it"
        for number, length in function_lengths(lines):
            if length > FUNCTION_MAX:
                yield f"{relative}:{number}: a function of {length} lines"
    for number, line in enumerate(lines, 1):
        if MARKERS.search(line) and not relative.startswith("tests/tidy/"):
            yield f"{relative}:{number}: leftover marker"
        if relative.startswith("tests/") and relative.endswith(".c") and SLEEP.search(line):
            yield f"{relative}:{number}: a test waits for a condition, it does not sleep"


def files_of(source):
    listed = subprocess.run(["git", "-C", source, "ls-files"], capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        return listed.stdout.splitlines()
    # an exported tree without history
    found = [os.path.relpath(os.path.join(folder, file), source) for folder, _, files in os.walk(source) for file in files]
    return [relative for relative in found if not relative.startswith(("build/", ".git/"))]


def check_files(source, _build):
    count, faults = 0, []
    for relative in sorted(files_of(source)):
        path = os.path.join(source, relative)
        if not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            content = file.read()
        if not CHECKED.search(relative) and not content.startswith(b"#!"):
            continue
        count += 1
        faults += judge_file(relative, content.decode("utf-8"))
    return count, 300, "files", faults


# ---- failpoints ----

# What node/core/failpoint.c and node/daemon/failpoint.c bring with them: the variable, the words of a log line, their functions.
FAILPOINTS = (b"STINT_FAILPOINTS", b"failpoint %s", b"failpoint_before", b"failpoint_look", b"peers_flush_early")


def check_failpoints(_source, build):
    count, faults = 0, []
    for pattern in ("bin/stintd", "bin/stint", "lib/libstint.so", "lib/libstint_core.a"):
        with open(os.path.join(build, pattern), "rb") as file:
            content = file.read()
        count += 1
        faults += [f"{pattern} has `{mark.decode()}` in it: it was built for tests" for mark in FAILPOINTS if mark in content]
    return count, 4, "programs and libraries", faults


# ---- mutants ----

MUTANT_TARGETS = re.compile(r"(stint-sim|.+_mut)$")


def judge_mutants(source, names):
    """Each of the list is in the code, and the code has no other."""
    used = set()
    for root in ("proto", "cluster", "node", "sdk"):
        for path in glob.glob(os.path.join(source, root, "**", "*.[ch]"), recursive=True):
            if not path.endswith("proto/base/mutant.h"):
                with open(path, encoding="utf-8") as file:
                    used |= set(re.findall(r"\bMUTANT\([^,]+, (\w+)\)", file.read()))
    for name in sorted(set(names) ^ used):
        yield f"mutant {name} is " + ("not in base/mutant.h" if name in used else "nowhere in the code")


def judge_compiled(build):
    """Who is compiled with the mutants."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        for entry in json.load(file):
            target = re.search(r"CMakeFiles/([^/]+)\.dir/", entry["command"]).group(1)
            if "-DSTINT_MUTANTS" in entry["command"] and not MUTANT_TARGETS.match(target):
                yield f"{target} is compiled with mutants: {os.path.basename(entry['file'])}"


def judge_linked(build):
    """Who is linked to libraries that have them."""
    with open(os.path.join(build, "build.ninja"), encoding="utf-8") as file:
        for line in file:
            made = re.match(r"build ([^ :]+)[^:]*: \w+_LINKER__(\S+?)_(Release|RelWithDebInfo|Debug) ", line)
            if made and "_mut." in line[made.end():] and not MUTANT_TARGETS.match(made.group(2)):
                yield f"{made.group(1)} is linked to mutants"


def check_mutants(source, build):
    with open(os.path.join(source, "proto/base/mutant.h"), encoding="utf-8") as file:
        known = re.findall(r'^    X\((\w+), "([a-z-]+)",', file.read(), re.M)
    faults = [*judge_mutants(source, [name for name, _ in known]), *judge_compiled(build), *judge_linked(build)]
    for relative in ("bin/stintd", "bin/stint", "lib/libstint.so"):
        with open(os.path.join(build, relative), "rb") as file:
            content = file.read()
        faults += [f"{relative} knows the mutant {text}" for _, text in known if b"\0" + text.encode() + b"\0" in content]
    return len(known), 16, "mutants", faults


CHECKS = {"includes": check_includes, "link": check_link, "symbols": check_symbols, "globals": check_globals, "files": check_files,
          "failpoints": check_failpoints, "mutants": check_mutants}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("--source", required=True)
    parser.add_argument("--build")
    args = parser.parse_args()
    if args.check in ("link", "symbols", "globals", "failpoints", "mutants") and args.build is None:
        parser.error(f"{args.check} looks at libraries: give --build")
    seen, least, what, faults = CHECKS[args.check](os.path.abspath(args.source), args.build)
    if seen < least:
        faults.append(f"only {seen} {what} seen: is the table still right, and the build one without sanitizers?")
    print("\n".join(faults + [f"{args.check}: {seen} {what}, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
