# SPDX-License-Identifier: Apache-2.0
"""Plays `systemctl` and `journalctl` on a machine of machines.py: it reads the unit that is installed there and does what the unit says
about starting, its user and its directory, notification, reloading, stopping and restarting. Its waits are a tenth of real ones.

    systemctl daemon-reload | enable [--now] UNIT | start | stop | restart | reload | is-active | kill --signal=S UNIT
    journalctl -u UNIT [-n N]
"""
import os
import pwd
import re
import select
import signal
import socket
import subprocess
import sys
import time

import lib

UNITS = "/usr/local/lib/systemd/system"
RUN = os.path.join(os.environ["STINT_MACHINE"], "run")
WITHIN = 60.0


def path(unit, suffix):
    return os.path.join(RUN, unit + suffix)


def read_unit(unit):
    with open(os.path.join(UNITS, unit + ".service"), encoding="utf-8") as file:
        return dict(re.findall(r"^(\w+)=(.*)$", file.read(), re.MULTILINE))


def state(unit):
    """(what it is: active, reloading, failed …; main process; reloads so far)"""
    try:
        with open(path(unit, ".state"), encoding="ascii") as file:
            word, pid, reloads = file.read().split()
            return word, int(pid), int(reloads)
    except FileNotFoundError:
        return "inactive", 0, 0


def put(name, text):
    with open(name + ".new", "w", encoding="ascii") as file:
        file.write(text)
    os.rename(name + ".new", name)


def await_state(unit, condition, what):
    try:
        lib.wait_until(lambda: condition(*state(unit)), f"{unit} is {what}", WITHIN, pace=0.02)
    except lib.Failed as error:
        sys.exit(f"systemctl: {error}, but {state(unit)}")


class Supervisor:
    def __init__(self, unit):
        self.unit, self.settings = unit, read_unit(unit)
        self.reloads, self.word = 0, "activating"
        address = path(unit, ".notify")
        if os.path.exists(address):
            os.unlink(address)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(address)
        self.user = pwd.getpwnam(self.settings["User"])
        os.chmod(RUN, 0o755)
        os.chown(address, self.user.pw_uid, self.user.pw_gid)
        self.address = address

    def start(self):
        folder = os.path.join("/var/lib", self.settings["StateDirectory"])
        os.makedirs(folder, int(self.settings["StateDirectoryMode"], 8), exist_ok=True)
        os.chown(folder, self.user.pw_uid, self.user.pw_gid)
        with open(path(self.unit, ".log"), "ab") as log:
            self.child = subprocess.Popen(
                ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups", "--no-new-privs",
                 "--pdeathsig=KILL", *self.settings["ExecStart"].split()], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"NOTIFY_SOCKET": self.address, "PATH": "/usr/bin", **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}})
        self.say("activating")

    def say(self, word):
        self.word = word
        put(path(self.unit, ".state"), f"{word} {self.child.pid} {self.reloads}")

    def hear(self):
        if not select.select([self.socket], [], [], 0.05)[0]:
            return
        message = self.socket.recv(4096).decode()
        said = dict(line.split("=", 1) for line in message.splitlines())
        if "RELOADING" in said:
            self.say("reloading")
        elif "READY" in said:
            self.reloads += 1 if self.word == "reloading" else 0
            self.say("active")
        elif "STOPPING" in said:
            self.say("deactivating")

    def again(self, rc):
        """Whether the unit wants it to be started again after this end."""
        if os.path.exists(path(self.unit, ".stop")):
            return False
        return self.settings["Restart"] == "on-failure" and rc != 0 and str(rc) not in self.settings["RestartPreventExitStatus"].split()

    def run(self):
        self.start()
        while True:
            while self.child.poll() is None:
                self.hear()
            rc = self.child.returncode
            if not self.again(rc):
                self.say("inactive" if rc == 0 else "failed")
                return
            self.say("auto-restart")
            end = time.monotonic() + float(self.settings["RestartSec"]) / 10
            while time.monotonic() < end and not os.path.exists(path(self.unit, ".stop")):
                self.hear()
            if os.path.exists(path(self.unit, ".stop")):
                self.say("inactive")
                return
            self.start()


def start(unit):
    word = state(unit)[0]
    if word in ("activating", "auto-restart"):
        await_state(unit, lambda word, *_: word in ("active", "failed"), "active")
    if word not in ("inactive", "failed"):
        return
    read_unit(unit)
    if os.path.exists(path(unit, ".stop")):
        os.unlink(path(unit, ".stop"))
    put(path(unit, ".state"), "activating 0 0")
    with open(path(unit, ".log"), "ab") as log:
        supervisor = subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), "supervise", unit], stdin=subprocess.DEVNULL,
                                      stdout=log, stderr=log, start_new_session=True)
    put(path(unit, ".supervisor"), str(supervisor.pid))
    await_state(unit, lambda word, *_: word in ("active", "failed", "auto-restart"), "active")
    if state(unit)[0] != "active":
        sys.exit(f"Job for {unit}.service failed because the control process exited with error code.")


def stop(unit):
    put(path(unit, ".stop"), "")
    word, pid, _ = state(unit)
    if word in ("active", "reloading", "activating") and pid:
        os.kill(pid, getattr(signal, read_unit(unit)["KillSignal"]))
    await_state(unit, lambda word, *_: word in ("inactive", "failed"), "stopped")


def reload(unit):
    word, pid, before = state(unit)
    if word != "active":
        sys.exit(f"Job for {unit}.service failed: it is {word}.")
    subprocess.run(read_unit(unit)["ExecReload"].replace("$MAINPID", str(pid)).split(), check=True)
    await_state(unit, lambda word, _, reloads: reloads > before, "reloaded")


def journal(arguments):
    unit = arguments[arguments.index("-u") + 1]
    count = int(arguments[arguments.index("-n") + 1]) if "-n" in arguments else 10
    with open(path(unit, ".log"), encoding="utf-8", errors="replace") as log:
        sys.stdout.writelines(log.read().splitlines(keepends=True)[-count:])


def main():
    verb, *arguments = sys.argv[1:]
    units = [word.removesuffix(".service") for word in arguments if not word.startswith("-")]
    if verb == "journal":
        journal(arguments)
    elif verb == "supervise":
        Supervisor(units[0]).run()
    elif verb == "is-active":
        print(state(units[0])[0])
    elif verb == "kill":
        name = next(word.removeprefix("--signal=") for word in arguments if word.startswith("--signal="))
        os.kill(state(units[0])[1], getattr(signal, "SIG" + name.removeprefix("SIG")))
    elif verb == "enable":
        read_unit(units[0])
        if "--now" in arguments:
            start(units[0])
    elif verb == "disable":
        stop(units[0])
    elif verb == "restart":
        stop(units[0])
        start(units[0])
    elif verb in ("start", "stop", "reload"):
        {"start": start, "stop": stop, "reload": reload}[verb](units[0])
    elif verb != "daemon-reload":
        sys.exit(f"systemctl: no such verb here: {verb}")


if __name__ == "__main__":
    main()
