# SPDX-License-Identifier: Apache-2.0
"""Machines for a test that does what a document says: each has its own network, host name, /etc, /usr/local and /var/lib (namespaces, as
root), a shell that stays, and what a test cannot have, played by scripts: `scp` between them, and `systemctl` that does what a
unit says (fake_systemctl.py).

    farm = Farm(world, ("n1", "n2", "ops"))
    output, rc = farm["n1"].run("hostname")
"""
import os
import select
import signal
import subprocess
import sys
import time

import lib
import netns
from lib import Failed, Skipped, wait_until

COMMAND_WITHIN = 60.0
MARK = "--the-command-has-ended--"
# What programs look into; all else of /etc is not theirs to see or to change.
ETC = ("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/login.defs",
       "/etc/alternatives")
SCP = """#!/bin/bash
set -eu
files=()
for word; do case "$word" in -*) ;; *) files+=("$(case "$word" in *:*) echo "$word" ;; *) realpath -- "$word" ;; esac)") ;; esac; done
target=${files[-1]}
to=${target#*:}
unset 'files[-1]'
host=${target%%:*}
exec nsenter --mount --target "$(cat "$STINT_FARM/$host/pid")" sh -c 'cd "$1" && to=$2 && shift 2 && cp -r -- "$@" "$to"' \\
    sh "$STINT_FARM/$host/home" "${to:-.}" "${files[@]}"
"""
# Slashes go through `mount` as they are; nothing here has blanks.
SETUP = """set -eu
hostname {name}
mount -t tmpfs none /usr/local
mount -t tmpfs none /var/lib
mount --bind {dir}/etc /etc
export PATH={farm}/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin HOME={dir}/home STINT_MACHINE={dir} STINT_FARM={farm}
cd {dir}/home
set +eu
"""


class Machine:
    def __init__(self, farm, name):
        self.farm, self.name = farm, name
        self.dir = os.path.join(farm.dir, name)
        for folder in ("home", "etc", "run"):
            os.makedirs(os.path.join(self.dir, folder))
        for entry in ETC:
            if os.path.exists(entry):
                subprocess.run(["cp", "-a", entry, os.path.join(self.dir, "etc")], check=True)
        with open(os.path.join(self.dir, "etc", "hosts"), "w", encoding="ascii") as hosts:
            hosts.write("127.0.0.1 localhost\n" + "".join(f"{address} {other}\n" for other, address in farm.net.addresses.items()))
        self.shell = subprocess.Popen([*farm.net.inside(name), "unshare", "--mount", "--uts", "bash", "--norc", "--noprofile"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      env=farm.world.environment, preexec_fn=lib._die_with_parent)
        with open(os.path.join(self.dir, "pid"), "w", encoding="ascii") as file:
            file.write(str(self.shell.pid))
        try:
            self.run(SETUP.format(name=name, dir=self.dir, farm=farm.dir), wrap=False)
        except Failed as error:
            raise Skipped(f"no machine can be played: {error}") from None

    def run(self, command, within=COMMAND_WITHIN, wrap=True):
        """Both outputs together, and the exit code. Variables and the folder stay for the next one."""
        text = f"{{\n{command}\n}} < /dev/null" if wrap else command
        self.shell.stdin.write(f"{text}\nstint_ended=$?; echo; echo {MARK} $stint_ended\n".encode())
        self.shell.stdin.flush()
        end, got = time.monotonic() + within, b""
        while MARK.encode() not in got or not got.endswith(b"\n"):
            if not select.select([self.shell.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed(f"on {self.name}: `{command}` did not end within {within:g} s: {got.decode(errors='replace')}")
            chunk = os.read(self.shell.stdout.fileno(), 65536)
            if not chunk:
                raise Failed(f"on {self.name}: the shell has ended at `{command}`: {got.decode(errors='replace')}")
            got += chunk
        output, _, rc = got.decode(errors="replace").rpartition(MARK)
        return output[:-1], int(rc)

    def journal(self, unit="stintd"):
        try:
            with open(os.path.join(self.dir, "run", unit + ".log"), encoding="utf-8", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def close(self):
        for name in os.listdir(os.path.join(self.dir, "run")):
            if name.endswith(".supervisor"):
                with open(os.path.join(self.dir, "run", name), encoding="ascii") as file:
                    _end(int(file.read()))
        self.shell.kill()
        self.shell.wait()
        self.shell.stdin.close()
        self.shell.stdout.close()


def _end(pid):
    """A supervisor takes its service with it."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), f"process {pid} has ended")


class Farm(dict):
    def __init__(self, world, names):
        super().__init__()
        self.world = world
        self.dir = world.path("farm")
        self.net = netns.Network(names)
        world.at_end(self.close)
        os.makedirs(os.path.join(self.dir, "bin"))
        here = os.path.dirname(os.path.abspath(__file__))
        for name, text in (("bin/scp", SCP), ("bin/systemctl", f'#!/bin/sh\nexec {sys.executable} -B {here}/fake_systemctl.py "$@"\n'),
                           ("bin/journalctl", f'#!/bin/sh\nexec {sys.executable} -B {here}/fake_systemctl.py journal "$@"\n')):
            with open(os.path.join(self.dir, name), "w", encoding="ascii") as file:
                file.write(text)
            os.chmod(os.path.join(self.dir, name), 0o755)
        os.chmod(world.dir, 0o755)  # services have a user of their own
        for name in names:
            self[name] = Machine(self, name)

    def close(self):
        for machine in self.values():
            machine.close()
        self.net.close()
