"""Strips that share the axis of the lanes: how many of something there are over time.

A strip is divided into columns. Its areas are the mean of each column; where a column holds
several changes, two lines show the least and the most at any moment of it, so that a peak of one
step is there, however many steps a column holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import bars, lanes, plot, svg
from .lanes import COLUMN, LABEL, LEFT, PANEL, Lane, Painter, Scale
from .model import Model
from .window import Window

STACK = 120  # height of fibers by state
QUEUED = 84  # and of ready fibers
RATE = 44  # and of what is counted a column
SIZE = 10  # of the numbers


def frame(sheet: plot.Sheet, axes: Any, scale: Scale, place: tuple[float, float],
          height: float, full: int, half: int) -> None:
    """Lines at the top, the middle and the base, with their numbers."""
    top, on_sheet = place
    axes.hlines([top, top + height / 2], scale.low, scale.high, colors=svg.FAINT, linewidth=0.7,
                zorder=0)
    axes.hlines([top + height], scale.low, scale.high, colors=svg.SOFT, linewidth=0.7)
    for value, y in ((full, 0), (half, height / 2), (0, height)):
        sheet.text(LEFT - 8, on_sheet + y + 4, f"{value:,}", SIZE, svg.SOFT, ha="right")


def name(sheet: plot.Sheet, words: tuple[str, str], middle: float) -> None:
    for word, y in zip(words, (-4, 12)):
        sheet.text(svg.MARGIN, middle + y, word, LABEL, weight="bold")


@dataclass
class Levels:
    """How many there are from each step to the next."""

    after: Any  # by step of the window
    places: tuple[Any, Any]  # of the steps, on the two axes

    def spread(self, scale: Scale, number: int) -> tuple[Any, Any]:
        """By column: the least and the most at any moment in it."""
        np = plot.numpy()
        at = (self.places[not scale.by_step] - scale.low) / scale.unit(number)
        column = np.clip((at + 1e-9).astype(int), 0, number - 1)
        first = np.searchsorted(column, np.arange(number))
        entering = self.after[np.maximum(first - 1, 0)]
        least, most = entering.copy(), entering.copy()
        some = first < np.searchsorted(column, np.arange(number), "right")
        within = [each.reduceat(self.after, first[some]) if some.any() else entering[some]
                  for each in (np.minimum, np.maximum)]
        edge = at[first[some]] <= np.flatnonzero(some) + 1e-9  # nothing of the column is before
        least[some] = np.where(edge, within[0], np.minimum(least[some], within[0]))
        most[some] = np.where(edge, within[1], np.maximum(most[some], within[1]))
        return least, most

    def crowded(self, number: int) -> bool:
        np = plot.numpy()
        return int(np.count_nonzero(np.diff(self.after))) > number


def levels(model: Model, window: Window, starts: Any, ends: Any) -> Levels:
    """From the steps at which something begins and ends to be."""
    np = plot.numpy()
    size = len(model.merged.steps) + 1
    change = np.bincount(starts, minlength=size) - np.bincount(ends, minlength=size)
    after = np.cumsum(change)
    steps = np.arange(window.first, window.last + 1)
    zero = model.tick(model.first)
    ticks = np.fromiter((s.tick - zero for s in model.merged.steps[window.first:window.last + 1]),
                        float)
    inside = after[window.first: window.last + 1]
    return Levels(inside, (steps[: len(inside)].astype(float), ticks))


@dataclass
class Counted:
    """How many stays there are, by paint, over time."""

    stays: Lane
    words: tuple[str, str]
    height: float = STACK
    levels: Levels | None = None  # of all of them

    def draw(self, sheet: plot.Sheet, axes: Any, painter: Painter, scale: Scale,
             place: tuple[float, float]) -> None:
        number = PANEL // COLUMN
        columns = bars.columns(scale.of(self.stays), len(painter.paints), scale.low, scale.high,
                               number)
        most = float(columns.time.sum(axis=0).max()) / columns.unit
        band = self.levels.spread(scale, number) if self.levels else None
        full, half = plot.nice_top(round(max(most, band[1].max()) if band else most))
        frame(sheet, axes, scale, place, self.height, full, half)
        bottom = place[0] + self.height
        lanes.stack(axes, columns, columns.heights(self.height, full), bottom, painter.paints)
        crowded = self.levels is None or self.levels.crowded(number)
        if band and crowded:
            self.lines(axes, columns, band, bottom, full)
        name(sheet, self.words, place[1] + self.height / 2 - 4)
        if crowded:
            painter.shares.add(scale.words(columns.unit))

    def lines(self, axes: Any, columns: bars.Columns, band: tuple[Any, Any], bottom: float,
              full: int) -> None:
        for values in band:
            corners = lanes.outline(columns, values * (self.height / full), bottom)[1:-1]
            axes.plot(*zip(*corners), color=svg.INK, linewidth=0.8)


@dataclass
class Rate:
    """How often something happened in each column, by paint. One time is at least one pixel."""

    paints: tuple[int, ...]
    steps: tuple[Any, ...]  # for each paint
    ticks: tuple[Any, ...]  # since the first step
    words: tuple[str, str]
    height: float = RATE

    def counts(self, scale: Scale, number: int, paints: int) -> Any:
        """By paint and column."""
        np = plot.numpy()
        table = np.zeros((paints, number), int)
        for paint, places in zip(self.paints, self.steps if scale.by_step else self.ticks):
            at = ((places - scale.low) / scale.unit(number) + 1e-9).astype(int)
            table[paint] = np.bincount(np.clip(at, 0, number - 1), minlength=number)
        return table

    def draw(self, sheet: plot.Sheet, axes: Any, painter: Painter, scale: Scale,
             place: tuple[float, float]) -> None:
        number = PANEL // COLUMN
        counts = self.counts(scale, number, len(painter.paints))
        full, half = plot.nice_top(int(counts.sum(axis=0).max()))
        frame(sheet, axes, scale, place, self.height, full, half)
        columns = bars.Columns(scale.low, scale.unit(number), counts * scale.unit(number),
                               counts > 0, counts.sum(axis=0))
        lanes.stack(axes, columns, columns.heights(self.height, full), place[0] + self.height,
                    painter.paints)
        name(sheet, self.words, place[1] + self.height / 2 - 4)
