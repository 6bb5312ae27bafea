"""rendezvous.svg: one await in which the awaiter came first, and one in which the end did.

An awaiter and the fiber that it awaits meet in one word. The trace does not record the word, but
the events around each of its changes, so its value follows from their order:

    CREATE of the target            --> empty
    SWITCH, by which the awaiter parks --> the awaiter, unless the end came before
    RECYCLE of the target           --> finished

Drawn by ourselves; no tool is needed.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from . import paints, svg
from .model import (FINISHED, PARKED, RECYCLED, RUNNING, Await, Fiber, Model, Ready, Switch,
                    count)
from .window import Window

AWAITER_FIRST, END_FIRST, BETWEEN = "awaiter first", "end first", "between"
TITLES = {AWAITER_FIRST: "The awaiter comes first", END_FIRST: "The end comes first"}

WIDTH, GAP = 980, 24
PANEL = (WIDTH - 2 * svg.MARGIN - GAP) / 2
GUTTER, LEAD, TRAIL = 68, 16, 58
COLUMNS_MAX = 10
BAR, STRIP, BETWEEN_LANES = 22, 24, 34
RADIUS = 8
SIZE, SMALL = 12, 10.5
NAME = "#cc99dd"  # the awaiter's, in the word
SHORT = {RUNNING: "runs", PARKED: "park"}


@dataclass
class Meeting:
    """One await, and the steps that matter to it; None for what the trace does not say."""

    wait: Await
    create: int | None = None
    creator: int = 0
    park: int | None = None
    finish: int | None = None
    leave: int | None = None  # the target's last switch
    ready: int | None = None
    recycle: int | None = None
    resume: int | None = None
    kind: str = ""  # "" for one of which the trace does not tell enough

    def steps(self) -> list[int]:
        every = (self.create, self.wait.step, self.park, self.finish, self.leave, self.ready,
                 self.recycle, self.resume)
        return sorted({step for step in every if step is not None})


# ---- what the trace says ----


class Index:
    """A model's events by fiber."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.creates = {c.child: c for c in model.creates}
        self.recycles = {r.fiber: r for r in model.recycles}
        self.left: dict[int, list[Switch]] = defaultdict(list)
        self.came: dict[int, list[Switch]] = defaultdict(list)
        self.readies: dict[int, list[Ready]] = defaultdict(list)
        for switch in model.switches:
            self.left[switch.previous].append(switch)
            self.came[switch.next].append(switch)
        for ready in model.readies:
            self.readies[ready.fiber].append(ready)

    def meeting(self, wait: Await) -> Meeting:
        found = Meeting(wait)
        if create := self.creates.get(wait.target):
            found.create, found.creator = create.step, create.parent
        target = self.model.fibers.get(wait.target)
        found.finish = target.finished if target else None
        found.leave = next((s.step for s in self.left[wait.target] if s.reason == "finish"), None)
        recycle = self.recycles.get(wait.target)
        found.recycle = recycle.step if recycle else None
        if not wait.finished:
            found.park = after(self.left[wait.awaiter], wait.step)
            found.ready = after(self.readies[wait.awaiter], found.park)
            found.resume = after(self.came[wait.awaiter], found.ready)
        found.kind = self.kind(found)
        return found

    def kind(self, found: Meeting) -> str:
        if found.recycle is None:
            return ""
        if found.wait.finished:
            return END_FIRST
        if found.park is None or found.ready is None:
            return ""
        told = self.recycles[found.wait.target].awaiter == found.wait.awaiter
        return AWAITER_FIRST if told or self.told_after(found) else BETWEEN

    def told_after(self, found: Meeting) -> bool:
        """Whether the record before the READY, of the same worker, is the RECYCLE."""
        steps = self.model.merged.steps
        worker = steps[found.ready].worker
        before = found.ready - 1
        while before > found.park and steps[before].worker != worker:
            before -= 1
        return before == found.recycle


def after(events: list, step: int | None) -> int | None:
    """The first step of these events after `step`; they ascend."""
    if step is None:
        return None
    low, high = 0, len(events)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if events[middle].step <= step else (low, middle)
    return events[low].step if low < len(events) else None


def meetings(model: Model, window: Window, targets: frozenset[int]) -> list[Meeting]:
    """Those whose AWAIT lies in the window; of `targets` alone, unless that is empty. An await
    of a fiber that was awaited before finds nobody to meet."""
    index = Index(model)
    first: dict[int, Await] = {}
    for wait in model.awaits:
        first.setdefault(wait.target, wait)
    return [index.meeting(a) for a in first.values()
            if window.holds(a.step) and (not targets or a.target in targets)]


# ---- the words beside the numbers ----


