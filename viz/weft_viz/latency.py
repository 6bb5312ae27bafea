"""latency.svg: how long a ready fiber waited for a worker.

A histogram of the waits, from ready to running, over a logarithmic axis; one of all, then one for
each place in which they began. A stolen fiber's wait is among the stolen, wherever it began. A
wait that the window or the trace cuts off is counted, and not drawn.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from . import plot, queues, svg
from .lanes import duration
from .model import Model, count
from .paints import INJECTED, QUEUES, STOLEN, Paint
from .window import Window

WIDTH = 880
LEFT, RIGHT = 232, 40  # the names; half of the last decade's
PANEL = WIDTH - LEFT - RIGHT
TOP, BARS, GAP, AXIS = 12, 44, 14, 44
ROW = 30 + BARS + GAP  # with two marks
DECADE = 8  # bars
LEAST = 1.0  # pixels of a bar
ALL = "all waits"
DECADES_MAX = 12


@dataclass(frozen=True)
class Kind:
    words: str
    paint: Paint


KINDS = {
    ALL: Kind("", Paint(svg.GREY)),
    "direct": Kind("runs next, where it was woken", Paint(svg.GREEN)),
    "newest": Kind("a child, where it was made", Paint(svg.SKY)),
    "local": Kind("woken, in the waker's queue", QUEUES[0]),
    queues.YIELDED: Kind("it let others go first", QUEUES[1]),
    queues.STOLEN: Kind("a worker took it from another's", STOLEN),
    "injected": Kind("in the queue that is no worker's", INJECTED),
    queues.SHARED: Kind("in the queue of all workers", QUEUES[0]),
    queues.REMOTE: Kind("only one worker may run it", Paint(svg.GREY, "xx")),
}


@dataclass
class Waits:
    """In nanoseconds, each list sorted; `cut`: those of which an end is missing."""

    of: dict[str, list[float]] = field(default_factory=dict)
    cut: int = 0

    @property
    def most(self) -> float:
        return self.of[ALL][-1]


def percentile(sorted_waits: list[float], share: float) -> float:
    """The smallest that is not under `share` of them."""
    return sorted_waits[max(0, math.ceil(share * len(sorted_waits)) - 1)]


def measure(model: Model, window: Window) -> Waits:
    """Those that lie in the window."""
    found: dict[str, list[float]] = defaultdict(list)
    unit, cut = 1e9 / model.trace.ticks_per_second, 0
    for wait in queues.waits(model):
        if not window.meets(wait.start, wait.end):
            continue
        if not wait.ran or wait.place == queues.UNTOLD or not (
                window.holds(wait.start) and window.holds(wait.end)):
            cut += 1
            continue
        found[wait.place].append(wait.ticks * unit)
    if found:
        found[ALL] = [each for some in found.values() for each in some]
    order = [kind for kind in KINDS if kind in found]
    order += sorted(kind for kind in found if kind not in KINDS)  # of a newer schema
    return Waits({kind: sorted(found[kind]) for kind in order}, cut)


# ---- the axis ----


@dataclass(frozen=True)
class Axis:
    """Decades of nanoseconds. What is shorter than the first one stands in its first bar."""

    low: int
    high: int

    @property
    def bars(self) -> int:
        return (self.high - self.low) * DECADE

    def place(self, ns: float) -> float:
        """In bars from the left."""
        least = 10.0 ** self.low
        return (math.log10(max(ns, least)) - self.low) * DECADE

    def counts(self, waits: list[float]) -> list[int]:
        counts = [0] * self.bars
        for ns in waits:
            counts[min(self.bars - 1, int(self.place(ns) + 1e-9))] += 1
        return counts


def axis_of(waits: Waits) -> Axis:
    return axis_over(waits.of.get(ALL, []))


def axis_over(times: list[float]) -> Axis:
    """`times` are sorted."""
    some = [ns for ns in times if ns >= 1] or [1.0]
    low = math.floor(math.log10(some[0]))
    high = max(low + 1, math.floor(math.log10(some[-1]) + 1e-9) + 1)
    return Axis(max(low, high - DECADES_MAX), high)


# ---- the drawing ----


@dataclass(frozen=True)
class Mark:
    """The larger one is named above the smaller, so that no line crosses the other's words."""

    words: str
    share: float
    line: int  # of its words
    left: bool  # where they stand
    dashes: Any


MARKS = (Mark("median", 0.5, 1, True, "solid"), Mark("p99", 0.99, 0, False, (0, (3, 2))))
MARK_ROOM = 100  # pixels


@dataclass(frozen=True)
class Row:
    """One histogram."""

    name: str
    words: str  # under the name
    noun: str  # of what it counts
    paint: Paint
    times: list[float]  # ns, sorted
    marks: tuple[Mark, ...] = MARKS

    @property
    def room(self) -> float:
        """Of the marks' words, over the bars."""
        return 4 + 13 * len(self.marks)

    @property
    def height(self) -> float:
        return self.room + BARS + GAP


