"""Fibers, runs, switches and states, from the merged records of a trace.

A run is the stay of one fiber on one worker, from the step at which it arrives to the step at
which it leaves. A fiber's states follow from the events:

    (none) -- CREATE --> new -- READY --> ready -- SWITCH to it --> running
    running -- SWITCH from it --> ready, parked or finished, as its reason says
    parked -- READY --> ready
    finished -- RECYCLE --> recycled

The reason: yield leaves a fiber ready, finish finished, any other parked. A trace of bare
contexts has no READY and no RECYCLE: a SWITCH takes a fiber from new or parked to running, and
finished is its last state. Records that contradict this make no error here: the checker judges
them. Events of an unknown name are skipped, and a field that the schema lacks counts as 0.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Callable, NamedTuple

from .merge import Memberships, Merged, Step, merge
from .reader import IDLE_FIBERS, WIDE_TYPES, Event, Record, Site, Trace
from .waiting import Collector, Waiting

NAME_MAX = 63  # characters
LOSERS_MAX = 4  # workers whose losses a warning places
NEW, RUNNING, READY, PARKED, FINISHED = "new", "running", "ready", "parked", "finished"
RECYCLED = "recycled"
INJECTED = "injected"  # a place, as the schema says it
AFTER = {"yield": READY, "finish": FINISHED}  # any other reason: it waits, PARKED


@dataclass(slots=True)
class State:
    """One stay of a fiber in one state."""

    name: str
    start: int  # steps
    end: int
    start_tick: int
    end_tick: int
    cause: str = ""  # the event that began it, with a switch's reason
    why: str = ""  # what it waits for, while it is parked; see waiting


@dataclass(slots=True)
class Run:
    number: int
    fiber: int
    worker: int
    start: int  # steps
    end: int
    start_tick: int
    end_tick: int
    reason: str = ""  # why it ended; "" where the trace does not say
    site: Site | None = None  # the source line that recorded its end


class Switch(NamedTuple):
    number: int  # from 1
    step: int
    tick: int
    worker: int
    previous: int
    next: int
    reason: str
    stack_used: int  # bytes of the previous fiber's stack
    site: Site | None


class Create(NamedTuple):
    step: int
    child: int
    parent: int
    site: Site | None


class Ready(NamedTuple):
    step: int
    fiber: int
    waker: int  # 0 is nobody
    place: str  # where it waits for a worker
    was: str  # its state before
    site: Site | None


class Await(NamedTuple):
    step: int
    awaiter: int
    target: int
    finished: bool  # what the awaiter found
    site: Site | None


class Recycle(NamedTuple):
    step: int
    fiber: int
    awaiter: int  # who is told by this record; 0 is nobody
    worker: int


class Steal(NamedTuple):
    """A ready fiber changes queues."""

    step: int
    fiber: int
    victim: int  # worker; the taker itself where it takes an injected fiber
    thief: int  # worker
    place: str  # what kind of queue it was taken from
    batch: int  # of the thief: those with one number were taken at once

    @property
    def injected(self) -> bool:
        return self.place == INJECTED


@dataclass(slots=True)
class Sleep:
    """A worker's stay in its sleep."""

    worker: int
    start: int  # steps
    end: int
    start_tick: int
    end_tick: int
    where: str  # asleep, or in the poller


class Wake(NamedTuple):
    """A sleeping worker is told to go on, or one about to sleep."""

    step: int
    by: int  # segment: a worker's, or of a thread that is none
    target: int  # worker
    why: str


class Note(NamedTuple):
    """What a fiber did that needs no picture of its own."""

    step: int
    fiber: int
    words: str  # after the fiber's name


@dataclass(slots=True)
class Fiber:
    id: int
    name: str = ""
    entry: str = ""
    created: int | None = None  # step
    finished: int | None = None  # step
    stack_size: int = 0
    label: str = ""  # what a picture calls it: no other fiber has the same
    states: list[State] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        """Whether it is a worker's own context."""
        return self.id >= IDLE_FIBERS

    @property
    def given_name(self) -> str:
        """As weft-trace says it; two fibers may be called the same."""
        if self.idle:
            return f"idle {self.id - IDLE_FIBERS}"
        return printable(self.name or self.entry) or f"fiber {self.id}"