def names(model: Model, *fibers: int) -> list[str]:
    return [svg.fit(model.fibers[f].label, 130, SIZE) if f in model.fibers else f"fiber {f}"
            for f in fibers]


def told(model: Model, meeting: Meeting) -> dict[int, list[str]]:
    """By step: what happens there."""
    creator, awaiter, target = names(model, meeting.creator, meeting.wait.awaiter,
                                     meeting.wait.target)
    first = meeting.kind == AWAITER_FIRST
    straight = first and meeting.ready < (meeting.leave or 0)
    words: dict[int, list[str]] = defaultdict(list)

    def say(step: int | None, text: str) -> None:
        if step is not None:
            words[step].append(text)

    say(meeting.create, f"{creator} creates {target}. The word is empty.")
    if first:
        say(meeting.wait.step, f"{awaiter} awaits {target}, and the word is empty.")
        say(meeting.park, f"{awaiter} has parked. Its name is written into the word.")
        say(meeting.finish, f"{target}'s function has returned."
            + (f" It finds {awaiter} in the word." if straight else ""))
        say(meeting.ready, f"{awaiter} is told: it is ready.")
        say(meeting.leave, f"{target} leaves its stack for good.")
        say(meeting.resume, f"{awaiter} runs again.")
        say(meeting.recycle, f"Nobody is on {target}'s stack: the word says finished"
            + ("." if straight else f". {awaiter} was in it."))
    else:
        say(meeting.finish, f"{target}'s function has returned. Nobody is in the word.")
        say(meeting.leave, f"{target} leaves its stack for good.")
        say(meeting.recycle, f"Nobody is on {target}'s stack: the word says finished.")
        say(meeting.wait.step, f"{awaiter} awaits {target}. The word says finished, so {awaiter} "
                               "goes on without parking.")
    return words


# ---- one panel ----