def draw_axis(axes: Any, scaled: Axis, height: float, name: str = "from ready to running") -> None:
    edges = [d * DECADE for d in range(scaled.high - scaled.low + 1)]
    axes.set_xlim(0, scaled.bars)
    axes.vlines(edges, 0, height, colors=svg.FAINT, linewidth=0.7, zorder=0)
    axes.set_xticks(edges, [tick(scaled.low + d) for d in range(len(edges))])
    axes.tick_params(axis="x", color=svg.SOFT, labelcolor=svg.SOFT, labelsize=11, length=4)
    axes.annotate(name, (1, 0), (0, -36), xycoords="axes fraction",
                  textcoords="offset points", ha="right", va="baseline", color=svg.SOFT, size=11)


def tick(exponent: int) -> str:
    power, rest = divmod(exponent, 3)
    if exponent >= 9:
        return f"{10 ** (exponent - 9):,} s"
    return f"{10 ** rest} {('ns', 'µs', 'ms')[power]}"


def draw_bars(axes: Any, counts: list[int], paint: Paint, base: float) -> None:
    most = max(counts)
    for number, value in enumerate(counts):
        if value:
            height = max(LEAST, BARS * value / most)
            axes.broken_barh([(number + 0.04, 0.92)], (base - height, height),
                             facecolors=paint.color, linewidth=0, edgecolor=paint.ink,
                             hatch=paint.hatch or None)


def draw_mark(axes: Any, scaled: Axis, ns: float, mark: Mark, top: float, base: float) -> None:
    """A line through the bars, and its words beside its upper end. What would
    reach over the right edge stands at its left."""
    x = scaled.place(ns)
    y = top + 11 + 13 * mark.line
    axes.vlines([x], y - 10, base, colors=svg.INK, linewidth=1.6, linestyles=[mark.dashes])
    left = mark.left or PANEL * (1 - x / scaled.bars) < MARK_ROOM
    axes.annotate(f"{mark.words} {duration(ns)}", (x, y), (-5 if left else 5, 0), size=11,
                  textcoords="offset points", color=svg.INK, ha="right" if left else "left",
                  va="baseline", annotation_clip=False)


def draw_row(sheet: plot.Sheet, axes: Any, scaled: Axis, row: Row, top: float) -> None:
    base = top + row.room + BARS
    counts = scaled.counts(row.times)
    axes.hlines([base], 0, scaled.bars, colors=svg.SOFT, linewidth=0.7)
    draw_bars(axes, counts, row.paint, base)
    for mark in row.marks:
        draw_mark(axes, scaled, percentile(row.times, mark.share), mark, top, base)
    room = LEFT - svg.MARGIN - 44
    y = TOP + top + row.room + 4
    sheet.text(svg.MARGIN, y, svg.fit(row.name, room, 13), 13, weight="bold")
    sheet.text(svg.MARGIN, y + 16, svg.fit(row.words, room + 10, 10), 10, svg.SOFT)
    sheet.text(svg.MARGIN, y + 32, count(len(row.times), row.noun), 11, svg.SOFT)
    sheet.text(LEFT - 8, y, f"{max(counts):,}", 10, svg.SOFT, ha="right")
    sheet.text(LEFT - 8, TOP + base + 4, "0", 10, svg.SOFT, ha="right")


def row_of(kind: str, times: list[float]) -> Row:
    look = KINDS.get(kind, KINDS[ALL])
    return Row(kind, look.words, "wait", look.paint, times)


def notes(waits: Waits) -> list[str]:
    lines = ["A bar counts the waits that took so long. The axis is logarithmic: each line is ten "
             "times the one before. Each row has a height of its own, the number at its left. "
             "Median: half of the waits took no longer. p99: 99 of 100 took no longer."]
    if waits.of and waits.of[ALL][0] < 10.0 ** axis_of(waits).low:
        lines.append("The first bar holds the shorter ones too.")
    if waits.cut:
        lines.append(f"{count(waits.cut, 'wait')} begun or ended outside of what is shown, or not "
                     "ended: not drawn.")
    return lines


def describe(waits: Waits) -> str:
    parts = [f"{kind}: {count(len(some), 'wait')}, median {duration(percentile(some, 0.5))}, p99 "
             f"{duration(percentile(some, 0.99))}, longest {duration(some[-1])}."
             for kind, some in waits.of.items()]
    return " ".join(parts) or "No fiber waited."


def latency(model: Model, window: Window) -> bytes:
    waits = measure(model, window)
    scaled = axis_of(waits)
    height = max(1, len(waits.of)) * ROW
    sheet = plot.sheet(WIDTH, TOP + height + AXIS)
    axes = sheet.panel(LEFT, TOP, PANEL, height)
    draw_axis(axes, scaled, height)
    for number, (kind, some) in enumerate(waits.of.items()):
        draw_row(sheet, axes, scaled, row_of(kind, some), number * ROW)
    if not waits.of:
        sheet.text(LEFT + 8, TOP + 24, "No fiber was made ready and then ran.", 13, svg.SOFT)
    return sheet.finish(svg.Card(
        "latency", "How long did a ready fiber wait for a worker?",
        " ".join([describe(waits), *window.note(model)]),
        [*notes(waits), *window.note(model), *model.warnings()]))
