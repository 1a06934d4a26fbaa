#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second decoder of the formats, which shares nothing with the first: it reads the .proto files of proto/schema by itself
and knows the wire format of protobuf, the envelope's header and the session's. What it makes of each file of the corpus must
be the text that stands beside it.

    decode.py --source DIR FOLDER [FILE...]       compares; with names of files, prints what it reads
    decode.py --program test_corpus ...           and has the first decoder refuse what is damaged: each length in each
                                                  pickle, file, batch and frame once one larger and once one smaller, with
                                                  the check sum put right
"""
import argparse
import os
import re
import struct
import subprocess
import sys
import tempfile

MASK = (1 << 64) - 1
KINDS = ["", "OFFER", "DONE", "NACK", "CANCEL", "FIN", "MOVE", "PARCEL", "LOCATE", "CONTROL", "PROBE", "REQUEST", "REPLY",
         "CLOSE", "KILL"]
BODIES = {"MOVE": "MoveMessage", "LOCATE": "Locate", "PROBE": "Probe"}
CONTROL = {1: "StoreRequest", 2: "StoreReply", 3: "View"}
GREETINGS = {1: "Hello", 2: "Welcome", 3: "Confirm", 4: "Reset"}
PICKLE = {1: "PickleHead", 2: "PickleCode", 3: "PickleType", 4: "PickleFrame", 6: "PickleFault", 7: "PickleChannel",
          8: "PickleRelation", 9: "PickleOutlet", 10: "PickleSend"}
SCHEMA = {2: "TypeDef", 3: "FieldDef", 4: "CodeDef"}
FILE = {3: "ExportInfo"}


class Malformed(Exception):
    pass


# ---- the schema, out of the .proto files ----

def read_protos(source):
    """{message: {tag: (type, repeated)}}; an enum is a number."""
    messages, enums = {}, set()
    folder = os.path.join(source, "proto", "schema")
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".proto"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            text = re.sub(r"//[^\n]*", "", file.read())
        enums.update(re.findall(r"enum (\w+) \{", text))
        for message, body in re.findall(r"message (\w+) \{([^}]*)\}", text):
            fields = re.findall(r"(repeated )?([\w.]+) \w+ = (\d+);", body)
            messages[message] = {int(tag): (kind, bool(repeated)) for repeated, kind, tag in fields}
    return messages, enums


# ---- the wire ----

def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("a number is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value & MASK, at


def put_varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields(data):
    """(tag, form, value, where its length begins) of each."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        tag, form = key >> 3, key & 7
        start = at
        if form == 0:
            value, at = varint(data, at)
        elif form == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        elif form in (1, 5):
            size = 8 if form == 1 else 4
            value, at = int.from_bytes(data[at:at + size], "little"), at + size
        else:
            raise Malformed("form %d" % form)
        if at > len(data):
            raise Malformed("field %d is cut off" % tag)
        yield tag, form, value, start


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


