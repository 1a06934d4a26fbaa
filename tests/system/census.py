# SPDX-License-Identifier: Apache-2.0
"""Who held which tasklet when, read from what the nodes have logged at failpoints (node/core/failpoint.h): the nodes' clocks are one
machine's, so the marks of all of them are one story. A node that was declared dead and does not know it is in that story too.

A tasklet is held from `running`, `adopted` or `resumed` on, and until it is `frozen`."""
import re

from lib import check

_MARK = re.compile(r"^(\S+Z) \S+ +(\S+): failpoint (\S+) ([0-9a-f]{32})$", re.MULTILINE)
# Of the same millisecond: who lets go comes before who takes.
_ORDER = {"frozen": 0, "dropped": 1, "resumed": 2, "running": 2, "adopted": 2}


def marks(nodes):
    """For each tasklet (node, mark) in their order, over all lives of all nodes."""
    found = {}
    for life, node in enumerate(nodes):
        for time, name, mark, tasklet in _MARK.findall(node.log()):
            if mark in _ORDER:
                found.setdefault(tasklet, []).append((time, _ORDER[mark], life, name, mark))
    return {tasklet: [(life, name, mark) for _, _, life, name, mark in sorted(all_)] for tasklet, all_ in found.items()}


class Story:
    """What became of one tasklet that was born at `birth`, a Node."""

    def __init__(self, nodes, birth, tasklet, told):
        self.holder = nodes.index(birth)
        self.nodes, self.given = nodes, False  # given: by COMMIT, to whom is not known yet
        for life, name, mark in told.get(tasklet, []):
            if mark == "frozen":
                check(self.holder == life, f"{tasklet[:8]} was frozen at {name}, which did not hold it")
                self.holder = None
            elif mark == "dropped":
                self.given = self.holder is None  # else its target was faster to say so
            else:
                check(self.holder is None, f"{tasklet[:8]} was {mark} at {name} while {nodes[self.holder or 0].name} held it")
                self.holder, self.given = life, False


def take(world, nodes, born, dead, endpoint):
    """Checks all tasklets of `born` (id: the Node where it was spawned) when everything has come to rest. `nodes`: all lives there have
    been, `dead` those that have ended or were removed. Nothing was ever held twice; what is held by one that lives is there, once, and
    nowhere else; what nobody holds went with one that is dead. Returns how many are there, and how many went."""
    told = marks(nodes)
    listed = {}
    for item in world.items("tasklet", "list", "--limit", "10000", endpoint=endpoint):
        listed.setdefault(item["id"], []).append((item["node"], item["state"]))
    there = 0
    for tasklet, birth in born.items():
        story = Story(nodes, birth, tasklet, told)
        here = listed.get(tasklet, [])
        holder = None if story.holder is None or nodes[story.holder] in dead else nodes[story.holder]
        if holder is not None:
            check([name for name, _ in here] == [holder.name], f"{tasklet[:8]} is held by {holder.name}, and listed as {here}")
            check(here[0][1] not in ("frozen", "in_doubt"), f"{tasklet[:8]} is {here}")
            there += 1
        else:
            check(not here, f"{tasklet[:8]} is held by nobody, and listed as {here}")
            check(dead, f"{tasklet[:8]} is gone although nobody died: {told.get(tasklet)}")
    return there, len(born) - there
