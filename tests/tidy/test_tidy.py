#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each check of tidy.py can fail: violations are planted in copies of the tree and of its libraries: test_tidy.py --source DIR --build DIR"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layers as table
import tidy

SOURCE = BUILD = ""


class Planted(unittest.TestCase):
    def faults(self, check):
        return set(tidy.CHECKS[check](self.source, self.build)[3])

    def expect(self, check, texts):
        """The check finds something new, and says each of this of it; nothing if there is nothing to be said."""
        new = self.faults(check) - self.before[check]
        for text in texts:
            with self.subTest(check=check, text=text):
                self.assertTrue(any(text in fault for fault in new), f"not in {sorted(new)}")
        if not texts:
            self.assertEqual(new, set())

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="stint-tidy-")
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name


class PlantedInSources(Planted):
    def setUp(self):
        super().setUp()
        self.source, self.build = os.path.join(self.scratch, "tree"), None
        for relative in tidy.files_of(SOURCE):
            if os.path.isfile(os.path.join(SOURCE, relative)):
                os.makedirs(os.path.dirname(os.path.join(self.source, relative)), exist_ok=True)
                shutil.copyfile(os.path.join(SOURCE, relative), os.path.join(self.source, relative))
        self.before = {check: self.faults(check) for check in ("includes", "files")}

    def plant(self, relative, text):
        with open(os.path.join(self.source, relative), "a", encoding="utf-8") as file:
            file.write(text + "\n")

    def test_includes_of_a_layer_that_is_not_below(self):
        planted = (("node/kernel/stack.c", '"wire/envelope.h"', "layer kernel may not include wire/envelope.h"),
                   ("node/kernel/stack.c", "<wire/limits.h>", "layer kernel may not include wire/limits.h"),
                   ("cluster/view.c", '"kernel/kernel.h"', "layer cluster may not include kernel/kernel.h"),
                   ("cluster/view.c", '"../node/kernel/kernel.h"', "may not include ../node/kernel/kernel.h"),
                   ("proto/base/buf.c", '"schema/session.pb.h"', "layer base may not include schema/session.pb.h"),
                   ("node/daemon/main.c", '"base/mem.h"', "layer daemon may not include base/mem.h"),
                   ("sdk/cli/main.c", '"client/machine.h"', "layer cli may not include client/machine.h"),
                   ("node/core/route.c", "SOMETHING", "cannot be read"))
        for relative, include, _ in planted:
            self.plant(relative, "#include " + include)
        self.expect("includes", [text for _, _, text in planted])

    def test_includes_of_the_world(self):
        planted = (("cluster/move.h", "time.h"), ("node/kernel/kernel.c", "stdlib.h"), ("node/core/core.c", "stdio.h"),
                   ("proto/wire/session.c", "sys/socket.h"), ("proto/base/buf.c", "stdio.h"), ("proto/base/mem.c", "pb.h"),
                   ("node/kernel/stack.c", "sodium.h"), ("node/host/loop.c", "zmq.h"), ("node/host/loop.c", "pthread.h"),
                   ("sdk/client/pump.c", "signal.h"), ("sdk/include/stint/client.h", "jansson.h"))
        for relative, header in planted:
            self.plant(relative, f"#  include <{header}>")
        self.expect("includes", [f"may not include {header}" for _, header in planted])

    def test_allowed_includes_are_no_faults(self):
        self.plant("cluster/view.c", '#include "wire/envelope.h"\n#include <string.h>\n#include <stdint.h>')
        self.plant("proto/link/clock.c", "#include <time.h>\n#include <zmq.h>")
        self.plant("node/core/route.c", "#include <pb_decode.h>")
        self.expect("includes", [])

    def test_marks_in_files(self):
        planted = (("cluster/view.c", "/* TO" + "DO: later */", "leftover marker"),
                   ("README.md.in", "no licence", "README.md.in: no SPDX line"),
                   ("deploy/more", "#!/bin/sh", "deploy/more: no SPDX line"),
                   ("tests/unit/base/test_values.c", "void f(void) { usleep(1); }", "it does not sleep"),
                   ("node/core/route.c", "\n" * 700, "split it"),
                   ("node/core/remote.c", "void\nf(void)\n{\n" + "\n" * 80 + "}", "a function of 82 lines"))
        for relative, text, _ in planted:
            self.plant(relative, text)
        self.expect("files", [fault for _, _, fault in planted])


