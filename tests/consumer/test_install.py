#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` leaves can be moved and built against: test_install.py --build DIR

Installs to a scratch prefix, moves it, and then, knowing nothing but the new place: runs the programs; compiles each public header
alone as C and C++; builds a module and a client with find_package, and a program with a node in it with pkg-config; runs all three.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
WITHIN = 120  # seconds for each command
EXPECTED = """
bin/stint bin/stintd lib/libstint.so lib/libstint.so.0 lib/pkgconfig/stint.pc lib/cmake/stint/stintConfig.cmake
lib/cmake/stint/stintConfigVersion.cmake lib/cmake/stint/StintModule.cmake lib/cmake/stint/stint_types.cmake
lib/cmake/stint/module.map lib/stint/modules/wordcount.so lib/stint/modules/tally.so lib/stint/modules/ring.so
lib/stint/modules/roam.so share/stint/proto/stint/stint.proto share/stint/proto/stint/stint.options include/stint/tasklet.h
include/stint/client.h include/stint/admin.h include/stint/node.h include/stint/types.h include/stint/status.h
share/man/man1/stint.1 share/man/man8/stintd.8 share/man/man5/stint.conf.5 share/bash-completion/completions/stint
share/zsh/site-functions/_stint share/fish/vendor_completions.d/stint.fish
""".split()
PART_OF_ANOTHER = {"tasklet_impl.h": "tasklet.h"}  # headers that are included by that one only
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
LANGUAGES = [["gcc", "-std=c11", "-xc"], ["clang", "-std=c11", "-xc"], ["g++", "-std=c++17", "-xc++"], ["clang++", "-std=c++17", "-xc++"]]


class Failed(Exception):
    pass


def run(argv, **options):
    """Its standard output; a failure shows all it printed."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WITHIN, **options)
    if done.returncode != 0:
        raise Failed(f"`{' '.join(argv)}` ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def install(build, scratch):
    """The prefix that was installed to, after it was moved."""
    first, moved = os.path.join(scratch, "first"), os.path.join(scratch, "moved")
    run(["cmake", "--install", build, "--prefix", first])
    os.rename(first, moved)
    return moved


def cache_entry(build, name):
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
        return re.search(rf"^{name}:\w+=(.*)$", cache.read(), re.MULTILINE).group(1)


def check_files(prefix, build):
    for relative in EXPECTED:
        if not os.path.exists(os.path.join(prefix, relative)):
            raise Failed(f"{relative} was not installed")
    # Neither where it was built nor the source may be named in what is installed.
    places = [os.fsencode(place + os.sep) for place in (os.path.abspath(build), cache_entry(build, "CMAKE_HOME_DIRECTORY"))]
    for folder, _, names in os.walk(prefix):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                content = file.read()
            for place in places:
                if place in content:
                    raise Failed(f"{os.path.relpath(path, prefix)} names {place.decode()}")


def check_programs(prefix):
    # With an empty environment: they find the library beside themselves.
    for program, argument in (("stint", "version"), ("stintd", "--version")):
        line = run([os.path.join(prefix, "bin", program), argument], env={})
        if not re.search(r"\d+\.\d+\.\d+", line):
            raise Failed(f"{program} {argument} prints no version: {line!r}")


def check_headers(prefix, messages):
    """`messages` is where the build of a module has put stint/stint.pb.h."""
    headers = sorted(os.path.basename(path) for path in glob.glob(os.path.join(prefix, "include/stint/*.h")))
    alone = [header for header in headers if header not in PART_OF_ANOTHER]
    for language in LANGUAGES:
        for header in alone:
            done = subprocess.run(language + STRICT + ["-I", os.path.join(prefix, "include"), "-I", messages, "-"], text=True,
                                  input=f"#include <stint/{header}>\n", capture_output=True, timeout=WITHIN)
            if done.returncode != 0:
                raise Failed(f"stint/{header} alone with {' '.join(language)}:\n{done.stderr[-3000:]}")
    return len(alone)


def build_with_cmake(prefix, scratch):
    out = os.path.join(scratch, "cmake")
    run(["cmake", "-G", "Ninja", "-S", os.path.join(HERE, "cmake"), "-B", out, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release"])
    run(["cmake", "--build", out])
    return out


def build_plain(prefix, scratch):
    environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(prefix, "lib/pkgconfig"))
    flags = run(["pkg-config", "--cflags", "stint"], env=environment).split()
    libraries = run(["pkg-config", "--libs", "stint"], env=environment).split()
    rpath = "-Wl,-rpath," + run(["pkg-config", "--variable=libdir", "stint"], env=environment).strip()
    programs = []
    for compiler, standard, source in (("cc", "-std=gnu11", "embed.c"), ("c++", "-std=c++17", "versions.cpp")):
        program = os.path.join(scratch, source.split(".")[0])
        run([compiler, standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", program, os.path.join(HERE, "plain", source)] + flags
            + libraries + [rpath])
        programs.append(program)
    return programs


def check_together(embed, built, scratch):
    """A client of the one project talks with the module of the one project in the node of the other."""
    with open(os.path.join(scratch, "embed.log"), "w+", encoding="utf-8") as log:
        node = subprocess.Popen([embed, os.path.join(scratch, "data"), os.path.join(built, "modules/greet.so")], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        try:
            # At the latest when the node gives up, the line ends.
            ready = node.stdout.readline().split()
            if len(ready) != 2 or ready[0] != "ready":
                log.seek(0)
                raise Failed(f"the node did not get ready: {ready} {log.read()[-3000:]}")
            answer = run([os.path.join(built, "ask"), ready[1]])
            if answer.strip() != '{"text":"hello Ada"}':
                raise Failed(f"the answer was {answer!r}")
            node.stdin.close()
            if node.wait(WITHIN) != 0:
                log.seek(0)
                raise Failed(f"the node ended with {node.returncode}: {log.read()[-3000:]}")
        finally:
            if node.poll() is None:
                node.kill()
                node.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    build = parser.parse_args().build
    with tempfile.TemporaryDirectory(prefix="stint-consumer-") as scratch:
        prefix = install(build, scratch)
        check_files(prefix, build)
        check_programs(prefix)
        built = build_with_cmake(prefix, scratch)
        headers = check_headers(prefix, os.path.join(built, "greet.generated"))
        embed, versions = build_plain(prefix, scratch)
        run([versions])
        check_together(embed, built, scratch)
    print(f"installed, moved, used: {len(EXPECTED)} files, {headers} headers with {len(LANGUAGES)} compilers")


if __name__ == "__main__":
    try:
        main()
    except (Failed, subprocess.TimeoutExpired) as failure:
        print(f"test_install.py: {failure}", file=sys.stderr)
        sys.exit(1)