class Decoder:
    def __init__(self, source):
        self.messages, self.enums = read_protos(source)

    def scalar(self, kind, value):
        if kind == "string":
            return '"%s"' % value.decode("utf-8")
        if kind == "bytes":
            return value.hex()
        if kind == "bool":
            return "1" if value else "0"
        if kind in ("sint32", "sint64"):
            return str((value >> 1) ^ -(value & 1))
        if kind == "int32" or kind in self.enums or kind == "uint32":
            return str(signed(value, 32))
        if kind in ("int64", "uint64"):
            return str(signed(value, 64))
        if kind in ("fixed32", "fixed64"):
            return str(value)
        raise Malformed("no type %s" % kind)

    def body(self, name, data, indent):
        lines, last = [], 0
        pad = " " * indent
        for tag, form, value, _ in fields(data):
            if tag not in self.messages[name] or tag < last:
                raise Malformed("%s has field %d" % (name, tag))
            last = tag
            kind, repeated = self.messages[name][tag]
            if kind in self.messages:
                lines += ["%s%d {" % (pad, tag)] + self.body(kind, value, indent + 2) + [pad + "}"]
            elif repeated and form == 2 and kind not in ("string", "bytes"):
                step = {"fixed64": 8, "fixed32": 4}[kind]
                for at in range(0, len(value), step):
                    number = int.from_bytes(value[at:at + step], "little")
                    lines.append("%s%d: %s" % (pad, tag, self.scalar(kind, number)))
            else:
                lines.append("%s%d: %s" % (pad, tag, self.scalar(kind, value)))
        return lines

    def message(self, name, data):
        return [name + " {"] + self.body(name, data, 2) + ["}"]

    def prefixed(self, name, data):
        size = int.from_bytes(data[:2], "little")
        return self.message(name, data[2:2 + size]) + [long_bytes("after", data[2 + size:])]

    def envelope(self, head, data):
        kind, flags, hops, op, length, number, epoch, word = struct.unpack("<BBBBIQQQ", head[:32])
        name = KINDS[kind]
        lines = ["%s flags %d hops %d op %d status %d number %d epoch %d word %d"
                 % (name, flags, hops, op, length >> 24, number, epoch, word),
                 "source: " + head[32:48].hex(), "target: " + head[48:64].hex()]
        if name in BODIES:
            return lines + self.message(BODIES[name], data)
        if name == "CONTROL":
            return lines + (self.message(CONTROL[op], data) if op in CONTROL else [])
        if name in ("REQUEST", "REPLY"):
            return lines + self.prefixed(name.capitalize(), data)
        return lines + [long_bytes("body", data)]

    def batch(self, data):
        lines, at = [], 0
        while at < len(data):
            size = int.from_bytes(data[at + 4:at + 7], "little")
            if at + 64 + size > len(data):
                raise Malformed("an envelope is cut off")
            lines += self.envelope(data[at:at + 64], data[at + 64:at + 64 + size])
            at += 64 + size
        return lines

    def frame(self, data):
        kind, size = data[0], int.from_bytes(data[4:8], "little")
        if data[1:4] != bytes(3) or size != len(data):
            raise Malformed("the prefix of a frame")
        lines = ["frame %d of %d bytes" % (kind, size)]
        if kind in GREETINGS:
            return lines + self.message(GREETINGS[kind], data[8:])
        lines.append("tag %d number %d next %d credit %d %d" % struct.unpack("<QQQQQ", data[8:48]))
        return lines + (self.batch(data[48:]) if kind == 5 else ["payload: " + data[48:].hex()])

    def records(self, names, data):
        lines = []
        for tag, form, value, _ in fields(data):
            if form != 2:
                lines.append("%d: %d" % (tag, value))
            elif tag in names:
                lines += self.message(names[tag], value)
            else:
                lines.append("%d: %s" % (tag, value.hex()))
        return lines

    def pickle(self, data):
        lines = self.records(PICKLE, data)
        found = int.from_bytes(data[-8:], "little")
        if data[-9] != 0x79 or found != check_sum(data[:-9]):
            raise Malformed("the check sum")
        return lines

    def certificate(self, data):
        body = [value for tag, _, value, _ in fields(data) if tag == 1][0]
        return self.message("Certificate", data) + self.message("CertificateBody", body)

    def show(self, kind, what, data):
        if kind == "message":
            return self.message(what, data)
        if kind == "keys":
            return data.decode("ascii").splitlines()
        if kind == "box":
            return ["version %d" % data[0], "nonce: " + data[1:25].hex(), "rest: " + data[25:].hex()]
        if kind == "schema":
            return self.records(SCHEMA, data)
        if kind == "file":
            return self.records(FILE, data)
        return getattr(self, kind)(data)


def long_bytes(name, data):
    if len(data) <= 1000:
        return "%s: %s" % (name, data.hex())
    total = 0
    for byte in data:
        total = (total * 31 + byte) & MASK
    return "%s: %d bytes, sum %016x" % (name, len(data), total)


def mix(x):
    x = (x + 0x9e3779b97f4a7c15) & MASK
    x = ((x ^ x >> 30) * 0xbf58476d1ce4e5b9) & MASK
    x = ((x ^ x >> 27) * 0x94d049bb133111eb) & MASK
    return x ^ x >> 31


