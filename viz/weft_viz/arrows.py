"""Signs over lanes: who took a fiber from whom, and who woke whom.

    steal   a dashed arrow from the victim's lane to the thief's, at the moment of the STEAL; of
            several fibers that are taken at once, one arrow with their number
    wake    a solid arrow from the waker's lane to that of the worker it wakes; from outside the
            lanes where the waker is no worker
    taken   a small triangle under a lane: a fiber was taken from the injection queue
    moved   a small diamond on a fiber's lane: it was stolen, and runs at another worker next

Arrows are drawn up to a bound; over it they would be a grey mass, and a strip counts instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import plot, svg
from .lanes import PANEL, SWATCH, Painter, Scale
from .model import Model, Steal
from .window import Window

STEALS_MAX = 150  # arrows
ALL_MAX = 60  # steals and wakes together; over it, wakes are left out
STEAL, WAKE, TAKEN, MOVED = "steal", "wake", "taken", "moved"
OUTSIDE = -1  # the lane of who has none
DASHES = (0, (3.5, 2))
MARK, NUMBER = 4, 24  # pixels between marks of one lane, between numbers


class Arrow(NamedTuple):
    step: int
    tick: int  # since the first step
    tail: int  # lanes
    tip: int
    fibers: int = 1  # for which it stands


def at(arrow: Arrow, scale: Scale) -> int:
    return arrow.step if scale.by_step else arrow.tick


@dataclass(frozen=True)
class Look:
    color: str
    width: float
    dashes: Any
    head: float  # pixels


LOOKS = {STEAL: Look(svg.INK, 1.3, DASHES, 6.5), WAKE: Look(svg.SOFT, 1.1, "solid", 5)}


@dataclass
class Arrows:
    """Those of workers.svg. What is over its bound is empty, and counted elsewhere."""

    steals: list[Arrow] = field(default_factory=list)
    taken: list[Arrow] = field(default_factory=list)
    wakes: list[Arrow] = field(default_factory=list)

    def draw(self, axes: Any, painter: Painter, scale: Scale, top: float) -> None:
        for sign, some in ((WAKE, self.wakes), (STEAL, self.steals)):
            lines(axes, LOOKS[sign], [(at(a, scale), *ends(a, painter, top)) for a in some])
        if len(self.steals) <= ALL_MAX:
            numbers(axes, self.steals, painter, scale, top)
        marks(axes, "^", [(at(a, scale), top + (a.tip + 1) * painter.height - 1)
                          for a in self.taken], 5)

    def key(self, axes: Any, sign: str, x: float, middle: float) -> None:
        if sign == TAKEN:
            marks(axes, "^", [(x + SWATCH / 2, middle)], 5)
            return
        look = LOOKS[sign]
        axes.plot([x, x + SWATCH - 3], [middle, middle], color=look.color, linewidth=look.width,
                  linestyle=look.dashes)
        axes.plot([x + SWATCH - 2], [middle], marker=">", markersize=look.head, color=look.color,
                  markeredgewidth=0, linestyle="none")


def ends(arrow: Arrow, painter: Painter, top: float) -> tuple[float, float]:
    """From the middle of the one lane's bar to the near edge of the other's."""
    def middle(lane: int) -> float:
        return top + (lane + 0.5) * painter.height

    tail = top - 2 if arrow.tail == OUTSIDE else middle(arrow.tail)
    down = arrow.tail < arrow.tip
    return tail, middle(arrow.tip) + (-1 if down else 1) * (painter.bar / 2 - 4)


def lines(axes: Any, look: Look, some: list[tuple[float, float, float]]) -> None:
    """From (x, tail, tip). With an edge of paper, which lifts them off the bars."""
    if not some:
        return
    xs, tails, tips = zip(*some)
    small = 1.0 if len(some) <= ALL_MAX else 0.7
    axes.vlines(xs, tails, tips, colors=svg.PAPER, linewidth=(look.width + 1.6) * small)
    axes.vlines(xs, tails, tips, colors=look.color, linewidth=look.width * small,
                linestyles=[look.dashes])
    axes.plot(xs, tails, marker="o", markersize=3.2 * small, color=look.color, markeredgewidth=0,
              linestyle="none")
    for sign, down in (("v", True), ("^", False)):
        heads = [(x, tip) for x, tail, tip in some if (tail < tip) == down]
        axes.plot([x for x, _ in heads], [y for _, y in heads], marker=sign, linestyle="none",
                  markersize=look.head * small, color=look.color, markeredgewidth=0.7,
                  markeredgecolor=svg.PAPER)


def numbers(axes: Any, some: list[Arrow], painter: Painter, scale: Scale, top: float) -> None:
    """How many fibers, beside each arrow of several, in the gap before the lane of its tip.
    Where they would lie on each other, the first one stands."""
    room = NUMBER * scale.unit(PANEL)
    free: dict[float, float] = {}  # by height: from where on
    for arrow in some:
        down, x = arrow.tail < arrow.tip, at(arrow, scale)
        y = top + arrow.tip * painter.height + (4 if down else painter.height + 3)
        if arrow.fibers == 1 or x < free.get(y, x):
            continue
        free[y] = x + room
        axes.annotate(f"{arrow.fibers}\N{MULTIPLICATION SIGN}", (x, y), (4, 0), size=9,
                      textcoords="offset points", color=svg.INK, va="baseline")


def marks(axes: Any, sign: str, places: list[tuple[float, float]], size: float) -> None:
    axes.plot([x for x, _ in places], [y for _, y in places], marker=sign, linestyle="none",
              markersize=size, color=svg.PAPER, markeredgecolor=svg.INK, markeredgewidth=1,
              clip_on=False)


def worker_arrows(model: Model, window: Window, rows: dict[int, int]) -> Arrows:
    """`rows`: the lane of each worker. A worker without a lane has no arrow."""
    zero = model.tick(model.first)

    def arrow(step: int, tail: int, tip: int) -> Arrow:
        return Arrow(step, model.tick(step) - zero, tail, tip)

    seen = [s for s in model.steals if window.holds(s.step) and s.thief in rows]
    return Arrows(
        batches([(s, arrow(s.step, rows[s.victim], rows[s.thief])) for s in seen
                 if not s.injected and s.victim in rows]),
        [arrow(s.step, rows[s.thief], rows[s.thief]) for s in seen if s.injected],
        [arrow(w.step, rows.get(w.by, OUTSIDE), rows[w.target]) for w in model.wakes
         if window.holds(w.step) and w.target in rows])


def batches(some: list[tuple[Steal, Arrow]]) -> list[Arrow]:
    """One for each, where its first fiber was taken."""
    found: dict[tuple[int, int, int], Arrow] = {}
    for steal, each in some:
        key = steal.thief, steal.victim, steal.batch
        before = found.get(key)
        found[key] = before._replace(fibers=before.fibers + 1) if before else each
    return [*found.values()]


@dataclass
class Moves:
    """Of fibers.svg: by lane, where its fiber was stolen."""

    steps: list[list[Arrow]]

    def draw(self, axes: Any, painter: Painter, scale: Scale, top: float) -> None:
        for row, some in enumerate(self.steps):
            places = self.apart([at(each, scale) for each in some], scale)
            middle = top + (row + 0.5) * painter.height
            marks(axes, "D", [(x, middle) for x in places], min(5.0, painter.bar / 2))

    def apart(self, places: list[int], scale: Scale) -> list[float]:
        """One for those that would lie on each other."""
        unit = scale.unit(PANEL // MARK)
        kept: dict[int, float] = {}
        for place in places:
            kept.setdefault(int((place - scale.low) / unit), place)
        return list(kept.values())

    def key(self, axes: Any, sign: str, x: float, middle: float) -> None:
        marks(axes, "D", [(x + SWATCH / 2, middle)], 5)


def fiber_moves(model: Model, window: Window, fibers: list[int]) -> Moves:
    """`fibers`: that of each lane."""
    zero, found = model.tick(model.first), Moves([[] for _ in fibers])
    rows = {fiber: row for row, fiber in enumerate(fibers)}
    for steal in model.steals:
        row = rows.get(steal.fiber)
        if row is not None and window.holds(steal.step) and steal.victim != steal.thief:
            found.steps[row].append(Arrow(steal.step, model.tick(steal.step) - zero, row, row))
    return found
