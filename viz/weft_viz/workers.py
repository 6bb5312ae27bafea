"""workers.svg: what the cores did. A lane is a worker, its colour the fiber that it runs.

There are FIBERS_MAX colours. With more fibers, or with lanes of which most pixels hold several
runs, those that ran longest have a colour each, and all others share one. A worker that runs no
fiber searches for one or sleeps, where the trace tells; what the picture shows of the scheduler
beside the lanes is in scheduling.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator

from . import bars, lanes, plot, svg
from .lanes import LANES_MAX, Lane, Painter, Sketch, Times
from .model import Model, Run, Sleep, count
from .paints import (ASLEEP, FIBERS_MAX, IDLE, OTHERS, POLLING, SEARCHING, Paint, fiber_paint)
from .reader import IDLE_FIBERS
from .scheduling import Scheduling, rests, scheduling
from .window import Window

CHOSEN_MAX = 10  # fibers with a colour of their own in a crowded picture
CHOSEN_SHARE = 0.005  # of the time: those with less could hardly be seen
NAMED_MAX = 20  # fibers of a worker that the description names
TOLD_MAX = 8  # workers with a line of numbers

# What a worker is said to run that runs no fiber: no fiber has such a number.
AWAKE, SLEEPS, POLLS = 2**32, 2**32 + 1, 2**32 + 2
RESTS = {AWAKE: SEARCHING, SLEEPS: ASLEEP, POLLS: POLLING}
PLACES = {"asleep": SLEEPS, "in the poller": POLLS}


@dataclass
class Palette:
    """A paint for each fiber of `own`, then one for all others, then one for idle or searching,
    and two for sleep."""

    paints: list[Paint]
    own: list[int]

    @property
    def others(self) -> int:
        return len(self.own)

    @property
    def idle(self) -> int:
        return len(self.own) + 1

    def of(self, names: Any) -> Any:
        np = plot.numpy()
        index = {fiber: i for i, fiber in enumerate(self.own)}
        index |= {name: self.idle + i for i, name in enumerate(RESTS)}
        each, where = np.unique(names, return_inverse=True)
        found = [index.get(name, self.idle if name >= IDLE_FIBERS else self.others)
                 for name in each.tolist()]
        return np.array(found, int)[where]


def palette(model: Model, own: list[int]) -> Palette:
    """Where the colours suffice for all fibers, a fiber has the one that it has everywhere."""
    people = model.people()
    all_different = len(people) <= FIBERS_MAX
    ranks = {f.id: i for i, f in enumerate(people)} if all_different else {
        fiber: i for i, fiber in enumerate(own)}
    paints = [fiber_paint(ranks[f], model.fibers[f].label) for f in own]
    return Palette([*paints, OTHERS, SEARCHING if model.sleeps else IDLE, ASLEEP, POLLING], own)


@dataclass
class Totals:
    """What the workers did in the window, by the clock."""

    ticks: dict[int, float] = field(default_factory=dict)  # by fiber

    def share(self, fiber: int) -> float:
        return self.ticks.get(fiber, 0.0) / (sum(self.ticks.values()) or 1.0)

    @property
    def idle(self) -> float:
        return sum(self.share(f) for f in self.ticks if f >= IDLE_FIBERS)

    def rest(self, name: int) -> float:
        """Of one of RESTS, or of all idle contexts together."""
        return self.share(name) if name in RESTS else sum(
            self.share(f) for f in self.ticks if f >= IDLE_FIBERS and f not in RESTS)

    def longest(self) -> list[int]:
        """Fibers with a share that can be seen."""
        least = CHOSEN_SHARE * sum(self.ticks.values())
        people = [f for f, t in self.ticks.items() if f < IDLE_FIBERS and t >= least]
        return sorted(people, key=lambda f: (-self.ticks[f], f))[:CHOSEN_MAX]


def totals(shown: list[Lane], scale: lanes.Scale) -> Totals:
    np = plot.numpy()
    result = Totals()
    for each in shown:
        given = scale.of(each)
        names, where = np.unique(given.names, return_inverse=True)
        sums = np.bincount(where, given.ends - given.starts, minlength=len(names))
        for name, ticks in zip(names.tolist(), sums.tolist()):
            result.ticks[name] = result.ticks.get(name, 0.0) + ticks
    return result


def crowded(lane: Lane, scale: lanes.Scale) -> bool:
    given = scale.of(lane.painted(plot.numpy().zeros_like))
    return not bars.wide(given, scale.unit(lanes.PANEL)) and bars.columns(
        given, 1, scale.low, scale.high, lanes.PANEL).crowded


def times(model: Model, runs: list[Run], sleeps: list[Sleep]) -> Iterator[Times]:
    """The stays of one worker. What it does while it is idle is told by its sleeps."""
    starts = [sleep.start for sleep in sleeps]
    for run in runs:
        if run.fiber < IDLE_FIBERS or not model.sleeps:
            yield run.fiber, run.start, run.end, run.start_tick, run.end_tick
            continue
        within = sleeps[bisect_left(starts, run.start):bisect_left(starts, run.end + 1)]
        yield from rests(within, run.start, run.end, run.start_tick, run.end_tick, AWAKE, PLACES,
                         SLEEPS)


def lane_of(model: Model, window: Window, worker: int, runs: list[Run],
            sleeps: list[Sleep]) -> Lane:
    return lanes.lane(f"worker {worker}",
                      (each for each in times(model, runs, sleeps)
                       if window.meets(each[1], each[2])), model)


def workers(model: Model, window: Window) -> bytes:
    runs: dict[int, list[Run]] = {w: [] for w in model.workers}
    sleeps: dict[int, list[Sleep]] = {w: [] for w in model.workers}
    for run in model.runs:
        if run.worker in runs and window.meets(run.start, run.end):
            runs[run.worker].append(run)
    for sleep in model.sleeps:
        if sleep.worker in sleeps:
            sleeps[sleep.worker].append(sleep)
    shown = [lane_of(model, window, w, runs[w], sleeps[w]) for w in model.workers[:LANES_MAX]]
    ran = {r.fiber for some in runs.values() for r in some}
    seen = [f.id for f in model.people() if f.id in ran]
    scales = lanes.scales(model, window)
    many = len(seen) > FIBERS_MAX or any(crowded(each, s) for each in shown for s in scales)
    if many:
        return draw_many(model, window, shown, len(seen), totals(shown, scales[1]))
    colors = palette(model, seen)
    keys = [(i, model.fibers[f].label) for i, f in enumerate(seen)]
    keys += rest_keys(colors, totals(shown, scales[0]), lambda label, name: label)
    return draw(model, window, shown, colors, keys, [], lanes.lane_height(len(shown)))


def rest_keys(colors: Palette, spent: Totals, words: Callable[[str, int], str]
              ) -> list[tuple[int | str, str]]:
    """Of what workers do that run no fiber: idle, where nothing tells more."""
    names = {name for name in spent.ticks if name >= IDLE_FIBERS}
    idle = {name for name in names if name not in RESTS}
    found = [(colors.idle, words(IDLE.label, min(idle)))] if idle else []
    return found + [(colors.idle + i, words(RESTS[name].label, name))
                    for i, name in enumerate(RESTS) if name in names]


def draw(model: Model, window: Window, shown: list[Lane], colors: Palette,
         keys: list[tuple[int | str, str]], told: list[str], height: float) -> bytes:
    left_out = [f"{LANES_MAX} workers first of {len(model.workers):,} are shown; the others are "
                "left out."] if len(shown) < len(model.workers) else []
    beside = scheduling(model, window, model.workers[:len(shown)], len(colors.paints))
    rest = (" Searching: it looks for a fiber to run. Asleep, or in the poller: it has found none "
            "and waits to be woken.") if model.sleeps else ""
    card = svg.Card(
        "workers", "What did the cores do?",
        " ".join([describe(model, window), *beside.said]),
        ["A lane is a worker; its colour is the fiber that it runs. An empty stretch: it runs "
         f"none.{rest}", *told, *left_out, *beside.notes, *window.note(model),
         *model.warnings()])
    painter = Painter([*colors.paints, *beside.paints], height, lambda name: called(model, name))
    return lanes.draw(model, window, sketch(shown, colors, keys, beside), painter, card)


def sketch(shown: list[Lane], colors: Palette, keys: list[tuple[int | str, str]],
           beside: Scheduling) -> Sketch:
    return Sketch([each.painted(colors.of) for each in shown], [*keys, *beside.keys],
                  below=beside.below, layer=beside.layer)


def draw_many(model: Model, window: Window, shown: list[Lane], seen: int,
              spent: Totals) -> bytes:
    """With the longest runners' colours, and what the workers did in numbers."""
    colors = palette(model, spent.longest())
    keys: list[tuple[int | str, str]] = [
        (i, f"{model.fibers[f].label}, {percent(spent.share(f))}")
            for i, f in enumerate(colors.own)]
    rest = 1 - spent.idle - sum(map(spent.share, colors.own))
    if more := seen - len(colors.own):
        keys.append((colors.others, f"{more:,} {'other ' if colors.own else ''}"
                                    f"fiber{'' if more == 1 else 's'}, {percent(rest)}"))
    keys += rest_keys(colors, spent, lambda label, name: f"{label}, {percent(spent.rest(name))}")
    which = (f"Of {count(seen, 'fiber')}, those that ran for at least {percent(CHOSEN_SHARE)} of "
             f"the time, at most {CHOSEN_MAX}, have a colour of their own. "
             if seen > len(colors.own) else "")
    told = [f"{which}Percentages are of the workers' time, by the clock.",
            *numbers(model, window, shown)]
    return draw(model, window, shown, colors, keys, told,
                56.0 if len(shown) <= 4 else 36.0 if len(shown) <= 16 else 18.0)


