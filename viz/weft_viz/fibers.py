"""fibers.svg: why did this take long. A lane is a fiber, its colour what it does.

With more fibers than there is room for lanes, the picture counts: how many fibers are in each
state over time. Under it stand lanes of a few fibers, chosen for what one wants to see first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator

from . import arrows, lanes, plot, strips, svg
from . import model as m
from .bars import Stays
from .lanes import LANES_MAX, Lane, Painter, Sketch, Times
from .model import Fiber, Model, count
from .paints import STATES
from .window import Window

KEYS = {m.NEW: "new", m.RUNNING: "running", m.READY: "ready, not running",
        m.PARKED: "parked, waiting", m.FINISHED: "finished"}
ORDER = (m.RUNNING, m.READY, m.PARKED, m.NEW, m.FINISHED)  # of paints, from the base up
EACH = 3  # fibers chosen for one reason
REASONS = (("", "longest alive"), (m.RUNNING, "ran longest"), (m.READY, "ready longest"),
           (m.PARKED, "parked longest"))
PAINTS = [STATES[name] for name in ORDER]
PAINT_OF = {name: i for i, name in enumerate(ORDER)} | {m.RECYCLED: ORDER.index(m.FINISHED)}


def times(fiber: Fiber, window: Window) -> Iterator[Times]:
    """Its stays in the window. A fiber whose slot is free again looks finished."""
    for s in fiber.states:
        if window.meets(s.start, s.end):
            yield PAINT_OF[s.name], s.start, s.end, s.start_tick, s.end_tick


# ---- many fibers ----


@dataclass
class Spent:
    """Ticks of each fiber in each state, within the window; a row a fiber."""

    people: list[Fiber]
    ticks: object  # by fiber and paint

    def chosen(self) -> list[tuple[Fiber, float, str]]:
        """The first fiber, then EACH for each reason: with the ticks and the reason. Each fiber
        stands once, under the first reason that takes it."""
        np = plot.numpy()
        result = [(0, 0.0, "the first fiber")]
        for state, reason in REASONS:
            of = self.ticks[:, PAINT_OF[state]] if state else \
                self.ticks[:, : PAINT_OF[m.FINISHED]].sum(axis=1)
            taken = {index for index, _, _ in result}
            best = [int(i) for i in np.argsort(-of, kind="stable")[: EACH + len(taken)]
                    if i not in taken and of[i] > 0]
            result += [(i, float(of[i]), reason) for i in best[:EACH]]
        return [(self.people[i], ticks, reason) for i, ticks, reason in result]

    def total(self, state: str) -> float:
        return float(self.ticks[:, PAINT_OF[state]].sum())


def spent(people: list[Fiber], stays: list[int], every: Lane, scale: lanes.Scale) -> Spent:
    """`stays`: how many of `every` each fiber has; they stand fiber by fiber."""
    np = plot.numpy()
    given = every.by_tick
    ticks = np.clip(given.ends, scale.low, scale.high) - np.clip(given.starts, scale.low,
                                                                 scale.high)
    owners = np.repeat(np.arange(len(people)), stays)
    table = np.bincount(owners * len(PAINTS) + given.paints, ticks,
                        minlength=len(people) * len(PAINTS))
    return Spent(people, table.reshape(len(people), len(PAINTS)))


def gather(model: Model, window: Window, people: list[Fiber]) -> tuple[Lane, list[int]]:
    """The stays of all, fiber by fiber, and how many each has."""
    stays = [0] * len(people)

    def every_stay() -> Iterator[Times]:
        for index, fiber in enumerate(people):
            for each in times(fiber, window):
                stays[index] += 1
                yield each

    return lanes.lane("", every_stay(), model), stays


def draw_many(model: Model, window: Window, people: list[Fiber]) -> bytes:
    every, stays = gather(model, window, people)
    scale = lanes.scales(model, window)[1]
    sums = spent(people, stays, every, scale)
    chosen = sums.chosen()
    shown = [lanes.lane(fiber.label, times(fiber, window), model,
                        reason + (f", {time_of(model, ticks)}" if ticks else ""))
             for fiber, ticks, reason in chosen]
    moves = arrows.fiber_moves(model, window, [fiber.id for fiber, _, _ in chosen])
    told = [f"On top: how many of {count(len(people), 'fiber')} are in each state; those that "
            f"have finished are not counted. Under it, lanes of {len(shown)}: the first fiber, "
            f"and up to {EACH} each of those that were longest alive, that ran longest, and that "
            "were ready and parked longest, by the clock."]
    above = strips.Counted(alive(every), ("fibers,", "by state"))
    return draw(model, window, sketch(shown, moves, [above]), told, describe_many(model, sums),
                32.0)


def alive(every: Lane) -> Lane:
    def of(given: Stays) -> Stays:
        return given.where(given.paints != PAINT_OF[m.FINISHED])

    return Lane("", of(every.by_step), of(every.by_tick))


def time_of(model: Model, ticks: float) -> str:
    return lanes.duration(lanes.nanoseconds(model, ticks))


def describe_many(model: Model, sums: Spent) -> str:
    parts = [f"{STATES[state].label} for {time_of(model, sums.total(state))}"
             for state in ORDER if state != m.FINISHED]
    ended = sum(f.finished is not None for f in sums.people)
    lines = [f"All together they were {', '.join(parts)}; {ended:,} finished."]
    lines += [f"{fiber.label}: {reason}{f', {time_of(model, ticks)}' if ticks else ''}."
              for fiber, ticks, reason in sums.chosen()]
    return " ".join(lines)


# ---- the picture ----


def fibers(model: Model, window: Window) -> bytes:
    people = model.people()
    if len(people) > LANES_MAX:
        return draw_many(model, window, people)
    shown = [lanes.lane(f.label, times(f, window), model) for f in people]
    moves = arrows.fiber_moves(model, window, [f.id for f in people])
    return draw(model, window, sketch(shown, moves, []), [], describe(people),
                lanes.lane_height(len(shown)))


def sketch(shown: list[Lane], moves: arrows.Moves, above: list[lanes.Strip]) -> Sketch:
    keys: list[tuple[int | str, str]] = [(PAINT_OF[state], words)
                                         for state, words in KEYS.items()]
    if any(moves.steps):
        keys.append((arrows.MOVED, "stolen by another worker"))
    return Sketch(shown, keys, above, layer=moves)


def draw(model: Model, window: Window, drawn: Sketch, told: list[str], description: str,
         height: float) -> bytes:
    text = (f"{count(len(model.people()), 'fiber')} over {count(model.steps, 'step')}. "
            + " ".join([description, *window.note(model)]))
    card = svg.Card(
        "fibers", "Why did this take long?", text,
        ["A lane is a fiber; its colour is what it does. New: it has not run yet. "
         "Ready: it could run, and no worker runs it. Parked: it waits for an event.",
         *told, *window.note(model), *model.warnings()])
    painter = Painter(PAINTS, height, lambda name: PAINTS[name].label)
    return lanes.draw(model, window, drawn, painter, card)


def describe(people: list[Fiber]) -> str:
    parts = []
    for fiber in people:
        shares = []
        for state in (m.NEW, m.RUNNING, m.READY, m.PARKED):
            steps = sum(s.end - s.start for s in fiber.states if s.name == state)
            if steps:
                shares.append(f"{state} for {count(steps, 'step')}")
        end = "finished" if fiber.finished is not None else "not finished"
        parts.append(f"{fiber.label}: {', '.join([*shares, end])}.")
    return " ".join(parts)
