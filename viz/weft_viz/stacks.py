"""stacks.svg: the bytes of stack in use, against the number of the switch.

The trace measures a stack when its fiber is left; 0 says that it could not, as on a thread's
own stack, whose end nobody has told. While the fiber is away nothing runs on its
stack, so the line is flat until it returns: a square wave. A lane a fiber, one scale for all
unless one stack is many times as deep as another. With more than LANES_MAX fibers the picture
shows all of them together, and lanes of a few.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any, Iterator

from . import plot, svg
from .model import Fiber, Model, Switch, count
from .reader import IDLE_FIBERS
from .window import Window

WIDTH = 880
LEFT, RIGHT = 146, 30
PANEL = WIDTH - LEFT - RIGHT
LANES_MAX = 12
EACH = 3  # fibers chosen for one reason, where there are more
COLUMN = 2  # pixels of a part of the axis whose runs are drawn as one
BINS = 40  # of the histogram
LABELLED_MAX = 8  # bars of the histogram that have their number
SCALES_APART = 16  # lanes whose depths differ by more each get a scale of their own
MANY = 40  # runs that are drawn one by one even where some are narrower than a pixel
NAN = float("nan")


@dataclass
class Wave:
    """A fiber's stack. Switches are points in time; a run lies between two."""

    fiber: Fiber
    runs: list[tuple[float, float, int]] = field(default_factory=list)  # from, to, bytes then
    over: bool = False  # the last run ended with the fiber
    deepest: int = 0  # bytes

    def add(self, start: float, switch: Switch) -> None:
        self.runs.append((start, switch.number, switch.stack_used))
        self.deepest = max(self.deepest, switch.stack_used)
        self.over = switch.reason == "finish"

    @property
    def range(self) -> str:
        least = min((used for _, _, used in self.runs), default=0)
        return f"{self.deepest:,}" if least == self.deepest else f"{least:,} to {self.deepest:,}"


def waves(model: Model, window: Window) -> list[Wave]:
    """One for each fiber that was left in the window."""
    found: dict[int, Wave] = {}
    arrived: dict[int, int] = {}  # the switch at which each fiber that runs came
    before = 0  # switches before the window
    for switch in model.switches:
        previous = switch.previous
        if window.holds(switch.step):
            if previous < IDLE_FIBERS:
                wave = found.get(previous) or found.setdefault(previous,
                                                               Wave(model.fibers[previous]))
                wave.add(max(arrived.get(previous, switch.number - 1), before), switch)
        elif switch.step < window.first:
            before = switch.number
        arrived[switch.next] = switch.number
    order = {f: i for i, f in enumerate(model.fibers)}
    return sorted(found.values(), key=lambda w: order[w.fiber.id])


def parked_line(wave: Wave, last: float) -> tuple[list[float], list[float]]:
    """The flat stretches between the runs."""
    xs: list[float] = []
    ys: list[float] = []
    for (_, left, used), (back, _, _) in zip(wave.runs, wave.runs[1:]):
        xs += [left, back, NAN]
        ys += [used, used, NAN]
    if not wave.over:
        _, left, used = wave.runs[-1]
        xs += [left, last]
        ys += [used, used]
    return xs, ys


def running_line(wave: Wave) -> tuple[list[float], list[float]]:
    """The runs: a stack changes here only. Each begins where the last one was left."""
    xs: list[float] = []
    ys: list[float] = []
    level = 0
    for start, end, used in wave.runs:
        xs += [start, start, end, NAN]
        ys += [level, used, used, NAN]
        level = used
    return xs, ys


@dataclass(frozen=True)
class Range:
    """What the runs that end in one part of the axis have in common."""

    start: float
    end: float
    least: int
    most: int


