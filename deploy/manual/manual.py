#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a manual page: manual.py --template FILE --out FILE --version V --stint PROGRAM --stintd PROGRAM

A template is roff with places for what the programs say of themselves, so that no page lags behind a table:

    @VERSION@   @COMMANDS@ and @GLOBALS@ of `stint help -o json`   @OPTIONS@ and @KEYS@ of `stintd --help`
    @SELECTORS@, @CONTEXTS@, ... of `stint help selectors`, ...: a place for each topic
"""
import argparse
import json
import re
import subprocess

OPTIONS_LEAST = 15  # of stintd: less means that its help could not be read


def said_by(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def roff(text):
    """As it is, wherever it stands."""
    for sign, escape in (("\\", "\\e"), ("-", "\\-"), ("'", "\\(aq"), ("`", "\\(ga"), ("^", "\\(ha"), ("~", "\\(ti"), ('"', "\\(dq")):
        text = text.replace(sign, escape)
    return "\\&" + text if text.startswith(".") else text


def prose(text):
    """A sentence: the first letter large, a period at its end; what the tables say has neither."""
    text = text[:1].upper() + text[1:]
    return roff(text if text.endswith(".") else text + ".")


def flag_head(flag):
    """-o, --output FORMAT"""
    letter = f"\\fB\\-{flag['letter']}\\fR, " if flag["letter"] else ""
    value = {"watch": f"[=\\fI{roff(flag['value'])}\\fR]"}.get(flag["kind"], f" \\fI{roff(flag['value'])}\\fR" if flag["value"] else "")
    return f"{letter}\\fB\\-\\-{roff(flag['name'])}\\fR{value}"


def flag_entry(flag):
    yield ".TP"
    yield flag_head(flag)
    limits = f" ({flag['min']} to {flag['max']})" if flag["kind"] in ("number", "rate") and flag["max"] < 2**32 - 1 else ""
    yield prose(flag["help"] + limits)


def arguments(words):
    """NODE in italics; brackets and bars as they are."""
    return re.sub(r"[A-Za-z/]+", lambda word: f"\\fI{roff(word.group())}\\fR" if word.group().isupper() or "/" in word.group()
                  else f"\\fB{roff(word.group())}\\fR", words)


def command_entry(item):
    yield ".TP"
    yield f"\\fBstint {roff(item['command'])}\\fR {arguments(item['words'])}".rstrip()
    yield prose(item["help"])
    if item["destroys"] != "nothing":
        also = "" if item["destroys"] == "always" else " with \\fB\\-\\-selector\\fR"
        yield f"It asks first{also}; off a terminal it demands \\fB\\-\\-yes\\fR."
    if item["flags"]:
        yield ".RS"
        for flag in item["flags"]:
            yield from flag_entry(flag)
        yield ".RE"
    yield ".IP"
    yield ".nf"
    yield roff(item["example"])
    yield ".fi"


def commands(items):
    """A section for each noun that has verbs, in the order of the table; the others at the end."""
    nouns = []
    for item in items:
        noun = item["command"].split(" ")[0]
        if " " in item["command"] and noun not in nouns:
            nouns.append(noun)
    for noun in nouns:
        yield f".SS {noun}"
        for item in items:
            if item["command"].startswith(noun + " "):
                yield from command_entry(item)
    yield ".SS others"
    for item in items:
        if " " not in item["command"]:
            yield from command_entry(item)


def topics(stint):
    """Name in capitals to the lines, of all topics that `stint help` lists."""
    names = re.findall(r"^  help ([a-z]+) ", said_by(stint, "help"), re.MULTILINE)
    return {name.upper(): "\n".join([".nf"] + [roff(line) for line in said_by(stint, "help", name).splitlines()] + [".fi"])
            for name in names}


def stintd_options(text):
    """(name, value, help) of the lines `  --name VALUE    help`."""
    options = re.findall(r"^  --([a-z-]+)(?: (\S+))? +(\S.*)$", text, re.MULTILINE)
    if len(options) < OPTIONS_LEAST:
        raise SystemExit(f"manual.py: only {len(options)} options in `stintd --help`")
    return options


def option_entries(options):
    for name, value, text in options:
        yield ".TP"
        yield f"\\fB\\-\\-{roff(name)}\\fR" + (f" \\fI{roff(value)}\\fR" if value else "")
        yield prose(text)


def key_entries(options):
    for name, value, text in options:
        if name not in ("config", "check", "help", "version"):
            yield ".TP"
            yield f"\\fB{roff(name)}\\fR = \\fI{roff(value or 'yes|no')}\\fR"
            yield prose(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("template", "out", "version", "stint", "stintd"):
        parser.add_argument("--" + name, required=True)
    args = parser.parse_args()
    everything, *items = json.loads(said_by(args.stint, "help", "-o", "json"))["items"]
    options = stintd_options(said_by(args.stintd, "--help"))
    globals_ = [line for flag in everything["flags"] for line in flag_entry(flag)]
    places = {"VERSION": args.version, "COMMANDS": "\n".join(commands(items)), "GLOBALS": "\n".join(globals_),
              "OPTIONS": "\n".join(option_entries(options)), "KEYS": "\n".join(key_entries(options)), **topics(args.stint)}
    with open(args.template, encoding="utf-8") as file:
        page = re.sub(r"@([A-Z]+)@", lambda place: places[place.group(1)], file.read())
    with open(args.out, "w", encoding="utf-8") as file:
        file.write(page)


if __name__ == "__main__":
    main()
