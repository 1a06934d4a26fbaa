#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the completion of stintd from its help: completion.py --shell bash|zsh|fish --out FILE --stintd PROGRAM

`stint` answers for itself (`stint completion`); a daemon is started by hand so seldom that a list of its options will do.
"""
import argparse

from manual import said_by, stintd_options


def kind(value):
    """What the shell completes: files, directories, words to choose from, nothing, or that there is no value."""
    if not value:
        return "switch", []
    if value.startswith("FILE"):
        return "files", []
    if value == "DIR":
        return "directories", []
    return ("choice", value.split("|")) if "|" in value else ("text", [])


def bash(options):
    yield "# bash completion of stintd"
    yield "_stintd() {"
    yield "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}"
    yield "    if [[ $word == = ]]; then word=\"\"; elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi"
    yield "    COMPREPLY=()"
    yield "    case $before in"
    actions = {"files": "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$word\")",
               "directories": "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$word\")", "text": ":"}
    for name, value, _ in options:
        what, words = kind(value)
        if what != "switch":
            yield f"        --{name}) " + actions.get(what, f"mapfile -t COMPREPLY < <(compgen -W \"{' '.join(words)}\" -- \"$word\")") + " ;;"
    names = " ".join("--" + name for name, _, _ in options)
    yield f"        *) mapfile -t COMPREPLY < <(compgen -W \"{names}\" -- \"$word\") ;;"
    yield "    esac"
    yield "}"
    yield "complete -F _stintd stintd"


def zsh(options):
    yield "#compdef stintd"
    yield "# zsh completion of stintd"
    yield "_stintd() {"
    yield "    _arguments -s \\"
    actions = {"files": "_files", "directories": "_files -/", "text": " "}
    for name, value, text in options:
        what, words = kind(value)
        text = text.replace("'", "").replace("[", "(").replace("]", ")")
        many = "*" if "repeatable" in text else ""
        action = "" if what == "switch" else f":{value.replace('|', ' or ')}:" + actions.get(what, f"({' '.join(words)})")
        yield f"        '{many}--{name}{'=' if action else ''}[{text}]{action}' \\"
    yield "        && return 0"
    yield "}"
    yield "if [[ $funcstack[1] == _stintd ]]; then"
    yield "    _stintd \"$@\""
    yield "else"
    yield "    compdef _stintd stintd"
    yield "fi"


def fish(options):
    yield "# fish completion of stintd"
    yield "complete -c stintd -f"
    actions = {"switch": "", "files": " -rF", "directories": " -x -a '(__fish_complete_directories)'", "text": " -x"}
    for name, value, text in options:
        what, words = kind(value)
        text = text.replace("\\", "\\\\").replace("'", "\\'")
        yield f"complete -c stintd -l {name} -d '{text}'" + actions.get(what, f" -x -a '{' '.join(words)}'")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shells = {"bash": bash, "zsh": zsh, "fish": fish}
    parser.add_argument("--shell", choices=shells, required=True)
    for name in ("out", "stintd"):
        parser.add_argument("--" + name, required=True)
    args = parser.parse_args()
    lines = shells[args.shell](stintd_options(said_by(args.stintd, "--help")))
    with open(args.out, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
