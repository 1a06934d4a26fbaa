# SPDX-License-Identifier: Apache-2.0
"""Holds JSON of the tool against schema.json: every field that stands there is there, of its type. More fields are allowed."""
import json
import os
import re

from lib import Failed

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "schema.json"), encoding="utf-8") as _file:
    _SCHEMA = json.load(_file)
COMMANDS = _SCHEMA["commands"]
KINDS = _SCHEMA["kinds"]


def _whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _matches(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


TYPES = {
    "id": _matches(r"[0-9a-f]{32}"),
    "serial": _matches(r"[0-9a-f]{16}"),
    "time": _matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
    "endpoint": _matches(r"tcp://[^\s:]+:\d+"),
    "text": lambda value: isinstance(value, str) and not re.search(r"[\x00-\x1f\x7f]", value),
    "texts": lambda value: isinstance(value, dict) and all(isinstance(v, str) for v in value.values()),
    "bool": lambda value: isinstance(value, bool),
    "count": lambda value: _whole(value) and value >= 0,
    "whole": _whole,
    "number": lambda value: _whole(value) or isinstance(value, float),
    "object": lambda value: isinstance(value, dict),
    "any": lambda value: True,
}


def check_type(value, kind, where):
    if kind.endswith("?"):
        if value is None:
            return
        kind = kind[:-1]
    if kind.endswith("[]"):
        if not isinstance(value, list):
            raise Failed(f"{where} is no list: {value!r}")
        for i, one in enumerate(value):
            check_type(one, kind[:-2], f"{where}[{i}]")
    elif kind in TYPES:
        if not TYPES[kind](value):
            raise Failed(f"{where} is no {kind}: {value!r}")
    elif "|" in kind:
        if value not in kind.split("|"):
            raise Failed(f"{where} is none of {kind}: {value!r}")
    else:
        check_kind(value, kind, where)


def check_kind(value, kind, where):
    """One object of a kind."""
    if not isinstance(value, dict):
        raise Failed(f"{where} is no object: {value!r}")
    missing = [field for field in KINDS[kind] if field not in value]
    if missing:
        raise Failed(f"{where}: a {kind} has no {missing}: {value}")
    for field, type_of in KINDS[kind].items():
        check_type(value[field], type_of, f"{where}.{field}")


def check_answer(value, kind, where):
    """What `-o json` printed: an object, or for "list KIND" a list of them. Returns the objects."""
    if not kind.startswith("list "):
        check_kind(value, kind, where)
        return [value]
    if not isinstance(value, dict) or value.get("schema") != 1 or not isinstance(value.get("items"), list) or \
            not isinstance(value.get("truncated"), bool):
        raise Failed(f"{where}: a list is {{\"schema\":1,\"items\":[...],\"truncated\":...}}: {value!r}")
    for i, item in enumerate(value["items"]):
        check_kind(item, kind[len("list "):], f"{where}.items[{i}]")
    return value["items"]