def ranges(wave: Wave, low: float, high: float) -> Iterator[Range]:
    """The least and the most of each column in which runs end; neighbours alike are one."""
    unit = (high - low) * COLUMN / PANEL
    found: dict[int, tuple[int, int]] = {}
    for _, end, used in wave.runs:
        column = min(PANEL // COLUMN - 1, int((end - low) / unit))
        least, most = found.get(column, (used, used))
        found[column] = min(used, least), max(used, most)
    first = last = None
    for column in sorted(found):
        if last is not None and (column != last + 1 or found[column] != found[last]):
            yield Range(low + first * unit, low + (last + 1) * unit, *found[last])
            first = column
        first, last = column if first is None else first, column
    yield Range(low + first * unit, low + (last + 1) * unit, *found[last])


def lane(axes: Any, wave: Wave, low: float, high: float, top: int, room: float) -> bool:
    """Draws one wave; returns whether it had to be reduced to what pixels can show."""
    _, half = plot.nice_top(top)
    axes.hlines([half, top], low, high, colors=svg.FAINT, linewidth=0.7, zorder=0)
    shortest = min(end - start for start, end, _ in wave.runs)
    if len(wave.runs) > PANEL // COLUMN or (len(wave.runs) > MANY and shortest * PANEL
                                            < high - low):
        range_lane(axes, wave, [*ranges(wave, low, high)], high, top, room)
        return True
    narrow = PANEL / (high - low) < 6
    axes.plot(*parked_line(wave, high), color=svg.SOFT, linewidth=1.4, solid_capstyle="butt",
              clip_on=False)
    axes.plot(*running_line(wave), color=svg.GREEN, linewidth=2 if narrow else 4,
              solid_capstyle="butt", solid_joinstyle="miter", clip_on=False)
    cross(axes, wave)
    values(axes, wave, low, high, top, room)
    return False


def cross(axes: Any, wave: Wave) -> None:
    if wave.over:
        axes.plot([wave.runs[-1][1]], [wave.runs[-1][2]], color=svg.INK, marker="x",
                  markersize=7, markeredgewidth=1.6, clip_on=False, zorder=5)


def range_lane(axes: Any, wave: Wave, some: list[Range], high: float, top: int,
               room: float) -> None:
    """A box a range, at least two pixels high; between two the stack stays as it is."""
    least = 2 * top / room
    boxes = [[(r.start, r.least - least / 2), (r.end, r.least - least / 2),
              (r.end, r.most + least / 2), (r.start, r.most + least / 2)] for r in some]
    levels: dict[float, int] = {end: used for _, end, used in wave.runs}
    ends = sorted(levels)
    xs: list[float] = []
    ys: list[float] = []
    for before, after in zip(some, [*some[1:], None]):
        until = after.start if after else wave.runs[-1][1] if wave.over else high
        if until > before.end:
            level = levels[ends[bisect_left(ends, before.end) - 1]]
            xs += [before.end, until, NAN]
            ys += [level, level, NAN]
    axes.plot(xs, ys, color=svg.SOFT, linewidth=1.4, solid_capstyle="butt")
    polygons(axes, boxes, svg.GREEN)
    cross(axes, wave)


def polygons(axes: Any, corners: list[list[tuple[float, float]]], color: str) -> None:
    plot.matplotlib()
    from matplotlib.collections import PolyCollection

    axes.add_collection(PolyCollection(corners, facecolors=color, linewidths=0,
                                       clip_on=False))


def values(axes: Any, wave: Wave, low: float, high: float, top: int, room: float) -> None:
    """The bytes over each run, where there is room for all of them."""
    size = 10
    pixel = PANEL / (high - low)
    gaps = [b[1] - a[1] for a, b in zip(wave.runs, wave.runs[1:])]
    widest = svg.text_width(f"{wave.deepest:,}", size) + 3
    if gaps and min(gaps) * pixel < widest:
        return
    level = 0
    for start, end, used in wave.runs:
        # Under the line where it came down, so that the fall does not cross the number.
        under = used < level and used * room / top > 15
        level = used
        x = max((start + end) / 2, low + widest / 2 / pixel)
        x = min(x, high - widest / 2 / pixel)
        axes.text(x, used + top * (-13 if under else 6) / room, f"{used:,}", size=size,
                  color=svg.INK, ha="center", va="baseline")


# ---- all fibers together ----


