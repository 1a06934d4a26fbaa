#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` leaves can be moved and built against: test_install.py --build DIR

Installs to a scratch prefix, moves it, and then, knowing nothing but the new place: runs the programs; compiles each public header
alone as C and C++; builds a project (a module, clients in C and C++, a program with a node in it) with find_package and once more with make
and pkg-config, and runs each of the two; builds the examples of nodes in programs, and runs them.
"""
import argparse
import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import test_embed

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.join(HERE, "project")
WITHIN = 120  # seconds for each command
COLUMNS = 100  # of a public header, at most
EXPECTED = """
bin/stint bin/stintd lib/libstint.so lib/libstint.so.0 lib/pkgconfig/stint.pc lib/cmake/stint/stintConfig.cmake
lib/cmake/stint/stintConfigVersion.cmake lib/cmake/stint/StintModule.cmake lib/cmake/stint/stint_types.cmake
lib/cmake/stint/module.map lib/stint/modules/wordcount.so lib/stint/modules/tally.so lib/stint/modules/ring.so
lib/stint/modules/roam.so share/stint/proto/stint/stint.proto share/stint/proto/stint/stint.options include/stint/tasklet.h
include/stint/client.h include/stint/call.h include/stint/admin.h include/stint/list.h include/stint/keys.h include/stint/node.h
include/stint/types.h include/stint/status.h
share/man/man1/stint.1 share/man/man8/stintd.8 share/man/man5/stint.conf.5 share/bash-completion/completions/stint
share/zsh/site-functions/_stint share/fish/vendor_completions.d/stint.fish share/bash-completion/completions/stintd
share/zsh/site-functions/_stintd share/fish/vendor_completions.d/stintd.fish share/stint/module.mk
share/stint/examples/tally/tally.c share/stint/examples/embed-poll/embed_poll.c share/stint/examples/embed-thread/README.md
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
    for header in headers:
        with open(os.path.join(prefix, "include/stint", header), encoding="utf-8") as file:
            long = [number for number, line in enumerate(file, 1) if len(line.rstrip("\n")) > COLUMNS]
        if long:
            raise Failed(f"stint/{header} has lines of more than {COLUMNS} columns: {long}")
    for language in LANGUAGES:
        for header in alone:
            done = subprocess.run(language + STRICT + ["-I", os.path.join(prefix, "include"), "-I", messages, "-"], text=True,
                                  input=f"#include <stint/{header}>\n", capture_output=True, timeout=WITHIN)
            if done.returncode != 0:
                raise Failed(f"stint/{header} alone with {' '.join(language)}:\n{done.stderr[-3000:]}")
    return len(alone)


def build_with_cmake(prefix, source, out):
    run(["cmake", "-G", "Ninja", "-S", source, "-B", out, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release"])
    run(["cmake", "--build", out])


def build_with_make(prefix, out):
    shutil.copytree(PROJECT, out)
    run(["make", "-C", out, "-j2"], env=dict(os.environ, PKG_CONFIG_PATH=os.path.join(prefix, "lib/pkgconfig")))


def check_module(module):
    """It shows one symbol, and takes nothing from Stint."""
    shown = {line.split()[-1] for line in run(["nm", "-D", "--defined-only", module]).splitlines()}
    taken = {line.split()[-1] for line in run(["nm", "-D", "--undefined-only", module]).splitlines()}
    if shown != {"stint_module"} or any(name.startswith(("stint_", "pb_")) for name in taken):
        raise Failed(f"{module} shows {sorted(shown)} and takes {sorted(taken)}")


def check_project(prefix, folder, module, scratch):
    """Clients talk with the module in the node of the program."""
    check_module(module)
    program = functools.partial(os.path.join, folder)
    run([program("versions")])
    with open(os.path.join(scratch, "embed.log"), "w+", encoding="utf-8") as log:
        node = subprocess.Popen([program("embed"), os.path.join(folder, "data"), module], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        try:
            # At the latest when the node gives up, the line ends.
            ready = node.stdout.readline().split()
            if len(ready) != 2 or ready[0] != "ready":
                log.seek(0)
                raise Failed(f"the node did not get ready: {ready} {log.read()[-3000:]}")
            for client, name in (("ask", "Ada"), ("ask_again", "Grace")):
                answer = run([program(client), ready[1]])
                if answer.strip() != f'{{"text":"hello {name}"}}':
                    raise Failed(f"{client}: the answer was {answer!r}")
            # Completion asks the cluster for names.
            for line, name in ((["node", "describe", "em"], "embedded"), (["tasklet", "spawn", ""], "greet/Greeter"),
                               (["channel", "close", "gr"], "greeter")):
                names = run([os.path.join(prefix, "bin/stint"), "__complete", "--insecure", "-e", ready[1]] + line)
                if names != name + "\t\n":
                    raise Failed(f"{line} is completed by {names!r}")
            node.stdin.close()
            if node.wait(WITHIN) != 0:
                log.seek(0)
                raise Failed(f"the node ended with {node.returncode}: {log.read()[-3000:]}")
        finally:
            if node.poll() is None:
                node.kill()
                node.wait()


def check_examples(prefix, scratch):
    """As somebody builds them who copied one folder of what is installed."""
    for example in ("embed-poll", "embed-thread"):
        build_with_cmake(prefix, os.path.join(prefix, "share/stint/examples", example), os.path.join(scratch, example))
    test_embed.check_poll(os.path.join(scratch, "embed-poll/embed-poll"), scratch)
    test_embed.check_thread(os.path.join(scratch, "embed-thread/embed-thread"), scratch, os.path.join(prefix, "bin/stint"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    build = parser.parse_args().build
    with tempfile.TemporaryDirectory(prefix="stint-consumer-") as scratch:
        prefix = install(build, scratch)
        check_files(prefix, build)
        check_programs(prefix)
        by_cmake, by_make = os.path.join(scratch, "by_cmake"), os.path.join(scratch, "by_make")
        build_with_cmake(prefix, PROJECT, by_cmake)
        headers = check_headers(prefix, os.path.join(by_cmake, "greet.generated"))
        check_project(prefix, by_cmake, os.path.join(by_cmake, "modules/greet.so"), scratch)
        build_with_make(prefix, by_make)
        check_project(prefix, by_make, os.path.join(by_make, "greet.so"), scratch)
        check_examples(prefix, scratch)
    print(f"installed, moved, used: {len(EXPECTED)} files, {headers} headers with {len(LANGUAGES)} compilers")


if __name__ == "__main__":
    try:
        main()
    except (Failed, test_embed.Failed, subprocess.TimeoutExpired) as failure:
        print(f"test_install.py: {failure}", file=sys.stderr)
        sys.exit(1)