def percent(share: float) -> str:
    """Never 0 for what is there, and 100 only for all."""
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    if share < 0.001 or share > 0.999:
        return "under 0.1 %" if share < 0.5 else "over 99.9 %"
    return f"{100 * share:.2g} %" if share < 0.99 else f"{100 * share:.1f} %"


def numbers(model: Model, window: Window, shown: list[Lane]) -> list[str]:
    """A line a worker."""
    scale, lines = lanes.scales(model, window)[1], []
    for each in shown[:TOLD_MAX]:
        given = scale.of(each)
        fibers = given.where(given.names < IDLE_FIBERS)
        if not len(fibers):
            continue
        busy = float((fibers.ends - fibers.starts).sum())
        lines.append(
            f"{each.label.capitalize()}: {count(len(fibers), 'run')} of "
            f"{count(len(set(fibers.names.tolist())), 'fiber')}, "
            f"{lanes.duration(lanes.nanoseconds(model, busy) / len(fibers))} a run on average; "
            f"running fibers for {percent(busy / (scale.high - scale.low))} of the time shown.")
    if len(shown) > TOLD_MAX:
        lines.append(f"The numbers are of the first {TOLD_MAX} workers.")
    return lines


def called(model: Model, fiber: int) -> str:
    if fiber in RESTS:
        return RESTS[fiber].label
    return IDLE.label if fiber >= IDLE_FIBERS else model.fibers[fiber].label


def describe(model: Model, window: Window) -> str:
    runs: dict[int, dict[int, int]] = {w: {} for w in model.workers}
    for run in model.runs:
        runs[run.worker][run.fiber] = runs[run.worker].get(run.fiber, 0) + 1
    parts = []
    for worker, fibers in runs.items():
        names = [model.fibers[f].label for f in [*fibers][:NAMED_MAX]]
        if len(fibers) > NAMED_MAX:
            names.append(f"and {len(fibers) - NAMED_MAX:,} others")
        parts.append(f"Worker {worker} has {count(sum(fibers.values()), 'run')}: "
                     f"{', '.join(names) or 'none'}.")
    return (f"{count(len(model.workers), 'worker')} over {count(model.steps, 'step')}. "
            + " ".join([*parts, *window.note(model)]))
