"""sleepers.svg: the states that workers were in, and how often they went from one to the next.

A worker that runs its idle context searches, but for the time that it sleeps. Whether it sleeps on
a word of its own or in the poller is one state here.
"""

from __future__ import annotations

from collections import Counter

from . import svg
from .model import Model, Run, Sleep
from .states import Graph, Pair, Plan, dot
from .window import Window

UNBORN, ASLEEP, SEARCHING, RUNNING, ENDED = "unborn", "asleep", "searching", "running", "ended"
COLUMNS = (UNBORN, ASLEEP, SEARCHING, RUNNING, ENDED)

DESIGN: dict[Pair, tuple[str, str]] = {
    (UNBORN, SEARCHING): ("WORKER_START", "it is woken for the first time"),
    (SEARCHING, RUNNING): ("SWITCH, idle", "it has found a fiber"),
    (RUNNING, SEARCHING): ("SWITCH", "nothing is ready here"),
    (SEARCHING, ASLEEP): ("WORKER_SLEEP", "it has found nothing"),
    (ASLEEP, SEARCHING): ("WORKER_AWAKE", "it was woken"),
    (SEARCHING, ENDED): ("WORKER_STOP", "the runtime ends"),
}
# Of worker 0, whose thread is the program's own.
OTHERS: dict[Pair, tuple[str, str]] = {
    (UNBORN, RUNNING): ("WORKER_START", "main's thread"),
    (RUNNING, ENDED): ("WORKER_STOP", "main ends the runtime"),
}

WORKERS = Plan("sleepers", "Which states did the workers go through?", COLUMNS, DESIGN, OTHERS,
               ((SEARCHING, RUNNING),),
               {UNBORN: svg.LANE, ASLEEP: svg.SKY, SEARCHING: svg.ORANGE, RUNNING: svg.GREEN,
                ENDED: svg.FAINT},
               "A switch from one fiber to the next changes nothing here.")

Change = tuple[int, str, str]  # step, to which state, by which event


def changes(model: Model, runs: list[Run], sleeps: list[Sleep]) -> list[Change]:
    """Those of one worker, by their steps."""
    found: list[Change] = []
    before = ""
    for run in runs:
        state = SEARCHING if model.fibers[run.fiber].idle else RUNNING
        cause = "WORKER_START" if not found else "SWITCH, idle" if state == RUNNING else "SWITCH"
        if state != before:
            found.append((run.start, state, cause))
        before = state
    for sleep in sleeps:
        found.append((sleep.start, ASLEEP, "WORKER_SLEEP"))
        if sleep.end < model.last:
            found.append((sleep.end, SEARCHING, "WORKER_AWAKE"))
    if runs and runs[-1].reason == "stop":
        found.append((runs[-1].end, ENDED, "WORKER_STOP"))
    return sorted(found, key=lambda change: change[0])


def observe(model: Model, window: Window) -> Graph:
    graph = Graph(model, window, WORKERS, {pair: Counter() for pair in DESIGN})
    stays: Counter[str] = Counter()  # how many workers are in each state at the end
    for worker in model.workers:
        state = UNBORN
        for step, after, cause in changes(model, [r for r in model.runs if r.worker == worker],
                                          [s for s in model.sleeps if s.worker == worker]):
            if step > window.last:
                break
            if window.holds(step):
                graph.edges.setdefault((state, after), Counter())[cause] += 1
            state = after
        stays[state] += 1
    for state in COLUMNS:
        graph.inside[state] = [f"{stays[state]:,} at the end"] if stays[state] else []
    return graph


def sleepers(model: Model, window: Window) -> tuple[str, Graph]:
    """The dot text, and what it shows."""
    graph = observe(model, window)
    return dot(graph), graph
