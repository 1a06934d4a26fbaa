# SPDX-License-Identifier: Apache-2.0
"""The fenced blocks of a document, and what each of them asks for. sdk/doc/README.md says it for writers ("How the listings are
checked")."""
import os
import re

EXEMPT = re.compile(r"^<!-- not run: (.+) -->$")  # the next block
EXEMPT_BELOW = re.compile(r"^<!-- not run below: (.+) -->$")  # all that follow
NAMED = {  # the first line of a block that is a file
    "c": re.compile(r"^/\* ([\w./-]+\.[ch]) \*/$"),
    "proto": re.compile(r"^// ([\w./-]+\.proto)$"),
    "text": re.compile(r"^# ([\w./-]+\.(?:options|conf))$"),
    "cmake": re.compile(r"^# ((?:[\w-]+/)*CMakeLists\.txt)$"),
    "python": re.compile(r"^# ([\w./-]+\.py)$"),
}


class Bad(Exception):
    """A document that does not follow the rules."""


class Block:
    """kind: sh, console, file, fragment or exempt."""

    def __init__(self, document, line, kind, text, argument=""):
        self.where = f"{document}:{line}"
        self.kind, self.text, self.argument = kind, text, argument


def classify(document, line, language, info, text, reason):
    """Which kind of block this is; a block that cannot be checked must say why in the line before it."""
    where = f"{document}:{line}"
    if reason:
        return Block(document, line, "exempt", text, reason)
    if language == "sh" and not info:
        if re.search(r"\bsleep\b", text):
            raise Bad(f"{where}: a listing that sleeps; let it wait for what it needs")
        return Block(document, line, "sh", text)
    if language == "console" and not info:
        return Block(document, line, "console", text)
    fragment = re.fullmatch(r"fragment(?:=(\w+))?", info)
    if language == "c" and fragment:
        return Block(document, line, "fragment", text, fragment.group(1) or "")
    named = NAMED[language].match(text.split("\n", 1)[0]) if language in NAMED and not info else None
    if named:
        return Block(document, line, "file", text, named.group(1))
    what = f"{language} {info}".strip()
    raise Bad(f"{where}: a block of `{what}` that nobody checks; name its file in its first line, call it a fragment, "
              "or say why in a line `<!-- not run: REASON -->` before it")


def read(path, text=None):
    """All blocks of a document in order."""
    document = os.path.basename(path)
    if text is None:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    blocks, lines, at, reason, always = [], text.split("\n"), 0, None, None
    while at < len(lines):
        line = lines[at]
        begin = re.match(r"^( *)```(.*)$", line)
        if begin:
            indent, words = begin.group(1), begin.group(2).strip()
            language, _, info = words.partition(" ")
            first = at + 1
            at += 1
            while at < len(lines) and lines[at].strip() != "```":
                at += 1
            if at == len(lines):
                raise Bad(f"{document}:{first}: a block without an end")
            body = "\n".join(one[len(indent):] if one.startswith(indent) else one for one in lines[first:at]) + "\n"
            blocks.append(classify(document, first, language, info.strip(), body, reason or always))
            reason = None
        elif line.strip():
            exempt = EXEMPT.match(line.strip())
            reason = exempt.group(1) if exempt else None
            below = EXEMPT_BELOW.match(line.strip())
            always = below.group(1) if below else always
        at += 1
    return blocks


def dialogue(block):
    """The commands of a console block, each with the output that is expected: [(command, [lines])]."""
    pairs = []
    for line in block.text.split("\n")[:-1]:
        if line.startswith("$ "):
            pairs.append((line[2:], []))
        elif line.startswith("> ") and pairs and not pairs[-1][1]:
            pairs[-1] = (pairs[-1][0] + "\n" + line[2:], [])
        elif pairs:
            pairs[-1][1].append(line)
        else:
            raise Bad(f"{block.where}: a console block begins with `$ COMMAND`")
    return pairs


def pattern(lines):
    """Lines of expected output as a regular expression. `…` stands for anything in a line, a line of `…` for any lines; hex digits
    before `…` for an id; how many blanks there are does not matter."""
    parts = []
    for line in lines:
        if line.strip() == "…":
            parts.append(r"(?:[^\n]*\n)*?")
            continue
        line = " ".join(re.sub(r"\b(?=[0-9a-f]*\d)[0-9a-f]{4,32}…", "\0", line).split())
        part = re.escape(line).replace("…", r"[^\n]*?").replace("\0", r"[0-9a-f]+…?").replace("\\\0", r"[0-9a-f]+…?")
        parts.append(part + r"\n")
    return "".join(parts)


def matches(lines, output):
    plain = "".join(" ".join(line.split()) + "\n" for line in output.rstrip("\n").split("\n")) if output.strip() else ""
    return re.fullmatch(pattern(lines), plain) is not None
