"""layers: who may include whom.

Downward only: base <- context <- fiber <- scheduler <- waitqueue <- sync <- future <-
net, file. poller and trace are leaves: they include base and weft.h, and no module does
without a reason include them; those that may are named below. weft.h, for the world
outside, includes nothing of ours.
"""

from __future__ import annotations

import re

from common import Report, Source, Tree, counted, run

# A module may include itself and those with a smaller number.
RANKS = {"base": 0, "context": 1, "fiber": 2, "scheduler": 3, "waitqueue": 4, "sync": 5,
         "future": 6, "net": 7, "file": 7}
LEAVES = ("poller", "trace")
POLLER_USERS = ("scheduler", "waitqueue")
TRACE_DOOR = "src/base/tracing.h"  # without it src/ stands alone
PUBLIC = "weft.h"

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def includes(source: Source) -> list[tuple[int, str]]:
    found = []
    for number, (line, code) in enumerate(zip(source.lines, source.code_lines), 1):
        match = INCLUDE.match(line)
        if match and INCLUDE.match(code.replace('" ', '"x')):
            found.append((number, match.group(1)))
    return found


def module_of(path: str) -> str:
    """Of "src/base/atomic.h" base; of a file of trace/ trace; of src/weft.h weft.h."""
    top, *rest = path.split("/")
    return rest[0] if top == "src" else top


def target_of(tree: Tree, name: str) -> str | None:
    for place in ("src/", ""):
        if place + name in tree.files and (place or name.startswith("trace/")):
            return place + name
    return None


def objection(source: Source, name: str, target: str) -> str | None:
    """Why `source` may not include `target`, or None."""
    user, used = module_of(source.path), module_of(target)
    if user == PUBLIC:
        return f"{PUBLIC} is for the world outside and includes nothing of ours"
    if used in (PUBLIC, user):
        return None
    if used == "trace":
        return None if source.path == TRACE_DOOR else "src/ does not include trace/"
    if user in LEAVES:
        return None if used == "base" else f"{user} is a leaf and includes base alone"
    if used == "poller":
        return None if user in POLLER_USERS else f"{user} has no business with the poller"
    if RANKS[used] < RANKS[user]:
        return None
    beside = RANKS[used] == RANKS[user]
    return f"{user} includes {'beside it' if beside else 'upward'}: {used}"


def check(tree: Tree, report: Report) -> str:
    sources = tree.sources("src", "trace", suffixes=(".c", ".h", ".S", ".def"))
    for source in sources:
        module = module_of(source.path)
        if module not in RANKS and module not in LEAVES and module != PUBLIC:
            report.add(source.path, 1, f"{module} is no module; layers.py has the list")
            continue
        for line, name in includes(source):
            target = target_of(tree, name)
            if target is None:
                report.add(source.path, line,
                           f'"{name}" is no file of src/ or trace/; write module/file')
                continue
            if module_of(target) not in (*RANKS, *LEAVES, PUBLIC):
                continue  # reported where it is
            reason = objection(source, name, target)
            if reason:
                report.add(source.path, line, reason)
    return counted(len(sources), "file")


if __name__ == "__main__":
    run("layers", check)
