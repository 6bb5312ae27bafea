"""workers.svg and fibers.svg: lanes over time.

Lanes of workers, coloured by fiber, answer "what did the cores do"; lanes of fibers, coloured
by state, answer "why did this take long". Both show the run twice: in event order, where each
step is as wide as the next, and by the clock, where bursts are thin and waits are long.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import bars, model as m, plot, svg
from .bars import Bar
from .model import Model, count
from .window import Window

WIDTH = 880
LEFT, RIGHT = 132, 32
PANEL = WIDTH - LEFT - RIGHT
LANES_MAX = 64
KEYS_MAX = 64
LABEL = 12  # size of the labels
BAR_LABEL = 11


@dataclass(frozen=True)
class Paint:
    """How the bars of one key look."""

    color: str
    hatch: str = ""
    label: str = ""  # in the bar, where it fits
    thin: bool = False  # a line instead of a bar


@dataclass
class Lane:
    label: str
    by_step: list[Bar] = field(default_factory=list)
    by_tick: list[Bar] = field(default_factory=list)


@dataclass
class Scale:
    """One panel's way to measure time."""

    title: str
    axis: str
    low: float
    high: float
    integers: bool
    attribute: str  # of Lane


# Paul Tol's light colours: made for dark text on them. After the eighth they come hatched.
FIBER_COLORS = ("#77aadd", "#ee8866", "#eedd88", "#44bb99", "#ffaabb", "#99ddff", "#bbcc33",
                "#cc99dd")
FIBER_HATCHES = ("", "///", "--", "xx", "||")
IDLE = Paint(svg.FAINT, "", "idle")

STATES = {
    m.NEW: Paint(svg.SKY, "..", "new"),
    m.RUNNING: Paint(svg.GREEN, "", "running"),
    m.READY: Paint(svg.ORANGE, "////", "ready"),
    m.PARKED: Paint(svg.GREY, "|||", "parked"),
    m.FINISHED: Paint(svg.SOFT, "", "", thin=True),
}
HATCH_COLOR = "#00000048"


def fiber_paints(model: Model) -> dict[str | int, Paint]:
    paints: dict[str | int, Paint] = {}
    for index, fiber in enumerate(model.people()):
        turn, color = divmod(index, len(FIBER_COLORS))
        paints[fiber.id] = Paint(FIBER_COLORS[color], FIBER_HATCHES[turn % len(FIBER_HATCHES)],
                                 fiber.label)
    for fiber in model.fibers.values():
        if fiber.idle:
            paints[fiber.id] = IDLE
    return paints


# ---- scales ----


def clock_unit(ns: float) -> tuple[str, float]:
    for name, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= 2 * size:
            return name, size
    return "ns", 1.0


def scales(model: Model, window: Window) -> list[Scale]:
    first, last = model.tick(window.first), model.tick(window.last)
    return [
        Scale("In event order: every step is as wide as the next", "step", window.first,
              max(window.last, window.first + 1), True, "by_step"),
        Scale("By the clock: the same steps, as wide as they were long", "", first,
              max(last, first + 1), False, "by_tick"),
    ]


def clock_axis(axes: Any, model: Model, scale: Scale) -> None:
    """An axis in seconds or parts of them since the first record, over an Axes in ticks."""
    ns = model.trace.ns
    zero = ns(model.tick(model.first))
    low, high = ns(int(scale.low)) - zero, ns(int(scale.high)) - zero
    name, size = clock_unit(high - low)
    over = axes.twiny()
    for side in ("top", "left", "right", "bottom"):
        over.spines[side].set_visible(False)
    over.patch.set_visible(False)
    over.xaxis.tick_bottom()
    axes.set_xticks([])
    plot.number_axis(over, low / size, max(high, low + 1) / size, f"{name} since the first step",
                     False)


# ---- drawing ----


