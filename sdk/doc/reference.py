#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes sdk/doc/reference.md from the comments of the public headers: reference.py [--source DIR] [--check]

--check writes nothing and exits 1 when what is checked in differs from what the headers say, or when something public is missing in it.
"""
import argparse
import os
import re
import sys
import textwrap

HEADERS = [  # file, who needs it
    ("tasklet.h", "writing modules"),
    ("client.h", "programs that talk with a cluster"),
    ("call.h", "what comes of a client's operations, with or without waiting"),
    ("admin.h", "programs that operate a cluster"),
    ("list.h", "the items that those get"),
    ("keys.h", "making keys and identities"),
    ("node.h", "programs with a node in them"),
    ("types.h", "all of them"),
    ("status.h", "all of them"),
]
MACHINERY = {"tasklet_abi.h", "tasklet_impl.h"}  # what tasklet.h is made of
GUARDS = re.compile(r"STINT_\w+_H$")
INTERNAL = {"STINT_API", "STINT_MUST_USE", "STINT_PRINTF", "STINT_STATUS_LIST", "STINT_SIZED_", "STINT_SIZED_INIT_"}  # for the headers themselves
WIDTH = 96


def read(source, name):
    with open(os.path.join(source, "sdk/include/stint", name), encoding="utf-8") as file:
        return file.read()


# ---- reading a header ----

def comment_lines(text):
    """The lines of a comment without its marks."""
    body = re.sub(r"^/\*+|\*/$", "", text.strip())
    return [re.sub(r"^ ?\*? ?", "", line, count=1) if i else line.strip() for i, line in enumerate(body.split("\n"))]


def without_others(text):
    """A header as C sees it: without the C++ variants, guards and includes."""
    text = re.sub(r"^#ifdef __cplusplus\n(?:(?!#else|#endif).*\n)*#else\n((?:.*\n)*?)#endif\n", r"\1", text, flags=re.MULTILINE)
    text = re.sub(r"^#ifdef __cplusplus\n(?:.*\n)*?#endif\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^#if.*\n(?:#define STINT_(?:API|MUST_USE|PRINTF).*\n|#else\n)*#endif\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^#(?:include|ifndef|endif|undef|define \w+_H$).*\n", "", text, flags=re.MULTILINE)


def parts(text):
    """[("comment", text)] and [("code", text)] and ("gap", "") for blank lines, in order."""
    lines, at = without_others(text).split("\n"), 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            yield "gap", ""
            at += 1
        elif line.startswith("/*"):
            first = at
            while "*/" not in lines[at]:
                at += 1
            at += 1
            yield "comment", "\n".join(lines[first:at])
        else:
            first, depth = at, 0
            while at < len(lines):
                plain = re.sub(r"/\*.*?(\*/|$)|\"[^\"]*\"", "", lines[at])
                depth += plain.count("{") + plain.count("(") - plain.count("}") - plain.count(")")
                at += 1
                macro = lines[first].startswith("#define")
                done = not lines[at - 1].endswith("\\") if macro else depth <= 0 and re.search(r"[;}]\s*$", plain)
                if done:
                    break
            yield "code", "\n".join(lines[first:at])


class Entry:
    def __init__(self, comment):
        self.comment, self.codes = comment, []

    @property
    def names(self):
        return list(dict.fromkeys(name for name in map(name_of, self.codes) if name and name not in INTERNAL))


def name_of(code):
    """What a declaration declares."""
    macro = re.match(r"#define (\w+)", code)
    if macro:
        return "" if macro.group(1).endswith("_") or GUARDS.match(macro.group(1)) else macro.group(1)
    if re.match(r"struct \w+;", code):
        return ""
    kind = re.match(r"(?:typedef )?(?:struct|enum) (\w+) \{", code)
    if kind:
        return kind.group(1)
    function = re.search(r"(\w+)\s*\(", re.sub(r"STINT_(?:API|MUST_USE)|STINT_PRINTF\([^)]*\)", "", code))
    return function.group(1) if function and not function.group(1).endswith("_") else ""


def sections(text):
    """(essay, [(title, [entries])]) of a header."""
    essay, out, entry = [], [("", [])], None
    for kind, part in parts(text):
        title = re.match(r"/\* (?:=+|-+) (.+?) (?:=+|-+) \*/$", part) if kind == "comment" else None
        if "SPDX" in part:
            continue
        if title:
            out.append((title.group(1), []))
            entry = None
        elif kind == "comment" and not essay and not any(entries for _, entries in out):
            essay = comment_lines(part)
        elif kind == "comment":
            entry = Entry(comment_lines(part))
            out[-1][1].append(entry)
        elif kind == "code":
            if entry is None:
                entry = Entry([])
                out[-1][1].append(entry)
            entry.codes.append(part)
        elif entry is not None and entry.codes:
            entry = None
    return essay, [(title, [e for e in entries if e.names]) for title, entries in out if any(e.names for e in entries)]


# ---- writing ----

def signature(code):
    """A declaration without bodies and attributes."""
    if code.startswith("#define"):
        head = re.match(r"#define (\w+(?:\([^)]*\))?)(.*)", code)
        value = re.sub(r"/\*.*?\*/", "", head.group(2)).strip()
        short = "(" not in head.group(1) and value and not value.endswith("\\") and len(value) < 30 and not re.search(r"STINT_\w+_\b", value)
        comment = re.search(r"/\* (.*?) \*/", head.group(2)) if short else None
        return f"{head.group(1)}{' = ' + value if short else ''}" + (f"    /* {comment.group(1)} */" if comment else "")
    if re.match(r"(?:typedef )?(?:struct|enum) \w+ \{", code) or code.startswith("#"):
        return code
    text = re.sub(r"STINT_(?:API|MUST_USE) ?|STINT_PRINTF\([^)]*\)\s*|static inline ", "", code)
    text = re.sub(r"\s+", " ", text.split("\n{")[0].split(" {")[0]).strip().rstrip(";") + ";"
    if len(text) <= WIDTH:
        return text
    head, _, rest = text.partition("(")
    return head + "(\n" + textwrap.fill(rest.strip(), WIDTH, initial_indent="    ", subsequent_indent="    ")


def escape(text):
    """Markdown's own signs, outside of code."""
    pieces = re.split(r"(`[^`]*`)", text)
    sign = re.compile(r"\*(?!\w[^*\n]*\w\*)(?<!\w\*)|[<>|]|(?<!\w)_|_(?!\w)")
    return "".join(p if i % 2 else sign.sub(lambda found: "\\" + found.group(), p) for i, p in enumerate(pieces))


