# SPDX-License-Identifier: Apache-2.0
"""What coreutils count, and the comparison."""
import os
import subprocess

# A word ends where its file ends, hence the newline behind each file.
PIPELINE = r"""for file; do cat -- "$file"; echo; done | tr -cs A-Za-z '\n' | tr A-Z a-z | cut -c1-63 | sort | uniq -c"""


def parse(lines):
    """Lines of `uniq -c` as a dictionary; the empty word is none."""
    counts = {}
    for line in lines:
        fields = line.split()
        if len(fields) == 2:
            counts[fields[1]] = counts.get(fields[1], 0) + int(fields[0])
    return counts


def begin(files):
    return subprocess.Popen(["bash", "-c", "set -o pipefail; " + PIPELINE, "oracle", *files], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True, env=dict(os.environ, LC_ALL="C"))


def mismatches(counts, expected, passes):
    """[(word, count, what it should be)]"""
    return [(word, counts.get(word, 0), expected.get(word, 0) * passes) for word in sorted(set(counts) | set(expected))
            if counts.get(word, 0) != expected.get(word, 0) * passes]
