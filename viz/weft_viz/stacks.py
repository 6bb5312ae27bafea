"""stacks.svg: the bytes of stack in use, against the number of the switch.

The trace measures a stack when its fiber is left; 0 says that it could not, as on a thread's
own stack, whose end nobody has told. While the fiber is away nothing runs on its
stack, so the line is flat until it returns: a square wave. A lane a fiber, one scale for all
unless one stack is many times as deep as another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import plot, svg
from .model import Fiber, Model, count
from .window import Window

WIDTH = 880
LEFT, RIGHT = 146, 30
PANEL = WIDTH - LEFT - RIGHT
LANES_MAX = 12
SCALES_APART = 16  # lanes whose depths differ by more each get a scale of their own
NAN = float("nan")


@dataclass
class Wave:
    """A fiber's stack. Switches are points in time; a run lies between two."""

    fiber: Fiber
    runs: list[tuple[float, float, int]] = field(default_factory=list)  # from, to, bytes then
    over: bool = False  # the last run ended with the fiber

    @property
    def deepest(self) -> int:
        return max((used for _, _, used in self.runs), default=0)

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
        if window.holds(switch.step):
            fiber = model.fibers[switch.previous]
            if not fiber.idle:
                wave = found.setdefault(fiber.id, Wave(fiber))
                start = max(arrived.get(fiber.id, switch.number - 1), before)
                wave.runs.append((start, switch.number, switch.stack_used))
                wave.over = switch.reason == "finish"
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


def envelope(wave: Wave, low: float, high: float) -> tuple[list[float], list[int], list[int]]:
    """The least and the most of each pixel, for a wave with more runs than pixels."""
    unit = (high - low) / PANEL
    least: dict[int, int] = {}
    most: dict[int, int] = {}
    for _, end, used in wave.runs:
        column = min(PANEL - 1, int((end - low) / unit))
        least[column] = min(used, least.get(column, used))
        most[column] = max(used, most.get(column, used))
    columns = sorted(most)
    return ([low + (c + 0.5) * unit for c in columns], [least[c] for c in columns],
            [most[c] for c in columns])


def nice_top(value: int) -> tuple[int, int]:
    """A round number not under `value`, and its half."""
    value = max(value, 2)
    size = 1
    while True:
        for factor in (2, 4, 6, 8, 10):
            if factor * size >= value:
                return factor * size, factor * size // 2
        size *= 10


def lane(axes: Any, wave: Wave, low: float, high: float, top: int, room: float) -> bool:
    """Draws one wave; returns whether it had to be reduced to what pixels can show."""
    _, half = nice_top(top)
    axes.hlines([half, top], low, high, colors=svg.FAINT, linewidth=0.7)
    if len(wave.runs) > PANEL:
        xs, least, most = envelope(wave, low, high)
        axes.fill_between(xs, least, most, color=svg.GREEN, linewidth=1)
        return True
    narrow = PANEL / (high - low) < 6
    axes.plot(*parked_line(wave, high), color=svg.SOFT, linewidth=1.4, solid_capstyle="butt",
              clip_on=False)
    axes.plot(*running_line(wave), color=svg.GREEN, linewidth=2 if narrow else 4,
              solid_capstyle="butt", solid_joinstyle="miter", clip_on=False)
    if wave.over:
        axes.plot([wave.runs[-1][1]], [wave.runs[-1][2]], color=svg.INK, marker="x",
                  markersize=7, markeredgewidth=1.6, clip_on=False, zorder=5)
    values(axes, wave, low, high, top, room)
    return False


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


TOP, AXIS, GAP = 12, 40, 18


def stacks(model: Model, window: Window) -> bytes:
    left = waves(model, window)
    found = [w for w in left if w.deepest > 0]
    unmeasured = [w.fiber.label for w in left if w.deepest == 0]
    shown = found if len(found) <= LANES_MAX else most_left(found)
    lane_room = 92.0 if len(shown) <= 3 else 74.0 if len(shown) <= 6 else 56.0
    height = TOP + max(1, len(shown)) * (lane_room + GAP) + AXIS
    sheet = plot.sheet(WIDTH, height)
    numbers = [s.number for s in model.switches if window.holds(s.step)]
    low, high = (numbers[0] - 1, numbers[-1]) if numbers else (0, 1)
    depths = [w.deepest for w in shown] or [0]
    apart = max(depths) > SCALES_APART * max(1, min(depths))
    reduced = False
    for row, wave in enumerate(shown):
        top, _ = nice_top(wave.deepest if apart else max(depths))
        y = TOP + row * (lane_room + GAP)
        axes = sheet.panel(LEFT, y, PANEL, lane_room)
        axes.set_ylim(0, top)
        reduced |= lane(axes, wave, low, high, top, lane_room)
        axes.set_xlim(low, high)
        axes.set_xticks([])
        lane_texts(sheet, wave, y, lane_room, top)
        if row == len(shown) - 1:
            plot.number_axis(axes, low, high, "number of the switch", True)
    if not shown:
        none = "No stack was measured" if unmeasured else "No fiber was left"
        sheet.text(LEFT, TOP + 40, f"{none} in these steps.", 13, svg.SOFT)
    return sheet.finish(svg.Card("stacks", "How deep is each stack when it is left?",
                                 describe(model, found, window),
                                 notes(model, window, found, shown, unmeasured, apart, reduced)))


def lane_texts(sheet: plot.Sheet, wave: Wave, y: float, room: float, top: int) -> None:
    sheet.text(svg.MARGIN, y + room / 2 + 4, svg.fit(wave.fiber.label, 84, 12), 12,
               weight="bold")
    for value, at in ((top, y), (nice_top(top)[1], y + room / 2), (0, y + room)):
        sheet.text(LEFT - 6, at + 3.5, f"{value:,}", 10, svg.SOFT, ha="right")


def notes(model: Model, window: Window, found: list[Wave], shown: list[Wave],
          unmeasured: list[str], apart: bool, reduced: bool) -> list[str]:
    lines = ["Bytes in use. Thick green: the fiber runs, and its stack is measured when it is "
             "left. Thin: it is away, and its stack stays as it is. A cross: it finished."]
    if len(shown) < len(found):
        lines.append(f"The {len(shown)} fibers with the most switches of {len(found):,} are "
                     "shown; the others are left out.")
    if unmeasured:
        lines.append(f"Not measured, on a thread's own stack: {', '.join(unmeasured)}.")
    if apart:
        lines.append("Each lane has a scale of its own.")
    if reduced:
        lines.append("Where a pixel holds more than one run, it shows the range from the "
                     "shallowest to the deepest.")
    return [*lines, *window.note(model), *model.warnings()]


def most_left(found: list[Wave]) -> list[Wave]:
    """The waves with the most runs, in their own order."""
    chosen = {w.fiber.id for w in sorted(found, key=lambda w: -len(w.runs))[:LANES_MAX]}
    return [w for w in found if w.fiber.id in chosen]


def describe(model: Model, found: list[Wave], window: Window) -> str:
    parts = [f"{w.fiber.label} is left {count(len(w.runs), 'time')}, with {w.range} bytes in use"
             + (", and finishes." if w.over else ".") for w in found]
    return f"{count(len(model.switches), 'switch')}. " + \
        " ".join([*parts, *window.note(model)])
