"""waiters.svg: who stood in which queue, at which place, and whose turn came.

A strip is a queue over time. A band is one stay of a fiber in it, from its push to its pop, in the
row of its place: the first in line stands at the base, and the others step down when one before
them leaves. Of offloaded calls, the queue is of those that no helper thread has begun. A band is
red when its turn came although others stood before it. Signs at its end say how it ended otherwise
than by its turn, and one at its start that a fiber came back to the front.

A queue with more places than there are rows, or with more bands than can be told apart, is counted
instead: how many stand in it. With more queues than there is room for, those with a band out of
order come first, then the busiest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Iterator, NamedTuple

from . import arrows, bars, lanes, plot, strips, svg
from .lanes import LEFT, PANEL, SWATCH, Painter, Scale, Sketch
from .model import Model, count
from .paints import FIBERS_MAX, OTHERS, Paint, fiber_paints
from .waiting import CANCELED, CLOSED, ELSEWHERE, TIMED_OUT, Queue, Waiter
from .waits import ends
from .window import Window

QUEUES_MAX = 8
PLACES_MAX = 16  # rows of bands
BANDS_MAX = 400  # of a queue
NAMED_MAX = 40  # queues that the description names
ROW, GAP, HEAD = 15, 2, 20  # heights: of a place, between two, of a queue's title
SIGNS_MAX = 200

EARLY, RETURNED = "early", "returned"
SIGNS = {TIMED_OUT: "D", CANCELED: "X", CLOSED: "s", ELSEWHERE: "P", RETURNED: ">"}
WORDS = {TIMED_OUT: "its deadline passed", CANCELED: "canceled", CLOSED: "the descriptor closed",
         ELSEWHERE: "woken elsewhere", RETURNED: "came back to the front: nothing to take yet"}
RED = Paint(svg.VERMILION, "xx", ink="#ffffff70")
MANY = Paint(svg.BLUE)


class Band(NamedTuple):
    """A stay at one place."""

    waiter: Waiter
    place: int  # 0 is the first in line
    start: int  # steps
    end: int
    start_tick: int
    end_tick: int


# ---- places ----


def bands(queue: Queue) -> Iterator[Band]:
    """Each stay of each waiter at one place, as they end."""
    events = [(w.start, 1, w) for w in queue.waiters] + [
        (w.end, 0, w) for w in queue.waiters if w.outcome]
    line: list[Waiter] = []
    since: dict[int, tuple[int, int]] = {}  # by the waiter's identity

    def cut(first: int, step: int, tick: int) -> Iterator[Band]:
        """The stays of those from `first` on end here, and others begin."""
        for place in range(first, len(line)):
            waiter = line[place]
            yield Band(waiter, place, since[id(waiter)][0], step, since[id(waiter)][1], tick)
            since[id(waiter)] = step, tick

    for step, begins, waiter in sorted(events, key=lambda each: each[:2]):
        if begins:
            place = 0 if waiter.returned else len(line)
            yield from cut(place, step, waiter.start_tick)
            line.insert(place, waiter)
            since[id(waiter)] = step, waiter.start_tick
        else:
            place = line.index(waiter)
            yield from cut(place, step, waiter.end_tick)
            line.remove(waiter)
    for place, waiter in enumerate(line):
        yield Band(waiter, place, *((since[id(waiter)][0], waiter.end)),
                   since[id(waiter)][1], waiter.end_tick)


def longest(queue: Queue) -> int:
    """How many stood in it at once."""
    events = sorted([(w.start, 1) for w in queue.waiters]
                    + [(w.end, -1) for w in queue.waiters if w.outcome])
    most = now = 0
    for _, change in events:
        now += change
        most = max(most, now)
    return most


# ---- a queue as bands ----


@dataclass
class Line:
    """A queue whose bands are drawn one by one."""

    queue: Queue
    words: str
    bands: list[Band]
    places: int
    zero: int  # tick
    paint: dict[int, int]  # by fiber

    @property
    def height(self) -> float:
        return HEAD + self.places * ROW

    def draw(self, sheet: plot.Sheet, axes: Any, painter: Painter, scale: Scale,
             place: tuple[float, float]) -> None:
        top, on_sheet = place
        base = top + self.height
        title(sheet, self.queue, self.words, on_sheet)
        axes.broken_barh([(scale.low, scale.high - scale.low)], (top + HEAD, self.height - HEAD),
                         facecolors=svg.LANE, linewidth=0)
        sheet.text(LEFT - 8, on_sheet + self.height - 4, "first in line", 10, svg.SOFT, ha="right")
        for row in range(self.places):
            some = [band for band in self.bands if band.place == row]
            self.row(axes, painter, scale, some, base - (row + 1) * ROW + GAP / 2)
        self.signs(axes, scale, base)

    def index(self, painter: Painter, waiter: Waiter) -> int:
        if waiter.early:
            return len(painter.paints) - 1
        return self.paint[waiter.fiber]

    def row(self, axes: Any, painter: Painter, scale: Scale, some: list[Band],
            top: float) -> None:
        unit, height = scale.unit(PANEL), ROW - GAP
        spans = [(band, *self.span(band, scale)) for band in some]
        by_paint: dict[int, list[tuple[float, float]]] = {}
        for band, start, end in spans:
            by_paint.setdefault(self.index(painter, band.waiter), []).append((start, end - start))
        for index, bars_ in sorted(by_paint.items()):
            paint = painter.paints[index]
            axes.broken_barh(bars_, (top, height), facecolors=paint.color, linewidth=0,
                             edgecolor=paint.ink, hatch=paint.hatch or None)
        starts = [start for band, start, end in spans if band.start == band.waiter.start
                  and end - start >= 4 * unit]
        axes.vlines(starts, top, top + height, colors=svg.PAPER, linewidth=1)
        for band, start, end in spans:
            label = painter.name(band.waiter.fiber)
            if svg.text_width(label, 10) <= (end - start) / unit - 14:
                axes.text((start + end) / 2, top + height / 2 + 3.6, label, size=10,
                          color=painter.paints[self.index(painter, band.waiter)].text,
                          ha="center", va="baseline", parse_math=False, clip_on=True)

    def span(self, band: Band, scale: Scale) -> tuple[float, float]:
        """At least a pixel."""
        start, end = (band.start, band.end) if scale.by_step else (
            band.start_tick - self.zero, band.end_tick - self.zero)
        start, end = max(start, scale.low), min(end, scale.high)
        return start, max(end, start + scale.unit(PANEL))

    def signs(self, axes: Any, scale: Scale, base: float) -> None:
        for name, some in self.marked().items():
            places = []
            for band in some:
                start, end = self.span(band, scale)
                x = start if name == RETURNED else end
                if scale.low <= x <= scale.high:
                    places.append((x, base - (band.place + 0.5) * ROW))
            mark(axes, name, places)

    def marked(self) -> dict[str, list[Band]]:
        """The bands at whose end stands a sign, or at whose start RETURNED does."""
        found: dict[str, list[Band]] = {}
        for band in self.bands:
            waiter = band.waiter
            if waiter.outcome in SIGNS and band.end == waiter.end:
                found.setdefault(waiter.outcome, []).append(band)
            if waiter.returned and band.start == waiter.start:
                found.setdefault(RETURNED, []).append(band)
        return found


def title(sheet: plot.Sheet, queue: Queue, words: str, top: float) -> None:
    """What the queue is at the left, and what became of its waiters at the right."""
    name = named(queue)
    sheet.text(LEFT, top + 14, name, 12, weight="bold")
    room = PANEL - 1.15 * svg.text_width(name, 12)
    sheet.text(LEFT + PANEL, top + 14, svg.fit(words, room, 10), 10, svg.SOFT, ha="right")


def named(queue: Queue) -> str:
    return queue.label[0].upper() + queue.label[1:]


def mark(axes: Any, name: str, places: list[tuple[float, float]]) -> None:
    axes.plot([x for x, _ in places], [y for _, y in places], marker=SIGNS[name],
              linestyle="none", markersize=7 if SIGNS[name] != "D" else 5.5, color=svg.PAPER,
              markeredgecolor=svg.INK, markeredgewidth=1, clip_on=False)


# ---- a queue as a number ----


@dataclass
class Length:
    """A queue of which only the number of those in it is drawn, and who was woken too early."""

    queue: Queue
    words: str
    counted: strips.Counted
    early: list[tuple[int, int]]  # step, tick since the first step

    @property
    def height(self) -> float:
        return HEAD + self.counted.height

    def draw(self, sheet: plot.Sheet, axes: Any, painter: Painter, scale: Scale,
             place: tuple[float, float]) -> None:
        top, on_sheet = place
        title(sheet, self.queue, self.words, on_sheet)
        self.counted.draw(sheet, axes, painter, scale, (top + HEAD, on_sheet + HEAD))
        places = [step if scale.by_step else tick for step, tick in self.early]
        inside = [x for x in places if scale.low <= x <= scale.high]
        if inside:
            axes.vlines(inside, top + HEAD, top + self.height, colors=svg.VERMILION, linewidth=1.2)


# ---- which queues, and how ----


@dataclass
class Drawn:
    strips: list[Line | Length] = field(default_factory=list)
    left_out: int = 0
    counted: int = 0  # of the strips

    def lines(self) -> list[Line]:
        return [each for each in self.strips if isinstance(each, Line)]


def in_window(queue: Queue, window: Window) -> list[Waiter]:
    return [w for w in queue.waiters if window.meets(w.start, w.end)]


def chosen(model: Model, window: Window) -> list[Queue]:
    """Those to draw, in their order of appearance."""
    some = [(queue, in_window(queue, window)) for queue in model.waiting.queues]
    some = [(queue, waiters) for queue, waiters in some if waiters]
    ranked = sorted(some, key=lambda each: (
        -sum(w.early for w in each[1]), -sum(w.end_tick - w.start_tick for w in each[1])))
    best = {id(queue) for queue, _ in ranked[:QUEUES_MAX]}
    return [queue for queue, _ in some if id(queue) in best]


def strip_of(model: Model, window: Window, queue: Queue, paint: dict[int, int],
             waits_at: int) -> Line | Length:
    some = in_window(queue, window)
    words = count(len(some), "wait") + ends(some)
    if len(some) <= BANDS_MAX and longest(queue) <= PLACES_MAX:
        shown = [band for band in bands(queue) if window.meets(band.start, band.end)
                 and window.meets(band.waiter.start, band.waiter.end)]
        if len(shown) <= 2 * BANDS_MAX:
            places = 1 + max(band.place for band in shown)
            return Line(queue, words, shown, places, model.tick(model.first), paint)
    return length_of(model, window, queue, words, some, waits_at)


def length_of(model: Model, window: Window, queue: Queue, words: str, some: list[Waiter],
              waits_at: int) -> Length:
    np = plot.numpy()
    every = lanes.lane("", ((waits_at, w.start, w.end, w.start_tick, w.end_tick) for w in some),
                       model)
    levels = strips.levels(model, window, np.array([w.start for w in some], int),
                           np.array([w.end for w in some], int))
    zero = model.tick(model.first)
    early = [(w.end, w.end_tick - zero) for w in some if w.early][:SIGNS_MAX]
    return Length(queue, words, strips.Counted(every, ("in the", "queue"), strips.RATE * 1.5,
                                               levels), early)


def gather(model: Model, window: Window, paint: dict[int, int], waits_at: int) -> Drawn:
    some = chosen(model, window)
    drawn = Drawn([strip_of(model, window, queue, paint, waits_at) for queue in some])
    drawn.left_out = sum(bool(in_window(queue, window)) for queue in model.waiting.queues) \
        - len(some)
    drawn.counted = sum(isinstance(each, Length) for each in drawn.strips)
    return drawn


# ---- the picture ----


@dataclass
class Signs:
    """Of the keys; the strips draw their own."""

    def draw(self, axes: Any, painter: Painter, scale: Scale, top: float) -> None:
        """Nothing: there are no lanes."""

    def key(self, axes: Any, sign: str, x: float, middle: float) -> None:
        mark(axes, sign, [(x + SWATCH / 2, middle)])


def palette(model: Model) -> tuple[list[Paint], dict[int, int]]:
    """The paints, and that of each fiber. With more fibers than there are paints all are alike."""
    people = model.people()
    paints = fiber_paints(model) if len(people) <= FIBERS_MAX else {}
    found = [paints[fiber.id] for fiber in people] if paints else [OTHERS]
    index = {fiber.id: i if paints else 0 for i, fiber in enumerate(people)}
    waiting = {w.fiber for queue in model.waiting.queues for w in queue.waiters}
    index |= {fiber: 0 for fiber in waiting if fiber not in index}  # of whom nothing else is told
    return [*found, MANY, RED], index


def keys_of(model: Model, drawn: Drawn, paints: list[Paint], paint: dict[int, int]
            ) -> list[tuple[int | str, str]]:
    fibers = {band.waiter.fiber for each in drawn.lines() for band in each.bands
              if not band.waiter.early and band.waiter.fiber in model.fibers}
    alike = len({paint[f] for f in fibers}) < len(fibers)
    keys: list[tuple[int | str, str]] = [(0, "a fiber waits")] if alike and fibers else [
        (paint[f.id], f.label) for f in model.people() if f.id in fibers]
    if drawn.counted:
        keys.append((len(paints) - 2, "fibers in the queue"))
    if any(early(model)):
        keys.append((len(paints) - 1, "its turn came although others stood before it"))
    signs = {name for each in drawn.lines() for name in each.marked()}
    return keys + [(name, words) for name, words in WORDS.items() if name in signs]


def early(model: Model) -> list[tuple[Queue, Waiter]]:
    return [(queue, w) for queue in model.waiting.queues for w in queue.waiters if w.early]


def waiters(model: Model, window: Window) -> bytes:
    paints, paint = palette(model)
    drawn = gather(model, window, paint, len(paints) - 2)
    card = svg.Card("waiters", "Who stood in which queue, and whose turn came?",
                    describe(model, window),
                    [*notes(model, drawn), *window.note(model), *model.warnings()])
    painter = Painter(paints, 0.0 if drawn.strips else ROW, lambda fiber: name_of(model, fiber))
    sketch = Sketch([], keys_of(model, drawn, paints, paint), below=drawn.strips, layer=Signs())
    return lanes.draw(model, window, sketch, painter, card)


def name_of(model: Model, fiber: int) -> str:
    found = model.fibers.get(fiber)
    return found.label if found else f"fiber {fiber}"


def notes(model: Model, drawn: Drawn) -> list[str]:
    lines = ["A strip is a queue of waiting fibers. A band is a fiber that stands in it, as long "
             "as it waits; the lowest one is the first in line, whose turn is next, and when it "
             "leaves the others step down."]
    if not drawn.strips:
        lines.append("No fiber waited in a queue.")
    if drawn.counted:
        lines.append("A queue with more than "
                     f"{PLACES_MAX} fibers at once or {BANDS_MAX} waits is counted: how many stand "
                     "in it.")
    if drawn.left_out:
        lines.append(f"{count(drawn.left_out, 'queue')} with less waiting left out.")
    wrong = early(model)
    if wrong:
        lines.append(f"{count(len(wrong), 'time')} a fiber's turn came although others stood "
                     "before it: red.")
    if not model.waiting.judged:
        lines.append("Records were lost, so whose turn it was cannot be told.")
    return lines


def describe(model: Model, window: Window) -> str:
    lines = []
    for queue in model.waiting.queues[:NAMED_MAX]:
        some = in_window(queue, window)
        if some:
            lines.append(f"{named(queue)}: {count(len(some), 'wait')}{ends(some)}; at most "
                         f"{longest(queue):,} stood in it at once.")
    if len(model.waiting.queues) > NAMED_MAX:
        lines.append(f"{len(model.waiting.queues) - NAMED_MAX:,} more queues.")
    lines += [f"{name_of(model, w.fiber)} was woken out of turn, in {queue.label}."
              for queue, w in early(model)[:NAMED_MAX]]
    return " ".join([*lines, *window.note(model)]) or "No fiber waited in a queue."
