#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The container file without building a container: what it copies and runs exists, its packages are the libraries that the programs need and
no more, and the node runs with its variables and its check of health."""
import json
import os
import re
import shlex
import shutil
import subprocess

import lib
from lib import Process, check, check_equal

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPLOY = os.path.join(SOURCE, "deploy")
ELSEWHERE = {"libc6"}  # is in every image


def instructions():
    """[(word, arguments)] of the file, a list for each stage."""
    with open(os.path.join(DEPLOY, "Containerfile"), encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    stages = []
    for line in lines:
        word, _, rest = line.partition(" ")
        check(re.fullmatch(r"[A-Z]+", word), f"an instruction: {line}")
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, rest))
    return stages


def only(stage, word):
    found = [rest for name, rest in stage if name == word]
    check_equal(len(found), 1, f"{word} in the last stage")
    return found[0]


def installed(world):
    """Does what the first stage does last, into a scratch directory; the folder that the image's /usr/local is copied from."""
    build, _ = instructions()
    command = shlex.split([rest for word, rest in build if word == "RUN"][-1])
    check_equal(command[:3], ["DESTDIR=/stage", "cmake", "--install"], "the last thing that the first stage does")
    stage = world.path("stage")
    command = [world.build if word == "build/release" else word for word in command[1:]]
    # Debug information of a build for tests is not what is looked at here.
    subprocess.run([word for word in command if word != "--strip"], check=True, capture_output=True, env={**os.environ, "DESTDIR": stage})
    source, target = shlex.split(only(instructions()[1], "COPY").removeprefix("--from=build "))
    check_equal((source, target), ("/stage/usr/local/", "/usr/local/"), "what is copied from the first stage")
    return os.path.join(stage, "usr", "local")


def packages_of(files):
    """The packages of the libraries that these files name."""
    names = set()
    for path in files:
        text = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True).stdout
        names |= set(re.findall(r"\(NEEDED\).*\[(.+)\]", text))
    found = set()
    for name in names:
        owner = subprocess.run(["dpkg", "-S", f"*/{name}"], capture_output=True, text=True).stdout
        found |= {line.split(":")[0] for line in owner.splitlines()[:1]}
    return found


def test_files(world):
    build, run = instructions()
    for word, rest in build:
        if word == "COPY":
            for source in shlex.split(rest)[:-1]:
                check(os.path.exists(os.path.join(SOURCE, source)), f"COPY {source}")
    for command in [rest for word, rest in build if word == "RUN"]:
        for program in re.findall(r"(?:^|&& )(?:\w+=\S+ )?(\S+)", command):
            check(shutil.which(program) or os.access(os.path.join(SOURCE, program), os.X_OK), f"RUN {program}")
    with open(os.path.join(SOURCE, "CMakePresets.json"), encoding="utf-8") as file:
        check("release" in {p["name"] for p in json.load(file)["configurePresets"]}, "the preset that is built")
    prefix = installed(world)
    for word in ("ENTRYPOINT", "HEALTHCHECK"):
        program = json.loads(re.search(r"\[.*\]", only(run, word)).group())[0]
        check(os.access(os.path.join(prefix, "bin", program), os.X_OK), f"{word} {program} is installed")
    wanted = set(re.search(r"--no-install-recommends ([\w .+-]+?) &&", " ".join(rest for word, rest in run if word == "RUN")).group(1).split())
    files = [os.path.join(prefix, "bin", name) for name in ("stint", "stintd")]
    files += [os.path.join(prefix, "lib", name) for name in os.listdir(os.path.join(prefix, "lib")) if ".so." in name]
    needed = {package for package in packages_of(files) - ELSEWHERE if not re.match(r"lib(asan|ubsan|gcc)", package)}
    check_equal(sorted(wanted), sorted(needed), "packages of the second stage, and of the libraries that the programs name")


def test_a_node_with_its_variables(world):
    """What differs from the image: where the directories are, and the port."""
    _, run = instructions()
    variables = dict(word.split("=", 1) for word in shlex.split(only(run, "ENV")))
    with open(os.path.join(DEPLOY, "compose.yaml"), encoding="utf-8") as file:
        compose = file.read()
    listen = variables["STINT_LISTEN"]
    check(f":{only(run, 'EXPOSE')}" in listen, "the port that is exposed")
    check_equal(only(run, "VOLUME"), variables["STINT_DATA"], "the folder of the data")
    for name in ("n1", "n2", "n3"):
        check(f'"./carried/{name}:{variables["STINT_KEYS"]}:ro", "{name}:{variables["STINT_DATA"]}"' in compose, f"volumes of {name}")
    # The keys as compose.yaml says, and its variables of n1.
    carried = world.path("carried")
    world.tool("keys", "init")
    world.tool("keys", "issue", "node", "n1", "--out", carried)
    world.tool("keys", "issue", "observer", "health", "--out", carried)
    settings = dict(re.findall(r"(STINT_\w+): \"?([^\",} ]+)", re.search(r"hostname: n1\n.*\n +environment: (.*)", compose).group(1)))
    check_equal(settings, {"STINT_NAME": "n1", "STINT_FOUND": "yes"}, "variables of n1")
    variables.update(settings, STINT_KEYS=carried, STINT_DATA=world.path("data"), STINT_LISTEN="tcp://*:0", STINT_ADVERTISE="tcp://127.0.0.1:1")
    program = json.loads(only(run, "ENTRYPOINT"))[0]
    looked = Process(world, "check", [world.program(program), "--check"], variables=variables)
    check_equal(looked.wait(), 0, f"--check with the variables of the image: {looked.log()}")
    node = lib.Node(world, "n1", [world.program(program)], variables)
    world.nodes.append(node)
    node.await_ready()
    check(all(line.startswith("{") for line in node.log().splitlines()), "its log is JSON")
    health = json.loads(re.search(r"\[.*\]", only(run, "HEALTHCHECK")).group())
    health = [word.replace(":7400", f":{port_of(node)}") for word in health]
    healthy = Process(world, "health", [world.program(health[0]), *health[1:]], variables={"STINT_KEYS": carried})
    check_equal(healthy.wait(), 0, f"the check of health: {healthy.log()}")
    node.stop()
    ill = Process(world, "ill", [world.program(health[0]), *health[1:]], variables={"STINT_KEYS": carried})
    check(ill.wait() != 0, "the check of health without a node")


def port_of(node):
    """The port that the node listens on; what it advertises here is another one."""
    inodes = set()
    for fd in os.listdir(f"/proc/{node.pid}/fd"):
        found = re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{node.pid}/fd/{fd}"))
        inodes |= {found.group(1)} if found else set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{node.pid}/net/{table}", encoding="ascii") as file:
            for row in [line.split() for line in file][1:]:
                if row[3] == "0A" and row[9] in inodes:
                    return int(row[1].rsplit(":", 1)[1], 16)
    raise lib.Failed("the node listens nowhere")


if __name__ == "__main__":
    lib.main(test_files, test_a_node_with_its_variables)