@dataclass
class Model:
    trace: Trace
    merged: Merged
    fibers: dict[int, Fiber] = field(default_factory=dict)  # by id, in order of appearance
    workers: list[int] = field(default_factory=list)  # those that ran a fiber
    runs: list[Run] = field(default_factory=list)  # by their starts
    switches: list[Switch] = field(default_factory=list)
    creates: list[Create] = field(default_factory=list)
    readies: list[Ready] = field(default_factory=list)
    awaits: list[Await] = field(default_factory=list)
    recycles: list[Recycle] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)  # functions run inline, spans
    steals: list[Steal] = field(default_factory=list)
    sleeps: list[Sleep] = field(default_factory=list)  # by their starts
    wakes: list[Wake] = field(default_factory=list)
    waiting: Waiting = field(default_factory=Waiting)

    lost_from: dict[int, int] = field(default_factory=dict)  # by worker: its last step

    first: int = 0  # the first step and the last that are no bookkeeping of the trace
    last: int = 0

    @property
    def steps(self) -> int:
        return self.last - self.first + 1 if self.merged.steps else 0

    def tick(self, step: int) -> int:
        steps = self.merged.steps
        return steps[step].tick if step < len(steps) else (steps[-1].tick if steps else 0)

    def people(self) -> list[Fiber]:
        """The fibers but for the workers' own contexts."""
        return [f for f in self.fibers.values() if not f.idle]

    def warnings(self) -> list[str]:
        """What a reader of any picture has to know; usually nothing."""
        trace, merged, lines = self.trace, self.merged, []
        if trace.is_window:
            gone = sum(segment.first for segment in trace.segments)
            lines.append(f"The end of a longer run: {count(gone, 'record')} before it were "
                         "written over, as a ring does.")
        if trace.dropped:
            places = ", ".join(f"worker {w}'s after step {step:,}"
                               for w, step in sorted(self.lost_from.items())[:LOSERS_MAX])
            lines.append(f"{count(trace.dropped, 'record')} lost: the picture has gaps"
                         + (f", {places}." if places else "."))
        if not trace.clean:
            lines.append("The trace was never closed: the program ended before it.")
        if merged.forced:
            lines.append(f"{count(merged.forced, 'record')} fit no order: see the check.")
        return lines


def count(number: int, noun: str) -> str:
    plural = "es" if noun.endswith("ch") else "s"
    return f"{number:,} {noun}" + ("" if number == 1 else plural)


def printable_line(text: str) -> str:
    """With \\xNN for what is not part of a visible character."""
    return "".join(c if c.isprintable() else "".join(
        f"\\x{b:02x}" for b in c.encode("utf-8", "surrogateescape")) for c in text)


def printable(text: str) -> str:
    """The same, and of bounded length."""
    shown = printable_line(text)
    return shown if len(shown) <= NAME_MAX else shown[: NAME_MAX - 3] + "..."


def set_labels(fibers: list[Fiber]) -> None:
    uses = Counter(f.given_name for f in fibers)
    for fiber in fibers:
        name = fiber.given_name
        fiber.label = name if uses[name] == 1 else f"{name} {fiber.id}"


class Getters(dict[str, Callable[[Record], int]]):
    """How to take each field of one event from a record; a field that the schema lacks is 0."""

    def __init__(self, event: Event) -> None:
        super().__init__({f.name: getter(f.place, f.type) for f in event.fields})

    def __missing__(self, name: str) -> Callable[[Record], int]:
        return nothing


def getter(place: str, kind: str) -> Callable[[Record], int]:
    if place == "high":
        return high_half
    if place == "low":
        return attrgetter("value") if kind in WIDE_TYPES else low_half
    return attrgetter(place)