def check_sum(data):
    h = len(data)
    whole = len(data) // 8 * 8
    for at in range(0, whole, 8):
        h = mix(h ^ int.from_bytes(data[at:at + 8], "little"))
    return mix(h ^ int.from_bytes(data[whole:], "little"))


# ---- damage ----

def damaged_lengths(data, records, depth=0):
    """The same bytes with one length one larger or smaller, for each length in them."""
    for tag, form, value, start in fields(data):
        if form != 2:
            continue
        _, begin = varint(data, start)
        for by in (1, -1):
            if len(value) + by >= 0:
                yield data[:start] + put_varint(len(value) + by) + data[begin:]
        if depth == 0 and tag in records:
            for inner in damaged_lengths(value, {}, 1):
                yield data[:start] + put_varint(len(inner)) + inner + data[begin + len(value):]


def damaged(kind, data):
    if kind == "pickle":
        for body in damaged_lengths(data[:-9], PICKLE):
            yield body + b"\x79" + check_sum(body).to_bytes(8, "little")
    elif kind in ("file", "schema"):
        yield from damaged_lengths(data, FILE)
    elif kind == "certificate":
        yield from damaged_lengths(data, {1: ""})
    elif kind == "batch":
        at = 0
        while at < len(data):
            size = int.from_bytes(data[at + 4:at + 7], "little")
            for by in (1, -1):
                if size + by >= 0:
                    yield data[:at + 4] + (size + by).to_bytes(3, "little") + data[at + 7:]
            at += 64 + size
    elif kind == "frame":
        size = int.from_bytes(data[4:8], "little")
        for by in (1, -1):
            yield data[:4] + (size + by).to_bytes(4, "little") + data[8:]
    if kind != "message":
        yield data + b"\0"
        yield data[:-1]


def refuse(program, folder, files):
    """How many of the damaged files there are; the program says which it takes."""
    count = 0
    with tempfile.TemporaryDirectory(prefix="corpus-") as there:
        with open(os.path.join(there, "manifest"), "w", encoding="ascii") as manifest:
            for name, kind, what in files:
                with open(os.path.join(folder, name + ".bin"), "rb") as file:
                    data = file.read()
                for index, bad in enumerate(damaged(kind, data)):
                    if bad == data or kind in ("keys", "schema"):
                        continue
                    count += 1
                    manifest.write("%s-%d %s %s\n" % (name, index, kind, what))
                    with open(os.path.join(there, "%s-%d.bin" % (name, index)), "wb") as out:
                        out.write(bad)
        done = subprocess.run([program, "refuse", there], check=False)
    return count, done.returncode


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--program")
    parser.add_argument("folder")
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    decoder = Decoder(args.source)
    with open(os.path.join(args.folder, "manifest"), encoding="ascii") as manifest:
        files = [line.split() for line in manifest if not line.startswith("#")]
    faults = 0
    for name, kind, what in files:
        with open(os.path.join(args.folder, name + ".bin"), "rb") as file:
            data = file.read()
        try:
            lines = decoder.show(kind, what, data)
        except (Malformed, IndexError, KeyError, struct.error) as error:
            lines = ["refused: %r" % error]
        if args.files:
            if name in args.files:
                print("\n".join(lines))
            continue
        with open(os.path.join(args.folder, name + ".txt"), encoding="utf-8") as file:
            expected = file.read().split("---\n")[0].splitlines()
        if lines != expected:
            faults += 1
            first = next((pair for pair in zip(lines, expected) if pair[0] != pair[1]), ("more", "lines"))
            print("%s/%s.bin: the second decoder reads `%s` where the text says `%s`" % (args.folder, name, *first))
    print("%d files, %d faults" % (len(files), faults))
    if args.program and not args.files:
        count, status = refuse(args.program, args.folder, files)
        print("%d damaged files" % count)
        faults += status != 0 or count < 500
    return 1 if faults or not files else 0


if __name__ == "__main__":
    sys.exit(main())
