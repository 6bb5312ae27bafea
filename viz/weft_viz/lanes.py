"""What workers.svg and fibers.svg share: lanes over time.

Lanes of workers, coloured by fiber, answer "what did the cores do"; lanes of fibers, coloured
by state, answer "why did this take long". Both show the run twice: in event order, where each
step is as wide as the next, and by the clock, where bursts are thin and waits are long. How a
lane looks depends on how many stays it holds: as bars, as pixels or as shares; see bars.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Callable, Iterable, Protocol

from . import bars, plot, svg
from .bars import Columns, Stays
from .model import Model, count
from .paints import Paint
from .window import Window

WIDTH = 880
LEFT, RIGHT = 132, 32
PANEL = WIDTH - LEFT - RIGHT
COLUMN = 2  # pixels of a column of shares
LANES_MAX = 72  # 64 and main, and some
LABEL = 12  # size of the labels
BAR_LABEL, REASON = 11, 9.5


@dataclass(frozen=True)
class Lane:
    label: str
    by_step: Stays
    by_tick: Stays  # ticks since the first step
    reason: str = ""  # why this one is shown and others are not
    heading: bool = False  # only a label, over the lanes that follow

    def painted(self, paint: Callable[[Any], Any]) -> Lane:
        """`paint` gives the index of a paint for each name."""
        def on(given: Stays) -> Stays:
            return replace(given, paints=paint(given.names))

        return replace(self, by_step=on(self.by_step), by_tick=on(self.by_tick))


# Of one stay: name, first and last step, first and last tick.
Times = tuple[int, int, int, int, int]


def lane(label: str, times: Iterable[Times], model: Model, reason: str = "") -> Lane:
    """Each stay painted by its name, which `painted` may change."""
    np = plot.numpy()
    zero = model.tick(model.first)
    flat = np.fromiter((value for name, start, end, begin, until in times
                        for value in (name, start, end, begin - zero, until - zero)), float)
    name, start, end, begin, until = flat.reshape(-1, 5).T
    names = name.astype(int)
    return Lane(label, Stays(names, names, start, end), Stays(names, names, begin, until), reason)


# ---- scales ----


@dataclass
class Scale:
    """One panel's way to measure time."""

    title: str
    low: float
    high: float
    by_step: bool
    words: Callable[[float], str]  # a length, for people

    def of(self, lane: Lane) -> Stays:
        return bars.clip(lane.by_step if self.by_step else lane.by_tick, self.low, self.high)

    def unit(self, columns: int) -> float:
        return (self.high - self.low) / columns


def clock_unit(ns: float) -> tuple[str, float]:
    for name, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= 2 * size:
            return name, size
    return "ns", 1.0


def duration(ns: float) -> str:
    name, size = clock_unit(ns)
    value = ns / size
    return f"{value:,.0f} {name}" if value >= 100 else f"{value:.3g} {name}"


def step_words(steps: float) -> str:
    if steps == 1:
        return "1 step"
    return f"{steps:,.0f} steps" if steps >= 10 else f"{steps:.2g} steps"


def nanoseconds(model: Model, ticks: float) -> float:
    """Ticks since the first step, as nanoseconds."""
    zero = model.tick(model.first)
    return model.trace.ns(zero + round(ticks)) - model.trace.ns(zero)


def scales(model: Model, window: Window) -> list[Scale]:
    zero = model.tick(model.first)
    first, last = model.tick(window.first) - zero, model.tick(window.last) - zero
    steps = max(0, window.last - window.first) + 1
    span = duration(nanoseconds(model, last) - nanoseconds(model, first))
    return [
        Scale(f"In event order: {count(steps, 'step')}, each as wide as the next", window.first,
              max(window.last, window.first + 1), True, step_words),
        Scale(f"By the clock: the same steps, as wide as they were long, {span} in all", first,
              max(last, first + 1), False,
              lambda ticks: duration(nanoseconds(model, ticks))),
    ]


def clock_axis(axes: Any, model: Model, scale: Scale) -> None:
    """An axis in seconds or parts of them since the first record, over an Axes in ticks."""
    low, high = nanoseconds(model, scale.low), nanoseconds(model, scale.high)
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