@dataclass
class Panel:
    """One await on `root`, at `left`. Columns are steps; between them lie the states."""

    model: Model
    meeting: Meeting
    root: ET.Element
    left: float
    columns: list[int] = field(default_factory=list)

    TOP_STRIP = 40
    AWAITER = TOP_STRIP + STRIP
    WORD = AWAITER + BAR + BETWEEN_LANES
    TARGET = WORD + BAR + BETWEEN_LANES
    STRIP_BELOW = TARGET + BAR
    AXIS = STRIP_BELOW + STRIP + 14
    LIST = AXIS + 26  # with one row of numbers
    NUMBER_LINE = 13

    def __post_init__(self) -> None:
        self.columns = self.choose()

    def choose(self) -> list[int]:
        """The steps that matter, and as many changes of state between them as fit."""
        keys = self.meeting.steps()
        changes = sorted({s.start for fiber in self.fibers() for s in fiber.states
                          if keys[0] < s.start < keys[-1]} - set(keys))
        room = max(0, COLUMNS_MAX - len(keys))
        if len(changes) > room:  # the beginning and the end tell most
            changes = [*changes[:room // 2], *changes[len(changes) - (room + 1) // 2:]]
        return sorted([*keys, *changes])

    def fibers(self) -> list[Fiber]:
        both = (self.meeting.wait.awaiter, self.meeting.wait.target)
        return [self.model.fibers[f] for f in both if f in self.model.fibers]

    @property
    def pitch(self) -> float:
        return min(60.0, (PANEL - GUTTER - LEAD - TRAIL) / max(1, len(self.columns) - 1))

    @property
    def number_rows(self) -> int:
        """How many rows of step numbers it takes to keep them apart."""
        widest = svg.text_width(f"{self.columns[-1]:,}", 9 if self.columns[-1] > 9999 else SMALL)
        return math.ceil(widest / self.pitch)

    @property
    def end(self) -> float:
        return self.x(self.columns[-1]) + TRAIL

    def x(self, step: int) -> float:
        return self.left + GUTTER + LEAD + self.columns.index(step) * self.pitch

    # -- lanes --

    def draw(self) -> float:
        """Returns the height."""
        awaiter, target = names(self.model, self.meeting.wait.awaiter, self.meeting.wait.target)
        text(self.root, self.left, 14, TITLES[self.meeting.kind], 13, svg.INK, weight="bold")
        text(self.root, self.left, 31, f"{awaiter} awaits {target}", SIZE, svg.SOFT)
        for number, step in enumerate(self.columns):
            y = self.AXIS + number % self.number_rows * self.NUMBER_LINE
            line(self.root, self.x(step), self.AWAITER - 4, self.x(step), y - 10, svg.FAINT, 1)
            text(self.root, self.x(step), y + 2, f"{step:,}",
                 9 if self.columns[-1] > 9999 else SMALL, svg.SOFT, "middle")
        text(self.root, self.left, self.AXIS + 2, "step", SMALL, svg.SOFT)
        self.lane(self.meeting.wait.awaiter, awaiter, self.AWAITER)
        self.lane(self.meeting.wait.target, target, self.TARGET)
        self.word(awaiter)
        self.arrows()
        return self.numbers()

    def label(self, top: float, words: str) -> None:
        text(self.root, self.left, top + BAR / 2 + 4, svg.fit(words, GUTTER, SIZE), SIZE,
             svg.INK)

    def lane(self, fiber: int, label: str, top: float) -> None:
        self.label(top, label)
        for start, end, state in self.stays(fiber):
            if state in (FINISHED, RECYCLED):
                if state == FINISHED:
                    box(self.root, start, top + BAR / 2 - 1, end - start, 2, svg.SOFT)
                continue
            if state == "":
                continue
            several = state == "several"
            box(self.root, start, top, end - start, BAR,
                svg.FAINT if several else paints.STATES[state].color)
            self.inside(start, end, top, ("…",) if several else (state, SHORT.get(state, "")),
                        svg.INK if several else svg.ON_COLOR)

    def inside(self, start: float, end: float, top: float, choices: tuple[str, ...],
               color: str) -> None:
        """The first of the choices that fits."""
        for words in choices:
            if words and svg.text_width(words, SMALL) <= end - start - 3:
                text(self.root, (start + end) / 2, top + BAR / 2 + 4, words, SMALL, color,
                     "middle")
                return

    def stays(self, fiber: int) -> list[tuple[float, float, str]]:
        """From, to and state; "several" where steps are left out in which it changes."""
        found = self.model.fibers.get(fiber)
        states = found.states if found else []
        edges = [(self.left + GUTTER, self.columns[0] - 1)]
        edges += [(self.x(step), step) for step in self.columns]
        result: list[tuple[float, float, str]] = []
        for (start, step), (end, following) in zip(edges, [*edges[1:], (self.end, None)]):
            inner = [s for s in states if following is not None and step < s.start < following]
            state = "several" if inner and step >= self.columns[0] else \
                next((s.name for s in reversed(states) if s.start <= step), "")
            if result and result[-1][2] == state:
                result[-1] = (result[-1][0], end, state)
            else:
                result.append((start, end, state))
        return result

    # -- the word --

    def word(self, awaiter: str) -> None:
        """The band of its values, each with a border so that neither theme swallows it."""
        self.label(self.WORD, "the word")
        for start, end, value in self.values():
            color = {"empty": svg.LANE, "finished": svg.FAINT}.get(value, NAME)
            box(self.root, start, self.WORD, end - start, BAR, color, svg.SOFT)
            words = awaiter if value == "awaiter" else value
            self.inside(start, end, self.WORD,
                        (words, svg.fit(words, end - start - 4, SMALL)),
                        svg.ON_COLOR if value == "awaiter" else svg.INK)

    def values(self) -> list[tuple[float, float, str]]:
        meeting = self.meeting
        first = self.left + GUTTER if meeting.create is None else self.x(meeting.create)
        turns = [(first, "empty")]
        if meeting.kind == AWAITER_FIRST:
            turns.append((self.x(meeting.park), "awaiter"))
        turns.append((self.x(meeting.recycle), "finished"))
        ends = [x for x, _ in turns[1:]] + [self.end]
        return [(x, end, value) for (x, value), end in zip(turns, ends)]

    def arrows(self) -> None:
        meeting = self.meeting
        above, below = self.AWAITER + BAR, self.WORD + BAR
        if meeting.create is not None and meeting.creator == meeting.wait.awaiter:
            arrow(self.root, self.x(meeting.create), above, self.WORD)
        arrow(self.root, self.x(meeting.wait.step), self.WORD, above, "3 3")
        if meeting.kind == AWAITER_FIRST:
            arrow(self.root, self.x(meeting.park), above, self.WORD)
            arrow(self.root, self.x(meeting.ready), self.WORD, above)
        if meeting.finish is not None:
            arrow(self.root, self.x(meeting.finish), below, self.TARGET, "3 3")
        arrow(self.root, self.x(meeting.recycle), self.TARGET, below)

    # -- the numbers --

    def numbers(self) -> float:
        """A circle at each step that matters, and a line of text for each below."""
        top = self.LIST + (self.number_rows - 1) * self.NUMBER_LINE
        mine = (self.meeting.finish, self.meeting.leave, self.meeting.recycle)
        several = len(self.model.workers) > 1
        for number, (step, words) in enumerate(sorted(told(self.model, self.meeting).items()), 1):
            circle(self.root, self.x(step), self.STRIP_BELOW + STRIP / 2 + 2 if step in mine
                   else self.TOP_STRIP + STRIP / 2 - 2, number)
            circle(self.root, self.left + RADIUS, top - 4, number)
            where = f" (w{self.model.merged.steps[step].worker})" if several else ""
            for row in svg.wrap(" ".join(words) + where, PANEL - 10, SIZE):
                text(self.root, self.left + 24, top, row, SIZE, svg.INK)
                top += 17
            top += 4
        return top


# ---- shapes ----


def text(root: ET.Element, x: float, y: float, words: str, size: float, color: str,
         anchor: str = "start", weight: str = "normal") -> None:
    svg.element(root, "text", words, x=f"{x:g}", y=f"{y:g}", font_size=size, fill=color,
                text_anchor=anchor, font_weight=weight)


def box(root: ET.Element, x: float, y: float, width: float, height: float, fill: str,
        stroke: str = "none") -> None:
    svg.element(root, "rect", x=f"{x:.2f}", y=f"{y:.2f}", width=f"{width:.2f}",
                height=f"{height:.2f}", fill=fill, stroke=stroke)


def line(root: ET.Element, ax: float, ay: float, bx: float, by: float, color: str,
         width: float, dash: str = "none") -> None:
    svg.element(root, "line", x1=f"{ax:.2f}", y1=f"{ay:.2f}", x2=f"{bx:.2f}", y2=f"{by:.2f}",
                stroke=color, stroke_width=width, stroke_dasharray=dash)


def arrow(root: ET.Element, x: float, start: float, end: float, dash: str = "none") -> None:
    """Upright, with its tip at `end`."""
    up = -1 if end < start else 1
    line(root, x, start, x, end - up * 6, svg.INK, 1.5, dash)
    svg.element(root, "polygon", fill=svg.INK,
                points=f"{x:.2f},{end:.2f} {x - 4:.2f},{end - up * 7:.2f} "
                       f"{x + 4:.2f},{end - up * 7:.2f}")


def circle(root: ET.Element, x: float, y: float, number: int) -> None:
    svg.element(root, "circle", cx=f"{x:.2f}", cy=f"{y:.2f}", r=RADIUS, fill=svg.INK)
    text(root, x, y + 4, str(number), 11, svg.PAPER, "middle", "bold")


# ---- the picture ----


def missing(root: ET.Element, left: float, kind: str) -> float:
    text(root, left, 14, TITLES[kind], 13, svg.INK, weight="bold")
    box(root, left, 28, PANEL, 60, svg.LANE)
    text(root, left + PANEL / 2, 62, "No await of this trace went this way.", SIZE, svg.SOFT,
         "middle")
    return 96


def tally(found: list[Meeting]) -> str:
    kinds = Counter(meeting.kind for meeting in found)
    parts = [f"the awaiter came first in {kinds[AWAITER_FIRST]:,}",
             f"the end in {kinds[END_FIRST]:,}"]
    if kinds[BETWEEN]:
        parts.append(f"and in {kinds[BETWEEN]:,} the end came after the awaiter's look and "
                     "before it had parked")
    if kinds[""]:
        parts.append(f"and of {kinds['']:,} the trace does not tell enough")
    return f"Of {count(len(found), 'await')}, {', '.join(parts)}."


def rendezvous(model: Model, window: Window, targets: frozenset[int] = frozenset()) -> bytes:
    """The first await of each kind."""
    found = meetings(model, window, targets)
    root, height, said = ET.Element(f"{{{svg.SVG}}}svg"), 0.0, []
    for number, kind in enumerate(TITLES):
        left = svg.MARGIN + number * (PANEL + GAP)
        meeting = next((m for m in found if m.kind == kind), None)
        if meeting is None:
            height = max(height, missing(root, left, kind))
            said.append(f"{TITLES[kind]}: no await of this trace went this way.")
            continue
        height = max(height, Panel(model, meeting, root, left).draw())
        said.append(f"{TITLES[kind]}: " + " ".join(
            f"Step {step:,}: {' '.join(words)}" for step, words in
            sorted(told(model, meeting).items())))
    return svg.card(card(model, window, found, said), ET.tostring(root), WIDTH, height + 8)


def card(model: Model, window: Window, found: list[Meeting], said: list[str]) -> svg.Card:
    notes = ["A fiber that awaits another and the other, when it ends, meet in one word of "
             "memory. Each comes once; whoever comes second finds the first. Read from left to "
             "right: steps in their order, those that do not matter left out (…). Solid arrows "
             "write the word or make its fiber ready; dashed ones look at it.",
             *(["w1: on worker 1, and so on."] if len(model.workers) > 1 else []),
             tally(found), *window.note(model), *model.warnings()]
    return svg.Card("rendezvous", "Who comes first to the rendezvous?",
                    " ".join([tally(found), *said, *window.note(model)]), notes)