class PlantedInLibraries(Planted):
    def setUp(self):
        super().setUp()
        self.source, self.build, self.count = SOURCE, os.path.join(self.scratch, "build"), 0
        os.makedirs(os.path.join(self.build, "lib"))
        for name in ("schema", *table.LAYERS):
            if os.path.exists(tidy.library(BUILD, name)):
                shutil.copyfile(tidy.library(BUILD, name), tidy.library(self.build, name))
        for relative in ("bin/stintd", "bin/stint", "lib/libstint.so", "build.ninja", "compile_commands.json"):
            os.makedirs(os.path.dirname(os.path.join(self.build, relative)), exist_ok=True)
            shutil.copyfile(os.path.join(BUILD, relative), os.path.join(self.build, relative))
        self.before = {check: self.faults(check) for check in ("link", "symbols", "globals", "failpoints", "mutants")}

    def plant(self, layer, code, name=None):
        """Adds an object to a layer's library; returns its name."""
        self.count += 1
        name = name or f"planted{self.count}"
        source, compiled = (os.path.join(self.scratch, f"{name}.c{end}") for end in ("", ".o"))
        with open(source, "w", encoding="utf-8") as file:
            file.write(code.replace("planted", f"planted{self.count}"))
        subprocess.run(["cc", "-w", "-O1", "-fPIC", "-c", "-o", compiled, source], check=True)
        subprocess.run(["ar", "q", tidy.library(self.build, layer), compiled], check=True, capture_output=True)
        return f"{layer}/{name}.c.o"

    def plant_call(self, layer, function, name=None):
        planted = self.plant(layer, f"void {function}(void); void planted(void) {{ {function}(); }}\n", name)
        return f"{planted} uses {function}"

    def test_calls_of_layers_that_are_not_below(self):
        calls = {"cluster": "kernel_run", "kernel": "envelope_append", "wire": "view_copy", "core": "store_open", "base": "session_open"}
        texts = [self.plant_call(layer, function) for layer, function in calls.items()]
        self.expect("link", [f"layer {layer} does not link alone" for layer in calls])
        self.expect("symbols", texts)

    def test_calls_of_the_world(self):
        calls = (("cluster", "time"), ("core", "clock_gettime"), ("kernel", "malloc"), ("wire", "rand"), ("base", "printf"), ("core", "socket"),
                 ("core", "getenv"), ("wire", "randombytes_buf"), ("wire", "crypto_box_keypair"),
                 ("wire", "crypto_aead_xchacha20poly1305_ietf_keygen"), ("base", "pb_encode"), ("kernel", "sodium_init"))
        self.expect("symbols", [self.plant_call(layer, function) for layer, function in calls])

    def test_what_only_one_file_may(self):
        calls = (("base", "vsnprintf", "context"), ("core", "vsnprintf", "text"), ("base", "abort", "panic_more"), ("base", "write", "prng"))
        self.expect("symbols", [self.plant_call(*call) + ", which only" for call in calls])

    def test_allowed_calls_are_no_faults(self):
        self.plant_call("wire", "crypto_sign_seed_keypair")
        self.plant_call("core", "memcpy")
        self.expect("symbols", [])

    def test_state_outside_of_functions(self):
        planted = (("kernel", "static int count; int planted(void) { return ++count; }", ".bss is writable"),
                   ("cluster", "int planted = 3;", ".data is writable"),
                   ("core", "int planted(void) { static int calls = 1; return ++calls; }", ".data is writable"),
                   ("wire", "__thread int planted;", ".tbss is writable"),
                   ("base", '__attribute__((section("own"))) int planted = 1;', "own is writable"),
                   ("kernel", "void planted_b(void); __attribute__((constructor)) static void planted(void) { planted_b(); }", ".init_array runs by itself"))
        self.expect("globals", [f"{self.plant(layer, code)}: {fault}" for layer, code, fault in planted])

    def test_failpoints(self):
        self.plant("core", 'const char *planted(void) { return "failpoint %s"; }')
        with open(os.path.join(self.build, "bin/stintd"), "ab") as program:
            program.write(b"STINT_FAILPOINTS")
        self.expect("failpoints", ["lib/libstint_core.a has `failpoint %s`", "bin/stintd has `STINT_FAILPOINTS`"])

    def test_mutants(self):
        with open(os.path.join(self.build, "bin/stint"), "ab") as program:
            program.write(b"\0adopt-timeout\0")
        with open(os.path.join(self.build, "build.ninja"), "a", encoding="utf-8") as file:
            file.write("build lib/libstint.so.1: C_SHARED_LIBRARY_LINKER__stint_Release x.o | lib/libcore_mut.a\n"
                       "build bin/stint-sim: C_EXECUTABLE_LINKER__stint-sim_Release x.o | lib/libcore_mut.a\n")
        with open(os.path.join(self.build, "compile_commands.json"), "w", encoding="utf-8") as file:
            file.write('[{"command": "cc -DSTINT_MUTANTS -o x/CMakeFiles/core.dir/y.o", "file": "y.c"},'
                       ' {"command": "cc -DSTINT_MUTANTS -o x/CMakeFiles/core_mut.dir/z.o", "file": "z.c"}]')
        self.expect("mutants", ["bin/stint knows the mutant adopt-timeout", "lib/libstint.so.1 is linked to mutants",
                                "core is compiled with mutants: y.c"])
        self.assertFalse([fault for fault in self.faults("mutants") if "sim" in fault or "z.c" in fault])

    def test_constants_are_no_faults(self):
        self.plant("core", "static const char *const names[] = { \"a\", \"b\" };\nconst char *planted(int i) { return names[i]; }\n"
                           "int planted_sum(int, int);\nint (*const planted_table[])(int, int) = { planted_sum };\n"
                           "int planted_sum(int a, int b) { return a + b; }\n")
        self.expect("globals", [])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True)
    parser.add_argument("--build", required=True)
    args, rest = parser.parse_known_args()
    SOURCE, BUILD = os.path.abspath(args.source), os.path.abspath(args.build)
    unittest.main(argv=sys.argv[:1] + rest)
