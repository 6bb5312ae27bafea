"""timers.svg: how late the timers fired.

Lateness is what the timer's own clock said when its deadline was found to have come, less the
deadline. Few timers have a line each, from the moment they were set over the deadline to their end;
many are counted in a histogram over a logarithmic axis. A timer that fired before its deadline is a
fault; it is counted apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from . import latency, plot, svg
from .lanes import clock_unit, duration, nanoseconds
from .latency import Mark, Row
from .model import Model, count
from .paints import WAITS
from .waiting import DROPPED, FIRED, PENDING, Timer
from .window import Window

LINES_MAX = 29  # timers with a line each
WIDTH, LEFT, RIGHT = latency.WIDTH, 132, 190
PANEL = WIDTH - LEFT - RIGHT
TOP, LINE, AXIS, KEY = 12, 24, 44, 30
SET = WAITS["timer"]
ALL = "all timers"
MARKS = (Mark("median", 0.5, 2, True, "solid"), Mark("p99", 0.99, 1, True, (0, (3, 2))),
         Mark("largest", 1.0, 0, False, (0, (1, 1.5))))


@dataclass
class Measured:
    """`late`: by clock, in ns, each list sorted; ALL holds those of every clock."""

    timers: list[Timer]
    late: dict[str, list[float]] = field(default_factory=dict)
    early: list[Timer] = field(default_factory=list)  # fired before the deadline
    ends: Counter[str] = field(default_factory=Counter)


def measure(model: Model, window: Window) -> Measured:
    """Those that were set, or ended, in the window."""
    some = [t for t in model.waiting.timers if window.meets(t.start, t.end)]
    found = Measured(some, ends=Counter(t.outcome for t in some))
    by_clock: dict[str, list[float]] = defaultdict(list)
    for timer in some:
        if timer.outcome != FIRED:
            continue
        if timer.late < 0:
            found.early.append(timer)
        else:
            by_clock[timer.clock].append(timer.late)
    if by_clock:
        found.late[ALL] = sorted(ns for times in by_clock.values() for ns in times)
    if len(by_clock) > 1:
        found.late |= {clock: sorted(by_clock[clock]) for clock in sorted(by_clock)}
    return found


# ---- a line each ----


def shifts(model: Model) -> dict[str, float]:
    """By clock: what to add to its time to get nanoseconds since the first step. A timer that
    fires is recorded at once after that clock was read; else what the trace says of the clock."""
    trace = model.trace
    zero = trace.ns(model.tick(model.first))
    found = {"awake": -trace.monotonic_ns0 - zero, "real": -trace.realtime_ns0 - zero}
    gaps: dict[str, list[float]] = defaultdict(list)
    for timer in model.waiting.timers:
        if timer.outcome == FIRED:
            gaps[timer.clock].append(trace.ns(timer.end_tick) - zero - timer.now)
    return found | {clock: min(some) for clock, some in gaps.items()}


@dataclass(frozen=True)
class Line:
    """In nanoseconds since the first step."""

    label: str
    set: float
    deadline: float | None  # None where the trace does not tell
    end: float
    outcome: str
    words: str

    @property
    def early(self) -> bool:
        return self.outcome == FIRED and self.deadline is not None and self.end < self.deadline


def words_of(timer: Timer, deadline: float | None, end: float) -> str:
    if timer.outcome == FIRED:
        late = duration(abs(timer.late))
        return f"{late} late" if timer.late >= 0 else f"{late} EARLY"
    what = "dropped" if timer.outcome == DROPPED else "not over"
    if deadline is None:
        return what
    gap = deadline - end
    return f"{what}, {'due in' if gap >= 0 else 'overdue by'} {duration(abs(gap))}"


def line_of(model: Model, timer: Timer, shift: dict[str, float]) -> Line:
    zero = model.tick(model.first)
    start, end = (nanoseconds(model, tick - zero) for tick in (timer.start_tick, timer.end_tick))
    deadline = timer.deadline + shift[timer.clock] if timer.clock in shift else None
    fiber = model.fibers.get(timer.fiber)
    return Line(fiber.label if fiber else f"fiber {timer.fiber}", start, deadline, end,
                timer.outcome, words_of(timer, deadline, end))


def draw_lines(model: Model, lines: list[Line]) -> plot.Sheet:
    """Each from its setting over the deadline to its end."""
    height = LINE * len(lines)
    sheet = plot.sheet(WIDTH, TOP + height + AXIS + KEY)
    axes = sheet.panel(LEFT, TOP, PANEL, height)
    low = min(line.set for line in lines)
    high = max(max(line.end for line in lines), low + 1)
    for row, line in enumerate(lines):
        y = (row + 0.5) * LINE
        axes.hlines([y], low, high, colors=svg.FAINT, linewidth=0.7, zorder=0)
        draw_line(axes, line, y, (low, high))
        sheet.text(LEFT - 8, TOP + y + 4, svg.fit(line.label, LEFT - svg.MARGIN, 12), 12,
                   ha="right")
        sheet.text(LEFT + PANEL + 12, TOP + y + 4, svg.fit(line.words, RIGHT - 24, 11), 11,
                   svg.INK if line.outcome == FIRED else svg.SOFT)
    name, size = clock_unit(high - low)
    plot.number_axis(axes, low / size, high / size, f"{name} since the first step", False)
    for artist in (*axes.collections, *axes.lines):
        artist.set_transform(scaled(axes, size))
    draw_key(sheet, TOP + height + AXIS)
    return sheet


def scaled(axes: Any, size: float) -> Any:
    """From nanoseconds to the axis' unit."""
    plot.matplotlib()
    from matplotlib.transforms import Affine2D
    return Affine2D().scale(1 / size, 1) + axes.transData


