"""What workers.svg shows of the scheduler: arrows over its lanes, strips under them.

The strip of ready fibers follows from READY, SWITCH and STEAL; see queues. It is stacked by the
queue in which they wait, where the workers are few. Steals that are too many for arrows are
counted by a strip of their own; wakes that are too many are left out, and the picture says so.
A trace of waits has a strip of parked fibers, too, by what they wait for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from . import arrows, lanes, plot, queues, strips
from .bars import Stays
from .lanes import Lane, Strip
from .model import PARKED, Model, Sleep, count
from .paints import (INJECTED, QUEUES, STATES, STOLEN, TAKEN, WAIT_WORDS, WAITS, Paint,
                     queue_paint)
from .queues import NOBODY, SHARED, UNKNOWN, Wait
from .window import Window

PAIRS_MAX = 12  # of victim and thief that the description names


@dataclass
class Scheduling:
    """`paints` stand behind those of the lanes."""

    layer: arrows.Arrows
    below: list[Strip] = field(default_factory=list)
    paints: list[Paint] = field(default_factory=list)
    keys: list[tuple[int | str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


# ---- ready fibers ----


@dataclass
class Ready:
    """How many fibers are ready, and where."""

    queues: list[int]  # from the base up
    waits: list[Wait]

    @property
    def by_worker(self) -> bool:
        return sum(queue >= 0 for queue in self.queues) <= len(QUEUES)

    def paints(self) -> tuple[list[Paint], list[str], dict[int, int]]:
        """Each paint, what it means, and the paint of each queue."""
        shared = any(wait.place == SHARED for wait in self.waits)
        nobody = "ready, in one queue for all" if shared else "ready, injected"
        outside = {NOBODY: (INJECTED, nobody),
                   UNKNOWN: (QUEUES[0], "ready before the window")}
        found: list[tuple[Paint, str]] = []
        index: dict[int, int] = {}
        for queue in self.queues:
            if queue >= 0 and not self.by_worker:
                each = (QUEUES[0], "ready at a worker")
            else:
                each = outside.get(queue) or (queue_paint(queue), f"ready at worker {queue}")
            if each not in found:
                found.append(each)
            index[queue] = found.index(each)
        return [paint for paint, _ in found], [words for _, words in found], index


def ready(model: Model, window: Window) -> Ready:
    """Those in the window, by their queues there."""
    waits = [wait for wait in queues.waits(model) if window.meets(wait.start, wait.end)]
    found = {stay.queue for wait in waits for stay in wait.stays
             if window.meets(stay.start, stay.end)}
    return Ready(sorted(found, key=lambda queue: (queue != NOBODY, queue == UNKNOWN, queue)), waits)


def stays(model: Model, window: Window, given: Ready, index: dict[int, int]) -> Lane:
    np = plot.numpy()
    zero, every = model.tick(model.first), [s for wait in given.waits for s in wait.stays]
    paints = np.array([index.get(s.queue, 0) for s in every], int)
    starts, ends = (np.array([s.start for s in every], float),
                    np.array([s.end for s in every], float))
    by_tick = (np.array([s.start_tick - zero for s in every], float),
               np.array([s.end_tick - zero for s in every], float))
    inside = (starts <= window.last) & (ends >= window.first)
    return Lane("", Stays(paints, paints, starts, ends).where(inside),
                Stays(paints, paints, *by_tick).where(inside))


def levels(model: Model, window: Window, waits: list[Wait]) -> strips.Levels:
    np = plot.numpy()
    starts = np.fromiter((wait.start for wait in waits), int, len(waits))
    ends = np.fromiter((wait.end for wait in waits), int, len(waits))
    return strips.levels(model, window, starts, ends)


def add_ready(model: Model, window: Window, drawn: Scheduling, base: int) -> None:
    if not model.readies:
        return
    given = ready(model, window)
    paints, words, index = given.paints()
    first = base + len(drawn.paints)
    every = stays(model, window, given, {queue: first + i for queue, i in index.items()})
    found = levels(model, window, given.waits)
    drawn.paints += paints
    drawn.keys += [(first + i, text) for i, text in enumerate(words)]
    drawn.below.append(strips.Counted(every, ("ready", "fibers"), strips.QUEUED, found))
    drawn.notes.append("Under the lanes: how many fibers are ready and wait for a worker"
                       + (", by the queue in which they are" if len(words) > 1 else "") + "."
                       + (" Lines: the least and the most at any moment of a column."
                          if found.crowded(lanes.PANEL // lanes.COLUMN) else ""))
    drawn.said.append(f"At most {count(int(found.after.max()), 'fiber')} were ready at once.")


# ---- parked fibers ----


def add_parked(model: Model, window: Window, drawn: Scheduling, base: int) -> None:
    """By what they wait for, where the trace tells of waits."""
    if not model.waiting.seen:
        return
    states = [s for fiber in model.people() for s in fiber.states
              if s.name == PARKED and window.meets(s.start, s.end)]
    names = [why for why in ("", *WAITS) if any(s.why == why for s in states)]
    first = base + len(drawn.paints)
    index = {why: first + i for i, why in enumerate(names)}
    every = lanes.lane("", ((index[s.why], s.start, s.end, s.start_tick, s.end_tick)
                            for s in states), model)
    np = plot.numpy()
    found = strips.levels(model, window, np.array([s.start for s in states], int),
                          np.array([s.end for s in states], int))
    drawn.paints += [WAITS.get(why, STATES[PARKED]) for why in names]
    drawn.keys += [(index[why], WAIT_WORDS.get(why, "parked, waiting")) for why in names]
    drawn.below.append(strips.Counted(every, ("parked", "fibers"), strips.QUEUED, found))
    drawn.notes.append("Then: how many are parked, by what they wait for.")
    drawn.said.append(f"At most {count(int(found.after.max()), 'fiber')} were parked at once.")


# ---- steals and wakes ----


def add_rate(model: Model, window: Window, drawn: Scheduling, base: int,
             some: list[tuple[Paint, str, bool]]) -> int:
    """How many there are in each column, in the place of their signs; returns how many."""
    np = plot.numpy()
    zero, first = model.tick(model.first), base + len(drawn.paints)
    steps = [np.array([s.step for s in model.steals
                       if s.injected == injected and window.holds(s.step)])
             for _, _, injected in some]
    drawn.paints += [paint for paint, _, _ in some]
    drawn.keys += [(first + i, words) for i, (_, words, _) in enumerate(some)]
    drawn.below.append(strips.Rate(
        tuple(first + i for i in range(len(some))), tuple(steps),
        tuple(np.array([model.tick(step) - zero for step in each.tolist()]) for each in steps),
        ("steals", "a column")))
    return sum(map(len, steps))


def crowded_out(layer: arrows.Arrows) -> list[tuple[Paint, str, bool]]:
    """What is too much for signs, which it loses: paint, words, and whether injected."""
    found = []
    if len(layer.steals) > arrows.STEALS_MAX:
        found.append((STOLEN, "stolen from a worker", False))
        layer.steals = []
    if len(layer.taken) > arrows.STEALS_MAX:
        found.append((TAKEN, "taken from the injection queue", True))
        layer.taken = []
    return found


def add_arrows(model: Model, window: Window, drawn: Scheduling, base: int) -> None:
    layer, told = drawn.layer, []
    all_steals = len(layer.steals)
    if counted := crowded_out(layer):
        number = add_rate(model, window, drawn, base, counted)
        told.append(f"{count(number, 'steal')} are too many for arrows: the lowest strip counts "
                    "them.")
    if all_steals + len(layer.wakes) > arrows.ALL_MAX and layer.wakes:
        told.append(f"Left out: {count(len(layer.wakes), 'wake')} of sleeping workers.")
        layer.wakes = []
    if told:
        drawn.notes.append(" ".join([*told, "A window has fewer (--steps A:B)."]))
    drawn.keys += [(sign, words) for sign, words, some in (
        (arrows.STEAL, "steal: from victim to thief; 3× is three fibers", layer.steals),
        (arrows.TAKEN, "takes an injected fiber", layer.taken),
        (arrows.WAKE, "wakes a sleeping worker", layer.wakes)) if some]


def pairs(model: Model, window: Window) -> list[str]:
    """Who took how many from whom."""
    found = Counter((s.thief, s.victim) for s in model.steals
                    if window.holds(s.step) and not s.injected)
    lines = [f"Worker {thief} took {count(number, 'fiber')} from worker {victim}."
             for (thief, victim), number in sorted(found.items())[:PAIRS_MAX]]
    return lines + ([f"{len(found) - PAIRS_MAX} more pairs of workers."]
                    if len(found) > PAIRS_MAX else [])


def scheduling(model: Model, window: Window, workers: list[int], base: int) -> Scheduling:
    """`workers`: that of each lane; `base`: how many paints the lanes have."""
    rows = {worker: row for row, worker in enumerate(workers)}
    drawn = Scheduling(arrows.worker_arrows(model, window, rows))
    add_ready(model, window, drawn, base)
    add_parked(model, window, drawn, base)
    add_arrows(model, window, drawn, base)
    drawn.said += pairs(model, window)
    return drawn


# ---- sleep ----


def rests(sleeps: list[Sleep], start: int, end: int, begin: int, until: int,
          awake: int, names: dict[str, int], other: int) -> list[tuple[int, int, int, int, int]]:
    """The parts of an idle stay, as Times: `awake` between the sleeps, and these by where the
    worker sleeps."""
    found, at, tick = [], start, begin
    for sleep in sleeps:
        first, last = max(sleep.start, at), min(sleep.end, end)
        if last < first or (last == first and sleep.end > sleep.start):
            continue
        if first > at:
            found.append((awake, at, first, tick, sleep.start_tick))
        found.append((names.get(sleep.where, other), first, last, max(sleep.start_tick, tick),
                      min(sleep.end_tick, until)))
        at, tick = last, min(sleep.end_tick, until)
    if at < end or not found:
        found.append((awake, at, end, tick, until))
    return found
