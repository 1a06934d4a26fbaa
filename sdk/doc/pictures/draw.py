#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures that are drawn: draw.py [--check]. demo.svg is a recording, see record.py."""
import os
import sys

import layers
import move

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    wrong = []
    for name, module in (("layers", layers), ("move", move)):
        path, text = os.path.join(HERE, name + ".svg"), str(module.picture())
        if "--check" in sys.argv[1:]:
            with open(path, encoding="utf-8") as file:
                wrong += [] if file.read() == text else [f"{name}.svg is not what {name}.py draws: run sdk/doc/pictures/draw.py"]
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    print("\n".join(wrong) if wrong else "the pictures are as they are drawn")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
