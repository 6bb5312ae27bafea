"""fibers.svg: why did this take long. A lane is a fiber, its colour what it does.

With more fibers than there is room for lanes, the picture counts: how many fibers are in each
state over time. Under it stand lanes of a few fibers, chosen for what one wants to see first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterator

from . import arrows, lanes, plot, strips, svg
from . import model as m
from .bars import Stays
from .lanes import LANES_MAX, Lane, Painter, Sketch, Times
from .model import Fiber, Model, State, count
from .paints import STATES, WAIT_WORDS, WAITS
from .window import Window

KEYS = {m.NEW: "new", m.RUNNING: "running", m.READY: "ready, not running",
        m.PARKED: "parked, waiting", m.FINISHED: "finished"}
# Of paints, from the base up. Why a fiber is parked is only told where a trace has waits.
ORDER = (m.RUNNING, m.READY, m.PARKED, *WAITS, m.NEW, m.FINISHED)
LOOKS = STATES | WAITS
EACH = 3  # fibers chosen for one reason
Reasons = tuple[tuple[str, str], ...]  # state, or "" for all but finished; words
REASONS: Reasons = (("", "longest alive"), (m.RUNNING, "ran longest"),
                    (m.READY, "ready longest"), (m.PARKED, "parked longest"))
PAINTS = [LOOKS[name] for name in ORDER]
PAINT_OF = {name: i for i, name in enumerate(ORDER)} | {m.RECYCLED: ORDER.index(m.FINISHED)}
PAINTS_OF = {name: [PAINT_OF[name]] for name in ORDER} | {
    "": [*range(PAINT_OF[m.FINISHED])], m.PARKED: [PAINT_OF[name] for name in (m.PARKED, *WAITS)]}


def looks_of(model: Model) -> Callable[[State], str]:
    """What a stay looks like: its state, and, in a trace of waits, what a parked one is for."""
    if not model.waiting.seen:
        return lambda state: state.name
    return lambda state: state.why if state.why and state.name == m.PARKED else state.name


def times(model: Model, fiber: Fiber, window: Window) -> Iterator[Times]:
    """Its stays in the window. A fiber whose slot is free again looks finished."""
    look = looks_of(model)
    for s in fiber.states:
        if window.meets(s.start, s.end):
            yield PAINT_OF[look(s)], s.start, s.end, s.start_tick, s.end_tick


# ---- many fibers ----


@dataclass
class Spent:
    """Ticks of each fiber in each state, within the window; a row a fiber."""

    people: list[Fiber]
    ticks: object  # by fiber and paint

    def chosen(self, reasons: Reasons = REASONS, each: int = EACH
               ) -> list[tuple[Fiber, float, str]]:
        """The first fiber, then `each` for each reason: with the ticks and the reason. Each fiber
        stands once, under the first reason that takes it."""
        np = plot.numpy()
        result = [(0, 0.0, "the first fiber")]
        for state, reason in reasons:
            of = self.ticks[:, PAINTS_OF[state]].sum(axis=1)
            taken = {index for index, _, _ in result}
            best = [int(i) for i in np.argsort(-of, kind="stable")[: each + len(taken)]
                    if i not in taken and of[i] > 0]
            result += [(i, float(of[i]), reason) for i in best[:each]]
        return [(self.people[i], ticks, reason) for i, ticks, reason in result]

    def total(self, state: str) -> float:
        return float(self.ticks[:, PAINTS_OF[state]].sum())


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
            for each in times(model, fiber, window):
                stays[index] += 1
                yield each

    return lanes.lane("", every_stay(), model), stays


def draw_many(model: Model, window: Window, people: list[Fiber]) -> bytes:
    every, stays = gather(model, window, people)
    scale = lanes.scales(model, window)[1]
    sums = spent(people, stays, every, scale)
    chosen = sums.chosen()
    shown = [lanes.lane(fiber.label, times(model, fiber, window), model,
                        reason + (f", {time_of(model, ticks)}" if ticks else ""))
             for fiber, ticks, reason in chosen]
    moves = arrows.fiber_moves(model, window, [fiber.id for fiber, _, _ in chosen])
    told = [f"On top: how many of {count(len(people), 'fiber')} are in each state; those that "
            f"have finished are not counted. Under it, lanes of {len(shown)}: the first fiber, "
            f"and up to {EACH} each of those that were longest alive, that ran longest, and that "
            "were ready and parked longest, by the clock."]
    above = strips.Counted(alive(every), ("fibers,", "by state"))
    return draw(model, window, sketch(model, shown, moves, [above]), told,
                describe_many(model, sums), 32.0)


def alive(every: Lane) -> Lane:
    def of(given: Stays) -> Stays:
        return given.where(given.paints != PAINT_OF[m.FINISHED])

    return Lane("", of(every.by_step), of(every.by_tick))


def time_of(model: Model, ticks: float) -> str:
    return lanes.duration(lanes.nanoseconds(model, ticks))


def describe_many(model: Model, sums: Spent) -> str:
    parts = [f"{STATES[state].label} for {time_of(model, sums.total(state))}"
             for state in ORDER if state in STATES and state != m.FINISHED]
    parts += [f"parked for {LOOKS[why].label} for {time_of(model, sums.total(why))} of it"
              for why in WAITS if sums.total(why)]
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
    shown = [lanes.lane(f.label, times(model, f, window), model) for f in people]
    moves = arrows.fiber_moves(model, window, [f.id for f in people])
    return draw(model, window, sketch(model, shown, moves, []), [], describe(model, people),
                lanes.lane_height(len(shown)))


def keys_of(model: Model) -> list[tuple[int | str, str]]:
    """Of the states, and of what the trace's fibers wait for."""
    look = looks_of(model)
    some = {look(s) for f in model.people() for s in f.states} if model.waiting.seen else set()
    return [(PAINT_OF[name], words) for name, words in (KEYS | WAIT_WORDS).items()
            if name in KEYS or name in some]


def sketch(model: Model, shown: list[Lane], moves: arrows.Moves,
           above: list[lanes.Strip]) -> Sketch:
    keys = keys_of(model)
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
         "Ready: it could run, and no worker runs it. Parked: it waits for an event."
         + (" The colour of a parked one says for what, where the trace tells."
            if model.waiting.seen else ""),
         *told, *window.note(model), *model.warnings()])
    painter = Painter(PAINTS, height, lambda name: PAINTS[name].label)
    return lanes.draw(model, window, drawn, painter, card)


def describe(model: Model, people: list[Fiber]) -> str:
    parts, look = [], looks_of(model)
    for fiber in people:
        shares = []
        for state in (m.NEW, m.RUNNING, m.READY, m.PARKED, *WAITS):
            steps = sum(s.end - s.start for s in fiber.states if look(s) == state)
            if steps:
                words = state if state in STATES else f"parked for {LOOKS[state].label}"
                shares.append(f"{words} for {count(steps, 'step')}")
        end = "finished" if fiber.finished is not None else "not finished"
        parts.append(f"{fiber.label}: {', '.join([*shares, end])}.")
    return " ".join(parts)
