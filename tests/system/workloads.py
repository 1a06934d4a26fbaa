# SPDX-License-Identifier: Apache-2.0
"""What runs while something goes wrong, and how it is known afterwards that nothing was lost, doubled or out of order."""
import itertools
import subprocess

from lib import Process, check, check_equal, wait_until

_numbers = itertools.count(1)
# How a ring may end that has lost a station or the channel of one.
EXPLAINED = {"CHANNEL_LOST", "CLOSED", "END_OF_SEQUENCE", "DEAD"}


class Tally:
    """A tally at `at`, with two clients of `quiet`, a node that nothing happens to."""

    def __init__(self, world, quiet, at, random):
        self.world, self.quiet, self.birth, self.random = world, quiet, at, random
        self.name = f"t{next(_numbers)}"
        self.clients = []

    def begin(self):
        self.tasklet = self.world.spawn("tally/Tally", {"name": self.name}, on=self.birth, endpoint=self.quiet)
        for number in range(2):
            self.clients.append(self._client(number, self.random.randrange(1 << 32)))
        wait_until(lambda: all(c.lines or not c.running() for c in self.clients), "every client has an answer")

    def _client(self, number, seed):
        variables = {"STINT_ENDPOINT": self.quiet.endpoint, "STINT_KEYS": self.world.keys_dir, "STINT_IDENTITY": f"client-c{number}"}
        return Process(self.world, f"client{number}", [*self.world.enter, self.world.program("tally_load"), self.name, str(seed)],
                       stdin=subprocess.PIPE, variables=variables)

    def answered(self):
        return sum(len(c.lines) for c in self.clients)

    def finish(self, lost):
        if lost:
            for client in self.clients:
                check_equal(client.wait(40), 1, f"exit code of {client.name}, whose tally is lost: {client.log()[-300:]}")
                check("tally_load: " in client.log(), f"{client.name} says why")
                client.popen.stdin.close()
            self.check_answers(lost)
            return
        before = self.answered()
        wait_until(lambda: self.answered() > before or not all(c.running() for c in self.clients), "answers come again")
        for client in self.clients:
            client.popen.stdin.close()
        for client in self.clients:
            check_equal(client.wait(60), 0, f"exit code of {client.name}: {client.log()[-300:]}")
        total, seen = self.check_answers(lost)
        stack = self.world.stack(self.tasklet, endpoint=self.quiet)
        check_equal(stack[0]["locals"]["sum"], {"total": total, "seen": seen}, "what the tally says at the end")
        self.world.tool("tasklet", "kill", self.tasklet, "--yes", endpoint=self.quiet)

    def give_up(self):
        """Ends it without asking how it went, or how far it had come."""
        for client in self.clients:
            client.popen.kill()
            client.popen.stdin.close()
        self.world.tool("tasklet", "kill", "--selector", "code=Tally", "--yes", rc=None, endpoint=self.quiet)

    def check_answers(self, lost):
        """Over all clients: `seen` is 1, 2, 3 ... each once, each answer's total is the one before plus what that client sent as its next
        message. When the tally is lost, what it answered last may be missing at the end."""
        answers = {}
        for client in self.clients:
            last = 0
            for line in client.lines:
                amount, total, seen = (int(word) for word in line.split())
                check(seen > last, f"{client.name} got the answer to message {seen} after that to {last}")
                check(seen not in answers, f"message {seen} was answered twice")
                answers[seen] = amount, total
                last = seen
        total, expected = 0, 0
        for seen in sorted(answers):
            amount, said = answers[seen]
            if seen != expected + 1:
                check(lost, f"message {expected + 1} was not answered")
            else:
                check_equal(said - total, amount, f"what was added as number {seen}")
            total, expected = said, seen
        return total, expected


class Ring:
    """A ring at `quiet` with one of its stations at `at`; its tokens never come home while it goes well."""

    STATIONS, TOKENS = 6, 2

    def __init__(self, world, quiet, at, random):
        self.world, self.quiet, self.birth, self.at, self.random = world, quiet, quiet, at, random

    def begin(self):
        self.census = self.world.spawn("ring/Census", {"nodes": self.STATIONS, "tokens": self.TOKENS, "laps": 1000000000}, on=self.quiet,
                                       endpoint=self.quiet)
        wait_until(lambda: len(self.stations()) == self.STATIONS, "all stations")
        mine = [s["id"] for s in self.stations()]
        self.tasklet = self.random.choice(mine)
        self.witness = self.random.choice([id for id in mine if id != self.tasklet])
        self.world.migrate(self.tasklet, self.at, endpoint=self.quiet)
        self.await_tokens()

    def stations(self):
        return self.world.items("tasklet", "list", "--selector", "code=Station", "--limit", "1000", endpoint=self.quiet)

    def due(self, id):
        return [int(x) for x in self.world.stack(id, endpoint=self.quiet)[0]["locals"].get("due", [])[:self.TOKENS]]

    def await_tokens(self):
        """Every token comes by at the witness: none is lost. That none is doubled each station sees itself, and ends the ring."""
        before = self.due(self.witness)
        wait_until(lambda: len(before) == self.TOKENS and all(a > b for a, b in zip(self.due(self.witness), before)) or before.extend(
            [0] * (self.TOKENS - len(before))), "every token comes by")

    def finish(self, lost):
        if not lost:
            self.await_tokens()
        end = self.world.tool("tasklet", "wait", self.census, "--for", "ended", "--timeout", "0.2s", "-o", "json", rc=None, endpoint=self.quiet)
        if end.rc == 0:
            check(lost, f"the ring ended although nothing was lost: {end.out}")
            check(end.json["status"] in EXPLAINED, f"the ring ended otherwise than by the loss: {end.out}")
        check("exists twice" not in end.out + end.err, f"a token exists twice: {end.out}{end.err}")
        self.give_up()

    def give_up(self):
        for code in ("Census", "Station"):
            self.world.tool("tasklet", "kill", "--selector", f"code={code}", "--yes", rc=None, endpoint=self.quiet)
        wait_until(lambda: not self.stations(), "the ring is gone")


WORKLOADS = {"tally": Tally, "ring": Ring}
