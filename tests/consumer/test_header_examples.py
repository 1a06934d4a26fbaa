#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every example in a comment of the public headers compiles, and every function has one: test_header_examples.py --source DIR

An example is a block of a comment that is indented by four more spaces. It is compiled as C as it stands: inside of a function that knows
`client`, `node` and the other names of NAMES; or outside of any, when it begins with `static`. What the compiler says names the line of
the header. Each function that a header declares with STINT_API stands in an example of one of them.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

# Headers for programs that use a cluster or have a node in it. Those for modules are compiled as modules elsewhere.
HEADERS = ["status.h", "types.h", "call.h", "list.h", "client.h", "admin.h", "keys.h", "node.h"]
# What an example may use without saying where it comes from.
NAMES = """struct stint_client *client; struct stint_call *call; struct stint_list *list, *more; struct stint_node *node;
enum stint_status status; struct stint_id id; char error[STINT_CLIENT_ERROR_SIZE];"""
# What is the program's own.
PROGRAM = """static char **argv; static bool work_for_the_thread_that_steps; static void usage(void) { } static void look_at_other_things(void) { }
static struct pool { int blocks; } pool;
static void *pool_free(struct pool *p, void *ptr, size_t size) { (void)p; (void)size; return ptr; }
static void *pool_resize(struct pool *p, void *ptr, size_t old_size, size_t size) { (void)p; (void)old_size; (void)size; return ptr; }
"""
OPTIONS = {"node.h": "struct stint_node_options options;"}
INCLUDES = "".join(f"#include <{name}>\n" for name in ("poll.h", "stdio.h", "string.h")) + "".join(
    f"#include <stint/{name}>\n" for name in HEADERS)
STRICT = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable", "-Wno-unused-but-set-variable", "-Wno-unused-function", "-Wno-unused-parameter",
          "-Wno-maybe-uninitialized", "-Wno-uninitialized", "-fsyntax-only", "-x", "c"]


def examples(text):
    """(line, code) of each."""
    block, begin, inside = [], 0, False
    for number, line in enumerate(text.split("\n"), 1):
        inside = line.startswith("/*") or (inside and line.startswith(" *") and not line.startswith(" */"))
        if inside and line.startswith(" *     "):
            begin = begin if block else number
            block.append(line[7:])
        elif inside and line == " *" and block:
            block.append("")
        elif block:
            yield begin, "\n".join(block).rstrip()
            block = []


def source_of(header, found):
    """One program of all examples, each under the line where it stands."""
    parts, names = [INCLUDES, PROGRAM], OPTIONS.get(header, "struct stint_client_options options;")
    for number, (line, code) in enumerate(found):
        where = f'#line {line} "{header}"\n'
        if code.startswith("static"):
            # A function, and perhaps statements behind it.
            end = code.rindex("\n}\n") + 3 if "\n}\n" in code else len(code)
            parts.append(where + code[:end] + "\n")
            line += code.count("\n", 0, end)
            code = code[end:]
            where = f'#line {line} "{header}"\n'
        parts.append(f"static int\nexample_{number}(void)\n{{\n{NAMES}{names}\n{{\n{where}{code}\n}}\nreturn 0;\n}}\n")
    return "".join(parts)


def declared(text):
    bare = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)
    return re.findall(r"\bSTINT_API\b[^;(]*?\b(stint_\w+)\(", bare)


def check(source, header, scratch):
    path = os.path.join(source, "sdk/include/stint", header)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = list(examples(text))
    program = os.path.join(scratch, header + ".c")
    with open(program, "w", encoding="utf-8") as file:
        file.write(source_of(header, found))
    done = subprocess.run(STRICT + ["-I", os.path.join(source, "sdk/include"), program], capture_output=True, text=True)
    faults = [line for line in done.stderr.splitlines() if "error:" in line] or done.stderr.splitlines() if done.returncode != 0 else []
    return [code for _, code in found], declared(text), faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True)
    source = parser.parse_args().source
    shown, functions, faults = [], [], []
    with tempfile.TemporaryDirectory(prefix="stint-examples-") as scratch:
        for header in HEADERS:
            codes, names, bad = check(source, header, scratch)
            shown, functions, faults = shown + codes, functions + [(header, name) for name in names], faults + bad
    words = set(re.findall(r"\w+", " ".join(shown)))
    # A twin is begun like its blocking form: an example of one of both shows it.
    faults += [f"{header}: {name} has no example" for header, name in functions if not words & {name, re.sub("_begin$", "", name)}]
    if len(shown) < 80 or len(functions) < 120:
        faults.append(f"only {len(shown)} examples and {len(functions)} functions seen")
    print("\n".join(faults + [f"{len(shown)} examples of {len(functions)} functions, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