def nothing(record: Record) -> int:
    return 0


def high_half(record: Record) -> int:
    return record.value >> 32


def low_half(record: Record) -> int:
    return record.value & 0xFFFFFFFF


NO_HANDLER = (None, None, None)


class Builder:
    """One pass over the steps. `_running` and `_state` hold what is not over yet, `_cause` the
    event of this step. A trace may have millions of steps: what a step costs matters here."""

    def __init__(self, trace: Trace, merged: Merged) -> None:
        self._trace = trace
        self.model = Model(trace, merged)
        self._running: dict[int, Run] = {}  # by worker
        self._state: dict[int, State] = {}  # by fiber
        self._first_step: dict[int, Step] = {}  # by worker
        self._asleep: dict[int, Sleep] = {}  # by worker
        self._cause = ""
        self._reasons: dict[int, tuple[str, str]] = {}
        self._handlers = {
            "SWITCH": self._switch, "CREATE": self._create, "FINISH": self._finish,
            "NAME": self._name, "WORKER_START": self._worker_start,
            "WORKER_STOP": self._worker_stop, "READY": self._ready, "AWAIT": self._await,
            "RECYCLE": self._recycle, "INLINE": self._inline, "SPAN_BEGIN": self._span,
            "SPAN_END": self._span, "STATUS": self._status, "STEAL": self._steal,
            "WORKER_SLEEP": self._sleep, "WORKER_AWAKE": self._awake, "WORKER_WAKE": self._wake,
        }
        self._waiting = Collector(trace, self.model.waiting)
        self._handlers |= self._waiting.handlers
        self._begins = self._first_numbers() if trace.is_window else {}

    def build(self) -> Model:
        known = {number: (self._handlers[event.name], event, Getters(event))
                 for number, event in self._trace.schema.events.items()
                 if event.name in self._handlers}
        first = self._first_step
        for step in self.model.merged.steps:
            if step.worker not in first:
                first[step.worker] = step
            handler, event, get = known.get(step.record.type, NO_HANDLER)
            if handler:
                self._cause = event.name
                handler(step, event, get)
        self._end()
        return self.model

    def _first_numbers(self) -> dict[int, int]:
        """The number of each fiber's first record, in a trace whose beginning is missing."""
        memberships, found = Memberships(self._trace), {}
        for segment in self._trace.segments:
            for record in segment.records:
                for (kind, fiber), number in memberships.of(record):
                    if kind == "fiber":
                        found[fiber] = min(number, found.get(fiber, number))
        return found

    # ---- states and runs ----

    def _fiber(self, number: int) -> Fiber:
        found = self.model.fibers.get(number)
        return found or self.model.fibers.setdefault(number, Fiber(number))

    def _enter(self, fiber: Fiber, state: str, step: Step) -> State:
        number, tick = step.number, step.tick
        before = self._state.get(fiber.id)
        if before:
            before.end, before.end_tick = number, tick
        entered = State(state, number, number, tick, tick, self._cause)
        fiber.states.append(entered)
        self._state[fiber.id] = entered
        return entered

    def _leave_state(self, fiber: Fiber, step: int, tick: int) -> None:
        state = self._state.pop(fiber.id, None)
        if state:
            state.end, state.end_tick = step, tick

    def _start_run(self, number: int, step: Step) -> None:
        run = Run(len(self.model.runs) + 1, number, step.worker, step.number, step.number,
                  step.tick, step.tick)
        self.model.runs.append(run)
        self._running[step.worker] = run
        self._enter(self._fiber(number), RUNNING, step)

    def _end_run(self, step: Step, reason: str, site: Site | None) -> None:
        run = self._running.pop(step.worker, None)
        if run:
            run.end, run.end_tick, run.reason, run.site = step.number, step.tick, reason, site

    def _goes_on(self, number: int, step: Step) -> None:
        """`number` runs here at this step; a trace need not have said so before."""
        run = self._running.get(step.worker)
        if run and run.fiber == number:
            return
        self._end_run(step, "", self._trace.site(step.record))
        self._start_run(number, step if run else self._first_step[step.worker])

    def _bounds(self) -> None:
        """Leaves out what the writer adds at both ends to tie clocks together."""
        model = self.model
        meta = {e.number for e in self._trace.schema.events.values() if e.module == "meta"}
        shown = [s.number for s in model.merged.steps if s.record.type not in meta]
        model.first, model.last = (shown[0], shown[-1]) if shown else (0, 0)

    def _end(self) -> None:
        model = self.model
        self._bounds()
        self._forget_lost()
        model.workers = sorted({run.worker for run in model.runs})
        last, tick = model.last, model.tick(model.last)
        for run in self._running.values():
            run.end, run.end_tick = last, tick
        for sleep in self._asleep.values():
            sleep.end, sleep.end_tick = last, tick
        self._waiting.end(last, tick)
        for fiber in model.fibers.values():
            self._leave_state(fiber, last, tick)
        set_labels(list(model.fibers.values()))

    def _forget_lost(self) -> None:
        """What a worker did after its records began to be lost, nobody knows."""
        model = self.model
        losers = {s.worker for s in self._trace.segments if s.dropped}
        for step in reversed(model.merged.steps) if losers else ():
            if step.worker not in losers:
                continue
            losers.remove(step.worker)
            model.lost_from[step.worker] = step.number
            self._end_sleep(step)
            if run := self._running.pop(step.worker, None):
                run.end, run.end_tick = step.number, step.tick
                state = self._state.get(run.fiber)
                if state and state.name == RUNNING and state.start <= step.number:
                    self._leave_state(model.fibers[run.fiber], step.number, step.tick)

    # ---- one method an event ----

    def _switch(self, step: Step, event: Event, get: Getters) -> None:
        record = step.record
        previous, following = get["previous"](record), get["next"](record)
        reason, cause = self._reason(event, get["reason"](record))
        site = self._trace.site(record)
        self._goes_on(previous, step)
        self._cause = cause
        self._end_run(step, reason, site)
        left = self._enter(self._fiber(previous), AFTER.get(reason, PARKED), step)
        if left.name == PARKED:
            left.why = self._waiting.why(previous)
        self._cause = event.name  # why the other left says nothing of the one that comes
        self._start_run(following, step)
        switches = self.model.switches
        switches.append(Switch(len(switches) + 1, step.number, step.tick, step.worker, previous,
                               following, reason, get["previous_stack_used"](record), site))

    def _reason(self, event: Event, number: int) -> tuple[str, str]:
        """Why a fiber left, and that as the cause of its next state."""
        found = self._reasons.get(number)
        if not found:
            reason = self._trace.schema.choice(event, "reason", number)
            found = self._reasons[number] = reason, f"{event.name}, {reason}"
        return found

    def _create(self, step: Step, event: Event, get: Getters) -> None:
        child = self._fiber(get["child"](step.record))
        child.entry = self._trace.string(get["entry"](step.record))
        child.stack_size = get["stack_size"](step.record)
        child.created = step.number
        self._enter(child, NEW, step)
        self.model.creates.append(Create(step.number, child.id, get["parent"](step.record),
                                         self._trace.site(step.record)))

    def _finish(self, step: Step, event: Event, get: Getters) -> None:
        self._fiber(get["fiber"](step.record)).finished = step.number

    def _name(self, step: Step, event: Event, get: Getters) -> None:
        fiber = self._fiber(get["fiber"](step.record))
        fiber.name = self._trace.string(get["name"](step.record))

    def _worker_start(self, step: Step, event: Event, get: Getters) -> None:
        self._start_run(get["running"](step.record), step)

    def _worker_stop(self, step: Step, event: Event, get: Getters) -> None:
        running = self._fiber(get["running"](step.record))
        self._end_run(step, "stop", self._trace.site(step.record))
        self._end_sleep(step)
        self._leave_state(running, step.number, step.tick)
        if running.finished is not None:
            self._enter(running, FINISHED, step)

    def _ready(self, step: Step, event: Event, get: Getters) -> None:
        fiber = self._fiber(get["fiber"](step.record))
        before = self._state.get(fiber.id)
        place = self._trace.schema.choice(event, "place", get["place"](step.record))
        waker = get["waker"](step.record)
        self.model.readies.append(Ready(step.number, fiber.id, waker, place,
                                        before.name if before else "",
                                        self._trace.site(step.record)))
        self._enter(fiber, READY, step)

    def _await(self, step: Step, event: Event, get: Getters) -> None:
        found = self._trace.schema.choice(event, "found", get["found"](step.record))
        if found == "waits":
            self._waiting.awaits(get["awaiter"](step.record))
        self.model.awaits.append(Await(step.number, get["awaiter"](step.record),
                                       get["target"](step.record), found == "finished",
                                       self._trace.site(step.record)))

    def _recycle(self, step: Step, event: Event, get: Getters) -> None:
        fiber = self._fiber(get["fiber"](step.record))
        self._enter(fiber, RECYCLED, step)
        self.model.recycles.append(Recycle(step.number, fiber.id, get["awaiter"](step.record),
                                           step.worker))

    def _steal(self, step: Step, event: Event, get: Getters) -> None:
        place = self._trace.schema.choice(event, "queue", get["queue"](step.record))
        self.model.steals.append(Steal(step.number, get["fiber"](step.record),
                                       get["victim"](step.record), step.worker, place,
                                       get["batch"](step.record)))

    def _sleep(self, step: Step, event: Event, get: Getters) -> None:
        where = self._trace.schema.choice(event, "where", get["where"](step.record))
        self._end_sleep(step)
        sleep = Sleep(step.worker, step.number, step.number, step.tick, step.tick, where)
        self.model.sleeps.append(sleep)
        self._asleep[step.worker] = sleep

    def _awake(self, step: Step, event: Event, get: Getters) -> None:
        self._end_sleep(step)

    def _end_sleep(self, step: Step) -> None:
        if sleep := self._asleep.pop(step.worker, None):
            sleep.end, sleep.end_tick = step.number, step.tick

    def _wake(self, step: Step, event: Event, get: Getters) -> None:
        why = self._trace.schema.choice(event, "why", get["why"](step.record))
        self.model.wakes.append(Wake(step.number, step.worker, get["target"](step.record), why))

    def _status(self, step: Step, event: Event, get: Getters) -> None:
        """How a fiber stood before the window. Not believed where a record that came after it is
        missing too. Where it ran is not told; the records that it has tell."""
        fiber = self._fiber(get["fiber"](step.record))
        fiber.name = fiber.name or self._trace.string(get["name"](step.record))
        begins = self._begins.get(fiber.id)
        state = self._trace.schema.choice(event, "state", get["state"](step.record))
        known = self._state.get(fiber.id)
        if known and (known.cause != event.name or known.name == state):
            return
        if begins is None or (begins == get["last_sequence"](step.record) + 1
                              and state != RUNNING):
            self._enter(fiber, state, step)

    def _inline(self, step: Step, event: Event, get: Getters) -> None:
        entry = printable(self._trace.string(get["entry"](step.record))) or "a function"
        self._note(step, get["caller"](step.record), f"runs {entry} itself")

    def _span(self, step: Step, event: Event, get: Getters) -> None:
        text = printable(self._trace.string(get["text"](step.record)))
        verb = "begins" if event.name == "SPAN_BEGIN" else "ends"
        self._note(step, get["fiber"](step.record), f"{verb} \N{LEFT DOUBLE QUOTATION MARK}{text}"
                                                 "\N{RIGHT DOUBLE QUOTATION MARK}")

    def _note(self, step: Step, fiber: int, words: str) -> None:
        self._fiber(fiber)  # also one of which the trace says nothing else
        self.model.notes.append(Note(step.number, fiber, words))


def build(trace: Trace) -> Model:
    return Builder(trace, merge(trace)).build()
