#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pictures of the documents are as their scripts draw them, and harmless wherever they are shown: test_pictures.py --source DIR"""
import argparse
import glob
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

BYTES_MAX = 300 * 1024


def faults(source):
    folder = os.path.join(source, "sdk/doc/pictures")
    drawn = subprocess.run([sys.executable, "-B", os.path.join(folder, "draw.py"), "--check"], capture_output=True, text=True)
    if drawn.returncode != 0:
        yield drawn.stdout.strip() + drawn.stderr.strip()
    paths = glob.glob(os.path.join(folder, "*.svg"))
    if len(paths) < 3:
        yield f"only {len(paths)} pictures"
    for path in paths:
        name = os.path.basename(path)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if len(text.encode()) > BYTES_MAX:
            yield f"{name}: larger than {BYTES_MAX} bytes"
        try:
            root = xml.etree.ElementTree.fromstring(text)
        except xml.etree.ElementTree.ParseError as error:
            yield f"{name}: {error}"
            continue
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        if tags & {"script", "foreignObject", "image", "use", "a", "iframe"}:
            yield f"{name}: has elements that are not wanted: {tags}"
        if any(attribute.rpartition("}")[2].startswith("on") for element in root.iter() for attribute in element.attrib):
            yield f"{name}: has an event handler"
        if re.search(r"href|url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text):
            yield f"{name}: refers to something elsewhere"
        if "title" not in tags or "viewBox" not in root.attrib:
            yield f"{name}: has no title or no viewBox"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default=".")
    parser.add_argument("--build")
    found = list(faults(os.path.abspath(parser.parse_args().source)))
    print("\n".join(found) if found else "the pictures are as they should be")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