@dataclass
class Painter:
    """Draws the lanes of one picture and remembers what has to be explained."""

    paints: dict[str | int, Paint]
    height: float  # of a lane, with its gap
    quantised: bool = False

    @property
    def bar(self) -> float:
        return max(4.0, self.height - max(3.0, self.height * 0.24))

    def lanes(self, axes: Any, lanes: list[Lane], scale: Scale) -> None:
        for row, lane in enumerate(lanes):
            top = row * self.height + (self.height - self.bar) / 2
            axes.broken_barh([(scale.low, scale.high - scale.low)], (top, self.bar),
                             facecolors=svg.LANE, linewidth=0)
            clipped = bars.clip(getattr(lane, scale.attribute), scale.low, scale.high)
            self.lane(axes, bars.quantise(clipped, scale.low, scale.high, PANEL), top, scale)

    def lane(self, axes: Any, drawn: bars.Quantised, top: float, scale: Scale) -> None:
        unit = (scale.high - scale.low) / PANEL
        for key in dict.fromkeys(b.key for b in drawn.bars):
            paint = self.paints[key]
            spans = [(b.start, b.end - b.start) for b in drawn.bars if b.key == key]
            if paint.thin:
                axes.broken_barh(spans, (top + self.bar / 2 - 1, 2), facecolors=paint.color,
                                 linewidth=0)
                continue
            wide = not drawn.mixed and min(width for _, width in spans) >= 4 * unit
            axes.broken_barh(spans, (top, self.bar), facecolors=paint.color, linewidth=0,
                             edgecolor=HATCH_COLOR, hatch=paint.hatch or None)
            if wide:
                axes.vlines([start for start, _ in spans], top, top + self.bar,
                            colors=svg.PAPER, linewidth=1)
        if drawn.mixed:
            self.quantised = True
            axes.broken_barh([(a, b - a) for a, b in drawn.mixed], (top, self.bar),
                             facecolors="none", linewidth=0, edgecolor="#00000078",
                             hatch="xxxxx")
        self.bar_labels(axes, drawn, top, unit)

    def bar_labels(self, axes: Any, drawn: bars.Quantised, top: float, unit: float) -> None:
        size = min(BAR_LABEL, self.bar - 4)
        if size < 8:
            return
        for b in drawn.bars:
            paint, room = self.paints[b.key], (b.end - b.start) / unit - 6
            if not paint.label or svg.text_width(paint.label, size) > room:
                continue
            middle = (b.start + b.end) / 2
            half = svg.text_width(paint.label, size) / 2 * unit
            if any(a < middle + half and middle - half < z for a, z in drawn.mixed):
                continue
            axes.text(middle, top + self.bar / 2 + size * 0.36, paint.label,
                      size=size, color=svg.INK if paint is IDLE else svg.ON_COLOR, ha="center",
                      va="baseline", parse_math=False, clip_on=False)


def lane_height(lanes: int) -> float:
    return 32.0 if lanes <= 4 else 26.0 if lanes <= 12 else 18.0 if lanes <= 32 else 13.0


TOP, TITLE, AXIS, GAP, KEY = 6, 24, 40, 14, 22


def draw(model: Model, window: Window, lanes: list[Lane], painter: Painter, card: svg.Card,
         keys: list[tuple[str | int, str]]) -> bytes:
    """Both panels and, under them, `keys`: what the colours mean."""
    panel_height = max(1, len(lanes)) * painter.height
    panels = scales(model, window)
    rows = key_rows(keys)
    height = TOP + len(panels) * (TITLE + panel_height + AXIS + GAP) + KEY * len(rows) + 10
    sheet = plot.sheet(WIDTH, height)
    top = TOP
    for scale in panels:
        sheet.text(svg.MARGIN, top + 14, scale.title, 12, weight="bold")
        axes = sheet.panel(LEFT, top + TITLE, PANEL, panel_height)
        painter.lanes(axes, lanes, scale)
        axes.set_xlim(scale.low, scale.high)
        if scale.integers:
            plot.number_axis(axes, scale.low, scale.high, scale.axis, True)
        else:
            clock_axis(axes, model, scale)
        lane_labels(sheet, lanes, top + TITLE, painter.height)
        top += TITLE + panel_height + AXIS + GAP
    draw_keys(sheet, rows, painter.paints, top)
    if painter.quantised:
        card.notes.append("Stays narrower than a pixel: each pixel shows the longest, and "
                          "hatching marks pixels that hold more than one.")
    return sheet.finish(card)


def lane_labels(sheet: plot.Sheet, lanes: list[Lane], top: float, height: float) -> None:
    size = min(LABEL, height - 2)
    for row, lane in enumerate(lanes):
        sheet.text(LEFT - 8, top + (row + 0.5) * height + size * 0.36,
                   svg.fit(lane.label, LEFT - 8 - svg.MARGIN + 8, size), size, ha="right")


SWATCH = 22


def key_rows(keys: list[tuple[str | int, str]]) -> list[list[tuple[float, str | int, str]]]:
    """The keys in rows, each with its x."""
    rows: list[list[tuple[float, str | int, str]]] = []
    x = float(WIDTH)
    for key, label in keys:
        width = SWATCH + 8 + svg.text_width(label, BAR_LABEL) * 0.92 + 12
        if x + width > WIDTH - svg.MARGIN:
            rows.append([])
            x = float(svg.MARGIN)
        rows[-1].append((x, key, label))
        x += width
    return rows


def draw_keys(sheet: plot.Sheet, rows: list[list[tuple[float, str | int, str]]],
              paints: dict[str | int, Paint], top: float) -> None:
    axes = sheet.panel(0, top, WIDTH, max(1, KEY * len(rows)))
    axes.set_xlim(0, WIDTH)
    axes.set_axis_off()
    for row, entries in enumerate(rows):
        for x, key, label in entries:
            paint, y = paints[key], row * KEY
            bar = (y + 9, 2) if paint.thin else (y + 4, 12)
            axes.broken_barh([(x, SWATCH)], bar, facecolors=paint.color, linewidth=0,
                             edgecolor=HATCH_COLOR, hatch=paint.hatch or None)
            axes.text(x + SWATCH + 6, y + 14, label, size=BAR_LABEL, color=svg.INK,
                      va="baseline", parse_math=False)


