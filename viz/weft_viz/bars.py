"""Stays on a lane, and what becomes of those that are narrower than a pixel.

A bar thinner than a pixel vanishes. So a lane that has one is divided into columns, and a column
knows how much of its time each paint takes and how many stays it meets. Two ways to show that:

    pixels   each column shows the paint that takes most of it; a column that meets more than one
             stay is mixed, and is hatched. For lanes of which few columns are mixed.
    shares   each column is divided among its paints as its time was. For crowded lanes, on which
             the winner of a column would say little and all would be hatched.

Stays are arrays of numpy: a trace has millions of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable

from . import plot

CROWDED = 0.5  # of a lane's columns that are not empty: mixed ones, from which shares are shown
FEW = 16  # mixed columns that do not crowd a lane, however few others there are
LEAST = 1.0  # pixels that a share has at least, however short its stays


@dataclass(frozen=True)
class Stays:
    """Those of one lane, or of many lanes to be counted together. Four arrays of one length."""

    paints: Any  # the index of what colours it
    names: Any  # what it is called: a fiber's number, or as in `paints`
    starts: Any
    ends: Any

    def __len__(self) -> int:
        return len(self.starts)

    def where(self, chosen: Any) -> Stays:
        return Stays(self.paints[chosen], self.names[chosen], self.starts[chosen],
                     self.ends[chosen])


def stays(rows: Iterable[tuple[float, float, float, float]]) -> Stays:
    """From (paint, name, start, end)."""
    np = plot.numpy()
    table = np.array([*rows], float).reshape(-1, 4).T
    return Stays(table[0].astype(int), table[1].astype(int), table[2], table[3])


def clip(given: Stays, low: float, high: float) -> Stays:
    """What lies in the window, of which a stay without any length is a part."""
    np = plot.numpy()
    inside = given.where((given.starts <= high) & (given.ends >= low)
                         & ~((given.ends > given.starts)
                             & ((given.starts == high) | (given.ends == low))))
    return Stays(inside.paints, inside.names, np.maximum(inside.starts, low),
                 np.minimum(inside.ends, high))


@dataclass
class Columns:
    """Equal parts of the axis, from `low` on, each `unit` wide."""

    low: float
    unit: float
    time: Any  # by paint and column: how much of the axis its stays take there
    met: Any  # by paint and column: whether a stay of it lies there, however short
    count: Any  # by column: stays

    @property
    def mixed(self) -> Any:
        return self.count > 1

    @property
    def crowded(self) -> bool:
        return int(self.mixed.sum()) > max(FEW, CROWDED * int((self.count > 0).sum()))

    def winners(self) -> Any:
        """By column: the paint that takes most of it, -1 for an empty one."""
        np = plot.numpy()
        best = np.where(self.met, self.time, -1.0).argmax(axis=0)
        return np.where(self.count > 0, best, -1)

    def edge(self, column: int) -> float:
        return self.low + column * self.unit

    def stretches(self, values: Any) -> list[tuple[int, float, float]]:
        """Neighbours of one value as one stretch: the value, from where, to where."""
        np = plot.numpy()
        turns = np.flatnonzero(np.diff(values)) + 1
        bounds = [0, *map(int, turns), len(values)]
        return [(int(values[a]), self.edge(a), self.edge(b)) for a, b in zip(bounds, bounds[1:])]

    def heights(self, room: float, full: float) -> Any:
        """By paint and column: what each takes of `room` pixels, where `full` times a column's
        width fills it. What is met gets LEAST, and the rest of the room is shared."""
        kept = LEAST * self.met
        return kept + self.time / (self.unit * full) * (room - kept.sum(axis=0))


def columns(given: Stays, paints: int, low: float, high: float, number: int) -> Columns:
    """`given` lies between `low` and `high`; `paints` is one more than the largest index."""
    np = plot.numpy()
    unit = (high - low) / number
    at = (given.starts - low) / unit
    to = (given.ends - low) / unit
    first = np.clip(at.astype(int), 0, number - 1)
    last = np.clip(np.ceil(to - 1e-9).astype(int) - 1, first, number - 1)
    alone = first == last
    rows = given.paints * (number + 1)  # of a table with one column more, for the ends

    def table(places: Any, weights: Any = None) -> Any:
        found = np.bincount(rows + places, weights, minlength=paints * (number + 1))
        return found.reshape(paints, number + 1)

    ends = (table(first, np.where(alone, to - at, first + 1 - at))
            + table(last, np.where(alone, 0.0, to - last)))
    between = table(first + 1, np.where(alone, 0, 1)) - table(last, np.where(alone, 0, 1))
    touching = np.cumsum(table(first) - table(last + 1), axis=1)[:, :number]
    time = ((ends + np.cumsum(between, axis=1))[:, :number]) * unit
    return Columns(low, unit, np.maximum(time, 0.0), touching > 0, touching.sum(axis=0))


def wide(given: Stays, unit: float) -> bool:
    """Whether each stay can be seen as it is."""
    return bool((given.ends - given.starts >= unit).all())
