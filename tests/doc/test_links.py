#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every link of every document of the project leads to a file that is there, and to a heading of it: test_links.py --source DIR"""
import argparse
import os
import re
import subprocess
import sys


def without_code(text):
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchor(heading):
    """As GitHub makes it."""
    plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.replace("`", "")).lower())
    return plain.strip().replace(" ", "-")


def anchors(path):
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"^ *```.*?^ *```$", "", file.read(), flags=re.MULTILINE | re.DOTALL)
    return {anchor(h) for h in re.findall(r"^#+ +(.+)$", text, re.MULTILINE)} | set(re.findall(r'<a id="([^"]+)">', text))


def faults(source):
    listed = subprocess.run(["git", "-C", source, "ls-files", "*.md"], capture_output=True, text=True, check=True).stdout.split()
    count = 0
    for document in listed:
        path = os.path.join(source, document)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            text = without_code(file.read())
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            name, _, part = target.partition("#")
            to = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            if not os.path.exists(to):
                yield f"{document}: there is no {target}"
            elif part and to.endswith(".md") and part not in anchors(to):
                yield f"{document}: there is no heading #{part} in {os.path.relpath(to, source)}"
    if count < 20:
        yield f"only {count} links were found: this test looks at nothing"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default=".")
    parser.add_argument("--build")
    found = list(faults(os.path.abspath(parser.parse_args().source)))
    print("\n".join(found) if found else "every link leads somewhere")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