def draw_line(axes: Any, line: Line, y: float, span: tuple[float, float]) -> None:
    low, high = span
    pixel = (high - low) / PANEL
    due = line.end if line.deadline is None else line.deadline
    until = min(due, line.end)
    bar(axes, line.set, max(until - line.set, pixel), y, SET.color)
    if line.outcome == FIRED and due < line.end:
        bar(axes, due, max(line.end - due, pixel), y, svg.VERMILION)
    if line.outcome != FIRED and due > line.end:
        axes.hlines([y], line.end, min(due, high), colors=svg.SOFT, linewidth=1,
                    linestyles=[(0, (1, 2))])
    if line.deadline is not None and low <= due <= high:
        axes.vlines([due], y - 8, y + 8, colors=svg.INK, linewidth=1.4)
    sign(axes, line.outcome, line.end, y)


def bar(axes: Any, start: float, width: float, y: float, color: str) -> None:
    axes.broken_barh([(start, width)], (y - 5, 10), facecolors=color, linewidth=0)


def sign(axes: Any, outcome: str, x: float, y: float) -> None:
    marker = {FIRED: "o", DROPPED: "s", PENDING: ">"}.get(outcome, "o")
    axes.plot([x], [y], marker=marker, markersize=6, color=svg.PAPER, markeredgecolor=svg.INK,
              markeredgewidth=1, linestyle="none", clip_on=False)


def draw_key(sheet: plot.Sheet, top: float) -> None:
    axes = sheet.panel(0, top, WIDTH, KEY)
    axes.set_xlim(0, WIDTH)
    axes.set_axis_off()
    x = float(svg.MARGIN)
    for words, draw in (
            ("set, and not yet due", lambda at: bar(axes, at, 22, 12, SET.color)),
            ("deadline", lambda at: axes.vlines([at + 11], 4, 20, colors=svg.INK, linewidth=1.4)),
            ("late", lambda at: bar(axes, at, 22, 12, svg.VERMILION)),
            ("fired", lambda at: sign(axes, FIRED, at + 11, 12)),
            ("dropped: no longer needed", lambda at: sign(axes, DROPPED, at + 11, 12)),
            ("the trace ends", lambda at: sign(axes, PENDING, at + 11, 12))):
        draw(x)
        axes.text(x + 28, 16, words, size=11, color=svg.INK, va="baseline", parse_math=False)
        x += 28 + svg.text_width(words, 11) * 0.92 + 14


# ---- many ----


def draw_histograms(found: Measured) -> plot.Sheet:
    rows = [Row(kind if kind == ALL else f"clock: {kind}", "that fired", "timer", SET, times, MARKS)
            for kind, times in found.late.items()]
    height = sum(row.height for row in rows) or latency.ROW
    scale = latency.axis_over(found.late.get(ALL, []))
    sheet = plot.sheet(WIDTH, latency.TOP + height + latency.AXIS)
    axes = sheet.panel(latency.LEFT, latency.TOP, latency.PANEL, height)
    latency.draw_axis(axes, scale, height, "after the deadline")
    top = 0.0
    for row in rows:
        latency.draw_row(sheet, axes, scale, row, top)
        top += row.height
    if not rows:
        sheet.text(latency.LEFT + 8, latency.TOP + 24, "No timer fired.", 13, svg.SOFT)
    return sheet


# ---- the picture ----


def timers(model: Model, window: Window) -> bytes:
    found = measure(model, window)
    few = 0 < len(found.timers) <= LINES_MAX
    if few:
        shift = shifts(model)
        sheet = draw_lines(model, [line_of(model, t, shift) for t in found.timers])
    else:
        sheet = draw_histograms(found)
    return sheet.finish(svg.Card(
        "timers", "How late did the timers fire?",
        " ".join([numbers(found), *window.note(model)]),
        [numbers(found), reading(few), *window.note(model), *model.warnings()]))


def reading(few: bool) -> str:
    if few:
        return ("A line is a timer, from the moment a fiber set it to its end: it fires at its "
                "deadline or after it, or it is dropped, because the fiber had what it waited for "
                "before.")
    return ("A bar counts the timers that were so late. The axis is logarithmic: each line is ten "
            "times the one before. Median: half were no later. p99: 99 of 100 were no later.")


def numbers(found: Measured) -> str:
    ends = found.ends
    words = (f"{count(len(found.timers), 'timer')} set: {ends[FIRED]:,} fired, {ends[DROPPED]:,} "
             f"dropped" + (f", {ends[PENDING]:,} not over" if ends[PENDING] else "") + ".")
    if times := found.late.get(ALL):
        words += (f" Lateness: median {duration(latency.percentile(times, 0.5))}, p99 "
                  f"{duration(latency.percentile(times, 0.99))}, largest {duration(times[-1])}.")
    if found.early:
        worst = max(-timer.late for timer in found.early)
        words += (f" {count(len(found.early), 'timer')} fired BEFORE the deadline, by up to "
                  f"{duration(worst)}: that must not be.")
    return words