def prose(lines):
    """A comment as Markdown: paragraphs, lists, and what is indented by four as code."""
    out, paragraph, code = [], [], []

    def flush():
        if paragraph:
            out.append(escape(" ".join(paragraph)))
            paragraph.clear()
        if code:
            while code and not code[-1].strip():
                code.pop()
            out.append("```c\n" + textwrap.dedent("\n".join(code)) + "\n```")
            code.clear()

    for line in lines:
        if line.startswith("    ") or (code and not line.strip()):
            if not code:
                flush()
            code.append(line)
        elif not line.strip():
            flush()
        else:
            if code or re.match(r" *- ", line):
                flush()
            paragraph.append(line.strip())
    flush()
    return "\n\n".join(block for block in out if block)


def first_sentence(entry):
    text = " ".join(line.strip() for line in entry.comment if not line.startswith("    "))
    text = re.split(r"(?<=[.:;]) ", text.strip())[0].rstrip(":;")
    return escape(text)


def document(source):
    out = ["# Reference", "",
           "Written by `sdk/doc/reference.py` from the comments of the public headers; do not edit. A test compares.", "",
           "<!-- not run below: declarations and examples as they stand in the headers, which are compiled by themselves in tests/consumer -->", "",
           "| header | for |", "| --- | --- |"]
    for name, what in HEADERS:
        out.append(f"| [stint/{name}](#{name.replace('.', '-')}) | {what} |")
    out += ["", "`stint/tasklet.h` includes `stint/tasklet_abi.h` and `stint/tasklet_impl.h`, the machinery of its macros, in which nothing is for authors.", ""]
    for name, _ in HEADERS:
        essay, found = sections(read(source, name))
        out += [f'<a id="{name.replace(".", "-")}"></a>', f"## stint/{name}", "", prose(essay), ""]
        if any(entries for _, entries in found):
            out += ["| name | |", "| --- | --- |"]
            for _, entries in found:
                for e in entries:
                    out.append(f"| {', '.join(f'[`{n}`](#{e.names[0]})' for n in e.names)} | {first_sentence(e)} |")
            out.append("")
        for title, entries in found:
            if title:
                out += [f"### {title[0].upper()}{title[1:]}", ""]
            for e in entries:
                codes = [signature(c) for c in e.codes if name_of(c) not in INTERNAL and (name_of(c) or c.startswith("typedef"))]
                out += [f'<a id="{e.names[0]}"></a>', "```c", *codes, "```", "", prose(e.comment), ""]
        if name == "status.h":
            out += ["| status | number | sentence |", "| --- | --- | --- |"]
            for status, number, sentence in re.findall(r'X\((\w+), (\d+), "([^"]+)"\)', read(source, name)):
                out.append(f"| `STINT_{status}` | {number} | {sentence} |")
            out.append("")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).rstrip() + "\n"


def public_names(source):
    """Everything that a reader may find in the headers, by a way of looking of its own."""
    for name in sorted(os.listdir(os.path.join(source, "sdk/include/stint"))):
        if name in MACHINERY or not name.endswith(".h"):
            continue
        text = re.sub(r"/\*.*?\*/", "", read(source, name), flags=re.DOTALL)
        for macro in re.findall(r"^#\s*define (STINT_\w+|stint_\w+)", text, re.MULTILINE):
            if not macro.endswith("_") and not GUARDS.match(macro) and macro not in INTERNAL:
                yield name, macro
        for function in re.findall(r"STINT_API[^;{]*?\b(stint_\w+)\s*\(", text):
            yield name, function
        for function in re.findall(r"^static inline [^{;]*?\b(stint_\w+)\s*\(|^(stint_\w+)\(", text, re.MULTILINE):
            one = function[0] or function[1]
            if not one.endswith("_") and not re.search(r"_init$", one):
                yield name, one
        for kind in re.findall(r"^(?:struct|enum) (stint_\w+) \{", text, re.MULTILINE):
            yield name, kind


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    path = os.path.join(arguments.source, "sdk/doc/reference.md")
    text = document(arguments.source)
    faults = [f"{name}: {what} is not in the reference" for name, what in dict.fromkeys(public_names(arguments.source))
              if not re.search(rf"\[`{what}`\]\(#", text)]
    if arguments.check:
        with open(path, encoding="utf-8") as file:
            if file.read() != text:
                faults.append("sdk/doc/reference.md is not what the headers say: run sdk/doc/reference.py and look at the difference")
    else:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    print("\n".join(faults) if faults else f"{len(set(public_names(arguments.source)))} names are in the reference")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
