#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A second opinion on the golden orders: plays the cases in a model of the ring and of channels.

The model is written from the rules and shares nothing with the kernel: a ring is a list whose first item runs,
a tasklet a Python generator. It knows the words about order (README.md); a case with another word, or one that
depends on an error's name, is passed over, and how many it must judge at least is given with --least.

  check_orders.py orders/*.txt
"""
import argparse
import fnmatch
import inspect
import re
import sys


class Killed(Exception):
    pass


class Unknown(Exception):
    """The model does not know the word, or what would come out is a status."""


class Tasklet:
    def __init__(self, name):
        self.name, self.steps, self.waits_in, self.value, self.error, self.ended = name, None, None, 0, None, False


class Channel:
    def __init__(self):
        self.queue, self.direction, self.preference, self.all = [], 0, -1, False


class Play:
    def __init__(self, scripts):
        self.scripts, self.ring, self.watchers, self.log = scripts, [], [], []
        self.actors, self.channels = {}, {}

    def script(self, name):
        for key, text in reversed(self.scripts):
            if fnmatch.fnmatchcase(name, key):
                return text.split()
        raise Unknown(name)

    def enter(self, name):
        tasklet = self.actors[name] = Tasklet(name)
        tasklet.steps = self.act(tasklet)
        return tasklet

    def target(self, name):
        tasklet = self.actors.get(name)
        if tasklet is None or tasklet.ended or (tasklet.waits_in is not None):
            raise Unknown(name)
        return tasklet

    def act(self, me):
        refuses = False
        for word in self.script(me.name):
            op, _, arg = word.partition(":")
            try:
                if op == "refuse":
                    refuses = True
                elif self.word(me, op, arg):
                    yield
                    if me.error:
                        me.error = None
                        raise Killed
            except Killed:
                self.log.append(me.name + "X")
                if not refuses:
                    return

    def word(self, me, op, arg):
        """Does one word of the running tasklet; whether its turn is over."""
        simple = {"log": lambda: self.log.append(arg or me.name), "log'": lambda: self.log.append(me.name + "'"),
                  "set": lambda: setattr(me, "value", int(arg)), "got": lambda: self.log.append(f"={me.value}"),
                  "count": lambda: self.log.append(f"#{len(self.ring)}"), "bind": lambda: self.enter(arg),
                  "new": lambda: self.ring.append(self.enter(arg))}
        if op in simple:
            simple[op]()
            return False
        for family in (self.word_of_tasklets, self.word_of_channels):
            result = family(me, op, arg)
            if result is not None:
                return result
        raise Unknown(op)

    def word_of_tasklets(self, me, op, arg):
        if op == "yield":
            self.ring.append(self.ring.pop(0))
        elif op == "pause":
            self.ring.pop(0)
        elif op == "runall":
            self.watchers.append(self.ring.pop(0))
            me.waits_in = self.watchers
        elif op in ("insert", "run", "switch"):
            other = self.target(arg)
            if other is me:
                return False
            if other not in self.ring:
                self.ring.append(other)
            if op == "switch":
                self.ring.pop(0)
            if op != "insert":
                self.head(other)
            return op != "insert"
        elif op == "remove":
            other = self.target(arg)
            if other is me:
                raise Unknown("remove of oneself")
            self.ring = [t for t in self.ring if t is not other]
            return False
        elif op in ("kill", "killp"):
            return self.kill(me, arg, op == "kill")
        else:
            return None
        return True

    def kill(self, me, name, at_once):
        other = self.actors.get(name)
        if other is me:
            if at_once:
                raise Killed
            raise Unknown("a pending kill of oneself")
        if other is None or other.ended:
            return False
        if other.waits_in is not None:
            waits = other.waits_in.queue if isinstance(other.waits_in, Channel) else other.waits_in
            waits.remove(other)
            other.waits_in = None
        if other not in self.ring:
            self.ring.append(other)
        other.error = Killed
        if at_once:
            self.head(other)
        return at_once

    def word_of_channels(self, me, op, arg):
        if "/" in arg or op not in ("open", "pref", "all", "none", "send", "recv", "bal", "queue"):
            return None
        channel = self.channels.setdefault(arg[0], Channel())
        if op == "pref":
            how = arg[1:]
            number = int(how[1:]) if how.startswith("=") else {"+": 1, "0": 0, "-": -1}[how]
            channel.preference = (number > 0) - (number < 0)
        elif op in ("all", "none"):
            channel.all = op == "all"
        elif op == "bal":
            self.log.append(str(len(channel.queue) * channel.direction if channel.queue else 0))
        elif op == "queue":
            self.log.append("[" + ",".join(t.name for t in channel.queue) + "]")
        elif op in ("send", "recv"):
            return self.exchange(me, channel, +1 if op == "send" else -1)
        return False

    def exchange(self, me, channel, direction):
        if not channel.queue or channel.direction == direction:
            channel.direction = direction
            channel.queue.append(self.ring.pop(0))
            me.waits_in = channel
            return True
        partner = channel.queue.pop(0)
        partner.waits_in = None
        sender, receiver = (me, partner) if direction > 0 else (partner, me)
        receiver.value = sender.value
        if channel.all:
            self.ring.append(partner)
            self.ring.append(self.ring.pop(0))
            return True
        if channel.preference == -direction:
            self.ring.insert(1, partner)
            self.head(partner)
            return True
        self.ring.append(partner)
        return False

    def head(self, tasklet):
        at = self.ring.index(tasklet)
        self.ring = self.ring[at:] + self.ring[:at]

    def run(self):
        self.ring.append(self.enter("main"))
        for _ in range(10000):
            if not self.ring:
                if not self.watchers:
                    return " ".join(self.log)
                self.ring.append(self.watchers.pop())
                self.ring[0].waits_in = None
            current = self.ring[0]
            if current.error and inspect.getgeneratorstate(current.steps) == inspect.GEN_CREATED:
                current.steps.close()  # killed before it began: its body does not run
                current.error = None
            if next(current.steps, self) is self:
                current.ended = True
                self.ring.remove(current)
        raise Unknown("it does not end")


def cases_of(path):
    """(name, scripts, order) of each case of a file."""
    shared, case, last, cases = [], None, None, []
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if not line or line.startswith("#"):
                continue
            if line.startswith(" "):
                last[1] += " " + line.strip()
            elif line == "shared":
                shared, case = [], None
            elif line.startswith("case "):
                case = {"name": line[5:], "scripts": list(shared), "order": ["order", ""]}
                cases.append(case)
            else:
                key, text = re.fullmatch(r"([^: ]+): (.*)", line).groups()
                last = [key, text]
                if key == "order":
                    case["order"] = last
                else:
                    (shared if case is None else case["scripts"]).append(last)
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--least", type=int, default=1)
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    judged = passed_over = wrong = 0
    for path in args.files:
        for case in cases_of(path):
            try:
                got = Play(case["scripts"]).run()
            except Unknown:
                passed_over += 1
                continue
            judged += 1
            if got != case["order"][1]:
                wrong += 1
                print(f"{case['name']} ({path})\n  written: {case['order'][1]}\n  model:   {got}")
    print(f"{judged} cases judged, {wrong} wrong, {passed_over} passed over")
    if judged < args.least:
        print(f"fewer than {args.least}: does the model still understand the words?")
    return 1 if wrong or judged < args.least else 0


if __name__ == "__main__":
    sys.exit(main())