# ---- the two pictures ----


def workers(model: Model, window: Window) -> bytes:
    lanes = {w: Lane(f"worker {w}") for w in model.workers}
    for run in model.runs:
        if run.worker in lanes:
            lanes[run.worker].by_step.append(Bar(run.fiber, run.start, run.end))
            lanes[run.worker].by_tick.append(Bar(run.fiber, run.start_tick, run.end_tick))
    shown = list(lanes.values())[:LANES_MAX]
    ran = {r.fiber for r in model.runs if window.meets(r.start, r.end)}
    seen = [f for f in model.people() if f.id in ran]
    card = svg.Card(
        "workers", "What did the cores do?", describe_workers(model, window),
        ["A lane is a worker; its colour is the fiber that it runs. An empty stretch: it runs "
         "none.", *left_out(len(lanes), "worker"), *few_keys(len(seen)), *window.note(model),
         *model.warnings()])
    painter = Painter(fiber_paints(model), lane_height(len(shown)))
    return draw(model, window, shown, painter, card, [(f.id, f.label) for f in seen[:KEYS_MAX]])


def fibers(model: Model, window: Window) -> bytes:
    people = model.people()
    shown = people if len(people) <= LANES_MAX else longest_waits(people)
    lanes = [Lane(f.label, [Bar(seen(s), s.start, s.end) for s in f.states],
                  [Bar(seen(s), s.start_tick, s.end_tick) for s in f.states]) for f in shown]
    card = svg.Card(
        "fibers", "Why did this take long?", describe_fibers(model, window),
        ["A lane is a fiber; its colour is what it does. New: it has not run yet. "
         "Ready: it could run, and no worker runs it. Parked: it waits for an event.",
         *left_out(len(people), "fiber"),
         *window.note(model), *model.warnings()])
    keys = [(m.NEW, "new"), (m.RUNNING, "running"), (m.READY, "ready, not running"),
            (m.PARKED, "parked, waiting"), (m.FINISHED, "finished")]
    painter = Painter(dict(STATES), lane_height(len(shown)))
    return draw(model, window, lanes, painter, card, keys)


def seen(state: m.State) -> str:
    """A fiber whose slot is free again looks finished."""
    return m.FINISHED if state.name == m.RECYCLED else state.name


def few_keys(fibers: int) -> list[str]:
    lines = []
    if fibers > len(FIBER_COLORS) * len(FIBER_HATCHES):
        lines.append("There are more fibers than colours: some share one.")
    if fibers > KEYS_MAX:
        lines.append(f"The first {KEYS_MAX} fibers of {fibers:,} are named below.")
    return lines


def left_out(lanes: int, noun: str) -> list[str]:
    if lanes <= LANES_MAX:
        return []
    which = "that waited longest" if noun == "fiber" else "first"
    return [f"{LANES_MAX} {noun}s {which} of {lanes:,} are shown; the others are left out."]


def longest_waits(people: list[m.Fiber]) -> list[m.Fiber]:
    """In their own order."""
    def waited(fiber: m.Fiber) -> int:
        return sum(s.end_tick - s.start_tick for s in fiber.states
                   if s.name in (m.NEW, m.READY, m.PARKED))

    chosen = {f.id for f in sorted(people, key=waited, reverse=True)[:LANES_MAX]}
    return [f for f in people if f.id in chosen]


def describe_workers(model: Model, window: Window) -> str:
    parts = []
    for worker in model.workers:
        runs = [r for r in model.runs if r.worker == worker]
        names = ", ".join(dict.fromkeys(model.fibers[r.fiber].label for r in runs))
        parts.append(f"Worker {worker} has {count(len(runs), 'run')}: {names or 'none'}.")
    return (f"{count(len(model.workers), 'worker')} over {count(model.steps, 'step')}. "
            + " ".join([*parts, *window.note(model)]))


def describe_fibers(model: Model, window: Window) -> str:
    parts = []
    for fiber in model.people():
        shares = []
        for state in (m.NEW, m.RUNNING, m.READY, m.PARKED):
            steps = sum(s.end - s.start for s in fiber.states if s.name == state)
            if steps:
                shares.append(f"{state} for {count(steps, 'step')}")
        end = "finished" if fiber.finished is not None else "not finished"
        parts.append(f"{fiber.label}: {', '.join([*shares, end])}.")
    return (f"{count(len(model.people()), 'fiber')} over {count(model.steps, 'step')}. "
            + " ".join([*parts, *window.note(model)]))
