#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""deploy/deps names every package that is needed: test_deps.py --source DIR --build DIR

What the build read (headers, as ninja has recorded them), what it linked, the programs that CMake found, and what the scripts name that is
a program or shared data here: the package of each must be in deploy/deps, come with one that is (Depends, not Recommends), or be essential.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys

SKIPPED = 77
# Words in the scripts that are names of programs too; and apt, where the packages come from.
WORDS = {"node", "opt", "time", "write", "init", "apt-get", "make", "file", "at", "perl", "host", "script", "man", "view",
         "route"}


def tool(*argv, **options):
    return subprocess.run(argv, capture_output=True, text=True, **options).stdout


def named_packages(source):
    with open(os.path.join(source, "deploy/deps"), encoding="utf-8") as file:
        text = file.read()
    return {word for group in re.findall(r"^\w+=\(([^)]*)\)", text, re.MULTILINE) for word in group.split()}


def with_dependencies(roots):
    """The packages, all that they bring with them, and what every Debian has."""
    depends, provided = {}, {}
    lines = tool("dpkg-query", "-W", "-f=${Package}\t${Essential}\t${Pre-Depends}, ${Depends}\t${Provides}\n").splitlines()
    found = set()
    for package, essential, needs, provides in (line.split("\t") for line in lines):
        depends[package] = [name for name in re.split(r"[,|]", re.sub(r"\([^)]*\)|:any", "", needs)) if name.strip()]
        for name in re.split(",", re.sub(r"\([^)]*\)", "", provides)):
            provided.setdefault(name.strip(), []).append(package)
        if essential == "yes":
            found.add(package)
    todo = list(roots | found)
    found = set()
    while todo:
        name = todo.pop().strip()
        if name in depends and name not in found:
            found.add(name)
            todo += depends[name]
        elif name not in depends:
            todo += [package for package in provided.get(name, []) if package not in found]
    return found


def headers(build):
    text = tool("ninja", "-C", build, "-t", "deps")
    return {path for path in re.findall(r"^ +(/\S+)$", text, re.MULTILINE) if path.startswith("/usr/")}


def cmake_found(build):
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
        paths = re.findall(r"^\w+:(?:FILEPATH|INTERNAL)=(/usr/\S+)$", cache.read(), re.MULTILINE)
    return {path for path in paths if os.path.isfile(path)}


def libraries(build):
    with open(os.path.join(build, "build.ninja"), encoding="utf-8") as file:
        return set(re.findall(r"/usr/lib/\S+?\.(?:so|a)\b", file.read()))


def named_in_scripts(source):
    tracked = tool("git", "-C", source, "ls-files").splitlines()
    words, data = set(), set()
    for relative in tracked:
        path = os.path.join(source, relative)
        if relative == "deploy/deps" or not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            content = file.read()
        if content.startswith(b"#!") or relative.endswith(".py"):
            text = re.sub(r"^\s*#(?!!).*$", "", content.decode("utf-8"), flags=re.MULTILINE)
            if relative.endswith(".py") or b"python" in content[:40]:  # there a program is the first word of a text
                words |= set(re.findall(r"""['"]([a-z][\w+.-]+)(?=['" ])""", text))
            else:
                words |= set(re.findall(r"[a-z][\w+.-]+", text))
            words |= {os.path.basename(word) for word in text.splitlines()[0].lstrip("#!").split()}
            data |= set(re.findall(r"/usr/share/[\w./-]+\w", text))
    programs = {path for path in map(shutil.which, words - WORDS) if path and path.startswith(("/usr/bin/", "/bin/", "/usr/sbin/"))}
    return programs | {path for path in data if os.path.exists(path)}


def owners(paths):
    """Path to package, None if no package has it."""
    names = {}
    for path in paths:
        both = [path, os.path.realpath(path)]
        names[path] = both + [name[len("/usr"):] for name in both if name.startswith("/usr/")]
    package_of = {}
    for line in tool("dpkg", "-S", *{name for several in names.values() for name in several}).splitlines():
        match = re.match(r"([a-z0-9][a-z0-9+.-]+)(?::\w+)?(?:, .*)?: (/.*)$", line)
        if match and not line.startswith("diversion "):
            package_of.setdefault(match.group(2), match.group(1))
    return {path: next((package_of[name] for name in several if name in package_of), None) for path, several in names.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True)
    parser.add_argument("--build", required=True)
    args = parser.parse_args()
    if shutil.which("dpkg") is None:
        print("skipped: this is no Debian")
        return SKIPPED
    there = with_dependencies(named_packages(args.source))
    read = headers(args.build)
    used = read | cmake_found(args.build) | libraries(args.build) | named_in_scripts(args.source)
    missing = {}
    for path, package in sorted(owners(used).items()):
        if package is not None and package not in there:
            missing.setdefault(package, []).append(path)
    for package, paths in missing.items():
        print(f"deploy/deps lacks {package}, for {' '.join(paths[:3])}")
    print(f"{len(used)} files, {len(read)} of them headers, of packages; {len(missing)} packages missing")
    return 1 if missing or len(read) < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
