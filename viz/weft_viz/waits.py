"""waits.svg: who waited for what, and what the kernel said. Fibers above the kernel.

A lane of the upper part is a fiber, coloured as in fibers.svg. Under them stand the poller, in
which a worker waits in the kernel; a lane for each life of a descriptor, from the moment that the
kernel watches it to its close, with a sign for each word of the kernel; and the helper threads with
the calls that they make for fibers. Arrows tell who woke whom:

    from the kernel   from its word up to the fiber that was woken for it, and from the end of a
                      helper's call
    handed on         from a fiber whose turn is over to the next in line, or to those it wakes
    canceled          from a fiber to the one it asks to end early

With more fibers or descriptors than have room, some are chosen, and strips count all. Signs and
arrows that are too many are left out; then a strip counts the kernel's words.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Iterable

from . import arrows, fibers, lanes, plot, strips, svg
from .arrows import Arrow
from .lanes import SWATCH, Lane, Painter, Scale, Sketch
from .model import PARKED, Fiber, Model, count
from .paints import WAITS, Paint
from .reader import HELPER
from .waiting import (BEGUN, CANCELED, CLOSED, ELSEWHERE, TIMED_OUT, WOKEN, Edge, Life, Waiter,
                      Waiting)
from .window import Window

FIBERS_MAX = 24  # lanes
EACH = 2  # fibers chosen for one reason, where there are more
LIVES_MAX = 12  # descriptors' lanes
HELPERS_MAX = 8
ARROWS_MAX, SIGNS_MAX, LOOKS_MAX = 80, 200, 60
NAMED_MAX = 20  # queues that the description names
REASONS: fibers.Reasons = (*((why, f"most {paint.label}") for why, paint in WAITS.items()),
                           (PARKED, "parked longest"))

WATCHED = Paint(svg.FAINT)
POLLING = Paint(svg.SOFT, text=svg.PAPER)
CALL = WAITS["offload"]
BASE = len(fibers.PAINTS)
WATCHED_AT, POLL_AT, READ_AT, WRITE_AT, HUNG_AT = range(BASE, BASE + 5)
WORDS = {READ_AT: "readable", WRITE_AT: "writable", HUNG_AT: "hung up"}
PAINTS = [*fibers.PAINTS, WATCHED, POLLING, Paint(svg.BLUE), Paint(svg.SKY, "////"),
          Paint(svg.VERMILION, "xx")]
CALL_AT = fibers.PAINT_OF["offload"]
CALLS, POLLS = 2**33, 2**34  # and a fiber's or worker's number: what a bar is called

KERNEL, HANDED, CANCEL, FIRED, LOOKED = "kernel", "handed", "cancel", "fired", "looked"
DOTS = (0, (1, 1.6))
ARROWS = {
    KERNEL: (arrows.Look(svg.INK, 1.3, "solid", 6.5), "woken by the kernel's word or a helper"),
    HANDED: (arrows.Look(svg.INK, 1.3, arrows.DASHES, 6.5), "woken by a fiber, which hands on"),
    CANCEL: (arrows.Look(svg.VERMILION, 1.5, DOTS, 6.5), "asked to end early"),
}
SIGNS = {READ_AT: ("^", svg.INK), WRITE_AT: ("v", svg.INK), HUNG_AT: ("X", svg.VERMILION)}


def sign_of(edge: Edge) -> int:
    return HUNG_AT if edge.hung_up else READ_AT if edge.direction == "readable" else WRITE_AT


# ---- signs and arrows over the lanes ----


@dataclass
class Signs:
    """What is too much is empty, and counted in `left_out`."""

    words: dict[int, list[Arrow]] = field(default_factory=dict)  # of the kernel, by sign
    fired: list[Arrow] = field(default_factory=list)
    looks: list[Arrow] = field(default_factory=list)
    arrows: dict[str, list[Arrow]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def draw(self, axes: Any, painter: Painter, scale: Scale, top: float) -> None:
        for name, some in self.arrows.items():
            arrows.lines(axes, ARROWS[name][0],
                         [(arrows.at(a, scale), *arrows.ends(a, painter, top)) for a in some])
        for sign, some in self.words.items():
            places = self.places(some, painter, scale, top)
            axes.vlines([x for x, _ in places], [y - painter.bar / 2 for _, y in places],
                        [y + painter.bar / 2 for _, y in places], colors=SIGNS[sign][1],
                        linewidth=1.2)
            marks(axes, *SIGNS[sign], places)
        marks(axes, "|", svg.INK, self.places(self.looks, painter, scale, top))
        arrows.marks(axes, "o", self.places(self.fired, painter, scale, top), 5.5)

    def places(self, some: list[Arrow], painter: Painter, scale: Scale,
               top: float) -> list[tuple[float, float]]:
        return [(arrows.at(a, scale), top + (a.tip + 0.5) * painter.height) for a in some]

    def key(self, axes: Any, sign: str, x: float, middle: float) -> None:
        if sign in ARROWS:
            look = ARROWS[sign][0]
            axes.plot([x, x + SWATCH - 3], [middle, middle], color=look.color,
                      linewidth=look.width, linestyle=look.dashes)
            axes.plot([x + SWATCH - 2], [middle], marker=">", markersize=look.head,
                      color=look.color, markeredgewidth=0, linestyle="none")
        elif sign == FIRED:
            arrows.marks(axes, "o", [(x + SWATCH / 2, middle)], 5.5)
        elif sign == LOOKED:
            marks(axes, "|", svg.INK, [(x + SWATCH / 2, middle)])
        else:
            marks(axes, *SIGNS[int(sign)], [(x + SWATCH / 2, middle)])

    def keys(self) -> list[tuple[int | str, str]]:
        found: list[tuple[int | str, str]] = [
            (str(sign), f"the kernel says: {WORDS[sign]}") for sign, some in self.words.items()
            if some]
        found += [(LOOKED, "the kernel is asked, without waiting")] if self.looks else []
        found += [(FIRED, "its deadline has come")] if self.fired else []
        return found + [(name, ARROWS[name][1]) for name, some in self.arrows.items() if some]


def marks(axes: Any, marker: str, color: str, places: list[tuple[float, float]]) -> None:
    axes.plot([x for x, _ in places], [y for _, y in places], marker=marker, linestyle="none",
              markersize=7 if marker != "|" else 10, color=color, markeredgecolor=svg.PAPER if
              marker != "|" else color, markeredgewidth=0.8 if marker != "|" else 1.4,
              clip_on=False)


@dataclass
class Rows:
    """Which lane is whose."""

    fibers: dict[int, int] = field(default_factory=dict)  # by number
    lives: dict[int, int] = field(default_factory=dict)  # by object
    helpers: dict[int, int] = field(default_factory=dict)  # by segment
    poller: int | None = None


def signs(model: Model, window: Window, rows: Rows) -> Signs:
    zero, found, w = model.tick(model.first), Signs(), model.waiting

    def arrow(step: int, tick: int, tail: int, tip: int) -> Arrow:
        return Arrow(step, tick - zero, tail, tip)

    for edge in w.edges():
        if edge.object in rows.lives and window.holds(edge.step):
            row = rows.lives[edge.object]
            found.words.setdefault(sign_of(edge), []).append(arrow(edge.step, edge.tick, row, row))
    found.words = dict(sorted(found.words.items()))
    found.fired = [arrow(t.end, t.end_tick, rows.fibers[t.fiber], rows.fibers[t.fiber])
                   for t in w.timers if t.outcome == "fired" and t.fiber in rows.fibers
                   and window.holds(t.end)]
    if rows.poller is not None:
        found.looks = [arrow(k.step, k.tick, rows.poller, rows.poller) for k in w.looks
                       if window.holds(k.step)]
    found.arrows = {name: [] for name in ARROWS}
    for queue in w.queues:
        for waiter in queue.waiters:
            add_wake(found, rows, window, queue.object, waiter, arrow)
    found.arrows[KERNEL] += [
        arrow(c.end, c.end_tick, rows.helpers[c.segment], rows.fibers[c.fiber]) for c in w.calls
        if c.ended and c.segment in rows.helpers and c.fiber in rows.fibers
        and window.holds(c.end)]
    found.arrows[CANCEL] = [
        arrow(c.step, c.tick, rows.fibers[c.canceler], rows.fibers[c.target])
        for c in w.cancels if c.target in rows.fibers and c.canceler in rows.fibers
        and window.holds(c.step) and c.canceler != c.target]
    return bounded(found)


def add_wake(found: Signs, rows: Rows, window: Window, object_: int, waiter: Waiter,
             arrow: Any) -> None:
    """Where both ends have lanes."""
    tip, edge = rows.fibers.get(waiter.fiber), waiter.edge
    if tip is None or not waiter.won or not window.holds(waiter.end):
        return
    if edge and object_ in rows.lives:
        found.arrows[KERNEL].append(arrow(edge.step, edge.tick, rows.lives[object_], tip))
    elif not edge and waiter.waker in rows.fibers and waiter.waker != waiter.fiber:
        found.arrows[HANDED].append(arrow(waiter.end, waiter.end_tick,
                                          rows.fibers[waiter.waker], tip))


def bounded(found: Signs) -> Signs:
    number = sum(map(len, found.arrows.values()))
    if number > ARROWS_MAX:
        found.left_out.append(f"those of {count(number, 'wake')}")
        found.arrows = {}
    number = sum(map(len, found.words.values()))
    if number > SIGNS_MAX:
        found.left_out.append(f"those of {count(number, 'word')} of the kernel")
        found.words = {}
    if len(found.fired) > SIGNS_MAX:
        found.left_out.append(f"those of {count(len(found.fired), 'deadline')}")
        found.fired = []
    if len(found.looks) > LOOKS_MAX:
        found.left_out.append(f"those of {count(len(found.looks), 'look')} into the kernel")
        found.looks = []
    return found


# ---- the lanes ----


def shown_fibers(model: Model, window: Window
                 ) -> tuple[list[tuple[Fiber, str]], list[lanes.Strip]]:
    """With the reason where they are chosen, and then a strip that counts all."""
    people = model.people()
    if len(people) <= FIBERS_MAX:
        return [(fiber, "") for fiber in people], []
    every, stays = fibers.gather(model, window, people)
    sums = fibers.spent(people, stays, every, lanes.scales(model, window)[1])
    chosen = [(fiber, reason + (f", {fibers.time_of(model, ticks)}" if ticks else ""))
              for fiber, ticks, reason in sums.chosen(REASONS, EACH)]
    return chosen, [strips.Counted(fibers.alive(every), ("fibers,", "by state"))]


def shown_lives(w: Waiting, window: Window) -> list[Life]:
    """Those of which the kernel said most, in the order of their beginnings."""
    some = [life for life in w.lives if window.meets(life.start, life.end)]
    best = sorted(some, key=lambda life: (-len(life.edges), life.start))[:LIVES_MAX]
    return sorted(best, key=lambda life: life.start)


def life_lane(model: Model, life: Life) -> Lane:
    step, tick = life.watched or (life.end, life.end_tick)
    again = any(other.fd == life.fd and other is not life for other in model.waiting.lives)
    label = f"fd {life.fd}, life {life.number}" if again else life.label
    return lanes.lane(label, [(WATCHED_AT, step, life.end, tick, life.end_tick)]
                      if life.watched else [], model)


def poller_lane(model: Model, window: Window) -> Lane:
    return lanes.lane("poller", ((POLLS + p.worker, p.start, p.end, p.start_tick, p.end_tick)
                                 for p in model.waiting.polls if window.meets(p.start, p.end)),
                      model)


def helper_names(model: Model) -> dict[int, str]:
    """By segment."""
    segments = [s.worker for s in model.trace.segments if s.role == HELPER]
    return {segment: f"helper {number}" for number, segment in enumerate(segments, 1)}


def helper_lane(model: Model, window: Window, segment: int, name: str) -> Lane:
    return lanes.lane(name, ((CALLS + c.fiber, c.start, c.end, c.start_tick, c.end_tick)
                             for c in model.waiting.calls
                             if c.segment == segment and window.meets(c.start, c.end)), model)


def paint_of(names: Any) -> Any:
    """The paint of each name."""
    np = plot.numpy()
    return np.where(names >= POLLS, POLL_AT, np.where(names >= CALLS, CALL_AT, names))


def heading(text: str) -> Lane:
    empty = plot.numpy().empty(0)
    stays = lanes.Stays(empty.astype(int), empty.astype(int), empty, empty)
    return Lane(text, stays, stays, heading=True)


def all_lanes(model: Model, window: Window, people: list[tuple[Fiber, str]]
              ) -> tuple[list[Lane], Rows]:
    w, rows, found = model.waiting, Rows(), []
    for fiber, reason in people:
        rows.fibers[fiber.id] = len(found)
        found.append(lanes.lane(fiber.label, fibers.times(model, fiber, window), model, reason))
    if w.polls or w.looks or w.lives:
        found.append(heading("The kernel"))
    if w.polls or w.looks:
        rows.poller = len(found)
        found.append(poller_lane(model, window))
    for life in shown_lives(w, window):
        rows.lives[life.object] = len(found)
        found.append(life_lane(model, life))
    called = {call.segment for call in w.calls}
    names = {segment: name for segment, name in helper_names(model).items() if segment in called}
    if names:
        found.append(heading("Helper threads"))
    for segment, name in [*names.items()][:HELPERS_MAX]:
        rows.helpers[segment] = len(found)
        found.append(helper_lane(model, window, segment, name))
    return [each if each.heading else each.painted(paint_of) for each in found], rows


def called(model: Model, name: int) -> str:
    if name >= POLLS:
        return f"worker {name - POLLS} waits"
    if name >= CALLS:
        fiber = model.fibers.get(name - CALLS)
        return f"for {fiber.label if fiber else name - CALLS}"
    return PAINTS[name].label


# ---- the picture ----


def words_strip(model: Model, window: Window) -> strips.Rate:
    """How often the kernel said what, of all descriptors."""
    np = plot.numpy()
    zero = model.tick(model.first)
    by_sign: dict[int, list[Edge]] = {sign: [] for sign in WORDS}
    for edge in model.waiting.edges():
        if window.holds(edge.step):
            by_sign[sign_of(edge)].append(edge)
    return strips.Rate(tuple(by_sign), tuple(np.array([e.step for e in some], int)
                                             for some in by_sign.values()),
                       tuple(np.array([e.tick - zero for e in some], float)
                             for some in by_sign.values()), ("the kernel's", "words"))


def waits(model: Model, window: Window) -> bytes:
    people, above = shown_fibers(model, window)
    shown, rows = all_lanes(model, window, people)
    layer = signs(model, window, rows)
    w, below = model.waiting, []
    keys = used_keys(shown, layer)
    if above:
        keys = fibers.keys_of(model) + [key for key in keys if key[0] not in range(BASE)]
    crowded = not layer.words and any(life.edges for life in w.lives)
    if crowded or len(rows.lives) < len(w.lives):
        below.append(words_strip(model, window))
        said = {sign_of(edge) for edge in w.edges() if window.holds(edge.step)}
        keys += [(sign, f"said: {WORDS[sign]}") for sign in sorted(said)]
    card = svg.Card("waits", "Who waited for what, and what did the kernel say?",
                    describe(model, window),
                    [*notes(model, people, rows, layer),
                     *(["The lowest strip counts the kernel's words on all descriptors."]
                       if below else []), *window.note(model), *model.warnings()])
    height = 32.0 if above else lanes.lane_height(len(shown))
    painter = Painter(PAINTS, height, lambda name: called(model, name))
    return lanes.draw(model, window, Sketch(shown, keys, above, below, layer), painter, card)


def used_keys(shown: list[Lane], layer: Signs) -> list[tuple[int | str, str]]:
    """Of what the lanes hold, and of the signs."""
    used = {index for each in shown for index in each.by_step.paints.tolist()}
    words = {fibers.PAINT_OF[name]: text
             for name, text in (fibers.KEYS | fibers.WAIT_WORDS).items()}
    words |= {WATCHED_AT: "watched by the kernel", POLL_AT: "a worker waits in the kernel"}
    return [(index, text) for index, text in words.items() if index in used] + layer.keys()


def notes(model: Model, people: list[tuple[Fiber, str]], rows: Rows, layer: Signs) -> list[str]:
    w = model.waiting
    lines = ["Above, a lane is a fiber, and its colour is what it does. Under them is the kernel: "
             "when a worker waits in it, from when to when it watches a descriptor, and each word "
             "that it says of one. An arrow leads to the fiber that was woken."]
    if any(life.number > 1 for life in w.lives):
        lines.append("A life of a file descriptor (fd): from the first use of its number to the "
                     "close; then the number is another file's.")
    everyone = len(model.people())
    if len(people) < everyone:
        lines.append(f"On top: how many of {count(everyone, 'fiber')} are in each state. Lanes "
                     f"have {len(people)}: the first, and up to {EACH} each of those that waited "
                     "longest for one thing.")
    if len(rows.lives) < len(w.lives):
        lines.append(f"Of {count(len(w.lives), 'descriptor')}, those of which the kernel said "
                     "most are shown.")
    if layer.left_out:
        lines.append(f"Left out are signs: {', '.join(layer.left_out)}. A window has fewer "
                     "(--steps A:B).")
    return lines


# ---- in words ----


def describe(model: Model, window: Window) -> str:
    w = model.waiting
    polled = sum(p.end_tick - p.start_tick for p in w.polls)
    lines = [f"{count(len(model.people()), 'fiber')} over {count(model.steps, 'step')}. Workers "
             f"waited in the kernel {count(len(w.polls), 'time')}, "
             f"{fibers.time_of(model, polled)} in all. The kernel said "
             f"{count(sum(len(life.edges) for life in w.lives), 'word')} on "
             f"{count(len(w.lives), 'descriptor')}. Helper threads made "
             f"{count(len(w.calls), 'call')}."]
    for queue in w.queues[:NAMED_MAX]:
        lines.append(f"{queue.label[0].upper()}{queue.label[1:]}: "
                     f"{count(len(queue.waiters), 'wait')}{ends(queue.waiters)}.")
    if len(w.queues) > NAMED_MAX:
        lines.append(f"{len(w.queues) - NAMED_MAX:,} more queues.")
    people = model.people()
    if len(people) <= FIBERS_MAX:
        lines.append(fibers.describe(model, people))
    return " ".join([*lines, *window.note(model)])


def ends(some: Iterable[Waiter]) -> str:
    """How they ended, in numbers."""
    found = Counter("by the kernel" if each.edge else "by others" if each.outcome == WOKEN
                    else each.outcome for each in some)
    words = {"by the kernel": "woken by the kernel", "by others": "woken by others",
             BEGUN: "begun by a helper",
             TIMED_OUT: TIMED_OUT, CANCELED: CANCELED, CLOSED: "ended by a close",
             ELSEWHERE: ELSEWHERE, "": "not over"}
    return "".join(f", {found[key]:,} {text}" for key, text in words.items() if found[key])