@dataclass
class Together:
    """Every stack that was measured in the window, without its fiber's name."""

    numbers: Any  # of the switches
    used: Any  # bytes
    deepest: list[int]  # by fiber

    def spread(self, low: float, high: float) -> Iterator[tuple[Range, int]]:
        """The range of each column that has a switch, and the median."""
        np = plot.numpy()
        unit = (high - low) * COLUMN / PANEL
        columns = np.minimum(((self.numbers - low) / unit).astype(int), PANEL // COLUMN - 1)
        order = np.lexsort((self.used, columns))
        used, columns = self.used[order], columns[order]
        bounds = [0, *(np.flatnonzero(np.diff(columns)) + 1).tolist(), len(columns)]
        for a, b in zip(bounds, bounds[1:]):
            start = low + int(columns[a]) * unit
            yield (Range(start, start + unit, int(used[a]), int(used[b - 1])),
                   int(used[(a + b - 1) // 2]))


def together(found: list[Wave]) -> Together:
    np = plot.numpy()
    numbers = np.fromiter((end for w in found for _, end, _ in w.runs), float)
    used = np.fromiter((used for w in found for _, _, used in w.runs), float)
    measured = used > 0
    return Together(numbers[measured], used[measured], [w.deepest for w in found])


def spread_lane(axes: Any, every: Together, low: float, high: float, room: float) -> int:
    """Returns the top of its scale."""
    top, half = plot.nice_top(max(every.deepest))
    pixel = top / room
    axes.set_ylim(0, top)
    axes.hlines([half, top], low, high, colors=svg.FAINT, linewidth=0.7, zorder=0)
    some = [*every.spread(low, high)]
    polygons(axes, [[(r.start, r.least - pixel), (r.end, r.least - pixel),
                     (r.end, r.most + pixel), (r.start, r.most + pixel)] for r, _ in some],
             svg.GREEN)
    xs = [x for r, _ in some for x in (r.start, r.end, NAN)]
    ys = [y for _, median in some for y in (median, median, NAN)]
    axes.plot(xs, ys, color=svg.INK, linewidth=1.6, solid_capstyle="butt")
    return top


def histogram(sheet: plot.Sheet, every: Together, y: float, room: float) -> None:
    """How many fibers got how deep."""
    np = plot.numpy()
    top, _ = plot.nice_top(max(every.deepest))
    counts, edges = np.histogram(every.deepest, BINS, (0, top))
    full, half = plot.nice_top(int(counts.max()))
    axes = sheet.panel(LEFT, y, PANEL, room)
    axes.hlines([half, full], 0, top, colors=svg.FAINT, linewidth=0.7, zorder=0)
    seen = [i for i, number in enumerate(counts) if number]
    gap = top / PANEL
    polygons(axes, [[(edges[i] + gap, 0), (edges[i + 1] - gap, 0),
                     (edges[i + 1] - gap, max(counts[i], full / room)),
                     (edges[i] + gap, max(counts[i], full / room))] for i in seen], svg.GREEN)
    for i in seen if len(seen) <= LABELLED_MAX else []:
        axes.text((edges[i] + edges[i + 1]) / 2, counts[i] + full * 4 / room, f"{counts[i]:,}",
                  size=10, color=svg.INK, ha="center", va="baseline")
    axes.set_ylim(0, full)
    plot.number_axis(axes, 0, top, "bytes in use at the deepest", True)
    scale_texts(sheet, y, room, full)
    sheet.text(svg.MARGIN, y + room / 2 - 4, "fibers that", 12, weight="bold")
    sheet.text(svg.MARGIN, y + room / 2 + 12, "got so deep", 12, weight="bold")


# ---- the picture ----

TOP, AXIS, GAP = 12, 40, 18
ROOM = 92.0  # of a lane for all fibers


@dataclass
class Chosen:
    """A lane, and why it is shown where others are not."""

    wave: Wave
    reason: str = ""


def chosen(found: list[Wave]) -> list[Chosen]:
    """All, or of too many the deepest and those that were left most often."""
    if len(found) <= LANES_MAX:
        return [Chosen(w) for w in found]
    deepest = sorted(found, key=lambda w: -w.deepest)[:EACH]
    first = {w.fiber.id for w in deepest}
    left = sorted((w for w in found if w.fiber.id not in first),
                  key=lambda w: -len(w.runs))[:EACH]
    return [*(Chosen(w, "deepest") for w in deepest),
            *(Chosen(w, f"left {count(len(w.runs), 'time')}") for w in left)]


def stacks(model: Model, window: Window) -> bytes:
    left = waves(model, window)
    found = [w for w in left if w.deepest > 0]
    unmeasured = [w.fiber.label for w in left if w.deepest == 0]
    shown = chosen(found)
    every = together(found) if len(shown) < len(found) else None
    room = ROOM if len(shown) <= 3 else 74.0 if len(shown) <= 6 else 56.0
    above = 2 * (ROOM + GAP) + AXIS if every else 0
    sheet = plot.sheet(WIDTH, TOP + above + max(1, len(shown)) * (room + GAP) + AXIS)
    low, high = bounds(model, window)
    if every:
        histogram(sheet, every, TOP, ROOM)
        spread(sheet, every, low, high, TOP + ROOM + GAP + AXIS)
    apart, reduced = draw_lanes(sheet, shown, low, high, TOP + above, room)
    if not shown:
        none = "No stack was measured" if unmeasured else "No fiber was left"
        sheet.text(LEFT, TOP + 40, f"{none} in these steps.", 13, svg.SOFT)
    return sheet.finish(svg.Card("stacks", "How deep is each stack when it is left?",
                                 describe(model, found, window),
                                 notes(model, window, Facts(found, shown, unmeasured, apart,
                                                            reduced))))


def bounds(model: Model, window: Window) -> tuple[int, int]:
    """The number of the first switch and of the last, on the axis."""
    numbers = [s.number for s in model.switches if window.holds(s.step)]
    return (numbers[0] - 1, numbers[-1]) if numbers else (0, 1)


def spread(sheet: plot.Sheet, every: Together, low: float, high: float, y: float) -> None:
    axes = sheet.panel(LEFT, y, PANEL, ROOM)
    top = spread_lane(axes, every, low, high, ROOM)
    axes.set_xlim(low, high)
    axes.set_xticks([])
    scale_texts(sheet, y, ROOM, top)
    sheet.text(svg.MARGIN, y + ROOM / 2 + 4, "all fibers", 12, weight="bold")


def draw_lanes(sheet: plot.Sheet, shown: list[Chosen], low: float, high: float, y: float,
               room: float) -> tuple[bool, bool]:
    """Returns whether lanes have scales of their own, and whether one had to be reduced."""
    depths = [c.wave.deepest for c in shown] or [0]
    apart = max(depths) > SCALES_APART * max(1, min(depths))
    reduced = False
    for row, each in enumerate(shown):
        top, _ = plot.nice_top(each.wave.deepest if apart else max(depths))
        axes = sheet.panel(LEFT, y, PANEL, room)
        axes.set_ylim(0, top)
        reduced |= lane(axes, each.wave, low, high, top, room)
        axes.set_xlim(low, high)
        axes.set_xticks([])
        lane_texts(sheet, each, y, room)
        scale_texts(sheet, y, room, top)
        if row == len(shown) - 1:
            plot.number_axis(axes, low, high, "number of the switch", True)
        y += room + GAP
    return apart, reduced


def lane_texts(sheet: plot.Sheet, each: Chosen, y: float, room: float) -> None:
    up = 6 if each.reason else 0
    sheet.text(svg.MARGIN, y + room / 2 + 4 - up, svg.fit(each.wave.fiber.label, 84, 12), 12,
               weight="bold")
    if each.reason:
        sheet.text(svg.MARGIN, y + room / 2 + 13, svg.fit(each.reason, 96, 9.5), 9.5, svg.SOFT)


def scale_texts(sheet: plot.Sheet, y: float, room: float, top: int) -> None:
    for value, at in ((top, y), (plot.nice_top(top)[1], y + room / 2), (0, y + room)):
        sheet.text(LEFT - 6, at + 3.5, f"{value:,}", 10, svg.SOFT, ha="right")


@dataclass
class Facts:
    """What the notes are about."""

    found: list[Wave]
    shown: list[Chosen]
    unmeasured: list[str]
    apart: bool
    reduced: bool


def notes(model: Model, window: Window, facts: Facts) -> list[str]:
    lines = ["Bytes in use. Thick green: the fiber runs, and its stack is measured when it is "
             "left. Thin: it is away, and its stack stays as it is. A cross: it finished."]
    if len(facts.shown) < len(facts.found):
        lines.append(f"Of {len(facts.found):,} fibers, the first picture counts how many got how "
                     "deep. The second shows all that were left: green from the shallowest to "
                     f"the deepest of a column of {COLUMN} pixels, a line at the median. Then come "
                     f"lanes of up to {EACH} each of the deepest and of the most often left.")
    if facts.unmeasured:
        lines.append("Not measured, on a thread's own stack: "
                     f"{', '.join(some(facts.unmeasured))}.")
    if facts.apart:
        lines.append("Each lane has a scale of its own.")
    if facts.reduced:
        lines.append(f"Where runs are narrower than a pixel, a column of {COLUMN} pixels shows "
                     "the range from the shallowest to the deepest.")
    return [*lines, *window.note(model), *model.warnings()]


def some(names: list[str]) -> list[str]:
    return names if len(names) <= LANES_MAX else [*names[:LANES_MAX],
                                                  f"and {len(names) - LANES_MAX:,} others"]


def describe(model: Model, found: list[Wave], window: Window) -> str:
    parts = [f"{w.fiber.label} is left {count(len(w.runs), 'time')}, with {w.range} bytes in use"
             + (", and finishes." if w.over else ".")
             for w in (c.wave for c in chosen(found))]
    if len(found) > LANES_MAX:
        parts.insert(0, f"{len(found):,} fibers were left; at the deepest they had from "
                        f"{min(w.deepest for w in found):,} to "
                        f"{max(w.deepest for w in found):,} bytes in use.")
    return f"{count(len(model.switches), 'switch')}. " + \
        " ".join([*parts, *window.note(model)])