def outline(columns: Columns, heights: Any, bottom: float) -> list[tuple[float, float]]:
    """Of an area on a base: two corners where its height changes, to half a pixel."""
    np = plot.numpy()
    halves = np.round(heights * 2).astype(int)
    corners = [(columns.edge(0), bottom)]
    for value, start, end in columns.stretches(halves):
        corners += [(start, bottom - value / 2), (end, bottom - value / 2)]
    return [*corners, (columns.edge(len(halves)), bottom)]


def stack(axes: Any, columns: Columns, heights: Any, bottom: float,
          paints: list[Paint]) -> None:
    """Areas one on the other, the first paint lowest. Each reaches down to the base, so that
    nothing shines through between two."""
    for index in reversed(range(len(paints))):
        if not columns.met[index].any():
            continue
        paint = paints[index]
        corners = outline(columns, heights[: index + 1].sum(axis=0), bottom)
        axes.fill(*zip(*corners), facecolor=paint.color, linewidth=0, edgecolor=paint.ink,
                  hatch=paint.hatch or None)


@dataclass
class Painter:
    """Draws the lanes of one picture and remembers what has to be explained."""

    paints: list[Paint]
    height: float  # of a lane, with its gap
    name: Callable[[int], str]  # what a bar is called, where it fits
    pixels: set[str] = field(default_factory=set)  # how much a pixel is, where it was divided
    shares: set[str] = field(default_factory=set)  # and a column of shares

    @property
    def bar(self) -> float:
        return max(4.0, self.height - max(3.0, self.height * 0.24))

    def lanes(self, axes: Any, lanes: list[Lane], scale: Scale, top: float) -> None:
        for row, each in enumerate(lanes):
            y = top + row * self.height + (self.height - self.bar) / 2
            if each.heading:
                continue
            axes.broken_barh([(scale.low, scale.high - scale.low)], (y, self.bar),
                             facecolors=svg.LANE, linewidth=0)
            if len(given := scale.of(each)):
                self.lane(axes, self.thin(axes, given, y), y, scale)

    def thin(self, axes: Any, given: Stays, top: float) -> Stays:
        """Draws what is only a line; returns the rest."""
        np = plot.numpy()
        line = np.array([p.thin for p in self.paints])[given.paints]
        for index in sorted(set(given.paints[line].tolist())):
            self.bars(axes, index, given.where(given.paints == index), top + self.bar / 2 - 1, 2)
        return given.where(~line)

    def bars(self, axes: Any, index: int, some: Stays, top: float, height: float) -> None:
        paint = self.paints[index]
        axes.broken_barh([*zip(some.starts, some.ends - some.starts)], (top, height),
                         facecolors=paint.color, linewidth=0, edgecolor=paint.ink,
                         hatch=paint.hatch or None)

    def lane(self, axes: Any, given: Stays, top: float, scale: Scale) -> None:
        if bars.wide(given, scale.unit(PANEL)):
            self.wide_bars(axes, given, top, scale)
            return
        columns = bars.columns(given, len(self.paints), scale.low, scale.high, PANEL)
        if not columns.crowded:
            self.divided(axes, columns, top)
            self.pixels.add(scale.words(columns.unit))
            return
        columns = bars.columns(given, len(self.paints), scale.low, scale.high, PANEL // COLUMN)
        stack(axes, columns, columns.heights(self.bar, 1), top + self.bar, self.paints)
        self.shares.add(scale.words(columns.unit))

    def wide_bars(self, axes: Any, given: Stays, top: float, scale: Scale) -> None:
        unit = scale.unit(PANEL)
        for index in sorted(set(given.paints.tolist())):
            some = given.where(given.paints == index)
            self.bars(axes, index, some, top, self.bar)
            if (some.ends - some.starts).min() >= 4 * unit:
                axes.vlines(some.starts, top, top + self.bar, colors=svg.PAPER, linewidth=1)
        for name, index, start, end in zip(given.names, given.paints, given.starts, given.ends):
            self.bar_label(axes, self.name(name), index, start, end, top, unit)

    def divided(self, axes: Any, columns: Columns, top: float) -> None:
        """Pixel by pixel."""
        won = columns.stretches(columns.winners())
        for index in sorted({i for i, _, _ in won if i >= 0}):
            some = bars.stays((i, i, a, b) for i, a, b in won if i == index)
            self.bars(axes, index, some, top, self.bar)
        mixed = [(a, b) for yes, a, b in columns.stretches(columns.mixed) if yes]
        axes.broken_barh([(a, b - a) for a, b in mixed], (top, self.bar), facecolors="none",
                         linewidth=0, edgecolor="#00000078", hatch="xxxxx")
        for index, start, end in won:
            if index >= 0:
                self.free_label(axes, index, start, end, top, columns.unit, mixed)

    def free_label(self, axes: Any, index: int, start: float, end: float, top: float,
                   unit: float, mixed: list[tuple[float, float]]) -> None:
        """A label in the widest part that no hatching covers."""
        cut = [start, *(x for a, b in mixed if a < end and b > start for x in (a, b)), end]
        start, end = max(zip(cut[::2], cut[1::2]), key=lambda gap: gap[1] - gap[0])
        self.bar_label(axes, self.paints[index].label, index, start, end, top, unit)

    def bar_label(self, axes: Any, label: str, index: int, start: float, end: float, top: float,
                  unit: float) -> None:
        size = min(BAR_LABEL, self.bar - 4)
        if size < 8 or not label or svg.text_width(label, size) > (end - start) / unit - 6:
            return
        axes.text((start + end) / 2, top + self.bar / 2 + size * 0.36, label, size=size,
                  color=self.paints[index].text, ha="center",
                  va="baseline", parse_math=False, clip_on=False)

    def explained(self) -> list[str]:
        lines = []
        if self.pixels:
            lines.append(f"Some stays are narrower than a pixel ({both(self.pixels)}): a pixel "
                         "shows what takes most of it, and hatching marks those that hold more "
                         "than one stay.")
        if self.shares:
            lines.append(f"Where most pixels hold several stays, each column of {COLUMN} pixels "
                         f"({both(self.shares)}) is divided from bottom to top as its time was: "
                         "what takes half of the time takes half of the height. What is there at "
                         "all gets at least one pixel.")
        return lines


def both(words: set[str]) -> str:
    """Steps before time."""
    return " or ".join(sorted(words, key=lambda w: ("step" not in w, w)))


# ---- a picture ----

TOP, TITLE, AXIS, GAP, KEY = 6, 24, 40, 14, 22


class Layer(Protocol):
    """Something drawn over the lanes."""

    def draw(self, axes: Any, painter: Painter, scale: Scale, top: float) -> None:
        """The first lane begins at `top`."""

    def key(self, axes: Any, sign: str, x: float, middle: float) -> None:
        """One of its signs, SWATCH wide."""


class Strip(Protocol):
    """Something on the same axis as the lanes, above or below them."""

    height: float

    def draw(self, sheet: plot.Sheet, axes: Any, painter: Painter, scale: Scale,
             place: tuple[float, float]) -> None:
        """`place`: its top in the Axes, and on the sheet."""


@dataclass
class Sketch:
    """What one picture shows."""

    lanes: list[Lane]
    keys: list[tuple[int | str, str]]  # paint, or sign of the layer, and words: what they mean
    above: list[Strip] = field(default_factory=list)
    below: list[Strip] = field(default_factory=list)
    layer: Layer | None = None


def lane_height(lanes: int) -> float:
    return 32.0 if lanes <= 4 else 26.0 if lanes <= 12 else 18.0 if lanes <= 32 else 13.0


def draw(model: Model, window: Window, sketch: Sketch, painter: Painter, card: svg.Card) -> bytes:
    """Both panels and, under them, the keys."""
    above = sum(strip.height + GAP for strip in sketch.above)
    lanes = max(1, len(sketch.lanes)) * painter.height
    panel = above + lanes + sum(GAP + strip.height for strip in sketch.below)
    panels = scales(model, window)
    rows = key_rows(sketch.keys)
    height = TOP + len(panels) * (TITLE + panel + AXIS + GAP) + KEY * len(rows) + 10
    sheet = plot.sheet(WIDTH, height)
    top = TOP
    for scale in panels:
        sheet.text(svg.MARGIN, top + 14, scale.title, 12, weight="bold")
        axes = sheet.panel(LEFT, top + TITLE, PANEL, panel)
        strips(sheet, axes, sketch.above, painter, scale, (0, top + TITLE))
        painter.lanes(axes, sketch.lanes, scale, above)
        if sketch.layer:
            sketch.layer.draw(axes, painter, scale, above)
        strips(sheet, axes, sketch.below, painter, scale,
               (above + lanes + GAP, top + TITLE + above + lanes + GAP))
        axes.set_xlim(scale.low, scale.high)
        if scale.by_step:
            plot.number_axis(axes, scale.low, scale.high, "step", True)
        else:
            clock_axis(axes, model, scale)
        lane_labels(sheet, sketch.lanes, top + TITLE + above, painter.height)
        top += TITLE + panel + AXIS + GAP
    draw_keys(sheet, rows, painter.paints, sketch.layer, top)
    card.notes[1:1] = painter.explained()
    return sheet.finish(card)


def strips(sheet: plot.Sheet, axes: Any, some: list[Strip], painter: Painter, scale: Scale,
           place: tuple[float, float]) -> None:
    top, on_sheet = place
    for strip in some:
        strip.draw(sheet, axes, painter, scale, (top, on_sheet))
        top, on_sheet = top + strip.height + GAP, on_sheet + strip.height + GAP


def lane_labels(sheet: plot.Sheet, lanes: list[Lane], top: float, height: float) -> None:
    size, room = min(LABEL, height - 2), LEFT - svg.MARGIN
    for row, each in enumerate(lanes):
        middle = top + (row + 0.5) * height
        up = 4.5 if each.reason else 0
        if each.heading:
            sheet.text(svg.MARGIN, middle + size * 0.36 + 3, each.label, size, svg.SOFT,
                       weight="bold")
            continue
        sheet.text(LEFT - 8, middle + size * 0.36 - up, svg.fit(each.label, room, size), size,
                   ha="right")
        if each.reason:
            sheet.text(LEFT - 8, middle + 11, svg.fit(each.reason, room + 12, REASON), REASON,
                       svg.SOFT, ha="right")


SWATCH = 22


def key_rows(keys: list[tuple[int | str, str]]) -> list[list[tuple[float, int | str, str]]]:
    """The keys in rows, each with its x."""
    rows: list[list[tuple[float, int | str, str]]] = []
    x = float(WIDTH)
    for key, label in keys:
        width = SWATCH + 8 + svg.text_width(label, BAR_LABEL) * 0.92 + 12
        if x + width > WIDTH - svg.MARGIN:
            rows.append([])
            x = float(svg.MARGIN)
        rows[-1].append((x, key, label))
        x += width
    return rows


def draw_keys(sheet: plot.Sheet, rows: list[list[tuple[float, int | str, str]]],
              paints: list[Paint], layer: Layer | None, top: float) -> None:
    axes = sheet.panel(0, top, WIDTH, max(1, KEY * len(rows)))
    axes.set_xlim(0, WIDTH)
    axes.set_axis_off()
    for row, entries in enumerate(rows):
        for x, key, label in entries:
            y = row * KEY
            axes.text(x + SWATCH + 6, y + 14, label, size=BAR_LABEL, color=svg.INK,
                      va="baseline", parse_math=False)
            if isinstance(key, str):
                layer.key(axes, key, x, y + 10)
                continue
            paint = paints[key]
            bar = (y + 9, 2) if paint.thin else (y + 4, 12)
            axes.broken_barh([(x, SWATCH)], bar, facecolors=paint.color, linewidth=0,
                             edgecolor=paint.ink, hatch=paint.hatch or None)
